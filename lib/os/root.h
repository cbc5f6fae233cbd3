/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * root.h -- all paths of kernel and runtime, below / or below --root=DIR.
 *
 * Below a root no symbolic link leads out of it (openat2, RESOLVE_IN_ROOT).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

typedef struct Root {
        int fd; /* the directory */
        bool is_given;
} Root;

int root_init(Root *r, const char *path);
void root_deinit(Root *r);
int root_open(const Root *r, const char *path, int flags, int *ret_fd);
int read_whole(int fd, void *ret_data, size_t max, size_t *ret_n);
int root_read(const Root *r, const char *path, char *ret_text, size_t max);
