/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * run.h -- the extender on its loop: once, or as a service with all that belongs to it.
 */
#pragma once

#include "daemon/extender.h"

/* 0; a negative errno. ret_extender is done, and is to be freed by the caller. */
int run_extender(const ExtenderConfig *config, Extender **ret_extender);
