/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libtpms-state.h -- the two files of the software TPM: its state and its record.
 *
 * State file, all integers big-endian:
 *
 *   8   magic "imr-tpm2"
 *   4   version, 1
 *   4   length of the permanent state
 *   4   length of the volatile state
 *   n   permanent state, as libtpms gave it
 *   n   volatile state, as libtpms gave it
 *   32  SHA-256 of everything before
 *
 * It is replaced by rename, never changed in place: who is killed leaves the old one or the new
 * one. Nothing is synced to the disk, as a killed process loses no page cache.
 */
#pragma once

#include "base/bytes.h"
#include "base/util.h"

/* Ours: libtpms 0.9 needs some 10 KiB for both, and cannot need more than its NV memory. */
#define STATE_BLOB_MAX (1U << 20)

enum {
        _TPMS_E_SUCCESS,
        TPMS_E_NONE,    /* there is no file yet */
        TPMS_E_BUSY,    /* another process has it */
        TPMS_E_DAMAGED, /* it is not what tpms_file_save() wrote */
};

typedef struct TpmsFile {
        char *path;
        char *path_tmp;
        int lock_fd;
} TpmsFile;

int tpms_file_open(const char *path, TpmsFile **ret_file);
TpmsFile *tpms_file_free(TpmsFile *file);
int tpms_file_load(const TpmsFile *file, uint8_t **ret_data, Bytes *ret_permanent,
                   Bytes *ret_volatile);
int tpms_file_save(const TpmsFile *file, Bytes permanent, Bytes volatile_state);

DEFINE_CLEANUP(TpmsFile, tpms_file_free);

int tpms_record_open(const char *path, size_t n_line_max, int *ret_fd);
int tpms_record_append(int fd, Bytes command, Bytes response);
