/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/plan-internal.h"

#include <assert.h>

#include "base/error.h"

/* Does V(n) at this place of the list explain the PCR? */
Look chain_look(Plan *p, uint32_t pcr) {
        const Chain *v = &p->replay.chain[pcr];
        PlanChain *c = &p->chain[pcr];

        if (c->state != CHAIN_SEARCHING || !search_look(&c->search, v))
                return LOOK_MISS;
        if (v->n < MAX_OF(c->held, past_n_held(p, pcr)))
                return LOOK_WENT_BACK;
        if (v->n > c->held)
                plan_gets_on(p); /* whatever the answers were */
        c->state = CHAIN_HELD;
        c->held = v->n;
        c->held_at = p->replay.n_records;
        c->is_doubted = false;
        c->value = v->value;
        return LOOK_HELD;
}

void chain_search_from_here(Plan *p, uint32_t pcr) {
        PlanChain *c = &p->chain[pcr];

        c->state = CHAIN_SEARCHING;
        c->from = p->replay.chain[pcr].n;
        search_init(&c->search, p->banks.of[pcr], &c->search.target);
}

/* A side chain that nothing explains: once is a reason to read it again, twice it is foreign. */
bool chain_doubt(Plan *p, uint32_t pcr) {
        PlanChain *c = &p->chain[pcr];

        c->state = c->is_doubted ? CHAIN_FOREIGN : CHAIN_UNREAD;
        c->is_doubted = true;
        return c->state == CHAIN_UNREAD;
}

/* What a look has found decides where to go on. */
int plan_looked(Plan *p, uint32_t pcr, Look look, PlanStep *ret_step) {
        if (look == LOOK_WENT_BACK && pcr != p->main_pcr) {
                /* Some PCRs can be reset by anybody; a reset of the TPM shows in the main one. */
                return chain_doubt(p, pcr) ? step_plain(PLAN_STEP_REWIND, ret_step)
                                           : plan_on(p, ret_step);
        }
        if (look == LOOK_WENT_BACK)
                return plan_suspect(p, PLAN_TPM_RESET, PLAN_REASON_PCR_WENT_BACK,
                                    p->replay.chain[pcr].n, ret_step);
        if (pcr == p->main_pcr) {
                if (look == LOOK_HELD) {
                        if (p->suspicion.state != PLAN_LIST_TRIMMED) /* which is no doubt of it */
                                plan_trust(p);
                        past_want_anchor(p);
                }
                if (look == LOOK_MISS)
                        plan_enter(p, PLAN_SEARCH, PLAN_REASON_NONE);
                else if (p->state != PLAN_FOLLOW)
                        plan_enter(p, PLAN_CATCH_UP, PLAN_REASON_NONE);
                if (look == LOOK_HELD && p->is_behind)
                        return step_plain(PLAN_STEP_REWIND, ret_step);
        }
        return plan_on(p, ret_step);
}

/* The records up to `held` passed once more: did they give the same value as the first time? */
bool chain_is_replaced(const Plan *p, uint32_t pcr) {
        const Chain *v = &p->replay.chain[pcr];
        const PlanChain *c = &p->chain[pcr];
        BankMask banks = p->banks.of[pcr];

        return c->held > 0 && v->n == c->held &&
               digest_set_equal(banks, &c->value, &v->value) != banks;
}

/* A record is taken from the list; each is counted once, however often the list is read. */
void plan_count_record(Plan *p, const PlanRecord *record) {
        if (++p->replay.n_records <= p->n_listed)
                return;
        p->n_listed = p->replay.n_records;
        p->n_violations += record->is_violation;
        if (record->pcr < TPM_PCR_N)
                ++p->chain[record->pcr].n_listed;
        else
                ++p->n_beyond;
}

/* The current record is dealt with: its chain moves on. */
int plan_pass(Plan *p, bool was_extended, PlanStep *ret_step) {
        uint32_t pcr = p->current.pcr;
        bool was_searching;
        Look look;
        int r;

        r = replay_extend(&p->replay, pcr, &p->current.digests);
        if (r < 0)
                return error_trace(r);
        plan_count_record(p, &p->current);
        p->has_current = false;
        if (pcr >= TPM_PCR_N)
                return plan_on(p, ret_step);
        if (was_extended)
                p->chain[pcr].value = p->replay.chain[pcr].value;
        if (chain_is_replaced(p, pcr))
                return plan_suspect(p, PLAN_LIST_TRIMMED, PLAN_REASON_LIST_REPLACED, pcr, ret_step);
        was_searching = p->chain[pcr].state == CHAIN_SEARCHING;
        look = chain_look(p, pcr);
        return was_searching ? plan_looked(p, pcr, look, ret_step) : plan_on(p, ret_step);
}

/* It would have to be extended, and is in the spool only: the kernel's list has lost it. */
static int plan_gone(Plan *p, PlanStep *ret_step) {
        if (p->current.pcr == p->main_pcr)
                return plan_suspect(p, PLAN_LIST_TRIMMED, PLAN_REASON_RECORDS_GONE, 0, ret_step);
        p->chain[p->current.pcr].state = CHAIN_FOREIGN;
        return plan_pass(p, false, ret_step);
}

/* A record of a chain whose PCR is known to hold the records before it, or more. */
static int plan_held(Plan *p, PlanStep *ret_step) {
        PlanChain *c = &p->chain[p->current.pcr];

        if (p->replay.chain[p->current.pcr].n < c->held || plan_only_observes(p))
                return plan_pass(p, false, ret_step);
        if (p->chain[p->main_pcr].state != CHAIN_HELD) {
                /* Nothing is extended before the main chain is known to be sound. */
                p->is_behind = true;
                return plan_pass(p, false, ret_step);
        }
        if (!p->current.may_extend)
                return plan_gone(p, ret_step);
        if (!p->has_session || c->epoch != p->epoch || c->n_unverified >= PLAN_VERIFY_RECORDS)
                return step_read_more(p, p->current.pcr, ret_step);
        if (past_wants_measured(p))
                return past_read_measured(p, ret_step);
        return step_extend(p, p->banks.of[p->current.pcr], ret_step);
}

/* Go on with the record at hand, or ask for the next. */
int plan_on(Plan *p, PlanStep *ret_step) {
        uint32_t pcr = p->current.pcr;

        if (p->wants_anchor)
                return past_step_anchor(p, ret_step);
        if (!p->has_current && p->is_at_end)
                /* What comes now is followed, not caught up with. */
                return plan_at_end(p, ret_step);
        if (!p->has_current)
                return step_plain(PLAN_STEP_NEXT_RECORD, ret_step);
        if (pcr >= TPM_PCR_N)
                return plan_pass(p, false, ret_step);
        switch (p->chain[pcr].state) {
        case CHAIN_UNREAD:
                if (p->banks.of[pcr] && !p->banks.has_unknown[pcr])
                        return step_read_more(p, pcr, ret_step);
                p->chain[pcr].state = CHAIN_REFUSED;
                return plan_pass(p, false, ret_step);
        case CHAIN_HELD:
                return plan_held(p, ret_step);
        case CHAIN_REPAIRING:
                return repair_record(p, ret_step);
        case CHAIN_SEARCHING:
        case CHAIN_FOREIGN:
        case CHAIN_REFUSED:
                return plan_pass(p, false, ret_step);
        case _CHAIN_STATE_N:
                break;
        }
        assert(false);
        return error_origin(-EINVAL);
}
