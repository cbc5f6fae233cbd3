/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * describe-internal.h -- how the files of describe write facts.
 *
 * Each describe_*() below takes the bytes of one field off `in`, writes its facts and returns NULL;
 * or it returns what it expected, with `in` standing where that is missing. Then the caller drops
 * the field's facts and shows its bytes instead.
 */
#pragma once

#include "core/describe.h"

typedef struct FactSink {
        Description *d;
        FieldId field;
        size_t nth;
} FactSink;

void describe_put_bytes(FactSink *to, const char *key, FactKind kind, Bytes bytes);
void describe_put_number(FactSink *to, const char *key, uint64_t number);
void describe_put_word(FactSink *to, const char *key, const char *word);

/* What a digest of one of the kernel's algorithms is called and how long it is. */
typedef struct HashInfo {
        const char *name;
        size_t size;
} HashInfo;

const HashInfo *describe_hash_by_name(Bytes name);
const HashInfo *describe_hash_by_number(uint8_t number);
bool describe_hash_has_size(size_t size);

const char *describe_xattr(FactSink *to, Bytes *in);
const char *describe_buf(FactSink *to, Bytes event, Bytes *in);
const char *describe_modsig(FactSink *to, Bytes *in);
