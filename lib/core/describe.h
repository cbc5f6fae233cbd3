/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * describe.h -- what the bytes of a record mean, as facts to show. Pure; allocates nothing.
 *
 * Nothing here decides what is hashed, extended or verified. A signature is taken apart, not
 * checked; bytes that are not what they should be are said to be so and given as bytes.
 *
 * The facts of a record stand in the order of its template's fields; `nth` counts the fields, so
 * that a format which names a field twice shows both. Keys, which are stable (they are JSON keys)
 * and occur at most once in a field:
 *
 *   field                     key           kind
 *   d d-ng d-ngv2 d-modsig    digest-type   WORD    ima, verity (d-ngv2 only)
 *                             algorithm     WORD    one of the kernel's hash names, or TEXT: a name
 *                                                   that is none of them, length unchecked
 *                             digest        HEX
 *   n n-ng                    name          TEXT    without its NUL
 *   sig evmsig                type          WORD    of the xattr: describe_xattr_types[]
 *                             version       NUMBER  of the signature: 1, 2, 3
 *                             algorithm     WORD    what was signed is a digest of this algorithm
 *                             keyid         HEX     4 bytes, big-endian (version 1: 8 bytes)
 *                             timestamp     HEX     version 1 only: in the signer's byte order
 *                             signature     HEX
 *                             digest        HEX     types that hold a digest and no signature
 *   buf                       content       WORD    text, key, hash (by the event's name); der or
 *                                                   unknown (event without a meaning known to us)
 *                             text          TEXT    content text
 *                             length        NUMBER  content key, der: bytes
 *                             key           HEX     content key: X.509 or PKCS#8, DER
 *                             hash          HEX     content hash
 *                             raw           HEX     content der, unknown
 *   modsig                    content       WORD    pkcs7
 *                             length        NUMBER  bytes
 *                             modsig        HEX     DER
 *   iuid                      uid           NUMBER
 *   igid                      gid           NUMBER
 *   imode                     mode          NUMBER  file type and permissions (show it octal)
 *   xattrnames                xattrnames    TEXT    joined by '|', without the NUL
 *   xattrlengths              xattrlengths  NUMBERS
 *   xattrvalues               xattrvalues   HEX     one after the other, as long as xattrlengths
 * say any, with no bytes        content       WORD    none any, malformed            raw HEX the
 * field's bytes, or all that are left (unknown template)        data          HEX     the template
 * data
 *
 * "No bytes" is well-formed where the kernel writes that: everywhere but in the digests d, d-ng and
 * d-ngv2 and in names. xattrnames, -lengths and -values are read one by one by the kernel, so under
 * a race they need not agree; whoever pairs them has to look.
 *
 * Templates and fields: kernel security/integrity/ima/ima_template.c, ima_template_lib.c.
 */
#pragma once

#include "core/template.h"

typedef enum FactKind {
        FACT_TEXT,    /* bytes from the list, to be escaped by whoever shows them */
        FACT_HEX,     /* bytes from the list that are no text */
        FACT_NUMBER,  /* number */
        FACT_NUMBERS, /* bytes: 32-bit numbers in the list's byte order, see fact_number_at() */
        FACT_WORD,    /* word: a constant of ours */
        _FACT_KIND_N,
} FactKind;

typedef struct Fact {
        const char *key; /* a constant */
        FieldId field;   /* _FIELD_ID_N: of no field (unknown template, or bytes behind them) */
        size_t nth;      /* which field of the record, from 0 */
        FactKind kind;
        Bytes bytes;      /* FACT_TEXT, FACT_HEX, FACT_NUMBERS; borrows from the record */
        uint64_t number;  /* FACT_NUMBER */
        const char *word; /* FACT_WORD */
} Fact;

/* The most facts of one field: a version 1 signature. */
#define DESCRIBE_FIELD_MAX 6U
/* Every field of the longest template, and bytes behind it. */
#define DESCRIBE_MAX (TEMPLATE_FIELD_MAX * DESCRIBE_FIELD_MAX + 1U)

typedef struct Description {
        bool is_unknown;      /* the template is neither built-in nor made of known fields */
        bool is_malformed;    /* a known template, but something in it is not as it must be */
        FieldId bad_field;    /* is_malformed: the first such field; _FIELD_ID_N: behind the last */
        size_t bad_at;        /* is_malformed: offset in the record's template data */
        const char *expected; /* is_malformed: what should stand there, a constant */
        ByteOrder order;      /* of the list */
        size_t n;
        Fact at[DESCRIBE_MAX];
} Description;

/* Names of xattr types by their number, 1 to 6 (kernel integrity.h, enum evm_ima_xattr_type). */
#define DESCRIBE_XATTR_TYPE_N 7U
extern const char *const describe_xattr_types[DESCRIBE_XATTR_TYPE_N];

void describe_record(const MlistRecord *record, ByteOrder order, Description *ret);
bool fact_number_at(const Description *d, const Fact *fact, size_t i, uint32_t *ret_number);
