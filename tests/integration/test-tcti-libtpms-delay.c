/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-tcti-libtpms-delay.c -- the software TPM: when a response is due, what its poll handle says
 * meanwhile, and that Tss2_Sys_ExecuteFinish() can wait for it as lib/tpm does.
 */
#include "tcti-bench.h"

#include <poll.h>
#include <time.h>
#include <tss2/tss2_sys.h>

#define DELAY_MSEC 30
#define NSEC_MSEC  INT64_C(1000000)

static const char *delayed(void) {
        static char conf[128];

        (void)snprintf(conf, sizeof(conf), "%s,delay=%d", tpm_path, DELAY_MSEC * 1000);
        return conf;
}

static int64_t now_nsec(void) {
        struct timespec t;

        (void)clock_gettime(CLOCK_MONOTONIC, &t);
        return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static bool is_late(int64_t sent_nsec) {
        return now_nsec() - sent_nsec >= DELAY_MSEC * NSEC_MSEC;
}

static bool is_readable(TSS2_TCTI_CONTEXT *tcti, int timeout_ms) {
        struct pollfd pollfd = { .events = POLLIN };
        TSS2_TCTI_POLL_HANDLE handle;
        size_t n = 1;

        assert_int_equal(Tss2_Tcti_GetPollHandles(tcti, &handle, &n), TSS2_RC_SUCCESS);
        assert_int_equal(n, 1);
        assert_int_equal(handle.events, POLLIN);
        pollfd.fd = handle.fd;
        return poll(&pollfd, 1, timeout_ms) == 1;
}

static void send_extend(TSS2_TCTI_CONTEXT *tcti) {
        uint8_t buffer[256];
        Builder b = extend_command(buffer, sizeof(buffer));
        Bytes in = finish(&b);

        assert_int_equal(Tss2_Tcti_Transmit(tcti, in.n, in.data), TSS2_RC_SUCCESS);
}

static TSS2_RC receive(TSS2_TCTI_CONTEXT *tcti, int32_t timeout) {
        uint8_t response[4096];
        size_t n = sizeof(response);

        return Tss2_Tcti_Receive(tcti, &n, response, timeout);
}

static void test_poll_handles(void **state) {
        TSS2_TCTI_CONTEXT *tcti = turn_on(NULL);
        TSS2_TCTI_POLL_HANDLE handles[2];
        size_t n = 0;

        (void)state;
        assert_int_equal(Tss2_Tcti_GetPollHandles(tcti, NULL, NULL), TSS2_TCTI_RC_BAD_REFERENCE);
        assert_int_equal(Tss2_Tcti_GetPollHandles(tcti, NULL, &n), TSS2_RC_SUCCESS);
        assert_int_equal(n, 1);
        n = 0;
        assert_int_equal(Tss2_Tcti_GetPollHandles(tcti, handles, &n),
                         TSS2_TCTI_RC_INSUFFICIENT_BUFFER);
        n = 2;
        assert_int_equal(Tss2_Tcti_GetPollHandles(tcti, handles, &n), TSS2_RC_SUCCESS);
        assert_int_equal(n, 1);
        turn_off(tcti);
}

/* Readable at once, and until the response is received. */
static void test_without(void **state) {
        TSS2_TCTI_CONTEXT *tcti = turn_on(NULL);

        (void)state;
        for (size_t i = 0; i < 1000; ++i) {
                assert_false(is_readable(tcti, 0));
                send_extend(tcti);
                assert_true(is_readable(tcti, 0));
                assert_int_equal(receive(tcti, 0), TSS2_RC_SUCCESS);
                assert_int_equal(receive(tcti, 0), TSS2_TCTI_RC_BAD_SEQUENCE);
        }
        assert_extended(tcti, 1000);
        turn_off(tcti);
}

static void test_before_and_after(void **state) {
        TSS2_TCTI_CONTEXT *tcti = turn_on(delayed());

        (void)state;
        assert_false(is_readable(tcti, 0));
        for (size_t i = 0; i < 3; ++i) {
                int64_t sent = now_nsec();
                size_t n = 1;

                send_extend(tcti);
                /* On a busy machine the delay may be over here: then there is nothing to see. */
                if (receive(tcti, 0) != TSS2_TCTI_RC_TRY_AGAIN) {
                        assert_true(is_late(sent));
                        continue;
                }
                assert_true(!is_readable(tcti, 0) || is_late(sent));
                assert_true(Tss2_Tcti_Receive(tcti, &n, NULL, 0) == TSS2_TCTI_RC_TRY_AGAIN ||
                            is_late(sent));
                assert_true(is_readable(tcti, 10000));
                assert_true(is_late(sent));
                assert_int_equal(receive(tcti, 0), TSS2_RC_SUCCESS);
                assert_false(is_readable(tcti, 0));
                assert_int_equal(receive(tcti, 0), TSS2_TCTI_RC_BAD_SEQUENCE);
                assert_int_equal(receive(tcti, TSS2_TCTI_TIMEOUT_BLOCK), TSS2_TCTI_RC_BAD_SEQUENCE);
        }
        turn_off(tcti);
        tcti = turn_on(tpm_path);
        assert_extended(tcti, 3);
        turn_off(tcti);
}

static void test_timeouts(void **state) {
        static const struct {
                int32_t timeout;
                TSS2_RC rc;
        } cases[] = {
                { TSS2_TCTI_TIMEOUT_BLOCK, TSS2_RC_SUCCESS },
                { 10000, TSS2_RC_SUCCESS },
                { DELAY_MSEC / 3, TSS2_TCTI_RC_TRY_AGAIN },
                { -2, TSS2_TCTI_RC_BAD_VALUE },
        };
        TSS2_TCTI_CONTEXT *tcti = turn_on(delayed());

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(cases); ++i) {
                int64_t sent = now_nsec();
                TSS2_RC rc;

                send_extend(tcti);
                rc = receive(tcti, cases[i].timeout);
                if (rc != cases[i].rc)
                        assert_true(cases[i].rc == TSS2_TCTI_RC_TRY_AGAIN && is_late(sent));
                else if (rc != TSS2_RC_SUCCESS)
                        assert_int_equal(receive(tcti, TSS2_TCTI_TIMEOUT_BLOCK), TSS2_RC_SUCCESS);
                assert_true(is_late(sent));
                assert_int_equal(receive(tcti, 0), TSS2_TCTI_RC_BAD_SEQUENCE);
        }
        turn_off(tcti);
}

/* slow=FILE: the delay comes and goes with the file. */
static void test_slow(void **state) {
        char conf[512], path[160];
        TSS2_TCTI_CONTEXT *tcti;
        FILE *f;

        (void)state;
        (void)snprintf(path, sizeof(path), "%s.slow", tpm_path);
        (void)snprintf(conf, sizeof(conf), "%s,slow=%s", delayed(), path);
        tcti = turn_on(conf);
        send_extend(tcti);
        assert_int_equal(receive(tcti, 0), TSS2_RC_SUCCESS);
        f = fopen(path, "w");
        assert_non_null(f);
        assert_int_equal(fclose(f), 0);
        send_extend(tcti);
        assert_int_equal(receive(tcti, 0), TSS2_TCTI_RC_TRY_AGAIN);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(receive(tcti, 10000), TSS2_RC_SUCCESS);
        send_extend(tcti);
        assert_int_equal(receive(tcti, 0), TSS2_RC_SUCCESS);
        turn_off(tcti);
}

/* As tpm_collect() of lib/tpm does it. */
static void test_sys(void **state) {
        TSS2_ABI_VERSION abi = TSS2_ABI_VERSION_CURRENT;
        size_t size = Tss2_Sys_GetContextSize(0);
        TSS2_SYS_CONTEXT *sys = calloc(1, size);
        TSS2_TCTI_CONTEXT *tcti = turn_on(delayed());
        size_t n_pending = 0;

        (void)state;
        assert_non_null(sys);
        assert_int_equal(Tss2_Sys_Initialize(sys, size, tcti, &abi), TSS2_RC_SUCCESS);
        for (size_t i = 0; i < 3; ++i) {
                int64_t sent = now_nsec();
                TPM2B_DIGEST digest = { .size = 0 };
                TSS2_RC rc;

                assert_int_equal(Tss2_Sys_GetRandom_Prepare(sys, 8), TSS2_RC_SUCCESS);
                assert_int_equal(Tss2_Sys_ExecuteAsync(sys), TSS2_RC_SUCCESS);
                while ((rc = Tss2_Sys_ExecuteFinish(sys, 0)) == TSS2_TCTI_RC_TRY_AGAIN) {
                        ++n_pending;
                        assert_true(is_readable(tcti, 10000));
                }
                assert_int_equal(rc, TSS2_RC_SUCCESS);
                assert_true(is_late(sent));
                assert_int_equal(Tss2_Sys_GetRandom_Complete(sys, &digest), TSS2_RC_SUCCESS);
                assert_int_equal(digest.size, 8);
        }
        /* Once a command at most: what is readable is there. */
        assert_in_range(n_pending, 1, 3);
        Tss2_Sys_Finalize(sys);
        free(sys);
        turn_off(tcti);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, tpm_setup, tpm_teardown)
        static const struct CMUnitTest tests[] = {
                TEST(test_poll_handles), TEST(test_without), TEST(test_before_and_after),
                TEST(test_timeouts),     TEST(test_slow),    TEST(test_sys),
        };

        return cmocka_run_group_tests_name("tcti-libtpms-delay", tests, NULL, NULL);
}
