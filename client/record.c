/* SPDX-License-Identifier: BSD-2-Clause */
#include "client/record.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/encode.h"
#include "base/error.h"
#include "base/escape.h"

#define SHORT_BYTES   4U
#define ALG_NAME_MAX  16U
#define ESCAPED_WIDTH 4U /* of one "\xNN" */
#define HEX_CHUNK     256U

/*
 * Columns of a character of escaped text, and its bytes. An estimate that is never too low for what
 * terminals do: lines may be cut a little early, but never wrap. Wide: Unicode UAX #11.
 */
static size_t character_width(const char *text, size_t *ret_n) {
        static const struct {
                uint32_t first, last;
        } wide[] = {
                { 0x1100, 0x115f },   { 0x2300, 0x23ff },   { 0x25a0, 0x27bf },
                { 0x2b00, 0x2bff },   { 0x2e80, 0xa4cf },   { 0xa960, 0xa97f },
                { 0xac00, 0xd7a3 },   { 0xf900, 0xfaff },   { 0xfe10, 0xfe6f },
                { 0xff00, 0xffe6 },   { 0x16fe0, 0x18fff }, { 0x1aff0, 0x1b2ff },
                { 0x1d300, 0x1d37f }, { 0x1f000, 0x3fffd },
        };
        const uint8_t *b = (const uint8_t *)text;
        uint32_t code;

        if (b[0] == '\\') { /* escape_bytes() writes no other backslash */
                *ret_n = ESCAPED_WIDTH;
                return ESCAPED_WIDTH;
        }
        *ret_n = b[0] < 0x80 ? 1 : b[0] < 0xe0 ? 2 : b[0] < 0xf0 ? 3 : 4;
        code = *ret_n == 1 ? b[0] : b[0] & (0x7fU >> *ret_n);
        for (size_t i = 1; i < *ret_n; ++i)
                code = code << 6 | (b[i] & 0x3f);
        for (size_t i = 0; i < ELEMENTSOF(wide); ++i)
                if (code >= wide[i].first && code <= wide[i].last)
                        return 2;
        return 1;
}

/**
 * text_width() - columns that escaped text takes on a terminal, at most
 * @text: from escape_bytes()
 *
 * Return: columns.
 */
size_t text_width(const char *text) {
        size_t width = 0, n;

        for (; *text; text += n)
                width += character_width(text, &n);
        return width;
}

/**
 * text_cut() - escape bytes, and cut them in the middle to what fits
 * @raw:      bytes from outside
 * @width:    columns; 0: do not cut
 * @ret_text: a new string, to be freed; set on success only
 *
 * Both ends of a path say more than its middle. Never cuts inside a character or an escape.
 *
 * Return: 0 or -ENOMEM.
 */
int text_cut(Bytes raw, size_t width, char **ret_text) {
        static const char dots[] = "…";
        _cleanup_free_ char *text = NULL, *cut = NULL;
        size_t head = 0, head_width = 0, tail, tail_width, n, w;
        int r;

        r = escape_new(raw, &text);
        if (r < 0)
                return error_trace(r);
        tail_width = text_width(text);
        if (width == 0 || tail_width <= width) {
                *ret_text = TAKE(text);
                return 0;
        }
        while (head_width + (w = character_width(text + head, &n)) <= (width - 1) / 2) {
                head += n;
                head_width += w;
        }
        tail_width -= head_width;
        for (tail = head; tail_width > width - 1 - head_width; tail += n)
                tail_width -= character_width(text + tail, &n);
        if (asprintf(&cut, "%.*s%s%s", (int)head, text, dots, text + tail) < 0) {
                cut = NULL;
                return error_origin(-ENOMEM);
        }
        *ret_text = TAKE(cut);
        return 0;
}

/**
 * record_subject() - what a record is about, as far as that can be said
 * @record: the record
 * @order:  byte order of its list
 *
 * Return: the subject; what the record does not have, or not well-formed, has data NULL.
 */
TemplateSubject record_subject(const MlistRecord *record, ByteOrder order) {
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

/**
 * record_digest_text() - the digest of a subject, as "sha256:12ab.."
 * @subject:  the subject
 * @is_full:  all of it, or 4 bytes
 * @ret_text: the text; "-" where there is none
 */
void record_digest_text(const TemplateSubject *subject, bool is_full,
                        char ret_text[static RECORD_DIGEST_MAX]) {
        char name[ESCAPE_SIZE(ALG_NAME_MAX)], hex[HEX_SIZE(DIGEST_SIZE_MAX)];
        Bytes digest = subject->digest, alg = subject->alg;

        if (!digest.data) {
                (void)snprintf(ret_text, RECORD_DIGEST_MAX, "-");
                return;
        }
        /* A list may claim anything; what is no digest is shown by explain. */
        alg.n = MIN_OF(alg.n, (size_t)ALG_NAME_MAX);
        digest.n = MIN_OF(digest.n, is_full ? DIGEST_SIZE_MAX : (size_t)SHORT_BYTES);
        (void)escape_bytes(alg, name, sizeof(name));
        hex_encode(digest, hex, sizeof(hex));
        (void)snprintf(ret_text, RECORD_DIGEST_MAX, "%s:%.*s", name, (int)(2 * digest.n), hex);
}

static void print_hex(FILE *f, Bytes in) {
        char hex[HEX_SIZE(HEX_CHUNK)];
        Bytes piece;

        while (bytes_take(&in, MIN_OF(in.n, (size_t)HEX_CHUNK), &piece) && piece.n > 0) {
                hex_encode(piece, hex, sizeof(hex));
                (void)fputs(hex, f);
        }
}

static void print_u32(FILE *f, ByteOrder order, uint32_t value) {
        uint8_t data[sizeof(value)];
        Builder b = builder_on(data, sizeof(data));

        builder_put_u32(&b, order, value);
        (void)fwrite(data, 1, b.n, f);
}

static void print_raw(FILE *f, Bytes in) {
        (void)fwrite(in.data, 1, in.n, f);
}

/**
 * record_print_binary() - print a record as binary_runtime_measurements has it
 * @f:      where to
 * @record: the record
 * @order:  byte order of its list
 *
 * From a binary list that is the record byte for byte; from another it is built from its parts
 * (kernel ima_fs.c, ima_measurements_show()).
 */
void record_print_binary(FILE *f, const MlistRecord *record, ByteOrder order) {
        uintptr_t at = (uintptr_t)record->data.data, begin = (uintptr_t)record->whole.data;

        if (at >= begin && at - begin <= record->whole.n) {
                print_raw(f, record->whole);
                return;
        }
        print_u32(f, order, record->pcr);
        print_raw(f, record->digest);
        print_u32(f, order, (uint32_t)record->name.n);
        print_raw(f, record->name);
        if (!record->is_ima)
                print_u32(f, order, (uint32_t)record->data.n);
        print_raw(f, record->data);
}

/* As printf("%s") does: up to a NUL. */
static int print_string(FILE *f, Bytes in, bool is_escaped) {
        _cleanup_free_ char *text = NULL;
        Bytes rest = in;
        int r;

        (void)bytes_take_until(&rest, '\0', &in);
        if (!is_escaped) {
                (void)fwrite(in.data, 1, in.n, f);
                return 0;
        }
        r = escape_new(in, &text);
        if (r < 0)
                return error_trace(r);
        (void)fputs(text, f);
        return 0;
}

/* "<algo>:" NUL digest. */
static int print_digest(FILE *f, Bytes in, bool is_escaped) {
        Bytes text;
        int r;

        if (!bytes_take_until(&in, '\0', &text)) {
                print_hex(f, in);
                return 0;
        }
        r = print_string(f, text, is_escaped);
        print_hex(f, in);
        return error_trace(r);
}

static void print_number(FILE *f, Bytes in, ByteOrder order) {
        uint16_t small;
        uint32_t number;

        if (in.n == sizeof(small) && bytes_take_u16(&in, order, &small))
                (void)fprintf(f, "%" PRIu16, small);
        else if (in.n == sizeof(number) && bytes_take_u32(&in, order, &number))
                (void)fprintf(f, "%" PRIu32, number);
}

static int print_field(FILE *f, const TemplateField *field, ByteOrder order, bool is_escaped) {
        switch (field->id) {
        case FIELD_N:
        case FIELD_N_NG:
        case FIELD_XATTRNAMES:
                return error_trace(print_string(f, field->data, is_escaped));
        case FIELD_D_NG:
        case FIELD_D_NGV2:
        case FIELD_D_MODSIG:
                return error_trace(print_digest(f, field->data, is_escaped));
        case FIELD_IUID:
        case FIELD_IGID:
        case FIELD_IMODE:
                print_number(f, field->data, order);
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
        print_hex(f, field->data);
        return 0;
}

/**
 * record_print_ascii() - print a record as ascii_runtime_measurements shows it
 * @f:          where to
 * @record:     the record
 * @order:      byte order of its list
 * @is_escaped: escape names: for a terminal, which the kernel's own form does not spare
 *
 * Source: kernel ima_fs.c, ima_ascii_measurements_show(), and the field_show functions of
 * ima_template_lib.c. Of a template that is not known the data is shown as hex.
 *
 * Return: 0 or -ENOMEM.
 */
int record_print_ascii(FILE *f, const MlistRecord *record, ByteOrder order, bool is_escaped) {
        TemplateFields fields;
        int r;

        (void)fprintf(f, "%2" PRIu32 " ", record->pcr);
        print_hex(f, record->digest);
        (void)fputc(' ', f);
        r = print_string(f, record->name, is_escaped);
        if (template_split(record, order, &fields) != 0) {
                (void)fputc(' ', f);
                print_hex(f, record->data);
                fields.n = 0;
        }
        for (size_t i = 0; i < fields.n && r == 0; ++i) {
                (void)fputc(' ', f);
                r = print_field(f, &fields.at[i], order, is_escaped);
        }
        (void)fputc('\n', f);
        return error_trace(r);
}
