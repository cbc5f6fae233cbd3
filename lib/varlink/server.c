/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * server.c -- who is let in, and whose turn it is.
 */
#include "varlink/server.h"

#include <assert.h>
#include <fcntl.h>
#include <sys/socket.h>

#include "base/error.h"
#include "varlink/server-internal.h"

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83 /* Linux 6.16 */
#endif

#define SERVER_ACCEPT_MAX        16U /* in one turn of the loop */
#define SERVER_ACCEPT_RETRY_USEC 1000000
#define SERVER_KEEP_USEC         (UINT64_C(60) * 1000000) /* who asked something may be silent */
#define SERVER_SLICE_USEC        4000 /* of steps, before the loop has its turn again */

/* End a connection; its place is free then. Not while its handler runs. */
static void server_drop(VarlinkPlace *p) {
        VarlinkServer *s = p->server;

        p->connection = connection_free(p->connection);
        --s->n_connections;
        /* There is a descriptor now. */
        s->accept_usec = s->accept_usec == LOOP_FOREVER ? LOOP_FOREVER : 0;
}

static int server_on_link(LoopWatch *w, uint32_t events) {
        VarlinkPlace *p = w->userdata;

        if (connection_move(p->connection, events) < 0)
                server_drop(p);
        return 0;
}

/*
 * Who is let in
 */

static size_t server_count(const VarlinkServer *s, uid_t uid) {
        size_t n = 0;

        for (size_t i = 0; i < VARLINK_CONNECTIONS_MAX; ++i)
                n += s->place[i].connection && s->place[i].connection->link.uid == uid;
        return n;
}

/* The uid, this one or one other than root, with the most connections; root goes before all. */
static uid_t server_most_uid(const VarlinkServer *s, uid_t uid) {
        size_t n_most = uid == 0 ? 0 : server_count(s, uid);
        uid_t most = uid;

        for (size_t i = 0; i < VARLINK_CONNECTIONS_MAX; ++i) {
                const VarlinkConnection *c = s->place[i].connection;
                size_t n;

                if (!c || c->link.uid == 0 || c->link.uid == most)
                        continue;
                n = server_count(s, c->link.uid);
                if (n > n_most) {
                        n_most = n;
                        most = c->link.uid;
                }
        }
        return most;
}

/* Who has never asked anything goes first, then who has been silent for the longest time. */
static bool server_is_dearer(const VarlinkConnection *a, const VarlinkConnection *b) {
        return a->has_asked != b->has_asked ? a->has_asked
                                            : a->link.active_usec > b->link.active_usec;
}

static bool server_may_drop(const VarlinkConnection *c, uint64_t now) {
        return connection_is_idle(c) &&
               (!c->has_asked || c->link.active_usec + SERVER_KEEP_USEC <= now);
}

/* Make room. */
static bool server_drop_idle(VarlinkServer *s, uid_t uid) {
        VarlinkPlace *least = NULL;
        uint64_t now = now_usec();

        for (VarlinkPlace *p = s->place; p < s->place + VARLINK_CONNECTIONS_MAX; ++p) {
                const VarlinkConnection *c = p->connection;

                if (c && c->link.uid == uid && server_may_drop(c, now) &&
                    (!least || server_is_dearer(least->connection, c)))
                        least = p;
        }
        if (!least)
                return false;
        server_drop(least);
        return true;
}

/* Return: whether there is room for one more of this uid, made if need be. */
static bool server_admit(VarlinkServer *s, uid_t uid) {
        size_t max = VARLINK_CONNECTIONS_MAX - (uid == 0 ? 0 : VARLINK_ROOT_KEPT);

        if (uid != 0 && server_count(s, uid) >= VARLINK_UID_MAX && !server_drop_idle(s, uid))
                return false;
        return s->n_connections < max || server_drop_idle(s, server_most_uid(s, uid)) ||
               server_drop_idle(s, uid);
}

static VarlinkPlace *server_free_place(VarlinkServer *s) {
        for (size_t i = 0; i < VARLINK_CONNECTIONS_MAX; ++i)
                if (!s->place[i].connection)
                        return &s->place[i];
        return NULL;
}

static void server_take_in(const VarlinkListener *l, int *fd) {
        VarlinkServer *s = l->server;
        LoopWatch watch = { .fd = *fd, .call = server_on_link };
        const int no = 0;
        VarlinkPlace *p;
        struct ucred who;
        socklen_t n = sizeof(who);

        if (getsockopt(*fd, SOL_SOCKET, SO_PEERCRED, &who, &n) < 0 || !server_admit(s, who.uid))
                return;
        /* Best effort; what comes all the same is closed. */
        (void)setsockopt(*fd, SOL_SOCKET, SO_PASSRIGHTS, &no, sizeof(no));
        p = server_free_place(s);
        assert(p); /* server_admit() */
        watch.userdata = p;
        if (connection_new(&s->share, &l->served, &watch, who.uid, &p->connection) < 0)
                return;
        (void)take_fd(fd);
        ++s->n_connections;
}

static int server_on_listen(LoopWatch *w, uint32_t events) {
        VarlinkListener *l = w->userdata;

        (void)events;
        for (unsigned i = 0; i < SERVER_ACCEPT_MAX; ++i) {
                _cleanup_close_ int fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

                if (fd >= 0) {
                        server_take_in(l, &fd);
                        continue;
                }
                if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
                        return 0;
                /* No descriptors, no memory: look away for a while, and do not spin. */
                l->server->accept_usec = now_usec() + SERVER_ACCEPT_RETRY_USEC;
                return error_trace(loop_watch(l->server->share.loop, w, 0));
        }
        return 0;
}

static int server_accept_again(VarlinkServer *s, uint64_t now_usec) {
        if (s->accept_usec > now_usec)
                return 0;
        s->accept_usec = LOOP_FOREVER;
        for (size_t i = 0; i < s->n_listeners; ++i) {
                int r = loop_watch(s->share.loop, &s->listener[i].watch, EPOLLIN);

                if (r < 0)
                        return error_trace(r);
        }
        return 0;
}

/*
 * Whose turn it is
 */

/* Only as many are resumed for room as there is room for: what they make would be made in vain. */
static bool server_gives_room(const VarlinkConnection *c, size_t *taken) {
        size_t room = link_room(&c->link), n = c->call.n_wanted;

        if (n == 0 || room < *taken || n > room - *taken)
                return false;
        *taken += n;
        return true;
}

static void server_look(VarlinkPlace *p, uint64_t now_usec, bool is_woken, size_t *taken) {
        VarlinkConnection *c = p->connection;
        bool is_late = connection_until(c) <= now_usec;

        if (connection_feed(c) < 0 || (is_late && (c->link.out.data || !c->call.is_open)))
                server_drop(p);
        else if (c->call.is_held)
                c->call.is_due |= is_late || is_woken || server_gives_room(c, taken);
}

static void server_look_at_all(VarlinkServer *s, uint64_t now_usec) {
        bool is_woken = s->is_woken;
        size_t taken = 0;

        /* What is freed or said from here on is for the next time. */
        s->is_woken = s->share.has_room = false;
        for (size_t k = 0; k < VARLINK_CONNECTIONS_MAX; ++k) {
                VarlinkPlace *p = &s->place[(s->turn[0] + k) % VARLINK_CONNECTIONS_MAX];

                if (p->connection)
                        server_look(p, now_usec, is_woken, &taken);
        }
}

/* One step each, from where the last round ended, until the slice is over. */
static void server_round(VarlinkServer *s, bool is_small, uint64_t now) {
        uint64_t end_usec = now_usec() + SERVER_SLICE_USEC;
        size_t first = s->turn[is_small];

        for (size_t k = 0; k < VARLINK_CONNECTIONS_MAX; ++k) {
                size_t i = (first + k) % VARLINK_CONNECTIONS_MAX;
                VarlinkConnection *c = s->place[i].connection;

                if (!c || c->link.is_small != is_small || !connection_has_work(c))
                        continue;
                s->turn[is_small] = i + 1;
                if (connection_step(c, now) < 0)
                        server_drop(&s->place[i]);
                if (now_usec() >= end_usec)
                        break;
        }
}

/**
 * varlink_server_run() - do what is due; once in each turn of the loop
 * @s:              the server; not in one of its handlers
 * @now_usec:       now
 * @ret_until_usec: when to call it again, though nothing is ready: for loop_turn(). 0: do not wait.
 *                  LOOP_FOREVER: no such time
 *
 * All handlers are called from here. It ends after a few milliseconds, or after one step of each
 * connection, and goes on where it was the next time.
 *
 * Return: 0; or a negative errno, when the listening sockets cannot be watched any more.
 */
int varlink_server_run(VarlinkServer *s, uint64_t now_usec, uint64_t *ret_until_usec) {
        uint64_t until;
        int r;

        server_look_at_all(s, now_usec);
        server_round(s, true, now_usec);
        server_round(s, false, now_usec);
        r = server_accept_again(s, now_usec);
        if (r < 0)
                return error_trace(r);
        until = s->is_woken || s->share.has_room ? 0 : s->accept_usec;
        for (size_t i = 0; i < VARLINK_CONNECTIONS_MAX && until > 0; ++i) {
                const VarlinkConnection *c = s->place[i].connection;

                if (c)
                        until = connection_has_work(c) ? 0 : MIN_OF(until, connection_until(c));
        }
        *ret_until_usec = until;
        return 0;
}

/**
 * varlink_server_wake() - something changed: resume each held call with the next run
 * @s: the server; in a handler, too
 */
void varlink_server_wake(VarlinkServer *s) {
        s->is_woken = true;
}

/*
 * Beginning and end
 */

static bool server_option_is(int fd, int option, int want) {
        socklen_t n = sizeof(int);
        int value = -1;

        return getsockopt(fd, SOL_SOCKET, option, &value, &n) == 0 && value == want;
}

/**
 * varlink_server_listen() - let clients in
 * @s:      the server
 * @socket: what is served there; stays as long as the server
 * @fd:     a listening AF_UNIX stream socket; taken over on success. Whoever may connect is a
 * client
 *
 * Return: 0; -EINVAL: it is no such socket; -ENOBUFS: there are eight already; another negative
 *         errno.
 */
int varlink_server_listen(VarlinkServer *s, const VarlinkSocket *socket, int *fd) {
        VarlinkListener *l = &s->listener[s->n_listeners];
        int flags = fcntl(*fd, F_GETFL), r;

        if (s->n_listeners == SERVER_SOCKETS_MAX)
                return error_origin(-ENOBUFS);
        if (flags < 0)
                return error_origin(negative_errno());
        if (!server_option_is(*fd, SO_DOMAIN, AF_UNIX) ||
            !server_option_is(*fd, SO_TYPE, SOCK_STREAM) ||
            !server_option_is(*fd, SO_ACCEPTCONN, 1))
                return error_origin(-EINVAL);
        if (fcntl(*fd, F_SETFL, flags | O_NONBLOCK) < 0 || fcntl(*fd, F_SETFD, FD_CLOEXEC) < 0)
                return error_origin(negative_errno());
        *l = (VarlinkListener){
                .server = s,
                .watch = { .fd = *fd, .call = server_on_listen, .userdata = l },
                .served = { .socket = socket, .info = &s->info, .userdata = s->userdata },
        };
        r = loop_watch(s->share.loop, &l->watch, EPOLLIN);
        if (r < 0)
                return error_trace(r);
        (void)take_fd(fd);
        ++s->n_listeners;
        return 0;
}

/**
 * varlink_server_new() - a server that listens nowhere yet
 * @loop:       borrowed
 * @info:       what org.varlink.service.GetInfo says; its texts are constants
 * @userdata:   of all handlers
 * @ret_server: to be freed with varlink_server_free(), before the loop; set on success only
 *
 * Return: 0 or -ENOMEM.
 */
int varlink_server_new(Loop *loop, const VarlinkInfo *info, void *userdata,
                       VarlinkServer **ret_server) {
        VarlinkServer *s = calloc(1, sizeof(*s));

        if (!s)
                return error_origin(-ENOMEM);
        s->share.loop = loop;
        s->info = *info;
        s->userdata = userdata;
        s->accept_usec = LOOP_FOREVER;
        for (size_t i = 0; i < VARLINK_CONNECTIONS_MAX; ++i)
                s->place[i].server = s;
        *ret_server = s;
        return 0;
}

/**
 * varlink_server_free() - end all connections and close the sockets; their files stay
 * @s: the server or NULL; not in a handler
 *
 * Return: NULL.
 */
VarlinkServer *varlink_server_free(VarlinkServer *s) {
        if (!s)
                return NULL;
        for (size_t i = 0; i < VARLINK_CONNECTIONS_MAX; ++i)
                connection_free(s->place[i].connection);
        for (size_t i = 0; i < s->n_listeners; ++i) {
                loop_forget(s->share.loop, &s->listener[i].watch);
                closep(&s->listener[i].watch.fd);
        }
        free(s);
        return NULL;
}
