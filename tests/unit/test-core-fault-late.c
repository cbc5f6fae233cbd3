/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-core-fault-late.c -- what reads a list for clients and for the given-up PCR, when memory or
 * OpenSSL fails.
 */
#include "fault.h"
#include "fixture.h"

#include <stdlib.h>
#include <string.h>

#include "core/near.h"
#include "core/place.h"
#include "core/render.h"

#define BANKS  (BANK(DIGEST_SHA1) | BANK(DIGEST_SHA256))
#define LIST_N 5U

/* Record 3 is for another PCR. */
static MlistRecord record_at(uint64_t i) {
        static const char *const texts[LIST_N] = { "a", "b", "c", "d", "e" };

        return bare_record(i == 3 ? 11 : 10, texts[i], false);
}

static const DigestSet zeros;
static DigestSet target; /* what the chain comes to when @script is extended */
static NearFinding wanted;

static void aim_at(const int *script) {
        Replay r;

        replay_init(&r, BANKS, &all_hashers);
        for (; *script >= 0; ++script) {
                MlistRecord record = record_at((uint64_t)*script);

                assert_int_equal(replay_record(&r, &record), 0);
        }
        target = r.chain[10].value;
}

static int run_near(void) {
        Near n;
        int r = near_init(&n, 10, BANKS, &zeros, &target, &all_hashers);

        for (; r == 0; r = near_next_pass(&n)) {
                for (uint64_t i = 0; i < LIST_N; ++i) {
                        MlistRecord record = record_at(i);

                        r = near_record(&n, &record);
                        if (r < 0) {
                                assert_int_equal(n.position, i);
                                return r;
                        }
                }
        }
        if (r != NEAR_E_DONE)
                return r;
        FOREACH_BANK(alg, BANKS) {
                assert_int_equal(n.finding[alg].kind, wanted.kind);
                assert_int_equal(n.finding[alg].position, wanted.position);
        }
        return 0;
}

static void test_near(void **state) {
        static const struct {
                const char *row;
                int script[6];
                NearFinding finding;
        } rows[] = {
                { "missing", { 0, 2, -1 }, { .kind = NEAR_MISSING, .position = 1 } },
                { "repeated", { 0, 1, 1, -1 }, { .kind = NEAR_REPEATED, .position = 1 } },
                { "no reason", { 2, 1, 0, -1 }, { .kind = NEAR_NONE } },
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                ROW(rows[i].row);
                aim_at(rows[i].script);
                wanted = rows[i].finding;
                each_call_fails(rows[i].row, run_near, 50);
        }
}

static int run_place(void) {
        static Places p;
        const PlaceChain chain = { .pcr = 10,
                                   .alg = DIGEST_SHA256,
                                   .hasher = all_hashers.of[DIGEST_SHA256] };
        PlaceSearch s;
        int r;

        places_init(&p, &chain);
        for (uint64_t i = 0; i < LIST_N; ++i) {
                MlistRecord record = record_at(i);
                Place before = p.end;

                r = places_pass(&p, &record);
                if (r < 0) {
                        assert_memory_equal(&p.end, &before, sizeof(before));
                        assert_int_equal(p.n_marks, i + 1);
                        return r;
                }
        }
        r = place_search_start(&s, &chain, NULL, LIST_N, &target.of[DIGEST_SHA256]);
        while (r == 0) {
                MlistRecord record = record_at(s.at.position);
                uint64_t at = s.at.position;

                r = place_search_pass(&s, &chain, NULL, &record);
                if (r < 0)
                        assert_int_equal(s.at.position, at);
        }
        if (r < 0)
                return r;
        assert_int_equal(r, PLACE_E_FOUND);
        assert_int_equal(s.at.position, 3);
        return 0;
}

static void test_place(void **state) {
        static const int script[] = { 0, 1, 2, -1 };

        (void)state;
        aim_at(script);
        each_call_fails("place", run_place, 20);
}

static void put_nowhere(void *userdata, Bytes piece) {
        *(size_t *)userdata += piece.n;
}

static MlistRecord named;

static int run_render(void) {
        size_t n = 0;
        const RenderSink sink = { put_nowhere, &n };
        int r = render_ascii(&sink, &named, ORDER_LITTLE, true);

        assert_true(n > 0);
        return r;
}

static void test_render(void **state) {
        uint8_t raw[128];
        Builder b = builder_on(raw, sizeof(raw));

        (void)state;
        put_d_ng(&b, ORDER_LITTLE, "sha256", BYTES_TEXT("digest"));
        put_n_ng(&b, ORDER_LITTLE, "/bin/true");
        named = record_of("ima-ng", builder_bytes(&b));
        each_call_fails("render", run_render, 3);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_near),
                cmocka_unit_test(test_place),
                cmocka_unit_test(test_render),
        };

        return cmocka_run_group_tests_name("core-fault-late", tests, all_hashers_open,
                                           all_hashers_close) != 0;
}
