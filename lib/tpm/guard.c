/* SPDX-License-Identifier: BSD-2-Clause */
#include "tpm/guard-internal.h"

#include <string.h>
#include <tss2/tss2_tpm2_types.h>

#include "base/bytes.h"
#include "base/util.h"
#include "core/outcome.h"

#define GUARD_MAGIC   UINT64_C(0x696d612d67756172) /* "ima-guar" */
#define GUARD_VERSION 2U

/**
 * guard_allows_command() - may this command be sent to a TPM?
 * @command: the command, marshalled
 * @n:       its bytes
 *
 * PCR_Extend passes for real PCRs and for TPM_RH_NULL (the probe, which changes nothing),
 * FlushContext for HMAC sessions. Never on the list: Startup, Shutdown, SelfTest, Clear, PCR_Reset,
 * PCR_Event.
 *
 * Return: whether it may.
 */
bool guard_allows_command(const uint8_t *command, size_t n) {
        Bytes in = bytes_of(command, n);
        uint32_t size, code, handle;
        uint16_t tag;

        if (!bytes_take_u16(&in, ORDER_BIG, &tag) || !bytes_take_u32(&in, ORDER_BIG, &size) ||
            !bytes_take_u32(&in, ORDER_BIG, &code) || size != n)
                return false;
        switch (code) {
        case TPM2_CC_GetCapability:
        case TPM2_CC_ReadClock:
        case TPM2_CC_PCR_Read:
        case TPM2_CC_StartAuthSession:
                return true;
        case TPM2_CC_FlushContext:
                return bytes_take_u32(&in, ORDER_BIG, &handle) &&
                       (handle & TPM2_HR_RANGE_MASK) == TPM2_HR_HMAC_SESSION;
        case TPM2_CC_PCR_Extend:
                return bytes_take_u32(&in, ORDER_BIG, &handle) &&
                       (handle < TPM_PCR_N || handle == TPM2_RH_NULL);
        default:
                return false;
        }
}

/**
 * guard_allows_tcti() - may a transport of this name be opened?
 * @name:     "NAME:CONFIGURATION" as for Tss2_TctiLdr_Initialize(), or NULL
 * @has_root: the program works below --root=DIR
 *
 * No name at all would let the loader look for one, down to whatever listens on a TCP port. Below
 * a root only software TPMs are taken, without one only the kernel's devices and resource manager
 * daemons: a test can never reach the machine's TPM, and a boot can never extend a toy.
 *
 * Return: whether it may.
 */
bool guard_allows_tcti(const char *name, bool has_root) {
        static const char *const software[] = { "libtpms", "swtpm", "mssim" };
        static const char *const hardware[] = { "device", "tabrmd" };
        const char *const *names = has_root ? software : hardware;
        size_t n = has_root ? ELEMENTSOF(software) : ELEMENTSOF(hardware);

        if (!name)
                return false;
        for (size_t i = 0; i < n; ++i)
                if (strncmp(name, names[i], strlen(names[i])) == 0 && name[strlen(names[i])] == ':')
                        return true;
        return false;
}

/**
 * guard_below_transmit() - for hooks: pass a command on
 * @below:   what the hook was given
 * @n:       bytes
 * @command: the command
 *
 * Return: the TSS2_RC of the transport.
 */
uint32_t guard_below_transmit(GuardBelow *below, size_t n, const uint8_t *command) {
        return Tss2_Tcti_Transmit(below->tcti, n, command);
}

/**
 * guard_below_receive() - for hooks: fetch an answer
 * @below:    what the hook was given
 * @n:        room at @response; then bytes received
 * @response: the answer
 * @timeout:  milliseconds, or TSS2_TCTI_TIMEOUT_BLOCK
 *
 * Return: the TSS2_RC of the transport.
 */
uint32_t guard_below_receive(GuardBelow *below, size_t *n, uint8_t *response, int32_t timeout) {
        return Tss2_Tcti_Receive(below->tcti, n, response, timeout);
}

static TSS2_RC guard_transmit(TSS2_TCTI_CONTEXT *tcti, size_t n, const uint8_t *command) {
        Guard *g = (Guard *)(void *)tcti;

        if (!guard_allows_command(command, n))
                return TSS2_TCTI_RC_NOT_PERMITTED;
        if (g->hook.transmit)
                return g->hook.transmit(g->hook.data, &g->below, n, command);
        return guard_below_transmit(&g->below, n, command);
}

/* The TSS trusts the size field and what stands behind a short answer in its buffer; we do not. */
static bool guard_is_response(const uint8_t *response, size_t n) {
        Bytes in = bytes_of(response, n);
        uint32_t size, code;
        uint16_t tag;

        return bytes_take_u16(&in, ORDER_BIG, &tag) && bytes_take_u32(&in, ORDER_BIG, &size) &&
               bytes_take_u32(&in, ORDER_BIG, &code) && size == n;
}

static TSS2_RC guard_receive(TSS2_TCTI_CONTEXT *tcti, size_t *n, uint8_t *response,
                             int32_t timeout) {
        Guard *g = (Guard *)(void *)tcti;
        TSS2_RC rc;

        if (g->hook.receive)
                rc = g->hook.receive(g->hook.data, &g->below, n, response, timeout);
        else
                rc = guard_below_receive(&g->below, n, response, timeout);
        if (rc == TSS2_RC_SUCCESS && response && !guard_is_response(response, *n))
                return TSS2_TCTI_RC_MALFORMED_RESPONSE;
        return rc;
}

static TSS2_RC guard_cancel(TSS2_TCTI_CONTEXT *tcti) {
        return Tss2_Tcti_Cancel(((Guard *)(void *)tcti)->below.tcti);
}

static TSS2_RC guard_get_poll_handles(TSS2_TCTI_CONTEXT *tcti, TSS2_TCTI_POLL_HANDLE *handles,
                                      size_t *n) {
        return Tss2_Tcti_GetPollHandles(((Guard *)(void *)tcti)->below.tcti, handles, n);
}

static void guard_finalize(TSS2_TCTI_CONTEXT *tcti) {
        (void)tcti; /* what is below belongs to the loader */
}

/**
 * guard_init() - stand in front of a transport
 * @g:     the guard; must stay where it is
 * @below: the transport, borrowed
 * @hook:  a test's hook, copied; or NULL
 */
void guard_init(Guard *g, TSS2_TCTI_CONTEXT *below, const GuardHook *hook) {
        *g = (Guard){
                .common.v1.magic = GUARD_MAGIC,
                .common.v1.version = GUARD_VERSION,
                .common.v1.transmit = guard_transmit,
                .common.v1.receive = guard_receive,
                .common.v1.finalize = guard_finalize,
                .common.v1.cancel = guard_cancel,
                .common.v1.getPollHandles = guard_get_poll_handles,
                .below.tcti = below,
                .hook = hook ? *hook : (GuardHook){},
        };
}

/**
 * guard_tcti() - the guard as the TSS wants it
 * @g: the guard
 *
 * Return: the same object.
 */
TSS2_TCTI_CONTEXT *guard_tcti(Guard *g) {
        return (TSS2_TCTI_CONTEXT *)(void *)g;
}
