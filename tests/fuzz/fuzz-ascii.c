/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz-ascii.c -- any bytes as a list in text.
 *
 * Bytes are eaten from the front and add up, what asks for more leaves the input alone, and a
 * record that is given out is one whose bytes its own digest proves.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "core/mlist-ascii.h"

/* The reader is quadratic in nothing; this only keeps an input from taking a second. */
#define INPUT_MAX (64U << 10)

/* Not assert(): these stay in a build without. */
#define HOLDS(what)                                                                                \
        do {                                                                                       \
                if (!(what))                                                                       \
                        abort();                                                                   \
        } while (0)

static const Hashers *hashers(void) {
        static Hashers h;
        DigestAlg alg;

        HOLDS(hashers_open(&h, (BankMask)(BANK(_DIGEST_ALG_N) - 1), &alg) == 0);
        return &h;
}

static void walk(Bytes in, MlistAscii *how) {
        const uint8_t *start = in.data;
        size_t n = in.n;

        for (;;) {
                Bytes before = in;
                MlistRecord record;
                MlistError error;
                int r = mlist_ascii_parse(&in, how, &record, &error);

                HOLDS(r >= 0 && r <= MLIST_ASCII_E_LOSSY);
                if (r != 0 && r != MLIST_ASCII_E_LOSSY) {
                        HOLDS(in.data == before.data && in.n == before.n);
                        break;
                }
                HOLDS(in.n < before.n);
                HOLDS((size_t)(in.data - start) + in.n == n);
                if (r == 0) {
                        bool fits;

                        HOLDS(mlist_digest_fits(&record, how->form.alg, how->hasher, &fits) == 0);
                        HOLDS(fits);
                }
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        static uint8_t room[MLIST_ASCII_ROOM(INPUT_MAX)];
        MlistAscii how = { .room = room, .room_max = sizeof(room), .at_end = true };
        Bytes in = bytes_of(data, n);
        MlistError error;
        bool is_ascii;

        if (n > INPUT_MAX || mlist_ascii_is(in, &is_ascii) != 0 || !is_ascii)
                return 0;
        if (mlist_ascii_detect(in, &how, hashers(), &how.form, &error) != 0)
                return 0;
        how.hasher = hashers()->of[how.form.alg];
        walk(in, &how);
        how.at_end = false;
        walk(in, &how);
        return 0;
}
