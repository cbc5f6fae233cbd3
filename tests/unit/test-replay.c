/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-replay.c -- chains, step by step, against values that were calculated elsewhere.
 */
#include "fixture.h"

#include <string.h>

#include "core/replay.h"

enum {
        S1 = BANK(DIGEST_SHA1),
        S256 = BANK(DIGEST_SHA256),
};

static void test_init(void **state) {
        Replay r;

        (void)state;
        memset(&r, POISON, sizeof(r));
        replay_init(&r, S1 | S256, &all_hashers);
        assert_int_equal(r.banks, S1 | S256);
        assert_ptr_equal(r.hashers, &all_hashers);
        assert_int_equal(r.n_records, 0);
        assert_int_equal(r.n_violations, 0);
        for (size_t pcr = 0; pcr < MLIST_PCR_N; ++pcr) {
                assert_int_equal(r.chain[pcr].n, 0);
                for (DigestAlg alg = 0; alg < _DIGEST_ALG_N; ++alg)
                        assert_true(bytes_is_zero(digest_bytes(alg, &r.chain[pcr].value.of[alg])));
        }
}

/*
 * "a", a violation, "b" into PCR 10, with Python:
 *   v = bytes(size); v = H(v + H(b"a")); v = H(v + b"\xff" * size); v = H(v + H(b"b"))
 */
static const struct {
        DigestAlg alg;
        const char *value[4];
} steps[] = {
        { DIGEST_SHA1,
          {
                  "0000000000000000000000000000000000000000",
                  "b311ff7e540d671f5b54ed190d402a1d064fbecb",
                  "82c51937378cfcba86f9799239bd54e3f7526ba9",
                  "433994fa786f3e4b66faca74164053e61b7bfac9",
          } },
        { DIGEST_SHA256,
          {
                  "0000000000000000000000000000000000000000000000000000000000000000",
                  "8c374a53782642f7514d087d26a3e733f1b806009a03e04a43b288ef2fa9f9c0",
                  "f123dbea977c121a1eb7f4fb62ff0c8085adc666e7d899e3df84692e643910da",
                  "9f3910218a05f3f4e0b46523cdd487ebdc5b5da16ac61f6b772f6ffa7a9caba2",
          } },
        { DIGEST_SHA384,
          {
                  "0000000000000000000000000000000000000000000000000000000000000000"
                  "00000000000000000000000000000000",
                  "9ded56f026a8f4c054cc49090fcb1f317b3af23891cdf9bf4bfe3117ca14b0d2"
                  "47815a01aaa6febde7129a4fbac5e01a",
                  "92280916a183696b385993df082c1699ec4f5ccd716dcfcdf2b3fddbdf7aeb2a"
                  "1561c765d7103fcd25363424ccbd6a1f",
                  "dc095bda11513716741f68f7c2160e99e77ed0e64dec4c86c531a0fd482de927"
                  "e05c4b75544fbceaf5727fd4e9352338",
          } },
        { DIGEST_SHA512,
          {
                  "0000000000000000000000000000000000000000000000000000000000000000"
                  "0000000000000000000000000000000000000000000000000000000000000000",
                  "882929766aad4bf7a4ae6c6ffbc00932bba4eaa2ec8cf59279e6eb4413a48a80"
                  "34f5acf8581162e357169f285f98caff7a4ac68de077c830b84fa1a6ac3e94e9",
                  "e060fe3c240c27636e3938bf93fda06c4b303bb87eb9b4f83c7ce10520eac2e4"
                  "01727e66910276bfe31a164f2e102411ad129937ccc06e598c9806bac8b08496",
                  "2f9b56d1d324a03c9b53c5c54e428d64b9f9d5e63736b31827e90c5cf3b360a2"
                  "790b05ed8311974ef4cc86412e786e50d8e61ae5d6af5e30e4c6b6fd571d259c",
          } },
        { DIGEST_SM3_256,
          {
                  "0000000000000000000000000000000000000000000000000000000000000000",
                  "6215b720ca9b131562b8c89a61309c327ad2abd3c765cd5531e3ba6981d12536",
                  "b471c70028da141a2b9e104c22df1f33ed9516f6ae1effedb6e96ffeab619f8f",
                  "03810a822c9e9e457f2498aece2bc98303102224db544bae3a3a3ff74051d278",
          } },
        { DIGEST_SHA3_256,
          {
                  "0000000000000000000000000000000000000000000000000000000000000000",
                  "9ac23d5d3be5ec14188b4b1487a942f4307448d8cd2b9321821635e2b6f47c88",
                  "c27bdb67031a498f8c2fd0e1af8e68dd9b71be1a7d1ff35cedae62c887184d4c",
                  "6901e1361fe9101f937b27f25d5d911060e88350b2f12460753ab551d6141722",
          } },
        { DIGEST_SHA3_384,
          {
                  "0000000000000000000000000000000000000000000000000000000000000000"
                  "00000000000000000000000000000000",
                  "b036a30e908c0de2dceeeb3ce698247ed8679460d28b92a881d53d8dbba047e3"
                  "a076145c90a46fce0bc0856a6c827bf5",
                  "57e9431f8e913a31d8c06912d2aa1910d680dbbac84ca3007c673b84a3857982"
                  "bc2b81eba682798605e4ea30064a1d98",
                  "ff7eb34bb9af8f382b40cf65a606f15c636c6de1d4c22ca92fa4e4b59bd00ca5"
                  "5cb1d1e969117e33a9229720e7913139",
          } },
        { DIGEST_SHA3_512,
          {
                  "0000000000000000000000000000000000000000000000000000000000000000"
                  "0000000000000000000000000000000000000000000000000000000000000000",
                  "d18aa6a1f8dbd3077aaf29be4e7a128025d87d9f706395ecad5f64198c490959"
                  "0c37a53b54f374bc49ff72c38ac17949932d9210af162053d02e9fbaea11b8e7",
                  "144f48349dd21be0deb36ba27adb7b443f4caea1efcd57b3504d24985977eda8"
                  "9acbcee740d81ab0d593cfd0e22318b18a033277f19030c9a6e3002a875765bd",
                  "f0ca3aed19a9146cf087c744927fb08d6f543d25cb8727b19db73e073458fadb"
                  "f0fa55f6b75f978ef3851a7874f2d7728d2aca7916ce28c41a1af3b48c36cb93",
          } },
};

static void test_steps(void **state) {
        const MlistRecord records[] = {
                bare_record(10, "a", false),
                bare_record(10, "", true),
                bare_record(10, "b", false),
        };
        Replay r;

        (void)state;
        assert_int_equal(ELEMENTSOF(steps), _DIGEST_ALG_N);
        replay_init(&r, ALL_BANKS, &all_hashers);
        for (size_t k = 0; k <= ELEMENTSOF(records); ++k) {
                for (size_t i = 0; i < ELEMENTSOF(steps); ++i) {
                        uint8_t raw[DIGEST_SIZE_MAX];
                        const Digest *v = &r.chain[10].value.of[steps[i].alg];

                        CHECK(bytes_equal(digest_bytes(steps[i].alg, v),
                                          hex_of(steps[i].value[k], raw, sizeof(raw))),
                              "%s after %zu\n", digest_name(steps[i].alg), k);
                }
                assert_int_equal(r.chain[10].n, k);
                assert_int_equal(r.n_records, k);
                assert_int_equal(r.n_violations, k >= 2);
                if (k < ELEMENTSOF(records))
                        assert_int_equal(replay_record(&r, &records[k]), 0);
        }
}

/* The same from its two halves: what would be sent, and what a TPM makes of it. */
static void test_digests_and_extend(void **state) {
        const MlistRecord record = bare_record(10, "a", false),
                          violation = bare_record(10, "a", true);
        DigestSet digests;
        Replay r;

        (void)state;
        replay_init(&r, ALL_BANKS, &all_hashers);
        assert_int_equal(replay_digests(&r, &record, &digests), 0);
        for (DigestAlg alg = 0; alg < _DIGEST_ALG_N; ++alg) {
                uint8_t expected[DIGEST_SIZE_MAX];

                hash_of(alg, BYTES_TEXT("a"), expected);
                assert_memory_equal(digests.of[alg].data, expected, digest_size(alg));
        }
        assert_int_equal(r.chain[10].n, 0);
        assert_int_equal(replay_extend(&r, 10, &digests), 0);
        assert_int_equal(r.chain[10].n, 1);
        for (size_t i = 0; i < ELEMENTSOF(steps); ++i) {
                uint8_t raw[DIGEST_SIZE_MAX];

                assert_true(
                        bytes_equal(digest_bytes(steps[i].alg, &r.chain[10].value.of[steps[i].alg]),
                                    hex_of(steps[i].value[1], raw, sizeof(raw))));
        }
        assert_int_equal(replay_digests(&r, &violation, &digests), 0);
        for (DigestAlg alg = 0; alg < _DIGEST_ALG_N; ++alg)
                for (size_t i = 0; i < digest_size(alg); ++i)
                        assert_int_equal(digests.of[alg].data[i], 0xff);
}

/* Chains do not touch each other, and banks that are not asked for stay as they are. */
static void test_chains_and_banks_are_apart(void **state) {
        (void)state;
        for (uint32_t pcr = 0; pcr < MLIST_PCR_N; ++pcr) {
                const MlistRecord record = bare_record(pcr, "a", false);
                Replay r, before;

                replay_init(&r, S256, &all_hashers);
                for (DigestAlg alg = 0; alg < _DIGEST_ALG_N; ++alg)
                        if (alg != DIGEST_SHA256)
                                memset(&r.chain[pcr].value.of[alg], POISON, sizeof(Digest));
                before = r;
                assert_int_equal(replay_record(&r, &record), 0);
                for (uint32_t other = 0; other < MLIST_PCR_N; ++other) {
                        if (other == pcr)
                                continue;
                        CHECK(memcmp(&r.chain[other], &before.chain[other], sizeof(Chain)) == 0,
                              "PCR %u, of %u\n", pcr, other);
                }
                for (DigestAlg alg = 0; alg < _DIGEST_ALG_N; ++alg)
                        CHECK((memcmp(&r.chain[pcr].value.of[alg], &before.chain[pcr].value.of[alg],
                                      digest_size(alg)) != 0) == (alg == DIGEST_SHA256),
                              "PCR %u, %s\n", pcr, digest_name(alg));
        }
}

/* A copy goes its own way. */
static void test_copy(void **state) {
        const MlistRecord a = bare_record(10, "a", false), b = bare_record(10, "b", false);
        Replay one, two;

        (void)state;
        replay_init(&one, S1, &all_hashers);
        assert_int_equal(replay_record(&one, &a), 0);
        two = one;
        assert_int_equal(replay_record(&two, &b), 0);
        assert_int_equal(one.chain[10].n, 1);
        assert_int_equal(two.chain[10].n, 2);
        assert_int_equal(replay_record(&one, &b), 0);
        assert_true(digest_equal(DIGEST_SHA1, &one.chain[10].value.of[DIGEST_SHA1],
                                 &two.chain[10].value.of[DIGEST_SHA1]));
}

/* A chain that begins with what the firmware extended: V(1) = H(base || digest), in each bank. */
static void test_base(void **state) {
        MlistRecord a = bare_record(10, "a", false);
        DigestSet base = {}, digests;
        Replay r;

        (void)state;
        replay_init(&r, S1 | S256, &all_hashers);
        digest_fill(DIGEST_SHA1, 0x11, &base.of[DIGEST_SHA1]);
        digest_fill(DIGEST_SHA256, 0x22, &base.of[DIGEST_SHA256]);
        replay_set_base(&r, 10, S1 | S256, &base);
        assert_int_equal(r.chain[10].n, 0);
        assert_true(bytes_is_zero(digest_bytes(DIGEST_SHA1, &r.chain[11].value.of[DIGEST_SHA1])));
        assert_int_equal(replay_digests(&r, &a, &digests), 0);
        assert_int_equal(replay_record(&r, &a), 0);
        FOREACH_BANK(alg, S1 | S256) {
                uint8_t both[2 * DIGEST_SIZE_MAX], value[DIGEST_SIZE_MAX];
                size_t n = digest_size(alg);

                memcpy(both, base.of[alg].data, n);
                memcpy(both + n, digests.of[alg].data, n);
                hash_of(alg, bytes_of(both, 2 * n), value);
                assert_memory_equal(r.chain[10].value.of[alg].data, value, n);
        }
}

/* The kernel's way for a bank whose hash it lacks: the SHA-1 digest and zeros; a violation is 0xff
 * all over all the same. */
static void test_padded(void **state) {
        MlistRecord a = bare_record(10, "a", false), violation = bare_record(10, "v", true);
        static const uint8_t zeros[DIGEST_SIZE_MAX];
        DigestSet digests;
        Replay r;

        (void)state;
        replay_init(&r, S1 | S256, &all_hashers);
        r.padded = S256;
        memset(&digests, POISON, sizeof(digests));
        assert_int_equal(replay_digests(&r, &a, &digests), 0);
        assert_memory_equal(digests.of[DIGEST_SHA256].data, digests.of[DIGEST_SHA1].data, 20);
        assert_memory_equal(digests.of[DIGEST_SHA256].data + 20, zeros, 12);
        assert_int_equal(replay_digests(&r, &violation, &digests), 0);
        for (size_t i = 0; i < digest_size(DIGEST_SHA256); ++i)
                assert_int_equal(digests.of[DIGEST_SHA256].data[i], 0xff);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_init),
                cmocka_unit_test(test_steps),
                cmocka_unit_test(test_digests_and_extend),
                cmocka_unit_test(test_chains_and_banks_are_apart),
                cmocka_unit_test(test_copy),
                cmocka_unit_test(test_base),
                cmocka_unit_test(test_padded),
        };

        return cmocka_run_group_tests_name("replay", tests, all_hashers_open, all_hashers_close) !=
               0;
}
