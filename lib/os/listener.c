/* SPDX-License-Identifier: BSD-2-Clause */
#include "os/listener.h"

#include <fcntl.h>
#include <pwd.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/error.h"
#include "base/util.h"

#define PATH_SIZE   256U
#define PASSWD_PATH "etc/passwd"
#define PASSWD_LINE 4096U

static int listener_open_file(const Root *root, const char *name, int *ret_fd) {
        char path[PATH_SIZE];
        int n = snprintf(path, sizeof(path), RUN_DIR "/%s", name);

        if (n < 0 || (size_t)n >= sizeof(path))
                return -ENAMETOOLONG;
        return root_open(root, path, O_PATH | O_NOFOLLOW, ret_fd);
}

/**
 * listener_connect() - connect to a socket in /run/ima-replay
 * @root:   where that is
 * @name:   of the socket
 * @type:   SOCK_STREAM, SOCK_SEQPACKET
 * @ret_fd: non-blocking; to be closed by the caller; set on success only
 *
 * Return: 0, LISTENER_E_GONE when nobody listens there, LISTENER_E_PENDING; a negative errno,
 *         -ENOTSOCK when something else is at that place, -EPROTOTYPE when it is of another type.
 */
int listener_connect(const Root *root, const char *name, int type, int *ret_fd) {
        struct sockaddr_un where = { .sun_family = AF_UNIX };
        _cleanup_close_ int file_fd = -1, fd = -1;
        struct stat st;
        int r;

        r = listener_open_file(root, name, &file_fd);
        if (r == -ENOENT || r == -ENOTDIR)
                return LISTENER_E_GONE;
        if (r < 0)
                return error_origin(r);
        if (fstat(file_fd, &st) < 0)
                return error_origin(negative_errno());
        if (!S_ISSOCK(st.st_mode))
                return error_origin(-ENOTSOCK);
        fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return error_origin(negative_errno());
        /* The very file that was looked at, however long its path is. */
        (void)snprintf(where.sun_path, sizeof(where.sun_path), "/proc/self/fd/%d", file_fd);
        if (connect(fd, (const struct sockaddr *)&where, sizeof(where)) < 0) {
                if (errno == ECONNREFUSED)
                        return LISTENER_E_GONE;
                return errno == EAGAIN ? LISTENER_E_PENDING : error_origin(negative_errno());
        }
        *ret_fd = take_fd(&fd);
        return 0;
}

/* The socket of a process that is dead makes room; a live one's does not, nor does anything else.
 */
static int listener_make_room(const Root *root, const Listener *how, int dir_fd) {
        _cleanup_close_ int fd = -1;
        struct stat st;
        int r;

        if (fstatat(dir_fd, how->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT ? 0 : error_origin(negative_errno());
        if (!S_ISSOCK(st.st_mode))
                return error_origin(-EEXIST);
        r = listener_connect(root, how->name, how->type, &fd);
        if (r < 0)
                return error_trace(r);
        if (r != LISTENER_E_GONE)
                return error_origin(-EADDRINUSE);
        return unlinkat(dir_fd, how->name, 0) < 0 ? error_origin(negative_errno()) : 0;
}

/**
 * listener_bind() - make a socket and listen
 * @root:   where /run/ima-replay is; the directory is there
 * @how:    which socket
 * @ret_fd: non-blocking, to be closed by the caller; set on success only
 *
 * Through an fd of the directory, as sun_path has no room for a deep root. The mode is set between
 * bind() and listen(): before that connecting is refused to everybody, so it does not matter what a
 * umask lets through, and it need not be touched. The file stays when we end: it refuses whoever
 * comes, and who starts next replaces it.
 *
 * Return: 0; -EADDRINUSE when a live process listens there, -EEXIST when something is there that is
 *         no socket; another negative errno.
 */
int listener_bind(const Root *root, const Listener *how, int *ret_fd) {
        struct sockaddr_un where = { .sun_family = AF_UNIX };
        _cleanup_close_ int dir_fd = -1, fd = -1;
        int r;

        r = root_open(root, RUN_DIR, O_PATH | O_DIRECTORY, &dir_fd);
        if (r < 0)
                return error_origin(r);
        r = listener_make_room(root, how, dir_fd);
        if (r < 0)
                return error_trace(r);
        fd = socket(AF_UNIX, how->type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return error_origin(negative_errno());
        r = snprintf(where.sun_path, sizeof(where.sun_path), "/proc/self/fd/%d/%s", dir_fd,
                     how->name);
        if (r < 0 || (size_t)r >= sizeof(where.sun_path))
                return error_origin(-ENAMETOOLONG);
        if (bind(fd, (const struct sockaddr *)&where, sizeof(where)) < 0 ||
            fchmodat(dir_fd, how->name, how->mode, 0) < 0 || listen(fd, how->backlog) < 0)
                return error_origin(negative_errno());
        *ret_fd = take_fd(&fd);
        return 0;
}

static bool listener_option_is(int fd, int option, int want) {
        socklen_t n = sizeof(int);
        int value = -1;

        return getsockopt(fd, SOL_SOCKET, option, &value, &n) == 0 && value == want;
}

/**
 * listener_check() - make a socket of socket activation fit
 * @fd:   the socket; becomes non-blocking and close-on-exec
 * @type: what is spoken here; a unit may say something else
 *
 * Return: 0; -EINVAL when it is no listening AF_UNIX socket of this type; another negative errno.
 */
int listener_check(int fd, int type) {
        int flags = fcntl(fd, F_GETFL);

        if (flags < 0)
                return error_origin(negative_errno());
        if (!listener_option_is(fd, SO_DOMAIN, AF_UNIX) || !listener_option_is(fd, SO_TYPE, type) ||
            !listener_option_is(fd, SO_ACCEPTCONN, 1))
                return error_origin(-EINVAL);
        if (fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
                return error_origin(negative_errno());
        return 0;
}

/* System users stand in this file, and asking more (NSS) may want a network that is not there yet.
 */
static int listener_find_user(const Root *root, const char *name, uid_t *ret_uid) {
        _cleanup_close_ int fd = -1;
        _cleanup_fclose_ FILE *f = NULL;
        char line[PASSWD_LINE];
        struct passwd entry, *found;
        int r;

        r = root_open(root, PASSWD_PATH, O_RDONLY | O_NOCTTY, &fd);
        if (r == -ENOENT || r == -ENOTDIR)
                return LISTENER_E_NO_USER;
        if (r < 0)
                return error_origin(r);
        f = fdopen(fd, "r");
        if (!f)
                return error_origin(negative_errno());
        (void)take_fd(&fd);
        while ((r = fgetpwent_r(f, &entry, line, sizeof(line), &found)) == 0)
                if (strcmp(entry.pw_name, name) == 0) {
                        *ret_uid = entry.pw_uid;
                        return 0;
                }
        return r == ENOENT ? LISTENER_E_NO_USER : error_origin(-r);
}

/**
 * listener_give() - let a user connect to a socket that is ours, besides root
 * @root: where /run/ima-replay and /etc/passwd are
 * @name: of the socket
 * @user: becomes the owner of its file
 *
 * Not raised: whoever has no right to do that can still do without.
 *
 * Return: 0; LISTENER_E_NO_USER; a negative errno.
 */
int listener_give(const Root *root, const char *name, const char *user) {
        _cleanup_close_ int fd = -1;
        struct stat st;
        uid_t uid = 0;
        int r;

        r = listener_find_user(root, user, &uid);
        if (r == 0)
                r = listener_open_file(root, name, &fd);
        if (r != 0)
                return r;
        if (fstat(fd, &st) < 0 ||
            (st.st_uid != uid && fchownat(fd, "", uid, (gid_t)-1, AT_EMPTY_PATH) < 0))
                return negative_errno();
        return 0;
}
