/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-listfile.c -- lists in files that grow, break off, are broken, large, or of any form.
 *
 * The files are in memory (memfd) and written behind the back of the reader, as the kernel adds to
 * its list. Records have OpenSSL's digests; offsets are sums of what was put into the file.
 */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "os/listfile.h"

#define NAME       "/usr/bin/true"
#define N_SAMPLES  3U
#define LARGE      (1U << 20) /* what a measured key may bring (kernel KEY_CHECK) */
#define LARGE_TEXT (3U << 19) /* as a line more than any binary record */

static const MlistForm sha1_le = { ORDER_LITTLE, DIGEST_SHA1 };

static int file_new(void) {
        int fd = memfd_create("list", MFD_CLOEXEC);

        assert_true(fd >= 0);
        return fd;
}

/* Add to the file; the offset of who reads it stays. */
static void file_grow(int fd, Bytes b) {
        off_t at = lseek(fd, 0, SEEK_CUR);
        struct stat st;

        assert_int_equal(fstat(fd, &st), 0);
        assert_int_equal(pwrite(fd, b.data, b.n, st.st_size), b.n);
        assert_int_equal(lseek(fd, 0, SEEK_CUR), at);
}

static Bytes sample(const MlistForm *form, uint32_t pcr) {
        Builder b = scratch();

        put_sample(&b, form, pcr, NAME);
        return scratch_done(&b);
}

/* One call; a failed one must leave the record alone. */
static int next(ListFile *l, MlistRecord *ret_record) {
        MlistRecord record, poison;
        int r;

        memset(&record, POISON, sizeof(record));
        poison = record;
        r = listfile_next(l, &record);
        if (r != 0)
                assert_memory_equal(&record, &poison, sizeof(record));
        else if (ret_record)
                *ret_record = record;
        return r;
}

static void check_place(const ListFile *l, uint64_t n_records, uint64_t offset, uint64_t n_left) {
        ListFilePlace place = listfile_place(l);

        assert_int_equal(place.n_records, n_records);
        assert_int_equal(place.offset, offset);
        assert_int_equal(place.n_left, n_left);
}

static void check_says(const ListFile *l, int outcome, const char *want) {
        char text[256], cut[8];

        listfile_explain(l, outcome, text, sizeof(text));
        assert_string_equal(text, want);
        listfile_explain(l, outcome, cut, sizeof(cut));
        assert_int_equal(strlen(cut), sizeof(cut) - 1);
        assert_memory_equal(cut, want, sizeof(cut) - 1);
}

static void open_list(int fd, bool any, ListFile **ret_list) {
        if (any)
                assert_int_equal(listfile_new_any(fd, NULL, ret_list), 0);
        else
                assert_int_equal(listfile_new(fd, DIGEST_SHA1, ret_list), 0);
}

/* Each record comes in two pieces, cut anywhere; neither END nor CUT is for ever. */
static void check_growing(const char *name, bool any, Bytes record) {
        ROW(name);
        for (size_t cut = 1; cut < record.n; ++cut) {
                _cleanup_close_ int fd = file_new();
                _cleanup_(listfile_freep) ListFile *l = NULL;
                MlistRecord got;

                open_list(fd, any, &l);
                assert_int_equal(listfile_detect(l), LISTFILE_E_END);
                for (size_t i = 0; i < 3; ++i) {
                        size_t at = i * record.n;
                        int r;

                        assert_int_equal(next(l, NULL), LISTFILE_E_END);
                        check_place(l, i, at, 0);
                        file_grow(fd, bytes_of(record.data, cut));
                        r = next(l, NULL);
                        CHECK(r == LISTFILE_E_CUT, "record %zu, cut at %zu: %d\n", i, cut, r);
                        check_place(l, i, at, cut);
                        file_grow(fd, bytes_of(record.data + cut, record.n - cut));
                        r = next(l, &got);
                        CHECK(r == 0, "record %zu, the rest behind %zu: %d\n", i, cut, r);
                        assert_true(bytes_equal(got.whole, record));
                        check_place(l, i + 1, at + record.n, 0);
                }
                assert_int_equal(next(l, NULL), LISTFILE_E_END);
        }
}

#define DIGEST20 "0123456789abcdef0123456789abcdef01234567"

/* A line of ima-buf that shows n bytes of 0xab; or, altered, 0xac that nobody hashed. */
static Bytes buf_line(size_t n, bool altered) {
        static uint8_t raw[LARGE_TEXT + 256];
        uint8_t value[20], digest[20];
        Builder data = builder_on(raw, sizeof(raw)), line = scratch();
        char text[160], hex[41];

        builder_put_u32(&data, ORDER_LITTLE, 26);
        builder_put(&data, bytes_of("sha1:", 6));
        builder_put(&data, hex_of(DIGEST20, value, sizeof(value)));
        put_n_ng(&data, ORDER_LITTLE, "key");
        builder_put_u32(&data, ORDER_LITTLE, (uint32_t)n);
        for (size_t i = 0; i < n; ++i)
                builder_put_u8(&data, 0xab);
        assert_false(data.full);
        hash_of(DIGEST_SHA1, builder_bytes(&data), digest);
        for (size_t i = 0; i < sizeof(digest); ++i)
                (void)snprintf(hex + 2 * i, 3, "%02x", digest[i]);
        (void)snprintf(text, sizeof(text), "10 %s ima-buf sha1:%s key ", hex, DIGEST20);
        builder_put(&line, bytes_of_text(text));
        for (size_t i = 0; i < n; ++i)
                builder_put(&line, altered ? BYTES_TEXT("ac") : BYTES_TEXT("ab"));
        builder_put(&line, BYTES_TEXT("\n"));
        return scratch_done(&line);
}

static void test_growing(void **state) {
        Bytes record = sample(&sha1_le, 10), line = buf_line(2, false);

        (void)state;
        check_growing("binary, of one algorithm", false, record);
        check_growing("binary, of any form", true, record);
        check_growing("text", true, line);
        heap_free(record);
        heap_free(line);
}

static void test_cut_says(void **state) {
        _cleanup_close_ int fd = file_new();
        _cleanup_(listfile_freep) ListFile *l = NULL;
        Bytes record = sample(&sha1_le, 10);
        char want[128];

        (void)state;
        open_list(fd, true, &l);
        file_grow(fd, record);
        file_grow(fd, bytes_of(record.data, 9));
        assert_int_equal(next(l, NULL), 0);
        assert_int_equal(next(l, NULL), LISTFILE_E_CUT);
        (void)snprintf(want, sizeof(want),
                       "cut: the last 9 bytes, from offset %zu on, are only a part of record 1",
                       record.n);
        check_says(l, LISTFILE_E_CUT, want);
        heap_free(record);
}

/* Nothing that comes later mends a list; and the fault stays where it was. */
static void test_broken(void **state) {
        Bytes good = sample(&sha1_le, 10), bad = sample(&sha1_le, 99);
        char want[128];

        (void)state;
        (void)snprintf(want, sizeof(want),
                       "malformed: record 1, offset %zu: a PCR from 0 to 63 was expected, not 99",
                       good.n);
        for (int any = 0; any <= 1; ++any) {
                _cleanup_close_ int fd = file_new();
                _cleanup_(listfile_freep) ListFile *l = NULL;

                open_list(fd, any, &l);
                file_grow(fd, good);
                assert_int_equal(next(l, NULL), 0);
                file_grow(fd, bad);
                for (int i = 0; i < 4; ++i) {
                        assert_int_equal(next(l, NULL), LISTFILE_E_BROKEN);
                        check_place(l, 1, good.n, bad.n);
                        assert_int_equal(listfile_place(l).error.fault, MLIST_FAULT_PCR);
                        assert_int_equal(listfile_place(l).error.value, 99);
                        check_says(l, LISTFILE_E_BROKEN, want);
                        file_grow(fd, good);
                }
        }
        heap_free(good);
        heap_free(bad);
}

/* What is no list at all: detect says so, and again; the file's offset of the fault is told. */
static void test_no_list(void **state) {
        static const struct {
                const char *name, *text, *says;
        } texts[] = {
                { "a line without digest", "10 ima-ng sha1:00 /a\n",
                  "malformed: record 0, offset 3: a template digest in hex was expected behind "
                  "the PCR, as wide as that of record 0 and of a known algorithm" },
                { "prose", "This is text, and by its length it could be a list with records.\n",
                  "malformed: record 0, offset 0: this is no list: neither byte order with "
                  "digests of 20, 32, 48 or 64 bytes gives a PCR below 64 and a template name of "
                  "1 to 255 bytes" },
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(texts); ++i) {
                _cleanup_close_ int fd = file_new();
                _cleanup_(listfile_freep) ListFile *l = NULL;

                ROW(texts[i].name);
                file_grow(fd, bytes_of_text(texts[i].text));
                open_list(fd, true, &l);
                assert_int_equal(listfile_detect(l), LISTFILE_E_BROKEN);
                assert_int_equal(listfile_detect(l), LISTFILE_E_BROKEN);
                assert_int_equal(next(l, NULL), LISTFILE_E_BROKEN);
                check_place(l, 0, 0, strlen(texts[i].text));
                check_says(l, LISTFILE_E_BROKEN, texts[i].says);
        }
}

/* Two ways to read it, and a record comes that would tell: what was refused stays refused. */
static void test_two_ways(void **state) {
        /* A record with 20 bytes of digest, and one with 32 (name_len 1, name 04, no data). */
        static const uint8_t two[48] = {
                [0] = 10, [4] = 1, [24] = 12, [28] = 'i', [29] = 'm', [30] = 'a', [36] = 1, [40] = 4
        };
        _cleanup_close_ int fd = file_new();
        _cleanup_(listfile_freep) ListFile *l = NULL;
        Bytes record = sample(&sha1_le, 10);

        (void)state;
        file_grow(fd, bytes_of(two, sizeof(two)));
        open_list(fd, true, &l);
        assert_int_equal(next(l, NULL), LISTFILE_E_BROKEN);
        check_says(l, LISTFILE_E_BROKEN,
                   "malformed: record 0, offset 0: the list can be read in two ways, and no digest "
                   "tells which is right: the algorithm of its digests must be given");
        file_grow(fd, record);
        assert_int_equal(next(l, NULL), LISTFILE_E_BROKEN);
        assert_int_equal(listfile_place(l).error.fault, MLIST_FAULT_FORM_TWO);
        heap_free(record);
}

/* Small ones before and behind: the buffer grows with bytes in it, and goes on when it is large. */
static void check_large(const char *name, bool any, Bytes small, Bytes large) {
        Bytes records[] = { small, large, small, large, small };
        _cleanup_close_ int fd = file_new();
        _cleanup_(listfile_freep) ListFile *l = NULL;
        uint64_t offset = 0;

        ROW(name);
        open_list(fd, any, &l);
        for (size_t i = 0; i < ELEMENTSOF(records); ++i)
                file_grow(fd, records[i]);
        for (size_t i = 0; i < ELEMENTSOF(records); ++i) {
                MlistRecord got;

                assert_int_equal(next(l, &got), 0);
                assert_true(bytes_equal(got.whole, records[i]));
                offset += records[i].n;
                assert_int_equal(listfile_place(l).offset, offset);
        }
        assert_int_equal(next(l, NULL), LISTFILE_E_END);
}

static void test_large(void **state) {
        _cleanup_free_ uint8_t *raw = calloc(1, LARGE);
        Bytes small = sample(&sha1_le, 10), line = buf_line(2, false), large, large_line;
        Builder b = scratch();

        (void)state;
        assert_non_null(raw);
        put_record(&b, &sha1_le, 10, "ima-buf", bytes_of(raw, LARGE));
        large = scratch_done(&b);
        check_large("binary, of one algorithm", false, small, large);
        check_large("binary, of any form", true, small, large);
        large_line = buf_line(LARGE_TEXT, false);
        check_large("text", true, line, large_line);
        heap_free(small);
        heap_free(large);
        heap_free(line);
        heap_free(large_line);
}

/* Data of 2 MiB and a byte is refused by its length: the buffer never grows for it. */
static void test_too_large(void **state) {
        static const uint8_t zeros[20];
        _cleanup_close_ int fd = file_new();
        _cleanup_(listfile_freep) ListFile *l = NULL;
        Builder b = scratch();
        Bytes head;

        (void)state;
        put_head(&b, &sha1_le, 10, bytes_of(zeros, 20), "ima-ng");
        builder_put_u32(&b, ORDER_LITTLE, (2U << 20) + 1);
        head = scratch_done(&b);
        file_grow(fd, head);
        open_list(fd, false, &l);
        assert_int_equal(next(l, NULL), LISTFILE_E_BROKEN);
        check_says(l, LISTFILE_E_BROKEN,
                   "malformed: record 0, offset 34: template data of at most 2 MiB was expected, "
                   "not 2097153");
        heap_free(head);
}

static void check_form(const MlistForm *form, const DigestAlg *only) {
        _cleanup_close_ int fd = file_new();
        _cleanup_(listfile_freep) ListFile *l = NULL;
        Bytes record = sample(form, 10);

        for (size_t i = 0; i < N_SAMPLES; ++i)
                file_grow(fd, record);
        assert_int_equal(listfile_new_any(fd, only, &l), 0);
        assert_int_equal(listfile_kind(l), LISTFILE_UNKNOWN);
        if (only)
                assert_int_equal(listfile_form(l)->alg, *only);
        assert_int_equal(listfile_detect(l), 0);
        assert_int_equal(listfile_place(l).n_records, 0);
        assert_int_equal(listfile_kind(l), LISTFILE_BINARY);
        assert_int_equal(listfile_form(l)->alg, form->alg);
        assert_int_equal(listfile_form(l)->order, form->order);
        assert_non_null(listfile_hasher(l));
        for (size_t i = 0; i < N_SAMPLES; ++i)
                assert_int_equal(next(l, NULL), 0);
        assert_int_equal(next(l, NULL), LISTFILE_E_END);
        assert_int_equal(listfile_detect(l), 0);
        heap_free(record);
}

static void test_forms(void **state) {
        (void)state;
        for (DigestAlg alg = 0; alg < _DIGEST_ALG_N; ++alg) {
                if (!all_hashers.of[alg])
                        continue;
                ROW(digest_name(alg));
                for (ByteOrder order = 0; order < _ORDER_N; ++order) {
                        check_form(&(MlistForm){ order, alg }, NULL);
                        check_form(&(MlistForm){ order, alg }, &alg);
                }
        }
}

/* Of another width than it was said: no list. Of the same width, and no digest tells: as said. */
static void test_only(void **state) {
        static const DigestAlg sha256 = DIGEST_SHA256;
        static const MlistForm form = { ORDER_LITTLE, DIGEST_SHA256 };
        Bytes record = sample(&sha1_le, 10), violation;
        Builder b = scratch();

        (void)state;
        {
                _cleanup_close_ int fd = file_new();
                _cleanup_(listfile_freep) ListFile *l = NULL;

                file_grow(fd, record);
                assert_int_equal(listfile_new_any(fd, &sha256, &l), 0);
                assert_int_equal(next(l, NULL), LISTFILE_E_BROKEN);
        }
        put_violation(&b, &form, 10, "ima-ng", BYTES_TEXT("any data"));
        violation = scratch_done(&b);
        for (DigestAlg alg = 0; alg < _DIGEST_ALG_N; ++alg) {
                _cleanup_close_ int fd = file_new();
                _cleanup_(listfile_freep) ListFile *l = NULL;

                if (!all_hashers.of[alg] || digest_size(alg) != 32)
                        continue;
                ROW(digest_name(alg));
                file_grow(fd, violation);
                assert_int_equal(listfile_new_any(fd, &alg, &l), 0);
                assert_int_equal(next(l, NULL), 0);
                assert_int_equal(listfile_form(l)->alg, alg);
        }
        heap_free(record);
        heap_free(violation);
}

/* An altered line in the middle: PCR, digest and name are known, and the next line is good. */
static void test_lossy(void **state) {
        _cleanup_close_ int fd = file_new();
        _cleanup_(listfile_freep) ListFile *l = NULL;
        Bytes good = buf_line(2, false), altered = buf_line(2, true);
        const MlistRecord *lossy;
        char want[256];

        (void)state;
        file_grow(fd, good);
        file_grow(fd, altered);
        file_grow(fd, good);
        open_list(fd, true, &l);
        assert_int_equal(next(l, NULL), 0);
        assert_int_equal(listfile_kind(l), LISTFILE_ASCII);
        assert_int_equal(listfile_form(l)->alg, DIGEST_SHA1);
        assert_int_equal(listfile_form(l)->order, ORDER_LITTLE);
        assert_int_equal(next(l, NULL), LISTFILE_E_LOSSY);
        check_place(l, 2, good.n + altered.n, good.n);
        lossy = listfile_lossy(l);
        assert_true(bytes_equal(lossy->whole, altered));
        assert_int_equal(lossy->pcr, 10);
        assert_true(bytes_equal_text(lossy->name, "ima-buf"));
        assert_int_equal(lossy->digest.n, 20);
        assert_int_equal(lossy->data.n, 0);
        (void)snprintf(want, sizeof(want),
                       "not certain: record 1, offset %zu: the line does not give the digest that "
                       "it claims: it was altered, or does not show all bytes; → try the binary "
                       "list",
                       good.n);
        check_says(l, LISTFILE_E_LOSSY, want);
        assert_int_equal(next(l, NULL), 0);
        check_place(l, 3, 2 * good.n + altered.n, 0);
        assert_int_equal(next(l, NULL), LISTFILE_E_END);
        heap_free(good);
        heap_free(altered);
}

/* Reading that fails is fatal and neither END nor BROKEN; the file is only borrowed. */
static void test_fd(void **state) {
        _cleanup_close_ int fd = open("/", O_RDONLY | O_CLOEXEC);
        _cleanup_(listfile_freep) ListFile *l = NULL;

        (void)state;
        assert_true(fd >= 0);
        open_list(fd, true, &l);
        assert_int_equal(listfile_detect(l), -EISDIR);
        assert_int_equal(next(l, NULL), -EISDIR);
        l = listfile_free(l);
        assert_null(l);
        assert_null(listfile_free(NULL));
        assert_true(fcntl(fd, F_GETFD) >= 0);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_growing),  cmocka_unit_test(test_cut_says),
                cmocka_unit_test(test_broken),   cmocka_unit_test(test_no_list),
                cmocka_unit_test(test_large),    cmocka_unit_test(test_too_large),
                cmocka_unit_test(test_forms),    cmocka_unit_test(test_only),
                cmocka_unit_test(test_lossy),    cmocka_unit_test(test_fd),
                cmocka_unit_test(test_two_ways),
        };

        return cmocka_run_group_tests(tests, all_hashers_open, all_hashers_close);
}
