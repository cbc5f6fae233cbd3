/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/place.h"

#include <assert.h>

#include "base/error.h"

/**
 * place_start() - before record 0
 * @chain: the chain
 *
 * Return: the place.
 */
Place place_start(const PlaceChain *chain) {
        return (Place){ .position = 0, .value = chain->base };
}

/**
 * place_pass() - go on behind the next record
 * @chain:  the chain
 * @record: the record at @at
 * @at:     the place; moved on success only
 *
 * Return: 0, or -EIO when OpenSSL fails.
 */
int place_pass(const PlaceChain *chain, const MlistRecord *record, Place *at) {
        Digest digest;
        Bytes parts[2];
        int r;

        if (record->pcr == chain->pcr) {
                r = mlist_extend_digest(record, chain->alg, chain->hasher, &digest);
                if (r < 0)
                        return error_trace(r);
                parts[0] = digest_bytes(chain->alg, &at->value);
                parts[1] = digest_bytes(chain->alg, &digest);
                r = hasher_run(chain->hasher, parts, ELEMENTSOF(parts), &at->value);
                if (r < 0)
                        return error_trace(r);
        }
        ++at->position;
        return 0;
}

/**
 * places_init() - begin with an empty list
 * @p:     to be initialised
 * @chain: copied
 */
void places_init(Places *p, const PlaceChain *chain) {
        p->chain = *chain;
        p->stride = 1;
        p->n_marks = 1;
        p->mark[0] = chain->base;
        p->end = place_start(chain);
}

/**
 * places_pass() - walk over the next record
 * @p:      the marks
 * @record: the record at p->end
 *
 * Return: 0, or -EIO when OpenSSL fails.
 */
int places_pass(Places *p, const MlistRecord *record) {
        int r;

        r = place_pass(&p->chain, record, &p->end);
        if (r < 0)
                return error_trace(r);
        if (p->end.position % p->stride != 0)
                return 0;
        if (p->n_marks == PLACE_MARKS) {
                p->n_marks = PLACE_MARKS / 2;
                p->stride *= 2;
                for (size_t i = 1; i < p->n_marks; ++i)
                        p->mark[i] = p->mark[2 * i];
        }
        assert(p->end.position == p->n_marks * p->stride);
        p->mark[p->n_marks++] = p->end.value;
        return 0;
}

/**
 * places_before() - the nearest place from which a position can be reached
 * @p:        the marks
 * @position: the position
 *
 * Return: the place: at @position or before it, less than a stride away where that was walked.
 */
Place places_before(const Places *p, uint64_t position) {
        uint64_t i = MIN_OF(position / p->stride, (uint64_t)p->n_marks - 1);

        if (p->end.position <= position)
                return p->end;
        return (Place){ .position = i * p->stride, .value = p->mark[i] };
}

/* Begin the stretch whose end this is. */
static int search_begin_stretch(PlaceSearch *s, const PlaceChain *chain, const Places *p,
                                uint64_t to) {
        s->to = to;
        s->at = p && to > 0 ? places_before(p, to - 1) : place_start(chain);
        s->from = s->at.position;
        /* Where the stretch begins with the value, it is older: unless there is nothing before. */
        return s->from == 0 && digest_equal(chain->alg, &s->at.value, &s->target) ? PLACE_E_FOUND
                                                                                  : 0;
}

static int search_go_on(PlaceSearch *s, const PlaceChain *chain, const Places *p) {
        while (s->at.position == s->to) {
                int r;

                if (s->from == 0)
                        return PLACE_E_NONE;
                r = search_begin_stretch(s, chain, p, s->from);
                if (r != 0)
                        return r;
        }
        return 0;
}

/**
 * place_search_start() - look for the position of a value
 * @s:      to be initialised
 * @chain:  what the value is of
 * @p:      marks of this chain, walked to @end at least; NULL: there are none
 * @end:    records of the list
 * @target: the value
 *
 * Return: 0: pass the record at s->at.position; PLACE_E_FOUND, PLACE_E_NONE.
 */
int place_search_start(PlaceSearch *s, const PlaceChain *chain, const Places *p, uint64_t end,
                       const Digest *target) {
        int r;

        s->target = *target;
        r = search_begin_stretch(s, chain, p, end);
        return r != 0 ? r : search_go_on(s, chain, p);
}

/**
 * place_search_pass() - look at the record that was asked for
 * @s:      the search
 * @chain:  as before
 * @p:      as before; may have been walked on
 * @record: the record at s->at.position
 *
 * Return: 0: pass the record at s->at.position; PLACE_E_FOUND, PLACE_E_NONE; -EIO when OpenSSL
 *         fails.
 */
int place_search_pass(PlaceSearch *s, const PlaceChain *chain, const Places *p,
                      const MlistRecord *record) {
        bool was_there = digest_equal(chain->alg, &s->at.value, &s->target);
        int r;

        r = place_pass(chain, record, &s->at);
        if (r < 0)
                return error_trace(r);
        if (!was_there && digest_equal(chain->alg, &s->at.value, &s->target))
                return PLACE_E_FOUND;
        /* It was there as the stretch began: the lowest position is in the one before. */
        if (was_there)
                s->at.position = s->to;
        return search_go_on(s, chain, p);
}
