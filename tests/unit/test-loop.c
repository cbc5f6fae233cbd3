/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-loop.c -- who is called, when, and above all who is not called any more.
 *
 * In which order epoll hands out what is ready is its own affair: where two are ready, whichever is
 * called first acts on the other one. Watches are heap blocks, so that ASan sees a late look.
 */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <time.h>

#include "os/loop.h"

#define MSEC UINT64_C(1000)

/* What a callback does to the other watch. */
typedef enum Act {
        ACT_NOTHING,
        ACT_FORGET,
        ACT_PARK,
        ACT_CHANGE,  /* to what is not ready */
        ACT_REPLACE, /* forgotten; another fd, not ready, takes its place in memory */
        ACT_FORGET_SELF,
        ACT_PARK_SELF,
        ACT_FAIL,
        ACT_OUTCOME, /* a positive one: a bug */
        ACT_TURN,    /* within a turn: a bug */
        _ACT_N,
} Act;

typedef struct Side Side;
struct Side {
        LoopWatch *watch;
        Loop *loop;
        Side *other;
        Act act;
        int end; /* of the pair whose other end is watched, or -1 */
        unsigned n_calls;
        uint32_t events; /* of the last */
};

static void side_forget(Side *s) {
        loop_forget(s->loop, s->watch);
        closep(&s->watch->fd);
        free(s->watch);
        s->watch = NULL;
}

static int on_ready(LoopWatch *w, uint32_t events);

static void side_replace(Side *s) {
        LoopWatch *w = s->watch;

        loop_forget(s->loop, w);
        closep(&w->fd);
        *w = (LoopWatch){ eventfd(0, EFD_CLOEXEC), on_ready, s, 0 };
        assert_true(w->fd >= 0);
        assert_int_equal(loop_watch(s->loop, w, EPOLLIN), 0);
}

static int on_ready(LoopWatch *w, uint32_t events) {
        Side *s = w->userdata;

        ++s->n_calls;
        s->events = events;
        switch (s->act) {
        case ACT_NOTHING:
                return 0;
        case ACT_FORGET:
                side_forget(s->other);
                return 0;
        case ACT_PARK:
                return loop_watch(s->loop, s->other->watch, 0);
        case ACT_CHANGE:
                return loop_watch(s->loop, s->other->watch, EPOLLPRI);
        case ACT_REPLACE:
                side_replace(s->other);
                return 0;
        case ACT_FORGET_SELF:
                side_forget(s);
                return 0;
        case ACT_PARK_SELF:
                return loop_watch(s->loop, w, 0);
        case ACT_FAIL:
                return -EIO;
        case ACT_OUTCOME:
                return 1;
        case ACT_TURN:
                return loop_turn(s->loop, 0);
        case _ACT_N:
                break;
        }
        fail();
        return -EINVAL;
}

static Side side_of_fd(Loop *l, int fd) {
        Side s = { .loop = l, .end = -1, .watch = calloc(1, sizeof(*s.watch)) };

        assert_non_null(s.watch);
        assert_true(fd >= 0);
        s.watch->fd = fd;
        s.watch->call = on_ready;
        return s;
}

static void side_pair(Loop *l, Side *ret_side) {
        int ends[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        *ret_side = side_of_fd(l, ends[0]);
        ret_side->end = ends[1];
        ret_side->watch->userdata = ret_side;
}

static void side_free(Side *s) {
        if (s->watch)
                side_forget(s);
        closep(&s->end);
}

static void side_wake(const Side *s) {
        assert_int_equal(write(s->end, "x", 1), 1);
}

static void side_drain(const Side *s) {
        char byte;

        assert_int_equal(read(s->watch->fd, &byte, 1), 1);
}

static Loop *loop(void) {
        Loop *l = NULL;

        assert_int_equal(loop_new(&l), 0);
        assert_non_null(l);
        return l;
}

static void test_now(void **state) {
        uint64_t first = now_usec(), second;
        struct timespec t;

        (void)state;
        assert_int_equal(clock_gettime(CLOCK_BOOTTIME, &t), 0);
        second = (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
        assert_true(first <= second);
        assert_true(second <= now_usec());
        assert_true(second - first < 10 * 1000 * MSEC);
        assert_null(loop_free(NULL));
}

static void test_watched_and_parked(void **state) {
        _cleanup_(loop_freep) Loop *l = loop();
        Side s;

        (void)state;
        side_pair(l, &s);
        side_wake(&s);
        assert_int_equal(loop_turn(l, 0), 0);
        assert_int_equal(s.n_calls, 0);
        assert_int_equal(loop_watch(l, s.watch, EPOLLIN), 0);
        assert_int_equal(s.watch->events, EPOLLIN);
        assert_int_equal(loop_watch(l, s.watch, EPOLLIN), 0);
        assert_int_equal(loop_turn(l, LOOP_FOREVER), 0);
        assert_int_equal(s.n_calls, 1);
        assert_int_equal(s.events, EPOLLIN);
        /* Still ready: called again. */
        assert_int_equal(loop_turn(l, LOOP_FOREVER - 1), 0);
        assert_int_equal(s.n_calls, 2);
        assert_int_equal(loop_watch(l, s.watch, EPOLLOUT), 0);
        assert_int_equal(loop_turn(l, LOOP_FOREVER), 0);
        assert_int_equal(s.events, EPOLLOUT);
        assert_int_equal(loop_watch(l, s.watch, EPOLLIN | EPOLLOUT), 0);
        assert_int_equal(loop_turn(l, LOOP_FOREVER), 0);
        assert_int_equal(s.events, EPOLLIN | EPOLLOUT);
        assert_int_equal(s.n_calls, 4);

        /* Parked: not even the end of the other side is heard; what came is heard afterwards. */
        assert_int_equal(loop_watch(l, s.watch, 0), 0);
        closep(&s.end);
        s.end = -1;
        assert_int_equal(loop_turn(l, now_usec() + 5 * MSEC), 0);
        assert_int_equal(s.n_calls, 4);
        assert_int_equal(loop_watch(l, s.watch, EPOLLIN), 0);
        assert_int_equal(loop_turn(l, 0), 0);
        assert_int_equal(s.n_calls, 5);
        assert_int_equal(s.events, EPOLLIN | EPOLLHUP);

        /* Forgotten twice is forgotten. */
        loop_forget(l, s.watch);
        loop_forget(l, s.watch);
        assert_int_equal(s.watch->events, 0);
        assert_int_equal(loop_turn(l, 0), 0);
        assert_int_equal(s.n_calls, 5);
        side_free(&s);
}

/* Nobody asks for these. */
static void test_error_and_hangup(void **state) {
        static const struct {
                const char *row;
                unsigned watched; /* end of the pipe */
                uint32_t asked, events;
        } rows[] = {
                { "reader, writer gone", 0, EPOLLIN, EPOLLHUP },
                { "reader that waits for something else", 0, EPOLLPRI, EPOLLHUP },
                { "writer, reader gone", 1, EPOLLPRI, EPOLLERR },
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                _cleanup_(loop_freep) Loop *l = loop();
                int ends[2];
                Side s;

                ROW(rows[i].row);
                assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
                s = side_of_fd(l, ends[rows[i].watched]);
                s.watch->userdata = &s;
                assert_int_equal(loop_watch(l, s.watch, rows[i].asked), 0);
                assert_int_equal(loop_turn(l, 0), 0);
                assert_int_equal(s.n_calls, 0);
                closep(&ends[!rows[i].watched]);
                assert_int_equal(loop_turn(l, LOOP_FOREVER), 0);
                assert_int_equal(s.n_calls, 1);
                assert_int_equal(s.events, rows[i].events);
                side_free(&s);
        }
}

static void test_not_to_be_watched(void **state) {
        _cleanup_(loop_freep) Loop *l = loop();
        _cleanup_close_ int file = memfd_create("regular", MFD_CLOEXEC);
        LoopWatch regular = { file, on_ready, NULL, 0 }, none = { -1, on_ready, NULL, 0 }, twice;
        Side s;

        (void)state;
        assert_true(file >= 0);
        assert_int_equal(loop_watch(l, &regular, EPOLLIN), -EPERM);
        assert_int_equal(regular.events, 0);
        assert_int_equal(loop_watch(l, &none, EPOLLIN), -EBADF);
        assert_int_equal(none.events, 0);
        side_pair(l, &s);
        twice = *s.watch;
        assert_int_equal(loop_watch(l, s.watch, EPOLLIN), 0);
        assert_int_equal(loop_watch(l, &twice, EPOLLIN), -EEXIST);
        assert_int_equal(twice.events, 0);
        /* What was never watched may be forgotten. */
        loop_forget(l, &regular);
        loop_forget(l, &none);
        loop_forget(l, &twice);
        side_wake(&s);
        assert_int_equal(loop_turn(l, 0), 0);
        assert_int_equal(s.n_calls, 1);
        side_free(&s);
}

static void test_time(void **state) {
        _cleanup_(loop_freep) Loop *l = loop();
        struct itimerspec soon = { .it_value.tv_nsec = 20 * 1000000 };
        uint64_t until = now_usec() + 20 * MSEC;
        Side s;

        (void)state;
        assert_int_equal(loop_turn(l, until), 0);
        assert_true(now_usec() >= until);
        /* Past, and 0: no waiting; an old time does not ring again. */
        assert_int_equal(loop_turn(l, until), 0);
        assert_int_equal(loop_turn(l, 0), 0);
        s = side_of_fd(l, timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
        s.watch->userdata = &s;
        assert_int_equal(loop_watch(l, s.watch, EPOLLIN), 0);
        assert_int_equal(timerfd_settime(s.watch->fd, 0, &soon, NULL), 0);
        assert_int_equal(loop_turn(l, LOOP_FOREVER), 0);
        assert_int_equal(s.n_calls, 1);
        /* Nor does one that was not waited for to its end. */
        until = now_usec() + 10 * MSEC;
        assert_int_equal(loop_turn(l, until), 0);
        assert_int_equal(s.n_calls, 2);
        assert_int_equal(timerfd_settime(s.watch->fd, 0, &soon, NULL), 0);
        assert_int_equal(loop_turn(l, LOOP_FOREVER), 0);
        assert_int_equal(s.n_calls, 3);
        assert_true(now_usec() >= until);
        /* Who is ready is called, however long ago the time was. */
        assert_int_equal(loop_turn(l, 1), 0);
        assert_int_equal(s.n_calls, 4);
        side_free(&s);
}

static volatile sig_atomic_t n_signals;

static void on_signal(int signo) {
        (void)signo;
        ++n_signals;
}

static void test_signals(void **state) {
        static const struct itimerval often = { { 0, 2000 }, { 0, 2000 } }, never;
        struct sigaction action = { .sa_handler = on_signal }, before;
        _cleanup_(loop_freep) Loop *l = loop();
        uint64_t until;
        int r;

        (void)state;
        assert_int_equal(sigaction(SIGALRM, &action, &before), 0);
        assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
        until = now_usec() + 30 * MSEC;
        r = loop_turn(l, until);
        assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
        assert_int_equal(sigaction(SIGALRM, &before, NULL), 0);
        assert_int_equal(r, 0);
        assert_true(now_usec() >= until);
        assert_true(n_signals > 0);
}

/* Two are ready in one turn; whichever comes first acts. */
static void test_acts(void **state) {
        static const struct {
                const char *row;
                Act act;
                int result;
                unsigned n_calls; /* of both, in this turn ... */
                unsigned n_later; /* ... and in the next, when nobody acts any more */
        } rows[] = {
                { "nothing", ACT_NOTHING, 0, 2, 2 },
                { "forget the other", ACT_FORGET, 0, 1, 1 },
                { "park the other", ACT_PARK, 0, 1, 1 },
                { "watch the other for what is not ready", ACT_CHANGE, 0, 1, 1 },
                { "another one at the same address", ACT_REPLACE, 0, 1, 1 },
                { "each forgets itself", ACT_FORGET_SELF, 0, 2, 0 },
                { "each parks itself", ACT_PARK_SELF, 0, 2, 0 },
                { "fail", ACT_FAIL, -EIO, 1, 2 },
                { "an outcome", ACT_OUTCOME, -ENOTRECOVERABLE, 1, 2 },
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                _cleanup_(loop_freep) Loop *l = loop();
                Side a, b;

                ROW(rows[i].row);
                side_pair(l, &a);
                side_pair(l, &b);
                a.other = &b;
                b.other = &a;
                a.act = b.act = rows[i].act;
                assert_int_equal(loop_watch(l, a.watch, EPOLLIN), 0);
                assert_int_equal(loop_watch(l, b.watch, EPOLLIN), 0);
                side_wake(&a);
                side_wake(&b);
                assert_int_equal(loop_turn(l, LOOP_FOREVER), rows[i].result);
                assert_int_equal(a.n_calls + b.n_calls, rows[i].n_calls);
                a.act = b.act = ACT_NOTHING;
                a.n_calls = b.n_calls = 0;
                assert_int_equal(loop_turn(l, 0), 0);
                assert_int_equal(a.n_calls + b.n_calls, rows[i].n_later);
                side_free(&a);
                side_free(&b);
        }
}

/* What comes new within a turn is called in the next one. */
static Side late;

static int on_ready_watch_late(LoopWatch *w, uint32_t events) {
        (void)events;
        assert_int_equal(loop_watch(w->userdata, w, 0), 0);
        return loop_watch(w->userdata, late.watch, EPOLLIN);
}

static void test_begin_in_callback(void **state) {
        _cleanup_(loop_freep) Loop *l = loop();
        Side s;

        (void)state;
        side_pair(l, &s);
        side_pair(l, &late);
        s.watch->call = on_ready_watch_late;
        s.watch->userdata = l;
        side_wake(&s);
        side_wake(&late);
        assert_int_equal(loop_watch(l, s.watch, EPOLLIN), 0);
        assert_int_equal(loop_turn(l, LOOP_FOREVER), 0);
        assert_int_equal(late.n_calls, 0);
        assert_int_equal(loop_turn(l, LOOP_FOREVER), 0);
        assert_int_equal(late.n_calls, 1);
        side_drain(&late);
        assert_int_equal(loop_turn(l, 0), 0);
        assert_int_equal(late.n_calls, 1);
        side_free(&s);
        side_free(&late);
}

/* More are ready than a turn takes: nobody starves. */
static void test_many(void **state) {
        enum { N = 2 * LOOP_EVENTS_MAX + 1 };
        static const size_t want[] = { LOOP_EVENTS_MAX, 2 * LOOP_EVENTS_MAX, N };
        static Side sides[N];
        _cleanup_(loop_freep) Loop *l = loop();

        (void)state;
        for (size_t i = 0; i < N; ++i) {
                sides[i] = side_of_fd(l, eventfd(1, EFD_CLOEXEC));
                sides[i].watch->userdata = &sides[i];
                assert_int_equal(loop_watch(l, sides[i].watch, EPOLLIN), 0);
        }
        for (size_t turn = 0; turn < ELEMENTSOF(want); ++turn) {
                size_t n_called = 0;

                assert_int_equal(loop_turn(l, 0), 0);
                for (size_t i = 0; i < N; ++i)
                        n_called += sides[i].n_calls > 0;
                assert_int_equal(n_called, want[turn]);
        }
        for (size_t i = 0; i < N; ++i)
                side_free(&sides[i]);
}

static void close_before_forget(void) {
        _cleanup_(loop_freep) Loop *l = loop();
        Side s;

        side_pair(l, &s);
        (void)loop_watch(l, s.watch, EPOLLIN);
        (void)close(s.watch->fd);
        loop_forget(l, s.watch);
}

static void turn_within_turn(void) {
        _cleanup_(loop_freep) Loop *l = loop();
        Side s;

        side_pair(l, &s);
        s.act = ACT_TURN;
        side_wake(&s);
        (void)loop_watch(l, s.watch, EPOLLIN);
        (void)loop_turn(l, 0);
}

static void test_bugs_of_callers(void **state) {
        (void)state;
#ifdef NDEBUG
        skip();
#endif
        assert_true(aborts(close_before_forget));
        assert_true(aborts(turn_within_turn));
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_now),
                cmocka_unit_test(test_watched_and_parked),
                cmocka_unit_test(test_error_and_hangup),
                cmocka_unit_test(test_not_to_be_watched),
                cmocka_unit_test(test_time),
                cmocka_unit_test(test_signals),
                cmocka_unit_test(test_acts),
                cmocka_unit_test(test_begin_in_callback),
                cmocka_unit_test(test_many),
                cmocka_unit_test(test_bugs_of_callers),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
