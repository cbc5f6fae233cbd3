/* SPDX-License-Identifier: BSD-2-Clause */
#include "fixture.h"

#include <openssl/evp.h>
#include <string.h>

#define M448 "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"

/*
 * TPM_ALG_ID: TCG Algorithm Registry, table 3. Digests: NIST's examples for SHA (the empty message,
 * "abc", 448 bits), the first of GB/T 32905-2016 for SM3; all of them also calculated with Python's
 * hashlib and with the openssl command.
 */
static const struct {
        DigestAlg alg;
        const char *name;
        uint16_t tpm_id;
        size_t size;
        const char *of_nothing, *of_abc, *of_448;
} rows[] = {
        { DIGEST_SHA1, "sha1", 0x0004, 20, "da39a3ee5e6b4b0d3255bfef95601890afd80709",
          "a9993e364706816aba3e25717850c26c9cd0d89d", "84983e441c3bd26ebaae4aa1f95129e5e54670f1" },
        { DIGEST_SHA256, "sha256", 0x000b, 32,
          "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
          "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
        { DIGEST_SHA384, "sha384", 0x000c, 48,
          "38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da"
          "274edebfe76f65fbd51ad2f14898b95b",
          "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
          "8086072ba1e7cc2358baeca134c825a7",
          "3391fdddfc8dc7393707a65b1b4709397cf8b1d162af05abfe8f450de5f36bc6"
          "b0455a8520bc4e6f5fe95b1fe3c8452b" },
        { DIGEST_SHA512, "sha512", 0x000d, 64,
          "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"
          "47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e",
          "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
          "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
          "204a8fc6dda82f0a0ced7beb8e08a41657c16ef468b228a8279be331a703c335"
          "96fd15c13b1b07f9aa1d3bea57789ca031ad85c7a71dd70354ec631238ca3445" },
        { DIGEST_SM3_256, "sm3_256", 0x0012, 32,
          "1ab21d8355cfa17f8e61194831e81a8f22bec8c728fefb747ed035eb5082aa2b",
          "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0",
          "639b6cc5e64d9e37a390b192df4fa1ea0720ab747ff692b9f38c4e66ad7b8c05" },
        { DIGEST_SHA3_256, "sha3_256", 0x0027, 32,
          "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a",
          "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532",
          "41c0dba2a9d6240849100376a8235e2c82e1b9998a999e21db32dd97496d3376" },
        { DIGEST_SHA3_384, "sha3_384", 0x0028, 48,
          "0c63a75b845e4f7d01107d852e4c2485c51a50aaaa94fc61995e71bbee983a2a"
          "c3713831264adb47fb6bd1e058d5f004",
          "ec01498288516fc926459f58e2c6ad8df9b473cb0fc08c2596da7cf0e49be4b2"
          "98d88cea927ac7f539f1edf228376d25",
          "991c665755eb3a4b6bbdfb75c78a492e8c56a22c5c4d7e429bfdbc32b9d4ad5a"
          "a04a1f076e62fea19eef51acd0657c22" },
        { DIGEST_SHA3_512, "sha3_512", 0x0029, 64,
          "a69f73cca23a9ac5c8b567dc185a756e97c982164fe25859e0d1dcc1475c80a6"
          "15b2123af1f5f94c11e3e9402c3ac558f500199d95b6d3e301758586281dcd26",
          "b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e"
          "10e116e9192af3c91a7ec57647e3934057340b4cf408d5a56592f8274eec53f0",
          "04a371e84ecfb5b8b77cb48610fca8182dd457ce6f326a0fd3d7ec2f1e91636d"
          "ee691fbe0c985302ba1b0d8dc78c086346b533b49c030d99a27daf1139d6e75e" },
};

static void test_names_and_numbers(void **state) {
        (void)state;
        assert_int_equal(ELEMENTSOF(rows), _DIGEST_ALG_N);
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                DigestAlg alg = _DIGEST_ALG_N;

                ROW(rows[i].name);
                assert_int_equal(rows[i].alg, i);
                assert_string_equal(digest_name(rows[i].alg), rows[i].name);
                assert_int_equal(digest_size(rows[i].alg), rows[i].size);
                assert_true(rows[i].size <= DIGEST_SIZE_MAX);
                assert_int_equal(digest_tpm_id(rows[i].alg), rows[i].tpm_id);
                assert_true(digest_by_name(bytes_of_text(rows[i].name), &alg));
                assert_int_equal(alg, rows[i].alg);
                alg = _DIGEST_ALG_N;
                assert_true(digest_by_tpm_id(rows[i].tpm_id, &alg));
                assert_int_equal(alg, rows[i].alg);
        }
}

static void test_unknown(void **state) {
        static const char *const names[] = { "",       "s",       "sha",  "sha25",   "sha2561",
                                             "SHA256", "sha-256", "md5",  "sha1 ",   " sha1",
                                             "sha224", "null",    "sha3", "sha256\n" };
        DigestAlg alg = _DIGEST_ALG_N;

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(names); ++i) {
                Bytes name = heap_copy(bytes_of_text(names[i]));

                CHECK(!digest_by_name(name, &alg), "<%s>\n", names[i]);
                heap_free(name);
        }
        assert_false(digest_by_name(bytes_of("sha1", 5), &alg));
        for (uint32_t id = 0, n = 0; id <= UINT16_MAX; ++id) {
                n += digest_by_tpm_id((uint16_t)id, &alg);
                assert_true(id < UINT16_MAX || n == _DIGEST_ALG_N);
        }
        alg = _DIGEST_ALG_N;
        assert_false(digest_by_tpm_id(0x0010, &alg)); /* TPM_ALG_NULL */
        assert_int_equal(alg, _DIGEST_ALG_N);
}

static void check_hash(DigestAlg alg, Hasher *h, Bytes message, const char *hex) {
        uint8_t raw[DIGEST_SIZE_MAX];
        Bytes expected = hex_of(hex, raw, sizeof(raw)), copy = heap_copy(message);
        Digest d;

        memset(&d, POISON, sizeof(d));
        assert_int_equal(hasher_run(h, &copy, 1, &d), 0);
        assert_int_equal(expected.n, digest_size(alg));
        assert_true(bytes_equal(digest_bytes(alg, &d), expected));
        heap_free(copy);
}

static void test_vectors(void **state) {
        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                _cleanup_(hasher_freep) Hasher *h = NULL;
                Digest d;

                ROW(rows[i].name);
                assert_int_equal(hasher_new(rows[i].alg, &h), 0);
                /* One hasher for all of them: nothing may be left over. */
                for (size_t again = 0; again < 2; ++again) {
                        check_hash(rows[i].alg, h, BYTES_TEXT("abc"), rows[i].of_abc);
                        check_hash(rows[i].alg, h, BYTES_TEXT(""), rows[i].of_nothing);
                        check_hash(rows[i].alg, h, BYTES_TEXT(M448), rows[i].of_448);
                }
                {
                        uint8_t raw[DIGEST_SIZE_MAX];

                        assert_int_equal(hasher_run(h, NULL, 0, &d), 0);
                        assert_true(bytes_equal(digest_bytes(rows[i].alg, &d),
                                                hex_of(rows[i].of_nothing, raw, sizeof(raw))));
                }
        }
}

static void test_parts(void **state) {
        static const char message[] = M448;
        const size_t n = sizeof(message) - 1;

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                _cleanup_(hasher_freep) Hasher *h = NULL;
                uint8_t raw[DIGEST_SIZE_MAX];
                Bytes expected = hex_of(rows[i].of_448, raw, sizeof(raw));

                ROW(rows[i].name);
                assert_int_equal(hasher_new(rows[i].alg, &h), 0);
                for (size_t a = 0; a <= n; ++a)
                        for (size_t b = a; b <= n; ++b) {
                                const Bytes parts[] = { bytes_of(message, a),
                                                        bytes_of(message + a, b - a),
                                                        bytes_of(message + b, n - b) };
                                Digest d;

                                CHECK(hasher_run(h, parts, 3, &d) == 0, "cut at %zu, %zu\n", a, b);
                                CHECK(bytes_equal(digest_bytes(rows[i].alg, &d), expected),
                                      "cut at %zu, %zu\n", a, b);
                        }
        }
}

static void test_fill_and_equal(void **state) {
        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                DigestAlg alg = rows[i].alg;
                Digest a, b;

                ROW(rows[i].name);
                memset(&a, POISON, sizeof(a));
                digest_fill(alg, 0xff, &a);
                for (size_t k = 0; k < sizeof(a.data); ++k)
                        assert_int_equal(a.data[k], k < rows[i].size ? 0xff : POISON);
                memset(&b, 0, sizeof(b));
                digest_fill(alg, 0xff, &b);
                /* What stands behind the digest has no meaning. */
                assert_true(digest_equal(alg, &a, &b));
                for (size_t k = 0; k < rows[i].size; ++k) {
                        b.data[k] ^= 0x01;
                        CHECK(!digest_equal(alg, &a, &b), "byte %zu\n", k);
                        b.data[k] ^= 0x01;
                }
                assert_ptr_equal(digest_bytes(alg, &a).data, a.data);
        }
}

/* Every set of banks against every set of banks that differ. */
static void test_set_equal(void **state) {
        const BankMask all = BANK(_DIGEST_ALG_N) - 1;

        (void)state;
        for (BankMask differ = 0; differ <= all; ++differ) {
                DigestSet a, b;

                memset(&a, 0x11, sizeof(a));
                memset(&b, 0x11, sizeof(b));
                for (DigestAlg alg = 0; alg < _DIGEST_ALG_N; ++alg)
                        if (differ & BANK(alg))
                                b.of[alg].data[digest_size(alg) - 1] = 0x22;
                for (BankMask banks = 0; banks <= all; ++banks)
                        CHECK(digest_set_equal(banks, &a, &b) == (banks & ~differ),
                              "banks %#x of which %#x differ\n", banks, differ);
        }
}

static void test_foreach_bank(void **state) {
        BankMask seen = 0;
        int last = -1;

        (void)state;
        FOREACH_BANK(alg, BANK(DIGEST_SHA3_512) | BANK(DIGEST_SHA1) | BANK(DIGEST_SHA384)) {
                assert_true((int)alg > last);
                last = (int)alg;
                seen |= BANK(alg);
        }
        assert_int_equal(seen, BANK(DIGEST_SHA3_512) | BANK(DIGEST_SHA1) | BANK(DIGEST_SHA384));
        FOREACH_BANK(alg, 0)
                fail();
        FOREACH_BANK(alg, BANK(_DIGEST_ALG_N))
                fail();
}

/* With these properties OpenSSL finds nothing: as one that was built or configured without. */
static void test_unsupported(void **state) {
        Hasher *h = (Hasher *)0x1;
        Hashers set = {};
        DigestAlg alg = _DIGEST_ALG_N;

        (void)state;
        assert_int_equal(hashers_open(&set, BANK(DIGEST_SHA1), &alg), 0);
        assert_int_equal(EVP_set_default_properties(NULL, "provider=nobody"), 1);
        assert_int_equal(hasher_new(DIGEST_SHA256, &h), HASHER_E_UNSUPPORTED);
        assert_ptr_equal(h, (Hasher *)0x1);
        /* What was opened stays; the first that is missing is named. */
        assert_int_equal(
                hashers_open(&set, BANK(DIGEST_SHA1) | BANK(DIGEST_SHA384) | BANK(DIGEST_SM3_256),
                             &alg),
                HASHER_E_UNSUPPORTED);
        assert_int_equal(alg, DIGEST_SHA384);
        assert_non_null(set.of[DIGEST_SHA1]);
        assert_null(set.of[DIGEST_SHA384]);
        assert_int_equal(EVP_set_default_properties(NULL, ""), 1);
        check_hash(DIGEST_SHA1, set.of[DIGEST_SHA1], BYTES_TEXT("abc"), rows[0].of_abc);
        hashers_close(&set);
}

static void test_hashers(void **state) {
        const BankMask all = BANK(_DIGEST_ALG_N) - 1;
        DigestAlg alg = _DIGEST_ALG_N;
        Hashers h = {};
        Hasher *sha1;

        (void)state;
        assert_int_equal(hashers_open(&h, 0, &alg), 0);
        for (size_t i = 0; i < _DIGEST_ALG_N; ++i)
                assert_null(h.of[i]);
        assert_int_equal(hashers_open(&h, BANK(DIGEST_SHA1), &alg), 0);
        sha1 = h.of[DIGEST_SHA1];
        assert_non_null(sha1);
        assert_null(h.of[DIGEST_SHA256]);
        assert_int_equal(hashers_open(&h, all, &alg), 0);
        assert_ptr_equal(h.of[DIGEST_SHA1], sha1);
        for (size_t i = 0; i < _DIGEST_ALG_N; ++i)
                check_hash((DigestAlg)i, h.of[i], BYTES_TEXT("abc"), rows[i].of_abc);
        assert_int_equal(alg, _DIGEST_ALG_N);
        hashers_close(&h);
        for (size_t i = 0; i < _DIGEST_ALG_N; ++i)
                assert_null(h.of[i]);
        hashers_close(&h);
        assert_null(hasher_free(NULL));
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_names_and_numbers), cmocka_unit_test(test_unknown),
                cmocka_unit_test(test_vectors),           cmocka_unit_test(test_parts),
                cmocka_unit_test(test_fill_and_equal),    cmocka_unit_test(test_set_equal),
                cmocka_unit_test(test_foreach_bank),      cmocka_unit_test(test_unsupported),
                cmocka_unit_test(test_hashers),
        };

        return cmocka_run_group_tests_name("digest", tests, NULL, NULL) != 0;
}
