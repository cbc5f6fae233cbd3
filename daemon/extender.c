/* SPDX-License-Identifier: BSD-2-Clause */
#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>

#include "base/error.h"
#include "daemon/extender-internal.h"

/* A search step takes at most so many records, and so much of the list, before clients and signals
 * are served. */
#define EXTENDER_TURN_STEPS 256U
#define EXTENDER_TURN_BYTES (64U << 10)

/* Between two looks at PCRs that others ask for: each costs the TPM a command or more. */
#define EXTENDER_REFRESH_USEC (100 * PLAN_MSEC)

/* Between two looks for a TPM because of events below /dev: any user can make some. */
#define EXTENDER_POKE_USEC (200 * PLAN_MSEC)

/**
 * extender_new() - an extender that has done nothing yet
 * @config:       copied; what it points to stays with the caller
 * @ret_extender: to be freed with extender_free(); set on success only
 *
 * Return: 0, -ENOMEM, or a negative errno when /run or /proc cannot be read.
 */
int extender_new(const ExtenderConfig *config, Extender **ret_extender) {
        _cleanup_(extender_freep) Extender *x = calloc(1, sizeof(*x));
        int r;

        /* OpenSSL 3.0 that had no memory for its context crashes in whatever is called next. */
        if (!x || !OSSL_LIB_CTX_get0_global_default())
                return error_origin(-ENOMEM);
        x->lock_fd = -1;
        x->config = *config;
        lag_init(&x->lag);
        probe_memory_init(&x->probe);
        r = extender_read_anchor(x);
        if (r < 0)
                return error_trace(r);
        plan_init(&x->plan, &x->hashers, &x->config.options);
        x->event.kind = PLAN_EVENT_START;
        x->stage = EXTENDER_DONE;
        *ret_extender = TAKE(x);
        return 0;
}

/**
 * extender_free() - close everything; a session that is still open is given back first
 * @x: the extender or NULL
 *
 * Return: NULL.
 */
Extender *extender_free(Extender *x) {
        if (!x)
                return NULL;
        (void)extender_close_tpm(x);
        source_free(x->source);
        spool_free(x->spool);
        probe_memory_deinit(&x->probe);
        closep(&x->lock_fd);
        hashers_close(&x->hashers);
        free(x);
        return NULL;
}

/**
 * extender_plan() - where it stands
 * @x: the extender
 *
 * Return: borrowed from @x.
 */
const Plan *extender_plan(const Extender *x) {
        return &x->plan;
}

/**
 * extender_lag() - how far the TPM is behind
 * @x: the extender
 *
 * Return: borrowed from @x.
 */
const Lag *extender_lag(const Extender *x) {
        return &x->lag;
}

/**
 * extender_spool() - the copy of the list
 * @x: the extender
 *
 * Return: borrowed from @x; NULL before the list was opened.
 */
const Spool *extender_spool(const Extender *x) {
        return x->spool;
}

/**
 * extender_figures() - what is known beside the plan
 * @x: the extender
 *
 * Return: borrowed from @x.
 */
const ExtenderFigures *extender_figures(const Extender *x) {
        return &x->figures;
}

/**
 * extender_boot_id() - the boot that all this is about
 * @x: the extender
 *
 * Return: 32 hex digits, borrowed from @x.
 */
const char *extender_boot_id(const Extender *x) {
        return x->boot_id;
}

/**
 * extender_trouble() - details of what went wrong last, for messages
 * @x: the extender
 *
 * Return: borrowed from @x; empty when nothing did.
 */
const char *extender_trouble(const Extender *x) {
        return x->trouble;
}

/**
 * extender_cut() - how the list ends, where it ends inside a record
 * @x: the extender
 *
 * Return: borrowed from @x.
 */
const char *extender_cut(const Extender *x) {
        return x->cut;
}

/**
 * extender_is_stopping() - was it told to stop?
 * @x: the extender
 *
 * Return: whether it was.
 */
bool extender_is_stopping(const Extender *x) {
        return x->is_stopping;
}

/**
 * extender_is_done() - is there nothing more to do?
 * @x: the extender
 *
 * Return: true after a stop, and with is_oneshot after the one pass.
 */
bool extender_is_done(const Extender *x) {
        return x->is_done;
}

/**
 * extender_stop() - finish the command in flight, give the session back, and be done
 * @x: the extender
 */
void extender_stop(Extender *x) {
        x->is_stopping = true;
}

/**
 * extender_refresh() - look at list and PCRs afresh, soon
 * @x:     the extender
 * @pcrs:  bit mask; PCRs that are not of the list are not looked at
 * @token: figures.token has it, or a later one, when that is done
 *
 * Where nothing could be looked at (no TPM, a catch-up, a terminal state) it counts as done at
 * once; extender_reading() tells what was read when. Requests that come faster than
 * EXTENDER_REFRESH_USEC are answered together.
 */
void extender_refresh(Extender *x, uint32_t pcrs, uint64_t token) {
        x->refresh_pcrs = (x->has_refresh ? x->refresh_pcrs : 0) | pcrs;
        x->refresh_token = MAX_OF(x->refresh_token, token);
        x->has_refresh = true;
        x->wants_count = true;
}

/*
 * One step
 */

/* With is_oneshot: is there anything left that is worth waiting for? */
static bool extender_has_passed(Extender *x) {
        PlanVerdict verdict = plan_verdict(&x->plan);

        if (!x->config.is_oneshot)
                return false;
        if (x->until_usec == 0)
                x->until_usec = x->now_usec + x->config.timeout_usec;
        if (x->plan.is_resting)
                return true;
        if (x->step.kind != PLAN_STEP_WAIT)
                return false;
        x->step.until_usec = MIN_OF(x->step.until_usec, x->until_usec);
        return x->now_usec >= x->until_usec ||
               (verdict != PLAN_VERDICT_PENDING && verdict != PLAN_VERDICT_NO_IMA);
}

/* Can a PCR be looked at between two steps? */
static bool extender_can_refresh(const Extender *x) {
        const Plan *p = &x->plan;

        return x->step.kind == PLAN_STEP_WAIT && !p->is_resting && p->clock_known &&
               (p->state == PLAN_FOLLOW || p->state == PLAN_KERNEL_OWNS) &&
               (p->aim == PLAN_AIM_FOLLOW || p->aim == PLAN_AIM_READ);
}

static void extender_answer_refresh(Extender *x, uint64_t token) {
        x->figures.token = MAX_OF(x->figures.token, token);
        x->refreshed_usec = x->now_usec;
        ++x->figures.n_changes;
}

/* Nothing is answered here: a moment later more is known (a reset of the TPM is looked at twice).
 */
static int extender_pause(Extender *x) {
        if (x->now_usec < x->step.until_usec)
                return EXTENDER_E_PENDING;
        x->event.kind = PLAN_EVENT_TIMER;
        return 0;
}

/* A wait that a refresh may cut short; the wait after that answers it. */
static int extender_wait(Extender *x) {
        bool is_poked;

        if (x->is_refreshing) {
                x->is_refreshing = false;
                extender_answer_refresh(x, x->refreshing_token);
        }
        if (x->has_refresh && !extender_can_refresh(x)) {
                x->has_refresh = false;
                extender_answer_refresh(x, x->refresh_token);
        }
        if (x->has_refresh && x->now_usec >= x->refreshed_usec + EXTENDER_REFRESH_USEC) {
                x->has_refresh = false;
                x->is_refreshing = true;
                x->refreshing_token = x->refresh_token;
                x->refreshing_pcrs = x->refresh_pcrs;
                x->event = (PlanEvent){ .kind = PLAN_EVENT_REFRESH, .pcrs = x->refresh_pcrs };
                return 0;
        }
        x->is_poked = x->is_poked && x->plan.state == PLAN_WAIT_TPM;
        is_poked = x->is_poked && x->now_usec >= x->poked_usec + EXTENDER_POKE_USEC;
        if (x->now_usec < x->step.until_usec && !is_poked)
                return EXTENDER_E_PENDING;
        x->is_poked = false;
        if (is_poked)
                x->poked_usec = x->now_usec;
        x->event.kind = PLAN_EVENT_TIMER;
        return 0;
}

static int extender_do(Extender *x) {
        switch (x->step.kind) {
        case PLAN_STEP_OPEN_LIST:
                return error_trace(extender_open_list(x));
        case PLAN_STEP_REWIND:
                return error_trace(extender_rewind(x));
        case PLAN_STEP_NEXT_RECORD:
                return error_trace(extender_next_record(x));
        case PLAN_STEP_COUNT:
                return error_trace(extender_count(x));
        case PLAN_STEP_RELEASE_LIST:
                return error_trace(extender_release_list(x));
        case PLAN_STEP_ANCHOR:
                return error_trace(extender_anchor(x));
        case PLAN_STEP_OPEN_TPM:
        case PLAN_STEP_CLOSE_TPM:
        case PLAN_STEP_READ_CLOCK:
        case PLAN_STEP_PROBE:
        case PLAN_STEP_READ_PCR:
        case PLAN_STEP_EXTEND:
        case PLAN_STEP_FLUSH_SESSION:
        case PLAN_STEP_STOP:
                return error_trace(extender_ask(x));
        case PLAN_STEP_PAUSE:
                return extender_pause(x);
        case PLAN_STEP_WAIT:
                return extender_wait(x);
        case PLAN_STEP_REST:
                x->step.until_usec = UINT64_MAX;
                return extender_wait(x);
        case _PLAN_STEP_N:
                break;
        }
        assert(false);
        return error_origin(-EINVAL);
}

/* What came of the last step is known: the next one. */
static int extender_next_step(Extender *x) {
        PlanEvent *e = &x->event;
        int r;

        e->now_usec = x->now_usec;
        if (RAND_bytes((unsigned char *)&e->random, sizeof(e->random)) != 1)
                return error_origin(-EIO);
        if (e->kind != PLAN_EVENT_TIMER && e->kind != PLAN_EVENT_COUNT)
                ++x->figures.n_changes;
        r = plan_next(&x->plan, e, &x->step);
        if (r == 0 && x->is_stopping) {
                *e = (PlanEvent){ .kind = PLAN_EVENT_STOP, .now_usec = x->now_usec };
                r = plan_next(&x->plan, e, &x->step);
        }
        if (r < 0)
                return error_trace(r);
        x->event = (PlanEvent){};
        x->stage = EXTENDER_NEW;
        return 0;
}

/*
 * What the steps before this moment have changed, for those who look on. Time is taken here and not
 * where the TPM answers: a transport that blocks has let it pass unseen.
 */
static void extender_take_stock(Extender *x) {
        ExtenderFigures *f = &x->figures;
        uint64_t n_done = plan_n_done(&x->plan);

        if (x->has_extended) {
                x->has_extended = false;
                if (f->backlog_start_usec == 0)
                        f->backlog_start_usec = x->now_usec;
                f->last_extend_usec = x->now_usec;
                ++f->n_changes;
                spool_extended(x->spool, x->extended, x->now_usec);
        }
        if (n_done > f->n_done) {
                f->n_done = n_done;
                ++f->n_changes;
                lag_done(&x->lag, n_done, x->now_usec);
        }
        if (f->backlog_done_usec == 0 && x->plan.state == PLAN_FOLLOW) {
                f->n_backlog = f->n_done;
                f->backlog_done_usec = x->now_usec;
                ++f->n_changes;
                lag_follow(&x->lag, f->n_done);
        }
}

/* Nothing is begun while we are to stop; what the TPM works on is finished. */
static bool extender_may_stop_here(const Extender *x) {
        return x->is_stopping && x->stage == EXTENDER_NEW && x->step.kind != PLAN_STEP_STOP;
}

static int extender_step(Extender *x) {
        int r;

        if (extender_may_stop_here(x)) {
                x->event = (PlanEvent){ .kind = PLAN_EVENT_STOP };
                x->stage = EXTENDER_DONE;
        }
        if (x->stage != EXTENDER_DONE) {
                r = extender_do(x);
                if (r != 0)
                        return error_trace(r);
                if (x->step.kind == PLAN_STEP_STOP) {
                        x->is_done = true;
                        return 0;
                }
        }
        r = extender_next_step(x);
        if (r < 0)
                return error_trace(r);
        if (extender_has_passed(x))
                x->step = (PlanStep){ .kind = PLAN_STEP_STOP };
        return 0;
}

static ExtenderWait extender_what_to_wait_for(const Extender *x) {
        ExtenderWait wait = { .fd = -1, .until_usec = x->step.until_usec };

        if (x->stage == EXTENDER_ASKING) {
                wait.fd = tpm_fd(x->tpm);
                wait.until_usec = wait.fd < 0 ? x->now_usec + EXTENDER_LOOK_USEC : x->give_up_usec;
                /* The list's length is looked at meanwhile, for the times of the lag. */
                wait.until_usec = MIN_OF(wait.until_usec, x->counted_usec + PLAN_POLL_MIN_USEC);
        } else if (x->has_refresh && x->step.kind == PLAN_STEP_WAIT) {
                wait.until_usec =
                        MIN_OF(wait.until_usec, x->refreshed_usec + EXTENDER_REFRESH_USEC);
        }
        if (x->is_poked && x->plan.state == PLAN_WAIT_TPM && x->step.kind == PLAN_STEP_WAIT)
                wait.until_usec = MIN_OF(wait.until_usec, x->poked_usec + EXTENDER_POKE_USEC);
        return wait;
}

/**
 * extender_run() - do what can be done now
 * @x:        the extender, not done
 * @now_usec: CLOCK_BOOTTIME; an input, so that tests need not wait
 * @ret_wait: what to wait for before the next call; set on success only
 *
 * One call ends with the answer of a TPM command, or after EXTENDER_TURN_STEPS other steps: clients
 * and signals wait no longer than that.
 *
 * Return: 0; a negative errno when it cannot go on (a message says why, where it is not obvious).
 */
int extender_run(Extender *x, uint64_t now_usec, ExtenderWait *ret_wait) {
        int r;

        x->now_usec = now_usec;
        x->has_answered = false;
        x->turn_bytes = 0;
        extender_take_stock(x);
        r = extender_watch_count(x);
        if (r < 0)
                return error_trace(r);
        for (uint32_t n = 0; n < EXTENDER_TURN_STEPS && x->turn_bytes < EXTENDER_TURN_BYTES &&
                             !x->is_done && !x->has_answered;
             ++n) {
                r = extender_step(x);
                if (r < 0)
                        return error_trace(r);
                if (r == EXTENDER_E_PENDING) {
                        *ret_wait = extender_what_to_wait_for(x);
                        return 0;
                }
        }
        if (x->is_done)
                extender_take_stock(x);
        *ret_wait = (ExtenderWait){ .fd = -1, .until_usec = now_usec };
        return 0;
}
