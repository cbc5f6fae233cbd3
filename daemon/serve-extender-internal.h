/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * serve-extender-internal.h -- the end of the inner socket, which serve.c makes and runs.
 */
#pragma once

#include <sys/types.h>

#include "daemon/serve-extender.h"
#include "os/peer.h"
#include "os/root.h"
#include "varlink/server.h"

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
        VarlinkServer *server; /* whose held calls are woken */

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
        uint64_t last_verified[TPM_PCR_N][_DIGEST_ALG_N]; /* counts that were seen to fit, or 0 */

        bool wants_spool;
        uint64_t spool_usec; /* not asked for before */
        ServeSpool spool;
        uint64_t spool_of; /* generation as the extender counts */
        dev_t spool_dev;
        ino_t spool_ino;

        struct ServeRead *read; /* for methods that read the list; nothing here looks inside */
};

int serve_extender_open(Serve *s);
void serve_extender_close(Serve *s);
uint64_t serve_extender_run(Serve *s, uint64_t now_usec);
void serve_note_status(Serve *s);
