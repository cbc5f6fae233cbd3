/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * extender.h -- carries out what the plan asks for: the only place where the list meets the TPM.
 *
 * It decides nothing. Each step of the plan is one effect here (open, read, submit, wait), and what
 * came of it goes back as an event. It never waits: extender_run() does what can be done now and
 * says what to wait for, so that one loop serves TPM, clients and signals.
 */
#pragma once

#include "core/gate.h"
#include "core/lag.h"
#include "core/plan.h"
#include "os/source.h"
#include "os/spool.h"
#include "tpm/tpm.h"

#define EXTENDER_TROUBLE_SIZE 256U

typedef struct ExtenderConfig {
        const Root *root; /* borrowed */
        const char *tcti; /* borrowed; allowed by guard_allows_tcti(); NULL: the gate's choice */
        bool asks_gate;   /* before each opening; else the TPM is tried as it is */
        GateOptions gate; /* its strings are borrowed */
        const GuardHook *hook; /* tests only, else NULL */
        PlanOptions options;   /* but for the anchor, which is read from /run */
        bool holds_list;       /* HoldList=yes */
        uint64_t spool_max;    /* bytes; 0: no spool */
        bool is_oneshot;       /* catch up once; then extender_is_done() */
        uint64_t timeout_usec; /* with is_oneshot: how long to wait for list and TPM */
} ExtenderConfig;

/* Nothing more can be done before fd (-1: none) is readable or the time has come. */
typedef struct ExtenderWait {
        int fd;
        uint64_t until_usec; /* CLOCK_BOOTTIME; UINT64_MAX: no time */
} ExtenderWait;

/* What is known beside the plan. */
typedef struct ExtenderFigures {
        uint64_t n_done;    /* records at the front of the list that are dealt with */
        uint64_t n_trimmed; /* from the kernel's list */
        uint64_t backlog_start_usec, backlog_done_usec, n_backlog;
        uint64_t last_extend_usec;
        uint64_t ready_usec[_GATE_THING_N]; /* when first seen so; 0: not ready */
        bool is_guarded;                    /* the last probe of the guard was passed */
        uint64_t n_changes; /* grows when anything of this or of the plan may have changed */
        uint64_t token;     /* the newest extender_refresh() that is answered */
        int anchor_error;   /* errno of the last try to write it, or 0 */
        bool anchor_is_bad; /* there was one that makes no sense */
        bool firmware_is_bad;
} ExtenderFigures;

typedef struct Extender Extender;

int extender_new(const ExtenderConfig *config, Extender **ret_extender);
Extender *extender_free(Extender *x);
DEFINE_CLEANUP(Extender, extender_free);
int extender_run(Extender *x, uint64_t now_usec, ExtenderWait *ret_wait);
void extender_stop(Extender *x);
void extender_refresh(Extender *x, uint32_t pcrs, uint64_t token);
bool extender_is_done(const Extender *x);
int extender_read_pcrs(Extender *x, DigestSet values[static TPM_PCR_N], uint32_t *ret_pcrs);
const Plan *extender_plan(const Extender *x);
const Lag *extender_lag(const Extender *x);
const Spool *extender_spool(const Extender *x);
const ExtenderFigures *extender_figures(const Extender *x);
const char *extender_boot_id(const Extender *x);
const char *extender_trouble(const Extender *x);
const char *extender_cut(const Extender *x);
const char *extender_device(const Extender *x);
const GateVerdict *extender_gate(const Extender *x);
const DigestSet *extender_reading(const Extender *x, uint32_t pcr, uint64_t *ret_usec);
void extender_poke(Extender *x);
bool extender_is_stopping(const Extender *x);
