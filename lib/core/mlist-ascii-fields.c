/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mlist-ascii-fields.c -- template data from the fields that a line shows.
 *
 * Nothing here is believed: the caller compares the digest of what is built.
 */
#include <assert.h>

#include "base/encode.h"
#include "core/mlist-ascii.h"

static size_t ascii_spaces(Bytes text) {
        size_t n = 0;

        for (size_t i = 0; i < text.n; ++i)
                n += text.data[i] == ' ';
        return n;
}

/*
 * A field with the space in front of it, and @n_spaces in it; without a space in front it is empty,
 * and so are all behind it.
 */
static Bytes ascii_take_field(Bytes *text, size_t n_spaces) {
        Bytes field = {}, space;
        size_t n = 0;

        if (text->n == 0 || text->data[0] != ' ')
                return field;
        (void)bytes_take(text, 1, &space);
        while (n < text->n && (text->data[n] != ' ' || n_spaces-- > 0))
                ++n;
        (void)bytes_take(text, n, &field);
        return field;
}

static bool ascii_put_hex(Builder *b, Bytes hex) {
        size_t n;

        if (b->full || hex_decode(hex, b->data + b->n, b->max - b->n, &n) != 0)
                return false;
        b->n += n;
        return true;
}

/* "sha256:<hex>", "verity:sha256:<hex>": what ends with the last colon is text with a NUL. */
static bool ascii_put_digest(Builder *b, ByteOrder order, Bytes field) {
        size_t n_head = field.n;
        Bytes head;

        while (n_head > 0 && field.data[n_head - 1] != ':')
                --n_head;
        (void)bytes_take(&field, n_head, &head);
        /* An algorithm without name is ":" and not printed. */
        if (head.n == 0)
                head = BYTES_TEXT(":");
        builder_put_u32(b, order, (uint32_t)(head.n + 1 + field.n / 2));
        builder_put(b, head);
        builder_put_u8(b, '\0');
        return ascii_put_hex(b, field);
}

static bool ascii_put_string(Builder *b, ByteOrder order, Bytes field) {
        builder_put_u32(b, order, (uint32_t)field.n + 1);
        builder_put(b, field);
        builder_put_u8(b, '\0');
        return true;
}

static bool ascii_put_number(Builder *b, ByteOrder order, Bytes field, uint32_t max) {
        uint64_t v = 0;

        for (size_t i = 0; i < field.n; ++i) {
                if (field.data[i] < '0' || field.data[i] > '9')
                        return false;
                v = v * 10 + (uint64_t)(field.data[i] - '0');
                if (v > max)
                        return false;
        }
        builder_put_u32(b, order, max == UINT16_MAX ? sizeof(uint16_t) : sizeof(uint32_t));
        if (max == UINT16_MAX)
                builder_put_u16(b, order, (uint16_t)v);
        else
                builder_put_u32(b, order, (uint32_t)v);
        return true;
}

/* Only a name of no characters is stored with a byte: its NUL. */
static bool ascii_put_field(Builder *b, ByteOrder order, FieldId id, Bytes field) {
        if (field.n == 0 && id != FIELD_N && id != FIELD_N_NG) {
                builder_put_u32(b, order, 0);
                return true;
        }
        switch (id) {
        case FIELD_D_NG:
        case FIELD_D_NGV2:
        case FIELD_D_MODSIG:
                return ascii_put_digest(b, order, field);
        case FIELD_N:
        case FIELD_N_NG:
        case FIELD_XATTRNAMES:
                return ascii_put_string(b, order, field);
        case FIELD_IUID:
        case FIELD_IGID:
                return ascii_put_number(b, order, field, UINT32_MAX);
        case FIELD_IMODE:
                return ascii_put_number(b, order, field, UINT16_MAX);
        case FIELD_D:
        case FIELD_SIG:
        case FIELD_BUF:
        case FIELD_MODSIG:
        case FIELD_EVMSIG:
        case FIELD_XATTRLENGTHS:
        case FIELD_XATTRVALUES:
                builder_put_u32(b, order, (uint32_t)(field.n / 2));
                return ascii_put_hex(b, field);
        case _FIELD_ID_N:
                break;
        }
        return false;
}

/**
 * mlist_ascii_fields() - build template data
 * @text:     the fields, a space in front of each; empty ones at the end may be missing
 * @template: which fields there are
 * @order:    byte order of the list
 * @data:     the data is appended here
 *
 * Old kernels left spaces in names; if there are too many, they are in the first name.
 *
 * Return: whether the text is what the kernel prints for such data (kernel ima_template_lib.c,
 *         ima_show_template_data_ascii()).
 */
bool mlist_ascii_fields(Bytes text, const TemplateFields *template, ByteOrder order,
                        Builder *data) {
        size_t n_spaces = ascii_spaces(text);
        size_t n_extra = n_spaces > template->n ? n_spaces - template->n : 0;

        for (size_t i = 0; i < template->n; ++i) {
                FieldId id = template->at[i].id;
                size_t n_inside = id == FIELD_N || id == FIELD_N_NG ? n_extra : 0;

                n_extra -= n_inside;
                if (!ascii_put_field(data, order, id, ascii_take_field(&text, n_inside)))
                        return false;
        }
        return text.n == 0 && !data->full;
}

/**
 * mlist_ascii_ima() - build what stands behind the template name of an 'ima' record
 * @text:   the digest and the name, a space in front of each
 * @order:  byte order of the list
 * @data:   digest, length and name are appended here
 * @record: its data, ima_digest and ima_name are set on success only
 *
 * Return: whether the text is what the kernel prints for such a record.
 */
bool mlist_ascii_ima(Bytes text, ByteOrder order, Builder *data, MlistRecord *record) {
        size_t start = data->n;
        Bytes digest, name, all, n;

        digest = ascii_take_field(&text, 0);
        name = ascii_take_field(&text, SIZE_MAX);
        if (text.n > 0 || (digest.n != 40 && digest.n != 32) || name.n > MLIST_IMA_NAME_MAX ||
            !ascii_put_hex(data, digest))
                return false;
        builder_put_u32(data, order, (uint32_t)name.n);
        builder_put(data, name);
        assert(!data->full); /* room is for more than the text (MLIST_ASCII_ROOM()) */
        all = builder_bytes(data);
        (void)bytes_take(&all, start, &n);
        record->data = all;
        (void)bytes_take(&all, digest.n / 2, &record->ima_digest);
        (void)bytes_take(&all, sizeof(uint32_t), &n);
        record->ima_name = all;
        return true;
}
