/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/plan-internal.h"

#include <assert.h>

#include "base/error.h"

/**
 * plan_init() - a plan that knows nothing yet
 * @p:       the plan
 * @hashers: borrowed; must be open for every known bank when TPM_OPEN comes in
 * @options: copied
 */
void plan_init(Plan *p, const Hashers *hashers, const PlanOptions *options) {
        *p = (Plan){ .state = PLAN_INIT, .options = *options };
        replay_init(&p->replay, 0, hashers);
}

/* The TPM said something that would end it all, and is asked once more. */
static bool plan_doubts(const Plan *p) {
        return p->suspicion.state != PLAN_INIT;
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
        if (p->is_following)
                return p->is_cut || plan_doubts(p) ? PLAN_VERDICT_PENDING : PLAN_VERDICT_EXTENDED;
        if (p->state == PLAN_KERNEL_OWNS) {
                if (p->observed == PLAN_OBSERVED_MISFIT)
                        return PLAN_VERDICT_FAILED;
                return p->observed == PLAN_OBSERVED_FITS && !p->is_cut ? PLAN_VERDICT_KERNEL
                                                                       : PLAN_VERDICT_PENDING;
        }
        if (plan_is_terminal(p->state) || p->reason == PLAN_REASON_TPM_REFUSED ||
            p->reason == PLAN_REASON_GATE_NEVER || p->reason == PLAN_REASON_PKVM_FAILED)
                return PLAN_VERDICT_FAILED;
        return PLAN_VERDICT_PENDING;
}

/**
 * plan_n_done() - how many records at the front of the list are dealt with, as far as can be told
 * @p: the plan
 *
 * They are in every bank of their PCR, or will never be (foreign and refused chains). While a
 * prefix is being sought nothing can be told: a caller keeps the greatest number that it saw.
 *
 * Return: records; 0: nothing can be told now.
 */
uint64_t plan_n_done(const Plan *p) {
        if (p->chain[p->main_pcr].state != CHAIN_HELD || p->is_behind || p->is_resting ||
            p->wants_rewind)
                return 0;
        for (uint32_t pcr = 0; pcr < TPM_PCR_N; ++pcr)
                if (p->chain[pcr].state == CHAIN_SEARCHING ||
                    (p->chain[pcr].state == CHAIN_UNREAD && p->replay.chain[pcr].n > 0))
                        return 0; /* sought, or to be sought again */
        if (plan_only_observes(p) && p->chain[p->main_pcr].held < p->replay.chain[p->main_pcr].n)
                return 0;
        return p->replay.n_records;
}

static int on_timer(Plan *p, PlanStep *ret_step) {
        switch (p->aim) {
        case PLAN_AIM_LIST:
                return step_plain(PLAN_STEP_OPEN_LIST, ret_step);
        case PLAN_AIM_REWIND:
                return step_plain(PLAN_STEP_REWIND, ret_step);
        case PLAN_AIM_TPM:
                return step_plain(PLAN_STEP_OPEN_TPM, ret_step);
        case PLAN_AIM_READ:
                return p->has_session ? step_read(p, p->main_pcr, true, ret_step)
                                      : step_begin(p, ret_step);
        case PLAN_AIM_FOLLOW:
                return step_plain(PLAN_STEP_COUNT, ret_step);
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
                return plan_rest(p, e, ret_step);
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
                return on_list_broken(p, ret_step);
        case PLAN_EVENT_LIST_AWAY:
                return on_list_away(p, e, ret_step);
        case PLAN_EVENT_COUNT:
                return error_trace(on_count(p, e, ret_step));
        case PLAN_EVENT_ANCHORED:
                return error_trace(plan_on(p, ret_step));
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
        case PLAN_EVENT_RELEASED:
                return error_trace(on_tidied(p, ret_step));
        case PLAN_EVENT_REFRESH:
                return error_trace(on_refresh(p, e, ret_step));
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
