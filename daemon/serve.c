/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ima-replay-serve -- serves IMA's measurement list and its state over Varlink.
 *
 * It has no TPM, and nothing that leads to one: whoever takes it over reads two files.
 */
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <fcntl.h>

#include "base/error.h"
#include "base/exit.h"
#include "daemon/serve-extender-internal.h"
#include "daemon/serve-methods.h"
#include "daemon/serve-read.h"
#include "daemon/serve-words.h"
#include "os/listener.h"
#include "os/message.h"
#include "os/service.h"
#include "os/stop.h"
#include "version.h"

#define SERVE_REGISTRY "run/varlink/registry"
#define SERVE_BACKLOG  1024
#define SERVE_FIRST_USEC                                                                           \
        (1 * SERVE_SEC) /* for the extender's first word, before clients are heard */
#define SERVE_LINE_USEC (1 * SERVE_SEC) /* between two lines for the service manager */

typedef struct Program {
        Serve serve; /* userdata of all methods */
        LoopWatch stop;
        bool is_stopping;
        char line[128]; /* STATUS= */
        uint64_t line_usec, watchdog_usec, fed_usec;
} Program;

typedef enum ServeSocket {
        SERVE_SOCKET_STATUS,
        SERVE_SOCKET_REPLAY,
        _SERVE_SOCKET_N,
} ServeSocket;

static const VarlinkInterface *const status_interfaces[] = {
        &serve_interface_status,
        &serve_interface_metrics,
};

static const VarlinkInterface *const replay_interfaces[] = {
        &serve_interface_replay,
        &serve_interface_status,
        &serve_interface_metrics,
};

static const struct {
        const char *name; /* among those of socket activation */
        Listener how;
        VarlinkSocket socket;
} sockets[_SERVE_SOCKET_N] = {
        [SERVE_SOCKET_STATUS] = { "status",
                                  { "org.imareplay.status", SOCK_STREAM, 0666, SERVE_BACKLOG },
                                  { status_interfaces, ELEMENTSOF(status_interfaces), true } },
        [SERVE_SOCKET_REPLAY] = { "replay",
                                  { "org.imareplay.replay", SOCK_STREAM, 0644, SERVE_BACKLOG },
                                  { replay_interfaces, ELEMENTSOF(replay_interfaces), false } },
};

static void help(void) {
        (void)printf("%s [OPTIONS]\n\n"
                     "Serves IMA's measurement list and its state, as ima-replayd tells them, over "
                     "Varlink:\n"
                     "org.imareplay.status for everybody, org.imareplay.replay for root. It has no "
                     "TPM.\n\n"
                     "  --root=DIR   take /run/ima-replay below DIR (tests and images)\n"
                     "  -h, --help   show this text\n"
                     "      --version  show the version\n\n"
                     "Exit status: 0 stopped; 1 it could not be done; 2 usage.\n",
                     program_invocation_short_name);
}

/*
 * The sockets of clients
 */

/* For `varlinkctl list-registry`; whoever has no right to do that can do without. */
static void serve_register(const Serve *s, const char *name) {
        _cleanup_close_ int dir_fd = -1;
        char target[128];

        if (root_mkdir(s->root, SERVE_REGISTRY) < 0 ||
            root_open(s->root, SERVE_REGISTRY, O_PATH | O_DIRECTORY, &dir_fd) < 0)
                return;
        (void)snprintf(target, sizeof(target), "../../ima-replay/%s", name);
        (void)symlinkat(target, dir_fd, name);
}

static int serve_bind(const Serve *s, ServeSocket which, int *ret_fd) {
        const Listener *how = &sockets[which].how;
        int r;

        (void)root_mkdir(s->root, RUN_DIR); /* where that fails, the next says so */
        r = listener_bind(s->root, how, ret_fd);
        if (r < 0) {
                message_error("/" RUN_DIR "/%s: %s%s", how->name, strerror(-r),
                              r == -EADDRINUSE ? "; → stop the other ima-replay-serve first" : "");
                return error_trace(r);
        }
        serve_register(s, how->name);
        return 0;
}

/* All by activation, or all by ourselves: a unit that leaves one out wants it so. */
static int serve_open_sockets(Serve *s) {
        int fd[_SERVE_SOCKET_N] = { -1, -1 }, r = 0;
        bool is_activated = false;

        for (ServeSocket i = 0; i < _SERVE_SOCKET_N && r >= 0; ++i) {
                r = service_socket(sockets[i].name, &fd[i]);
                if (r == 0)
                        r = listener_check(fd[i], SOCK_STREAM);
                is_activated |= fd[i] >= 0;
        }
        for (ServeSocket i = 0; i < _SERVE_SOCKET_N && r >= 0 && !is_activated; ++i)
                r = serve_bind(s, i, &fd[i]);
        for (ServeSocket i = 0; i < _SERVE_SOCKET_N && r >= 0; ++i)
                if (fd[i] >= 0)
                        r = varlink_server_listen(s->server, &sockets[i].socket, &fd[i]);
        for (ServeSocket i = 0; i < _SERVE_SOCKET_N; ++i)
                closep(&fd[i]);
        return r < 0 ? error_trace(r) : 0;
}

/*
 * Whoever looks on
 */

static void serve_tell_manager(Program *p, uint64_t now) {
        const Status *status = serve_known(&p->serve);
        char line[sizeof(p->line)];

        if (p->watchdog_usec > 0 && now >= p->fed_usec + p->watchdog_usec) {
                p->fed_usec = now;
                service_notify_watchdog();
        }
        if (now < p->line_usec + SERVE_LINE_USEC)
                return;
        if (p->serve.has_status)
                (void)snprintf(line, sizeof(line),
                               "%s (%s): %" PRIu64 " of %" PRIu64 " records in the TPM",
                               serve_verdict_name(status->verdict), plan_state_name(status->state),
                               status->n_extended, status->n_measured);
        else
                (void)snprintf(line, sizeof(line), "waiting for ima-replayd");
        p->line_usec = now;
        if (strcmp(line, p->line) == 0)
                return;
        (void)memcpy(p->line, line, sizeof(line));
        service_notify_status(line);
}

/*
 * The loop
 */

static int serve_on_stop(LoopWatch *w, uint32_t events) {
        Program *p = w->userdata;

        (void)events;
        loop_forget(p->serve.loop, w);
        p->is_stopping = true;
        service_notify_stopping();
        return 0;
}

static int serve_turn(Program *p) {
        Serve *s = &p->serve;
        uint64_t now = now_usec(), until, clients_until = LOOP_FOREVER;
        int r;

        until = serve_extender_run(s, now);
        r = varlink_server_run(s->server, now, &clients_until);
        if (r < 0)
                return error_trace(r);
        serve_tell_manager(p, now);
        /* A method may have asked for something: it goes out in this turn. */
        until = MIN_OF(until, serve_extender_run(s, now));
        until = MIN_OF(until, clients_until);
        until = MIN_OF(until, serve_files_run(&s->read->files, now));
        if (p->watchdog_usec > 0)
                until = MIN_OF(until, p->fed_usec + p->watchdog_usec);
        return error_trace(loop_turn(s->loop, until));
}

/* A server that was started by its first client does not answer that nobody is there. */
static int serve_hear_first(Program *p) {
        Serve *s = &p->serve;
        uint64_t until = now_usec() + SERVE_FIRST_USEC;
        int r = 0;

        (void)serve_extender_run(s, now_usec());
        while (r == 0 && s->link.fd >= 0 && !s->has_status && !p->is_stopping && now_usec() < until)
                r = loop_turn(s->loop, until);
        return error_trace(r);
}

static int serve_begin(Program *p) {
        static const VarlinkInfo info = {
                .vendor = "ima-replay",
                .product = "ima-replay-serve",
                .version = IMA_REPLAY_VERSION,
                .url = "man:ima-replay-serve(8)",
        };
        Serve *s = &p->serve;
        int r;

        r = loop_new(&s->loop);
        if (r == 0)
                r = serve_read_new(&s->read);
        if (r == 0)
                r = stop_watch(s->loop, serve_on_stop, p, &p->stop);
        if (r == 0)
                r = varlink_server_new(s->loop, &info, s, &s->server);
        if (r == 0)
                r = serve_extender_open(s);
        if (r == 0)
                r = serve_hear_first(p);
        if (r == 0)
                r = serve_open_sockets(s);
        if (r < 0)
                return error_trace(r);
        p->watchdog_usec = service_watchdog_usec();
        service_notify_ready();
        return 0;
}

static void serve_end(Program *p) {
        Serve *s = &p->serve;

        s->server = varlink_server_free(s->server);
        serve_extender_close(s);
        s->read = serve_read_free(s->read);
        stop_forget(s->loop, &p->stop);
        s->loop = loop_free(s->loop);
}

static int serve(const Root *root) {
        Program *p = calloc(1, sizeof(*p));
        Serve *s;
        int r;

        if (!p)
                return error_origin(-ENOMEM);
        s = &p->serve;
        s->root = root;
        s->link.fd = s->run.fd = -1;
        s->spool.list_fd = s->spool.index_fd = -1;
        r = serve_begin(p);
        while (r >= 0 && !p->is_stopping)
                r = serve_turn(p);
        serve_end(p);
        free(p);
        return error_trace(r);
}

enum {
        ARG_ROOT = 256,
        ARG_VERSION,
};

/* 1: go on; 0: done; negative: usage. */
static int parse_arguments(int argc, char **argv, const char **ret_root) {
        static const struct option options[] = {
                { "root", required_argument, NULL, ARG_ROOT },
                { "version", no_argument, NULL, ARG_VERSION },
                { "help", no_argument, NULL, 'h' },
                {},
        };
        int c;

        while ((c = getopt_long(argc, argv, "h", options, NULL)) >= 0)
                switch (c) {
                case ARG_ROOT:
                        *ret_root = optarg;
                        break;
                case ARG_VERSION:
                        (void)printf("ima-replay " IMA_REPLAY_VERSION " %s\n", service_features());
                        return 0;
                case 'h':
                        help();
                        return 0;
                default:
                        return -EINVAL;
                }
        if (optind < argc) {
                message_error("unexpected argument '%s'; try --help", argv[optind]);
                return -EINVAL;
        }
        return 1;
}

int main(int argc, char **argv) {
        Root root = { .fd = -1 };
        const char *path = NULL;
        int r;

        message_init(program_invocation_short_name);
        message_trace_errors();
        /* From a lease (serve-files.c), if root opens the file at that very moment through /proc.
         */
        (void)signal(SIGIO, SIG_IGN);
        r = parse_arguments(argc, argv, &path);
        if (r <= 0)
                return r < 0 ? EXIT_USAGE : EXIT_GOOD;
        r = root_init(&root, path);
        if (r < 0) {
                message_error("--root=%s: %s", path, strerror(-r));
                return EXIT_ERROR;
        }
        r = serve(&root);
        root_deinit(&root);
        if (r < 0) {
                message_error("could not go on: %s", strerror(-r));
                return EXIT_ERROR;
        }
        return EXIT_GOOD;
}
