/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/replay.h"

#include <assert.h>

#include "base/error.h"

/**
 * replay_init() - start with PCRs of zeros
 * @r:       the replay
 * @banks:   the banks to calculate
 * @hashers: a hasher for each, borrowed
 */
void replay_init(Replay *r, BankMask banks, const Hashers *hashers) {
        *r = (Replay){ .banks = banks, .hashers = hashers };
}

/**
 * replay_set_base() - say that a chain does not begin with zeros; before its first record
 * @r:     the replay
 * @pcr:   the chain, below MLIST_PCR_N
 * @banks: where that is so
 * @base:  V(0) in these banks
 */
void replay_set_base(Replay *r, uint32_t pcr, BankMask banks, const DigestSet *base) {
        assert(pcr < MLIST_PCR_N && r->chain[pcr].n == 0);
        FOREACH_BANK(alg, banks)
                r->chain[pcr].value.of[alg] = base->of[alg];
}

/**
 * replay_digests() - what each bank is extended with for a record
 * @r:           the replay
 * @record:      the record
 * @ret_digests: a digest for each bank of the replay, set on success only
 *
 * A kernel that cannot calculate a bank's hash extends it with the SHA-1 digest and zeros (kernel
 * ima_queue.c, ima_pcr_extend(); Debian 12 does so for sha384 and sha512). A replay follows that
 * only for banks that its caller named as padded: nobody else expects it.
 *
 * Return: 0, or -EIO when OpenSSL fails.
 */
int replay_digests(const Replay *r, const MlistRecord *record, DigestSet *ret_digests) {
        FOREACH_BANK(alg, r->banks) {
                bool is_padded = (r->padded & BANK(alg)) && !record->is_violation;
                DigestAlg by = is_padded ? DIGEST_SHA1 : alg;
                int k;

                if (is_padded)
                        digest_fill(alg, 0, &ret_digests->of[alg]);
                k = mlist_extend_digest(record, by, r->hashers->of[by], &ret_digests->of[alg]);
                if (k < 0)
                        return error_trace(k);
        }
        return 0;
}

/**
 * replay_extend() - do to a chain what TPM2_PCR_Extend does to a PCR
 * @r:       the replay
 * @pcr:     the chain, below MLIST_PCR_N
 * @digests: a digest for each bank of the replay
 *
 * TPM 2.0 Library, part 1, 17.2: PCRnew = H(PCRold || digest).
 *
 * Return: 0, or -EIO when OpenSSL fails.
 */
int replay_extend(Replay *r, uint32_t pcr, const DigestSet *digests) {
        Chain *chain = &r->chain[pcr];

        FOREACH_BANK(alg, r->banks) {
                const Bytes parts[] = { digest_bytes(alg, &chain->value.of[alg]),
                                        digest_bytes(alg, &digests->of[alg]) };
                int k = hasher_run(r->hashers->of[alg], parts, ELEMENTSOF(parts),
                                   &chain->value.of[alg]);

                if (k < 0)
                        return error_trace(k);
        }
        ++chain->n;
        return 0;
}

/**
 * replay_record() - take a whole record into its chain
 * @r:      the replay
 * @record: the record
 *
 * Return: 0, or -EIO when OpenSSL fails.
 */
int replay_record(Replay *r, const MlistRecord *record) {
        DigestSet digests;
        int k;

        k = replay_digests(r, record, &digests);
        if (k < 0)
                return error_trace(k);
        ++r->n_records;
        r->n_violations += record->is_violation;
        return error_trace(replay_extend(r, record->pcr, &digests));
}

/**
 * search_init() - look for the prefix that gives a value
 * @s:      the search
 * @banks:  the banks of the PCR; none means that nothing can ever fit
 * @target: its value in each of them
 */
void search_init(Search *s, BankMask banks, const DigestSet *target) {
        *s = (Search){ .banks = banks, .target = *target, .k = SEARCH_NONE };
        for (DigestAlg alg = 0; alg < _DIGEST_ALG_N; ++alg)
                s->k_bank[alg] = SEARCH_NONE;
}

/**
 * search_look() - compare the target with V(n) of a chain; call it for V(0) and after each record
 * @s:     the search
 * @chain: the chain
 *
 * Return: whether this V(n) is the target in every bank.
 */
bool search_look(Search *s, const Chain *chain) {
        BankMask equal = digest_set_equal(s->banks, &s->target, &chain->value);

        if (!equal)
                return false;
        FOREACH_BANK(alg, equal)
                if (s->k_bank[alg] == SEARCH_NONE)
                        s->k_bank[alg] = chain->n;
        if (equal != s->banks)
                return false;
        if (s->k == SEARCH_NONE)
                s->k = chain->n;
        return true;
}

/**
 * search_verdict() - what a search over the whole chain has found
 * @s: the search
 *
 * Return: the verdict; no bank at all is SEARCH_ALIEN, never a fit.
 */
SearchVerdict search_verdict(const Search *s) {
        bool all = s->banks != 0, any = false;

        if (s->k != SEARCH_NONE)
                return SEARCH_FITS;
        FOREACH_BANK(alg, s->banks) {
                all &= s->k_bank[alg] != SEARCH_NONE;
                any |= s->k_bank[alg] != SEARCH_NONE;
        }
        return all ? SEARCH_SPLIT : any ? SEARCH_SOME : SEARCH_ALIEN;
}
