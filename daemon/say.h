/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * say.h -- what the service tells people: once per fact, when it becomes one.
 *
 * A healthy boot says four lines: started, the TPM is there, the backlog is in it, following.
 */
#pragma once

#include "daemon/extender.h"

/* What was said last; zeroed: nothing. */
typedef struct Say {
        bool has_started, has_tpm, has_caught_up, has_misfit;
        PlanState state;
        PlanReason reason;
        ChainState chain[TPM_PCR_N];
        SpoolTrouble spool;
        int anchor_error;
        bool has_said_anchor, has_said_firmware;
        uint64_t n_trimmed;
} Say;

void say_news(Say *s, const Extender *x, uint64_t now_usec);
void say_stopped(const Extender *x, uint64_t now_usec);
int say_verdict(const Extender *x);
