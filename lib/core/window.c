/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/window.h"

#include <assert.h>
#include <string.h>

#include "base/error.h"

typedef struct WindowSlot {
        Digest extend;
        Digest before; /* the chain's value before this record */
        uint64_t position;
        bool in_chain;
        bool is_start; /* a boot may begin here: a reset before it is likely */
} WindowSlot;

struct SearchWindow {
        DigestAlg alg;
        Hasher *h; /* borrowed */
        Digest zero;
        Digest base;
        Digest value; /* of the chain so far */
        Digest target;
        uint64_t n_put;  /* slots ever filled */
        uint64_t n_kept; /* of them still there */
        uint64_t end;    /* position behind the last record */
        uint64_t left;   /* hashes */
        uint64_t left_near;
        uint64_t reach;
        uint64_t reach_words;
        bool is_found;
        SearchFound found;
        Digest *word;
        WindowSlot *slot; /* [SEARCH_WINDOW_MAX] */
};

/*
 * What is extended by others than IMA: ones and zeros invalidate ("cap") a PCR; separators are TCG
 * PC Client Platform Firmware Profile 1.06, 10.4.1 (EV_SEPARATOR); phases are systemd's pcrphase
 * and pcrosseparator words (src/tpm2-setup, systemd-pcrphase.service(8)).
 */
static const struct {
        const char *name;
        const char *text; /* its hash is extended; NULL: a digest of `fill` bytes */
        uint8_t n;
        uint8_t fill;
} words[] = {
        { "ones (0xff..), which invalidate a PCR", NULL, 0, 0xff },
        { "a digest of zeros", NULL, 0, 0x00 },
        { "0xfe..", NULL, 0, 0xfe },
        { "the firmware's event separator", "\0\0\0\0", 4, 0 },
        { "the firmware's error separator", "\1\0\0\0", 4, 0 },
        { "the firmware's event separator of ones", "\xff\xff\xff\xff", 4, 0 },
        { "systemd's \"os-separator\"", "os-separator", 12, 0 },
        { "systemd's \"enter-initrd\"", "enter-initrd", 12, 0 },
        { "systemd's \"leave-initrd\"", "leave-initrd", 12, 0 },
        { "systemd's \"sysinit\"", "sysinit", 7, 0 },
        { "systemd's \"ready\"", "ready", 5, 0 },
        { "systemd's \"shutdown\"", "shutdown", 8, 0 },
        { "systemd's \"final\"", "final", 5, 0 },
        { "the word \"foreign\"", "foreign", 7, 0 },
};

/* The first two are tried wherever any change is; the others nearer to the end. */
#define WORDS_FIRST 2U

/**
 * search_word_count() - how many things are known that others extend
 *
 * Return: the number; words are numbered from 0.
 */
size_t search_word_count(void) {
        return ELEMENTSOF(words);
}

/**
 * search_word_name() - what such a word is
 * @word: its number
 *
 * Return: a constant string that fits behind "extended with ".
 */
const char *search_word_name(size_t word) {
        assert(word < ELEMENTSOF(words));
        return words[word].name;
}

/**
 * search_word_digest() - what a bank is extended with for a word
 * @word:       its number
 * @alg:        the bank
 * @h:          its hasher
 * @ret_digest: the digest, set on success only
 *
 * Return: 0, or -EIO when OpenSSL fails.
 */
int search_word_digest(size_t word, DigestAlg alg, Hasher *h, Digest *ret_digest) {
        Bytes text;

        assert(word < ELEMENTSOF(words));
        if (!words[word].text) {
                digest_fill(alg, words[word].fill, ret_digest);
                return 0;
        }
        text = bytes_of(words[word].text, words[word].n);
        return error_trace(hasher_run(h, &text, 1, ret_digest));
}

/**
 * search_window_new() - begin with an empty list
 * @alg:        the bank
 * @h:          its hasher, borrowed
 * @base:       the PCR's value before record 0
 * @target:     the value to explain
 * @ret_window: the window, to be freed with search_window_free(); set on success only
 *
 * Return: 0, -ENOMEM, or -EIO when OpenSSL fails.
 */
int search_window_new(DigestAlg alg, Hasher *h, const Digest *base, const Digest *target,
                      SearchWindow **ret_window) {
        _cleanup_(search_window_freep) SearchWindow *w = calloc(1, sizeof(*w));

        if (!w)
                return error_origin(-ENOMEM);
        w->alg = alg;
        w->h = h;
        w->base = w->value = *base;
        w->target = *target;
        w->left = SEARCH_HASHES_MAX;
        w->left_near = SEARCH_NEAR_HASHES_MAX;
        w->reach = w->reach_words = SEARCH_NONE;
        w->word = calloc(ELEMENTSOF(words), sizeof(*w->word));
        w->slot = calloc(SEARCH_WINDOW_MAX, sizeof(*w->slot));
        if (!w->word || !w->slot)
                return error_origin(-ENOMEM);
        for (size_t i = 0; i < ELEMENTSOF(words); ++i) {
                int r = search_word_digest(i, alg, h, &w->word[i]);

                if (r < 0)
                        return error_trace(r);
        }
        *ret_window = TAKE(w);
        return 0;
}

/**
 * search_window_free() - free a window
 * @w: the window or NULL
 *
 * Return: NULL.
 */
SearchWindow *search_window_free(SearchWindow *w) {
        if (!w)
                return NULL;
        free(w->word);
        free(w->slot);
        free(w);
        return NULL;
}

static const WindowSlot *window_at(const SearchWindow *w, uint64_t i) {
        return &w->slot[i % SEARCH_WINDOW_MAX];
}

static int window_extend(SearchWindow *w, const Digest *extend, Digest *value) {
        const Bytes parts[] = { digest_bytes(w->alg, value), digest_bytes(w->alg, extend) };

        return error_trace(hasher_run(w->h, parts, ELEMENTSOF(parts), value));
}

/* The next slot of the chain from i on, or n_put. */
static uint64_t window_next(const SearchWindow *w, uint64_t i) {
        while (i < w->n_put && !window_at(w, i)->in_chain)
                ++i;
        return i;
}

/* Go on from a changed value with the slots from i on, n_steps at most. */
static int window_follow(SearchWindow *w, Digest value, uint64_t i, uint64_t n_steps,
                         SearchFound found, uint64_t *left) {
        const uint8_t *target = w->target.data;
        size_t n = digest_size(w->alg);
        int r;

        i = window_next(w, i);
        for (;;) {
                if (memcmp(value.data, target, n) == 0) {
                        found.end = i < w->n_put ? window_at(w, i)->position : w->end;
                        w->found = found;
                        w->is_found = true;
                        return 0;
                }
                if (i >= w->n_put || n_steps == 0 || *left == 0)
                        return 0;
                r = window_extend(w, &window_at(w, i)->extend, &value);
                if (r < 0)
                        return error_trace(r);
                --*left;
                --n_steps;
                i = window_next(w, i + 1);
        }
}

/* One change at slot i, or at n_put: behind everything. */
static int window_try(SearchWindow *w, SearchChange change, size_t word, uint64_t i,
                      uint64_t n_steps, uint64_t *left) {
        bool is_end = i == w->n_put;
        const WindowSlot *s = is_end ? NULL : window_at(w, i);
        Digest value = is_end ? w->value : s->before;
        SearchFound found = {
                .change = change,
                .word = word,
                .position = is_end ? w->end : s->position,
        };
        uint64_t next;
        int r = 0;

        switch (change) {
        case SEARCH_CHANGE_FOREIGN:
                r = window_extend(w, &w->word[word], &value);
                break;
        case SEARCH_CHANGE_REPEATED:
        case SEARCH_CHANGE_MISPLACED:
                r = window_extend(w, &s->extend, &value);
                break;
        case SEARCH_CHANGE_MISSING:
                ++i;
                break;
        case SEARCH_CHANGE_SWAPPED:
                next = window_next(w, i + 1);
                if (next == w->n_put)
                        return 0;
                r = window_extend(w, &window_at(w, next)->extend, &value);
                if (r == 0)
                        r = window_extend(w, &s->extend, &value);
                i = next + 1;
                break;
        case SEARCH_CHANGE_RESET:
                value = w->zero;
                break;
        case _SEARCH_CHANGE_N:
                assert(false);
        }
        if (r < 0)
                return error_trace(r);
        *left -= MIN_OF(*left, UINT64_C(2));
        /* A repeated record that is the last in the PCR needs one step, a missing one too. */
        return error_trace(window_follow(w, value, i, n_steps, found, left));
}

/* All words from `first` to before `end`. */
static int window_try_words(SearchWindow *w, size_t first, size_t end, uint64_t i, uint64_t n_steps,
                            uint64_t *left) {
        int r = 0;

        for (size_t word = first; r == 0 && !w->is_found && word < end; ++word)
                r = window_try(w, SEARCH_CHANGE_FOREIGN, word, i, n_steps, left);
        return r;
}

/* The changes to a record itself. */
static int window_try_record(SearchWindow *w, uint64_t i, uint64_t n_steps, uint64_t *left) {
        static const SearchChange changes[] = { SEARCH_CHANGE_MISSING, SEARCH_CHANGE_REPEATED,
                                                SEARCH_CHANGE_SWAPPED, SEARCH_CHANGE_RESET };
        /* From zeros on, a reset behind record 0 is what record 0 missing is. */
        uint64_t first = bytes_is_zero(digest_bytes(w->alg, &w->base)) ? 2 : 1;
        int r = 0;

        for (size_t k = 0; r == 0 && !w->is_found && k < ELEMENTSOF(changes); ++k)
                if (changes[k] != SEARCH_CHANGE_RESET || window_at(w, i)->position >= first)
                        r = window_try(w, changes[k], 0, i, n_steps, left);
        return r;
}

/* Each change at slot i, with the PCR ending there. */
static int window_try_near(SearchWindow *w, uint64_t i) {
        int r;

        if (w->is_found || w->left_near == 0)
                return 0;
        if (i < w->n_put && !window_at(w, i)->in_chain)
                return error_trace(window_try(w, SEARCH_CHANGE_MISPLACED, 0, i, 1, &w->left_near));
        r = window_try_words(w, 0, ELEMENTSOF(words), i, 0, &w->left_near);
        if (r == 0 && i < w->n_put)
                r = window_try_record(w, i, 1, &w->left_near);
        return error_trace(r);
}

/**
 * search_window_put() - take the next record of the list
 * @w:        the window
 * @position: its number in the list
 * @in_chain: it belongs to the PCR in question
 * @is_start: it looks like the first record of a boot
 * @extend:   what the bank is extended with for it
 *
 * Return: 0, or -EIO when OpenSSL fails.
 */
int search_window_put(SearchWindow *w, uint64_t position, bool in_chain, bool is_start,
                      const Digest *extend) {
        int r = 0;

        if (w->n_kept == SEARCH_WINDOW_MAX) {
                r = window_try_near(w, w->n_put - w->n_kept);
                --w->n_kept;
        }
        w->slot[w->n_put % SEARCH_WINDOW_MAX] = (WindowSlot){
                .extend = *extend,
                .before = w->value,
                .position = position,
                .in_chain = in_chain,
                .is_start = is_start,
        };
        ++w->n_put;
        ++w->n_kept;
        w->end = position + 1;
        if (r == 0 && in_chain)
                r = window_extend(w, extend, &w->value);
        return error_trace(r);
}

/* What is likely wherever it is: a boot that begins, a record that the list gives another PCR. */
static int window_solve_marked(SearchWindow *w) {
        uint64_t left = w->left / 2;
        int r = 0;

        for (uint64_t k = 0; r == 0 && !w->is_found && k < w->n_kept && left > 0; ++k) {
                uint64_t i = w->n_put - 1 - k;
                const WindowSlot *s = window_at(w, i);

                if (!s->in_chain)
                        r = window_try(w, SEARCH_CHANGE_MISPLACED, 0, i, UINT64_MAX, &left);
                else if (s->is_start && s->position > 0)
                        r = window_try(w, SEARCH_CHANGE_RESET, 0, i, UINT64_MAX, &left);
        }
        w->left -= w->left / 2 - left;
        return error_trace(r);
}

/**
 * search_window_solve() - the list has ended: look for the change
 * @w: the window
 *
 * Return: 0, or -EIO when OpenSSL fails.
 */
int search_window_solve(SearchWindow *w) {
        uint64_t left_words = w->left / 4;
        int r = 0;

        for (uint64_t k = 0; r == 0 && !w->is_found && k <= w->n_kept; ++k)
                r = window_try_near(w, w->n_put - k);
        if (r == 0)
                r = window_solve_marked(w);
        w->left -= MIN_OF(w->left, left_words);
        for (uint64_t k = 1; r == 0 && !w->is_found && k <= w->n_kept && w->left > 0; ++k) {
                uint64_t i = w->n_put - k;

                if (!window_at(w, i)->in_chain)
                        continue;
                r = window_try_record(w, i, UINT64_MAX, &w->left);
                if (r == 0 && !w->is_found)
                        r = window_try_words(w, 0, WORDS_FIRST, i, UINT64_MAX, &w->left);
                if (w->left > 0)
                        w->reach = window_at(w, i)->position;
        }
        for (uint64_t k = 1; r == 0 && !w->is_found && k <= w->n_kept && left_words > 0; ++k) {
                uint64_t i = w->n_put - k;

                if (!window_at(w, i)->in_chain)
                        continue;
                r = window_try_words(w, WORDS_FIRST, ELEMENTSOF(words), i, UINT64_MAX, &left_words);
                if (left_words > 0)
                        w->reach_words = window_at(w, i)->position;
        }
        return error_trace(r);
}

/**
 * search_window_found() - the answer
 * @w:         the window
 * @ret_found: the change; set only if there is one
 *
 * Return: whether one was found.
 */
bool search_window_found(const SearchWindow *w, SearchFound *ret_found) {
        if (w->is_found)
                *ret_found = w->found;
        return w->is_found;
}

/**
 * search_window_reach() - how far back was tried
 * @w:     the window, solved
 * @rare:  ask for the words that are not tried everywhere
 *
 * Return: the first record at which every change, with the list following it, was tried;
 * SEARCH_NONE if there is none.
 */
uint64_t search_window_reach(const SearchWindow *w, bool rare) {
        return rare ? w->reach_words : w->reach;
}
