/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * escape.h -- the one function that makes bytes from outside fit for a terminal, the journal and
 * JSON (rule I14). Everything that came from a list, a client or a file passes through it before
 * it is shown.
 *
 * Kept: printable ASCII and well-formed UTF-8. Written as \xNN, byte by byte: C0 and DEL, C1
 * (U+0080..U+009F), the backslash itself, bidi controls, line and paragraph separators, and every
 * byte that is no well-formed UTF-8 (RFC 3629). So the result is UTF-8, one line, and can be
 * turned back into the bytes without loss.
 */
#pragma once

#include "base/bytes.h"

/* Characters that n bytes may take, with the final NUL. */
#define ESCAPE_SIZE(n) (4 * (size_t)(n) + 1)

size_t escape_bytes(Bytes in, char *ret_text, size_t max);
int escape_new(Bytes in, char **ret_text);
bool escape_is_utf8(Bytes in);
