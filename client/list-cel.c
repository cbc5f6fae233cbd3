/* SPDX-License-Identifier: BSD-2-Clause */
#include "client/list-cel.h"

#include "base/error.h"
#include "base/exit.h"
#include "client/input.h"

static void cel_write(void *userdata, Bytes piece) {
        (void)fwrite(piece.data, 1, piece.n, userdata);
}

/**
 * list_cel_new() - begin a log on stdout
 * @banks:   whose digests are in it
 * @padded:  those of them that hold zero-padded SHA-1
 * @ret_log: to be freed; set with EXIT_GOOD only
 *
 * Return: EXIT_GOOD; EXIT_ERROR after a message; -ENOMEM.
 */
int list_cel_new(BankMask banks, BankMask padded, ListCel **ret_log) {
        _cleanup_(list_cel_freep) ListCel *log = calloc(1, sizeof(*log));
        int r;

        if (!log)
                return error_origin(-ENOMEM);
        r = input_open_hashers(banks | (padded ? BANK(DIGEST_SHA1) : 0), &log->hashers);
        if (r != EXIT_GOOD)
                return r;
        cel_init(&log->cel);
        replay_init(&log->replay, banks, &log->hashers);
        log->replay.padded = padded;
        *ret_log = TAKE(log);
        return EXIT_GOOD;
}

/**
 * list_cel_free() - give a log up
 * @log: the log or NULL
 *
 * Return: NULL.
 */
ListCel *list_cel_free(ListCel *log) {
        if (log)
                hashers_close(&log->hashers);
        free(log);
        return NULL;
}

/**
 * list_cel_skip() - a record that is not wanted still has a number
 * @log:    the log
 * @record: the next record of the list
 */
void list_cel_skip(ListCel *log, const MlistRecord *record) {
        cel_skip(&log->cel, record);
}

/**
 * list_cel_print() - print the next record of the list
 * @log:    the log
 * @record: the record
 *
 * Return: 0, or -EIO when OpenSSL fails.
 */
int list_cel_print(ListCel *log, const MlistRecord *record) {
        DigestSet digests;
        int r;

        r = replay_digests(&log->replay, record, &digests);
        if (r < 0)
                return error_trace(r);
        cel_put_json(&log->cel, record, log->replay.banks, &digests,
                     &(RenderSink){ cel_write, stdout });
        return 0;
}

/**
 * list_cel_end() - print the end
 * @log: the log
 */
void list_cel_end(ListCel *log) {
        cel_end_json(&log->cel, &(RenderSink){ cel_write, stdout });
}
