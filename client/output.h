/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * output.h -- how results look: marks, colour where a terminal takes it, short digests.
 */
#pragma once

#include "client/ctl.h"
#include "core/verify.h"

typedef enum Mark {
        MARK_GOOD,
        MARK_BAD,
        MARK_NOTE,
        _MARK_N,
} Mark;

/* A short digest shows 8 bytes: enough for people, never for a decision. */
#define OUTPUT_DIGEST_MAX 136U

const char *output_mark(Mark mark);
const char *output_digest(const CtlOptions *o, DigestAlg alg, const Digest *digest,
                          char text[static OUTPUT_DIGEST_MAX]);
int output_json_pcrs(BankMask banks, size_t n_pcrs, const BankMask of[],
                     const DigestSet *const values[], Json **ret_map);
int output_flush(void);
