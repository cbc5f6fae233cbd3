/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/plan-explain.h"

#include <assert.h>

typedef struct ExplainRow {
        const char *brief, *cause, *advice;
} ExplainRow;

#define NOTHING   "nothing has to be done"
#define BY_ITSELF "it goes on by itself; nothing has to be done"
#define NEXT_BOOT "this boot cannot attest any more: boot again"
#define WHO_EXTENDS                                                                                \
        "look for what extends PCR 10 besides ima-replayd (keylime_ima_emulator, a script "        \
        "with tpm2_pcrextend), stop it, and boot again; 'ima-replayctl verify' names the "         \
        "last record that fits"
#define SEE_DOCTOR "'ima-replayctl doctor' shows what is missing, and how to get it"

static const ExplainRow states[_PLAN_STATE_N] = {
        [PLAN_INIT] = { "starting", "the service has started and looked at nothing yet",
                        BY_ITSELF },
        [PLAN_WAIT_LIST] = { "waiting for the measurement list",
                             "no complete record can be read from the kernel's measurement list: "
                             "the "
                             "kernel has no IMA, IMA has measured nothing yet, or the list may not "
                             "be "
                             "read",
                             "the reason says which; " SEE_DOCTOR },
        [PLAN_DECIDE] = { "finding out who extends",
                          "the list can be read; from its first record and the kernel's files it "
                          "is "
                          "being decided whether the kernel extends, or the service has to",
                          BY_ITSELF },
        [PLAN_WAIT_TPM] = { "waiting for the TPM",
                            "the TPM, or something that it depends on (FF-A, tee-supplicant, a "
                            "driver), is not there; records pile up in the list, none is lost, and "
                            "they are extended when it comes",
                            "'ima-replayctl status' says what is waited for; " SEE_DOCTOR },
        [PLAN_BACKOFF] = { "the TPM asked for patience",
                           "the TPM is busy, tests itself, limits the rate of commands, or other "
                           "programs use it so much that the PCR cannot be read and extended in "
                           "one "
                           "go; the next try comes within seconds",
                           "nothing, unless it stays: then look at what else uses the TPM" },
        [PLAN_SEARCH] = { "looking for the place where extending goes on",
                          "the PCR was read; the list is replayed until a prefix of it explains "
                          "the "
                          "PCR in every bank (about 1 us a record)",
                          BY_ITSELF },
        [PLAN_CATCH_UP] = { "extending the backlog",
                            "the records that were measured before the TPM could be used are being "
                            "extended, in the order of the list",
                            BY_ITSELF ", and 'ima-replayctl wait' returns when it is done" },
        [PLAN_FOLLOW] = { "following, everything is in the TPM",
                          "every record is in every bank; new ones are extended as they come",
                          NOTHING },
        [PLAN_UNKNOWN] = { "making sure of the last extend",
                           "a command was sent and not answered well, so it is not known whether "
                           "it "
                           "was executed; nothing is sent again before the PCR was read",
                           "nothing; if it comes again and again look at the TPM's driver ('dmesg "
                           "| "
                           "grep -i tpm')" },
        [PLAN_TPM_FAILED] = { "the TPM does not work",
                              "the TPM is there and refuses, fails, or made no progress for ten "
                              "minutes; it is tried again once a minute",
                              "the reason says how it failed; look at 'dmesg | grep -i tpm'; a "
                              "firmware update, or power off and on, may be needed" },
        [PLAN_KERNEL_OWNS] = { "the kernel extends by itself",
                               "the kernel had its TPM when IMA started, so it extends each record "
                               "before use, which is better than any service can do; ima-replayd "
                               "only "
                               "reads, compares and serves",
                               NOTHING ", and ima-replayd is needed only to serve the list" },
        [PLAN_MIXED] = { "it cannot be proven who extends",
                         "the list shows signs of a kernel with a TPM and of one without; if both "
                         "extended, records would be in the PCR twice, so the service extends "
                         "nothing",
                         "boot again without kexec; the reason names the sign" },
        [PLAN_TPM_RESET] = { "the TPM was reset in this boot",
                             "the TPM lost its PCRs without a reboot of this machine (a reset of "
                             "the "
                             "chip, a crash of its firmware), or it cannot be told that it did "
                             "not; "
                             "filling the PCR again would hide that from verifiers",
                             NEXT_BOOT ". If you know why, 'ima-replayd --oneshot "
                                       "--replay-after-reset' extends all the same" },
        [PLAN_SPLIT_BANKS] = { "the banks hold different parts of the list",
                               "something extended some of the PCR's banks and not the others, or "
                               "a "
                               "kernel filled banks that it cannot calculate",
                               "'ima-replayctl verify' shows what each bank holds; 'ima-replayd "
                               "--oneshot --repair-banks' brings those that lag behind to the same "
                               "place" },
        [PLAN_DIVERGED] = { "the PCR does not follow from the list",
                            "in order of likelihood: another program extended the PCR; a second "
                            "machine or guest uses the same TPM; the TPM was extended by firmware "
                            "or "
                            "boot loader; the list was altered",
                            WHO_EXTENDS },
        [PLAN_LIST_BROKEN] = { "the list contradicts itself",
                               "a record does not have the digest that it claims, or cannot be "
                               "read "
                               "as a record: memory of the kernel was altered, or this kernel "
                               "writes "
                               "a form that is not known",
                               "'ima-replayctl verify --check-records --list=...' names the "
                               "record; "
                               "boot again, and report it if it stays" },
        [PLAN_LIST_TRIMMED] = { "records left the list before they were extended",
                                "somebody trimmed the kernel's list (Linux 7.2 and later) while "
                                "records of it were not in the TPM, and no copy of them was kept",
                                NEXT_BOOT "; trim only what 'ima-replayctl status' counts as "
                                          "extended, and keep SpoolMax= above 0" },
        [PLAN_BANK_UNSUPPORTED] = { "a bank of the TPM cannot be calculated",
                                    "the TPM has a PCR bank with a hash that OpenSSL here does not "
                                    "have; leaving it out would leave it open for a forger",
                                    "switch that bank off in the firmware setup, or with "
                                    "tpm2_pcrallocate, and boot again" },
};

static const ExplainRow reasons[_PLAN_REASON_N] = {
        [PLAN_REASON_NONE] = { "nothing is wrong", "the state says it all", NOTHING },
        [PLAN_REASON_IMA_ABSENT] = { "no IMA",
                                     "the kernel was built without IMA (CONFIG_IMA), or it was "
                                     "switched off on the command line",
                                     "use a kernel with CONFIG_IMA=y, and no ima=off" },
        [PLAN_REASON_LIST_UNREADABLE] = { "the list cannot be read",
                                          "securityfs is not mounted, the service may not read it, "
                                          "or "
                                          "somebody is trimming it at this moment",
                                          "mount securityfs on /sys/kernel/security; the list is "
                                          "readable for root only" },
        [PLAN_REASON_LIST_EMPTY] = { "the list has no record",
                                     "IMA is there and has not measured anything, not even its "
                                     "boot_aggregate",
                                     "boot with ima_policy=tcb, or load a policy" },
        [PLAN_REASON_MODE] = { "see the mode",
                               "stands for the mode's own reason, which is shown in its place",
                               NOTHING },
        [PLAN_REASON_TPM_UNAVAILABLE] = { "the TPM cannot be opened",
                                          "its device node is not there, not yet given to the "
                                          "service's group, or in use by a program that holds "
                                          "/dev/tpmN open",
                                          SEE_DOCTOR
                                          "; udev rules of package tpm-udev give the node "
                                          "to group tss" },
        [PLAN_REASON_GATE_WAIT] = { "something that the TPM needs is not there yet",
                                    "'ima-replayctl status' marks what is missing: a driver, the "
                                    "FF-A "
                                    "bus, tee-supplicant, or the device node",
                                    "it may still come; if it does not, " SEE_DOCTOR },
        [PLAN_REASON_GATE_NEVER] = { "the TPM will not come in this boot",
                                     "a known dead end: 'ima-replayctl status' marks it",
                                     SEE_DOCTOR
                                     "; kernel, firmware or configuration have to change" },
        [PLAN_REASON_PKVM_FAILED] = { "protected KVM did not come up",
                                      "kvm-arm.mode=protected was asked for and failed, or cannot "
                                      "be "
                                      "proven, and RequirePKVM=yes makes that final",
                                      "look at 'dmesg | grep -i kvm'; the firmware must start the "
                                      "kernel at EL2; RequirePKVM=auto only warns" },
        [PLAN_REASON_TPM_BUSY] = { "the TPM asks for patience",
                                   "it answered with retry, testing, yielded or lockout",
                                   BY_ITSELF },
        [PLAN_REASON_TPM_CONTENDED] = { "the TPM is used by others all the time",
                                        "each extend is a compare-and-swap that fails when another "
                                        "program's command comes in between; that happened many "
                                        "times "
                                        "in a row",
                                        "find what polls the TPM ('fuser /dev/tpmrm0'), and let it "
                                        "poll less often" },
        [PLAN_REASON_OUTCOME_UNKNOWN] = { "a command was sent and not answered well",
                                          "a time-out, a broken answer or an error after which the "
                                          "PCR may or may not have changed",
                                          "nothing: the PCR is read before anything else is sent" },
        [PLAN_REASON_RESET_COUNT_CHANGED] = { "the TPM's count of resets changed",
                                              "TPM2_ReadClock showed another resetCount than "
                                              "earlier "
                                              "in this boot: the TPM lost its PCRs",
                                              NEXT_BOOT },
        [PLAN_REASON_PCR_WENT_BACK] = { "the PCR holds fewer records than it did",
                                        "PCRs only grow; one that went back belongs to a TPM that "
                                        "was reset, or to another one",
                                        NEXT_BOOT },
        [PLAN_REASON_TPM_TIME_LOW] = { "the TPM counts time from later than its device node",
                                       "the TPM's own clock says that it was powered up well after "
                                       "the kernel found it",
                                       NEXT_BOOT },
        [PLAN_REASON_FIRMWARE_PCRS_ZERO] = { "PCRs 0 to 7 are zero",
                                             "the firmware's event log says that it measured, and "
                                             "its PCRs are empty: the TPM was reset after that",
                                             NEXT_BOOT "; where the firmware does not measure, "
                                                       "RequireMeasuredBoot=no says so" },
        [PLAN_REASON_BANKS_CHANGED] = { "other PCR banks are allocated than at the start",
                                        "banks change only with a reset of the TPM", NEXT_BOOT },
        [PLAN_REASON_BANKS_DIFFER] = { "the banks hold different prefixes of the list",
                                       "a program that extends one bank only (tpm2_pcrextend with "
                                       "one "
                                       "hash), or a kernel that cannot calculate all of them",
                                       "'ima-replayd --oneshot --repair-banks'; then see that it "
                                       "does not come again" },
        [PLAN_REASON_FOREIGN_EXTEND] = { "something else extended the PCR",
                                         "no prefix of the list gives the PCR's value, in any bank",
                                         WHO_EXTENDS },
        [PLAN_REASON_FOREIGN_EXTEND_IN_BANK] = { "something else extended one bank of the PCR",
                                                 "some banks follow from the list, at least one "
                                                 "does not; zero-padded SHA-1 digests of an old "
                                                 "kernel look like this, too",
                                                 WHO_EXTENDS },
        [PLAN_REASON_RECORD_DIGEST_WRONG] = { "a record does not have the digest that it claims",
                                              "its bytes were altered in the kernel's memory, or "
                                              "by a "
                                              "bug of it",
                                              "boot again; report it with the record that "
                                              "'ima-replayctl verify --check-records --list=...' "
                                              "names" },
        [PLAN_REASON_RECORD_MALFORMED] = { "a record cannot be read",
                                           "a length in it leads nowhere, or it breaks a limit (2 "
                                           "MiB "
                                           "a record, 255 bytes for the name of a template)",
                                           "boot again; report it" },
        [PLAN_REASON_BANK_ALGORITHM] = { "a bank's hash cannot be calculated here",
                                         "the message names the algorithm; OpenSSL here does not "
                                         "have it",
                                         "switch that bank off with tpm2_pcrallocate, or use an "
                                         "OpenSSL that has it" },
        [PLAN_REASON_BANK_NONE] = { "the TPM has no bank for the PCR of the list",
                                    "no allocated bank contains that PCR",
                                    "allocate a bank in the firmware setup, or with "
                                    "tpm2_pcrallocate" },
        [PLAN_REASON_TPM_FAILURE_MODE] = { "the TPM reports failure",
                                           "it is in failure mode, or wants a firmware upgrade or "
                                           "a "
                                           "reboot before it works again",
                                           "power off and on; update the TPM's firmware" },
        [PLAN_REASON_TPM_REFUSED] = { "the TPM refuses the command for good",
                                      "twice the same refusal: locality, a PCR that may not be "
                                      "extended, or a command that it does not have",
                                      "the message has the response code ('tpm2_rc_decode' says it "
                                      "in words)" },
        [PLAN_REASON_NO_PROGRESS] = { "no command succeeded for ten minutes",
                                      "the driver or the chip hangs",
                                      "look at 'dmesg | grep -i tpm'; power off and on" },
        [PLAN_REASON_TAMPER_SUSPECTED] = { "answers of the TPM failed their integrity check",
                                           "several times the HMAC of an answer was wrong: "
                                           "somebody "
                                           "changes what goes over the bus, or it is damaged",
                                           "trust nothing that this machine attests until the "
                                           "connection of the TPM was looked at" },
        [PLAN_REASON_LIST_REPLACED] = { "the list is another one than before",
                                        "its first record changed, and the copy in /run does not "
                                        "tell what is missing",
                                        NEXT_BOOT },
        [PLAN_REASON_RECORDS_GONE] = { "the list holds fewer records than the PCR",
                                       "records were trimmed that the TPM has, and no copy of them "
                                       "was kept",
                                       NEXT_BOOT
                                       "; keep SpoolMax= above 0 where lists are trimmed" },
};

static const ExplainRow mode_reasons[_MODE_REASON_N] = {
        [MODE_REASON_NONE] = { "not decided yet", "the list or the TPM's banks are not known yet",
                               BY_ITSELF },
        [MODE_REASON_BOOT_AGGREGATE_ZERO] = { "the kernel had no TPM when IMA started",
                                              "record 0, boot_aggregate, is zero: the kernel "
                                              "extends "
                                              "nothing in this boot, so the service does",
                                              NOTHING
                                              "; a kernel that has its TPM in time needs no "
                                              "service ('ima-replayctl doctor')" },
        [MODE_REASON_BOOT_AGGREGATE_SET] = { "the kernel had its TPM",
                                             "record 0, boot_aggregate, holds a value, which only "
                                             "a "
                                             "kernel with a TPM can make",
                                             NOTHING },
        [MODE_REASON_BANK_LISTS_PRESENT] = { "the kernel keeps lists for TPM banks",
                                             "record 0 says that there was no TPM, the kernel's "
                                             "files "
                                             "say that there was one",
                                             "boot again; report it with 'ls "
                                             "/sys/kernel/security/ima'" },
        [MODE_REASON_LATER_BOOT_AGGREGATE] = { "there is a second boot_aggregate",
                                               "the list may have come through kexec from another "
                                               "kernel (or a user made a file of that name)",
                                               "boot again without kexec" },
        [MODE_REASON_FIRST_RECORD_FOREIGN] = { "record 0 is no boot_aggregate",
                                               "the list was trimmed before the service came, or "
                                               "came through kexec",
                                               "boot again, and start the service earlier" },
        [MODE_REASON_NO_AGGREGATE_BANK] = { "a zero boot_aggregate proves nothing here",
                                            "the TPM has none of the banks (sha1, sha256, "
                                            "ima_hash) "
                                            "from which the kernel makes it",
                                            "allocate a sha256 bank with tpm2_pcrallocate, and "
                                            "boot "
                                            "again" },
        [MODE_REASON_LIST_INHERITED] = { "the list was carried over",
                                         "record 0 holds a value, but this kernel keeps no list "
                                         "for "
                                         "the TPM's banks: it has no TPM, the one before had",
                                         "boot again without kexec" },
};

static const struct {
        const char *name;
        ExplainRow row;
} verdicts[_PLAN_VERDICT_N] = {
        [PLAN_VERDICT_PENDING] = { "pending",
                                   { "not every record is in the TPM yet",
                                     "and that can still come true in this boot",
                                     "'ima-replayctl wait' returns when it has" } },
        [PLAN_VERDICT_EXTENDED] = { "extended",
                                    { "the TPM holds the list",
                                      "the first catch-up is verified in every bank, and the list "
                                      "is "
                                      "being followed",
                                      NOTHING } },
        [PLAN_VERDICT_KERNEL] = { "kernel",
                                  { "the kernel extends by itself",
                                    "and the last read of the PCR, if any, fits the list",
                                    NOTHING } },
        [PLAN_VERDICT_FAILED] = { "failed",
                                  { "the TPM does not hold what the list says",
                                    "and in this boot it will not come to hold it",
                                    "'ima-replayctl status' names state and reason; explain "
                                    "those" } },
        [PLAN_VERDICT_NO_IMA] = { "no_ima",
                                  { "this kernel keeps no measurement list",
                                    "so there is nothing to extend and nothing to attest",
                                    "use a kernel with CONFIG_IMA=y, and no ima=off" } },
};

/**
 * plan_verdict_name() - name of a verdict, as in the varlink interface
 * @verdict: the verdict
 *
 * Return: a constant string.
 */
const char *plan_verdict_name(PlanVerdict verdict) {
        assert(verdict < _PLAN_VERDICT_N);
        return verdicts[verdict].name;
}

static PlanExplanation explain_row(PlanWord kind, const char *name, const ExplainRow *row) {
        return (PlanExplanation){ kind, name, row->brief, row->cause, row->advice };
}

/**
 * plan_explain_state() - explain a state
 * @state: the state
 *
 * Return: the explanation; all of it constant strings.
 */
PlanExplanation plan_explain_state(PlanState state) {
        assert(state < _PLAN_STATE_N);
        return explain_row(PLAN_WORD_STATE, plan_state_name(state), &states[state]);
}

/**
 * plan_explain_reason() - explain a reason
 * @reason: the reason
 *
 * Return: the explanation.
 */
PlanExplanation plan_explain_reason(PlanReason reason) {
        assert(reason < _PLAN_REASON_N);
        return explain_row(PLAN_WORD_REASON, plan_reason_name_of(reason, MODE_REASON_NONE),
                           &reasons[reason]);
}

/**
 * plan_explain_mode_reason() - explain why a mode was decided
 * @reason: the reason
 *
 * Return: the explanation.
 */
PlanExplanation plan_explain_mode_reason(ModeReason reason) {
        assert(reason < _MODE_REASON_N);
        return explain_row(PLAN_WORD_REASON, mode_reason_name(reason), &mode_reasons[reason]);
}

/**
 * plan_explain_verdict() - explain a verdict
 * @verdict: the verdict
 *
 * Return: the explanation.
 */
PlanExplanation plan_explain_verdict(PlanVerdict verdict) {
        assert(verdict < _PLAN_VERDICT_N);
        return explain_row(PLAN_WORD_VERDICT, plan_verdict_name(verdict), &verdicts[verdict].row);
}

/**
 * plan_explain_n() - how many words there are
 *
 * Return: words, for plan_explain_at().
 */
size_t plan_explain_n(void) {
        return (size_t)_PLAN_VERDICT_N + _PLAN_STATE_N + _PLAN_REASON_N + _MODE_REASON_N;
}

/**
 * plan_explain_at() - one word after the other: verdicts, states, reasons, reasons of the mode
 * @i:   below plan_explain_n()
 * @ret: the word; set on success only
 *
 * Return: whether it is one that a program shows: "none" and "mode" stand for no word, or another.
 */
bool plan_explain_at(size_t i, PlanExplanation *ret) {
        assert(i < plan_explain_n());
        if (i < _PLAN_VERDICT_N) {
                *ret = plan_explain_verdict((PlanVerdict)i);
                return true;
        }
        i -= _PLAN_VERDICT_N;
        if (i < _PLAN_STATE_N) {
                *ret = plan_explain_state((PlanState)i);
                return true;
        }
        i -= _PLAN_STATE_N;
        if (i < _PLAN_REASON_N) {
                if (i == PLAN_REASON_NONE || i == PLAN_REASON_MODE)
                        return false;
                *ret = plan_explain_reason((PlanReason)i);
                return true;
        }
        i -= _PLAN_REASON_N;
        if (i == MODE_REASON_NONE)
                return false;
        *ret = plan_explain_mode_reason((ModeReason)i);
        return true;
}

/**
 * plan_explain_word() - explain what status shows
 * @word: a name of a state, reason or verdict
 * @ret:  the explanation; set on success only
 *
 * Return: whether there is such a word.
 */
bool plan_explain_word(Bytes word, PlanExplanation *ret) {
        PlanExplanation e;

        for (size_t i = 0; i < plan_explain_n(); ++i)
                if (plan_explain_at(i, &e) && bytes_equal_text(word, e.name)) {
                        *ret = e;
                        return true;
                }
        return false;
}
