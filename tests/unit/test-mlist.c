/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-mlist.c -- records of every shape: what is found in them, whatever follows, whatever is
 * wrong with their digests.
 */
#include "fixture.h"

#include <string.h>

static const uint8_t zeros[DIGEST_SIZE_MAX];

typedef struct Shape {
        const char *row;
        const char *name; /* of the template */
        const char *hex;  /* data, or file digest of 'ima'; fields are written for little endian */
        const char *ima_name;
        bool violation;
} Shape;

#define D20  "000102030405060708090a0b0c0d0e0f10111213"
#define D16  "f00102030405060708090a0b0c0d0eff"
#define E15  "eeeeeeeeeeeeeee"
#define E51  E15 E15 E15 "eeeeee"
#define N255 E51 E51 E51 E51 E51
/* "sha1:" NUL and a digest; "/x" NUL; both with their lengths */
#define F_D_NG                                                                                     \
        "1a000000"                                                                                 \
        "736861313a00" D20
#define F_D_NGV2                                                                                   \
        "1e000000"                                                                                 \
        "696d613a736861313a00" D20
#define F_N_NG                                                                                     \
        "03000000"                                                                                 \
        "2f7800"
#define F_EMPTY "00000000"

static const Shape shapes[] = {
        { "ima-ng", "ima-ng", F_D_NG F_N_NG, NULL, false },
        { "ima-sig without a signature", "ima-sig", F_D_NG F_N_NG F_EMPTY, NULL, false },
        { "ima-sig", "ima-sig", F_D_NG F_N_NG "03000000030204", NULL, false },
        { "ima-ngv2", "ima-ngv2", F_D_NGV2 F_N_NG, NULL, false },
        { "ima-sigv2", "ima-sigv2", F_D_NGV2 F_N_NG F_EMPTY, NULL, false },
        { "ima-buf", "ima-buf", F_D_NG F_N_NG "0400000000ff0a00", NULL, false },
        { "ima-modsig", "ima-modsig", F_D_NG F_N_NG F_EMPTY F_D_NG "0200000030ff", NULL, false },
        { "evm-sig", "evm-sig",
          F_D_NG F_N_NG "010000000505000000612e6200ff04000000020000000400000001020304"
                        "040000000000000004000000000000000200000000a1",
          NULL, false },
        { "a custom format", "n-ng|d-ng|imode|iuid", F_N_NG F_D_NG "020000000081040000000000e803",
          NULL, false },
        { "a template nobody knows", "xyz", "deadbeef", NULL, false },
        { "one byte of name", "z", "deadbeef", NULL, false },
        { "a name that begins with ima", "imaginary", "00", NULL, false },
        { "a name with a control byte", "\n", "00", NULL, false },
        { "no data at all", "ima-ng", "", NULL, false },
        { "a violation", "ima-ng", F_D_NG F_N_NG, NULL, true },
        { "a violation of an unknown template", "xyz", "00", NULL, true },
        { "a violation without data", "ima-ng", "", NULL, true },
        { "ima", "ima", D20, "/usr/bin/true", false },
        { "ima, no name", "ima", D20, "", false },
        { "ima, one letter", "ima", D20, "a", false },
        { "ima, the longest name", "ima", D20, N255, false },
        { "ima, a violation", "ima", "0000000000000000000000000000000000000000", "/x", true },
        { "ima, a violation without name", "ima", "0000000000000000000000000000000000000000", "",
          true },
        { "ima, md5", "ima", D16, "/usr/bin/true", false },
        { "ima, md5, no name", "ima", D16, "", false },
        { "ima, md5, one letter", "ima", D16, "a", false },
        { "ima, md5, three letters", "ima", D16, "abc", false },
        { "ima, md5, four letters", "ima", D16, "abcd", false },
        { "ima, md5, five letters", "ima", D16, "abcde", false },
        { "ima, md5, the longest name", "ima", D16, N255, false },
};

static bool shape_is_ima(const Shape *s) {
        return strcmp(s->name, "ima") == 0;
}

static void shape_put(const Shape *s, Builder *b, const MlistForm *form, uint32_t pcr) {
        uint8_t raw[512];
        Bytes data = hex_of(s->hex, raw, sizeof(raw));

        if (shape_is_ima(s) && s->violation)
                put_ima_as(b, form, pcr, bytes_of(zeros, digest_size(form->alg)), data,
                           bytes_of_text(s->ima_name));
        else if (shape_is_ima(s))
                put_ima(b, form, pcr, data, bytes_of_text(s->ima_name));
        else if (s->violation)
                put_violation(b, form, pcr, s->name, data);
        else
                put_record(b, form, pcr, s->name, data);
}

static void shape_check(const Shape *s, const MlistForm *form, uint32_t pcr,
                        const MlistRecord *got) {
        uint8_t raw[512];
        Bytes data = hex_of(s->hex, raw, sizeof(raw));

        assert_int_equal(got->pcr, pcr);
        assert_true(bytes_equal_text(got->name, s->name));
        assert_int_equal(got->digest.n, digest_size(form->alg));
        assert_int_equal(got->is_violation, s->violation);
        assert_int_equal(got->is_ima, shape_is_ima(s));
        if (shape_is_ima(s)) {
                assert_true(bytes_equal(got->ima_digest, data));
                assert_true(bytes_equal_text(got->ima_name, s->ima_name));
                assert_ptr_equal(got->data.data, got->ima_digest.data);
                assert_int_equal(got->data.n, data.n + 4 + strlen(s->ima_name));
        } else {
                assert_true(bytes_equal(got->data, data));
                assert_int_equal(got->ima_digest.n, 0);
                assert_int_equal(got->ima_name.n, 0);
        }
        assert_true(record_fits(got, form->alg));
}

static void test_shapes(void **state) {
        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(shapes); ++i) {
                ROW(shapes[i].row);
                for (ByteOrder order = 0; order < _ORDER_N; ++order)
                        for (DigestAlg alg = 0; alg < _DIGEST_ALG_N; ++alg) {
                                const MlistForm form = { order, alg };
                                Builder b = scratch();
                                MlistForm found = { _ORDER_N, _DIGEST_ALG_N };
                                MlistRecord got;
                                MlistError error;
                                Bytes block, in;

                                shape_put(&shapes[i], &b, &form, 10);
                                block = in = scratch_done(&b);
                                assert_int_equal(mlist_detect(in, alg, &found, &error), 0);
                                assert_int_equal(found.order, order);
                                assert_int_equal(found.alg, alg);
                                assert_int_equal(parse_record(&in, &form, &got, &error), 0);
                                assert_int_equal(in.n, 0);
                                shape_check(&shapes[i], &form, 10, &got);
                                check_prefixes(block, &form);
                                heap_free(block);
                        }
        }
}

/* Each shape behind each other shape: a record ends where it ends, whatever follows. */
static void test_shapes_in_pairs(void **state) {
        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(shapes); ++i) {
                ROW(shapes[i].row);
                for (size_t k = 0; k < ELEMENTSOF(shapes); ++k)
                        for (ByteOrder order = 0; order < _ORDER_N; ++order) {
                                const MlistForm form = { order, DIGEST_SHA1 };
                                Builder b = scratch();
                                MlistRecord got;
                                MlistError error;
                                Bytes block, in;
                                int r;

                                shape_put(&shapes[i], &b, &form, 10);
                                shape_put(&shapes[k], &b, &form, 63);
                                block = in = scratch_done(&b);
                                r = parse_record(&in, &form, &got, &error);
                                CHECK(r == 0, "before %s: %d\n", shapes[k].row, r);
                                shape_check(&shapes[i], &form, 10, &got);
                                r = parse_record(&in, &form, &got, &error);
                                CHECK(r == 0, "%s behind it: %d\n", shapes[k].row, r);
                                shape_check(&shapes[k], &form, 63, &got);
                                assert_int_equal(in.n, 0);
                                heap_free(block);
                        }
        }
}

static void test_extend_digest(void **state) {
        const MlistForm form = { ORDER_LITTLE, DIGEST_SHA1 };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(shapes); ++i) {
                Builder b = scratch();
                MlistRecord got;
                MlistError error;
                Bytes block, in;

                ROW(shapes[i].row);
                shape_put(&shapes[i], &b, &form, 10);
                block = in = scratch_done(&b);
                assert_int_equal(parse_record(&in, &form, &got, &error), 0);
                for (DigestAlg alg = 0; alg < _DIGEST_ALG_N; ++alg) {
                        uint8_t expected[DIGEST_SIZE_MAX], padded[20 + 256] = {};
                        Bytes hashed = got.data;
                        Digest d;

                        if (shape_is_ima(&shapes[i])) {
                                memcpy(padded, got.ima_digest.data, got.ima_digest.n);
                                memcpy(padded + got.ima_digest.n, shapes[i].ima_name,
                                       strlen(shapes[i].ima_name));
                                hashed = bytes_of(padded, got.ima_digest.n + 256);
                        }
                        hash_of(alg, hashed, expected);
                        assert_int_equal(mlist_digest(&got, all_hashers.of[alg], &d), 0);
                        assert_memory_equal(d.data, expected, digest_size(alg));
                        if (shapes[i].violation)
                                memset(expected, 0xff, sizeof(expected));
                        memset(&d, POISON, sizeof(d));
                        assert_int_equal(mlist_extend_digest(&got, alg, all_hashers.of[alg], &d),
                                         0);
                        assert_memory_equal(d.data, expected, digest_size(alg));
                }
                heap_free(block);
        }
}

/* A whole list read in the wrong order gives no record at all. */
static void test_wrong_form(void **state) {
        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(shapes); ++i)
                for (ByteOrder order = 0; order < _ORDER_N; ++order) {
                        const MlistForm form = { order, DIGEST_SHA1 };
                        const MlistForm wrong = { order == ORDER_BIG ? ORDER_LITTLE : ORDER_BIG,
                                                  DIGEST_SHA1 };
                        Builder b = scratch();
                        MlistRecord got;
                        MlistError error;
                        Bytes block, in;

                        ROW(shapes[i].row);
                        shape_put(&shapes[i], &b, &form, 10);
                        block = in = scratch_done(&b);
                        assert_int_equal(parse_record(&in, &wrong, &got, &error), MLIST_E_CORRUPT);
                        assert_int_equal(error.fault, MLIST_FAULT_PCR);
                        heap_free(block);
                }
}

static void test_wrong_digests(void **state) {
        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(shapes); ++i)
                for (DigestAlg alg = 0; alg < _DIGEST_ALG_N; ++alg)
                        for (size_t at = 0; at < digest_size(alg); ++at) {
                                const MlistForm form = { ORDER_LITTLE, alg };
                                Builder b = scratch();
                                MlistRecord got;
                                MlistError error;
                                Bytes block, in;
                                int r;

                                if (alg == 0 && at == 0)
                                        ROW(shapes[i].row);
                                shape_put(&shapes[i], &b, &form, 10);
                                b.data[4 + at] ^= 0x40;
                                block = in = scratch_done(&b);
                                r = parse_record(&in, &form, &got, &error);
                                /*
                                 * Of 'ima' the digest also says where the record ends: without it
                                 * there may be more to come.
                                 */
                                CHECK(r == 0 || (r == MLIST_E_MORE && shape_is_ima(&shapes[i])),
                                      "byte %zu: %d\n", at, r);
                                if (r == 0)
                                        CHECK(!record_fits(&got, alg), "byte %zu\n", at);
                                heap_free(block);
                        }
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_shapes),        cmocka_unit_test(test_shapes_in_pairs),
                cmocka_unit_test(test_extend_digest), cmocka_unit_test(test_wrong_form),
                cmocka_unit_test(test_wrong_digests),
        };

        return cmocka_run_group_tests_name("mlist", tests, all_hashers_open, all_hashers_close) !=
               0;
}
