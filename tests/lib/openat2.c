/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * openat2.c -- to be preloaded: openat2() for valgrind 3.19, which does not know it.
 *
 * Without what RESOLVE_IN_ROOT holds: for runs whose files lead nowhere else.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <unistd.h>

#define N_ARGUMENTS 6

long syscall(long number, ...) {
        long a[N_ARGUMENTS];
        va_list args;
        long r;

        va_start(args, number);
        for (int i = 0; i < N_ARGUMENTS; ++i)
                a[i] = va_arg(args, long);
        va_end(args);
        if (number == SYS_openat2) {
                const struct open_how *how = (const struct open_how *)a[2];
                const char *path = (const char *)a[1];

                while (how->resolve && *path == '/')
                        ++path;
                return openat((int)a[0], *path ? path : ".", (int)how->flags, (mode_t)how->mode);
        }
        /* Any other goes where it would have gone; libc's own syscall() is this one now. */
        register long r10 __asm__("r10") = a[3];
        register long r8 __asm__("r8") = a[4];
        register long r9 __asm__("r9") = a[5];

        __asm__ volatile("syscall"
                         : "=a"(r)
                         : "a"(number), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
                         : "rcx", "r11", "memory");
        if (r >= 0 || r < -4095)
                return r;
        errno = (int)-r;
        return -1;
}
