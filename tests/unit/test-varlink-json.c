/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-varlink-json.c -- JSON that comes from outside: what is refused, and what is taken from it.
 */
#include "fixture.h"

#include <stddef.h>
#include <string.h>

#include "varlink/json.h"

#define DEPTH 16

/* On the heap in its exact size, so that ASan sees the byte behind. */
static int parse(const char *text, size_t n, Json **ret_value) {
        _cleanup_free_ uint8_t *copy = malloc(n > 0 ? n : 1);

        assert_non_null(copy);
        memcpy(copy, text, n);
        return json_parse(bytes_of(copy, n), DEPTH, ret_value);
}

static void test_text(void **state) {
        static const struct {
                const char *text;
                bool fits;
        } rows[] = {
                { "{}", true },
                { " {\"a\" : [1, -2, 3.5, 1e3, true, null, \"x\"]}\n", true },
                { "null", true },
                { "12", true },
                { "\"\"", true },
                { "\"\\ud83d\\ude00 \\u0000\"", true },
                { "\"\xc3\xa9\xf0\x9f\x98\x80\"", true },
                { "", false },
                { " ", false },
                { "{", false },
                { "{}}", false },
                { "{} {}", false },
                { "{} x", false },
                { "{\"a\":1,}", false },
                { "[1,]", false },
                { "[1 2]", false },
                { "{'a':1}", false },
                { "{a:1}", false },
                { "/* */ {}", false },
                { "{} // no", false },
                { "True", false },
                { "NaN", false },
                { "[Infinity]", false },
                { "[-Infinity]", false },
                { "[1e999]", false },
                { "\"a\nb\"", false },
                { "\"a\tb\"", false },
                { "\"\\x41\"", false },
                { "\"\x80\"", false },             /* no lead */
                { "\"\xc0\xaf\"", false },         /* overlong */
                { "\"\xed\xa0\x80\"", false },     /* surrogate */
                { "\"\xf4\x90\x80\x80\"", false }, /* beyond */
                { "\"\xc3\"", false },             /* cut */
                { "{\"\xff\":1}", false },
                { "{\"a\":1,\"b\":2}", true },
                { "{\"a\":1,\"a\":1}", false },
                { "{\"a\":{\"b\":1,\"c\":2,\"b\":3}}", false },
                { "[{\"a\":1},{\"a\":2}]", true },
                { "{\"a\":1,\"\\u0061\":2}", false }, /* the same name, written otherwise */
                { "{\":\":\":\",\"\\\":\":\"\\\\\"}", true },
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                _cleanup_(json_dropp) Json *j = NULL;
                int r = parse(rows[i].text, strlen(rows[i].text), &j);

                ROW(rows[i].text);
                assert_int_equal(r, rows[i].fits ? 0 : JSON_E_UNFIT);
        }
        ROW("a NUL inside");
        Json *j = NULL;
        assert_int_equal(parse("{}\0{}", 5, &j), JSON_E_UNFIT);
        assert_int_equal(parse("{}\0", 3, &j), JSON_E_UNFIT);
        assert_null(j);
}

static void test_depth(void **state) {
        (void)state;
        for (size_t depth = 1; depth <= DEPTH + 2; ++depth)
                for (unsigned form = 0; form < 3; ++form) {
                        _cleanup_(json_dropp) Json *j = NULL;
                        Bytes open = form != 1 ? BYTES_TEXT("[") : BYTES_TEXT("{\"a\":");
                        uint8_t data[8 * (DEPTH + 2)];
                        Builder b = builder_on(data, sizeof(data));
                        int r;

                        for (size_t i = 0; i < depth; ++i)
                                builder_put(&b, open);
                        if (form < 2) /* else the innermost is empty */
                                builder_put_u8(&b, '1');
                        for (size_t i = 0; i < depth; ++i)
                                builder_put_u8(&b, form != 1 ? ']' : '}');
                        r = parse((const char *)data, b.n, &j);
                        CHECK(r == (depth <= DEPTH ? 0 : JSON_E_UNFIT), "%zu deep, form %u: %d\n",
                              depth, form, r);
                }
}

typedef struct Taken {
        JsonBool flag;
        JsonU64 number;
        Bytes text;
        const Json *map, *array;
} Taken;

static const JsonField fields[] = {
        { "flag", JSON_TYPE_BOOL, false, offsetof(Taken, flag) },
        { "number", JSON_TYPE_U64, false, offsetof(Taken, number) },
        { "text", JSON_TYPE_TEXT, true, offsetof(Taken, text) },
        { "map", JSON_TYPE_MAP, false, offsetof(Taken, map) },
        { "array", JSON_TYPE_ARRAY, false, offsetof(Taken, array) },
};

static int take(const char *text, bool is_strict, Taken *ret_taken, const char **ret_bad,
                Json **ret_value) {
        assert_int_equal(parse(text, strlen(text), ret_value), 0);
        memset(ret_taken, POISON, sizeof(*ret_taken));
        return json_take(*ret_value, fields, ELEMENTSOF(fields), is_strict, ret_taken, ret_bad);
}

static void test_take(void **state) {
        static const struct {
                const char *text, *bad; /* NULL: it fits */
                bool is_lax;
        } rows[] = {
                { "{\"text\":\"\"}", NULL, false },
                { "{\"text\":\"x\",\"flag\":null,\"number\":null,\"map\":null,\"array\":null}",
                  NULL, false },
                { "{}", "text", false },
                { "{\"text\":null}", "text", false },
                { "{\"text\":1}", "text", false },
                { "{\"text\":[\"x\"]}", "text", false },
                { "{\"text\":\"\",\"flag\":0}", "flag", false },
                { "{\"text\":\"\",\"flag\":\"true\"}", "flag", false },
                { "{\"text\":\"\",\"number\":-1}", "number", false },
                { "{\"text\":\"\",\"number\":1.0}", "number", false },
                { "{\"text\":\"\",\"number\":\"1\"}", "number", false },
                { "{\"text\":\"\",\"number\":true}", "number", false },
                { "{\"text\":\"\",\"number\":9223372036854775807}", NULL, false },
                { "{\"text\":\"\",\"number\":9223372036854775808}", "number", false },
                { "{\"text\":\"\",\"number\":18446744073709551615}", "number", false },
                { "{\"text\":\"\",\"number\":18446744073709551616}", "number", false },
                { "{\"text\":\"\",\"number\":-9223372036854775809}", "number", false },
                { "{\"text\":\"\",\"map\":[]}", "map", false },
                { "{\"text\":\"\",\"array\":{}}", "array", false },
                { "{\"text\":\"\",\"Flag\":true}", "Flag", false },
                { "{\"text\":\"\",\"Flag\":true}", NULL, true },
                { "{\"text\":\"\",\"other\":null}", "other", false },
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                _cleanup_(json_dropp) Json *j = NULL;
                const char *bad = NULL;
                Taken t;
                int r = take(rows[i].text, !rows[i].is_lax, &t, &bad, &j);

                ROW(rows[i].text);
                assert_int_equal(r, rows[i].bad ? JSON_E_UNFIT : 0);
                if (rows[i].bad)
                        assert_string_equal(bad, rows[i].bad);
        }
}

static void test_values(void **state) {
        _cleanup_(json_dropp) Json *j = NULL;
        const char *bad = NULL;
        JsonMember m;
        uint64_t n;
        Taken t;
        Bytes b;
        bool flag;

        (void)state;
        assert_int_equal(take("{\"text\":\"a\\u0000b\",\"flag\":false,\"number\":7,"
                              "\"map\":{\"k\":\"v\",\"l\":null},\"array\":[5,\"x\",null,true]}",
                              true, &t, &bad, &j),
                         0);
        assert_true(t.flag.is_set && !t.flag.value);
        assert_true(t.number.is_set && t.number.value == 7);
        assert_int_equal(t.text.n, 3);
        assert_memory_equal(t.text.data, "a\0b", 3);
        assert_int_equal(json_length(t.array), 4);
        assert_int_equal(json_as_u64(json_at(t.array, 0), &n), 0);
        assert_int_equal(n, 5);
        assert_int_equal(json_as_text(json_at(t.array, 0), &b), JSON_E_UNFIT);
        assert_int_equal(json_as_text(json_at(t.array, 1), &b), 0);
        assert_true(bytes_equal_text(b, "x"));
        assert_null(json_at(t.array, 2));
        assert_int_equal(json_as_text(NULL, &b), JSON_E_UNFIT);
        assert_int_equal(json_as_bool(json_at(t.array, 3), &flag), 0);
        assert_true(flag && json_is_map(t.map) && !json_is_map(t.array) && !json_is_map(NULL));
        assert_true(json_first(t.map, &m));
        assert_string_equal(m.name, "k");
        assert_int_equal(json_as_text(m.value, &b), 0);
        assert_true(json_next(&m));
        assert_string_equal(m.name, "l");
        assert_null(m.value);
        assert_false(json_next(&m));
        assert_false(json_first(NULL, &m));
        assert_int_equal(json_length(NULL), 0);
        ROW("what is absent is zeroed");
        j = json_drop(j);
        assert_int_equal(take("{\"text\":\"\"}", true, &t, &bad, &j), 0);
        assert_true(!t.flag.is_set && !t.number.is_set && !t.map && !t.array && t.text.n == 0);
}

/* Rule I14: nothing of what goes in comes out as it is. */
static void test_write(void **state) {
        static const char evil[] = "\x1b[31m\x7f\xc2\x9b\xe2\x80\xae\xff\"\\/\n";
        _cleanup_(json_dropp) Json *map = NULL, *array = NULL;
        Bytes text;

        (void)state;
        assert_int_equal(json_map(&map), 0);
        assert_int_equal(json_array(&array), 0);
        assert_int_equal(json_add_text(array, bytes_of(evil, sizeof(evil) - 1)), 0);
        assert_int_equal(json_add_u64(array, UINT64_MAX), 0);
        assert_int_equal(json_put(map, "array", &array), 0);
        assert_null(array);
        assert_int_equal(json_put_text(map, "text", BYTES_TEXT("\x1b\xff")), 0);
        assert_int_equal(json_put_null(map, "none"), 0);
        assert_int_equal(json_put_base64(map, "data", BYTES_TEXT("hello")), 0);
        assert_int_equal(json_text(map, &text), 0);
        assert_true(bytes_equal_text(
                text,
                "{\"array\":[\"\\\\x1b[31m\\\\x7f\\\\xc2\\\\x9b\\\\xe2\\\\x80\\\\xae\\\\xff\\\""
                "\\\\x5c/"
                "\\\\x0a\",18446744073709551615],\"text\":\"\\\\x1b\\\\xff\",\"none\":null,"
                "\"data\":\"aGVsbG8=\"}"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_text),  cmocka_unit_test(test_depth),
                cmocka_unit_test(test_take),  cmocka_unit_test(test_values),
                cmocka_unit_test(test_write),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
