/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-plan-event.c -- single events for a plan that was put into one state: what no run of the
 * other plan tests comes by, and a hash that fails.
 */
#include "fault.h"
#include "fixture.h"

#include <string.h>

#include "core/plan.h"

#define BANKS (BANK(DIGEST_SHA1) | BANK(DIGEST_SHA256))

/* Of PCR 10, which holds what the list says; nothing was extended since it was read. */
static Plan plan_in(PlanState state) {
        static const PlanOptions options;
        Plan p;

        memset(&p, POISON, sizeof(p));
        plan_init(&p, &all_hashers, &options);
        replay_init(&p.replay, BANKS, &all_hashers);
        p.state = state;
        p.main_pcr = 10;
        p.banks.of[10] = BANKS;
        p.chain[10].state = CHAIN_HELD;
        return p;
}

static PlanStep next(Plan *p, const PlanEvent *e) {
        PlanStep step = { .kind = _PLAN_STEP_N };

        assert_int_equal(plan_next(p, e, &step), 0);
        return step;
}

/* A record of a PCR that no TPM has: it passes; when its hash fails, it is as if it never came. */
static int run_record(void) {
        static const PlanRecord record = { .pcr = 30, .digest_fits = true };
        const PlanEvent e = { .kind = PLAN_EVENT_RECORD, .record = &record };
        PlanStep step = { .kind = _PLAN_STEP_N };
        Plan p = plan_in(PLAN_CATCH_UP);
        int r = plan_next(&p, &e, &step);

        assert_int_equal(step.kind, r == 0 ? PLAN_STEP_NEXT_RECORD : _PLAN_STEP_N);
        assert_int_equal(p.n_beyond, r == 0);
        assert_int_equal(p.replay.n_records, r == 0);
        return r;
}

static void test_record(void **state) {
        (void)state;
        each_call_fails("record", run_record, 4);
}

/* The kernel extends: an answer of a probe that was never asked for leads to no command. */
static void test_probed(void **state) {
        const PlanEvent e = { .kind = PLAN_EVENT_PROBED, .outcome = TPM_DONE };
        Plan p = plan_in(PLAN_KERNEL_OWNS);

        (void)state;
        assert_int_equal(next(&p, &e).kind, PLAN_STEP_READ_CLOCK);
        p = plan_in(PLAN_CATCH_UP);
        assert_int_equal(next(&p, &e).kind, PLAN_STEP_READ_CLOCK);
}

/* An anchor that is still wanted at the end of the list is written before anything else. */
static void test_anchor(void **state) {
        const PlanEvent e = { .kind = PLAN_EVENT_LIST_END };
        Plan p = plan_in(PLAN_CATCH_UP);
        PlanStep step;

        (void)state;
        p.wants_anchor = true;
        p.anchor = (Anchor){ .pcr = 10, .n_held = 7, .banks = BANKS };
        step = next(&p, &e);
        assert_int_equal(step.kind, PLAN_STEP_ANCHOR);
        assert_int_equal(step.anchor.n_held, 7);
        assert_int_equal(p.state, PLAN_FOLLOW);
        ROW("once");
        assert_int_not_equal(next(&p, &e).kind, PLAN_STEP_ANCHOR);
}

/* While banks are brought together, nothing is extended without a session that has seen them. */
static void test_repair(void **state) {
        static const PlanRecord record = { .pcr = 10, .digest_fits = true, .may_extend = true };
        const PlanEvent e = { .kind = PLAN_EVENT_RECORD, .record = &record };
        static const struct {
                const char *row;
                bool has_session;
                uint32_t epoch; /* the session's is 1 */
                uint64_t end;
                PlanStepKind kind;
        } rows[] = {
                { "seen", true, 1, 1, PLAN_STEP_EXTEND },
                { "no session", false, 1, 1, PLAN_STEP_PROBE },
                { "another session", true, 2, 1, PLAN_STEP_READ_PCR },
                { "all is done", true, 1, 0, PLAN_STEP_READ_PCR },
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                Plan p = plan_in(PLAN_CATCH_UP);
                PlanStep step;

                ROW(rows[i].row);
                p.chain[10].state = CHAIN_REPAIRING;
                p.chain[10].epoch = 1;
                p.epoch = rows[i].epoch;
                p.has_session = rows[i].has_session;
                p.is_measured = true;
                p.repair.end = rows[i].end;
                p.repair.k[DIGEST_SHA256] = 1;
                step = next(&p, &e);
                assert_int_equal(step.kind, rows[i].kind);
                if (step.kind != PLAN_STEP_PROBE)
                        assert_int_equal(step.pcr, 10);
                if (step.kind == PLAN_STEP_EXTEND)
                        assert_int_equal(step.banks, BANK(DIGEST_SHA1));
        }
}

static void test_verdict(void **state) {
        static const struct {
                PlanState state;
                PlanReason reason;
                PlanVerdict verdict;
        } rows[] = {
                { PLAN_WAIT_LIST, PLAN_REASON_IMA_ABSENT, PLAN_VERDICT_NO_IMA },
                { PLAN_WAIT_TPM, PLAN_REASON_GATE_WAIT, PLAN_VERDICT_PENDING },
                { PLAN_WAIT_TPM, PLAN_REASON_GATE_NEVER, PLAN_VERDICT_FAILED },
                { PLAN_WAIT_TPM, PLAN_REASON_PKVM_FAILED, PLAN_VERDICT_FAILED },
                { PLAN_TPM_FAILED, PLAN_REASON_TPM_REFUSED, PLAN_VERDICT_FAILED },
                { PLAN_DIVERGED, PLAN_REASON_FOREIGN_EXTEND, PLAN_VERDICT_FAILED },
                { PLAN_CATCH_UP, PLAN_REASON_NONE, PLAN_VERDICT_PENDING },
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                Plan p = plan_in(rows[i].state);

                ROW(plan_reason_name_of(rows[i].reason, MODE_REASON_NONE));
                p.reason = rows[i].reason;
                assert_int_equal(plan_verdict(&p), rows[i].verdict);
        }
}

/* Each thing that keeps from telling how much is done, alone. */
static void test_n_done(void **state) {
        Plan p = plan_in(PLAN_CATCH_UP);

        (void)state;
        p.replay.n_records = 9;
        p.replay.chain[10].n = 5;
        p.chain[10].held = 4;
        assert_int_equal(plan_n_done(&p), 9);
        p.is_behind = true;
        assert_int_equal(plan_n_done(&p), 0);
        p.is_behind = false;
        p.is_resting = true;
        assert_int_equal(plan_n_done(&p), 0);
        p.is_resting = false;
        p.wants_rewind = true;
        assert_int_equal(plan_n_done(&p), 0);
        p.wants_rewind = false;
        p.chain[10].state = CHAIN_SEARCHING;
        assert_int_equal(plan_n_done(&p), 0);
        p.chain[10].state = CHAIN_HELD;
        p.chain[12].state = CHAIN_SEARCHING;
        assert_int_equal(plan_n_done(&p), 0);
        p.chain[12].state = CHAIN_UNREAD;
        assert_int_equal(plan_n_done(&p), 9);
        p.replay.chain[12].n = 1;
        assert_int_equal(plan_n_done(&p), 0);
        p.chain[12].state = CHAIN_FOREIGN;
        assert_int_equal(plan_n_done(&p), 9);
        p.chain[0].state = CHAIN_SEARCHING;
        assert_int_equal(plan_n_done(&p), 0);
        p.chain[0].state = CHAIN_HELD;
        assert_int_equal(plan_n_done(&p), 9);
        p.state = PLAN_KERNEL_OWNS;
        assert_int_equal(plan_n_done(&p), 0);
        p.chain[10].held = 5;
        assert_int_equal(plan_n_done(&p), 9);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_record),  cmocka_unit_test(test_probed),
                cmocka_unit_test(test_anchor),  cmocka_unit_test(test_repair),
                cmocka_unit_test(test_verdict), cmocka_unit_test(test_n_done),
        };

        return cmocka_run_group_tests_name("plan-event", tests, all_hashers_open,
                                           all_hashers_close) != 0;
}
