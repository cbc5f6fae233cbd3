/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl.h -- what the files of ima-replayctl share: the options, and one function a verb.
 */
#pragma once

#include "core/digest.h"
#include "varlink/json.h"

#define CTL_PCR_FILES_MAX 8U

typedef struct CtlOptions {
        const char *list;                    /* --list= */
        const char *pcrs[CTL_PCR_FILES_MAX]; /* --pcrs=, may be repeated */
        size_t n_pcrs;
        BankMask banks;     /* --bank=, 0: the verb's own default */
        BankMask padded;    /* --padded= */
        bool prefix;        /* --prefix */
        bool check_records; /* --check-records */
        const char *tcti;   /* --tcti= */
        JsonForm json;      /* --json=, -j */
        bool no_legend;     /* --no-legend */
        bool full;          /* --full */
        bool quiet;         /* --quiet */
} CtlOptions;

/* Return: an exit status of base/exit.h, or a negative errno when there is nothing better to say.
 */
typedef int CtlVerb(const CtlOptions *o);

CtlVerb verb_replay;
CtlVerb verb_verify;
CtlVerb verb_demo;
