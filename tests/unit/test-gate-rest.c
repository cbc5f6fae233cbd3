/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-gate-rest.c -- machines that are rarer than those of test-gate.c.
 */
#include "fixture.h"

#include <string.h>

#include "core/gate.h"

#define SAID(...) .kmsg = { .is_known = true, .said = KMSG_BIT(KMSG_LINUX) | (__VA_ARGS__) }
#define BIT(line) KMSG_BIT(KMSG_##line)
#define PKVM      .pkvm = { .asked = TRI_YES, .kvm = TRI_YES }
#define FFA(...)  .ffa = { .bus = TRI_YES, __VA_ARGS__ }
#define OLD_CORE  .core = TRI_NO, .core_bound = TRI_NO
#define NEW_CORE  .core = TRI_YES, .core_bound = TRI_YES
#define REFUSED   NEW_CORE, .partitions = 1, .tpm = TRI_YES, .driver = TRI_YES, .tpm_bound = TRI_NO
#define NONE      .chips_known = TRI_YES
#define CHIP(...) NONE, .n_chips = 1, .chip = { { __VA_ARGS__, .version = 2, .node = NODE_THERE } }
#define FTPM(d)   CHIP(.driver = (d), .parent = "devices/platform/ftpm")
#define SOFT      CHIP(.is_software = true, .parent = "devices/virtual")

static const struct {
        const char *row;
        MachineFacts facts;
        GateOptions options;
        GateOutcome outcome;
        Advice advice;
        KernelPart part;
        const char *four;
} machines[] = {
        /* FF-A */
        { "up to 7.1, the core says that it failed",
          .facts = { PKVM, SAID(BIT(PKVM_UP) | BIT(FFA_FAILED)), FFA(OLD_CORE), NONE },
          .outcome = GATE_WAIT, .advice = ADVICE_FFA_FAILED, .four = "rw-w" },
        { "up to 7.1, partitions and none is the TPM",
          .facts = { FFA(OLD_CORE, .partitions = 1), NONE }, .outcome = GATE_WAIT,
          .advice = ADVICE_FFA_NO_PARTITION, .four = "-n-w" },
        { "the firmware's FF-A is too old, and pKVM is up that nobody is known to have asked for",
          .facts = { SAID(BIT(PKVM_UP) | BIT(CRB_FFA_VERSION)), FFA(REFUSED), NONE },
          .outcome = GATE_NEVER, .advice = ADVICE_FFA_PKVM_BUG, .part = PART_CRB_FFA,
          .four = "rn-n" },
        { "the firmware's FF-A is too old, no pKVM",
          .facts = { SAID(BIT(CRB_FFA_VERSION)), FFA(REFUSED), NONE }, .outcome = GATE_NEVER,
          .advice = ADVICE_FFA_VERSION, .part = PART_CRB_FFA, .four = "-n-n" },
        { "partitions without UUID, and the kernel has no driver",
          .facts = { FFA(NEW_CORE, .anonymous = TRI_YES, .driver = TRI_NO), NONE,
                     .kernel.build = { [PART_CRB_FFA] = BUILD_NO } },
          .outcome = GATE_WAIT, .advice = ADVICE_NOT_BUILT, .part = PART_CRB_FFA, .four = "-n-w" },
        { "a core whose bus is not there", .facts = { .ffa = { .core = TRI_YES }, NONE },
          .outcome = GATE_WAIT, .advice = ADVICE_NOT_LOADED, .part = PART_FFA, .four = "-w-w" },
        { "both drivers built in: no trap",
          .facts = { FFA(NEW_CORE, .partitions = 1, .tpm = TRI_YES, .driver = TRI_YES,
                         .tpm_bound = TRI_YES),
                     .tpm = { .acpi_table = TRI_YES,
                              .acpi_start = ACPI_START_CRB_FFA,
                              .crb_driver = TRI_YES,
                              .acpi_bound = TRI_NO },
                     NONE,
                     .kernel.build = { [PART_CRB] = BUILD_BUILTIN,
                                       [PART_CRB_FFA] = BUILD_BUILTIN } },
          .outcome = GATE_WAIT, .advice = ADVICE_DRIVER_FAILED, .part = PART_CRB, .four = "-r-w" },

        /* Chips */
        { "fTPM on the tee bus", .facts = { FTPM("optee-ftpm"), .tpm.ftpm_supplicant = TRI_YES },
          .outcome = GATE_OPEN, .four = "--rr" },
        { "fTPM on the platform bus", .facts = { FTPM("ftpm-tee"), .tpm.ftpm_supplicant = TRI_YES },
          .outcome = GATE_OPEN, .four = "--rr" },
        { "software only, auto", .facts = { SOFT }, .options.tpm = "auto", .outcome = GATE_WAIT,
          .advice = ADVICE_TPM_SOFTWARE, .four = "---w" },
        { "software only, empty", .facts = { SOFT }, .options.tpm = "", .outcome = GATE_WAIT,
          .advice = ADVICE_TPM_SOFTWARE, .four = "---w" },
        { "software only, and perhaps one behind FF-A",
          .facts = { FFA(.core = TRI_YES, .core_bound = TRI_NO), SOFT }, .outcome = GATE_WAIT,
          .advice = ADVICE_FFA_FAILED, .four = "-w-w" },

        /* pKVM, required */
        { "no KVM at all", .facts = { PKVM, SAID(BIT(KVM_OFF)), NONE },
          .options.require_pkvm = true, .outcome = GATE_NEVER, .advice = ADVICE_PKVM_FAILED,
          .four = "nw-w" },
        { "/dev/kvm could not be looked at",
          .facts = { .pkvm.asked = TRI_YES,
                     SAID(0),
                     .kernel.build = { [PART_FFA] = BUILD_NO },
                     NONE },
          .options.require_pkvm = true, .outcome = GATE_WAIT, .advice = ADVICE_PKVM_UNKNOWN,
          .four = "w--w" },
        { "the same, with FF-A: pKVM is the first cause",
          .facts = { .pkvm.asked = TRI_YES, SAID(0), FFA(OLD_CORE), NONE },
          .options.require_pkvm = true, .outcome = GATE_WAIT, .advice = ADVICE_PKVM_UNKNOWN,
          .four = "ww-w" },
};

static void test_machines(void **state) {
        static const char letters[_GATE_READINESS_N + 1] = "-wrn";

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(machines); ++i) {
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
                assert_int_equal(v.part, machines[i].part);
        }
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_machines),
        };

        return cmocka_run_group_tests_name("gate-rest", tests, NULL, NULL) != 0;
}
