/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ima-replayctl plot: asks the service for the list's times and for the marks, and draws.
 */
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/exit.h"
#include "client/plot.h"
#include "client/remote-list.h"
#include "client/status-view.h"
#include "os/message.h"

/* Records that are kept for the picture: more than any list. */
#define TIMES_MAX  (UINT64_C(64) << 20)
#define TIMES_STEP 4096U
/* Behind the end of the backlog so much is shown: half of what it took, and this at least. */
#define AFTER_USEC (UINT64_C(2) * 1000000)
/* A first look behind all but this part of the time is late. */
#define LATE 10

typedef struct PlotRun {
        const CtlOptions *o;
        VarlinkReply status; /* that the view borrows from */
        StatusView view;
        PlotTime *times;
        size_t n_times, max_times;
        PlotRow *rows;
        char *boot_id, *headline;
        RemoteList list;
        PlotData data;
} PlotRun;

static int keep_time(PlotRun *run, const PlotTime *time) {
        if (run->n_times == run->max_times) {
                size_t max = MAX_OF(2 * run->max_times, (size_t)TIMES_STEP);
                PlotTime *more = max <= TIMES_MAX ? realloc(run->times, max * sizeof(*more)) : NULL;

                if (!more)
                        return error_origin(-ENOMEM);
                run->times = more;
                run->max_times = max;
        }
        run->times[run->n_times++] = *time;
        return 0;
}

static int keep_row(PlotRun *run, const RemoteRecord *record, const PlotTime *time) {
        PlotRow *row;
        int r;

        if (!run->o->html || run->data.n_rows == PLOT_ROWS_MAX)
                return 0;
        if (!run->rows)
                run->rows = calloc(PLOT_ROWS_MAX, sizeof(*run->rows));
        if (!run->rows)
                return error_origin(-ENOMEM);
        row = &run->rows[run->data.n_rows++];
        *row = (PlotRow){
                .position = record->position.value,
                .pcr = record->pcr.value,
                .time = *time,
                .is_extended = record->extended_usec.is_set ||
                               record->position.value < run->view.extended.value,
                .is_violation = record->violation.value,
        };
        r = remote_text(record->template, &row->template);
        if (r == 0)
                r = remote_text(record->name, &row->name);
        return error_trace(r);
}

static int plot_record(const RemoteRecord *record, void *userdata) {
        PlotRun *run = userdata;
        PlotTime time = {
                record->seen_usec.is_set ? record->seen_usec.value : PLOT_NEVER,
                record->extended_usec.is_set ? record->extended_usec.value : PLOT_NEVER,
        };
        int r;

        r = keep_row(run, record, &time);
        return error_trace(r < 0 ? r : keep_time(run, &time));
}

/*
 * What was there at the first look has no time, or that of the look; what is in the TPM without a
 * time was put there before, by another run of the service.
 */
static bool settle_times(PlotRun *run) {
        PlotData *d = &run->data;
        uint64_t look = PLOT_NEVER;

        for (size_t i = 0; i < run->n_times; ++i)
                look = MIN_OF(look, run->times[i].seen_usec);
        if (look == PLOT_NEVER)
                return false;
        d->look_usec = look;
        for (size_t i = 0; i < run->n_times; ++i) {
                PlotTime *t = &run->times[i];

                if (t->seen_usec == PLOT_NEVER && d->n_before == i)
                        t->seen_usec = look;
                if (t->seen_usec == look)
                        ++d->n_before;
                if (t->extended_usec == PLOT_NEVER && i < run->view.extended.value)
                        t->extended_usec = t->seen_usec;
        }
        return true;
}

/* Marks of one moment share their line. */
static void add_mark(PlotData *d, uint64_t usec, const char *label) {
        size_t i = 0;

        for (; i < d->n_marks && d->mark[i].usec < usec; ++i)
                ;
        if (i < d->n_marks && d->mark[i].usec == usec) {
                size_t n = strlen(d->mark[i].label);

                (void)snprintf(d->mark[i].label + n, PLOT_LABEL_MAX - n, ", %s", label);
                return;
        }
        if (d->n_marks == PLOT_MARKS_MAX)
                return;
        memmove(&d->mark[i + 1], &d->mark[i], (d->n_marks - i) * sizeof(d->mark[0]));
        d->mark[i].usec = usec;
        (void)snprintf(d->mark[i].label, PLOT_LABEL_MAX, "%s", label);
        ++d->n_marks;
}

static void add_marks(PlotRun *run) {
        static const struct {
                const char *name, *label;
        } gates[] = {
                { "pkvm", "pKVM" },
                { "ffa", "FF-A" },
                { "tee_supplicant", "tee-supplicant" },
                { "tpm", "TPM ready" },
        };
        const StatusView *v = &run->view;
        const StatusViewBacklog *b = &v->backlog;

        add_mark(&run->data, run->data.look_usec, "first look");
        for (size_t i = 0; i < v->n_gate; ++i)
                for (size_t k = 0; k < ELEMENTSOF(gates); ++k)
                        if (v->gate[i].ready_usec.is_set &&
                            bytes_equal_text(v->gate[i].name, gates[k].name))
                                add_mark(&run->data, v->gate[i].ready_usec.value, gates[k].label);
        if (b->is_there && b->done_usec.is_set)
                add_mark(&run->data, b->done_usec.value, "backlog done");
}

/*
 * The boot is what most want to see; the rest of a long uptime would leave it no room, and so would
 * a long time before a first look that came late.
 */
static void choose_window(PlotRun *run) {
        const CtlOptions *o = run->o;
        const StatusViewBacklog *b = &run->view.backlog;
        uint64_t look = run->data.look_usec, since = 0, until = now_usec();

        if (b->is_there && b->done_usec.is_set && b->done_usec.value > look)
                until = MIN_OF(until, b->done_usec.value +
                                              MAX_OF((b->done_usec.value - look) / 2, AFTER_USEC));
        if (until > look && until - look < until / LATE)
                since = look - (until - look) / 2;
        run->data.since_usec = o->since.is_set ? o->since.value : since;
        run->data.until_usec = o->until.is_set ? o->until.value : until;
}

static int describe(PlotRun *run) {
        const StatusView *v = &run->view;
        PlanExplanation e;
        int r;

        r = remote_text(v->boot_id, &run->boot_id);
        if (r < 0)
                return error_trace(r);
        if (plan_explain_word(v->state, &e))
                r = asprintf(&run->headline,
                             "%s: %" PRIu64 " of %" PRIu64 " records are in the TPM", e.brief,
                             v->extended.value, v->measured.value);
        else
                r = asprintf(&run->headline, "%" PRIu64 " of %" PRIu64 " records are in the TPM",
                             v->extended.value, v->measured.value);
        if (r < 0) {
                run->headline = NULL;
                return error_origin(-ENOMEM);
        }
        run->data.boot_id = run->boot_id;
        run->data.headline = run->headline;
        return 0;
}

/* Return: an exit status, after a message unless EXIT_GOOD; a negative errno. */
static int plot_ask(PlotRun *run, Remote *remote) {
        CtlOptions all = { .root = run->o->root, .socket = run->o->socket };
        const char *bad = "";
        int r;

        r = remote_call(remote, REMOTE_STATUS ".GetStatus", NULL, REMOTE_PATIENCE_USEC,
                        &run->status);
        if (r != 0)
                return r < 0 ? error_trace(r) : EXIT_ERROR;
        if (run->status.error)
                return remote_error(&run->status);
        r = status_view_take(run->status.parameters, &run->view, &bad);
        if (r > 0) {
                (void)remote_misfit(remote, bad);
                return EXIT_ERROR;
        }
        if (r == 0)
                r = remote_read_list(&all, remote, &run->list, plot_record, run);
        return error_trace(r);
}

static int plot_draw(PlotRun *run) {
        PlotData *d = &run->data;
        int r;

        if (!settle_times(run)) {
                message_error("the service knows no time of any record: nothing to draw");
                return EXIT_ERROR;
        }
        choose_window(run);
        if (d->since_usec >= d->until_usec) {
                message_error("--since= is not before --until= (%.2f s)",
                              (double)d->until_usec / 1e6);
                return EXIT_USAGE;
        }
        add_marks(run);
        r = describe(run);
        if (r < 0)
                return error_trace(r);
        d->times = run->times;
        d->n_times = run->n_times;
        d->rows = run->rows;
        d->n_records = run->n_times;
        d->has_extended = !bytes_equal_text(run->view.mode, "kernel");
        r = run->o->html ? plot_page(stdout, d) : plot_svg(stdout, d);
        return r < 0 ? error_trace(r) : EXIT_GOOD;
}

static PlotRun *plot_run_free(PlotRun *run) {
        if (!run)
                return NULL;
        varlink_reply_deinit(&run->status);
        for (size_t i = 0; i < run->data.n_rows; ++i) {
                free(run->rows[i].template);
                free(run->rows[i].name);
        }
        free(run->rows);
        free(run->times);
        free(run->boot_id);
        free(run->headline);
        free(run);
        return NULL;
}
DEFINE_CLEANUP(PlotRun, plot_run_free);

/**
 * verb_plot() - ima-replayctl plot
 * @o: the options
 *
 * Return: EXIT_GOOD; EXIT_ERROR when nobody answers, or there is nothing to draw; EXIT_USAGE; a
 *         negative errno.
 */
int verb_plot(const CtlOptions *o) {
        _cleanup_(plot_run_freep) PlotRun *run = calloc(1, sizeof(*run));
        Remote remote = {};
        int r;

        if (!run)
                return error_origin(-ENOMEM);
        run->o = o;
        run->status.fd = -1;
        if (isatty(STDOUT_FILENO) == 1) {
                message_error("plot writes a file: → try ima-replayctl plot > boot.svg, or plot "
                              "--html > boot.html");
                return EXIT_USAGE;
        }
        r = remote_open(o, REMOTE_REPLAY, &remote);
        r = r == 0 ? plot_ask(run, &remote) : r > 0 ? EXIT_ERROR : r;
        remote_close(&remote);
        if (r == EXIT_GOOD)
                r = plot_draw(run);
        return r < 0 ? error_trace(r) : r;
}
