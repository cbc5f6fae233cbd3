/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * probe-ima.h -- the measurement list from outside: is it there, how long is it, who wrote record
 * 0?
 */
#pragma once

#include "core/machine.h"
#include "os/root.h"

void probe_ima(const Root *root, ImaFacts *ret_facts);
