/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fail-at - LD_PRELOAD: the n-th call of a function that can fail does fail.
 *
 *   FAIL_AT=WHAT:N     the N-th call, from 1; 0: none
 *   FAIL_AT=WHAT:N:from  and each one after it
 *   FAIL_COUNT=FILE    write how many there were, at the end
 *
 *   memory  malloc, calloc, realloc: of ima-replayd, libc, OpenSSL and tpm2-tss
 *   crypto  EVP_*, RAND_bytes: as called by ima-replayd
 *   tss     Tss2_Sys_*, Tss2_MU_*, Tss2_TctiLdr_Initialize, and the calls of the TCTI: nothing done
 *   tss-after  the same; it is done, and then said to have failed: answers that are lost
 *
 * What goes on inside the software TPM is left alone: that is not ours. What cannot be seen: calls
 * inside one library that do not go through its PLT (OpenSSL's own of EVP_*); system calls are
 * at-syscall's.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <libtpms/tpm_library.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>
#include <tss2/tss2_mu.h>
#include <tss2/tss2_sys.h>
#include <tss2/tss2_tcti.h>
#include <tss2/tss2_tctildr.h>

#include "base/util.h"

#define EARLY_SIZE (64U << 10)

typedef enum What {
        WHAT_NONE,
        WHAT_MEMORY,
        WHAT_CRYPTO,
        WHAT_TSS,
        WHAT_TSS_AFTER,
        _WHAT_N,
} What;

static const char *const names[_WHAT_N] = {
        [WHAT_NONE] = "none", [WHAT_MEMORY] = "memory",       [WHAT_CRYPTO] = "crypto",
        [WHAT_TSS] = "tss",   [WHAT_TSS_AFTER] = "tss-after",
};

static struct {
        What what;
        unsigned long at, n;
        bool goes_on;
        unsigned int inside; /* of the software TPM, or of this file */
} fail;

static bool is_due(What what) {
        if (what != fail.what || fail.inside > 0)
                return false;
        ++fail.n;
        return fail.n == fail.at || (fail.goes_on && fail.at > 0 && fail.n > fail.at);
}

static void *real_of(const char *name) {
        void *f;

        ++fail.inside;
        f = dlsym(RTLD_NEXT, name);
        --fail.inside;
        if (!f)
                abort();
        return f;
}

#define REAL(name)                                                                                 \
        ({                                                                                         \
                static __typeof__(name) *real_;                                                    \
                if (!real_)                                                                        \
                        real_ = (__typeof__(name) *)real_of(#name);                                \
                real_;                                                                             \
        })

__attribute__((constructor)) static void begin(void) {
        const char *text = getenv("FAIL_AT"), *colon = text ? strchr(text, ':') : NULL;
        char *end;

        if (!colon)
                return;
        fail.at = strtoul(colon + 1, &end, 10);
        fail.goes_on = strcmp(end, ":from") == 0;
        for (What w = 0; w < _WHAT_N; ++w)
                if (strlen(names[w]) == (size_t)(colon - text) &&
                    strncmp(names[w], text, (size_t)(colon - text)) == 0)
                        fail.what = w;
}

__attribute__((destructor)) static void finish(void) {
        const char *path = getenv("FAIL_COUNT");
        char text[32];
        int fd;

        fail.what = WHAT_NONE;
        if (!path)
                return;
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        (void)snprintf(text, sizeof(text), "%lu\n", fail.n);
        if (fd < 0 || write(fd, text, strlen(text)) < 0)
                abort();
        (void)close(fd);
}

/*
 * Memory. dlsym() may want some before there is any: from a place that is never given back.
 */

static struct {
        _Alignas(16) unsigned char data[EARLY_SIZE];
        size_t n;
        bool is_asking;
} early;

static void *early_alloc(size_t n) {
        size_t at = early.n;

        n = (n + 15U) & ~(size_t)15U;
        if (n > EARLY_SIZE - at)
                return NULL;
        early.n += n;
        return early.data + at;
}

static bool is_early(const void *p) {
        const unsigned char *c = p;

        return c >= early.data && c < early.data + EARLY_SIZE;
}

#define MEMORY_REAL(name)                                                                          \
        ({                                                                                         \
                static __typeof__(name) *real_;                                                    \
                if (!real_ && !early.is_asking) {                                                  \
                        early.is_asking = true;                                                    \
                        real_ = (__typeof__(name) *)real_of(#name);                                \
                        early.is_asking = false;                                                   \
                }                                                                                  \
                real_;                                                                             \
        })

_public_ void *malloc(size_t n) {
        __typeof__(malloc) *real = MEMORY_REAL(malloc);

        if (is_due(WHAT_MEMORY)) {
                errno = ENOMEM;
                return NULL;
        }
        return real ? real(n) : early_alloc(n);
}

_public_ void *calloc(size_t n, size_t size) {
        __typeof__(calloc) *real = MEMORY_REAL(calloc);

        if (is_due(WHAT_MEMORY)) {
                errno = ENOMEM;
                return NULL;
        }
        return real ? real(n, size) : early_alloc(n * size);
}

_public_ void *realloc(void *p, size_t n) {
        __typeof__(realloc) *real = MEMORY_REAL(realloc);

        if (is_due(WHAT_MEMORY)) {
                errno = ENOMEM;
                return NULL;
        }
        if (p && is_early(p)) {
                void *copy = malloc(n);

                if (copy)
                        memcpy(copy, p,
                               MIN_OF(n, (size_t)(early.data + EARLY_SIZE - (unsigned char *)p)));
                return copy;
        }
        return real ? real(p, n) : NULL;
}

_public_ void free(void *p) {
        __typeof__(free) *real = MEMORY_REAL(free);

        if (p && !is_early(p) && real)
                real(p);
}

/*
 * OpenSSL
 */

#define CRYPTO(type, name, params, args, failure)                                                  \
        _public_ type name params {                                                                \
                if (is_due(WHAT_CRYPTO))                                                           \
                        return failure;                                                            \
                return REAL(name) args;                                                            \
        }                                                                                          \
        struct SwallowSemicolon

CRYPTO(EVP_MD *, EVP_MD_fetch, (OSSL_LIB_CTX * l, const char *a, const char *p), (l, a, p), NULL);
CRYPTO(EVP_MD_CTX *, EVP_MD_CTX_new, (void), (), NULL);
CRYPTO(int, EVP_DigestInit_ex2, (EVP_MD_CTX * c, const EVP_MD *t, const OSSL_PARAM *p), (c, t, p),
       0);
CRYPTO(int, EVP_DigestUpdate, (EVP_MD_CTX * c, const void *d, size_t n), (c, d, n), 0);
CRYPTO(int, EVP_DigestFinal_ex, (EVP_MD_CTX * c, unsigned char *d, unsigned int *n), (c, d, n), 0);
CRYPTO(EVP_MAC *, EVP_MAC_fetch, (OSSL_LIB_CTX * l, const char *a, const char *p), (l, a, p), NULL);
CRYPTO(EVP_MAC_CTX *, EVP_MAC_CTX_new, (EVP_MAC * m), (m), NULL);
CRYPTO(int, EVP_MAC_init, (EVP_MAC_CTX * c, const unsigned char *k, size_t n, const OSSL_PARAM p[]),
       (c, k, n, p), 0);
CRYPTO(int, EVP_MAC_update, (EVP_MAC_CTX * c, const unsigned char *d, size_t n), (c, d, n), 0);
CRYPTO(int, EVP_MAC_final, (EVP_MAC_CTX * c, unsigned char *d, size_t *n, size_t size),
       (c, d, n, size), 0);
CRYPTO(int, RAND_bytes, (unsigned char *d, int n), (d, n), 0);

/*
 * tpm2-tss
 */

#define TSS(name, params, args, failure)                                                           \
        _public_ TSS2_RC name params {                                                             \
                TSS2_RC rc;                                                                        \
                                                                                                   \
                if (is_due(WHAT_TSS))                                                              \
                        return failure;                                                            \
                rc = REAL(name) args;                                                              \
                return is_due(WHAT_TSS_AFTER) && rc == TSS2_RC_SUCCESS ? failure : rc;             \
        }                                                                                          \
        struct SwallowSemicolon

TSS(Tss2_Sys_Initialize,
    (TSS2_SYS_CONTEXT * s, size_t n, TSS2_TCTI_CONTEXT *t, TSS2_ABI_VERSION *v), (s, n, t, v),
    TSS2_SYS_RC_BAD_TCTI_STRUCTURE);
TSS(Tss2_Sys_GetCapability_Prepare, (TSS2_SYS_CONTEXT * s, TPM2_CAP c, UINT32 p, UINT32 n),
    (s, c, p, n), TSS2_SYS_RC_BAD_SEQUENCE);
TSS(Tss2_Sys_ReadClock_Prepare, (TSS2_SYS_CONTEXT * s), (s), TSS2_SYS_RC_BAD_SEQUENCE);
TSS(Tss2_Sys_StartAuthSession_Prepare,
    (TSS2_SYS_CONTEXT * s, TPMI_DH_OBJECT k, TPMI_DH_ENTITY b, const TPM2B_NONCE *n,
     const TPM2B_ENCRYPTED_SECRET *e, TPM2_SE t, const TPMT_SYM_DEF *y, TPMI_ALG_HASH h),
    (s, k, b, n, e, t, y, h), TSS2_SYS_RC_BAD_SEQUENCE);
TSS(Tss2_Sys_StartAuthSession_Complete,
    (TSS2_SYS_CONTEXT * s, TPMI_SH_AUTH_SESSION *h, TPM2B_NONCE *n), (s, h, n),
    TSS2_SYS_RC_MALFORMED_RESPONSE);
TSS(Tss2_Sys_PCR_Extend_Prepare, (TSS2_SYS_CONTEXT * s, TPMI_DH_PCR p, const TPML_DIGEST_VALUES *d),
    (s, p, d), TSS2_SYS_RC_BAD_SEQUENCE);
TSS(Tss2_Sys_PCR_Read_Prepare, (TSS2_SYS_CONTEXT * s, const TPML_PCR_SELECTION *p), (s, p),
    TSS2_SYS_RC_BAD_SEQUENCE);
TSS(Tss2_Sys_PCR_Read_Complete,
    (TSS2_SYS_CONTEXT * s, UINT32 *n, TPML_PCR_SELECTION *p, TPML_DIGEST *d), (s, n, p, d),
    TSS2_SYS_RC_MALFORMED_RESPONSE);
TSS(Tss2_Sys_FlushContext_Prepare, (TSS2_SYS_CONTEXT * s, TPMI_DH_CONTEXT h), (s, h),
    TSS2_SYS_RC_BAD_SEQUENCE);
TSS(Tss2_Sys_GetCpBuffer, (TSS2_SYS_CONTEXT * s, size_t *n, const uint8_t **d), (s, n, d),
    TSS2_SYS_RC_BAD_SEQUENCE);
TSS(Tss2_Sys_GetRpBuffer, (TSS2_SYS_CONTEXT * s, size_t *n, const uint8_t **d), (s, n, d),
    TSS2_SYS_RC_BAD_SEQUENCE);
TSS(Tss2_Sys_SetCmdAuths, (TSS2_SYS_CONTEXT * s, const TSS2L_SYS_AUTH_COMMAND *a), (s, a),
    TSS2_SYS_RC_BAD_SEQUENCE);
TSS(Tss2_Sys_GetRspAuths, (TSS2_SYS_CONTEXT * s, TSS2L_SYS_AUTH_RESPONSE *a), (s, a),
    TSS2_SYS_RC_MALFORMED_RESPONSE);
TSS(Tss2_Sys_ExecuteAsync, (TSS2_SYS_CONTEXT * s), (s), TSS2_TCTI_RC_IO_ERROR);
TSS(Tss2_Sys_ExecuteFinish, (TSS2_SYS_CONTEXT * s, int32_t t), (s, t), TSS2_TCTI_RC_IO_ERROR);
TSS(Tss2_MU_BYTE_Unmarshal, (uint8_t const d[], size_t n, size_t *at, BYTE *v), (d, n, at, v),
    TSS2_MU_RC_INSUFFICIENT_BUFFER);
TSS(Tss2_MU_TPMS_CAPABILITY_DATA_Unmarshal,
    (uint8_t const d[], size_t n, size_t *at, TPMS_CAPABILITY_DATA *v), (d, n, at, v),
    TSS2_MU_RC_INSUFFICIENT_BUFFER);
TSS(Tss2_MU_TPMS_TIME_INFO_Unmarshal, (uint8_t const d[], size_t n, size_t *at, TPMS_TIME_INFO *v),
    (d, n, at, v), TSS2_MU_RC_INSUFFICIENT_BUFFER);

/* The transport, by the pointers of its context. */
static TSS2_TCTI_CONTEXT_COMMON_V1 below;

static TSS2_RC transmit(TSS2_TCTI_CONTEXT *t, size_t n, const uint8_t *command) {
        TSS2_RC rc;

        if (is_due(WHAT_TSS))
                return TSS2_TCTI_RC_IO_ERROR;
        rc = below.transmit(t, n, command);
        return is_due(WHAT_TSS_AFTER) ? TSS2_TCTI_RC_IO_ERROR : rc;
}

static TSS2_RC receive(TSS2_TCTI_CONTEXT *t, size_t *n, uint8_t *response, int32_t timeout) {
        TSS2_RC rc;

        if (is_due(WHAT_TSS))
                return TSS2_TCTI_RC_IO_ERROR;
        rc = below.receive(t, n, response, timeout);
        return is_due(WHAT_TSS_AFTER) ? TSS2_TCTI_RC_IO_ERROR : rc;
}

static TSS2_RC get_poll_handles(TSS2_TCTI_CONTEXT *t, TSS2_TCTI_POLL_HANDLE *h, size_t *n) {
        return is_due(WHAT_TSS) ? TSS2_TCTI_RC_GENERAL_FAILURE : below.getPollHandles(t, h, n);
}

_public_ TSS2_RC Tss2_TctiLdr_Initialize(const char *conf, TSS2_TCTI_CONTEXT **ret_context) {
        TSS2_TCTI_CONTEXT_COMMON_V1 *v1;
        TSS2_RC rc;

        if (is_due(WHAT_TSS) || is_due(WHAT_TSS_AFTER))
                return TSS2_TCTI_RC_IO_ERROR;
        rc = REAL(Tss2_TctiLdr_Initialize)(conf, ret_context);
        if (rc != TSS2_RC_SUCCESS)
                return rc;
        v1 = (TSS2_TCTI_CONTEXT_COMMON_V1 *)*ret_context;
        below = *v1;
        v1->transmit = transmit;
        v1->receive = receive;
        v1->getPollHandles = get_poll_handles;
        return rc;
}

/*
 * The software TPM: the module that calls it was loaded by name, so it is in no search order
 */

static void *tpm_of(const char *name) {
        void *library = dlopen("libtpms.so.0", RTLD_NOLOAD | RTLD_LAZY);
        void *f = library ? dlsym(library, name) : NULL;

        if (!f)
                abort();
        return f;
}

_public_ TPM_RESULT TPMLIB_MainInit(void) {
        TPM_RESULT r;

        ++fail.inside;
        r = ((TPM_RESULT(*)(void))tpm_of("TPMLIB_MainInit"))();
        --fail.inside;
        return r;
}

_public_ void TPMLIB_Terminate(void) {
        ++fail.inside;
        ((void (*)(void))tpm_of("TPMLIB_Terminate"))();
        --fail.inside;
}

_public_ TPM_RESULT TPMLIB_Process(unsigned char **response, uint32_t *n, uint32_t *max,
                                   unsigned char *command, uint32_t n_command) {
        TPM_RESULT r;

        ++fail.inside;
        r = ((TPM_RESULT(*)(unsigned char **, uint32_t *, uint32_t *, unsigned char *,
                            uint32_t))tpm_of("TPMLIB_Process"))(response, n, max, command,
                                                                n_command);
        --fail.inside;
        return r;
}

_public_ TPM_RESULT TPMLIB_GetState(enum TPMLIB_StateType kind, unsigned char **data, uint32_t *n) {
        TPM_RESULT r;

        ++fail.inside;
        r = ((TPM_RESULT(*)(enum TPMLIB_StateType, unsigned char **, uint32_t *))tpm_of(
                "TPMLIB_GetState"))(kind, data, n);
        --fail.inside;
        return r;
}
