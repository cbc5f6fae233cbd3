#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""tpm-comes-and-goes.py: TPM and files of the daemon are taken away, brought back and tampered with while it runs, and between runs.

  reset      the TPM is powered off and on: its PCRs are zero. tpm_reset, and zero extends after it
  suspend    TPM2_Shutdown(STATE), off, on, TPM2_Startup(STATE): PCRs are kept, the daemon goes on
  transport  nobody answers for 3 s: the daemon goes on
  restart    the same reset between two runs: the anchor tells
  files      anchor, list and index deleted, cut, filled, forged between runs: never a
             record doubled or lost; and only an anchor that says something else may stop it
"""
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import daemon  # noqa: E402
import replay  # noqa: E402
import world  # noqa: E402
from daemon import RUN, Daemon, caught_up, in_state  # noqa: E402
from harness import Count, check, finish, goal, write  # noqa: E402
from kernel import Kernel  # noqa: E402
from mux import NOT_ANSWERED, NOT_ASKED, Mux  # noqa: E402
from world import BANKS, Swtpm  # noqa: E402

GONE_SECONDS = 3
SHUTDOWN_STATE = bytes.fromhex("8001 0000000c 00000145 0001")
ROW = struct.Struct("<QQQ")     # of the index: offset, seen, extended


class SleepingTpm(Swtpm):
    """One that can be suspended with its machine."""

    def suspend(self):
        answer = self.command(SHUTDOWN_STATE)
        check(answer[6:10] == bytes(4), f"TPM2_Shutdown(STATE): {answer.hex()}")
        self.stop()

    def resume(self):
        where = "type=tcp,bindaddr=127.0.0.1,port="
        self.process = subprocess.Popen(
            ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={self.top}", "--server", f"{where}{self.port}",
             "--ctrl", f"{where}{self.port + 1}", "--flags", "not-need-init,startup-state"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if not self.wait():
            raise RuntimeError("swtpm does not resume")


class Scene:
    """A kernel with 300 records, a TPM and a mux; `begin` is the TPM's update counter before the first extend."""

    n = 0

    def __init__(self, name, top):
        Scene.n += 1
        self.name, self.top = name, f"{top}/{name}".replace(" ", "-")
        self.tpm = SleepingTpm(f"{self.top}.tpm")
        self.kernel = Kernel(self.top, "--records=300")

    def __enter__(self):
        self.tpm.__enter__()
        self.kernel.__enter__()
        self.mux = Mux(self.tpm, 1)
        self.mux.__enter__()
        self.begin = self.tpm.update_counter()
        return self

    def __exit__(self, *_):
        self.mux.__exit__()
        self.kernel.__exit__()
        self.tpm.__exit__()

    def daemon(self, *options):
        return Daemon(self.top, self.mux.tcti(), *options)

    def caught_up(self, d, what, seconds=20):
        n = self.kernel.state["total"]
        return d.wait_for(caught_up(n), seconds, f"{self.name}: {what}")

    def records(self):
        return list(replay.parse(self.kernel.raw()))

    def holds(self, what, all_of_them=True):
        """PCR 10 is V(k) in every bank, after 4 k updates; k, which is all records unless less is allowed."""
        records = self.records()
        k = world.position(world.positions(records), world.read_pcr(self.tpm.tcti))
        check(k is not None, f"{self.name}: {what}: PCR 10 is no V(k), or another in each bank")
        check(k == len(records) or not all_of_them, f"{self.name}: {what}: {k} of {len(records)} records")
        counted = self.tpm.update_counter() - self.begin
        check(counted == (k or 0) * len(BANKS), f"{self.name}: {what}: {counted} updates for {k} records")
        return k

    def power_cycle(self):
        """Returns how many extends the old TPM has answered; all after them are the new one's."""
        port = self.tpm.port
        self.tpm.stop()
        time.sleep(0.1)
        extends = len(self.mux.extended)
        self.tpm.start(port)
        check(self.tpm.update_counter() == self.begin, f"{self.name}: it was extended as soon as the TPM was there")
        return extends

    def stays_reset(self, d, extends):
        """It is tpm_reset, whatever comes, and no extend was sent since."""
        d.wait_for(in_state("tpm_reset"), 15, f"{self.name}: the state")
        self.kernel.say("burst", 50)
        time.sleep(1)
        check(d.status is not None and d.status["state"] == "tpm_reset", f"{self.name}: it left the state: {d.told()}")
        self.untouched(extends)

    def untouched(self, extends):
        now = len(self.mux.extended)
        check(now == extends, f"{self.name}: {now - extends} extends after the reset")
        check(self.holds("after the reset", False) == 0, f"{self.name}: PCR 10 is not zero")


# While it runs

def reset(top, how):
    with Scene(f"reset {how}", top) as scene, scene.daemon() as d:
        scene.caught_up(d, "before")
        if how == "while following":
            scene.kernel.say("rate", 100)
            time.sleep(0.5)
        elif how == "in a catch-up":
            scene.mux.delay = 0.005
            scene.kernel.say("burst", 1000)
            d.wait_for(lambda s: s["n_extended"] > 350, 10, f"{scene.name}: 350 extends")
        extends = scene.power_cycle()
        scene.kernel.say("stop")
        scene.kernel.say("burst", 10)
        scene.stays_reset(d, extends)
        d.stop(name=f"{scene.name}: stop")


def suspend(top, notices):
    """Nobody reaches the TPM while it sleeps; "unnoticed": nobody tries."""
    with Scene(f"suspend {notices}", top) as scene, scene.daemon() as d:
        scene.caught_up(d, "before")
        k = scene.holds("before")
        time.sleep(2)       # the session was given back
        scene.mux.lose()
        counter = scene.tpm.update_counter()
        scene.tpm.suspend()
        if notices == "noticed":
            scene.kernel.say("burst", 50)
            d.wait_for(lambda s: s["state"] != "follow", 10, f"{scene.name}: the TPM is away")
        scene.tpm.resume()
        # swtpm counts its own resume, once for each bank.
        scene.begin += scene.tpm.update_counter() - counter
        check(scene.holds("after resume", False) == k, f"{scene.name}: swtpm did not keep its PCRs")
        scene.mux.restore()
        scene.kernel.say("burst", 50)
        scene.caught_up(d, "after")
        check(not daemon.TERMINAL & set(d.states), f"{scene.name}: states {d.states}")
        scene.holds("after")
        d.stop(name=f"{scene.name}: stop")


def transport(top):
    with Scene("transport", top) as scene, scene.daemon() as d:
        scene.caught_up(d, "before")
        for i, (how, n) in enumerate(((None, 100), (None, 0), (NOT_ASKED, 100), (NOT_ANSWERED, 100), (NOT_ANSWERED, 1))):
            if how:
                scene.mux.drop_next(how)
                scene.kernel.say("burst", n)
            else:
                scene.mux.lose()
                scene.kernel.say("burst", n)
                time.sleep(GONE_SECONDS)
                check(d.status["state"] not in daemon.TERMINAL, f"transport {i}: {d.told()}")
                scene.mux.restore()
            # Pauses after a failure grow up to 30 s, but not from so few.
            scene.caught_up(d, f"{i}: back", 30)
            scene.holds(f"{i}: back")
        check(not daemon.TERMINAL & set(d.states), f"{scene.name}: states {d.states}")
        d.stop(name=f"{scene.name}: stop")


# Between runs

def restart(top, how):
    with Scene(f"restart {how}", top) as scene:
        with scene.daemon() as d:
            scene.caught_up(d, "before")
            if how == "after a kill":
                time.sleep(2)
                d.kill()
            else:
                d.stop(name=f"{scene.name}: stop")
        check(os.path.exists(f"{scene.top}/{RUN}/anchor"), f"{scene.name}: there is no anchor")
        extends = scene.power_cycle()
        if how == "without its anchor":
            # Documented: what was deleted cannot tell. Each record once all the same.
            os.unlink(f"{scene.top}/{RUN}/anchor")
            with scene.daemon() as d:
                d.wait_for(lambda s: caught_up(300)(s) or s["state"] == "tpm_reset", 20, f"{scene.name}: an end")
                d.stop(name=f"{scene.name}: stop")
            scene.holds("without an anchor", False)
            return
        if how == "in another boot":
            # The anchor is of the boot before: the TPM was reset with the machine, as always.
            daemon.new_boot(scene.top)
            with scene.daemon() as d:
                scene.caught_up(d, "the next boot")
                d.stop(name=f"{scene.name}: stop")
            scene.holds("the next boot")
            return
        with scene.daemon() as d:
            scene.stays_reset(d, extends)
            d.stop(name=f"{scene.name}: stop")
        with scene.daemon() as d:
            d.wait_for(in_state("tpm_reset"), 15, f"{scene.name}: and once more")
            d.stop(name=f"{scene.name}: stop once more")
        scene.untouched(extends)


def mutations(name, content):
    """(what was done, the new content; None: deleted, a directory: True; may this stop the daemon?)"""
    yield "deleted", None, False
    yield "emptied", b"", False
    yield "cut in half", content[:len(content) // 2], False
    yield "cut by a byte", content[:-1], False
    yield "filled with zeros", bytes(len(content)), False
    yield "filled with noise", os.urandom(max(len(content), 4096)), False
    yield "longer by noise", content + os.urandom(333), False
    yield "a mebibyte of text", b"a=1\n" * (1 << 18), False
    if name != "anchor":
        yield "a directory", True, False
    if name == "anchor":
        for i, m in enumerate(re.finditer(rb"\b[0-9]+\b", content)):
            for value in (0, int(m[0]) + 1, 1 << 40):
                yield f"number {i}: {int(m[0])} to {value}", content[:m.start()] + b"%d" % value + content[m.end():], True
    if name == "list":
        yield "records of another list", world.made(300, 1000), False
        yield "one record altered", content.replace(b"/usr/lib/made/7\0", b"/usr/lib/made/X\0"), False
        yield "one record doubled", content + world.made(1, 42), False
    if name == "index":
        yield "one row gone", content[ROW.size:], False
        yield "rows of nonsense", b"".join(ROW.pack(1 << 63, 1, 2) for _ in range(300)), False


def tamper(path, content):
    if content is None:
        os.unlink(path)
    elif content is True:
        os.unlink(path)
        os.mkdir(path)
    else:
        write(path, content)


def check_spool(name, scene):
    """What is there as long as the daemon runs: each record as the kernel shows it, and a row for each."""
    raw, records = scene.kernel.raw(), scene.records()
    with open(f"{scene.top}/{RUN}/list", "rb") as f:
        check(f.read() == raw, f"{name}: the spool is not the list")
    with open(f"{scene.top}/{RUN}/index", "rb") as f:
        rows = list(ROW.iter_unpack(f.read()))
    check([r[0] for r in rows] == [r.start for r in records], f"{name}: the index has {len(rows)} rows for {len(records)} records")
    for mode in ("list", "index", "anchor"):
        got = os.stat(f"{scene.top}/{RUN}/{mode}").st_mode & 0o777
        check(got == 0o600, f"{name}: {mode} has mode {got:o}")


def run_with(scene, name, may_stop):
    """A run over tampered files, with new records to extend; True: it went on."""
    extends = len(scene.mux.extended)
    scene.kernel.say("burst", 5)
    n = scene.kernel.state["total"]
    with scene.daemon() as d:
        d.wait_for(lambda s: caught_up(n)(s) or s["state"] in daemon.TERMINAL, 20, f"{name}: an end")
        state = d.status["state"] if d.status else None
        check(state == "follow" or may_stop, f"{name}: {d.told()}")
        if state == "follow" and not os.path.isdir(f"{scene.top}/{RUN}/list") and not os.path.isdir(f"{scene.top}/{RUN}/index"):
            check_spool(name, scene)
        d.stop(name=f"{name}: stop")
    scene.holds(name, state == "follow")
    if state != "follow":
        check(len(scene.mux.extended) == extends, f"{name}: {state}, but it extended")
    return state == "follow"


def files(top):
    with Scene("files", top) as scene:
        where = f"{scene.top}/{RUN}"
        run_with(scene, "before", False)
        stopped = 0
        for name in ("anchor", "list", "index"):
            with open(f"{where}/{name}", "rb") as f:
                cases = list(mutations(name, f.read()))
            for what, content, may_stop in cases:
                tamper(f"{where}/{name}", content)
                stopped += not run_with(scene, f"{name} {what}", may_stop) and may_stop
                # The way out: a clean place.
                shutil.rmtree(where)
                run_with(scene, f"{name} {what}, removed", False)
        shutil.rmtree(where)
        run_with(scene, "all deleted", False)
        print(f"files: {stopped} forged anchors stopped it")
        check(stopped > 0, "files: no forged anchor stopped it: it looks at none")


def main():
    world.need("swtpm", "tpm2_pcrread")
    world.set_library_path()
    daemon.peer_status()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="tpm-comes-and-goes.") as top:
        for how in ("while idle", "while following", "in a catch-up"):
            reset(top, how)
        for notices in ("noticed", "unnoticed"):
            suspend(top, notices)
        transport(top)
        for how in ("after a stop", "after a kill", "without its anchor", "in another boot"):
            restart(top, how)
        files(top)
    goal("G7", f"{Scene.n} scenes, {Count.failed} checks failed", "0 extends after a reset, 0 lost, 0 doubled", time.monotonic() - begun)
    finish()


if __name__ == "__main__":
    main()
