#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""tssimaextend-judge.py: what IBM's tssimaextend leaves in PCR 10 is what replay.py and `ima-replayctl replay` say.

Debian's version (1045) has no simulation and no -halg: it extends a TPM, so there
is a swtpm for it, read with IBM's tsspcrread.  It fills sha256 as kernels before
5.8 did: the SHA-1 digest and zeros (`--padded`), and for a violation 20 bytes of
ones and zeros.  Its refusals and misreadings are the tables here; whatever
differs in another way fails.
"""
import hashlib
import json
import os
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness  # noqa: E402
import replay  # noqa: E402
import world  # noqa: E402
from harness import by_name, captured, chain, check, check_exit, finish, program, run, skip, write  # noqa: E402

JUDGED = 60             # of the lists in tests/data
ZERO_PADDED = "zero padded"
BANKS = ("sha1", "sha256")

# Why a list is refused: (which record it is, what is said). The records in front of it are extended.
REFUSED = {
    # It reads the file digest as a length.
    "ima": (lambda r: r.template == "ima", ("template data length too big", "could not read template_data")),
    "PCR": (lambda r: r.pcr != 10, ("not PCR 10",)),
}


class Judge:
    """tssimaextend, and a TPM that is powered on anew for each list: PCR 10 cannot be reset."""

    def __init__(self, ctl, top, tpm):
        self.ctl, self.top, self.tpm = ctl, top, tpm
        os.environ.update(TPM_INTERFACE_TYPE="socsim", TPM_SERVER_TYPE="raw", TPM_SERVER_NAME="127.0.0.1", TPM_DATA_DIR=top)

    def theirs(self, path, *options):
        """Its run and {bank: value of PCR 10}."""
        self.tpm.stop()
        self.tpm.start()
        os.environ["TPM_COMMAND_PORT"] = str(self.tpm.port)
        result = run("tssimaextend", "-if", path, *options)
        values = {b: run("tsspcrread", "-ha", "10", "-halg", b, "-ns")[1].strip() for b in BANKS}
        return result, values

    def ours(self, path, padded=()):
        """Our run and {bank: value of PCR 10}."""
        result = run(self.ctl, "replay", "-j", f"--list={path}", *(f"--padded={b}" for b in padded))
        pcrs = json.loads(result[1])["pcrs"] if result[0] == 0 else {}
        return result, {b: pcrs.get(b, {}).get("10") for b in BANKS}


def old_sha256(records):
    """sha256 as kernels before 5.8 filled it: tpm_pcr_extend() padded whatever SHA-1 digest came, ones too."""
    value = bytes(32)
    for r in records:
        digest = b"\xff" * 20 if replay.violation(r) else hashlib.sha1(r.hashed).digest()
        value = hashlib.sha256(value + digest + bytes(12)).digest()
    return value.hex()


def extended(records):
    """What tssimaextend gives for these records."""
    return {"sha1": chain(records, "sha1")[-1], "sha256": old_sha256(records)}


def refusal(records):
    """(position of the first record that it refuses, what it says), or None."""
    for i, r in enumerate(records):
        for is_it, says in REFUSED.values():
            if is_it(r):
                return i, says
    return None


def same_values(judge, x):
    """A list without a refused record: the same values, but for what violations leave in sha256."""
    result, theirs = judge.theirs(x.path, "-le")
    check_exit(result, 0, f"{x.name}: tssimaextend")
    check(theirs == extended(x.records), f"{x.name}: tssimaextend leaves {theirs}")
    result, ours = judge.ours(x.path, ("sha256",))
    check_exit(result, 0, x.name)
    check(ours["sha1"] == theirs["sha1"], f"{x.name}: sha1 is {ours['sha1']}, not {theirs['sha1']}")
    has_violations = any(map(replay.violation, x.records))
    check((ours["sha256"] == theirs["sha256"]) != has_violations, f"{x.name}: sha256 is {ours['sha256']}, not {theirs['sha256']}")
    # Where the padded digests differ replay.py has the last word; and always on digests that are not padded.
    check(ours["sha256"] == chain(x.records, "sha256", padded=True)[-1], f"{x.name}: padded sha256, replay.py")
    result, ours = judge.ours(x.path)
    check(ours == {b: chain(x.records, b)[-1] for b in BANKS}, f"{x.name}: {ours}")
    check(ours["sha256"] != theirs["sha256"], f"{x.name}: sha256 is the same, padded or not")


def refused(judge, x, first, says):
    result, theirs = judge.theirs(x.path, "-le")
    check_exit(result, 1, f"{x.name}: tssimaextend")
    check(any(s in result[1] for s in says), f"{x.name}: tssimaextend says {result[1]!r}, not one of {says}")
    check(theirs == extended(x.records[:first]), f"{x.name}: the {first} records in front of the refused one: {theirs}")
    result, ours = judge.ours(x.path)
    check_exit(result, 0, x.name)
    check(ours == {b: chain(x.records, b)[-1] for b in BANKS}, f"{x.name}: {ours}")


def captured_lists(judge):
    judged, reasons = 0, set()
    for x in captured(harness.DATA):
        why = refusal(x.records)
        if why:
            refused(judge, x, *why)
            reasons.add(why[1])
        else:
            same_values(judge, x)
            judged += 1
    check(judged >= JUDGED, f"only {judged} lists could be judged")
    check(len(reasons) == len(REFUSED), f"a row of REFUSED has no list: {reasons}")
    print(f"{judged} lists judged")


def made_lists(judge, x):
    """(what, list, records that tssimaextend extends, its exit status, what it says, ours): it differs in each but the first."""
    raw, recs = x.raw, x.records
    n, last = len(recs), recs[-1]
    name = world.field(b"x") * 2
    altered = bytearray(raw)
    altered[recs[5].end - 3] ^= 1
    big = world.record("ima-buf", world.field(b"a" * 5000))
    for what, lst, count, theirs, says, ours in (
            ("a long template name", raw + world.record("x" * 200, name), n + 1, 0, "", 0),
            ("cut in the data", raw[:-5], n - 1, 0, "", 1),
            ("cut in the PCR", raw[:last.start + 2], n - 1, 0, "", 1),
            ("cut in the digest", raw[:last.start + 9], n - 1, 0, "", 1),
            ("cut behind the name", raw[:last.start + 28 + len(last.template)], n - 1, 0, "", 1),
            ("data altered", bytes(altered), n, 0, "", 4),
            ("data of 5 kB", raw + big, n, 1, "template data length too big", 0),
            ("no data", raw + world.record("ima-buf", b""), n, 1, "could not read template_data", 0),
            ("empty list", b"", 0, 1, "not PCR 10", 1)):
        path = write(f"{judge.top}/list", lst)
        result, values = judge.theirs(path, "-le")
        check_exit(result, theirs, f"{what}: tssimaextend")
        check(says in result[1] and bool(says) == bool(result[1]), f"{what}: tssimaextend says {result[1]!r}, not {says!r}")
        # What it extends comes from the list's digests, whatever the data.
        good = recs + list(replay.parse(lst[len(raw):])) if count > n else recs[:count]
        check(values == extended(good), f"{what}: tssimaextend leaves {values}")
        check_exit(judge.ours(path)[0], ours, what)
    result, values = judge.theirs(x.path)
    check_exit(result, 1, "byte order not given: tssimaextend")
    check(values == extended([]), f"byte order not given: tssimaextend leaves {values}")


def main():
    ctl = program("IMA_REPLAYCTL")
    world.need("tssimaextend", "tsspcrread", "swtpm")
    usage = "".join(run("tssimaextend", "-h")[1:])
    if ZERO_PADDED not in usage or "-sim" in usage:
        skip("tssimaextend is not that of Debian 12 (tss2 1045)")
    with tempfile.TemporaryDirectory(prefix="tssimaextend-judge.") as top, world.Swtpm(f"{top}/tpm") as tpm:
        judge = Judge(ctl, top, tpm)
        captured_lists(judge)
        made_lists(judge, by_name("k7.3-tpm-tcb"))
    finish()


if __name__ == "__main__":
    main()
