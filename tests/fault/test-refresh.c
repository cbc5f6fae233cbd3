/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * extender_refresh(): somebody asks how list and PCRs stand. It is answered after a look where one
 * can be taken, at once where none can, never by the look of an earlier question, and it costs a
 * bounded number of commands.
 */
#include "fault/machine.h"

#include <tss2/tss2_tpm2_types.h>

#define RECORDS        20U
#define MAIN           (UINT32_C(1) << 10)
#define SIDE           (UINT32_C(1) << MACHINE_SIDE)
#define ANSWERED(m, n) (extender_figures((m)->extender)->token == (n))

static void pass(Machine *m, uint64_t usec) {
        uint64_t until = m->now_usec + usec;

        while (m->now_usec < until)
                machine_turn(m, until);
}

static void boot(Machine *m, MachineList list) {
        machine_build(m, list, RECORDS);
        machine_power_on(m);
        machine_start(m);
}

static size_t n_reads(const Machine *m) {
        return hook_count(&m->hook, TPM2_CC_PCR_Read);
}

static void test_looks_at_what_is_asked_for(void **state) {
        Machine *m = *state;
        size_t before;

        boot(m, MACHINE_TWO_CHAINS);
        pass(m, 5 * MACHINE_SEC);
        before = n_reads(m);
        extender_refresh(m->extender, MAIN | SIDE, 7);
        pass(m, MACHINE_SEC);
        assert_true(ANSWERED(m, 7));
        extender_refresh(m->extender, MAIN, 9);
        extender_refresh(m->extender, MAIN, 8); /* of somebody who looks at another clock */
        pass(m, MACHINE_SEC);
        assert_true(ANSWERED(m, 9));

        assert_true(n_reads(m) >= before + 2);
        assert_int_equal(extender_plan(m->extender)->state, PLAN_FOLLOW);
        assert_true(machine_is_right(m) && machine_is_exact(m));
}

static void test_covers_what_was_measured_before(void **state) {
        Machine *m = *state;

        boot(m, MACHINE_ONE_CHAIN);
        pass(m, 5 * MACHINE_SEC);
        machine_append(m);
        extender_refresh(m->extender, MAIN, 1);
        while (!ANSWERED(m, 1))
                machine_turn(m, UINT64_MAX);
        assert_int_equal(extender_plan(m->extender)->n_listed, RECORDS + 1);
        assert_true(machine_is_right(m) && machine_is_exact(m));
}

/* The second question comes while the first is looked into. */
static void test_each_question_has_its_look(void **state) {
        Machine *m = *state;
        size_t between;

        boot(m, MACHINE_TWO_CHAINS);
        pass(m, 5 * MACHINE_SEC);
        extender_refresh(m->extender, MAIN, 1);
        machine_turn(m, UINT64_MAX); /* the look has begun */
        extender_refresh(m->extender, SIDE, 2);
        while (!ANSWERED(m, 1) && !ANSWERED(m, 2))
                machine_turn(m, UINT64_MAX);
        assert_true(ANSWERED(m, 1));
        between = n_reads(m);
        pass(m, MACHINE_SEC);
        assert_true(ANSWERED(m, 2));
        assert_true(n_reads(m) > between);
}

/* It may take minutes: nobody waits for it who only wants to know how things stand. */
static void test_is_answered_in_a_catch_up(void **state) {
        Machine *m = *state;
        uint64_t token = 0;

        boot(m, MACHINE_TWO_CHAINS);
        while (extender_plan(m->extender)->state != PLAN_CATCH_UP)
                machine_turn(m, UINT64_MAX);
        while (extender_plan(m->extender)->state == PLAN_CATCH_UP) {
                extender_refresh(m->extender, MAIN | SIDE, ++token);
                machine_turn(m, UINT64_MAX);
                assert_true(ANSWERED(m, token));
        }
        assert_true(token > RECORDS / 2);
        pass(m, MACHINE_SEC);
        assert_true(machine_is_right(m) && machine_is_exact(m));
}

/* A kernel that extends, its TPM not there yet; and a verdict that nothing changes any more. */
static void test_where_nothing_can_be_looked_at(void **state) {
        static const MachineList lists[] = { MACHINE_KERNEL, MACHINE_NAMELESS, MACHINE_ONE_CHAIN };
        Machine *m = *state;

        for (size_t i = 0; i < ELEMENTSOF(lists); ++i) {
                machine_build(m, lists[i], RECORDS);
                m->n_no_open = HOOK_FOR_EVER;
                m->open_rc = 0x000a000a;
                machine_power_on(m);
                machine_start(m);
                for (uint64_t n = 1; n < 50; ++n) {
                        extender_refresh(m->extender, UINT32_MAX >> 8, n);
                        pass(m, 100 * PLAN_MSEC);
                        assert_true(ANSWERED(m, n));
                }
                assert_int_equal(m->hook.n_sent, 0);
                m->n_no_open = 0;
                pass(m, 5 * MACHINE_SEC);
        }
        assert_true(machine_is_right(m) && machine_is_exact(m));
}

/*
 * The TPM was reset, which nobody knows yet. The question is answered after a look that shows it,
 * or in a state in which nothing is said of the PCR: never by what was read before.
 */
static void check_reset(Machine *m, uint64_t idle_usec) {
        static const HookRule other_reset_count = { .act = HOOK_ALTER,
                                                    .code = TPM2_CC_ReadClock,
                                                    .times = HOOK_FOR_EVER,
                                                    .position = 29,
                                                    .mask = 0x40 };
        uint64_t asked_usec, read_usec = 0;

        boot(m, MACHINE_ONE_CHAIN);
        pass(m, 5 * MACHINE_SEC);
        extender_refresh(m->extender, MAIN, 1);
        pass(m, idle_usec);
        assert_true(ANSWERED(m, 1));
        hook_next(&m->hook, other_reset_count);
        asked_usec = m->now_usec;
        for (uint64_t token = 2; extender_figures(m->extender)->token < 2; ++token) {
                extender_refresh(m->extender, MAIN, token);
                machine_turn(m, UINT64_MAX);
        }
        assert_non_null(extender_reading(m->extender, 10, &read_usec));
        if (extender_plan(m->extender)->state == PLAN_FOLLOW)
                assert_true(read_usec >= asked_usec);
        else
                assert_int_equal(extender_plan(m->extender)->state, PLAN_TPM_RESET);
}

static void test_no_answer_from_before_a_reset_in_a_session(void **state) {
        check_reset(*state, 300 * PLAN_MSEC);
}

static void test_no_answer_from_before_a_reset(void **state) {
        check_reset(*state, 5 * MACHINE_SEC);
        assert_int_equal(extender_plan(((Machine *)*state)->extender)->state, PLAN_TPM_RESET);
}

/* Asked without end: the session is kept, and each look is a command or two. */
static void test_is_cheap(void **state) {
        Machine *m = *state;
        size_t before;

        boot(m, MACHINE_ONE_CHAIN);
        pass(m, 5 * MACHINE_SEC);
        extender_refresh(m->extender, MAIN, 1);
        pass(m, MACHINE_SEC / 2);
        before = m->hook.n_sent;
        for (uint64_t n = 2; n < 1002; ++n) {
                extender_refresh(m->extender, MAIN, n);
                pass(m, 10 * PLAN_MSEC);
        }
        assert_true(m->hook.n_sent - before <= 10 * 11);
}

#define case_of(test) cmocka_unit_test_setup_teardown(test, machine_open, machine_close)

int main(void) {
        const struct CMUnitTest tests[] = {
                case_of(test_looks_at_what_is_asked_for),
                case_of(test_covers_what_was_measured_before),
                case_of(test_each_question_has_its_look),
                case_of(test_is_answered_in_a_catch_up),
                case_of(test_where_nothing_can_be_looked_at),
                case_of(test_no_answer_from_before_a_reset_in_a_session),
                case_of(test_no_answer_from_before_a_reset),
                case_of(test_is_cheap),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
