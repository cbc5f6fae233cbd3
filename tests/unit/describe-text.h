/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * describe-text.h -- a description as one line, so that a table can say what is expected.
 *
 *   "0.algorithm=sha256 0.digest=x00ff 1.name='/x' 2.uid=7 3.xattrlengths=[1,2]"
 *
 * with "? " in front when the template is unknown, "BAD field@offset (expected) " when something in
 * it is malformed; field "-" is behind the last.
 */
#pragma once

#include "fixture.h"

#include "core/describe.h"

#define DESCRIBE_TEXT_MAX 4096U

void describe_text(const Description *d, char *ret_text, size_t max);

/* Describe what stands in fields, each in a block of its own size; checks what holds for all. */
void describe_and_check(const MlistRecord *record, ByteOrder order, Description *ret);
void check_described(const char *template, ByteOrder order, bool is_violation, Bytes data,
                     const char *expected);
