/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lookout.h -- something came to a directory, went, or changed its owner: inotify(7).
 *
 * Only to be quicker: whoever waits for a file looks again by itself, too.
 */
#pragma once

#include "os/loop.h"
#include "os/root.h"

int lookout_open(const Root *root, const char *path, int *ret_fd);
bool lookout_drain(int fd, const char *prefix);
