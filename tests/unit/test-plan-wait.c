/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How long a plan waits each time: for the list, for a TPM that is used by somebody else, that is
 * gone, or that never answers well. Too short is a busy loop, too long is lag.
 */
#include "lib/cmocka-all.h"
#include "lib/pcr-act.h"

static void test_polls_by_a_tenth_of_the_quiet(void **state) {
        uint64_t begun, n_waits = 0;
        Model m;
        Instance i;

        (void)state;
        start_following(&i, &m, false);
        model_append(&m, 10);
        step_to(&i, &m, PLAN_STEP_EXTEND);
        begun = i.plan.active_usec;
        while (m.now_usec < begun + 3 * PLAN_SEC) {
                uint64_t now_usec = m.now_usec, tenth;

                assert_true(instance_step(&i, &m));
                if (i.step.kind != PLAN_STEP_WAIT)
                        continue;
                now_usec = m.now_usec;
                tenth = (now_usec - begun) / 10;
                assert_int_equal(i.step.until_usec - now_usec,
                                 MIN_OF(MAX_OF(tenth, PLAN_POLL_MIN_USEC), PLAN_POLL_MAX_USEC));
                ++n_waits;
        }
        assert_true(n_waits > 30);
        model_deinit(&m);
}

static void use_it(Model *m, Instance *i) {
        (void)i;
        model_foreign_command(m);
}

/* 50 ms and as much jitter, doubled each time. */
static void test_steps_back_from_a_contended_tpm(void **state) {
        Act always = { .at = PLAN_STEP_EXTEND, .times = SIZE_MAX, .call = use_it };
        uint64_t least_usec = PLAN_CONTENDED_USEC;
        Model m;
        Instance i;

        (void)state;
        setup(&m, false);
        act(&m, &always);
        instance_start(&i, &m);
        for (size_t n = 0; n < 8; ++n) {
                uint64_t usec;

                step_to(&i, &m, PLAN_STEP_WAIT);
                assert_state(&i, &m, PLAN_BACKOFF, PLAN_REASON_TPM_CONTENDED);
                usec = i.step.until_usec - m.now_usec;
                assert_in_range(usec, least_usec, least_usec + PLAN_CONTENDED_USEC - 1);
                least_usec = MIN_OF(2 * least_usec, PLAN_BUSY_MAX_USEC);
                assert_true(instance_step(&i, &m));
        }
        model_deinit(&m);
}

/* A TPM that was there is asked in the same rhythm as one that never was. */
static void test_looks_each_second_for_a_tpm_that_went(void **state) {
        Act gone = { .at = PLAN_STEP_OPEN_TPM, .fault.outcome = TPM_ABSENT, .times = SIZE_MAX };
        Act lost = { .at = PLAN_STEP_EXTEND, .fault.outcome = TPM_ABSENT, .times = 1 };
        uint64_t usec = 0;
        Model m;
        Instance i;

        (void)state;
        start_following(&i, &m, false);
        model_append(&m, 10);
        act(&m, &lost);
        step_to(&i, &m, PLAN_STEP_EXTEND);
        assert_true(instance_step(&i, &m));
        act(&m, &gone);
        for (size_t n = 0; n < 12; ++n) {
                step_to(&i, &m, PLAN_STEP_WAIT);
                assert_state(&i, &m, PLAN_WAIT_TPM, PLAN_REASON_TPM_UNAVAILABLE);
                usec = MAX_OF(usec, i.step.until_usec - m.now_usec);
                assert_true(instance_step(&i, &m));
        }
        assert_int_equal(usec, PLAN_RETRY_MIN_USEC);
        model_deinit(&m);
}

/* A dead end is looked at every ten seconds, what may still come every second. */
static void check_absence(PlanAbsence absence, uint64_t max_usec) {
        PlanEvent open = { .kind = PLAN_EVENT_TPM_OPEN, .outcome = TPM_ABSENT, .absence = absence };
        PlanEvent closed = { .kind = PLAN_EVENT_TPM_CLOSED }, timer = { .kind = PLAN_EVENT_TIMER };
        uint64_t usec = 0;
        Model m;
        Instance i;

        setup(&m, false);
        instance_start(&i, &m);
        step_to(&i, &m, PLAN_STEP_OPEN_TPM);
        for (size_t n = 0; n < 12; ++n) {
                open.now_usec = closed.now_usec = timer.now_usec;
                assert_int_equal(plan_next(&i.plan, &open, &i.step), 0);
                assert_int_equal(i.step.kind, PLAN_STEP_CLOSE_TPM);
                assert_int_equal(plan_next(&i.plan, &closed, &i.step), 0);
                assert_int_equal(i.step.kind, PLAN_STEP_WAIT);
                usec = i.step.until_usec - closed.now_usec;
                timer.now_usec = i.step.until_usec;
                assert_int_equal(plan_next(&i.plan, &timer, &i.step), 0);
                assert_int_equal(i.step.kind, PLAN_STEP_OPEN_TPM);
        }
        assert_int_equal(usec, max_usec);
        model_deinit(&m);
}

static void test_looks_at_dead_ends_now_and_then(void **state) {
        (void)state;
        check_absence(PLAN_ABSENT_TPM, PLAN_RETRY_MIN_USEC);
        check_absence(PLAN_ABSENT_GATE_WAIT, PLAN_RETRY_MIN_USEC);
        check_absence(PLAN_ABSENT_GATE_NEVER, PLAN_DEAD_USEC);
        check_absence(PLAN_ABSENT_PKVM_FAILED, PLAN_DEAD_USEC);
}

static void test_reopens_at_once_the_first_time(void **state) {
        Act fault = { .at = PLAN_STEP_READ_CLOCK, .fault.outcome = TPM_UNKNOWN, .times = 2 };
        Model m;
        Instance i;

        (void)state;
        setup(&m, false);
        act(&m, &fault);
        instance_start(&i, &m);
        step_to(&i, &m, PLAN_STEP_READ_CLOCK);
        assert_true(instance_step(&i, &m));
        assert_int_equal(i.step.kind, PLAN_STEP_CLOSE_TPM);
        assert_true(instance_step(&i, &m));
        assert_int_equal(i.step.kind, PLAN_STEP_OPEN_TPM);
        step_to(&i, &m, PLAN_STEP_READ_CLOCK);
        assert_true(instance_step(&i, &m));
        assert_true(instance_step(&i, &m));
        assert_int_equal(i.step.kind, PLAN_STEP_PAUSE);
        model_deinit(&m);
}

/* Two in a row of the same command are an answer; with a good one between they are two faults. */
static void test_refusals_with_a_success_between_are_faults(void **state) {
        Model m;
        Instance i;

        (void)state;
        start_following(&i, &m, false);
        for (size_t n = 0; n < 3; ++n) {
                Act refusal = { .at = PLAN_STEP_READ_PCR,
                                .fault.outcome = TPM_REFUSED,
                                .times = 1 };

                act(&m, &refusal);
                model_append(&m, 10);
                assert_true(instance_run(&i, &m, 5 * PLAN_SEC, STEPS_MAX));
                assert_int_equal(refusal.times, 0);
                assert_finished(&i, &m);
        }
        for (PlanState s = 0; s < _PLAN_STATE_N; ++s)
                assert_false(m.went[s] >> PLAN_TPM_FAILED & 1);
        model_deinit(&m);
}

/* Let go, and taken away by somebody who trims: that passes soon, and is a state after a second. */
static void test_a_list_that_is_away_is_a_state_after_a_second(void **state) {
        uint64_t since_usec = 0;
        Model m;
        Instance i;

        (void)state;
        start_following(&i, &m, false);
        assert_true(instance_run(&i, &m, 5 * PLAN_SEC, STEPS_MAX));
        for (size_t n = 0; n < 3; ++n) {
                step_to(&i, &m, PLAN_STEP_WAIT);
                model_append(&m, 10);
                m.is_away = true;
                step_to(&i, &m, PLAN_STEP_NEXT_RECORD);
                since_usec = m.now_usec;
                while (i.plan.state == PLAN_FOLLOW)
                        assert_true(instance_step(&i, &m));
                assert_state(&i, &m, PLAN_WAIT_LIST, PLAN_REASON_LIST_UNREADABLE);
                assert_in_range(m.now_usec - since_usec, PLAN_AWAY_USEC,
                                PLAN_AWAY_USEC + PLAN_POLL_MAX_USEC);
                m.is_away = false;
                assert_finished(&i, &m);
                assert_true(instance_run(&i, &m, 5 * PLAN_SEC, STEPS_MAX));
        }
        model_deinit(&m);
}

/* After a verdict the list is read when it has grown, and not else. */
static void test_reads_no_list_that_has_not_grown(void **state) {
        Model m;
        Instance i;

        (void)state;
        setup(&m, false);
        m.facts.record = MODE_RECORD_OTHER;
        instance_start(&i, &m);
        assert_ends(&i, &m, PLAN_MIXED, PLAN_REASON_MODE);
        assert_string_equal(plan_reason_name(&i.plan), mode_reason_name(i.plan.mode.reason));
        assert_true(instance_run(&i, &m, PLAN_SEC, STEPS_MAX));
        for (size_t n = 0; n < 50; ++n) {
                assert_true(instance_step(&i, &m));
                assert_true(i.step.kind == PLAN_STEP_COUNT || i.step.kind == PLAN_STEP_WAIT);
        }
        model_append(&m, 10);
        assert_true(instance_run(&i, &m, PLAN_SEC, STEPS_MAX));
        assert_int_equal(i.plan.n_listed, 11);
        model_deinit(&m);
}

/* A record that ended it is counted, and behind it the list is followed for those who ask. */
static void test_counts_the_record_that_ended_it(void **state) {
        Model m;
        Instance i;

        (void)state;
        setup(&m, false);
        m.refuses[10] = true;
        instance_start(&i, &m);
        assert_ends(&i, &m, PLAN_TPM_FAILED, PLAN_REASON_TPM_REFUSED);
        assert_false(i.plan.has_current);
        assert_true(instance_run(&i, &m, PLAN_SEC, STEPS_MAX));
        assert_int_equal(i.plan.n_listed, 10);
        assert_int_equal(i.plan.chain[10].n_listed, 10);
        model_deinit(&m);
}

/* With peace before, each is the first: no later try of an earlier fault counts. */
static void check_first_fault(bool is_observing) {
        Model m;
        Instance i;

        setup(&m, false);
        if (is_observing) {
                m.facts.record = MODE_RECORD_SET;
                m.facts.lists = MODE_LISTS_MORE;
                model_pre_extend(&m, 10, 10);
        }
        instance_start(&i, &m);
        for (size_t n = 0; n < 4; ++n) {
                Act fault = { .at = PLAN_STEP_READ_PCR, .fault.outcome = TPM_UNKNOWN, .times = 1 };

                assert_true(instance_settle(&i, &m, STEPS_MAX));
                assert_true(instance_run(&i, &m, 5 * PLAN_SEC, STEPS_MAX));
                step_to(&i, &m, PLAN_STEP_WAIT);
                act(&m, &fault);
                refresh(&i, &m, UINT32_C(1) << 10);
                step_to(&i, &m, PLAN_STEP_READ_PCR);
                assert_true(instance_step(&i, &m));
                assert_int_equal(i.step.kind, PLAN_STEP_CLOSE_TPM);
                assert_true(instance_step(&i, &m));
                assert_int_equal(i.step.kind, PLAN_STEP_OPEN_TPM);
                m.hook = NULL;
        }
        model_deinit(&m);
}

static void test_faults_with_peace_between_do_not_add_up(void **state) {
        (void)state;
        check_first_fault(false);
        check_first_fault(true);
}

/* However long it was waited for: a TPM that came has failed no more often than one that was there.
 */
static void test_waiting_for_a_tpm_is_no_failure_of_it(void **state) {
        static const uint64_t late_usec[] = { 0, 60 * PLAN_SEC, 900 * PLAN_SEC };

        (void)state;
        for (size_t n = 0; n < ELEMENTSOF(late_usec); ++n) {
                Act gone = { .at = PLAN_STEP_OPEN_TPM,
                             .fault.outcome = TPM_ABSENT,
                             .times = SIZE_MAX };
                Act lost = { .at = PLAN_STEP_EXTEND, .fault.outcome = TPM_UNKNOWN, .times = 1 };
                Model m;
                Instance i;

                setup(&m, false);
                instance_start(&i, &m);
                act(&m, &gone);
                while (m.now_usec < late_usec[n])
                        assert_true(instance_step(&i, &m));
                act(&m, &lost);
                step_to(&i, &m, PLAN_STEP_EXTEND);
                assert_true(instance_step(&i, &m));
                assert_int_equal(i.step.kind, PLAN_STEP_CLOSE_TPM);
                assert_true(instance_step(&i, &m));
                assert_int_equal(i.step.kind, PLAN_STEP_OPEN_TPM);
                assert_finished(&i, &m);
                model_deinit(&m);
        }
}

/* The same for refusals of the TPM: eight in a row, not fewer. */
static void test_contention_with_peace_between_does_not_add_up(void **state) {
        Model m;
        Instance i;

        (void)state;
        start_following(&i, &m, false);
        for (size_t n = 0; n < 3; ++n) {
                Act always = { .at = PLAN_STEP_EXTEND, .times = SIZE_MAX, .call = use_it };
                size_t n_extends = m.n_extends;

                model_append(&m, 10);
                act(&m, &always);
                step_to(&i, &m, PLAN_STEP_EXTEND);
                step_to(&i, &m, PLAN_STEP_WAIT);
                assert_state(&i, &m, PLAN_BACKOFF, PLAN_REASON_TPM_CONTENDED);
                assert_int_equal(m.n_extends - n_extends, PLAN_CONTENDED_MAX);
                m.hook = NULL;
                assert_finished(&i, &m);
        }
        model_deinit(&m);
}

/* Steps of one kind from the start up to the first wait. */
static size_t n_before_a_wait(Instance *i, Model *m, PlanStepKind kind) {
        size_t n = 0;

        instance_start(i, m);
        while (i->step.kind != PLAN_STEP_WAIT) {
                n += i->step.kind == kind;
                assert_true(instance_step(i, m));
        }
        return n;
}

/* As often the guard is tried before it is left alone for a while. */
static void test_tries_the_guard_eight_times(void **state) {
        Act refusal = { .at = PLAN_STEP_PROBE, .fault.outcome = TPM_EXCLUSIVE, .times = SIZE_MAX };
        Model m;
        Instance i;

        (void)state;
        setup(&m, false);
        act(&m, &refusal);
        assert_int_equal(n_before_a_wait(&i, &m, PLAN_STEP_PROBE), PLAN_CONTENDED_MAX);
        assert_state(&i, &m, PLAN_BACKOFF, PLAN_REASON_TPM_CONTENDED);
        model_deinit(&m);
}

/* What --oneshot sits out without --timeout=: six failures in a row, and no more. */
static void test_pauses_six_times_before_it_waits(void **state) {
        Act busy = { .at = PLAN_STEP_READ_CLOCK, .fault.outcome = TPM_BUSY, .times = SIZE_MAX };
        Model m;
        Instance i;

        (void)state;
        setup(&m, false);
        act(&m, &busy);
        assert_int_equal(n_before_a_wait(&i, &m, PLAN_STEP_PAUSE), 6);
        model_deinit(&m);
}

static ModelFault every_other_extend(Model *m, Instance *i, bool is_after, void *userdata) {
        size_t *n = userdata;

        (void)m;
        if (is_after || i->step.kind != PLAN_STEP_EXTEND || ++*n % 2 == 0)
                return (ModelFault){};
        return (ModelFault){ .outcome = TPM_UNKNOWN };
}

/* A TPM that goes on is not waited for, whatever it does between; nor is one that does all well. */
static void check_no_pause(bool is_faulty) {
        size_t n_extends = 0;
        Model m;
        Instance i;

        setup(&m, false);
        m.hook = is_faulty ? every_other_extend : NULL;
        m.userdata = &n_extends;
        instance_start(&i, &m);
        while (i.plan.state != PLAN_FOLLOW) {
                assert_true(i.step.kind != PLAN_STEP_PAUSE && i.step.kind != PLAN_STEP_WAIT);
                assert_true(instance_step(&i, &m));
        }
        assert_int_equal(i.plan.n_extended, m.n_list);
        model_deinit(&m);
}

static void test_does_not_pause_while_it_gets_on(void **state) {
        (void)state;
        check_no_pause(false);
        check_no_pause(true);
}

/* A look at the PCR after so many records, and no later. */
static void test_looks_after_so_many_records(void **state) {
        size_t n = 0, n_most = 0;
        Model m;
        Instance i;

        (void)state;
        setup(&m, false);
        while (m.n_list < 3 * PLAN_VERIFY_RECORDS)
                model_append(&m, 10);
        instance_start(&i, &m);
        while (i.plan.state != PLAN_FOLLOW) {
                n = i.step.kind == PLAN_STEP_READ_PCR ? 0 : n + (i.step.kind == PLAN_STEP_EXTEND);
                n_most = MAX_OF(n_most, n);
                assert_true(instance_step(&i, &m));
        }
        assert_int_equal(n_most, PLAN_VERIFY_RECORDS);
        model_deinit(&m);
}

/* What never goes well. */
static const struct {
        TpmOutcome outcome;
        PlanState state;
        PlanReason reason; /* after ten minutes */
        uint64_t usec;     /* between two tries then */
} patience[] = {
        { TPM_UNKNOWN, PLAN_TPM_FAILED, PLAN_REASON_NO_PROGRESS, PLAN_FAILED_USEC },
        { TPM_BUSY, PLAN_TPM_FAILED, PLAN_REASON_NO_PROGRESS, PLAN_FAILED_USEC },
        { TPM_LATER, PLAN_TPM_FAILED, PLAN_REASON_NO_PROGRESS, PLAN_FAILED_USEC },
        { TPM_ABSENT, PLAN_WAIT_TPM, PLAN_REASON_TPM_UNAVAILABLE, PLAN_BUSY_MAX_USEC },
        { TPM_FAILED, PLAN_TPM_FAILED, PLAN_REASON_TPM_FAILURE_MODE, PLAN_FAILED_USEC },
        { TPM_REFUSED, PLAN_TPM_FAILED, PLAN_REASON_TPM_REFUSED, PLAN_FAILED_USEC },
        { TPM_TAMPERED, PLAN_TPM_FAILED, PLAN_REASON_TAMPER_SUSPECTED, PLAN_FAILED_USEC },
};

static void test_gives_up_after_ten_minutes(void **state) {
        (void)state;
        for (size_t k = 0; k < ELEMENTSOF(patience); ++k) {
                Act fault = { .at = PLAN_STEP_READ_CLOCK,
                              .fault.outcome = patience[k].outcome,
                              .times = SIZE_MAX };
                Model m;
                Instance i;

                setup(&m, false);
                act(&m, &fault);
                instance_start(&i, &m);
                while (m.now_usec <
                       PLAN_NO_PROGRESS_USEC - PLAN_RETRY_MAX_USEC - PLAN_FAILED_USEC) {
                        assert_true(i.plan.reason != PLAN_REASON_NO_PROGRESS);
                        assert_true(instance_step(&i, &m));
                }
                while (m.now_usec < PLAN_NO_PROGRESS_USEC + 3 * PLAN_FAILED_USEC)
                        assert_true(instance_step(&i, &m));
                step_to(&i, &m, PLAN_STEP_WAIT);
                assert_state(&i, &m, patience[k].state, patience[k].reason);
                assert_int_equal(i.step.until_usec - m.now_usec, patience[k].usec);
                model_deinit(&m);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_polls_by_a_tenth_of_the_quiet),
                cmocka_unit_test(test_steps_back_from_a_contended_tpm),
                cmocka_unit_test(test_looks_each_second_for_a_tpm_that_went),
                cmocka_unit_test(test_looks_at_dead_ends_now_and_then),
                cmocka_unit_test(test_reopens_at_once_the_first_time),
                cmocka_unit_test(test_refusals_with_a_success_between_are_faults),
                cmocka_unit_test(test_a_list_that_is_away_is_a_state_after_a_second),
                cmocka_unit_test(test_reads_no_list_that_has_not_grown),
                cmocka_unit_test(test_counts_the_record_that_ended_it),
                cmocka_unit_test(test_faults_with_peace_between_do_not_add_up),
                cmocka_unit_test(test_waiting_for_a_tpm_is_no_failure_of_it),
                cmocka_unit_test(test_contention_with_peace_between_does_not_add_up),
                cmocka_unit_test(test_tries_the_guard_eight_times),
                cmocka_unit_test(test_pauses_six_times_before_it_waits),
                cmocka_unit_test(test_does_not_pause_while_it_gets_on),
                cmocka_unit_test(test_looks_after_so_many_records),
                cmocka_unit_test(test_gives_up_after_ten_minutes),
        };

        return cmocka_run_group_tests(tests, world_open, world_close);
}
