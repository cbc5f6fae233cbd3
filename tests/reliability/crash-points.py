#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""crash-points.py: goal G1. ima-replayd dies at each of its system calls; the next run must make it good.

Lists of 0, 1, 2, 7, 40 and 200 records, 1, 2 and 4 banks; one of 40 of which 17 were extended by a
good run before.  Each call of a run that reads, writes,
opens, closes, renames, removes, makes or locks anything (at-syscall.c has the list) is a point
twice: SIGKILL right before it, and right behind it.  After each the PCR must be V(k) in every
bank; after the next, undisturbed run V(n), with as many updates of the TPM as that takes, and the
spool must be the list.  What the values are, lib/replay.py says.  Besides, runs that die again and
again at the same call, until one comes through.

SCALE (1): lists up to 7 records whole with two banks, a stride for all else, from a random offset;
nightly: everything, also calls that failed in the undisturbed run (they change nothing).
SEED: of a run to repeat.
"""
import collections
import os
import random
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import points  # noqa: E402
import softtpm  # noqa: E402
import world  # noqa: E402
from harness import check, finish  # noqa: E402
from points import Case  # noqa: E402

SIZES = ((0, 0), (1, 0), (2, 0), (7, 0), (40, 0), (40, 17), (200, 0))   # records; of these extended before
BANK_SETS = (["sha256"], ["sha1", "sha256"], world.BANKS)
SEED = int(os.environ.get("SEED", random.randrange(1 << 32)))
CHUNK = 50                  # points of one job
LIVES_MAX = 400
LIVES_MORE = 20
LIVES_N = 4                 # calls at which it dies again and again

# At SCALE=1, of so many calls one is taken.
STRIDES = {0: 2, 1: 2, 2: 2, 7: 2, 40: 4, 200: 20}


def stride(case):
    s = points.scale()
    if s == float("inf"):
        return 1
    base = 1 if len(case.banks) == 2 and case.n <= 7 else STRIDES[case.n]
    return max(1, round(base / s))


def jobs_of(case, rng):
    """[(list and banks, status, [(number of the call, its name, what)])], and whether that is every point"""
    calls, status = case.calls()
    k, wrong = case.k()
    check(status == (0 if case.n else status) and k == case.n and not wrong, f"{case}, undisturbed: exit {status}, {k} {wrong}")
    check(world.read_pcr(f"libtpms:{case.tpm}") == softtpm.look(case.tpm)[0], f"{case}: tpm2_pcrread sees something else")
    step = stride(case)
    is_whole = points.scale() == float("inf")
    all_of = [(i, name, what) for i, (name, result) in enumerate(calls, 1) if is_whole or result >= 0
              for what in ("before", "after")]
    at = rng.randrange(step)
    taken = all_of[at::step]
    print(f"{case}: {len(calls)} calls, {len(taken)} of {len(all_of)} points (each {step}, from {at})", flush=True)
    jobs = [((case.n, case.banks, case.before), status, taken[i:i + CHUNK]) for i in range(0, len(taken), CHUNK)]
    if case.n in (7, 40):
        # More calls than a run takes that extends nothing any more, and what the dead left costs some
        # besides: so each of these lives gets further.
        least = len(case.calls(reset=False)[0]) + LIVES_MORE
        if least < len(calls):
            jobs.append(((case.n, case.banks, case.before), status, [(rng.randrange(least, len(calls)), "any", "again") for _ in range(LIVES_N)]))
    return jobs, step == 1


def again(case, at):
    """Die at the same call until a run comes through: what is wrong."""
    last = 0
    for life in range(LIVES_MAX):
        rc, said = case.stopped(at, "before" if life % 2 else "after")
        k, wrong = case.k()
        if wrong:
            return f"life {life}: {wrong}"
        if k < last:
            return f"life {life}: fell from {last} to {k}"
        last = k
        if not points.is_killed(rc):
            return "" if rc == 0 else f"life {life} ends with {rc}: {said.strip()[:200]}"
    return "no run comes through"


def once(case, at, what, status):
    """Kill there: (was it killed?, where that left it, [what is wrong])"""
    rc, said = case.stopped(at, what)
    k, wrong = case.k()
    bad = [wrong] if wrong else []
    # The last calls are not always as many: the list's length is looked at each 10 ms.
    if not points.is_killed(rc) and rc != status:
        bad.append(f"ends with {rc}: {said.strip()[:200]}")
    return points.is_killed(rc), k, bad


def work(job, top):
    """Kill at each of these points: (list and banks, points, how many were not reached, [what is wrong], {k: left at that})"""
    what_of, status, taken = job
    key = str(what_of)
    if key not in CASES:
        CASES[key] = Case(top, *what_of)
    case = CASES[key]
    bad, seen, missed = [], collections.Counter(), 0
    for at, name, what in taken:
        case.reset()
        if what == "again":
            wrong = list(filter(None, [again(case, at)]))
            k = case.k()[0]
        else:
            was_killed, k, wrong = once(case, at, what, status)
            missed += not was_killed
            seen[k] += was_killed
        if not wrong:
            wrong = case.faults(k, status)
        bad += [f"{case}, {what} call {at} ({name}): {w}" for w in wrong]
    return what_of, len(taken), missed, bad, seen


CASES = {}


def main():
    world.need_libtpms()
    begun = time.monotonic()
    rng = random.Random(SEED)
    print(f"SEED={SEED}", flush=True)
    done, missed, bad, seen = 0, 0, [], collections.defaultdict(collections.Counter)
    with points.temporary("crash-points") as top:
        jobs, whole = [], []
        for banks in BANK_SETS:
            for n, before in SIZES:
                case = Case(f"{top}/cases", n, banks, before)
                new, is_whole = jobs_of(case, rng)
                jobs += new
                whole += [case] if is_whole else []
        # Long ones first, so that both workers end at the same time.
        jobs.sort(key=lambda job: -job[0][0])
        for key, n, n_missed, wrong, left in points.each(work, jobs, top):
            done += n
            missed += n_missed
            bad += wrong
            seen[key[0], len(key[1]), key[2]].update(left)
            for line in wrong[:5]:
                check(False, line)
    # Kills that all come before the first extend, or behind the last, would prove nothing.
    for case in whole:
        missing = set(range(case.before, case.n + 1)) - set(seen[case.n, len(case.banks), case.before])
        check(not missing, f"{case}: no kill left it at {sorted(missing)}")
    check(done > 0 and not bad, f"{len(bad)} of {done} points are wrong")
    check(missed * 20 <= done, f"{missed} of {done} points were not reached")
    between = sum(c for (n, _, before), left in seen.items() for k, c in left.items() if before < k < n)
    points.goal("G1", f"{len(bad)} lost or doubled at {done - missed} crash points ({between} between two records)",
                "0 lost, 0 doubled", begun)
    finish()


if __name__ == "__main__":
    main()
