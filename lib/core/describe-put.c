/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/describe-internal.h"

#include <assert.h>

static Fact *fact_new(FactSink *to, const char *key, FactKind kind) {
        Description *d = to->d;

        assert(d->n < DESCRIBE_MAX);
        d->at[d->n] = (Fact){ .key = key, .field = to->field, .nth = to->nth, .kind = kind };
        return &d->at[d->n++];
}

/**
 * describe_put_bytes() - add a fact that is a slice of the record
 * @to:    where it goes
 * @key:   a constant
 * @kind:  FACT_TEXT, FACT_HEX or FACT_NUMBERS
 * @bytes: the slice
 */
void describe_put_bytes(FactSink *to, const char *key, FactKind kind, Bytes bytes) {
        fact_new(to, key, kind)->bytes = bytes;
}

/**
 * describe_put_number() - add a fact that is a number
 * @to:     where it goes
 * @key:    a constant
 * @number: the number
 */
void describe_put_number(FactSink *to, const char *key, uint64_t number) {
        fact_new(to, key, FACT_NUMBER)->number = number;
}

/**
 * describe_put_word() - add a fact that is one of our words
 * @to:   where it goes
 * @key:  a constant
 * @word: a constant
 */
void describe_put_word(FactSink *to, const char *key, const char *word) {
        fact_new(to, key, FACT_WORD)->word = word;
}
