/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz.h -- the one call that libFuzzer and fuzz-main.c make.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
