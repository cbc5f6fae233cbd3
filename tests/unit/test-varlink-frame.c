/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-varlink-frame.c -- messages come in pieces of any size, and out as they were.
 */
#include "fixture.h"

#include <string.h>

#include "varlink/frame.h"

#define MAX 10000U

/* Put @in in, @piece bytes at a time (0: as many as there is room); take what is there after each.
 */
static void check_pieces(Bytes in, size_t piece, const size_t sizes[], size_t n_sizes) {
        Frame f = frame_of(MAX);
        size_t n_taken = 0, at = 0;

        while (in.n > 0) {
                uint8_t *to;
                size_t room, n;
                Bytes part, m;

                assert_int_equal(frame_room(&f, &to, &room), 0);
                assert_true(room > 0 && f.size <= MAX + 1);
                n = MIN_OF(MIN_OF(piece == 0 ? room : piece, room), in.n);
                assert_true(bytes_take(&in, n, &part));
                memcpy(to, part.data, n);
                frame_filled(&f, n);
                while (frame_take(&f, &m) == 0) {
                        CHECK(n_taken < n_sizes && m.n == sizes[n_taken],
                              "message %zu of %zu bytes\n", n_taken, m.n);
                        for (size_t i = 0; i < m.n; ++i)
                                assert_int_equal(m.data[i], 1 + (at + i) % 250);
                        assert_int_equal(m.data[m.n], 0);
                        at += m.n + 1;
                        ++n_taken;
                }
        }
        assert_int_equal(n_taken, n_sizes);
        assert_int_equal(frame_left(&f), 0);
        frame_trim(&f);
        assert_null(f.data);
        assert_int_equal(f.size, 0);
}

static void test_pieces(void **state) {
        static const size_t sizes[] = {
                0, 1, 2, 0, 4094, 4095, 4096, 4097, MAX - 1, MAX, MAX, 3, 0
        };
        static const size_t pieces[] = { 1, 2, 3, 7, 4095, 4096, 4097, MAX, 0 };
        uint8_t *data = malloc(8 * MAX);
        size_t n = 0;

        (void)state;
        assert_non_null(data);
        for (size_t i = 0; i < ELEMENTSOF(sizes); ++i) {
                for (size_t k = 0; k < sizes[i]; ++k, ++n)
                        data[n] = (uint8_t)(1 + n % 250);
                data[n++] = 0;
        }
        for (size_t i = 0; i < ELEMENTSOF(pieces); ++i)
                check_pieces(bytes_of(data, n), pieces[i], sizes, ELEMENTSOF(sizes));
        free(data);
}

/* One byte too many, in pieces of every kind, after other messages, with its NUL and without. */
static void test_limit(void **state) {
        static const size_t pieces[] = { 1, 5, MAX, 0 };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(pieces); ++i)
                for (unsigned before = 0; before < 3; ++before) {
                        _cleanup_(frame_deinit) Frame f = frame_of(MAX);
                        size_t n_left = before * 2 + MAX + 1, n_messages = 0;
                        int r = FRAME_E_MORE;
                        uint8_t *to;
                        size_t room;
                        Bytes m;

                        while (n_left > 0 && r == FRAME_E_MORE) {
                                size_t n;

                                assert_int_equal(frame_room(&f, &to, &room), 0);
                                n = MIN_OF(MIN_OF(pieces[i] == 0 ? room : pieces[i], room), n_left);
                                for (size_t k = 0; k < n; ++k, --n_left)
                                        to[k] = n_left > MAX + 1 && n_left % 2 == MAX % 2 ? 0 : 'x';
                                frame_filled(&f, n);
                                while ((r = frame_take(&f, &m)) == 0)
                                        ++n_messages;
                        }
                        assert_int_equal(n_messages, before);
                        assert_int_equal(r, FRAME_E_LIMIT);
                }
}

static void test_growth(void **state) {
        _cleanup_(frame_deinit) Frame f = frame_of(MAX);
        size_t sizes[] = { FRAME_START, 2 * FRAME_START, MAX + 1 };
        uint8_t *to;
        size_t n;

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(sizes); ++i) {
                Bytes m;

                assert_int_equal(frame_next_size(&f), sizes[i]);
                assert_int_equal(frame_room(&f, &to, &n), 0);
                assert_int_equal(f.size, sizes[i]);
                memset(to, 'x', n);
                frame_filled(&f, n - (i == 2));
                assert_int_equal(frame_take(&f, &m), FRAME_E_MORE);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_pieces),
                cmocka_unit_test(test_limit),
                cmocka_unit_test(test_growth),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
