/* SPDX-License-Identifier: BSD-2-Clause */
#include "api-fixture.h"

#include <sys/mman.h>

Content content;

/**
 * lists_path() - path of a file among the captured lists
 * @path: the path
 * @file: name of the file, or a pattern
 */
void lists_path(char path[static PATH_MAX], const char *file) {
        const char *top = getenv("TEST_DATA_DIR");
        int n = snprintf(path, PATH_MAX, "%s/lists/%s", top ? top : TEST_DATA_DIR, file);

        assert_true(n > 0 && n < PATH_MAX);
}

/**
 * load_path() - read a file into content, with a NUL behind it
 * @path: the file, below FILE_MAX bytes
 */
void load_path(const char *path) {
        FILE *f = fopen(path, "re");

        assert_non_null(f);
        content.n = fread(content.data, 1, sizeof(content.data) - 1, f);
        assert_true(content.n < sizeof(content.data) - 1);
        content.data[content.n] = 0;
        assert_int_equal(fclose(f), 0);
}

/**
 * load() - read a captured list into content
 * @file: name of the file
 */
void load(const char *file) {
        char path[PATH_MAX];

        lists_path(path, file);
        load_path(path);
}

/**
 * file_append() - write behind the end of a file, without moving the place where it is read
 * @fd:   the file
 * @data: what
 * @n:    how much
 */
void file_append(int fd, const uint8_t *data, size_t n) {
        off_t place = lseek(fd, 0, SEEK_CUR);
        off_t end = lseek(fd, 0, SEEK_END);

        assert_true(place >= 0 && end >= 0);
        assert_int_equal(pwrite(fd, data, n, end), n);
        assert_int_equal(lseek(fd, place, SEEK_SET), place);
}

/**
 * file_of() - a file of some bytes
 * @data: the bytes
 * @n:    how many
 *
 * Return: a descriptor that stands at the first of them; the caller closes it.
 */
int file_of(const uint8_t *data, size_t n) {
        int fd = memfd_create("list", MFD_CLOEXEC);

        assert_true(fd >= 0);
        file_append(fd, data, n);
        return fd;
}

/**
 * drain() - read a list to where it stops
 * @list: the list
 * @v:    gets each record, or NULL
 * @n:    counts on from the position of the next record
 *
 * Return: what imr_list_next() said at last; it did not touch its output then, and told an error.
 */
int drain(ImrList *list, ImrVerify *v, uint64_t *n) {
        const ImrRecord *record = POISON;
        int r;

        while ((r = imr_list_next(list, &record)) == 1) {
                assert_int_equal(imr_record_position(record), (*n)++);
                if (v)
                        assert_int_equal(imr_verify_record(v, record), 0);
                record = POISON;
        }
        assert_ptr_equal(record, POISON);
        assert_int_equal(strlen(imr_list_error(list)) > 0, r < 0);
        return r;
}

/**
 * feed() - read a whole list
 * @v:     gets each record, or NULL
 * @data:  the list
 * @size:  its size
 * @ret_n: records read
 *
 * Return: as drain().
 */
int feed(ImrVerify *v, const uint8_t *data, size_t size, uint64_t *ret_n) {
        int fd = file_of(data, size), r;
        ImrList *list = NULL;

        *ret_n = 0;
        assert_int_equal(imr_list_new_from_fd(fd, &list), 0);
        r = drain(list, v, ret_n);
        assert_null(imr_list_free(list));
        assert_int_equal(close(fd), 0); /* it was borrowed */
        return r;
}

/**
 * offset_of() - where a record of content begins
 * @k: the record
 *
 * Return: bytes in front of it.
 */
size_t offset_of(uint64_t k) {
        int fd = file_of(content.data, content.n);
        const ImrRecord *record;
        ImrList *list = NULL;
        const uint8_t *raw;
        size_t at = 0, n;

        assert_int_equal(imr_list_new_from_fd(fd, &list), 0);
        for (; k > 0; --k) {
                assert_int_equal(imr_list_next(list, &record), 1);
                imr_record_raw(record, &raw, &n);
                at += n;
        }
        imr_list_free(list);
        assert_int_equal(close(fd), 0);
        return at;
}
