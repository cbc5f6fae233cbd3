/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The real extender on a real TPM, with one fault at each command of its run: at the end the PCRs
 * are right in every bank, and each record was executed once.
 *
 * Facts: reliability.md, 3 (what TPMs and transports do), 2.2 (why nothing is ever resent).
 */
#include "fault/machine.h"

#include <string.h>
#include <tss2/tss2_tcti.h>

#define RECORDS 40U

typedef struct Fault {
        const char *name;
        HookRule rule;
} Fault;

static Bytes foreign_command;

#define ANSWER(code)                                                                               \
        {                                                                                          \
                "not executed, " #code, {                                                          \
                        .act = HOOK_ANSWER, .rc = TPM2_RC_##code                                   \
                }                                                                                  \
        }
#define LIE(code)                                                                                  \
        {                                                                                          \
                "executed, " #code, {                                                              \
                        .act = HOOK_LIE, .rc = TPM2_RC_##code                                      \
                }                                                                                  \
        }
#define ALTER(at, turned)                                                                          \
        {                                                                                          \
                "altered at " #at, {                                                               \
                        .act = HOOK_ALTER, .position = (at), .mask = (turned)                      \
                }                                                                                  \
        }

static const Fault faults[] = {
        { "nothing", { .act = HOOK_PASS } },
        ANSWER(RETRY),
        ANSWER(TESTING),
        ANSWER(YIELDED),
        ANSWER(CANCELED),
        ANSWER(NV_RATE),
        ANSWER(SESSION_MEMORY),
        ANSWER(CONTEXT_GAP),
        ANSWER(INITIALIZE),
        ANSWER(FAILURE),
        ANSWER(LOCKOUT),
        ANSWER(EXCLUSIVE),
        ANSWER(REFERENCE_S0),
        /* A TPM that lies: it has executed what it asks to be sent again. */
        LIE(RETRY),
        LIE(TESTING),
        LIE(FAILURE),
        LIE(INITIALIZE),
        { "answer lost", { .act = HOOK_LOSE, .rc = TSS2_TCTI_RC_IO_ERROR } },
        { "connection lost", { .act = HOOK_LOSE, .rc = TSS2_TCTI_RC_NO_CONNECTION } },
        { "command lost", { .act = HOOK_DROP, .rc = TSS2_TCTI_RC_IO_ERROR } },
        { "cannot be sent", { .act = HOOK_FAIL, .rc = TSS2_TCTI_RC_IO_ERROR } },
        { "nobody there", { .act = HOOK_FAIL, .rc = TSS2_TCTI_RC_NO_CONNECTION } },
        { "foreign command", { .act = HOOK_BEFORE } },
        ALTER(0, 0x01),
        ALTER(1, 0x03), /* the tag of the other kind */
        ALTER(6, 0x80),
        ALTER(8, 0x09), /* 0x900: a code of the TPM */
        ALTER(9, 0x01),
        ALTER(17, 0x40),
        ALTER(-1, 0x01),
        ALTER(-36, 0x01), /* in a session: the nonce of the TPM */
};

static void check_fault(Machine *m, const Fault *f, size_t at) {
        PlanVerdict first, last;

        machine_power_on(m);
        machine_revive(m, f->rule);
        m->hook.rule.other = foreign_command;
        m->hook.rule.at = at;
        /* What is worth waiting for within one look is waited for; else another one goes on. */
        first = last = machine_run(m, 0);
        if (first == PLAN_VERDICT_PENDING || m->state == PLAN_TPM_FAILED) {
                machine_revive(m, (HookRule){});
                last = machine_run(m, 5 * MACHINE_SEC);
        }
        CHECK(last == PLAN_VERDICT_EXTENDED, "%s at command %zu: ends %s\n", f->name, at,
              plan_state_name(m->state));
        CHECK(machine_is_right(m), "%s at command %zu: a PCR is wrong\n", f->name, at);
        CHECK(machine_is_exact(m), "%s at command %zu: a record not once, or unproven\n", f->name,
              at);
}

static void check_faults(Machine *m, MachineList list, bool has_manager) {
        Raw random = raw_get_random();
        size_t n;

        foreign_command = raw_bytes(&random);
        machine_build(m, list, RECORDS * machine_scale());
        m->has_manager = has_manager;
        n = machine_clean_run(m);
        assert_true(n > m->n_records);
        for (size_t i = 0; i < ELEMENTSOF(faults); ++i)
                for (size_t at = 0; at < n; ++at)
                        check_fault(m, &faults[i], at);
}

/*
 * The answer "success, says the manager's TPM": nobody gives it, so nobody signs it with an HMAC.
 * See test-rc.c.
 */
static void test_success_of_a_layer(void **state) {
        static const Fault successes[] = {
                { "not executed, 0x000c0000", { .act = HOOK_ANSWER, .rc = 0x000c0000 } },
                { "executed, 0x000c0000", { .act = HOOK_LIE, .rc = 0x000c0000 } },
        };
        Machine *m = *state;
        size_t n;

        machine_build(m, MACHINE_ONE_CHAIN, RECORDS);
        m->has_manager = true;
        n = machine_clean_run(m);
        for (size_t i = 0; i < ELEMENTSOF(successes); ++i)
                for (size_t at = 0; at < n; ++at)
                        check_fault(m, &successes[i], at);
}

/* What the TPM refuses once it may still do: nothing is given up for one answer. */
static void check_refused_once(Machine *m, MachineList list) {
        static const Fault refusals[] = {
                ANSWER(LOCALITY), ANSWER(COMMAND_CODE), LIE(LOCALITY), LIE(VALUE), ALTER(9, 0x80),
        };
        size_t n;

        machine_build(m, list, RECORDS);
        m->has_manager = true;
        n = machine_clean_run(m);
        for (size_t i = 0; i < ELEMENTSOF(refusals); ++i)
                for (size_t at = 0; at < n; ++at)
                        check_fault(m, &refusals[i], at);
}

static void test_refused_once_one_chain(void **state) {
        check_refused_once(*state, MACHINE_ONE_CHAIN);
}

static void test_refused_once_two_chains(void **state) {
        check_refused_once(*state, MACHINE_TWO_CHAINS);
}

static uint64_t dice;

static size_t roll(size_t sides) {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        return dice % sides;
}

/* One fault after the other, at places and of kinds that chance chooses. */
static void check_storm(Machine *m, uint64_t seed) {
        PlanVerdict verdict = PLAN_VERDICT_PENDING;
        Raw random = raw_get_random();

        dice = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
        machine_power_on(m);
        for (int i = 0; i < 12 && verdict == PLAN_VERDICT_PENDING; ++i) {
                HookRule rule = faults[roll(ELEMENTSOF(faults))].rule;

                rule.at = roll(24);
                rule.other = raw_bytes(&random);
                machine_revive(m, rule);
                verdict = machine_run(m, 0);
        }
        if (verdict == PLAN_VERDICT_PENDING) {
                machine_revive(m, (HookRule){});
                verdict = machine_run(m, 5 * MACHINE_SEC);
        }
        CHECK(verdict == PLAN_VERDICT_EXTENDED && machine_is_right(m) && machine_is_exact(m),
              "storm %llu: ends %s\n", (unsigned long long)seed, plan_state_name(m->state));
}

static void test_storm(void **state) {
        Machine *m = *state;

        machine_build(m, MACHINE_TWO_CHAINS, RECORDS);
        m->has_manager = true;
        for (size_t seed = 0; seed < 200 * machine_scale(); ++seed)
                check_storm(m, seed);
}

static void test_faults_one_chain(void **state) {
        check_faults(*state, MACHINE_ONE_CHAIN, true);
}

static void test_faults_two_chains(void **state) {
        check_faults(*state, MACHINE_TWO_CHAINS, false);
}

#define case_of(test) cmocka_unit_test_setup_teardown(test, machine_open, machine_close)

int main(void) {
        const struct CMUnitTest tests[] = {
                case_of(test_faults_one_chain),
                case_of(test_faults_two_chains),
                case_of(test_storm),
                case_of(test_refused_once_one_chain),
                case_of(test_refused_once_two_chains),
                case_of(test_success_of_a_layer),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
