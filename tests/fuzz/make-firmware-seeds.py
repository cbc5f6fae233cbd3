#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Write the seeds of fuzz-firmware.

    make-firmware-seeds.py [--check] DIRECTORY

With --check nothing is written; the exit status says whether all seeds are there as made here.
"""
import os
import pathlib
import struct
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import firmware as fw  # noqa: E402

TWO = ["sha1", "sha256"]


def seeds():
    agile, old = fw.log(fw.sample(10), TWO, b"v"), fw.log(fw.sample(10))
    head = fw.legacy(0, fw.NO_ACTION, fw.spec(TWO))
    yield "empty", b""
    yield "agile", agile
    yield "agile-four", fw.log(fw.sample(), ["sha1", "sha256", "sha384", "sha512"])
    yield "agile-unknown", fw.log(fw.sample(), ["unknown", "sha256"])
    yield "agile-head-only", head
    yield "sha1-only", old
    yield "spec-00", fw.log([(0, fw.NO_ACTION, fw.spec(TWO, b"Spec ID Event00\0"))] + fw.sample())
    for cut in (1, 8, 28, 31, 32, 50, 60, 80, len(agile) - 1):
        yield f"cut-{cut:03}", agile[:cut]
    yield "sha1-cut", old[:-1]
    yield "zeros-behind", agile + bytes(64)
    yield "ones-behind", agile + b"\xff" * 64
    yield "size-4gib", old[:28] + b"\xff" * 4 + old[32:]
    yield "agile-size-4gib", agile[:-11] + b"\xff" * 4 + agile[-7:]
    yield "alg-twice", fw.legacy(0, fw.NO_ACTION, fw.spec(["sha1", "sha1"]))
    yield "alg-size", fw.legacy(0, fw.NO_ACTION, fw.spec(TWO, sizes={"sha256": 20}))
    yield "algs-none", fw.legacy(0, fw.NO_ACTION, fw.spec([]))
    yield "algs-4gib", head.replace(struct.pack("<IHH", 2, 4, 20), struct.pack("<IHH", 0xffffffff, 4, 20))
    yield "vendor-long", fw.legacy(0, fw.NO_ACTION, fw.spec(TWO)[:-1] + b"\xff")
    yield "digest-missing", head + fw.agile(10, fw.ACTION, b"x", ["sha1"])
    yield "digest-twice", head + fw.agile(10, fw.ACTION, b"x", ["sha1", "sha1"])
    yield "digest-unknown", head + fw.agile(10, fw.ACTION, b"x", ["sha1", "sha512"])
    yield "digests-more", head + fw.agile(10, fw.ACTION, b"x", ["sha1", "sha256", "sha384"])
    yield "pcr-24", head + fw.agile(24, fw.ACTION, b"x", TWO)
    yield "pcr-any-no-action", head + fw.agile(0xffffffff, fw.NO_ACTION, b"x", TWO)
    yield "no-action-without-digests", head + fw.agile(0, fw.NO_ACTION, b"x", [])
    for n in (0, 1, 3, 4, 5):
        yield f"locality-{n}", fw.log([(0, fw.NO_ACTION, b"StartupLocality\0" + bytes([n])), (0, fw.ACTION, b"x")], TWO)
    yield "locality-late", fw.log([(0, fw.ACTION, b"x"), (0, fw.NO_ACTION, b"StartupLocality\0\3")], TWO)
    yield "locality-short", fw.log([(0, fw.NO_ACTION, b"StartupLocality\0")], TWO)


def main():
    check = "--check" in sys.argv[1:]
    paths = [arg for arg in sys.argv[1:] if not arg.startswith("-")]
    if len(paths) != 1:
        sys.exit(__doc__)
    directory, wrong, n = pathlib.Path(paths[0]), 0, 0
    for name, data in seeds():
        n += 1
        path = directory / name
        if not check:
            path.write_bytes(data)
        elif not path.is_file() or path.read_bytes() != data:
            print(f"{path}: is not what make-firmware-seeds.py makes")
            wrong += 1
    print(f"{n} seeds")
    sys.exit(1 if wrong else 0)


main()
