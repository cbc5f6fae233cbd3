/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stop.h -- SIGTERM and SIGINT as an event of the loop.
 *
 * By a handler and an eventfd, not signalfd: a second signal ends the process at once, also while a
 * call blocks.
 */
#pragma once

#include "os/loop.h"

int stop_watch(Loop *loop, LoopCall call, void *userdata, LoopWatch *ret_watch);
void stop_forget(Loop *loop, LoopWatch *w);
