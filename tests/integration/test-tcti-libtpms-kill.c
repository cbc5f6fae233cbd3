/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-tcti-libtpms-kill.c -- the software TPM: what it promises to whoever is killed while using
 * it, and to whoever comes after.
 */
#include "tcti-bench.h"

#include <fcntl.h>
#include <signal.h>

#include "base/encode.h"

#define N_STORM 200U

static void test_kill_after_extend(void **state) {
        TSS2_TCTI_CONTEXT *tcti;

        (void)state;
        for (size_t i = 1; i <= 3; ++i) {
                pid_t pid = fork_child();

                if (pid == 0) {
                        extend(turn_on(tpm_path));
                        (void)raise(SIGKILL);
                }
                wait_killed(pid);
                tcti = turn_on(tpm_path);
                assert_extended(tcti, i);
                turn_off(tcti);
        }
}

/* What was sent is executed, though its answer is a minute away. */
static void test_kill_while_pending(void **state) {
        char conf[128];
        uint8_t ack;

        (void)state;
        (void)snprintf(conf, sizeof(conf), "%s,delay=60000000", tpm_path);
        for (size_t i = 1; i <= 3; ++i) {
                TSS2_TCTI_CONTEXT *tcti;
                int fds[2];
                pid_t pid;

                assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
                pid = fork_child();
                if (pid == 0) {
                        uint8_t buffer[256];
                        Builder b = extend_command(buffer, sizeof(buffer));
                        Bytes in = finish(&b);
                        size_t n = sizeof(buffer);

                        tcti = turn_on(conf);
                        assert_int_equal(Tss2_Tcti_Transmit(tcti, in.n, in.data), TSS2_RC_SUCCESS);
                        assert_int_equal(write(fds[1], "", 1), 1);
                        (void)Tss2_Tcti_Receive(tcti, &n, buffer, TSS2_TCTI_TIMEOUT_BLOCK);
                        _exit(0);
                }
                assert_int_equal(close(fds[1]), 0);
                assert_int_equal(read(fds[0], &ack, 1), 1);
                assert_int_equal(close(fds[0]), 0);
                assert_int_equal(kill(pid, SIGKILL), 0);
                wait_killed(pid);
                tcti = turn_on(tpm_path);
                assert_extended(tcti, i);
                turn_off(tcti);
        }
}

static void test_kill_storm(void **state) {
        size_t n = 0, n_extra = 0;
        unsigned seed = 1;

        (void)state;
        for (size_t i = 0; i < N_STORM; ++i) {
                size_t n_acks = storm_once(tpm_path, 1 + rand_r(&seed) % 6000);
                TSS2_TCTI_CONTEXT *tcti = turn_on(tpm_path);
                size_t n_now = pcr_count(tcti, &banks[1], n + n_acks);

                /* Nothing acknowledged is lost, and at most one extend was not acknowledged yet. */
                assert_true(n_now <= n + n_acks + 1);
                n_extra += n_now - n - n_acks;
                n = n_now;
                assert_extended(tcti, n);
                turn_off(tcti);
        }
        print_message("%u kills, %zu extends, %zu of them not acknowledged\n", N_STORM, n, n_extra);
        assert_true(n > 0);
}

static void test_one_at_a_time(void **state) {
        TSS2_TCTI_CONTEXT *tcti = turn_on(tpm_path), *other = NULL;
        char conf[128];
        uint8_t ack;
        int fds[2];
        pid_t pid;

        (void)state;
        (void)snprintf(conf, sizeof(conf), "%s/tpm2", tpm_dir);
        assert_int_equal(try_on(tpm_path, &other), TSS2_TCTI_RC_TRY_AGAIN);
        assert_int_equal(try_on(conf, &other), TSS2_TCTI_RC_TRY_AGAIN);
        assert_int_equal(try_on(NULL, &other), TSS2_TCTI_RC_TRY_AGAIN);
        turn_off(tcti);
        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        pid = fork_child();
        if (pid == 0)
                extend_forever(tpm_path, fds[1]);
        assert_int_equal(close(fds[1]), 0);
        assert_int_equal(read(fds[0], &ack, 1), 1);
        assert_int_equal(try_on(tpm_path, &other), TSS2_TCTI_RC_TRY_AGAIN);
        assert_int_equal(kill(pid, SIGKILL), 0);
        wait_killed(pid);
        assert_int_equal(close(fds[0]), 0);
        turn_off(turn_on(tpm_path));
}

/* Start a session of a type: 0 HMAC, 1 policy, 3 trial. */
static TPM2_HANDLE start_session(TSS2_TCTI_CONTEXT *tcti, uint8_t type) {
        uint8_t buffer[64];
        Builder b = command(buffer, sizeof(buffer), TPM2_ST_NO_SESSIONS, TPM2_CC_StartAuthSession);

        builder_put_u32(&b, ORDER_BIG, TPM2_RH_NULL);
        builder_put_u32(&b, ORDER_BIG, TPM2_RH_NULL);
        builder_put_u16(&b, ORDER_BIG, 16);
        builder_put(&b, BYTES_TEXT("0123456789abcdef"));
        builder_put_u16(&b, ORDER_BIG, 0);
        builder_put_u8(&b, type);
        builder_put_u16(&b, ORDER_BIG, TPM2_ALG_NULL);
        builder_put_u16(&b, ORDER_BIG, TPM2_ALG_SHA256);
        return run_ok(tcti, &b);
}

static void save_context(TSS2_TCTI_CONTEXT *tcti, TPM2_HANDLE handle) {
        uint8_t buffer[16];
        Builder b = command(buffer, sizeof(buffer), TPM2_ST_NO_SESSIONS, TPM2_CC_ContextSave);

        builder_put_u32(&b, ORDER_BIG, handle);
        (void)run_ok(tcti, &b);
}

static void start_hash(TSS2_TCTI_CONTEXT *tcti) {
        uint8_t buffer[16];
        Builder b = command(buffer, sizeof(buffer), TPM2_ST_NO_SESSIONS, TPM2_CC_HashSequenceStart);

        builder_put_u16(&b, ORDER_BIG, 0);
        builder_put_u16(&b, ORDER_BIG, TPM2_ALG_SHA256);
        (void)run_ok(tcti, &b);
}

static size_t count_handles(TSS2_TCTI_CONTEXT *tcti) {
        static const TPM2_HANDLE ranges[] = { TPM2_LOADED_SESSION_FIRST, TPM2_ACTIVE_SESSION_FIRST,
                                              TPM2_TRANSIENT_FIRST };
        size_t n = 0;

        for (size_t i = 0; i < ELEMENTSOF(ranges); ++i) {
                uint8_t buffer[32];
                Builder b =
                        command(buffer, sizeof(buffer), TPM2_ST_NO_SESSIONS, TPM2_CC_GetCapability);
                uint32_t v = 0;
                Bytes body, head;

                builder_put_u32(&b, ORDER_BIG, TPM2_CAP_HANDLES);
                builder_put_u32(&b, ORDER_BIG, ranges[i]);
                builder_put_u32(&b, ORDER_BIG, 100);
                assert_int_equal(run(tcti, &b, &body), TPM2_RC_SUCCESS);
                assert_true(bytes_take(&body, 5, &head));
                assert_true(bytes_take_u32(&body, ORDER_BIG, &v));
                n += v;
        }
        return n;
}

static void test_left_behind(void **state) {
        TSS2_TCTI_CONTEXT *tcti;

        (void)state;
        for (size_t i = 0; i < 3; ++i) {
                pid_t pid = fork_child();

                if (pid == 0) {
                        tcti = turn_on(tpm_path);
                        save_context(tcti, start_session(tcti, 0));
                        save_context(tcti, start_session(tcti, 1));
                        (void)start_session(tcti, 0);
                        (void)start_session(tcti, 1);
                        (void)start_session(tcti, 3);
                        start_hash(tcti);
                        start_hash(tcti);
                        extend(tcti);
                        _exit(count_handles(tcti) == 7 ? 0 : 1);
                }
                wait_ok(pid);
                tcti = turn_on(tpm_path);
                assert_int_equal(count_handles(tcti), 0);
                assert_extended(tcti, i + 1);
                turn_off(tcti);
        }
}

/* Every line of the record is a command and a response, each as long as it says. */
static size_t count_lines(const char *name) {
        FILE *f = fopen(name, "re");
        static char line[2 * HEX_SIZE(4096) + 1];
        size_t n = 0;

        assert_non_null(f);
        for (; fgets(line, sizeof(line), f); ++n) {
                Bytes in = bytes_of_text(line), part[2], head;
                uint8_t data[4096];
                size_t n_data;
                uint32_t size;

                assert_true(bytes_take_until(&in, ' ', &part[0]));
                assert_true(bytes_take_until(&in, '\n', &part[1]));
                for (size_t i = 0; i < 2; ++i) {
                        assert_int_equal(hex_decode(part[i], data, sizeof(data), &n_data), 0);
                        in = bytes_of(data, n_data);
                        assert_true(bytes_take(&in, 2, &head));
                        assert_true(bytes_take_u32(&in, ORDER_BIG, &size));
                        assert_int_equal(size, n_data);
                }
        }
        assert_int_equal(fclose(f), 0);
        return n;
}

static void test_record(void **state) {
        size_t n_acks = 0, n_lines, n_kills = 0;
        TSS2_TCTI_CONTEXT *tcti;
        char conf[256], name[128];
        unsigned seed = 2;
        FILE *f;

        (void)state;
        (void)snprintf(name, sizeof(name), "%s/rec", tpm_dir);
        (void)snprintf(conf, sizeof(conf), "%s,record=%s", tpm_path, name);
        turn_off(turn_on(conf));
        assert_int_equal(count_lines(name), 0);
        for (; n_kills < 20; ++n_kills)
                n_acks += storm_once(conf, 1000 + rand_r(&seed) % 5000);
        f = fopen(name, "ae");
        assert_non_null(f);
        assert_true(fputs("8001000000", f) >= 0);
        assert_int_equal(fclose(f), 0);
        tcti = turn_on(conf);
        n_lines = count_lines(name);
        assert_true(n_lines >= pcr_count(tcti, &banks[0], n_acks));
        assert_true(n_lines <= n_acks + n_kills);
        assert_int_equal(count_lines(name), n_lines + 1);
        turn_off(tcti);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, tpm_setup, tpm_teardown)
        static const struct CMUnitTest tests[] = {
                TEST(test_kill_after_extend), TEST(test_kill_while_pending), TEST(test_kill_storm),
                TEST(test_one_at_a_time),     TEST(test_left_behind),        TEST(test_record),
        };

        return cmocka_run_group_tests_name("tcti-libtpms-kill", tests, NULL, NULL);
}
