/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * root.h -- all paths of kernel and runtime, below / or below --root=DIR.
 *
 * Below a root no symbolic link leads out of it (openat2, RESOLVE_IN_ROOT). Files that we make are
 * 0600, directories 0755.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"

/* Where we keep what lasts until reboot. */
#define RUN_DIR "run/ima-replay"

typedef struct Root {
        int fd; /* the directory */
        bool is_given;
        bool is_machine; /* it is / itself, given or not: nothing leads out */
} Root;

int root_init(Root *r, const char *path);
void root_deinit(Root *r);
int root_open(const Root *r, const char *path, int flags, int *ret_fd);
int root_mkdir(const Root *r, const char *path);
int root_rename(const Root *r, const char *from, const char *to);
int root_unlink(const Root *r, const char *path);
int read_whole(int fd, void *ret_data, size_t max, size_t *ret_n);
int read_at(int fd, uint64_t offset, void *ret_data, size_t max, size_t *ret_n);
int write_at(int fd, uint64_t offset, Bytes b);
int fd_copy(int from, int to, uint64_t n);
int fd_reopen(int fd, int *ret_fd);
int root_read(const Root *r, const char *path, char *ret_text, size_t max);
