/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-mlist-bad.c -- limits, byte order, and lists that are malformed.
 *
 * Among the rows are the defects of other parsers of this format: a cut header that reads as the
 * end, a template that ends the list because of its name, a byte order guessed for each record,
 * lengths that are believed.
 */
#include "fixture.h"

#include <string.h>

/*
 * Limits: each at its last good value and at the first bad one
 */

enum { PCR, NAME, DATA };

static const struct {
        const char *row;
        int field;
        uint32_t value;
        int result;
        MlistFault fault;
} limits[] = {
        { "PCR 0", PCR, 0, 0, 0 },
        { "PCR 23", PCR, 23, 0, 0 },
        { "PCR 24", PCR, 24, 0, 0 },
        { "PCR 63", PCR, 63, 0, 0 },
        { "PCR 64", PCR, 64, MLIST_E_CORRUPT, MLIST_FAULT_PCR },
        { "PCR 10 of the other byte order", PCR, 0x0a000000, MLIST_E_CORRUPT, MLIST_FAULT_PCR },
        { "PCR -1", PCR, UINT32_MAX, MLIST_E_CORRUPT, MLIST_FAULT_PCR },
        { "no name", NAME, 0, MLIST_E_CORRUPT, MLIST_FAULT_NAME_EMPTY },
        { "name of 1", NAME, 1, 0, 0 },
        { "name of 255", NAME, 255, 0, 0 },
        { "name of 256", NAME, 256, MLIST_E_LIMIT, MLIST_FAULT_NAME_LONG },
        { "name of 6 of the other byte order", NAME, 0x06000000, MLIST_E_LIMIT,
          MLIST_FAULT_NAME_LONG },
        { "name of 4 GiB", NAME, UINT32_MAX, MLIST_E_LIMIT, MLIST_FAULT_NAME_LONG },
        { "no data", DATA, 0, 0, 0 },
        { "data of 2 MiB", DATA, 2U << 20, 0, 0 },
        { "data of 2 MiB and 1", DATA, (2U << 20) + 1, MLIST_E_LIMIT, MLIST_FAULT_DATA_LONG },
        { "data of 2 GiB", DATA, 0x80000000, MLIST_E_LIMIT, MLIST_FAULT_DATA_LONG },
        { "data of 4 GiB", DATA, UINT32_MAX, MLIST_E_LIMIT, MLIST_FAULT_DATA_LONG },
};

static void test_limits(void **state) {
        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(limits); ++i) {
                ROW(limits[i].row);
                for (ByteOrder order = 0; order < _ORDER_N; ++order)
                        for (DigestAlg alg = 0; alg < _DIGEST_ALG_N; ++alg) {
                                const MlistForm form = { order, alg };
                                uint32_t pcr = limits[i].field == PCR ? limits[i].value : 10;
                                uint32_t n_name = limits[i].field == NAME ? limits[i].value : 6;
                                uint32_t n_data = limits[i].field == DATA ? limits[i].value : 3;
                                const size_t at[] = { 0, 4 + digest_size(alg),
                                                      4 + digest_size(alg) + 4 + n_name };
                                Builder b = scratch();
                                size_t n_field;
                                MlistRecord got;
                                MlistError error;
                                Bytes block, in;
                                int r;

                                builder_put_u32(&b, order, pcr);
                                n_field = b.n;
                                builder_put(&b, bytes_of("\x11\x22", 2));
                                while (b.n < 4 + digest_size(alg))
                                        builder_put_u8(&b, 0x33);
                                builder_put_u32(&b, order, n_name);
                                n_field = limits[i].field == NAME ? b.n : n_field;
                                for (uint32_t k = 0; k < MIN_OF(n_name, 256); ++k)
                                        builder_put_u8(&b, 'n');
                                builder_put_u32(&b, order, n_data);
                                n_field = limits[i].field == DATA ? b.n : n_field;
                                for (uint32_t k = 0; k < MIN_OF(n_data, (2U << 20) + 1); ++k)
                                        builder_put_u8(&b, 'd');
                                /* Refused as soon as the field is there, before what it counts. */
                                if (limits[i].result != 0)
                                        b.n = n_field;
                                block = in = scratch_done(&b);
                                r = parse_record(&in, &form, &got, &error);
                                CHECK(r == limits[i].result, "%s: %d\n", digest_name(alg), r);
                                if (r == 0) {
                                        assert_int_equal(got.pcr, pcr);
                                        assert_int_equal(got.name.n, n_name);
                                        assert_int_equal(got.data.n, n_data);
                                        assert_true(got.whole.n <= MLIST_RECORD_MAX);
                                        assert_int_equal(in.n, 0);
                                } else {
                                        assert_int_equal(error.fault, limits[i].fault);
                                        assert_int_equal(error.value, limits[i].value);
                                        assert_int_equal(error.at, at[limits[i].field]);
                                        /* One byte less: nobody can know yet. */
                                        in = bytes_of(block.data, n_field - 1);
                                        assert_int_equal(parse_record(&in, &form, &got, &error),
                                                         MLIST_E_MORE);
                                }
                                heap_free(block);
                        }
        }
}

/* The largest record is as large as its constant says. */
static void test_largest_record(void **state) {
        const MlistForm form = { ORDER_LITTLE, DIGEST_SHA512 };
        _cleanup_free_ uint8_t *data = calloc(1, MLIST_DATA_MAX);
        char name[MLIST_NAME_MAX + 1];
        Builder b = scratch();
        MlistRecord got;
        MlistError error;
        Bytes block, in;

        (void)state;
        assert_non_null(data);
        memset(name, 'n', MLIST_NAME_MAX);
        name[MLIST_NAME_MAX] = '\0';
        put_record(&b, &form, 63, name, bytes_of(data, MLIST_DATA_MAX));
        block = in = scratch_done(&b);
        assert_int_equal(block.n, MLIST_RECORD_MAX);
        assert_int_equal(parse_record(&in, &form, &got, &error), 0);
        assert_true(record_fits(&got, DIGEST_SHA512));
        in = bytes_of(block.data, block.n - 1);
        assert_int_equal(parse_record(&in, &form, &got, &error), MLIST_E_MORE);
        heap_free(block);
}

static void test_fault_texts(void **state) {
        (void)state;
        for (MlistFault fault = 0; fault < _MLIST_FAULT_N; ++fault) {
                const char *text = mlist_fault_text(fault);

                CHECK(text && *text, "fault %d\n", (int)fault);
                for (MlistFault other = 0; other < fault; ++other)
                        assert_string_not_equal(text, mlist_fault_text(other));
        }
}

/*
 * Byte order
 */

static const struct {
        const char *row;
        uint32_t pcr, name; /* as little endian */
        int result;         /* with all bytes there */
        ByteOrder order;
} orders[] = {
        { "PCR 10, little", 10, 6, 0, ORDER_LITTLE },
        { "PCR 10, big", 0x0a000000, 0x06000000, 0, ORDER_BIG },
        { "PCR 0, little", 0, 6, 0, ORDER_LITTLE },
        { "PCR 0, big", 0, 0x06000000, 0, ORDER_BIG },
        { "PCR 63, little", 63, 255, 0, ORDER_LITTLE },
        { "PCR 63, big", 0x3f000000, 0xff000000, 0, ORDER_BIG },
        { "name of 1, little", 10, 1, 0, ORDER_LITTLE },
        { "name of 1, big", 0x0a000000, 0x01000000, 0, ORDER_BIG },
        { "PCR 64, little", 64, 6, MLIST_E_CORRUPT, 0 },
        { "PCR 64, big", 0x40000000, 0x06000000, MLIST_E_CORRUPT, 0 },
        { "no name", 10, 0, MLIST_E_CORRUPT, 0 },
        { "no name, PCR 0", 0, 0, MLIST_E_CORRUPT, 0 },
        { "name of 256, little", 10, 256, MLIST_E_CORRUPT, 0 },
        { "name of 256, big", 0x0a000000, 0x00010000, MLIST_E_CORRUPT, 0 },
        { "PCR little, name big", 10, 0x06000000, MLIST_E_CORRUPT, 0 },
        { "PCR big, name little", 0x0a000000, 6, MLIST_E_CORRUPT, 0 },
        { "middle-endian", 0x00000a00, 6, MLIST_E_CORRUPT, 0 },
        { "ones", UINT32_MAX, UINT32_MAX, MLIST_E_CORRUPT, 0 },
};

static void test_detect(void **state) {
        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(orders); ++i) {
                ROW(orders[i].row);
                for (DigestAlg alg = 0; alg < _DIGEST_ALG_N; ++alg) {
                        Builder b = scratch();

                        builder_put_u32(&b, ORDER_LITTLE, orders[i].pcr);
                        for (size_t k = 0; k < digest_size(alg); ++k)
                                builder_put_u8(&b, 0x0a);
                        builder_put_u32(&b, ORDER_LITTLE, orders[i].name);
                        for (size_t n = 0; n <= b.n; ++n) {
                                MlistForm form = { _ORDER_N, _DIGEST_ALG_N };
                                MlistError error = { .at = 77 };
                                Bytes block = heap_copy(bytes_of(b.data, n));
                                int r = mlist_detect(block, alg, &form, &error);

                                CHECK(r == (n < b.n ? MLIST_E_MORE : orders[i].result),
                                      "%zu bytes: %d\n", n, r);
                                if (r == 0) {
                                        assert_int_equal(form.order, orders[i].order);
                                        assert_int_equal(form.alg, alg);
                                } else {
                                        assert_int_equal(form.order, _ORDER_N);
                                }
                                if (r == MLIST_E_CORRUPT)
                                        assert_int_equal(error.fault, MLIST_FAULT_ORDER);
                                else
                                        assert_int_equal(error.at, 77);
                                heap_free(block);
                        }
                }
        }
}

/* A second record with its bytes swapped, whole or in part, is never taken for one. */
static void test_order_is_never_guessed_again(void **state) {
        static const struct {
                const char *row;
                bool pcr, name, data; /* swapped? */
                uint32_t pcr_value;
                size_t n_data;
                int result; /* 0: accepted as a record, whose digest must not fit */
        } rows[] = {
                { "all of it", true, true, true, 10, 4, MLIST_E_CORRUPT },
                { "the PCR", true, false, false, 10, 4, MLIST_E_CORRUPT },
                { "the name's length", false, true, false, 10, 4, MLIST_E_LIMIT },
                { "the data's length", false, false, true, 10, 4, MLIST_E_LIMIT },
                /* PCR 0 is 0 in both */
                { "all of it, PCR 0", true, true, true, 0, 4, MLIST_E_LIMIT },
                /* 65536 swapped is 256: delimits, but what is delimited has another digest */
                { "a length that is small both ways", false, false, true, 10, 65536, 0 },
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i)
                for (ByteOrder order = 0; order < _ORDER_N; ++order) {
                        const ByteOrder other = order == ORDER_BIG ? ORDER_LITTLE : ORDER_BIG;
                        _cleanup_free_ uint8_t *data = calloc(1, rows[i].n_data);
                        uint8_t digest[DIGEST_SIZE_MAX];
                        MlistForm form;
                        Builder b = scratch();
                        MlistRecord got;
                        MlistError error;
                        Bytes block, in;

                        ROW(rows[i].row);
                        assert_non_null(data);
                        put_sample(&b, &(MlistForm){ order, DIGEST_SHA1 }, 10, "boot_aggregate");
                        hash_of(DIGEST_SHA1, bytes_of(data, rows[i].n_data), digest);
                        builder_put_u32(&b, rows[i].pcr ? other : order, rows[i].pcr_value);
                        builder_put(&b, bytes_of(digest, 20));
                        builder_put_u32(&b, rows[i].name ? other : order, 6);
                        builder_put(&b, BYTES_TEXT("ima-ng"));
                        builder_put_u32(&b, rows[i].data ? other : order, (uint32_t)rows[i].n_data);
                        builder_put(&b, bytes_of(data, rows[i].n_data));
                        block = in = scratch_done(&b);
                        assert_int_equal(mlist_detect(in, DIGEST_SHA1, &form, &error), 0);
                        assert_int_equal(form.order, order);
                        assert_int_equal(parse_record(&in, &form, &got, &error), 0);
                        assert_true(record_fits(&got, DIGEST_SHA1));
                        assert_int_equal(parse_record(&in, &form, &got, &error), rows[i].result);
                        if (rows[i].result == 0)
                                assert_false(record_fits(&got, DIGEST_SHA1));
                        heap_free(block);
                }
}

/*
 * What other parsers do wrong (facts/style.md, section 6)
 */

/* FAPI 1: a header that is cut reads as the clean end of the list. */
static void test_fapi_cut_header_is_no_end(void **state) {
        const MlistForm form = { ORDER_LITTLE, DIGEST_SHA1 };
        Builder b = scratch();
        size_t n_first;

        (void)state;
        put_sample(&b, &form, 10, "boot_aggregate");
        n_first = b.n;
        put_sample(&b, &form, 10, "/usr/bin/true");
        for (size_t n = n_first + 1; n < b.n; ++n) {
                Bytes block = heap_copy(bytes_of(b.data, n)), in = block;
                MlistRecord got;
                MlistError error;

                assert_int_equal(parse_record(&in, &form, &got, &error), 0);
                CHECK(parse_record(&in, &form, &got, &error) == MLIST_E_MORE, "cut at %zu\n", n);
                CHECK(in.n == n - n_first, "cut at %zu: the rest is gone\n", n);
                heap_free(block);
        }
}

/* FAPI 1: a template whose name does not begin with "ima" ends the list. */
static void test_fapi_name_without_ima_is_a_record(void **state) {
        static const char *const names[] = { "evm-sig", "d-ng|n-ng", "im", "IMA-NG", "x", "\x7f" };
        const MlistForm form = { ORDER_LITTLE, DIGEST_SHA1 };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(names); ++i) {
                Builder b = scratch();
                MlistRecord got;
                MlistError error;
                Bytes block, in;

                ROW(names[i]);
                put_sample(&b, &form, 10, "boot_aggregate");
                put_record(&b, &form, 10, names[i], BYTES_TEXT("data"));
                put_sample(&b, &form, 10, "/usr/bin/true");
                block = in = scratch_done(&b);
                for (size_t k = 0; k < 3; ++k) {
                        assert_int_equal(parse_record(&in, &form, &got, &error), 0);
                        assert_true(record_fits(&got, DIGEST_SHA1));
                        assert_int_equal(bytes_equal_text(got.name, names[i]), k == 1);
                }
                assert_int_equal(in.n, 0);
                heap_free(block);
        }
}

/* FAPI 2: lengths that do not fit are tried the other way round. */
static void test_fapi_lengths_are_never_swapped(void **state) {
        static const uint8_t zeros[256];
        const MlistForm form = { ORDER_LITTLE, DIGEST_SHA1 };
        Builder b = scratch();
        MlistRecord got;
        MlistError error;
        Bytes block, in;

        (void)state;
        put_head(&b, &form, 10, bytes_of(zeros, 20), "ima-ng");
        builder_put_u32(&b, ORDER_BIG, 256);
        builder_put(&b, bytes_of(zeros, 256));
        block = in = scratch_done(&b);
        /* 65536 bytes are wanted, 256 are there. */
        assert_int_equal(parse_record(&in, &form, &got, &error), MLIST_E_MORE);
        heap_free(block);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_limits),
                cmocka_unit_test(test_largest_record),
                cmocka_unit_test(test_fault_texts),
                cmocka_unit_test(test_detect),
                cmocka_unit_test(test_order_is_never_guessed_again),
                cmocka_unit_test(test_fapi_cut_header_is_no_end),
                cmocka_unit_test(test_fapi_name_without_ima_is_a_record),
                cmocka_unit_test(test_fapi_lengths_are_never_swapped),
        };

        return cmocka_run_group_tests_name("mlist-bad", tests, all_hashers_open,
                                           all_hashers_close) != 0;
}
