/* SPDX-License-Identifier: BSD-2-Clause */
#include "fixture.h"

#include <string.h>

#include "base/encode.h"

static void test_hex_encode(void **state) {
        static const struct {
                const char *row;
                Bytes in;
                const char *text;
        } rows[] = {
                { "nothing", { NULL, 0 }, "" },
                { "a zero byte", { (const uint8_t *)"\0", 1 }, "00" },
                { "every digit",
                  { (const uint8_t *)"\x01\x23\x45\x67\x89\xab\xcd\xef", 8 },
                  "0123456789abcdef" },
                { "ones", { (const uint8_t *)"\xff\xff", 2 }, "ffff" },
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                Bytes in;
                char *text;

                ROW(rows[i].row);
                in = heap_copy(rows[i].in);
                text = malloc(HEX_SIZE(in.n));
                assert_non_null(text);
                hex_encode(in, text, HEX_SIZE(in.n));
                assert_string_equal(text, rows[i].text);
                free(text);
                heap_free(in);
        }
}

static void test_hex_decode(void **state) {
        static const struct {
                const char *row, *text;
                size_t max;
                int result;
                const char *data;
                size_t n;
        } rows[] = {
                { "nothing", "", 4, 0, "", 0 },
                { "nothing into nothing", "", 0, 0, "", 0 },
                { "lower case", "00ff7e", 4, 0, "\x00\xff\x7e", 3 },
                { "upper case", "ABCDEF", 4, 0, "\xab\xcd\xef", 3 },
                { "both cases", "aAFf", 4, 0, "\xaa\xff", 2 },
                { "exactly full", "01020304", 4, 0, "\1\2\3\4", 4 },
                { "one byte too long", "0102030405", 4, ENCODE_E_LIMIT, NULL, 0 },
                { "no room", "01", 0, ENCODE_E_LIMIT, NULL, 0 },
                { "odd", "012", 4, ENCODE_E_INVALID, NULL, 0 },
                { "one digit", "0", 4, ENCODE_E_INVALID, NULL, 0 },
                { "a g at the front", "g0", 4, ENCODE_E_INVALID, NULL, 0 },
                { "a g at the back", "0g", 4, ENCODE_E_INVALID, NULL, 0 },
                { "a space", "00 0", 4, ENCODE_E_INVALID, NULL, 0 },
                { "a newline at the end", "0000\n\n", 4, ENCODE_E_INVALID, NULL, 0 },
                { "a prefix", "0x00", 4, ENCODE_E_INVALID, NULL, 0 },
                { "a sign", "-1+1", 4, ENCODE_E_INVALID, NULL, 0 },
                { "invalid and too long", "010203040g", 4, ENCODE_E_INVALID, NULL, 0 },
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                uint8_t *data = malloc(rows[i].max ? rows[i].max : 1);
                size_t n = 77;
                Bytes text;

                ROW(rows[i].row);
                assert_non_null(data);
                memset(data, POISON, rows[i].max);
                text = heap_copy(bytes_of_text(rows[i].text));
                assert_int_equal(hex_decode(text, data, rows[i].max, &n), rows[i].result);
                if (rows[i].result == 0) {
                        assert_int_equal(n, rows[i].n);
                        assert_memory_equal(data, rows[i].data, n);
                } else {
                        assert_int_equal(n, 77);
                        for (size_t k = 0; k < rows[i].max; ++k)
                                assert_int_equal(data[k], POISON);
                }
                heap_free(text);
                free(data);
        }
}

/* Which of all bytes are digits, against the C library's opinion. */
static void test_hex_every_byte(void **state) {
        (void)state;
        for (unsigned c = 0; c < 256; ++c) {
                const uint8_t text[] = { '0', (uint8_t)c };
                bool digit = c != 0 && strchr("0123456789abcdefABCDEF", (int)c) != NULL;
                uint8_t v;
                size_t n;

                CHECK((hex_decode(bytes_of(text, 2), &v, 1, &n) == 0) == digit, "byte %#x\n", c);
        }
}

static void hex_encode_without_room(void) {
        char text[8];

        hex_encode(BYTES_TEXT("ab"), text, HEX_SIZE(2) - 1);
}

static void test_hex_encode_without_room_is_a_bug(void **state) {
        (void)state;
#ifdef NDEBUG
        skip();
#endif
        assert_true(aborts(hex_encode_without_room));
}

/* RFC 4648 section 10, and bytes that give the last two characters of the alphabet. */
static const struct {
        const char *row, *data, *text;
} base64_rows[] = {
        { "nothing", "", "" },
        { "f", "f", "Zg==" },
        { "fo", "fo", "Zm8=" },
        { "foo", "foo", "Zm9v" },
        { "foob", "foob", "Zm9vYg==" },
        { "fooba", "fooba", "Zm9vYmE=" },
        { "foobar", "foobar", "Zm9vYmFy" },
        { "plus and slash", "\xfb\xff\xbf", "+/+/" },
};

static void test_base64(void **state) {
        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(base64_rows); ++i) {
                _cleanup_free_ char *text = NULL;
                _cleanup_free_ uint8_t *data = NULL;
                Bytes in;
                size_t n;

                ROW(base64_rows[i].row);
                in = heap_copy(bytes_of_text(base64_rows[i].data));
                assert_int_equal(base64_encode(in, &text), 0);
                assert_string_equal(text, base64_rows[i].text);
                assert_int_equal(strlen(text) + 1, BASE64_SIZE(in.n));
                heap_free(in);
                in = heap_copy(bytes_of_text(base64_rows[i].text));
                assert_int_equal(base64_decode(in, &data, &n), 0);
                assert_non_null(data);
                assert_int_equal(n, strlen(base64_rows[i].data));
                assert_memory_equal(data, base64_rows[i].data, n);
                heap_free(in);
        }
}

static void test_base64_round_trip(void **state) {
        uint8_t raw[300];

        (void)state;
        for (size_t i = 0; i < sizeof(raw); ++i)
                raw[i] = (uint8_t)(i * 167 + (i >> 3));
        for (size_t n = 0; n <= sizeof(raw); ++n) {
                _cleanup_free_ char *text = NULL;
                _cleanup_free_ uint8_t *data = NULL;
                Bytes in = heap_copy(bytes_of(raw, n));
                size_t k;

                CHECK(base64_encode(in, &text) == 0, "%zu bytes\n", n);
                CHECK(strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                   "0123456789+/=") == strlen(text),
                      "%zu bytes: %s\n", n, text);
                CHECK(base64_decode(bytes_of_text(text), &data, &k) == 0 && k == n, "%zu bytes\n",
                      n);
                CHECK(memcmp(data, raw, n) == 0, "%zu bytes\n", n);
                heap_free(in);
        }
}

static void test_base64_invalid(void **state) {
        static const struct {
                const char *row, *text;
        } rows[] = {
                { "one character", "Z" },
                { "no padding", "Zg" },
                { "half the padding", "Zg=" },
                { "too much padding", "Zg===" },
                { "only padding", "====" },
                { "three paddings", "Z===" },
                { "padding in front", "=Zm9" },
                { "padding in the middle", "Zm=v" },
                { "padding, then more", "Zg==Zm9v" },
                { "a space in front", " Zm9v" },
                { "a space in front, length right", " Zm9v123" },
                { "a newline at the end", "Zm9v\n" },
                { "newlines at the end, length right", "Zm9v\n\n\n\n" },
                { "a newline in the middle", "Zm\n9" },
                { "the URL alphabet", "-_-_" },
                { "a high byte", "Zm9\xe9" },
                { "a dash that ends it for OpenSSL", "Zm9v-m9v" },
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                uint8_t *data = (uint8_t *)0x1;
                Bytes text;
                size_t n = 77;

                ROW(rows[i].row);
                text = heap_copy(bytes_of_text(rows[i].text));
                assert_int_equal(base64_decode(text, &data, &n), ENCODE_E_INVALID);
                assert_ptr_equal(data, (uint8_t *)0x1);
                assert_int_equal(n, 77);
                heap_free(text);
        }
        /* memchr() over an alphabet with its NUL would take this one. */
        {
                uint8_t *data = NULL;
                size_t n;

                ROW("a NUL");
                assert_int_equal(base64_decode(bytes_of("Zm9\0", 4), &data, &n), ENCODE_E_INVALID);
        }
}

static void test_base64_limit(void **state) {
        uint8_t *data = NULL;
        char *text = NULL;
        size_t n;

        (void)state;
        /* OpenSSL counts in int. Refused by length alone: there is no such memory to be read. */
        assert_int_equal(base64_encode(bytes_of(NULL, (size_t)INT32_MAX / 2 + 1), &text),
                         ENCODE_E_LIMIT);
        assert_int_equal(base64_encode(bytes_of(NULL, SIZE_MAX), &text), ENCODE_E_LIMIT);
        assert_int_equal(base64_decode(bytes_of(NULL, (size_t)INT32_MAX / 2 + 1), &data, &n),
                         ENCODE_E_LIMIT);
        assert_int_equal(base64_decode(bytes_of(NULL, SIZE_MAX), &data, &n), ENCODE_E_LIMIT);
        assert_null(text);
        assert_null(data);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_hex_encode),
                cmocka_unit_test(test_hex_decode),
                cmocka_unit_test(test_hex_every_byte),
                cmocka_unit_test(test_hex_encode_without_room_is_a_bug),
                cmocka_unit_test(test_base64),
                cmocka_unit_test(test_base64_round_trip),
                cmocka_unit_test(test_base64_invalid),
                cmocka_unit_test(test_base64_limit),
        };

        return cmocka_run_group_tests_name("encode", tests, NULL, NULL) != 0;
}
