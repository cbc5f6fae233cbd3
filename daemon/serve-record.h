/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * serve-record.h -- one record as org.imareplay.replay gives it (type Record), and which ones.
 */
#pragma once

#include "os/spool-reader.h"
#include "varlink/json.h"

typedef struct ServeRecord {
        uint64_t position;
        const SpoolRecord *got;
        ByteOrder order;
        BankMask banks;
        const DigestSet *digests;
} ServeRecord;

/* Which records are wanted (type Filter): those that satisfy all that is set. */
typedef struct ServeFilter {
        JsonU64 pcr;
        JsonBool violation;
        bool has_template, has_prefix;
        char *template, *prefix; /* owned */
        size_t n_template, n_prefix;
} ServeFilter;

enum {
        _SERVE_FILTER_E_SUCCESS,
        SERVE_FILTER_E_UNFIT, /* it is no filter */
};

int serve_filter_take(const Json *j, ServeFilter *f);
void serve_filter_deinit(ServeFilter *f);
int serve_filter_wants(const ServeFilter *f, const MlistRecord *record, ByteOrder order,
                       bool *ret_wants);

int serve_record_json(const ServeRecord *in, Json **ret_json);
size_t serve_record_size(const ServeRecord *in);
