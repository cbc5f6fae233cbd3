/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mlist-detect.c -- which form has a binary list of which nobody said the algorithm?
 *
 * A record tells neither its byte order nor how wide its digest is. So every form is tried on the
 * first records: a digest that fits proves a form, and no other can be proven then. Where none fits
 * (record 0 was altered, or all are violations) structure decides, if it leaves one form only.
 */
#include "base/error.h"
#include "core/mlist.h"

/* A wrong form fails at record 0 or 1: what is a length then is text or a part of a digest. */
#define DETECT_RECORDS 8U
#define DETECT_FORMS   ((size_t)_ORDER_N * _DIGEST_ALG_N)

typedef enum Head {
        HEAD_BAD,
        HEAD_CUT, /* good as far as it goes */
        HEAD_GOOD,
} Head;

typedef struct Candidate {
        MlistForm form;
        Head head;
        size_t n_records; /* well-formed ones */
        bool is_proven;   /* a digest fits */
        bool wants_more;  /* the input ended before anything was decided */
} Candidate;

static Head detect_head(Bytes in, const MlistForm *form) {
        Bytes digest;
        uint32_t n;

        if (!bytes_take_u32(&in, form->order, &n))
                return HEAD_CUT;
        if (n >= MLIST_PCR_N)
                return HEAD_BAD;
        if (!bytes_take(&in, digest_size(form->alg), &digest) ||
            !bytes_take_u32(&in, form->order, &n))
                return HEAD_CUT;
        return n > 0 && n <= MLIST_NAME_MAX ? HEAD_GOOD : HEAD_BAD;
}

/* Read the first records in one form, until a digest proves it. */
static int detect_walk(Bytes in, Hasher *h, Candidate *c) {
        MlistRecord record;
        MlistError error;

        c->head = detect_head(in, &c->form);
        c->wants_more = c->head == HEAD_CUT;
        while (c->head == HEAD_GOOD && c->n_records < DETECT_RECORDS && !c->is_proven) {
                int r = mlist_parse(&in, &c->form, h, &record, &error);

                if (r < 0)
                        return error_trace(r);
                c->wants_more = r == MLIST_E_MORE;
                if (r != 0)
                        return 0;
                ++c->n_records;
                if (record.is_violation)
                        continue; /* fits everywhere */
                r = mlist_digest_fits(&record, c->form.alg, h, &c->is_proven);
                if (r < 0)
                        return error_trace(r);
        }
        return 0;
}

/* What speaks for a form: a proof, then records, then a beginning that makes sense. */
static size_t detect_weight(const Candidate *c) {
        if (c->is_proven)
                return SIZE_MAX;
        if (c->n_records > 0)
                return 2 + 2 * c->n_records + (c->wants_more || c->n_records == DETECT_RECORDS);
        return c->head == HEAD_GOOD;
}

/* Without a proof, algorithms of one width are one form: bytes fall apart in the same way. */
static bool detect_same(const Candidate *a, const Candidate *b) {
        return !a->is_proven && a->form.order == b->form.order &&
               digest_size(a->form.alg) == digest_size(b->form.alg);
}

static int detect_choose(const Candidate *candidates, size_t n, bool at_end, MlistForm *ret_form,
                         MlistError *ret_error) {
        bool wants_more = false, is_unique = true;
        const Candidate *best = NULL;

        for (size_t i = 0; i < n; ++i) {
                const Candidate *c = &candidates[i];

                wants_more |= c->wants_more;
                if (!best || detect_weight(c) > detect_weight(best)) {
                        best = c;
                        is_unique = true;
                } else if (detect_weight(c) == detect_weight(best) && !detect_same(c, best)) {
                        is_unique = false;
                }
        }
        if (wants_more && (!best->is_proven || !is_unique) && (!at_end || detect_weight(best) == 0))
                return MLIST_E_MORE;
        if (!best || detect_weight(best) == 0 || !is_unique) {
                *ret_error = (MlistError){
                        .fault = best && detect_weight(best) > 0 ? MLIST_FAULT_FORM_TWO
                                                                 : MLIST_FAULT_FORM,
                };
                return MLIST_E_CORRUPT;
        }
        *ret_form = best->form;
        return 0;
}

/**
 * mlist_detect_any() - decide byte order and algorithm of a list from its first records
 * @input:     the list from its first byte on
 * @at_end:    there is nothing behind @input: decide with what is there
 * @hashers:   the algorithms to try are those that have a hasher
 * @ret_form:  the form, set on success only
 * @ret_error: set with MLIST_E_CORRUPT only
 *
 * Record digests are as wide as the digest of the TPM bank that the list is of (kernel ima_fs.c,
 * ima_measurements_show()). Algorithms of equal width are told apart by the digests; where none
 * fits, the first in DigestAlg stands (the caller finds the wrong digests).
 *
 * Return: 0; MLIST_E_MORE: more input would decide, or @at_end if there is a whole record;
 *         MLIST_E_CORRUPT; -EIO when OpenSSL fails.
 */
int mlist_detect_any(Bytes input, bool at_end, const Hashers *hashers, MlistForm *ret_form,
                     MlistError *ret_error) {
        Candidate candidates[DETECT_FORMS] = {};
        size_t n = 0;

        for (ByteOrder order = 0; order < _ORDER_N; ++order)
                for (DigestAlg alg = 0; alg < _DIGEST_ALG_N; ++alg) {
                        Candidate *c = &candidates[n];
                        int r;

                        if (!hashers->of[alg])
                                continue;
                        ++n;
                        c->form = (MlistForm){ .order = order, .alg = alg };
                        r = detect_walk(input, hashers->of[alg], c);
                        if (r < 0)
                                return error_trace(r);
                }
        /* No more than one record is ever asked for. */
        return detect_choose(candidates, n, at_end || input.n >= MLIST_RECORD_MAX, ret_form,
                             ret_error);
}
