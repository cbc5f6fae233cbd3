/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verb-diff.h -- what `ima-replayctl diff` found, between who finds it and who shows it.
 */
#pragma once

#include "client/diff.h"
#include "client/input.h"

typedef struct DiffRun {
        const CtlOptions *o;
        ListInput input[2];
        Hasher *hasher;
        uint64_t n_records[2];
        uint64_t n_common; /* records that both begin with */
        bool is_limited;
        bool same_order, same_alg; /* of both lists */
        bool is_cut;               /* one of them could not be read to its end */
        size_t n_text;
        DiffSide side[2]; /* behind the common beginning */
} DiffRun;

bool diff_is_same(const DiffRun *run);
int diff_report(const DiffRun *run);
int diff_report_json(const DiffRun *run);
