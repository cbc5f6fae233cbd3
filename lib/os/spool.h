/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spool.h -- our copy of the list's bytes, and when each record was seen and extended.
 *
 * /run/ima-replay/list holds the records as the kernel gave them, one behind the other;
 * /run/ima-replay/index one row of 24 bytes a record. Both are appended to by the extender alone
 * and read by others up to a length that it announces. Never truncated in place: what turns out to
 * be wrong is replaced by new files (rename), so that a reader's descriptor stays what it was.
 *
 * A copy, not a truth: nothing is decided from it, but for the head of a list that was trimmed, and
 * that only as far as the TPM proves it (source.h). Where it is full or cannot be written, it
 * stops, and extending goes on.
 */
#pragma once

#include "base/bytes.h"
#include "core/mlist.h"
#include "os/listfile.h"
#include "os/root.h"

#define SPOOL_MAX_DEFAULT (UINT64_C(64) << 20)
#define SPOOL_ROW_SIZE    24U

/* One row of the index, little-endian on disk. Times are CLOCK_BOOTTIME in microseconds. */
typedef struct SpoolRow {
        uint64_t offset;        /* of the record in `list` */
        uint64_t seen_usec;     /* by a daemon, not by the kernel */
        uint64_t extended_usec; /* 0: not by us, or not yet */
} SpoolRow;

typedef enum SpoolTrouble {
        SPOOL_FINE,
        SPOOL_OFF,    /* SpoolMax=0 */
        SPOOL_FULL,   /* the limit is reached, or the file system is full */
        SPOOL_FAILED, /* it cannot be written */
        _SPOOL_TROUBLE_N,
} SpoolTrouble;

typedef struct SpoolFacts {
        uint64_t n_records; /* that passed in this process and are in both files: what may be
                             * announced */
        uint64_t size;      /* bytes of both files that these take */
        uint64_t n_bytes;   /* of them in `list` */
        uint64_t limit;
        uint64_t generation; /* another one: other files; descriptors shared before show the old */
        SpoolTrouble trouble;
        int error; /* errno of SPOOL_FAILED and of a full file system, else 0 */
} SpoolFacts;

/* The whole records in both files; those of a daemon before us too, compared or not. */
typedef struct SpoolHeld {
        uint64_t n_records;
        uint64_t n_bytes; /* in `list` */
} SpoolHeld;

enum {
        _SPOOL_E_SUCCESS,
        SPOOL_E_GONE, /* not held, or somebody took it away */
};

typedef struct Spool Spool;

int spool_open(const Root *root, uint64_t limit, Spool **ret_spool);
Spool *spool_free(Spool *s);
DEFINE_CLEANUP(Spool, spool_free);

/* Record i (from 0) passes: it is compared with the copy, or appended to it. */
int spool_pass(Spool *s, uint64_t i, Bytes record, uint64_t seen_usec);
void spool_extended(Spool *s, uint64_t i, uint64_t extended_usec);

/* What a daemon before us has left: n whole records, not compared with anything then. */
uint64_t spool_n_inherited(const Spool *s);
SpoolHeld spool_held(const Spool *s);
int spool_read(const Spool *s, uint64_t offset, void *ret_data, size_t n);
int spool_row(const Spool *s, uint64_t i, SpoolRow *ret_row);
int spool_open_list(const Spool *s, int *ret_fd); /* a fresh O_RDONLY fd that stands at record 0 */

SpoolFacts spool_facts(const Spool *s);
int spool_share(const Spool *s, int *ret_list_fd, int *ret_index_fd);

/*
 * spool-align.c: with which of the held records does the kernel's list begin? A kernel repeats
 * violations (any user can cause one, again and again) and nothing else: where a record stands that
 * is no violation, and that we hold once, there stands ours.
 */
typedef struct SpoolMark {
        uint64_t i;      /* number of the record */
        uint64_t offset; /* in `list` */
        size_t n;        /* its bytes */
        uint8_t digest[20];
} SpoolMark;

/* Where we stand in `list`, and what was read ahead. */
typedef struct SpoolCursor {
        const Spool *spool;
        uint64_t offset;
        uint64_t at; /* of the bytes in data */
        size_t n;
        uint8_t data[16384];
} SpoolCursor;

bool spool_goes_on(SpoolCursor *c, Bytes bytes);
bool spool_equal(const Spool *s, uint64_t offset, Bytes bytes);
SpoolMark spool_mark_of(const MlistRecord *record, uint64_t i, uint64_t offset);
bool spool_is_marked(const Spool *s, const SpoolMark *mark, const MlistRecord *record);
int spool_find_mark(const Spool *s, SpoolMark *ret_mark);
