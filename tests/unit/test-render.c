/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-render.c -- records in the kernel's own two forms, and what they are about.
 * (The integration test serve-list compares whole lists.)
 */
#include "fixture.h"

#include <string.h>

#include "core/render.h"

static char text[8192];
static size_t n_text;

static void put(void *userdata, Bytes piece) {
        (void)userdata;
        assert_true(piece.n < sizeof(text) - n_text);
        bytes_copy(piece, (uint8_t *)text + n_text, piece.n);
        n_text += piece.n;
        text[n_text] = '\0';
}

static const RenderSink sink = { put, NULL };

static void test_pieces(void **state) {
        uint8_t many[600];
        char want[2 * sizeof(many) + 1];

        (void)state;
        for (size_t i = 0; i < sizeof(many); ++i) {
                many[i] = (uint8_t)(i * 7);
                (void)snprintf(want + 2 * i, 3, "%02x", many[i]);
        }
        for (size_t n = 0; n <= sizeof(many); n += n == 255 || n == 256 || n == 512 ? 1 : 51) {
                n_text = 0;
                text[0] = '\0';
                render_hex(&sink, bytes_of(many, n));
                assert_int_equal(n_text, 2 * n);
                assert_memory_equal(text, want, 2 * n);
        }
        n_text = 0;
        render_number(&sink, UINT64_MAX);
        render_text(&sink, "|");
        render_number(&sink, 0);
        assert_string_equal(text, "18446744073709551615|0");
}

static void check_binary(const MlistRecord *record, ByteOrder order, Bytes want) {
        n_text = 0;
        render_binary(&sink, record, order);
        assert_int_equal(n_text, want.n);
        assert_memory_equal(text, want.data, want.n);
}

/* A record that is taken apart and built again is the same, byte for byte. */
static void test_binary(void **state) {
        static const ByteOrder orders[] = { ORDER_LITTLE, ORDER_BIG };

        (void)state;
        for (size_t i = 0; i < 2 * ELEMENTSOF(orders); ++i) {
                const MlistForm form = { .order = orders[i / 2], .alg = DIGEST_SHA1 };
                Builder b = scratch();
                MlistRecord record;
                MlistError error;
                uint8_t *apart;
                Bytes list, in;

                if (i % 2 == 0)
                        put_sample(&b, &form, 10, "/bin/true");
                else
                        put_ima(&b, &form, 10, BYTES_TEXT("01234567890123456789"),
                                BYTES_TEXT("/bin/true"));
                list = in = scratch_done(&b);
                assert_int_equal(parse_record(&in, &form, &record, &error), 0);
                ROW("as it stands in its list");
                check_binary(&record, form.order, list);
                ROW("its text is in another place, below and above");
                apart = malloc(2 * record.data.n + 1);
                assert_non_null(apart);
                bytes_copy(record.data, apart, record.data.n);
                record.whole = bytes_of(apart + record.data.n, 1);
                record.data = bytes_of(apart, record.data.n);
                check_binary(&record, form.order, list);
                bytes_copy(record.data, apart + record.data.n + 1, record.data.n);
                record.data = bytes_of(apart + record.data.n + 1, record.data.n);
                record.whole = bytes_of(apart, 0);
                check_binary(&record, form.order, list);
                free(apart);
                heap_free(list);
        }
}

static void check_ascii(const MlistRecord *record, bool is_escaped, const char *want) {
        n_text = 0;
        assert_int_equal(render_ascii(&sink, record, ORDER_LITTLE, is_escaped), 0);
        assert_string_equal(text, want);
}

/* Each field as the kernel's ima_template_lib.c shows it. */
static void test_ascii(void **state) {
        uint8_t raw[512];
        Builder b = builder_on(raw, sizeof(raw));
        MlistRecord record;

        (void)state;
        put_d_ng(&b, ORDER_LITTLE, "sha1", bytes_of("\x01\xab", 2));
        put_n_ng(&b, ORDER_LITTLE, "/a\nb");
        put_field(&b, ORDER_LITTLE, bytes_of("\x03\x02", 2));
        put_field(&b, ORDER_LITTLE, bytes_of("user.x\0", 7));
        put_field(&b, ORDER_LITTLE, bytes_of("\x04\0\0\0", 4));
        put_field(&b, ORDER_LITTLE, bytes_of("\xff", 1));
        put_field(&b, ORDER_LITTLE, bytes_of("\xe8\x03\0\0", 4));
        put_field(&b, ORDER_LITTLE, bytes_of("\xff\xff\xff\xff", 4));
        put_field(&b, ORDER_LITTLE, bytes_of("\xa4\x81", 2));
        record = record_of("evm-sig", builder_bytes(&b));
        record.digest = bytes_of("\x10\x20", 2);
        ROW("all fields; PCRs below 10 are indented");
        record.pcr = 9;
        check_ascii(&record, false,
                    " 9 1020 evm-sig sha1:01ab /a\nb 0302 user.x 04000000 ff 1000 4294967295 "
                    "33188\n");
        ROW("escaped");
        record.pcr = 10;
        check_ascii(&record, true,
                    "10 1020 evm-sig sha1:01ab /a\\x0ab 0302 user.x 04000000 ff 1000 4294967295 "
                    "33188\n");
        ROW("a digest without its algorithm, numbers of no size that there is");
        b = builder_on(raw, sizeof(raw));
        put_field(&b, ORDER_LITTLE, bytes_of("\x01\xab", 2));
        put_field(&b, ORDER_LITTLE, bytes_of("\x01\x02\x03", 3));
        put_field(&b, ORDER_LITTLE, bytes_of("", 0));
        record = record_of("d-ng|iuid|imode", builder_bytes(&b));
        record.pcr = 63;
        check_ascii(&record, true, "63  d-ng|iuid|imode 01ab  \n");
        ROW("a template that is not known");
        record = record_of("xyz\x1b", BYTES_TEXT("ab"));
        check_ascii(&record, true, " 0  xyz\\x1b 6162\n");
}

static const struct {
        const char *name, *data; /* of text; # stands for NUL, each | begins a field */
        const char *subject;     /* NULL: it has none */
        const char *alg;
} subjects[] = {
        { "ima-ng", "sha256:#d|/a#", "/a", "sha256" },
        { "ima-ng", "sha256d|/a#", "/a", NULL },
        { "ima-ng", "sha256:#d|/a", "/a", NULL },
        { "ima-ng", "sha256:#d|", "", NULL },
        { "ima-ngv2", "ima:sha256:#d|/a#", "/a", "sha256" },
        { "ima-ngv2", "sha256#d|/a#", "/a", NULL },
        { "sig|n", "s|/a", "/a", NULL },
        { "n|n-ng", "/a#|/b#", "/a", NULL },
        { "sig|d-ng", "s|sha256:#d", NULL, NULL },
        { "sig", "s", NULL, NULL },
        { "ima-ng", "sha256:#d", NULL, NULL },
        { "xyz", "sha256:#d|/a#", NULL, NULL },
};

static void test_subject(void **state) {
        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(subjects); ++i) {
                Bytes in = bytes_of_text(subjects[i].data), part;
                uint8_t raw[128], field[64];
                Builder b = builder_on(raw, sizeof(raw));
                MlistRecord record;
                TemplateSubject s;
                bool goes_on;

                ROW(subjects[i].name);
                do {
                        goes_on = bytes_take_until(&in, '|', &part);
                        if (!goes_on)
                                part = in;
                        for (size_t k = 0; k < part.n; ++k)
                                field[k] = part.data[k] == '#' ? 0 : part.data[k];
                        put_field(&b, ORDER_BIG, bytes_of(field, part.n));
                } while (goes_on);
                record = record_of(subjects[i].name, builder_bytes(&b));
                s = render_subject(&record, ORDER_BIG);
                assert_int_equal(!s.name.data, !subjects[i].subject);
                if (subjects[i].subject)
                        assert_true(bytes_equal_text(s.name, subjects[i].subject));
                assert_int_equal(!s.alg.data, !subjects[i].alg);
                if (subjects[i].alg)
                        assert_true(bytes_equal_text(s.alg, subjects[i].alg));
                assert_int_equal(!s.digest.data, !subjects[i].alg);
        }
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_pieces),
                cmocka_unit_test(test_binary),
                cmocka_unit_test(test_ascii),
                cmocka_unit_test(test_subject),
        };

        return cmocka_run_group_tests_name("render", tests, all_hashers_open, all_hashers_close) !=
               0;
}
