/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * source.h -- the measurement list that this kernel keeps, and what its files say about who
 * extends.
 *
 * runtime_measurements_count stays open and locked (flock) as long as the source lives: a second
 * extender is turned away politely. It is a courtesy, not what keeps records from being doubled.
 */
#pragma once

#include "core/mode.h"
#include "os/listfile.h"
#include "os/root.h"

enum {
        _SOURCE_E_SUCCESS,
        SOURCE_E_END,        /* as LISTFILE_E_END */
        SOURCE_E_CUT,        /* as LISTFILE_E_CUT */
        SOURCE_E_BROKEN,     /* as LISTFILE_E_BROKEN */
        SOURCE_E_ABSENT,     /* this kernel has no IMA, or securityfs is not mounted */
        SOURCE_E_UNREADABLE, /* there, but it cannot be opened */
        SOURCE_E_EMPTY,      /* there, without a whole record */
        SOURCE_E_LOCKED,     /* another extender holds the lock */
        SOURCE_E_FOREIGN,    /* not on securityfs, and no --root: not the kernel's own */
        SOURCE_E_REPLACED,   /* record 0 is another one than before */
};

typedef struct Source Source;

int source_open(const Root *root, Source **ret_source);
Source *source_free(Source *s);
DEFINE_CLEANUP(Source, source_free);
int source_next(Source *s, MlistRecord *ret_record);
int source_rewind(Source *s);
int source_count(Source *s, uint64_t *ret_n);
const ModeFacts *source_facts(const Source *s);
uint32_t source_main_pcr(const Source *s);
ListFile *source_list(Source *s);
