/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What --oneshot says at its end: one line, and the exit status.
 */
#include <inttypes.h>

#include "base/exit.h"
#include "daemon/report.h"
#include "daemon/say.h"
#include "os/message.h"

static void say_left_alone(const Plan *p) {
        for (uint32_t pcr = 0; pcr < MLIST_PCR_N; ++pcr) {
                uint64_t n = p->replay.chain[pcr].n;

                if (n == 0 || pcr == p->main_pcr)
                        continue;
                if (pcr >= TPM_PCR_N || p->chain[pcr].state == CHAIN_REFUSED)
                        message_warning(
                                "PCR %" PRIu32 ": %" PRIu64
                                " records cannot be extended by this TPM (as a kernel could "
                                "not)",
                                pcr, n);
                else if (p->chain[pcr].state == CHAIN_FOREIGN)
                        message_warning("PCR %" PRIu32 ": %" PRIu64
                                        " records left alone: no prefix of them explains this PCR",
                                        pcr, n);
        }
}

static void say_pending(const Extender *x) {
        const Plan *p = extender_plan(x);
        const char *trouble = extender_trouble(x);

        if (extender_is_stopping(x))
                message_warning("stopped: %" PRIu64
                                " records are in the TPM; start it again to go on",
                                report_n_held(p));
        else if (p->is_cut && p->state == PLAN_FOLLOW)
                message_warning("not yet: the list is %s; what precedes it is extended",
                                extender_cut(x));
        else if (p->is_cut)
                message_warning("not yet: %s: the list is %s", plan_state_name(p->state),
                                extender_cut(x));
        else if (p->state == PLAN_KERNEL_OWNS && p->observed == PLAN_OBSERVED_BEHIND)
                message_warning("not yet: the kernel extends by itself, and PCR %" PRIu32
                                " is behind its list",
                                p->main_pcr);
        else if (p->state == PLAN_KERNEL_OWNS)
                message_warning("not yet: the kernel extends by itself, but no TPM answers%s%s",
                                *trouble ? ": " : "", trouble);
        else
                message_warning("not yet: %s: %s%s%s; → try --timeout=SEC",
                                plan_state_name(p->state), plan_reason_text(p),
                                *trouble ? ": " : "", trouble);
}

static void say_failed(const Extender *x) {
        const Plan *p = extender_plan(x);
        const char *trouble = extender_trouble(x);

        if (p->misfit == PLAN_REASON_BANK_ALGORITHM || p->misfit == PLAN_REASON_BANK_NONE)
                message_error(
                        "the kernel extends by itself; whether PCR %" PRIu32
                        " fits the list cannot be told: it has no bank, or one that cannot be "
                        "calculated here",
                        p->main_pcr);
        else if (p->misfit == PLAN_REASON_RECORD_MALFORMED ||
                 p->misfit == PLAN_REASON_RECORD_DIGEST_WRONG)
                message_error("the kernel extends by itself, but its list is broken: %s%s%s; "
                              "nothing was extended",
                              plan_reason_text(p), *trouble ? ": " : "", trouble);
        else if (p->state == PLAN_KERNEL_OWNS)
                message_error(
                        "the kernel extends by itself, but PCR %" PRIu32
                        " does not fit the list; nothing was extended; → a kernel that pads "
                        "SHA-1 (Debian 12: sha384, sha512) needs ima-replayctl verify --padded=",
                        p->main_pcr);
        else if (p->reason == PLAN_REASON_BANK_ALGORITHM)
                message_error("%s: %s: TPM_ALG_ID 0x%04x", plan_state_name(p->state),
                              plan_reason_text(p), p->banks.unknown_id);
        else
                message_error("%s: %s%s%s", plan_state_name(p->state), plan_reason_text(p),
                              *trouble ? ": " : "", trouble);
}

/**
 * say_verdict() - what came of --oneshot, in words and as an exit status
 * @x: the extender, done
 *
 * Return: the exit status.
 */
int say_verdict(const Extender *x) {
        const Plan *p = extender_plan(x);

        switch (plan_verdict(p)) {
        case PLAN_VERDICT_EXTENDED:
                say_left_alone(p);
                message_info("%" PRIu64 " records are in the TPM, %" PRIu64 " extended now",
                             report_n_held(p), p->n_extended);
                return EXIT_GOOD;
        case PLAN_VERDICT_KERNEL:
                message_info("the kernel extends by itself; PCR %" PRIu32
                             " fits the list of %" PRIu64 " records; nothing was extended",
                             p->main_pcr, p->n_listed);
                return EXIT_GOOD;
        case PLAN_VERDICT_PENDING:
                say_pending(x);
                return EXIT_NOT_YET;
        case PLAN_VERDICT_FAILED:
                say_failed(x);
                return EXIT_MISMATCH;
        case PLAN_VERDICT_NO_IMA:
                message_error("no IMA here: %s; → boot with ima_policy=tcb, mount securityfs",
                              plan_reason_text(p));
                return EXIT_NO_IMA;
        case _PLAN_VERDICT_N:
                break;
        }
        return EXIT_ERROR;
}
