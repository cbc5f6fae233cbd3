/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-mlist-captured.c -- the captured lists: whole, cut at every byte, with every bit turned
 * over.
 */
#include "fixture.h"

#include <string.h>

#include "captured.h"

/* Parse to the end; returns the number of records, sets what ended it. */
static size_t parse_all(Bytes in, const MlistForm *form, int *ret_end, Bytes *ret_rest) {
        MlistRecord record;
        MlistError error;
        size_t n = 0;
        int r = 0;

        while (in.n > 0) {
                r = mlist_parse(&in, form, all_hashers.of[form->alg], &record, &error);
                if (r != 0)
                        break;
                ++n;
        }
        *ret_end = r;
        *ret_rest = in;
        return n;
}

static void look_at_whole_list(const CapturedList *list, void *context) {
        size_t n = 0, n_violations = 0, *n_with_manifest = context;
        Bytes in = list->data;
        MlistForm form;
        MlistRecord record;
        MlistError error;
        int r;

        ROW(list->file);
        assert_int_equal(mlist_detect(in, list->alg, &form, &error), 0);
        assert_int_equal(form.order, ORDER_LITTLE);
        while (in.n > 0) {
                r = parse_record(&in, &form, &record, &error);
                CHECK(r == 0, "record %zu: %d\n", n, r);
                CHECK(record_fits(&record, list->alg), "record %zu: wrong digest\n", n);
                n_violations += record.is_violation;
                ++n;
        }
        if (!list->manifest)
                return;
        ++*n_with_manifest;
        assert_int_equal(n, list->manifest->n_records);
        assert_int_equal(n_violations, list->manifest->n_violations);
}

static void test_captured(void **state) {
        size_t n_with_manifest = 0;

        (void)state;
        assert_true(captured_each(look_at_whole_list, &n_with_manifest) >= n_captured);
        assert_true(n_with_manifest >= n_captured);
}

#define CUT_LIST_MAX (20U << 10)

static void look_at_every_prefix(const CapturedList *list, void *context) {
        _cleanup_free_ size_t *ends = NULL;
        size_t n_ends = 0, k = 0, *n_lists = context;
        Bytes in = list->data;
        MlistForm form;
        MlistRecord record;
        MlistError error;

        if (in.n >= CUT_LIST_MAX)
                return;
        ROW(list->file);
        ++*n_lists;
        ends = calloc(in.n + 1, sizeof(*ends));
        assert_non_null(ends);
        assert_int_equal(mlist_detect(in, list->alg, &form, &error), 0);
        while (mlist_parse(&in, &form, all_hashers.of[form.alg], &record, &error) == 0)
                ends[n_ends++] = list->data.n - in.n;
        assert_int_equal(in.n, 0);
        for (size_t cut = 0; cut <= list->data.n; ++cut) {
                Bytes block = heap_copy(bytes_of(list->data.data, cut)), rest;
                bool clean;
                size_t n;
                int end;

                while (k < n_ends && ends[k] <= cut)
                        ++k;
                n = parse_all(block, &form, &end, &rest);
                CHECK(n == k, "cut at %zu: %zu records, not %zu\n", cut, n, k);
                clean = cut == 0 || (k > 0 && ends[k - 1] == cut);
                CHECK(end == (clean ? 0 : MLIST_E_MORE), "cut at %zu: %d\n", cut, end);
                CHECK(rest.n == cut - (k > 0 ? ends[k - 1] : 0), "cut at %zu\n", cut);
                heap_free(block);
        }
}

static void test_captured_cut_everywhere(void **state) {
        size_t n_lists = 0;

        (void)state;
        (void)captured_each(look_at_every_prefix, &n_lists);
        assert_true(n_lists > 50);
}

/* What a byte of a list is, by a walk over the list as it was. */
typedef enum Part {
        PART_FREE,   /* PCR, name of the template, data of a violation: no digest covers them */
        PART_LENGTH, /* moves the borders of records */
        PART_HASHED, /* template data, or its digest */
} Part;

static Part *parts_of(Bytes list, const MlistForm *form) {
        Part *parts = calloc(list.n, sizeof(*parts));
        MlistRecord record;
        MlistError error;
        Bytes in = list;

        assert_non_null(parts);
        while (mlist_parse(&in, form, all_hashers.of[form->alg], &record, &error) == 0) {
                size_t at = (size_t)(record.whole.data - list.data);
                size_t name = at + 4 + record.digest.n;

                for (size_t i = 0; i < record.whole.n; ++i)
                        parts[at + i] = PART_HASHED;
                for (size_t i = 0; i < 4; ++i) {
                        parts[at + i] = PART_FREE;
                        parts[name + i] = PART_LENGTH;
                        if (!record.is_ima)
                                parts[name + 4 + record.name.n + i] = PART_LENGTH;
                }
                for (size_t i = 0; i < record.name.n; ++i)
                        parts[name + 4 + i] = PART_FREE;
                for (size_t i = 0; record.is_violation && i < record.data.n; ++i)
                        parts[(size_t)(record.data.data - list.data) + i] = PART_FREE;
                if (record.is_ima)
                        for (size_t i = 0; i < 4; ++i)
                                parts[(size_t)(record.ima_name.data - list.data) - 4 + i] =
                                        PART_LENGTH;
        }
        assert_int_equal(in.n, 0);
        return parts;
}

/* The shortest record: template 'ima' with md5 and no name is longer. */
#define RECORD_MIN(alg) (4 + digest_size(alg) + 4 + 1 + 4)

static void test_captured_bit_flips(void **state) {
        static const char *const files[] = {
                "arm64-pkvm-stock-6.1.bin",
                "own-tpm-staging.bin",
                "own-tpm-staging-current-while-staged.sha512.bin",
                "k7.3-bypass-ima-md5.bin",
                "k6.1-tpm-ima-sha1.bin",
        };

        (void)state;
        for (size_t f = 0; f < ELEMENTSOF(files); ++f) {
                DigestAlg alg = strstr(files[f], "sha512") ? DIGEST_SHA512 : DIGEST_SHA1;
                _cleanup_free_ Part *parts = NULL;
                MlistForm form;
                MlistError error;
                Bytes list;

                ROW(files[f]);
                list = captured_load(files[f]);
                assert_int_equal(mlist_detect(list, alg, &form, &error), 0);
                parts = parts_of(list, &form);
                for (size_t bit = 0; bit < 8 * list.n; ++bit) {
                        Bytes block = heap_copy(list), in = block;
                        MlistRecord record;
                        bool good = true;
                        size_t n = 0;
                        int r = 0;

                        ((uint8_t *)block.data)[bit / 8] ^= (uint8_t)(1 << bit % 8);
                        while (in.n > 0) {
                                r = parse_record(&in, &form, &record, &error);
                                if (r != 0)
                                        break;
                                good &= record_fits(&record, alg);
                                ++n;
                        }
                        CHECK(r >= 0 && r <= MLIST_E_LIMIT, "byte %zu bit %zu: %d\n", bit / 8,
                              bit % 8, r);
                        CHECK(n <= list.n / RECORD_MIN(alg), "byte %zu bit %zu: %zu records\n",
                              bit / 8, bit % 8, n);
                        if (parts[bit / 8] != PART_FREE)
                                CHECK(r != 0 || !good, "byte %zu bit %zu: nobody noticed\n",
                                      bit / 8, bit % 8);
                        heap_free(block);
                }
                heap_free(list);
        }
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_captured),
                cmocka_unit_test(test_captured_cut_everywhere),
                cmocka_unit_test(test_captured_bit_flips),
        };

        return cmocka_run_group_tests_name("mlist-captured", tests, all_hashers_open,
                                           all_hashers_close) != 0;
}
