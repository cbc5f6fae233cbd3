/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/pcr-model.h"

#include <assert.h>
#include <string.h>

/* The first broken promise is the one that tells most. */
static void model_blame(Model *m, const char *what) {
        if (!m->violation)
                m->violation = what;
}

/* splitmix64: good enough, and the same everywhere */
uint32_t model_random(Model *m) {
        uint64_t z = m->seed += UINT64_C(0x9e3779b97f4a7c15);

        z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
        return (uint32_t)(z >> 32);
}

/* A healthy machine in bypass with an empty list. */
void model_init(Model *m, const Hashers *hashers, BankMask banks, uint64_t seed) {
        *m = (Model){
                .hashers = hashers,
                .seed = seed,
                .n_shown = SIZE_MAX,
                .facts = { .record = MODE_RECORD_ZERO, .lists = MODE_LISTS_SHA1 },
                .main_pcr = 10,
                .reset_count = 5,
                .banks.other_than_sha1 = (banks & ~BANK(DIGEST_SHA1)) != 0,
        };
        for (uint32_t pcr = 0; pcr < TPM_PCR_N; ++pcr)
                m->banks.of[pcr] = banks;
}

void model_deinit(Model *m) {
        free(m->list);
        m->list = NULL;
}

void model_append(Model *m, uint32_t pcr) {
        ModelRecord *new;

        m->list = reallocarray(m->list, m->n_list + 1, sizeof(*m->list));
        assert(m->list);
        new = &m->list[m->n_list++];
        *new = (ModelRecord){ .record = { .pcr = pcr, .digest_fits = true } };
        for (DigestAlg alg = 0; alg < _DIGEST_ALG_N; ++alg)
                for (size_t i = 0; i < DIGEST_SIZE_MAX; ++i)
                        new->record.digests.of[alg].data[i] = (uint8_t)model_random(m);
}

/* Trimmed: the old head is gone, other records are there. */
void model_replace_list(Model *m) {
        ++m->generation;
        m->n_list = 0;
        model_append(m, m->main_pcr);
}

/*
 * The TPM
 */

static void model_command(Model *m, uint64_t session) {
        m->now_usec += MODEL_COMMAND_USEC;
        if (m->now_usec - m->window_usec >= PLAN_SEC) {
                m->window_usec += (m->now_usec - m->window_usec) / PLAN_SEC * PLAN_SEC;
                m->n_window = 0;
        }
        ++m->n_window;
        m->n_window_max = MAX_OF(m->n_window_max, m->n_window);
        ++m->n_commands;
        /* Part 1, 17.2 (exclusive audit): any command outside the session ends it. */
        if (m->exclusive != session)
                m->exclusive = 0;
}

void model_foreign_command(Model *m) {
        m->exclusive = 0;
}

static void pcr_extend(Model *m, uint32_t pcr, BankMask banks, const DigestSet *digests) {
        FOREACH_BANK(alg, banks) {
                const Bytes parts[] = { digest_bytes(alg, &m->pcr[pcr].of[alg]),
                                        digest_bytes(alg, &digests->of[alg]) };

                if (hasher_run(m->hashers->of[alg], parts, 2, &m->pcr[pcr].of[alg]) < 0)
                        abort();
        }
}

static bool is_same(const Model *m, uint32_t pcr, const ModelRecord *r, const DigestSet *digests) {
        BankMask banks = m->banks.of[pcr];

        return r->record.pcr == pcr &&
               digest_set_equal(banks, &r->record.digests, digests) == banks;
}

/* The one that must come next, or NULL. */
static ModelRecord *model_next(Model *m, uint32_t pcr) {
        while (m->next[pcr] < m->n_list && m->list[m->next[pcr]].record.pcr != pcr)
                ++m->next[pcr];
        return m->next[pcr] < m->n_list ? &m->list[m->next[pcr]] : NULL;
}

static void model_extend(Model *m, uint32_t pcr, BankMask banks, const DigestSet *digests) {
        ModelRecord *next = model_next(m, pcr);

        pcr_extend(m, pcr, banks, digests);
        if (m->is_foreign[pcr])
                model_blame(m, "extended a PCR that something else had extended");
        if (next && is_same(m, pcr, next, digests)) {
                ++next->n_extends;
                ++m->next[pcr];
                ++m->n_held[pcr];
                return;
        }
        model_blame(m, "extended what is not the next record of its chain");
        for (size_t i = 0; i < m->n_list; ++i)
                if (is_same(m, pcr, &m->list[i], digests))
                        ++m->list[i].n_extends;
}

void model_foreign_extend(Model *m, uint32_t pcr, BankMask banks) {
        DigestSet digests;

        memset(&digests, 0x5a, sizeof(digests));
        pcr_extend(m, pcr, banks, &digests);
        m->is_foreign[pcr] = true;
        m->exclusive = 0;
}

/* What an instance before this test did. */
void model_pre_extend(Model *m, uint32_t pcr, uint64_t n) {
        for (; n > 0; --n)
                model_extend(m, pcr, m->banks.of[pcr], &model_next(m, pcr)->record.digests);
}

void model_reset(Model *m) {
        memset(m->pcr, 0, sizeof(m->pcr));
        memset(m->n_held, 0, sizeof(m->n_held));
        memset(m->next, 0, sizeof(m->next));
        memset(m->is_foreign, 0, sizeof(m->is_foreign));
        ++m->reset_count;
        m->dead_session = m->last_session;
        m->exclusive = 0;
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

void model_deliver_stale(Model *m) {
        const ModelStale s = m->stale;

        m->stale.is_there = false;
        if (!s.is_there || m->refuses[s.pcr])
                return;
        if (!m->is_unguarded &&
            (s.session == 0 || m->exclusive != s.session || m->nonce != s.nonce))
                return;
        ++m->nonce;
        model_extend(m, s.pcr, s.banks, &s.digests);
}

bool model_is_extended(const Model *m) {
        for (size_t i = 0; i < m->n_list; ++i) {
                uint32_t pcr = m->list[i].record.pcr;
                bool is_ours = pcr < TPM_PCR_N && !m->is_foreign[pcr] && !m->refuses[pcr] &&
                               m->banks.of[pcr] && !m->banks.has_unknown[pcr];

                if (m->list[i].n_extends != is_ours)
                        return false;
        }
        return true;
}

/*
 * What the plan promises, at the moment when it hands out a step
 */

static void check_extend(const Instance *i, Model *m) {
        uint32_t pcr = i->step.pcr;

        if (i->has_clock && i->reset_count != m->reset_count && i->session > m->dead_session)
                model_blame(m, "I13: extend after a reset");
        if (i->step.banks == 0 ||
            (i->step.banks != m->banks.of[pcr] && i->session > m->dead_session))
                model_blame(m, "I3: not the banks of the PCR");
        if (i->must_read[pcr])
                model_blame(m, "I5: no read after an extend that was not answered well");
        if (i->session == 0 || i->proven_in[pcr] != i->proof)
                model_blame(m, "I2: extend without a read in this session");
        if (m->exclusive == i->session && !m->is_unguarded) {
                ModelRecord *next = model_next(m, pcr);

                if (!next || !is_same(m, pcr, next, i->step.digests))
                        model_blame(m, "I2, I4: the proof is of another place");
        }
}

static void check_step(const Instance *i, Model *m) {
        PlanStepKind kind = i->step.kind;
        bool extends = kind == PLAN_STEP_EXTEND || kind == PLAN_STEP_PROBE;

        if (extends && i->plan.mode.mode != MODE_BYPASS)
                model_blame(m, "I1: not in bypass");
        if (plan_is_terminal(i->plan.state) && i->plan.state != PLAN_KERNEL_OWNS &&
            kind != PLAN_STEP_REST && kind != PLAN_STEP_STOP)
                model_blame(m, "I6: a step in a terminal state");
        if (kind == PLAN_STEP_EXTEND)
                check_extend(i, m);
}

/*
 * Steps
 */

static void step_open(Instance *i, Model *m, PlanEvent *e, TpmBanks *banks, ModelLie lie) {
        model_command(m, 0);
        i->session = 0;
        *banks = m->banks;
        if (lie == MODEL_LIE_BANKS)
                banks->of[m->main_pcr] &= banks->of[m->main_pcr] - 1;
        e->banks = banks;
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

static void step_next_record(Instance *i, const Model *m, PlanEvent *e, PlanRecord *record) {
        size_t n = MIN_OF(m->n_list, m->n_shown);

        if (i->next < n) {
                *record = m->list[i->next++].record;
                e->kind = PLAN_EVENT_RECORD;
                e->record = record;
        } else if (m->is_malformed) {
                e->kind = PLAN_EVENT_LIST_BROKEN;
        } else {
                e->kind = PLAN_EVENT_LIST_END;
                e->is_cut = n < m->n_list;
        }
}

static void step_open_list(Instance *i, const Model *m, PlanEvent *e) {
        i->next = 0;
        i->generation = m->generation;
        e->list = m->list_state == PLAN_LIST_READY && m->n_list == 0 ? PLAN_LIST_EMPTY
                                                                     : m->list_state;
        e->facts = m->facts;
        e->main_pcr = m->main_pcr;
}

static TpmOutcome step_clock(Instance *i, Model *m, PlanEvent *e, ModelLie lie) {
        model_command(m, 0);
        if (!i->has_clock) {
                i->has_clock = true;
                i->reset_count = m->reset_count;
        }
        e->clock = (TpmClock){ .time_msec = m->now_usec / 1000,
                               .reset_count = m->reset_count + (lie == MODEL_LIE_CLOCK) };
        return TPM_DONE;
}

/* Which event belongs to which step. */
static const PlanEventKind answer_of[_PLAN_STEP_N] = {
        [PLAN_STEP_OPEN_LIST] = PLAN_EVENT_LIST,
        [PLAN_STEP_REWIND] = PLAN_EVENT_REWOUND,
        [PLAN_STEP_NEXT_RECORD] = PLAN_EVENT_RECORD,
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
                i->next = 0;
                e->is_replaced = i->generation != m->generation;
                break;
        case PLAN_STEP_NEXT_RECORD:
                step_next_record(i, m, e, &a->record);
                break;
        case PLAN_STEP_OPEN_TPM:
                step_open(i, m, e, &a->banks, lie);
                break;
        case PLAN_STEP_CLOSE_TPM:
        case PLAN_STEP_FLUSH_SESSION:
                step_close(i, m);
                break;
        case PLAN_STEP_READ_CLOCK:
                return step_clock(i, m, e, lie);
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
        e->now_usec = m->now_usec;
        e->random = model_random(m);
        if (plan_next(&i->plan, e, &i->step) != 0)
                abort();
        ++i->n_steps;
        i->is_done = i->step.kind == PLAN_STEP_REST || i->step.kind == PLAN_STEP_STOP;
        check_step(i, m);
}

void instance_start(Instance *i, Model *m) {
        *i = (Instance){ .n_steps = 0 };
        plan_init(&i->plan, m->hashers);
        instance_take(i, m, &(PlanEvent){ .kind = PLAN_EVENT_START });
}

/* The process is gone, and its context with it; TPM and list stay. */
void instance_crash(Instance *i, Model *m) {
        step_close(i, m);
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

/* Carries out the step at hand. Return: false at rest, after a crash or a broken promise. */
bool instance_step(Instance *i, Model *m) {
        Answer a = { .event.kind = instance_answer(i) };
        ModelFault f = {};
        bool extends = i->step.kind == PLAN_STEP_EXTEND;
        uint32_t pcr = i->step.pcr;

        if (i->is_done || i->has_crashed || m->violation)
                return false;
        if (m->hook)
                f = m->hook(m, i, false, m->userdata);
        if (i->has_crashed)
                return false;
        a.event.values = &a.values;
        a.event.outcome = instance_sends(i) ? step_faulty(i, m, &a, &f)
                                            : step_execute(i, m, &a, MODEL_LIE_NONE);
        if (extends && a.event.outcome != TPM_DONE)
                i->must_read[pcr] = true;
        if (m->hook)
                (void)m->hook(m, i, true, m->userdata);
        if (i->has_crashed)
                return false;
        instance_take(i, m, &a.event);
        return !m->violation && !i->is_done;
}

/* Everything dealt with, at rest, or in the state that a kernel which extends leaves us. */
static bool instance_is_settled(const Instance *i) {
        return i->is_done || (i->step.kind == PLAN_STEP_WAIT &&
                              (i->plan.state == PLAN_FOLLOW || i->plan.state == PLAN_KERNEL_OWNS));
}

/* Return: whether it settled within so many steps. */
bool instance_settle(Instance *i, Model *m, size_t max) {
        for (size_t n = 0; n < max && !instance_is_settled(i); ++n)
                if (!instance_step(i, m))
                        break;
        return !m->violation && instance_is_settled(i);
}

/* Goes on for so much time, but for no more steps. Return: whether the time came. */
bool instance_run(Instance *i, Model *m, uint64_t usec, size_t max) {
        uint64_t end_usec = m->now_usec + usec;

        for (size_t n = 0; n < max && m->now_usec < end_usec; ++n)
                if (!instance_step(i, m))
                        return i->is_done && !m->violation;
        return m->now_usec >= end_usec;
}
