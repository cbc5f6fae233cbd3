/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * json.h -- JSON objects for output, over json-c.
 *
 * Text goes in only as bytes and is escaped on the way (rule I14), so nothing from outside can
 * break the document or a terminal.
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
int json_add(Json *array, Json **child);
int json_print(FILE *f, Json *j, JsonForm form);
