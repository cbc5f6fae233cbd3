/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The plan on a TPM that is stuck, contended or lost: how often it asks, and that it goes on.
 */
#include "lib/cmocka-all.h"
#include "lib/pcr-world.h"

typedef struct Stuck {
        PlanStepKind kind;
        TpmOutcome outcome;
        bool is_executed;
        bool is_over;
} Stuck;

static ModelFault stuck_hook(Model *m, Instance *i, bool is_after, void *userdata) {
        const Stuck *s = userdata;

        (void)m;
        if (is_after || s->is_over || i->step.kind != s->kind)
                return (ModelFault){};
        return (ModelFault){ .outcome = s->outcome, .is_executed = s->is_executed };
}

/* Return: commands in the worst second of a minute, the first two seconds apart. */
static size_t worst_second(Instance *i, Model *m) {
        (void)instance_run(i, m, 2 * PLAN_SEC, STEPS_MAX);
        model_forget_rate(m);
        (void)instance_run(i, m, 60 * PLAN_SEC, 100 * STEPS_MAX);
        assert_null(m->violation);
        return m->n_window_max;
}

/* A kernel that gave up extending: behind for ever. */
static void test_kernel_that_stays_behind(void **state) {
        Model m;
        Instance i;

        (void)state;
        setup(&m, true);
        m.facts.record = MODE_RECORD_SET;
        m.facts.lists = MODE_LISTS_MORE;
        model_pre_extend(&m, 10, 4);
        instance_start(&i, &m);
        assert_in_range(worst_second(&i, &m), 0, 5);
        model_deinit(&m);
}

/* Where the kernel extends nobody needs a session for longer than a look. */
static void test_kernel_mode_keeps_no_session(void **state) {
        Model m;
        Instance i;

        (void)state;
        setup(&m, true);
        m.facts.record = MODE_RECORD_SET;
        m.facts.lists = MODE_LISTS_MORE;
        model_pre_extend(&m, 10, 7);
        model_pre_extend(&m, 11, 3);
        instance_start(&i, &m);
        assert_true(instance_run(&i, &m, 5 * PLAN_SEC, STEPS_MAX));
        assert_int_equal(i.session, 0);
        model_deinit(&m);
}

/* Faults that are long past do not make a new one worse. */
static void test_kernel_mode_forgets_faults(void **state) {
        Stuck stuck = { .kind = PLAN_STEP_READ_PCR, .outcome = TPM_BUSY, .is_over = true };
        Model m;
        Instance i;

        (void)state;
        setup(&m, false);
        m.facts.record = MODE_RECORD_SET;
        m.facts.lists = MODE_LISTS_MORE;
        model_pre_extend(&m, 10, 10);
        m.hook = stuck_hook;
        m.userdata = &stuck;
        instance_start(&i, &m);
        for (uint32_t n = 0; n < 2; ++n) {
                assert_true(instance_run(&i, &m, 700 * PLAN_SEC, STEPS_MAX));
                model_append(&m, 10);
                model_pre_extend(&m, 10, 1);
                stuck.is_over = false;
                while (i.step.kind != PLAN_STEP_CLOSE_TPM)
                        assert_true(instance_step(&i, &m));
                stuck.is_over = true;
                assert_true(instance_run(&i, &m, PLAN_SEC, STEPS_MAX));
                assert_int_equal(plan_verdict(&i.plan), PLAN_VERDICT_KERNEL);
        }
        model_deinit(&m);
}

static ModelFault rogue_hook(Model *m, Instance *i, bool is_after, void *userdata) {
        (void)userdata;
        if (!is_after && i->step.kind == PLAN_STEP_READ_PCR)
                model_foreign_extend(m, m->main_pcr, TWO_BANKS);
        return (ModelFault){};
}

/* Something extends PCR 10 all the time: no two readings are the same. */
static void test_rogue_that_never_rests(void **state) {
        Model m;
        Instance i;

        (void)state;
        setup(&m, false);
        m.hook = rogue_hook;
        instance_start(&i, &m);
        assert_in_range(worst_second(&i, &m), 0, 5);
        assert_int_equal(m.n_extends, 0);
        assert_false(plan_is_terminal(i.plan.state));
        model_deinit(&m);
}

/* It came after twenty minutes and needs a moment: no reason to give up for another minute. */
static void test_late_tpm_that_is_busy_at_first(void **state) {
        Stuck stuck = { .kind = PLAN_STEP_OPEN_TPM, .outcome = TPM_ABSENT };
        Model m;
        Instance i;

        (void)state;
        setup(&m, false);
        m.hook = stuck_hook;
        m.userdata = &stuck;
        instance_start(&i, &m);
        assert_true(instance_run(&i, &m, 1200 * PLAN_SEC, STEPS_MAX));
        assert_state(&i, &m, PLAN_WAIT_TPM, PLAN_REASON_TPM_UNAVAILABLE);
        stuck = (Stuck){ .kind = PLAN_STEP_READ_CLOCK, .outcome = TPM_BUSY };
        while (i.plan.state == PLAN_WAIT_TPM)
                assert_true(instance_step(&i, &m));
        assert_state(&i, &m, PLAN_BACKOFF, PLAN_REASON_TPM_BUSY);
        stuck.is_over = true;
        assert_true(instance_run(&i, &m, 3 * PLAN_SEC, STEPS_MAX));
        assert_state(&i, &m, PLAN_FOLLOW, PLAN_REASON_NONE);
        model_deinit(&m);
}

/* Every answer is lost, every extend is executed: slow, but it comes on. */
static void test_progress_without_answers(void **state) {
        Stuck stuck = { .kind = PLAN_STEP_EXTEND, .outcome = TPM_UNKNOWN, .is_executed = true };
        Model m;
        Instance i;

        (void)state;
        setup(&m, true);
        for (uint32_t n = 0; n < 40; ++n)
                model_append(&m, 10);
        m.hook = stuck_hook;
        m.userdata = &stuck;
        instance_start(&i, &m);
        for (size_t n = 0; n < STEPS_MAX && i.plan.state != PLAN_FOLLOW; ++n) {
                assert_true(instance_step(&i, &m));
                assert_int_not_equal(i.plan.state, PLAN_TPM_FAILED);
        }
        assert_true(model_is_extended(&m));
        model_deinit(&m);
}

/* Once refused, once: a single answer ends no boot. */
static ModelFault refuse_once_hook(Model *m, Instance *i, bool is_after, void *userdata) {
        bool *was_there = userdata;

        (void)m;
        if (is_after || i->step.kind != PLAN_STEP_EXTEND || i->step.pcr != 10 || *was_there)
                return (ModelFault){};
        *was_there = true;
        return (ModelFault){ .outcome = TPM_REFUSED };
}

static void test_refused_once(void **state) {
        bool was_there = false;
        Model m;
        Instance i;

        (void)state;
        setup(&m, false);
        m.hook = refuse_once_hook;
        m.userdata = &was_there;
        instance_start(&i, &m);
        (void)instance_run(&i, &m, 180 * PLAN_SEC, STEPS_MAX);
        assert_state(&i, &m, PLAN_FOLLOW, PLAN_REASON_NONE);
        model_deinit(&m);
}

/* Banks that are told otherwise each time: never believed, and asked for ever more rarely. */
static ModelFault other_banks_hook(Model *m, Instance *i, bool is_after, void *userdata) {
        unsigned *n_opened = userdata;

        (void)m;
        if (is_after || i->step.kind != PLAN_STEP_OPEN_TPM)
                return (ModelFault){};
        return (ModelFault){ .lie = ++*n_opened % 2 ? MODEL_LIE_BANKS : MODEL_LIE_NONE };
}

static void test_banks_that_alternate(void **state) {
        unsigned n_opened = 0;
        Model m;
        Instance i;

        (void)state;
        setup(&m, false);
        m.hook = other_banks_hook;
        m.userdata = &n_opened;
        instance_start(&i, &m);
        (void)instance_run(&i, &m, 120 * PLAN_SEC, STEPS_MAX);
        assert_int_equal(i.plan.n_extended, 0);
        assert_in_range(n_opened, 3, 40);
        model_deinit(&m);
}

/* One refusal here and one there are two lies, not an answer. */
static ModelFault refuse_two_hook(Model *m, Instance *i, bool is_after, void *userdata) {
        unsigned *seen = userdata;
        bool is_read = i->step.kind == PLAN_STEP_READ_PCR && !(*seen & 1);
        bool is_extend =
                i->step.kind == PLAN_STEP_EXTEND && i->plan.n_extended == 2 && !(*seen & 2);

        (void)m;
        if (is_after || (!is_read && !is_extend))
                return (ModelFault){};
        *seen |= is_read ? 1 : 2;
        return (ModelFault){ .outcome = TPM_REFUSED };
}

static void test_two_refusals_of_two_commands(void **state) {
        unsigned seen = 0;
        Model m;
        Instance i;

        (void)state;
        setup(&m, false);
        m.hook = refuse_two_hook;
        m.userdata = &seen;
        instance_start(&i, &m);
        (void)instance_run(&i, &m, 180 * PLAN_SEC, STEPS_MAX);
        assert_int_equal(seen, 3);
        assert_state(&i, &m, PLAN_FOLLOW, PLAN_REASON_NONE);
        model_deinit(&m);
}

/* At rest in a state that is not terminal: a late event must not bring a second try unread. */
static void test_refused_then_any_event(void **state) {
        bool was_there = false;
        Model m;
        Instance i;

        (void)state;
        setup(&m, false);
        m.hook = refuse_once_hook;
        m.userdata = &was_there;
        instance_start(&i, &m);
        while (!was_there)
                (void)instance_step(&i, &m);
        for (PlanEventKind kind = PLAN_EVENT_TPM_CLOSED; kind < PLAN_EVENT_STOP; ++kind) {
                Plan copy = i.plan;
                PlanStep step;

                if (kind != PLAN_EVENT_TPM_CLOSED && kind != PLAN_EVENT_TIMER)
                        continue;
                for (uint32_t n = 0; n < 3; ++n) {
                        PlanEvent e = { .kind = n ? PLAN_EVENT_LIST_END : kind };

                        assert_int_equal(plan_next(&copy, &e, &step), 0);
                        assert_int_not_equal(step.kind, PLAN_STEP_EXTEND);
                        assert_int_not_equal(step.kind, PLAN_STEP_NEXT_RECORD);
                }
        }
        model_deinit(&m);
}

/* Lies that are told now and then, the truth between them, confirm nothing. */
static ModelFault now_and_then_hook(Model *m, Instance *i, bool is_after, void *userdata) {
        size_t *n = userdata;

        if (is_after)
                return (ModelFault){};
        if (i->step.kind == PLAN_STEP_READ_CLOCK)
                return (ModelFault){ .lie = ++*n % 3 == 2 ? MODEL_LIE_CLOCK : MODEL_LIE_NONE };
        if (i->step.kind == PLAN_STEP_EXTEND && m->now_usec < 20 * PLAN_SEC)
                return (ModelFault){ .outcome = TPM_BUSY };
        return (ModelFault){};
}

static void test_the_same_lie_now_and_then(void **state) {
        size_t n = 0;
        Model m;
        Instance i;

        (void)state;
        setup(&m, false);
        m.hook = now_and_then_hook;
        m.userdata = &n;
        instance_start(&i, &m);
        (void)instance_run(&i, &m, 60 * PLAN_SEC, STEPS_MAX);
        assert_state(&i, &m, PLAN_FOLLOW, PLAN_REASON_NONE);
        model_deinit(&m);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_kernel_that_stays_behind),
                cmocka_unit_test(test_kernel_mode_keeps_no_session),
                cmocka_unit_test(test_kernel_mode_forgets_faults),
                cmocka_unit_test(test_rogue_that_never_rests),
                cmocka_unit_test(test_late_tpm_that_is_busy_at_first),
                cmocka_unit_test(test_progress_without_answers),
                cmocka_unit_test(test_refused_once),
                cmocka_unit_test(test_refused_then_any_event),
                cmocka_unit_test(test_banks_that_alternate),
                cmocka_unit_test(test_two_refusals_of_two_commands),
                cmocka_unit_test(test_the_same_lie_now_and_then),
        };

        return cmocka_run_group_tests(tests, world_open, world_close);
}
