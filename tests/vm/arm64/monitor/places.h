/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fixed places that the monitor, the device tree, the ACPI tables and the loader agree on
 * (lib/arm64.py reads this file). All addresses are of QEMU's arm64 virt machine.
 */
#ifndef PLACES_H
#define PLACES_H

#define MON_KERNEL   0x40400000UL /* Image, 2 MiB aligned; QEMU keeps a DTB of its own before it */
#define MON_DTB      0x48000000UL
#define MON_INITRD   0x4a000000UL
#define MON_RAM_BASE 0x40000000UL
#define MON_RAM_END  0x7fe00000UL /* the last 2 MiB of 1 GiB are no system RAM for Linux */
#define MON_ACPI     0x7fe00000UL /* fake EFI system table, memory map, ACPI tables */
#define MON_CRB      0x7fff0000UL /* locality 0 register page, then the command buffer */
#define MON_CRB_BUF  0x7fff1000UL
#define MON_CRB_SIZE 0x2000UL
#define MON_OPTIONS  0x7fffe000UL /* u32 magic, u32 options, where the loader puts them */

#define MON_OPT_MAGIC  0x4f4e4f4dUL /* "MONO" */
#define MON_OPT_NO_FFA 0x1UL        /* FFA_VERSION answers NOT_SUPPORTED */
#define MON_OPT_NO_SP  0x2UL        /* no partition is listed */

#endif
