/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * serve-internal.h -- the server itself: serve.c has the sockets of clients and the loop,
 * serve-extender.c the other end.
 */
#pragma once

#include <sys/types.h>

#include "daemon/serve.h"
#include "os/root.h"

#define SERVE_MSEC UINT64_C(1000)
#define SERVE_SEC  (1000 * SERVE_MSEC)

/* What is asked of the extender, and not answered: one REFRESH for all who came meanwhile. */
typedef struct ServeRefresh {
        bool is_wanted, is_sent;
        uint32_t pcrs, sent_pcrs;
        uint64_t token; /* wanted, or sent when nothing is wanted; the newest ever given out */
        uint64_t sent_token, sent_usec;
} ServeRefresh;

struct Serve {
        const Root *root; /* borrowed */
        Loop *loop;
        VarlinkServer *server;
        LoopWatch stop;
        bool is_stopping;

        LoopWatch link; /* to the extender; its fd -1: none */
        LoopWatch run;  /* of RUN_DIR; its fd -1: none */
        uint64_t tried_usec, try_usec, pause_usec;
        int error; /* errno of the last try to connect; 0: nobody listens */
        ServeRefresh refresh;
        uint64_t answered;

        bool has_status;
        Status status; /* with has_status, else what is to be said without */
        uint64_t status_usec;
        uint64_t n_changes;

        bool wants_spool;
        ServeSpool spool;
        uint64_t spool_of; /* generation as the extender counts */
        dev_t spool_dev;
        ino_t spool_ino;

        ServeRead *read;

        char line[128]; /* STATUS= */
        uint64_t line_usec, watchdog_usec, fed_usec;
};

int serve_extender_open(Serve *s);
void serve_extender_close(Serve *s);
uint64_t serve_extender_run(Serve *s, uint64_t now_usec);
