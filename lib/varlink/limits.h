/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * limits.h -- all that clients may have of a server, so that its memory and their waiting end.
 */
#pragma once

#include <stdint.h>

#define VARLINK_CONNECTIONS_MAX 512U
#define VARLINK_UID_MAX         320U /* of them, of one uid other than 0 */
#define VARLINK_ROOT_KEPT       8U   /* of them, kept for uid 0 */
#define VARLINK_REQUEST_MAX     (64U << 10)
#define VARLINK_REQUEST_USEC    (UINT64_C(5) * 1000000) /* from its first byte to its last */
#define VARLINK_REQUESTS_MAX    (4U << 20) /* of what is not complete in all, beyond 4 KiB each */
#define VARLINK_DRAIN_USEC      (UINT64_C(30) * 1000000) /* for a reply to be taken */
#define VARLINK_DEPTH_MAX       16
#define VARLINK_REPLY_SMALL     2048U /* an error or so: always has room; QUEUED_KEPT in all */
#define VARLINK_REPLY_MAX       (256U << 10)
#define VARLINK_REPLY_LARGE_MAX (2U << 20)  /* one large record, or a firmware list */
#define VARLINK_QUEUED_MAX      (16U << 20) /* of all connections */
#define VARLINK_QUEUED_KEPT     (1U << 20)  /* of them, kept for sockets that are `is_small` */
