/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * block.h -- lines of "label: text", the text broken at spaces to fit a terminal.
 */
#pragma once

#include <stdio.h>

#include "client/pager.h"

#define BLOCK_LABEL 14U /* columns of a label, right-aligned; ": " comes behind */

/* A space at which no line is broken. */
#define BLOCK_JOINT "\t"

void block_text(FILE *f, const Terminal *t, size_t indent, const char *text);
void block_line(FILE *f, const Terminal *t, const char *label, const char *text);
void block_seconds(uint64_t usec, char *ret_text, size_t max);
void block_duration(uint64_t usec, char *ret_text, size_t max);
