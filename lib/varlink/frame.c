/* SPDX-License-Identifier: BSD-2-Clause */
#include "varlink/frame.h"

#include <assert.h>
#include <string.h>

#include "base/error.h"

/**
 * frame_of() - an empty buffer
 * @max: a message may have so many bytes, without its NUL
 *
 * Return: the buffer; to be freed with frame_deinit().
 */
Frame frame_of(size_t max) {
        assert(max > 0 && max < SIZE_MAX / 2);
        return (Frame){ .max = max };
}

/**
 * frame_deinit() - free what is in it; an empty one stays
 * @f: the buffer
 */
void frame_deinit(Frame *f) {
        free(f->data);
        *f = frame_of(f->max);
}

/**
 * frame_left() - how many bytes are not taken
 * @f: the buffer
 *
 * Return: their number.
 */
size_t frame_left(const Frame *f) {
        return f->n - f->start;
}

/**
 * frame_next_size() - what frame_room() will have allocated, so that its owner can say no before
 * @f: the buffer
 *
 * Return: bytes.
 */
size_t frame_next_size(const Frame *f) {
        if (frame_left(f) < f->size)
                return f->size;
        return MIN_OF(f->max + 1, f->size == 0 ? FRAME_START : 2 * f->size);
}

/**
 * frame_room() - where to put what comes
 * @f:      the buffer; what was taken from it is not valid any more
 * @ret_at: room, to be filled from its beginning; set on success only, like @ret_n
 * @ret_n:  how much, at least 1
 *
 * Call it after frame_take() had no message any more: then there is always room.
 *
 * Return: 0 or -ENOMEM.
 */
int frame_room(Frame *f, uint8_t **ret_at, size_t *ret_n) {
        size_t size = frame_next_size(f), left = frame_left(f);

        if (f->start > 0) {
                memmove(f->data, f->data + f->start, left);
                f->seen -= f->start;
                f->start = 0;
                f->n = left;
        }
        if (size > f->size) {
                uint8_t *data = realloc(f->data, size);

                if (!data)
                        return error_origin(-ENOMEM);
                f->data = data;
                f->size = size;
        }
        assert(f->n < f->size);
        *ret_at = f->data + f->n;
        *ret_n = f->size - f->n;
        return 0;
}

/**
 * frame_filled() - so much has come
 * @f: the buffer
 * @n: bytes, at most what frame_room() gave
 */
void frame_filled(Frame *f, size_t n) {
        assert(n <= f->size - f->n);
        f->n += n;
}

/**
 * frame_take() - the next whole message
 * @f:           the buffer
 * @ret_message: borrowed until frame_room(), frame_trim() or frame_deinit(), without its NUL (which
 *               is behind it); may be empty; set on success only
 *
 * Return: 0, FRAME_E_MORE or FRAME_E_LIMIT.
 */
int frame_take(Frame *f, Bytes *ret_message) {
        const uint8_t *from, *end;
        Bytes message;

        if (f->seen == f->n)
                return FRAME_E_MORE;
        from = f->data + f->seen;
        end = memchr(from, '\0', f->n - f->seen);
        if (!end) {
                f->seen = f->n;
                return frame_left(f) > f->max ? FRAME_E_LIMIT : FRAME_E_MORE;
        }
        message = bytes_of(f->data + f->start, (size_t)(end - (f->data + f->start)));
        if (message.n > f->max)
                return FRAME_E_LIMIT;
        f->start += message.n + 1;
        f->seen = f->start;
        *ret_message = message;
        return 0;
}

/**
 * frame_trim() - give memory back, where nothing is in it
 * @f: the buffer; what was taken from it is not valid any more
 */
void frame_trim(Frame *f) {
        if (frame_left(f) == 0)
                frame_deinit(f);
}
