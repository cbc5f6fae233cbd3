/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-imareplay-verify.c -- imr_verify_*() of libimareplay.so.
 */
#include "api-fixture.h"

typedef struct Bank {
        const char *name;
        const char *value;
} Bank;

/* tpm_pcrs of k7.3-tpm-tcb.json: read from a TPM that a kernel had extended. */
static const Bank tcb[] = {
        { "sha1", "d56ad3eaaa0b16648a0362dcd05f6660adad4d45" },
        { "sha256", "8db3625064c07ee5832d1e6b7debbdf477b278280b453ac80446fd51c14f02aa" },
        { "sha384",
          "26b124bf70e91d132e1822116c02e407df66f0a592bbb4c1ece551729b9e6977c9193d55fb011e3c"
          "1dbb3f606414f802" },
        { "sha512",
          "e9cbb42aa66aaac5dbfcdc0d1b57dc39ebb1fc7112d6170f85d5d1f9401f0c4a26c9f584de3a7c15"
          "71fdcd7a90e796d9d24c282ca194dba1b76539d9e1d28e27" },
};

/* V(14) of the same list, by tests/lib/replay.py. */
#define TCB_HALF 14U
static const Bank tcb_half[] = {
        { "sha1", "5e370ce6b278f0f469deefdccb50753e02244146" },
        { "sha256", "df1e3e123d6a0966351b08dfcca4f5a14fff6952ee391dc309ca5780e461ce34" },
};

static const Bank zeros[] = {
        { "sha1", "0000000000000000000000000000000000000000" },
        { "sha256", "0000000000000000000000000000000000000000000000000000000000000000" },
};

/* tpm_pcrs of k6.1-tpm-tcb.json: that kernel pads sha384. */
#define PADDED         "k6.1-tpm-tcb.bin"
#define PADDED_RECORDS 21U
static const Bank padded[] = {
        { "sha256", "723e7099dbb2cb99136559744a3e6a57c0daced435c4e6bb46cc0b76e50bf061" },
        { "sha384",
          "46a51872206d3d2451be6009b23b6bd4ece5388c9fe5f8b987938be29c1684dbb894b1c4a585f21b"
          "cd14ec4798c5569d" },
};

static size_t hex(const char *text, uint8_t *ret_data) {
        size_t n = strlen(text) / 2;

        assert_true(n <= IMR_DIGEST_MAX);
        for (size_t i = 0; i < n; ++i)
                assert_int_equal(sscanf(text + 2 * i, "%2hhx", &ret_data[i]), 1);
        return n;
}

static int expect(ImrVerify *v, uint32_t pcr, const Bank *bank) {
        uint8_t value[IMR_DIGEST_MAX];
        size_t n = hex(bank->value, value);

        return imr_verify_expect(v, pcr, bank->name, value, n);
}

static ImrVerify *verify_of(uint32_t pcr, const Bank *banks, size_t n) {
        ImrVerify *v = NULL;

        assert_int_equal(imr_verify_new(&v), 0);
        for (size_t i = 0; i < n; ++i)
                assert_int_equal(expect(v, pcr, &banks[i]), 0);
        return v;
}

static void feed_all(ImrVerify *v, uint64_t n) {
        uint64_t k;

        assert_int_equal(feed(v, content.data, content.n, &k), 0);
        assert_int_equal(k, n);
}

static void assert_result(const ImrVerify *v, uint32_t pcr, ImrVerdict verdict, uint64_t holds,
                          uint64_t records) {
        ImrVerdict got = IMR_VERDICT_NOTHING;
        uint64_t h = UINT64_MAX, n = UINT64_MAX;

        assert_int_equal(imr_verify_result(v, pcr, &got, &h, &n), 0);
        assert_int_equal(got, verdict);
        assert_int_equal(h, holds);
        assert_int_equal(n, records);
        assert_int_equal(imr_verify_result(v, pcr, &got, NULL, NULL), 0);
}

static void assert_value(const ImrVerify *v, uint32_t pcr, const Bank *bank) {
        uint8_t want[IMR_DIGEST_MAX], got[IMR_DIGEST_MAX];
        size_t n = hex(bank->value, want), n_got = 0;

        assert_int_equal(imr_verify_value(v, pcr, bank->name, got, n, &n_got), 0);
        assert_int_equal(n_got, n);
        assert_memory_equal(got, want, n);
}

static void test_whole(void **state) {
        ImrVerify *v = verify_of(TCB_PCR, tcb, N_OF(tcb));
        uint32_t pcr = UINT32_MAX;

        (void)state;
        load(TCB);
        feed_all(v, TCB_RECORDS);
        assert_int_equal(imr_verify_main_pcr(v, &pcr), 0);
        assert_int_equal(pcr, TCB_PCR);
        assert_result(v, pcr, IMR_VERDICT_WHOLE, TCB_RECORDS, TCB_RECORDS);
        for (size_t i = 0; i < N_OF(tcb); ++i)
                assert_value(v, pcr, &tcb[i]);
        assert_value(v, 0, &zeros[0]);
        assert_null(imr_verify_free(v));
}

static void test_one_bank_wrong(void **state) {
        (void)state;
        load(TCB);
        for (size_t wrong = 0; wrong < N_OF(tcb); ++wrong) {
                ImrVerify *v = NULL;

                assert_int_equal(imr_verify_new(&v), 0);
                for (size_t i = 0; i < N_OF(tcb); ++i) {
                        uint8_t value[IMR_DIGEST_MAX];
                        size_t n = hex(tcb[i].value, value);

                        value[n - 1] ^= i == wrong;
                        assert_int_equal(imr_verify_expect(v, TCB_PCR, tcb[i].name, value, n), 0);
                }
                feed_all(v, TCB_RECORDS);
                assert_result(v, TCB_PCR, IMR_VERDICT_MISFIT, 0, TCB_RECORDS);
                assert_value(v, TCB_PCR, &tcb[wrong]);
                imr_verify_free(v);
        }
}

static void test_prefix(void **state) {
        const Bank split[] = { tcb[0], tcb_half[1] };
        ImrVerify *v = verify_of(TCB_PCR, tcb_half, N_OF(tcb_half));
        uint64_t n;

        (void)state;
        load(TCB);
        assert_int_equal(feed(v, content.data, offset_of(TCB_HALF), &n), 0);
        assert_result(v, TCB_PCR, IMR_VERDICT_WHOLE, TCB_HALF, TCB_HALF);
        assert_value(v, TCB_PCR, &tcb_half[1]);
        imr_verify_free(v);

        v = verify_of(TCB_PCR, tcb_half, N_OF(tcb_half));
        feed_all(v, TCB_RECORDS);
        assert_result(v, TCB_PCR, IMR_VERDICT_PREFIX, TCB_HALF, TCB_RECORDS);
        assert_value(v, TCB_PCR, &tcb[1]);
        imr_verify_free(v);

        v = verify_of(TCB_PCR, split, N_OF(split)); /* each bank a prefix, but not the same */
        feed_all(v, TCB_RECORDS);
        assert_result(v, TCB_PCR, IMR_VERDICT_MISFIT, 0, TCB_RECORDS);
        imr_verify_free(v);
}

/* Nothing compared is never good, and a PCR of zeros holds nothing. */
static void test_nothing(void **state) {
        ImrVerify *v = verify_of(TCB_PCR, zeros, N_OF(zeros));
        uint32_t pcr = 77;
        uint64_t n;

        (void)state;
        assert_int_equal(feed(v, NULL, 0, &n), 0);
        assert_int_equal(imr_verify_main_pcr(v, &pcr), -ENODATA);
        assert_int_equal(pcr, 77);
        assert_result(v, TCB_PCR, IMR_VERDICT_NOTHING, 0, 0);
        assert_value(v, TCB_PCR, &zeros[0]);
        load(TCB);
        feed_all(v, TCB_RECORDS);
        assert_result(v, TCB_PCR, IMR_VERDICT_EMPTY, 0, TCB_RECORDS);
        assert_result(v, 11, IMR_VERDICT_NOTHING, 0, 0);
        imr_verify_free(v);

        v = verify_of(TCB_PCR, NULL, 0); /* no value at all */
        feed_all(v, TCB_RECORDS);
        assert_result(v, TCB_PCR, IMR_VERDICT_NOTHING, 0, TCB_RECORDS);
        imr_verify_free(v);

        v = verify_of(11, zeros, N_OF(zeros)); /* of another PCR only */
        feed_all(v, TCB_RECORDS);
        assert_result(v, TCB_PCR, IMR_VERDICT_NOTHING, 0, TCB_RECORDS);
        assert_result(v, 11, IMR_VERDICT_EMPTY, 0, 0);
        imr_verify_free(v);
}

/* A list that is cut: its records so far are a verdict on them; then the rest makes it whole. */
static void test_cut_then_whole(void **state) {
        ImrVerify *v = verify_of(TCB_PCR, tcb, N_OF(tcb));
        ImrList *list = NULL;
        uint64_t n = 0;
        size_t cut;
        int fd;

        (void)state;
        load(TCB);
        cut = content.n - 1;
        fd = file_of(content.data, cut);
        assert_int_equal(imr_list_new_from_fd(fd, &list), 0);
        assert_int_equal(drain(list, v, &n), -ENODATA);
        assert_result(v, TCB_PCR, IMR_VERDICT_MISFIT, 0, TCB_RECORDS - 1);
        file_append(fd, content.data + cut, content.n - cut);
        assert_int_equal(drain(list, v, &n), 0);
        assert_result(v, TCB_PCR, IMR_VERDICT_WHOLE, TCB_RECORDS, TCB_RECORDS);
        imr_list_free(list);
        imr_verify_free(v);
        assert_int_equal(close(fd), 0);
}

/* The PCR values need not show that a claimed digest was altered: with sha1, it is looked at. */
static void test_altered_record(void **state) {
        (void)state;
        load(TCB);
        content.data[offset_of(5) + HEAD_DIGEST] ^= 1;
        for (size_t bank = 0; bank < N_OF(tcb); ++bank) {
                ImrVerify *v = verify_of(TCB_PCR, &tcb[bank], 1);
                bool seen = strcmp(tcb[bank].name, "sha1") == 0;

                feed_all(v, TCB_RECORDS);
                assert_result(v, TCB_PCR, seen ? IMR_VERDICT_MISFIT : IMR_VERDICT_WHOLE,
                              seen ? 0 : TCB_RECORDS, TCB_RECORDS);
                imr_verify_free(v);
        }
}

static void swap_u32(uint8_t *at) {
        const uint8_t old[4] = { at[0], at[1], at[2], at[3] };

        for (size_t i = 0; i < 4; ++i)
                at[i] = old[3 - i];
}

/* Data is hashed as it stands: with its head turned round, the list gives the same values. */
static void test_big_endian(void **state) {
        ImrVerify *v = verify_of(TCB_PCR, tcb, N_OF(tcb));
        size_t at[TCB_RECORDS];

        (void)state;
        load(TCB);
        for (size_t k = 0; k < TCB_RECORDS; ++k)
                at[k] = offset_of(k);
        for (size_t k = 0; k < TCB_RECORDS; ++k) {
                swap_u32(content.data + at[k]);
                swap_u32(content.data + at[k] + HEAD_NAME_N);
                swap_u32(content.data + at[k] + HEAD_NAME + strlen(TCB_NAME));
        }
        feed_all(v, TCB_RECORDS);
        assert_result(v, TCB_PCR, IMR_VERDICT_WHOLE, TCB_RECORDS, TCB_RECORDS);
        imr_verify_free(v);
}

static void test_padded(void **state) {
        ImrVerify *v = verify_of(TCB_PCR, padded, N_OF(padded));

        (void)state;
        load(PADDED);
        feed_all(v, PADDED_RECORDS);
        assert_result(v, TCB_PCR, IMR_VERDICT_MISFIT, 0, PADDED_RECORDS);
        assert_int_equal(imr_verify_padded(v, "sha384"), -EBUSY);
        imr_verify_free(v);

        v = verify_of(TCB_PCR, padded, N_OF(padded));
        assert_int_equal(imr_verify_padded(v, "sha1"), -EINVAL);
        assert_int_equal(imr_verify_padded(v, "md5"), -EOPNOTSUPP);
        for (int i = 0; i < 2; ++i)
                assert_int_equal(imr_verify_padded(v, "sha384"), 0);
        assert_int_equal(imr_verify_padded(v, "sha512"), 0); /* has no value: nothing to pad */
        feed_all(v, PADDED_RECORDS);
        assert_result(v, TCB_PCR, IMR_VERDICT_WHOLE, PADDED_RECORDS, PADDED_RECORDS);
        assert_value(v, TCB_PCR, &padded[1]);
        imr_verify_free(v);
}

/* Refused, and as if never asked. */
static void test_expect_refuses(void **state) {
        ImrVerify *v = verify_of(TCB_PCR, tcb, 2);
        uint8_t value[IMR_DIGEST_MAX + 1] = {};
        static const struct {
                uint32_t pcr;
                const char *bank;
                size_t n;
                int error;
        } rows[] = {
                { 0, "sha256", 31, -EINVAL },
                { 0, "sha256", 33, -EINVAL },
                { 0, "sha256", 0, -EINVAL },
                { 0, "sha512", IMR_DIGEST_MAX + 1, -EINVAL },
                { 0, "sha1", 32, -EINVAL },
                { IMR_PCR_N, "sha256", 32, -EINVAL },
                { UINT32_MAX, "sha256", 32, -EINVAL },
                { 0, "md5", 16, -EOPNOTSUPP },
                { 0, "SHA256", 32, -EOPNOTSUPP },
                { 0, "", 32, -EOPNOTSUPP },
                { 0, "sha256 ", 32, -EOPNOTSUPP },
                { TCB_PCR, "sha256", 32, -EEXIST },
        };

        (void)state;
        for (size_t i = 0; i < N_OF(rows); ++i)
                assert_int_equal(imr_verify_expect(v, rows[i].pcr, rows[i].bank, value, rows[i].n),
                                 rows[i].error);
        load(TCB);
        feed_all(v, TCB_RECORDS);
        assert_result(v, TCB_PCR, IMR_VERDICT_WHOLE, TCB_RECORDS, TCB_RECORDS);
        assert_result(v, 0, IMR_VERDICT_NOTHING, 0, 0);
        assert_int_equal(expect(v, TCB_PCR, &tcb[2]), -EBUSY);
        assert_result(v, TCB_PCR, IMR_VERDICT_WHOLE, TCB_RECORDS, TCB_RECORDS);
        imr_verify_free(v);
}

/* On failure no output is touched. */
static void test_outputs(void **state) {
        ImrVerify *v = verify_of(TCB_PCR, tcb, 2);
        uint8_t value[IMR_DIGEST_MAX], untouched[IMR_DIGEST_MAX];
        static const struct {
                uint32_t pcr;
                const char *bank;
                size_t max;
                int error;
        } rows[] = {
                { TCB_PCR, "sha256", 31, -ENOBUFS },
                { TCB_PCR, "sha256", 0, -ENOBUFS },
                { TCB_PCR, "sha384", IMR_DIGEST_MAX, -ENOENT },
                { TCB_PCR, "md5", IMR_DIGEST_MAX, -EOPNOTSUPP },
                { IMR_LIST_PCR_N, "sha256", IMR_DIGEST_MAX, -EINVAL },
        };
        ImrVerdict verdict = IMR_VERDICT_EMPTY;
        uint64_t holds = 77, records = 77;
        size_t n = 77;

        (void)state;
        memset(value, 0xa5, sizeof(value));
        memset(untouched, 0xa5, sizeof(untouched));
        load(TCB);
        feed_all(v, TCB_RECORDS);
        for (size_t i = 0; i < N_OF(rows); ++i) {
                assert_int_equal(
                        imr_verify_value(v, rows[i].pcr, rows[i].bank, value, rows[i].max, &n),
                        rows[i].error);
                assert_memory_equal(value, untouched, sizeof(value));
                assert_int_equal(n, 77);
        }
        assert_int_equal(imr_verify_result(v, IMR_LIST_PCR_N, &verdict, &holds, &records), -EINVAL);
        assert_int_equal(verdict, IMR_VERDICT_EMPTY);
        assert_int_equal(holds, 77);
        assert_int_equal(records, 77);
        assert_null(imr_verify_free(v));
        assert_null(imr_verify_free(NULL));
}

/* Records of several PCRs, one of which (40) no TPM has; pcr_counts of k7.3-tpm-pcrs.json. */
static void test_other_pcrs(void **state) {
        ImrVerify *v = verify_of(17, zeros, N_OF(zeros));
        uint32_t pcr = 0;

        (void)state;
        load("k7.3-tpm-pcrs.bin");
        feed_all(v, 42);
        assert_int_equal(imr_verify_main_pcr(v, &pcr), 0);
        assert_int_equal(pcr, 10);
        assert_result(v, 10, IMR_VERDICT_NOTHING, 0, 17);
        assert_result(v, 17, IMR_VERDICT_EMPTY, 0, 4); /* a TPM refuses it to software */
        assert_result(v, 40, IMR_VERDICT_NOTHING, 0, 4);
        imr_verify_free(v);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_whole),          cmocka_unit_test(test_one_bank_wrong),
                cmocka_unit_test(test_prefix),         cmocka_unit_test(test_nothing),
                cmocka_unit_test(test_cut_then_whole), cmocka_unit_test(test_altered_record),
                cmocka_unit_test(test_big_endian),     cmocka_unit_test(test_padded),
                cmocka_unit_test(test_expect_refuses), cmocka_unit_test(test_outputs),
                cmocka_unit_test(test_other_pcrs),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
