/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/template.h"

#include <assert.h>

/* Ids as they stand in a format string: kernel ima_template.c, supported_fields[]. */
static const char *const field_names[_FIELD_ID_N] = {
        [FIELD_D] = "d",
        [FIELD_N] = "n",
        [FIELD_D_NG] = "d-ng",
        [FIELD_D_NGV2] = "d-ngv2",
        [FIELD_N_NG] = "n-ng",
        [FIELD_SIG] = "sig",
        [FIELD_BUF] = "buf",
        [FIELD_D_MODSIG] = "d-modsig",
        [FIELD_MODSIG] = "modsig",
        [FIELD_EVMSIG] = "evmsig",
        [FIELD_IUID] = "iuid",
        [FIELD_IGID] = "igid",
        [FIELD_IMODE] = "imode",
        [FIELD_XATTRNAMES] = "xattrnames",
        [FIELD_XATTRLENGTHS] = "xattrlengths",
        [FIELD_XATTRVALUES] = "xattrvalues",
};

/* kernel ima_template.c, builtin_templates[] */
static const struct {
        const char *name;
        const char *format;
} builtin_templates[] = {
        { "ima", "d|n" },
        { "ima-ng", "d-ng|n-ng" },
        { "ima-sig", "d-ng|n-ng|sig" },
        { "ima-ngv2", "d-ngv2|n-ng" },
        { "ima-sigv2", "d-ngv2|n-ng|sig" },
        { "ima-buf", "d-ng|n-ng|buf" },
        { "ima-modsig", "d-ng|n-ng|sig|d-modsig|modsig" },
        { "evm-sig", "d-ng|n-ng|evmsig|xattrnames|xattrlengths|xattrvalues|iuid|igid|imode" },
};

/**
 * template_field_name() - name of a field, as in a format string
 * @id: the field
 *
 * Return: a constant string.
 */
const char *template_field_name(FieldId id) {
        return field_names[id];
}

static bool field_by_name(Bytes name, FieldId *ret_id) {
        for (FieldId id = 0; id < _FIELD_ID_N; ++id)
                if (bytes_equal_text(name, field_names[id])) {
                        *ret_id = id;
                        return true;
                }
        return false;
}

/* A custom template bears its format string as its name. */
static Bytes template_format(Bytes name) {
        for (size_t i = 0; i < ELEMENTSOF(builtin_templates); ++i)
                if (bytes_equal_text(name, builtin_templates[i].name))
                        return bytes_of_text(builtin_templates[i].format);
        return name;
}

static int template_parse_format(Bytes format, TemplateFields *ret_fields) {
        TemplateFields fields = {};

        while (format.n > 0) {
                Bytes name;

                if (fields.n == TEMPLATE_FIELD_MAX)
                        return TEMPLATE_E_UNKNOWN;
                if (!bytes_take_until(&format, '|', &name))
                        (void)bytes_take(&format, format.n, &name);
                else if (format.n == 0)
                        return TEMPLATE_E_UNKNOWN; /* a bar at the end */
                if (!field_by_name(name, &fields.at[fields.n++].id))
                        return TEMPLATE_E_UNKNOWN;
        }
        *ret_fields = fields;
        return 0;
}

/**
 * template_split() - cut template data into its fields
 * @record:     the record
 * @order:      byte order of its list
 * @ret_fields: the fields, borrowing from the record; set on success only
 *
 * Return: 0, TEMPLATE_E_UNKNOWN or TEMPLATE_E_MALFORMED; never negative.
 */
int template_split(const MlistRecord *record, ByteOrder order, TemplateFields *ret_fields) {
        TemplateFields fields;
        Bytes in = record->data;

        if (record->is_ima) {
                fields = (TemplateFields){ .n = 2 };
                fields.at[0] = (TemplateField){ FIELD_D, record->ima_digest };
                fields.at[1] = (TemplateField){ FIELD_N, record->ima_name };
                *ret_fields = fields;
                return 0;
        }
        if (template_parse_format(template_format(record->name), &fields) != 0)
                return TEMPLATE_E_UNKNOWN;
        for (size_t i = 0; i < fields.n; ++i) {
                uint32_t n;

                if (!bytes_take_u32(&in, order, &n) || !bytes_take(&in, n, &fields.at[i].data))
                        return TEMPLATE_E_MALFORMED;
        }
        if (in.n > 0)
                return TEMPLATE_E_MALFORMED;
        *ret_fields = fields;
        return 0;
}

/* "<algo>:" NUL digest, or "<type>:<algo>:" NUL digest (kernel ima_template_lib.c). */
static bool subject_take_digest(FieldId id, Bytes in, TemplateSubject *s) {
        Bytes type;

        if (id == FIELD_D) {
                s->alg = in.n == 16 ? BYTES_TEXT("md5") : BYTES_TEXT("sha1");
                s->digest = in;
                return true;
        }
        if (id == FIELD_D_NGV2 && !bytes_take_until(&in, ':', &type))
                return false;
        if (!bytes_take_until(&in, ':', &s->alg) || in.n == 0 || in.data[0] != '\0')
                return false;
        return bytes_take(&in, 1, &type) && bytes_take(&in, in.n, &s->digest);
}

static bool subject_take_name(FieldId id, Bytes in, TemplateSubject *s) {
        if (id == FIELD_N_NG || (in.n > 0 && in.data[in.n - 1] == '\0'))
                return bytes_take_until(&in, '\0', &s->name) && in.n == 0;
        s->name = in;
        return true;
}

static bool field_is_name(FieldId id) {
        return id == FIELD_N || id == FIELD_N_NG;
}

static bool field_is_digest(FieldId id) {
        return id == FIELD_D || id == FIELD_D_NG || id == FIELD_D_NGV2;
}

/**
 * template_subject() - name and digest of what a record measured
 * @record:      the record
 * @order:       byte order of its list
 * @ret_subject: set on success only; borrows from the record
 *
 * Return: 0; TEMPLATE_E_UNKNOWN, also when the template has no name or no digest;
 *         TEMPLATE_E_MALFORMED; never negative.
 */
int template_subject(const MlistRecord *record, ByteOrder order, TemplateSubject *ret_subject) {
        bool has_name = false, has_digest = false;
        TemplateSubject subject = {};
        TemplateFields fields;
        int r;

        r = template_split(record, order, &fields);
        if (r > 0)
                return r;
        for (size_t i = 0; i < fields.n; ++i) {
                const TemplateField *f = &fields.at[i];

                if (field_is_name(f->id) && !has_name) {
                        has_name = subject_take_name(f->id, f->data, &subject);
                        if (!has_name)
                                return TEMPLATE_E_MALFORMED;
                } else if (field_is_digest(f->id) && !has_digest) {
                        has_digest = subject_take_digest(f->id, f->data, &subject);
                        if (!has_digest)
                                return TEMPLATE_E_MALFORMED;
                }
        }
        if (!has_name || !has_digest)
                return TEMPLATE_E_UNKNOWN;
        *ret_subject = subject;
        return 0;
}
