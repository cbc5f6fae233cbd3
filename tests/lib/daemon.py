# SPDX-License-Identifier: BSD-2-Clause
"""ima-replayd as a service, for the `with` block: what it says, where it stands, what it costs.

Where it stands comes from its inner socket through `peer-status ROOT --watch`: one JSON
object a line, named as in struct Status.  PEER_STATUS names that program; without it, it is
looked for in the build that MESON_BUILD_ROOT or IMA_REPLAYD point at.
"""
import json
import os
import signal
import subprocess
import threading
import time
import uuid

import harness
from kernel import now_usec

RUN = "run/ima-replay"
BOOT_ID = "proc/sys/kernel/random/boot_id"
STOP_SECONDS = 2
TERMINAL = {"kernel_owns", "mixed", "tpm_reset", "split_banks", "diverged", "list_broken", "list_trimmed", "bank_unsupported"}
# Only the list moves on in these, which takes no time.
FINAL = TERMINAL - {"kernel_owns"}
FINAL_SECONDS = 5


def peer_status():
    top = os.environ.get("MESON_BUILD_ROOT") or os.path.dirname(os.path.dirname(harness.program("IMA_REPLAYD")))
    os.environ.setdefault("PEER_STATUS", f"{top}/tests/integration/peer-status")
    return harness.program("PEER_STATUS")


def is_systemd_build():
    return "+systemd" in harness.run(harness.program("IMA_REPLAYD"), "--version")[1]


def caught_up(n):
    """For wait_for(): all n records that the kernel ever had are in the TPM."""
    return lambda s: s["state"] == "follow" and s["n_measured"] == n and s["n_extended"] == n


def in_state(*states):
    return lambda s: s["state"] in states


class Daemon:
    """status: the newest; history: [(CLOCK_BOOTTIME in us, state, reason)] of each change; lines: of stderr"""

    def __init__(self, top, tcti, *options, env=None, watch=True):
        self.top, self.watch = top, watch
        self.argv = [harness.program("IMA_REPLAYD"), f"--root={top}", f"--tcti={tcti}", *options]
        self.env = dict(os.environ, LC_ALL="C.UTF-8", NO_COLOR="1", **(env or {}))
        self.lines, self.history, self.status = [], [], None
        self.changed = threading.Condition()
        self.is_over, self.looker = False, None

    def __enter__(self):
        make_place(self.top)
        self.begun = time.monotonic()
        self.process = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, env=self.env)
        self.threads = [threading.Thread(target=self.listen, daemon=True)]
        if self.watch:
            self.threads.append(threading.Thread(target=self.look, daemon=True))
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.is_over = True
        while any(t.is_alive() for t in self.threads):
            # Whoever looks should end by itself; a test must not wait for it.
            if self.looker:
                self.looker.kill()
            for t in self.threads:
                t.join(0.1)
        self.process.stderr.close()

    # What it says

    def listen(self):
        for line in self.process.stderr:
            with self.changed:
                self.lines.append(line.decode(errors="replace").rstrip("\n"))
                self.changed.notify_all()

    def look(self):
        """One peer-status after the other, as long as there is somebody to look at."""
        while not self.is_over and self.process.poll() is None:
            if os.path.exists(f"{self.top}/{RUN}/extender"):
                with subprocess.Popen([peer_status(), self.top, "--watch"], stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as self.looker:
                    for line in self.looker.stdout:
                        self.see(json.loads(line))
            time.sleep(0.01)

    def see(self, status):
        with self.changed:
            self.status = status
            now = status["state"], status["reason"]
            if not self.history or self.history[-1][1:] != now:
                self.history.append((now_usec(), *now))
            self.changed.notify_all()

    def wait_for(self, predicate, seconds, what=None):
        """Until the newest status is so: that status.  What: checked under this name; else None is returned in time."""
        until, is_final = time.monotonic() + seconds, False
        with self.changed:
            while not (self.status and predicate(self.status)):
                if self.status and self.status["state"] in FINAL and not is_final:
                    is_final, until = True, min(until, time.monotonic() + FINAL_SECONDS)
                left = until - time.monotonic()
                if left <= 0 or self.process.poll() is not None:
                    break
                self.changed.wait(min(left, 0.2))
            status = self.status if self.status and predicate(self.status) else None
        if what:
            harness.check(status is not None, f"{what}: not within {seconds} s: {self.told()}")
        return status

    def wait_line(self, text, seconds):
        """Until it says a line with this text."""
        until = time.monotonic() + seconds
        with self.changed:
            while not any(text in line for line in self.lines):
                left = until - time.monotonic()
                if left <= 0 or self.process.poll() is not None:
                    return False
                self.changed.wait(min(left, 0.2))
        return True

    def told(self):
        """For messages: where it stands and what it said last."""
        s = self.status or {}
        return f"{ {k: s.get(k) for k in ('state', 'reason', 'n_measured', 'n_extended')} } {self.lines[-3:]}"

    @property
    def states(self):
        return [state for _, state, _ in self.history]

    def entered(self, state):
        """When it was first seen in this state: CLOCK_BOOTTIME in us, or None."""
        return next((t for t, s, _ in self.history if s == state), None)

    # What it costs

    def cpu_seconds(self):
        """utime and stime: proc(5)."""
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii", errors="replace") as f:
            fields = f.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    # The end

    def stop(self, sig=signal.SIGTERM, seconds=STOP_SECONDS, name="stop"):
        """Ask it to end, which must be good and in time; the seconds that it took."""
        begun = time.monotonic()
        self.process.send_signal(sig)
        try:
            rc = self.process.wait(10 * seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            rc = None
        took = time.monotonic() - begun
        self.process.wait()
        self.threads[0].join()
        harness.check(rc == 0, f"{name}: exit {rc}: {self.told()}")
        harness.check(took < seconds, f"{name}: took {took:.1f} s")
        return took

    def kill(self):
        self.process.kill()
        self.process.wait()


def make_place(top):
    """What a service finds below its root besides the list: /run, and which boot this is."""
    os.makedirs(f"{top}/run", exist_ok=True)
    if not os.path.exists(f"{top}/{BOOT_ID}"):
        new_boot(top)


def new_boot(top):
    os.makedirs(f"{top}/{os.path.dirname(BOOT_ID)}", exist_ok=True)
    harness.write(f"{top}/{BOOT_ID}", f"{uuid.uuid4()}\n")
