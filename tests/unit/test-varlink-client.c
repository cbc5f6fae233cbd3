/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-varlink-client.c -- the blocking client against our server in a child, and against one that
 * says what no server should.
 */
#include "varlink-world.h"

#include <signal.h>
#include <sys/wait.h>

#include "varlink/client.h"

#define USEC_PER_MSEC 1000

typedef struct Other {
        char dir[64];
        pid_t pid;
        int listen_fd, fd; /* of the one that is played here */
} Other;

static Other o;

static void serve_for_ever(int fd) {
        uint64_t until;

        w = (World){};
        if (loop_new(&w.loop) != 0 || varlink_server_new(w.loop, &info, &w, &w.server) != 0 ||
            varlink_server_listen(w.server, &sockets[0], &fd) != 0)
                _exit(1);
        memset(long_text, 'x', sizeof(long_text) - 1);
        do
                if (varlink_server_run(w.server, now_usec(), &until) != 0)
                        _exit(2);
        while (loop_turn(w.loop, until) == 0);
        _exit(3);
}

static int listen_here(void) {
        struct sockaddr_un where = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        (void)snprintf(where.sun_path, sizeof(where.sun_path), "%s/socket", o.dir);
        assert_true(fd >= 0);
        assert_int_equal(bind(fd, (const struct sockaddr *)&where, sizeof(where)), 0);
        assert_int_equal(listen(fd, 8), 0);
        return fd;
}

static int begin(void **state) {
        (void)state;
        o = (Other){ .dir = "/tmp/test-varlink-XXXXXX", .listen_fd = -1, .fd = -1 };
        assert_non_null(mkdtemp(o.dir));
        o.listen_fd = listen_here();
        return 0;
}

static int begin_server(void **state) {
        (void)begin(state);
        o.pid = fork();
        assert_true(o.pid >= 0);
        if (o.pid == 0)
                serve_for_ever(o.listen_fd);
        closep(&o.listen_fd);
        o.listen_fd = -1;
        return 0;
}

static int end(void **state) {
        char path[128];

        (void)state;
        if (o.pid > 0) {
                assert_int_equal(kill(o.pid, SIGKILL), 0);
                assert_int_equal(waitpid(o.pid, NULL, 0), o.pid);
        }
        closep(&o.listen_fd);
        closep(&o.fd);
        (void)snprintf(path, sizeof(path), "%s/socket", o.dir);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(rmdir(o.dir), 0);
        return 0;
}

static VarlinkClient *dial(void) {
        VarlinkClient *c = NULL;
        int fd = open(o.dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

        assert_int_equal(varlink_client_new(fd, "socket", &c), 0);
        assert_int_equal(close(fd), 0);
        if (o.listen_fd >= 0) {
                o.fd = accept4(o.listen_fd, NULL, NULL, SOCK_CLOEXEC);
                assert_true(o.fd >= 0);
        }
        return c;
}

static uint64_t soon(void) {
        return now_usec() + 20 * SEC;
}

static void call(VarlinkClient *c, const char *method, const char *key, uint64_t value, bool more) {
        Json *j = key ? some(key, value) : NULL;

        assert_int_equal(varlink_client_send(c, method, &j, more), 0);
        assert_null(j);
}

static void check_number(VarlinkClient *c, uint64_t n, bool continues) {
        VarlinkReply r = { .fd = -1 };
        JsonMember m;
        uint64_t got;

        assert_int_equal(varlink_client_receive(c, soon(), &r), 0);
        assert_null(r.error);
        assert_int_equal(r.fd, -1);
        assert_int_equal(r.continues, continues);
        assert_true(json_first(r.parameters, &m));
        assert_int_equal(json_as_u64(m.value, &got), 0);
        assert_int_equal(got, n);
        varlink_reply_deinit(&r);
}

static void test_calls(void **state) {
        VarlinkClient *c = dial();
        VarlinkReply r = { .fd = -1 };
        JsonMember m;
        Bytes text;

        (void)state;
        call(c, NAME ".Echo", NULL, 0, false);
        call(c, NAME ".Echo", "n", 5, false);
        call(c, NAME ".Stream", "n", 3, true);
        check_number(c, 0, false);
        check_number(c, 5, false);
        check_number(c, 0, true);
        check_number(c, 1, true);
        check_number(c, 2, false);
        ROW("errors");
        call(c, NAME ".Echo", "m", 1, false);
        assert_int_equal(varlink_client_receive(c, soon(), &r), 0);
        assert_string_equal(r.error, "org.varlink.service.InvalidParameter");
        assert_true(json_first(r.parameters, &m));
        assert_int_equal(json_as_text(m.value, &text), 0);
        assert_true(bytes_equal_text(text, "m"));
        varlink_reply_deinit(&r);
        ROW("large ones");
        call(c, NAME ".Large", "n", 2000000, false);
        assert_int_equal(varlink_client_receive(c, soon(), &r), 0);
        assert_true(json_first(r.parameters, &m));
        assert_int_equal(json_as_text(m.value, &text), 0);
        assert_int_equal(text.n, 2000000);
        varlink_reply_deinit(&r);
        ROW("files");
        call(c, NAME ".File", NULL, 0, false);
        call(c, NAME ".File", NULL, 0, false);
        call(c, NAME ".Echo", "n", 6, false);
        for (unsigned i = 0; i < 2; ++i) {
                assert_int_equal(varlink_client_receive(c, soon(), &r), 0);
                assert_true(r.fd >= 0 && fcntl(r.fd, F_GETFD) == FD_CLOEXEC);
                varlink_reply_deinit(&r);
                assert_int_equal(r.fd, -1);
        }
        check_number(c, 6, false);
        ROW("a time-out is no end");
        call(c, NAME ".Wait", NULL, 0, false);
        assert_int_equal(varlink_client_receive(c, 0, &r), VARLINK_CLIENT_E_TIME);
        assert_int_equal(varlink_client_receive(c, now_usec() + 30 * USEC_PER_MSEC, &r),
                         VARLINK_CLIENT_E_TIME);
        ROW("the server dies");
        assert_int_equal(kill(o.pid, SIGKILL), 0);
        assert_int_equal(varlink_client_receive(c, soon(), &r), VARLINK_CLIENT_E_GONE);
        c = varlink_client_free(c);
        assert_null(c);
}

static void test_nobody(void **state) {
        VarlinkClient *c = NULL;
        char path[400] = "";

        (void)state;
        assert_int_equal(varlink_client_new(AT_FDCWD, "/nonexistent/socket", &c),
                         VARLINK_CLIENT_E_GONE);
        ROW("a path that is too long for sun_path");
        (void)snprintf(
                path, sizeof(path), "%.*s%s/socket", 260,
                "/./././././././././././././././././././././././././././././././././././././././"
                "././././././././././././././././././././././././././././././././././././././././"
                "././././././././././././././././././././././././././././././././././././././././"
                "./././././././././",
                o.dir);
        assert_int_equal(varlink_client_new(AT_FDCWD, path, &c), 0);
        c = varlink_client_free(c);
        assert_null(varlink_client_free(NULL));
        ROW("a socket of nobody, and what is no socket");
        closep(&o.listen_fd);
        o.listen_fd = -1;
        assert_int_equal(varlink_client_new(AT_FDCWD, path, &c), VARLINK_CLIENT_E_GONE);
        assert_true(varlink_client_new(AT_FDCWD, o.dir, &c) != 0);
        assert_null(c);
}

static void test_nonsense(void **state) {
        static const char *const rows[] = {
                "",
                "x",
                "[]",
                "{}}",
                "{\"parameters\":1}",
                "{\"error\":1}",
                "{\"error\":\"a\\u0000b\"}",
                "{\"continues\":1}",
                "{\"parameters\":{\"a\":1,\"a\":1}}",
                "{\"parameters\":{\"a\":\"\xff\"}}",
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                VarlinkClient *c = dial();
                VarlinkReply r;

                ROW(rows[i]);
                put(o.fd, rows[i]);
                assert_int_equal(varlink_client_receive(c, soon(), &r), VARLINK_CLIENT_E_MALFORMED);
                varlink_client_free(c);
                closep(&o.fd);
                o.fd = -1;
        }
}

/* An empty object of @n bytes, as far as anybody takes it. Return: whether there was memory. */
static bool send_spaces(size_t n) {
        _cleanup_free_ char *text = malloc(n + 1);
        ssize_t k = 0;

        if (!text)
                return false;
        memset(text, ' ', n);
        memcpy(text, "{}", 2);
        text[n] = '\0';
        for (size_t at = 0; at <= n && k >= 0; at += (size_t)k)
                k = send(o.fd, text + at, n + 1 - at, MSG_NOSIGNAL);
        return true;
}

/* Sixteen megabytes are taken, one byte more is not. */
static void test_size(void **state) {
        (void)state;
        for (int more = 0; more < 2; ++more) {
                const size_t n = VARLINK_MESSAGE_MAX + (size_t)more;
                VarlinkClient *c = dial();
                VarlinkReply r = { .fd = -1 };
                pid_t pid = fork();
                int status;

                assert_true(pid >= 0);
                if (pid == 0) {
                        varlink_client_free(c); /* the other one of the two has its own */
                        _exit(send_spaces(n) ? 0 : 1);
                }
                assert_int_equal(varlink_client_receive(c, soon(), &r),
                                 more ? VARLINK_CLIENT_E_MALFORMED : 0);
                varlink_reply_deinit(&r);
                varlink_client_free(c);
                closep(&o.fd);
                o.fd = -1;
                assert_int_equal(waitpid(pid, &status, 0), pid);
                assert_int_equal(status, 0);
        }
}

static void send_with(const void *data, size_t n, size_t n_fds) {
        union {
                struct cmsghdr head;
                uint8_t data[CMSG_SPACE(8 * sizeof(int))];
        } control = {};
        struct iovec iov = { (void *)data, n };
        struct msghdr m = { .msg_iov = &iov,
                            .msg_iovlen = 1,
                            .msg_control = &control,
                            .msg_controllen = CMSG_SPACE(n_fds * sizeof(int)) };

        control.head = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
                                         .cmsg_type = SCM_RIGHTS,
                                         .cmsg_len = CMSG_LEN(n_fds * sizeof(int)) };
        for (size_t i = 0; i < n_fds; ++i)
                memcpy(CMSG_DATA(&control.head) + i * sizeof(int), &o.fd, sizeof(int));
        assert_int_equal(sendmsg(o.fd, &m, MSG_NOSIGNAL), n);
}

static void send_files(unsigned row, const char *two, size_t n) {
        switch (row) {
        case 0: /* with the second, which is glued to the first */
                put_bytes(o.fd, two, n);
                send_with(two + n, n, 1);
                break;
        case 1: /* one each */
                send_with(two, n, 1);
                send_with(two + n, n, 1);
                break;
        case 2: /* in pieces; the fd with the first byte of the second */
                put_bytes(o.fd, two, n - 3);
                put_bytes(o.fd, two + n - 3, 3);
                send_with(two + n, 1, 1);
                put_bytes(o.fd, two + n + 1, n - 1);
                break;
        case 3: /* one too many, and more than there is room for */
                put_bytes(o.fd, two, n);
                send_with(two + n, n, 3);
                break;
        default:
                send_with(two, n, 8);
                send_with(two + n, n, 1);
        }
}

/* Whose is it, where messages and files come in any pieces? And none is left open. */
static void test_files(void **state) {
        static const char two[] = "{\"parameters\":{\"n\":1}}\0{\"parameters\":{\"n\":2}}";
        const size_t n_one = sizeof(two) / 2;

        (void)state;
        for (unsigned row = 0; row < 5; ++row) {
                VarlinkClient *c = dial();
                size_t n_fds = count_fds();
                bool has_fd[2] = { row == 1 || row == 4, true };

                send_files(row, two, n_one);
                for (unsigned i = 0; i < 2; ++i) {
                        VarlinkReply r = { .fd = -1 };

                        assert_int_equal(varlink_client_receive(c, soon(), &r), 0);
                        CHECK((r.fd >= 0) == has_fd[i], "row %u, message %u: %d\n", row, i, r.fd);
                        varlink_reply_deinit(&r);
                }
                assert_int_equal(count_fds(), n_fds);
                varlink_client_free(c);
                closep(&o.fd);
                o.fd = -1;
        }
}

/* What is left in it goes with it. */
static void test_leftover(void **state) {
        VarlinkClient *c = dial();
        size_t n_fds = count_fds();
        VarlinkReply r;

        (void)state;
        send_with("{}\0{", 4, 1);
        assert_int_equal(varlink_client_receive(c, soon(), &r), 0);
        assert_int_equal(r.fd, -1);
        varlink_reply_deinit(&r);
        assert_int_equal(varlink_client_receive(c, 0, &r), VARLINK_CLIENT_E_TIME);
        assert_int_equal(count_fds(), n_fds + 1);
        varlink_client_free(c);
        assert_int_equal(count_fds(), n_fds - 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_calls, begin_server, end),
                cmocka_unit_test_setup_teardown(test_nobody, begin, end),
                cmocka_unit_test_setup_teardown(test_nonsense, begin, end),
                cmocka_unit_test_setup_teardown(test_size, begin, end),
                cmocka_unit_test_setup_teardown(test_files, begin, end),
                cmocka_unit_test_setup_teardown(test_leftover, begin, end),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
