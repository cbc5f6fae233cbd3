/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * serve.h -- what the files of ima-replay-serve share:
 *   serve.c           options, sockets, the loop
 *   serve-extender.c  the inner socket: newest status, the spool's descriptors, REFRESH
 *   serve-words.c     a status as JSON
 *   serve-status.c    org.imareplay.status: GetStatus, Wait
 *   serve-metrics.c   io.systemd.Metrics
 *   serve-read.c      what the methods of org.imareplay.replay share
 *   serve-list.c      org.imareplay.replay: ReadList
 *   serve-open.c      OpenList
 *   serve-verify.c    Verify
 *
 * This process has no TPM and nothing that could change one (rule I11): it reads two files through
 * descriptors that the extender opened for reading, and may ask it to look again.
 */
#pragma once

#include "core/status.h"
#include "os/peer.h"
#include "varlink/server.h"

/* The spool as the extender announced it; descriptors are owned by the server. */
typedef struct ServeSpool {
        int list_fd, index_fd; /* -1: there is none */
        uint64_t generation;   /* of the files; another one: begin anew */
        uint64_t n_records, n_bytes;
} ServeSpool;

typedef struct Serve Serve;

/*
 * serve-extender.c
 */

/* The newest status; NULL: the extender has not been heard of, or is gone. */
const Status *serve_status(const Serve *s);
/* The same, or what is to be said without an extender; grows older until the next turn. */
const Status *serve_known(const Serve *s);
uint64_t serve_age_usec(const Serve *s); /* of serve_known(); 0 without an extender */
uint64_t serve_changes(const Serve *s);  /* from 1; grows when serve_known() says something else */
const ServeSpool *serve_spool(const Serve *s);
/* Have list and PCRs looked at afresh: what is answered is covered once serve_answered() >= token.
 */
int serve_refresh(Serve *s, uint32_t pcrs, uint64_t *ret_token);
uint64_t serve_answered(const Serve *s);
uint64_t serve_now_usec(const Serve *s);

/*
 * serve-read.c
 */

typedef struct ServeRead ServeRead;

int serve_read_new(ServeRead **ret_read);
ServeRead *serve_read_free(ServeRead *r);
DEFINE_CLEANUP(ServeRead, serve_read_free);
void serve_read_note(ServeRead *r, const Status *status); /* each one that comes */
ServeRead *serve_read(const Serve *s); /* in serve.c: the server's own, made as it starts */

/*
 * The interfaces; userdata of each handler is the Serve.
 */
extern const VarlinkInterface serve_interface_status, serve_interface_replay,
        serve_interface_metrics;

VarlinkHandler serve_get_status, serve_wait;
VarlinkHandler serve_read_list, serve_open_list, serve_verify;
VarlinkHandler serve_metrics_list, serve_metrics_describe;
