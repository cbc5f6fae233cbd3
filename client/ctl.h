/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl.h -- what the files of ima-replayctl share: the options, and one function a verb.
 */
#pragma once

#include "core/digest.h"
#include "varlink/json.h"

#define CTL_PCR_FILES_MAX 8U
#define CTL_ARGUMENTS_MAX 2U

typedef enum CtlFormat {
        CTL_FORMAT_TABLE,
        CTL_FORMAT_ASCII,
        CTL_FORMAT_BINARY,
        CTL_FORMAT_CEL,
        _CTL_FORMAT_N,
} CtlFormat;

/* A number of the command line. */
typedef struct CtlNumber {
        bool is_set;
        uint64_t value;
} CtlNumber;

#define CTL_SECONDS_MAX UINT64_C(1000000000)

typedef struct CtlOptions {
        const char *list;                    /* --list= */
        DigestAlg list_digest;               /* --list-digest=, when has_list_digest */
        bool has_list_digest;                /* else it is found from the content */
        const char *pcrs[CTL_PCR_FILES_MAX]; /* --pcrs=, may be repeated */
        size_t n_pcrs;
        const char *firmware_log; /* --firmware-log= */
        BankMask banks;           /* --bank=, 0: the verb's own default */
        BankMask padded;          /* --padded= */
        bool prefix;              /* --prefix */
        bool check_records;       /* --check-records */
        const char *tcti;         /* --tcti= */
        const char *root;         /* --root= */
        const char *tpm;          /* --tpm= */
        bool has_pcr;             /* --pcr= */
        uint32_t pcr;
        const char *template; /* --template= */
        const char *name;     /* --name= */
        bool violations;      /* --violations */
        bool has_range;       /* --range=, both ends are in it */
        uint64_t first, last;
        const char *socket; /* --socket= */
        bool watch;         /* --watch */
        bool follow;        /* --follow */
        bool extended;      /* --extended */
        bool has_after;     /* --after=, what the PCR held: */
        DigestAlg after_alg;
        Digest after;
        CtlNumber position, records;              /* --position=, --records= */
        CtlNumber timeout, since, until;          /* --timeout=, --since=, --until=; microseconds */
        bool openmetrics;                         /* --openmetrics */
        bool html;                                /* --html */
        bool more;                                /* --more */
        CtlFormat format;                         /* --format= */
        JsonForm json;                            /* --json=, -j */
        bool no_legend;                           /* --no-legend */
        bool no_pager;                            /* --no-pager */
        bool full;                                /* --full */
        bool quiet;                               /* --quiet */
        const char *arguments[CTL_ARGUMENTS_MAX]; /* behind the verb; those not given are NULL */
} CtlOptions;

/* Return: an exit status of base/exit.h, or a negative errno when there is nothing better to say.
 */
typedef int CtlVerb(const CtlOptions *o);

CtlVerb verb_status;
CtlVerb verb_wait;
CtlVerb verb_metrics;
CtlVerb verb_plot;
CtlVerb verb_call;
CtlVerb verb_introspect;
CtlVerb verb_replay;
CtlVerb verb_verify;
CtlVerb verb_list;
CtlVerb verb_explain;
CtlVerb verb_diff;
CtlVerb verb_doctor;
CtlVerb verb_demo;
