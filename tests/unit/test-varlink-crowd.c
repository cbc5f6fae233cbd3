/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-varlink-crowd.c -- many clients at once: who is let in, who has to go, whose turn it is.
 */
#include "varlink-world.h"

#include <sys/resource.h>
#include <sys/wait.h>

/* As another uid, in a child; what is open there stays until stop(). */
typedef struct Child {
        pid_t pid;
        int to, from; /* pipes */
} Child;

/* Connect @n times, send @text on each, report, and wait for the end of the pipe. */
static Child start(uid_t uid, unsigned n, const char *text) {
        int to[2], from[2];
        Child c;

        assert_int_equal(pipe2(to, O_CLOEXEC), 0);
        assert_int_equal(pipe2(from, O_CLOEXEC), 0);
        c.pid = fork();
        assert_true(c.pid >= 0);
        if (c.pid == 0) {
                char byte;

                (void)close(to[1]);
                if (setresuid(uid, uid, uid) < 0)
                        _exit(2);
                for (unsigned i = 0; i < n; ++i) {
                        int fd = socket(AF_UNIX, SOCK_STREAM, 0);

                        if (connect(fd, (const struct sockaddr *)&w.where[0], w.n_where[0]) < 0 ||
                            send(fd, text, strlen(text), MSG_NOSIGNAL) < 0)
                                _exit(3);
                }
                if (write(from[1], "x", 1) != 1)
                        _exit(4);
                (void)read(to[0], &byte, 1);
                _exit(0);
        }
        c.to = to[1];
        c.from = from[0];
        assert_int_equal(close(to[0]) | close(from[1]), 0);
        for (char byte = 0; byte != 'x'; turn(1)) {
                assert_int_equal(fcntl(c.from, F_SETFL, O_NONBLOCK), 0);
                assert_true(read(c.from, &byte, 1) != 0);
        }
        turn(70); /* sixteen a turn are taken in */
        return c;
}

/* The newest first: a child has the pipes of those before it. */
static void stop(Child c) {
        int status;

        assert_int_equal(close(c.to) | close(c.from), 0);
        assert_int_equal(waitpid(c.pid, &status, 0), c.pid);
        assert_int_equal(status, 0);
        turn(2 * VARLINK_CONNECTIONS_MAX / LOOP_EVENTS_MAX);
}

static size_t count_of(uid_t uid) {
        size_t n = 0;

        for (size_t i = 0; i < VARLINK_CONNECTIONS_MAX; ++i)
                n += w.server->place[i].connection &&
                     w.server->place[i].connection->link.uid == uid;
        return n;
}

static void raise_files(void) {
        struct rlimit l;

        assert_int_equal(getrlimit(RLIMIT_NOFILE, &l), 0);
        l.rlim_cur = l.rlim_max;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &l), 0);
}

static void need_root(void) {
        if (getuid() != 0) {
                print_message("SKIPPED: only root can be several users\n");
                skip();
        }
}

/* Busy ones stay, and a uid has no more than its share; idle ones make room. */
static void test_uids(void **state) {
        Child a, b, c, r;
        int good;

        (void)state;
        need_root();
        raise_files();
        a = start(1001, VARLINK_UID_MAX + 50, ECHO); /* without an end: busy */
        assert_int_equal(count_of(1001), VARLINK_UID_MAX);
        b = start(1002, 400, ECHO);
        assert_int_equal(count_of(1002),
                         VARLINK_CONNECTIONS_MAX - VARLINK_ROOT_KEPT - VARLINK_UID_MAX);
        assert_int_equal(count_of(1001), VARLINK_UID_MAX);
        ROW("root has its own places, and no more: these are busy, too");
        r = start(0, VARLINK_ROOT_KEPT + 5, ECHO);
        assert_int_equal(count_of(0), VARLINK_ROOT_KEPT);
        assert_int_equal(w.server->n_connections, VARLINK_CONNECTIONS_MAX);
        c = start(1003, 1, "");
        assert_int_equal(count_of(1003), 0);
        stop(c);
        stop(r);
        stop(b);
        stop(a);
        assert_int_equal(w.server->n_connections, 0);
        ROW("idle ones: the oldest of the same uid go first, but who has asked something");
        good = client();
        check_open(good);
        a = start(1001, VARLINK_UID_MAX + 50, "");
        assert_int_equal(count_of(1001), VARLINK_UID_MAX);
        ROW("then those of who has the most");
        b = start(1002, 300, "");
        assert_int_equal(count_of(1001) + count_of(1002),
                         VARLINK_CONNECTIONS_MAX - VARLINK_ROOT_KEPT - 1);
        c = start(1003, 5, "");
        assert_int_equal(count_of(1003), 5);
        r = start(0, 20, "");
        assert_int_equal(count_of(0), 21);
        assert_int_equal(w.server->n_connections, VARLINK_CONNECTIONS_MAX);
        check_open(good);
        stop(start(0, 600, ""));
        check_open(good);
        stop(start(0, 600, ECHO));
        check_open(good);
        check_close(good);
        stop(r);
        stop(c);
        stop(b);
        stop(a);
}

/* No descriptors: it looks away, does not spin, and comes back. */
static void test_no_descriptors(void **state) {
        struct rlimit l, old;
        int fd[40], extra;

        (void)state;
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
        fd[0] = client();
        for (size_t i = 1; i < ELEMENTSOF(fd); ++i) {
                fd[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
                assert_true(fd[i] >= 0);
        }
        l = old;
        extra = dup(0);
        l.rlim_cur = (rlim_t)extra + 4;
        assert_int_equal(close(extra), 0);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &l), 0);
        for (size_t i = 1; i < ELEMENTSOF(fd); ++i)
                assert_int_equal(connect(fd[i], (const struct sockaddr *)&w.where[0], w.n_where[0]),
                                 0);
        turn(5);
        assert_true(w.server->n_connections < ELEMENTSOF(fd));
        assert_true(w.until_usec > now_usec() && w.until_usec != LOOP_FOREVER);
        assert_int_equal(w.server->listener[0].watch.events, 0);
        check_open(fd[0]);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
        pass(2 * SEC);
        turn(5);
        assert_int_equal(w.server->n_connections, ELEMENTSOF(fd));
        ROW("a connection that ends is room at once");
        assert_int_equal(w.server->accept_usec, LOOP_FOREVER);
        for (size_t i = 0; i < ELEMENTSOF(fd); ++i)
                check_close(fd[i]);
}

/* Whoever asks much has one step a turn, and the small socket is first. */
static void test_turns(void **state) {
        enum { N = 50, CALLS = 20 };
        int fd[N], small = client_of(1);

        (void)state;
        for (size_t i = 0; i < N; ++i) {
                fd[i] = client();
                for (size_t k = 0; k < CALLS; ++k)
                        put(fd[i], ECHO);
        }
        put(small, ECHO);
        w.n_calls = 0;
        turn(1);
        check_got(small, "{\"parameters\":{\"n\":77}}|");
        assert_true(w.n_calls <= N + 1);
        for (unsigned i = 0; i < N * CALLS && w.until_usec == 0; ++i)
                turn(1);
        assert_int_equal(w.until_usec, LOOP_FOREVER);
        for (size_t i = 0; i < N; ++i) {
                assert_int_equal(drain(fd[i]), CALLS * strlen("{\"parameters\":{\"n\":77}}|"));
                assert_int_equal(close(fd[i]), 0);
        }
        check_close(small);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_uids),
                TEST(test_no_descriptors),
                TEST(test_turns),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
