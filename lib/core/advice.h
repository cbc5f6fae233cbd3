/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * advice.h -- the one table of cause, effect and cure: behind the hints of the gate and `doctor`.
 * Pure.
 */
#pragma once

#include "core/machine.h"

/* In the order of cause and effect. */
typedef enum Advice {
        ADVICE_NONE,
        ADVICE_SECURITYFS,
        ADVICE_IMA_ABSENT,
        ADVICE_IMA_POLICY,
        ADVICE_IMA_BYPASS,
        ADVICE_IMA_MIXED,
        ADVICE_PKVM_FAILED,
        ADVICE_PKVM_UNKNOWN,
        ADVICE_FFA_NO_FIRMWARE,
        ADVICE_FFA_NO_PARTITION,
        ADVICE_FFA_FAILED,
        ADVICE_FFA_EMPTY,
        ADVICE_FFA_ANONYMOUS,
        ADVICE_FFA_PKVM_BUG,
        ADVICE_FFA_VERSION,
        ADVICE_FFA_NO_MESSAGES,
        ADVICE_FFA_INCOMPATIBLE,
        ADVICE_FFA_UNBOUND,
        ADVICE_FFA_NO_CRB,
        ADVICE_FFA_FIRST,
        ADVICE_CRB_STUB,
        ADVICE_TEE_SUPPLICANT,
        ADVICE_NOT_LOADED,
        ADVICE_NOT_BUILT,
        ADVICE_DRIVER_FAILED,
        ADVICE_DRIVER_STARTS,
        ADVICE_TPM_UNKNOWN,
        ADVICE_TPM_NONE,
        ADVICE_TPM_SOFTWARE,
        ADVICE_TPM_OTHER,
        ADVICE_TPM_12,
        ADVICE_TPM_FAILURE,
        ADVICE_NODE_ABSENT,
        ADVICE_NODE_DENIED,
        ADVICE_BANKS_NONE,
        ADVICE_PCR_FOREIGN,
        ADVICE_OTHER_PROGRAM,
        ADVICE_OTHER_SYSTEMD,
        _ADVICE_N,
} Advice;

typedef struct AdviceRow {
        const char *name; /* for scripts; never changed */
        const char *cause;
        const char *effect;
        const char *cure;
} AdviceRow;

/* Room for any cause, effect or cure, and for cause and cure in one line. */
#define ADVICE_TEXT_MAX 512U
#define ADVICE_HINT_MAX (2 * ADVICE_TEXT_MAX)

const AdviceRow *advice_row(Advice advice);
const char *advice_module(KernelPart part);
const char *advice_option(KernelPart part);
void advice_write(const char *text, KernelPart part, char *ret_text, size_t max);
void advice_hint(Advice advice, KernelPart part, char *ret_text, size_t max);
