/* SPDX-License-Identifier: BSD-2-Clause */
#include "os/spool-seen.h"

#include <stdlib.h>

#include "base/error.h"

#define SEEN_SIZE_MIN 1024U
#define SEEN_AGAIN    UINT64_C(1)

/**
 * spool_seen_deinit() - forget all
 * @s: zeroed, or in use
 */
void spool_seen_deinit(SpoolSeen *s) {
        free(s->at);
        *s = (SpoolSeen){};
}

/* Never 0, which is a free place. A digest is as good as random where it begins. */
static uint64_t seen_key(Bytes digest) {
        uint64_t key = 0;

        (void)bytes_take_u64(&digest, ORDER_LITTLE, &key);
        key &= ~SEEN_AGAIN;
        return key ? key : ~SEEN_AGAIN;
}

/* Its place, or the free one that it would take: there is always one. */
static size_t seen_find(const SpoolSeen *s, uint64_t key) {
        size_t i = (size_t)(key >> 1) & (s->size - 1);

        while (s->at[i] && (s->at[i] & ~SEEN_AGAIN) != key)
                i = (i + 1) & (s->size - 1);
        return i;
}

static int seen_grow(SpoolSeen *s) {
        SpoolSeen larger = { .size = s->size ? s->size * 2 : SEEN_SIZE_MIN, .n = s->n };

        larger.at = calloc(larger.size, sizeof(*larger.at));
        if (!larger.at)
                return error_origin(-ENOMEM);
        for (size_t i = 0; i < s->size; ++i) {
                if (s->at[i])
                        larger.at[seen_find(&larger, s->at[i] & ~SEEN_AGAIN)] = s->at[i];
        }
        free(s->at);
        *s = larger;
        return 0;
}

/**
 * spool_seen_add() - a record came
 * @s:      zeroed, or in use; to be ended with spool_seen_deinit()
 * @digest: its template digest, 8 bytes at least
 *
 * Return: 0, -ENOMEM.
 */
int spool_seen_add(SpoolSeen *s, Bytes digest) {
        uint64_t key = seen_key(digest);
        size_t i;
        int r;

        if (s->n >= s->size / 2) {
                r = seen_grow(s);
                if (r < 0)
                        return error_trace(r);
        }
        i = seen_find(s, key);
        if (s->at[i]) {
                s->at[i] |= SEEN_AGAIN;
        } else {
                s->at[i] = key;
                ++s->n;
        }
        return 0;
}

/**
 * spool_seen_once() - did this record come, and only once?
 * @s:      zeroed, or in use
 * @digest: as for spool_seen_add()
 *
 * Return: whether it did.
 */
bool spool_seen_once(const SpoolSeen *s, Bytes digest) {
        uint64_t key = seen_key(digest);

        return s->size > 0 && s->at[seen_find(s, key)] == key;
}
