#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""kernel-mode.py: a kernel with a TPM, whose list is ahead of the PCR all the time: nothing is ever extended by us.

Each boot: a kernel measures and extends a moment later, and the daemon looks at it at
some moment.  What it sent is known from the mux: no PCR_Extend, the probe included.
In the first boot the kernel extends nothing before the daemon has looked: whoever does not
leave PCR 10 to the kernel corrupts it there.

SCALE (1): 200 boots.  SEED: of a run to repeat (times are not repeatable).
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
from daemon import Daemon, in_state  # noqa: E402
from harness import Count, check, finish, goal, scale  # noqa: E402
from kernel import Kernel  # noqa: E402
from mux import PCR_EXTEND, Mux  # noqa: E402
from world import BANKS, Swtpm  # noqa: E402

BOOTS = max(1, round(200 * scale(nightly=25)))
SEED = int(os.environ.get("SEED", random.randrange(1 << 32)))
OURS, KERNEL = 0, 1
OBSERVED_SECONDS = 30
NEVER = 3600000     # ms


def look_at_pcr(name, tpm, mux, before, records):
    """What the TPM says comes first: that is what all this is about."""
    counted, wanted = tpm.update_counter() - before, len(records) * len(BANKS)
    check(counted == wanted and world.read_pcr(tpm.tcti) == world.values(records),
          f"{name}: PCR 10 is corrupted: {counted} updates, those of the kernel are {wanted}")
    check(mux.clients[OURS].counts[PCR_EXTEND] == 0, f"{name}: PCR_Extend was sent: {mux.clients[OURS].counts}")
    check(mux.clients[KERNEL].counts[PCR_EXTEND] == len(records), f"{name}: the kernel extended {mux.clients[KERNEL].counts}")


def boot(name, rng, top, tpm, is_first):
    """Returns whether the PCR was behind the list while the daemon looked at it."""
    before = tpm.update_counter()
    with Mux(tpm, 2) as mux:
        port, delay = mux.clients[KERNEL].port, NEVER if is_first else rng.choice((0, 5, 30, 100))
        with Kernel(top, f"--records={rng.randint(1, 12)}", f"--extend-via={port}", f"--extend-delay={delay}") as kernel:
            kernel.say("rate", rng.choice((0, 50, 200)))
            time.sleep(rng.uniform(0, 0.1))
            with Daemon(top, mux.tcti(OURS)) as d:
                d.wait_for(in_state("kernel_owns", "follow"), OBSERVED_SECONDS)
                kernel.say("burst", rng.randint(0, 5))
                time.sleep(rng.uniform(0, 0.1))
                kernel.say("stop")
                at_last = kernel.state
                if is_first:
                    kernel.say("extend")
                wait_for_kernel(name, kernel)
                records = list(replay.parse(kernel.raw()))
                look_at_pcr(name, tpm, mux, before, records)
                check(d.status is not None and d.status["state"] == "kernel_owns", f"{name}: {d.told()}")
                d.stop(name=f"{name}: stop")
        look_at_pcr(f"{name}, at the end", tpm, mux, before, records)
        return at_last["total"] > at_last["extended"]


def wait_for_kernel(name, kernel):
    until = time.monotonic() + 20
    while (state := kernel.state)["extended"] < state["total"]:
        if not check(time.monotonic() < until, f"{name}: the kernel is not done: {state}"):
            return
        time.sleep(0.005)


def main():
    world.need("swtpm", "tpm2_pcrread")
    world.set_library_path()
    daemon.peer_status()
    print(f"SEED={SEED} boots: {BOOTS}", flush=True)
    rng, behind, begun = random.Random(SEED), 0, time.monotonic()
    with tempfile.TemporaryDirectory(prefix="kernel-mode.") as top, Swtpm(f"{top}/tpm") as tpm:
        for i in range(BOOTS):
            behind += boot(f"boot {i}", rng, f"{top}/root-{i}", tpm, i == 0)
            if Count.failed:            # one is enough, and each costs its time
                finish()
            tpm.stop()
            tpm.start()
    print(f"{BOOTS} boots in {time.monotonic() - begun:.1f} s; the list was ahead of the PCR in {behind} of them")
    goal("G5", f"{BOOTS} boots, the list ahead of the PCR in {behind}, {Count.failed} checks failed", f"{BOOTS}, 0 PCR_Extend sent",
         time.monotonic() - begun)
    check(behind > BOOTS // 10, "the list was hardly ever ahead of the PCR")
    finish()


if __name__ == "__main__":
    main()
