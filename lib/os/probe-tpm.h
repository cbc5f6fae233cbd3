/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * probe-tpm.h -- the TPMs that the kernel has, and those that firmware or a bus announces.
 */
#pragma once

#include "core/machine.h"
#include "os/root.h"

void probe_tpm_chips(const Root *root, MachineFacts *facts);
void probe_tpm_announced(const Root *root, AnnouncedFacts *ret_facts);
