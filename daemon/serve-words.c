/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/serve-words.h"

#include <string.h>

#include "base/error.h"
#include "core/gate.h"

/* Members of one object; after the first failure nothing more is put. */
typedef struct Words {
        Json *map;
        int r;
} Words;

static void put_u64(Words *w, const char *key, uint64_t value) {
        if (w->r == 0)
                w->r = json_put_u64(w->map, key, value);
}

/* A point in time, or a figure, that there may not be: then the member is left out. */
static void put_u64_or_none(Words *w, const char *key, bool is_there, uint64_t value) {
        if (is_there)
                put_u64(w, key, value);
}

static void put_bool(Words *w, const char *key, bool value) {
        if (w->r == 0)
                w->r = json_put_bool(w->map, key, value);
}

static void put_text(Words *w, const char *key, const char *text) {
        if (w->r == 0)
                w->r = json_put_text(w->map, key, bytes_of_text(text));
}

static void put_text_or_none(Words *w, const char *key, const char *text) {
        if (text && *text)
                put_text(w, key, text);
}

static void put_child(Words *w, const char *key, Words *child) {
        if (w->r == 0)
                w->r = child->r;
        if (w->r == 0)
                w->r = json_put(w->map, key, &child->map);
        child->map = json_drop(child->map);
}

static void add_child(Words *array, Words *child) {
        if (array->r == 0)
                array->r = child->r;
        if (array->r == 0)
                array->r = json_add(array->map, &child->map);
        child->map = json_drop(child->map);
}

static Words words_map(void) {
        Words w = {};

        w.r = json_map(&w.map);
        return w;
}

static Words words_array(void) {
        Words w = {};

        w.r = json_array(&w.map);
        return w;
}

/**
 * serve_verdict_name() - the name of a verdict, as in the varlink interface
 * @verdict: the verdict
 *
 * Return: a constant string.
 */
const char *serve_verdict_name(PlanVerdict verdict) {
        static const char *const names[_PLAN_VERDICT_N] = {
                [PLAN_VERDICT_PENDING] = "pending", [PLAN_VERDICT_EXTENDED] = "extended",
                [PLAN_VERDICT_KERNEL] = "kernel",   [PLAN_VERDICT_FAILED] = "failed",
                [PLAN_VERDICT_NO_IMA] = "no_ima",
        };

        return names[verdict];
}

/**
 * serve_reason_name() - why it is in its state, as in the varlink interface
 * @s: a sound status
 *
 * Return: a constant string; NULL: the state says it all.
 */
const char *serve_reason_name(const Status *s) {
        /* The mode's own, and what proves bypass is no reason for anything to be wrong. */
        if (s->reason == PLAN_REASON_NONE ||
            (s->reason == PLAN_REASON_MODE && s->mode_reason <= MODE_REASON_BOOT_AGGREGATE_ZERO))
                return NULL;
        return plan_reason_name_of(s->reason, s->mode_reason);
}

/**
 * serve_put_reason() - set the member "reason", where there is one
 * @map: the object
 * @s:   a sound status
 *
 * Return: 0 or -ENOMEM.
 */
int serve_put_reason(Json *map, const Status *s) {
        const char *name = serve_reason_name(s);

        return name ? error_trace(json_put_text(map, "reason", bytes_of_text(name))) : 0;
}

static void put_gate(Words *w, const Status *s) {
        Words gate = words_array();

        for (GateThing thing = 0; thing < _GATE_THING_N; ++thing) {
                const StatusGate *g = &s->gate[thing];
                char hint[ADVICE_HINT_MAX] = "";
                Words fact;

                if (!g->is_judged)
                        continue;
                fact = words_map();
                put_text(&fact, "name", gate_thing_name(thing));
                put_text(&fact, "readiness", gate_readiness_name(g->readiness));
                put_u64_or_none(&fact, "readyUSec", g->ready_usec > 0, g->ready_usec);
                if (g->advice != ADVICE_NONE)
                        advice_hint(g->advice, g->part, hint, sizeof(hint));
                put_text_or_none(&fact, "hint", hint);
                add_child(&gate, &fact);
        }
        put_child(w, "gate", &gate);
}

static void put_tpm(Words *w, const Status *s) {
        Words tpm;

        if (!s->has_tpm)
                return;
        tpm = words_map();
        put_text(&tpm, "device", s->device);
        put_text_or_none(&tpm, "driver", s->driver);
        put_bool(&tpm, "software", s->is_software);
        put_bool(&tpm, "compareAndSwap", s->is_guarded);
        put_u64(&tpm, "resetCount", s->reset_count);
        put_u64(&tpm, "restartCount", s->restart_count);
        put_child(w, "tpm", &tpm);
}

static void add_bank(Words *banks, const StatusPcr *p, DigestAlg alg) {
        Words bank = words_map();

        put_u64(&bank, "pcr", p->pcr);
        put_text(&bank, "algorithm", digest_name(alg));
        if (p->has_value && bank.r == 0)
                bank.r = json_put_hex(bank.map, "value", digest_bytes(alg, &p->value.of[alg]));
        put_u64_or_none(&bank, "verified", p->is_held, p->n_verified);
        add_child(banks, &bank);
}

static void put_banks(Words *w, const Status *s) {
        Words banks = words_array();

        for (uint32_t i = 0; s->has_tpm && i < s->n_pcrs; ++i)
                FOREACH_BANK(alg, s->pcr[i].banks)
                        add_bank(&banks, &s->pcr[i], alg);
        put_child(w, "banks", &banks);
}

/* A record that waits went on waiting since this was said. */
static void put_lag(Words *w, const Status *s, uint64_t age_usec) {
        const LagFigures *f = &s->lag;
        Words lag = words_map();

        put_u64(&lag, "records", f->n_records);
        put_u64(&lag, "ageUSec", f->n_records > 0 ? f->age_usec + age_usec : 0);
        put_u64_or_none(&lag, "p50USec", f->n_samples > 0, f->p50_usec);
        put_u64_or_none(&lag, "p99USec", f->n_samples > 0, f->p99_usec);
        put_u64_or_none(&lag, "maxUSec", f->n_samples > 0, f->max_usec);
        put_child(w, "lag", &lag);
}

static void put_backlog(Words *w, const Status *s) {
        bool is_done = s->backlog_done_usec > 0;
        Words backlog;

        if (s->backlog_start_usec == 0)
                return;
        backlog = words_map();
        put_u64(&backlog, "records", is_done ? s->n_backlog : s->n_measured);
        put_u64(&backlog, "startUSec", s->backlog_start_usec);
        put_u64_or_none(&backlog, "doneUSec", is_done, s->backlog_done_usec);
        put_child(w, "backlog", &backlog);
}

static void put_spool(Words *w, const Status *s) {
        Words spool = words_map();

        put_u64(&spool, "records", s->spool_n_records);
        put_u64(&spool, "size", s->spool_size);
        put_u64(&spool, "limit", s->spool_limit);
        put_bool(&spool, "writable", s->spool_is_writable);
        put_child(w, "spool", &spool);
}

static void put_counts(Words *w, const Status *s) {
        put_u64(w, "stateUSec", s->state_usec);
        put_u64(w, "measured", s->n_measured);
        put_u64(w, "extended", s->n_extended);
        put_u64(w, "violations", s->n_violations);
        put_u64(w, "refused", s->n_refused);
        put_u64(w, "foreign", s->n_foreign);
        put_u64(w, "trimmed", s->n_trimmed);
}

/**
 * serve_words_of() - what GetStatus answers
 * @s:        a sound status
 * @age_usec: how long ago it was said
 * @ret_map:  to be dropped, or sent; set on success only. What is null is left out
 *
 * Return: 0 or -ENOMEM.
 */
int serve_words_of(const Status *s, uint64_t age_usec, Json **ret_map) {
        Words w = words_map();

        put_text(&w, "bootId", s->boot_id);
        put_text(&w, "verdict", serve_verdict_name(s->verdict));
        put_text(&w, "mode", mode_name(s->mode));
        put_text(&w, "state", plan_state_name(s->state));
        if (w.r == 0)
                w.r = serve_put_reason(w.map, s);
        put_text_or_none(&w, "message", s->text);
        put_counts(&w, s);
        put_gate(&w, s);
        put_tpm(&w, s);
        put_banks(&w, s);
        put_lag(&w, s, age_usec);
        put_backlog(&w, s);
        put_u64_or_none(&w, "lastExtendUSec", s->last_extend_usec > 0, s->last_extend_usec);
        put_spool(&w, s);
        if (w.r < 0) {
                w.map = json_drop(w.map);
                return error_trace(w.r);
        }
        *ret_map = w.map;
        return 0;
}
