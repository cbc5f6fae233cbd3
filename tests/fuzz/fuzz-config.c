/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz-config.c -- any bytes as a file of settings, and as a kernel command line.
 *
 * The input is a byte, the call that fails (fail.h), and these bytes. With 1 to 15, more than
 * reading makes, they are read from files, which that call does; else parsed as they are, which is
 * faster by far.
 */
#include "fail.h"
#include "fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/util.h"
#include "daemon/settings.h"
#include "os/config.h"

/* Not assert(): these stay in a build without. */
#define HOLDS(what)                                                                                \
        do {                                                                                       \
                if (!(what))                                                                       \
                        abort();                                                                   \
        } while (0)

#define CALLS_MAX 15U

static const char *const dirs[] = { "etc", "etc/ima-replay", "etc/ima-replay/ima-replayd.conf.d",
                                    "proc" };
static const char *const files[] = { "etc/ima-replay/ima-replayd.conf",
                                     "etc/ima-replay/ima-replayd.conf.d/a.conf", "proc/cmdline" };

static struct {
        char top[64];
        Root root;
} world = { .top = "/dev/shm/fuzz-config-XXXXXX" };

static void clean(void) {
        for (size_t i = 0; i < ELEMENTSOF(files); ++i)
                (void)unlinkat(world.root.fd, files[i], 0);
        for (size_t i = ELEMENTSOF(dirs); i-- > 0;)
                (void)unlinkat(world.root.fd, dirs[i], AT_REMOVEDIR);
        root_deinit(&world.root);
        (void)rmdir(world.top);
}

static void begin(void) {
        if (world.root.fd > 0)
                return;
        if (!mkdtemp(world.top)) {
                (void)snprintf(world.top, sizeof(world.top), "/tmp/fuzz-config-XXXXXX");
                HOLDS(mkdtemp(world.top));
        }
        HOLDS(root_init(&world.root, world.top) == 0);
        for (size_t i = 0; i < ELEMENTSOF(dirs); ++i)
                HOLDS(mkdirat(world.root.fd, dirs[i], 0700) == 0);
        HOLDS(atexit(clean) == 0);
}

/* Fit to be shown, but for backslashes; no blanks around it. */
static void check_text(const char *text) {
        static char escaped[ESCAPE_SIZE(CONFIG_LINE_MAX)];
        const size_t n = strlen(text);
        size_t n_escaped = n;

        HOLDS(n <= CONFIG_LINE_MAX);
        for (size_t i = 0; i < n; ++i)
                n_escaped += text[i] == '\\' ? 3 : 0;
        HOLDS(escape_bytes(bytes_of_text(text), escaped, sizeof(escaped)) == n_escaped);
        HOLDS(n == 0 || (text[0] != ' ' && text[n - 1] != ' '));
}

/* Whatever comes, each setting has a value that is taken. */
static const char *on_item(void *userdata, const ConfigItem *item) {
        Settings *s = userdata;
        const char *expected = NULL;

        HOLDS(item->place[0] != '\0' && (item->kind == CONFIG_SECTION) == !item->value);
        if (!item->value)
                return NULL;
        check_text(item->value);
        HOLDS(item->kind != CONFIG_KEY || item->key[0] != '\0');
        for (SettingId id = 0; id < _SETTING_N; ++id) {
                Settings before = *s;

                expected = setting_set(s, id, item->value, item->place);
                HOLDS(!expected || memcmp(s, &before, sizeof(before)) == 0);
                HOLDS(strcmp(s->from[id].value, expected ? before.from[id].value : item->value) ==
                      0);
                HOLDS(!setting_set(&before, id, s->from[id].value, ""));
        }
        return expected;
}

static void check_outcome(int r, const ConfigError *error) {
        HOLDS(r == 0 || r == CONFIG_E_BAD);
        HOLDS((r == CONFIG_E_BAD) == (error->text[0] != '\0'));
        HOLDS(memchr(error->text, '\0', sizeof(error->text)));
}

static void parse(Bytes in, Settings *s) {
        static ConfigError error;

        error.text[0] = '\0';
        check_outcome(config_parse_file(in, "f", on_item, s, &error), &error);
        for (int in_initrd = 0; in_initrd < 2; ++in_initrd) {
                error.text[0] = '\0';
                check_outcome(config_parse_kernel(in, in_initrd, on_item, s, &error), &error);
        }
}

/* Memory that is not there is said to be so; a file that cannot be read is never an empty one. */
static void check_read(int r, unsigned fail, const ConfigError *error) {
        bool has_failed = fail_pause() == 0 && fail > 0;

        if (r == -ENOMEM)
                HOLDS(has_failed);
        else
                check_outcome(r, error);
        HOLDS(!has_failed || r != 0);
}

static void read_files(Bytes in, unsigned fail, Settings *s) {
        static ConfigError error;
        int next_fd;

        begin();
        for (size_t i = 0; i < ELEMENTSOF(files); ++i) {
                _cleanup_close_ int fd = openat(world.root.fd, files[i],
                                                O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);

                HOLDS(fd >= 0 && write(fd, in.data, in.n) == (ssize_t)in.n);
        }
        next_fd = dup(world.root.fd);
        HOLDS(next_fd >= 0 && close(next_fd) == 0);
        error.text[0] = '\0';
        fail_in(fail);
        check_read(config_read_files(&world.root, on_item, s, &error), fail, &error);
        error.text[0] = '\0';
        fail_in(fail);
        check_read(config_read_kernel(&world.root, on_item, s, &error), fail, &error);
        /* Nothing has stayed open: the lowest free number is what it was. */
        HOLDS(dup(world.root.fd) == next_fd && close(next_fd) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        Bytes in = bytes_of(data, n);
        static Settings s;
        uint8_t fail = 0;

        settings_init(&s);
        (void)bytes_take_u8(&in, &fail);
        if (fail > 0 && fail <= CALLS_MAX)
                read_files(in, fail, &s);
        else
                parse(in, &s);
        return 0;
}
