#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Write the seeds of fuzz-tpm.

    make-seeds-tpm.py [--check] DIRECTORY

See fuzz-tpm.c for what they are made of. With --check nothing is written; the exit status says
whether all are there as made here. Other files (inputs that once broke something) are left alone.
"""
import struct
import sys

sys.dont_write_bytecode = True
import seedfiles  # noqa: E402

BANKS, CLOCK, PROBE, READ, EXTEND, FLUSH = range(6)
FRESH = 0x80
SHA256, TWO = 2, 3
RIGHT, PATIENCE = b"\0", b"\6"
CODES = {"exclusive": 0x121, "retry": 0x922, "yielded": 0x908, "session": 0x9a2, "handle": 0x18b, "nv-rate": 0x920,
         "initialize": 0x100, "failure": 0x101, "lockout": 0x921, "context": 0x901, "io": 0x000a000a, "again": 0x000a0009}


def changed(*patches):
    return bytes([1, len(patches)]) + b"".join(struct.pack("<HB", at, value) for at, value in patches)


def raw(data):
    return bytes([2, len(data)]) + data


def code(how, value):
    return bytes([how]) + struct.pack(">I", value)


def ask(kind, *answers, pcr=10, banks=SHA256):
    return bytes([kind, pcr, banks]) + b"".join(answers)


OPEN = ask(READ | FRESH, RIGHT, RIGHT)  # StartAuthSession, PCR_Read
ALL = ask(BANKS, RIGHT) + ask(CLOCK, RIGHT) + ask(PROBE, *[RIGHT] * 5) + OPEN + ask(EXTEND, RIGHT) + ask(READ, RIGHT)


def seeds():
    yield "empty", b""
    yield "all", b"\0" + ALL + ask(FLUSH, RIGHT)
    yield "two-banks", b"\0" + ask(READ | FRESH, RIGHT, RIGHT, banks=TWO) + ask(EXTEND, RIGHT, banks=TWO)
    yield "patience", b"\0" + ask(READ | FRESH, PATIENCE, PATIENCE) + ask(EXTEND, PATIENCE)
    for n in range(1, 16):
        yield f"fails-{n:02}", bytes([n]) + ALL
    for name, value in CODES.items():
        for how in (3, 4, 5):
            yield f"extend-{name}-{how}", b"\0" + OPEN + ask(EXTEND, code(how, value)) + OPEN
            yield f"start-{name}-{how}", b"\0" + ask(READ | FRESH, code(how, value))
            yield f"read-{name}-{how}", b"\0" + ask(READ | FRESH, RIGHT, code(how, value))
    # The answer to an extend: head 10, size 4, nonce 2 + 16, attributes, HMAC 2 + 32.
    for at in (0, 1, 5, 9, 13, 15, 16, 32, 34, 35, 66):
        yield f"extend-changed-{at:02}", b"\0" + OPEN + ask(EXTEND, changed((at, 0x77))) + OPEN
    for at in (17, 22, 24, 31, 40, 60, 80):
        yield f"read-changed-{at:02}", b"\0" + ask(READ | FRESH, RIGHT, changed((at, 0xff)))
    for at in (10, 14, 15, 20):
        yield f"start-changed-{at}", b"\0" + ask(READ | FRESH, changed((at, 0xff)), RIGHT) + ask(EXTEND, RIGHT)
    for at in (10, 14, 18, 20, 21):
        yield f"banks-changed-{at}", b"\0" + ask(BANKS, changed((at, 0xff)))
    for n in (0, 6, 9, 10, 14, 30, 66):
        yield f"extend-cut-{n:02}", b"\0" + OPEN + ask(EXTEND, bytes([7, n])) + OPEN
    yield "extend-nothing", b"\0" + OPEN + ask(EXTEND, raw(b""))
    yield "extend-bare-success", b"\0" + OPEN + ask(EXTEND, raw(struct.pack(">HII", 0x8001, 10, 0)))
    yield "extend-bare-success-session", b"\0" + OPEN + ask(EXTEND, raw(struct.pack(">HII", 0x8002, 10, 0)))
    yield "extend-empty-hmac", b"\0" + OPEN + ask(
        EXTEND, raw(struct.pack(">HIII", 0x8002, 19, 0, 0) + struct.pack(">HBH", 0, 0x81, 0)))
    yield "probe-never-refused", b"\0" + ask(PROBE, RIGHT, RIGHT, RIGHT, RIGHT, raw(struct.pack(">HII", 0x8001, 10, 0)))


seedfiles.run(__doc__, seeds())
