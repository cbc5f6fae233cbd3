/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/cmocka-all.h"

#include "fault/raw.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>
#include <tss2/tss2_tpm2_types.h>

#include "unit/fixture.h"

#define SIZE_AT sizeof(uint16_t)
#define HASH_N  32U /* of our sessions: SHA-256 */

Bytes raw_bytes(const Raw *c) {
        return bytes_of(c->data, c->n);
}

static Builder raw_begin(Raw *c, uint16_t tag, uint32_t code) {
        Builder b = builder_on(c->data, sizeof(c->data));

        builder_put_u16(&b, ORDER_BIG, tag);
        builder_put_u32(&b, ORDER_BIG, 0);
        builder_put_u32(&b, ORDER_BIG, code);
        return b;
}

static void put_size(uint8_t *message, size_t n) {
        Builder size = builder_on(message + SIZE_AT, sizeof(uint32_t));

        builder_put_u32(&size, ORDER_BIG, (uint32_t)n);
}

static void raw_end(Raw *c, const Builder *b) {
        assert_false(b->full);
        c->n = b->n;
        put_size(c->data, c->n);
}

static void put_sized(Builder *b, Bytes bytes) {
        builder_put_u16(b, ORDER_BIG, (uint16_t)bytes.n);
        builder_put(b, bytes);
}

static void put_selection(Builder *b, uint32_t pcr, BankMask banks) {
        uint8_t select[3] = {};

        select[pcr / 8] = (uint8_t)(1U << pcr % 8);
        builder_put_u32(b, ORDER_BIG, (uint32_t)__builtin_popcount(banks));
        FOREACH_BANK(alg, banks) {
                builder_put_u16(b, ORDER_BIG, digest_tpm_id(alg));
                builder_put_u8(b, sizeof(select));
                builder_put(b, bytes_of(select, sizeof(select)));
        }
}

static void put_digests(Builder *b, BankMask banks, const DigestSet *digests) {
        builder_put_u32(b, ORDER_BIG, (uint32_t)__builtin_popcount(banks));
        FOREACH_BANK(alg, banks) {
                builder_put_u16(b, ORDER_BIG, digest_tpm_id(alg));
                builder_put(b, digest_bytes(alg, &digests->of[alg]));
        }
}

static void put_auth(Builder *b, uint32_t session, Bytes nonce, uint8_t attributes) {
        builder_put_u32(b, ORDER_BIG, (uint32_t)(sizeof(session) + 2 + nonce.n + 1 + 2));
        builder_put_u32(b, ORDER_BIG, session);
        put_sized(b, nonce);
        builder_put_u8(b, attributes);
        put_sized(b, (Bytes){});
}

Raw raw_get_random(void) {
        Raw c;
        Builder b = raw_begin(&c, TPM2_ST_NO_SESSIONS, TPM2_CC_GetRandom);

        builder_put_u16(&b, ORDER_BIG, 8);
        raw_end(&c, &b);
        return c;
}

Raw raw_read_clock(void) {
        Raw c;
        Builder b = raw_begin(&c, TPM2_ST_NO_SESSIONS, TPM2_CC_ReadClock);

        raw_end(&c, &b);
        return c;
}

Raw raw_pcr_read(uint32_t pcr, BankMask banks) {
        Raw c;
        Builder b = raw_begin(&c, TPM2_ST_NO_SESSIONS, TPM2_CC_PCR_Read);

        put_selection(&b, pcr, banks);
        raw_end(&c, &b);
        return c;
}

static Raw raw_of_handle(uint32_t code, uint32_t handle) {
        Raw c;
        Builder b = raw_begin(&c, TPM2_ST_NO_SESSIONS, code);

        builder_put_u32(&b, ORDER_BIG, handle);
        raw_end(&c, &b);
        return c;
}

Raw raw_flush(uint32_t handle) {
        return raw_of_handle(TPM2_CC_FlushContext, handle);
}

Raw raw_context_save(uint32_t handle) {
        return raw_of_handle(TPM2_CC_ContextSave, handle);
}

Raw raw_context_load(Bytes context) {
        Raw c;
        Builder b = raw_begin(&c, TPM2_ST_NO_SESSIONS, TPM2_CC_ContextLoad);

        builder_put(&b, context);
        raw_end(&c, &b);
        return c;
}

Raw raw_handles(uint32_t first) {
        Raw c;
        Builder b = raw_begin(&c, TPM2_ST_NO_SESSIONS, TPM2_CC_GetCapability);

        builder_put_u32(&b, ORDER_BIG, TPM2_CAP_HANDLES);
        builder_put_u32(&b, ORDER_BIG, first);
        builder_put_u32(&b, ORDER_BIG, 64);
        raw_end(&c, &b);
        return c;
}

/* Unsalted, unbound, for HMACs with SHA-256, as the code under test has it. */
Raw raw_start_session(void) {
        static const uint8_t nonce[RAW_NONCE_SIZE] = { 1 };
        Raw c;
        Builder b = raw_begin(&c, TPM2_ST_NO_SESSIONS, TPM2_CC_StartAuthSession);

        builder_put_u32(&b, ORDER_BIG, TPM2_RH_NULL);
        builder_put_u32(&b, ORDER_BIG, TPM2_RH_NULL);
        put_sized(&b, bytes_of(nonce, sizeof(nonce)));
        put_sized(&b, (Bytes){});
        builder_put_u8(&b, TPM2_SE_HMAC);
        builder_put_u16(&b, ORDER_BIG, TPM2_ALG_NULL);
        builder_put_u16(&b, ORDER_BIG, TPM2_ALG_SHA256);
        raw_end(&c, &b);
        return c;
}

static Raw raw_extend_in(uint32_t session, Bytes nonce, uint8_t attributes, uint32_t pcr,
                         BankMask banks, const DigestSet *digests) {
        Raw c;
        Builder b = raw_begin(&c, TPM2_ST_SESSIONS, TPM2_CC_PCR_Extend);

        builder_put_u32(&b, ORDER_BIG, pcr);
        put_auth(&b, session, nonce, attributes);
        put_digests(&b, banks, digests);
        raw_end(&c, &b);
        return c;
}

Raw raw_extend(uint32_t pcr, BankMask banks, const DigestSet *digests) {
        return raw_extend_in(TPM2_RS_PW, (Bytes){}, 0, pcr, banks, digests);
}

Raw raw_session_extend(uint32_t session, uint8_t attributes, uint32_t pcr, BankMask banks,
                       const DigestSet *digests) {
        static const uint8_t nonce[RAW_NONCE_SIZE] = { 2 };

        return raw_extend_in(session, bytes_of(nonce, sizeof(nonce)), attributes, pcr, banks,
                             digests);
}

Raw raw_session_read(uint32_t session, uint8_t attributes, uint32_t pcr, BankMask banks) {
        static const uint8_t nonce[RAW_NONCE_SIZE] = { 3 };
        Raw c;
        Builder b = raw_begin(&c, TPM2_ST_SESSIONS, TPM2_CC_PCR_Read);

        put_auth(&b, session, bytes_of(nonce, sizeof(nonce)), attributes);
        put_selection(&b, pcr, banks);
        raw_end(&c, &b);
        return c;
}

static Bytes take_sized(Bytes *in) {
        Bytes sized = {};
        uint16_t n;

        assert_true(bytes_take_u16(in, ORDER_BIG, &n) && bytes_take(in, n, &sized));
        return sized;
}

static Bytes raw_skip(Bytes message, size_t n) {
        Bytes head;

        assert_true(bytes_take(&message, n, &head));
        return message;
}

/**
 * raw_body() - what comes behind the header
 * @response: an answer (or a command)
 *
 * Return: a slice of it.
 */
Bytes raw_body(Bytes response) {
        return raw_skip(response, SIZE_AT + 2 * sizeof(uint32_t));
}

/**
 * raw_parse_extend() - take a TPM2_PCR_Extend apart
 * @command: with one session
 * @ret:     what is in it
 */
void raw_parse_extend(Bytes command, RawExtend *ret) {
        Bytes in = raw_body(command), auth;
        uint32_t n_auth, count;

        *ret = (RawExtend){};
        assert_true(bytes_take_u32(&in, ORDER_BIG, &ret->pcr));
        assert_true(bytes_take_u32(&in, ORDER_BIG, &n_auth) && bytes_take(&in, n_auth, &auth));
        assert_true(bytes_take_u32(&auth, ORDER_BIG, &ret->session));
        assert_true(bytes_take_u32(&in, ORDER_BIG, &count));
        for (uint32_t i = 0; i < count; ++i) {
                DigestAlg alg = DIGEST_SHA1;
                Bytes digest;
                uint16_t id;

                assert_true(bytes_take_u16(&in, ORDER_BIG, &id) && digest_by_tpm_id(id, &alg));
                assert_true(bytes_take(&in, digest_size(alg), &digest));
                /* A bank that is named twice would be extended twice. */
                assert_false(ret->banks & BANK(alg));
                ret->banks |= BANK(alg);
                bytes_copy(digest, ret->digests.of[alg].data, DIGEST_SIZE_MAX);
        }
        assert_int_equal(in.n, 0);
}

/**
 * raw_parse_values() - take the answer to a raw_pcr_read() apart
 * @response:    the answer
 * @ret_counter: pcrUpdateCounter
 * @ret_banks:   the banks that were answered
 * @ret_values:  the PCR in them
 */
void raw_parse_values(Bytes response, uint32_t *ret_counter, BankMask *ret_banks,
                      DigestSet *ret_values) {
        Bytes in = raw_body(response), select;
        DigestAlg algs[_DIGEST_ALG_N];
        uint32_t n_banks, n_values;

        *ret_banks = 0;
        assert_true(bytes_take_u32(&in, ORDER_BIG, ret_counter));
        assert_true(bytes_take_u32(&in, ORDER_BIG, &n_banks) && n_banks <= ELEMENTSOF(algs));
        for (uint32_t i = 0; i < n_banks; ++i) {
                uint16_t id;
                uint8_t n;

                assert_true(bytes_take_u16(&in, ORDER_BIG, &id) && digest_by_tpm_id(id, &algs[i]));
                assert_true(bytes_take_u8(&in, &n) && bytes_take(&in, n, &select));
                assert_false(bytes_is_zero(select));
        }
        assert_true(bytes_take_u32(&in, ORDER_BIG, &n_values) && n_values == n_banks);
        for (uint32_t i = 0; i < n_values; ++i) {
                Bytes value = take_sized(&in);

                assert_int_equal(value.n, digest_size(algs[i]));
                *ret_banks |= BANK(algs[i]);
                bytes_copy(value, ret_values->of[algs[i]].data, DIGEST_SIZE_MAX);
        }
}

/**
 * raw_parameters() - of an answer in a session, without handles
 * @response: the answer
 *
 * Return: a slice of it.
 */
Bytes raw_parameters(Bytes response) {
        Bytes in = raw_body(response), parameters = {};
        uint32_t n;

        assert_true(bytes_take_u32(&in, ORDER_BIG, &n) && bytes_take(&in, n, &parameters));
        return parameters;
}

static uint32_t command_code_of(Bytes command) {
        Bytes in = raw_skip(command, SIZE_AT + sizeof(uint32_t));
        uint32_t code;

        assert_true(bytes_take_u32(&in, ORDER_BIG, &code));
        return code;
}

/* The nonce of the caller, in a command without handles and with one session. */
static Bytes command_nonce(Bytes command) {
        Bytes in = raw_skip(raw_body(command), 2 * sizeof(uint32_t));

        return take_sized(&in);
}

static void hmac_of(Bytes hash, Bytes newer, Bytes older, uint8_t attributes, uint8_t *ret_hmac) {
        uint8_t message[4 * HASH_N];
        Builder b = builder_on(message, sizeof(message));

        builder_put(&b, hash);
        builder_put(&b, newer);
        builder_put(&b, older);
        builder_put_u8(&b, attributes);
        assert_false(b.full);
        assert_non_null(HMAC(EVP_sha256(), "", 0, message, b.n, ret_hmac, NULL));
}

/**
 * raw_forge() - the same answer with other parameters, as genuine as the TPM's own
 * @command:    what was asked: no handles, one session
 * @parameters: of the new answer
 * @response:   the answer of the TPM; then the new one
 * @n:          its bytes
 *
 * The key of the HMAC is empty, so that everybody can do this: it proves order, not origin.
 */
void raw_forge(Bytes command, Bytes parameters, uint8_t *response, size_t *n) {
        uint8_t text[RAW_COMMAND_MAX], hash[DIGEST_SIZE_MAX], hmac[HASH_N], nonce[HASH_N];
        Bytes in = raw_body(bytes_of(response, *n)), old, nonce_tpm;
        Builder b = builder_on(text, sizeof(text));
        uint8_t attributes;
        uint32_t n_old;

        assert_true(bytes_take_u32(&in, ORDER_BIG, &n_old) && bytes_take(&in, n_old, &old));
        nonce_tpm = take_sized(&in);
        bytes_copy(nonce_tpm, nonce, sizeof(nonce));
        nonce_tpm.data = nonce;
        assert_true(bytes_take_u8(&in, &attributes));

        builder_put_u32(&b, ORDER_BIG, TPM2_RC_SUCCESS);
        builder_put_u32(&b, ORDER_BIG, command_code_of(command));
        builder_put(&b, parameters);
        hash_of(DIGEST_SHA256, builder_bytes(&b), hash);
        hmac_of(bytes_of(hash, HASH_N), nonce_tpm, command_nonce(command), attributes, hmac);

        b = builder_on(text, sizeof(text));
        builder_put(&b, bytes_of(response, SIZE_AT + 2 * sizeof(uint32_t)));
        builder_put_u32(&b, ORDER_BIG, (uint32_t)parameters.n);
        builder_put(&b, parameters);
        put_sized(&b, nonce_tpm);
        builder_put_u8(&b, attributes);
        put_sized(&b, bytes_of(hmac, sizeof(hmac)));
        assert_false(b.full);
        memcpy(response, b.data, b.n);
        *n = b.n;
        put_size(response, *n);
}
