/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify.h -- does a list explain the values of PCRs? Pure.
 *
 * The chain of record 0 decides; other PCRs are looked at and reported. A verdict is never good for
 * an empty list, an empty prefix, or nothing to compare with.
 */
#pragma once

#include "core/outcome.h"
#include "core/replay.h"

/* Values of PCRs, as read from a TPM or a file. */
typedef struct PcrValues {
        BankMask of[TPM_PCR_N]; /* the banks for which there is a value */
        DigestSet value[TPM_PCR_N];
} PcrValues;

typedef struct Verify {
        Replay replay;
        uint32_t main_pcr;
        bool has_main;       /* record 0 was there */
        bool checks_records; /* a record must have the digest that it claims */
        uint64_t n_bad;      /* records that have not */
        uint64_t first_bad;  /* the first of them, when n_bad > 0 */
        DigestAlg alg;       /* of the list's own digests */
        PcrValues target;
        Search search[TPM_PCR_N];
} Verify;

typedef enum VerifyVerdict {
        VERIFY_NOTHING, /* no record, or no value for the PCR of record 0 */
        VERIFY_WHOLE,   /* the whole list is in every bank */
        VERIFY_PREFIX,  /* every bank holds the same 0 < k < n records */
        VERIFY_EMPTY,   /* every bank holds V(0): none of this list is in it */
        VERIFY_MISFIT,  /* anything else */
        _VERIFY_VERDICT_N,
} VerifyVerdict;

BankMask verify_banks(const PcrValues *target);
void verify_init(Verify *v, const PcrValues *target, BankMask padded, DigestAlg alg,
                 const Hashers *hashers);
void verify_set_base(Verify *v, uint32_t pcr, BankMask banks, const DigestSet *base);
int verify_record(Verify *v, const MlistRecord *record);
VerifyVerdict verify_verdict(const Verify *v, uint32_t pcr);
