/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Answers to TPM2_PCR_Read with a right HMAC, which everybody can make: such as make no sense, and
 * such as give only a part of what was asked for.
 */
#include "fault/bench.h"

#include <tss2/tss2_tpm2_types.h>

#define HEAD_N 10U

static const DigestSet zeros;
static Bench *bench; /* of the test that runs, for what rewrites answers */

typedef struct ReadAnswer {
        const char *what;
        uint16_t ids[10]; /* of the selection; 0 ends it */
        uint8_t n_select;
        uint8_t pcr;
        uint32_t n_values;
        int grow;            /* of the last value */
        uint32_t n_selected; /* what it says, if not what there is */
        TpmOutcome outcome;
} ReadAnswer;

#define S1   TPM2_ALG_SHA1
#define S256 TPM2_ALG_SHA256
#define S384 TPM2_ALG_SHA384
#define S512 TPM2_ALG_SHA512

static const ReadAnswer read_rows[] = {
        { "right", { S1, S256, S384, S512 }, 3, 10, 4, 0, 0, TPM_DONE },
        { "in another order", { S512, S1, S384, S256 }, 3, 10, 4, 0, 0, TPM_DONE },
        { "four bytes of selection", { S1, S256, S384, S512 }, 4, 10, 4, 0, 0, TPM_DONE },
        { "nothing at all", { 0 }, 3, 10, 0, 0, 0, TPM_UNKNOWN },
        { "a value too few", { S1, S256, S384, S512 }, 3, 10, 3, 0, 0, TPM_UNKNOWN },
        { "a value too many", { S1, S256, S384, S512 }, 3, 10, 5, 0, 0, TPM_UNKNOWN },
        { "no values", { S1, S256, S384, S512 }, 3, 10, 0, 0, 0, TPM_UNKNOWN },
        { "eight values", { S1, S256, S384, S512 }, 3, 10, 8, 0, 0, TPM_UNKNOWN },
        { "nine values", { S1, S256, S384, S512 }, 3, 10, 9, 0, 0, TPM_UNKNOWN },
        { "no end of values", { S1 }, 3, 10, 0xffffffff, 0, 0, TPM_UNKNOWN },
        { "a short value", { S1, S256, S384, S512 }, 3, 10, 4, -1, 0, TPM_UNKNOWN },
        { "an empty value", { S256 }, 3, 10, 1, -32, 0, TPM_UNKNOWN },
        { "a long value", { S1, S256 }, 3, 10, 2, 1, 0, TPM_UNKNOWN },
        { "a value of 65 bytes", { S1, S256, S384, S512 }, 3, 10, 4, 1, 0, TPM_UNKNOWN },
        { "a bank that was not asked for", { TPM2_ALG_SM3_256 }, 3, 10, 1, 0, 0, TPM_UNKNOWN },
        { "... SHA-3", { TPM2_ALG_SHA3_256 }, 3, 10, 1, 0, 0, TPM_UNKNOWN },
        { "... besides", { S1, S256, S384, S512, TPM2_ALG_SM3_256 }, 3, 10, 5, 0, 0, TPM_UNKNOWN },
        { "an algorithm that is none", { 0x7fff }, 3, 10, 1, 0, 0, TPM_UNKNOWN },
        { "a bank twice", { S1, S1 }, 3, 10, 2, 0, 0, TPM_UNKNOWN },
        { "another PCR", { S1, S256, S384, S512 }, 3, 11, 4, 0, 0, TPM_UNKNOWN },
        { "another PCR of the same byte", { S1, S256, S384, S512 }, 3, 9, 4, 0, 0, TPM_UNKNOWN },
        { "one byte of selection", { S1, S256, S384, S512 }, 1, 2, 4, 0, 0, TPM_UNKNOWN },
        { "five bytes of selection", { S1 }, 5, 10, 1, 0, 0, TPM_UNKNOWN },
        { "no end of a selection", { S1 }, 3, 10, 1, 0, 0xffffffff, TPM_UNKNOWN },
        { "17 banks", { S1 }, 3, 10, 1, 0, 17, TPM_UNKNOWN },
};

static const ReadAnswer *read_answer;
static uint8_t parameters[RAW_COMMAND_MAX];

static void answer_read(Bytes command, uint8_t *response, size_t *n) {
        Builder b = builder_on(parameters, sizeof(parameters));
        const ReadAnswer *a = read_answer;
        uint32_t count = 0;

        while (a->ids[count])
                ++count;
        builder_put_u32(&b, ORDER_BIG, 1);
        builder_put_u32(&b, ORDER_BIG, a->n_selected ? a->n_selected : count);
        for (uint32_t i = 0; i < count; ++i) {
                builder_put_u16(&b, ORDER_BIG, a->ids[i]);
                builder_put_u8(&b, a->n_select);
                for (uint8_t k = 0; k < a->n_select; ++k)
                        builder_put_u8(&b, k == a->pcr / 8 ? (uint8_t)(1U << a->pcr % 8) : 0);
        }
        builder_put_u32(&b, ORDER_BIG, a->n_values);
        for (uint32_t i = 0; i < MIN_OF(a->n_values, 10U); ++i) {
                DigestAlg alg = DIGEST_SHA1;
                int size;

                (void)digest_by_tpm_id(a->ids[MIN_OF(i, count - 1)], &alg);
                size = (int)digest_size(alg) + (i == a->n_values - 1 ? a->grow : 0);
                builder_put_u16(&b, ORDER_BIG, (uint16_t)size);
                for (int k = 0; k < size; ++k)
                        builder_put_u8(&b, 0);
        }
        raw_forge(command, builder_bytes(&b), response, n);
}

static void test_read_malformed(void **state) {
        const HookRule rule = { .act = HOOK_REWRITE, .rewrite = answer_read };
        const DigestSet digests = bench_digests(1);
        Bench *b = *state;

        for (size_t i = 0; i < ELEMENTSOF(read_rows); ++i) {
                TpmOutcome outcome;

                read_answer = &read_rows[i];
                bench_reopen(b);
                assert_int_equal(bench_read(b, 10, true), TPM_DONE);
                hook_next(&b->hook, rule);
                outcome = bench_read(b, 10, false);
                CHECK(outcome == read_answer->outcome, "%s: %d\n", read_answer->what, (int)outcome);
                if (outcome == TPM_DONE)
                        assert_values_equal(&b->reply.values, &zeros);
                else
                        assert_int_equal(bench_extend(b, 10, &digests), TPM_SESSION_LOST);
        }
}

/*
 * A TPM that gives only so many banks at a time
 */

static uint32_t at_a_time;

static void answer_part(Bytes command, uint8_t *response, size_t *n) {
        Builder b = builder_on(parameters, sizeof(parameters));
        uint32_t counter, count = 0, n_values;
        uint8_t copy[RAW_COMMAND_MAX];
        Bytes in, old, skipped;

        if (*n == HEAD_N)
                return; /* refused */
        in = raw_parameters(bytes_of(response, *n));
        bytes_copy(in, copy, sizeof(copy));
        in.data = copy;
        assert_true(bytes_take_u32(&in, ORDER_BIG, &counter) &&
                    bytes_take_u32(&in, ORDER_BIG, &count));
        builder_put_u32(&b, ORDER_BIG, counter);
        builder_put_u32(&b, ORDER_BIG, MIN_OF(count, at_a_time));
        for (uint32_t i = 0; i < count; ++i) {
                assert_true(bytes_take(&in, 6, &old));
                if (i < at_a_time)
                        builder_put(&b, old);
        }
        assert_true(bytes_take_u32(&in, ORDER_BIG, &n_values));
        builder_put_u32(&b, ORDER_BIG, MIN_OF(n_values, at_a_time));
        for (uint32_t i = 0; i < MIN_OF(n_values, at_a_time); ++i) {
                uint16_t size;

                old = in;
                assert_true(bytes_take_u16(&in, ORDER_BIG, &size) &&
                            bytes_take(&in, size, &skipped));
                builder_put(&b, bytes_of(old.data, 2U + size));
        }
        raw_forge(command, builder_bytes(&b), response, n);
        /* The next part as well. */
        ++bench->hook.rule.at;
}

static void test_partial_reads(void **state) {
        const DigestSet digests = bench_digests(1);
        DigestSet expected = {};
        Bench *b = bench = *state;

        for (at_a_time = 1; at_a_time <= 4; ++at_a_time) {
                size_t before;

                assert_int_equal(bench_read(b, 10, true), TPM_DONE);
                assert_int_equal(bench_extend(b, 10, &digests), TPM_DONE);
                bench_expect(&expected, &digests);
                before = hook_count(&b->hook, TPM2_CC_PCR_Read);
                hook_next(&b->hook, (HookRule){ .act = HOOK_REWRITE, .rewrite = answer_part });
                assert_int_equal(bench_read(b, 10, true), TPM_DONE);
                assert_values_equal(&b->reply.values, &expected);
                assert_int_equal(hook_count(&b->hook, TPM2_CC_PCR_Read) - before,
                                 (4 + at_a_time - 1) / at_a_time);
                /* All parts were read in one go: what they prove holds for the extend. */
                b->hook.rule = (HookRule){};
                assert_int_equal(bench_extend(b, 10, &digests), TPM_DONE);
                bench_expect(&expected, &digests);
        }
}

static void answer_part_then_extend(Bytes command, uint8_t *response, size_t *n) {
        const DigestSet digests = bench_digests(1);
        Raw c = raw_extend(10, FOUR_BANKS, &digests);

        answer_part(command, response, n);
        bench->hook.rule.rewrite = answer_part;
        assert_int_equal(hook_raw(&bench->hook, raw_bytes(&c), NULL), 0);
}

/* Somebody extends between the parts: they must not be taken for one value. */
static void test_torn_read(void **state) {
        const HookRule rule = { .act = HOOK_REWRITE, .rewrite = answer_part_then_extend };
        Bench *b = bench = *state;

        for (at_a_time = 1; at_a_time <= 3; ++at_a_time)
                for (int is_fresh = 0; is_fresh <= 1; ++is_fresh) {
                        b->hook.rule = (HookRule){};
                        assert_int_equal(bench_read(b, 10, true), TPM_DONE);
                        hook_next(&b->hook, rule);
                        assert_int_equal(bench_read(b, 10, is_fresh), TPM_EXCLUSIVE);
                }
}

#define case_of(test) cmocka_unit_test_setup_teardown(test, bench_open, bench_close)

int main(void) {
        const struct CMUnitTest tests[] = {
                case_of(test_read_malformed),
                case_of(test_partial_reads),
                case_of(test_torn_read),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
