/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * call-internal.h -- a call as its connection sees it.
 */
#pragma once

#include "varlink/call.h"
#include "varlink/link.h"

/* What is served at a socket. */
typedef struct VarlinkServed {
        const VarlinkSocket *socket;
        const VarlinkInfo *info;
        void *userdata; /* of all handlers */
} VarlinkServed;

struct VarlinkCall {
        VarlinkLink *link;
        const VarlinkServed *served;
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

VarlinkCall call_of(VarlinkLink *link, const VarlinkServed *served);
/* A negative errno ends the connection. */
int call_begin(VarlinkCall *c, Bytes message);
int call_resume(VarlinkCall *c, uint64_t now_usec);
void call_deinit(VarlinkCall *c);
