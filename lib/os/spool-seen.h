/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spool-seen.h -- which records came once, and which again.
 *
 * A kernel measures nothing but violations twice, with few exceptions (kexec, or when it was told
 * to). What shows where a trimmed list goes on must be no such exception. Digests are told apart by
 * 63 of their bits: two records that have them in common count as one that came twice, and so
 * show nothing.
 */
#pragma once

#include "base/bytes.h"

typedef struct SpoolSeen {
        uint64_t *at; /* 0: free; the lowest bit: it came again */
        size_t size;  /* a power of two */
        size_t n;
} SpoolSeen;

void spool_seen_deinit(SpoolSeen *s);
int spool_seen_add(SpoolSeen *s, Bytes digest);
bool spool_seen_once(const SpoolSeen *s, Bytes digest);
