/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * supervise -- the smallest service manager: starts one program, gives it a NOTIFY_SOCKET, and
 * prints what it says, what it notifies and how it ended, each line with the time since boot:
 *
 *   supervise SOCKET PIDFILE PROGRAM [ARGUMENT...]
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LINE_SIZE 4096

typedef struct Line {
        char text[LINE_SIZE];
        size_t n;
} Line;

static void say(const char *what, const char *text) {
        struct timespec now;

        (void)clock_gettime(CLOCK_BOOTTIME, &now);
        (void)printf("[%ld.%03ld] %s: %s\n", (long)now.tv_sec, now.tv_nsec / 1000000, what, text);
        (void)fflush(stdout);
}

static int fail(const char *what) {
        say("supervise", what);
        say("supervise", strerror(errno));
        return EXIT_FAILURE;
}

/* Says each whole line; the rest waits for more. */
static void line_feed(Line *line, const char *what, const char *data, size_t n) {
        for (size_t i = 0; i < n; ++i) {
                if (data[i] != '\n' && line->n < LINE_SIZE - 1) {
                        line->text[line->n++] = data[i];
                        continue;
                }
                line->text[line->n] = '\0';
                say(what, line->text);
                line->n = 0;
        }
}

static int open_notify(const char *path) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd;

        if (strlen(path) >= sizeof(address.sun_path))
                return -1;
        (void)strcpy(address.sun_path, path);
        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
                return -1;
        return fd;
}

static pid_t start(char **argv, int out_fd) {
        pid_t pid = fork();

        if (pid == 0) {
                if (dup2(out_fd, STDOUT_FILENO) >= 0 && dup2(out_fd, STDERR_FILENO) >= 0)
                        (void)execvp(argv[0], argv);
                (void)fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
                _exit(127);
        }
        return pid;
}

/* Until the program has closed its output; then nothing more can come. */
static void listen_to(int notify_fd, int out_fd) {
        struct pollfd fds[] = { { .fd = notify_fd, .events = POLLIN },
                                { .fd = out_fd, .events = POLLIN } };
        Line notified = { .n = 0 }, said = { .n = 0 };
        char data[LINE_SIZE];
        ssize_t n;

        for (;;) {
                if (poll(fds, 2, -1) < 0)
                        continue;
                if (fds[0].revents) {
                        n = recv(notify_fd, data, sizeof(data), MSG_DONTWAIT);
                        line_feed(&notified, "notify", data, n > 0 ? (size_t)n : 0);
                        line_feed(&notified, "notify", "\n", notified.n > 0);
                }
                if (fds[1].revents) {
                        n = read(out_fd, data, sizeof(data));
                        if (n <= 0)
                                return;
                        line_feed(&said, "says", data, (size_t)n);
                }
        }
}

int main(int argc, char **argv) {
        int notify_fd, pipe_fds[2], status = 0;
        char text[64];
        FILE *pid_file;
        pid_t pid;

        if (argc < 4)
                return 2;
        notify_fd = open_notify(argv[1]);
        if (notify_fd < 0 || setenv("NOTIFY_SOCKET", argv[1], 1) < 0 ||
            pipe2(pipe_fds, O_CLOEXEC) < 0)
                return fail("cannot begin");
        pid = start(argv + 3, pipe_fds[1]);
        (void)close(pipe_fds[1]);
        pid_file = fopen(argv[2], "we");
        if (pid < 0 || !pid_file)
                return fail("cannot start");
        (void)fprintf(pid_file, "%ld\n", (long)pid);
        (void)fclose(pid_file);
        listen_to(notify_fd, pipe_fds[0]);
        (void)waitpid(pid, &status, 0);
        (void)snprintf(text, sizeof(text), "%s %d", WIFSIGNALED(status) ? "signal" : "status",
                       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
        say("exit", text);
        return 0;
}
