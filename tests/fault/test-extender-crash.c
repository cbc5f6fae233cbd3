/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Extenders that die, at every command, and commands of theirs that reach the TPM after their
 * death; and lists that are not ours to extend.
 *
 * Facts: reliability.md, 2.2 and 2.3: plain extends doubled 416 records in 600 restarts.
 */
#include "fault/machine.h"
#include "lib/goal.h"

#include <string.h>
#include <tss2/tss2_tpm2_types.h>

#define RECORDS 40U

static size_t n_deaths; /* and commands that came late */

static void check_exact(Machine *m, const char *what, size_t a, size_t b) {
        ++n_deaths;
        CHECK(machine_is_right(m), "%s, %zu, %zu: a PCR is wrong\n", what, a, b);
        CHECK(machine_is_exact(m), "%s, %zu, %zu: a record not once, or unproven\n", what, a, b);
}

/* An extender that dies at its command @at: nothing of it is sent any more. */
static void die(Machine *m, HookAct how, size_t at) {
        machine_revive(m, (HookRule){ .act = how, .at = at });
        assert_int_equal(machine_run(m, 0), PLAN_VERDICT_PENDING);
        assert_true(m->hook.is_dead);
}

/*
 * Crashes
 */

static void check_crashes(Machine *m, MachineList list, bool has_manager) {
        static const HookAct hows[] = { HOOK_DIE_BEFORE, HOOK_DIE_AFTER };
        size_t n;

        machine_build(m, list, RECORDS * machine_scale());
        m->has_manager = has_manager;
        n = machine_clean_run(m);
        /* The last command ends the session: behind it there is nothing to die of. */
        for (size_t at = 0; at < n - 1; ++at)
                for (size_t k = 0; k < ELEMENTSOF(hows); ++k) {
                        machine_power_on(m);
                        die(m, hows[k], at);
                        machine_revive(m, (HookRule){});
                        CHECK(machine_run(m, 5 * MACHINE_SEC) == PLAN_VERDICT_EXTENDED,
                              "death %zu at %zu: ends %s\n", k, at, plan_state_name(m->state));
                        check_exact(m, "death", k, at);
                }
}

static void test_crash_one_chain(void **state) {
        check_crashes(*state, MACHINE_ONE_CHAIN, true);
        check_crashes(*state, MACHINE_ONE_CHAIN, false);
}

static void test_crash_two_chains(void **state) {
        check_crashes(*state, MACHINE_TWO_CHAINS, true);
        check_crashes(*state, MACHINE_TWO_CHAINS, false);
}

/* One after the other, until all is extended: each gets a few commands further. */
static void test_crash_again_and_again(void **state) {
        Machine *m = *state;

        machine_build(m, MACHINE_TWO_CHAINS, RECORDS);
        m->has_manager = true;
        for (size_t at = 10; at < 30; ++at) {
                size_t n_lives = 0;

                machine_power_on(m);
                do {
                        HookAct how = n_lives++ % 2 ? HOOK_DIE_BEFORE : HOOK_DIE_AFTER;

                        machine_revive(m, (HookRule){ .act = how, .at = at });
                        assert_true(n_lives < 200);
                } while (machine_run(m, 0) == PLAN_VERDICT_PENDING);
                assert_true(n_lives > 1);
                check_exact(m, "deaths", at, n_lives);
        }
}

/*
 * What a dead extender sent last comes late
 */

typedef struct Late {
        size_t n_executed;
        size_t n_refused;
} Late;

/* Return: whether there was a command @at which it could be delivered. */
static bool check_late(Machine *m, HookAct how, size_t death, size_t at, Late *late) {
        size_t mark;
        Bytes command;
        bool was_there;

        machine_power_on(m);
        die(m, how, death);
        command = hook_sent(&m->hook, death)->command;
        mark = m->hook.n_records;
        machine_revive(m, (HookRule){ .act = HOOK_BEFORE, .at = at, .other = command });
        CHECK(machine_run(m, 5 * MACHINE_SEC) == PLAN_VERDICT_EXTENDED,
              "late: death at %zu, delivery at %zu: ends %s\n", death, at,
              plan_state_name(m->state));
        was_there = m->hook.n_sent > m->hook.rule.at;
        if (!was_there)
                assert_int_not_equal(machine_raw(m, command, NULL), 0);
        for (size_t i = mark; i < m->hook.n_records; ++i)
                if (m->hook.records[i].is_ours) {
                        late->n_executed += m->hook.records[i].rc == 0;
                        late->n_refused += m->hook.records[i].rc != 0;
                }
        check_exact(m, "late", death, at);
        return was_there;
}

static void check_all_late(Machine *m, MachineList list, bool has_manager) {
        Late waiting = {}, copies = {};
        size_t n;

        machine_build(m, list, RECORDS);
        m->has_manager = has_manager;
        n = machine_clean_run(m);
        for (size_t death = 0; death<n; death += machine_scale()> 1 ? 1 : 2) {
                size_t at = 0;
                RawExtend e;

                machine_clean_run(m);
                if (hook_sent(&m->hook, death)->code != TPM2_CC_PCR_Extend)
                        continue;
                raw_parse_extend(hook_sent(&m->hook, death)->command, &e);
                if (e.pcr == TPM2_RH_NULL)
                        continue;
                while (check_late(m, HOOK_DIE_BEFORE, death, at, &waiting))
                        ++at;
                for (at = 0; check_late(m, HOOK_DIE_AFTER, death, at, &copies);)
                        ++at;
        }
        /* A copy never; the original only where nobody looked at the PCR yet. */
        assert_int_equal(copies.n_executed, 0);
        assert_true(copies.n_refused > 100 && waiting.n_refused > 100);
        if (has_manager)
                assert_int_equal(waiting.n_executed, 0);
        else
                assert_true(waiting.n_executed > 0);
}

static void test_late(void **state) {
        check_all_late(*state, MACHINE_ONE_CHAIN, true);
        check_all_late(*state, MACHINE_ONE_CHAIN, false);
}

static void test_late_two_chains(void **state) {
        check_all_late(*state, MACHINE_TWO_CHAINS, true);
        check_all_late(*state, MACHINE_TWO_CHAINS, false);
}

/*
 * The control: the same without a guard. If it did not double, the tests above would prove nothing.
 */

static size_t plain_find(Machine *m) {
        Raw c = raw_pcr_read(10, FOUR_BANKS);
        DigestSet values;
        Hashers hashers = {};
        Replay replay;
        DigestAlg missing;
        uint32_t counter;
        BankMask banks;
        Bytes response;
        size_t k = 0;

        assert_int_equal(machine_raw(m, raw_bytes(&c), &response), 0);
        raw_parse_values(response, &counter, &banks, &values);
        assert_int_equal(hashers_open(&hashers, FOUR_BANKS, &missing), 0);
        replay_init(&replay, FOUR_BANKS, &hashers);
        while (digest_set_equal(FOUR_BANKS, &values, &replay.chain[10].value) != FOUR_BANKS) {
                assert_true(k < m->n_records);
                assert_int_equal(replay_extend(&replay, 10, &m->records[k++].digests), 0);
        }
        hashers_close(&hashers);
        return k;
}

static void plain_extend(Machine *m, size_t i) {
        Raw c = raw_extend(m->records[i].pcr, FOUR_BANKS, &m->records[i].digests);

        assert_int_equal(machine_raw(m, raw_bytes(&c), NULL), 0);
}

/* Read, find, extend: right, as long as nothing comes late. Command 0 is the read. */
static void plain_run(Machine *m, size_t late, size_t at) {
        size_t k, i;

        if (at == 0)
                plain_extend(m, late);
        k = plain_find(m);
        for (i = k; i < m->n_records; ++i) {
                if (at == 1 + i - k)
                        plain_extend(m, late);
                plain_extend(m, i);
        }
        if (at > i - k)
                plain_extend(m, late);
}

static void test_late_without_guard(void **state) {
        Machine *m = *state;

        machine_build(m, MACHINE_ONE_CHAIN, RECORDS);
        for (size_t death = 0; death < m->n_records; ++death)
                for (size_t at = 0; at <= m->n_records - death + 1; ++at) {
                        machine_power_on(m);
                        for (size_t i = 0; i < death; ++i)
                                plain_extend(m, i);
                        plain_run(m, death, at);
                        CHECK(machine_is_right(m) == (at == 0),
                              "death at %zu, delivery at %zu: the control is %s\n", death, at,
                              at == 0 ? "wrong" : "right");
                }
}

/*
 * Not ours
 */

static void check_hands_off(Machine *m, MachineList list, size_t n_extended, PlanState state) {
        machine_build(m, list, RECORDS);
        m->has_manager = true;
        machine_power_on(m);
        for (size_t i = 0; i < n_extended; ++i)
                plain_extend(m, i);
        (void)machine_run(m, 0);
        CHECK(m->state == state, "list %d, %zu extended: ends %s\n", (int)list, n_extended,
              plan_state_name(m->state));
        assert_int_equal(hook_count(&m->hook, TPM2_CC_PCR_Extend), 0);
        assert_int_equal(m->n_extended, 0);
        assert_int_equal(machine_is_right(m), n_extended == m->n_records);
}

static void test_kernel_owns(void **state) {
        static const size_t extended[] = { 0, 1, RECORDS - 1, RECORDS };

        for (size_t i = 0; i < ELEMENTSOF(extended); ++i) {
                check_hands_off(*state, MACHINE_KERNEL, extended[i], PLAN_KERNEL_OWNS);
                check_hands_off(*state, MACHINE_INHERITED, extended[i], PLAN_MIXED);
                check_hands_off(*state, MACHINE_NAMELESS, extended[i], PLAN_MIXED);
        }
}

#define case_of(test) cmocka_unit_test_setup_teardown(test, machine_open, machine_close)

int main(void) {
        double begun = goal_clock();
        int r;
        const struct CMUnitTest tests[] = {
                case_of(test_crash_one_chain),       case_of(test_crash_two_chains),
                case_of(test_crash_again_and_again), case_of(test_late),
                case_of(test_late_two_chains),       case_of(test_late_without_guard),
                case_of(test_kernel_owns),
        };

        r = cmocka_run_group_tests(tests, NULL, NULL);
        return goal_say("G4", n_deaths, "deaths and late commands", "0 lost, 0 doubled", begun, r);
}
