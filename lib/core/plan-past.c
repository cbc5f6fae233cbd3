/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Was the TPM reset in this boot, before this process came? Rule I13: then nothing is extended.
 *
 * An anchor tells it exactly: resetCount, banks, or fewer records in the PCR than were verified.
 * Without one, the TPM's own time and the PCRs of the firmware may tell. None of this ever says
 * where extending goes on.
 */
#include "core/plan-internal.h"

/* TCG PC Client Platform Firmware Profile, 3.3.4: these belong to the firmware. */
#define MEASURED_PCR_N 8U

static bool past_has_anchor(const Plan *p) {
        return p->options.has_anchor && !p->options.accepts_reset;
}

bool past_clock_fits(const Plan *p, const TpmClock *clock) {
        if (p->clock_known)
                return clock->reset_count == p->clock.reset_count;
        return !past_has_anchor(p) || clock->reset_count == p->options.anchor.reset_count;
}

bool past_time_is_low(const Plan *p, const PlanEvent *e) {
        return !p->clock_known && !plan_only_observes(p) && !p->options.has_anchor &&
               !p->options.accepts_reset && age_judge(&e->age, e->clock.time_msec) == AGE_RESET;
}

/* Banks of algorithms that nobody here knows are not in an anchor. */
bool past_banks_fit(const Plan *p) {
        const Anchor *a = &p->options.anchor;

        return !past_has_anchor(p) || a->pcr != p->main_pcr || a->banks == p->banks.of[p->main_pcr];
}

/* How many records the PCR must hold at least. */
uint64_t past_n_held(const Plan *p, uint32_t pcr) {
        const Anchor *a = &p->options.anchor;

        return past_has_anchor(p) && a->pcr == pcr ? a->n_held : 0;
}

/* V(0) is zeros, or what the firmware has extended into that PCR. */
void past_know_firmware(Plan *p, const FirmwareLog *firmware) {
        bool has_measured = false;

        for (uint32_t pcr = 0; firmware && pcr < TPM_PCR_N; ++pcr) {
                if (firmware->n_of[pcr] == 0)
                        continue;
                has_measured |= pcr < MEASURED_PCR_N;
                p->based |= UINT32_C(1) << pcr;
                p->base[pcr] = firmware->value[pcr];
                replay_set_base(&p->replay, pcr, p->banks.of[pcr], &p->base[pcr]);
        }
        switch (p->options.measured_boot) {
        case PLAN_MEASURED_AUTO:
                p->is_measured = !has_measured;
                break;
        case PLAN_MEASURED_YES:
                p->is_measured = false;
                break;
        case PLAN_MEASURED_NO:
        case _PLAN_MEASURED_N:
                p->is_measured = true;
                break;
        }
        if (p->options.has_anchor || p->options.accepts_reset)
                p->is_measured = true; /* known better, or not to be asked */
}

bool past_wants_measured(const Plan *p) {
        return !p->is_measured;
}

/* The first of them, from there on, that has a bank; MEASURED_PCR_N: none has. */
static uint32_t past_next_measured(const Plan *p, uint32_t pcr) {
        while (pcr < MEASURED_PCR_N && !p->banks.of[pcr])
                ++pcr;
        return pcr;
}

static int past_measure(Plan *p, uint32_t pcr, PlanStep *ret_step) {
        p->is_measuring = true;
        return step_read_more(p, pcr, ret_step);
}

int past_read_measured(Plan *p, PlanStep *ret_step) {
        uint32_t pcr = past_next_measured(p, 0);

        if (pcr < MEASURED_PCR_N)
                return past_measure(p, pcr, ret_step);
        p->is_measured = true; /* nothing can be looked at */
        return plan_on(p, ret_step);
}

/* One PCR with a value is enough; all of them zero, twice in two contexts, is a verdict. */
int past_on_measured(Plan *p, const PlanEvent *e, PlanStep *ret_step) {
        uint32_t pcr = past_next_measured(p, p->reading + 1);

        FOREACH_BANK(alg, p->banks.of[p->reading])
                if (!bytes_is_zero(digest_bytes(alg, &e->values->of[alg])))
                        p->is_measured = true;
        if (p->is_measured)
                return plan_on(p, ret_step);
        if (pcr < MEASURED_PCR_N)
                return past_measure(p, pcr, ret_step);
        if (p->was_unmeasured)
                return step_settle(p, PLAN_TPM_RESET, PLAN_REASON_FIRMWARE_PCRS_ZERO, ret_step);
        p->was_unmeasured = true;
        return plan_suspect(p, PLAN_TPM_RESET, PLAN_REASON_FIRMWARE_PCRS_ZERO, 0, ret_step);
}

/* The main PCR was verified: is that what the anchor says? */
void past_want_anchor(Plan *p) {
        const Anchor now = {
                .pcr = p->main_pcr,
                .n_held = p->chain[p->main_pcr].held,
                .banks = p->banks.of[p->main_pcr],
                .reset_count = p->clock.reset_count,
                .restart_count = p->clock.restart_count,
        };

        if (plan_only_observes(p))
                return;
        p->wants_anchor = !p->is_anchored || now.n_held != p->anchor.n_held ||
                          now.reset_count != p->anchor.reset_count ||
                          now.restart_count != p->anchor.restart_count;
        p->anchor = now;
}

int past_step_anchor(Plan *p, PlanStep *ret_step) {
        p->wants_anchor = false;
        p->is_anchored = true;
        *ret_step = (PlanStep){ .kind = PLAN_STEP_ANCHOR, .anchor = p->anchor };
        return 0;
}
