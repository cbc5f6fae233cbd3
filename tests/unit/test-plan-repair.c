/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * --repair-banks: banks that hold different prefixes are brought to the foremost, each record once
 * in each bank; and nothing of that happens where it was not asked for or does not apply.
 */
#include "lib/cmocka-all.h"
#include "lib/pcr-world.h"

#define K_MAX 6U /* records that a bank may hold to begin with */

static const PlanOptions repairs = { .repairs_banks = true };

/* Some tool extended these banks with so many records each. */
static void arrange(Model *m, Shape shape, uint64_t k_sha1, uint64_t k_sha256) {
        setup_shape(m, shape, 0, 3);
        while (m->n_list < 14)
                append_shaped(m, shape);
        for (uint32_t n = 0; n < K_MAX; ++n)
                model_append(m, 10);
        model_pre_extend_banks(m, 10, BANK(DIGEST_SHA1), k_sha1);
        model_pre_extend_banks(m, 10, BANK(DIGEST_SHA256), k_sha256);
}

static void test_any_two_prefixes(void **state) {
        (void)state;
        for (Shape shape = 0; shape < _SHAPE_N; ++shape)
                for (uint64_t k1 = 0; k1 <= K_MAX; ++k1)
                        for (uint64_t k2 = 0; k2 <= K_MAX; ++k2) {
                                Model m;
                                Instance i;

                                arrange(&m, shape, k1, k2);
                                instance_start_with(&i, &m, &repairs);
                                assert_finished(&i, &m);
                                model_deinit(&m);
                        }
}

/* All records of the foremost bank are there, and the list ends with the last of them. */
static void test_to_the_end_of_the_list(void **state) {
        (void)state;
        for (uint64_t k = 0; k < 10; ++k) {
                Model m;
                Instance i;

                setup(&m, false);
                model_pre_extend_banks(&m, 10, BANK(DIGEST_SHA256), 10);
                model_pre_extend_banks(&m, 10, BANK(DIGEST_SHA1), k);
                instance_start_with(&i, &m, &repairs);
                assert_finished(&i, &m);
                assert_int_equal(m.n_extends, 10 - k);
                /* Two contexts for the banks, a second one for the verdict; no third doubt. */
                assert_in_range(m.n_commands, 0, 3 + 2 * 3 + 10 - k + 2);
                model_deinit(&m);
        }
}

/* ... and a foreign chain makes that the list is walked twice during the repair. */
static void test_beside_a_foreign_chain(void **state) {
        (void)state;
        for (uint64_t k = 0; k < 6; ++k) {
                Model m;
                Instance i;

                model_init(&m, &hashers, TWO_BANKS, k);
                model_foreign_extend(&m, 12, TWO_BANKS);
                for (uint32_t n = 0; n < 6; ++n) {
                        model_append(&m, 10);
                        model_append(&m, 12);
                }
                model_append(&m, 10);
                model_pre_extend_banks(&m, 10, BANK(DIGEST_SHA1), 7);
                model_pre_extend_banks(&m, 10, BANK(DIGEST_SHA256), k);
                instance_start_with(&i, &m, &repairs);
                assert_finished(&i, &m);
                model_deinit(&m);
        }
}

static void test_not_asked_for(void **state) {
        (void)state;
        for (uint64_t k1 = 0; k1 <= K_MAX; ++k1)
                for (uint64_t k2 = 0; k2 <= K_MAX; ++k2) {
                        Model m;
                        Instance i;

                        arrange(&m, SHAPE_TWO, k1, k2);
                        instance_start(&i, &m);
                        if (k1 == k2) {
                                assert_finished(&i, &m);
                        } else {
                                assert_ends(&i, &m, PLAN_SPLIT_BANKS, PLAN_REASON_BANKS_DIFFER);
                                assert_int_equal(m.n_extends, 0);
                        }
                        model_deinit(&m);
                }
}

/* A bank that holds something else is nobody's to repair. */
static void test_a_foreign_bank_is_not_repaired(void **state) {
        (void)state;
        for (uint64_t k1 = 0; k1 <= K_MAX; ++k1)
                for (uint64_t k2 = 0; k2 <= K_MAX; ++k2) {
                        Model m;
                        Instance i;

                        arrange(&m, SHAPE_TWO, k1, k2);
                        model_foreign_extend(&m, 10, BANK(DIGEST_SHA256));
                        instance_start_with(&i, &m, &repairs);
                        assert_ends(&i, &m, PLAN_DIVERGED, PLAN_REASON_FOREIGN_EXTEND_IN_BANK);
                        assert_int_equal(m.n_extends, 0);
                        model_deinit(&m);
                }
}

/* Another PCR's banks are not what was asked for. */
static void test_a_side_chain_is_not_repaired(void **state) {
        Model m;
        Instance i;

        (void)state;
        setup(&m, true);
        model_pre_extend_banks(&m, 11, BANK(DIGEST_SHA1), 1);
        instance_start_with(&i, &m, &repairs);
        assert_true(instance_settle(&i, &m, STEPS_MAX));
        assert_state(&i, &m, PLAN_FOLLOW, PLAN_REASON_NONE);
        assert_int_equal(m.n_held[10], 7);
        assert_int_equal(m.n_in[11][DIGEST_SHA1], 1);
        assert_int_equal(m.n_in[11][DIGEST_SHA256], 0);
        model_deinit(&m);
}

/*
 * At each step something happens
 */

typedef enum What {
        WHAT_FAULT,
        WHAT_CRASH_BEFORE,
        WHAT_CRASH_AFTER,
        WHAT_FOREIGN,
        WHAT_APPEND,
        WHAT_LIE,
        WHAT_RESET,
        WHAT_SUSPEND,
        _WHAT_N,
} What;

typedef struct Once {
        What what;
        uint64_t at;
        TpmOutcome outcome;
        bool is_executed, was_there;
} Once;

static ModelFault once_hook(Model *m, Instance *i, bool is_after, void *userdata) {
        Once *o = userdata;

        if (o->was_there || i->n_steps < o->at || is_after != (o->what == WHAT_CRASH_AFTER))
                return (ModelFault){};
        if ((o->what == WHAT_FAULT && !instance_sends(i)) ||
            (o->what == WHAT_LIE && i->step.kind != PLAN_STEP_READ_PCR))
                return (ModelFault){};
        o->was_there = true;
        switch (o->what) {
        case WHAT_FAULT:
                return (ModelFault){ .outcome = o->outcome, .is_executed = o->is_executed };
        case WHAT_CRASH_BEFORE:
        case WHAT_CRASH_AFTER:
                instance_crash(i, m);
                break;
        case WHAT_FOREIGN:
                model_foreign_command(m);
                break;
        case WHAT_APPEND:
                model_append(m, 10);
                break;
        case WHAT_LIE:
                return (ModelFault){ .lie = MODEL_LIE_PCR };
        case WHAT_RESET:
                model_reset(m);
                break;
        case WHAT_SUSPEND:
                model_suspend(m, 60 * PLAN_SEC);
                break;
        case _WHAT_N:
                break;
        }
        return (ModelFault){};
}

/* Return: whether there was such a step. */
static bool repair_with(Shape shape, uint64_t k1, uint64_t k2, Once o) {
        Model m;
        Instance i;

        arrange(&m, shape, k1, k2);
        m.hook = once_hook;
        m.userdata = &o;
        instance_start_with(&i, &m, &repairs);
        (void)instance_settle(&i, &m, STEPS_MAX);
        if (i.has_crashed) {
                PlanOptions again = model_options(&m);

                again.repairs_banks = true;
                instance_start_with(&i, &m, &again);
        }
        if (o.what != WHAT_RESET || !o.was_there)
                assert_finished(&i, &m);
        assert_null(m.violation); /* which sees extends after a reset */
        model_deinit(&m);
        return o.was_there;
}

static void repair_at_every_step(Once o) {
        static const uint64_t prefixes[][2] = { { 0, K_MAX }, { 5, 2 }, { 3, 4 } };

        for (size_t p = 0; p < ELEMENTSOF(prefixes); ++p)
                for (o.at = 1;
                     repair_with((Shape)(p % _SHAPE_N), prefixes[p][0], prefixes[p][1], o); ++o.at)
                        ;
}

static void test_something_at_every_step(void **state) {
        (void)state;
        for (What what = WHAT_CRASH_BEFORE; what < _WHAT_N; ++what)
                repair_at_every_step((Once){ .what = what });
}

static void test_a_fault_at_every_step(void **state) {
        (void)state;
        for (TpmOutcome outcome = TPM_ABSENT; outcome < _TPM_OUTCOME_N; ++outcome)
                for (int is_executed = 0; is_executed < 2; ++is_executed)
                        if (outcome != TPM_REFUSED)
                                repair_at_every_step(
                                        (Once){ .outcome = outcome, .is_executed = is_executed });
}

/* Every extend is executed and none is answered. */
static ModelFault no_answer_hook(Model *m, Instance *i, bool is_after, void *userdata) {
        (void)m, (void)is_after, (void)userdata;
        return (ModelFault){ .outcome = i->step.kind == PLAN_STEP_EXTEND ? TPM_UNKNOWN : TPM_DONE,
                             .is_executed = true };
}

static void test_without_answers(void **state) {
        Model m;
        Instance i;

        (void)state;
        arrange(&m, SHAPE_TWO, 0, K_MAX);
        m.hook = no_answer_hook;
        instance_start_with(&i, &m, &repairs);
        assert_finished(&i, &m);
        model_deinit(&m);
}

/* Somebody else uses the TPM after every second record: each is some progress, without a long wait.
 */
static ModelFault neighbour_hook(Model *m, Instance *i, bool is_after, void *userdata) {
        (void)userdata;
        if (is_after && i->step.kind == PLAN_STEP_EXTEND && m->n_extends % 2)
                model_foreign_command(m);
        return (ModelFault){};
}

static void test_beside_a_noisy_neighbour(void **state) {
        Model m;
        Instance i;

        (void)state;
        setup(&m, false);
        for (uint32_t k = 0; k < 50; ++k)
                model_append(&m, 10);
        model_pre_extend_banks(&m, 10, BANK(DIGEST_SHA256), 50);
        m.hook = neighbour_hook;
        instance_start_with(&i, &m, &repairs);
        (void)instance_settle(&i, &m, 10 * STEPS_MAX);
        assert_finished(&i, &m);
        assert_in_range(m.now_usec, 0, 10 * PLAN_SEC);
        model_deinit(&m);
}

/* Two at once give the same as one (rule I8). */
static void test_two_at_once(void **state) {
        (void)state;
        for (uint64_t seed = 0; seed < 500; ++seed) {
                Instance all[2];
                Model m;

                arrange(&m, seed % _SHAPE_N, seed % (K_MAX + 1), seed / 7 % (K_MAX + 1));
                m.seed = seed;
                for (size_t k = 0; k < ELEMENTSOF(all); ++k)
                        instance_start_with(&all[k], &m, &repairs);
                for (size_t s = 0; s < 3000; ++s)
                        (void)instance_step(&all[model_random(&m) % 2], &m);
                for (size_t k = 0; k < ELEMENTSOF(all); ++k)
                        assert_finished(&all[k], &m);
                model_deinit(&m);
        }
}

/* A tool begins to extend one bank while this process follows. */
static void test_banks_part_while_following(void **state) {
        Model m;
        Instance i;

        (void)state;
        setup(&m, true);
        instance_start_with(&i, &m, &repairs);
        assert_finished(&i, &m);
        for (uint32_t n = 0; n < 5; ++n) {
                for (uint32_t k = 0; k < 4; ++k)
                        model_append(&m, k == 1 ? 11 : 10);
                model_pre_extend_banks(&m, 10, BANK(n % 2 ? DIGEST_SHA1 : DIGEST_SHA256), 2);
                (void)instance_run(&i, &m, n * PLAN_SEC + PLAN_SEC, STEPS_MAX);
                assert_finished(&i, &m);
        }
        model_deinit(&m);
}

/*
 * A reset goes before: whatever was asked for by another name
 */

/* One bank is below what was verified: that is no tool's doing. */
static void test_below_the_anchor(void **state) {
        (void)state;
        for (uint64_t n_held = 0; n_held <= K_MAX; ++n_held)
                for (uint64_t k = 0; k < K_MAX; ++k) {
                        PlanOptions o = { .repairs_banks = true, .has_anchor = true };
                        Model m;
                        Instance i;

                        arrange(&m, SHAPE_TWO, k, K_MAX);
                        o.anchor = (Anchor){ .pcr = 10,
                                             .n_held = n_held,
                                             .banks = TWO_BANKS,
                                             .reset_count = m.reset_count };
                        instance_start_with(&i, &m, &o);
                        if (k < n_held) {
                                assert_ends(&i, &m, PLAN_TPM_RESET, PLAN_REASON_PCR_WENT_BACK);
                                assert_int_equal(m.n_extends, 0);
                        } else {
                                assert_finished(&i, &m);
                        }
                        model_deinit(&m);
                }
}

static void test_not_where_the_firmware_measured_nothing(void **state) {
        PlanOptions o = { .repairs_banks = true, .measured_boot = PLAN_MEASURED_YES };
        Model m;
        Instance i;

        (void)state;
        arrange(&m, SHAPE_TWO, 2, 4);
        instance_start_with(&i, &m, &o);
        (void)instance_run(&i, &m, 20 * PLAN_SEC, STEPS_MAX);
        assert_state(&i, &m, PLAN_TPM_RESET, PLAN_REASON_FIRMWARE_PCRS_ZERO);
        assert_int_equal(m.n_extends, 0);
        model_deinit(&m);
        arrange(&m, SHAPE_TWO, 2, 4);
        m.pcr[7].of[DIGEST_SHA1].data[3] = 1;
        instance_start_with(&i, &m, &o);
        assert_finished(&i, &m);
        model_deinit(&m);
}

/* A record that a bank lacks is gone from the kernel's list. */
static void test_a_lacking_record_was_trimmed(void **state) {
        (void)state;
        for (size_t floor = 0; floor <= K_MAX; ++floor) {
                Model m;
                Instance i;

                arrange(&m, SHAPE_ONE, 3, K_MAX);
                m.n_spooled = m.n_list;
                model_trim(&m, floor);
                instance_start_with(&i, &m, &repairs);
                if (floor > 3) {
                        assert_ends(&i, &m, PLAN_LIST_TRIMMED, PLAN_REASON_RECORDS_GONE);
                        assert_int_equal(m.n_extends, 0);
                } else {
                        assert_finished(&i, &m);
                }
                model_deinit(&m);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_any_two_prefixes),
                cmocka_unit_test(test_to_the_end_of_the_list),
                cmocka_unit_test(test_beside_a_foreign_chain),
                cmocka_unit_test(test_not_asked_for),
                cmocka_unit_test(test_a_foreign_bank_is_not_repaired),
                cmocka_unit_test(test_a_side_chain_is_not_repaired),
                cmocka_unit_test(test_something_at_every_step),
                cmocka_unit_test(test_a_fault_at_every_step),
                cmocka_unit_test(test_without_answers),
                cmocka_unit_test(test_beside_a_noisy_neighbour),
                cmocka_unit_test(test_two_at_once),
                cmocka_unit_test(test_banks_part_while_following),
                cmocka_unit_test(test_below_the_anchor),
                cmocka_unit_test(test_not_where_the_firmware_measured_nothing),
                cmocka_unit_test(test_a_lacking_record_was_trimmed),
        };

        return cmocka_run_group_tests(tests, world_open, world_close);
}
