/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * status.h -- where the extender stands, as one plain value. Pure.
 *
 * The extender fills it, the inner socket carries it as it is (both ends are of one build), and the
 * server makes the varlink reply of it. Fixed widths, no pointer, no bool: so that whoever receives
 * it can check every byte (status_is_sound()) before it believes one. Texts are as they came:
 * whoever shows them escapes them.
 */
#pragma once

#include "core/anchor.h"
#include "core/gate.h"
#include "core/lag.h"
#include "core/plan.h"

#define STATUS_TEXT_SIZE 512U /* with a NUL */

/* The PCR of one chain. */
typedef struct StatusPcr {
        uint32_t pcr;
        uint32_t chain;      /* ChainState */
        uint32_t banks;      /* BankMask */
        uint32_t has_value;  /* 0 or 1: `value` was read from the TPM, or follows from a verified
                                extend */
        uint32_t is_held;    /* 0 or 1: ... and it is what the first n_held records give */
        uint32_t has_base;   /* 0 or 1: V(0) is `base`; else zeros */
        uint64_t n_records;  /* of this chain */
        uint64_t n_held;     /* of them, in every bank */
        uint64_t n_verified; /* with is_held, else 0: records of the whole list up to that place */
        uint64_t read_usec;  /* when the TPM was read last; 0: it was not */
        DigestSet value, base;
} StatusPcr;

/* What the TPM depends on, as the gate saw it last. The words for it are core/advice's. */
typedef struct StatusGate {
        uint32_t is_judged;  /* 0 or 1; 0: it was not asked, and nothing else is set */
        uint32_t readiness;  /* GateReadiness */
        uint32_t advice;     /* Advice: why it is not ready */
        uint32_t part;       /* KernelPart that this is about */
        uint64_t ready_usec; /* when it was first seen ready; 0: it is not */
} StatusGate;

typedef struct Status {
        char boot_id[BOOT_ID_SIZE];
        char text[STATUS_TEXT_SIZE];   /* for people, one line; empty: the reason says all */
        char device[STATUS_TEXT_SIZE]; /* node or TCTI */
        char driver[CHIP_TEXT_MAX];    /* of the kernel; empty: unknown, or none */
        uint32_t verdict;              /* PlanVerdict */
        uint32_t mode;                 /* Mode */
        uint32_t mode_reason;          /* ModeReason */
        uint32_t state;                /* PlanState */
        uint32_t reason;               /* PlanReason */
        uint32_t has_tpm;              /* 0 or 1: it has answered; then: */
        uint32_t is_guarded;  /* 0 or 1: it was seen to take a guarded extend, and to refuse
                                 one that came between */
        uint32_t is_software; /* 0 or 1: a software TPM */
        uint32_t reset_count, restart_count;
        uint32_t spool_is_writable; /* 0 or 1 */
        uint32_t main_pcr;
        uint32_t n_pcrs;
        uint64_t state_usec; /* when the state was entered; all times CLOCK_BOOTTIME */
        uint64_t n_measured; /* the kernel's, the trimmed ones counted in */
        uint64_t n_extended; /* in every bank, or never to be (refused, foreign) */
        uint64_t n_violations, n_refused, n_foreign, n_trimmed;
        uint64_t n_backlog;                             /* records of the first catch-up */
        uint64_t backlog_start_usec, backlog_done_usec; /* 0: not yet */
        uint64_t last_extend_usec;                      /* 0: this process extended nothing */
        uint64_t spool_n_records, spool_n_bytes, spool_size, spool_limit;
        uint64_t spool_generation; /* another one: other files, GET_SPOOL again */
        LagFigures lag;
        StatusGate gate[_GATE_THING_N];
        StatusPcr pcr[TPM_PCR_N]; /* n_pcrs of them, ascending */
} Status;

bool status_is_sound(const Status *s);
