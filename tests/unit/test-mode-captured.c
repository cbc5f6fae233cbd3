/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-mode-captured.c -- what is decided of the captured lists, against what the manifest says who
 * extended.
 */
#include "fixture.h"

#include <string.h>

#include "captured.h"
#include "core/mode.h"

#define IS(m, r)                                                                                   \
        { MODE_##m, MODE_REASON_##r }

/* Where doubt wins over the truth: who extended is told only by more than these facts. */
static const struct {
        const char *name;
        ModeVerdict verdict;
} doubts[] = {
        /* the kernel extends, but has no bank from which it could make a boot_aggregate */
        { "k7.3-tpm-sha384only", IS(MIXED, BANK_LISTS_PRESENT) },
        /* lists of which the first records were trimmed */
        { "k7.3-tpm-trim", IS(MIXED, FIRST_RECORD_FOREIGN) },
        { "own-tpm-staging", IS(MIXED, FIRST_RECORD_FOREIGN) },
        { "own-tpm-staging-before-trim", IS(MIXED, FIRST_RECORD_FOREIGN) },
        { "own-tpm-staging-current-while-staged", IS(MIXED, FIRST_RECORD_FOREIGN) },
        /* kexec from a kernel in bypass to one with a TPM, and the other way round */
        { "own-mixed-bypass-then-tpm", IS(MIXED, BANK_LISTS_PRESENT) },
        { "own-mixed-tpm-then-bypass", IS(MIXED, LIST_INHERITED) },
};

static void look_at_files(const Captured *manifest, ModeFacts *facts) {
        mode_look_at_file("binary_runtime_measurements", facts);
        mode_look_at_file("runtime_measurements_count", facts);
        if (manifest->staged)
                mode_look_at_file("binary_runtime_measurements_staged", facts);
        FOREACH_BANK(alg, manifest->files) {
                char name[64];

                (void)snprintf(name, sizeof(name), "binary_runtime_measurements_%s",
                               digest_name(alg));
                mode_look_at_file(name, facts);
                if (!manifest->staged)
                        continue;
                (void)snprintf(name, sizeof(name), "binary_runtime_measurements_%s_staged",
                               digest_name(alg));
                mode_look_at_file(name, facts);
        }
}

static void look_at_list(const CapturedList *list, void *context) {
        const Captured *m = list->manifest;
        ModeFacts facts = { .kexec_inherits = true };
        const ModeVerdict *expected = NULL;
        size_t *n_lists = context;
        Hashers h = {};
        DigestAlg alg;
        MlistForm form;
        MlistRecord record;
        MlistError error;
        TemplateSubject s;
        ModeVerdict v;
        Bytes in = list->data;

        if (!m || m->files == CAPTURED_UNTOLD || m->banks == 0)
                return;
        ROW(list->file);
        ++*n_lists;
        assert_int_equal(hashers_open(&h, BANK(list->alg), &alg), 0);
        assert_int_equal(mlist_detect(in, list->alg, &form, &error), 0);
        for (size_t n = 0; in.n > 0; ++n) {
                assert_int_equal(mlist_parse(&in, &form, h.of[list->alg], &record, &error), 0);
                if (n == 0)
                        mode_look_at_record(&record, form.order, &facts);
                else if (!record.is_violation && template_subject(&record, form.order, &s) == 0 &&
                         mode_is_boot_aggregate(s.name))
                        facts.later_boot_aggregate = true;
        }
        hashers_close(&h);
        look_at_files(m, &facts);
        facts.banks_known = true;
        facts.banks = m->banks;
        facts.bank_other_than_sha1 = (m->banks & ~BANK(DIGEST_SHA1)) != 0;
        v = mode_decide(&facts);
        for (size_t i = 0; i < ELEMENTSOF(doubts); ++i)
                if (strcmp(doubts[i].name, m->name) == 0)
                        expected = &doubts[i].verdict;
        assert_string_equal(mode_name(v.mode), mode_name(expected ? expected->mode : m->mode));
        if (expected)
                assert_string_equal(mode_reason_name(v.reason), mode_reason_name(expected->reason));
        /* Whatever else: never bypass where a kernel extended. */
        assert_true(v.mode != MODE_BYPASS || m->mode == MODE_BYPASS);
}

static void test_captured(void **state) {
        size_t n_lists = 0;

        (void)state;
        (void)captured_each(look_at_list, &n_lists);
        assert_true(n_lists > 100);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_captured),
        };

        return cmocka_run_group_tests_name("mode-captured", tests, NULL, NULL) != 0;
}
