/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * anchor-world.h -- a root of its own for each test, with /run; and all that can stand in the place
 * of a file.
 */
#pragma once

#include "fixture.h"

#include <fcntl.h>
#include <ftw.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "os/root.h"

#define PLACE             "run/ima-replay"
#define FILE_             PLACE "/anchor"
#define NEW               PLACE "/anchor.new"
#define BOOT_ID_DIRECTORY "proc/sys/kernel/random"
#define VICTIM            "what a link leads to"

/* Paths are below its root. */
typedef struct World {
        char path[64];
        Root root;
} World;

static inline int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        (void)st;
        (void)type;
        (void)ftw;
        return remove(path);
}

static inline int world_new(void **state) {
        World *w = calloc(1, sizeof(*w));

        assert_non_null(w);
        (void)snprintf(w->path, sizeof(w->path), "/tmp/test-anchor-XXXXXX");
        assert_non_null(mkdtemp(w->path));
        assert_int_equal(root_init(&w->root, w->path), 0);
        assert_int_equal(mkdirat(w->root.fd, "run", 0755), 0);
        *state = w;
        return 0;
}

static inline int world_free(void **state) {
        World *w = *state;

        root_deinit(&w->root);
        (void)nftw(w->path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
        free(w);
        return 0;
}

static inline void put_file(const World *w, const char *path, Bytes text) {
        _cleanup_close_ int fd =
                openat(w->root.fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, text.data, text.n), text.n);
}

static inline void put_place(const World *w) {
        assert_int_equal(mkdirat(w->root.fd, PLACE, 0755), 0);
}

/* 0: nothing is there. */
static inline mode_t mode_of(const World *w, const char *path) {
        struct stat st;

        return fstatat(w->root.fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0 ? st.st_mode : 0;
}

static inline void put_link(const World *w, const char *path) {
        put_file(w, "run/victim", BYTES_TEXT(VICTIM));
        assert_int_equal(symlinkat("../victim", w->root.fd, path), 0);
}

static inline void put_link_to_nothing(const World *w, const char *path) {
        assert_int_equal(symlinkat("../nothing", w->root.fd, path), 0);
}

static inline void put_fifo(const World *w, const char *path) {
        assert_int_equal(mkfifoat(w->root.fd, path, 0600), 0);
}

static inline void put_socket(const World *w, const char *path) {
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct sockaddr_un name = { .sun_family = AF_UNIX };

        assert_true(snprintf(name.sun_path, sizeof(name.sun_path), "%s/%s", w->path, path) <
                    (int)sizeof(name.sun_path));
        assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
}

static inline void put_directory(const World *w, const char *path) {
        assert_int_equal(mkdirat(w->root.fd, path, 0755), 0);
}

static inline void put_leftover(const World *w, const char *path) {
        put_file(w, path, BYTES_TEXT("ima-replay anchor 1"));
}

typedef void Put(const World *w, const char *path);

static inline void put_boot_id_directory(const World *w) {
        put_directory(w, "proc");
        put_directory(w, "proc/sys");
        put_directory(w, "proc/sys/kernel");
        put_directory(w, BOOT_ID_DIRECTORY);
}

/* RLIM_INFINITY: as much as we may. */
static inline void limit(int resource, rlim_t n) {
        struct rlimit l;

        assert_int_equal(getrlimit(resource, &l), 0);
        l.rlim_cur = MIN_OF(n, l.rlim_max);
        assert_int_equal(setrlimit(resource, &l), 0);
}
