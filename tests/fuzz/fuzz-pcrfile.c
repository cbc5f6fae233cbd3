/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz-pcrfile.c -- any bytes as a file of PCR values.
 *
 * What was accepted is written out in the form of tpm2_pcrread and read again: the same values.
 */
#include "fuzz.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "client/input.h"

#define TEXT_MAX (64U << 10)

/* Not assert(): these stay in a build without. */
#define HOLDS(what)                                                                                \
        do {                                                                                       \
                if (!(what))                                                                       \
                        abort();                                                                   \
        } while (0)

static size_t write_values(const PcrValues *v, char *text) {
        char hex[HEX_SIZE(DIGEST_SIZE_MAX)];
        size_t n = 0;

        FOREACH_BANK(alg, verify_banks(v)) {
                n += (size_t)snprintf(text + n, TEXT_MAX - n, "%s:\n", digest_name(alg));
                for (uint32_t pcr = 0; pcr < TPM_PCR_N; ++pcr) {
                        if (!(v->of[pcr] & BANK(alg)))
                                continue;
                        hex_encode(digest_bytes(alg, &v->value[pcr].of[alg]), hex, sizeof(hex));
                        n += (size_t)snprintf(text + n, TEXT_MAX - n, "  %" PRIu32 ": 0x%s\n", pcr,
                                              hex);
                }
        }
        return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        static PcrValues values, again;
        static char text[TEXT_MAX];
        PcrFileError error = {};

        if (n > PCRFILE_MAX)
                return 0;
        values = again = (PcrValues){};
        if (pcrfile_parse(bytes_of(data, n), &values, &error) != 0) {
                HOLDS(error.line > 0 && error.expected);
                return 0;
        }
        HOLDS(pcrfile_parse(bytes_of(text, write_values(&values, text)), &again, &error) == 0);
        for (uint32_t pcr = 0; pcr < TPM_PCR_N; ++pcr) {
                HOLDS(values.of[pcr] == again.of[pcr]);
                HOLDS(digest_set_equal(values.of[pcr], &values.value[pcr], &again.value[pcr]) ==
                      values.of[pcr]);
        }
        return 0;
}
