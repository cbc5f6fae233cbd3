/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * serve-extender.h -- what is known of the extender, for all methods; and what it may be asked for.
 */
#pragma once

#include "core/status.h"

/* The spool as the extender announced it; descriptors are owned by the server. */
typedef struct ServeSpool {
        int list_fd, index_fd; /* -1: there is none */
        uint64_t generation;   /* of the files; another one: begin anew */
        uint64_t n_records, n_bytes;
} ServeSpool;

typedef struct Serve Serve;

/* The newest status; NULL: the extender has not been heard of, or is gone. */
const Status *serve_status(const Serve *s);
/* The same, or what is to be said without an extender; grows older until the next turn. */
const Status *serve_known(const Serve *s);
uint64_t serve_age_usec(const Serve *s); /* of serve_known(); 0 without an extender */
uint64_t serve_changes(const Serve *s);  /* from 1; grows when serve_known() says something else */
const ServeSpool *serve_spool(const Serve *s);
/* Have list and PCRs looked at afresh: what is answered is covered once serve_answered() >= token.
 */
int serve_refresh(Serve *s, uint32_t pcrs, uint64_t *ret_token);
uint64_t serve_answered(const Serve *s);
uint64_t serve_now_usec(const Serve *s);
/* How many records a bank was ever seen to fit at; @n: now, or 0. */
uint64_t serve_note_verified(Serve *s, uint32_t pcr, DigestAlg alg, uint64_t n);
