#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""ctl-daemon.py: `ima-replayctl` against the real service on a software TPM.

What it shows is compared with the list's own bytes (tests/lib/replay.py), with what the TPM holds, and
with what the same verbs say of files.
"""
import contextlib
import hashlib
import json
import os
import re
import sys
import tempfile
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import liar  # noqa: E402
import replay  # noqa: E402
import serve  # noqa: E402
import world  # noqa: E402
from daemon import Daemon, caught_up  # noqa: E402
from harness import ROOT, by_name, check, check_exit, finish, program, run, write  # noqa: E402
from kernel import Kernel  # noqa: E402
from screen import in_pipe, on_terminal  # noqa: E402

IDL = f"{ROOT}/lib/varlink/idl"
BEFORE = 40
SAMPLE = re.compile(r'^(ima_replay_[a-z0-9_]+)(?:\{([a-z]+="[^"\\\n]*"(?:,[a-z]+="[^"\\\n]*")*)\})? (-?[0-9]+(?:\.[0-9]+)?)$')


class Ctl:
    def __init__(self, top):
        self.program, self.top = program("IMA_REPLAYCTL"), top

    def __call__(self, *argv, timeout=60):
        return run(self.program, f"--root={self.top}", *argv, timeout=timeout)

    def good(self, *argv, want=0):
        result = self(*argv)
        check_exit(result, want, " ".join(argv))
        return result[1]

    def json(self, *argv, want=0):
        out = self.good(*argv, "-j", want=want)
        return json.loads(out) if out else None

    def seq(self, *argv, want=0):
        return [json.loads(part) for part in self.good(*argv, "-j", want=want).split("\x1e")[1:]]


# Before there is anything

def test_nobody(top):
    ctl = Ctl(top)
    for argv in ((), ("status",), ("wait",), ("list",), ("verify",), ("metrics",), ("call", "org.imareplay.status.GetStatus"),
                 ("introspect",), ("explain", "0"), ("replay",), ("plot",)):
        rc, out, err = ctl(*argv)
        check(rc == 1 and out == "", f"{argv}: nobody answers: exit {rc}: {out}")
        check(err.count("\n") == 1 and "nobody answers" in err and "→ try" in err, f"{argv}: one line, what to try: {err!a}")
    rc, _, err = run(ctl.program, f"--socket={top}/none", "status")
    check(rc == 1 and f"{top}/none" in err, f"--socket=: exit {rc}: {err}")
    for argv in (("status", "more"), ("wait", "--timeout=soon"), ("wait", "--timeout=1.1234567"), ("wait", "--position=-1"),
                 ("wait", "--position=1", "--records=2"), ("list", "--after=sha256:12"), ("list", "--after=md6:00"),
                 ("list", "-f", "--range=1:2"), ("list", "--range=1:", f"--after=sha1:{'0' * 40}"), ("list", "-f", "--format=binary"),
                 ("list", "--list=/dev/null", "-f"), ("explain", "sideways"), ("call",), ("call", "GetStatus"),
                 ("call", "org.imareplay.status.GetStatus", "[]"), ("call", "a.b.C", "{"), ("plot", "--watch"), ("diff", "-f", "a", "b")):
        check_exit(ctl(*argv), 2, f"usage: {argv}")


# Words

def idl_words(text, name):
    body = re.search(rf"^type {name}\(\n(.*?)^\)", text, re.M | re.S)[1]
    return re.findall(r"^\t([a-z_]+),?$", body, re.M)


def test_words(ctl):
    """Every word of the interface, and of the words that are listed each says what to do."""
    with open(f"{IDL}/org.imareplay.status.varlink", encoding="utf-8") as f:
        text = f.read()
    words = [w for kind in ("State", "Reason", "Verdict") for w in idl_words(text, kind)]
    check(len(words) > 50, f"{len(words)} words")
    listed = [line.split()[0] for line in ctl.good("explain", "all").splitlines()]
    for word in set(words) | set(listed):
        out = ctl.good("explain", word)
        check(re.search(rf"^{word} \((state|reason|verdict)\): \S.*\n +Meaning: \S.*\n +What to do: \S", out),
              f"explain {word}: {out!a}")
        got = ctl.json("explain", word)
        check(got["word"] == word and set(got) == {"word", "kind", "brief", "cause", "advice"} and all(got.values()),
              f"explain {word} -j: {got}")
    check(set(words) <= set(listed), f"not listed: {set(words) - set(listed)}")


# Status

def test_status(ctl, server, n):
    status = ctl.json("status")
    check(status.items() >= {"verdict": "extended", "state": "follow", "mode": "bypass", "measured": n, "extended": n}.items(),
          f"status -j: {status}")
    check(status["tpm"]["compareAndSwap"] is True and {b["algorithm"] for b in status["banks"]} == set(world.BANKS),
          f"status -j: TPM and banks: {status['tpm']} {status['banks']}")
    out = ctl.good()
    for text in (r"^● IMA replay: following, everything is in the TPM$", rf"Kernel: TPM-bypass .*, {n} records, 0 violations$",
                 rf"Extended: {n} of {n}, last .* ago$", r"TPM: libtpms:.* ✓ each extend is a compare-and-swap",
                 r"PCR 10: sha1 ✓ [0-9a-f]{16}…", rf"Boot: .*backlog of {BEFORE} done [0-9.]+s \(.* records/s\)$"):
        check(re.search(text, out, re.M), f"status: {text} is not in {out}")
    value = next(b["value"] for b in status["banks"] if b["algorithm"] == "sha512")
    check(value in ctl.good("status", "--full"), "status --full: whole digests")
    check_exit(ctl("status", "-q"), 0, "status -q")
    check(ctl.good("status", "-q") == "", "status -q says nothing")
    with server.client() as c:
        check(c.call(f"{serve.STATUS}.GetStatus").keys() == status.keys(), "status -j is what GetStatus says")


def keys_of(value, prefix=""):
    """Every key of an object and of the objects in it, but for those that are data."""
    if isinstance(value, list):
        for v in value:
            yield from keys_of(v)
    elif isinstance(value, dict):
        for k, v in value.items():
            if k not in world.BANKS:
                yield k
            yield from keys_of(v)


def test_documented(outputs):
    """Each key stands in the section JSON of the man page."""
    with open(f"{ROOT}/man/ima-replayctl.1.scd", encoding="utf-8") as f:
        section = re.search(r"^# JSON\n(.*?)^# ", f.read(), re.M | re.S)[1]
    documented = set(re.findall(r'"([A-Za-z0-9]+)":', section))
    for name, value in outputs.items():
        keys = set(keys_of(value))
        check(keys and keys <= documented, f"{name}: not in the man page: {keys - documented}")


# List

def test_list(ctl, top, raw):
    records = list(replay.parse(raw))
    got = ctl.seq("list")
    check([g["position"] for g in got] == list(range(len(records))), f"list -j: {len(got)} of {len(records)} records")
    for i, (g, rec) in enumerate(zip(got, records)):
        for bank in world.BANKS:
            check(g["digests"][bank] == replay.extend_digest(rec, bank).hex(), f"list -j: {i}: {bank}")
        check(g["extended"] is True and g["violation"] == replay.violation(rec) and g["pcr"] == rec.pcr, f"list -j: {i}: {g}")
    write(f"{top}/list", raw)
    offline = [json.loads(p) for p in run(ctl.program, "list", f"--list={top}/list", "-j")[1].split("\x1e")[1:]]
    for key in set(offline[0]) & set(got[0]):
        check([o.get(key) for o in offline] == [g.get(key) for g in got], f"list -j: {key} is not that of the offline form")
    check({"position", "pcr", "template", "name", "fileDigest", "violation"} <= set(offline[0]) & set(got[0]), "common keys")
    times = [g["extendedUSec"] for g in got if "extendedUSec" in g]
    check(len(times) == len(got) and times == sorted(times), "list -j: times of extending")
    rows = ctl.good("list", "--no-legend").splitlines()
    check(len(rows) == len(records) and all(re.match(r" *\d+  10 ✓[! ] ima-ng", r) for r in rows), f"list: {rows[:2]}")
    for options, want in ((("--range=3:7",), range(3, 8)), (("--range=:2",), range(3)), (("--range=38:",), range(38, len(records))),
                          (("--range=5",), [5]), (("--pcr=11",), []), (("--template=ima-sig",), []),
                          (("--name=/usr/lib/made/1",), [1, *range(10, 20)]), (("--violations",), []),
                          (("--extended", "--name=boot"), [0])):
        check([g["position"] for g in ctl.seq("list", *options)] == list(want), f"list {options}")
    values = world.values(records[:30])
    for bank in world.BANKS:
        check([g["position"] for g in ctl.seq("list", f"--after={bank}:{values[bank]}")] == list(range(30, len(records))),
              f"list --after={bank}")
    rc, _, err = ctl("list", f"--after=sha256:{'ab' * 32}")
    check(rc == 1 and "another boot" in err, f"list --after= of another boot: exit {rc}: {err}")
    check_exit(ctl("list", "--range=100000:"), 1, "list behind the end")
    return got


def test_formats(ctl, top, raw):
    path = write(f"{top}/list", raw)
    for form in ("binary", "ascii", "cel"):
        _, served, err = in_pipe(ctl.program, f"--root={ctl.top}", "list", f"--format={form}")
        _, offline, _ = in_pipe(ctl.program, "list", f"--list={path}", f"--format={form}")
        check(served == offline != "", f"--format={form}: not that of the file: {err} {served[:80]!a}")
        if form == "binary":
            check(served.encode("utf-8", "surrogateescape") == raw, "--format=binary is the list")
    records = list(replay.parse(raw))
    cel = json.loads(ctl.good("list", "--format=cel", "--bank=sha1,sha512", "--range=2:4"))
    check([c["recnum"] for c in cel] == [2, 3, 4], f"cel: {[c['recnum'] for c in cel]}")
    for c, rec in zip(cel, records[2:5]):
        check({d["hashAlg"]: d["digest"] for d in c["digests"]} == {b: replay.extend_digest(rec, b).hex() for b in ("sha1", "sha512")} and
              bytes.fromhex(c["content"]["template_data"]) == rec.hashed and c["content_type"] == "ima_template", f"cel: {c}")
    check(ctl.json("replay") == json.loads(run(ctl.program, "replay", f"--list={path}", "-j")[1]), "replay of the service's list")
    check(ctl.json("explain", "7") == json.loads(run(ctl.program, "explain", "7", f"--list={path}", "-j")[1]), "explain 7")
    check_exit(ctl("explain", "100000"), 1, "explain behind the end")
    check_exit(run(ctl.program, "--root=" + ctl.top, "verify", f"--pcrs={write(f'{top}/none', '')}"), 1, "verify --pcrs= of nothing")


# Wait, follow

def test_wait(ctl, kernel, n):
    got = ctl.json("wait", "--timeout=10")
    check(got == {"state": "follow", "measured": n, "extended": n}, f"wait -j: {got}")
    check(ctl.good("wait", f"--position={n - 1}").strip() == f"✓ {n} of {n} records are in the TPM", "wait --position=")
    begun = time.monotonic()
    rc, out, err = ctl("wait", f"--position={n}", "--timeout=0.4")
    took = time.monotonic() - begun
    check(rc == 3 and out == "" and "time is over" in err, f"wait: time-out: exit {rc}: {out} {err}")
    check(0.4 <= took < 5, f"wait: time-out of 0.4 s took {took:.1f} s")
    check_exit(ctl("wait", "--records=0", "--timeout=0"), 0, "wait --records=0")
    waiter = {}

    def wait():
        waiter["result"] = ctl("wait", f"--records={n + 5}", "--timeout=30")

    thread = threading.Thread(target=wait)
    thread.start()
    time.sleep(0.3)
    check(thread.is_alive(), "wait for records to come waits")
    kernel.say("burst", 5)
    thread.join(40)
    check_exit(waiter["result"], 0, "wait for records to come")
    rc, out = on_terminal(80, ctl.program, f"--root={ctl.top}", "wait", f"--records={n + 100}", "--timeout=1.5", with_stderr=True)
    check(rc == 3 and re.search(rf"follow: {n + 5} of {n + 5} records", out), f"wait: progress on a terminal: exit {rc}: {out!a}")
    return n + 5


def test_follow(ctl, kernel, n):
    def more():
        time.sleep(0.5)
        kernel.say("burst", 3)
    _, out, err = in_pipe(ctl.program, f"--root={ctl.top}", "list", "-f", "-j", until=f'"position":{n + 2}'.encode(), during=more)
    time.sleep(0.1)
    got = [json.loads(p) for p in out.split("\x1e")[1:] if p.endswith("\n")]
    check([g["position"] for g in got] in ([n, n + 1, n + 2], [n, n + 1]), f"list -f: {out!a} {err}")
    check(all(g["extended"] and g["extendedUSec"] >= g["seenUSec"] for g in got), f"list -f: {got}")
    _, out, _ = in_pipe(ctl.program, f"--root={ctl.top}", "list", "-f", f"--range={n}:", until=f"made/{n + 2}\n".encode())
    check(re.findall(r"made/(\d+)", out) == [str(n + i) for i in range(3)], f"list -f --range={n}: {out}")
    _, out, _ = in_pipe(ctl.program, f"--root={ctl.top}", "status", "--watch", "-j", until=f'"extended":{n + 6}'.encode(), during=more)
    seen = [json.loads(p)["measured"] for p in out.split("\x1e")[1:] if p.endswith("\n")]
    check(seen and seen[0] == n + 3 and seen == sorted(seen), f"status --watch -j: {seen}")
    return n + 6


# Metrics, call, introspect

def test_metrics(ctl, n):
    out = ctl.good("metrics", "--openmetrics")
    types, values = {}, {}
    for line in out.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            check(name not in types and kind in ("counter", "gauge"), f"metrics: {line}")
            types[name] = kind
        elif not line.startswith("# HELP "):
            m = SAMPLE.match(line)
            if check(m, f"metrics: no sample: {line}"):
                check(m[1] in types, f"metrics: {m[1]} has no type before it")
                check((m[1], m[2]) not in values, f"metrics: twice: {line}")
                values[m[1], m[2]] = float(m[3])
                check((types.get(m[1]) == "counter") == m[1].endswith("_total"), f"metrics: {m[1]} is a {types.get(m[1])}")
    check(out.endswith("\n"), "metrics: the last line ends")
    for key, want in ((("ima_replay_measurements_total", None), n), (("ima_replay_extended_total", None), n),
                      (("ima_replay_behind_records", None), 0), (("ima_replay_state", 'state="follow"'), 1),
                      (("ima_replay_state", 'state="diverged"'), 0), (("ima_replay_verdict", 'verdict="extended"'), 1),
                      (("ima_replay_backlog_records", None), BEFORE), (("ima_replay_pcr_matches", 'pcr="10",bank="sha256"'), 1)):
        check(values.get(key) == want, f"metrics: {key}: {values.get(key)}, not {want}")
    check(0 < values["ima_replay_backlog_duration_seconds", None] < 60, "metrics: the backlog's duration")
    with open(f"{ROOT}/man/ima-replayctl.1.scd", encoding="utf-8") as f:
        section = re.search(r"^# METRICS\n(.*?)^# ", f.read(), re.M | re.S)[1].replace("\\", "")
    for name in types:
        check(re.search(rf"_{name.removeprefix('ima_replay_')}[_{{]", section), f"metrics: {name} is not in the man page")
    check(re.search(rf"^measurements_total {n}$", ctl.good("metrics"), re.M), "metrics without names of Prometheus")


def test_call(ctl):
    status = json.loads(ctl.good("call", "org.imareplay.status.GetStatus"))
    check(status["verdict"] == "extended", f"call: {status}")
    rc, out, err = ctl("call", "org.imareplay.replay.ReadList", '{"first": 100000}')
    check(rc == 1 and "NoSuchRecord" in err and json.loads(out)["position"] == 100000, f"call: an error: exit {rc}: {out} {err}")
    rc, _, err = ctl("call", "org.imareplay.replay.Nothing")
    check(rc == 1 and "MethodNotFound" in err, f"call: no such method: exit {rc}: {err}")
    rc, _, err = ctl("call", "org.imareplay.replay.ReadList", '{"sideways": 1}')
    check(rc == 1 and "InvalidParameter" in err, f"call: a wrong parameter: exit {rc}: {err}")
    out = ctl.good("call", "--more", "org.imareplay.replay.ReadList", '{"raw": true}')
    check("\x1e" in out and json.loads(out.split("\x1e")[1])["next"] > 0, f"call --more: {out[:80]!a}")
    names = ctl.good("introspect").split()
    check(set(names) >= {"org.imareplay.status", "org.imareplay.replay", "io.systemd.Metrics", "org.varlink.service"}, f"introspect: {names}")
    for name in names:
        path = f"{IDL}/{name}.varlink"
        out = ctl.good("introspect", name)
        if os.path.exists(path):
            with open(path, encoding="utf-8") as f:
                check(out.strip() == f.read().strip(), f"introspect {name} is not its file")
        check(f"interface {name}\n" in out, f"introspect {name}: {out[:80]}")
    rc, _, err = ctl("introspect", "org.example.none")
    check(rc == 1 and err.count("\n") == 1, f"introspect of nothing: exit {rc}: {err}")


def test_verify(ctl, n):
    got = ctl.json("verify")
    check(got["matches"] is True and got["measured"] == got["extended"] == n, f"verify -j: {got}")
    check({b["algorithm"] for b in got["banks"]} == set(world.BANKS) and all(b["observed"] == b["calculated"] for b in got["banks"]),
          f"verify -j: {got['banks']}")
    out = ctl.good("verify")
    check(out.count("✓") == 5 and f"the TPM holds all {n} records" in out, f"verify: {out}")
    check(ctl.good("verify", "-q") == "", "verify -q says nothing")
    return got


def test_good(top):
    os.mkdir(f"{top}/tpm")
    ctl = Ctl(f"{top}/root")
    with contextlib.ExitStack() as stack:
        kernel = stack.enter_context(Kernel(ctl.top))
        kernel.say("burst", BEFORE - 1)
        daemon = stack.enter_context(Daemon(ctl.top, f"libtpms:{top}/tpm/state"))
        server = stack.enter_context(serve.Server(ctl.top))
        daemon.wait_for(caught_up(BEFORE), 30, "caught up")
        server.wait_for(lambda s: s["verdict"] == "extended", 10, "served")
        test_words(ctl)
        test_status(ctl, server, BEFORE)
        listed = test_list(ctl, top, kernel.raw())
        test_formats(ctl, top, kernel.raw())
        n = test_wait(ctl, kernel, BEFORE)
        n = test_follow(ctl, kernel, n)
        check_exit(ctl("wait"), 0, "wait for all")
        test_metrics(ctl, n)
        test_call(ctl)
        verified = test_verify(ctl, n)
        test_documented({"status": ctl.json("status"), "list": listed, "verify": verified, "wait": ctl.json("wait"),
                         "explain": ctl.json("explain", "follow"), "the interface": liar.status()})
        server.kill()
        check_exit(ctl(), 1, "status of a server that was killed")


# Where it is not good

def test_pending(top):
    """No TPM yet: 3 everywhere, and the list is there all the same."""
    root = world.Root(f"{top}/root", world.made(BEFORE))
    ctl = Ctl(root.top)
    with Daemon(root.top, f"libtpms:{top}/tpm/state") as daemon, serve.Server(root.top) as server:
        daemon.wait_for(lambda s: s["state"] == "wait_tpm", 30, "waits for the TPM")
        server.wait_for(lambda s: s["state"] == "wait_tpm", 10, "served")
        rc, out, err = ctl()
        check(rc == 3 and re.search(r"^● IMA replay: waiting for the TPM since \d+\.\d\ds$", out, re.M) and
              "→ ima-replayctl explain tpm_unavailable" in out, f"status: exit {rc}: {out} {err}")
        check_exit(ctl("status", "-q"), 3, "status -q, pending")
        check_exit(ctl("wait", "--timeout=0"), 3, "wait --timeout=0, pending")
        check_exit(ctl("verify"), 3, "verify, pending")
        check_exit(ctl("metrics"), 0, "metrics, pending")
        # The service reads the list when there is a TPM to extend it into; that is said.
        out, got = ctl.good("list"), ctl.seq("list")
        check(len(got) == BEFORE or f"{BEFORE - len(got)} more are measured" in out, f"list, pending: {len(got)}: {out}")
        check(all(g["extended"] is False for g in got), "list, pending: nothing is in the TPM")
        check(ctl.seq("list", "--extended") == [], "list --extended, pending")


def test_failed(top):
    """Something else extended the PCR: 4 everywhere, with the reason."""
    os.mkdir(f"{top}/tpm")
    tcti = f"libtpms:{top}/tpm/state"
    root = world.Root(f"{top}/root", world.made(BEFORE))
    ctl = Ctl(root.top)
    check_exit(world.oneshot(root, tcti), 0, "oneshot")
    root.reboot()
    world.extend(tcti, [{b: b"\xff" * hashlib.new(b).digest_size for b in world.BANKS}])
    with Daemon(root.top, tcti) as daemon, serve.Server(root.top) as server:
        daemon.wait_for(lambda s: s["state"] == "diverged", 30, "diverged")
        server.wait_for(lambda s: s["verdict"] == "failed", 10, "served")
        rc, out, err = ctl()
        check(rc == 4 and "the PCR does not follow from the list since" in out and "→ ima-replayctl explain foreign_extend" in out,
              f"status: exit {rc}: {out} {err}")
        check_exit(ctl("wait"), 4, "wait, failed")
        rc, out, err = ctl("verify")
        check(rc == 4, f"verify, failed: exit {rc}: {out} {err}")
        if "no prefix" in out:
            check("one extend of ones" in out and out.count("✗") == 5, f"verify says why: {out}")
        got = ctl("verify", "-j")
        check(got[0] == 4, f"verify -j, failed: exit {got[0]}")
        rc, out, _ = ctl("metrics", "--openmetrics")
        check(rc == 0 and 'ima_replay_verdict{verdict="failed"} 1' in out, f"metrics, failed: exit {rc}")


def test_kernel(top):
    """The kernel extends by itself."""
    os.mkdir(f"{top}/tpm")
    tcti = f"libtpms:{top}/tpm/state"
    raw = by_name("k7.3-tpm-tcb").raw
    records = list(replay.parse(raw))
    lists = {"sha1": raw, "sha256": b"", "sha384": b"", "sha512": b""}
    root = world.Root(f"{top}/root", raw, lists=lists)
    world.extend_records(tcti, records, world.BANKS)
    ctl = Ctl(root.top)
    with Daemon(root.top, tcti) as daemon, serve.Server(root.top) as server:
        daemon.wait_for(lambda s: s["state"] == "kernel_owns", 30, "kernel_owns")
        server.wait_for(lambda s: s["verdict"] == "kernel" and s["spool"]["records"] == len(records), 20, "served")
        out = ctl.good()
        check("the kernel extends by itself" in out and "Kernel: extends by itself" in out, f"status: {out}")
        check_exit(ctl("wait"), 0, "wait, kernel")
        listed = ctl.seq("list")
        check(len(listed) == len(records), f"list, kernel: {len(listed)} of {len(records)}: {server.status()}")


def test_verdicts(top):
    """The exit status of each verdict, also of those that no service here comes to; one that is not known is failed."""
    ctl, answers = Ctl(top), {}
    with liar.Liar(f"{top}/run/ima-replay/{serve.STATUS}", answers):
        for verdict, status in (("extended", 0), ("kernel", 0), ("pending", 3), ("failed", 4), ("no_ima", 5), ("unheard_of", 4)):
            answers[f"{serve.STATUS}.GetStatus"] = [liar.status(verdict=verdict, state="wait_list", reason="ima_absent")]
            for argv in ((), ("status", "-j"), ("status", "-q")):
                check_exit(ctl(*argv), status, f"{verdict}: {argv}")
        for error, fields, status in (("Timeout", {"state": "catch_up", "measured": 2, "extended": 1}, 3),
                                      ("Unattestable", {"state": "diverged", "reason": "foreign_extend"}, 4),
                                      ("Unattestable", {"state": "wait_list", "reason": "ima_absent"}, 5)):
            answers[f"{serve.STATUS}.Wait"] = [liar.Error(f"{serve.STATUS}.{error}", fields)]
            result = ctl("wait")
            check_exit(result, status, f"wait: {error} {fields}")
            check(result[2].count("\n") == 1 and "→ try ima-replayctl explain" in result[2], f"wait: {error}: {result[2]!a}")


def test_pieces(top):
    """A list that is too large for a file: what its pieces end with decides the exit status."""
    ctl, piece = Ctl(top), {"data": "", "next": 0, "end": 9}
    answers = {f"{serve.REPLAY}.OpenList": [liar.Error(f"{serve.REPLAY}.TooLarge", {"size": 1 << 26, "limit": 1 << 25})]}
    with liar.Liar(f"{top}/run/ima-replay/{serve.REPLAY}", answers):
        for error, fields, status in (("NotReady", {"state": "wait_tpm"}, 3), ("NotSpooled", {"position": 2}, 1),
                                      ("Unattestable", {"state": "diverged", "reason": "foreign_extend"}, 4)):
            for before in ([], [piece]):
                answers[f"{serve.REPLAY}.ReadList"] = [*before, liar.Error(f"{serve.REPLAY}.{error}", fields)]
                result = ctl("replay")
                check_exit(result, status, f"pieces: {len(before)}, then {error}")
                check(result[1] == "" and result[2].count("\n") == 1, f"pieces: {error}: {result}")
        answers[f"{serve.REPLAY}.ReadList"] = [{"data": 7, "next": 0, "end": 9}]
        check_exit(ctl("replay"), 1, "pieces: what is none")


def main():
    world.need("tpm2_pcrextend")
    world.need_libtpms()
    for test in (test_nobody, test_good, test_pending, test_failed, test_kernel, test_verdicts, test_pieces):
        with tempfile.TemporaryDirectory() as top:
            test(top)
    finish()


if __name__ == "__main__":
    main()
