/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * link.h -- the bytes of one client, in and out, and their deadlines. What they mean it does not
 * know.
 *
 * Functions that return an int: 0, or a negative errno, after which the link is of no use any more.
 */
#pragma once

#include <sys/types.h>

#include "os/loop.h"
#include "varlink/frame.h"

/* What all links of a server share. */
typedef struct VarlinkShare {
        Loop *loop;
        size_t n_queued, n_requests; /* bytes */
        bool has_room;               /* some was freed, and somebody may have waited for it */
} VarlinkShare;

/* A reply, or its rest, that the socket has not taken. */
typedef struct VarlinkOut {
        uint8_t *data; /* NULL: there is none */
        size_t size, sent;
        int fd; /* goes with the first byte; -1: none */
        uint64_t until_usec;
} VarlinkOut;

typedef struct VarlinkLink {
        VarlinkShare *share;
        LoopWatch watch; /* its fd is owned */
        uid_t uid;
        bool is_small;        /* its replies are small: they may have what is kept for such */
        uint64_t active_usec; /* when something last came or went */
        Frame in;
        bool is_ready;          /* there may be a message in `in` */
        bool is_starved;        /* `in` may not grow now */
        bool is_broken;         /* the other side is gone: to be ended after the handler */
        uint64_t in_until_usec; /* when what has begun must have come; LOOP_FOREVER: nothing has */
        VarlinkOut out;
} VarlinkLink;

enum {
        _LINK_E_SUCCESS,
        LINK_E_NO_ROOM, /* too much is queued for others; nothing was sent */
        LINK_E_MORE,    /* no whole message is there */
};

VarlinkLink link_of(VarlinkShare *share, const LoopWatch *watch, uid_t uid, bool is_small);
void link_deinit(VarlinkLink *l);
bool link_wants_input(const VarlinkLink *l);
int link_watch(VarlinkLink *l, bool input);
size_t link_room(const VarlinkLink *l);
int link_put(VarlinkLink *l, Bytes text, int *fd);
int link_flush(VarlinkLink *l);
int link_fill(VarlinkLink *l);
bool link_feed(VarlinkLink *l);
int link_take(VarlinkLink *l, uint64_t now_usec, Bytes *ret_message);
void link_trim(VarlinkLink *l);
bool link_is_idle(const VarlinkLink *l);
uint64_t link_until(const VarlinkLink *l);
