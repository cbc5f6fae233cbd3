/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * near.h -- which single change, right behind which the PCR ends, gives its value? Pure, of
 * constant size, one record at a time: for a server, which must not stop to think.
 *
 * That is how a PCR looks that was given up after the change, as the daemon does. What came after
 * a change, and anything rarer, is for mismatch.h, which takes its time.
 *
 * Each change is tried in one bank; where it fits there, in all others that are not explained. So
 * the list is fed once for each bank at most: near_next_pass() asks for it.
 */
#pragma once

#include "core/replay.h"

typedef enum NearKind {
        NEAR_NONE,     /* nothing that was tried gives this value */
        NEAR_FOREIGN,  /* `word` (window.h) was extended behind `position` */
        NEAR_REPEATED, /* `position` was extended twice */
        NEAR_MISSING,  /* `position` was not extended */
        NEAR_PADDED,   /* SHA-1 digests with zeros behind, up to and with `position` */
        NEAR_EMPTY,    /* as after a reset */
        _NEAR_KIND_N,
} NearKind;

typedef struct NearFinding {
        NearKind kind;
        bool has_position; /* false: before record 0, or of no record */
        uint64_t position; /* a record, counted in the list */
        size_t word;
} NearFinding;

/* Plain values; the hashers are borrowed. */
typedef struct Near {
        uint32_t pcr;
        BankMask banks; /* in question */
        BankMask open;  /* of them: not explained yet */
        BankMask tried; /* as probe */
        DigestAlg probe;
        const Hashers *hashers;
        DigestSet base, target;
        Replay replay;    /* only for replay_digests() */
        DigestSet value;  /* V(n) of the chain */
        DigestSet before; /* V(n - 1) */
        DigestSet padded;
        bool has_last; /* a record of the chain came */
        uint64_t last; /* its position */
        uint64_t position;
        NearFinding finding[_DIGEST_ALG_N];
} Near;

enum {
        _NEAR_E_SUCCESS,
        NEAR_E_DONE, /* no further pass */
};

int near_init(Near *n, uint32_t pcr, BankMask banks, const DigestSet *base, const DigestSet *target,
              const Hashers *hashers);
int near_record(Near *n, const MlistRecord *record);
int near_next_pass(Near *n);
