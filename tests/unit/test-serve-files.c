/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-serve-files.c -- files that are given out: one for the same, none that is written to, and no
 * more than there is room for. Sizes are as they are said: nothing is written here.
 */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/serve-files.h"
#include "os/loop.h"

#define SEC UINT64_C(1000000)

static ServeFiles files;

static int setup(void **state) {
        (void)state;
        files = (ServeFiles){};
        return 0;
}

static int teardown(void **state) {
        (void)state;
        serve_files_close(&files);
        return 0;
}

static ServeFile *begun(uint64_t end) {
        ServeFile *f = NULL;

        assert_int_equal(serve_files_new(&files, &(ServeFileKey){ .end = end }, &f), 0);
        return f;
}

static ServeFile *whole(uint64_t end, uint64_t size) {
        ServeFile *f = begun(end);

        assert_non_null(f);
        assert_int_equal(write(f->fd, &(char){ 'x' }, 1), 1);
        assert_int_equal(serve_file_finish(f, size), 0);
        return f;
}

static int given(const ServeFile *f) {
        int fd = -1;

        assert_int_equal(serve_file_give(f, &fd), 0);
        return fd;
}

static bool is_there(uint64_t end) {
        return serve_files_find(&files, &(ServeFileKey){ .end = end }) != NULL;
}

/* A look long after the last one. */
static uint64_t look(void) {
        return serve_files_run(&files, files.swept_usec + 1000 * SEC);
}

static void test_key(void **state) {
        static const ServeFileKey others[] = {
                { .epoch = 2, .first = 3, .end = 4, .format = 5, .order = 1 },
                { .epoch = 1, .first = 2, .end = 4, .format = 5, .order = 1 },
                { .epoch = 1, .first = 3, .end = 5, .format = 5, .order = 1 },
                { .epoch = 1, .first = 3, .end = 4, .format = 4, .order = 1 },
                { .epoch = 1, .first = 3, .end = 4, .format = 5, .order = 0 },
                { .epoch = 1, .first = 3, .end = 4, .format = 5, .order = 1, .banks[23] = 1 },
        };
        const ServeFileKey key = { .epoch = 1, .first = 3, .end = 4, .format = 5, .order = 1 };
        ServeFile *f;

        (void)state;
        assert_int_equal(serve_files_new(&files, &key, &f), 0);
        assert_null(serve_files_find(&files, &key)); /* not whole yet */
        assert_int_equal(serve_file_finish(f, 0), 0);
        assert_ptr_equal(serve_files_find(&files, &key), f);
        for (size_t i = 0; i < ELEMENTSOF(others); ++i)
                CHECK(!serve_files_find(&files, &others[i]), "key %zu is taken for the other\n", i);
}

static void test_given(void **state) {
        const ServeFile *f = whole(1, 1);
        int a = given(f), b = given(f);
        struct stat of_a, of_b;
        char byte;

        (void)state;
        assert_int_equal(fcntl(a, F_GET_SEALS),
                         F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
        assert_int_equal(fcntl(a, F_GETFL) & O_ACCMODE, O_RDONLY);
        assert_true(fstat(a, &of_a) == 0 && fstat(b, &of_b) == 0 && of_a.st_ino == of_b.st_ino);
        assert_int_equal(read(a, &byte, 1), 1);
        assert_int_equal(read(b, &byte, 1), 1); /* an offset of its own */
        assert_int_equal(close(a) | close(b), 0);
}

static int pair[2];

static int keep_open(int fd) {
        return fd;
}

static int keep_copy(int fd) {
        int copy = dup(fd);

        assert_int_equal(close(fd), 0);
        return copy;
}

static int keep_sent(int fd) {
        union {
                struct cmsghdr head;
                char data[CMSG_SPACE(sizeof(int))];
        } control = {};
        struct iovec iov = { &(char){ 'x' }, 1 };
        struct msghdr m = { .msg_iov = &iov,
                            .msg_iovlen = 1,
                            .msg_control = &control,
                            .msg_controllen = sizeof(control) };

        control.head.cmsg_level = SOL_SOCKET;
        control.head.cmsg_type = SCM_RIGHTS;
        control.head.cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(&control.head), &fd, sizeof(int));
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        assert_int_equal(sendmsg(pair[0], &m, 0), 1);
        assert_int_equal(close(fd) | close(pair[0]), 0);
        return pair[1];
}

/* However it is held it stays, and no longer. */
static void test_held(void **state) {
        static const struct {
                const char *row;
                int (*keep)(int fd); /* returns what ends it when closed */
        } rows[] = { { "open", keep_open }, { "a copy", keep_copy }, { "on its way", keep_sent } };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                int end = rows[i].keep(given(whole(1, 1)));

                ROW(rows[i].row);
                assert_true(look() < LOOP_FOREVER);
                assert_true(is_there(1));
                assert_int_equal(close(end), 0);
                assert_int_equal(look(), LOOP_FOREVER);
                assert_false(is_there(1));
        }
}

static void test_mapped(void **state) {
        int fd = given(whole(1, 1));
        void *map = mmap(NULL, 1, PROT_READ, MAP_SHARED, fd, 0);

        (void)state;
        assert_true(map != MAP_FAILED);
        assert_int_equal(close(fd), 0);
        (void)look();
        assert_true(is_there(1));
        assert_int_equal(munmap(map, 1), 0);
        (void)look();
        assert_false(is_there(1));
}

static void test_seldom(void **state) {
        uint64_t until;

        (void)state;
        (void)whole(1, 1);
        until = look();
        assert_int_equal(until, LOOP_FOREVER); /* nobody held it */
        (void)whole(1, 1);
        until = serve_files_run(&files, files.swept_usec + SEC);
        assert_true(is_there(1));
        assert_int_equal(serve_files_run(&files, until), LOOP_FOREVER);
}

static void test_room(void **state) {
        enum { N = SERVE_FILES_SIZE / SERVE_FILE_MAX };
        ServeFile *f;
        int fd[N];

        (void)state;
        f = begun(0); /* may become as large as any */
        for (int i = 1; i < N; ++i)
                fd[i] = given(whole((uint64_t)i, SERVE_FILE_MAX));
        assert_null(begun(N));
        serve_file_drop(f);
        f = begun(N);
        assert_non_null(f);
        assert_null(begun(N + 1));
        /* What nobody holds makes room. */
        assert_int_equal(close(fd[1]), 0);
        assert_non_null(begun(N + 1));
        assert_false(is_there(1));
        for (int i = 2; i < N; ++i)
                assert_int_equal(close(fd[i]), 0);
}

static void test_number(void **state) {
        int fd[SERVE_FILES_MAX];

        (void)state;
        for (size_t i = 0; i < SERVE_FILES_MAX; ++i)
                fd[i] = given(whole(i, 1));
        assert_null(begun(SERVE_FILES_MAX));
        for (size_t i = 0; i < SERVE_FILES_MAX; ++i)
                assert_int_equal(close(fd[i]), 0);
        assert_non_null(begun(SERVE_FILES_MAX));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_key, setup, teardown),
                cmocka_unit_test_setup_teardown(test_given, setup, teardown),
                cmocka_unit_test_setup_teardown(test_held, setup, teardown),
                cmocka_unit_test_setup_teardown(test_mapped, setup, teardown),
                cmocka_unit_test_setup_teardown(test_seldom, setup, teardown),
                cmocka_unit_test_setup_teardown(test_room, setup, teardown),
                cmocka_unit_test_setup_teardown(test_number, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
