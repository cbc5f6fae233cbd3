#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Malformed lists: each one is refused, with one line that says what is wrong and where.

Exit status 1; 4 where only a digest is wrong. None reads as complete, and what stands before the
fault is counted. The lists are made here from a captured one, byte by byte; record, offset and
phrase of each row come from how it was made.
"""
import json
import os
import re
import struct
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import replay  # noqa: E402
from harness import DATA, check, finish, program, run  # noqa: E402

SEED = os.path.join(DATA, "k7.3-bypass-templates.bin")
IMA = os.path.join(DATA, "k6.1-tpm-ima-sha1.bin")


def u32(n, order="<"):
    return struct.pack(order + "I", n & 0xffffffff)


def records_of(path):
    with open(path, "rb") as f:
        data = f.read()
    return data, list(replay.parse(data))


def put(data, at, new):
    return data[:at] + new + data[at + len(new):]


def name_at(rec):
    """Offset of the template name's length."""
    return rec.start + 24


def data_at(rec):
    """Offset of the template data's length."""
    return name_at(rec) + 4 + len(rec.template)


def malformed(data, recs):
    """Rows: name, bytes, record, offset of what is wrong, phrase."""
    r = next(i for i, x in enumerate(recs) if i > 3 and x.template == "ima-sig")
    x = recs[r]
    for pcr in (64, 65, 255, 256, 0x0a000000, 0x7fffffff, 0xffffffff):
        yield f"PCR {pcr:#x}", put(data, x.start, u32(pcr)), r, x.start, "a PCR from 0 to 63"
    yield "empty template name", put(data, name_at(x), u32(0)), r, name_at(x), "no name"
    for n in (256, 257, 4096, 0x10000, 0x07000000, 0x80000000, 0xffffffff):
        yield (f"template name of {n:#x} bytes", put(data, name_at(x), u32(n)), r, name_at(x),
               "at most 255 bytes")
    for n in ((2 << 20) + 1, 16 << 20, 0x7fffffff, 0x80000000, 0xffffffff):
        yield (f"template data of {n:#x} bytes", put(data, data_at(x), u32(n)), r, data_at(x),
               "at most 2 MiB")
    swapped = u32(10, ">") + data[x.start + 4:x.start + 24] + u32(len(x.template), ">")
    yield ("one record in the other byte order", put(data, x.start, swapped), r, x.start,
           "a PCR from 0 to 63")
    grown = put(data, data_at(x), u32(len(x.data) + 1))
    yield "data length one too many", grown, r + 1, None, "does not have the digest"
    shrunk = put(data, data_at(x), u32(len(x.data) - 1))
    yield "data length one too few", shrunk, r + 1, None, "does not have the digest"
    yield "no list at all: text", b"this is not a measurement list, not at all\n" * 4, 0, 0, "PCR|byte order"
    yield "no list at all: zeros", bytes(400), 0, 0, "PCR|byte order|name"
    yield "no list at all: ones", b"\xff" * 400, 0, 0, "PCR|byte order"
    yield ("rubbish between two records", data[:x.start] + b"\xff\xfe\xfd\xfc" * 9 + data[x.start:],
           r, x.start, "a PCR from 0 to 63")
    yield "rubbish at the end", data + b"\xff" * 40, len(recs), len(data), "a PCR from 0 to 63"


def malformed_ima(data, recs):
    x = recs[2]
    at = name_at(x) + 4 + len("ima") + 20
    for n in (256, 0x1000, 0xffffffff):
        yield f"'ima' name of {n:#x} bytes", put(data, at, u32(n)), 2, at, "255 bytes"


def cut(data, recs):
    """Rows: name, bytes, record, offset of the record."""
    x = recs[-1]
    for what, at in (("PCR", x.start + 2), ("digest", x.start + 11), ("name length", name_at(x) + 1),
                     ("name", name_at(x) + 6), ("data length", data_at(x) + 2),
                     ("data", data_at(x) + 9), ("last byte", len(data) - 1)):
        yield f"cut inside the {what}", data[:at], len(recs) - 1, x.start
    first = recs[0]
    yield "cut inside record 0", data[:first.end - 3], 0, 0
    yield "the first byte alone", data[:1], 0, 0


def wrong_digest(data, recs):
    x = recs[7]
    yield "template digest altered", put(data, x.start + 5, bytes([data[x.start + 5] ^ 1])), 7
    yield "template data altered", put(data, data_at(x) + 12, bytes([data[data_at(x) + 12] ^ 1])), 7
    last = recs[-1]
    yield "last byte altered", data[:-1] + bytes([data[-1] ^ 0x80]), len(recs) - 1
    assert last.end == len(data)


def replayed(ctl, tmp, name, data):
    """Exit status, the one line on stderr, whether it reads as complete, how many records."""
    path = os.path.join(tmp, "list")
    with open(path, "wb") as f:
        f.write(data)
    rc, out, err = run(ctl, "replay", f"--list={path}", "-j")
    lines = err.splitlines()
    # A record that has the wrong length has the wrong digest first.
    check(len(lines) == 1 or "does not have the digest" in lines[0], f"{name}: one line, not {lines}")
    said = json.loads(out) if out.strip() else {"complete": False, "records": 0}
    return rc, lines[0] if lines else "", said["complete"], said["records"]


def check_row(ctl, tmp, name, data, record, offset, phrase):
    rc, line, complete, n = replayed(ctl, tmp, name, data)
    check(rc == 1, f"{name}: exit {rc}, expected 1")
    check(not complete, f"{name}: reads as complete")
    check(n <= record, f"{name}: {n} records were given, the fault is in record {record}")
    if offset is not None:
        check(f"record {record}" in line, f"{name}: does not name record {record}: {line}")
        check(f"offset {offset}" in line, f"{name}: does not name offset {offset}: {line}")
    check(re.search(phrase, line), f"{name}: does not say '{phrase}': {line}")


def main():
    ctl = program("IMA_REPLAYCTL")
    n = 0
    with tempfile.TemporaryDirectory() as tmp:
        data, recs = records_of(SEED)
        ima_data, ima_recs = records_of(IMA)
        for row in [*malformed(data, recs), *malformed_ima(ima_data, ima_recs)]:
            check_row(ctl, tmp, *row)
            n += 1
        for name, some, record, offset in cut(data, recs):
            check_row(ctl, tmp, name, some, record, offset, "cut: .*only a part")
            n += 1
        for name, some, record in wrong_digest(data, recs):
            rc, line, complete, _ = replayed(ctl, tmp, name, some)
            check(rc == 4, f"{name}: exit {rc}, expected 4")
            check(f"record {record} does not have the digest" in line, f"{name}: {line}")
            n += 1
        rc, line, complete, _ = replayed(ctl, tmp, "empty", b"")
        check(rc == 1 and "empty" in line and not complete, f"empty: exit {rc}, {line}")
        n += 1
    check(n >= 40, f"only {n} lists")
    print(f"{n} malformed lists")
    finish()


if __name__ == "__main__":
    main()
