/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * service.h -- what a service manager wants to hear: sd_notify(3) and the watchdog.
 *
 * service-systemd.c does it with libsystemd; service-plain.c (-Dsystemd=disabled) says nothing and
 * has no watchdog.
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
uint64_t service_watchdog_usec(void); /* between two feedings; 0: nobody watches */

/* Sends fields "NAME=value" to the journal; false: there is no journal, say it on stderr. */
bool service_journal(const struct iovec *fields, size_t n_fields);
const char *service_features(void); /* "+systemd" or "-systemd", for --version */
