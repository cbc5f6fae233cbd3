/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * service-plain.c -- service.h without libsystemd: nobody to tell anything.
 */
#include "os/service.h"

/**
 * service_notify_ready() - nobody asks
 */
void service_notify_ready(void) {
}

/**
 * service_notify_stopping() - nobody asks
 */
void service_notify_stopping(void) {
}

/**
 * service_notify_status() - nobody asks
 * @text: what would be said
 */
void service_notify_status(const char *text) {
        (void)text;
}

/**
 * service_notify_watchdog() - nobody watches
 */
void service_notify_watchdog(void) {
}

/**
 * service_watchdog_usec() - how often the watchdog wants to be fed
 *
 * Return: 0: there is none.
 */
uint64_t service_watchdog_usec(void) {
        return 0;
}

/**
 * service_journal() - send fields to the journal
 * @fields:   what would be sent
 * @n_fields: how many
 *
 * Return: false: say it on stderr.
 */
bool service_journal(const struct iovec *fields, size_t n_fields) {
        (void)fields;
        (void)n_fields;
        return false;
}

/**
 * service_features() - for --version
 *
 * Return: a constant string.
 */
const char *service_features(void) {
        return "-systemd";
}
