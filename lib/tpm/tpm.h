/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tpm.h -- requests to a TPM: submitted, then collected; one at a time; nothing ever resent.
 *
 * Over Tss2_Sys_*, not ESYS: ESYS repeats a command by itself when the TPM asks for it, and a TPM
 * that executed before it asked would then extend twice.
 */
#pragma once

#include "core/outcome.h"
#include "tpm/guard.h"

typedef enum TpmRequestKind {
        TPM_REQUEST_BANKS,  /* TPM2_GetCapability(PCRS) */
        TPM_REQUEST_CLOCK,  /* TPM2_ReadClock */
        TPM_REQUEST_PROBE,  /* does the guard work, with these banks? On TPM_RH_NULL only */
        TPM_REQUEST_READ,   /* TPM2_PCR_Read of all banks of a PCR, in the session */
        TPM_REQUEST_EXTEND, /* TPM2_PCR_Extend, exclusive, in the session */
        TPM_REQUEST_FLUSH,  /* end the session */
        _TPM_REQUEST_N,
} TpmRequestKind;

typedef struct TpmRequest {
        TpmRequestKind kind;
        uint32_t pcr;
        BankMask banks;
        bool is_fresh;            /* READ: begin a session if there is none, reset its audit */
        const DigestSet *digests; /* EXTEND: borrowed until collected */
} TpmRequest;

typedef struct TpmReply {
        TpmOutcome outcome;
        uint32_t rc;      /* TSS2_RC behind the outcome, for messages */
        TpmBanks banks;   /* of BANKS */
        TpmClock clock;   /* of CLOCK */
        DigestSet values; /* of READ */
} TpmReply;

enum {
        _TPM_E_SUCCESS,
        TPM_E_PENDING,   /* the TPM still works: collect again when its fd is readable */
        TPM_E_NOT_THERE, /* no TPM can be opened under this name */
};

typedef struct Tpm Tpm;

int tpm_open(const char *tcti, const GuardHook *hook, Tpm **ret_tpm, uint32_t *ret_rc);
Tpm *tpm_free(Tpm *t);
DEFINE_CLEANUP(Tpm, tpm_free);
int tpm_submit(Tpm *t, const TpmRequest *r);
int tpm_collect(Tpm *t, TpmReply *ret_reply);
int tpm_fd(const Tpm *t);
