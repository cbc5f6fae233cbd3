/* SPDX-License-Identifier: BSD-2-Clause */
#include "client/demo.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/exit.h"
#include "os/message.h"

#define IMA_DIR   "root/sys/kernel/security/integrity/ima"
#define IMA_LIST  IMA_DIR "/binary_runtime_measurements_sha1"
#define IMA_COUNT IMA_DIR "/runtime_measurements_count"
#define COUNT_MAX 32U
#define LIST_MAX  ((size_t)256 << 20) /* a demonstration, not a benchmark */
#define LIST_STEP ((size_t)1 << 20)

static int path_join(char path[static PATH_MAX], const char *dir, const char *name) {
        int n = snprintf(path, PATH_MAX, "%s/%s", dir, name);

        return n < 0 || n >= PATH_MAX ? error_origin(-ENAMETOOLONG) : 0;
}

/**
 * demo_path() - a path in the world
 * @w:    the world
 * @name: below its directory
 * @path: room for it
 *
 * Return: 0 or -ENAMETOOLONG.
 */
int demo_path(const DemoWorld *w, const char *name, char path[static PATH_MAX]) {
        return error_trace(path_join(path, w->dir, name));
}

/**
 * demo_write() - write a whole file anew
 * @path: the file
 * @data: its content
 * @n:    bytes
 *
 * Return: 0 or a negative errno.
 */
int demo_write(const char *path, const void *data, size_t n) {
        _cleanup_fclose_ FILE *f = fopen(path, "we");

        if (!f)
                return error_origin(negative_errno());
        if ((n > 0 && fwrite(data, n, 1, f) != 1) || fflush(f) != 0)
                return error_origin(-EIO);
        return 0;
}

static int demo_make_dirs(const DemoWorld *w, const char *dirs) {
        char path[PATH_MAX];
        int r;

        r = demo_path(w, dirs, path);
        if (r < 0)
                return error_trace(r);
        for (char *slash = path + strlen(w->dir) + 1; (slash = strchr(slash, '/')); ++slash) {
                *slash = '\0';
                if (mkdir(path, 0755) < 0 && errno != EEXIST)
                        return error_origin(negative_errno());
                *slash = '/';
        }
        return mkdir(path, 0755) < 0 ? error_origin(negative_errno()) : 0;
}

static int demo_link(const DemoWorld *w, const char *target, const char *name) {
        char path[PATH_MAX];
        int r = demo_path(w, name, path);

        if (r < 0)
                return error_trace(r);
        return symlink(target, path) < 0 ? error_origin(negative_errno()) : 0;
}

/* As a kernel from 6.10 on shows a list in bypass: sha1's file and a link to it. */
static int demo_build_root(const DemoWorld *w) {
        int r;

        r = demo_make_dirs(w, IMA_DIR);
        if (r == 0)
                r = demo_make_dirs(w, "root/run");
        if (r == 0)
                r = demo_link(w, "integrity/ima", "root/sys/kernel/security/ima");
        if (r == 0)
                r = demo_link(w, "binary_runtime_measurements_sha1",
                              IMA_DIR "/binary_runtime_measurements");
        return error_trace(r);
}

static int demo_put_count(const DemoWorld *w, char text[static COUNT_MAX]) {
        return snprintf(text, COUNT_MAX, "%" PRIu64 "\n", w->n_shown_records);
}

/**
 * demo_show_backlog() - let the kernel of the world have measured the backlog
 * @w: the world
 *
 * Return: 0 or a negative errno.
 */
int demo_show_backlog(DemoWorld *w) {
        char path[PATH_MAX], count[COUNT_MAX];
        int r;

        w->n_shown = w->n_backlog;
        w->n_shown_records = w->n_backlog_records;
        r = demo_path(w, IMA_LIST, path);
        if (r == 0)
                r = demo_write(path, w->list, w->n_shown);
        if (r == 0)
                r = demo_path(w, IMA_COUNT, path);
        if (r < 0)
                return error_trace(r);
        return error_trace(demo_write(path, count, (size_t)demo_put_count(w, count)));
}

/* In one call, as the kernel lets nobody see half of it; and in place, as others have it open. */
static int demo_put(const DemoWorld *w, const char *name, int flags, const void *data, size_t n) {
        _cleanup_close_ int fd = -1;
        char path[PATH_MAX];
        ssize_t k;
        int r;

        r = demo_path(w, name, path);
        if (r < 0)
                return error_trace(r);
        fd = open(path, O_WRONLY | O_CLOEXEC | flags);
        if (fd < 0)
                return error_origin(negative_errno());
        k = write(fd, data, n);
        if (k < 0)
                return error_origin(negative_errno());
        return (size_t)k == n ? 0 : error_origin(-EIO);
}

/**
 * demo_measure() - let the kernel of the world measure one record more
 * @w: the world; the list has a record that is not shown yet
 *
 * Return: 0 or a negative errno.
 */
int demo_measure(DemoWorld *w) {
        Bytes rest = bytes_of(w->list + w->n_shown, w->n_list - w->n_shown);
        char count[COUNT_MAX];
        MlistRecord record;
        MlistError error;
        int r;

        r = mlist_parse(&rest, &w->form, w->sha1, &record, &error);
        if (r != 0)
                return error_fold(r); /* it was parsed before */
        r = demo_put(w, IMA_LIST, O_APPEND, record.whole.data, record.whole.n);
        if (r < 0)
                return error_trace(r);
        w->n_shown += record.whole.n;
        ++w->n_shown_records;
        return error_trace(demo_put(w, IMA_COUNT, 0, count, (size_t)demo_put_count(w, count)));
}

/* To its end and not by its size: files of securityfs claim to be empty. */
static int demo_read_list(DemoWorld *w, const char *path) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
        size_t size = LIST_STEP;

        if (fd < 0)
                return error_origin(negative_errno());
        for (;;) {
                ssize_t n;

                if (!w->list || w->n_list == size) {
                        char *larger;

                        size *= w->list ? 2 : 1;
                        larger = size <= LIST_MAX ? realloc(w->list, size) : NULL;
                        if (!larger)
                                return error_origin(size <= LIST_MAX ? -ENOMEM : -EFBIG);
                        w->list = larger;
                }
                n = read(fd, w->list + w->n_list, size - w->n_list);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return error_origin(negative_errno());
                if (n == 0)
                        return 0;
                w->n_list += (size_t)n;
        }
}

/* Walk over the first @n_records of the list. Return: 0, or an outcome of mlist_parse(). */
static int demo_walk_list(const DemoWorld *w, uint64_t n_records, size_t *ret_n_bytes,
                          uint64_t *ret_n_records) {
        Bytes in = bytes_of(w->list, w->n_list);
        MlistRecord record;
        MlistError error;
        uint64_t n = 0;

        while (in.n > 0 && n < n_records) {
                int r = mlist_parse(&in, &w->form, w->sha1, &record, &error);

                if (r != 0)
                        return error_trace(r);
                ++n;
        }
        *ret_n_bytes = w->n_list - in.n;
        *ret_n_records = n;
        return 0;
}

/*
 * The last byte of the last record in the PCR of record 0 that is no violation: of a violation
 * nothing is hashed but ones.
 */
static int demo_find_fragile(DemoWorld *w) {
        Bytes in = bytes_of(w->list, w->n_list);
        uint32_t main_pcr = 0;
        MlistRecord record;
        MlistError error;

        while (in.n > 0) {
                bool is_first = in.n == w->n_list;
                int r = mlist_parse(&in, &w->form, w->sha1, &record, &error);

                if (r != 0)
                        return error_fold(r); /* it was parsed before */
                if (is_first)
                        main_pcr = record.pcr;
                if (is_first || (record.pcr == main_pcr && !record.is_violation))
                        w->at_fragile = w->n_list - in.n - 1;
        }
        return 0;
}

/* Two thirds of the records, and never none, are the backlog; the rest is measured while the TPM is
 * there. */
static int demo_divide_list(DemoWorld *w, const char *path) {
        MlistError error;
        size_t n_bytes;
        int r;

        r = hasher_new(DIGEST_SHA1, &w->sha1);
        if (r != 0)
                return error_fold(r);
        r = mlist_detect(bytes_of(w->list, w->n_list), DIGEST_SHA1, &w->form, &error);
        if (r == 0)
                r = demo_walk_list(w, UINT64_MAX, &n_bytes, &w->n_records);
        if (r == 0)
                r = demo_walk_list(w, w->n_records - w->n_records / 3, &w->n_backlog,
                                   &w->n_backlog_records);
        if (r < 0)
                return error_trace(r);
        if (r > 0 || w->n_records == 0) {
                message_error("%s: not a whole list: → try ima-replayctl replay --list=%s", path,
                              path);
                return EXIT_ERROR;
        }
        return error_trace(demo_find_fragile(w));
}

static int demo_find_self(DemoWorld *w) {
        ssize_t n = readlink("/proc/self/exe", w->exe_dir, sizeof(w->exe_dir) - 1);
        char *slash;

        if (n < 0)
                return error_origin(negative_errno());
        w->exe_dir[n] = '\0';
        slash = strrchr(w->exe_dir, '/');
        if (slash)
                *slash = '\0';
        return 0;
}

/* The software TPM is a module that the TSS loads: say where it is, installed or built. */
static int demo_set_library_path(const DemoWorld *w) {
        const char *given = getenv("LD_LIBRARY_PATH");
        char path[3 * PATH_MAX];

        (void)snprintf(path, sizeof(path), "%s/../tools:%s%s%s", w->exe_dir, DEMO_LIB_DIR,
                       given ? ":" : "", given ? given : "");
        return setenv("LD_LIBRARY_PATH", path, 1) < 0 ? error_origin(negative_errno()) : 0;
}

/**
 * demo_build() - make the world
 * @w:         zeroed; to be removed in any case
 * @list_path: the list, or NULL for the one that comes with the program
 *
 * Return: an exit status, after a message unless EXIT_GOOD; a negative errno.
 */
int demo_build(DemoWorld *w, const char *list_path) {
        const char *tmp = getenv("TMPDIR");
        char own[PATH_MAX], template[PATH_MAX];
        int r;

        r = demo_find_self(w);
        if (r == 0)
                r = demo_set_library_path(w);
        if (r < 0)
                return error_trace(r);
        if (!list_path) {
                r = path_join(own, w->exe_dir, "demo.bin");
                if (r < 0)
                        return error_trace(r);
                list_path = access(own, R_OK) == 0 ? own : DEMO_DATA_DIR "/demo.bin";
        }
        r = demo_read_list(w, list_path);
        if (r < 0) {
                message_error("%s: %s", list_path, strerror(-r));
                return EXIT_ERROR;
        }
        r = demo_divide_list(w, list_path);
        if (r != EXIT_GOOD)
                return r;
        r = path_join(template, tmp && *tmp ? tmp : "/tmp", "ima-replay-demo.XXXXXX");
        if (r < 0)
                return error_trace(r);
        if (!mkdtemp(template))
                return error_origin(negative_errno());
        memcpy(w->dir, template, sizeof(w->dir));
        return error_trace(demo_build_root(w));
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        (void)st, (void)type, (void)ftw;
        (void)remove(path);
        return 0;
}

/**
 * demo_remove() - take the world away again
 * @w: the world; may be half built
 */
void demo_remove(DemoWorld *w) {
        if (w->dir[0])
                (void)nftw(w->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
        free(w->list);
        w->list = NULL;
        w->sha1 = hasher_free(w->sha1);
}

/**
 * demo_find_program() - where one of our programs is
 * @w:    the world
 * @name: its name
 * @path: room for its path
 *
 * In PATH, then where it is installed, then where it was built.
 *
 * Return: 0, or -ENOENT after a message.
 */
int demo_find_program(const DemoWorld *w, const char *name, char path[static PATH_MAX]) {
        static const char *const places[] = { ".", "../sbin", "../daemon" };
        Bytes dirs = bytes_of_text(getenv("PATH") ? getenv("PATH") : "");

        while (dirs.n > 0) {
                char text[PATH_MAX];
                Bytes dir;

                if (!bytes_take_until(&dirs, ':', &dir))
                        (void)bytes_take(&dirs, dirs.n, &dir);
                (void)snprintf(text, sizeof(text), "%.*s", (int)MIN_OF(dir.n, PATH_MAX - 1U),
                               (const char *)dir.data);
                if (dir.n > 0 && path_join(path, text, name) == 0 && access(path, X_OK) == 0)
                        return 0;
        }
        for (size_t i = 0; i < ELEMENTSOF(places); ++i) {
                char dir[PATH_MAX];

                if (path_join(dir, w->exe_dir, places[i]) == 0 && path_join(path, dir, name) == 0 &&
                    access(path, X_OK) == 0)
                        return 0;
        }
        message_error("%s is neither in PATH nor where ima-replayctl is; → install it, or build it",
                      name);
        return error_origin(-ENOENT);
}
