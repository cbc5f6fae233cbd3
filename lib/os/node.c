/* SPDX-License-Identifier: BSD-2-Clause */
#include "os/node.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/error.h"
#include "base/util.h"

#define DEVICE        "device:"
#define FIRMWARE_FILE "sys/kernel/security/tpm%u/binary_bios_measurements"
#define USEC          INT64_C(1000000)

static int64_t usec_of(const struct timespec *t) {
        return (int64_t)t->tv_sec * USEC + t->tv_nsec / 1000;
}

static int64_t usec_now(clockid_t clock) {
        struct timespec t;

        return clock_gettime(clock, &t) < 0 ? 0 : usec_of(&t);
}

/* Character devices only: a link would have a time of its own. */
static bool node_stat(const char *path, struct statx *ret_stat) {
        return statx(AT_FDCWD, path, 0, STATX_TYPE | STATX_MTIME | STATX_BTIME, ret_stat) == 0 &&
               S_ISCHR(ret_stat->stx_mode);
}

static int64_t usec_of_statx(const struct statx_timestamp *t) {
        return t->tv_sec * USEC + t->tv_nsec / 1000;
}

/**
 * node_look_at_age() - how old a TPM's device node is, and whether that can be believed
 * @tcti:      "NAME:CONFIGURATION"; only of a device there is something to be known
 * @ret_facts: for age_judge()
 *
 * By when the nodes were made, if the kernel tells it (tmpfs since Linux 5.18): nobody can change
 * that. Their mtime is the same, until somebody touches them; and /dev/null is anybody's to touch,
 * whereupon nothing is known any more.
 */
void node_look_at_age(const char *tcti, AgeFacts *ret_facts) {
        /* In this order: without a suspend BOOTTIME is never behind. */
        uint64_t monotonic_usec = (uint64_t)usec_now(CLOCK_MONOTONIC);
        AgeFacts f = { .monotonic_usec = monotonic_usec,
                       .boottime_usec = (uint64_t)usec_now(CLOCK_BOOTTIME) };
        int64_t now = usec_now(CLOCK_REALTIME);
        struct statx node, null;

        if (strncmp(tcti, DEVICE, strlen(DEVICE)) == 0 && node_stat(tcti + strlen(DEVICE), &node) &&
            node_stat("/dev/null", &null)) {
                bool is_made = node.stx_mask & null.stx_mask & STATX_BTIME;

                f.has_node = true;
                f.node_usec = now - usec_of_statx(is_made ? &node.stx_btime : &node.stx_mtime);
                f.null_usec = now - usec_of_statx(is_made ? &null.stx_btime : &null.stx_mtime);
        }
        *ret_facts = f;
}

/* The kernel's number of the chip: /dev/tpmrm0 and /dev/tpm0 are tpm0 (tpm-chip.c). */
static unsigned node_number(const char *tcti) {
        size_t n = strlen(tcti), digits;

        for (digits = 0; digits < n && tcti[n - digits - 1] >= '0' && tcti[n - digits - 1] <= '9';)
                ++digits;
        return strncmp(tcti, DEVICE, strlen(DEVICE)) == 0 && digits > 0
                       ? (unsigned)strtoul(tcti + n - digits, NULL, 10)
                       : 0;
}

/**
 * node_read_firmware() - replay the firmware's event log of a TPM
 * @root:      where securityfs is
 * @tcti:      the TPM
 * @banks:     wanted
 * @hashers:   open for them
 * @ret_log:   set on success only
 * @ret_error: with NODE_E_BAD
 *
 * Kernel: drivers/char/tpm/eventlog/common.c, tpm_bios_log_setup().
 *
 * Return: 0, NODE_E_NONE, NODE_E_BAD, -ENOMEM, or -EIO when OpenSSL fails.
 */
int node_read_firmware(const Root *root, const char *tcti, BankMask banks, const Hashers *hashers,
                       FirmwareLog *ret_log, FirmwareError *ret_error) {
        _cleanup_free_ uint8_t *data = NULL;
        _cleanup_close_ int fd = -1;
        char path[sizeof(FIRMWARE_FILE) + 10];
        size_t n;
        int r;

        *ret_error = (FirmwareError){};
        (void)snprintf(path, sizeof(path), FIRMWARE_FILE, node_number(tcti));
        r = root_open(root, path, O_RDONLY | O_NONBLOCK, &fd);
        if (r < 0)
                return r == -ENOENT || r == -ENOTDIR ? NODE_E_NONE : NODE_E_BAD;
        data = malloc((size_t)FIRMWARE_LOG_MAX + 1);
        if (!data)
                return error_origin(-ENOMEM);
        r = read_whole(fd, data, (size_t)FIRMWARE_LOG_MAX + 1, &n);
        if (r < 0)
                return NODE_E_BAD;
        r = firmware_replay(bytes_of(data, n), banks, hashers, ret_log, ret_error);
        return r > 0 ? NODE_E_BAD : error_trace(r);
}
