/* SPDX-License-Identifier: BSD-2-Clause */
#include "os/lookout.h"

#include <fcntl.h>
#include <sys/inotify.h>

#include "base/error.h"

#define LOOKOUT_EVENTS_SIZE 4096U

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

/**
 * lookout_drain() - what happened so far was heeded
 * @fd: of lookout_open()
 */
void lookout_drain(int fd) {
        char buffer[LOOKOUT_EVENTS_SIZE];

        while (read(fd, buffer, sizeof(buffer)) > 0)
                ;
}
