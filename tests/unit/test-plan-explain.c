/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/cmocka-all.h"

#include <string.h>

#include "core/plan-explain.h"

#define TEXT_MIN 10U /* characters: less says nothing */

static void check_row(const PlanExplanation *e) {
        assert_true(strlen(e->name) > 2);
        assert_true(strlen(e->brief) > 4);
        assert_true(strlen(e->cause) > TEXT_MIN);
        assert_true(strlen(e->advice) > TEXT_MIN);
        /* One line each, and no end of a sentence: they are put into sentences. */
        assert_null(strpbrk(e->brief, "\n\t"));
        assert_null(strpbrk(e->cause, "\n\t"));
        assert_null(strpbrk(e->advice, "\n\t"));
}

/* A state or reason that is added to its enum without a row here ends in an empty one. */
static void test_complete(void **state) {
        (void)state;
        for (PlanState i = 0; i < _PLAN_STATE_N; ++i) {
                PlanExplanation e = plan_explain_state(i);

                assert_non_null(e.cause);
                check_row(&e);
                assert_string_equal(e.name, plan_state_name(i));
        }
        for (PlanReason i = 0; i < _PLAN_REASON_N; ++i) {
                PlanExplanation e = plan_explain_reason(i);

                assert_non_null(e.cause);
                check_row(&e);
                if (i != PLAN_REASON_MODE)
                        assert_string_equal(e.name, plan_reason_name_of(i, MODE_REASON_NONE));
        }
        for (ModeReason i = 0; i < _MODE_REASON_N; ++i) {
                PlanExplanation e = plan_explain_mode_reason(i);

                assert_non_null(e.cause);
                check_row(&e);
                assert_string_equal(e.name, mode_reason_name(i));
        }
        for (PlanVerdict i = 0; i < _PLAN_VERDICT_N; ++i) {
                PlanExplanation e = plan_explain_verdict(i);

                assert_non_null(e.cause);
                check_row(&e);
                assert_string_equal(e.name, plan_verdict_name(i));
        }
}

/* Every word is found by its name, and no two have the same. */
static void test_words(void **state) {
        size_t n_words = 0;

        (void)state;
        for (size_t i = 0; i < plan_explain_n(); ++i) {
                PlanExplanation e, found;

                if (!plan_explain_at(i, &e))
                        continue;
                ++n_words;
                assert_true(plan_explain_word(bytes_of_text(e.name), &found));
                assert_int_equal(found.kind, e.kind);
                assert_string_equal(found.cause, e.cause);
        }
        /* "none" and "mode" stand for no word. */
        assert_int_equal(n_words, plan_explain_n() - 3);
}

static void test_no_word(void **state) {
        static const char *const others[] = { "", "none", "mode", "Follow", "follow ", "0" };
        PlanExplanation e;

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(others); ++i)
                assert_false(plan_explain_word(bytes_of_text(others[i]), &e));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_complete),
                cmocka_unit_test(test_words),
                cmocka_unit_test(test_no_word),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
