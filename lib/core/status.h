/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * status.h -- where the extender stands, as one plain value. Pure.
 *
 * The extender fills it, the inner socket carries it as it is (both ends are of one build), and the
 * server makes the varlink reply of it. Fixed widths, no pointer, no bool: so that whoever receives
 * it can check every byte (status_is_sound()) before it believes one.
 */
#pragma once

#include "core/anchor.h"
#include "core/lag.h"
#include "core/plan.h"

#define STATUS_TEXT_SIZE 1025U /* 256 bytes, each escaped, and a NUL */

/* The PCR of one chain. */
typedef struct StatusPcr {
        uint32_t pcr;
        uint32_t chain;     /* ChainState */
        uint32_t banks;     /* BankMask */
        uint32_t has_value; /* 0 or 1: `value` was read from the TPM, or follows from a verified
                               extend */
        uint64_t n_records; /* of this chain */
        uint64_t n_held;    /* of them, in every bank */
        DigestSet value;    /* V(n_held) */
} StatusPcr;

typedef struct Status {
        char boot_id[BOOT_ID_SIZE];
        char text[STATUS_TEXT_SIZE]; /* for people, one line, escaped; empty: the reason says all */
        char device[STATUS_TEXT_SIZE]; /* node or TCTI */
        uint32_t verdict;              /* PlanVerdict */
        uint32_t mode;                 /* Mode */
        uint32_t mode_reason;          /* ModeReason */
        uint32_t state;                /* PlanState */
        uint32_t reason;               /* PlanReason */
        uint32_t has_tpm;              /* 0 or 1: it has answered; then: */
        uint32_t is_guarded;           /* 0 or 1: each extend is a compare-and-swap */
        uint32_t reset_count, restart_count;
        uint32_t spool_is_writable; /* 0 or 1 */
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
        StatusPcr pcr[TPM_PCR_N]; /* n_pcrs of them, ascending */
} Status;

bool status_is_sound(const Status *s);
