/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * raw.h -- commands of a TPM made by hand, and answers taken apart: what the tests send as somebody
 * else, and how they look at a TPM without the code under test.
 *
 * Include after cmocka-all.h.
 */
#pragma once

#include "base/bytes.h"
#include "core/digest.h"

#define RAW_COMMAND_MAX 1024U
#define RAW_NONCE_SIZE  16U

#define FOUR_BANKS                                                                                 \
        (BANK(DIGEST_SHA1) | BANK(DIGEST_SHA256) | BANK(DIGEST_SHA384) | BANK(DIGEST_SHA512))

typedef struct Raw {
        uint8_t data[RAW_COMMAND_MAX];
        size_t n;
} Raw;

Bytes raw_bytes(const Raw *c);

/* Without a session. */
Raw raw_get_random(void);
Raw raw_read_clock(void);
Raw raw_pcr_read(uint32_t pcr, BankMask banks);
Raw raw_flush(uint32_t handle);
Raw raw_start_session(void);
Raw raw_context_save(uint32_t handle);
Raw raw_context_load(Bytes context);
Raw raw_handles(uint32_t first);

/* With the empty password of a PCR. */
Raw raw_extend(uint32_t pcr, BankMask banks, const DigestSet *digests);

/* In an audit session, with a nonce and no HMAC at all. */
Raw raw_session_read(uint32_t session, uint8_t attributes, uint32_t pcr, BankMask banks);
Raw raw_session_extend(uint32_t session, uint8_t attributes, uint32_t pcr, BankMask banks,
                       const DigestSet *digests);

typedef struct RawExtend {
        uint32_t pcr;
        uint32_t session;
        BankMask banks;
        DigestSet digests;
} RawExtend;

void raw_parse_extend(Bytes command, RawExtend *ret);
void raw_parse_values(Bytes response, uint32_t *ret_counter, BankMask *ret_banks,
                      DigestSet *ret_values);
Bytes raw_body(Bytes response);

/* The parameters of a session response, and the same response with others and a right HMAC. */
Bytes raw_parameters(Bytes response);
void raw_forge(Bytes command, Bytes parameters, uint8_t *response, size_t *n);
