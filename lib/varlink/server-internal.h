/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * server-internal.h -- what the files of the server share:
 *   server.c       sockets, who is let in, and whose turn it is
 *   connection.c   bytes of one connection, in and out, and their deadlines
 *   server-call.c  a message becomes a call; replies; org.varlink.service
 *
 * Nothing is answered in a callback of the loop: these only move bytes. Handlers run in
 * varlink_server_run(), one step of a connection after the other, so that who waits for a small
 * reply does not wait for all the large ones.
 */
#pragma once

#include "varlink/frame.h"
#include "varlink/server.h"

#define SERVER_SOCKETS_MAX 8U
#define SERVER_REPLY_SMALL 2048U /* an error or so: always has room; VARLINK_QUEUED_KEPT in all */
#define SERVER_SLICE_USEC  4000  /* of steps, before the loop has its turn again */

typedef struct VarlinkConnection VarlinkConnection;

struct VarlinkCall {
        VarlinkConnection *connection;
        Json *message; /* owner of `parameters`; only while the handler itself runs */
        const Json *parameters;
        bool is_open; /* there is a call; the rest means something only then */
        bool wants_more, is_oneway;
        bool is_answered; /* by its last reply, or an error */
        bool is_held;     /* it has `hold`, `state` and `until_usec` */
        bool is_due;      /* to be resumed */
        size_t n_wanted;  /* bytes of a reply that had no room in VARLINK_QUEUED_MAX; 0: none */
        VarlinkHold hold;
        void *state;
        uint64_t until_usec;
};

/* A reply, or its rest, that the socket has not taken. */
typedef struct VarlinkOut {
        uint8_t *data; /* NULL: there is none */
        size_t size, sent;
        int fd; /* goes with the first byte; -1: none */
        uint64_t until_usec;
} VarlinkOut;

typedef struct VarlinkListener {
        VarlinkServer *server;
        LoopWatch watch; /* its fd is owned; parked while there are no descriptors */
        const VarlinkSocket *socket;
} VarlinkListener;

struct VarlinkConnection {
        VarlinkServer *server;
        const VarlinkSocket *socket;
        LoopWatch watch; /* its fd is owned */
        uid_t uid;
        uint64_t active_usec; /* when something last came or went */
        bool has_asked;       /* it has made a call */
        Frame in;
        bool is_ready;          /* there may be a message in `in` */
        bool is_starved;        /* `in` may not grow now */
        bool is_broken;         /* to be ended after the handler */
        uint64_t in_until_usec; /* when what has begun must have come; LOOP_FOREVER: nothing has */
        VarlinkOut out;
        VarlinkCall call;
};

struct VarlinkServer {
        Loop *loop;
        VarlinkInfo info;
        void *userdata;
        VarlinkListener listener[SERVER_SOCKETS_MAX];
        size_t n_listeners;
        uint64_t accept_usec; /* when to try again; LOOP_FOREVER: none is parked */
        VarlinkConnection *connection[VARLINK_CONNECTIONS_MAX]; /* NULL: free */
        size_t n_connections;
        size_t turn[2];              /* where the next round begins: of small sockets, of others */
        size_t n_queued, n_requests; /* bytes */
        bool is_woken;
        bool has_room; /* some was freed, and somebody may have waited for it */
};

/* server.c */
size_t server_queue_room(const VarlinkServer *s, const VarlinkSocket *socket);

/* connection.c */
int connection_new(VarlinkServer *s, const VarlinkSocket *socket, int *fd, uid_t uid,
                   VarlinkConnection **ret_connection);
VarlinkConnection *connection_free(VarlinkConnection *c);
bool connection_is_idle(const VarlinkConnection *c);
bool connection_has_work(const VarlinkConnection *c);
uint64_t connection_until(const VarlinkConnection *c);
int connection_put(VarlinkConnection *c, Bytes text, int *fd);
int connection_step(VarlinkConnection *c, uint64_t now_usec);
int connection_feed(VarlinkConnection *c);

/* server-call.c; a negative errno ends the connection */
int call_begin(VarlinkCall *c, Bytes message);
int call_resume(VarlinkCall *c, uint64_t now_usec);
void call_deinit(VarlinkCall *c);
