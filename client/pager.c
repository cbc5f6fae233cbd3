/* SPDX-License-Identifier: BSD-2-Clause */
#include "client/pager.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include "base/error.h"
#include "client/input.h"

#define PAGER_ARGUMENTS_MAX 16U
#define TERMINAL_WIDTH      80U
#define TERMINAL_WIDTH_MIN  20U
#define TERMINAL_WIDTH_MAX  4096U

static struct {
        pid_t pid;
        int error_fd; /* stderr as it was, or -1 */
} pager = { .error_fd = -1 };

/**
 * terminal_look() - what stdout is; to be called before pager_open()
 *
 * COLUMNS wins over what the terminal says, as everywhere.
 *
 * Return: the answer.
 */
Terminal terminal_look(void) {
        const char *no_colour = getenv("NO_COLOR"), *columns = getenv("COLUMNS");
        Terminal t = { .is_there = isatty(STDOUT_FILENO) == 1 };
        struct winsize size = {};
        uint64_t width = 0;

        if (!t.is_there)
                return t;
        t.has_colour = !(no_colour && *no_colour);
        if (!columns || input_parse_u64(columns, TERMINAL_WIDTH_MAX, &width) < 0 || width == 0)
                width = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
        if (width == 0)
                width = TERMINAL_WIDTH;
        t.width = MAX_OF((size_t)width, (size_t)TERMINAL_WIDTH_MIN);
        return t;
}

/* A command line of words; quoting is for shells. */
static void pager_exec(const char *command) {
        char *words[PAGER_ARGUMENTS_MAX + 1] = {}, *text = strdup(command), *save = NULL;
        size_t n = 0;

        for (char *w = text ? strtok_r(text, " \t", &save) : NULL; w && n < PAGER_ARGUMENTS_MAX;
             w = strtok_r(NULL, " \t", &save))
                words[n++] = w;
        if (n > 0)
                (void)execvp(words[0], words);
        free(text);
}

static const char *pager_command(void) {
        const char *command = getenv("SYSTEMD_PAGER");

        return command ? command : getenv("PAGER");
}

static void pager_run(int input_fd) {
        static const char *const others[] = { "less", "more", "cat" };
        const char *command = pager_command(), *less = getenv("SYSTEMD_LESS");

        (void)dup2(input_fd, STDIN_FILENO);
        (void)signal(SIGPIPE, SIG_DFL);
        (void)setenv("LESS", less ? less : "FRSXMK", 1);
        (void)setenv("LESSCHARSET", "utf-8", 1);
        /* No shell and no editor from a list that somebody else wrote. */
        (void)setenv("LESSSECURE", "1", 1);
        if (command)
                pager_exec(command);
        for (size_t i = 0; i < ELEMENTSOF(others); ++i)
                pager_exec(others[i]);
        _exit(127);
}

/**
 * pager_open() - put a pager between us and the terminal
 * @o: the options
 *
 * Does nothing without a terminal, with --no-pager, or when the pager is "" or "cat". Messages go
 * through the pager too where stderr is a terminal: they would be drawn over.
 *
 * Return: 0, or a negative errno.
 */
int pager_open(const CtlOptions *o) {
        const char *command = pager_command();
        _cleanup_close_ int in = -1, out = -1;
        int fds[2];

        if (o->no_pager || isatty(STDOUT_FILENO) != 1 ||
            (command && (!*command || strcmp(command, "cat") == 0)))
                return 0;
        if (pipe2(fds, O_CLOEXEC) < 0)
                return error_origin(negative_errno());
        in = fds[0];
        out = fds[1];
        (void)fflush(stdout);
        pager.pid = fork();
        if (pager.pid < 0) {
                pager.pid = 0;
                return error_origin(negative_errno());
        }
        if (pager.pid == 0)
                pager_run(in);
        /* A pager that is left early is no error: see pager_is_gone(). */
        (void)signal(SIGPIPE, SIG_IGN);
        if (isatty(STDERR_FILENO) == 1) {
                pager.error_fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
                if (pager.error_fd >= 0)
                        (void)dup2(out, STDERR_FILENO);
        }
        if (dup2(out, STDOUT_FILENO) < 0)
                return error_origin(negative_errno());
        /* Lines of both in their order. */
        (void)setvbuf(stdout, NULL, _IOLBF, 0);
        return 0;
}

/**
 * pager_is_gone() - was the pager left before the end?
 *
 * Return: the answer; nothing that is printed now is seen, so a verb may stop.
 */
bool pager_is_gone(void) {
        return pager.pid > 0 && ferror(stdout);
}

/**
 * pager_close() - let the pager show the rest and wait until it is left
 */
void pager_close(void) {
        if (pager.pid <= 0)
                return;
        (void)fflush(stdout);
        if (pager.error_fd >= 0) {
                (void)dup2(pager.error_fd, STDERR_FILENO);
                closep(&pager.error_fd);
                pager.error_fd = -1;
        }
        (void)close(STDOUT_FILENO);
        while (waitpid(pager.pid, NULL, 0) < 0 && errno == EINTR)
                ;
        pager.pid = 0;
}
