/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/age.h"

#define USEC_A_MSEC UINT64_C(1000)

static uint64_t age_distance(uint64_t a, uint64_t b) {
        return a > b ? a - b : b - a;
}

/* Do the facts tell a time at all? */
static bool age_is_known(const AgeFacts *f) {
        if (!f->has_node || f->node_usec < 0 || f->null_usec < 0)
                return false;
        /* Suspend may have cut the TPM's power. */
        if (age_distance(f->boottime_usec, f->monotonic_usec) > AGE_SUSPEND_USEC)
                return false;
        /* The kernel makes /dev/null as it boots: if that shows another age the clock was set, or
         * this is no devtmpfs. */
        if (age_distance((uint64_t)f->null_usec, f->boottime_usec) > AGE_CLOCK_USEC)
                return false;
        /* A node older than the boot: the clock was set and set back, with the node in between. */
        return (uint64_t)f->node_usec <= f->boottime_usec ||
               (uint64_t)f->node_usec - f->boottime_usec <= AGE_CLOCK_USEC;
}

/**
 * age_judge() - was the TPM reset since its device node was made?
 * @f:         what the clocks and nodes say
 * @time_msec: TPMS_TIME_INFO.time, read no earlier than @f was
 *
 * Return: AGE_UNKNOWN: nothing follows; AGE_FITS: no reset is seen; AGE_RESET: it counts for a time
 * that is shorter than even a bad clock makes of the node's age.
 */
AgeVerdict age_judge(const AgeFacts *f, uint64_t time_msec) {
        uint64_t node, least_usec;

        if (!age_is_known(f))
                return AGE_UNKNOWN;
        node = (uint64_t)f->node_usec;
        /* In two parts: the product need not fit. */
        least_usec = node / 100 * (100 - AGE_TOLERANCE_PERCENT) +
                     node % 100 * (100 - AGE_TOLERANCE_PERCENT) / 100;
        /* Below the quotient the product fits; from there on it is time enough. */
        if (time_msec > UINT64_MAX / USEC_A_MSEC)
                return AGE_FITS;
        return time_msec * USEC_A_MSEC < least_usec ? AGE_RESET : AGE_FITS;
}
