/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every outcome of every command, once, ten times and for ever: the state while it lasts, how often
 * the TPM is asked, and that it goes on afterwards, with each record once.
 */
#include "lib/cmocka-all.h"
#include "lib/pcr-world.h"

#define FOR_EVER SIZE_MAX

typedef struct Stuck {
        PlanStepKind kind;
        TpmOutcome outcome;
        bool is_executed;
        bool is_over;
        size_t n_times; /* 0: for ever, too */
} Stuck;

static ModelFault stuck_hook(Model *m, Instance *i, bool is_after, void *userdata) {
        Stuck *s = userdata;

        (void)m;
        if (is_after || s->is_over || i->step.kind != s->kind)
                return (ModelFault){};
        if (s->n_times > 0 && s->n_times != FOR_EVER)
                s->is_over = --s->n_times == 0;
        return (ModelFault){ .outcome = s->outcome, .is_executed = s->is_executed };
}

static const struct {
        TpmOutcome outcome;
        PlanState state;
        PlanReason reason;
} outcomes[] = {
        { TPM_ABSENT, PLAN_WAIT_TPM, PLAN_REASON_TPM_UNAVAILABLE },
        { TPM_BUSY, PLAN_BACKOFF, PLAN_REASON_TPM_BUSY },
        { TPM_LATER, PLAN_BACKOFF, PLAN_REASON_TPM_BUSY },
        { TPM_TAMPERED, PLAN_TPM_FAILED, PLAN_REASON_TAMPER_SUSPECTED },
        { TPM_FAILED, PLAN_TPM_FAILED, PLAN_REASON_TPM_FAILURE_MODE },
        { TPM_REFUSED, PLAN_TPM_FAILED, PLAN_REASON_TPM_REFUSED },
        { TPM_UNKNOWN, PLAN_UNKNOWN, PLAN_REASON_OUTCOME_UNKNOWN },
        { TPM_SESSION_LOST, PLAN_UNKNOWN, PLAN_REASON_OUTCOME_UNKNOWN },
        { TPM_EXCLUSIVE, PLAN_BACKOFF, PLAN_REASON_TPM_CONTENDED },
};

/* A whole look: open, probe, clock, read, extend; if there is a second PCR it is read, too. */
#define LOOK_COMMANDS 5U

static const PlanStepKind commands[] = { PLAN_STEP_OPEN_TPM, PLAN_STEP_READ_CLOCK, PLAN_STEP_PROBE,
                                         PLAN_STEP_READ_PCR, PLAN_STEP_EXTEND };

/* Refused for good: rests, says so, and needs somebody who looks at it. */
static bool is_for_good(const Stuck *s) {
        return s->outcome == TPM_REFUSED && s->kind == PLAN_STEP_EXTEND;
}

/* Runs until it is over. Return: commands in the worst second but the first. */
static size_t stick(Instance *i, Model *m, size_t o, Stuck *stuck) {
        bool was_seen = false;
        size_t n_worst;

        m->hook = stuck_hook;
        m->userdata = stuck;
        instance_start(i, m);
        for (size_t n = 0; n < STEPS_MAX && m->now_usec < 4 * PLAN_SEC; ++n) {
                bool goes_on = instance_step(i, m);

                was_seen |=
                        i->plan.state == outcomes[o].state && i->plan.reason == outcomes[o].reason;
                if (!goes_on)
                        break;
        }
        model_forget_rate(m);
        (void)instance_run(i, m, 120 * PLAN_SEC, STEPS_MAX);
        assert_null(m->violation);
        assert_true(was_seen || stuck->n_times != FOR_EVER ||
                    (outcomes[o].outcome == TPM_EXCLUSIVE && stuck->kind < PLAN_STEP_READ_PCR));
        n_worst = m->n_window_max;
        return n_worst;
}

/* It is over, sooner or later: then everything is extended, and nothing twice. */
static size_t stick_and_go_on(size_t c, size_t o, bool is_executed, size_t n_times, bool has_side) {
        Stuck stuck = { .kind = commands[c],
                        .outcome = outcomes[o].outcome,
                        .is_executed = is_executed,
                        .n_times = n_times };
        size_t n_worst;
        Model m;
        Instance i;

        setup(&m, has_side);
        n_worst = stick(&i, &m, o, &stuck);
        stuck.is_over |= n_times == FOR_EVER;
        (void)instance_run(&i, &m, 900 * PLAN_SEC, 100 * STEPS_MAX);
        assert_int_equal(model_n_doubled(&m), 0);
        if (!is_for_good(&stuck) || n_times == 1) {
                assert_state(&i, &m, PLAN_FOLLOW, PLAN_REASON_NONE);
                assert_true(model_is_extended(&m));
        }
        model_deinit(&m);
        return n_worst;
}

static void test_stuck_in_each_fault(void **state) {
        static const size_t times[] = { 1, 10, FOR_EVER };
        size_t n_wrong = 0;

        (void)state;
        for (size_t c = 0; c < ELEMENTSOF(commands); ++c)
                for (size_t o = 0; o < ELEMENTSOF(outcomes); ++o)
                        for (size_t how = 0; how < 4 * ELEMENTSOF(times); ++how) {
                                bool is_executed = how & 1, has_side = how & 2;
                                size_t n = stick_and_go_on(c, o, is_executed, times[how / 4],
                                                           has_side);

                                /* Executed without an answer is progress, not being stuck. */
                                if (n <= LOOK_COMMANDS + has_side || times[how / 4] != FOR_EVER ||
                                    (is_executed && commands[c] == PLAN_STEP_EXTEND))
                                        continue;
                                print_error("command %d, outcome %d: %zu commands in a second\n",
                                            (int)commands[c], (int)outcomes[o].outcome, n);
                                ++n_wrong;
                        }
        assert_int_equal(n_wrong, 0);
}

/*
 * Wrong HMACs
 */

typedef struct Tamper {
        uint64_t first_usec, every_usec;
        size_t n, n_done;
} Tamper;

/* One answer is changed at each of these times, or as soon after it as there is one. */
static ModelFault tamper_hook(Model *m, Instance *i, bool is_after, void *userdata) {
        Tamper *t = userdata;

        if (is_after)
                return (ModelFault){};
        if (t->n_done < t->n && m->now_usec >= t->first_usec + t->n_done * t->every_usec) {
                if (i->step.kind == PLAN_STEP_WAIT && model_is_extended(m))
                        model_append(m, 10); /* so that there is a command */
                if (i->step.kind == PLAN_STEP_EXTEND) {
                        ++t->n_done;
                        return (ModelFault){ .outcome = TPM_TAMPERED,
                                             .is_executed = t->n_done % 2 };
                }
        }
        return (ModelFault){};
}

static void test_tampered_answers(void **state) {
        static const struct {
                uint64_t every_usec;
                size_t n;
                bool is_suspected;
        } rows[] = {
                { 10 * PLAN_SEC, 1, false },  { 10 * PLAN_SEC, 2, false },
                { 10 * PLAN_SEC, 3, true },   { 100 * PLAN_SEC, 3, true },
                { 299 * PLAN_SEC, 3, true },  { 301 * PLAN_SEC, 3, false },
                { 301 * PLAN_SEC, 9, false }, { 400 * PLAN_SEC, 20, false },
        };

        (void)state;
        for (size_t r = 0; r < ELEMENTSOF(rows); ++r) {
                Tamper t = { .first_usec = 5 * PLAN_SEC,
                             .every_usec = rows[r].every_usec,
                             .n = rows[r].n };
                bool was_seen = false;
                Model m;
                Instance i;

                setup(&m, true);
                m.hook = tamper_hook;
                m.userdata = &t;
                instance_start(&i, &m);
                while (m.now_usec < 9000 * PLAN_SEC) {
                        assert_true(instance_step(&i, &m));
                        was_seen |= i.plan.reason == PLAN_REASON_TAMPER_SUSPECTED &&
                                    i.plan.state == PLAN_TPM_FAILED;
                }
                assert_int_equal(t.n_done, rows[r].n);
                assert_int_equal(was_seen, rows[r].is_suspected);
                assert_finished(&i, &m); /* it passes */
                model_deinit(&m);
        }
}

/* It asks for seconds, and gets ever more of them. */
static void test_later(void **state) {
        static const uint64_t waits_sec[] = { 0, 2, 4, 8, 16, 30, 30, 30 };
        Stuck stuck = { .kind = PLAN_STEP_EXTEND, .outcome = TPM_LATER };
        Model m;
        Instance i;

        (void)state;
        setup(&m, false);
        m.hook = stuck_hook;
        m.userdata = &stuck;
        instance_start(&i, &m);
        for (size_t n = 0; n < ELEMENTSOF(waits_sec); ++n) {
                uint64_t since_usec;

                while (i.step.kind != PLAN_STEP_CLOSE_TPM || i.plan.state != PLAN_BACKOFF)
                        assert_true(instance_step(&i, &m));
                assert_int_equal(i.plan.reason, PLAN_REASON_TPM_BUSY);
                since_usec = m.now_usec;
                while (i.step.kind != PLAN_STEP_OPEN_TPM)
                        assert_true(instance_step(&i, &m));
                if (n > 0)
                        assert_int_equal(m.now_usec - since_usec, waits_sec[n] * PLAN_SEC);
                assert_true(instance_step(&i, &m));
        }
        stuck.is_over = true;
        assert_true(instance_run(&i, &m, 40 * PLAN_SEC, STEPS_MAX));
        assert_finished(&i, &m);
        model_deinit(&m);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_stuck_in_each_fault),
                cmocka_unit_test(test_tampered_answers),
                cmocka_unit_test(test_later),
        };

        return cmocka_run_group_tests(tests, world_open, world_close);
}
