/* SPDX-License-Identifier: BSD-2-Clause */
#include "describe-text.h"

#include <string.h>

static void put_format(Builder *b, const char *format, ...) _printf_(2, 3);

static void put_format(Builder *b, const char *format, ...) {
        char text[256];
        va_list args;

        va_start(args, format);
        (void)vsnprintf(text, sizeof(text), format, args);
        va_end(args);
        builder_put(b, bytes_of_text(text));
}

static void put_bytes(Builder *b, Bytes in, bool is_text) {
        put_format(b, is_text ? "'" : "x");
        for (size_t i = 0; i < in.n; ++i) {
                bool is_plain = in.data[i] >= 0x20 && in.data[i] < 0x7f;

                if (is_text && is_plain)
                        builder_put_u8(b, in.data[i]);
                else
                        put_format(b, is_text ? "\\%02x" : "%02x", in.data[i]);
        }
        if (is_text)
                put_format(b, "'");
}

static void put_numbers(Builder *b, const Description *d, const Fact *fact) {
        uint32_t number;

        put_format(b, "[");
        for (size_t i = 0; fact_number_at(d, fact, i, &number); ++i)
                put_format(b, i > 0 ? ",%u" : "%u", number);
        put_format(b, "]");
}

static void put_fact(Builder *b, const Description *d, const Fact *fact) {
        switch (fact->kind) {
        case FACT_TEXT:
                put_bytes(b, fact->bytes, true);
                return;
        case FACT_HEX:
                put_bytes(b, fact->bytes, false);
                return;
        case FACT_NUMBER:
                put_format(b, "%llu", (unsigned long long)fact->number);
                return;
        case FACT_NUMBERS:
                put_numbers(b, d, fact);
                return;
        case FACT_WORD:
                put_format(b, "%s", fact->word);
                return;
        case _FACT_KIND_N:
                break;
        }
        fail();
}

/**
 * describe_text() - a description as one line
 * @d:        the description
 * @ret_text: the line; cut where it is longer than @max
 * @max:      room, at least 1
 */
void describe_text(const Description *d, char *ret_text, size_t max) {
        Builder b = builder_on((uint8_t *)ret_text, max - 1);

        if (d->is_unknown)
                put_format(&b, "? ");
        if (d->is_malformed)
                put_format(&b, "BAD %s@%zu (%s) ",
                           d->bad_field < _FIELD_ID_N ? template_field_name(d->bad_field) : "-",
                           d->bad_at, d->expected);
        for (size_t i = 0; i < d->n; ++i) {
                put_format(&b, i > 0 ? " %zu.%s=" : "%zu.%s=", d->at[i].nth, d->at[i].key);
                put_fact(&b, d, &d->at[i]);
        }
        ret_text[b.n] = '\0';
}

static void check_fact(const MlistRecord *record, const Description *d, size_t i) {
        const Fact *fact = &d->at[i];
        bool has_bytes = fact->kind != FACT_NUMBER && fact->kind != FACT_WORD;

        assert_true(fact->key && *fact->key);
        for (const char *c = fact->key; *c; ++c)
                CHECK((*c >= 'a' && *c <= 'z') || *c == '-', "key %s\n", fact->key);
        CHECK((fact->kind == FACT_WORD) == (fact->word && *fact->word), "%s\n", fact->key);
        CHECK(has_bytes || fact->bytes.n == 0, "%s\n", fact->key);
        if (fact->bytes.n > 0) {
                CHECK(fact->bytes.data >= record->data.data &&
                              fact->bytes.data + fact->bytes.n <=
                                      record->data.data + record->data.n,
                      "%s does not borrow from the record\n", fact->key);
        }
        for (size_t k = 0; k < i; ++k)
                CHECK(d->at[k].nth < fact->nth ||
                              (d->at[k].nth == fact->nth && strcmp(d->at[k].key, fact->key) != 0),
                      "%s: key twice in a field, or fields out of order\n", fact->key);
}

/**
 * describe_and_check() - describe a record; check what must hold for any
 * @record: the record
 * @order:  byte order of its list
 * @ret:    the description
 */
void describe_and_check(const MlistRecord *record, ByteOrder order, Description *ret) {
        memset(ret, POISON, sizeof(*ret));
        describe_record(record, order, ret);
        assert_true(ret->n > 0 && ret->n <= DESCRIBE_MAX);
        assert_int_equal(ret->order, order);
        assert_false(ret->is_unknown && ret->is_malformed);
        assert_true(ret->is_malformed == (ret->expected != NULL));
        assert_true(ret->bad_at <= record->data.n);
        for (size_t i = 0; i < ret->n; ++i)
                check_fact(record, ret, i);
}

/**
 * check_described() - describe template data of its own size, compare with a line
 * @template:     name of the template
 * @order:        byte order
 * @is_violation: whether the record is one
 * @data:         template data; freed here
 * @expected:     as describe_text() writes it
 */
void check_described(const char *template, ByteOrder order, bool is_violation, Bytes data,
                     const char *expected) {
        Bytes name = heap_copy(bytes_of_text(template));
        MlistRecord record = { .name = name, .data = data, .is_violation = is_violation };
        char text[DESCRIBE_TEXT_MAX];
        Description d;

        describe_and_check(&record, order, &d);
        describe_text(&d, text, sizeof(text));
        assert_string_equal(text, expected);
        heap_free(data);
        heap_free(name);
}
