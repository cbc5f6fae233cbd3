/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-violation.c -- what a list says about the cause of a violation, and mostly does not.
 */
#include "fixture.h"

#include <string.h>

#include "captured.h"
#include "core/violation.h"

/*
 * A list as a line: B boot_aggregate, L boot_aggregate_late, a measurement of file "/a" is a, of
 * "/b" is b, of "a" is A, of a file without name is E; a violation of "/a" is V, of "a" is W, of no
 * name is X; ? has an unknown template.
 */
static MlistRecord record_for(char c, uint8_t *raw, size_t max) {
        const char *const name = c == 'B'               ? "boot_aggregate"
                                 : c == 'L'             ? "boot_aggregate_late"
                                 : c == 'b'             ? "/b"
                                 : c == 'A' || c == 'W' ? "a"
                                 : c == 'E' || c == 'X' ? ""
                                                        : "/a";
        Builder b = builder_on(raw, max);
        MlistRecord record;

        put_d_ng(&b, ORDER_LITTLE, "sha1", bytes_of("0123456789abcdefghij", 20));
        put_n_ng(&b, ORDER_LITTLE, name);
        assert_false(b.full);
        record = record_of(c == '?' ? "xyz" : "ima-ng", builder_bytes(&b));
        record.is_violation = c == 'V' || c == 'W' || c == 'X';
        return record;
}

#define LINE_MAX_N 16U

static ViolationCause cause_in(const char *line, size_t at) {
        uint8_t raw[LINE_MAX_N][128];
        MlistRecord records[LINE_MAX_N];
        size_t n = strlen(line);
        ViolationView v;

        assert_true(n <= LINE_MAX_N);
        for (size_t i = 0; i < n; ++i)
                records[i] = record_for(line[i], raw[i], sizeof(raw[i]));
        assert_int_equal(violation_begin(&records[at], ORDER_LITTLE, at, &v), 0);
        for (size_t i = 0; i < n; ++i)
                violation_look(&v, &records[i], ORDER_LITTLE);
        return violation_cause(&v);
}

static void test_cause(void **state) {
        static const struct {
                const char *line;
                size_t at;
                bool is_likely;
        } rows[] = {
                { "BVa", 1, true },   { "LVa", 1, true },
                { "BbVba", 2, true }, { "BVVa", 2, true },  /* a violation is no measurement */
                { "BaVa", 2, false },                       /* both causes leave this */
                { "BaV", 2, false },  { "BV", 1, false },   /* nobody ever measured it */
                { "BVb", 1, false },  { "bVa", 1, false },  /* trimmed */
                { "Va", 0, false },   { "B?Va", 2, false }, /* perhaps that was it */
                { "BV?a", 1, true },  { "BAVa", 2, true },  /* other names */
                { "BVA", 1, false },  { "BWA", 1, false },  /* no path */
                { "BXE", 1, false },  { "BbXE", 2, false },
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                ROW(rows[i].line);
                assert_int_equal(cause_in(rows[i].line, rows[i].at),
                                 rows[i].is_likely ? VIOLATION_LIKELY_OPEN_WRITERS
                                                   : VIOLATION_UNKNOWN);
        }
}

static void test_begin(void **state) {
        ViolationView v, poison;
        uint8_t raw[128];
        MlistRecord record = record_for('a', raw, sizeof(raw));

        (void)state;
        memset(&v, POISON, sizeof(v));
        poison = v;
        assert_int_equal(violation_begin(&record, ORDER_LITTLE, 0, &v), VIOLATION_E_NONE);
        record = record_for('?', raw, sizeof(raw));
        record.is_violation = true;
        assert_int_equal(violation_begin(&record, ORDER_LITTLE, 0, &v), VIOLATION_E_NONE);
        assert_memory_equal(&v, &poison, sizeof(v));
        /* Not shown the violation itself: nothing is concluded. */
        record = record_for('V', raw, sizeof(raw));
        assert_int_equal(violation_begin(&record, ORDER_LITTLE, 1, &v), 0);
        record = record_for('B', raw, sizeof(raw));
        violation_look(&v, &record, ORDER_LITTLE);
        assert_int_equal(violation_cause(&v), VIOLATION_UNKNOWN);
}

static void test_words(void **state) {
        (void)state;
        assert_string_equal(violation_cause_word(VIOLATION_UNKNOWN), "unknown");
        assert_string_equal(violation_cause_word(VIOLATION_LIKELY_OPEN_WRITERS),
                            "likely-open-writers");
}

typedef struct Causes {
        size_t n[_VIOLATION_CAUSE_N];
} Causes;

static void look_from(Bytes list, const MlistForm *form, ViolationView *v) {
        MlistRecord record;
        MlistError error;

        while (list.n > 0) {
                assert_int_equal(
                        mlist_parse(&list, form, all_hashers.of[form->alg], &record, &error), 0);
                violation_look(v, &record, form->order);
        }
}

static void look_at_list(const CapturedList *list, void *context) {
        Bytes in = list->data;
        Causes *causes = context;
        MlistRecord record;
        ViolationView v;
        MlistError error;
        MlistForm form;

        assert_int_equal(mlist_detect(in, list->alg, &form, &error), 0);
        for (size_t i = 0; in.n > 0; ++i) {
                assert_int_equal(mlist_parse(&in, &form, all_hashers.of[form.alg], &record, &error),
                                 0);
                if (!record.is_violation)
                        continue;
                CHECK(violation_begin(&record, form.order, i, &v) == 0, "%s: record %zu\n",
                      list->file, i);
                look_from(list->data, &form, &v);
                ++causes->n[violation_cause(&v)];
        }
}

/*
 * The scripts that made these lists provoked one cause and the other by turns, always on files that
 * had been measured before: nothing in the lists tells which is which, and nothing may be said.
 */
static void test_captured(void **state) {
        Causes causes = {};

        (void)state;
        (void)captured_each(look_at_list, &causes);
        assert_true(causes.n[VIOLATION_UNKNOWN] > 0);
        assert_int_equal(causes.n[VIOLATION_LIKELY_OPEN_WRITERS], 0);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_cause),
                cmocka_unit_test(test_begin),
                cmocka_unit_test(test_words),
                cmocka_unit_test(test_captured),
        };

        return cmocka_run_group_tests_name("violation", tests, all_hashers_open,
                                           all_hashers_close) != 0;
}
