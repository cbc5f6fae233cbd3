/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-spool-reader.c -- records from the spool's files, and files that were cut or forged: what is
 * given is what was spooled, or an outcome says that it is not.
 */
#include "spool-ground.h"

#include "os/spool-reader.h"

static SpoolReader *reader;
static int list_fd = -1, index_fd = -1;

static void close_files(void) {
        closep(&list_fd);
        closep(&index_fd);
        list_fd = index_fd = -1;
}

/* n records were spooled; so much of it is announced. */
static void use(size_t n, uint64_t n_records, uint64_t n_bytes) {
        close_files();
        leave(n);
        list_fd = openat(root.fd, LIST_PATH, O_RDONLY | O_CLOEXEC);
        index_fd = openat(root.fd, INDEX_PATH, O_RDONLY | O_CLOEXEC);
        assert_true(list_fd >= 0 && index_fd >= 0);
        spool_reader_use(reader, &(SpoolExtent){ list_fd, index_fd, n_records, n_bytes });
}

static void use_all(void) {
        use(N_RECORDS, N_RECORDS, offset_of(N_RECORDS));
}

static void again(void) {
        spool_reader_use(reader,
                         &(SpoolExtent){ list_fd, index_fd, N_RECORDS, offset_of(N_RECORDS) });
}

static bool gives(size_t i) {
        SpoolRecord got;

        return spool_reader_get(reader, i, &got) == 0 &&
               bytes_equal(got.record.whole, records[i]) && got.row.offset == offset_of(i);
}

static void check_outcome(uint64_t i, int want) {
        SpoolRecord got, poison;

        memset(&got, POISON, sizeof(got));
        poison = got;
        assert_int_equal(spool_reader_get(reader, i, &got), want);
        assert_memory_equal(&got, &poison, sizeof(got));
}

static void test_good(void **state) {
        ByteOrder order = _ORDER_N;
        SpoolRecord got;

        (void)state;
        ROW("forwards");
        use_all();
        for (size_t i = 0; i < N_RECORDS; ++i) {
                assert_true(gives(i));
                assert_int_equal(spool_reader_get(reader, i, &got), 0);
                assert_int_equal(got.row.seen_usec, OLD_USEC);
                assert_int_equal(got.row.extended_usec, 0);
                assert_int_equal(got.record.is_violation, i == 2);
                assert_int_equal(got.record.is_ima, i == 4);
        }
        ROW("backwards");
        for (size_t i = N_RECORDS; i-- > 0;)
                assert_true(gives(i));
        ROW("the end, and far behind it");
        check_outcome(N_RECORDS, SPOOL_READER_E_END);
        check_outcome(UINT64_MAX, SPOOL_READER_E_END);
        ROW("what is not announced is not there");
        for (size_t n = 0; n <= N_RECORDS; ++n) {
                use(N_RECORDS, n, offset_of(n));
                for (size_t i = 0; i < n; ++i)
                        assert_true(gives(i));
                check_outcome(n, SPOOL_READER_E_END);
                assert_int_equal(spool_reader_order(reader, &order), n ? 0 : SPOOL_READER_E_END);
        }
        assert_int_equal(order, ORDER_LITTLE);
}

/* Whatever byte of the list is another: its record is not given as what it is not. */
static void test_forged_list(void **state) {
        uint8_t byte;

        (void)state;
        use_all();
        for (size_t i = 0; i < N_RECORDS; ++i) {
                for (size_t at = 0; at<records[i].n; at += records[i].n> 4096 ? 997 : 1) {
                        uint64_t offset = offset_of(i) + at;
                        /* The digest covers neither PCR nor name, and of a violation nothing. */
                        bool is_loose = i == 2 || at < 4 || (at >= 24 && at < 40);
                        SpoolRecord got;
                        int r;

                        byte = records[i].data[at] ^ 0x41;
                        change_file(LIST_PATH, offset, &byte, 1);
                        again();
                        r = spool_reader_get(reader, i, &got);
                        CHECK(r == SPOOL_READER_E_BAD || (r == 0 && is_loose),
                              "record %zu, byte %zu: %d\n", i, at, r);
                        CHECK(r != 0 || got.record.whole.data[at] == byte, "record %zu, byte %zu\n",
                              i, at);
                        if (i > 0 || at >= 28) /* those tell the byte order of all */
                                assert_true(gives((i + 1) % N_RECORDS));
                        change_file(LIST_PATH, offset, &records[i].data[at], 1);
                }
        }
        again();
        for (size_t i = 0; i < N_RECORDS; ++i)
                assert_true(gives(i));
}

/* Whatever a row says: its record and the one before are given as they are, or not at all. */
static void test_forged_index(void **state) {
        static const uint64_t far[] = { UINT64_MAX, UINT64_MAX - 1, INT64_MAX, 1ULL << 32 };

        (void)state;
        use_all();
        for (size_t i = 0; i < N_RECORDS; ++i) {
                for (size_t k = 0; k < 300 + ELEMENTSOF(far) + N_RECORDS; ++k) {
                        uint64_t value = k < 300               ? k
                                         : k < 300 + N_RECORDS ? offset_of(k - 300)
                                                               : far[k - 300 - N_RECORDS];

                        if (value == offset_of(i))
                                continue;
                        change_row(i, value);
                        again();
                        check_outcome(i, SPOOL_READER_E_BAD);
                        if (i > 0)
                                check_outcome(i - 1, SPOOL_READER_E_BAD);
                        if (i + 1 < N_RECORDS)
                                assert_true(gives(i + 1));
                }
                change_row(i, offset_of(i));
        }
}

/* Files that are shorter than announced are that, and not at their end. */
static void test_cut(void **state) {
        (void)state;
        use_all();
        for (uint64_t n = offset_of(N_RECORDS); n-- > 0;) {
                if (n > 4096 && n < offset_of(N_RECORDS) - 2048 && n % 1999 != 0)
                        continue;
                cut_file(LIST_PATH, n);
                again();
                for (size_t i = 0; i < N_RECORDS; ++i)
                        if (offset_of(i + 1) > n)
                                check_outcome(i, SPOOL_READER_E_BAD);
                check_outcome(N_RECORDS, SPOOL_READER_E_END);
        }
        use_all();
        for (uint64_t n = N_RECORDS * SPOOL_ROW_SIZE; n-- > 0;) {
                cut_file(INDEX_PATH, n);
                again();
                for (size_t i = 0; i < N_RECORDS; ++i)
                        check_outcome(i, SPOOL_READER_E_BAD);
        }
}

/* What is announced is not believed either. */
static void test_announced(void **state) {
        static const struct {
                const char *row;
                uint64_t n_records, more_bytes;
        } rows[] = {
                { "a record more", N_RECORDS + 1, 0 },
                { "as many as there can be", UINT64_MAX, 0 },
                { "a byte more", N_RECORDS, 1 },
                { "more than any file has", N_RECORDS, UINT64_MAX / 2 },
        };

        (void)state;
        for (size_t k = 0; k < ELEMENTSOF(rows); ++k) {
                ROW(rows[k].row);
                use(N_RECORDS, rows[k].n_records, offset_of(N_RECORDS) + rows[k].more_bytes);
                check_outcome(N_RECORDS - 1, SPOOL_READER_E_BAD);
        }
        ROW("no byte");
        use(N_RECORDS, N_RECORDS, 0);
        for (size_t i = 0; i < N_RECORDS; ++i)
                check_outcome(i, SPOOL_READER_E_BAD);
        ROW("a directory");
        spool_reader_use(reader, &(SpoolExtent){ root.fd, root.fd, 1, 100 });
        assert_true(spool_reader_get(reader, 0, &(SpoolRecord){}) < 0);
        ROW("no files");
        spool_reader_use(reader, &(SpoolExtent){ -1, -1, 1, 100 });
        assert_int_equal(spool_reader_get(reader, 0, &(SpoolRecord){}), -EBADF);
}

/* Two lists by turns, a large record between small ones: nothing of one is seen in the other. */
static void test_turns(void **state) {
        (void)state;
        for (size_t n = 0; n < 3 * N_RECORDS; ++n) {
                use(n % N_RECORDS + 1, n % N_RECORDS + 1, offset_of(n % N_RECORDS + 1));
                assert_true(gives(n % N_RECORDS));
                assert_true(gives(0));
        }
}

static int begin(void **state) {
        return spool_reader_new(&reader) < 0 ? -1 : setup(state);
}

static int end(void **state) {
        close_files();
        reader = spool_reader_free(reader);
        return teardown(state);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_good),         cmocka_unit_test(test_forged_list),
                cmocka_unit_test(test_forged_index), cmocka_unit_test(test_cut),
                cmocka_unit_test(test_announced),    cmocka_unit_test(test_turns),
        };

        return cmocka_run_group_tests_name("spool-reader", tests, begin, end) != 0;
}
