/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/cmocka-all.h"

#include "fault/bench.h"

#include <string.h>

/**
 * bench_reopen() - another context, as every user of a Tpm must have after an answer that was none
 * @b: the bench
 *
 * The TPM is another one, too: it lives as long as the context.
 */
void bench_reopen(Bench *b) {
        GuardHook hook = hook_guard(&b->hook);
        uint32_t rc;

        b->tpm = tpm_free(b->tpm);
        hook_deinit(&b->hook);
        assert_int_equal(tpm_open("libtpms:", &hook, &b->tpm, &rc), 0);
        /* So that the hook knows where the transport is. */
        assert_int_equal(bench_plain(b, TPM_REQUEST_CLOCK), TPM_DONE);
}

int bench_open(void **state) {
        Bench *b = calloc(1, sizeof(*b));

        assert_non_null(b);
        bench_reopen(b);
        *state = b;
        return 0;
}

int bench_close(void **state) {
        Bench *b = *state;

        tpm_free(b->tpm);
        hook_deinit(&b->hook);
        free(b);
        return 0;
}

/**
 * bench_ask() - send a request and wait for its reply
 * @b:       the bench; its reply is set
 * @request: what to ask
 *
 * Return: the outcome.
 */
TpmOutcome bench_ask(Bench *b, const TpmRequest *request) {
        int r;

        memset(&b->reply, POISON, sizeof(b->reply));
        assert_int_equal(tpm_submit(b->tpm, request), 0);
        do
                r = tpm_collect(b->tpm, &b->reply);
        while (r == TPM_E_PENDING);
        assert_int_equal(r, 0);
        return b->reply.outcome;
}

TpmOutcome bench_plain(Bench *b, TpmRequestKind kind) {
        return bench_ask(b, &(const TpmRequest){ .kind = kind, .banks = FOUR_BANKS });
}

TpmOutcome bench_read(Bench *b, uint32_t pcr, bool is_fresh) {
        return bench_ask(b, &(const TpmRequest){ .kind = TPM_REQUEST_READ,
                                                 .pcr = pcr,
                                                 .banks = FOUR_BANKS,
                                                 .is_fresh = is_fresh });
}

TpmOutcome bench_extend(Bench *b, uint32_t pcr, const DigestSet *digests) {
        return bench_ask(b, &(const TpmRequest){ .kind = TPM_REQUEST_EXTEND,
                                                 .pcr = pcr,
                                                 .banks = FOUR_BANKS,
                                                 .digests = digests });
}

/**
 * bench_look() - read a PCR as somebody else; what was exclusive is so no more
 * @b:          the bench
 * @pcr:        the PCR
 * @ret_values: its value in all four banks
 *
 * Return: pcrUpdateCounter.
 */
uint32_t bench_look(Bench *b, uint32_t pcr, DigestSet *ret_values) {
        Raw c = raw_pcr_read(pcr, FOUR_BANKS);
        uint32_t counter;
        Bytes response;
        BankMask banks;

        assert_int_equal(hook_raw(&b->hook, raw_bytes(&c), &response), 0);
        raw_parse_values(response, &counter, &banks, ret_values);
        assert_int_equal(banks, FOUR_BANKS);
        return counter;
}

/* V' = H(V || digest), by OpenSSL's one-shot call. */
void bench_expect(DigestSet *value, const DigestSet *digests) {
        FOREACH_BANK(alg, FOUR_BANKS) {
                uint8_t both[2 * DIGEST_SIZE_MAX];

                memcpy(both, value->of[alg].data, digest_size(alg));
                memcpy(both + digest_size(alg), digests->of[alg].data, digest_size(alg));
                hash_of(alg, bytes_of(both, 2 * digest_size(alg)), value->of[alg].data);
        }
}

DigestSet bench_digests(uint8_t seed) {
        DigestSet digests = {};

        FOREACH_BANK(alg, FOUR_BANKS)
                hash_of(alg, bytes_of(&seed, 1), digests.of[alg].data);
        return digests;
}

void assert_values_equal(const DigestSet *a, const DigestSet *b) {
        assert_int_equal(digest_set_equal(FOUR_BANKS, a, b), FOUR_BANKS);
}
