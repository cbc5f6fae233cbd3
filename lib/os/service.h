/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * service.h -- what a service manager wants to hear, sd_notify(3) and the watchdog, and the sockets
 * that it hands over.
 *
 * service-systemd.c does it with libsystemd; service-plain.c (-Dsystemd=disabled) says nothing and
 * has no watchdog, but takes sockets: others than systemd have that protocol, too.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/util.h"

void service_notify_ready(void);
void service_notify_stopping(void);
void service_notify_status(const char *text);
void service_notify_watchdog(void);
enum {
        _SERVICE_E_SUCCESS,
        SERVICE_E_NONE,
};

int service_socket(const char *name, int *ret_fd); /* that socket activation hands over */
uint64_t service_watchdog_usec(void);              /* between two feedings; 0: nobody watches */

/* Sends fields "NAME=value" to the journal; false: there is no journal, say it on stderr. */
bool service_journal(const struct iovec *fields, size_t n_fields);
const char *service_features(void); /* "+systemd" or "-systemd", for --version */
