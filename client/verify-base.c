/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Values that PCRs had before IMA: from the firmware's event log.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/exit.h"
#include "client/verify.h"
#include "os/message.h"

/* One byte more than is accepted, so that core sees that there is more. */
#define READ_MAX ((size_t)FIRMWARE_LOG_MAX + 1)

/**
 * verify_read_firmware() - read the file of --firmware-log=, if there is one
 * @run:   gets the values
 * @banks: the banks wanted; their hashers are open
 *
 * Return: EXIT_GOOD; EXIT_ERROR after a message; a negative errno.
 */
int verify_read_firmware(VerifyRun *run, BankMask banks) {
        const char *path = run->o->firmware_log;
        _cleanup_free_ uint8_t *data = NULL;
        _cleanup_fclose_ FILE *f = NULL;
        FirmwareError error;
        size_t n;
        int r;

        if (!path)
                return EXIT_GOOD;
        data = malloc(READ_MAX);
        if (!data)
                return error_origin(-ENOMEM);
        f = fopen(path, "re");
        n = f ? fread(data, 1, READ_MAX, f) : 0;
        if (!f || ferror(f)) {
                message_error("%s: %s", path, strerror(errno));
                return EXIT_ERROR;
        }
        r = firmware_replay(bytes_of(data, n), banks, &run->hashers, &run->firmware, &error);
        if (r > 0) {
                message_error("%s: event %" PRIu64 ", offset %zu: %s; found %" PRIu32, path,
                              error.event, error.at, firmware_fault_text(error.fault), error.value);
                return EXIT_ERROR;
        }
        return error_trace(r);
}
