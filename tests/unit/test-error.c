/* SPDX-License-Identifier: BSD-2-Clause */
#include "fixture.h"

#include <string.h>

#include "base/error.h"

static struct {
        unsigned n;
        ErrorKind kind;
        int error, line;
        const char *file, *func;
} heard;

static void hook(ErrorKind kind, int error, const char *file, int line, const char *func) {
        ++heard.n;
        heard.kind = kind;
        heard.error = error;
        heard.file = file;
        heard.line = line;
        heard.func = func;
}

static int setup(void **state) {
        (void)state;
        memset(&heard, 0, sizeof(heard));
        error_set_hook(hook);
        return 0;
}

static int teardown(void **state) {
        (void)state;
        error_set_hook(NULL);
        return 0;
}

static void test_pass(void **state) {
        static const struct {
                const char *row;
                ErrorKind kind;
                int error, result;
                bool heard;
        } rows[] = {
                { "origin of a fatal error", ERROR_ORIGIN, -EIO, -EIO, true },
                { "trace of a fatal error", ERROR_TRACE, -ENOMEM, -ENOMEM, true },
                { "fold of a fatal error", ERROR_FOLD, -EIO, -EIO, true },
                { "fold of an outcome", ERROR_FOLD, 1, -ENOTRECOVERABLE, true },
                { "fold of another outcome", ERROR_FOLD, 9, -ENOTRECOVERABLE, true },
                /* An outcome is for the caller, whoever hands it on: nothing is said about it. */
                { "origin of an outcome", ERROR_ORIGIN, 1, 1, false },
                { "trace of an outcome", ERROR_TRACE, 2, 2, false },
                { "origin of nothing", ERROR_ORIGIN, 0, 0, false },
                { "trace of nothing", ERROR_TRACE, 0, 0, false },
                { "fold of nothing", ERROR_FOLD, 0, 0, false },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                ROW(rows[i].row);
                (void)setup(state);
                assert_int_equal(error_pass(rows[i].kind, rows[i].error, "f", 3, "g"),
                                 rows[i].result);
                assert_int_equal(heard.n, rows[i].heard);
                if (rows[i].heard) {
                        assert_int_equal(heard.kind, rows[i].kind);
                        /* Told before it is folded: the outcome itself says more. */
                        assert_int_equal(heard.error, rows[i].error);
                        assert_string_equal(heard.file, "f");
                        assert_int_equal(heard.line, 3);
                        assert_string_equal(heard.func, "g");
                }
                error_set_hook(NULL);
                assert_int_equal(error_pass(rows[i].kind, rows[i].error, "f", 3, "g"),
                                 rows[i].result);
                assert_int_equal(heard.n, rows[i].heard);
        }
}

static void test_macros_say_where(void **state) {
        int line;

        (void)state;
        line = __LINE__ + 1;
        assert_int_equal(error_origin(-EBADF), -EBADF);
        assert_int_equal(heard.kind, ERROR_ORIGIN);
        assert_int_equal(heard.line, line);
        assert_string_equal(heard.func, __func__);
        assert_non_null(strstr(heard.file, "test-error.c"));
        assert_int_equal(error_trace(-EBADF), -EBADF);
        assert_int_equal(heard.kind, ERROR_TRACE);
        assert_int_equal(error_fold(2), -ENOTRECOVERABLE);
        assert_int_equal(heard.kind, ERROR_FOLD);
        assert_int_equal(heard.error, 2);
        assert_int_equal(heard.n, 3);
}

static void test_macros_evaluate_once(void **state) {
        int n = 0;

        (void)state;
        assert_int_equal(error_trace((++n, -EIO)), -EIO);
        assert_int_equal(n, 1);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_pass, setup, teardown),
                cmocka_unit_test_setup_teardown(test_macros_say_where, setup, teardown),
                cmocka_unit_test_setup_teardown(test_macros_evaluate_once, setup, teardown),
        };

        return cmocka_run_group_tests_name("error", tests, NULL, NULL) != 0;
}
