/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/error.h"

#include <stddef.h>

static ErrorHook *error_hook;

/**
 * error_set_hook() - choose who is told where a fatal error was raised and passed
 * @hook: called for each, or NULL for nobody; programs set it once, in main()
 */
void error_set_hook(ErrorHook *hook) {
        error_hook = hook;
}

/**
 * error_pass() - the one function behind error_origin(), error_trace() and error_fold()
 * @kind:  which of the three
 * @error: 0, a negative errno, or (fold only) a positive outcome
 * @file:  where, for the hook
 * @line:  where, for the hook
 * @func:  where, for the hook
 *
 * Return: @error, an outcome included; for ERROR_FOLD an outcome becomes -ENOTRECOVERABLE.
 */
int error_pass(ErrorKind kind, int error, const char *file, int line, const char *func) {
        if (error == 0 || (error > 0 && kind != ERROR_FOLD))
                return error;
        if (error_hook)
                error_hook(kind, error, file, line, func);
        return error < 0 ? error : -ENOTRECOVERABLE;
}
