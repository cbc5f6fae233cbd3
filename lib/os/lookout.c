/* SPDX-License-Identifier: BSD-2-Clause */
#include "os/lookout.h"

#include <fcntl.h>
#include <string.h>
#include <sys/inotify.h>

#include "base/error.h"

#define LOOKOUT_EVENTS_SIZE 4096U
#define LOOKOUT_READS_MAX   16U /* in a turn; the rest is there in the next one */

/**
 * lookout_open() - watch a directory
 * @root:   where it is
 * @path:   below the root, without a slash in front
 * @ret_fd: readable when something happened; non-blocking; to be closed by the caller; set on
 *          success only
 *
 * Not raised: there is the other way.
 *
 * Return: 0 or a negative errno.
 */
int lookout_open(const Root *root, const char *path, int *ret_fd) {
        _cleanup_close_ int dir_fd = -1, fd = -1;
        char place[sizeof("/proc/self/fd/") + 10];
        int r;

        r = root_open(root, path, O_PATH | O_DIRECTORY, &dir_fd);
        if (r < 0)
                return r;
        (void)snprintf(place, sizeof(place), "/proc/self/fd/%d", dir_fd);
        fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        if (fd < 0 ||
            inotify_add_watch(fd, place, IN_CREATE | IN_ATTRIB | IN_DELETE | IN_MOVED_TO) < 0)
                return negative_errno();
        *ret_fd = take_fd(&fd);
        return 0;
}

/*
 * Is it about a name that begins like this? What has no name is about the directory, or about
 * events that were lost: that may be anything.
 */
static bool lookout_concerns(const struct inotify_event *e, const char *prefix) {
        return e->len == 0 || strncmp(e->name, prefix, strlen(prefix)) == 0;
}

/**
 * lookout_drain() - take what happened so far
 * @fd:     of lookout_open()
 * @prefix: of the names that matter
 *
 * Whoever may write to any file in the directory can touch it, and so cause events without end.
 *
 * Return: whether anything concerned such a name.
 */
bool lookout_drain(int fd, const char *prefix) {
        _Alignas(struct inotify_event) char buffer[LOOKOUT_EVENTS_SIZE];
        bool concerns = false;

        for (unsigned i = 0; i < LOOKOUT_READS_MAX; ++i) {
                ssize_t n = read(fd, buffer, sizeof(buffer));

                if (n <= 0)
                        break;
                /* The kernel gives whole events, each padded for the next one. */
                for (size_t at = 0; at < (size_t)n;) {
                        const struct inotify_event *e = (const void *)(buffer + at);

                        concerns = concerns || lookout_concerns(e, prefix);
                        at += sizeof(*e) + e->len;
                }
        }
        return concerns;
}
