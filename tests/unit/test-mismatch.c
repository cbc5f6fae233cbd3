/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-mismatch.c -- a PCR that a list does not explain: which change does?
 *
 * The PCR is what a TPM makes of a script of digests, by OpenSSL's one-shot call; the list is
 * always r0 .. rN in order.
 */
#include "fixture.h"

#include <stdio.h>
#include <string.h>

#include "core/mismatch.h"

enum {
        S1 = BANK(DIGEST_SHA1),
        S256 = BANK(DIGEST_SHA256),
        BOTH = S1 | S256,
};

#define LIST_N 12U

static const MlistForm little = { .order = ORDER_LITTLE, .alg = DIGEST_SHA1 };

/* Record i of the list, or 100 + w: what word w is extended as; 200: zeros again; -1: the end. */
typedef int Script[20];

static Bytes list_new(size_t n) {
        Builder b = scratch();
        char name[32];

        for (size_t i = 0; i < n; ++i) {
                (void)snprintf(name, sizeof(name), "/r%zu", i);
                put_sample(&b, &little, 10, name);
        }
        return scratch_done(&b);
}

static Bytes data_of(Bytes list, int number) {
        MlistRecord record = {};
        MlistError error;

        for (int i = 0; i <= number; ++i)
                assert_int_equal(parse_record(&list, &little, &record, &error), 0);
        return record.data;
}

static void pcr_of(Bytes list, DigestAlg alg, const int *script, Digest *ret_value) {
        uint8_t raw[2 * DIGEST_SIZE_MAX] = {};
        size_t n = digest_size(alg);

        for (; *script >= 0; ++script) {
                if (*script == 200) {
                        memset(raw, 0, n);
                        continue;
                }
                if (*script == 100)
                        memset(raw + n, 0xff, n);
                else if (*script == 101)
                        memset(raw + n, 0, n);
                else if (*script == 103)
                        hash_of(alg, bytes_of("\0\0\0\0", 4), raw + n);
                else
                        hash_of(alg, data_of(list, *script), raw + n);
                hash_of(alg, bytes_of(raw, 2 * n), raw);
        }
        memcpy(ret_value->data, raw, n);
}

static MismatchAnswer ask(Bytes list, const MismatchQuestion *q) {
        _cleanup_(mismatch_freep) Mismatch *m = NULL;
        size_t n_passes = 0;
        int r;

        assert_int_equal(mismatch_new(q, &all_hashers, &m), 0);
        do {
                Bytes in = list;
                MlistRecord record;
                MlistError error;

                while (in.n > 0) {
                        assert_int_equal(parse_record(&in, &q->form, &record, &error), 0);
                        assert_int_equal(mismatch_record(m, &record), 0);
                }
                r = mismatch_next_pass(m);
                assert_true(++n_passes < 20);
        } while (r == 0);
        assert_int_equal(r, MISMATCH_E_DONE);
        return *mismatch_answer(m);
}

static const struct {
        const char *row;
        Script sha1, sha256; /* sha256: as sha1 where empty (begins with -2) */
        MismatchKind kind;
        BankMask banks;
        uint64_t position, end;
        size_t word;
} table[] = {
        { "ones after 3",
          { 0, 1, 2, 3, 100, 4, 5, 6, 7, 8, 9, 10, 11, -1 },
          { -2 },
          MISMATCH_FOREIGN,
          BOTH,
          4,
          LIST_N,
          0 },
        { "zeros before 0",
          { 101, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, -1 },
          { -2 },
          MISMATCH_FOREIGN,
          BOTH,
          0,
          LIST_N,
          1 },
        { "a separator behind the last",
          { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 103, -1 },
          { -2 },
          MISMATCH_FOREIGN,
          BOTH,
          LIST_N,
          LIST_N,
          3 },
        { "ones after 3, and the PCR ends",
          { 0, 1, 2, 3, 100, -1 },
          { -2 },
          MISMATCH_FOREIGN,
          BOTH,
          4,
          4,
          0 },
        { "ones after 3, and two more",
          { 0, 1, 2, 3, 100, 4, 5, -1 },
          { -2 },
          MISMATCH_FOREIGN,
          BOTH,
          4,
          6,
          0 },
        { "7 twice",
          { 0, 1, 2, 3, 4, 5, 6, 7, 7, 8, 9, 10, 11, -1 },
          { -2 },
          MISMATCH_REPEATED,
          BOTH,
          7,
          LIST_N,
          0 },
        { "0 missing",
          { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, -1 },
          { -2 },
          MISMATCH_MISSING,
          BOTH,
          0,
          LIST_N,
          0 },
        { "10 missing",
          { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, -1 },
          { -2 },
          MISMATCH_MISSING,
          BOTH,
          10,
          LIST_N,
          0 },
        { "2 and 3 swapped",
          { 0, 1, 3, 2, 4, 5, 6, 7, 8, 9, 10, 11, -1 },
          { -2 },
          MISMATCH_SWAPPED,
          BOTH,
          2,
          LIST_N,
          0 },
        { "reset before 5",
          { 0, 1, 200, 5, 6, 7, 8, 9, 10, 11, -1 },
          { -2 },
          MISMATCH_RESET,
          BOTH,
          5,
          LIST_N,
          0 },
        { "never", { -1 }, { -2 }, MISMATCH_NEVER, BOTH, 0, 0, 0 },
        { "ones in sha256 only",
          { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, -1 },
          { 0, 1, 2, 3, 4, 100, 5, 6, 7, 8, 9, 10, 11, -1 },
          MISMATCH_FOREIGN,
          S256,
          5,
          LIST_N,
          0 },
        { "split", { 0, 1, 2, 3, -1 }, { 0, 1, 2, 3, 4, -1 }, MISMATCH_SPLIT, BOTH, 4, 5, 0 },
        { "two changes",
          { 0, 2, 1, 3, 4, 4, 5, 6, 7, 8, 9, 10, 11, -1 },
          { -2 },
          MISMATCH_WRONG_LIST,
          BOTH,
          0,
          0,
          0 },
};

static void test_table(void **state) {
        Bytes list = list_new(LIST_N);

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(table); ++i) {
                const int *sha256 = table[i].sha256[0] == -2 ? table[i].sha1 : table[i].sha256;
                MismatchQuestion q = { .pcr = 10, .banks = BOTH, .form = little };
                char text[MISMATCH_TEXT_MAX];
                MismatchAnswer a;

                ROW(table[i].row);
                pcr_of(list, DIGEST_SHA1, table[i].sha1, &q.target.of[DIGEST_SHA1]);
                pcr_of(list, DIGEST_SHA256, sha256, &q.target.of[DIGEST_SHA256]);
                a = ask(list, &q);
                assert_int_equal(a.n, 1);
                assert_string_equal(mismatch_name(a.finding[0].kind), mismatch_name(table[i].kind));
                assert_int_equal(a.finding[0].banks, table[i].banks);
                assert_int_equal(a.finding[0].end, table[i].end);
                assert_int_equal(a.finding[0].word, table[i].word);
                if (mismatch_has_position(table[i].kind))
                        assert_int_equal(a.finding[0].position, table[i].position);
                mismatch_describe(&a, &a.finding[0], 10, text, sizeof(text));
                assert_true(strlen(text) > 10 && strlen(text) < MISMATCH_TEXT_MAX - 1);
                assert_true(strlen(mismatch_advice(table[i].kind)) > 10);
        }
        heap_free(list);
}

/* With the digest that an altered record claims, the bank of the list's algorithm fits. */
static void test_altered(void **state) {
        static const Script all = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, -1 };
        Bytes list = list_new(LIST_N);

        (void)state;
        for (int k = 0; k < (int)LIST_N; ++k) {
                MismatchQuestion q = { .pcr = 10, .banks = BOTH, .form = little };
                Bytes changed = heap_copy(list), data = data_of(changed, k);
                MismatchAnswer a;

                pcr_of(list, DIGEST_SHA1, all, &q.target.of[DIGEST_SHA1]);
                pcr_of(list, DIGEST_SHA256, all, &q.target.of[DIGEST_SHA256]);
                ((uint8_t *)data.data)[data.n - 2] ^= 1;
                a = ask(changed, &q);
                assert_int_equal(a.n, 1);
                assert_int_equal(a.finding[0].kind, MISMATCH_ALTERED);
                assert_int_equal(a.finding[0].position, k);
                assert_int_equal(a.finding[0].banks, S1);
                assert_int_equal(a.n_bad, 1);
                heap_free(changed);
        }
        heap_free(list);
}

/* The start value takes part in everything. */
static void test_base(void **state) {
        static const Script from_0 = { 0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11, -1 };
        MismatchQuestion q = { .pcr = 10, .banks = S256, .form = little };
        Bytes list = list_new(LIST_N);
        MismatchAnswer a;

        (void)state;
        memset(q.base.of[DIGEST_SHA256].data, 7, 32);
        pcr_of(list, DIGEST_SHA256, from_0, &q.target.of[DIGEST_SHA256]);
        a = ask(list, &q);
        assert_int_equal(a.finding[0].kind, MISMATCH_WRONG_LIST);
        q.base = (DigestSet){};
        a = ask(list, &q);
        assert_int_equal(a.finding[0].kind, MISMATCH_MISSING);
        assert_int_equal(a.finding[0].position, 3);
        q.base = q.target;
        a = ask(list, &q);
        assert_int_equal(a.finding[0].kind, MISMATCH_NEVER);
        heap_free(list);
}

/* Longer than the window: a change that the PCR ends at is found anywhere; what was not tried
 * shows. */
static void test_long(void **state) {
        const size_t n = SEARCH_WINDOW_MAX + 200;
        MismatchQuestion q = { .pcr = 10, .banks = S1, .form = little };
        _cleanup_(mismatch_freep) Mismatch *m = NULL;
        MlistRecord record = bare_record(10, "a", true);
        uint8_t raw[40] = {};
        int r;

        (void)state;
        for (size_t i = 0; i < 50; ++i) {
                memset(raw + 20, 0xff, 20);
                hash_of(DIGEST_SHA1, bytes_of(raw, 40), raw);
        }
        memset(raw + 20, 0, 20);
        hash_of(DIGEST_SHA1, bytes_of(raw, 40), q.target.of[DIGEST_SHA1].data);
        assert_int_equal(mismatch_new(&q, &all_hashers, &m), 0);
        do {
                for (size_t i = 0; i < n; ++i)
                        assert_int_equal(mismatch_record(m, &record), 0);
                r = mismatch_next_pass(m);
        } while (r == 0);
        assert_int_equal(r, MISMATCH_E_DONE);
        assert_int_equal(mismatch_answer(m)->n, 1);
        assert_int_equal(mismatch_answer(m)->finding[0].kind, MISMATCH_FOREIGN);
        assert_int_equal(mismatch_answer(m)->finding[0].position, 50);
        assert_int_equal(mismatch_answer(m)->finding[0].end, 50);
        assert_int_equal(mismatch_answer(m)->finding[0].word, 1);
}

static void test_words(void **state) {
        (void)state;
        for (size_t i = 0; i < search_word_count(); ++i)
                assert_true(*search_word_name(i));
        for (MismatchKind kind = 0; kind < _MISMATCH_KIND_N; ++kind)
                assert_true(*mismatch_name(kind) && *mismatch_advice(kind));
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_table), cmocka_unit_test(test_altered),
                cmocka_unit_test(test_base),  cmocka_unit_test(test_long),
                cmocka_unit_test(test_words),
        };

        return cmocka_run_group_tests_name("mismatch", tests, all_hashers_open,
                                           all_hashers_close) != 0;
}
