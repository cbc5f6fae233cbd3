/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libtpms-tpm.h -- the software TPM behind tcti-libtpms.h, which says what it does.
 */
#pragma once

#include "base/bytes.h"
#include "base/util.h"

/* TPM_BUFFER_MAX of libtpms: the largest command and the largest response. */
#define SOFTTPM_COMMAND_MAX 4096U

enum {
        _SOFTTPM_E_SUCCESS,
        SOFTTPM_E_BUSY,    /* somebody else has the TPM, its file or the record */
        SOFTTPM_E_DAMAGED, /* its state cannot be used */
};

typedef struct SoftTpmConf {
        char *path;   /* NULL: in memory only */
        char *record; /* NULL: no record */
} SoftTpmConf;

typedef struct SoftTpm SoftTpm;

int softtpm_new(const SoftTpmConf *conf, SoftTpm **ret_tpm);
SoftTpm *softtpm_free(SoftTpm *tpm);
int softtpm_run(SoftTpm *tpm, Bytes command, Bytes *ret_response);

DEFINE_CLEANUP(SoftTpm, softtpm_free);
