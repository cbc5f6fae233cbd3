/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One crash, stale extend, fault, lie or reset at every step: each record exactly once, or none.
 */
#include "lib/cmocka-all.h"
#include "lib/pcr-world.h"

/*
 * A crash at every step
 */

typedef enum CrashKind {
        CRASH_BEFORE,    /* the command was not sent */
        CRASH_AFTER,     /* executed, not answered */
        CRASH_STALE,     /* sent, executed or refused some steps later */
        CRASH_STALE_OWN, /* the same, and the session stays in the TPM */
        _CRASH_KIND_N,
} CrashKind;

typedef struct Crash {
        CrashKind kind;
        uint64_t at, deliver_at; /* steps of the first instance, of the second */
        bool was_there, is_over;
} Crash;

static ModelFault crash_hook(Model *m, Instance *i, bool is_after, void *userdata) {
        Crash *c = userdata;
        bool keeps = c->kind == CRASH_STALE_OWN;
        uint64_t exclusive = m->exclusive;

        if (c->is_over) {
                if (!is_after && i->n_steps == c->deliver_at)
                        model_deliver_stale(m);
                return (ModelFault){};
        }
        if (i->n_steps != c->at || is_after != (c->kind == CRASH_AFTER))
                return (ModelFault){};
        if (c->kind >= CRASH_STALE && i->step.kind == PLAN_STEP_EXTEND)
                model_leave_stale(m, i);
        instance_crash(i, m);
        if (keeps)
                m->exclusive = exclusive;
        c->was_there = true;
        return (ModelFault){};
}

/* Return: whether there was such a step. */
static bool crash_once(Shape shape, size_t n_list, Crash c) {
        Model m;
        Instance i;

        setup_shape(&m, shape, n_list, 7 + n_list);
        m.hook = crash_hook;
        m.userdata = &c;
        instance_start(&i, &m);
        (void)instance_settle(&i, &m, 400);
        c.is_over = true;
        instance_start(&i, &m);
        if (n_list > 0)
                assert_finished(&i, &m);
        model_deliver_stale(&m);
        assert_null(m.violation);
        model_deinit(&m);
        return c.was_there;
}

static void test_crash_at_every_step(void **state) {
        static const size_t sizes[] = { 0, 1, 2, 7, 40 };

        (void)state;
        for (Shape shape = 0; shape < _SHAPE_N; ++shape)
                for (size_t s = 0; s < ELEMENTSOF(sizes); ++s)
                        for (CrashKind kind = 0; kind < _CRASH_KIND_N; ++kind)
                                for (Crash c = { .kind = kind, .at = 1, .deliver_at = 3 };
                                     crash_once(shape, sizes[s], c) && c.at < 400; ++c.at)
                                        ;
}

static void test_stale_extend_at_every_step(void **state) {
        Crash c = {};

        (void)state;
        for (c.kind = CRASH_STALE; c.kind < _CRASH_KIND_N; ++c.kind)
                for (c.at = 1; crash_once(SHAPE_TWO, 7, (Crash){ .kind = c.kind, .at = c.at });
                     ++c.at)
                        for (c.deliver_at = 1; c.deliver_at < 60; ++c.deliver_at)
                                assert_true(crash_once(SHAPE_TWO, 7, c));
}

/*
 * One fault at every step
 */

typedef struct Once {
        uint64_t at;
        bool is_reset, was_there;
        bool is_late; /* after the step, not before it */
        ModelFault fault;
} Once;

static ModelFault once_hook(Model *m, Instance *i, bool is_after, void *userdata) {
        Once *o = userdata;

        if (o->was_there || i->n_steps < o->at || is_after != o->is_late)
                return (ModelFault){};
        if (o->is_reset) {
                model_reset(m);
        } else if ((o->fault.lie == MODEL_LIE_PCR && i->step.kind != PLAN_STEP_READ_PCR) ||
                   (o->fault.lie == MODEL_LIE_CLOCK && i->step.kind != PLAN_STEP_READ_CLOCK) ||
                   (o->fault.lie == MODEL_LIE_BANKS && i->step.kind != PLAN_STEP_OPEN_TPM) ||
                   !instance_sends(i)) {
                return (ModelFault){};
        }
        o->was_there = true;
        return o->fault;
}

static bool fault_once(Shape shape, size_t n_list, Once o) {
        Model m;
        Instance i;

        setup_shape(&m, shape, n_list, 3);
        m.hook = once_hook;
        m.userdata = &o;
        instance_start(&i, &m);
        (void)instance_settle(&i, &m, STEPS_MAX);
        for (size_t n = 0; n < 5; ++n)
                append_shaped(&m, shape);
        /* leave FOLLOW, then return to it */
        (void)instance_step(&i, &m);
        if (!o.is_reset)
                assert_finished(&i, &m);
        model_deinit(&m);
        return o.was_there;
}

static void test_every_fault_once_at_every_step(void **state) {
        (void)state;
        for (TpmOutcome outcome = TPM_ABSENT; outcome < _TPM_OUTCOME_N; ++outcome)
                for (int is_executed = 0; is_executed < 2; ++is_executed)
                        for (Once o = { .fault = { outcome, is_executed } };
                             fault_once(SHAPE_TWO, 9, o); ++o.at)
                                if (outcome == TPM_REFUSED)
                                        break; /* has tests of its own */
}

/* Lies at each place where there is a question of the kind. */
static void lie_everywhere(Shape shape, ModelLie lie, uint64_t from) {
        for (Once o = { .at = from, .fault.lie = lie }; fault_once(shape, 9, o); ++o.at)
                ;
}

static void test_a_lying_pcr_ends_nothing(void **state) {
        (void)state;
        lie_everywhere(SHAPE_ONE, MODEL_LIE_PCR, 0);
}

static void test_a_lying_side_pcr_ends_nothing(void **state) {
        (void)state;
        lie_everywhere(SHAPE_TWO, MODEL_LIE_PCR, 0);
}

/*
 * Two contexts are opened at the start, for the banks alone; a third only after something went
 * wrong, so a later lie is told after an unknown outcome.
 */
typedef struct LieLater {
        ModelLie lie;
        uint64_t n_opened, told_at;
        bool has_failed;
} LieLater;

static ModelFault lie_later_hook(Model *m, Instance *i, bool is_after, void *userdata) {
        LieLater *l = userdata;

        (void)m;
        if (is_after)
                return (ModelFault){};
        if (i->step.kind == PLAN_STEP_EXTEND && i->plan.n_extended == 4 && !l->has_failed) {
                l->has_failed = true;
                return (ModelFault){ .outcome = TPM_UNKNOWN };
        }
        if (i->step.kind == PLAN_STEP_OPEN_TPM)
                ++l->n_opened;
        return (ModelFault){ .lie = l->n_opened == l->told_at ? l->lie : MODEL_LIE_NONE };
}

static void lie_later(ModelLie lie, uint64_t told_at) {
        LieLater l = { .lie = lie, .told_at = told_at };
        Model m;
        Instance i;

        setup_shape(&m, SHAPE_ONE, 9, 3);
        m.hook = lie_later_hook;
        m.userdata = &l;
        instance_start(&i, &m);
        assert_finished(&i, &m);
        assert_true(l.n_opened >= told_at);
        model_deinit(&m);
}

static void test_a_later_lie_ends_nothing(void **state) {
        (void)state;
        lie_later(MODEL_LIE_BANKS, 2);
        lie_later(MODEL_LIE_CLOCK, 3);
        lie_later(MODEL_LIE_BANKS, 3);
        lie_later(MODEL_LIE_PCR, 3);
}

/* What was told first has nothing to be compared with: it looks like a reset, and I13 wins. */
static void test_a_first_lie_about_the_clock_is_a_reset(void **state) {
        LieLater l = { .lie = MODEL_LIE_CLOCK, .told_at = 2 };
        Model m;
        Instance i;

        (void)state;
        setup_shape(&m, SHAPE_ONE, 9, 3);
        m.hook = lie_later_hook;
        m.userdata = &l;
        instance_start(&i, &m);
        assert_true(instance_settle(&i, &m, STEPS_MAX));
        assert_state(&i, &m, PLAN_TPM_RESET, PLAN_REASON_RESET_COUNT_CHANGED);
        assert_int_equal(m.n_held[10], 4);
        model_deinit(&m);
}

static void test_a_first_lie_about_the_banks_ends_nothing(void **state) {
        (void)state;
        lie_later(MODEL_LIE_BANKS, 1);
}

/*
 * A reset at every step
 */

static bool reset_once(Shape shape, size_t n_list, Once o) {
        bool is_to_be_seen;
        Model m;
        Instance i;

        o.is_reset = true;
        setup_shape(&m, shape, n_list, 3);
        m.hook = once_hook;
        m.userdata = &o;
        instance_start(&i, &m);
        (void)instance_settle(&i, &m, STEPS_MAX);
        (void)instance_run(&i, &m, 2 * PLAN_SEC, STEPS_MAX);
        append_shaped(&m, shape);
        model_append(&m, 11);
        (void)instance_run(&i, &m, 2 * PLAN_SEC, STEPS_MAX);
        is_to_be_seen = o.was_there && i.has_clock && i.reset_count != m.reset_count;
        model_append(&m, 10);
        (void)instance_run(&i, &m, 2 * PLAN_SEC, STEPS_MAX);
        if (m.violation)
                fail_msg("%s: reset at step %u", m.violation, (unsigned)o.at);
        if (is_to_be_seen)
                assert_string_equal(plan_state_name(i.plan.state), "tpm_reset");
        model_deinit(&m);
        return o.was_there;
}

static void test_no_extend_after_a_reset(void **state) {
        (void)state;
        for (Shape shape = 0; shape < _SHAPE_N; ++shape)
                for (int is_after = 0; is_after < 2; ++is_after)
                        for (Once o = { .is_late = is_after }; reset_once(shape, 9, o); ++o.at)
                                ;
}

/* FOLLOW, session flushed, reset; then the first record of a PCR that was never used before. */
static void test_no_extend_of_a_new_pcr_after_a_reset(void **state) {
        Model m;
        Instance i;

        (void)state;
        setup_shape(&m, SHAPE_ONE, 3, 3);
        instance_start(&i, &m);
        assert_finished(&i, &m);
        assert_true(instance_run(&i, &m, 2 * PLAN_SEC, STEPS_MAX));
        model_reset(&m);
        model_append(&m, 11);
        (void)instance_run(&i, &m, 2 * PLAN_SEC, STEPS_MAX);
        assert_null(m.violation);
        assert_int_equal(m.n_held[11], 0);
        assert_string_equal(plan_state_name(i.plan.state), "tpm_reset");
        model_deinit(&m);
}

/* Control: without the exclusive rule the same test must find records that are doubled. */

static void test_control_stale(void **state) {
        Crash c = { .kind = CRASH_STALE };
        size_t n_doubled = 0;

        (void)state;
        for (c.at = 1; c.at < 60; ++c.at)
                for (c.deliver_at = 1; c.deliver_at < 60; ++c.deliver_at) {
                        Crash this = c;
                        Instance i;
                        Model m;

                        setup_shape(&m, SHAPE_ONE, 7, 7);
                        m.is_unguarded = true;
                        m.hook = crash_hook;
                        m.userdata = &this;
                        instance_start(&i, &m);
                        (void)instance_settle(&i, &m, 400);
                        this.is_over = true;
                        instance_start(&i, &m);
                        (void)instance_settle(&i, &m, 400);
                        n_doubled += model_n_doubled(&m);
                        model_deinit(&m);
                }
        assert_true(n_doubled > 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_crash_at_every_step),
                cmocka_unit_test(test_stale_extend_at_every_step),
                cmocka_unit_test(test_every_fault_once_at_every_step),
                cmocka_unit_test(test_a_lying_pcr_ends_nothing),
                cmocka_unit_test(test_a_lying_side_pcr_ends_nothing),
                cmocka_unit_test(test_a_later_lie_ends_nothing),
                cmocka_unit_test(test_a_first_lie_about_the_clock_is_a_reset),
                cmocka_unit_test(test_a_first_lie_about_the_banks_ends_nothing),
                cmocka_unit_test(test_no_extend_after_a_reset),
                cmocka_unit_test(test_no_extend_of_a_new_pcr_after_a_reset),
                cmocka_unit_test(test_control_stale),
        };

        return cmocka_run_group_tests(tests, world_open, world_close);
}
