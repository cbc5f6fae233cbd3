/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bytes.h -- the one way to read input and to build output.
 *
 * `Bytes` is a borrowed slice that is eaten from the front. bytes_take() is the only function of
 * the project that moves a pointer over input; everything else is built on it. A failed take
 * changes nothing, so a parser works on a copy and commits at the end.
 *
 * `Builder` fills a buffer that its owner provides. It is sticky: once something did not fit,
 * nothing more is written, and one look at `full` at the end is enough.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Bytes {
        const uint8_t *data;
        size_t n;
} Bytes;

typedef enum ByteOrder {
        ORDER_LITTLE,
        ORDER_BIG,
        _ORDER_N,
} ByteOrder;

/* A slice of a string literal, without its NUL. */
#define BYTES_TEXT(s) ((Bytes){ (const uint8_t *)(s), sizeof(s) - 1 })

Bytes bytes_of(const void *data, size_t n);
Bytes bytes_of_text(const char *text);

bool bytes_take(Bytes *in, size_t n, Bytes *ret);
bool bytes_take_u8(Bytes *in, uint8_t *ret);
bool bytes_take_u16(Bytes *in, ByteOrder order, uint16_t *ret);
bool bytes_take_u32(Bytes *in, ByteOrder order, uint32_t *ret);
bool bytes_take_u64(Bytes *in, ByteOrder order, uint64_t *ret);
bool bytes_take_until(Bytes *in, uint8_t end, Bytes *ret);

bool bytes_equal(Bytes a, Bytes b);
bool bytes_equal_text(Bytes a, const char *text);
bool bytes_is_zero(Bytes a);
void bytes_copy(Bytes from, uint8_t *to, size_t max);

typedef struct Builder {
        uint8_t *data;
        size_t n;   /* filled */
        size_t max; /* room */
        bool full;  /* something did not fit */
} Builder;

Builder builder_on(uint8_t *data, size_t max);
void builder_put(Builder *b, Bytes bytes);
void builder_put_u8(Builder *b, uint8_t v);
void builder_put_u16(Builder *b, ByteOrder order, uint16_t v);
void builder_put_u32(Builder *b, ByteOrder order, uint32_t v);
Bytes builder_bytes(const Builder *b);
