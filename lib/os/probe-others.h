/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * probe-others.h -- who else extends PCR 10? Only what can be seen without a TPM: programs that are
 * known to, and what systemd wrote down of its own extends.
 */
#pragma once

#include "core/machine.h"
#include "os/root.h"

void probe_others(const Root *root, OtherFacts *ret_facts);
