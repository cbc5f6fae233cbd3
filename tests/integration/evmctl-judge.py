#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""evmctl-judge.py: on every list that evmctl can judge its verdict and ours agree; where it is wrong ours is right.

evmctl 1.4 stops at the first record where the PCRs fit, so a list that is ahead
of the PCRs is a match (our 3), and knows banks sha1 and sha256 only.  What it
cannot judge: lists that mix the template `ima` with others, md5 in `ima`,
records for PCRs that no TPM has.
"""
import os
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness  # noqa: E402
import replay  # noqa: E402
from harness import by_name, chain, check, check_exit, finish, lists, program, run, skip, write  # noqa: E402

JUDGED = 70             # of the lists in tests/data
BANKS = ("sha1", "sha256")
MATCHED = "Matched per TPM bank calculated digest(s)."
MATCHED_PADDED = "Matched SHA1 padded TPM digest(s)."
FAILED = "Failed to match per TPM bank or SHA1 padded TPM digest(s)."
NOT_READ = "Failed to read any TPM PCRs"


class Judges:
    """Gives the same list and PCR values to evmctl and to our program."""

    def __init__(self, ctl, top):
        self.ctl, self.top = ctl, top

    def ask(self, raw, banks, *options):
        """banks: {bank: {pcr: value}} in the order in which evmctl gets the files. Return both runs."""
        path = write(f"{self.top}/list", raw)
        argv = ["evmctl", "ima_measurement", "--ignore-violations"]
        for b, pcrs in banks.items():
            argv += ["--pcrs", f"{b},{harness.write_evmctl_pcrs(f'{self.top}/{b}', b, pcrs)}"]
        ours = run(self.ctl, "verify", f"--list={path}", f"--pcrs={harness.write_pcrs(f'{self.top}/pcrs', banks)}", *options)
        return run(*argv, path), ours

    def both(self, name, raw, banks, evmctl, ours, *options):
        """evmctl: (exit status, what it says)"""
        theirs, our = self.ask(raw, banks, *options)
        check_exit(theirs, evmctl[0], f"{name}: evmctl")
        check(evmctl[1] in theirs[2], f"{name}: evmctl does not say {evmctl[1]!r}: {theirs[2][-200:]!r}")
        check_exit(our, ours, name)


def judgeable(x):
    """The list as evmctl can read it (without PCRs above 23), or None."""
    recs = [r for r in x.records if r.pcr < 24]
    templates = {r.template for r in recs}
    if "ima" in templates and (len(templates) > 1 or any(is_md5(r) for r in recs)):
        return None
    return b"".join(x.raw[r.start:r.end] for r in recs)


def is_md5(rec):
    return rec.hashed[16:].rstrip(b"\0") == rec.data[20:].rstrip(b"\0")


def values(recs, padded=()):
    return {b: {str(p): v for p, v in replay.replay(recs, b, b in padded).items()} for b in BANKS}


def with_pcr10(banks, **other):
    return {b: dict(pcrs, **{"10": other[b]}) if b in other else pcrs for b, pcrs in banks.items()}


def flipped(hexdigits):
    return f"{hexdigits[:-1]}{int(hexdigits[-1], 16) ^ 1:x}"


def same_verdicts(judges):
    judged = 0
    for x in lists():
        raw = judgeable(x)
        if raw is None:
            continue
        judged += 1
        recs = list(replay.parse(raw))
        right = values(recs)
        wrong = {b: flipped(right[b]["10"]) for b in BANKS}
        judges.both(f"{x.name}, right", raw, right, (0, MATCHED), 0)
        judges.both(f"{x.name}, sha256 wrong", raw, with_pcr10(right, sha256=wrong["sha256"]), (1, FAILED), 4)
        judges.both(f"{x.name}, both wrong", raw, with_pcr10(right, **wrong), (1, FAILED), 4)
    check(judged >= JUDGED, f"only {judged} lists could be judged")
    print(f"{judged} lists judged")


def same_verdicts_on_variants(judges, x):
    raw, recs = x.raw, x.records
    right = values(recs)
    judges.both("zero", raw, {"sha1": {"10": "00" * 20}, "sha256": {"10": "00" * 32}}, (1, FAILED), 4)
    judges.both("list ahead of the PCRs", raw, values(recs[:-3]), (0, MATCHED), 3)
    judges.both("list ahead of the PCRs, --prefix", raw, values(recs[:-3]), (0, MATCHED), 0, "--prefix")
    judges.both("last record gone", raw[:recs[-1].start], right, (1, FAILED), 4)
    middle = recs[len(recs) // 2]
    judges.both("a record gone", raw[:middle.start] + raw[middle.end:], right, (1, FAILED), 4)
    judges.both("a record twice", raw[:middle.end] + raw[middle.start:], right, (1, FAILED), 4)
    at = middle.start + 4 + 20 + 4 + len(middle.template) + 4 + 4 + len(replay.fields(middle)[0]) - 1
    judges.both("a byte of a file's digest", raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1:], right, (1, FAILED), 4)
    judges.both("cut in the last record", raw[:-5], right, (1, "Unable to read template"), 1)
    padded = values(recs, padded=("sha256",))
    judges.both("padded sha256", raw, padded, (0, MATCHED_PADDED), 0, "--padded=sha256")
    judges.both("padded sha256, wrong", raw, with_pcr10(padded, sha256=flipped(padded["sha256"]["10"])),
                (1, FAILED), 4, "--padded=sha256")


def defects(judges, x, version):
    """Runs in which evmctl 1.4 is wrong (or refuses): its exit status is checked for that version only."""
    raw, recs = x.raw, x.records
    right, short = values(recs), values(recs[:-3])
    sha1, sha256 = {"sha1": right["sha1"]}, {"sha256": right["sha256"]}
    bad1 = {"sha1": {"10": flipped(right["sha1"]["10"])}}
    cut = raw[:recs[-3].start + 9]
    sha384 = {"sha384": {"10": flipped(chain(recs, "sha384")[-1])}}
    for name, lst, banks, evmctl, ours in (
            ("sha1 wrong, sha256 right", raw, bad1 | sha256, (0, MATCHED), 4),
            ("sha256 right, sha1 wrong", raw, sha256 | bad1, (0, MATCHED), 4),
            ("sha1 zero, sha256 right", raw, {"sha1": {"10": "00" * 20}} | sha256, (0, MATCHED), 4),
            ("sha1 behind sha256", raw, {"sha1": short["sha1"]} | sha256, (0, MATCHED), 4),
            ("sha256 behind sha1", raw, sha1 | {"sha256": short["sha256"]}, (0, MATCHED), 4),
            ("cut behind the matching record", cut, short, (0, MATCHED), 1),
            ("sha384 wrong, no other bank", raw, sha384, (0, NOT_READ), 4),
            # 1.6.2 says 0 and "Matched" to an empty list; 1.4 does not.
            ("empty list", b"", right, (125, FAILED), 1)):
        theirs, our = judges.ask(lst, banks)
        said = theirs[2].strip().split("\n")
        verdict = next((m for m in (MATCHED, FAILED, NOT_READ) if m in said), said[-1])
        print(f"{name}: evmctl {theirs[0]} ({verdict}), ours {our[0]}")
        check_exit(our, ours, name)
        if version == "evmctl 1.4":
            check(theirs[0] == evmctl[0] and evmctl[1] in theirs[2], f"{name}: evmctl 1.4 says {theirs[0]} {said}")


def main():
    ctl = program("IMA_REPLAYCTL")
    try:
        version = run("evmctl", "--version")[1].strip()
    except FileNotFoundError:
        skip("evmctl is not installed (Debian: ima-evm-utils)")
    x = by_name("k7.3-tpm-tcb")
    with tempfile.TemporaryDirectory(prefix="evmctl-judge.") as top:
        judges = Judges(ctl, top)
        same_verdicts(judges)
        same_verdicts_on_variants(judges, x)
        defects(judges, x, version)
    finish()


if __name__ == "__main__":
    main()
