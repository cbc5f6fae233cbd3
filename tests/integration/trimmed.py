#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""trimmed.py: HoldList=until-extended on a kernel whose list root trims (Linux 7.2), with the real daemon.

While it holds the list nobody can trim; once all is extended somebody may, and what comes afterwards is
extended exactly once, over restarts, too. The whole list is what the kernel ever had, put together here.
"""
import os
import random
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import daemon  # noqa: E402
import replay  # noqa: E402
import world  # noqa: E402
from daemon import Daemon, caught_up  # noqa: E402
from harness import check, finish, scale  # noqa: E402
from kernel import Kernel  # noqa: E402
from world import BANKS, Swtpm  # noqa: E402

ROUNDS = max(1, round(12 * scale()))
SEED = int(os.environ.get("SEED", random.randrange(1 << 32)))
SECONDS = 30


class Scene:
    def __init__(self, top, kernel, tpm, rng):
        self.top, self.kernel, self.tpm, self.rng = top, kernel, tpm, rng
        self.begin = tpm.update_counter()
        self.whole = kernel.raw()
        self.name = "at first"

    def daemon(self, *options):
        return Daemon(self.top, self.tpm.tcti, "--hold-list=until-extended", *options)

    def measure(self):
        """A few records, sometimes a violation in the midst, never at the end."""
        before = len(self.kernel.raw())
        for _ in range(self.rng.randint(1, 3)):
            if self.rng.random() < 0.5:
                self.kernel.say("violation")
            self.kernel.say("burst", self.rng.randint(1, 4))
        self.whole += self.kernel.raw()[before:]

    @property
    def records(self):
        return list(replay.parse(self.whole))

    def settle(self, d):
        d.wait_for(caught_up(len(self.records)), SECONDS, f"{self.name}: caught up")

    def trim(self, n):
        """As soon as the list is let go. How long that took."""
        begun = time.monotonic()
        while self.kernel.say("trim", n).get("busy"):
            if not check(time.monotonic() - begun < SECONDS, f"{self.name}: the list is not let go"):
                return
            time.sleep(0.02)

    def holds(self):
        check(world.read_pcr(self.tpm.tcti) == world.values(self.records), f"{self.name}: PCR 10 is not the replay")
        counted = self.tpm.update_counter() - self.begin
        check(counted == len(self.records) * len(BANKS), f"{self.name}: {counted} updates for {len(self.records)} records")


def round_of(scene, i):
    scene.name = f"round {i}"
    with scene.daemon() as d:
        scene.settle(d)
        for _ in range(scene.rng.randint(1, 3)):
            scene.measure()
            scene.settle(d)
            there = scene.kernel.state["count"]
            scene.trim(scene.rng.randint(1, max(1, there - 2)))
        scene.measure()
        scene.settle(d)
        if scene.rng.random() < 0.5:
            d.kill()
            world.flush_sessions(scene.tpm.tcti)    # as /dev/tpmrm0 would
        else:
            d.stop(name=f"{scene.name}: stop")
        check(not daemon.TERMINAL & set(d.states), f"{scene.name}: was in {d.states}")
    scene.holds()
    if scene.rng.random() < 0.5:        # while nobody is there
        scene.measure()


def is_held(top, kernel, tpm):
    """HoldList=yes: never let go."""
    with Daemon(top, tpm.tcti) as d:
        d.wait_for(caught_up(kernel.state["total"]), SECONDS, "held: caught up")
        time.sleep(2)
        check(kernel.say("trim", 1).get("busy"), "held: the list could be trimmed")
        d.stop(name="held: stop")


def main():
    world.need("swtpm", "tpm2_pcrread")
    world.set_library_path()
    daemon.peer_status()
    print(f"SEED={SEED} rounds: {ROUNDS}", flush=True)
    with tempfile.TemporaryDirectory(prefix="trimmed.") as top, Swtpm(f"{top}/tpm") as tpm:
        daemon.make_place(f"{top}/root")
        with Kernel(f"{top}/root", "--records=20") as kernel:
            is_held(f"{top}/root", kernel, tpm)
            scene = Scene(f"{top}/root", kernel, tpm, random.Random(SEED))
            scene.begin -= len(scene.records) * len(BANKS)
            for i in range(ROUNDS):
                round_of(scene, i)
            trimmed = kernel.state["trimmed"]
    print(f"{trimmed} of {len(scene.records)} records were trimmed")
    check(trimmed > 0, "nothing was trimmed")
    finish()


if __name__ == "__main__":
    main()
