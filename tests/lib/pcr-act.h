/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pcr-act.h -- one thing that happens on the model at each step of a kind, and ways to get there.
 *
 * Include after cmocka-all.h.
 */
#pragma once

#include "lib/pcr-world.h"

/* What happens at a step of one kind. */
typedef struct Act {
        PlanStepKind at;
        ModelFault fault;
        size_t times; /* so often more */
        void (*call)(Model *m, Instance *i);
        bool is_late; /* after the step */
} Act;

void act(Model *m, Act *a);
void refresh(Instance *i, const Model *m, uint32_t pcrs);
void step_to(Instance *i, Model *m, PlanStepKind kind);
