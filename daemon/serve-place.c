/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/serve-read.h"

#include "base/encode.h"
#include "base/error.h"

typedef struct AfterText {
        JsonU64 pcr;
        Bytes algorithm, value;
} AfterText;

/* A running value, as a reply gave it. */
static bool range_take_after(const ServeRead *r, const Json *after, ServeRange *range) {
        static const JsonField fields[] = {
                { "pcr", JSON_TYPE_U64, false, offsetof(AfterText, pcr) },
                { "algorithm", JSON_TYPE_TEXT, true, offsetof(AfterText, algorithm) },
                { "value", JSON_TYPE_TEXT, true, offsetof(AfterText, value) },
        };
        PlaceChain chain = { .pcr = SERVE_PCR };
        const char *bad;
        AfterText text;
        size_t n;

        if (json_take(after, fields, ELEMENTSOF(fields), true, &text, &bad) != 0)
                return false;
        if (text.pcr.is_set && text.pcr.value >= MLIST_PCR_N)
                return false;
        if (text.pcr.is_set)
                chain.pcr = (uint32_t)text.pcr.value;
        if (!digest_by_name(text.algorithm, &chain.alg) || !(r->banks & BANK(chain.alg)))
                return false;
        range->value = (Digest){};
        if (hex_decode(text.value, range->value.data, digest_size(chain.alg), &n) != 0 ||
            n != digest_size(chain.alg))
                return false;
        chain.hasher = r->hashers.of[chain.alg];
        range->chain = chain;
        range->has_after = true;
        return true;
}

/**
 * serve_range_take() - read where a call begins and ends
 * @r:         shared by all
 * @text:      the parameters
 * @ret_range: set on success only
 * @ret_bad:   the parameter that does not fit; set otherwise
 *
 * Return: whether they fit.
 */
bool serve_range_take(const ServeRead *r, const ServeRangeText *text, ServeRange *ret_range,
                      const char **ret_bad) {
        ServeRange range = {
                .first = text->first.value,
                .has_count = text->count.is_set,
                .count = text->count.value,
                .pending = text->pending.value,
        };

        *ret_bad = "after";
        if (text->after && (text->first.is_set || !range_take_after(r, text->after, &range)))
                return false;
        *ret_range = range;
        return true;
}

/**
 * serve_range_end() - where the range ends that was asked for
 * @range: the range
 * @first: its first position
 * @end:   of the list
 *
 * Return: the position; never before @first.
 */
uint64_t serve_range_end(const ServeRange *range, uint64_t first, uint64_t end) {
        uint64_t last = end < first ? first : end;

        return range->has_count ? MIN_OF(last, first + MIN_OF(range->count, last - first)) : last;
}

/* Walk the marks up to a position. */
static int place_walk_marks(ServeRead *r, uint64_t to) {
        SpoolRecord got;

        while (r->places.end.position < to) {
                int k = serve_read_get(r, r->places.end.position, &got);

                if (k == 0)
                        k = places_pass(&r->places, &got.record);
                if (k != 0)
                        return error_trace(k);
        }
        return 0;
}

/* Marks are of one chain; another one is searched from its beginning. */
static const Places *place_marks(const ServeRead *r, const PlaceChain *chain) {
        return chain->pcr == SERVE_PCR && chain->alg == SERVE_ALG ? &r->places : NULL;
}

static int place_found(const ServeRead *r, const ServeRange *range, int outcome, ServePlace *p) {
        if (outcome == PLACE_E_NONE)
                return SERVE_READ_E_NONE;
        p->position = p->search.at.position;
        if (place_marks(r, &range->chain)) {
                p->at = p->search.at;
                p->find = SERVE_FIND_THERE;
        } else {
                p->find = SERVE_FIND_ENTER;
                p->is_entered = false;
        }
        return 0;
}

static PlaceChain place_chain(const ServeRead *r, const ServeRange *range, const Status *status) {
        PlaceChain chain = range->chain;

        if (place_marks(r, &chain))
                return r->places.chain;
        for (uint32_t i = 0; i < status->n_pcrs; ++i)
                if (status->pcr[i].pcr == chain.pcr && status->pcr[i].has_base &&
                    (status->pcr[i].banks & BANK(chain.alg)))
                        chain.base = status->pcr[i].base.of[chain.alg];
        return chain;
}

static int place_find_value(ServeRead *r, const ServeRange *range, const ServeView *view,
                            ServePlace *p) {
        const PlaceChain chain = place_chain(r, range, view->status);
        const Places *marks = place_marks(r, &chain);
        SpoolRecord got;
        int k = 0;

        if (p->find == SERVE_FIND_NEW) {
                if (marks)
                        k = place_walk_marks(r, view->n_spooled);
                if (k != 0)
                        return error_trace(k);
                k = place_search_start(&p->search, &chain, marks, view->n_spooled, &range->value);
                p->find = SERVE_FIND_VALUE;
        }
        while (k == 0) {
                k = serve_read_get(r, p->search.at.position, &got);
                if (k != 0)
                        return error_trace(k);
                k = place_search_pass(&p->search, &chain, marks, &got.record);
        }
        return k < 0 ? error_trace(k) : place_found(r, range, k, p);
}

static int place_enter(ServeRead *r, ServePlace *p) {
        const PlaceChain *chain = &r->places.chain;
        SpoolRecord got;
        int k;

        k = place_walk_marks(r, p->position);
        if (k == 0 && !p->is_entered) {
                p->enter = places_before(&r->places, p->position);
                p->is_entered = true;
        }
        while (k == 0 && p->enter.position < p->position) {
                k = serve_read_get(r, p->enter.position, &got);
                if (k == 0)
                        k = place_pass(chain, &got.record, &p->enter);
        }
        if (k != 0)
                return error_trace(k);
        if (p->has_been && !digest_equal(SERVE_ALG, &p->at.value, &p->enter.value))
                return SERVE_READ_E_NONE;
        p->at = p->enter;
        p->find = SERVE_FIND_THERE;
        return 0;
}

/**
 * serve_place_find() - get where a call begins, or where it stood in other files
 * @r:     in a step, after serve_read_look()
 * @range: where it begins
 * @view:  what there is
 * @p:     zeroed before the first step; when there, p->at is the place
 *
 * Return: 0: there; SERVE_READ_E_AGAIN; SERVE_READ_E_WAIT: the records up to it are not there;
 *         SERVE_READ_E_NONE: no such value, or not the one that it was; SERVE_READ_E_BAD; a
 * negative errno.
 */
int serve_place_find(ServeRead *r, const ServeRange *range, const ServeView *view, ServePlace *p) {
        int k = 0;

        if (p->epoch != r->epoch) {
                p->epoch = r->epoch;
                p->find = p->has_been ? SERVE_FIND_ENTER : SERVE_FIND_NEW;
                p->is_entered = false;
                if (p->has_been)
                        p->position = p->at.position;
        }
        if (p->find == SERVE_FIND_THERE)
                return 0;
        if (p->find == SERVE_FIND_NEW && !range->has_after) {
                p->find = SERVE_FIND_ENTER;
                p->position = range->first;
        }
        if (p->find == SERVE_FIND_NEW || p->find == SERVE_FIND_VALUE)
                k = place_find_value(r, range, view, p);
        if (k != 0)
                return error_trace(k);
        if (p->find == SERVE_FIND_ENTER && p->position > view->n_spooled)
                return SERVE_READ_E_WAIT;
        return p->find == SERVE_FIND_ENTER ? error_trace(place_enter(r, p)) : 0;
}
