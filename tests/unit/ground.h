/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ground.h -- a root below /tmp for one test program, and its files as others would change them.
 */
#pragma once

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "fixture.h"
#include "os/root.h"

static char ground_dir[32];
static Root root;

static inline int remove_one(const char *path, const struct stat *st, int type, struct FTW *where) {
        (void)st;
        (void)type;
        (void)where;
        return remove(path);
}

static inline void put_file(const char *path, const void *data, size_t n) {
        _cleanup_close_ int fd =
                openat(root.fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, data, n), n);
}

static inline void change_file(const char *path, uint64_t offset, const void *data, size_t n) {
        _cleanup_close_ int fd = openat(root.fd, path, O_WRONLY | O_CLOEXEC);

        assert_true(fd >= 0);
        assert_int_equal(pwrite(fd, data, n, (off_t)offset), n);
}

static inline void cut_file(const char *path, uint64_t n) {
        _cleanup_close_ int fd = openat(root.fd, path, O_WRONLY | O_CLOEXEC);

        assert_true(fd >= 0 && ftruncate(fd, (off_t)n) == 0);
}

static inline ino_t inode_of(const char *path) {
        struct stat st;

        assert_int_equal(fstatat(root.fd, path, &st, AT_SYMLINK_NOFOLLOW), 0);
        return st.st_ino;
}

static inline int ground_open(void) {
        (void)snprintf(ground_dir, sizeof(ground_dir), "/tmp/ima-replay-unit-XXXXXX");
        return mkdtemp(ground_dir) ? root_init(&root, ground_dir) : -1;
}

static inline int ground_close(void) {
        root_deinit(&root);
        return nftw(ground_dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}
