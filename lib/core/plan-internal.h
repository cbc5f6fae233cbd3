/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * plan-internal.h -- what the three files of the plan share:
 *   plan.c        events come in
 *   plan-chain.c  what they mean for the chains
 *   plan-step.c   steps go out; doubts, faults and contention
 */
#pragma once

#include "core/plan.h"

void plan_enter(Plan *p, PlanState state, PlanReason reason);
bool plan_only_observes(const Plan *p);

int step_plain(PlanStepKind kind, PlanStep *ret_step);
int step_settle(Plan *p, PlanState state, PlanReason reason, PlanStep *ret_step);
int step_wait(Plan *p, PlanStepKind kind, uint64_t usec, PlanAim aim, PlanStep *ret_step);
int step_begin(Plan *p, PlanStep *ret_step);
int step_read(Plan *p, uint32_t pcr, bool is_fresh, PlanStep *ret_step);
int step_read_more(Plan *p, uint32_t pcr, PlanStep *ret_step);
int step_extend(Plan *p, PlanStep *ret_step);
int step_reopen(Plan *p, uint64_t pause_usec, bool is_short, PlanStep *ret_step);

int plan_suspect(Plan *p, PlanState state, PlanReason reason, uint64_t mark, PlanStep *ret_step);
int plan_trouble(Plan *p, TpmOutcome outcome, PlanStep *ret_step);
int plan_contended(Plan *p, PlanStep *ret_step);
void plan_trust(Plan *p);
TpmOutcome plan_hear(Plan *p, const PlanEvent *e, uint32_t pcr);

typedef enum Look {
        LOOK_MISS,
        LOOK_HELD,
        LOOK_WENT_BACK, /* the PCR holds less than it did: the TPM was reset */
} Look;

bool chain_is_replaced(const Plan *p, uint32_t pcr);
Look chain_look(Plan *p, uint32_t pcr);
void chain_search_from_here(Plan *p, uint32_t pcr);
bool chain_doubt(Plan *p, uint32_t pcr);
int plan_looked(Plan *p, uint32_t pcr, Look look, PlanStep *ret_step);
int plan_pass(Plan *p, bool was_extended, PlanStep *ret_step);
int plan_on(Plan *p, PlanStep *ret_step);
