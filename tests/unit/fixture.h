/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fixture.h -- what the unit tests share.
 *
 * Every input of a parser is a heap block of exactly its size, so that ASan sees the first byte
 * read behind it. Records are built here from their fields, with digests from OpenSSL's one-shot
 * call: nothing of the code under test makes its own input.
 */
#pragma once

#include "lib/cmocka-all.h"

#include "base/bytes.h"
#include "base/util.h"
#include "core/digest.h"
#include "core/mlist.h"
#include "core/template.h"

/* Name the row of a table before anything is asserted about it. */
#define ROW(name) print_message("           row: %s\n", (name))

/* An assertion that says of what it speaks; for loops, where one line a turn would be too much. */
#define CHECK(what, ...)                                                                           \
        do {                                                                                       \
                if (!(what)) {                                                                     \
                        print_error("not true: %s: ", #what);                                      \
                        print_error(__VA_ARGS__);                                                  \
                        fail();                                                                    \
                }                                                                                  \
        } while (0)

#define POISON 0xa5

/* One hasher for each algorithm; open between setup and teardown of a group of tests. */
extern Hashers all_hashers;
int all_hashers_open(void **state);
int all_hashers_close(void **state);

Bytes heap_copy(Bytes b);
Bytes heap_file(const char *path);
void heap_free(Bytes b);
bool aborts(void (*func)(void));

Bytes hex_of(const char *hex, uint8_t *data, size_t max);
void hash_of(DigestAlg alg, Bytes data, uint8_t *ret_digest);

/* Template data: one field, a d-ng field, an n-ng field. */
void put_field(Builder *b, ByteOrder order, Bytes data);
void put_d_ng(Builder *b, ByteOrder order, const char *alg, Bytes digest);
void put_n_ng(Builder *b, ByteOrder order, const char *name);

/* Records with the digest that belongs to them, or of zeros. */
void put_head(Builder *b, const MlistForm *form, uint32_t pcr, Bytes digest, const char *name);
void put_record(Builder *b, const MlistForm *form, uint32_t pcr, const char *name, Bytes data);
void put_violation(Builder *b, const MlistForm *form, uint32_t pcr, const char *name, Bytes data);
void put_ima(Builder *b, const MlistForm *form, uint32_t pcr, Bytes digest, Bytes name);
void put_ima_as(Builder *b, const MlistForm *form, uint32_t pcr, Bytes record_digest, Bytes digest,
                Bytes name);
void put_sample(Builder *b, const MlistForm *form, uint32_t pcr, const char *name);

/* A block to build in, larger than any record; there is one, so take it again only when done. */
Builder scratch(void);
Bytes scratch_done(const Builder *b);

/* One call of the code under test, and what a failed call must leave alone; with all_hashers. */
int parse_record(Bytes *in, const MlistForm *form, MlistRecord *ret_record, MlistError *ret_error);
bool record_fits(const MlistRecord *record, DigestAlg alg);
void check_prefixes(Bytes record, const MlistForm *form);
int subject_of(const MlistRecord *record, ByteOrder order, TemplateSubject *ret_subject);

/* Records as mlist gives them, that need no list. */
MlistRecord record_of(const char *name, Bytes data);
MlistRecord bare_record(uint32_t pcr, const char *data, bool violation);
