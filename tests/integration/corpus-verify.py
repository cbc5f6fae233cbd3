#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""corpus-verify.py: the verdicts of `ima-replayctl verify` on real lists, and its exit codes.

  0 the whole list is in PCR 10 of every bank        1 nothing could be compared
  3 every bank holds the same V(k), 0 < k < n        2 usage
  4 anything else that was compared

What is expected is computed from the bytes by tests/lib/replay.py, and for
captured lists also taken from the notes made when they were taken.
"""
import hashlib
import itertools
import json
import os
import re
import struct
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness  # noqa: E402
import replay  # noqa: E402
from harness import by_name, chain, check, check_exit, finish, lists, program, run, write  # noqa: E402

BANKS = list(replay.ALGS)
TPM_LISTS = 45          # captured lists in tests/data that come with PCR values
CUTS = 40
PADDING = re.compile("padded|padding", re.I)
BIG_ENDIAN_VERIFIED = ("k6.12-tpm-pcrs", "k7.3-bypass-ima-md5", "k7.3-bypass-names", "k7.3-tpm-templates")


class Files:
    """Writes numbered files into a directory of its own; runs the program on them."""

    def __init__(self, ctl, top):
        self.ctl, self.top, self.n = ctl, top, 0

    def path(self, suffix):
        self.n += 1
        return f"{self.top}/{self.n}.{suffix}"

    def list(self, raw):
        return write(self.path("bin"), raw)

    def pcrs(self, banks):
        """banks is text, or {bank: PCR 10}, or {bank: {pcr: value}}."""
        if isinstance(banks, (str, bytes)):
            return write(self.path("pcrs"), banks)
        return harness.write_pcrs(self.path("pcrs"), {b: v if isinstance(v, dict) else {"10": v} for b, v in banks.items()})

    def verify(self, raw, banks, *options):
        return run(self.ctl, "verify", f"--list={self.list(raw)}", f"--pcrs={self.pcrs(banks)}", *options)

    def replay(self, raw, *options):
        return run(self.ctl, "replay", f"--list={self.list(raw)}", "-j", *options)


# What to expect

def position(records, bank, value, padded=False):
    """How many records of PCR 10 the value holds, or None."""
    values = chain(records, bank, padded)
    return values.index(value) if value in values else None


def verdict(records, banks, padded=()):
    """The exit code for {bank: PCR 10}."""
    n = sum(r.pcr == 10 for r in records)
    at = {position(records, b, v, b in padded) for b, v in banks.items()}
    if at == {n}:
        return 0
    return 3 if len(at) == 1 and at != {None} and at != {0} else 4


def padded_banks(records, banks):
    """Banks whose value is explained by padded SHA-1 digests only."""
    return [b for b, v in banks.items() if b != "sha1" and position(records, b, v) is None
            and position(records, b, v, True) is not None]


def verdict_by_notes(facts):
    """The exit code by `match` and `in_tpm`, or None where nothing was noted."""
    how = {b: pcrs["10"] for b, pcrs in facts.get("match", {}).items()}
    if not how:
        return None
    if set(how.values()) <= {"hash", "padded-sha1"}:
        return 0
    held = {facts["in_tpm"][b]["10"] for b in how} if set(how.values()) == {"hash-prefix"} else {0}
    return 3 if len(held) == 1 and held != {0} else 4


def flipped(hexdigits):
    """The same value with its last bit changed."""
    return f"{hexdigits[:-1]}{int(hexdigits[-1], 16) ^ 1:x}"


def names_number(text, *numbers):
    return any(re.search(rf"(?<![\w.]){n}(?![\w])", text) for n in numbers)


def flags_padding(text, bank):
    return any(bank in line and PADDING.search(line) for line in text.split("\n"))


# Real lists with the values that a TPM held

def known_values(x):
    """{bank: {pcr: value}} unless the zeros only mean that there was no TPM."""
    return {} if x.facts.get("tpm_pcrs_are", "").startswith("no TPM") else x.facts.get("tpm_pcrs") or {}


def real_lists(files):
    corpus = [x for x in lists() if known_values(x)]
    check(len(corpus) >= TPM_LISTS, f"only {len(corpus)} lists with PCR values")
    seen = set()
    for x in corpus:
        pcrs = known_values(x)
        banks = {b: v["10"] for b, v in pcrs.items()}
        padded = padded_banks(x.records, banks)
        want = verdict(x.records, banks, padded)
        seen.add((want, bool(padded)))
        noted = verdict_by_notes(x.facts)
        check(noted in (None, want), f"{x.name}: replay.py says {want}, the notes say {noted}")

        result = files.verify(x.raw, pcrs)
        said = result[1] + result[2]
        check_exit(result, 4 if padded else want, x.name)
        for b in padded:
            check(flags_padding(said, b), f"{x.name}: padding of {b} is not named: {said[:300]!r}")
        if not padded and want != 4:
            check(not PADDING.search(said), f"{x.name}: padding where there is none: {said[:300]!r}")
        if want == 3:
            behind = len(chain(x.records, "sha1")) - 1 - position(x.records, *next(iter(banks.items())))
            check(names_number(said, behind), f"{x.name}: does not say {behind}: {said[:300]!r}")
            check_exit(files.verify(x.raw, pcrs, "--prefix"), 0, f"{x.name} --prefix")
        elif want == 4:
            check_exit(files.verify(x.raw, pcrs, "--prefix"), 4, f"{x.name} --prefix")
        if padded:
            padded_list(files, x, pcrs, banks, padded)
    check(seen >= {(0, False), (0, True), (3, False), (4, False)}, f"the lists do not show every verdict: {seen}")


def padded_list(files, x, pcrs, banks, padded):
    option = f"--padded={','.join(padded)}"
    result = files.verify(x.raw, pcrs, option)
    check_exit(result, 0, f"{x.name} {option}")
    for b in padded:
        check(flags_padding(result[1], b), f"{x.name} {option}: {b} is not flagged: {result[1][:300]!r}")
    check_exit(files.verify(x.raw, pcrs, f"--padded={padded[0]}"), 4 if padded[1:] else 0, f"{x.name} one bank padded")
    check_exit(files.verify(x.raw, pcrs, f"{option},sha256"), 4, f"{x.name} sha256 wrongly padded")
    short = {b: chain(x.records, b, b in padded)[-3] for b in banks}
    check_exit(files.verify(x.raw, short, option), 3, f"{x.name} {option} and two records more than the PCR")


# PCR values that fit or do not

def right_and_wrong(files, x, value):
    last = {b: value[b][-1] for b in BANKS}
    zeros = {b: value[b][0] for b in BANKS}
    short = {b: value[b][-4] for b in BANKS}

    check_exit(files.verify(x.raw, last), 0, "right")
    for b in BANKS:
        check_exit(files.verify(x.raw, {b: last[b]}), 0, f"right, {b} only")
        check_exit(files.verify(x.raw, {b: flipped(last[b])}), 4, f"wrong, {b} only")
    for pair in itertools.permutations(BANKS, 2):
        for bad in pair:
            banks = {b: flipped(last[b]) if b == bad else last[b] for b in pair}
            check_exit(files.verify(x.raw, banks), 4, f"{bad} wrong in {' '.join(pair)}")
    for order in (BANKS, BANKS[::-1]):
        for bad in order:
            banks = {b: flipped(last[b]) if b == bad else last[b] for b in order}
            check_exit(files.verify(x.raw, banks), 4, f"{bad} wrong in {' '.join(order)}")
            check_exit(files.verify(x.raw, banks, "--prefix"), 4, f"{bad} wrong in {' '.join(order)}, --prefix")
            for what, other in (("short", short), ("zero", zeros)):
                banks = {b: other[b] if b == bad else last[b] for b in order}
                for options in ((), ("--prefix",)):
                    check_exit(files.verify(x.raw, banks, *options), 4, f"{bad} {what} in {' '.join(order)} {options}")

    check_exit(files.verify(x.raw, zeros), 4, "zero in all banks")
    check_exit(files.verify(x.raw, zeros, "--prefix"), 4, "zero in all banks, --prefix")
    check_exit(files.verify(x.raw, short), 3, "three records more than the PCR")
    check_exit(files.verify(x.raw, short, "--prefix"), 0, "three records more than the PCR, --prefix")
    first = {b: value[b][1] for b in BANKS}
    check_exit(files.verify(x.raw, first), 3, "only the first record in the PCR")
    check_exit(files.verify(x.raw, {b: value[b][-4 if b == "sha256" else -3] for b in BANKS}), 4, "different prefixes")


def other_pcrs(files, x, value):
    """PCR 10 decides, other PCRs never do."""
    last = value["sha256"][-1]
    for name, pcrs, want in (
            ("PCR 10 right, others nonsense", {"0": "11" * 32, "10": last, "11": "22" * 32, "23": "ff" * 32}, 0),
            ("the value in PCR 11, PCR 10 wrong", {"10": flipped(last), "11": last}, 4),
            ("the value in PCR 11, PCR 10 zero", {"10": "00" * 32, "11": last}, 4),
            ("no PCR 10", {"9": last, "11": last}, 1)):
        check_exit(files.verify(x.raw, {"sha256": pcrs}), want, name)
    check_exit(files.verify(x.raw, {"sha1": {}, "sha256": last}), 0, "sha1 not allocated, as tpm2_pcrread shows it")
    check_exit(files.verify(x.raw, {"sha1": {}, "sha256": flipped(last)}), 4, "sha1 not allocated, sha256 wrong")
    check_exit(files.verify(x.raw, {"sha1": {}, "sha256": {}}), 1, "no bank allocated")


def mixed_chains(files):
    """Records of other PCRs stand between those of PCR 10: what is counted are its own."""
    x = by_name("k7.3-tpm-pcrs")
    value = chain(x.records, "sha256")
    n, k = len(value) - 1, len(value) - 3
    check(n < len(x.records), f"{x.name} has records of one PCR only")
    result = files.verify(x.raw, {"sha256": value[k]})
    check_exit(result, 3, f"{x.name}: a prefix")
    want = f"PCR 10 holds the first {k} of its {n} records; {n - k} are not in it yet"
    check(want in result[1], f"{x.name}: {want}: {result[1][-300:]!r}")


def evmctl_form(files, x, value):
    for b in BANKS:
        for name, v, want in (("right", value[b][-1], 0), ("wrong", flipped(value[b][-1]), 4), ("zero", value[b][0], 4),
                              ("short", value[b][-2], 3)):
            pcrs = harness.write_evmctl_pcrs(files.path("pcrs"), b, {"10": v})
            result = run(files.ctl, "verify", f"--list={x.path}", f"--pcrs={pcrs}")
            check_exit(result, want, f"evmctl's PCR file, {b} {name}")


def malformed_pcrs(files, x, value):
    sha1, sha256 = value["sha1"][-1], value["sha256"][-1]
    for name, text in (
            ("empty file", ""),
            ("blank lines", "\n \n\n"),
            ("bank without a PCR", "  sha256:\n"),
            ("bad hex", f"  sha256:\n    10: 0x{sha256[:-2]}zz\n"),
            ("half a byte missing", f"  sha256:\n    10: 0x{sha256[:-1]}\n"),
            ("a byte missing", f"  sha256:\n    10: 0x{sha256[:-2]}\n"),
            ("a byte too many", f"  sha256:\n    10: 0x{sha256}00\n"),
            ("sha1 value in the sha256 bank", f"  sha256:\n    10: 0x{sha1}\n"),
            ("no value", "  sha256:\n    10:\n"),
            ("no value behind 0x", "  sha256:\n    10: 0x\n"),
            ("wrong length behind a right bank", f"  sha1:\n    10: 0x{sha1}\n  sha256:\n    10: 0x{sha256[:-2]}\n"),
            ("bank twice", f"  sha256:\n    10: 0x{sha256}\n  sha256:\n    10: 0x{sha256}\n"),
            ("bank twice, wrong then right", f"  sha256:\n    10: 0x{flipped(sha256)}\n  sha256:\n    10: 0x{sha256}\n"),
            ("PCR twice, wrong then right", f"  sha256:\n    10: 0x{flipped(sha256)}\n    10: 0x{sha256}\n"),
            ("unknown bank only", f"  md17:\n    10: 0x{sha256}\n"),
            ("evmctl's form, no hash has this length", f"PCR-10: {'AA ' * 31}\n"),
            ("evmctl's form, bad hex", f"PCR-10: {'ZZ ' * 32}\n"),
            ("evmctl's form, no PCR 10", f"PCR-09: {bytes.fromhex(sha256).hex(' ')}\n"),
            ("not text", bytes(range(256)) * 4)):
        check_exit(files.verify(x.raw, text), 1, f"PCR file: {name}")


# Lists that were changed

def changed_lists(files, x, value):
    recs, raw = x.records, x.raw
    last = {b: value[b][-1] for b in BANKS}
    part = [raw[r.start:r.end] for r in recs]
    middle = len(recs) // 2

    more = raw + part[3] + part[5]
    check_exit(files.verify(more, last), 3, "two records more")
    check_exit(files.verify(more, last, "--prefix"), 0, "two records more, --prefix")
    check(verdict(list(replay.parse(more)), last) == 3, "replay.py and two records more")

    for name, other in (
            ("first record gone", part[1:]),
            ("a record gone", part[:middle] + part[middle + 1:]),
            ("last record gone", part[:-1]),
            ("a record of another PCR", part[:middle] + [change(part[middle], 0)] + part[middle + 1:]),
            ("a record twice", part[:middle] + part[middle:middle + 1] + part[middle:]),
            ("two records exchanged", part[:middle] + [part[middle + 1], part[middle]] + part[middle + 2:])):
        check_exit(files.verify(b"".join(other), last), 4, name)
        check(verdict(list(replay.parse(b"".join(other))), last) == 4, f"replay.py and {name}")

    for i in (0, middle, len(recs) - 1):
        bad = change(raw, data_at(recs[i]))
        check(verdict(list(replay.parse(bad)), last) == 4, f"replay.py and a byte of record {i}")
        result = files.verify(bad, last)
        check_exit(result, 4, f"a byte of the data of record {i}")
        said = result[1] + result[2]
        check(names_number(said, i - 1, i, i + 1), f"a byte of the data of record {i} is not located: {said[:300]!r}")
        check_exit(files.verify(bad, last, "--prefix"), 4, f"a byte of the data of record {i}, --prefix")
        check_exit(files.replay(bad), 4, f"a byte of the data of record {i}: replay")

        # The record's own SHA-1 is no part of what is extended into sha256.
        bad = change(raw, recs[i].start + 4)
        check_exit(files.replay(bad), 4, f"the SHA-1 of record {i}: replay")
        check_exit(files.verify(bad, last), 4, f"the SHA-1 of record {i}, sha1 bank given")
        sha256 = {"sha256": last["sha256"]}
        check_exit(files.verify(bad, sha256, "--check-records"), 4, f"the SHA-1 of record {i}, --check-records")
        check_exit(files.verify(bad, sha256), 0, f"the SHA-1 of record {i}, sha256 bank only")
        zeroed = raw[:recs[i].start + 4] + bytes(20) + raw[recs[i].start + 24:]
        check_exit(files.verify(zeroed, last), 4, f"record {i} made a violation")


def data_at(rec):
    """Offset of the last byte of the first field of a record."""
    return rec.start + 4 + 20 + 4 + len(rec.template) + 4 + 4 + len(replay.fields(rec)[0]) - 1


def change(raw, at):
    return raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1:]


def cut_lists(files, x, value):
    """A list that ends inside a record is not a list, whatever the PCRs hold."""
    raw, ends = x.raw, [0] + [r.end for r in x.records]
    last = {b: value[b][-1] for b in BANKS}
    inside = sorted(set(range(1, len(raw))) - set(ends))
    for i in range(CUTS):
        at = inside[i * (len(inside) - 1) // (CUTS - 1)]
        whole = sum(e <= at for e in ends) - 1
        try:
            check(not list(replay.parse(raw[:at])), f"replay.py reads a list cut at {at}")
        except replay.Malformed:
            pass
        check_exit(files.verify(raw[:at], last), 1, f"cut at {at}, the full value")
        fits = {b: value[b][whole] for b in BANKS}
        check_exit(files.verify(raw[:at], fits), 1, f"cut at {at}, the value of its {whole} whole records")
        result = files.replay(raw[:at])
        check_exit(result, 1, f"cut at {at}: replay")
        try:
            check(json.loads(result[1])["complete"] is False, f"cut at {at} reads as complete")
        except ValueError:
            check(not result[1].strip(), f"cut at {at}: neither JSON nor nothing: {result[1][:200]!r}")
    for k in (1, len(ends) // 2, len(ends) - 2):
        short = raw[:ends[k]]
        check_exit(files.verify(short, last), 4, f"only {k} records, the full value")
        check_exit(files.verify(short, {b: value[b][k] for b in BANKS}), 0, f"only {k} records, their value")


def no_list(files, value):
    last = {b: value[b][-1] for b in BANKS}
    zeros = {b: value[b][0] for b in BANKS}
    for name, raw in (("empty list", b""), ("one byte", b"\n"), ("zeros", bytes(100)), ("ones", b"\xff" * 100),
                      ("not a list", b"this is not a measurement list\n" * 9)):
        check_exit(files.verify(raw, last), 1, name)
        check_exit(files.verify(raw, zeros, "--prefix"), 1, f"{name}, PCR 10 zero, --prefix")
        check_exit(files.replay(raw), 1, f"{name}: replay")
    good = files.pcrs(last)
    for path in (f"{files.top}/absent", files.top):
        check_exit(run(files.ctl, "verify", f"--list={path}", f"--pcrs={good}"), 1, f"list {path}")
        check_exit(run(files.ctl, "replay", f"--list={path}", "-j"), 1, f"list {path}: replay")


def arguments(files, x, value):
    pcrs, offline = files.pcrs({b: value[b][-1] for b in BANKS}), f"--list={x.path}"
    for path in (f"{files.top}/absent", files.top):
        check_exit(run(files.ctl, "verify", offline, f"--pcrs={path}"), 1, f"PCR file {path}")
    for argv in (["--nonsense"], ["nonsense"], ["verify", "--nonsense"], ["verify", "--list"],
                 ["verify", offline, "--pcrs"], ["verify", offline, f"--pcrs={pcrs}", "excess"],
                 ["verify", offline, f"--pcrs={pcrs}", "--nonsense"], ["verify", offline, f"--pcrs={pcrs}", "--prefix=1"],
                 ["verify", offline, f"--pcrs={pcrs}", "--padded="], ["verify", offline, f"--pcrs={pcrs}", "--padded=md17"],
                 ["verify", offline, f"--pcrs={pcrs}", "--padded=sha384,md17"],
                 ["replay", offline, "--json=nonsense"], ["replay", offline, "-j", "excess"]):
        check_exit(run(files.ctl, *argv), 2, f"usage: {' '.join(argv)}")
    foreign_options(files, offline, f"--pcrs={pcrs}")


def foreign_options(files, offline, pcrs):
    """An option that the verb would not heed is refused, wherever it stands; one of its own is not."""
    for option, argv in (
            ("--pcrs", ["replay", "--pcrs=/nope", "--prefix", offline]), ("--prefix", ["--prefix", "replay", offline]),
            ("--pcrs", ["list", offline, pcrs]), ("--check-records", ["explain", "0", offline, "--check-records"]),
            ("--firmware-log", ["replay", offline, "--firmware-log=/nope"]), ("--tcti", ["verify", offline, pcrs, "--tcti=x:y"]),
            ("--range", ["verify", offline, pcrs, "--range=0:3"]), ("--pcr", ["replay", offline, "--pcr=10"]),
            ("--violations", ["replay", offline, "--violations"]), ("--format", ["replay", offline, "--format=ascii"]),
            ("--bank", ["list", offline, "--bank=sha1"]), ("--padded", ["demo", "--padded=sha1"]),
            ("--list", ["diff", "a", "b", offline]), ("--quiet", ["replay", "-q", offline]),
            ("--no-legend", ["explain", "0", offline, "--no-legend"]),
            ("--list-digest", ["demo", "--list-digest=sha1"])):
        result = run(files.ctl, *argv)
        check_exit(result, 2, f"an option of another verb: {' '.join(argv)}")
        verb = next(a for a in argv if not a.startswith("-"))
        check(result[1] == "" and result[2].count("\n") == 1 and f"{verb} does not take {option};" in result[2],
              f"{' '.join(argv)}: {result[1:]}")
    for argv in (["list", offline, "--list-digest=sha1", "--range=0", "--full", "--no-legend", "--no-pager"],
                 ["explain", "0", offline, "--bank=sha1", "--full", "--no-pager", "--json=short"],
                 ["replay", offline, "--bank=sha1", "--padded=sha384", "--full", "--no-legend", "--no-pager"],
                 ["-q", "verify", offline, pcrs, "--bank=sha256", "--prefix", "--check-records"],
                 ["diff", offline[7:], offline[7:], "--list-digest=sha1", "--quiet", "--full"],
                 ["replay", "--prefix", "--help"]):
        check_exit(run(files.ctl, *argv), 0, f"options of the verb: {' '.join(argv)}")


# Big-endian lists

def big_endian(rec, raw):
    """The record as a big-endian kernel writes it: u32 in front of fields too, so its SHA-1 is another."""
    body = raw[rec.start + 4 + 20 + 4 + len(rec.template):rec.end]
    if rec.template == "ima":           # no length in front; digest of 20 or 16 bytes
        size = next(n for n in (20, 16) if struct.unpack_from("<I", body, n)[0] == len(body) - n - 4)
        body = body[:size] + body[size:size + 4][::-1] + body[size + 4:]
        digest = rec.digest
    else:
        data = b"".join(struct.pack(">I", len(f)) + f for f in replay.fields(rec))
        body = struct.pack(">I", len(data)) + data
        digest = rec.digest if replay.violation(rec) else hashlib.sha1(data).digest()
    name = rec.template.encode("latin-1")
    return struct.pack(">I", rec.pcr) + digest + struct.pack(">I", len(name)) + name + body


def big_endian_lists(files):
    for x in harness.captured(harness.DATA):
        raw = b"".join(big_endian(r, x.raw) for r in x.records)
        recs = list(replay.parse(raw, ">"))
        want = replay.summary(recs)
        check(len(recs) == len(x.records) and raw != x.raw, f"{x.name}: not converted")
        result = files.replay(raw)
        check_exit(result, 0, f"{x.name}, big-endian: replay")
        got = json.loads(result[1]) if result[0] == 0 else {}
        for key, value in (("records", want["records"]), ("violations", want["violations"]),
                           ("pcrs", want["replay"]), ("complete", True)):
            check(got.get(key) == value, f"{x.name}, big-endian: {key}: {got.get(key)} {value}")
        if x.name not in BIG_ENDIAN_VERIFIED:
            continue
        last = {b: chain(recs, b)[-1] for b in ("sha1", "sha256")}
        check_exit(files.verify(raw, last), 0, f"{x.name}, big-endian")
        check_exit(files.verify(raw, dict(last, sha256=flipped(last["sha256"]))), 4, f"{x.name}, big-endian, sha256 wrong")


def main():
    ctl = program("IMA_REPLAYCTL")
    x = by_name("k7.3-tpm-tcb")
    value = {b: chain(x.records, b) for b in BANKS}
    with tempfile.TemporaryDirectory(prefix="corpus-verify.") as top:
        files = Files(ctl, top)
        real_lists(files)
        right_and_wrong(files, x, value)
        other_pcrs(files, x, value)
        mixed_chains(files)
        evmctl_form(files, x, value)
        malformed_pcrs(files, x, value)
        changed_lists(files, x, value)
        cut_lists(files, x, value)
        no_list(files, value)
        arguments(files, x, value)
        big_endian_lists(files)
    finish()


if __name__ == "__main__":
    main()
