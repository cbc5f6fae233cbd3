#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""example.py VERIFY-LIST LISTS: the example judges every captured list by the values of its TPM.

What must come out stands beside each list in its NAME.json, written when it was taken: how the value
of each bank was found to follow from the list.
"""
import glob
import json
import os
import subprocess
import sys

STATUS = {"whole": 0, "prefix": 3, "empty": 4, "misfit": 4}


def expected(facts):
    """The verdict, from what the manifest says of each bank of PCR 10."""
    found = {bank["10"] for bank in facts["match"].values()}
    if not any(int(pcrs["10"], 16) for pcrs in facts["tpm_pcrs"].values()):
        return "empty"
    return {"hash": "whole", "hash-prefix": "prefix"}.get(found.pop() if len(found) == 1 else None, "misfit")


def run(*argv):
    p = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    return p.returncode, p.stdout.strip(), p.stderr.strip()


def values(facts):
    return [f"10:{bank}:{pcrs['10']}" for bank, pcrs in facts["tpm_pcrs"].items()]


def flip(arg):
    return arg[:-1] + ("0" if arg[-1] != "0" else "1")


def cases(program, lists):
    """(what, exit status and output that must be, those that are) of each run."""
    for path in sorted(glob.glob(f"{lists}/*.json")):
        with open(path, encoding="utf-8") as f:
            facts = json.load(f)
        if not facts.get("match"):
            continue
        binary, n, verdict = path[:-len("json")] + "bin", facts["pcr_counts"]["10"], expected(facts)
        status, out, err = run(program, binary, *values(facts))
        holds = n if verdict == "whole" else int(out.split()[1].split("/")[0]) if verdict == "prefix" else 0
        yield binary, (STATUS[verdict], f"{verdict} {holds}/{n}", ""), (status, out, err)
        if verdict == "prefix":
            yield f"{binary}: a real prefix", True, 0 < holds < n

    path = os.path.join(lists, "k7.3-tpm-tcb")
    with open(path + ".json", encoding="utf-8") as f:
        good = values(json.load(f))
    for what, args, status in (
        ("all good", good, 0),
        ("one bank wrong", good[:-1] + [flip(good[-1])], 4),
        ("one bank", good[1:2], 0),
        ("zeros", ["10:sha256:" + "0" * 64], 4),
        ("nothing for the PCR", ["11:sha256:" + "0" * 64], 1),
        ("short value", [good[0][:-2]], 1),
        ("not hex", [good[0][:-1] + "g"], 1),
        ("long value", [good[-1] + "00"], 1),
        ("unknown bank", ["10:md5:" + "0" * 32], 1),
        ("no such PCR", ["24:" + good[0].split(":", 1)[1]], 1),
        ("twice", good[:1] * 2, 1),
        ("no value", [], 1),
    ):
        result = run(program, path + ".bin", *args)
        yield f"{what}: {result}", status, result[0]
    yield "no list", 1, run(program, "/nonexistent", *good)[0]
    yield "no arguments", 1, run(program)[0]
    yield "empty", (1, ""), run(program, "/dev/null", *good)[:2]


def main():
    program, lists = sys.argv[1:]
    n = failed = 0
    for what, want, got in cases(program, lists):
        n += 1
        if got != want:
            failed += 1
            print(f"FAILED: {what}: {got}, expected {want}")
    print(f"{n} checks, {failed} failed")
    sys.exit(1 if failed or n < 20 else 0)


if __name__ == "__main__":
    main()
