/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exit.h -- the exit status of all programs, as their man pages promise it. 77 is the test
 * harness's.
 */
#pragma once

enum {
        EXIT_GOOD = 0, /* extended; it fits; or the kernel extends and the PCR fits */
        EXIT_ERROR =
                1, /* could not do it: I/O, empty, cut or malformed input, nothing to compare */
        EXIT_USAGE = 2,    /* options or arguments */
        EXIT_NOT_YET = 3,  /* pending; or the list is ahead of the PCR */
        EXIT_MISMATCH = 4, /* it does not fit, or a terminal state */
        EXIT_NO_IMA = 5,   /* this kernel keeps no list */
};
