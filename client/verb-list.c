/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ima-replayctl list: the records of a list, one after the other; nothing of them is kept.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/exit.h"
#include "client/input.h"
#include "client/list-cel.h"
#include "client/output.h"
#include "client/pager.h"
#include "client/record.h"
#include "client/remote-list.h"
#include "client/served.h"
#include "os/message.h"

/* Columns of the table; NAME takes what is left. */
#define WIDTH_POSITION   6
#define WIDTH_TEMPLATE   10
#define WIDTH_DIGEST     15
#define WIDE_TERMINAL    120U
#define WIDE_TEMPLATE    20
#define NAME_WIDTH_MIN   8U
#define RECORD_SEPARATOR '\x1e' /* RFC 7464 section 2.2 */

typedef struct ListRun {
        const CtlOptions *o;
        ListInput input;
        ListCel *cel; /* with --format=cel */
        Terminal terminal;
        int template_width;
        uint64_t position; /* of the record in hand */
        uint64_t n_shown;
        uint64_t n_misfits;
} ListRun;

static bool list_wants(const ListRun *run, const MlistRecord *record,
                       const TemplateSubject *subject) {
        const CtlOptions *o = run->o;

        if (o->has_range && (run->position < o->first || run->position > o->last))
                return false;
        if ((o->has_pcr && record->pcr != o->pcr) || (o->violations && !record->is_violation) ||
            (o->template && !bytes_equal_text(record->name, o->template)))
                return false;
        if (o->name) {
                Bytes want = bytes_of_text(o->name), name = subject->name, head;

                return name.data && bytes_take(&name, want.n, &head) && bytes_equal(head, want);
        }
        return true;
}

static const char *list_mark(const ListRun *run, const MlistRecord *record, bool fits) {
        bool colour = run->terminal.has_colour;

        if (!fits)
                return colour ? "\033[31m✗\033[0m" : "✗";
        if (record->is_violation)
                return colour ? "\033[33m!\033[0m" : "!";
        return " ";
}

static void print_padded(const char *text, int width) {
        int used = (int)text_width(text);

        (void)printf("%s%*s ", text, MAX_OF(width - used, 0), "");
}

static void list_print_heading(const ListRun *run) {
        bool colour = run->terminal.has_colour;
        int digest = WIDTH_DIGEST;

        if (run->o->no_legend)
                return;
        (void)printf("%s%*s PCR   %-*s %-*s NAME%s\n", colour ? "\033[1m" : "", WIDTH_POSITION,
                     "POS", run->template_width, "TEMPLATE", digest, "DIGEST",
                     colour ? "\033[0m" : "");
}

static int list_print_row(ListRun *run, const MlistRecord *record, const TemplateSubject *subject,
                          bool fits) {
        bool cuts = run->terminal.is_there && !run->o->full;
        _cleanup_free_ char *template = NULL, *name = NULL;
        char digest[RECORD_DIGEST_MAX], position[24];
        size_t used, room = 0;
        int r;

        (void)snprintf(position, sizeof(position), "%*" PRIu64, WIDTH_POSITION, run->position);
        record_digest_text(subject, run->o->full, digest);
        if (record->is_violation)
                (void)snprintf(digest, sizeof(digest), "violation");
        r = text_cut(record->name, cuts ? (size_t)run->template_width : 0, &template);
        if (r < 0)
                return error_trace(r);
        /* position, PCR, mark, template, digest, a space behind each */
        used = strlen(position) + 1 + 3 + 1 + 1 + 1 + (size_t)run->template_width + 1 +
               MAX_OF(text_width(digest), (size_t)WIDTH_DIGEST) + 1;
        if (cuts)
                room = run->terminal.width > used + NAME_WIDTH_MIN ? run->terminal.width - used
                                                                   : NAME_WIDTH_MIN;
        r = text_cut(subject->name, room, &name);
        if (r < 0)
                return error_trace(r);
        (void)printf("%s %3" PRIu32 " %s ", position, record->pcr, list_mark(run, record, fits));
        print_padded(template, run->template_width);
        print_padded(digest, WIDTH_DIGEST);
        (void)printf("%s\n", name);
        return 0;
}

static int list_print_json(ListRun *run, const MlistRecord *record, const TemplateSubject *subject,
                           bool fits) {
        _cleanup_(json_dropp) Json *map = NULL;
        char digest[RECORD_DIGEST_MAX];
        int r;

        r = json_map(&map);
        if (r == 0)
                r = json_put_u64(map, "position", run->position);
        if (r == 0)
                r = json_put_u64(map, "pcr", record->pcr);
        if (r == 0)
                r = json_put_text(map, "template", record->name);
        if (r == 0)
                r = json_put_hex(map, "digest", record->digest);
        if (r == 0 && subject->name.data)
                r = json_put_text(map, "name", subject->name);
        if (r == 0 && subject->digest.data) {
                record_digest_text(subject, true, digest);
                r = json_put_text(map, "fileDigest", bytes_of_text(digest));
        }
        if (r == 0)
                r = json_put_bool(map, "violation", record->is_violation);
        if (r == 0)
                r = json_put_bool(map, "fits", fits);
        if (r == 0) {
                (void)putchar(RECORD_SEPARATOR);
                r = json_print(stdout, map, run->o->json);
        }
        return error_trace(r);
}

static int list_print(ListRun *run, const MlistRecord *record, const TemplateSubject *subject) {
        const MlistForm *form = listfile_form(run->input.list);
        bool fits = true;
        int r;

        ++run->n_shown;
        if (run->o->json == JSON_OFF && run->o->format == CTL_FORMAT_BINARY) {
                record_print_binary(stdout, record, form->order);
                return 0;
        }
        if (run->o->json == JSON_OFF && run->o->format == CTL_FORMAT_ASCII)
                return error_trace(
                        record_print_ascii(stdout, record, form->order, run->terminal.is_there));
        if (run->cel)
                return error_trace(list_cel_print(run->cel, record));
        r = mlist_digest_fits(record, form->alg, listfile_hasher(run->input.list), &fits);
        if (r < 0)
                return error_trace(r);
        run->n_misfits += !fits;
        if (run->o->json != JSON_OFF)
                return error_trace(list_print_json(run, record, subject, fits));
        return error_trace(list_print_row(run, record, subject, fits));
}

static void list_print_legend(const ListRun *run, bool is_at_end) {
        if (run->o->no_legend)
                return;
        (void)printf("\n%" PRIu64 " of %s%" PRIu64 " records%s\n", run->n_shown,
                     is_at_end ? "" : "the first ", run->position,
                     run->o->full ? "" : "; digests cut, --full shows them whole");
        if (run->n_misfits > 0)
                (void)printf("✗ %" PRIu64 " do not have the digest that they claim\n",
                             run->n_misfits);
}

/* What is behind the range is not read, nor judged. */
static bool list_is_done(const ListRun *run) {
        return run->o->has_range && run->position > run->o->last;
}

/* Return: an exit status, after messages; a negative errno. */
static int list_walk(ListRun *run) {
        bool is_table = run->o->json == JSON_OFF && run->o->format == CTL_FORMAT_TABLE;
        MlistRecord record;
        int r = 0;

        for (; !list_is_done(run) && (r = input_next(&run->input, &record)) == 0; ++run->position) {
                TemplateSubject subject =
                        record_subject(&record, listfile_form(run->input.list)->order);

                if (is_table && run->position == 0)
                        list_print_heading(run);
                if (!list_wants(run, &record, &subject)) {
                        if (run->cel)
                                list_cel_skip(run->cel, &record);
                        continue;
                }
                r = list_print(run, &record, &subject);
                if (r < 0)
                        return error_trace(r);
                if (ferror(stdout)) /* nobody looks any more, or main() will say it */
                        return EXIT_GOOD;
        }
        if (r < 0)
                return error_trace(r);
        if (r != 0 && r != LISTFILE_E_END)
                return EXIT_ERROR;
        if (run->position == 0) {
                message_error("%s: empty: no record", run->input.path);
                return EXIT_ERROR;
        }
        if (is_table)
                list_print_legend(run, r == LISTFILE_E_END);
        if (run->cel)
                list_cel_end(run->cel);
        return EXIT_GOOD;
}

/* Return: EXIT_GOOD, or EXIT_USAGE after a message. */
static int list_check(const CtlOptions *o, const Terminal *terminal) {
        const char *what = NULL;

        if (o->list && (o->follow || o->extended || o->has_after))
                what = "--follow, --extended and --after= are of the service's list; → try without "
                       "--list=";
        else if (o->has_range && o->has_after)
                what = "--range= and --after= both say where to begin; → try one";
        else if (o->follow && o->has_range && o->last < UINT64_MAX)
                what = "--follow has no end; → try --range=FIRST:";
        else if (o->json == JSON_OFF && o->format != CTL_FORMAT_TABLE && o->follow)
                what = "--follow gives a table or JSON; → try without --format=";
        else if (o->json == JSON_OFF && o->format == CTL_FORMAT_CEL && o->has_after)
                what = "--format=cel counts from record 0; → try --range= instead of --after=";
        else if (o->banks && (o->json != JSON_OFF || o->format != CTL_FORMAT_CEL))
                what = "list does not take --bank; → only --format=cel has banks";
        else if (o->padded && (o->json != JSON_OFF || o->format != CTL_FORMAT_CEL))
                what = "list does not take --padded; → only --format=cel has banks";
        else if (o->json == JSON_OFF && o->format == CTL_FORMAT_BINARY && terminal->is_there)
                what = "--format=binary is not for a terminal; → redirect it to a file";
        if (what)
                message_error("%s", what);
        return what ? EXIT_USAGE : EXIT_GOOD;
}

/* Return: an exit status, after messages; a negative errno. */
static int list_run(ListRun *run) {
        const CtlOptions *o = run->o;
        int r;

        r = remote_open_list(o, &run->input);
        if (r == EXIT_GOOD && o->json == JSON_OFF && o->format == CTL_FORMAT_CEL)
                r = list_cel_new(o->banks ? o->banks : BANK(DIGEST_SHA256), o->padded, &run->cel);
        if (r != EXIT_GOOD)
                return r;
        r = pager_open(o);
        return r < 0 ? error_trace(r) : list_walk(run);
}

/**
 * verb_list() - ima-replayctl list
 * @o: the options
 *
 * Return: EXIT_GOOD, also when a record does not have the digest that it claims (it is marked) and
 *         when no record was wanted; EXIT_ERROR for a list that is empty, cut or malformed, after
 *         what precedes was printed; EXIT_USAGE; a negative errno.
 */
int verb_list(const CtlOptions *o) {
        ListRun run = { .o = o, .terminal = terminal_look() };
        int r;

        r = list_check(o, &run.terminal);
        if (r != EXIT_GOOD)
                return r;
        if (!o->list && (o->json != JSON_OFF || o->format == CTL_FORMAT_TABLE))
                return served_list(o);
        run.template_width = run.terminal.width >= WIDE_TERMINAL ? WIDE_TEMPLATE : WIDTH_TEMPLATE;
        r = list_run(&run);
        run.cel = list_cel_free(run.cel);
        input_close_list(&run.input);
        return r < 0 ? error_trace(r) : r;
}
