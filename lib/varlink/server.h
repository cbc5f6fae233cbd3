/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * server.h -- a Varlink server (UAPI.20) over AF_UNIX stream sockets, in the one loop of the house.
 *
 * A socket has a set of interfaces; who may connect to it is decided by its mode.
 *
 * What breaks the protocol ends the connection; nothing that a client does is an error here.
 */
#pragma once

#include "os/loop.h"
#include "varlink/call.h"
#include "varlink/limits.h"

typedef struct VarlinkServer VarlinkServer;

int varlink_server_new(Loop *loop, const VarlinkInfo *info, void *userdata,
                       VarlinkServer **ret_server);
VarlinkServer *varlink_server_free(VarlinkServer *s);
DEFINE_CLEANUP(VarlinkServer, varlink_server_free);
int varlink_server_listen(VarlinkServer *s, const VarlinkSocket *socket, int *fd);

/* Once a turn of the loop: what is due is done; `ret_until_usec` is when something is due next. */
int varlink_server_run(VarlinkServer *s, uint64_t now_usec, uint64_t *ret_until_usec);
/* Something changed: each held call is resumed with the next varlink_server_run(). */
void varlink_server_wake(VarlinkServer *s);
