/* SPDX-License-Identifier: BSD-2-Clause */
#include "os/listfile.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "base/error.h"

#define LISTFILE_BUFFER_MIN (128U << 10)
#define LISTFILE_BUFFER_MAX (MLIST_RECORD_MAX + LISTFILE_BUFFER_MIN)

struct ListFile {
        int fd; /* borrowed */
        bool has_form;
        MlistForm form;
        Hasher *hasher;
        uint8_t *buffer;
        size_t size;
        Bytes unread; /* in the buffer */
        uint64_t n_records;
        uint64_t offset;
        bool is_broken;
        MlistError error;
};

/**
 * listfile_new() - read a list from where a file stands
 * @fd:       borrowed; must stand at record 0
 * @alg:      algorithm of the template digests in the list
 * @ret_list: to be freed with listfile_free(); set on success only
 *
 * Return: 0, -ENOMEM, or -ENOTSUP when OpenSSL does not have @alg.
 */
int listfile_new(int fd, DigestAlg alg, ListFile **ret_list) {
        _cleanup_(listfile_freep) ListFile *l = calloc(1, sizeof(*l));
        int r;

        if (!l)
                return error_origin(-ENOMEM);
        r = hasher_new(alg, &l->hasher);
        if (r == HASHER_E_UNSUPPORTED)
                return error_origin(-ENOTSUP);
        if (r < 0)
                return error_trace(r);
        l->fd = fd;
        l->form.alg = alg;
        l->size = LISTFILE_BUFFER_MIN;
        l->buffer = malloc(l->size);
        if (!l->buffer)
                return error_origin(-ENOMEM);
        l->unread = bytes_of(l->buffer, 0);
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
        hasher_free(l->hasher);
        free(l->buffer);
        free(l);
        return NULL;
}

/* Make room behind the unread bytes: move them to the front, or take a larger buffer. */
static int listfile_make_room(ListFile *l) {
        if (l->unread.n == l->size) {
                size_t size = MIN_OF(l->size * 2, (size_t)LISTFILE_BUFFER_MAX);
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
                return error_origin(-errno);
        l->unread.n += (size_t)n;
        return n > 0 ? 0 : LISTFILE_E_END;
}

static int listfile_parse(ListFile *l, MlistRecord *ret_record) {
        int r;

        if (!l->has_form) {
                r = mlist_detect(l->unread, l->form.alg, &l->form, &l->error);
                if (r != 0)
                        return r;
                l->has_form = true;
        }
        return mlist_parse(&l->unread, &l->form, l->hasher, ret_record, &l->error);
}

/**
 * listfile_next() - take the next record
 * @l:          the list
 * @ret_record: borrows from the list until the next call; set on success only
 *
 * Return: 0, LISTFILE_E_END, LISTFILE_E_CUT, LISTFILE_E_BROKEN (and so for ever); a negative errno
 *         when reading fails.
 */
int listfile_next(ListFile *l, MlistRecord *ret_record) {
        if (l->is_broken)
                return LISTFILE_E_BROKEN;
        for (;;) {
                int r = l->unread.n > 0 ? listfile_parse(l, ret_record) : MLIST_E_MORE;

                if (r < 0)
                        return error_trace(r);
                if (r == 0) {
                        ++l->n_records;
                        l->offset += ret_record->whole.n;
                        return 0;
                }
                if (r != MLIST_E_MORE) {
                        l->is_broken = true;
                        return LISTFILE_E_BROKEN;
                }
                r = listfile_read(l);
                if (r < 0)
                        return error_trace(r);
                if (r == LISTFILE_E_END)
                        return l->unread.n > 0 ? LISTFILE_E_CUT : LISTFILE_E_END;
        }
}

/**
 * listfile_form() - byte order and algorithm of the list
 * @l: the list, after its first record
 *
 * Return: borrowed from @l.
 */
const MlistForm *listfile_form(const ListFile *l) {
        return &l->form;
}

/**
 * listfile_hasher() - the hasher of the list's own algorithm
 * @l: the list
 *
 * Return: borrowed from @l.
 */
Hasher *listfile_hasher(ListFile *l) {
        return l->hasher;
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
 * @outcome:  LISTFILE_E_CUT or LISTFILE_E_BROKEN
 * @ret_text: NUL-terminated, cut to @max
 * @max:      room at @ret_text
 */
void listfile_explain(const ListFile *l, int outcome, char *ret_text, size_t max) {
        if (outcome == LISTFILE_E_CUT)
                (void)snprintf(ret_text, max,
                               "cut: the last %zu bytes, from offset %" PRIu64
                               " on, are only a part of record %" PRIu64,
                               l->unread.n, l->offset, l->n_records);
        else
                (void)snprintf(ret_text, max,
                               "malformed: record %" PRIu64 ", offset %" PRIu64
                               ": %s, not %" PRIu32,
                               l->n_records, l->offset + l->error.at,
                               mlist_fault_text(l->error.fault), l->error.value);
}
