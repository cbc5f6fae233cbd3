/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-lookout.c -- what happens in a directory, and which of it matters.
 */
#include "ground.h"

#include <errno.h>

#include "os/lookout.h"

#define DIR_PATH "dir"
#define PLENTY   2000U /* events, more than are taken in a turn */

static int lookout_fd;

static int setup(void **state) {
        (void)state;
        if (ground_open() != 0 || mkdirat(root.fd, DIR_PATH, 0755) != 0)
                return -1;
        put_file(DIR_PATH "/tpmrm0", "", 0);
        put_file(DIR_PATH "/zero", "", 0);
        put_file(DIR_PATH "/tttt", "", 0);
        return lookout_open(&root, DIR_PATH, &lookout_fd);
}

static int teardown(void **state) {
        (void)state;
        closep(&lookout_fd);
        return ground_close();
}

static void touch(const char *path) {
        assert_int_equal(utimensat(root.fd, path, NULL, 0), 0);
}

static void do_nothing(void) {
}

static void do_touch(void) {
        touch(DIR_PATH "/zero");
}

static void do_make(void) {
        put_file(DIR_PATH "/one", "", 0);
}

static void do_remove(void) {
        assert_int_equal(unlinkat(root.fd, DIR_PATH "/one", 0), 0);
}

static void do_own(void) {
        assert_int_equal(fchmodat(root.fd, DIR_PATH "/tpmrm0", 0660, 0), 0);
}

static void do_among_others(void) {
        do_touch();
        do_own();
        do_touch();
}

static void do_make_ours(void) {
        put_file(DIR_PATH "/tpmrm1", "", 0);
}

static void do_move_ours(void) {
        assert_int_equal(renameat(root.fd, DIR_PATH "/tpmrm1", root.fd, DIR_PATH "/tpmrm2"), 0);
}

static void do_remove_ours(void) {
        assert_int_equal(unlinkat(root.fd, DIR_PATH "/tpmrm2", 0), 0);
}

static void do_directory(void) {
        touch(DIR_PATH);
}

static void test_names(void **state) {
        static const struct {
                const char *row;
                void (*call)(void);
                bool matters;
        } rows[] = {
                { "nothing", do_nothing, false },
                { "another is touched", do_touch, false },
                { "another comes", do_make, false },
                { "another goes", do_remove, false },
                { "ours gets another mode", do_own, true },
                { "ours among others", do_among_others, true },
                { "ours comes", do_make_ours, true },
                { "ours gets its name", do_move_ours, true },
                { "ours goes", do_remove_ours, true },
                { "the directory itself", do_directory, true },
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                ROW(rows[i].row);
                rows[i].call();
                assert_int_equal(lookout_drain(lookout_fd, "tpm"), rows[i].matters);
                assert_false(lookout_drain(lookout_fd, "tpm"));
        }
}

/* Ours behind more than a turn takes: it is there in one of the next. */
static void test_flood(void **state) {
        unsigned turns = 0;
        char byte;

        (void)state;
        for (unsigned i = 0; i < PLENTY; ++i) {
                touch(DIR_PATH "/zero");
                touch(DIR_PATH "/tttt");
        }
        do_own();
        while (!lookout_drain(lookout_fd, "tpm"))
                assert_true(++turns < PLENTY);
        assert_true(turns > 0);
        assert_int_equal(read(lookout_fd, &byte, 1), -1);
        assert_int_equal(errno, EAGAIN);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_names, setup, teardown),
                cmocka_unit_test_setup_teardown(test_flood, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
