#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""kill-storm-journal.py: the control to kill-storm.py: what the search in the PCR is for.

This is a model: the PCR is a hash in this process, and a kill is an exception
between two writes; nothing of ima-replayd runs.  A stand-in extends the same
records and keeps its position in a file, written after or before each extend.
Killed at random, it must double or lose records, or kill-storm.py proves
nothing.  A stand-in that searches the PCR for V(k) instead must not.

SEED: of a run to repeat.
"""
import collections
import hashlib
import os
import random
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import check, finish, write  # noqa: E402

BOOTS, RECORDS, KILL_CHANCE = 200, 50, 0.04
SEED = int(os.environ.get("SEED", random.randrange(1 << 32)))


class Killed(Exception):
    pass


class Machine:
    """One boot: a PCR that outlives the stand-in, and its journal."""

    def __init__(self, rng, top):
        self.rng, self.journal = rng, write(f"{top}/journal", "0")
        self.pcr, self.extended = bytes(32), []

    def extend(self, i):
        self.pcr = step(self.pcr, i)
        self.extended.append(i)

    def maybe_killed(self):
        if self.rng.random() < KILL_CHANCE:
            raise Killed


def step(pcr, i):
    return hashlib.sha256(pcr + hashlib.sha256(b"%d" % i).digest()).digest()


def replayed():
    values = [bytes(32)]
    for i in range(RECORDS):
        values.append(step(values[-1], i))
    return values


VALUES = replayed()


# The stand-ins: each goes on where it thinks it was

def journal_after(m):
    with open(m.journal, encoding="ascii") as f:
        k = int(f.read())
    for i in range(k, RECORDS):
        m.maybe_killed()
        m.extend(i)
        m.maybe_killed()
        write(m.journal, str(i + 1))


def journal_before(m):
    with open(m.journal, encoding="ascii") as f:
        k = int(f.read())
    for i in range(k, RECORDS):
        m.maybe_killed()
        write(m.journal, str(i + 1))
        m.maybe_killed()
        m.extend(i)


def search(m):
    for i in range(VALUES.index(m.pcr), RECORDS):
        m.maybe_killed()
        m.extend(i)
        m.maybe_killed()


def boots(stand_in, rng, top):
    """Let it run to its end in each boot, killed and started again; count what went wrong."""
    seen = collections.Counter()
    for _ in range(BOOTS):
        m = Machine(rng, top)
        while True:
            try:
                stand_in(m)
                break
            except Killed:
                seen["kills"] += 1
        count = collections.Counter(m.extended)
        seen["lost"] += sum(not count[i] for i in range(RECORDS))
        seen["doubled"] += sum(n - 1 for n in count.values())
        seen["wrong boots"] += m.pcr != VALUES[-1]
    print(f"{stand_in.__name__}: {seen['kills']} kills, {seen['lost']} records lost, {seen['doubled']} doubled, "
          f"{seen['wrong boots']} of {BOOTS} boots wrong")
    return seen


def main():
    print(f"SEED={SEED}")
    rng = random.Random(SEED)
    with tempfile.TemporaryDirectory(prefix="kill-storm-journal.") as top:
        after, before, found = (boots(s, rng, top) for s in (journal_after, journal_before, search))
    check(after["doubled"] > 0 and after["wrong boots"] > 0, "a journal written after the extend doubles nothing")
    check(before["lost"] > 0 and before["wrong boots"] > 0, "a journal written before the extend loses nothing")
    check(found["kills"] > BOOTS and not found["wrong boots"] + found["lost"] + found["doubled"], "the search is wrong")
    finish()


if __name__ == "__main__":
    main()
