/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which files count, in which order; and whatever else may stand in their place.
 */
#include "anchor-world.h"
#include "config-said.h"

#define MAIN(directory)          directory "/ima-replay/ima-replayd.conf"
#define DROP_IN(directory, name) MAIN(directory) ".d/" name

/* A file with one key; or, where it begins with ->, a link. */
typedef struct Made {
        const char *path, *value;
} Made;

static void make_directories_of(const World *w, const char *path) {
        char part[256];

        for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
                (void)snprintf(part, sizeof(part), "%.*s", (int)(slash - path), path);
                (void)mkdirat(w->root.fd, part, 0755);
        }
}

static void make(const World *w, const Made *made) {
        char text[256];

        make_directories_of(w, made->path);
        if (strncmp(made->value, "->", 2) == 0) {
                assert_int_equal(symlinkat(made->value + 2, w->root.fd, made->path), 0);
                return;
        }
        (void)snprintf(text, sizeof(text), "[ima-replayd]\nA=%s\n", made->value);
        put_file(w, made->path, bytes_of_text(text));
}

static void check_files(const World *w, const char *want, const char *want_error) {
        ConfigError error = { "untouched" };
        Said said = {};
        int r;

        r = config_read_files(&w->root, say_item, &said, &error);
        assert_string_equal(said.text, want);
        assert_string_equal(error.text, want_error ? want_error : "untouched");
        assert_int_equal(r, want_error ? CONFIG_E_BAD : 0);
}

#define SAID(path, value) "/" path ":2: A=" value "\n"

static const struct {
        const char *row;
        Made made[5];
        const char *want;
} order_rows[] = {
        { "nothing", {}, "" },
        { "usr", { { MAIN("usr/lib"), "u" } }, SAID(MAIN("usr/lib"), "u") },
        { "run over usr",
          { { MAIN("usr/lib"), "u" }, { MAIN("run"), "r" } },
          SAID(MAIN("run"), "r") },
        { "etc over run and usr",
          { { MAIN("usr/lib"), "u" }, { MAIN("run"), "r" }, { MAIN("etc"), "e" } },
          SAID(MAIN("etc"), "e") },
        { "etc hides the main file",
          { { MAIN("usr/lib"), "u" }, { MAIN("etc"), "->/dev/null" } },
          "" },
        { "by name, in whatever directory, behind the main file",
          { { MAIN("etc"), "e" },
            { DROP_IN("etc", "30-c.conf"), "3" },
            { DROP_IN("usr/lib", "20-b.conf"), "2" },
            { DROP_IN("run", "10-a.conf"), "1" },
            { DROP_IN("usr/lib", "9.conf"), "4" } },
          SAID(MAIN("etc"), "e") SAID(DROP_IN("run", "10-a.conf"), "1")
                  SAID(DROP_IN("usr/lib", "20-b.conf"), "2") SAID(DROP_IN("etc", "30-c.conf"), "3")
                          SAID(DROP_IN("usr/lib", "9.conf"), "4") },
        { "the same name",
          { { DROP_IN("usr/lib", "a.conf"), "u" },
            { DROP_IN("run", "a.conf"), "r" },
            { DROP_IN("etc", "a.conf"), "e" },
            { DROP_IN("usr/lib", "b.conf"), "u" },
            { DROP_IN("run", "b.conf"), "r" } },
          SAID(DROP_IN("etc", "a.conf"), "e") SAID(DROP_IN("run", "b.conf"), "r") },
        { "hidden by /dev/null",
          { { DROP_IN("usr/lib", "a.conf"), "u" },
            { DROP_IN("etc", "a.conf"), "->/dev/null" },
            { DROP_IN("run", "b.conf"), "->/dev/null" },
            { DROP_IN("etc", "b.conf"), "e" } },
          SAID(DROP_IN("etc", "b.conf"), "e") },
        { "main and drop-ins do not hide each other",
          { { MAIN("etc"), "e" }, { DROP_IN("run", "ima-replayd.conf"), "r" } },
          SAID(MAIN("etc"), "e") SAID(DROP_IN("run", "ima-replayd.conf"), "r") },
        { "other names",
          { { DROP_IN("etc", ".a.conf"), "1" },
            { DROP_IN("etc", "a.conf~"), "2" },
            { DROP_IN("etc", "a.CONF"), "3" },
            { DROP_IN("etc", ".conf"), "4" },
            { DROP_IN("etc", "conf"), "5" } },
          "" },
        { "links that lead to a file",
          { { MAIN("etc"), "->other" },
            { "etc/ima-replay/other", "o" },
            { DROP_IN("run", "a.conf"), "->/etc/ima-replay/other" } },
          SAID(MAIN("etc"), "o") SAID(DROP_IN("run", "a.conf"), "o") },
};

static void test_order(void **state) {
        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(order_rows); ++i) {
                void *own;

                ROW(order_rows[i].row);
                assert_int_equal(world_new(&own), 0);
                for (size_t k = 0; k < ELEMENTSOF(order_rows[i].made) && order_rows[i].made[k].path;
                     ++k)
                        make(own, &order_rows[i].made[k]);
                check_files(own, order_rows[i].want, NULL);
                assert_int_equal(world_free(&own), 0);
        }
}

static void put_loop(const World *w, const char *path) {
        assert_int_equal(symlinkat(strrchr(path, '/') + 1, w->root.fd, path), 0);
}

static void put_out_of_root(const World *w, const char *path) {
        assert_int_equal(symlinkat("/etc/passwd", w->root.fd, path), 0);
}

static void put_large(const World *w, const char *path) {
        static uint8_t text[CONFIG_FILE_MAX + 1];

        memset(text, '\n', sizeof(text));
        put_file(w, path, bytes_of(text, sizeof(text)));
}

static void put_bad(const World *w, const char *path) {
        put_file(w, path, BYTES_TEXT("[ima-replayd]\nA=bad\n"));
}

/* None of them hangs, none is passed over. */
static void test_in_place_of_a_file(void **state) {
        static const struct {
                const char *row;
                Put *put;
                const char *what;
        } rows[] = {
                { "directory", put_directory, ": not a regular file" },
                { "fifo", put_fifo, ": not a regular file" },
                { "socket", put_socket, ": not a regular file" },
                { "link to itself", put_loop, ": Too many levels of symbolic links" },
                { "link to nothing", put_link_to_nothing, ": a symbolic link that leads nowhere" },
                { "link out of the root", put_out_of_root, ": a symbolic link that leads nowhere" },
                { "larger than may be", put_large, ": larger than 64 KiB" },
                { "a bad value", put_bad, ":2: A=bad: good was expected" },
        };
        static const char *const paths[] = {
                MAIN("etc"),
                MAIN("run"),
                MAIN("usr/lib"),
                DROP_IN("etc", "a.conf"),
                DROP_IN("run", "a.conf"),
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                for (size_t k = 0; k < ELEMENTSOF(paths); ++k) {
                        char error[512], said[512] = "";
                        void *own;

                        ROW(rows[i].row);
                        assert_int_equal(world_new(&own), 0);
                        make_directories_of(own, paths[k]);
                        rows[i].put(own, paths[k]);
                        (void)snprintf(error, sizeof(error), "/%s%s", paths[k], rows[i].what);
                        if (rows[i].put == put_bad)
                                (void)snprintf(said, sizeof(said), "/%s:2: A=bad\n", paths[k]);
                        check_files(own, said, error);
                        assert_int_equal(world_free(&own), 0);
                }
        }
}

static void test_in_place_of_a_directory(void **state) {
        static const struct {
                const char *row;
                Made made;
                const char *want_error;
        } rows[] = {
                { "a file for drop-ins",
                  { MAIN("etc") ".d", "x" },
                  "/" MAIN("etc") ".d: Not a directory" },
                { "a link to nothing for drop-ins",
                  { MAIN("run") ".d", "->nothing" },
                  "/" MAIN("run") ".d: a symbolic link that leads nowhere" },
                { "a file for all",
                  { "etc/ima-replay", "x" },
                  "/" MAIN("etc") ": Not a directory" },
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                void *own;

                ROW(rows[i].row);
                assert_int_equal(world_new(&own), 0);
                make(own, &rows[i].made);
                check_files(own, "", rows[i].want_error);
                assert_int_equal(world_free(&own), 0);
        }
}

/* As on a machine: links lead where they say. */
static void test_devices(void **state) {
        World *w = *state;

        w->root.is_given = false;
        w->root.is_machine = true;
        make(w, &(Made){ MAIN("etc"), "->/dev/null" });
        make(w, &(Made){ MAIN("usr/lib"), "u" });
        make(w, &(Made){ DROP_IN("etc", "a.conf"), "->../../../../../../../dev/null" });
        make(w, &(Made){ DROP_IN("usr/lib", "a.conf"), "u" });
        check_files(w, "", NULL);
        make(w, &(Made){ DROP_IN("etc", "b.conf"), "->/dev/zero" });
        check_files(w, "", "/" DROP_IN("etc", "b.conf") ": not a regular file");
}

static void test_file_limit(void **state) {
        static uint8_t text[CONFIG_FILE_MAX];
        static const char end[] = "[ima-replayd]\nA=b";
        World *w = *state;

        memset(text, '\n', sizeof(text));
        memcpy(text + sizeof(text) - strlen(end), end, strlen(end));
        make_directories_of(w, MAIN("etc"));
        put_file(w, MAIN("etc"), bytes_of(text, sizeof(text)));
        check_files(w, "/" MAIN("etc") ":65521: A=b\n", NULL);
}

static void test_drop_in_limit(void **state) {
        World *w = *state;
        ConfigError error = {};
        Said said = {};
        char path[256];

        for (unsigned i = 0; i < CONFIG_DROP_INS_MAX; ++i) {
                (void)snprintf(path, sizeof(path), DROP_IN("%s", "%02u.conf"),
                               i % 2 ? "run" : "usr/lib", i);
                make(w, &(Made){ path, "x" });
        }
        /* One that is hidden does not count. */
        make(w, &(Made){ DROP_IN("usr/lib", "01.conf"), "hidden" });
        assert_int_equal(config_read_files(&w->root, say_item, &said, &error), 0);
        assert_non_null(strstr(said.text, "/63.conf:2: A=x\n"));
        assert_null(strstr(said.text, "hidden"));
        make(w, &(Made){ DROP_IN("run", "64.conf"), "x" });
        assert_int_equal(config_read_files(&w->root, say_item, &said, &error), CONFIG_E_BAD);
        assert_non_null(strstr(error.text, "more than 64 drop-ins"));
}

/* The longest name there is has room in a place. */
static void test_long_name(void **state) {
        World *w = *state;
        char path[512], want[600];
        int n;

        n = snprintf(path, sizeof(path), "%s", DROP_IN("usr/lib", ""));
        memset(path + n, 'n', 250);
        memcpy(path + n + 250, ".conf", 6);
        make(w, &(Made){ path, "x" });
        (void)snprintf(want, sizeof(want), "/%s:2: A=x\n", path);
        check_files(w, want, NULL);
}

static void test_kernel_command_line(void **state) {
        World *w = *state;
        ConfigError error = { "untouched" };
        Said said = {};

        assert_int_equal(config_read_kernel(&w->root, say_item, &said, &error), 0);
        assert_string_equal(said.text, "");
        put_directory(w, "proc");
        put_file(w, "proc/cmdline", BYTES_TEXT("ro ima_replay.a=b rd.ima_replay.a=c\n"));
        assert_int_equal(config_read_kernel(&w->root, say_item, &said, &error), 0);
        assert_string_equal(said.text, "kernel command line: parameter a=b\n");
        put_directory(w, "etc");
        put_file(w, "etc/initrd-release", BYTES_TEXT(""));
        said = (Said){};
        assert_int_equal(config_read_kernel(&w->root, say_item, &said, &error), 0);
        assert_string_equal(said.text, "kernel command line: parameter a=b\n"
                                       "kernel command line: parameter a=c\n");
        assert_string_equal(error.text, "untouched");
        assert_int_equal(unlinkat(w->root.fd, "proc/cmdline", 0), 0);
        put_fifo(w, "proc/cmdline");
        assert_int_equal(config_read_kernel(&w->root, say_item, &said, &error), CONFIG_E_BAD);
        assert_string_equal(error.text, "/proc/cmdline: not a regular file");
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, world_new, world_free)

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_order),
                cmocka_unit_test(test_in_place_of_a_file),
                cmocka_unit_test(test_in_place_of_a_directory),
                IN_WORLD(test_devices),
                IN_WORLD(test_file_limit),
                IN_WORLD(test_drop_in_limit),
                IN_WORLD(test_long_name),
                IN_WORLD(test_kernel_command_line),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
