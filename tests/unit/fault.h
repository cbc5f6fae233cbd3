/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fault.h -- memory or OpenSSL fails, for one test program each.
 *
 * The linker puts the calls below in front of libc's and OpenSSL's (--wrap). Each scenario runs
 * again and again; in run n the n-th call fails, once. It must then say so and give out nothing,
 * until a run has no n-th call: that one must succeed.
 */
#pragma once

#include "fixture.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>

#include "base/encode.h"

static uint64_t fails_in; /* the n-th call from here fails; 0 for none */

static bool fails(void) {
        return fails_in > 0 && --fails_in == 0;
}

/* By the linker, which link-time optimisation does not know. */
#define _called_ __attribute__((used))

void *__real_malloc(size_t n);
_called_ void *__wrap_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
_called_ void *__wrap_calloc(size_t n, size_t size);
EVP_MD_CTX *__real_EVP_MD_CTX_new(void);
_called_ EVP_MD_CTX *__wrap_EVP_MD_CTX_new(void);
int __real_EVP_DigestInit_ex2(EVP_MD_CTX *c, const EVP_MD *md, const OSSL_PARAM *params);
_called_ int __wrap_EVP_DigestInit_ex2(EVP_MD_CTX *c, const EVP_MD *md, const OSSL_PARAM *params);
int __real_EVP_DigestUpdate(EVP_MD_CTX *c, const void *data, size_t n);
_called_ int __wrap_EVP_DigestUpdate(EVP_MD_CTX *c, const void *data, size_t n);
int __real_EVP_DigestFinal_ex(EVP_MD_CTX *c, unsigned char *md, unsigned *n);
_called_ int __wrap_EVP_DigestFinal_ex(EVP_MD_CTX *c, unsigned char *md, unsigned *n);
int __real_EVP_DecodeBlock(unsigned char *to, const unsigned char *from, int n);
_called_ int __wrap_EVP_DecodeBlock(unsigned char *to, const unsigned char *from, int n);

void *__wrap_malloc(size_t n) {
        return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size) {
        return fails() ? NULL : __real_calloc(n, size);
}

EVP_MD_CTX *__wrap_EVP_MD_CTX_new(void) {
        return fails() ? NULL : __real_EVP_MD_CTX_new();
}

int __wrap_EVP_DigestInit_ex2(EVP_MD_CTX *c, const EVP_MD *md, const OSSL_PARAM *params) {
        return fails() ? 0 : __real_EVP_DigestInit_ex2(c, md, params);
}

int __wrap_EVP_DigestUpdate(EVP_MD_CTX *c, const void *data, size_t n) {
        return fails() ? 0 : __real_EVP_DigestUpdate(c, data, n);
}

int __wrap_EVP_DigestFinal_ex(EVP_MD_CTX *c, unsigned char *md, unsigned *n) {
        return fails() ? 0 : __real_EVP_DigestFinal_ex(c, md, n);
}

int __wrap_EVP_DecodeBlock(unsigned char *to, const unsigned char *from, int n) {
        return fails() ? -1 : __real_EVP_DecodeBlock(to, from, n);
}

#define RUNS_MAX 200000U

/* Whichever call fails, @scenario fails with an errno that is one of its own. */
static void each_call_fails(const char *what, int (*scenario)(void), uint64_t at_least) {
        uint64_t n = 0;
        int r;

        do {
                fails_in = ++n;
                r = scenario();
                if (fails_in == 0)
                        CHECK(r == -ENOMEM || r == -EIO || r == ENCODE_E_INVALID,
                              "%s, call %ju: %d\n", what, (uintmax_t)n, r);
        } while (fails_in == 0 && n < RUNS_MAX);
        fails_in = 0;
        assert_int_equal(r, 0);
        CHECK(n > at_least, "%s makes only %ju calls that may fail\n", what, (uintmax_t)n - 1);
}
