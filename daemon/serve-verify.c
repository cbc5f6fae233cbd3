/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * org.imareplay.replay.Verify: what the TPM holds now against a replay of the whole spool.
 *
 * Everything here fails to "no": it matches only where a reading that was made for this call equals
 * V(k) in every bank of the main PCR, and k is at least what the kernel's list had as the call
 * began. So a spool that stopped, a list that grew, an extender that is gone or an empty list never
 * match.
 */
#include <string.h>

#include "base/error.h"
#include "core/near.h"
#include "daemon/serve-methods.h"
#include "daemon/serve-read.h"

#define VERIFY_AT_ONCE     2U
#define VERIFY_ANSWER_USEC (UINT64_C(10) * 1000000) /* for the extender to read list and PCRs */
#define VERIFY_COMING_USEC (UINT64_C(5) * 1000000)  /* for records on their way */
#define VERIFY_ASKS_MAX    64U /* each status that comes while it waits may be one */
#define VERIFY_ALL_PCRS    ((UINT32_C(1) << TPM_PCR_N) - 1)

typedef enum VerifyPhase {
        VERIFY_NEW,
        VERIFY_ASKED,  /* a REFRESH is under way */
        VERIFY_COMING, /* records are on their way */
        VERIFY_REPLAY,
        VERIFY_NEAR, /* why does it not fit? */
} VerifyPhase;

/* One PCR in one bank. */
typedef struct VerifyBank {
        bool fits_now; /* V of what was replayed so far is what was read */
        bool fits;     /* ... or was, at `k` last */
        uint64_t k;    /* records of the list */
} VerifyBank;

/* While it replays. */
typedef struct VerifyJob {
        Status status; /* as it was answered */
        uint64_t n;    /* records to be replayed */
        uint64_t epoch, position;
        Replay replay;
        VerifyBank bank[TPM_PCR_N][_DIGEST_ALG_N];
        BankMask near_banks;
        Near near;
} VerifyJob;

typedef struct VerifyCall {
        Serve *serve;
        VerifyPhase phase;
        bool has_slot, has_target;
        unsigned n_asked;
        uint64_t token, asked_usec, until_usec;
        uint64_t target; /* records of the list as the call began */
        uint64_t coming_usec;
        VerifyJob *job;
} VerifyCall;

static void verify_free(void *state) {
        VerifyCall *call = state;

        if (call->has_slot)
                --serve_read(call->serve)->n_verifying;
        free(call->job);
        free(call);
}

static const StatusPcr *verify_main(const Status *s) {
        for (uint32_t i = 0; i < s->n_pcrs; ++i)
                if (s->pcr[i].pcr == s->main_pcr)
                        return &s->pcr[i];
        return NULL;
}

/* A REFRESH reads the PCR in these states only. */
static bool verify_is_read(const Status *s) {
        return s->state == PLAN_FOLLOW || s->state == PLAN_KERNEL_OWNS;
}

/*
 * The replay
 */

static int verify_begin_job(VerifyCall *call, const ServeView *view) {
        ServeRead *r = serve_read(call->serve);
        BankMask banks = 0;
        VerifyJob *job;

        free(call->job);
        call->job = job = calloc(1, sizeof(*job));
        if (!job)
                return error_origin(-ENOMEM);
        job->status = *view->status;
        job->n = view->n_spooled;
        job->epoch = r->epoch;
        for (uint32_t i = 0; i < job->status.n_pcrs; ++i)
                banks |= job->status.pcr[i].banks & r->banks;
        replay_init(&job->replay, banks, &r->hashers);
        for (uint32_t i = 0; i < job->status.n_pcrs; ++i) {
                const StatusPcr *p = &job->status.pcr[i];

                if (p->has_base)
                        replay_set_base(&job->replay, p->pcr, p->banks & banks, &p->base);
        }
        call->phase = VERIFY_REPLAY;
        return 0;
}

/* Which banks hold what the records so far give? */
static void verify_look(VerifyJob *job, const StatusPcr *p) {
        const Chain *chain = &job->replay.chain[p->pcr];

        FOREACH_BANK(alg, p->banks & job->replay.banks) {
                VerifyBank *b = &job->bank[p->pcr][alg];

                b->fits_now =
                        p->has_value && digest_equal(alg, &p->value.of[alg], &chain->value.of[alg]);
                if (b->fits_now) {
                        b->fits = true;
                        b->k = job->position;
                }
        }
}

/* Records of other PCRs change nothing: what fitted fits on. */
static void verify_move(VerifyJob *job, uint32_t pcr) {
        ++job->position;
        for (uint32_t i = 0; i < job->status.n_pcrs; ++i) {
                const StatusPcr *p = &job->status.pcr[i];

                if (p->pcr == pcr) {
                        verify_look(job, p);
                        continue;
                }
                FOREACH_BANK(alg, p->banks)
                        if (job->bank[p->pcr][alg].fits_now)
                                job->bank[p->pcr][alg].k = job->position;
        }
}

static int verify_replay(VerifyCall *call) {
        ServeRead *r = serve_read(call->serve);
        VerifyJob *job = call->job;
        SpoolRecord got;

        for (uint32_t i = 0; job->position == 0 && i < job->status.n_pcrs; ++i)
                verify_look(job, &job->status.pcr[i]);
        while (job->position < job->n) {
                int k = serve_read_get(r, job->position, &got);

                if (k == 0)
                        k = replay_record(&job->replay, &got.record);
                if (k != 0)
                        return error_trace(k);
                verify_move(job, got.record.pcr);
        }
        return 0;
}

/* Return: 0: go on with VERIFY_NEAR; NEAR_E_DONE: there is nothing to be explained. */
static int verify_begin_near(VerifyCall *call) {
        const ServeRead *r = serve_read(call->serve);
        VerifyJob *job = call->job;
        const StatusPcr *p = verify_main(&job->status);

        FOREACH_BANK(alg, p->banks & job->replay.banks)
                if (!job->bank[p->pcr][alg].fits)
                        job->near_banks |= BANK(alg);
        if (!job->near_banks || !(r->banks & BANK(DIGEST_SHA1)))
                return NEAR_E_DONE;
        job->position = 0;
        call->phase = VERIFY_NEAR;
        return error_trace(near_init(&job->near, p->pcr, job->near_banks,
                                     p->has_base ? &p->base : &(DigestSet){}, &p->value,
                                     &r->hashers));
}

static int verify_near(VerifyCall *call) {
        ServeRead *r = serve_read(call->serve);
        VerifyJob *job = call->job;
        SpoolRecord got;
        int k;

        do {
                for (; job->position < job->n; ++job->position) {
                        k = serve_read_get(r, job->position, &got);
                        if (k == 0)
                                k = near_record(&job->near, &got.record);
                        if (k != 0)
                                return error_trace(k);
                }
                job->position = 0;
                k = near_next_pass(&job->near);
        } while (k == 0);
        return k < 0 ? error_trace(k) : 0;
}

/*
 * The answer
 */

static const char *verify_hypothesis(const NearFinding *f) {
        /* By number: words of core/window.h. */
        static const char *const foreign[] = { "foreign_ones", "foreign_zero",
                                               "foreign_invalidation" };

        switch (f->kind) {
        case NEAR_FOREIGN:
                return f->word < ELEMENTSOF(foreign) ? foreign[f->word] : "foreign_string";
        case NEAR_REPEATED:
                return "record_repeated";
        case NEAR_MISSING:
                return "record_missing";
        case NEAR_PADDED:
                return "padded_sha1";
        case NEAR_EMPTY:
                return "empty";
        case NEAR_NONE:
        case _NEAR_KIND_N:
                break;
        }
        return "none";
}

static int verify_put_reason(const VerifyJob *job, uint32_t pcr, DigestAlg alg, Json *map) {
        const NearFinding *f = &job->near.finding[alg];
        int r;

        if (pcr != job->status.main_pcr || !(job->near_banks & BANK(alg)))
                return 0;
        r = json_put_text(map, "hypothesis", bytes_of_text(verify_hypothesis(f)));
        if (r == 0 && f->has_position)
                r = json_put_u64(map, "position", f->position);
        return error_trace(r);
}

static int verify_put_bank(const VerifyCall *call, const StatusPcr *p, DigestAlg alg, Json *list) {
        const VerifyJob *job = call->job;
        const VerifyBank *b = &job->bank[p->pcr][alg];
        uint64_t last = serve_note_verified(call->serve, p->pcr, alg, b->fits ? b->k : 0);
        _cleanup_(json_dropp) Json *map = NULL;
        int r;

        r = json_map(&map);
        if (r == 0)
                r = json_put_u64(map, "pcr", p->pcr);
        if (r == 0)
                r = json_put_text(map, "algorithm", bytes_of_text(digest_name(alg)));
        if (r == 0)
                r = json_put_hex(map, "observed", digest_bytes(alg, &p->value.of[alg]));
        if (r == 0)
                r = json_put_hex(map, "calculated",
                                 digest_bytes(alg, &job->replay.chain[p->pcr].value.of[alg]));
        if (r == 0 && b->fits)
                r = json_put_u64(map, "verified", b->k);
        if (r == 0 && last > 0)
                r = json_put_u64(map, "lastVerified", last);
        if (r == 0 && !b->fits)
                r = verify_put_reason(job, p->pcr, alg, map);
        return r < 0 ? error_trace(r) : error_trace(json_add(list, &map));
}

/* The prefix that every bank of the main PCR holds; false: there is none. */
static bool verify_prefix(const VerifyJob *job, uint64_t *ret_k) {
        const StatusPcr *p = verify_main(&job->status);
        bool is_first = true;

        if (!p || !p->has_value || (p->banks & ~job->replay.banks))
                return false;
        FOREACH_BANK(alg, p->banks) {
                const VerifyBank *b = &job->bank[p->pcr][alg];

                if (!b->fits || (!is_first && b->k != *ret_k))
                        return false;
                *ret_k = b->k;
                is_first = false;
        }
        return !is_first;
}

static int verify_send(VarlinkCall *c, VerifyCall *call) {
        _cleanup_(json_dropp) Json *map = NULL, *list = NULL;
        const VerifyJob *job = call->job;
        uint64_t k = 0;
        bool has_prefix = verify_prefix(job, &k);
        bool matches = has_prefix && k > 0 && k >= call->target && verify_is_read(&job->status) &&
                       job->status.verdict != PLAN_VERDICT_FAILED;
        int r;

        r = json_map(&map);
        if (r == 0)
                r = json_array(&list);
        if (r == 0)
                r = json_put_bool(map, "matches", matches);
        if (r == 0)
                r = json_put_u64(map, "measured", job->status.n_measured);
        if (r == 0 && has_prefix)
                r = json_put_u64(map, "extended", k);
        for (uint32_t i = 0; i < job->status.n_pcrs; ++i) {
                const StatusPcr *p = &job->status.pcr[i];

                FOREACH_BANK(alg, p->has_value ? p->banks & job->replay.banks : 0)
                        if (r == 0)
                                r = verify_put_bank(call, p, alg, list);
        }
        if (r == 0)
                r = json_put(map, "banks", &list);
        if (r == 0)
                r = varlink_reply(c, &map);
        return error_trace(r);
}

/*
 * Steps
 */

static int verify_step(VarlinkCall *c, void *state, uint64_t now_usec);

static int verify_sleep(VarlinkCall *c, VerifyCall *call, uint64_t until_usec) {
        static const VarlinkHold hold = { .resume = verify_step, .free = verify_free };

        varlink_call_hold(c, &hold, call, until_usec);
        return 0;
}

static int verify_ask(VarlinkCall *c, VerifyCall *call, uint64_t now_usec) {
        int r;

        if (call->n_asked++ == VERIFY_ASKS_MAX)
                return error_trace(serve_error_not_ready(c, serve_status(call->serve)));
        r = serve_refresh(call->serve, VERIFY_ALL_PCRS, &call->token);
        if (r < 0)
                return error_trace(r);
        call->phase = VERIFY_ASKED;
        call->asked_usec = now_usec;
        call->until_usec = now_usec + VERIFY_ANSWER_USEC;
        return verify_sleep(c, call, call->until_usec);
}

/* Is there anything on its way that the call began with? */
static bool verify_is_coming(const VerifyCall *call, const Status *s) {
        if (s->verdict == PLAN_VERDICT_FAILED || s->verdict == PLAN_VERDICT_NO_IMA)
                return false;
        return !verify_is_read(s) || s->n_extended < call->target;
}

static int verify_answered(VarlinkCall *c, VerifyCall *call, uint64_t now_usec) {
        const Status *s = serve_status(call->serve);
        const StatusPcr *p;
        ServeView view;
        int k;

        if (!s || serve_answered(call->serve) < call->token)
                return now_usec < call->until_usec ? verify_sleep(c, call, call->until_usec)
                                                   : error_trace(serve_error_not_ready(c, s));
        if (!call->has_target) {
                call->has_target = true;
                call->target = s->n_measured;
                call->coming_usec = now_usec + VERIFY_COMING_USEC;
        }
        p = verify_main(s);
        if (!s->has_tpm || !p || !p->has_value || !p->banks)
                return error_trace(serve_error_not_ready(c, s));
        /* Answered without a look, in a catch-up that is over: what it held says nothing of now. */
        if (verify_is_read(s) && p->read_usec < call->asked_usec)
                return error_trace(verify_ask(c, call, now_usec));
        if (verify_is_coming(call, s) && now_usec < call->coming_usec) {
                call->phase = VERIFY_COMING;
                return verify_sleep(c, call, call->coming_usec);
        }
        if (!verify_is_read(s) && s->verdict == PLAN_VERDICT_PENDING && !p->is_held)
                return error_trace(serve_error_not_ready(c, s));
        k = serve_read_look(call->serve, true, &view);
        if (k < 0)
                return error_trace(k);
        if (k == SERVE_READ_E_WAIT)
                return now_usec < call->until_usec
                               ? verify_sleep(c, call, now_usec + SERVE_AGAIN_USEC)
                               : error_trace(serve_error_not_ready(c, s));
        k = verify_begin_job(call, &view);
        return k < 0 ? error_trace(k) : verify_sleep(c, call, now_usec);
}

/* Something changed, or the time is over: then the PCR is read once more. */
static int verify_coming(VarlinkCall *c, VerifyCall *call, uint64_t now_usec) {
        const Status *s = serve_status(call->serve);

        if (s && verify_is_coming(call, s) && now_usec < call->coming_usec)
                return verify_sleep(c, call, call->coming_usec);
        return error_trace(verify_ask(c, call, now_usec));
}

static int verify_work(VarlinkCall *c, VerifyCall *call, uint64_t now_usec) {
        ServeView view;
        int k;

        k = serve_read_look(call->serve, true, &view);
        if (k < 0)
                return error_trace(k);
        /* The files are others, or the extender is gone: what was read proves nothing more. */
        if (k != 0 || serve_read(call->serve)->epoch != call->job->epoch)
                return error_trace(verify_ask(c, call, now_usec));
        k = call->phase == VERIFY_REPLAY ? verify_replay(call) : verify_near(call);
        if (k == 0 && call->phase == VERIFY_REPLAY) {
                k = verify_begin_near(call);
                if (k == 0)
                        return verify_sleep(c, call, now_usec);
                if (k == NEAR_E_DONE)
                        k = 0;
        }
        if (k == SERVE_READ_E_AGAIN)
                return verify_sleep(c, call, now_usec);
        if (k == SERVE_READ_E_BAD)
                return error_trace(serve_error_position(c, "NotSpooled", call->job->position));
        return k != 0 ? error_trace(k) : error_trace(verify_send(c, call));
}

static int verify_step(VarlinkCall *c, void *state, uint64_t now_usec) {
        VerifyCall *call = state;

        if (!call->has_slot && serve_read(call->serve)->n_verifying == VERIFY_AT_ONCE)
                return verify_sleep(c, call, now_usec + SERVE_AGAIN_USEC);
        serve_read(call->serve)->n_verifying += !call->has_slot;
        call->has_slot = true;
        switch (call->phase) {
        case VERIFY_NEW:
                return error_trace(verify_ask(c, call, now_usec));
        case VERIFY_ASKED:
                return error_trace(verify_answered(c, call, now_usec));
        case VERIFY_COMING:
                return error_trace(verify_coming(c, call, now_usec));
        case VERIFY_REPLAY:
        case VERIFY_NEAR:
                return error_trace(verify_work(c, call, now_usec));
        }
        return error_origin(-EINVAL);
}

/**
 * serve_verify() - Verify
 * @c:        the call
 * @userdata: the server
 *
 * Return: 0, or a negative errno.
 */
int serve_verify(VarlinkCall *c, void *userdata) {
        const char *bad;
        VerifyCall *call;

        if (json_take(varlink_call_parameters(c), NULL, 0, true, NULL, &bad) != 0)
                return error_trace(varlink_error_invalid(c, bad));
        call = calloc(1, sizeof(*call));
        if (!call)
                return error_origin(-ENOMEM);
        call->serve = userdata;
        return verify_sleep(c, call, serve_now_usec(userdata));
}
