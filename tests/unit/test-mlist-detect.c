/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-mlist-detect.c -- the form of a binary list of which nobody said the algorithm.
 */
#include "fixture.h"

#include <string.h>

#include "captured.h"

static int detect(Bytes list, bool at_end, MlistForm *ret_form, MlistError *ret_error) {
        MlistForm form = { .order = _ORDER_N, .alg = _DIGEST_ALG_N };
        MlistError error = { .fault = _MLIST_FAULT_N };
        Bytes block = heap_copy(list);
        int r = mlist_detect_any(block, at_end, &all_hashers, &form, &error);

        heap_free(block);
        CHECK(r >= 0 && r <= MLIST_E_CORRUPT, "%d\n", r);
        CHECK((r == 0) == (form.order != _ORDER_N), "%d: form\n", r);
        CHECK((r == MLIST_E_CORRUPT) == (error.fault != _MLIST_FAULT_N), "%d: error\n", r);
        *ret_form = form;
        *ret_error = error;
        return r;
}

typedef enum Kind {
        KIND_PLAIN,
        KIND_VIOLATION_FIRST,
        KIND_VIOLATIONS, /* no digest tells sha256 from sm3, and nobody needs to know */
        KIND_ALTERED_FIRST,
        KIND_ALTERED, /* all of them */
        KIND_IMA,
        KIND_IMA_MD5,
        KIND_ONE,
        KIND_PCR_0,
        KIND_CORRUPT_THEN,
        _KIND_N,
} Kind;

static const char *const kind_names[_KIND_N] = {
        [KIND_PLAIN] = "plain",
        [KIND_VIOLATION_FIRST] = "violation first",
        [KIND_VIOLATIONS] = "violations only",
        [KIND_ALTERED_FIRST] = "record 0 altered",
        [KIND_ALTERED] = "all altered",
        [KIND_IMA] = "template ima",
        [KIND_IMA_MD5] = "template ima, md5",
        [KIND_ONE] = "one record",
        [KIND_PCR_0] = "PCR 0",
        [KIND_CORRUPT_THEN] = "record 1 is PCR 99",
};

static Bytes list_of(Kind kind, const MlistForm *form) {
        static const uint8_t zeros[20], ones[16] = { 1, 1 };
        Builder b = scratch();

        if (kind == KIND_VIOLATION_FIRST)
                put_violation(&b, form, 10, "ima-ng", BYTES_TEXT("any data"));
        for (int i = 0; i < (kind == KIND_ONE || kind == KIND_CORRUPT_THEN ? 1 : 12); ++i) {
                size_t end;

                if (kind == KIND_VIOLATIONS)
                        put_violation(&b, form, 10, "ima-sig", BYTES_TEXT("any data"));
                else if (kind == KIND_IMA)
                        put_ima(&b, form, 10, bytes_of(zeros, 20), BYTES_TEXT("boot_aggregate"));
                else if (kind == KIND_IMA_MD5)
                        put_ima(&b, form, 10, bytes_of(ones, 16), BYTES_TEXT("boot_aggregate"));
                else
                        put_sample(&b, form, kind == KIND_PCR_0 ? 0 : 10, "/usr/bin/true");
                end = b.n;
                if (kind == KIND_ALTERED || (kind == KIND_ALTERED_FIRST && i == 0))
                        b.data[end - 2] ^= 1;
        }
        if (kind == KIND_CORRUPT_THEN)
                put_sample(&b, form, 99, "/usr/bin/true");
        return scratch_done(&b);
}

static void test_forms(void **state) {
        MlistForm form, got;
        MlistError error;

        (void)state;
        for (Kind kind = 0; kind < _KIND_N; ++kind) {
                ROW(kind_names[kind]);
                for (form.order = 0; form.order < _ORDER_N; ++form.order)
                        for (form.alg = 0; form.alg < _DIGEST_ALG_N; ++form.alg) {
                                bool by_width = kind == KIND_VIOLATIONS || kind == KIND_ALTERED;
                                Bytes list = list_of(kind, &form);

                                CHECK(detect(list, true, &got, &error) == 0, "%s, order %d: %d\n",
                                      digest_name(form.alg), (int)form.order, (int)error.fault);
                                assert_int_equal(got.order, form.order);
                                assert_int_equal(digest_size(got.alg), digest_size(form.alg));
                                if (!by_width)
                                        assert_int_equal(got.alg, form.alg);
                                else
                                        assert_true(got.alg <= DIGEST_SHA512);
                                heap_free(list);
                        }
        }
}

/* A beginning of a list is never taken for a list of another form. */
static void test_prefixes(void **state) {
        MlistForm form, got;
        MlistError error;

        (void)state;
        for (form.order = 0; form.order < _ORDER_N; ++form.order)
                for (form.alg = 0; form.alg < _DIGEST_ALG_N; ++form.alg) {
                        Bytes list = list_of(KIND_PLAIN, &form);

                        for (size_t n = 0; n < 400; ++n)
                                for (int at_end = 0; at_end < 2; ++at_end) {
                                        int r = detect(bytes_of(list.data, n), at_end, &got,
                                                       &error);

                                        CHECK(r == 0 || r == MLIST_E_MORE, "%s, %zu bytes: %d\n",
                                              digest_name(form.alg), n, r);
                                        CHECK(r != 0 || (got.order == form.order &&
                                                         digest_size(got.alg) ==
                                                                 digest_size(form.alg)),
                                              "%s, %zu bytes: read as %s\n", digest_name(form.alg),
                                              n, digest_name(got.alg));
                                        CHECK(r == 0 || n < 200, "%s: not at %zu bytes\n",
                                              digest_name(form.alg), n);
                                }
                        heap_free(list);
                }
}

/* Only what has a hasher is tried. */
static void test_only(void **state) {
        MlistForm form = { .alg = DIGEST_SM3_256 }, got;
        Hashers one = { .of[DIGEST_SM3_256] = all_hashers.of[DIGEST_SM3_256] };
        Hashers other = { .of[DIGEST_SHA384] = all_hashers.of[DIGEST_SHA384] };
        Bytes list = list_of(KIND_ALTERED, &form);
        MlistError error;

        (void)state;
        assert_int_equal(mlist_detect_any(list, true, &one, &got, &error), 0);
        assert_int_equal(got.alg, DIGEST_SM3_256);
        assert_int_equal(mlist_detect_any(list, true, &other, &got, &error), MLIST_E_CORRUPT);
        assert_int_equal(error.fault, MLIST_FAULT_FORM);
        heap_free(list);
}

static void test_refused(void **state) {
        /* A record with 20 bytes of digest, and one with 32 (name_len 1, name 04, no data). */
        static const uint8_t two[48] = {
                [0] = 10, [4] = 1, [24] = 12, [28] = 'i', [29] = 'm', [30] = 'a', [36] = 1, [40] = 4
        };
        static const uint8_t zeros[256];
        static const struct {
                const char *name;
                Bytes list;
                int r;
                MlistFault fault;
        } rows[] = {
                { "nothing", { NULL, 0 }, MLIST_E_MORE, 0 },
                { "one byte", { two, 1 }, MLIST_E_MORE, 0 },
                { "zeros", { zeros, sizeof(zeros) }, MLIST_E_CORRUPT, MLIST_FAULT_FORM },
                { "text", BYTES_TEXT("this is no list at all"), MLIST_E_CORRUPT, MLIST_FAULT_FORM },
                { "two ways", { two, sizeof(two) }, MLIST_E_CORRUPT, MLIST_FAULT_FORM_TWO },
        };
        MlistForm form;
        MlistError error;

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                ROW(rows[i].name);
                assert_int_equal(detect(rows[i].list, true, &form, &error), rows[i].r);
                if (rows[i].r == MLIST_E_CORRUPT)
                        assert_int_equal(error.fault, rows[i].fault);
        }
        /* Where more may come, it can still be decided. */
        assert_int_equal(detect(bytes_of(two, sizeof(two)), false, &form, &error), MLIST_E_MORE);
}

static void look_at_captured(const CapturedList *list, void *context) {
        MlistForm form;
        MlistError error;
        uint8_t *altered;
        Bytes block;

        (void)context;
        ROW(list->file);
        assert_int_equal(detect(list->data, true, &form, &error), 0);
        assert_int_equal(form.order, ORDER_LITTLE);
        assert_int_equal(form.alg, list->alg);
        /* The first byte of the digest of record 0. */
        block = heap_copy(list->data);
        altered = (uint8_t *)block.data;
        altered[4] ^= 1;
        assert_int_equal(detect(block, true, &form, &error), 0);
        assert_int_equal(form.order, ORDER_LITTLE);
        assert_int_equal(form.alg, list->alg);
        heap_free(block);
}

static void test_captured(void **state) {
        (void)state;
        assert_true(captured_each(look_at_captured, NULL) >= n_captured);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_forms),    cmocka_unit_test(test_prefixes),
                cmocka_unit_test(test_only),     cmocka_unit_test(test_refused),
                cmocka_unit_test(test_captured),
        };

        return cmocka_run_group_tests_name("mlist-detect", tests, all_hashers_open,
                                           all_hashers_close) != 0;
}
