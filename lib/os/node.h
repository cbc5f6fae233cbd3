/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * node.h -- what the kernel shows of a TPM beside its device node: age and firmware event log.
 */
#pragma once

#include "core/age.h"
#include "core/firmware.h"
#include "os/root.h"

enum {
        _NODE_E_SUCCESS,
        NODE_E_NONE, /* the kernel shows none */
        NODE_E_BAD,  /* it cannot be read, or makes no sense: ret_error, where it was parsed */
};

void node_look_at_age(const char *tcti, AgeFacts *ret_facts);
int node_read_firmware(const Root *root, const char *tcti, BankMask banks, const Hashers *hashers,
                       FirmwareLog *ret_log, FirmwareError *ret_error);
