/* SPDX-License-Identifier: BSD-2-Clause */
#include "os/spool.h"

#include <endian.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/error.h"

#define SPOOL_LIST      RUN_DIR "/list"
#define SPOOL_INDEX     RUN_DIR "/index"
#define SPOOL_LIST_NEW  SPOOL_LIST ".new"
#define SPOOL_INDEX_NEW SPOOL_INDEX ".new"

/* Read at once: whole rows, and not more than 64 KiB. */
#define WINDOW_SIZE (2730UL * SPOOL_ROW_SIZE)

_Static_assert(sizeof(SpoolRow) == SPOOL_ROW_SIZE, "a row has no padding");

/* What was read ahead of a file, while that is compared with what passes. */
typedef struct Window {
        uint8_t *data;
        uint64_t at;
        size_t n;
} Window;

struct Spool {
        Root root; /* its fd is borrowed */
        uint64_t limit;
        int list_fd, index_fd; /* -1: there are none */
        uint64_t n_inherited;
        SpoolHeld held;   /* in the files */
        SpoolHeld passed; /* of them in this process: never more than held */
        Window list, index;
        uint64_t generation;
        SpoolTrouble trouble;
        int error;
};

static void spool_close_windows(Spool *s) {
        free(s->list.data);
        free(s->index.data);
        s->list = s->index = (Window){};
}

/**
 * spool_free() - close the spool; its files stay
 * @s: the spool or NULL
 *
 * Return: NULL.
 */
Spool *spool_free(Spool *s) {
        if (!s)
                return NULL;
        spool_close_windows(s);
        closep(&s->list_fd);
        closep(&s->index_fd);
        free(s);
        return NULL;
}

/* From here on it takes nothing more. Not raised: extending does not need a spool (I15). */
static void spool_stop(Spool *s, int error) {
        s->trouble = error == -ENOSPC || error == -EDQUOT ? SPOOL_FULL : SPOOL_FAILED;
        s->error = -error;
}

/* At least a byte, at most max. Return: 0, SPOOL_E_GONE, -ENOMEM. */
static int window_read(Window *w, int fd, uint64_t offset, size_t max, Bytes *ret_bytes) {
        if (!w->data)
                w->data = malloc(WINDOW_SIZE);
        if (!w->data)
                return error_origin(-ENOMEM);
        if (offset < w->at || offset - w->at >= w->n) {
                w->at = offset;
                w->n = 0;
                if (read_at(fd, offset, w->data, WINDOW_SIZE, &w->n) < 0 || w->n == 0)
                        return SPOOL_E_GONE;
        }
        *ret_bytes =
                bytes_of(w->data + (offset - w->at), MIN_OF(max, w->n - (size_t)(offset - w->at)));
        return 0;
}

/* Rows are read in order, so a window begins with a whole one. Return: as window_read(). */
static int spool_row_offset(Spool *s, uint64_t i, uint64_t *ret_offset) {
        Bytes row;
        int r;

        r = window_read(&s->index, s->index_fd, i * SPOOL_ROW_SIZE, SPOOL_ROW_SIZE, &row);
        if (r != 0)
                return error_trace(r);
        if (row.n < SPOOL_ROW_SIZE)
                return SPOOL_E_GONE;
        (void)bytes_take_u64(&row, ORDER_LITTLE, ret_offset);
        return 0;
}

static int spool_create(const Spool *s, const char *path, int *ret_fd) {
        int r = root_unlink(&s->root, path);

        if (r < 0 && r != -ENOENT)
                return r;
        return root_open(&s->root, path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, ret_fd);
}

/*
 * New files in the place of the old ones, with as many records as are right. If only the list gets
 * there, the old index goes with it: its rows beyond point to the list's end, and do not count.
 */
static int spool_replace_files(Spool *s, SpoolHeld keep) {
        _cleanup_close_ int list_fd = -1, index_fd = -1;
        int r;

        s->held = keep;
        spool_close_windows(s);
        r = spool_create(s, SPOOL_LIST_NEW, &list_fd);
        if (r == 0)
                r = spool_create(s, SPOOL_INDEX_NEW, &index_fd);
        if (r == 0)
                r = fd_copy(s->list_fd, list_fd, keep.n_bytes);
        if (r == 0)
                r = fd_copy(s->index_fd, index_fd, keep.n_records * SPOOL_ROW_SIZE);
        if (r == 0)
                r = root_rename(&s->root, SPOOL_LIST_NEW, SPOOL_LIST);
        if (r == 0)
                r = root_rename(&s->root, SPOOL_INDEX_NEW, SPOOL_INDEX);
        if (r < 0) {
                (void)root_unlink(&s->root, SPOOL_LIST_NEW);
                (void)root_unlink(&s->root, SPOOL_INDEX_NEW);
                return r;
        }
        closep(&s->list_fd);
        closep(&s->index_fd);
        s->list_fd = take_fd(&list_fd);
        s->index_fd = take_fd(&index_fd);
        ++s->generation;
        return 0;
}

/* A file that only we can have written. 0, SPOOL_E_GONE (there is none), a negative errno. */
static int spool_open_file(const Spool *s, const char *path, int *ret_fd, uint64_t *ret_size) {
        _cleanup_close_ int fd = -1;
        struct stat st;
        int r;

        /* O_NONBLOCK: whatever stands there, nobody waits for it. */
        r = root_open(&s->root, path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, &fd);
        if (r == -ENOENT || r == -ELOOP || r == -ENXIO)
                return SPOOL_E_GONE;
        if (r < 0)
                return r;
        if (fstat(fd, &st) < 0)
                return negative_errno();
        if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077) != 0)
                return SPOOL_E_GONE;
        *ret_fd = take_fd(&fd);
        *ret_size = (uint64_t)st.st_size;
        return 0;
}

/* A record that was being written as a daemon ended is not counted, nor its row. */
static int spool_find_end(Spool *s, uint64_t last) {
        _cleanup_(listfile_freep) ListFile *list = NULL;
        _cleanup_close_ int fd = -1;
        MlistRecord record;
        int r;

        r = fd_reopen(s->list_fd, &fd);
        if (r == 0 && lseek(fd, (off_t)last, SEEK_SET) < 0)
                r = negative_errno();
        if (r < 0) {
                s->held.n_records = 0;
                spool_stop(s, r);
                return 0;
        }
        r = listfile_new(fd, DIGEST_SHA1, &list);
        if (r == 0)
                r = listfile_next(list, &record);
        if (r < 0)
                return error_trace(r);
        if (r == 0) {
                s->held.n_bytes = last + listfile_place(list).offset;
        } else {
                --s->held.n_records;
                s->held.n_bytes = last;
        }
        return 0;
}

/*
 * Take the rows that can be true: ascending from 0, and within the list. Rows behind those would
 * seem true when the list has grown: not in these files.
 */
static int spool_inherit(Spool *s, uint64_t list_size, uint64_t index_size) {
        uint64_t offset, last = 0, n = 0;
        int r;

        while ((r = spool_row_offset(s, n, &offset)) == 0 && offset < list_size &&
               (n == 0 ? offset == 0 : offset > last)) {
                last = offset;
                ++n;
        }
        if (r < 0)
                return error_trace(r);
        s->held.n_records = n;
        if (n > 0) {
                r = spool_find_end(s, last);
                if (r < 0)
                        return error_trace(r);
        }
        s->n_inherited = s->held.n_records;
        if (s->trouble == SPOOL_FINE && index_size / SPOOL_ROW_SIZE > s->held.n_records) {
                r = spool_replace_files(s, s->held);
                if (r < 0)
                        spool_stop(s, r);
        }
        return 0;
}

static int spool_open_files(Spool *s) {
        uint64_t list_size, index_size;
        int r;

        r = root_mkdir(&s->root, RUN_DIR);
        if (r == 0)
                r = spool_open_file(s, SPOOL_LIST, &s->list_fd, &list_size);
        if (r == 0)
                r = spool_open_file(s, SPOOL_INDEX, &s->index_fd, &index_size);
        if (r == 0)
                return error_trace(spool_inherit(s, list_size, index_size));
        if (r == SPOOL_E_GONE)
                r = spool_replace_files(s, (SpoolHeld){});
        if (r < 0)
                spool_stop(s, r);
        return 0;
}

/**
 * spool_open() - take over the files of a daemon before us, or begin new ones
 * @root:      its fd is borrowed
 * @limit:     bytes that both files may take; 0: no spool, and old files are removed
 * @ret_spool: to be freed with spool_free(); set on success only
 *
 * Files that cannot be had are no error: spool_facts() tells.
 *
 * Return: 0; -ENOMEM; -ENOTSUP when OpenSSL does not have SHA-1; -EIO.
 */
int spool_open(const Root *root, uint64_t limit, Spool **ret_spool) {
        _cleanup_(spool_freep) Spool *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return error_origin(-ENOMEM);
        *s = (Spool){ .root = *root, .limit = limit, .list_fd = -1, .index_fd = -1 };
        /* What a daemon left that was killed as it replaced them. */
        (void)root_unlink(root, SPOOL_LIST_NEW);
        (void)root_unlink(root, SPOOL_INDEX_NEW);
        if (limit == 0) {
                s->trouble = SPOOL_OFF;
                (void)root_unlink(root, SPOOL_INDEX);
                (void)root_unlink(root, SPOOL_LIST);
        } else {
                r = spool_open_files(s);
                if (r < 0)
                        return error_trace(r);
        }
        *ret_spool = TAKE(s);
        return 0;
}

/* Is the next of the held records this one? Return: 0, -ENOMEM. */
static int spool_compare(Spool *s, Bytes record, bool *ret_same) {
        uint64_t at = s->passed.n_bytes, end = s->held.n_bytes;
        Bytes ours, theirs;
        int r = 0;

        if (s->passed.n_records + 1 < s->held.n_records)
                r = spool_row_offset(s, s->passed.n_records + 1, &end);
        if (r == 0 && end - at != record.n)
                r = SPOOL_E_GONE;
        while (r == 0 && record.n > 0) {
                r = window_read(&s->list, s->list_fd, at, record.n, &ours);
                if (r != 0)
                        break;
                at += ours.n;
                (void)bytes_take(&record, ours.n, &theirs);
                if (!bytes_equal(ours, theirs))
                        r = SPOOL_E_GONE;
        }
        if (r < 0)
                return error_trace(r);
        *ret_same = r == 0;
        return 0;
}

static void spool_append(Spool *s, Bytes record, uint64_t seen_usec) {
        SpoolHeld *end = &s->passed;
        const SpoolRow row = { htole64(end->n_bytes), htole64(seen_usec), 0 };
        int r;

        if (end->n_bytes + record.n + (end->n_records + 1) * SPOOL_ROW_SIZE > s->limit) {
                s->trouble = SPOOL_FULL;
                return;
        }
        /* The row counts the record: it comes when the bytes are there. */
        r = write_at(s->list_fd, end->n_bytes, record);
        if (r == 0)
                r = write_at(s->index_fd, end->n_records * SPOOL_ROW_SIZE,
                             bytes_of(&row, sizeof(row)));
        if (r < 0) {
                spool_stop(s, r);
                return;
        }
        ++end->n_records;
        end->n_bytes += record.n;
        s->held = *end;
}

/**
 * spool_pass() - a record of the list passes
 * @s:         the spool
 * @i:         its number, from 0
 * @record:    its bytes
 * @seen_usec: when it was seen first, for a record that is not held yet
 *
 * A record that passed before is not looked at again. The one behind those is compared with what
 * is held, or appended. Any other left a gap, because the spool was full or failed: nothing.
 *
 * Return: 0, whatever becomes of the spool; -ENOMEM.
 */
int spool_pass(Spool *s, uint64_t i, Bytes record, uint64_t seen_usec) {
        bool same = false;
        int r;

        if (s->trouble != SPOOL_FINE || i != s->passed.n_records)
                return 0;
        if (s->held.n_records > i) {
                r = spool_compare(s, record, &same);
                if (r < 0)
                        return error_trace(r);
                if (same) {
                        ++s->passed.n_records;
                        s->passed.n_bytes += record.n;
                        if (s->passed.n_records == s->held.n_records)
                                spool_close_windows(s);
                        return 0;
                }
                r = spool_replace_files(s, s->passed);
                if (r < 0) {
                        spool_stop(s, r);
                        return 0;
                }
        }
        spool_append(s, record, seen_usec);
        return 0;
}

/**
 * spool_extended() - a record was extended
 * @s:             the spool
 * @i:             its number
 * @extended_usec: when that was verified
 *
 * Nothing for a record that is not held.
 */
void spool_extended(Spool *s, uint64_t i, uint64_t extended_usec) {
        const uint64_t raw = htole64(extended_usec);
        int r;

        if (s->trouble == SPOOL_FAILED || i >= s->passed.n_records)
                return;
        r = write_at(s->index_fd, i * SPOOL_ROW_SIZE + offsetof(SpoolRow, extended_usec),
                     bytes_of(&raw, sizeof(raw)));
        if (r < 0)
                spool_stop(s, r);
}

/**
 * spool_n_inherited() - what a daemon before us has left
 * @s: the spool
 *
 * Return: records that were there as the spool was opened.
 */
uint64_t spool_n_inherited(const Spool *s) {
        return s->n_inherited;
}

/**
 * spool_held() - what the files hold, compared or not
 * @s: the spool
 *
 * Return: records and bytes.
 */
SpoolHeld spool_held(const Spool *s) {
        return s->held;
}

/**
 * spool_read() - read bytes of the list
 * @s:        the spool
 * @offset:   in `list`
 * @ret_data: room for them; undefined on failure
 * @n:        how many
 *
 * Return: 0, or SPOOL_E_GONE; never negative.
 */
int spool_read(const Spool *s, uint64_t offset, void *ret_data, size_t n) {
        size_t got;

        if (offset > s->held.n_bytes || n > s->held.n_bytes - offset)
                return SPOOL_E_GONE;
        if (read_at(s->list_fd, offset, ret_data, n, &got) < 0 || got < n)
                return SPOOL_E_GONE;
        return 0;
}

/**
 * spool_row() - read a row of the index
 * @s:       the spool
 * @i:       number of the record
 * @ret_row: the row, set on success only
 *
 * Return: 0, or SPOOL_E_GONE; never negative.
 */
int spool_row(const Spool *s, uint64_t i, SpoolRow *ret_row) {
        SpoolRow row;
        size_t got;

        if (i >= s->held.n_records ||
            read_at(s->index_fd, i * SPOOL_ROW_SIZE, &row, sizeof(row), &got) < 0 ||
            got < sizeof(row))
                return SPOOL_E_GONE;
        *ret_row = (SpoolRow){
                .offset = le64toh(row.offset),
                .seen_usec = le64toh(row.seen_usec),
                .extended_usec = le64toh(row.extended_usec),
        };
        return 0;
}

/**
 * spool_open_list() - open the list for reading
 * @s:      the spool
 * @ret_fd: stands at record 0, to be closed by the caller; set on success only
 *
 * There may be more in the file than spool_held() says; that is not to be read.
 *
 * Return: 0; SPOOL_E_GONE: there are no files; a negative errno.
 */
int spool_open_list(const Spool *s, int *ret_fd) {
        return s->list_fd < 0 ? SPOOL_E_GONE : error_origin(fd_reopen(s->list_fd, ret_fd));
}

/**
 * spool_facts() - how the spool is
 * @s: the spool
 *
 * Return: the facts.
 */
SpoolFacts spool_facts(const Spool *s) {
        return (SpoolFacts){
                .n_records = s->passed.n_records,
                .size = s->passed.n_bytes + s->passed.n_records * SPOOL_ROW_SIZE,
                .n_bytes = s->passed.n_bytes,
                .limit = s->limit,
                .generation = s->generation,
                .trouble = s->trouble,
                .error = s->error,
        };
}

/**
 * spool_share() - open both files for somebody who only reads
 * @s:            the spool
 * @ret_list_fd:  O_RDONLY, to be closed by the caller; set on success only
 * @ret_index_fd: O_RDONLY, to be closed by the caller; set on success only
 *
 * Only what spool_facts() announces is to be read, and only as long as its generation stays.
 *
 * Return: 0; SPOOL_E_GONE: there are no files; a negative errno.
 */
int spool_share(const Spool *s, int *ret_list_fd, int *ret_index_fd) {
        _cleanup_close_ int list_fd = -1, index_fd = -1;
        int r;

        if (s->list_fd < 0 || s->index_fd < 0)
                return SPOOL_E_GONE;
        r = fd_reopen(s->list_fd, &list_fd);
        if (r == 0)
                r = fd_reopen(s->index_fd, &index_fd);
        if (r < 0)
                return error_origin(r);
        *ret_list_fd = take_fd(&list_fd);
        *ret_index_fd = take_fd(&index_fd);
        return 0;
}
