/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-imareplay-fault.c -- libimareplay.so when reading or hashing fails.
 *
 * The two calls below stand in front of libc's and OpenSSL's: the library finds those of the
 * program first.
 */
#include "api-fixture.h"

#include <dlfcn.h>
#include <sys/syscall.h>

#define VISIBLE __attribute__((visibility("default")))

static int read_error;         /* what read() fails with, 0 for none */
static unsigned hash_fails_in; /* the n-th hash fails, and all behind it; 0 for none */

VISIBLE ssize_t read(int fd, void *data, size_t n) {
        if (read_error) {
                errno = read_error;
                return -1;
        }
        return syscall(SYS_read, fd, data, n);
}

VISIBLE int EVP_DigestUpdate(void *context, const void *data, size_t n);

VISIBLE int EVP_DigestUpdate(void *context, const void *data, size_t n) {
        static int (*real)(void *, const void *, size_t);

        if (!real) {
                *(void **)&real = dlsym(RTLD_NEXT, "EVP_DigestUpdate");
                assert_non_null(real);
        }
        if (hash_fails_in == 1)
                return 0;
        hash_fails_in -= hash_fails_in > 1;
        return real(context, data, n);
}

/* No failure to read looks like a cut or malformed list, and after it the list goes on. */
static void test_read(void **state) {
        static const struct {
                int error, want;
        } rows[] = {
                { EIO, -EIO },
                { EAGAIN, -EAGAIN },
                { EBADMSG, -EIO }, /* of a file system: a wrong checksum */
                { ENODATA, -EIO }, /* of a disk: a medium error */
        };
        const ImrRecord *record = POISON;
        ImrList *list = NULL;
        uint64_t n = 0;
        int fd;

        (void)state;
        load(TCB);
        fd = file_of(content.data, content.n);
        assert_int_equal(imr_list_new_from_fd(fd, &list), 0);
        for (size_t i = 0; i < N_OF(rows); ++i) {
                read_error = rows[i].error;
                assert_int_equal(imr_list_next(list, &record), rows[i].want);
                assert_ptr_equal(record, POISON);
                assert_non_null(strstr(imr_list_error(list), "cannot be read"));
        }
        read_error = 0;
        assert_int_equal(drain(list, NULL, &n), 0);
        assert_int_equal(n, TCB_RECORDS);
        imr_list_free(list);
        assert_int_equal(close(fd), 0);
}

/* Whichever hash of a record fails: no verdict and no value any more, even if the next one works.
 */
static void test_hash(void **state) {
        static const uint8_t zeros[20];
        uint8_t value[IMR_DIGEST_MAX];
        ImrVerdict verdict = IMR_VERDICT_EMPTY;
        const ImrRecord *record;
        ImrList *list = NULL;
        size_t n = 77;
        int fd;

        (void)state;
        load(TCB);
        fd = file_of(content.data, content.n);
        assert_int_equal(imr_list_new_from_fd(fd, &list), 0);
        assert_int_equal(imr_list_next(list, &record), 1);
        for (unsigned fails = 1; fails <= 3; ++fails) {
                ImrVerify *v = NULL;

                assert_int_equal(imr_verify_new(&v), 0);
                assert_int_equal(imr_verify_expect(v, TCB_PCR, "sha1", zeros, sizeof(zeros)), 0);
                hash_fails_in = fails;
                assert_int_equal(imr_verify_record(v, record), -EIO);
                hash_fails_in = 0;
                assert_int_equal(imr_verify_record(v, record), -EIO);
                assert_int_equal(imr_verify_result(v, TCB_PCR, &verdict, NULL, NULL), -EIO);
                assert_int_equal(verdict, IMR_VERDICT_EMPTY);
                assert_int_equal(imr_verify_value(v, TCB_PCR, "sha1", value, sizeof(value), &n),
                                 -EIO);
                assert_int_equal(n, 77);
                imr_verify_free(v);
        }
        hash_fails_in = 1;
        assert_int_equal(imr_record_digest_fits(record), -EIO);
        hash_fails_in = 0;
        assert_int_equal(imr_record_digest_fits(record), 1);
        imr_list_free(list);
        assert_int_equal(close(fd), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_read),
                cmocka_unit_test(test_hash),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
