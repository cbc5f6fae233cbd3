/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-template.c -- fields of the templates that are known, of custom ones, and of none.
 */
#include "fixture.h"

#include <string.h>

#include "core/template.h"

static MlistRecord ima_record_of(Bytes digest, const char *name) {
        return (MlistRecord){
                .name = BYTES_TEXT("ima"),
                .ima_digest = digest,
                .ima_name = bytes_of_text(name),
                .is_ima = true,
        };
}

/* One field for each character: its length is its place, its bytes are the character. */
static Bytes fields_of(const char *fill, ByteOrder order) {
        static uint8_t raw[1024];
        Builder b = builder_on(raw, sizeof(raw));

        for (size_t i = 0; fill[i]; ++i) {
                builder_put_u32(&b, order, (uint32_t)i);
                for (size_t k = 0; k < i; ++k)
                        builder_put_u8(&b, (uint8_t)fill[i]);
        }
        assert_false(b.full);
        return heap_copy(builder_bytes(&b));
}

static int split(const MlistRecord *record, ByteOrder order, TemplateFields *ret_fields) {
        TemplateFields fields, poison;
        int r;

        memset(&fields, POISON, sizeof(fields));
        poison = fields;
        r = template_split(record, order, &fields);
        if (r != 0)
                CHECK(memcmp(&fields, &poison, sizeof(fields)) == 0, "fields set with %d\n", r);
        else
                *ret_fields = fields;
        return r;
}

static const struct {
        const char *name;
        size_t n;
        FieldId id[TEMPLATE_FIELD_MAX];
} templates[] = {
        { "ima-ng", 2, { FIELD_D_NG, FIELD_N_NG } },
        { "ima-sig", 3, { FIELD_D_NG, FIELD_N_NG, FIELD_SIG } },
        { "ima-ngv2", 2, { FIELD_D_NGV2, FIELD_N_NG } },
        { "ima-sigv2", 3, { FIELD_D_NGV2, FIELD_N_NG, FIELD_SIG } },
        { "ima-buf", 3, { FIELD_D_NG, FIELD_N_NG, FIELD_BUF } },
        { "ima-modsig", 5, { FIELD_D_NG, FIELD_N_NG, FIELD_SIG, FIELD_D_MODSIG, FIELD_MODSIG } },
        { "evm-sig",
          9,
          { FIELD_D_NG, FIELD_N_NG, FIELD_EVMSIG, FIELD_XATTRNAMES, FIELD_XATTRLENGTHS,
            FIELD_XATTRVALUES, FIELD_IUID, FIELD_IGID, FIELD_IMODE } },
        /* custom: the format is the name */
        { "d|n", 2, { FIELD_D, FIELD_N } },
        { "n", 1, { FIELD_N } },
        { "n-ng|d-ng|imode|iuid", 4, { FIELD_N_NG, FIELD_D_NG, FIELD_IMODE, FIELD_IUID } },
        { "d-ng|d-ng|d-ng", 3, { FIELD_D_NG, FIELD_D_NG, FIELD_D_NG } },
        { "d|n|d-ng|d-ngv2|n-ng|sig|buf|d-modsig|modsig|evmsig|iuid|igid|imode|xattrnames|"
          "xattrlengths",
          15,
          { FIELD_D, FIELD_N, FIELD_D_NG, FIELD_D_NGV2, FIELD_N_NG, FIELD_SIG, FIELD_BUF,
            FIELD_D_MODSIG, FIELD_MODSIG, FIELD_EVMSIG, FIELD_IUID, FIELD_IGID, FIELD_IMODE,
            FIELD_XATTRNAMES, FIELD_XATTRLENGTHS } },
        { "xattrvalues", 1, { FIELD_XATTRVALUES } },
};

static void test_split(void **state) {
        static const char letters[] = "abcdefghijklmno";

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(templates); ++i)
                for (ByteOrder order = 0; order < _ORDER_N; ++order) {
                        char fill[TEMPLATE_FIELD_MAX + 1] = "";
                        TemplateFields fields;
                        MlistRecord record;
                        Bytes data;

                        ROW(templates[i].name);
                        memcpy(fill, letters, templates[i].n);
                        data = fields_of(fill, order);
                        record = record_of(templates[i].name, data);
                        assert_int_equal(split(&record, order, &fields), 0);
                        assert_int_equal(fields.n, templates[i].n);
                        for (size_t k = 0; k < fields.n; ++k) {
                                CHECK(fields.at[k].id == templates[i].id[k], "field %zu is %s\n", k,
                                      template_field_name(fields.at[k].id));
                                CHECK(fields.at[k].data.n == k, "field %zu\n", k);
                                for (size_t m = 0; m < k; ++m)
                                        assert_int_equal(fields.at[k].data.data[m], letters[k]);
                        }
                        heap_free(data);
                }
}

/* Data that is cut, or has one byte more, is malformed wherever that is. */
static void test_split_malformed(void **state) {
        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(templates); ++i) {
                char fill[TEMPLATE_FIELD_MAX + 1] = "";
                TemplateFields fields;
                MlistRecord record;
                Bytes data, block;

                ROW(templates[i].name);
                memset(fill, 'x', templates[i].n);
                data = fields_of(fill, ORDER_LITTLE);
                for (size_t n = 0; n < data.n; ++n) {
                        block = heap_copy(bytes_of(data.data, n));
                        record = record_of(templates[i].name, block);
                        CHECK(split(&record, ORDER_LITTLE, &fields) == TEMPLATE_E_MALFORMED,
                              "cut at %zu of %zu\n", n, data.n);
                        heap_free(block);
                }
                /* One field too many, with nothing in it. */
                {
                        uint8_t raw[1024] = {};

                        memcpy(raw, data.data, data.n);
                        for (size_t more = 1; more <= 4; ++more) {
                                block = heap_copy(bytes_of(raw, data.n + more));
                                record = record_of(templates[i].name, block);
                                CHECK(split(&record, ORDER_LITTLE, &fields) == TEMPLATE_E_MALFORMED,
                                      "%zu bytes more\n", more);
                                heap_free(block);
                        }
                }
                heap_free(data);
        }
}

static void test_split_lengths(void **state) {
        static const struct {
                const char *row, *hex;
                ByteOrder order;
                int result;
        } rows[] = {
                { "right", "0000000001000000aa", ORDER_LITTLE, 0 },
                { "right, big endian", "0000000000000001aa", ORDER_BIG, 0 },
                { "the wrong order", "0000000001000000aa", ORDER_BIG, TEMPLATE_E_MALFORMED },
                { "one too long", "0000000002000000aa", ORDER_LITTLE, TEMPLATE_E_MALFORMED },
                { "one too short", "0000000000000000aa", ORDER_LITTLE, TEMPLATE_E_MALFORMED },
                { "4 GiB", "ffffffff01000000aa", ORDER_LITTLE, TEMPLATE_E_MALFORMED },
                { "a sum that wraps in 32 bits", "fcffffff01000000aa", ORDER_LITTLE,
                  TEMPLATE_E_MALFORMED },
                { "nothing", "", ORDER_LITTLE, TEMPLATE_E_MALFORMED },
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                uint8_t raw[32];
                TemplateFields fields;
                MlistRecord record;
                Bytes data;

                ROW(rows[i].row);
                data = heap_copy(hex_of(rows[i].hex, raw, sizeof(raw)));
                record = record_of("ima-ng", data);
                assert_int_equal(split(&record, rows[i].order, &fields), rows[i].result);
                heap_free(data);
        }
}

static void test_unknown(void **state) {
        static const char *const names[] = {
                "xyz",
                "ima-",
                "ima-n",
                "ima-ngx",
                "IMA-NG",
                "Ima-ng",
                "ima-sigv3",
                "ima ",
                "d-ng|",
                "|d-ng",
                "|",
                "d-ng||n-ng",
                "d-ng| n-ng",
                "d-ng,n-ng",
                "d-ng|n-ng|what",
                "d-ng|ima-ng",
                "n-ngv2",
                "D|N",
                /* 16 fields, one more than the kernel allows */
                "d|d|d|d|d|d|d|d|d|d|d|d|d|d|d|d",
                "d|d|d|d|d|d|d|d|d|d|d|d|d|d|d|",
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(names); ++i) {
                TemplateFields fields;
                TemplateSubject s;
                Bytes name, data;
                MlistRecord record;

                ROW(names[i]);
                name = heap_copy(bytes_of_text(names[i]));
                data = fields_of("abcdefghijklmno", ORDER_LITTLE);
                record = (MlistRecord){ .name = name, .data = data };
                assert_int_equal(split(&record, ORDER_LITTLE, &fields), TEMPLATE_E_UNKNOWN);
                assert_int_equal(subject_of(&record, ORDER_LITTLE, &s), TEMPLATE_E_UNKNOWN);
                heap_free(data);
                heap_free(name);
        }
}

static void test_name_with_nul(void **state) {
        TemplateFields fields;
        MlistRecord record = { .name = bytes_of("ima-ng\0", 7) };

        (void)state;
        assert_int_equal(split(&record, ORDER_LITTLE, &fields), TEMPLATE_E_UNKNOWN);
}

static void test_field_names(void **state) {
        (void)state;
        for (FieldId id = 0; id < _FIELD_ID_N; ++id) {
                const char *name = template_field_name(id);
                MlistRecord record;
                TemplateFields fields;

                CHECK(name && *name, "field %d\n", (int)id);
                ROW(name);
                /* As a custom template of one field it is found again. */
                record = record_of(name, bytes_of("\0\0\0\0", 4));
                assert_int_equal(split(&record, ORDER_LITTLE, &fields), 0);
                assert_int_equal(fields.n, 1);
                assert_int_equal(fields.at[0].id, id);
        }
}

static void test_ima(void **state) {
        static const struct {
                const char *row, *alg;
                size_t n;
        } rows[] = { { "sha1", "sha1", 20 }, { "md5", "md5", 16 } };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                static const uint8_t raw[20] = { 1, 2, 3 };
                MlistRecord record;
                TemplateFields fields;
                TemplateSubject s;

                ROW(rows[i].row);
                record = ima_record_of(bytes_of(raw, rows[i].n), "/usr/bin/true");
                assert_int_equal(split(&record, ORDER_BIG, &fields), 0);
                assert_int_equal(fields.n, 2);
                assert_int_equal(fields.at[0].id, FIELD_D);
                assert_true(bytes_equal(fields.at[0].data, bytes_of(raw, rows[i].n)));
                assert_int_equal(fields.at[1].id, FIELD_N);
                assert_true(bytes_equal_text(fields.at[1].data, "/usr/bin/true"));
                assert_int_equal(subject_of(&record, ORDER_BIG, &s), 0);
                assert_true(bytes_equal_text(s.alg, rows[i].alg));
                assert_true(bytes_equal_text(s.name, "/usr/bin/true"));
                assert_true(bytes_equal(s.digest, bytes_of(raw, rows[i].n)));
        }
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_split),         cmocka_unit_test(test_split_malformed),
                cmocka_unit_test(test_split_lengths), cmocka_unit_test(test_unknown),
                cmocka_unit_test(test_name_with_nul), cmocka_unit_test(test_field_names),
                cmocka_unit_test(test_ima),
        };

        return cmocka_run_group_tests_name("template", tests, NULL, NULL) != 0;
}
