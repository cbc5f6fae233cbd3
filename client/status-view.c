/* SPDX-License-Identifier: BSD-2-Clause */
#include "client/status-view.h"

#include <errno.h>

#include "base/error.h"
#include "base/exit.h"

#define ROW(type_, n, t, must, member)                                                             \
        { n, t, must, offsetof(type_, member) }
#define TEXT(type_, n, must, member)   ROW(type_, n, JSON_TYPE_TEXT, must, member)
#define NUMBER(type_, n, must, member) ROW(type_, n, JSON_TYPE_U64, must, member)
#define BOOL(type_, n, must, member)   ROW(type_, n, JSON_TYPE_BOOL, must, member)

/* The parts that are objects of their own. */
typedef struct ViewParts {
        StatusView view;
        const Json *gate, *banks, *tpm, *lag, *backlog, *spool;
} ViewParts;

static const JsonField view_fields[] = {
        TEXT(ViewParts, "bootId", true, view.boot_id),
        TEXT(ViewParts, "verdict", true, view.verdict_name),
        TEXT(ViewParts, "mode", true, view.mode),
        TEXT(ViewParts, "state", true, view.state),
        TEXT(ViewParts, "reason", false, view.reason),
        TEXT(ViewParts, "message", false, view.message),
        NUMBER(ViewParts, "stateUSec", true, view.state_usec),
        NUMBER(ViewParts, "measured", true, view.measured),
        NUMBER(ViewParts, "extended", true, view.extended),
        NUMBER(ViewParts, "violations", true, view.violations),
        NUMBER(ViewParts, "refused", true, view.refused),
        NUMBER(ViewParts, "foreign", true, view.foreign),
        NUMBER(ViewParts, "trimmed", true, view.trimmed),
        NUMBER(ViewParts, "lastExtendUSec", false, view.last_extend_usec),
        ROW(ViewParts, "gate", JSON_TYPE_ARRAY, true, gate),
        ROW(ViewParts, "banks", JSON_TYPE_ARRAY, true, banks),
        ROW(ViewParts, "tpm", JSON_TYPE_MAP, false, tpm),
        ROW(ViewParts, "lag", JSON_TYPE_MAP, true, lag),
        ROW(ViewParts, "backlog", JSON_TYPE_MAP, false, backlog),
        ROW(ViewParts, "spool", JSON_TYPE_MAP, true, spool),
};

static const JsonField gate_fields[] = {
        TEXT(StatusViewGate, "name", true, name),
        TEXT(StatusViewGate, "readiness", true, readiness_name),
        NUMBER(StatusViewGate, "readyUSec", false, ready_usec),
        TEXT(StatusViewGate, "hint", false, hint),
};

static const JsonField bank_fields[] = {
        NUMBER(StatusViewBank, "pcr", true, pcr),
        TEXT(StatusViewBank, "algorithm", true, algorithm),
        TEXT(StatusViewBank, "value", false, value),
        NUMBER(StatusViewBank, "verified", false, verified),
};

static const JsonField tpm_fields[] = {
        TEXT(StatusViewTpm, "device", true, device),
        TEXT(StatusViewTpm, "driver", false, driver),
        BOOL(StatusViewTpm, "software", true, software),
        BOOL(StatusViewTpm, "compareAndSwap", true, compare_and_swap),
        NUMBER(StatusViewTpm, "resetCount", true, reset_count),
        NUMBER(StatusViewTpm, "restartCount", true, restart_count),
};

static const JsonField lag_fields[] = {
        NUMBER(StatusViewLag, "records", true, records),
        NUMBER(StatusViewLag, "ageUSec", true, age_usec),
        NUMBER(StatusViewLag, "p50USec", false, p50_usec),
        NUMBER(StatusViewLag, "p99USec", false, p99_usec),
        NUMBER(StatusViewLag, "maxUSec", false, max_usec),
};

static const JsonField backlog_fields[] = {
        NUMBER(StatusViewBacklog, "records", true, records),
        NUMBER(StatusViewBacklog, "startUSec", true, start_usec),
        NUMBER(StatusViewBacklog, "doneUSec", false, done_usec),
};

static const JsonField spool_fields[] = {
        NUMBER(StatusViewSpool, "records", true, records),
        NUMBER(StatusViewSpool, "size", true, size),
        NUMBER(StatusViewSpool, "limit", true, limit),
        BOOL(StatusViewSpool, "writable", true, writable),
};

static PlanVerdict verdict_of(Bytes name) {
        for (PlanVerdict verdict = 0; verdict < _PLAN_VERDICT_N; ++verdict)
                if (bytes_equal_text(name, plan_verdict_name(verdict)))
                        return verdict;
        return PLAN_VERDICT_FAILED;
}

static ViewReady ready_of(Bytes name) {
        static const char *const names[_VIEW_READY_N] = { "not_needed", "waiting", "ready",
                                                          "never" };

        for (ViewReady ready = 0; ready < _VIEW_READY_N; ++ready)
                if (bytes_equal_text(name, names[ready]))
                        return ready;
        return VIEW_WAITING;
}

/* Rows beyond the room are passed over: a later version may have more than is shown here. */
static int take_rows(const Json *array, const JsonField fields[], size_t n_fields, size_t max,
                     void *rows, size_t row_size, size_t *ret_n, const char **ret_bad) {
        size_t n = MIN_OF(json_length(array), max);

        for (size_t i = 0; i < n; ++i) {
                int r = json_take(json_at(array, i), fields, n_fields, false,
                                  (char *)rows + i * row_size, ret_bad);

                if (r != 0)
                        return error_trace(r);
        }
        *ret_n = n;
        return 0;
}

static int take_parts(ViewParts *p, const char **ret_bad) {
        StatusView *v = &p->view;
        int r;

        r = take_rows(p->gate, gate_fields, ELEMENTSOF(gate_fields), STATUS_GATE_MAX, v->gate,
                      sizeof(v->gate[0]), &v->n_gate, ret_bad);
        if (r == 0)
                r = take_rows(p->banks, bank_fields, ELEMENTSOF(bank_fields), STATUS_BANKS_MAX,
                              v->bank, sizeof(v->bank[0]), &v->n_banks, ret_bad);
        if (r == 0 && p->tpm)
                r = json_take(p->tpm, tpm_fields, ELEMENTSOF(tpm_fields), false, &v->tpm, ret_bad);
        if (r == 0)
                r = json_take(p->lag, lag_fields, ELEMENTSOF(lag_fields), false, &v->lag, ret_bad);
        if (r == 0 && p->backlog)
                r = json_take(p->backlog, backlog_fields, ELEMENTSOF(backlog_fields), false,
                              &v->backlog, ret_bad);
        if (r == 0)
                r = json_take(p->spool, spool_fields, ELEMENTSOF(spool_fields), false, &v->spool,
                              ret_bad);
        return error_trace(r);
}

/**
 * status_view_take() - take the values out of an answer
 * @reply:    parameters of a reply; must outlive the view
 * @ret_view: what it says; set on success only
 * @ret_bad:  the member that does not fit; set with STATUS_VIEW_E_UNFIT only
 *
 * Return: 0, STATUS_VIEW_E_UNFIT; -ENOMEM.
 */
int status_view_take(const Json *reply, StatusView *ret_view, const char **ret_bad) {
        _cleanup_free_ ViewParts *p = calloc(1, sizeof(*p));
        int r;

        if (!p)
                return error_origin(-ENOMEM);
        r = json_take(reply, view_fields, ELEMENTSOF(view_fields), false, p, ret_bad);
        if (r == 0)
                r = take_parts(p, ret_bad);
        if (r != 0)
                return r < 0 ? error_trace(r) : STATUS_VIEW_E_UNFIT;
        p->view.verdict = verdict_of(p->view.verdict_name);
        p->view.tpm.is_there = p->tpm != NULL;
        p->view.backlog.is_there = p->backlog != NULL;
        for (size_t i = 0; i < p->view.n_gate; ++i)
                p->view.gate[i].readiness = ready_of(p->view.gate[i].readiness_name);
        *ret_view = p->view;
        return 0;
}

/**
 * status_view_exit() - the exit status that goes with a verdict
 * @v: the view
 *
 * Return: of base/exit.h.
 */
int status_view_exit(const StatusView *v) {
        switch (v->verdict) {
        case PLAN_VERDICT_EXTENDED:
        case PLAN_VERDICT_KERNEL:
                return EXIT_GOOD;
        case PLAN_VERDICT_PENDING:
                return EXIT_NOT_YET;
        case PLAN_VERDICT_NO_IMA:
                return EXIT_NO_IMA;
        case PLAN_VERDICT_FAILED:
        case _PLAN_VERDICT_N:
                break;
        }
        return EXIT_MISMATCH;
}
