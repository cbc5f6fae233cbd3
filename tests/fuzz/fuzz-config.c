/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz-config.c -- any bytes as a file of settings, and as a kernel command line.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "daemon/settings.h"
#include "os/config.h"

/* Not assert(): these stay in a build without. */
#define HOLDS(what)                                                                                \
        do {                                                                                       \
                if (!(what))                                                                       \
                        abort();                                                                   \
        } while (0)

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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        static ConfigError error;
        static Settings s;

        settings_init(&s);
        error.text[0] = '\0';
        check_outcome(config_parse_file(bytes_of(data, n), "f", on_item, &s, &error), &error);
        for (int in_initrd = 0; in_initrd < 2; ++in_initrd) {
                error.text[0] = '\0';
                check_outcome(
                        config_parse_kernel(bytes_of(data, n), in_initrd, on_item, &s, &error),
                        &error);
        }
        return 0;
}
