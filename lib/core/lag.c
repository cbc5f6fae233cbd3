/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/lag.h"

#include <stdlib.h>
#include <string.h>

#include "base/util.h"

/* The i-th oldest mark. Each has n beyond n_done and beyond that of the mark before it. */
static uint32_t lag_at(const Lag *l, uint32_t i) {
        return (l->first + i) % LAG_MARKS;
}

static uint64_t lag_since(uint64_t usec, uint64_t now_usec) {
        return now_usec > usec ? now_usec - usec : 0;
}

/**
 * lag_init() - nothing was seen, nothing is done
 * @l: the lag
 */
void lag_init(Lag *l) {
        memset(l, 0, sizeof(*l));
}

/*
 * Make one of the two marks that are nearest in time, with the earlier time: some records then
 * count as seen before they were, by about the ring's share of the time that it spans.
 */
static void lag_merge(Lag *l) {
        uint64_t min = UINT64_MAX;
        uint32_t nearest = 1;

        for (uint32_t i = 1; i < l->n_marks; ++i) {
                uint64_t gap =
                        lag_since(l->mark[lag_at(l, i - 1)].usec, l->mark[lag_at(l, i)].usec);

                if (gap < min) {
                        min = gap;
                        nearest = i;
                }
        }
        l->mark[lag_at(l, nearest - 1)].n = l->mark[lag_at(l, nearest)].n;
        for (uint32_t i = nearest + 1; i < l->n_marks; ++i)
                l->mark[lag_at(l, i - 1)] = l->mark[lag_at(l, i)];
        --l->n_marks;
}

/**
 * lag_saw() - the list is known to have so many records
 * @l:        the lag
 * @n:        its records; no more than before, and nothing changes (the walk began again)
 * @now_usec: CLOCK_BOOTTIME, as everywhere here
 */
void lag_saw(Lag *l, uint64_t n, uint64_t now_usec) {
        if (n <= l->n_seen)
                return;
        if (l->n_marks == LAG_MARKS)
                lag_merge(l);
        l->mark[lag_at(l, l->n_marks)] = (LagMark){ .n = n, .usec = now_usec };
        ++l->n_marks;
        l->n_seen = n;
}

/* The records from n_done up to `to` are done, all after the same time. */
static void lag_sample(Lag *l, uint64_t to, uint64_t usec) {
        uint64_t from = MAX_OF(l->n_done, l->n_backlog);
        uint32_t sample = (uint32_t)MIN_OF(usec, UINT32_MAX);

        if (!l->is_following || to <= from)
                return;
        for (uint64_t i = 0; i < MIN_OF(to - from, LAG_SAMPLES); ++i)
                l->sample_usec[(l->n_samples + i) % LAG_SAMPLES] = sample;
        l->n_samples += to - from;
        l->max_usec = MAX_OF(l->max_usec, usec);
}

/**
 * lag_done() - the first records of the list are dealt with
 * @l:        the lag
 * @n:        how many; no more than before, and nothing changes (the walk began again)
 * @now_usec: now
 *
 * Records that were never seen count as seen now.
 */
void lag_done(Lag *l, uint64_t n, uint64_t now_usec) {
        while (l->n_done < n) {
                bool is_seen = l->n_marks > 0;
                LagMark oldest = is_seen ? l->mark[l->first] : (LagMark){ n, now_usec };
                uint64_t to = MIN_OF(n, oldest.n);

                lag_sample(l, to, lag_since(oldest.usec, now_usec));
                l->n_done = to;
                if (is_seen && to == oldest.n) {
                        l->first = lag_at(l, 1);
                        --l->n_marks;
                }
        }
        l->n_seen = MAX_OF(l->n_seen, n);
}

/**
 * lag_follow() - the first catch-up is over: samples are taken from now on
 * @l:         the lag
 * @n_backlog: the first records of the list, which give none; only the first call counts
 */
void lag_follow(Lag *l, uint64_t n_backlog) {
        if (l->is_following)
                return;
        l->is_following = true;
        l->n_backlog = n_backlog;
}

/**
 * lag_seen_usec() - when was a record first seen?
 * @l: the lag
 * @i: the record, from 0
 *
 * Return: the time, or an earlier one; 0 when it was not seen yet or is done.
 */
uint64_t lag_seen_usec(const Lag *l, uint64_t i) {
        if (i < l->n_done)
                return 0;
        for (uint32_t k = 0; k < l->n_marks; ++k)
                if (l->mark[lag_at(l, k)].n > i)
                        return l->mark[lag_at(l, k)].usec;
        return 0;
}

static int lag_compare(const void *a, const void *b) {
        uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

        return (x > y) - (x < y);
}

/* Nearest rank: the smallest sample that so many per cent of all do not exceed; n > 0. */
static uint32_t lag_percentile(const uint32_t *sorted, uint64_t n, uint64_t percent) {
        return sorted[(n * percent + 99) / 100 - 1];
}

/**
 * lag_figures() - how far the TPM is behind
 * @l:        the lag
 * @now_usec: now
 *
 * Return: the figures.
 */
LagFigures lag_figures(const Lag *l, uint64_t now_usec) {
        LagFigures f = {
                .n_records = l->n_seen - l->n_done,
                .n_samples = MIN_OF(l->n_samples, LAG_SAMPLES),
                .max_usec = l->max_usec,
        };
        uint32_t sorted[LAG_SAMPLES];

        if (l->n_marks > 0)
                f.age_usec = lag_since(l->mark[l->first].usec, now_usec);
        if (f.n_samples == 0)
                return f;
        memcpy(sorted, l->sample_usec, (size_t)f.n_samples * sizeof(*sorted));
        qsort(sorted, (size_t)f.n_samples, sizeof(*sorted), lag_compare);
        f.p50_usec = lag_percentile(sorted, f.n_samples, 50);
        f.p99_usec = lag_percentile(sorted, f.n_samples, 99);
        return f;
}
