/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ima-replayctl metrics: the status as figures.
 */
#include "base/error.h"
#include "base/exit.h"
#include "client/remote.h"
#include "client/status-view.h"

/* Return: 0; REMOTE_E_FAILED after a message; a negative errno. */
static int metrics_print(const CtlOptions *o, const Remote *remote, const VarlinkReply *reply) {
        _cleanup_free_ StatusView *v = malloc(sizeof(*v));
        const char *bad = "";
        int r;

        if (!v)
                return error_origin(-ENOMEM);
        if (reply->error) {
                r = remote_error(reply);
                return r < 0 ? error_trace(r) : REMOTE_E_FAILED;
        }
        r = status_view_take(reply->parameters, v, &bad);
        if (r == STATUS_VIEW_E_UNFIT)
                return remote_misfit(remote, bad);
        if (r < 0)
                return error_trace(r);
        if (o->json != JSON_OFF)
                return error_trace(remote_print_json(reply->parameters, o->json, false));
        return error_trace(status_view_metrics(stdout, v, o->openmetrics));
}

/**
 * verb_metrics() - ima-replayctl metrics
 * @o: the options
 *
 * Return: EXIT_GOOD, whatever the figures say: who collects them decides; EXIT_ERROR; a negative
 *         errno.
 */
int verb_metrics(const CtlOptions *o) {
        VarlinkReply reply = { .fd = -1 };
        Remote remote = {};
        int r;

        r = remote_open(o, REMOTE_STATUS, &remote);
        if (r == 0)
                r = remote_call(&remote, REMOTE_STATUS ".GetStatus", NULL, REMOTE_PATIENCE_USEC,
                                &reply);
        if (r == 0)
                r = metrics_print(o, &remote, &reply);
        varlink_reply_deinit(&reply);
        remote_close(&remote);
        return r < 0 ? error_trace(r) : r == 0 ? EXIT_GOOD : EXIT_ERROR;
}
