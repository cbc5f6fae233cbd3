/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-spool.c -- the spool in good order, at its limits, and where it cannot be.
 */
#include "os/spool-seen.h"
#include "spool-ground.h"

#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>

static void test_new(void **state) {
        _cleanup_(spool_freep) Spool *s = NULL;
        _cleanup_close_ int list_fd = -1, index_fd = -1;
        struct stat st;
        SpoolRow row;
        mode_t mask;

        (void)state;
        remove_files();
        (void)unlinkat(root.fd, DIR_PATH, AT_REMOVEDIR);
        (void)unlinkat(root.fd, "run", AT_REMOVEDIR);
        mask = umask(0077);
        s = opened(PLENTY);
        (void)umask(mask);
        assert_int_equal(fstatat(root.fd, DIR_PATH, &st, 0), 0);
        assert_int_equal(st.st_mode, S_IFDIR | 0755);
        assert_int_equal(fstatat(root.fd, LIST_PATH, &st, 0), 0);
        assert_int_equal(st.st_mode, S_IFREG | 0600);
        assert_int_equal(fstatat(root.fd, INDEX_PATH, &st, 0), 0);
        assert_int_equal(st.st_mode, S_IFREG | 0600);
        check_holds(s, 0);
        assert_int_equal(spool_row(s, 0, &row), SPOOL_E_GONE);
        for (size_t i = 0; i < N_RECORDS; ++i) {
                assert_int_equal(spool_pass(s, i, records[i], OLD_USEC + i), 0);
                check_holds(s, i + 1);
                assert_int_equal(spool_row(s, i, &row), 0);
                assert_int_equal(row.seen_usec, OLD_USEC + i);
                assert_int_equal(row.extended_usec, 0);
        }
        assert_int_equal(spool_share(s, &list_fd, &index_fd), 0);
        assert_int_equal(fcntl(list_fd, F_GETFL) & O_ACCMODE, O_RDONLY);
        assert_int_equal(fcntl(index_fd, F_GETFL) & O_ACCMODE, O_RDONLY);
        assert_int_equal(fstat(index_fd, &st), 0);
        assert_int_equal(st.st_size, N_RECORDS * SPOOL_ROW_SIZE);
        assert_int_equal(fstat(list_fd, &st), 0);
        assert_int_equal(st.st_size, offset_of(N_RECORDS));
}

/* After each prefix another daemon goes on; the one before it was killed, its files still open. */
static void test_reopen(void **state) {
        (void)state;
        for (size_t n = 0; n <= N_RECORDS; ++n) {
                _cleanup_(spool_freep) Spool *killed = NULL, *s = NULL;
                uint64_t generation;
                SpoolRow row;

                remove_files();
                killed = opened(PLENTY);
                pass(killed, n, OLD_USEC);
                s = opened(PLENTY);
                generation = spool_facts(s).generation;
                assert_int_equal(spool_n_inherited(s), n);
                assert_int_equal(spool_held(s).n_bytes, offset_of(n));
                pass(s, N_RECORDS, NEW_USEC);
                pass(s, N_RECORDS, NEW_USEC);
                check_holds(s, N_RECORDS);
                assert_int_equal(spool_facts(s).generation, generation);
                for (size_t i = 0; i < N_RECORDS; ++i) {
                        assert_int_equal(spool_row(s, i, &row), 0);
                        assert_int_equal(row.seen_usec, i < n ? OLD_USEC : NEW_USEC);
                }
        }
}

static void test_extended(void **state) {
        _cleanup_(spool_freep) Spool *s = NULL;
        SpoolRow row;

        (void)state;
        leave(4);
        s = opened(PLENTY);
        spool_extended(s, 1, 77); /* has not passed: not touched */
        assert_int_equal(spool_row(s, 1, &row), 0);
        assert_int_equal(row.extended_usec, 0);
        pass(s, 6, NEW_USEC);
        spool_extended(s, 1, 78);
        spool_extended(s, 5, UINT64_MAX);
        spool_extended(s, 6, 79);
        spool_extended(s, UINT64_MAX, 80);
        for (size_t i = 0; i < 6; ++i) {
                assert_int_equal(spool_row(s, i, &row), 0);
                assert_int_equal(row.offset, offset_of(i));
                assert_int_equal(row.seen_usec, i < 4 ? OLD_USEC : NEW_USEC);
                assert_int_equal(row.extended_usec, i == 1 ? 78 : i == 5 ? UINT64_MAX : 0);
        }
        check_recovers(6);
}

static void test_limit(void **state) {
        (void)state;
        for (size_t n = 1; n < N_RECORDS; ++n) {
                const uint64_t exact = offset_of(n) + n * SPOOL_ROW_SIZE;

                for (uint64_t less = 0; less <= 1; ++less) {
                        _cleanup_(spool_freep) Spool *s = NULL, *next = NULL;

                        remove_files();
                        s = opened(exact - less);
                        pass(s, n - less, OLD_USEC);
                        check_trouble(s, SPOOL_FINE, 0);
                        /* Full for one is full for all that come: there must be no gap. */
                        assert_int_equal(spool_pass(s, n - less, records[n - less], OLD_USEC), 0);
                        check_trouble(s, SPOOL_FULL, 0);
                        assert_int_equal(spool_pass(s, n - less, BYTES_TEXT(""), OLD_USEC), 0);
                        pass(s, N_RECORDS, OLD_USEC);
                        check_holds(s, n - less);
                        assert_int_equal(spool_facts(s).limit, exact - less);
                        if (n > less)
                                spool_extended(s, 0, 5);
                        next = opened(exact - less);
                        check_trouble(next, SPOOL_FINE, 0);
                        pass(next, N_RECORDS, NEW_USEC);
                        check_trouble(next, SPOOL_FULL, 0);
                        check_holds(next, n - less);
                }
        }
}

/* A gap is never closed by what comes behind it. */
static void test_gap(void **state) {
        _cleanup_(spool_freep) Spool *s = NULL;

        (void)state;
        remove_files();
        s = opened(PLENTY);
        assert_int_equal(spool_pass(s, 1, records[1], 0), 0);
        check_holds(s, 0);
        pass(s, 2, 0);
        assert_int_equal(spool_pass(s, 3, records[3], 0), 0);
        assert_int_equal(spool_pass(s, UINT64_MAX, records[3], 0), 0);
        check_holds(s, 2);
}

static void check_useless(Spool *s) {
        int list_fd = -5, index_fd = -5;
        uint8_t byte;
        SpoolRow row;

        pass(s, N_RECORDS, NEW_USEC);
        spool_extended(s, 0, NEW_USEC);
        assert_int_equal(spool_facts(s).n_records, 0);
        assert_int_equal(spool_n_inherited(s), 0);
        assert_int_equal(spool_held(s).n_records, 0);
        assert_int_equal(spool_read(s, 0, &byte, 1), SPOOL_E_GONE);
        assert_int_equal(spool_row(s, 0, &row), SPOOL_E_GONE);
        assert_int_equal(spool_open_list(s, &list_fd), SPOOL_E_GONE);
        assert_int_equal(spool_share(s, &list_fd, &index_fd), SPOOL_E_GONE);
        assert_int_equal(list_fd, -5);
        assert_int_equal(index_fd, -5);
}

static void test_off(void **state) {
        _cleanup_(spool_freep) Spool *s = NULL;

        (void)state;
        leave(3);
        put_file(LIST_PATH ".new", "x", 1);
        s = opened(0);
        check_trouble(s, SPOOL_OFF, 0);
        check_useless(s);
        assert_int_equal(faccessat(root.fd, LIST_PATH, F_OK, 0), -1);
        assert_int_equal(faccessat(root.fd, INDEX_PATH, F_OK, 0), -1);
        assert_int_equal(faccessat(root.fd, LIST_PATH ".new", F_OK, 0), -1);
}

/* Places where no file can be: the spool says so, and nothing else happens. */
static void test_no_place(void **state) {
        _cleanup_(spool_freep) Spool *list = NULL, *run = NULL;

        (void)state;
        leave(3);
        assert_int_equal(unlinkat(root.fd, LIST_PATH, 0), 0);
        assert_int_equal(mkdirat(root.fd, LIST_PATH, 0755), 0);
        list = opened(PLENTY);
        check_trouble(list, SPOOL_FAILED, EISDIR);
        check_useless(list);
        remove_files();
        assert_int_equal(unlinkat(root.fd, DIR_PATH, AT_REMOVEDIR), 0);
        put_file(DIR_PATH, "a file", 6);
        run = opened(PLENTY);
        check_trouble(run, SPOOL_FAILED, ENOTDIR);
        check_useless(run);
        assert_int_equal(unlinkat(root.fd, DIR_PATH, 0), 0);
}

/* Files end at 50000 bytes: in the middle of the large record, or of a copy. */
static void test_file_limit(void **state) {
        _cleanup_(spool_freep) Spool *s = NULL, *copy = NULL;
        struct rlimit old, limit;

        (void)state;
        leave(N_RECORDS);
        change_file(LIST_PATH, offset_of(8) + 30, "\xff", 1);
        copy = opened(PLENTY);
        assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
        limit = (struct rlimit){ 50000, old.rlim_max };
        (void)signal(SIGXFSZ, SIG_IGN);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
        pass(copy, N_RECORDS, NEW_USEC);
        check_trouble(copy, SPOOL_FAILED, EFBIG);
        check_holds(copy, 8);
        assert_int_equal(spool_held(copy).n_records, 8);
        assert_int_equal(faccessat(root.fd, LIST_PATH ".new", F_OK, 0), -1);
        remove_files();
        s = opened(PLENTY);
        pass(s, N_RECORDS, NEW_USEC);
        check_trouble(s, SPOOL_FAILED, EFBIG);
        check_holds(s, 5);
        pass(s, N_RECORDS, NEW_USEC);
        check_holds(s, 5);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
}

/* For us alone; false where that is not allowed. */
static bool mount_run(unsigned long flags, const char *options) {
        char path[64];

        remove_files();
        (void)unlinkat(root.fd, DIR_PATH, AT_REMOVEDIR);
        (void)mkdirat(root.fd, "run", 0755);
        (void)snprintf(path, sizeof(path), "%s/run", ground_dir);
        if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount("tmpfs", path, "tmpfs", flags, options) < 0) {
                print_message("           not possible here\n");
                return false;
        }
        root_deinit(&root);
        assert_int_equal(root_init(&root, ground_dir), 0);
        return true;
}

static void unmount_run(void) {
        char path[64];

        (void)snprintf(path, sizeof(path), "%s/run", ground_dir);
        assert_int_equal(umount2(path, MNT_DETACH), 0);
}

static void test_full_file_system(void **state) {
        _cleanup_(spool_freep) Spool *s = NULL, *next = NULL;

        (void)state;
        if (!mount_run(0, "size=64k"))
                return;
        s = opened(PLENTY);
        pass(s, N_RECORDS, OLD_USEC);
        check_trouble(s, SPOOL_FULL, ENOSPC);
        check_holds(s, 5);
        pass(s, N_RECORDS, OLD_USEC);
        check_holds(s, 5);
        next = opened(PLENTY);
        assert_int_equal(spool_n_inherited(next), 5);
        pass(next, N_RECORDS, NEW_USEC);
        check_trouble(next, SPOOL_FULL, ENOSPC);
        check_holds(next, 5);
        unmount_run();
}

static void test_read_only_file_system(void **state) {
        _cleanup_(spool_freep) Spool *s = NULL;

        (void)state;
        if (!mount_run(MS_RDONLY, NULL))
                return;
        s = opened(PLENTY);
        check_trouble(s, SPOOL_FAILED, EROFS);
        check_useless(s);
        unmount_run();
}

static void test_read(void **state) {
        _cleanup_(spool_freep) Spool *s = NULL;
        uint64_t size = offset_of(7);
        uint8_t byte;
        struct {
                uint64_t offset;
                size_t n;
                int r;
        } rows[] = {
                { 0, 0, 0 },
                { size - 1, 1, 0 },
                { size, 0, 0 },
                { size, 1, SPOOL_E_GONE },
                { size - 1, 2, SPOOL_E_GONE },
                { UINT64_MAX, 1, SPOOL_E_GONE },
                { 1, SIZE_MAX, SPOOL_E_GONE },
        };

        (void)state;
        leave(7);
        change_file(LIST_PATH, size, "torn", 4);
        s = opened(PLENTY);
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i)
                assert_int_equal(spool_read(s, rows[i].offset, &byte, rows[i].n), rows[i].r);
        for (size_t i = 0; i < 7; ++i) {
                assert_true(spool_equal(s, offset_of(i), records[i]));
                assert_false(spool_equal(s, offset_of(i) + 1, records[i]));
        }
        assert_false(spool_equal(s, size, BYTES_TEXT("torn")));
}

/* Digests that differ from the second byte on, too few places for them, and the ones kept free. */
static void test_seen(void **state) {
        static const uint8_t zeros[20], one[20] = { 1 };
        SpoolSeen seen = {};
        uint8_t digest[20];

        (void)state;
        assert_false(spool_seen_once(&seen, bytes_of(zeros, 20)));
        for (int round = 0; round <= 1; ++round) {
                for (size_t i = 0; i < 5000; ++i) {
                        memset(digest, 0xff, sizeof(digest));
                        memcpy(digest + 1, &i, sizeof(i) - 1);
                        if (round == 0)
                                assert_false(spool_seen_once(&seen, bytes_of(digest, 20)));
                        if (round == 0 || i % 2)
                                assert_int_equal(spool_seen_add(&seen, bytes_of(digest, 20)), 0);
                        assert_int_equal(spool_seen_once(&seen, bytes_of(digest, 20)),
                                         round == 0 || i % 2 == 0);
                }
        }
        assert_false(spool_seen_once(&seen, bytes_of(zeros, 20)));
        assert_int_equal(spool_seen_add(&seen, bytes_of(zeros, 20)), 0);
        assert_true(spool_seen_once(&seen, bytes_of(zeros, 20)));
        /* Told apart by 63 bits: a doubt is as good as twice. */
        assert_int_equal(spool_seen_add(&seen, bytes_of(one, 20)), 0);
        assert_false(spool_seen_once(&seen, bytes_of(one, 20)));
        assert_int_equal(seen.n, 5001);
        spool_seen_deinit(&seen);
        assert_null(seen.at);
}

/* The last record that is no violation, and that no other equals. */
static void test_mark(void **state) {
        SpoolMark mark;

        (void)state;
        for (size_t n = 0; n <= N_RECORDS; ++n) {
                _cleanup_(spool_freep) Spool *s = NULL;
                /* Of two alike, both are none: 0 and 1, 6 and 7; 2 is the violation. */
                static const int want[] = { -1, 0, -1, -1, 3, 4, 5, 6, 5, 8 };

                leave(n);
                s = opened(PLENTY);
                assert_int_equal(spool_find_mark(s, &mark), want[n] < 0 ? SPOOL_E_GONE : 0);
                if (want[n] < 0)
                        continue;
                CHECK(mark.i == (uint64_t)want[n], "of %zu: %llu\n", n, (unsigned long long)mark.i);
                assert_int_equal(mark.offset, offset_of((size_t)want[n]));
                assert_int_equal(mark.n, records[want[n]].n);
                assert_true(spool_equal(s, mark.offset, records[want[n]]));
                if (n < 2)
                        continue;
                /* Bytes that are no records show nothing. */
                change_file(LIST_PATH, offset_of(1) + 25, "\xff\xff\xff", 3);
                assert_int_equal(spool_find_mark(s, &mark), SPOOL_E_GONE);
        }
}

/* Records of any size, as a cursor reads ahead; a byte that differs moves nothing. */
static void test_cursor(void **state) {
        _cleanup_(spool_freep) Spool *s = NULL;
        SpoolCursor c = {};

        (void)state;
        leave(N_RECORDS);
        s = opened(PLENTY);
        c.spool = s;
        for (size_t i = 0; i < N_RECORDS; ++i) {
                Bytes other = records[(i + 3) % N_RECORDS];

                assert_false(spool_goes_on(&c, other));
                assert_int_equal(c.offset, offset_of(i));
                assert_true(spool_goes_on(&c, records[i]));
                assert_int_equal(c.offset, offset_of(i + 1));
        }
        assert_false(spool_goes_on(&c, records[0]));
        c.offset = 0;
        assert_true(spool_goes_on(&c, records[0]));
        c.offset = UINT64_MAX;
        assert_false(spool_goes_on(&c, records[0]));
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_new),
                cmocka_unit_test(test_reopen),
                cmocka_unit_test(test_extended),
                cmocka_unit_test(test_limit),
                cmocka_unit_test(test_gap),
                cmocka_unit_test(test_off),
                cmocka_unit_test(test_no_place),
                cmocka_unit_test(test_read),
                cmocka_unit_test(test_file_limit),
                cmocka_unit_test(test_full_file_system),
                cmocka_unit_test(test_read_only_file_system),
                cmocka_unit_test(test_seen),
                cmocka_unit_test(test_mark),
                cmocka_unit_test(test_cursor),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
