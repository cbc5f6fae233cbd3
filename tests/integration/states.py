#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""states.py: what `ima-replayd --oneshot` says and how it exits, whatever it finds.

  0 everything is in the TPM          3 not yet, or cut: what precedes is extended
  1 it could not be done              4 the PCR does not fit the list: left alone
  2 usage                             5 no IMA
"""
import fcntl
import os
import shutil
import signal
import struct
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness  # noqa: E402
import replay  # noqa: E402
import world  # noqa: E402
from harness import by_name, check, check_exit, finish, program, run  # noqa: E402
from world import BANKS, Root, Swtpm, ended, oneshot, start_oneshot  # noqa: E402

TCTI_REFUSED_WITH_ROOT = ("device:/dev/tpmrm0", "device:/dev/null", "tabrmd:", "", "libtpms", "swtpm", "mssim", "cmd:true", "cmd:sh -c true",
                          ":", "Libtpms:x", " libtpms:x", "libtpms2:x", "libtss2-tcti-libtpms.so.0:x", "./libtpms:x", "none", "pcap:x")
TCTI_REFUSED = ("swtpm:host=127.0.0.1,port=9", "libtpms:", "mssim:", "cmd:true", "", "device", "none", "/dev/tpmrm0")
STOP_SECONDS = 2
SLOW = 5000             # microseconds for an extend


class Scene:
    def __init__(self, top):
        self.top, self.n = top, 0

    def path(self, name):
        self.n += 1
        return f"{self.top}/{self.n}.{name}"

    def root(self, raw=None, count=None, **options):
        root = Root(self.path("root"), None, **options)
        if raw is not None:
            root.show(raw, count)
        return root

    def tcti(self):
        return f"libtpms:{self.path('tpm')}"


def said(name, result, want, *texts):
    """The exit status, and one line that says why."""
    check_exit(result, want, name)
    err = result[2]
    check(err.count("\n") == 1 and err.startswith("ima-replayd: ") and err[:-1].isprintable() and len(err) < 300,
          f"{name}: not one line: {err!r}")
    for text in texts:
        check(text in err, f"{name}: does not say {text!r}: {err!r}")
    check(not result[1], f"{name}: output: {result[1]!r}")


def wait_for(what, name, seconds=10):
    until = time.monotonic() + seconds
    while not (done := what()) and time.monotonic() < until:
        time.sleep(0.005)
    return check(done, f"{name}: does not come")


def holds(tcti, records):
    """How many of the records are in PCR 10, in all banks; None when that cannot be said."""
    return world.position(world.positions(records), world.read_pcr(tcti))


# Usage

def usage(scene, raw):
    root = scene.root(raw)
    for tcti in TCTI_REFUSED_WITH_ROOT:
        said(f"--root and --tcti={tcti!r}", oneshot(root, tcti), 2, "--tcti=")
    daemon = program("IMA_REPLAYD")
    for tcti in TCTI_REFUSED:
        said(f"--tcti={tcti!r} without --root", run(daemon, "--oneshot", f"--tcti={tcti}"), 2, "--tcti=")
    tcti = scene.tcti()
    for options in (["--timeout="], ["--timeout=-1"], ["--timeout=x"], ["--timeout=1s"], ["--timeout=99999999999"], ["excess"]):
        said(f"usage: {options}", oneshot(root, tcti, *options), 2)
    for option in ("--timeout=1", "--print-pcrs", "--repair-banks", "--replay-after-reset"):
        said(f"{option} without --oneshot", run(daemon, f"--root={root.top}", f"--tcti={tcti}", option), 2, "--oneshot")
    for option in ("--hold-list=no", "--hold-list=", "--spool-max=", "--spool-max=-1", "--spool-max=1X", "--spool-max=1KK", "--spool-max=1025G",
                   "--spool-max=99999999999999999999", "--require-measured-boot=maybe"):
        said(f"usage: {option}", oneshot(root, tcti, option), 2, "expected")
    check_exit(oneshot(root, tcti, "--nonsense"), 2, "usage: --nonsense")
    check_exit(run(daemon, "--help"), 0, "--help")
    check_exit(run(daemon, "--version"), 0, "--version")
    check_exit(oneshot(f"{scene.top}/absent", tcti), 1, "--root that is not there")
    check(not os.path.exists(tcti.removeprefix("libtpms:")), "usage: a TPM was opened")


# The list

def no_list(scene, raw, records):
    for name, root, want, texts in (
            ("no IMA directory", scene.path("root"), 5, ["no IMA here"]),
            ("empty list", scene.root(b""), 3, ["not yet: wait_list", "no record yet"]),
            ("first record cut", scene.root(raw[:50], 1), 3, ["not yet: wait_list"])):
        os.makedirs(root.top if isinstance(root, Root) else root, exist_ok=True)
        tcti = scene.tcti()
        said(name, oneshot(root, tcti), want, *texts)
        started = time.monotonic()
        said(f"{name}, --timeout=1", oneshot(root, tcti, "--timeout=1"), want, *texts)
        check(0.9 < time.monotonic() - started < 5, f"{name}: --timeout=1 took {time.monotonic() - started:.1f} s")
        check(not any(int(v, 16) for v in world.read_pcr(tcti).values()), f"{name}: PCR 10 was changed")
    root = scene.root(raw)
    os.unlink(root.path)
    said("no list in the directory", oneshot(root, scene.tcti()), 3, "not yet: wait_list")


def comes_later(scene, raw, records):
    """What is missing appears while --timeout runs."""
    top = scene.path("root")
    os.makedirs(top)
    other = scene.root(raw)
    root = scene.root(b"")
    cut = scene.root(raw[:-7], len(records))

    def ima():
        shutil.move(f"{other.top}/sys", top)

    for name, where, then in (("IMA", top, ima), ("a record", root, lambda: root.show(raw)),
                              ("the end of a record", cut, lambda: cut.show(raw))):
        tcti = scene.tcti()
        daemon = start_oneshot(where, tcti, "--timeout=20")
        time.sleep(0.2)
        check(daemon.poll() is None, f"{name}: it did not wait")
        then()
        said(f"{name} comes within --timeout", ended(daemon), 0, f"{len(records)} records are in the TPM")
        check(holds(tcti, records) == len(records), f"{name} comes within --timeout: PCR 10")


def broken_list(scene, raw, records):
    n = len(records)
    last, mid = records[-1], records[n // 2]
    name_at = mid.start + 24
    data_at = name_at + 4 + len(mid.template)

    def put(at, value):
        return raw[:at] + struct.pack("<I", value) + raw[at + 4:]

    for cut in (last.start + 1, last.start + 24, last.start + 40, last.end - 1):
        tcti = scene.tcti()
        root = scene.root(raw[:cut], n)
        said(f"last record cut at {cut - last.start}", oneshot(root, tcti), 3, "what precedes it is extended")
        check(holds(tcti, records) == n - 1, f"last record cut at {cut - last.start}: PCR 10 is not V({n - 1})")
        root.show(raw)
        said("then complete", oneshot(root, tcti), 0, f"{n} records are in the TPM, 1 extended now")

    for name, bad in (
            ("name of 0 bytes", put(name_at, 0)), ("name of 4 GiB", put(name_at, 0xffffffff)),
            ("data of 3 MiB", put(data_at, 3 << 20)), ("data of 4 GiB", put(data_at, 0xffffffff)),
            ("zeros", raw[:mid.start] + bytes(400) + raw[mid.start:]),
            ("ones", raw[:mid.start] + b"\xff" * 400 + raw[mid.start:])):
        tcti = scene.tcti()
        said(f"record {n // 2}: {name}", oneshot(scene.root(bad, n), tcti), 4, "list_broken")
        k = holds(tcti, records)
        check(k is not None and k <= n // 2, f"record {n // 2}: {name}: PCR 10 is V({k})")
    tcti = scene.tcti()
    said("record 0 malformed", oneshot(scene.root(b"\xff" * 400, 3), tcti), 4, "list_broken")
    check(holds(tcti, records) == 0, "record 0 malformed: PCR 10 was changed")

    for i in (0, 1, n // 2, n - 1):
        for what, at in (("SHA-1", records[i].start + 4), ("data", records[i].end - 2)):
            tcti = scene.tcti()
            bad = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1:]
            result = oneshot(scene.root(bad, n), tcti)
            check_exit(result, 4, f"record {i}: a bit of its {what}")
            k = holds(tcti, records)
            check(k is not None and k <= i, f"record {i}: a bit of its {what}: PCR 10 is V({k})")


# The PCR

def foreign(scene, raw, records):
    rows = [{b: replay.extend_digest(r, b) for b in BANKS} for r in records]
    one = {b: replay.extend_digest(records[3], b) for b in BANKS}
    root = scene.root(raw)
    for name, before, texts in (
            ("foreign extend of a zero PCR", [one], ["diverged", "something else extended"]),
            ("foreign extend in the middle", [*rows[:5], one], ["diverged"]),
            ("record doubled", [*rows[:5], rows[4]], ["diverged"]),
            ("record left out", [*rows[:5], rows[6]], ["diverged"]),
            ("more than the list", [*rows, one], ["diverged"]),
            *((f"foreign extend in {b} only", [*rows[:5], {b: one[b]}], ["diverged", "some banks"]) for b in BANKS),
            *((f"{b} one record ahead", [*rows[:5], {b: rows[5][b]}], ["split_banks", "different prefixes"]) for b in BANKS),
            ("sha256 has everything, the others nothing", [{"sha256": r["sha256"]} for r in rows], ["split_banks"])):
        tcti = scene.tcti()
        world.extend(tcti, before)
        pcr = world.read_pcr(tcti)
        for again in ("", ", again"):
            said(name + again, oneshot(root, tcti), 4, *texts)
            check(world.read_pcr(tcti) == pcr, f"{name}{again}: PCR 10 was changed")


# The TPM

def no_tpm(scene, raw, records):
    root = scene.root(raw)
    for tcti in (f"libtpms:{scene.top}/absent/tpm", "swtpm:host=127.0.0.1,port=9", "swtpm:path=/nonexistent", "mssim:host=127.0.0.1,port=9"):
        said(f"no TPM, {tcti}", oneshot(root, tcti), 3, "not yet: wait_tpm", "--timeout=SEC")
    started = time.monotonic()
    said("no TPM, --timeout=1", oneshot(root, "swtpm:host=127.0.0.1,port=9", "--timeout=1"), 3, "not yet: wait_tpm")
    check(0.9 < time.monotonic() - started < 5, f"no TPM: --timeout=1 took {time.monotonic() - started:.1f} s")

    top = scene.path("later")
    daemon = start_oneshot(root, f"libtpms:{top}/tpm", "--timeout=20")
    time.sleep(0.2)
    os.makedirs(top)
    said("libtpms comes within --timeout", ended(daemon), 0, f"{len(records)} extended now")
    check(holds(f"libtpms:{top}/tpm", records) == len(records), "libtpms comes within --timeout: PCR 10")

    root.reboot()
    with Swtpm(scene.path("tpm")) as tpm:
        tpm.stop()
        daemon = start_oneshot(root, tpm.tcti, "--timeout=20")
        time.sleep(0.2)
        tpm.start(tpm.port)
        said("swtpm comes within --timeout", ended(daemon), 0, f"{len(records)} extended now")
        check(holds(tpm.tcti, records) == len(records), "swtpm comes within --timeout: PCR 10")


def tpm_goes(scene, raw, records):
    """The TPM dies in the middle of a catch-up, and comes back empty while the daemon waits for it."""
    root = scene.root(raw)
    where = world.positions(records)
    with Swtpm(scene.path("tpm")) as tpm:
        start = tpm.update_counter()
        daemon = start_oneshot(root, tpm.tcti)
        wait_for(lambda: tpm.update_counter() > start, "TPM dies: the first extend")
        tpm.stop()
        said("TPM dies", ended(daemon), 3, "not yet:")

    with Swtpm(scene.path("tpm")) as tpm:
        start = tpm.update_counter()
        daemon = start_oneshot(root, tpm.tcti, "--timeout=20")
        wait_for(lambda: tpm.update_counter() > start, "TPM is reset: the first extend")
        tpm.stop()
        tpm.start(tpm.port)
        said("TPM is reset", ended(daemon), 4, "tpm_reset")
        check(world.position(where, world.read_pcr(tpm.tcti)) == 0, "TPM is reset: PCR 10 was extended after it")


# Others, and the end

def is_locked(root):
    with open(f"{root.top}/{world.IMA}/{world.COUNT}", "rb") as f:
        try:
            fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def second_instance_and_stop(scene, raw, records):
    """A catch-up of some 5 s: nobody else gets in; SIGTERM ends it; the next run completes it."""
    n = len(records)
    for sig in (signal.SIGTERM, signal.SIGINT):
        root, tcti, other, log = scene.root(raw), scene.tcti(), scene.tcti(), scene.path("record")
        daemon = start_oneshot(root, f"{tcti},delay={SLOW},record={log}")
        wait_for(lambda: is_locked(root), "first instance")
        for options in ([], ["--timeout=1"]):
            result = oneshot(root, other, *options)
            check_exit(result, 1, f"second instance {options}")
            check("another ima-replayd" in result[2], f"second instance {options}: {result[2]!r}")
        check(not os.path.exists(other.removeprefix("libtpms:")), "second instance: it opened its TPM")
        wait_for(lambda: world.codes(world.recorded(log)).count(0x182) > 40, f"{sig.name}: 40 extends")
        check(daemon.poll() is None, f"{sig.name}: ended before")
        started = time.monotonic()
        daemon.send_signal(sig)
        result = ended(daemon)
        took = time.monotonic() - started
        said(sig.name, result, 3, "stopped:", "records are in the TPM")
        check(took < STOP_SECONDS, f"{sig.name}: took {took:.1f} s")
        k = holds(tcti, records)
        check(k is not None and 30 < k < n, f"{sig.name}: PCR 10 is V({k})")
        check(not world.sessions(tcti), f"{sig.name}: a session is left behind")
        said("the next run", oneshot(root, tcti), 0, f"{n} records are in the TPM, {n - (k or 0)} extended now")
        check(holds(tcti, records) == n, "the next run: PCR 10")


def stop_elsewhere(scene, raw, records):
    """SIGTERM on a fast TPM behind a socket, and while there is none."""
    root, n = scene.root(raw), len(records)
    with Swtpm(scene.path("tpm")) as tpm:
        before = tpm.update_counter()
        daemon = start_oneshot(root, tpm.tcti)
        wait_for(lambda: tpm.update_counter() > before, "swtpm: the first extend")
        daemon.send_signal(signal.SIGTERM)
        said("SIGTERM, swtpm", ended(daemon), 3, "stopped:")
        k = holds(tpm.tcti, records)
        check(k is not None and 0 < k < n, f"SIGTERM, swtpm: PCR 10 is V({k})")
        said("SIGTERM, swtpm: the next run", oneshot(root, tpm.tcti), 0, f"{n} records are in the TPM, {n - (k or 0)} extended now")

    daemon = start_oneshot(root, "swtpm:host=127.0.0.1,port=9", "--timeout=60")
    time.sleep(0.3)
    started = time.monotonic()
    daemon.send_signal(signal.SIGTERM)
    said("SIGTERM while waiting", ended(daemon), 3, "stopped: 0 records")
    check(time.monotonic() - started < STOP_SECONDS, "SIGTERM while waiting: took too long")


# --print-pcrs

def print_pcrs(scene):
    ctl = program("IMA_REPLAYCTL")
    x = by_name("k6.12-tpm-pcrs")
    raw = world.bypassed(x.raw, x.records[0])
    offline = harness.write(scene.path("bin"), raw)
    tcti = scene.tcti()
    root = scene.root(raw)
    for name in ("--print-pcrs", "--print-pcrs, nothing new"):
        result = oneshot(root, tcti, "--print-pcrs")
        check_exit(result, 0, name)
        in_tpm, printed = world.read_pcrs(tcti), world.parse_pcrs(result[1])
        check(list(printed) == BANKS, f"{name}: banks {list(printed)}")
        for b in BANKS:
            check(list(printed.get(b, {})) == ["10", "11", "12", "14", "17"], f"{name}: PCRs {list(printed.get(b, {}))}")
            check(all(in_tpm[b][p] == v for p, v in printed.get(b, {}).items()), f"{name}: {b} is not what tpm2_pcrread says")
        check_exit(run(ctl, "verify", f"--list={offline}", f"--pcrs={harness.write(scene.path('pcrs'), result[1])}"), 0, f"{name}: verify")
    check(not world.sessions(tcti), "--print-pcrs: a session is left behind")

    # Also when it could not extend: for whoever has to find out why.
    x = by_name("k7.3-bypass-tcb")
    tcti = scene.tcti()
    world.extend(tcti, [{"sha256": bytes(32)}])
    result = oneshot(scene.root(x.raw), tcti, "--print-pcrs")
    check_exit(result, 4, "--print-pcrs, diverged")
    check({b: p["10"] for b, p in world.parse_pcrs(result[1]).items()} == world.read_pcr(tcti), "--print-pcrs, diverged: other values")
    result = oneshot(scene.root(x.raw), f"libtpms:{scene.top}/absent/tpm", "--print-pcrs")
    check(result[0] == 3 and not world.parse_pcrs(result[1]), f"--print-pcrs without a TPM: {result}")


def main():
    world.need("swtpm", "tpm2_pcrread", "tpm2_pcrextend", "tpm2_getcap")
    world.need_libtpms()
    with tempfile.TemporaryDirectory(prefix="states.") as top:
        scene = Scene(top)
        x = by_name("k7.3-bypass-tcb")
        long = world.made(20000)
        records = list(replay.parse(long))
        usage(scene, x.raw)
        no_list(scene, x.raw, x.records)
        comes_later(scene, x.raw, x.records)
        broken_list(scene, x.raw, x.records)
        foreign(scene, x.raw, x.records)
        no_tpm(scene, x.raw, x.records)
        second_instance_and_stop(scene, long[:records[1000].start], records[:1000])
        tpm_goes(scene, long, records)
        stop_elsewhere(scene, long, records)
        print_pcrs(scene)
    finish()


if __name__ == "__main__":
    main()
