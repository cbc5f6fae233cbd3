/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * serve-methods.h -- what can be called. ima-replay-serve, bottom up; each file knows those before
 * it:
 *   serve-words.c     a status as JSON
 *   serve-extender.c  the inner socket: newest status, the spool's descriptors, REFRESH
 *   serve-read.c      what the methods of org.imareplay.replay share; serve-place.c where a call
 *                     begins, serve-error.c its errors, serve-record.c and serve-filter.c a record
 *   serve-status.c    org.imareplay.status: GetStatus, Wait
 *   serve-metrics.c   io.systemd.Metrics
 *   serve-verify.c    org.imareplay.replay: Verify
 *   serve-open.c      OpenList
 *   serve-list.c      ReadList
 *   serve.c           options, sockets, the loop
 *
 * This process has no TPM and nothing that could change one (rule I11): it reads two files through
 * descriptors that the extender opened for reading, and may ask it to look again.
 */
#pragma once

#include "varlink/call.h"

/* The interfaces; userdata of each handler is the Serve. */
extern const VarlinkInterface serve_interface_status, serve_interface_replay,
        serve_interface_metrics;

VarlinkHandler serve_get_status, serve_wait;
VarlinkHandler serve_read_list, serve_open_list, serve_verify;
VarlinkHandler serve_metrics_list, serve_metrics_describe;
