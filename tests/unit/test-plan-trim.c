/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lists that lose their head: records that only the spool has are never extended, and a list that
 * was let go is taken again before anything else.
 */
#include "lib/cmocka-all.h"
#include "lib/pcr-world.h"

/*
 * Where the PCR stands to what was trimmed
 */

static void test_restart_on_a_trimmed_list(void **state) {
        (void)state;
        for (size_t floor = 0; floor < 10; ++floor)
                for (uint64_t k = 0; k <= 10; ++k) {
                        Model m;
                        Instance i;

                        setup(&m, false);
                        model_pre_extend(&m, 10, k);
                        m.n_spooled = 10;
                        model_trim(&m, floor);
                        instance_start(&i, &m);
                        if (k < floor) {
                                assert_ends(&i, &m, PLAN_LIST_TRIMMED, PLAN_REASON_RECORDS_GONE);
                                assert_int_equal(m.n_extends, 0);
                                assert_int_equal(plan_verdict(&i.plan), PLAN_VERDICT_FAILED);
                        } else {
                                assert_finished(&i, &m);
                        }
                        model_deinit(&m);
                }
}

/* A side chain whose records are gone is left alone; the main chain goes on. */
static void test_records_of_a_side_chain_are_gone(void **state) {
        (void)state;
        for (size_t floor = 0; floor < 10; ++floor)
                for (uint64_t k = 0; k <= 3; ++k) {
                        bool is_gone = floor > 3 * k + 1; /* records 1, 4 and 7 */
                        Model m;
                        Instance i;

                        setup(&m, true);
                        model_pre_extend(&m, 10, 7);
                        model_pre_extend(&m, 11, k);
                        m.n_spooled = 10;
                        model_trim(&m, floor);
                        instance_start(&i, &m);
                        assert_ends(&i, &m, PLAN_FOLLOW, PLAN_REASON_NONE);
                        model_append(&m, 10);
                        model_append(&m, 11);
                        (void)instance_run(&i, &m, PLAN_SEC, STEPS_MAX);
                        assert_state(&i, &m, PLAN_FOLLOW, PLAN_REASON_NONE);
                        assert_int_equal(m.n_held[10], 8);
                        assert_int_equal(m.n_held[11], is_gone && k < 3 ? k : 4);
                        model_deinit(&m);
                }
}

/* Read anew for a side chain: what the main chain holds may have been trimmed meanwhile. */
static void test_rewind_on_a_trimmed_list(void **state) {
        (void)state;
        for (size_t floor = 0; floor < 10; ++floor) {
                Model m;
                Instance i;

                start_following(&i, &m, false);
                model_trim(&m, floor);
                model_append(&m, 11);
                model_foreign_extend(&m, 11, TWO_BANKS);
                model_append(&m, 10);
                (void)instance_run(&i, &m, PLAN_SEC, STEPS_MAX);
                assert_state(&i, &m, PLAN_FOLLOW, PLAN_REASON_NONE);
                assert_int_equal(m.n_held[10], 11);
                model_deinit(&m);
        }
}

/*
 * The head is gone and nothing tells what it was
 */

static void test_lost_at_the_start(void **state) {
        Model m;
        Instance i;

        (void)state;
        setup(&m, false);
        model_trim(&m, 3);
        instance_start(&i, &m);
        assert_ends(&i, &m, PLAN_LIST_TRIMMED, PLAN_REASON_LIST_REPLACED);
        assert_int_equal(m.n_commands, 0);
        model_deinit(&m);
}

typedef struct Away {
        PlanStepKind kind;
        size_t n; /* times still that the list cannot be had */
        bool is_lost, was_there, was_state;
} Away;

/* Just before the step the list is let go, as it were. */
static ModelFault away_hook(Model *m, Instance *i, bool is_after, void *userdata) {
        Away *a = userdata;

        m->is_away = false;
        if (is_after || i->step.kind != a->kind || (a->n == 0 && !a->is_lost) ||
            (a->kind == PLAN_STEP_NEXT_RECORD && i->plan.state != PLAN_FOLLOW &&
             i->plan.state != PLAN_WAIT_LIST))
                return (ModelFault){};
        a->was_there = true;
        a->was_state |= i->plan.reason == PLAN_REASON_LIST_UNREADABLE;
        i->holds_list = false;
        if (a->is_lost) {
                m->n_spooled = 0;
                model_trim(m, 5);
        } else {
                --a->n;
                m->is_away = true;
        }
        return (ModelFault){};
}

/* Makes a rewind necessary, and later a read. */
static void run_with(Instance *i, Model *m, Away *a) {
        setup(m, true);
        m->hook = away_hook;
        m->userdata = a;
        instance_start(i, m);
        (void)instance_run(i, m, 2 * PLAN_SEC, STEPS_MAX);
        model_append(m, 12);
        model_foreign_extend(m, 12, TWO_BANKS);
        model_append(m, 10);
        model_append(m, 11);
        (void)instance_run(i, m, 10 * PLAN_SEC, STEPS_MAX);
        assert_true(a->was_there);
}

static void test_lost_later(void **state) {
        static const PlanStepKind kinds[] = { PLAN_STEP_REWIND, PLAN_STEP_NEXT_RECORD };

        (void)state;
        for (size_t k = 0; k < ELEMENTSOF(kinds); ++k) {
                Away a = { .kind = kinds[k], .is_lost = true };
                Model m;
                Instance i;

                run_with(&i, &m, &a);
                assert_state(&i, &m, PLAN_LIST_TRIMMED, PLAN_REASON_LIST_REPLACED);
                assert_int_equal(i.step.kind, PLAN_STEP_REST);
                model_deinit(&m);
        }
}

static void test_away_for_a_while(void **state) {
        static const PlanStepKind kinds[] = { PLAN_STEP_OPEN_LIST, PLAN_STEP_REWIND,
                                              PLAN_STEP_NEXT_RECORD };

        (void)state;
        for (size_t k = 0; k < ELEMENTSOF(kinds); ++k)
                for (size_t n = 1; n < 15; ++n) {
                        Away a = { .kind = kinds[k], .n = n };
                        Model m;
                        Instance i;

                        run_with(&i, &m, &a);
                        assert_finished(&i, &m);
                        assert_int_equal(a.n, 0);
                        assert_true(a.was_state || n < 12); /* a second of it is told */
                        model_deinit(&m);
                }
}

/*
 * Letting go (HoldList=until-extended)
 */

/* Is everything dealt with, whenever it is let go? */
static ModelFault let_go_hook(Model *m, Instance *i, bool is_after, void *userdata) {
        size_t *n = userdata;

        if (is_after || i->step.kind != PLAN_STEP_RELEASE_LIST)
                return (ModelFault){};
        ++*n;
        assert_true(model_is_extended(m));
        assert_int_equal(plan_verdict(&i->plan), PLAN_VERDICT_EXTENDED);
        return (ModelFault){};
}

static void test_trimmed_while_let_go(void **state) {
        (void)state;
        for (int hides_count = 0; hides_count < 2; ++hides_count) {
                size_t n_released = 0;
                Model m;
                Instance i;

                setup(&m, true);
                m.hook = let_go_hook;
                m.userdata = &n_released;
                m.hides_count = hides_count;
                instance_start(&i, &m);
                for (size_t n = 0; n < 50; ++n) {
                        (void)instance_run(&i, &m, 1500 * PLAN_MSEC, STEPS_MAX);
                        assert_finished(&i, &m);
                        assert_false(i.holds_list);
                        model_trim(&m, m.n_list - 1);
                        for (size_t k = 0; k < n % 4; ++k)
                                model_append(&m, k == 2 ? 11 : 10);
                }
                /* Once in each quiet time; where the count is unknown the list is looked at. */
                assert_in_range(n_released, 37, hides_count ? 1000 : 50);
                model_deinit(&m);
        }
}

/* Not while a record is being written, nor while there is something to do. */
static void test_not_let_go(void **state) {
        size_t n_released = 0;
        Model m;
        Instance i;

        (void)state;
        setup(&m, true);
        m.hook = let_go_hook;
        m.userdata = &n_released;
        m.n_shown = 7;
        instance_start(&i, &m);
        (void)instance_run(&i, &m, 10 * PLAN_SEC, STEPS_MAX);
        assert_int_equal(n_released, 0);
        assert_true(i.holds_list);
        m.n_shown = SIZE_MAX;
        for (size_t n = 0; n < 100; ++n) {
                model_append(&m, 10);
                (void)instance_run(&i, &m, 500 * PLAN_MSEC, STEPS_MAX);
        }
        assert_int_equal(n_released, 0);
        (void)instance_run(&i, &m, 10 * PLAN_SEC, STEPS_MAX);
        assert_in_range(n_released, 1, 4);
        assert_finished(&i, &m);
        model_deinit(&m);
}

static void test_held_list(void **state) {
        Model m;
        Instance i;

        (void)state;
        setup(&m, true);
        m.is_held = true;
        instance_start(&i, &m);
        (void)instance_run(&i, &m, 10 * PLAN_SEC, STEPS_MAX);
        assert_true(i.holds_list);
        m.is_away = true; /* which is no matter to who holds it */
        model_append(&m, 10);
        (void)instance_run(&i, &m, PLAN_SEC, STEPS_MAX);
        assert_true(model_is_extended(&m));
        assert_null(m.violation);
        model_deinit(&m);
}

/* A kernel that extends by itself: its list is let go as well. */
static void test_let_go_where_the_kernel_extends(void **state) {
        Model m;
        Instance i;

        (void)state;
        setup(&m, false);
        m.facts.record = MODE_RECORD_SET;
        m.facts.lists = MODE_LISTS_MORE;
        model_pre_extend(&m, 10, 10);
        instance_start(&i, &m);
        for (size_t n = 0; n < 20; ++n) {
                (void)instance_run(&i, &m, 3 * PLAN_SEC, STEPS_MAX);
                assert_null(m.violation);
                assert_int_equal(plan_verdict(&i.plan), PLAN_VERDICT_KERNEL);
                assert_false(i.holds_list);
                model_trim(&m, m.n_list - 1);
                model_append(&m, 10);
                (void)instance_run(&i, &m, 10 * PLAN_MSEC * (n % 5), STEPS_MAX);
                model_pre_extend(&m, 10, 1);
        }
        model_deinit(&m);
}

/*
 * How long the list is
 */

static void test_shrunk_by_trimming(void **state) {
        (void)state;
        for (size_t at = 0; at < 10; ++at) {
                Model m;
                Instance i;

                start_following(&i, &m, true);
                (void)instance_run(&i, &m, at * 100 * PLAN_MSEC, STEPS_MAX);
                i.n_count = 20; /* as it seemed once */
                (void)instance_run(&i, &m, PLAN_SEC, STEPS_MAX);
                model_append(&m, 10);
                (void)instance_run(&i, &m, PLAN_SEC, STEPS_MAX);
                assert_finished(&i, &m);
                assert_int_equal(i.plan.n_listed, 11);
                model_deinit(&m);
        }
}

/* Records are gone from its end: no kernel does that, and nothing explains it. */
static void test_shrunk_at_the_end(void **state) {
        Model m;
        Instance i;

        (void)state;
        start_following(&i, &m, true);
        (void)instance_run(&i, &m, 3 * PLAN_SEC, STEPS_MAX);
        m.n_list = 5;
        (void)instance_run(&i, &m, 3 * PLAN_SEC, STEPS_MAX);
        assert_state(&i, &m, PLAN_LIST_TRIMMED, PLAN_REASON_RECORDS_GONE);
        model_deinit(&m);
}

/* Short once, whole when it is looked at again, and the same much later: no verdict of it. */
static ModelFault short_once_hook(Model *m, Instance *i, bool is_after, void *userdata) {
        (void)userdata;
        if (is_after && i->step.kind == PLAN_STEP_CLOSE_TPM && m->n_list == 5)
                m->n_list = 10;
        return (ModelFault){};
}

static void test_shrunk_once_and_again(void **state) {
        Model m;
        Instance i;

        (void)state;
        start_following(&i, &m, true);
        m.hook = short_once_hook;
        for (uint32_t n = 0; n < 5; ++n) {
                (void)instance_run(&i, &m, 100 * PLAN_SEC, STEPS_MAX);
                m.n_list = 5;
                (void)instance_run(&i, &m, 100 * PLAN_SEC, STEPS_MAX);
                assert_int_equal(m.n_list, 10);
                assert_finished(&i, &m);
        }
        model_deinit(&m);
}

/* The same number of records, but not the same: they do not give what they gave. */
static void test_other_records(void **state) {
        (void)state;
        for (size_t at = 0; at < 10; ++at) {
                Model m;
                Instance i;

                start_following(&i, &m, true);
                (void)instance_run(&i, &m, at * PLAN_SEC / 4, STEPS_MAX);
                m.list[at].record.digests.of[DIGEST_SHA256].data[0] ^= 1;
                i.n_count = 20; /* so that it is read anew */
                (void)instance_run(&i, &m, PLAN_SEC, STEPS_MAX);
                assert_state(&i, &m, PLAN_LIST_TRIMMED, PLAN_REASON_LIST_REPLACED);
                model_deinit(&m);
        }
}

static void test_unknown_count(void **state) {
        Model m;
        Instance i;

        (void)state;
        setup(&m, true);
        m.hides_count = true;
        instance_start(&i, &m);
        for (size_t n = 0; n < 100; ++n) {
                (void)instance_run(&i, &m, n * 20 * PLAN_MSEC, STEPS_MAX);
                model_append(&m, n % 3 ? 10 : 11);
        }
        (void)instance_run(&i, &m, PLAN_SEC, STEPS_MAX);
        assert_finished(&i, &m);
        assert_int_equal(i.plan.n_listed, 110);
        model_deinit(&m);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_restart_on_a_trimmed_list),
                cmocka_unit_test(test_records_of_a_side_chain_are_gone),
                cmocka_unit_test(test_rewind_on_a_trimmed_list),
                cmocka_unit_test(test_lost_at_the_start),
                cmocka_unit_test(test_lost_later),
                cmocka_unit_test(test_away_for_a_while),
                cmocka_unit_test(test_trimmed_while_let_go),
                cmocka_unit_test(test_not_let_go),
                cmocka_unit_test(test_held_list),
                cmocka_unit_test(test_let_go_where_the_kernel_extends),
                cmocka_unit_test(test_shrunk_by_trimming),
                cmocka_unit_test(test_shrunk_at_the_end),
                cmocka_unit_test(test_shrunk_once_and_again),
                cmocka_unit_test(test_other_records),
                cmocka_unit_test(test_unknown_count),
        };

        return cmocka_run_group_tests(tests, world_open, world_close);
}
