/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cas.h -- compare-and-swap on a PCR: the exclusive audit session, as a codec. No I/O.
 *
 * A command in the session that asks for `auditExclusive` is refused with TPM_RC_EXCLUSIVE when
 * any other command came in between: read the PCR, extend it, and nobody was there. The HMAC of
 * each command is ours: it binds the command to the nonce that the TPM gave last, so a command
 * that was delivered late, or twice, is refused too. (With an empty HMAC, which the TPM accepts
 * for a session without secrets, an identical command passes twice: measured.) The session is
 * unsalted and unbound, so the HMAC key is empty: this is order, not secrecy.
 *
 * TPM 2.0 Library part 1, 17.6 (HMAC sessions), 17.7 (nonces), 32.3 (exclusive audit sessions).
 */
#pragma once

#include <openssl/evp.h>
#include <tss2/tss2_tpm2_types.h>

#include "base/bytes.h"
#include "core/digest.h"

#define CAS_NONCE_SIZE 16U

/* continueSession | audit, and what a command adds: part 2, 8.4 (TPMA_SESSION). */
#define CAS_ATTRIBUTES (TPMA_SESSION_CONTINUESESSION | TPMA_SESSION_AUDIT)
#define CAS_FRESH      TPMA_SESSION_AUDITRESET
#define CAS_EXCLUSIVE  TPMA_SESSION_AUDITEXCLUSIVE

typedef struct Cas {
        bool is_live; /* in step with the TPM: commands may use it */
        bool is_held; /* the TPM may still hold it: to be flushed */
        TPM2_HANDLE handle;
        TPM2B_NONCE nonce_tpm;
        TPM2B_NONCE nonce_caller;
        Hasher *sha256;
        EVP_MAC_CTX *mac;
} Cas;

enum {
        _CAS_E_SUCCESS,
        CAS_E_FORGED, /* the response does not have the HMAC that it must have */
};

int cas_init(Cas *c);
void cas_deinit(Cas *c);
int cas_begin(Cas *c);
void cas_begun(Cas *c, TPM2_HANDLE handle, const TPM2B_NONCE *nonce_tpm);
void cas_forget(Cas *c);
int cas_command(Cas *c, TPM2_CC code, Bytes names, Bytes parameters, TPMA_SESSION attributes,
                TPMS_AUTH_COMMAND *ret_auth);
int cas_response(Cas *c, TPM2_CC code, Bytes parameters, const TPMS_AUTH_RESPONSE *auth);
