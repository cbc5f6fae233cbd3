/* SPDX-License-Identifier: BSD-2-Clause */
#include "tpm/tpm-internal.h"

#include <assert.h>
#include <string.h>
#include <tss2/tss2_mu.h>

#include "base/error.h"

static bool stage_uses_session(TpmStage stage) {
        switch (stage) {
        case TPM_STAGE_PROBE_FRESH:
        case TPM_STAGE_PROBE_AGAIN:
        case TPM_STAGE_PROBE_REFUSED:
        case TPM_STAGE_READ:
        case TPM_STAGE_EXTEND:
                return true;
        case TPM_STAGE_IDLE:
        case TPM_STAGE_BANKS:
        case TPM_STAGE_CLOCK:
        case TPM_STAGE_START:
        case TPM_STAGE_PROBE_FOREIGN:
        case TPM_STAGE_FLUSH:
        case _TPM_STAGE_N:
                return false;
        }
        return false;
}

/**
 * command_code() - TPM_CC of the command of a stage
 * @stage: the stage
 *
 * Return: the code; 0 when idle.
 */
TPM2_CC command_code(TpmStage stage) {
        static const TPM2_CC codes[_TPM_STAGE_N] = {
                [TPM_STAGE_BANKS] = TPM2_CC_GetCapability,
                [TPM_STAGE_CLOCK] = TPM2_CC_ReadClock,
                [TPM_STAGE_START] = TPM2_CC_StartAuthSession,
                [TPM_STAGE_PROBE_FRESH] = TPM2_CC_PCR_Extend,
                [TPM_STAGE_PROBE_AGAIN] = TPM2_CC_PCR_Extend,
                [TPM_STAGE_PROBE_FOREIGN] = TPM2_CC_ReadClock,
                [TPM_STAGE_PROBE_REFUSED] = TPM2_CC_PCR_Extend,
                [TPM_STAGE_READ] = TPM2_CC_PCR_Read,
                [TPM_STAGE_EXTEND] = TPM2_CC_PCR_Extend,
                [TPM_STAGE_FLUSH] = TPM2_CC_FlushContext,
        };

        return codes[stage];
}

static TPMI_DH_PCR command_pcr(const Tpm *t) {
        return t->stage == TPM_STAGE_EXTEND ? t->request.pcr : TPM2_RH_NULL;
}

static TSS2_RC prepare_start(Tpm *t) {
        const TPM2B_ENCRYPTED_SECRET no_salt = { .size = 0 };
        const TPMT_SYM_DEF no_encryption = { .algorithm = TPM2_ALG_NULL };

        return Tss2_Sys_StartAuthSession_Prepare(t->sys, TPM2_RH_NULL, TPM2_RH_NULL,
                                                 &t->cas.nonce_caller, &no_salt, TPM2_SE_HMAC,
                                                 &no_encryption, TPM2_ALG_SHA256);
}

/* Zeros do for TPM_RH_NULL: nothing is extended. */
static TSS2_RC prepare_extend(Tpm *t) {
        TPML_DIGEST_VALUES values = {};

        FOREACH_BANK(alg, t->request.banks) {
                TPMT_HA *v = &values.digests[values.count++];

                v->hashAlg = digest_tpm_id(alg);
                if (t->stage == TPM_STAGE_EXTEND)
                        memcpy(&v->digest, t->request.digests->of[alg].data, digest_size(alg));
        }
        return Tss2_Sys_PCR_Extend_Prepare(t->sys, command_pcr(t), &values);
}

static TSS2_RC prepare_read(Tpm *t) {
        TPML_PCR_SELECTION selection = {};

        FOREACH_BANK(alg, t->wanted) {
                TPMS_PCR_SELECTION *s = &selection.pcrSelections[selection.count++];

                s->hash = digest_tpm_id(alg);
                s->sizeofSelect = TPM_PCR_N / 8;
                s->pcrSelect[t->request.pcr / 8] = (BYTE)(1U << t->request.pcr % 8);
        }
        return Tss2_Sys_PCR_Read_Prepare(t->sys, &selection);
}

static TSS2_RC command_marshal(Tpm *t) {
        switch (t->stage) {
        case TPM_STAGE_BANKS:
                return Tss2_Sys_GetCapability_Prepare(t->sys, TPM2_CAP_PCRS, 0, 1);
        case TPM_STAGE_CLOCK:
        case TPM_STAGE_PROBE_FOREIGN:
                return Tss2_Sys_ReadClock_Prepare(t->sys);
        case TPM_STAGE_START:
                return prepare_start(t);
        case TPM_STAGE_PROBE_FRESH:
        case TPM_STAGE_PROBE_AGAIN:
        case TPM_STAGE_PROBE_REFUSED:
        case TPM_STAGE_EXTEND:
                return prepare_extend(t);
        case TPM_STAGE_READ:
                return prepare_read(t);
        case TPM_STAGE_FLUSH:
                return Tss2_Sys_FlushContext_Prepare(t->sys, t->cas.handle);
        case TPM_STAGE_IDLE:
        case _TPM_STAGE_N:
                break;
        }
        assert(false);
        return TSS2_SYS_RC_BAD_SEQUENCE;
}

/* What the command asks of the session, besides being audited by it. */
static TPMA_SESSION command_attributes(const Tpm *t) {
        if (t->stage == TPM_STAGE_PROBE_FRESH)
                return CAS_FRESH;
        if (t->stage != TPM_STAGE_READ || t->wanted != t->request.banks)
                return CAS_EXCLUSIVE; /* also the banks that a first read did not give */
        return t->request.is_fresh ? CAS_FRESH : 0;
}

/* The session both authorizes (the PCR's empty auth) and audits the command. */
static int command_authorize(Tpm *t, TSS2_RC *ret_rc) {
        TSS2L_SYS_AUTH_COMMAND auths = { .count = 1 };
        uint8_t name[sizeof(TPM2_HANDLE)];
        Builder names = builder_on(name, sizeof(name));
        const uint8_t *parameters;
        size_t n;
        int r;

        *ret_rc = Tss2_Sys_GetCpBuffer(t->sys, &n, &parameters);
        if (*ret_rc != TSS2_RC_SUCCESS)
                return 0;
        /* The name of a PCR or permanent handle is the handle: part 1, 16. PCR_Read has none. */
        if (t->stage != TPM_STAGE_READ)
                builder_put_u32(&names, ORDER_BIG, command_pcr(t));
        r = cas_command(&t->cas, command_code(t->stage), builder_bytes(&names),
                        bytes_of(parameters, n),
                        (TPMA_SESSION)(CAS_ATTRIBUTES | command_attributes(t)), &auths.auths[0]);
        if (r < 0)
                return error_trace(r);
        *ret_rc = Tss2_Sys_SetCmdAuths(t->sys, &auths);
        return 0;
}

/**
 * command_send() - marshal, authorize and transmit the command of the stage
 * @t:      the TPM, its stage set
 * @ret_rc: TSS2_RC of what failed, or success
 *
 * Return: 0, or -EIO when OpenSSL fails.
 */
int command_send(Tpm *t, TSS2_RC *ret_rc) {
        TSS2_RC rc;
        int r;

        rc = command_marshal(t);
        if (rc == TSS2_RC_SUCCESS && stage_uses_session(t->stage)) {
                r = command_authorize(t, &rc);
                if (r < 0)
                        return error_trace(r);
        }
        if (rc == TSS2_RC_SUCCESS)
                rc = Tss2_Sys_ExecuteAsync(t->sys);
        *ret_rc = rc;
        return 0;
}

/**
 * command_check() - is a successful response of the TPM that holds the session?
 * @t:           the TPM
 * @ret_genuine: whether its HMAC is right (true where there is no session), set on success only
 *
 * Return: 0, or -EIO when OpenSSL fails.
 */
int command_check(Tpm *t, bool *ret_genuine) {
        TSS2L_SYS_AUTH_RESPONSE auths = {};
        const uint8_t *parameters;
        size_t n;
        int r;

        if (!stage_uses_session(t->stage)) {
                *ret_genuine = true;
                return 0;
        }
        if (Tss2_Sys_GetRspAuths(t->sys, &auths) != TSS2_RC_SUCCESS || auths.count != 1 ||
            Tss2_Sys_GetRpBuffer(t->sys, &n, &parameters) != TSS2_RC_SUCCESS) {
                *ret_genuine = false;
                return 0;
        }
        r = cas_response(&t->cas, command_code(t->stage), bytes_of(parameters, n), &auths.auths[0]);
        if (r < 0)
                return error_trace(r);
        *ret_genuine = r == 0;
        return 0;
}

static TSS2_RC complete_banks(Tpm *t) {
        TPMS_CAPABILITY_DATA data;
        const uint8_t *p;
        size_t n, at = 0;
        BYTE more;

        /* Not Tss2_Sys_GetCapability_Complete(): it reads on behind the end of a short answer. */
        if (Tss2_Sys_GetRpBuffer(t->sys, &n, &p) != TSS2_RC_SUCCESS ||
            Tss2_MU_BYTE_Unmarshal(p, n, &at, &more) != TSS2_RC_SUCCESS ||
            Tss2_MU_TPMS_CAPABILITY_DATA_Unmarshal(p, n, &at, &data) != TSS2_RC_SUCCESS || at != n)
                return TSS2_SYS_RC_MALFORMED_RESPONSE;
        if (data.capability != TPM2_CAP_PCRS || more ||
            data.data.assignedPCR.count > ELEMENTSOF(data.data.assignedPCR.pcrSelections))
                return TSS2_SYS_RC_MALFORMED_RESPONSE;
        t->reply.banks = (TpmBanks){};
        for (uint32_t i = 0; i < data.data.assignedPCR.count; ++i) {
                const TPMS_PCR_SELECTION *s = &data.data.assignedPCR.pcrSelections[i];
                DigestAlg alg = 0;
                bool known = digest_by_tpm_id(s->hash, &alg);

                for (uint32_t pcr = 0; pcr < MIN_OF(8U * s->sizeofSelect, TPM_PCR_N); ++pcr) {
                        if (!(s->pcrSelect[pcr / 8] >> pcr % 8 & 1))
                                continue;
                        if (known) {
                                t->reply.banks.of[pcr] |= BANK(alg);
                        } else {
                                t->reply.banks.has_unknown[pcr] = true;
                                t->reply.banks.unknown_id = s->hash;
                        }
                        t->reply.banks.other_than_sha1 |= !known || alg != DIGEST_SHA1;
                }
        }
        return TSS2_RC_SUCCESS;
}

static TSS2_RC complete_clock(Tpm *t) {
        TPMS_TIME_INFO info;
        const uint8_t *p;
        size_t n, at = 0;

        if (Tss2_Sys_GetRpBuffer(t->sys, &n, &p) != TSS2_RC_SUCCESS ||
            Tss2_MU_TPMS_TIME_INFO_Unmarshal(p, n, &at, &info) != TSS2_RC_SUCCESS || at != n)
                return TSS2_SYS_RC_MALFORMED_RESPONSE;
        t->reply.clock = (TpmClock){
                .time_msec = info.time,
                .reset_count = info.clockInfo.resetCount,
                .restart_count = info.clockInfo.restartCount,
        };
        return TSS2_RC_SUCCESS;
}

static TSS2_RC complete_start(Tpm *t) {
        TPMI_SH_AUTH_SESSION handle;
        TPM2B_NONCE nonce;
        const uint8_t *p;
        TSS2_RC rc;
        size_t n;

        nonce.size = sizeof(nonce.buffer);
        rc = Tss2_Sys_StartAuthSession_Complete(t->sys, &handle, &nonce);
        /* The TSS would read on behind a short answer. */
        if (rc == TSS2_RC_SUCCESS &&
            (Tss2_Sys_GetRpBuffer(t->sys, &n, &p) != TSS2_RC_SUCCESS ||
             n != sizeof(uint16_t) + nonce.size || nonce.size < CAS_NONCE_SIZE ||
             (handle & TPM2_HR_RANGE_MASK) != TPM2_HR_HMAC_SESSION))
                rc = TSS2_SYS_RC_MALFORMED_RESPONSE;
        if (rc == TSS2_RC_SUCCESS)
                cas_begun(&t->cas, handle, &nonce);
        return rc;
}

/*
 * A TPM answers with as many banks as it likes (eight digests at most: part 3, TPM2_PCR_Read);
 * what it did not give is asked for again.
 */
static TSS2_RC complete_read(Tpm *t) {
        TPML_PCR_SELECTION selection;
        TPML_DIGEST values = {};
        BankMask got = 0;
        uint32_t n = 0;
        TSS2_RC rc;

        rc = Tss2_Sys_PCR_Read_Complete(t->sys, NULL, &selection, &values);
        if (rc != TSS2_RC_SUCCESS)
                return rc;
        if (selection.count > ELEMENTSOF(selection.pcrSelections))
                return TSS2_SYS_RC_MALFORMED_RESPONSE;
        for (uint32_t i = 0; i < selection.count; ++i) {
                const TPMS_PCR_SELECTION *s = &selection.pcrSelections[i];
                DigestAlg alg;

                if (s->sizeofSelect < TPM_PCR_N / 8 ||
                    !(s->pcrSelect[t->request.pcr / 8] >> t->request.pcr % 8 & 1))
                        continue;
                if (!digest_by_tpm_id(s->hash, &alg) || !(t->wanted & BANK(alg)) ||
                    (got & BANK(alg)) || n >= values.count ||
                    values.digests[n].size != digest_size(alg))
                        return TSS2_SYS_RC_MALFORMED_RESPONSE;
                memcpy(t->reply.values.of[alg].data, values.digests[n++].buffer, digest_size(alg));
                got |= BANK(alg);
        }
        if (got == 0 || n != values.count)
                return TSS2_SYS_RC_MALFORMED_RESPONSE;
        t->wanted &= ~got;
        return TSS2_RC_SUCCESS;
}

/**
 * command_complete() - take what a successful response says
 * @t: the TPM; its reply grows
 *
 * Return: success, or TSS2_SYS_RC_MALFORMED_RESPONSE and the like.
 */
TSS2_RC command_complete(Tpm *t) {
        switch (t->stage) {
        case TPM_STAGE_BANKS:
                return complete_banks(t);
        case TPM_STAGE_CLOCK:
                return complete_clock(t);
        case TPM_STAGE_START:
                return complete_start(t);
        case TPM_STAGE_READ:
                return complete_read(t);
        case TPM_STAGE_FLUSH:
                cas_forget(&t->cas);
                t->cas.is_held = false;
                return TSS2_RC_SUCCESS;
        case TPM_STAGE_PROBE_FRESH:
        case TPM_STAGE_PROBE_AGAIN:
        case TPM_STAGE_PROBE_FOREIGN:
        case TPM_STAGE_PROBE_REFUSED:
        case TPM_STAGE_EXTEND:
                return TSS2_RC_SUCCESS;
        case TPM_STAGE_IDLE:
        case _TPM_STAGE_N:
                break;
        }
        assert(false);
        return TSS2_SYS_RC_BAD_SEQUENCE;
}
