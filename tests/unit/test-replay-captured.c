/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-replay-captured.c -- replays of captured lists and searches in them, against what Python
 * calculated and a TPM held.
 */
#include "fixture.h"

#include "captured.h"
#include "core/replay.h"

/* Replay a list; a search, if there is one, looks at V(0) and after each record of its chain. */
static void replay_list(const char *file, BankMask banks, Replay *r, uint32_t pcr, Search *search) {
        Bytes list = captured_load(file), in = list;
        MlistForm form;
        MlistRecord record;
        MlistError error;

        replay_init(r, banks, &all_hashers);
        if (search)
                (void)search_look(search, &r->chain[pcr]);
        assert_int_equal(mlist_detect(in, DIGEST_SHA1, &form, &error), 0);
        while (in.n > 0) {
                assert_int_equal(
                        mlist_parse(&in, &form, all_hashers.of[DIGEST_SHA1], &record, &error), 0);
                assert_int_equal(replay_record(r, &record), 0);
                if (search && record.pcr == pcr)
                        (void)search_look(search, &r->chain[pcr]);
        }
        heap_free(list);
}

/* "replay" of the NAME.json: calculated by the capturing script, in Python. */
/* clang-format off */
static const struct {
        const char *file;
        uint32_t pcr;
        DigestAlg alg;
        uint64_t n;
        const char *value;
} values[] = {
        { "k7.3-tpm-pcrs.bin", 10, DIGEST_SHA1, 17, "b3d73fbafe80e3dd7667005262b62396f02e4372" },
        { "k7.3-tpm-pcrs.bin", 10, DIGEST_SHA256, 17, "fd120b51c83434595daa40c9cd8eaf59331753180dc1f6d9a6a6316ac3def543" },
        { "k7.3-tpm-pcrs.bin", 11, DIGEST_SHA1, 5, "10fdc4a5cecf525ef076b32139d9d9669373240c" },
        { "k7.3-tpm-pcrs.bin", 11, DIGEST_SHA256, 5, "06fd711cd471ddfdf65ce840f003a31f6849cb758cd4b8bd53351b9cee308262" },
        { "k7.3-tpm-pcrs.bin", 12, DIGEST_SHA1, 8, "d04d1e472ed27c09f5ae3ae20e24eae47da34540" },
        { "k7.3-tpm-pcrs.bin", 12, DIGEST_SHA256, 8, "9bbccab4823bc7a09969eae05a6c0cddcce34d984f4381c839c06221151de536" },
        { "k7.3-tpm-pcrs.bin", 17, DIGEST_SHA1, 4, "0e1aaf5970dbd4a54ecb12e89cf2a09e114b703c" },
        { "k7.3-tpm-pcrs.bin", 17, DIGEST_SHA256, 4, "f9b44acf45132b9949b4bf3542293391ce87ab65172ff80e41e79a8dc266f6a3" },
        { "k7.3-tpm-pcrs.bin", 40, DIGEST_SHA1, 4, "ca4c05deb84036da48b29d1d6795d198630ce23b" },
        { "k7.3-tpm-pcrs.bin", 40, DIGEST_SHA256, 4, "3274b952d694cbe23796cda4651d0013b14b767581fec96390aba330b38490d8" },
        { "k7.3-tpm-pcrs.bin", 14, DIGEST_SHA1, 4, "6f202a6e1328dc6f6537dcb3254745a1c1f54f53" },
        { "k7.3-tpm-pcrs.bin", 14, DIGEST_SHA256, 4, "7f338efe64f0d777e5ddb4f19c51800d29b47c03b15ea29cffb25a8fb943f797" },
        { "k7.3-tpm-templates.bin", 10, DIGEST_SHA1, 81, "aec6ea7a6d0f553dff297b331a0ab556f71c70ff" },
        { "k7.3-tpm-templates.bin", 10, DIGEST_SHA256, 81, "68d30a3374b3a6def211e219d2d87f39680ac0707aabe56dea6ea83999e66318" },
        { "k7.3-tpm-templates.bin", 10, DIGEST_SHA384, 81, "fcc684745ef392ddac35f51d642950ab0cc9dfeca472429e4e41ff648d9f98f7" "0c139a5ae160f93592c99ea39c19c6c1" },
        { "k7.3-tpm-templates.bin", 10, DIGEST_SHA512, 81, "e7c49ec707a1ad2db2e1668e0f87918f67512f7e5a1693e52cd0c4526f149b0f" "80bb4f404a9ac9491439f19b4fb118fd459431a15018b43f35c306bbd8faaaea" },
        { "k7.3-bypass-ima-md5.bin", 10, DIGEST_SHA1, 20, "991eacca48ef020d235c4a49587c9552919b5c8d" },
        { "k7.3-bypass-ima-md5.bin", 10, DIGEST_SHA256, 20, "4b89e9b5dbec209132c3a4c88299c0744ffda4f688f4f3a7effafd8dd026f1c8" },
        { "k7.3-bypass-ima-md5.bin", 10, DIGEST_SHA384, 20, "777f871cf764bfd53750797c4720b023dc2e756edb72fa60f2290cae6d017f15" "a53195dc122930effc4d272cc9b35304" },
        { "k7.3-bypass-ima-md5.bin", 10, DIGEST_SHA512, 20, "ecbe6d744216ecebed148c8eb4a19121710f0eb869af273c06f0fdd47f3e119e" "fdc5b904f340bb3bbbe71eabcb55d1b1c3294fa7826ee89323cc0d10884787ce" },
        { "k6.1-tpm-ima-sha1.bin", 10, DIGEST_SHA1, 20, "af6b697e2d41077708bdb57e5f1dffe21b4b7d57" },
        { "k6.1-tpm-ima-sha1.bin", 10, DIGEST_SHA256, 20, "81b68bbeea38402dce16c825288c4d91e7dc3beb0d0607fdf7fa471f0a14ed13" },
        { "k6.1-bypass-fmt-all.bin", 10, DIGEST_SHA1, 20, "2cfe60049cbfa3ee8a07ad3a671f2daad667b0e4" },
        { "k6.1-bypass-fmt-all.bin", 10, DIGEST_SHA512, 20, "7a26c3d6cc169cf791642c68d54e9f5a8e087be16c2cb35757af365ef5b06f70" "70d12534bba9d791f03ed91130bce6cda2ec46b9232ba2560e99905949c4e7a7" },
};
/* clang-format on */

static void test_captured_values(void **state) {
        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(values); ++i) {
                const DigestAlg alg = values[i].alg;
                uint8_t raw[DIGEST_SIZE_MAX];
                Replay r;

                ROW(values[i].file);
                replay_list(values[i].file, BANK(alg), &r, 0, NULL);
                CHECK(r.chain[values[i].pcr].n == values[i].n, "PCR %u\n", values[i].pcr);
                CHECK(bytes_equal(digest_bytes(alg, &r.chain[values[i].pcr].value.of[alg]),
                                  hex_of(values[i].value, raw, sizeof(raw))),
                      "PCR %u, %s\n", values[i].pcr, digest_name(alg));
        }
}

/* "tpm_pcrs" of the NAME.json: as a TPM held them when the list was read; k is its "in_tpm". */
/* clang-format off */
static const struct {
        const char *name;
        uint32_t pcr;
        SearchVerdict verdict;
        uint64_t k;
        const char *value[_DIGEST_ALG_N];
} held[] = {
        { "k6.12-tpm-tcb", 10, SEARCH_FITS, 21, { [DIGEST_SHA1] = "df47fea9d2406fd70199e711150aef85ecdae4dd", [DIGEST_SHA256] = "723e7099dbb2cb99136559744a3e6a57c0daced435c4e6bb46cc0b76e50bf061", [DIGEST_SHA384] = "e723514e0a2b919a1d6d2f43fe1df4311216d5a2825d4098a1421948493c669b" "63bcc4d40d525eaf188b72ac51a414d2", [DIGEST_SHA512] = "0ca30af14a5d49679fa32f669452bec85bf45c4719fede37f6b620740552b304" "82765d0813102eb56959c73f87ed67c115e2ebb83166866566c274caa92c5fa4", } },
        { "k7.3-tpm-sha384only", 10, SEARCH_FITS, 28, { [DIGEST_SHA384] = "4eb92e13c29893e12b14ca736d2b5a1cefd6ae8bc750576b02fbfc8bdb1624f4" "5eef0d85d64a98ccb804dfca5562e63a", } },
        { "k6.12-late-race-before", 10, SEARCH_FITS, 0, { [DIGEST_SHA1] = "0000000000000000000000000000000000000000", [DIGEST_SHA256] = "0000000000000000000000000000000000000000000000000000000000000000", [DIGEST_SHA384] = "0000000000000000000000000000000000000000000000000000000000000000" "00000000000000000000000000000000", [DIGEST_SHA512] = "0000000000000000000000000000000000000000000000000000000000000000" "0000000000000000000000000000000000000000000000000000000000000000", } },
        { "k6.12-late-race-race-a", 10, SEARCH_FITS, 163, { [DIGEST_SHA1] = "fb5ebea32a16486337fe42024df5ddf99d41deb7", [DIGEST_SHA256] = "48f0ff6fcb80f144ce1bc25239addbaf4ca88ca08c00712383314b36bf927795", [DIGEST_SHA384] = "98aa56854f60e7d326227509f4f2148ad2f0ace271fecc28c3940f97d061e5d8" "9982b8b0f29d2f98945f4ccf2425b04d", [DIGEST_SHA512] = "2eba5c7fc93a637627e799c16da962df121682bdab41c49cdcd1089eef4c80ad" "d6620409096aab80ff50cd4c6e8642845ad1b44cbb5bae92672a50114a114c53", } },
        { "k6.12-late-race-race-b", 10, SEARCH_FITS, 296, { [DIGEST_SHA1] = "386a4d99d89fa2b47508763b0b74d80b1643433a", [DIGEST_SHA256] = "f41697775db61de62afa07902768dd7871510f9579ad4968c1584d8d01f0d424", [DIGEST_SHA384] = "0026e78c823bd15ae0f793b1dffd3d5f2805acc3f0a96d8e70b6d9257ef9d4ea" "a98978dd04a8fb2c8c4b484e23fb88ec", [DIGEST_SHA512] = "4f8fd6aaaa28a8ee1f16f00781fa0ff82f181e20c5ab5af8e3cc8e6c747ca2fe" "51d2329469cf3e8cfa5c05943e2573c71f188c82131b7098629e6683363c0d8f", } },
        { "k7.3-late-race-race-c", 10, SEARCH_FITS, 357, { [DIGEST_SHA1] = "4fbb31042b5c1d63d1a3416c93afea3c1cc96f88", [DIGEST_SHA256] = "531b77b8de7535ba9c4aacd83b3503e54f7b03909de84f9ca53dd307fe0cc37a", [DIGEST_SHA384] = "35b6e8d28261cd5ce21e924bc4f25f0af940cdd4f29fb99504ade6d419e7a6d2" "269b8362604afe92f6275ddfff4a1024", [DIGEST_SHA512] = "bc15f0ec809231bc820e229a722b6f363b564ca217935aee765f479ed5b834d4" "b1a418148152ffed9bfce2b0f2a605a5d6b9af23032d7a52d7a1e4b9842f89fd", } },
        { "k7.3-tpm-pcrs", 12, SEARCH_FITS, 8, { [DIGEST_SHA1] = "d04d1e472ed27c09f5ae3ae20e24eae47da34540", [DIGEST_SHA256] = "9bbccab4823bc7a09969eae05a6c0cddcce34d984f4381c839c06221151de536", [DIGEST_SHA384] = "af87bfd7a573891fd0c0fc1f1f401317cde645f90a4c608064ab73905d87458b" "f375ae3e9589f7d37b628929c58819f8", [DIGEST_SHA512] = "c0de3641872969c8b308ab85281e19ae87e41e2daa3db49837eb30a249e707d6" "17878f8507cdc600c59ab6a551211f098e5d1c85580e7be910441b739a1870b5", } },
        { "k6.1-tpm-tcb", 10, SEARCH_SOME, SEARCH_NONE, { [DIGEST_SHA1] = "df47fea9d2406fd70199e711150aef85ecdae4dd", [DIGEST_SHA256] = "723e7099dbb2cb99136559744a3e6a57c0daced435c4e6bb46cc0b76e50bf061", [DIGEST_SHA384] = "46a51872206d3d2451be6009b23b6bd4ece5388c9fe5f8b987938be29c1684db" "b894b1c4a585f21bcd14ec4798c5569d", [DIGEST_SHA512] = "a3029cf7cc99ab5eb3608a59b9cb522a5bf078aaa9ffefb1b054e319c2506a0c" "698d97f400bcb905e9126d19a30bc46b21a064bd30f30f56aa0c43764505bf20", } },
        { "own-mixed-bypass-then-tpm", 10, SEARCH_ALIEN, SEARCH_NONE, { [DIGEST_SHA1] = "0e5344eee38405c9a7b53058fa3384a82722f002", [DIGEST_SHA256] = "9aedc62a2bf3998135055c4a71916e22eacf21025d1d5b3bb53466e3e5951e15", [DIGEST_SHA384] = "179b30062c86172c424e1eeb69aab447ed39f575f2f693c9bf8d430b753364c7" "a530fd6b5ecfa1f06ed5738ca27eab84", [DIGEST_SHA512] = "bbfc29165fd70589e0834edb9b2549b96b3dcbef541bf9d4b22f1d6b7db03c06" "2f16e4dd9b4505ddcc24722a391bb1d2944800c5b45fb2877c9b5924604eb5ab", } },
        { "k7.3-tpm-trim", 10, SEARCH_ALIEN, SEARCH_NONE, { [DIGEST_SHA1] = "40a3b325be4f191e7689ac84880fe2c13a52bca5", [DIGEST_SHA256] = "9c70bd2a76a263731b3bbc1c5823dce32e1ce220ab956a30c4dea31c0612b72c", [DIGEST_SHA384] = "0e023691ffd539e59bd97689eea3ac5e61866ff9720f5967b2dbce9d6fdf04fe" "64c2d967dd7e7cbf1dbefa531809699a", [DIGEST_SHA512] = "e4e3514a703b31153d902b3ef86be7c388b79e8e4eed6a11415bf7c0c5b8a86a" "d97205fcc15a3c593ed20e600f6d8d7b5ff6425fba362b98799e3d5198cb281f", } },
        { "k7.3-tpm-pcrs", 17, SEARCH_ALIEN, SEARCH_NONE, { [DIGEST_SHA1] = "ffffffffffffffffffffffffffffffffffffffff", [DIGEST_SHA256] = "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", [DIGEST_SHA384] = "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff" "ffffffffffffffffffffffffffffffff", [DIGEST_SHA512] = "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff" "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", } },
};
/* clang-format on */

static void test_captured_searches(void **state) {
        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(held); ++i) {
                DigestSet target = {};
                BankMask banks = 0;
                char file[64];
                Search search;
                Replay r;

                ROW(held[i].name);
                for (DigestAlg alg = 0; alg < _DIGEST_ALG_N; ++alg)
                        if (held[i].value[alg]) {
                                banks |= BANK(alg);
                                (void)hex_of(held[i].value[alg], target.of[alg].data,
                                             sizeof(target.of[alg].data));
                        }
                (void)snprintf(file, sizeof(file), "%s.bin", held[i].name);
                search_init(&search, banks, &target);
                replay_list(file, banks, &r, held[i].pcr, &search);
                assert_int_equal(search_verdict(&search), held[i].verdict);
                assert_true(search.k == held[i].k);
        }
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_captured_values),
                cmocka_unit_test(test_captured_searches),
        };

        return cmocka_run_group_tests_name("replay-captured", tests, all_hashers_open,
                                           all_hashers_close) != 0;
}
