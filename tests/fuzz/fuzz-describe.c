/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz-describe.c -- any bytes as template data of any template: described.
 *
 * Byte 0: bit 0 big-endian, bit 1 a violation, bit 2 template 'ima', bit 3 with md5. Byte 1: length
 * of the template's name, then the name, then the template data.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "core/describe.h"

/* Not assert(): these stay in a build without. */
#define HOLDS(what)                                                                                \
        do {                                                                                       \
                if (!(what))                                                                       \
                        abort();                                                                   \
        } while (0)

static bool is_inside(Bytes part, Bytes whole) {
        return part.n == 0 || (part.data >= whole.data && part.n <= whole.n &&
                               (size_t)(part.data - whole.data) <= whole.n - part.n);
}

static void check_fact(const MlistRecord *record, const Description *d, size_t i) {
        const Fact *fact = &d->at[i];
        uint32_t number;

        HOLDS(fact->key && *fact->key && fact->kind < _FACT_KIND_N && fact->field <= _FIELD_ID_N);
        HOLDS((fact->kind == FACT_WORD) == (fact->word != NULL));
        HOLDS(is_inside(fact->bytes, record->data));
        HOLDS(fact->kind != FACT_NUMBERS || fact->bytes.n % 4 == 0);
        HOLDS(fact_number_at(d, fact, 0, &number) ==
              (fact->kind == FACT_NUMBERS && fact->bytes.n > 0));
        HOLDS(!fact_number_at(d, fact, fact->bytes.n / 4, &number));
        for (size_t k = 0; k < i; ++k)
                HOLDS(d->at[k].nth < fact->nth ||
                      (d->at[k].nth == fact->nth && strcmp(d->at[k].key, fact->key) != 0));
}

/* What template_split() says of the same record. */
static void check_template(const MlistRecord *record, const Description *d) {
        TemplateFields fields;
        size_t nth = 0;
        int r;

        r = template_split(record, d->order, &fields);
        HOLDS(d->is_unknown == (r == TEMPLATE_E_UNKNOWN));
        HOLDS(r != TEMPLATE_E_MALFORMED || d->is_malformed);
        if (r != 0)
                return;
        /* Each field has a fact, and each fact a field. */
        for (size_t i = 0; i < d->n; ++i) {
                HOLDS(d->at[i].nth == nth || d->at[i].nth == nth + 1);
                nth = d->at[i].nth;
                HOLDS(nth < fields.n && d->at[i].field == fields.at[nth].id);
        }
        HOLDS(nth + 1 == fields.n);
}

static void describe(const MlistRecord *record, ByteOrder order) {
        static Description d, again;

        memset(&d, 0xa5, sizeof(d));
        describe_record(record, order, &d);
        HOLDS(d.n > 0 && d.n <= DESCRIBE_MAX && d.order == order);
        HOLDS(!d.is_unknown || !d.is_malformed);
        HOLDS(d.is_malformed == (d.expected != NULL));
        HOLDS(d.bad_at <= record->data.n && d.bad_field <= _FIELD_ID_N);
        for (size_t i = 0; i < d.n; ++i)
                check_fact(record, &d, i);
        check_template(record, &d);
        describe_record(record, order, &again);
        HOLDS(again.n == d.n && again.bad_at == d.bad_at && again.expected == d.expected);
}

/* As mlist cuts it: a digest, a length that is right, the rest. */
static bool cut_ima(MlistRecord *record, bool is_md5) {
        Bytes in = record->data, length;

        record->name = BYTES_TEXT("ima");
        record->is_ima = true;
        if (!bytes_take(&in, is_md5 ? 16 : 20, &record->ima_digest) || !bytes_take(&in, 4, &length))
                return false;
        record->ima_name = in;
        return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        Bytes in = bytes_of(data, n), name;
        uint8_t flags, n_name, *block;
        MlistRecord record = {};

        if (!bytes_take_u8(&in, &flags) || !bytes_take_u8(&in, &n_name) ||
            !bytes_take(&in, n_name, &name))
                return 0;
        /* mlist lets no record without a name through. */
        if (n_name == 0 && !(flags & 4))
                return 0;
        /* A block of its own, so that ASan sees the first byte behind it. */
        block = malloc(in.n > 0 ? in.n : 1);
        HOLDS(block);
        bytes_copy(in, block, in.n);
        record.name = name;
        record.data = bytes_of(block, in.n);
        record.is_violation = flags & 2;
        /* It cuts 'ima' whatever follows. */
        if (flags & 4 || bytes_equal_text(name, "ima")) {
                if (!cut_ima(&record, flags & 8)) {
                        free(block);
                        return 0;
                }
        }
        describe(&record, flags & 1 ? ORDER_BIG : ORDER_LITTLE);
        free(block);
        return 0;
}
