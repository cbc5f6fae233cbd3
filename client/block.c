/* SPDX-License-Identifier: BSD-2-Clause */
#include "client/block.h"

#include <inttypes.h>
#include <string.h>

#include "client/record.h"

#define ROOM_MIN 4U

/* Columns and bytes of the next character; a colour has none. */
static size_t step(const char *text, size_t *ret_n) {
        char one[8] = {};

        if (text[0] == '\033') {
                *ret_n = strcspn(text, "m") + 1;
                return 0;
        }
        *ret_n = text[0] == '\\' ? 4 : 1;
        while (text[0] != '\\' && ((uint8_t)text[*ret_n] & 0xc0U) == 0x80)
                ++*ret_n;
        *ret_n = MIN_OF(*ret_n, MIN_OF(strlen(text), sizeof(one) - 1));
        memcpy(one, text, *ret_n);
        return one[0] == '\t' ? 1 : text_width(one);
}

static size_t word_width(const char *text, size_t *ret_n) {
        size_t width = 0, n;

        *ret_n = 0;
        while (text[*ret_n] && text[*ret_n] != ' ') {
                width += step(text + *ret_n, &n);
                *ret_n += n;
        }
        return width;
}

/* A paragraph under way. */
typedef struct Writer {
        FILE *f;
        size_t indent, room; /* columns; no room: nothing is broken */
        size_t used;
} Writer;

static void new_line(Writer *w) {
        (void)fprintf(w->f, "\n%*s", (int)w->indent, "");
        w->used = 0;
}

/* A word that is wider than the room is cut where it must be. */
static void put_word(Writer *w, const char *text, size_t n) {
        for (size_t i = 0, k; i < n; i += k) {
                size_t width = step(text + i, &k);

                if (w->room > 0 && w->used + width > w->room)
                        new_line(w);
                w->used += width;
                if (text[i] == '\t')
                        (void)fputc(' ', w->f);
                else
                        (void)fwrite(text + i, 1, k, w->f);
        }
}

/**
 * block_text() - print text, broken at spaces, and a newline
 * @f:      where to; so many columns were printed on this line:
 * @t:      the terminal; without one nothing is broken
 * @indent: where each further line begins, too
 * @text:   escaped; may hold colours, and BLOCK_JOINT for a space that holds together
 */
void block_text(FILE *f, const Terminal *t, size_t indent, const char *text) {
        Writer w = { .f = f, .indent = indent };

        if (t->is_there)
                w.room = t->width > indent + ROOM_MIN ? t->width - indent : ROOM_MIN;
        while (*text) {
                size_t gap = strspn(text, " "), n, width = word_width(text + gap, &n);

                if (w.room > 0 && w.used > 0 && w.used + gap + width > w.room) {
                        new_line(&w);
                } else if (w.used > 0) {
                        (void)fprintf(f, "%*s", (int)gap, "");
                        w.used += gap;
                }
                put_word(&w, text + gap, n);
                text += gap + n;
        }
        (void)fputc('\n', f);
}

/**
 * block_line() - print a label and its text
 * @f:     where to
 * @t:     the terminal
 * @label: at most BLOCK_LABEL columns of ASCII; "" goes on with what is above
 * @text:  as block_text() takes it
 */
void block_line(FILE *f, const Terminal *t, const char *label, const char *text) {
        (void)fprintf(f, "%*s%s ", (int)BLOCK_LABEL, label, *label ? ":" : " ");
        block_text(f, t, BLOCK_LABEL + 2, text);
}

/**
 * block_seconds() - a point in time since boot, as 5.31s
 * @usec:     the time
 * @ret_text: room for it
 * @max:      its size; 32 is enough
 */
void block_seconds(uint64_t usec, char *ret_text, size_t max) {
        uint64_t hundredths = usec / 10000;

        (void)snprintf(ret_text, max, "%" PRIu64 ".%02us", hundredths / 100,
                       (unsigned)(hundredths % 100));
}

/**
 * block_duration() - how long something took, in the unit that says most
 * @usec:     the duration
 * @ret_text: room for it
 * @max:      its size; 48 is enough
 */
void block_duration(uint64_t usec, char *ret_text, size_t max) {
        uint64_t s = usec / 1000000;

        if (usec < 1000)
                (void)snprintf(ret_text, max, "%" PRIu64 "us", usec);
        else if (usec < 10000)
                (void)snprintf(ret_text, max, "%" PRIu64 ".%ums", usec / 1000,
                               (unsigned)(usec / 100 % 10));
        else if (usec < 1000000)
                (void)snprintf(ret_text, max, "%" PRIu64 "ms", usec / 1000);
        else if (s < 10)
                (void)snprintf(ret_text, max, "%" PRIu64 ".%02us", s,
                               (unsigned)(usec / 10000 % 100));
        else if (s < 60)
                (void)snprintf(ret_text, max, "%" PRIu64 "s", s);
        else if (s < 3600)
                (void)snprintf(ret_text, max, "%" PRIu64 "min" BLOCK_JOINT "%" PRIu64 "s", s / 60,
                               s % 60);
        else if (s < 86400)
                (void)snprintf(ret_text, max, "%" PRIu64 "h" BLOCK_JOINT "%" PRIu64 "min", s / 3600,
                               s / 60 % 60);
        else
                (void)snprintf(ret_text, max, "%" PRIu64 "d" BLOCK_JOINT "%" PRIu64 "h", s / 86400,
                               s / 3600 % 24);
}
