#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""unprivileged.py: what any user can make a kernel measure does not stop, delay or end extending.

  boot_aggregate  a file of that name below a path that is too long for the kernel: its
                  record bears the bare name
  names           control bytes, bidi marks, broken UTF-8, 4,095 bytes: extended, and
                  nothing of it reaches a terminal
  many            200,000 file names, at the rate of ordinary ones
  spool           one that is full, and one that is off

SCALE (1): of the number of file names.
"""
import os
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import daemon  # noqa: E402
import harness  # noqa: E402
import replay  # noqa: E402
import world  # noqa: E402
from daemon import RUN, Daemon, caught_up  # noqa: E402
from harness import check, finish  # noqa: E402
from kernel import Kernel  # noqa: E402
from world import BANKS, Swtpm  # noqa: E402

MANY = round(200000 * harness.scale())
ORDINARY = max(1000, MANY // 20)
SLOWER = 3              # times: more is a delay that somebody can cause
RATE_MIN = 1000         # a second, or it has stopped
HOSTILE = b"/tmp/\x1b]0;\xff\xe2\x80\xae\n"
SPOOL_MAX = 64 << 10
NAMES = (b"\x1b[2J\x1b]0;owned\x07", b"a\nb\r\n", b"\x9b31m", "\u202e\u2066exe".encode(), b"\xff\xfe\xc3", b"%s%n%x",
         b"/" + b"a" * 4094, b" ", b"'\"\\;$(id)", b"boot_aggregate_late", b"boot_aggregate/", b"{\"x\":1}")


class Scene:
    def __init__(self, name, top, records=100):
        self.name, self.top = name, f"{top}/{name}"
        self.tpm, self.kernel = Swtpm(f"{self.top}.tpm"), Kernel(self.top, f"--records={records}")

    def __enter__(self):
        self.tpm.__enter__()
        self.kernel.__enter__()
        self.begin = self.tpm.update_counter()
        return self

    def __exit__(self, *_):
        self.kernel.__exit__()
        self.tpm.__exit__()

    def daemon(self, *options):
        return Daemon(self.top, self.tpm.tcti, *options)

    def caught_up(self, d, what, seconds=20):
        n = self.kernel.state["total"]
        status = d.wait_for(caught_up(n), seconds, f"{self.name}: {what}")
        check(not daemon.TERMINAL & set(d.states), f"{self.name}: {what}: states {d.states}")
        return status

    def holds(self, what):
        records = list(replay.parse(self.kernel.raw()))
        check(world.read_pcr(self.tpm.tcti) == world.values(records), f"{self.name}: {what}: PCR 10 is not the replay")
        counted = self.tpm.update_counter() - self.begin
        check(counted == len(records) * len(BANKS), f"{self.name}: {what}: {counted} updates for {len(records)} records")


def boot_aggregate(top):
    """While it runs, before it starts, and as the last record; the name is all that is left of the path."""
    with Scene("boot_aggregate", top) as scene:
        with scene.daemon() as d:
            scene.caught_up(d, "before")
            scene.kernel.say("name", b"boot_aggregate".hex())
            scene.kernel.say("burst", 20)
            scene.caught_up(d, "while it runs")
            d.stop(name="boot_aggregate: stop")
        scene.holds("while it runs")
        for what in ("at the end", "in the middle"):
            scene.kernel.say("burst", 20)
            scene.kernel.say("name", b"boot_aggregate".hex())
            if what == "in the middle":
                scene.kernel.say("burst", 20)
            with scene.daemon() as d:
                status = scene.caught_up(d, what)
                check(status is None or status["mode"] == "bypass", f"boot_aggregate: {what}: {status}")
                d.stop(name=f"boot_aggregate: {what}: stop")
            scene.holds(what)


def is_harmless(line):
    return all(c.isprintable() and not 0x2028 <= ord(c) <= 0x202e and not 0x2066 <= ord(c) <= 0x2069 and c != "\ufffd" for c in line)


def names(top):
    """Extended while it runs and, on another TPM, as a backlog."""
    with Scene("names", top) as scene:
        with scene.daemon() as d:
            scene.caught_up(d, "before")
            for name in NAMES:
                scene.kernel.say("name", name.hex())
                scene.kernel.say("violation")
            scene.caught_up(d, "while it runs")
            d.stop(name="names: stop")
        scene.holds("while it runs")
        lines = d.lines
        scene.tpm.stop()
        scene.tpm.start()
        scene.begin = scene.tpm.update_counter()
        daemon.new_boot(scene.top)
        with scene.daemon() as d:
            scene.caught_up(d, "backlog")
            d.stop(name="names: stop after the backlog")
        scene.holds("backlog")
        bad = [line for line in lines + d.lines if not is_harmless(line)]
        check(not bad, f"names: it says {bad}")


def peak_kib(d):
    with open(f"/proc/{d.process.pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmHWM:"))


def rate_of(scene, d, n, *words):
    """Records a second, of n that the kernel measures at once."""
    begun = time.monotonic()
    scene.kernel.say(*words)
    scene.caught_up(d, f"{n} records", max(20, n / RATE_MIN))
    return n / (time.monotonic() - begun)


def many(top):
    with Scene("many", top) as scene, scene.daemon() as d:
        scene.caught_up(d, "before")
        few = peak_kib(d)
        ordinary = rate_of(scene, d, ORDINARY, "burst", ORDINARY)
        rate = rate_of(scene, d, MANY, "name", HOSTILE.hex(), MANY)
        print(f"many: {MANY} records, {rate:.0f}/s, {ordinary:.0f}/s of {ORDINARY} ordinary ones; "
              f"at most {peak_kib(d)} KiB of memory, {few} before them")
        check(rate > ordinary / SLOWER, f"many: {rate:.0f}/s, {ordinary:.0f}/s of ordinary names")
        check(harness.is_sanitized(harness.program("IMA_REPLAYD")) or peak_kib(d) - few < 8 << 10, f"many: {few} KiB of memory became {peak_kib(d)}")
        # Still awake.
        scene.kernel.say("burst", 10)
        scene.caught_up(d, "ten more", 3)
        d.stop(name="many: stop")
        scene.holds(f"{MANY} names")


def spool(top, size, limit):
    with Scene(f"spool-{size}", top, 5000) as scene:
        for what in ("the first run", "the second run"):
            with scene.daemon(f"--spool-max={size}") as d:
                scene.caught_up(d, what)
                scene.kernel.say("burst", 500)
                status = scene.caught_up(d, f"{what}: more")
                if status:
                    check(status["spool_limit"] == limit and status["spool_size"] <= limit and not status["spool_is_writable"],
                          f"spool {size}: {what}: { {k: v for k, v in status.items() if k.startswith('spool')} }")
                there = sum(os.path.getsize(f"{scene.top}/{RUN}/{f}") for f in ("list", "index") if os.path.exists(f"{scene.top}/{RUN}/{f}"))
                check(there <= limit, f"spool {size}: {what}: {there} bytes")
                check(any("spool" in line.lower() for line in d.lines) or limit == 0, f"spool {size}: {what}: it says nothing of it: {d.lines}")
                d.stop(name=f"spool {size}: {what}: stop")
            scene.holds(what)


def main():
    world.need("swtpm", "tpm2_pcrread")
    world.set_library_path()
    daemon.peer_status()
    with tempfile.TemporaryDirectory(prefix="unprivileged.") as top:
        boot_aggregate(top)
        names(top)
        spool(top, "64K", SPOOL_MAX)
        spool(top, "0", 0)
        many(top)
    finish()


if __name__ == "__main__":
    main()
