/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/digest.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/error.h"

/* TPM_ALG_ID: TCG Algorithm Registry, table 3. Names: as tpm2-tools write them. */
static const struct {
        const char *name;
        const char *fetch;
        uint16_t tpm_id;
        uint8_t size;
} digest_table[_DIGEST_ALG_N] = {
        [DIGEST_SHA1] = { "sha1", "SHA1", 0x0004, 20 },
        [DIGEST_SHA256] = { "sha256", "SHA2-256", 0x000b, 32 },
        [DIGEST_SHA384] = { "sha384", "SHA2-384", 0x000c, 48 },
        [DIGEST_SHA512] = { "sha512", "SHA2-512", 0x000d, 64 },
        [DIGEST_SM3_256] = { "sm3_256", "SM3", 0x0012, 32 },
        [DIGEST_SHA3_256] = { "sha3_256", "SHA3-256", 0x0027, 32 },
        [DIGEST_SHA3_384] = { "sha3_384", "SHA3-384", 0x0028, 48 },
        [DIGEST_SHA3_512] = { "sha3_512", "SHA3-512", 0x0029, 64 },
};

/**
 * digest_name() - name of an algorithm, as tpm2-tools and the varlink interface write it
 * @alg: the algorithm
 *
 * Return: a constant string.
 */
const char *digest_name(DigestAlg alg) {
        return digest_table[alg].name;
}

/**
 * digest_size() - size of a digest
 * @alg: the algorithm
 *
 * Return: bytes.
 */
size_t digest_size(DigestAlg alg) {
        return digest_table[alg].size;
}

/**
 * digest_tpm_id() - TPM_ALG_ID of an algorithm
 * @alg: the algorithm
 *
 * Return: the id (TCG Algorithm Registry).
 */
uint16_t digest_tpm_id(DigestAlg alg) {
        return digest_table[alg].tpm_id;
}

/**
 * digest_by_name() - find an algorithm by its name
 * @name:    for example "sha256"
 * @ret_alg: the algorithm, set on success only
 *
 * Return: whether it is known.
 */
bool digest_by_name(Bytes name, DigestAlg *ret_alg) {
        for (DigestAlg alg = 0; alg < _DIGEST_ALG_N; ++alg)
                if (bytes_equal_text(name, digest_table[alg].name)) {
                        *ret_alg = alg;
                        return true;
                }
        return false;
}

/**
 * digest_by_tpm_id() - find an algorithm by its TPM_ALG_ID
 * @id:      the id
 * @ret_alg: the algorithm, set on success only
 *
 * Return: whether it is known.
 */
bool digest_by_tpm_id(uint16_t id, DigestAlg *ret_alg) {
        for (DigestAlg alg = 0; alg < _DIGEST_ALG_N; ++alg)
                if (digest_table[alg].tpm_id == id) {
                        *ret_alg = alg;
                        return true;
                }
        return false;
}

/**
 * digest_bytes() - the used part of a digest
 * @alg:    its algorithm
 * @digest: borrowed
 *
 * Return: a slice of digest_size(@alg) bytes.
 */
Bytes digest_bytes(DigestAlg alg, const Digest *digest) {
        return bytes_of(digest->data, digest_size(alg));
}

/**
 * digest_fill() - a digest of equal bytes: zeros of a fresh PCR, ones of a violation
 * @alg:        its algorithm
 * @byte:       the byte
 * @ret_digest: the digest
 */
void digest_fill(DigestAlg alg, uint8_t byte, Digest *ret_digest) {
        memset(ret_digest->data, byte, digest_size(alg));
}

/**
 * digest_equal() - compare two digests
 * @alg: their algorithm
 * @a:   one
 * @b:   the other
 *
 * Return: whether they are the same.
 */
bool digest_equal(DigestAlg alg, const Digest *a, const Digest *b) {
        /* Public values: a look at the first bytes spares the long compare, which all but one need.
         */
        return a->data[0] == b->data[0] && a->data[1] == b->data[1] &&
               CRYPTO_memcmp(a->data, b->data, digest_size(alg)) == 0;
}

/**
 * digest_set_equal() - compare the values of some banks
 * @banks: the banks that count
 * @a:     one set
 * @b:     the other
 *
 * Return: the banks in which they are the same.
 */
BankMask digest_set_equal(BankMask banks, const DigestSet *a, const DigestSet *b) {
        BankMask equal = 0;

        FOREACH_BANK(alg, banks)
                if (digest_equal(alg, &a->of[alg], &b->of[alg]))
                        equal |= BANK(alg);
        return equal;
}

struct Hasher {
        EVP_MD *md;
        EVP_MD_CTX *ctx;
        size_t size;
};

/**
 * hasher_new() - fetch an algorithm once and keep a context for it
 * @alg:        the algorithm
 * @ret_hasher: the hasher, to be freed with hasher_free(); set on success only
 *
 * Return: 0, HASHER_E_UNSUPPORTED, or -ENOMEM.
 */
int hasher_new(DigestAlg alg, Hasher **ret_hasher) {
        _cleanup_(hasher_freep) Hasher *h = calloc(1, sizeof(*h));

        if (!h)
                return error_origin(-ENOMEM);
        h->size = digest_size(alg);
        h->md = EVP_MD_fetch(NULL, digest_table[alg].fetch, NULL);
        if (!h->md)
                return HASHER_E_UNSUPPORTED;
        h->ctx = EVP_MD_CTX_new();
        if (!h->ctx || EVP_DigestInit_ex2(h->ctx, h->md, NULL) != 1)
                return error_origin(-ENOMEM);
        *ret_hasher = TAKE(h);
        return 0;
}

/**
 * hasher_free() - free a hasher
 * @h: the hasher or NULL
 *
 * Return: NULL.
 */
Hasher *hasher_free(Hasher *h) {
        if (!h)
                return NULL;
        EVP_MD_CTX_free(h->ctx);
        EVP_MD_free(h->md);
        free(h);
        return NULL;
}

/**
 * hasher_run() - hash some slices as if they were one
 * @h:          the hasher
 * @parts:      the slices, in order
 * @n_parts:    how many
 * @ret_digest: the digest, set on success only; bytes behind its size stay
 *
 * Return: 0, or -EIO when OpenSSL fails.
 */
int hasher_run(Hasher *h, const Bytes *parts, size_t n_parts, Digest *ret_digest) {
        Digest d;

        /* Without arguments the context starts anew with the algorithm that it has: no fetch. */
        if (EVP_DigestInit_ex2(h->ctx, NULL, NULL) != 1)
                return error_origin(-EIO);
        for (size_t i = 0; i < n_parts; ++i)
                if (EVP_DigestUpdate(h->ctx, parts[i].data, parts[i].n) != 1)
                        return error_origin(-EIO);
        if (EVP_DigestFinal_ex(h->ctx, d.data, NULL) != 1)
                return error_origin(-EIO);
        memcpy(ret_digest->data, d.data, h->size);
        return 0;
}

/**
 * hashers_open() - get ready for some banks
 * @h:               zeroed, or opened before: what is there already stays
 * @banks:           the banks
 * @ret_unsupported: with HASHER_E_UNSUPPORTED: the first bank that cannot be calculated
 *
 * Return: 0, HASHER_E_UNSUPPORTED, or -ENOMEM; in each case @h is to be closed.
 */
int hashers_open(Hashers *h, BankMask banks, DigestAlg *ret_unsupported) {
        FOREACH_BANK(alg, banks) {
                int r = h->of[alg] ? 0 : hasher_new(alg, &h->of[alg]);

                if (r < 0)
                        return error_trace(r);
                if (r == HASHER_E_UNSUPPORTED) {
                        *ret_unsupported = alg;
                        return HASHER_E_UNSUPPORTED;
                }
        }
        return 0;
}

/**
 * hashers_close() - free all hashers
 * @h: the set; zeroed afterwards
 */
void hashers_close(Hashers *h) {
        for (DigestAlg alg = 0; alg < _DIGEST_ALG_N; ++alg)
                h->of[alg] = hasher_free(h->of[alg]);
}
