/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The plan: where each machine ends, that nothing comes out of an end, nothing unless in bypass.
 */
#include "lib/cmocka-all.h"
#include "lib/pcr-world.h"

#include <string.h>

/*
 * What the machine is like, and what comes of it
 */

typedef struct Row {
        const char *name;
        void (*arrange)(Model *m);
        PlanState state;
        PlanReason reason;
        PlanVerdict verdict;
        uint64_t n_held; /* by PCR 10 in the end */
        bool has_side;
} Row;

static void arrange_nothing(Model *m) {
        (void)m;
}

static void arrange_absent(Model *m) {
        m->list_state = PLAN_LIST_ABSENT;
}

static void arrange_unreadable(Model *m) {
        m->list_state = PLAN_LIST_UNREADABLE;
}

static void arrange_empty(Model *m) {
        m->n_list = 0;
}

static void arrange_bad(Model *m) {
        m->list_state = PLAN_LIST_BAD;
}

static void arrange_kernel(Model *m) {
        m->facts.record = MODE_RECORD_SET;
        m->facts.lists = MODE_LISTS_MORE;
        model_pre_extend(m, 10, 10);
}

static void arrange_kernel_behind(Model *m) {
        m->facts.record = MODE_RECORD_SET;
        m->facts.lists = MODE_LISTS_MORE;
        model_pre_extend(m, 10, 4);
}

static void arrange_kernel_cut(Model *m) {
        arrange_kernel_behind(m);
        m->n_shown = 4;
}

static void arrange_kernel_misfit(Model *m) {
        arrange_kernel(m);
        model_foreign_extend(m, 10, TWO_BANKS);
}

static void arrange_kernel_digest(Model *m) {
        arrange_kernel(m);
        m->list[3].record.digest_fits = false;
}

static void arrange_kernel_malformed(Model *m) {
        arrange_kernel(m);
        m->is_malformed = true;
}

static void arrange_inherited(Model *m) {
        m->facts.record = MODE_RECORD_SET; /* only sha1's list, but the TPM has sha256 */
}

static void arrange_kernel_sha1(Model *m) {
        m->facts.record = MODE_RECORD_SET;
        m->banks.other_than_sha1 = false;
        for (uint32_t pcr = 0; pcr < TPM_PCR_N; ++pcr)
                m->banks.of[pcr] = BANK(DIGEST_SHA1);
        model_pre_extend(m, 10, 10);
}

static void arrange_record_other(Model *m) {
        m->facts.record = MODE_RECORD_OTHER;
}

static void arrange_pcr_40(Model *m) {
        m->main_pcr = 40;
}

static void arrange_some_held(Model *m) {
        model_pre_extend(m, 10, 4);
}

static void arrange_all_held(Model *m) {
        model_pre_extend(m, 10, 10);
}

static void arrange_no_bank(Model *m) {
        m->banks.of[10] = 0;
}

static void arrange_unknown_bank(Model *m) {
        m->banks.has_unknown[10] = true;
}

static void arrange_one_bank(Model *m) {
        m->banks.of[10] = BANK(DIGEST_SHA256);
}

static void arrange_foreign_before(Model *m) {
        model_foreign_extend(m, 10, TWO_BANKS);
}

static void arrange_foreign_middle(Model *m) {
        model_pre_extend(m, 10, 4);
        model_foreign_extend(m, 10, TWO_BANKS);
}

static void arrange_foreign_in_bank(Model *m) {
        model_pre_extend(m, 10, 4);
        model_foreign_extend(m, 10, BANK(DIGEST_SHA256));
}

/* Somebody replayed a record in one bank only. */
static void arrange_split(Model *m) {
        model_pre_extend(m, 10, 4);
        model_pre_extend_banks(m, 10, BANK(DIGEST_SHA1), 1);
}

static void arrange_split_zero(Model *m) {
        model_pre_extend(m, 10, 4);
        memset(&m->pcr[10].of[DIGEST_SHA1], 0, sizeof(Digest));
}

static void arrange_wrong_digest(Model *m) {
        m->list[4].record.digest_fits = false;
}

static void arrange_malformed(Model *m) {
        m->is_malformed = true;
}

static void arrange_cut(Model *m) {
        m->n_shown = 6;
}

static void arrange_side_foreign(Model *m) {
        model_foreign_extend(m, 11, TWO_BANKS);
}

static void arrange_side_refused(Model *m) {
        m->refuses[11] = true;
}

static void arrange_side_closed(Model *m) {
        m->is_closed[11] = true;
        m->refuses[11] = true;
}

static void arrange_side_no_bank(Model *m) {
        m->banks.of[11] = 0;
}

static void arrange_side_unknown_bank(Model *m) {
        m->banks.has_unknown[11] = true;
}

static void arrange_side_split(Model *m) {
        model_foreign_extend(m, 11, BANK(DIGEST_SHA1));
}

#define ROW(what, state, reason, verdict, n_held, ...)                                             \
        {                                                                                          \
#what, arrange_##what, PLAN_##state, PLAN_REASON_##reason, PLAN_VERDICT_##verdict, \
                        n_held, __VA_ARGS__                                                        \
        }

static const Row rows[] = {
        ROW(absent, WAIT_LIST, IMA_ABSENT, NO_IMA, 0, false),
        ROW(unreadable, WAIT_LIST, LIST_UNREADABLE, PENDING, 0, false),
        ROW(empty, WAIT_LIST, LIST_EMPTY, PENDING, 0, false),
        ROW(bad, LIST_BROKEN, RECORD_MALFORMED, FAILED, 0, false),
        ROW(kernel, KERNEL_OWNS, MODE, KERNEL, 10, false),
        ROW(kernel_behind, KERNEL_OWNS, MODE, PENDING, 4, false),
        ROW(kernel_cut, KERNEL_OWNS, MODE, PENDING, 4, false),
        ROW(kernel_misfit, KERNEL_OWNS, MODE, FAILED, 10, false),
        ROW(kernel_digest, KERNEL_OWNS, MODE, FAILED, 10, false),
        ROW(kernel_malformed, KERNEL_OWNS, MODE, FAILED, 10, false),
        ROW(kernel_sha1, KERNEL_OWNS, MODE, KERNEL, 10, false),
        ROW(inherited, MIXED, MODE, FAILED, 0, false),
        ROW(record_other, MIXED, MODE, FAILED, 0, false),
        ROW(pcr_40, MIXED, MODE, FAILED, 0, false),
        ROW(nothing, FOLLOW, NONE, EXTENDED, 10, false),
        ROW(nothing, FOLLOW, NONE, EXTENDED, 7, true),
        ROW(some_held, FOLLOW, NONE, EXTENDED, 10, false),
        ROW(some_held, FOLLOW, NONE, EXTENDED, 7, true),
        ROW(all_held, FOLLOW, NONE, EXTENDED, 10, false),
        ROW(one_bank, FOLLOW, NONE, EXTENDED, 10, false),
        ROW(no_bank, BANK_UNSUPPORTED, BANK_NONE, FAILED, 0, false),
        ROW(unknown_bank, BANK_UNSUPPORTED, BANK_ALGORITHM, FAILED, 0, false),
        ROW(foreign_before, DIVERGED, FOREIGN_EXTEND, FAILED, 0, false),
        ROW(foreign_middle, DIVERGED, FOREIGN_EXTEND, FAILED, 4, false),
        ROW(foreign_in_bank, DIVERGED, FOREIGN_EXTEND_IN_BANK, FAILED, 4, false),
        ROW(foreign_before, DIVERGED, FOREIGN_EXTEND, FAILED, 0, true),
        ROW(foreign_middle, DIVERGED, FOREIGN_EXTEND, FAILED, 4, true),
        ROW(split, SPLIT_BANKS, BANKS_DIFFER, FAILED, 4, false),
        ROW(split_zero, SPLIT_BANKS, BANKS_DIFFER, FAILED, 4, false),
        ROW(wrong_digest, LIST_BROKEN, RECORD_DIGEST_WRONG, FAILED, 4, false),
        ROW(malformed, LIST_BROKEN, RECORD_MALFORMED, FAILED, 10, false),
        ROW(cut, FOLLOW, NONE, PENDING, 6, false),
        ROW(side_foreign, FOLLOW, NONE, EXTENDED, 7, true),
        ROW(side_refused, FOLLOW, NONE, EXTENDED, 7, true),
        ROW(side_closed, FOLLOW, NONE, EXTENDED, 7, true),
        ROW(side_no_bank, FOLLOW, NONE, EXTENDED, 7, true),
        ROW(side_unknown_bank, FOLLOW, NONE, EXTENDED, 7, true),
        ROW(side_split, FOLLOW, NONE, EXTENDED, 7, true),
};

static void test_where_each_machine_ends(void **state) {
        size_t n_wrong = 0;

        (void)state;
        for (size_t r = 0; r < ELEMENTSOF(rows); ++r) {
                const Row *row = &rows[r];
                bool extends = row->state != PLAN_KERNEL_OWNS && row->state != PLAN_MIXED;
                /* Nor another PCR where the main chain is not sound. */
                bool is_sound = row->state != PLAN_DIVERGED && row->state != PLAN_SPLIT_BANKS;
                BankMask banks = 0; /* what is calculated: all that the TPM has, and no more */
                Model m;
                Instance i;

                setup(&m, row->has_side);
                row->arrange(&m);
                instance_start(&i, &m);
                (void)instance_run(&i, &m, 3 * PLAN_SEC, STEPS_MAX);
                for (uint32_t pcr = 0; pcr < TPM_PCR_N && i.plan.banks_known; ++pcr)
                        banks |= m.banks.of[pcr];
                if (m.violation || i.plan.replay.banks != banks || i.plan.state != row->state ||
                    i.plan.reason != row->reason || plan_verdict(&i.plan) != row->verdict ||
                    m.n_held[10] != row->n_held || (!extends && m.n_extends + m.n_probes > 0) ||
                    (!is_sound && m.n_extends > 0)) {
                        print_error("%s: %s, state %s, %s, held %u\n", row->name,
                                    m.violation ? m.violation : "", plan_state_name(i.plan.state),
                                    plan_reason_text(&i.plan), (unsigned)m.n_held[10]);
                        ++n_wrong;
                }
                model_deinit(&m);
        }
        assert_int_equal(n_wrong, 0);
}

/* Its state says who extends; why the PCR does not fit stands beside it. */
static void test_says_what_does_not_fit_where_the_kernel_extends(void **state) {
        static const struct {
                void (*arrange)(Model *m);
                PlanReason misfit;
        } kernels[] = {
                { arrange_kernel, PLAN_REASON_NONE },
                { arrange_kernel_behind, PLAN_REASON_NONE },
                { arrange_kernel_misfit, PLAN_REASON_FOREIGN_EXTEND },
                { arrange_kernel_digest, PLAN_REASON_RECORD_DIGEST_WRONG },
                { arrange_kernel_malformed, PLAN_REASON_RECORD_MALFORMED },
        };

        (void)state;
        for (size_t k = 0; k < ELEMENTSOF(kernels); ++k) {
                Model m;
                Instance i;

                setup(&m, false);
                kernels[k].arrange(&m);
                instance_start(&i, &m);
                (void)instance_run(&i, &m, 3 * PLAN_SEC, STEPS_MAX);
                assert_int_equal(i.plan.state, PLAN_KERNEL_OWNS);
                assert_int_equal(i.plan.misfit, kernels[k].misfit);
                model_deinit(&m);
        }
}

/*
 * Terminal states
 */

/* Feeds one event. A plan that only looks gets answers to what it asked, the others anything. */
static void feed(Instance *i, Model *m, PlanEvent *e) {
        PlanState before = i->plan.state;
        uint32_t dice = model_random(m);

        e->kind = before == PLAN_KERNEL_OWNS ? instance_answer(i)
                                             : (PlanEventKind)(dice % PLAN_EVENT_STOP);
        e->outcome = (TpmOutcome)(dice / 32 % _TPM_OUTCOME_N);
        e->is_cut = dice / 256 % 2;
        e->now_usec += PLAN_SEC;
        assert_int_equal(plan_next(&i->plan, e, &i->step), 0);
        assert_int_equal(i->plan.state, before);
        assert_true(i->step.kind != PLAN_STEP_EXTEND && i->step.kind != PLAN_STEP_PROBE);
        if (before != PLAN_KERNEL_OWNS)
                assert_true(i->step.kind == PLAN_STEP_REST || i->step.kind == PLAN_STEP_WAIT ||
                            i->step.kind == PLAN_STEP_COUNT ||
                            i->step.kind == PLAN_STEP_NEXT_RECORD);
}

static void feed_all(Instance *i, Model *m, uint32_t n) {
        PlanRecord record = { .pcr = 10, .digest_fits = true };
        TpmBanks banks = m->banks;
        DigestSet values = m->pcr[10];
        PlanEvent e = { .record = &record,
                        .banks = &banks,
                        .values = &values,
                        .main_pcr = 10,
                        .n_count = 10,
                        .clock.reset_count = m->reset_count,
                        .facts.record = MODE_RECORD_ZERO };

        for (; n > 0; --n)
                feed(i, m, &e);
        e.kind = PLAN_EVENT_STOP;
        assert_int_equal(plan_next(&i->plan, &e, &i->step), 0);
        assert_int_equal(i->step.kind, PLAN_STEP_STOP);
}

/* Every row of the table that ends in a terminal state, and reset and replaced lists. */
static void test_no_way_out_of_a_terminal_state(void **state) {
        (void)state;
        for (size_t r = 0; r < ELEMENTSOF(rows); ++r) {
                Model m;
                Instance i;

                if (!plan_is_terminal(rows[r].state))
                        continue;
                for (uint32_t n = 1; n < 200; ++n) {
                        setup(&m, rows[r].has_side);
                        rows[r].arrange(&m);
                        m.seed = n;
                        instance_start(&i, &m);
                        (void)instance_run(&i, &m, 3 * PLAN_SEC, STEPS_MAX);
                        feed_all(&i, &m, 100);
                        model_deinit(&m);
                }
        }
}

/*
 * I1: whatever is known of the machine, nothing is sent to a PCR before bypass is proven
 */

static void look_at_facts(const ModeFacts *facts, BankMask banks) {
        ModeFacts known = *facts;
        bool extends;
        Model m;
        Instance i;

        setup(&m, false);
        m.facts = *facts;
        m.banks.other_than_sha1 = facts->bank_other_than_sha1;
        for (uint32_t pcr = 0; pcr < TPM_PCR_N; ++pcr)
                m.banks.of[pcr] = banks;
        instance_start(&i, &m);
        (void)instance_run(&i, &m, PLAN_SEC, STEPS_MAX);
        assert_null(m.violation);
        known.banks_known = true;
        known.banks = banks;
        extends = mode_decide(&known).mode == MODE_BYPASS && banks != 0;
        assert_int_equal(m.n_extends > 0, extends);
        assert_int_equal(m.n_probes > 0, extends);
        model_deinit(&m);
}

static void test_nothing_is_extended_unless_in_bypass(void **state) {
        static const BankMask banks[] = { 0, BANK(DIGEST_SHA1), BANK(DIGEST_SHA256), TWO_BANKS };

        (void)state;
        for (uint32_t bits = 0; bits < 64; ++bits)
                for (ModeRecord record = 0; record < _MODE_RECORD_N; ++record)
                        for (ModeLists lists = 0; lists < _MODE_LISTS_N; ++lists)
                                for (size_t b = 0; b < ELEMENTSOF(banks); ++b) {
                                        ModeFacts f = {
                                                .record = record,
                                                .lists = lists,
                                                .ima_hash_known = bits & 1,
                                                .ima_hash = bits & 2 ? DIGEST_SHA256 : DIGEST_SHA1,
                                                .later_boot_aggregate = bits & 4,
                                                .kexec_inherits = bits & 8,
                                                .bank_other_than_sha1 = bits & 16,
                                        };

                                        look_at_facts(&f, banks[b]);
                                }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_where_each_machine_ends),
                cmocka_unit_test(test_says_what_does_not_fit_where_the_kernel_extends),
                cmocka_unit_test(test_no_way_out_of_a_terminal_state),
                cmocka_unit_test(test_nothing_is_extended_unless_in_bypass),
        };

        return cmocka_run_group_tests(tests, world_open, world_close);
}
