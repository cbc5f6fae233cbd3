/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What each response code means for us, and that it means it on the way through a real request.
 */
#include "fault/bench.h"

#include <string.h>
#include <tss2/tss2_common.h>
#include <tss2/tss2_tpm2_types.h>

#include "tpm/rc.h"

#define TCTI(rest)   (TSS2_TCTI_RC_LAYER | (rest))
#define RESMGR(rest) (TSS2_RESMGR_TPM_RC_LAYER | (rest))

typedef struct Row {
        uint32_t rc;
        TpmOutcome outcome;
} Row;

/* Codes of the TPM, as numbers: the table under test has the names. */
static const Row tpm_rows[] = {
        { 0x000, TPM_DONE },
        { 0x100, TPM_ABSENT }, /* INITIALIZE */
        { 0x101, TPM_FAILED }, /* FAILURE */
        { 0x12d, TPM_FAILED }, /* UPGRADE */
        { 0x130, TPM_FAILED }, /* REBOOT */
        { 0x121, TPM_EXCLUSIVE },
        { 0x143, TPM_REFUSED }, /* COMMAND_CODE */
        { 0x901, TPM_BUSY },    /* CONTEXT_GAP */
        { 0x902, TPM_BUSY },    /* OBJECT_MEMORY */
        { 0x903, TPM_BUSY },    /* SESSION_MEMORY */
        { 0x904, TPM_BUSY },    /* MEMORY */
        { 0x905, TPM_BUSY },    /* SESSION_HANDLES */
        { 0x906, TPM_BUSY },    /* OBJECT_HANDLES */
        { 0x907, TPM_REFUSED }, /* LOCALITY */
        { 0x908, TPM_BUSY },    /* YIELDED */
        { 0x909, TPM_BUSY },    /* CANCELED */
        { 0x90a, TPM_BUSY },    /* TESTING */
        { 0x920, TPM_LATER },   /* NV_RATE */
        { 0x921, TPM_LATER },   /* LOCKOUT */
        { 0x922, TPM_BUSY },    /* RETRY */
        { 0x923, TPM_LATER },   /* NV_UNAVAILABLE */
        { 0x918, TPM_SESSION_LOST },
        { 0x919, TPM_SESSION_LOST },
        /* The TPM speaks of a session that it does not have, or of other nonces. */
        { 0x9a2, TPM_SESSION_LOST },
        { 0xaa2, TPM_SESSION_LOST },
        { 0xfa2, TPM_SESSION_LOST },
        { 0x98e, TPM_SESSION_LOST },
        { 0xa8e, TPM_SESSION_LOST },
        { 0x98b, TPM_SESSION_LOST },
        { 0x98f, TPM_SESSION_LOST },
        /* The same of a parameter, of a handle, of a bare code: of a PCR, not of the session. */
        { 0x1e2, TPM_REFUSED },
        { 0x1ce, TPM_REFUSED },
        { 0x18b, TPM_REFUSED },
        { 0x1cf, TPM_REFUSED },
        { 0x0a2, TPM_REFUSED },
        { 0x08e, TPM_REFUSED },
        /* A fault of the command. */
        { 0x1c3, TPM_REFUSED }, /* HASH, parameter 1 */
        { 0x2c3, TPM_REFUSED },
        { 0xfc3, TPM_REFUSED },
        { 0x083, TPM_REFUSED },
        { 0x184, TPM_REFUSED }, /* VALUE, handle 1 */
        { 0x1c4, TPM_REFUSED },
        { 0x084, TPM_REFUSED },
        { 0x1d5, TPM_REFUSED }, /* SIZE, parameter 1 */
        { 0x095, TPM_REFUSED },
        { 0x982, TPM_REFUSED }, /* ATTRIBUTES, session 1 */
        { 0x1da, TPM_REFUSED }, /* INSUFFICIENT: not in the table */
        { 0x0bf, TPM_REFUSED },
        /* No such code, or none for us. */
        { 0x001, TPM_UNKNOWN },
        { 0x01e, TPM_UNKNOWN }, /* TPM 1.2: BAD_TAG */
        { 0x17f, TPM_UNKNOWN },
        { 0x97f, TPM_UNKNOWN },
        { 0x910, TPM_UNKNOWN }, /* REFERENCE_H0 */
        { 0x500, TPM_UNKNOWN }, /* a vendor's */
};

/* Codes of the layers between. */
static const Row layer_rows[] = {
        { TCTI(TSS2_BASE_RC_NO_CONNECTION), TPM_ABSENT },
        { TCTI(TSS2_BASE_RC_IO_ERROR), TPM_UNKNOWN },
        { TCTI(TSS2_BASE_RC_GENERAL_FAILURE), TPM_UNKNOWN },
        { TCTI(TSS2_BASE_RC_MALFORMED_RESPONSE), TPM_UNKNOWN },
        { TCTI(TSS2_BASE_RC_INSUFFICIENT_BUFFER), TPM_UNKNOWN },
        { TCTI(TSS2_BASE_RC_BAD_SEQUENCE), TPM_UNKNOWN },
        { TCTI(TSS2_BASE_RC_NOT_PERMITTED), TPM_UNKNOWN },
        { TCTI(TSS2_BASE_RC_TRY_AGAIN), TPM_UNKNOWN },
        { TCTI(0x100), TPM_UNKNOWN },
        { TCTI(0x121), TPM_UNKNOWN },
        { TSS2_SYS_RC_LAYER | TSS2_BASE_RC_MALFORMED_RESPONSE, TPM_UNKNOWN },
        { TSS2_SYS_RC_LAYER | TSS2_BASE_RC_NO_CONNECTION, TPM_UNKNOWN },
        { TSS2_SYS_RC_LAYER | 0x121, TPM_UNKNOWN },
        { TSS2_ESAPI_RC_LAYER | 0x922, TPM_UNKNOWN },
        { TSS2_FEATURE_RC_LAYER | 0x121, TPM_UNKNOWN },
        { TSS2_RESMGR_RC_LAYER | TSS2_BASE_RC_NOT_PERMITTED, TPM_UNKNOWN },
        { TSS2_RESMGR_RC_LAYER | 0x121, TPM_UNKNOWN },
        { 0x00ff0000, TPM_UNKNOWN },
        { UINT32_MAX, TPM_UNKNOWN },
};

static void test_tpm(void **state) {
        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(tpm_rows); ++i) {
                const Row *row = &tpm_rows[i];

                CHECK(rc_outcome(row->rc) == row->outcome, "0x%03x is %d\n", row->rc,
                      (int)rc_outcome(row->rc));
                if (row->rc == 0)
                        continue;
                /* A manager in between says the same for the TPM. */
                CHECK(rc_outcome(RESMGR(row->rc)) == row->outcome, "0x%08x is %d\n",
                      RESMGR(row->rc), (int)rc_outcome(RESMGR(row->rc)));
        }
}

static void test_layers(void **state) {
        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(layer_rows); ++i)
                CHECK(rc_outcome(layer_rows[i].rc) == layer_rows[i].outcome, "0x%08x is %d\n",
                      layer_rows[i].rc, (int)rc_outcome(layer_rows[i].rc));
}

/* Of the TPM, one code says that it was done, and one that it refused because of somebody else. */
static void test_only_one_is_done(void **state) {
        (void)state;
        for (uint32_t layer = 0; layer <= 0xff; ++layer)
                for (uint32_t rest = 0; rest <= 0xffff; ++rest) {
                        uint32_t rc = layer << 16 | rest;
                        bool is_manager = layer == TSS2_RESMGR_TPM_RC_LAYER >> 16;
                        bool is_tpm = layer == 0 || is_manager;
                        TpmOutcome outcome = rc_outcome(rc);

                        if (!is_manager || rest != 0)
                                CHECK((outcome == TPM_DONE) == (rc == 0), "0x%x\n", rc);
                        CHECK((outcome == TPM_EXCLUSIVE) == (is_tpm && rest == 0x121), "0x%x\n",
                              rc);
                        CHECK(outcome < _TPM_OUTCOME_N, "0x%x\n", rc);
                }
}

static void test_try_again(void **state) {
        (void)state;
        assert_true(rc_is_try_again(TSS2_TCTI_RC_TRY_AGAIN));
        assert_true(rc_is_try_again(TSS2_SYS_RC_LAYER | TSS2_BASE_RC_TRY_AGAIN));
        assert_true(rc_is_try_again(TSS2_RESMGR_RC_LAYER | TSS2_BASE_RC_TRY_AGAIN));
        assert_false(rc_is_try_again(0));
        /* RETRY is an answer: it is not to be waited for, and the command not to be resent. */
        assert_false(rc_is_try_again(TPM2_RC_RETRY));
        assert_false(rc_is_try_again(TSS2_BASE_RC_TRY_AGAIN));
        assert_false(rc_is_try_again(TSS2_TCTI_RC_IO_ERROR));
}

static void test_text(void **state) {
        static const struct {
                uint32_t rc;
                const char *text;
        } rows[] = {
                { 0x121, "TPM_RC_EXCLUSIVE (0x121)" },
                { 0x922, "TPM_RC_RETRY (0x922)" },
                { 0x9a2, "TPM_RC_BAD_AUTH (0x9a2)" },
                { 0x1c3, "TPM_RC_HASH (0x1c3)" },
                { 0x000a000a, "transport: it cannot be opened, read or written (0x000a000a)" },
                { 0x000c0922, "response code 0x000c0922" },
                { UINT32_MAX, "response code 0xffffffff" },
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                _cleanup_free_ char *text = malloc(RC_TEXT_SIZE);

                assert_non_null(text);
                rc_text(rows[i].rc, text, RC_TEXT_SIZE);
                assert_string_equal(text, rows[i].text);
        }
        for (uint32_t rc = 0; rc <= 0xfff; ++rc) {
                _cleanup_free_ char *text = malloc(RC_TEXT_SIZE);

                rc_text(rc, text, RC_TEXT_SIZE);
                CHECK(strlen(text) < RC_TEXT_SIZE - 1, "0x%x is cut\n", rc);
        }
}

/* Each code as the answer to each command of an extend: the outcome comes through. */
static void test_through_a_request(void **state) {
        const DigestSet digests = bench_digests(1);
        DigestSet expected = {}, values;
        Bench *b = *state;

        for (size_t i = 0; i < ELEMENTSOF(tpm_rows); ++i) {
                const Row *row = &tpm_rows[i];
                const HookRule rule = { .act = HOOK_ANSWER, .rc = row->rc };

                if (row->rc == 0)
                        continue;
                assert_int_equal(bench_read(b, 10, true), TPM_DONE);
                hook_next(&b->hook, rule);
                CHECK(bench_extend(b, 10, &digests) == row->outcome, "0x%03x\n", row->rc);
                assert_int_equal(b->reply.rc, row->rc);
                (void)bench_plain(b, TPM_REQUEST_FLUSH);
                assert_int_equal(bench_read(b, 10, true), TPM_DONE);
                hook_next(&b->hook, rule);
                CHECK(bench_read(b, 10, false) == row->outcome, "0x%03x\n", row->rc);
                (void)bench_plain(b, TPM_REQUEST_FLUSH);
                hook_next(&b->hook, rule);
                CHECK(bench_read(b, 10, true) == row->outcome, "0x%03x\n", row->rc);
                assert_int_equal(hook_last(&b->hook)->code, TPM2_CC_StartAuthSession);
        }
        (void)bench_look(b, 10, &values);
        assert_values_equal(&values, &expected);
}

/* reliability.md, 3: with LOCALITY, HASH, SIZE and VALUE it is not to be tried again. */
static void test_pcr(void **state) {
        (void)state;
        assert_int_equal(rc_outcome(TPM2_RC_PCR), TPM_REFUSED);
}

/*
 * "Success, says the manager's TPM" is no code that anything gives. As an answer it has no HMAC:
 * whoever turns over two bits of a response code must not make an extend of it.
 */
static void test_success_of_a_layer(void **state) {
        const HookRule rule = { .act = HOOK_ANSWER, .rc = RESMGR(0) };
        const DigestSet digests = bench_digests(1);
        Bench *b = *state;

        assert_int_equal(bench_read(b, 10, true), TPM_DONE);
        hook_next(&b->hook, rule);
        assert_int_not_equal(bench_extend(b, 10, &digests), TPM_DONE);
        assert_int_equal(bench_read(b, 10, true), TPM_DONE);
        hook_next(&b->hook, rule);
        assert_int_not_equal(bench_read(b, 10, true), TPM_DONE);
}

/* A TPM, or who speaks for it, that answers with codes which only layers of ours may use. */
static void test_foreign_layers(void **state) {
        static const uint32_t layers[] = {
                TSS2_TCTI_RC_LAYER, TSS2_SYS_RC_LAYER,    TSS2_ESAPI_RC_LAYER,
                0x00ff0000,         TSS2_RESMGR_RC_LAYER,
        };
        const DigestSet digests = bench_digests(1);
        Bench *b = *state;

        for (size_t i = 0; i < ELEMENTSOF(layers); ++i)
                for (uint32_t rest = 0; rest < 0x20; ++rest) {
                        TpmOutcome outcome;

                        assert_int_equal(bench_read(b, 10, true), TPM_DONE);
                        hook_next(&b->hook, (HookRule){ .act = HOOK_LIE, .rc = layers[i] | rest });
                        outcome = bench_extend(b, 10, &digests);
                        CHECK(outcome == TPM_UNKNOWN || outcome == TPM_ABSENT, "0x%08x is %d\n",
                              layers[i] | rest, (int)outcome);
                        /* Whatever it was: nobody knows whether it was executed. */
                        assert_int_equal(bench_extend(b, 10, &digests), TPM_SESSION_LOST);
                        (void)bench_plain(b, TPM_REQUEST_FLUSH);
                }
}

#define case_of(test) cmocka_unit_test_setup_teardown(test, bench_open, bench_close)

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_tpm),
                cmocka_unit_test(test_layers),
                cmocka_unit_test(test_only_one_is_done),
                cmocka_unit_test(test_try_again),
                cmocka_unit_test(test_text),
                case_of(test_through_a_request),
                case_of(test_foreign_layers),
                cmocka_unit_test(test_pcr),
                case_of(test_success_of_a_layer),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
