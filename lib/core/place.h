/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * place.h -- places in a list by content: the value of a PCR after some record. Pure.
 *
 * A place is a position and the value there. To enter a long list anywhere, marks are kept: at most
 * PLACE_MARKS of them, evenly apart; when they are full each second one is dropped. So the memory
 * does not grow with the list, and the next mark is never further than stride records away.
 *
 * To find the position of a value the list is walked from mark to mark, the last stretch first: who
 * asks for what comes after a value asks near the end. Records of other PCRs do not change a value;
 * the lowest of the positions that have it is meant (RFC 9684, last-entry-value).
 */
#pragma once

#include "core/mlist.h"

#define PLACE_MARKS 1024U

/* What a value is of. Plain values; the hasher is borrowed. */
typedef struct PlaceChain {
        uint32_t pcr;
        DigestAlg alg;
        Hasher *hasher; /* of alg */
        Digest base;    /* V(0) */
} PlaceChain;

typedef struct Place {
        uint64_t position;
        Digest value;
} Place;

Place place_start(const PlaceChain *chain);
int place_pass(const PlaceChain *chain, const MlistRecord *record, Place *at);

typedef struct Places {
        PlaceChain chain;
        uint64_t stride; /* mark i is at position i * stride */
        size_t n_marks;
        Digest mark[PLACE_MARKS];
        Place end; /* how far the list was walked */
} Places;

void places_init(Places *p, const PlaceChain *chain);
int places_pass(Places *p, const MlistRecord *record);
Place places_before(const Places *p, uint64_t position);

/* A search in the part of a list that was walked, or (without marks) in all of it. */
typedef struct PlaceSearch {
        Digest target;
        Place at;      /* the record at this position is looked at next */
        uint64_t from; /* of this stretch */
        uint64_t to;   /* its end */
} PlaceSearch;

enum {
        _PLACE_E_SUCCESS,
        PLACE_E_FOUND, /* at.position */
        PLACE_E_NONE,
};

int place_search_start(PlaceSearch *s, const PlaceChain *chain, const Places *p, uint64_t end,
                       const Digest *target);
int place_search_pass(PlaceSearch *s, const PlaceChain *chain, const Places *p,
                      const MlistRecord *record);
