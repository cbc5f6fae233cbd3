#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Write the seeds of fuzz-peer.

    make-seeds-peer.py [--check] DIRECTORY

With --check nothing is written; the exit status says whether all seeds are there as made here.
"""
import struct
import sys

sys.dont_write_bytecode = True
import seedfiles  # noqa: E402

STATUS, SPOOL, GET_SPOOL, REFRESH = range(4)
CLIENT, RAW = 4, 8
BODY = 16           # behind the head
STATUS_BODY = 24    # behind head and token


def raw(data, how=0):
    return bytes([how | RAW, len(data)]) + data


def changed(kind, *patches, how=0):
    body = bytes([kind]) + b"".join(struct.pack("<HB", at, value) for at, value in patches)
    return bytes([how, len(body)]) + body


def head(kind, size, magic=0x5265506c, version=1):
    return struct.pack("<IIII", magic, version, kind, size)


def seeds():
    yield "nothing", b""
    yield "empty-packet", raw(b"")
    yield "get-spool", changed(GET_SPOOL)
    yield "get-spool-many", changed(GET_SPOOL) * 20
    yield "refresh", changed(REFRESH, (BODY, 0xff), (BODY + 2, 0xff), (BODY + 8, 7))
    yield "refresh-bit-24", changed(REFRESH, (BODY + 3, 1))
    yield "refresh-bit-32", changed(REFRESH, (BODY + 4, 1))
    for name, kind in (("get-spool", GET_SPOOL), ("refresh", REFRESH)):
        for n in (1, 2, 3):
            yield f"{name}-fds-{n}", changed(kind, how=n)
    for kind in range(4):
        yield f"kind-{kind}-to-client", changed(kind, how=CLIENT)
        yield f"kind-{kind}-to-extender", changed(kind)
        for at, what in ((0, "magic"), (4, "version"), (8, "kind"), (12, "size")):
            yield f"kind-{kind}-{what}", changed(kind, (at, 0xee)) + changed(kind, (at, 0xee), how=CLIENT)
    for n in range(4):
        yield f"spool-fds-{n}", changed(SPOOL, (BODY, 1), (BODY + 8, 2), (BODY + 16, 9), how=CLIENT | n)
        yield f"status-fds-{n}", changed(STATUS, how=CLIENT | n)
    yield "spool-records-many", changed(SPOOL, (BODY, 1), (BODY + 8, 9), how=CLIENT | 2)
    yield "spool-bytes-many", changed(SPOOL, (BODY, 1), (BODY + 23, 0x7f), how=CLIENT | 2)
    yield "spool-flag-2", changed(SPOOL, (BODY, 2), how=CLIENT | 2)
    yield "status-boot-id", changed(STATUS, (STATUS_BODY, 0), how=CLIENT)
    yield "status-boot-id-end", changed(STATUS, (STATUS_BODY + 32, 0x41), how=CLIENT)
    for i in range(11):
        yield f"status-word-{i:02}", changed(STATUS, (STATUS_BODY + 548 + 4 * i, 0xff), how=CLIENT)
    for size in (15, 16, 17):
        yield f"raw-head-{size}", raw((head(GET_SPOOL, size) + b"\0")[:size])
    yield "raw-refresh", raw(head(REFRESH, 32) + struct.pack("<QQ", 1 << 10, 1))
    yield "raw-other-order", raw(head(GET_SPOOL, 16)[::-1])
    yield "after-the-end", raw(b"x") + changed(GET_SPOOL) + changed(REFRESH)


def failing():
    """With the byte that says which call fails."""
    for name, data in seeds():
        yield name, b"\0" + data
    all_kinds = changed(GET_SPOOL) + changed(REFRESH) + changed(SPOOL, (BODY, 1), (BODY + 8, 2), (BODY + 16, 9), how=CLIENT | 2)
    for n in range(1, 13):
        yield f"fails-{n:02}", bytes([n]) + all_kinds


seedfiles.run(__doc__, failing())
