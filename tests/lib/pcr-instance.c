/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/pcr-instance.h"

#include <assert.h>
#include <string.h>

/* What a daemon that starts now finds in /run. */
PlanOptions model_options(const Model *m) {
        return (PlanOptions){ .has_anchor = m->has_anchor, .anchor = m->anchor };
}

/* The extend at hand stays in some queue. */
void model_leave_stale(Model *m, const Instance *i) {
        m->stale = (ModelStale){
                .is_there = true,
                .pcr = i->step.pcr,
                .banks = i->step.banks,
                .digests = *i->step.digests,
                .session = i->session,
                .nonce = m->nonce,
        };
}

/*
 * What the plan promises, at the moment when it hands out a step
 */

/* I13: whatever an anchor says, true or forged. */
static void check_past(const Instance *i, Model *m) {
        const PlanOptions *o = &i->plan.options;
        /* Forged, it hides a reset just as a deleted one does. */
        bool vouches = o->has_anchor && o->anchor.reset_count == m->reset_count;

        if (i->has_clock && i->reset_count != m->reset_count && !vouches)
                model_blame(m, "I13: extend after a reset");
        if (i->step.pcr == m->main_pcr && i->n_verified > m->n_held[m->main_pcr])
                model_blame(m, "I13: extend of a PCR that went back");
        if (!o->has_anchor || o->accepts_reset)
                return;
        if (o->anchor.reset_count != m->reset_count)
                model_blame(m, "I13: extend with an anchor of another resetCount");
        if (o->anchor.pcr == i->step.pcr && o->anchor.n_held > m->n_held[i->step.pcr])
                model_blame(m, "I13: extend of a PCR that is below the anchor");
        if (o->anchor.pcr == m->main_pcr && o->anchor.banks != m->banks.of[m->main_pcr])
                model_blame(m, "I13: extend with an anchor of other banks");
}

/* Which banks of the PCR have this record next; `others` did hold it already. */
static BankMask banks_that_lack(Model *m, uint32_t pcr, const DigestSet *digests) {
        BankMask banks = 0;

        FOREACH_BANK(alg, m->banks.of[pcr])
                if (model_is_record(model_next(m, pcr, alg), BANK(alg), digests))
                        banks |= BANK(alg);
        return banks;
}

/* Called where the session lives. */
static void check_banks(const Instance *i, Model *m) {
        uint32_t pcr = i->step.pcr;
        bool repairs = i->plan.options.repairs_banks && pcr == m->main_pcr &&
                       i->plan.chain[pcr].state == CHAIN_REPAIRING;

        if (i->step.banks & ~m->banks.of[pcr] || (!repairs && i->step.banks != m->banks.of[pcr]))
                model_blame(m, "I3: not the banks of the PCR");
        if (m->exclusive == i->session && !m->is_unguarded &&
            banks_that_lack(m, pcr, i->step.digests) != i->step.banks)
                model_blame(m, "I2, I4: the proof is of another place");
}

static void check_extend(const Instance *i, Model *m) {
        uint32_t pcr = i->step.pcr;

        if (i->step.banks == 0)
                model_blame(m, "I3: no bank");
        if (i->session > m->dead_session) {
                check_past(i, m);
                check_banks(i, m);
        }
        if (i->must_read[pcr])
                model_blame(m, "I5: no read after an extend that was not answered well");
        if (i->session == 0 || i->proven_in[pcr] != i->proof)
                model_blame(m, "I2: extend without a read in this session");
        if (!i->plan.current.may_extend)
                model_blame(m, "I7: extend of a record that is in the spool only");
}

static void check_anchor(const Instance *i, Model *m) {
        const Anchor *a = &i->step.anchor;

        if (a->n_held > i->n_read[a->pcr])
                model_blame(m, "the anchor says more than was read");
        if (a->pcr != m->main_pcr)
                model_blame(m, "the anchor is of another PCR");
}

/* A plan that has ended follows the list and leaves the TPM alone. */
static bool is_of_rest(PlanStepKind kind) {
        return kind == PLAN_STEP_CLOSE_TPM || kind == PLAN_STEP_NEXT_RECORD ||
               kind == PLAN_STEP_COUNT || kind == PLAN_STEP_WAIT || kind == PLAN_STEP_REST ||
               kind == PLAN_STEP_STOP;
}

static void check_step(const Instance *i, Model *m) {
        PlanStepKind kind = i->step.kind;
        bool extends = kind == PLAN_STEP_EXTEND || kind == PLAN_STEP_PROBE;
        bool has_ended = plan_is_terminal(i->plan.state) && i->plan.state != PLAN_KERNEL_OWNS;

        if (extends && i->plan.mode.mode != MODE_BYPASS)
                model_blame(m, "I1: not in bypass");
        if ((has_ended || i->plan.is_resting) && !is_of_rest(kind))
                model_blame(m, "I6: a step in a terminal state");
        if (kind == PLAN_STEP_EXTEND)
                check_extend(i, m);
        if (kind == PLAN_STEP_ANCHOR)
                check_anchor(i, m);
        /* Who runs the plan names a record by it, in the spool. */
        if (kind == PLAN_STEP_NEXT_RECORD && i->plan.replay.n_records != i->next)
                model_blame(m, "the plan does not know which record comes next");
        if (kind == PLAN_STEP_WAIT && i->plan.n_listed + i->plan.has_current < i->next)
                model_blame(m, "records are counted wrongly");
}

/*
 * Steps of the list
 */

static void step_open_list(Instance *i, const Model *m, PlanEvent *e) {
        i->next = 0;
        i->n_count = 0;
        i->generation = m->generation;
        e->list = m->list_state == PLAN_LIST_READY && m->n_list == 0 ? PLAN_LIST_EMPTY
                                                                     : m->list_state;
        if (m->is_away)
                e->list = PLAN_LIST_UNREADABLE;
        if (e->list == PLAN_LIST_READY && model_list_is_lost(m))
                e->list = PLAN_LIST_LOST;
        i->holds_list = e->list == PLAN_LIST_READY;
        e->facts = m->facts;
        e->main_pcr = m->main_pcr;
}

/* Opens it anew, unless it is held. Return: whether it is open. */
static bool take_list(Instance *i, const Model *m, PlanEvent *e) {
        if (i->generation != m->generation || (!i->holds_list && model_list_is_lost(m)))
                e->list = PLAN_LIST_LOST;
        else if (m->is_away && !i->holds_list)
                e->list = PLAN_LIST_UNREADABLE;
        else
                e->list = PLAN_LIST_READY;
        i->holds_list |= e->list == PLAN_LIST_READY;
        return e->list == PLAN_LIST_READY;
}

static void step_rewind(Instance *i, const Model *m, PlanEvent *e) {
        if (!take_list(i, m, e))
                return;
        i->next = 0;
        i->n_count = 0;
}

static void step_next_record(Instance *i, Model *m, PlanEvent *e, PlanRecord *record) {
        size_t n = MIN_OF(m->n_list, m->n_shown);

        if (!i->holds_list && !take_list(i, m, e)) {
                e->kind = PLAN_EVENT_LIST_AWAY;
        } else if (i->next < n) {
                *record = m->list[i->next].record;
                record->may_extend = i->next >= m->n_trimmed;
                ++i->next;
                m->n_spooled = MAX_OF(m->n_spooled, i->next);
                e->kind = PLAN_EVENT_RECORD;
                e->record = record;
        } else {
                e->kind = m->is_malformed && n == m->n_list ? PLAN_EVENT_LIST_BROKEN
                                                            : PLAN_EVENT_LIST_END;
                e->is_cut = n < m->n_list;
        }
}

static void step_count(Instance *i, const Model *m, PlanEvent *e) {
        uint64_t n = MIN_OF(m->n_list, m->n_shown);

        e->is_shrunk = n < MAX_OF(i->n_count, i->next);
        i->n_count = MAX_OF(n, i->n_count);
        e->n_count = m->hides_count ? UINT64_MAX : n;
}

/*
 * Steps of the TPM
 */

static void step_open(Instance *i, Model *m, PlanEvent *e, TpmBanks *banks, ModelLie lie) {
        model_command(m, 0);
        i->session = 0;
        *banks = m->banks;
        if (lie == MODEL_LIE_BANKS)
                banks->of[m->main_pcr] &= banks->of[m->main_pcr] - 1;
        e->banks = banks;
        e->firmware = m->has_firmware ? &m->firmware : NULL;
}

static void step_close(Instance *i, Model *m) {
        if (m->exclusive == i->session)
                m->exclusive = 0;
        i->session = 0;
        ++i->proof;
}

static void session_begin(Instance *i, Model *m) {
        if (i->session == 0)
                i->session = ++m->last_session;
}

static TpmOutcome step_read(Instance *i, Model *m, DigestSet *values, ModelLie lie) {
        uint32_t pcr = i->step.pcr;

        ++m->n_reads;
        if (i->step.is_fresh) {
                session_begin(i, m);
                ++i->proof;
        }
        model_command(m, i->session);
        if (i->session <= m->dead_session)
                return TPM_SESSION_LOST;
        ++m->nonce;
        if (m->is_closed[pcr])
                return TPM_REFUSED;
        if (i->step.is_fresh)
                m->exclusive = i->session;
        *values = m->pcr[pcr];
        if (lie == MODEL_LIE_PCR)
                for (DigestAlg alg = 0; alg < _DIGEST_ALG_N; ++alg)
                        values->of[alg].data[0] ^= 0x80;
        i->proven_in[pcr] = i->proof;
        i->must_read[pcr] = false;
        return TPM_DONE;
}

static TpmOutcome step_guarded(Instance *i, Model *m) {
        bool is_probe = i->step.kind == PLAN_STEP_PROBE;

        is_probe ? ++m->n_probes : ++m->n_extends;
        if (is_probe && i->session == 0) {
                session_begin(i, m);
                m->exclusive = i->session;
        }
        model_command(m, i->session);
        if (i->session <= m->dead_session)
                return TPM_SESSION_LOST;
        ++m->nonce;
        if (m->exclusive != i->session && !m->is_unguarded)
                return TPM_EXCLUSIVE;
        if (is_probe)
                return TPM_DONE;
        if (m->refuses[i->step.pcr])
                return TPM_REFUSED;
        model_extend(m, i->step.pcr, i->step.banks, i->step.digests);
        return TPM_DONE;
}

static TpmOutcome step_clock(Model *m, PlanEvent *e, ModelLie lie) {
        model_command(m, 0);
        e->clock = (TpmClock){ .time_msec = (m->now_usec - m->tpm_since_usec) / 1000,
                               .reset_count = m->reset_count + (lie == MODEL_LIE_CLOCK),
                               .restart_count = m->restart_count };
        e->age = (AgeFacts){ .has_node = m->has_node,
                             .node_usec = (int64_t)(m->now_usec - m->node_usec),
                             .null_usec = (int64_t)m->now_usec,
                             .boottime_usec = m->now_usec,
                             .monotonic_usec = m->now_usec - m->suspended_usec };
        return TPM_DONE;
}

/* Which event belongs to which step. */
static const PlanEventKind answer_of[_PLAN_STEP_N] = {
        [PLAN_STEP_OPEN_LIST] = PLAN_EVENT_LIST,
        [PLAN_STEP_REWIND] = PLAN_EVENT_REWOUND,
        [PLAN_STEP_NEXT_RECORD] = PLAN_EVENT_RECORD,
        [PLAN_STEP_COUNT] = PLAN_EVENT_COUNT,
        [PLAN_STEP_RELEASE_LIST] = PLAN_EVENT_RELEASED,
        [PLAN_STEP_ANCHOR] = PLAN_EVENT_ANCHORED,
        [PLAN_STEP_OPEN_TPM] = PLAN_EVENT_TPM_OPEN,
        [PLAN_STEP_CLOSE_TPM] = PLAN_EVENT_TPM_CLOSED,
        [PLAN_STEP_READ_CLOCK] = PLAN_EVENT_CLOCK,
        [PLAN_STEP_PROBE] = PLAN_EVENT_PROBED,
        [PLAN_STEP_READ_PCR] = PLAN_EVENT_PCR,
        [PLAN_STEP_EXTEND] = PLAN_EVENT_EXTENDED,
        [PLAN_STEP_FLUSH_SESSION] = PLAN_EVENT_FLUSHED,
        [PLAN_STEP_PAUSE] = PLAN_EVENT_TIMER,
        [PLAN_STEP_WAIT] = PLAN_EVENT_TIMER,
        [PLAN_STEP_REST] = PLAN_EVENT_STOP,
        [PLAN_STEP_STOP] = PLAN_EVENT_STOP,
};

PlanEventKind instance_answer(const Instance *i) {
        return answer_of[i->step.kind];
}

typedef struct Answer {
        PlanEvent event;
        PlanRecord record;
        TpmBanks banks;
        DigestSet values;
} Answer;

static TpmOutcome step_execute(Instance *i, Model *m, Answer *a, ModelLie lie) {
        PlanEvent *e = &a->event;

        switch (i->step.kind) {
        case PLAN_STEP_OPEN_LIST:
                step_open_list(i, m, e);
                break;
        case PLAN_STEP_REWIND:
                step_rewind(i, m, e);
                break;
        case PLAN_STEP_NEXT_RECORD:
                step_next_record(i, m, e, &a->record);
                break;
        case PLAN_STEP_COUNT:
                step_count(i, m, e);
                break;
        case PLAN_STEP_RELEASE_LIST:
                i->holds_list = m->is_held;
                break;
        case PLAN_STEP_ANCHOR:
                m->has_anchor = true;
                m->anchor = i->step.anchor;
                ++m->n_anchored;
                break;
        case PLAN_STEP_OPEN_TPM:
                step_open(i, m, e, &a->banks, lie);
                break;
        case PLAN_STEP_CLOSE_TPM:
        case PLAN_STEP_FLUSH_SESSION:
                step_close(i, m);
                break;
        case PLAN_STEP_READ_CLOCK:
                return step_clock(m, e, lie);
        case PLAN_STEP_PROBE:
        case PLAN_STEP_EXTEND:
                return step_guarded(i, m);
        case PLAN_STEP_READ_PCR:
                return step_read(i, m, &a->values, lie);
        case PLAN_STEP_PAUSE:
        case PLAN_STEP_WAIT:
                m->now_usec = MAX_OF(m->now_usec, i->step.until_usec);
                break;
        case PLAN_STEP_REST:
        case PLAN_STEP_STOP:
        case _PLAN_STEP_N:
                break;
        }
        return TPM_DONE;
}

bool instance_sends(const Instance *i) {
        PlanStepKind kind = i->step.kind;

        return kind == PLAN_STEP_OPEN_TPM || kind == PLAN_STEP_READ_CLOCK ||
               kind == PLAN_STEP_PROBE || kind == PLAN_STEP_READ_PCR || kind == PLAN_STEP_EXTEND;
}

bool instance_is_waiting(const Instance *i) {
        return i->step.kind == PLAN_STEP_WAIT || i->step.kind == PLAN_STEP_PAUSE;
}

static void instance_take(Instance *i, Model *m, PlanEvent *e) {
        PlanState before = i->plan.state;

        e->now_usec = m->now_usec;
        e->random = model_random(m);
        if (plan_next(&i->plan, e, &i->step) != 0)
                abort();
        ++i->n_steps;
        i->n_verified = MAX_OF(i->n_verified, i->plan.chain[i->plan.main_pcr].held);
        if (i->plan.state != before)
                m->went[before] |= UINT32_C(1) << i->plan.state;
        i->is_done = i->step.kind == PLAN_STEP_REST || i->step.kind == PLAN_STEP_STOP;
        check_step(i, m);
}

/* A daemon that finds no anchor. */
void instance_start(Instance *i, Model *m) {
        instance_start_with(i, m, &(PlanOptions){});
}

void instance_start_with(Instance *i, Model *m, const PlanOptions *options) {
        *i = (Instance){};
        plan_init(&i->plan, m->hashers, options);
        instance_take(i, m, &(PlanEvent){ .kind = PLAN_EVENT_START });
}

/* The process is gone, and its context with it; TPM, list and /run stay. */
void instance_crash(Instance *i, Model *m) {
        step_close(i, m);
        i->holds_list = false;
        i->has_crashed = true;
}

static TpmOutcome step_faulty(Instance *i, Model *m, Answer *a, const ModelFault *f) {
        if (f->is_executed || f->outcome == TPM_DONE) {
                TpmOutcome outcome = step_execute(i, m, a, f->lie);

                return f->outcome == TPM_DONE ? outcome : f->outcome;
        }
        model_command(m, i->session);
        if (i->step.kind == PLAN_STEP_READ_PCR && i->step.is_fresh)
                ++i->proof;
        if (f->outcome == TPM_EXCLUSIVE)
                m->exclusive = 0;
        return f->outcome;
}

/* What the plan was told: the ground on which its next steps are judged. */
static void instance_learn(Instance *i, const Model *m, const PlanEvent *e, const ModelFault *f) {
        uint32_t pcr = i->step.pcr;
        bool is_done = e->outcome == TPM_DONE;

        if (i->step.kind == PLAN_STEP_EXTEND && !is_done)
                i->must_read[pcr] = true;
        if (i->step.kind == PLAN_STEP_READ_PCR && is_done && f->lie == MODEL_LIE_NONE &&
            !m->is_foreign[pcr])
                i->n_read[pcr] = MAX_OF(i->n_read[pcr], m->n_held[pcr]);
        if (i->step.kind == PLAN_STEP_READ_CLOCK && is_done && !i->has_clock) {
                i->has_clock = true;
                i->reset_count = m->reset_count;
        }
}

/* Carries out the step at hand. Return: false at rest, after a crash or a broken promise. */
bool instance_step(Instance *i, Model *m) {
        Answer a = { .event.kind = instance_answer(i) };
        ModelFault f = {};

        if (i->is_done || i->has_crashed || m->violation)
                return false;
        if (m->hook)
                f = m->hook(m, i, false, m->userdata);
        if (i->has_crashed)
                return false;
        a.event.values = &a.values;
        a.event.outcome = instance_sends(i) ? step_faulty(i, m, &a, &f)
                                            : step_execute(i, m, &a, MODEL_LIE_NONE);
        instance_learn(i, m, &a.event, &f);
        if (m->hook)
                (void)m->hook(m, i, true, m->userdata);
        if (i->has_crashed)
                return false;
        instance_take(i, m, &a.event);
        return !m->violation && !i->is_done;
}

/* Everything dealt with, at rest, ended, or in the state that a kernel which extends leaves us. */
static bool instance_is_settled(const Instance *i, const Model *m) {
        bool is_quiet = i->plan.state == PLAN_FOLLOW && i->next >= MIN_OF(m->n_list, m->n_shown);

        return i->is_done ||
               (i->step.kind == PLAN_STEP_WAIT &&
                (i->plan.is_resting || is_quiet || i->plan.state == PLAN_KERNEL_OWNS));
}

/* Return: whether it settled within so many steps. */
bool instance_settle(Instance *i, Model *m, size_t max) {
        for (size_t n = 0; n < max && !instance_is_settled(i, m); ++n)
                if (!instance_step(i, m))
                        break;
        return !m->violation && instance_is_settled(i, m);
}

/* Goes on for so much time, but for no more steps. Return: whether the time came. */
bool instance_run(Instance *i, Model *m, uint64_t usec, size_t max) {
        uint64_t end_usec = m->now_usec + usec;

        for (size_t n = 0; n < max && m->now_usec < end_usec; ++n)
                if (!instance_step(i, m))
                        return i->is_done && !m->violation;
        return m->now_usec >= end_usec;
}
