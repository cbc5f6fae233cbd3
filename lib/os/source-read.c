/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Record after record, and a rest in between, so that the list can be trimmed.
 */
#include "os/source-internal.h"

/**
 * source_free() - close the source, and give up the lock
 * @s: the source or NULL
 *
 * Return: NULL.
 */
Source *source_free(Source *s) {
        if (!s)
                return NULL;
        source_view_close(&s->view);
        spool_seen_deinit(&s->seen);
        free((void *)s->first.data);
        free(s);
        return NULL;
}

/* What source_rest() must know of the record just given. */
static int source_saw(Source *s, const MlistRecord *record) {
        int r;

        if (s->options.hold || !s->options.spool || s->n_given <= s->n_seen)
                return 0;
        /* Without a whole copy the list is never let go: what this takes is bounded by SpoolMax. */
        if (spool_held(s->options.spool).n_records + 1 < s->n_given)
                return 0;
        s->n_seen = s->n_given;
        s->last = (SpoolMark){};
        if (record->is_violation)
                return 0;
        r = spool_seen_add(&s->seen, record->digest);
        if (r < 0)
                return error_trace(r);
        if (spool_seen_once(&s->seen, record->digest))
                s->last = spool_mark_of(record, s->n_given - 1, 0);
        return 0;
}

/**
 * source_next() - take the next record
 * @s:          the source
 * @ret_record: borrows from the source until the next call; set on success only
 *
 * After source_rest(), and after _UNREADABLE, this opens the list again first, and goes on with the
 * record that comes next; where that fails, a later call tries again.
 *
 * Return: 0, SOURCE_E_END, _CUT, _BROKEN; _TRIMMED, _UNREADABLE; when it is opened again also
 *         _REPLACED, _FOREIGN; a negative errno.
 */
int source_next(Source *s, MlistRecord *ret_record) {
        bool is_open = s->view.list && !s->is_stale;
        MlistRecord record;
        int r = is_open ? 0 : source_stand(s, s->n_given);

        if (r == 0) {
                r = source_view_next(s, &s->view, s->n_given, &record);
                s->is_stale = r == SOURCE_E_UNREADABLE;
        }
        if (r != 0)
                return error_trace(r);
        ++s->n_given;
        s->n_known = MAX_OF(s->n_known, s->n_given);
        r = source_saw(s, &record);
        if (r < 0)
                return error_trace(r);
        *ret_record = record;
        return 0;
}

/**
 * source_rewind() - stand at record 0 again, with a fresh fd
 * @s: the source; stays as it is on failure
 *
 * A fresh fd and not a seek: a list that was trimmed meanwhile has another record 0, and that must
 * show. Where the spool has what is missing, source_n_trimmed() grows, and numbers stay.
 *
 * Return: 0, SOURCE_E_REPLACED, _TRIMMED, _UNREADABLE, _FOREIGN; a negative errno.
 */
int source_rewind(Source *s) {
        return error_trace(source_stand(s, 0));
}

/**
 * source_rest() - let go of the list until the next record is asked for, so that it can be trimmed
 * @s: the source
 *
 * Only with HoldList=until-extended, and when the last record that was given shows later where the
 * list goes on, should all before it be gone: the kernel has it and so has the spool, it is no
 * violation, and no other equals it.
 *
 * Return: 0: nobody holds the list; SOURCE_E_HELD: it stays open, until more records came.
 */
int source_rest(Source *s) {
        SpoolFacts facts;

        if (s->is_resting)
                return 0;
        if (s->options.hold || !s->options.spool || s->repeats || s->is_stale || s->last.n == 0)
                return SOURCE_E_HELD;
        facts = spool_facts(s->options.spool);
        if (s->n_given != s->n_seen || s->n_given != facts.n_records ||
            s->n_given <= s->view.n_trimmed)
                return SOURCE_E_HELD;
        s->last.offset = facts.n_bytes - s->last.n;
        s->is_resting = true;
        source_view_close(&s->view);
        return 0;
}

/**
 * source_is_held() - is the list open, so that nobody can trim it?
 * @s: the source
 *
 * Return: whether it is; not while resting.
 */
bool source_is_held(const Source *s) {
        return s->view.list;
}

/**
 * source_facts() - what decides the mode, as far as files can tell
 * @s: the source
 *
 * Return: borrowed from @s.
 */
const ModeFacts *source_facts(const Source *s) {
        return &s->facts;
}

/**
 * source_main_pcr() - the PCR of record 0
 * @s: the source
 *
 * Return: its number.
 */
uint32_t source_main_pcr(const Source *s) {
        return s->main_pcr;
}

/**
 * source_n_given() - how many records were given since record 0
 * @s: the source
 *
 * Return: the number that the next record has; the one just given has one less.
 */
uint64_t source_n_given(const Source *s) {
        return s->n_given;
}

/**
 * source_n_trimmed() - how many records the kernel does not have any more
 * @s: the source
 *
 * Return: as many as the spool gives before the kernel's list, as far as is known.
 */
uint64_t source_n_trimmed(const Source *s) {
        return s->view.n_trimmed;
}

/**
 * source_may_extend() - may the record just given be extended?
 * @s: the source
 *
 * Not those of the spool, nor the one where it meets the kernel's list: the PCR must have them
 * already, or they prove nothing.
 *
 * Return: whether it may.
 */
bool source_may_extend(const Source *s) {
        return s->view.n_trimmed == 0 || s->n_given > s->view.n_trimmed + 1;
}

/**
 * source_list() - the list that the last record came from, for its place and its hasher
 * @s: the source
 *
 * Its place counts from the beginning of that file: see source_n_given() for the record's number.
 *
 * Return: borrowed from @s until the next record is asked for; NULL while resting.
 */
ListFile *source_list(Source *s) {
        return s->view.head ? s->view.head : s->view.list;
}
