/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How settings are written: in a file, on the kernel command line.
 */
#include "config-said.h"

#define UNTOUCHED "untouched"
#define OURS      "[ima-replayd]\n"

static void parse(const char *what, Bytes text, bool is_file, bool in_initrd, const char *want,
                  const char *want_error) {
        Bytes heap = heap_copy(text);
        ConfigError error = { UNTOUCHED };
        Said said = {};
        int r;

        r = is_file ? config_parse_file(heap, "f", say_item, &said, &error)
                    : config_parse_kernel(heap, in_initrd, say_item, &said, &error);
        CHECK(strcmp(said.text, want) == 0, "%s: gave \"%s\", not \"%s\"\n", what, said.text, want);
        CHECK(strcmp(error.text, want_error ? want_error : UNTOUCHED) == 0, "%s: error \"%s\"\n",
              what, error.text);
        CHECK(r == (want_error ? CONFIG_E_BAD : 0), "%s: returned %d\n", what, r);
        heap_free(heap);
}

typedef struct Row {
        const char *row;
        Bytes text;
        const char *want;
        const char *want_error;
} Row;

#define NO_TEXT   "a control byte, or not UTF-8"
#define NO_LINE   "neither Key=Value, a [section] nor a comment"
#define CONTINUED "f:2: a backslash at its end: a line cannot go on in the next"

static const Row file_rows[] = {
        { "empty", BYTES_TEXT(""), "", NULL },
        { "a section only", BYTES_TEXT(OURS), "", NULL },
        { "one", BYTES_TEXT(OURS "A=b\n"), "f:2: A=b\n", NULL },
        { "no newline at the end", BYTES_TEXT(OURS "A=b"), "f:2: A=b\n", NULL },
        { "no newline behind the section", BYTES_TEXT("[ima-replayd]"), "", NULL },
        { "comments, blank lines", BYTES_TEXT("# A=1\n\n ; A=2\n\t\n" OURS "\t # A=3\nA=4\n"),
          "f:7: A=4\n", NULL },
        { "# within a value", BYTES_TEXT(OURS "A=b # c\n"), "f:2: A=b # c\n", NULL },
        { "blanks", BYTES_TEXT(" [ima-replayd] \n \tA \t= \tb c\t \n"), "f:2: A=b c\n", NULL },
        { "a tab within", BYTES_TEXT(OURS "A=b\tc\n"), "f:2: A=b c\n", NULL },
        { "empty value", BYTES_TEXT(OURS "A=\nB= \t\n"), "f:2: A=\nf:3: B=\n", NULL },
        { "= within the value", BYTES_TEXT(OURS "A==b=\n"), "f:2: A==b=\n", NULL },
        { "quotation marks are nothing", BYTES_TEXT(OURS "A=\"b\"\n"), "f:2: A=\"b\"\n", NULL },
        { "twice, in their order", BYTES_TEXT(OURS "A=b\nA=c\n"), "f:2: A=b\nf:3: A=c\n", NULL },
        { "UTF-8", BYTES_TEXT(OURS "\xc3\xa4=\xe2\x82\xac\n"), "f:2: \xc3\xa4=\xe2\x82\xac\n",
          NULL },
        { "a backslash within", BYTES_TEXT(OURS "A=b\\c\n"), "f:2: A=b\\c\n", NULL },
        { "a comment may end in a backslash", BYTES_TEXT("# a\\\n" OURS "A=b\n"), "f:3: A=b\n",
          NULL },
        { "another section",
          BYTES_TEXT("[other]\nA=b\n" OURS "A=c\n[another one]\nA=bad\n" OURS "A=e\n"),
          "f:1: section other=-\nf:4: A=c\nf:5: section another one=-\nf:8: A=e\n", NULL },
        { "sections of others", BYTES_TEXT("[X-a]\nA=b\n[X-]\nA=b\n" OURS "B=c\n"), "f:6: B=c\n",
          NULL },
        { "capitals: another section", BYTES_TEXT("[Ima-replayd]\nA=b\n"),
          "f:1: section Ima-replayd=-\n", NULL },
        { "before the section", BYTES_TEXT("\nA = b\n" OURS), "",
          "f:2: A= stands before [ima-replayd]" },
        { "no =", BYTES_TEXT(OURS "A\n"), "", "f:2: " NO_LINE },
        { "no key", BYTES_TEXT(OURS "=b\n"), "", "f:2: " NO_LINE },
        { "no key but a blank", BYTES_TEXT(OURS " =b\n"), "", "f:2: " NO_LINE },
        { "no = in another section", BYTES_TEXT("[X-a]\nA\n"), "", "f:2: " NO_LINE },
        { "a byte order mark", BYTES_TEXT("\xef\xbb\xbf\n"), "", "f:1: " NO_LINE },
        { "open section", BYTES_TEXT("[ima-replayd\n"), "", "f:1: this is no [section]" },
        { "empty section", BYTES_TEXT("[]\n"), "", "f:1: this is no [section]" },
        { "half a bracket", BYTES_TEXT("["), "", "f:1: this is no [section]" },
        { "something behind it", BYTES_TEXT("[ima-replayd] x\n"), "", "f:1: this is no [section]" },
        { "continued", BYTES_TEXT(OURS "A=b\\\nc\n"), "", CONTINUED },
        { "continued, blanks", BYTES_TEXT(OURS "A=b \\ \t\nc\n"), "", CONTINUED },
        { "continued at the end", BYTES_TEXT(OURS "A=b\\"), "", CONTINUED },
        { "refused", BYTES_TEXT(OURS "A=b\nA=bad\nA=c\n"), "f:2: A=b\nf:3: A=bad\n",
          "f:3: A=bad: good was expected" },
        { "NUL", BYTES_TEXT(OURS "A=b\0c\n"), "", "f:2: " NO_TEXT },
        { "NUL in a comment", BYTES_TEXT("#\0\n" OURS "A=b\n"), "", "f:1: " NO_TEXT },
        { "NULs only", BYTES_TEXT("\0\0\0\0"), "", "f:1: " NO_TEXT },
        { "escape", BYTES_TEXT(OURS "A=\x1b[2J\n"), "", "f:2: " NO_TEXT },
        { "carriage return", BYTES_TEXT(OURS "A=b\r\n"), "", "f:2: " NO_TEXT },
        { "DEL", BYTES_TEXT(OURS "A=\x7f\n"), "", "f:2: " NO_TEXT },
        { "C1", BYTES_TEXT(OURS "A=\xc2\x9b\n"), "", "f:2: " NO_TEXT },
        { "bidi", BYTES_TEXT(OURS "A=\xe2\x80\xae\n"), "", "f:2: " NO_TEXT },
        { "Latin-1", BYTES_TEXT(OURS "A=\xe4\n"), "", "f:2: " NO_TEXT },
        { "cut UTF-8", BYTES_TEXT(OURS "A=\xe2\x82"), "", "f:2: " NO_TEXT },
        { "overlong UTF-8", BYTES_TEXT(OURS "A=\xc0\xaf\n"), "", "f:2: " NO_TEXT },
        { "UTF-16", BYTES_TEXT("\xff\xfe[\0i\0"), "", "f:1: " NO_TEXT },
        { "backslashes do not hide it", BYTES_TEXT(OURS "A=\\\\\\\x01\n"), "", "f:2: " NO_TEXT },
};

static void test_file(void **state) {
        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(file_rows); ++i)
                parse(file_rows[i].row, file_rows[i].text, true, false, file_rows[i].want,
                      file_rows[i].want_error);
}

#define K "kernel command line: "

static void test_kernel(void **state) {
        static const Row rows[] = {
                { "empty", BYTES_TEXT(""), "", NULL },
                { "a newline", BYTES_TEXT("\n"), "", NULL },
                { "nothing for us", BYTES_TEXT("BOOT_IMAGE=/vmlinuz ro quiet -- ima\n"), "", NULL },
                { "off", BYTES_TEXT("ro ima_replay=no\n"), K "switch =no\n", NULL },
                { "no value", BYTES_TEXT("ima_replay"), K "switch =yes\n", NULL },
                { "empty switch", BYTES_TEXT("ima_replay="), K "switch =\n", NULL },
                { "a key", BYTES_TEXT("ro ima_replay.holdlist=yes quiet\n"),
                  K "parameter holdlist=yes\n", NULL },
                { "empty value", BYTES_TEXT("ima_replay.tpm= x\n"), K "parameter tpm=\n", NULL },
                { "in their order", BYTES_TEXT("ima_replay.a=1\tima_replay.b=2  ima_replay.a=3"),
                  K "parameter a=1\n" K "parameter b=2\n" K "parameter a=3\n", NULL },
                { "- and _", BYTES_TEXT("ima-replay.a=1 ima-replay=no"),
                  K "parameter a=1\n" K "switch =no\n", NULL },
                { "- and _ are not the same behind it", BYTES_TEXT("ima_replay.a-b=c-d_e"),
                  K "parameter a-b=c-d_e\n", NULL },
                { "= within", BYTES_TEXT("ima_replay.a=b=c"), K "parameter a=b=c\n", NULL },
                { "quoted value", BYTES_TEXT("ima_replay.a=\"b c\" ro"), K "parameter a=b c\n",
                  NULL },
                { "quoted whole", BYTES_TEXT("\"ima_replay.a=b c\" ro"), K "parameter a=b c\n",
                  NULL },
                { "an open quotation goes on", BYTES_TEXT("ima_replay.a=\"b c"),
                  K "parameter a=b c\n", NULL },
                { "within another's quotation", BYTES_TEXT("x=\"1 ima_replay=no\" y"), "", NULL },
                { "others that look alike",
                  BYTES_TEXT("ima_replayd=no xima_replay=no ima_replay_x=1 ima_repla ima"), "",
                  NULL },
                { "behind --", BYTES_TEXT("-- ima_replay=no"), K "switch =no\n", NULL },
                { "others may have anything", BYTES_TEXT("\xff\x01 \"\"\0 ima_replay=no"),
                  K "switch =no\n", NULL },
                { "no value for a key", BYTES_TEXT("ima_replay.a"), "",
                  K "ima_replay.a: a value was expected" },
                { "no key", BYTES_TEXT("ima_replay.=b"), K "parameter =b\n", NULL },
                { "refused", BYTES_TEXT("ima_replay.a=bad"), K "parameter a=bad\n",
                  K "ima_replay.a=bad: good was expected" },
                { "refused switch", BYTES_TEXT("ima_replay=bad"), K "switch =bad\n",
                  K "ima_replay=bad: good was expected" },
                { "an error hides nothing", BYTES_TEXT("ima_replay.a ima_replay=no"),
                  K "switch =no\n", K "ima_replay.a: a value was expected" },
                { "control byte", BYTES_TEXT("ima_replay.a=\x1b"), "",
                  K "ima_replay: a control byte, or not UTF-8" },
                { "NUL", BYTES_TEXT("ima_replay=no\0"), "",
                  K "ima_replay: a control byte, or not UTF-8" },
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                parse(rows[i].row, rows[i].text, false, false, rows[i].want, rows[i].want_error);
                parse(rows[i].row, rows[i].text, false, true, rows[i].want, rows[i].want_error);
        }
}

static void test_kernel_initrd(void **state) {
        static const char text[] = "rd.ima_replay=no ima_replay.a=1 rd.ima-replay.b=2 rd.x "
                                   "rd.ima_replay.c rd.rd.ima_replay=no";

        (void)state;
        parse("machine", bytes_of_text(text), false, false, K "parameter a=1\n", NULL);
        parse("initrd", bytes_of_text(text), false, true,
              K "switch =no\n" K "parameter a=1\n" K "parameter b=2\n",
              K "ima_replay.c: a value was expected");
}

/* The longest that may be, and one byte more. */
static void test_limits(void **state) {
        static char text[CONFIG_LINE_MAX + 100];
        static const char a[] = "A=", ours[] = OURS, kernel[] = "rd.ima_replay", key[] = ".a=";
        const size_t n_file = strlen(ours) + CONFIG_LINE_MAX;
        const size_t n_kernel = strlen(kernel) + CONFIG_LINE_MAX;

        (void)state;
        memset(text, 'b', sizeof(text));
        memcpy(text, ours, strlen(ours));
        memcpy(text + strlen(ours), a, strlen(a));
        parse("line", bytes_of(text, n_file), true, false, "f:2: A=bbbbbbbbbbbbbbbbbbbb\n", NULL);
        parse("line + 1", bytes_of(text, n_file + 1), true, false, "",
              "f:2: longer than 4096 bytes");
        memset(text, 'b', sizeof(text));
        memcpy(text, kernel, strlen(kernel));
        memcpy(text + strlen(kernel), key, strlen(key));
        parse("word", bytes_of(text, n_kernel), false, true, K "parameter a=bbbbbbbbbbbbbbbbbbbb\n",
              NULL);
        parse("word + 1", bytes_of(text, n_kernel + 1), false, true, "",
              K "ima_replay: longer than 4096 bytes");
        parse("no rd. in front, + 1", bytes_of(text + 3, n_kernel - 2), false, true, "",
              K "ima_replay: longer than 4096 bytes");
        /* Of another word any length is none of our business. */
        text[3] = 'x';
        parse("another word", bytes_of(text, sizeof(text)), false, true, "", NULL);
}

/* A message has room for its place whatever the rest is. */
static void test_long_texts_in_errors(void **state) {
        static char text[2000];
        ConfigError error = {};
        Said said = {};
        const int n = snprintf(text, sizeof(text), OURS "%.*s=bad", 0, "");

        (void)state;
        memset(text + n - 4, 'k', 1500);
        memcpy(text + n + 1496, "=bad", 5);
        assert_int_equal(config_parse_file(bytes_of_text(text), "f", say_item, &said, &error),
                         CONFIG_E_BAD);
        assert_true(strlen(error.text) < 160);
        assert_non_null(strstr(error.text, "kkk=bad: good was expected"));
}

/* Cut anywhere: what was whole is given, and nothing is read behind the end. */
static void test_every_prefix(void **state) {
        static const char text[] = "# a\n[x]\n" OURS "A=b\n\\=\\\xc3\xa4\nC=";

        (void)state;
        for (size_t n = 0; n < sizeof(text); ++n) {
                Bytes heap = heap_copy(bytes_of(text, n));
                ConfigError error;
                Said said = {};

                (void)config_parse_file(heap, "f", say_item, &said, &error);
                (void)config_parse_kernel(heap, true, say_item, &said, &error);
                CHECK((strstr(said.text, "A=b\n") != NULL) == (n >= 25), "cut at %zu\n", n);
                heap_free(heap);
        }
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_file),
                cmocka_unit_test(test_kernel),
                cmocka_unit_test(test_kernel_initrd),
                cmocka_unit_test(test_limits),
                cmocka_unit_test(test_long_texts_in_errors),
                cmocka_unit_test(test_every_prefix),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
