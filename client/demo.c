/* SPDX-License-Identifier: BSD-2-Clause */
#include "client/demo.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <spawn.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/error.h"
#include "base/exit.h"
#include "core/mlist.h"
#include "os/message.h"

#define IMA_DIR   "root/sys/kernel/security/integrity/ima"
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
                return error_origin(-errno);
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
                        return error_origin(-errno);
                *slash = '/';
        }
        return mkdir(path, 0755) < 0 ? error_origin(-errno) : 0;
}

static int demo_link(const DemoWorld *w, const char *target, const char *name) {
        char path[PATH_MAX];
        int r = demo_path(w, name, path);

        if (r < 0)
                return error_trace(r);
        return symlink(target, path) < 0 ? error_origin(-errno) : 0;
}

/* As a kernel from 6.10 on shows a list in bypass: sha1's file and a link to it. */
static int demo_build_root(const DemoWorld *w) {
        int r;

        r = demo_make_dirs(w, IMA_DIR);
        if (r == 0)
                r = demo_link(w, "integrity/ima", "root/sys/kernel/security/ima");
        if (r == 0)
                r = demo_link(w, "binary_runtime_measurements_sha1",
                              IMA_DIR "/binary_runtime_measurements");
        return error_trace(r);
}

/**
 * demo_show_list() - let the kernel of the world have measured this much
 * @w:         the world
 * @n_bytes:   bytes of the list
 * @n_records: records in them
 *
 * Return: 0 or a negative errno.
 */
int demo_show_list(const DemoWorld *w, size_t n_bytes, uint64_t n_records) {
        char path[PATH_MAX], count[32];
        int r;

        r = demo_path(w, IMA_DIR "/binary_runtime_measurements_sha1", path);
        if (r == 0)
                r = demo_write(path, w->list, n_bytes);
        if (r == 0)
                r = demo_path(w, IMA_DIR "/runtime_measurements_count", path);
        (void)snprintf(count, sizeof(count), "%" PRIu64 "\n", n_records);
        return r < 0 ? error_trace(r) : error_trace(demo_write(path, count, strlen(count)));
}

/* To its end and not by its size: files of securityfs claim to be empty. */
static int demo_read_list(DemoWorld *w, const char *path) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
        size_t size = LIST_STEP;

        if (fd < 0)
                return error_origin(-errno);
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
                        return error_origin(-errno);
                if (n == 0)
                        return 0;
                w->n_list += (size_t)n;
        }
}

/* Walk over the first @n_records of the list. Return: an exit status after a message. */
static int demo_walk_list(const DemoWorld *w, const char *path, uint64_t n_records,
                          size_t *ret_n_bytes, uint64_t *ret_n_records) {
        _cleanup_(hasher_freep) Hasher *sha1 = NULL;
        Bytes in = bytes_of(w->list, w->n_list);
        uint64_t n = 0;
        MlistRecord record;
        MlistError error;
        MlistForm form;
        int r;

        r = hasher_new(DIGEST_SHA1, &sha1);
        if (r != 0)
                return error_fold(r);
        r = mlist_detect(in, DIGEST_SHA1, &form, &error);
        while (r == 0 && in.n > 0 && n < n_records) {
                r = mlist_parse(&in, &form, sha1, &record, &error);
                n += r == 0;
        }
        if (r < 0)
                return error_trace(r);
        if (r > 0 || n == 0) {
                message_error("%s: not a whole list: → try ima-replayctl replay --list=%s", path,
                              path);
                return EXIT_ERROR;
        }
        *ret_n_bytes = w->n_list - in.n;
        *ret_n_records = n;
        return EXIT_GOOD;
}

/* Two thirds of the records are the backlog; the rest is measured while the TPM is there. */
static int demo_divide_list(DemoWorld *w, const char *path) {
        size_t n_bytes;
        int r;

        r = demo_walk_list(w, path, UINT64_MAX, &n_bytes, &w->n_records);
        if (r != EXIT_GOOD)
                return r;
        return demo_walk_list(w, path, w->n_records - w->n_records / 3, &w->n_backlog,
                              &w->n_backlog_records);
}

static int demo_find_self(DemoWorld *w) {
        ssize_t n = readlink("/proc/self/exe", w->exe_dir, sizeof(w->exe_dir) - 1);
        char *slash;

        if (n < 0)
                return error_origin(-errno);
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
        return setenv("LD_LIBRARY_PATH", path, 1) < 0 ? error_origin(-errno) : 0;
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
                return error_origin(-errno);
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

/**
 * demo_run() - run a program to its end
 * @argv:        path and arguments, NULL at the end
 * @stdout_path: where its output goes
 * @ret_status:  its exit status, set on success only
 *
 * Return: 0 or a negative errno.
 */
int demo_run(const char *const argv[], const char *stdout_path, int *ret_status) {
        posix_spawn_file_actions_t actions;
        int r, status;
        pid_t pid;

        r = posix_spawn_file_actions_init(&actions);
        if (r == 0)
                r = posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, stdout_path,
                                                     O_WRONLY | O_CREAT | O_TRUNC, 0600);
        if (r == 0)
                r = posix_spawn(&pid, argv[0], &actions, NULL, (char *const *)(uintptr_t)argv,
                                environ);
        (void)posix_spawn_file_actions_destroy(&actions);
        if (r != 0)
                return error_origin(-r);
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return error_origin(-errno);
        if (!WIFEXITED(status))
                return error_origin(-ECHILD);
        *ret_status = WEXITSTATUS(status);
        return 0;
}
