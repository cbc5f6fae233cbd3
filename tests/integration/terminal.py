#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""terminal.py: what `ima-replayctl` shows, on terminals of 80 and 200 columns, in pipes,
with NO_COLOR, and with names that hold escape sequences, newlines, invalid UTF-8 and bidi marks:
nothing broken, nothing unescaped (rule I14).

Of the real service, for a list with such names; of one that escapes nothing and says what none
should (tests/lib/liar.py); and of files, by the verbs that need no service.
"""
import os
import re
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import liar  # noqa: E402
import serve  # noqa: E402
import world  # noqa: E402
from daemon import Daemon, caught_up  # noqa: E402
from harness import by_name, check, finish, program, write, write_pcrs  # noqa: E402
from screen import CLEAR, HARMFUL, SGR, columns_of, in_pipe, on_terminal  # noqa: E402

NASTY = (b"/tmp/\x1b[31mred\x1b]0;title\x07 \r\nnew line\ttab\\x41\\ \x7f\xc2\x9b31m \xff\xfe\xc0\xaf "
         b"\xe2\x80\xae evil \xe2\x81\xa6 \xe2\x80\xa8 \xed\xa0\x80 </script><script>alert(1)</script>\"'&")
NAMES = [NASTY, b"/tmp/" + b"\x1b[2J" * 60, "/tmp/".encode() + "漢字".encode() * 60, b"\xff" * 200]
WIDTHS = (80, 200)


class Seen:
    outputs = bad = 0


def look(name, text, columns=None, colours=True):
    """One output; columns: no line is wider."""
    Seen.outputs += 1
    # What is ours: RFC 7464 begins each text with RS, and interfaces are indented with tabs.
    text = re.sub("(?m)^\x1e|^\t+", "", text)
    plain = text.replace(CLEAR, "") if colours else text
    plain = SGR.sub("", plain) if colours else plain
    harm = HARMFUL.search(plain)
    good = check(not harm, f"{name}: unescaped {plain[max(harm.start() - 20, 0):harm.end() + 20]!a}" if harm else name)
    if columns:
        worst = max(plain.split("\n"), key=columns_of)
        good = check(columns_of(worst) <= columns, f"{name}: {columns_of(worst)} columns of {columns}: {worst!a}") and good
    Seen.bad += not good


def every_way(ctl, name, argv, rcs=(0,), wrapped=True, says=None):
    """On terminals, with NO_COLOR, in a pipe."""
    for columns in WIDTHS:
        rc, out = on_terminal(columns, ctl, *argv, "--no-pager", with_stderr=True)
        check(rc in rcs, f"{name}: {columns}: exit {rc}: {out[-300:]!a}")
        look(f"{name}: {columns}", out, columns if wrapped else None)
        check(out.strip() != "", f"{name}: {columns}: nothing shown")
    rc, out = on_terminal(80, ctl, *argv, "--no-pager", with_stderr=True, NO_COLOR="1")
    look(f"{name}: NO_COLOR", out, 80 if wrapped else None, colours=False)
    rc, out, err = in_pipe(ctl, *argv)
    check(rc in rcs, f"{name}: pipe: exit {rc}: {err!a}")
    look(f"{name}: pipe", out + err, colours=False)
    if says:
        check(re.search(says, out), f"{name}: {says} is not in {out[:300]!a}")
    return out


def everything(ctl, top, n, rc):
    """All verbs that show something; rc: what status ends with."""
    where = f"--root={top}"
    every_way(ctl, "status", (where,), rcs=(rc,), says="IMA replay")
    every_way(ctl, "status --full", (where, "status", "--full"), rcs=(rc,))
    every_way(ctl, "status -j", (where, "status", "-j"), rcs=(rc,), wrapped=False)
    for full in ((), ("--full",)):
        out = every_way(ctl, f"list {full}", (where, "list", "--no-legend", *full), wrapped=not full)
        check(len(out.split("\n")) == n + 1, f"list {full}: {len(out.split(chr(10)))} lines for {n} records")
        check("\\x1b" in out and "\\xff" in out, f"list {full}: shows no nasty name: {out[:200]!a}")
    every_way(ctl, "list -j", (where, "list", "-j"), wrapped=False)
    every_way(ctl, "metrics", (where, "metrics"), says="(?m)^measurements_total [0-9]+$", wrapped=False)
    every_way(ctl, "metrics --openmetrics", (where, "metrics", "--openmetrics"), wrapped=False,
              says="(?m)^ima_replay_measurements_total [0-9]+$")
    every_way(ctl, "verify", (where, "verify"), rcs=(0, 1, 3, 4), wrapped=False)
    every_way(ctl, "call", (where, "call", "org.imareplay.status.GetStatus", "{}"), wrapped=False)
    every_way(ctl, "call", (where, "call", "org.imareplay.replay.ReadList", "{}"), wrapped=False)
    every_way(ctl, "introspect", (where, "introspect"), rcs=(0, 1), wrapped=False)
    for what in ("wait_tpm", "follow", "all"):
        every_way(ctl, f"explain {what}", ("explain", what), wrapped=what != "all")
    for options in ((), ("--html",)):
        code, out, err = in_pipe(ctl, where, "plot", *options)
        check(code == 0 and "<svg" in out and "</svg>" in out, f"plot {options}: exit {code}: {err!a}")
        look(f"plot {options}", out + err, colours=False)
        check("<script>alert" not in out and "</script><script>" not in out, f"plot {options}: a name became markup")


def watch(ctl, top, during):
    """What never ends by itself: --watch, list -f."""
    where = f"--root={top}"
    for columns in WIDTHS:
        _, out = on_terminal(columns, ctl, where, "status", "--watch", until=b"PCR 10", seconds=10)
        check(CLEAR in out and "IMA replay" in out, f"status --watch: {columns}: {out!a}")
        look(f"status --watch: {columns}", out, columns)
        _, out = on_terminal(columns, ctl, where, "list", "-f", until=b"\\xff", seconds=20, during=during)
        check("\\x1b" in out, f"list -f: {columns}: no nasty name came: {out!a}")
        look(f"list -f: {columns}", out, columns)
    _, out, err = in_pipe(ctl, where, "status", "--watch", until=b"extended\n", seconds=10)
    check(out.count("\n") >= 1 and "\x1b" not in out, f"status --watch: pipe: {out!a} {err!a}")
    look("status --watch: pipe", out + err, colours=False)
    _, out, err = in_pipe(ctl, where, "list", "-f", until=b"\\xff", seconds=20, during=during)
    check("\\x1b" in out, f"list -f: pipe: no nasty name came: {out!a} {err!a}")
    look("list -f: pipe", out + err, colours=False)
    _, out, err = in_pipe(ctl, where, "list", "-f", "-j", until=b"\\xff", seconds=20, during=during)
    look("list -f -j: pipe", out + err, colours=False)


def test_offline(ctl, top):
    """The verbs that read files: a list with such names, and values that do not fit."""
    x = by_name("k7.3-bypass-names")
    path, cut = write(f"{top}/list", x.raw), write(f"{top}/cut", x.raw[:-9])
    other = write(f"{top}/other", b"".join(x.raw[r.start:r.end] for r in x.records if r is not x.records[4]))
    pcrs = write_pcrs(f"{top}/pcrs", {"sha256": {"10": "ab" * 32}})
    for full in ((), ("--full",)):
        every_way(ctl, f"list --list= {full}", ("list", f"--list={path}", "--no-legend", *full), wrapped=not full, says=r"\\x1b")
        every_way(ctl, f"diff {full}", ("diff", path, other, *full), rcs=(4,), wrapped=False)
        every_way(ctl, f"replay {full}", ("replay", f"--list={path}", *full), wrapped=False)
        every_way(ctl, f"verify {full}", ("verify", f"--list={path}", f"--pcrs={pcrs}", *full), rcs=(4,), wrapped=False)
    every_way(ctl, "list: cut", ("list", f"--list={cut}"), rcs=(1,), wrapped=False)
    every_way(ctl, "explain 3 --list=", ("explain", f"--list={path}", "3"), wrapped=False)
    every_way(ctl, "doctor", ("doctor", f"--root={top}"), rcs=(5,), wrapped=False)
    every_way(ctl, "no such file", ("list", "--list=" + os.fsdecode(NASTY)), rcs=(1,), wrapped=False)


def test_real(ctl, top):
    raw = by_name("k7.3-bypass-names").raw
    root = world.Root(f"{top}/root", raw)
    n = len(by_name("k7.3-bypass-names").records)
    os.mkdir(f"{top}/tpm")
    with Daemon(root.top, f"libtpms:{top}/tpm/state") as daemon, \
            serve.Server(root.top) as server:
        daemon.wait_for(caught_up(n), 60, "terminal: caught up")
        server.wait_for(lambda s: s["verdict"] == "extended", 10, "terminal: served")
        everything(ctl, root.top, n, 0)
        every_way(ctl, "wait", (f"--root={root.top}", "wait"), says="are in the TPM", wrapped=False)
        every_way(ctl, "explain 3", (f"--root={root.top}", "explain", "3"), wrapped=False)
        shown = [raw]

        def more():
            """Records with nasty names come, as list -f looks on."""
            time.sleep(0.3)
            for name in NAMES:
                data = world.field(b"sha256:\0" + bytes(32)) + world.field(name + b"\0")
                shown[0] += world.record("ima-ng", data)
            root.show(shown[0])

        watch(ctl, root.top, more)


def surrogates(data):
    return data.decode("utf-8", "surrogateescape")


def test_liar(ctl, top):
    """Everything that is text is nasty, and nothing is escaped but what JSON cannot do without."""
    # Well-formed UTF-8 only: what is none is no JSON, and no answer.
    text = surrogates(NASTY).encode("utf-8", "ignore").decode() + "\\xff\\x1b"
    names = [text, "\x1b[2J" * 60 + "\\xff", "漢字" * 60, "a" * 5000]
    records = [liar.record(i, name=names[i % 4], template=text if i == 1 else "ima-ng",
                           fileDigest=text if i == 2 else "sha256:" + "4f" * 32,
                           digests={"sha256": text, text: text}) for i in range(8)]
    status = liar.status(
        verdict="failed", state=text, reason=text, message=text, bootId=text, mode=text,
        gate=[{"name": text, "readiness": "waiting", "hint": text}, {"name": "tpm", "readiness": text, "hint": text * 20}],
        tpm={"device": text, "driver": text, "software": True, "compareAndSwap": False, "resetCount": 1, "restartCount": 2},
        banks=[{"pcr": 10, "algorithm": text, "value": text, "verified": None},
               {"pcr": 2**63 - 1, "algorithm": "sha256", "value": text * 10, "verified": 2**62}])
    answers = {
        "org.imareplay.status.GetStatus": [status],
        "org.imareplay.replay.ReadList": [lambda p: liar.listing(records)],
        "org.imareplay.replay.Verify": [{"matches": False, "measured": 8, "extended": None, "provenance": [], "banks": [
            {"pcr": 10, "algorithm": text, "observed": text, "calculated": text, "hypothesis": text, "position": 3}]}],
        "org.varlink.service.GetInfo": [{"vendor": text, "product": text, "version": text, "url": text, "interfaces": [text]}],
        "org.varlink.service.GetInterfaceDescription": [{"description": f"interface a\n\t{text}\n"}],
        "org.imareplay.status.Wait": [liar.Error("org.imareplay.status.Unattestable", {"state": text, "reason": text, "message": text})],
    }
    sockets = f"{top}/run/ima-replay"
    with liar.Liar(f"{sockets}/{serve.STATUS}", answers), liar.Liar(f"{sockets}/{serve.REPLAY}", answers):
        everything(ctl, top, 8, 4)
        where = f"--root={top}"
        every_way(ctl, "introspect X", (where, "introspect", "a"), wrapped=False)
        every_way(ctl, "wait", (where, "wait"), rcs=(4,), wrapped=False)
        answers["org.imareplay.status.GetStatus"] = [liar.Error(text, {text: text})]
        every_way(ctl, "status: error", (where,), rcs=(1,), wrapped=False)
        every_way(ctl, "call: error", (where, "call", "org.imareplay.status.GetStatus"), rcs=(1,), wrapped=False)
        for what, answer in (("not UTF-8", liar.Raw(b'{"parameters":{"verdict":"\xff\xfe"}}\0')),
                             ("no JSON", liar.Raw(b"\x1b[2J\0")),
                             ("an empty answer", {}), ("another type", liar.status(measured="many")),
                             ("deep", liar.Raw(b'{"parameters":' + b"[" * 500 + b"]" * 500 + b"}\0"))):
            answers["org.imareplay.status.GetStatus"] = [answer]
            out = every_way(ctl, f"status: {what}", (where,), rcs=(1,), wrapped=False)
            check(out == "", f"status: {what}: {out!a} on stdout")


def main():
    begun = time.monotonic()
    ctl = program("IMA_REPLAYCTL")
    world.set_library_path()
    with tempfile.TemporaryDirectory() as top:
        test_liar(ctl, f"{top}/liar")
        test_real(ctl, f"{top}/real")
        test_offline(ctl, f"{top}/real")
    print(f"goal G18: {Seen.bad} broken or unescaped of {Seen.outputs} outputs; wanted 0; "
          f"{time.monotonic() - begun:.1f} s")
    finish()


if __name__ == "__main__":
    main()
