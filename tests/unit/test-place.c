/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-place.c -- places by content, in lists of many lengths: each position is entered from a mark
 * that is near, and found by its value; all against values that were replayed from record 0.
 */
#include "fixture.h"

#include <stdlib.h>
#include <string.h>

#include "core/place.h"
#include "core/replay.h"

#define N_MAX 20000U

static Digest *want[2]; /* V at each position: PCR 10 and 12 */
static PlaceChain chain[2];

/* Records for PCR 12 come in runs, so that a value stands at many positions, over marks, too. */
static MlistRecord record_at(uint64_t i) {
        static char text[24];
        uint32_t pcr = i % 700 >= 500 || i == 3 ? 12 : 10;

        (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)i);
        return bare_record(pcr, text, i % 11 == 5);
}

static int setup(void **state) {
        if (all_hashers_open(state) != 0)
                return -1;
        for (size_t c = 0; c < 2; ++c) {
                chain[c] =
                        (PlaceChain){ .pcr = c ? 12 : 10,
                                      .alg = c ? DIGEST_SHA1 : DIGEST_SHA256,
                                      .hasher = all_hashers.of[c ? DIGEST_SHA1 : DIGEST_SHA256] };
                want[c] = calloc(N_MAX + 1, sizeof(**want));
        }
        for (uint64_t i = 0; i < N_MAX; ++i) {
                MlistRecord record = record_at(i);

                for (size_t c = 0; c < 2; ++c) {
                        Replay r;

                        want[c][i + 1] = want[c][i];
                        replay_init(&r, BANK(chain[c].alg), &all_hashers);
                        r.chain[record.pcr].value.of[chain[c].alg] = want[c][i];
                        if (record.pcr != chain[c].pcr)
                                continue;
                        assert_int_equal(replay_record(&r, &record), 0);
                        want[c][i + 1] = r.chain[record.pcr].value.of[chain[c].alg];
                }
        }
        return 0;
}

static int teardown(void **state) {
        free(want[0]);
        free(want[1]);
        return all_hashers_close(state);
}

static bool is_value(size_t c, const Digest *value, uint64_t position) {
        return digest_equal(chain[c].alg, value, &want[c][position]);
}

static void walk(Places *p, uint64_t to) {
        while (p->end.position < to) {
                MlistRecord record = record_at(p->end.position);

                assert_int_equal(places_pass(p, &record), 0);
        }
}

/* Enter at a position; the records that it took. */
static uint64_t enter(const Places *p, uint64_t position) {
        Place at = places_before(p, position);
        uint64_t n = 0;

        assert_true(at.position <= position);
        for (; at.position < position; ++n) {
                MlistRecord record = record_at(at.position);

                assert_true(is_value(0, &at.value, at.position));
                assert_int_equal(place_pass(&p->chain, &record, &at), 0);
        }
        assert_true(is_value(0, &at.value, position));
        return n;
}

static void test_enter(void **state) {
        static const uint64_t lengths[] = { 0,    1,    2,    1023, 1024, 1025,
                                            2047, 2048, 2049, 4097, 9999, N_MAX };
        Places *p = malloc(sizeof(*p));

        (void)state;
        memset(p, POISON, sizeof(*p));
        places_init(p, &chain[0]);
        for (size_t k = 0; k < ELEMENTSOF(lengths); ++k) {
                walk(p, lengths[k]);
                assert_true(p->n_marks <= PLACE_MARKS);
                assert_true(p->stride <= 1 + 2 * lengths[k] / PLACE_MARKS);
                for (uint64_t i = 0; i <= lengths[k]; i += i % 7 == 3 ? 61 : 1)
                        CHECK(enter(p, i) < p->stride || i > p->end.position - p->stride,
                              "length %llu, position %llu\n", (unsigned long long)lengths[k],
                              (unsigned long long)i);
        }
        ROW("behind what was walked");
        assert_int_equal(places_before(p, UINT64_MAX).position, N_MAX);
        free(p);
}

static uint64_t lowest(size_t c, uint64_t position) {
        while (position > 0 && is_value(c, &want[c][position - 1], position))
                --position;
        return position;
}

/* Return: the outcome; *ret_n: records that it took. */
static int search(size_t c, Places *p, uint64_t end, const Digest *target, bool grows,
                  PlaceSearch *s, uint64_t *ret_n) {
        int r;

        *ret_n = 0;
        r = place_search_start(s, &chain[c], p, end, target);
        while (r == 0) {
                MlistRecord record = record_at(s->at.position);

                assert_true(s->at.position < end);
                assert_true(++*ret_n <= end);
                r = place_search_pass(s, &chain[c], p, &record);
                if (grows)
                        walk(p, MIN_OF(p->end.position + 50, (uint64_t)N_MAX));
        }
        return r;
}

static void check_search(size_t c, Places *p, uint64_t end, uint64_t position, bool grows) {
        PlaceSearch s;
        uint64_t n;

        CHECK(search(c, p, end, &want[c][position], grows, &s, &n) == PLACE_E_FOUND,
              "position %llu of %llu\n", (unsigned long long)position, (unsigned long long)end);
        CHECK(s.at.position == lowest(c, position), "%llu for %llu of %llu\n",
              (unsigned long long)s.at.position, (unsigned long long)position,
              (unsigned long long)end);
        assert_true(is_value(c, &s.at.value, s.at.position));
}

static void test_search(void **state) {
        static const uint64_t lengths[] = { 0, 1, 2, 700, 1024, 1025, 5000 };
        Places *p = malloc(sizeof(*p));
        PlaceSearch s;
        uint64_t n;

        (void)state;
        places_init(p, &chain[0]);
        for (size_t k = 0; k < ELEMENTSOF(lengths); ++k) {
                uint64_t end = lengths[k], step = end / 100 + 1;

                walk(p, end);
                for (uint64_t i = 0; i <= end; i += step) {
                        check_search(0, p, end, i, false);
                        check_search(1, NULL, end, i, false);
                }
                check_search(0, p, end, end, false);
                ROW("a value that comes later, and none at all");
                assert_int_equal(search(0, p, end, &want[0][end + 600], false, &s, &n),
                                 PLACE_E_NONE);
                assert_int_equal(n, end);
                assert_int_equal(search(1, NULL, end, &(Digest){ { 1 } }, false, &s, &n),
                                 PLACE_E_NONE);
        }
        ROW("the last value takes no walk over the list");
        walk(p, N_MAX);
        assert_int_equal(search(0, p, N_MAX, &want[0][N_MAX], false, &s, &n), PLACE_E_FOUND);
        assert_true(n < 700 + 2 * p->stride);
        ROW("the list goes on meanwhile, and marks are thinned out");
        places_init(p, &chain[0]);
        walk(p, 900);
        for (uint64_t i = 0; i <= 900; i += 90)
                check_search(0, p, 900, i, true);
        free(p);
}

/* V(0) is not zeros where the firmware has extended the PCR. */
static void test_base(void **state) {
        PlaceChain based = chain[0];
        Places *p = malloc(sizeof(*p));
        MlistRecord record = record_at(0);
        PlaceSearch s;
        Place at;

        (void)state;
        digest_fill(based.alg, 0x77, &based.base);
        at = place_start(&based);
        assert_true(digest_equal(based.alg, &at.value, &based.base));
        assert_int_equal(place_pass(&based, &record, &at), 0);
        assert_int_equal(at.position, 1);
        assert_false(is_value(0, &at.value, 1));
        places_init(p, &based);
        assert_int_equal(place_search_start(&s, &based, p, 0, &based.base), PLACE_E_FOUND);
        assert_int_equal(place_search_start(&s, &based, p, 0, &(Digest){}), PLACE_E_NONE);
        free(p);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_enter),
                cmocka_unit_test(test_search),
                cmocka_unit_test(test_base),
        };

        return cmocka_run_group_tests_name("place", tests, setup, teardown) != 0;
}
