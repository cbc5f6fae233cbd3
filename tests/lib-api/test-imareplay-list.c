/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-imareplay-list.c -- imr_list_*() and imr_record_*() of libimareplay.so.
 */
#include "api-fixture.h"

#include <fcntl.h>
#include <glob.h>

static void test_version_and_null(void **state) {
        (void)state;
        assert_true(imr_version()[0] >= '0' && imr_version()[0] <= '9');
        assert_null(imr_list_free(NULL));
}

/* A number of the manifest beside a list. */
static uint64_t manifest(const char *key) {
        const char *at = strstr((const char *)content.data, key);

        assert_non_null(at);
        return strtoull(at + strlen(key), NULL, 10);
}

/* Read a list whose records must be good, and be its bytes one after the other. */
static void read_good(int fd, uint64_t *ret_n, uint64_t *ret_violations) {
        const uint8_t *raw;
        const ImrRecord *record;
        ImrList *list = NULL;
        size_t at = 0, n;
        int r;

        *ret_n = *ret_violations = 0;
        assert_int_equal(imr_list_new_from_fd(fd, &list), 0);
        while ((r = imr_list_next(list, &record)) == 1) {
                assert_int_equal(imr_record_position(record), (*ret_n)++);
                assert_true(imr_record_pcr(record) < IMR_LIST_PCR_N);
                assert_int_equal(imr_record_digest_fits(record), 1);
                *ret_violations += (uint64_t)imr_record_is_violation(record);
                imr_record_raw(record, &raw, &n);
                assert_true(n <= content.n - at);
                assert_memory_equal(raw, content.data + at, n);
                at += n;
        }
        assert_int_equal(r, 0);
        assert_int_equal(at, content.n);
        assert_string_equal(imr_list_error(list), "");
        imr_list_free(list);
}

/* NAME.bin is good; NAME.sha256.bin and the like have wider digests, and must never seem so. */
static void test_captured_lists(void **state) {
        char path[PATH_MAX];
        size_t n_good = 0, n_other = 0;
        glob_t g = {};

        (void)state;
        lists_path(path, "*.bin");
        assert_int_equal(glob(path, 0, NULL, &g), 0);
        for (size_t i = 0; i < g.gl_pathc; ++i) {
                int stem = (int)(strlen(g.gl_pathv[i]) - strlen(".bin"));
                uint64_t n, violations;
                int fd, r;

                load_path(g.gl_pathv[i]);
                (void)snprintf(path, sizeof(path), "%.*s.json", stem, g.gl_pathv[i]);
                if (access(path, R_OK) != 0) {
                        r = feed(NULL, content.data, content.n, &n);
                        assert_true(r == -EBADMSG || r == -ENODATA);
                        ++n_other;
                        continue;
                }
                fd = file_of(content.data, content.n);
                read_good(fd, &n, &violations);
                assert_int_equal(close(fd), 0);
                load_path(path);
                assert_int_equal(n, manifest("\"records\": "));
                assert_int_equal(violations, manifest("\"violations\": "));
                ++n_good;
        }
        globfree(&g);
        print_message("           %zu lists, %zu with digests of another size\n", n_good, n_other);
        assert_true(n_good >= 70 && n_other > 0);
}

static void test_record(void **state) {
        const uint8_t *raw, *data;
        const ImrRecord *record;
        ImrList *list = NULL;
        size_t n_raw, n;
        int fd;

        (void)state;
        load(TCB);
        fd = file_of(content.data, content.n);
        assert_int_equal(imr_list_new_from_fd(fd, &list), 0);
        assert_int_equal(imr_list_next(list, &record), 1);
        assert_int_equal(imr_record_position(record), 0);
        assert_int_equal(imr_record_pcr(record), TCB_PCR);
        assert_int_equal(imr_record_is_violation(record), 0);
        imr_record_raw(record, &raw, &n_raw);
        imr_record_digest(record, &data, &n);
        assert_ptr_equal(data, raw + HEAD_DIGEST);
        assert_int_equal(n, 20);
        imr_record_template(record, &data, &n);
        assert_ptr_equal(data, raw + HEAD_NAME);
        assert_int_equal(n, strlen(TCB_NAME));
        assert_memory_equal(data, TCB_NAME, n);
        imr_record_data(record, &data, &n);
        assert_ptr_equal(data, raw + HEAD_NAME + strlen(TCB_NAME) + 4);
        assert_ptr_equal(data + n, raw + n_raw);
        imr_list_free(list);
        assert_int_equal(close(fd), 0);
}

static void test_digest_that_does_not_fit(void **state) {
        const ImrRecord *record;
        ImrList *list = NULL;
        int fd;

        (void)state;
        load(TCB);
        content.data[offset_of(6) - 1] ^= 1; /* last byte of record 5 */
        fd = file_of(content.data, content.n);
        assert_int_equal(imr_list_new_from_fd(fd, &list), 0);
        for (size_t i = 0; i < TCB_RECORDS; ++i) {
                assert_int_equal(imr_list_next(list, &record), 1);
                assert_int_equal(imr_record_digest_fits(record), i != 5);
        }
        imr_list_free(list);
        assert_int_equal(close(fd), 0);
}

static void test_empty(void **state) {
        const ImrRecord *record = POISON;
        ImrList *list = NULL;
        uint64_t n = 0;
        int fd = file_of(NULL, 0);

        (void)state;
        assert_int_equal(imr_list_new_from_fd(fd, &list), 0);
        for (int i = 0; i < 3; ++i)
                assert_int_equal(imr_list_next(list, &record), 0);
        assert_ptr_equal(record, POISON);
        assert_string_equal(imr_list_error(list), "");

        load(TCB); /* and then it is filled */
        file_append(fd, content.data, content.n);
        assert_int_equal(drain(list, NULL, &n), 0);
        assert_int_equal(n, TCB_RECORDS);
        imr_list_free(list);
        assert_int_equal(close(fd), 0);
}

/* Cut behind any byte: never a record too many, never the end inside a record; then it goes on. */
static void test_cut_anywhere(void **state) {
        size_t ends[TCB_RECORDS + 1];
        uint64_t whole = 0; /* records before the cut */

        (void)state;
        load(TCB);
        for (size_t k = 0; k <= TCB_RECORDS; ++k)
                ends[k] = offset_of(k);
        assert_int_equal(ends[TCB_RECORDS], content.n);
        for (size_t cut = 0; cut <= content.n; ++cut) {
                int fd = file_of(content.data, cut);
                ImrList *list = NULL;
                char record[32];
                uint64_t n = 0;

                if (whole < TCB_RECORDS && cut == ends[whole + 1])
                        ++whole;
                assert_int_equal(imr_list_new_from_fd(fd, &list), 0);
                for (int i = 0; i < 2; ++i) {
                        assert_int_equal(drain(list, NULL, &n), cut == ends[whole] ? 0 : -ENODATA);
                        assert_int_equal(n, whole);
                }
                (void)snprintf(record, sizeof(record), "record %zu", (size_t)whole);
                if (cut != ends[whole])
                        assert_non_null(strstr(imr_list_error(list), record));
                file_append(fd, content.data + cut, content.n - cut);
                assert_int_equal(drain(list, NULL, &n), 0);
                assert_int_equal(n, TCB_RECORDS);
                imr_list_free(list);
                assert_int_equal(close(fd), 0);
        }
}

/* Put a number into record 2: the list must stop there, for ever, and say where. */
static void test_malformed(void **state) {
        static const struct {
                size_t at; /* in the record */
                uint8_t bytes[4];
        } rows[] = {
                { 0, { 64, 0, 0, 0 } },                                           /* PCR */
                { 0, { 0xff, 0xff, 0xff, 0xff } },                                /* PCR */
                { HEAD_NAME_N, { 0, 0, 0, 0 } },                                  /* no name */
                { HEAD_NAME_N, { 0, 1, 0, 0 } },                                  /* 256 bytes */
                { HEAD_NAME + sizeof(TCB_NAME) - 1, { 0x01, 0x00, 0x20, 0x00 } }, /* 2 MiB + 1 */
        };
        size_t at;

        (void)state;
        for (size_t i = 0; i < N_OF(rows); ++i) {
                char offset[32];
                ImrList *list = NULL;
                uint64_t n = 0;
                int fd;

                load(TCB);
                at = offset_of(2);
                memcpy(content.data + at + rows[i].at, rows[i].bytes, sizeof(rows[i].bytes));
                fd = file_of(content.data, content.n);
                assert_int_equal(imr_list_new_from_fd(fd, &list), 0);
                for (int again = 0; again < 3; ++again) {
                        assert_int_equal(drain(list, NULL, &n), -EBADMSG);
                        assert_int_equal(n, 2);
                        assert_non_null(strstr(imr_list_error(list), "record 2,"));
                        (void)snprintf(offset, sizeof(offset), "offset %zu:", at + rows[i].at);
                        assert_non_null(strstr(imr_list_error(list), offset));
                        assert_null(strchr(imr_list_error(list), '\n'));
                        file_append(fd, content.data, content.n); /* more does not help */
                }
                imr_list_free(list);
                assert_int_equal(close(fd), 0);
        }
}

static void test_cannot_be_read(void **state) {
        const ImrRecord *record = POISON;
        ImrList *list = POISON;
        int fd;

        (void)state;
        assert_int_equal(imr_list_new_from_fd(-1, &list), -EBADF);
        assert_ptr_equal(list, POISON);
        fd = open("/", O_RDONLY | O_CLOEXEC);
        assert_int_equal(imr_list_new_from_fd(fd, &list), 0);
        for (int i = 0; i < 2; ++i) {
                assert_int_equal(imr_list_next(list, &record), -EISDIR);
                assert_ptr_equal(record, POISON);
                assert_non_null(strstr(imr_list_error(list), strerror(EISDIR)));
        }
        assert_null(imr_list_free(list));
        assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
        assert_int_equal(close(fd), 0);
}

/* A pipe that has nothing now: neither end nor cut. */
static void test_would_block(void **state) {
        const ImrRecord *record = POISON;
        ImrList *list = NULL;
        uint64_t n = 0;
        int fd[2];

        (void)state;
        load(TCB);
        assert_int_equal(pipe2(fd, O_CLOEXEC | O_NONBLOCK), 0);
        assert_int_equal(imr_list_new_from_fd(fd[0], &list), 0);
        assert_int_equal(imr_list_next(list, &record), -EAGAIN);
        assert_int_equal(write(fd[1], content.data, 150), 150);
        assert_int_equal(drain(list, NULL, &n), -EAGAIN);
        assert_int_equal(n, 1);
        assert_int_equal(write(fd[1], content.data + 150, content.n - 150), content.n - 150);
        assert_int_equal(close(fd[1]), 0);
        assert_int_equal(drain(list, NULL, &n), 0);
        assert_int_equal(n, TCB_RECORDS);
        imr_list_free(list);
        assert_int_equal(close(fd[0]), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_version_and_null),
                cmocka_unit_test(test_captured_lists),
                cmocka_unit_test(test_record),
                cmocka_unit_test(test_digest_that_does_not_fit),
                cmocka_unit_test(test_empty),
                cmocka_unit_test(test_cut_anywhere),
                cmocka_unit_test(test_malformed),
                cmocka_unit_test(test_cannot_be_read),
                cmocka_unit_test(test_would_block),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
