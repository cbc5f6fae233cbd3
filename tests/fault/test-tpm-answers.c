/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Answers that are wrong: altered, cut, too long, lying about their size; and banks that make no
 * sense.
 */
#include "fault/bench.h"

#include <string.h>
#include <tss2/tss2_common.h>
#include <tss2/tss2_tpm2_types.h>

#define SIZE_AT 2
#define HEAD_N  10U

/*
 * Any byte, any length
 */

static size_t cut_to;

static void set_size(uint8_t *response, size_t n) {
        Builder b = builder_on(response + SIZE_AT, 4);

        builder_put_u32(&b, ORDER_BIG, (uint32_t)n);
}

/* With what was sent, and whether a session was asked for before. */
typedef enum Ask {
        ASK_BANKS,
        ASK_CLOCK,
        ASK_START,
        ASK_READ,
        ASK_EXTEND,
        ASK_FLUSH,
        _ASK_N,
} Ask;

static TpmOutcome ask(Bench *b, Ask what, const HookRule *rule) {
        const DigestSet digests = bench_digests(1);

        bench_reopen(b);
        if (what > ASK_START)
                assert_int_equal(bench_read(b, 10, true), TPM_DONE);
        hook_next(&b->hook, *rule);
        switch (what) {
        case ASK_BANKS:
                return bench_plain(b, TPM_REQUEST_BANKS);
        case ASK_CLOCK:
                return bench_plain(b, TPM_REQUEST_CLOCK);
        case ASK_START:
                return bench_read(b, 10, true);
        case ASK_READ:
                return bench_read(b, 10, false);
        case ASK_EXTEND:
                return bench_extend(b, 10, &digests);
        case ASK_FLUSH:
                return bench_plain(b, TPM_REQUEST_FLUSH);
        case _ASK_N:
                break;
        }
        fail();
        return TPM_UNKNOWN;
}

static size_t answer_size(Bench *b, Ask what) {
        const HookRule rule = { .act = HOOK_PASS };
        size_t i = 0;

        assert_int_equal(ask(b, what, &rule), TPM_DONE);
        while (what == ASK_START &&
               hook_sent(&b->hook, b->hook.n_sent - 1 - i)->code != TPM2_CC_StartAuthSession)
                ++i;
        return hook_sent(&b->hook, b->hook.n_sent - 1 - i)->response.n;
}

/* Every byte of an answer in the session is under its HMAC, or gives it a meaning. */
static void test_altered(void **state) {
        static const uint8_t masks[] = { 0x01, 0x80, 0x0a, 0xff };
        const DigestSet digests = bench_digests(1);
        Bench *b = *state;

        for (Ask what = ASK_READ; what <= ASK_EXTEND; ++what) {
                size_t n = answer_size(b, what);

                for (size_t i = 0; i < n * ELEMENTSOF(masks); ++i) {
                        const HookRule rule = {
                                .act = HOOK_ALTER,
                                .position = (int)(i / ELEMENTSOF(masks)),
                                .mask = masks[i % ELEMENTSOF(masks)],
                        };
                        TpmOutcome outcome = ask(b, what, &rule);
                        size_t sent = b->hook.n_sent;

                        CHECK(outcome != TPM_DONE && outcome != TPM_EXCLUSIVE,
                              "byte %d, mask %02x: %d\n", rule.position, rule.mask, (int)outcome);
                        if (outcome != TPM_UNKNOWN && outcome != TPM_TAMPERED)
                                continue;
                        assert_int_equal(bench_extend(b, 10, &digests), TPM_SESSION_LOST);
                        assert_int_equal(b->hook.n_sent, sent);
                }
        }
}

static void test_hmac_altered(void **state) {
        const HookRule rule = { .act = HOOK_ALTER, .position = -1, .mask = 1 };
        const DigestSet digests = bench_digests(1);
        DigestSet expected = {};
        Bench *b = *state;
        size_t sent;

        assert_int_equal(ask(b, ASK_EXTEND, &rule), TPM_TAMPERED);
        bench_expect(&expected, &digests);
        sent = b->hook.n_sent;
        assert_int_equal(bench_extend(b, 10, &digests), TPM_SESSION_LOST);
        assert_int_equal(bench_read(b, 10, false), TPM_SESSION_LOST);
        assert_int_equal(b->hook.n_sent, sent);
        /* A fresh read begins with a new session, and finds what was executed. */
        assert_int_equal(bench_read(b, 10, true), TPM_DONE);
        assert_int_equal(b->hook.n_sent, sent + 2);
        assert_int_equal(hook_sent(&b->hook, sent)->code, TPM2_CC_StartAuthSession);
        assert_values_equal(&b->reply.values, &expected);
}

static void cut(Bytes command, uint8_t *response, size_t *n) {
        (void)command, (void)response;
        *n = MIN_OF(*n, cut_to);
}

static void cut_and_say_so(Bytes command, uint8_t *response, size_t *n) {
        cut(command, response, n);
        if (*n >= SIZE_AT + 4)
                set_size(response, *n);
}

static void lengthen(Bytes command, uint8_t *response, size_t *n) {
        (void)command;
        memset(response + *n, 0, 16);
        *n += 16;
}

static void lengthen_and_say_so(Bytes command, uint8_t *response, size_t *n) {
        lengthen(command, response, n);
        set_size(response, *n);
}

static void check_cut(Bench *b, Ask what) {
        size_t n = answer_size(b, what);

        for (cut_to = 0; cut_to < n; ++cut_to) {
                HookRule rule = { .act = HOOK_REWRITE, .rewrite = cut };

                CHECK(ask(b, what, &rule) != TPM_DONE, "%d cut to %zu\n", (int)what, cut_to);
                rule.rewrite = cut_and_say_so;
                CHECK(ask(b, what, &rule) != TPM_DONE, "%d of %zu\n", (int)what, cut_to);
        }
}

static void test_cut_in_session(void **state) {
        check_cut(*state, ASK_READ);
        check_cut(*state, ASK_EXTEND);
        check_cut(*state, ASK_FLUSH);
}

/* Without an HMAC only the length tells: the TSS must not read on in what was there before. */
static void test_cut_banks(void **state) {
        check_cut(*state, ASK_BANKS);
}

static void test_cut_clock(void **state) {
        check_cut(*state, ASK_CLOCK);
}

static void test_cut_start(void **state) {
        check_cut(*state, ASK_START);
}

static void test_lengthened(void **state) {
        static const DigestSet zeros;
        Bench *b = *state;

        for (Ask what = ASK_READ; what <= ASK_EXTEND; ++what) {
                HookRule rule = { .act = HOOK_REWRITE, .rewrite = lengthen };

                CHECK(ask(b, what, &rule) == TPM_UNKNOWN, "%d is longer than it says\n", (int)what);
                /* Behind the HMAC nothing is looked for: what is before it is as it was. */
                rule.rewrite = lengthen_and_say_so;
                if (ask(b, what, &rule) == TPM_DONE && what == ASK_READ)
                        assert_int_equal(digest_set_equal(FOUR_BANKS, &b->reply.values, &zeros),
                                         FOUR_BANKS);
        }
}

static uint32_t lie;

static void lie_about_size(Bytes command, uint8_t *response, size_t *n) {
        (void)command, (void)n;
        set_size(response, lie);
}

static void lie_about_parameters(Bytes command, uint8_t *response, size_t *n) {
        Builder b = builder_on(response + HEAD_N, 4);

        (void)command, (void)n;
        builder_put_u32(&b, ORDER_BIG, lie);
}

static void check_sizes(Bench *b, Ask what) {
        static const uint32_t lies[] = { 0,    1,    9,      10,         11,         14,
                                         0xff, 4096, 0xffff, 0x7fffffff, 0xfffffff6, UINT32_MAX };

        for (size_t i = 0; i < ELEMENTSOF(lies); ++i) {
                HookRule rule = { .act = HOOK_REWRITE, .rewrite = lie_about_size };

                lie = lies[i];
                CHECK(ask(b, what, &rule) != TPM_DONE, "%d says %u\n", (int)what, lie);
                rule.rewrite = lie_about_parameters;
                /* An extend answers with none, so that 0 is no lie there. */
                if (what == ASK_READ || (what == ASK_EXTEND && lie != 0))
                        CHECK(ask(b, what, &rule) != TPM_DONE, "%d has %u\n", (int)what, lie);
        }
}

static void test_sizes_in_session(void **state) {
        check_sizes(*state, ASK_READ);
        check_sizes(*state, ASK_EXTEND);
}

static void test_sizes_without_session(void **state) {
        check_sizes(*state, ASK_BANKS);
        check_sizes(*state, ASK_CLOCK);
        check_sizes(*state, ASK_START);
}

/*
 * Banks: without a session, so any answer is believed that makes sense
 */

static struct {
        uint8_t more;
        uint32_t capability;
        uint32_t count;
        uint16_t id; /* 0: none */
        uint8_t n_select;
        uint8_t select;
} banks_answer;

static void answer_banks(Bytes command, uint8_t *response, size_t *n) {
        Builder b = builder_on(response + HEAD_N, HOOK_RESPONSE_MAX - HEAD_N);

        (void)command;
        builder_put_u8(&b, banks_answer.more);
        builder_put_u32(&b, ORDER_BIG, banks_answer.capability);
        builder_put_u32(&b, ORDER_BIG, banks_answer.count);
        for (uint32_t i = 0; i < MIN_OF(banks_answer.count, 32U) && banks_answer.id; ++i) {
                builder_put_u16(&b, ORDER_BIG, banks_answer.id);
                builder_put_u8(&b, banks_answer.n_select);
                for (int k = 0; k < MIN_OF(banks_answer.n_select, 8); ++k)
                        builder_put_u8(&b, banks_answer.select);
        }
        *n = HEAD_N + b.n;
        set_size(response, *n);
}

static void test_banks_malformed(void **state) {
        static const __typeof__(banks_answer) rows[] = {
                { 1, TPM2_CAP_PCRS, 1, TPM2_ALG_SHA256, 3, 0xff }, /* more to come */
                { 0, TPM2_CAP_HANDLES, 0, 0, 0, 0 },
                { 0, TPM2_CAP_ALGS, 1, TPM2_ALG_SHA256, 3, 0xff },
                { 0, 0xffffffff, 1, TPM2_ALG_SHA256, 3, 0xff },
                { 0, TPM2_CAP_PCRS, 17, TPM2_ALG_SHA256, 3, 0xff },
                { 0, TPM2_CAP_PCRS, 0xffffffff, TPM2_ALG_SHA256, 3, 0xff },
                { 0, TPM2_CAP_PCRS, 1, TPM2_ALG_SHA256, 5, 0xff },
                { 0, TPM2_CAP_PCRS, 1, TPM2_ALG_SHA256, 0xff, 0xff },
                { 0, TPM2_CAP_PCRS, 1, 0, 0, 0 }, /* one, and none there */
        };
        const HookRule rule = { .act = HOOK_REWRITE, .rewrite = answer_banks };
        Bench *b = *state;

        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                banks_answer = rows[i];
                CHECK(ask(b, ASK_BANKS, &rule) == TPM_UNKNOWN, "row %zu\n", i);
        }
}

static void test_banks_known(void **state) {
        const HookRule rule = { .act = HOOK_REWRITE, .rewrite = answer_banks };
        Bench *b = *state;

        /* 16 banks of one algorithm are that one; PCRs beyond 23 are nobody's. */
        banks_answer = (__typeof__(banks_answer)){ 0, TPM2_CAP_PCRS, 16, TPM2_ALG_SHA1, 4, 0x81 };
        assert_int_equal(ask(b, ASK_BANKS, &rule), TPM_DONE);
        for (uint32_t pcr = 0; pcr < TPM_PCR_N; ++pcr)
                assert_int_equal(b->reply.banks.of[pcr],
                                 pcr % 8 == 0 || pcr % 8 == 7 ? BANK(DIGEST_SHA1) : 0);
        assert_false(b->reply.banks.other_than_sha1);
        /* Unknown, and in one PCR of eight. */
        banks_answer = (__typeof__(banks_answer)){ 0, TPM2_CAP_PCRS, 1, 0x7fff, 3, 0x04 };
        assert_int_equal(ask(b, ASK_BANKS, &rule), TPM_DONE);
        assert_true(b->reply.banks.has_unknown[10]);
        assert_false(b->reply.banks.has_unknown[11]);
        assert_int_equal(b->reply.banks.of[10], 0);
        assert_int_equal(b->reply.banks.unknown_id, 0x7fff);
        assert_true(b->reply.banks.other_than_sha1);
        /* Allocated in no PCR: as good as not there. */
        banks_answer = (__typeof__(banks_answer)){ 0, TPM2_CAP_PCRS, 1, TPM2_ALG_SHA256, 3, 0 };
        assert_int_equal(ask(b, ASK_BANKS, &rule), TPM_DONE);
        assert_false(b->reply.banks.other_than_sha1);
        assert_int_equal(b->reply.banks.of[10], 0);
}

#define case_of(test) cmocka_unit_test_setup_teardown(test, bench_open, bench_close)

int main(void) {
        const struct CMUnitTest tests[] = {
                case_of(test_altered),
                case_of(test_hmac_altered),
                case_of(test_cut_in_session),
                case_of(test_cut_banks),
                case_of(test_cut_clock),
                case_of(test_cut_start),
                case_of(test_lengthened),
                case_of(test_sizes_in_session),
                case_of(test_sizes_without_session),
                case_of(test_banks_malformed),
                case_of(test_banks_known),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
