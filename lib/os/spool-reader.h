/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spool-reader.h -- reads records from the spool's files, for whoever serves them.
 *
 * It has two descriptors and the lengths that the extender announced, and believes nothing of what
 * is in the files: a record that is not exactly one between its offset and the next, or that has
 * not the digest that it claims, is BAD, and so are files shorter than announced. Never is one of
 * these taken for the end of the list. What is read is the bytes themselves: whoever hashes and
 * serves them has the same (rule I9).
 *
 * One window of fixed size for any number of lists; it grows for a large record and shrinks again.
 */
#pragma once

#include "core/mlist.h"
#include "os/spool.h"

/* What was announced; descriptors are borrowed. */
typedef struct SpoolExtent {
        int list_fd, index_fd; /* -1: there are no files */
        uint64_t n_records;
        uint64_t n_bytes; /* in `list` */
} SpoolExtent;

/* Slices borrow from the reader until its next call. */
typedef struct SpoolRecord {
        MlistRecord record;
        SpoolRow row;
} SpoolRecord;

enum {
        _SPOOL_READER_E_SUCCESS,
        SPOOL_READER_E_END, /* behind the last record that was announced */
        SPOOL_READER_E_BAD, /* the files do not hold what was announced */
};

typedef struct SpoolReader SpoolReader;

int spool_reader_new(SpoolReader **ret_reader);
SpoolReader *spool_reader_free(SpoolReader *r);
DEFINE_CLEANUP(SpoolReader, spool_reader_free);
void spool_reader_use(SpoolReader *r, const SpoolExtent *extent);
int spool_reader_order(SpoolReader *r, ByteOrder *ret_order);
int spool_reader_get(SpoolReader *r, uint64_t position, SpoolRecord *ret_record);
