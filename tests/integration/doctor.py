#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""ima-replayctl doctor on every machine of tests/data/machines, and on this one.

Expected: exit status, who extends, the first cause, and states of single checks.
"""
import json
import os
import pathlib
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from harness import check, check_exit, finish, program, run  # noqa: E402
from tree import MACHINES, build  # noqa: E402

CTL = program("IMA_REPLAYCTL")
MARKS = {"good": "✓", "note": "!", "waiting": "!", "bad": "✗", "not-needed": " "}

# Cause before effect: what a later one needs comes first. A machine has some of them.
ORDER = ["ima", "policy", "mode", "late-sync", "pkvm", "ffa", "tee_supplicant", "tpm", "banks", "pcr10", "others"]

# name: status, mode, cause, states of checks (name=state)
EXPECTED = {
    "arm64-ffa-bug-6.12.tpm": (4, "bypass", "ffa-pkvm-bug", "pkvm=good ffa=bad tpm=bad"),
    "arm64-ffa-deadend-7.3.boot": (4, "bypass", "crb-stub", "pkvm=good ffa=waiting tpm=bad"),
    "arm64-ffa-deadend-7.3.ffa": (4, "bypass", "crb-stub", "pkvm=good ffa=waiting tpm=bad"),
    "arm64-ffa-deadend-7.3.tpm": (4, "bypass", "crb-stub", "pkvm=good ffa=good tpm=bad"),
    "arm64-ffa-kernel-owned-6.12.boot": (0, "kernel", "none", "mode=good pkvm=not-needed ffa=good tpm=good"),
    "arm64-ffa-late-6.12.boot": (3, "bypass", "driver-not-loaded", "ffa=waiting tpm=waiting"),
    "arm64-ffa-late-6.12.ffa": (3, "bypass", "driver-not-loaded", "ffa=waiting tpm=waiting"),
    "arm64-ffa-late-6.12.tpm": (0, "bypass", "none", "pkvm=good ffa=good tpm=good pcr10=good"),
    "arm64-ffa-late-nopkvm-7.3.ffa": (3, "bypass", "driver-not-loaded", "pkvm=not-needed ffa=waiting"),
    "arm64-ffa-late-nopkvm-7.3.tpm": (0, "bypass", "none", "pkvm=not-needed ffa=good tpm=good"),
    "arm64-ffa-late-rich-7.3.end": (0, "bypass", "none", "pcr10=note"),
    "arm64-ffa-late-stock-7.3.boot": (3, "bypass", "driver-not-loaded", "pkvm=good ffa=waiting tpm=waiting"),
    "arm64-ffa-late-stock-7.3.ffa": (3, "bypass", "driver-not-loaded", "pkvm=good ffa=waiting tpm=waiting"),
    "arm64-ffa-late-stock-7.3.tpm": (0, "bypass", "none", "pkvm=good ffa=good tpm=good banks=good pcr10=good"),
    "arm64-ffa-late-sync-7.3.boot": (0, "kernel", "none", "mode=good tpm=good"),
    "arm64-ffa-mainline-bypass-7.3.boot": (0, "bypass", "none", "mode=note pkvm=good ffa=good tpm=good pcr10=good"),
    "arm64-ffa-mainline-late-7.3.end": (0, "bypass", "none", "pcr10=note"),
    "arm64-ffa-no-ffa-7.3.boot": (3, "bypass", "driver-not-loaded", "ffa=waiting"),
    "arm64-ffa-no-ffa-7.3.ffa": (3, "bypass", "ffa-no-firmware", "pkvm=good ffa=bad tpm=waiting"),
    "arm64-ffa-no-partition-7.3.ffa": (3, "bypass", "ffa-no-partition", "pkvm=good ffa=bad tpm=waiting"),
    "arm64-ffa-v10-7.3.boot": (3, "bypass", "driver-not-loaded", "ffa=waiting"),
    "arm64-ffa-v10-7.3.ffa": (3, "bypass", "ffa-anonymous", "ffa=waiting"),
    "arm64-ffa-v10-7.3.tpm": (0, "bypass", "none", "ffa=good tpm=good"),
    "arm64-kvm-default-7.3.boot": (3, "bypass", "tpm-none", "pkvm=not-needed ffa=not-needed tpm=waiting"),
    "arm64-kvm-none-7.3.boot": (3, "bypass", "tpm-none", "pkvm=not-needed ffa=not-needed tpm=waiting"),
    "arm64-kvm-nvhe-7.3.end": (3, "bypass", "ffa-no-firmware", "pkvm=not-needed ffa=bad tpm=waiting"),
    "arm64-pkvm-stock-6.1.boot": (3, "bypass", "driver-not-loaded", "pkvm=good ffa=waiting tpm=waiting"),
    "arm64-pkvm-stock-6.12.boot": (3, "bypass", "driver-not-loaded", "pkvm=good ffa=waiting tpm=waiting"),
    "arm64-pkvm-stock-7.3.boot": (3, "bypass", "driver-not-loaded", "pkvm=good ffa=waiting tpm=waiting"),
    "arm64-pkvm-stock-7.3.ffa": (3, "bypass", "ffa-no-firmware", "pkvm=good ffa=bad tpm=waiting"),
    "made-acpi-cut": (3, "bypass", "driver-not-loaded", "tpm=waiting"),
    "made-acpi-tis": (3, "bypass", "driver-not-loaded", "tpm=waiting"),
    "made-ftpm": (0, "bypass", "none", "tee_supplicant=good tpm=good"),
    "made-ftpm-dt": (3, "bypass", "driver-not-loaded", "tee_supplicant=not-needed tpm=waiting"),
    "made-ftpm-no-supplicant": (3, "bypass", "tee-supplicant", "tee_supplicant=waiting tpm=waiting"),
    "made-i2c-not-loaded": (3, "bypass", "driver-not-loaded", "tpm=waiting"),
    "made-no-ima": (5, "undecided", "ima-absent", "ima=bad"),
    "made-no-policy": (0, "bypass", "none", "ima=good policy=note tpm=good"),
    "made-no-securityfs": (5, "undecided", "securityfs-not-mounted", "ima=bad"),
    "made-no-sysfs": (1, "bypass", "tpm-unknown", "tpm=waiting"),
    "made-no-tpm-core": (3, "bypass", "tpm-none", "tpm=waiting"),
    "made-pkvm-failed": (0, "bypass", "none", "pkvm=note tpm=good"),
    "made-pkvm-no-log": (0, "undecided", "none", "mode=note pkvm=note tpm=good"),
    "made-software": (3, "bypass", "tpm-software", "tpm=waiting"),
    "made-software-and-spi": (0, "bypass", "none", "tpm=good"),
    "made-spi-foreign": (0, "bypass", "none", "pcr10=note"),
    "made-spi-loaded": (0, "bypass", "none", "ima=good policy=good ffa=not-needed tpm=good banks=good pcr10=good"),
    "made-spi-no-node": (3, "bypass", "node-absent", "tpm=waiting"),
    "made-spi-not-built": (4, "bypass", "driver-not-built", "tpm=bad"),
    "made-spi-not-loaded": (3, "bypass", "driver-not-loaded", "tpm=waiting"),
    "made-stub-by-modules": (4, "bypass", "crb-stub", "tpm=bad"),
    "made-tpm-1.2": (4, "undecided", "tpm-1.2", "tpm=bad"),
}

# What the cure must name: the command, file or option that helps.
CURES = {
    "arm64-ffa-bug-6.12.tpm": ("ffa", "7.2"),
    "arm64-ffa-deadend-7.3.tpm": ("tpm", "CONFIG_TCG_ARM_CRB_FFA=y"),
    "arm64-ffa-late-6.12.boot": ("ffa", "modprobe ffa-module"),
    "arm64-ffa-late-stock-7.3.ffa": ("ffa", "modprobe tpm_crb_ffa"),
    "arm64-ffa-mainline-bypass-7.3.boot": ("mode", "CONFIG_IMA_INIT_LATE_SYNC=y"),
    "made-ftpm-no-supplicant": ("tee_supplicant", "systemctl start tee-supplicant"),
    "made-i2c-not-loaded": ("tpm", "modprobe tpm_tis_i2c"),
    "made-spi-not-built": ("tpm", "CONFIG_TCG_TIS_SPI"),
    "made-spi-not-loaded": ("tpm", "modprobe tpm_tis_spi"),
    "made-software": ("tpm", "TPM=software"),
    "made-no-policy": ("policy", "ima_policy=tcb"),
}

# Further options: machine, options, status, cause, device
CHOICES = [
    ("made-software", ["--tpm=software"], 0, "none", "/dev/tpmrm0"),
    ("made-software-and-spi", [], 0, "none", "/dev/tpmrm1"),
    ("made-software-and-spi", ["--tpm=software"], 0, "none", "/dev/tpmrm0"),
    ("made-software-and-spi", ["--tpm=tpm_tis_spi"], 0, "none", "/dev/tpmrm1"),
    ("made-software-and-spi", ["--tpm=spi0.1"], 0, "none", "/dev/tpmrm1"),
    ("made-software-and-spi", ["--tpm=tpm_crb"], 3, "tpm-other", None),
]


def doctor(root, *options):
    result = run(CTL, "doctor", f"--root={root}", *options)
    return result, json.loads(result[1]) if result[1].startswith("{") else {}


def examine(name, root):
    status, mode, cause, states = EXPECTED[name]
    result, found = doctor(root, "--json=short")
    if not check_exit(result, status, name):
        return
    got = (found["status"], found["mode"], found["cause"])
    check(got == (status, mode, cause), f"{name}: {got}")
    checks = {c["name"]: c for c in found["checks"]}
    check(list(checks) == [c for c in ORDER if c in checks] and len(checks) == len(found["checks"]), f"{name}: in this order: {list(checks)}")
    for pair in states.split():
        thing, state = pair.split("=")
        check(checks.get(thing, {}).get("state") == state, f"{name}: {pair}: {checks.get(thing)}")
    check(all(c["text"] for c in checks.values()), f"{name}: a check without text")
    check(all(("cause" in c) == ("cure" in c) == ("effect" in c) for c in checks.values()),
          f"{name}: a cause without effect and cure")
    if name in CURES:
        thing, words = CURES[name]
        check(words in checks[thing].get("cure", ""), f"{name}: cure of {thing}: {checks[thing]}")
    # The table has a row for each check, in the same order, with its mark.
    rc, out, err = run(CTL, "doctor", f"--root={root}")
    rows = [line for line in out.splitlines() if line[:1] in "✓✗! " and not line.startswith("   ")][:len(checks)]
    check(rc == status and not err, f"{name}: table: exit {rc}: {err}")
    check([r[0] for r in rows] == [MARKS[c["state"]] for c in found["checks"]], f"{name}: marks: {rows}")
    check("{" not in out, f"{name}: a placeholder is left")


def others(root):
    """Who else extends PCR 10: what runs, and what systemd wrote down."""
    def seen():
        _, found = doctor(root, "-j")
        return {c["name"]: (c["state"], c["text"]) for c in found["checks"] if c["name"].startswith("other")}
    log = pathlib.Path(root, "run/log/systemd/tpm2-measure.log")
    comm = pathlib.Path(root, "proc/4711/comm")
    for path in (log, comm):
        path.parent.mkdir(parents=True, exist_ok=True)
    comm.write_text("keylime_agent\n")
    log.write_text('\x1e{"pcr":11,"digests":[],"content":{"string":"\\"pcr\\":10,"}}\n')
    check(list(seen()) == ["others"], f"nobody else: {seen()}")
    comm.write_text("keylime_ima_emu\n")
    name, (state, text) = next(iter(seen().items()))
    check((name, state) == ("other-program", "note") and text.startswith("keylime_ima_emu runs"), f"a program: {text}")
    log.write_text('\x1e{"pcr":11,"digests":[]}\n\x1e{"pcr":10,"digests":[]}\n')
    check(list(seen()) == ["other-program", "other-systemd"], f"and systemd: {seen()}")
    comm.unlink()
    check(list(seen()) == ["other-systemd"], f"systemd alone: {seen()}")
    log.unlink()


def main():
    names = {p.stem for p in MACHINES.glob("*.txt")}
    check(names == set(EXPECTED), f"machines and expectations differ: {sorted(names ^ set(EXPECTED))}")
    with tempfile.TemporaryDirectory() as top:
        for name in sorted(names & set(EXPECTED)):
            build(name, f"{top}/{name}")
            examine(name, f"{top}/{name}")
        for name, options, status, cause, device in CHOICES:
            result, found = doctor(f"{top}/{name}", "--json=short", *options)
            check_exit(result, status, f"{name} {options}")
            check((found.get("cause"), found.get("device")) == (cause, device), f"{name} {options}: {found}")
        # What ran here before is a reason for a PCR that has a value.
        pathlib.Path(top, "made-spi-foreign", "run", "ima-replay").mkdir(parents=True)
        _, found = doctor(f"{top}/made-spi-foreign", "-j")
        check({"name": "pcr10", "state": "good"}.items() <=
              next(c for c in found["checks"] if c["name"] == "pcr10").items(), "PCR 10 is ours")
        others(f"{top}/made-spi-loaded")
        # Names from sysfs are no terminal sequences.
        driver = pathlib.Path(top, "made-spi-loaded/sys/devices/platform/soc/fe204000.spi/spi_master/spi0/spi0.1/driver")
        driver.unlink()
        driver.symlink_to("x/\x1b[31mred")
        rc, out, _ = run(CTL, "doctor", f"--root={top}/made-spi-loaded")
        check(rc == 0 and "\x1b" not in out and "\\x1b[31mred" in out, f"escapes: {rc} {out!r}")
        result, _ = doctor(f"{top}/made-spi-not-built", "--quiet")
        check_exit(result, 4, "--quiet")
        check(result[1] == "", "--quiet is quiet")
        check_exit(run(CTL, "doctor", f"--root={top}/nowhere"), 1, "a root that is not there")
        check_exit(run(CTL, "doctor", "--list=x"), 2, "an option of others")
    if not os.path.isdir("/sys/kernel/security/ima"):
        rc, out, _ = run(CTL, "doctor")
        check(rc == 5 and "IMA" in out, f"this machine has no IMA: exit {rc}: {out}")
    finish()


main()
