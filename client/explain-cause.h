/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * explain-cause.h -- what `ima-replayctl explain` says about the cause of a violation.
 */
#pragma once

#include "client/input.h"
#include "core/violation.h"

typedef struct ExplainCause {
        ViolationCause cause;
        bool is_seen; /* every record of the list was looked at */
} ExplainCause;

int explain_cause(const CtlOptions *o, const ListInput *input, const MlistRecord *record,
                  uint64_t position, ExplainCause *ret_cause);
const char *explain_cause_text(const ExplainCause *cause);
