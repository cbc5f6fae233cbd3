/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lag.h -- how far the TPM is behind the list, in records and in time. Pure, of constant size.
 *
 * A record is seen when the list's length is first known to cover it; it is done when its extend
 * was verified (or when it is known that it will not be extended: foreign and refused chains). Its
 * lag is the time between. The backlog of the first catch-up is left out: those records waited for
 * the TPM.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define LAG_MARKS   1024U /* lengths of the list, with the time when each was first seen */
#define LAG_SAMPLES 4096U /* the last ones */

typedef struct LagMark {
        uint64_t n; /* records that the list has */
        uint64_t usec;
} LagMark;

typedef struct Lag {
        LagMark mark[LAG_MARKS]; /* a ring; those whose records are all done fall out */
        uint32_t first, n_marks;
        uint64_t n_seen;
        uint64_t n_done;
        bool is_following; /* the first catch-up is over; records below n_backlog are no samples */
        uint64_t n_backlog;
        uint32_t sample_usec[LAG_SAMPLES]; /* a ring */
        uint64_t n_samples;                /* ever */
        uint64_t max_usec;                 /* ever */
} Lag;

/* Fixed widths: goes over the inner socket as it is. */
typedef struct LagFigures {
        uint64_t n_records; /* seen and not done */
        uint64_t age_usec;  /* of the oldest of them, 0 without */
        uint64_t n_samples; /* that p50 and p99 are from; 0: there are none */
        uint64_t p50_usec, p99_usec;
        uint64_t max_usec; /* of all samples ever */
} LagFigures;

void lag_init(Lag *l);
void lag_saw(Lag *l, uint64_t n, uint64_t now_usec);
void lag_done(Lag *l, uint64_t n, uint64_t now_usec);
void lag_follow(Lag *l, uint64_t n_backlog);
uint64_t lag_seen_usec(const Lag *l, uint64_t i);
LagFigures lag_figures(const Lag *l, uint64_t now_usec);
