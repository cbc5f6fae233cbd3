/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * io.systemd.Metrics, for systemd-report (systemd 260 and later). One metric a reply, as it wants
 * them; each begins with the name of the link by which it is found, org.imareplay.
 */
#include <errno.h>

#include "base/error.h"
#include "core/gate.h"
#include "daemon/serve-extender.h"
#include "daemon/serve-methods.h"
#include "daemon/serve-words.h"
#include "varlink/idl.h"

static const VarlinkMethod methods[] = {
        { "List", serve_metrics_list },
        { "Describe", serve_metrics_describe },
};

const VarlinkInterface serve_interface_metrics = {
        .name = "io.systemd.Metrics",
        .description = varlink_idl_metrics,
        .methods = methods,
        .n_methods = ELEMENTSOF(methods),
};

typedef enum MetricType {
        METRIC_COUNTER,
        METRIC_GAUGE,
        METRIC_STRING,
        _METRIC_TYPE_N,
} MetricType;

typedef enum Metric {
        METRIC_STATE,
        METRIC_VERDICT,
        METRIC_MODE,
        METRIC_MEASURED,
        METRIC_EXTENDED,
        METRIC_VIOLATIONS,
        METRIC_REFUSED,
        METRIC_FOREIGN,
        METRIC_BEHIND,
        METRIC_LAG_P50,
        METRIC_LAG_P99,
        METRIC_LAG_MAX,
        METRIC_TPM_WAIT,
        METRIC_CATCH_UP,
        METRIC_SPOOL_BYTES,
        METRIC_PCR_MATCHES,
        _METRIC_N,
} Metric;

static const struct {
        const char *name, *text;
        MetricType type;
} families[_METRIC_N] = {
        [METRIC_STATE] = { "org.imareplay.State", "Where ima-replayd stands", METRIC_STRING },
        [METRIC_VERDICT] = { "org.imareplay.Verdict", "pending, extended, kernel, failed or no_ima",
                             METRIC_STRING },
        [METRIC_MODE] = { "org.imareplay.Mode", "Who extends in this boot", METRIC_STRING },
        [METRIC_MEASURED] = { "org.imareplay.MeasurementsTotal",
                              "Records that the kernel recorded in this boot", METRIC_COUNTER },
        [METRIC_EXTENDED] = { "org.imareplay.MeasurementsExtended",
                              "Records known to be in every bank", METRIC_COUNTER },
        [METRIC_VIOLATIONS] = { "org.imareplay.Violations",
                                "Records among them that are violations", METRIC_COUNTER },
        [METRIC_REFUSED] = { "org.imareplay.Refused", "Records for PCRs that cannot be extended",
                             METRIC_COUNTER },
        [METRIC_FOREIGN] = { "org.imareplay.Foreign", "Records for PCRs that others extend, too",
                             METRIC_COUNTER },
        [METRIC_BEHIND] = { "org.imareplay.Behind", "Records on the list that are not extended",
                            METRIC_GAUGE },
        [METRIC_LAG_P50] = { "org.imareplay.LagMedianUSec",
                             "From a record to its verified extend, median of the last 4096",
                             METRIC_GAUGE },
        [METRIC_LAG_P99] = { "org.imareplay.LagP99USec", "The same, 99th percentile",
                             METRIC_GAUGE },
        [METRIC_LAG_MAX] = { "org.imareplay.LagMaxUSec",
                             "The same, longest that the running daemon knows of", METRIC_GAUGE },
        [METRIC_TPM_WAIT] = { "org.imareplay.TPMWaitUSec",
                              "From the start of the machine to the first extend", METRIC_GAUGE },
        [METRIC_CATCH_UP] = { "org.imareplay.ReplayUSec", "How long the first catch-up took",
                              METRIC_GAUGE },
        [METRIC_SPOOL_BYTES] = { "org.imareplay.SpoolBytes",
                                 "Size of the copy from which the list is served", METRIC_GAUGE },
        [METRIC_PCR_MATCHES] = { "org.imareplay.PCRMatches",
                                 "1 where a bank of the PCR holds what the list gives",
                                 METRIC_GAUGE },
};

/* What one List says: taken at once, told one by one. */
typedef struct MetricRow {
        Metric metric;
        const char *text; /* constant; NULL: a number */
        const char *object;
        uint64_t value;
} MetricRow;

typedef struct MetricRows {
        MetricRow row[_METRIC_N + _DIGEST_ALG_N];
        size_t n, at;
} MetricRows;

static void add_row(MetricRows *m, Metric metric, uint64_t value) {
        m->row[m->n++] = (MetricRow){ .metric = metric, .value = value };
}

static void add_text(MetricRows *m, Metric metric, const char *text) {
        m->row[m->n++] = (MetricRow){ .metric = metric, .text = text };
}

static void add_lag(MetricRows *m, const Status *s) {
        add_row(m, METRIC_BEHIND, s->lag.n_records);
        if (s->lag.n_samples == 0)
                return;
        add_row(m, METRIC_LAG_P50, s->lag.p50_usec);
        add_row(m, METRIC_LAG_P99, s->lag.p99_usec);
        add_row(m, METRIC_LAG_MAX, s->lag.max_usec);
}

static void add_banks(MetricRows *m, const Status *s) {
        for (uint32_t i = 0; i < s->n_pcrs; ++i) {
                const StatusPcr *p = &s->pcr[i];

                if (p->pcr != s->main_pcr || !p->has_value)
                        continue;
                FOREACH_BANK(alg, p->banks)
                        m->row[m->n++] = (MetricRow){ .metric = METRIC_PCR_MATCHES,
                                                      .object = digest_name(alg),
                                                      .value = p->is_held };
        }
}

/* Without an extender there are the words for that, and no number that would be a claim. */
static void metrics_take(const Serve *serve, MetricRows *m) {
        const Status *s = serve_known(serve);

        add_text(m, METRIC_STATE, plan_state_name(s->state));
        add_text(m, METRIC_VERDICT, serve_verdict_name(s->verdict));
        add_text(m, METRIC_MODE, mode_name(s->mode));
        if (!serve_status(serve))
                return;
        add_row(m, METRIC_MEASURED, s->n_measured);
        add_row(m, METRIC_EXTENDED, s->n_extended);
        add_row(m, METRIC_VIOLATIONS, s->n_violations);
        add_row(m, METRIC_REFUSED, s->n_refused);
        add_row(m, METRIC_FOREIGN, s->n_foreign);
        add_lag(m, s);
        if (s->backlog_start_usec > 0)
                add_row(m, METRIC_TPM_WAIT, s->backlog_start_usec);
        if (s->backlog_start_usec > 0 && s->backlog_done_usec > s->backlog_start_usec)
                add_row(m, METRIC_CATCH_UP, s->backlog_done_usec - s->backlog_start_usec);
        add_row(m, METRIC_SPOOL_BYTES, s->spool_size);
        add_banks(m, s);
}

static int metric_words(const MetricRow *row, Json **ret_map) {
        _cleanup_(json_dropp) Json *map = NULL;
        int r;

        r = json_map(&map);
        if (r == 0)
                r = json_put_text(map, "name", bytes_of_text(families[row->metric].name));
        if (r == 0 && row->text)
                r = json_put_text(map, "value", bytes_of_text(row->text));
        else if (r == 0)
                r = json_put_u64(map, "value", row->value);
        if (r == 0 && row->object)
                r = json_put_text(map, "object", bytes_of_text(row->object));
        if (r < 0)
                return error_trace(r);
        *ret_map = TAKE(map);
        return 0;
}

static int family_words(size_t i, Json **ret_map) {
        static const char *const types[_METRIC_TYPE_N] = {
                [METRIC_COUNTER] = "counter",
                [METRIC_GAUGE] = "gauge",
                [METRIC_STRING] = "string",
        };
        _cleanup_(json_dropp) Json *map = NULL;
        int r;

        r = json_map(&map);
        if (r == 0)
                r = json_put_text(map, "name", bytes_of_text(families[i].name));
        if (r == 0)
                r = json_put_text(map, "description", bytes_of_text(families[i].text));
        if (r == 0)
                r = json_put_text(map, "type", bytes_of_text(types[families[i].type]));
        if (r < 0)
                return error_trace(r);
        *ret_map = TAKE(map);
        return 0;
}

/* The next reply. Families are told where there are no rows. */
static int metrics_resume(VarlinkCall *c, void *state, uint64_t now_usec) {
        _cleanup_(json_dropp) Json *words = NULL;
        MetricRows *m = state;
        size_t n = m->n > 0 ? m->n : (size_t)_METRIC_N;
        int r;

        (void)now_usec;
        if (m->n > 0)
                r = metric_words(&m->row[m->at], &words);
        else
                r = family_words(m->at, &words);
        if (r < 0)
                return error_trace(r);
        if (m->at + 1 == n) /* and @m is gone, if there was room for it */
                r = varlink_reply(c, &words);
        else if ((r = varlink_reply_continue(c, &words)) == 0)
                ++m->at;
        return r == VARLINK_E_NO_ROOM ? 0 : error_trace(r);
}

static const VarlinkHold metrics_hold = { metrics_resume, free };

static int metrics_begin(VarlinkCall *c, MetricRows **ret_rows) {
        const char *bad;
        int r;

        r = json_take(varlink_call_parameters(c), NULL, 0, true, NULL, &bad);
        if (r != 0)
                return r < 0 ? error_trace(r) : varlink_error_invalid(c, bad);
        if (!varlink_call_wants_more(c))
                return error_trace(varlink_error_expected_more(c));
        *ret_rows = calloc(1, sizeof(**ret_rows));
        return *ret_rows ? 0 : error_origin(-ENOMEM);
}

/* Held first: the hold owns @m, whatever comes. */
static int metrics_tell(VarlinkCall *c, MetricRows *m) {
        varlink_call_hold(c, &metrics_hold, m, LOOP_FOREVER);
        return error_trace(metrics_resume(c, m, 0));
}

/**
 * serve_metrics_list() - List
 * @c:        the call
 * @userdata: the Serve
 *
 * Return: 0 or a negative errno.
 */
int serve_metrics_list(VarlinkCall *c, void *userdata) {
        MetricRows *m = NULL;
        int r = metrics_begin(c, &m);

        if (r < 0 || !m)
                return error_trace(r);
        metrics_take(userdata, m);
        return error_trace(metrics_tell(c, m));
}

/**
 * serve_metrics_describe() - Describe
 * @c:        the call
 * @userdata: the Serve
 *
 * Return: 0 or a negative errno.
 */
int serve_metrics_describe(VarlinkCall *c, void *userdata) {
        MetricRows *m = NULL;
        int r = metrics_begin(c, &m);

        (void)userdata;
        if (r < 0 || !m)
                return error_trace(r);
        return error_trace(metrics_tell(c, m));
}
