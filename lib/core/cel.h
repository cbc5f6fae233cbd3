/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cel.h -- records as the TCG Canonical Event Log has them, in its JSON form. Pure.
 *
 * An array; a record is
 *   {"recnum": from 0 for each PCR, "pcr", "digests": [{"hashAlg", "digest"}], "content_type":
 *   "ima_template", "content": {"template_name", "template_data"}}
 * with hex in lower case. The digests are what is extended (ones for a violation); template_data is
 * what is hashed, so of template 'ima' the padded name.
 *
 * Source: TCG CEL Information Model 1.1, 4.2.2 (recnum), 5.3 (JSON).
 */
#pragma once

#include "core/render.h"

typedef struct Cel {
        uint64_t n_put;
        uint64_t n[MLIST_PCR_N]; /* records of each PCR that came */
} Cel;

void cel_init(Cel *c);
void cel_skip(Cel *c, const MlistRecord *record);
void cel_put_json(Cel *c, const MlistRecord *record, BankMask banks, const DigestSet *digests,
                  const RenderSink *to);
void cel_end_json(Cel *c, const RenderSink *to);
