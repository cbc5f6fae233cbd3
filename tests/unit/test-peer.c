/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-peer.c -- the inner protocol between an extender and clients that mean well, slow ones too.
 */
#include "peer-world.h"

#include <inttypes.h>

static void test_push(void **state) {
        Status s = sample(1), want = {};
        int a = client(), b;
        PeerMessage m;

        (void)state;
        assert_int_equal(receive(a, &m), PEER_E_PENDING);
        assert_int_equal(peer_server_push(w.server, &s, 0), 0);
        assert_int_equal(receive(a, &m), 0);
        ROW("nothing but what has a meaning comes over");
        memcpy(&want.verdict, &s.verdict, offsetof(Status, pcr) - offsetof(Status, verdict));
        put_text(want.boot_id, s.boot_id);
        put_text(want.text, s.text);
        put_text(want.device, s.device);
        put_text(want.driver, s.driver);
        memcpy(want.pcr, s.pcr, offsetof(StatusPcr, value));
        memcpy(&want.pcr[1], &s.pcr[1], offsetof(StatusPcr, value));
        memset(want.pcr[0].value.of[DIGEST_SHA1].data, POISON, 20);
        memset(want.pcr[0].value.of[DIGEST_SHA3_512].data, POISON, 64);
        want.pcr[0].base = want.pcr[0].value;
        assert_memory_equal(&m.status, &want, sizeof(want));
        ROW("who comes later gets the newest at once");
        push(2, 5);
        b = client();
        check_status(a, 2, 5);
        check_status(b, 2, 5);
        assert_int_equal(receive(a, &m), PEER_E_PENDING);
        assert_int_equal(receive(b, &m), PEER_E_PENDING);
        ROW("the extender ends");
        w.server = peer_server_free(w.server);
        assert_int_equal(receive(a, &m), PEER_E_GONE);
        assert_int_equal(peer_refresh(a, 0, 1), PEER_E_GONE);
        assert_int_equal(peer_get_spool(a), PEER_E_GONE);
        assert_int_equal(close(a) | close(b), 0);
        assert_int_equal(peer_connect(&w.root, &a), PEER_E_GONE);
}

/* The slow one's connection takes the same memory however much there is to tell. */
static void test_slow_reader(void **state) {
        int slow = client(), good = client(), r;
        unsigned n = 0, n_spool = 0;
        PeerMessage m = {};

        (void)state;
        for (uint64_t i = 1; i <= 1000; ++i) {
                push(i, i);
                turn(1);
                check_status(good, i, i);
        }
        w.has_spool = true;
        for (unsigned i = 0; i < 50; ++i)
                assert_int_equal(peer_get_spool(slow), 0);
        turn(60);
        CHECK(w.n_spool <= 1, "asked %u times for one that cannot be sent\n", w.n_spool);
        w.n_records = 77;
        while ((r = receive(slow, &m)) == 0) {
                if (m.kind == PEER_SPOOL) {
                        ++n_spool;
                        assert_int_equal(m.spool.n_records, 77);
                        assert_int_equal(close(m.spool.list_fd) | close(m.spool.index_fd), 0);
                } else {
                        CHECK(++n <= 8, "old ones were kept\n");
                        assert_true(n_spool == 0);
                }
                turn(2);
        }
        assert_int_equal(r, PEER_E_PENDING);
        assert_int_equal(n_spool, 1);
        push(1001, 1001);
        check_status(slow, 1001, 1001);
        check_status(good, 1001, 1001);
        assert_int_equal(close(slow) | close(good), 0);
}

/* Read all; the last status or spool must be number @n. */
static void check_last(int fd, PeerKind kind, uint64_t n) {
        PeerMessage m = {};
        uint64_t last = 0;

        while (receive(fd, &m) == 0) {
                assert_int_equal(m.kind, kind);
                if (kind == PEER_STATUS) {
                        assert_int_equal(m.token, 3 * m.status.n_measured);
                        last = m.status.n_measured;
                } else {
                        assert_int_equal(close(m.spool.list_fd) | close(m.spool.index_fd), 0);
                        last = m.spool.n_records;
                }
                turn(1);
        }
        CHECK(last == n, "%" PRIu64 " is the last of %" PRIu64 "\n", last, n);
        assert_int_equal(close(fd), 0);
        turn(1);
}

/* The last that is read is the newest, without another push; wherever the socket was full. */
static void test_newest_comes(void **state) {
        (void)state;
        for (uint64_t n = 1; n <= 100; ++n) {
                int slow = client();
                PeerMessage m;

                if (n > 1)
                        assert_int_equal(receive(slow, &m), 0);
                for (uint64_t i = 1; i <= n; ++i)
                        push(i, 3 * i);
                check_last(slow, PEER_STATUS, n);
        }
}

static void test_answer_comes(void **state) {
        (void)state;
        w.has_spool = true;
        for (uint64_t n = 1; n <= 200; ++n) {
                int slow = client();

                for (w.n_records = 1; w.n_records <= n; ++w.n_records) {
                        assert_int_equal(peer_get_spool(slow), 0);
                        turn(1);
                }
                w.n_records = n;
                check_last(slow, PEER_SPOOL, n);
        }
}

static void check_shared(int fd, const char *want) {
        char text[32];
        ssize_t n = read(fd, text, sizeof(text));

        assert_int_equal(n, strlen(want));
        assert_memory_equal(text, want, n);
        assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
        assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
        assert_int_equal(write(fd, "x", 1), -1);
        assert_int_equal(errno, EBADF);
        assert_int_equal(ftruncate(fd, 0), -1);
        assert_int_equal(close(fd), 0);
}

static void test_get_spool(void **state) {
        int fd = client();
        PeerMessage m;

        (void)state;
        assert_int_equal(peer_get_spool(fd), 0);
        turn(1);
        assert_int_equal(receive(fd, &m), 0);
        assert_int_equal(m.kind, PEER_SPOOL);
        assert_int_equal(m.spool.n_records | m.spool.n_bytes, 0);
        assert_int_equal(m.spool.list_fd, -1);
        w.has_spool = true;
        w.n_records = 2;
        assert_int_equal(peer_get_spool(fd), 0);
        turn(1);
        assert_int_equal(receive(fd, &m), 0);
        assert_int_equal(m.kind, PEER_SPOOL);
        assert_int_equal(m.spool.generation, 3);
        assert_int_equal(m.spool.n_records, 2);
        assert_int_equal(m.spool.n_bytes, 8);
        check_shared(m.spool.list_fd, "the list");
        check_shared(m.spool.index_fd, "the index");
        ROW("once, and not with each push");
        push(1, 1);
        check_status(fd, 1, 1);
        turn(1);
        assert_int_equal(receive(fd, &m), PEER_E_PENDING);
        assert_int_equal(close(fd), 0);
}

static void test_refresh(void **state) {
        int fd = client(), other = client();
        PeerMessage m;

        (void)state;
        assert_int_equal(peer_refresh(fd, 0xffffff, UINT64_MAX), 0);
        turn(1);
        assert_int_equal(w.n_refresh, 1);
        assert_int_equal(w.pcrs, 0xffffff);
        assert_true(w.token == UINT64_MAX);
        assert_int_equal(receive(fd, &m), PEER_E_PENDING);
        ROW("answered out of the call");
        w.answers = true;
        assert_int_equal(peer_refresh(fd, 0, 8), 0);
        turn(1);
        assert_int_equal(w.pcrs, 0);
        check_status(fd, 1, 8);
        check_status(other, 1, 8);
        ROW("... whoever asked is gone by then");
        assert_int_equal(peer_refresh(fd, 0, 9), 0);
        assert_int_equal(close(fd), 0);
        turn(3);
        check_status(other, 1, 9);
        for (unsigned bit = 24; bit < 32; ++bit) {
                fd = client();
                check_status(fd, bit == 24 ? 1 : 7, bit == 24 ? 9 : 7);
                assert_int_equal(peer_refresh(fd, UINT32_C(1) << bit | 1, 1), 0);
                check_ended(fd, other);
        }
        assert_int_equal(w.n_refresh, 3);
        assert_int_equal(close(other), 0);
}

static void test_one_request_a_turn(void **state) {
        int greedy = client(), good = client();

        (void)state;
        for (unsigned i = 0; i < 20; ++i)
                assert_int_equal(peer_refresh(greedy, 1, i), 0);
        assert_int_equal(peer_get_spool(good), 0);
        for (unsigned i = 1; i <= 20; ++i) {
                turn(1);
                assert_int_equal(w.n_refresh, i);
                assert_int_equal(w.n_spool, 1);
        }
        assert_int_equal(close(greedy) | close(good), 0);
}

static void test_many(void **state) {
        int fd[PEER_MAX], one_more;
        PeerMessage m;

        (void)state;
        for (size_t i = 0; i < PEER_MAX; ++i)
                fd[i] = client();
        for (unsigned i = 0; i < 3; ++i) {
                one_more = client();
                assert_int_equal(receive(one_more, &m), PEER_E_GONE);
                assert_int_equal(close(one_more), 0);
        }
        push(1, 0);
        for (size_t i = 0; i < PEER_MAX; ++i)
                check_status(fd[i], 1, 0);
        assert_int_equal(close(fd[3]), 0);
        turn(1);
        fd[3] = client();
        check_status(fd[3], 1, 0);
        for (size_t i = 0; i < PEER_MAX; ++i)
                assert_int_equal(close(fd[i]), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_push, setup_server, teardown),
                cmocka_unit_test_setup_teardown(test_slow_reader, setup_server, teardown),
                cmocka_unit_test_setup_teardown(test_newest_comes, setup_server, teardown),
                cmocka_unit_test_setup_teardown(test_answer_comes, setup_server, teardown),
                cmocka_unit_test_setup_teardown(test_get_spool, setup_server, teardown),
                cmocka_unit_test_setup_teardown(test_refresh, setup_server, teardown),
                cmocka_unit_test_setup_teardown(test_one_request_a_turn, setup_server, teardown),
                cmocka_unit_test_setup_teardown(test_many, setup_server, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
