/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the list goes on after it was let go, and may have been trimmed.
 *
 * The records that a list has lost are counted by a mark: a record that the kernel measures only
 * once. Where it stands in the kernel's list there stands ours, and all around it must be the
 * same. Violations show nothing, for any user can repeat them.
 */
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>

#include "os/source-internal.h"

#define IMA_LIST IMA_DIR "/binary_runtime_measurements"

static void view_close_head(View *v) {
        v->head = listfile_free(v->head);
        closep(&v->head_fd);
        v->head_fd = -1;
}

/**
 * source_view_close() - close what is read; how much was trimmed is still known then
 * @v: the view
 */
void source_view_close(View *v) {
        view_close_head(v);
        v->list = listfile_free(v->list);
        closep(&v->list_fd);
        v->list_fd = -1;
}

static void view_swap(View *a, View *b) {
        View v = *a;

        *a = *b;
        *b = v;
}

/**
 * source_view_next() - take a record
 * @s:          the source
 * @v:          stands before it
 * @i:          its number
 * @ret_record: borrows from @v until the next call; set on success only
 *
 * Return: 0, SOURCE_E_END, _CUT, _BROKEN, _TRIMMED (the spool's bytes went away), _UNREADABLE;
 *         -ENOMEM.
 */
int source_view_next(const Source *s, View *v, uint64_t i, MlistRecord *ret_record) {
        int r;

        if (i < v->n_trimmed) {
                r = listfile_next(v->head, ret_record);
                if (r < 0)
                        return error_trace(source_trouble(s->options.error, r));
                return r == 0 ? 0 : SOURCE_E_TRIMMED;
        }
        view_close_head(v);
        r = listfile_next(v->list, ret_record);
        if (r < 0)
                return error_trace(source_trouble(s->options.error, r));
        switch (r) {
        case 0:
                return 0;
        case LISTFILE_E_END:
                return SOURCE_E_END;
        case LISTFILE_E_CUT:
                return SOURCE_E_CUT;
        default:
                return SOURCE_E_BROKEN;
        }
}

/* What was open is closed only then: in between, nobody can trim the list. */
static int stand_open_list(const Source *s, View *v) {
        _cleanup_(source_view_close) View fresh = VIEW_NONE;
        struct statfs fs;
        int r;

        fresh.n_trimmed = v->n_trimmed;
        fresh.offset = v->offset;
        r = root_open(&s->root, IMA_LIST, O_RDONLY, &fresh.list_fd);
        if (r == 0 && fstatfs(fresh.list_fd, &fs) < 0)
                r = negative_errno();
        if (r != 0)
                return error_trace(source_trouble(s->options.error, r));
        if (!s->root.is_given && fs.f_type != SECURITYFS_MAGIC)
                return SOURCE_E_FOREIGN;
        r = listfile_new(fresh.list_fd, DIGEST_SHA1, &fresh.list);
        if (r < 0)
                return error_trace(r);
        view_swap(&fresh, v);
        return 0;
}

static int stand_open_head(const Source *s, View *v) {
        int r = spool_open_list(s->options.spool, &v->head_fd);

        if (r == SPOOL_E_GONE)
                return SOURCE_E_TRIMMED;
        if (r < 0)
                return error_trace(source_trouble(s->options.error, r));
        return error_trace(listfile_new(v->head_fd, DIGEST_SHA1, &v->head));
}

/*
 * Is the list, from its first record on, the spool from where the view says up to @end? Return:
 * 0, SOURCE_E_UNREADABLE, -ENOMEM.
 */
static int stand_compare(const Source *s, View *v, MlistRecord first, uint64_t end,
                         bool *ret_fits) {
        SpoolCursor cursor = { .spool = s->options.spool, .offset = v->offset };
        MlistRecord record = first;
        int r = 0;

        *ret_fits = false;
        while (r == 0 && spool_goes_on(&cursor, record.whole)) {
                if (cursor.offset >= end) {
                        *ret_fits = cursor.offset == end;
                        return 0;
                }
                r = listfile_next(v->list, &record);
        }
        return r < 0 ? error_trace(source_trouble(s->options.error, r)) : 0;
}

/* Where the mark stands first tells how much was trimmed. Return: as stand_compare(). */
static int stand_find(const Source *s, View *v, MlistRecord first, const SpoolMark *mark,
                      bool *ret_found) {
        uint64_t i = 0, offset = 0;
        MlistRecord record = first;
        int r = 0;

        *ret_found = false;
        while (!spool_is_marked(s->options.spool, mark, &record)) {
                ++i;
                offset += record.whole.n;
                r = listfile_next(v->list, &record);
                if (r < 0)
                        return error_trace(source_trouble(s->options.error, r));
                if (r != 0)
                        return 0;
        }
        if (i > mark->i || offset > mark->offset || mark->i - i < s->view.n_trimmed)
                return 0;
        v->n_trimmed = mark->i - i;
        v->offset = mark->offset - offset;
        *ret_found = (v->n_trimmed == 0) == (v->offset == 0);
        return 0;
}

static int stand_align_to(const Source *s, View *v, MlistRecord first, const SpoolMark *mark,
                          uint64_t end, bool *ret_fits) {
        int r = stand_find(s, v, first, mark, ret_fits);

        if (r != 0 || !*ret_fits)
                return error_trace(r);
        *ret_fits = false;
        r = stand_open_list(s, v);
        if (r != 0)
                return error_trace(r);
        r = listfile_next(v->list, &first);
        if (r != 0)
                return r < 0 ? error_trace(source_trouble(s->options.error, r)) : 0;
        return error_trace(stand_compare(s, v, first, end, ret_fits));
}

/*
 * Does the list go on from the spool's records? After a rest all up to the last one given must be
 * the same, and there the view stands then; else all that is held. Return: 0, SOURCE_E_UNREADABLE,
 * _FOREIGN, a negative errno.
 */
static int stand_align(const Source *s, View *v, MlistRecord first, bool *ret_fits) {
        SpoolMark mark = s->last;
        uint64_t end = mark.offset + mark.n;
        int r;

        *ret_fits = false;
        if (s->repeats)
                return 0;
        if (!s->is_resting) {
                r = spool_find_mark(s->options.spool, &mark);
                if (r < 0)
                        return error_trace(source_trouble(s->options.error, r));
                if (r == SPOOL_E_GONE)
                        return 0;
                end = spool_held(s->options.spool).n_bytes;
                return error_trace(stand_align_to(s, v, first, &mark, end, ret_fits));
        }
        /* Mostly nothing was trimmed: then once through the list is enough. */
        v->n_trimmed = s->view.n_trimmed;
        v->offset = s->view.offset;
        r = stand_compare(s, v, first, end, ret_fits);
        if (r != 0 || *ret_fits)
                return error_trace(r);
        r = stand_open_list(s, v);
        if (r != 0)
                return error_trace(r);
        r = listfile_next(v->list, &first);
        if (r != 0)
                return r < 0 ? error_trace(source_trouble(s->options.error, r)) : 0;
        return error_trace(stand_align_to(s, v, first, &mark, end, ret_fits));
}

/* The list's first record says whether anything was trimmed, unless there is nothing to ask. */
static bool stand_is_whole(const Source *s, const MlistRecord *first) {
        const Spool *spool = s->options.spool;

        if (!spool || spool_held(spool).n_records == 0)
                return true;
        if (s->is_resting || s->view.n_trimmed > 0)
                return false;
        /* Nobody has trimmed it while we held it. As we start, a violation there shows nothing. */
        if (s->first.n > 0)
                return bytes_equal(first->whole, s->first);
        return !first->is_violation && spool_equal(spool, 0, first->whole);
}

/* There is no whole record. */
static int stand_no_record(const Source *s, int outcome) {
        const Spool *spool = s->options.spool;

        if (outcome < 0)
                return error_trace(source_trouble(s->options.error, outcome));
        if (s->first.n > 0 && outcome == LISTFILE_E_BROKEN)
                return SOURCE_E_REPLACED;
        /* All is trimmed: what comes next shows whether anything was lost. */
        if (s->first.n > 0)
                return source_trouble(s->options.error, 0);
        if (outcome == LISTFILE_E_BROKEN)
                return SOURCE_E_BROKEN;
        return spool && spool_held(spool).n_records > 0 ? SOURCE_E_TRIMMED : SOURCE_E_EMPTY;
}

/* With which record does the kernel's list begin, and is that still the list of record 0? */
static int stand_find_head(const Source *s, View *v) {
        bool is_known, is_first, fits;
        MlistRecord first;
        int r;

        r = listfile_next(v->list, &first);
        if (r != 0)
                return error_trace(stand_no_record(s, r));
        is_known = s->first.n == 0 || bytes_equal(first.whole, s->first);
        if (stand_is_whole(s, &first))
                return is_known ? 0 : SOURCE_E_REPLACED;
        is_first = source_is_boot_aggregate(&first, v->list);
        r = stand_align(s, v, first, &fits);
        if (r != 0)
                return error_trace(r);
        if (!fits) {
                /* The spool is of something else: then only a whole list, of now, is one. */
                v->n_trimmed = v->offset = 0;
                if (!is_first)
                        return SOURCE_E_TRIMMED;
                if (s->n_given > 0 || s->view.n_trimmed > 0)
                        return SOURCE_E_REPLACED;
        } else if (v->n_trimmed > 0) {
                is_known = s->first.n == 0 || spool_equal(s->options.spool, 0, s->first);
        }
        return is_known ? 0 : SOURCE_E_REPLACED;
}

/* A fresh view before record @position, of a list of which we know what it has lost. */
static int stand_before(const Source *s, View *v, uint64_t position) {
        MlistRecord record;
        int r;

        r = stand_open_list(s, v);
        if (r == 0 && position < v->n_trimmed)
                r = stand_open_head(s, v);
        for (uint64_t i = v->head ? 0 : v->n_trimmed; r == 0 && i < position; ++i) {
                r = source_view_next(s, v, i, &record);
                if (r > 0 && r != SOURCE_E_UNREADABLE)
                        r = SOURCE_E_TRIMMED;
        }
        return error_trace(r);
}

/**
 * source_stand() - stand before a record, with fresh fds; those of before are closed only then
 * @s:        the source; stays as it is on failure
 * @position: number of the record
 *
 * Finding out where the list begins may have led just there; if not, it is opened again, for nobody
 * seeks in it.
 *
 * Return: 0; SOURCE_E_UNREADABLE, _FOREIGN, _REPLACED, _TRIMMED; as long as record 0 is not known
 *         _EMPTY, _BROKEN; a negative errno.
 */
int source_stand(Source *s, uint64_t position) {
        _cleanup_(source_view_close) View v = VIEW_NONE;
        int r;

        r = stand_open_list(s, &v);
        if (r == 0)
                r = stand_find_head(s, &v);
        if (r == 0 && v.n_trimmed + listfile_place(v.list).n_records != position)
                r = stand_before(s, &v, position);
        if (r != 0)
                return error_trace(r);
        view_swap(&v, &s->view);
        s->is_resting = s->is_stale = false;
        s->n_given = position;
        return 0;
}
