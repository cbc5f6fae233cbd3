/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * remote-list.h -- the list as the service has it: record by record, or as bytes.
 */
#pragma once

#include "client/input.h"
#include "client/remote.h"

/* Text is borrowed from the reply, and as it came. */
typedef struct RemoteRecord {
        JsonU64 position, pcr, seen_usec, extended_usec;
        JsonBool violation;
        Bytes template, name, file_digest;
        const Json *digests;
} RemoteRecord;

typedef struct RemoteList {
        const CtlOptions *o;
        JsonU64 next, end; /* of the last reply */
} RemoteList;

/* Return: 0: go on; positive: that is enough; a negative errno. */
typedef int RemoteRecordCall(const RemoteRecord *record, void *userdata);

int remote_read_list(const CtlOptions *o, Remote *remote, RemoteList *l, RemoteRecordCall *call,
                     void *userdata);
int remote_open_list(const CtlOptions *o, ListInput *ret_input);
