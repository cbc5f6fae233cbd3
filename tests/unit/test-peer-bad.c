/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-peer-bad.c -- what an extender meets: requests that do not fit, clients that vanish,
 * strangers, and other things where its socket should be.
 */
#include "peer-world.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/un.h>

#define NOBODY 65534U

static const PeerKind requests[] = { PEER_GET_SPOOL, PEER_REFRESH };

/* A packet of zeros behind a right head. */
static PeerPacket packet_of(PeerKind kind) {
        PeerPacket p;

        memset(&p, 0, sizeof(p));
        p.head = peer_head(kind);
        return p;
}

/* Send it; whether the connection lives on. */
static bool survives(const void *data, size_t n) {
        int fd = client(), r;
        PeerMessage m;

        send_raw(fd, data, n, -1, 0);
        turn(3);
        while ((r = receive(fd, &m)) == 0)
                turn(1);
        assert_int_equal(close(fd), 0);
        turn(1);
        return r == PEER_E_PENDING;
}

/* Exactly one size is right, whatever the head claims. */
static void test_sizes(void **state) {
        (void)state;
        for (uint32_t kind = 0; kind < _PEER_KIND_N + 2; ++kind) {
                size_t right = kind < _PEER_KIND_N ? peer_size(kind) : sizeof(PeerHead);
                PeerPacket p = packet_of(kind);
                uint8_t data[sizeof(p) + 64];

                for (size_t n = 0; n <= right + 16; ++n) {
                        bool fits = n == right && (kind == PEER_GET_SPOOL || kind == PEER_REFRESH);

                        memset(data, 0, sizeof(data));
                        p.head.size = (uint32_t)n;
                        memcpy(data, &p, sizeof(p));
                        CHECK(survives(data, n) == fits, "kind %u, %zu bytes\n", kind, n);
                        p.head.size = (uint32_t)right;
                        memcpy(data, &p, sizeof(p));
                        CHECK(survives(data, n) == fits, "kind %u, %zu bytes sent\n", kind, n);
                }
        }
        assert_int_equal(w.n_spool, 2);
        assert_int_equal(w.n_refresh, 2);
}

static void test_heads(void **state) {
        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(requests); ++i) {
                for (size_t at = 0; at < sizeof(PeerHead); ++at) {
                        for (unsigned change = 1; change < 256; ++change) {
                                PeerPacket p = packet_of(requests[i]);

                                ((uint8_t *)&p)[at] ^= (uint8_t)change;
                                CHECK(!survives(&p, peer_size(requests[i])),
                                      "byte %zu of kind %d\n", at, (int)requests[i]);
                        }
                }
        }
        assert_int_equal(w.n_spool + w.n_refresh, 0);
}

/* Upper half of the mask, which is no part of a call's uint32_t. */
static void test_masks(void **state) {
        PeerPacket p = packet_of(PEER_REFRESH);

        (void)state;
        for (unsigned bit = 0; bit < 64; ++bit) {
                p.refresh.pcrs = UINT64_C(1) << bit;
                assert_int_equal(survives(&p, sizeof(p.refresh)), bit < TPM_PCR_N);
        }
        assert_int_equal(w.n_refresh, TPM_PCR_N);
}

/* Descriptors come along: none of them stays here (teardown counts, and so does this). */
static void test_descriptors(void **state) {
        static const size_t many[] = { 1, 2, 3, 253 };
        int good = client();

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(many); ++i) {
                for (size_t k = 0; k < ELEMENTSOF(requests); ++k) {
                        PeerPacket p = packet_of(requests[k]);
                        int fd = client();
                        size_t n = count_fds();

                        if (i + k > 0)
                                check_status(fd, 7, 7);
                        send_raw(fd, &p, peer_size(requests[k]), w.root.fd, many[i]);
                        turn(1);
                        assert_int_equal(count_fds(), n - 1); /* the extender's end */
                        check_ended(fd, good);
                }
        }
        assert_int_equal(w.n_spool + w.n_refresh, 0);
        assert_int_equal(close(good), 0);
}

static void leave_half_open(int fd) {
        assert_int_equal(shutdown(fd, SHUT_WR), 0);
}

static void leave_deaf(int fd) {
        assert_int_equal(shutdown(fd, SHUT_RD), 0);
        assert_int_equal(peer_get_spool(fd), 0);
}

static void leave_asking(int fd) {
        for (unsigned i = 0; i < 10; ++i)
                assert_int_equal(peer_get_spool(fd), 0);
        assert_int_equal(shutdown(fd, SHUT_RDWR), 0);
}

static void leave_blocked(int fd) {
        for (unsigned i = 0; i < 20; ++i)
                push(i, i);
        assert_int_equal(peer_get_spool(fd), 0);
        turn(2);
        assert_int_equal(shutdown(fd, SHUT_RDWR), 0);
}

static void leave_nothing(int fd) {
        send_raw(fd, "", 0, -1, 0);
}

/* However a client goes, its connection goes, and the loop comes to rest. */
static void test_leaving(void **state) {
        static const struct {
                const char *row;
                void (*leave)(int fd);
        } ways[] = {
                { "half-open", leave_half_open },     { "does not read", leave_deaf },
                { "with requests", leave_asking },    { "with a full socket", leave_blocked },
                { "an empty packet", leave_nothing },
        };

        (void)state;
        w.has_spool = true;
        for (size_t i = 0; i < ELEMENTSOF(ways); ++i) {
                size_t n = count_fds();
                int good, fd = client();
                PeerMessage m;

                ROW(ways[i].row);
                ways[i].leave(fd);
                turn(20);
                assert_int_equal(count_fds(), n + 1);
                assert_int_equal(close(fd), 0);
                good = client();
                push(5, 5);
                while (receive(good, &m) == 0)
                        assert_int_equal(m.kind, PEER_STATUS);
                assert_int_equal(m.status.n_measured, 5);
                assert_int_equal(close(good), 0);
                turn(2);
        }
}

/*
 * The place
 */

static int bound(int type) {
        struct sockaddr_un where = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

        (void)snprintf(where.sun_path, sizeof(where.sun_path), "%s/" PEER_PATH, w.top);
        assert_int_equal(bind(fd, (struct sockaddr *)&where, sizeof(where)), 0);
        return fd;
}

static void test_place(void **state) {
        int fd, other;

        (void)state;
        ROW("a dead process has left its socket");
        assert_int_equal(close(bound(SOCK_SEQPACKET)), 0);
        assert_int_equal(peer_connect(&w.root, &fd), PEER_E_GONE);
        assert_int_equal(start(-1), 0);
        assert_int_equal(close(client()), 0);
        ROW("a live one has it");
        assert_int_equal(peer_server_new(&w.root, -1, w.loop, &calls, &w, NULL), -EADDRINUSE);
        assert_int_equal(close(client()), 0);
        ROW("and after that one");
        w.server = peer_server_free(w.server);
        assert_int_equal(start(-1), 0);
        assert_int_equal(close(client()), 0);
        w.server = peer_server_free(w.server);
        assert_int_equal(unlinkat(w.root.fd, PEER_PATH, 0), 0);
        ROW("of another type");
        other = bound(SOCK_STREAM);
        assert_int_equal(listen(other, 1), 0);
        assert_int_equal(start(-1), -EPROTOTYPE);
        assert_int_equal(peer_connect(&w.root, &fd), -EPROTOTYPE);
        assert_int_equal(close(other) | unlinkat(w.root.fd, PEER_PATH, 0), 0);
        ROW("a file");
        put_file(PEER_PATH, "precious");
        assert_int_equal(start(-1), -EEXIST);
        assert_int_equal(peer_connect(&w.root, &fd), -ENOTSOCK);
        assert_int_equal(unlinkat(w.root.fd, PEER_PATH, 0), 0);
        ROW("a symbolic link");
        assert_int_equal(symlinkat("../../list", w.root.fd, PEER_PATH), 0);
        assert_int_equal(start(-1), -EEXIST);
        assert_int_equal(peer_connect(&w.root, &fd), -ENOTSOCK);
        assert_int_equal(unlinkat(w.root.fd, PEER_PATH, 0), 0);
        ROW("a directory");
        assert_int_equal(mkdirat(w.root.fd, PEER_PATH, 0700), 0);
        assert_int_equal(start(-1), -EEXIST);
        assert_int_equal(unlinkat(w.root.fd, PEER_PATH, AT_REMOVEDIR), 0);
        ROW("no directory to be in");
        assert_int_equal(unlinkat(w.root.fd, RUN_DIR, AT_REMOVEDIR), 0);
        assert_int_equal(start(-1), -ENOENT);
        assert_int_equal(peer_connect(&w.root, &fd), PEER_E_GONE);
        assert_null(w.server);
}

static void test_mode(void **state) {
        static const mode_t masks[] = { 0, 022, 0777 };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(masks); ++i) {
                mode_t old = umask(masks[i]);
                struct stat st;

                assert_int_equal(start(-1), 0);
                assert_int_equal(umask(old), masks[i]);
                assert_int_equal(fstatat(w.root.fd, PEER_PATH, &st, 0), 0);
                assert_int_equal(st.st_mode, S_IFSOCK | 0600);
                w.server = peer_server_free(w.server);
        }
}

#define DEEP "0123456789012345678901234567890123456789"

static void test_deep_root(void **state) {
        static const char *const dirs[] = {
                DEEP,
                DEEP "/" DEEP,
                DEEP "/" DEEP "/" DEEP,
                DEEP "/" DEEP "/" DEEP "/run",
                DEEP "/" DEEP "/" DEEP "/" RUN_DIR,
        };
        const Root top = w.root;
        int fd;

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(dirs); ++i)
                assert_int_equal(mkdirat(top.fd, dirs[i], 0755), 0);
        w.root.fd = openat(top.fd, dirs[2], O_PATH | O_CLOEXEC);
        assert_int_equal(start(-1), 0);
        push(1, 2);
        fd = client();
        check_status(fd, 1, 2);
        assert_int_equal(close(fd), 0);
        w.server = peer_server_free(w.server);
        assert_int_equal(unlinkat(w.root.fd, PEER_PATH, 0) | close(w.root.fd), 0);
        w.root = top;
        for (size_t i = ELEMENTSOF(dirs); i-- > 0;)
                assert_int_equal(unlinkat(top.fd, dirs[i], AT_REMOVEDIR), 0);
}

/* A socket that somebody else made: of socket activation. */
static void test_adopted(void **state) {
        static const int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET };
        int fd, c;

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(types); ++i) {
                fd = bound(types[i]);
                assert_int_equal(start(fd), -EINVAL); /* none of them listens */
                if (types[i] == SOCK_STREAM) {
                        assert_int_equal(listen(fd, 1), 0);
                        assert_int_equal(start(fd), -EINVAL);
                }
                assert_int_equal(close(fd) | unlinkat(w.root.fd, PEER_PATH, 0), 0);
        }
        assert_int_equal(start(w.root.fd), -EINVAL);
        fd = bound(SOCK_SEQPACKET);
        assert_int_equal(listen(fd, 1), 0);
        assert_int_equal(start(fd), 0);
        assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
        push(1, 0);
        c = client();
        check_status(c, 1, 0);
        assert_int_equal(close(c), 0);
}

/*
 * Who, and how many
 */

static int client_of(uid_t uid) {
        int fd = -1, r;

        assert_int_equal(seteuid(uid), 0);
        r = peer_connect(&w.root, &fd);
        assert_int_equal(seteuid(0), 0);
        assert_int_equal(prctl(PR_SET_DUMPABLE, 1), 0);
        assert_true(r == 0 || r == -EACCES);
        turn(2);
        return fd;
}

static void test_strangers(void **state) {
        PeerMessage m;
        int fd;

        (void)state;
        if (geteuid() != 0)
                skip();
        push(1, 0);
        ROW("by the mode");
        assert_int_equal(client_of(NOBODY), -1);
        ROW("by the owner, where somebody changed the mode");
        assert_int_equal(fchmodat(w.root.fd, PEER_PATH, 0666, 0), 0);
        fd = client_of(NOBODY);
        assert_int_equal(receive(fd, &m), PEER_E_GONE);
        assert_int_equal(close(fd), 0);
        ROW("the owner");
        assert_int_equal(fchownat(w.root.fd, PEER_PATH, NOBODY, NOBODY, 0), 0);
        fd = client_of(NOBODY);
        check_status(fd, 1, 0);
        assert_int_equal(close(fd), 0);
        fd = client_of(NOBODY - 1);
        assert_int_equal(receive(fd, &m), PEER_E_GONE);
        assert_int_equal(close(fd), 0);
        ROW("root");
        fd = client();
        check_status(fd, 1, 0);
        assert_int_equal(close(fd), 0);
}

/* Without descriptors for more nobody comes in, nothing spins, and it goes on by itself later. */
static void test_no_descriptors(void **state) {
        struct rlimit limit, none = {};
        int good = client(), late = -1;
        PeerMessage m;

        (void)state;
        assert_int_equal(peer_connect(&w.root, &late), 0);
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
        none.rlim_max = limit.rlim_max;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
        turn(1);
        for (unsigned i = 0; i < 3; ++i) {
                uint64_t until = now_usec() + 1000;

                assert_int_equal(loop_turn(w.loop, until), 0);
                CHECK(now_usec() >= until, "it spins\n");
        }
        push(1, 0);
        turn(2);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
        check_status(good, 1, 0);
        assert_int_equal(receive(late, &m), PEER_E_PENDING);
        push(2, 0);
        turn(2);
        check_status(good, 2, 0);
        check_status(late, 2, 0);
        assert_int_equal(close(good) | close(late), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_sizes, setup_server, teardown),
                cmocka_unit_test_setup_teardown(test_heads, setup_server, teardown),
                cmocka_unit_test_setup_teardown(test_masks, setup_server, teardown),
                cmocka_unit_test_setup_teardown(test_descriptors, setup_server, teardown),
                cmocka_unit_test_setup_teardown(test_leaving, setup_server, teardown),
                cmocka_unit_test_setup_teardown(test_place, setup, teardown),
                cmocka_unit_test_setup_teardown(test_mode, setup, teardown),
                cmocka_unit_test_setup_teardown(test_deep_root, setup, teardown),
                cmocka_unit_test_setup_teardown(test_adopted, setup, teardown),
                cmocka_unit_test_setup_teardown(test_strangers, setup_server, teardown),
                cmocka_unit_test_setup_teardown(test_no_descriptors, setup_server, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
