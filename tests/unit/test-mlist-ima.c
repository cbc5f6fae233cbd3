/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-mlist-ima.c -- template 'ima', which does not say how long its digest is: only the digest of
 * the record tells 20 bytes from the 16 of md5.
 */
#include "fixture.h"

#include <string.h>

#define MD5 "f00102030405060708090a0b0c0d0eff"

/* Put a record 'ima' with a record digest that belongs to nothing. */
static void put_ima_wrong(Builder *b, const MlistForm *form, Bytes digest, Bytes name) {
        uint8_t wrong[DIGEST_SIZE_MAX];

        memset(wrong, 0x77, sizeof(wrong));
        put_ima_as(b, form, 10, bytes_of(wrong, digest_size(form->alg)), digest, name);
}

static void test_ima_both_lengths_delimit(void **state) {
        /* A 20-byte digest whose last 4 bytes are a length, too: 2, and 2 bytes of length follow */
        static const char *const sha1_like_md5[_ORDER_N] = {
                [ORDER_LITTLE] = "000102030405060708090a0b0c0d0e0f02000000",
                [ORDER_BIG] = "000102030405060708090a0b0c0d0e0f00000002",
        };
        /* The name of an md5 record that can be read as a length of 3, with 3 bytes behind it */
        static const char *const md5_like_sha1[_ORDER_N] = {
                [ORDER_LITTLE] = "\x03\0\0\0abc",
                [ORDER_BIG] = "\0\0\0\x03"
                              "abc",
        };

        (void)state;
        for (ByteOrder order = 0; order < _ORDER_N; ++order) {
                const MlistForm form = { order, DIGEST_SHA1 };
                uint8_t raw[32];
                Bytes block, in;
                MlistRecord got;
                MlistError error;
                Builder b;

                ROW("the digest says 20");
                b = scratch();
                put_ima(&b, &form, 10, hex_of(sha1_like_md5[order], raw, sizeof(raw)),
                        BYTES_TEXT("/x"));
                block = in = scratch_done(&b);
                assert_int_equal(parse_record(&in, &form, &got, &error), 0);
                assert_int_equal(got.ima_digest.n, 20);
                assert_true(bytes_equal_text(got.ima_name, "/x"));
                assert_true(record_fits(&got, DIGEST_SHA1));
                assert_int_equal(in.n, 0);
                check_prefixes(block, &form);
                heap_free(block);

                ROW("the digest says 16");
                b = scratch();
                put_ima(&b, &form, 10, hex_of(MD5, raw, sizeof(raw)),
                        bytes_of(md5_like_sha1[order], 7));
                block = in = scratch_done(&b);
                assert_int_equal(parse_record(&in, &form, &got, &error), 0);
                assert_int_equal(got.ima_digest.n, 16);
                assert_int_equal(got.ima_name.n, 7);
                assert_true(record_fits(&got, DIGEST_SHA1));
                assert_int_equal(in.n, 0);
                check_prefixes(block, &form);
                heap_free(block);

                ROW("the digest says neither: 20 stands, and does not fit");
                b = scratch();
                put_ima_wrong(&b, &form, hex_of(sha1_like_md5[order], raw, sizeof(raw)),
                              BYTES_TEXT("/x"));
                block = in = scratch_done(&b);
                assert_int_equal(parse_record(&in, &form, &got, &error), 0);
                assert_int_equal(got.ima_digest.n, 20);
                assert_false(record_fits(&got, DIGEST_SHA1));
                assert_int_equal(in.n, 0);
                heap_free(block);
        }
}

/* An md5 record at the very end, and with a next record whose PCR reads as a name's length. */
static void test_ima_md5_at_the_end_and_before_more(void **state) {
        static const char *const names[] = { "", "a", "ab", "abc", "abcd", "/usr/bin/true" };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(names); ++i)
                for (ByteOrder order = 0; order < _ORDER_N; ++order)
                        for (uint32_t next = 0; next < MLIST_PCR_N; ++next) {
                                const MlistForm form = { order, DIGEST_SHA1 };
                                uint8_t raw[16];
                                Builder b = scratch();
                                size_t n_first;
                                MlistRecord got;
                                MlistError error;
                                Bytes block, in;
                                int r;

                                if (next == 0)
                                        ROW(names[i]);
                                put_ima(&b, &form, 10, hex_of(MD5, raw, sizeof(raw)),
                                        bytes_of_text(names[i]));
                                n_first = b.n;
                                put_ima(&b, &form, next, hex_of(MD5, raw, sizeof(raw)),
                                        bytes_of_text(names[i]));
                                /* However much of the next record is there already. */
                                for (size_t n = n_first; n <= b.n; ++n) {
                                        block = in = heap_copy(bytes_of(b.data, n));
                                        r = parse_record(&in, &form, &got, &error);
                                        CHECK(r == 0 && got.whole.n == n_first &&
                                                      got.ima_digest.n == 16,
                                              "next PCR %u, %zu of %zu bytes of it: %d\n", next,
                                              n - n_first, b.n - n_first, r);
                                        heap_free(block);
                                }
                        }
}

static const struct {
        const char *row;
        const char *record_digest; /* NULL: one that is wrong */
        const char *tail;          /* behind the template's name */
        int result;
        size_t n_digest; /* with result 0 */
} refusals[] = {
        /* both lengths far too large */
        { "both too long", NULL,
          "000102030405060708090a0b0c0d0e0f"
          "10111213"
          "14151617"
          "00",
          MLIST_E_CORRUPT, 0 },
        { "256 is too long", NULL,
          "000102030405060708090a0b0c0d0e0f"
          "10111213"
          "00010000",
          MLIST_E_CORRUPT, 0 },
        { "4 GiB", NULL,
          "000102030405060708090a0b0c0d0e0f"
          "ffffffff"
          "ffffffff",
          MLIST_E_CORRUPT, 0 },
        /* 20 may still come right, 16 cannot */
        { "20 wants more", NULL,
          "000102030405060708090a0b0c0d0e0f"
          "10111213"
          "ff000000",
          MLIST_E_MORE, 0 },
        /* 20 cannot, 16 may still come right */
        { "16 wants more", NULL,
          "000102030405060708090a0b0c0d0e0f"
          "ff000000"
          "14151617",
          MLIST_E_MORE, 0 },
        /* 20 cannot, 16 delimits: it stands, and its digest shows that it is wrong */
        { "16 alone delimits", NULL,
          "000102030405060708090a0b0c0d0e0f"
          "04000000"
          "14151617",
          0, 16 },
        /* 20 delimits, but has the wrong digest; 16 may still come right */
        { "20 is wrong, 16 wants more", NULL,
          "000102030405060708090a0b0c0d0e0f"
          "09000000"
          "02000000"
          "6162",
          MLIST_E_MORE, 0 },
        { "20 is wrong, 16 cannot be", NULL,
          "000102030405060708090a0b0c0d0e0f"
          "00010000"
          "02000000"
          "6162",
          0, 20 },
        /* a violation has 20 bytes of zeros: md5 is never tried */
        { "violation, too long", "0000000000000000000000000000000000000000",
          "00000000000000000000000000000000"
          "00000000"
          "00010000",
          MLIST_E_CORRUPT, 0 },
        { "violation, wants more", "0000000000000000000000000000000000000000",
          "00000000000000000000000000000000"
          "00000000"
          "02000000"
          "61",
          MLIST_E_MORE, 0 },
        { "violation", "0000000000000000000000000000000000000000",
          "00000000000000000000000000000000"
          "00000000"
          "02000000"
          "6162",
          0, 20 },
};

static void test_ima_refused(void **state) {
        const MlistForm form = { ORDER_LITTLE, DIGEST_SHA1 };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(refusals); ++i) {
                uint8_t raw[64], raw_digest[20];
                Builder b = scratch();
                MlistRecord got;
                MlistError error;
                Bytes block, in;

                ROW(refusals[i].row);
                put_head(&b, &form, 10,
                         hex_of(refusals[i].record_digest
                                        ?: "7777777777777777777777777777777777777777",
                                raw_digest, sizeof(raw_digest)),
                         "ima");
                builder_put(&b, hex_of(refusals[i].tail, raw, sizeof(raw)));
                block = in = scratch_done(&b);
                assert_int_equal(parse_record(&in, &form, &got, &error), refusals[i].result);
                switch (refusals[i].result) {
                case 0:
                        assert_int_equal(got.ima_digest.n, refusals[i].n_digest);
                        assert_int_equal(in.n, 0);
                        assert_int_equal(record_fits(&got, DIGEST_SHA1), got.is_violation);
                        break;
                case MLIST_E_CORRUPT:
                        assert_int_equal(error.fault, MLIST_FAULT_IMA_NAME_LONG);
                        /* pcr, digest, length and name of the template, file digest */
                        assert_int_equal(error.at, 4 + 20 + 4 + 3 + 20);
                        break;
                default:
                        break;
                }
                heap_free(block);
        }
}

/* mlist.h: "value: what stands there". */
static void test_ima_name_long_says_the_length(void **state) {
        static const uint8_t zeros[20];
        static const MlistForm form = { ORDER_LITTLE, DIGEST_SHA1 };
        Builder b = scratch();
        MlistRecord got;
        MlistError error;
        Bytes block, in;

        (void)state;
        put_head(&b, &form, 10, bytes_of(zeros, sizeof(zeros)), "ima");
        builder_put(&b, bytes_of(zeros, sizeof(zeros)));
        builder_put_u32(&b, ORDER_LITTLE, 0x12345678);
        block = in = scratch_done(&b);
        assert_int_equal(parse_record(&in, &form, &got, &error), MLIST_E_CORRUPT);
        assert_int_equal(error.fault, MLIST_FAULT_IMA_NAME_LONG);
        assert_int_equal(error.value, 0x12345678);
        heap_free(block);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_ima_both_lengths_delimit),
                cmocka_unit_test(test_ima_md5_at_the_end_and_before_more),
                cmocka_unit_test(test_ima_refused),
                cmocka_unit_test(test_ima_name_long_says_the_length),
        };

        return cmocka_run_group_tests_name("mlist-ima", tests, all_hashers_open,
                                           all_hashers_close) != 0;
}
