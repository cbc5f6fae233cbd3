/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench.h -- a Tpm on a new software TPM, with a hook between, and looks at that TPM past the Tpm.
 *
 * Include after cmocka-all.h.
 */
#pragma once

#include "unit/fixture.h"
#include "lib/hook.h"
#include "fault/raw.h"
#include "tpm/tpm.h"

typedef struct Bench {
        Hook hook;
        Tpm *tpm;
        TpmReply reply;
} Bench;

int bench_open(void **state);
int bench_close(void **state);
void bench_reopen(Bench *b);

TpmOutcome bench_ask(Bench *b, const TpmRequest *request);
TpmOutcome bench_read(Bench *b, uint32_t pcr, bool is_fresh);
TpmOutcome bench_extend(Bench *b, uint32_t pcr, const DigestSet *digests);
TpmOutcome bench_plain(Bench *b, TpmRequestKind kind);

/* A PCR as somebody else reads it, and as it must be after an extend. */
uint32_t bench_look(Bench *b, uint32_t pcr, DigestSet *ret_values);
void bench_expect(DigestSet *value, const DigestSet *digests);
DigestSet bench_digests(uint8_t seed);
void assert_values_equal(const DigestSet *a, const DigestSet *b);
