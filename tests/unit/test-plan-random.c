/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The plan against other users of the TPM, other instances and chance: each record exactly once.
 */
#include "lib/cmocka-all.h"
#include "lib/pcr-world.h"

/*
 * Contention
 */

typedef struct Noise {
        PlanStepKind kind;
        size_t n;              /* how many times still */
        uint64_t every, steps; /* or: before each so many steps of any kind */
} Noise;

static ModelFault noise_hook(Model *m, Instance *i, bool is_after, void *userdata) {
        Noise *n = userdata;

        if (is_after)
                return (ModelFault){};
        if (n->every > 0 && ++n->steps % n->every == 0)
                model_foreign_command(m);
        if (n->n > 0 && i->step.kind == n->kind) {
                --n->n;
                return (ModelFault){ .outcome = TPM_EXCLUSIVE };
        }
        return (ModelFault){};
}

static void test_exclusive_many_times_in_a_row(void **state) {
        static const PlanStepKind kinds[] = { PLAN_STEP_EXTEND, PLAN_STEP_READ_PCR,
                                              PLAN_STEP_PROBE };

        (void)state;
        for (size_t k = 0; k < ELEMENTSOF(kinds); ++k)
                for (size_t n = 1; n <= 30; ++n)
                        for (Shape shape = 0; shape < _SHAPE_N; ++shape) {
                                Noise noise = { .kind = kinds[k], .n = n };
                                Model m;
                                Instance i;

                                setup_shape(&m, shape, 7, n);
                                m.hook = noise_hook;
                                m.userdata = &noise;
                                instance_start(&i, &m);
                                assert_finished(&i, &m);
                                model_deinit(&m);
                        }
}

/* Another user of the TPM comes more often than one walk through the list takes. */
static void noisy_neighbour(uint32_t behind) {
        Noise noise = { .every = 100 };
        Model m;
        Instance i;

        model_init(&m, &hashers, TWO_BANKS, 1);
        model_append(&m, 10);
        for (uint32_t n = 0; n < behind; ++n)
                model_append(&m, 11);
        for (size_t n = 0; n < 400; ++n)
                model_append(&m, 10);
        if (behind)
                model_pre_extend(&m, 10, 401);
        m.hook = noise_hook;
        m.userdata = &noise;
        instance_start(&i, &m);
        assert_finished(&i, &m);
        model_deinit(&m);
}

static void test_noisy_neighbour(void **state) {
        (void)state;
        noisy_neighbour(0);
}

/* The chain of PCR 11 has to go back to the begin of a list that PCR 10 holds already. */
static void test_noisy_neighbour_while_a_chain_is_behind(void **state) {
        (void)state;
        noisy_neighbour(3);
}

/*
 * Chance
 */

typedef struct Chaos {
        uint32_t one_in; /* a fault in so many steps */
        Shape shape;
        size_t n_list_max;
        size_t n_faults;
} Chaos;

static void chaos_world(Model *m, Chaos *c, uint32_t dice) {
        if (dice < 3)
                model_foreign_command(m);
        else if (dice < 7)
                model_deliver_stale(m);
        else if (dice < 10 && m->n_list < c->n_list_max)
                append_shaped(m, c->shape);
}

static ModelFault chaos_hook(Model *m, Instance *i, bool is_after, void *userdata) {
        Chaos *c = userdata;
        ModelFault f = {};
        uint32_t dice;

        if (c->one_in == 0 || model_random(m) % c->one_in > 0)
                return f;
        ++c->n_faults;
        dice = model_random(m) % 24;
        chaos_world(m, c, dice);
        if (dice == 10 || dice == 11) {
                if (i->step.kind == PLAN_STEP_EXTEND && !is_after && dice == 10)
                        model_leave_stale(m, i);
                instance_crash(i, m);
        } else if (dice > 11 && instance_sends(i)) {
                f.outcome = (TpmOutcome)(TPM_ABSENT + model_random(m) % (_TPM_OUTCOME_N - 1));
                if (f.outcome == TPM_REFUSED || f.outcome == TPM_FAILED)
                        f.outcome = TPM_BUSY;
                f.is_executed = f.outcome != TPM_EXCLUSIVE && f.outcome != TPM_SESSION_LOST &&
                                model_random(m) % 2;
                if (!f.is_executed && !is_after && i->step.kind == PLAN_STEP_EXTEND &&
                    f.outcome != TPM_EXCLUSIVE && f.outcome != TPM_SESSION_LOST)
                        model_leave_stale(m, i);
        }
        return f;
}

/* Some instances on one TPM, in random order; a crashed one begins anew. */
static void run_together(Model *m, Instance *all, size_t n, uint64_t n_steps) {
        for (uint64_t s = 0; s < n_steps && !m->violation; ++s) {
                Instance *i = &all[model_random(m) % n];

                /* Who waits while others work is woken when it is time, or when all wait. */
                if (instance_is_waiting(i) && i->step.until_usec > m->now_usec) {
                        bool all_wait = true;

                        for (size_t k = 0; k < n; ++k)
                                all_wait &= instance_is_waiting(&all[k]);
                        if (!all_wait)
                                continue;
                }
                (void)instance_step(i, m);
                if (i->has_crashed)
                        instance_start(i, m);
        }
        if (m->violation)
                fail_msg("%s", m->violation);
}

static size_t chaos(uint64_t seed, size_t n_instances, uint64_t n_steps, Chaos c) {
        Instance all[3];
        Model m;

        setup_shape(&m, c.shape, 1 + seed % 5, seed);
        m.hook = chaos_hook;
        m.userdata = &c;
        for (size_t k = 0; k < n_instances; ++k)
                instance_start(&all[k], &m);
        run_together(&m, all, n_instances, n_steps);
        model_deliver_stale(&m);
        c.one_in = 0;
        for (size_t k = 0; k < n_instances; ++k)
                assert_false(plan_is_terminal(all[k].plan.state));
        run_together(&m, all, n_instances, 4000 * n_instances);
        for (size_t k = 0; k < n_instances; ++k)
                assert_finished(&all[k], &m);
        model_deinit(&m);
        return c.n_faults;
}

static void test_two_instances(void **state) {
        (void)state;
        for (uint64_t seed = 0; seed < 300 * world_scale(); ++seed)
                (void)chaos(seed, 2 + seed % 2, 1500,
                            (Chaos){ .one_in = 40, .shape = seed % _SHAPE_N, .n_list_max = 60 });
}

static void test_long_run_of_chance(void **state) {
        const char *s = getenv("SEED");
        uint64_t seed = s ? strtoull(s, NULL, 10) : 20250301;
        size_t n = 0, n_max = 200000 * world_scale();

        (void)state;
        print_message("SEED=%llu, %zu faults\n", (unsigned long long)seed, n_max);
        for (uint64_t first = seed; n < n_max || seed < first + 120; ++seed) {
                Chaos c = { .one_in = 2 + (uint32_t)(seed % 30),
                            .shape = seed / 30 % _SHAPE_N,
                            .n_list_max = 400 };

                n += chaos(seed, 1, 20000, c);
        }
}

/* Control: without the exclusive rule two instances must double records. */
static void test_control_two_instances(void **state) {
        size_t n_doubled = 0;

        (void)state;
        for (uint64_t seed = 0; seed < 50; ++seed) {
                Instance all[2];
                Model m;

                setup_shape(&m, SHAPE_ONE, 20, seed);
                m.is_unguarded = true;
                instance_start(&all[0], &m);
                instance_start(&all[1], &m);
                for (size_t s = 0; s < 1000; ++s)
                        (void)instance_step(&all[model_random(&m) % 2], &m);
                n_doubled += model_n_doubled(&m);
                model_deinit(&m);
        }
        assert_true(n_doubled > 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_exclusive_many_times_in_a_row),
                cmocka_unit_test(test_noisy_neighbour),
                cmocka_unit_test(test_noisy_neighbour_while_a_chain_is_behind),
                cmocka_unit_test(test_two_instances),
                cmocka_unit_test(test_long_run_of_chance),
                cmocka_unit_test(test_control_two_instances),
        };

        return cmocka_run_group_tests(tests, world_open, world_close);
}
