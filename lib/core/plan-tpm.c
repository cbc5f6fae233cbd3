/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/plan-internal.h"

#include <assert.h>

#include "base/error.h"

static uint64_t banks_fold(const TpmBanks *b) {
        uint64_t fold = 0;

        for (uint32_t pcr = 0; pcr < TPM_PCR_N; ++pcr)
                fold = fold * 1000003 + (b->of[pcr] << 1 | b->has_unknown[pcr]);
        return fold;
}

static void plan_know_banks(Plan *p, const FirmwareLog *firmware) {
        p->banks_known = true;
        for (uint32_t pcr = 0; pcr < TPM_PCR_N; ++pcr)
                p->replay.banks |= p->banks.of[pcr];
        p->facts.banks_known = true;
        p->facts.banks = p->replay.banks;
        p->facts.bank_other_than_sha1 = p->banks.other_than_sha1;
        past_know_firmware(p, firmware);
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
        if (!plan_only_observes(p) && !past_banks_fit(p))
                return plan_suspect(p, PLAN_TPM_RESET, PLAN_REASON_BANKS_CHANGED, fold, ret_step);
        return step_begin(p, ret_step);
}

int on_tpm_open(Plan *p, const PlanEvent *e, PlanStep *ret_step) {
        TpmOutcome outcome = plan_hear(p, e, p->main_pcr);
        uint64_t fold;

        p->absence = e->absence;

        if (outcome != TPM_DONE)
                return plan_trouble(p, outcome, ret_step);
        p->was_there = true;
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
                plan_know_banks(p, e->firmware);
        if (p->suspicion.reason == PLAN_REASON_BANKS_CHANGED && past_banks_fit(p))
                plan_trust(p);
        return plan_decide(p, fold, ret_step);
}

int on_clock(Plan *p, const PlanEvent *e, PlanStep *ret_step) {
        TpmOutcome outcome = plan_hear(p, e, p->main_pcr);

        if (outcome != TPM_DONE)
                return plan_trouble(p, outcome, ret_step);
        if (!past_clock_fits(p, &e->clock) && !plan_only_observes(p))
                return plan_suspect(p, PLAN_TPM_RESET, PLAN_REASON_RESET_COUNT_CHANGED,
                                    e->clock.reset_count, ret_step);
        if (past_time_is_low(p, e))
                return plan_suspect(p, PLAN_TPM_RESET, PLAN_REASON_TPM_TIME_LOW, 0, ret_step);
        p->clock_known = true;
        p->clock = e->clock;
        if (p->suspicion.reason == PLAN_REASON_RESET_COUNT_CHANGED ||
            p->suspicion.reason == PLAN_REASON_TPM_TIME_LOW)
                plan_trust(p);
        return step_read(p, p->main_pcr, true, ret_step);
}

int on_probed(Plan *p, const PlanEvent *e, PlanStep *ret_step) {
        TpmOutcome outcome = plan_hear(p, e, p->main_pcr);

        if (plan_only_observes(p))
                return step_begin(p, ret_step); /* never asked for */
        if (outcome == TPM_EXCLUSIVE && p->n_contended + 1 < PLAN_CONTENDED_MAX) {
                ++p->n_contended;
                return step_plain(PLAN_STEP_PROBE, ret_step);
        }
        if (outcome == TPM_EXCLUSIVE)
                return plan_contended(p, ret_step);

        if (outcome != TPM_DONE)
                return plan_trouble(p, outcome, ret_step);
        return step_plain(PLAN_STEP_READ_CLOCK, ret_step);
}

/* A reading taken while the list is walked again from record 0: the place is known already. */
static bool chain_is_as_held(const Plan *p, uint32_t pcr, const DigestSet *values) {
        const PlanChain *c = &p->chain[pcr];
        BankMask banks = p->banks.of[pcr];

        return c->state == CHAIN_HELD && !p->wants_rewind && p->replay.chain[pcr].n < c->held &&
               digest_set_equal(banks, values, &c->value) == banks;
}

int on_pcr(Plan *p, const PlanEvent *e, PlanStep *ret_step) {
        PlanChain *c = &p->chain[p->reading];
        TpmOutcome outcome = plan_hear(p, e, p->reading);
        bool is_measuring = p->is_measuring;

        p->is_measuring = false;
        if (outcome == TPM_EXCLUSIVE)
                return plan_contended(p, ret_step);
        if (outcome == TPM_REFUSED && p->reading != p->main_pcr && !is_measuring) {
                c->state = CHAIN_REFUSED;
                return plan_on(p, ret_step);
        }
        if (outcome != TPM_DONE)
                return plan_trouble(p, outcome, ret_step);
        if (is_measuring)
                return past_on_measured(p, e, ret_step);
        p->wants_look &= ~(UINT32_C(1) << p->reading);
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

int on_extended(Plan *p, const PlanEvent *e, PlanStep *ret_step) {
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
        plan_gets_on(p);
        ++p->n_extended;
        if (c->state == CHAIN_REPAIRING)
                return repair_extended(p, ret_step);
        ++c->n_unverified;
        ++c->held;
        c->held_at = p->replay.n_records + 1;
        return plan_pass(p, true, ret_step);
}

int on_tpm_closed(Plan *p, PlanStep *ret_step) {
        if (p->pause_usec == 0)
                return step_plain(PLAN_STEP_OPEN_TPM, ret_step);
        return step_wait(p, p->pause_is_short ? PLAN_STEP_PAUSE : PLAN_STEP_WAIT, p->pause_usec,
                         PLAN_AIM_TPM, ret_step);
}
