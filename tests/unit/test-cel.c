/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-cel.c -- records as the TCG Canonical Event Log has them in JSON, character by character.
 * (The integration test serve-list compares whole lists with a second implementation.)
 */
#include "fixture.h"

#include <string.h>

#include "core/cel.h"
#include "core/replay.h"

static char text[8192];
static size_t n_text;

static void put(void *userdata, Bytes piece) {
        (void)userdata;
        assert_true(piece.n < sizeof(text) - n_text);
        bytes_copy(piece, (uint8_t *)text + n_text, piece.n);
        n_text += piece.n;
        text[n_text] = '\0';
}

static const RenderSink sink = { put, NULL };

static void put_one(Cel *c, const MlistRecord *record, BankMask banks) {
        DigestSet digests;
        Replay r;

        replay_init(&r, banks, &all_hashers);
        assert_int_equal(replay_digests(&r, record, &digests), 0);
        cel_put_json(c, record, banks, &digests, &sink);
}

static void begin(Cel *c) {
        n_text = 0;
        text[0] = '\0';
        memset(c, POISON, sizeof(*c));
        cel_init(c);
}

/* A published list (guard-ludmilla); the sha256 digest is what that machine's TPM was extended
 * with. */
static void test_published(void **state) {
        static const char data[] =
                "1a000000736861313a00c199b06527b6805c457f1e155a96e1d7ed990afb0f0000"
                "00626f6f745f61676772656761746500";
        uint8_t raw[64];
        MlistRecord record = record_of("ima-ng", hex_of(data, raw, sizeof(raw)));
        char want[1024];
        Cel c;

        (void)state;
        record.pcr = 10;
        begin(&c);
        put_one(&c, &record, BANK(DIGEST_SHA1) | BANK(DIGEST_SHA256));
        cel_end_json(&c, &sink);
        (void)snprintf(
                want, sizeof(want),
                "[{\"recnum\":0,\"pcr\":10,\"digests\":[{\"hashAlg\":\"sha1\",\"digest\":"
                "\"aab6f44e3ee7386734d5eb764e4f0005bfada71a\"},{\"hashAlg\":\"sha256\","
                "\"digest\":\"7f79f2da83df155a98047897966ac546d5be786309c9cd36ed9353b58555133a"
                "\"}],\"content_type\":\"ima_template\",\"content\":{\"template_name\":"
                "\"ima-ng\",\"template_data\":\"%s\"}}]\n",
                data);
        assert_string_equal(text, want);
}

static void test_forms(void **state) {
        MlistRecord ten = bare_record(10, "a", false), two = bare_record(2, "b", true);
        uint8_t hashed[276] = { 1 };
        char hex[2 * sizeof(hashed) + 1];
        MlistRecord ima = {
                .pcr = 10,
                .name = BYTES_TEXT("ima"),
                .is_ima = true,
                .ima_digest = bytes_of(hashed, 20),
                .ima_name = BYTES_TEXT("boot_aggregate"),
        };
        Cel c;

        (void)state;
        ROW("nothing");
        begin(&c);
        cel_end_json(&c, &sink);
        assert_string_equal(text, "[]\n");
        ROW("counted for each PCR, also what is left out; a violation is ones");
        begin(&c);
        cel_skip(&c, &ten);
        cel_skip(&c, &ten);
        cel_skip(&c, &two);
        put_one(&c, &ten, BANK(DIGEST_SHA1));
        put_one(&c, &two, BANK(DIGEST_SHA1));
        put_one(&c, &ten, BANK(DIGEST_SHA1));
        cel_end_json(&c, &sink);
        assert_non_null(strstr(text, "[{\"recnum\":2,\"pcr\":10,"));
        assert_non_null(strstr(text,
                               "},\n{\"recnum\":1,\"pcr\":2,\"digests\":[{\"hashAlg\":\"sha1\","
                               "\"digest\":\"ffffffffffffffffffffffffffffffffffffffff\"}]"));
        assert_non_null(strstr(text, "},\n{\"recnum\":3,\"pcr\":10,"));
        assert_string_equal(text + n_text - 4, "}}]\n");
        ROW("of template 'ima' what is hashed: the name is padded");
        bytes_copy(ima.ima_name, hashed + 20, 256);
        for (size_t i = 0; i < sizeof(hashed); ++i)
                (void)snprintf(hex + 2 * i, 3, "%02x", hashed[i]);
        begin(&c);
        put_one(&c, &ima, BANK(DIGEST_SHA256));
        assert_non_null(strstr(text, hex));
        ROW("a name that would break out");
        ten.name = BYTES_TEXT("a\"b\\c\x1b[1m\n\xff");
        begin(&c);
        put_one(&c, &ten, BANK(DIGEST_SHA256));
        assert_non_null(
                strstr(text, "\"template_name\":\"a\\\"b\\\\x5cc\\\\x1b[1m\\\\x0a\\\\xff\","));
        ROW("no bank");
        begin(&c);
        put_one(&c, &ten, 0);
        assert_non_null(strstr(text, "\"digests\":[],"));
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_published),
                cmocka_unit_test(test_forms),
        };

        return cmocka_run_group_tests_name("cel", tests, all_hashers_open, all_hashers_close) != 0;
}
