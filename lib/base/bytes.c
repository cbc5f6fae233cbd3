/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/bytes.h"

#include <assert.h>
#include <string.h>

/**
 * bytes_of() - a slice of memory
 * @data: borrowed; may be NULL when @n is 0
 * @n:    bytes
 *
 * Return: the slice.
 */
Bytes bytes_of(const void *data, size_t n) {
        return (Bytes){ data, n };
}

/**
 * bytes_of_text() - a slice of a NUL-terminated string, without the NUL
 * @text: borrowed
 *
 * Return: the slice.
 */
Bytes bytes_of_text(const char *text) {
        return (Bytes){ (const uint8_t *)text, strlen(text) };
}

/**
 * bytes_take() - eat @n bytes from the front
 * @in:  the input; advanced on success only
 * @n:   bytes wanted
 * @ret: the bytes eaten, borrowed from @in; set on success only
 *
 * Return: whether there were that many.
 */
bool bytes_take(Bytes *in, size_t n, Bytes *ret) {
        if (n > in->n)
                return false;
        *ret = (Bytes){ in->data, n };
        if (n > 0)
                *in = (Bytes){ in->data + n, in->n - n };
        return true;
}

static bool bytes_take_uint(Bytes *in, size_t n, ByteOrder order, uint64_t *ret) {
        uint64_t v = 0;
        Bytes b;

        if (!bytes_take(in, n, &b))
                return false;
        for (size_t i = 0; i < n; ++i)
                v = v << 8 | b.data[order == ORDER_BIG ? i : n - 1 - i];
        *ret = v;
        return true;
}

/**
 * bytes_take_u8() - eat one byte; bytes_take_u16(), _u32(), _u64() eat integers
 * @in:  the input; advanced on success only
 * @ret: the value; set on success only
 *
 * Return: whether it was there.
 */
bool bytes_take_u8(Bytes *in, uint8_t *ret) {
        uint64_t v;

        if (!bytes_take_uint(in, 1, ORDER_BIG, &v))
                return false;
        *ret = (uint8_t)v;
        return true;
}

bool bytes_take_u16(Bytes *in, ByteOrder order, uint16_t *ret) {
        uint64_t v;

        if (!bytes_take_uint(in, 2, order, &v))
                return false;
        *ret = (uint16_t)v;
        return true;
}

bool bytes_take_u32(Bytes *in, ByteOrder order, uint32_t *ret) {
        Bytes b;
        uint32_t v;

        if (!bytes_take(in, sizeof(v), &b))
                return false;
        /* Compilers make one load of this; a list is made of these. */
        v = (uint32_t)b.data[0] | (uint32_t)b.data[1] << 8 | (uint32_t)b.data[2] << 16 |
            (uint32_t)b.data[3] << 24;
        *ret = order == ORDER_BIG ? __builtin_bswap32(v) : v;
        return true;
}

bool bytes_take_u64(Bytes *in, ByteOrder order, uint64_t *ret) {
        return bytes_take_uint(in, 8, order, ret);
}

/**
 * bytes_take_until() - eat up to and including the first @end byte
 * @in:  the input; advanced on success only
 * @end: the terminator
 * @ret: what stands before the terminator; set on success only
 *
 * Return: whether there was a terminator.
 */
bool bytes_take_until(Bytes *in, uint8_t end, Bytes *ret) {
        const uint8_t *at = in->n > 0 ? memchr(in->data, end, in->n) : NULL;
        Bytes terminator;

        return at && bytes_take(in, (size_t)(at - in->data), ret) && bytes_take(in, 1, &terminator);
}

/**
 * bytes_equal() - compare two slices; not for secrets
 * @a: one
 * @b: the other
 *
 * Return: whether length and content are the same.
 */
bool bytes_equal(Bytes a, Bytes b) {
        return a.n == b.n && (a.n == 0 || memcmp(a.data, b.data, a.n) == 0);
}

/**
 * bytes_equal_text() - compare a slice with a NUL-terminated string
 * @a:    the slice
 * @text: the string
 *
 * Return: whether they are the same.
 */
bool bytes_equal_text(Bytes a, const char *text) {
        return bytes_equal(a, bytes_of_text(text));
}

/**
 * bytes_is_zero() - look for any byte that is not zero
 * @a: the slice
 *
 * Return: whether there is none (true for an empty slice).
 */
bool bytes_is_zero(Bytes a) {
        for (size_t i = 0; i < a.n; ++i)
                if (a.data[i] != 0)
                        return false;
        return true;
}

/**
 * bytes_copy() - copy a whole slice into a buffer that is known to hold it
 * @from: the slice
 * @to:   the buffer
 * @max:  its size; smaller than @from is a bug of the caller
 */
void bytes_copy(Bytes from, uint8_t *to, size_t max) {
        assert(from.n <= max);
        (void)max; /* without assertions */
        if (from.n > 0)
                memcpy(to, from.data, from.n);
}

/**
 * builder_on() - an empty builder
 * @data: the buffer, borrowed
 * @max:  its size
 *
 * Return: the builder.
 */
Builder builder_on(uint8_t *data, size_t max) {
        return (Builder){ .data = data, .max = max };
}

/**
 * builder_put() - append a slice; builder_put_u8(), _u16(), _u32() append integers
 * @b:     the builder; becomes full, unchanged otherwise, if the slice does not fit
 * @bytes: what to append
 */
void builder_put(Builder *b, Bytes bytes) {
        if (b->full || bytes.n > b->max - b->n) {
                b->full = true;
                return;
        }
        if (bytes.n > 0)
                memcpy(b->data + b->n, bytes.data, bytes.n);
        b->n += bytes.n;
}

static void builder_put_uint(Builder *b, size_t n, ByteOrder order, uint32_t v) {
        uint8_t raw[sizeof(v)];

        assert(n <= sizeof(raw));
        for (size_t i = 0; i < n; ++i)
                raw[order == ORDER_BIG ? n - 1 - i : i] = (uint8_t)(v >> (8 * i));
        builder_put(b, bytes_of(raw, n));
}

void builder_put_u8(Builder *b, uint8_t v) {
        builder_put_uint(b, 1, ORDER_BIG, v);
}

void builder_put_u16(Builder *b, ByteOrder order, uint16_t v) {
        builder_put_uint(b, 2, order, v);
}

void builder_put_u32(Builder *b, ByteOrder order, uint32_t v) {
        builder_put_uint(b, 4, order, v);
}

/**
 * builder_bytes() - what was built so far
 * @b: the builder
 *
 * Return: a slice of its buffer.
 */
Bytes builder_bytes(const Builder *b) {
        return (Bytes){ b->data, b->n };
}
