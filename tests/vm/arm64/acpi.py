# SPDX-License-Identifier: BSD-2-Clause
"""The memory block that makes Linux on the rig boot by ACPI, with a TPM2 table of start method 15.

There is no UEFI in the rig. Linux only needs what UEFI leaves behind: a system table with one entry (the
RSDP) and a memory map, named in /chosen (devicetree.py). So Linux' own tpm_crb and tpm_crb_ffa can be
tried. No runtime services: the kernel wants efi=noruntime.

Layout at MON_ACPI: +0 system table, +0x1000 memory map (3 descriptors of 48 bytes), +0x2000 tables.
Numbers in the tables are those of the ACPI specification 6.5, the UEFI specification 2.10 (section 4.3)
and, for TPM2, of the TCG ACPI specification.
"""
import struct
from pathlib import Path

from places import PLACES

BASE = PLACES["MON_ACPI"]
SIZE = 0x20000
AT_MEMORY_MAP, AT_CONFIG, AT_VENDOR, AT_TABLES = 0x1000, 0x2000, 0x2100, 0x3000
ACPI_20_GUID = struct.pack("<IHH8s", 0x8868E871, 0xE4F1, 0x11D3, bytes.fromhex("bc220080c73c8881"))


def checksum(data, at):
    data = bytearray(data)
    data[at] = 0
    data[at] = -sum(data) & 0xFF
    return bytes(data)


def table(sig, revision, body):
    head = struct.pack("<4sIBB6s8sI4sI", sig, 36 + len(body), revision, 0, b"IMARPL", b"FFARIG  ", 1, b"RIG ", 1)
    return checksum(head + body, 9)


# AML: just enough for three devices

def pkg(op, body):
    n = len(body)
    if n + 1 < 0x40:
        return op + bytes([n + 1]) + body
    n += 2
    return op + bytes([0x40 | (n & 15), n >> 4]) + body


def name(seg, value):
    return b"\x08" + seg + value


def string(s):
    return b"\x0d" + s.encode() + b"\0"


def number(n):
    return b"\x0a" + bytes([n])


def resources(*items):
    data = b"".join(items) + b"\x79\0"
    return pkg(b"\x11", number(len(data)) + data)


def memory(base, size):
    return b"\x86" + struct.pack("<HBII", 9, 1, base, size)


def interrupt(n):
    return b"\x89" + struct.pack("<HBBI", 6, 1, 1, n)       # consumer, level, high, exclusive


def device(seg, *body):
    return pkg(b"\x5b\x82", seg + b"".join(body))


def dsdt():
    return table(b"DSDT", 2, pkg(b"\x10", b"\\_SB_" + b"".join((
        device(b"CPU0", name(b"_HID", string("ACPI0007")), name(b"_UID", number(0))),
        device(b"COM0", name(b"_HID", string("ARMH0011")), name(b"_UID", number(0)),
               name(b"_CRS", resources(memory(0x09000000, 0x1000), interrupt(33)))),
        device(b"TPM0", name(b"_HID", string("MSFT0101")), name(b"_UID", number(0)),
               name(b"_CRS", resources(memory(PLACES["MON_CRB"], PLACES["MON_CRB_SIZE"]))))))))


# The static tables

def fadt(dsdt_at):
    body = bytearray(276 - 36)
    struct.pack_into("<I", body, 112 - 36, (1 << 20) | (1 << 21))    # HW_REDUCED_ACPI, LOW_POWER_S0
    struct.pack_into("<H", body, 129 - 36, 1)                        # ARM boot flags: PSCI, by SMC
    body[131 - 36] = 3                                               # 6.3
    struct.pack_into("<Q", body, 140 - 36, dsdt_at)                  # X_DSDT
    return table(b"FACP", 6, bytes(body))


def madt():
    gicc = struct.pack("<BBHIIIIIQQQQIQQBBH", 0xB, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 25, 0, 0, 0, 0, 0)
    gicd = struct.pack("<BBHIQIB3x", 0xC, 24, 0, 0, 0x08000000, 0, 3)
    gicr = struct.pack("<BBHQI", 0xE, 16, 0, 0x080A0000, 0x00F60000)
    return table(b"APIC", 5, struct.pack("<II", 0, 0) + gicc + gicd + gicr)


def gtdt():
    always_on = 4
    return table(b"GTDT", 2, struct.pack("<QIIIIIIIIIQII", 2**64 - 1, 0, 29, always_on, 30, always_on, 27, always_on,
                                         26, always_on, 2**64 - 1, 0, 0))


def tpm2():
    return table(b"TPM2", 5, struct.pack("<HHQI", 0, 0, PLACES["MON_CRB"] + 0x40, 15) + struct.pack("<BBH8x", 0, 0, 0x8001))


class Block:
    """Memory at BASE."""

    def __init__(self):
        self.data = bytearray(SIZE)
        self.at = AT_TABLES

    def put(self, at, data):
        """Return the address."""
        self.data[at:at + len(data)] = data
        return BASE + at

    def add(self, data):
        where = self.put(self.at, data)
        self.at += (len(data) + 63) & ~63
        return where


def rsdp(xsdt_at):
    text = struct.pack("<8sB6sBIIQB3x", b"RSD PTR ", 0, b"IMARPL", 2, 0, 36, xsdt_at, 0)
    return checksum(checksum(text[:20], 8) + text[20:], 32)


def memory_map():
    """What is what: RAM, our tables (ACPI reclaim), the CRB (reserved)."""
    wb, uc = 8, 1
    rows = ((7, PLACES["MON_RAM_BASE"], PLACES["MON_RAM_END"] - PLACES["MON_RAM_BASE"], wb),
            (9, BASE, SIZE, wb),
            (0, PLACES["MON_CRB"], 0x10000, uc))
    return b"".join(struct.pack("<IIQQQQQ", kind, 0, start, 0, size >> 12, attr, 0) for kind, start, size, attr in rows)


def write(out):
    block = Block()
    dsdt_at = block.add(dsdt())
    tables = [block.add(t) for t in (fadt(dsdt_at), madt(), gtdt(), tpm2())]
    xsdt_at = block.add(table(b"XSDT", 1, b"".join(struct.pack("<Q", t) for t in tables)))
    rsdp_at = block.add(rsdp(xsdt_at))
    vendor = block.put(AT_VENDOR, "ima-replay rig\0".encode("utf-16-le"))
    config = block.put(AT_CONFIG, ACPI_20_GUID + struct.pack("<Q", rsdp_at))
    block.put(AT_MEMORY_MAP, memory_map())
    block.put(0, struct.pack("<QIIII", 0x5453595320494249, 2 << 16 | 70, 120, 0, 0) +
              struct.pack("<QIIQQQQQQQQQQ", vendor, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, config))
    Path(out).write_bytes(bytes(block.data))
    return out
