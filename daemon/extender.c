/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/extender.h"

#include <assert.h>
#include <inttypes.h>
#include <openssl/rand.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "os/message.h"
#include "tpm/rc.h"

/* A kernel waits up to 120 s for a command of unknown duration (tpm-interface.c). */
#define EXTENDER_TPM_USEC      (150 * PLAN_SEC)
#define EXTENDER_PROGRESS_USEC (250 * PLAN_MSEC)
#define EXTENDER_TROUBLE_MAX   256U

struct Extender {
        ExtenderConfig config;
        Plan plan;
        Hashers hashers;
        Source *source;
        Tpm *tpm;
        TpmReply reply;
        PlanRecord record;
        bool is_stopping;
        uint64_t shown_usec;                /* when progress was shown last */
        char trouble[EXTENDER_TROUBLE_MAX]; /* what the last thing that went wrong was */
        char cut[EXTENDER_TROUBLE_MAX];     /* how the list ends, where it ends inside a record */
};

static uint64_t now_usec(void) {
        struct timespec t;

        (void)clock_gettime(CLOCK_BOOTTIME, &t);
        return (uint64_t)t.tv_sec * PLAN_SEC + (uint64_t)t.tv_nsec / 1000;
}

/**
 * extender_new() - an extender that has done nothing yet
 * @config:       copied; what it points to stays with the caller
 * @ret_extender: to be freed with extender_free(); set on success only
 *
 * Return: 0 or -ENOMEM.
 */
int extender_new(const ExtenderConfig *config, Extender **ret_extender) {
        Extender *x = calloc(1, sizeof(*x));

        if (!x)
                return error_origin(-ENOMEM);
        x->config = *config;
        plan_init(&x->plan, &x->hashers);
        *ret_extender = x;
        return 0;
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

static void extender_note(Extender *x, const char *what, uint32_t rc) {
        char text[RC_TEXT_SIZE];

        rc_text(rc, text, sizeof(text));
        (void)snprintf(x->trouble, sizeof(x->trouble), "%s: %s", what, text);
}

/* Until fd is readable, or the time has come, or we are told to stop (which is remembered). */
static int extender_wait(Extender *x, int fd, uint64_t until_usec) {
        struct pollfd fds[] = {
                { .fd = fd, .events = POLLIN },
                { .fd = x->is_stopping ? -1 : x->config.signal_fd, .events = POLLIN },
        };
        uint64_t now = now_usec();
        struct timespec left = {};

        if (until_usec > now) {
                left.tv_sec = (time_t)((until_usec - now) / PLAN_SEC);
                left.tv_nsec = (long)((until_usec - now) % PLAN_SEC * 1000);
        }
        if (ppoll(fds, ELEMENTSOF(fds), &left, NULL) < 0 && errno != EINTR)
                return error_origin(-errno);
        if (fds[1].revents)
                x->is_stopping = true;
        return 0;
}

/* A transport that blocks never waits in extender_wait(): look for a stop between two commands. */
static int extender_heed(Extender *x) {
        return error_trace(extender_wait(x, -1, 0));
}

/*
 * The list
 */

static int extender_open_list(Extender *x, PlanEvent *e) {
        int r;

        e->kind = PLAN_EVENT_LIST;
        x->source = source_free(x->source);
        r = source_open(x->config.root, &x->source);
        switch (r) {
        case 0:
                e->list = PLAN_LIST_READY;
                e->facts = *source_facts(x->source);
                e->main_pcr = source_main_pcr(x->source);
                return 0;
        case SOURCE_E_ABSENT:
                e->list = PLAN_LIST_ABSENT;
                return 0;
        case SOURCE_E_UNREADABLE:
        case SOURCE_E_REPLACED:
                e->list = PLAN_LIST_UNREADABLE;
                return 0;
        case SOURCE_E_EMPTY:
                e->list = PLAN_LIST_EMPTY;
                return 0;
        case SOURCE_E_BROKEN:
                e->list = PLAN_LIST_BAD;
                (void)snprintf(x->trouble, sizeof(x->trouble), "record 0 is malformed");
                return 0;
        case SOURCE_E_LOCKED:
                message_error("another ima-replayd works on this list; stop it first");
                return error_origin(-EBUSY);
        case SOURCE_E_FOREIGN:
                message_error("the list is not on securityfs, so it is not this kernel's own; "
                              "use --root=DIR for tests and images");
                return error_origin(-EXDEV);
        default:
                return error_trace(r);
        }
}

/* A long walk over the list, too, can be watched and stopped. */
static int extender_show_progress(Extender *x) {
        uint64_t now = now_usec(), n;

        if (now - x->shown_usec < EXTENDER_PROGRESS_USEC)
                return 0;
        x->shown_usec = now;
        if (source_count(x->source, &n) == 0)
                progress("%s: record %" PRIu64 " of %" PRIu64 ", %" PRIu64 " extended",
                         plan_state_name(x->plan.state), x->plan.n_listed, n, x->plan.n_extended);
        return error_trace(extender_heed(x));
}

static int extender_next_record(Extender *x, PlanEvent *e) {
        ListFile *list = source_list(x->source);
        MlistRecord record;
        int r;

        r = extender_show_progress(x);
        if (r < 0)
                return error_trace(r);
        r = source_next(x->source, &record);
        switch (r) {
        case 0:
                break;
        case SOURCE_E_END:
        case SOURCE_E_CUT:
                e->kind = PLAN_EVENT_LIST_END;
                e->is_cut = r == SOURCE_E_CUT;
                if (e->is_cut)
                        listfile_explain(list, LISTFILE_E_CUT, x->cut, sizeof(x->cut));
                return 0;
        case SOURCE_E_BROKEN:
                e->kind = PLAN_EVENT_LIST_BROKEN;
                listfile_explain(list, LISTFILE_E_BROKEN, x->trouble, sizeof(x->trouble));
                return 0;
        default:
                return error_trace(r);
        }
        e->kind = PLAN_EVENT_RECORD;
        e->record = &x->record;
        x->record.pcr = record.pcr;
        r = mlist_digest_fits(&record, DIGEST_SHA1, listfile_hasher(list), &x->record.digest_fits);
        if (r < 0)
                return error_trace(r);
        if (!x->record.digest_fits)
                (void)snprintf(x->trouble, sizeof(x->trouble), "record %" PRIu64,
                               listfile_place(list).n_records - 1);
        return error_trace(replay_digests(&x->plan.replay, &record, &x->record.digests));
}

static int extender_rewind(Extender *x, PlanEvent *e) {
        int r = source_rewind(x->source);

        if (r < 0)
                return error_trace(r);
        e->kind = PLAN_EVENT_REWOUND;
        e->is_replaced = r == SOURCE_E_REPLACED;
        return r == 0 || e->is_replaced ? 0 : error_fold(r);
}

/*
 * The TPM
 */

/* Submit and wait. A command in flight is finished even when we are to stop. */
static int extender_ask(Extender *x, const TpmRequest *request) {
        uint64_t until = now_usec() + EXTENDER_TPM_USEC;
        int r;

        r = tpm_submit(x->tpm, request);
        if (r < 0)
                return error_trace(r);
        while ((r = tpm_collect(x->tpm, &x->reply)) == TPM_E_PENDING) {
                if (now_usec() >= until) {
                        /* It never answered: only a new context can be talked to. */
                        x->tpm = tpm_free(x->tpm);
                        x->reply = (TpmReply){ .outcome = TPM_UNKNOWN };
                        return 0;
                }
                r = extender_wait(x, tpm_fd(x->tpm),
                                  tpm_fd(x->tpm) < 0 ? now_usec() + PLAN_POLL_MIN_USEC : until);
                if (r < 0)
                        return error_trace(r);
        }
        return error_trace(r);
}

static int extender_request(Extender *x, PlanEventKind kind, const TpmRequest *request,
                            const char *what, PlanEvent *e) {
        int r;

        e->kind = kind;
        /* A context that timed out is gone; the plan hears the same and opens a new one. */
        x->reply = (TpmReply){ .outcome = TPM_ABSENT };
        r = x->tpm ? extender_ask(x, request) : 0;
        if (r < 0)
                return error_trace(r);
        e->outcome = x->reply.outcome;
        e->clock = x->reply.clock;
        e->values = &x->reply.values;
        e->banks = &x->reply.banks;
        x->trouble[0] = '\0';
        if (e->outcome != TPM_DONE)
                extender_note(x, what, x->reply.rc);
        return error_trace(extender_heed(x));
}

/* Banks that OpenSSL here cannot calculate are as good as unknown. */
static int extender_open_hashers(Extender *x, TpmBanks *banks) {
        BankMask all = 0;
        DigestAlg missing;
        int r;

        for (uint32_t pcr = 0; pcr < TPM_PCR_N; ++pcr)
                all |= banks->of[pcr];
        while ((r = hashers_open(&x->hashers, all, &missing)) == HASHER_E_UNSUPPORTED) {
                all &= ~BANK(missing);
                banks->unknown_id = digest_tpm_id(missing);
                for (uint32_t pcr = 0; pcr < TPM_PCR_N; ++pcr) {
                        banks->has_unknown[pcr] |= (banks->of[pcr] & BANK(missing)) != 0;
                        banks->of[pcr] &= ~BANK(missing);
                }
        }
        return error_trace(r);
}

static int extender_open_tpm(Extender *x, PlanEvent *e) {
        const TpmRequest request = { .kind = TPM_REQUEST_BANKS };
        uint32_t rc;
        int r;

        e->kind = PLAN_EVENT_TPM_OPEN;
        assert(!x->tpm);
        r = tpm_open(x->config.tcti, x->config.hook, &x->tpm, &rc);
        if (r < 0)
                return error_trace(r);
        if (r == TPM_E_NOT_THERE) {
                e->outcome = TPM_ABSENT;
                extender_note(x, "TPM", rc);
                return 0;
        }
        r = extender_request(x, PLAN_EVENT_TPM_OPEN, &request, "TPM2_GetCapability", e);
        if (r < 0)
                return error_trace(r);
        return error_trace(extender_open_hashers(x, &x->reply.banks));
}

/* Only the kernel's resource manager would give the session back for us. */
static int extender_give_back_session(Extender *x) {
        const TpmRequest flush = { .kind = TPM_REQUEST_FLUSH };

        return x->tpm ? error_trace(extender_ask(x, &flush)) : 0;
}

static int extender_close_tpm(Extender *x) {
        int r = extender_give_back_session(x);

        x->tpm = tpm_free(x->tpm);
        return error_trace(r);
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
        hashers_close(&x->hashers);
        free(x);
        return NULL;
}

static int extender_flush(Extender *x, PlanEvent *e) {
        const TpmRequest flush = { .kind = TPM_REQUEST_FLUSH };

        return error_trace(extender_request(x, PLAN_EVENT_FLUSHED, &flush, "TPM2_FlushContext", e));
}

static int extender_read_pcr(Extender *x, const PlanStep *step, PlanEvent *e) {
        const TpmRequest request = {
                .kind = TPM_REQUEST_READ,
                .pcr = step->pcr,
                .banks = step->banks,
                .is_fresh = step->is_fresh,
        };

        return error_trace(extender_request(x, PLAN_EVENT_PCR, &request, "TPM2_PCR_Read", e));
}

static int extender_extend(Extender *x, const PlanStep *step, PlanEvent *e) {
        const TpmRequest request = {
                .kind = TPM_REQUEST_EXTEND,
                .pcr = step->pcr,
                .banks = step->banks,
                .digests = step->digests,
        };

        return error_trace(
                extender_request(x, PLAN_EVENT_EXTENDED, &request, "TPM2_PCR_Extend", e));
}

static int extender_probe(Extender *x, PlanEvent *e) {
        const TpmRequest request = {
                .kind = TPM_REQUEST_PROBE,
                .banks = x->plan.banks.of[x->plan.main_pcr],
        };

        return error_trace(extender_request(x, PLAN_EVENT_PROBED, &request,
                                            "guarded TPM2_PCR_Extend of TPM_RH_NULL", e));
}

/*
 * The loop
 */

static int extender_do(Extender *x, const PlanStep *step, PlanEvent *e) {
        const TpmRequest clock = { .kind = TPM_REQUEST_CLOCK };
        int r;

        switch (step->kind) {
        case PLAN_STEP_OPEN_LIST:
                return error_trace(extender_open_list(x, e));
        case PLAN_STEP_REWIND:
                return error_trace(extender_rewind(x, e));
        case PLAN_STEP_NEXT_RECORD:
                return error_trace(extender_next_record(x, e));
        case PLAN_STEP_OPEN_TPM:
                return error_trace(extender_open_tpm(x, e));
        case PLAN_STEP_CLOSE_TPM:
                e->kind = PLAN_EVENT_TPM_CLOSED;
                return error_trace(extender_close_tpm(x));
        case PLAN_STEP_READ_CLOCK:
                return error_trace(
                        extender_request(x, PLAN_EVENT_CLOCK, &clock, "TPM2_ReadClock", e));
        case PLAN_STEP_PROBE:
                return error_trace(extender_probe(x, e));
        case PLAN_STEP_READ_PCR:
                return error_trace(extender_read_pcr(x, step, e));
        case PLAN_STEP_EXTEND:
                return error_trace(extender_extend(x, step, e));
        case PLAN_STEP_FLUSH_SESSION:
                return error_trace(extender_flush(x, e));
        case PLAN_STEP_PAUSE:
        case PLAN_STEP_WAIT:
                e->kind = PLAN_EVENT_TIMER;
                do
                        r = extender_wait(x, -1, step->until_usec);
                while (r == 0 && !x->is_stopping && now_usec() < step->until_usec);
                return error_trace(r);
        case PLAN_STEP_REST:
        case PLAN_STEP_STOP:
        case _PLAN_STEP_N:
                break;
        }
        assert(false);
        return error_origin(-EINVAL);
}

/* With --oneshot: is there anything left that is worth waiting for? */
static bool extender_is_done(const Extender *x, const PlanStep *step, uint64_t until_usec) {
        if (step->kind == PLAN_STEP_REST || step->kind == PLAN_STEP_STOP)
                return true;
        if (step->kind != PLAN_STEP_WAIT)
                return false;
        if (now_usec() >= until_usec)
                return true;
        return plan_verdict(&x->plan) != PLAN_VERDICT_PENDING &&
               plan_verdict(&x->plan) != PLAN_VERDICT_NO_IMA;
}

/**
 * extender_once() - catch up, once
 * @x:            the extender
 * @timeout_usec: how long to wait for the list and the TPM; 0: look once
 *
 * extender_plan() says what came of it; the TPM stays open, without a session of ours.
 *
 * Return: 0; a negative errno when it could not be done at all (a message says why).
 */
int extender_once(Extender *x, uint64_t timeout_usec) {
        uint64_t until = now_usec() + timeout_usec;
        PlanEvent e = { .kind = PLAN_EVENT_START };
        PlanStep step;
        int r;

        for (;;) {
                e.now_usec = now_usec();
                if (RAND_bytes((unsigned char *)&e.random, sizeof(e.random)) != 1)
                        return error_origin(-EIO);
                r = plan_next(&x->plan, &e, &step);
                if (r == 0 && x->is_stopping) {
                        e.kind = PLAN_EVENT_STOP;
                        r = plan_next(&x->plan, &e, &step);
                }
                if (r < 0)
                        return error_trace(r);
                if (extender_is_done(x, &step, until))
                        break;
                if (step.kind == PLAN_STEP_WAIT)
                        step.until_usec = MIN_OF(step.until_usec, until);
                e = (PlanEvent){};
                r = extender_do(x, &step, &e);
                if (r < 0)
                        return error_trace(r);
        }
        progress_end();
        return error_trace(extender_give_back_session(x));
}

/**
 * extender_read_pcrs() - read the PCRs that the list names, in all their banks
 * @x:        the extender, after extender_once()
 * @values:   the values, by PCR; written for those of @ret_pcrs
 * @ret_pcrs: bit mask of PCRs, set on success only; none where there is no TPM
 *
 * Return: 0; -EIO when the TPM does not answer well.
 */
int extender_read_pcrs(Extender *x, DigestSet values[static TPM_PCR_N], uint32_t *ret_pcrs) {
        uint32_t pcrs = 0;
        PlanEvent e;
        int r;

        for (uint32_t pcr = 0; x->tpm && pcr < TPM_PCR_N; ++pcr) {
                const PlanStep step = {
                        .pcr = pcr,
                        .banks = x->plan.banks.of[pcr],
                        .is_fresh = true,
                };

                if (!step.banks || (x->plan.replay.chain[pcr].n == 0 && pcr != x->plan.main_pcr))
                        continue;
                r = extender_read_pcr(x, &step, &e);
                if (r < 0)
                        return error_trace(r);
                if (e.outcome != TPM_DONE)
                        return error_origin(-EIO);
                values[pcr] = *e.values;
                pcrs |= UINT32_C(1) << pcr;
        }
        *ret_pcrs = pcrs;
        return error_trace(extender_close_tpm(x));
}
