/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/report.h"

#include <inttypes.h>
#include <string.h>

/* A chain of the list: does it have records, or is it the main one? */
static bool report_has_chain(const Plan *p, uint32_t pcr) {
        return p->replay.chain[pcr].n > 0 || p->chain[pcr].state != CHAIN_UNREAD ||
               (pcr == p->main_pcr && p->banks_known);
}

/* After these verdicts nothing is known to be in a PCR, whatever was verified before. */
static bool report_holds(const Plan *p) {
        return p->state != PLAN_TPM_RESET && p->state != PLAN_SPLIT_BANKS &&
               p->state != PLAN_DIVERGED;
}

/* V(0), and the value: what verified extends gave where it is known to be in the PCR, else what
 * was read last. */
static void report_values(const Extender *x, bool is_held, StatusPcr *t) {
        const Plan *p = extender_plan(x);
        const PlanChain *c = &p->chain[t->pcr];
        const DigestSet *value = extender_reading(x, t->pcr, &t->read_usec);

        if (is_held)
                value = &c->value;
        t->has_base = p->based >> t->pcr & 1;
        t->has_value = value != NULL;
        t->is_held = is_held;
        if (is_held) /* whatever came after its last record changes nothing */
                t->n_verified = c->held < c->n_listed ? c->held_at : p->n_listed;
        FOREACH_BANK(alg, t->banks) {
                if (value)
                        t->value.of[alg] = value->of[alg];
                if (t->has_base)
                        t->base.of[alg] = p->base[t->pcr].of[alg];
        }
}

static void report_pcrs(const Extender *x, Status *s) {
        const Plan *p = extender_plan(x);
        bool holds = report_holds(p);

        s->main_pcr = p->main_pcr;
        for (uint32_t pcr = 0; pcr < TPM_PCR_N; ++pcr) {
                const PlanChain *c = &p->chain[pcr];
                StatusPcr *t = &s->pcr[s->n_pcrs];

                if (!report_has_chain(p, pcr))
                        continue;
                ++s->n_pcrs;
                t->pcr = pcr;
                t->chain = c->state;
                t->banks = p->banks.of[pcr];
                t->n_records = MAX_OF(c->n_listed, c->held);
                t->n_held = holds ? c->held : 0;
                if (c->state == CHAIN_FOREIGN)
                        s->n_foreign += t->n_records;
                if (c->state == CHAIN_REFUSED)
                        s->n_refused += t->n_records;
                report_values(x, holds && c->state == CHAIN_HELD, t);
        }
        s->n_refused += p->n_beyond;
}

static void report_text(const char *text, char *ret_text, size_t max) {
        size_t n = strnlen(text, max - 1);

        memcpy(ret_text, text, n);
        ret_text[n] = '\0';
}

static void report_spool(const Extender *x, Status *s) {
        SpoolFacts f;

        if (!extender_spool(x))
                return;
        f = spool_facts(extender_spool(x));
        s->spool_is_writable = f.trouble == SPOOL_FINE;
        s->spool_n_records = f.n_records;
        s->spool_n_bytes = f.n_bytes;
        s->spool_size = f.size;
        s->spool_limit = f.limit;
        s->spool_generation = f.generation;
}

static void report_gate(const Extender *x, Status *s) {
        const GateVerdict *v = extender_gate(x);

        for (GateThing thing = 0; v && thing < _GATE_THING_N; ++thing)
                s->gate[thing] = (StatusGate){
                        .is_judged = 1,
                        .readiness = v->facts[thing].readiness,
                        .advice = v->facts[thing].advice,
                        .part = v->facts[thing].part,
                        .ready_usec = extender_figures(x)->ready_usec[thing],
                };
}

/* Of a TCTI that was given only its name tells. */
static bool report_is_software(const char *device) {
        static const char *const software[] = { "libtpms:", "swtpm:", "mssim:" };

        for (size_t i = 0; i < ELEMENTSOF(software); ++i)
                if (strncmp(device, software[i], strlen(software[i])) == 0)
                        return true;
        return false;
}

static void report_tpm(const Extender *x, Status *s) {
        const GateVerdict *v = extender_gate(x);
        const Plan *p = extender_plan(x);

        report_text(extender_device(x), s->device, sizeof(s->device));
        s->is_software = report_is_software(s->device);
        if (v && v->has_chip) {
                report_text(v->chip.driver, s->driver, sizeof(s->driver));
                s->is_software = v->chip.is_software;
        }
        s->has_tpm = p->clock_known;
        s->is_guarded = extender_figures(x)->is_guarded;
        s->reset_count = p->clock.reset_count;
        s->restart_count = p->clock.restart_count;
}

/**
 * report_message() - the particulars of where it stands, for people
 * @x:        the extender
 * @ret_text: one line, not escaped; empty where the reason says it all
 */
void report_message(const Extender *x, char ret_text[static STATUS_TEXT_SIZE]) {
        const Plan *p = extender_plan(x);
        const char *text = p->is_cut ? extender_cut(x) : extender_trouble(x);

        ret_text[0] = '\0';
        if (p->state != PLAN_FOLLOW || p->is_cut)
                report_text(text, ret_text, STATUS_TEXT_SIZE);
}

/* A kernel's PCR behind its list is as it must be: the list comes first. */
static PlanVerdict report_verdict(const Plan *p) {
        return p->state == PLAN_KERNEL_OWNS && p->observed != PLAN_OBSERVED_MISFIT
                       ? PLAN_VERDICT_KERNEL
                       : plan_verdict(p);
}

/**
 * report_n_measured() - how many records the list has, as far as is known
 * @x: the extender
 *
 * Return: records.
 */
uint64_t report_n_measured(const Extender *x) {
        return MAX_OF(extender_lag(x)->n_seen, extender_plan(x)->n_listed);
}

/**
 * report_n_extended() - how many records are known to be in the TPM, or will never be
 * @x: the extender
 *
 * Return: records from the front of the list.
 */
uint64_t report_n_extended(const Extender *x) {
        return report_holds(extender_plan(x)) ? extender_figures(x)->n_done : 0;
}

/**
 * report_status() - the whole of it
 * @x:          the extender
 * @now_usec:   CLOCK_BOOTTIME
 * @ret_status: all of its bytes are written
 */
void report_status(const Extender *x, uint64_t now_usec, Status *ret_status) {
        const ExtenderFigures *f = extender_figures(x);
        const Plan *p = extender_plan(x);
        Status *s = ret_status;

        memset(s, 0, sizeof(*s));
        (void)snprintf(s->boot_id, sizeof(s->boot_id), "%s", extender_boot_id(x));
        report_message(x, s->text);
        s->verdict = report_verdict(p);
        s->mode = p->mode.mode;
        s->mode_reason = p->mode.reason;
        s->state = p->state;
        s->reason = plan_why(p);
        s->state_usec = p->state_usec;
        s->n_measured = report_n_measured(x);
        s->n_extended = report_n_extended(x);
        s->n_violations = p->n_violations;
        s->n_trimmed = f->n_trimmed;
        s->n_backlog = f->n_backlog;
        s->backlog_start_usec = f->backlog_start_usec;
        s->backlog_done_usec = f->backlog_done_usec;
        s->last_extend_usec = f->last_extend_usec;
        if (p->mode.mode == MODE_BYPASS)
                s->lag = lag_figures(extender_lag(x), now_usec);
        report_spool(x, s);
        report_tpm(x, s);
        report_gate(x, s);
        report_pcrs(x, s);
}

/**
 * report_n_held() - how many records are in the TPM, over all chains
 * @p: the plan
 *
 * Return: records.
 */
uint64_t report_n_held(const Plan *p) {
        uint64_t n = 0;

        for (uint32_t pcr = 0; pcr < TPM_PCR_N; ++pcr)
                if (p->chain[pcr].state == CHAIN_HELD)
                        n += p->chain[pcr].held;
        return n;
}

/**
 * report_banks() - names of banks, with spaces between
 * @banks:    the banks
 * @ret_text: @max bytes, NUL-terminated
 * @max:      room at @ret_text, at least 1
 */
void report_banks(BankMask banks, char *ret_text, size_t max) {
        size_t n = 0;

        ret_text[0] = '\0';
        FOREACH_BANK(alg, banks) {
                int k = snprintf(ret_text + n, max - n, "%s%s", n > 0 ? " " : "", digest_name(alg));

                if (k < 0 || (size_t)k >= max - n)
                        return;
                n += (size_t)k;
        }
}

/**
 * report_line() - one line for the service manager (STATUS=)
 * @x:        the extender
 * @now_usec: CLOCK_BOOTTIME
 * @ret_line: the line
 */
void report_line(const Extender *x, uint64_t now_usec, char ret_line[static REPORT_LINE_SIZE]) {
        const ExtenderFigures *f = extender_figures(x);
        const Plan *p = extender_plan(x);
        uint64_t n = report_n_measured(x);
        LagFigures lag;

        if (p->state != PLAN_FOLLOW || p->mode.mode != MODE_BYPASS) {
                (void)snprintf(ret_line, REPORT_LINE_SIZE,
                               "%s (%s): %" PRIu64 " of %" PRIu64 " records in the TPM",
                               plan_state_name(p->state), plan_reason_name(p), report_n_extended(x),
                               n);
                return;
        }
        lag = lag_figures(extender_lag(x), now_usec);
        (void)snprintf(ret_line, REPORT_LINE_SIZE,
                       "following: %" PRIu64 " of %" PRIu64 " records in the TPM, lag p99 %" PRIu64
                       " ms",
                       f->n_done, n, lag.n_samples > 0 ? lag.p99_usec / 1000 : 0);
}
