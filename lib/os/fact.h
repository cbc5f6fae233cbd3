/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fact.h -- what a service reports: one message a fact, with a MESSAGE_ID, a catalog entry and
 * fields, to the journal; without one a line on stderr, as message() does.
 *
 * Each kind has a limit of its own, whatever its priority: FACT_BURST at once, then as many in
 * FACT_INTERVAL_USEC. What was held back is counted and told with the next one that passes. Text
 * and fields are escaped (rule I14).
 */
#pragma once

#include "os/message.h"

#define FACT_BURST         10U
#define FACT_INTERVAL_USEC (UINT64_C(30) * 1000000)

/* Each has a row in fact.c (its id) and an entry in systemd/ima-replay.catalog. */
typedef enum FactId {
        FACT_STARTED,
        FACT_WAITING, /* what for */
        FACT_TPM_THERE,
        FACT_CAUGHT_UP, /* the backlog is in the TPM: count, duration */
        FACT_FOLLOWING,
        FACT_KERNEL_OWNS,
        FACT_TERMINAL,    /* a state that ends extending in this boot, and what to do */
        FACT_TPM_TROUBLE, /* lost, busy, failed */
        FACT_TPM_BACK,
        FACT_CHAIN,  /* foreign or refused */
        FACT_SPOOL,  /* full, failing */
        FACT_ANCHOR, /* malformed, or cannot be written */
        FACT_LIST,   /* trimmed, unreadable */
        FACT_STOPPED,
        _FACT_N,
} FactId;

/* Fields beside the text; NULL and UINT64_MAX: left out. Names as in facts of systemd-pcrextend. */
typedef struct FactFields {
        const char *state;  /* IMA_REPLAY_STATE= */
        const char *reason; /* IMA_REPLAY_REASON= */
        const char *banks;  /* BANKS= */
        const char *device; /* TPM_DEVICE= */
        const char *tpm_rc; /* TPM_RC= */
        uint64_t pcr;       /* PCR= */
        uint64_t position;  /* IMA_POSITION= */
        uint64_t measured;  /* IMA_MEASURED= */
        uint64_t extended;  /* IMA_EXTENDED= */
} FactFields;

#define FACT_NO_FIELDS                                                                             \
        {                                                                                          \
                .pcr = UINT64_MAX, .position = UINT64_MAX, .measured = UINT64_MAX,                 \
                .extended = UINT64_MAX                                                             \
        }

void fact(FactId id, int priority, const FactFields *fields, uint64_t now_usec, const char *format,
          ...) _printf_(5, 6);
