/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * goal.h -- what a test has to do with a goal of doc/reliability.md, said for ci/reliability.
 */
#pragma once

#include <stdio.h>
#include <time.h>

/* Seconds, from some time on. */
static inline double goal_clock(void) {
        struct timespec t;

        (void)clock_gettime(CLOCK_MONOTONIC, &t);
        return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/*
 * @n_failed is of cmocka: it is returned, for main(). Where it is not zero, the goal is missed,
 * whatever the figure.
 */
static inline int goal_say(const char *goal, size_t n, const char *what, const char *wanted,
                           double begun, int n_failed) {
        printf("goal %s: %zu %s, %d tests failed; wanted %s; %.1f s\n", goal, n, what, n_failed,
               wanted, goal_clock() - begun);
        return n_failed;
}
