/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-tcti-libtpms.c -- the software TPM of demo and tests: its configuration, its sequence of
 * calls, and what it says of a state that is damaged or cannot be saved.
 */
#include "tcti-bench.h"

#include <openssl/evp.h>
#include <string.h>
#include <tss2/tss2_tctildr.h>

static void test_fresh(void **state) {
        static const char *const confs[] = { NULL, "", ",delay=0", tpm_path };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(confs); ++i) {
                TSS2_TCTI_CONTEXT *tcti = turn_on(confs[i]);

                assert_extended(tcti, 0);
                extend(tcti);
                assert_extended(tcti, 1);
                turn_off(tcti);
        }
}

static void test_conf(void **state) {
        static const struct {
                const char *suffix; /* of the directory */
                TSS2_RC rc;
        } cases[] = {
                { "/tpm", TSS2_RC_SUCCESS },
                { "/tpm,delay=1,record=/dev/null", TSS2_TCTI_RC_IO_ERROR },
                { "/tpm,delay=60000000", TSS2_RC_SUCCESS },
                { "/tpm,delay=60000001", TSS2_TCTI_RC_BAD_VALUE },
                { "/tpm,delay=99999999999999999999", TSS2_TCTI_RC_BAD_VALUE },
                { "/tpm,slow=", TSS2_TCTI_RC_BAD_VALUE },
                { "/tpm,slow=a,slow=b", TSS2_TCTI_RC_BAD_VALUE },
                { "/tpm,delay=", TSS2_TCTI_RC_BAD_VALUE },
                { "/tpm,delay=-1", TSS2_TCTI_RC_BAD_VALUE },
                { "/tpm,delay=1x", TSS2_TCTI_RC_BAD_VALUE },
                { "/tpm,record=", TSS2_TCTI_RC_BAD_VALUE },
                { "/tpm,record", TSS2_TCTI_RC_BAD_VALUE },
                { "/tpm,record=/tmp/a,record=/tmp/b", TSS2_TCTI_RC_BAD_VALUE },
                { "/tpm,,", TSS2_TCTI_RC_BAD_VALUE },
                { "/tpm,colour=red", TSS2_TCTI_RC_BAD_VALUE },
                { "/missing/tpm", TSS2_TCTI_RC_IO_ERROR },
                { "/tpm,record=/nonexistent/record", TSS2_TCTI_RC_IO_ERROR },
                { "", TSS2_TCTI_RC_GENERAL_FAILURE },
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(cases); ++i) {
                TSS2_TCTI_CONTEXT *tcti = NULL;
                char conf[256];

                (void)snprintf(conf, sizeof(conf), "%s%s", tpm_dir, cases[i].suffix);
                assert_int_equal(try_on(conf, &tcti), cases[i].rc);
                if (tcti)
                        turn_off(tcti);
        }
}

static void test_sequence(void **state) {
        TSS2_TCTI_CONTEXT *tcti = turn_on(NULL);
        uint8_t buffer[4097] = {}, response[64];
        Builder b = command(buffer, sizeof(buffer), TPM2_ST_NO_SESSIONS, TPM2_CC_GetRandom);
        size_t n, size = 1;
        Bytes in;

        (void)state;
        builder_put_u16(&b, ORDER_BIG, 8);
        in = finish(&b);
        n = sizeof(response);
        assert_int_equal(Tss2_Tcti_Receive(tcti, &n, response, 0), TSS2_TCTI_RC_BAD_SEQUENCE);
        assert_int_equal(Tss2_Tcti_Transmit(tcti, 0, in.data), TSS2_TCTI_RC_BAD_VALUE);
        assert_int_equal(Tss2_Tcti_Transmit(tcti, sizeof(buffer), buffer), TSS2_TCTI_RC_BAD_VALUE);
        assert_int_equal(Tss2_Tcti_Transmit(tcti, in.n, NULL), TSS2_TCTI_RC_BAD_REFERENCE);
        assert_int_equal(Tss2_Tcti_Transmit(tcti, in.n, in.data), TSS2_RC_SUCCESS);
        assert_int_equal(Tss2_Tcti_Transmit(tcti, in.n, in.data), TSS2_TCTI_RC_BAD_SEQUENCE);
        assert_int_equal(Tss2_Tcti_Receive(tcti, NULL, response, 0), TSS2_TCTI_RC_BAD_REFERENCE);
        n = 0;
        assert_int_equal(Tss2_Tcti_Receive(tcti, &n, NULL, 0), TSS2_RC_SUCCESS);
        assert_int_equal(n, 10 + 2 + 8);
        --n;
        assert_int_equal(Tss2_Tcti_Receive(tcti, &n, response, 0),
                         TSS2_TCTI_RC_INSUFFICIENT_BUFFER);
        assert_int_equal(n, 10 + 2 + 8);
        assert_int_equal(Tss2_Tcti_Receive(tcti, &n, response, 0), TSS2_RC_SUCCESS);
        assert_int_equal(Tss2_Tcti_Receive(tcti, &n, response, 0), TSS2_TCTI_RC_BAD_SEQUENCE);
        assert_int_equal(Tss2_Tcti_Cancel(tcti), TSS2_TCTI_RC_NOT_IMPLEMENTED);
        assert_int_equal(Tss2_Tcti_MakeSticky(tcti, NULL, 0), TSS2_TCTI_RC_NOT_IMPLEMENTED);
        assert_int_equal(Tss2_Tcti_SetLocality(tcti, 0), TSS2_RC_SUCCESS);
        assert_int_equal(Tss2_Tcti_SetLocality(tcti, 3), TSS2_TCTI_RC_NOT_IMPLEMENTED);
        assert_int_equal(Tss2_Tcti_Libtpms_Init(tcti, NULL, NULL), TSS2_TCTI_RC_BAD_REFERENCE);
        assert_int_equal(Tss2_Tcti_Libtpms_Init(tcti, &size, NULL),
                         TSS2_TCTI_RC_INSUFFICIENT_BUFFER);
        turn_off(tcti);
}

/* Commands cut anywhere are the TPM's to refuse, and it goes on. */
static void test_malformed(void **state) {
        TSS2_TCTI_CONTEXT *tcti = turn_on(NULL);
        uint8_t buffer[256], response[64];
        Builder b = extend_command(buffer, sizeof(buffer));
        Bytes in = finish(&b);

        (void)state;
        for (size_t i = 1; i < in.n; ++i) {
                _cleanup_free_ uint8_t *cut = malloc(i);
                size_t n = sizeof(response);

                assert_non_null(cut);
                memcpy(cut, in.data, i);
                assert_int_equal(Tss2_Tcti_Transmit(tcti, i, cut), TSS2_RC_SUCCESS);
                assert_int_equal(Tss2_Tcti_Receive(tcti, &n, response, 0), TSS2_RC_SUCCESS);
                assert_int_equal(n, 10);
        }
        assert_extended(tcti, 0);
        turn_off(tcti);
}

static void assert_damaged(const uint8_t *data, size_t n) {
        TSS2_TCTI_CONTEXT *tcti;

        spew(tpm_path, data, n);
        assert_int_equal(try_on(tpm_path, &tcti), TSS2_TCTI_RC_GENERAL_FAILURE);
}

static void test_damaged(void **state) {
        static uint8_t good[65536], bad[sizeof(good)];
        TSS2_TCTI_CONTEXT *tcti = turn_on(tpm_path);
        size_t n;

        (void)state;
        extend(tcti);
        turn_off(tcti);
        n = slurp(tpm_path, good, sizeof(good));
        memcpy(bad, good, n);
        for (size_t i = 0; i < n; i += i < 64 || i + 64 > n ? 1 : 61) {
                assert_damaged(good, i);
                bad[i] ^= (uint8_t)(1U << i % 8);
                assert_damaged(bad, n);
                bad[i] = good[i];
        }
        assert_damaged(bad, n + 1);
        spew(tpm_path, good, n);
        tcti = turn_on(tpm_path);
        assert_extended(tcti, 1);
        turn_off(tcti);
}

/* The digest is right, but libtpms refuses what is below it: that must not become a new TPM. */
static void test_refused(void **state) {
        static uint8_t good[65536], bad[sizeof(good)];
        TSS2_TCTI_CONTEXT *tcti = turn_on(tpm_path);
        uint32_t n_permanent = 0;
        Bytes head;
        size_t n;

        (void)state;
        extend(tcti);
        turn_off(tcti);
        n = slurp(tpm_path, good, sizeof(good));
        head = bytes_of(good + 12, 4);
        assert_true(bytes_take_u32(&head, ORDER_BIG, &n_permanent));
        for (size_t i = 0; i < 2; ++i) {
                memcpy(bad, good, n);
                bad[22 + i * n_permanent] ^= 0xff; /* in the magic of libtpms */
                assert_int_equal(EVP_Digest(bad, n - 32, bad + n - 32, NULL, EVP_sha256(), NULL),
                                 1);
                assert_damaged(bad, n);
        }
        tcti = turn_on(NULL);
        assert_extended(tcti, 0);
        turn_off(tcti);
        spew(tpm_path, good, n);
        tcti = turn_on(tpm_path);
        assert_extended(tcti, 1);
        turn_off(tcti);
}

static void test_cannot_save(void **state) {
        TSS2_TCTI_CONTEXT *tcti = turn_on(tpm_path);
        uint8_t buffer[256];
        Builder b = extend_command(buffer, sizeof(buffer));
        size_t n = sizeof(buffer);
        char away[80];
        Bytes in = finish(&b);

        (void)state;
        (void)snprintf(away, sizeof(away), "%s-away", tpm_dir);
        assert_int_equal(rename(tpm_dir, away), 0);
        assert_int_equal(Tss2_Tcti_Transmit(tcti, in.n, in.data), TSS2_TCTI_RC_IO_ERROR);
        assert_int_equal(Tss2_Tcti_Receive(tcti, &n, buffer, 0), TSS2_TCTI_RC_BAD_SEQUENCE);
        assert_int_equal(rename(away, tpm_dir), 0);
        assert_extended(tcti, 1);
        turn_off(tcti);
        tcti = turn_on(tpm_path);
        assert_extended(tcti, 1);
        turn_off(tcti);
}

static void test_loaded(void **state) {
        TSS2_TCTI_CONTEXT *tcti = NULL, *other = NULL;
        char conf[128];

        (void)state;
        if (!getenv("LD_LIBRARY_PATH"))
                skip();
        (void)snprintf(conf, sizeof(conf), "libtpms:%s", tpm_path);
        for (size_t i = 0; i < 3; ++i) {
                assert_int_equal(Tss2_TctiLdr_Initialize(conf, &tcti), TSS2_RC_SUCCESS);
                assert_int_equal(Tss2_TctiLdr_Initialize(conf, &other), TSS2_TCTI_RC_TRY_AGAIN);
                /* The one that is linked in shares libtpms with the one that was loaded. */
                assert_int_equal(try_on(NULL, &other), TSS2_TCTI_RC_TRY_AGAIN);
                extend(tcti);
                assert_extended(tcti, i + 1);
                Tss2_TctiLdr_Finalize(&tcti);
        }
        spew(tpm_path, (const uint8_t *)"x", 1);
        assert_int_equal(Tss2_TctiLdr_Initialize(conf, &tcti), TSS2_TCTI_RC_GENERAL_FAILURE);
        (void)snprintf(conf, sizeof(conf), "libtpms:%s/missing/tpm", tpm_dir);
        assert_int_equal(Tss2_TctiLdr_Initialize(conf, &tcti), TSS2_TCTI_RC_IO_ERROR);
        assert_int_equal(Tss2_TctiLdr_Initialize("libtpms", &tcti), TSS2_RC_SUCCESS);
        assert_extended(tcti, 0);
        Tss2_TctiLdr_Finalize(&tcti);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, tpm_setup, tpm_teardown)
        static const struct CMUnitTest tests[] = {
                TEST(test_fresh),       TEST(test_conf),    TEST(test_sequence),
                TEST(test_malformed),   TEST(test_damaged), TEST(test_refused),
                TEST(test_cannot_save), TEST(test_loaded),
        };

        return cmocka_run_group_tests_name("tcti-libtpms", tests, NULL, NULL);
}
