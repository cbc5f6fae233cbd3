/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-source-rest.c -- the list is opened again, and was trimmed or replaced meanwhile.
 */
#include "source-ground.h"

#define N_WALKS 200U
#define N_STEPS 40U

static const struct {
        const char *name, *spool, *before, *after;
        int outcome;
        uint64_t t;
} rewinds[] = {
        { "nothing", "Ba", "Babc", "Babcd", 0, 0 },
        { "another list", "Ba", "Babc", "Cabc", SOURCE_E_REPLACED, 0 },
        { "another list, without a spool", NULL, "Babc", "Cabc", SOURCE_E_REPLACED, 0 },
        { "trimmed, without a spool", NULL, "Babc", "abc", SOURCE_E_REPLACED, 0 },
        { "emptied, without a spool", NULL, "Babc", "", SOURCE_E_UNREADABLE, 0 },
        { "emptied", "Babc", "Babc", "", SOURCE_E_UNREADABLE, 0 },
        { "trimmed", "Babc", "Babc", "bcd", 0, 2 },
        { "the same, trimmed before", "Babc", "bcd", "bcde", 0, 2 },
        { "trimmed again", "Babc", "bcd", "cd", 0, 3 },
        { "grown in front", "Babc", "bcd", "abcd", SOURCE_E_TRIMMED, 2 },
        { "whole again", "Babc", "bcd", "Babcd", SOURCE_E_REPLACED, 2 },
        { "trimmed too far", "Babc", "bcd", "d", SOURCE_E_TRIMMED, 2 },
        { "away", "Babc", "bcd", NULL, SOURCE_E_UNREADABLE, 2 },
};

/* The source holds the list, and so has read of the old one what it wanted when this happens. */
static void test_rewind(void **state) {
        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rewinds); ++i) {
                _cleanup_(spool_freep) Spool *spool = NULL;
                _cleanup_(locked_freep) Source *s = NULL;

                ROW(rewinds[i].name);
                lay_out(rewinds[i].before, rewinds[i].spool);
                if (rewinds[i].spool)
                        open_spool(&spool);
                open_source(true, spool, &s);
                check_gives(s, NULL, "Ba");
                if (rewinds[i].after)
                        put_list(rewinds[i].after);
                else
                        assert_int_equal(unlinkat(root.fd, LIST, 0), 0);
                assert_int_equal(source_rewind(s), rewinds[i].outcome);
                if (rewinds[i].outcome == 0) {
                        assert_int_equal(source_n_trimmed(s), rewinds[i].t);
                        check_gives(s, NULL, "Babc");
                } else {
                        /* As if nobody had asked. */
                        assert_int_equal(source_n_given(s), 2);
                        check_gives(s, NULL, "bc");
                }
        }
}

/* Who does not hold the list lets go of it; who holds it, or would not know it again, does not. */
static void test_rest_or_hold(void **state) {
        static const struct {
                const char *name;
                bool hold, has_spool, passes;
                uint64_t limit;
                const char *word;
                bool rests;
        } rows[] = {
                { "hold", true, true, true, SPOOL_MAX_DEFAULT, "Ba", false },
                { "no spool", false, false, false, 0, "Ba", false },
                { "a spool that is behind", false, true, false, SPOOL_MAX_DEFAULT, "Ba", false },
                { "a spool that is full", false, true, true, 200, "Ba", false },
                { "a violation is last", false, true, true, SPOOL_MAX_DEFAULT, "Bav", false },
                { "one that came before", false, true, true, SPOOL_MAX_DEFAULT, "Baba", false },
                { "nothing but record 0", false, true, true, SPOOL_MAX_DEFAULT, "B", true },
                { "until extended", false, true, true, SPOOL_MAX_DEFAULT, "Ba", true },
                { "behind violations", false, true, true, SPOOL_MAX_DEFAULT, "Bvva", true },
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                _cleanup_(spool_freep) Spool *spool = NULL;
                _cleanup_(locked_freep) Source *s = NULL;
                int r = rows[i].rests ? 0 : SOURCE_E_HELD;

                ROW(rows[i].name);
                lay_out(rows[i].word, NULL);
                if (rows[i].has_spool)
                        assert_int_equal(spool_open(&root, rows[i].limit, &spool), 0);
                open_source(rows[i].hold, spool, &s);
                assert_int_equal(source_rest(s), SOURCE_E_HELD);
                assert_non_null(source_list(s));
                check_gives(s, rows[i].passes ? spool : NULL, rows[i].word);
                for (int again = 0; again <= 1; ++again) {
                        assert_int_equal(source_rest(s), r);
                        assert_int_equal(source_is_held(s), !rows[i].rests);
                        assert_int_equal(source_list(s) == NULL, rows[i].rests);
                }
                grow_list(letter('x'));
                check_gives(s, spool, "x");
                assert_true(source_is_held(s));
                assert_int_equal(next(s), SOURCE_E_END);
        }
}

/* Rewound, and given again as far as the spool goes: the kernel has records behind that. */
static void test_rest_of_full_spool(void **state) {
        _cleanup_(spool_freep) Spool *spool = NULL;
        _cleanup_(locked_freep) Source *s = NULL;

        (void)state;
        lay_out("Babc", NULL);
        assert_int_equal(spool_open(&root, word_bytes("Ba").n + 2UL * SPOOL_ROW_SIZE, &spool), 0);
        open_source(false, spool, &s);
        check_gives(s, spool, "Babc");
        assert_int_equal(spool_facts(spool).n_records, 2);
        assert_int_equal(source_rewind(s), 0);
        check_gives(s, spool, "Ba");
        assert_int_equal(source_rest(s), SOURCE_E_HELD);
}

/* Where it may measure anything again, no record shows anything. */
static void test_kernel_that_repeats(void **state) {
        static const struct {
                const char *cmdline, *config;
                bool repeats;
        } rows[] = {
                { "quiet ima_flush_htable ro\n", "CONFIG_IMA=y\n", true },
                { "ima_flush_htable\n", "", true },
                { "ima_flush_htables xima_flush_htable\n", "CONFIG_IMA=y\n", false },
                { "\n", "CONFIG_IMA=y\nCONFIG_IMA_DISABLE_HTABLE=y\n", true },
                { "\n", "# CONFIG_IMA_DISABLE_HTABLE is not set\n", false },
        };

        (void)state;
        assert_int_equal(mkdirat(root.fd, "proc", 0755), 0);
        assert_int_equal(mkdirat(root.fd, "proc/sys", 0755), 0);
        assert_int_equal(mkdirat(root.fd, "proc/sys/kernel", 0755), 0);
        assert_int_equal(mkdirat(root.fd, "boot", 0755), 0);
        put_file("proc/sys/kernel/osrelease", "1.2\n", 4);
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                _cleanup_(spool_freep) Spool *spool = NULL, *again = NULL;
                _cleanup_(locked_freep) Source *s = NULL;

                ROW(rows[i].cmdline);
                put_file("proc/cmdline", rows[i].cmdline, strlen(rows[i].cmdline));
                put_file("boot/config-1.2", rows[i].config, strlen(rows[i].config));
                lay_out("Bab", NULL);
                open_spool(&spool);
                open_source(false, spool, &s);
                check_gives(s, spool, "Bab");
                assert_int_equal(source_rest(s), rows[i].repeats ? SOURCE_E_HELD : 0);
                s = locked_free(s);
                put_list("bc");
                open_spool(&again);
                assert_int_equal(locked_open(&root, &(SourceOptions){ .spool = again }, &s),
                                 rows[i].repeats ? SOURCE_E_TRIMMED : 0);
        }
        assert_int_equal(unlinkat(root.fd, "proc/cmdline", 0), 0);
        assert_int_equal(unlinkat(root.fd, "boot/config-1.2", 0), 0);
}

static const struct {
        const char *name, *before, *after;
        int outcome;
        const char *gives;
        uint64_t t;
} rests[] = {
        { "nothing", "Babcd", "Babcd", 0, "", 0 },
        { "grown", "Babcd", "Babcdef", 0, "ef", 0 },
        { "trimmed", "Babcd", "bcd", 0, "", 2 },
        { "trimmed and grown", "Babcd", "bcdef", 0, "ef", 2 },
        { "all but one", "Babcd", "d", 0, "", 4 },
        { "all but one, then a violation", "Bvabvd", "dv", 0, "v", 5 },
        { "all", "Babcd", "", SOURCE_E_UNREADABLE, NULL, 0 },
        { "all, and a new one", "Babcd", "e", SOURCE_E_TRIMMED, NULL, 0 },
        { "all, and a violation again", "Babvd", "v", SOURCE_E_TRIMMED, NULL, 0 },
        { "records taken from the end", "Babcd", "Babc", SOURCE_E_REPLACED, NULL, 0 },
        { "another list, the same record 0", "Babcd", "Bxycde", SOURCE_E_REPLACED, NULL, 0 },
        { "another list, the same end", "Babcd", "xbcde", SOURCE_E_TRIMMED, NULL, 0 },
        { "longer in front", "abcd", "xabcd", SOURCE_E_TRIMMED, NULL, 0 },
        { "another list", "Babcd", "Cabcd", SOURCE_E_REPLACED, NULL, 0 },
        { "violations, one gone", "Bvvvvb", "vvvb", 0, "", 2 },
        { "violations, all but one gone", "Bvvvvb", "vbvv", 0, "vv", 4 },
        { "violations, none gone", "Bvvvvb", "Bvvvvbvvvv", 0, "vvvv", 0 },
        { "the same violation first", "vavb", "vbc", 0, "c", 2 },
        { "violations behind", "vab", "vabvv", 0, "vv", 0 },
        { "two kernels' records, untrimmed", "BBa", "BBab", 0, "b", 0 },
        { "two kernels' records, trimmed to the second", "BxByz", "Byzab", 0, "ab", 2 },
        { "away", "Babcd", NULL, SOURCE_E_UNREADABLE, NULL, 0 },
};

static void test_rest(void **state) {
        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rests); ++i) {
                _cleanup_(spool_freep) Spool *spool = NULL;
                _cleanup_(locked_freep) Source *s = NULL;

                ROW(rests[i].name);
                lay_out(rests[i].before, NULL);
                open_spool(&spool);
                open_source(false, spool, &s);
                check_gives(s, spool, rests[i].before);
                assert_int_equal(source_rest(s), 0);
                if (rests[i].after)
                        put_list(rests[i].after);
                else
                        assert_int_equal(unlinkat(root.fd, LIST, 0), 0);
                if (rests[i].outcome != 0) {
                        assert_int_equal(next(s), rests[i].outcome);
                        assert_int_equal(next(s), rests[i].outcome);
                        assert_int_equal(source_n_given(s), strlen(rests[i].before));
                        assert_false(source_is_held(s));
                        /* It comes back: nothing was forgotten. */
                        put_list(rests[i].before);
                        grow_list(letter('z'));
                        check_gives(s, spool, "z");
                        continue;
                }
                check_gives(s, spool, rests[i].gives);
                assert_int_equal(next(s), SOURCE_E_END);
                assert_int_equal(source_n_trimmed(s), rests[i].t);
                assert_int_equal(source_rewind(s), 0);
                check_gives(s, spool, rests[i].before);
                check_gives(s, spool, rests[i].gives);
        }
}

/* After a restart: what only the spool has shows nothing in the kernel's list. */
static void test_rest_after_restart(void **state) {
        _cleanup_(spool_freep) Spool *spool = NULL;
        _cleanup_(locked_freep) Source *s = NULL;

        (void)state;
        lay_out("bcde", "Babcd");
        open_spool(&spool);
        open_source(false, spool, &s);
        for (const char *c = "Babcde"; *c; ++c) {
                check_gives(s, spool, (const char[]){ *c, '\0' });
                assert_int_equal(source_rest(s), source_n_given(s) <= 2 ? SOURCE_E_HELD : 0);
        }
        put_list("ef");
        check_gives(s, spool, "f");
        assert_int_equal(source_n_trimmed(s), 5);
        assert_int_equal(source_rewind(s), 0);
        /* What was given before is no reason to let go either. */
        check_gives(s, spool, "Ba");
        assert_int_equal(source_rest(s), SOURCE_E_HELD);
        check_gives(s, spool, "bcdef");
        assert_int_equal(source_rest(s), 0);
}

/* Violations at the end: held until one comes that is none; and then any of them may be gone. */
static void test_violations_at_the_end(void **state) {
        for (size_t trimmed = 0; trimmed <= 5; ++trimmed) {
                _cleanup_(spool_freep) Spool *spool = NULL;
                _cleanup_(locked_freep) Source *s = NULL;

                lay_out("Bavv", NULL);
                open_spool(&spool);
                open_source(false, spool, &s);
                check_gives(s, spool, "Bavv");
                assert_int_equal(source_rest(s), SOURCE_E_HELD);
                grow_list(letter('v'));
                check_gives(s, spool, "v");
                assert_int_equal(source_rest(s), SOURCE_E_HELD);
                grow_list(letter('c'));
                check_gives(s, spool, "c");
                assert_int_equal(source_rest(s), 0);
                put_list(&"Bavvvcvvd"[trimmed]);
                check_gives(s, spool, "vvd");
                assert_int_equal(source_n_trimmed(s), trimmed);
                assert_int_equal(source_rest(s), 0);
        }
        (void)state;
}

/* It is empty for a while; what comes then shows whether anything is gone. */
static void test_empty_for_a_while(void **state) {
        static const struct {
                const char *name, *then;
                bool rewinds;
                int outcome;
        } rows[] = {
                { "whole again", "Babz", false, 0 },
                { "whole again, rewound", "Babz", true, 0 },
                { "the last one again", "bz", false, 0 },
                { "another one", "z", false, SOURCE_E_TRIMMED },
                { "another one, rewound", "z", true, SOURCE_E_TRIMMED },
                { "another list", "Cz", false, SOURCE_E_REPLACED },
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                _cleanup_(spool_freep) Spool *spool = NULL;
                _cleanup_(locked_freep) Source *s = NULL;
                int error = 99;

                ROW(rows[i].name);
                lay_out("Bab", NULL);
                open_spool(&spool);
                assert_int_equal(
                        locked_open(&root, &(SourceOptions){ .spool = spool, .error = &error }, &s),
                        0);
                check_gives(s, spool, "Bab");
                assert_int_equal(source_rest(s), 0);
                put_list("");
                for (int again = 0; again <= 1; ++again) {
                        error = 99;
                        assert_int_equal(rows[i].rewinds ? source_rewind(s) : next(s),
                                         SOURCE_E_UNREADABLE);
                        assert_int_equal(error, 0);
                        assert_int_equal(source_n_given(s), 3);
                }
                put_list(rows[i].then);
                if (rows[i].outcome == 0 && !rows[i].rewinds)
                        check_gives(s, spool, "z");
                else
                        assert_int_equal(rows[i].rewinds ? source_rewind(s) : next(s),
                                         rows[i].outcome);
                if (rows[i].outcome == 0 && rows[i].rewinds)
                        check_gives(s, spool, "Babz");
        }
}

/* The letter of record n of a walk: no other record has it, or it is likely a violation. */
static char walk_letter(size_t n, bool alike, uint32_t x) {
        if (alike && x >> 28)
                return 'v';
        return (char)(n < 128 ? 0x80 + n : n - 127);
}

/*
 * A kernel that grows by itself and is trimmed whenever nobody holds the list: no record is lost,
 * doubled or wrong, whatever violations come, and none of them makes it impossible to tell.
 */
static void walk(uint32_t x, bool alike) {
        _cleanup_(spool_freep) Spool *spool = NULL;
        _cleanup_(locked_freep) Source *s = NULL;
        char word[WORD_MAX] = "Ba";
        size_t n = 2, trimmed = 0, given = 0;

        lay_out(word, NULL);
        open_spool(&spool);
        open_source(false, spool, &s);
        for (size_t step = 0; step < N_STEPS; ++step) {
                x = x * 1664525 + 1013904223;
                for (uint32_t k = x >> 8 & 3; k > 0; --k, ++n) {
                        x = x * 1664525 + 1013904223;
                        word[n] = walk_letter(n, alike, x);
                        word[n + 1] = '\0';
                        grow_list(letter(word[n]));
                }
                check_gives(s, spool, word + given);
                given = n;
                assert_int_equal(next(s), SOURCE_E_END);
                if (x >> 16 & 1)
                        assert_int_equal(source_rest(s), word[n - 1] == 'v' ? SOURCE_E_HELD : 0);
                if (!source_is_held(s)) {
                        char c = walk_letter(n, alike, x << 1);

                        trimmed += (x >> 18) % (n - trimmed);
                        word[n] = c;
                        word[++n] = '\0';
                        put_list(word + trimmed);
                        check_gives(s, spool, (const char[]){ c, '\0' });
                        assert_int_equal(source_n_trimmed(s), trimmed);
                        ++given;
                }
        }
        assert_int_equal(source_rewind(s), 0);
        check_gives(s, spool, word);
}

/* As many as one likes in the spool, and their like in the list. */
static void test_many(void **state) {
        _cleanup_(spool_freep) Spool *spool = NULL;
        _cleanup_(locked_freep) Source *s = NULL;
        char word[WORD_MAX] = "B";

        (void)state;
        memset(word + 1, 'v', WORD_MAX - 3);
        word[WORD_MAX - 2] = 'b';
        lay_out(word, NULL);
        open_spool(&spool);
        open_source(false, spool, &s);
        check_gives(s, spool, word);
        for (size_t trimmed = 0; trimmed < WORD_MAX - 1; trimmed += 7) {
                assert_int_equal(source_rest(s), 0);
                put_list(word + trimmed);
                assert_int_equal(next(s), SOURCE_E_END);
                assert_int_equal(source_n_trimmed(s), trimmed);
        }
}

static void test_walks(void **state) {
        (void)state;
        for (uint32_t i = 0; i < N_WALKS; ++i)
                walk(i * 2654435761U, i % 2);
}

/* Counted from record 0, trimmed or not; what was trimmed unseen shows as a fall. */
static void test_count_of_trimmed(void **state) {
        _cleanup_(spool_freep) Spool *spool = NULL;
        _cleanup_(locked_freep) Source *s = NULL;
        uint64_t n = 0;

        (void)state;
        lay_out("bcd", "Babc");
        open_spool(&spool);
        open_source(false, spool, &s);
        assert_int_equal(source_count(s, &n), 0);
        assert_int_equal(n, 5);
        check_gives(s, spool, "Babcd");
        assert_int_equal(source_rest(s), 0);
        put_list("de");
        put_number(2);
        assert_int_equal(source_count(s, &n), SOURCE_E_SHRUNK);
        check_gives(s, spool, "e");
        assert_int_equal(source_count(s, &n), 0);
        assert_int_equal(n, 6);
        put_count("18446744073709551614\n");
        assert_int_equal(source_count(s, &n), SOURCE_E_UNREADABLE);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_rewind),
                cmocka_unit_test(test_rest_or_hold),
                cmocka_unit_test(test_rest_of_full_spool),
                cmocka_unit_test(test_kernel_that_repeats),
                cmocka_unit_test(test_rest),
                cmocka_unit_test(test_rest_after_restart),
                cmocka_unit_test(test_violations_at_the_end),
                cmocka_unit_test(test_empty_for_a_while),
                cmocka_unit_test(test_many),
                cmocka_unit_test(test_walks),
                cmocka_unit_test(test_count_of_trimmed),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
