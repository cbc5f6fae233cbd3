/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * diff.h -- what became of the records of one list in another: kept, changed, moved, gone, new.
 * Pure: items in, their fates out.
 */
#pragma once

#include "core/digest.h"

typedef enum DiffFate {
        DIFF_SINGLE,  /* only in its own list */
        DIFF_KEPT,    /* in both, in order */
        DIFF_MOVED,   /* in both, elsewhere */
        DIFF_CHANGED, /* the same name at the same place, another record */
        _DIFF_FATE_N,
} DiffFate;

/* One record; what is shown of it is copied, for the list is not kept. */
typedef struct DiffItem {
        Digest key; /* SHA-256 of all that counts: equal keys are equal records */
        uint64_t position;
        uint32_t pcr;
        bool is_violation;
        Bytes name;   /* owned by whoever made the item; data NULL: it has none */
        char *digest; /* likewise: "sha256:12ab.." */
        DiffFate fate;
        size_t partner; /* index in the other list; not for DIFF_SINGLE */
} DiffItem;

typedef struct DiffSide {
        DiffItem *at;
        size_t n, max;
} DiffSide;

int diff_sides(DiffSide *a, DiffSide *b);
