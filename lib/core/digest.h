/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * digest.h -- the hash algorithms that a TPM bank can have, and hashing with them.
 *
 * A bank is named by its algorithm; a set of banks is a bit mask of algorithms. Values of all
 * banks stand in one array that is indexed by the algorithm.
 */
#pragma once

#include <stdint.h>

#include "base/bytes.h"
#include "base/util.h"

typedef enum DigestAlg {
        DIGEST_SHA1,
        DIGEST_SHA256,
        DIGEST_SHA384,
        DIGEST_SHA512,
        DIGEST_SM3_256,
        DIGEST_SHA3_256,
        DIGEST_SHA3_384,
        DIGEST_SHA3_512,
        _DIGEST_ALG_N,
} DigestAlg;

#define DIGEST_SIZE_MAX 64U

typedef uint32_t BankMask;

#define BANK(alg) ((BankMask)1 << (alg))
#define ALL_BANKS (BANK(_DIGEST_ALG_N) - 1)

/* The lowest bank of a mask that is not below @alg; _DIGEST_ALG_N when there is none. */
static inline DigestAlg bank_from(BankMask mask, DigestAlg alg) {
        mask &= ~(BANK(alg) - 1);
        return mask ? (DigestAlg)__builtin_ctz(mask) : _DIGEST_ALG_N;
}

/* for (DigestAlg alg) over the banks of a mask, lowest first */
#define FOREACH_BANK(alg, mask)                                                                    \
        for (DigestAlg alg = bank_from((mask), 0); alg < _DIGEST_ALG_N;                            \
             alg = bank_from((mask), alg + 1))

typedef struct Digest {
        uint8_t data[DIGEST_SIZE_MAX];
} Digest;

/* One digest or one PCR value a bank; what is outside the banks in question has no meaning. */
typedef struct DigestSet {
        Digest of[_DIGEST_ALG_N];
} DigestSet;

const char *digest_name(DigestAlg alg);
size_t digest_size(DigestAlg alg);
uint16_t digest_tpm_id(DigestAlg alg);
bool digest_by_name(Bytes name, DigestAlg *ret_alg);
bool digest_by_tpm_id(uint16_t id, DigestAlg *ret_alg);
Bytes digest_bytes(DigestAlg alg, const Digest *digest);
void digest_fill(DigestAlg alg, uint8_t byte, Digest *ret_digest);
bool digest_equal(DigestAlg alg, const Digest *a, const Digest *b);
BankMask digest_set_equal(BankMask banks, const DigestSet *a, const DigestSet *b);

enum {
        _HASHER_E_SUCCESS,
        HASHER_E_UNSUPPORTED, /* this OpenSSL, as configured, has no such algorithm */
};

typedef struct Hasher Hasher;

int hasher_new(DigestAlg alg, Hasher **ret_hasher);
Hasher *hasher_free(Hasher *h);
DEFINE_CLEANUP(Hasher, hasher_free);
int hasher_run(Hasher *h, const Bytes *parts, size_t n_parts, Digest *ret_digest);

/* A hasher for each bank of a mask. */
typedef struct Hashers {
        Hasher *of[_DIGEST_ALG_N];
} Hashers;

int hashers_open(Hashers *h, BankMask banks, DigestAlg *ret_unsupported);
void hashers_close(Hashers *h);
