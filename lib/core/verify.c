/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/verify.h"

#include "base/error.h"

/**
 * verify_banks() - which banks have to be calculated
 * @target: the values to compare with
 *
 * Return: the banks of all PCRs together.
 */
BankMask verify_banks(const PcrValues *target) {
        BankMask banks = 0;

        for (uint32_t pcr = 0; pcr < TPM_PCR_N; ++pcr)
                banks |= target->of[pcr];
        return banks;
}

/**
 * verify_init() - begin with an empty list
 * @v:       the verification
 * @target:  the values to compare with, copied
 * @padded:  banks that hold SHA-1 digests with zeros behind
 * @alg:     algorithm of the list's own digests
 * @hashers: borrowed; open for verify_banks(), and for sha1 where @padded is not empty
 *
 * Where @alg is one of the banks, the digest that each record claims is checked: it costs nothing.
 */
void verify_init(Verify *v, const PcrValues *target, BankMask padded, DigestAlg alg,
                 const Hashers *hashers) {
        *v = (Verify){ .target = *target, .alg = alg };
        replay_init(&v->replay, verify_banks(target), hashers);
        v->replay.padded = padded;
        v->checks_records = (v->replay.banks & ~padded & BANK(alg)) != 0;
        for (uint32_t pcr = 0; pcr < TPM_PCR_N; ++pcr) {
                search_init(&v->search[pcr], target->of[pcr], &target->value[pcr]);
                (void)search_look(&v->search[pcr], &v->replay.chain[pcr]);
        }
}

/**
 * verify_set_base() - say that a PCR was not zeros before record 0; before the first record
 * @v:     the verification
 * @pcr:   the PCR, below TPM_PCR_N
 * @banks: where that is so
 * @base:  the value before record 0 in these banks, as the firmware's event log gives it
 */
void verify_set_base(Verify *v, uint32_t pcr, BankMask banks, const DigestSet *base) {
        replay_set_base(&v->replay, pcr, banks & v->replay.banks, base);
        search_init(&v->search[pcr], v->target.of[pcr], &v->target.value[pcr]);
        (void)search_look(&v->search[pcr], &v->replay.chain[pcr]);
}

static int verify_check_digest(Verify *v, const MlistRecord *record, const DigestSet *digests) {
        bool fits;
        int r = 0;

        if (!v->checks_records || record->is_violation)
                return 0;
        if (v->replay.banks & ~v->replay.padded & BANK(v->alg))
                fits = bytes_equal(digest_bytes(v->alg, &digests->of[v->alg]), record->digest);
        else
                r = mlist_digest_fits(record, v->alg, v->replay.hashers->of[v->alg], &fits);
        if (r < 0)
                return error_trace(r);
        if (!fits && v->n_bad++ == 0)
                v->first_bad = v->replay.n_records;
        return 0;
}

/**
 * verify_record() - take the next record of the list
 * @v:      the verification
 * @record: the record
 *
 * Return: 0, or -EIO when OpenSSL fails.
 */
int verify_record(Verify *v, const MlistRecord *record) {
        DigestSet digests;
        int r;

        if (!v->has_main) {
                v->has_main = true;
                v->main_pcr = record->pcr;
        }
        r = replay_digests(&v->replay, record, &digests);
        if (r == 0)
                r = verify_check_digest(v, record, &digests);
        if (r == 0)
                r = replay_extend(&v->replay, record->pcr, &digests);
        if (r < 0)
                return error_trace(r);
        ++v->replay.n_records;
        v->replay.n_violations += record->is_violation;
        if (record->pcr < TPM_PCR_N)
                (void)search_look(&v->search[record->pcr], &v->replay.chain[record->pcr]);
        return 0;
}

/**
 * verify_verdict() - what the records so far say of a PCR
 * @v:   the verification
 * @pcr: the PCR; v->main_pcr decides
 *
 * A record without the digest that it claims makes every verdict a misfit.
 *
 * Return: the verdict.
 */
VerifyVerdict verify_verdict(const Verify *v, uint32_t pcr) {
        uint64_t n;

        if (!v->has_main || pcr >= TPM_PCR_N || !v->target.of[pcr])
                return VERIFY_NOTHING;
        if (v->n_bad > 0 || search_verdict(&v->search[pcr]) != SEARCH_FITS)
                return VERIFY_MISFIT;
        n = v->replay.chain[pcr].n;
        if (v->search[pcr].k == n)
                return n > 0 ? VERIFY_WHOLE : VERIFY_EMPTY;
        return v->search[pcr].k > 0 ? VERIFY_PREFIX : VERIFY_EMPTY;
}
