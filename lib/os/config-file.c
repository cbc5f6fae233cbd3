/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config-file.c -- which files count, and in which order. Whatever stands in the place of a file,
 * nothing waits: only regular files are opened.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/error.h"
#include "base/util.h"
#include "os/config.h"

#define MAIN_FILE  "ima-replayd.conf"
#define SUFFIX     ".conf"
#define CMDLINE    "proc/cmdline"
#define INITRD     "etc/initrd-release" /* systemd's sign of an initrd */
#define NULL_PATH  "/dev/null"
#define NULL_MAJOR 1U /* kernel: Documentation/admin-guide/devices.txt */
#define NULL_MINOR 3U

/* What is in one hides what is in those behind it. */
static const char *const directories[] = { "etc/ima-replay", "run/ima-replay",
                                           "usr/lib/ima-replay" };

typedef struct DropIn {
        const char *directory;
        char name[NAME_MAX + 1];
} DropIn;

typedef struct DropIns {
        size_t n;
        DropIn of[CONFIG_DROP_INS_MAX];
} DropIns;

static int file_bad(const char *path, const char *what, ConfigError *ret_error) {
        (void)snprintf(ret_error->text, sizeof(ret_error->text), "/%s: %s", path, what);
        return CONFIG_E_BAD;
}

/*
 * What the path does not lead to anything with may be a link to /dev/null all the same, in an image
 * that has none.
 */
static int file_missing(const Root *root, const char *path, bool *ret_is_there,
                        ConfigError *ret_error) {
        _cleanup_close_ int fd = -1;
        char target[sizeof(NULL_PATH)];
        ssize_t n;

        if (root_open(root, path, O_PATH | O_NOFOLLOW, &fd) < 0) {
                *ret_is_there = false;
                return 0;
        }
        n = readlinkat(fd, "", target, sizeof(target));
        if (n != (ssize_t)strlen(NULL_PATH) || memcmp(target, NULL_PATH, (size_t)n) != 0)
                return file_bad(path, "a symbolic link that leads nowhere", ret_error);
        *ret_is_there = true;
        return 0;
}

/* *ret_fd stays as it is where nothing is to be read: missing, or hidden by /dev/null. */
static int file_open(const Root *root, const char *path, bool *ret_is_there, int *ret_fd,
                     ConfigError *ret_error) {
        _cleanup_close_ int look_fd = -1;
        struct stat st;
        int r;

        r = root_open(root, path, O_PATH, &look_fd);
        if (r == -ENOENT)
                return file_missing(root, path, ret_is_there, ret_error);
        if (r == 0 && fstat(look_fd, &st) < 0)
                r = negative_errno();
        if (r != 0)
                return file_bad(path, strerror(-r), ret_error);
        if (!S_ISREG(st.st_mode) &&
            !(S_ISCHR(st.st_mode) && st.st_rdev == makedev(NULL_MAJOR, NULL_MINOR)))
                return file_bad(path, "not a regular file", ret_error);
        if (S_ISREG(st.st_mode))
                r = root_open(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, ret_fd);
        if (r < 0)
                return file_bad(path, strerror(-r), ret_error);
        *ret_is_there = true;
        return 0;
}

/* @room has one byte more than a file may have; a file that is hidden or missing is empty. */
static int file_read(const Root *root, const char *path, uint8_t room[static CONFIG_FILE_MAX + 1],
                     bool *ret_is_there, Bytes *ret_text, ConfigError *ret_error) {
        _cleanup_close_ int fd = -1;
        bool is_there;
        size_t n = 0;
        int r;

        r = file_open(root, path, &is_there, &fd, ret_error);
        if (r != 0)
                return r;
        if (fd >= 0)
                r = read_whole(fd, room, CONFIG_FILE_MAX + 1, &n);
        if (r == -EFBIG)
                return file_bad(path, "larger than 64 KiB", ret_error);
        if (r < 0)
                return file_bad(path, strerror(-r), ret_error);
        *ret_is_there = is_there;
        *ret_text = bytes_of(room, n);
        return 0;
}

static int file_give(const Root *root, const char *directory, const char *name, uint8_t *room,
                     ConfigCall *call, void *userdata, bool *ret_is_there, ConfigError *ret_error) {
        char path[CONFIG_PLACE_SIZE];
        Bytes text;
        int r;

        (void)snprintf(path, sizeof(path), "/%s/%s", directory, name);
        r = file_read(root, path + 1, room, ret_is_there, &text, ret_error);
        return r != 0 ? r : config_parse_file(text, path, call, userdata, ret_error);
}

/*
 * Drop-ins
 */

static bool drop_in_is_name(const char *name) {
        size_t n = strlen(name);

        return name[0] != '.' && n > strlen(SUFFIX) &&
               strcmp(name + n - strlen(SUFFIX), SUFFIX) == 0;
}

static bool drop_ins_have(const DropIns *d, const char *name) {
        for (size_t i = 0; i < d->n; ++i)
                if (strcmp(d->of[i].name, name) == 0)
                        return true;
        return false;
}

static int drop_ins_add(DropIns *d, const char *directory, const char *path, DIR *dir,
                        ConfigError *ret_error) {
        const struct dirent *e;

        for (errno = 0; (e = readdir(dir)) != NULL; errno = 0) {
                if (!drop_in_is_name(e->d_name) || drop_ins_have(d, e->d_name))
                        continue;
                if (d->n == ELEMENTSOF(d->of))
                        return file_bad(path, "with this more than 64 drop-ins", ret_error);
                d->of[d->n].directory = directory;
                (void)snprintf(d->of[d->n].name, sizeof(d->of[d->n].name), "%s", e->d_name);
                d->n++;
        }
        return errno != 0 ? file_bad(path, strerror(errno), ret_error) : 0;
}

static int drop_ins_scan(DropIns *d, const Root *root, const char *directory,
                         ConfigError *ret_error) {
        char path[CONFIG_PLACE_SIZE];
        bool is_there;
        int fd, r;
        DIR *dir;

        (void)snprintf(path, sizeof(path), "%s/" MAIN_FILE ".d", directory);
        r = root_open(root, path, O_RDONLY | O_DIRECTORY | O_NONBLOCK, &fd);
        if (r == -ENOENT)
                return file_missing(root, path, &is_there, ret_error);
        if (r < 0)
                return file_bad(path, strerror(-r), ret_error);
        dir = fdopendir(fd);
        if (!dir) {
                (void)close(fd);
                return error_origin(-ENOMEM);
        }
        r = drop_ins_add(d, directory, path, dir, ret_error);
        (void)closedir(dir);
        return r;
}

/* By the bytes of the name, in whatever directory it is. */
static int drop_in_compare(const void *a, const void *b) {
        return strcmp(((const DropIn *)a)->name, ((const DropIn *)b)->name);
}

static int drop_ins_find(const Root *root, DropIns *ret_drop_ins, ConfigError *ret_error) {
        ret_drop_ins->n = 0;
        for (size_t i = 0; i < ELEMENTSOF(directories); ++i) {
                int r = drop_ins_scan(ret_drop_ins, root, directories[i], ret_error);

                if (r != 0)
                        return r;
        }
        qsort(ret_drop_ins->of, ret_drop_ins->n, sizeof(ret_drop_ins->of[0]), drop_in_compare);
        return 0;
}

/**
 * config_read_files() - the items of the main file, then of the drop-ins
 * @root:      / or --root=
 * @call:      gets each item; the last one of a key counts
 * @userdata:  for @call
 * @ret_error: where and what; set on CONFIG_E_BAD only
 *
 * Return: 0, also where there is no file; CONFIG_E_BAD: nothing is given behind it; -ENOMEM.
 */
int config_read_files(const Root *root, ConfigCall *call, void *userdata, ConfigError *ret_error) {
        _cleanup_free_ uint8_t *room = malloc(CONFIG_FILE_MAX + 1);
        _cleanup_free_ DropIns *d = calloc(1, sizeof(*d));
        bool is_there = false;
        int r = 0;

        if (!room || !d)
                return error_origin(-ENOMEM);
        for (size_t i = 0; i < ELEMENTSOF(directories) && r == 0 && !is_there; ++i)
                r = file_give(root, directories[i], MAIN_FILE, room, call, userdata, &is_there,
                              ret_error);
        if (r != 0)
                return error_trace(r);
        r = drop_ins_find(root, d, ret_error);
        if (r != 0)
                return error_trace(r);
        for (size_t i = 0; i < d->n && r == 0; ++i) {
                char directory[CONFIG_PLACE_SIZE - sizeof(d->of[i].name)];

                (void)snprintf(directory, sizeof(directory), "%s/" MAIN_FILE ".d",
                               d->of[i].directory);
                r = file_give(root, directory, d->of[i].name, room, call, userdata, &is_there,
                              ret_error);
        }
        return error_trace(r);
}

/**
 * config_read_kernel() - the items of the kernel command line
 * @root:      / or --root=
 * @call:      gets each item; the last one of a key counts
 * @userdata:  for @call
 * @ret_error: where and what; set on CONFIG_E_BAD only
 *
 * Return: 0, also where /proc does not show one; CONFIG_E_BAD: unreadable, or as with
 * config_parse_kernel(); -ENOMEM.
 */
int config_read_kernel(const Root *root, ConfigCall *call, void *userdata, ConfigError *ret_error) {
        _cleanup_free_ uint8_t *room = malloc(CONFIG_FILE_MAX + 1);
        _cleanup_close_ int initrd_fd = -1;
        bool is_there, in_initrd;
        Bytes text;
        int r;

        if (!room)
                return error_origin(-ENOMEM);
        in_initrd = root_open(root, INITRD, O_PATH, &initrd_fd) == 0;
        r = file_read(root, CMDLINE, room, &is_there, &text, ret_error);
        if (r == 0)
                r = config_parse_kernel(text, in_initrd, call, userdata, ret_error);
        return error_trace(r);
}
