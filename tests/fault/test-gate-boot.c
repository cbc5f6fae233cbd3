/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A boot as it was taken from an arm64 machine with pKVM (tests/data/machines), stage after stage,
 * with the list growing all the time: state and reason at each moment, and at the end every record
 * in the TPM. The machine's own TPM is a software one behind a TCTI: its node only opens the gate.
 */
#include "fault/machine.h"
#include "lib/tree.h"

#include <string.h>

#define RECORDS 20U

static void pass(Machine *m, uint64_t sec) {
        uint64_t until = m->now_usec + sec * MACHINE_SEC;

        machine_append(m);
        while (m->now_usec < until)
                machine_turn(m, until);
}

static void show(const Machine *m, const char *stage) {
        tree_stage(getenv("TEST_DATA_DIR"), stage, m->dir, "sys/kernel/security");
}

static void build(Machine *m, const char *first) {
        machine_build(m, MACHINE_ONE_CHAIN, RECORDS);
        m->asks_gate = true;
        show(m, first);
}

static void start(Machine *m) {
        machine_power_on(m);
        machine_start(m);
}

static void boot(Machine *m, const char *first) {
        build(m, first);
        start(m);
}

static void check(Machine *m, PlanState state, PlanReason reason, size_t n_sent) {
        const Plan *p = extender_plan(m->extender);

        assert_string_equal(plan_state_name(p->state), plan_state_name(state));
        assert_int_equal(p->reason, reason);
        assert_int_equal(m->hook.n_sent > 0, n_sent > 0);
}

static void check_fact(const Machine *m, GateThing thing, GateReadiness readiness, Advice advice,
                       KernelPart part) {
        const GateFact *fact = &extender_gate(m->extender)->facts[thing];

        assert_string_equal(gate_readiness_name(fact->readiness), gate_readiness_name(readiness));
        assert_int_equal(fact->advice, advice);
        assert_int_equal(fact->part, part);
}

static void check_ready(const Machine *m, GateThing thing) {
        check_fact(m, thing, GATE_READY, ADVICE_NONE, PART_NONE);
}

static void check_trouble(const Machine *m, const char *says) {
        assert_non_null(strstr(extender_trouble(m->extender), says));
}

/* pKVM is told of at 1 s, FF-A is there at 2 s, the TPM at 4 s. */
static void test_the_mission(void **state) {
        Machine *m = *state;

        build(m, "arm64-ffa-late-stock-7.3.boot");
        tree_file(m->dir, "dev/kmsg", "");
        start(m);
        pass(m, 1);
        check(m, PLAN_WAIT_TPM, PLAN_REASON_GATE_WAIT, 0);
        check_fact(m, GATE_PKVM, GATE_WAITING, ADVICE_PKVM_UNKNOWN, PART_NONE);
        check_fact(m, GATE_FFA, GATE_WAITING, ADVICE_NOT_LOADED, PART_FFA);
        check_fact(m, GATE_TPM, GATE_WAITING, ADVICE_TPM_NONE, PART_NONE);
        check_trouble(m, "ffa-module is not loaded");

        show(m, "arm64-ffa-late-stock-7.3.boot");
        pass(m, 1);
        check(m, PLAN_WAIT_TPM, PLAN_REASON_GATE_WAIT, 0);
        check_ready(m, GATE_PKVM);
        check_fact(m, GATE_FFA, GATE_WAITING, ADVICE_NOT_LOADED, PART_FFA);
        check_fact(m, GATE_TPM, GATE_WAITING, ADVICE_TPM_NONE, PART_NONE);
        check_trouble(m, "ffa-module is not loaded");

        show(m, "arm64-ffa-late-stock-7.3.ffa");
        pass(m, 2);
        check(m, PLAN_WAIT_TPM, PLAN_REASON_GATE_WAIT, 0);
        check_ready(m, GATE_PKVM);
        check_fact(m, GATE_FFA, GATE_WAITING, ADVICE_NOT_LOADED, PART_CRB_FFA);
        check_fact(m, GATE_TPM, GATE_WAITING, ADVICE_FFA_FIRST, PART_NONE);
        check_trouble(m, "tpm_crb_ffa is not loaded");

        show(m, "arm64-ffa-late-stock-7.3.tpm");
        pass(m, 5);
        check(m, PLAN_FOLLOW, PLAN_REASON_NONE, 1);
        check_ready(m, GATE_PKVM);
        check_ready(m, GATE_FFA);
        check_ready(m, GATE_TPM);
        assert_string_equal(extender_trouble(m->extender), "");
        assert_string_equal(extender_gate(m->extender)->device, "/dev/tpmrm0");
        assert_true(machine_is_right(m) && machine_is_exact(m));
}

/* The same with RequirePKVM=yes: it is what is waited for, until the log tells of it. */
static void test_required_pkvm(void **state) {
        Machine *m = *state;

        build(m, "arm64-ffa-late-stock-7.3.tpm");
        m->gate = (GateOptions){ .require_pkvm = true };
        tree_file(m->dir, "dev/kmsg", "");
        start(m);
        pass(m, 60);
        check(m, PLAN_WAIT_TPM, PLAN_REASON_GATE_WAIT, 0);
        check_fact(m, GATE_PKVM, GATE_WAITING, ADVICE_PKVM_UNKNOWN, PART_NONE);
        check_ready(m, GATE_FFA);
        check_ready(m, GATE_TPM);
        check_trouble(m, "protected");
        show(m, "arm64-ffa-late-stock-7.3.tpm");
        pass(m, 5);
        check(m, PLAN_FOLLOW, PLAN_REASON_NONE, 1);
        check_ready(m, GATE_PKVM);
}

/* A known dead end is said at once, and nothing is sent for as long as it lasts. */
static void test_the_dead_end(void **state) {
        Machine *m = *state;

        boot(m, "arm64-ffa-deadend-7.3.boot");
        pass(m, 5);
        check(m, PLAN_WAIT_TPM, PLAN_REASON_GATE_NEVER, 0);
        assert_int_equal(plan_verdict(extender_plan(m->extender)), PLAN_VERDICT_FAILED);
        assert_true(extender_trouble(m->extender)[0] != '\0');
        show(m, "arm64-ffa-deadend-7.3.tpm");
        pass(m, 3600);
        check(m, PLAN_WAIT_TPM, PLAN_REASON_GATE_NEVER, 0);
}

/* pKVM was asked for and failed: a warning, or with RequirePKVM=yes the end of waiting. */
static void test_pkvm_failed(void **state) {
        Machine *m = *state;

        machine_build(m, MACHINE_ONE_CHAIN, RECORDS);
        m->gate = (GateOptions){ .require_pkvm = true };
        m->asks_gate = true;
        show(m, "made-pkvm-failed");
        machine_power_on(m);
        machine_start(m);
        pass(m, 5);
        check(m, PLAN_WAIT_TPM, PLAN_REASON_PKVM_FAILED, 0);
        assert_int_equal(plan_verdict(extender_plan(m->extender)), PLAN_VERDICT_FAILED);
}

/* A new node ends the wait at once. */
static void test_poke(void **state) {
        Machine *m = *state;
        uint64_t begun;

        boot(m, "arm64-ffa-deadend-7.3.boot");
        pass(m, 60);
        show(m, "arm64-ffa-late-stock-7.3.tpm");
        begun = m->now_usec;
        extender_poke(m->extender);
        machine_turn(m, m->now_usec + 1);
        machine_turn(m, m->now_usec + 1);
        assert_true(m->now_usec <= begun + 2);
        assert_true(extender_gate(m->extender)->facts[GATE_FFA].readiness != GATE_NOT_NEEDED);
}

/* As often as any user likes to touch a node, it is not looked for: each look costs. */
static void test_pokes_without_end(void **state) {
        Machine *m = *state;
        uint32_t n_openings;
        uint64_t until;

        boot(m, "arm64-ffa-late-stock-7.3.tpm");
        m->n_no_open = 10000;
        m->open_rc = 0x000a000a;
        pass(m, 60);
        n_openings = m->n_no_open;
        for (until = m->now_usec + MACHINE_SEC; m->now_usec < until;) {
                uint64_t a_moment = m->now_usec + PLAN_MSEC;

                extender_poke(m->extender);
                while (m->now_usec < a_moment)
                        machine_turn(m, a_moment);
        }
        assert_in_range(n_openings - m->n_no_open, 4, 6);
}

#define case_of(test) cmocka_unit_test_setup_teardown(test, machine_open, machine_close)

int main(void) {
        const struct CMUnitTest tests[] = {
                case_of(test_the_mission),  case_of(test_required_pkvm),
                case_of(test_the_dead_end), case_of(test_pkvm_failed),
                case_of(test_poke),         case_of(test_pokes_without_end),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
