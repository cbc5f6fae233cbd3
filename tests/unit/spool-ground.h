/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spool-ground.h -- a list to be spooled, and what its spool must look like.
 *
 * It has a violation, a record of template 'ima', one larger than what is read at once, and ones
 * alike. What the files hold is judged by listfile and by sums of what passed.
 */
#pragma once

#include <endian.h>
#include <errno.h>

#include "ground.h"
#include "os/spool.h"

#define DIR_PATH   "run/ima-replay"
#define LIST_PATH  DIR_PATH "/list"
#define INDEX_PATH DIR_PATH "/index"
#define N_RECORDS  9U
#define LARGE      100000U
#define PLENTY     (UINT64_C(1) << 30)
#define OLD_USEC   UINT64_C(1000)
#define NEW_USEC   UINT64_C(2000000)

static Bytes records[N_RECORDS];

static inline void make_records(void) {
        static const MlistForm form = { ORDER_LITTLE, DIGEST_SHA1 };
        static uint8_t large[LARGE];

        for (size_t i = 0; i < N_RECORDS; ++i) {
                Builder b = scratch();
                char name[16];

                (void)snprintf(name, sizeof(name), "/bin/%zu", i / 2);
                if (i == 2)
                        put_violation(&b, &form, 10, "ima-ng", BYTES_TEXT("violation"));
                else if (i == 4)
                        put_ima(&b, &form, 10, bytes_of(large, 20), BYTES_TEXT("/sbin/init"));
                else if (i == 5)
                        put_record(&b, &form, 10, "ima-buf", bytes_of(large, sizeof(large)));
                else
                        put_sample(&b, &form, 10, name);
                records[i] = scratch_done(&b);
        }
}

/* Where record i begins; of N_RECORDS: the end. */
static inline uint64_t offset_of(size_t i) {
        uint64_t n = 0;

        while (i > 0)
                n += records[--i].n;
        return n;
}

static inline void change_row(size_t i, uint64_t offset) {
        change_file(INDEX_PATH, i * SPOOL_ROW_SIZE, &(uint64_t){ htole64(offset) }, 8);
}

static inline void remove_files(void) {
        (void)unlinkat(root.fd, LIST_PATH, 0);
        (void)unlinkat(root.fd, INDEX_PATH, 0);
        (void)unlinkat(root.fd, LIST_PATH, AT_REMOVEDIR);
        (void)unlinkat(root.fd, INDEX_PATH, AT_REMOVEDIR);
}

static inline Spool *opened(uint64_t limit) {
        Spool *s = NULL;

        assert_int_equal(spool_open(&root, limit, &s), 0);
        assert_non_null(s);
        return s;
}

/* What the kernel's list gives, from its record 0 on; what passed before passes again. */
static inline void pass(Spool *s, size_t n, uint64_t seen_usec) {
        for (size_t i = 0; i < n; ++i)
                assert_int_equal(spool_pass(s, i, records[i], seen_usec), 0);
}

/* n records were left by a daemon that ended in good order. */
static inline void leave(size_t n) {
        _cleanup_(spool_freep) Spool *s = NULL;

        remove_files();
        s = opened(PLENTY);
        pass(s, n, OLD_USEC);
        assert_int_equal(spool_facts(s).n_records, n);
}

static inline void check_trouble(const Spool *s, SpoolTrouble trouble, int error) {
        assert_int_equal(spool_facts(s).trouble, trouble);
        assert_int_equal(spool_facts(s).error, error);
}

/* What a reader sees in the files: n records, and rows that point to them. */
static inline void check_holds(const Spool *s, size_t n) {
        _cleanup_close_ int fd = -1;
        _cleanup_(listfile_freep) ListFile *l = NULL;
        SpoolFacts f = spool_facts(s);
        MlistRecord got;
        SpoolRow row;

        assert_int_equal(f.n_records, n);
        assert_int_equal(f.n_bytes, offset_of(n));
        assert_int_equal(f.size, offset_of(n) + n * SPOOL_ROW_SIZE);
        assert_int_equal(spool_open_list(s, &fd), 0);
        assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
        assert_int_equal(listfile_new(fd, DIGEST_SHA1, &l), 0);
        for (size_t i = 0; i < n; ++i) {
                assert_int_equal(listfile_next(l, &got), 0);
                CHECK(bytes_equal(got.whole, records[i]), "record %zu\n", i);
                assert_int_equal(spool_row(s, i, &row), 0);
                assert_int_equal(row.offset, offset_of(i));
        }
}

/* The next daemon: takes over n, is fed the whole list, and has it; and so has the one after. */
static inline void check_recovers(size_t n) {
        for (int again = 0; again <= 1; ++again) {
                _cleanup_(spool_freep) Spool *s = opened(PLENTY);

                CHECK(spool_n_inherited(s) == n, "inherited %llu, not %zu\n",
                      (unsigned long long)spool_n_inherited(s), n);
                assert_int_equal(spool_facts(s).n_records, 0);
                pass(s, N_RECORDS, NEW_USEC);
                check_trouble(s, SPOOL_FINE, 0);
                check_holds(s, N_RECORDS);
                n = N_RECORDS;
        }
}

static inline int setup(void **state) {
        (void)state;
        make_records();
        return ground_open();
}

static inline int teardown(void **state) {
        (void)state;
        for (size_t i = 0; i < N_RECORDS; ++i)
                heap_free(records[i]);
        return ground_close();
}
