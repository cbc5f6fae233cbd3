/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * listener.h -- AF_UNIX sockets in /run/ima-replay: bound by us, or handed over by socket
 * activation; and how to reach one.
 */
#pragma once

#include <sys/types.h>

#include "os/root.h"

#define LISTENER_USER "ima-replay" /* that ima-replay-serve runs as, where it exists */

typedef struct Listener {
        const char *name; /* in RUN_DIR */
        int type;         /* SOCK_STREAM, SOCK_SEQPACKET */
        mode_t mode;
        int backlog;
} Listener;

enum {
        _LISTENER_E_SUCCESS,
        LISTENER_E_PENDING, /* too many wait to be accepted */
        LISTENER_E_GONE,    /* nobody listens there */
        LISTENER_E_NO_USER,
};

int listener_bind(const Root *root, const Listener *how, int *ret_fd);
int listener_check(int fd, int type);
int listener_give(const Root *root, const char *name, const char *user);
int listener_connect(const Root *root, const char *name, int type, int *ret_fd);
