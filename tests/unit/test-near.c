/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-near.c -- a PCR that was given up right behind one change: which was it, and where? The
 * values to be explained are calculated by extending, as a TPM does.
 */
#include "fixture.h"

#include <string.h>

#include "core/near.h"
#include "core/window.h"

#define BANKS (BANK(DIGEST_SHA1) | BANK(DIGEST_SHA256) | BANK(DIGEST_SHA512))
#define N     12U

/* Every third record is for another PCR, and record 4 is a violation. */
static MlistRecord record_at(uint64_t i) {
        static const char *const texts[N] = { "a", "b", "c", "d", "e", "f",
                                              "g", "h", "i", "j", "k", "l" };

        return bare_record(i % 3 == 2 ? 11 : 10, texts[i], i == 4);
}

static void extend_digest(Replay *r, const DigestSet *digests) {
        assert_int_equal(replay_extend(r, 10, digests), 0);
}

static void extend(Replay *r, uint64_t i) {
        MlistRecord record = record_at(i);

        if (record.pcr == 10)
                assert_int_equal(replay_record(r, &record), 0);
}

static void extend_word(Replay *r, size_t word) {
        DigestSet digests;

        FOREACH_BANK(alg, BANKS)
                assert_int_equal(
                        search_word_digest(word, alg, all_hashers.of[alg], &digests.of[alg]), 0);
        extend_digest(r, &digests);
}

/* Feed the list as often as it is asked for; the number of passes. */
static unsigned solve(Near *n, BankMask banks, const DigestSet *base, const DigestSet *target) {
        unsigned passes = 0;
        int r;

        memset(n, POISON, sizeof(*n));
        r = near_init(n, 10, banks, base, target, &all_hashers);
        for (; r == 0; r = near_next_pass(n)) {
                ++passes;
                for (uint64_t i = 0; i < N; ++i) {
                        MlistRecord record = record_at(i);

                        assert_int_equal(near_record(n, &record), 0);
                }
        }
        assert_int_equal(r, NEAR_E_DONE);
        return passes;
}

static void check(const Near *n, BankMask banks, NearKind kind, bool has_position,
                  uint64_t position) {
        FOREACH_BANK(alg, banks) {
                CHECK(n->finding[alg].kind == kind, "%s: kind %d\n", digest_name(alg),
                      (int)n->finding[alg].kind);
                assert_int_equal(n->finding[alg].has_position, has_position);
                if (has_position)
                        assert_int_equal(n->finding[alg].position, position);
        }
}

static const DigestSet zeros;

static void test_foreign(void **state) {
        (void)state;
        for (uint64_t k = 0; k <= N; ++k) {
                for (size_t word = 0; word < search_word_count(); ++word) {
                        Replay r;
                        Near n;

                        /* Ones behind the violation are the violation again. */
                        if (word == 0 && (k == 5 || k == 6))
                                continue;
                        replay_init(&r, BANKS, &all_hashers);
                        for (uint64_t i = 0; i < k; ++i)
                                extend(&r, i);
                        extend_word(&r, word);
                        (void)solve(&n, BANKS, &zeros, &r.chain[10].value);
                        check(&n, BANKS, NEAR_FOREIGN, k > 0, k % 3 == 0 ? k - 2 : k - 1);
                        assert_int_equal(n.finding[DIGEST_SHA1].word, word);
                }
        }
}

static void test_record(void **state) {
        (void)state;
        for (uint64_t k = 0; k < N; ++k) {
                Replay r;
                Near n;

                if (record_at(k).pcr != 10 || k == 4) /* ones twice is foreign as well */
                        continue;
                ROW("extended twice");
                replay_init(&r, BANKS, &all_hashers);
                for (uint64_t i = 0; i <= k; ++i)
                        extend(&r, i);
                extend(&r, k);
                (void)solve(&n, BANKS, &zeros, &r.chain[10].value);
                check(&n, BANKS, NEAR_REPEATED, true, k);
                ROW("not extended, but the one behind it");
                replay_init(&r, BANKS, &all_hashers);
                for (uint64_t i = 0; i < k; ++i)
                        extend(&r, i);
                if (k + 3 >= N || k == 3) /* nothing behind; or what is behind is ones */
                        continue;
                extend(&r, k + 1 + (record_at(k + 1).pcr != 10));
                (void)solve(&n, BANKS, &zeros, &r.chain[10].value);
                check(&n, BANKS, NEAR_MISSING, true, k);
        }
}

static void test_padded(void **state) {
        Replay r;
        Near n;

        (void)state;
        for (uint64_t k = 1; k <= N; ++k) {
                replay_init(&r, BANKS, &all_hashers);
                r.padded = BANK(DIGEST_SHA512);
                for (uint64_t i = 0; i < k; ++i)
                        extend(&r, i);
                (void)solve(&n, BANK(DIGEST_SHA512), &zeros, &r.chain[10].value);
                check(&n, BANK(DIGEST_SHA512), NEAR_PADDED, true, k % 3 == 0 ? k - 2 : k - 1);
        }
}

static void test_empty(void **state) {
        DigestSet target = {}, base;
        Near n;

        (void)state;
        FOREACH_BANK(alg, BANKS)
                digest_fill(alg, 0x11, &base.of[alg]);
        ROW("zeros, ones, and what the firmware left");
        digest_fill(DIGEST_SHA256, 0xff, &target.of[DIGEST_SHA256]);
        target.of[DIGEST_SHA512] = base.of[DIGEST_SHA512];
        assert_int_equal(solve(&n, BANKS, &base, &target), 0);
        check(&n, BANKS, NEAR_EMPTY, false, 0);
        ROW("no bank");
        assert_int_equal(solve(&n, 0, &base, &target), 0);
}

/* Each bank has its own reason; one has none. */
static void test_each(void **state) {
        DigestSet target;
        Replay r;
        Near n;

        (void)state;
        replay_init(&r, BANKS, &all_hashers);
        for (uint64_t i = 0; i < 6; ++i)
                extend(&r, i);
        extend_word(&r, 2);
        target.of[DIGEST_SHA1] = r.chain[10].value.of[DIGEST_SHA1];
        replay_init(&r, BANKS, &all_hashers);
        for (uint64_t i = 0; i < 8; ++i)
                extend(&r, i);
        extend(&r, 7);
        target.of[DIGEST_SHA512] = r.chain[10].value.of[DIGEST_SHA512];
        digest_fill(DIGEST_SHA256, 0x42, &target.of[DIGEST_SHA256]);
        assert_int_equal(solve(&n, BANKS, &zeros, &target), 3);
        check(&n, BANK(DIGEST_SHA1), NEAR_FOREIGN, true, 4);
        check(&n, BANK(DIGEST_SHA512), NEAR_REPEATED, true, 7);
        check(&n, BANK(DIGEST_SHA256), NEAR_NONE, false, 0);
        ROW("behind a change the list went on: not explained here, and not wrongly");
        replay_init(&r, BANKS, &all_hashers);
        for (uint64_t i = 0; i < N; ++i) {
                extend(&r, i);
                if (i == 5)
                        extend_word(&r, 1);
        }
        (void)solve(&n, BANKS, &zeros, &r.chain[10].value);
        check(&n, BANKS, NEAR_NONE, false, 0);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_foreign), cmocka_unit_test(test_record),
                cmocka_unit_test(test_padded),  cmocka_unit_test(test_empty),
                cmocka_unit_test(test_each),
        };

        return cmocka_run_group_tests_name("near", tests, all_hashers_open, all_hashers_close) != 0;
}
