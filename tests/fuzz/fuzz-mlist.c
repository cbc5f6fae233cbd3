/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz-mlist.c -- any bytes as a measurement list: parsed, hashed, split, replayed.
 *
 * The first byte chooses the algorithm of the list's digests, the others are the list.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/util.h"
#include "core/digest.h"
#include "core/mlist.h"
#include "core/mode.h"
#include "core/replay.h"
#include "core/template.h"

/* Not assert(): these stay in a build without. */
#define HOLDS(what)                                                                                \
        do {                                                                                       \
                if (!(what))                                                                       \
                        abort();                                                                   \
        } while (0)

#define BANKS (BANK(DIGEST_SHA1) | BANK(DIGEST_SHA256))

static Hashers *hashers(void) {
        static Hashers h;
        DigestAlg alg;

        HOLDS(hashers_open(&h, BANK(_DIGEST_ALG_N) - 1, &alg) == 0);
        return &h;
}

static bool is_inside(Bytes part, Bytes whole) {
        return part.n == 0 || (part.data >= whole.data && part.n <= whole.n &&
                               (size_t)(part.data - whole.data) <= whole.n - part.n);
}

/* Parse, and look at what the call did with its outputs. */
static int parse(Bytes *in, const MlistForm *form, MlistRecord *ret_record) {
        MlistError error = { .fault = _MLIST_FAULT_N };
        MlistRecord record = { .pcr = UINT32_MAX };
        Bytes before = *in;
        int r;

        r = mlist_parse(in, form, hashers()->of[form->alg], &record, &error);
        HOLDS(r >= 0 && r <= MLIST_E_LIMIT);
        if (r == 0) {
                HOLDS(record.whole.data == before.data && record.whole.n <= before.n);
                HOLDS(record.whole.n <= MLIST_RECORD_MAX);
                HOLDS(in->data == before.data + record.whole.n);
                HOLDS(in->n == before.n - record.whole.n);
                *ret_record = record;
        } else {
                HOLDS(in->data == before.data && in->n == before.n);
                HOLDS(record.pcr == UINT32_MAX);
        }
        if (r == 0 || r == MLIST_E_MORE)
                HOLDS(error.fault == _MLIST_FAULT_N);
        else
                HOLDS(*mlist_fault_text(error.fault) && error.at <= before.n);
        return r;
}

static void check_record(const MlistRecord *record, const MlistForm *form) {
        HOLDS(record->pcr < MLIST_PCR_N);
        HOLDS(record->digest.n == digest_size(form->alg));
        HOLDS(record->name.n > 0 && record->name.n <= MLIST_NAME_MAX);
        HOLDS(is_inside(record->digest, record->whole) && is_inside(record->name, record->whole));
        HOLDS(is_inside(record->data, record->whole) && record->data.n <= MLIST_DATA_MAX);
        HOLDS(is_inside(record->ima_digest, record->data));
        HOLDS(is_inside(record->ima_name, record->data));
        HOLDS(record->is_ima == bytes_equal_text(record->name, "ima"));
        HOLDS(record->is_violation == bytes_is_zero(record->digest));
        /* The parts are the whole: nothing between them, nothing left over. */
        HOLDS(record->whole.n ==
              8 + record->digest.n + record->name.n + (record->is_ima ? 0 : 4) + record->data.n);
        HOLDS(!record->is_ima || record->data.n == record->ima_digest.n + 4 + record->ima_name.n);
}

/* A record in a block of its own is the same record, and one byte less is none. */
static void check_alone(const MlistRecord *record, const MlistForm *form) {
        uint8_t *copy = malloc(record->whole.n);
        Bytes in = { copy, record->whole.n };
        MlistRecord again;

        HOLDS(copy);
        memcpy(copy, record->whole.data, record->whole.n);
        HOLDS(parse(&in, form, &again) == 0);
        HOLDS(in.n == 0);
        HOLDS(again.pcr == record->pcr && again.is_ima == record->is_ima);
        HOLDS(bytes_equal(again.name, record->name) && bytes_equal(again.data, record->data));
        HOLDS(again.ima_digest.n == record->ima_digest.n);
        in = bytes_of(copy, record->whole.n - 1);
        HOLDS(parse(&in, form, &again) == MLIST_E_MORE);
        free(copy);
}

static void check_template(const MlistRecord *record, const MlistForm *form) {
        TemplateFields fields;
        TemplateSubject s;
        ModeFacts facts = {};
        size_t n = 0;

        if (template_split(record, form->order, &fields) == 0) {
                HOLDS(fields.n <= TEMPLATE_FIELD_MAX);
                for (size_t i = 0; i < fields.n; ++i) {
                        HOLDS(*template_field_name(fields.at[i].id));
                        HOLDS(is_inside(fields.at[i].data, record->data));
                        n += 4 + fields.at[i].data.n;
                }
                HOLDS(n == record->data.n + (record->is_ima ? 4 : 0));
        }
        if (template_subject(record, form->order, &s) == 0) {
                HOLDS(is_inside(s.name, record->data) && is_inside(s.digest, record->data));
        }
        mode_look_at_record(record, form->order, &facts);
        HOLDS(!record->is_violation || facts.record == MODE_RECORD_OTHER);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        static Replay replay;
        uint64_t n_records = 0, n_in_chains = 0;
        MlistError error = { .fault = _MLIST_FAULT_N };
        MlistForm form = { .order = _ORDER_N };
        MlistRecord record;
        size_t eaten = 0;
        DigestAlg alg;
        Bytes list, in;
        int r;

        if (n == 0)
                return 0;
        alg = data[0] % _DIGEST_ALG_N;
        list = in = bytes_of(data + 1, n - 1);
        r = mlist_detect(in, alg, &form, &error);
        HOLDS(r == 0 || r == MLIST_E_MORE || r == MLIST_E_CORRUPT);
        HOLDS((r == MLIST_E_CORRUPT) == (error.fault == MLIST_FAULT_ORDER));
        if (r != 0) {
                HOLDS(form.order == _ORDER_N);
                return 0;
        }
        replay_init(&replay, BANKS, hashers());
        while (in.n > 0) {
                bool fits = false;

                if (parse(&in, &form, &record) != 0)
                        break;
                check_record(&record, &form);
                eaten += record.whole.n;
                HOLDS(mlist_digest_fits(&record, alg, hashers()->of[alg], &fits) == 0);
                /* Where 'ima' with a wrong digest ends also depends on what comes behind it. */
                if (fits || !record.is_ima)
                        check_alone(&record, &form);
                check_template(&record, &form);
                HOLDS(replay_record(&replay, &record) == 0);
                ++n_records;
        }
        HOLDS(eaten + in.n == list.n);
        HOLDS(replay.n_records == n_records);
        for (size_t pcr = 0; pcr < MLIST_PCR_N; ++pcr)
                n_in_chains += replay.chain[pcr].n;
        HOLDS(n_in_chains == n_records && replay.n_violations <= n_records);
        return 0;
}
