/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The steps that read the list, and what we keep of it: spool, anchor, times.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "daemon/extender-internal.h"
#include "os/anchor-file.h"
#include "os/message.h"

/* What the source says, in the words of the plan; the rest is fatal. */
static int extender_list_of(Extender *x, int outcome, PlanList *ret_list) {
        switch (outcome) {
        case 0:
                *ret_list = PLAN_LIST_READY;
                return 0;
        case SOURCE_E_ABSENT:
                *ret_list = PLAN_LIST_ABSENT;
                return 0;
        case SOURCE_E_UNREADABLE:
                *ret_list = PLAN_LIST_UNREADABLE;
                (void)snprintf(x->trouble, sizeof(x->trouble), "%s",
                               x->list_error ? strerror(x->list_error) : "");
                return 0;
        case SOURCE_E_EMPTY:
                *ret_list = PLAN_LIST_EMPTY;
                return 0;
        case SOURCE_E_BROKEN:
                *ret_list = PLAN_LIST_BAD;
                return 0;
        case SOURCE_E_REPLACED:
        case SOURCE_E_TRIMMED:
                *ret_list = PLAN_LIST_LOST;
                return 0;
        case SOURCE_E_LOCKED:
                message_error("another ima-replayd works on this list; stop it first");
                return error_origin(-EBUSY);
        case SOURCE_E_FOREIGN:
                message_error("the list is not on securityfs, so it is not this kernel's own; "
                              "use --root=DIR for tests and images");
                return error_origin(-EXDEV);
        default:
                return error_trace(outcome);
        }
}

/* Nothing below /run is touched before the list is ours. */
static int extender_lock(Extender *x) {
        int r;

        if (x->lock_fd >= 0)
                return 0;
        r = source_lock(x->config.root, &x->list_error, &x->lock_fd);
        if (r != 0)
                return r;
        /* Where that fails, whoever needs it says so. */
        (void)root_mkdir(x->config.root, RUN_DIR);
        return error_trace(spool_open(x->config.root, x->config.spool_max, &x->spool));
}

int extender_open_list(Extender *x) {
        SourceOptions options = { .hold = x->config.holds_list, .error = &x->list_error };
        PlanEvent *e = &x->event;
        int r;

        e->kind = PLAN_EVENT_LIST;
        x->source = source_free(x->source);
        r = extender_lock(x);
        options.lock_fd = x->lock_fd;
        options.spool = x->spool;
        if (r == 0)
                r = source_open(x->config.root, &options, &x->source);

        r = extender_list_of(x, r, &e->list);
        if (r < 0)
                return error_trace(r);
        if (e->list == PLAN_LIST_BAD)
                (void)snprintf(x->trouble, sizeof(x->trouble), "record 0 is malformed");
        if (e->list != PLAN_LIST_READY)
                return 0;
        e->facts = *source_facts(x->source);
        e->main_pcr = source_main_pcr(x->source);
        x->figures.n_trimmed = source_n_trimmed(x->source);
        return 0;
}

int extender_rewind(Extender *x) {
        int r = source_rewind(x->source);

        x->event.kind = PLAN_EVENT_REWOUND;
        if (r == 0)
                x->figures.n_trimmed = source_n_trimmed(x->source);
        return error_trace(extender_list_of(x, r, &x->event.list));
}

/* Of what is asked for: nobody wants a PCR, or it is not known yet what each is to hold. */
static bool extender_needs_no_look(const Extender *x) {
        const Plan *p = &x->plan;

        if (!p->is_following && p->state != PLAN_KERNEL_OWNS)
                return true;
        return x->refresh_pcrs == 0 && (!x->is_refreshing || x->refreshing_pcrs == 0);
}

/*
 * How long the list is: looked at now and then while extending, for the times of the lag; and at
 * once for whoever asks for no more than that. So the answer does not wait for a catch-up.
 */
int extender_watch_count(Extender *x) {
        bool is_asked = x->wants_count;
        uint64_t n;
        int r;

        if (!x->source || (!is_asked && x->now_usec - x->counted_usec < PLAN_POLL_MIN_USEC))
                return 0;
        x->wants_count = false;
        x->counted_usec = x->now_usec;
        r = source_count(x->source, &n);
        if (r < 0)
                return error_trace(r);
        if (r == 0 && n > x->lag.n_seen) {
                lag_saw(&x->lag, n, x->now_usec);
                ++x->figures.n_changes;
        }
        if (r == 0 && is_asked && extender_needs_no_look(x)) {
                x->figures.token = MAX_OF(x->figures.token, x->refresh_token);
                ++x->figures.n_changes;
        }
        return 0;
}

int extender_count(Extender *x) {
        PlanEvent *e = &x->event;
        int r;

        e->kind = PLAN_EVENT_COUNT;
        x->counted_usec = x->now_usec;
        r = source_count(x->source, &e->n_count);
        if (r < 0)
                return error_trace(r);
        if (r == SOURCE_E_SHRUNK)
                e->is_shrunk = true;
        else if (r != 0)
                e->n_count = UINT64_MAX;
        else if (e->n_count > x->lag.n_seen)
                lag_saw(&x->lag, e->n_count, x->now_usec);
        return 0;
}

int extender_release_list(Extender *x) {
        int r = source_rest(x->source);

        x->event.kind = PLAN_EVENT_RELEASED;
        return r == SOURCE_E_HELD ? 0 : error_trace(r);
}

/* No record: why. */
static int extender_no_record(Extender *x, int outcome) {
        ListFile *list = source_list(x->source);
        PlanEvent *e = &x->event;

        switch (outcome) {
        case SOURCE_E_END:
        case SOURCE_E_CUT:
                e->kind = PLAN_EVENT_LIST_END;
                e->is_cut = outcome == SOURCE_E_CUT;
                if (e->is_cut)
                        listfile_explain(list, LISTFILE_E_CUT, x->cut, sizeof(x->cut));
                return 0;
        case SOURCE_E_BROKEN:
                e->kind = PLAN_EVENT_LIST_BROKEN;
                listfile_explain(list, LISTFILE_E_BROKEN, x->trouble, sizeof(x->trouble));
                return 0;
        default:
                e->kind = PLAN_EVENT_LIST_AWAY;
                return error_trace(extender_list_of(x, outcome, &e->list));
        }
}

int extender_next_record(Extender *x) {
        uint64_t at = x->plan.replay.n_records;
        MlistRecord record;
        int r;

        r = source_next(x->source, &record);
        if (r < 0)
                return error_trace(r);
        if (r != 0)
                return error_trace(extender_no_record(x, r));
        x->turn_bytes += record.whole.n;
        if (at >= x->lag.n_seen)
                lag_saw(&x->lag, at + 1, x->now_usec);
        r = spool_pass(x->spool, at, record.whole, lag_seen_usec(&x->lag, at));
        if (r < 0)
                return error_trace(r);
        x->event.kind = PLAN_EVENT_RECORD;
        x->event.record = &x->record;
        x->record = (PlanRecord){
                .pcr = record.pcr,
                .may_extend = source_may_extend(x->source),
                .is_violation = record.is_violation,
        };
        r = mlist_digest_fits(&record, DIGEST_SHA1, listfile_hasher(source_list(x->source)),
                              &x->record.digest_fits);
        if (r < 0)
                return error_trace(r);
        if (!x->record.digest_fits)
                (void)snprintf(x->trouble, sizeof(x->trouble), "record %" PRIu64, at);
        return error_trace(replay_digests(&x->plan.replay, &record, &x->record.digests));
}

/* What an extender before us in this boot has verified. */
int extender_read_anchor(Extender *x) {
        PlanOptions *o = &x->config.options;
        int r;

        r = boot_id_read(x->config.root, x->boot_id);
        if (r < 0)
                return error_trace(r);
        r = anchor_file_read(x->config.root, x->boot_id, &o->anchor);
        if (r < 0)
                return error_trace(r);
        o->has_anchor = r == 0;
        x->figures.anchor_is_bad = r == ANCHOR_FILE_E_BAD;
        return 0;
}

/* What cannot be written detects nothing later; extending goes on (rule I15). */
int extender_anchor(Extender *x) {
        Anchor anchor = x->step.anchor;

        x->event.kind = PLAN_EVENT_ANCHORED;
        memcpy(anchor.boot_id, x->boot_id, sizeof(anchor.boot_id));
        x->figures.anchor_error = -anchor_file_write(x->config.root, &anchor);
        return 0;
}
