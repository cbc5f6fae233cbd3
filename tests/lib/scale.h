/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * scale.h -- how large a test is to be; in Python: harness.scale().
 */
#pragma once

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* SCALE=: how many times the usual size; for "nightly" @nightly times. Anything else ends the test.
 */
static inline double scale_of(double nightly) {
        const char *text = getenv("SCALE");
        char *end;
        double n;

        if (!text || !*text)
                return 1;
        if (strcmp(text, "nightly") == 0)
                return nightly;
        n = strtod(text, &end);
        if (*end || !(n > 0) || !isfinite(n)) {
                fprintf(stderr, "SCALE=%s: a number above 0, or nightly\n", text);
                exit(EXIT_FAILURE);
        }
        return n;
}
