/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ima-replayctl status: where the service stands, once or with each change.
 */
#include "base/error.h"
#include "base/exit.h"
#include "client/output.h"
#include "client/remote.h"
#include "client/status-view.h"

/* On a terminal "12s ago" goes on, too. */
#define REDRAW_USEC (UINT64_C(1) * 1000000)

/* Home, and nothing below: as watch(1) does. */
#define CLEAR "\033[H\033[J"

typedef struct StatusRun {
        const CtlOptions *o;
        Terminal terminal;
        Remote remote;
        VarlinkReply reply; /* that the view borrows from */
        StatusView view;
        int status;
} StatusRun;

static int status_show(StatusRun *run) {
        const CtlOptions *o = run->o;

        if (o->quiet)
                return 0;
        if (o->json != JSON_OFF)
                return error_trace(remote_print_json(run->reply.parameters, o->json, o->watch));
        if (o->watch && !run->terminal.is_there) {
                status_view_line(stdout, &run->view);
                return 0;
        }
        if (o->watch)
                (void)fputs(CLEAR, stdout);
        return error_trace(
                status_view_print(stdout, &run->view, &run->terminal, o->full, now_usec()));
}

/* Return: 0; EXIT_ERROR or the status of an error, after a message; a negative errno. */
static int status_take(StatusRun *run) {
        const char *bad = "";
        int r;

        if (run->reply.error)
                return remote_error(&run->reply);
        r = status_view_take(run->reply.parameters, &run->view, &bad);
        if (r == STATUS_VIEW_E_UNFIT) {
                (void)remote_misfit(&run->remote, bad);
                return EXIT_ERROR;
        }
        if (r < 0)
                return error_trace(r);
        run->status = status_view_exit(&run->view);
        r = status_show(run);
        if (r == 0 && output_flush() < 0)
                return EXIT_ERROR; /* nobody looks any more, or main() will say it */
        return error_trace(r);
}

/* Until the service goes away, or nobody looks any more. Return: as status_take(). */
static int status_watch(StatusRun *run) {
        bool is_alive = run->terminal.is_there && run->o->json == JSON_OFF && !run->o->quiet;
        Json *none = NULL;
        int r;

        r = remote_send(&run->remote, REMOTE_STATUS ".GetStatus", &none, true);
        while (r == 0) {
                VarlinkReply next = { .fd = -1 };

                r = remote_receive(&run->remote, is_alive ? now_usec() + REDRAW_USEC : LOOP_FOREVER,
                                   &next);
                if (r == REMOTE_E_TIME && run->reply.parameters) {
                        r = status_show(run);
                        (void)fflush(stdout);
                        continue;
                }
                if (r == REMOTE_E_TIME)
                        r = 0;
                if (r != 0 || !next.parameters)
                        continue;
                varlink_reply_deinit(&run->reply);
                run->reply = next;
                r = status_take(run);
                if (r == 0 && !run->reply.continues)
                        return EXIT_GOOD;
        }
        return r == REMOTE_E_FAILED ? EXIT_ERROR : r;
}

static int status_ask(StatusRun *run) {
        int r;

        if (run->o->watch)
                return status_watch(run);
        r = remote_call(&run->remote, REMOTE_STATUS ".GetStatus", NULL, REMOTE_PATIENCE_USEC,
                        &run->reply);
        if (r != 0)
                return r < 0 ? error_trace(r) : EXIT_ERROR;
        r = status_take(run);
        return r == 0 ? run->status : r;
}

/**
 * verb_status() - ima-replayctl status
 * @o: the options
 *
 * Return: of the verdict: EXIT_GOOD, EXIT_NOT_YET, EXIT_MISMATCH or EXIT_NO_IMA; EXIT_ERROR when
 *         nobody answers, or ceases to; a negative errno.
 */
int verb_status(const CtlOptions *o) {
        _cleanup_free_ StatusRun *run = calloc(1, sizeof(*run));
        int r;

        if (!run)
                return error_origin(-ENOMEM);
        run->o = o;
        run->reply.fd = -1;
        run->terminal = terminal_look();
        r = remote_open(o, REMOTE_STATUS, &run->remote);
        if (r == 0)
                r = status_ask(run);
        else if (r > 0)
                r = EXIT_ERROR;
        varlink_reply_deinit(&run->reply);
        remote_close(&run->remote);
        return r < 0 ? error_trace(r) : r;
}
