/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz-peer.c -- any packets, to an extender and to a client.
 *
 * The input is a byte, the call that fails (fail.h), and a row of packets: a byte HOW, a byte n, n
 * bytes. Bits of HOW:
 *   0-1  descriptors that come along
 *   2    to the client, else to the extender
 *   3    the n bytes are a packet; else they change one that is right: its kind (modulo 4), then
 *        patches of three bytes: place (two bytes, modulo its size), value
 * So seeds stay what they are when a struct grows.
 */
#include "fail.h"
#include "fuzz.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "os/peer-internal.h"

/* Not assert(): these stay in a build without. */
#define HOLDS(what)                                                                                \
        do {                                                                                       \
                if (!(what))                                                                       \
                        abort();                                                                   \
        } while (0)

#define HOW_FDS    3U
#define HOW_CLIENT 4U
#define HOW_RAW    8U

static struct {
        char top[64];
        Root root;
        Loop *loop;
        PeerServer *server;
} world = { .top = "/tmp/fuzz-peer-XXXXXX" };

static void on_refresh(void *userdata, uint32_t pcrs, uint64_t token) {
        (void)userdata;
        (void)token;
        HOLDS(pcrs >> TPM_PCR_N == 0);
}

static int on_get_spool(void *userdata, PeerSpool *ret_spool) {
        (void)userdata;
        ret_spool->list_fd = dup(world.root.fd);
        ret_spool->index_fd = dup(world.root.fd);
        return 0;
}

static Status sample(void) {
        Status s = { .boot_id = "0123456789abcdef0123456789abcdef", .n_pcrs = 1 };

        s.pcr[0].pcr = 10;
        return s;
}

static void clean(void) {
        peer_server_free(world.server);
        loop_free(world.loop);
        (void)unlinkat(world.root.fd, PEER_PATH, 0);
        (void)unlinkat(world.root.fd, RUN_DIR, AT_REMOVEDIR);
        (void)unlinkat(world.root.fd, "run", AT_REMOVEDIR);
        root_deinit(&world.root);
        (void)rmdir(world.top);
}

static void begin(void) {
        static const PeerCalls calls = { on_refresh, on_get_spool };
        Status s = sample();

        if (world.server)
                return;
        HOLDS(mkdtemp(world.top) && root_init(&world.root, world.top) == 0);
        HOLDS(mkdirat(world.root.fd, "run", 0700) == 0);
        HOLDS(mkdirat(world.root.fd, RUN_DIR, 0700) == 0);
        HOLDS(loop_new(&world.loop) == 0);
        HOLDS(peer_server_new(&world.root, -1, world.loop, &calls, NULL, &world.server) == 0);
        HOLDS(peer_server_push(world.server, &s, 1) == 0);
        HOLDS(atexit(clean) == 0);
}

static void turn(void) {
        for (unsigned i = 0; i < 3; ++i)
                HOLDS(loop_turn(world.loop, 0) == 0);
}

/* Return: bytes of the packet. */
static size_t make(uint8_t how, Bytes in, PeerPacket *ret_packet) {
        uint8_t kind = 0, value;
        uint16_t at;
        size_t n;

        memset(ret_packet, 0, sizeof(*ret_packet));
        if ((how & HOW_RAW) != 0) {
                bytes_copy(in, (uint8_t *)ret_packet, sizeof(*ret_packet));
                return in.n;
        }
        (void)bytes_take_u8(&in, &kind);
        kind %= _PEER_KIND_N;
        n = peer_size(kind);
        if (kind == PEER_STATUS)
                ret_packet->status.status = sample();
        ret_packet->head = peer_head(kind);
        while (bytes_take_u16(&in, ORDER_LITTLE, &at) && bytes_take_u8(&in, &value))
                ((uint8_t *)ret_packet)[at % n] = value;
        return n;
}

static void put(int fd, const PeerPacket *packet, size_t n, size_t n_fds) {
        union {
                struct cmsghdr head;
                uint8_t data[CMSG_SPACE(HOW_FDS * sizeof(int))];
        } control = {};
        struct iovec iov = { (void *)packet, n };
        struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

        if (n_fds > 0) {
                control.head.cmsg_level = SOL_SOCKET;
                control.head.cmsg_type = SCM_RIGHTS;
                control.head.cmsg_len = CMSG_LEN(n_fds * sizeof(int));
                for (size_t i = 0; i < n_fds; ++i)
                        memcpy(CMSG_DATA(&control.head) + i * sizeof(int), &world.root.fd,
                               sizeof(int));
                m.msg_control = &control;
                m.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
        }
        (void)sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Take all that is there; what was taken must be as promised. */
static void drain(int fd) {
        static PeerMessage m;

        while (peer_receive(fd, &m) == 0) {
                HOLDS((m.kind == PEER_SPOOL && m.spool.list_fd >= 0) == (m.spool.index_fd >= 0));
                HOLDS(m.kind == PEER_SPOOL || status_is_sound(&m.status));
                HOLDS(m.spool.n_records <= m.spool.n_bytes && m.spool.n_bytes <= INT64_MAX);
                closep(&m.spool.list_fd);
                closep(&m.spool.index_fd);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        int next_fd, pair[2], asking = -1;
        Bytes in = bytes_of(data, n), part;
        PeerPacket packet;
        uint8_t fail = 0, how, k;

        begin();
        (void)bytes_take_u8(&in, &fail);
        next_fd = dup(world.root.fd);
        HOLDS(next_fd >= 0 && close(next_fd) == 0);
        HOLDS(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair) == 0);
        HOLDS(peer_connect(&world.root, &asking) == 0);
        fail_in(fail);
        turn();
        while (bytes_take_u8(&in, &how) && bytes_take_u8(&in, &k) && bytes_take(&in, k, &part)) {
                size_t size = make(how, part, &packet);

                put((how & HOW_CLIENT) != 0 ? pair[0] : asking, &packet, size, how & HOW_FDS);
                turn();
                drain(pair[1]);
                drain(asking);
        }
        fail_in(0);
        HOLDS(close(pair[0]) == 0 && close(pair[1]) == 0 && close(asking) == 0);
        turn();
        /* Nothing has stayed open: the lowest free number is what it was. */
        HOLDS(dup(world.root.fd) == next_fd && close(next_fd) == 0);
        return 0;
}
