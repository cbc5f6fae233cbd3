/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-varlink-limits.c -- every limit of the server, with its real number; and that a good client
 * goes on meanwhile.
 */
#include "varlink-world.h"

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
                assert_int_equal(w.server->share.n_requests, 0);
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

static void test_reply_time(void **state) {
        int fd = client(), slow = client();

        (void)state;
        call_large(fd, VARLINK_REPLY_LARGE_MAX - 100);
        call_large(slow, VARLINK_REPLY_LARGE_MAX - 100);
        turn(3);
        assert_true(w.server->share.n_queued > 2 * VARLINK_REPLY_MAX);
        pass(VARLINK_DRAIN_USEC - SEC);
        assert_int_equal(drain(fd), VARLINK_REPLY_LARGE_MAX - 100 + 27);
        check_open(fd);
        assert_true(get(slow) && w.server->share.n_queued > 0);
        turn(2);
        pass(2 * SEC);
        assert_int_equal(w.server->share.n_queued, 0);
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
                assert_true(w.server->share.n_queued <= VARLINK_QUEUED_MAX - VARLINK_QUEUED_KEPT);
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
        assert_int_equal(w.server->share.n_queued, 0);
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
        assert_true(n_made < 5 && w.server->share.n_queued <= 200100);
        for (unsigned i = 0; i < 5; ++i) {
                varlink_server_wake(w.server);
                turn(2);
        }
        assert_int_equal(w.n_resumed, n_made);
        for (unsigned i = 0; i < 1000 && n < 50 * 200000; ++i) {
                n += drain(fd);
                turn(1);
                assert_true(w.server->share.n_queued <= 200100);
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
                assert_true(w.server->share.n_requests <= VARLINK_REQUESTS_MAX);
        }
        turn(40);
        assert_true(w.server->share.n_requests > VARLINK_REQUESTS_MAX / 2);
        assert_true(w.server->share.n_requests <= VARLINK_REQUESTS_MAX);
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
        assert_int_equal(w.server->share.n_requests, 0);
        check_open(good);
        for (size_t i = N / 2; i < N; ++i)
                assert_int_equal(close(fd[i]), 0);
        check_close(good);
        free(half);
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
                TEST(test_hold),
                TEST(test_file),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
