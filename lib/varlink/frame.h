/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * frame.h -- bytes in, messages out: each ends with a NUL, and comes in any number of pieces.
 *
 * Pure. The buffer grows with what comes and never beyond one message of the largest size and its
 * NUL; it is given back when nothing is in it.
 */
#pragma once

#include "base/bytes.h"
#include "base/util.h"

#define FRAME_START 4096U /* bytes that a buffer has at first */

typedef struct Frame {
        uint8_t *data;
        size_t size;  /* allocated */
        size_t start; /* of what is not taken yet */
        size_t n;     /* end of it */
        size_t seen;  /* up to here there is no NUL */
        size_t max;   /* a message may have so many bytes, without its NUL */
} Frame;

enum {
        _FRAME_E_SUCCESS,
        FRAME_E_MORE,  /* no whole message is there */
        FRAME_E_LIMIT, /* it is larger than a message may be */
};

Frame frame_of(size_t max);
void frame_deinit(Frame *f); /* also as _cleanup_() */
int frame_room(Frame *f, uint8_t **ret_at, size_t *ret_n);
void frame_filled(Frame *f, size_t n);
int frame_take(Frame *f, Bytes *ret_message);
void frame_trim(Frame *f);
size_t frame_next_size(const Frame *f);
size_t frame_left(const Frame *f);
