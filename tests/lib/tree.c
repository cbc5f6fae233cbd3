/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "base/encode.h"
#include "lib/cmocka-all.h"

#include "base/util.h"

#define ENTRIES_MAX 512U
#define FILE_MAX    (64U << 10)

typedef struct Entry {
        char kind;
        char *path;
        char *value;
} Entry;

/* Component by component, so that ".." behind a link means what it means to the kernel. */
static void make_directories(char *path) {
        for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = '\0';
                assert_true(mkdir(path, 0755) == 0 || errno == EEXIST);
                *slash = '/';
        }
}

static void place(const char *root, const char *path, char ret_whole[static PATH_MAX]) {
        assert_true(snprintf(ret_whole, PATH_MAX, "%s/%s", root, path) < PATH_MAX);
        make_directories(ret_whole);
}

static void write_bytes(const char *root, const char *path, const void *data, size_t n) {
        _cleanup_close_ int fd = -1;
        char whole[PATH_MAX];

        place(root, path, whole);
        fd = open(whole, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, data, n), n);
}

void tree_file(const char *root, const char *path, const char *text) {
        write_bytes(root, path, text, strlen(text));
}

void tree_link(const char *root, const char *path, const char *target) {
        char whole[PATH_MAX];

        place(root, path, whole);
        assert_true(symlink(target, whole) == 0 || errno == EEXIST); /* of an earlier stage */
}

void tree_directory(const char *root, const char *path) {
        char whole[PATH_MAX];

        place(root, path, whole);
        assert_true(mkdir(whole, 0755) == 0 || errno == EEXIST);
}

/* "\n" in the text is a line end; the last one is left out there. */
static void put_text(const char *root, const Entry *e) {
        _cleanup_free_ char *text = calloc(1, strlen(e->value) + 2);
        size_t n = 0;

        for (const char *c = e->value; *c; ++c)
                if (c[0] == '\\' && c[1] == 'n') {
                        text[n++] = '\n';
                        ++c;
                } else {
                        text[n++] = *c;
                }
        if (n > 0)
                text[n++] = '\n';
        write_bytes(root, e->path, text, n);
}

static void put_hex(const char *root, const Entry *e) {
        uint8_t data[1024];
        size_t n;

        assert_int_equal(hex_decode(bytes_of_text(e->value), data, sizeof(data), &n), 0);
        write_bytes(root, e->path, data, n);
}

/* A link beside its target is one to a file, which gets a line of its own; others are to
 * directories. */
static void put_link(const char *root, const Entry *e) {
        char target[PATH_MAX];
        const char *slash = strrchr(e->path, '/');

        tree_link(root, e->path, e->value);
        if (!strchr(e->value, '/'))
                return;
        assert_true(snprintf(target, sizeof(target), "%.*s/%s", (int)(slash - e->path), e->path,
                             e->value) < (int)sizeof(target));
        tree_directory(root, target);
}

static size_t depth(const Entry *e) {
        size_t n = 0;

        for (const char *c = e->path; *c; ++c)
                n += *c == '/';
        return n;
}

static size_t read_entries(char *text, Entry *entries) {
        size_t n = 0;

        for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
                char *space;

                *end = '\0';
                assert_true(n < ENTRIES_MAX && strlen(line) > 3 && line[1] == ' ');
                entries[n] = (Entry){ .kind = line[0], .path = line + 3, .value = end };
                space = strchr(entries[n].path, ' ');
                if (space) {
                        *space = '\0';
                        entries[n].value = space + 1;
                }
                ++n;
        }
        return n;
}

static size_t leave_out(size_t n, Entry *entries, const char *without) {
        size_t kept = 0;

        for (size_t i = 0; i < n; ++i)
                if (!without || strncmp(entries[i].path, without, strlen(without)) != 0)
                        entries[kept++] = entries[i];
        return kept;
}

void tree_stage(const char *data, const char *name, const char *root, const char *without) {
        static Entry entries[ENTRIES_MAX];
        static char text[FILE_MAX];
        _cleanup_close_ int fd = -1;
        char path[PATH_MAX];
        ssize_t got;
        size_t n;

        (void)snprintf(path, sizeof(path), "%s/machines/%s.txt", data, name);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        assert_true(fd >= 0);
        got = read(fd, text, sizeof(text) - 1);
        assert_true(got > 0 && got < (ssize_t)sizeof(text) - 1);
        text[got] = '\0';
        n = leave_out(read_entries(text, entries), entries, without);
        /* Links first, the short ones before those that lead through them. */
        for (size_t at = 0; at < 16; ++at)
                for (size_t i = 0; i < n; ++i)
                        if (entries[i].kind == 'L' && depth(&entries[i]) == at)
                                put_link(root, &entries[i]);
        for (size_t i = 0; i < n; ++i) {
                if (entries[i].kind == 'D')
                        tree_directory(root, entries[i].path);
                if (entries[i].kind == 'F')
                        put_text(root, &entries[i]);
                if (entries[i].kind == 'E' || entries[i].kind == 'N')
                        put_hex(root, &entries[i]);
        }
}

void tree_build(const char *data, const char *name, const char *root) {
        tree_stage(data, name, root, NULL);
}

char *tree_root_new(void) {
        char *root = strdup("/tmp/machine-XXXXXX");

        assert_non_null(mkdtemp(root));
        return root;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *at) {
        (void)st;
        (void)flag;
        (void)at;
        return remove(path);
}

char *tree_root_free(char *root) {
        if (root)
                (void)nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        free(root);
        return NULL;
}
