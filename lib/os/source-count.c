/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's count of its records: a file that is locked, and that is always fresh.
 */
#include <fcntl.h>
#include <sys/file.h>

#include "os/source-internal.h"

#define IMA_COUNT IMA_DIR "/runtime_measurements_count"
#define COUNT_MAX (sizeof("18446744073709551615\n") - 1)

/**
 * source_lock() - take the lock of this kernel's list
 * @root:   where securityfs is
 * @error:  as in SourceOptions
 * @ret_fd: runtime_measurements_count, open and locked: the lock lasts as long as it is; set on
 *          success only
 *
 * Return: 0, SOURCE_E_ABSENT, _UNREADABLE, _LOCKED; -ENOMEM.
 */
int source_lock(const Root *root, int *error, int *ret_fd) {
        _cleanup_close_ int dir = -1, fd = -1;
        int r;

        r = root_open(root, IMA_DIR, O_PATH | O_DIRECTORY, &dir);
        if (r == -ENOENT || r == -ENOTDIR)
                return SOURCE_E_ABSENT;
        if (r == 0)
                r = root_open(root, IMA_COUNT, O_RDONLY, &fd);
        if (r < 0)
                return error_trace(source_trouble(error, r));
        if (flock(fd, LOCK_EX | LOCK_NB) < 0)
                return errno == EWOULDBLOCK ? SOURCE_E_LOCKED
                                            : error_trace(source_trouble(error, negative_errno()));
        *ret_fd = take_fd(&fd);
        return 0;
}

/**
 * source_count() - how many records the list has now, the trimmed ones too
 * @s:     the source
 * @ret_n: records, set on success only
 *
 * Kernel ima_fs.c, ima_show_measurements_count(); a pread of the open fd is always fresh. While
 * resting, what is trimmed unseen is missing here: then there seem to be fewer than there were,
 * or, if as many came meanwhile, nothing shows before the next change.
 *
 * Return: 0, SOURCE_E_SHRUNK (source_next() finds out how much was trimmed; also for a moment when
 *         a record can be read that is not counted yet), SOURCE_E_UNREADABLE; -ENOMEM.
 */
int source_count(Source *s, uint64_t *ret_n) {
        char text[COUNT_MAX + 1];
        uint64_t n = 0;
        size_t k, i;
        int r;

        r = read_at(s->options.lock_fd, 0, text, sizeof(text), &k);
        if (r < 0)
                return error_trace(source_trouble(s->options.error, r));
        for (i = 0; i < k && text[i] >= '0' && text[i] <= '9'; ++i) {
                if (__builtin_mul_overflow(n, 10, &n) ||
                    __builtin_add_overflow(n, (uint64_t)(text[i] - '0'), &n))
                        return source_trouble(s->options.error, 0);
        }
        if (i == 0 || i + 1 != k || text[i] != '\n' ||
            __builtin_add_overflow(n, s->view.n_trimmed, &n))
                return source_trouble(s->options.error, 0);
        if (n < s->n_known)
                return SOURCE_E_SHRUNK;
        s->n_known = n;
        *ret_n = n;
        return 0;
}
