/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tpm-internal.h -- shared by tpm.c (requests) and tpm-command.c (single commands).
 */
#pragma once

#include <tss2/tss2_sys.h>

#include "tpm/cas.h"
#include "tpm/guard-internal.h"
#include "tpm/tpm.h"

/* The command that is on its way. */
typedef enum TpmStage {
        TPM_STAGE_IDLE,
        TPM_STAGE_BANKS,
        TPM_STAGE_CLOCK,
        TPM_STAGE_START,         /* TPM2_StartAuthSession */
        TPM_STAGE_PROBE_FRESH,   /* PCR_Extend(TPM_RH_NULL) that begins a proof */
        TPM_STAGE_PROBE_AGAIN,   /* the same, exclusive: must pass */
        TPM_STAGE_PROBE_FOREIGN, /* a command outside the session */
        TPM_STAGE_PROBE_REFUSED, /* exclusive again: must be refused now */
        TPM_STAGE_READ,
        TPM_STAGE_EXTEND,
        TPM_STAGE_FLUSH,
        _TPM_STAGE_N,
} TpmStage;

struct Tpm {
        TSS2_TCTI_CONTEXT *tcti;
        Guard guard;
        TSS2_SYS_CONTEXT *sys;
        Cas cas;
        TpmRequest request;
        TpmStage stage;
        BankMask wanted; /* of READ: banks still to come */
        bool has_reply;
        TpmReply reply;
};

TPM2_CC command_code(TpmStage stage);
int command_send(Tpm *t, TSS2_RC *ret_rc);
int command_check(Tpm *t, bool *ret_genuine);
TSS2_RC command_complete(Tpm *t);
