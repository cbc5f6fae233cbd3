/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * listfile.h -- a binary measurement list in a file, record by record.
 *
 * The list may grow while it is read, as the kernel's does: after END or CUT a later call goes on
 * where this one stopped. The file is only ever read forward; the kernel pays for each seek by
 * rendering everything before it. Memory: one buffer, never more than one record needs.
 */
#pragma once

#include "core/mlist.h"

enum {
        _LISTFILE_E_SUCCESS,
        LISTFILE_E_END,    /* no byte behind the last record, for now */
        LISTFILE_E_CUT,    /* the file ends inside a record, for now */
        LISTFILE_E_BROKEN, /* malformed, or beyond a limit: nothing more can be read */
};

typedef struct ListFile ListFile;

int listfile_new(int fd, DigestAlg alg, ListFile **ret_list);
ListFile *listfile_free(ListFile *l);
DEFINE_CLEANUP(ListFile, listfile_free);
int listfile_next(ListFile *l, MlistRecord *ret_record);
const MlistForm *listfile_form(const ListFile *l);
Hasher *listfile_hasher(ListFile *l);

/* Where the list stands: for messages, and for the record that the last call gave or refused. */
typedef struct ListFilePlace {
        uint64_t n_records; /* given so far */
        uint64_t offset;    /* of the first byte not given, from the start of the file */
        uint64_t n_left;    /* bytes read behind it */
        MlistError error;   /* of LISTFILE_E_BROKEN; its `at` counts from offset */
} ListFilePlace;

ListFilePlace listfile_place(const ListFile *l);
void listfile_explain(const ListFile *l, int outcome, char *ret_text, size_t max);
