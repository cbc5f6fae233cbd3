# SPDX-License-Identifier: BSD-2-Clause
"""What scripts that make seeds share: write them to a directory, or (--check) compare what is there."""
import pathlib
import sys


def run(usage, seeds):
    """seeds: (name, bytes) of each. Does not return."""
    check = "--check" in sys.argv[1:]
    paths = [arg for arg in sys.argv[1:] if not arg.startswith("-")]
    if len(paths) != 1:
        sys.exit(usage)
    directory, stale = pathlib.Path(paths[0]), 0
    for name, data in seeds:
        path = directory / name
        if not check:
            path.write_bytes(data)
        elif not path.exists() or path.read_bytes() != data:
            print(f"{path}: not as made here")
            stale += 1
    sys.exit(1 if stale else 0)
