/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * json-read.c -- what comes from outside: text becomes values, values are taken by a table.
 */
#include "varlink/json.h"

#include <assert.h>
#include <json-c/json.h>
#include <json-c/json_visit.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/escape.h"

/* json-c does not change what it looks at, but says so of some only. */
static Json *json_loose(const Json *j) {
        return (Json *)j;
}

/*
 * Text
 */

typedef struct JsonCount {
        size_t n_members, n_colons;
        unsigned depth, depth_max;
        bool is_bad; /* a number that is none */
} JsonCount;

/*
 * json-c lets the last of two members of one name win, and others the first: so none may. Where
 * the text is valid each member has one colon outside of strings, and a member that was given
 * twice is one member less in the tree. What json-c takes beyond RFC 8259 even if strict, names in
 * single quotes and raw control characters, is found here as well; and depth, of which it does not
 * count the innermost where that is empty.
 *
 * Return: whether the text may be JSON.
 */
static bool json_scan(Bytes text, JsonCount *count) {
        bool in_string = false;
        uint8_t c;

        while (bytes_take_u8(&text, &c)) {
                if (c == '"')
                        in_string = !in_string;
                else if (in_string ? c < 0x20 : c == '\'')
                        return false;
                else if (c == '\\')
                        (void)bytes_take_u8(&text, &c); /* only in strings */
                else if (in_string)
                        continue;
                else if (c == ':')
                        ++count->n_colons;
                else if ((c == '{' || c == '[') && ++count->depth > count->depth_max)
                        return false;
                else if ((c == '}' || c == ']') && count->depth-- == 0)
                        return false;
        }
        return true;
}

static int json_count_one(Json *j, int flags, Json *parent, const char *key, size_t *index,
                          void *userdata) {
        JsonCount *count = userdata;

        (void)parent;
        (void)key;
        (void)index;
        if (flags == JSON_C_VISIT_SECOND)
                return JSON_C_VISIT_RETURN_CONTINUE;
        if (json_object_is_type(j, json_type_object))
                count->n_members += (size_t)json_object_object_length(j);
        if (json_object_is_type(j, json_type_double) && !isfinite(json_object_get_double(j)))
                count->is_bad = true;
        return JSON_C_VISIT_RETURN_CONTINUE;
}

static int json_parse_with(struct json_tokener *t, Bytes text, JsonCount *count, Json **ret_value) {
        _cleanup_(json_dropp) Json *j = NULL;

        j = json_tokener_parse_ex(t, (const char *)text.data, (int)text.n);
        /* Only a number does not say that it ends. */
        if (!j && json_tokener_get_error(t) == json_tokener_continue)
                j = json_tokener_parse_ex(t, "", 1);
        if (json_tokener_get_error(t) != json_tokener_success ||
            json_c_visit(j, 0, json_count_one, count) != 0 || count->is_bad ||
            count->n_members != count->n_colons)
                return JSON_E_UNFIT;
        *ret_value = TAKE(j);
        return 0;
}

/**
 * json_parse() - read a document
 * @text:      the whole of it; any bytes
 * @depth_max: so many objects and arrays may be inside each other
 * @ret_value: to be dropped by the caller; NULL for `null`; set on success only
 *
 * Strict RFC 8259 in well-formed UTF-8: no comments, no NaN, nothing behind it; and no name twice
 * in an object, as readers do not agree which of both they take.
 *
 * Return: 0, JSON_E_UNFIT (also where json-c runs out of memory: 0.16 does not tell), or -ENOMEM.
 */
int json_parse(Bytes text, unsigned depth_max, Json **ret_value) {
        JsonCount count = { .depth_max = depth_max };
        struct json_tokener *t;
        int r;

        assert(depth_max > 0 && depth_max < INT_MAX);
        /* A NUL ends the text for json-c, and its own look at UTF-8 takes what is overlong. */
        if (text.n == 0 || text.n > INT_MAX || memchr(text.data, '\0', text.n) ||
            !escape_is_utf8(text) || !json_scan(text, &count))
                return JSON_E_UNFIT;
        t = json_tokener_new_ex((int)depth_max + 1);
        if (!t)
                return error_origin(-ENOMEM);
        json_tokener_set_flags(t, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
        r = json_parse_with(t, text, &count, ret_value);
        json_tokener_free(t);
        return error_trace(r);
}

/*
 * Values
 */

/**
 * json_as_text() - the bytes of a string; json_as_u64(), json_as_bool() of other things
 * @j:   any value or NULL
 * @ret: borrowed from @j, without its NUL, raw; set on success only
 *
 * A number is taken up to 2^63-1: what is larger json-c may have cut to fit.
 *
 * Return: 0, or JSON_E_UNFIT: it is something else.
 */
int json_as_text(const Json *j, Bytes *ret) {
        if (!json_object_is_type(j, json_type_string))
                return JSON_E_UNFIT;
        *ret = bytes_of(json_object_get_string(json_loose(j)),
                        (size_t)json_object_get_string_len(j));
        return 0;
}

int json_as_u64(const Json *j, uint64_t *ret) {
        uint64_t value;

        if (!json_object_is_type(j, json_type_int) || json_object_get_int64(j) < 0)
                return JSON_E_UNFIT;
        value = json_object_get_uint64(j);
        if (value > INT64_MAX)
                return JSON_E_UNFIT;
        *ret = value;
        return 0;
}

int json_as_bool(const Json *j, bool *ret) {
        if (!json_object_is_type(j, json_type_boolean))
                return JSON_E_UNFIT;
        *ret = json_object_get_boolean(j);
        return 0;
}

/**
 * json_is_map() - is it an object?
 * @j: any value or NULL
 *
 * Return: whether it is.
 */
bool json_is_map(const Json *j) {
        return json_object_is_type(j, json_type_object);
}

/* By type of the field; JSON_E_UNFIT when @j is of another. */
static int json_take_value(const Json *j, const JsonField *f, void *into) {
        void *at = (uint8_t *)into + f->offset;
        JsonBool *flag = at;
        JsonU64 *number = at;
        bool fits = false;

        switch (f->type) {
        case JSON_TYPE_BOOL:
                flag->is_set = fits = json_as_bool(j, &flag->value) == 0;
                break;
        case JSON_TYPE_U64:
                number->is_set = fits = json_as_u64(j, &number->value) == 0;
                break;
        case JSON_TYPE_TEXT:
                return json_as_text(j, at);
        case JSON_TYPE_MAP:
        case JSON_TYPE_ARRAY:
                fits = json_object_is_type(j, f->type == JSON_TYPE_MAP ? json_type_object
                                                                       : json_type_array);
                if (fits)
                        *(const Json **)at = j;
                break;
        case _JSON_TYPE_N:
                break;
        }
        return fits ? 0 : JSON_E_UNFIT;
}

static void json_zero_value(const JsonField *f, void *into) {
        static const size_t size[] = {
                [JSON_TYPE_BOOL] = sizeof(JsonBool),      [JSON_TYPE_U64] = sizeof(JsonU64),
                [JSON_TYPE_TEXT] = sizeof(Bytes),         [JSON_TYPE_MAP] = sizeof(const Json *),
                [JSON_TYPE_ARRAY] = sizeof(const Json *),
        };

        memset((uint8_t *)into + f->offset, 0, size[f->type]);
}

static bool json_is_named(const JsonField fields[], size_t n_fields, const char *name) {
        for (size_t i = 0; i < n_fields; ++i)
                if (strcmp(fields[i].name, name) == 0)
                        return true;
        return false;
}

/**
 * json_take() - fill a struct from an object
 * @map:       the object
 * @fields:    what may be there; absent and null are the same
 * @n_fields:  their number
 * @is_strict: a member that is not in @fields does not fit; else it is passed over
 * @into:      filled where @fields say; all of them are zeroed first, also on failure
 * @ret_bad:   the member that does not fit: a name of @fields, or (strict) one of @map, which is
 *             raw and lives as long as @map; set with JSON_E_UNFIT only
 *
 * Return: 0 or JSON_E_UNFIT.
 */
int json_take(const Json *map, const JsonField fields[], size_t n_fields, bool is_strict,
              void *into, const char **ret_bad) {
        JsonMember m;

        for (size_t i = 0; i < n_fields; ++i)
                json_zero_value(&fields[i], into);
        for (size_t i = 0; i < n_fields; ++i) {
                Json *j = NULL;

                (void)json_object_object_get_ex(map, fields[i].name, &j);
                if (j ? json_take_value(j, &fields[i], into) != 0 : fields[i].is_required) {
                        *ret_bad = fields[i].name;
                        return JSON_E_UNFIT;
                }
        }
        for (bool any = is_strict && json_first(map, &m); any; any = json_next(&m))
                if (!json_is_named(fields, n_fields, m.name)) {
                        *ret_bad = m.name;
                        return JSON_E_UNFIT;
                }
        return 0;
}

/**
 * json_length() - how many values an array has
 * @array: an array, or NULL
 *
 * Return: their number; 0 for NULL.
 */
size_t json_length(const Json *array) {
        return array ? json_object_array_length(array) : 0;
}

/**
 * json_at() - a value of an array
 * @array: the array
 * @i:     its number, below json_length()
 *
 * Return: borrowed; NULL for `null`.
 */
const Json *json_at(const Json *array, size_t i) {
        assert(i < json_length(array));
        return json_object_array_get_idx(array, i);
}

/**
 * json_first() - go through the members of an object; json_next() goes on
 * @map:        the object, or NULL (it has none); unchanged meanwhile
 * @ret_member: the first member, borrowed; set on success only
 *
 * Return: whether there is one.
 */
bool json_first(const Json *map, JsonMember *ret_member) {
        const struct lh_entry *e = map ? json_object_get_object(map)->head : NULL;

        if (!e)
                return false;
        *ret_member = (JsonMember){ lh_entry_k(e), lh_entry_v(e), e };
        return true;
}

bool json_next(JsonMember *member) {
        const struct lh_entry *e = ((const struct lh_entry *)member->place)->next;

        if (!e)
                return false;
        *member = (JsonMember){ lh_entry_k(e), lh_entry_v(e), e };
        return true;
}
