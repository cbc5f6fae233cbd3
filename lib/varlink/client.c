/* SPDX-License-Identifier: BSD-2-Clause */
#include "varlink/client.h"

#include <assert.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/error.h"
#include "varlink/frame.h"

#define CLIENT_DEPTH_MAX 32
#define CLIENT_FDS_MAX   4U /* that are received, to be closed but for one */
#define CLIENT_SEND_SEC  10 /* to connect, or to send a call */
#define CLIENT_POLL_MS   60000
#define USEC_PER_MSEC    1000

struct VarlinkClient {
        int fd;
        Frame in;
        uint64_t at;     /* where in all that was received the next message begins */
        int got_fd;      /* -1: none */
        uint64_t got_at; /* the message that it came with begins there */
        Json *reply;     /* owner of what `error` points at */
};

/* A process that is dead, or not there, is no error. */
static int client_connect(int dir_fd, const char *name, int *ret_fd) {
        static const struct timeval patience = { .tv_sec = CLIENT_SEND_SEC };
        struct sockaddr_un where = { .sun_family = AF_UNIX };
        _cleanup_close_ int path_fd = -1, fd = -1;

        /* Through an fd, as sun_path has no room for a long path. */
        path_fd = openat(dir_fd, name, O_PATH | O_CLOEXEC);
        if (path_fd < 0)
                return errno == ENOENT ? VARLINK_CLIENT_E_GONE : error_origin(negative_errno());
        (void)snprintf(where.sun_path, sizeof(where.sun_path), "/proc/self/fd/%d", path_fd);
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0)
                return error_origin(negative_errno());
        if (connect(fd, (const struct sockaddr *)&where, sizeof(where)) < 0) {
                if (errno == EAGAIN || errno == EINPROGRESS)
                        return VARLINK_CLIENT_E_TIME;
                return errno == ECONNREFUSED ? VARLINK_CLIENT_E_GONE
                                             : error_origin(negative_errno());
        }
        *ret_fd = take_fd(&fd);
        return 0;
}

/**
 * varlink_client_new() - connect to a service
 * @dir_fd:     directory that @name is relative to, or AT_FDCWD
 * @name:       path of the socket, of any length
 * @ret_client: to be freed with varlink_client_free(); set on success only
 *
 * Return: 0; VARLINK_CLIENT_E_GONE: there is no such socket, or nobody listens;
 *         VARLINK_CLIENT_E_TIME: its queue stayed full for ten seconds; -EACCES, another negative
 * errno.
 */
int varlink_client_new(int dir_fd, const char *name, VarlinkClient **ret_client) {
        _cleanup_close_ int fd = -1;
        VarlinkClient *c;
        int r;

        r = client_connect(dir_fd, name, &fd);
        if (r != 0)
                return error_trace(r);
        c = calloc(1, sizeof(*c));
        if (!c)
                return error_origin(-ENOMEM);
        *c = (VarlinkClient){ .fd = take_fd(&fd),
                              .in = frame_of(VARLINK_MESSAGE_MAX),
                              .got_fd = -1 };
        *ret_client = c;
        return 0;
}

/**
 * varlink_client_free() - hang up
 * @c: the client or NULL
 *
 * Return: NULL.
 */
VarlinkClient *varlink_client_free(VarlinkClient *c) {
        if (!c)
                return NULL;
        closep(&c->fd);
        closep(&c->got_fd);
        frame_deinit(&c->in);
        json_drop(c->reply);
        free(c);
        return NULL;
}

/**
 * varlink_client_fd() - to wait for a reply beside other things
 * @c: the client
 *
 * Readable does not mean that a whole reply is there; and after a reply ask
 * varlink_client_receive() for more before waiting, it may have more.
 *
 * Return: the fd, the client's.
 */
int varlink_client_fd(const VarlinkClient *c) {
        return c->fd;
}

/*
 * Sending
 */

static int client_send_all(VarlinkClient *c, Bytes in) {
        while (in.n > 0) {
                ssize_t n = send(c->fd, in.data, in.n, MSG_NOSIGNAL);
                Bytes sent;

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno == EAGAIN)
                        return VARLINK_CLIENT_E_TIME;
                if (n < 0)
                        return errno == EPIPE || errno == ECONNRESET
                                       ? VARLINK_CLIENT_E_GONE
                                       : error_origin(negative_errno());
                (void)bytes_take(&in, (size_t)n, &sent);
        }
        return 0;
}

static int client_call(const char *method, Json **parameters, bool more, Json **ret_call) {
        _cleanup_(json_dropp) Json *call = NULL;
        int r;

        r = json_map(&call);
        if (r == 0)
                r = json_put_text(call, "method", bytes_of_text(method));
        if (r == 0 && *parameters)
                r = json_put(call, "parameters", parameters);
        if (r == 0 && more)
                r = json_put_bool(call, "more", true);
        if (r == 0)
                *ret_call = TAKE(call);
        return error_trace(r);
}

/**
 * varlink_client_send() - call a method
 * @c:          the client
 * @method:     its full name
 * @parameters: an object, or NULL inside; taken over and NULL afterwards, whatever the result
 * @more:       any number of replies is wanted
 *
 * After any result but success the connection is of no use any more.
 *
 * Return: 0; VARLINK_CLIENT_E_GONE; VARLINK_CLIENT_E_TIME: it was not taken for ten seconds; a
 *         negative errno.
 */
int varlink_client_send(VarlinkClient *c, const char *method, Json **parameters, bool more) {
        _cleanup_(json_dropp) Json *given = TAKE(*parameters), *call = NULL;
        Bytes text;
        int r;

        r = client_call(method, &given, more, &call);
        if (r == 0)
                r = json_text(call, &text);
        if (r == 0)
                r = client_send_all(c, bytes_of(text.data, text.n + 1)); /* its NUL, too */
        return error_trace(r);
}

/*
 * Receiving
 */

/* Keep the first; a service of ours sends one. */
static void client_keep_fds(VarlinkClient *c, struct msghdr *m, int *ret_fd) {
        *ret_fd = -1;
        for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h)) {
                size_t n;

                if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
                        continue;
                n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
                for (size_t i = 0; i < n; ++i) {
                        int fd;

                        memcpy(&fd, CMSG_DATA(h) + i * sizeof(int), sizeof(fd));
                        if (*ret_fd < 0 && c->got_fd < 0)
                                *ret_fd = fd;
                        else
                                closep(&fd);
                }
        }
}

/* What comes with an fd ends a recvmsg(): it belongs to the last message that begins in it. */
static uint64_t client_last_start(const VarlinkClient *c, size_t n) {
        const uint8_t *end = c->in.data + c->in.n;
        const uint8_t *nul = memrchr(end - n, '\0', n - 1); /* one at the very end ends it */

        return nul ? c->at + frame_left(&c->in) - (size_t)(end - (nul + 1)) : c->at;
}

static int client_fill(VarlinkClient *c) {
        union {
                struct cmsghdr head; /* for its alignment */
                uint8_t data[CMSG_SPACE(CLIENT_FDS_MAX * sizeof(int))];
        } control = {};
        struct iovec iov = {};
        struct msghdr m = {
                .msg_iov = &iov,
                .msg_iovlen = 1,
                .msg_control = &control,
                .msg_controllen = sizeof(control),
        };
        uint8_t *to;
        ssize_t n;
        int r, fd;

        r = frame_room(&c->in, &to, &iov.iov_len);
        if (r < 0)
                return error_trace(r);
        iov.iov_base = to;
        n = recvmsg(c->fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        if (n < 0 && errno != ECONNRESET)
                return error_origin(negative_errno());
        if (n <= 0)
                return VARLINK_CLIENT_E_GONE;
        client_keep_fds(c, &m, &fd);
        frame_filled(&c->in, (size_t)n);
        if (fd >= 0) {
                c->got_fd = fd;
                c->got_at = client_last_start(c, (size_t)n);
        }
        return 0;
}

static int client_wait(VarlinkClient *c, uint64_t until_usec) {
        struct pollfd p = { .fd = c->fd, .events = POLLIN };
        uint64_t now = now_usec(), left;

        if (until_usec <= now)
                return VARLINK_CLIENT_E_TIME;
        left = (until_usec - now + USEC_PER_MSEC - 1) / USEC_PER_MSEC;
        /* In slices: poll() does not go on in suspend, the deadline does. */
        if (poll(&p, 1, (int)MIN_OF(left, (uint64_t)CLIENT_POLL_MS)) < 0 && errno != EINTR)
                return error_origin(negative_errno());
        return 0;
}

typedef struct ClientHeader {
        const Json *parameters;
        Bytes error;
        JsonBool continues;
} ClientHeader;

static int client_read(VarlinkClient *c, Bytes message, VarlinkReply *ret_reply) {
        static const JsonField fields[] = {
                { "parameters", JSON_TYPE_MAP, false, offsetof(ClientHeader, parameters) },
                { "error", JSON_TYPE_TEXT, false, offsetof(ClientHeader, error) },
                { "continues", JSON_TYPE_BOOL, false, offsetof(ClientHeader, continues) },
        };
        _cleanup_(json_dropp) Json *reply = NULL, *parameters = NULL;
        ClientHeader h = {};
        const char *bad;
        int r;

        r = json_parse(message, CLIENT_DEPTH_MAX, &reply);
        if (r < 0)
                return error_trace(r);
        if (r > 0 || !json_is_map(reply) ||
            json_take(reply, fields, ELEMENTSOF(fields), false, &h, &bad) != 0 ||
            (h.error.data && memchr(h.error.data, '\0', h.error.n)))
                return VARLINK_CLIENT_E_MALFORMED;
        parameters = json_share(h.parameters);
        if (!parameters && (r = json_map(&parameters)) < 0)
                return error_trace(r);
        *ret_reply = (VarlinkReply){
                .parameters = TAKE(parameters),
                .error = (const char *)h.error.data,
                .continues = h.continues.value && !h.error.data,
                .fd = -1,
        };
        json_drop(c->reply);
        c->reply = TAKE(reply);
        return 0;
}

/* The fd of a message that came before, and was not asked for, is closed. */
static int client_take_fd(VarlinkClient *c, uint64_t at) {
        int old = c->got_at < at ? take_fd(&c->got_fd) : -1;

        closep(&old);
        return c->got_fd >= 0 && c->got_at == at ? take_fd(&c->got_fd) : -1;
}

/**
 * varlink_client_receive() - wait for the next reply
 * @c:          the client
 * @until_usec: a time of now_usec(); 0: take only what is there; LOOP_FOREVER
 * @ret_reply:  to be given to varlink_reply_deinit(); set on success only
 *
 * Return: 0; VARLINK_CLIENT_E_TIME: ask again; VARLINK_CLIENT_E_GONE, _MALFORMED (more than
 *         VARLINK_MESSAGE_MAX, too): the connection is of no use any more; a negative errno.
 */
int varlink_client_receive(VarlinkClient *c, uint64_t until_usec, VarlinkReply *ret_reply) {
        Bytes message;
        int r;

        while ((r = frame_take(&c->in, &message)) == FRAME_E_MORE) {
                uint64_t filled = c->at + frame_left(&c->in);

                r = client_fill(c);
                if (r == 0 && c->at + frame_left(&c->in) == filled)
                        r = client_wait(c, until_usec);
                if (r != 0)
                        return error_trace(r);
        }
        if (r != 0)
                return VARLINK_CLIENT_E_MALFORMED;
        r = client_read(c, message, ret_reply);
        if (r == 0)
                ret_reply->fd = client_take_fd(c, c->at);
        c->at += message.n + 1;
        if (r == 0)
                frame_trim(&c->in);
        return error_trace(r);
}

/**
 * varlink_reply_deinit() - give up a reply
 * @r: a reply, or one that is zeroed but for an `fd` of -1
 */
void varlink_reply_deinit(VarlinkReply *r) {
        closep(&r->fd);
        *r = (VarlinkReply){ .parameters = json_drop(r->parameters), .fd = -1 };
}
