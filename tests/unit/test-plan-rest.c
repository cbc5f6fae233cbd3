/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When nothing is to be done: after a verdict the list is followed without the TPM; while following
 * the TPM is left alone, and what comes is extended soon and verified once.
 */
#include "lib/cmocka-all.h"
#include "lib/pcr-act.h"

#define HOUR_USEC  (3600 * PLAN_SEC)
#define HOUR_STEPS 200000U

/*
 * After a verdict
 */

typedef struct End {
        const char *name;
        void (*arrange)(Model *m);
        PlanState state;
        bool is_over; /* nothing of the list can be followed, either */
} End;

static void arrange_mixed(Model *m) {
        m->facts.record = MODE_RECORD_OTHER;
}

static void arrange_foreign(Model *m) {
        model_pre_extend(m, 10, 4);
        model_foreign_extend(m, 10, TWO_BANKS);
}

static void arrange_split(Model *m) {
        model_pre_extend_banks(m, 10, BANK(DIGEST_SHA1), 1);
}

static void arrange_no_bank(Model *m) {
        m->banks.of[10] = 0;
}

static void arrange_reset(Model *m) {
        m->has_anchor = true;
        m->anchor = (Anchor){
                .pcr = 10, .n_held = 3, .banks = TWO_BANKS, .reset_count = m->reset_count
        };
}

static void arrange_refused(Model *m) {
        m->refuses[10] = true;
}

static void arrange_wrong(Model *m) {
        m->list[4].record.digest_fits = false;
}

static void arrange_malformed(Model *m) {
        m->is_malformed = true;
}

static void arrange_trimmed(Model *m) {
        model_trim(m, 3);
}

static const End ends[] = {
        { "mixed", arrange_mixed, PLAN_MIXED, false },
        { "foreign", arrange_foreign, PLAN_DIVERGED, false },
        { "split", arrange_split, PLAN_SPLIT_BANKS, false },
        { "no bank", arrange_no_bank, PLAN_BANK_UNSUPPORTED, false },
        { "reset", arrange_reset, PLAN_TPM_RESET, false },
        { "refused", arrange_refused, PLAN_TPM_FAILED, false },
        { "wrong digest", arrange_wrong, PLAN_LIST_BROKEN, true },
        { "malformed", arrange_malformed, PLAN_LIST_BROKEN, true },
        { "trimmed", arrange_trimmed, PLAN_LIST_TRIMMED, true },
};

/* Runs into the verdict. */
static void run_to_end(const End *end, Instance *i, Model *m) {
        PlanOptions o;

        setup(m, true);
        end->arrange(m);
        o = model_options(m);
        instance_start_with(i, m, &o);
        (void)instance_run(i, m, 100 * PLAN_SEC, STEPS_MAX);
        if (m->violation || i->plan.state != end->state || i->plan.is_resting != true)
                fail_msg("%s: %s, %s", end->name, m->violation ? m->violation : "",
                         plan_state_name(i->plan.state));
        assert_int_equal(i->is_done, end->is_over);
        assert_int_equal(i->session, 0);
}

static void test_follows_the_list_alone(void **state) {
        (void)state;
        for (size_t n = 0; n < ELEMENTSOF(ends); ++n)
                for (int hides_count = 0; hides_count < 2; ++hides_count) {
                        Model m;
                        Instance i;
                        size_t n_commands;

                        run_to_end(&ends[n], &i, &m);
                        n_commands = m.n_commands;
                        m.hides_count = hides_count;
                        for (size_t k = 0; k < 50 && !ends[n].is_over; ++k) {
                                assert_int_equal(i.plan.n_listed, m.n_list);
                                assert_int_equal(i.plan.n_violations, (m.n_list + 2) / 7);
                                model_append(&m, k % 2 ? 10 : 11);
                                (void)instance_run(&i, &m, 2 * PLAN_POLL_MAX_USEC, STEPS_MAX);
                                assert_null(m.violation);
                        }
                        (void)instance_run(&i, &m, HOUR_USEC, HOUR_STEPS);
                        assert_int_equal(m.n_commands, n_commands);
                        assert_int_equal(i.plan.state, ends[n].state);
                        model_deinit(&m);
                }
}

/* A list that is not what it was is not followed any more. */
static void test_rests_when_the_list_goes(void **state) {
        (void)state;
        for (size_t n = 0; n < ELEMENTSOF(ends); ++n)
                for (int is_malformed = 0; is_malformed < 2; ++is_malformed) {
                        Model m;
                        Instance i;

                        run_to_end(&ends[n], &i, &m);
                        if (is_malformed) {
                                model_append(&m, 10);
                                m.is_malformed = true;
                        } else {
                                m.n_list = 5;
                        }
                        (void)instance_run(&i, &m, PLAN_SEC, STEPS_MAX);
                        assert_null(m.violation);
                        assert_int_equal(i.step.kind, PLAN_STEP_REST);
                        assert_int_equal(i.plan.state, ends[n].state);
                        model_deinit(&m);
                }
}

/* A record that is read before the kernel counts it, or a list that somebody just trims. */
static void test_a_moment_ends_nothing(void **state) {
        static const PlanEvent moments[] = {
                { .kind = PLAN_EVENT_COUNT, .is_shrunk = true },
                { .kind = PLAN_EVENT_LIST_AWAY, .list = PLAN_LIST_UNREADABLE },
        };

        (void)state;
        for (size_t n = 0; n < ELEMENTSOF(ends); ++n)
                for (size_t k = 0; k < ELEMENTSOF(moments) && !ends[n].is_over; ++k) {
                        PlanEvent e = moments[k];
                        Model m;
                        Instance i;

                        run_to_end(&ends[n], &i, &m);
                        step_to(&i, &m, PLAN_STEP_WAIT);
                        e.now_usec = m.now_usec;
                        assert_int_equal(plan_next(&i.plan, &e, &i.step), 0);
                        assert_int_equal(i.step.kind, PLAN_STEP_WAIT);
                        model_append(&m, 10);
                        (void)instance_run(&i, &m, PLAN_SEC, STEPS_MAX);
                        assert_int_equal(i.plan.n_listed, m.n_list);
                        model_deinit(&m);
                }
}

/* The record at hand when the verdict came is neither lost nor counted twice. */
static void test_counts_each_record_once(void **state) {
        (void)state;
        for (uint64_t at = 0; at < 150; ++at) {
                Model m;
                Instance i;

                setup(&m, true);
                instance_start(&i, &m);
                for (uint64_t n = 0; n < at; ++n)
                        (void)instance_step(&i, &m);
                model_reset(&m);
                model_append(&m, 10);
                (void)instance_run(&i, &m, 5 * PLAN_SEC, STEPS_MAX);
                assert_null(m.violation);
                assert_int_equal(i.plan.n_listed, m.n_list);
                assert_int_equal(i.plan.replay.n_records, m.n_list);
                model_deinit(&m);
        }
}

/*
 * While following
 */

static ModelFault count_hook(Model *m, Instance *i, bool is_after, void *userdata) {
        size_t *n_of = userdata;

        (void)m;
        n_of[i->step.kind] += is_after;
        return (ModelFault){};
}

static void test_an_idle_hour(void **state) {
        size_t n_of[_PLAN_STEP_N] = {};
        Model m;
        Instance i;

        (void)state;
        start_following(&i, &m, true);
        m.hook = count_hook;
        m.userdata = n_of;
        assert_true(instance_run(&i, &m, 2 * PLAN_SEC, STEPS_MAX));
        assert_int_equal(i.session, 0);
        assert_int_equal(n_of[PLAN_STEP_FLUSH_SESSION], 1);
        assert_int_equal(n_of[PLAN_STEP_RELEASE_LIST], 1);
        m.n_commands = 0;
        m.n_anchored = 0;
        assert_true(instance_run(&i, &m, HOUR_USEC, HOUR_STEPS));
        assert_int_equal(m.n_commands, 0);
        assert_int_equal(m.n_anchored, 0);
        assert_int_equal(n_of[PLAN_STEP_FLUSH_SESSION], 1);
        /* A list that is let go is looked at now and then. */
        assert_in_range(n_of[PLAN_STEP_RELEASE_LIST], 1000, HOUR_USEC / PLAN_LET_GO_USEC + 2);
        assert_in_range(n_of[PLAN_STEP_COUNT], 35000, 37000); /* one look in 100 ms */
        assert_int_equal(n_of[PLAN_STEP_REWIND], 0);
        model_deinit(&m);
}

/* The first poll after it came finds it; then a session is begun, if there is none. */
#define LAG_COMMANDS 6U /* flush, probe, clock, main PCR, its own PCR, extend */

static void test_lag(void **state) {
        uint64_t worst_usec = 0;
        Model m;
        Instance i;

        (void)state;
        start_following(&i, &m, true);
        for (uint32_t n = 0; n < 3000; ++n) {
                uint64_t since_usec;

                (void)instance_run(&i, &m, model_random(&m) % (n % 2 ? 3000000 : 300000),
                                   STEPS_MAX);
                while (i.step.kind != PLAN_STEP_WAIT)
                        assert_true(instance_step(&i, &m));
                since_usec = m.now_usec;
                model_append(&m, n % 5 ? 10 : 11);
                while (!model_is_extended(&m))
                        assert_true(instance_step(&i, &m));
                worst_usec = MAX_OF(worst_usec, m.now_usec - since_usec);
        }
        assert_in_range(worst_usec, PLAN_POLL_MAX_USEC / 2,
                        PLAN_POLL_MAX_USEC + LAG_COMMANDS * MODEL_COMMAND_USEC);
        model_deinit(&m);
}

/* However long a burst was, up to the look that is due after so many records. */
static void test_verified_once_when_it_is_quiet(void **state) {
        (void)state;
        for (uint32_t n_burst = 1; n_burst < 200; n_burst += 9)
                for (int has_side = 0; has_side < 2; ++has_side) {
                        size_t n_reads, n_anchored;
                        Model m;
                        Instance i;

                        start_following(&i, &m, true);
                        n_reads = m.n_reads;
                        n_anchored = m.n_anchored;
                        for (uint32_t n = 0; n < n_burst; ++n) {
                                model_append(&m, has_side && n % 2 ? 11 : 10);
                                (void)instance_run(&i, &m, 7 * PLAN_MSEC, STEPS_MAX);
                        }
                        assert_true(instance_run(&i, &m, HOUR_USEC, HOUR_STEPS));
                        /* Its session lives on: no look before, and one at each PCR afterwards. */
                        assert_int_equal(m.n_reads - n_reads, has_side && n_burst > 1 ? 2 : 1);
                        assert_int_equal(m.n_anchored - n_anchored, 1);
                        assert_int_equal(m.anchor.n_held, m.n_held[10]);
                        assert_finished(&i, &m);
                        model_deinit(&m);
                }
}

/* A look that shows nothing new is no reason to write the anchor; a resume is. */
static void test_anchored_when_something_is_new(void **state) {
        size_t n_anchored;
        Model m;
        Instance i;

        (void)state;
        start_following(&i, &m, true);
        (void)instance_run(&i, &m, 3 * PLAN_SEC, STEPS_MAX);
        n_anchored = m.n_anchored;
        for (uint32_t n = 0; n < 5; ++n) {
                model_append(&m, 11);
                (void)instance_run(&i, &m, 3 * PLAN_SEC, STEPS_MAX);
        }
        assert_int_equal(m.n_anchored, n_anchored);
        model_suspend(&m, 60 * PLAN_SEC);
        model_append(&m, 11);
        (void)instance_run(&i, &m, 3 * PLAN_SEC, STEPS_MAX);
        assert_int_equal(m.n_anchored, n_anchored + 1);
        assert_int_equal(m.anchor.restart_count, m.restart_count);
        assert_finished(&i, &m);
        model_deinit(&m);
}

/*
 * --oneshot ends at the first verdict EXTENDED: then everything is extended and verified
 */

typedef struct First {
        uint64_t at;
        TpmOutcome outcome;
        bool is_executed;
} First;

static ModelFault first_hook(Model *m, Instance *i, bool is_after, void *userdata) {
        const First *f = userdata;

        (void)m;
        if (is_after || !instance_sends(i) || i->n_steps != f->at)
                return (ModelFault){};
        return (ModelFault){ .outcome = f->outcome, .is_executed = f->is_executed };
}

static void run_once(Shape shape, uint64_t k, First f) {
        Model m;
        Instance i;

        setup_shape(&m, shape, 9, 3 + k);
        if (k)
                model_pre_extend(&m, 10, k);
        m.hook = first_hook;
        m.userdata = &f;
        instance_start(&i, &m);
        while (plan_verdict(&i.plan) == PLAN_VERDICT_PENDING)
                assert_true(instance_step(&i, &m));
        assert_int_equal(plan_verdict(&i.plan), PLAN_VERDICT_EXTENDED);
        assert_true(model_is_extended(&m));
        for (uint32_t pcr = 0; pcr < TPM_PCR_N; ++pcr)
                if (i.plan.chain[pcr].state == CHAIN_HELD) {
                        assert_int_equal(i.plan.chain[pcr].n_unverified, 0);
                        assert_int_equal(i.plan.chain[pcr].held, m.n_held[pcr]);
                }
        model_deinit(&m);
}

static void test_a_verdict_is_verified(void **state) {
        (void)state;
        for (Shape shape = 0; shape < _SHAPE_N; ++shape)
                for (TpmOutcome outcome = TPM_DONE; outcome < _TPM_OUTCOME_N; ++outcome)
                        for (uint64_t at = 1; at < 100; ++at)
                                if (outcome != TPM_REFUSED)
                                        run_once(shape, at % 3,
                                                 (First){ .at = at,
                                                          .outcome = outcome,
                                                          .is_executed = at / 3 % 2 });
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_follows_the_list_alone),
                cmocka_unit_test(test_rests_when_the_list_goes),
                cmocka_unit_test(test_a_moment_ends_nothing),
                cmocka_unit_test(test_counts_each_record_once),
                cmocka_unit_test(test_an_idle_hour),
                cmocka_unit_test(test_lag),
                cmocka_unit_test(test_verified_once_when_it_is_quiet),
                cmocka_unit_test(test_anchored_when_something_is_new),
                cmocka_unit_test(test_a_verdict_is_verified),
        };

        return cmocka_run_group_tests(tests, world_open, world_close);
}
