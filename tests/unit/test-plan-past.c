/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A TPM that was reset, before this process came or under it (rule I13): anchor and time tell. And
 * an anchor, forged or gone, can do no more than stop extending (rule I7).
 */
#include "lib/cmocka-all.h"
#include "lib/pcr-world.h"

#include <string.h>

#define RUN_STEPS 200U /* no first run of these tests takes more */

/* Runs so many steps of a first process, which then is gone. Return: whether there were so many. */
static bool first_process(Model *m, uint64_t n_steps) {
        PlanOptions o = model_options(m);
        Instance i;
        uint64_t n = 0;

        instance_start_with(&i, m, &o);
        while (n < n_steps && instance_step(&i, m))
                ++n;
        instance_crash(&i, m);
        assert_null(m->violation);
        return n == n_steps && m->now_usec < 4 * PLAN_SEC;
}

static void second_process(Instance *i, Model *m) {
        PlanOptions o = model_options(m);

        instance_start_with(i, m, &o);
}

/* Restarted after each step of a run, it goes on and finishes. */
static void test_restart_with_an_anchor(void **state) {
        (void)state;
        for (Shape shape = 0; shape < _SHAPE_N; ++shape)
                for (uint64_t at = 0; at < RUN_STEPS; ++at) {
                        Model m;
                        Instance i;

                        setup_shape(&m, shape, 9, 3);
                        (void)first_process(&m, at);
                        if (at % 3 == 1)
                                model_suspend(&m, 3600 * PLAN_SEC);
                        append_shaped(&m, shape);
                        second_process(&i, &m);
                        assert_finished(&i, &m);
                        assert_true(m.has_anchor);
                        assert_int_equal(m.anchor.n_held, m.n_held[10]);
                        assert_int_equal(m.anchor.reset_count, m.reset_count);
                        assert_int_equal(m.anchor.restart_count, m.restart_count);
                        assert_int_equal(m.anchor.banks, TWO_BANKS);
                        model_deinit(&m);
                }
}

/*
 * Reset between two processes, after each step of the first
 */

typedef enum Reset {
        RESET_COUNTED, /* resetCount changed */
        RESET_SILENT,  /* only the PCRs tell */
        RESET_BANKS,   /* only the banks tell */
        _RESET_N,
} Reset;

static const PlanReason reset_reasons[_RESET_N] = { PLAN_REASON_RESET_COUNT_CHANGED,
                                                    PLAN_REASON_PCR_WENT_BACK,
                                                    PLAN_REASON_BANKS_CHANGED };

static void reset(Model *m, Reset how) {
        model_reset(m);
        if (how != RESET_COUNTED)
                --m->reset_count;
        if (how == RESET_BANKS)
                for (uint32_t pcr = 0; pcr < TPM_PCR_N; ++pcr)
                        m->banks.of[pcr] &= BANK(DIGEST_SHA256);
}

static bool is_to_be_seen(const Model *m, Reset how) {
        return m->has_anchor && (how != RESET_SILENT || m->anchor.n_held > 0);
}

static void test_reset_before_a_restart_with_an_anchor(void **state) {
        size_t n_seen = 0;

        (void)state;
        for (Shape shape = 0; shape < _SHAPE_N; ++shape)
                for (Reset how = 0; how < _RESET_N; ++how)
                        for (uint64_t at = 0; at < RUN_STEPS; ++at) {
                                Model m;
                                Instance i;
                                size_t n_extends;

                                setup_shape(&m, shape, 9, 3);
                                if (at % 2)
                                        model_pre_extend(&m, 10, 1);
                                (void)first_process(&m, at);
                                reset(&m, how);
                                n_extends = m.n_extends;
                                append_shaped(&m, shape);
                                second_process(&i, &m);
                                if (is_to_be_seen(&m, how)) {
                                        ++n_seen;
                                        assert_ends(&i, &m, PLAN_TPM_RESET, reset_reasons[how]);
                                        assert_int_equal(m.n_extends, n_extends);
                                        second_process(&i, &m); /* and for the next one, too */
                                        assert_ends(&i, &m, PLAN_TPM_RESET, reset_reasons[how]);
                                } else if (how != RESET_BANKS && shape != SHAPE_MIXED) {
                                        assert_ends(&i, &m, PLAN_FOLLOW, PLAN_REASON_NONE);
                                }
                                model_deinit(&m);
                        }
        assert_true(n_seen > 500);
}

/* What an administrator says by name is believed, once: the next reset is one again. */
static void test_reset_that_is_accepted(void **state) {
        PlanOptions o;
        Model m;
        Instance i;

        (void)state;
        setup(&m, true);
        assert_false(first_process(&m, 1000));
        model_reset(&m);
        o = model_options(&m);
        o.accepts_reset = true;
        instance_start_with(&i, &m, &o);
        assert_finished(&i, &m);
        assert_int_equal(m.anchor.reset_count, m.reset_count);
        second_process(&i, &m);
        assert_finished(&i, &m);
        instance_start_with(&i, &m, &o);
        assert_finished(&i, &m);
        model_reset(&m);
        model_append(&m, 10);
        (void)instance_run(&i, &m, 3 * PLAN_SEC, STEPS_MAX);
        assert_state(&i, &m, PLAN_TPM_RESET, PLAN_REASON_RESET_COUNT_CHANGED);
        assert_int_equal(m.n_held[10], 0);
        model_deinit(&m);
}

/* A reset shortly after a fault, whatever state that led to. */

typedef struct Trouble {
        uint64_t at, reset_at;
        TpmOutcome outcome;
        bool is_executed, was_there;
        PlanState state; /* when it was reset */
} Trouble;

static ModelFault trouble_hook(Model *m, Instance *i, bool is_after, void *userdata) {
        Trouble *t = userdata;

        if (is_after)
                return (ModelFault){};
        if (i->n_steps == t->reset_at) {
                t->was_there = i->has_clock;
                t->state = i->plan.state;
                model_reset(m);
        }
        if (i->n_steps != t->at || !instance_sends(i))
                return (ModelFault){};
        return (ModelFault){ .outcome = t->outcome, .is_executed = t->is_executed };
}

static void test_reset_in_every_state(void **state) {
        bool seen[_PLAN_STATE_N] = {};

        (void)state;
        for (TpmOutcome outcome = TPM_ABSENT; outcome < _TPM_OUTCOME_N; ++outcome)
                for (uint64_t at = 1; at < 100; ++at)
                        for (uint64_t after = 1; after < 12; ++after) {
                                Trouble t = { .at = at,
                                              .reset_at = at + after,
                                              .outcome = outcome,
                                              .is_executed = after % 2 };
                                Model m;
                                Instance i;

                                setup_shape(&m, SHAPE_TWO, 7, 3);
                                model_pre_extend(&m, 10, 2);
                                m.hook = trouble_hook;
                                m.userdata = &t;
                                instance_start(&i, &m);
                                for (size_t n = 0; n < at + after; ++n)
                                        (void)instance_step(&i, &m);
                                if (t.was_there)
                                        seen[t.state] = true;
                                model_append(&m, 10);
                                (void)instance_run(&i, &m, 100 * PLAN_SEC, STEPS_MAX);
                                if (t.was_there)
                                        assert_state(&i, &m, PLAN_TPM_RESET,
                                                     PLAN_REASON_RESET_COUNT_CHANGED);
                                assert_null(m.violation);
                                model_deinit(&m);
                        }
        assert_true(seen[PLAN_SEARCH] && seen[PLAN_CATCH_UP] && seen[PLAN_FOLLOW] &&
                    seen[PLAN_UNKNOWN] && seen[PLAN_BACKOFF] && seen[PLAN_WAIT_TPM] &&
                    seen[PLAN_TPM_FAILED]);
}

/*
 * /run, forged and deleted
 */

static uint64_t forge(Model *m, uint64_t truth, uint64_t wide) {
        uint32_t dice = model_random(m) % 8;

        if (dice < 4)
                return truth;
        if (dice < 6)
                return truth + model_random(m) % 3 - 1;
        return dice < 7 ? model_random(m) % wide : (uint64_t)model_random(m) << 32;
}

static void test_forged_anchors_only_stop(void **state) {
        size_t n_stopped = 0, n_finished = 0;

        (void)state;
        for (uint64_t seed = 0; seed < 4000 * world_scale(); ++seed) {
                Shape shape = seed % _SHAPE_N;
                PlanOptions o;
                Model m;
                Instance i;

                setup_shape(&m, shape, 9, seed);
                (void)first_process(&m, model_random(&m) % 80);
                o = model_options(&m);
                o.has_anchor = true;
                o.anchor.pcr = (uint32_t)forge(&m, 10, TPM_PCR_N + 1);
                o.anchor.n_held = forge(&m, m.n_held[10], 12);
                o.anchor.banks = (BankMask)forge(&m, TWO_BANKS, 8);
                o.anchor.reset_count = (uint32_t)forge(&m, m.reset_count, 8);
                o.anchor.restart_count = (uint32_t)forge(&m, m.restart_count, 8);
                instance_start_with(&i, &m, &o);
                assert_true(instance_settle(&i, &m, STEPS_MAX));
                assert_null(m.violation);
                if (i.plan.state == PLAN_TPM_RESET) {
                        ++n_stopped;
                } else if (o.anchor.pcr == 10) {
                        ++n_finished;
                        assert_finished(&i, &m);
                } else {
                        assert_string_equal(plan_state_name(i.plan.state), "follow");
                        assert_int_equal(model_n_doubled(&m), 0);
                }
                /* Without it, everything is as it would have been. */
                instance_start(&i, &m);
                assert_finished(&i, &m);
                model_deinit(&m);
        }
        assert_true(n_stopped > 1000 && n_finished > 100);
}

/* The documented limit: without an anchor and without a node nothing tells of that reset. */
static void test_limit_reset_without_an_anchor(void **state) {
        Model m;
        Instance i;

        (void)state;
        setup(&m, true);
        assert_false(first_process(&m, 1000));
        model_reset(&m);
        m.has_anchor = false;
        second_process(&i, &m);
        assert_finished(&i, &m);
        assert_int_equal(m.n_held[10], 7);
        model_deinit(&m);
}

/*
 * Time
 */

typedef struct TimeRow {
        uint64_t node_sec, reset_sec, start_sec; /* 0: none; of the boot */
        uint64_t suspend_sec;                    /* long, before the reset */
        bool has_node, has_anchor, accepts_reset;
        bool is_reset;
} TimeRow;

static void test_time_tells_of_a_reset(void **state) {
        static const TimeRow rows[] = {
                { 2, 0, 1000, 0, true, false, false, false },
                { 2, 500, 1000, 0, true, false, false, true },
                { 2, 990, 1000, 0, true, false, false, true },
                { 2, 200, 1000, 0, true, false, false, false },   /* a bad clock could be that */
                { 400, 300, 1000, 0, true, false, false, false }, /* before the node was made */
                { 2, 500, 1000, 0, false, false, false, false },
                { 2, 500, 1000, 60, true, false, false, false },
                { 2, 0, 1000, 600, true, false, false, false },
                { 2, 500, 1000, 0, true, true, false, false }, /* the anchor knows better */
                { 2, 500, 1000, 0, true, false, true, false },
        };

        (void)state;
        for (size_t r = 0; r < ELEMENTSOF(rows); ++r) {
                const TimeRow *row = &rows[r];
                PlanOptions o;
                Model m;
                Instance i;

                setup(&m, true);
                m.has_node = row->has_node;
                m.node_usec = row->node_sec * PLAN_SEC;
                if (row->suspend_sec)
                        model_suspend(&m, row->suspend_sec * PLAN_SEC);
                if (row->reset_sec) {
                        m.now_usec = MAX_OF(m.now_usec, row->reset_sec * PLAN_SEC);
                        model_reset(&m);
                }
                m.now_usec = row->start_sec * PLAN_SEC;
                if (row->has_anchor) {
                        m.has_anchor = true;
                        m.anchor = (Anchor){ .pcr = 10,
                                             .banks = TWO_BANKS,
                                             .reset_count = m.reset_count };
                }
                o = model_options(&m);
                o.accepts_reset = row->accepts_reset;
                instance_start_with(&i, &m, &o);
                if (row->is_reset) {
                        assert_ends(&i, &m, PLAN_TPM_RESET, PLAN_REASON_TPM_TIME_LOW);
                        assert_int_equal(m.n_extends, 0);
                        assert_false(m.has_anchor);
                } else {
                        assert_finished(&i, &m);
                }
                model_deinit(&m);
        }
}

/* Told once, then otherwise: no verdict. */
static ModelFault young_once_hook(Model *m, Instance *i, bool is_after, void *userdata) {
        size_t *n = userdata;

        if (!is_after && i->step.kind == PLAN_STEP_READ_CLOCK)
                m->tpm_since_usec = (*n)++ == 0 ? m->now_usec : 0;
        return (ModelFault){};
}

static void test_one_low_time_ends_nothing(void **state) {
        size_t n = 0;
        Model m;
        Instance i;

        (void)state;
        setup(&m, true);
        m.now_usec = 1000 * PLAN_SEC;
        m.has_node = true;
        m.hook = young_once_hook;
        m.userdata = &n;
        instance_start(&i, &m);
        assert_finished(&i, &m);
        assert_int_equal(n, 2);
        model_deinit(&m);
}

/* At each opening in turn: the truth and no probe, then a lie about the banks. */
static ModelFault lies_apart_hook(Model *m, Instance *i, bool is_after, void *userdata) {
        size_t *n_opens = userdata;

        (void)m;
        if (is_after)
                return (ModelFault){};
        if (i->step.kind == PLAN_STEP_OPEN_TPM && ++*n_opens % 2 && *n_opens < 6)
                return (ModelFault){ .lie = MODEL_LIE_BANKS };
        if (i->step.kind == PLAN_STEP_PROBE && *n_opens < 6)
                return (ModelFault){ .outcome = TPM_UNKNOWN };
        return (ModelFault){};
}

/* The same doubt twice is a verdict only if nothing spoke against it between. */
static void test_lies_with_the_truth_between_end_nothing(void **state) {
        size_t n_opens = 0;
        Model m;
        Instance i;

        (void)state;
        setup(&m, false);
        instance_start(&i, &m);
        assert_true(instance_settle(&i, &m, STEPS_MAX));
        assert_true(instance_run(&i, &m, 5 * PLAN_SEC, STEPS_MAX));
        model_append(&m, 10);
        m.hook = lies_apart_hook;
        m.userdata = &n_opens;
        n_opens = 1; /* it is open; its next probe fails */
        while (n_opens < 6)
                assert_true(instance_step(&i, &m));
        m.hook = NULL;
        assert_finished(&i, &m);
        model_deinit(&m);
}

/* Nothing but the PCR tells, and of one record only. */
static void test_a_silent_reset_behind_one_record(void **state) {
        Model m;
        Instance i;

        (void)state;
        model_init(&m, &hashers, TWO_BANKS, 1);
        model_append(&m, 10);
        instance_start(&i, &m);
        assert_true(instance_settle(&i, &m, STEPS_MAX));
        assert_int_equal(m.n_held[10], 1);
        model_reset(&m);
        --m.reset_count;
        model_append(&m, 10);
        (void)instance_run(&i, &m, 5 * PLAN_SEC, STEPS_MAX);
        assert_state(&i, &m, PLAN_TPM_RESET, PLAN_REASON_PCR_WENT_BACK);
        assert_int_equal(m.n_held[10], 0);
        model_deinit(&m);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_restart_with_an_anchor),
                cmocka_unit_test(test_reset_before_a_restart_with_an_anchor),
                cmocka_unit_test(test_reset_that_is_accepted),
                cmocka_unit_test(test_reset_in_every_state),
                cmocka_unit_test(test_forged_anchors_only_stop),
                cmocka_unit_test(test_limit_reset_without_an_anchor),
                cmocka_unit_test(test_time_tells_of_a_reset),
                cmocka_unit_test(test_one_low_time_ends_nothing),
                cmocka_unit_test(test_lies_with_the_truth_between_end_nothing),
                cmocka_unit_test(test_a_silent_reset_behind_one_record),
        };

        return cmocka_run_group_tests(tests, world_open, world_close);
}
