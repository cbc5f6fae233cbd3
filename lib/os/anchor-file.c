/* SPDX-License-Identifier: BSD-2-Clause */
#include "os/anchor-file.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/util.h"

#define NAME     "anchor"
#define NAME_NEW "anchor.new" /* until it is whole */
#define BOOT_ID  "proc/sys/kernel/random/boot_id"
/* As the kernel writes it: 8-4-4-4-12 hex digits and a newline. */
#define BOOT_ID_TEXT_SIZE (BOOT_ID_SIZE - 1 + 4 + 1)

/* For what root alone can have put there: no waiting, no way elsewhere. */
#define READ_FLAGS (O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)

static int boot_id_of_image(char ret_boot_id[static BOOT_ID_SIZE]) {
        memset(ret_boot_id, '0', BOOT_ID_SIZE - 1);
        ret_boot_id[BOOT_ID_SIZE - 1] = '\0';
        return 0;
}

/**
 * boot_id_read() - which boot is this?
 * @root:        / or --root=
 * @ret_boot_id: 32 hex digits, set on success only. A --root that lacks the file (a test, an image)
 *               has 32 zeros.
 *
 * Return: 0; -EBADMSG or -EFBIG when the file holds no boot id; another negative errno when it
 * cannot be read.
 */
int boot_id_read(const Root *root, char ret_boot_id[static BOOT_ID_SIZE]) {
        char text[BOOT_ID_TEXT_SIZE + 1], boot_id[BOOT_ID_SIZE] = {};
        _cleanup_close_ int fd = -1;
        size_t n, n_digits = 0;
        int r;

        r = root_open(root, BOOT_ID, READ_FLAGS, &fd);
        if (r == -ENOENT && root->is_given)
                return boot_id_of_image(ret_boot_id);
        if (r == 0)
                r = read_whole(fd, text, sizeof(text), &n);
        if (r != 0)
                return error_origin(r);
        if (n != BOOT_ID_TEXT_SIZE || text[n - 1] != '\n')
                return error_origin(-EBADMSG);
        for (size_t i = 0; i < n - 1; ++i) {
                bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;

                if (is_dash && text[i] != '-')
                        return error_origin(-EBADMSG);
                if (!is_dash)
                        boot_id[n_digits++] = text[i];
        }
        if (!anchor_boot_id_is_sound(boot_id))
                return error_origin(-EBADMSG);
        memcpy(ret_boot_id, boot_id, BOOT_ID_SIZE);
        return 0;
}

/* What stands in the way, as an outcome, where it is not a trouble of our own. */
static int anchor_file_judge(int error) {
        switch (error) {
        case -ENOENT:
                return ANCHOR_FILE_E_NONE;
        case -ELOOP:   /* a symbolic link */
        case -ENOTDIR: /* the place is a file */
        case -ENXIO:   /* a socket, a device */
        case -EACCES:
        case -EFBIG:
                return ANCHOR_FILE_E_BAD;
        default:
                return error_origin(error);
        }
}

static int anchor_file_open(const Root *root, int *ret_fd) {
        _cleanup_close_ int dir_fd = -1, fd = -1;
        struct stat st;
        int r;

        r = root_open(root, RUN_DIR, O_PATH | O_DIRECTORY | O_NOFOLLOW, &dir_fd);
        if (r < 0)
                return r;
        fd = openat(dir_fd, NAME, READ_FLAGS);
        if (fd < 0 || fstat(fd, &st) < 0)
                return negative_errno();
        if (!S_ISREG(st.st_mode))
                return -ENXIO;
        *ret_fd = take_fd(&fd);
        return 0;
}

/**
 * anchor_file_read() - read the anchor of this boot
 * @root:       / or --root=
 * @boot_id:    of boot_id_read()
 * @ret_anchor: the anchor, set on success only
 *
 * Return: 0; ANCHOR_FILE_E_NONE: there is none, or it is of another boot; ANCHOR_FILE_E_BAD: what
 * is there is not an anchor, or not for us to read; a negative errno (memory, descriptors, I/O).
 */
int anchor_file_read(const Root *root, const char *boot_id, Anchor *ret_anchor) {
        char text[ANCHOR_TEXT_MAX + 1];
        _cleanup_close_ int fd = -1;
        Anchor anchor;
        size_t n;
        int r;

        r = anchor_file_open(root, &fd);
        if (r == 0)
                r = read_whole(fd, text, sizeof(text), &n);
        if (r < 0)
                return anchor_file_judge(r);
        if (anchor_parse(bytes_of(text, n), &anchor) != 0)
                return ANCHOR_FILE_E_BAD;
        if (strcmp(anchor.boot_id, boot_id) != 0)
                return ANCHOR_FILE_E_NONE;
        *ret_anchor = anchor;
        return 0;
}

/* No fsync: it is not to outlive the boot. */
static int anchor_file_replace(int dir_fd, Bytes text) {
        _cleanup_close_ int fd = -1;
        int r;

        /* Of one who died while writing. */
        if (unlinkat(dir_fd, NAME_NEW, 0) < 0 && errno != ENOENT)
                return negative_errno();
        fd = openat(dir_fd, NAME_NEW, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return negative_errno();
        r = write_at(fd, 0, text);
        if (r == 0 && renameat(dir_fd, NAME_NEW, dir_fd, NAME) < 0)
                r = negative_errno();
        if (r < 0)
                (void)unlinkat(dir_fd, NAME_NEW, 0);
        return r;
}

/**
 * anchor_file_write() - replace the anchor; whoever reads sees the old one or the new one, whole
 * @root:   / or --root=
 * @anchor: the anchor
 *
 * /run/ima-replay is made when it is missing.
 *
 * Return: 0, or a negative errno: the old one is still there.
 */
int anchor_file_write(const Root *root, const Anchor *anchor) {
        char text[ANCHOR_TEXT_MAX];
        size_t n = anchor_format(anchor, text);
        _cleanup_close_ int dir_fd = -1;
        int r;

        r = root_mkdir(root, RUN_DIR);
        if (r == 0)
                r = root_open(root, RUN_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, &dir_fd);
        if (r == 0)
                r = anchor_file_replace(dir_fd, bytes_of(text, n));
        return r < 0 ? error_origin(r) : 0;
}
