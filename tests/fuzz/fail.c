/* SPDX-License-Identifier: BSD-2-Clause */
#include "fail.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* The compiler believes that malloc() changes nothing of ours. */
static volatile unsigned fails_in;

void fail_in(unsigned n) {
        fails_in = n;
}

unsigned fail_pause(void) {
        unsigned n = fails_in;

        fails_in = 0;
        return n;
}

static bool fails(int error) {
        if (fails_in == 0)
                return false;
        fails_in -= 1;
        if (fails_in > 0)
                return false;
        errno = error;
        return true;
}

/* By the linker, which link-time optimisation does not know. */
#define WRAP(type, name, parameters, arguments, failure, error)                                    \
        type __real_##name parameters;                                                             \
        __attribute__((used)) type __wrap_##name parameters;                                       \
        type __wrap_##name parameters {                                                            \
                return fails(error) ? (failure) : __real_##name arguments;                         \
        }

WRAP(void *, malloc, (size_t n), (n), NULL, ENOMEM)
WRAP(void *, calloc, (size_t n, size_t size), (n, size), NULL, ENOMEM)
WRAP(void *, realloc, (void *old, size_t n), (old, n), NULL, ENOMEM)
WRAP(ssize_t, read, (int fd, void *data, size_t n), (fd, data, n), -1, EIO)
WRAP(ssize_t, recvmsg, (int fd, struct msghdr *m, int flags), (fd, m, flags), -1, ENOMEM)
WRAP(ssize_t, sendmsg, (int fd, const struct msghdr *m, int flags), (fd, m, flags), -1, ENOBUFS)
/* Which of them is libc's affair: with 64-bit offsets those with a number. */
WRAP(ssize_t, pread, (int fd, void *data, size_t n, off_t at), (fd, data, n, at), -1, EIO)
WRAP(ssize_t, pread64, (int fd, void *data, size_t n, off_t at), (fd, data, n, at), -1, EIO)
WRAP(ssize_t, pwrite, (int fd, const void *data, size_t n, off_t at), (fd, data, n, at), -1, ENOSPC)
WRAP(ssize_t, pwrite64, (int fd, const void *data, size_t n, off_t at), (fd, data, n, at), -1,
     ENOSPC)
WRAP(int, EVP_DigestUpdate, (EVP_MD_CTX * c, const void *data, size_t n), (c, data, n), 0, 0)
WRAP(int, EVP_MAC_final, (EVP_MAC_CTX * c, unsigned char *out, size_t *n, size_t max),
     (c, out, n, max), 0, 0)

/* Not random: an input must do the same again. */
__attribute__((used)) int __wrap_RAND_bytes(unsigned char *data, int n);
int __wrap_RAND_bytes(unsigned char *data, int n) {
        memset(data, 0x5a, (size_t)n);
        return fails(0) ? 0 : 1;
}

#if defined(__has_feature)
#if __has_feature(memory_sanitizer)
#include <sanitizer/msan_interface.h>

/* Never fails; but clang 14 does not know that libc 2.33 and later write there. */
int __real_fstat64(int fd, struct stat *ret_stat);
__attribute__((used)) int __wrap_fstat64(int fd, struct stat *ret_stat);
int __wrap_fstat64(int fd, struct stat *ret_stat) {
        int r = __real_fstat64(fd, ret_stat);

        if (r == 0)
                __msan_unpoison(ret_stat, sizeof(*ret_stat));
        return r;
}
#endif
#endif
