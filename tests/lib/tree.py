# SPDX-License-Identifier: BSD-2-Clause
"""Machines of tests/data/machines as trees of files, for --root."""
import os
import pathlib

from harness import ROOT

MACHINES = pathlib.Path(ROOT, "tests", "data", "machines")


def entries(name):
    for line in (MACHINES / f"{name}.txt").read_text(encoding="utf-8").splitlines():
        kind, path, *rest = line.split(" ", 2)
        yield kind, path, rest[0] if rest else ""


def build(name, root):
    """Make the tree of a machine below a directory."""
    root = pathlib.Path(root)
    lines = list(entries(name))
    files = {path for kind, path, _ in lines if kind in "FEN"}

    def at(path):
        p = root / path.lstrip("/")
        p.parent.mkdir(parents=True, exist_ok=True)
        return p

    # Links first, the short ones before those that lead through them.
    for kind, path, value in sorted(lines, key=lambda e: e[1].count("/")):
        if kind != "L" or at(path).is_symlink():
            continue
        at(path).symlink_to(value)
        if os.path.normpath(os.path.join(os.path.dirname(path), value)) not in files:
            pathlib.Path(os.path.realpath(at(path))).mkdir(parents=True, exist_ok=True)
    for kind, path, value in lines:
        if kind == "D":
            at(path).mkdir(exist_ok=True)
        elif kind == "F":
            at(path).write_text(value.replace("\\n", "\n") + "\n" if value else "", encoding="utf-8")
        elif kind == "E":
            at(path).write_bytes(bytes.fromhex(value))
        elif kind == "N":
            at(path).write_bytes(b"")
        elif kind != "L":
            raise ValueError(f"{name}: unknown line: {kind} {path}")
