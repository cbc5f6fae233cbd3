/* SPDX-License-Identifier: BSD-2-Clause */
#include "os/stop.h"

#include <signal.h>
#include <sys/eventfd.h>

#include "base/error.h"

static int stop_fd = -1;

/* SA_RESETHAND: a second signal ends us at once, also while a transport blocks. */
static void on_signal(int signal) {
        const uint64_t one = 1;

        (void)signal;
        (void)!write(stop_fd, &one, sizeof(one));
}

/**
 * stop_watch() - call somebody when SIGTERM or SIGINT comes
 * @loop:      borrowed
 * @call:      called in the loop, again and again until stop_forget()
 * @userdata:  of @call
 * @ret_watch: stays where it is until stop_forget(); once a process
 *
 * Return: 0 or a negative errno; then there is nothing to be forgotten, and it may be all the same.
 */
int stop_watch(Loop *loop, LoopCall call, void *userdata, LoopWatch *ret_watch) {
        struct sigaction action = { .sa_handler = on_signal,
                                    .sa_flags = SA_RESTART | SA_RESETHAND };

        *ret_watch = (LoopWatch){ .fd = -1 };
        stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (stop_fd < 0 || sigaction(SIGTERM, &action, NULL) < 0 ||
            sigaction(SIGINT, &action, NULL) < 0)
                return error_origin(negative_errno());
        *ret_watch = (LoopWatch){ .fd = stop_fd, .call = call, .userdata = userdata };
        return error_trace(loop_watch(loop, ret_watch, EPOLLIN));
}

/**
 * stop_forget() - signals do again what they do by default
 * @loop: that of stop_watch(), or NULL
 * @w:    the watch, or a zeroed one
 */
void stop_forget(Loop *loop, LoopWatch *w) {
        if (loop)
                loop_forget(loop, w);
        (void)signal(SIGTERM, SIG_DFL);
        (void)signal(SIGINT, SIG_DFL);
        closep(&stop_fd);
        stop_fd = -1;
}
