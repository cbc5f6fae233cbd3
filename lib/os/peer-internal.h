/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * peer-internal.h -- the packets of the inner protocol, for its two ends.
 *
 * Plain structs as they lie in memory: both ends are of one build and on one machine. There is no
 * gap in them but one in Status; that one is asserted in peer.c, and packets are made from zeros.
 */
#pragma once

#include <assert.h>

#include "os/peer.h"

#define PEER_PATH    RUN_DIR "/" PEER_NAME
#define PEER_MAGIC   UINT32_C(0x5265506c)
#define PEER_VERSION 2U /* raised with each change of a packet, Status included */
#define PEER_FDS     2U /* of SPOOL: list, index */

typedef struct PeerHead {
        uint32_t magic, version;
        uint32_t kind; /* PeerKind */
        uint32_t size; /* of the packet, with this head */
} PeerHead;

typedef struct PeerStatusPacket {
        PeerHead head;
        uint64_t token;
        Status status;
} PeerStatusPacket;

typedef struct PeerSpoolPacket {
        PeerHead head;
        uint64_t has_spool; /* 0 or 1; 1: two descriptors come along */
        uint64_t generation, n_records, n_bytes;
} PeerSpoolPacket;

typedef struct PeerRefreshPacket {
        PeerHead head;
        uint64_t pcrs; /* bits 0 to 23 */
        uint64_t token;
} PeerRefreshPacket;

/* GET_SPOOL is a head alone. */
typedef union PeerPacket {
        PeerHead head;
        PeerStatusPacket status;
        PeerSpoolPacket spool;
        PeerRefreshPacket refresh;
} PeerPacket;

static_assert(sizeof(PeerHead) == 16, "no gap");
static_assert(sizeof(PeerStatusPacket) == 16 + 8 + sizeof(Status), "no gap");
static_assert(sizeof(PeerSpoolPacket) == 16 + 32, "no gap");
static_assert(sizeof(PeerRefreshPacket) == 16 + 16, "no gap");

static inline size_t peer_size(PeerKind kind) {
        switch (kind) {
        case PEER_STATUS:
                return sizeof(PeerStatusPacket);
        case PEER_SPOOL:
                return sizeof(PeerSpoolPacket);
        case PEER_GET_SPOOL:
                return sizeof(PeerHead);
        case PEER_REFRESH:
                return sizeof(PeerRefreshPacket);
        case _PEER_KIND_N:
                break;
        }
        return 0;
}

static inline PeerHead peer_head(PeerKind kind) {
        return (PeerHead){ PEER_MAGIC, PEER_VERSION, kind, (uint32_t)peer_size(kind) };
}

/* Are these n bytes a packet, as far as its head can tell? */
static inline bool peer_fits(const PeerPacket *p, size_t n) {
        return n >= sizeof(PeerHead) && p->head.magic == PEER_MAGIC &&
               p->head.version == PEER_VERSION && p->head.kind < _PEER_KIND_N &&
               p->head.size == n && n == peer_size(p->head.kind);
}
