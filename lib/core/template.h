/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * template.h -- what the bytes of template data mean. Pure.
 *
 * Nothing here decides what is hashed or extended: an unknown template is extended like any other.
 *
 * Templates and fields: kernel security/integrity/ima/ima_template.c.
 */
#pragma once

#include "core/mlist.h"

/* kernel ima.h, IMA_TEMPLATE_NUM_FIELDS_MAX */
#define TEMPLATE_FIELD_MAX 15U

typedef enum FieldId {
        FIELD_D,
        FIELD_N,
        FIELD_D_NG,
        FIELD_D_NGV2,
        FIELD_N_NG,
        FIELD_SIG,
        FIELD_BUF,
        FIELD_D_MODSIG,
        FIELD_MODSIG,
        FIELD_EVMSIG,
        FIELD_IUID,
        FIELD_IGID,
        FIELD_IMODE,
        FIELD_XATTRNAMES,
        FIELD_XATTRLENGTHS,
        FIELD_XATTRVALUES,
        _FIELD_ID_N,
} FieldId;

typedef struct TemplateField {
        FieldId id;
        Bytes data; /* without its length */
} TemplateField;

typedef struct TemplateFields {
        size_t n;
        TemplateField at[TEMPLATE_FIELD_MAX];
} TemplateFields;

enum {
        _TEMPLATE_E_SUCCESS,
        TEMPLATE_E_UNKNOWN,   /* neither a built-in name nor a format of known fields */
        TEMPLATE_E_MALFORMED, /* the fields do not add up to the data */
};

const char *template_field_name(FieldId id);
int template_split(const MlistRecord *record, ByteOrder order, TemplateFields *ret_fields);

/* What a record is about: the file or event, and its digest with the algorithm's kernel name. */
typedef struct TemplateSubject {
        Bytes name;
        Bytes alg;
        Bytes digest;
} TemplateSubject;

int template_subject(const MlistRecord *record, ByteOrder order, TemplateSubject *ret_subject);
