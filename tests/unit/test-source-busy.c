/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-source-busy.c -- somebody trims the list (Linux 7.2 and later): whoever opens it meanwhile
 * gets EBUSY, and so may who reads. It passes, no record is lost by it, and the errno is known.
 *
 * The linker puts the calls below in front of libc's (--wrap).
 */
#include "source-ground.h"

#include <errno.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define ATTEMPTS 3U

static const char *busy_path; /* opening it fails */
static ino_t busy_inode;      /* reading it fails, ... */
static unsigned n_reads_left; /* ... after so many reads */
static unsigned n_refused;

long __real_syscall(long number, ...);
__attribute__((used)) long __wrap_syscall(long number, ...);
ssize_t __real_read(int fd, void *data, size_t n);
__attribute__((used)) ssize_t __wrap_read(int fd, void *data, size_t n);
/* Which of them is libc's affair: with 64-bit offsets the second. */
ssize_t __real_pread(int fd, void *data, size_t n, off_t at);
__attribute__((used)) ssize_t __wrap_pread(int fd, void *data, size_t n, off_t at);
ssize_t __real_pread64(int fd, void *data, size_t n, off_t at);
__attribute__((used)) ssize_t __wrap_pread64(int fd, void *data, size_t n, off_t at);

/* root_open() opens with openat2(), and asks for nothing else. */
long __wrap_syscall(long number, ...) {
        long a[4];
        va_list args;

        va_start(args, number);
        for (size_t i = 0; i < ELEMENTSOF(a); ++i)
                a[i] = va_arg(args, long);
        va_end(args);
        assert_int_equal(number, SYS_openat2);
        if (!busy_path || strcmp((const char *)a[1], busy_path) != 0)
                return __real_syscall(number, a[0], a[1], a[2], a[3]);
        ++n_refused;
        errno = EBUSY;
        return -1;
}

static bool is_busy(int fd) {
        struct stat st;

        if (busy_inode == 0 || fstat(fd, &st) < 0 || st.st_ino != busy_inode)
                return false;
        if (n_reads_left > 0) {
                --n_reads_left;
                return false;
        }
        ++n_refused;
        errno = EBUSY;
        return true;
}

ssize_t __wrap_read(int fd, void *data, size_t n) {
        return is_busy(fd) ? -1 : __real_read(fd, data, n);
}

ssize_t __wrap_pread(int fd, void *data, size_t n, off_t at) {
        return is_busy(fd) ? -1 : __real_pread(fd, data, n, at);
}

ssize_t __wrap_pread64(int fd, void *data, size_t n, off_t at) {
        return is_busy(fd) ? -1 : __real_pread64(fd, data, n, at);
}

static void refuse_reading(const char *path, unsigned after) {
        struct stat st;

        assert_int_equal(fstatat(root.fd, path, &st, 0), 0);
        busy_inode = st.st_ino;
        n_reads_left = after;
        n_refused = 0;
}

static void refuse_opening(const char *path) {
        busy_path = path;
        n_refused = 0;
}

static int relent(void **state) {
        (void)state;
        busy_path = NULL;
        busy_inode = 0;
        return 0;
}

/* The extender tries again; what is opened later is whole. */
static void test_open(void **state) {
        static const struct {
                const char *name, *opening, *reading;
                unsigned after;
        } rows[] = {
                { "the count, as it is locked", COUNT, NULL, 0 },
                { "the list, as it is opened", LIST, NULL, 0 },
                { "the list's directory, as it is looked at", IMA_DIR, NULL, 0 },
                { "the list, as it is read", NULL, LIST, 0 },
                { "the list, as more of it is read", NULL, LIST, 1 },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                _cleanup_(spool_freep) Spool *spool = NULL;
                _cleanup_(locked_freep) Source *s = NULL;
                int error = 99;
                SourceOptions options = { .error = &error };

                ROW(rows[i].name);
                lay_out("cd", "Babc");
                open_spool(&spool);
                options.spool = spool;
                for (unsigned n = 0; n < ATTEMPTS; ++n) {
                        error = 99;
                        refuse_opening(rows[i].opening);
                        if (rows[i].reading)
                                refuse_reading(rows[i].reading, rows[i].after);
                        assert_int_equal(locked_open(&root, &options, &s), SOURCE_E_UNREADABLE);
                        assert_int_equal(error, EBUSY);
                        assert_true(n_refused > 0);
                        assert_null(s);
                }
                relent(state);
                assert_int_equal(locked_open(&root, &options, &s), 0);
                check_gives(s, spool, "Babcd");
                assert_int_equal(source_n_trimmed(s), 3);
        }
}

/* It was let go, and is wanted again while it is being trimmed. */
static void test_after_rest(void **state) {
        static const struct {
                const char *name, *then, *gives;
                bool is_opened, rewinds;
                uint64_t n_trimmed;
                int outcome;
        } rows[] = {
                { "nothing trimmed", "Babcd", "d", false, false, 0, 0 },
                { "trimmed to the last one", "cd", "d", false, false, 3, 0 },
                { "the same, as it is read", "cd", "d", true, false, 3, 0 },
                { "trimmed, and rewound", "bcd", "Babcd", false, true, 2, 0 },
                { "the same, as it is read", "bcd", "Babcd", true, true, 2, 0 },
                { "trimmed too far", "d", "", false, false, 0, SOURCE_E_TRIMMED },
                { "another list", "Cabc", "", true, false, 0, SOURCE_E_REPLACED },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                _cleanup_(spool_freep) Spool *spool = NULL;
                _cleanup_(locked_freep) Source *s = NULL;
                int error = 99;
                SourceOptions options = { .error = &error };

                ROW(rows[i].name);
                lay_out("Babc", NULL);
                open_spool(&spool);
                options.spool = spool;
                assert_int_equal(locked_open(&root, &options, &s), 0);
                check_gives(s, spool, "Babc");
                assert_int_equal(source_rest(s), 0);
                put_list(rows[i].then);
                for (unsigned n = 0; n < ATTEMPTS; ++n) {
                        error = 99;
                        if (rows[i].is_opened)
                                refuse_reading(LIST, 0);
                        else
                                refuse_opening(LIST);
                        assert_int_equal(rows[i].rewinds ? source_rewind(s) : next(s),
                                         SOURCE_E_UNREADABLE);
                        assert_int_equal(error, EBUSY);
                        assert_int_equal(n_refused, 1);
                        assert_int_equal(source_n_given(s), 4);
                        assert_false(source_is_held(s)); /* else nobody could trim it */
                }
                relent(state);
                if (rows[i].outcome != 0) {
                        assert_int_equal(next(s), rows[i].outcome);
                        continue;
                }
                if (rows[i].rewinds)
                        assert_int_equal(source_rewind(s), 0);
                check_gives(s, spool, rows[i].gives);
                assert_int_equal(source_n_trimmed(s), rows[i].n_trimmed);
                assert_int_equal(next(s), SOURCE_E_END);
        }
}

/* While it is open: the same record comes next, through a fresh fd. */
static void test_read(void **state) {
        _cleanup_(locked_freep) Source *s = NULL;
        int error = 99;
        uint64_t n = 99;

        lay_out("Bab", NULL);
        assert_int_equal(locked_open(&root, &(SourceOptions){ .hold = true, .error = &error }, &s),
                         0);
        check_gives(s, NULL, "Bab");
        put_number(4);
        grow_list(letter('c'));
        refuse_reading(LIST, 0);
        for (unsigned i = 0; i < ATTEMPTS; ++i) {
                error = 99;
                assert_int_equal(next(s), SOURCE_E_UNREADABLE);
                assert_int_equal(error, EBUSY);
                assert_int_equal(source_n_given(s), 3);
        }
        refuse_reading(COUNT, 0);
        error = 99;
        assert_int_equal(source_count(s, &n), SOURCE_E_UNREADABLE);
        assert_int_equal(error, EBUSY);
        assert_int_equal(n, 99);
        relent(state);
        assert_int_equal(source_count(s, &n), 0);
        assert_int_equal(n, 4);
        check_gives(s, NULL, "c");
        assert_int_equal(next(s), SOURCE_E_END);
}

/* A look back that is refused is as if nobody had asked. */
static void test_rewind(void **state) {
        _cleanup_(locked_freep) Source *s = NULL;
        int error = 99;

        lay_out("Babc", NULL);
        assert_int_equal(locked_open(&root, &(SourceOptions){ .hold = true, .error = &error }, &s),
                         0);
        check_gives(s, NULL, "Ba");
        refuse_opening(LIST);
        assert_int_equal(source_rewind(s), SOURCE_E_UNREADABLE);
        assert_int_equal(error, EBUSY);
        check_gives(s, NULL, "bc");
        assert_int_equal(n_refused, 1);
        relent(state);
        assert_int_equal(source_rewind(s), 0);
        check_gives(s, NULL, "Babc");
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test_teardown(test_open, relent),
                cmocka_unit_test_teardown(test_after_rest, relent),
                cmocka_unit_test_teardown(test_read, relent),
                cmocka_unit_test_teardown(test_rewind, relent),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
