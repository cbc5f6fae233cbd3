/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * peer.c -- the extender's side: tells everybody where it stands, and believes nobody.
 *
 * Nothing that a client does is an error here: it ends the client's connection at most. What is not
 * sent yet is a flag of the connection, not a queue: the newest status is kept once for all.
 */
#include <assert.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/error.h"
#include "os/listener.h"
#include "os/peer-internal.h"

typedef struct PeerLink {
        PeerServer *server;
        LoopWatch watch; /* its fd -1: free */
        bool wants_status;
        bool wants_spool;
} PeerLink;

struct PeerServer {
        Root root; /* its fd is borrowed */
        Loop *loop;
        PeerCalls calls;
        void *userdata;
        LoopWatch watch; /* the listening socket, owned; parked while we have no room for an fd */
        PeerLink link[PEER_MAX];
        bool has_status;
        PeerStatusPacket newest;
};

/*
 * Sending
 */

static void peer_end(PeerLink *l) {
        loop_forget(l->server->loop, &l->watch);
        closep(&l->watch.fd);
        *l = (PeerLink){ .watch.fd = -1 };
}

/* Not raised: that a client does not take it is no error of ours. */
static int peer_send(int fd, const void *packet, size_t n, const int *fds, size_t n_fds) {
        union {
                struct cmsghdr head; /* for its alignment */
                uint8_t data[CMSG_SPACE(PEER_FDS * sizeof(int))];
        } control = {};
        struct iovec iov = { (void *)packet, n };
        struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

        assert(n_fds <= PEER_FDS);
        if (n_fds > 0) {
                control.head = (struct cmsghdr){
                        .cmsg_level = SOL_SOCKET,
                        .cmsg_type = SCM_RIGHTS,
                        .cmsg_len = CMSG_LEN(n_fds * sizeof(int)),
                };
                memcpy(CMSG_DATA(&control.head), fds, n_fds * sizeof(int));
                m.msg_control = &control;
                m.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
        }
        return sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? negative_errno() : 0;
}

static int peer_send_status(PeerLink *l) {
        const PeerStatusPacket *p = &l->server->newest;
        int r = peer_send(l->watch.fd, p, sizeof(*p), NULL, 0);

        if (r == 0)
                l->wants_status = false;
        return r;
}

/* Asked for as late as possible: what goes out is as long as the spool is now. */
static int peer_send_spool(PeerLink *l) {
        PeerSpoolPacket p = { .head = peer_head(PEER_SPOOL) };
        PeerSpool spool = { .list_fd = -1, .index_fd = -1 };
        bool has_spool;
        int r;

        has_spool = l->server->calls.get_spool(l->server->userdata, &spool) >= 0 &&
                    spool.list_fd >= 0 && spool.index_fd >= 0;
        if (has_spool) {
                p.has_spool = 1;
                p.generation = spool.generation;
                p.n_records = spool.n_records;
                p.n_bytes = spool.n_bytes;
        }
        r = peer_send(l->watch.fd, &p, sizeof(p), (int[]){ spool.list_fd, spool.index_fd },
                      has_spool ? PEER_FDS : 0);
        closep(&spool.list_fd);
        closep(&spool.index_fd);
        if (r == 0)
                l->wants_spool = false;
        return r;
}

static bool peer_is_blocked(const PeerLink *l) {
        return (l->watch.events & EPOLLOUT) != 0;
}

/* Send what is wanted as far as there is room; the rest waits for EPOLLOUT. @l may be free then. */
static void peer_serve(PeerLink *l) {
        int r = 0;

        if (l->wants_status)
                r = peer_send_status(l);
        if (r == 0 && l->wants_spool)
                r = peer_send_spool(l);
        if ((r < 0 && r != -EAGAIN) ||
            loop_watch(l->server->loop, &l->watch, EPOLLIN | (r < 0 ? EPOLLOUT : 0)) < 0)
                peer_end(l);
}

/*
 * Receiving
 */

/* Take one request. Return: 0, or a negative errno: the connection ends. */
static int peer_take_request(PeerLink *l, PeerPacket *p) {
        struct iovec iov = { p, sizeof(*p) };
        /* No room for descriptors: the kernel closes what came along, and says MSG_CTRUNC. */
        struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
        ssize_t n = recvmsg(l->watch.fd, &m, MSG_DONTWAIT);

        if (n < 0)
                return negative_errno();
        if ((m.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 || !peer_fits(p, (size_t)n))
                return -EBADMSG;
        return p->head.kind == PEER_REFRESH && p->refresh.pcrs >> TPM_PCR_N != 0 ? -EBADMSG : 0;
}

static void peer_read(PeerLink *l) {
        PeerServer *s = l->server;
        PeerPacket p;
        int r;

        r = peer_take_request(l, &p);
        if (r == -EAGAIN)
                return;
        if (r < 0) {
                peer_end(l);
                return;
        }
        switch ((PeerKind)p.head.kind) {
        case PEER_GET_SPOOL:
                l->wants_spool = true;
                if (!peer_is_blocked(l))
                        peer_serve(l);
                return;
        case PEER_REFRESH:
                s->calls.refresh(s->userdata, (uint32_t)p.refresh.pcrs, p.refresh.token);
                return;
        case PEER_STATUS: /* ours to send */
        case PEER_SPOOL:
        case _PEER_KIND_N:
                break;
        }
        peer_end(l);
}

/* At most one request a turn: nobody who asks much holds up the others. */
static int peer_on_link(LoopWatch *w, uint32_t events) {
        PeerLink *l = w->userdata;

        if ((events & EPOLLOUT) != 0)
                peer_serve(l);
        if (l->watch.fd >= 0 && (events & ~(uint32_t)EPOLLOUT) != 0)
                peer_read(l);
        return 0;
}

/* The file's mode has let it in; it is still asked who it is, lest somebody changed that mode. */
static bool peer_is_welcome(const PeerServer *s, int fd) {
        _cleanup_close_ int file_fd = -1;
        struct ucred who;
        struct stat st;
        socklen_t n = sizeof(who);

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) < 0)
                return false;
        if (who.uid == 0)
                return true;
        return root_open(&s->root, PEER_PATH, O_PATH | O_NOFOLLOW, &file_fd) == 0 &&
               fstat(file_fd, &st) == 0 && S_ISSOCK(st.st_mode) && st.st_uid == who.uid;
}

static PeerLink *peer_free_link(PeerServer *s) {
        for (size_t i = 0; i < PEER_MAX; ++i)
                if (s->link[i].watch.fd < 0)
                        return &s->link[i];
        return NULL;
}

static int peer_on_listen(LoopWatch *w, uint32_t events) {
        PeerServer *s = w->userdata;
        PeerLink *l = peer_free_link(s);
        /* The kernel doubles it. So a reader that comes back sees little before the newest. */
        int room = sizeof(s->newest);
        _cleanup_close_ int fd = -1;

        (void)events;
        fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0 && (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED))
                return 0;
        if (fd < 0) /* no descriptors, no memory: look away until the next push, and do not spin */
                return error_trace(loop_watch(s->loop, w, 0));
        if (!l || !peer_is_welcome(s, fd) ||
            setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)) < 0)
                return 0;
        *l = (PeerLink){
                .server = s,
                .watch = { .fd = take_fd(&fd), .call = peer_on_link, .userdata = l },
                .wants_status = s->has_status,
        };
        peer_serve(l);
        return 0;
}

/**
 * peer_server_new() - let clients connect
 * @root:       where /run/ima-replay is; the directory is there. Its fd is borrowed
 * @fd:         a listening socket (of socket activation), taken over on success; or -1: bind it
 * @loop:       borrowed
 * @calls:      what clients may ask for; copied
 * @userdata:   of @calls
 * @ret_server: to be freed with peer_server_free(), before the loop; set on success only
 *
 * The file stays when we end: it refuses whoever comes, and who starts next replaces it.
 *
 * Return: 0; -EADDRINUSE when a live process listens there, -EEXIST when something is there that is
 *         no socket, -EINVAL for an @fd that is no listening AF_UNIX SOCK_SEQPACKET socket; another
 *         negative errno.
 */
int peer_server_new(const Root *root, int fd, Loop *loop, const PeerCalls *calls, void *userdata,
                    PeerServer **ret_server) {
        static const Listener how = { PEER_NAME, SOCK_SEQPACKET, 0600, PEER_MAX };
        _cleanup_free_ PeerServer *s = calloc(1, sizeof(*s));
        _cleanup_close_ int own_fd = -1;
        int r;

        if (!s)
                return error_origin(-ENOMEM);
        r = fd >= 0 ? listener_check(fd, SOCK_SEQPACKET) : listener_bind(root, &how, &own_fd);
        if (r < 0)
                return error_trace(r);
        s->root = *root;
        s->loop = loop;
        s->calls = *calls;
        s->userdata = userdata;
        s->watch = (LoopWatch){ fd >= 0 ? fd : own_fd, peer_on_listen, s, 0 };
        s->newest.head = peer_head(PEER_STATUS);
        for (size_t i = 0; i < PEER_MAX; ++i)
                s->link[i].watch.fd = -1;
        r = loop_watch(loop, &s->watch, EPOLLIN);
        if (r < 0)
                return error_trace(r);
        (void)take_fd(&own_fd);
        *ret_server = TAKE(s);
        return 0;
}

/**
 * peer_server_free() - end all connections
 * @s: the server or NULL; not in one of its calls
 *
 * Return: NULL.
 */
PeerServer *peer_server_free(PeerServer *s) {
        if (!s)
                return NULL;
        for (size_t i = 0; i < PEER_MAX; ++i)
                if (s->link[i].watch.fd >= 0)
                        peer_end(&s->link[i]);
        loop_forget(s->loop, &s->watch);
        closep(&s->watch.fd);
        free(s);
        return NULL;
}

/*
 * What goes out
 */

static_assert(offsetof(Status, verdict) == BOOT_ID_SIZE + 2 * STATUS_TEXT_SIZE + CHIP_TEXT_MAX + 3,
              "one gap");
static_assert(offsetof(Status, state_usec) - offsetof(Status, verdict) == 13 * 4, "no gap");
static_assert(offsetof(Status, gate) - offsetof(Status, state_usec) == 16 * 8 + 6 * 8, "no gap");
static_assert(sizeof(StatusGate) == 4 * 4 + 8, "no gap");
static_assert(offsetof(Status, pcr) - offsetof(Status, gate) == _GATE_THING_N * sizeof(StatusGate),
              "no gap");
static_assert(sizeof(Status) == offsetof(Status, pcr) + TPM_PCR_N * sizeof(StatusPcr), "no gap");
static_assert(sizeof(StatusPcr) == 6 * 4 + 4 * 8 + 2 * sizeof(DigestSet), "no gap");

static void peer_copy_text(const char *from, char *to, size_t max) {
        memcpy(to, from, strnlen(from, max - 1));
}

static void peer_copy_digest(DigestAlg alg, const Digest *from, Digest *to) {
        bytes_copy(digest_bytes(alg, from), to->data, DIGEST_SIZE_MAX);
}

static void peer_copy_pcr(const StatusPcr *from, StatusPcr *to) {
        memcpy(to, from, offsetof(StatusPcr, value));
        FOREACH_BANK(alg, from->banks) {
                if (from->has_value)
                        peer_copy_digest(alg, &from->value.of[alg], &to->value.of[alg]);
                if (from->has_base)
                        peer_copy_digest(alg, &from->base.of[alg], &to->base.of[alg]);
        }
}

/* Only what has a meaning: what lies behind a NUL, between fields or in absent banks stays here. */
static void peer_copy_status(const Status *from, Status *to) {
        const size_t start = offsetof(Status, verdict), end = offsetof(Status, pcr);

        assert(from->n_pcrs <= TPM_PCR_N);
        memset(to, 0, sizeof(*to));
        peer_copy_text(from->boot_id, to->boot_id, sizeof(to->boot_id));
        peer_copy_text(from->text, to->text, sizeof(to->text));
        peer_copy_text(from->device, to->device, sizeof(to->device));
        peer_copy_text(from->driver, to->driver, sizeof(to->driver));
        memcpy((uint8_t *)to + start, (const uint8_t *)from + start, end - start);
        for (uint32_t i = 0; i < from->n_pcrs; ++i)
                peer_copy_pcr(&from->pcr[i], &to->pcr[i]);
}

/**
 * peer_server_push() - tell everybody where we stand
 * @s:      the server
 * @status: sound (status_is_sound()); copied
 * @token:  of the newest REFRESH that it answers; 0 before any
 *
 * Who has no room gets it later, or the newest one by then. Clients that come later get it first.
 *
 * Return: 0, or a negative errno when the listening socket cannot be watched any more.
 */
int peer_server_push(PeerServer *s, const Status *status, uint64_t token) {
        peer_copy_status(status, &s->newest.status);
        s->newest.token = token;
        s->has_status = true;
        for (size_t i = 0; i < PEER_MAX; ++i) {
                PeerLink *l = &s->link[i];

                if (l->watch.fd < 0)
                        continue;
                l->wants_status = true;
                if (!peer_is_blocked(l))
                        peer_serve(l);
        }
        return error_trace(loop_watch(s->loop, &s->watch, EPOLLIN));
}
