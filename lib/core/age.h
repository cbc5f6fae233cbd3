/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * age.h -- was the TPM reset since its device node was made? Pure.
 *
 * Without an anchor only time can tell: a TPM counts from its last _TPM_Init (TPMS_TIME_INFO.time,
 * TPM 2.0 Library part 2, 10.11.6), which comes before the kernel finds the chip. Time clearly
 * below the age of the node means a reset in between. Every doubt is "unknown": clocks that were
 * set, suspend (the TPM may have been off), a /dev that is no devtmpfs.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define AGE_TOLERANCE_PERCENT 35U /* TPM clocks are that bad: part 1, 36.3 allows 32.5 % */
#define AGE_CLOCK_USEC        (UINT64_C(2000000)) /* how well /dev/null must tell the time since boot */
#define AGE_SUSPEND_USEC      (UINT64_C(1000000)) /* BOOTTIME beyond MONOTONIC: there was a suspend */

typedef struct AgeFacts {
        bool has_node;     /* the TPM is a device node of which it is known when it was made, and
                              so it is of /dev/null */
        int64_t node_usec; /* CLOCK_REALTIME minus that of the TPM's node */
        int64_t null_usec; /* ... and of /dev/null */
        uint64_t boottime_usec; /* CLOCK_BOOTTIME */
        uint64_t monotonic_usec;
} AgeFacts;

typedef enum AgeVerdict {
        AGE_UNKNOWN,
        AGE_FITS,
        AGE_RESET, /* the TPM began to count after its node was made */
        _AGE_VERDICT_N,
} AgeVerdict;

AgeVerdict age_judge(const AgeFacts *f, uint64_t time_msec);
