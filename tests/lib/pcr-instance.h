/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pcr-instance.h -- who runs a plan on the model: carries out its steps, hands back the events.
 *
 * What the plan promises is watched at every step; the first broken promise is in the model's
 * `violation`. The hook is called before and after each step and may do to TPM, list, /run and
 * instances whatever the world may.
 */
#pragma once

#include "lib/pcr-model.h"

struct Instance {
        Plan plan;
        PlanStep step;
        uint64_t n_steps;
        bool has_crashed, is_done;
        size_t next; /* in the list */
        bool holds_list;
        uint64_t n_count; /* the greatest that was told since the list was read from record 0 */
        uint32_t generation;
        bool has_clock;
        uint32_t reset_count; /* when it first read the clock */
        uint64_t session;
        uint64_t proof;                /* ends with the session and with each reset of it */
        uint64_t proven_in[TPM_PCR_N]; /* the proof in which the PCR was read */
        uint64_t n_read[TPM_PCR_N];    /* records that it was told to hold */
        uint64_t n_verified;           /* of the main chain */
        bool must_read[TPM_PCR_N];     /* an extend was not answered well */
};

PlanOptions model_options(const Model *m);
void model_leave_stale(Model *m, const Instance *i);

void instance_start(Instance *i, Model *m);
void instance_start_with(Instance *i, Model *m, const PlanOptions *options);
void instance_crash(Instance *i, Model *m);
bool instance_step(Instance *i, Model *m);
bool instance_settle(Instance *i, Model *m, size_t max);
bool instance_run(Instance *i, Model *m, uint64_t usec, size_t max);
bool instance_is_waiting(const Instance *i);
PlanEventKind instance_answer(const Instance *i);
bool instance_sends(const Instance *i);
