/* SPDX-License-Identifier: BSD-2-Clause */
#include "os/listfile.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "base/error.h"

#define LISTFILE_BUFFER_MIN (128U << 10)
/* Of a list whose kind is not known yet, too. */
#define LISTFILE_BUFFER_MAX       (MLIST_RECORD_MAX + LISTFILE_BUFFER_MIN)
#define LISTFILE_ASCII_BUFFER_MAX (MLIST_ASCII_RECORD_MAX + LISTFILE_BUFFER_MIN)

struct ListFile {
        int fd;      /* borrowed */
        bool is_any; /* kind and form are found out */
        bool has_form;
        ListFileKind kind;
        MlistForm form;
        Hashers hashers; /* of all algorithms that it may have */
        uint8_t *buffer;
        size_t size;
        Bytes unread; /* in the buffer */
        uint64_t n_records;
        uint64_t offset;
        bool is_broken;
        MlistError error;
        uint8_t *room; /* for the bytes that a line shows */
        size_t room_max;
        MlistRecord lossy;
};

static int listfile_alloc(int fd, ListFile **ret_list) {
        _cleanup_(listfile_freep) ListFile *l = calloc(1, sizeof(*l));

        if (!l)
                return error_origin(-ENOMEM);
        l->fd = fd;
        l->size = LISTFILE_BUFFER_MIN;
        l->buffer = malloc(l->size);
        if (!l->buffer)
                return error_origin(-ENOMEM);
        l->unread = (Bytes){ l->buffer, 0 };
        *ret_list = TAKE(l);
        return 0;
}

/**
 * listfile_new() - read a binary list of one algorithm from where a file stands
 * @fd:       borrowed; must stand at record 0
 * @alg:      algorithm of the template digests in the list
 * @ret_list: to be freed with listfile_free(); set on success only
 *
 * Return: 0, -ENOMEM, or -ENOTSUP when OpenSSL does not have @alg.
 */
int listfile_new(int fd, DigestAlg alg, ListFile **ret_list) {
        _cleanup_(listfile_freep) ListFile *l = NULL;
        int r;

        r = listfile_alloc(fd, &l);
        if (r < 0)
                return error_trace(r);
        r = hasher_new(alg, &l->hashers.of[alg]);
        if (r == HASHER_E_UNSUPPORTED)
                return error_origin(-ENOTSUP);
        if (r < 0)
                return error_trace(r);
        l->kind = LISTFILE_BINARY;
        l->form.alg = alg;
        *ret_list = TAKE(l);
        return 0;
}

/**
 * listfile_new_any() - read a list of any form from where a file stands; for tools
 * @fd:       borrowed; must stand at record 0
 * @only:     the algorithm of its template digests, or NULL to find it out
 * @ret_list: to be freed with listfile_free(); set on success only
 *
 * Algorithms that OpenSSL does not have are not tried.
 *
 * Return: 0, -ENOMEM, or -ENOTSUP when OpenSSL does not have @only, or nothing at all.
 */
int listfile_new_any(int fd, const DigestAlg *only, ListFile **ret_list) {
        _cleanup_(listfile_freep) ListFile *l = NULL;
        bool has_any = false;
        int r;

        r = listfile_alloc(fd, &l);
        if (r < 0)
                return error_trace(r);
        for (DigestAlg alg = 0; alg < _DIGEST_ALG_N; ++alg) {
                if (only && alg != *only)
                        continue;
                r = hasher_new(alg, &l->hashers.of[alg]);
                if (r < 0)
                        return error_trace(r);
                has_any |= r == 0;
        }
        if (!has_any)
                return error_origin(-ENOTSUP);
        l->is_any = true;
        if (only)
                l->form.alg = *only;
        *ret_list = TAKE(l);
        return 0;
}

/**
 * listfile_free() - free a list; its fd stays open
 * @l: the list or NULL
 *
 * Return: NULL.
 */
ListFile *listfile_free(ListFile *l) {
        if (!l)
                return NULL;
        hashers_close(&l->hashers);
        free(l->buffer);
        free(l->room);
        free(l);
        return NULL;
}

/* Make room behind the unread bytes: move them to the front, or take a larger buffer. */
static int listfile_make_room(ListFile *l) {
        if (l->unread.n == l->size) {
                size_t max =
                        l->kind == LISTFILE_ASCII ? LISTFILE_ASCII_BUFFER_MAX : LISTFILE_BUFFER_MAX;
                size_t size = MIN_OF(l->size * 2, max);
                uint8_t *larger;

                assert(size > l->size); /* a record that needs more is refused by mlist */
                larger = malloc(size);
                if (!larger)
                        return error_origin(-ENOMEM);
                bytes_copy(l->unread, larger, size);
                free(l->buffer);
                l->buffer = larger;
                l->size = size;
        } else if (l->unread.data != l->buffer && l->unread.n > 0) {
                memmove(l->buffer, l->unread.data, l->unread.n);
        }
        l->unread.data = l->buffer;
        return 0;
}

/* Read once. 0: something came; LISTFILE_E_END: nothing more, for now. */
static int listfile_read(ListFile *l) {
        ssize_t n;
        int r;

        r = listfile_make_room(l);
        if (r < 0)
                return error_trace(r);
        do
                n = read(l->fd, l->buffer + l->unread.n, l->size - l->unread.n);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return error_origin(negative_errno());
        l->unread.n += (size_t)n;
        return n > 0 ? 0 : LISTFILE_E_END;
}

/* A line needs room for what it shows; there is as much as for the largest that the buffer holds.
 */
static int listfile_ascii(ListFile *l, bool at_end, MlistAscii *ret_how) {
        size_t n = MLIST_ASCII_ROOM(l->size);

        if (l->room_max < n) {
                free(l->room);
                l->room_max = 0;
                l->room = malloc(n);
                if (!l->room)
                        return error_origin(-ENOMEM);
                l->room_max = n;
        }
        *ret_how = (MlistAscii){
                .form = l->form,
                .hasher = l->hashers.of[l->form.alg],
                .room = l->room,
                .room_max = l->room_max,
                .at_end = at_end,
        };
        return 0;
}

/* Outcomes of mlist.h. */
static int listfile_find_form(ListFile *l, bool at_end) {
        bool is_ascii;
        int r = 0;

        if (!l->is_any) {
                r = mlist_detect(l->unread, l->form.alg, &l->form, &l->error);
        } else if (l->kind == LISTFILE_UNKNOWN) {
                r = mlist_ascii_is(l->unread, &is_ascii);
                if (r == 0)
                        l->kind = is_ascii ? LISTFILE_ASCII : LISTFILE_BINARY;
        }
        if (r == 0 && l->is_any && l->kind == LISTFILE_BINARY) {
                r = mlist_detect_any(l->unread, at_end, &l->hashers, &l->form, &l->error);
        } else if (r == 0 && l->is_any) {
                MlistAscii how;

                r = listfile_ascii(l, at_end, &how);
                if (r == 0)
                        r = mlist_ascii_detect(l->unread, &how, &l->hashers, &l->form, &l->error);
        }
        l->has_form = r == 0;
        return r < 0 ? error_trace(r) : r;
}

/* Outcomes of mlist.h and mlist-ascii.h. Without @ret_record only the form is found out. */
static int listfile_parse(ListFile *l, bool at_end, MlistRecord *ret_record) {
        MlistAscii how;
        int r;

        if (!l->has_form) {
                r = listfile_find_form(l, at_end);
                assert(r != MLIST_ASCII_E_LOSSY); /* only a record is */
                if (r != 0)
                        return r;
        }
        if (!ret_record)
                return 0;
        if (l->kind != LISTFILE_ASCII)
                return mlist_parse(&l->unread, &l->form, l->hashers.of[l->form.alg], ret_record,
                                   &l->error);
        r = listfile_ascii(l, at_end, &how);
        if (r < 0)
                return error_trace(r);
        return mlist_ascii_parse(&l->unread, &how, ret_record, &l->error);
}

static int listfile_take(ListFile *l, MlistRecord *ret_record) {
        bool at_end = false;

        if (l->is_broken)
                return LISTFILE_E_BROKEN;
        for (;;) {
                int r = l->unread.n > 0 ? listfile_parse(l, at_end, ret_record) : MLIST_E_MORE;

                if (r <= 0)
                        return error_trace(r);
                if (r == MLIST_ASCII_E_LOSSY)
                        return LISTFILE_E_LOSSY;
                if (r != MLIST_E_MORE) {
                        l->is_broken = true;
                        return LISTFILE_E_BROKEN;
                }
                if (at_end)
                        return l->unread.n > 0 ? LISTFILE_E_CUT : LISTFILE_E_END;
                r = listfile_read(l);
                if (r < 0)
                        return error_trace(r);
                at_end = r == LISTFILE_E_END;
        }
}

/**
 * listfile_detect() - find out the form, and take no record
 * @l: the list
 *
 * Return: 0: listfile_form() is set; LISTFILE_E_END, LISTFILE_E_CUT, LISTFILE_E_BROKEN, which
 *         listfile_next() will say again; a negative errno when reading fails.
 */
int listfile_detect(ListFile *l) {
        return l->has_form ? 0 : error_trace(listfile_take(l, NULL));
}

/**
 * listfile_next() - take the next record
 * @l:          the list
 * @ret_record: borrows from the list until the next call; set on success only
 *
 * Return: 0, LISTFILE_E_END, LISTFILE_E_CUT, LISTFILE_E_BROKEN (and so for ever),
 *         LISTFILE_E_LOSSY; a negative errno when reading fails.
 */
int listfile_next(ListFile *l, MlistRecord *ret_record) {
        MlistRecord record;
        int r;

        r = listfile_take(l, &record);
        if (r != 0 && r != LISTFILE_E_LOSSY)
                return error_trace(r);
        ++l->n_records;
        l->offset += record.whole.n;
        if (r == LISTFILE_E_LOSSY)
                l->lossy = record;
        else
                *ret_record = record;
        return r;
}

/**
 * listfile_lossy() - the record of LISTFILE_E_LOSSY
 * @l: the list, directly after that
 *
 * Its line was altered, or does not show all of its bytes. PCR, template digest and template name
 * are known, and there is no data: only the bank of the list's own algorithm can be extended (with
 * the digest, which nothing proves), no other bank can be calculated from here on.
 *
 * Return: borrowed from @l, as its slices are, until the next call.
 */
const MlistRecord *listfile_lossy(const ListFile *l) {
        return &l->lossy;
}

/**
 * listfile_kind() - what the list is
 * @l: the list, after listfile_detect() or its first record
 *
 * Return: the kind.
 */
ListFileKind listfile_kind(const ListFile *l) {
        return l->kind;
}

/**
 * listfile_form() - byte order and algorithm of the list
 * @l: the list, after listfile_detect() or its first record; before, only the algorithm that was
 *     asked for is there
 *
 * Return: borrowed from @l.
 */
const MlistForm *listfile_form(const ListFile *l) {
        return &l->form;
}

/**
 * listfile_hasher() - the hasher of the list's own algorithm
 * @l: the list; see listfile_form()
 *
 * Return: borrowed from @l.
 */
Hasher *listfile_hasher(ListFile *l) {
        return l->hashers.of[l->form.alg];
}

/**
 * listfile_place() - how far the list was read
 * @l: the list
 *
 * Return: the place.
 */
ListFilePlace listfile_place(const ListFile *l) {
        return (ListFilePlace){
                .n_records = l->n_records,
                .offset = l->offset,
                .n_left = l->unread.n,
                .error = l->error,
        };
}

/**
 * listfile_explain() - an outcome of listfile_next() as one line for people
 * @l:        the list
 * @outcome:  LISTFILE_E_CUT, LISTFILE_E_BROKEN or LISTFILE_E_LOSSY
 * @ret_text: NUL-terminated, cut to @max
 * @max:      room at @ret_text
 */
void listfile_explain(const ListFile *l, int outcome, char *ret_text, size_t max) {
        uint64_t at = l->offset + l->error.at;

        if (outcome == LISTFILE_E_CUT)
                (void)snprintf(ret_text, max,
                               "cut: the last %zu bytes, from offset %" PRIu64
                               " on, are only a part of record %" PRIu64,
                               l->unread.n, l->offset, l->n_records);
        else if (outcome == LISTFILE_E_LOSSY)
                (void)snprintf(ret_text, max,
                               "not certain: record %" PRIu64 ", offset %" PRIu64
                               ": the line does not give the digest that it claims: it was "
                               "altered, or does not show all bytes; → try the binary list",
                               l->n_records - 1, l->offset - l->lossy.whole.n);
        else if (mlist_fault_has_value(l->error.fault))
                (void)snprintf(ret_text, max,
                               "malformed: record %" PRIu64 ", offset %" PRIu64
                               ": %s, not %" PRIu32,
                               l->n_records, at, mlist_fault_text(l->error.fault), l->error.value);
        else
                (void)snprintf(ret_text, max,
                               "malformed: record %" PRIu64 ", offset %" PRIu64 ": %s",
                               l->n_records, at, mlist_fault_text(l->error.fault));
}
