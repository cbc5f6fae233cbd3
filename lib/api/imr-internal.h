/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * imr-internal.h -- what the files of libimareplay share: the inside of a record.
 */
#pragma once

#include "core/mlist.h"
#include "imareplay.h"

/* Algorithm of the digests in the lists that the library reads. */
#define IMR_LIST_ALG DIGEST_SHA1

struct ImrRecord {
        MlistRecord record; /* borrows from the list's buffer */
        uint64_t position;
        Hasher *hasher; /* of IMR_LIST_ALG, borrowed from the list */
};
