/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests to a real TPM 2.0 (libtpms, in this process, through the TCTI loader).
 *
 * What a TPM does here was also measured by hand: part 1 of the TPM 2.0 Library, 17.6 and 32.3.
 */
#include "lib/cmocka-all.h"

#include "fault/bench.h"

#include <string.h>
#include <tss2/tss2_common.h>
#include <tss2/tss2_tpm2_types.h>

static const DigestSet zeros;

/*
 * One request
 */

static void test_banks(void **state) {
        Bench *b = *state;

        assert_int_equal(bench_plain(b, TPM_REQUEST_BANKS), TPM_DONE);
        assert_int_equal(b->reply.rc, 0);
        for (uint32_t pcr = 0; pcr < TPM_PCR_N; ++pcr) {
                assert_int_equal(b->reply.banks.of[pcr], FOUR_BANKS);
                assert_false(b->reply.banks.has_unknown[pcr]);
        }
        assert_true(b->reply.banks.other_than_sha1);
}

static void test_clock(void **state) {
        Raw c = raw_read_clock();
        Bench *b = *state;
        uint64_t time, clock;
        uint32_t resets = 0, restarts = 0;
        Bytes in;

        assert_int_equal(bench_plain(b, TPM_REQUEST_CLOCK), TPM_DONE);
        assert_int_equal(hook_raw(&b->hook, raw_bytes(&c), &in), 0);
        in = raw_body(in);
        assert_true(bytes_take_u64(&in, ORDER_BIG, &time) &&
                    bytes_take_u64(&in, ORDER_BIG, &clock) &&
                    bytes_take_u32(&in, ORDER_BIG, &resets) &&
                    bytes_take_u32(&in, ORDER_BIG, &restarts));
        assert_int_equal(b->reply.clock.reset_count, resets);
        assert_int_equal(b->reply.clock.restart_count, restarts);
        assert_true(b->reply.clock.time_msec <= time);
        assert_true(time - b->reply.clock.time_msec < 5000);
}

static void test_absent(void **state) {
        GuardHook hook = hook_guard(&((Bench *)*state)->hook);
        Tpm *tpm = NULL;
        uint32_t rc = 0;

        assert_int_equal(tpm_open("libtpms:/nonexistent/tpm", &hook, &tpm, &rc), TPM_E_NOT_THERE);
        assert_null(tpm);
        assert_int_not_equal(rc, 0);
        /* The bench has the TPM of this process. */
        assert_int_equal(tpm_open("libtpms:", &hook, &tpm, &rc), TPM_E_NOT_THERE);
        assert_null(tpm);
}

/* Value and count of every PCR. */
static uint32_t look_at_all(Bench *b, DigestSet all[static TPM_PCR_N]) {
        uint32_t counter = 0;

        for (uint32_t pcr = 0; pcr < TPM_PCR_N; ++pcr)
                counter = bench_look(b, pcr, &all[pcr]);
        return counter;
}

static void test_read(void **state) {
        DigestSet all[TPM_PCR_N] = {};
        Bench *b = *state;

        for (uint8_t pcr = 0; pcr < 16; ++pcr) {
                const DigestSet digests = bench_digests(pcr);
                Raw c = raw_extend(pcr, FOUR_BANKS, &digests);

                assert_int_equal(hook_raw(&b->hook, raw_bytes(&c), NULL), 0);
        }
        (void)look_at_all(b, all);
        for (uint32_t pcr = 0; pcr < TPM_PCR_N; ++pcr) {
                assert_int_equal(bench_read(b, pcr, true), TPM_DONE);
                assert_values_equal(&b->reply.values, &all[pcr]);
        }
}

static void test_extend(void **state) {
        static const uint32_t pcrs[] = { 10, 11, 0, 15, 16, 23 };
        Bench *b = *state;

        for (size_t i = 0; i < ELEMENTSOF(pcrs); ++i) {
                DigestSet expected = {}, values;
                uint32_t before, after;

                before = bench_look(b, pcrs[i], &values);
                assert_values_equal(&values, &zeros);
                assert_int_equal(bench_read(b, pcrs[i], true), TPM_DONE);
                for (uint8_t k = 0; k < 5; ++k) {
                        const DigestSet digests = bench_digests(k);

                        bench_expect(&expected, &digests);
                        assert_int_equal(bench_extend(b, pcrs[i], &digests), TPM_DONE);
                }
                assert_int_equal(bench_read(b, pcrs[i], false), TPM_DONE);
                assert_values_equal(&b->reply.values, &expected);
                after = bench_look(b, pcrs[i], &values);
                assert_values_equal(&values, &expected);
                assert_int_equal(after - before, pcrs[i] == 16 || pcrs[i] == 23 ? 0 : 5 * 4);
        }
}

/* PCRs of the dynamic root of trust belong to other localities. */
static void test_extend_refused(void **state) {
        const DigestSet digests = bench_digests(0);
        Bench *b = *state;

        assert_int_equal(bench_read(b, 17, true), TPM_DONE);
        assert_int_equal(bench_extend(b, 17, &digests), TPM_REFUSED);
        assert_int_equal(b->reply.rc, TPM2_RC_LOCALITY);
        /* The session is as good as before. */
        assert_int_equal(bench_extend(b, 10, &digests), TPM_DONE);
}

static void test_probe(void **state) {
        DigestSet before[TPM_PCR_N] = {}, after[TPM_PCR_N] = {};
        Bench *b = *state;
        uint32_t counter;

        counter = look_at_all(b, before);
        assert_int_equal(bench_plain(b, TPM_REQUEST_PROBE), TPM_DONE);
        assert_int_equal(look_at_all(b, after), counter);
        assert_memory_equal(before, after, sizeof(before));
        /* Again, in the session that is there now. */
        assert_int_equal(bench_plain(b, TPM_REQUEST_PROBE), TPM_DONE);
        assert_int_equal(hook_count(&b->hook, TPM2_CC_StartAuthSession), 1);
        assert_int_equal(hook_count(&b->hook, TPM2_CC_PCR_Extend), 6);
}

/* A TPM that lets an exclusive command pass although another came between. */
static void test_probe_without_guard(void **state) {
        Bench *b = *state;

        b->hook.rule = (HookRule){ .act = HOOK_ANSWER, .at = b->hook.n_sent + 3, .rc = 0 };
        assert_int_equal(bench_plain(b, TPM_REQUEST_PROBE), TPM_REFUSED);
        assert_int_equal(hook_last(&b->hook)->code, TPM2_CC_PCR_Extend);
        assert_true(hook_was_executed(hook_last(&b->hook)));
}

/* ... and one that has not got the algorithm of a bank. */
static void test_probe_without_algorithm(void **state) {
        const TpmRequest request = {
                .kind = TPM_REQUEST_PROBE,
                .banks = BANK(DIGEST_SHA256) | BANK(DIGEST_SM3_256),
        };

        assert_int_equal(bench_ask(*state, &request), TPM_REFUSED);
}

/*
 * The guard
 */

static void assert_goes_on(Bench *b, DigestSet *expected) {
        const DigestSet digests = bench_digests(99);

        assert_int_equal(bench_read(b, 10, true), TPM_DONE);
        assert_values_equal(&b->reply.values, expected);
        assert_int_equal(bench_extend(b, 10, &digests), TPM_DONE);
        bench_expect(expected, &digests);
        (void)bench_look(b, 10, &b->reply.values);
        assert_values_equal(&b->reply.values, expected);
}

static void test_exclusive(void **state) {
        const DigestSet digests = bench_digests(1), foreign = bench_digests(2);
        const Raw between[] = {
                raw_pcr_read(10, FOUR_BANKS),
                raw_get_random(),
                raw_read_clock(),
                raw_extend(10, FOUR_BANKS, &foreign),
        };
        DigestSet expected = {}, values;
        Bench *b = *state;

        for (size_t i = 0; i < ELEMENTSOF(between); ++i) {
                assert_int_equal(bench_read(b, 10, true), TPM_DONE);
                assert_int_equal(hook_raw(&b->hook, raw_bytes(&between[i]), NULL), 0);
                if (i == ELEMENTSOF(between) - 1)
                        bench_expect(&expected, &foreign);
                assert_int_equal(bench_extend(b, 10, &digests), TPM_EXCLUSIVE);
                assert_int_equal(b->reply.rc, TPM2_RC_EXCLUSIVE);
                (void)bench_look(b, 10, &values);
                assert_values_equal(&values, &expected);
                assert_goes_on(b, &expected);
        }
        /* One session did for all of it. */
        assert_int_equal(hook_count(&b->hook, TPM2_CC_StartAuthSession), 1);
}

/* /dev/tpmrm0 saves and loads the session around every command: that is nobody's command. */
static void test_resource_manager(void **state) {
        const DigestSet digests = bench_digests(1);
        DigestSet expected = {};
        Bench *b = *state;
        Bytes in, context;
        uint32_t handle;
        Raw c;

        assert_int_equal(bench_read(b, 10, true), TPM_DONE);
        in = raw_body(hook_sent(&b->hook, 1)->response);
        assert_true(bytes_take_u32(&in, ORDER_BIG, &handle));
        for (int i = 0; i < 3; ++i) {
                c = raw_context_save(handle);
                assert_int_equal(hook_raw(&b->hook, raw_bytes(&c), &context), 0);
                c = raw_context_load(raw_body(context));
                assert_int_equal(hook_raw(&b->hook, raw_bytes(&c), NULL), 0);
                assert_int_equal(bench_extend(b, 10, &digests), TPM_DONE);
                bench_expect(&expected, &digests);
        }
        assert_int_equal(bench_read(b, 10, false), TPM_DONE);
        assert_values_equal(&b->reply.values, &expected);
}

static void test_no_session_sends_nothing(void **state) {
        const DigestSet digests = bench_digests(1);
        Bench *b = *state;
        size_t n = b->hook.n_records;

        for (int i = 0; i < 2; ++i) {
                assert_int_equal(bench_extend(b, 10, &digests), TPM_SESSION_LOST);
                assert_int_equal(bench_read(b, 10, false), TPM_SESSION_LOST);
                assert_int_equal(bench_plain(b, TPM_REQUEST_FLUSH), TPM_DONE);
                assert_int_equal(b->hook.n_records, n);
                /* The same after a session was there and was given back. */
                assert_int_equal(bench_read(b, 10, true), TPM_DONE);
                assert_int_equal(bench_plain(b, TPM_REQUEST_FLUSH), TPM_DONE);
                assert_int_equal(hook_last(&b->hook)->code, TPM2_CC_FlushContext);
                n = b->hook.n_records;
        }
}

static void test_stale_copy(void **state) {
        const DigestSet digests = bench_digests(1);
        DigestSet expected = {}, values;
        Bench *b = *state;
        uint8_t command[RAW_COMMAND_MAX];
        Bytes copy;

        assert_int_equal(bench_read(b, 10, true), TPM_DONE);
        assert_int_equal(bench_extend(b, 10, &digests), TPM_DONE);
        bench_expect(&expected, &digests);
        copy = hook_last(&b->hook)->command;
        bytes_copy(copy, command, sizeof(command));
        copy.data = command;
        /* Nobody came between: exclusive it would be. Its nonce is an old one. */
        assert_int_equal(hook_raw(&b->hook, copy, NULL), TPM2_RC_BAD_AUTH | TPM2_RC_S | TPM2_RC_1);
        (void)bench_look(b, 10, &values);
        assert_values_equal(&values, &expected);
        assert_goes_on(b, &expected);
}

/* What the HMAC is for: without one the TPM takes the very same bytes twice. */
static void test_stale_copy_without_hmac(void **state) {
        const uint8_t audit = TPMA_SESSION_CONTINUESESSION | TPMA_SESSION_AUDIT;
        const DigestSet digests = bench_digests(1);
        DigestSet expected = {}, values;
        Raw c = raw_start_session();
        Bench *b = *state;
        uint32_t session;
        Bytes in;

        assert_int_equal(hook_raw(&b->hook, raw_bytes(&c), &in), 0);
        in = raw_body(in);
        assert_true(bytes_take_u32(&in, ORDER_BIG, &session));
        c = raw_session_read(session, audit | TPMA_SESSION_AUDITRESET, 10, FOUR_BANKS);
        assert_int_equal(hook_raw(&b->hook, raw_bytes(&c), NULL), 0);
        c = raw_session_extend(session, audit | TPMA_SESSION_AUDITEXCLUSIVE, 10, FOUR_BANKS,
                               &digests);
        for (int i = 0; i < 2; ++i) {
                assert_int_equal(hook_raw(&b->hook, raw_bytes(&c), NULL), 0);
                bench_expect(&expected, &digests);
        }
        (void)bench_look(b, 10, &values);
        assert_values_equal(&values, &expected);
        c = raw_flush(session);
        assert_int_equal(hook_raw(&b->hook, raw_bytes(&c), NULL), 0);
}

static void test_flushed_session(void **state) {
        const DigestSet digests = bench_digests(1);
        DigestSet expected = {};
        Bench *b = *state;

        for (int i = 0; i < 2; ++i) {
                const HookRecord *start;
                uint32_t handle;
                Bytes in;
                size_t n;
                Raw c;

                assert_int_equal(bench_read(b, 10, true), TPM_DONE);
                start = hook_sent(&b->hook, i == 0 ? 1 : b->hook.n_sent - 2);
                assert_int_equal(start->code, TPM2_CC_StartAuthSession);
                in = raw_body(start->response);
                assert_true(bytes_take_u32(&in, ORDER_BIG, &handle));
                c = raw_flush(handle);
                assert_int_equal(hook_raw(&b->hook, raw_bytes(&c), NULL), 0);
                assert_int_equal(i == 0 ? bench_extend(b, 10, &digests) : bench_read(b, 10, false),
                                 TPM_SESSION_LOST);
                n = b->hook.n_records;
                assert_int_equal(bench_extend(b, 10, &digests), TPM_SESSION_LOST);
                assert_int_equal(b->hook.n_records, n);
                assert_goes_on(b, &expected);
                assert_int_equal(bench_plain(b, TPM_REQUEST_FLUSH), TPM_DONE);
        }
}

/*
 * Without a resource manager nobody else gives a session back: after three lost answers a TPM with
 * three slots would have none left, until it is reset.
 */
static void test_flush_after_lost_answer(void **state) {
        const DigestSet digests = bench_digests(1);
        Bench *b = *state;

        assert_int_equal(bench_read(b, 10, true), TPM_DONE);
        hook_next(&b->hook, (HookRule){ .act = HOOK_LOSE, .rc = TSS2_TCTI_RC_IO_ERROR });
        assert_int_equal(bench_extend(b, 10, &digests), TPM_UNKNOWN);
        assert_int_equal(bench_plain(b, TPM_REQUEST_FLUSH), TPM_DONE);
        assert_int_equal(hook_last(&b->hook)->code, TPM2_CC_FlushContext);
}

/*
 * Time
 */

static void test_pending(void **state) {
        static const uint32_t delays[] = { 0, 1, 2, 7, 100 };
        Bench *b = *state;

        for (size_t i = 0; i < ELEMENTSOF(delays); ++i) {
                const TpmRequest request = {
                        .kind = TPM_REQUEST_READ,
                        .pcr = 10,
                        .banks = FOUR_BANKS,
                        .is_fresh = true,
                };
                uint32_t n = 0;

                assert_int_equal(bench_read(b, 10, true), TPM_DONE);
                hook_next(&b->hook, (HookRule){ .act = HOOK_DELAY, .n = delays[i] });
                assert_int_equal(tpm_submit(b->tpm, &request), 0);
                while (tpm_collect(b->tpm, &b->reply) == TPM_E_PENDING)
                        ++n;
                assert_int_equal(n, delays[i]);
                assert_int_equal(b->reply.outcome, TPM_DONE);
        }
        assert_true(tpm_fd(b->tpm) >= 0);
}

#define case_of(test) cmocka_unit_test_setup_teardown(test, bench_open, bench_close)

int main(void) {
        const struct CMUnitTest tests[] = {
                case_of(test_banks),
                case_of(test_clock),
                case_of(test_absent),
                case_of(test_read),
                case_of(test_extend),
                case_of(test_extend_refused),
                case_of(test_probe),
                case_of(test_probe_without_guard),
                case_of(test_probe_without_algorithm),
                case_of(test_exclusive),
                case_of(test_resource_manager),
                case_of(test_no_session_sends_nothing),
                case_of(test_stale_copy),
                case_of(test_stale_copy_without_hmac),
                case_of(test_flushed_session),
                case_of(test_flush_after_lost_answer),
                case_of(test_pending),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
