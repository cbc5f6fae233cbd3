/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * error.h -- how failures travel.
 *
 * A function that can fail returns an int:
 *   0         done
 *   negative  an errno: fatal, nobody matches on it, it is passed up to main()
 *   positive  an outcome of that function's own enum, which its caller must handle
 *
 * error_origin() raises, error_trace() passes up (outcomes too, where both functions share them),
 * error_fold() turns an outcome that the caller did not expect into a fatal error. All three tell a
 * hook where they stand, so that a program can print the way of a fatal error; without a hook they
 * are silent.
 */
#pragma once

#include <assert.h>
#include <errno.h>

typedef enum ErrorKind {
        ERROR_ORIGIN,
        ERROR_TRACE,
        ERROR_FOLD,
        _ERROR_KIND_N,
} ErrorKind;

typedef void ErrorHook(ErrorKind kind, int error, const char *file, int line, const char *func);

void error_set_hook(ErrorHook *hook);
int error_pass(ErrorKind kind, int error, const char *file, int line, const char *func);

/* Analyzers look at one file at a time and would not know that the number comes back as it is. */
#ifdef STATIC_ANALYSIS
static inline int error_origin(int error) {
        return error;
}
static inline int error_trace(int error) {
        return error;
}
static inline int error_fold(int error) {
        return error;
}
#else
#define error_origin(e) error_pass(ERROR_ORIGIN, (e), __FILE__, __LINE__, __func__)
#define error_trace(e)  error_pass(ERROR_TRACE, (e), __FILE__, __LINE__, __func__)
#define error_fold(e)   error_pass(ERROR_FOLD, (e), __FILE__, __LINE__, __func__)
#endif

/**
 * negative_errno() - why the call that has just failed did
 *
 * As -errno, of which neither an analyser nor a compiler knows that it is not 0, and so no success.
 *
 * Return: a negative errno.
 */
static inline int negative_errno(void) {
        int r = -errno;

        assert(r < 0);
        return r;
}
