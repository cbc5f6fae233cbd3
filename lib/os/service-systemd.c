/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * service-systemd.c -- service.h with libsystemd.
 *
 * That nobody can be told something is no error: without NOTIFY_SOCKET nobody asked.
 */
#include "os/service.h"

#include <limits.h>
#include <string.h>

/* The place in the code would be fact.c, always. */
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-daemon.h>
#include <systemd/sd-journal.h>

#include "base/error.h"
#include "base/escape.h"
#include "os/message.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket" /* sd_journal_sendv() has no other */

/**
 * service_notify_ready() - the service is up
 */
void service_notify_ready(void) {
        (void)sd_notify(0, "READY=1");
}

/**
 * service_notify_stopping() - the service has begun to end
 */
void service_notify_stopping(void) {
        (void)sd_notify(0, "STOPPING=1");
}

/**
 * service_notify_status() - what the service does now, for `systemctl status`
 * @text: one line for people; escaped here (a newline would begin another command), cut at
 *        MESSAGE_MAX
 */
void service_notify_status(const char *text) {
        char escaped[ESCAPE_SIZE(MESSAGE_MAX)];
        Bytes bytes = bytes_of_text(text);

        bytes.n = MIN_OF(bytes.n, MESSAGE_MAX);
        (void)escape_bytes(bytes, escaped, sizeof(escaped));
        (void)sd_notifyf(0, "STATUS=%s", escaped);
}

/**
 * service_notify_watchdog() - feed the watchdog
 */
void service_notify_watchdog(void) {
        (void)sd_notify(0, "WATCHDOG=1");
}

/**
 * service_socket() - a socket of socket activation: sd_listen_fds_with_names(3)
 * @name:   FileDescriptorName= of its unit
 * @ret_fd: the first of this name, the caller's to close; set on success only. To be asked for once
 *
 * Return: 0; SERVICE_E_NONE; a negative errno.
 */
int service_socket(const char *name, int *ret_fd) {
        char **names = NULL;
        int n, r = SERVICE_E_NONE;

        n = sd_listen_fds_with_names(0, &names);
        if (n < 0)
                return error_origin(n);
        for (int i = n - 1; i >= 0; --i) {
                if (names && strcmp(names[i], name) == 0) {
                        *ret_fd = SD_LISTEN_FDS_START + i;
                        r = 0;
                }
                if (names)
                        free(names[i]);
        }
        free(names);
        return r;
}

/**
 * service_watchdog_usec() - how often the watchdog wants to be fed
 *
 * Return: half of its time, as sd_watchdog_enabled(3) advises; 0: nobody watches, or what the
 *         environment says about it makes no sense.
 */
uint64_t service_watchdog_usec(void) {
        uint64_t usec;

        if (sd_watchdog_enabled(0, &usec) <= 0)
                return 0;
        return MAX_OF(usec / 2, UINT64_C(1));
}

/**
 * service_journal() - send one message to the journal
 * @fields:   "NAME=value" each, borrowed
 * @n_fields: how many
 *
 * Return: whether it is there; false: stderr is no stream of the journal, no journald listens, or
 *         it could not be sent: say it on stderr.
 */
bool service_journal(const struct iovec *fields, size_t n_fields) {
        if (!message_has_journal() || n_fields > INT_MAX)
                return false;
        /* Without a socket sd_journal_sendv() claims success, and the message would be lost. */
        if (access(JOURNAL_SOCKET, F_OK) < 0)
                return false;
        return sd_journal_sendv(fields, (int)n_fields) >= 0;
}

/**
 * service_features() - for --version
 *
 * Return: a constant string.
 */
const char *service_features(void) {
        return "+systemd";
}
