/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/escape.h"

#include <assert.h>

#include "base/error.h"
#include "base/util.h"

/* Length of the well-formed UTF-8 character at the front (RFC 3629 section 4), 0 if there is none.
 */
static size_t utf8_take(Bytes in, uint32_t *ret_code) {
        static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
        uint32_t code;
        size_t n;

        if (in.data[0] < 0x80)
                n = 1, code = in.data[0];
        else if ((in.data[0] & 0xe0) == 0xc0)
                n = 2, code = in.data[0] & 0x1f;
        else if ((in.data[0] & 0xf0) == 0xe0)
                n = 3, code = in.data[0] & 0x0f;
        else if ((in.data[0] & 0xf8) == 0xf0)
                n = 4, code = in.data[0] & 0x07;
        else
                return 0;
        if (n > in.n)
                return 0;
        for (size_t i = 1; i < n; ++i) {
                if ((in.data[i] & 0xc0) != 0x80)
                        return 0;
                code = code << 6 | (in.data[i] & 0x3f);
        }
        if (code < least[n] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
                return 0;
        *ret_code = code;
        return n;
}

static bool code_is_safe(uint32_t code) {
        if (code < 0x20 || (code >= 0x7f && code <= 0x9f) || code == '\\')
                return false;
        /* Unicode bidirectional controls (UAX #9 section 2) and line breaks (U+2028, U+2029). */
        return !(code == 0x061c || code == 0x200e || code == 0x200f ||
                 (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069));
}

/**
 * escape_bytes() - make bytes fit to be shown
 * @in:       the bytes
 * @ret_text: ESCAPE_SIZE(in.n) characters are always enough; NUL-terminated
 * @max:      room at @ret_text; less than ESCAPE_SIZE(in.n) is a bug of the caller
 *
 * Return: length of the text, without its NUL.
 */
size_t escape_bytes(Bytes in, char *ret_text, size_t max) {
        static const char digits[] = "0123456789abcdef";
        char *to = ret_text;
        Bytes piece;

        assert(max >= ESCAPE_SIZE(in.n));
        (void)max; /* without assertions */
        while (in.n > 0) {
                uint32_t code;
                size_t n = utf8_take(in, &code);
                bool keep = n > 0 && code_is_safe(code);

                (void)bytes_take(&in, n > 0 ? n : 1, &piece);
                for (size_t i = 0; i < piece.n; ++i) {
                        if (keep) {
                                *to++ = (char)piece.data[i];
                                continue;
                        }
                        *to++ = '\\';
                        *to++ = 'x';
                        *to++ = digits[piece.data[i] >> 4];
                        *to++ = digits[piece.data[i] & 0x0f];
                }
        }
        *to = '\0';
        return (size_t)(to - ret_text);
}

/**
 * escape_new() - escape_bytes() into new memory
 * @in:       the bytes
 * @ret_text: a new string, to be freed by the caller; set on success only
 *
 * Return: 0 or -ENOMEM.
 */
int escape_new(Bytes in, char **ret_text) {
        char *text = in.n < SIZE_MAX / 8 ? malloc(ESCAPE_SIZE(in.n)) : NULL;

        if (!text)
                return error_origin(-ENOMEM);
        (void)escape_bytes(in, text, ESCAPE_SIZE(in.n));
        *ret_text = text;
        return 0;
}

/**
 * escape_is_utf8() - is every byte of it well-formed UTF-8 (RFC 3629)?
 * @in: the bytes
 *
 * Return: whether it is; nothing is.
 */
bool escape_is_utf8(Bytes in) {
        Bytes piece;
        uint32_t code;
        size_t n;

        while (in.n > 0) {
                n = utf8_take(in, &code);
                if (n == 0)
                        return false;
                (void)bytes_take(&in, n, &piece);
        }
        return true;
}
