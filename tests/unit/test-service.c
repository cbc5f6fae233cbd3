/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-service.c -- sockets that are handed over, as sd_listen_fds(3) says; with libsystemd or
 * without.
 */
#include "fixture.h"

#include <fcntl.h>
#include <string.h>

#include "os/service.h"

#define FIRST 3 /* SD_LISTEN_FDS_START */

/* Whatever is there, but known; not close-on-exec, as it comes from a manager. */
static void put_fd(int at) {
        int fd = open("/dev/null", O_RDONLY);

        assert_true(fd >= 0);
        if (fd != at) {
                assert_int_equal(dup2(fd, at), at);
                assert_int_equal(close(fd), 0);
        }
}

static const struct {
        const char *row;
        bool is_ours; /* LISTEN_PID */
        const char *n, *names, *name;
        int want; /* -1: none */
} rows[] = {
        { "the only one", true, "1", "extender", "extender", 3 },
        { "the second", true, "2", "status:replay", "replay", 4 },
        { "the first of two alike", true, "3", "x:replay:replay", "replay", 4 },
        { "another name", true, "2", "status:replay", "extender", -1 },
        { "the beginning of a name", true, "1", "extender2", "extender", -1 },
        { "a name that is longer", true, "1", "extend", "extender", -1 },
        { "an empty name before it", true, "2", ":extender", "extender", 4 },
        { "for another process", false, "1", "extender", "extender", -1 },
        { "none", true, "0", "", "extender", -1 },
        { "nothing was handed over", true, NULL, NULL, "extender", -1 },
        { "no number", true, "1x", "extender", "extender", -1 },
        { "below zero", true, "-1", "extender", "extender", -1 },
        { "very many", true, "99999999999999999999", "extender", "extender", -1 },
};

static void put_variable(const char *name, const char *value) {
        assert_int_equal(value ? setenv(name, value, 1) : unsetenv(name), 0);
}

static void test_socket(void **state) {
        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                char pid[16];
                int fd = -2, r;

                ROW(rows[i].row);
                for (int at = FIRST; at < FIRST + 3; ++at)
                        put_fd(at);
                (void)snprintf(pid, sizeof(pid), "%ld", (long)getpid() + !rows[i].is_ours);
                put_variable("LISTEN_PID", pid);
                put_variable("LISTEN_FDS", rows[i].n);
                put_variable("LISTEN_FDNAMES", rows[i].names);
                r = service_socket(rows[i].name, &fd);
                if (rows[i].want < 0) {
                        assert_true(r != 0);
                        assert_int_equal(fd, -2);
                        continue;
                }
                assert_int_equal(r, 0);
                assert_int_equal(fd, rows[i].want);
                assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
        }
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_socket),
        };

        return cmocka_run_group_tests_name("service", tests, NULL, NULL) != 0;
}
