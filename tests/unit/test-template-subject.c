/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-template-subject.c -- what a record speaks of: name, algorithm and digest of a file.
 */
#include "fixture.h"

#include "captured.h"
#include "core/template.h"

/* Fields in quotes, in order; T() keeps the NULs. */
#define T(s)                                                                                       \
        { (const uint8_t *)(s), sizeof(s) - 1 }

static const struct {
        const char *row, *template;
        Bytes fields[4];
        size_t n;
        int result;
        const char *name, *alg;
        Bytes digest;
} subjects[] = {
        { "d-ng and n-ng",
          "ima-ng",
          { T("sha256:\0DIGEST"), T("/x\0") },
          2,
          0,
          "/x",
          "sha256",
          T("DIGEST") },
        { "the other way round",
          "n-ng|d-ng",
          { T("/x\0"), T("sha256:\0DIGEST") },
          2,
          0,
          "/x",
          "sha256",
          T("DIGEST") },
        { "d-ngv2",
          "ima-ngv2",
          { T("ima:sha256:\0DIGEST"), T("/x\0") },
          2,
          0,
          "/x",
          "sha256",
          T("DIGEST") },
        { "d-ngv2 of fs-verity",
          "ima-ngv2",
          { T("verity:sha512:\0DIGEST"), T("/x\0") },
          2,
          0,
          "/x",
          "sha512",
          T("DIGEST") },
        { "a digest with colons and NULs",
          "ima-ng",
          { T("sha1:\0:\0:\0"), T("/x\0") },
          2,
          0,
          "/x",
          "sha1",
          T(":\0:\0") },
        { "an empty digest", "ima-ng", { T("sha1:\0"), T("/x\0") }, 2, 0, "/x", "sha1", T("") },
        { "an empty algorithm",
          "ima-ng",
          { T(":\0DIGEST"), T("/x\0") },
          2,
          0,
          "/x",
          "",
          T("DIGEST") },
        { "an empty name",
          "ima-ng",
          { T("sha1:\0DIGEST"), T("\0") },
          2,
          0,
          "",
          "sha1",
          T("DIGEST") },
        { "n with its NUL",
          "d|n",
          { T("0123456789abcdef0123"), T("/x\0") },
          2,
          0,
          "/x",
          "sha1",
          T("0123456789abcdef0123") },
        { "n without NUL",
          "d|n",
          { T("0123456789abcdef"), T("/x") },
          2,
          0,
          "/x",
          "md5",
          T("0123456789abcdef") },
        { "an empty n",
          "d|n",
          { T("0123456789abcdef"), T("") },
          2,
          0,
          "",
          "md5",
          T("0123456789abcdef") },
        { "the first name counts",
          "d-ng|n-ng|n",
          { T("sha1:\0D"), T("/x\0"), T("/y\0") },
          3,
          0,
          "/x",
          "sha1",
          T("D") },
        { "the first digest counts",
          "d-ng|n-ng|d-ng",
          { T("sha1:\0D"), T("/x\0"), T("md5:\0E") },
          3,
          0,
          "/x",
          "sha1",
          T("D") },
        { "a second one that is malformed",
          "d-ng|n-ng|d-ng",
          { T("sha1:\0D"), T("/x\0"), T("nonsense") },
          3,
          0,
          "/x",
          "sha1",
          T("D") },
        /* malformed */
        { "no colon",
          "ima-ng",
          { T("sha256\0DIGEST"), T("/x\0") },
          2,
          TEMPLATE_E_MALFORMED,
          NULL,
          NULL,
          { 0 } },
        { "no NUL behind the colon",
          "ima-ng",
          { T("sha256:DIGEST"), T("/x\0") },
          2,
          TEMPLATE_E_MALFORMED,
          NULL,
          NULL,
          { 0 } },
        { "nothing behind the colon",
          "ima-ng",
          { T("sha256:"), T("/x\0") },
          2,
          TEMPLATE_E_MALFORMED,
          NULL,
          NULL,
          { 0 } },
        { "an empty d-ng",
          "ima-ng",
          { T(""), T("/x\0") },
          2,
          TEMPLATE_E_MALFORMED,
          NULL,
          NULL,
          { 0 } },
        { "a d-ngv2 without type",
          "ima-ngv2",
          { T("sha256:\0DIGEST"), T("/x\0") },
          2,
          TEMPLATE_E_MALFORMED,
          NULL,
          NULL,
          { 0 } },
        { "a d-ng with type",
          "ima-ng",
          { T("ima:sha256:\0DIGEST"), T("/x\0") },
          2,
          TEMPLATE_E_MALFORMED,
          NULL,
          NULL,
          { 0 } },
        { "n-ng without NUL",
          "ima-ng",
          { T("sha1:\0D"), T("/x") },
          2,
          TEMPLATE_E_MALFORMED,
          NULL,
          NULL,
          { 0 } },
        { "an empty n-ng",
          "ima-ng",
          { T("sha1:\0D"), T("") },
          2,
          TEMPLATE_E_MALFORMED,
          NULL,
          NULL,
          { 0 } },
        { "n-ng with more behind its NUL",
          "ima-ng",
          { T("sha1:\0D"), T("/x\0y") },
          2,
          TEMPLATE_E_MALFORMED,
          NULL,
          NULL,
          { 0 } },
        { "n-ng with two NULs",
          "ima-ng",
          { T("sha1:\0D"), T("/x\0\0") },
          2,
          TEMPLATE_E_MALFORMED,
          NULL,
          NULL,
          { 0 } },
        { "n with a NUL in it",
          "d|n",
          { T("0123456789abcdef"), T("/x\0y\0") },
          2,
          TEMPLATE_E_MALFORMED,
          NULL,
          NULL,
          { 0 } },
        /* nothing to say */
        { "no name", "d-ng", { T("sha1:\0D") }, 1, TEMPLATE_E_UNKNOWN, NULL, NULL, { 0 } },
        { "no digest", "n-ng", { T("/x\0") }, 1, TEMPLATE_E_UNKNOWN, NULL, NULL, { 0 } },
        { "neither",
          "iuid|igid",
          { T("abcd"), T("abcd") },
          2,
          TEMPLATE_E_UNKNOWN,
          NULL,
          NULL,
          { 0 } },
        { "a digest of a module signature is none",
          "n-ng|d-modsig",
          { T("/x\0"), T("sha1:\0D") },
          2,
          TEMPLATE_E_UNKNOWN,
          NULL,
          NULL,
          { 0 } },
};

static void test_subject(void **state) {
        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(subjects); ++i)
                for (ByteOrder order = 0; order < _ORDER_N; ++order) {
                        uint8_t raw[256];
                        Builder b = builder_on(raw, sizeof(raw));
                        TemplateSubject s;
                        MlistRecord record;
                        Bytes data;

                        ROW(subjects[i].row);
                        for (size_t k = 0; k < subjects[i].n; ++k)
                                put_field(&b, order, subjects[i].fields[k]);
                        assert_false(b.full);
                        data = heap_copy(builder_bytes(&b));
                        record = record_of(subjects[i].template, data);
                        assert_int_equal(subject_of(&record, order, &s), subjects[i].result);
                        if (subjects[i].result == 0) {
                                assert_true(bytes_equal_text(s.name, subjects[i].name));
                                assert_true(bytes_equal_text(s.alg, subjects[i].alg));
                                assert_true(bytes_equal(s.digest, subjects[i].digest));
                        }
                        heap_free(data);
                }
}

static void look_at_list(const CapturedList *list, void *context) {
        size_t n = 0, *n_records = context;
        Hashers h = {};
        DigestAlg alg;
        MlistForm form;
        MlistRecord record;
        MlistError error;
        TemplateSubject s;
        TemplateFields fields;
        Bytes in = list->data;

        ROW(list->file);
        assert_int_equal(hashers_open(&h, BANK(list->alg), &alg), 0);
        assert_int_equal(mlist_detect(in, list->alg, &form, &error), 0);
        while (in.n > 0) {
                int r;

                assert_int_equal(mlist_parse(&in, &form, h.of[list->alg], &record, &error), 0);
                r = template_split(&record, form.order, &fields);
                CHECK(r == 0, "record %zu: %d\n", n, r);
                r = template_subject(&record, form.order, &s);
                CHECK(r == 0, "record %zu: %d\n", n, r);
                CHECK(s.digest.n >= 16 && s.digest.n <= 64, "record %zu\n", n);
                CHECK(s.alg.n >= 3 && s.name.n > 0, "record %zu\n", n);
                ++n;
        }
        *n_records += n;
        hashers_close(&h);
}

/* Real kernels write nothing that is malformed or unknown. */
static void test_captured(void **state) {
        size_t n_records = 0;

        (void)state;
        assert_true(captured_each(look_at_list, &n_records) >= n_captured);
        assert_true(n_records > 5000);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_subject),
                cmocka_unit_test(test_captured),
        };

        return cmocka_run_group_tests_name("template-subject", tests, NULL, NULL) != 0;
}
