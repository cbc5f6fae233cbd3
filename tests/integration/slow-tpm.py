#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""slow-tpm.py: a TPM that takes three seconds for a command, and all that goes on meanwhile.

  look   while it works on an extend: the watchdog is fed; a status comes at once, as does the spool
  stop   SIGTERM in the middle of an extend: its answer is waited for and counts, nothing is begun
         but to give the session back, nothing is cut, and then the daemon is gone

The transport is libtpms:, which has an fd to wait for, as that of a real TPM; swtpm's blocks.
"""
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import daemon  # noqa: E402
import harness  # noqa: E402
import replay  # noqa: E402
import softtpm  # noqa: E402
import world  # noqa: E402
from daemon import Daemon, caught_up  # noqa: E402
from harness import check, finish  # noqa: E402
from kernel import Kernel, now_usec  # noqa: E402
from manager import Manager  # noqa: E402
from world import BANKS  # noqa: E402

COMMAND_SECONDS = 3
SOON = 1            # second: for an answer
STOP_SECONDS = 2    # once the TPM has answered
WATCHDOG_USEC = 1000000
PCR_EXTEND, FLUSH_CONTEXT = 0x182, 0x165
FIRST, MORE = 50, 5000


class Record:
    """What the TPM was sent: it is written before the command is executed, and so before the delay."""

    def __init__(self, path):
        self.path = path

    @property
    def size(self):
        return os.stat(self.path).st_size

    def codes(self):
        return world.codes(world.recorded(self.path))

    def slow(self, seconds=20):
        """Until a command is under way that takes its time: the record's size then."""
        until, size, since = time.monotonic() + seconds, -1, 0.0
        while time.monotonic() < until and (size < 0 or time.monotonic() < since + 0.5):
            if size != self.size:
                size, since = self.size, time.monotonic()
            time.sleep(0.01)
        return size


def asks(top, *options):
    """Seconds until an answer came over the inner socket."""
    begun = time.monotonic()
    r = subprocess.run([daemon.peer_status(), top, *options], stdin=subprocess.DEVNULL, capture_output=True, timeout=30)
    check(r.returncode == 0 and r.stdout, f"peer-status {options}: {r}")
    return time.monotonic() - begun


def look(top, record, manager):
    size, begun, took = record.slow(), now_usec(), []
    check(record.codes()[-1] == PCR_EXTEND, "look: no extend is under way")
    while record.size == size:
        took += [asks(top), asks(top, "--spool")]
        time.sleep(0.1)
    ended = now_usec()
    print(f"look: {len(took)} answers within {(ended - begun) / 1e6:.1f} s of one command, each after {max(took) * 1000:.0f} ms at most")
    check(len(took) >= 4 and max(took) < SOON, f"look: answers took {took} s")
    if daemon.is_systemd_build():
        n, gap = manager.gaps("WATCHDOG=1", begun, ended)
        print(f"look: {n} times WATCHDOG=1, at most {gap / 1000:.0f} ms between")
        check(n > 0 and gap < WATCHDOG_USEC, f"look: {gap} us without WATCHDOG=1")


def stop(d, record):
    """The number of records that it says it has extended."""
    size = record.slow()
    sent, since = record.codes(), os.stat(record.path).st_mtime
    check(sent[-1] == PCR_EXTEND, "stop: no extend is under way")
    d.process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    check(record.size == size and d.process.poll() is None, f"stop: an extend is cut: it does not wait for the answer: {d.told()}")
    check(asks(d.top) < SOON, "stop: no answer to a client")
    rc = d.process.wait(60)
    ended = time.time()
    d.threads[0].join()
    after = record.codes()[len(sent):]
    last = os.stat(record.path).st_mtime
    check(rc == 0, f"stop: exit {rc}: {d.told()}")
    check(after in ([], [FLUSH_CONTEXT]), f"stop: these commands were begun: {[hex(c) for c in after]}")
    check(not after or last - since > COMMAND_SECONDS - 0.1, f"stop: an extend was cut after {last - since:.1f} s")
    took = ended - last - COMMAND_SECONDS
    print(f"stop: {1 + len(after)} commands were finished; the end was {took:.2f} s after the last answer")
    check(-0.1 < took < STOP_SECONDS, f"stop: {took:.2f} s after the last answer")
    said = re.search(r"stopped in state \w+; (\d+) records were extended", "\n".join(d.lines))
    check(said, f"stop: it does not say how many: {d.lines}")
    return int(said[1]) if said else 0


def main():
    world.need_libtpms()
    daemon.peer_status()
    with tempfile.TemporaryDirectory(prefix="slow-tpm.") as top:
        tpm, record, slow = f"{top}/tpm", Record(f"{top}/record"), f"{top}/slow"
        tcti = f"libtpms:{tpm},record={record.path},delay={COMMAND_SECONDS * 1000000},slow={slow}"
        softtpm.make(tpm, BANKS)
        before = softtpm.look(tpm)[1]
        with Kernel(f"{top}/root", f"--records={FIRST}") as kernel, Manager(f"{top}/socket") as manager:
            env = {"NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": str(WATCHDOG_USEC)}
            with Daemon(kernel.top, tcti, env=env) as d:
                d.wait_for(caught_up(FIRST), 20, "the start")
                kernel.say("burst", MORE)
                d.wait_for(lambda s: s["n_extended"] > FIRST, 20, "the burst")
                harness.write(slow, "")
                look(kernel.top, record, manager)
                said = stop(d, record)
            records = list(replay.parse(kernel.raw()))
        values, counter = softtpm.look(tpm)
        k = world.position(world.positions(records), values)
        check(k == said and FIRST < said < len(records), f"PCR 10 is V({k}), and it says {said} of {len(records)}")
        check(counter - before == said * len(BANKS), f"{counter - before} updates for {said} records")
    finish()


if __name__ == "__main__":
    main()
