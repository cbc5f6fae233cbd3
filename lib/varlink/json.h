/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * json.h -- JSON objects, over json-c.
 *
 * Text goes in only as bytes and is escaped on the way (rule I14), so nothing from outside can
 * break the document or a terminal. What comes from outside is taken by a table that says what
 * may be there.
 */
#pragma once

#include <stdio.h>

#include "base/bytes.h"
#include "base/util.h"

typedef struct json_object Json;

typedef enum JsonForm {
        JSON_OFF,
        JSON_SHORT,
        JSON_PRETTY,
        _JSON_FORM_N,
} JsonForm;

int json_map(Json **ret_map);
int json_array(Json **ret_array);
Json *json_drop(Json *j);
DEFINE_CLEANUP(Json, json_drop);
int json_put(Json *map, const char *key, Json **child);
int json_put_u64(Json *map, const char *key, uint64_t value);
int json_put_bool(Json *map, const char *key, bool value);
int json_put_text(Json *map, const char *key, Bytes text);
int json_put_hex(Json *map, const char *key, Bytes data);
int json_put_base64(Json *map, const char *key, Bytes data);
/* Unescaped: for texts of our own, that have lines; never for what comes from outside. */
int json_put_literal(Json *map, const char *key, const char *text);
int json_put_null(Json *map, const char *key);
int json_add_text(Json *array, Bytes text);
int json_add_u64(Json *array, uint64_t value);
int json_add(Json *array, Json **child);
Json *json_share(const Json *j);
int json_text(Json *j, Bytes *ret_text); /* short, without a newline */
int json_print(FILE *f, Json *j, JsonForm form);

/*
 * Reading
 */

typedef enum JsonType {
        JSON_TYPE_BOOL,  /* into a JsonBool */
        JSON_TYPE_U64,   /* into a JsonU64; an integer from 0 on */
        JSON_TYPE_TEXT,  /* into a Bytes: borrowed from the object, without its NUL; raw */
        JSON_TYPE_MAP,   /* into a const Json *, borrowed */
        JSON_TYPE_ARRAY, /* likewise */
        _JSON_TYPE_N,
} JsonType;

/* A member that is absent or null leaves these zeroed. */
typedef struct JsonBool {
        bool is_set, value;
} JsonBool;

typedef struct JsonU64 {
        bool is_set;
        uint64_t value;
} JsonU64;

typedef struct JsonField {
        const char *name;
        JsonType type;
        bool is_required;
        size_t offset; /* in what is filled */
} JsonField;

/* A member of an object, while one goes through it; name and value are borrowed, and raw. */
typedef struct JsonMember {
        const char *name;
        const Json *value; /* NULL for `null` */
        const void *place;
} JsonMember;

enum {
        _JSON_E_SUCCESS,
        JSON_E_UNFIT, /* a member is missing, has another type, or (strict) is not in the table */
};

/* Strict: a member that is not in the table does not fit. Else it is passed over. */
int json_take(const Json *map, const JsonField fields[], size_t n_fields, bool is_strict,
              void *into, const char **ret_bad);
int json_as_text(const Json *j, Bytes *ret);
int json_as_u64(const Json *j, uint64_t *ret);
int json_as_bool(const Json *j, bool *ret);
bool json_is_map(const Json *j);
size_t json_length(const Json *array);
const Json *json_at(const Json *array, size_t i);
int json_parse(Bytes text, unsigned depth_max, Json **ret_value);
bool json_first(const Json *map, JsonMember *ret_member);
bool json_next(JsonMember *member);
