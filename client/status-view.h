/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * status-view.h -- the answer of org.imareplay.status.GetStatus as values, and what people and
 * monitoring see of it. No I/O but the stream that is written to.
 */
#pragma once

#include "client/pager.h"
#include "core/plan-explain.h"
#include "varlink/json.h"

#define STATUS_GATE_MAX  16U
#define STATUS_BANKS_MAX (24U * 16U)

typedef enum ViewReady {
        VIEW_NOT_NEEDED,
        VIEW_WAITING,
        VIEW_READY,
        VIEW_NEVER,
        _VIEW_READY_N,
} ViewReady;

/* Text is borrowed from the answer, and as it came. */
typedef struct StatusViewGate {
        Bytes name, readiness_name, hint;
        ViewReady readiness;
        JsonU64 ready_usec;
} StatusViewGate;

typedef struct StatusViewBank {
        JsonU64 pcr, verified;
        Bytes algorithm, value;
} StatusViewBank;

typedef struct StatusViewTpm {
        bool is_there;
        Bytes device, driver;
        JsonBool software, compare_and_swap;
        JsonU64 reset_count, restart_count;
} StatusViewTpm;

typedef struct StatusViewLag {
        JsonU64 records, age_usec, p50_usec, p99_usec, max_usec;
} StatusViewLag;

typedef struct StatusViewBacklog {
        bool is_there;
        JsonU64 records, start_usec, done_usec;
} StatusViewBacklog;

typedef struct StatusViewSpool {
        JsonU64 records, size, limit;
        JsonBool writable;
} StatusViewSpool;

typedef struct StatusView {
        Bytes boot_id, verdict_name, mode, state, reason, message;
        PlanVerdict verdict; /* one that is not known counts as failed */
        JsonU64 state_usec, measured, extended, violations, refused, foreign, trimmed;
        JsonU64 last_extend_usec;
        size_t n_gate, n_banks;
        StatusViewGate gate[STATUS_GATE_MAX];
        StatusViewBank bank[STATUS_BANKS_MAX];
        StatusViewTpm tpm;
        StatusViewLag lag;
        StatusViewBacklog backlog;
        StatusViewSpool spool;
} StatusView;

enum {
        _STATUS_VIEW_E_SUCCESS,
        STATUS_VIEW_E_UNFIT, /* not what the interface says */
};

int status_view_take(const Json *reply, StatusView *ret_view, const char **ret_bad);
int status_view_exit(const StatusView *v);
int status_view_print(FILE *f, const StatusView *v, const Terminal *t, bool is_full,
                      uint64_t now_usec);
void status_view_line(FILE *f, const StatusView *v);
int status_view_metrics(FILE *f, const StatusView *v, bool is_prometheus);
