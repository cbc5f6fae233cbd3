/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/render.h"

#include <inttypes.h>
#include <string.h>

#include "base/encode.h"
#include "base/error.h"
#include "base/escape.h"

#define HEX_CHUNK 256U

static void render_raw(const RenderSink *to, Bytes in) {
        to->put(to->userdata, in);
}

/**
 * render_text() - put a constant of ours
 * @to:   the sink
 * @text: the text
 */
void render_text(const RenderSink *to, const char *text) {
        render_raw(to, bytes_of_text(text));
}

/**
 * render_hex() - put bytes as lower-case hex
 * @to: the sink
 * @in: the bytes
 */
void render_hex(const RenderSink *to, Bytes in) {
        char hex[HEX_SIZE(HEX_CHUNK)];
        Bytes piece;

        while (in.n > 0) {
                (void)bytes_take(&in, MIN_OF(in.n, (size_t)HEX_CHUNK), &piece);
                hex_encode(piece, hex, sizeof(hex));
                render_text(to, hex);
        }
}

/**
 * render_number() - put a number in decimal
 * @to:     the sink
 * @number: the number
 */
void render_number(const RenderSink *to, uint64_t number) {
        char text[24];

        (void)snprintf(text, sizeof(text), "%" PRIu64, number);
        render_text(to, text);
}

static void render_u32(const RenderSink *to, ByteOrder order, uint32_t value) {
        uint8_t data[sizeof(value)];
        Builder b = builder_on(data, sizeof(data));

        builder_put_u32(&b, order, value);
        render_raw(to, builder_bytes(&b));
}

/**
 * render_binary() - put a record as binary_runtime_measurements has it
 * @to:     the sink
 * @record: the record
 * @order:  byte order of its list
 *
 * From a binary list that is the record byte for byte; from another it is built from its parts.
 */
void render_binary(const RenderSink *to, const MlistRecord *record, ByteOrder order) {
        uintptr_t at = (uintptr_t)record->data.data, begin = (uintptr_t)record->whole.data;

        if (at >= begin && at - begin <= record->whole.n) {
                render_raw(to, record->whole);
                return;
        }
        render_u32(to, order, record->pcr);
        render_raw(to, record->digest);
        render_u32(to, order, (uint32_t)record->name.n);
        render_raw(to, record->name);
        if (!record->is_ima)
                render_u32(to, order, (uint32_t)record->data.n);
        render_raw(to, record->data);
}

/* As printf("%s") does: up to a NUL. */
static int render_string(const RenderSink *to, Bytes in, bool is_escaped) {
        _cleanup_free_ char *text = NULL;
        Bytes rest = in;
        int r;

        (void)bytes_take_until(&rest, '\0', &in);
        if (!is_escaped) {
                render_raw(to, in);
                return 0;
        }
        r = escape_new(in, &text);
        if (r < 0)
                return error_trace(r);
        render_text(to, text);
        return 0;
}

/* "<algo>:" NUL digest. */
static int render_digest(const RenderSink *to, Bytes in, bool is_escaped) {
        Bytes text;
        int r;

        if (!bytes_take_until(&in, '\0', &text)) {
                render_hex(to, in);
                return 0;
        }
        r = render_string(to, text, is_escaped);
        render_hex(to, in);
        return error_trace(r);
}

static void render_field_number(const RenderSink *to, Bytes in, ByteOrder order) {
        uint16_t small;
        uint32_t number;

        if (in.n == sizeof(small) && bytes_take_u16(&in, order, &small))
                render_number(to, small);
        else if (in.n == sizeof(number) && bytes_take_u32(&in, order, &number))
                render_number(to, number);
}

static int render_field(const RenderSink *to, const TemplateField *field, ByteOrder order,
                        bool is_escaped) {
        switch (field->id) {
        case FIELD_N:
        case FIELD_N_NG:
        case FIELD_XATTRNAMES:
                return error_trace(render_string(to, field->data, is_escaped));
        case FIELD_D_NG:
        case FIELD_D_NGV2:
        case FIELD_D_MODSIG:
                return error_trace(render_digest(to, field->data, is_escaped));
        case FIELD_IUID:
        case FIELD_IGID:
        case FIELD_IMODE:
                render_field_number(to, field->data, order);
                return 0;
        case FIELD_D:
        case FIELD_SIG:
        case FIELD_BUF:
        case FIELD_MODSIG:
        case FIELD_EVMSIG:
        case FIELD_XATTRLENGTHS:
        case FIELD_XATTRVALUES:
        case _FIELD_ID_N:
                break;
        }
        render_hex(to, field->data);
        return 0;
}

/**
 * render_ascii() - put a record as ascii_runtime_measurements shows it, with its newline
 * @to:         the sink
 * @record:     the record
 * @order:      byte order of its list
 * @is_escaped: escape names, which the kernel's own form does not
 *
 * Of a template that is not known the data is shown as hex.
 *
 * Return: 0 or -ENOMEM.
 */
int render_ascii(const RenderSink *to, const MlistRecord *record, ByteOrder order,
                 bool is_escaped) {
        TemplateFields fields;
        int r;

        if (record->pcr < 10)
                render_text(to, " ");
        render_number(to, record->pcr);
        render_text(to, " ");
        render_hex(to, record->digest);
        render_text(to, " ");
        r = render_string(to, record->name, is_escaped);
        if (template_split(record, order, &fields) != 0) {
                render_text(to, " ");
                render_hex(to, record->data);
                fields.n = 0;
        }
        for (size_t i = 0; i < fields.n && r == 0; ++i) {
                render_text(to, " ");
                r = render_field(to, &fields.at[i], order, is_escaped);
        }
        render_text(to, "\n");
        return error_trace(r);
}

/**
 * render_subject() - what a record is about, as far as that can be said
 * @record: the record
 * @order:  byte order of its list
 *
 * Return: the subject; what the record does not have, or not well-formed, has data NULL.
 */
TemplateSubject render_subject(const MlistRecord *record, ByteOrder order) {
        TemplateSubject subject = {};
        TemplateFields fields;

        if (template_subject(record, order, &subject) == 0)
                return subject;
        subject = (TemplateSubject){};
        if (template_split(record, order, &fields) != 0)
                return subject;
        for (size_t i = 0; i < fields.n && !subject.name.data; ++i) {
                if (fields.at[i].id != FIELD_N && fields.at[i].id != FIELD_N_NG)
                        continue;
                subject.name = fields.at[i].data;
                if (subject.name.n > 0 && subject.name.data[subject.name.n - 1] == '\0')
                        --subject.name.n;
        }
        return subject;
}
