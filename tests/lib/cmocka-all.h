/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmocka-all.h -- the one way to include cmocka: it wants these headers before its own.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
