/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fail.h -- failures as a part of an input: its first byte says which of the calls that can fail
 * does, once.
 *
 * The linker puts fail.c in front of libc's and OpenSSL's (fail_wraps in meson.build), for what is
 * linked statically: neither json-c nor the TSS notices.
 */
#pragma once

/* The n-th such call from here; 0: none. */
void fail_in(unsigned n);
/* No call any more. Return: what it was to be, for fail_in() later. */
unsigned fail_pause(void);
