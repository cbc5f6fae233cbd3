# SPDX-License-Identifier: BSD-2-Clause
"""What the Python tests share: programs, lists, PCR files and counted checks.

Environment:
  IMA_REPLAYCTL, IMA_REPLAYD  the programs under test (meson sets them)
  MESON_SOURCE_ROOT           the source tree; without it, the tree of this file
  IMA_REPLAY_SHARED           more lists: DIR/logs/{captured,published}; without it
                              ../shared beside the source tree, if it is there
  SCALE (1)                   how many times the usual size, or "nightly": scale()
  STOP_AT_FIRST=1             the first check that fails ends the test (tests/controls/run: a
                              broken tree is not waited for)
A test exits with 0 (good), 1 (a check failed, or none ran) or 77 (skipped,
or a part was: leave_out()).
"""
import functools
import hashlib
import json
import math
import os
import subprocess
import sys

import replay

ROOT = os.environ.get("MESON_SOURCE_ROOT") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DATA = os.path.join(ROOT, "tests", "data", "lists")


def find_shared():
    top = os.environ.get("IMA_REPLAY_SHARED") or os.path.join(ROOT, "..", "shared")
    return top if os.path.isdir(os.path.join(top, "logs")) else None


SHARED = find_shared()


# Sizes

def scale(nightly=1):
    """SCALE=: how many times the usual size; for "nightly" as many times as the caller says."""
    text = os.environ.get("SCALE") or "1"
    if text == "nightly":
        return nightly
    try:
        n = float(text)
    except ValueError:
        n = 0
    if not 0 < n < math.inf:
        sys.exit(f"SCALE={text}: a number above 0, or nightly")
    return n


# Programs

def program(variable):
    """The path that the environment variable names; the test fails without it."""
    path = os.path.abspath(os.environ.get(variable) or "/nonexistent")
    if not os.access(path, os.X_OK) or os.path.isdir(path):
        sys.exit(f"{variable} names no program")
    return path


def is_sanitized(path):
    """Built with AddressSanitizer: its memory is no measure."""
    with open(path, "rb") as f:
        return b"__asan_init" in f.read()


def run(*argv, timeout=60):
    """Return (rc, out, err); rc is negative for a signal and None after a timeout."""
    env = dict(os.environ, LC_ALL="C.UTF-8", NO_COLOR="1")
    try:
        p = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, env=env)
    except subprocess.TimeoutExpired:
        return None, "", f"no end after {timeout} s"
    return p.returncode, p.stdout.decode(errors="replace"), p.stderr.decode(errors="replace")


# Goals

def goal(name, reached, wanted, seconds):
    """Say what became of a goal of doc/reliability.md, for ci/reliability."""
    print(f"goal {name}: {reached}; wanted {wanted}; {seconds:.1f} s", flush=True)


# Checks

class Count:
    checks = failed = 0
    left_out = []


def check(good, name):
    Count.checks += 1
    if not good:
        Count.failed += 1
        print("FAILED:", name, flush=True)
        if os.environ.get("STOP_AT_FIRST"):
            finish()
    return good


def check_exit(result, want, name):
    """Check the exit status of a run() and show what the program said when it is wrong."""
    rc, out, err = result
    said = " | ".join((out + err).split("\n"))[:400]
    return check(rc == want, f"{name}: exit {rc}, expected {want}: {said}")


def finish():
    print(f"{Count.checks} checks, {Count.failed} failed")
    if Count.left_out and not Count.failed:
        skip(f"{len(Count.left_out)} parts: " + "; ".join(Count.left_out))
    sys.exit(1 if Count.failed or not Count.checks else 0)


def leave_out(what):
    """A part that cannot run here: what is left may fail, but not be good."""
    if what not in Count.left_out:
        Count.left_out.append(what)


def skip(reason):
    print("SKIPPED:", reason)
    sys.exit(77)


# Lists

class List:
    """A binary list and what was written down about it when it was taken."""

    def __init__(self, name, path, facts):
        self.name, self.path, self.facts = name, path, facts

    @functools.cached_property
    def raw(self):
        with open(self.path, "rb") as f:
            return f.read()

    @functools.cached_property
    def records(self):
        return list(replay.parse(self.raw, "<", self.digest_size))

    @property
    def digest_size(self):
        return hashlib.new(self.facts.get("log_alg", "sha1")).digest_size


def load(path):
    with open(path, encoding="utf-8") as f:
        return json.load(f)


def captured(top):
    """The lists of a directory with NAME.bin and NAME.json."""
    for f in sorted(os.listdir(top)):
        name, ext = os.path.splitext(f)
        if ext == ".json" and name != "MANIFEST":
            yield List(name, f"{top}/{name}.bin", load(f"{top}/{f}"))


def lists():
    """Every binary list with SHA-1 digests: ours, then what only the shared logs have."""
    out = list(captured(DATA))
    if SHARED:
        have = {x.name for x in out}
        logs = os.path.join(SHARED, "logs")
        out += [x for x in captured(f"{logs}/captured") if x.name not in have]
        sums = {row["name"]: row["sha256"] for row in load(f"{logs}/captured/MANIFEST.json")["captures"]}
        for x in out:
            if x.name in sums:
                x.facts["sha256"] = sums[x.name]
        out += [List(row["file"], f"{logs}/published/{row['file']}", row)
                for row in load(f"{logs}/published/MANIFEST.json")
                if row["format"] == "bin" and row["log_alg"] == "sha1"]
    return out


def views():
    """The per-algorithm lists NAME.<alg>.bin, with the facts of NAME."""
    for whole in captured(DATA):
        for alg in replay.ALGS:
            path = f"{DATA}/{whole.name}.{alg}.bin"
            if os.path.exists(path):
                yield List(f"{whole.name}.{alg}", path, dict(whole.facts, log_alg=alg))


def by_name(name):
    return next(x for x in lists() if x.name == name)


# PCR values

def chain(records, bank, padded=False, pcr=10):
    """[V(0), V(1), ... V(n)] of one PCR as hex: its value after each of its records."""
    zeros = bytes(hashlib.new(bank).digest_size).hex()
    return [zeros] + [v.hex() for _, p, v in replay.walk(records, bank, padded) if p == pcr]


def write(path, data):
    with open(path, "wb") as f:
        f.write(data if isinstance(data, bytes) else data.encode())
    return path


def write_pcrs(path, banks):
    """{"sha256": {"10": "<hex>"}} as tpm2_pcrread prints it, banks in the given order."""
    text = ""
    for bank, pcrs in banks.items():
        text += f"  {bank}:\n"
        text += "".join(f"    {n:<2}: 0x{v.upper()}\n" for n, v in sorted((int(n), v) for n, v in pcrs.items()))
    return write(path, text)


def write_evmctl_pcrs(path, bank, pcrs):
    """One bank as evmctl reads it (--pcrs BANK,FILE): all 24 PCRs, and in order."""
    zeros = bytes(hashlib.new(bank).digest_size).hex()
    rows = [bytes.fromhex(pcrs.get(str(n), zeros)) for n in range(24)]
    return write(path, "".join(f"PCR-{n:02d}: {v.hex(' ').upper()}\n" for n, v in enumerate(rows)))
