#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""corpus-replay.py [--views]: `ima-replayctl replay` gives the known values of every real list.

Each result must agree with what was written down when the list was taken and
with tests/lib/replay.py, which reads the same bytes with code of its own.
With --views the per-algorithm lists are replayed instead.
"""
import hashlib
import json
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import replay  # noqa: E402
from harness import check, check_exit, finish, lists, program, run, views  # noqa: E402

OURS = 75               # captured lists in tests/data
VIEWS = 78              # their per-algorithm lists


def broken(x):
    """Records whose own digest is not the hash of their template data."""
    alg = x.facts.get("log_alg", "sha1")
    return [i for i, r in enumerate(x.records)
            if not replay.violation(r) and hashlib.new(alg, r.hashed).digest() != r.digest]


def written_down(x):
    return {"records": x.facts.get("records", x.facts.get("entries")),
            "violations": x.facts["violations"], "pcrs": x.facts["replay"]}


def computed(x):
    s = replay.summary(x.records)
    return {"records": s["records"], "violations": s["violations"], "pcrs": s["replay"]}


def main():
    ctl = program("IMA_REPLAYCTL")
    with_views = "--views" in sys.argv[1:]
    corpus = list(views()) if with_views else lists()
    check(len(corpus) >= (VIEWS if with_views else OURS), f"only {len(corpus)} lists found")
    for x in corpus:
        if "sha256" in x.facts:
            check(hashlib.sha256(x.raw).hexdigest() == x.facts["sha256"], f"{x.name}: not the bytes of the manifest")
        result = run(ctl, "replay", f"--list={x.path}", "-j")
        if not check_exit(result, 4 if broken(x) else 0, x.name):
            continue
        try:
            got = json.loads(result[1])
        except ValueError:
            check(False, f"{x.name}: not JSON: {result[1][:200]!r}")
            continue
        check(got.get("complete") is True, f"{x.name}: complete is {got.get('complete')}")
        for source, want in (("manifest", written_down(x)), ("replay.py", computed(x))):
            for key, value in want.items():
                check(got.get(key) == value, f"{x.name}: {key} is not that of {source}: {got.get(key)} {value}")
    finish()


if __name__ == "__main__":
    main()
