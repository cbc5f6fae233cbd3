/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/plan-internal.h"

#include <assert.h>

#include "base/error.h"

/* A kernel that stays behind its list is looked at ever more rarely, down to this. */
#define PLAN_BEHIND_DOUBLINGS 8U

/**
 * plan_init() - a plan that knows nothing yet
 * @p:       the plan
 * @hashers: borrowed; must be open for every known bank when TPM_OPEN comes in
 */
void plan_init(Plan *p, const Hashers *hashers) {
        *p = (Plan){ .state = PLAN_INIT };
        replay_init(&p->replay, 0, hashers);
}

/**
 * plan_verdict() - what a script needs to know
 * @p: the plan
 *
 * Return: the verdict, as in the varlink interface.
 */
PlanVerdict plan_verdict(const Plan *p) {
        if (p->reason == PLAN_REASON_IMA_ABSENT)
                return PLAN_VERDICT_NO_IMA;
        if (p->state == PLAN_FOLLOW)
                return p->is_cut ? PLAN_VERDICT_PENDING : PLAN_VERDICT_EXTENDED;
        if (p->state == PLAN_KERNEL_OWNS) {
                if (p->observed == PLAN_OBSERVED_MISFIT)
                        return PLAN_VERDICT_FAILED;
                return p->observed == PLAN_OBSERVED_FITS && !p->is_cut ? PLAN_VERDICT_KERNEL
                                                                       : PLAN_VERDICT_PENDING;
        }
        if (plan_is_terminal(p->state) || p->reason == PLAN_REASON_TPM_REFUSED)
                return PLAN_VERDICT_FAILED;
        return PLAN_VERDICT_PENDING;
}

/*
 * Events of the list
 */

static int on_list(Plan *p, const PlanEvent *e, PlanStep *ret_step) {
        switch (e->list) {
        case PLAN_LIST_READY:
                break;
        case PLAN_LIST_ABSENT:
                plan_enter(p, PLAN_WAIT_LIST, PLAN_REASON_IMA_ABSENT);
                return step_wait(p, PLAN_STEP_WAIT, PLAN_SEC, PLAN_AIM_LIST, ret_step);
        case PLAN_LIST_UNREADABLE:
                plan_enter(p, PLAN_WAIT_LIST, PLAN_REASON_LIST_UNREADABLE);
                return step_wait(p, PLAN_STEP_WAIT, PLAN_POLL_MAX_USEC, PLAN_AIM_LIST, ret_step);
        case PLAN_LIST_EMPTY:
                plan_enter(p, PLAN_WAIT_LIST, PLAN_REASON_LIST_EMPTY);
                return step_wait(p, PLAN_STEP_WAIT, PLAN_POLL_MAX_USEC, PLAN_AIM_LIST, ret_step);
        case PLAN_LIST_BAD:
                return step_settle(p, PLAN_LIST_BROKEN, PLAN_REASON_RECORD_MALFORMED, ret_step);
        case _PLAN_LIST_N:
                assert(false);
                return error_origin(-EINVAL);
        }
        plan_enter(p, PLAN_DECIDE, PLAN_REASON_NONE);
        p->facts = e->facts;
        p->main_pcr = e->main_pcr;
        if (p->main_pcr >= TPM_PCR_N) {
                p->main_pcr = 0;
                p->facts.record = MODE_RECORD_OTHER;
        }
        p->mode = mode_decide(&p->facts);
        if (p->mode.mode == MODE_MIXED)
                return step_settle(p, PLAN_MIXED, PLAN_REASON_MODE, ret_step);
        if (p->mode.mode == MODE_KERNEL)
                plan_enter(p, PLAN_KERNEL_OWNS, PLAN_REASON_MODE);
        plan_enter(p, PLAN_WAIT_TPM, PLAN_REASON_TPM_UNAVAILABLE);
        return step_plain(PLAN_STEP_OPEN_TPM, ret_step);
}

static int on_record(Plan *p, const PlanEvent *e, PlanStep *ret_step) {
        p->current = *e->record;
        p->has_current = true;
        p->is_cut = false;
        p->active_usec = p->now_usec;
        if (!p->current.digest_fits) {
                p->observed = PLAN_OBSERVED_MISFIT;
                return step_settle(p, PLAN_LIST_BROKEN, PLAN_REASON_RECORD_DIGEST_WRONG, ret_step);
        }
        return plan_on(p, ret_step);
}

static int on_rewound(Plan *p, const PlanEvent *e, PlanStep *ret_step) {
        Look main_look = LOOK_MISS;

        if (e->is_replaced)
                return step_settle(p, PLAN_LIST_TRIMMED, PLAN_REASON_LIST_REPLACED, ret_step);
        replay_init(&p->replay, p->replay.banks, p->replay.hashers);
        p->has_current = false;
        p->is_behind = false;
        for (uint32_t pcr = 0; pcr < TPM_PCR_N; ++pcr) {
                Look look;

                if (p->chain[pcr].state != CHAIN_SEARCHING)
                        continue;
                chain_search_from_here(p, pcr);
                look = chain_look(p, pcr);
                if (look == LOOK_WENT_BACK)
                        return plan_looked(p, pcr, look, ret_step);
                if (pcr == p->main_pcr)
                        main_look = look;
        }
        if (p->chain[p->main_pcr].state == CHAIN_HELD && main_look == LOOK_MISS)
                return plan_on(p, ret_step); /* held before: up to there records only pass */
        return plan_looked(p, p->main_pcr, main_look, ret_step);
}

static int plan_misfit(Plan *p, PlanStep *ret_step) {
        switch (search_verdict(&p->chain[p->main_pcr].search)) {
        case SEARCH_SPLIT:
                return plan_suspect(p, PLAN_SPLIT_BANKS, PLAN_REASON_BANKS_DIFFER, 0, ret_step);
        case SEARCH_SOME:
                return plan_suspect(p, PLAN_DIVERGED, PLAN_REASON_FOREIGN_EXTEND_IN_BANK, 0,
                                    ret_step);
        case SEARCH_ALIEN:
                return plan_suspect(p, PLAN_DIVERGED, PLAN_REASON_FOREIGN_EXTEND, 0, ret_step);
        case SEARCH_FITS:
        case _SEARCH_VERDICT_N:
                break;
        }
        assert(false);
        return error_origin(-EINVAL);
}

/* Everything that the list holds was dealt with. */
static int plan_follow(Plan *p, PlanStep *ret_step) {
        uint64_t idle_usec = p->now_usec - p->active_usec;

        p->n_suspicions = 0;
        p->n_failures = 0;
        p->n_contended = 0;
        plan_enter(p, PLAN_FOLLOW, PLAN_REASON_NONE);
        if (p->has_session && idle_usec >= PLAN_SESSION_IDLE_USEC) {
                p->has_session = false;
                return step_plain(PLAN_STEP_FLUSH_SESSION, ret_step);
        }
        return step_wait(p, PLAN_STEP_WAIT,
                         idle_usec < PLAN_POLL_MAX_USEC ? PLAN_POLL_MIN_USEC : PLAN_POLL_MAX_USEC,
                         PLAN_AIM_FOLLOW, ret_step);
}

/* The kernel extends, list first and PCR afterwards: behind is normal, and looked at again. */
static int plan_observe(Plan *p, PlanStep *ret_step) {
        bool fits = p->chain[p->main_pcr].held == p->replay.chain[p->main_pcr].n;

        p->observed = fits ? PLAN_OBSERVED_FITS : PLAN_OBSERVED_BEHIND;
        p->n_failures = 0;
        p->n_suspicions = 0;
        if (p->has_session) {
                p->has_session = false;
                return step_plain(PLAN_STEP_FLUSH_SESSION, ret_step);
        }
        p->n_behind = fits ? 0 : p->n_behind + 1;
        return step_wait(p, PLAN_STEP_WAIT,
                         PLAN_POLL_MAX_USEC << MIN_OF(p->n_behind / 4, PLAN_BEHIND_DOUBLINGS),
                         fits ? PLAN_AIM_FOLLOW : PLAN_AIM_READ, ret_step);
}

static int on_list_end(Plan *p, const PlanEvent *e, PlanStep *ret_step) {
        p->is_cut = e->is_cut;
        for (uint32_t pcr = 0; pcr < TPM_PCR_N; ++pcr)
                if (p->chain[pcr].state == CHAIN_SEARCHING && p->chain[pcr].from > 0)
                        return step_plain(PLAN_STEP_REWIND, ret_step);
        if (!p->is_cut && p->chain[p->main_pcr].held > p->replay.chain[p->main_pcr].n)
                return plan_suspect(p, PLAN_LIST_TRIMMED, PLAN_REASON_RECORDS_GONE, 0, ret_step);
        if (p->chain[p->main_pcr].state != CHAIN_HELD) {
                if (!p->is_cut)
                        return plan_misfit(p, ret_step);
                return step_wait(p, PLAN_STEP_WAIT, PLAN_POLL_MAX_USEC, PLAN_AIM_FOLLOW, ret_step);
        }
        for (uint32_t pcr = 0; pcr < TPM_PCR_N; ++pcr) {
                if (p->chain[pcr].state == CHAIN_HELD && p->chain[pcr].n_unverified > 0)
                        return step_read_more(p, pcr, ret_step);
                if (p->chain[pcr].state == CHAIN_SEARCHING && !p->is_cut && chain_doubt(p, pcr))
                        return step_plain(PLAN_STEP_REWIND, ret_step);
        }
        if (plan_only_observes(p))
                return plan_observe(p, ret_step);
        return plan_follow(p, ret_step);
}

/*
 * Events of the TPM
 */

static uint64_t banks_fold(const TpmBanks *b) {
        uint64_t fold = 0;

        for (uint32_t pcr = 0; pcr < TPM_PCR_N; ++pcr)
                fold = fold * 1000003 + (b->of[pcr] << 1 | b->has_unknown[pcr]);
        return fold;
}

static void plan_know_banks(Plan *p) {
        p->banks_known = true;
        for (uint32_t pcr = 0; pcr < TPM_PCR_N; ++pcr)
                p->replay.banks |= p->banks.of[pcr];
        p->facts.banks_known = true;
        p->facts.banks = p->replay.banks;
        p->facts.bank_other_than_sha1 = p->banks.other_than_sha1;
}

/* Banks are known: who extends, and can we calculate what we would have to? */
static int plan_decide(Plan *p, uint64_t fold, PlanStep *ret_step) {
        if (p->mode.mode != MODE_KERNEL)
                p->mode = mode_decide(&p->facts);
        if (p->mode.mode == MODE_KERNEL)
                plan_enter(p, PLAN_KERNEL_OWNS, PLAN_REASON_MODE);
        else if (p->mode.mode != MODE_BYPASS)
                return plan_suspect(p, PLAN_MIXED, PLAN_REASON_MODE, fold, ret_step);
        if (p->banks.has_unknown[p->main_pcr])
                return plan_suspect(p, PLAN_BANK_UNSUPPORTED, PLAN_REASON_BANK_ALGORITHM, fold,
                                    ret_step);
        if (!p->banks.of[p->main_pcr])
                return plan_suspect(p, PLAN_BANK_UNSUPPORTED, PLAN_REASON_BANK_NONE, fold,
                                    ret_step);
        return step_begin(p, ret_step);
}

static int on_tpm_open(Plan *p, const PlanEvent *e, PlanStep *ret_step) {
        TpmOutcome outcome = plan_hear(p, e, p->main_pcr);
        uint64_t fold;

        if (outcome != TPM_DONE)
                return plan_trouble(p, outcome, ret_step);
        fold = banks_fold(e->banks);
        if (p->banks_known && fold != banks_fold(&p->banks))
                return plan_suspect(p, PLAN_TPM_RESET, PLAN_REASON_BANKS_CHANGED, fold, ret_step);
        if (!p->banks_known && !(p->banks_told && fold == banks_fold(&p->banks))) {
                bool is_first = !p->banks_told;

                p->banks_told = true;
                p->banks = *e->banks;
                return is_first ? step_reopen(p, 0, true, ret_step)
                                : plan_trouble(p, TPM_UNKNOWN, ret_step);
        }
        if (!p->banks_known)
                plan_know_banks(p);
        if (p->suspicion.reason == PLAN_REASON_BANKS_CHANGED)
                plan_trust(p);
        return plan_decide(p, fold, ret_step);
}

static int on_clock(Plan *p, const PlanEvent *e, PlanStep *ret_step) {
        TpmOutcome outcome = plan_hear(p, e, p->main_pcr);

        if (outcome != TPM_DONE)
                return plan_trouble(p, outcome, ret_step);
        if (p->clock_known && e->clock.reset_count != p->clock.reset_count)
                return plan_suspect(p, PLAN_TPM_RESET, PLAN_REASON_RESET_COUNT_CHANGED,
                                    e->clock.reset_count, ret_step);
        p->clock_known = true;
        p->clock = e->clock;
        if (p->suspicion.reason == PLAN_REASON_RESET_COUNT_CHANGED)
                plan_trust(p);
        return step_read(p, p->main_pcr, true, ret_step);
}

static int on_probed(Plan *p, const PlanEvent *e, PlanStep *ret_step) {
        TpmOutcome outcome = plan_hear(p, e, p->main_pcr);

        if (plan_only_observes(p))
                return step_begin(p, ret_step); /* never asked for */
        if (outcome == TPM_EXCLUSIVE && ++p->n_contended < PLAN_CONTENDED_MAX)
                return step_plain(PLAN_STEP_PROBE, ret_step);
        if (outcome != TPM_DONE)
                return plan_trouble(p, outcome == TPM_EXCLUSIVE ? TPM_BUSY : outcome, ret_step);
        return step_plain(PLAN_STEP_READ_CLOCK, ret_step);
}

/* A reading taken while the list is walked again from record 0: the place is known already. */
static bool chain_is_as_held(const Plan *p, uint32_t pcr, const DigestSet *values) {
        const PlanChain *c = &p->chain[pcr];
        BankMask banks = p->banks.of[pcr];

        return c->state == CHAIN_HELD && !p->wants_rewind && p->replay.chain[pcr].n < c->held &&
               digest_set_equal(banks, values, &c->value) == banks;
}

static int on_pcr(Plan *p, const PlanEvent *e, PlanStep *ret_step) {
        PlanChain *c = &p->chain[p->reading];
        TpmOutcome outcome = plan_hear(p, e, p->reading);

        if (outcome == TPM_EXCLUSIVE)
                return plan_contended(p, ret_step);
        if (outcome == TPM_REFUSED && p->reading != p->main_pcr) {
                c->state = CHAIN_REFUSED;
                return plan_on(p, ret_step);
        }
        if (outcome != TPM_DONE)
                return plan_trouble(p, outcome, ret_step);
        c->epoch = p->epoch;
        c->n_unverified = 0;
        if (chain_is_as_held(p, p->reading, e->values))
                return plan_looked(p, p->reading, LOOK_HELD, ret_step);
        c->search.target = *e->values;
        chain_search_from_here(p, p->reading);
        if (p->wants_rewind) {
                p->wants_rewind = false;
                return step_plain(PLAN_STEP_REWIND, ret_step);
        }
        return plan_looked(p, p->reading, chain_look(p, p->reading), ret_step);
}

static int on_extended(Plan *p, const PlanEvent *e, PlanStep *ret_step) {
        PlanChain *c = &p->chain[p->current.pcr];
        TpmOutcome outcome = plan_hear(p, e, p->current.pcr);

        if (outcome == TPM_EXCLUSIVE)
                return plan_contended(p, ret_step);
        if (outcome == TPM_REFUSED) {
                if (p->current.pcr == p->main_pcr)
                        return step_settle(p, PLAN_TPM_FAILED, PLAN_REASON_TPM_REFUSED, ret_step);
                c->state = CHAIN_REFUSED;
                return plan_pass(p, false, ret_step);
        }
        if (outcome != TPM_DONE)
                return plan_trouble(p, outcome, ret_step);
        p->n_contended = 0;
        p->n_failures = 0;
        ++p->n_extended;
        ++c->n_unverified;
        ++c->held;
        return plan_pass(p, true, ret_step);
}

static int on_tpm_closed(Plan *p, PlanStep *ret_step) {
        if (p->pause_usec == 0)
                return step_plain(PLAN_STEP_OPEN_TPM, ret_step);
        return step_wait(p, p->pause_is_short ? PLAN_STEP_PAUSE : PLAN_STEP_WAIT, p->pause_usec,
                         PLAN_AIM_TPM, ret_step);
}

static int on_timer(Plan *p, PlanStep *ret_step) {
        switch (p->aim) {
        case PLAN_AIM_LIST:
                return step_plain(PLAN_STEP_OPEN_LIST, ret_step);
        case PLAN_AIM_TPM:
                return step_plain(PLAN_STEP_OPEN_TPM, ret_step);
        case PLAN_AIM_READ:
                return p->has_session ? step_read(p, p->main_pcr, true, ret_step)
                                      : step_begin(p, ret_step);
        case PLAN_AIM_FOLLOW:
                return step_plain(PLAN_STEP_NEXT_RECORD, ret_step);
        case _PLAN_AIM_N:
                break;
        }
        assert(false);
        return error_origin(-EINVAL);
}

/**
 * plan_next() - take an event, say what to do next
 * @p:        the plan
 * @e:        what came of the last step; borrowed for the call
 * @ret_step: the next step, set on success only; what it points to stays until the next call
 *
 * Return: 0; -EIO when OpenSSL fails.
 */
int plan_next(Plan *p, const PlanEvent *e, PlanStep *ret_step) {
        p->now_usec = e->now_usec;
        p->random = e->random;
        if (p->is_resting && e->kind != PLAN_EVENT_STOP)
                return step_plain(PLAN_STEP_REST, ret_step);
        switch (e->kind) {
        case PLAN_EVENT_START:
                return step_plain(PLAN_STEP_OPEN_LIST, ret_step);
        case PLAN_EVENT_LIST:
                return error_trace(on_list(p, e, ret_step));
        case PLAN_EVENT_REWOUND:
                return error_trace(on_rewound(p, e, ret_step));
        case PLAN_EVENT_RECORD:
                return error_trace(on_record(p, e, ret_step));
        case PLAN_EVENT_LIST_END:
                return error_trace(on_list_end(p, e, ret_step));
        case PLAN_EVENT_LIST_BROKEN:
                p->observed = PLAN_OBSERVED_MISFIT;
                return step_settle(p, PLAN_LIST_BROKEN, PLAN_REASON_RECORD_MALFORMED, ret_step);
        case PLAN_EVENT_TPM_OPEN:
                return error_trace(on_tpm_open(p, e, ret_step));
        case PLAN_EVENT_TPM_CLOSED:
                return on_tpm_closed(p, ret_step);
        case PLAN_EVENT_CLOCK:
                return error_trace(on_clock(p, e, ret_step));
        case PLAN_EVENT_PROBED:
                return error_trace(on_probed(p, e, ret_step));
        case PLAN_EVENT_PCR:
                return error_trace(on_pcr(p, e, ret_step));
        case PLAN_EVENT_EXTENDED:
                return error_trace(on_extended(p, e, ret_step));
        case PLAN_EVENT_FLUSHED:
                return plan_only_observes(p) ? plan_observe(p, ret_step) : plan_follow(p, ret_step);
        case PLAN_EVENT_TIMER:
                return on_timer(p, ret_step);
        case PLAN_EVENT_STOP:
                return step_plain(PLAN_STEP_STOP, ret_step);
        case _PLAN_EVENT_N:
                break;
        }
        assert(false);
        return error_origin(-EINVAL);
}
