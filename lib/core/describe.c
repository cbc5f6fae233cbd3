/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/describe.h"

#include <assert.h>

#include "core/describe-internal.h"

/* kernel ima_template_lib.c: a digest is copied into a buffer of IMA_MAX_DIGEST_SIZE */
#define DIGEST_FIELD_MAX 64U
/*
 * kernel ima.h, IMA_DIGEST_SIZE: so many zeros a violation had behind any algorithm's name, as of
 * commit 09091c44cb73 (5.19); 6.1.192 and later kernels write as many as the algorithm has.
 */
#define OLD_VIOLATION_SIZE 20U

/* A record cut into its fields, as far as that goes. */
typedef struct Cut {
        TemplateFields fields;
        size_t at[TEMPLATE_FIELD_MAX]; /* where each field's content begins in the template data */
        size_t n_cut;                  /* so many are whole */
} Cut;

/* The first fault of a record is the one that is named; each is shown as bytes. */
static void fault(FactSink *to, size_t at, const char *expected, Bytes raw) {
        Description *d = to->d;

        if (!d->is_malformed) {
                d->is_malformed = true;
                d->bad_field = to->field;
                d->bad_at = at;
                d->expected = expected;
        }
        describe_put_bytes(to, "raw", FACT_HEX, raw);
}

/*
 * The fields that a template's name stands for, whatever the data. template_split() tells them only
 * where the data fits; data of n empty fields fits a template of n fields in each byte order.
 */
static bool template_ids(Bytes name, TemplateFields *ret_fields) {
        static const uint8_t empty[TEMPLATE_FIELD_MAX * sizeof(uint32_t)];

        for (size_t n = 1; n <= TEMPLATE_FIELD_MAX; ++n) {
                MlistRecord record = {
                        .name = name,
                        .data = bytes_of(empty, n * sizeof(uint32_t)),
                };

                if (template_split(&record, ORDER_LITTLE, ret_fields) == 0)
                        return true;
        }
        return false;
}

static void cut_ima(const MlistRecord *record, Cut *ret) {
        *ret = (Cut){ .n_cut = 2, .fields.n = 2 };
        ret->fields.at[0] = (TemplateField){ FIELD_D, record->ima_digest };
        ret->fields.at[1] = (TemplateField){ FIELD_N, record->ima_name };
        ret->at[1] = record->ima_digest.n + sizeof(uint32_t);
}

/* Cut off what is whole; returns what was expected behind that, or NULL, and what is left. */
static const char *cut_fields(const MlistRecord *record, ByteOrder order, Cut *c, Bytes *ret_rest) {
        Bytes in = record->data;

        c->n_cut = 0;
        for (size_t i = 0; i < c->fields.n; ++i) {
                uint32_t n;

                *ret_rest = in;
                if (!bytes_take_u32(&in, order, &n))
                        return "the length of a field, 4 bytes";
                c->at[i] = record->data.n - in.n;
                if (!bytes_take(&in, n, &c->fields.at[i].data))
                        return "a field that ends within the template data";
                ++c->n_cut;
        }
        *ret_rest = in;
        return in.n > 0 ? "the end of the template data" : NULL;
}

static bool field_is_name(FieldId id) {
        return id == FIELD_N || id == FIELD_N_NG;
}

/* The first name is the record's; template_subject() takes the same. */
static Bytes event_name(const Cut *c) {
        for (size_t i = 0; i < c->n_cut; ++i) {
                Bytes in = c->fields.at[i].data, name;

                if (!field_is_name(c->fields.at[i].id))
                        continue;
                return bytes_take_until(&in, '\0', &name) ? name : in;
        }
        return (Bytes){};
}

static const char *take_string(Bytes *in, Bytes *ret_text) {
        Bytes peek = *in;

        if (!bytes_take_until(&peek, '\0', ret_text)) {
                (void)bytes_take(in, in->n, ret_text);
                return "a NUL at the end";
        }
        *in = peek;
        return peek.n > 0 ? "the end of the field behind the NUL" : NULL;
}

/* Without an algorithm's name: sha1 or md5 (kernel ima_eventdigest_init); zeros are of neither. */
static const char *describe_d(FactSink *to, bool is_violation, Bytes *in) {
        const char *algorithm = in->n == 16 ? "md5" : "sha1";

        if (in->n != 16 && in->n != 20)
                return "a digest of 20 (sha1) or 16 (md5) bytes";
        if (!is_violation)
                describe_put_word(to, "algorithm", algorithm);
        describe_put_bytes(to, "digest", FACT_HEX, *in);
        return NULL;
}

/* kernel ima_template_lib.c, ima_eventdigest_init_common() */
static const char *describe_digest(FactSink *to, bool is_violation, Bytes *in) {
        Bytes name, type, peek = *in;
        const HashInfo *info;
        bool has_old_zeros;
        uint8_t nul;

        if (to->field == FIELD_D_NGV2) {
                if (!bytes_take_until(&peek, ':', &type))
                        return "ima: or verity:";
                if (bytes_equal_text(type, "ima"))
                        describe_put_word(to, "digest-type", "ima");
                else if (bytes_equal_text(type, "verity"))
                        describe_put_word(to, "digest-type", "verity");
                else
                        return "ima: or verity:";
                *in = peek;
        }
        if (!bytes_take_until(&peek, ':', &name) || name.n == 0)
                return "the name of a hash algorithm and a colon";
        *in = peek;
        if (!bytes_take_u8(&peek, &nul) || nul != '\0')
                return "a NUL behind the algorithm's name";
        *in = peek;
        info = describe_hash_by_name(name);
        has_old_zeros = is_violation && in->n == OLD_VIOLATION_SIZE && bytes_is_zero(*in);
        if (info && in->n != info->size && !has_old_zeros)
                return "a digest as long as its algorithm makes them";
        if (in->n == 0 || in->n > DIGEST_FIELD_MAX)
                return "a digest of 1 to 64 bytes";
        if (info)
                describe_put_word(to, "algorithm", info->name);
        else
                describe_put_bytes(to, "algorithm", FACT_TEXT, name);
        describe_put_bytes(to, "digest", FACT_HEX, *in);
        return NULL;
}

static const char *describe_string(FactSink *to, const char *key, Bytes *in) {
        const char *expected;
        Bytes text;

        expected = take_string(in, &text);
        if (!expected)
                describe_put_bytes(to, key, FACT_TEXT, text);
        return expected;
}

/* The name in template 'ima' has no NUL at its end (kernel IMA_SHOW_BINARY_OLD_STRING_FMT). */
static const char *describe_ima_name(FactSink *to, Bytes *in) {
        Bytes peek = *in, before;

        if (bytes_take_until(&peek, '\0', &before)) {
                (void)bytes_take(in, before.n, &before);
                return "a name without NUL";
        }
        describe_put_bytes(to, "name", FACT_TEXT, *in);
        return NULL;
}

static const char *describe_id(FactSink *to, const char *key, Bytes *in) {
        uint32_t id;

        if (in->n != sizeof(id) || !bytes_take_u32(in, to->d->order, &id))
                return "a number of 4 bytes";
        describe_put_number(to, key, id);
        return NULL;
}

static const char *describe_mode(FactSink *to, Bytes *in) {
        uint16_t mode;

        if (in->n != sizeof(mode) || !bytes_take_u16(in, to->d->order, &mode))
                return "a number of 2 bytes";
        describe_put_number(to, "mode", mode);
        return NULL;
}

static const char *describe_lengths(FactSink *to, Bytes *in) {
        if (in->n % sizeof(uint32_t) != 0)
                return "numbers of 4 bytes";
        describe_put_bytes(to, "xattrlengths", FACT_NUMBERS, *in);
        return NULL;
}

/* Where the kernel never writes nothing; elsewhere an empty field says that there was nothing. */
static bool must_have_bytes(FieldId id) {
        return field_is_name(id) || id == FIELD_D || id == FIELD_D_NG || id == FIELD_D_NGV2;
}

static const char *describe_field(FactSink *to, const MlistRecord *record, Bytes event, Bytes *in) {
        if (in->n == 0 && !must_have_bytes(to->field)) {
                describe_put_word(to, "content", "none");
                return NULL;
        }
        switch (to->field) {
        case FIELD_D:
                return describe_d(to, record->is_violation, in);
        case FIELD_D_NG:
        case FIELD_D_NGV2:
        case FIELD_D_MODSIG:
                return describe_digest(to, record->is_violation, in);
        case FIELD_N:
                return record->is_ima ? describe_ima_name(to, in) : describe_string(to, "name", in);
        case FIELD_N_NG:
                return describe_string(to, "name", in);
        case FIELD_SIG:
        case FIELD_EVMSIG:
                return describe_xattr(to, in);
        case FIELD_BUF:
                return describe_buf(to, event, in);
        case FIELD_MODSIG:
                return describe_modsig(to, in);
        case FIELD_IUID:
                return describe_id(to, "uid", in);
        case FIELD_IGID:
                return describe_id(to, "gid", in);
        case FIELD_IMODE:
                return describe_mode(to, in);
        case FIELD_XATTRNAMES:
                return describe_string(to, "xattrnames", in);
        case FIELD_XATTRLENGTHS:
                return describe_lengths(to, in);
        case FIELD_XATTRVALUES:
                describe_put_bytes(to, "xattrvalues", FACT_HEX, *in);
                return NULL;
        case _FIELD_ID_N:
                break;
        }
        return "a known field";
}

static void describe_cut(const MlistRecord *record, const Cut *c, Description *d) {
        Bytes event = event_name(c);

        for (size_t i = 0; i < c->n_cut; ++i) {
                FactSink to = { .d = d, .field = c->fields.at[i].id, .nth = i };
                Bytes in = c->fields.at[i].data;
                size_t before = d->n;
                const char *expected;

                expected = describe_field(&to, record, event, &in);
                if (expected) {
                        d->n = before;
                        fault(&to, c->at[i] + (c->fields.at[i].data.n - in.n), expected,
                              c->fields.at[i].data);
                }
                assert(d->n - before <= DESCRIBE_FIELD_MAX);
        }
}

/**
 * describe_record() - what the bytes of a record mean
 * @record: the record
 * @order:  byte order of its list
 * @ret:    its facts; always set: to bytes where they cannot be read
 *
 * Sources: kernel security/integrity/ima/ima_template.c, ima_template_lib.c; the header has the
 * keys.
 */
void describe_record(const MlistRecord *record, ByteOrder order, Description *ret) {
        FactSink behind = { .d = ret, .field = _FIELD_ID_N };
        const char *expected = NULL;
        Cut c = {};
        Bytes rest = {};

        *ret = (Description){ .order = order, .bad_field = _FIELD_ID_N };
        if (record->is_ima) {
                cut_ima(record, &c);
        } else if (template_ids(record->name, &c.fields)) {
                expected = cut_fields(record, order, &c, &rest);
        } else {
                ret->is_unknown = true;
                describe_put_bytes(&behind, "data", FACT_HEX, record->data);
                return;
        }
        describe_cut(record, &c, ret);
        if (expected) {
                behind.nth = c.n_cut;
                if (c.n_cut < c.fields.n)
                        behind.field = c.fields.at[c.n_cut].id;
                fault(&behind, record->data.n - rest.n, expected, rest);
        }
}

/**
 * fact_number_at() - one of the numbers of a fact
 * @d:          the description that it stands in
 * @fact:       the fact, FACT_NUMBERS
 * @i:          which, from 0
 * @ret_number: set on success only
 *
 * Return: whether there are so many.
 */
bool fact_number_at(const Description *d, const Fact *fact, size_t i, uint32_t *ret_number) {
        Bytes in = fact->bytes, before;

        if (fact->kind != FACT_NUMBERS || i >= in.n / sizeof(uint32_t))
                return false;
        return bytes_take(&in, i * sizeof(uint32_t), &before) &&
               bytes_take_u32(&in, d->order, ret_number);
}
