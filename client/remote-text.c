/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text of the service, made fit to be shown. The service escapes what it takes from a list; whether
 * it did is not believed here (rule I14).
 */
#include <inttypes.h>
#include <string.h>

#include "base/encode.h"
#include "base/error.h"
#include "base/escape.h"
#include "client/remote.h"

#define CODE_MAX         REMOTE_CODE_MAX
#define RECORD_SEPARATOR '\x1e' /* RFC 7464 section 2.2 */

/* "\xNN" at the front of the text? */
static bool take_escape(Bytes *in, uint8_t *ret_byte) {
        Bytes rest = *in, head, digits;
        size_t n;

        if (!bytes_take(&rest, 2, &head) || !bytes_equal_text(head, "\\x") ||
            !bytes_take(&rest, 2, &digits) || hex_decode(digits, ret_byte, 1, &n) != 0)
                return false;
        *in = rest;
        return true;
}

/* The next byte that the text stands for. */
static void take_raw(Bytes *in, uint8_t *ret_byte) {
        if (!take_escape(in, ret_byte))
                (void)bytes_take_u8(in, ret_byte);
}

/**
 * remote_raw() - take the escapes out of text again
 * @in:       escaped text; what is no escape stays as it is
 * @ret_data: the bytes that it stands for, to be freed; one NUL behind them
 * @ret_n:    how many
 *
 * Return: 0 or -ENOMEM.
 */
int remote_raw(Bytes in, uint8_t **ret_data, size_t *ret_n) {
        uint8_t *data = malloc(in.n + 1);
        size_t n = 0;

        if (!data)
                return error_origin(-ENOMEM);
        while (in.n > 0)
                take_raw(&in, &data[n++]);
        data[n] = '\0';
        *ret_data = data;
        *ret_n = n;
        return 0;
}

/**
 * remote_text() - text of the service in its one escaped form
 * @in:       from the service, escaped or not
 * @ret_text: a new string, to be freed
 *
 * Return: 0 or -ENOMEM.
 */
int remote_text(Bytes in, char **ret_text) {
        _cleanup_free_ uint8_t *raw = NULL;
        size_t n = 0;
        int r;

        r = remote_raw(in, &raw, &n);
        return error_trace(r < 0 ? r : escape_new(bytes_of(raw, n), ret_text));
}

/* One character off the front; a byte that begins none is one, too. */
static Bytes take_character(Bytes *in, uint32_t *ret_code) {
        uint8_t first = in->data[0];
        size_t n = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : CODE_MAX;
        Bytes character;

        n = MIN_OF(n, in->n);
        for (size_t i = 1; i < n; ++i)
                if ((in->data[i] & 0xc0U) != 0x80)
                        n = 1; /* cut: what stands there is the next one's */
        (void)bytes_take(in, n, &character);
        *ret_code = n == 1 ? first : first & (0x7fU >> n);
        for (size_t i = 1; i < n; ++i)
                *ret_code = *ret_code << 6 | (character.data[i] & 0x3fU);
        return character;
}

/**
 * remote_take() - one character off the front of text of the service, in the one escaped form
 * @in:       from the service, escaped or not; goes on behind the character
 * @ret_text: the character, or what stands for it
 *
 * All of them are what remote_text() gives, but here nothing can fail: so nothing is left out.
 *
 * Return: whether there was one.
 */
bool remote_take(Bytes *in, char ret_text[static REMOTE_CHARACTER_MAX]) {
        Bytes ahead = *in, left, character;
        uint8_t raw[CODE_MAX];
        uint32_t code;
        size_t n = 0;

        if (in->n == 0)
                return false;
        while (n < CODE_MAX && ahead.n > 0)
                take_raw(&ahead, &raw[n++]);
        left = bytes_of(raw, n);
        character = take_character(&left, &code);
        for (size_t i = 0; i < character.n; ++i)
                take_raw(in, &raw[i]);
        (void)escape_bytes(character, ret_text, REMOTE_CHARACTER_MAX);
        return true;
}

/**
 * remote_put() - write text of the service in its one escaped form
 * @f:  where to
 * @in: from the service, escaped or not
 */
void remote_put(FILE *f, Bytes in) {
        char text[REMOTE_CHARACTER_MAX];

        while (remote_take(&in, text))
                (void)fputs(text, f);
}

/* Outside of strings a document is ASCII, so what is escaped here stands in one. */
static void print_character(Bytes character, uint32_t code) {
        char text[ESCAPE_SIZE(CODE_MAX)];

        if (code == '\\' || code == '\n' ||
            escape_bytes(character, text, sizeof(text)) == character.n) {
                (void)fwrite(character.data, 1, character.n, stdout);
                return;
        }
        if (character.n == 1 && code >= 0x80)
                code = 0xfffd; /* no UTF-8: JSON cannot say what it was */
        if (code > 0xffff) {
                (void)printf("\\u%04" PRIx32 "", 0xd800 + ((code - 0x10000) >> 10));
                code = 0xdc00 + (code & 0x3ff);
        }
        (void)printf("\\u%04" PRIx32, code);
}

/**
 * remote_print_json() - print a document that came from outside
 * @j:           the document
 * @form:        JSON_SHORT or JSON_PRETTY
 * @is_sequence: one of several (RFC 7464)
 *
 * What would do harm on a terminal is written as \uNNNN: the document stays the same.
 *
 * Return: 0 or a negative errno.
 */
int remote_print_json(Json *j, JsonForm form, bool is_sequence) {
        _cleanup_free_ char *text = NULL;
        _cleanup_fclose_ FILE *f = NULL;
        size_t size = 0;
        Bytes in;
        int r;

        f = open_memstream(&text, &size);
        if (!f)
                return error_origin(-ENOMEM);
        r = json_print(f, j, form);
        if (r < 0 || fflush(f) != 0)
                return error_trace(r < 0 ? r : -ENOMEM);
        if (is_sequence)
                (void)putchar(RECORD_SEPARATOR);
        in = bytes_of(text, size);
        while (in.n > 0) {
                uint32_t code;
                Bytes character = take_character(&in, &code);

                print_character(character, code);
        }
        return 0;
}
