/* SPDX-License-Identifier: BSD-2-Clause */
#include "client/output.h"

#include <errno.h>
#include <string.h>

#include "base/encode.h"
#include "base/error.h"

#define SHORT_BYTES 8U

static bool output_has_colour(void) {
        const char *no_colour = getenv("NO_COLOR");

        return isatty(STDOUT_FILENO) == 1 && !(no_colour && *no_colour);
}

/**
 * output_mark() - the sign before a result
 * @mark: which
 *
 * Return: a constant string, coloured where stdout is a terminal and NO_COLOR is not set.
 */
const char *output_mark(Mark mark) {
        static const char *const plain[_MARK_N] = { "✓", "✗", "!" };
        static const char *const colour[_MARK_N] = {
                "\033[32m✓\033[0m",
                "\033[31m✗\033[0m",
                "\033[33m!\033[0m",
        };

        return (output_has_colour() ? colour : plain)[mark];
}

/**
 * output_digest() - a digest for a table
 * @o:      the options (--full)
 * @alg:    its algorithm
 * @digest: the digest
 * @text:   room for it
 *
 * Return: @text: hex, short with an ellipsis unless --full.
 */
const char *output_digest(const CtlOptions *o, DigestAlg alg, const Digest *digest,
                          char text[static OUTPUT_DIGEST_MAX]) {
        Bytes bytes = digest_bytes(alg, digest);

        if (!o->full)
                bytes.n = SHORT_BYTES;
        hex_encode(bytes, text, OUTPUT_DIGEST_MAX);
        if (!o->full)
                memcpy(text + 2 * SHORT_BYTES, "…", sizeof("…"));
        return text;
}

/**
 * output_flush() - make sure that all output is out
 *
 * Return: 0 or a negative errno.
 */
int output_flush(void) {
        if (fflush(stdout) != 0 || ferror(stdout))
                return error_origin(errno > 0 ? -errno : -EIO);
        return 0;
}
