# SPDX-License-Identifier: BSD-2-Clause
"""ima-replayd on a bench where it can be stopped at each of its calls, again and again.

  Case     a list, banks, and the TPM as it was before; run(), k(), recover()
  scale()  of SCALE: a number (1: some 100 s on two cores), "nightly": everything
  goal()   the line that a summary is made of

The TPM is that of libtpms inside the process, its state a file that is replaced before an answer
is given out: so it outlives the process, and a command was executed whole or not at all, whenever
the process is killed.  After each run the file is read by libtpms alone (lib/softtpm.py).

AT_SYSCALL names at-syscall; without it, it is looked for in the build of IMA_REPLAYD.
"""
import math
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import harness
import replay
import softtpm
import world

RUN = "run/ima-replay"
ROW_SIZE = 24
NOT_HERE = 126
RUN_SECONDS = 30


def scale():
    return harness.scale(math.inf)


def goal(name, reached, wanted, begun):
    print(f"goal {name}: {reached}; wanted {wanted}; {time.monotonic() - begun:.0f} s", flush=True)


def at_syscall():
    top = os.path.dirname(os.path.dirname(harness.program("IMA_REPLAYD")))
    os.environ.setdefault("AT_SYSCALL", f"{top}/tests/reliability/at-syscall")
    return harness.program("AT_SYSCALL")


def place():
    """In memory, if there is such a place: state files are replaced some 100,000 times."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def temporary(name):
    return tempfile.TemporaryDirectory(prefix=f"{name}.", dir=place())


class Case:
    """n records into these banks, the first ones by a run before, which left its spool and anchor."""

    def __init__(self, top, n, banks, before=0):
        self.top, self.n, self.banks, self.before = f"{top}/{n}-{len(banks)}-{before}", n, banks, before
        self.raw = world.made(n)
        records = list(replay.parse(self.raw))
        self.where = world.positions(records, banks=banks)
        self.root = world.Root(f"{self.top}/root", self.raw)
        self.tpm, self.log = f"{self.top}/tpm", f"{self.top}/log"
        softtpm.make(f"{self.top}/new", banks)
        self.begin = softtpm.look(f"{self.top}/new")[1]
        self.env = dict(os.environ, LC_ALL="C.UTF-8", NO_COLOR="1")
        # Who is traced cannot be looked through for leaks.
        self.traced_env = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}
        self.argv = world.oneshot_argv(self.root, f"libtpms:{self.tpm}")
        if before:
            self.extend_first(records)
        self.reset()

    def __str__(self):
        return f"{self.n} records, {len(self.banks)} banks" + (f", {self.before} extended before" if self.before else "")

    def extend_first(self, records):
        shutil.copyfile(f"{self.top}/new", self.tpm)
        self.root.show(self.raw[:records[self.before - 1].end])
        harness.check_exit((*self.run(), ""), 0, f"{self}, the first run")
        self.root.show(self.raw)
        os.rename(self.tpm, f"{self.top}/new")
        os.rename(f"{self.root.top}/run", f"{self.top}/run")

    def reset(self):
        """As it was: in a new boot PCRs are zero, /run is empty."""
        shutil.rmtree(f"{self.root.top}/run", ignore_errors=True)
        shutil.copyfile(f"{self.top}/new", self.tpm)
        if self.before:
            shutil.copytree(f"{self.top}/run", f"{self.root.top}/run")

    def run(self, *prefix, env=None):
        """(exit status, what it said)"""
        with subprocess.Popen([*prefix, *self.argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, env={**self.env, **(env or {})}) as p:
            try:
                out = p.communicate(timeout=RUN_SECONDS)[0]
            except subprocess.TimeoutExpired:
                # With at-syscall what it traces dies, too.
                p.kill()
                return None, "no end"
        return p.returncode, out.decode(errors="replace")

    def stopped(self, n, what, calls=None):
        """A run up to its n-th call."""
        return self.run(at_syscall(), "-n", str(n), "-w", what, *(["-c", ",".join(calls)] if calls else []),
                        env=self.traced_env)

    def calls(self, names=None, reset=True):
        """[(name, result)] of an undisturbed run, and its exit status."""
        if reset:
            self.reset()
        rc, said = self.run(at_syscall(), "-l", self.log, *(["-c", ",".join(names)] if names else []),
                            env=self.traced_env)
        if rc == NOT_HERE:
            harness.skip("programs cannot be traced here (ptrace, seccomp)")
        with open(self.log, encoding="ascii") as f:
            return [(name, int(result)) for name, result in map(str.split, f)], rc

    def k(self):
        """(how many records are in the TPM, None if that is no V(k) or another in each bank; what is wrong otherwise)."""
        values, counter = softtpm.look(self.tpm)
        k = world.position(self.where, values) if sorted(values) == sorted(self.banks) else None
        updates = counter - self.begin
        if k is None:
            return None, f"PCR 10 is no V(k), or not the same in each bank; {updates} updates"
        if k < self.before:
            return k, f"fell from {self.before} to {k}"
        return k, "" if updates == k * len(self.banks) else f"{updates} updates for {k} records"

    def kept(self):
        """Is what is kept for clients the list?"""
        if self.n == 0:
            return True
        with open(f"{self.root.top}/{RUN}/list", "rb") as f:
            return f.read() == self.raw and os.path.getsize(f"{self.root.top}/{RUN}/index") == self.n * ROW_SIZE

    def faults(self, k, status):
        """Run undisturbed, and say what is wrong then; k: where it stood, status: of an undisturbed run."""
        rc, said = self.run()
        now, wrong = self.k()
        out = [wrong] if wrong else []
        if rc != status:
            out.append(f"the next run ends with {rc}: {said.strip()[:200]}")
        elif now != self.n:
            out.append(f"{now} records in the end")
        elif self.n and f"{self.n} records are in the TPM, {self.n - k} extended now" not in said:
            out.append(f"the next run from {k}: {said.strip()[:200]}")
        if not self.kept():
            out.append("the spool is not the list")
        return out


def is_killed(rc):
    return rc in (-signal.SIGKILL, 128 + signal.SIGKILL)


def each(work, jobs, top):
    """work(job, directory of its own) of all jobs, two at a time; results come as they are ready."""
    n = min(2, os.cpu_count() or 1)
    with multiprocessing.get_context("fork").Pool(n, begin_worker, (top,)) as pool:
        yield from pool.imap_unordered(call, ((work, job) for job in jobs), chunksize=1)


def begin_worker(top):
    global WORKER_TOP
    WORKER_TOP = tempfile.mkdtemp(prefix="worker.", dir=top)


def call(argument):
    work, job = argument
    try:
        return work(job, WORKER_TOP)
    except SystemExit as e:
        sys.stdout.flush()
        raise RuntimeError(f"exit {e.code}") from e
