/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-source.c -- the kernel's list as it is found: growing, trimmed, broken, away; and its count.
 */
#include "source-ground.h"

#include <errno.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/resource.h>

static const SourceOptions bare = { .hold = true };

static void test_growth(void **state) {
        _cleanup_(locked_freep) Source *s = NULL;

        (void)state;
        lay_out("Bab", NULL);
        assert_int_equal(locked_open(&root, &bare, &s), 0);
        assert_int_equal(source_facts(s)->record, MODE_RECORD_ZERO);
        assert_int_equal(source_facts(s)->lists, MODE_LISTS_NONE);
        assert_int_equal(source_main_pcr(s), 10);
        check_gives(s, NULL, "Bab");
        assert_true(source_may_extend(s));
        for (size_t cut = 1; cut < letter('c').n; ++cut) {
                assert_int_equal(next(s), SOURCE_E_END);
                grow_list(bytes_of(letter('c').data, cut));
                assert_int_equal(next(s), SOURCE_E_CUT);
                grow_list(bytes_of(letter('c').data + cut, letter('c').n - cut));
                check_gives(s, NULL, "c");
        }
        assert_int_equal(source_rewind(s), 0);
        check_gives(s, NULL, "Babcc");
        assert_int_equal(source_n_trimmed(s), 0);
        put_list("Bab");
        grow_list(BYTES_TEXT("no record, and it cannot become one in any way at all"));
        assert_int_equal(source_rewind(s), 0);
        check_gives(s, NULL, "Bab");
        assert_int_equal(next(s), SOURCE_E_BROKEN);
}

static void test_open_outcomes(void **state) {
        _cleanup_close_ int fd = -1;
        Source *s = NULL;

        (void)state;
        ROW("no list");
        lay_out(NULL, NULL);
        assert_int_equal(locked_open(&root, &bare, &s), SOURCE_E_UNREADABLE);
        ROW("no count");
        lay_out("Ba", NULL);
        assert_int_equal(unlinkat(root.fd, COUNT, 0), 0);
        assert_int_equal(locked_open(&root, &bare, &s), SOURCE_E_UNREADABLE);
        ROW("no record");
        lay_out("", NULL);
        assert_int_equal(locked_open(&root, &bare, &s), SOURCE_E_EMPTY);
        grow_list(bytes_of(letter('B').data, 30));
        assert_int_equal(locked_open(&root, &bare, &s), SOURCE_E_EMPTY);
        ROW("no list at all");
        lay_out("", NULL);
        grow_list(BYTES_TEXT("This is text, and no record comes of it in either byte order."));
        assert_int_equal(locked_open(&root, &bare, &s), SOURCE_E_BROKEN);
        ROW("locked");
        lay_out("Ba", NULL);
        fd = openat(root.fd, COUNT, O_RDONLY | O_CLOEXEC);
        assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
        assert_int_equal(locked_open(&root, &bare, &s), SOURCE_E_LOCKED);
        ROW("no IMA");
        assert_int_equal(renameat(root.fd, IMA_DIR, root.fd, "away"), 0);
        assert_int_equal(locked_open(&root, &bare, &s), SOURCE_E_ABSENT);
        assert_int_equal(renameat(root.fd, "away", root.fd, IMA_DIR), 0);
        assert_null(s);
}

#define V16 "vvvvvvvvvvvvvvvv"

static const struct {
        const char *name, *spool, *list;
        int outcome;
        uint64_t t;
        ModeRecord record;
        const char *gives; /* NULL: what the list has */
} heads[] = {
        { "the whole list", "Babcd", "Babcdef", 0, 0, MODE_RECORD_ZERO, NULL },
        { "one trimmed", "Babcd", "abcdef", 0, 1, MODE_RECORD_ZERO, "Babcdef" },
        { "some trimmed", "Babcd", "cdef", 0, 3, MODE_RECORD_ZERO, "Babcdef" },
        { "all but one", "Babcd", "def", 0, 4, MODE_RECORD_ZERO, "Babcdef" },
        { "all but one, and nothing came", "Babcd", "d", 0, 4, MODE_RECORD_ZERO, "Babcd" },
        { "all, and nothing came", "Babcd", "", SOURCE_E_TRIMMED, 0, 0, NULL },
        { "all that are held", "Babcd", "ef", SOURCE_E_TRIMMED, 0, 0, NULL },
        { "more than are held", "Babcd", "f", SOURCE_E_TRIMMED, 0, 0, NULL },
        { "does not reach the end of what is held", "Babcd", "bc", SOURCE_E_TRIMMED, 0, 0, NULL },
        { "goes on in another way", "Babcd", "bce", SOURCE_E_TRIMMED, 0, 0, NULL },
        { "no spool", NULL, "bcd", 0, 0, MODE_RECORD_OTHER, NULL },
        { "an empty spool", "", "bcd", 0, 0, MODE_RECORD_OTHER, NULL },
        { "a violation alone", "Bavv", "v", SOURCE_E_TRIMMED, 0, 0, NULL },
        { "violations alone", "Bavv", "vv", SOURCE_E_TRIMMED, 0, 0, NULL },
        { "... and more", "Bavv", "vvx", SOURCE_E_TRIMMED, 0, 0, NULL },
        { "violations behind a record", "Bavv", "avv", 0, 1, MODE_RECORD_ZERO, "Bavv" },
        { "... and another one", "Bavv", "avvv", 0, 1, MODE_RECORD_ZERO, "Bavvv" },
        { "a violation is missing", "Bavv", "av", SOURCE_E_TRIMMED, 0, 0, NULL },
        { "a violation too many", "Bavvb", "vvvb", SOURCE_E_TRIMMED, 0, 0, NULL },
        { "a violation first, nothing trimmed", "vab", "vabc", 0, 0, MODE_RECORD_OTHER, NULL },
        { "a violation first, trimmed to another", "vavb", "vbc", 0, 2, MODE_RECORD_OTHER,
          "vavbc" },
        { "two alike, and what follows tells", "Bavvb", "vvb", 0, 2, MODE_RECORD_ZERO, "Bavvb" },
        { "one alike, and what follows tells", "Bavvb", "vb", 0, 3, MODE_RECORD_ZERO, "Bavvb" },
        { "a round", "Babab", "ab", SOURCE_E_TRIMMED, 0, 0, NULL },
        { "a round, and one that came once", "Babcab", "cabx", 0, 3, MODE_RECORD_ZERO, "Babcabx" },
        { "a round, twice", "Babab", "abab", SOURCE_E_TRIMMED, 0, 0, NULL },
        { "16 alike", "B" V16 "x", "vvx", 0, 15, MODE_RECORD_ZERO, "B" V16 "x" },
        { "17 alike", "Bv" V16 "x", "vvx", 0, 16, MODE_RECORD_ZERO, "Bv" V16 "x" },
        { "of something else", "Babcd", "Cxy", 0, 0, MODE_RECORD_SET, NULL },
        { "the same beginning, then another list", "Babcd", "Bxy", 0, 0, MODE_RECORD_ZERO, NULL },
        { "a boot_aggregate inside", "BaCbc", "Cbcd", 0, 2, MODE_RECORD_ZERO, "BaCbcd" },
        { "the kernel's second one alone", "BB", "B", 0, 0, MODE_RECORD_ZERO, NULL },
        { "a spool that lost its head", "abcd", "cde", 0, 2, MODE_RECORD_OTHER, "abcde" },
};

static void test_heads(void **state) {
        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(heads); ++i) {
                _cleanup_(spool_freep) Spool *spool = NULL;
                _cleanup_(locked_freep) Source *s = NULL;
                const char *gives = heads[i].gives ? heads[i].gives : heads[i].list;

                ROW(heads[i].name);
                lay_out(heads[i].list, heads[i].spool);
                if (heads[i].spool)
                        open_spool(&spool);
                assert_int_equal(
                        locked_open(&root, &(SourceOptions){ .hold = true, .spool = spool }, &s),
                        heads[i].outcome);
                if (heads[i].outcome != 0) {
                        assert_null(s);
                        continue;
                }
                assert_int_equal(source_n_trimmed(s), heads[i].t);
                assert_int_equal(source_facts(s)->record, heads[i].record);
                for (const char *c = gives; *c; ++c) {
                        const char one[] = { *c, '\0' };

                        check_gives(s, NULL, one);
                        assert_int_equal(source_may_extend(s),
                                         heads[i].t == 0 || source_n_given(s) - 1 > heads[i].t);
                }
                assert_int_equal(next(s), SOURCE_E_END);
                assert_int_equal(source_rewind(s), 0);
                check_gives(s, spool, gives);
                grow_list(letter('z'));
                check_gives(s, spool, "z");
                if (spool)
                        assert_int_equal(spool_facts(spool).n_records, strlen(gives) + 1);
        }
}

static void change_spooled(uint64_t at, uint8_t byte) {
        change_file(RUN_DIR "/list", at, &byte, 1);
}

/* Bytes of the head alone are for the TPM to judge; what the kernel has too must be the same. */
static void test_forged_spool(void **state) {
        uint64_t size = word_bytes("Babcd").n;
        uint64_t overlap = word_bytes("Bab").n;

        (void)state;
        for (uint64_t at = 0; at < size; at += 7) {
                _cleanup_(spool_freep) Spool *spool = NULL;
                _cleanup_(locked_freep) Source *s = NULL;
                int r;

                lay_out("cde", "Babcd");
                change_spooled(at, 0xee);
                open_spool(&spool);
                r = locked_open(&root, &(SourceOptions){ .hold = true, .spool = spool }, &s);
                if (r == SOURCE_E_TRIMMED)
                        continue;
                assert_int_equal(r, 0);
                assert_int_equal(source_n_trimmed(s), 3);
                /* Its last record was not one, and did not count. */
                if (at >= overlap)
                        check_gives(s, spool, "Babcde");
        }
        /* Rows are not asked where records begin. */
        for (size_t i = 1; i < 5; ++i) {
                _cleanup_(spool_freep) Spool *spool = NULL;
                _cleanup_(locked_freep) Source *s = NULL;
                uint64_t row = word_bytes("Babcd").n / 5 * i + 3;
                int r;

                lay_out("cde", "Babcd");
                change_file(RUN_DIR "/index", i * SPOOL_ROW_SIZE, &row, sizeof(row));
                open_spool(&spool);
                r = locked_open(&root, &(SourceOptions){ .hold = true, .spool = spool }, &s);
                assert_int_equal(r, i == 4 ? SOURCE_E_TRIMMED : 0);
                if (r == 0)
                        check_gives(s, spool, "Babcde");
        }
}

/* A row less: what is held ends where it did, and has another number of records. */
static void test_forged_number(void **state) {
        _cleanup_(spool_freep) Spool *spool = NULL;
        uint64_t last = word_bytes("Bavv").n;
        Source *s = NULL;

        (void)state;
        lay_out("vvb", "Bavvb");
        change_file(RUN_DIR "/index", 3UL * SPOOL_ROW_SIZE, &last, sizeof(last));
        cut_file(RUN_DIR "/index", 4UL * SPOOL_ROW_SIZE);
        open_spool(&spool);
        assert_int_equal(spool_held(spool).n_records, 4);
        assert_int_equal(spool_held(spool).n_bytes, word_bytes("Bavvb").n);
        assert_int_equal(locked_open(&root, &(SourceOptions){ .hold = true, .spool = spool }, &s),
                         SOURCE_E_TRIMMED);
        assert_null(s);
}

/* The spool's bytes are taken away while they are given. */
static void test_spool_gone(void **state) {
        _cleanup_(spool_freep) Spool *spool = NULL;
        _cleanup_(locked_freep) Source *s = NULL;
        _cleanup_close_ int fd = -1;

        (void)state;
        lay_out("cde", "Babcd");
        open_spool(&spool);
        open_source(true, spool, &s);
        fd = openat(root.fd, RUN_DIR "/list", O_WRONLY | O_CLOEXEC);
        assert_int_equal(ftruncate(fd, 0), 0);
        assert_int_equal(next(s), SOURCE_E_TRIMMED);
        assert_int_equal(source_rewind(s), SOURCE_E_TRIMMED);
        assert_int_equal(next(s), SOURCE_E_TRIMMED);
}

/* Another record 0 than the one that decided the mode. */
static void test_spool_changed(void **state) {
        _cleanup_(spool_freep) Spool *spool = NULL;
        _cleanup_(locked_freep) Source *s = NULL;

        (void)state;
        lay_out("cde", "Babcd");
        open_spool(&spool);
        open_source(true, spool, &s);
        check_gives(s, NULL, "Ba");
        assert_int_equal(source_rewind(s), 0);
        change_file(RUN_DIR "/list", 0, letter('C').data, letter('C').n);
        assert_int_equal(source_rewind(s), SOURCE_E_REPLACED);
}

static void test_count(void **state) {
        static const struct {
                const char *text;
                int outcome;
                uint64_t n;
        } rows[] = {
                { "5\n", 0, 5 },
                { "7\n", 0, 7 },
                { "6\n", SOURCE_E_SHRUNK, 0 },
                { "7\n", 0, 7 },
                { "0\n", SOURCE_E_SHRUNK, 0 },
                { "", SOURCE_E_UNREADABLE, 0 },
                { "\n", SOURCE_E_UNREADABLE, 0 },
                { "8", SOURCE_E_UNREADABLE, 0 },
                { "8\n9\n", SOURCE_E_UNREADABLE, 0 },
                { " 8\n", SOURCE_E_UNREADABLE, 0 },
                { "-8\n", SOURCE_E_UNREADABLE, 0 },
                { "8 \n", SOURCE_E_UNREADABLE, 0 },
                { "0x8\n", SOURCE_E_UNREADABLE, 0 },
                { "18446744073709551616\n", SOURCE_E_UNREADABLE, 0 },
                { "184467440737095516150\n", SOURCE_E_UNREADABLE, 0 },
                { "00000000000000000000000000000000000000000000008\n", SOURCE_E_UNREADABLE, 0 },
                { "18446744073709551615\n", 0, UINT64_MAX },
        };
        _cleanup_(locked_freep) Source *s = NULL;

        (void)state;
        lay_out("Babcd", NULL);
        assert_int_equal(locked_open(&root, &bare, &s), 0);
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                uint64_t n = 99;

                ROW(rows[i].text);
                put_count(rows[i].text);
                assert_int_equal(source_count(s, &n), rows[i].outcome);
                assert_int_equal(n, rows[i].outcome == 0 ? rows[i].n : 99);
        }
}

/* A second boot_aggregate decides only where lists come through kexec; and is seen anywhere. */
static void test_later_boot_aggregate(void **state) {
        static const struct {
                const char *name, *spool, *list, *gives;
                bool kexec, later;
        } rows[] = {
                { "none", NULL, "Bab", "Bab", true, false },
                { "one", NULL, "BaC", "BaC", true, true },
                { "one, no kexec", NULL, "BaC", "BaC", false, false },
                { "behind what was trimmed", "Bab", "bC", "BabC", true, true },
                { "trimmed", "BaCb", "bd", "BaCbd", true, true },
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                _cleanup_(spool_freep) Spool *spool = NULL;
                _cleanup_(locked_freep) Source *s = NULL;

                ROW(rows[i].name);
                lay_out(rows[i].list, rows[i].spool);
                if (rows[i].kexec)
                        put_file("sys/kernel/kexec_loaded", "0\n", 2);
                open_spool(&spool);
                open_source(true, spool, &s);
                assert_int_equal(source_facts(s)->kexec_inherits, rows[i].kexec);
                assert_int_equal(source_facts(s)->later_boot_aggregate, rows[i].later);
                check_gives(s, spool, rows[i].gives);
                (void)unlinkat(root.fd, "sys/kernel/kexec_loaded", 0);
        }
}

/* All who have this file open have a directory instead: reading fails from here on. */
static void break_reading(const char *name) {
        _cleanup_close_ int dir = openat(root.fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        size_t n_broken = 0;

        for (int fd = 3; fd < 64; ++fd) {
                char path[32], target[PATH_MAX] = "";

                (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
                if (readlink(path, target, sizeof(target) - 1) < 0 || !strstr(target, name))
                        continue;
                assert_int_equal(dup2(dir, fd), fd);
                ++n_broken;
        }
        assert_true(dir >= 0 && n_broken > 0);
}

/* A read error anywhere: the next try goes on with the same record, and a fresh fd. */
static void test_read_error(void **state) {
        static const struct {
                const char *name, *spool, *list, *before, *broken, *then, *after;
                int outcome;
        } rows[] = {
                { "at the end", NULL, "Bab", "Bab", LIST, "Babcd", "cd", 0 },
                { "nothing new", NULL, "Bab", "Bab", LIST, "Bab", "", 0 },
                { "with a spool", "B", "Bab", "Bab", LIST, "Babcd", "cd", 0 },
                { "of a trimmed list", "Bavb", "vbc", "Bavbc", LIST, "vbcde", "de", 0 },
                { "replaced", NULL, "Bab", "Bab", LIST, "Cabc", "", SOURCE_E_REPLACED },
                { "shorter", NULL, "Bab", "Bab", LIST, "Ba", "", SOURCE_E_TRIMMED },
                { "empty for a while", NULL, "Bab", "Bab", LIST, "", "", SOURCE_E_UNREADABLE },
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                _cleanup_(spool_freep) Spool *spool = NULL;
                _cleanup_(locked_freep) Source *s = NULL;
                int error = 99;
                SourceOptions options = { .hold = true, .error = &error };

                ROW(rows[i].name);
                lay_out(rows[i].list, rows[i].spool);
                if (rows[i].spool)
                        open_spool(&spool);
                options.spool = spool;
                assert_int_equal(locked_open(&root, &options, &s), 0);
                check_gives(s, spool, rows[i].before);
                break_reading(rows[i].broken);
                assert_int_equal(next(s), SOURCE_E_UNREADABLE);
                assert_int_equal(error, EISDIR);
                assert_true(source_is_held(s));
                assert_int_equal(source_rest(s), SOURCE_E_HELD);
                assert_int_equal(source_n_given(s), strlen(rows[i].before));
                put_list(rows[i].then);
                check_gives(s, spool, rows[i].after);
                assert_int_equal(next(s), rows[i].outcome ? rows[i].outcome : SOURCE_E_END);
                /* And when it has come back. */
                put_list(rows[i].spool ? rows[i].then : rows[i].list);
                if (rows[i].outcome != 0) {
                        grow_list(letter('z'));
                        check_gives(s, spool, "z");
                }
        }
}

static void forbid(void) {
        if (geteuid() == 0)
                assert_int_equal(seteuid(65534), 0);
}

/* What cannot be opened or read may be so later: never fatal, and the errno is known. */
static void test_trouble(void **state) {
        _cleanup_close_ int fd = -1;
        struct rlimit limit;
        int error = 99;
        const SourceOptions options = { .hold = true, .error = &error };
        Source *s = NULL;
        uint64_t n = 0;

        (void)state;
        ROW("a directory in place of the list");
        lay_out(NULL, NULL);
        assert_int_equal(mkdirat(root.fd, LIST, 0755), 0);
        assert_int_equal(locked_open(&root, &options, &s), SOURCE_E_UNREADABLE);
        assert_int_equal(error, EISDIR);
        assert_int_equal(unlinkat(root.fd, LIST, AT_REMOVEDIR), 0);
        ROW("away");
        assert_int_equal(locked_open(&root, &options, &s), SOURCE_E_UNREADABLE);
        assert_int_equal(error, ENOENT);
        ROW("forbidden");
        lay_out("Bab", NULL);
        assert_int_equal(chmod(ground_dir, 0755), 0);
        assert_int_equal(fchmodat(root.fd, LIST, 0, 0), 0);
        assert_int_equal(source_lock(&root, &error, &fd), 0);
        forbid();
        assert_int_equal(source_open(&root, &options, &s), SOURCE_E_UNREADABLE);
        assert_int_equal(error, EACCES);
        closep(&fd);
        fd = -1;
        (void)seteuid(0);
        assert_int_equal(fchmodat(root.fd, COUNT, 0, 0), 0);
        forbid();
        error = 99;
        assert_int_equal(source_lock(&root, &error, &fd), SOURCE_E_UNREADABLE);
        assert_int_equal(error, EACCES);
        assert_int_equal(source_lock(&root, NULL, &fd), SOURCE_E_UNREADABLE);
        (void)seteuid(0);
        assert_int_equal(fchmodat(root.fd, LIST, 0600, 0), 0);
        assert_int_equal(fchmodat(root.fd, COUNT, 0600, 0), 0);
        ROW("no descriptor left");
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 0, limit.rlim_max }), 0);
        assert_int_equal(source_lock(&root, &error, &fd), SOURCE_E_UNREADABLE);
        assert_int_equal(error, EMFILE);
        assert_int_equal(source_open(&root, &options, &s), SOURCE_E_UNREADABLE);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
        assert_null(s);
        ROW("the count");
        assert_int_equal(locked_open(&root, &options, &s), 0);
        assert_int_equal(source_count(s, &n), 0);
        break_reading(COUNT);
        assert_int_equal(source_count(s, &n), SOURCE_E_UNREADABLE);
        assert_int_equal(error, EISDIR);
        assert_int_equal(n, 3);
        (void)locked_free(s);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_growth),
                cmocka_unit_test(test_open_outcomes),
                cmocka_unit_test(test_heads),
                cmocka_unit_test(test_forged_spool),
                cmocka_unit_test(test_forged_number),
                cmocka_unit_test(test_spool_gone),
                cmocka_unit_test(test_spool_changed),
                cmocka_unit_test(test_count),
                cmocka_unit_test(test_later_boot_aggregate),
                cmocka_unit_test(test_read_error),
                cmocka_unit_test(test_trouble),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
