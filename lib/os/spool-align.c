/* SPDX-License-Identifier: BSD-2-Clause */
#include "os/spool.h"

#include <string.h>

#include "base/error.h"
#include "os/spool-seen.h"

/**
 * spool_goes_on() - are these the next bytes of the list?
 * @c:     where we stand; behind them on success only
 * @bytes: the bytes
 *
 * Return: whether they are all held there, and the same.
 */
bool spool_goes_on(SpoolCursor *c, Bytes bytes) {
        uint64_t end = spool_held(c->spool).n_bytes, offset = c->offset;
        Bytes part;

        while (bytes.n > 0) {
                if (offset < c->at || offset - c->at >= c->n) {
                        c->at = offset;
                        c->n = offset < end ? (size_t)MIN_OF(end - offset, sizeof(c->data)) : 0;
                        if (c->n == 0 || spool_read(c->spool, offset, c->data, c->n) != 0) {
                                c->n = 0;
                                return false;
                        }
                }
                (void)bytes_take(&bytes, MIN_OF(bytes.n, c->n - (size_t)(offset - c->at)), &part);
                if (!bytes_equal(part, bytes_of(c->data + (offset - c->at), part.n)))
                        return false;
                offset += part.n;
        }
        c->offset = offset;
        return true;
}

/**
 * spool_equal() - are these the bytes of the list at this place?
 * @s:      the spool
 * @offset: in `list`
 * @bytes:  the bytes
 *
 * Return: whether they are all held there, and the same.
 */
bool spool_equal(const Spool *s, uint64_t offset, Bytes bytes) {
        SpoolCursor c = { .spool = s, .offset = offset };

        return spool_goes_on(&c, bytes);
}

/**
 * spool_mark_of() - a mark on this record
 * @record: a record of a list of SHA-1 digests
 * @i:      its number
 * @offset: where it begins in `list`
 *
 * Return: the mark.
 */
SpoolMark spool_mark_of(const MlistRecord *record, uint64_t i, uint64_t offset) {
        SpoolMark mark = { .i = i, .offset = offset, .n = record->whole.n };

        bytes_copy(record->digest, mark.digest, sizeof(mark.digest));
        return mark;
}

/**
 * spool_is_marked() - is this the record with the mark?
 * @s:      the spool
 * @mark:   the mark
 * @record: the record
 *
 * Return: whether its bytes are those.
 */
bool spool_is_marked(const Spool *s, const SpoolMark *mark, const MlistRecord *record) {
        return record->whole.n == mark->n &&
               bytes_equal(record->digest, bytes_of(mark->digest, sizeof(mark->digest))) &&
               spool_equal(s, mark->offset, record->whole);
}

/*
 * Look at all records but the violations: learn which there are, or else find the last one that
 * came once. Rows are not asked: the bytes themselves must be records, from the first to the last
 * one. Return: 0, SPOOL_E_GONE, a negative errno.
 */
static int align_scan(const Spool *s, SpoolSeen *seen, SpoolMark *ret_mark) {
        const SpoolHeld held = spool_held(s);
        _cleanup_(listfile_freep) ListFile *list = NULL;
        _cleanup_close_ int fd = -1;
        uint64_t offset = 0;
        MlistRecord record;
        int r;

        r = spool_open_list(s, &fd);
        if (r == 0)
                r = listfile_new(fd, DIGEST_SHA1, &list);
        if (r != 0)
                return error_trace(r);
        for (uint64_t i = 0; i < held.n_records; ++i) {
                r = listfile_next(list, &record);
                if (r == 0 && !ret_mark && !record.is_violation)
                        r = spool_seen_add(seen, record.digest);
                if (r < 0)
                        return error_trace(r);
                if (r != 0)
                        return SPOOL_E_GONE;
                if (ret_mark && !record.is_violation && spool_seen_once(seen, record.digest))
                        *ret_mark = spool_mark_of(&record, i, offset);
                offset += record.whole.n;
        }
        return offset == held.n_bytes ? 0 : SPOOL_E_GONE;
}

/**
 * spool_find_mark() - find the last of the held records that shows where it stands
 * @s:        the spool
 * @ret_mark: a record that is no violation, and that no other equals; set on success only
 *
 * Reads all that is held, twice.
 *
 * Return: 0; SPOOL_E_GONE: there is no such record, or what is held are no records; a negative
 *         errno.
 */
int spool_find_mark(const Spool *s, SpoolMark *ret_mark) {
        _cleanup_(spool_seen_deinit) SpoolSeen seen = {};
        SpoolMark mark = {};
        int r;

        r = align_scan(s, &seen, NULL);
        if (r == 0)
                r = align_scan(s, &seen, &mark);
        if (r != 0)
                return error_trace(r);
        if (mark.n == 0)
                return SPOOL_E_GONE;
        *ret_mark = mark;
        return 0;
}
