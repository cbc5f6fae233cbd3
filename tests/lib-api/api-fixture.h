/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * api-fixture.h -- what the tests of libimareplay.so share. As its users do, they have imareplay.h
 * and nothing of lib/.
 */
#pragma once

#include "lib/cmocka-all.h"

#include <errno.h>
#include <imareplay.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define N_OF(x)  (sizeof(x) / sizeof((x)[0]))
#define FILE_MAX (1U << 20)
#define POISON   ((void *)0xa5a5)

/* A record: u32 PCR, SHA-1 digest, u32 length of the name, name, u32 length of the data, data. */
#define HEAD_DIGEST 4U
#define HEAD_NAME_N 24U
#define HEAD_NAME   28U

/* The list that most tests use. */
#define TCB         "k7.3-tpm-tcb.bin"
#define TCB_PCR     10U
#define TCB_RECORDS 28U
#define TCB_NAME    "ima-sig"

typedef struct Content {
        uint8_t data[FILE_MAX];
        size_t n;
} Content;

extern Content content; /* one file at a time, as load() found it */

void lists_path(char path[static PATH_MAX], const char *file);
void load_path(const char *path);
void load(const char *file);
int file_of(const uint8_t *data, size_t n);
void file_append(int fd, const uint8_t *data, size_t n);
int drain(ImrList *list, ImrVerify *v, uint64_t *n);
int feed(ImrVerify *v, const uint8_t *data, size_t size, uint64_t *ret_n);
size_t offset_of(uint64_t k);
