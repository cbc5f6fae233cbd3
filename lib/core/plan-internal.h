/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * plan-internal.h -- what the files of the plan share:
 *   plan.c         the beginning, the end, and which event goes where
 *   plan-list.c    events of the list
 *   plan-tpm.c     events of the TPM
 *   plan-past.c    was the TPM reset before we came? anchor, time, PCRs of the firmware
 *   plan-chain.c   what all that means for the chains
 *   plan-repair.c  lagging banks, where an administrator asks for it
 *   plan-step.c    steps go out; doubts, faults and contention
 *   plan-text.c    names and sentences
 */
#pragma once

#include "core/plan.h"

/* Steps, doubts, faults */
void plan_enter(Plan *p, PlanState state, PlanReason reason);
bool plan_only_observes(const Plan *p);
void plan_note_misfit(Plan *p, PlanReason reason);

int step_plain(PlanStepKind kind, PlanStep *ret_step);
int step_settle(Plan *p, PlanState state, PlanReason reason, PlanStep *ret_step);
int step_wait(Plan *p, PlanStepKind kind, uint64_t usec, PlanAim aim, PlanStep *ret_step);
int step_begin(Plan *p, PlanStep *ret_step);
int step_read(Plan *p, uint32_t pcr, bool is_fresh, PlanStep *ret_step);
int step_read_more(Plan *p, uint32_t pcr, PlanStep *ret_step);
int step_extend(Plan *p, BankMask banks, PlanStep *ret_step);
int step_reopen(Plan *p, uint64_t pause_usec, bool is_short, PlanStep *ret_step);

int plan_suspect(Plan *p, PlanState state, PlanReason reason, uint64_t mark, PlanStep *ret_step);
int plan_trouble(Plan *p, TpmOutcome outcome, PlanStep *ret_step);
int plan_contended(Plan *p, PlanStep *ret_step);
void plan_trust(Plan *p);
void plan_gets_on(Plan *p);
TpmOutcome plan_hear(Plan *p, const PlanEvent *e, uint32_t pcr);

/* Events */
int on_list(Plan *p, const PlanEvent *e, PlanStep *ret_step);
int on_record(Plan *p, const PlanEvent *e, PlanStep *ret_step);
int on_rewound(Plan *p, const PlanEvent *e, PlanStep *ret_step);
int on_list_end(Plan *p, const PlanEvent *e, PlanStep *ret_step);
int on_list_broken(Plan *p, PlanStep *ret_step);
int on_list_away(Plan *p, const PlanEvent *e, PlanStep *ret_step);
int on_count(Plan *p, const PlanEvent *e, PlanStep *ret_step);
int on_refresh(Plan *p, const PlanEvent *e, PlanStep *ret_step);
int plan_at_end(Plan *p, PlanStep *ret_step);
int on_tidied(Plan *p, PlanStep *ret_step);
int plan_rest(Plan *p, const PlanEvent *e, PlanStep *ret_step);

int on_tpm_open(Plan *p, const PlanEvent *e, PlanStep *ret_step);
int on_tpm_closed(Plan *p, PlanStep *ret_step);
int on_clock(Plan *p, const PlanEvent *e, PlanStep *ret_step);
int on_probed(Plan *p, const PlanEvent *e, PlanStep *ret_step);
int on_pcr(Plan *p, const PlanEvent *e, PlanStep *ret_step);
int on_extended(Plan *p, const PlanEvent *e, PlanStep *ret_step);

/* Was the TPM reset before we came? */
bool past_clock_fits(const Plan *p, const TpmClock *clock);
bool past_time_is_low(const Plan *p, const PlanEvent *e);
bool past_banks_fit(const Plan *p);
uint64_t past_n_held(const Plan *p, uint32_t pcr);
void past_know_firmware(Plan *p, const FirmwareLog *firmware);
bool past_wants_measured(const Plan *p);
int past_read_measured(Plan *p, PlanStep *ret_step);
int past_on_measured(Plan *p, const PlanEvent *e, PlanStep *ret_step);
void past_want_anchor(Plan *p);
int past_step_anchor(Plan *p, PlanStep *ret_step);

/* Chains */
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
void plan_count_record(Plan *p, const PlanRecord *record);
int plan_pass(Plan *p, bool was_extended, PlanStep *ret_step);
int plan_on(Plan *p, PlanStep *ret_step);

/* Repair */
int repair_begin(Plan *p, PlanStep *ret_step);
int repair_record(Plan *p, PlanStep *ret_step);
int repair_extended(Plan *p, PlanStep *ret_step);
