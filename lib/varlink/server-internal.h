/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * server-internal.h -- the inside of the server. Bottom up, each knows only those before it:
 *   limits.h    what clients may have
 *   frame       bytes become messages
 *   link        bytes of one client, in and out, and their deadlines
 *   call        a message becomes a call; replies; org.varlink.service
 *   connection  a link and the call on it, one step after the other
 *   server      sockets, who is let in, and whose turn it is
 *
 * Nothing is answered in a callback of the loop: these only move bytes. Handlers run in
 * varlink_server_run(), one step of a connection after the other, so that who waits for a small
 * reply does not wait for all the large ones.
 */
#pragma once

#include "varlink/connection.h"
#include "varlink/server.h"

#define SERVER_SOCKETS_MAX 8U

typedef struct VarlinkListener {
        VarlinkServer *server;
        LoopWatch watch; /* its fd is owned; parked while there are no descriptors */
        VarlinkServed served;
} VarlinkListener;

/* For a connection. */
typedef struct VarlinkPlace {
        VarlinkServer *server;
        VarlinkConnection *connection; /* NULL: free */
} VarlinkPlace;

struct VarlinkServer {
        VarlinkShare share;
        VarlinkInfo info;
        void *userdata;
        VarlinkListener listener[SERVER_SOCKETS_MAX];
        size_t n_listeners;
        uint64_t accept_usec; /* when to try again; LOOP_FOREVER: none is parked */
        VarlinkPlace place[VARLINK_CONNECTIONS_MAX];
        size_t n_connections;
        size_t turn[2]; /* where the next round begins: of small sockets, of others */
        bool is_woken;
};
