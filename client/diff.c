/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A longest common subsequence in O(n log n): the k-th occurrence of a key in one list stands for
 * the k-th in the other, which makes all pairs unique, and then it is a longest increasing
 * subsequence of positions (patience sorting). Exact where no record occurs twice, which is what
 * IMA sees to, but for violations.
 */
#include "client/diff.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"

/* An item while items are sorted. */
typedef struct DiffRef {
        const DiffItem *item;
        size_t index;
        size_t gap; /* kept items before it */
        bool is_b;
} DiffRef;

static int compare_sizes(size_t a, size_t b) {
        return (a > b) - (a < b);
}

static int compare_bytes(Bytes a, Bytes b) {
        int r = a.n > 0 && b.n > 0 ? memcmp(a.data, b.data, MIN_OF(a.n, b.n)) : 0;

        return r != 0 ? r : compare_sizes(a.n, b.n);
}

static int compare_places(const DiffRef *a, const DiffRef *b) {
        return a->is_b != b->is_b ? a->is_b - b->is_b : compare_sizes(a->index, b->index);
}

static bool same_key(const DiffItem *a, const DiffItem *b) {
        return digest_equal(DIGEST_SHA256, &a->key, &b->key);
}

static int compare_keys(const void *x, const void *y) {
        const DiffRef *a = x, *b = y;
        int r = compare_bytes(digest_bytes(DIGEST_SHA256, &a->item->key),
                              digest_bytes(DIGEST_SHA256, &b->item->key));

        return r != 0 ? r : compare_places(a, b);
}

static int compare_names(const void *x, const void *y) {
        const DiffRef *a = x, *b = y;
        int r = compare_sizes(a->gap, b->gap);

        if (r == 0)
                r = compare_bytes(a->item->name, b->item->name);
        return r != 0 ? r : compare_places(a, b);
}

static void pair(DiffSide *a, size_t i, DiffSide *b, size_t j, DiffFate fate) {
        a->at[i].fate = b->at[j].fate = fate;
        a->at[i].partner = j;
        b->at[j].partner = i;
}

/* In each run of equal refs, which has A's before B's: the k-th of A with the k-th of B. */
static void pair_runs(const DiffRef *refs, size_t n, int (*compare)(const void *, const void *),
                      DiffSide *a, DiffSide *b, DiffFate fate) {
        for (size_t begin = 0, end; begin < n; begin = end) {
                size_t middle = begin;

                /* Compare as if they stood at the same place. */
                for (end = begin; end < n; ++end) {
                        DiffRef other = refs[end];

                        other.index = refs[begin].index;
                        other.is_b = refs[begin].is_b;
                        if (compare(&refs[begin], &other) != 0)
                                break;
                        if (!refs[end].is_b)
                                middle = end + 1;
                }
                for (size_t i = begin, j = middle; i < middle && j < end; ++i, ++j)
                        pair(a, refs[i].index, b, refs[j].index, fate);
        }
}

/* Of all pairs, which are MOVED so far, keep as many as stand in the same order in both. */
static int keep_longest(DiffSide *a, DiffSide *b) {
        _cleanup_free_ size_t *tails = calloc(a->n + 1, sizeof(*tails));
        _cleanup_free_ size_t *before = calloc(a->n + 1, sizeof(*before));
        size_t n = 0;

        if (!tails || !before)
                return error_origin(-ENOMEM);
        for (size_t i = 0; i < a->n; ++i) {
                size_t low = 0, high = n;

                if (a->at[i].fate != DIFF_MOVED)
                        continue;
                while (low < high) {
                        size_t middle = low + (high - low) / 2;

                        if (a->at[tails[middle]].partner < a->at[i].partner)
                                low = middle + 1;
                        else
                                high = middle;
                }
                before[i] = low > 0 ? tails[low - 1] : SIZE_MAX;
                tails[low] = i;
                n = MAX_OF(n, low + 1);
        }
        for (size_t i = n > 0 ? tails[n - 1] : SIZE_MAX; i != SIZE_MAX; i = before[i])
                pair(a, i, b, a->at[i].partner, DIFF_KEPT);
        return 0;
}

static size_t add_refs(DiffRef *refs, size_t n, const DiffSide *side, bool is_b, bool needs_name) {
        size_t gap = 0;

        for (size_t i = 0; i < side->n; ++i) {
                const DiffItem *item = &side->at[i];

                gap += item->fate == DIFF_KEPT;
                if (item->fate == DIFF_SINGLE && (item->name.data || !needs_name))
                        refs[n++] = (DiffRef){ item, i, gap, is_b };
        }
        return n;
}

/**
 * diff_sides() - find what became of each record
 * @a: the one list; fate and partner of its items are set
 * @b: the other, likewise
 *
 * Return: 0 or -ENOMEM.
 */
int diff_sides(DiffSide *a, DiffSide *b) {
        _cleanup_free_ DiffRef *refs = calloc(a->n + b->n + 1, sizeof(*refs));
        size_t n = 0, n_tail = 0;
        int r;

        if (!refs)
                return error_origin(-ENOMEM);
        for (size_t i = 0; i < a->n; ++i)
                a->at[i].fate = DIFF_SINGLE;
        for (size_t i = 0; i < b->n; ++i)
                b->at[i].fate = DIFF_SINGLE;
        /* A common end first: with records that occur twice, it says which of them is meant. */
        while (n_tail < MIN_OF(a->n, b->n) &&
               same_key(&a->at[a->n - 1 - n_tail], &b->at[b->n - 1 - n_tail])) {
                ++n_tail;
                pair(a, a->n - n_tail, b, b->n - n_tail, DIFF_KEPT);
        }
        n = add_refs(refs, 0, a, false, false);
        n = add_refs(refs, n, b, true, false);
        for (size_t i = 0; i < n; ++i)
                refs[i].gap = 0;
        qsort(refs, n, sizeof(*refs), compare_keys);
        pair_runs(refs, n, compare_keys, a, b, DIFF_MOVED);
        r = keep_longest(a, b);
        if (r < 0)
                return error_trace(r);
        n = add_refs(refs, 0, a, false, true);
        n = add_refs(refs, n, b, true, true);
        qsort(refs, n, sizeof(*refs), compare_names);
        pair_runs(refs, n, compare_names, a, b, DIFF_CHANGED);
        return 0;
}
