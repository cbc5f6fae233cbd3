/* SPDX-License-Identifier: BSD-2-Clause */
#include "os/root.h"

#include <assert.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/error.h"
#include "base/util.h"

#define FILE_MODE 0600
#define DIR_MODE  0755
#define COPY_SIZE 4096U
#define DIR_MAX   64U /* the paths below which we make files are ours, and short */

/* openat2(2): a ".." below a root fails with EAGAIN while anything is renamed or mounted anywhere.
 */
#define ROOT_TRIES 128U

/**
 * root_init() - choose the root
 * @r:    the root
 * @path: --root=, or NULL for the machine's own
 *
 * Return: 0, or a negative errno when the directory cannot be opened.
 */
int root_init(Root *r, const char *path) {
        r->is_given = path != NULL;
        r->is_machine = !path || strcmp(path, "/") == 0;
        r->fd = open(path ? path : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        return r->fd < 0 ? error_origin(negative_errno()) : 0;
}

/**
 * root_deinit() - close the root
 * @r: the root
 */
void root_deinit(Root *r) {
        closep(&r->fd);
        r->fd = -1;
}

/**
 * root_open() - open a path below the root
 * @r:      the root
 * @path:   without a slash in front
 * @flags:  as for open(); O_CLOEXEC is added; what O_CREAT makes is 0600
 * @ret_fd: the fd, to be closed by the caller; set on success only
 *
 * Not raised as an error: what is missing is for the caller to judge.
 *
 * Return: 0 or a negative errno.
 */
int root_open(const Root *r, const char *path, int flags, int *ret_fd) {
        struct open_how how = {
                .flags = (unsigned)(flags | O_CLOEXEC),
                .mode = flags & O_CREAT ? FILE_MODE : 0,
                .resolve = RESOLVE_IN_ROOT,
        };
        long fd = -1;

        assert(path[0] != '/');
        /* With RestrictSUIDSGID= systemd refuses openat2(): it cannot see the mode there. */
        if (r->is_machine) {
                fd = openat(r->fd, path, (int)how.flags, (mode_t)how.mode);
        } else {
                errno = EAGAIN;
                for (unsigned n = 0; n < ROOT_TRIES && fd < 0 && errno == EAGAIN; ++n)
                        fd = syscall(SYS_openat2, r->fd, path, &how, sizeof(how));
        }
        if (fd < 0)
                return negative_errno();
        *ret_fd = (int)fd;
        return 0;
}

/* The directory that a path is in, and the name there. */
static int root_open_parent(const Root *r, const char *path, int *ret_fd, const char **ret_name) {
        const char *slash = strrchr(path, '/');
        char dir[DIR_MAX] = ".";
        int k;

        if (slash) {
                if ((size_t)(slash - path) >= sizeof(dir))
                        return -ENAMETOOLONG;
                (void)snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path), path);
        }
        k = root_open(r, dir, O_PATH | O_DIRECTORY, ret_fd);
        if (k == 0)
                *ret_name = slash ? slash + 1 : path;
        return k;
}

static int root_mkdir_one(const Root *r, const char *path) {
        _cleanup_close_ int fd = -1;
        const char *name = path;
        int k;

        k = root_open_parent(r, path, &fd, &name);
        if (k < 0)
                return k;
        if (mkdirat(fd, name, DIR_MODE) < 0)
                return errno == EEXIST ? 0 : negative_errno();
        /* Whatever the umask is: others must be able to reach what is made for them in there. */
        return fchmodat(fd, name, DIR_MODE, 0) < 0 ? negative_errno() : 0;
}

/**
 * root_mkdir() - make a directory, and those that it is in
 * @r:    the root
 * @path: without a slash in front
 *
 * One that is there stays as it is. Not raised as an error, as the two below.
 *
 * Return: 0 or a negative errno.
 */
int root_mkdir(const Root *r, const char *path) {
        char part[DIR_MAX];
        size_t n = 0;
        int k;

        do {
                n += strcspn(path + n, "/");
                if (n >= sizeof(part))
                        return -ENAMETOOLONG;
                (void)snprintf(part, sizeof(part), "%.*s", (int)n, path);
                k = root_mkdir_one(r, part);
        } while (k == 0 && path[n++] != '\0');
        return k;
}

/**
 * root_rename() - give a file the place of another
 * @r:    the root
 * @from: without a slash in front
 * @to:   without a slash in front
 *
 * Return: 0 or a negative errno.
 */
int root_rename(const Root *r, const char *from, const char *to) {
        _cleanup_close_ int from_fd = -1, to_fd = -1;
        const char *from_name = from, *to_name = to;
        int k;

        k = root_open_parent(r, from, &from_fd, &from_name);
        if (k < 0)
                return k;
        k = root_open_parent(r, to, &to_fd, &to_name);
        if (k < 0)
                return k;
        return renameat(from_fd, from_name, to_fd, to_name) < 0 ? negative_errno() : 0;
}

/**
 * root_unlink() - remove a file
 * @r:    the root
 * @path: without a slash in front
 *
 * Return: 0 or a negative errno.
 */
int root_unlink(const Root *r, const char *path) {
        _cleanup_close_ int fd = -1;
        const char *name = path;
        int k;

        k = root_open_parent(r, path, &fd, &name);
        if (k < 0)
                return k;
        return unlinkat(fd, name, 0) < 0 ? negative_errno() : 0;
}

/**
 * read_whole() - read a file from where it stands to its end
 * @fd:       the file; its claimed size does not matter
 * @ret_data: room for it; undefined on failure
 * @max:      the room; a file that fills it is -EFBIG
 * @ret_n:    bytes read, set on success only
 *
 * Return: 0 or a negative errno.
 */
int read_whole(int fd, void *ret_data, size_t max, size_t *ret_n) {
        size_t n = 0;

        while (n < max) {
                ssize_t got = read(fd, (char *)ret_data + n, max - n);

                if (got < 0 && errno == EINTR)
                        continue;
                if (got < 0)
                        return negative_errno();
                if (got == 0) {
                        *ret_n = n;
                        return 0;
                }
                n += (size_t)got;
        }
        return -EFBIG;
}

/**
 * read_at() - read as much as a file has, from an offset on
 * @fd:       the file; where it stands does not matter
 * @offset:   where to begin
 * @ret_data: room for it; undefined on failure
 * @max:      the room
 * @ret_n:    bytes read, less than @max at the end of the file; set on success only
 *
 * Return: 0 or a negative errno, not raised.
 */
int read_at(int fd, uint64_t offset, void *ret_data, size_t max, size_t *ret_n) {
        size_t n = 0;

        while (n < max) {
                ssize_t got = pread(fd, (char *)ret_data + n, max - n, (off_t)(offset + n));

                if (got < 0 && errno == EINTR)
                        continue;
                if (got < 0)
                        return negative_errno();
                if (got == 0)
                        break;
                n += (size_t)got;
        }
        *ret_n = n;
        return 0;
}

/**
 * write_at() - write bytes at an offset
 * @fd:     the file; where it stands does not matter
 * @offset: where to begin
 * @b:      all of them, or there is an error
 *
 * Return: 0 or a negative errno, not raised.
 */
int write_at(int fd, uint64_t offset, Bytes b) {
        for (size_t n = 0; n < b.n;) {
                ssize_t put = pwrite(fd, b.data + n, b.n - n, (off_t)(offset + n));

                if (put < 0 && errno == EINTR)
                        continue;
                if (put < 0)
                        return negative_errno();
                n += (size_t)put;
        }
        return 0;
}

/**
 * fd_copy() - copy the beginning of a file into another
 * @from: the file; where it stands does not matter
 * @to:   written from its beginning on
 * @n:    bytes; -ENODATA where @from has fewer
 *
 * Return: 0 or a negative errno, not raised.
 */
int fd_copy(int from, int to, uint64_t n) {
        uint8_t room[COPY_SIZE];
        size_t got;
        int k;

        for (uint64_t at = 0; at < n; at += got) {
                k = read_at(from, at, room, (size_t)MIN_OF(n - at, sizeof(room)), &got);
                if (k == 0 && got == 0)
                        k = -ENODATA;
                if (k == 0)
                        k = write_at(to, at, bytes_of(room, got));
                if (k < 0)
                        return k;
        }
        return 0;
}

/**
 * fd_reopen() - open an open file again, only for reading
 * @fd:     the file, which may have no name any more
 * @ret_fd: shares neither offset nor rights with @fd; to be closed by the caller; set on success
 *          only
 *
 * Return: 0 or a negative errno, not raised.
 */
int fd_reopen(int fd, int *ret_fd) {
        char path[sizeof("/proc/self/fd/") + 10];
        int fresh;

        (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        fresh = open(path, O_RDONLY | O_CLOEXEC);
        if (fresh < 0)
                return negative_errno();
        *ret_fd = fresh;
        return 0;
}

/**
 * root_read() - read a small file whole
 * @r:        the root
 * @path:     without a slash in front
 * @ret_text: its text, NUL-terminated; set on success only
 * @max:      room at @ret_text; a longer file is -EFBIG, one with a NUL in it -EBADMSG
 *
 * Return: 0 or a negative errno.
 */
int root_read(const Root *r, const char *path, char *ret_text, size_t max) {
        _cleanup_close_ int fd = -1;
        size_t n = 0;
        int k;

        k = root_open(r, path, O_RDONLY, &fd);
        if (k < 0)
                return k;
        k = read_whole(fd, ret_text, max, &n);
        if (k < 0)
                return k;
        if (memchr(ret_text, '\0', n))
                return -EBADMSG;
        ret_text[n] = '\0';
        return 0;
}
