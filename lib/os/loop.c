/* SPDX-License-Identifier: BSD-2-Clause */
#include "os/loop.h"

#include <assert.h>
#include <sys/timerfd.h>
#include <time.h>

#include "base/error.h"

#define USEC_PER_SEC  UINT64_C(1000000)
#define NSEC_PER_USEC 1000

/*
 * What epoll hands out points at watches, and a callback may forget any of them: so `ready` is kept
 * here while a turn goes on, and whoever is forgotten or parked is wiped from it.
 */
struct Loop {
        int epoll_fd;
        int timer_fd; /* known by its pointer, which is NULL */
        struct epoll_event ready[LOOP_EVENTS_MAX];
        size_t n_ready; /* 0: not in a turn */
};

/**
 * now_usec() - the time by which everything here waits
 *
 * Return: CLOCK_BOOTTIME in microseconds.
 */
uint64_t now_usec(void) {
        struct timespec now;
        int r = clock_gettime(CLOCK_BOOTTIME, &now);

        assert(r == 0);
        (void)r; /* without assertions */
        return (uint64_t)now.tv_sec * USEC_PER_SEC + (uint64_t)(now.tv_nsec / NSEC_PER_USEC);
}

/**
 * loop_new() - make a loop that watches nothing
 * @ret_loop: to be freed with loop_free(); set on success only
 *
 * Return: 0, -ENOMEM, or a negative errno of epoll or timerfd.
 */
int loop_new(Loop **ret_loop) {
        struct epoll_event timer = { .events = EPOLLIN };
        _cleanup_(loop_freep) Loop *l = calloc(1, sizeof(*l));

        if (!l)
                return error_origin(-ENOMEM);
        l->timer_fd = -1;
        l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        if (l->epoll_fd < 0)
                return error_origin(negative_errno());
        l->timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
        if (l->timer_fd < 0)
                return error_origin(negative_errno());
        if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, l->timer_fd, &timer) < 0)
                return error_origin(negative_errno());
        *ret_loop = TAKE(l);
        return 0;
}

/**
 * loop_free() - free a loop; the watches are their owners', and need not be forgotten any more
 * @l: the loop or NULL; not in one of its callbacks
 *
 * Return: NULL.
 */
Loop *loop_free(Loop *l) {
        if (!l)
                return NULL;
        assert(l->n_ready == 0);
        closep(&l->epoll_fd);
        closep(&l->timer_fd);
        free(l);
        return NULL;
}

/* What was fetched for it in this turn is not for it any more. */
static void loop_wipe(Loop *l, const LoopWatch *w) {
        for (size_t i = 0; i < l->n_ready; ++i)
                if (l->ready[i].data.ptr == w)
                        l->ready[i].data.ptr = NULL;
}

/**
 * loop_watch() - begin to watch, watch for something else, or park
 * @l:      the loop
 * @w:      filled by its owner, `events` 0 at first; stays where it is until loop_forget()
 * @events: EPOLLIN, EPOLLOUT ...; EPOLLERR and EPOLLHUP come unasked. 0 parks it: nothing comes,
 *          not even those
 *
 * May be called in a callback, for any watch; it holds at once, also for what this turn has fetched
 * already. On failure the watch is as before.
 *
 * Return: 0, or a negative errno: -EPERM for a regular file (it is always ready: read it), -EEXIST
 *         when another watch has the fd, -EBADF, -ENOMEM, -ENOSPC.
 */
int loop_watch(Loop *l, LoopWatch *w, uint32_t events) {
        struct epoll_event e = { .events = events, .data.ptr = w };
        int op = w->events == 0 ? EPOLL_CTL_ADD : events == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;

        if (w->events == events)
                return 0;
        if (epoll_ctl(l->epoll_fd, op, w->fd, &e) < 0)
                return error_origin(negative_errno());
        w->events = events;
        if (events == 0)
                loop_wipe(l, w);
        return 0;
}

/**
 * loop_forget() - watch no more: @w and its fd are their owner's again
 * @l: the loop
 * @w: a watch, parked ones and such as were never watched included; before its fd is closed (it
 *     would stay watched where the file is open elsewhere)
 *
 * May be called in a callback, for any watch, which is not called any more then.
 */
void loop_forget(Loop *l, LoopWatch *w) {
        int r = loop_watch(l, w, 0);

        assert(r == 0);
        (void)r; /* without assertions */
}

static int loop_arm(Loop *l, uint64_t until_usec) {
        struct itimerspec at = {}; /* off */

        if (until_usec != LOOP_FOREVER)
                at.it_value = (struct timespec){
                        .tv_sec = (time_t)(until_usec / USEC_PER_SEC),
                        .tv_nsec = (long)(until_usec % USEC_PER_SEC) * NSEC_PER_USEC,
                };
        if (timerfd_settime(l->timer_fd, TFD_TIMER_ABSTIME, &at, NULL) < 0)
                return error_origin(negative_errno());
        return 0;
}

static int loop_fetch(Loop *l, uint64_t until_usec) {
        bool wait = until_usec > now_usec();
        int n, r;

        if (wait) {
                r = loop_arm(l, until_usec);
                if (r < 0)
                        return error_trace(r);
        }
        do /* the time to wait for is absolute: a signal cannot prolong it */
                n = epoll_wait(l->epoll_fd, l->ready, LOOP_EVENTS_MAX, wait ? -1 : 0);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return error_origin(negative_errno());
        l->n_ready = (size_t)n;
        return 0;
}

static int loop_dispatch(Loop *l) {
        for (size_t i = 0; i < l->n_ready; ++i) {
                LoopWatch *w = l->ready[i].data.ptr;
                uint32_t events;
                int r;

                if (!w)
                        continue;
                /* A callback before it may have changed what it is watched for. */
                events = l->ready[i].events & (w->events | EPOLLERR | EPOLLHUP);
                if (events == 0)
                        continue;
                r = w->call(w, events); /* @w may be gone now */
                if (r != 0)
                        return r < 0 ? error_trace(r) : error_fold(r);
        }
        return 0;
}

/**
 * loop_turn() - wait until something is ready or the time has come, and call who is concerned
 * @l:          the loop; not in one of its callbacks
 * @until_usec: a time of now_usec(); 0 or past: do not wait, but call whoever is ready;
 *              LOOP_FOREVER: no time
 *
 * Calls at most LOOP_EVENTS_MAX watches; the others are first next time. A signal that is caught
 * does not end it: watch a signalfd.
 *
 * Return: 0, nothing said about which of both came; the negative errno of a callback, at once (what
 *         else was ready still is); or a negative errno of epoll or timerfd.
 */
int loop_turn(Loop *l, uint64_t until_usec) {
        int r;

        assert(l->n_ready == 0);
        r = loop_fetch(l, until_usec);
        if (r < 0)
                return error_trace(r);
        r = loop_dispatch(l);
        l->n_ready = 0;
        return error_trace(r);
}
