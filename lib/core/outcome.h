/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * outcome.h -- what the TPM said, in the words that decisions need.
 *
 * lib/tpm makes these from response codes and transport errors; core/plan acts on them. Whatever
 * is not DONE leaves the question open whether the command was executed, but for EXCLUSIVE: the
 * TPM says itself that it refused.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/digest.h"

/* PCRs of a TPM: TCG PC Client Platform TPM Profile, 4.6. */
#define TPM_PCR_N 24U

typedef enum TpmOutcome {
        TPM_DONE,      /* executed, and the answer's HMAC is right where there is one */
        TPM_ABSENT,    /* no TPM there, not started up, or the transport is gone */
        TPM_BUSY,      /* it asks for patience, or has no room for a session */
        TPM_LATER,     /* it asks for seconds of it: NV is rate limited, somebody is locked out */
        TPM_REFUSED,   /* it says no, and will say so again */
        TPM_FAILED,    /* failure mode, or it wants an upgrade or a reboot */
        TPM_UNKNOWN,   /* sent; no answer, or one that makes no sense */
        TPM_EXCLUSIVE, /* refused: another command came between (TPM_RC_EXCLUSIVE) */
        TPM_SESSION_LOST, /* refused: the audit session is gone or out of step */
        TPM_TAMPERED,     /* answered, and the answer's HMAC is wrong */
        _TPM_OUTCOME_N,
} TpmOutcome;

/* Values that say whether a TPM was reset: TPM 2.0 Library part 2, 10.11.1 (TPMS_CLOCK_INFO). */
typedef struct TpmClock {
        uint64_t time_msec; /* since the last _TPM_Init */
        uint32_t reset_count;
        uint32_t restart_count;
} TpmClock;

/* The banks of a TPM, by PCR. */
typedef struct TpmBanks {
        BankMask of[TPM_PCR_N];      /* that can be calculated here */
        bool has_unknown[TPM_PCR_N]; /* another one is allocated */
        uint16_t unknown_id;         /* TPM_ALG_ID of one such bank, for messages */
        bool other_than_sha1;        /* some PCR has a bank that is not sha1 */
} TpmBanks;
