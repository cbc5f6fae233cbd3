/* SPDX-License-Identifier: BSD-2-Clause */
#include "os/root.h"

#include <assert.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/error.h"
#include "base/util.h"

/**
 * root_init() - choose the root
 * @r:    the root
 * @path: --root=, or NULL for the machine's own
 *
 * Return: 0, or a negative errno when the directory cannot be opened.
 */
int root_init(Root *r, const char *path) {
        r->is_given = path != NULL;
        r->fd = open(path ? path : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        return r->fd < 0 ? error_origin(-errno) : 0;
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
 * @flags:  as for open(); O_CLOEXEC is added
 * @ret_fd: the fd, to be closed by the caller; set on success only
 *
 * Not raised as an error: what is missing is for the caller to judge.
 *
 * Return: 0 or a negative errno.
 */
int root_open(const Root *r, const char *path, int flags, int *ret_fd) {
        struct open_how how = {
                .flags = (unsigned)(flags | O_CLOEXEC),
                .resolve = r->is_given ? RESOLVE_IN_ROOT : 0,
        };
        long fd;

        assert(path[0] != '/');
        fd = syscall(SYS_openat2, r->fd, path, &how, sizeof(how));
        if (fd < 0)
                return -errno;
        *ret_fd = (int)fd;
        return 0;
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
                        return -errno;
                if (got == 0) {
                        *ret_n = n;
                        return 0;
                }
                n += (size_t)got;
        }
        return -EFBIG;
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
