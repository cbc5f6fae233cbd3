/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * replay.h -- the value that a PCR must have after k records, and the k that explains a value.
 * Pure.
 *
 * A chain is the records of one PCR; V(k) is its value after the first k of them, in every bank.
 */
#pragma once

#include "core/digest.h"
#include "core/mlist.h"

typedef struct Chain {
        uint64_t n;      /* records so far */
        DigestSet value; /* V(n) */
} Chain;

/* Plain values: may be copied. Hashers are borrowed. */
typedef struct Replay {
        BankMask banks;
        BankMask
                padded; /* of them: filled by a kernel with SHA-1 and zeros, see replay_digests() */
        const Hashers *hashers;
        uint64_t n_records;
        uint64_t n_violations;
        Chain chain[MLIST_PCR_N];
} Replay;

void replay_init(Replay *r, BankMask banks, const Hashers *hashers);
void replay_set_base(Replay *r, uint32_t pcr, BankMask banks, const DigestSet *base);
int replay_digests(const Replay *r, const MlistRecord *record, DigestSet *ret_digests);
int replay_extend(Replay *r, uint32_t pcr, const DigestSet *digests);
int replay_record(Replay *r, const MlistRecord *record);

#define SEARCH_NONE UINT64_MAX

/* Looks for the prefix of one chain that explains the value of a PCR in all its banks. */
typedef struct Search {
        BankMask banks;
        DigestSet target;
        uint64_t k;                     /* the first that fits in every bank, or SEARCH_NONE */
        uint64_t k_bank[_DIGEST_ALG_N]; /* the first that fits in this bank, or SEARCH_NONE */
} Search;

typedef enum SearchVerdict {
        SEARCH_FITS,  /* all banks hold V(k) */
        SEARCH_SPLIT, /* each bank holds a V, but not of one k */
        SEARCH_SOME,  /* some banks hold a V, others nothing of this list */
        SEARCH_ALIEN, /* no bank holds a V */
        _SEARCH_VERDICT_N,
} SearchVerdict;

void search_init(Search *s, BankMask banks, const DigestSet *target);
bool search_look(Search *s, const Chain *chain);
SearchVerdict search_verdict(const Search *s);
