/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * probe-kernel.h -- how the kernel was built: its configuration where a file has it, else what its
 * module lists say, which are there in an initrd, too.
 */
#pragma once

#include "core/machine.h"
#include "os/root.h"

void probe_kernel(const Root *root, KernelFacts *ret_facts);
