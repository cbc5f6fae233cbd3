/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-varlink-limits.c -- every limit of the server, with its real number; and that a good client
 * goes on meanwhile.
 */
#include "varlink-world.h"

#include <sys/resource.h>
#include <sys/wait.h>

#define ECHO "{\"method\":\"" NAME ".Echo\",\"parameters\":{\"n\":77}}"

/* A call of Echo whose message has @n bytes, without its NUL. */
static char *echo_of(size_t n) {
        static const char head[] = "{\"method\":\"" NAME ".Echo\",\"parameters\":{\"n\":1}",
                          tail[] = "}";
        char *text = malloc(n + 1);

        assert_non_null(text);
        memset(text, ' ', n);
        memcpy(text, head, sizeof(head) - 1);
        memcpy(text + n - 1, tail, sizeof(tail));
        return text;
}

static void test_request(void **state) {
        (void)state;
        for (int more = -1; more <= 1; ++more) {
                char *text = echo_of((size_t)((int)VARLINK_REQUEST_MAX + more));
                int fd = client();

                put_bytes(fd, text, strlen(text) + 1);
                turn(40);
                check_got(fd, more > 0 ? NULL : "{\"parameters\":{\"n\":1}}|");
                ROW("and without an end");
                if (more <= 0) {
                        put_bytes(fd, text, strlen(text));
                        turn(40);
                        check_got(fd, "");
                        put_bytes(fd, "}}", 2);
                        turn(3);
                        check_got(fd, NULL);
                }
                free(text);
                check_close(fd);
                assert_int_equal(w.server->n_requests, 0);
        }
}

static void test_depth(void **state) {
        static const struct {
                unsigned n;
                const char *want;
        } rows[] = {
                { VARLINK_DEPTH_MAX - 2,
                  "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{"
                  "\"parameter\":\"a\"}}|" },
                { VARLINK_DEPTH_MAX - 1, NULL },
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                int fd = client();
                char text[256];

                (void)snprintf(text, sizeof(text),
                               "{\"method\":\"" NAME ".Echo\",\"parameters\":{\"a\":%.*s%.*s}}",
                               (int)rows[i].n, "[[[[[[[[[[[[[[[[", (int)rows[i].n,
                               "]]]]]]]]]]]]]]]]");
                put(fd, text);
                turn(3);
                check_got(fd, rows[i].want);
                check_close(fd);
        }
}

static void pass(uint64_t usec) {
        w.skip_usec += usec;
        turn(2);
}

/* A request may take five seconds from its first byte; between requests a client may be silent. */
static void test_request_time(void **state) {
        int fd = client(), silent = client(), twice = client();

        (void)state;
        put(twice, ECHO);
        put_bytes(twice, ECHO, 10);
        put_bytes(fd, ECHO, 10);
        turn(3);
        check_got(twice, "{\"parameters\":{\"n\":77}}|");
        assert_true(w.until_usec <= now_usec() + VARLINK_REQUEST_USEC);
        pass(VARLINK_REQUEST_USEC - SEC);
        check_got(fd, "");
        put_bytes(fd, &ECHO[10], 10); /* one byte after the other does not help */
        turn(2);
        pass(2 * SEC);
        check_got(fd, NULL);
        check_got(twice, NULL);
        pass(3600 * SEC);
        check_open(silent);
        ROW("a call that is held has the time of its handler");
        put(silent, "{\"method\":\"" NAME ".Wait\"}");
        put_bytes(silent, ECHO, 10);
        turn(3);
        pass(3600 * SEC);
        varlink_server_wake(w.server);
        turn(3);
        check_got(silent, "{\"parameters\":{\"n\":0}}|");
        pass(VARLINK_REQUEST_USEC + SEC);
        check_got(silent, NULL);
        check_close(fd);
        check_close(twice);
        check_close(silent);
}

static void call_large(int fd, size_t n) {
        char text[128];

        (void)snprintf(text, sizeof(text),
                       "{\"method\":\"" NAME ".Large\",\"parameters\":{\"n\":%zu}}", n);
        put(fd, text);
}

/* Read all that comes; its length. */
static size_t drain(int fd) {
        size_t n = 0;

        for (const char *text; (text = get(fd)) && *text; turn(1))
                n += strlen(text);
        return n;
}

static void test_reply_time(void **state) {
        int fd = client(), slow = client();

        (void)state;
        call_large(fd, VARLINK_REPLY_LARGE_MAX - 100);
        call_large(slow, VARLINK_REPLY_LARGE_MAX - 100);
        turn(3);
        assert_true(w.server->n_queued > 2 * VARLINK_REPLY_MAX);
        pass(VARLINK_DRAIN_USEC - SEC);
        assert_int_equal(drain(fd), VARLINK_REPLY_LARGE_MAX - 100 + 27);
        check_open(fd);
        assert_true(get(slow) && w.server->n_queued > 0);
        turn(2);
        pass(2 * SEC);
        assert_int_equal(w.server->n_queued, 0);
        assert_int_equal(w.server->n_connections, 1);
        check_open(fd);
        check_close(fd);
        check_close(slow);
}

static void test_reply_size(void **state) {
        static const size_t max[] = { VARLINK_REPLY_LARGE_MAX, VARLINK_REPLY_MAX };

        (void)state;
        for (size_t i = 0; i < 2; ++i) {
                int fd = client_of(i);

                /* {"parameters":{"text":""}} and its NUL. */
                call_large(fd, max[i] - 27);
                turn(3);
                assert_int_equal(drain(fd), max[i]);
                assert_int_equal(w.n_too_large, i);
                call_large(fd, max[i] - 26);
                turn(3);
                check_got(fd, "{\"error\":\"" NAME ".TooLarge\",\"parameters\":{}}|");
                assert_int_equal(w.n_too_large, i + 1);
                check_close(fd);
        }
}

/* What waits has a bound, over all connections; who finds no room waits for it, small ones do not.
 */
static void test_queued(void **state) {
        const size_t n = 2 * VARLINK_QUEUED_MAX / VARLINK_REPLY_LARGE_MAX;
        int fd[2 * VARLINK_QUEUED_MAX / VARLINK_REPLY_LARGE_MAX], small = client_of(1), error;

        (void)state;
        for (size_t i = 0; i < n; ++i) {
                fd[i] = client();
                call_large(fd[i], VARLINK_REPLY_LARGE_MAX - 100);
                turn(2);
                assert_true(w.server->n_queued <= VARLINK_QUEUED_MAX - VARLINK_QUEUED_KEPT);
        }
        assert_true(w.n_no_room > 0);
        ROW("nothing spins meanwhile");
        turn(3);
        assert_true(w.until_usec > now_usec());
        ROW("a small socket has its own, and errors and the like go everywhere");
        call_large(small, VARLINK_REPLY_MAX - 100);
        turn(3);
        assert_int_equal(drain(small), VARLINK_REPLY_MAX - 100 + 27);
        error = client();
        put(error, "{\"method\":\"Nope\"}");
        turn(3);
        assert_true(strlen(get(error)) > 0);
        check_open(error);
        ROW("an interface's description is not so small: it comes later");
        put(error, "{\"method\":\"org.varlink.service.GetInterfaceDescription\",\"parameters\":{"
                   "\"interface\":\"org.example.long\"}}");
        turn(3);
        check_got(error, "");
        for (size_t i = 0; i < n; ++i)
                assert_int_equal(drain(fd[i]), VARLINK_REPLY_LARGE_MAX - 100 + 27);
        assert_int_equal(drain(error), sizeof(long_text) - 1 + 34);
        assert_int_equal(w.server->n_queued, 0);
        for (size_t i = 0; i < n; ++i)
                assert_int_equal(close(fd[i]), 0);
        check_close(error);
        check_close(small);
}

/* A slow reader costs one reply; the next is made when that is taken. */
static void test_stream_of_slow_reader(void **state) {
        int fd = client();
        unsigned n_made;
        size_t n = 0;

        (void)state;
        put(fd, "{\"method\":\"" NAME
                ".Stream\",\"more\":true,\"parameters\":{\"n\":50,\"text\":\"x\"}}");
        turn(100);
        n_made = w.n_resumed;
        assert_true(n_made < 5 && w.server->n_queued <= 200100);
        for (unsigned i = 0; i < 5; ++i) {
                varlink_server_wake(w.server);
                turn(2);
        }
        assert_int_equal(w.n_resumed, n_made);
        for (unsigned i = 0; i < 1000 && n < 50 * 200000; ++i) {
                n += drain(fd);
                turn(1);
                assert_true(w.server->n_queued <= 200100);
        }
        assert_int_equal(w.n_resumed, 49);
        assert_int_equal(w.n_freed, 1);
        check_close(fd);
}

/* Halves of requests: each may be large, all of them may not. */
static void test_requests(void **state) {
        enum { N = 200 };
        char *half = echo_of(VARLINK_REQUEST_MAX - 1);
        int fd[N], good;

        (void)state;
        for (size_t i = 0; i < N; ++i) {
                fd[i] = client();
                put_bytes(fd[i], half, VARLINK_REQUEST_MAX - 1);
                turn(2);
                assert_true(w.server->n_requests <= VARLINK_REQUESTS_MAX);
        }
        turn(40);
        assert_true(w.server->n_requests > VARLINK_REQUESTS_MAX / 2);
        assert_true(w.server->n_requests <= VARLINK_REQUESTS_MAX);
        good = client();
        check_open(good);
        ROW("their time is up, or they go");
        for (size_t i = 0; i < N / 2; ++i)
                assert_int_equal(close(fd[i]), 0);
        turn(20);
        put_bytes(fd[N / 2], "}", 2);
        turn(40);
        check_got(fd[N / 2], NULL); /* not JSON, but taken whole */
        pass(VARLINK_REQUEST_USEC + SEC);
        assert_int_equal(w.server->n_connections, 1);
        assert_int_equal(w.server->n_requests, 0);
        check_open(good);
        for (size_t i = N / 2; i < N; ++i)
                assert_int_equal(close(fd[i]), 0);
        check_close(good);
        free(half);
}

/*
 * Connections
 */

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
                n += w.server->connection[i] && w.server->connection[i]->uid == uid;
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

/*
 * Held calls
 */

static void test_hold(void **state) {
        int fd = client(), timed = client();

        (void)state;
        put(fd, "{\"method\":\"" NAME ".Wait\"}");
        put(timed, "{\"method\":\"" NAME ".Wait\",\"parameters\":{\"n\":100}}");
        turn(5);
        assert_int_equal(w.n_resumed, 0);
        assert_true(w.until_usec > now_usec() + 99 * SEC && w.until_usec <= now_usec() + 100 * SEC);
        pass(101 * SEC);
        check_got(fd, "");
        check_got(timed, "{\"parameters\":{\"n\":0}}|");
        assert_int_equal(w.n_resumed, 1);
        assert_int_equal(w.until_usec, LOOP_FOREVER);
        ROW("a resumed one may end the connection");
        w.r_hold = -EIO;
        varlink_server_wake(w.server);
        turn(2);
        check_got(fd, NULL);
        assert_int_equal(w.n_freed, 2);
        check_close(fd);
        check_close(timed);
}

static void test_file(void **state) {
        static const char call[] = "{\"method\":\"" NAME ".File\"}";
        union {
                struct cmsghdr head;
                uint8_t data[CMSG_SPACE(4 * sizeof(int))];
        } control = {};
        char text[64] = "";
        struct iovec iov = { text, sizeof(text) - 1 };
        struct msghdr m = { .msg_iov = &iov,
                            .msg_iovlen = 1,
                            .msg_control = &control,
                            .msg_controllen = sizeof(control) };
        int fd = client(), got;

        (void)state;
        put(fd, call);
        turn(3);
        assert_int_equal(recvmsg(fd, &m, 0), strlen("{\"parameters\":{\"fd\":0}}") + 1);
        assert_string_equal(text, "{\"parameters\":{\"fd\":0}}");
        assert_int_equal(control.head.cmsg_type, SCM_RIGHTS);
        assert_int_equal(control.head.cmsg_len, CMSG_LEN(sizeof(int)));
        memcpy(&got, CMSG_DATA(&control.head), sizeof(got));
        assert_int_equal(close(got), 0);
        ROW("oneway: it is closed");
        put(fd, "{\"method\":\"" NAME ".File\",\"oneway\":true}");
        turn(3);
        check_open(fd);
        check_close(fd);
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
                TEST(test_request),
                TEST(test_depth),
                TEST(test_request_time),
                TEST(test_reply_time),
                TEST(test_reply_size),
                TEST(test_queued),
                TEST(test_stream_of_slow_reader),
                TEST(test_requests),
                TEST(test_uids),
                TEST(test_no_descriptors),
                TEST(test_hold),
                TEST(test_file),
                TEST(test_turns),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
