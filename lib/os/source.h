/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * source.h -- the measurement list that this kernel keeps, and what its files say about who
 * extends.
 *
 * Linux 7.2 and later let root remove records from the head of the list. Where our spool still has
 * them, and the kernel's list goes on from it, the source gives one list: the spool's records
 * 0..t-1, then the kernel's; all numbers count from its record 0. Both must have a record in common
 * that is no violation: violations are repeated at any user's will, and show nothing. After a
 * restart with only violations in both it cannot be told how many are gone: SOURCE_E_TRIMMED. So
 * whoever trims leaves a record that is none. What comes from /run is proven by the TPM alone: see
 * source_may_extend().
 *
 * runtime_measurements_count stays open and locked (flock) as long as the source lives: a second
 * extender is turned away politely. It is a courtesy, not what keeps records from being doubled.
 */
#pragma once

#include "core/mode.h"
#include "os/listfile.h"
#include "os/root.h"
#include "os/spool.h"

enum {
        _SOURCE_E_SUCCESS,
        SOURCE_E_END,        /* as LISTFILE_E_END */
        SOURCE_E_CUT,        /* as LISTFILE_E_CUT */
        SOURCE_E_BROKEN,     /* as LISTFILE_E_BROKEN */
        SOURCE_E_ABSENT,     /* this kernel has no IMA, or securityfs is not mounted */
        SOURCE_E_UNREADABLE, /* it cannot be opened or read, it is empty for now, or the count
                              * cannot be understood: that may pass */
        SOURCE_E_EMPTY,      /* there, without a whole record */
        SOURCE_E_LOCKED,     /* another extender holds the lock */
        SOURCE_E_FOREIGN,    /* not on securityfs, and no --root: not the kernel's own */
        SOURCE_E_REPLACED,   /* record 0 is another one than before */
        SOURCE_E_TRIMMED,    /* records are gone that the spool does not have, or nothing tells
                              * how many */
        SOURCE_E_SHRUNK,     /* fewer records than were known: look at the list */
        SOURCE_E_HELD,       /* the list stays open; harmless */
};

typedef struct SourceOptions {
        int lock_fd;  /* of source_lock(), borrowed */
        bool hold;    /* HoldList=yes: source_rest() does nothing */
        Spool *spool; /* borrowed, or NULL */
        int *error;   /* borrowed as long as the source lives, or NULL: set with each
                       * SOURCE_E_UNREADABLE, to the errno, or 0 if there is none */
} SourceOptions;

typedef struct Source Source;

int source_lock(const Root *root, int *error, int *ret_fd);
int source_open(const Root *root, const SourceOptions *options, Source **ret_source);
Source *source_free(Source *s);
DEFINE_CLEANUP(Source, source_free);
int source_next(Source *s, MlistRecord *ret_record);
int source_rewind(Source *s);
int source_rest(Source *s);
bool source_is_held(const Source *s);
int source_count(Source *s, uint64_t *ret_n);
const ModeFacts *source_facts(const Source *s);
uint32_t source_main_pcr(const Source *s);
uint64_t source_n_given(const Source *s);
uint64_t source_n_trimmed(const Source *s);
bool source_may_extend(const Source *s);
ListFile *source_list(Source *s);
