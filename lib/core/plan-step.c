/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/plan-internal.h"

#include <assert.h>

#include "base/error.h"

/* Failures in a row that are still worth waiting for within one look. */
#define PLAN_SHORT_FAILURES 6U
/* Second looks that show something new each time before we step back. */
#define PLAN_SUSPICION_MAX 8U

/**
 * plan_is_terminal() - does a state last until reboot?
 * @state: the state
 *
 * Return: whether it does.
 */
bool plan_is_terminal(PlanState state) {
        switch (state) {
        case PLAN_KERNEL_OWNS:
        case PLAN_MIXED:
        case PLAN_TPM_RESET:
        case PLAN_SPLIT_BANKS:
        case PLAN_DIVERGED:
        case PLAN_LIST_BROKEN:
        case PLAN_LIST_TRIMMED:
        case PLAN_BANK_UNSUPPORTED:
                return true;
        case PLAN_INIT:
        case PLAN_WAIT_LIST:
        case PLAN_DECIDE:
        case PLAN_WAIT_TPM:
        case PLAN_BACKOFF:
        case PLAN_SEARCH:
        case PLAN_CATCH_UP:
        case PLAN_FOLLOW:
        case PLAN_UNKNOWN:
        case PLAN_TPM_FAILED:
        case _PLAN_STATE_N:
                break;
        }
        return false;
}

/* The only place where the state changes; no way leads out of a terminal one (rule I6). */
void plan_enter(Plan *p, PlanState state, PlanReason reason) {
        if (plan_is_terminal(p->state))
                return;
        p->is_following = state == PLAN_FOLLOW ||
                          (p->is_following && (state == PLAN_SEARCH || state == PLAN_CATCH_UP ||
                                               state == PLAN_UNKNOWN));
        if (p->state != state)
                p->state_usec = p->now_usec;
        p->state = state;
        p->reason = reason;
}

bool plan_only_observes(const Plan *p) {
        return p->state == PLAN_KERNEL_OWNS;
}

/* Where the kernel extends, the state says just that; why it does not fit stands beside it. */
void plan_note_misfit(Plan *p, PlanReason reason) {
        if (!plan_only_observes(p))
                return;
        p->observed = PLAN_OBSERVED_MISFIT;
        p->misfit = reason;
}

int step_plain(PlanStepKind kind, PlanStep *ret_step) {
        *ret_step = (PlanStep){ .kind = kind };
        return 0;
}

int step_settle(Plan *p, PlanState state, PlanReason reason, PlanStep *ret_step) {
        plan_enter(p, state, reason);
        p->is_resting = true;
        if (p->has_current)
                plan_count_record(p, &p->current); /* following goes on behind it */
        p->has_current = false;
        return step_plain(PLAN_STEP_CLOSE_TPM, ret_step);
}

int step_wait(Plan *p, PlanStepKind kind, uint64_t usec, PlanAim aim, PlanStep *ret_step) {
        p->aim = aim;
        *ret_step = (PlanStep){ .kind = kind, .until_usec = p->now_usec + usec };
        return 0;
}

/*
 * A session begins with the clock and the main PCR, in that order: a TPM that was reset before
 * shows it there, and one that is reset later has lost the session. Only observing needs no proof.
 */
int step_begin(Plan *p, PlanStep *ret_step) {
        return step_plain(plan_only_observes(p) ? PLAN_STEP_READ_CLOCK : PLAN_STEP_PROBE, ret_step);
}

int step_read(Plan *p, uint32_t pcr, bool is_fresh, PlanStep *ret_step) {
        p->reading = pcr;
        p->has_session = true;
        p->used_usec = p->now_usec;
        if (is_fresh)
                ++p->epoch; /* what was proven before is proven no more */
        *ret_step = (PlanStep){
                .kind = PLAN_STEP_READ_PCR,
                .pcr = pcr,
                .banks = p->banks.of[pcr],
                .is_fresh = is_fresh,
        };
        return 0;
}

/* Another PCR, or the same again, within what was proven so far. */
int step_read_more(Plan *p, uint32_t pcr, PlanStep *ret_step) {
        return p->has_session ? step_read(p, pcr, false, ret_step) : step_begin(p, ret_step);
}

int step_extend(Plan *p, BankMask banks, PlanStep *ret_step) {
        p->used_usec = p->now_usec;
        *ret_step = (PlanStep){
                .kind = PLAN_STEP_EXTEND,
                .pcr = p->current.pcr,
                .banks = banks,
                .digests = &p->current.digests,
        };
        return 0;
}

/* Drop the context: the next one starts with banks, clock and a read. */
int step_reopen(Plan *p, uint64_t pause_usec, bool is_short, PlanStep *ret_step) {
        p->pause_usec = pause_usec;
        p->pause_is_short = is_short;
        p->has_session = false;
        p->was_there = false;
        return step_plain(PLAN_STEP_CLOSE_TPM, ret_step);
}

/* The wait after the n-th time in a row, n > 0: doubled each time. */
static uint64_t plan_backoff(uint32_t n, uint64_t min_usec, uint64_t max_usec) {
        return MIN_OF(min_usec << MIN_OF(n - 1, 16U), max_usec);
}

/*
 * A terminal verdict that rests on what the TPM said needs the same twice, in two contexts, some
 * time apart, with the list read anew: a lying answer or a race must not end a boot.
 */
int plan_suspect(Plan *p, PlanState state, PlanReason reason, uint64_t mark, PlanStep *ret_step) {
        const DigestSet *reading = &p->chain[p->main_pcr].search.target;
        BankMask banks = p->banks.of[p->main_pcr];
        PlanSuspicion *s = &p->suspicion;

        if (s->state == state && s->reason == reason && s->mark == mark &&
            digest_set_equal(banks, &s->reading, reading) == banks) {
                plan_note_misfit(p, reason);
                if (state == PLAN_SPLIT_BANKS && p->options.repairs_banks && !plan_only_observes(p))
                        return repair_begin(p, ret_step);
                return step_settle(p, state, reason, ret_step);
        }
        *s = (PlanSuspicion){ .state = state, .reason = reason, .mark = mark, .reading = *reading };
        p->wants_rewind = true;
        for (uint32_t pcr = 0; pcr < TPM_PCR_N; ++pcr)
                if (p->chain[pcr].state == CHAIN_SEARCHING && pcr != p->main_pcr)
                        p->chain[pcr].state = CHAIN_UNREAD;
        if (++p->n_suspicions > PLAN_SUSPICION_MAX) {
                plan_enter(p, PLAN_BACKOFF, PLAN_REASON_TPM_CONTENDED);
                return step_reopen(p,
                                   plan_backoff(p->n_suspicions - PLAN_SUSPICION_MAX,
                                                PLAN_RETRY_MIN_USEC, PLAN_RETRY_MAX_USEC),
                                   false, ret_step);
        }
        return step_reopen(p, PLAN_CONFIRM_USEC, true, ret_step);
}

/* What the TPM says now is as it should be: an earlier doubt was a passing one. */
void plan_trust(Plan *p) {
        p->suspicion = (PlanSuspicion){ .state = PLAN_INIT };
}

/*
 * Take the outcome of a command. The first refusal of a command counts as no answer; when the next
 * try of the same command on the same PCR is refused too, it is an answer.
 */
TpmOutcome plan_hear(Plan *p, const PlanEvent *e, uint32_t pcr) {
        PlanRefusal *r = &p->refusal;
        bool is_same = r->is_set && r->kind == e->kind && r->pcr == pcr;

        if (e->outcome == TPM_DONE && is_same)
                r->is_set = false;
        if (e->outcome != TPM_REFUSED)
                return e->outcome;
        *r = (PlanRefusal){ .is_set = true, .kind = e->kind, .pcr = pcr };
        return is_same ? TPM_REFUSED : TPM_UNKNOWN;
}

/* Something came of it: what failed before counts no more. */
void plan_gets_on(Plan *p) {
        p->n_failures = 0;
        p->n_absent = 0;
}

/* Nobody there. A dead end is looked at again all the same: drivers can be loaded, or bound anew.
 */
static int plan_absent(Plan *p, PlanStep *ret_step) {
        static const PlanReason reasons[_PLAN_ABSENT_N] = {
                [PLAN_ABSENT_TPM] = PLAN_REASON_TPM_UNAVAILABLE,
                [PLAN_ABSENT_GATE_WAIT] = PLAN_REASON_GATE_WAIT,
                [PLAN_ABSENT_GATE_NEVER] = PLAN_REASON_GATE_NEVER,
                [PLAN_ABSENT_PKVM_FAILED] = PLAN_REASON_PKVM_FAILED,
        };
        bool is_dead =
                p->absence == PLAN_ABSENT_GATE_NEVER || p->absence == PLAN_ABSENT_PKVM_FAILED;
        /* It has told its banks: the commands of each try count. */
        uint64_t max_usec = is_dead        ? PLAN_DEAD_USEC
                            : p->was_there ? PLAN_BUSY_MAX_USEC
                                           : PLAN_RETRY_MIN_USEC;

        p->n_failures = 0;
        ++p->n_absent;
        plan_enter(p, PLAN_WAIT_TPM, reasons[p->absence]);
        return step_reopen(p, plan_backoff(p->n_absent, PLAN_ABSENT_USEC, max_usec), false,
                           ret_step);
}

static int plan_unknown(Plan *p, bool is_short, PlanStep *ret_step) {
        plan_enter(p, PLAN_UNKNOWN, PLAN_REASON_OUTCOME_UNKNOWN);
        if (p->n_failures == 1)
                return step_reopen(p, 0, true, ret_step);
        return step_reopen(p, plan_backoff(p->n_failures, PLAN_RETRY_MIN_USEC, PLAN_RETRY_MAX_USEC),
                           is_short, ret_step);
}

/* Wrong HMACs: a passing fault of the transport, or somebody between us and the TPM. */
static bool plan_is_tampered(Plan *p) {
        uint64_t first;

        p->tampered_usec[p->n_tampered % PLAN_TAMPERED_MAX] = p->now_usec;
        ++p->n_tampered;
        first = p->tampered_usec[p->n_tampered % PLAN_TAMPERED_MAX];
        return p->n_tampered >= PLAN_TAMPERED_MAX && p->now_usec - first <= PLAN_TAMPERED_USEC;
}

/* Of these no reason says more than that nothing came of it. */
static bool plan_may_give_up_on(TpmOutcome outcome) {
        return outcome != TPM_ABSENT && outcome != TPM_FAILED && outcome != TPM_REFUSED &&
               outcome != TPM_TAMPERED;
}

/* Anything but success: nothing is resent; the context is dropped and the PCR read again. */
int plan_trouble(Plan *p, TpmOutcome outcome, PlanStep *ret_step) {
        bool is_short;

        if (p->n_failures++ == 0)
                p->stuck_since_usec = p->now_usec;
        is_short = p->n_failures <= PLAN_SHORT_FAILURES;
        if (p->now_usec - p->stuck_since_usec > PLAN_NO_PROGRESS_USEC &&
            plan_may_give_up_on(outcome)) {
                plan_enter(p, PLAN_TPM_FAILED, PLAN_REASON_NO_PROGRESS);
                return step_reopen(p, PLAN_FAILED_USEC, false, ret_step);
        }
        switch (outcome) {
        case TPM_ABSENT:
                return plan_absent(p, ret_step);
        case TPM_BUSY:
                plan_enter(p, PLAN_BACKOFF, PLAN_REASON_TPM_BUSY);
                return step_reopen(
                        p, plan_backoff(p->n_failures, PLAN_BUSY_MIN_USEC, PLAN_BUSY_MAX_USEC),
                        is_short, ret_step);
        case TPM_LATER:
                plan_enter(p, PLAN_BACKOFF, PLAN_REASON_TPM_BUSY);
                return step_reopen(
                        p, plan_backoff(p->n_failures, PLAN_RETRY_MIN_USEC, PLAN_RETRY_MAX_USEC),
                        is_short, ret_step);
        case TPM_REFUSED:
                plan_enter(p, PLAN_TPM_FAILED, PLAN_REASON_TPM_REFUSED);
                return step_reopen(p, PLAN_FAILED_USEC, false, ret_step);
        case TPM_FAILED:
                plan_enter(p, PLAN_TPM_FAILED, PLAN_REASON_TPM_FAILURE_MODE);
                return step_reopen(p, PLAN_FAILED_USEC, false, ret_step);
        case TPM_TAMPERED:
                if (plan_is_tampered(p)) {
                        plan_enter(p, PLAN_TPM_FAILED, PLAN_REASON_TAMPER_SUSPECTED);
                        return step_reopen(p, PLAN_FAILED_USEC, false, ret_step);
                }
                return plan_unknown(p, is_short, ret_step);
        case TPM_DONE:
        case TPM_EXCLUSIVE:
        case TPM_UNKNOWN:
        case TPM_SESSION_LOST:
                return plan_unknown(p, is_short, ret_step);
        case _TPM_OUTCOME_N:
                break;
        }
        assert(false);
        return error_origin(-EINVAL);
}

/* The TPM refused because somebody else used it: begin a new proof, but not for ever in a row. */
int plan_contended(Plan *p, PlanStep *ret_step) {
        if (++p->n_contended < PLAN_CONTENDED_MAX)
                return step_read(p, p->main_pcr, true, ret_step);
        plan_enter(p, PLAN_BACKOFF, PLAN_REASON_TPM_CONTENDED);
        return step_wait(p, PLAN_STEP_WAIT,
                         plan_backoff(p->n_contended - PLAN_CONTENDED_MAX + 1, PLAN_CONTENDED_USEC,
                                      PLAN_BUSY_MAX_USEC) +
                                 p->random % PLAN_CONTENDED_USEC,
                         PLAN_AIM_READ, ret_step);
}
