/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-node.c -- what the age of a device node is taken from.
 */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "os/node.h"

#define SEC       INT64_C(1000000)
#define SOON_USEC (60 * SEC)   /* what a test may take */
#define OLD_USEC  (1000 * SEC) /* what the node is made to look like */
#define NULL_PATH "/dev/null"

static bool tells_birth(const char *path) {
        struct statx st;

        return statx(AT_FDCWD, path, 0, STATX_BTIME, &st) == 0 && (st.stx_mask & STATX_BTIME);
}

static int64_t now_wall(void) {
        struct timespec t;

        assert_int_equal(clock_gettime(CLOCK_REALTIME, &t), 0);
        return (int64_t)t.tv_sec * SEC + t.tv_nsec / 1000;
}

static void check_about(int64_t usec, int64_t want) {
        CHECK(usec >= want && usec < want + SOON_USEC, "%jd, not %jd\n", (intmax_t)usec,
              (intmax_t)want);
}

static void touch(const char *path, int64_t at_usec) {
        const struct timespec t = { .tv_sec = (time_t)(at_usec / SEC) };

        assert_int_equal(utimensat(AT_FDCWD, path, (struct timespec[]){ t, t }, 0), 0);
}

/* A node of its own, as who owns it may touch it: it is as old as it is where the kernel tells. */
static void test_touched(void **state) {
        static const char *const dirs[] = { "/dev/shm", "/tmp" };
        size_t n = 0;

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(dirs); ++i) {
                char path[64], tcti[72];
                AgeFacts f;

                ROW(dirs[i]);
                (void)snprintf(path, sizeof(path), "%s/ima-replay-node-%d", dirs[i], (int)getpid());
                if (mknod(path, S_IFCHR | 0600, makedev(1, 3)) < 0)
                        continue;
                ++n;
                touch(path, now_wall() - OLD_USEC);
                (void)snprintf(tcti, sizeof(tcti), "device:%s", path);
                node_look_at_age(tcti, &f);
                if (unlink(path) < 0)
                        fail();
                assert_true(f.has_node);
                check_about(f.node_usec,
                            tells_birth(NULL_PATH) && tells_birth(dirs[i]) ? 0 : OLD_USEC);
        }
        if (n == 0)
                skip(); /* only root makes nodes */
}

static void test_null(void **state) {
        struct statx st;
        AgeFacts f;

        (void)state;
        assert_int_equal(statx(AT_FDCWD, NULL_PATH, 0, STATX_BTIME | STATX_MTIME, &st), 0);
        node_look_at_age("device:" NULL_PATH, &f);
        assert_true(f.has_node);
        assert_true(f.node_usec == f.null_usec);
        check_about(f.null_usec, now_wall() - SOON_USEC / 2 -
                                         SEC * (st.stx_mask & STATX_BTIME ? st.stx_btime.tv_sec
                                                                          : st.stx_mtime.tv_sec));
        assert_true(f.boottime_usec >= f.monotonic_usec && f.monotonic_usec > 0);
}

static void test_nothing(void **state) {
        static const char *const rows[] = { "device:/dev/none-of-ours",
                                            "device:/etc/passwd",
                                            "device:/dev",
                                            "device:",
                                            "swtpm:/dev/null",
                                            "" };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                AgeFacts f;

                ROW(rows[i]);
                node_look_at_age(rows[i], &f);
                assert_false(f.has_node);
                assert_int_equal(age_judge(&f, 0), AGE_UNKNOWN);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_touched),
                                            cmocka_unit_test(test_null),
                                            cmocka_unit_test(test_nothing) };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
