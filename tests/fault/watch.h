/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * watch.h -- what an extender does over time, as somebody sees it who looks on: in which states it
 * waits, how often it is called, how many commands it sends, and how long it leaves the TPM alone
 * between two that go wrong.
 */
#pragma once

#include "fault/machine.h"

#define WATCH_RECORDS 6U /* in the list at boot */
/* After so long without a record all is verified, and the session given back. */
#define WATCH_QUIET_USEC  (PLAN_SESSION_IDLE_USEC + MACHINE_SEC / 2)
#define WATCH_WINDOW_USEC (10 * MACHINE_SEC)
/* 5 commands a second while stuck (issue 5); what comes and goes within one window is more. */
#define WATCH_WINDOW_MAX 50U

typedef struct Watch {
        Machine *machine;
        uint64_t since_usec;
        uint64_t n_turns;
        uint64_t n_sent;
        uint64_t states;   /* bit mask of PlanState: in which it waited, but for the TPM's answer */
        uint64_t reasons;  /* ... and PlanReason */
        uint64_t gap_usec; /* the shortest between two hits of the hook's rule */
        uint64_t hit_usec; /* the last one */
        bool is_flooding;  /* more than WATCH_WINDOW_MAX commands in WATCH_WINDOW_USEC */
        uint64_t sent_usec[WATCH_WINDOW_MAX]; /* a ring */
} Watch;

void watch_begin(Watch *w, Machine *m);
void watch_again(Watch *w);
void watch_pass(Watch *w, uint64_t usec);
bool watch_saw_only(const Watch *w, PlanState state, PlanReason reason);

bool watch_is_done(const Machine *m);
void watch_boot(Machine *m, bool is_quiet);
void watch_well(Machine *m, const char *name, uint64_t usec);
