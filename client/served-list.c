/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ima-replayctl list, of the service: what is in the TPM and since when, and what comes.
 */
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/exit.h"
#include "client/block.h"
#include "client/output.h"
#include "client/record.h"
#include "client/remote-list.h"
#include "client/served.h"
#include "client/status-view.h"
#include "os/message.h"

/* Columns of the table; NAME takes what is left. */
#define WIDTH_POSITION 6
#define WIDTH_TEMPLATE 10
#define WIDTH_DIGEST   15
#define WIDTH_TIME     10
#define WIDE_TERMINAL  120U
#define WIDE_TEMPLATE  20
#define NAME_WIDTH_MIN 8U
#define DIGITS_SHORT   8U
#define RS             "\x1e" /* RFC 7464 section 2.2 */

typedef struct ServedRun {
        CtlOptions o; /* --follow begins where the list ends */
        Terminal terminal;
        size_t template_width;
        uint64_t n_extended, n_measured; /* of the list, when it was asked for */
        uint64_t n_shown;
        RemoteList list;
} ServedRun;

static bool served_is_extended(const ServedRun *run, const RemoteRecord *record) {
        return run->o.follow || record->extended_usec.is_set ||
               record->position.value < run->n_extended;
}

/* "sha256:4f1d2e97", as the offline list cuts it. */
static void cut_digest(const ServedRun *run, Bytes *digest) {
        Bytes rest = *digest, alg;

        if (run->o.full || !bytes_take_until(&rest, ':', &alg))
                return;
        digest->n = MIN_OF(digest->n, alg.n + 1 + DIGITS_SHORT);
}

static void print_padded(const char *text, size_t width) {
        size_t used = text_width(text);

        (void)printf("%s%*s ", text, used < width ? (int)(width - used) : 0, "");
}

static const char *coloured(const ServedRun *run, const char *plain, const char *colour) {
        return run->terminal.has_colour ? colour : plain;
}

static void print_marks(const ServedRun *run, const RemoteRecord *record) {
        (void)printf("%s%s ",
                     served_is_extended(run, record) ? coloured(run, "✓", "\033[32m✓\033[0m") : " ",
                     record->violation.value ? coloured(run, "!", "\033[33m!\033[0m") : " ");
}

/* Escaped, and cut to a width; 0: not cut. */
static int cut_text(Bytes in, size_t width, char **ret_text) {
        _cleanup_free_ uint8_t *raw = NULL;
        size_t n;
        int r;

        r = remote_raw(in, &raw, &n);
        return error_trace(r < 0 ? r : text_cut(bytes_of(raw, n), width, ret_text));
}

static int print_row(ServedRun *run, const RemoteRecord *record) {
        _cleanup_free_ char *template = NULL, *name = NULL, *digest = NULL;
        bool cuts = run->terminal.is_there && !run->o.full;
        char head[32], when[32] = "";
        Bytes file_digest = record->file_digest;
        size_t used, room = 0;
        int r;

        cut_digest(run, &file_digest);
        if (record->violation.value)
                file_digest = BYTES_TEXT("violation");
        if (record->extended_usec.is_set)
                (void)snprintf(when, sizeof(when), "%" PRIu64 ".%03us",
                               record->extended_usec.value / 1000000,
                               (unsigned)(record->extended_usec.value / 1000 % 1000));
        (void)snprintf(head, sizeof(head), "%*" PRIu64 " %3" PRIu64 " ", WIDTH_POSITION,
                       record->position.value, record->pcr.value);
        r = cut_text(record->template, cuts ? run->template_width : 0, &template);
        if (r == 0)
                r = cut_text(file_digest.n > 0 ? file_digest : BYTES_TEXT("-"),
                             cuts ? WIDTH_DIGEST : 0, &digest);
        if (r < 0)
                return error_trace(r);
        /* marks, template, digest, time, a space behind each */
        used = strlen(head) + 3 + run->template_width + 1 +
               MAX_OF(text_width(digest), (size_t)WIDTH_DIGEST) + 1 +
               MAX_OF(strlen(when), (size_t)WIDTH_TIME) + 1;
        if (cuts)
                room = run->terminal.width > used + NAME_WIDTH_MIN ? run->terminal.width - used
                                                                   : NAME_WIDTH_MIN;
        r = cut_text(record->name, room, &name);
        if (r < 0)
                return error_trace(r);
        (void)fputs(head, stdout);
        print_marks(run, record);
        print_padded(template, run->template_width);
        print_padded(digest, WIDTH_DIGEST);
        (void)printf("%*s %s\n", WIDTH_TIME, when, name);
        return 0;
}

static int json_digests(const RemoteRecord *record, Json **ret_map) {
        _cleanup_(json_dropp) Json *map = NULL;
        JsonMember m;
        int r;

        r = json_map(&map);
        for (bool any = json_first(record->digests, &m); any && r == 0; any = json_next(&m)) {
                DigestAlg alg;
                Bytes text;

                if (digest_by_name(bytes_of_text(m.name), &alg) &&
                    json_as_text(m.value, &text) == 0)
                        r = json_put_text(map, digest_name(alg), text);
        }
        if (r == 0)
                *ret_map = TAKE(map);
        return error_trace(r);
}

/* The escapes of the service are taken out first: they are put in again. */
static int json_put_served(Json *map, const char *key, Bytes in) {
        _cleanup_free_ uint8_t *raw = NULL;
        size_t n;
        int r;

        if (!in.data)
                return 0;
        r = remote_raw(in, &raw, &n);
        return error_trace(r < 0 ? r : json_put_text(map, key, bytes_of(raw, n)));
}

static int print_json(ServedRun *run, const RemoteRecord *record) {
        _cleanup_(json_dropp) Json *map = NULL, *digests = NULL;
        int r;

        r = json_map(&map);
        if (r == 0)
                r = json_put_u64(map, "position", record->position.value);
        if (r == 0)
                r = json_put_u64(map, "pcr", record->pcr.value);
        if (r == 0)
                r = json_put_served(map, "template", record->template);
        if (r == 0)
                r = json_digests(record, &digests);
        if (r == 0)
                r = json_put(map, "digests", &digests);
        if (r == 0)
                r = json_put_served(map, "name", record->name);
        if (r == 0)
                r = json_put_served(map, "fileDigest", record->file_digest);
        if (r == 0)
                r = json_put_bool(map, "violation", record->violation.value);
        if (r == 0)
                r = json_put_bool(map, "extended", served_is_extended(run, record));
        if (r == 0 && record->seen_usec.is_set)
                r = json_put_u64(map, "seenUSec", record->seen_usec.value);
        if (r == 0 && record->extended_usec.is_set)
                r = json_put_u64(map, "extendedUSec", record->extended_usec.value);
        if (r == 0) {
                (void)fputs(RS, stdout);
                r = json_print(stdout, map, run->o.json);
        }
        return error_trace(r);
}

static void print_heading(const ServedRun *run) {
        if (!run->o.no_legend)
                (void)printf("%s%*s PCR    %-*s %-*s %*s NAME%s\n", coloured(run, "", "\033[1m"),
                             WIDTH_POSITION, "POS", (int)run->template_width, "TEMPLATE",
                             WIDTH_DIGEST, "DIGEST", WIDTH_TIME, "EXTENDED",
                             coloured(run, "", "\033[0m"));
}

static int show_record(const RemoteRecord *record, void *userdata) {
        ServedRun *run = userdata;

        if (run->n_shown++ == 0 && run->o.json == JSON_OFF)
                print_heading(run);
        if (ferror(stdout)) /* nobody looks any more, or main() will say it */
                return 1;
        return error_trace(run->o.json != JSON_OFF ? print_json(run, record)
                                                   : print_row(run, record));
}

/* How much is in the TPM, for the marks; and where a list that is followed begins. */
static int served_look(ServedRun *run, Remote *remote) {
        _cleanup_free_ StatusView *v = malloc(sizeof(*v));
        VarlinkReply reply = { .fd = -1 };
        const char *bad = "";
        int r;

        if (!v)
                return error_origin(-ENOMEM);
        r = remote_call(remote, REMOTE_STATUS ".GetStatus", NULL, REMOTE_PATIENCE_USEC, &reply);
        if (r > 0)
                r = EXIT_ERROR;
        else if (r == 0 && reply.error)
                r = remote_error(&reply);
        if (r == 0) {
                r = status_view_take(reply.parameters, v, &bad);
                if (r > 0) {
                        (void)remote_misfit(remote, bad);
                        r = EXIT_ERROR;
                }
        }
        if (r == 0) {
                run->n_extended = v->extended.value;
                run->n_measured = v->measured.value;
                if (run->o.follow && !run->o.has_range && !run->o.has_after) {
                        run->o.has_range = true;
                        run->o.first = v->extended.value;
                }
        }
        varlink_reply_deinit(&reply);
        return error_trace(r);
}

static void print_legend(const ServedRun *run) {
        uint64_t end = run->list.end.value;

        if (run->o.no_legend || run->o.json != JSON_OFF)
                return;
        (void)printf("\n%" PRIu64 " of %s%" PRIu64 " records%s\n", run->n_shown,
                     run->o.has_range && run->o.last != UINT64_MAX ? "the first " : "", end,
                     run->o.full ? "" : "; digests cut, --full shows them whole");
        if (!run->o.extended && !run->o.has_range && end < run->n_measured)
                (void)printf("%" PRIu64
                             " more are measured, and not read by the service yet; → try "
                             "--list=/sys/kernel/security/ima/binary_runtime_measurements\n",
                             run->n_measured - end);
        if (!run->o.extended && end > run->n_extended)
                (void)printf("%" PRIu64 " without ✓ are not in the TPM yet\n",
                             end - run->n_extended);
}

/* Return: an exit status, after messages; a negative errno. */
static int served_walk(ServedRun *run, Remote *remote) {
        int r;

        r = served_look(run, remote);
        if (r != 0)
                return error_trace(r);
        if (!run->o.follow) {
                r = pager_open(&run->o);
                if (r < 0)
                        return error_trace(r);
        }
        r = remote_read_list(&run->o, remote, &run->list, show_record, run);
        if (r == EXIT_GOOD)
                print_legend(run);
        return error_trace(r);
}

/**
 * served_list() - ima-replayctl list, of the service
 * @o: the options
 *
 * Return: EXIT_GOOD; EXIT_ERROR when nobody answers, or ceases to; EXIT_MISMATCH when the list is
 *         followed and the TPM comes to hold something else; EXIT_USAGE; a negative errno.
 */
int served_list(const CtlOptions *o) {
        ServedRun run = { .o = *o, .terminal = terminal_look() };
        Remote remote = {};
        int r;

        run.template_width = run.terminal.width >= WIDE_TERMINAL ? WIDE_TEMPLATE : WIDTH_TEMPLATE;
        r = remote_open(o, REMOTE_REPLAY, &remote);
        r = r == 0 ? served_walk(&run, &remote) : r > 0 ? EXIT_ERROR : r;
        remote_close(&remote);
        return r < 0 ? error_trace(r) : r;
}
