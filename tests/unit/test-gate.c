/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-gate.c -- machines, and whether it is worth waiting for their TPM.
 *
 * A row says only what its machine shows; all else is unknown. Expected are the outcome, its
 * reason, the first cause, and the readiness of pKVM, FF-A, tee-supplicant and TPM as four letters:
 * - not needed, w waiting, r ready, n never.
 */
#include "fixture.h"

#include <string.h>

#include "core/gate.h"

#define SAID(...) .kmsg = { .is_known = true, .said = (__VA_ARGS__) }
#define BIT(line) KMSG_BIT(KMSG_##line)
#define WHOLE     BIT(LINUX)

#define NO_PKVM .pkvm = { .asked = TRI_NO }
#define PKVM    .pkvm = { .asked = TRI_YES, .kvm = TRI_YES }
#define PKVM_UP PKVM, SAID(WHOLE | BIT(PKVM_UP))

/* FF-A, as a machine from 7.2 on shows it. */
#define NO_BUS      .bus = TRI_NO, .core = TRI_NO, .core_bound = TRI_NO, .tpm = TRI_NO, .driver = TRI_NO
#define CORE        .bus = TRI_YES, .core = TRI_YES
#define CORE_BOUND  CORE, .core_bound = TRI_YES
#define OLD_CORE    .bus = TRI_YES, .core = TRI_NO, .core_bound = TRI_NO
#define PARTITION   .partitions = 1, .tpm = TRI_YES
#define NO_DRIVER   .driver = TRI_NO, .tpm_bound = TRI_NO
#define UNBOUND     .driver = TRI_YES, .tpm_bound = TRI_NO
#define BOUND       .driver = TRI_YES, .tpm_bound = TRI_YES
#define FFA(...)    .ffa = { __VA_ARGS__ }
#define TPM(...)    .tpm = { __VA_ARGS__ }
#define BUILD(...)  .kernel.build = { __VA_ARGS__ }
#define ACPI_FFA    .acpi_table = TRI_YES, .acpi = TRI_YES, .acpi_start = 15
#define CRB_UNBOUND .crb_driver = TRI_YES, .acpi_bound = TRI_NO
#define NONE        .chips_known = TRI_YES

#define CHIPS(n, ...) .chips_known = TRI_YES, .n_chips = (n), .chip = { __VA_ARGS__ }
#define CHIP_AS(i, d, p, v, n, soft)                                                               \
        {                                                                                          \
                .number = (i), .driver = (d), .parent = (p), .version = (v), .node = (n),          \
                .is_software = (soft)                                                              \
        }
#define CHIP(i, d, p)   CHIP_AS(i, d, p, 2, NODE_THERE, false)
#define CHIP_NODE(n)    CHIP_AS(0, "tpm_tis", "p", 2, n, false)
#define CHIP_VERSION(v) CHIP_AS(0, "tpm_tis", "p", v, NODE_THERE, false)
#define SOFT(i)         CHIP_AS(i, "", "devices/virtual", 2, NODE_THERE, true)
#define TIS(i)          CHIP(i, "tpm_tis", "devices/platform/MSFT0101:00")
#define FFACRB          CHIP(0, "ffa-crb", "devices/platform/arm-ffa/arm-ffa-1")
#define ACPICRB         CHIP(0, "tpm_crb_acpi", "devices/platform/MSFT0101:00")
#define SPI(i)          CHIP(i, "tpm_tis_spi", "devices/platform/soc/fe204000.spi/spi_master/spi0/spi0.1")
#define WITH(m)         .options = { .tpm = (m) }
#define REQUIRED        .options = { .require_pkvm = true }

static const struct {
        const char *row;
        MachineFacts facts;
        GateOptions options;
        GateOutcome outcome;
        GateReason reason;
        Advice advice;
        KernelPart part;
        const char *four;
} machines[] = {
#define OPEN(f) .outcome = GATE_OPEN, .four = (f)
#define WAIT(a, p, f)                                                                              \
        .outcome = GATE_WAIT, .reason = GATE_REASON_WAIT, .advice = ADVICE_##a, .part = PART_##p,  \
        .four = (f)
#define NEVER(a, p, f)                                                                             \
        .outcome = GATE_NEVER, .reason = GATE_REASON_NEVER, .advice = ADVICE_##a,                  \
        .part = PART_##p, .four = (f)
        /* Nothing, and less than nothing */
        { "nothing could be looked at", .facts = {}, WAIT(TPM_UNKNOWN, NONE, "---w") },
        { "a PC without a TPM", .facts = { NO_PKVM, FFA(NO_BUS), NONE },
          WAIT(TPM_NONE, NONE, "---w") },

        /* Chips that are there */
        { "a PC", .facts = { NO_PKVM, FFA(NO_BUS), CHIPS(1, TIS(0)) }, OPEN("---r") },
        { "SPI, loaded", .facts = { NO_PKVM, CHIPS(1, SPI(0)) }, OPEN("---r") },
        { "pKVM and SPI: no FF-A is asked for", .facts = { PKVM_UP, FFA(NO_BUS), CHIPS(1, SPI(0)) },
          OPEN("r--r") },
        { "pKVM, FF-A without a TPM, and SPI",
          .facts = { PKVM_UP, FFA(CORE, .core_bound = TRI_NO), CHIPS(1, SPI(0)) }, OPEN("r--r") },
        { "node not made yet", .facts = { CHIPS(1, CHIP_NODE(NODE_ABSENT)) },
          WAIT(NODE_ABSENT, NONE, "---w") },
        { "node cannot be looked at", .facts = { CHIPS(1, CHIP_NODE(NODE_UNKNOWN)) },
          WAIT(NODE_ABSENT, NONE, "---w") },
        { "node without permission", .facts = { CHIPS(1, CHIP_NODE(NODE_DENIED)) },
          .outcome = GATE_WAIT, .reason = GATE_REASON_TPM_UNAVAILABLE, .advice = ADVICE_NODE_DENIED,
          .four = "---w" },
        { "TPM 1.2", .facts = { CHIPS(1, CHIP_VERSION(1)) }, NEVER(TPM_12, NONE, "---n") },
        { "TPM 1.2 first, 2.0 behind it: the kernel would take the first",
          .facts = { CHIPS(2, CHIP_VERSION(1), SPI(1)) }, NEVER(TPM_12, NONE, "---n") },
        { "TPM 1.2 first, 2.0 asked for", .facts = { CHIPS(2, CHIP_VERSION(1), SPI(1)) },
          WITH("tpm_tis_spi"), OPEN("---r") },
        { "unknown version", .facts = { CHIPS(1, CHIP_VERSION(0)) }, OPEN("---r") },

        /* Software chips */
        { "vtpm_proxy only", .facts = { NO_PKVM, CHIPS(1, SOFT(0)) },
          WAIT(TPM_SOFTWARE, NONE, "---w") },
        { "vtpm_proxy only, asked for", .facts = { CHIPS(1, SOFT(0)) }, WITH("software"),
          OPEN("---r") },
        { "vtpm_proxy before a chip", .facts = { CHIPS(2, SOFT(0), SPI(1)) }, OPEN("---r") },
        { "vtpm_proxy before a chip, asked for", .facts = { CHIPS(2, SOFT(0), SPI(1)) },
          WITH("software"), OPEN("---r") },
        { "software asked for, a chip there", .facts = { CHIPS(1, TIS(0)) }, WITH("software"),
          WAIT(TPM_OTHER, NONE, "---w") },
        { "vtpm_proxy, and SPI announced",
          .facts = { CHIPS(1, SOFT(0)), TPM(.spi = TRI_YES, .spi_bound = TRI_NO) },
          WAIT(NOT_LOADED, TIS_SPI, "---w") },
        { "vtpm_proxy, and FF-A not ready yet",
          .facts = { PKVM_UP, CHIPS(1, SOFT(0)), FFA(CORE_BOUND, PARTITION, NO_DRIVER) },
          WAIT(NOT_LOADED, CRB_FFA, "rw-w") },
        { "another driver asked for", .facts = { CHIPS(1, TIS(0)) }, WITH("tpm_crb_acpi"),
          WAIT(TPM_OTHER, NONE, "---w") },
        { "by driver", .facts = { CHIPS(2, TIS(0), SPI(3)) }, WITH("tpm_tis_spi"), OPEN("---r") },
        { "by parent", .facts = { CHIPS(2, SPI(0), TIS(1)) }, WITH("devices/platform/MSFT0101:00"),
          OPEN("---r") },
        { "by parent with /sys", .facts = { CHIPS(2, SPI(0), TIS(1)) },
          WITH("/sys/devices/platform/MSFT0101:00"), OPEN("---r") },
        { "by the parent's name", .facts = { CHIPS(2, SPI(0), TIS(1)) }, WITH("MSFT0101:00"),
          OPEN("---r") },
        { "auto, empty", .facts = { CHIPS(1, TIS(0)) }, WITH(""), OPEN("---r") },
        { "--tcti", .facts = { NO_PKVM }, .options = { .has_tcti = true }, OPEN("---r") },

        /* Announced, without a driver */
        { "SPI, not loaded", .facts = { NONE, TPM(.spi = TRI_YES, .spi_bound = TRI_NO) },
          WAIT(NOT_LOADED, TIS_SPI, "---w") },
        { "SPI, not built",
          .facts = { NONE, TPM(.spi = TRI_YES, .spi_bound = TRI_NO),
                     BUILD([PART_TIS_SPI] = BUILD_NO) },
          NEVER(NOT_BUILT, TIS_SPI, "---n") },
        { "SPI, built in and failed",
          .facts = { NONE, TPM(.spi = TRI_YES, .spi_bound = TRI_NO),
                     BUILD([PART_TIS_SPI] = BUILD_BUILTIN) },
          WAIT(DRIVER_FAILED, TIS_SPI, "---w") },
        { "SPI, bound, not registered",
          .facts = { NONE, TPM(.spi = TRI_YES, .spi_bound = TRI_YES) },
          WAIT(DRIVER_STARTS, TIS_SPI, "---w") },
        { "SPI in failure mode", .facts = { NONE, TPM(.spi = TRI_YES), SAID(BIT(TPM_FAILURE)) },
          NEVER(TPM_FAILURE, TIS_SPI, "---n") },
        { "I2C, not loaded", .facts = { NONE, TPM(.i2c = TRI_YES, .i2c_bound = TRI_NO) },
          WAIT(NOT_LOADED, TIS_I2C, "---w") },
        { "device tree, memory-mapped", .facts = { NONE, TPM(.platform = TRI_YES) },
          WAIT(NOT_LOADED, TIS, "---w") },
        { "ACPI TIS, module",
          .facts = { NONE, TPM(.acpi_table = TRI_YES, .acpi_start = 6),
                     BUILD([PART_TIS] = BUILD_MODULE) },
          WAIT(NOT_LOADED, TIS, "---w") },
        { "ACPI TIS, not built",
          .facts = { NONE, TPM(.acpi_table = TRI_YES, .acpi_start = 6),
                     BUILD([PART_TIS] = BUILD_NO) },
          NEVER(NOT_BUILT, TIS, "---n") },
        { "ACPI CRB, not loaded", .facts = { NONE, TPM(.acpi_table = TRI_YES, .acpi_start = 7) },
          WAIT(NOT_LOADED, CRB, "---w") },
        { "ACPI CRB, refused",
          .facts = { NONE, TPM(.acpi_table = TRI_YES, .acpi_start = 7, CRB_UNBOUND) },
          WAIT(DRIVER_FAILED, CRB, "---w") },
        { "ACPI, table unreadable", .facts = { NONE, TPM(.acpi = TRI_YES) },
          WAIT(NOT_LOADED, CRB, "---w") },

        /* OP-TEE */
        { "fTPM, supplicant missing",
          .facts = { NONE, TPM(.ftpm = TRI_YES, .ftpm_bound = TRI_NO, .ftpm_supplicant = TRI_YES) },
          WAIT(TEE_SUPPLICANT, FTPM, "--ww") },
        { "fTPM, session failed, kernel before 6.7",
          .facts = { NONE, TPM(.ftpm = TRI_YES), SAID(BIT(FTPM_FAILED)) },
          WAIT(TEE_SUPPLICANT, FTPM, "--ww") },
        { "fTPM, driver not loaded", .facts = { NONE, TPM(.ftpm = TRI_YES, .ftpm_bound = TRI_NO) },
          WAIT(NOT_LOADED, FTPM, "---w") },
        { "fTPM, driver not built (Debian)",
          .facts = { NONE, TPM(.ftpm = TRI_YES, .ftpm_supplicant = TRI_YES),
                     BUILD([PART_FTPM] = BUILD_NO) },
          NEVER(NOT_BUILT, FTPM, "--wn") },
        { "fTPM with supplicant",
          .facts = { TPM(.ftpm = TRI_YES, .ftpm_bound = TRI_YES, .ftpm_supplicant = TRI_YES),
                     CHIPS(1, CHIP(0, "optee-ftpm", "devices/optee-ta-bc50")) },
          OPEN("--rr") },
        { "fTPM that needs none",
          .facts = { TPM(.ftpm = TRI_YES), CHIPS(1, CHIP(0, "ftpm-tee", "devices/platform/ftpm")) },
          OPEN("---r") },
        { "SPI in use, an fTPM waits unused",
          .facts = { TPM(.ftpm = TRI_YES, .ftpm_supplicant = TRI_YES), CHIPS(1, SPI(0)) },
          OPEN("---r") },

        /* pKVM */
        { "pKVM failed to finalise",
          .facts = { PKVM, SAID(WHOLE | BIT(PKVM_UP) | BIT(PKVM_FAILED)), CHIPS(1, SPI(0)) },
          .outcome = GATE_OPEN, .advice = ADVICE_PKVM_FAILED, .four = "n--r" },
        { "pKVM failed, required",
          .facts = { PKVM, SAID(WHOLE | BIT(PKVM_FAILED)), CHIPS(1, SPI(0)) }, REQUIRED,
          .outcome = GATE_NEVER, .reason = GATE_REASON_PKVM_FAILED, .advice = ADVICE_PKVM_FAILED,
          .four = "n--r" },
        { "pKVM asked, plain KVM came",
          .facts = { PKVM, SAID(WHOLE | BIT(KVM_PLAIN)), CHIPS(1, SPI(0)) }, REQUIRED,
          .outcome = GATE_NEVER, .reason = GATE_REASON_PKVM_FAILED, .advice = ADVICE_PKVM_FAILED,
          .four = "n--r" },
        { "pKVM up, whatever else KVM says",
          .facts = { PKVM, SAID(BIT(PKVM_UP) | BIT(KVM_PLAIN)), CHIPS(1, SPI(0)) }, REQUIRED,
          OPEN("r--r") },
        { "pKVM asked, no KVM", .facts = { .pkvm = { TRI_YES, TRI_NO }, CHIPS(1, SPI(0)) },
          REQUIRED, .outcome = GATE_NEVER, .reason = GATE_REASON_PKVM_FAILED,
          .advice = ADVICE_PKVM_FAILED, .four = "n--r" },
        { "pKVM, log unreadable: unknown is not ready", .facts = { PKVM, CHIPS(1, SPI(0)) },
          .outcome = GATE_OPEN, .advice = ADVICE_PKVM_UNKNOWN, .four = "w--r" },
        { "pKVM, log unreadable, required", .facts = { PKVM, CHIPS(1, SPI(0)) }, REQUIRED,
          WAIT(PKVM_UNKNOWN, NONE, "w--r") },
        { "pKVM, the log's beginning is lost, required",
          .facts = { PKVM, SAID(BIT(IMA)), CHIPS(1, SPI(0)) }, REQUIRED,
          WAIT(PKVM_UNKNOWN, NONE, "w--r") },
        { "pKVM, a whole log without failure", .facts = { PKVM, SAID(WHOLE), CHIPS(1, SPI(0)) },
          REQUIRED, OPEN("r--r") },
        { "pKVM up, required", .facts = { PKVM_UP, CHIPS(1, SPI(0)) }, REQUIRED, OPEN("r--r") },
        { "no pKVM asked, required: nothing to wait for", .facts = { NO_PKVM, CHIPS(1, SPI(0)) },
          REQUIRED, OPEN("---r") },
        { "command line unreadable, pKVM up by the log",
          .facts = { SAID(BIT(PKVM_UP)), CHIPS(1, SPI(0)) }, OPEN("r--r") },
        { "pKVM failed and required, and no TPM: pKVM is the cause",
          .facts = { PKVM, SAID(BIT(PKVM_FAILED)), FFA(NO_BUS), TPM(ACPI_FFA, CRB_UNBOUND), NONE },
          REQUIRED, .outcome = GATE_NEVER, .reason = GATE_REASON_PKVM_FAILED,
          .advice = ADVICE_PKVM_FAILED, .four = "nw-n" },

        /* FF-A, from nothing to all */
        { "pKVM, nothing loaded", .facts = { PKVM_UP, FFA(NO_BUS), NONE },
          WAIT(NOT_LOADED, FFA, "rw-w") },
        { "pKVM, kernel without FF-A",
          .facts = { PKVM_UP, FFA(NO_BUS), NONE, BUILD([PART_FFA] = BUILD_NO) },
          WAIT(TPM_NONE, NONE, "r--w") },
        { "core, firmware without FF-A",
          .facts = { PKVM, SAID(WHOLE | BIT(PKVM_UP) | BIT(FFA_ABSENT)),
                     FFA(CORE, .core_bound = TRI_NO), NONE },
          WAIT(FFA_NO_FIRMWARE, NONE, "rn-w") },
        { "core, firmware without FF-A, silent",
          .facts = { PKVM_UP, FFA(CORE, .core_bound = TRI_NO), NONE },
          WAIT(FFA_NO_FIRMWARE, NONE, "rn-w") },
        { "core unbound, log unreadable",
          .facts = { NO_PKVM, FFA(CORE, .core_bound = TRI_NO), NONE },
          WAIT(FFA_FAILED, NONE, "-w-w") },
        { "core unbound, the firmware speaks FF-A",
          .facts = { PKVM, SAID(WHOLE | BIT(PKVM_UP) | BIT(FFA_FIRMWARE)),
                     FFA(CORE, .core_bound = TRI_NO), NONE },
          WAIT(FFA_FAILED, NONE, "rw-w") },
        { "core unbound, another failure",
          .facts = { PKVM, SAID(WHOLE | BIT(PKVM_UP) | BIT(FFA_FAILED)),
                     FFA(CORE, .core_bound = TRI_NO), NONE },
          WAIT(FFA_FAILED, NONE, "rw-w") },
        { "no partition at all",
          .facts = { PKVM, SAID(WHOLE | BIT(PKVM_UP) | BIT(FFA_FIRMWARE) | BIT(FFA_NO_PARTITION)),
                     FFA(CORE, .core_bound = TRI_NO), NONE },
          WAIT(FFA_NO_PARTITION, NONE, "rn-w") },
        { "other partitions only",
          .facts = { PKVM_UP, FFA(CORE_BOUND, .partitions = 3, .tpm = TRI_NO), NONE },
          WAIT(FFA_NO_PARTITION, NONE, "rn-w") },
        { "no firmware, up to 7.1",
          .facts = { PKVM, SAID(WHOLE | BIT(PKVM_UP) | BIT(FFA_ABSENT)), FFA(OLD_CORE), NONE },
          WAIT(FFA_NO_FIRMWARE, NONE, "rn-w") },
        { "empty bus, up to 7.1", .facts = { PKVM, FFA(OLD_CORE), NONE },
          WAIT(FFA_EMPTY, NONE, "ww-w") },
        { "partition, driver not loaded",
          .facts = { PKVM_UP, FFA(CORE_BOUND, PARTITION, NO_DRIVER), NONE },
          WAIT(NOT_LOADED, CRB_FFA, "rw-w") },
        { "partition, driver not built",
          .facts = { PKVM_UP, FFA(CORE_BOUND, PARTITION, NO_DRIVER), NONE,
                     BUILD([PART_CRB_FFA] = BUILD_NO) },
          NEVER(NOT_BUILT, CRB_FFA, "rn-n") },
        { "partition, driver there, unbound",
          .facts = { PKVM_UP, FFA(CORE_BOUND, PARTITION, UNBOUND), NONE },
          WAIT(FFA_UNBOUND, CRB_FFA, "rw-w") },
        { "partition, up to 7.1, bound, no chip",
          .facts = { PKVM_UP, FFA(OLD_CORE, PARTITION, BOUND), NONE },
          WAIT(FFA_NO_CRB, NONE, "rr-w") },
        { "FF-A 1.0: null UUIDs",
          .facts = { PKVM_UP,
                     FFA(CORE_BOUND, .partitions = 1, .anonymous = TRI_YES, .tpm = TRI_NO,
                         .driver = TRI_NO),
                     NONE },
          WAIT(FFA_ANONYMOUS, CRB_FFA, "rw-w") },
        { "FF-A 1.0: null UUIDs, asked by the driver in vain",
          .facts = { PKVM_UP,
                     FFA(CORE_BOUND, .partitions = 1, .anonymous = TRI_YES, .tpm = TRI_NO,
                         .driver = TRI_YES),
                     NONE },
          WAIT(FFA_NO_PARTITION, NONE, "rn-w") },
        { "the bug of the list: rc:-22 under pKVM",
          .facts = { PKVM, SAID(WHOLE | BIT(PKVM_UP) | BIT(CRB_FFA_VERSION)),
                     FFA(OLD_CORE, PARTITION, UNBOUND), NONE },
          NEVER(FFA_PKVM_BUG, CRB_FFA, "rn-n") },
        { "no answer, without pKVM",
          .facts = { NO_PKVM, SAID(BIT(CRB_FFA_VERSION)), FFA(CORE_BOUND, PARTITION, UNBOUND),
                     NONE },
          NEVER(FFA_VERSION, CRB_FFA, "-n-n") },
        { "failed once, bound since",
          .facts = { PKVM, SAID(WHOLE | BIT(PKVM_UP) | BIT(CRB_FFA_VERSION)),
                     FFA(CORE_BOUND, PARTITION, BOUND), CHIPS(1, FFACRB) },
          OPEN("rr-r") },
        { "no direct messages",
          .facts = { SAID(BIT(CRB_FFA_NO_MESSAGES)), FFA(CORE_BOUND, PARTITION, UNBOUND), NONE },
          NEVER(FFA_NO_MESSAGES, NONE, "-n-n") },
        { "unknown version of the service",
          .facts = { SAID(BIT(CRB_FFA_INCOMPATIBLE)), FFA(CORE_BOUND, PARTITION, UNBOUND), NONE },
          NEVER(FFA_INCOMPATIBLE, NONE, "-n-n") },
        { "all there, stand-in",
          .facts = { PKVM_UP, FFA(CORE_BOUND, PARTITION, BOUND), CHIPS(1, FFACRB) }, OPEN("rr-r") },
        { "chip there, its partition lost the driver",
          .facts = { PKVM_UP, FFA(CORE_BOUND, PARTITION, UNBOUND), CHIPS(1, FFACRB) },
          WAIT(FFA_UNBOUND, CRB_FFA, "rw-r") },

        /* FF-A by ACPI: the real drivers */
        { "mainline, TPM there, IMA was earlier",
          .facts = { PKVM_UP, FFA(CORE_BOUND, PARTITION, BOUND),
                     TPM(ACPI_FFA, .acpi_bound = TRI_YES, .crb_driver = TRI_YES),
                     CHIPS(1, ACPICRB) },
          OPEN("rr-r") },
        { "ACPI, FF-A core not loaded", .facts = { PKVM_UP, FFA(NO_BUS), TPM(ACPI_FFA), NONE },
          WAIT(NOT_LOADED, FFA, "rw-w") },
        { "ACPI, kernel without FF-A",
          .facts = { PKVM_UP, FFA(NO_BUS), TPM(ACPI_FFA), NONE, BUILD([PART_FFA] = BUILD_NO) },
          NEVER(NOT_BUILT, FFA, "rn-n") },
        { "ACPI, kernel without the partition's driver",
          .facts = { PKVM_UP, FFA(CORE_BOUND, PARTITION, NO_DRIVER), TPM(ACPI_FFA), NONE,
                     BUILD([PART_CRB_FFA] = BUILD_NO) },
          NEVER(NOT_BUILT, CRB_FFA, "rn-n") },
        { "ACPI, firmware without FF-A",
          .facts = { PKVM_UP, FFA(CORE, .core_bound = TRI_NO), TPM(ACPI_FFA), NONE },
          NEVER(FFA_NO_FIRMWARE, NONE, "rn-n") },
        { "ACPI, no partition",
          .facts = { PKVM_UP, FFA(CORE_BOUND, .partitions = 1, .tpm = TRI_NO), TPM(ACPI_FFA),
                     NONE },
          NEVER(FFA_NO_PARTITION, NONE, "rn-n") },
        { "ACPI, partition bound, tpm_crb not loaded",
          .facts = { PKVM_UP, FFA(CORE_BOUND, PARTITION, BOUND), TPM(ACPI_FFA), NONE },
          WAIT(NOT_LOADED, CRB, "rr-w") },
        { "ACPI, partition bound, tpm_crb refused",
          .facts = { PKVM_UP, FFA(CORE_BOUND, PARTITION, BOUND), TPM(ACPI_FFA, CRB_UNBOUND), NONE },
          WAIT(DRIVER_FAILED, CRB, "rr-w") },
        { "stub trap by configuration, before anything is loaded",
          .facts = { FFA(NO_BUS), TPM(ACPI_FFA), NONE,
                     BUILD([PART_CRB] = BUILD_BUILTIN, [PART_CRB_FFA] = BUILD_MODULE) },
          NEVER(CRB_STUB, CRB_FFA, "-w-n") },
        { "stub trap by configuration, all loaded and bound",
          .facts = { PKVM_UP, FFA(CORE_BOUND, PARTITION, BOUND), TPM(ACPI_FFA, CRB_UNBOUND), NONE,
                     BUILD([PART_CRB] = BUILD_BUILTIN, [PART_CRB_FFA] = BUILD_MODULE) },
          NEVER(CRB_STUB, CRB_FFA, "rr-n") },
        { "stub trap: tpm_crb is there and no FF-A",
          .facts = { PKVM_UP, FFA(NO_BUS), TPM(ACPI_FFA, CRB_UNBOUND), NONE },
          NEVER(CRB_STUB, CRB_FFA, "rw-n") },
        { "stub trap by the log",
          .facts = { PKVM, SAID(WHOLE | BIT(PKVM_UP) | BIT(CRB_TIMEOUT)),
                     FFA(CORE_BOUND, PARTITION, BOUND), TPM(ACPI_FFA, CRB_UNBOUND), NONE },
          NEVER(CRB_STUB, CRB_FFA, "rr-n") },
        { "a timeout that passed",
          .facts = { PKVM, SAID(WHOLE | BIT(PKVM_UP) | BIT(CRB_TIMEOUT)),
                     FFA(CORE_BOUND, PARTITION, BOUND),
                     TPM(ACPI_FFA, .acpi_bound = TRI_YES, .crb_driver = TRI_YES),
                     CHIPS(1, ACPICRB) },
          OPEN("rr-r") },
        { "a timeout that passed, chip not registered yet",
          .facts = { PKVM, SAID(WHOLE | BIT(PKVM_UP) | BIT(CRB_TIMEOUT)),
                     FFA(CORE_BOUND, PARTITION, BOUND),
                     TPM(ACPI_FFA, .acpi_bound = TRI_YES, .crb_driver = TRI_YES), NONE },
          WAIT(DRIVER_STARTS, CRB, "rr-w") },
        { "both modules: no trap",
          .facts = { PKVM_UP, FFA(NO_BUS), TPM(ACPI_FFA), NONE,
                     BUILD([PART_CRB] = BUILD_MODULE, [PART_CRB_FFA] = BUILD_MODULE) },
          WAIT(NOT_LOADED, FFA, "rw-w") },
        { "stub trap, but SPI is there",
          .facts = { PKVM_UP, FFA(NO_BUS), TPM(ACPI_FFA, CRB_UNBOUND), CHIPS(1, SPI(0)) },
          OPEN("r--r") },
        { "an ACPI TPM that is not behind FF-A, under pKVM",
          .facts = { PKVM_UP, FFA(CORE_BOUND, .partitions = 1),
                     TPM(.acpi_table = TRI_YES, .acpi_start = 7), CHIPS(1, ACPICRB) },
          OPEN("r--r") },
};

static void test_machines(void **state) {
        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(machines); ++i) {
                static const char letters[_GATE_READINESS_N + 1] = "-wrn";
                char four[_GATE_THING_N + 1] = "";
                GateVerdict v;

                ROW(machines[i].row);
                memset(&v, POISON, sizeof(v));
                gate_judge(&machines[i].facts, &machines[i].options, &v);
                for (GateThing t = 0; t < _GATE_THING_N; ++t)
                        four[t] = letters[v.facts[t].readiness];
                assert_string_equal(four, machines[i].four);
                assert_string_equal(gate_outcome_name(v.outcome),
                                    gate_outcome_name(machines[i].outcome));
                assert_string_equal(advice_row(v.advice)->name,
                                    advice_row(machines[i].advice)->name);
                assert_string_equal(gate_reason_name(v.reason),
                                    gate_reason_name(machines[i].reason));
                assert_int_equal(v.part, machines[i].part);
                /* A device only for a chip, and open only with all that counts. */
                assert_int_equal(v.has_chip, v.device[0] != '\0');
                if (v.outcome == GATE_OPEN)
                        assert_int_equal(v.facts[GATE_TPM].readiness, GATE_READY);
                /* What is not ready says why; what is ready or not needed has nothing to say. */
                for (GateThing t = 0; t < _GATE_THING_N; ++t)
                        assert_int_equal(v.facts[t].advice != ADVICE_NONE,
                                         v.facts[t].readiness == GATE_WAITING ||
                                                 v.facts[t].readiness == GATE_DEAD);
        }
}

static void test_choice(void **state) {
        static const struct {
                const char *tpm;
                const char *device;
        } rows[] = {
                { NULL, "/dev/tpmrm1" },
                { "auto", "/dev/tpmrm1" },
                { "software", "/dev/tpmrm0" },
                { "tpm_tis", "/dev/tpmrm1" },
                { "tpm_tis_spi", "/dev/tpmrm4" },
                { "spi0.1", "/dev/tpmrm4" },
                { "devices/virtual", "/dev/tpmrm0" },
                { "tpm_crb", "" },
                { "/sys/", "" },
                { "/sys/devices/platform", "" },
                { "MSFT0101", "" },
        };
        /* Not in the order of their numbers: the choice must not rest on it. */
        const MachineFacts facts = { CHIPS(3, SPI(4), TIS(1), SOFT(0)) };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                const GateOptions options = { .tpm = rows[i].tpm };
                GateVerdict v;

                ROW(rows[i].tpm ? rows[i].tpm : "(none)");
                gate_judge(&facts, &options, &v);
                assert_string_equal(v.device, rows[i].device);
        }
}

/* Every row is written out, is one line, and leaves no placeholder. */
static void test_advice(void **state) {
        (void)state;
        for (Advice a = 0; a < _ADVICE_N; ++a) {
                const AdviceRow *row = advice_row(a);
                const char *const texts[] = { row->cause, row->effect, row->cure };

                assert_non_null(row->name);
                for (Advice b = 0; b < a; ++b)
                        assert_string_not_equal(row->name, advice_row(b)->name);
                for (size_t i = 0; i < ELEMENTSOF(texts); ++i)
                        for (KernelPart part = 0; part < _KERNEL_PART_N; ++part) {
                                char text[ADVICE_TEXT_MAX];

                                advice_write(texts[i], part, text, sizeof(text));
                                assert_true((*text != '\0') == (a != ADVICE_NONE));
                                assert_true(strlen(text) < ADVICE_TEXT_MAX - 64);
                                assert_null(strpbrk(text, "{}\n\t"));
                        }
        }
}

static void test_advice_is_cut(void **state) {
        static const char whole[] = "x CONFIG_TCG_CRB tpm_crb";
        char text[64];

        (void)state;
        for (size_t max = 1; max <= sizeof(text); ++max) {
                memset(text, POISON, sizeof(text));
                advice_write("x {option} {module}", PART_CRB, text, max);
                assert_int_equal(strlen(text), MIN_OF(max - 1, strlen(whole)));
                assert_memory_equal(text, whole, strlen(text));
        }
        advice_hint(ADVICE_NONE, PART_NONE, text, sizeof(text));
        assert_string_equal(text, "");
        advice_hint(ADVICE_FFA_FIRST, PART_NONE, text, sizeof(text));
        assert_string_equal(text, "the TPM is behind FF-A, which is not ready; see FF-A");
}

static void test_names(void **state) {
        (void)state;
        assert_string_equal(gate_thing_name(GATE_TEE_SUPPLICANT), "tee_supplicant");
        assert_string_equal(gate_readiness_name(GATE_DEAD), "never");
        assert_string_equal(gate_readiness_name(GATE_NOT_NEEDED), "not_needed");
        assert_string_equal(gate_reason_name(GATE_REASON_PKVM_FAILED), "pkvm_failed");
        assert_string_equal(gate_reason_name(GATE_REASON_TPM_UNAVAILABLE), "tpm_unavailable");
        assert_string_equal(gate_outcome_name(GATE_WAIT), "wait");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_machines), cmocka_unit_test(test_choice),
                cmocka_unit_test(test_advice),   cmocka_unit_test(test_advice_is_cut),
                cmocka_unit_test(test_names),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
