/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-kmsg.c -- what the kernel's log says of pKVM, FF-A, TPM and IMA, and what only looks so.
 */
#include "fixture.h"

#include "core/kmsg.h"

#define BIT(line) KMSG_BIT(KMSG_##line)

/* Lines of the kernel's log: of 6.1, 6.12 and 7.3, and what must not be taken for one. */
static const struct {
        const char *line;
        uint32_t said;
} lines[] = {
        { "5,0,0,-;Linux version 7.3.4+deb13-arm64 (x)", BIT(LINUX) },
        { "[    0.000000] Linux version 6.1.0-50-arm64", BIT(LINUX) },
        { "6,212,1217686,-;kvm [1]: Protected hVHE mode initialized successfully", BIT(PKVM_UP) },
        { "[    1.2] kvm [1]: Protected nVHE mode initialized successfully", BIT(PKVM_UP) },
        { "6,1,2,-;kvm [1]: Protected hVHE+NV2 mode initialized successfully", BIT(PKVM_UP) },
        { "6,1,2,-;kvm [1]: Hyp nVHE mode initialized successfully", BIT(KVM_PLAIN) },
        { "6,1,2,-;kvm [1]: VHE mode initialized successfully", BIT(KVM_PLAIN) },
        { "6,1,2,-;kvm [1]: KVM disabled from command line", BIT(KVM_OFF) },
        { "3,1,2,-;kvm [1]: Failed to init hyp memory protection", BIT(PKVM_FAILED) },
        { "3,1,2,-;Failed to finalize Hyp protection: -22", BIT(PKVM_FAILED) },
        { "4,1,2,-;Protected KVM not available with VHE", BIT(PKVM_FAILED) },
        { "6,1,2,-;CPU features: detected: Protected KVM", 0 },
        { "6,1,2,-;ima: No TPM chip found, activating TPM-bypass!", BIT(IMA) | BIT(IMA_BYPASS) },
        { "6,1,2,-;ima: No TPM chip found, activating TPM-bypass! (rc=-19)",
          BIT(IMA) | BIT(IMA_BYPASS) },
        { "6,1,2,-;ima: Allocated hash algorithm: sha256", BIT(IMA) },
        { "6,1,2,-;ARM FF-A: Firmware version 1.1 found", BIT(FFA_FIRMWARE) },
        { "3,1,2,-;ARM FF-A: FFA_VERSION returned not supported", BIT(FFA_ABSENT) },
        { "3,1,2,-;ARM FF-A: ffa_setup_partitions: No partitions found, error -22",
          BIT(FFA_NO_PARTITION) },
        { "3,1,2,-;ARM FF-A: failed to setup partitions", BIT(FFA_FAILED) },
        { "3,1,2,-;ARM FF-A: Notification setup failed -95, not enabled", 0 },
        { "6,1,2,-;ffa-crb arm-ffa-1: ABI version 1.0", BIT(CRB_FFA_UP) },
        { "3,1,2,-;ffa-crb arm-ffa-1: failed to get crb interface version. rc:-22",
          BIT(CRB_FFA_VERSION) },
        { "4,1,2,-;tpm_crb_acpi MSFT0101:00: TPM_LOC_STATE_x.requestAccess timed out",
          BIT(CRB_TIMEOUT) },
        { "4,1,2,-;tpm_crb MSFT0101:00: TPM_LOC_STATE_x.requestAccess timed out",
          BIT(CRB_TIMEOUT) },
        { "3,1,2,-;ftpm-tee ftpm: ftpm_tee_probe: tee_client_open_session failed, err=ffff0008",
          BIT(FTPM_FAILED) },
        { "3,1,2,-;optee-ftpm optee-ta-bc50d971-d4c9-42c4-82cb-343fb7f37896: ftpm_tee_probe: "
          "tee_client_open_session failed, err=1",
          BIT(FTPM_FAILED) },
        { "3,1,2,-;tpm tpm0: TPM in field failure mode, requires firmware upgrade",
          BIT(TPM_FAILURE) },
        /* Not the kernel's, not at its place, or nothing. */
        { "12,1,2,-;kvm [1]: Protected hVHE mode initialized successfully", 0 },
        { "14,1,2,-;ima: No TPM chip found, activating TPM-bypass!", 0 },
        { "6,1,2,-;audit: name=\"kvm [1]: Protected hVHE mode initialized successfully\"", 0 },
        { "6,1,2,-;x: kvm [1]: Failed to finalize Hyp protection", 0 },
        { "6,1,2,-;imageloader: No TPM chip found, activating TPM-bypass!", 0 },
        { " SUBSYSTEM=kvm", 0 },
        { "kvm [1]: Protected hVHE mode initialized successfully", 0 },
        { "6,1,2,-", 0 },
        { "", 0 },
        { ";", 0 },
        { ",;", 0 },
        { "[", 0 },
        { "[1]", 0 },
        { "9999,1;ima: x", 0 },
        { "6x,1;ima: x", 0 },
        { "6,1;ima:", BIT(IMA) },
        { "6,1;", 0 },
};

static void test_kmsg(void **state) {
        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(lines); ++i) {
                Bytes line = heap_copy(bytes_of_text(lines[i].line));
                KmsgFacts f = { .is_known = true };

                ROW(lines[i].line);
                kmsg_look(&f, line);
                assert_int_equal(f.said, lines[i].said);
                heap_free(line);
        }
}

/* A log that could not be read says nothing, whatever stands there. */
static void test_kmsg_unknown(void **state) {
        const KmsgFacts f = { .said = UINT32_MAX };

        (void)state;
        for (KmsgLine line = 0; line < _KMSG_LINE_N; ++line)
                assert_false(kmsg_said(&f, line));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_kmsg),
                cmocka_unit_test(test_kmsg_unknown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
