/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/status.h"

#include <string.h>

static bool status_text_ends(const char text[static STATUS_TEXT_SIZE]) {
        return memchr(text, '\0', STATUS_TEXT_SIZE) != NULL;
}

static bool status_words_are_sound(const Status *s) {
        return s->verdict < _PLAN_VERDICT_N && s->mode < _MODE_N &&
               s->mode_reason < _MODE_REASON_N && s->state < _PLAN_STATE_N &&
               s->reason < _PLAN_REASON_N;
}

static bool status_flags_are_sound(const Status *s) {
        return s->has_tpm <= 1 && s->is_guarded <= 1 && s->spool_is_writable <= 1;
}

static bool status_lag_is_sound(const LagFigures *f) {
        return f->n_samples <= LAG_SAMPLES && f->p50_usec <= f->p99_usec &&
               f->p99_usec <= f->max_usec;
}

static bool status_pcr_is_sound(const StatusPcr *p) {
        return p->pcr < TPM_PCR_N && p->chain < _CHAIN_STATE_N && (p->banks & ~ALL_BANKS) == 0 &&
               p->has_value <= 1 && p->n_held <= p->n_records;
}

static bool status_pcrs_are_sound(const Status *s) {
        if (s->n_pcrs > TPM_PCR_N)
                return false;
        for (uint32_t i = 0; i < s->n_pcrs; ++i)
                if (!status_pcr_is_sound(&s->pcr[i]) ||
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
        return anchor_boot_id_is_sound(s->boot_id) && status_text_ends(s->text) &&
               status_text_ends(s->device) && status_words_are_sound(s) &&
               status_flags_are_sound(s) && s->n_extended <= s->n_measured &&
               status_lag_is_sound(&s->lag) && status_pcrs_are_sound(s);
}
