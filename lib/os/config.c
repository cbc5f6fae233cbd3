/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config.c -- what is written in a file and on the kernel command line. Bytes in, items out.
 */
#include "os/config.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "base/escape.h"
#include "base/util.h"

#define KERNEL_PLACE  "kernel command line"
#define KERNEL_NAME   "ima_replay"
#define INITRD_PREFIX "rd."

typedef struct Parser {
        const char *path; /* NULL: the kernel command line, which has no lines */
        uint32_t line;
        bool has_section, is_ours;
        ConfigCall *call;
        void *userdata;
        ConfigError *error;
        char place[CONFIG_PLACE_SIZE];
} Parser;

static const char *parser_place(Parser *p) {
        if (!p->path)
                return KERNEL_PLACE;
        (void)snprintf(p->place, sizeof(p->place), "%s:%" PRIu32, p->path, p->line);
        return p->place;
}

_printf_(2, 3) static int parser_refuse(Parser *p, const char *format, ...) {
        char what[CONFIG_ERROR_SIZE - CONFIG_PLACE_SIZE - 2];
        va_list args;

        va_start(args, format);
        (void)vsnprintf(what, sizeof(what), format, args);
        va_end(args);
        (void)snprintf(p->error->text, sizeof(p->error->text), "%s: %s", parser_place(p), what);
        return CONFIG_E_BAD;
}

static int parser_give(Parser *p, ConfigKind kind, const char *key, const char *value) {
        const ConfigItem item = { kind, parser_place(p), key, value };
        const char *expected = p->call(p->userdata, &item);

        if (!expected)
                return 0;
        return parser_refuse(p, "%s%s%.100s=%.100s: %s was expected",
                             kind == CONFIG_PARAMETER || kind == CONFIG_SWITCH ? KERNEL_NAME : "",
                             kind == CONFIG_PARAMETER ? "." : "", key, value ? value : "",
                             expected);
}

/*
 * Whether it is text: UTF-8 without control bytes. Tabs become blanks. The one function that knows
 * such text is asked: it changes what is none, and backslashes, each into four characters.
 */
static bool text_of(Bytes b, char ret_text[static CONFIG_LINE_MAX + 1]) {
        char escaped[ESCAPE_SIZE(CONFIG_LINE_MAX)];
        size_t n_escaped = b.n;

        for (size_t i = 0; i < b.n; ++i) {
                ret_text[i] = (char)(b.data[i] == '\t' ? ' ' : b.data[i]);
                n_escaped += b.data[i] == '\\' ? 3 : 0;
        }
        ret_text[b.n] = '\0';
        return escape_bytes(bytes_of(ret_text, b.n), escaped, sizeof(escaped)) == n_escaped;
}

/* In place. */
static char *trim(char *text) {
        size_t n;

        text += strspn(text, " ");
        for (n = strlen(text); n > 0 && text[n - 1] == ' '; --n)
                ;
        text[n] = '\0';
        return text;
}

/*
 * A file
 */

static int parser_section(Parser *p, char *text) {
        size_t n = strlen(text);

        if (n < 3 || text[n - 1] != ']')
                return parser_refuse(p, "this is no [section]");
        text[n - 1] = '\0';
        p->has_section = true;
        p->is_ours = strcmp(text + 1, CONFIG_SECTION_OURS) == 0;
        /* As everywhere, [X-...] is for others and nothing to speak of (systemd.syntax(7)). */
        if (p->is_ours || strncmp(text + 1, "X-", 2) == 0)
                return 0;
        return parser_give(p, CONFIG_SECTION, text + 1, NULL);
}

static int parser_line(Parser *p, char *line) {
        char *text = trim(line), *equals;
        size_t n = strlen(text);

        if (n == 0 || text[0] == '#' || text[0] == ';')
                return 0;
        if (text[n - 1] == '\\')
                return parser_refuse(p, "a backslash at its end: a line cannot go on in the next");
        if (text[0] == '[')
                return parser_section(p, text);
        equals = strchr(text, '=');
        if (!equals || equals == text)
                return parser_refuse(p, "neither Key=Value, a [section] nor a comment");
        *equals = '\0';
        if (!p->has_section)
                return parser_refuse(p, "%.100s= stands before [" CONFIG_SECTION_OURS "]",
                                     trim(text));
        return p->is_ours ? parser_give(p, CONFIG_KEY, trim(text), trim(equals + 1)) : 0;
}

/**
 * config_parse_file() - the items of one file, in their order
 * @text:      all of it; its size is for the caller to limit
 * @path:      its name for messages
 * @call:      gets each item
 * @userdata:  for @call
 * @ret_error: where and what; set on CONFIG_E_BAD only
 *
 * Return: 0; CONFIG_E_BAD: nothing is given behind it; never negative.
 */
int config_parse_file(Bytes text, const char *path, ConfigCall *call, void *userdata,
                      ConfigError *ret_error) {
        Parser p = { .path = path, .call = call, .userdata = userdata, .error = ret_error };
        char room[CONFIG_LINE_MAX + 1];
        int r = 0;

        while (r == 0 && text.n > 0) {
                Bytes line;

                if (!bytes_take_until(&text, '\n', &line))
                        (void)bytes_take(&text, text.n, &line);
                p.line++;
                if (line.n > CONFIG_LINE_MAX)
                        return parser_refuse(&p, "longer than %u bytes", CONFIG_LINE_MAX);
                if (!text_of(line, room))
                        return parser_refuse(&p, "a control byte, or not UTF-8");
                r = parser_line(&p, room);
        }
        return r;
}

/*
 * The kernel command line
 */

static bool is_blank(uint8_t c) {
        return c == ' ' || c == '\t' || c == '\n';
}

/* What blanks part, but not within quotation marks (kernel: lib/cmdline.c next_arg()). */
static bool kernel_take_word(Bytes *in, Bytes *ret_word) {
        bool is_quoted = false;
        Bytes blanks;
        size_t n = 0;

        while (n < in->n && is_blank(in->data[n]))
                n++;
        (void)bytes_take(in, n, &blanks);
        for (n = 0; n < in->n && (is_quoted || !is_blank(in->data[n])); ++n)
                is_quoted ^= in->data[n] == '"';
        return bytes_take(in, n, ret_word) && n > 0;
}

/* Without quotation marks; what does not fit is left out, one byte too many tells. */
static Bytes kernel_unquote(Bytes word, uint8_t *room, size_t max) {
        Builder b = builder_on(room, max);

        for (size_t i = 0; i < word.n; ++i)
                if (word.data[i] != '"')
                        builder_put_u8(&b, word.data[i]);
        return builder_bytes(&b);
}

/* To the kernel - and _ are the same in names (kernel/params.c parameq()). */
static bool kernel_eat(Bytes *word, const char *name) {
        for (size_t i = 0; name[i] != '\0'; ++i)
                if (i == word->n || (word->data[i] == '-' ? '_' : word->data[i]) != name[i])
                        return false;
        *word = bytes_of(word->data + strlen(name), word->n - strlen(name));
        return true;
}

/* The rest of a word that is ours: ".key=value", "=value" or nothing. */
static int kernel_item(Parser *p, Bytes rest) {
        char room[CONFIG_LINE_MAX + 1], *equals;

        if (rest.n > CONFIG_LINE_MAX)
                return parser_refuse(p, KERNEL_NAME ": longer than %u bytes", CONFIG_LINE_MAX);
        if (!text_of(rest, room))
                return parser_refuse(p, KERNEL_NAME ": a control byte, or not UTF-8");
        equals = strchr(room, '=');
        if (equals)
                *equals = '\0';
        if (room[0] == '\0')
                return parser_give(p, CONFIG_SWITCH, "", equals ? trim(equals + 1) : "yes");
        if (!equals)
                return parser_refuse(p, KERNEL_NAME "%.100s: a value was expected", room);
        return parser_give(p, CONFIG_PARAMETER, room + 1, trim(equals + 1));
}

/**
 * config_parse_kernel() - the items of a kernel command line, in their order
 * @text:      the command line; what others have there may be anything
 * @in_initrd: whether rd.ima_replay counts too
 * @call:      gets each item
 * @userdata:  for @call
 * @ret_error: where and what; set on CONFIG_E_BAD only
 *
 * What is wrong does not hide what stands behind it: that may be ima_replay=no.
 *
 * Return: 0; CONFIG_E_BAD: an item is bad (of several the last one is told), all others were given;
 * never negative.
 */
int config_parse_kernel(Bytes text, bool in_initrd, ConfigCall *call, void *userdata,
                        ConfigError *ret_error) {
        Parser p = { .call = call, .userdata = userdata, .error = ret_error };
        uint8_t room[CONFIG_LINE_MAX + sizeof(INITRD_PREFIX KERNEL_NAME)];
        Bytes word;
        int r = 0;

        while (kernel_take_word(&text, &word)) {
                word = kernel_unquote(word, room, sizeof(room));
                if (kernel_eat(&word, INITRD_PREFIX) && !in_initrd)
                        continue;
                if (kernel_eat(&word, KERNEL_NAME) &&
                    (word.n == 0 || word.data[0] == '=' || word.data[0] == '.') &&
                    kernel_item(&p, word) != 0)
                        r = CONFIG_E_BAD;
        }
        return r;
}
