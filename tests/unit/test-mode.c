/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-mode.c -- who extends: rule I1 begins here.
 *
 * The table of DESIGN section 4 is here twice: as rows with their traps, and as a function that is
 * asked for every combination of facts.
 */
#include "fixture.h"

#include <string.h>

#include "core/mode.h"

enum {
        S1 = BANK(DIGEST_SHA1),
        S256 = BANK(DIGEST_SHA256),
        S384 = BANK(DIGEST_SHA384),
        S512 = BANK(DIGEST_SHA512),
        SM3 = BANK(DIGEST_SM3_256),
};

#define BANKS(mask)                                                                                \
        .banks_known = true, .banks = (mask), .bank_other_than_sha1 = ((mask) & ~S1) != 0
#define HASH(alg)   .ima_hash_known = true, .ima_hash = (alg)
#define LATER       .later_boot_aggregate = true
#define LATER_KEXEC .later_boot_aggregate = true, .kexec_inherits = true
#define OTHER       .record = MODE_RECORD_OTHER
#define ZERO        .record = MODE_RECORD_ZERO
#define SET         .record = MODE_RECORD_SET
#define NO_LISTS    .lists = MODE_LISTS_NONE
#define SHA1_LIST   .lists = MODE_LISTS_SHA1
#define MORE_LISTS  .lists = MODE_LISTS_MORE
#define IS(m, r)                                                                                   \
        { MODE_##m, MODE_REASON_##r }

static const struct {
        const char *row;
        ModeFacts facts;
        ModeVerdict verdict;
} decisions[] = {
        { "foreign, no lists", { OTHER, NO_LISTS }, IS(MIXED, FIRST_RECORD_FOREIGN) },
        { "foreign, sha1's list, all banks",
          { OTHER, SHA1_LIST, BANKS(S1 | S256) },
          IS(MIXED, FIRST_RECORD_FOREIGN) },
        { "foreign, more lists", { OTHER, MORE_LISTS }, IS(MIXED, FIRST_RECORD_FOREIGN) },

        { "set, more lists", { SET, MORE_LISTS }, IS(KERNEL, BOOT_AGGREGATE_SET) },
        { "set, more lists, banks",
          { SET, MORE_LISTS, BANKS(S1 | S256) },
          IS(KERNEL, BOOT_AGGREGATE_SET) },
        { "set, no lists", { SET, NO_LISTS }, IS(KERNEL, BOOT_AGGREGATE_SET) },
        { "set, no lists, banks",
          { SET, NO_LISTS, BANKS(S1 | S256) },
          IS(KERNEL, BOOT_AGGREGATE_SET) },
        { "set, no lists, a later one by kexec",
          { SET, NO_LISTS, LATER_KEXEC },
          IS(KERNEL, BOOT_AGGREGATE_SET) },

        { "set, sha1's list, no TPM yet", { SET, SHA1_LIST }, IS(UNDECIDED, NONE) },
        { "set, sha1's list, sha1's bank",
          { SET, SHA1_LIST, BANKS(S1) },
          IS(KERNEL, BOOT_AGGREGATE_SET) },
        { "set, sha1's list, no bank at all",
          { SET, SHA1_LIST, BANKS(0) },
          IS(KERNEL, BOOT_AGGREGATE_SET) },
        { "set, sha1's list, another bank: inherited",
          { SET, SHA1_LIST, BANKS(S1 | S256) },
          IS(MIXED, LIST_INHERITED) },
        { "set, sha1's list, only another bank",
          { SET, SHA1_LIST, BANKS(S384) },
          IS(MIXED, LIST_INHERITED) },
        { "set, sha1's list, a bank that we do not know",
          { SET, SHA1_LIST, .banks_known = true, .banks = S1, .bank_other_than_sha1 = true },
          IS(MIXED, LIST_INHERITED) },

        { "zero, more lists", { ZERO, MORE_LISTS }, IS(MIXED, BANK_LISTS_PRESENT) },
        { "zero, more lists, sha384 only: a kernel that owns it",
          { ZERO, MORE_LISTS, BANKS(S384) },
          IS(MIXED, BANK_LISTS_PRESENT) },

        { "zero, sha1's list, no TPM yet", { ZERO, SHA1_LIST }, IS(UNDECIDED, NONE) },
        { "zero, sha1's list, two banks",
          { ZERO, SHA1_LIST, BANKS(S1 | S256) },
          IS(BYPASS, BOOT_AGGREGATE_ZERO) },
        { "zero, sha1's list, sha256 only",
          { ZERO, SHA1_LIST, BANKS(S256) },
          IS(BYPASS, BOOT_AGGREGATE_ZERO) },
        { "zero, sha1's list, sha384 only",
          { ZERO, SHA1_LIST, BANKS(S384) },
          IS(BYPASS, BOOT_AGGREGATE_ZERO) },
        { "zero, sha1's list, only banks that we do not know",
          { ZERO, SHA1_LIST, .banks_known = true, .bank_other_than_sha1 = true },
          IS(BYPASS, BOOT_AGGREGATE_ZERO) },
        { "zero, sha1's list, sha1 only",
          { ZERO, SHA1_LIST, BANKS(S1) },
          IS(BYPASS, BOOT_AGGREGATE_ZERO) },
        { "zero, sha1's list, no bank at all",
          { ZERO, SHA1_LIST, BANKS(0) },
          IS(MIXED, NO_AGGREGATE_BANK) },
        /* A user's file named boot_aggregate changes nothing where files tell (I15) ... */
        { "zero, sha1's list, two banks, a later one",
          { ZERO, SHA1_LIST, BANKS(S1 | S256), LATER },
          IS(BYPASS, BOOT_AGGREGATE_ZERO) },
        { "zero, sha1's list, two banks, a later one by kexec",
          { ZERO, SHA1_LIST, BANKS(S1 | S256), LATER_KEXEC },
          IS(BYPASS, BOOT_AGGREGATE_ZERO) },
        { "zero, sha1's list, no TPM yet, a later one by kexec",
          { ZERO, SHA1_LIST, LATER_KEXEC },
          IS(UNDECIDED, NONE) },
        /* ... and where they do not, only if this kernel can inherit a list. */
        { "zero, sha1's list, sha1 only, a later one by kexec",
          { ZERO, SHA1_LIST, BANKS(S1), LATER_KEXEC },
          IS(MIXED, LATER_BOOT_AGGREGATE) },
        { "zero, sha1's list, sha1 only, a later one",
          { ZERO, SHA1_LIST, BANKS(S1), LATER },
          IS(BYPASS, BOOT_AGGREGATE_ZERO) },
        { "zero, no lists, a later one",
          { ZERO, NO_LISTS, BANKS(S1 | S256), LATER },
          IS(BYPASS, BOOT_AGGREGATE_ZERO) },
        { "zero, no lists, a later one by kexec",
          { ZERO, NO_LISTS, BANKS(S1 | S256), LATER_KEXEC },
          IS(MIXED, LATER_BOOT_AGGREGATE) },
        { "zero, no lists, a later one by kexec, no TPM yet",
          { ZERO, NO_LISTS, LATER_KEXEC },
          IS(MIXED, LATER_BOOT_AGGREGATE) },
        { "zero, no lists, kexec without a later one",
          { ZERO, NO_LISTS, BANKS(S256), .kexec_inherits = true },
          IS(BYPASS, BOOT_AGGREGATE_ZERO) },

        { "zero, no lists, no TPM yet", { ZERO, NO_LISTS }, IS(UNDECIDED, NONE) },
        { "zero, no lists, sha1", { ZERO, NO_LISTS, BANKS(S1) }, IS(BYPASS, BOOT_AGGREGATE_ZERO) },
        { "zero, no lists, sha256",
          { ZERO, NO_LISTS, BANKS(S256) },
          IS(BYPASS, BOOT_AGGREGATE_ZERO) },
        /* The kernel makes boot_aggregate from ima_hash, sha256 or sha1; else zero proves nothing.
         */
        { "zero, no lists, sha384 only",
          { ZERO, NO_LISTS, BANKS(S384), HASH(DIGEST_SHA256) },
          IS(MIXED, NO_AGGREGATE_BANK) },
        { "zero, no lists, sha384 only, label unknown",
          { ZERO, NO_LISTS, BANKS(S384) },
          IS(MIXED, NO_AGGREGATE_BANK) },
        { "zero, no lists, sha384 only, ima_hash=sha384",
          { ZERO, NO_LISTS, BANKS(S384), HASH(DIGEST_SHA384) },
          IS(BYPASS, BOOT_AGGREGATE_ZERO) },
        { "zero, no lists, sm3 only, ima_hash=sm3",
          { ZERO, NO_LISTS, BANKS(SM3), HASH(DIGEST_SM3_256) },
          IS(BYPASS, BOOT_AGGREGATE_ZERO) },
        { "zero, no lists, sha384 and sha512, ima_hash=sha512",
          { ZERO, NO_LISTS, BANKS(S384 | S512), HASH(DIGEST_SHA512) },
          IS(BYPASS, BOOT_AGGREGATE_ZERO) },
        { "zero, no lists, no bank at all",
          { ZERO, NO_LISTS, BANKS(0), HASH(DIGEST_SHA256) },
          IS(MIXED, NO_AGGREGATE_BANK) },
        /* An ima_hash that is not known counts for nothing, whatever is in the variable. */
        { "zero, no lists, sha384 only, a stale label",
          { ZERO, NO_LISTS, BANKS(S384), .ima_hash = DIGEST_SHA384 },
          IS(MIXED, NO_AGGREGATE_BANK) },
};

static void test_decisions(void **state) {
        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(decisions); ++i) {
                ModeVerdict v = mode_decide(&decisions[i].facts);

                ROW(decisions[i].row);
                assert_string_equal(mode_name(v.mode), mode_name(decisions[i].verdict.mode));
                assert_string_equal(mode_reason_name(v.reason),
                                    mode_reason_name(decisions[i].verdict.reason));
        }
}

/* DESIGN section 4, "Mode", written down once more: a row of its table a line. */
static Mode design(const ModeFacts *f) {
        bool aggregate =
                f->banks & (S1 | S256) || (f->ima_hash_known && f->banks & BANK(f->ima_hash));
        Mode last = f->later_boot_aggregate && f->kexec_inherits ? MODE_MIXED
                    : !f->banks_known                            ? MODE_UNDECIDED
                    : aggregate                                  ? MODE_BYPASS
                                                                 : MODE_MIXED;

        if (f->record == MODE_RECORD_OTHER)
                return MODE_MIXED;
        if (f->record == MODE_RECORD_SET && f->lists != MODE_LISTS_SHA1)
                return MODE_KERNEL;
        if (f->record == MODE_RECORD_SET && !f->banks_known)
                return MODE_UNDECIDED;
        if (f->record == MODE_RECORD_SET)
                return f->bank_other_than_sha1 ? MODE_MIXED : MODE_KERNEL;
        if (f->lists == MODE_LISTS_MORE)
                return MODE_MIXED;
        if (f->lists == MODE_LISTS_SHA1 && !f->banks_known)
                return MODE_UNDECIDED;
        if (f->lists == MODE_LISTS_SHA1 && f->bank_other_than_sha1)
                return MODE_BYPASS;
        return last;
}

static void check_facts(const ModeFacts *f) {
        ModeVerdict v = mode_decide(f);

        CHECK(v.mode == design(f),
              "record %d lists %d hash %d %d later %d kexec %d known %d other %d banks %#x: %s\n",
              (int)f->record, (int)f->lists, f->ima_hash_known, (int)f->ima_hash,
              f->later_boot_aggregate, f->kexec_inherits, f->banks_known, f->bank_other_than_sha1,
              f->banks, mode_name(v.mode));
        /* I1: nobody extends unless the first record is a zero boot_aggregate, the TPM was asked
         * and has a bank, and no list of another bank is there. */
        if (v.mode == MODE_BYPASS)
                CHECK(f->record == MODE_RECORD_ZERO && f->banks_known &&
                              (f->banks || f->bank_other_than_sha1) && f->lists != MODE_LISTS_MORE,
                      "bypass without proof\n");
        CHECK((v.mode == MODE_UNDECIDED) == (v.reason == MODE_REASON_NONE),
              "a verdict has a reason\n");
        CHECK(v.mode != MODE_UNDECIDED || !f->banks_known, "undecided, with nothing left to ask\n");
        CHECK((v.mode == MODE_BYPASS) == (v.reason == MODE_REASON_BOOT_AGGREGATE_ZERO) &&
                      (v.mode == MODE_KERNEL) == (v.reason == MODE_REASON_BOOT_AGGREGATE_SET),
              "the reason of another mode\n");
}

static void test_every_combination(void **state) {
        (void)state;
        for (BankMask banks = 0; banks < BANK(_DIGEST_ALG_N); ++banks)
                for (unsigned bits = 0; bits < 32; ++bits)
                        for (DigestAlg ima_hash = 0; ima_hash < _DIGEST_ALG_N; ++ima_hash)
                                for (ModeRecord record = 0; record < _MODE_RECORD_N; ++record)
                                        for (ModeLists lists = 0; lists < _MODE_LISTS_N; ++lists) {
                                                const ModeFacts f = {
                                                        .record = record,
                                                        .lists = lists,
                                                        .ima_hash_known = bits & 1,
                                                        .ima_hash = ima_hash,
                                                        .later_boot_aggregate = bits >> 1 & 1,
                                                        .kexec_inherits = bits >> 2 & 1,
                                                        .banks_known = bits >> 3 & 1,
                                                        .bank_other_than_sha1 =
                                                                (bits >> 4 & 1) || banks & ~S1,
                                                        .banks = banks,
                                                };

                                                check_facts(&f);
                                        }
}

/* What is undecided is decided by the banks alone, and one way or the other is possible. */
static void test_undecided_can_be_decided(void **state) {
        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(decisions); ++i) {
                BankMask seen = 0;

                if (decisions[i].verdict.mode != MODE_UNDECIDED)
                        continue;
                ROW(decisions[i].row);
                for (BankMask banks = 0; banks < BANK(_DIGEST_ALG_N); ++banks) {
                        ModeFacts f = decisions[i].facts;

                        f.banks_known = true;
                        f.banks = banks;
                        f.bank_other_than_sha1 = (banks & ~S1) != 0;
                        seen |= (BankMask)1 << mode_decide(&f).mode;
                }
                assert_false(seen & (BankMask)1 << MODE_UNDECIDED);
                assert_true(seen & (seen - 1));
        }
}

static void test_texts(void **state) {
        (void)state;
        for (Mode mode = 0; mode < _MODE_N; ++mode) {
                CHECK(mode_name(mode) && *mode_name(mode), "mode %d\n", (int)mode);
                for (Mode other = 0; other < mode; ++other)
                        assert_string_not_equal(mode_name(mode), mode_name(other));
        }
        for (ModeReason reason = 0; reason < _MODE_REASON_N; ++reason) {
                const char *name = mode_reason_name(reason), *text = mode_reason_text(reason);

                CHECK(name && *name && text && *text, "reason %d\n", (int)reason);
                /* A name of the varlink interface. */
                assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz_0123456789"),
                                 strlen(name));
                for (ModeReason other = 0; other < reason; ++other) {
                        assert_string_not_equal(name, mode_reason_name(other));
                        assert_string_not_equal(text, mode_reason_text(other));
                }
        }
}

typedef struct TextRow {
        Bytes text;
        bool is;
} TextRow;

static void test_cmdline(void **state) {
        static const TextRow rows[] = {
                { BYTES_TEXT(""), false },
                { BYTES_TEXT(" \t\n"), false },
                { BYTES_TEXT("kvm-arm.mode=protected"), true },
                { BYTES_TEXT("quiet  kvm-arm.mode=protected\n"), true },
                { BYTES_TEXT("kvm-arm.mode=protected kvm-arm.mode=nvhe"), false },
                { BYTES_TEXT("kvm-arm.mode=nvhe kvm-arm.mode=protected"), true },
                { BYTES_TEXT("kvm-arm.mode=protected -- kvm-arm.mode=nvhe"), true },
                { BYTES_TEXT("-- kvm-arm.mode=protected"), false },
                { BYTES_TEXT("xkvm-arm.mode=protected"), false },
                { BYTES_TEXT("kvm-arm.mode=protected2"), false },
                { BYTES_TEXT("kvm-arm.mode"), false },
                { BYTES_TEXT("a\0b kvm-arm.mode=protected"), true },
                { BYTES_TEXT("\0kvm-arm.mode=protected"), false }, /* NUL separates nothing */
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i)
                CHECK(mode_cmdline_has_pkvm(rows[i].text) == rows[i].is, "row %zu\n", i);
}

static void test_kernel_config(void **state) {
        static const TextRow rows[] = {
                { BYTES_TEXT(""), false },
                { BYTES_TEXT("CONFIG_X=y\n"), false },
                { BYTES_TEXT("CONFIG_IMA=yes\n"), false },
                { BYTES_TEXT("CONFIG_IMA=y\n"), true },
                { BYTES_TEXT("CONFIG_IMA=y\nCONFIG_IMA_KEXEC=y"), false },
                { BYTES_TEXT("CONFIG_IMA_KEXEC=y\n\nCONFIG_IMA=y\n"), false },
                { BYTES_TEXT("CONFIG_X=y\n# CONFIG_IMA_KEXEC is not set\n"), true },
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i)
                CHECK(mode_config_denies_kexec(rows[i].text) == rows[i].is, "row %zu\n", i);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_decisions),
                cmocka_unit_test(test_every_combination),
                cmocka_unit_test(test_undecided_can_be_decided),
                cmocka_unit_test(test_texts),
                cmocka_unit_test(test_cmdline),
                cmocka_unit_test(test_kernel_config),
        };

        return cmocka_run_group_tests_name("mode", tests, NULL, NULL) != 0;
}
