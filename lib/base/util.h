/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * util.h -- the few macros that every file uses: cleanup, ownership, sizes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(f)       __attribute__((cleanup(f)))
#define _printf_(fmt, arg) __attribute__((format(printf, fmt, arg)))
#define _public_           __attribute__((visibility("default")))

/* Number of elements of an array (of an array, not of a pointer). */
#define ELEMENTSOF(x) (sizeof(x) / sizeof((x)[0]))

#define MIN_OF(a, b) ((a) < (b) ? (a) : (b))
#define MAX_OF(a, b) ((a) > (b) ? (a) : (b))

/* Hand a pointer over: its value leaves, NULL stays. */
#define TAKE(p)                                                                                    \
        ({                                                                                         \
                __typeof__(p) *_take_ = &(p);                                                      \
                __typeof__(p) _value_ = *_take_;                                                   \
                *_take_ = NULL;                                                                    \
                _value_;                                                                           \
        })

/* The same for a file descriptor; -1 stays. */
static inline int take_fd(int *fd) {
        int taken = *fd;

        *fd = -1;
        return taken;
}

/* Define the cleanup form FUNCp() of a destructor that takes NULL and returns NULL. */
#define DEFINE_CLEANUP(type, func)                                                                 \
        static inline void func##p(type **p) {                                                     \
                *p = func(*p);                                                                     \
        }                                                                                          \
        struct UtilSwallowSemicolon

static inline void freep(void *p) {
        free(*(void **)p);
}

static inline void closep(int *fd) {
        if (*fd >= 0)
                (void)close(*fd);
}

static inline void fclosep(FILE **f) {
        if (*f)
                (void)fclose(*f);
}

#define _cleanup_free_   _cleanup_(freep)
#define _cleanup_close_  _cleanup_(closep)
#define _cleanup_fclose_ _cleanup_(fclosep)
