/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * client.h -- calls a Varlink service over an AF_UNIX stream socket. Blocks, with a deadline.
 */
#pragma once

#include "os/loop.h"
#include "varlink/json.h"

#define VARLINK_MESSAGE_MAX (16U << 20) /* UAPI.20: no message is larger */

typedef struct VarlinkClient VarlinkClient;

typedef struct VarlinkReply {
        Json *parameters;  /* an object; owned by who got the reply */
        const char *error; /* name of the error, until the next call; NULL: none */
        bool continues;    /* another one follows */
        int fd;            /* sent along, owned by who got the reply; -1: none */
} VarlinkReply;

enum {
        _VARLINK_CLIENT_E_SUCCESS,
        VARLINK_CLIENT_E_TIME,      /* nothing came until the deadline: ask again, or give up */
        VARLINK_CLIENT_E_GONE,      /* nobody listens, or the other side has closed */
        VARLINK_CLIENT_E_MALFORMED, /* it speaks nonsense */
};

int varlink_client_new(int dir_fd, const char *name, VarlinkClient **ret_client);
VarlinkClient *varlink_client_free(VarlinkClient *c);
DEFINE_CLEANUP(VarlinkClient, varlink_client_free);
int varlink_client_fd(const VarlinkClient *c);
int varlink_client_send(VarlinkClient *c, const char *method, Json **parameters, bool more);
int varlink_client_receive(VarlinkClient *c, uint64_t until_usec, VarlinkReply *ret_reply);
void varlink_reply_deinit(VarlinkReply *r); /* also as _cleanup_() */
