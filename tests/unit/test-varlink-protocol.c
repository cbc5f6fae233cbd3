/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-varlink-protocol.c -- UAPI.20, rule by rule.
 */
#include "varlink-world.h"

#include "varlink/idl.h"

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83 /* Linux 6.16 */
#endif

#define CALL(method, rest) "{\"method\":\"" NAME "." method "\"" rest "}"
#define ERROR(name, key, value)                                                                    \
        "{\"error\":\"org.varlink.service." name "\",\"parameters\":{\"" key "\":\"" value "\"}}|"

static const struct {
        const char *message, *want; /* NULL: the connection ends */
} rows[] = {
        /* parameters: absent, null and {} are one */
        { CALL("Echo", ""), "{\"parameters\":{\"n\":0}}|" },
        { CALL("Echo", ",\"parameters\":null"), "{\"parameters\":{\"n\":0}}|" },
        { CALL("Echo", ",\"parameters\":{}"), "{\"parameters\":{\"n\":0}}|" },
        { CALL("Echo", ",\"parameters\":{\"n\":5}"), "{\"parameters\":{\"n\":5}}|" },
        { CALL("Echo", ",\"parameters\":{\"n\":null}"), "{\"parameters\":{\"n\":0}}|" },
        { CALL("Echo", ",\"parameters\":[]"), NULL },
        { CALL("Echo", ",\"parameters\":1"), NULL },
        /* flags */
        { CALL("Echo", ",\"more\":true"), "{\"parameters\":{\"n\":0}}|" },
        { CALL("Echo", ",\"more\":false,\"oneway\":false,\"upgrade\":false"),
          "{\"parameters\":{\"n\":0}}|" },
        { CALL("Echo", ",\"more\":null"), "{\"parameters\":{\"n\":0}}|" },
        { CALL("Echo", ",\"oneway\":true"), "" },
        { CALL("Echo", ",\"upgrade\":true"),
          ERROR("MethodNotImplemented", "method", NAME ".Echo") },
        { CALL("Echo", ",\"more\":true,\"oneway\":true"), NULL },
        { CALL("Echo", ",\"more\":true,\"upgrade\":true"), NULL },
        { CALL("Echo", ",\"oneway\":true,\"upgrade\":true"), NULL },
        { CALL("Echo", ",\"more\":1"), NULL },
        { CALL("Echo", ",\"more\":\"true\""), NULL },
        { CALL("Echo", ",\"oneway\":0"), NULL },
        { CALL("Echo", ",\"upgrade\":{}"), NULL },
        /* other members of the header */
        { CALL("Echo", ",\"x\":1"), NULL },
        { CALL("Echo", ",\"X-y\":1"), NULL },
        { CALL("Echo", ",\"error\":null"), NULL },
        { CALL("Echo", ",\"org.example\":{\"a\":[1]}"), "{\"parameters\":{\"n\":0}}|" },
        /* no call at all */
        { "", NULL },
        { "x", NULL },
        { "[]", NULL },
        { "1", NULL },
        { "null", NULL },
        { "{}", NULL },
        { "{\"method\":null}", NULL },
        { "{\"method\":1}", NULL },
        { "{\"parameters\":{}}", NULL },
        { CALL("Echo", "") "{}", NULL },
        { CALL("Echo", ",\"parameters\":{\"text\":\"\xff\"}"), NULL },
        { CALL("Echo", ",\"parameters\":{\"n\":1,\"n\":2}"), NULL },
        { CALL("Echo", ",\"method\":\"" NAME ".Echo\""), NULL },
        /* parameters that do not fit */
        { CALL("Echo", ",\"parameters\":{\"m\":1}"), ERROR("InvalidParameter", "parameter", "m") },
        { CALL("Echo", ",\"parameters\":{\"n\":\"1\"}"),
          ERROR("InvalidParameter", "parameter", "n") },
        { CALL("Echo", ",\"parameters\":{\"n\":-1}"), ERROR("InvalidParameter", "parameter", "n") },
        { CALL("Echo", ",\"parameters\":{\"n\":18446744073709551616}"),
          ERROR("InvalidParameter", "parameter", "n") },
        { CALL("Echo", ",\"parameters\":{\"flag\":1}"),
          ERROR("InvalidParameter", "parameter", "flag") },
        { CALL("Echo", ",\"parameters\":{\"m\":1},\"oneway\":true"), "" },
        /* names */
        { CALL("echo", ""), ERROR("MethodNotFound", "method", NAME ".echo") },
        { CALL("Later", ""), ERROR("MethodNotImplemented", "method", NAME ".Later") },
        { CALL("Nope", ",\"oneway\":true"), "" },
        { "{\"method\":\"" NAME ".\"}", ERROR("MethodNotFound", "method", NAME ".") },
        { "{\"method\":\"org.example.Echo\"}",
          ERROR("InterfaceNotFound", "interface", "org.example") },
        { "{\"method\":\"Echo\"}", ERROR("InterfaceNotFound", "interface", "Echo") },
        { "{\"method\":\"\"}", ERROR("InterfaceNotFound", "interface", "") },
        { "{\"method\":\"" NAME "\\u0000.Echo\"}",
          ERROR("InterfaceNotFound", "interface", NAME "\\\\x00") },
        { "{\"method\":\"org.varlink.service.Nope\"}",
          ERROR("MethodNotFound", "method", "org.varlink.service.Nope") },
        /* the handler's own trouble */
        { CALL("Fail", ""), NULL },
        { CALL("Forget", ""), NULL },
        { CALL("Stream", ""),
          "{\"error\":\"org.varlink.service.ExpectedMore\",\"parameters\":{}}|" },
        { CALL("Stream", ",\"oneway\":true"), "" },
};

static void test_rows(void **state) {
        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                int fd = client(), good = client();

                ROW(rows[i].message);
                put(fd, rows[i].message);
                turn(3);
                check_got(fd, rows[i].want);
                if (rows[i].want)
                        check_open(fd);
                check_open(good);
                check_close(fd);
                check_close(good);
        }
}

/* What came from a client comes back escaped, and cut where it is long (rule I14). */
static void test_escaped(void **state) {
        int fd = client();
        char message[3000], want[3000];

        (void)state;
        put(fd, CALL("Echo", ",\"parameters\":{\"\\u001b[2J\xe2\x80\xae\":1}"));
        turn(3);
        check_got(fd, ERROR("InvalidParameter", "parameter", "\\\\x1b[2J\\\\xe2\\\\x80\\\\xae"));
        put(fd, CALL("Echo", ",\"parameters\":{\"text\":\"\\u009b31m\\u007f\"}"));
        turn(3);
        check_got(fd, "{\"parameters\":{\"n\":0,\"text\":\"\\\\xc2\\\\x9b31m\\\\x7f\"}}|");
        (void)snprintf(message, sizeof(message), "{\"method\":\"%02000d\"}", 0);
        put(fd, message);
        turn(3);
        (void)snprintf(want, sizeof(want), ERROR("InterfaceNotFound", "interface", "%0128d"), 0);
        check_got(fd, want);
        check_close(fd);
}

static void test_service(void **state) {
        _cleanup_(json_dropp) Json *j = NULL;
        int fd = client();
        const Json *map;
        Bytes text;
        JsonMember m;

        (void)state;
        put(fd, "{\"method\":\"org.varlink.service.GetInfo\"}");
        turn(3);
        check_got(
                fd,
                "{\"parameters\":{\"vendor\":\"Vendor\",\"product\":\"Product\",\"version\":\"1\","
                "\"url\":\"https://example.org/\",\"interfaces\":[\"org.varlink.service\",\"" NAME
                "\",\"org.example.long\"]}}|");
        put(fd, "{\"method\":\"org.varlink.service.GetInfo\",\"parameters\":{\"x\":1}}");
        put(fd, "{\"method\":\"org.varlink.service.GetInterfaceDescription\"}");
        put(fd, "{\"method\":\"org.varlink.service.GetInterfaceDescription\",\"parameters\":{"
                "\"interface\":\"org.nope\"}}");
        turn(6);
        check_got(fd, ERROR("InvalidParameter", "parameter", "x")
                              ERROR("InvalidParameter", "parameter", "interface")
                                      ERROR("InterfaceNotFound", "interface", "org.nope"));
        put(fd, "{\"method\":\"org.varlink.service.GetInterfaceDescription\",\"parameters\":{"
                "\"interface\":\"org.varlink.service\"}}");
        turn(3);
        text = bytes_of_text(get(fd));
        --text.n; /* the bar */
        assert_int_equal(json_parse(text, 8, &j), 0);
        assert_true(json_first(j, &m));
        map = m.value;
        assert_true(json_first(map, &m));
        assert_int_equal(json_as_text(m.value, &text), 0);
        assert_true(bytes_equal_text(text, varlink_idl_service));
        check_close(fd);
}

static void test_more(void **state) {
        int fd = client();

        (void)state;
        put(fd, CALL("Stream", ",\"more\":true,\"parameters\":{\"n\":3}"));
        put(fd, CALL("Echo", ",\"parameters\":{\"n\":9}"));
        turn(8);
        check_got(fd, "{\"parameters\":{\"n\":0},\"continues\":true}|"
                      "{\"parameters\":{\"n\":1},\"continues\":true}|"
                      "{\"parameters\":{\"n\":2}}|{\"parameters\":{\"n\":9}}|");
        assert_int_equal(w.n_freed, 1);
        check_close(fd);
}

/* Calls that are sent in any pieces are answered in their order, held ones too. */
static void test_pieces(void **state) {
        static const char calls[] =
                CALL("Echo", ",\"parameters\":{\"n\":1}") "\0" CALL("Wait", "") "\0" CALL(
                        "Echo",
                        ",\"oneway\":true,\"parameters\":{\"n\":2}") "\0" CALL("Echo",
                                                                               ",\"parameters\":{"
                                                                               "\"n\":3}");

        (void)state;
        for (size_t piece = 1; piece < sizeof(calls); piece += piece < 8 ? 1 : 37) {
                int fd = client();

                for (size_t at = 0; at < sizeof(calls); at += piece) {
                        put_bytes(fd, calls + at, MIN_OF(piece, sizeof(calls) - at));
                        turn(2);
                }
                check_got(fd, "{\"parameters\":{\"n\":1}}|");
                turn(3);
                check_got(fd, "");
                varlink_server_wake(w.server);
                turn(6);
                check_got(fd, "{\"parameters\":{\"n\":0}}|{\"parameters\":{\"n\":3}}|");
                check_close(fd);
        }
}

/* Who closes aborts what is held; who only says that nothing more comes gets the answers. */
static void test_close(void **state) {
        int fd = client();

        (void)state;
        put(fd, CALL("Wait", ""));
        turn(3);
        assert_int_equal(w.n_held, 1);
        check_close(fd);
        assert_int_equal(w.n_freed, 1);
        assert_int_equal(w.server->n_connections, 0);
        fd = client();
        put(fd, CALL("Wait", ""));
        put(fd, CALL("Echo", ""));
        assert_int_equal(shutdown(fd, SHUT_WR), 0);
        turn(3);
        assert_int_equal(w.n_held, 1);
        varlink_server_wake(w.server);
        turn(5);
        check_got(fd, "{\"parameters\":{\"n\":0}}|{\"parameters\":{\"n\":0}}|");
        check_got(fd, NULL);
        check_close(fd);
        ROW("the server ends first");
        fd = client();
        put(fd, CALL("Wait", ""));
        turn(3);
        w.server = varlink_server_free(w.server);
        assert_int_equal(w.n_held, 0);
        check_got(fd, NULL);
        assert_int_equal(close(fd), 0);
}

/* Return: whether it went; from Linux 6.16 on the kernel does not send it where it is not wanted.
 */
static bool send_fd(int fd, const void *data, size_t n) {
        union {
                struct cmsghdr head;
                uint8_t data[CMSG_SPACE(sizeof(int))];
        } control = {};
        struct iovec iov = { (void *)data, n };
        struct msghdr m = { .msg_iov = &iov,
                            .msg_iovlen = 1,
                            .msg_control = &control,
                            .msg_controllen = sizeof(control) };

        control.head = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
                                         .cmsg_type = SCM_RIGHTS,
                                         .cmsg_len = CMSG_LEN(sizeof(int)) };
        memcpy(CMSG_DATA(&control.head), &fd, sizeof(int));
        if (sendmsg(fd, &m, MSG_NOSIGNAL) >= 0)
                return true;
        assert_int_equal(errno, EPERM);
        return false;
}

static void test_fds(void **state) {
        static const char message[] = CALL("Echo", "");

        (void)state;
        for (unsigned i = 0; i < 4; ++i) {
                size_t n_before = i % 2 * 5;
                int fd = client(), yes = 1;
                size_t n = count_fds();

                /* As on older kernels: they come, and end it. */
                if (i >= 2)
                        (void)setsockopt(w.server->place[0].connection->link.watch.fd, SOL_SOCKET,
                                         SO_PASSRIGHTS, &yes, sizeof(yes));

                if (n_before > 0)
                        put_bytes(fd, message, n_before);
                turn(2);
                bool sent = send_fd(fd, message + n_before, sizeof(message) - n_before);

                assert_true(sent || i < 2);
                if (sent) {
                        turn(3);
                        check_got(fd, NULL);
                        assert_int_equal(w.server->n_connections, 0);
                        assert_int_equal(count_fds(), n - 1); /* the server's end */
                }
                assert_int_equal(w.n_calls, 0);
                check_close(fd);
        }
}

static void test_listen(void **state) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), pair[2], first;
        struct sockaddr_un where;
        socklen_t n;

        (void)state;
        first = fd;
        assert_int_equal(varlink_server_listen(w.server, &sockets[0], &fd), -EINVAL);
        assert_int_equal(fd, first);
        assert_int_equal(close(fd), 0);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        assert_int_equal(varlink_server_listen(w.server, &sockets[0], &pair[0]), -EINVAL);
        assert_int_equal(close(pair[0]) | close(pair[1]), 0);
        for (size_t i = 2; i < SERVER_SOCKETS_MAX; ++i) {
                fd = listen_anywhere(&where, &n);
                assert_int_equal(varlink_server_listen(w.server, &sockets[0], &fd), 0);
        }
        fd = listen_anywhere(&where, &n);
        assert_int_equal(varlink_server_listen(w.server, &sockets[0], &fd), -ENOBUFS);
        assert_int_equal(close(fd), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_rows),   TEST(test_escaped), TEST(test_service), TEST(test_more),
                TEST(test_pieces), TEST(test_close),   TEST(test_fds),     TEST(test_listen),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
