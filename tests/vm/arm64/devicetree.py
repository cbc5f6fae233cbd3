# SPDX-License-Identifier: BSD-2-Clause
"""The device tree of the arm64 machine: QEMU virt, one CPU, 1 GiB, PSCI and FF-A by SMC.

It holds only what the non-secure world may touch. Linux takes ACPI only when the tree has nothing
but /chosen, which then names the fake EFI system table of acpi.py.
"""
import subprocess

from places import PLACES

HEAD = """/dts-v1/;
/ {{
    #address-cells = <2>;
    #size-cells = <2>;
    {machine}
    chosen {{
        bootargs = "{cmdline}";
        linux,initrd-start = <0 {initrd:#x}>;
        linux,initrd-end = <0 {initrd_end:#x}>;
        {more}
    }};
"""
UART = 'stdout-path = "/pl011@9000000";'
EFI = """
        linux,uefi-system-table = <0 {acpi:#x}>;
        linux,uefi-mmap-start = <0 {mmap:#x}>;
        linux,uefi-mmap-size = <144>;
        linux,uefi-mmap-desc-size = <48>;
        linux,uefi-mmap-desc-ver = <1>;
        linux,uefi-secure-boot = <2>;   /* Debian's kernels ask for it; 2 = disabled */
"""
MACHINE = 'interrupt-parent = <&gic>; model = "ima-replay FF-A rig"; compatible = "linux,dummy-virt";'
DEVICES = """
    memory@40000000 {{ device_type = "memory"; reg = <0 {ram:#x} 0 {ram_size:#x}>; }};
    cpus {{
        #address-cells = <1>;
        #size-cells = <0>;
        cpu@0 {{ device_type = "cpu"; compatible = "arm,arm-v8"; reg = <0>; enable-method = "psci"; }};
    }};
    psci {{ compatible = "arm,psci-1.0", "arm,psci-0.2"; method = "smc"; }};
    timer {{
        compatible = "arm,armv8-timer";
        always-on;
        interrupts = <1 13 4>, <1 14 4>, <1 11 4>, <1 10 4>;
    }};
    gic: interrupt-controller@8000000 {{
        compatible = "arm,gic-v3";
        #interrupt-cells = <3>;
        interrupt-controller;
        #redistributor-regions = <1>;
        reg = <0 0x8000000 0 0x10000>, <0 0x80a0000 0 0xf60000>;
        interrupts = <1 9 4>;
    }};
    clk: apb-pclk {{ compatible = "fixed-clock"; #clock-cells = <0>; clock-frequency = <24000000>; }};
    pl011@9000000 {{
        compatible = "arm,pl011", "arm,primecell";
        reg = <0 0x9000000 0 0x1000>;
        interrupts = <0 1 4>;
        clocks = <&clk>, <&clk>;
        clock-names = "uartclk", "apb_pclk";
    }};
    crb@{crb:x} {{ compatible = "ima-replay,ffa-crb"; reg = <0 {crb:#x} 0 {crb_size:#x}>; }};
"""


def write(out, cmdline, initrd_size, is_acpi):
    values = {
        "cmdline": cmdline, "initrd": PLACES["MON_INITRD"], "initrd_end": PLACES["MON_INITRD"] + initrd_size,
        "ram": PLACES["MON_RAM_BASE"], "ram_size": PLACES["MON_RAM_END"] - PLACES["MON_RAM_BASE"],
        "acpi": PLACES["MON_ACPI"], "mmap": PLACES["MON_ACPI"] + 0x1000,
        "crb": PLACES["MON_CRB"], "crb_size": PLACES["MON_CRB_SIZE"],
    }
    if is_acpi:
        text = HEAD.format(machine="", more=EFI.format(**values), **values)
    else:
        text = HEAD.format(machine=MACHINE, more=UART, **values) + DEVICES.format(**values)
    text += "};\n"
    subprocess.run(["dtc", "-q", "-I", "dts", "-O", "dtb", "-o", out, "-"], input=text, text=True, check=True)
    return out
