/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz-anchor.c -- any bytes as an anchor.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "core/anchor.h"

/* Not assert(): these stay in a build without. */
#define HOLDS(what)                                                                                \
        do {                                                                                       \
                if (!(what))                                                                       \
                        abort();                                                                   \
        } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        static Anchor anchor, poison;
        char again[ANCHOR_TEXT_MAX];

        memset(&poison, 0xa5, sizeof(poison));
        anchor = poison;
        if (anchor_parse(bytes_of(data, n), &anchor) != 0) {
                HOLDS(memcmp(&anchor, &poison, sizeof(anchor)) == 0);
                return 0;
        }
        HOLDS(strlen(anchor.boot_id) == BOOT_ID_SIZE - 1 && anchor.pcr < TPM_PCR_N);
        HOLDS(anchor.banks != 0 && anchor.banks < BANK(_DIGEST_ALG_N));
        HOLDS(anchor_format(&anchor, again) == n && memcmp(again, data, n) == 0);
        /* It has an end, and no part of it is one. */
        for (size_t i = 0; i < n; ++i)
                HOLDS(anchor_parse(bytes_of(data, i), &anchor) == ANCHOR_E_MALFORMED);
        return 0;
}
