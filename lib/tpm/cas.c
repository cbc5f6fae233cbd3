/* SPDX-License-Identifier: BSD-2-Clause */
#include "tpm/cas.h"

#include <assert.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "base/error.h"

#define CAS_HASH_SIZE 32U

/**
 * cas_init() - get the algorithms ready
 * @c: zeroed; to be deinitialised in any case
 *
 * Return: 0, -ENOMEM, -EIO when OpenSSL fails, -ENOTRECOVERABLE when it has no SHA-256.
 */
int cas_init(Cas *c) {
        OSSL_PARAM params[] = {
                OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA2-256", 0),
                OSSL_PARAM_construct_end(),
        };
        EVP_MAC *mac;
        int r;

        r = hasher_new(DIGEST_SHA256, &c->sha256);
        if (r != 0)
                return error_fold(r);
        mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
        c->mac = mac ? EVP_MAC_CTX_new(mac) : NULL;
        EVP_MAC_free(mac);
        /* The key of an unsalted, unbound session is empty: part 1, 17.6.10. */
        if (!c->mac || EVP_MAC_init(c->mac, (const unsigned char *)"", 0, params) != 1)
                return error_origin(-EIO);
        return 0;
}

/**
 * cas_deinit() - free what cas_init() got
 * @c: the codec
 */
void cas_deinit(Cas *c) {
        c->sha256 = hasher_free(c->sha256);
        EVP_MAC_CTX_free(c->mac);
        c->mac = NULL;
}

static int cas_new_nonce(Cas *c) {
        c->nonce_caller.size = CAS_NONCE_SIZE;
        if (RAND_bytes(c->nonce_caller.buffer, CAS_NONCE_SIZE) != 1)
                return error_origin(-EIO);
        return 0;
}

/**
 * cas_begin() - make the nonce of TPM2_StartAuthSession
 * @c: the codec; nonce_caller is set
 *
 * Return: 0, or -EIO when OpenSSL fails.
 */
int cas_begin(Cas *c) {
        cas_forget(c);
        return error_trace(cas_new_nonce(c));
}

/**
 * cas_begun() - take what TPM2_StartAuthSession answered
 * @c:         the codec
 * @handle:    of the session
 * @nonce_tpm: the first nonce of the TPM
 */
void cas_begun(Cas *c, TPM2_HANDLE handle, const TPM2B_NONCE *nonce_tpm) {
        c->is_live = true;
        c->is_held = true;
        c->handle = handle;
        c->nonce_tpm = *nonce_tpm;
}

/**
 * cas_forget() - the session must not be used any more; the TPM may still hold it
 * @c: the codec
 */
void cas_forget(Cas *c) {
        c->is_live = false;
}

/* HMAC(key, pHash || nonceNewer || nonceOlder || attributes): part 1, 17.6.5, with an empty key. */
static int cas_hmac(Cas *c, const Digest *hash, const TPM2B_NONCE *newer, const TPM2B_NONCE *older,
                    TPMA_SESSION attributes, TPM2B_AUTH *ret_hmac) {
        uint8_t message[CAS_HASH_SIZE + 2 * sizeof(newer->buffer) + 1];
        Builder b = builder_on(message, sizeof(message));
        size_t n;

        builder_put(&b, bytes_of(hash->data, CAS_HASH_SIZE));
        builder_put(&b, bytes_of(newer->buffer, newer->size));
        builder_put(&b, bytes_of(older->buffer, older->size));
        builder_put_u8(&b, (uint8_t)attributes);
        assert(!b.full);
        /* Without a key the context starts anew with the one that it has. */
        if (EVP_MAC_init(c->mac, NULL, 0, NULL) != 1 || EVP_MAC_update(c->mac, b.data, b.n) != 1 ||
            EVP_MAC_final(c->mac, ret_hmac->buffer, &n, sizeof(ret_hmac->buffer)) != 1 ||
            n != CAS_HASH_SIZE)
                return error_origin(-EIO);
        ret_hmac->size = CAS_HASH_SIZE;
        return 0;
}

/**
 * cas_command() - the authorization area of a command in the session
 * @c:          the codec, its session live
 * @code:       TPM_CC of the command
 * @names:      names of the handles, in order (of a PCR: the handle itself)
 * @parameters: the command's parameters, marshalled
 * @attributes: CAS_ATTRIBUTES and what the command adds
 * @ret_auth:   the area, set on success only
 *
 * Return: 0, or -EIO when OpenSSL fails.
 */
int cas_command(Cas *c, TPM2_CC code, Bytes names, Bytes parameters, TPMA_SESSION attributes,
                TPMS_AUTH_COMMAND *ret_auth) {
        uint8_t head[sizeof(code)];
        Builder b = builder_on(head, sizeof(head));
        TPMS_AUTH_COMMAND auth = { .sessionHandle = c->handle, .sessionAttributes = attributes };
        Digest hash;
        int r;

        assert(c->is_live);
        builder_put_u32(&b, ORDER_BIG, code);
        /* cpHash = H(commandCode || names || parameters): part 1, 16.7 */
        const Bytes parts[] = { builder_bytes(&b), names, parameters };
        r = hasher_run(c->sha256, parts, ELEMENTSOF(parts), &hash);
        if (r < 0)
                return error_trace(r);
        r = cas_new_nonce(c);
        if (r < 0)
                return error_trace(r);
        auth.nonce = c->nonce_caller;
        r = cas_hmac(c, &hash, &c->nonce_caller, &c->nonce_tpm, attributes, &auth.hmac);
        if (r < 0)
                return error_trace(r);
        *ret_auth = auth;
        return 0;
}

/**
 * cas_response() - check the authorization area of a successful response
 * @c:          the codec; takes over the TPM's new nonce on success
 * @code:       TPM_CC of the command
 * @parameters: the response's parameters, marshalled
 * @auth:       the area
 *
 * A wrong HMAC leaves the session out of step, so it is forgotten.
 *
 * Return: 0, CAS_E_FORGED, or -EIO when OpenSSL fails.
 */
int cas_response(Cas *c, TPM2_CC code, Bytes parameters, const TPMS_AUTH_RESPONSE *auth) {
        uint8_t head[2 * sizeof(code)];
        Builder b = builder_on(head, sizeof(head));
        TPM2B_AUTH hmac;
        Digest hash;
        int r;

        builder_put_u32(&b, ORDER_BIG, TPM2_RC_SUCCESS);
        builder_put_u32(&b, ORDER_BIG, code);
        /* rpHash = H(responseCode || commandCode || parameters): part 1, 16.8 */
        const Bytes parts[] = { builder_bytes(&b), parameters };
        r = hasher_run(c->sha256, parts, ELEMENTSOF(parts), &hash);
        if (r < 0)
                return error_trace(r);
        r = cas_hmac(c, &hash, &auth->nonce, &c->nonce_caller, auth->sessionAttributes, &hmac);
        if (r < 0)
                return error_trace(r);
        if (auth->hmac.size != hmac.size || auth->nonce.size < CAS_NONCE_SIZE ||
            CRYPTO_memcmp(auth->hmac.buffer, hmac.buffer, hmac.size) != 0) {
                cas_forget(c);
                return CAS_E_FORGED;
        }
        c->nonce_tpm = auth->nonce;
        return 0;
}
