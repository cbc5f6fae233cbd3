/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz-tpm.c -- a TPM that answers what it likes, over a transport that fails when it likes.
 *
 * The input: a byte, the call that fails (fail.h); then requests until there is no more. A request
 * is three bytes: kind (bit 7: is_fresh), PCR, banks. Whenever it sends a command the answer is
 * taken from the input, too: a byte HOW (modulo) and 0  nothing: the right answer, with the right
 * HMAC; also when the input has come to its end 1  the right one with places changed: n, then n
 * times place (two bytes), value 2  n, and n bytes that are the answer 3  four bytes: an answer
 * with this response code 4  four bytes: the transport's code instead of an answer 5  four bytes:
 * the transport's code instead of sending 6  nothing: asks for patience once, then the right answer
 *   7  n: the right answer, cut after n bytes
 *
 * Whatever comes: nothing is done but what an untouched answer says, and no request extends a PCR
 * but EXTEND, that one, once.
 */
#include "fail.h"
#include "fuzz.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>
#include <tss2/tss2_tctildr.h>
#include <tss2/tss2_tpm2_types.h>

#include "base/bytes.h"
#include "base/util.h"
#include "tpm/tpm.h"

/* Not assert(): these stay in a build without. */
#define HOLDS(what)                                                                                \
        do {                                                                                       \
                if (!(what))                                                                       \
                        abort();                                                                   \
        } while (0)

#define ANSWER_MAX   4096U
#define REQUESTS_MAX 32U
#define SESSION      0x02000001U
#define NONCE_SIZE   16U

static struct {
        Bytes in; /* what is left of the input */
        uint8_t answer[ANSWER_MAX];
        size_t n_answer;
        uint32_t rc;        /* of the transport, instead of an answer */
        bool is_asking;     /* for patience, once */
        bool is_genuine;    /* the answers of this request that carry an HMAC */
        unsigned n_extends; /* of PCRs, in this request */
        uint32_t extended;
        bool is_exclusive; /* nothing came between since the session was fresh */
} tpm;

/*
 * The right answer
 */

static Builder answer_begin(uint16_t tag, uint32_t rc) {
        Builder b = builder_on(tpm.answer, sizeof(tpm.answer));

        builder_put_u16(&b, ORDER_BIG, tag);
        builder_put_u32(&b, ORDER_BIG, 0);
        builder_put_u32(&b, ORDER_BIG, rc);
        return b;
}

static void answer_end(const Builder *b) {
        HOLDS(!b->full);
        for (unsigned i = 0; i < 4; ++i)
                tpm.answer[2 + i] = (uint8_t)(b->n >> (24 - 8 * i));
        tpm.n_answer = b->n;
}

static void answer_code(uint32_t rc) {
        Builder b = answer_begin(TPM2_ST_NO_SESSIONS, rc);

        answer_end(&b);
}

static void put_values(Builder *b, Bytes selections) {
        Bytes in = selections, skipped;
        uint32_t n = 0;
        uint16_t id;

        builder_put_u32(b, ORDER_BIG, 7); /* the update counter */
        builder_put(b, selections);
        (void)bytes_take_u32(&in, ORDER_BIG, &n);
        builder_put_u32(b, ORDER_BIG, n);
        for (uint32_t i = 0; i < n; ++i) {
                DigestAlg alg = DIGEST_SHA1;
                uint8_t zeros[DIGEST_SIZE_MAX] = {};

                HOLDS(bytes_take_u16(&in, ORDER_BIG, &id) && bytes_take(&in, 4, &skipped));
                HOLDS(digest_by_tpm_id(id, &alg));
                builder_put_u16(b, ORDER_BIG, (uint16_t)digest_size(alg));
                builder_put(b, bytes_of(zeros, digest_size(alg)));
        }
}

/* TPM 2.0 Library part 1, 16.8 and 17.6.5; the key is empty. */
static void put_session(Builder *b, uint32_t code, Bytes parameters, Bytes nonce_caller,
                        uint8_t attributes) {
        uint8_t head[8] = { [4] = (uint8_t)(code >> 24),
                            (uint8_t)(code >> 16),
                            (uint8_t)(code >> 8),
                            (uint8_t)code };
        uint8_t raw[SHA256_DIGEST_LENGTH + 2 * 64 + 1], nonce[NONCE_SIZE], hashed[ANSWER_MAX];
        Builder hash = builder_on(hashed, sizeof(hashed)), message = builder_on(raw, sizeof(raw));

        memset(nonce, 0x33, sizeof(nonce));
        builder_put(&hash, bytes_of(head, sizeof(head)));
        builder_put(&hash, parameters);
        HOLDS(!hash.full && SHA256(hashed, hash.n, raw));
        message.n = SHA256_DIGEST_LENGTH;
        builder_put(&message, bytes_of(nonce, sizeof(nonce)));
        builder_put(&message, nonce_caller);
        builder_put_u8(&message, attributes);
        HOLDS(!message.full);
        builder_put_u16(b, ORDER_BIG, NONCE_SIZE);
        builder_put(b, bytes_of(nonce, sizeof(nonce)));
        builder_put_u8(b, attributes);
        builder_put_u16(b, ORDER_BIG, SHA256_DIGEST_LENGTH);
        HOLDS(HMAC(EVP_sha256(), "", 0, raw, message.n, hashed, NULL));
        builder_put(b, bytes_of(hashed, SHA256_DIGEST_LENGTH));
}

static void answer_session(uint32_t code, Bytes in) {
        uint8_t raw[ANSWER_MAX], attributes = 0;
        Builder parameters = builder_on(raw, sizeof(raw));
        Bytes nonce, skipped;
        uint16_t n = 0;
        Builder b;

        HOLDS(bytes_take(&in, 8, &skipped)); /* size, handle */
        HOLDS(bytes_take_u16(&in, ORDER_BIG, &n) && bytes_take(&in, n, &nonce));
        HOLDS(bytes_take_u8(&in, &attributes));
        HOLDS(bytes_take_u16(&in, ORDER_BIG, &n) && bytes_take(&in, n, &skipped));
        if ((attributes & TPMA_SESSION_AUDITRESET) != 0)
                tpm.is_exclusive = true;
        if ((attributes & TPMA_SESSION_AUDITEXCLUSIVE) != 0 && !tpm.is_exclusive) {
                answer_code(TPM2_RC_EXCLUSIVE);
                return;
        }
        if (code == TPM2_CC_PCR_Read)
                put_values(&parameters, in);
        b = answer_begin(TPM2_ST_SESSIONS, TPM2_RC_SUCCESS);
        builder_put_u32(&b, ORDER_BIG, (uint32_t)parameters.n);
        builder_put(&b, builder_bytes(&parameters));
        put_session(&b, code, builder_bytes(&parameters), nonce, attributes);
        answer_end(&b);
}

static void answer_plain(uint32_t code) {
        Builder b = answer_begin(TPM2_ST_NO_SESSIONS, TPM2_RC_SUCCESS);
        uint8_t nonce[NONCE_SIZE] = {};

        tpm.is_exclusive = false;
        if (code == TPM2_CC_StartAuthSession) {
                builder_put_u32(&b, ORDER_BIG, SESSION);
                builder_put_u16(&b, ORDER_BIG, NONCE_SIZE);
                builder_put(&b, bytes_of(nonce, sizeof(nonce)));
        } else if (code == TPM2_CC_ReadClock) {
                builder_put(&b, bytes_of((const uint8_t[25]){ [24] = 1 }, 25));
        } else if (code == TPM2_CC_GetCapability) {
                builder_put_u8(&b, 0);
                builder_put_u32(&b, ORDER_BIG, TPM2_CAP_PCRS);
                builder_put_u32(&b, ORDER_BIG, 1);
                builder_put_u16(&b, ORDER_BIG, TPM2_ALG_SHA256);
                builder_put(&b, bytes_of("\3\xff\xff\xff", 4));
        }
        answer_end(&b);
}

static void answer_command(Bytes command, bool *ret_has_hmac) {
        uint32_t size = 0, code = 0, handle = 0;
        uint16_t tag = 0;

        HOLDS(bytes_take_u16(&command, ORDER_BIG, &tag));
        HOLDS(bytes_take_u32(&command, ORDER_BIG, &size) && size == command.n + 6);
        HOLDS(bytes_take_u32(&command, ORDER_BIG, &code));
        *ret_has_hmac = tag == TPM2_ST_SESSIONS;
        if (code == TPM2_CC_PCR_Extend) {
                HOLDS(bytes_take_u32(&command, ORDER_BIG, &handle) && *ret_has_hmac);
                tpm.n_extends += handle != TPM2_RH_NULL;
                tpm.extended = handle;
        }
        if (*ret_has_hmac)
                answer_session(code, command);
        else
                answer_plain(code);
        /* A refusal has none, so nobody can tell who refused. */
        *ret_has_hmac = tpm.answer[1] == (TPM2_ST_SESSIONS & 0xff);
}

/*
 * ... and what becomes of it
 */

static void answer_change(void) {
        uint8_t n = 0, value;
        uint16_t at;

        (void)bytes_take_u8(&tpm.in, &n);
        while (n-- > 0 && bytes_take_u16(&tpm.in, ORDER_LITTLE, &at) &&
               bytes_take_u8(&tpm.in, &value))
                tpm.answer[at % tpm.n_answer] = value;
}

static void answer_raw(void) {
        uint8_t n = 0;
        Bytes part;

        (void)bytes_take_u8(&tpm.in, &n);
        if (!bytes_take(&tpm.in, MIN_OF(n, tpm.in.n), &part))
                return;
        bytes_copy(part, tpm.answer, sizeof(tpm.answer));
        tpm.n_answer = part.n;
}

/* Return: the transport's code for sending. */
static uint32_t answer_spoil(uint8_t how) {
        uint32_t rc = 0;
        uint8_t n = 0;

        switch (how % 8) {
        case 1:
                answer_change();
                break;
        case 2:
                answer_raw();
                break;
        case 3:
                (void)bytes_take_u32(&tpm.in, ORDER_BIG, &rc);
                answer_code(rc);
                break;
        case 4:
                (void)bytes_take_u32(&tpm.in, ORDER_BIG, &tpm.rc);
                break;
        case 5:
                (void)bytes_take_u32(&tpm.in, ORDER_BIG, &rc);
                return rc;
        case 6:
                tpm.is_asking = true;
                break;
        case 7:
                (void)bytes_take_u8(&tpm.in, &n);
                tpm.n_answer = MIN_OF(tpm.n_answer, n);
                break;
        default:
                break;
        }
        return TSS2_RC_SUCCESS;
}

static uint32_t on_transmit(void *data, GuardBelow *below, size_t n, const uint8_t *command) {
        static uint8_t right[ANSWER_MAX];
        bool has_hmac = false;
        uint8_t how = 0;
        size_t n_right;
        uint32_t rc;

        (void)data;
        (void)below;
        tpm.rc = TSS2_RC_SUCCESS;
        tpm.is_asking = false;
        answer_command(bytes_of(command, n), &has_hmac);
        n_right = tpm.n_answer;
        memcpy(right, tpm.answer, n_right);
        (void)bytes_take_u8(&tpm.in, &how);
        rc = answer_spoil(how);
        if (has_hmac && (rc != TSS2_RC_SUCCESS || tpm.rc != TSS2_RC_SUCCESS ||
                         tpm.n_answer != n_right || memcmp(right, tpm.answer, n_right) != 0))
                tpm.is_genuine = false;
        return rc;
}

static uint32_t on_receive(void *data, GuardBelow *below, size_t *n, uint8_t *response,
                           int32_t timeout) {
        (void)data;
        (void)below;
        (void)timeout;
        if (tpm.is_asking) {
                tpm.is_asking = false;
                return TSS2_TCTI_RC_TRY_AGAIN;
        }
        if (tpm.rc != TSS2_RC_SUCCESS)
                return tpm.rc;
        if (!response) {
                *n = tpm.n_answer;
                return TSS2_RC_SUCCESS;
        }
        if (*n < tpm.n_answer)
                return TSS2_TCTI_RC_INSUFFICIENT_BUFFER;
        *n = tpm.n_answer;
        memcpy(response, tpm.answer, tpm.n_answer);
        return TSS2_RC_SUCCESS;
}

/* In place of the loader: nothing is below the hook. */
TSS2_RC Tss2_TctiLdr_Initialize(const char *name, TSS2_TCTI_CONTEXT **context) {
        static TSS2_TCTI_CONTEXT_COMMON_V2 nothing = { .v1.version = 2 };

        (void)name;
        *context = (TSS2_TCTI_CONTEXT *)(void *)&nothing;
        return TSS2_RC_SUCCESS;
}

void Tss2_TctiLdr_Finalize(TSS2_TCTI_CONTEXT **context) {
        *context = NULL;
}

/* Return: 0, or what ends the use of @t. */
static int ask(Tpm *t, const TpmRequest *request) {
        unsigned n_turns = 0;
        TpmReply reply;
        int r;

        tpm.is_genuine = true;
        tpm.n_extends = 0;
        r = tpm_submit(t, request);
        for (; r == 0; ++n_turns) {
                r = tpm_collect(t, &reply);
                if (r != TPM_E_PENDING)
                        break;
                HOLDS(n_turns < 1000);
                r = 0;
                if (tpm.rc != TSS2_RC_SUCCESS)
                        tpm.rc = TSS2_TCTI_RC_IO_ERROR; /* it does not ask for ever */
                else if (!tpm.is_asking && n_turns > 2)
                        answer_code(TPM2_RC_FAILURE);
        }
        HOLDS(tpm.n_extends <= (request->kind == TPM_REQUEST_EXTEND));
        HOLDS(tpm.n_extends == 0 || tpm.extended == request->pcr);
        if (r < 0)
                return r;
        HOLDS(r == 0 && reply.outcome < _TPM_OUTCOME_N);
        if (request->kind == TPM_REQUEST_PROBE || request->kind == TPM_REQUEST_READ ||
            request->kind == TPM_REQUEST_EXTEND)
                HOLDS(reply.outcome != TPM_DONE || tpm.is_genuine);
        if (request->kind == TPM_REQUEST_EXTEND)
                HOLDS(reply.outcome != TPM_DONE || tpm.n_extends == 1);
        return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        static const GuardHook hook = { NULL, on_transmit, on_receive };
        static const DigestSet digests;
        _cleanup_(tpm_freep) Tpm *t = NULL;
        uint8_t fail = 0, kind = 0, pcr = 0, banks = 0;
        uint32_t rc;
        int r;

        memset(&tpm, 0, sizeof(tpm));
        tpm.in = bytes_of(data, n);
        (void)bytes_take_u8(&tpm.in, &fail);
        fail_in(fail);
        r = tpm_open("libtpms:none", &hook, &t, &rc);
        for (unsigned i = 0; r == 0 && i < REQUESTS_MAX; ++i) {
                TpmRequest request = { .digests = &digests };

                if (!bytes_take_u8(&tpm.in, &kind) || !bytes_take_u8(&tpm.in, &pcr) ||
                    !bytes_take_u8(&tpm.in, &banks))
                        break;
                request.kind = (kind & 0x7f) % _TPM_REQUEST_N;
                request.is_fresh = (kind & 0x80) != 0;
                request.pcr = pcr % TPM_PCR_N;
                request.banks = MAX_OF(banks & 0x0fU, 1U);
                r = ask(t, &request);
        }
        HOLDS(r <= 0 || r == TPM_E_NOT_THERE);
        fail_in(0);
        return 0;
}
