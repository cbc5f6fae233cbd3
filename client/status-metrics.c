/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The status as figures: in Prometheus' text format 0.0.4, as the textfile collector of
 * node_exporter takes it, or as a table.
 */
#include <errno.h>
#include <inttypes.h>

#include "base/error.h"
#include "client/remote.h"
#include "client/status-view.h"

#define PREFIX "ima_replay_"

typedef struct Printer {
        FILE *f;
        bool is_prometheus;
} Printer;

static void family(const Printer *p, const char *name, const char *type, const char *help) {
        if (p->is_prometheus)
                (void)fprintf(p->f, "# HELP " PREFIX "%s %s\n# TYPE " PREFIX "%s %s\n", name, help,
                              name, type);
}

/* A backslash in a label's value is written twice; a quote must not end it. */
static void put_value(FILE *f, Bytes in) {
        char text[REMOTE_CHARACTER_MAX];

        while (remote_take(&in, text))
                for (const char *c = text; *c; ++c)
                        (void)fprintf(f, *c == '\\' || *c == '"' ? "\\%c" : "%c", *c);
}

static void begin(const Printer *p, const char *name) {
        (void)fprintf(p->f, "%s%s", p->is_prometheus ? PREFIX : "", name);
}

static void put_u64(const Printer *p, uint64_t value) {
        (void)fprintf(p->f, " %" PRIu64 "\n", value);
}

static void put_usec(const Printer *p, uint64_t usec) {
        (void)fprintf(p->f, " %" PRIu64 ".%06u\n", usec / 1000000, (unsigned)(usec % 1000000));
}

static void one(const Printer *p, const char *name, const char *type, const char *help,
                uint64_t value) {
        family(p, name, type, help);
        begin(p, name);
        put_u64(p, value);
}

static void seconds(const Printer *p, const char *name, const char *help, JsonU64 usec) {
        if (!usec.is_set)
                return;
        family(p, name, "gauge", help);
        begin(p, name);
        put_usec(p, usec.value);
}

/* One of several words: 1 for the word that is, 0 for the others. */
static void word(const Printer *p, const char *name, const char *known, Bytes now, bool *found) {
        bool is = bytes_equal_text(now, known);

        if (!is && !p->is_prometheus)
                return;
        begin(p, name);
        if (p->is_prometheus)
                (void)fprintf(p->f, "{%s=\"%s\"} %d\n", name, known, is);
        else
                (void)fprintf(p->f, " %s\n", known);
        *found = *found || is;
}

/* A later version may have words that are not known here. */
static void other_word(const Printer *p, const char *name, Bytes now, bool found) {
        if (found)
                return;
        begin(p, name);
        (void)fprintf(p->f, "{%s=\"", name);
        put_value(p->f, now);
        (void)fputs("\"} 1\n", p->f);
}

static void print_words(const Printer *p, const StatusView *v) {
        static const char *const modes[] = { "undecided", "bypass", "kernel", "mixed" };
        bool found = false;

        family(p, "verdict", "gauge", "1 for what the TPM's state comes to, 0 for the others.");
        for (PlanVerdict i = 0; i < _PLAN_VERDICT_N; ++i)
                word(p, "verdict", plan_verdict_name(i), v->verdict_name, &found);
        other_word(p, "verdict", v->verdict_name, found);
        found = false;
        family(p, "state", "gauge", "1 for the state that the service is in, 0 for the others.");
        for (PlanState i = 0; i < _PLAN_STATE_N; ++i)
                word(p, "state", plan_state_name(i), v->state, &found);
        other_word(p, "state", v->state, found);
        found = false;
        family(p, "mode", "gauge", "1 for who extends in this boot, 0 for the others.");
        for (size_t i = 0; i < ELEMENTSOF(modes); ++i)
                word(p, "mode", modes[i], v->mode, &found);
        other_word(p, "mode", v->mode, found);
}

static void print_counts(const Printer *p, const StatusView *v) {
        uint64_t measured = v->measured.value, extended = v->extended.value;

        one(p, "measurements_total", "counter", "Records that the kernel made in this boot.",
            measured);
        one(p, "extended_total", "counter",
            "Records that are dealt with: in every bank, or left "
            "alone for good.",
            extended);
        one(p, "violations_total", "counter", "Records that are violations.", v->violations.value);
        one(p, "refused_total", "counter", "Records for PCRs that cannot be extended.",
            v->refused.value);
        one(p, "foreign_total", "counter", "Records for PCRs that others extend, too.",
            v->foreign.value);
        one(p, "trimmed_total", "counter", "Records that left the kernel's list.",
            v->trimmed.value);
        one(p, "behind_records", "gauge", "Records on the list that are not in the TPM.",
            measured > extended ? measured - extended : 0);
}

static void print_times(const Printer *p, const StatusView *v) {
        const StatusViewBacklog *b = &v->backlog;
        JsonU64 took = { false, 0 }, tpm = { false, 0 };

        seconds(p, "lag_age_seconds", "How long the oldest record has waited that is not extended.",
                v->lag.age_usec);
        if (v->lag.p50_usec.is_set) {
                family(p, "lag_seconds", "gauge",
                       "From seeing a record to its verified extend, over the last 4096.");
                begin(p, "lag_seconds{quantile=\"0.5\"}");
                put_usec(p, v->lag.p50_usec.value);
                begin(p, "lag_seconds{quantile=\"0.99\"}");
                put_usec(p, v->lag.p99_usec.value);
        }
        seconds(p, "lag_max_seconds", "The longest of these times in this boot.", v->lag.max_usec);
        for (size_t i = 0; i < v->n_gate; ++i)
                if (bytes_equal_text(v->gate[i].name, "tpm"))
                        tpm = v->gate[i].ready_usec;
        seconds(p, "tpm_ready_seconds", "When the TPM was first seen ready, since boot.", tpm);
        if (b->is_there) {
                one(p, "backlog_records", "gauge", "Records of the first catch-up.",
                    b->records.value);
                took.is_set = b->done_usec.is_set && b->done_usec.value >= b->start_usec.value;
                took.value = took.is_set ? b->done_usec.value - b->start_usec.value : 0;
                seconds(p, "backlog_duration_seconds", "How long the first catch-up took.", took);
                seconds(p, "backlog_done_seconds", "When it was done, since boot.", b->done_usec);
        }
        seconds(p, "last_extend_seconds", "When the last record was extended, since boot.",
                v->last_extend_usec);
}

static void bank_labels(const Printer *p, const char *name, const StatusViewBank *bank) {
        begin(p, name);
        (void)fprintf(p->f, "{pcr=\"%" PRIu64 "\",bank=\"", bank->pcr.value);
        put_value(p->f, bank->algorithm);
        (void)fputs("\"}", p->f);
}

static void print_banks(const Printer *p, const StatusView *v) {
        bool has_value = false;

        for (size_t i = 0; i < v->n_banks; ++i)
                has_value = has_value || v->bank[i].value.n > 0;
        if (!has_value)
                return;
        family(p, "pcr_matches", "gauge", "Whether a PCR's value follows from the list.");
        for (size_t i = 0; i < v->n_banks; ++i)
                if (v->bank[i].value.n > 0) {
                        bank_labels(p, "pcr_matches", &v->bank[i]);
                        put_u64(p, v->bank[i].verified.is_set);
                }
        family(p, "pcr_records", "gauge", "How many records of the list its value stands for.");
        for (size_t i = 0; i < v->n_banks; ++i)
                if (v->bank[i].value.n > 0 && v->bank[i].verified.is_set) {
                        bank_labels(p, "pcr_records", &v->bank[i]);
                        put_u64(p, v->bank[i].verified.value);
                }
}

static void print_rest(const Printer *p, const StatusView *v) {
        if (v->tpm.is_there) {
                one(p, "tpm_compare_and_swap", "gauge",
                    "Whether each extend is a compare-and-swap.", v->tpm.compare_and_swap.value);
                one(p, "tpm_reset_count", "gauge", "The TPM's count of resets.",
                    v->tpm.reset_count.value);
                one(p, "tpm_restart_count", "gauge", "The TPM's count of restarts and resumes.",
                    v->tpm.restart_count.value);
        }
        one(p, "spool_records", "gauge", "Records that can be served.", v->spool.records.value);
        one(p, "spool_bytes", "gauge", "Bytes of the copy of the list.", v->spool.size.value);
        one(p, "spool_limit_bytes", "gauge", "Bytes that it may have.", v->spool.limit.value);
        one(p, "spool_writable", "gauge", "Whether it takes new records.", v->spool.writable.value);
}

/**
 * status_view_metrics() - the status as figures
 * @f:             where to
 * @v:             the status
 * @is_prometheus: with comments and names as Prometheus wants them; else "name value"
 *
 * Return: 0.
 */
int status_view_metrics(FILE *f, const StatusView *v, bool is_prometheus) {
        const Printer p = { f, is_prometheus };

        print_words(&p, v);
        print_counts(&p, v);
        print_times(&p, v);
        print_banks(&p, v);
        print_rest(&p, v);
        return 0;
}
