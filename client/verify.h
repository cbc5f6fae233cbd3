/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify.h -- what the files of `ima-replayctl verify` share.
 */
#pragma once

#include "client/input.h"
#include "core/firmware.h"
#include "core/mismatch.h"
#include "core/verify.h"

typedef struct VerifyRun {
        const CtlOptions *o;
        ListInput input;
        Hashers hashers;
        PcrValues target;
        FirmwareLog firmware; /* of --firmware-log=, else zeroed */
        Verify verify;
        Mismatch *mismatch; /* done; NULL where nothing has to be explained */
        BankMask padding;   /* banks that are wrong, but right when taken as padded */
} VerifyRun;

int verify_read_firmware(VerifyRun *run, BankMask banks);
void verify_print_table(const VerifyRun *run, VerifyVerdict verdict);
int verify_print_json(const VerifyRun *run, VerifyVerdict verdict);
