/* SPDX-License-Identifier: BSD-2-Clause */
#include "os/probe-read.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/error.h"

#define ENTRIES_MAX 4096U       /* of a directory; a bus has some hundreds */
#define READS_MAX   (1U << 17)  /* of one file in one look; /dev/kmsg gives a record each */
#define LINE_ROOM   (16U << 10) /* a record of /dev/kmsg has 8 KiB at most (kernel printk.h) */

/**
 * probe_exists() - is there something at a path?
 * @root: the root
 * @path: without a slash in front
 *
 * Return: yes, no, or unknown where it cannot be looked at.
 */
Tri probe_exists(const Root *root, const char *path) {
        _cleanup_close_ int fd = -1;
        int r = root_open(root, path, O_PATH, &fd);

        return r == 0 ? TRI_YES : r == -ENOENT || r == -ENOTDIR ? TRI_NO : TRI_UNKNOWN;
}

/**
 * probe_is_below() - is there a member of a device?
 * @root:      the root
 * @directory: of the bus, without a slash in front
 * @name:      the device's
 * @member:    the file's
 *
 * Return: as probe_exists(); unknown, too, where the path has no room.
 */
Tri probe_is_below(const Root *root, const char *directory, const char *name, const char *member) {
        char path[PROBE_PATH_MAX];
        int n = snprintf(path, sizeof(path), "%s/%s/%s", directory, name, member);

        return n < (int)sizeof(path) ? probe_exists(root, path) : TRI_UNKNOWN;
}

/**
 * probe_text() - read a small file; never waits
 * @root:     the root
 * @path:     without a slash in front
 * @ret_text: its text without the last newline; undefined on failure
 * @max:      room at @ret_text; a longer file is -EFBIG, one with a NUL in it -EBADMSG
 *
 * Return: 0 or a negative errno, not raised.
 */
int probe_text(const Root *root, const char *path, char *ret_text, size_t max) {
        _cleanup_close_ int fd = -1;
        size_t n = 0;
        int r;

        r = root_open(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, &fd);
        if (r == 0)
                r = read_whole(fd, ret_text, max, &n);
        if (r < 0)
                return r;
        if (memchr(ret_text, '\0', n))
                return -EBADMSG;
        ret_text[n] = '\0';
        if (n > 0 && ret_text[n - 1] == '\n')
                ret_text[n - 1] = '\0';
        return 0;
}

/**
 * probe_link() - read what a symbolic link says
 * @root:     the root
 * @path:     of the link, without a slash in front
 * @ret_text: NUL-terminated; undefined on failure
 * @max:      room at @ret_text; a longer one is -ENAMETOOLONG
 *
 * Return: 0 or a negative errno, not raised.
 */
int probe_link(const Root *root, const char *path, char *ret_text, size_t max) {
        _cleanup_close_ int fd = -1;
        ssize_t n;
        int r;

        r = root_open(root, path, O_PATH | O_NOFOLLOW, &fd);
        if (r < 0)
                return r;
        n = readlinkat(fd, "", ret_text, max);
        if (n < 0)
                return negative_errno();
        if ((size_t)n >= max)
                return -ENAMETOOLONG;
        ret_text[n] = '\0';
        return 0;
}

/**
 * probe_list() - visit the names in a directory, in no order
 * @root:     the root
 * @path:     of the directory, without a slash in front
 * @visit:    called for each that has no dot in front
 * @userdata: for @visit
 *
 * Return: whether the directory is there; unknown where it cannot be read.
 */
Tri probe_list(const Root *root, const char *path, ProbeVisit *visit, void *userdata) {
        _cleanup_close_ int fd = -1;
        struct dirent *entry;
        DIR *dir;
        int r;

        r = root_open(root, path, O_RDONLY | O_DIRECTORY, &fd);
        if (r < 0)
                return r == -ENOENT || r == -ENOTDIR ? TRI_NO : TRI_UNKNOWN;
        dir = fdopendir(fd);
        if (!dir)
                return TRI_UNKNOWN;
        (void)take_fd(&fd);
        for (uint32_t n = 0; n < ENTRIES_MAX && (entry = readdir(dir)); ++n)
                if (entry->d_name[0] != '.')
                        visit(userdata, entry->d_name);
        (void)closedir(dir);
        return TRI_YES;
}

/* Whole lines off the front. Return: bytes of a line that has no end yet. */
static size_t lines_take(char *room, size_t n, ProbeLine *visit, void *userdata) {
        Bytes in = bytes_of(room, n), line;

        while (bytes_take_until(&in, '\n', &line))
                visit(userdata, line);
        if (in.n == n && n == LINE_ROOM) {
                /* Longer than any that matters: its beginning is enough. */
                visit(userdata, in);
                return 0;
        }
        memmove(room, in.data, in.n);
        return in.n;
}

/**
 * probe_lines() - visit the lines of a file, from where it stands
 * @fd:       the file; it may be a log that goes on later
 * @visit:    called for each line, without its end; of one that is too long its beginning
 * @userdata: for @visit
 */
void probe_lines(int fd, ProbeLine *visit, void *userdata) {
        char room[LINE_ROOM];
        size_t n = 0;

        for (uint32_t reads = 0; reads < READS_MAX; ++reads) {
                ssize_t got = read(fd, room + n, sizeof(room) - n);

                /* EPIPE: the ring of /dev/kmsg went over what was to be read. */
                if (got < 0 && (errno == EINTR || errno == EPIPE))
                        continue;
                if (got <= 0)
                        break;
                n = lines_take(room, n + (size_t)got, visit, userdata);
        }
        if (n > 0)
                visit(userdata, bytes_of(room, n));
}
