/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-spool-damage.c -- whatever was done to the spool's files, in the end they are the list that
 * passed.
 */
#include "spool-ground.h"

#define N_RANDOM 3000U

static void cut_list(void) {
        cut_file(LIST_PATH, offset_of(6) + 10);
}

static void empty_list(void) {
        cut_file(LIST_PATH, 0);
}

static void empty_index(void) {
        cut_file(INDEX_PATH, 0);
}

static void remove_list(void) {
        assert_int_equal(unlinkat(root.fd, LIST_PATH, 0), 0);
}

static void remove_index(void) {
        assert_int_equal(unlinkat(root.fd, INDEX_PATH, 0), 0);
}

static void row_descends(void) {
        change_row(5, offset_of(3));
}

static void row_repeats(void) {
        change_row(5, offset_of(4));
}

static void row_beyond(void) {
        change_row(5, offset_of(N_RECORDS));
}

static void row_huge(void) {
        change_row(5, UINT64_MAX);
}

static void row_first(void) {
        change_row(0, 1);
}

static void row_shifted(void) {
        change_row(5, offset_of(5) + 1);
}

static void row_last(void) {
        change_row(N_RECORDS - 1, offset_of(N_RECORDS - 1) + 1);
}

static void row_more(void) {
        change_row(N_RECORDS, offset_of(N_RECORDS) + 5);
        change_row(N_RECORDS + 1, offset_of(N_RECORDS) + 9);
}

static void byte_first(void) {
        change_file(LIST_PATH, 0, "\x0b", 1);
}

static void byte_large(void) {
        change_file(LIST_PATH, offset_of(6) - 1, "\x01", 1);
}

static void bytes_zero(void) {
        uint64_t n = offset_of(N_RECORDS);

        cut_file(LIST_PATH, 0);
        cut_file(LIST_PATH, n);
}

static void list_is_link(void) {
        assert_int_equal(renameat(root.fd, LIST_PATH, root.fd, "other"), 0);
        assert_int_equal(symlinkat("../../other", root.fd, LIST_PATH), 0);
}

static void index_is_fifo(void) {
        remove_index();
        assert_int_equal(mkfifoat(root.fd, INDEX_PATH, 0600), 0);
}

static void list_is_open_to_all(void) {
        assert_int_equal(fchmodat(root.fd, LIST_PATH, 0622, 0), 0);
}

static void half_replaced(void) {
        _cleanup_free_ uint8_t *room = malloc(offset_of(3));
        _cleanup_close_ int fd = openat(root.fd, LIST_PATH, O_RDONLY | O_CLOEXEC);

        assert_true(room && pread(fd, room, offset_of(3), 0) == (ssize_t)offset_of(3));
        put_file(LIST_PATH ".new", room, offset_of(3));
        assert_int_equal(renameat(root.fd, LIST_PATH ".new", root.fd, LIST_PATH), 0);
        put_file(INDEX_PATH ".new", "", 0);
}

/* Killed while it wrote the last record: its bytes, or its row, end anywhere. */
static void test_torn(void **state) {
        const size_t last = N_RECORDS - 1;

        (void)state;
        for (uint64_t n = 0; n < records[last].n; ++n) {
                leave(N_RECORDS);
                cut_file(LIST_PATH, offset_of(last) + n);
                cut_file(INDEX_PATH, last * SPOOL_ROW_SIZE);
                check_recovers(last);
                leave(N_RECORDS);
                cut_file(LIST_PATH, offset_of(last) + n); /* never so; but the row says so */
                check_recovers(last);
        }
        for (uint64_t n = 0; n < SPOOL_ROW_SIZE; ++n) {
                ino_t list;

                leave(N_RECORDS);
                cut_file(INDEX_PATH, last * SPOOL_ROW_SIZE + n);
                list = inode_of(LIST_PATH);
                check_recovers(last);
                assert_int_equal(inode_of(LIST_PATH), list);
        }
}

static void test_damage(void **state) {
        static const struct {
                const char *name;
                void (*damage)(void);
                size_t inherited;
        } rows[] = {
                { "nothing", NULL, N_RECORDS },
                { "list cut inside a record", cut_list, 6 },
                { "list emptied", empty_list, 0 },
                { "index emptied", empty_index, 0 },
                { "list removed", remove_list, 0 },
                { "index removed", remove_index, 0 },
                { "both removed", remove_files, 0 },
                { "a row descends", row_descends, 5 },
                { "a row repeats", row_repeats, 5 },
                { "a row beyond the end", row_beyond, 5 },
                { "a row of 2^64-1", row_huge, 5 },
                { "row 0 is not at 0", row_first, 0 },
                { "a row inside a record", row_shifted, N_RECORDS },
                { "the last row inside its record", row_last, N_RECORDS - 1 },
                { "rows for what comes", row_more, N_RECORDS },
                { "the first byte", byte_first, N_RECORDS },
                { "the last byte of the large record", byte_large, N_RECORDS },
                { "zeros", bytes_zero, N_RECORDS - 1 },
                { "the list is a link", list_is_link, 0 },
                { "the index is a fifo", index_is_fifo, 0 },
                { "others may write the list", list_is_open_to_all, 0 },
                { "killed between two renames", half_replaced, 3 },
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                ROW(rows[i].name);
                leave(N_RECORDS);
                if (rows[i].damage)
                        rows[i].damage();
                check_recovers(rows[i].inherited);
                assert_int_equal(faccessat(root.fd, LIST_PATH ".new", F_OK, 0), -1);
                assert_int_equal(faccessat(root.fd, INDEX_PATH ".new", F_OK, 0), -1);
        }
}

/* Rows that point behind the list's end must not come true as it grows. */
static void test_rows_for_what_comes(void **state) {
        _cleanup_(spool_freep) Spool *s = NULL;

        (void)state;
        leave(6);
        change_row(6, offset_of(6) + 3);
        change_row(7, offset_of(6) + 7);
        change_row(8, offset_of(6) + 9);
        change_row(9, 0);
        s = opened(PLENTY);
        assert_int_equal(spool_n_inherited(s), 6);
        pass(s, 7, NEW_USEC);
        check_recovers(7);
}

/* Any bytes anywhere: the list that passes is what is held in the end. */
static void test_random_damage(void **state) {
        uint32_t x = 0x2545f491;

        (void)state;
        for (size_t i = 0; i < N_RANDOM; ++i) {
                _cleanup_(spool_freep) Spool *s = NULL;
                size_t n = 1 + i % 5;

                leave(n);
                for (size_t k = 0; k <= i % 3; ++k) {
                        uint8_t byte = (uint8_t)(x = x * 1664525 + 1013904223, x >> 24);
                        bool in_index = x >> 8 & 1;
                        uint64_t size = in_index ? n * SPOOL_ROW_SIZE : offset_of(n);

                        x = x * 1664525 + 1013904223;
                        if (x >> 8 & 7)
                                change_file(in_index ? INDEX_PATH : LIST_PATH, (x >> 12) % size,
                                            &byte, 1);
                        else
                                cut_file(in_index ? INDEX_PATH : LIST_PATH, (x >> 12) % (size + 1));
                }
                s = opened(PLENTY);
                pass(s, 5, NEW_USEC);
                check_trouble(s, SPOOL_FINE, 0);
                check_holds(s, 5);
        }
}

/* Taken away while it is used: it goes on in what it has, or stops; extending goes on. */
static void test_damage_while_used(void **state) {
        (void)state;
        for (size_t n = 0; n <= N_RECORDS; ++n) {
                _cleanup_(spool_freep) Spool *s = NULL;

                leave(N_RECORDS - 2);
                s = opened(PLENTY);
                pass(s, n, NEW_USEC);
                remove_files();
                pass(s, N_RECORDS, NEW_USEC);
                check_trouble(s, SPOOL_FINE, 0);
                check_holds(s, N_RECORDS);
        }
        for (size_t n = 0; n <= N_RECORDS; ++n) {
                _cleanup_(spool_freep) Spool *s = NULL;
                uint8_t byte;
                SpoolRow row;

                leave(N_RECORDS - 2);
                s = opened(PLENTY);
                pass(s, n, NEW_USEC);
                empty_list();
                empty_index();
                assert_int_equal(spool_read(s, 0, &byte, 1), SPOOL_E_GONE);
                assert_int_equal(spool_row(s, 0, &row), SPOOL_E_GONE);
                assert_false(spool_equal(s, 0, records[0]));
                pass(s, N_RECORDS, NEW_USEC);
        }
}

/* Who reads the old files reads on in them; they do not grow, and no byte of them changes. */
static void test_reader_stays(void **state) {
        _cleanup_(spool_freep) Spool *s = NULL;
        _cleanup_close_ int list_fd = -1, index_fd = -1, fresh_fd = -1, fresh_index_fd = -1;
        uint64_t generation, size = offset_of(N_RECORDS);
        _cleanup_free_ uint8_t *before = malloc(size), *after = malloc(size);
        struct stat old, new;

        (void)state;
        assert_true(before && after);
        leave(N_RECORDS);
        change_file(LIST_PATH, offset_of(3) + 30, "\xff", 1);
        s = opened(PLENTY);
        assert_int_equal(spool_share(s, &list_fd, &index_fd), 0);
        assert_int_equal(pread(list_fd, before, size, 0), size);
        generation = spool_facts(s).generation;
        pass(s, 3, NEW_USEC);
        assert_int_equal(spool_facts(s).generation, generation);
        assert_int_equal(spool_held(s).n_records, N_RECORDS);
        pass(s, N_RECORDS, NEW_USEC);
        check_holds(s, N_RECORDS);
        assert_int_not_equal(spool_facts(s).generation, generation);
        assert_int_equal(pread(list_fd, after, size, 0), size);
        assert_memory_equal(before, after, size);
        assert_int_equal(fstat(list_fd, &old), 0);
        assert_int_equal(old.st_size, size);
        assert_int_equal(old.st_nlink, 0);
        assert_int_equal(spool_share(s, &fresh_fd, &fresh_index_fd), 0);
        assert_int_equal(fstat(fresh_fd, &new), 0);
        assert_int_not_equal(old.st_ino, new.st_ino);
        assert_int_equal(inode_of(LIST_PATH), new.st_ino);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_torn),
                cmocka_unit_test(test_damage),
                cmocka_unit_test(test_rows_for_what_comes),
                cmocka_unit_test(test_random_damage),
                cmocka_unit_test(test_reader_stays),
                cmocka_unit_test(test_damage_while_used),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
