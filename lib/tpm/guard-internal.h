/* SPDX-License-Identifier: BSD-2-Clause */
/* guard-internal.h -- the guard as a TCTI; only tpm.c puts it in place. */
#pragma once

#include <tss2/tss2_tcti.h>

#include "tpm/guard.h"

struct GuardBelow {
        TSS2_TCTI_CONTEXT *tcti;
};

/* Begins as a TCTI context, so that the TSS can be handed it. */
typedef struct Guard {
        TSS2_TCTI_CONTEXT_COMMON_V2 common;
        GuardBelow below;
        GuardHook hook;
} Guard;

void guard_init(Guard *g, TSS2_TCTI_CONTEXT *below, const GuardHook *hook);
TSS2_TCTI_CONTEXT *guard_tcti(Guard *g);
