/* SPDX-License-Identifier: BSD-2-Clause */
#include "varlink/link.h"

#include <assert.h>
#include <string.h>
#include <sys/socket.h>

#include "base/error.h"
#include "varlink/limits.h"

/**
 * link_wants_input() - would it take more of what its client sends?
 * @l: the link
 *
 * Return: not while a reply is under way, there may be a whole message, or it may not grow.
 */
bool link_wants_input(const VarlinkLink *l) {
        return !l->out.data && !l->is_ready && !l->is_starved;
}

/**
 * link_watch() - wait for what it needs next
 * @l:     the link
 * @input: also for bytes of its client. Where neither these nor room for a reply is waited for,
 *         EPOLLET alone is watched, which is nothing but that the other side is gone
 *
 * Return: 0, or a negative errno: it cannot be watched.
 */
int link_watch(VarlinkLink *l, bool input) {
        uint32_t events = input ? EPOLLIN : 0;

        if (l->out.data)
                events |= EPOLLOUT;
        return error_trace(loop_watch(l->share->loop, &l->watch, events != 0 ? events : EPOLLET));
}

/*
 * Out
 */

static void link_drop_out(VarlinkLink *l) {
        if (!l->out.data)
                return;
        l->share->n_queued -= l->out.size;
        l->share->has_room = true;
        free(l->out.data);
        closep(&l->out.fd);
        l->out = (VarlinkOut){ .fd = -1 };
}

/* Return: bytes that were taken, the fd (then closed) with the first; -1: errno. */
static ssize_t link_send(int fd, Bytes data, int *passed_fd) {
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

static bool link_is_full(int error) {
        return error == EAGAIN || error == EINTR || error == ENOBUFS || error == ENOMEM;
}

/* Keep what the socket did not take. */
static int link_keep(VarlinkLink *l, Bytes rest, int *fd) {
        uint8_t *data = malloc(rest.n);

        if (!data)
                return error_origin(-ENOMEM);
        memcpy(data, rest.data, rest.n);
        l->share->n_queued += rest.n;
        l->out = (VarlinkOut){
                .data = data,
                .size = rest.n,
                .fd = take_fd(fd),
                .until_usec = now_usec() + VARLINK_DRAIN_USEC,
        };
        return 0;
}

/**
 * link_room() - how large a reply may be that has to wait in memory
 * @l: the link
 *
 * Return: bytes.
 */
size_t link_room(const VarlinkLink *l) {
        size_t max = VARLINK_QUEUED_MAX - (l->is_small ? 0 : VARLINK_QUEUED_KEPT);

        return l->share->n_queued < max ? max - l->share->n_queued : 0;
}

/**
 * link_put() - send a message
 * @l:    the link; nothing is under way on it
 * @text: the message with its NUL
 * @fd:   goes with it, or -1; taken over, whatever the result
 *
 * Where the other side is gone this is noted, and no error.
 *
 * Return: 0; LINK_E_NO_ROOM: nothing was sent; -ENOMEM.
 */
int link_put(VarlinkLink *l, Bytes text, int *fd) {
        _cleanup_close_ int given_fd = take_fd(fd);
        ssize_t n;
        Bytes sent;

        assert(!l->out.data && text.n > 0);
        if (text.n > VARLINK_REPLY_SMALL && text.n > link_room(l))
                return LINK_E_NO_ROOM;
        n = link_send(l->watch.fd, text, &given_fd);
        if (n < 0 && !link_is_full(errno)) {
                l->is_broken = true;
                return 0;
        }
        (void)bytes_take(&text, n > 0 ? (size_t)n : 0, &sent);
        return text.n > 0 ? error_trace(link_keep(l, text, &given_fd)) : 0;
}

/**
 * link_flush() - send on what the socket did not take
 * @l: the link; a reply is under way, until all of it is taken
 *
 * Return: 0, or a negative errno: the other side is gone.
 */
int link_flush(VarlinkLink *l) {
        Bytes rest = bytes_of(l->out.data + l->out.sent, l->out.size - l->out.sent);
        ssize_t n = link_send(l->watch.fd, rest, &l->out.fd);

        if (n < 0)
                return link_is_full(errno) ? 0 : negative_errno();
        l->active_usec = now_usec();
        l->out.sent += (size_t)n;
        if (l->out.sent == l->out.size)
                link_drop_out(l);
        return 0;
}

/*
 * In
 */

static void link_account(VarlinkLink *l, size_t before) {
        size_t after = l->in.size;

        l->share->n_requests += after > FRAME_START ? after - FRAME_START : 0;
        l->share->n_requests -= before > FRAME_START ? before - FRAME_START : 0;
}

static bool link_may_grow(const VarlinkLink *l) {
        size_t size = frame_next_size(&l->in);

        return size == l->in.size || size <= FRAME_START ||
               l->share->n_requests + (size - l->in.size) <= VARLINK_REQUESTS_MAX;
}

/**
 * link_fill() - take what has come
 * @l: the link; link_wants_input()
 *
 * Return: 0, or a negative errno: the connection ends.
 */
int link_fill(VarlinkLink *l) {
        struct iovec iov = {};
        /* No room for descriptors: the kernel closes what came along, and says MSG_CTRUNC. */
        struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
        size_t before = l->in.size;
        uint8_t *to;
        ssize_t n;
        int r;

        l->is_starved = !link_may_grow(l);
        if (l->is_starved)
                return 0;
        r = frame_room(&l->in, &to, &iov.iov_len);
        if (r < 0)
                return error_trace(r);
        link_account(l, before);
        iov.iov_base = to;
        n = recvmsg(l->watch.fd, &m, MSG_DONTWAIT);
        if (n < 0)
                return errno == EAGAIN || errno == EINTR ? 0 : negative_errno();
        if (n == 0)
                return -ECONNRESET;
        if ((m.msg_flags & MSG_CTRUNC) != 0)
                return -EBADMSG;
        frame_filled(&l->in, (size_t)n);
        l->active_usec = now_usec();
        l->is_ready = true;
        return 0;
}

/**
 * link_feed() - one that was starved may be read again, if there is room now
 * @l: the link
 *
 * Return: whether it is to be watched anew.
 */
bool link_feed(VarlinkLink *l) {
        if (!l->is_starved || !link_may_grow(l))
                return false;
        l->is_starved = false;
        return true;
}

/**
 * link_take() - take the next message
 * @l:           the link
 * @now_usec:    now; one that has begun must have come VARLINK_REQUEST_USEC later
 * @ret_message: borrowed until link_trim(), which must follow; set on success only
 *
 * Return: 0; LINK_E_MORE; -EBADMSG: it is too long.
 */
int link_take(VarlinkLink *l, uint64_t now_usec, Bytes *ret_message) {
        int r = frame_take(&l->in, ret_message);

        if (r == FRAME_E_LIMIT)
                return -EBADMSG;
        if (r == 0) {
                l->in_until_usec = LOOP_FOREVER;
                return 0;
        }
        l->is_ready = false;
        if (frame_left(&l->in) > 0 && l->in_until_usec == LOOP_FOREVER)
                l->in_until_usec = now_usec + VARLINK_REQUEST_USEC;
        return LINK_E_MORE;
}

/**
 * link_trim() - give back what messages that were taken have used
 * @l: the link
 */
void link_trim(VarlinkLink *l) {
        size_t before = l->in.size;

        frame_trim(&l->in);
        link_account(l, before);
}

/*
 * The whole
 */

/**
 * link_is_idle() - is there nothing of its client, and nothing for it?
 * @l: the link
 *
 * Return: whether nothing is under way.
 */
bool link_is_idle(const VarlinkLink *l) {
        return !l->out.data && !l->is_ready && frame_left(&l->in) == 0;
}

/**
 * link_until() - by when must its client have taken the reply, or sent what it has begun?
 * @l: the link
 *
 * Return: the time; LOOP_FOREVER: neither is under way.
 */
uint64_t link_until(const VarlinkLink *l) {
        return l->out.data ? l->out.until_usec : l->in_until_usec;
}

/**
 * link_of() - a link, not watched yet
 * @share:    borrowed
 * @watch:    with a non-blocking socket, which is taken over, and with what is to be called
 * @uid:      who is at the other end
 * @is_small: as of its VarlinkSocket
 *
 * Return: it; for link_deinit().
 */
VarlinkLink link_of(VarlinkShare *share, const LoopWatch *watch, uid_t uid, bool is_small) {
        return (VarlinkLink){
                .share = share,
                .watch = *watch,
                .uid = uid,
                .is_small = is_small,
                .active_usec = now_usec(),
                .in = frame_of(VARLINK_REQUEST_MAX),
                .in_until_usec = LOOP_FOREVER,
                .out.fd = -1,
        };
}

/**
 * link_deinit() - end it, whatever is under way
 * @l: the link
 */
void link_deinit(VarlinkLink *l) {
        size_t before = l->in.size;

        link_drop_out(l);
        frame_deinit(&l->in);
        link_account(l, before);
        loop_forget(l->share->loop, &l->watch);
        closep(&l->watch.fd);
}
