/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/serve-files.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "base/error.h"
#include "base/util.h"
#include "os/loop.h"
#include "os/root.h"

#define FILE_SEALS         (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
#define FILES_BETWEEN_USEC (UINT64_C(5) * 1000000) /* between two looks at who holds them */

_Static_assert(sizeof(ServeFileKey) ==
                       3 * sizeof(uint64_t) + 2 * sizeof(uint32_t) + TPM_PCR_N * sizeof(BankMask),
               "a key has no padding");

/**
 * serve_file_drop() - let go of a file; those who have it open keep it
 * @file: of serve_files_new(); may be dropped already
 */
void serve_file_drop(ServeFile *file) {
        if (file->is_there)
                closep(&file->fd);
        *file = (ServeFile){ .fd = -1 };
}

/*
 * Ours is open for reading. A write lease is given only if no other description of it is open
 * (fcntl(2), F_SETLEASE), be it in a process, mapped, or on its way. Where the kernel refuses for
 * another reason nothing is known, and so it is let go.
 */
static bool file_is_held(const ServeFile *file) {
        if (fcntl(file->fd, F_SETLEASE, F_WRLCK) < 0)
                return errno == EAGAIN;
        (void)fcntl(file->fd, F_SETLEASE, F_UNLCK);
        return false;
}

static void files_sweep(ServeFiles *files) {
        for (size_t i = 0; i < SERVE_FILES_MAX; ++i) {
                ServeFile *f = &files->file[i];

                if (f->is_there && f->is_whole && !file_is_held(f))
                        serve_file_drop(f);
        }
}

/**
 * serve_files_run() - drop what nobody holds any more, from time to time
 * @files:    the files
 * @now_usec: CLOCK_BOOTTIME
 *
 * Return: when to be called again, if nothing happens.
 */
uint64_t serve_files_run(ServeFiles *files, uint64_t now_usec) {
        bool is_any = false;

        if (now_usec >= files->swept_usec + FILES_BETWEEN_USEC) {
                files->swept_usec = now_usec;
                files_sweep(files);
        }
        for (size_t i = 0; i < SERVE_FILES_MAX; ++i)
                is_any = is_any || files->file[i].is_there;
        return is_any ? files->swept_usec + FILES_BETWEEN_USEC : LOOP_FOREVER;
}

/**
 * serve_files_find() - is there a whole file with this?
 * @files: the files
 * @key:   what is in it
 *
 * Return: borrowed, until the next call for @files; NULL: there is none.
 */
ServeFile *serve_files_find(ServeFiles *files, const ServeFileKey *key) {
        for (size_t i = 0; i < SERVE_FILES_MAX; ++i) {
                ServeFile *f = &files->file[i];

                if (f->is_there && f->is_whole && memcmp(&f->key, key, sizeof(*key)) == 0)
                        return f;
        }
        return NULL;
}

/**
 * serve_files_new() - begin a file
 * @files:    the files
 * @key:      what will be in it
 * @ret_file: to be written to its fd, and finished or dropped; stays where it is until then. NULL:
 *            there is no room for one more
 *
 * Return: 0 or a negative errno.
 */
int serve_files_new(ServeFiles *files, const ServeFileKey *key, ServeFile **ret_file) {
        ServeFile *f = NULL;
        uint64_t size = 0;

        files_sweep(files);
        for (size_t i = 0; i < SERVE_FILES_MAX; ++i) {
                ServeFile *other = &files->file[i];

                if (!other->is_there)
                        f = other;
                else
                        size += other->is_whole ? other->size : SERVE_FILE_MAX;
        }
        *ret_file = NULL;
        if (!f || size + SERVE_FILE_MAX > SERVE_FILES_SIZE)
                return 0;
        *f = (ServeFile){ .fd = memfd_create("ima-replay-list", MFD_CLOEXEC | MFD_ALLOW_SEALING) };
        if (f->fd < 0)
                return error_origin(negative_errno());
        f->is_there = true;
        f->key = *key;
        *ret_file = f;
        return 0;
}

/**
 * serve_file_finish() - seal it; from now on it can be given out
 * @file: of serve_files_new(), written
 * @size: of what was written
 *
 * Return: 0 or a negative errno; then it is still to be dropped.
 */
int serve_file_finish(ServeFile *file, uint64_t size) {
        int fd = -1, r;

        if (fcntl(file->fd, F_ADD_SEALS, FILE_SEALS) < 0)
                return error_origin(negative_errno());
        r = fd_reopen(file->fd, &fd);
        if (r < 0)
                return error_origin(r);
        closep(&file->fd);
        file->fd = fd;
        file->size = size;
        file->is_whole = true;
        return 0;
}

/**
 * serve_file_give() - open it for somebody
 * @file:   finished
 * @ret_fd: at its beginning, with an offset of its own; to be closed by the caller; set on success
 *          only
 *
 * Return: 0 or a negative errno.
 */
int serve_file_give(const ServeFile *file, int *ret_fd) {
        return error_origin(fd_reopen(file->fd, ret_fd));
}

/**
 * serve_files_close() - let go of all
 * @files: the files
 */
void serve_files_close(ServeFiles *files) {
        for (size_t i = 0; i < SERVE_FILES_MAX; ++i)
                serve_file_drop(&files->file[i]);
}
