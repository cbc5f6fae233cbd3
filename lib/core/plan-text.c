/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/plan.h"

/**
 * plan_state_name() - name of a state, as in the varlink interface
 * @state: the state
 *
 * Return: a constant string.
 */
const char *plan_state_name(PlanState state) {
        static const char *const names[_PLAN_STATE_N] = {
                [PLAN_INIT] = "init",
                [PLAN_WAIT_LIST] = "wait_list",
                [PLAN_DECIDE] = "decide",
                [PLAN_WAIT_TPM] = "wait_tpm",
                [PLAN_BACKOFF] = "backoff",
                [PLAN_SEARCH] = "search",
                [PLAN_CATCH_UP] = "catch_up",
                [PLAN_FOLLOW] = "follow",
                [PLAN_UNKNOWN] = "unknown",
                [PLAN_TPM_FAILED] = "tpm_failed",
                [PLAN_KERNEL_OWNS] = "kernel_owns",
                [PLAN_MIXED] = "mixed",
                [PLAN_TPM_RESET] = "tpm_reset",
                [PLAN_SPLIT_BANKS] = "split_banks",
                [PLAN_DIVERGED] = "diverged",
                [PLAN_LIST_BROKEN] = "list_broken",
                [PLAN_LIST_TRIMMED] = "list_trimmed",
                [PLAN_BANK_UNSUPPORTED] = "bank_unsupported",
        };

        return names[state];
}

static const struct {
        const char *name;
        const char *text;
} reason_table[_PLAN_REASON_N] = {
        [PLAN_REASON_NONE] = { "none", "nothing is wrong" },
        [PLAN_REASON_IMA_ABSENT] = { "ima_absent", "this kernel keeps no measurement list" },
        [PLAN_REASON_LIST_UNREADABLE] = { "list_unreadable",
                                          "the measurement list cannot be read" },
        [PLAN_REASON_LIST_EMPTY] = { "list_empty", "the measurement list has no record yet" },
        [PLAN_REASON_MODE] = { "mode", "see the mode" },
        [PLAN_REASON_GATE_WAIT] = { "gate_wait", "something that the TPM needs is not there yet" },
        [PLAN_REASON_GATE_NEVER] = { "gate_never",
                                     "the TPM will not come without a change to kernel, firmware "
                                     "or configuration" },
        [PLAN_REASON_PKVM_FAILED] = { "pkvm_failed",
                                      "protected KVM was asked for and did not come up "
                                      "(RequirePKVM=yes)" },
        [PLAN_REASON_TPM_UNAVAILABLE] = { "tpm_unavailable", "no TPM answers" },
        [PLAN_REASON_TPM_BUSY] = { "tpm_busy", "the TPM asks for patience" },
        [PLAN_REASON_TPM_CONTENDED] = { "tpm_contended",
                                        "other programs use the TPM so much that the PCR cannot be "
                                        "read and extended in one go" },
        [PLAN_REASON_OUTCOME_UNKNOWN] = { "outcome_unknown",
                                          "a command was sent and not answered well" },
        [PLAN_REASON_RESET_COUNT_CHANGED] = { "reset_count_changed",
                                              "the TPM was reset in this boot" },
        [PLAN_REASON_PCR_WENT_BACK] = { "pcr_went_back",
                                        "the PCR holds fewer records than it did: the TPM was "
                                        "reset in this boot" },
        [PLAN_REASON_TPM_TIME_LOW] = { "tpm_time_low",
                                       "the TPM counts time from later than its device node: it "
                                       "was reset in this boot" },
        [PLAN_REASON_FIRMWARE_PCRS_ZERO] = { "firmware_pcrs_zero",
                                             "PCRs 0 to 7 are zero: the TPM was reset in this "
                                             "boot, or the firmware did not measure" },
        [PLAN_REASON_BANKS_CHANGED] = { "banks_changed",
                                        "other PCR banks are allocated than at the start" },
        [PLAN_REASON_BANKS_DIFFER] = { "banks_differ",
                                       "the banks hold different prefixes of the list: something "
                                       "extended some of them only" },
        [PLAN_REASON_FOREIGN_EXTEND] = { "foreign_extend",
                                         "no bank follows from the list: something else extended "
                                         "the PCR" },
        [PLAN_REASON_FOREIGN_EXTEND_IN_BANK] = { "foreign_extend_in_bank",
                                                 "some banks follow from the list, at least one "
                                                 "does not" },
        [PLAN_REASON_RECORD_DIGEST_WRONG] = { "record_digest_wrong",
                                              "a record does not have the digest that it claims" },
        [PLAN_REASON_RECORD_MALFORMED] = { "record_malformed",
                                           "a record cannot be parsed or breaks a limit" },
        [PLAN_REASON_BANK_ALGORITHM] = { "bank_algorithm",
                                         "a bank is allocated whose algorithm cannot be "
                                         "calculated here" },
        [PLAN_REASON_BANK_NONE] = { "bank_none", "the TPM has no bank for the PCR of the list" },
        [PLAN_REASON_TPM_FAILURE_MODE] = { "tpm_failure_mode",
                                           "the TPM reports failure, or wants an upgrade or a "
                                           "reboot" },
        [PLAN_REASON_TPM_REFUSED] = { "tpm_refused", "the TPM refuses the command for good" },
        [PLAN_REASON_NO_PROGRESS] = { "no_progress", "no command succeeded for ten minutes" },
        [PLAN_REASON_TAMPER_SUSPECTED] = { "tamper_suspected",
                                           "answers of the TPM failed their integrity check again "
                                           "and again" },
        [PLAN_REASON_LIST_REPLACED] = { "list_replaced", "the list is another one than before" },
        [PLAN_REASON_RECORDS_GONE] = { "records_gone",
                                       "the list holds fewer records than the PCR" },
};

/**
 * plan_reason_name_of() - name of a reason, as in the varlink interface
 * @reason:      the reason
 * @mode_reason: the mode's own, which stands for PLAN_REASON_MODE
 *
 * Return: a constant string.
 */
const char *plan_reason_name_of(PlanReason reason, ModeReason mode_reason) {
        return reason == PLAN_REASON_MODE ? mode_reason_name(mode_reason)
                                          : reason_table[reason].name;
}

/**
 * plan_why() - why the plan is in its state; where the kernel extends: why that does not fit, if so
 * @p: the plan
 *
 * Return: the reason.
 */
PlanReason plan_why(const Plan *p) {
        return p->misfit != PLAN_REASON_NONE ? p->misfit : p->reason;
}

/**
 * plan_reason_name() - the name of plan_why(), as in the varlink interface
 * @p: the plan
 *
 * Return: a constant string.
 */
const char *plan_reason_name(const Plan *p) {
        return plan_reason_name_of(plan_why(p), p->mode.reason);
}

/**
 * plan_reason_text() - the same as a sentence for people
 * @p: the plan
 *
 * Return: a constant string.
 */
const char *plan_reason_text(const Plan *p) {
        PlanReason why = plan_why(p);

        return why == PLAN_REASON_MODE ? mode_reason_text(p->mode.reason) : reason_table[why].text;
}
