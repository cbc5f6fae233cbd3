/* SPDX-License-Identifier: BSD-2-Clause */
#include "varlink/json.h"

#include <json-c/json.h>

#include "base/encode.h"
#include "base/error.h"
#include "base/escape.h"

/**
 * json_map() - a new, empty object
 * @ret_map: to be dropped, or put somewhere; set on success only
 *
 * Return: 0 or -ENOMEM.
 */
int json_map(Json **ret_map) {
        Json *j = json_object_new_object();

        if (!j)
                return error_origin(-ENOMEM);
        *ret_map = j;
        return 0;
}

/**
 * json_array() - a new, empty array
 * @ret_array: to be dropped, or put somewhere; set on success only
 *
 * Return: 0 or -ENOMEM.
 */
int json_array(Json **ret_array) {
        Json *j = json_object_new_array();

        if (!j)
                return error_origin(-ENOMEM);
        *ret_array = j;
        return 0;
}

/**
 * json_drop() - give up a value
 * @j: the value or NULL
 *
 * Return: NULL.
 */
Json *json_drop(Json *j) {
        if (j)
                (void)json_object_put(j);
        return NULL;
}

/**
 * json_share() - own a value that somebody else owns, too
 * @j: the value, or NULL; not to be changed by either
 *
 * Return: the same, to be dropped.
 */
Json *json_share(const Json *j) {
        return json_object_get((Json *)j);
}

/**
 * json_put() - set a member
 * @map:   the object
 * @key:   its name, one of our own words
 * @child: the value; taken over (and NULL afterwards) on success only
 *
 * Return: 0 or -ENOMEM.
 */
int json_put(Json *map, const char *key, Json **child) {
        if (!*child || json_object_object_add(map, key, *child) != 0)
                return error_origin(-ENOMEM);
        *child = NULL;
        return 0;
}

/**
 * json_put_u64() - set a member to a number; json_put_bool(), _text(), _hex() to other things
 * @map:   the object
 * @key:   its name
 * @value: the value
 *
 * Return: 0 or -ENOMEM.
 */
int json_put_u64(Json *map, const char *key, uint64_t value) {
        _cleanup_(json_dropp) Json *j = json_object_new_uint64(value);

        return error_trace(json_put(map, key, &j));
}

int json_put_bool(Json *map, const char *key, bool value) {
        _cleanup_(json_dropp) Json *j = json_object_new_boolean(value);

        return error_trace(json_put(map, key, &j));
}

int json_put_text(Json *map, const char *key, Bytes text) {
        _cleanup_free_ char *escaped = NULL;
        int r;

        r = escape_new(text, &escaped);
        if (r < 0)
                return error_trace(r);
        return error_trace(json_put_literal(map, key, escaped));
}

int json_put_hex(Json *map, const char *key, Bytes data) {
        _cleanup_free_ char *text = malloc(HEX_SIZE(data.n));

        if (!text)
                return error_origin(-ENOMEM);
        hex_encode(data, text, HEX_SIZE(data.n));
        return error_trace(json_put_literal(map, key, text));
}

/**
 * json_put_base64() - set a member to bytes, as RFC 4648 section 4 writes them
 * @map:  the object
 * @key:  its name
 * @data: the bytes
 *
 * Return: 0 or -ENOMEM.
 */
int json_put_base64(Json *map, const char *key, Bytes data) {
        _cleanup_free_ char *text = NULL;
        int r;

        r = base64_encode(data, &text);
        if (r < 0)
                return error_trace(r);
        return error_trace(json_put_literal(map, key, text));
}

/**
 * json_put_literal() - set a member to a text that needs no escaping: ours, or escaped already
 * @map:  the object
 * @key:  its name
 * @text: well-formed UTF-8, nothing in it as it came from outside
 *
 * Return: 0 or -ENOMEM.
 */
int json_put_literal(Json *map, const char *key, const char *text) {
        _cleanup_(json_dropp) Json *j = json_object_new_string(text);

        return error_trace(json_put(map, key, &j));
}

/**
 * json_put_null() - set a member to null
 * @map: the object
 * @key: its name
 *
 * Return: 0 or -ENOMEM.
 */
int json_put_null(Json *map, const char *key) {
        return json_object_object_add(map, key, NULL) != 0 ? error_origin(-ENOMEM) : 0;
}

/**
 * json_add() - append to an array
 * @array: the array
 * @child: the value; taken over (and NULL afterwards) on success only
 *
 * Return: 0 or -ENOMEM.
 */
int json_add(Json *array, Json **child) {
        if (!*child || json_object_array_add(array, *child) != 0)
                return error_origin(-ENOMEM);
        *child = NULL;
        return 0;
}

/**
 * json_add_text() - append text, escaped; json_add_u64() a number
 * @array: the array
 * @text:  the bytes
 *
 * Return: 0 or -ENOMEM.
 */
int json_add_text(Json *array, Bytes text) {
        _cleanup_(json_dropp) Json *j = NULL;
        _cleanup_free_ char *escaped = NULL;
        int r;

        r = escape_new(text, &escaped);
        if (r < 0)
                return error_trace(r);
        j = json_object_new_string(escaped);
        return error_trace(json_add(array, &j));
}

int json_add_u64(Json *array, uint64_t value) {
        _cleanup_(json_dropp) Json *j = json_object_new_uint64(value);

        return error_trace(json_add(array, &j));
}

/**
 * json_text() - the document as text, on one line
 * @j:        the document
 * @ret_text: borrowed from @j until it is changed or dropped, a NUL behind it; set on success only
 *
 * Return: 0 or -ENOMEM.
 */
int json_text(Json *j, Bytes *ret_text) {
        const char *text;
        size_t n = 0;

        text = json_object_to_json_string_length(
                j, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &n);
        if (!text)
                return error_origin(-ENOMEM);
        *ret_text = bytes_of(text, n);
        return 0;
}

/**
 * json_print() - write a document and a newline
 * @f:    where to
 * @j:    the document
 * @form: JSON_SHORT or JSON_PRETTY
 *
 * Return: 0, -ENOMEM or -EIO.
 */
int json_print(FILE *f, Json *j, JsonForm form) {
        int flags = JSON_C_TO_STRING_NOSLASHESCAPE;
        const char *text;

        if (form == JSON_PRETTY)
                flags |= JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED;
        text = json_object_to_json_string_ext(j, flags);
        if (!text)
                return error_origin(-ENOMEM);
        if (fprintf(f, "%s\n", text) < 0)
                return error_origin(-EIO);
        return 0;
}
