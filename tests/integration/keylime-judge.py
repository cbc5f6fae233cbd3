#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Keylime's own list check, with and without the policy entry of doc/verifiers.md.

The verifier's function that replays a list and applies a runtime policy to it (keylime.ima.ima) is called
with lists of ours; no service is started and nothing is asked over the network.  Keylime comes from PyPI
into an environment in $IMA_REPLAY_KEYLIME_CACHE (~/.cache/ima-replay-keylime); where pip cannot fetch it,
the test is skipped.  Its GnuPG binding, which checks signed policies only, is left out.
"""
import json
import os
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

import harness  # noqa: E402
import replay  # noqa: E402
import world  # noqa: E402
from harness import check  # noqa: E402

KEYLIME = "7.14.3"
# What that function imports; not what Keylime's services need.
PACKAGES = ["jsonschema", "cryptography", "pyyaml", "lark", "packaging", "requests", "sqlalchemy", "psutil", "pyasn1",
            "pyasn1_modules", "typing_extensions"]

JUDGE = r"""
import json, logging, sys, types
logging.disable(logging.CRITICAL)
sys.modules["gpg"] = types.ModuleType("gpg")
from keylime.agentstates import AgentAttestState
from keylime.common.algorithms import Hash
from keylime.ima import ima
case = json.load(sys.stdin)
policy = dict(ima.EMPTY_RUNTIME_POLICY, digests=case["digests"])
policy["ima"] = dict(policy["ima"], log_hash_alg="sha1")
state = AgentAttestState("d432fbb3-d2f1-4a97-9ef7-75bd81c00000")
_, failure = ima.process_measurement_list(state, case["lines"], policy, pcrval=case["pcr"], hash_alg=Hash.SHA256)
print(json.dumps(sorted(e.event_id for e in failure.events)))
"""


def environment():
    """The interpreter of the environment; made when it is not there."""
    cache = Path(os.environ.get("IMA_REPLAY_KEYLIME_CACHE") or Path.home() / ".cache/ima-replay-keylime")
    top, part = cache / KEYLIME, cache / f"{KEYLIME}.part"
    if top.is_dir():
        return top / "bin/python"
    cache.mkdir(parents=True, exist_ok=True)
    pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"]
    for argv in ([sys.executable, "-m", "venv", "--clear", part], [part / "bin/python", *pip, *PACKAGES],
                 [part / "bin/python", *pip, "--no-deps", f"keylime=={KEYLIME}"]):
        done = harness.run(*map(str, argv), timeout=150)
        if done[0] != 0:
            harness.skip(f"no keylime {KEYLIME}: {(done[2].strip().splitlines() or ['pip failed'])[-1]}")
    part.rename(top)
    return top / "bin/python"


def ascii_line(rec):
    """As the kernel's text list has it, for ima-ng."""
    digest, name = replay.fields(rec)
    alg, _, value = digest.rpartition(b":\0")
    return f"{rec.pcr} {rec.digest.hex()} {rec.template} {alg.decode()}:{value.hex()} {name[:-1].decode()}"


def judge(python, records, digests, n_extended):
    """Names of what Keylime finds wrong; the PCR holds the first n_extended records."""
    case = {"lines": [ascii_line(r) for r in records], "digests": digests, "pcr": harness.chain(records, "sha256")[n_extended]}
    p = subprocess.run([python, "-c", JUDGE], input=json.dumps(case), capture_output=True, text=True, timeout=60)
    if p.returncode:
        sys.exit(f"keylime: {p.stderr[-1500:]}")
    return json.loads(p.stdout)


def policy(records, without=()):
    """A runtime policy that has exactly these files."""
    out = {}
    for rec in records:
        digest, name = replay.fields(rec)
        name = name[:-1].decode()
        if name not in without:
            out.setdefault(name, []).append(digest.rpartition(b":\0")[2].hex())
    return out


def main():
    python = environment()
    raw = world.made(40)
    records = list(replay.parse(raw))
    n = len(records)
    entry = {"boot_aggregate": ["0" * 64]}           # what doc/verifiers.md says
    files = policy(records, without=("boot_aggregate",))
    got = judge(python, records, {**files, **entry}, n)
    check(got == [], f"with the entry the list is accepted: {got}")
    got = judge(python, records, files, n)
    check(got == ["ima.validation.ima-ng.not_in_allowlist"], f"without it, it is not: {got}")
    got = judge(python, records, {**files, "boot_aggregate": ["ab" * 32]}, n)
    check(got == ["ima.validation.ima-ng.runtime_policy_hash"], f"nor with that of a kernel with a TPM: {got}")
    got = judge(python, records, {**files, **entry}, n - 5)
    check(got == [], f"a list that is ahead of the PCR is accepted: {got}")
    got = judge(python, records, {**files, **entry}, 0)
    check(got == [], f"at first even a PCR that holds nothing yet: {got}")
    altered = list(replay.parse(world.boot_aggregate() + raw[records[0].end:records[1].end] + raw[records[2].end:]))
    got = judge(python, altered, {**files, **entry}, len(altered))
    check(got == [], f"control: that list by itself is sound: {got}")
    foreign = harness.chain(records, "sha256")[n]
    p = {"lines": [ascii_line(r) for r in altered], "digests": {**files, **entry}, "pcr": foreign}
    out = subprocess.run([python, "-c", JUDGE], input=json.dumps(p), capture_output=True, text=True, timeout=60)
    check(json.loads(out.stdout or "[]") == ["ima.pcr_mismatch"], f"a record too few is noticed: {out.stdout}{out.stderr[-500:]}")
    late = list(replay.parse(world.boot_aggregate(name="boot_aggregate_late") + raw[records[0].end:]))
    got = judge(python, late, {**files, **entry}, n)
    check(got == ["ima.validation.ima-ng.not_in_allowlist"], f"boot_aggregate_late wants an entry of its own: {got}")
    got = judge(python, late, {**files, "boot_aggregate_late": ["0" * 64]}, n)
    check(got == [], f"with it, it is accepted: {got}")
    harness.finish()


if __name__ == "__main__":
    main()
