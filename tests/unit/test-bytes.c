/* SPDX-License-Identifier: BSD-2-Clause */
#include "fixture.h"

#include <string.h>

static void test_take(void **state) {
        static const struct {
                const char *row;
                size_t have, want;
                bool ok;
        } rows[] = {
                { "nothing of nothing", 0, 0, true },
                { "one of nothing", 0, 1, false },
                { "nothing of some", 5, 0, true },
                { "some of some", 5, 3, true },
                { "all", 5, 5, true },
                { "one too many", 5, 6, false },
                { "as many as there can be", 5, SIZE_MAX, false },
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                Bytes block, in, got = { (const uint8_t *)rows, 77 };

                ROW(rows[i].row);
                block = heap_copy(bytes_of("abcde", rows[i].have));
                in = block;
                assert_int_equal(bytes_take(&in, rows[i].want, &got), rows[i].ok);
                if (rows[i].ok) {
                        assert_ptr_equal(got.data, block.data);
                        assert_int_equal(got.n, rows[i].want);
                        assert_int_equal(in.n, rows[i].have - rows[i].want);
                        if (in.n > 0)
                                assert_ptr_equal(in.data, block.data + rows[i].want);
                } else {
                        assert_ptr_equal(got.data, rows);
                        assert_int_equal(got.n, 77);
                        assert_ptr_equal(in.data, block.data);
                        assert_int_equal(in.n, block.n);
                }
                heap_free(block);
        }
}

/* One shape for all widths. */
static bool take_uint(Bytes *in, size_t width, ByteOrder order, uint64_t *v) {
        uint8_t v8 = (uint8_t)*v;
        uint16_t v16 = (uint16_t)*v;
        uint32_t v32 = (uint32_t)*v;
        bool ok;

        switch (width) {
        case 1:
                ok = bytes_take_u8(in, &v8);
                *v = v8;
                return ok;
        case 2:
                ok = bytes_take_u16(in, order, &v16);
                *v = v16;
                return ok;
        case 4:
                ok = bytes_take_u32(in, order, &v32);
                *v = v32;
                return ok;
        default:
                return bytes_take_u64(in, order, v);
        }
}

static void test_take_integers(void **state) {
        static const struct {
                const char *row;
                size_t width;
                uint64_t little, big;
        } rows[] = {
                { "u8", 1, 0xf1, 0xf1 },
                { "u16", 2, 0x02f1, 0xf102 },
                { "u32", 4, 0xf40302f1, 0xf10203f4 },
                { "u64", 8, 0xf8070605f40302f1, 0xf10203f4050607f8 },
        };
        static const uint8_t raw[9] = { 0xf1, 2, 3, 0xf4, 5, 6, 7, 0xf8, 9 };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i)
                for (ByteOrder order = 0; order < _ORDER_N; ++order) {
                        size_t width = rows[i].width;
                        uint64_t v = 0;
                        Bytes block, in;

                        ROW(rows[i].row);
                        /* One byte more than wanted, exactly as many, and every shorter input. */
                        block = heap_copy(bytes_of(raw, width + 1));
                        in = block;
                        assert_true(take_uint(&in, width, order, &v));
                        assert_true(v == (order == ORDER_BIG ? rows[i].big : rows[i].little));
                        assert_ptr_equal(in.data, block.data + width);
                        assert_int_equal(in.n, 1);
                        heap_free(block);
                        for (size_t n = 0; n <= width; ++n) {
                                block = heap_copy(bytes_of(raw, n));
                                in = block;
                                v = 0x5a;
                                assert_int_equal(take_uint(&in, width, order, &v), n == width);
                                if (n < width) {
                                        assert_true(v == 0x5a);
                                        assert_ptr_equal(in.data, block.data);
                                        assert_int_equal(in.n, n);
                                }
                                heap_free(block);
                        }
                }
}

static void test_take_until(void **state) {
        static const struct {
                const char *row, *text, *got, *rest;
        } rows[] = {
                { "in the middle", "ab|cd", "ab", "cd" },
                { "at the front", "|cd", "", "cd" },
                { "at the end", "ab|", "ab", "" },
                { "the first of two", "a|b|c", "a", "b|c" },
                { "only the terminator", "|", "", "" },
                { "none", "abcd", NULL, NULL },
                { "nothing", "", NULL, NULL },
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                Bytes block, in, got = { NULL, 77 };

                ROW(rows[i].row);
                block = heap_copy(bytes_of_text(rows[i].text));
                in = block;
                assert_int_equal(bytes_take_until(&in, '|', &got), rows[i].got != NULL);
                if (rows[i].got) {
                        assert_true(bytes_equal_text(got, rows[i].got));
                        assert_true(bytes_equal_text(in, rows[i].rest));
                } else {
                        assert_int_equal(got.n, 77);
                        assert_true(in.data == block.data && in.n == block.n);
                }
                heap_free(block);
        }
}

static void test_take_until_nul(void **state) {
        Bytes in = bytes_of("a\0b", 3), got;

        (void)state;
        assert_true(bytes_take_until(&in, '\0', &got));
        assert_true(bytes_equal_text(got, "a"));
        assert_true(bytes_equal_text(in, "b"));
        assert_false(bytes_take_until(&in, '\0', &got));
}

static void test_equal(void **state) {
        static const struct {
                const char *row, *a, *b;
                bool equal;
        } rows[] = {
                { "both empty", "", "", true },           { "same", "abc", "abc", true },
                { "first differs", "xbc", "abc", false }, { "last differs", "abx", "abc", false },
                { "one is shorter", "ab", "abc", false }, { "one is empty", "", "a", false },
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                Bytes a, b;

                ROW(rows[i].row);
                a = heap_copy(bytes_of_text(rows[i].a));
                b = heap_copy(bytes_of_text(rows[i].b));
                assert_int_equal(bytes_equal(a, b), rows[i].equal);
                assert_int_equal(bytes_equal(b, a), rows[i].equal);
                assert_int_equal(bytes_equal_text(a, rows[i].b), rows[i].equal);
                heap_free(a);
                heap_free(b);
        }
        assert_false(bytes_equal_text(bytes_of("ab\0", 3), "ab"));
        assert_true(bytes_equal(BYTES_TEXT("a\0b"), bytes_of("a\0b", 3)));
}

static void test_is_zero(void **state) {
        (void)state;
        assert_true(bytes_is_zero((Bytes){}));
        for (size_t n = 1; n <= 20; ++n)
                for (size_t at = 0; at <= n; ++at) {
                        uint8_t raw[20] = {};
                        Bytes block;

                        if (at < n)
                                raw[at] = 0x80;
                        block = heap_copy(bytes_of(raw, n));
                        CHECK(bytes_is_zero(block) == (at == n), "%zu bytes, one at %zu\n", n, at);
                        heap_free(block);
                }
}

static void test_copy(void **state) {
        uint8_t to[4] = { POISON, POISON, POISON, POISON };

        (void)state;
        bytes_copy((Bytes){}, to, 0);
        bytes_copy((Bytes){}, NULL, 0);
        assert_int_equal(to[0], POISON);
        bytes_copy(BYTES_TEXT("abc"), to, 3);
        assert_memory_equal(to, "abc\xa5", 4);
}

static void copy_too_much(void) {
        uint8_t to[8];

        bytes_copy(BYTES_TEXT("abc"), to, 2);
}

static void test_copy_too_much_is_a_bug(void **state) {
        (void)state;
#ifdef NDEBUG
        skip();
#endif
        assert_true(aborts(copy_too_much));
}

static void test_builder(void **state) {
        static const uint8_t expected[] = { 'a', 'b', 0x01, 0x02, 0x03, 0x03, 0x02, 4,
                                            5,   6,   7,    7,    6,    5,    4 };
        /* Exactly as much room as needed, more, and every shorter one: sticky from there on. */
        static const size_t ends[] = { 2, 3, 5, 7, 11, 15 };

        (void)state;
        for (size_t max = 0; max <= sizeof(expected) + 2; ++max) {
                uint8_t *block = malloc(max ? max : 1);
                size_t n = 0;
                Builder b = builder_on(block, max);

                assert_non_null(block);
                memset(block, POISON, max ? max : 1);
                builder_put(&b, BYTES_TEXT("ab"));
                builder_put_u8(&b, 1);
                builder_put_u16(&b, ORDER_BIG, 0x0203);
                builder_put_u16(&b, ORDER_LITTLE, 0x0203);
                builder_put_u32(&b, ORDER_BIG, 0x04050607);
                builder_put_u32(&b, ORDER_LITTLE, 0x04050607);
                for (size_t i = 0; i < ELEMENTSOF(ends); ++i)
                        if (ends[i] <= max)
                                n = ends[i];
                CHECK(b.full == (max < sizeof(expected)), "room for %zu\n", max);
                CHECK(b.n == n && builder_bytes(&b).n == n, "room for %zu: %zu written\n", max,
                      b.n);
                CHECK(memcmp(block, expected, n) == 0, "room for %zu\n", max);
                for (size_t i = n; i < max; ++i)
                        CHECK(block[i] == POISON, "room for %zu: byte %zu written\n", max, i);
                /* Sticky: what would fit does not go in any more. */
                builder_put(&b, (Bytes){});
                if (b.full)
                        builder_put_u8(&b, 1);
                assert_int_equal(b.n, n);
                free(block);
        }
}

static void test_builder_huge(void **state) {
        Builder b;
        uint8_t one[1];

        (void)state;
        b = builder_on(one, sizeof(one));
        builder_put_u8(&b, 7);
        /* The sum of lengths would wrap; nothing is read from there. */
        builder_put(&b, bytes_of(one, SIZE_MAX));
        assert_true(b.full);
        assert_int_equal(b.n, 1);
        assert_int_equal(one[0], 7);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_take),       cmocka_unit_test(test_take_integers),
                cmocka_unit_test(test_take_until), cmocka_unit_test(test_take_until_nul),
                cmocka_unit_test(test_equal),      cmocka_unit_test(test_is_zero),
                cmocka_unit_test(test_copy),       cmocka_unit_test(test_copy_too_much_is_a_bug),
                cmocka_unit_test(test_builder),    cmocka_unit_test(test_builder_huge),
        };

        return cmocka_run_group_tests_name("bytes", tests, NULL, NULL) != 0;
}
