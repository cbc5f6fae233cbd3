/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guard's two lists: what may be sent, and what may be opened.
 */
#include "lib/cmocka-all.h"

#include <string.h>
#include <tss2/tss2_tpm2_types.h>

#include "tpm/guard.h"
#include "unit/fixture.h"

#define SIZE_OF_HEAD 10U

/* All that tss2_tpm2_types.h has. */
static const uint32_t codes[] = {
        TPM2_CC_NV_UndefineSpaceSpecial,
        TPM2_CC_EvictControl,
        TPM2_CC_HierarchyControl,
        TPM2_CC_NV_UndefineSpace,
        TPM2_CC_ChangeEPS,
        TPM2_CC_ChangePPS,
        TPM2_CC_Clear,
        TPM2_CC_ClearControl,
        TPM2_CC_ClockSet,
        TPM2_CC_HierarchyChangeAuth,
        TPM2_CC_NV_DefineSpace,
        TPM2_CC_PCR_Allocate,
        TPM2_CC_PCR_SetAuthPolicy,
        TPM2_CC_PP_Commands,
        TPM2_CC_SetPrimaryPolicy,
        TPM2_CC_FieldUpgradeStart,
        TPM2_CC_ClockRateAdjust,
        TPM2_CC_CreatePrimary,
        TPM2_CC_NV_GlobalWriteLock,
        TPM2_CC_GetCommandAuditDigest,
        TPM2_CC_NV_Increment,
        TPM2_CC_NV_SetBits,
        TPM2_CC_NV_Extend,
        TPM2_CC_NV_Write,
        TPM2_CC_NV_WriteLock,
        TPM2_CC_DictionaryAttackLockReset,
        TPM2_CC_DictionaryAttackParameters,
        TPM2_CC_NV_ChangeAuth,
        TPM2_CC_PCR_Event,
        TPM2_CC_PCR_Reset,
        TPM2_CC_SequenceComplete,
        TPM2_CC_SetAlgorithmSet,
        TPM2_CC_SetCommandCodeAuditStatus,
        TPM2_CC_FieldUpgradeData,
        TPM2_CC_IncrementalSelfTest,
        TPM2_CC_SelfTest,
        TPM2_CC_Startup,
        TPM2_CC_Shutdown,
        TPM2_CC_StirRandom,
        TPM2_CC_ActivateCredential,
        TPM2_CC_Certify,
        TPM2_CC_PolicyNV,
        TPM2_CC_CertifyCreation,
        TPM2_CC_Duplicate,
        TPM2_CC_GetTime,
        TPM2_CC_GetSessionAuditDigest,
        TPM2_CC_NV_Read,
        TPM2_CC_NV_ReadLock,
        TPM2_CC_ObjectChangeAuth,
        TPM2_CC_PolicySecret,
        TPM2_CC_Rewrap,
        TPM2_CC_Create,
        TPM2_CC_ECDH_ZGen,
        TPM2_CC_HMAC,
        TPM2_CC_Import,
        TPM2_CC_Load,
        TPM2_CC_Quote,
        TPM2_CC_RSA_Decrypt,
        TPM2_CC_HMAC_Start,
        TPM2_CC_SequenceUpdate,
        TPM2_CC_Sign,
        TPM2_CC_Unseal,
        TPM2_CC_PolicySigned,
        TPM2_CC_ContextLoad,
        TPM2_CC_ContextSave,
        TPM2_CC_ECDH_KeyGen,
        TPM2_CC_EncryptDecrypt,
        TPM2_CC_FlushContext,
        TPM2_CC_LoadExternal,
        TPM2_CC_MakeCredential,
        TPM2_CC_NV_ReadPublic,
        TPM2_CC_PolicyAuthorize,
        TPM2_CC_PolicyAuthValue,
        TPM2_CC_PolicyCommandCode,
        TPM2_CC_PolicyCounterTimer,
        TPM2_CC_PolicyCpHash,
        TPM2_CC_PolicyLocality,
        TPM2_CC_PolicyNameHash,
        TPM2_CC_PolicyOR,
        TPM2_CC_PolicyTicket,
        TPM2_CC_ReadPublic,
        TPM2_CC_RSA_Encrypt,
        TPM2_CC_StartAuthSession,
        TPM2_CC_VerifySignature,
        TPM2_CC_ECC_Parameters,
        TPM2_CC_FirmwareRead,
        TPM2_CC_GetCapability,
        TPM2_CC_GetRandom,
        TPM2_CC_GetTestResult,
        TPM2_CC_Hash,
        TPM2_CC_PCR_Read,
        TPM2_CC_PolicyPCR,
        TPM2_CC_PolicyRestart,
        TPM2_CC_ReadClock,
        TPM2_CC_PCR_Extend,
        TPM2_CC_PCR_SetAuthValue,
        TPM2_CC_NV_Certify,
        TPM2_CC_EventSequenceComplete,
        TPM2_CC_HashSequenceStart,
        TPM2_CC_PolicyPhysicalPresence,
        TPM2_CC_PolicyDuplicationSelect,
        TPM2_CC_PolicyGetDigest,
        TPM2_CC_TestParms,
        TPM2_CC_Commit,
        TPM2_CC_PolicyPassword,
        TPM2_CC_ZGen_2Phase,
        TPM2_CC_EC_Ephemeral,
        TPM2_CC_PolicyNvWritten,
        TPM2_CC_PolicyTemplate,
        TPM2_CC_CreateLoaded,
        TPM2_CC_PolicyAuthorizeNV,
        TPM2_CC_EncryptDecrypt2,
        TPM2_CC_AC_GetCapability,
        TPM2_CC_AC_Send,
        TPM2_CC_Policy_AC_SendSelect,
        TPM2_CC_CertifyX509,
        TPM2_CC_ACT_SetTimeout,
        TPM2_CC_Vendor_TCG_Test,
};

static Bytes message(uint8_t *buffer, size_t max, uint32_t code, const uint32_t *handle) {
        Builder b = builder_on(buffer, max);

        builder_put_u16(&b, ORDER_BIG, TPM2_ST_SESSIONS);
        builder_put_u32(&b, ORDER_BIG, (uint32_t)(SIZE_OF_HEAD + (handle ? sizeof(*handle) : 0)));
        builder_put_u32(&b, ORDER_BIG, code);
        if (handle)
                builder_put_u32(&b, ORDER_BIG, *handle);
        assert_false(b.full);
        return builder_bytes(&b);
}

/* In a block of exactly its size. */
static bool allows(Bytes command) {
        Bytes exact = heap_copy(command);
        bool allowed = guard_allows_command(exact.data, exact.n);

        heap_free(exact);
        return allowed;
}

static bool allows_code(uint32_t code, uint32_t handle) {
        uint8_t buffer[SIZE_OF_HEAD + sizeof(handle)];

        if (code == TPM2_CC_FlushContext)
                handle = TPM2_HMAC_SESSION_FIRST + 2;
        return allows(message(buffer, sizeof(buffer), code, &handle));
}

static void test_codes(void **state) {
        static const uint32_t allowed[] = {
                TPM2_CC_GetCapability,    TPM2_CC_ReadClock,    TPM2_CC_PCR_Read,
                TPM2_CC_StartAuthSession, TPM2_CC_FlushContext, TPM2_CC_PCR_Extend,
        };
        size_t n = 0;

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(codes); ++i) {
                bool expected = false;

                for (size_t k = 0; k < ELEMENTSOF(allowed); ++k)
                        expected |= codes[i] == allowed[k];
                CHECK(allows_code(codes[i], 10) == expected, "command 0x%x\n", codes[i]);
                n += expected;
        }
        assert_int_equal(n, ELEMENTSOF(allowed));
        /* ... and none that the header does not know; vendors have theirs at 0x20000000. */
        for (uint32_t code = 0; code < 0x10000; ++code) {
                bool expected = false;

                for (size_t k = 0; k < ELEMENTSOF(allowed); ++k)
                        expected |= code == allowed[k];
                CHECK(allows_code(code, 10) == expected, "command 0x%x\n", code);
                CHECK(!allows_code(code | 0x20000000, 10), "command 0x%x\n", code);
                CHECK(!allows_code(code << 16, 10), "command 0x%x\n", code << 16);
        }
}

static void test_flush_handles(void **state) {
        static const uint32_t others[] = {
                TPM2_POLICY_SESSION_FIRST,
                TPM2_TRANSIENT_FIRST,
                TPM2_PERSISTENT_FIRST,
                TPM2_RH_NULL,
                0,
                UINT32_MAX,
        };
        uint8_t buffer[SIZE_OF_HEAD + sizeof(uint32_t)];

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(others); ++i)
                CHECK(!allows(message(buffer, sizeof(buffer), TPM2_CC_FlushContext, &others[i])),
                      "handle 0x%x\n", others[i]);
}

static void test_extend_handles(void **state) {
        static const uint32_t others[] = {
                TPM2_RH_OWNER,    TPM2_RH_ENDORSEMENT, TPM2_RH_PLATFORM,
                TPM2_RH_LOCKOUT,  TPM2_RS_PW,          TPM2_RH_NULL - 1,
                TPM2_RH_NULL + 1, TPM2_NV_INDEX_FIRST, TPM2_HMAC_SESSION_FIRST,
                0x00ffffff,       UINT32_MAX,          0x80000000,
        };

        (void)state;
        for (uint32_t handle = 0; handle < 1000; ++handle)
                CHECK(allows_code(TPM2_CC_PCR_Extend, handle) == (handle < 24), "PCR %u\n", handle);
        assert_true(allows_code(TPM2_CC_PCR_Extend, TPM2_RH_NULL));
        for (size_t i = 0; i < ELEMENTSOF(others); ++i)
                CHECK(!allows_code(TPM2_CC_PCR_Extend, others[i]), "handle 0x%x\n", others[i]);
}

/* What the size field says must be what is sent: a TPM would read on, or stop, elsewhere. */
static void test_sizes(void **state) {
        static const uint32_t lies[] = { 0,  1,   9,      10,         11,        13,
                                         15, 100, 0x0e00, 0x0e000000, UINT32_MAX };
        uint8_t buffer[SIZE_OF_HEAD + 4];
        const uint32_t handle = 10;
        Bytes command = message(buffer, sizeof(buffer), TPM2_CC_PCR_Extend, &handle);

        (void)state;
        assert_true(allows(command));
        for (size_t i = 0; i < ELEMENTSOF(lies); ++i) {
                uint8_t copy[sizeof(buffer)];
                Builder size = builder_on(copy + 2, 4);

                memcpy(copy, buffer, sizeof(copy));
                builder_put_u32(&size, ORDER_BIG, lies[i]);
                CHECK(!allows(bytes_of(copy, sizeof(copy))), "size %u\n", lies[i]);
        }
}

static void test_truncated(void **state) {
        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(codes); ++i) {
                uint8_t buffer[SIZE_OF_HEAD + 4];
                const uint32_t handle = 10;
                Bytes whole = message(buffer, sizeof(buffer), codes[i], &handle);

                /* As cut, and with a size that fits the cut. */
                for (size_t n = 0; n < whole.n; ++n) {
                        uint8_t copy[sizeof(buffer)];
                        Builder size = builder_on(copy + 2, 4);
                        bool is_extend = codes[i] == TPM2_CC_PCR_Extend;

                        CHECK(!allows(bytes_of(buffer, n)), "0x%x cut to %zu\n", codes[i], n);
                        memcpy(copy, buffer, sizeof(copy));
                        builder_put_u32(&size, ORDER_BIG, (uint32_t)n);
                        if (n < SIZE_OF_HEAD || is_extend)
                                CHECK(!allows(bytes_of(copy, n)), "0x%x of %zu\n", codes[i], n);
                }
        }
}

static void test_tctis(void **state) {
        enum { NEVER, BELOW_ROOT, WITHOUT_ROOT };
        static const struct {
                const char *name;
                int when;
        } rows[] = {
                { NULL, NEVER },
                { "", NEVER },
                { ":", NEVER },
                { ":libtpms:", NEVER },
                { "libtpms:", BELOW_ROOT },
                { "libtpms:/run/tpm,delay=1", BELOW_ROOT },
                { "swtpm:", BELOW_ROOT },
                { "swtpm:path=/run/sock", BELOW_ROOT },
                { "mssim:host=localhost,port=2321", BELOW_ROOT },
                { "libtpms", NEVER },
                { "swtpm", NEVER },
                { "mssim", NEVER },
                { "libtpmsx:", NEVER },
                { "xlibtpms:", NEVER },
                { "libtpm:", NEVER },
                { "LIBTPMS:", NEVER },
                { " libtpms:", NEVER },
                { "libtpms :", NEVER },
                { "libtss2-tcti-libtpms.so.0:", NEVER },
                { "/usr/lib/libtss2-tcti-device.so.0:", NEVER },
                { "device", NEVER },
                { "device:", WITHOUT_ROOT },
                { "device:/dev/tpmrm0", WITHOUT_ROOT },
                { "devices:", NEVER },
                { "tabrmd:", WITHOUT_ROOT },
                { "tabrmd:bus_type=session", WITHOUT_ROOT },
                { "tabrmd", NEVER },
                { "cmd:tpm2_send", NEVER },
                { "cmd:swtpm:", NEVER },
                { "pcap:device:/dev/tpmrm0", NEVER },
                { "pcap:libtpms:", NEVER },
                { "spi-helper:", NEVER },
                { "default", NEVER },
                { "default:", NEVER },
                { "/dev/tpmrm0", NEVER },
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                CHECK(guard_allows_tcti(rows[i].name, true) == (rows[i].when == BELOW_ROOT),
                      "%s below a root\n", rows[i].name);
                CHECK(guard_allows_tcti(rows[i].name, false) == (rows[i].when == WITHOUT_ROOT),
                      "%s without a root\n", rows[i].name);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_codes),          cmocka_unit_test(test_flush_handles),
                cmocka_unit_test(test_extend_handles), cmocka_unit_test(test_sizes),
                cmocka_unit_test(test_truncated),      cmocka_unit_test(test_tctis),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
