#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""two-daemons.py: two daemons, two roots with the same list of 5,000 records, one TPM: as one daemon.

The lock is one for each root, so nothing keeps them apart but the TPM: the first
extend of each waits for that of the other, and from there on their commands are
interleaved in an order made from SEED.

SCALE (1): of the number of records.  SEED: of a run to repeat (times are not repeatable).
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
from mux import PCR_N, Mux  # noqa: E402
from world import BANKS, Root, Swtpm  # noqa: E402

N = round(5000 * scale(nightly=20))
SEED = int(os.environ.get("SEED", random.randrange(1 << 32)))
EXCLUSIVE = 0x121
SECONDS = 240 * max(1, scale(nightly=20))


def look_at_pcr(name, tpm, mux, before, records):
    """What became of the PCR comes first: that nothing was refused says little where nothing can be."""
    twice = sum(1 for (pcr, _), n in mux.times.items() if pcr == 10 and n > 1)
    counted, wanted = tpm.update_counter() - before, len(records) * len(BANKS)
    is_replay = world.read_pcr(tpm.tcti) == world.values(records)
    check(not twice, f"{name}: doubled: {twice} of {len(records)} records were extended more than once: {counted} updates instead of {wanted}, "
                     f"PCR 10 is{'' if is_replay else ' not'} the replay")
    check(counted == wanted, f"{name}: {counted} updates for {len(records)} records")
    check(is_replay, f"{name}: PCR 10 is not the replay")


def together(name, top, raw, records, delay):
    os.mkdir(top)
    with Swtpm(f"{top}/tpm") as tpm, Mux(tpm, 2, delay=delay, shuffle=SEED, meet=True) as mux:
        roots = [Root(f"{top}/root-{i}", raw) for i in range(2)]
        before, begun = tpm.update_counter(), time.monotonic()
        with Daemon(roots[0].top, mux.tcti(0)) as a, Daemon(roots[1].top, mux.tcti(1)) as b:
            ended = [d.wait_for(lambda s: caught_up(len(records))(s) or s["state"] in daemon.TERMINAL, SECONDS) for d in (a, b)]
            took = time.monotonic() - begun
            look_at_pcr(name, tpm, mux, before, records)
            for i, d in enumerate((a, b)):
                check(ended[i] and not daemon.TERMINAL & set(d.states), f"{name}: daemon {i} was in {d.states}: {d.told()}")
                d.stop(name=f"{name}: stop {i}")
        look_at_pcr(f"{name}, at the end", tpm, mux, before, records)
        done = [sum(1 for c, pcr, _ in mux.extended if (c, pcr) == (i, 10)) for i in range(2)]
        check(sum(done) == len(records), f"{name}: {done} extends for {len(records)} records")
        # The probe's do not count: the TPM must refuse those of a single daemon, too.
        refused = sum(1 for _, _, pcr, rc in mux.record if pcr < PCR_N and rc == EXCLUSIVE)
        print(f"{name}: {len(records)} records in {took:.1f} s, {done[0]} + {done[1]} extends, {refused} refused by the TPM")
        # Or they never met, and this is no test.
        check(refused > 0, f"{name}: the TPM refused nothing")


def main():
    world.need("swtpm", "tpm2_pcrread")
    world.set_library_path()
    daemon.peer_status()
    print(f"SEED={SEED} records: {N}", flush=True)
    raw = world.made(N)
    few = list(replay.parse(raw))[:max(N // 10, 20)]
    with tempfile.TemporaryDirectory(prefix="two-daemons.") as top:
        together("two daemons", f"{top}/a", raw, list(replay.parse(raw)), 0.0)
        together("two daemons, slow TPM", f"{top}/b", raw[:few[-1].end], few, 0.002)
    finish()


if __name__ == "__main__":
    main()
