#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""list-verbs.py: `ima-replayctl list`, `explain` and `diff` on real lists.

What is expected is read from the bytes by tests/lib/replay.py; the kernel's own text form comes
from the shared logs, where they are there.
"""
import fcntl
import hashlib
import json
import os
import pty
import random
import re
import struct
import subprocess
import sys
import tempfile
import termios
import unicodedata

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import replay  # noqa: E402
import world  # noqa: E402
from harness import (SHARED, by_name, check, check_exit, finish, lists, program, run, views,  # noqa: E402
                     write)

ASCII_LISTS = 60
HOSTILE = ("k6.1-tpm-names", "k7.3-bypass-names", "k7.3-bypass-names-old")
FORMATS = {"ima-ng": "d-ng|n-ng", "ima-sig": "d-ng|n-ng|sig", "ima-ngv2": "d-ngv2|n-ng",
           "ima-sigv2": "d-ngv2|n-ng|sig", "ima-buf": "d-ng|n-ng|buf",
           "ima-modsig": "d-ng|n-ng|sig|d-modsig|modsig",
           "evm-sig": "d-ng|n-ng|evmsig|xattrnames|xattrlengths|xattrvalues|iuid|igid|imode"}
SGR = re.compile(r"\x1b\[[0-9;]*m")
# C0 (but newline), DEL, C1, bidi marks: what must not reach a terminal from a list.
HARMFUL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def raw(*argv):
    """(rc, bytes of stdout, stderr), through pipes."""
    p = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    return p.returncode, p.stdout, p.stderr.decode(errors="replace")


def on_terminal(columns, *argv, **more):
    """(rc, text) of a program whose stdout is a terminal of so many columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    mode = termios.tcgetattr(theirs)
    mode[1] &= ~termios.OPOST
    termios.tcsetattr(theirs, termios.TCSANOW, mode)
    env = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "NO_COLOR", "PAGER", "SYSTEMD_PAGER")}
    p = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=theirs, stderr=subprocess.PIPE,
                         env=dict(env, TERM="xterm", **more))
    os.close(theirs)
    out = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:
            piece = b""
        if not piece:
            break
        out += piece
    os.close(ours)
    p.stderr.read()
    return p.wait(60), out.decode(errors="surrogateescape")


def columns_of(text):
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
               for c in text)


def escape(data):
    """What lib/base/escape.h promises, written from its words."""
    out = ""
    for c in data.decode("utf-8", "surrogateescape"):
        if 0xdc80 <= ord(c) <= 0xdcff:
            out += f"\\x{ord(c) - 0xdc00:02x}"
        elif ord(c) < 0x20 or c == "\\" or HARMFUL.match(c):
            out += "".join(f"\\x{b:02x}" for b in c.encode())
        else:
            out += c
    return out


def subject(rec):
    """(name, "alg:hex") of a record, as bytes and text."""
    if rec.template == "ima":
        n = len(rec.hashed) - replay.NAME_MAX_HASHED
        return rec.data[n + 4:], ("md5:" if n == 16 else "sha1:") + rec.data[:n].hex()
    name = digest = None
    for kind, data in zip(FORMATS.get(rec.template, rec.template).split("|"), replay.fields(rec)):
        if kind in ("n", "n-ng") and name is None:
            name = data.removesuffix(b"\0")
        elif kind in ("d-ng", "d-ngv2") and digest is None:
            alg, _, value = data.partition(b":\0")
            digest = f"{alg.decode().split(':')[-1]}:{value.hex()}"
    return name, digest


def expected(x):
    alg = x.facts.get("log_alg", "sha1")
    for i, rec in enumerate(x.records):
        name, digest = subject(rec)
        fits = replay.violation(rec) or hashlib.new(alg, rec.hashed).digest() == rec.digest
        yield {"position": i, "pcr": rec.pcr, "template": escape(rec.template.encode("latin-1")),
               "digest": rec.digest.hex(), "name": escape(name), "fileDigest": digest,
               "violation": replay.violation(rec), "fits": fits}


# list

def json_seq(data):
    return [json.loads(part) for part in data.split(b"\x1e")[1:]]


def test_list(ctl, x):
    rc, out, err = raw(ctl, "list", f"--list={x.path}", "-j")
    want = list(expected(x))
    if check(rc == 0, f"{x.name}: list -j: exit {rc}: {err}"):
        check(out.count(b"\x1e") == out.count(b"\n") == len(want), f"{x.name}: -j is no JSON-SEQ")
        got = json_seq(out)
        first = next((i for i, (g, w) in enumerate(zip(got, want)) if g != w), None)
        check(got == want, f"{x.name}: list -j: {len(got)} records, first wrong {first}: "
                           f"{got[first:first + 1] if first is not None else ''}")
    rc, out, err = raw(ctl, "list", f"--list={x.path}", "--format=binary")
    check(rc == 0 and out == x.raw, f"{x.name}: --format=binary is not the input: {rc} {err}")
    rc, out, err = raw(ctl, "list", f"--list={x.path}", "--no-legend")
    rows = out.decode().split("\n")[:-1]
    check(rc == 0 and len(rows) == len(want), f"{x.name}: {len(rows)} rows, exit {rc}: {err}")
    check(not HARMFUL.search("".join(rows)), f"{x.name}: something unescaped in the table")
    check(all(r.endswith(w["name"]) for r, w in zip(rows, want)), f"{x.name}: a name is cut in a pipe")
    check(all(("!" in r.split()[:3]) == w["violation"] for r, w in zip(rows, want)),
          f"{x.name}: violations are not marked")
    for columns in (80, 200):
        rc, out = on_terminal(columns, ctl, "list", f"--list={x.path}", "--no-pager")
        rows = SGR.sub("", out).split("\n")
        check(rc == 0 and len(rows) == len(want) + 4, f"{x.name}: {columns}: exit {rc}, {len(rows)} lines")
        worst = max(rows, key=columns_of)
        check(columns_of(worst) <= columns, f"{x.name}: {columns}: {columns_of(worst)} columns: {worst!a}")
        check(not HARMFUL.search("".join(rows)), f"{x.name}: {columns}: something unescaped")


def test_ascii(ctl):
    if not SHARED:
        print("NOTE: without the shared logs --format=ascii is not compared")
        return
    n = 0
    for x in lists():
        path = f"{SHARED}/logs/captured/{x.name}.ascii"
        if os.path.exists(path):
            n += 1
            rc, out, err = raw(ctl, "list", f"--list={x.path}", "--format=ascii")
            with open(path, "rb") as f:
                check(rc == 0 and out == f.read(), f"{x.name}: --format=ascii is not the kernel's: {rc} {err}")
            rc, out, err = raw(ctl, "list", f"--list={path}", "--format=binary")
            check(rc == 0 and out == x.raw, f"{x.name}: binary made of ascii is not the kernel's: {rc} {err}")
    check(n >= ASCII_LISTS, f"{n} lists in the kernel's ascii form")


def test_terminal(ctl):
    x = by_name("k7.3-tpm-pcrs")
    argv = (ctl, "list", f"--list={x.path}")
    _, out = on_terminal(80, *argv, "--no-pager")
    check("\x1b[33m!" in out, "colour on a terminal")
    _, out = on_terminal(80, *argv, "--no-pager", NO_COLOR="1")
    check("\x1b" not in out, "no colour with NO_COLOR")
    _, out, _ = raw(*argv)
    check(b"\x1b" not in out, "no colour in a pipe")
    _, out = on_terminal(200, *argv, "--no-pager", COLUMNS="60")
    check(max(map(columns_of, SGR.sub("", out).split("\n"))) <= 60, "COLUMNS wins")
    _, out = on_terminal(80, *argv, SYSTEMD_PAGER="sed s/^/paged:/", PAGER="false")
    check(out.count("paged:") > len(x.records) and "\x1b[33m!" in out, "$SYSTEMD_PAGER is used")
    _, out = on_terminal(80, *argv, PAGER="sed s/^/paged:/")
    check("paged:" in out, "$PAGER is used")
    _, out = on_terminal(80, *argv, PAGER="printenv LESS")
    check(out.strip() == "FRSXMK", f"LESS is {out!a}")
    _, out = on_terminal(80, *argv, "--no-pager", PAGER="sed s/^/paged:/")
    check("paged:" not in out, "--no-pager")
    _, out = on_terminal(80, *argv, SYSTEMD_PAGER="")
    check(len(out.split("\n")) > len(x.records), "an empty $SYSTEMD_PAGER is none")
    rc, out = on_terminal(80, *argv, PAGER="head -n1")
    check(rc == 0, f"a pager that is left early: exit {rc}")
    rc, out = on_terminal(80, *argv, PAGER="/nonexistent/pager", LESS="-E")
    check(rc == 0, f"a pager that is not there: exit {rc}")
    rc, _ = on_terminal(80, *argv, "--format=binary")
    check(rc == 2, f"binary on a terminal: exit {rc}")
    for name in HOSTILE:
        rc, out = on_terminal(80, ctl, "list", f"--list={by_name(name).path}", "--format=ascii", "--no-pager")
        check(rc == 0 and not HARMFUL.search(out), f"{name}: ascii on a terminal is escaped")


def test_filters(ctl):
    x = by_name("k7.3-tpm-pcrs")
    want = list(expected(x))
    rows = {
        ("--pcr=12",): [w for w in want if w["pcr"] == 12],
        ("--violations",): [w for w in want if w["violation"]],
        ("--template=ima-sig",): [w for w in want if w["template"] == "ima-sig"],
        ("--template=ima",): [],
        ("--name=/mnt/home",): [w for w in want if w["name"].startswith("/mnt/home")],
        ("--range=3:7",): want[3:8],
        ("--range=:7",): want[:8],
        ("--range=38:",): want[38:],
        ("--range=5",): want[5:6],
        ("--range=1000:",): [],
        ("--pcr=10", "--range=2:30", "--violations"): [w for w in want[2:31] if w["violation"] and w["pcr"] == 10],
    }
    for options, records in rows.items():
        rc, out, err = raw(ctl, "list", f"--list={x.path}", "-j", *options)
        check(rc == 0 and json_seq(out) == records, f"{options}: exit {rc}, {len(json_seq(out))} records: {err}")
    check(len(rows[("--pcr=12",)]) > 0 and len(rows[("--violations",)]) > 0, "filters have something to find")
    for bad in ("--range=7:3", "--range=:", "--range=a", "--range=-1:", "--pcr=64", "--pcr=", "--format=xml",
                "--json=yes", "--list-digest=md6", "--range=18446744073709551616"):
        check_exit(run(ctl, "list", f"--list={x.path}", bad), 2, bad)
    check_exit(run(ctl, "list", "--root=/nonexistent"), 1, "list without --list, and no service")
    check_exit(run(ctl, "list", "more", f"--list={x.path}"), 2, "list with an argument")


def test_broken(ctl, top):
    x = by_name("k7.3-tpm-pcrs")
    end = x.records[20].end
    for what, data, n in (("empty", b"", 0), ("cut", x.raw[:end + 30], 21),
                          ("malformed", x.raw[:end] + b"\xff" * 100, 21)):
        rc, out, err = raw(ctl, "list", f"--list={write(f'{top}/{what}', data)}", "-j")
        check(rc == 1 and len(json_seq(out)) == n, f"{what}: exit {rc}, {len(json_seq(out))} records of {n}")
        check(err.count("\n") == 1 and what in err, f"{what}: not one message: {err!a}")
    rc, out, err = raw(ctl, "list", f"--list={top}/malformed", "-j", "--range=:20")
    check(rc == 0 and len(json_seq(out)) == 21, f"what is behind a range is not judged: exit {rc}: {err}")
    data = bytearray(x.raw)
    data[x.records[7].start + 8] ^= 1
    rc, out, _ = raw(ctl, "list", f"--list={write(f'{top}/wrong', bytes(data))}", "-j")
    check(rc == 0 and [r["position"] for r in json_seq(out) if not r["fits"]] == [7], f"wrong digest: exit {rc}")


# explain

def test_explain(ctl, x, rng):
    n = len(x.records)
    chosen = sorted({0, n - 1} | {rng.randrange(n) for _ in range(2)})
    violations = [i for i, r in enumerate(x.records) if replay.violation(r)]
    walks = {b: list(replay.walk(x.records, b)) for b in replay.ALGS}
    for i in chosen + violations[:1]:
        rec, name = x.records[i], f"{x.name}: explain {i}"
        rc, out, err = raw(ctl, "explain", str(i), f"--list={x.path}", "-j")
        if not check(rc == 0, f"{name}: exit {rc}: {err}"):
            continue
        got = json.loads(out)
        check((got["offset"], got["length"]) == (rec.start, rec.end - rec.start), f"{name}: offset and length")
        check(got["positionInPcr"] == sum(r.pcr == rec.pcr for r in x.records[:i]), f"{name}: positionInPcr")
        hashed, whole = b"", x.raw[rec.start:rec.end]
        for piece in got["hashed"]:
            at = piece.get("offset")
            hashed += bytes(piece["length"]) if at is None else whole[at:at + piece["length"]]
        check(hashed == (b"" if replay.violation(rec) else rec.hashed), f"{name}: what is hashed")
        for bank in replay.ALGS:
            values = [v for k, p, v in walks[bank][:i + 1] if p == rec.pcr]
            zeros = bytes(hashlib.new(bank).digest_size)
            want = {"before": (values[-2] if len(values) > 1 else zeros).hex(), "after": values[-1].hex(),
                    "digest": replay.extend_digest(rec, bank).hex(), "padded": False}
            check(got["banks"][bank] == want, f"{name}: {bank}: {got['banks'][bank]}")
        rc, out, err = raw(ctl, "explain", str(i), f"--list={x.path}")
        check(rc == 0 and not HARMFUL.search(out.decode()), f"{name}: text: exit {rc}")
        check(all(replay.extend_digest(rec, b).hex() in out.decode() for b in replay.ALGS), f"{name}: digests in text")


def test_explain_more(ctl):
    x = by_name("k7.3-bypass-tcb")
    _, out, _ = raw(ctl, "explain", "0", f"--list={x.path}")
    check("no TPM when IMA started" in out.decode(), "a boot_aggregate of zeros is explained")
    for name in ("own-bypass-late-sync", "own-tpm-late-sync"):
        _, out, _ = raw(ctl, "explain", "0", f"--list={by_name(name).path}", "-j")
        check("CONFIG_IMA_INIT_LATE_SYNC" in json.loads(out)["note"], f"{name}: boot_aggregate_late is explained")
    p = by_name("k6.1-tpm-names")
    _, out, _ = raw(ctl, "explain", "5", f"--list={p.path}", "-j", "--padded=sha384", "--bank=sha384")
    check(json.loads(out)["banks"]["sha384"]["digest"] == replay.extend_digest(p.records[5], "sha384", True).hex(),
          "a padded bank is explained as such")
    check_exit(run(ctl, "explain", str(len(x.records)), f"--list={x.path}"), 1, "explain behind the end")
    check_exit(run(ctl, "explain", f"--list={x.path}"), 2, "explain without a position")
    check_exit(run(ctl, "explain", "x", f"--list={x.path}"), 2, "explain x")


def test_explain_cause(ctl, top):
    """Expectations are the rules of the kernel's ima_rdwr_violation_check(), see lib/core/violation.h."""
    def cause(path, at, want, said, what):
        texts = []
        for option in ("--json=short", "--json=off"):
            p = subprocess.run([ctl, "explain", str(at), f"--list={path}", option], capture_output=True, timeout=60)
            check(p.returncode == 0 and p.stderr == b"", f"{what}: exit {p.returncode}: {p.stderr!a}")
            texts.append(p.stdout.decode())
        check(json.loads(texts[0]).get("cause") == want, f"{what}: {texts[0][:300]}")
        check((re.findall(r"^  cause: +(\w+).*" + said, texts[1], re.M) or [None])[0] == (want and want.split("-")[0]),
              f"{what}: {texts[1][:500]}")

    file = hashlib.sha256(b"content").digest()
    boot, open_write, first = world.boot_aggregate(), world.violation("/etc/x"), world.ima_ng("/etc/x", file)
    other, likely, unknown = world.made(400, 1), "likely-open-writers", "unknown"
    for what, parts, want in (
            ("measured behind only", [boot, open_write, first], likely),
            ("measured far behind, other files between", [boot, open_write, other, first], likely),
            ("measured before, too", [boot, first, open_write, first], unknown),
            ("measured before, too, other files between", [boot, first, other, open_write, first], unknown),
            ("never measured", [boot, open_write, other], unknown),
            ("the list does not begin with a boot", [other, open_write, first], unknown)):
        data = b"".join(parts)
        at = next(i for i, r in enumerate(replay.parse(data)) if replay.violation(r))
        cause(write(f"{top}/cause", data), at, want, "audit records", what)
    data = boot + open_write + first
    cause(write(f"{top}/cause", data), 2, None, "", "no violation")
    for what, tail in (("cut", other[:30]), ("malformed", b"\xff" * 100)):
        cause(write(f"{top}/cause", data + tail), 1, unknown, "could not be read again", f"{what} behind")
    pipe = subprocess.run([ctl, "explain", "1", "--list=/dev/stdin", "--json=off"], input=data, capture_output=True)
    check(pipe.returncode == 0 and b"unknown" in pipe.stdout and b"could not be read again" in pipe.stdout,
          f"a pipe: {pipe.returncode} {pipe.stdout[:400]!a} {pipe.stderr!a}")
    x = by_name("k7.3-tpm-pcrs")
    violations = [i for i, r in enumerate(x.records) if replay.violation(r)]
    check(len(violations) > 1, f"{x.name}: {len(violations)} violations")
    for i in violations:
        cause(x.path, i, unknown, "leave the same records", f"{x.name}: cause of {i}")


# diff

def altered(x, i):
    """Record i with another file digest: one bit of it, behind the template's own digest."""
    rec = x.records[i]
    data = bytearray(x.raw[rec.start:rec.end])
    at = bytes(data).index(b":\0") + 3
    data[at] ^= 4
    return bytes(data)


def test_diff(ctl, top, rng):
    x = by_name("k6.12-bypass-2000")
    recs = [x.raw[r.start:r.end] for r in x.records]
    once = [i for i, r in enumerate(recs) if recs.count(r) == 1]
    a = write(f"{top}/a", x.raw)

    def diff(parts, want, what, rc_want=4):
        rc, out, err = raw(ctl, "diff", a, write(f"{top}/b", b"".join(parts)), "-j")
        if check(rc == rc_want, f"diff {what}: exit {rc}: {err}"):
            got = [(c["kind"], c.get("first"), c.get("second")) for c in json.loads(out)["changes"]]
            check(got == want, f"diff {what}: {got[:5]}, expected {want}")

    diff(recs, [], "same", 0)
    for _ in range(8):
        i, j = sorted(rng.sample(once, 2))
        diff(recs[:i] + recs[i + 1:], [("deleted", i, None)], f"delete {i}")
        new = altered(x, i)
        diff(recs[:j] + [new] + recs[j:], [("inserted", None, j)], f"insert {j}")
        diff(recs[:i] + [new] + recs[i + 1:], [("changed", i, i)], f"change {i}")
        if j - i > 2:
            swapped = recs[:i] + [recs[j]] + recs[i + 1:j] + [recs[i]] + recs[j + 1:]
            diff(swapped, [("moved", i, j), ("moved", j, i)], f"swap {i} {j}")
        diff(recs[:i], [("deleted", k, None) for k in range(i, len(recs))], f"stop at {i}")
    k = once[10]
    rc, out, _ = raw(ctl, "diff", a, write(f"{top}/b", b"".join(recs[:k] + [altered(x, k)] + recs[k + 1:])))
    check(rc == 4 and f"= 0..{k - 1}" in out.decode() and f"\n~ {k} " in out.decode(), "diff for people")
    rc, out, err = raw(ctl, "diff", a, write(f"{top}/b", x.raw[:-3]))
    check(rc == 1 and err.count("\n") == 1, f"diff with a cut list: exit {rc}: {err}")
    check_exit(run(ctl, "diff", a, write(f"{top}/b", b"")), 1, "diff with an empty list")
    check_exit(run(ctl, "diff", a), 2, "diff with one list")
    check_exit(run(ctl, "diff", a, f"{top}/none"), 1, "diff with no file")


def common(a, b):
    """How many items a longest common subsequence has."""
    row = [0] * (len(b) + 1)
    for x in a:
        last, row = row, [0]
        for j, y in enumerate(b):
            row.append(last[j] + 1 if x == y else max(last[j + 1], row[j]))
    return row[-1]


def test_diff_many(ctl, top, rng):
    """Many edits at once: nothing shorter explains them, and they do lead from one list to the other."""
    for k in range(30):
        recs = [big_list(i + 1)[len(big_list(i)):] for i in range(40)]
        a = rng.sample(recs, 30)
        b = [r for r in a if rng.random() < 0.8]
        for r in rng.sample(recs, rng.randrange(8)):
            if r not in b:
                b.insert(rng.randrange(len(b) + 1), r)
        for _ in range(rng.randrange(4)):
            b.insert(rng.randrange(len(b)), b.pop(rng.randrange(len(b))))
        rc, out, err = raw(ctl, "diff", write(f"{top}/a", b"".join(a)), write(f"{top}/b", b"".join(b)), "-j")
        if not check(rc == (0 if a == b else 4), f"diff {k}: exit {rc}: {err}"):
            continue
        changes = json.loads(out)["changes"]
        gone = {c["first"] for c in changes if "first" in c}
        new = {c["second"] for c in changes if "second" in c}
        kept = [x for i, x in enumerate(a) if i not in gone]
        check(kept == [x for j, x in enumerate(b) if j not in new], f"diff {k}: what is kept is not the same")
        check(len(kept) == common(a, b), f"diff {k}: {len(kept)} kept, {common(a, b)} could be")
        check(all(a[c["first"]] == b[c["second"]] for c in changes if c["kind"] == "moved"), f"diff {k}: moved")
        check(all(a[c["first"]] not in b for c in changes if c["kind"] == "deleted"), f"diff {k}: deleted")
        check(all(b[c["second"]] not in a for c in changes if c["kind"] == "inserted"), f"diff {k}: inserted")


def test_diff_forms(ctl, top):
    """The other byte order, and per-algorithm lists: the same records."""
    x = by_name("k7.3-bypass-evmsig")
    parts = []
    for rec in x.records:
        name = rec.template.encode()
        data = b"".join(struct.pack(">I", len(f)) + f for f in replay.fields(rec))
        digest = rec.digest if replay.violation(rec) else hashlib.sha1(data).digest()
        parts.append(struct.pack(">I", rec.pcr) + digest + struct.pack(">I", len(name)) + name +
                     struct.pack(">I", len(data)) + data)
    check_exit(run(ctl, "diff", x.path, write(f"{top}/be", b"".join(parts))), 0, "diff of both byte orders")
    check_exit(run(ctl, "diff", x.path, write(f"{top}/be", b"".join(parts[:5] + parts[6:]))), 4,
               "diff of both byte orders, a record missing")
    n = 0
    for y in views():
        if y.name in ("k7.3-tpm-templates.sha256", "own-tpm-kexec.sha512"):
            n += 1
            check_exit(run(ctl, "diff", by_name(y.name.rsplit(".", 1)[0]).path, y.path), 0, f"diff with {y.name}")
    check(n == 2, f"{n} per-algorithm lists compared")


def big_list(n, other=()):
    """n records of template ima-ng; those in other have another file digest."""
    out = []
    for i in range(n):
        name = b"/usr/lib/file-%d\0" % i
        digest = b"sha256:\0" + hashlib.sha256(b"%d %d" % (i, i in other)).digest()
        data = struct.pack("<I", len(digest)) + digest + struct.pack("<I", len(name)) + name
        out.append(struct.pack("<I", 10) + hashlib.sha1(data).digest() + struct.pack("<I", 6) + b"ima-ng" +
                   struct.pack("<I", len(data)) + data)
    return b"".join(out)


def peak(*argv):
    """Peak memory of a program, in KiB."""
    p = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(p.pid, 0)
    p.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_maxrss if p.returncode == 0 else 1 << 40


def test_large(ctl, top):
    """Memory does not grow with the list, and diff has its limit."""
    n = 110_000
    small, large = write(f"{top}/small", big_list(1000)), write(f"{top}/large", big_list(n))
    with open(ctl, "rb") as f:
        sanitized = b"__asan_init" in f.read()
    for form in ("-j", "--format=table", "--format=ascii", "--format=binary"):
        if sanitized:
            print("NOTE: under ASan memory is not compared")
            break
        less, more = (peak(ctl, "list", f"--list={x}", form) for x in (small, large))
        check(more <= less + 1024, f"list {form}: {less} KiB for 1000 records, {more} KiB for {n}")
    rc, out, err = raw(ctl, "diff", large, write(f"{top}/other", big_list(n, {n - 50})), "-j")
    got = json.loads(out)
    check(rc == 4 and not got["limited"] and [c["first"] for c in got["changes"]] == [n - 50],
          f"diff at the end of a long list: exit {rc}: {err}")
    rc, out, err = raw(ctl, "diff", large, write(f"{top}/other", big_list(n, {7, n - 50})), "-j")
    got = json.loads(out)
    check(rc == 4 and got["limited"] and got["common"] == 7 and got["changes"] == []
          and got["firstRecords"] == got["secondRecords"] == n, f"diff beyond its limit: exit {rc}: {err}")
    rc, out, err = raw(ctl, "diff", large, f"{top}/other")
    check(rc == 4 and b"~ 7 " in out and b"/usr/lib/file-7," in out, f"diff beyond its limit, for people: {out!a}")
    with open("/dev/full", "wb") as full:
        rc = subprocess.run([ctl, "list", f"--list={large}"], stdout=full, stderr=subprocess.DEVNULL).returncode
    check(rc == 1, f"list to a full disk: exit {rc}")


def main():
    ctl, rng = program("IMA_REPLAYCTL"), random.Random(4)
    seen = 0
    for x in lists():
        if "published" not in x.path:
            seen += 1
            test_list(ctl, x)
            test_explain(ctl, x, rng)
    check(seen > 60, f"{seen} captured lists")
    test_ascii(ctl)
    test_terminal(ctl)
    test_filters(ctl)
    test_explain_more(ctl)
    with tempfile.TemporaryDirectory() as top:
        test_explain_cause(ctl, top)
        test_broken(ctl, top)
        test_diff(ctl, top, rng)
        test_diff_many(ctl, top, rng)
        test_diff_forms(ctl, top)
        test_large(ctl, top)
    finish()


if __name__ == "__main__":
    main()
