/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * input.h -- files that an administrator names: lists and PCR values.
 */
#pragma once

#include "client/ctl.h"
#include "core/verify.h"
#include "os/listfile.h"

/* What tpm2_pcrread prints for 16 banks of 24 PCRs is below 64 KiB. */
#define PCRFILE_MAX (256U << 10)

typedef struct PcrFileError {
        size_t line; /* from 1 */
        const char *expected;
} PcrFileError;

enum {
        _PCRFILE_E_SUCCESS,
        PCRFILE_E_MALFORMED,
};

int input_parse_u64(const char *text, uint64_t max, uint64_t *ret_value);
int pcrfile_parse(Bytes text, PcrValues *values, PcrFileError *ret_error);
int input_read_pcrs(const CtlOptions *o, PcrValues *ret_values);

int input_open_hashers(BankMask banks, Hashers *hashers);

/* A list that was opened by name. */
typedef struct ListInput {
        const char *path;
        int fd;
        ListFile *list;
} ListInput;

int input_open_list(const CtlOptions *o, ListInput *ret_input);
int input_open_fd(const CtlOptions *o, const char *path, int *fd, ListInput *ret_input);
void input_close_list(ListInput *input);
bool input_can_rewind(const ListInput *input);
int input_next(ListInput *input, MlistRecord *ret_record);
