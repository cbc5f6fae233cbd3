# SPDX-License-Identifier: BSD-2-Clause
"""An x86-64 machine with a stock kernel: without a TPM at first (tpm="late") or with one from the start (tpm="tis")."""
from pathlib import Path

import initramfs
import qemu
import swtpm
from kernel import Kernel

NEEDS = {"qemu-system-x86_64": "qemu-system-x86", "swtpm": "swtpm", "swtpm_setup": "swtpm-tools", "readelf": "binutils"}
LIBRARIES = ("/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu/swtpm", "/lib64")
# A TPM of tpm_vtpm_proxy is a software TPM: only with this key the daemon takes one by itself.
CMDLINE = "console=ttyS0 panic=-1 loglevel=4 ima_policy=tcb rootfstype=ramfs ima_replay.tpm=software"


class X86:
    """suites: the newest kernel of the first that has one."""

    needs = NEEDS

    def __init__(self, *suites, tpm):
        self.suites, self.tpm = suites, tpm

    def boot(self, lab, work, scenario, settings):
        """Return (files of the guest, what swtpm on this side has executed)."""
        kernel = Kernel(lab.packages, self.suites, "amd64")
        busybox = lab.packages.tree("busybox-amd64", lambda: ["busybox-static:amd64/bookworm"], ["./bin/busybox"])
        programs, dirs = lab.build.native
        fs = initramfs.Initramfs("amd64", [*dirs, *LIBRARIES], busybox / "bin/busybox")
        fs.scenario(scenario, settings)
        for program in programs:
            fs.program(program)
        fs.library(initramfs.TCTI)
        if self.tpm == "late":
            fs.module("tpm_vtpm_proxy", kernel.module("tpm_vtpm_proxy"))
            fs.program("/usr/bin/swtpm")
            swtpm.manufacture(work / "tpmstate")
            fs.directory(work / "tpmstate", "tpmstate")
        return self.start(kernel, fs.write(work / "initrd"), work, lab.limit)

    def start(self, kernel, initrd, work, limit):
        # One CPU: with two, QEMU 7.2 TCG makes one guest in twenty panic while it patches its code.
        argv = ["qemu-system-x86_64", "-machine", "q35", "-accel", "tcg", "-cpu", "max", "-smp", "1", "-m", "768",
                "-nographic", "-no-reboot", "-nodefaults", "-serial", "stdio",
                "-kernel", kernel.vmlinuz, "-initrd", initrd, "-append", CMDLINE]
        console = Path(work) / "console"
        if self.tpm == "late":
            qemu.run(argv, console, limit)
            return qemu.handed_over(console), None
        with swtpm.Swtpm(work, "--terminate", "--ctrl", "type=unixio,path={socket}") as tpm:
            argv += ["-chardev", f"socket,id=c0,path={tpm.socket}", "-tpmdev", "emulator,id=t0,chardev=c0",
                     "-device", "tpm-tis,tpmdev=t0"]
            qemu.run(argv, console, limit)
        return qemu.handed_over(console), tpm.commands()
