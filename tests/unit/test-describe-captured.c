/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-describe-captured.c -- the captured lists, field by field.
 *
 * What is expected was not made by the code under test: templates are counted by NAME.json, words
 * by a Python script of a few lines (struct.unpack over the fields), and the key id is the end of
 * the subject key identifier that openssl prints for the certificate of the lists' signer.
 */
#include "describe-text.h"

#include <string.h>

#include "captured.h"

#define TEMPLATE_KIND_MAX 16U

typedef struct TemplateCount {
        char name[MLIST_NAME_MAX + 1];
        size_t n;
} TemplateCount;

typedef struct Counts {
        size_t n_records, n_facts, n_templates;
        TemplateCount templates[TEMPLATE_KIND_MAX];
} Counts;

static void count_template(Counts *counts, Bytes name) {
        TemplateCount *t = counts->templates;
        size_t i = 0;

        while (i < counts->n_templates && !bytes_equal_text(name, t[i].name))
                ++i;
        if (i == counts->n_templates) {
                assert_true(i < TEMPLATE_KIND_MAX && name.n <= MLIST_NAME_MAX);
                ++counts->n_templates;
                bytes_copy(name, (uint8_t *)t[i].name, MLIST_NAME_MAX);
        }
        ++t[i].n;
}

/* NAME.json: "templates": { "ima-sig": 24, ... }. */
static void check_templates(const CapturedList *list, const Counts *counts) {
        char file[128];
        const char *in, *end;
        size_t n_named = 0;
        Bytes json, copy;

        if (!list->manifest)
                return;
        (void)snprintf(file, sizeof(file), "%s.json", list->manifest->name);
        json = captured_load(file);
        copy = (Bytes){ calloc(1, json.n + 1), json.n };
        assert_non_null(copy.data);
        bytes_copy(json, (uint8_t *)copy.data, json.n);
        in = strstr((const char *)copy.data, "\"templates\": {");
        CHECK(in && strchr(in, '}'), "%s: no templates\n", file);
        end = strchr(in, '}');
        for (size_t i = 0; i < counts->n_templates; ++i) {
                char key[MLIST_NAME_MAX + 8];
                unsigned long n;
                const char *at;

                (void)snprintf(key, sizeof(key), "\"%s\": ", counts->templates[i].name);
                at = strstr(in, key);
                CHECK(at && at < end, "%s: no %s\n", file, key);
                n = strtoul(at + strlen(key), NULL, 10);
                CHECK(n == counts->templates[i].n, "%s: %lu of %s\n", file, n, key);
        }
        for (const char *c = in + 1; c < end; ++c)
                n_named += c[0] == '"' && c[1] == ':';
        /* "templates": itself is one of them. */
        assert_int_equal(n_named, counts->n_templates + 1);
        heap_free(copy);
        heap_free(json);
}

/* Every field that the template has is there, in order. */
static void check_fields(const MlistRecord *record, ByteOrder order, const Description *d,
                         size_t position) {
        TemplateFields fields;
        size_t k = 0;

        CHECK(template_split(record, order, &fields) == 0, "record %zu\n", position);
        for (size_t i = 0; i < fields.n; ++i) {
                CHECK(k < d->n && d->at[k].nth == i, "record %zu: field %zu is not there\n",
                      position, i);
                for (; k < d->n && d->at[k].nth == i; ++k)
                        CHECK(d->at[k].field == fields.at[i].id, "record %zu: field %zu\n",
                              position, i);
        }
        assert_int_equal(k, d->n);
}

typedef void RecordFunc(const MlistRecord *record, const Description *d, void *context);

static void each_record(const CapturedList *list, RecordFunc *func, void *context) {
        Bytes in = list->data;
        MlistForm form;
        MlistRecord record;
        MlistError error;

        assert_int_equal(mlist_detect(in, list->alg, &form, &error), 0);
        for (size_t n = 0; in.n > 0; ++n) {
                Description d;
                int r;

                r = mlist_parse(&in, &form, all_hashers.of[form.alg], &record, &error);
                CHECK(r == 0, "record %zu: %d\n", n, r);
                describe_and_check(&record, form.order, &d);
                CHECK(!d.is_unknown, "record %zu: unknown template\n", n);
                CHECK(!d.is_malformed, "record %zu: %s expected at %zu\n", n, d.expected, d.bad_at);
                check_fields(&record, form.order, &d, n);
                func(&record, &d, context);
        }
}

static void count_record(const MlistRecord *record, const Description *d, void *context) {
        Counts *counts = context;

        ++counts->n_records;
        counts->n_facts += d->n;
        count_template(counts, record->name);
}

static void look_at_list(const CapturedList *list, void *context) {
        size_t *n_records = context;
        Counts counts = {};

        ROW(list->file);
        each_record(list, count_record, &counts);
        assert_true(counts.n_records > 0 && counts.n_facts >= counts.n_records);
        check_templates(list, &counts);
        *n_records += counts.n_records;
}

static void test_every_list(void **state) {
        size_t n_records = 0;

        (void)state;
        assert_true(captured_each(look_at_list, &n_records) >= n_captured);
        print_message("           %zu records\n", n_records);
}

/* How often a word or text stands in a list; counted by Python over the same files. */
static struct WordCount {
        const char *file;
        FieldId field;
        const char *key, *value;
        size_t n, seen;
} words[] = {
        { .file = "k7.3-tpm-templates.bin", FIELD_D_NG, "algorithm", "sha256", .n = 49 },
        { .file = "k7.3-tpm-templates.bin", FIELD_D_NG, "algorithm", "sha512", .n = 5 },
        { .file = "k7.3-tpm-templates.bin", FIELD_D, "algorithm", "sha1", .n = 5 },
        { .file = "k7.3-tpm-templates.bin", FIELD_D_NGV2, "digest-type", "ima", .n = 18 },
        { .file = "k7.3-tpm-templates.bin", FIELD_D_NGV2, "digest-type", "verity", .n = 4 },
        { .file = "k7.3-tpm-templates.bin", FIELD_SIG, "content", "none", .n = 33 },
        { .file = "k7.3-tpm-templates.bin", FIELD_SIG, "type", "ima-signature", .n = 10 },
        { .file = "k7.3-tpm-templates.bin", FIELD_SIG, "algorithm", "sha256", .n = 7 },
        { .file = "k7.3-tpm-templates.bin", FIELD_SIG, "algorithm", "sha512", .n = 3 },
        { .file = "k7.3-tpm-templates.bin", FIELD_SIG, "version", "2", .n = 10 },
        { .file = "k7.3-tpm-templates.bin", FIELD_SIG, "keyid", "c1c8063a", .n = 10 },
        { .file = "k7.3-tpm-templates.bin",
          FIELD_EVMSIG,
          "type",
          "evm-portable-signature",
          .n = 1 },
        { .file = "k7.3-tpm-templates.bin", FIELD_EVMSIG, "keyid", "c1c8063a", .n = 1 },
        { .file = "k7.3-tpm-templates.bin",
          FIELD_XATTRNAMES,
          "xattrnames",
          "security.ima",
          .n = 4 },
        { .file = "k7.3-tpm-templates.bin", FIELD_BUF, "content", "none", .n = 5 },
        { .file = "k7.3-tpm-templates.bin", FIELD_BUF, "content", "text", .n = 7 },
        { .file = "k7.3-tpm-templates.bin", FIELD_BUF, "content", "key", .n = 1 },
        { .file = "k7.3-tpm-templates.bin", FIELD_BUF, "content", "der", .n = 2 },
        { .file = "k7.3-tpm-templates.bin", FIELD_BUF, "text", "7.3.4+deb13-amd64", .n = 1 },
        { .file = "own-tpm-modsig.bin", FIELD_D_MODSIG, "algorithm", "sha256", .n = 1 },
        { .file = "own-tpm-modsig.bin", FIELD_D_MODSIG, "algorithm", "sha512", .n = 1 },
        { .file = "own-tpm-modsig.bin", FIELD_MODSIG, "length", "406", .n = 2 },
        { .file = "own-tpm-modsig.bin", FIELD_MODSIG, "content", "pkcs7", .n = 2 },
        { .file = "own-tpm-modsig.bin", FIELD_BUF, "content", "unknown", .n = 1 },
        { .file = "k7.3-bypass-ima-md5.bin", FIELD_D, "algorithm", "md5", .n = 18 },
};

static bool fact_is(const Fact *fact, const struct WordCount *w) {
        uint8_t raw[8];
        char text[32];

        if (fact->field != w->field || strcmp(fact->key, w->key) != 0)
                return false;
        switch (fact->kind) {
        case FACT_WORD:
                return strcmp(fact->word, w->value) == 0;
        case FACT_TEXT:
                return bytes_equal_text(fact->bytes, w->value);
        case FACT_NUMBER:
                (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)fact->number);
                return strcmp(text, w->value) == 0;
        case FACT_HEX:
                return bytes_equal(fact->bytes, hex_of(w->value, raw, sizeof(raw)));
        case FACT_NUMBERS:
        case _FACT_KIND_N:
                break;
        }
        return false;
}

static void count_words(const MlistRecord *record, const Description *d, void *context) {
        const CapturedList *list = context;

        (void)record;
        for (size_t i = 0; i < d->n; ++i)
                for (size_t k = 0; k < ELEMENTSOF(words); ++k)
                        if (strcmp(words[k].file, list->file) == 0)
                                words[k].seen += fact_is(&d->at[i], &words[k]);
}

static void look_for_words(const CapturedList *list, void *context) {
        (void)context;
        each_record(list, count_words, (void *)list);
}

static void test_words(void **state) {
        (void)state;
        (void)captured_each(look_for_words, NULL);
        for (size_t k = 0; k < ELEMENTSOF(words); ++k)
                CHECK(words[k].seen == words[k].n, "%s: %s.%s=%s: %zu, not %zu\n", words[k].file,
                      template_field_name(words[k].field), words[k].key, words[k].value,
                      words[k].seen, words[k].n);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_list),
                cmocka_unit_test(test_words),
        };

        return cmocka_run_group_tests_name("describe-captured", tests, all_hashers_open,
                                           all_hashers_close) != 0;
}
