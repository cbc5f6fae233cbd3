/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * options.h -- the one table of options: getopt_long() and --help are both made of it.
 */
#pragma once

#include "client/ctl.h"

/*
 * One bit a verb: for which an option is meant. One that asks for nothing but what a verb does
 * anyway is taken: demo cuts nothing, replay has no pager.
 */
enum {
        LIST = 1,
        EXPLAIN = 2,
        DIFF = 4,
        REPLAY = 8,
        VERIFY = 16,
        DEMO = 32,
        DOCTOR = 64,
        STATUS = 128,
        WAIT = 256,
        METRICS = 512,
        PLOT = 1024,
        CALL = 2048,
        INTROSPECT = 4096,
        PLAY = EXPLAIN | REPLAY | VERIFY,                         /* they calculate banks */
        READ = LIST | PLAY,                                       /* they read --list= */
        ASK = STATUS | WAIT | METRICS | PLOT | CALL | INTROSPECT, /* the service, and only it */
        ANY = READ | DIFF | DEMO | DOCTOR | ASK,
};

typedef struct CtlVerbRow {
        const char *name;
        unsigned bit;
        CtlVerb *run;
        size_t n_min, n_max; /* arguments */
        const char *arguments;
        const char *help;
} CtlVerbRow;

/* The verbs, the default one first (ctl.c). */
extern const CtlVerbRow ctl_verbs[];
extern const size_t ctl_n_verbs;

#define CTL_OPTIONS_MAX 64U

/* Which rows of the table were given: the verb may come behind them. */
typedef struct OptionsSeen {
        bool is[CTL_OPTIONS_MAX];
} OptionsSeen;

int options_parse(int argc, char **argv, CtlOptions *o, OptionsSeen *seen);
int options_check(const OptionsSeen *seen, const CtlVerbRow *verb);
