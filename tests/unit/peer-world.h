/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * peer-world.h -- a root, a loop and an extender's socket; both ends in one process.
 *
 * Nothing waits here: a socket of this kind has what was sent at once, so a few turns of the loop
 * are all that can happen. Each test must end with the descriptors with which it began.
 */
#pragma once

#include "fixture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "os/peer-internal.h"

typedef struct World {
        char top[64];
        Root root;
        Loop *loop;
        PeerServer *server;
        bool has_spool, answers; /* answers: a refresh pushes at once */
        uint64_t n_records;
        unsigned n_spool, n_refresh;
        uint32_t pcrs;
        uint64_t token;
        size_t n_fds; /* at the beginning */
} World;

static World w; /* of the test that is running */

static inline size_t count_fds(void) {
        DIR *dir = opendir("/proc/self/fd");
        size_t n = 0;

        assert_non_null(dir);
        while (readdir(dir))
                ++n;
        assert_int_equal(closedir(dir), 0);
        return n;
}

static inline void put_text(char *to, const char *text) {
        memcpy(to, text, strlen(text) + 1);
}

/* Sound, and of poison wherever nothing has a meaning. */
static inline Status sample(uint64_t n) {
        Status s;

        memset(&s, POISON, sizeof(s));
        memset((uint8_t *)&s + offsetof(Status, verdict), 0,
               offsetof(Status, pcr) - offsetof(Status, verdict));
        put_text(s.boot_id, "0123456789abcdef0123456789abcdef");
        put_text(s.text, "all is \\x1b \"well\"");
        put_text(s.device, "/dev/tpmrm0");
        put_text(s.driver, "tpm_crb");
        s.gate[GATE_TPM] = (StatusGate){ 1, GATE_READY, ADVICE_NONE, PART_NONE, 7 };
        s.verdict = PLAN_VERDICT_EXTENDED;
        s.mode = MODE_BYPASS;
        s.mode_reason = MODE_REASON_BOOT_AGGREGATE_ZERO;
        s.state = PLAN_FOLLOW;
        s.reason = PLAN_REASON_NONE;
        s.has_tpm = 1;
        s.n_measured = s.n_extended = n;
        s.spool_limit = UINT64_MAX;
        s.lag = (LagFigures){ 1, 2, 3, 4, 5, 6 };
        s.n_pcrs = 2;
        s.pcr[0].pcr = 10;
        s.pcr[0].chain = CHAIN_HELD;
        s.pcr[0].banks = BANK(DIGEST_SHA1) | BANK(DIGEST_SHA3_512);
        s.pcr[0].has_value = s.pcr[0].is_held = s.pcr[0].has_base = 1;
        s.pcr[0].n_records = s.pcr[0].n_held = s.pcr[0].n_verified = n;
        s.pcr[1] = s.pcr[0];
        s.pcr[1].pcr = 11;
        s.pcr[1].has_value = s.pcr[1].is_held = s.pcr[1].has_base = 0;
        s.pcr[1].n_verified = 0;
        assert_true(status_is_sound(&s));
        return s;
}

static inline void on_refresh(void *userdata, uint32_t pcrs, uint64_t token) {
        assert_ptr_equal(userdata, &w);
        ++w.n_refresh;
        w.pcrs = pcrs;
        w.token = token;
        if (w.answers) {
                Status s = sample(1);

                assert_int_equal(peer_server_push(w.server, &s, token), 0);
        }
}

static inline int on_get_spool(void *userdata, PeerSpool *ret_spool) {
        assert_ptr_equal(userdata, &w);
        ++w.n_spool;
        if (!w.has_spool)
                return -ENOENT;
        ret_spool->generation = 3;
        ret_spool->n_records = w.n_records;
        ret_spool->n_bytes = 4 * w.n_records;
        assert_int_equal(root_open(&w.root, "list", O_RDONLY, &ret_spool->list_fd), 0);
        assert_int_equal(root_open(&w.root, "index", O_RDONLY, &ret_spool->index_fd), 0);
        return 0;
}

static const PeerCalls calls = { on_refresh, on_get_spool };

static inline void put_file(const char *name, const char *text) {
        int fd = openat(w.root.fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
        assert_int_equal(close(fd), 0);
}

static inline int start(int fd) {
        return peer_server_new(&w.root, fd, w.loop, &calls, &w, &w.server);
}

static inline int setup(void **state) {
        (void)state;
        w = (World){ .top = "/tmp/test-peer-XXXXXX", .n_fds = count_fds(), .n_records = 1 };
        assert_non_null(mkdtemp(w.top));
        assert_int_equal(chmod(w.top, 0755), 0);
        assert_int_equal(root_init(&w.root, w.top), 0);
        assert_int_equal(mkdirat(w.root.fd, "run", 0755), 0);
        assert_int_equal(mkdirat(w.root.fd, RUN_DIR, 0755), 0);
        put_file("list", "the list");
        put_file("index", "the index");
        assert_int_equal(loop_new(&w.loop), 0);
        return 0;
}

static inline int setup_server(void **state) {
        (void)setup(state);
        assert_int_equal(start(-1), 0);
        return 0;
}

static inline int teardown(void **state) {
        static const char *const dirs[] = { RUN_DIR, "run" };

        (void)state;
        w.server = peer_server_free(w.server);
        w.loop = loop_free(w.loop);
        (void)unlinkat(w.root.fd, PEER_PATH, 0);
        (void)unlinkat(w.root.fd, PEER_PATH, AT_REMOVEDIR);
        (void)unlinkat(w.root.fd, "list", 0);
        (void)unlinkat(w.root.fd, "index", 0);
        for (size_t i = 0; i < ELEMENTSOF(dirs); ++i)
                (void)unlinkat(w.root.fd, dirs[i], AT_REMOVEDIR);
        root_deinit(&w.root);
        assert_int_equal(rmdir(w.top), 0);
        assert_int_equal(count_fds(), w.n_fds);
        return 0;
}

/* Whatever can happen now happens. */
static inline void turn(unsigned n) {
        while (n-- > 0)
                assert_int_equal(loop_turn(w.loop, 0), 0);
}

static inline void push(uint64_t n, uint64_t token) {
        Status s = sample(n);

        assert_int_equal(peer_server_push(w.server, &s, token), 0);
}

static inline int client(void) {
        int fd = -1;

        assert_int_equal(peer_connect(&w.root, &fd), 0);
        assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
        turn(2);
        return fd;
}

static inline void send_raw(int fd, const void *data, size_t n, int passed_fd, size_t n_passed) {
        union {
                struct cmsghdr head;
                uint8_t data[CMSG_SPACE(253 * sizeof(int))]; /* SCM_MAX_FD */
        } control = {};
        struct iovec iov = { (void *)data, n };
        struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

        if (n_passed > 0) {
                control.head.cmsg_level = SOL_SOCKET;
                control.head.cmsg_type = SCM_RIGHTS;
                control.head.cmsg_len = CMSG_LEN(n_passed * sizeof(int));
                for (size_t i = 0; i < n_passed; ++i)
                        memcpy(CMSG_DATA(&control.head) + i * sizeof(int), &passed_fd, sizeof(int));
                m.msg_control = &control;
                m.msg_controllen = CMSG_SPACE(n_passed * sizeof(int));
        }
        assert_int_equal(sendmsg(fd, &m, MSG_NOSIGNAL), n);
}

/* One call; a failed one must leave the message alone, and any must leave no descriptor behind. */
static inline int receive(int fd, PeerMessage *ret_message) {
        PeerMessage m, poison;
        size_t n_fds = count_fds();
        int r;

        memset(&m, POISON, sizeof(m));
        poison = m;
        r = peer_receive(fd, &m);
        if (r != 0) {
                assert_memory_equal(&m, &poison, sizeof(m));
                assert_int_equal(count_fds(), n_fds);
                return r;
        }
        assert_true(m.kind == PEER_STATUS || m.kind == PEER_SPOOL);
        if (m.kind == PEER_STATUS || m.spool.list_fd < 0)
                assert_true(m.spool.list_fd == -1 && m.spool.index_fd == -1);
        *ret_message = m;
        return 0;
}

static inline void check_status(int fd, uint64_t n, uint64_t token) {
        PeerMessage m;

        assert_int_equal(receive(fd, &m), 0);
        assert_int_equal(m.kind, PEER_STATUS);
        assert_int_equal(m.status.n_measured, n);
        assert_int_equal(m.token, token);
}

/* What somebody sent must have ended his connection, and his only. */
static inline void check_ended(int fd, int bystander) {
        PeerMessage m;

        turn(3);
        assert_int_equal(receive(fd, &m), PEER_E_GONE);
        assert_int_equal(close(fd), 0);
        push(7, 7);
        check_status(bystander, 7, 7);
        assert_int_equal(receive(bystander, &m), PEER_E_PENDING);
}
