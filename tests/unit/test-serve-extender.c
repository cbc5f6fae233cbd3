/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-serve-extender.c -- the server's end of the inner socket: how long silence is borne, and
 * how often the spool is asked for.
 */
#include "peer-world.h"

#include "daemon/serve-extender-internal.h"

#define HALF_A_SECOND (500 * SERVE_MSEC)

static Serve *serve;

static int setup_serve(void **state) {
        static const VarlinkInfo info = { "ima-replay", "ima-replay-serve", "1", "man:none" };

        (void)setup_server(state);
        serve = calloc(1, sizeof(*serve));
        assert_non_null(serve);
        serve->root = &w.root;
        serve->loop = w.loop;
        serve->link.fd = serve->run.fd = serve->spool.list_fd = serve->spool.index_fd = -1;
        return varlink_server_new(w.loop, &info, serve, &serve->server);
}

static int teardown_serve(void **state) {
        serve->server = varlink_server_free(serve->server);
        serve_extender_close(serve);
        free(serve);
        return teardown(state);
}

/* Return: until when it would sleep. */
static uint64_t go(uint64_t now) {
        uint64_t until = serve_extender_run(serve, now);

        turn(3);
        return until;
}

static void meet(bool has_writable_spool) {
        Status s = sample(1);

        s.spool_is_writable = has_writable_spool;
        (void)go(now_usec());
        assert_int_equal(peer_server_push(w.server, &s, 0), 0);
        turn(2);
        assert_non_null(serve_status(serve));
}

static void test_silence(void **state) {
        static const struct {
                const char *row;
                uint32_t pcrs;
                bool has_spoken; /* half a second before the time was over */
                uint64_t usec;   /* that it may be silent */
        } rows[] = {
                { "a count", 0, false, 10 * SERVE_SEC },
                { "a count, and other words", 0, true, 10 * SERVE_SEC },
                { "PCRs", UINT32_C(1) << 10, false, 150 * SERVE_SEC },
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                uint64_t now, token;

                ROW(rows[i].row);
                meet(false);
                now = now_usec();
                assert_int_equal(serve_refresh(serve, rows[i].pcrs, &token), 0);
                assert_int_equal(go(now), now + rows[i].usec);
                assert_int_equal(w.n_refresh, i + 1);
                if (rows[i].has_spoken) {
                        now += rows[i].usec - HALF_A_SECOND;
                        serve->status_usec = now;
                }
                assert_int_equal(go(now + rows[i].usec - 1), now + rows[i].usec);
                assert_non_null(serve_status(serve));
                (void)go(now + rows[i].usec);
                assert_null(serve_status(serve));
                assert_int_equal(serve_known(serve)->verdict, PLAN_VERDICT_PENDING);
                turn(3);
                serve->try_usec = 0;
                serve->refresh = (ServeRefresh){ .token = token };
        }
}

static void test_unasked(void **state) {
        (void)state;
        meet(false);
        assert_int_equal(go(now_usec() + 1000 * SERVE_SEC), LOOP_FOREVER);
        assert_non_null(serve_status(serve));
}

/* Where there is one to come it is asked for again, and not at once. */
static void test_spool(void **state) {
        uint64_t now, until;

        (void)state;
        meet(true);
        (void)go(now_usec());
        assert_int_equal(w.n_spool, 1);
        now = now_usec();
        until = go(now);
        assert_true(until > now && until <= now + SERVE_SEC);
        assert_int_equal(w.n_spool, 1);
        w.has_spool = true;
        (void)go(until);
        assert_int_equal(w.n_spool, 2);
        assert_true(serve_spool(serve)->list_fd >= 0);
        assert_int_equal(go(until), LOOP_FOREVER);
        assert_int_equal(w.n_spool, 2);
}

static void test_no_spool(void **state) {
        (void)state;
        meet(false);
        (void)go(now_usec());
        assert_int_equal(w.n_spool, 1);
        assert_int_equal(go(now_usec() + 1000 * SERVE_SEC), LOOP_FOREVER);
        assert_int_equal(w.n_spool, 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_silence, setup_serve, teardown_serve),
                cmocka_unit_test_setup_teardown(test_unasked, setup_serve, teardown_serve),
                cmocka_unit_test_setup_teardown(test_spool, setup_serve, teardown_serve),
                cmocka_unit_test_setup_teardown(test_no_spool, setup_serve, teardown_serve),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
