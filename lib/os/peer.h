/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * peer.h -- the inner protocol: between the extender, which has the TPM, and whoever speaks to
 * clients, who has not.
 *
 * /run/ima-replay/extender, SOCK_SEQPACKET: one message a packet, each kind of one fixed size, a
 * magic and a version in front. The extender pushes STATUS after each change (a slow reader gets
 * the newest, not every one). It may be asked for two things, and for nothing that reaches a PCR:
 *   GET_SPOOL            -> SPOOL: lengths, with two O_RDONLY descriptors; one answer for those
 *                           that were asked while an earlier one could not be sent yet
 *   REFRESH{PCRs, token} -> list and PCRs are looked at afresh; the next STATUS carries the token.
 *                           Tokens of all connections are one line of numbers: take now_usec()
 * Whatever does not fit exactly (size, magic, an unknown kind, a descriptor sent along) ends the
 * connection.
 */
#pragma once

#include "core/status.h"
#include "os/loop.h"
#include "os/root.h"

#define PEER_NAME "extender" /* also of the socket among those of socket activation */
#define PEER_MAX  8U         /* connections; one more is closed at once */

typedef enum PeerKind {
        PEER_STATUS,
        PEER_SPOOL,
        PEER_GET_SPOOL,
        PEER_REFRESH,
        _PEER_KIND_N,
} PeerKind;

/*
 * The extender's side
 */

typedef struct PeerSpool {
        uint64_t generation;         /* of these files, as in Status */
        uint64_t n_records, n_bytes; /* that may be read */
        int list_fd, index_fd;       /* -1: there is no spool; else owned by who gets this */
} PeerSpool;

/* Called in the loop; must not free the server. */
typedef struct PeerCalls {
        /* As often as clients like: only note it, and look afresh once for all of them. */
        void (*refresh)(void *userdata, uint32_t pcrs, uint64_t token);
        /* A negative errno: there is none. Must not push. */
        int (*get_spool)(void *userdata, PeerSpool *ret_spool);
} PeerCalls;

typedef struct PeerServer PeerServer;

int peer_server_new(const Root *root, int fd, Loop *loop, const PeerCalls *calls, void *userdata,
                    PeerServer **ret_server);
PeerServer *peer_server_free(PeerServer *s);
DEFINE_CLEANUP(PeerServer, peer_server_free);
int peer_server_push(PeerServer *s, const Status *status, uint64_t token);

/*
 * The other side; blocking or not as the fd is set
 */

typedef struct PeerMessage {
        PeerKind kind;   /* PEER_STATUS or PEER_SPOOL */
        uint64_t token;  /* of STATUS: the newest REFRESH that it answers */
        Status status;   /* of STATUS; sound */
        PeerSpool spool; /* of SPOOL; else without descriptors */
} PeerMessage;

enum {
        _PEER_E_SUCCESS,
        PEER_E_PENDING,   /* nothing there yet; or no room, try again */
        PEER_E_GONE,      /* the extender has closed, or is not there */
        PEER_E_MALFORMED, /* it speaks another version, or nonsense */
};

int peer_connect(const Root *root, int *ret_fd);
int peer_receive(int fd, PeerMessage *ret_message);
int peer_get_spool(int fd);
int peer_refresh(int fd, uint32_t pcrs, uint64_t token);
