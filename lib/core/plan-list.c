/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/plan-internal.h"

#include <assert.h>

#include "base/error.h"

/* A kernel that stays behind its list is looked at ever more rarely, down to this. */
#define PLAN_BEHIND_DOUBLINGS 8U

int on_list(Plan *p, const PlanEvent *e, PlanStep *ret_step) {
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
        case PLAN_LIST_LOST:
                return step_settle(p, PLAN_LIST_TRIMMED, PLAN_REASON_LIST_REPLACED, ret_step);
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

int on_record(Plan *p, const PlanEvent *e, PlanStep *ret_step) {
        p->current = *e->record;
        p->has_current = true;
        p->is_at_end = false;
        p->away_usec = 0;
        p->is_cut = false;
        p->is_released = false;
        p->active_usec = p->now_usec;
        if (!p->current.digest_fits) {
                plan_note_misfit(p, PLAN_REASON_RECORD_DIGEST_WRONG);
                return step_settle(p, PLAN_LIST_BROKEN, PLAN_REASON_RECORD_DIGEST_WRONG, ret_step);
        }
        return plan_on(p, ret_step);
}

/* It cannot be opened now: somebody trims it, which passes soon. */
static int plan_list_away(Plan *p, PlanAim aim, PlanStep *ret_step) {
        if (p->away_usec == 0)
                p->away_usec = p->now_usec;
        if (p->now_usec - p->away_usec >= PLAN_AWAY_USEC)
                plan_enter(p, PLAN_WAIT_LIST, PLAN_REASON_LIST_UNREADABLE);
        return step_wait(p, PLAN_STEP_WAIT, PLAN_POLL_MAX_USEC, aim, ret_step);
}

/* Begin at record 0 again; what a chain begins with is known since its banks are. */
static void plan_restart_replay(Plan *p) {
        replay_init(&p->replay, p->replay.banks, p->replay.hashers);
        for (uint32_t pcr = 0; pcr < TPM_PCR_N; ++pcr)
                if (p->based >> pcr & 1)
                        replay_set_base(&p->replay, pcr, p->banks.of[pcr], &p->base[pcr]);
        p->has_current = false;
        p->is_at_end = false;
}

int on_rewound(Plan *p, const PlanEvent *e, PlanStep *ret_step) {
        Look main_look = LOOK_MISS;

        if (e->list == PLAN_LIST_LOST)
                return step_settle(p, PLAN_LIST_TRIMMED, PLAN_REASON_LIST_REPLACED, ret_step);
        if (e->list != PLAN_LIST_READY)
                return plan_list_away(p, PLAN_AIM_REWIND, ret_step);
        p->away_usec = 0;
        plan_restart_replay(p);
        p->is_released = false;
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

/* Does a bank hold fewer records than were verified in all of them? No tool can do that. */
static bool plan_bank_went_back(const Plan *p) {
        const PlanChain *c = &p->chain[p->main_pcr];

        FOREACH_BANK(alg, p->banks.of[p->main_pcr])
                if (c->search.k_bank[alg] < MAX_OF(c->held, past_n_held(p, p->main_pcr)))
                        return true;
        return false;
}

static int plan_misfit(Plan *p, PlanStep *ret_step) {
        switch (search_verdict(&p->chain[p->main_pcr].search)) {
        case SEARCH_SPLIT:
                if (plan_bank_went_back(p) && !plan_only_observes(p))
                        return plan_suspect(p, PLAN_TPM_RESET, PLAN_REASON_PCR_WENT_BACK, 0,
                                            ret_step);
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

/* How long until the list is looked at again: the longer nothing came, the longer. */
static int plan_poll(Plan *p, PlanStep *ret_step) {
        uint64_t idle_usec = p->now_usec - p->active_usec;

        return step_wait(p, PLAN_STEP_WAIT,
                         MIN_OF(MAX_OF(idle_usec / 10, PLAN_POLL_MIN_USEC), PLAN_POLL_MAX_USEC),
                         PLAN_AIM_FOLLOW, ret_step);
}

/* Everything that the list holds was dealt with: tidy up, one thing at a time, and wait. */
static int plan_follow(Plan *p, PlanStep *ret_step) {
        bool is_idle = p->now_usec - p->active_usec >= PLAN_SESSION_IDLE_USEC;

        p->n_suspicions = 0;
        plan_gets_on(p);
        p->n_contended = 0;
        p->is_at_end = false;
        plan_trust(p);
        plan_enter(p, PLAN_FOLLOW, PLAN_REASON_NONE);
        if (p->wants_anchor)
                return past_step_anchor(p, ret_step);
        if (p->has_session && p->now_usec - p->used_usec >= PLAN_SESSION_IDLE_USEC) {
                p->has_session = false;
                return step_plain(PLAN_STEP_FLUSH_SESSION, ret_step);
        }
        if (!p->is_released && is_idle && !p->is_cut) {
                p->is_released = true;
                return step_plain(PLAN_STEP_RELEASE_LIST, ret_step);
        }
        return plan_poll(p, ret_step);
}

/* The kernel extends, list first and PCR afterwards: behind is normal, and looked at again. */
static int plan_observe(Plan *p, PlanStep *ret_step) {
        bool fits = p->chain[p->main_pcr].held == p->replay.chain[p->main_pcr].n;

        p->observed = fits ? PLAN_OBSERVED_FITS : PLAN_OBSERVED_BEHIND;
        plan_gets_on(p);
        p->n_suspicions = 0;
        plan_trust(p);
        if (p->has_session) {
                p->has_session = false;
                return step_plain(PLAN_STEP_FLUSH_SESSION, ret_step);
        }
        if (!p->is_released && fits && !p->is_cut) {
                p->is_released = true;
                return step_plain(PLAN_STEP_RELEASE_LIST, ret_step);
        }
        p->n_behind = fits ? 0 : p->n_behind + 1;
        return step_wait(p, PLAN_STEP_WAIT,
                         PLAN_POLL_MAX_USEC << MIN_OF(p->n_behind / 4, PLAN_BEHIND_DOUBLINGS),
                         fits ? PLAN_AIM_FOLLOW : PLAN_AIM_READ, ret_step);
}

/*
 * Extended and not read since: before the first catch-up is done, and after that when it is quiet.
 * Each success was verified already, by the HMAC of its answer.
 */
static bool plan_wants_look(const Plan *p, uint32_t pcr) {
        if (p->wants_look >> pcr & 1)
                return true;
        return p->chain[pcr].n_unverified > 0 &&
               (!p->is_following || p->now_usec - p->active_usec >= PLAN_VERIFY_IDLE_USEC);
}

/* Everything that the list holds has passed. */
int plan_at_end(Plan *p, PlanStep *ret_step) {
        for (uint32_t pcr = 0; pcr < TPM_PCR_N; ++pcr)
                if (p->chain[pcr].state == CHAIN_SEARCHING && p->chain[pcr].from > 0)
                        return step_plain(PLAN_STEP_REWIND, ret_step);
        if (!p->is_cut && p->chain[p->main_pcr].held > p->replay.chain[p->main_pcr].n)
                return plan_suspect(p, PLAN_LIST_TRIMMED, PLAN_REASON_RECORDS_GONE, 0, ret_step);
        if (p->chain[p->main_pcr].state == CHAIN_REPAIRING)
                return step_read_more(p, p->main_pcr, ret_step);
        if (p->chain[p->main_pcr].state != CHAIN_HELD) {
                if (!p->is_cut)
                        return plan_misfit(p, ret_step);
                return step_wait(p, PLAN_STEP_WAIT, PLAN_POLL_MAX_USEC, PLAN_AIM_FOLLOW, ret_step);
        }
        for (uint32_t pcr = 0; pcr < TPM_PCR_N; ++pcr) {
                if (p->chain[pcr].state == CHAIN_HELD && plan_wants_look(p, pcr)) {
                        p->is_at_end = true;
                        return step_read_more(p, pcr, ret_step);
                }
                if (p->chain[pcr].state == CHAIN_SEARCHING && !p->is_cut && chain_doubt(p, pcr))
                        return step_plain(PLAN_STEP_REWIND, ret_step);
        }
        if (plan_only_observes(p))
                return plan_observe(p, ret_step);
        return plan_follow(p, ret_step);
}

int on_list_end(Plan *p, const PlanEvent *e, PlanStep *ret_step) {
        p->is_cut = e->is_cut;
        p->looked_usec = p->now_usec;
        p->away_usec = 0;
        p->is_released = false; /* or it was taken again, to look */
        return plan_at_end(p, ret_step);
}

/* Somebody asks how it stands: the list's length, then these PCRs. */
int on_refresh(Plan *p, const PlanEvent *e, PlanStep *ret_step) {
        for (uint32_t pcr = 0; pcr < TPM_PCR_N; ++pcr)
                if (p->chain[pcr].state == CHAIN_HELD)
                        p->wants_look |= e->pcrs & UINT32_C(1) << pcr;
        return step_plain(PLAN_STEP_COUNT, ret_step);
}

/* Something was tidied up; there may be more of it. */
int on_tidied(Plan *p, PlanStep *ret_step) {
        return plan_only_observes(p) ? plan_observe(p, ret_step) : plan_follow(p, ret_step);
}

int on_list_broken(Plan *p, PlanStep *ret_step) {
        plan_note_misfit(p, PLAN_REASON_RECORD_MALFORMED);
        return step_settle(p, PLAN_LIST_BROKEN, PLAN_REASON_RECORD_MALFORMED, ret_step);
}

/* It was released, and cannot be opened again: somebody trims it now, or has trimmed too much. */
int on_list_away(Plan *p, const PlanEvent *e, PlanStep *ret_step) {
        if (e->list == PLAN_LIST_LOST)
                return step_settle(p, PLAN_LIST_TRIMMED, PLAN_REASON_LIST_REPLACED, ret_step);
        return plan_list_away(p, PLAN_AIM_FOLLOW, ret_step);
}

/* Twice in a row: for a moment a record can be read that is not counted yet. */
static bool plan_has_shrunk(Plan *p, const PlanEvent *e) {
        bool has = e->is_shrunk && p->was_shrunk;

        p->was_shrunk = e->is_shrunk;
        return has;
}

/* A list that lost records is read anew: what is missing must show, or be known to be trimmed. */
int on_count(Plan *p, const PlanEvent *e, PlanStep *ret_step) {
        bool is_due;

        if (plan_has_shrunk(p, e))
                return step_plain(PLAN_STEP_REWIND, ret_step);
        /* Let go, it may have lost as many records as came: its length does not show that. */
        is_due = p->is_released && p->now_usec - p->looked_usec >= PLAN_LET_GO_USEC;
        if (e->n_count > p->replay.n_records || p->is_cut || is_due)
                return step_plain(PLAN_STEP_NEXT_RECORD, ret_step);
        return plan_at_end(p, ret_step); /* nothing new */
}

/*
 * After a verdict that ends extending: the list is followed for those who ask for it, and nothing
 * else is done. No step of these goes to the TPM.
 */

static int plan_rest_wait(Plan *p, PlanStep *ret_step) {
        return step_wait(p, PLAN_STEP_WAIT, PLAN_POLL_MAX_USEC, PLAN_AIM_FOLLOW, ret_step);
}

int plan_rest(Plan *p, const PlanEvent *e, PlanStep *ret_step) {
        if (p->state == PLAN_LIST_BROKEN || p->state == PLAN_LIST_TRIMMED)
                return step_plain(PLAN_STEP_REST, ret_step);
        switch (e->kind) {
        case PLAN_EVENT_TPM_CLOSED:
                return step_plain(PLAN_STEP_NEXT_RECORD, ret_step);
        case PLAN_EVENT_RECORD:
                plan_count_record(p, e->record);
                return step_plain(PLAN_STEP_NEXT_RECORD, ret_step);
        case PLAN_EVENT_TIMER:
        case PLAN_EVENT_REFRESH:
                return step_plain(PLAN_STEP_COUNT, ret_step);
        case PLAN_EVENT_COUNT:
                if (plan_has_shrunk(p, e))
                        break;
                return e->n_count > p->replay.n_records
                               ? step_plain(PLAN_STEP_NEXT_RECORD, ret_step)
                               : plan_rest_wait(p, ret_step);
        case PLAN_EVENT_LIST_END:
                return plan_rest_wait(p, ret_step);
        case PLAN_EVENT_LIST_AWAY: /* somebody trims it now, or has trimmed too much */
                if (e->list == PLAN_LIST_LOST)
                        break;
                return plan_rest_wait(p, ret_step);
        case PLAN_EVENT_START:
        case PLAN_EVENT_LIST:
        case PLAN_EVENT_REWOUND:
        case PLAN_EVENT_LIST_BROKEN:
        case PLAN_EVENT_RELEASED:
        case PLAN_EVENT_ANCHORED:
        case PLAN_EVENT_TPM_OPEN:
        case PLAN_EVENT_CLOCK:
        case PLAN_EVENT_PROBED:
        case PLAN_EVENT_PCR:
        case PLAN_EVENT_EXTENDED:
        case PLAN_EVENT_FLUSHED:
        case PLAN_EVENT_STOP:
        case _PLAN_EVENT_N:
                break;
        }
        return step_plain(PLAN_STEP_REST, ret_step);
}
