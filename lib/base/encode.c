/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/encode.h"

#include <assert.h>
#include <limits.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/error.h"
#include "base/util.h"

/* EVP_EncodeBlock() and EVP_DecodeBlock() count in int. */
#define BASE64_INPUT_MAX ((size_t)INT_MAX / 2)

/**
 * hex_encode() - write bytes as lower-case hex
 * @in:       the bytes
 * @ret_text: HEX_SIZE(in.n) characters, NUL-terminated
 * @max:      room at @ret_text; less than that is a bug of the caller
 */
void hex_encode(Bytes in, char *ret_text, size_t max) {
        static const char digits[] = "0123456789abcdef";

        assert(max >= HEX_SIZE(in.n));
        (void)max; /* without assertions */
        for (size_t i = 0; i < in.n; ++i) {
                ret_text[2 * i] = digits[in.data[i] >> 4];
                ret_text[2 * i + 1] = digits[in.data[i] & 0x0f];
        }
        ret_text[2 * in.n] = '\0';
}

static int hex_digit(uint8_t c) {
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        return -1;
}

/**
 * hex_decode() - read hex
 * @text:     the digits and nothing else
 * @ret_data: @max bytes; written to on success only
 * @max:      room at @ret_data
 * @ret_n:    bytes written; set on success only
 *
 * Return: 0, ENCODE_E_INVALID or ENCODE_E_LIMIT; never negative.
 */
int hex_decode(Bytes text, uint8_t *ret_data, size_t max, size_t *ret_n) {
        for (size_t i = 0; i < text.n; ++i)
                if (hex_digit(text.data[i]) < 0)
                        return ENCODE_E_INVALID;
        if (text.n % 2 != 0)
                return ENCODE_E_INVALID;
        if (text.n / 2 > max)
                return ENCODE_E_LIMIT;
        for (size_t i = 0; i < text.n / 2; ++i)
                ret_data[i] = (uint8_t)(hex_digit(text.data[2 * i]) << 4 |
                                        hex_digit(text.data[2 * i + 1]));
        *ret_n = text.n / 2;
        return 0;
}

/**
 * base64_encode() - write bytes as base64 (RFC 4648 section 4, padded, one line)
 * @in:       the bytes
 * @ret_text: a new string, to be freed by the caller; set on success only
 *
 * Return: 0; ENCODE_E_LIMIT for more than about 1 GiB; -ENOMEM.
 */
int base64_encode(Bytes in, char **ret_text) {
        _cleanup_free_ char *text = NULL;
        int n;

        if (in.n > BASE64_INPUT_MAX)
                return ENCODE_E_LIMIT;
        text = malloc(BASE64_SIZE(in.n));
        if (!text)
                return error_origin(-ENOMEM);
        text[0] = '\0';
        n = in.n > 0 ? EVP_EncodeBlock((unsigned char *)text, in.data, (int)in.n) : 0;
        assert((size_t)n + 1 == BASE64_SIZE(in.n));
        (void)n; /* without assertions */
        *ret_text = TAKE(text);
        return 0;
}

/* EVP_DecodeBlock() skips white space at the ends and accepts padding anywhere: be strict first. */
static bool base64_valid(Bytes text) {
        static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                       "0123456789+/";
        size_t n_pad = 0;

        if (text.n % 4 != 0)
                return false;
        for (size_t i = 0; i < text.n; ++i) {
                if (text.data[i] == '=' && i >= text.n - 2)
                        ++n_pad;
                else if (n_pad > 0 || !memchr(alphabet, text.data[i], sizeof(alphabet) - 1))
                        return false;
        }
        return true;
}

/**
 * base64_decode() - read base64 (RFC 4648 section 4, padded, one line)
 * @text:     the characters and nothing else
 * @ret_data: new memory (never NULL), to be freed by the caller; set on success only
 * @ret_n:    its length; set on success only
 *
 * Return: 0, ENCODE_E_INVALID, ENCODE_E_LIMIT; -ENOMEM.
 */
int base64_decode(Bytes text, uint8_t **ret_data, size_t *ret_n) {
        _cleanup_free_ uint8_t *data = NULL;
        size_t n = text.n / 4 * 3;
        int k;

        if (text.n > BASE64_INPUT_MAX)
                return ENCODE_E_LIMIT;
        if (!base64_valid(text))
                return ENCODE_E_INVALID;
        data = malloc(n + 1);
        if (!data)
                return error_origin(-ENOMEM);
        k = text.n > 0 ? EVP_DecodeBlock(data, text.data, (int)text.n) : 0;
        if (k < 0 || (size_t)k != n)
                return ENCODE_E_INVALID;
        for (size_t i = text.n; i > 0 && text.data[i - 1] == '='; --i)
                --n;
        *ret_data = TAKE(data);
        *ret_n = n;
        return 0;
}
