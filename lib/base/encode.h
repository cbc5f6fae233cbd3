/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * encode.h -- hex and base64. Hex is written in lower case and read in both.
 */
#pragma once

#include "base/bytes.h"

/* Characters that n bytes take, with the final NUL. */
#define HEX_SIZE(n)    (2 * (size_t)(n) + 1)
#define BASE64_SIZE(n) (((size_t)(n) + 2) / 3 * 4 + 1)

enum {
        _ENCODE_E_SUCCESS,
        ENCODE_E_INVALID, /* not hex, not base64, or an odd length */
        ENCODE_E_LIMIT,   /* longer than the caller's buffer */
};

void hex_encode(Bytes in, char *ret_text, size_t max);
int hex_decode(Bytes text, uint8_t *ret_data, size_t max, size_t *ret_n);
int base64_encode(Bytes in, char **ret_text);
int base64_decode(Bytes text, uint8_t **ret_data, size_t *ret_n);
