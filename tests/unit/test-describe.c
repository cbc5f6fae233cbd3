/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-describe.c -- digests, names and numbers; and records that do not add up.
 */
#include "describe-text.h"

/* A field from a literal, which may hold NULs. */
#define T(s)                                                                                       \
        { (const uint8_t *)(s), sizeof(s) - 1 }

#define D16 "0123456789abcdef"
#define D20 D16 "ghij"
#define D32 D16 D16
#define X16 "30313233343536373839616263646566"
#define X20 X16 "6768696a"
#define X32 X16 X16
#define Z20 "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define X0  "0000000000000000000000000000000000000000"

#define LE ORDER_LITTLE
#define BE ORDER_BIG

#define NO_LONG   "a digest as long as its algorithm makes them"
#define NO_NAME   "the name of a hash algorithm and a colon"
#define NO_TYPE   "ima: or verity:"
#define NO_D      "a digest of 20 (sha1) or 16 (md5) bytes"
#define NO_NUL    "a NUL at the end"
#define NO_NUMBER "a number of 4 bytes"

/* Layouts: kernel ima_template_lib.c; numbers and texts by hand. */
/* clang-format off */
static const struct {
        const char *template;
        ByteOrder order;
        bool is_violation;
        Bytes fields[9];
        size_t n;
        const char *expected;
} rows[] = {
        { "ima-ng", LE, false, { T("sha1:\0" D20), T("/x\0") }, 2,
          "0.algorithm=sha1 0.digest=x" X20 " 1.name='/x'" },
        { "ima-ng", BE, false, { T("sha256:\0" D32), T("\0") }, 2,
          "0.algorithm=sha256 0.digest=x" X32 " 1.name=''" },
        { "ima-ng", LE, false, { T("sm3:\0" D32), T("a\x1b\xff\0") }, 2,
          "0.algorithm=sm3 0.digest=x" X32 " 1.name='a\\1b\\ff'" },
        { "d-ng", LE, false, { T("sm3-256:\0" D32) }, 1, "0.algorithm=sm3-256 0.digest=x" X32 },
        { "d-ng", LE, false, { T("md5:\0" D16) }, 1, "0.algorithm=md5 0.digest=x" X16 },
        { "d-ng", LE, false, { T("sha3-256:\0" D32) }, 1, "0.algorithm=sha3-256 0.digest=x" X32 },
        { "d-ng", LE, false, { T("new_hash:\0" "ab") }, 1, "0.algorithm='new_hash' 0.digest=x6162" },
        { "d-ng", LE, false, { T("SHA1:\0" "ab") }, 1, "0.algorithm='SHA1' 0.digest=x6162" },
        { "ima-ngv2", LE, false, { T("ima:sha1:\0" D20), T("/x\0") }, 2,
          "0.digest-type=ima 0.algorithm=sha1 0.digest=x" X20 " 1.name='/x'" },
        { "ima-ngv2", LE, false, { T("verity:sha256:\0" D32), T("/x\0") }, 2,
          "0.digest-type=verity 0.algorithm=sha256 0.digest=x" X32 " 1.name='/x'" },
        { "n|d", LE, false, { T("/x\0"), T(D20) }, 2, "0.name='/x' 1.algorithm=sha1 1.digest=x" X20 },
        { "d", LE, false, { T(D16) }, 1, "0.algorithm=md5 0.digest=x" X16 },
        { "d|d", LE, false, { T(D16), T(D20) }, 2,
          "0.algorithm=md5 0.digest=x" X16 " 1.algorithm=sha1 1.digest=x" X20 },
        /* zeros of a violation are of no algorithm */
        { "d", LE, true, { T(Z20) }, 1, "0.digest=x" X0 },
        /* kernel commit 09091c44cb73 (5.19): 20 zeros behind any name */
        { "d-ng", LE, true, { T("sha256:\0" Z20) }, 1, "0.algorithm=sha256 0.digest=x" X0 },
        { "ima-sig", LE, true, { T("sha1:\0" Z20), T("/x\0"), T("") }, 3,
          "0.algorithm=sha1 0.digest=x" X0 " 1.name='/x' 2.content=none" },
        { "d-modsig|modsig", LE, false, { T(""), T("") }, 2, "0.content=none 1.content=none" },
        { "d-modsig", LE, false, { T("sha1:\0" D20) }, 1, "0.algorithm=sha1 0.digest=x" X20 },
        { "iuid|igid|imode", LE, false, { T("\1\2\0\0"), T("\xff\xff\xff\xff"), T("\xa4\x81") }, 3,
          "0.uid=513 1.gid=4294967295 2.mode=33188" },
        { "iuid|igid|imode", BE, false, { T("\0\0\2\1"), T("\0\0\0\0"), T("\x81\xa4") }, 3,
          "0.uid=513 1.gid=0 2.mode=33188" },
        { "iuid|igid|imode", LE, false, { T(""), T(""), T("") }, 3,
          "0.content=none 1.content=none 2.content=none" },
        { "xattrnames|xattrlengths|xattrvalues", LE, false,
          { T("user.a|security.ima\0"), T("\1\0\0\0\2\1\0\0"), T("\3ab") }, 3,
          "0.xattrnames='user.a|security.ima' 1.xattrlengths=[1,258] 2.xattrvalues=x036162" },
        { "xattrlengths", BE, false, { T("\0\0\0\1\0\0\1\2") }, 1, "0.xattrlengths=[1,258]" },
        { "evm-sig", LE, false,
          { T("sha1:\0" D20), T("boot_aggregate\0"), T(""), T(""), T(""), T(""), T(""), T(""), T("") }, 9,
          "0.algorithm=sha1 0.digest=x" X20 " 1.name='boot_aggregate' 2.content=none 3.content=none "
          "4.content=none 5.content=none 6.content=none 7.content=none 8.content=none" },

        { "d", LE, false, { T("") }, 1, "BAD d@4 (" NO_D ") 0.raw=x" },
        { "d", LE, false, { T("abc") }, 1, "BAD d@4 (" NO_D ") 0.raw=x616263" },
        { "d", LE, true, { T("abc") }, 1, "BAD d@4 (" NO_D ") 0.raw=x616263" },
        { "d-ng", LE, false, { T("") }, 1, "BAD d-ng@4 (" NO_NAME ") 0.raw=x" },
        { "d-ng", LE, false, { T("sha1") }, 1, "BAD d-ng@4 (" NO_NAME ") 0.raw=x73686131" },
        { "d-ng", LE, false, { T(":\0ab") }, 1, "BAD d-ng@4 (" NO_NAME ") 0.raw=x3a006162" },
        { "d-ng", LE, false, { T("x:ab") }, 1,
          "BAD d-ng@6 (a NUL behind the algorithm's name) 0.raw=x783a6162" },
        { "d-ng", LE, false, { T("x:") }, 1,
          "BAD d-ng@6 (a NUL behind the algorithm's name) 0.raw=x783a" },
        { "d-ng", LE, false, { T("x:\0") }, 1, "BAD d-ng@7 (a digest of 1 to 64 bytes) 0.raw=x783a00" },
        { "d-ng", LE, false, { T("md5:\0a") }, 1, "BAD d-ng@9 (" NO_LONG ") 0.raw=x6d64353a0061" },
        { "d-ng", LE, false, { T("md5:\0" D20) }, 1,
          "BAD d-ng@9 (" NO_LONG ") 0.raw=x6d64353a00" X20 },
        /* 20 zeros where there is no violation, 20 other bytes where there is one */
        { "d-ng", LE, false, { T("md5:\0" Z20) }, 1, "BAD d-ng@9 (" NO_LONG ") 0.raw=x6d64353a00" X0 },
        { "d-ng", LE, true, { T("md5:\0" D20) }, 1, "BAD d-ng@9 (" NO_LONG ") 0.raw=x6d64353a00" X20 },
        { "d-ngv2", LE, false, { T("sha1") }, 1, "BAD d-ngv2@4 (" NO_TYPE ") 0.raw=x73686131" },
        { "d-ngv2", LE, false, { T("md5:\0" D16) }, 1,
          "BAD d-ngv2@4 (" NO_TYPE ") 0.raw=x6d64353a00" X16 },
        { "d-ngv2", LE, false, { T("ima:\0") }, 1, "BAD d-ngv2@8 (" NO_NAME ") 0.raw=x696d613a00" },
        { "d-ngv2", LE, false, { T("") }, 1, "BAD d-ngv2@4 (" NO_TYPE ") 0.raw=x" },
        { "n-ng", LE, false, { T("/x") }, 1, "BAD n-ng@6 (" NO_NUL ") 0.raw=x2f78" },
        { "n", LE, false, { T("/x") }, 1, "BAD n@6 (" NO_NUL ") 0.raw=x2f78" },
        { "n-ng", LE, false, { T("") }, 1, "BAD n-ng@4 (" NO_NUL ") 0.raw=x" },
        { "n-ng", LE, false, { T("/\0x") }, 1,
          "BAD n-ng@6 (the end of the field behind the NUL) 0.raw=x2f0078" },
        { "iuid", LE, false, { T("\1\2\0") }, 1, "BAD iuid@4 (" NO_NUMBER ") 0.raw=x010200" },
        { "igid", LE, false, { T("\1\2\0\0\0") }, 1, "BAD igid@4 (" NO_NUMBER ") 0.raw=x0102000000" },
        { "imode", LE, false, { T("\1\2\0\0") }, 1, "BAD imode@4 (a number of 2 bytes) 0.raw=x01020000" },
        { "xattrnames", LE, false, { T("a|b") }, 1, "BAD xattrnames@7 (" NO_NUL ") 0.raw=x617c62" },
        { "xattrlengths", LE, false, { T("\1\2\0") }, 1,
          "BAD xattrlengths@4 (numbers of 4 bytes) 0.raw=x010200" },
        /* the first fault is named, the fields around it are read all the same */
        { "n-ng|d|iuid|igid", LE, false, { T("/x\0"), T("a"), T("b"), T("\7\0\0\0") }, 4,
          "BAD d@11 (" NO_D ") 0.name='/x' 1.raw=x61 2.raw=x62 3.gid=7" },

        { "xyz", LE, false, { T("a") }, 1, "? 0.data=x0100000061" },
        { "ima-sigv3", BE, false, { T("") }, 0, "? 0.data=x" },
        { "d-ng|n-ng|what", BE, false, { T("a") }, 1, "? 0.data=x0000000161" },
};
/* clang-format on */

static void test_fields(void **state) {
        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                Builder b = scratch();

                print_message("           row: %s, %s\n", rows[i].template, rows[i].expected);
                for (size_t k = 0; k < rows[i].n; ++k)
                        put_field(&b, rows[i].order, rows[i].fields[k]);
                check_described(rows[i].template, rows[i].order, rows[i].is_violation,
                                scratch_done(&b), rows[i].expected);
        }
}

static void test_structure(void **state) {
        static const struct {
                const char *row, *template;
                ByteOrder order;
                Bytes data;
                const char *expected;
        } cuts[] = {
                { "nothing", "n-ng", LE, T(""),
                  "BAD n-ng@0 (the length of a field, 4 bytes) 0.raw=x" },
                { "half a length", "n-ng", LE, T("\1\0\0"),
                  "BAD n-ng@0 (the length of a field, 4 bytes) 0.raw=x010000" },
                { "one byte missing", "n-ng", LE, T("\2\0\0\0x"),
                  "BAD n-ng@0 (a field that ends within the template data) 0.raw=x0200000078" },
                { "longest length", "n-ng", LE, T("\xff\xff\xff\xffx"),
                  "BAD n-ng@0 (a field that ends within the template data) 0.raw=xffffffff78" },
                { "the other byte order", "n-ng", BE, T("\2\0\0\0x\0"),
                  "BAD n-ng@0 (a field that ends within the template data) 0.raw=x020000007800" },
                { "a field missing", "n-ng|iuid", LE, T("\2\0\0\0x\0"),
                  "BAD iuid@6 (the length of a field, 4 bytes) 0.name='x' 1.raw=x" },
                { "a byte behind", "n-ng", LE, T("\2\0\0\0x\0y"),
                  "BAD -@6 (the end of the template data) 0.name='x' 1.raw=x79" },
                { "a bad field first", "n-ng|iuid", LE, T("\1\0\0\0x"),
                  "BAD n-ng@5 (a NUL at the end) 0.raw=x78 1.raw=x" },
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(cuts); ++i) {
                ROW(cuts[i].row);
                check_described(cuts[i].template, cuts[i].order, false, heap_copy(cuts[i].data),
                                cuts[i].expected);
        }
}

/* Template 'ima' has a digest without length, and a name without NUL. */
static void test_ima(void **state) {
        static const struct {
                const char *row;
                size_t n_digest;
                bool is_violation;
                Bytes data;
                const char *expected;
        } imas[] = {
                { "sha1", 20, false, T(D20 "\2\0\0\0/x"),
                  "0.algorithm=sha1 0.digest=x" X20 " 1.name='/x'" },
                { "md5", 16, false, T(D16 "\2\0\0\0/x"),
                  "0.algorithm=md5 0.digest=x" X16 " 1.name='/x'" },
                { "no name", 16, false, T(D16 "\0\0\0\0"),
                  "0.algorithm=md5 0.digest=x" X16 " 1.name=''" },
                { "violation", 20, true, T(Z20 "\2\0\0\0/x"), "0.digest=x" X0 " 1.name='/x'" },
                { "name with NUL", 20, false, T(D20 "\3\0\0\0/x\0"),
                  "BAD n@26 (a name without NUL) 0.algorithm=sha1 0.digest=x" X20
                  " 1.raw=x2f7800" },
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(imas); ++i) {
                Bytes data = heap_copy(imas[i].data), in = data, skip;
                MlistRecord record = { .name = BYTES_TEXT("ima"), .data = data, .is_ima = true };
                char text[DESCRIBE_TEXT_MAX];
                Description d;

                ROW(imas[i].row);
                record.is_violation = imas[i].is_violation;
                assert_true(bytes_take(&in, imas[i].n_digest, &record.ima_digest));
                assert_true(bytes_take(&in, 4, &skip));
                record.ima_name = in;
                describe_and_check(&record, ORDER_LITTLE, &d);
                describe_text(&d, text, sizeof(text));
                assert_string_equal(text, imas[i].expected);
                heap_free(data);
        }
}

static void test_number_at(void **state) {
        Description d = { .order = ORDER_LITTLE };
        Fact fact = { .kind = FACT_NUMBERS, .bytes = T("\1\0\0\0\2\0\0\0") };
        uint32_t number = 77;

        (void)state;
        assert_true(fact_number_at(&d, &fact, 1, &number));
        assert_int_equal(number, 2);
        number = 77;
        assert_false(fact_number_at(&d, &fact, 2, &number));
        assert_false(fact_number_at(&d, &fact, SIZE_MAX, &number));
        assert_false(fact_number_at(&d, &fact, SIZE_MAX / 4 + 1, &number));
        fact.kind = FACT_HEX;
        assert_false(fact_number_at(&d, &fact, 0, &number));
        assert_int_equal(number, 77);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_fields),
                cmocka_unit_test(test_structure),
                cmocka_unit_test(test_ima),
                cmocka_unit_test(test_number_at),
        };

        return cmocka_run_group_tests_name("describe", tests, NULL, NULL) != 0;
}
