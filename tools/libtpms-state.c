/* SPDX-License-Identifier: BSD-2-Clause */
#include "libtpms-state.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/encode.h"
#include "base/error.h"

#define STATE_MAGIC    BYTES_TEXT("imr-tpm2")
#define STATE_VERSION  1U
#define STATE_HEADER_N (8 + 3 * sizeof(uint32_t))
#define STATE_DIGEST_N 32U
#define STATE_FILE_MAX (STATE_HEADER_N + 2 * (size_t)STATE_BLOB_MAX + STATE_DIGEST_N)

static int read_all(int fd, uint8_t *data, size_t n) {
        while (n > 0) {
                ssize_t k = read(fd, data, n);

                if (k < 0 && errno != EINTR)
                        return error_origin(negative_errno());
                if (k == 0)
                        return error_origin(-ENODATA);
                if (k > 0) {
                        data += k;
                        n -= (size_t)k;
                }
        }
        return 0;
}

static int write_all(int fd, Bytes bytes) {
        while (bytes.n > 0) {
                ssize_t k = write(fd, bytes.data, bytes.n);
                Bytes done;

                if (k < 0 && errno != EINTR)
                        return error_origin(negative_errno());
                if (k > 0)
                        (void)bytes_take(&bytes, (size_t)k, &done);
        }
        return 0;
}

static int digest_of(Bytes bytes, uint8_t ret_digest[static STATE_DIGEST_N]) {
        if (EVP_Digest(bytes.data, bytes.n, ret_digest, NULL, EVP_sha256(), NULL) != 1)
                return error_origin(-EIO);
        return 0;
}

/**
 * tpms_file_open() - name a state file and take its lock
 * @path:     the file; it need not exist, its directory must
 * @ret_file: the file, to be freed with tpms_file_free(); set on success only
 *
 * The lock is a flock on PATH.lock, which is left behind: the state file itself is replaced with
 * every save, so that a lock on it would be lost.
 *
 * Return: 0, TPMS_E_BUSY; -ENOMEM or what open() and flock() give (-ENOENT: no directory).
 */
int tpms_file_open(const char *path, TpmsFile **ret_file) {
        _cleanup_(tpms_file_freep) TpmsFile *file = NULL;
        _cleanup_free_ char *path_lock = NULL;

        file = calloc(1, sizeof(*file));
        if (!file)
                return error_origin(-ENOMEM);
        file->lock_fd = -1;
        file->path = strdup(path);
        if (!file->path)
                return error_origin(-ENOMEM);
        if (asprintf(&file->path_tmp, "%s.tmp", path) < 0) {
                file->path_tmp = NULL;
                return error_origin(-ENOMEM);
        }
        if (asprintf(&path_lock, "%s.lock", path) < 0) {
                path_lock = NULL;
                return error_origin(-ENOMEM);
        }
        file->lock_fd = open(path_lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (file->lock_fd < 0)
                return error_origin(negative_errno());
        if (flock(file->lock_fd, LOCK_EX | LOCK_NB) < 0)
                return errno == EWOULDBLOCK ? TPMS_E_BUSY : error_origin(negative_errno());
        *ret_file = TAKE(file);
        return 0;
}

/**
 * tpms_file_free() - let go of a state file and its lock
 * @file: the file or NULL
 *
 * Return: NULL.
 */
TpmsFile *tpms_file_free(TpmsFile *file) {
        if (!file)
                return NULL;
        closep(&file->lock_fd);
        free(file->path_tmp);
        free(file->path);
        free(file);
        return NULL;
}

static bool state_parse(Bytes in, Bytes *ret_permanent, Bytes *ret_volatile, Bytes *ret_digest) {
        Bytes magic, permanent, volatile_state, digest;
        uint32_t version, n_permanent, n_volatile;

        if (!bytes_take(&in, STATE_MAGIC.n, &magic) || !bytes_equal(magic, STATE_MAGIC) ||
            !bytes_take_u32(&in, ORDER_BIG, &version) || version != STATE_VERSION ||
            !bytes_take_u32(&in, ORDER_BIG, &n_permanent) || n_permanent > STATE_BLOB_MAX ||
            !bytes_take_u32(&in, ORDER_BIG, &n_volatile) || n_volatile > STATE_BLOB_MAX ||
            n_permanent == 0 || n_volatile == 0 || !bytes_take(&in, n_permanent, &permanent) ||
            !bytes_take(&in, n_volatile, &volatile_state) ||
            !bytes_take(&in, STATE_DIGEST_N, &digest) || in.n != 0)
                return false;
        *ret_permanent = permanent;
        *ret_volatile = volatile_state;
        *ret_digest = digest;
        return true;
}

/**
 * tpms_file_load() - read what was saved last
 * @file:          the file
 * @ret_data:      new memory that the slices borrow from, to be freed by the caller
 * @ret_permanent: the permanent state, never empty
 * @ret_volatile:  the volatile state, never empty; all three are set on success only
 *
 * Return: 0, TPMS_E_NONE, TPMS_E_DAMAGED; -ENOMEM or what open() and read() give.
 */
int tpms_file_load(const TpmsFile *file, uint8_t **ret_data, Bytes *ret_permanent,
                   Bytes *ret_volatile) {
        _cleanup_free_ uint8_t *data = NULL;
        _cleanup_close_ int fd = -1;
        uint8_t digest_is[STATE_DIGEST_N];
        Bytes permanent, volatile_state, digest;
        struct stat st;
        size_t n;
        int r;

        fd = open(file->path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return errno == ENOENT ? TPMS_E_NONE : error_origin(negative_errno());
        if (fstat(fd, &st) < 0)
                return error_origin(negative_errno());
        if (!S_ISREG(st.st_mode) || st.st_size < (off_t)STATE_HEADER_N ||
            st.st_size > (off_t)STATE_FILE_MAX)
                return TPMS_E_DAMAGED;
        n = (size_t)st.st_size;
        data = malloc(n);
        if (!data)
                return error_origin(-ENOMEM);
        r = read_all(fd, data, n);
        if (r < 0)
                return error_trace(r);
        if (!state_parse(bytes_of(data, n), &permanent, &volatile_state, &digest))
                return TPMS_E_DAMAGED;
        r = digest_of(bytes_of(data, n - STATE_DIGEST_N), digest_is);
        if (r < 0)
                return error_trace(r);
        if (!bytes_equal(digest, bytes_of(digest_is, sizeof(digest_is))))
                return TPMS_E_DAMAGED;
        *ret_data = TAKE(data);
        *ret_permanent = permanent;
        *ret_volatile = volatile_state;
        return 0;
}

static int file_replace(const TpmsFile *file, Bytes content) {
        _cleanup_close_ int fd = -1;
        int r;

        fd = open(file->path_tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (fd < 0)
                return error_origin(negative_errno());
        r = write_all(fd, content);
        if (r < 0)
                return error_trace(r);
        if (rename(file->path_tmp, file->path) < 0)
                return error_origin(negative_errno());
        return 0;
}

/**
 * tpms_file_save() - replace what was saved last, in one step
 * @file:           the file
 * @permanent:      1 to STATE_BLOB_MAX bytes
 * @volatile_state: 1 to STATE_BLOB_MAX bytes
 *
 * Return: 0; -EFBIG (or empty), -ENOMEM, -EIO or what open(), write() and rename() give. After a
 * failure the file is as it was before.
 */
int tpms_file_save(const TpmsFile *file, Bytes permanent, Bytes volatile_state) {
        _cleanup_free_ uint8_t *data = NULL;
        uint8_t digest[STATE_DIGEST_N];
        Builder b;
        int r;

        if (permanent.n == 0 || permanent.n > STATE_BLOB_MAX || volatile_state.n == 0 ||
            volatile_state.n > STATE_BLOB_MAX)
                return error_origin(-EFBIG);
        data = malloc(STATE_HEADER_N + permanent.n + volatile_state.n + STATE_DIGEST_N);
        if (!data)
                return error_origin(-ENOMEM);
        b = builder_on(data, STATE_HEADER_N + permanent.n + volatile_state.n + STATE_DIGEST_N);
        builder_put(&b, STATE_MAGIC);
        builder_put_u32(&b, ORDER_BIG, STATE_VERSION);
        builder_put_u32(&b, ORDER_BIG, (uint32_t)permanent.n);
        builder_put_u32(&b, ORDER_BIG, (uint32_t)volatile_state.n);
        builder_put(&b, permanent);
        builder_put(&b, volatile_state);
        r = digest_of(builder_bytes(&b), digest);
        if (r < 0)
                return error_trace(r);
        builder_put(&b, bytes_of(digest, sizeof(digest)));
        return error_trace(file_replace(file, builder_bytes(&b)));
}

/* Cut off what a process killed inside write() left of its last line. */
static int record_trim(int fd, size_t n_line_max) {
        _cleanup_free_ uint8_t *tail = NULL;
        const uint8_t *end;
        struct stat st;
        size_t n;
        off_t at;

        if (fstat(fd, &st) < 0)
                return error_origin(negative_errno());
        if (!S_ISREG(st.st_mode))
                return error_origin(-EINVAL);
        n = MIN_OF((size_t)st.st_size, n_line_max);
        at = st.st_size - (off_t)n;
        tail = malloc(n + 1);
        if (!tail)
                return error_origin(-ENOMEM);
        if (pread(fd, tail, n, at) != (ssize_t)n)
                return error_origin(-EIO);
        end = memrchr(tail, '\n', n);
        if (!end && at > 0)
                return error_origin(-EINVAL);
        at = end ? at + (end - tail) + 1 : 0;
        if (at < st.st_size && ftruncate(fd, at) < 0)
                return error_origin(negative_errno());
        return 0;
}

/**
 * tpms_record_open() - open a record of commands to append to
 * @path:       the file, created when missing
 * @n_line_max: the longest line with its end; an incomplete last line is cut off
 * @ret_fd:     the file, locked, to be closed by the caller; set on success only
 *
 * Return: 0, TPMS_E_BUSY; -EINVAL when this is no record, -ENOMEM, or what the system gives.
 */
int tpms_record_open(const char *path, size_t n_line_max, int *ret_fd) {
        _cleanup_close_ int fd = -1;
        int r;

        fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (fd < 0)
                return error_origin(negative_errno());
        if (flock(fd, LOCK_EX | LOCK_NB) < 0)
                return errno == EWOULDBLOCK ? TPMS_E_BUSY : error_origin(negative_errno());
        r = record_trim(fd, n_line_max);
        if (r < 0)
                return error_trace(r);
        *ret_fd = take_fd(&fd);
        return 0;
}

/**
 * tpms_record_append() - append a line "COMMAND RESPONSE" in hex
 * @fd:       from tpms_record_open()
 * @command:  the whole command
 * @response: the whole response
 *
 * Return: 0; -ENOMEM or what write() gives.
 */
int tpms_record_append(int fd, Bytes command, Bytes response) {
        size_t n_command = HEX_SIZE(command.n), n_response = HEX_SIZE(response.n);
        _cleanup_free_ char *line = NULL;

        line = malloc(n_command + n_response);
        if (!line)
                return error_origin(-ENOMEM);
        hex_encode(command, line, n_command);
        hex_encode(response, line + n_command, n_response);
        /* Both NULs are put to use. */
        line[n_command - 1] = ' ';
        line[n_command + n_response - 1] = '\n';
        return error_trace(write_all(fd, bytes_of(line, n_command + n_response)));
}
