/* SPDX-License-Identifier: BSD-2-Clause */
#include "tpm/rc.h"

#include <stdio.h>
#include <tss2/tss2_common.h>
#include <tss2/tss2_tpm2_types.h>

#include "base/util.h"

/* A format-one code of the TPM without the parameter, handle or session that it speaks of. */
#define RC_FORMAT_ONE_BASE(rc) ((rc) & (TPM2_RC_FMT1 | 0x3fU))
/* ... and whether that is a session: TPM 2.0 Library part 2, 6.6.3 (TPM_RC_S). */
#define RC_IS_OF_SESSION(rc) (((rc) & (TPM2_RC_S | TPM2_RC_P)) == TPM2_RC_S)

/* TPM 2.0 Library part 2, table 16; reactions: what plan does with each outcome. */
static const struct {
        uint32_t rc;
        TpmOutcome outcome;
        const char *name;
} rc_table[] = {
        { TPM2_RC_SUCCESS, TPM_DONE, "TPM_RC_SUCCESS" },
        { TPM2_RC_EXCLUSIVE, TPM_EXCLUSIVE, "TPM_RC_EXCLUSIVE" },
        /* Up, but without TPM2_Startup: that is the firmware's or kernel's to send, never ours. */
        { TPM2_RC_INITIALIZE, TPM_ABSENT, "TPM_RC_INITIALIZE" },
        { TPM2_RC_FAILURE, TPM_FAILED, "TPM_RC_FAILURE" },
        { TPM2_RC_UPGRADE, TPM_FAILED, "TPM_RC_UPGRADE" },
        { TPM2_RC_REBOOT, TPM_FAILED, "TPM_RC_REBOOT" },
        { TPM2_RC_YIELDED, TPM_BUSY, "TPM_RC_YIELDED" },
        { TPM2_RC_CANCELED, TPM_BUSY, "TPM_RC_CANCELED" },
        { TPM2_RC_TESTING, TPM_BUSY, "TPM_RC_TESTING" },
        { TPM2_RC_RETRY, TPM_BUSY, "TPM_RC_RETRY" },
        { TPM2_RC_NV_RATE, TPM_LATER, "TPM_RC_NV_RATE" },
        { TPM2_RC_NV_UNAVAILABLE, TPM_LATER, "TPM_RC_NV_UNAVAILABLE" },
        { TPM2_RC_LOCKOUT, TPM_LATER, "TPM_RC_LOCKOUT" },
        { TPM2_RC_CONTEXT_GAP, TPM_BUSY, "TPM_RC_CONTEXT_GAP" },
        { TPM2_RC_OBJECT_MEMORY, TPM_BUSY, "TPM_RC_OBJECT_MEMORY" },
        { TPM2_RC_SESSION_MEMORY, TPM_BUSY, "TPM_RC_SESSION_MEMORY" },
        { TPM2_RC_MEMORY, TPM_BUSY, "TPM_RC_MEMORY" },
        { TPM2_RC_SESSION_HANDLES, TPM_BUSY, "TPM_RC_SESSION_HANDLES" },
        { TPM2_RC_OBJECT_HANDLES, TPM_BUSY, "TPM_RC_OBJECT_HANDLES" },
        { TPM2_RC_REFERENCE_S0, TPM_SESSION_LOST, "TPM_RC_REFERENCE_S0" },
        { TPM2_RC_REFERENCE_S1, TPM_SESSION_LOST, "TPM_RC_REFERENCE_S1" },
        { TPM2_RC_PCR, TPM_REFUSED, "TPM_RC_PCR" },
        { TPM2_RC_LOCALITY, TPM_REFUSED, "TPM_RC_LOCALITY" },
        { TPM2_RC_COMMAND_CODE, TPM_REFUSED, "TPM_RC_COMMAND_CODE" },
        { TPM2_RC_BAD_AUTH, TPM_REFUSED, "TPM_RC_BAD_AUTH" },
        { TPM2_RC_AUTH_FAIL, TPM_REFUSED, "TPM_RC_AUTH_FAIL" },
        { TPM2_RC_HANDLE, TPM_REFUSED, "TPM_RC_HANDLE" },
        { TPM2_RC_NONCE, TPM_REFUSED, "TPM_RC_NONCE" },
        { TPM2_RC_VALUE, TPM_REFUSED, "TPM_RC_VALUE" },
        { TPM2_RC_HASH, TPM_REFUSED, "TPM_RC_HASH" },
        { TPM2_RC_SIZE, TPM_REFUSED, "TPM_RC_SIZE" },
        { TPM2_RC_ATTRIBUTES, TPM_REFUSED, "TPM_RC_ATTRIBUTES" },
};

static uint32_t rc_base(uint32_t rc) {
        return rc & TPM2_RC_FMT1 ? RC_FORMAT_ONE_BASE(rc) : rc;
}

/* The session named in a format-one code is unknown to the TPM, or counts other nonces than we. */
static bool rc_is_lost_session(uint32_t rc) {
        uint32_t base = rc_base(rc);

        return (rc & TPM2_RC_FMT1) && RC_IS_OF_SESSION(rc) &&
               (base == TPM2_RC_BAD_AUTH || base == TPM2_RC_AUTH_FAIL || base == TPM2_RC_HANDLE ||
                base == TPM2_RC_NONCE);
}

static TpmOutcome rc_outcome_of_tpm(uint32_t rc) {
        if (rc_is_lost_session(rc))
                return TPM_SESSION_LOST;
        for (size_t i = 0; i < ELEMENTSOF(rc_table); ++i)
                if (rc_table[i].rc == rc_base(rc))
                        return rc_table[i].outcome;
        /* Any other format-one code names a fault of the command: it will be the same again. */
        return rc & TPM2_RC_FMT1 ? TPM_REFUSED : TPM_UNKNOWN;
}

/**
 * rc_outcome() - what a response code means for us
 * @rc: a TSS2_RC of any layer
 *
 * Codes of the transport say nothing about whether the command was executed: UNKNOWN, but where
 * there is no connection at all.
 *
 * Return: the outcome.
 */
TpmOutcome rc_outcome(uint32_t rc) {
        uint32_t layer = rc & TSS2_RC_LAYER_MASK, rest = rc & ~TSS2_RC_LAYER_MASK;

        switch (layer) {
        case TSS2_TPM_RC_LAYER:
                return rc_outcome_of_tpm(rest);
        case TSS2_RESMGR_TPM_RC_LAYER:
                /* Success can only come from the TPM. */
                return rest == TPM2_RC_SUCCESS ? TPM_UNKNOWN : rc_outcome_of_tpm(rest);
        case TSS2_TCTI_RC_LAYER:
                return rest == TSS2_BASE_RC_NO_CONNECTION ? TPM_ABSENT : TPM_UNKNOWN;
        case TSS2_RESMGR_RC_LAYER:
                /* Linux tpm-dev-common.c, tpm_dev_transmit(): the kernel's manager counts its layer
                 * from another table; it says this and nothing else, and has sent nothing. */
                return rest == TPM2_RC_COMMAND_CODE ? TPM_REFUSED : TPM_UNKNOWN;
        default:
                return TPM_UNKNOWN;
        }
}

/**
 * rc_is_try_again() - is the answer merely not there yet?
 * @rc: a TSS2_RC of any layer
 *
 * Return: whether it is.
 */
bool rc_is_try_again(uint32_t rc) {
        return (rc & TSS2_RC_LAYER_MASK) != TSS2_TPM_RC_LAYER &&
               (rc & ~TSS2_RC_LAYER_MASK) == TSS2_BASE_RC_TRY_AGAIN;
}

/* tss2_common.h, TSS2_BASE_RC_*: those that people meet. */
static const char *rc_transport_text(uint32_t rest) {
        switch (rest) {
        case TSS2_BASE_RC_IO_ERROR:
                return "it cannot be opened, read or written";
        case TSS2_BASE_RC_NO_CONNECTION:
                return "nobody is there";
        case TSS2_BASE_RC_TRY_AGAIN:
                return "it is in use";
        case TSS2_BASE_RC_BAD_VALUE:
                return "its configuration is wrong";
        case TSS2_BASE_RC_NOT_SUPPORTED:
        case TSS2_BASE_RC_NOT_IMPLEMENTED:
                return "not supported";
        case TSS2_BASE_RC_NOT_PERMITTED:
                return "this command may not be sent";
        case TSS2_BASE_RC_MALFORMED_RESPONSE:
                return "the answer makes no sense";
        default:
                return "it failed";
        }
}

/**
 * rc_text() - a response code for people
 * @rc:       a TSS2_RC of any layer
 * @ret_text: @max bytes, NUL-terminated
 * @max:      room at @ret_text, at least RC_TEXT_SIZE
 *
 * Names come from our own table: the decoder of the TSS trusts layers that it should not
 * (CVE-2023-22745).
 */
void rc_text(uint32_t rc, char *ret_text, size_t max) {
        uint32_t layer = rc & TSS2_RC_LAYER_MASK, rest = rc & ~TSS2_RC_LAYER_MASK;

        if (layer == TSS2_TCTI_RC_LAYER) {
                (void)snprintf(ret_text, max, "transport: %s (0x%08x)", rc_transport_text(rest),
                               rc);
                return;
        }
        for (size_t i = 0; i < ELEMENTSOF(rc_table); ++i)
                if (layer == TSS2_TPM_RC_LAYER && rc_table[i].rc == rc_base(rest)) {
                        (void)snprintf(ret_text, max, "%s (0x%03x)", rc_table[i].name, rc);
                        return;
                }
        (void)snprintf(ret_text, max, "response code 0x%08x", rc);
}
