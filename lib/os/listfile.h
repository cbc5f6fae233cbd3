/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * listfile.h -- a measurement list in a file, record by record.
 *
 * listfile_new() reads the binary list of one algorithm, as a daemon must; listfile_new_any() finds
 * out what it is: binary or text, either byte order, any algorithm.
 *
 * The list may grow while it is read, as the kernel's does: after END or CUT a later call goes on
 * where this one stopped. The file is only ever read forward; the kernel pays for each seek by
 * rendering everything before it. Memory: one buffer, never more than one record needs.
 */
#pragma once

#include "core/mlist-ascii.h"

enum {
        _LISTFILE_E_SUCCESS,
        LISTFILE_E_END,    /* no byte behind the last record, for now */
        LISTFILE_E_CUT,    /* the file ends inside a record, for now */
        LISTFILE_E_BROKEN, /* malformed, or beyond a limit: nothing more can be read */
        LISTFILE_E_LOSSY,  /* a line whose bytes are not certain, see listfile_lossy(); a further
                            * call goes on behind it; only with listfile_new_any() */
};

typedef struct ListFile ListFile;

typedef enum ListFileKind {
        LISTFILE_UNKNOWN, /* nothing was read yet that tells */
        LISTFILE_BINARY,
        LISTFILE_ASCII,
} ListFileKind;

int listfile_new(int fd, DigestAlg alg, ListFile **ret_list);
int listfile_new_any(int fd, const DigestAlg *only, ListFile **ret_list);
ListFile *listfile_free(ListFile *l);
DEFINE_CLEANUP(ListFile, listfile_free);
int listfile_detect(ListFile *l);
int listfile_next(ListFile *l, MlistRecord *ret_record);
const MlistRecord *listfile_lossy(const ListFile *l);
ListFileKind listfile_kind(const ListFile *l);
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
