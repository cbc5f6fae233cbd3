/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-status.c -- a status that is sound, and the same with one field broken at a time.
 */
#include "fixture.h"

#include <string.h>

#include "core/status.h"

/* With every number at its limit where it has one: nothing less may be refused. */
static Status good(void) {
        Status s = {
                .boot_id = "0123456789abcdef0123456789abcdef",
                .verdict = _PLAN_VERDICT_N - 1,
                .mode = _MODE_N - 1,
                .mode_reason = _MODE_REASON_N - 1,
                .state = _PLAN_STATE_N - 1,
                .reason = _PLAN_REASON_N - 1,
                .has_tpm = 1,
                .is_guarded = 1,
                .is_software = 1,
                .main_pcr = TPM_PCR_N - 1,
                .reset_count = UINT32_MAX,
                .restart_count = UINT32_MAX,
                .spool_is_writable = 1,
                .n_pcrs = 3,
                .state_usec = UINT64_MAX,
                .n_measured = 100,
                .n_extended = 100,
                .lag = { 3, 4, LAG_SAMPLES, 6, 6, 6 },
        };

        memset(s.text, 'x', sizeof(s.text) - 1);
        memset(s.device, 'y', sizeof(s.device) - 1);
        memset(s.driver, 'z', sizeof(s.driver) - 1);
        s.gate[GATE_TPM] = (StatusGate){ 1, _GATE_READINESS_N - 1, _ADVICE_N - 1,
                                         _KERNEL_PART_N - 1, UINT64_MAX };
        s.pcr[0] = (StatusPcr){ .pcr = 0,
                                .chain = _CHAIN_STATE_N - 1,
                                .banks = ALL_BANKS,
                                .has_value = 1,
                                .is_held = 1,
                                .has_base = 1,
                                .n_records = 7,
                                .n_held = 7,
                                .n_verified = 100,
                                .read_usec = UINT64_MAX };
        s.pcr[1] = (StatusPcr){ .pcr = 10,
                                .chain = CHAIN_HELD,
                                .banks = BANK(DIGEST_SHA256),
                                .has_value = 1,
                                .n_records = 90,
                                .n_held = 80 };
        s.pcr[2] = (StatusPcr){ .pcr = TPM_PCR_N - 1, .chain = CHAIN_UNREAD };
        return s;
}

static void test_good(void **state) {
        Status s = {};

        (void)state;
        ROW("nothing is known but the boot");
        memset(s.boot_id, '0', BOOT_ID_SIZE - 1);
        assert_true(status_is_sound(&s));
        ROW("all of it");
        s = good();
        assert_true(status_is_sound(&s));
        ROW("all PCRs");
        s.n_pcrs = TPM_PCR_N;
        for (uint32_t i = 0; i < TPM_PCR_N; ++i)
                s.pcr[i] = (StatusPcr){ .pcr = i };
        assert_true(status_is_sound(&s));
        ROW("and one more than there is room for");
        s.n_pcrs = TPM_PCR_N + 1;
        assert_false(status_is_sound(&s));
        ROW("rows beyond the last are of no meaning");
        s.n_pcrs = 1;
        memset(&s.pcr[1], 0xff, sizeof(s.pcr) - sizeof(s.pcr[0]));
        assert_true(status_is_sound(&s));
}

#define FIELD(f) #f, offsetof(Status, f), sizeof(((Status *)NULL)->f)

static const struct {
        const char *row;
        size_t at, size;
        uint64_t value;
} broken[] = {
        { FIELD(boot_id[0]), 'A' },
        { FIELD(boot_id[0]), '\0' },
        { FIELD(boot_id[7]), 'g' },
        { FIELD(boot_id[31]), '\0' },
        { FIELD(boot_id[31]), '-' },
        { FIELD(boot_id[32]), '0' },
        { FIELD(text[STATUS_TEXT_SIZE - 1]), 'x' },
        { FIELD(device[STATUS_TEXT_SIZE - 1]), 'y' },
        { FIELD(driver[CHIP_TEXT_MAX - 1]), 'z' },
        { FIELD(verdict), _PLAN_VERDICT_N },
        { FIELD(mode), _MODE_N },
        { FIELD(mode_reason), _MODE_REASON_N },
        { FIELD(state), _PLAN_STATE_N },
        { FIELD(reason), _PLAN_REASON_N },
        { FIELD(verdict), UINT32_MAX },
        { FIELD(mode), UINT32_MAX },
        { FIELD(mode_reason), UINT32_MAX },
        { FIELD(state), UINT32_MAX },
        { FIELD(reason), UINT32_MAX },
        { FIELD(has_tpm), 2 },
        { FIELD(is_guarded), 2 },
        { FIELD(is_software), 2 },
        { FIELD(spool_is_writable), UINT32_MAX },
        { FIELD(main_pcr), TPM_PCR_N },
        { FIELD(gate[GATE_PKVM].is_judged), 2 },
        { FIELD(gate[GATE_PKVM].readiness), _GATE_READINESS_N },
        { FIELD(gate[GATE_FFA].advice), _ADVICE_N },
        { FIELD(gate[GATE_TPM].part), _KERNEL_PART_N },
        { FIELD(gate[GATE_TPM].part), UINT32_MAX },
        { FIELD(n_pcrs), TPM_PCR_N + 1 },
        { FIELD(n_pcrs), UINT32_MAX },
        { FIELD(n_pcrs), 4 }, /* the fourth is PCR 0 again */
        { FIELD(n_measured), 99 },
        { FIELD(n_extended), 101 },
        { FIELD(lag.n_samples), LAG_SAMPLES + 1 },
        { FIELD(lag.p50_usec), 7 },
        { FIELD(lag.p99_usec), 5 },
        { FIELD(lag.p99_usec), 7 },
        { FIELD(lag.max_usec), 5 },
        { FIELD(pcr[0].pcr), 10 },
        { FIELD(pcr[1].pcr), 0 },
        { FIELD(pcr[1].pcr), TPM_PCR_N - 1 },
        { FIELD(pcr[2].pcr), TPM_PCR_N },
        { FIELD(pcr[2].pcr), 9 },
        { FIELD(pcr[0].chain), _CHAIN_STATE_N },
        { FIELD(pcr[1].banks), BANK(_DIGEST_ALG_N) },
        { FIELD(pcr[1].banks), UINT32_MAX },
        { FIELD(pcr[2].has_value), 2 },
        { FIELD(pcr[2].is_held), 1 }, /* of a value that is not there */
        { FIELD(pcr[0].is_held), 0 }, /* ... and its place says otherwise */
        { FIELD(pcr[0].is_held), 2 },
        { FIELD(pcr[0].has_base), 2 },
        { FIELD(pcr[0].n_verified), 101 },
        { FIELD(pcr[0].n_verified), 6 },
        { FIELD(pcr[1].n_verified), 1 },
        { FIELD(pcr[0].n_held), 8 },
        { FIELD(pcr[2].n_held), 1 },
        { FIELD(pcr[1].n_records), 79 },
};

static void test_broken(void **state) {
        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(broken); ++i) {
                uint8_t as_u8 = (uint8_t)broken[i].value;
                uint32_t as_u32 = (uint32_t)broken[i].value;
                Status s = good();

                ROW(broken[i].row);
                if (broken[i].size == sizeof(as_u8))
                        memcpy((char *)&s + broken[i].at, &as_u8, sizeof(as_u8));
                else if (broken[i].size == sizeof(as_u32))
                        memcpy((char *)&s + broken[i].at, &as_u32, sizeof(as_u32));
                else
                        memcpy((char *)&s + broken[i].at, &broken[i].value,
                               sizeof(broken[i].value));
                assert_false(status_is_sound(&s));
        }
}

/* Whatever comes over the socket: no read beside it (ASan), no value that C has not (UBSan). */
static void test_every_byte(void **state) {
        Status *s = malloc(sizeof(*s));
        size_t n_unsound = 0;

        (void)state;
        assert_non_null(s);
        for (size_t i = 0; i < sizeof(*s); ++i) {
                *s = good();
                ((uint8_t *)s)[i] = 0xff;
                n_unsound += !status_is_sound(s);
        }
        assert_true(n_unsound > 0 && n_unsound < sizeof(*s));
        memset(s, 0xff, sizeof(*s));
        assert_false(status_is_sound(s));
        memset(s, 0, sizeof(*s));
        assert_false(status_is_sound(s));
        free(s);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_good),
                cmocka_unit_test(test_broken),
                cmocka_unit_test(test_every_byte),
        };

        return cmocka_run_group_tests_name("status", tests, NULL, NULL) != 0;
}
