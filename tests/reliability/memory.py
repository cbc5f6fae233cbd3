#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""memory.py: goals G13 and G14. What a long list costs ima-replayd in memory, and in time at a start.

G13: VmHWM at the end of a run that finds all but the last 2,000 records in the TPM, and extends
those; the software TPM is inside the process and is counted, the spool is not (it is in files).
G14: a restart that finds everything extended, two banks, and the spool of the run before: the time
of the whole run, less that of reading the same bytes; the best of three, as other work on the
machine only ever adds. What a run takes that has to write the spool as well is shown beside it.

The TPM gets its PCR without that many extends: lib/softtpm.py puts it there.  The values are those
of make-list, which shares no code with the programs.

SCALE (1): 1,000,000 records; below 1: 200,000; below 0.5: memory alone, which no load of the
machine changes; nightly: 10,000,000 as well.
"""
import os
import resource
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness  # noqa: E402
import points  # noqa: E402
import softtpm  # noqa: E402
import world  # noqa: E402
from harness import check, finish  # noqa: E402

BANKS = ["sha1", "sha256"]
LAST = 2000                         # records that are extended
SHORT = 100_000
LIMIT_KIB = {0: 12 << 10}           # 13 MiB for any other length
SECONDS = {SHORT: 0.3, 200_000: 0.6, 1_000_000: 2.5, 10_000_000: 20}
REPEAT = 3


def lengths():
    s = points.scale()
    return [200_000] if s < 1 else [1_000_000] if s != float("inf") else [1_000_000, 10_000_000]


def children_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


class Ground:
    """A list of n records, and a TPM that is told how many are in it."""

    def __init__(self, top, n):
        self.n, self.top, self.tpm = n, f"{top}/{n}", f"{top}/{n}/tpm"
        self.root = world.Root(f"{self.top}/root", b"")
        self.path = self.root.path
        out = ""
        if n:
            out = subprocess.run([maker(), str(n), self.path, *(str(k) for k in (n - LAST, n))], check=True,
                                 capture_output=True, text=True).stdout
        self.root.write(f"{world.IMA}/{world.COUNT}", f"{n}\n")
        self.values = {int(k): dict(zip(v[::2], v[1::2])) for k, *v in map(str.split, out.splitlines())}
        softtpm.make(self.tpm, BANKS)
        if n:
            self.begin()

    def begin(self):
        """The first record, so that its value can be found and replaced."""
        first = world.Root(f"{self.top}/first", world.made(1))
        harness.check_exit(world.oneshot(first, f"libtpms:{self.tpm}"), 0, "one record")

    def hold(self, k):
        softtpm.put(self.tpm, self.values[k])

    def run(self, *prefix):
        """(result, seconds, seconds of a CPU)"""
        begun, used = time.monotonic(), children_seconds()
        result = harness.run(*prefix, *world.oneshot_argv(self.root, f"libtpms:{self.tpm}"), timeout=300)
        return result, time.monotonic() - begun, children_seconds() - used

    def read_seconds(self):
        begun = time.monotonic()
        with open(self.path, "rb", buffering=0) as f:
            while f.read(128 << 10):
                pass
        return time.monotonic() - begun


def maker():
    top = os.path.dirname(os.path.dirname(harness.program("IMA_REPLAYD")))
    os.environ.setdefault("MAKE_LIST", f"{top}/tests/reliability/make-list")
    return harness.program("MAKE_LIST")


def peak(ground):
    """VmHWM in KiB."""
    out = f"{ground.top}/memory"
    if ground.n:
        ground.hold(ground.n - LAST)
    # A call that it never makes: nothing stops it on the way.
    result, *_ = ground.run(points.at_syscall(), "-c", "fallocate", "-m", out)
    if result[0] == points.NOT_HERE:
        harness.skip("programs cannot be traced here (ptrace, seccomp)")
    if ground.n:
        check(result[0] == 0 and f"{LAST} extended now" in result[2], f"{ground.n} records: {result}")
        check(softtpm.look(ground.tpm)[0] == ground.values[ground.n], f"{ground.n} records: PCR 10 is wrong")
    with open(out, encoding="ascii") as f:
        kib = int(f.read())
    limit = LIMIT_KIB.get(ground.n, 13 << 10)
    check(0 < kib <= limit, f"{ground.n} records: memory grows with the list: {kib} KiB, more than {limit}")
    print(f"{ground.n} records: VmHWM {kib} KiB", flush=True)
    return kib


def start(ground):
    """Seconds of a restart after the bytes are read."""
    best = {}
    for name in ("first, writing the spool", "restart"):
        times, cpu = [], []
        for _ in range(REPEAT):
            if name != "restart":
                ground.root.reboot()
            result, took, used = ground.run()
            times.append(took - ground.read_seconds())
            cpu.append(used)
            check(result[0] == 0 and f"{ground.n} records are in the TPM, 0 extended now" in result[2], f"{ground.n}, {name}: {result}")
        best[name] = min(times)
        print(f"{ground.n} records, {name}: {', '.join(f'{t:.3f}' for t in times)} s; of a CPU {min(cpu):.3f} s", flush=True)
    check(best["restart"] < SECONDS[ground.n], f"{ground.n} records: a restart takes {best['restart']:.2f} s, more than {SECONDS[ground.n]}")
    return best["restart"]


def main():
    world.need_libtpms()
    if harness.is_sanitized(harness.program("IMA_REPLAYD")):
        harness.skip("ima-replayd is built with AddressSanitizer: its memory and time are no measure")
    begun = time.monotonic()
    starts = {}
    with points.temporary("memory") as top:
        peaks = {0: peak(Ground(top, 0))}
        for n in [SHORT, *lengths()]:
            ground = Ground(top, n)
            peaks[n] = peak(ground)
            if points.scale() >= 0.5:
                starts[n] = start(ground)
            os.unlink(ground.path)
    points.goal("G13", ", ".join(f"{kib / 1024:.1f} MiB at {k}" for k, kib in peaks.items()),
                "<= 12 MiB at 0, <= 13 MiB at any length", begun)
    if starts:
        points.goal("G14", ", ".join(f"{t:.2f} s at {k}" for k, t in starts.items()),
                    ", ".join(f"< {SECONDS[k]} at {k}" for k in starts), begun)
    finish()


if __name__ == "__main__":
    main()
