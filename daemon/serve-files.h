/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * serve-files.h -- lists as files, which whoever got one may keep.
 *
 * The pages of a memfd are memory of the server until the last who has it open, or mapped, lets go.
 * So there is one for all who ask for the same, and all together are bounded: what nobody holds any
 * more is dropped, and where there is no room none is made.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/outcome.h"

#define SERVE_FILE_MAX   (UINT64_C(32) << 20)  /* bytes of one */
#define SERVE_FILES_MAX  64U                   /* that are alive */
#define SERVE_FILES_SIZE (UINT64_C(128) << 20) /* of all: the unit's MemoryMax= counts with it */

/* What is in a file; compared as bytes, so it has no padding. */
typedef struct ServeFileKey {
        uint64_t epoch, first, end;
        uint32_t format, order;
        BankMask banks[TPM_PCR_N]; /* where the content depends on them, else 0 */
} ServeFileKey;

typedef struct ServeFile {
        bool is_there, is_whole;
        int fd;
        uint64_t size; /* when it is whole */
        ServeFileKey key;
} ServeFile;

typedef struct ServeFiles {
        ServeFile file[SERVE_FILES_MAX];
        uint64_t swept_usec;
} ServeFiles;

ServeFile *serve_files_find(ServeFiles *files, const ServeFileKey *key);
int serve_files_new(ServeFiles *files, const ServeFileKey *key, ServeFile **ret_file);
int serve_file_finish(ServeFile *file, uint64_t size);
int serve_file_give(const ServeFile *file, int *ret_fd);
void serve_file_drop(ServeFile *file);
uint64_t serve_files_run(ServeFiles *files, uint64_t now_usec);
void serve_files_close(ServeFiles *files);
