/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-escape.c -- rule I14.
 *
 * What is forbidden is decided here by a checker of its own: the ABNF of RFC 3629 section 4, byte
 * range by byte range, where the code under test calculates.
 */
#include "fixture.h"

#include <string.h>

#include "base/error.h"
#include "base/escape.h"

static bool in_range(uint8_t c, uint8_t low, uint8_t high) {
        return c >= low && c <= high;
}

/* Length of the UTF-8 character at the front, 0 if there is none: RFC 3629 section 4. */
static size_t utf8_length(const uint8_t *s, size_t n) {
        static const struct {
                uint8_t lead[2], second[2];
                size_t n;
        } abnf[] = {
                { { 0x00, 0x7f }, { 0, 0 }, 1 },       { { 0xc2, 0xdf }, { 0x80, 0xbf }, 2 },
                { { 0xe0, 0xe0 }, { 0xa0, 0xbf }, 3 }, { { 0xe1, 0xec }, { 0x80, 0xbf }, 3 },
                { { 0xed, 0xed }, { 0x80, 0x9f }, 3 }, { { 0xee, 0xef }, { 0x80, 0xbf }, 3 },
                { { 0xf0, 0xf0 }, { 0x90, 0xbf }, 4 }, { { 0xf1, 0xf3 }, { 0x80, 0xbf }, 4 },
                { { 0xf4, 0xf4 }, { 0x80, 0x8f }, 4 },
        };

        for (size_t i = 0; i < ELEMENTSOF(abnf); ++i) {
                if (!in_range(s[0], abnf[i].lead[0], abnf[i].lead[1]))
                        continue;
                if (abnf[i].n > n)
                        return 0;
                if (abnf[i].n > 1 && !in_range(s[1], abnf[i].second[0], abnf[i].second[1]))
                        return 0;
                for (size_t k = 2; k < abnf[i].n; ++k)
                        if (!in_range(s[k], 0x80, 0xbf))
                                return 0;
                return abnf[i].n;
        }
        return 0;
}

/* Characters that may never be shown, as they stand in UTF-8. */
static bool is_forbidden(const uint8_t *s, size_t n) {
        static const char *const marks[] = {
                "\u061c", "\u200e", "\u200f", "\u2028", "\u2029", "\u202a", "\u202b",
                "\u202c", "\u202d", "\u202e", "\u2066", "\u2067", "\u2068", "\u2069",
        };

        if (n == 1)
                return s[0] < 0x20 || s[0] == 0x7f;
        if (n == 2 && s[0] == 0xc2 && s[1] <= 0x9f)
                return true;
        for (size_t i = 0; i < ELEMENTSOF(marks); ++i)
                if (strlen(marks[i]) == n && memcmp(marks[i], s, n) == 0)
                        return true;
        return false;
}

static bool is_fit_to_be_shown(const char *text) {
        const uint8_t *s = (const uint8_t *)text;
        size_t n = strlen(text);

        while (n > 0) {
                size_t k = utf8_length(s, n);

                if (k == 0 || is_forbidden(s, k))
                        return false;
                s += k;
                n -= k;
        }
        return true;
}

/* Undo it: a backslash always begins \xNN. */
static bool unescape(const char *text, uint8_t *data, size_t max, size_t *ret_n) {
        static const char digits[] = "0123456789abcdef";
        size_t n = 0;

        while (*text) {
                const char *high, *low;

                if (n == max)
                        return false;
                if (*text != '\\') {
                        data[n++] = (uint8_t)*text++;
                        continue;
                }
                if (text[1] != 'x' || !text[2] || !text[3])
                        return false;
                high = strchr(digits, text[2]);
                low = strchr(digits, text[3]);
                if (!high || !low)
                        return false;
                data[n++] = (uint8_t)((high - digits) << 4 | (low - digits));
                text += 4;
        }
        *ret_n = n;
        return true;
}

/* Escape from a block of exactly the size, into a block of exactly the size. */
static char *escaped(Bytes in) {
        size_t max = ESCAPE_SIZE(in.n);
        Bytes block = heap_copy(in);
        char *text = malloc(max);
        size_t n;

        assert_non_null(text);
        memset(text, POISON, max);
        n = escape_bytes(block, text, max);
        assert_true(n < max && text[n] == '\0');
        assert_int_equal(strlen(text), n);
        heap_free(block);
        return text;
}

static void check_escape(Bytes in) {
        _cleanup_free_ char *text = escaped(in);
        uint8_t back[64];
        size_t n;

        CHECK(is_fit_to_be_shown(text), "%02x %02x: <%s>\n", in.data[0], in.n > 1 ? in.data[1] : 0,
              text);
        CHECK(unescape(text, back, sizeof(back), &n) && n == in.n && memcmp(back, in.data, n) == 0,
              "%02x %02x: <%s> is not the same\n", in.data[0], in.n > 1 ? in.data[1] : 0, text);
}

static void test_every_two_bytes(void **state) {
        (void)state;
        for (unsigned v = 0; v < 65536; ++v) {
                const uint8_t raw[2] = { (uint8_t)(v >> 8), (uint8_t)v };

                check_escape(bytes_of(raw, 2));
        }
        for (unsigned v = 0; v < 256; ++v) {
                const uint8_t raw[1] = { (uint8_t)v };

                check_escape(bytes_of(raw, 1));
        }
}

/* Two bytes behind every kind of first bytes of a longer character. */
static void test_every_two_bytes_behind_a_lead(void **state) {
        static const uint8_t leads[] = { 0xe0, 0xe1, 0xe2, 0xed, 0xef, 0xf0, 0xf4, 0xf5 };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(leads); ++i)
                for (unsigned v = 0; v < 65536; ++v) {
                        const uint8_t raw[3] = { leads[i], (uint8_t)(v >> 8), (uint8_t)v };

                        check_escape(bytes_of(raw, 3));
                }
}

static size_t utf8_put(uint32_t code, uint8_t *s) {
        if (code < 0x80) {
                s[0] = (uint8_t)code;
                return 1;
        }
        if (code < 0x800) {
                s[0] = (uint8_t)(0xc0 | code >> 6);
                s[1] = (uint8_t)(0x80 | (code & 0x3f));
                return 2;
        }
        if (code < 0x10000) {
                s[0] = (uint8_t)(0xe0 | code >> 12);
                s[1] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
                s[2] = (uint8_t)(0x80 | (code & 0x3f));
                return 3;
        }
        s[0] = (uint8_t)(0xf0 | code >> 18);
        s[1] = (uint8_t)(0x80 | (code >> 12 & 0x3f));
        s[2] = (uint8_t)(0x80 | (code >> 6 & 0x3f));
        s[3] = (uint8_t)(0x80 | (code & 0x3f));
        return 4;
}

/* Kept as it is, or written byte by byte: never something in between. */
static void test_every_character(void **state) {
        (void)state;
        for (uint32_t code = 0; code <= 0x110100; ++code) {
                uint8_t raw[4];
                size_t n = utf8_put(code, raw);
                bool keep = utf8_length(raw, n) == n && !is_forbidden(raw, n) && code != '\\';
                _cleanup_free_ char *text = escaped(bytes_of(raw, n));

                CHECK(strlen(text) == (keep ? n : 4 * n), "U+%04X: <%s>\n", code, text);
                CHECK(!keep || memcmp(text, raw, n) == 0, "U+%04X: <%s>\n", code, text);
                CHECK(is_fit_to_be_shown(text), "U+%04X: <%s>\n", code, text);
        }
}

static const struct {
        const char *row;
        const char *in;
        size_t n;
        const char *text;
} vectors[] = {
        { "nothing", "", 0, "" },
        { "a path", "/usr/bin/true", 13, "/usr/bin/true" },
        { "a space and a tilde", " ~", 2, " ~" },
        { "a newline", "a\nb", 3, "a\\x0ab" },
        { "a NUL", "a\0b", 3, "a\\x00b" },
        { "an escape sequence", "\033[31m", 5, "\\x1b[31m" },
        { "DEL", "\x7f", 1, "\\x7f" },
        { "CSI as a C1 byte", "\x9b", 1, "\\x9b" },
        { "CSI as UTF-8", "\xc2\x9b", 2, "\\xc2\\x9b" },
        { "the last C1", "\xc2\x9f", 2, "\\xc2\\x9f" },
        { "the first behind C1", "\xc2\xa0", 2, "\xc2\xa0" },
        { "a backslash", "\\", 1, "\\x5c" },
        { "a written escape", "\\x41", 4, "\\x5cx41" },
        { "umlaut", "\xc3\xbc", 2, "\xc3\xbc" },
        { "euro", "\xe2\x82\xac", 3, "\xe2\x82\xac" },
        { "right-to-left override", "\xe2\x80\xae", 3, "\\xe2\\x80\\xae" },
        { "right-to-left isolate", "\xe2\x81\xa7", 3, "\\xe2\\x81\\xa7" },
        { "arabic letter mark", "\xd8\x9c", 2, "\\xd8\\x9c" },
        { "line separator", "\xe2\x80\xa8", 3, "\\xe2\\x80\\xa8" },
        /* RFC 3629, boundaries of section 4, each with its neighbour that is none */
        { "U+007F is the last of one byte", "\x7e", 1, "\x7e" },
        { "C0 80, an overlong NUL", "\xc0\x80", 2, "\\xc0\\x80" },
        { "C1 BF, an overlong DEL", "\xc1\xbf", 2, "\\xc1\\xbf" },
        { "U+07FF", "\xdf\xbf", 2, "\xdf\xbf" },
        { "E0 9F BF, overlong", "\xe0\x9f\xbf", 3, "\\xe0\\x9f\\xbf" },
        { "U+0800", "\xe0\xa0\x80", 3, "\xe0\xa0\x80" },
        { "U+D7FF", "\xed\x9f\xbf", 3, "\xed\x9f\xbf" },
        { "U+D800, a surrogate", "\xed\xa0\x80", 3, "\\xed\\xa0\\x80" },
        { "U+DFFF, a surrogate", "\xed\xbf\xbf", 3, "\\xed\\xbf\\xbf" },
        { "U+E000", "\xee\x80\x80", 3, "\xee\x80\x80" },
        { "U+FFFF", "\xef\xbf\xbf", 3, "\xef\xbf\xbf" },
        { "F0 8F BF BF, overlong", "\xf0\x8f\xbf\xbf", 4, "\\xf0\\x8f\\xbf\\xbf" },
        { "U+10000", "\xf0\x90\x80\x80", 4, "\xf0\x90\x80\x80" },
        { "U+10FFFF", "\xf4\x8f\xbf\xbf", 4, "\xf4\x8f\xbf\xbf" },
        { "U+110000", "\xf4\x90\x80\x80", 4, "\\xf4\\x90\\x80\\x80" },
        { "F5", "\xf5\x80\x80\x80", 4, "\\xf5\\x80\\x80\\x80" },
        { "five bytes of old", "\xf8\x88\x80\x80\x80", 5, "\\xf8\\x88\\x80\\x80\\x80" },
        { "FE and FF", "\xfe\xff", 2, "\\xfe\\xff" },
        { "a tail alone", "\x80", 1, "\\x80" },
        { "cut after the lead", "\xc3", 1, "\\xc3" },
        { "cut in the middle", "\xe2\x82", 2, "\\xe2\\x82" },
        { "cut before the last", "\xf0\x90\x80", 3, "\\xf0\\x90\\x80" },
        { "a lead eats nothing", "\xe2\x82x", 3, "\\xe2\\x82x" },
        { "a lead before a newline", "\xc3\n", 2, "\\xc3\\x0a" },
        { "a lead before a character", "\xc3\xc3\xbc", 3, "\\xc3\xc3\xbc" },
};

static void test_vectors(void **state) {
        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(vectors); ++i) {
                _cleanup_free_ char *text = NULL, *fresh = NULL;
                Bytes in;

                ROW(vectors[i].row);
                text = escaped(bytes_of(vectors[i].in, vectors[i].n));
                assert_string_equal(text, vectors[i].text);
                in = heap_copy(bytes_of(vectors[i].in, vectors[i].n));
                assert_int_equal(escape_new(in, &fresh), 0);
                assert_string_equal(fresh, vectors[i].text);
                heap_free(in);
        }
}

static void test_new_refuses_what_cannot_be(void **state) {
        char *text = (char *)0x1;

        (void)state;
        /* Four times the length would wrap; nothing is read from there. */
        assert_int_equal(escape_new(bytes_of("", SIZE_MAX), &text), -ENOMEM);
        assert_int_equal(escape_new(bytes_of("", SIZE_MAX / 4), &text), -ENOMEM);
        assert_ptr_equal(text, (char *)0x1);
}

static void escape_without_room(void) {
        char text[16];

        (void)escape_bytes(BYTES_TEXT("ab"), text, ESCAPE_SIZE(2) - 1);
}

static void test_no_room_is_a_bug(void **state) {
        (void)state;
#ifdef NDEBUG
        skip();
#endif
        assert_true(aborts(escape_without_room));
}

/* The checker must be able to find something. */
static void test_the_checker(void **state) {
        static const char *const bad[] = {
                "\n",   "a\x1b",    "\x7f",         "\xc2\x85", "\xe2\x80\xae", "\xd8\x9c",
                "\x80", "\xc0\x80", "\xed\xa0\x80", "\xe2\x82", "\xe2\x80\xa8",
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(bad); ++i)
                CHECK(!is_fit_to_be_shown(bad[i]), "row %zu\n", i);
        assert_true(is_fit_to_be_shown("a\xc3\xbc\xe2\x82\xac\xf0\x90\x80\x80~\\"));
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_the_checker),
                cmocka_unit_test(test_vectors),
                cmocka_unit_test(test_every_two_bytes),
                cmocka_unit_test(test_every_two_bytes_behind_a_lead),
                cmocka_unit_test(test_every_character),
                cmocka_unit_test(test_new_refuses_what_cannot_be),
                cmocka_unit_test(test_no_room_is_a_bug),
        };

        return cmocka_run_group_tests_name("escape", tests, NULL, NULL) != 0;
}
