/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/mismatch.h"

#include <assert.h>

#include "base/error.h"
#include "core/lanes.h"
#include "core/template.h"

typedef enum MismatchPass {
        PASS_SURVEY,  /* what explains the whole list at once */
        PASS_WINDOW,  /* one bank: a single change */
        PASS_CONFIRM, /* the change that was found, in all banks */
        PASS_DONE,
} MismatchPass;

struct Mismatch {
        MismatchQuestion q;
        const Hashers *hashers;
        Replay replay; /* only for replay_digests() */
        MismatchPass pass;
        MismatchAnswer answer;
        BankMask open; /* banks that nothing explains so far */
        uint64_t position;
        uint64_t n_violations;
        uint64_t n_checked;
        uint64_t n_fit_converted;
        ReplayLanes lanes;
        DigestAlg probe;
        SearchWindow *window;
        /* PASS_CONFIRM */
        SearchFound found;
        DigestSet changed;
        DigestSet first; /* of two swapped records */
        bool is_swapping;
};

/**
 * mismatch_new() - begin to look for the reason
 * @question:     copied
 * @hashers:      open for its banks, for sha1 and for the algorithm of the list; borrowed
 * @ret_mismatch: to be freed with mismatch_free(); ready for the records of the first pass; set on
 *                success only
 *
 * Return: 0 or -ENOMEM.
 */
int mismatch_new(const MismatchQuestion *question, const Hashers *hashers,
                 Mismatch **ret_mismatch) {
        Mismatch *m = calloc(1, sizeof(*m));

        if (!m)
                return error_origin(-ENOMEM);
        m->q = *question;
        m->hashers = hashers;
        replay_init(&m->replay, question->banks, hashers);
        m->replay.padded = question->padded;
        m->open = question->banks;
        replay_lanes_init(&m->lanes, &question->form, question->banks, question->padded,
                          &question->base, &question->target, hashers);
        m->answer.reach = m->answer.reach_words = SEARCH_NONE;
        *ret_mismatch = m;
        return 0;
}

/**
 * mismatch_free() - free it
 * @m: or NULL
 *
 * Return: NULL.
 */
Mismatch *mismatch_free(Mismatch *m) {
        if (!m)
                return NULL;
        m->window = search_window_free(m->window);
        free(m);
        return NULL;
}

/**
 * mismatch_answer() - what was found
 * @m: after MISMATCH_E_DONE
 *
 * Return: the answer, borrowed.
 */
const MismatchAnswer *mismatch_answer(const Mismatch *m) {
        assert(m->pass == PASS_DONE);
        return &m->answer;
}

static void mismatch_find(Mismatch *m, const MismatchFinding *finding) {
        m->open &= ~finding->banks;
        if (m->answer.n < MISMATCH_FINDINGS_MAX)
                m->answer.finding[m->answer.n++] = *finding;
}

static void mismatch_tried(Mismatch *m, MismatchKind kind) {
        m->answer.tried |= (uint32_t)1 << kind;
}

static int mismatch_extend(const Mismatch *m, DigestAlg alg, const Digest *digest, Digest *value) {
        const Bytes parts[] = { digest_bytes(alg, value), digest_bytes(alg, digest) };

        return error_trace(hasher_run(m->hashers->of[alg], parts, ELEMENTSOF(parts), value));
}

static int survey_check(Mismatch *m, const MlistRecord *record) {
        DigestAlg alg = m->q.form.alg;
        Digest converted;
        bool fits;
        int r;

        if (record->is_violation)
                return 0;
        r = mlist_digest_fits(record, alg, m->hashers->of[alg], &fits);
        if (r < 0)
                return error_trace(r);
        ++m->n_checked;
        if (fits)
                return 0;
        if (m->answer.n_bad++ == 0)
                m->answer.first_bad = m->position;
        r = replay_converted_digest(&m->q.form, record, m->hashers->of[alg], &converted);
        if (r < 0)
                return error_trace(r);
        m->n_fit_converted += bytes_equal(digest_bytes(alg, &converted), record->digest);
        return 0;
}

static int survey_record(Mismatch *m, const MlistRecord *record, const DigestSet *plain) {
        int r;

        r = survey_check(m, record);
        if (r < 0 || record->pcr != m->q.pcr)
                return error_trace(r);
        m->n_violations += record->is_violation;
        return error_trace(replay_lanes_record(&m->lanes, record, m->position, plain));
}

static int confirm_extend(Mismatch *m, const DigestSet *digests) {
        FOREACH_BANK(alg, m->open) {
                int r = mismatch_extend(m, alg, &digests->of[alg], &m->changed.of[alg]);

                if (r < 0)
                        return error_trace(r);
        }
        return 0;
}

static int confirm_foreign(Mismatch *m) {
        DigestSet word;

        FOREACH_BANK(alg, m->open) {
                int r = search_word_digest(m->found.word, alg, m->hashers->of[alg], &word.of[alg]);

                if (r < 0)
                        return error_trace(r);
        }
        return error_trace(confirm_extend(m, &word));
}

/* The record that the change is about. */
static int confirm_change(Mismatch *m, const DigestSet *digests) {
        int r = 0;

        switch (m->found.change) {
        case SEARCH_CHANGE_FOREIGN:
                r = confirm_foreign(m);
                break;
        case SEARCH_CHANGE_REPEATED:
                r = confirm_extend(m, digests);
                break;
        case SEARCH_CHANGE_MISPLACED:
                break;
        case SEARCH_CHANGE_MISSING:
                return 0;
        case SEARCH_CHANGE_SWAPPED:
                m->first = *digests;
                m->is_swapping = true;
                return 0;
        case SEARCH_CHANGE_RESET:
                m->changed = (DigestSet){};
                break;
        case _SEARCH_CHANGE_N:
                assert(false);
        }
        if (r == 0 && m->position < m->found.end)
                r = confirm_extend(m, digests);
        return error_trace(r);
}

static int confirm_record(Mismatch *m, const MlistRecord *record, const DigestSet *digests) {
        int r;

        if (m->position == m->found.position)
                return error_trace(confirm_change(m, digests));
        if (record->pcr != m->q.pcr || m->position >= m->found.end)
                return 0;
        r = confirm_extend(m, digests);
        if (r == 0 && m->is_swapping) {
                m->is_swapping = false;
                r = confirm_extend(m, &m->first);
        }
        return error_trace(r);
}

static bool mismatch_is_start(const MlistRecord *record, ByteOrder order) {
        TemplateSubject subject;

        return template_subject(record, order, &subject) == 0 &&
               (bytes_equal_text(subject.name, "boot_aggregate") ||
                bytes_equal_text(subject.name, "boot_aggregate_late"));
}

static int mismatch_take(Mismatch *m, const MlistRecord *record, const DigestSet *digests) {
        switch (m->pass) {
        case PASS_SURVEY:
                return error_trace(survey_record(m, record, digests));
        case PASS_WINDOW:
                return error_trace(search_window_put(
                        m->window, m->position, record->pcr == m->q.pcr,
                        mismatch_is_start(record, m->q.form.order), &digests->of[m->probe]));
        case PASS_CONFIRM:
                return error_trace(confirm_record(m, record, digests));
        case PASS_DONE:
                break;
        }
        assert(false);
        return error_origin(-EINVAL);
}

/**
 * mismatch_record() - take the next record of a pass
 * @m:      not done
 * @record: the record
 *
 * Return: 0, or -EIO when OpenSSL fails.
 */
int mismatch_record(Mismatch *m, const MlistRecord *record) {
        DigestSet digests;
        int r;

        r = replay_digests(&m->replay, record, &digests);
        if (r < 0)
                return error_trace(r);
        r = mismatch_take(m, record, &digests);
        ++m->position;
        return error_trace(r);
}

/* Banks that a lane explains, all of them at the same place. */
static void survey_find_lane(Mismatch *m, ReplayLane lane, MismatchKind kind) {
        MismatchFinding finding = { .kind = kind };

        mismatch_tried(m, kind);
        FOREACH_BANK(alg, m->open & replay_lane_banks(&m->lanes, lane)) {
                if (m->lanes.search[lane].k_bank[alg] == SEARCH_NONE)
                        continue;
                finding.banks |= BANK(alg);
                finding.end = MAX_OF(finding.end, m->lanes.end[lane][alg]);
        }
        if (finding.banks)
                mismatch_find(m, &finding);
}

/* Banks that hold the PCR's value of a reset: zeros, or ones where a TPM was not started. */
static void survey_find_never(Mismatch *m) {
        MismatchFinding finding = { .kind = MISMATCH_NEVER };

        mismatch_tried(m, MISMATCH_NEVER);
        FOREACH_BANK(alg, m->q.banks) {
                const Digest *target = &m->q.target.of[alg];
                Digest fixed;

                digest_fill(alg, target->data[0] == 0 ? 0 : 0xff, &fixed);
                if (digest_equal(alg, target, &fixed) ||
                    digest_equal(alg, target, &m->q.base.of[alg]))
                        finding.banks |= BANK(alg);
        }
        if (finding.banks)
                mismatch_find(m, &finding);
}

/* Whole records that are wrong in themselves: one, or each because of what was done to the list. */
static void survey_find_altered(Mismatch *m) {
        MismatchFinding finding = { .kind = MISMATCH_ALTERED };
        const Search *claimed = &m->lanes.search[REPLAY_LANE_CLAIMED];
        DigestAlg alg = m->q.form.alg;

        mismatch_tried(m, MISMATCH_ALTERED);
        if (m->answer.n_bad == 0)
                return;
        if (m->n_checked == m->answer.n_bad && m->n_fit_converted > 0)
                finding.kind = MISMATCH_CONVERTED;
        else
                finding.position = m->answer.first_bad;
        if ((m->open & replay_lane_banks(&m->lanes, REPLAY_LANE_CLAIMED)) &&
            claimed->k_bank[alg] != SEARCH_NONE) {
                finding.banks = BANK(alg);
                finding.end = m->lanes.end[REPLAY_LANE_CLAIMED][alg];
        }
        mismatch_find(m, &finding);
}

/* Banks that hold the plain list, or a part of it. */
static void survey_find_split(Mismatch *m) {
        MismatchFinding finding = { .kind = MISMATCH_SPLIT, .position = SEARCH_NONE };
        const Search *plain = &m->lanes.search[REPLAY_LANE_PLAIN];
        uint64_t most = 0;

        mismatch_tried(m, MISMATCH_SPLIT);
        FOREACH_BANK(alg, m->open)
                if (plain->k_bank[alg] != SEARCH_NONE) {
                        finding.banks |= BANK(alg);
                        finding.position =
                                MIN_OF(finding.position, m->lanes.end[REPLAY_LANE_PLAIN][alg]);
                        most = MAX_OF(most, m->lanes.end[REPLAY_LANE_PLAIN][alg]);
                }
        finding.end = most;
        /* Where the others have another reason, a bank that fits needs none. */
        if (finding.banks && finding.position < most)
                mismatch_find(m, &finding);
        m->open &= ~finding.banks;
}

static void mismatch_end(Mismatch *m) {
        MismatchFinding finding = { .kind = MISMATCH_UNKNOWN, .banks = m->open };
        BankMask fits = 0;

        m->pass = PASS_DONE;
        m->window = search_window_free(m->window);
        m->answer.n_records = m->position;
        FOREACH_BANK(alg, m->q.banks)
                if (m->lanes.search[REPLAY_LANE_PLAIN].k_bank[alg] != SEARCH_NONE)
                        fits |= BANK(alg);
        if (!m->open)
                return;
        if (m->answer.n > 0 && m->answer.finding[0].kind == MISMATCH_ALTERED)
                return;
        /* Every place was tried, and no bank has anything in common with the list. */
        if (m->answer.has_reach && m->answer.reach == 0 && m->answer.n == 0 && !fits)
                finding.kind = MISMATCH_WRONG_LIST;
        mismatch_find(m, &finding);
}

static int mismatch_begin_window(Mismatch *m) {
        /* The cheapest hash first. */
        static const DigestAlg order[] = { DIGEST_SHA1,     DIGEST_SHA256,  DIGEST_SHA512,
                                           DIGEST_SHA384,   DIGEST_SM3_256, DIGEST_SHA3_256,
                                           DIGEST_SHA3_384, DIGEST_SHA3_512 };
        size_t i = 0;

        while (!(m->open & BANK(order[i])))
                ++i;
        m->probe = order[i];
        m->window = search_window_free(m->window);
        m->pass = PASS_WINDOW;
        m->answer.n_records = m->position;
        m->position = 0;
        return error_trace(search_window_new(m->probe, m->hashers->of[m->probe],
                                             &m->q.base.of[m->probe], &m->q.target.of[m->probe],
                                             &m->window));
}

static int mismatch_end_survey(Mismatch *m) {
        survey_find_never(m);
        survey_find_altered(m);
        survey_find_split(m);
        survey_find_lane(m, REPLAY_LANE_PADDED, MISMATCH_PADDED);
        if (m->n_violations > 0)
                survey_find_lane(m, REPLAY_LANE_VIOLATIONS, MISMATCH_VIOLATIONS);
        survey_find_lane(m, REPLAY_LANE_CONVERTED, MISMATCH_CONVERTED);
        /* An altered record leaves nothing that could be tried: what it was is not known. */
        if (!m->open || m->answer.n_bad > 0) {
                mismatch_end(m);
                return MISMATCH_E_DONE;
        }
        return error_trace(mismatch_begin_window(m));
}

static int mismatch_end_window(Mismatch *m) {
        int r;

        r = search_window_solve(m->window);
        if (r < 0)
                return error_trace(r);
        for (MismatchKind kind = MISMATCH_FOREIGN; kind <= MISMATCH_MISPLACED; ++kind)
                mismatch_tried(m, kind);
        m->answer.has_reach = true;
        m->answer.reach = search_window_reach(m->window, false);
        m->answer.reach_words = search_window_reach(m->window, true);
        if (!search_window_found(m->window, &m->found)) {
                mismatch_end(m);
                return MISMATCH_E_DONE;
        }
        m->pass = PASS_CONFIRM;
        m->position = 0;
        m->changed = m->q.base;
        m->is_swapping = false;
        return 0;
}

static int mismatch_end_confirm(Mismatch *m) {
        static const MismatchKind kinds[_SEARCH_CHANGE_N] = {
                [SEARCH_CHANGE_FOREIGN] = MISMATCH_FOREIGN,
                [SEARCH_CHANGE_REPEATED] = MISMATCH_REPEATED,
                [SEARCH_CHANGE_MISSING] = MISMATCH_MISSING,
                [SEARCH_CHANGE_SWAPPED] = MISMATCH_SWAPPED,
                [SEARCH_CHANGE_RESET] = MISMATCH_RESET,
                [SEARCH_CHANGE_MISPLACED] = MISMATCH_MISPLACED,
        };
        MismatchFinding finding = {
                .kind = kinds[m->found.change],
                .position = m->found.position,
                .end = m->found.end,
                .word = m->found.word,
        };

        /* Something foreign behind the whole list. */
        if (m->found.position == m->position) {
                int r = confirm_foreign(m);

                if (r < 0)
                        return error_trace(r);
        }
        finding.banks = digest_set_equal(m->open, &m->q.target, &m->changed);
        /* The records of this pass were others than those before. */
        if (!finding.banks) {
                mismatch_end(m);
                return MISMATCH_E_DONE;
        }
        mismatch_find(m, &finding);
        if (m->open)
                return error_trace(mismatch_begin_window(m));
        mismatch_end(m);
        return MISMATCH_E_DONE;
}

/**
 * mismatch_next_pass() - the list has been fed to its end
 * @m: not done
 *
 * Return: 0 to feed the same records again; MISMATCH_E_DONE; -ENOMEM; -EIO when OpenSSL fails.
 */
int mismatch_next_pass(Mismatch *m) {
        switch (m->pass) {
        case PASS_SURVEY:
                return mismatch_end_survey(m);
        case PASS_WINDOW:
                return mismatch_end_window(m);
        case PASS_CONFIRM:
                return mismatch_end_confirm(m);
        case PASS_DONE:
                break;
        }
        assert(false);
        return MISMATCH_E_DONE;
}
