/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-fact.c -- what a service says to the journal, on stderr and to its manager.
 *
 * stderr is a pipe while something is said. The journal is a socket at its own path in a mount
 * namespace of a child: sd_journal_sendv() knows no other, and the machine's journal hears nothing.
 */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "os/fact.h"
#include "os/service.h"

#define SEC            UINT64_C(1000000)
#define TEXT_MAX       8192U
#define JOURNAL_SOCKET "/run/systemd/journal/socket"
#define ID_LIST        "d26d0ced78c744b690a5b6f674728b6c" /* never changes */
#define PROGRAM        "test"

/*
 * stderr
 */

static struct {
        int before, reader;
        char text[TEXT_MAX];
} heard;

static void hear(void) {
        int ends[2];

        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        assert_int_equal(fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
        heard.reader = ends[0];
        heard.before = dup(STDERR_FILENO);
        assert_true(heard.before >= 0);
        assert_int_equal(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
        closep(&ends[1]);
}

static const char *heard_text(void) {
        ssize_t n;

        (void)fflush(stderr);
        assert_int_equal(dup2(heard.before, STDERR_FILENO), STDERR_FILENO);
        closep(&heard.before);
        n = read(heard.reader, heard.text, sizeof(heard.text) - 1);
        heard.text[n > 0 ? n : 0] = '\0';
        closep(&heard.reader);
        return heard.text;
}

static void stream_of(int fd, const char *form, char *ret_stream, size_t max) {
        struct stat st;
        char dev[32], ino[32];

        assert_int_equal(fstat(fd, &st), 0);
        (void)snprintf(dev, sizeof(dev), "%ju", (uintmax_t)st.st_dev);
        (void)snprintf(ino, sizeof(ino), "%ju", (uintmax_t)st.st_ino);
        *ret_stream = '\0';
        for (; *form; ++form) {
                size_t n = strlen(ret_stream);

                if (*form == 'D' || *form == 'I')
                        (void)snprintf(ret_stream + n, max - n, "%s", *form == 'D' ? dev : ino);
                else
                        (void)snprintf(ret_stream + n, max - n, "%c", *form);
        }
}

static void set_stream(int fd, const char *form) {
        char stream[128];

        if (!form) {
                assert_int_equal(unsetenv("JOURNAL_STREAM"), 0);
        } else {
                stream_of(fd, form, stream, sizeof(stream));
                assert_int_equal(setenv("JOURNAL_STREAM", stream, 1), 0);
        }
        message_init(PROGRAM);
}

static int plain_stderr(void **state) {
        (void)state;
        set_stream(-1, NULL);
        return 0;
}

/* D: the device of stderr, I: its inode. */
static void test_journal_stream(void **state) {
        static const struct {
                const char *row, *form;
                bool is_journal;
        } rows[] = {
                { "not set", NULL, false },
                { "empty", "", false },
                { "stderr", "D:I", true },
                { "only a device", "D:", false },
                { "only an inode", ":I", false },
                { "no colon", "DI", false },
                { "more behind it", "D:I0", false },
                { "blank behind it", "D:I ", false },
                { "zero before it", "0D:I", false },
                { "another inode", "D:1I", false },
                { "the other way round", "I:D", false },
                { "rubbish", "yes", false },
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                bool is_journal;

                ROW(rows[i].row);
                hear();
                set_stream(STDERR_FILENO, rows[i].form);
                is_journal = message_has_journal();
                message(LOG_NOTICE, "a\nb");
                assert_string_equal(heard_text(),
                                    rows[i].is_journal ? "<5>a\\x0ab\n" : PROGRAM ": a\\x0ab\n");
                assert_int_equal(is_journal, rows[i].is_journal);
        }
        assert_string_equal(message_program(), PROGRAM);
        set_stream(-1, NULL);
}

/*
 * The limit
 */

/* Long after everything that was said before. */
static uint64_t fresh_time(void) {
        static uint64_t t;

        t += 3600 * SEC;
        return t;
}

/* Whether it was said; with how many held back (0: none). */
static void check_said(FactId id, int priority, uint64_t now, bool want, uint64_t n_held_back) {
        char line[128] = "";

        if (want && n_held_back > 0)
                (void)snprintf(line, sizeof(line),
                               PROGRAM ": text (%" PRIu64 " more like it were not said)\n",
                               n_held_back);
        else if (want)
                (void)snprintf(line, sizeof(line), PROGRAM ": text\n");
        hear();
        fact(id, priority, NULL, now, "%s", "text");
        assert_string_equal(heard_text(), line);
}

static void test_limit(void **state) {
        static const uint64_t one = FACT_INTERVAL_USEC / FACT_BURST;
        static const int priorities[] = { LOG_EMERG, LOG_ERR, LOG_INFO, LOG_DEBUG };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(priorities); ++i) {
                uint64_t t = fresh_time();

                for (unsigned n = 0; n < FACT_BURST; ++n)
                        check_said(FACT_LIST, priorities[i], t + n, true, 0);
                check_said(FACT_LIST, priorities[i], t + FACT_BURST, false, 0);
                check_said(FACT_LIST, priorities[i], t + one - 1, false, 0);
                /* Another kind has a limit of its own. */
                check_said(FACT_CHAIN, priorities[i], t + one - 1, true, 0);
                check_said(FACT_LIST, priorities[i], t + one, true, 2);
                check_said(FACT_LIST, priorities[i], t + 2 * one - 1, false, 0);
                /* A clock that goes back gives nothing, and takes nothing. */
                check_said(FACT_LIST, priorities[i], t, false, 0);
                check_said(FACT_LIST, priorities[i], 0, false, 0);
                check_said(FACT_LIST, priorities[i], t + 2 * one, true, 3);
                check_said(FACT_LIST, priorities[i], t + 4 * one, true, 0);
                check_said(FACT_LIST, priorities[i], t + 4 * one, true, 0);
                check_said(FACT_LIST, priorities[i], t + 4 * one, false, 0);
                /* Never more at once than a burst, however long it was silent. */
                t = fresh_time();
                check_said(FACT_LIST, priorities[i], t, true, 1);
                for (unsigned n = 1; n < FACT_BURST; ++n)
                        check_said(FACT_LIST, priorities[i], t, true, 0);
                check_said(FACT_LIST, priorities[i], t, false, 0);
                t = fresh_time();
                check_said(FACT_LIST, priorities[i], t, true, 1);
        }
}

/* However long the text is, how many were held back is told. */
static void test_long_text(void **state) {
        static const char tail[] = " (1 more like it were not said)\n";
        char text[2 * MESSAGE_MAX];
        const char *line;
        uint64_t t = fresh_time();
        size_t n;

        (void)state;
        memset(text, 'x', sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        hear();
        for (unsigned i = 0; i < FACT_BURST + 1; ++i)
                fact(FACT_SPOOL, LOG_ERR, NULL, t, "x");
        (void)heard_text();
        hear();
        fact(FACT_SPOOL, LOG_ERR, NULL, t + FACT_INTERVAL_USEC, "%s", text);
        line = heard_text();
        n = strlen(line);
        assert_in_range(n, MESSAGE_MAX / 2, MESSAGE_MAX + strlen(PROGRAM ": \n"));
        assert_string_equal(line + n - strlen(tail), tail);
}

static void test_escaped_on_stderr(void **state) {
        (void)state;
        hear();
        fact(FACT_WAITING, LOG_INFO, NULL, fresh_time(), "a\x1b[2J\nb\\ %s",
             "\xc2\x9b\xe2\x80\xae\xff/tmp/\xc3\xa4");
        assert_string_equal(heard_text(), PROGRAM ": a\\x1b[2J\\x0ab\\x5c "
                                                  "\\xc2\\x9b\\xe2\\x80\\xae\\xff/tmp/\xc3\xa4\n");
}

/*
 * The journal
 */

typedef enum Journal {
        JOURNAL_NONE,
        JOURNAL_DEAD, /* a socket that nobody has */
        JOURNAL_LISTENS,
        _JOURNAL_N,
} Journal;

static bool put_file(const char *path, const char *text) {
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

        return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

/* For a user who is not root: be one who may mount (user_namespaces(7)). */
static bool own_users(void) {
        char uid[32], gid[32];

        (void)snprintf(uid, sizeof(uid), "0 %u 1", (unsigned)getuid());
        (void)snprintf(gid, sizeof(gid), "0 %u 1", (unsigned)getgid());
        return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 && put_file("/proc/self/uid_map", uid) &&
               put_file("/proc/self/setgroups", "deny") && put_file("/proc/self/gid_map", gid);
}

/* An empty /run of our own. */
static bool own_run(void) {
        if (unshare(CLONE_NEWNS) < 0 && !own_users())
                return false;
        return mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == 0 &&
               mount("run", "/run", "tmpfs", 0, NULL) == 0 && mkdir("/run/systemd", 0755) == 0 &&
               mkdir("/run/systemd/journal", 0755) == 0;
}

static bool journal_begin(Journal journal, int fd) {
        static const struct sockaddr_un address = { AF_UNIX, JOURNAL_SOCKET };

        switch (journal) {
        case JOURNAL_NONE:
                return true;
        case JOURNAL_DEAD:
                fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
                return bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 &&
                       close(fd) == 0;
        case JOURNAL_LISTENS:
                return bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0;
        case _JOURNAL_N:
                break;
        }
        return false;
}

/*
 * Say it where the journal is like that. stderr and the journal's socket are ours; a child speaks.
 * Return: whether there was such a place; what was heard on either is in @ret_entry and heard.
 */
static bool say_to(Journal journal, const char *form, const FactFields *fields, const char *text,
                   char *ret_entry) {
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        uint64_t now = fresh_time();
        int status;
        ssize_t n;
        pid_t pid;

        assert_true(fd >= 0);
        hear();
        set_stream(STDERR_FILENO, form);
        pid = fork();
        if (pid == 0) {
                /* That there is none can be had without a place of our own, too. */
                if (own_run() ? !journal_begin(journal, fd)
                              : journal != JOURNAL_NONE || access(JOURNAL_SOCKET, F_OK) == 0)
                        _exit(77);
                fact(FACT_LIST, LOG_WARNING, fields, now, "%s", text);
                (void)fflush(stderr);
                _exit(0);
        }
        assert_true(pid > 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        (void)heard_text();
        set_stream(-1, NULL);
        n = recv(fd, ret_entry, TEXT_MAX - 1, 0);
        ret_entry[n > 0 ? n : 0] = '\0';
        assert_true(WIFEXITED(status));
        assert_true(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 77);
        return WEXITSTATUS(status) == 0;
}

static bool has_systemd(void) {
        return strcmp(service_features(), "+systemd") == 0;
}

/* Never nowhere, never twice. */
static void test_journal_or_stderr(void **state) {
        static const struct {
                const char *row;
                Journal journal;
                const char *form;
                const char *line; /* NULL: in the journal, where we can speak to it */
        } rows[] = {
                { "no journald", JOURNAL_NONE, "D:I", "<4>text\n" },
                { "a journald that died", JOURNAL_DEAD, "D:I", "<4>text\n" },
                { "a journald", JOURNAL_LISTENS, "D:I", NULL },
                { "a journald, stderr elsewhere", JOURNAL_LISTENS, "D:1I", PROGRAM ": text\n" },
                { "a journald, not asked for", JOURNAL_LISTENS, NULL, PROGRAM ": text\n" },
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                bool sent = !rows[i].line && has_systemd();
                const char *line = rows[i].line ? rows[i].line : "<4>text\n";
                char entry[TEXT_MAX];

                ROW(rows[i].row);
                if (!say_to(rows[i].journal, rows[i].form, NULL, "text", entry)) {
                        print_message("no mount namespace here\n");
                        skip();
                }
                assert_string_equal(heard.text, sent ? "" : line);
                assert_int_equal(strlen(entry) > 0, sent);
        }
}

#define HEAD(text)                                                                                 \
        "MESSAGE=" text "\nPRIORITY=4\nMESSAGE_ID=" ID_LIST "\nSYSLOG_IDENTIFIER=" PROGRAM "\n"

static void test_fields(void **state) {
        static const struct {
                const char *row, *text;
                FactFields fields;
                const char *entry;
        } rows[] = {
                { "none", "text", FACT_NO_FIELDS, HEAD("text") },
                { "all",
                  "text",
                  { "diverged", "foreign_extend", "sha1,sha256", "/dev/tpmrm0", "0x101", 10, 1, 2,
                    3 },
                  HEAD("text") "IMA_REPLAY_STATE=diverged\nIMA_REPLAY_REASON=foreign_extend\n"
                               "BANKS=sha1,sha256\nTPM_DEVICE=/dev/tpmrm0\nTPM_RC=0x101\n"
                               "PCR=10\nIMA_POSITION=1\nIMA_MEASURED=2\nIMA_EXTENDED=3\n" },
                { "zeros, empty, the largest number",
                  "text",
                  { .state = "", .pcr = 0, .position = 0, .measured = UINT64_MAX - 1 },
                  HEAD("text") "IMA_REPLAY_STATE=\nPCR=0\nIMA_POSITION=0\n"
                               "IMA_MEASURED=18446744073709551614\nIMA_EXTENDED=0\n" },
                { "control bytes",
                  "a\nPRIORITY=0\x1b",
                  { "a\nPCR=1", "\xff", "\xc2\x85", "\xe2\x80\xae", "\\", UINT64_MAX, UINT64_MAX,
                    UINT64_MAX, UINT64_MAX },
                  HEAD("a\\x0aPRIORITY=0\\x1b") "IMA_REPLAY_STATE=a\\x0aPCR=1\n"
                                                "IMA_REPLAY_REASON=\\xff\nBANKS=\\xc2\\x85\n"
                                                "TPM_DEVICE=\\xe2\\x80\\xae\nTPM_RC=\\x5c\n" },
        };

        (void)state;
        if (!has_systemd()) {
                print_message("built without systemd\n");
                skip();
        }
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                char entry[TEXT_MAX];

                ROW(rows[i].row);
                if (!say_to(JOURNAL_LISTENS, "D:I", &rows[i].fields, rows[i].text, entry)) {
                        print_message("no mount namespace here\n");
                        skip();
                }
                assert_string_equal(entry, rows[i].entry);
                assert_string_equal(heard.text, "");
        }
}

/* The longest of everything has room, each byte as four. */
static void test_fields_at_their_limit(void **state) {
        static const uint64_t most = UINT64_MAX - 1;
        char text[4 * MESSAGE_MAX];
        const FactFields fields = { text, text, text, text, text, most, most, most, most };

        (void)state;
        memset(text, 0x01, sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        hear();
        fact(FACT_ANCHOR, LOG_ERR, &fields, fresh_time(), "%s", text);
        assert_int_equal(strlen(heard_text()), strlen(PROGRAM ": \n") + 4 * (MESSAGE_MAX - 64));
}

/*
 * The manager
 */

static void check_notified(int fd, const char *want) {
        char text[TEXT_MAX];
        ssize_t n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);

        if (!has_systemd()) {
                assert_int_equal(n, -1);
                return;
        }
        assert_true(n > 0);
        text[n] = '\0';
        assert_string_equal(text, want);
}

static void test_notify(void **state) {
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        socklen_t n = sizeof(address);
        char name[sizeof(address.sun_path) + 1] = "@";

        (void)state;
        /* The kernel chooses a free abstract name. */
        assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(sa_family_t)), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &n), 0);
        memcpy(name + 1, address.sun_path + 1, n - sizeof(sa_family_t) - 1);
        assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
        service_notify_ready();
        check_notified(fd, "READY=1");
        service_notify_status("waiting for a TPM\nMAINPID=1");
        check_notified(fd, "STATUS=waiting for a TPM\\x0aMAINPID=1");
        service_notify_watchdog();
        check_notified(fd, "WATCHDOG=1");
        service_notify_stopping();
        check_notified(fd, "STOPPING=1");
        /* Nobody asks, or nobody is there: no harm. */
        assert_int_equal(setenv("NOTIFY_SOCKET", "/nonexistent", 1), 0);
        service_notify_ready();
        assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
        service_notify_ready();
        assert_int_equal(recv(fd, name, sizeof(name), MSG_DONTWAIT), -1);
}

static void set_or_unset(const char *name, const char *value) {
        assert_int_equal(value ? setenv(name, value, 1) : unsetenv(name), 0);
}

static void test_watchdog(void **state) {
        char own_pid[16];
        const struct {
                const char *row, *usec, *pid;
                uint64_t want;
        } rows[] = {
                { "none", NULL, NULL, 0 },
                { "three minutes", "180000000", NULL, 90 * SEC },
                { "for us", "180000000", own_pid, 90 * SEC },
                { "for another process", "180000000", "1", 0 },
                { "shorter than anything", "1", NULL, 1 },
                { "no time", "0", NULL, 0 },
                { "no number", "3min", NULL, 0 },
        };

        (void)state;
        (void)snprintf(own_pid, sizeof(own_pid), "%d", (int)getpid());
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                ROW(rows[i].row);
                set_or_unset("WATCHDOG_USEC", rows[i].usec);
                set_or_unset("WATCHDOG_PID", rows[i].pid);
                assert_int_equal(service_watchdog_usec(), has_systemd() ? rows[i].want : 0);
        }
        set_or_unset("WATCHDOG_USEC", NULL);
        set_or_unset("WATCHDOG_PID", NULL);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_journal_stream),
                cmocka_unit_test(test_limit),
                cmocka_unit_test(test_long_text),
                cmocka_unit_test(test_escaped_on_stderr),
                cmocka_unit_test(test_journal_or_stderr),
                cmocka_unit_test(test_fields),
                cmocka_unit_test(test_fields_at_their_limit),
                cmocka_unit_test(test_notify),
                cmocka_unit_test(test_watchdog),
        };

        return cmocka_run_group_tests(tests, plain_stderr, NULL);
}
