/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-search.c -- searches over a chain of five: V(0) .. V(5).
 */
#include "fixture.h"

#include <string.h>

#include "core/replay.h"

enum {
        S1 = BANK(DIGEST_SHA1),
        S256 = BANK(DIGEST_SHA256),
        S384 = BANK(DIGEST_SHA384),
        S512 = BANK(DIGEST_SHA512),
};

#define CHAIN_N 5U

static void chain_of_five(Chain *ret_chain) {
        static const char *const data[CHAIN_N] = { "a", "b", "c", "d", "e" };
        Replay r;

        replay_init(&r, ALL_BANKS, &all_hashers);
        ret_chain[0] = r.chain[10];
        for (size_t k = 0; k < CHAIN_N; ++k) {
                const MlistRecord record = bare_record(10, data[k], false);

                assert_int_equal(replay_record(&r, &record), 0);
                ret_chain[k + 1] = r.chain[10];
        }
}

#define NOWHERE 99U

static const struct {
        const char *row;
        BankMask banks;
        unsigned at[_DIGEST_ALG_N]; /* which V the bank holds */
        SearchVerdict verdict;
        uint64_t k;
} searches[] = {
        { "one bank, V(3)", S256, { [DIGEST_SHA256] = 3 }, SEARCH_FITS, 3 },
        { "one bank, V(0)", S256, { [DIGEST_SHA256] = 0 }, SEARCH_FITS, 0 },
        { "one bank, the last", S256, { [DIGEST_SHA256] = 5 }, SEARCH_FITS, 5 },
        { "all banks, V(0)", ALL_BANKS, { 0 }, SEARCH_FITS, 0 },
        { "all banks, V(4)", ALL_BANKS, { 4, 4, 4, 4, 4, 4, 4, 4 }, SEARCH_FITS, 4 },
        { "two of a kind", S1 | S512, { [DIGEST_SHA1] = 2, [DIGEST_SHA512] = 2 }, SEARCH_FITS, 2 },
        { "banks that are not asked for do not count",
          S1,
          { 1, NOWHERE, 3, 4, 5, 0, 0, 0 },
          SEARCH_FITS,
          1 },
        { "split by one", S1 | S256, { 2, 3 }, SEARCH_SPLIT, SEARCH_NONE },
        { "split from V(0)", S1 | S256, { 0, 5 }, SEARCH_SPLIT, SEARCH_NONE },
        { "split, one of many", ALL_BANKS, { 4, 4, 4, 4, 4, 4, 4, 3 }, SEARCH_SPLIT, SEARCH_NONE },
        { "some: one nowhere", S1 | S256, { 2, NOWHERE }, SEARCH_SOME, SEARCH_NONE },
        { "some: one at V(0), one nowhere", S1 | S256, { 0, NOWHERE }, SEARCH_SOME, SEARCH_NONE },
        { "some: split and nowhere",
          S1 | S256 | S384,
          { 2, 3, NOWHERE },
          SEARCH_SOME,
          SEARCH_NONE },
        { "alien, one bank", S256, { [DIGEST_SHA256] = NOWHERE }, SEARCH_ALIEN, SEARCH_NONE },
        { "alien, two banks", S1 | S256, { NOWHERE, NOWHERE }, SEARCH_ALIEN, SEARCH_NONE },
        /* rule I3: no bank is never a match */
        { "no bank at all", 0, { 0 }, SEARCH_ALIEN, SEARCH_NONE },
};

static void test_search(void **state) {
        Chain chain[CHAIN_N + 1];

        (void)state;
        chain_of_five(chain);
        for (size_t i = 0; i < ELEMENTSOF(searches); ++i) {
                DigestSet target;
                Search s;

                ROW(searches[i].row);
                memset(&target, POISON, sizeof(target));
                for (DigestAlg alg = 0; alg < _DIGEST_ALG_N; ++alg)
                        if (searches[i].at[alg] != NOWHERE)
                                target.of[alg] = chain[searches[i].at[alg]].value.of[alg];
                search_init(&s, searches[i].banks, &target);
                assert_int_equal(search_verdict(&s), SEARCH_ALIEN);
                for (unsigned k = 0; k <= CHAIN_N; ++k)
                        CHECK(search_look(&s, &chain[k]) == (searches[i].k == k), "V(%u)\n", k);
                assert_int_equal(search_verdict(&s), searches[i].verdict);
                assert_true(s.k == searches[i].k);
                for (DigestAlg alg = 0; alg < _DIGEST_ALG_N; ++alg) {
                        bool here = searches[i].banks & BANK(alg) && searches[i].at[alg] != NOWHERE;

                        CHECK(s.k_bank[alg] == (here ? searches[i].at[alg] : SEARCH_NONE), "%s\n",
                              digest_name(alg));
                }
        }
}

/* One wrong bit in one bank is enough, wherever it is. */
static void test_search_every_bit(void **state) {
        Chain chain[CHAIN_N + 1];

        (void)state;
        chain_of_five(chain);
        FOREACH_BANK(alg, S1 | S256)
                for (size_t bit = 0; bit < 8 * digest_size(alg); ++bit) {
                        DigestSet target = chain[3].value;
                        Search s;

                        target.of[alg].data[bit / 8] ^= (uint8_t)(1 << bit % 8);
                        search_init(&s, S1 | S256, &target);
                        for (unsigned k = 0; k <= CHAIN_N; ++k)
                                assert_false(search_look(&s, &chain[k]));
                        CHECK(search_verdict(&s) == SEARCH_SOME, "%s, bit %zu\n", digest_name(alg),
                              bit);
                }
}

/* If a value came twice the first k stands. */
static void test_search_first_match(void **state) {
        Chain chain[CHAIN_N + 1];
        Chain again;
        Search s;

        (void)state;
        chain_of_five(chain);
        again = chain[2];
        again.n = 7;
        search_init(&s, S1 | S256, &chain[2].value);
        for (unsigned k = 0; k <= CHAIN_N; ++k)
                (void)search_look(&s, &chain[k]);
        assert_true(search_look(&s, &again));
        assert_int_equal(s.k, 2);
        assert_int_equal(s.k_bank[DIGEST_SHA1], 2);
        assert_int_equal(s.k_bank[DIGEST_SHA256], 2);
        assert_int_equal(search_verdict(&s), SEARCH_FITS);
}

/* A value that stands in one bank earlier than in the other: both at 3 is a fit, after a split. */
static void test_search_fit_after_partial(void **state) {
        Chain chain[CHAIN_N + 1];
        Chain partial;
        Search s;

        (void)state;
        chain_of_five(chain);
        partial = chain[1];
        partial.value.of[DIGEST_SHA1] = chain[3].value.of[DIGEST_SHA1];
        search_init(&s, S1 | S256, &chain[3].value);
        assert_false(search_look(&s, &chain[0]));
        assert_false(search_look(&s, &partial));
        assert_int_equal(search_verdict(&s), SEARCH_SOME);
        assert_true(search_look(&s, &chain[3]));
        assert_int_equal(s.k, 3);
        assert_int_equal(s.k_bank[DIGEST_SHA1], 1);
        assert_int_equal(search_verdict(&s), SEARCH_FITS);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_search),
                cmocka_unit_test(test_search_every_bit),
                cmocka_unit_test(test_search_first_match),
                cmocka_unit_test(test_search_fit_after_partial),
        };

        return cmocka_run_group_tests_name("search", tests, all_hashers_open, all_hashers_close) !=
               0;
}
