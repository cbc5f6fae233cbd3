/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/run.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "daemon/report.h"
#include "daemon/say.h"
#include "os/listener.h"
#include "os/lookout.h"
#include "os/loop.h"
#include "os/message.h"
#include "os/peer.h"
#include "os/service.h"
#include "os/stop.h"

#define RUN_PUSH_USEC     (100 * PLAN_MSEC) /* between two pushes of STATUS */
#define RUN_LINE_USEC     (1 * PLAN_SEC)    /* between two lines for the service manager */
#define RUN_PROGRESS_USEC (250 * PLAN_MSEC)
#define RUN_SOCKET_USEC   (10 * PLAN_SEC) /* until the inner socket is tried again */
#define RUN_SLEPT_USEC    (1 * PLAN_SEC)  /* a suspend, and no reading of two clocks */
#define RUN_ALL_PCRS      ((UINT32_C(1) << TPM_PCR_N) - 1)
#define RUN_DEVICES       "tpm" /* in /dev, what the gate waits for; all else anybody may touch */

typedef struct Run {
        const Root *root;
        bool is_oneshot;
        int socket_fd;        /* of socket activation; -1: none, or in use */
        uint64_t socket_usec; /* when the inner socket was tried last */
        uint64_t slept_usec;  /* of suspend since boot, as seen last */
        Loop *loop;
        Extender *extender;
        PeerServer *peers;
        LoopWatch stop, tpm, dev;
        Say say;
        Status status;
        uint64_t pushed, pushed_usec; /* figures.n_changes, and when */
        char line[REPORT_LINE_SIZE];
        uint64_t line_usec, progress_usec;
        uint64_t watchdog_usec, fed_usec;
} Run;

static int on_stop(LoopWatch *w, uint32_t events) {
        Run *run = w->userdata;

        (void)events;
        loop_forget(run->loop, w);
        extender_stop(run->extender);
        if (!run->is_oneshot)
                service_notify_stopping();
        return 0;
}

static int on_tpm(LoopWatch *w, uint32_t events) {
        (void)w, (void)events; /* it has answered: extender_run() will see */
        return 0;
}

/* A TPM's node came, went, or got another owner. */
static int on_dev(LoopWatch *w, uint32_t events) {
        Run *run = w->userdata;

        (void)events;
        if (lookout_drain(w->fd, RUN_DEVICES))
                extender_poke(run->extender);
        return 0;
}

/* Only to be quicker: the machine is looked at again every second anyway. */
static void run_watch_dev(Run *run) {
        _cleanup_close_ int fd = -1;

        if (lookout_open(run->root, "dev", &fd) < 0)
                return;
        run->dev = (LoopWatch){ .fd = fd, .call = on_dev, .userdata = run };
        if (loop_watch(run->loop, &run->dev, EPOLLIN) == 0)
                (void)take_fd(&fd);
        else
                run->dev.fd = -1;
}

/*
 * The inner socket
 */

static void on_refresh(void *userdata, uint32_t pcrs, uint64_t token) {
        Run *run = userdata;

        extender_refresh(run->extender, pcrs, token);
}

static int on_get_spool(void *userdata, PeerSpool *ret_spool) {
        const Run *run = userdata;
        const Spool *spool = extender_spool(run->extender);
        PeerSpool p = { .list_fd = -1, .index_fd = -1 };
        SpoolFacts f;
        int r;

        if (!spool)
                return -ENOENT;
        f = spool_facts(spool);
        r = spool_share(spool, &p.list_fd, &p.index_fd);
        if (r < 0)
                return r;
        p.generation = f.generation;
        p.n_records = f.n_records;
        p.n_bytes = f.n_bytes;
        *ret_spool = p;
        return 0;
}

static int run_push(Run *run, uint64_t now) {
        const ExtenderFigures *f = extender_figures(run->extender);

        if (!run->peers || f->n_changes == run->pushed || now < run->pushed_usec + RUN_PUSH_USEC)
                return 0;
        run->pushed = f->n_changes;
        run->pushed_usec = now;
        report_status(run->extender, now, &run->status);
        return error_trace(peer_server_push(run->peers, &run->status, f->token));
}

/*
 * Whoever looks on
 */

static void run_tell_manager(Run *run, uint64_t now) {
        char line[REPORT_LINE_SIZE];

        if (run->watchdog_usec > 0 && now >= run->fed_usec + run->watchdog_usec) {
                run->fed_usec = now;
                service_notify_watchdog();
        }
        if (now < run->line_usec + RUN_LINE_USEC)
                return;
        report_line(run->extender, now, line);
        run->line_usec = now;
        if (strcmp(line, run->line) == 0)
                return;
        (void)memcpy(run->line, line, sizeof(line));
        service_notify_status(line);
}

static void run_show_progress(Run *run, uint64_t now) {
        const Plan *p = extender_plan(run->extender);

        if (now < run->progress_usec + RUN_PROGRESS_USEC || p->state == PLAN_FOLLOW)
                return;
        run->progress_usec = now;
        progress("%s: record %" PRIu64 " of %" PRIu64 ", %" PRIu64 " extended",
                 plan_state_name(p->state), p->n_listed, report_n_measured(run->extender),
                 p->n_extended);
}

/* Until when nobody needs us, if nothing happens. */
static uint64_t run_until(const Run *run, const ExtenderWait *wait) {
        uint64_t until = wait->until_usec;

        if (run->watchdog_usec > 0)
                until = MIN_OF(until, run->fed_usec + run->watchdog_usec);
        if (run->peers && extender_figures(run->extender)->n_changes != run->pushed)
                until = MIN_OF(until, run->pushed_usec + RUN_PUSH_USEC);
        return until;
}

/* Clients are served by root at least. */
static void run_share_socket(const Run *run) {
        int r = listener_give(run->root, PEER_NAME, LISTENER_USER);

        if (r < 0)
                message_warning(
                        "the inner socket is root's only: %s; → have ima-replay-serve run as "
                        "root, or the socket made by ima-replay-extender.socket",
                        strerror(-r));
}

/* Only when the list is ours: the socket may be another extender's. */
static void run_open_socket(Run *run, uint64_t now) {
        static const PeerCalls calls = { .refresh = on_refresh, .get_spool = on_get_spool };
        bool is_first;
        int r;

        if (run->peers || !extender_spool(run->extender) ||
            (run->socket_usec > 0 && now < run->socket_usec + RUN_SOCKET_USEC))
                return;
        is_first = run->socket_usec == 0;
        run->socket_usec = now;
        r = peer_server_new(run->root, run->socket_fd, run->loop, &calls, run, &run->peers);
        if (r == 0 && take_fd(&run->socket_fd) < 0)
                run_share_socket(run);
        if (r < 0 && is_first)
                message_warning("no socket for clients: %s; the list is extended all the same",
                                strerror(-r));
}

/* After a suspend the TPM is looked at, before anything is to be extended: was it reset? */
static void run_heed_suspend(Run *run) {
        struct timespec t;
        uint64_t slept;

        if (clock_gettime(CLOCK_MONOTONIC, &t) < 0)
                return;
        /* In this order, so that it is never below zero. */
        slept = now_usec() - ((uint64_t)t.tv_sec * PLAN_SEC + (uint64_t)t.tv_nsec / 1000);
        if (run->slept_usec > 0 && slept > run->slept_usec + RUN_SLEPT_USEC)
                extender_refresh(run->extender, RUN_ALL_PCRS,
                                 extender_figures(run->extender)->token);
        run->slept_usec = MAX_OF(slept, 1U);
}

static int run_turn(Run *run) {
        uint64_t now = now_usec();
        ExtenderWait wait;
        int r;

        /* Before the extender may close it: another descriptor could get its number. */
        loop_forget(run->loop, &run->tpm);
        run_heed_suspend(run);
        r = extender_run(run->extender, now, &wait);
        if (r < 0)
                return error_trace(r);
        run_show_progress(run, now);
        if (!run->is_oneshot) {
                say_news(&run->say, run->extender, now);
                run_tell_manager(run, now);
                run_open_socket(run, now);
                r = run_push(run, now);
                if (r < 0)
                        return error_trace(r);
        }
        if (extender_is_done(run->extender))
                return 0;
        if (wait.fd >= 0) {
                run->tpm = (LoopWatch){ .fd = wait.fd, .call = on_tpm, .userdata = run };
                r = loop_watch(run->loop, &run->tpm, EPOLLIN);
                if (r < 0)
                        return error_trace(r);
        }
        return error_trace(loop_turn(run->loop, run_until(run, &wait)));
}

static int run_begin(Run *run, const ExtenderConfig *config) {
        int r;

        r = loop_new(&run->loop);
        if (r < 0)
                return error_trace(r);
        r = stop_watch(run->loop, on_stop, run, &run->stop);
        if (r < 0)
                return error_trace(r);
        r = extender_new(config, &run->extender);
        if (r < 0)
                return error_trace(r);
        if (config->asks_gate)
                run_watch_dev(run);
        if (run->is_oneshot)
                return 0;
        r = service_socket(PEER_NAME, &run->socket_fd);
        if (r < 0)
                message_warning("no socket is handed over: %s; one is made", strerror(-r));
        run->watchdog_usec = service_watchdog_usec();
        service_notify_ready();
        return 0;
}

static void run_end(Run *run) {
        progress_end();
        peer_server_free(run->peers);
        if (run->loop) {
                loop_forget(run->loop, &run->tpm);
                loop_forget(run->loop, &run->dev);
        }
        stop_forget(run->loop, &run->stop);
        closep(&run->dev.fd);
        closep(&run->socket_fd);
        loop_free(run->loop);
        extender_free(run->extender);
}

/**
 * run_extender() - run the extender until it is done
 * @config:       as for extender_new(); is_oneshot: no service around it
 * @ret_extender: the extender, done; to be freed by the caller; set on success only
 *
 * SIGTERM and SIGINT: the command that the TPM works on is finished, then it is done.
 *
 * Return: 0; a negative errno when it could not be done at all (a message says why, where it is not
 *         obvious).
 */
int run_extender(const ExtenderConfig *config, Extender **ret_extender) {
        Run run = {
                .root = config->root,
                .is_oneshot = config->is_oneshot,
                .socket_fd = -1,
                .dev = { .fd = -1 },
        };
        int r;

        r = run_begin(&run, config);
        while (r >= 0 && !extender_is_done(run.extender))
                r = run_turn(&run);
        if (r >= 0 && !run.is_oneshot)
                say_stopped(run.extender, now_usec());
        if (r >= 0)
                *ret_extender = TAKE(run.extender);
        run_end(&run);
        return error_trace(r);
}
