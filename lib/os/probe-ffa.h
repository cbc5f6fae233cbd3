/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * probe-ffa.h -- the FF-A bus: core, partitions, the driver of the TPM's.
 *
 * Up to 7.1 the core has no device and partitions are /sys/devices/arm-ffa-N; from 7.2 on both are
 * below /sys/devices/platform/arm-ffa. The bus shows them in both.
 */
#pragma once

#include "core/machine.h"
#include "os/root.h"

void probe_ffa(const Root *root, FfaFacts *ret_facts);
