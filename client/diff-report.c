/* SPDX-License-Identifier: BSD-2-Clause */
#include <assert.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "base/error.h"
#include "client/record.h"
#include "client/verb-diff.h"

/* Of more records in a row only how many they are, unless --full. */
#define RUN_SHOWN 16U
#define SHORT_HEX 8
#define NO_NAME   "(a record without a name)"

typedef struct DiffCounts {
        uint64_t changed, moved, deleted, inserted;
} DiffCounts;

static DiffCounts diff_count(const DiffRun *run) {
        DiffCounts c = {};

        for (size_t i = 0; i < run->side[0].n; ++i) {
                c.changed += run->side[0].at[i].fate == DIFF_CHANGED;
                c.moved += run->side[0].at[i].fate == DIFF_MOVED;
                c.deleted += run->side[0].at[i].fate == DIFF_SINGLE;
        }
        for (size_t i = 0; i < run->side[1].n; ++i)
                c.inserted += run->side[1].at[i].fate == DIFF_SINGLE;
        return c;
}

/**
 * diff_is_same() - do both lists have the same records?
 * @run: both read to their end
 *
 * Return: the answer.
 */
bool diff_is_same(const DiffRun *run) {
        return run->n_common == run->n_records[0] && run->n_common == run->n_records[1];
}

/*
 * One difference, in the order of the lists; NULL where it is not in that list. n: how many follow
 * each other that are in one list only.
 */
typedef int DiffShow(const DiffRun *run, const DiffItem *a, const DiffItem *b, size_t n,
                     void *data);

/* Records that both have, in a row. */
typedef void DiffShowKept(const DiffItem *a, const DiffItem *b, size_t n);

/* How many items from i on are in this list only. */
static size_t single_run(const DiffSide *side, size_t i) {
        size_t n = 0;

        while (i + n < side->n && side->at[i + n].fate == DIFF_SINGLE)
                ++n;
        return n;
}

static int diff_each(const DiffRun *run, DiffShow *show, DiffShowKept *show_kept, void *data) {
        const DiffSide *a = &run->side[0], *b = &run->side[1];
        size_t i = 0, j = 0;

        while (i < a->n || j < b->n) {
                size_t n = 0, n_a = single_run(a, i), n_b = single_run(b, j);
                int r = 0;

                if (n_a > 0)
                        r = show(run, &a->at[i], NULL, n_a, data);
                else if (i < a->n && a->at[i].fate != DIFF_KEPT)
                        r = show(run, &a->at[i], &b->at[a->at[i].partner], n_a = 1, data);
                else if (n_b > 0)
                        r = show(run, NULL, &b->at[j], n_b, data);
                else if (j < b->n && b->at[j].fate != DIFF_KEPT)
                        n_b = 1; /* was shown from the other side */
                else
                        n = 1;
                if (n_a > 0)
                        n_b = 0;
                if (r < 0)
                        return error_trace(r);
                while (n > 0 && i + n < a->n && j + n < b->n && a->at[i + n].fate == DIFF_KEPT &&
                       b->at[j + n].fate == DIFF_KEPT)
                        ++n;
                if (n > 0 && show_kept)
                        show_kept(&a->at[i], &b->at[j], n);
                i += n + n_a;
                j += n + n_b;
        }
        return 0;
}

static void print_range(char sign, uint64_t first, uint64_t n) {
        char text[48];

        if (n > 1)
                (void)snprintf(text, sizeof(text), "%" PRIu64 "..%" PRIu64, first, first + n - 1);
        else
                (void)snprintf(text, sizeof(text), "%" PRIu64, first);
        (void)printf("%c %-14s ", sign, text);
}

static void diff_print_kept(const DiffItem *a, const DiffItem *b, size_t n) {
        print_range('=', a->position, n);
        (void)printf("identical");
        if (a->position != b->position)
                (void)printf(" (from %" PRIu64 " on in the second list)", b->position);
        (void)putchar('\n');
}

/* A digest, short unless --full: its algorithm and 4 bytes. */
static int digest_length(const DiffRun *run, const DiffItem *item) {
        const char *colon = strchr(item->digest, ':');

        return run->o->full || !colon ? INT_MAX : (int)(colon + 1 + SHORT_HEX - item->digest);
}

static int diff_print_single(const DiffRun *run, const DiffItem *item, size_t n, char sign,
                             const char *where) {
        if (n > RUN_SHOWN && !run->o->full) {
                print_range(sign, item->position, n);
                (void)printf("%zu records only in the %s list\n", n, where);
                return 0;
        }
        for (size_t i = 0; i < n; ++i) {
                _cleanup_free_ char *name = NULL;
                int r = text_cut(item[i].name, 0, &name);

                if (r < 0)
                        return error_trace(r);
                print_range(sign, item[i].position, 1);
                (void)printf("%s%s, %.*s: only in the %s list\n", item[i].name.data ? "" : NO_NAME,
                             name, digest_length(run, &item[i]), item[i].digest, where);
        }
        return 0;
}

static int diff_print_one(const DiffRun *run, const DiffItem *a, const DiffItem *b, size_t n,
                          void *data) {
        _cleanup_free_ char *name = NULL;
        int r;

        (void)data;
        assert(a || b); /* what calls us has one side at least */
        if (!a)
                return error_trace(diff_print_single(run, b, n, '+', "second"));
        if (!b)
                return error_trace(diff_print_single(run, a, n, '-', "first"));
        r = text_cut(a->name, 0, &name);
        if (r < 0)
                return error_trace(r);
        print_range(a->fate == DIFF_MOVED ? '>' : '~', a->position, 1);
        (void)printf("%s%s", a->name.data ? "" : NO_NAME, name);
        if (a->fate == DIFF_MOVED) {
                (void)printf(": moved to %" PRIu64 "\n", b->position);
                return 0;
        }
        if (a->position != b->position)
                (void)printf(" (%" PRIu64 " in the second list)", b->position);
        if (a->pcr != b->pcr)
                (void)printf(": PCR %" PRIu32 " → %" PRIu32, a->pcr, b->pcr);
        else if (a->is_violation != b->is_violation)
                (void)printf(": %s",
                             b->is_violation ? "became a violation" : "is no violation any more");
        else if (strcmp(a->digest, b->digest) != 0)
                (void)printf(": digest %.*s → %.*s", digest_length(run, a), a->digest,
                             digest_length(run, b), b->digest);
        else
                (void)printf(": the same digest, but other fields, template or template digest");
        (void)putchar('\n');
        return 0;
}

/* The lists are too long behind it to compare one by one. */
static int diff_print_first(const DiffRun *run) {
        for (size_t s = 0; s < ELEMENTSOF(run->side); ++s) {
                _cleanup_free_ char *name = NULL;
                const DiffItem *item = run->side[s].at;
                int r;

                if (run->side[s].n == 0)
                        continue;
                r = text_cut(item->name, 0, &name);
                if (r < 0)
                        return error_trace(r);
                print_range('~', item->position, 1);
                (void)printf("the first difference: %s%s, %.*s in the %s list\n",
                             item->name.data ? "" : NO_NAME, name, digest_length(run, item),
                             item->digest, s == 0 ? "first" : "second");
        }
        return 0;
}

/**
 * diff_report() - print what is different, for people
 * @run: after diff_sides(), unless it is limited or cut
 *
 * Return: 0 or -ENOMEM.
 */
int diff_report(const DiffRun *run) {
        DiffCounts c = diff_count(run);
        int r = 0;

        if (run->n_common > 0) {
                print_range('=', 0, run->n_common);
                (void)printf("identical\n");
        }
        if (run->is_cut)
                return 0; /* what one list still had cannot be known */
        if (run->is_limited)
                r = diff_print_first(run);
        else
                r = diff_each(run, diff_print_one, diff_print_kept, NULL);
        if (run->o->no_legend || r < 0)
                return error_trace(r);
        (void)printf("\n%" PRIu64 " and %" PRIu64 " records", run->n_records[0], run->n_records[1]);
        if (diff_is_same(run))
                (void)printf(": the same\n");
        else if (run->is_limited)
                (void)printf("; the first difference is at %" PRIu64 ", and too much is behind "
                             "it to compare one by one\n",
                             run->n_common);
        else
                (void)printf("; the first difference is at %" PRIu64 ": %" PRIu64
                             " changed, %" PRIu64 " inserted, %" PRIu64 " deleted, %" PRIu64
                             " moved\n",
                             run->n_common, c.changed, c.inserted, c.deleted, c.moved);
        if (!run->same_order)
                (void)printf("The byte orders differ: user, group, mode and lengths were not "
                             "compared.\n");
        return 0;
}

static int diff_json_one(const DiffRun *run, const DiffItem *a, const DiffItem *b, size_t n,
                         void *data) {
        Json *changes = data;
        int r = 0;

        (void)run;
        assert(a || b); /* what calls us has one side at least */
        for (size_t i = 0; i < n && r == 0; ++i) {
                const DiffItem *any = a ? a : b;
                const char *kind = !a                      ? "inserted"
                                   : !b                    ? "deleted"
                                   : a->fate == DIFF_MOVED ? "moved"
                                                           : "changed";
                _cleanup_(json_dropp) Json *map = NULL;

                r = json_map(&map);
                if (r == 0)
                        r = json_put_text(map, "kind", bytes_of_text(kind));
                if (r == 0 && a)
                        r = json_put_u64(map, "first", a->position);
                if (r == 0 && b)
                        r = json_put_u64(map, "second", b->position);
                if (r == 0 && any->name.data)
                        r = json_put_text(map, "name", any->name);
                if (r == 0 && a)
                        r = json_put_text(map, "firstDigest", bytes_of_text(a->digest));
                if (r == 0 && b)
                        r = json_put_text(map, "secondDigest", bytes_of_text(b->digest));
                if (r == 0)
                        r = json_add(changes, &map);
                a = a ? a + 1 : NULL;
                b = b ? b + 1 : NULL;
        }
        return error_trace(r);
}

/**
 * diff_report_json() - print what is different, as JSON
 * @run: after diff_sides(), unless it is limited or cut
 *
 * Return: 0, -ENOMEM or -EIO.
 */
int diff_report_json(const DiffRun *run) {
        _cleanup_(json_dropp) Json *map = NULL, *changes = NULL;
        int r;

        r = json_map(&map);
        if (r == 0)
                r = json_array(&changes);
        if (r == 0)
                r = json_put_bool(map, "complete", !run->is_cut);
        if (r == 0)
                r = json_put_u64(map, "common", run->n_common);
        if (r == 0 && !run->is_cut)
                r = json_put_bool(map, "same", diff_is_same(run));
        if (r == 0 && !run->is_cut)
                r = json_put_u64(map, "firstRecords", run->n_records[0]);
        if (r == 0 && !run->is_cut)
                r = json_put_u64(map, "secondRecords", run->n_records[1]);
        if (r == 0)
                r = json_put_bool(map, "limited", run->is_limited);
        if (r == 0 && !run->is_cut && !run->is_limited)
                r = diff_each(run, diff_json_one, NULL, changes);
        if (r == 0)
                r = json_put(map, "changes", &changes);
        if (r == 0)
                r = json_print(stdout, map, run->o->json);
        return error_trace(r);
}
