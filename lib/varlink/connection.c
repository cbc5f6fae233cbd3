/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * connection.c -- the bytes of one connection.
 *
 * It is read only while there is no call and no reply under way: what a client sends meanwhile
 * stays in its socket. Then EPOLLET alone is watched, which is nothing but that the other side is
 * gone.
 */
#include <assert.h>
#include <string.h>
#include <sys/socket.h>

#include "base/error.h"
#include "varlink/server-internal.h"

static bool connection_wants_input(const VarlinkConnection *c) {
        return !c->call.is_open && !c->out.data && !c->is_ready && !c->is_starved;
}

/* Return: 0, or a negative errno: it cannot be watched. */
static int connection_watch(VarlinkConnection *c) {
        uint32_t events = connection_wants_input(c) ? EPOLLIN : 0;

        if (c->out.data)
                events |= EPOLLOUT;
        return error_trace(loop_watch(c->server->loop, &c->watch, events != 0 ? events : EPOLLET));
}

/*
 * Out
 */

static void connection_drop_out(VarlinkConnection *c) {
        VarlinkServer *s = c->server;

        if (!c->out.data)
                return;
        s->n_queued -= c->out.size;
        s->has_room = true;
        free(c->out.data);
        closep(&c->out.fd);
        c->out = (VarlinkOut){ .fd = -1 };
}

/* Return: bytes that were taken, the fd (then closed) with the first; -1: errno. */
static ssize_t connection_send(int fd, Bytes data, int *passed_fd) {
        union {
                struct cmsghdr head; /* for its alignment */
                uint8_t data[CMSG_SPACE(sizeof(int))];
        } control = {};
        struct iovec iov = { (void *)data.data, data.n };
        struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
        ssize_t n;

        if (*passed_fd >= 0) {
                control.head = (struct cmsghdr){
                        .cmsg_level = SOL_SOCKET,
                        .cmsg_type = SCM_RIGHTS,
                        .cmsg_len = CMSG_LEN(sizeof(int)),
                };
                memcpy(CMSG_DATA(&control.head), passed_fd, sizeof(int));
                m.msg_control = &control;
                m.msg_controllen = CMSG_SPACE(sizeof(int));
        }
        n = sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n > 0) {
                closep(passed_fd);
                *passed_fd = -1;
        }
        return n;
}

static bool connection_is_full(int error) {
        return error == EAGAIN || error == EINTR || error == ENOBUFS || error == ENOMEM;
}

/* Keep what the socket did not take. */
static int connection_keep(VarlinkConnection *c, Bytes rest, int *fd) {
        uint8_t *data = malloc(rest.n);

        if (!data)
                return error_origin(-ENOMEM);
        memcpy(data, rest.data, rest.n);
        c->server->n_queued += rest.n;
        c->out = (VarlinkOut){
                .data = data,
                .size = rest.n,
                .fd = take_fd(fd),
                .until_usec = now_usec() + VARLINK_DRAIN_USEC,
        };
        return 0;
}

/**
 * connection_put() - send a message
 * @c:    the connection; nothing is under way on it
 * @text: the message with its NUL
 * @fd:   goes with it, or -1; taken over, whatever the result
 *
 * Where the other side is gone this is noted, and no error.
 *
 * Return: 0; VARLINK_E_NO_ROOM: nothing was sent; -ENOMEM.
 */
int connection_put(VarlinkConnection *c, Bytes text, int *fd) {
        _cleanup_close_ int given_fd = take_fd(fd);
        ssize_t n;
        Bytes sent;

        assert(!c->out.data && text.n > 0);
        if (text.n > SERVER_REPLY_SMALL && text.n > server_queue_room(c->server, c->socket))
                return VARLINK_E_NO_ROOM;
        n = connection_send(c->watch.fd, text, &given_fd);
        if (n < 0 && !connection_is_full(errno)) {
                c->is_broken = true;
                return 0;
        }
        (void)bytes_take(&text, n > 0 ? (size_t)n : 0, &sent);
        return text.n > 0 ? error_trace(connection_keep(c, text, &given_fd)) : 0;
}

/* Return: 0, or a negative errno: the other side is gone. */
static int connection_flush(VarlinkConnection *c) {
        Bytes rest = bytes_of(c->out.data + c->out.sent, c->out.size - c->out.sent);
        ssize_t n = connection_send(c->watch.fd, rest, &c->out.fd);

        if (n < 0)
                return connection_is_full(errno) ? 0 : -errno;
        c->active_usec = now_usec();
        c->out.sent += (size_t)n;
        if (c->out.sent < c->out.size)
                return 0;
        connection_drop_out(c);
        c->call.is_due = c->call.is_open;
        return 0;
}

/*
 * In
 */

static void connection_account(VarlinkConnection *c, size_t before) {
        size_t after = c->in.size;

        c->server->n_requests += after > FRAME_START ? after - FRAME_START : 0;
        c->server->n_requests -= before > FRAME_START ? before - FRAME_START : 0;
}

static bool connection_may_grow(const VarlinkConnection *c) {
        size_t size = frame_next_size(&c->in);

        return size == c->in.size || size <= FRAME_START ||
               c->server->n_requests + (size - c->in.size) <= VARLINK_REQUESTS_MAX;
}

/* Return: 0, or a negative errno: the connection ends. */
static int connection_fill(VarlinkConnection *c) {
        struct iovec iov = {};
        /* No room for descriptors: the kernel closes what came along, and says MSG_CTRUNC. */
        struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
        size_t before = c->in.size;
        uint8_t *to;
        ssize_t n;
        int r;

        c->is_starved = !connection_may_grow(c);
        if (c->is_starved)
                return 0;
        r = frame_room(&c->in, &to, &iov.iov_len);
        if (r < 0)
                return error_trace(r);
        connection_account(c, before);
        iov.iov_base = to;
        n = recvmsg(c->watch.fd, &m, MSG_DONTWAIT);
        if (n < 0)
                return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        if (n == 0)
                return -ECONNRESET;
        if ((m.msg_flags & MSG_CTRUNC) != 0)
                return -EBADMSG;
        frame_filled(&c->in, (size_t)n);
        c->active_usec = now_usec();
        c->is_ready = true;
        return 0;
}

static void connection_trim(VarlinkConnection *c) {
        size_t before = c->in.size;

        frame_trim(&c->in);
        connection_account(c, before);
}

static int connection_on_link(LoopWatch *w, uint32_t events) {
        VarlinkConnection *c = w->userdata;
        int r = 0;

        if ((events & (EPOLLHUP | EPOLLERR)) != 0)
                r = -ECONNRESET;
        if (r == 0 && (events & EPOLLOUT) != 0 && c->out.data)
                r = connection_flush(c);
        if (r == 0 && (events & EPOLLIN) != 0 && connection_wants_input(c))
                r = connection_fill(c);
        if (r == 0)
                r = connection_watch(c);
        if (r < 0)
                connection_free(c);
        return 0;
}

/**
 * connection_feed() - one that was starved may be read again, if there is room now
 * @c: the connection
 *
 * Return: 0, or a negative errno: end it.
 */
int connection_feed(VarlinkConnection *c) {
        if (!c->is_starved || !connection_may_grow(c))
                return 0;
        c->is_starved = false;
        return connection_watch(c);
}

/*
 * A step
 */

/* Return: 0, or a negative errno: the connection ends. */
static int connection_take(VarlinkConnection *c, uint64_t now_usec) {
        Bytes message;
        int r;

        r = frame_take(&c->in, &message);
        if (r == FRAME_E_LIMIT)
                return -EBADMSG;
        if (r == 0) {
                c->in_until_usec = LOOP_FOREVER;
                r = call_begin(&c->call, message);
                c->has_asked = r == 0;
                connection_trim(c);
                return r;
        }
        c->is_ready = false;
        if (frame_left(&c->in) > 0 && c->in_until_usec == LOOP_FOREVER)
                c->in_until_usec = now_usec + VARLINK_REQUEST_USEC;
        return 0;
}

/**
 * connection_has_work() - is there something to do that waits for nothing?
 * @c: the connection
 *
 * Return: whether there is.
 */
bool connection_has_work(const VarlinkConnection *c) {
        if (c->out.data)
                return false;
        return c->call.is_open ? c->call.is_due : c->is_ready;
}

/**
 * connection_step() - take the next message, or resume the call
 * @c:        one that connection_has_work()
 * @now_usec: now
 *
 * Return: 0, or a negative errno: end it.
 */
int connection_step(VarlinkConnection *c, uint64_t now_usec) {
        int r;

        r = c->call.is_open ? call_resume(&c->call, now_usec) : connection_take(c, now_usec);
        if (r == 0 && c->is_broken)
                r = -ECONNRESET;
        return r < 0 ? r : connection_watch(c);
}

/**
 * connection_until() - when is something due?
 * @c: the connection
 *
 * Return: the time; LOOP_FOREVER: it waits for its client, or a wake.
 */
uint64_t connection_until(const VarlinkConnection *c) {
        if (c->out.data)
                return c->out.until_usec;
        return c->call.is_open ? c->call.until_usec : c->in_until_usec;
}

/**
 * connection_is_idle() - would nobody miss it?
 * @c: the connection
 *
 * Return: whether nothing is under way.
 */
bool connection_is_idle(const VarlinkConnection *c) {
        return !c->out.data && !c->call.is_open && !c->is_ready && frame_left(&c->in) == 0;
}

/**
 * connection_new() - begin to listen to a client
 * @s:              the server; it has a free place
 * @socket:         where it came in; borrowed
 * @fd:             the connection, non-blocking; taken over on success
 * @uid:            who it is
 * @ret_connection: to be freed with connection_free(); set on success only
 *
 * Return: 0, -ENOMEM, or another negative errno: it cannot be watched.
 */
int connection_new(VarlinkServer *s, const VarlinkSocket *socket, int *fd, uid_t uid,
                   VarlinkConnection **ret_connection) {
        _cleanup_free_ VarlinkConnection *c = calloc(1, sizeof(*c));
        int r;

        if (!c)
                return error_origin(-ENOMEM);
        *c = (VarlinkConnection){
                .server = s,
                .socket = socket,
                .watch = { .fd = *fd, .call = connection_on_link, .userdata = c },
                .uid = uid,
                .active_usec = now_usec(),
                .in = frame_of(VARLINK_REQUEST_MAX),
                .in_until_usec = LOOP_FOREVER,
                .out.fd = -1,
                .call.connection = c,
        };
        r = connection_watch(c);
        if (r < 0)
                return error_trace(r);
        (void)take_fd(fd);
        *ret_connection = TAKE(c);
        return 0;
}

/**
 * connection_free() - end it; its place in the server is free then
 * @c: the connection or NULL; not while its handler runs
 *
 * Return: NULL.
 */
VarlinkConnection *connection_free(VarlinkConnection *c) {
        VarlinkServer *s;
        size_t before;

        if (!c)
                return NULL;
        s = c->server;
        before = c->in.size;
        call_deinit(&c->call);
        connection_drop_out(c);
        frame_deinit(&c->in);
        connection_account(c, before);
        loop_forget(s->loop, &c->watch);
        closep(&c->watch.fd);
        for (size_t i = 0; i < VARLINK_CONNECTIONS_MAX; ++i)
                if (s->connection[i] == c) {
                        s->connection[i] = NULL;
                        --s->n_connections;
                }
        /* There is a descriptor now. */
        s->accept_usec = s->accept_usec == LOOP_FOREVER ? LOOP_FOREVER : 0;
        free(c);
        return NULL;
}
