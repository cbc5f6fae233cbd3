/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * serve-read.h -- what the methods of org.imareplay.replay share: one reader, one set of hashers,
 * and the marks by which a long list is entered.
 *
 * A call is carried on step by step, when the server resumes it: a step reads at most
 * SERVE_STEP_BYTES of the list; the server gives each call one step after the other. So no list,
 * however long, and no client stops the others. A call keeps a few hundred bytes, whatever it asks
 * for.
 *
 * Files are not believed (spool-reader.h), and may be others at any moment: the extender starts
 * anew, or replaces them. Each step sees that by the `epoch`; a call that goes on then proves by
 * content that it stands where it stood.
 */
#pragma once

#include "core/place.h"
#include "core/replay.h"
#include "daemon/serve-extender.h"
#include "daemon/serve-files.h"
#include "os/spool-reader.h"
#include "varlink/call.h"

#define SERVE_STEP_BYTES  (64U << 10)
#define SERVE_RECORD_COST 64U /* of each record, besides its bytes */
/* How long a call waits for an extender that starts. */
#define SERVE_WAIT_USEC      (UINT64_C(5) * 1000000)
#define SERVE_WAIT_LONG_USEC (UINT64_C(60) * 1000000) /* if it had begun */
#define SERVE_AGAIN_USEC     UINT64_C(20000)          /* until something is tried again */
#define SERVE_PCR            10U
#define SERVE_ALG            DIGEST_SHA256

/* What can be had of the list at this moment. */
typedef struct ServeView {
        const Status *status; /* never NULL */
        uint64_t n_spooled;   /* records that can be read */
        uint64_t n_wanted;    /* ... that there are, of those that the caller may have */
        uint64_t end;         /* where the list ends for the caller */
        bool is_growing;      /* those between n_spooled and n_wanted will come */
} ServeView;

typedef struct ServeRead {
        SpoolReader *reader;
        Hashers hashers;
        BankMask banks; /* that there is a hasher for */
        Places places;  /* of SERVE_PCR in SERVE_ALG */

        SpoolExtent extent;
        uint64_t generation, device, inode; /* of the files */
        uint64_t epoch;                     /* another one: other files, or other values */

        size_t step_left; /* bytes that the step may still read */

        unsigned n_opening, n_verifying;
        ServeFiles files;
} ServeRead;

enum {
        _SERVE_READ_E_SUCCESS,
        SERVE_READ_E_AGAIN, /* the step is over: go on in the next one */
        SERVE_READ_E_WAIT,  /* no extender, or no files yet */
        SERVE_READ_E_BAD,   /* the files do not hold what was announced, or it was not kept */
        SERVE_READ_E_NONE,  /* no position has this value */
};

int serve_read_new(ServeRead **ret_read);
ServeRead *serve_read_free(ServeRead *r);
DEFINE_CLEANUP(ServeRead, serve_read_free);
ServeRead *serve_read(const Serve *s);
int serve_read_look(Serve *s, bool wants_pending, ServeView *ret_view);
int serve_read_get(ServeRead *r, uint64_t position, SpoolRecord *ret_record);
BankMask serve_read_banks(const ServeRead *r, const Status *status, uint32_t pcr);
int serve_read_digests(const ServeRead *r, const MlistRecord *record, BankMask banks,
                       DigestSet *ret_digests);

/*
 * serve-place.c: where a call begins
 */

typedef struct ServeRange {
        bool has_after, pending;
        bool has_count;
        uint64_t first, count;
        PlaceChain chain; /* of `after` */
        Digest value;
} ServeRange;

/* Parameters that ReadList and OpenList share. */
typedef struct ServeRangeText {
        JsonU64 first, count;
        JsonBool pending;
        const Json *after;
} ServeRangeText;

typedef enum ServeFind {
        SERVE_FIND_NEW,
        SERVE_FIND_VALUE, /* the position of range.value */
        SERVE_FIND_ENTER, /* the running value at the position */
        SERVE_FIND_THERE,
} ServeFind;

/* On the way to a place, or there. */
typedef struct ServePlace {
        ServeFind find;
        uint64_t epoch;
        bool has_been; /* `at` was told to the client: it must be the same in other files */
        bool is_entered;
        uint64_t position;
        Place at;
        Place enter; /* being walked to `position` */
        PlaceSearch search;
} ServePlace;

bool serve_range_take(const ServeRead *r, const ServeRangeText *text, ServeRange *ret_range,
                      const char **ret_bad);
uint64_t serve_range_end(const ServeRange *range, uint64_t first, uint64_t end);
int serve_place_find(ServeRead *r, const ServeRange *range, const ServeView *view, ServePlace *p);

/*
 * serve-error.c: errors of org.imareplay.replay
 */

int serve_error(VarlinkCall *c, const char *name);
int serve_error_position(VarlinkCall *c, const char *name, uint64_t position);
int serve_error_no_record(VarlinkCall *c, uint64_t position, uint64_t end);
int serve_error_too_large(VarlinkCall *c, uint64_t size, uint64_t limit);
int serve_error_not_ready(VarlinkCall *c, const Status *status);
int serve_error_unattestable(VarlinkCall *c, const Status *status);
