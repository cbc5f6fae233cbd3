/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * call.h -- a call of a method: what a handler gets, and what it may do with it.
 *
 * A method answers at once, or holds its call: then `resume` is called again whenever there may be
 * something to do, and never while a reply of that connection still waits to be taken. So a slow
 * reader costs one queued reply, and a stream is made as fast as it is read.
 */
#pragma once

#include <sys/types.h>

#include "os/loop.h"
#include "varlink/json.h"

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
