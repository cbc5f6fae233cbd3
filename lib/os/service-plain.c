/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * service-plain.c -- service.h without libsystemd: nobody to tell anything. Sockets are taken by
 * the protocol that sd_listen_fds(3) documents: LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES.
 */
#include "os/service.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define LISTEN_FDS_START 3
#define LISTEN_FDS_MAX   64

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

/* A whole number from 0 to @max that the environment holds, else -1. */
static long service_number(const char *variable, long max) {
        const char *text = getenv(variable);
        char *end;
        long n;

        if (!text || *text < '0' || *text > '9')
                return -1;
        errno = 0;
        n = strtol(text, &end, 10);
        return errno == 0 && *end == '\0' && n <= max ? n : -1;
}

/**
 * service_socket() - a socket of socket activation
 * @name:   FileDescriptorName= of its unit
 * @ret_fd: the first of this name, the caller's to close; set on success only. To be asked for once
 *
 * Return: 0; SERVICE_E_NONE, also where the environment makes no sense.
 */
int service_socket(const char *name, int *ret_fd) {
        const char *names = getenv("LISTEN_FDNAMES");
        long n = service_number("LISTEN_FDS", LISTEN_FDS_MAX);

        if (!names || service_number("LISTEN_PID", INT32_MAX) != (long)getpid())
                return SERVICE_E_NONE;
        for (int fd = LISTEN_FDS_START; fd < LISTEN_FDS_START + n; ++fd) {
                size_t length = strcspn(names, ":");

                if (length == strlen(name) && strncmp(names, name, length) == 0) {
                        if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
                                return SERVICE_E_NONE;
                        *ret_fd = fd;
                        return 0;
                }
                names += length + (names[length] == ':');
        }
        return SERVICE_E_NONE;
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
