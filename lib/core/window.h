/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * window.h -- which single change to a chain gives the value of a PCR? Pure.
 *
 * A PCR cannot be run backwards, so a change at an unknown place has to be tried at each place: n
 * places cost n^2/2 hashes. This works on one bank and the last records of the list, kept in a
 * ring, under a budget of hashes, the end of the list first; records that leave the ring are tried
 * with the PCR ending right behind them, which is how a PCR looks that was given up after the
 * change.
 */
#pragma once

#include "core/replay.h"

/* Records kept: 2.3 MiB. */
#define SEARCH_WINDOW_MAX 16384U
/* Hashes for changes with the list following them; on a slow core about 30 s. */
#define SEARCH_HASHES_MAX (UINT64_C(1) << 26)
/* Hashes for changes right behind which the PCR ends. */
#define SEARCH_NEAR_HASHES_MAX (UINT64_C(1) << 25)

typedef enum SearchChange {
        SEARCH_CHANGE_FOREIGN,   /* something that is not in the list was extended before it */
        SEARCH_CHANGE_REPEATED,  /* it was extended twice */
        SEARCH_CHANGE_MISSING,   /* it was not extended */
        SEARCH_CHANGE_SWAPPED,   /* it and the one behind were extended in the other order */
        SEARCH_CHANGE_RESET,     /* the PCR was zeros again before it */
        SEARCH_CHANGE_MISPLACED, /* the list says another PCR, but it is in this one */
        _SEARCH_CHANGE_N,
} SearchChange;

/* What others are known to extend, by number. */
size_t search_word_count(void);
const char *search_word_name(size_t word);
int search_word_digest(size_t word, DigestAlg alg, Hasher *h, Digest *ret_digest);

typedef struct SearchFound {
        SearchChange change;
        size_t word;       /* with SEARCH_CHANGE_FOREIGN */
        uint64_t position; /* the record that the change is about, counted in the list */
        uint64_t end;      /* the PCR holds nothing from this record on */
} SearchFound;

typedef struct SearchWindow SearchWindow;

int search_window_new(DigestAlg alg, Hasher *h, const Digest *base, const Digest *target,
                      SearchWindow **ret_window);
SearchWindow *search_window_free(SearchWindow *w);
DEFINE_CLEANUP(SearchWindow, search_window_free);
int search_window_put(SearchWindow *w, uint64_t position, bool in_chain, bool is_start,
                      const Digest *extend);
int search_window_solve(SearchWindow *w);
bool search_window_found(const SearchWindow *w, SearchFound *ret_found);
uint64_t search_window_reach(const SearchWindow *w, bool rare);
