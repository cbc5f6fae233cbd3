/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-describe-sig.c -- xattrs, appended signatures and measured buffers.
 *
 * Layouts: kernel security/integrity/integrity.h (struct signature_v2_hdr, enum
 * evm_ima_xattr_type), include/linux/digsig.h (struct signature_hdr, which makes version 1) and
 * include/uapi/linux/hash_info.h; DER: X.690.
 */
#include "describe-text.h"

#include <string.h>

#define T(s)                                                                                       \
        { (const uint8_t *)(s), sizeof(s) - 1 }

#define D16 "0123456789abcdef"
#define D20 D16 "ghij"
#define D32 D16 D16
#define X16 "30313233343536373839616263646566"
#define X20 X16 "6768696a"

#define NO_TYPE   "a type from 1 to 6"
#define NO_HASH   "the number of a hash algorithm"
#define NO_LONG   "a digest as long as its algorithm makes them"
#define NO_LENGTH "the length of the signature that follows"
#define NO_KEY    "a key: a DER SEQUENCE as long as the buffer"
#define NO_PKCS7  "PKCS#7: a DER SEQUENCE as long as the field"
#define NO_V1     "RSA (0) and a digest by sha1 (0) or sha256 (1)"
#define NO_MPI    "a number as long as the signature"

/* clang-format off */
static const struct {
        Bytes sig;
        const char *expected;
} sigs[] = {
        { T(""), "0.content=none" },
        { T("\3\2\4\xc1\xc8\6\x3a\0\2ab"),
          "0.type=ima-signature 0.version=2 0.algorithm=sha256 0.keyid=xc1c8063a 0.signature=x6162" },
        { T("\3\3\6\1\2\3\4\0\1a"),
          "0.type=ima-signature 0.version=3 0.algorithm=sha512 0.keyid=x01020304 0.signature=x61" },
        { T("\5\2\2\1\2\3\4\0\1a"),
          "0.type=evm-portable-signature 0.version=2 0.algorithm=sha1 0.keyid=x01020304 0.signature=x61" },
        { T("\6\3\4\1\2\3\4\0\1a"),
          "0.type=verity-signature 0.version=3 0.algorithm=sha256 0.keyid=x01020304 0.signature=x61" },
        /* the last number that has an algorithm */
        { T("\3\2\x16\1\2\3\4\0\1a"),
          "0.type=ima-signature 0.version=2 0.algorithm=sha3-512 0.keyid=x01020304 0.signature=x61" },
        { T("\3\1\x44\x33\x22\x11\0\1KEYIDKEY\1\0\x10" "ab"),
          "0.type=ima-signature 0.version=1 0.algorithm=sha256 0.keyid=x4b455949444b4559 "
          "0.timestamp=x44332211 0.signature=x6162" },
        { T("\3\1\x44\x33\x22\x11\0\0KEYIDKEY\1\0\x09" "ab"),
          "0.type=ima-signature 0.version=1 0.algorithm=sha1 0.keyid=x4b455949444b4559 "
          "0.timestamp=x44332211 0.signature=x6162" },
        { T("\1" D20), "0.type=ima-digest 0.digest=x" X20 },
        { T("\1" D16), "0.type=ima-digest 0.digest=x" X16 },
        { T("\2" D20), "0.type=evm-hmac 0.digest=x" X20 },
        { T("\4\2" D20), "0.type=ima-digest-ng 0.algorithm=sha1 0.digest=x" X20 },
        { T("\4\4" D32), "0.type=ima-digest-ng 0.algorithm=sha256 0.digest=x" X16 X16 },

        { T("\0"), "BAD sig@4 (" NO_TYPE ") 0.raw=x00" },
        { T("\7\2\4"), "BAD sig@4 (" NO_TYPE ") 0.raw=x070204" },
        { T("\3"), "BAD sig@5 (the version of a signature) 0.raw=x03" },
        { T("\3\0"), "BAD sig@5 (signature version 1, 2 or 3) 0.raw=x0300" },
        { T("\3\4"), "BAD sig@5 (signature version 1, 2 or 3) 0.raw=x0304" },
        { T("\6\2"), "BAD sig@5 (signature version 3) 0.raw=x0602" },
        { T("\3\2"), "BAD sig@6 (" NO_HASH ") 0.raw=x0302" },
        { T("\3\2\x17\1\2\3\4\0\1a"), "BAD sig@6 (" NO_HASH ") 0.raw=x0302170102030400" "0161" },
        { T("\3\2\4\1\2\3"), "BAD sig@7 (a key id of 4 bytes) 0.raw=x030204010203" },
        { T("\3\2\4\1\2\3\4"), "BAD sig@11 (" NO_LENGTH ") 0.raw=x03020401020304" },
        { T("\3\2\4\1\2\3\4\0"), "BAD sig@11 (" NO_LENGTH ") 0.raw=x0302040102030400" },
        { T("\3\2\4\1\2\3\4\0\0"), "BAD sig@11 (" NO_LENGTH ") 0.raw=x030204010203040000" },
        { T("\3\2\4\1\2\3\4\0\1"), "BAD sig@11 (" NO_LENGTH ") 0.raw=x030204010203040001" },
        { T("\3\2\4\1\2\3\4\0\1ab"), "BAD sig@11 (" NO_LENGTH ") 0.raw=x0302040102030400016162" },
        /* the length in the other byte order */
        { T("\3\2\4\1\2\3\4\2\0ab"), "BAD sig@11 (" NO_LENGTH ") 0.raw=x0302040102030402006162" },
        { T("\3\1abc"), "BAD sig@6 (a timestamp of 4 bytes) 0.raw=x0301616263" },
        { T("\3\1abcd\0"), "BAD sig@10 (" NO_V1 ") 0.raw=x03016162636400" },
        { T("\3\1abcd\1\0"), "BAD sig@10 (" NO_V1 ") 0.raw=x0301616263640100" },
        { T("\3\1abcd\0\2"), "BAD sig@10 (" NO_V1 ") 0.raw=x0301616263640002" },
        { T("\3\1abcd\0\1KEYIDKE"), "BAD sig@12 (a key id of 8 bytes) 0.raw=x03016162636400014b455949444b45" },
        { T("\3\1abcd\0\1KEYIDKEY"), "BAD sig@20 (one number (MPI)) 0.raw=x03016162636400014b455949444b4559" },
        { T("\3\1abcd\0\1KEYIDKEY\2"),
          "BAD sig@20 (one number (MPI)) 0.raw=x03016162636400014b455949444b455902" },
        { T("\3\1abcd\0\1KEYIDKEY\1\0\x11" "ab"),
          "BAD sig@21 (" NO_MPI ") 0.raw=x03016162636400014b455949444b45590100116162" },
        { T("\3\1abcd\0\1KEYIDKEY\1\0\0"),
          "BAD sig@21 (" NO_MPI ") 0.raw=x03016162636400014b455949444b4559010000" },
        { T("\1abc"), "BAD sig@5 (a digest of 20 (sha1) or 16 (md5) bytes) 0.raw=x01616263" },
        { T("\2" D16), "BAD sig@5 (an HMAC of 20 bytes) 0.raw=x02" X16 },
        { T("\4"), "BAD sig@5 (" NO_HASH ") 0.raw=x04" },
        { T("\4\xff"), "BAD sig@5 (" NO_HASH ") 0.raw=x04ff" },
        { T("\4\4" D20), "BAD sig@6 (" NO_LONG ") 0.raw=x0404" X20 },
};

/* A byte of DER content is 'D'; the form of its length is what is tested. */
static const struct {
        const char *event;
        Bytes buf;
        const char *expected;
} bufs[] = {
        { "kernel_version", T("6.12"), "1.content=text 1.text='6.12'" },
        { "kexec-cmdline", T("a\x1b" "b"), "1.content=text 1.text='a\\1bb'" },
        { "kexec_load", T("x"), "1.content=text 1.text='x'" },
        { "kexec_execute", T("x"), "1.content=text 1.text='x'" },
        { "ima_policy_written", T("measure func=KEY_CHECK\n"),
          "1.content=text 1.text='measure func=KEY_CHECK\\0a'" },
        { "ima_policy_loaded", T("x"), "1.content=text 1.text='x'" },
        { "selinux-state", T("initialized=1;"), "1.content=text 1.text='initialized=1;'" },
        { "dm_table_load", T("x"), "1.content=text 1.text='x'" },
        { "dm_device_resume", T("x"), "1.content=text 1.text='x'" },
        { "dm_device_remove", T("x"), "1.content=text 1.text='x'" },
        { "dm_device_rename", T("x"), "1.content=text 1.text='x'" },
        { "dm_table_clear", T("x"), "1.content=text 1.text='x'" },
        { "dm_target_update", T("x"), "1.content=text 1.text='x'" },
        /* text that could be DER is still text */
        { "kexec-cmdline", T("0\1a"), "1.content=text 1.text='0\\01a'" },
        { "selinux-policy-hash", T(D32), "1.content=hash 1.hash=x" X16 X16 },
        { "blacklisted-hash", T(D20), "1.content=hash 1.hash=x" X20 },
        { "selinux-policy-hash", T("abc"), "BAD buf@NN (a digest) 1.raw=x616263" },
        { ".ima", T("0\3DDD"), "1.content=key 1.length=5 1.key=x3003444444" },
        { ".ima", T("0\0"), "1.content=key 1.length=2 1.key=x3000" },
        { ".ima", T(""), "1.content=none" },
        { ".ima", T("abc"), "BAD buf@NN (" NO_KEY ") 1.raw=x616263" },
        { ".ima", T("0\3DD"), "BAD buf@NN (" NO_KEY ") 1.raw=x30034444" },
        { ".ima", T("0\3DDDD"), "BAD buf@NN (" NO_KEY ") 1.raw=x300344444444" },
        { ".ima", T("1\3DDD"), "BAD buf@NN (" NO_KEY ") 1.raw=x3103444444" },
        { ".ima", T("0"), "BAD buf@NN (" NO_KEY ") 1.raw=x30" },
        /* not the shortest form, no length at all, too long a length, one that is cut */
        { ".ima", T("0\x81\3DDD"), "BAD buf@NN (" NO_KEY ") 1.raw=x308103444444" },
        { ".ima", T("0\x80" "DD"), "BAD buf@NN (" NO_KEY ") 1.raw=x30804444" },
        { ".ima", T("0\x85\1\0\0\0\3DDD"), "BAD buf@NN (" NO_KEY ") 1.raw=x30850100000003444444" },
        { ".ima", T("0\x82\1"), "BAD buf@NN (" NO_KEY ") 1.raw=x308201" },
        { "_uid.0", T("0\3DDD"), "1.content=der 1.length=5 1.raw=x3003444444" },
        { "_uid.0", T("abc"), "1.content=unknown 1.raw=x616263" },
        { "", T("abc"), "1.content=unknown 1.raw=x616263" },
        { "Kernel_version", T("6.12"), "1.content=unknown 1.raw=x362e3132" },
};
/* clang-format on */

static void test_sig(void **state) {
        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(sigs); ++i) {
                Builder b = scratch();

                ROW(sigs[i].expected);
                put_field(&b, ORDER_LITTLE, sigs[i].sig);
                check_described("sig", ORDER_LITTLE, false, scratch_done(&b), sigs[i].expected);
                /* A signature's numbers do not follow the list's byte order. */
                b = scratch();
                put_field(&b, ORDER_BIG, sigs[i].sig);
                check_described("sig", ORDER_BIG, false, scratch_done(&b), sigs[i].expected);
        }
}

static void test_evmsig(void **state) {
        Builder b = scratch();

        (void)state;
        put_field(&b, ORDER_LITTLE, bytes_of("\5\2\4\1\2\3\4\0\1a", 10));
        check_described("evmsig", ORDER_LITTLE, false, scratch_done(&b),
                        "0.type=evm-portable-signature 0.version=2 0.algorithm=sha256 "
                        "0.keyid=x01020304 0.signature=x61");
}

/* Of "BAD buf@NN ...": the offset depends on the event's name. */
static void put_expected(const char *event, const char *row, char *ret_text, size_t max) {
        const char *at = strstr(row, "@NN");

        if (at)
                (void)snprintf(ret_text, max, "%.*s@%zu%s", (int)(at - row), row, strlen(event) + 9,
                               at + 3);
        else
                (void)snprintf(ret_text, max, "%s", row);
}

static void test_buf(void **state) {
        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(bufs); ++i) {
                char row[512], expected[1024], swapped[1024];
                const char *facts;
                Builder b = scratch();
                size_t n_bad;

                put_expected(bufs[i].event, bufs[i].expected, row, sizeof(row));
                ROW(row);
                facts = strncmp(row, "BAD", 3) == 0 ? strstr(row, ") 1.") + 2 : row;
                n_bad = (size_t)(facts - row);
                (void)snprintf(expected, sizeof(expected), "%.*s0.name='%s' %s", (int)n_bad, row,
                               bufs[i].event, facts);
                put_n_ng(&b, ORDER_LITTLE, bufs[i].event);
                put_field(&b, ORDER_LITTLE, bufs[i].buf);
                check_described("n-ng|buf", ORDER_LITTLE, false, scratch_done(&b), expected);

                /* The event's name is found behind the buffer, too. */
                if (n_bad > 0)
                        continue;
                (void)snprintf(swapped, sizeof(swapped), "%s 1.name='%s'", row, bufs[i].event);
                for (char *c = swapped; (c = strstr(c, "1.")) && c[2] != 'n'; ++c)
                        if (c == swapped || c[-1] == ' ')
                                *c = '0';
                b = scratch();
                put_field(&b, ORDER_LITTLE, bufs[i].buf);
                put_n_ng(&b, ORDER_LITTLE, bufs[i].event);
                check_described("buf|n-ng", ORDER_LITTLE, false, scratch_done(&b), swapped);
        }
}

/* Lengths of 128 bytes and more: for a key, and where a user called a keyring like an event. */
static void test_long_der(void **state) {
        static const struct {
                const char *row, *event, *content;
                const char *head;
                size_t n_head, n;
        } rows[] = {
                { "128 bytes", ".ima", "key", "0\x81\x80", 3, 128 },
                { "256 bytes", ".ima", "key", "0\x82\1\0", 4, 256 },
                { "65536 bytes", ".ima", "key", "0\x83\1\0\0", 5, 65536 },
                { "4 bytes of length", ".ima", "key", "0\x84\1\0\0\0", 6, 1U << 24 },
                { "keyring like a text", "kernel_version", "der", "0\x81\x80", 3, 128 },
                { "keyring like a hash", "selinux-policy-hash", "der", "0\x81\x80", 3, 128 },
                { "text of another length", "kernel_version", "text", "0\x81\x80", 3, 127 },
                { "127 bytes in the long form", ".ima", NULL, "0\x81\x7f", 3, 127 },
                { "a zero in front", ".ima", NULL, "0\x83\0\1\0", 5, 256 },
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                size_t n = rows[i].n_head + rows[i].n, max = n + 64;
                _cleanup_free_ uint8_t *raw = calloc(1, max), *buf = calloc(1, n);
                Builder b = builder_on(raw, max);
                MlistRecord record;
                Description d;
                Bytes data;

                ROW(rows[i].row);
                assert_true(raw && buf);
                memcpy(buf, rows[i].head, rows[i].n_head);
                put_n_ng(&b, ORDER_LITTLE, rows[i].event);
                put_field(&b, ORDER_LITTLE, bytes_of(buf, n));
                assert_false(b.full);
                data = heap_copy(builder_bytes(&b));
                record = record_of("n-ng|buf", data);
                describe_and_check(&record, ORDER_LITTLE, &d);
                assert_true(d.is_malformed == !rows[i].content);
                if (rows[i].content) {
                        assert_string_equal(d.at[1].key, "content");
                        assert_string_equal(d.at[1].word, rows[i].content);
                }
                heap_free(data);
        }
}

static void test_modsig(void **state) {
        static const struct {
                Bytes modsig;
                const char *expected;
        } rows[] = {
                { T("0\3DDD"), "0.content=pkcs7 0.length=5 0.modsig=x3003444444" },
                { T("0\2DDD"), "BAD modsig@4 (" NO_PKCS7 ") 0.raw=x3002444444" },
                { T("abc"), "BAD modsig@4 (" NO_PKCS7 ") 0.raw=x616263" },
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                Builder b = scratch();

                ROW(rows[i].expected);
                put_field(&b, ORDER_LITTLE, rows[i].modsig);
                check_described("modsig", ORDER_LITTLE, false, scratch_done(&b), rows[i].expected);
        }
}

/* The most facts that a record can have. */
static void test_limit(void **state) {
        static const char sig[] = "\3\1\x44\x33\x22\x11\0\1KEYIDKEY\1\0\x10"
                                  "ab";
        char template[TEMPLATE_FIELD_MAX * 4];
        Builder b = scratch(), name = builder_on((uint8_t *)template, sizeof(template));
        MlistRecord record;
        Description d;
        Bytes data;

        (void)state;
        for (size_t i = 0; i < TEMPLATE_FIELD_MAX; ++i) {
                builder_put(&name, bytes_of_text(i > 0 ? "|sig" : "sig"));
                put_field(&b, ORDER_LITTLE, bytes_of(sig, sizeof(sig) - 1));
        }
        builder_put_u8(&b, 0);
        assert_false(name.full);
        data = scratch_done(&b);
        record = (MlistRecord){ .name = builder_bytes(&name), .data = data };
        describe_and_check(&record, ORDER_LITTLE, &d);
        assert_true(d.is_malformed);
        assert_int_equal(d.bad_at, data.n - 1);
        assert_int_equal(d.n, DESCRIBE_MAX);
        heap_free(data);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_sig),    cmocka_unit_test(test_evmsig),
                cmocka_unit_test(test_buf),    cmocka_unit_test(test_long_der),
                cmocka_unit_test(test_modsig), cmocka_unit_test(test_limit),
        };

        return cmocka_run_group_tests_name("describe-sig", tests, NULL, NULL) != 0;
}
