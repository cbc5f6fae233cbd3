/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The steps that talk to the TPM: submit, and collect when it has answered.
 */
#include <assert.h>
#include <poll.h>
#include <string.h>

#include "base/error.h"
#include "daemon/extender-internal.h"
#include "os/loop.h"
#include "os/node.h"
#include "tpm/rc.h"

/* A kernel waits up to 120 s for a command of unknown duration (tpm-interface.c). */
#define EXTENDER_TPM_USEC (150 * PLAN_SEC)

/* What each step asks, how that is called, and which event it ends in. */
typedef struct Question {
        TpmRequest request;
        PlanEventKind event;
        const char *name;
} Question;

static Question question_of(const Extender *x) {
        const PlanStep *s = &x->step;

        switch (s->kind) {
        case PLAN_STEP_OPEN_TPM:
                return (Question){ { .kind = TPM_REQUEST_BANKS },
                                   PLAN_EVENT_TPM_OPEN,
                                   "TPM2_GetCapability" };
        case PLAN_STEP_READ_CLOCK:
                return (Question){ { .kind = TPM_REQUEST_CLOCK },
                                   PLAN_EVENT_CLOCK,
                                   "TPM2_ReadClock" };
        case PLAN_STEP_PROBE:
                return (Question){ { .kind = TPM_REQUEST_PROBE,
                                     .banks = x->plan.banks.of[x->plan.main_pcr] },
                                   PLAN_EVENT_PROBED,
                                   "guarded TPM2_PCR_Extend of TPM_RH_NULL" };
        case PLAN_STEP_READ_PCR:
                return (Question){ { .kind = TPM_REQUEST_READ,
                                     .pcr = s->pcr,
                                     .banks = s->banks,
                                     .is_fresh = s->is_fresh },
                                   PLAN_EVENT_PCR,
                                   "TPM2_PCR_Read" };
        case PLAN_STEP_EXTEND:
                return (Question){ { .kind = TPM_REQUEST_EXTEND,
                                     .pcr = s->pcr,
                                     .banks = s->banks,
                                     .digests = s->digests },
                                   PLAN_EVENT_EXTENDED,
                                   "TPM2_PCR_Extend" };
        case PLAN_STEP_CLOSE_TPM:
                return (Question){ { .kind = TPM_REQUEST_FLUSH },
                                   PLAN_EVENT_TPM_CLOSED,
                                   "TPM2_FlushContext" };
        case PLAN_STEP_FLUSH_SESSION:
        case PLAN_STEP_STOP:
                return (Question){ { .kind = TPM_REQUEST_FLUSH },
                                   PLAN_EVENT_FLUSHED,
                                   "TPM2_FlushContext" };
        case PLAN_STEP_OPEN_LIST:
        case PLAN_STEP_REWIND:
        case PLAN_STEP_NEXT_RECORD:
        case PLAN_STEP_COUNT:
        case PLAN_STEP_RELEASE_LIST:
        case PLAN_STEP_ANCHOR:
        case PLAN_STEP_PAUSE:
        case PLAN_STEP_WAIT:
        case PLAN_STEP_REST:
        case _PLAN_STEP_N:
                break;
        }
        assert(false);
        return (Question){};
}

/* Banks that OpenSSL here cannot calculate are as good as unknown. */
static int extender_open_hashers(Extender *x, TpmBanks *banks, BankMask *ret_all) {
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
        if (r == 0)
                *ret_all = all;
        return error_trace(r);
}

/* A new context has told its banks: what has the firmware extended? Only the first that is believed
 * is asked: the plan knows it from then on. */
static int extender_opened(Extender *x) {
        FirmwareError error;
        BankMask banks = 0;
        int r;

        r = extender_open_hashers(x, &x->reply.banks, &banks);
        if (r < 0 || x->reply.outcome != TPM_DONE || x->plan.banks_known)
                return error_trace(r);

        r = node_read_firmware(x->config.root, x->tcti, banks, &x->hashers, &x->firmware, &error);
        if (r < 0)
                return error_trace(r);
        x->event.firmware = r == 0 ? &x->firmware : NULL;
        x->figures.firmware_is_bad = r == NODE_E_BAD;
        return 0;
}

/* For those who look on. */
static void extender_note_answer(Extender *x) {
        if (x->step.kind == PLAN_STEP_READ_PCR && x->reply.outcome == TPM_DONE) {
                x->reading[x->step.pcr] = x->reply.values;
                x->reading_usec[x->step.pcr] = x->now_usec;
                x->has_reading |= UINT32_C(1) << x->step.pcr;
        }
        if (x->step.kind == PLAN_STEP_PROBE &&
            (x->reply.outcome == TPM_DONE || x->reply.outcome == TPM_REFUSED))
                x->figures.is_guarded = x->reply.outcome == TPM_DONE;
}

static int extender_answered(Extender *x) {
        Question q = question_of(x);
        PlanEvent *e = &x->event;
        char text[RC_TEXT_SIZE];

        x->stage = EXTENDER_DONE;
        x->has_answered = true;
        e->kind = q.event;
        e->outcome = x->reply.outcome;
        e->clock = x->reply.clock;
        e->values = &x->reply.values;
        e->banks = &x->reply.banks;
        if (q.request.kind != TPM_REQUEST_FLUSH)
                x->trouble[0] = '\0';
        if (e->outcome != TPM_DONE && q.request.kind != TPM_REQUEST_FLUSH) {
                rc_text(x->reply.rc, text, sizeof(text));
                (void)snprintf(x->trouble, sizeof(x->trouble), "%s: %s", q.name, text);
        }
        extender_note_answer(x);
        if (x->step.kind == PLAN_STEP_READ_CLOCK)
                node_look_at_age(x->tcti, &e->age);
        if (x->step.kind == PLAN_STEP_EXTEND && e->outcome == TPM_DONE) {
                x->has_extended = true;
                x->extended = x->plan.replay.n_records;
        }
        if (x->step.kind == PLAN_STEP_CLOSE_TPM)
                x->tpm = tpm_free(x->tpm);
        return x->step.kind == PLAN_STEP_OPEN_TPM ? error_trace(extender_opened(x)) : 0;
}

static int extender_closed_gate(Extender *x) {
        x->stage = EXTENDER_DONE;
        x->has_answered = true;
        x->event.kind = PLAN_EVENT_TPM_OPEN;
        x->event.outcome = TPM_ABSENT;
        return 0;
}

/* Without a context nothing is sent, and the plan hears that nobody is there. */
static int extender_begin(Extender *x) {
        Question q = question_of(x);
        bool is_open = true;
        uint32_t rc = 0;
        int r;

        x->reply = (TpmReply){ .outcome = TPM_ABSENT };
        if (x->step.kind == PLAN_STEP_OPEN_TPM) {
                assert(!x->tpm);
                r = extender_ask_gate(x, &is_open);
                if (r < 0)
                        return error_trace(r);
                if (!is_open)
                        return error_trace(extender_closed_gate(x));
                r = tpm_open(x->tcti, x->config.hook, &x->tpm, &rc);
                if (r < 0)
                        return error_trace(r);
                if (r == TPM_E_NOT_THERE)
                        x->reply.rc = rc;
        }
        if (!x->tpm)
                return error_trace(extender_answered(x));
        x->stage = EXTENDER_ASKING;
        x->give_up_usec = x->now_usec + EXTENDER_TPM_USEC;
        return error_trace(tpm_submit(x->tpm, &q.request));
}

/* Carry the step at hand as far as it goes now. */
int extender_ask(Extender *x) {
        int r = 0;

        if (x->stage == EXTENDER_NEW)
                r = extender_begin(x);
        if (r < 0 || x->stage == EXTENDER_DONE)
                return error_trace(r);
        r = tpm_collect(x->tpm, &x->reply);
        if (r == 0)
                return error_trace(extender_answered(x));
        if (r != TPM_E_PENDING)
                return error_trace(r);
        if (x->now_usec < x->give_up_usec)
                return EXTENDER_E_PENDING;
        /* It never answered: only a new context can be talked to. */
        x->tpm = tpm_free(x->tpm);
        x->reply = (TpmReply){ .outcome = TPM_UNKNOWN };
        return error_trace(extender_answered(x));
}

/* For those who cannot come back: submit, and wait for the answer. */
static int extender_ask_and_wait(Extender *x, const TpmRequest *request) {
        uint64_t until = now_usec() + EXTENDER_TPM_USEC;
        int r;

        r = tpm_submit(x->tpm, request);
        while (r == 0 && (r = tpm_collect(x->tpm, &x->reply)) == TPM_E_PENDING) {
                struct pollfd fd = { .fd = tpm_fd(x->tpm), .events = POLLIN };

                if (now_usec() >= until)
                        return error_origin(-ETIMEDOUT);
                r = poll(&fd, 1, (int)(EXTENDER_LOOK_USEC / PLAN_MSEC));
                if (r < 0 && errno != EINTR)
                        return error_origin(negative_errno());
                r = 0;
        }
        return error_trace(r);
}

/* Only the kernel's resource manager would give the session back for us. */
int extender_close_tpm(Extender *x) {
        const TpmRequest flush = { .kind = TPM_REQUEST_FLUSH };
        int r = 0;

        /* One that still works on something can be asked nothing. */
        if (x->tpm && x->stage != EXTENDER_ASKING)
                r = extender_ask_and_wait(x, &flush);
        x->tpm = tpm_free(x->tpm);
        return error_trace(r);
}

/**
 * extender_reading() - what a PCR held when it was read last
 * @x:        the extender
 * @pcr:      below TPM_PCR_N
 * @ret_usec: when that was, CLOCK_BOOTTIME; set where it was read only
 *
 * Return: values of its banks, borrowed from @x; NULL: it was not read.
 */
const DigestSet *extender_reading(const Extender *x, uint32_t pcr, uint64_t *ret_usec) {
        if (!(x->has_reading >> pcr & 1))
                return NULL;
        *ret_usec = x->reading_usec[pcr];
        return &x->reading[pcr];
}

/**
 * extender_read_pcrs() - read the PCRs that the list names, in all their banks; for --oneshot
 * @x:        the extender, when extender_is_done()
 * @values:   the values, by PCR; written for those of @ret_pcrs
 * @ret_pcrs: bit mask of PCRs, set on success only; none where there is no TPM
 *
 * Return: 0; -EIO when the TPM does not answer well, -ETIMEDOUT when it does not answer.
 */
int extender_read_pcrs(Extender *x, DigestSet values[static TPM_PCR_N], uint32_t *ret_pcrs) {
        uint32_t pcrs = 0;
        int r;

        for (uint32_t pcr = 0; x->tpm && pcr < TPM_PCR_N; ++pcr) {
                const TpmRequest read = {
                        .kind = TPM_REQUEST_READ,
                        .pcr = pcr,
                        .banks = x->plan.banks.of[pcr],
                        .is_fresh = true,
                };

                if (!read.banks || (x->plan.replay.chain[pcr].n == 0 && pcr != x->plan.main_pcr))
                        continue;
                r = extender_ask_and_wait(x, &read);
                if (r < 0)
                        return error_trace(r);
                if (x->reply.outcome != TPM_DONE)
                        return error_origin(-EIO);
                values[pcr] = x->reply.values;
                pcrs |= UINT32_C(1) << pcr;
        }
        *ret_pcrs = pcrs;
        return error_trace(extender_close_tpm(x));
}
