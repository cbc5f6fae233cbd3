#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""nth-failure.py: goal G10. Each call that can fail does fail once; or from there on all of its kind.

A run of ima-replayd that extends 40 records into two banks; also one that finds 17 of them there.

  calls      read, write, open, rename, poll ... : each system call that is made (at-syscall.c)
  memory     malloc, calloc, realloc: of libraries, too (fail-at.c, as the others)
  crypto     EVP_*, RAND_bytes
  tss        Tss2_Sys_*, Tss2_MU_*, Tss2_TctiLdr_Initialize, transmit, receive, getPollHandles;
             nothing is done
  tss-after  the same: it is done, and then said to have failed, as when an answer is lost

The run must end by itself, with 0 (then all is extended), 1, 3 or 4 and without a report of a
sanitizer; the PCR is V(k) in every bank, k not less than before, with as many updates of the TPM
as that takes; the next, undisturbed run makes it V(40), and the spool is the list.

SCALE (1): a stride, from a random offset; nightly: everything.  SEED: of a run to repeat.
"""
import collections
import os
import random
import re
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import harness  # noqa: E402
import points  # noqa: E402
import world  # noqa: E402
from harness import check, finish  # noqa: E402
from points import Case  # noqa: E402

N = 40
BANKS = ["sha1", "sha256"]
SEED = int(os.environ.get("SEED", random.randrange(1 << 32)))
CHUNK = 50
GOOD, DOCUMENTED = 0, (0, 1, 3, 4)
REPORT = re.compile(r"(ERROR: (Address|Leak|Memory)Sanitizer|runtime error:|Assertion .* failed).*")
# Not close(): in Linux it closes also when it fails.
CALLS = ("read pread64 recvmsg getdents64 readlinkat write pwrite64 sendmsg sendto openat openat2 open rename renameat "
         "unlinkat mkdirat fchmodat ftruncate fsync flock poll epoll_wait epoll_create1 epoll_ctl eventfd2 timerfd_create "
         "fstatfs newfstatat mmap").split()
ALLOCATIONS_MIN = 1000
IS_SANITIZED = harness.is_sanitized(harness.program("IMA_REPLAYD"))
if IS_SANITIZED:
    CALLS.remove("mmap")        # the sanitizer's own
LIBRARY = ("memory", "crypto", "tss", "tss-after")
# At SCALE=1, of so many one is taken: once, from there on.
STRIDES = {"calls": (2, 8), "memory": (8, 80), "crypto": (5, 25), "tss": (1, 5), "tss-after": (1, 5)}


def module():
    top = os.path.dirname(os.path.dirname(harness.program("IMA_REPLAYD")))
    return os.environ.get("FAIL_AT_MODULE") or f"{top}/tests/reliability/fail-at.so"


def environment(kind, at, goes_on=False):
    env = {"LD_PRELOAD": module(), "FAIL_AT": f"{kind}:{at}{':from' if goes_on else ''}"}
    if IS_SANITIZED:
        env["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0:detect_leaks=1"
        if kind == "memory":
            env["LSAN_OPTIONS"] = f"suppressions={os.path.dirname(os.path.abspath(__file__))}/lsan.supp:print_suppressions=0"
    return env


def count(case, kind):
    """How many calls of this kind an undisturbed run makes."""
    if kind == "calls":
        return len(case.calls(CALLS)[0])
    case.reset()
    path = f"{case.top}/count"
    rc, said = case.run(env={**environment(kind, 0), "FAIL_COUNT": path})
    check(rc == GOOD and case.k() == (N, ""), f"{case}, {kind}, undisturbed: exit {rc}: {said[:400]}")
    with open(path, encoding="ascii") as f:
        return int(f.read())


def jobs_of(case, kind, rng):
    n = count(case, kind)
    if kind == "memory" and n < ALLOCATIONS_MIN and IS_SANITIZED:
        # clang links its malloc() into the program, where nothing comes before it; gcc does not.
        print(f"{case}, memory: left out, the sanitizer's own malloc() cannot be made to fail", flush=True)
        return []
    check(n > 20 * (kind != "crypto"), f"{case}: only {n} calls of {kind} were seen")
    jobs = []
    for goes_on, base in zip((False, True), STRIDES[kind]):
        s = points.scale()
        step = 1 if s == float("inf") else max(1, round(base * (4 if case.before else 1) / s))
        at = rng.randrange(step)
        taken = range(1 + at, n + 1, step)
        print(f"{case}, {kind} {'from on' if goes_on else 'once'}: {len(taken)} of {n} (each {step}, from {1 + at})", flush=True)
        jobs += [((case.n, case.banks, case.before), kind, goes_on, list(taken[i:i + CHUNK])) for i in range(0, len(taken), CHUNK)]
    return jobs


def disturbed(case, kind, at, goes_on):
    if kind == "calls":
        return case.stopped(at, "from" if goes_on else "once", CALLS)
    return case.run(env=environment(kind, at, goes_on))


def judge(case, rc, said):
    k, wrong = case.k()
    bad = [wrong] if wrong else []
    if rc not in DOCUMENTED:
        bad.append(f"ends with {rc}: {said.strip()[-300:]}")
    report = REPORT.search(said)
    if report:
        bad.append(f"reports {report[0]}")
    if rc == GOOD and k != N:
        bad.append(f"says good with {k} records in the TPM: {said.strip()[:200]}")
    return k, bad or case.faults(k, GOOD)


CASES = {}


def work(job, top):
    what_of, kind, goes_on, taken = job
    key = str(what_of)
    if key not in CASES:
        CASES[key] = Case(top, *what_of)
    case, bad, ends, left = CASES[key], [], collections.Counter(), collections.Counter()
    for at in taken:
        case.reset()
        rc, said = disturbed(case, kind, at, goes_on)
        k, wrong = judge(case, rc, said)
        ends[rc] += 1
        left[k] += 1
        bad += [f"{case}, {kind} {at}{' and on' if goes_on else ''}: {w}" for w in wrong]
    return kind, len(taken), bad, ends, left


def main():
    world.need_libtpms()
    begun = time.monotonic()
    rng = random.Random(SEED)
    print(f"SEED={SEED}", flush=True)
    done, bad, ends, left = collections.Counter(), [], collections.Counter(), collections.Counter()
    with points.temporary("nth-failure") as top:
        jobs = []
        for before in (0, 17):
            case = Case(f"{top}/cases", N, BANKS, before)
            for kind in ("calls", *LIBRARY):
                jobs += jobs_of(case, kind, rng)
        for kind, n, wrong, rcs, ks in points.each(work, jobs, top):
            done[kind] += n
            bad += wrong
            ends.update(rcs)
            left.update(ks)
            for line in wrong[:5]:
                check(False, line)
    n = sum(done.values())
    print(f"failures: {dict(done)}; ends: {dict(sorted(ends.items()))}", flush=True)
    # A failure that nobody feels proves nothing.
    check(sum(ends.values()) - ends[GOOD] > n / 20 and len(left) > 2, f"hardly any run was disturbed: {dict(ends)}")
    check(n > 0 and not bad, f"{len(bad)} of {n} are wrong")
    points.goal("G10", f"{len(bad)} crashes, reports, wrong PCRs at {n} failed calls", "0", begun)
    finish()


if __name__ == "__main__":
    main()
