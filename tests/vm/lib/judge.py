# SPDX-License-Identifier: BSD-2-Clause
"""What a case may demand of a Result. Each judge raises Failure, or returns a line for people."""
import json
import re
import subprocess
import tempfile

import harness
import replay
import swtpm
from case import Failure
from packages import Unavailable

EVMCTL_MATCHES = "Matched per TPM bank calculated digest(s)."
EVMCTL_BANKS = ("sha1", "sha256")       # 1.4 takes two
BYPASS = r"ima: No TPM chip found, activating TPM-bypass!"
PKVM = r"kvm \[\d+\]: Protected \w*VHE mode initialized successfully"
TPM_RH_NULL = 0x40000007
DISTURBANCES = 5


def demand(good, text):
    if not good:
        raise Failure(text)


def extended(lab, result):
    """The kernel never extended, and PCR 10 is the replay of the list in every bank."""
    demand(kernel_says(result, BYPASS), "IMA is not in TPM-bypass")
    equal(lab, result)
    if result.commands is not None:
        n = swtpm.extends(result.commands).get(10, 0)
        demand(n == len(result.records), f"{n} extends of PCR 10 for {len(result.records)} records")
    undisturbed(result)
    common(result)
    return summary(result)


def owned(lab, result):
    """The kernel extended each record, and nobody else sent one extend."""
    demand(not kernel_says(result, BYPASS), "IMA is in TPM-bypass")
    equal(lab, result)
    n = swtpm.extends(result.commands)
    demand(n.get(10) == len(result.records), f"{n.get(10)} extends of PCR 10 for {len(result.records)} records")
    demand(TPM_RH_NULL not in n, "the daemon tried an extend of TPM_RH_NULL")
    common(result)
    return summary(result)


def without_tpm(_lab, result):
    """There is no TPM, and the daemon knows why."""
    demand(kernel_says(result, BYPASS), "IMA is not in TPM-bypass")
    demand(not result.pcrs, "there is a TPM")
    common(result)
    return summary(result)


def common(result):
    for pattern in result.case.kernel_says:
        demand(kernel_says(result, pattern), f"the kernel does not say '{pattern}'")
    for stage in result.case.stages:
        check_stage(result, stage)
    demand(result.service("exit") and result.service("exit")[-1][1] == "status 0",
           f"the daemon ended with {result.service('exit')}")


def kernel_says(result, pattern):
    return re.search(pattern, result.text("dmesg"))


def equal(lab, result):
    """PCR 10 against the list, by tests/lib/replay.py, evmctl and our own verify."""
    demand(sorted(result.pcrs) == sorted(swtpm.BANKS), f"the TPM has banks {sorted(result.pcrs)}")
    n = len(result.records)
    for bank, value in result.pcrs.items():
        held = replay.prefix_of(result.records, bank, 10, value)
        demand(held == n, f"PCR 10 {bank} holds {'no prefix' if held is None else held} of {n} records")
    banks = {bank: {"10": value} for bank, value in result.pcrs.items()}
    with tempfile.TemporaryDirectory() as top:
        path = harness.write(f"{top}/list", result.files["list"])
        evmctl(top, path, banks)
        rc, out, err = harness.run(str(lab.verifier), "verify", f"--list={path}",
                                   f"--pcrs={harness.write_pcrs(f'{top}/pcrs', banks)}")
        demand(rc == 0, f"ima-replayctl verify: {rc}: {out}{err}")


def evmctl(top, path, banks):
    argv = ["evmctl", "ima_measurement", "--ignore-violations"]
    for bank in EVMCTL_BANKS:
        argv += ["--pcrs", f"{bank},{harness.write_evmctl_pcrs(f'{top}/{bank}', bank, banks[bank])}"]
    try:
        p = subprocess.run([*argv, path], capture_output=True, text=True)
    except FileNotFoundError:
        raise Unavailable("evmctl is not installed (ima-evm-utils)") from None
    demand(p.returncode == 0 and EVMCTL_MATCHES in p.stderr, f"evmctl: {p.returncode}: {p.stderr[-200:]!r}")


def undisturbed(result):
    """Where somebody else read the PCR meanwhile: each time with an answer, also during the catch-up."""
    if result.case.scenario != "late":
        return
    readings = re.findall(r"^\[([\d.]+)\] ([0-9a-f ]+)$", result.text("disturb"), re.M)
    demand(len(readings) >= DISTURBANCES, f"only {len(readings)} readings by somebody else")
    demand(all(rc.strip() == "00 00 00 00" for _, rc in readings), "somebody else could not read the PCR")
    begun = [t for t, text in result.service("says") if "the TPM is there" in text]
    done = [t for t, text in result.service("says") if "caught up" in text]
    demand(begun and done, "the daemon does not say that it found the TPM and caught up")
    demand(any(begun[0] < float(t) < done[0] for t, _ in readings), "nobody read the PCR during the catch-up")


def check_stage(result, stage):
    demand(f"mark.{stage.name}" in result.files, f"the guest did not reach stage {stage.name}")
    state, reason = result.state_at(stage.name)
    demand(stage.state in (None, state), f"stage {stage.name}: state {state}, expected {stage.state}")
    status = result.text(f"doctor.{stage.name}.status").strip()
    demand(status == str(stage.doctor), f"stage {stage.name}: doctor ended with {status}, expected {stage.doctor}: "
                                        f"{result.text(f'doctor.{stage.name}')[-200:]!r}")
    cause = json.loads(result.text(f"doctor.{stage.name}.json"))["cause"]
    demand(stage.cause in (None, cause), f"stage {stage.name}: doctor's first cause is {cause}, expected {stage.cause}")
    demand(stage.reason in (None, reason), f"stage {stage.name}: reason {reason}, expected {stage.reason}")
    check_status(result, stage)


def check_status(result, stage):
    """The server says the same; and of a TPM that is extended, that its exclusive audit session works through that node."""
    text = result.text(f"status.{stage.name}.json")
    demand(text, f"stage {stage.name}: ima-replayctl status: {result.text(f'status.{stage.name}.error')}")
    said = json.loads(text)
    demand(stage.state in (None, said["state"]), f"stage {stage.name}: status says {said['state']}, expected {stage.state}")
    check_gate(stage, {fact["name"]: fact for fact in said["gate"]})
    if said["state"] == "follow":
        tpm = said["tpm"]
        demand(tpm["device"].startswith("/dev/tpmrm") and tpm["compareAndSwap"] is True,
               f"stage {stage.name}: status says of the TPM: {tpm}")


def check_gate(stage, facts):
    """What the daemon itself thinks of pKVM, FF-A and the TPM, and why."""
    for thing, (readiness, hint) in stage.gate.items():
        fact = facts.get(thing, {})
        demand(fact.get("readiness") == readiness, f"stage {stage.name}: {thing}: {fact}, expected {readiness}")
        demand(hint in fact.get("hint", "") if hint else "hint" not in fact,
               f"stage {stage.name}: {thing}: {fact}, expected the hint {hint!r}")


def summary(result):
    states = ", ".join(f"{state}{f'({reason})' if reason else ''} at {t:.0f} s" for t, state, reason in result.states())
    banks = f"{len(result.pcrs)} banks" if result.pcrs else "no TPM"
    return f"{result.text('kernel').strip()}: {len(result.records)} records, {banks}; {states}"
