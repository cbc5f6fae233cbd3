/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * connection.h -- a link, and the call that is under way on it.
 *
 * It is read only while there is no call and no reply under way: what a client sends meanwhile
 * stays in its socket.
 */
#pragma once

#include "varlink/call-internal.h"

typedef struct VarlinkConnection {
        VarlinkLink link;
        VarlinkCall call;
        bool has_asked; /* it has made a call */
} VarlinkConnection;

int connection_new(VarlinkShare *share, const VarlinkServed *served, const LoopWatch *watch,
                   uid_t uid, VarlinkConnection **ret_connection);
VarlinkConnection *connection_free(VarlinkConnection *c);
int connection_move(VarlinkConnection *c, uint32_t events);
int connection_feed(VarlinkConnection *c);
bool connection_has_work(const VarlinkConnection *c);
int connection_step(VarlinkConnection *c, uint64_t now_usec);
bool connection_is_idle(const VarlinkConnection *c);
uint64_t connection_until(const VarlinkConnection *c);
