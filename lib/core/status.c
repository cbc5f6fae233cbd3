/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/status.h"

#include <string.h>

static bool status_texts_end(const Status *s) {
        return memchr(s->text, '\0', sizeof(s->text)) &&
               memchr(s->device, '\0', sizeof(s->device)) &&
               memchr(s->driver, '\0', sizeof(s->driver));
}

static bool status_words_are_sound(const Status *s) {
        return s->verdict < _PLAN_VERDICT_N && s->mode < _MODE_N &&
               s->mode_reason < _MODE_REASON_N && s->state < _PLAN_STATE_N &&
               s->reason < _PLAN_REASON_N;
}

static bool status_flags_are_sound(const Status *s) {
        return s->has_tpm <= 1 && s->is_guarded <= 1 && s->is_software <= 1 &&
               s->spool_is_writable <= 1 && s->main_pcr < TPM_PCR_N;
}

static bool status_lag_is_sound(const LagFigures *f) {
        return f->n_samples <= LAG_SAMPLES && f->p50_usec <= f->p99_usec &&
               f->p99_usec <= f->max_usec;
}

static bool status_gate_is_sound(const StatusGate *g) {
        return g->is_judged <= 1 && g->readiness < _GATE_READINESS_N && g->advice < _ADVICE_N &&
               g->part < _KERNEL_PART_N;
}

static bool status_gates_are_sound(const Status *s) {
        for (GateThing thing = 0; thing < _GATE_THING_N; ++thing)
                if (!status_gate_is_sound(&s->gate[thing]))
                        return false;
        return true;
}

static bool status_pcr_is_sound(const Status *s, const StatusPcr *p) {
        bool place_is_sound = p->is_held ? p->has_value && p->n_held <= p->n_verified &&
                                                   p->n_verified <= s->n_measured
                                         : p->n_verified == 0;

        return p->pcr < TPM_PCR_N && p->chain < _CHAIN_STATE_N && (p->banks & ~ALL_BANKS) == 0 &&
               p->has_value <= 1 && p->is_held <= 1 && p->has_base <= 1 &&
               p->n_held <= p->n_records && place_is_sound;
}

static bool status_pcrs_are_sound(const Status *s) {
        if (s->n_pcrs > TPM_PCR_N)
                return false;
        for (uint32_t i = 0; i < s->n_pcrs; ++i)
                if (!status_pcr_is_sound(s, &s->pcr[i]) ||
                    (i > 0 && s->pcr[i].pcr <= s->pcr[i - 1].pcr))
                        return false;
        return true;
}

/**
 * status_is_sound() - may this be used without a further look at any field?
 * @s: any bytes
 *
 * Sound is not true: it says that no field leads astray (an index, a string, a difference that
 * wraps). Rows of @s beyond n_pcrs are not looked at.
 *
 * Return: whether it may.
 */
bool status_is_sound(const Status *s) {
        return anchor_boot_id_is_sound(s->boot_id) && status_texts_end(s) &&
               status_words_are_sound(s) && status_flags_are_sound(s) &&
               s->n_extended <= s->n_measured && status_lag_is_sound(&s->lag) &&
               status_gates_are_sound(s) && status_pcrs_are_sound(s);
}
