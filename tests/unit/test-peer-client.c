/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-peer-client.c -- what a client believes of an extender: a forged one speaks to it.
 */
#include "peer-world.h"

#include "os/spool.h"

static int pair[2]; /* the extender's end, the client's */

static int setup_pair(void **state) {
        (void)setup(state);
        assert_int_equal(
                socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
        return 0;
}

static int teardown_pair(void **state) {
        assert_int_equal(close(pair[0]) | close(pair[1]), 0);
        return teardown(state);
}

static int hear(const void *data, size_t n, size_t n_passed, PeerMessage *ret_message) {
        size_t n_fds = count_fds();
        int r;

        send_raw(pair[0], data, n, w.root.fd, n_passed);
        r = receive(pair[1], ret_message);
        if (r != 0)
                assert_int_equal(count_fds(), n_fds);
        return r;
}

static PeerPacket status_packet(void) {
        PeerPacket p;

        memset(&p, 0, sizeof(p));
        p.status.head = peer_head(PEER_STATUS);
        p.status.token = 3;
        p.status.status = sample(9);
        return p;
}

static PeerPacket spool_packet(uint64_t has_spool, uint64_t n_records, uint64_t n_bytes) {
        PeerPacket p;

        memset(&p, 0, sizeof(p));
        p.spool = (PeerSpoolPacket){ peer_head(PEER_SPOOL), has_spool, has_spool ? 7 : 0, n_records,
                                     n_bytes };
        return p;
}

static void test_good(void **state) {
        PeerPacket p = status_packet();
        PeerMessage m;

        (void)state;
        assert_int_equal(receive(pair[1], &m), PEER_E_PENDING);
        assert_int_equal(hear(&p, sizeof(p.status), 0, &m), 0);
        assert_int_equal(m.kind, PEER_STATUS);
        assert_int_equal(m.token, 3);
        assert_memory_equal(&m.status, &p.status.status, sizeof(m.status));
        assert_int_equal(shutdown(pair[0], SHUT_RDWR), 0);
        assert_int_equal(receive(pair[1], &m), PEER_E_GONE);
}

#define BREAK(field, value)                                                                        \
        { #field, offsetof(Status, field), sizeof(((Status *)NULL)->field), (value) }

/* That each field is looked at is test-status.c's; here, that somebody looks. */
static void test_statuses(void **state) {
        static const struct {
                const char *row;
                size_t at, size;
                uint64_t value;
        } rows[] = {
                BREAK(boot_id[32], 'x'),      BREAK(boot_id[0], 'A'),
                BREAK(verdict, UINT32_MAX),   BREAK(mode, _MODE_N),
                BREAK(state, _PLAN_STATE_N),  BREAK(reason, _PLAN_REASON_N),
                BREAK(n_pcrs, TPM_PCR_N + 1), BREAK(n_extended, 10),
                BREAK(pcr[0].pcr, 24),        BREAK(pcr[1].banks, 1U << _DIGEST_ALG_N),
        };
        PeerMessage m;

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                PeerPacket p = status_packet();

                ROW(rows[i].row);
                memcpy((uint8_t *)&p.status.status + rows[i].at, &rows[i].value, rows[i].size);
                assert_int_equal(hear(&p, sizeof(p.status), 0, &m), PEER_E_MALFORMED);
        }
        assert_int_equal(receive(pair[1], &m), PEER_E_PENDING);
}

static void test_fds(void **state) {
        static const struct {
                const char *row;
                uint64_t has_spool, n_records, n_bytes;
                size_t n_fds;
                int want;
        } rows[] = {
                { "none", 0, 0, 0, 0, 0 },
                { "empty", 1, 0, 0, 2, 0 },
                { "some", 1, 5, 5, 2, 0 },
                { "most", 1, 1, INT64_MAX / SPOOL_ROW_SIZE, 2, 0 },
                { "too much", 1, 1, INT64_MAX / SPOOL_ROW_SIZE + 1, 2, PEER_E_MALFORMED },
                { "all", 1, UINT64_MAX, UINT64_MAX, 2, PEER_E_MALFORMED },
                { "records without bytes", 1, 6, 5, 2, PEER_E_MALFORMED },
                { "records of no spool", 0, 1, 1, 0, PEER_E_MALFORMED },
                { "bytes of no spool", 0, 0, 1, 0, PEER_E_MALFORMED },
                { "fds of no spool", 0, 0, 0, 2, PEER_E_MALFORMED },
                { "neither yes nor no", 2, 5, 5, 2, PEER_E_MALFORMED },
                { "no fd", 1, 5, 5, 0, PEER_E_MALFORMED },
                { "one fd", 1, 5, 5, 1, PEER_E_MALFORMED },
                { "three", 1, 5, 5, 3, PEER_E_MALFORMED },
                { "very many", 1, 5, 5, 253, PEER_E_MALFORMED },
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                PeerPacket p = spool_packet(rows[i].has_spool, rows[i].n_records, rows[i].n_bytes);
                PeerMessage m;

                ROW(rows[i].row);
                assert_int_equal(hear(&p, sizeof(p.spool), rows[i].n_fds, &m), rows[i].want);
                if (rows[i].want != 0)
                        continue;
                assert_int_equal(m.kind, PEER_SPOOL);
                assert_int_equal(m.spool.generation, rows[i].has_spool ? 7 : 0);
                assert_true(m.spool.n_records == rows[i].n_records);
                assert_true(m.spool.n_bytes == rows[i].n_bytes);
                assert_true((m.spool.list_fd >= 0) == (rows[i].has_spool == 1));
                if (m.spool.list_fd >= 0) {
                        assert_int_equal(fcntl(m.spool.list_fd, F_GETFD), FD_CLOEXEC);
                        assert_int_equal(fcntl(m.spool.index_fd, F_GETFD), FD_CLOEXEC);
                        assert_int_equal(close(m.spool.list_fd) | close(m.spool.index_fd), 0);
                }
        }
}

static void test_fds_of_others(void **state) {
        static const size_t many[] = { 1, 2, 3 };
        PeerPacket p = status_packet();
        PeerMessage m;

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(many); ++i)
                assert_int_equal(hear(&p, sizeof(p.status), many[i], &m), PEER_E_MALFORMED);
        ROW("nothing but descriptors");
        assert_int_equal(hear("", 0, 2, &m), PEER_E_GONE);
}

static void check_sizes(PeerPacket p, size_t right) {
        uint8_t data[sizeof(p) + 16] = {};
        PeerMessage m;

        memcpy(data, &p, sizeof(p));
        for (size_t n = 1; n <= right + 16; ++n) {
                int want = n == right ? 0 : PEER_E_MALFORMED, r = hear(data, n, 0, &m);

                CHECK(r == want, "kind %u, %zu bytes: %d\n", p.head.kind, n, r);
                p.head.size = (uint32_t)n;
                memcpy(data, &p.head, sizeof(p.head));
                r = hear(data, n, 0, &m);
                CHECK(r == want, "kind %u, %zu bytes told: %d\n", p.head.kind, n, r);
                p.head.size = (uint32_t)right;
                memcpy(data, &p.head, sizeof(p.head));
        }
}

static void check_heads(PeerPacket p, size_t n) {
        PeerMessage m;

        for (size_t at = 0; at < sizeof(PeerHead); ++at) {
                for (unsigned change = 1; change < 256; ++change) {
                        ((uint8_t *)&p)[at] ^= (uint8_t)change;
                        assert_int_equal(hear(&p, n, 0, &m), PEER_E_MALFORMED);
                        ((uint8_t *)&p)[at] ^= (uint8_t)change;
                }
        }
        assert_int_equal(hear(&p, n, 0, &m), 0);
}

static void test_sizes(void **state) {
        (void)state;
        check_sizes(status_packet(), sizeof(PeerStatusPacket));
        check_sizes(spool_packet(0, 0, 0), sizeof(PeerSpoolPacket));
}

static void test_heads(void **state) {
        (void)state;
        check_heads(status_packet(), sizeof(PeerStatusPacket));
        check_heads(spool_packet(0, 0, 0), sizeof(PeerSpoolPacket));
}

/* An extender asks nothing. */
static void test_requests(void **state) {
        PeerPacket p = {};
        PeerMessage m;

        (void)state;
        for (PeerKind kind = PEER_GET_SPOOL; kind < _PEER_KIND_N; ++kind) {
                p.head = peer_head(kind);
                assert_int_equal(hear(&p, peer_size(kind), 0, &m), PEER_E_MALFORMED);
        }
}

static void test_asking(void **state) {
        PeerMessage m;
        int r;

        (void)state;
        ROW("without room");
        while ((r = peer_refresh(pair[1], 1, 1)) == 0)
                continue;
        assert_int_equal(r, PEER_E_PENDING);
        assert_int_equal(peer_get_spool(pair[1]), PEER_E_PENDING);
        ROW("an end that is closed");
        assert_int_equal(shutdown(pair[0], SHUT_RDWR), 0);
        assert_int_equal(peer_refresh(pair[1], 1, 1), PEER_E_GONE);
        assert_int_equal(receive(pair[1], &m), PEER_E_GONE);
        ROW("no socket");
        assert_int_equal(peer_get_spool(w.root.fd), -EBADF); /* O_PATH */
        assert_int_equal(receive(w.root.fd, &m), -EBADF);
}

/* More connect than are accepted: told so, and not kept waiting. */
static void test_backlog(void **state) {
        int fds[64], r = 0;
        size_t n = 0;

        (void)state;
        assert_int_equal(start(-1), 0);
        while (n < ELEMENTSOF(fds) && (r = peer_connect(&w.root, &fds[n])) == 0)
                ++n;
        assert_int_equal(r, PEER_E_PENDING);
        while (n-- > 0)
                assert_int_equal(close(fds[n]), 0);
        turn(64);
        assert_int_equal(close(client()), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_good, setup_pair, teardown_pair),
                cmocka_unit_test_setup_teardown(test_statuses, setup_pair, teardown_pair),
                cmocka_unit_test_setup_teardown(test_fds, setup_pair, teardown_pair),
                cmocka_unit_test_setup_teardown(test_fds_of_others, setup_pair, teardown_pair),
                cmocka_unit_test_setup_teardown(test_sizes, setup_pair, teardown_pair),
                cmocka_unit_test_setup_teardown(test_heads, setup_pair, teardown_pair),
                cmocka_unit_test_setup_teardown(test_requests, setup_pair, teardown_pair),
                cmocka_unit_test_setup_teardown(test_asking, setup_pair, teardown_pair),
                cmocka_unit_test_setup_teardown(test_backlog, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
