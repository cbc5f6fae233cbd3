/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a plan does besides the right thing: which state it tells, what it looks at and how often,
 * and what a repair does when it is disturbed. Most mistakes here lose no record, and so show in no
 * other test: each of these was a mutant that survived (tests/mutation/run).
 */
#include "lib/cmocka-all.h"
#include "lib/pcr-act.h"

/*
 * Which state
 */

static void test_tells_since_when(void **state) {
        uint64_t since_usec;
        size_t n_changes = 0;
        Model m;
        Instance i;

        (void)state;
        setup(&m, false);
        m.now_usec = PLAN_SEC;
        m.list_state = PLAN_LIST_EMPTY;
        instance_start(&i, &m);
        since_usec = i.plan.state_usec;
        for (size_t n = 0; n < 300; ++n) {
                PlanState before = i.plan.state;

                if (n == 20)
                        m.list_state = PLAN_LIST_READY;
                assert_true(instance_step(&i, &m));
                if (i.plan.state != before) {
                        since_usec = m.now_usec;
                        ++n_changes;
                }
                assert_int_equal(i.plan.state_usec, since_usec);
        }
        assert_true(n_changes > 2);
        model_deinit(&m);
}

/* So many records at the front of the list are where they belong. */
static uint64_t n_really_done(const Model *m) {
        size_t n = 0;

        while (n < m->n_list && m->list[n].n_extends[DIGEST_SHA1] == 1 &&
               m->list[n].n_extends[DIGEST_SHA256] == 1)
                ++n;
        return n;
}

/* While it seeks the place of each chain, what is done is not known; less may be told, never more.
 */
static void test_tells_no_more_done_than_is(void **state) {
        (void)state;
        for (uint64_t seed = 0; seed < 40; ++seed) {
                Model m;
                Instance i;

                setup_shape(&m, SHAPE_TWO, 20, seed);
                model_pre_extend(&m, 10, seed % 5);
                model_pre_extend(&m, 11, seed % 4);
                instance_start(&i, &m);
                for (size_t n = 0; n < 200; ++n) {
                        assert_true(plan_n_done(&i.plan) <= n_really_done(&m));
                        assert_true(instance_step(&i, &m));
                }
                assert_int_equal(plan_n_done(&i.plan), 20);
                model_deinit(&m);
        }
}

static ModelFault lie_of_11(Model *m, Instance *i, bool is_after, void *userdata) {
        bool *was_told = userdata;

        (void)m;
        if (is_after || *was_told || i->step.kind != PLAN_STEP_READ_PCR || i->step.pcr != 11)
                return (ModelFault){};
        *was_told = true;
        return (ModelFault){ .lie = MODEL_LIE_PCR };
}

/* The place of a side chain is sought in vain: what passes meanwhile is not done. */
static void test_tells_nothing_while_a_side_chain_is_sought(void **state) {
        bool was_told = false;
        Model m;
        Instance i;

        (void)state;
        setup(&m, true);
        m.hook = lie_of_11;
        m.userdata = &was_told;
        instance_start(&i, &m);
        for (size_t n = 0; n < 200; ++n) {
                assert_true(plan_n_done(&i.plan) <= n_really_done(&m));
                if (i.plan.chain[11].state == CHAIN_SEARCHING)
                        assert_int_equal(plan_n_done(&i.plan), 0);
                assert_true(instance_step(&i, &m));
        }
        assert_true(was_told);
        assert_int_equal(plan_n_done(&i.plan), 10);
        model_deinit(&m);
}

/* Nor is what a kernel that is behind its list has not extended yet. */
static void test_tells_nothing_while_the_kernel_is_behind(void **state) {
        Model m;
        Instance i;

        (void)state;
        setup(&m, false);
        m.facts.record = MODE_RECORD_SET;
        m.facts.lists = MODE_LISTS_MORE;
        instance_start(&i, &m);
        assert_true(instance_settle(&i, &m, STEPS_MAX));
        assert_int_equal(i.plan.observed, PLAN_OBSERVED_BEHIND);
        assert_int_equal(plan_n_done(&i.plan), 0);
        model_pre_extend(&m, 10, 10);
        assert_true(instance_run(&i, &m, PLAN_SEC, STEPS_MAX));
        assert_int_equal(plan_n_done(&i.plan), 10);
        model_deinit(&m);
}

static void expect_catch_up(Model *m, Instance *i) {
        (void)m;
        assert_int_equal(i->plan.state, PLAN_CATCH_UP);
}

/* A first answer that was a lie, of a PCR with nothing in it: then all is as it would have been. */
static void test_catches_up_after_a_lie(void **state) {
        Act lie = { .at = PLAN_STEP_READ_PCR, .fault.lie = MODEL_LIE_PCR, .times = 1 };
        Act look = { .at = PLAN_STEP_EXTEND, .times = SIZE_MAX, .call = expect_catch_up };
        Model m;
        Instance i;

        (void)state;
        setup(&m, false);
        act(&m, &lie);
        instance_start(&i, &m);
        step_to(&i, &m, PLAN_STEP_READ_PCR);
        assert_true(instance_step(&i, &m));
        act(&m, &look);
        step_to(&i, &m, PLAN_STEP_ANCHOR);
        assert_int_equal(m.n_extends, 0);
        assert_finished(&i, &m);
        model_deinit(&m);
}

/* What comes while the PCR is looked at for the last time is no backlog any more. */
static void append_one(Model *m, Instance *i) {
        (void)i;
        if (m->n_held[10] == 10 && m->n_list == 10)
                model_append(m, 10);
}

static void test_follows_before_it_takes_what_came_at_the_end(void **state) {
        Act at_end = {
                .at = PLAN_STEP_READ_PCR, .times = SIZE_MAX, .call = append_one, .is_late = true
        };
        Model m;
        Instance i;

        (void)state;
        setup(&m, false);
        act(&m, &at_end);
        instance_start(&i, &m);
        while (m.n_extends < 10)
                assert_true(instance_step(&i, &m));
        step_to(&i, &m, PLAN_STEP_EXTEND);
        assert_int_equal(m.n_list, 11);
        assert_true(i.plan.is_following);
        assert_int_equal(i.plan.state, PLAN_FOLLOW);
        model_deinit(&m);
}

/* Each a passing one, with peace between: they do not add up. */
static void test_forgets_suspicions_that_passed(void **state) {
        Model m;
        Instance i;

        (void)state;
        start_following(&i, &m, false);
        for (size_t n = 0; n < 12; ++n) {
                Act lie = { .at = PLAN_STEP_READ_PCR, .fault.lie = MODEL_LIE_PCR, .times = 1 };

                act(&m, &lie);
                model_append(&m, 10);
                assert_true(instance_run(&i, &m, 5 * PLAN_SEC, STEPS_MAX));
                assert_int_equal(lie.times, 0);
                m.hook = NULL;
                assert_finished(&i, &m);
                assert_int_equal(i.plan.chain[10].n_listed, m.n_list);
        }
        for (PlanState s = 0; s < _PLAN_STATE_N; ++s)
                assert_false(m.went[s] >> PLAN_BACKOFF & 1);
        model_deinit(&m);
}

/* The same where the kernel extends. */
static void test_forgets_misfits_that_passed(void **state) {
        Model m;
        Instance i;

        (void)state;
        setup(&m, false);
        m.facts.record = MODE_RECORD_SET;
        m.facts.lists = MODE_LISTS_MORE;
        model_pre_extend(&m, 10, 10);
        instance_start(&i, &m);
        assert_true(instance_settle(&i, &m, STEPS_MAX));
        for (size_t n = 0; n < 12; ++n) {
                Act lie = { .at = PLAN_STEP_READ_PCR, .fault.lie = MODEL_LIE_PCR, .times = 1 };

                step_to(&i, &m, PLAN_STEP_WAIT);
                act(&m, &lie);
                refresh(&i, &m, UINT32_C(1) << 10);
                assert_true(instance_run(&i, &m, PLAN_SEC / 2, STEPS_MAX));
                assert_int_equal(lie.times, 0);
                assert_true(instance_settle(&i, &m, STEPS_MAX));
                assert_int_equal(i.plan.n_suspicions, 0);
        }
        model_deinit(&m);
}

static void change_pcr(Model *m, Instance *i) {
        (void)i;
        ++m->pcr[10].of[DIGEST_SHA1].data[0];
}

/* A PCR that reads otherwise each time proves nothing; nor is it looked at for ever. */
static void test_steps_back_from_ever_new_readings(void **state) {
        Act change = { .at = PLAN_STEP_READ_PCR, .times = SIZE_MAX, .call = change_pcr };
        Model m;
        Instance i;

        (void)state;
        setup(&m, false);
        act(&m, &change);
        instance_start(&i, &m);
        for (uint64_t usec = PLAN_RETRY_MIN_USEC; usec <= 4 * PLAN_RETRY_MIN_USEC; usec *= 2) {
                step_to(&i, &m, PLAN_STEP_WAIT);
                assert_state(&i, &m, PLAN_BACKOFF, PLAN_REASON_TPM_CONTENDED);
                assert_int_equal(i.step.until_usec - m.now_usec, usec);
                assert_true(instance_step(&i, &m));
        }
        assert_int_equal(m.n_extends, 0);
        model_deinit(&m);
}

/* A doubt of the main chain is none of those that were judged. */
static void test_a_doubt_leaves_side_chains_judged(void **state) {
        Act lie = { .at = PLAN_STEP_READ_PCR, .fault.lie = MODEL_LIE_PCR, .times = 1 };
        Model m;
        Instance i;

        (void)state;
        setup_shape(&m, SHAPE_MIXED, 30, 3);
        instance_start(&i, &m);
        assert_true(instance_settle(&i, &m, STEPS_MAX));
        assert_int_equal(i.plan.chain[12].state, CHAIN_FOREIGN);
        assert_int_equal(i.plan.chain[17].state, CHAIN_REFUSED);
        step_to(&i, &m, PLAN_STEP_WAIT);
        act(&m, &lie);
        refresh(&i, &m, UINT32_C(1) << 10);
        for (uint64_t until_usec = m.now_usec + 5 * PLAN_SEC; m.now_usec < until_usec;) {
                assert_true(instance_step(&i, &m));
                assert_int_equal(i.plan.chain[12].state, CHAIN_FOREIGN);
                assert_int_equal(i.plan.chain[17].state, CHAIN_REFUSED);
        }
        assert_int_equal(lie.times, 0);
        assert_state(&i, &m, PLAN_FOLLOW, PLAN_REASON_NONE);
        model_deinit(&m);
}

/*
 * A repair that is interrupted
 */

/* Behind records that were held before: what is repaired is not held before it was read. */
static void test_a_repair_goes_on_after_a_fault(void **state) {
        const PlanOptions options = { .repairs_banks = true };
        Act fault = { .at = PLAN_STEP_EXTEND, .fault.outcome = TPM_UNKNOWN, .times = 1 };
        Model m;
        Instance i;

        (void)state;
        setup(&m, false);
        instance_start_with(&i, &m, &options);
        assert_true(instance_settle(&i, &m, STEPS_MAX));
        for (size_t n = 0; n < 3; ++n)
                model_append(&m, 10);
        model_pre_extend_banks(&m, 10, BANK(DIGEST_SHA256), 3);
        step_to(&i, &m, PLAN_STEP_EXTEND);
        /* The TPM refuses it, and the banks are looked at; then the first goes well. */
        for (size_t n = m.n_extends + 2; m.n_extends < n;)
                assert_true(instance_step(&i, &m));
        assert_int_equal(i.plan.chain[10].state, CHAIN_REPAIRING);
        act(&m, &fault);
        step_to(&i, &m, PLAN_STEP_EXTEND);
        assert_true(instance_step(&i, &m));
        assert_int_equal(fault.times, 0);
        assert_finished(&i, &m);
        model_deinit(&m);
}

/*
 * Which PCRs, and how often
 */

/* One of its banks could not be extended: then none is (rule I3). */
static void test_leaves_a_side_pcr_with_an_unknown_bank_alone(void **state) {
        Model m;
        Instance i;

        (void)state;
        setup(&m, true);
        m.banks.has_unknown[11] = true;
        instance_start(&i, &m);
        assert_true(instance_settle(&i, &m, STEPS_MAX));
        assert_int_equal(i.plan.chain[11].state, CHAIN_REFUSED);
        assert_int_equal(m.n_held[11], 0);
        assert_true(model_is_extended(&m));
        model_deinit(&m);
}

static void forget_unknown(Model *m, Instance *i) {
        (void)i;
        m->banks.has_unknown[11] = false;
}

/* Twice the same is believed; a bank that comes or goes is not the same, be it one nobody knows. */
static void test_asks_for_the_banks_until_twice_the_same(void **state) {
        Act once = {
                .at = PLAN_STEP_OPEN_TPM, .times = 1, .call = forget_unknown, .is_late = true
        };
        size_t n_opens = 0;
        Model m;
        Instance i;

        (void)state;
        setup(&m, true);
        m.banks.has_unknown[11] = true;
        act(&m, &once);
        instance_start(&i, &m);
        while (i.step.kind != PLAN_STEP_PROBE) {
                n_opens += i.step.kind == PLAN_STEP_OPEN_TPM;
                assert_true(instance_step(&i, &m));
        }
        assert_int_equal(n_opens, 3);
        assert_finished(&i, &m);
        model_deinit(&m);
}

/* There are PCRs 0 to 23. What a policy wants in another one cannot be, and hinders nothing. */
static void test_pcr_24_does_not_exist(void **state) {
        Model m;
        Instance i;

        (void)state;
        setup(&m, false);
        model_append(&m, TPM_PCR_N - 1);
        model_append(&m, TPM_PCR_N);
        model_append(&m, 10);
        instance_start(&i, &m);
        assert_true(instance_settle(&i, &m, STEPS_MAX));
        assert_state(&i, &m, PLAN_FOLLOW, PLAN_REASON_NONE);
        assert_true(model_is_extended(&m));
        assert_int_equal(m.n_held[TPM_PCR_N - 1], 1);
        assert_int_equal(i.plan.n_beyond, 1);
        model_deinit(&m);

        setup(&m, false);
        m.main_pcr = TPM_PCR_N;
        instance_start(&i, &m);
        assert_ends(&i, &m, PLAN_MIXED, PLAN_REASON_MODE);
        model_deinit(&m);
}

/* The lists of PCR 0 and its banks are as good as any. */
static void test_pcr_0_alone_has_banks(void **state) {
        Act lie = { .at = PLAN_STEP_READ_PCR, .fault.lie = MODEL_LIE_PCR, .times = 1 };
        Model m;
        Instance i;

        (void)state;
        model_init(&m, &hashers, TWO_BANKS, 1);
        m.main_pcr = 0;
        for (uint32_t pcr = 1; pcr < TPM_PCR_N; ++pcr)
                m.banks.of[pcr] = 0;
        for (size_t n = 0; n < 5; ++n)
                model_append(&m, 0);
        model_measure(&m, 0, 3);
        act(&m, &lie); /* so that it begins anew, with the value that the firmware left */
        instance_start(&i, &m);
        assert_true(instance_settle(&i, &m, STEPS_MAX));
        assert_state(&i, &m, PLAN_FOLLOW, PLAN_REASON_NONE);
        assert_true(model_is_extended(&m));
        model_deinit(&m);
}

static void test_a_refresh_looks_at_what_is_asked_for(void **state) {
        static const uint32_t pcrs[] = { 10, 11 };
        Model m;
        Instance i;

        (void)state;
        start_following(&i, &m, true);
        for (size_t k = 0; k < ELEMENTSOF(pcrs); ++k) {
                size_t n_reads = m.n_reads;

                assert_true(instance_run(&i, &m, 5 * PLAN_SEC, STEPS_MAX));
                step_to(&i, &m, PLAN_STEP_WAIT);
                assert_int_equal(m.n_reads, n_reads);
                refresh(&i, &m, UINT32_C(1) << pcrs[k]);
                /* A session begins with the main PCR. */
                step_to(&i, &m, PLAN_STEP_READ_PCR);
                assert_int_equal(i.step.pcr, 10);
                assert_true(instance_step(&i, &m));
                if (pcrs[k] != 10) {
                        step_to(&i, &m, PLAN_STEP_READ_PCR);
                        assert_int_equal(i.step.pcr, pcrs[k]);
                }
                step_to(&i, &m, PLAN_STEP_WAIT);
                assert_int_equal(m.n_reads, n_reads + 1 + (pcrs[k] != 10));
                assert_int_equal(i.plan.wants_look, 0);
        }
        model_deinit(&m);
}

/* A look keeps the session: another one soon after costs one command. */
static void test_a_look_keeps_the_session(void **state) {
        uint64_t looked_usec;
        Model m;
        Instance i;

        (void)state;
        start_following(&i, &m, false);
        assert_true(instance_run(&i, &m, 5 * PLAN_SEC, STEPS_MAX));
        assert_int_equal(i.session, 0);
        step_to(&i, &m, PLAN_STEP_WAIT);
        refresh(&i, &m, UINT32_C(1) << 10);
        step_to(&i, &m, PLAN_STEP_READ_PCR);
        assert_true(instance_step(&i, &m));
        looked_usec = m.now_usec;
        step_to(&i, &m, PLAN_STEP_FLUSH_SESSION);
        assert_in_range(m.now_usec - looked_usec, PLAN_SESSION_IDLE_USEC - PLAN_POLL_MAX_USEC,
                        PLAN_SESSION_IDLE_USEC + PLAN_POLL_MAX_USEC);
        model_deinit(&m);
}

/* Where the kernel extends, a burst is read at once, not one record a look. */
static void test_observes_a_burst_at_once(void **state) {
        Model m;
        Instance i;

        (void)state;
        setup(&m, false);
        m.facts.record = MODE_RECORD_SET;
        m.facts.lists = MODE_LISTS_MORE;
        model_pre_extend(&m, 10, 10);
        instance_start(&i, &m);
        assert_true(instance_settle(&i, &m, STEPS_MAX));
        assert_int_equal(i.plan.observed, PLAN_OBSERVED_FITS);
        refresh(&i, &m, UINT32_C(1) << 10);
        assert_true(instance_run(&i, &m, PLAN_SEC, STEPS_MAX));
        for (size_t n = 0; n < 50; ++n)
                model_append(&m, 10);
        model_pre_extend(&m, 10, 50);
        step_to(&i, &m, PLAN_STEP_NEXT_RECORD);
        step_to(&i, &m, PLAN_STEP_WAIT);
        assert_int_equal(i.plan.n_listed, 60);
        model_deinit(&m);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_tells_since_when),
                cmocka_unit_test(test_tells_no_more_done_than_is),
                cmocka_unit_test(test_tells_nothing_while_a_side_chain_is_sought),
                cmocka_unit_test(test_tells_nothing_while_the_kernel_is_behind),
                cmocka_unit_test(test_catches_up_after_a_lie),
                cmocka_unit_test(test_follows_before_it_takes_what_came_at_the_end),
                cmocka_unit_test(test_forgets_suspicions_that_passed),
                cmocka_unit_test(test_forgets_misfits_that_passed),
                cmocka_unit_test(test_steps_back_from_ever_new_readings),
                cmocka_unit_test(test_a_doubt_leaves_side_chains_judged),
                cmocka_unit_test(test_a_repair_goes_on_after_a_fault),
                cmocka_unit_test(test_leaves_a_side_pcr_with_an_unknown_bank_alone),
                cmocka_unit_test(test_asks_for_the_banks_until_twice_the_same),
                cmocka_unit_test(test_pcr_24_does_not_exist),
                cmocka_unit_test(test_pcr_0_alone_has_banks),
                cmocka_unit_test(test_a_refresh_looks_at_what_is_asked_for),
                cmocka_unit_test(test_a_look_keeps_the_session),
                cmocka_unit_test(test_observes_a_burst_at_once),
        };

        return cmocka_run_group_tests(tests, world_open, world_close);
}
