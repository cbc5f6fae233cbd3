/* SPDX-License-Identifier: BSD-2-Clause */
#include "tpm/tpm-internal.h"

#include <assert.h>
#include <tss2/tss2_tctildr.h>

#include "base/error.h"
#include "tpm/rc.h"

static TSS2_RC tpm_start_sys(Tpm *t) {
        TSS2_ABI_VERSION abi = TSS2_ABI_VERSION_CURRENT;

        return Tss2_Sys_Initialize(t->sys, Tss2_Sys_GetContextSize(0), guard_tcti(&t->guard), &abi);
}

/**
 * tpm_open() - open a TPM; sends nothing
 * @tcti:    "NAME:CONFIGURATION"; what guard_allows_tcti() does not allow is a bug of the caller
 * @hook:    a test's hook in front of the transport, or NULL
 * @ret_tpm: the TPM, to be freed with tpm_free(); set on success only
 * @ret_rc:  with TPM_E_NOT_THERE: the TSS2_RC of the transport
 *
 * Return: 0, TPM_E_NOT_THERE, -ENOMEM; -EIO or -ENOTRECOVERABLE when OpenSSL fails.
 */
int tpm_open(const char *tcti, const GuardHook *hook, Tpm **ret_tpm, uint32_t *ret_rc) {
        _cleanup_(tpm_freep) Tpm *t = NULL;
        TSS2_RC rc;
        int r;

        assert(guard_allows_tcti(tcti, false) || guard_allows_tcti(tcti, true));
        t = calloc(1, sizeof(*t));
        if (!t)
                return error_origin(-ENOMEM);
        r = cas_init(&t->cas);
        if (r < 0)
                return error_trace(r);
        rc = Tss2_TctiLdr_Initialize(tcti, &t->tcti);
        if (rc != TSS2_RC_SUCCESS) {
                *ret_rc = rc;
                return TPM_E_NOT_THERE;
        }
        guard_init(&t->guard, t->tcti, hook);
        t->sys = calloc(1, Tss2_Sys_GetContextSize(0));
        if (!t->sys)
                return error_origin(-ENOMEM);
        rc = tpm_start_sys(t);
        if (rc != TSS2_RC_SUCCESS) {
                free(TAKE(t->sys));
                *ret_rc = rc;
                return TPM_E_NOT_THERE;
        }
        *ret_tpm = TAKE(t);
        return 0;
}

/**
 * tpm_free() - close a TPM; sends nothing
 * @t: the TPM or NULL
 *
 * Return: NULL.
 */
Tpm *tpm_free(Tpm *t) {
        if (!t)
                return NULL;
        if (t->sys)
                Tss2_Sys_Finalize(t->sys);
        free(t->sys);
        if (t->tcti)
                Tss2_TctiLdr_Finalize(&t->tcti);
        cas_deinit(&t->cas);
        free(t);
        return NULL;
}

/**
 * tpm_fd() - what to poll while TPM_E_PENDING
 * @t: the TPM
 *
 * Return: a borrowed fd, or -1 where the transport has none: then tpm_collect() blocks.
 */
int tpm_fd(const Tpm *t) {
        TSS2_TCTI_POLL_HANDLE handle;
        size_t n = 1;

        if (Tss2_Tcti_GetPollHandles(t->tcti, &handle, &n) != TSS2_RC_SUCCESS || n != 1)
                return -1;
        return handle.fd;
}

static void tpm_finish(Tpm *t, TpmOutcome outcome, TSS2_RC rc) {
        t->stage = TPM_STAGE_IDLE;
        t->has_reply = true;
        t->reply.outcome = outcome;
        t->reply.rc = rc;
        if (outcome != TPM_UNKNOWN && outcome != TPM_SESSION_LOST && outcome != TPM_ABSENT &&
            outcome != TPM_TAMPERED)
                return;
        /* Nobody knows which nonce the TPM counts on now; and the TSS waits for an answer for ever.
         */
        cas_forget(&t->cas);
        Tss2_Sys_Finalize(t->sys);
        (void)tpm_start_sys(t);
}

static int tpm_enter(Tpm *t, TpmStage stage) {
        TSS2_RC rc;
        int r;

        t->stage = stage;
        if (stage == TPM_STAGE_START) {
                r = cas_begin(&t->cas);
                if (r < 0)
                        return error_trace(r);
        }
        r = command_send(t, &rc);
        if (r < 0)
                return error_trace(r);
        if (rc != TSS2_RC_SUCCESS)
                tpm_finish(t, rc_outcome(rc), rc);
        return 0;
}

static TpmStage request_first_stage(const Tpm *t) {
        switch (t->request.kind) {
        case TPM_REQUEST_BANKS:
                return TPM_STAGE_BANKS;
        case TPM_REQUEST_CLOCK:
                return TPM_STAGE_CLOCK;
        case TPM_REQUEST_PROBE:
                return t->cas.is_live ? TPM_STAGE_PROBE_FRESH : TPM_STAGE_START;
        case TPM_REQUEST_READ:
                return t->cas.is_live ? TPM_STAGE_READ : TPM_STAGE_START;
        case TPM_REQUEST_EXTEND:
                return TPM_STAGE_EXTEND;
        case TPM_REQUEST_FLUSH:
                return TPM_STAGE_FLUSH;
        case _TPM_REQUEST_N:
                break;
        }
        assert(false);
        return TPM_STAGE_IDLE;
}

/**
 * tpm_submit() - send a request; its reply comes from tpm_collect()
 * @t: the TPM, with nothing outstanding
 * @r: the request; @r->digests must stay until the reply is there
 *
 * READ without is_fresh and EXTEND go on in a session that proves what was read before. Where that
 * session is gone nothing is sent, and the reply says so: TPM_SESSION_LOST.
 *
 * Return: 0, or -EIO when OpenSSL fails.
 */
int tpm_submit(Tpm *t, const TpmRequest *r) {
        bool needs_session =
                r->kind == TPM_REQUEST_EXTEND || (r->kind == TPM_REQUEST_READ && !r->is_fresh);

        assert(t->stage == TPM_STAGE_IDLE && !t->has_reply);
        t->request = *r;
        t->wanted = r->banks;
        t->reply = (TpmReply){};
        if (needs_session && !t->cas.is_live)
                tpm_finish(t, TPM_SESSION_LOST, TSS2_RC_SUCCESS);
        else if (r->kind == TPM_REQUEST_FLUSH && !t->cas.is_held)
                tpm_finish(t, TPM_DONE, TSS2_RC_SUCCESS);
        else
                return error_trace(tpm_enter(t, request_first_stage(t)));
        return 0;
}

/* What comes after a command that was executed well; IDLE: the request is done. */
static TpmStage stage_after(const Tpm *t) {
        switch (t->stage) {
        case TPM_STAGE_START:
                return request_first_stage(t);
        case TPM_STAGE_PROBE_FRESH:
                return TPM_STAGE_PROBE_AGAIN;
        case TPM_STAGE_PROBE_AGAIN:
                return TPM_STAGE_PROBE_FOREIGN;
        case TPM_STAGE_PROBE_FOREIGN:
                return TPM_STAGE_PROBE_REFUSED;
        case TPM_STAGE_READ:
                return t->wanted ? TPM_STAGE_READ : TPM_STAGE_IDLE;
        case TPM_STAGE_BANKS:
        case TPM_STAGE_CLOCK:
        case TPM_STAGE_PROBE_REFUSED:
        case TPM_STAGE_EXTEND:
        case TPM_STAGE_FLUSH:
        case TPM_STAGE_IDLE:
        case _TPM_STAGE_N:
                break;
        }
        return TPM_STAGE_IDLE;
}

static int tpm_advance(Tpm *t) {
        bool is_genuine;
        TSS2_RC rc;
        int r;

        r = command_check(t, &is_genuine);
        if (r < 0)
                return error_trace(r);
        if (!is_genuine) {
                tpm_finish(t, TPM_TAMPERED, TSS2_SYS_RC_MALFORMED_RESPONSE);
                return 0;
        }
        rc = command_complete(t);
        if (rc != TSS2_RC_SUCCESS) {
                tpm_finish(t, TPM_UNKNOWN, rc);
                return 0;
        }
        if (t->stage == TPM_STAGE_PROBE_REFUSED) {
                /* It let the command pass although another came between: the guard is worthless. */
                tpm_finish(t, TPM_REFUSED, TSS2_RC_SUCCESS);
                return 0;
        }
        if (stage_after(t) != TPM_STAGE_IDLE)
                return error_trace(tpm_enter(t, stage_after(t)));
        tpm_finish(t, TPM_DONE, TSS2_RC_SUCCESS);
        return 0;
}

/**
 * tpm_collect() - fetch the reply of the request that was submitted
 * @t:         the TPM
 * @ret_reply: the reply, set on success only; fields that its request is not about are zero
 *
 * Return: 0, TPM_E_PENDING, or -EIO when OpenSSL fails.
 */
int tpm_collect(Tpm *t, TpmReply *ret_reply) {
        while (!t->has_reply) {
                TSS2_RC rc = Tss2_Sys_ExecuteFinish(t->sys, 0);
                int r = 0;

                if (rc_is_try_again(rc))
                        return TPM_E_PENDING;
                if (rc == TSS2_RC_SUCCESS)
                        r = tpm_advance(t);
                else if (t->stage == TPM_STAGE_PROBE_REFUSED && rc_outcome(rc) == TPM_EXCLUSIVE)
                        tpm_finish(t, TPM_DONE, TSS2_RC_SUCCESS);
                else
                        tpm_finish(t, rc_outcome(rc), rc);
                if (r < 0)
                        return error_trace(r);
        }
        t->has_reply = false;
        *ret_reply = t->reply;
        return 0;
}
