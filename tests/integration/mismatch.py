#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""mismatch.py: for each way in which a list and a PCR can differ, `verify` names it and the place.

Lists and PCR values are made here, with hashlib; firmware logs by tests/lib/firmware.py, with
tpm2_eventlog as another judge of them where it is installed.
"""
import hashlib
import json
import os
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import firmware  # noqa: E402
import harness  # noqa: E402
import replay  # noqa: E402
from harness import check, check_exit, finish, program, run, write  # noqa: E402

BANKS = ("sha1", "sha256")
ONE_BIT = 40
LONG = 5000
SEED = 20261122


def field(data, order="<"):
    return struct.pack(order + "I", len(data)) + data


class Rec:
    """A record that is made, not read."""

    def __init__(self, name, pcr=10, violation=False, order="<", template=b"ima-ng"):
        digest = bytes(32) if violation or name.startswith("boot_aggregate") else hashlib.sha256(name.encode()).digest()
        self.parts = [b"sha256:\0" + digest, name.encode() + b"\0"]
        self.pcr, self.violation, self.template = pcr, violation, template
        self.data = b"".join(field(p, order) for p in self.parts)
        self.digest = bytes(20) if violation else hashlib.sha1(self.data).digest()

    def raw(self, order="<"):
        data = b"".join(field(p, order) for p in self.parts)
        return struct.pack(order + "I", self.pcr) + self.digest + field(self.template, order) + field(data, order)

    def extend(self, alg, how=None):
        n = hashlib.new(alg).digest_size
        if self.violation:
            return (b"\0" if how == "zeros" else b"\xff") * n
        if how == "padded":
            return hashlib.sha1(self.data).digest() + bytes(n - 20)
        return hashlib.new(alg, self.data).digest()


def make(n, tag="r"):
    rng = random.Random(tag)
    recs = [Rec("boot_aggregate")]
    for i in range(1, n):
        recs.append(Rec(f"/usr/bin/{tag}{i}" + "x" * rng.randrange(30), violation=i % 97 == 50))
    return recs


def value(steps, alg, base=None):
    """PCR after a list of digests, or of functions alg -> digest."""
    v = bytes(hashlib.new(alg).digest_size) if base is None else base
    for s in steps:
        v = hashlib.new(alg, v + (s(alg) if callable(s) else s.extend(alg))).digest()
    return v


def fill(byte):
    return lambda alg: bytes([byte]) * hashlib.new(alg).digest_size


def word(text):
    return lambda alg: hashlib.new(alg, text).digest()


class Bench:
    def __init__(self, ctl, top):
        self.ctl, self.top, self.n = ctl, top, 0

    def path(self, suffix):
        self.n += 1
        return f"{self.top}/{self.n}.{suffix}"

    def verify(self, raw, values, *options):
        pcrs = harness.write_pcrs(self.path("pcrs"), {b: {"10": v.hex()} for b, v in values.items()})
        return run(self.ctl, "verify", f"--list={write(self.path('bin'), raw)}", f"--pcrs={pcrs}", *options, timeout=120)

    def explained(self, name, raw, values, want, position=None, banks=None, *options):
        """verify -j, exit 4, with this hypothesis first, at this position and for these banks."""
        result = self.verify(raw, values, "-j", *options)
        if not check_exit(result, 4, name):
            return {}
        got = json.loads(result[1])
        check(got.get("hypothesis") == want, f"{name}: {got.get('hypothesis')} at {got.get('position')}, not {want}")
        check(got.get("position") == position, f"{name}: position {got.get('position')}, not {position}")
        if banks is not None and got.get("findings"):
            check(set(got["findings"][0]["banks"]) == set(banks), f"{name}: banks {got['findings'][0]['banks']}, not {banks}")
        text = self.verify(raw, values, *options)
        check_exit(text, 4, f"{name}: table")
        check("→" in text[1], f"{name}: no advice")
        if position is not None:
            check(re.search(rf"\b{position}\b|\b{position - 1}\b", text[1]), f"{name}: the table does not name {position}")
        return got


def raws(recs, order="<"):
    return b"".join(r.raw(order) for r in recs)


def single_changes(b):
    """Everything that is one change at k, in all banks at once; with a list of 300."""
    recs = make(300)
    raw, n = raws(recs), len(recs)
    rng = random.Random(SEED)
    for k in (2, 150, n - 2, rng.randrange(3, n - 2), rng.randrange(3, n - 2)):
        a, z = recs[:k], recs[k:]
        rows = [("repeated", a + [recs[k]] + z, k), ("missing", a + z[1:], k), ("reset", None, k),
                ("swapped", a + [recs[k + 1], recs[k]] + recs[k + 2:], k)]
        rows += [("foreign", a + [what] + z, k) for what in
                 (fill(0), fill(0xff), fill(0xfe), word(bytes(4)), word(b"os-separator"), word(b"leave-initrd"),
                  word(b"foreign"))]
        for want, steps, at in rows:
            values = {x: value(z if steps is None else steps, x) for x in BANKS}
            b.explained(f"{want} at {at}", raw, values, want, at, BANKS)
        # The PCR was given up right there, and the list went on.
        values = {x: value(a + [fill(0xff)], x) for x in BANKS}
        got = b.explained(f"foreign at {k}, and the PCR ends", raw, values, "foreign", k, BANKS)
        check(got.get("findings", [{}])[0].get("end") == k, f"foreign at {k}: end")
        values = {x: value(a + [recs[k], recs[k]], x) for x in BANKS}
        b.explained(f"repeated at {k}, and the PCR ends", raw, values, "repeated", k, BANKS)
        values = {x: value(a + [word(b"ready")] + z[:2], x) for x in BANKS}
        b.explained(f"foreign at {k}, and two records", raw, values, "foreign", k, BANKS)
    for k in (0, n):
        values = {x: value(recs[:k] + [fill(0xff)] + recs[k:], x) for x in BANKS}
        b.explained(f"foreign at {k}", raw, values, "foreign", k, BANKS)
    values = {x: value(recs + recs[-1:], x) for x in BANKS}
    b.explained("the last record twice", raw, values, "repeated", n - 1, BANKS)
    values = {x: value(recs[1:], x) for x in BANKS}
    b.explained("the first record missing", raw, values, "missing", 0, BANKS)


def one_bank(b):
    recs = make(200)
    raw = raws(recs)
    good = {x: value(recs, x) for x in ("sha1", "sha256", "sha384")}
    for bad in good:
        values = dict(good, **{bad: value(recs[:77] + [fill(0xff)] + recs[77:], bad)})
        b.explained(f"foreign in {bad} only", raw, values, "foreign", 77, [bad])
    values = {"sha1": value(recs[:50] + recs[51:], "sha1"), "sha256": value(recs[:90] + [recs[90]] + recs[90:], "sha256")}
    got = b.explained("another reason in each bank", raw, values, "missing", 50, ["sha1"])
    check([(f["hypothesis"], f["position"]) for f in got.get("findings", [])] == [("missing", 50), ("repeated", 90)],
          f"another reason in each bank: {got.get('findings')}")
    values = {"sha1": value(recs[:120], "sha1"), "sha256": value(recs[:118], "sha256")}
    b.explained("split", raw, values, "split", 118, BANKS)
    values = dict(good, sha384=value([lambda a, r=r: r.extend(a, "padded") for r in recs], "sha384"))
    b.explained("padded", raw, values, "padded", None, ["sha384"])
    values = dict(good, sha256=bytes(32))
    b.explained("one bank never extended", raw, values, "never-extended", None, ["sha256"])


def whole_list(b):
    recs = make(200)
    raw = raws(recs)
    for byte in (0, 0xff):
        values = {x: fill(byte)(x) for x in BANKS}
        b.explained(f"a PCR of {byte:02x}", raw, values, "never-extended", None, BANKS)
    values = {x: value([lambda a, r=r: r.extend(a, "zeros") for r in recs], x) for x in BANKS}
    b.explained("violations as zeros", raw, values, "violations", None, BANKS)
    values = {x: value(recs, x) for x in BANKS}
    b.explained("converted", raws(recs, ">"), values, "byte-order", None)
    other = make(200, "other")
    b.explained("another list", raws(other), values, "wrong-list", None, BANKS)
    two = [Rec("boot_aggregate")] + make(150)[1:] + make(60, "second")
    values = {x: value(two[150:], x) for x in BANKS}
    b.explained("a second boot without the first", raws(two), values, "reset", 150, BANKS)
    moved = make(300)
    values = {x: value(moved, x) for x in BANKS}
    moved[123].pcr = 11
    b.explained("a record that the list gives PCR 11", raws(moved), values, "misplaced", 123, BANKS)
    forged = make(300)
    forged[60] = Rec("/usr/bin/forged")
    got = b.explained("a record replaced, digest and all", raws(forged), {x: value(make(300), x) for x in BANKS}, "wrong-list")
    check(got.get("tried", {}).get("fromRecord") == 0, "what was tried is not said")


def one_bit(b):
    """One bit, anywhere but in a template's name: nothing that was measured covers that."""
    recs = make(LONG)
    parts = [r.raw() for r in recs]
    values = {x: value(recs, x) for x in BANKS}
    rng = random.Random(SEED)
    whole = b"".join(parts)
    starts = [0]
    for p in parts:
        starts.append(starts[-1] + len(p))
    ways = {0: 0, 1: 0}
    for turn in range(ONE_BIT):
        k = rng.randrange(LONG)
        at = rng.choice([i for i in range(len(parts[k])) if not 28 <= i < 34])
        bad = bytearray(whole)
        bad[starts[k] + at] ^= 1 << rng.randrange(8)
        some = {"sha256": values["sha256"]} if turn % 3 == 0 and not 4 <= at < 24 else values
        rc, out, err = b.verify(bytes(bad), some, "-j")
        name = f"bit in byte {at} of record {k}: exit {rc}: {(out[:300] + err)!r}"
        if rc == 4:
            ways[0] += 1
            got = json.loads(out)
            check(got.get("position") == k and got["hypothesis"] in ("altered", "misplaced"), name)
        else:
            ways[1] += 1
            check(rc == 1 and re.search(rf"\brecord {k}\b", err), name)
    print(f"one bit of {LONG} records: {ways[0]} wrong records, {ways[1]} broken lists")
    check(ways[0] > 20, "hardly any altered record")
    # With the claimed digest the sha1 bank fits, where data was altered.
    bad = bytearray(whole)
    bad[starts[4000] + 60] ^= 1
    got = b.explained("a bit of data", bytes(bad), values, "altered", 4000, ["sha1"])
    check(got.get("firstBadRecord") == 4000, "firstBadRecord")


def firmware_base(b):
    """V(0) is what the firmware left."""
    recs = make(50)
    raw = raws(recs)
    for name, algs in (("agile", ["sha1", "sha256"]), ("agile, more", ["sha1", "sha256", "sha384", "unknown"]), ("sha1", None)):
        # tpm2_eventlog takes a first EV_NO_ACTION of the old form for a Spec ID event.
        events = firmware.sample(10)[0 if algs else 1:]
        log = firmware.log(events, algs, b"vendor" if algs else b"")
        path = write(b.path("log"), log)
        banks = ["sha1", "sha256"] if algs else ["sha1"]
        base = {x: firmware.replay(events, x)[10] for x in banks}
        values = {x: value(recs, x, base[x]) for x in banks}
        check_exit(b.verify(raw, values, f"--firmware-log={path}"), 0, f"firmware log {name}")
        check_exit(b.verify(raw, values), 4, f"firmware log {name}, not given")
        short = {x: value(recs[:40], x, base[x]) for x in banks}
        check_exit(b.verify(raw, short, f"--firmware-log={path}"), 3, f"firmware log {name}, prefix")
        b.explained(f"firmware log {name}, nothing extended", raw, base, "never-extended", None, banks, f"--firmware-log={path}")
        broken = {x: value(recs[:20] + [fill(0xff)] + recs[20:], x, base[x]) for x in banks}
        b.explained(f"firmware log {name}, foreign", raw, broken, "foreign", 20, banks, f"--firmware-log={path}")
        plain = write(b.path("log"), firmware.log(firmware.sample(), algs))
        check_exit(b.verify(raw, {x: value(recs, x) for x in banks}, f"--firmware-log={plain}"), 0, f"{name}, PCR 10 not in it")
        for cut in (0, 5, 31, len(log) // 2 + 1, len(log) - 1):
            result = b.verify(raw, values, f"--firmware-log={write(b.path('log'), log[:cut])}")
            check_exit(result, 1, f"firmware log {name}, cut at {cut}")
            check("event" in result[2] and "offset" in result[2], f"firmware log cut at {cut}: {result[2]!r}")
        judge(path, events, banks, name)
    events = firmware.sample(10)
    one = write(b.path("log"), firmware.log(events))
    values = {x: value(recs, x, firmware.replay(events, x)[10]) for x in BANKS}
    check_exit(b.verify(raw, values, f"--firmware-log={one}"), 1, "no digests for sha256")
    check_exit(b.verify(raw, values, f"--firmware-log={b.top}/absent"), 1, "no such log")


def judge(path, events, banks, name):
    """tpm2-tools reads the same log and calculates the same values."""
    if not shutil.which("tpm2_eventlog"):
        harness.leave_out("tpm2_eventlog is not installed")
        return
    rc, out, err = run("tpm2_eventlog", path)
    if name == "agile, more":
        check(rc != 0, "tpm2_eventlog reads an unknown algorithm now: judge it, too")
        return
    if not check(rc == 0 and "\npcrs:" in out, f"tpm2_eventlog cannot read log {name}: {err.strip()[-200:]!r}"):
        return
    for bank in banks:
        block = re.search(rf"^  {bank}:\n((?:    .*\n?)+)", out[out.index("\npcrs:"):], re.M)
        got = dict(re.findall(r"^    (\d+)\s*: 0x([0-9a-f]+)", block[1], re.M)) if block else {}
        want = firmware.replay(events, bank)
        check("10" in got, f"tpm2_eventlog: no PCR 10 of {bank}")
        got.pop("18")           # tpm2_eventlog begins it with zeros, a TPM with ones
        # tpm2-tools 5.4 extends EV_NO_ACTION and knows no StartupLocality: its issues 3224, 3146.
        if any(e[:2] == (0, firmware.NO_ACTION) for e in events):
            got.pop("0")
        for pcr, v in got.items():
            check(v == want[int(pcr)].hex(), f"tpm2_eventlog: PCR {pcr} {bank} of {name}: {v} {want[int(pcr)].hex()}")


def piped(b):
    """A list that can be read only once: no reason is sought, and the verdict is the same."""
    recs = make(50)
    right = {x: value(recs, x) for x in BANKS}
    wrong = dict(right, sha256=bytes(reversed(right["sha256"])))
    for name, values, want in (("right", right, 0), ("wrong", wrong, 4)):
        pcrs = harness.write_pcrs(b.path("pcrs"), {x: {"10": v.hex()} for x, v in values.items()})
        p = subprocess.run([b.ctl, "verify", "--list=/dev/stdin", f"--pcrs={pcrs}"],
                           input=raws(recs), capture_output=True, timeout=60)
        check(p.returncode == want, f"piped, {name}: exit {p.returncode}, expected {want}: {p.stderr}")


def main():
    ctl = program("IMA_REPLAYCTL")
    recs = make(200)
    want = {x: value(recs, x) for x in BANKS}
    parsed = list(replay.parse(raws(recs)))
    for x in BANKS:
        check(replay.replay(parsed, x)[10] == want[x].hex(), f"replay.py and this script differ in {x}")
    with tempfile.TemporaryDirectory(prefix="mismatch.") as top:
        b = Bench(ctl, top)
        check_exit(b.verify(raws(recs), want), 0, "right")
        for part in (single_changes, one_bank, whole_list, firmware_base, one_bit, piped):
            part(b)
    finish()


if __name__ == "__main__":
    main()
