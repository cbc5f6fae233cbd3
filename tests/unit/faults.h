/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * faults.h -- the n-th allocation from here fails, once, as test programs that are linked with
 * `fault_wraps` make it fail (--wrap: only our own objects call these).
 *
 * Of json-c what makes or prints a value, as it takes no notice of its own failures inside.
 */
#pragma once

#include <errno.h>
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/util.h"

/* May be in memory that is shared with a child. */
static uint64_t own_fails_in;
static uint64_t *fails_in = &own_fails_in;

static inline bool fails(void) {
        if (*fails_in == 0 || --*fails_in > 0)
                return false;
        errno = ENOMEM;
        return true;
}

/* By the linker, which link-time optimisation does not know. */
#define WRAP(type, name, parameters, arguments)                                                    \
        type __real_##name parameters;                                                             \
        __attribute__((used)) type __wrap_##name parameters;                                       \
        type __wrap_##name parameters {                                                            \
                return fails() ? NULL : __real_##name arguments;                                   \
        }

WRAP(void *, malloc, (size_t n), (n))
WRAP(void *, calloc, (size_t n, size_t size), (n, size))
WRAP(void *, realloc, (void *old, size_t n), (old, n))
WRAP(FILE *, open_memstream, (char **text, size_t *n), (text, n))
WRAP(char *, strdup, (const char *text), (text))
WRAP(char *, strndup, (const char *text, size_t n), (text, n))
WRAP(json_object *, json_object_new_object, (void), ())
WRAP(json_object *, json_object_new_array, (void), ())
WRAP(json_object *, json_object_new_string, (const char *text), (text))
WRAP(json_object *, json_object_new_uint64, (uint64_t value), (value))
WRAP(json_object *, json_object_new_boolean, (json_bool value), (value))
WRAP(json_tokener *, json_tokener_new_ex, (int depth), (depth))
WRAP(const char *, json_object_to_json_string_length, (json_object * j, int flags, size_t *n),
     (j, flags, n))
WRAP(const char *, json_object_to_json_string_ext, (json_object * j, int flags), (j, flags))

int __real_json_object_object_add(json_object *map, const char *key, json_object *value);
__attribute__((used)) int __wrap_json_object_object_add(json_object *map, const char *key,
                                                        json_object *value);
int __wrap_json_object_object_add(json_object *map, const char *key, json_object *value) {
        return fails() ? -1 : __real_json_object_object_add(map, key, value);
}

int __real_json_object_array_add(json_object *array, json_object *value);
__attribute__((used)) int __wrap_json_object_array_add(json_object *array, json_object *value);
int __wrap_json_object_array_add(json_object *array, json_object *value) {
        return fails() ? -1 : __real_json_object_array_add(array, value);
}

__attribute__((used, format(printf, 2, 3))) int __wrap_asprintf(char **ret, const char *format,
                                                                ...);
int __wrap_asprintf(char **ret, const char *format, ...) {
        va_list args;
        int r;

        if (fails())
                return -1;
        va_start(args, format);
        r = vasprintf(ret, format, args);
        va_end(args);
        return r;
}
