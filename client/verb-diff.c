/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ima-replayctl diff: two lists, record by record.
 *
 * What both begin with is compared as it is read; only the rest is kept, up to a limit.
 */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/exit.h"
#include "client/pager.h"
#include "client/record.h"
#include "client/verb-diff.h"
#include "os/message.h"

/* Records of each list behind the common beginning; beyond, only the first difference is told. */
#define DIFF_RECORDS_MAX 100000U
/* Names and digests of them. */
#define DIFF_TEXT_MAX (64U << 20)
/* Before the fields: pcr, violation, sizes of name and data; and in parts. */
#define KEY_SIZES 4U
#define KEY_PARTS 3U

static DiffRun *diff_run_free(DiffRun *run) {
        if (!run)
                return NULL;
        for (size_t s = 0; s < ELEMENTSOF(run->side); ++s) {
                for (size_t i = 0; i < run->side[s].n; ++i) {
                        free((void *)(uintptr_t)run->side[s].at[i].name.data);
                        free(run->side[s].at[i].digest);
                }
                free(run->side[s].at);
                input_close_list(&run->input[s]);
        }
        hasher_free(run->hasher);
        free(run);
        return NULL;
}
DEFINE_CLEANUP(DiffRun, diff_run_free);

/* A number in the list's byte order: not the same bytes in lists of different order. */
static bool field_is_number(FieldId id) {
        return id == FIELD_IUID || id == FIELD_IGID || id == FIELD_IMODE ||
               id == FIELD_XATTRLENGTHS;
}

/*
 * Hash what makes a record what it is. With the same byte order that is its data; else its fields,
 * of which numbers are left out, and of an unknown template nothing but how long it is. The
 * digest that it claims counts where it can: one that is damaged is a difference.
 */
static int diff_key(DiffRun *run, const MlistRecord *record, ByteOrder order, Digest *ret_key) {
        bool has_digest = run->same_alg && run->same_order;
        uint64_t sizes[KEY_SIZES + TEMPLATE_FIELD_MAX] = { record->pcr, record->is_violation,
                                                           record->name.n, record->data.n };
        Bytes parts[KEY_PARTS + TEMPLATE_FIELD_MAX] = {
                bytes_of(sizes, sizeof(sizes)),
                record->name,
                has_digest ? record->digest : (Bytes){},
        };
        size_t n = KEY_PARTS;
        TemplateFields fields;

        if (run->same_order) {
                parts[n++] = record->data;
        } else if (template_split(record, order, &fields) == 0) {
                for (size_t i = 0; i < fields.n; ++i) {
                        sizes[KEY_SIZES + i] = fields.at[i].data.n;
                        if (!field_is_number(fields.at[i].id))
                                parts[n++] = fields.at[i].data;
                }
        }
        return error_trace(hasher_run(run->hasher, parts, n, ret_key));
}

static int diff_keep(DiffRun *run, size_t s, const MlistRecord *record, ByteOrder order,
                     const Digest *key) {
        DiffSide *side = &run->side[s];
        TemplateSubject subject = record_subject(record, order);
        DiffItem item = { .key = *key,
                          .position = run->n_records[s],
                          .pcr = record->pcr,
                          .is_violation = record->is_violation };
        char digest[RECORD_DIGEST_MAX];

        record_digest_text(&subject, true, digest);
        run->n_text += subject.name.n + strlen(digest);
        if (side->n == DIFF_RECORDS_MAX || run->n_text > DIFF_TEXT_MAX) {
                run->is_limited = true;
                return 0;
        }
        if (side->n == side->max) {
                size_t max = MAX_OF(2 * side->max, (size_t)64);
                DiffItem *larger = realloc(side->at, max * sizeof(*larger));

                if (!larger)
                        return error_origin(-ENOMEM);
                side->at = larger;
                side->max = max;
        }
        item.digest = strdup(digest);
        if (!item.digest)
                return error_origin(-ENOMEM);
        if (subject.name.data) {
                uint8_t *name = malloc(subject.name.n + 1);

                if (!name) {
                        free(item.digest);
                        return error_origin(-ENOMEM);
                }
                bytes_copy(subject.name, name, subject.name.n);
                item.name = bytes_of(name, subject.name.n);
        }
        side->at[side->n++] = item;
        return 0;
}

/* 0, LISTFILE_E_END, EXIT_ERROR as a listfile outcome after a message, or negative. */
static int diff_next(DiffRun *run, size_t s, MlistRecord *ret_record) {
        int r = input_next(&run->input[s], ret_record);

        if (r > 0 && r != LISTFILE_E_END)
                run->is_cut = true;
        if (r == LISTFILE_E_END && run->n_records[s] == 0) {
                message_error("%s: empty: no record to compare", run->input[s].path);
                run->is_cut = true;
        }
        return r;
}

static int diff_rest(DiffRun *run, size_t s, int r, const MlistRecord *first) {
        ByteOrder order = listfile_form(run->input[s].list)->order;
        MlistRecord record = *first;
        Digest key;

        for (; r == 0; r = diff_next(run, s, &record)) {
                if (!run->is_limited) {
                        r = diff_key(run, &record, order, &key);
                        if (r == 0)
                                r = diff_keep(run, s, &record, order, &key);
                        if (r < 0)
                                return error_trace(r);
                }
                ++run->n_records[s];
        }
        return r < 0 ? error_trace(r) : 0;
}

/* Read both lists; the records that differ are kept. */
static int diff_read(DiffRun *run) {
        MlistRecord record[2];
        const MlistForm *form[2];
        Digest key[2];
        int r[2], k;

        for (;;) {
                for (size_t s = 0; s < 2; ++s) {
                        r[s] = diff_next(run, s, &record[s]);
                        if (r[s] < 0)
                                return error_trace(r[s]);
                        form[s] = listfile_form(run->input[s].list);
                }
                run->same_order = form[0]->order == form[1]->order;
                run->same_alg = form[0]->alg == form[1]->alg;
                if (run->is_cut)
                        return 0;
                if (r[0] != 0 || r[1] != 0)
                        break;
                for (size_t s = 0; s < 2; ++s) {
                        k = diff_key(run, &record[s], form[s]->order, &key[s]);
                        if (k < 0)
                                return error_trace(k);
                }
                if (!digest_equal(DIGEST_SHA256, &key[0], &key[1]))
                        break;
                ++run->n_records[0];
                ++run->n_records[1];
                ++run->n_common;
        }
        for (size_t s = 0; s < 2; ++s) {
                k = diff_rest(run, s, r[s], &record[s]);
                if (k < 0)
                        return error_trace(k);
        }
        return 0;
}

static int diff_show(DiffRun *run) {
        int r;

        if (!run->is_limited && !run->is_cut) {
                r = diff_sides(&run->side[0], &run->side[1]);
                if (r < 0)
                        return error_trace(r);
        }
        if (run->o->quiet)
                return 0;
        if (run->o->json != JSON_OFF)
                return error_trace(diff_report_json(run));
        r = pager_open(run->o);
        return r < 0 ? error_trace(r) : error_trace(diff_report(run));
}

/**
 * verb_diff() - ima-replayctl diff A B
 * @o: the options
 *
 * Return: EXIT_GOOD when both lists have the same records; EXIT_MISMATCH; EXIT_ERROR when one is
 *         unreadable, empty, cut or malformed; EXIT_USAGE; a negative errno.
 */
int verb_diff(const CtlOptions *o) {
        _cleanup_(diff_run_freep) DiffRun *run = calloc(1, sizeof(*run));
        int r;

        if (!run)
                return error_origin(-ENOMEM);
        run->o = o;
        r = hasher_new(DIGEST_SHA256, &run->hasher);
        if (r != 0)
                return r < 0 ? error_trace(r) : error_origin(-ENOTSUP);
        for (size_t s = 0; s < ELEMENTSOF(run->input); ++s) {
                CtlOptions one = *o;

                one.list = o->arguments[s];
                r = input_open_list(&one, &run->input[s]);
                if (r != EXIT_GOOD)
                        return r;
        }
        r = diff_read(run);
        if (r == 0)
                r = diff_show(run);
        if (r < 0)
                return error_trace(r);
        return run->is_cut ? EXIT_ERROR : diff_is_same(run) ? EXIT_GOOD : EXIT_MISMATCH;
}
