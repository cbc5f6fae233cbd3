/* SPDX-License-Identifier: BSD-2-Clause */
#include "varlink/connection.h"

#include "base/error.h"

static bool connection_wants_input(const VarlinkConnection *c) {
        return !c->call.is_open && link_wants_input(&c->link);
}

/* Return: 0, or a negative errno: it cannot be watched. */
static int connection_watch(VarlinkConnection *c) {
        return error_trace(link_watch(&c->link, connection_wants_input(c)));
}

/**
 * connection_move() - move bytes; in a callback of the loop
 * @c:      the connection
 * @events: that the loop saw
 *
 * Return: 0, or a negative errno: end it.
 */
int connection_move(VarlinkConnection *c, uint32_t events) {
        int r = 0;

        if ((events & (EPOLLHUP | EPOLLERR)) != 0)
                return -ECONNRESET;
        if ((events & EPOLLOUT) != 0 && c->link.out.data) {
                r = link_flush(&c->link);
                if (r == 0 && !c->link.out.data)
                        c->call.is_due = c->call.is_open;
        }
        if (r == 0 && (events & EPOLLIN) != 0 && connection_wants_input(c))
                r = link_fill(&c->link);
        return r < 0 ? r : connection_watch(c);
}

/**
 * connection_feed() - one that was starved may be read again, if there is room now
 * @c: the connection
 *
 * Return: 0, or a negative errno: end it.
 */
int connection_feed(VarlinkConnection *c) {
        return link_feed(&c->link) ? connection_watch(c) : 0;
}

/* Return: 0, or a negative errno: the connection ends. */
static int connection_take(VarlinkConnection *c, uint64_t now_usec) {
        Bytes message;
        int r;

        r = link_take(&c->link, now_usec, &message);
        if (r != 0)
                return r < 0 ? r : 0; /* what is missing will come */
        r = call_begin(&c->call, message);
        c->has_asked = r == 0;
        link_trim(&c->link);
        return r;
}

/**
 * connection_has_work() - is there something to do that waits for nothing?
 * @c: the connection
 *
 * Return: whether there is.
 */
bool connection_has_work(const VarlinkConnection *c) {
        if (c->link.out.data)
                return false;
        return c->call.is_open ? c->call.is_due : c->link.is_ready;
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
        if (r == 0 && c->link.is_broken)
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
        return c->link.out.data || !c->call.is_open ? link_until(&c->link) : c->call.until_usec;
}

/**
 * connection_is_idle() - would nobody miss it?
 * @c: the connection
 *
 * Return: whether nothing is under way.
 */
bool connection_is_idle(const VarlinkConnection *c) {
        return !c->call.is_open && link_is_idle(&c->link);
}

/**
 * connection_new() - begin to listen to a client
 * @share:          of all connections; borrowed
 * @served:         at the socket where it came in; borrowed
 * @watch:          as of link_of(); its fd is taken over on success
 * @uid:            who it is
 * @ret_connection: to be freed with connection_free(); set on success only
 *
 * Return: 0, -ENOMEM, or another negative errno: it cannot be watched.
 */
int connection_new(VarlinkShare *share, const VarlinkServed *served, const LoopWatch *watch,
                   uid_t uid, VarlinkConnection **ret_connection) {
        _cleanup_free_ VarlinkConnection *c = calloc(1, sizeof(*c));
        int r;

        if (!c)
                return error_origin(-ENOMEM);
        c->link = link_of(share, watch, uid, served->socket->is_small);
        c->call = call_of(&c->link, served);
        r = connection_watch(c);
        if (r < 0)
                return error_trace(r);
        *ret_connection = TAKE(c);
        return 0;
}

/**
 * connection_free() - end it
 * @c: the connection or NULL; not while its handler runs
 *
 * Return: NULL.
 */
VarlinkConnection *connection_free(VarlinkConnection *c) {
        if (!c)
                return NULL;
        call_deinit(&c->call);
        link_deinit(&c->link);
        free(c);
        return NULL;
}
