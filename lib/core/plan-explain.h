/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * plan-explain.h -- what each state and reason means, and what an administrator can do. Pure.
 *
 * Beside plan-text.h's one-line sentences: those say what is, this says why and what now. The names
 * are those functions', so that a word that a program prints is a word that can be explained.
 */
#pragma once

#include "core/plan.h"

typedef enum PlanWord {
        PLAN_WORD_STATE,
        PLAN_WORD_REASON,
        PLAN_WORD_VERDICT,
        _PLAN_WORD_N,
} PlanWord;

typedef struct PlanExplanation {
        PlanWord kind;
        const char *name;
        const char *brief;  /* one line */
        const char *cause;  /* what it means, and what makes it so */
        const char *advice; /* what to do, or that nothing has to be done */
} PlanExplanation;

const char *plan_verdict_name(PlanVerdict verdict);
PlanExplanation plan_explain_state(PlanState state);
PlanExplanation plan_explain_reason(PlanReason reason);
PlanExplanation plan_explain_mode_reason(ModeReason reason);
PlanExplanation plan_explain_verdict(PlanVerdict verdict);
size_t plan_explain_n(void);
bool plan_explain_at(size_t i, PlanExplanation *ret);
bool plan_explain_word(Bytes word, PlanExplanation *ret);
