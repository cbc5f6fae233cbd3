/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * server.h -- a Varlink server (UAPI.20) over AF_UNIX stream sockets, in the one loop of the house.
 *
 * A socket has a set of interfaces; who may connect to it is decided by its mode. A method answers
 * at once, or holds its call: then `resume` is called again whenever there may be something to do,
 * and never while a reply of that connection still waits to be taken. So a slow reader costs one
 * queued reply, and a stream is made as fast as it is read.
 *
 * What breaks the protocol ends the connection; nothing that a client does is an error here.
 */
#pragma once

#include <sys/types.h>

#include "os/loop.h"
#include "varlink/json.h"

#define VARLINK_CONNECTIONS_MAX 512U
#define VARLINK_UID_MAX         320U /* of them, of one uid other than 0 */
#define VARLINK_ROOT_KEPT       8U   /* of them, kept for uid 0 */
#define VARLINK_REQUEST_MAX     (64U << 10)
#define VARLINK_REQUEST_USEC    (UINT64_C(5) * 1000000) /* from its first byte to its last */
#define VARLINK_REQUESTS_MAX    (4U << 20) /* of what is not complete in all, beyond 4 KiB each */
#define VARLINK_DRAIN_USEC      (UINT64_C(30) * 1000000) /* for a reply to be taken */
#define VARLINK_DEPTH_MAX       16
#define VARLINK_REPLY_MAX       (256U << 10)
#define VARLINK_REPLY_LARGE_MAX (2U << 20)  /* one large record, or a firmware list */
#define VARLINK_QUEUED_MAX      (16U << 20) /* of all connections */
#define VARLINK_QUEUED_KEPT     (1U << 20)  /* of them, kept for sockets that are `is_small` */

typedef struct VarlinkServer VarlinkServer;
typedef struct VarlinkCall VarlinkCall; /* a request that is not answered to its end */

/* Answers, or holds the call. Return: 0, or a negative errno, which ends the connection. */
typedef int VarlinkHandler(VarlinkCall *c, void *userdata);

typedef struct VarlinkMethod {
        const char *name; /* as "GetStatus" */
        VarlinkHandler *call;
} VarlinkMethod;

typedef struct VarlinkInterface {
        const char *name;        /* as "org.imareplay.status" */
        const char *description; /* the text of its .varlink file */
        const VarlinkMethod *methods;
        size_t n_methods;
} VarlinkInterface;

/* What org.varlink.service.GetInfo says. */
typedef struct VarlinkInfo {
        const char *vendor, *product, *version, *url;
} VarlinkInfo;

/* A listening socket and what it serves; org.varlink.service is always among it. Borrowed. */
typedef struct VarlinkSocket {
        const VarlinkInterface *const *interfaces;
        size_t n_interfaces;
        bool is_small; /* replies are small, and never wait for those of other sockets */
} VarlinkSocket;

int varlink_server_new(Loop *loop, const VarlinkInfo *info, void *userdata,
                       VarlinkServer **ret_server);
VarlinkServer *varlink_server_free(VarlinkServer *s);
DEFINE_CLEANUP(VarlinkServer, varlink_server_free);
int varlink_server_listen(VarlinkServer *s, const VarlinkSocket *socket, int *fd);

/* Once a turn of the loop: what is due is done; `ret_until_usec` is when something is due next. */
int varlink_server_run(VarlinkServer *s, uint64_t now_usec, uint64_t *ret_until_usec);
/* Something changed: each held call is resumed with the next varlink_server_run(). */
void varlink_server_wake(VarlinkServer *s);

/*
 * In a handler. `parameters` is taken over and NULL afterwards, whatever the result; a NULL inside
 * is an empty object. After the last reply, or an error, the call is gone.
 */
enum {
        _VARLINK_E_SUCCESS,
        VARLINK_E_NO_ROOM, /* too much is queued for others: hold, and make it again when resumed */
        VARLINK_E_TOO_LARGE, /* this reply is larger than a reply may be; nothing was sent */
};

/* An object; never NULL. Only in the handler: what a held call needs, its state keeps. */
const Json *varlink_call_parameters(const VarlinkCall *c);
bool varlink_call_wants_more(const VarlinkCall *c);
uid_t varlink_call_uid(const VarlinkCall *c);
int varlink_reply(VarlinkCall *c, Json **parameters);
int varlink_reply_fd(VarlinkCall *c, Json **parameters, int *fd); /* the fd is taken over, too */
int varlink_reply_continue(VarlinkCall *c, Json **parameters);    /* only if it wants more */
int varlink_error(VarlinkCall *c, const char *name, Json **parameters);
int varlink_error_invalid(VarlinkCall *c, const char *parameter); /* ...InvalidParameter */
int varlink_error_expected_more(VarlinkCall *c);

/*
 * Hold the call. `resume` is called when the reply before is taken, after varlink_server_wake(),
 * and at `until_usec`, once (LOOP_FOREVER: no such time); it replies, or does nothing. `free` is
 * called once, whatever ends the call. In `resume`, varlink_call_hold() only sets another time.
 */
typedef struct VarlinkHold {
        int (*resume)(VarlinkCall *c, void *state, uint64_t now_usec);
        void (*free)(void *state);
} VarlinkHold;

void varlink_call_hold(VarlinkCall *c, const VarlinkHold *hold, void *state, uint64_t until_usec);
