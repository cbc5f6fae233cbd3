/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * loop.h -- one thread, one epoll, one timer; for all programs, with and without systemd.
 */
#pragma once

#include <stdint.h>
#include <sys/epoll.h>

#include "base/util.h"

#define LOOP_EVENTS_MAX 64 /* taken in one turn */
#define LOOP_FOREVER    UINT64_MAX

typedef struct Loop Loop;
typedef struct LoopWatch LoopWatch;

/* Return: 0, or a negative errno, which ends the loop's turn and is passed up. */
typedef int (*LoopCall)(LoopWatch *w, uint32_t events);

/* Owned by who watches; must stay until loop_forget(). */
struct LoopWatch {
        int fd; /* borrowed */
        LoopCall call;
        void *userdata;
        uint32_t
                events; /* EPOLLIN, EPOLLOUT ...; 0: not watched now, and so at first. The loop's */
};

uint64_t now_usec(void); /* CLOCK_BOOTTIME: goes on in suspend */

int loop_new(Loop **ret_loop);
Loop *loop_free(Loop *l);
DEFINE_CLEANUP(Loop, loop_free);
int loop_watch(Loop *l, LoopWatch *w, uint32_t events);
void loop_forget(Loop *l, LoopWatch *w);
int loop_turn(Loop *l, uint64_t until_usec);
