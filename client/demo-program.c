/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * demo-program.c -- the programs of the demonstration: what they say, how they end, and where the
 * service stands.
 *
 * None of them outlives us, however we end (PR_SET_PDEATHSIG), and nothing here waits without a
 * deadline. Where the service stands is asked at its inner socket, as its server does it: the
 * anchor knows the main PCR only, and nothing of a service that has given up.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/error.h"
#include "base/exit.h"
#include "client/demo.h"
#include "os/message.h"
#include "os/peer.h"

#define TURN_MSEC    50
#define STOP_USEC    (5 * PLAN_SEC)
#define ALL_PCRS     ((UINT32_C(1) << TPM_PCR_N) - 1)
#define LOG_INDENT   "    "
#define LOG_READ     4096U
#define LOG_READ_MAX 64 /* of a program that has ended: more than a pipe holds */

/*
 * A program
 */

/* After fork(). */
static _Noreturn void program_become(const char *const argv[], pid_t parent, int out_fd,
                                     int log_fd) {
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent &&
            dup2(out_fd, STDOUT_FILENO) >= 0 && dup2(log_fd, STDERR_FILENO) >= 0)
                (void)execv(argv[0], (char *const *)(uintptr_t)argv);
        _exit(EXIT_ERROR);
}

static void program_kill(DemoProgram *p) {
        if (p->pid > 0) {
                (void)kill(p->pid, SIGKILL);
                while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR) {}
        }
        closep(&p->end_fd);
        closep(&p->log_fd);
        *p = DEMO_NO_PROGRAM;
}

static int program_start(DemoProgram *p, const char *const argv[], const char *stdout_path) {
        _cleanup_close_ int out_fd = -1, log_fd = -1;
        pid_t parent = getpid();
        int fds[2];

        out_fd = open(stdout_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (out_fd < 0 || pipe2(fds, O_CLOEXEC) < 0)
                return error_origin(negative_errno());
        p->log_fd = fds[0];
        log_fd = fds[1];
        if (fcntl(p->log_fd, F_SETFL, O_NONBLOCK) < 0)
                return error_origin(negative_errno());
        p->pid = fork();
        if (p->pid < 0)
                return error_origin(negative_errno());
        if (p->pid == 0)
                program_become(argv, parent, out_fd, log_fd);
        p->end_fd = (int)syscall(SYS_pidfd_open, p->pid, 0);
        return p->end_fd < 0 ? error_origin(negative_errno()) : 0;
}

/* Pass on what there is of its messages, each line moved in. Return: 0: there may be more; 1: not
 * now, or never; a negative errno. */
static int program_show(DemoProgram *p) {
        char text[LOG_READ];
        ssize_t n;

        if (p->log_fd < 0)
                return 1;
        n = read(p->log_fd, text, sizeof(text));
        if (n < 0)
                return errno == EAGAIN || errno == EINTR ? 1 : error_origin(negative_errno());
        for (const char *at = text, *end = text + n; at < end;) {
                const char *newline = memchr(at, '\n', (size_t)(end - at));
                const char *stop = newline ? newline + 1 : end;

                (void)fprintf(stderr, "%s%.*s", p->is_inside_line ? "" : LOG_INDENT,
                              (int)(stop - at), at);
                p->is_inside_line = !newline;
                at = stop;
        }
        if (n > 0)
                return 0;
        closep(&p->log_fd); /* else it would be readable for ever */
        p->log_fd = -1;
        return 1;
}

/* Wait at most @msec until it says something, ends, or @other_fd (-1: none) is readable. */
static int program_wait(DemoProgram *p, int other_fd, int msec) {
        struct pollfd fds[] = {
                { .fd = p->end_fd, .events = POLLIN },
                { .fd = p->log_fd, .events = POLLIN },
                { .fd = other_fd, .events = POLLIN },
        };

        if (poll(fds, ELEMENTSOF(fds), msec) < 0 && errno != EINTR)
                return error_origin(negative_errno());
        p->has_ended = fds[0].revents != 0;
        return 0;
}

static int program_show_news(DemoProgram *p) {
        int r = 0;

        for (int i = 0; r == 0 && i < (p->has_ended ? LOG_READ_MAX : 1); ++i)
                r = program_show(p);
        return r < 0 ? error_trace(r) : 0;
}

/* It has ended. Return: EXIT_GOOD, or EXIT_ERROR after a message: it has no exit status. */
static int program_reap(DemoProgram *p, const char *name, int *ret_status) {
        int status;

        while (waitpid(p->pid, &status, 0) < 0)
                if (errno != EINTR)
                        return error_origin(negative_errno());
        p->pid = 0;
        if (!WIFEXITED(status)) {
                message_error("%s was killed by signal %d", name, WTERMSIG(status));
                return EXIT_ERROR;
        }
        *ret_status = WEXITSTATUS(status);
        return EXIT_GOOD;
}

/**
 * demo_run() - run a program to its end
 * @argv:          path and arguments, NULL at the end
 * @stdout_path:   where its output goes; its messages go to our stderr
 * @patience_usec: it is killed when it takes longer
 * @ret_status:    its exit status, set on EXIT_GOOD only
 *
 * Return: EXIT_GOOD; EXIT_ERROR after a message; a negative errno.
 */
int demo_run(const char *const argv[], const char *stdout_path, uint64_t patience_usec,
             int *ret_status) {
        _cleanup_(program_kill) DemoProgram p = DEMO_NO_PROGRAM;
        uint64_t until = now_usec() + patience_usec;
        int r;

        r = program_start(&p, argv, stdout_path);
        while (r == 0 && !p.has_ended && now_usec() < until) {
                r = program_wait(&p, -1, TURN_MSEC);
                if (r == 0)
                        r = program_show_news(&p);
        }
        if (r < 0)
                return error_trace(r);
        if (!p.has_ended) {
                message_error("%s has not ended after %" PRIu64 " s; it is killed", argv[0],
                              patience_usec / PLAN_SEC);
                return EXIT_ERROR;
        }
        return program_reap(&p, argv[0], ret_status);
}

/*
 * The service
 */

/**
 * demo_service_start() - start ima-replayd as a service
 * @s:    DEMO_NO_SERVICE; to be ended with demo_service_kill() in any case
 * @argv: path and arguments, NULL at the end
 * @root: its --root=
 *
 * Return: 0 or a negative errno.
 */
int demo_service_start(DemoService *s, const char *const argv[], const char *root) {
        int r;

        /* It is nobody's service but ours. */
        if (unsetenv("NOTIFY_SOCKET") < 0 || unsetenv("WATCHDOG_USEC") < 0)
                return error_origin(negative_errno());
        r = root_init(&s->root, root);
        if (r < 0)
                return error_trace(r);
        return error_trace(program_start(&s->program, argv, "/dev/null"));
}

static void service_believe(DemoService *s, const Status *status, uint64_t token) {
        s->is_known = true;
        s->answered = token;
        s->state = status->state;
        s->verdict = status->verdict;
        s->n_done = status->n_extended;
        s->n_left_alone = status->n_refused + status->n_foreign;
}

/* Where does it stand? It opens its socket when it has found the list, and tells each change. */
static int service_hear(DemoService *s) {
        PeerMessage m;
        int r = 0;

        if (s->peer_fd < 0)
                r = peer_connect(&s->root, &s->peer_fd);
        if (r == 0)
                r = peer_receive(s->peer_fd, &m);
        switch (r) {
        case 0:
                if (m.kind == PEER_STATUS)
                        service_believe(s, &m.status, m.token);
                return 0;
        case PEER_E_PENDING:
                return 0;
        case PEER_E_GONE: /* not there yet, or ended */
                closep(&s->peer_fd);
                s->peer_fd = -1;
                return 0;
        case PEER_E_MALFORMED:
                message_error("ima-replayd and ima-replayctl are not of one version");
                return error_origin(-EPROTO);
        default:
                return error_trace(r);
        }
}

/**
 * demo_service_turn() - take what the service says
 * @s:    the service
 * @msec: how long to wait for it to say anything
 *
 * Return: 0 or a negative errno.
 */
int demo_service_turn(DemoService *s, int msec) {
        int r;

        r = program_wait(&s->program, s->peer_fd, msec);
        if (r == 0)
                r = service_hear(s);
        /* Its messages precede the change that they are about: none is left behind. */
        if (r == 0)
                r = program_show_news(&s->program);
        return error_trace(r);
}

/* What was sent is not believed before the PCRs were read again. Not asked where it cannot be now.
 */
static int service_ask(DemoService *s) {
        uint64_t token = now_usec();
        int r = s->peer_fd >= 0 ? peer_refresh(s->peer_fd, ALL_PCRS, token) : PEER_E_GONE;

        if (r == 0)
                s->asked = token;
        return r < 0 ? error_trace(r) : 0;
}

static bool service_is_there(const DemoService *s, uint64_t n_records) {
        if (!s->is_known)
                return false;
        if (n_records == 0)
                return s->state == PLAN_WAIT_TPM;
        return s->state == PLAN_FOLLOW && s->verdict == PLAN_VERDICT_EXTENDED &&
               s->n_done >= n_records && s->asked > 0 && s->answered >= s->asked;
}

/* It will come no further. Return: EXIT_GOOD: it may yet; else as --oneshot would end. */
static int service_judge(const DemoService *s) {
        if (!s->is_known)
                return EXIT_GOOD;
        switch (s->verdict) {
        case PLAN_VERDICT_FAILED:
                return EXIT_MISMATCH;
        case PLAN_VERDICT_NO_IMA:
                return EXIT_NO_IMA;
        case PLAN_VERDICT_PENDING:
        case PLAN_VERDICT_EXTENDED:
        case PLAN_VERDICT_KERNEL:
        case _PLAN_VERDICT_N:
                break;
        }
        return s->state == PLAN_KERNEL_OWNS ? EXIT_NOT_YET : EXIT_GOOD;
}

/* Time is over. */
static int service_complain(const DemoService *s, uint64_t n_records) {
        if (n_records == 0)
                message_error("ima-replayd runs, but does not say that it waits for the TPM");
        else
                message_error("ima-replayd has dealt with %" PRIu64 " of %" PRIu64
                              " records, and comes no further",
                              s->n_done, n_records);
        return s->is_known && s->state == PLAN_WAIT_TPM ? EXIT_NOT_YET : EXIT_ERROR;
}

static int service_has_died(DemoService *s) {
        int r, status;

        r = program_reap(&s->program, "ima-replayd", &status);
        if (r < 0)
                return error_trace(r);
        if (r == EXIT_GOOD)
                message_error("ima-replayd has ended by itself, with %d", status);
        return EXIT_ERROR;
}

/**
 * demo_service_await() - wait until the service is where it should be
 * @s:             the service
 * @n_records:     so many are dealt with, and it has read their PCRs; 0: it waits for the TPM
 * @patience_usec: how long there may be no progress
 *
 * Return: EXIT_GOOD; EXIT_ERROR: it has ended, or comes no further (a message says so);
 *         EXIT_NOT_YET: no TPM answers (a message, too), or the kernel extends; EXIT_MISMATCH,
 *         EXIT_NO_IMA: it has given up, and has said why; a negative errno.
 */
int demo_service_await(DemoService *s, uint64_t n_records, uint64_t patience_usec) {
        uint64_t since_usec = now_usec(), n_done = s->n_done;
        int r = EXIT_GOOD;

        s->asked = 0;
        while (r == EXIT_GOOD && !service_is_there(s, n_records)) {
                if (s->program.has_ended)
                        return service_has_died(s);
                if (s->n_done > n_done) {
                        n_done = s->n_done;
                        since_usec = now_usec();
                }
                if (now_usec() - since_usec > patience_usec)
                        return service_complain(s, n_records);
                if (n_records > 0 && s->n_done >= n_records && s->asked == 0)
                        r = service_ask(s);
                if (r == 0)
                        r = demo_service_turn(s, TURN_MSEC);
                if (r < 0)
                        return error_trace(r);
                r = service_judge(s);
        }
        return r;
}

/**
 * demo_service_stop() - SIGTERM, and wait for its end
 * @s:          the service
 * @ret_status: its exit status, set on EXIT_GOOD only
 *
 * Return: EXIT_GOOD; EXIT_ERROR after a message: it does not stop (it is to be killed), or has no
 *         exit status; a negative errno.
 */
int demo_service_stop(DemoService *s, int *ret_status) {
        uint64_t until = now_usec() + STOP_USEC;
        int r = 0;

        if (kill(s->program.pid, SIGTERM) < 0)
                return error_origin(negative_errno());
        while (r == 0 && !s->program.has_ended && now_usec() < until)
                r = demo_service_turn(s, TURN_MSEC);
        if (r < 0)
                return error_trace(r);
        if (!s->program.has_ended) {
                message_error("ima-replayd does not stop on SIGTERM; it is killed");
                return EXIT_ERROR;
        }
        return program_reap(&s->program, "ima-replayd", ret_status);
}

/**
 * demo_service_kill() - end the service, if it still runs, and let go of all that belongs to it
 * @s: the service; may not have been started
 */
void demo_service_kill(DemoService *s) {
        program_kill(&s->program);
        closep(&s->peer_fd);
        root_deinit(&s->root);
        *s = DEMO_NO_SERVICE;
}
