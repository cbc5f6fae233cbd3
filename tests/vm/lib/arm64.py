# SPDX-License-Identifier: BSD-2-Clause
"""An arm64 machine below our EL3 monitor: stock kernel, pKVM, FF-A, a TPM behind FF-A (swtpm).

firmware: "ffa" (FF-A with the TPM's partition), "none" (no FF-A), "empty" (FF-A without a partition)
driver:   "stand-in" (device tree, our ffa_crb.ko) or "stock" (ACPI, the kernel's tpm_crb and tpm_crb_ffa)
"""
import struct
from pathlib import Path

import acpi
import build
import devicetree
import initramfs
import qemu
import swtpm
from kernel import Kernel, bare_image
from places import PLACES

NEEDS = {"qemu-system-aarch64": "qemu-system-arm", "aarch64-linux-gnu-gcc": "gcc-aarch64-linux-gnu",
         "dtc": "device-tree-compiler", "swtpm": "swtpm", "swtpm_setup": "swtpm-tools", "make": "make", "readelf": "binutils"}
CMDLINE = "console=ttyAMA0 kvm-arm.mode=protected ima_policy=tcb rootfstype=ramfs rdinit=/init panic=-1 loglevel=4"
OPTIONS = {"ffa": 0, "none": PLACES["MON_OPT_NO_FFA"], "empty": PLACES["MON_OPT_NO_SP"]}
DRIVERS = {"stand-in": "ffa_crb", "stock": "tpm_crb_ffa"}


class Arm64:
    """suite: its newest kernel."""

    needs = NEEDS

    def __init__(self, suite, firmware="ffa", driver="stand-in"):
        self.suite, self.firmware, self.driver = suite, firmware, driver

    def boot(self, lab, work, scenario, settings):
        """Return (files of the guest, what swtpm has executed)."""
        kernel = Kernel(lab.packages, [self.suite], "arm64")
        busybox = lab.packages.tree("busybox-arm64", lambda: ["busybox-static:arm64/bookworm"], ["./bin/busybox"])
        programs, dirs = lab.build.cross
        fs = initramfs.Initramfs("arm64", dirs, busybox / "bin/busybox")
        fs.scenario(scenario, {**settings, "tpm_module": DRIVERS[self.driver]})
        for program in programs:
            fs.program(program)
        fs.library(initramfs.TCTI)
        for name in ("ffa-core", "ffa-module"):
            fs.module(name, kernel.module(name))
        fs.module(DRIVERS[self.driver], self.tpm_module(lab, kernel))
        return self.start(lab, work, self.loads(kernel, fs, work))

    def tpm_module(self, lab, kernel):
        if self.driver == "stock":
            return kernel.module(DRIVERS["stock"])
        return build.stand_in(lab.build.top / "ffa_crb", lab.packages, self.suite)

    def loads(self, kernel, fs, work):
        """{place: file} for QEMU to put into memory."""
        image, initrd = work / "Image", fs.write(work / "initrd")
        image.write_bytes(bare_image(kernel.vmlinuz))
        is_acpi = self.driver == "stock"
        cmdline = CMDLINE + (" efi=noruntime" if is_acpi else "")
        files = {"MON_KERNEL": image, "MON_INITRD": initrd,
                 "MON_DTB": devicetree.write(work / "dtb", cmdline, initrd.stat().st_size, is_acpi)}
        if is_acpi:
            files["MON_ACPI"] = acpi.write(work / "acpi")
        files["MON_OPTIONS"] = work / "options"
        files["MON_OPTIONS"].write_bytes(struct.pack("<II", PLACES["MON_OPT_MAGIC"], OPTIONS[self.firmware]))
        return files

    @staticmethod
    def start(lab, work, loads):
        monitor = build.monitor(lab.build.top / "monitor")
        console, wire = Path(work) / "console", Path(work) / "wire.sock"
        with swtpm.Swtpm(work, "--flags", "not-need-init", "--server", "type=unixio,path={socket}") as tpm:
            swtpm.Relay(wire, tpm.socket).start()
            argv = ["qemu-system-aarch64", "-M", "virt,secure=on,virtualization=on,gic-version=3", "-cpu", "max,pauth-impdef=on",
                    "-m", "1G", "-nographic", "-nodefaults", "-no-reboot", "-serial", "stdio",
                    "-chardev", f"socket,id=tpm,path={wire}", "-serial", "chardev:tpm", "-bios", monitor]
            for place, file in loads.items():
                argv += ["-device", f"loader,file={file},addr={PLACES[place]:#x},force-raw=on"]
            qemu.run(argv, console, lab.limit)
        return qemu.handed_over(console), tpm.commands()
