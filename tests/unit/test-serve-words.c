/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-serve-words.c -- a status in the words of org.imareplay.status: each state with each verdict
 * that it can have, what is left out, and what must be escaped.
 */
#include "fixture.h"

#include <string.h>

#include "daemon/serve-words.h"
#include "varlink/idl.h"

static Status nothing(void) {
        Status s = {};

        memset(s.boot_id, '0', BOOT_ID_SIZE - 1);
        assert_true(status_is_sound(&s));
        return s;
}

/* Freed by the caller. */
static char *words(const Status *s, uint64_t age_usec) {
        _cleanup_(json_dropp) Json *map = NULL;
        _cleanup_fclose_ FILE *f = NULL;
        char *text = NULL;
        size_t n = 0;

        assert_true(status_is_sound(s));
        assert_int_equal(serve_words_of(s, age_usec, &map), 0);
        f = open_memstream(&text, &n);
        assert_non_null(f);
        assert_int_equal(json_print(f, map, JSON_SHORT), 0);
        assert_int_equal(fclose(TAKE(f)), 0);
        text[n - 1] = '\0'; /* the newline */
        return text;
}

static void check_has(const char *text, const char *part) {
        CHECK(strstr(text, part), "%s is not in %s\n", part, text);
}

static void check_hasnt(const char *text, const char *part) {
        CHECK(!strstr(text, part), "%s is in %s\n", part, text);
}

#define EMPTY                                                                                      \
        "\"measured\":0,\"extended\":0,\"violations\":0,\"refused\":0,\"foreign\":0,\"trimmed\":"  \
        "0,\"gate\":[],\"banks\":[],\"lag\":{\"records\":0,\"ageUSec\":0},\"spool\":{"             \
        "\"records\":0,\"size\":0,\"limit\":0,\"writable\":false}}"

static void test_nothing(void **state) {
        _cleanup_free_ char *text = NULL;
        Status s = nothing();

        (void)state;
        text = words(&s, 5);
        assert_string_equal(text, "{\"bootId\":\"00000000000000000000000000000000\",\"verdict\":"
                                  "\"pending\",\"mode\":\"undecided\",\"state\":\"init\","
                                  "\"stateUSec\":0," EMPTY);
}

/* The README's "Verdict from state". */
static const struct {
        PlanState state;
        PlanReason reason;
        ModeReason mode_reason;
        PlanVerdict verdict;
        const char *want;
} rows[] = {
#define ROW_OF(s, r, m, v, text)                                                                   \
        { PLAN_##s, PLAN_REASON_##r, MODE_REASON_##m, PLAN_VERDICT_##v, text }
        ROW_OF(INIT, NONE, NONE, PENDING, "\"pending\" \"init\""),
        ROW_OF(WAIT_LIST, IMA_ABSENT, NONE, NO_IMA, "\"no_ima\" \"wait_list\" \"ima_absent\""),
        ROW_OF(WAIT_LIST, LIST_EMPTY, NONE, PENDING, "\"pending\" \"wait_list\" \"list_empty\""),
        ROW_OF(WAIT_LIST, LIST_UNREADABLE, NONE, PENDING,
               "\"pending\" \"wait_list\" \"list_unreadable\""),
        ROW_OF(DECIDE, NONE, NONE, PENDING, "\"pending\" \"decide\""),
        ROW_OF(WAIT_TPM, GATE_WAIT, NONE, PENDING, "\"pending\" \"wait_tpm\" \"gate_wait\""),
        ROW_OF(WAIT_TPM, GATE_NEVER, NONE, FAILED, "\"failed\" \"wait_tpm\" \"gate_never\""),
        ROW_OF(WAIT_TPM, PKVM_FAILED, NONE, FAILED, "\"failed\" \"wait_tpm\" \"pkvm_failed\""),
        ROW_OF(WAIT_TPM, TPM_UNAVAILABLE, NONE, PENDING,
               "\"pending\" \"wait_tpm\" \"tpm_unavailable\""),
        ROW_OF(BACKOFF, TPM_BUSY, BOOT_AGGREGATE_ZERO, PENDING,
               "\"pending\" \"backoff\" \"tpm_busy\""),
        ROW_OF(BACKOFF, TPM_CONTENDED, NONE, PENDING, "\"pending\" \"backoff\" \"tpm_contended\""),
        ROW_OF(SEARCH, NONE, BOOT_AGGREGATE_ZERO, PENDING, "\"pending\" \"search\""),
        ROW_OF(SEARCH, NONE, BOOT_AGGREGATE_ZERO, EXTENDED, "\"extended\" \"search\""),
        ROW_OF(CATCH_UP, NONE, BOOT_AGGREGATE_ZERO, PENDING, "\"pending\" \"catch_up\""),
        ROW_OF(FOLLOW, NONE, BOOT_AGGREGATE_ZERO, EXTENDED, "\"extended\" \"follow\""),
        ROW_OF(UNKNOWN, OUTCOME_UNKNOWN, NONE, PENDING,
               "\"pending\" \"unknown\" \"outcome_unknown\""),
        ROW_OF(UNKNOWN, OUTCOME_UNKNOWN, NONE, EXTENDED,
               "\"extended\" \"unknown\" \"outcome_unknown\""),
        ROW_OF(TPM_FAILED, TPM_FAILURE_MODE, NONE, PENDING,
               "\"pending\" \"tpm_failed\" \"tpm_failure_mode\""),
        ROW_OF(TPM_FAILED, NO_PROGRESS, NONE, PENDING,
               "\"pending\" \"tpm_failed\" \"no_progress\""),
        ROW_OF(TPM_FAILED, TAMPER_SUSPECTED, NONE, PENDING,
               "\"pending\" \"tpm_failed\" \"tamper_suspected\""),
        ROW_OF(TPM_FAILED, TPM_REFUSED, NONE, FAILED, "\"failed\" \"tpm_failed\" \"tpm_refused\""),
        ROW_OF(KERNEL_OWNS, MODE, BOOT_AGGREGATE_SET, KERNEL,
               "\"kernel\" \"kernel_owns\" \"boot_aggregate_set\""),
        ROW_OF(KERNEL_OWNS, FOREIGN_EXTEND, BOOT_AGGREGATE_SET, FAILED,
               "\"failed\" \"kernel_owns\" \"foreign_extend\""),
        ROW_OF(MIXED, MODE, BANK_LISTS_PRESENT, FAILED,
               "\"failed\" \"mixed\" \"bank_lists_present\""),
        ROW_OF(MIXED, MODE, LIST_INHERITED, FAILED, "\"failed\" \"mixed\" \"list_inherited\""),
        ROW_OF(TPM_RESET, RESET_COUNT_CHANGED, NONE, FAILED,
               "\"failed\" \"tpm_reset\" \"reset_count_changed\""),
        ROW_OF(SPLIT_BANKS, BANKS_DIFFER, NONE, FAILED,
               "\"failed\" \"split_banks\" \"banks_differ\""),
        ROW_OF(DIVERGED, FOREIGN_EXTEND, NONE, FAILED,
               "\"failed\" \"diverged\" \"foreign_extend\""),
        ROW_OF(LIST_BROKEN, RECORD_MALFORMED, NONE, FAILED,
               "\"failed\" \"list_broken\" \"record_malformed\""),
        ROW_OF(LIST_TRIMMED, RECORDS_GONE, NONE, FAILED,
               "\"failed\" \"list_trimmed\" \"records_gone\""),
        ROW_OF(BANK_UNSUPPORTED, BANK_ALGORITHM, NONE, FAILED,
               "\"failed\" \"bank_unsupported\" \"bank_algorithm\""),
};

static void test_states(void **state) {
        uint64_t seen = 0;

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                _cleanup_free_ char *text = NULL;
                Status s = nothing();
                char part[64];

                ROW(rows[i].want);
                seen |= UINT64_C(1) << rows[i].state;
                s.state = rows[i].state;
                s.reason = rows[i].reason;
                s.mode_reason = rows[i].mode_reason;
                s.verdict = rows[i].verdict;
                text = words(&s, 0);
                /* Verdict, state and reason, as they stand in the document. */
                (void)snprintf(part, sizeof(part), "\"verdict\":%.*s",
                               (int)strcspn(rows[i].want, " "), rows[i].want);
                check_has(text, part);
                (void)snprintf(part, sizeof(part), "\"state\":\"%s\"", plan_state_name(s.state));
                check_has(text, part);
                assert_non_null(strstr(rows[i].want, plan_state_name(s.state)));
                if (rows[i].reason == PLAN_REASON_NONE) {
                        check_hasnt(text, "\"reason\"");
                        continue;
                }
                (void)snprintf(part, sizeof(part), "\"reason\":%s", strrchr(rows[i].want, ' ') + 1);
                check_has(text, part);
        }
        assert_true(seen == (UINT64_C(1) << _PLAN_STATE_N) - 1);
}

static Status everything(void) {
        Status s = nothing();
        StatusPcr *p = &s.pcr[0];

        s.verdict = PLAN_VERDICT_EXTENDED;
        s.mode = MODE_BYPASS;
        s.mode_reason = MODE_REASON_BOOT_AGGREGATE_ZERO;
        s.state = PLAN_FOLLOW;
        s.state_usec = 9;
        s.n_measured = 12;
        s.n_extended = 11;
        s.n_violations = 1;
        s.n_refused = 2;
        s.n_foreign = 3;
        s.n_trimmed = 4;
        (void)snprintf(s.device, sizeof(s.device), "/dev/tpmrm0");
        (void)snprintf(s.driver, sizeof(s.driver), "tpm_crb");
        s.has_tpm = s.is_guarded = 1;
        s.reset_count = 5;
        s.restart_count = 6;
        s.gate[GATE_PKVM] = (StatusGate){ .is_judged = 1, .readiness = GATE_NOT_NEEDED };
        s.gate[GATE_FFA] = (StatusGate){ 1, GATE_WAITING, ADVICE_FFA_FIRST, PART_NONE, 0 };
        s.gate[GATE_TPM] = (StatusGate){ 1, GATE_READY, ADVICE_NONE, PART_NONE, 7 };
        s.lag = (LagFigures){ 1, 100, 2, 3, 4, 5 };
        s.backlog_start_usec = 20;
        s.backlog_done_usec = 30;
        s.n_backlog = 8;
        s.last_extend_usec = 40;
        s.spool_n_records = 10;
        s.spool_size = 1000;
        s.spool_limit = 2000;
        s.spool_is_writable = 1;
        s.main_pcr = 10;
        s.n_pcrs = 2;
        *p = (StatusPcr){ .pcr = 10,
                          .chain = CHAIN_HELD,
                          .banks = BANK(DIGEST_SHA1) | BANK(DIGEST_SHA256),
                          .has_value = 1,
                          .is_held = 1,
                          .n_records = 9,
                          .n_held = 9,
                          .n_verified = 11 };
        digest_fill(DIGEST_SHA1, 0xab, &p->value.of[DIGEST_SHA1]);
        digest_fill(DIGEST_SHA256, 0xcd, &p->value.of[DIGEST_SHA256]);
        s.pcr[1] = (StatusPcr){ .pcr = 11, .chain = CHAIN_UNREAD, .banks = BANK(DIGEST_SHA1) };
        return s;
}

static void test_everything(void **state) {
        static const char *const parts[] = {
                "\"stateUSec\":9,\"measured\":12,\"extended\":11,\"violations\":1,\"refused\":2,"
                "\"foreign\":3,\"trimmed\":4,",
                "\"gate\":[{\"name\":\"pkvm\",\"readiness\":\"not_needed\"},{\"name\":\"ffa\","
                "\"readiness\":\"waiting\",\"hint\":\"",
                "{\"name\":\"tpm\",\"readiness\":\"ready\",\"readyUSec\":7}]",
                "\"tpm\":{\"device\":\"/dev/tpmrm0\",\"driver\":\"tpm_crb\",\"software\":false,"
                "\"compareAndSwap\":true,\"resetCount\":5,\"restartCount\":6}",
                "\"banks\":[{\"pcr\":10,\"algorithm\":\"sha1\",\"value\":\"abababababababababababab"
                "abababababababab\",\"verified\":11},{\"pcr\":10,\"algorithm\":\"sha256\",",
                "{\"pcr\":11,\"algorithm\":\"sha1\"}]",
                "\"lag\":{\"records\":1,\"ageUSec\":150,\"p50USec\":3,\"p99USec\":4,\"maxUSec\":5}",
                "\"backlog\":{\"records\":8,\"startUSec\":20,\"doneUSec\":30},"
                "\"lastExtendUSec\":40,\"spool\":{\"records\":10,\"size\":1000,\"limit\":2000,"
                "\"writable\":true}}",
        };
        _cleanup_free_ char *text = NULL;
        Status s = everything();

        (void)state;
        text = words(&s, 50);
        for (size_t i = 0; i < ELEMENTSOF(parts); ++i)
                check_has(text, parts[i]);
        check_hasnt(text, "tee_supplicant"); /* not judged */
        check_hasnt(text, "\"message\"");
}

/* What nobody holds is still shown, and never as verified. */
static void test_left_out(void **state) {
        _cleanup_free_ char *diverged = NULL, *early = NULL, *quiet = NULL;
        Status s = everything();

        (void)state;
        s.state = PLAN_DIVERGED;
        s.pcr[0].is_held = 0;
        s.pcr[0].n_verified = 0;
        s.backlog_done_usec = 0;
        diverged = words(&s, 0);
        check_has(diverged, "\"abababababababababababababababababababab\"},");
        check_hasnt(diverged, "\"verified\"");
        check_has(diverged, "\"backlog\":{\"records\":12,\"startUSec\":20},");
        s.has_tpm = 0;
        s.backlog_start_usec = 0;
        s.last_extend_usec = 0;
        early = words(&s, 0);
        check_has(early, "\"banks\":[]");
        check_hasnt(early, "\"tpm\":");
        check_hasnt(early, "\"backlog\"");
        check_hasnt(early, "\"lastExtendUSec\"");
        s.lag = (LagFigures){};
        quiet = words(&s, 50);
        check_has(quiet, "\"lag\":{\"records\":0,\"ageUSec\":0}");
}

static void test_escaped(void **state) {
        _cleanup_free_ char *text = NULL;
        Status s = everything();

        (void)state;
        (void)snprintf(s.text, sizeof(s.text), "a\x1b[31m\n\xe2\x80\xae\"\xff\\");
        (void)snprintf(s.device, sizeof(s.device), "device:\t/dev/\xc2\x9b");
        (void)snprintf(s.driver, sizeof(s.driver), "\x07");
        text = words(&s, 0);
        /* A backslash in the text is two in JSON. */
        check_has(text,
                  "\"message\":\"a\\\\x1b[31m\\\\x0a\\\\xe2\\\\x80\\\\xae\\\"\\\\xff\\\\x5c\"");
        check_has(text, "\"device\":\"device:\\\\x09/dev/\\\\xc2\\\\x9b\"");
        check_has(text, "\"driver\":\"\\\\x07\"");
        for (const char *c = text; *c; ++c)
                CHECK((*c >= ' ' && *c <= '~') || *c < 0, "a control byte\n");
}

/* Is it a value of this enumeration of the interface? */
static void check_named(const char *type, const char *name) {
        char head[32], line[64];
        const char *from, *to, *at;

        (void)snprintf(head, sizeof(head), "type %s(\n", type);
        (void)snprintf(line, sizeof(line), "\n\t%s", name);
        from = strstr(varlink_idl_status, head);
        assert_non_null(from);
        to = strstr(from, "\n)");
        assert_non_null(to);
        at = strstr(from, line);
        while (at && at < to && at[strlen(line)] != ',' && at[strlen(line)] != '\n')
                at = strstr(at + 1, line);
        CHECK(at && at < to, "%s is no %s\n", name, type);
}

static void test_interface(void **state) {
        (void)state;
        for (PlanVerdict v = 0; v < _PLAN_VERDICT_N; ++v)
                check_named("Verdict", serve_verdict_name(v));
        for (Mode m = 0; m < _MODE_N; ++m)
                check_named("Mode", mode_name(m));
        for (PlanState p = 0; p < _PLAN_STATE_N; ++p)
                check_named("State", plan_state_name(p));
        for (PlanReason r = 0; r < _PLAN_REASON_N; ++r)
                for (ModeReason m = 0; m < _MODE_REASON_N; ++m) {
                        Status s = { .reason = r, .mode_reason = m };

                        if (serve_reason_name(&s))
                                check_named("Reason", serve_reason_name(&s));
                }
        for (GateThing g = 0; g < _GATE_THING_N; ++g) {
                char line[64];

                (void)snprintf(line, sizeof(line), "\n\t\t%s", gate_thing_name(g));
                check_has(varlink_idl_status, line);
        }
        for (GateReadiness g = 0; g < _GATE_READINESS_N; ++g) {
                char line[64];

                (void)snprintf(line, sizeof(line), "\n\t\t%s", gate_readiness_name(g));
                check_has(varlink_idl_status, line);
        }
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_nothing),    cmocka_unit_test(test_states),
                cmocka_unit_test(test_everything), cmocka_unit_test(test_left_out),
                cmocka_unit_test(test_escaped),    cmocka_unit_test(test_interface),
        };

        return cmocka_run_group_tests_name("serve-words", tests, NULL, NULL) != 0;
}
