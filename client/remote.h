/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * remote.h -- the service, as the verbs ask it.
 *
 * What it says is as foreign as a list: text is brought into the one escaped form before it is
 * shown (rule I14), and JSON is printed with every harmful character escaped.
 */
#pragma once

#include "client/ctl.h"
#include "varlink/client.h"

#define REMOTE_STATUS "org.imareplay.status"
#define REMOTE_REPLAY "org.imareplay.replay"

/* How long an answer may take that needs no work, and one for which the list is replayed. */
#define REMOTE_PATIENCE_USEC (UINT64_C(20) * 1000000)
#define REMOTE_VERIFY_USEC   (UINT64_C(120) * 1000000)

typedef struct Remote {
        VarlinkClient *client;
        char *path; /* for messages */
} Remote;

enum {
        _REMOTE_E_SUCCESS,
        REMOTE_E_FAILED, /* after a message */
        REMOTE_E_DENIED, /* remote_try() only: it is there, for others */
        REMOTE_E_TIME,   /* nothing came until then */
};

int remote_open(const CtlOptions *o, const char *name, Remote *ret_remote);
int remote_try(const CtlOptions *o, const char *name, Remote *ret_remote);
void remote_close(Remote *r);

int remote_send(Remote *r, const char *method, Json **parameters, bool more);
int remote_receive(Remote *r, uint64_t until_usec, VarlinkReply *ret_reply);
int remote_next(Remote *r, uint64_t patience_usec, VarlinkReply *ret_reply);
int remote_call(Remote *r, const char *method, Json **parameters, uint64_t patience_usec,
                VarlinkReply *ret_reply);
int remote_error(const VarlinkReply *reply);
int remote_misfit(const Remote *r, const char *what);

#define REMOTE_CODE_MAX      4U                          /* bytes of a character, RFC 3629 */
#define REMOTE_CHARACTER_MAX (4U * REMOTE_CODE_MAX + 1U) /* escaped, with a NUL */

int remote_text(Bytes in, char **ret_text);
bool remote_take(Bytes *in, char ret_text[static REMOTE_CHARACTER_MAX]);
void remote_put(FILE *f, Bytes in);
int remote_raw(Bytes in, uint8_t **ret_data, size_t *ret_n);
int remote_print_json(Json *j, JsonForm form, bool is_sequence);
