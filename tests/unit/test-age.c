/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-age.c -- a TPM's clock against the age of its device node: each boot that we could think of.
 *
 * Rows tell what happened; the facts follow from it as the kernel would make them.
 */
#include "fixture.h"

#include "core/age.h"

#define MSEC INT64_C(1000)
#define SEC  (1000 * MSEC)
#define HOUR (3600 * SEC)

/* A machine that runs for `up`: its TPM was powered `early` before the kernel began to count. */
typedef struct Boot {
        int64_t up_usec;
        int64_t node_at_usec; /* on BOOTTIME */
        int64_t null_at_usec; /* ... */
        int64_t early_usec;
        int64_t tpm_reset_usec;  /* on BOOTTIME; 0: none */
        int64_t tpm_percent;     /* its clock's speed; 0: right */
        int64_t set_before_null; /* the wall clock was set by so much, before each was made */
        int64_t set_before_node;
        int64_t set_after;      /* ... and when both were there */
        int64_t suspended_usec; /* included in `up` */
} Boot;

static AgeVerdict judge(const Boot *b) {
        int64_t ran =
                b->tpm_reset_usec ? b->up_usec - b->tpm_reset_usec : b->up_usec + b->early_usec;
        AgeFacts f = {
                .has_node = true,
                .boottime_usec = (uint64_t)b->up_usec,
                .monotonic_usec = (uint64_t)(b->up_usec - b->suspended_usec),
                .null_usec = b->up_usec - b->null_at_usec + b->set_before_node + b->set_after,
                .node_usec = b->up_usec - b->node_at_usec + b->set_after,
        };

        return age_judge(&f,
                         (uint64_t)(ran * (b->tpm_percent ? b->tpm_percent : 100) / 100 / MSEC));
}

static const struct {
        const char *row;
        Boot boot;
        AgeVerdict verdict;
} boots[] = {
        { "an early TPM", { HOUR, 2 * SEC, SEC / 5, 8 * SEC }, AGE_FITS },
        { "a driver as a module: the TPM runs since power-on, the node is young",
          { HOUR, HOUR - SEC, SEC / 5, 8 * SEC },
          AGE_FITS },
        { "the node is made this moment", { HOUR, HOUR, SEC / 5, 8 * SEC }, AGE_FITS },
        { "the boot is seconds old", { 3 * SEC, 2 * SEC, SEC / 5, 8 * SEC }, AGE_FITS },
        { "the TPM is no older than its node", { HOUR, 0, SEC / 5, 0 }, AGE_FITS },
        { "a slow TPM clock", { HOUR, 2 * SEC, SEC / 5, 0, 0, 68 }, AGE_FITS },
        { "a fast TPM clock", { HOUR, 2 * SEC, SEC / 5, 0, 0, 133 }, AGE_FITS },
        { "reset half-way", { HOUR, 2 * SEC, SEC / 5, 8 * SEC, HOUR / 2 }, AGE_RESET },
        { "reset half-way, a fast clock hides much of it",
          { HOUR, 2 * SEC, SEC / 5, 8 * SEC, HOUR / 2, 125 },
          AGE_RESET },
        { "reset just now", { HOUR, 2 * SEC, SEC / 5, 8 * SEC, HOUR }, AGE_RESET },
        { "reset early: within the tolerance",
          { HOUR, 2 * SEC, SEC / 5, 8 * SEC, HOUR / 5 },
          AGE_FITS },
        { "reset before the node was made: not to be seen",
          { HOUR, 10 * SEC, SEC / 5, 8 * SEC, 5 * SEC },
          AGE_FITS },
        { "clock set forward, the nodes were there",
          { HOUR, 2 * SEC, SEC / 5, 8 * SEC, .set_after = 10 * HOUR },
          AGE_UNKNOWN },
        { "clock set back, the nodes were there",
          { HOUR, 2 * SEC, SEC / 5, 8 * SEC, .set_after = -HOUR / 2 },
          AGE_UNKNOWN },
        { "set back beyond the boot: ages are negative",
          { HOUR, 2 * SEC, SEC / 5, 8 * SEC, .set_after = -3 * HOUR },
          AGE_UNKNOWN },
        { "set forward between /dev/null and the node",
          { HOUR, 2 * SEC, SEC / 5, 8 * SEC, .set_before_node = 10 * HOUR },
          AGE_UNKNOWN },
        { "set back between /dev/null and the node",
          { HOUR, 2 * SEC, SEC / 5, 8 * SEC, .set_before_node = -10 * HOUR },
          AGE_UNKNOWN },
        { "set before both: the usual real time clock",
          { HOUR, 2 * SEC, SEC / 5, 8 * SEC, .set_before_null = 50 * HOUR },
          AGE_FITS },
        { "set back, node made, set forward again: older than the boot",
          { HOUR, 2 * SEC, SEC / 5, 8 * SEC, .set_before_node = -HOUR, .set_after = HOUR },
          AGE_UNKNOWN },
        { "set forward, node made, set back again: the node is of the future",
          { HOUR, 2 * SEC, SEC / 5, 8 * SEC, .set_before_node = HOUR, .set_after = -HOUR },
          AGE_UNKNOWN },
        { "adjusted by a second", { HOUR, 2 * SEC, SEC / 5, .set_after = SEC }, AGE_FITS },
        { "... and reset", { HOUR, 2 * SEC, SEC / 5, 0, HOUR, .set_after = SEC }, AGE_RESET },
        { "suspend, and the TPM was off",
          { HOUR, 2 * SEC, SEC / 5, 8 * SEC, HOUR / 2, .suspended_usec = 20 * SEC },
          AGE_UNKNOWN },
        { "suspend, and the TPM went on",
          { HOUR, 2 * SEC, SEC / 5, 8 * SEC, .suspended_usec = 20 * SEC },
          AGE_UNKNOWN },
        { "hibernate: a new TPM under an old kernel",
          { 20 * HOUR, 2 * SEC, SEC / 5, 0, 15 * HOUR, .suspended_usec = 10 * HOUR },
          AGE_UNKNOWN },
        { "/dev is made late: no devtmpfs", { HOUR, 2 * SEC, 9 * SEC, 0, HOUR }, AGE_UNKNOWN },
        { "/dev is of an image", { HOUR, -500 * HOUR, -500 * HOUR, 0, HOUR }, AGE_UNKNOWN },
};

static void test_boots(void **state) {
        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(boots); ++i) {
                ROW(boots[i].row);
                assert_int_equal(judge(&boots[i].boot), boots[i].verdict);
        }
}

/* Each limit, and one beside it. */
static const struct {
        const char *row;
        AgeFacts facts;
        uint64_t time_msec;
        AgeVerdict verdict;
} limits[] = {
        { "35 % less", { true, 1000 * SEC, 1000 * SEC, 1000 * SEC, 1000 * SEC }, 650000, AGE_FITS },
        { "and a millisecond",
          { true, 1000 * SEC, 1000 * SEC, 1000 * SEC, 1000 * SEC },
          649999,
          AGE_RESET },
        { "a remainder of the hundredth", { true, 1540, 0, 2 * SEC, 2 * SEC }, 1, AGE_RESET },
        { "... enough", { true, 1539, 0, 2 * SEC, 2 * SEC }, 1, AGE_FITS },
        { "null younger, at the limit",
          { true, 90 * SEC, 98 * SEC, 100 * SEC, 100 * SEC },
          0,
          AGE_RESET },
        { "null younger, beyond",
          { true, 90 * SEC, 98 * SEC - 1, 100 * SEC, 100 * SEC },
          0,
          AGE_UNKNOWN },
        { "null older, at the limit",
          { true, 90 * SEC, 102 * SEC, 100 * SEC, 100 * SEC },
          0,
          AGE_RESET },
        { "null older, beyond",
          { true, 90 * SEC, 102 * SEC + 1, 100 * SEC, 100 * SEC },
          0,
          AGE_UNKNOWN },
        { "suspend at the limit",
          { true, 90 * SEC, 100 * SEC, 100 * SEC, 99 * SEC },
          0,
          AGE_RESET },
        { "suspend beyond",
          { true, 90 * SEC, 100 * SEC, 100 * SEC, 99 * SEC - 1 },
          0,
          AGE_UNKNOWN },
        { "monotonic ahead, as it is read later",
          { true, 90 * SEC, 100 * SEC, 100 * SEC, 100 * SEC + 1 },
          0,
          AGE_RESET },
        { "monotonic far ahead: nonsense",
          { true, 90 * SEC, 100 * SEC, 100 * SEC, 102 * SEC },
          0,
          AGE_UNKNOWN },
        { "as old as the boot can be",
          { true, 102 * SEC, 100 * SEC, 100 * SEC, 100 * SEC },
          0,
          AGE_RESET },
        { "older", { true, 102 * SEC + 1, 100 * SEC, 100 * SEC, 100 * SEC }, 0, AGE_UNKNOWN },
        { "no age", { true, 0, 0, 0, 0 }, 0, AGE_FITS },
        { "a negative one", { true, -1, 0, 0, 0 }, 0, AGE_UNKNOWN },
        { "a negative one of null", { true, 0, -1, 0, 0 }, 0, AGE_UNKNOWN },
        { "no node: all else fits",
          { false, 90 * SEC, 100 * SEC, 100 * SEC, 100 * SEC },
          0,
          AGE_UNKNOWN },
        { "no node: a TCTI", { false, 0, 0, 100 * SEC, 100 * SEC }, 0, AGE_UNKNOWN },
};

static void test_limits(void **state) {
        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(limits); ++i) {
                ROW(limits[i].row);
                assert_int_equal(age_judge(&limits[i].facts, limits[i].time_msec),
                                 limits[i].verdict);
        }
}

/* Any numbers at all: nothing overflows (UBSan), and only with sound ones is there a verdict. */
static void test_extremes(void **state) {
        static const int64_t ages[] = {
                INT64_MIN, INT64_MIN + 1, -1, 0, 1, INT64_MAX - 1, INT64_MAX
        };
        static const uint64_t clocks[] = { 0, 1, INT64_MAX, UINT64_MAX - 1, UINT64_MAX };
        AgeFacts f = { .has_node = true };
        size_t n_verdicts = 0;

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(ages) * ELEMENTSOF(ages); ++i)
                for (size_t k = 0; k < 125; ++k) {
                        AgeVerdict v;

                        f.node_usec = ages[i % ELEMENTSOF(ages)];
                        f.null_usec = ages[i / ELEMENTSOF(ages)];
                        f.boottime_usec = clocks[k % 5];
                        f.monotonic_usec = clocks[k / 5 % 5];
                        v = age_judge(&f, clocks[k / 25]);
                        assert_true(v < _AGE_VERDICT_N);
                        n_verdicts += v != AGE_UNKNOWN;
                        if (v != AGE_UNKNOWN)
                                assert_true(f.node_usec >= 0 && f.null_usec >= 0);
                        if (v == AGE_RESET)
                                assert_true(f.node_usec >= INT64_MAX - 1 && clocks[k / 25] <= 1);
                }
        assert_true(n_verdicts > 0);
        f = (AgeFacts){ true, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX };
        assert_int_equal(age_judge(&f, UINT64_MAX), AGE_FITS);
        assert_int_equal(age_judge(&f, UINT64_MAX / 1000), AGE_FITS);
        assert_int_equal(age_judge(&f, UINT64_MAX / 1000 + 1), AGE_FITS);
        assert_int_equal(age_judge(&f, INT64_MAX / 1000 / 2), AGE_RESET);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_boots),
                cmocka_unit_test(test_limits),
                cmocka_unit_test(test_extremes),
        };

        return cmocka_run_group_tests_name("age", tests, NULL, NULL) != 0;
}
