/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * demo.h -- the small world of `ima-replayctl demo`: a directory with a kernel's files, a list that
 * grows, a software TPM, and the real programs run in it.
 */
#pragma once

#include <limits.h>

#include "client/ctl.h"

typedef struct DemoWorld {
        char dir[PATH_MAX]; /* temporary; everything is below it */
        char exe_dir[PATH_MAX];
        char *list; /* the whole list, as bytes */
        size_t n_list;
        size_t n_backlog; /* bytes of it that are there before the TPM is */
        uint64_t n_records;
        uint64_t n_backlog_records;
} DemoWorld;

int demo_build(DemoWorld *w, const char *list_path);
void demo_remove(DemoWorld *w);
int demo_path(const DemoWorld *w, const char *name, char path[static PATH_MAX]);
int demo_show_list(const DemoWorld *w, size_t n_bytes, uint64_t n_records);
int demo_write(const char *path, const void *data, size_t n);
int demo_find_program(const DemoWorld *w, const char *name, char path[static PATH_MAX]);
int demo_run(const char *const argv[], const char *stdout_path, int *ret_status);
