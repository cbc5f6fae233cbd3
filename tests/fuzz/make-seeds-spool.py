#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Write the seeds of fuzz-spool.

    make-seeds-spool.py [--check] DIRECTORY

See fuzz-spool.c for what they are made of. With --check nothing is written; the exit status says
whether all are there as made here. Other files (inputs that once broke something) are left alone.
"""
import struct
import sys

sys.dont_write_bytecode = True
import seedfiles  # noqa: E402


def record(i):
    digest = bytes(20) if i == 2 else b"\x11" * 20
    data = bytes([ord("a") + i]) * (4 + i)
    return struct.pack("<I", 10) + digest + struct.pack("<I", 3) + b"n-x" + struct.pack("<I", len(data)) + data


RECORDS = [record(i) for i in range(4)]
OFFSETS = [sum(len(r) for r in RECORDS[:i]) for i in range(5)]
LIST = b"".join(RECORDS)


def rows(offsets, seen=5, extended=6):
    return b"".join(struct.pack("<QQQ", o, seen, extended) for o in offsets)


def spool(data, index, limit=0, fail=0):
    return bytes([fail, limit]) + struct.pack("<H", len(data)) + data + index


def seeds():
    yield "nothing", b""
    yield "empty", spool(b"", b"")
    for n in range(1, 5):
        yield f"held-{n}", spool(b"".join(RECORDS[:n]), rows(OFFSETS[:n]))
    for limit in (1, 2, 5, 10, 15):
        yield f"limit-{limit:02}", spool(LIST, rows(OFFSETS[:4]), limit)
        yield f"limit-new-{limit:02}", spool(b"", b"", limit)
    for cut in (1, 24, 30, 40, OFFSETS[1], OFFSETS[2] + 1, OFFSETS[4] - 1):
        yield f"list-cut-{cut:03}", spool(LIST[:cut], rows(OFFSETS[:4]))
    for cut in (1, 8, 23, 25, 48, 71, 95):
        yield f"index-cut-{cut:02}", spool(LIST, rows(OFFSETS[:4])[:cut])
    yield "list-more", spool(LIST + LIST, rows(OFFSETS[:4]))
    yield "index-more", spool(LIST, rows(OFFSETS))
    yield "index-only", spool(b"", rows(OFFSETS[:4]))
    yield "list-only", spool(LIST, b"")
    yield "rows-not-at-0", spool(LIST, rows([1, *OFFSETS[1:4]]))
    yield "rows-back", spool(LIST, rows([0, OFFSETS[2], OFFSETS[1]]))
    yield "rows-alike", spool(LIST, rows([0, OFFSETS[1], OFFSETS[1], OFFSETS[2]]))
    yield "rows-far", spool(LIST, rows([0, OFFSETS[1], 1 << 63, (1 << 64) - 1]))
    yield "rows-missing-one", spool(LIST, rows([0, OFFSETS[2], OFFSETS[3]]))
    yield "rows-inside-a-record", spool(LIST, rows([0, 7, OFFSETS[1], OFFSETS[2]]))
    for i in range(4):
        at = OFFSETS[i] + 10
        yield f"altered-{i}", spool(LIST[:at] + b"\x99" + LIST[at + 1:], rows(OFFSETS[:4]))
    yield "other-list", spool(b"".join(reversed(RECORDS)), rows([0, 42, 83, 123]))
    yield "length-4gib", spool(LIST[:31] + b"\xff" * 4 + LIST[35:], rows(OFFSETS[:4]))
    for n in range(1, 33):
        yield f"fails-{n:02}", spool(LIST, rows(OFFSETS[:4]), fail=n)
        yield f"fails-new-{n:02}", spool(b"", b"", fail=n)
    yield "alike", spool(RECORDS[2] * 4, rows([i * len(RECORDS[2]) for i in range(4)]))


seedfiles.run(__doc__, seeds())
