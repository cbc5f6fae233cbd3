/* SPDX-License-Identifier: BSD-2-Clause */
#include "client/record.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/encode.h"
#include "base/error.h"
#include "base/escape.h"
#include "core/render.h"

#define SHORT_BYTES   4U
#define ALG_NAME_MAX  16U
#define ESCAPED_WIDTH 4U /* of one "\xNN" */

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
        return render_subject(record, order);
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

static void record_write(void *userdata, Bytes piece) {
        (void)fwrite(piece.data, 1, piece.n, userdata);
}

/**
 * record_print_binary() - print a record as binary_runtime_measurements has it
 * @f:      where to
 * @record: the record
 * @order:  byte order of its list
 */
void record_print_binary(FILE *f, const MlistRecord *record, ByteOrder order) {
        render_binary(&(RenderSink){ record_write, f }, record, order);
}

/**
 * record_print_ascii() - print a record as ascii_runtime_measurements shows it
 * @f:          where to
 * @record:     the record
 * @order:      byte order of its list
 * @is_escaped: escape names: for a terminal, which the kernel's own form does not spare
 *
 * Return: 0 or -ENOMEM.
 */
int record_print_ascii(FILE *f, const MlistRecord *record, ByteOrder order, bool is_escaped) {
        return error_trace(
                render_ascii(&(RenderSink){ record_write, f }, record, order, is_escaped));
}
