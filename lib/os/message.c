/* SPDX-License-Identifier: BSD-2-Clause */
#include "os/message.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/escape.h"

static struct {
        const char *program;
        bool has_journal;
        bool has_terminal;
        bool in_progress;
} message_state = { .program = "ima-replay" };

/*
 * Device and inode of the stream, as $JOURNAL_STREAM has them (systemd.exec(5)). That it is set is
 * not enough: who started us may have sent stderr elsewhere.
 */
static bool stderr_is_journal(void) {
        const char *stream = getenv("JOURNAL_STREAM");
        char own[64];
        struct stat st;

        if (!stream || fstat(STDERR_FILENO, &st) < 0)
                return false;
        (void)snprintf(own, sizeof(own), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
        return strcmp(own, stream) == 0;
}

/**
 * message_init() - choose the form of messages, once, in main()
 * @program: name of the program, borrowed
 */
void message_init(const char *program) {
        message_state.program = program;
        message_state.has_journal = stderr_is_journal();
        message_state.has_terminal = isatty(STDERR_FILENO) == 1;
}

/**
 * message_program() - who speaks
 *
 * Return: what message_init() was told, borrowed.
 */
const char *message_program(void) {
        return message_state.program;
}

/**
 * message_has_journal() - whether stderr was a stream of the journal at message_init()
 *
 * Return: whether it was.
 */
bool message_has_journal(void) {
        return message_state.has_journal;
}

/**
 * message() - say a fact
 * @priority: as for syslog(3)
 * @format:   as for printf(3), without a newline
 *
 * A line that is too long is cut. The whole line is escaped: a name in it can do no harm.
 */
void message(int priority, const char *format, ...) {
        char line[MESSAGE_MAX], escaped[ESCAPE_SIZE(MESSAGE_MAX)];
        va_list args;

        va_start(args, format);
        (void)vsnprintf(line, sizeof(line), format, args);
        va_end(args);
        (void)escape_bytes(bytes_of_text(line), escaped, sizeof(escaped));
        progress_end();
        if (message_state.has_journal)
                (void)fprintf(stderr, "<%d>%s\n", priority, escaped);
        else
                (void)fprintf(stderr, "%s: %s\n", message_state.program, escaped);
}

/**
 * progress() - show how far long work has come
 * @format: as for printf(3), without a newline
 */
void progress(const char *format, ...) {
        char line[MESSAGE_MAX];
        va_list args;

        if (!message_state.has_terminal)
                return;
        va_start(args, format);
        (void)vsnprintf(line, sizeof(line), format, args);
        va_end(args);
        (void)fprintf(stderr, "\r%s\033[K", line);
        message_state.in_progress = true;
}

/**
 * progress_end() - the line of progress is done: wipe it
 */
void progress_end(void) {
        if (message_state.in_progress)
                (void)fprintf(stderr, "\r\033[K");
        message_state.in_progress = false;
}

static void message_of_error(ErrorKind kind, int error, const char *file, int line,
                             const char *func) {
        static const char *const words[_ERROR_KIND_N] = { "raised", "passed up", "unexpected" };

        message(LOG_DEBUG, "%s (%d) %s in %s(), %s:%d", strerror(-error), error, words[kind], func,
                file, line);
}

/**
 * message_trace_errors() - with IMA_REPLAY_DEBUG in the environment: show the way of fatal errors
 */
void message_trace_errors(void) {
        if (getenv("IMA_REPLAY_DEBUG"))
                error_set_hook(message_of_error);
}
