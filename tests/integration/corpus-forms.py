#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""corpus-forms.py [--shared]: every form of a list is read, and gives the same values.

NAME.bin and NAME.ALG.bin of one capture, and big-endian lists made from the per-algorithm ones.
With --shared, of the shared logs, which no clone has: NAME.ascii of one capture, and lists that
other projects published as text.
"""
import glob
import hashlib
import json
import os
import struct
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import replay  # noqa: E402
from harness import (DATA, SHARED, captured, check, check_exit, finish, load, program, run,  # noqa: E402
                     skip, views, write)

VIEWS = 78              # per-algorithm lists in tests/data
TEXTS = 60              # captured lists as text in the shared logs
PUBLISHED = 12          # lists as text from elsewhere


def replayed(ctl, path, name, want=0):
    result = run(ctl, "replay", f"--list={path}", "-j")
    if not check_exit(result, want, name):
        return None
    return json.loads(result[1]) if result[1] else {}


def agree(got, want, name):
    if got is None:
        return
    check(got["complete"] is True, f"{name}: complete is {got['complete']}")
    for key in ("records", "violations", "pcrs"):
        check(got[key] == want[key], f"{name}: {key}: {got[key]}, expected {want[key]}")


def big_endian(x):
    """The list as a big-endian kernel would have written it; digests follow the bytes."""
    alg, out = x.facts["log_alg"], b""
    for rec in x.records:
        name = rec.template.encode("latin-1")
        if rec.template == "ima":
            n = len(rec.hashed) - replay.NAME_MAX_HASHED
            data, hashed = rec.data[:n] + struct.pack(">I", len(rec.data) - n - 4) + rec.data[n + 4:], rec.hashed
        else:
            hashed = b"".join(struct.pack(">I", len(f)) + f for f in replay.fields(rec))
            data = struct.pack(">I", len(hashed)) + hashed
        digest = rec.digest if replay.violation(rec) else hashlib.new(alg, hashed).digest()
        out += struct.pack(">I", rec.pcr) + digest + struct.pack(">I", len(name)) + name + data
    return out


def test_views(ctl, top):
    n = 0
    for x in views():
        n += 1
        whole = {"records": x.facts["records"], "violations": x.facts["violations"], "pcrs": x.facts["replay"]}
        agree(replayed(ctl, x.path, x.name), whole, x.name)
        raw = big_endian(x)
        path = write(f"{top}/big", raw)
        summary = replay.summary(list(replay.parse(raw, ">", x.digest_size)))
        agree(replayed(ctl, path, f"{x.name}, big-endian"), dict(summary, pcrs=summary["replay"]),
              f"{x.name}, big-endian")
        # One bit of record 0 is wrong: it is still this form, and the record is named.
        bad = bytearray(x.raw)
        bad[x.records[0].end - 1] ^= 1
        path = write(f"{top}/bad", bytes(bad))
        result = run(ctl, "replay", f"--list={path}", "-j")
        check_exit(result, 4, f"{x.name}, record 0 altered")
        check("record 0 does not have the digest" in result[2], f"{x.name}: {result[2]}")
        # A list that is cut is never whole.
        path = write(f"{top}/cut", x.raw[:-1])
        check_exit(run(ctl, "replay", f"--list={path}"), 1, f"{x.name}, cut")
    check(n >= VIEWS, f"only {n} per-algorithm lists")


def alter(raw):
    """The last digit of the first digest that is not zeros."""
    at = 0
    while True:
        start = raw.index(b" ", at + 1) + 1
        end = raw.index(b" ", start)
        if raw[start:end].strip(b"0"):
            return raw[:end - 1] + (b"0" if raw[end - 1:end] != b"0" else b"1") + raw[end:]
        at = raw.index(b"\n", at) + 1


def test_texts(ctl, top):
    n = 0
    for x in captured(f"{SHARED}/logs/captured"):
        path = f"{SHARED}/logs/captured/{x.name}.ascii"
        if not os.path.exists(path):
            continue
        n += 1
        whole = {"records": x.facts["records"], "violations": x.facts["violations"], "pcrs": x.facts["replay"]}
        agree(replayed(ctl, path, f"{x.name}.ascii"), whole, f"{x.name}.ascii")
        with open(path, "rb") as f:
            raw = f.read()
        check_exit(run(ctl, "replay", "--list=" + write(f"{top}/cut", raw[:-1])), 1, f"{x.name}.ascii, cut")
        result = run(ctl, "replay", "--list=" + write(f"{top}/bad", alter(raw)))
        check_exit(result, 1, f"{x.name}.ascii, altered")
        check("not certain: record " in result[2], f"{x.name}.ascii, altered: {result[2]}")
    check(n >= TEXTS, f"only {n} captured lists as text")


def test_published(ctl):
    n = 0
    for row in load(f"{SHARED}/logs/published/MANIFEST.json"):
        if row["format"] == "bin" and row["log_alg"] == "sha1":
            continue            # corpus-replay has them
        n += row["format"] == "ascii"
        whole = {"records": row["entries"], "violations": row["violations"], "pcrs": row["replay"]}
        agree(replayed(ctl, f"{SHARED}/logs/published/{row['file']}", row["file"]), whole, row["file"])
    check(n >= PUBLISHED, f"only {n} published lists as text")


def main():
    ctl = program("IMA_REPLAYCTL")
    with tempfile.TemporaryDirectory() as top:
        if "--shared" not in sys.argv[1:]:
            test_views(ctl, top)
        elif SHARED:
            test_texts(ctl, top)
            test_published(ctl)
        else:
            skip("lists as text: no shared logs")
    finish()


if __name__ == "__main__":
    main()
