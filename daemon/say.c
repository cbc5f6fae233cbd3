/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/say.h"

#include <inttypes.h>
#include <string.h>

#include "daemon/report.h"
#include "os/fact.h"

#define BANKS_SIZE 128U
/* A TPM that came late is no news before this. */
#define SAY_WAITING_USEC (30 * PLAN_SEC)
/* ... and one that answers again before this was hardly away. */
#define SAY_AWAY_USEC (1 * PLAN_SEC)

/* Fields that belong to every fact. */
static FactFields say_fields(const Extender *x) {
        const Plan *p = extender_plan(x);
        FactFields f = FACT_NO_FIELDS;

        f.state = plan_state_name(p->state);
        f.reason = p->reason == PLAN_REASON_NONE ? NULL : plan_reason_name(p);
        f.measured = report_n_measured(x);
        f.extended = report_n_extended(x);
        return f;
}

static void say_start(Say *s, const Extender *x, uint64_t now) {
        const Plan *p = extender_plan(x);
        bool is_decided = p->mode.mode != MODE_UNDECIDED;
        FactFields f = say_fields(x);

        if (s->has_started || p->state == PLAN_INIT || p->state == PLAN_WAIT_LIST)
                return;
        s->has_started = true;
        fact(FACT_STARTED, LOG_INFO, &f, now, "started; mode %s%s%s%s", mode_name(p->mode.mode),
             is_decided ? ": " : "", is_decided ? mode_reason_text(p->mode.reason) : "",
             p->state == PLAN_WAIT_TPM ? "; waiting for the TPM" : "");
}

static void say_tpm(Say *s, const Extender *x, uint64_t now) {
        const char *device = extender_device(x);
        const Plan *p = extender_plan(x);
        FactFields f = say_fields(x);
        char banks[BANKS_SIZE];

        if (s->has_tpm || !p->clock_known)
                return;
        s->has_tpm = true;
        report_banks(p->banks.of[p->main_pcr], banks, sizeof(banks));
        f.device = device;
        f.banks = banks;
        f.pcr = p->main_pcr;
        fact(FACT_TPM_THERE, LOG_INFO, &f, now,
             "the TPM is there (%s); mode %s; PCR %" PRIu32 " has banks %s", device,
             mode_name(p->mode.mode), p->main_pcr, banks);
}

static void say_caught_up(Say *s, const Extender *x, uint64_t now) {
        const ExtenderFigures *g = extender_figures(x);
        const Plan *p = extender_plan(x);
        FactFields f = say_fields(x);
        char banks[BANKS_SIZE];
        uint64_t msec;

        if (s->has_caught_up || g->backlog_done_usec == 0)
                return;
        s->has_caught_up = true;
        msec = g->backlog_start_usec ? (g->backlog_done_usec - g->backlog_start_usec) / 1000 : 0;
        report_banks(p->banks.of[p->main_pcr], banks, sizeof(banks));
        f.banks = banks;
        f.pcr = p->main_pcr;
        f.position = g->n_backlog;
        fact(FACT_CAUGHT_UP, LOG_INFO, &f, now,
             "caught up: %" PRIu64 " records are in the TPM, %" PRIu64
             " of them extended now, in %" PRIu64 ".%03" PRIu64 " s",
             report_n_held(p), p->n_extended, msec / 1000, msec % 1000);
        fact(FACT_FOLLOWING, LOG_INFO, &f, now, "following the list");
}

/* Nobody can mend that: the kernel extends by itself. */
static void say_misfit(Say *s, const Extender *x, uint64_t now) {
        const Plan *p = extender_plan(x);
        FactFields f = say_fields(x);

        if (s->has_misfit || p->state != PLAN_KERNEL_OWNS || p->observed != PLAN_OBSERVED_MISFIT)
                return;
        s->has_misfit = true;
        f.pcr = p->main_pcr;
        fact(FACT_TERMINAL, LOG_ERR, &f, now,
             "kernel_owns: PCR %" PRIu32
             " does not fit the list of a kernel that extends by itself: %s",
             p->main_pcr, plan_reason_text(p));
}

static void say_chains(Say *s, const Extender *x, uint64_t now) {
        const Plan *p = extender_plan(x);

        for (uint32_t pcr = 0; pcr < TPM_PCR_N; ++pcr) {
                ChainState state = p->chain[pcr].state;
                FactFields f = say_fields(x);

                if (state == s->chain[pcr])
                        continue;
                s->chain[pcr] = state;
                f.pcr = pcr;
                if (state == CHAIN_FOREIGN)
                        fact(FACT_CHAIN, LOG_WARNING, &f, now,
                             "PCR %" PRIu32 ": its records are left alone: something else extends "
                             "that PCR too",
                             pcr);
                if (state == CHAIN_REFUSED)
                        fact(FACT_CHAIN, LOG_WARNING, &f, now,
                             "PCR %" PRIu32 ": its records cannot be extended by this TPM", pcr);
        }
}

/* What we keep for ourselves; without it extending goes on. */
static void say_keeping(Say *s, const Extender *x, uint64_t now) {
        static const char *const words[_SPOOL_TROUBLE_N] = {
                [SPOOL_FINE] = "works",
                [SPOOL_OFF] = "is switched off (SpoolMax=0)",
                [SPOOL_FULL] = "is full; records are extended, but cannot be served",
                [SPOOL_FAILED] = "cannot be written; records are extended, but cannot be served",
        };
        const ExtenderFigures *g = extender_figures(x);
        FactFields f = say_fields(x);
        SpoolTrouble spool =
                extender_spool(x) ? spool_facts(extender_spool(x)).trouble : SPOOL_FINE;

        if (spool != s->spool)
                fact(FACT_SPOOL, spool == SPOOL_OFF ? LOG_INFO : LOG_WARNING, &f, now,
                     "spool: the copy of the list %s", words[spool]);
        s->spool = spool;
        if (g->anchor_error != s->anchor_error && g->anchor_error != 0)
                fact(FACT_ANCHOR, LOG_WARNING, &f, now,
                     "the anchor cannot be written: %s; after a restart a reset of the TPM may go "
                     "unnoticed",
                     strerror(g->anchor_error));
        s->anchor_error = g->anchor_error;
        if (g->anchor_is_bad && !s->has_said_anchor)
                fact(FACT_ANCHOR, LOG_WARNING, &f, now,
                     "the anchor makes no sense and is not used; who wrote to /run/ima-replay?");
        s->has_said_anchor |= g->anchor_is_bad;
        if (g->firmware_is_bad && !s->has_said_firmware)
                fact(FACT_TPM_TROUBLE, LOG_WARNING, &f, now,
                     "the firmware's event log makes no sense and is not used");
        s->has_said_firmware |= g->firmware_is_bad;
        if (g->n_trimmed > s->n_trimmed)
                fact(FACT_LIST, LOG_INFO, &f, now,
                     "%" PRIu64 " records were trimmed from the kernel's list; the copy has them",
                     g->n_trimmed);
        s->n_trimmed = g->n_trimmed;
}

static void say_of_state(FactId id, int priority, const Extender *x, uint64_t now) {
        const Plan *p = extender_plan(x);
        const char *trouble = p->state == PLAN_KERNEL_OWNS ? "" : extender_trouble(x);
        FactFields f = say_fields(x);

        f.tpm_rc = *trouble ? trouble : NULL;
        f.pcr = p->main_pcr;
        fact(id, priority, &f, now, "%s: %s%s%s", plan_state_name(p->state), plan_reason_text(p),
             *trouble ? ": " : "", trouble);
}

/* Ways of work (search, catch up) are no news; where it waits or ends is. */
static void say_state(Say *s, const Extender *x, uint64_t now) {
        const Plan *p = extender_plan(x);
        bool is_early = p->state == PLAN_WAIT_TPM && p->reason != PLAN_REASON_GATE_NEVER &&
                        p->reason != PLAN_REASON_PKVM_FAILED &&
                        now - p->state_usec < (s->has_caught_up ? SAY_AWAY_USEC : SAY_WAITING_USEC);
        bool was_trouble = s->state == PLAN_BACKOFF || s->state == PLAN_TPM_FAILED ||
                           (s->state == PLAN_WAIT_TPM && s->has_caught_up);

        if ((p->state == s->state && p->reason == s->reason) || is_early)
                return;
        switch (p->state) {
        case PLAN_INIT:
        case PLAN_DECIDE:
        case PLAN_SEARCH:
        case PLAN_CATCH_UP:
        case PLAN_UNKNOWN:
                return; /* s keeps what was said */
        case PLAN_FOLLOW:
                if (was_trouble && s->has_caught_up)
                        say_of_state(FACT_TPM_BACK, LOG_INFO, x, now);
                break;
        case PLAN_WAIT_LIST:
                say_of_state(FACT_LIST, LOG_INFO, x, now);
                break;
        case PLAN_WAIT_TPM:
                say_of_state(s->has_tpm ? FACT_TPM_TROUBLE : FACT_WAITING,
                             plan_verdict(p) == PLAN_VERDICT_FAILED ? LOG_ERR
                             : s->has_tpm                           ? LOG_WARNING
                                                                    : LOG_INFO,
                             x, now);
                break;
        case PLAN_BACKOFF:
        case PLAN_TPM_FAILED:
                say_of_state(FACT_TPM_TROUBLE, LOG_WARNING, x, now);
                break;
        case PLAN_KERNEL_OWNS:
                say_of_state(FACT_KERNEL_OWNS, LOG_INFO, x, now);
                break;
        case PLAN_MIXED:
        case PLAN_TPM_RESET:
        case PLAN_SPLIT_BANKS:
        case PLAN_DIVERGED:
        case PLAN_LIST_BROKEN:
        case PLAN_LIST_TRIMMED:
        case PLAN_BANK_UNSUPPORTED:
                say_of_state(FACT_TERMINAL, LOG_ERR, x, now);
                break;
        case _PLAN_STATE_N:
                return;
        }
        s->state = p->state;
        s->reason = p->reason;
}

/**
 * say_news() - tell what has become a fact since the last call
 * @s:        what was told
 * @x:        the extender

 * @now_usec: CLOCK_BOOTTIME
 */
void say_news(Say *s, const Extender *x, uint64_t now_usec) {
        say_start(s, x, now_usec);
        say_tpm(s, x, now_usec);
        say_state(s, x, now_usec);
        say_caught_up(s, x, now_usec);
        say_misfit(s, x, now_usec);
        say_chains(s, x, now_usec);
        say_keeping(s, x, now_usec);
}

/**
 * say_stopped() - the last line of a service
 * @x:        the extender
 * @now_usec: CLOCK_BOOTTIME
 */
void say_stopped(const Extender *x, uint64_t now_usec) {
        FactFields f = say_fields(x);

        fact(FACT_STOPPED, LOG_INFO, &f, now_usec,
             "stopped in state %s; %" PRIu64 " records were extended by this process",
             plan_state_name(extender_plan(x)->state), extender_plan(x)->n_extended);
}
