/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-lag.c -- the figures of the lag, against one time a record and a count over all samples.
 */
#include "fixture.h"

#include <string.h>

#include "core/lag.h"

#define MODEL_MAX 65536U /* records */

/* As naive as can be: nothing is a ring, nothing is merged, nothing falls out. */
typedef struct Model {
        uint64_t seen_usec[MODEL_MAX], sample_usec[MODEL_MAX];
        uint64_t n_seen, n_done, n_samples, n_backlog;
        bool is_following;
} Model;

static Model model;
static Lag lag;

static void both_init(void) {
        memset(&model, 0, sizeof(model));
        memset(&lag, POISON, sizeof(lag));
        lag_init(&lag);
}

static void both_saw(uint64_t n, uint64_t now) {
        assert_true(n <= MODEL_MAX);
        for (; model.n_seen < n; ++model.n_seen)
                model.seen_usec[model.n_seen] = now;
        lag_saw(&lag, n, now);
}

static void both_done(uint64_t n, uint64_t now) {
        for (uint64_t i = model.n_done; i < n; ++i) {
                uint64_t seen = i < model.n_seen ? model.seen_usec[i] : now;

                if (model.is_following && i >= model.n_backlog)
                        model.sample_usec[model.n_samples++] = now - seen;
        }
        model.n_done = MAX_OF(model.n_done, n);
        model.n_seen = MAX_OF(model.n_seen, n);
        lag_done(&lag, n, now);
}

static void both_follow(uint64_t n_backlog) {
        model.is_following = true;
        model.n_backlog = n_backlog;
        lag_follow(&lag, n_backlog);
}

/* The definition of nearest rank: the smallest sample that at least so many do not exceed. */
static uint64_t model_percentile(unsigned percent) {
        uint64_t first = model.n_samples > LAG_SAMPLES ? model.n_samples - LAG_SAMPLES : 0;
        uint64_t best = UINT64_MAX;

        for (uint64_t i = first; i < model.n_samples; ++i) {
                uint64_t n_not_above = 0;

                if (model.sample_usec[i] >= best)
                        continue;
                for (uint64_t k = first; k < model.n_samples; ++k)
                        n_not_above += model.sample_usec[k] <= model.sample_usec[i];
                if (n_not_above * 100 >= (model.n_samples - first) * percent)
                        best = model.sample_usec[i];
        }
        return best;
}

static void check_figures(uint64_t now) {
        LagFigures f = lag_figures(&lag, now);
        uint64_t max = 0;

        assert_int_equal(f.n_records, model.n_seen - model.n_done);
        assert_int_equal(f.age_usec, f.n_records ? now - model.seen_usec[model.n_done] : 0);
        assert_int_equal(f.n_samples, MIN_OF(model.n_samples, LAG_SAMPLES));
        for (uint64_t i = 0; i < model.n_samples; ++i)
                max = MAX_OF(max, model.sample_usec[i]);
        assert_int_equal(f.max_usec, max);
        assert_int_equal(f.p50_usec, f.n_samples ? model_percentile(50) : 0);
        assert_int_equal(f.p99_usec, f.n_samples ? model_percentile(99) : 0);
}

static void check_seen(void) {
        for (uint64_t i = 0; i < model.n_seen + 2; ++i) {
                bool waits = i >= model.n_done && i < model.n_seen;
                uint64_t usec = lag_seen_usec(&lag, i), want = waits ? model.seen_usec[i] : 0;

                CHECK(usec == want, "record %zu: %zu, not %zu\n", (size_t)i, (size_t)usec,
                      (size_t)want);
        }
}

static void test_empty(void **state) {
        (void)state;
        both_init();
        check_figures(0);
        check_figures(UINT64_MAX);
        check_seen();
        both_follow(0);
        check_figures(77);
}

static void test_by_hand(void **state) {
        LagFigures f;

        (void)state;
        both_init();
        lag_saw(&lag, 3, 1000);
        lag_saw(&lag, 5, 2000);
        lag_done(&lag, 4, 2500);
        f = lag_figures(&lag, 2600);
        assert_int_equal(f.n_records, 1);
        assert_int_equal(f.age_usec, 600);
        assert_int_equal(f.n_samples, 0);
        lag_follow(&lag, 6);
        lag_saw(&lag, 6, 3000);
        lag_saw(&lag, 8, 4000);
        lag_done(&lag, 8, 4300);
        f = lag_figures(&lag, 5000);
        assert_int_equal(f.n_records, 0);
        assert_int_equal(f.age_usec, 0);
        assert_int_equal(f.n_samples, 2);
        assert_int_equal(f.p50_usec, 300);
        assert_int_equal(f.max_usec, 300);
        /* Never seen before it was done: seen now. */
        lag_done(&lag, 9, 9000);
        f = lag_figures(&lag, 9000);
        assert_int_equal(f.n_records, 0);
        assert_int_equal(f.n_samples, 3);
        assert_int_equal(f.p50_usec, 300);
        lag_done(&lag, 11, 9000);
        f = lag_figures(&lag, 9000);
        assert_int_equal(f.n_samples, 5);
        assert_int_equal(f.p50_usec, 0);
        assert_int_equal(f.p99_usec, 300);
}

/* The walk begins again, or the clock does: nothing changes, nothing wraps. */
static void test_backwards(void **state) {
        (void)state;
        both_init();
        both_follow(0);
        both_saw(10, 1000);
        both_done(6, 1200);
        for (uint64_t n = 0; n <= 10; ++n) {
                both_saw(n, 5000);
                check_seen();
        }
        for (uint64_t n = 0; n <= 6; ++n) {
                both_done(n, 5000);
                check_figures(6000);
        }
        lag_done(&lag, 10, 900);
        assert_int_equal(lag_figures(&lag, 0).n_samples, 10);
        assert_int_equal(lag_figures(&lag, 0).max_usec, 200);
        lag_saw(&lag, 11, 1000);
        assert_int_equal(lag_figures(&lag, 0).age_usec, 0);
}

static void test_follow_counts_once(void **state) {
        (void)state;
        both_init();
        both_follow(2);
        lag_follow(&lag, 100);
        both_saw(5, 10);
        both_done(5, 20);
        check_figures(20);
        assert_int_equal(lag_figures(&lag, 20).n_samples, 3);
}

static uint32_t random_next(uint64_t *seed) {
        *seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407U;
        return (uint32_t)(*seed >> 33);
}

/* Fewer marks than the ring has, far more samples: all of it must be exact. */
static void test_random(void **state) {
        (void)state;
        for (uint64_t row = 0; row < 40; ++row) {
                uint64_t seed = row, now = row * 1000;
                unsigned n_steps = 200 + random_next(&seed) % 4000;

                both_init();
                for (unsigned i = 0; i < n_steps; ++i) {
                        uint64_t left = model.n_seen - model.n_done;

                        now += random_next(&seed) % 500;
                        if (random_next(&seed) % 2 && lag.n_marks < LAG_MARKS)
                                both_saw(model.n_seen + random_next(&seed) % 9, now);
                        else
                                both_done(model.n_done + random_next(&seed) % (left + 2), now);
                        if (!model.is_following && random_next(&seed) % 200 == 0)
                                both_follow(model.n_done + random_next(&seed) % 50);
                        if (random_next(&seed) % (n_steps / 4) == 0) {
                                check_seen();
                                check_figures(now + random_next(&seed) % 1000);
                        }
                }
                check_seen();
                check_figures(now);
        }
}

/* No figure may flatter: each record's time is its own or an earlier one, and not much earlier. */
static void check_never_late(uint64_t slack) {
        uint64_t before = 0;

        for (uint64_t i = model.n_done; i < model.n_seen; ++i) {
                uint64_t usec = lag_seen_usec(&lag, i), want = model.seen_usec[i];

                CHECK(usec <= want && usec >= before && want - usec <= slack,
                      "record %zu: %zu for %zu\n", (size_t)i, (size_t)usec, (size_t)want);
                before = usec;
        }
        if (model.n_done == 0)
                assert_int_equal(lag_seen_usec(&lag, 0), model.seen_usec[0]);
}

static void test_full_ring(void **state) {
        static const struct {
                const char *row;
                unsigned jitter_usec;
                unsigned done_in; /* one step in so many ends a record */
                unsigned share;   /* of the whole time: how much too early at most */
        } rows[] = {
                { "even", 0, 0, 250 },
                { "uneven", 20000, 0, 250 },
                { "and some are done, so that the ring turns", 20000, 2, 150 },
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                uint64_t seed = i, now = 1;

                ROW(rows[i].row);
                both_init();
                both_follow(0);
                for (unsigned k = 1; k <= 20000; ++k) {
                        now += 1000;
                        if (rows[i].jitter_usec > 0)
                                now += random_next(&seed) % rows[i].jitter_usec;
                        both_saw(model.n_seen + 1 + random_next(&seed) % 3, now);
                        if (rows[i].done_in > 0 && k % rows[i].done_in == 0)
                                both_done(model.n_done + 1, now);
                        assert_true(lag.n_marks <= LAG_MARKS);
                        if (k % 1000 == 0 || (k > LAG_MARKS - 2 && k < LAG_MARKS + 3))
                                check_never_late(now / rows[i].share);
                }
                lag_done(&lag, model.n_seen, now);
                assert_int_equal(lag.n_marks, 0);
                assert_int_equal(lag.n_samples, model.n_seen);
        }
}

/* Exactly as many marks as there are, then one more at the same time as another: nothing lost. */
static void test_merges_what_is_nearest(void **state) {
        (void)state;
        for (uint64_t twin = 1; twin < LAG_MARKS; twin += 341) {
                both_init();
                for (uint64_t i = 0; i < LAG_MARKS; ++i)
                        both_saw(i + 1, 1000 * (i >= twin ? i - 1 : i) + 1);
                check_seen();
                both_saw(LAG_MARKS + 1, UINT64_C(1000) * LAG_MARKS);
                check_seen();
                assert_int_equal(lag.n_marks, LAG_MARKS);
        }
}

static void test_saturation(void **state) {
        static const struct {
                uint64_t usec, p50;
        } rows[] = {
                { UINT32_MAX - UINT64_C(1), UINT32_MAX - UINT64_C(1) },
                { UINT32_MAX, UINT32_MAX },
                { UINT32_MAX + UINT64_C(1), UINT32_MAX },
                { UINT64_MAX, UINT32_MAX },
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                LagFigures f;

                both_init();
                lag_follow(&lag, 0);
                lag_saw(&lag, 1, 0);
                lag_done(&lag, 1, rows[i].usec);
                f = lag_figures(&lag, rows[i].usec);
                assert_int_equal(f.p50_usec, rows[i].p50);
                assert_int_equal(f.p99_usec, rows[i].p50);
                assert_int_equal(f.max_usec, rows[i].usec);
        }
}

/* A number of records that no loop may follow one by one, and the end of the numbers. */
static void test_huge(void **state) {
        LagFigures f;

        (void)state;
        both_init();
        lag_follow(&lag, 0);
        lag_saw(&lag, UINT64_MAX - 1, 10);
        lag_done(&lag, UINT64_MAX - 2, 30);
        f = lag_figures(&lag, 40);
        assert_int_equal(f.n_records, 1);
        assert_int_equal(f.age_usec, 30);
        assert_int_equal(f.n_samples, LAG_SAMPLES);
        assert_int_equal(f.p50_usec, 20);
        lag_done(&lag, UINT64_MAX, 50);
        f = lag_figures(&lag, 60);
        assert_int_equal(f.n_records, 0);
        assert_int_equal(f.p99_usec, 20);
        assert_int_equal(f.max_usec, 40);
        assert_int_equal(lag.n_samples, UINT64_MAX);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_empty),
                cmocka_unit_test(test_by_hand),
                cmocka_unit_test(test_backwards),
                cmocka_unit_test(test_follow_counts_once),
                cmocka_unit_test(test_random),
                cmocka_unit_test(test_full_ring),
                cmocka_unit_test(test_merges_what_is_nearest),
                cmocka_unit_test(test_saturation),
                cmocka_unit_test(test_huge),
        };

        return cmocka_run_group_tests_name("lag", tests, NULL, NULL) != 0;
}
