/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * extender-internal.h -- what the files of the extender share:
 *   extender.c       step after step, waiting, stopping
 *   extender-list.c  steps that read the list and write what we keep of it
 *   extender-gate.c  is there a TPM to be opened, and which?
 *   extender-tpm.c   steps that talk to the TPM
 */
#pragma once

#include "core/anchor.h"
#include "daemon/extender.h"
#include "os/probe.h"

/* How often a transport without an fd is looked at while it works. */
#define EXTENDER_LOOK_USEC (10 * PLAN_MSEC)

/* "device:" and a node, or what --tcti= said. */
#define EXTENDER_TCTI_SIZE 512U

/* How far the step at hand has come. */
typedef enum ExtenderStage {
        EXTENDER_NEW,    /* nothing was done for it yet */
        EXTENDER_ASKING, /* the TPM works on it */
        EXTENDER_DONE,   /* `event` says what came of it */
} ExtenderStage;

struct Extender {
        ExtenderConfig config;
        char boot_id[BOOT_ID_SIZE];
        Plan plan;
        PlanStep step;
        PlanEvent event;
        ExtenderStage stage;
        size_t turn_bytes; /* of the list, in this turn */
        bool has_answered; /* the TPM, in this turn */
        bool has_extended; /* record `extended`, since stock was taken */
        uint64_t extended;
        bool is_stopping;
        bool is_done;

        int lock_fd;
        Spool *spool;
        Source *source;
        PlanRecord record;
        Lag lag;
        int list_error;        /* errno of the last SOURCE_E_UNREADABLE, or 0 */
        uint64_t counted_usec; /* when the list's length was looked at last */

        ProbeMemory probe;
        MachineFacts machine;
        GateVerdict gate;
        bool has_gate;                 /* it was asked */
        bool is_poked;                 /* a device came or went: look now */
        uint64_t poked_usec;           /* it was looked for that reason last */
        char tcti[EXTENDER_TCTI_SIZE]; /* in use, or tried last */

        Hashers hashers;
        Tpm *tpm;
        TpmReply reply;
        FirmwareLog firmware;
        uint32_t has_reading; /* bit mask of PCRs that were read */
        DigestSet reading[TPM_PCR_N];
        uint64_t reading_usec[TPM_PCR_N];
        uint64_t give_up_usec; /* the command in flight never gets an answer after this */

        bool has_refresh; /* asked for, and not begun */
        bool wants_count; /* of it: how long the list is */
        bool is_refreshing;
        uint32_t refresh_pcrs, refreshing_pcrs;
        uint64_t refresh_token, refreshing_token, refreshed_usec;

        uint64_t now_usec;
        uint64_t until_usec; /* with is_oneshot; 0: not set yet */
        ExtenderFigures figures;
        char trouble[EXTENDER_TROUBLE_SIZE]; /* what the last thing that went wrong was */
        char cut[EXTENDER_TROUBLE_SIZE];     /* how the list ends, where it ends inside a record */
};

/* The list; each fills x->event. */
int extender_open_list(Extender *x);
int extender_rewind(Extender *x);
int extender_next_record(Extender *x);
int extender_count(Extender *x);
int extender_release_list(Extender *x);
int extender_anchor(Extender *x);
int extender_watch_count(Extender *x);
int extender_read_anchor(Extender *x);

int extender_ask_gate(Extender *x, bool *ret_open);

/* The TPM: 0, or EXTENDER_E_PENDING. */
enum {
        _EXTENDER_E_SUCCESS,
        EXTENDER_E_PENDING,
};

int extender_ask(Extender *x);
int extender_close_tpm(Extender *x);
