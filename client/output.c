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
 * output_json_pcrs() - PCR values as {"sha256": {"10": "<hex>"}}
 * @banks:   the banks to show, also where they have no value
 * @n_pcrs:  length of @of and @values
 * @of:      for each PCR the banks that have a value
 * @values:  for each PCR its values; not looked at where there is none
 * @ret_map: a new object, set on success only
 *
 * Return: 0 or -ENOMEM.
 */
int output_json_pcrs(BankMask banks, size_t n_pcrs, const BankMask of[],
                     const DigestSet *const values[], Json **ret_map) {
        _cleanup_(json_dropp) Json *map = NULL;
        int r;

        r = json_map(&map);
        FOREACH_BANK(alg, banks) {
                _cleanup_(json_dropp) Json *bank = NULL;

                if (r == 0)
                        r = json_map(&bank);
                for (size_t pcr = 0; r == 0 && pcr < n_pcrs; ++pcr) {
                        char number[24];

                        (void)snprintf(number, sizeof(number), "%zu", pcr);
                        if (of[pcr] & BANK(alg))
                                r = json_put_hex(bank, number,
                                                 digest_bytes(alg, &values[pcr]->of[alg]));
                }
                if (r == 0)
                        r = json_put(map, digest_name(alg), &bank);
        }
        if (r == 0)
                *ret_map = TAKE(map);
        return error_trace(r);
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
