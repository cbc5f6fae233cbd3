/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * peer-client.c -- the other side of the inner protocol: asks, and checks what it is told.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "base/error.h"
#include "os/listener.h"
#include "os/peer-internal.h"
#include "os/spool.h"

/**
 * peer_connect() - connect to the extender
 * @root:   where /run/ima-replay is
 * @ret_fd: non-blocking (who wants to block sets it so); to be closed by the caller; set on success
 *          only
 *
 * Return: 0, PEER_E_GONE when nobody listens there, PEER_E_PENDING when too many wait to be
 *         accepted; a negative errno, -ENOTSOCK when something else is at that place.
 */
int peer_connect(const Root *root, int *ret_fd) {
        int r = listener_connect(root, PEER_NAME, SOCK_SEQPACKET, ret_fd);

        if (r == LISTENER_E_GONE)
                return PEER_E_GONE;
        return r == LISTENER_E_PENDING ? PEER_E_PENDING : error_trace(r);
}

/* What an errno of send or receive means. */
static int peer_outcome(int error) {
        if (error == EAGAIN)
                return PEER_E_PENDING;
        return error == EPIPE || error == ECONNRESET ? PEER_E_GONE : error_origin(-error);
}

static size_t peer_take_fds(struct msghdr *m, int ret_fds[static PEER_FDS]) {
        const struct cmsghdr *c = CMSG_FIRSTHDR(m);
        size_t n = 0;

        if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS)
                n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        assert(n <= PEER_FDS);
        if (n > 0)
                memcpy(ret_fds, CMSG_DATA(c), n * sizeof(int));
        return n;
}

/* Lengths with which one can calculate: a record has a byte at least, and the index has an end. */
static bool peer_spool_is_sound(const PeerSpoolPacket *p, size_t n_fds) {
        if (p->has_spool == 0)
                return n_fds == 0 && p->generation == 0 && p->n_records == 0 && p->n_bytes == 0;
        return p->has_spool == 1 && n_fds == PEER_FDS && p->n_records <= p->n_bytes &&
               p->n_bytes <= INT64_MAX / SPOOL_ROW_SIZE;
}

static bool peer_packet_is_sound(const PeerPacket *p, size_t n_fds) {
        switch ((PeerKind)p->head.kind) {
        case PEER_STATUS:
                return n_fds == 0 && status_is_sound(&p->status.status);
        case PEER_SPOOL:
                return peer_spool_is_sound(&p->spool, n_fds);
        case PEER_GET_SPOOL: /* ours to send */
        case PEER_REFRESH:
        case _PEER_KIND_N:
                break;
        }
        return false;
}

static void peer_fill(const PeerPacket *p, int list_fd, int index_fd, PeerMessage *ret_message) {
        *ret_message = (PeerMessage){
                .kind = p->head.kind,
                .spool = { .list_fd = list_fd, .index_fd = index_fd },
        };
        if (p->head.kind == PEER_STATUS) {
                ret_message->token = p->status.token;
                ret_message->status = p->status.status;
        } else {
                ret_message->spool.generation = p->spool.generation;
                ret_message->spool.n_records = p->spool.n_records;
                ret_message->spool.n_bytes = p->spool.n_bytes;
        }
}

/**
 * peer_receive() - take one message
 * @fd:          of peer_connect(), or set to block
 * @ret_message: its descriptors are the caller's to close; set on success only
 *
 * Return: 0, PEER_E_PENDING, PEER_E_GONE, PEER_E_MALFORMED (then close the connection); a negative
 *         errno.
 */
int peer_receive(int fd, PeerMessage *ret_message) {
        union {
                struct cmsghdr head; /* for its alignment */
                uint8_t data[CMSG_SPACE(PEER_FDS * sizeof(int))];
        } control;
        PeerPacket p;
        struct iovec iov = { &p, sizeof(p) };
        /* Of more descriptors than there is room for the kernel closes the rest: MSG_CTRUNC. */
        struct msghdr m = {
                .msg_iov = &iov,
                .msg_iovlen = 1,
                .msg_control = &control,
                .msg_controllen = sizeof(control),
        };
        int fds[PEER_FDS] = { -1, -1 };
        size_t n_fds;
        ssize_t n;

        do
                n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return peer_outcome(errno);
        n_fds = peer_take_fds(&m, fds);
        if (n > 0 && (m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0 && peer_fits(&p, (size_t)n) &&
            peer_packet_is_sound(&p, n_fds)) {
                peer_fill(&p, fds[0], fds[1], ret_message);
                return 0;
        }
        closep(&fds[0]);
        closep(&fds[1]);
        return n == 0 ? PEER_E_GONE : PEER_E_MALFORMED;
}

static int peer_ask(int fd, const void *packet, size_t n) {
        ssize_t k;

        do
                k = send(fd, packet, n, MSG_NOSIGNAL);
        while (k < 0 && errno == EINTR);
        return k < 0 ? peer_outcome(errno) : 0;
}

/**
 * peer_get_spool() - ask for the spool; the answer is a PEER_SPOOL message
 * @fd: of peer_connect(), or set to block
 *
 * Return: 0, PEER_E_PENDING (not asked: no room), PEER_E_GONE; a negative errno.
 */
int peer_get_spool(int fd) {
        PeerHead p = peer_head(PEER_GET_SPOOL);

        return error_trace(peer_ask(fd, &p, sizeof(p)));
}

/**
 * peer_refresh() - ask the extender to look at the list and at PCRs afresh
 * @fd:    of peer_connect(), or set to block
 * @pcrs:  bit n: PCR n; may be 0. A bit that is no PCR (24 and up) ends the connection
 * @token: comes back in the first STATUS from then on; greater than those before, as now_usec() is
 *
 * Return: 0, PEER_E_PENDING (not asked: no room), PEER_E_GONE; a negative errno.
 */
int peer_refresh(int fd, uint32_t pcrs, uint64_t token) {
        PeerRefreshPacket p = {
                .head = peer_head(PEER_REFRESH),
                .pcrs = pcrs,
                .token = token,
        };

        return error_trace(peer_ask(fd, &p, sizeof(p)));
}
