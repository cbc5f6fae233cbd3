/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/near.h"

#include "base/error.h"
#include "core/window.h"

static int near_extend(const Near *n, DigestAlg alg, const Digest *value, const Digest *digest,
                       Digest *ret_value) {
        const Bytes parts[] = { digest_bytes(alg, value), digest_bytes(alg, digest) };

        return error_trace(hasher_run(n->hashers->of[alg], parts, ELEMENTSOF(parts), ret_value));
}

static void near_find(Near *n, DigestAlg alg, const NearFinding *finding) {
        n->finding[alg] = *finding;
        n->open &= ~BANK(alg);
}

/* Does this change give the value of the bank? digests: of the record at hand; NULL: none. */
static int near_try_bank(const Near *n, DigestAlg alg, const NearFinding *f,
                         const DigestSet *digests, bool *ret_fits) {
        const Digest *from = f->kind == NEAR_MISSING ? &n->before.of[alg] : &n->value.of[alg];
        Digest digest, value;
        int r = 0;

        if (f->kind == NEAR_FOREIGN)
                r = search_word_digest(f->word, alg, n->hashers->of[alg], &digest);
        else
                digest = digests->of[alg];
        if (r == 0)
                r = near_extend(n, alg, from, &digest, &value);
        if (r < 0)
                return error_trace(r);
        *ret_fits = digest_equal(alg, &value, &n->target.of[alg]);
        return 0;
}

/* In the probe first; there it is nearly always wrong. */
static int near_try(Near *n, NearKind kind, size_t word, const DigestSet *digests) {
        const NearFinding f = {
                .kind = kind,
                .has_position = n->has_last,
                .position = n->last,
                .word = word,
        };
        bool fits;
        int r;

        if (!(n->open & BANK(n->probe)))
                return 0;
        r = near_try_bank(n, n->probe, &f, digests, &fits);
        if (r < 0)
                return error_trace(r);
        if (!fits)
                return 0;
        FOREACH_BANK(alg, n->open) {
                r = near_try_bank(n, alg, &f, digests, &fits);
                if (r < 0)
                        return error_trace(r);
                if (fits)
                        near_find(n, alg, &f);
        }
        return 0;
}

static int near_try_words(Near *n) {
        for (size_t word = 0; word < search_word_count(); ++word) {
                int r = near_try(n, NEAR_FOREIGN, word, NULL);

                if (r < 0)
                        return error_trace(r);
        }
        return 0;
}

static int near_begin_pass(Near *n) {
        n->probe = bank_from(n->open & ~n->tried, 0);
        if (n->probe == _DIGEST_ALG_N)
                return NEAR_E_DONE;
        n->tried |= BANK(n->probe);
        n->value = n->before = n->padded = n->base;
        n->has_last = false;
        n->position = 0;
        return error_trace(near_try_words(n));
}

/**
 * near_init() - begin to look for the reason
 * @n:       to be initialised
 * @pcr:     the PCR
 * @banks:   those of its banks that no V(k) explains
 * @base:    V(0)
 * @target:  what they hold
 * @hashers: open for @banks and sha1; borrowed
 *
 * Return: 0: feed the list from record 0 on; NEAR_E_DONE; -EIO when OpenSSL fails.
 */
int near_init(Near *n, uint32_t pcr, BankMask banks, const DigestSet *base, const DigestSet *target,
              const Hashers *hashers) {
        *n = (Near){ .pcr = pcr, .banks = banks, .open = banks, .hashers = hashers };
        n->base = *base;
        n->target = *target;
        replay_init(&n->replay, banks, hashers);
        FOREACH_BANK(alg, banks) {
                Digest zeros, ones;

                digest_fill(alg, 0, &zeros);
                digest_fill(alg, 0xff, &ones);
                if (digest_equal(alg, &target->of[alg], &zeros) ||
                    digest_equal(alg, &target->of[alg], &ones) ||
                    digest_equal(alg, &target->of[alg], &base->of[alg]))
                        near_find(n, alg, &(NearFinding){ .kind = NEAR_EMPTY });
        }
        return near_begin_pass(n);
}

/* A kernel that cannot calculate a bank's hash extends it so (replay_digests()). */
static int near_record_padded(Near *n, const MlistRecord *record) {
        const NearFinding f = {
                .kind = NEAR_PADDED,
                .has_position = true,
                .position = n->position,
        };
        DigestSet digests;
        int r;

        n->replay.padded = n->banks & ~BANK(DIGEST_SHA1);
        r = replay_digests(&n->replay, record, &digests);
        n->replay.padded = 0;
        if (r < 0)
                return error_trace(r);
        FOREACH_BANK(alg, n->open) {
                r = near_extend(n, alg, &n->padded.of[alg], &digests.of[alg], &n->padded.of[alg]);
                if (r < 0)
                        return error_trace(r);
                /* Overwrites itself while the PCR stays the same: which of them is the last. */
                if (digest_equal(alg, &n->padded.of[alg], &n->target.of[alg]))
                        near_find(n, alg, &f);
        }
        return 0;
}

static int near_move(Near *n, const DigestSet *digests) {
        n->before = n->value;
        FOREACH_BANK(alg, n->banks) {
                int r = near_extend(n, alg, &n->value.of[alg], &digests->of[alg],
                                    &n->value.of[alg]);

                if (r < 0)
                        return error_trace(r);
        }
        return 0;
}

/**
 * near_record() - take the next record of a pass
 * @n:      not done
 * @record: the record
 *
 * Return: 0, or -EIO when OpenSSL fails.
 */
int near_record(Near *n, const MlistRecord *record) {
        DigestSet digests;
        int r;

        if (record->pcr != n->pcr) {
                ++n->position;
                return 0;
        }
        r = replay_digests(&n->replay, record, &digests);
        if (r == 0 && n->has_last)
                r = near_try(n, NEAR_MISSING, 0, &digests);
        if (r == 0)
                r = near_move(n, &digests);
        if (r < 0)
                return error_trace(r);
        n->has_last = true;
        n->last = n->position;
        r = near_try(n, NEAR_REPEATED, 0, &digests);
        if (r == 0)
                r = near_try_words(n);
        if (r == 0)
                r = near_record_padded(n, record);
        if (r < 0)
                return error_trace(r);
        ++n->position;
        return 0;
}

/**
 * near_next_pass() - the list has been fed to its end
 * @n: not done
 *
 * Return: 0: feed it again; NEAR_E_DONE; -EIO when OpenSSL fails.
 */
int near_next_pass(Near *n) {
        return near_begin_pass(n);
}
