/* SPDX-License-Identifier: BSD-2-Clause */
#include "os/spool-reader.h"

#include <endian.h>
#include <stdlib.h>

#include "base/error.h"

#define READER_WINDOW (64U << 10)
#define READER_ROWS   256U
/* PCR, SHA-1, length of a name: from these the byte order is known. */
#define READER_HEAD 28U

struct SpoolReader {
        SpoolExtent extent;
        Hasher *sha1;
        bool has_form;
        MlistForm form;
        SpoolRow row[READER_ROWS]; /* as on disk */
        uint64_t row_first;
        size_t n_rows;
        uint8_t *data;
        size_t size; /* of data */
        uint64_t at; /* in `list` */
        size_t n;
};

/**
 * spool_reader_new() - a reader without files
 * @ret_reader: to be freed with spool_reader_free(); set on success only
 *
 * Return: 0, -ENOMEM, or -ENOTSUP when OpenSSL does not have SHA-1.
 */
int spool_reader_new(SpoolReader **ret_reader) {
        _cleanup_(spool_reader_freep) SpoolReader *r = calloc(1, sizeof(*r));
        int k;

        if (!r)
                return error_origin(-ENOMEM);
        r->extent = (SpoolExtent){ .list_fd = -1, .index_fd = -1 };
        k = hasher_new(DIGEST_SHA1, &r->sha1);
        if (k == HASHER_E_UNSUPPORTED)
                return error_origin(-ENOTSUP);
        if (k < 0)
                return error_trace(k);
        *ret_reader = TAKE(r);
        return 0;
}

/**
 * spool_reader_free() - free a reader; the files stay open
 * @r: the reader or NULL
 *
 * Return: NULL.
 */
SpoolReader *spool_reader_free(SpoolReader *r) {
        if (!r)
                return NULL;
        hasher_free(r->sha1);
        free(r->data);
        free(r);
        return NULL;
}

/**
 * spool_reader_use() - read this from now on; nothing that was read before is kept
 * @r:      the reader
 * @extent: the files and how much of them; copied, its descriptors are borrowed
 */
void spool_reader_use(SpoolReader *r, const SpoolExtent *extent) {
        r->extent = *extent;
        r->has_form = false;
        r->n_rows = 0;
        r->n = 0;
        if (r->size > READER_WINDOW) {
                free(r->data);
                r->data = NULL;
                r->size = 0;
        }
}

/* Return: 0, SPOOL_READER_E_BAD; a negative errno when reading fails. */
static int reader_read(int fd, uint64_t offset, void *ret_data, size_t n) {
        size_t got;
        int r;

        r = read_at(fd, offset, ret_data, n, &got);
        if (r < 0)
                return error_origin(r);
        return got == n ? 0 : SPOOL_READER_E_BAD;
}

/* Return: as reader_read(). */
static int reader_row(SpoolReader *r, uint64_t i, SpoolRow *ret_row) {
        const SpoolRow *row;

        if (i < r->row_first || i - r->row_first >= r->n_rows) {
                size_t n = (size_t)MIN_OF(r->extent.n_records - i, (uint64_t)READER_ROWS);
                int k;

                r->n_rows = 0;
                k = reader_read(r->extent.index_fd, i * SPOOL_ROW_SIZE, r->row, n * SPOOL_ROW_SIZE);
                if (k != 0)
                        return error_trace(k);
                r->row_first = i;
                r->n_rows = n;
        }
        row = &r->row[i - r->row_first];
        *ret_row = (SpoolRow){
                .offset = le64toh(row->offset),
                .seen_usec = le64toh(row->seen_usec),
                .extended_usec = le64toh(row->extended_usec),
        };
        return 0;
}

/* All n bytes at once, n <= MLIST_RECORD_MAX. Return: as reader_read(), -ENOMEM. */
static int reader_bytes(SpoolReader *r, uint64_t offset, size_t n, Bytes *ret_bytes) {
        if (offset < r->at || offset - r->at > r->n || n > r->n - (offset - r->at)) {
                size_t want = (size_t)MIN_OF(r->extent.n_bytes - offset,
                                             MAX_OF(n, (size_t)READER_WINDOW));
                int k;

                r->n = 0;
                if (want > r->size) {
                        free(r->data);
                        r->size = 0;
                        r->data = malloc(MAX_OF(want, (size_t)READER_WINDOW));
                        if (!r->data)
                                return error_origin(-ENOMEM);
                        r->size = MAX_OF(want, (size_t)READER_WINDOW);
                }
                k = reader_read(r->extent.list_fd, offset, r->data, want);
                if (k != 0)
                        return error_trace(k);
                r->at = offset;
                r->n = want;
        }
        *ret_bytes = bytes_of(r->data + (offset - r->at), n);
        return 0;
}

/* Byte order is decided once, from record 0, as the extender did. */
static int reader_detect(SpoolReader *r) {
        uint8_t head[READER_HEAD];
        MlistError error;
        int k;

        if (r->has_form)
                return 0;
        if (r->extent.n_bytes < sizeof(head))
                return SPOOL_READER_E_BAD;
        k = reader_read(r->extent.list_fd, 0, head, sizeof(head));
        if (k != 0)
                return error_trace(k);
        if (mlist_detect(bytes_of(head, sizeof(head)), DIGEST_SHA1, &r->form, &error) != 0)
                return SPOOL_READER_E_BAD;
        r->has_form = true;
        return 0;
}

/**
 * spool_reader_order() - how integers of the list are laid out
 * @r:         the reader
 * @ret_order: set on success only
 *
 * Return: 0; SPOOL_READER_E_END: there is no record; SPOOL_READER_E_BAD; a negative errno.
 */
int spool_reader_order(SpoolReader *r, ByteOrder *ret_order) {
        int k;

        if (r->extent.n_records == 0)
                return SPOOL_READER_E_END;
        k = reader_detect(r);
        if (k != 0)
                return error_trace(k);
        *ret_order = r->form.order;
        return 0;
}

/* Where record i lies. Return: as reader_read(). */
static int reader_span(SpoolReader *r, uint64_t i, SpoolRow *ret_row, size_t *ret_n) {
        SpoolRow next = { .offset = r->extent.n_bytes };
        SpoolRow row;
        int k = 0;

        /* The next one first: the window then holds both, or begins with this one. */
        if (i + 1 < r->extent.n_records)
                k = reader_row(r, i + 1, &next);
        if (k == 0)
                k = reader_row(r, i, &row);
        if (k != 0)
                return error_trace(k);
        if (row.offset >= next.offset || next.offset > r->extent.n_bytes ||
            next.offset - row.offset > MLIST_RECORD_MAX || (i == 0 && row.offset != 0))
                return SPOOL_READER_E_BAD;
        *ret_n = (size_t)(next.offset - row.offset);
        *ret_row = row;
        return 0;
}

/**
 * spool_reader_get() - read a record
 * @r:          the reader
 * @position:   its number
 * @ret_record: borrows from the reader until its next call; set on success only
 *
 * Return: 0, SPOOL_READER_E_END, SPOOL_READER_E_BAD; -ENOMEM; another negative errno when reading
 *         or OpenSSL fails.
 */
int spool_reader_get(SpoolReader *r, uint64_t position, SpoolRecord *ret_record) {
        SpoolRecord got;
        MlistError error;
        Bytes bytes;
        size_t n = 0;
        bool fits;
        int k;

        if (position >= r->extent.n_records)
                return SPOOL_READER_E_END;
        k = reader_detect(r);
        if (k == 0)
                k = reader_span(r, position, &got.row, &n);
        if (k == 0)
                k = reader_bytes(r, got.row.offset, n, &bytes);
        if (k != 0)
                return error_trace(k);
        k = mlist_parse(&bytes, &r->form, r->sha1, &got.record, &error);
        if (k < 0)
                return error_trace(k);
        if (k != 0 || bytes.n != 0)
                return SPOOL_READER_E_BAD;
        k = mlist_digest_fits(&got.record, DIGEST_SHA1, r->sha1, &fits);
        if (k < 0)
                return error_trace(k);
        if (!fits)
                return SPOOL_READER_E_BAD;
        *ret_record = got;
        return 0;
}
