/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * --repair-banks: bring the lagging banks of the main PCR to what the foremost bank holds.
 *
 * Something extended some banks only. Each bank holds a prefix of the list, k of its own; so each
 * record from the lowest k on is extended into exactly those banks that lack it, in the same
 * guarded session in which these prefixes were read. Any other answer than success leads back to
 * reading. Only the administrator's option leads here, after two equal readings.
 */
#include "core/plan-internal.h"

int repair_begin(Plan *p, PlanStep *ret_step) {
        PlanChain *c = &p->chain[p->main_pcr];

        p->repair = (PlanRepair){};
        FOREACH_BANK(alg, p->banks.of[p->main_pcr]) {
                p->repair.k[alg] = c->search.k_bank[alg];
                p->repair.end = MAX_OF(p->repair.end, c->search.k_bank[alg]);
        }
        c->state = CHAIN_REPAIRING;
        plan_trust(p);
        return step_plain(PLAN_STEP_REWIND, ret_step);
}

/* Which banks lack the record at this place. */
static BankMask repair_banks(const Plan *p) {
        BankMask banks = 0;

        FOREACH_BANK(alg, p->banks.of[p->main_pcr])
                if (p->repair.k[alg] <= p->replay.chain[p->main_pcr].n)
                        banks |= BANK(alg);
        return banks;
}

/* A record of the main chain, while its banks differ. */
int repair_record(Plan *p, PlanStep *ret_step) {
        const PlanChain *c = &p->chain[p->main_pcr];
        BankMask banks = repair_banks(p);

        if (p->replay.chain[p->main_pcr].n >= p->repair.end || !p->has_session ||
            c->epoch != p->epoch)
                return step_read_more(p, p->main_pcr, ret_step);
        if (banks == 0)
                return plan_pass(p, false, ret_step);
        if (!p->current.may_extend) /* what the banks hold was confirmed before */
                return step_settle(p, PLAN_LIST_TRIMMED, PLAN_REASON_RECORDS_GONE, ret_step);
        if (past_wants_measured(p))
                return past_read_measured(p, ret_step);
        return step_extend(p, banks, ret_step);
}

int repair_extended(Plan *p, PlanStep *ret_step) {
        FOREACH_BANK(alg, repair_banks(p))
                p->repair.k[alg] = p->replay.chain[p->main_pcr].n + 1;
        p->n_suspicions = 0;
        return plan_pass(p, false, ret_step); /* its V(held) is not this one yet */
}
