/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mlist.h -- IMA's binary measurement list: bytes in, records out. Pure.
 *
 * A record may be cut anywhere: then there is MORE to come, which is never the end of the list and
 * never a record. Whether the list ends is for the caller to say: it ends where no byte is left.
 * Byte order is decided once, from record 0; a record that does not fit it is CORRUPT. Template
 * data is delimited for every template, known or not, and never looked into here.
 *
 * Format: kernel security/integrity/ima/ima_fs.c, ima_measurements_show().
 */
#pragma once

#include "base/bytes.h"
#include "core/digest.h"

/* A rule's pcr= may name 0..63 (kernel ima_policy.c: bits of measured_pcrs on 64-bit machines). */
#define MLIST_PCR_N 64U
/* Ours; a built-in name has 10 bytes at most, a custom format is its own name. */
#define MLIST_NAME_MAX 255U
/* Ours: a measured key may bring 1 MiB (kernel KEY_CHECK). */
#define MLIST_DATA_MAX (2U << 20)
/* A whole record: pcr, the largest digest, two lengths, name, data. */
#define MLIST_RECORD_MAX (12U + DIGEST_SIZE_MAX + MLIST_NAME_MAX + MLIST_DATA_MAX)
/* Template 'ima' hashes its name padded to this (kernel ima.h, IMA_EVENT_NAME_LEN_MAX + 1). */
#define MLIST_IMA_NAME_MAX 255U
#define MLIST_HASHED_PARTS 3U

enum {
        _MLIST_E_SUCCESS,
        MLIST_E_MORE,    /* the input ends inside a record: feed more, call again */
        MLIST_E_CORRUPT, /* no further byte can make this a record */
        MLIST_E_LIMIT,   /* a record, but larger than we accept */
};

/* What is fixed for a whole list. */
typedef struct MlistForm {
        ByteOrder order;
        DigestAlg alg; /* of the template digests in the list; sha1 but in per-algorithm lists */
} MlistForm;

/* All slices borrow from the parsed input. */
typedef struct MlistRecord {
        uint32_t pcr;
        Bytes digest; /* the template digest that the list claims */
        Bytes name;   /* of the template */
        Bytes data;   /* template data; for template 'ima' the file digest, a length, the name */
        Bytes ima_digest;  /* template 'ima' only: 20 bytes, or 16 with ima_hash=md5 */
        Bytes ima_name;    /* template 'ima' only */
        Bytes whole;       /* the record from its first byte to its last */
        bool is_ima;       /* template 'ima', which carries no total length */
        bool is_violation; /* digest of zeros: the PCR gets ones */
} MlistRecord;

typedef enum MlistFault {
        MLIST_FAULT_NONE,
        MLIST_FAULT_ORDER,
        MLIST_FAULT_PCR,
        MLIST_FAULT_NAME_EMPTY,
        MLIST_FAULT_NAME_LONG,
        MLIST_FAULT_DATA_LONG,
        MLIST_FAULT_IMA_NAME_LONG,
        MLIST_FAULT_FORM,
        MLIST_FAULT_FORM_TWO,
        MLIST_FAULT_ASCII_PCR,
        MLIST_FAULT_ASCII_DIGEST,
        MLIST_FAULT_ASCII_NAME,
        MLIST_FAULT_ASCII_LONG,
        _MLIST_FAULT_N,
} MlistFault;

/* Where and why a record was refused. */
typedef struct MlistError {
        MlistFault fault;
        size_t at;      /* offset of the field in the record */
        uint32_t value; /* what stands there, if mlist_fault_has_value() */
} MlistError;

const char *mlist_fault_text(MlistFault fault);
bool mlist_fault_has_value(MlistFault fault);
int mlist_detect(Bytes input, DigestAlg alg, MlistForm *ret_form, MlistError *ret_error);
int mlist_detect_any(Bytes input, bool at_end, const Hashers *hashers, MlistForm *ret_form,
                     MlistError *ret_error);
int mlist_parse(Bytes *input, const MlistForm *form, Hasher *first, MlistRecord *ret_record,
                MlistError *ret_error);
size_t mlist_hashed(const MlistRecord *record, Bytes ret_parts[static MLIST_HASHED_PARTS]);
int mlist_digest(const MlistRecord *record, Hasher *h, Digest *ret_digest);
int mlist_digest_fits(const MlistRecord *record, DigestAlg alg, Hasher *h, bool *ret_fits);
int mlist_extend_digest(const MlistRecord *record, DigestAlg alg, Hasher *h, Digest *ret_digest);
