/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * imr-verify.c -- the public face of core/verify: do PCR values follow from a list?
 *
 * First the values, then the records: with the first record the question is fixed. A verification
 * in which a hash could not be calculated has no verdict any more, only -EIO.
 */
#include <assert.h>

#include "api/imr-internal.h"
#include "base/error.h"
#include "core/verify.h"

static_assert(IMR_PCR_N == TPM_PCR_N, "what the header promises is what core compares");

struct ImrVerify {
        PcrValues target;
        BankMask padded;
        Hashers hashers; /* of the banks in question; sha1, too, where some are padded */
        bool has_begun;  /* there was a record: target and padded are fixed */
        bool has_failed; /* some PCR has no meaning any more */
        Verify verify;   /* zeroed until there is a record: that is "nothing compared" */
};

/**
 * imr_verify_new() - begin a verification
 * @ret_verify: the verification, owned by the caller, to be freed with imr_verify_free(); set on
 *              success only
 *
 * Return:
 * * 0       - done
 * * -ENOMEM - no memory
 */
_public_ int imr_verify_new(ImrVerify **ret_verify) {
        ImrVerify *v = calloc(1, sizeof(*v));

        if (!v)
                return error_origin(-ENOMEM);
        *ret_verify = v;
        return 0;
}

/**
 * imr_verify_free() - free a verification
 * @verify: the verification or NULL
 *
 * Return: NULL.
 */
_public_ ImrVerify *imr_verify_free(ImrVerify *verify) {
        if (!verify)
                return NULL;
        hashers_close(&verify->hashers);
        free(verify);
        return NULL;
}

static int verify_find_bank(const char *bank, DigestAlg *ret_alg) {
        return digest_by_name(bytes_of_text(bank), ret_alg) ? 0 : error_origin(-EOPNOTSUPP);
}

static int verify_open_banks(ImrVerify *v, BankMask banks) {
        DigestAlg missing;
        int r;

        r = hashers_open(&v->hashers, banks, &missing);
        return r == HASHER_E_UNSUPPORTED ? error_origin(-EOPNOTSUPP) : error_trace(r);
}

/**
 * imr_verify_expect() - say which value a PCR has in one bank
 * @verify: the verification, before its first record
 * @pcr:    the PCR, below IMR_PCR_N
 * @bank:   name of the bank, as "sha256"
 * @value:  the value, as TPM2_PCR_Read gives it; copied
 * @n:      its size in bytes: as many as the digests of the bank have
 *
 * A PCR fits only if all its banks do: name every bank that the TPM has, for the PCR that the list
 * belongs to (10, as a rule) at least. With a value in bank sha1, each record is also checked to
 * have the digest that it claims. After a failure the verification is as it was.
 *
 * Return:
 * * 0           - done
 * * -EINVAL     - @pcr is no PCR of a TPM, or @n is not the size of a value in @bank
 * * -EOPNOTSUPP - @bank is not known, or OpenSSL, as configured here, cannot calculate it
 * * -EEXIST     - this PCR has a value in this bank already
 * * -EBUSY      - there was a record already
 * * -ENOMEM     - no memory
 */
_public_ int imr_verify_expect(ImrVerify *verify, uint32_t pcr, const char *bank,
                               const uint8_t *value, size_t n) {
        DigestAlg alg;
        int r;

        if (verify->has_begun)
                return error_origin(-EBUSY);
        if (pcr >= TPM_PCR_N)
                return error_origin(-EINVAL);
        r = verify_find_bank(bank, &alg);
        if (r < 0)
                return error_trace(r);
        if (n != digest_size(alg))
                return error_origin(-EINVAL);
        if (verify->target.of[pcr] & BANK(alg))
                return error_origin(-EEXIST);
        r = verify_open_banks(verify, BANK(alg));
        if (r < 0)
                return error_trace(r);
        verify->target.of[pcr] |= BANK(alg);
        bytes_copy(bytes_of(value, n), verify->target.value[pcr].of[alg].data, DIGEST_SIZE_MAX);
        return 0;
}

/**
 * imr_verify_padded() - say that a kernel filled a bank with padded SHA-1 digests
 * @verify: the verification, before its first record
 * @bank:   name of the bank, as "sha384"; not "sha1"
 *
 * A kernel that cannot calculate the hash of a bank extends it with the SHA-1 digest and zeros
 * (kernel ima_queue.c, ima_pcr_extend()). Such a value says no more than SHA-1 does: it is accepted
 * only in banks that were named here. To name a bank twice, or one without a value, changes
 * nothing. After a failure the verification is as it was.
 *
 * Return:
 * * 0           - done
 * * -EINVAL     - @bank is sha1
 * * -EOPNOTSUPP - @bank is not known, or OpenSSL, as configured here, cannot calculate it or SHA-1
 * * -EBUSY      - there was a record already
 * * -ENOMEM     - no memory
 */
_public_ int imr_verify_padded(ImrVerify *verify, const char *bank) {
        DigestAlg alg;
        int r;

        if (verify->has_begun)
                return error_origin(-EBUSY);
        r = verify_find_bank(bank, &alg);
        if (r < 0)
                return error_trace(r);
        if (alg == DIGEST_SHA1)
                return error_origin(-EINVAL);
        r = verify_open_banks(verify, BANK(alg) | BANK(DIGEST_SHA1));
        if (r < 0)
                return error_trace(r);
        verify->padded |= BANK(alg);
        return 0;
}

/**
 * imr_verify_record() - take the next record of the list
 * @verify: the verification
 * @record: the record, from imr_list_next(); not needed any more afterwards
 *
 * Each record once, from the first of the list on, in their order. No bank is left out: a hash that
 * fails in one of them ends the verification.
 *
 * Return:
 * * 0    - done
 * * -EIO - OpenSSL failed, now or at an earlier record
 */
_public_ int imr_verify_record(ImrVerify *verify, const ImrRecord *record) {
        int r;

        if (verify->has_failed)
                return error_origin(-EIO);
        if (!verify->has_begun) {
                verify->has_begun = true;
                verify_init(&verify->verify, &verify->target, verify->padded, IMR_LIST_ALG,
                            &verify->hashers);
        }
        r = verify_record(&verify->verify, &record->record);
        verify->has_failed = r < 0;
        return error_trace(r);
}

/**
 * imr_verify_main_pcr() - the PCR that the list belongs to
 * @verify:  the verification
 * @ret_pcr: the PCR of record 0, below IMR_LIST_PCR_N; set on success only
 *
 * Its verdict is the verdict of the list.
 *
 * Return:
 * * 0        - done
 * * -ENODATA - there was no record yet
 */
_public_ int imr_verify_main_pcr(const ImrVerify *verify, uint32_t *ret_pcr) {
        if (!verify->verify.has_main)
                return error_origin(-ENODATA);
        *ret_pcr = verify->verify.main_pcr;
        return 0;
}

static ImrVerdict verdict_of(VerifyVerdict verdict) {
        switch (verdict) {
        case VERIFY_NOTHING:
                return IMR_VERDICT_NOTHING;
        case VERIFY_WHOLE:
                return IMR_VERDICT_WHOLE;
        case VERIFY_PREFIX:
                return IMR_VERDICT_PREFIX;
        case VERIFY_EMPTY:
                return IMR_VERDICT_EMPTY;
        case VERIFY_MISFIT:
                return IMR_VERDICT_MISFIT;
        case _VERIFY_VERDICT_N:
                break;
        }
        assert(false);
        return IMR_VERDICT_MISFIT;
}

/**
 * imr_verify_result() - what the records so far say of a PCR
 * @verify:      the verification
 * @pcr:         the PCR, below IMR_LIST_PCR_N; imr_verify_main_pcr() gives the one that counts
 * @ret_verdict: the verdict; set on success only
 * @ret_holds:   how many of its records the PCR holds, the same in every bank: all with
 *               IMR_VERDICT_WHOLE, fewer with IMR_VERDICT_PREFIX, otherwise 0; NULL if not wanted,
 *               set on success only
 * @ret_records: how many records of the list belong to this PCR; NULL if not wanted, set on success
 *               only
 *
 * Only IMR_VERDICT_WHOLE is good, and it speaks of the records that were handed in: whoever stops
 * before the end of a list, or at an error in it, has not verified the list. It is never given for
 * an empty list or without a value to compare with. PCRs start as zeros. A record without the
 * digest that it claims makes every verdict a misfit, where that is checked (imr_verify_expect()).
 *
 * Return:
 * * 0       - done
 * * -EINVAL - no list has such a PCR
 * * -EIO    - OpenSSL failed at a record: there is no verdict
 */
_public_ int imr_verify_result(const ImrVerify *verify, uint32_t pcr, ImrVerdict *ret_verdict,
                               uint64_t *ret_holds, uint64_t *ret_records) {
        const Verify *v = &verify->verify;
        ImrVerdict verdict;

        if (pcr >= MLIST_PCR_N)
                return error_origin(-EINVAL);
        if (verify->has_failed)
                return error_origin(-EIO);
        verdict = verdict_of(verify_verdict(v, pcr));
        *ret_verdict = verdict;
        if (ret_holds)
                *ret_holds = verdict == IMR_VERDICT_WHOLE || verdict == IMR_VERDICT_PREFIX
                                     ? v->search[pcr].k
                                     : 0;
        if (ret_records)
                *ret_records = v->replay.chain[pcr].n;
        return 0;
}

/**
 * imr_verify_value() - the value that the records so far give a PCR
 * @verify:    the verification
 * @pcr:       the PCR, below IMR_LIST_PCR_N
 * @bank:      name of the bank, as "sha256"; one in which some PCR has a value to compare with
 * @ret_value: the value; set on success only
 * @max:       room at @ret_value in bytes; IMR_DIGEST_MAX is enough for every bank
 * @ret_n:     size of the value in bytes; set on success only
 *
 * Zeros where no record belongs to the PCR; PCRnew = H(PCRold || digest) for each that does (TPM
 * 2.0 Library, part 1, 17.2).
 *
 * Return:
 * * 0           - done
 * * -EINVAL     - no list has such a PCR
 * * -EOPNOTSUPP - @bank is not known
 * * -ENOENT     - @bank is not calculated: no PCR has a value in it to compare with
 * * -ENOBUFS    - @max is too small
 * * -EIO        - OpenSSL failed at a record: there is no value
 */
_public_ int imr_verify_value(const ImrVerify *verify, uint32_t pcr, const char *bank,
                              uint8_t *ret_value, size_t max, size_t *ret_n) {
        DigestAlg alg;
        Bytes value;
        int r;

        if (pcr >= MLIST_PCR_N)
                return error_origin(-EINVAL);
        r = verify_find_bank(bank, &alg);
        if (r < 0)
                return error_trace(r);
        if (!(verify_banks(&verify->target) & BANK(alg)))
                return error_origin(-ENOENT);
        if (verify->has_failed)
                return error_origin(-EIO);
        value = digest_bytes(alg, &verify->verify.replay.chain[pcr].value.of[alg]);
        if (value.n > max)
                return error_origin(-ENOBUFS);
        bytes_copy(value, ret_value, max);
        *ret_n = value.n;
        return 0;
}
