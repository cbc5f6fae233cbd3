/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A tiny EL3 monitor for QEMU's arm64 virt machine: a stand-in for TF-A, SPMC and TPM service.
 *
 * It gives the non-secure world every interrupt and drops to EL2 (Linux). Then it answers calls:
 * PSCI 1.1 for one CPU, SMCCC 1.2, FF-A 1.1 with one partition (ffa.c), which is the TPM service
 * (tpm.c). It trusts its caller: a test rig, not firmware. One CPU, so there is no lock.
 */
#include "monitor.h"

/* start.S jumps there */
uint64_t boot_entry = MON_KERNEL;
uint64_t boot_dtb = MON_DTB;

#define SMCCC_VERSION          0x80000000U
#define SMCCC_ARCH_FEATURES    0x80000001U
#define PSCI_VERSION           0x84000000U
#define PSCI_CPU_ON64          0xc4000003U
#define PSCI_AFFINITY_INFO64   0xc4000004U
#define PSCI_MIGRATE_INFO_TYPE 0x84000006U
#define PSCI_SYSTEM_OFF        0x84000008U
#define PSCI_SYSTEM_RESET      0x84000009U
#define PSCI_FEATURES          0x8400000aU

#define NOT_SUPPORTED      ((uint64_t)-1)
#define INVALID_PARAMETERS ((uint64_t)-2)
#define ALREADY_ON         ((uint64_t)-4)
#define NO_TRUSTED_OS      2U

static uint64_t psci_features(uint32_t func) {
        switch (func) {
        case SMCCC_VERSION:
        case PSCI_VERSION:
        case PSCI_CPU_ON64:
        case PSCI_AFFINITY_INFO64:
        case PSCI_SYSTEM_OFF:
        case PSCI_SYSTEM_RESET:
        case PSCI_FEATURES:
                return 0;
        default:
                return NOT_SUPPORTED;
        }
}

static uint64_t other_call(const uint64_t *x) {
        switch ((uint32_t)x[0]) {
        case SMCCC_VERSION:
                return 0x10002; /* with less, pKVM and the FF-A driver do without FF-A */
        case SMCCC_ARCH_FEATURES:
                return x[1] == SMCCC_VERSION || x[1] == SMCCC_ARCH_FEATURES ? 0 : NOT_SUPPORTED;
        case PSCI_VERSION:
                return 0x10001;
        case PSCI_FEATURES:
                return psci_features((uint32_t)x[1]);
        case PSCI_MIGRATE_INFO_TYPE:
                return NO_TRUSTED_OS;
        case PSCI_AFFINITY_INFO64:
                return x[1] == 0 ? 0 : INVALID_PARAMETERS;
        case PSCI_CPU_ON64:
                return x[1] == 0 ? ALREADY_ON : INVALID_PARAMETERS;
        case PSCI_SYSTEM_OFF:
                board_power_off();
                return 0;
        case PSCI_SYSTEM_RESET:
                board_reset();
                return 0;
        default:
                return NOT_SUPPORTED;
        }
}

void monitor_smc(uint64_t *x) {
        uint32_t func = (uint32_t)x[0], number = func & 0xffffU;

        /* FF-A: fast calls of the standard service, numbers 0x60 to 0xff (Arm DEN0077) */
        if ((func & 0xbfff0000U) == 0x84000000U && number >= 0x60 && number <= 0xff)
                ffa_call(x);
        else
                x[0] = other_call(x);
}

static void print_hex(const char *name, uint64_t v) {
        print(name);
        for (int shift = 60; shift >= 0; shift -= 4)
                uart_put(UART_NS, (uint8_t) "0123456789abcdef"[v >> shift & 15]);
}

void monitor_panic(uint64_t esr, uint64_t elr, uint64_t far) {
        print_hex("\nmonitor: exception esr=", esr);
        print_hex(" elr=", elr);
        print_hex(" far=", far);
        print("\n");
}

void monitor_init(void) {
        board_init();
        tpm_init();
        ffa_init();
        print("monitor: EL3, FF-A 1.1, TPM service at 0x8001\n");
}
