/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The plan from state to state: the list grows, is cut, replaced; PCRs and banks change.
 */
#include "lib/cmocka-all.h"
#include "lib/pcr-act.h"

#include <string.h>

static void test_the_way_through_the_states(void **state) {
        static const PlanState way[] = { PLAN_INIT,   PLAN_WAIT_LIST, PLAN_WAIT_TPM,
                                         PLAN_SEARCH, PLAN_CATCH_UP,  PLAN_FOLLOW };
        size_t at = 0;
        Model m;
        Instance i;

        (void)state;
        setup(&m, true);
        model_pre_extend(&m, 10, 2);
        m.list_state = PLAN_LIST_UNREADABLE;
        instance_start(&i, &m);
        while (at + 1 < ELEMENTSOF(way)) {
                if (i.plan.state != way[at])
                        assert_int_equal(i.plan.state, way[++at]);
                if (i.plan.state == PLAN_WAIT_LIST)
                        m.list_state = PLAN_LIST_READY;
                assert_true(instance_step(&i, &m));
        }
        model_deinit(&m);
}

static void test_follow(void **state) {
        Model m;
        Instance i;

        (void)state;
        start_following(&i, &m, true);
        for (uint32_t n = 0; n < 600; ++n) {
                model_append(&m, n % 2 ? 10 : 11);
                assert_true(instance_run(&i, &m, n % 50 ? 20000 : 3 * PLAN_SEC, STEPS_MAX));
                assert_state(&i, &m, PLAN_FOLLOW, PLAN_REASON_NONE);
                assert_true(model_is_extended(&m));
                if (n % 50)
                        continue; /* verified when it is quiet */
                assert_int_equal(i.plan.chain[10].n_unverified, 0);
                assert_int_equal(i.plan.chain[11].n_unverified, 0);
        }
        assert_true(instance_run(&i, &m, 3 * PLAN_SEC, STEPS_MAX));
        assert_int_equal(i.session, 0); /* flushed when idle */
        assert_int_equal(i.plan.n_listed, 610);
        assert_int_equal(i.plan.n_extended, 610);
        model_deinit(&m);
}

static void test_a_long_burst_is_verified(void **state) {
        size_t n_reads;
        Model m;
        Instance i;

        (void)state;
        start_following(&i, &m, false);
        n_reads = m.n_reads;
        for (uint32_t n = 0; n < 5 * PLAN_VERIFY_RECORDS; ++n)
                model_append(&m, 10);
        assert_true(instance_run(&i, &m, 3 * PLAN_SEC, STEPS_MAX));
        assert_true(model_is_extended(&m));
        assert_true(m.n_reads - n_reads >= 5 && m.n_reads - n_reads <= 8);
        model_deinit(&m);
}

/* What comes while it follows takes back nothing of what was said. */
static void test_stays_extended_as_records_come(void **state) {
        Model m;
        Instance i;

        (void)state;
        start_following(&i, &m, false);
        for (size_t n = 0; n < 5; ++n) {
                model_append(&m, 10);
                step_to(&i, &m, PLAN_STEP_EXTEND);
                do {
                        assert_int_equal(plan_verdict(&i.plan), PLAN_VERDICT_EXTENDED);
                        assert_true(instance_step(&i, &m));
                } while (i.step.kind != PLAN_STEP_WAIT);
        }
        assert_true(model_is_extended(&m));
        model_deinit(&m);
}

/* At which record of the list each chain ends, or a later one of others; whoever extended it. */
static void check_where_chains_end(bool is_found) {
        Model m;
        Instance i;

        setup(&m, true);
        if (is_found) {
                model_pre_extend(&m, 10, 7);
                model_pre_extend(&m, 11, 3);
        }
        instance_start(&i, &m);
        assert_true(instance_settle(&i, &m, STEPS_MAX));
        assert_int_equal(m.n_extends, is_found ? 0 : m.n_list);
        for (uint32_t pcr = 10; pcr <= 11; ++pcr) {
                uint64_t last = 0;

                for (size_t n = 0; n < m.n_list; ++n)
                        if (m.list[n].record.pcr == pcr)
                                last = n + 1;
                assert_in_range(i.plan.chain[pcr].held_at, last, m.n_list);
        }
        model_deinit(&m);
}

static void test_knows_where_chains_end(void **state) {
        (void)state;
        check_where_chains_end(false);
        check_where_chains_end(true);
}

static void test_a_cut_list_is_pending(void **state) {
        Model m;
        Instance i;

        (void)state;
        setup(&m, false);
        m.n_shown = 6;
        instance_start(&i, &m);
        assert_true(instance_run(&i, &m, 3 * PLAN_SEC, STEPS_MAX));
        assert_int_equal(m.n_held[10], 6);
        assert_int_equal(plan_verdict(&i.plan), PLAN_VERDICT_PENDING);
        m.n_shown = SIZE_MAX;
        assert_true(instance_run(&i, &m, 3 * PLAN_SEC, STEPS_MAX));
        assert_true(model_is_extended(&m));
        assert_int_equal(plan_verdict(&i.plan), PLAN_VERDICT_EXTENDED);
        model_deinit(&m);
}

/* The PCR is ahead of what can be read of the list for now: no verdict on half a list. */
static void test_a_cut_list_shorter_than_the_pcr_is_pending(void **state) {
        Model m;
        Instance i;

        (void)state;
        setup(&m, false);
        model_pre_extend(&m, 10, 8);
        m.n_shown = 6;
        instance_start(&i, &m);
        (void)instance_run(&i, &m, 3 * PLAN_SEC, STEPS_MAX);
        assert_int_equal(plan_verdict(&i.plan), PLAN_VERDICT_PENDING);
        m.n_shown = SIZE_MAX;
        (void)instance_run(&i, &m, 10 * PLAN_SEC, STEPS_MAX);
        assert_true(model_is_extended(&m));
        model_deinit(&m);
}

static void test_a_replaced_list(void **state) {
        Model m;
        Instance i;

        (void)state;
        start_following(&i, &m, false);
        model_replace_list(&m);
        (void)instance_run(&i, &m, 3 * PLAN_SEC, STEPS_MAX);
        assert_state(&i, &m, PLAN_LIST_TRIMMED, PLAN_REASON_LIST_REPLACED);
        assert_int_equal(plan_verdict(&i.plan), PLAN_VERDICT_FAILED);
        model_deinit(&m);
}

/* Read anew because of PCR 11, the list has lost records that PCR 10 holds. */
static void test_a_list_with_fewer_records(void **state) {
        Model m;
        Instance i;

        (void)state;
        start_following(&i, &m, true);
        model_append(&m, 11);
        model_foreign_extend(&m, 11, TWO_BANKS);
        while (i.step.kind != PLAN_STEP_REWIND)
                assert_true(instance_step(&i, &m));
        m.n_list = 5;
        (void)instance_run(&i, &m, 3 * PLAN_SEC, STEPS_MAX);
        assert_int_equal(i.plan.state, PLAN_LIST_TRIMMED);
        assert_int_equal(i.plan.reason, PLAN_REASON_RECORDS_GONE);
        model_deinit(&m);
}

static void test_reset_while_following(void **state) {
        Model m;
        Instance i;

        (void)state;
        for (uint64_t idle_usec = 0; idle_usec < 2 * PLAN_SEC; idle_usec += 50 * PLAN_MSEC) {
                start_following(&i, &m, false);
                (void)instance_run(&i, &m, idle_usec, STEPS_MAX);
                model_reset(&m);
                model_append(&m, 10);
                (void)instance_run(&i, &m, 3 * PLAN_SEC, STEPS_MAX);
                assert_state(&i, &m, PLAN_TPM_RESET, PLAN_REASON_RESET_COUNT_CHANGED);
                assert_int_equal(m.n_held[10], 0);
                model_deinit(&m);
        }
}

/* The PCR is zero again and the clock does not say so. */
static void test_a_pcr_that_went_back(void **state) {
        Model m;
        Instance i;

        (void)state;
        start_following(&i, &m, false);
        model_reset(&m);
        --m.reset_count;
        model_append(&m, 10);
        (void)instance_run(&i, &m, 3 * PLAN_SEC, STEPS_MAX);
        assert_state(&i, &m, PLAN_TPM_RESET, PLAN_REASON_PCR_WENT_BACK);
        model_deinit(&m);
}

/* PCR 16 and 23 can be reset by who may talk to the TPM: the main chain is not their affair. */
static void test_another_pcr_that_went_back(void **state) {
        Model m;
        Instance i;

        (void)state;
        start_following(&i, &m, true);
        memset(&m.pcr[11], 0, sizeof(m.pcr[11]));
        m.is_foreign[11] = true;
        m.exclusive = 0;
        model_append(&m, 11);
        model_append(&m, 10);
        (void)instance_run(&i, &m, 10 * PLAN_SEC, STEPS_MAX);
        assert_state(&i, &m, PLAN_FOLLOW, PLAN_REASON_NONE);
        assert_int_equal(m.n_held[10], 8);
        model_deinit(&m);
}

static void test_banks_that_change(void **state) {
        Model m;
        Instance i;

        (void)state;
        start_following(&i, &m, false);
        m.banks.of[10] = BANK(DIGEST_SHA256);
        m.dead_session = m.last_session; /* only a reset can do that, though the clock is silent */
        model_append(&m, 10);
        (void)instance_run(&i, &m, 3 * PLAN_SEC, STEPS_MAX);
        assert_state(&i, &m, PLAN_TPM_RESET, PLAN_REASON_BANKS_CHANGED);
        assert_int_equal(m.n_held[10], 10);
        model_deinit(&m);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_the_way_through_the_states),
                cmocka_unit_test(test_follow),
                cmocka_unit_test(test_a_long_burst_is_verified),
                cmocka_unit_test(test_stays_extended_as_records_come),
                cmocka_unit_test(test_knows_where_chains_end),
                cmocka_unit_test(test_a_cut_list_is_pending),
                cmocka_unit_test(test_a_cut_list_shorter_than_the_pcr_is_pending),
                cmocka_unit_test(test_a_replaced_list),
                cmocka_unit_test(test_a_list_with_fewer_records),
                cmocka_unit_test(test_reset_while_following),
                cmocka_unit_test(test_a_pcr_that_went_back),
                cmocka_unit_test(test_another_pcr_that_went_back),
                cmocka_unit_test(test_banks_that_change),
        };

        return cmocka_run_group_tests(tests, world_open, world_close);
}
