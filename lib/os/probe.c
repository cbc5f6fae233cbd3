/* SPDX-License-Identifier: BSD-2-Clause */
#include "os/probe.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "os/probe-ffa.h"
#include "os/probe-internal.h"
#include "os/probe-tpm.h"

#define ENTRIES_MAX 4096U       /* of a directory; a bus has some hundreds */
#define READS_MAX   (1U << 17)  /* of one file in one look; /dev/kmsg gives a record each */
#define LINE_ROOM   (16U << 10) /* a record of /dev/kmsg has 8 KiB at most (kernel printk.h) */
#define CMDLINE_MAX (16U << 10) /* COMMAND_LINE_SIZE is 2 to 4 KiB */

/*
 * Small looks
 */

/**
 * probe_exists() - is there something at a path?
 * @root: the root
 * @path: without a slash in front
 *
 * Return: yes, no, or unknown where it cannot be looked at.
 */
Tri probe_exists(const Root *root, const char *path) {
        _cleanup_close_ int fd = -1;
        int r = root_open(root, path, O_PATH, &fd);

        return r == 0 ? TRI_YES : r == -ENOENT || r == -ENOTDIR ? TRI_NO : TRI_UNKNOWN;
}

/* The same for a member of a device: directory/name/member. */
Tri probe_is_below(const Root *root, const char *directory, const char *name, const char *member) {
        char path[PROBE_PATH_MAX];
        int n = snprintf(path, sizeof(path), "%s/%s/%s", directory, name, member);

        return n < (int)sizeof(path) ? probe_exists(root, path) : TRI_UNKNOWN;
}

/**
 * probe_text() - read a small file; never waits
 * @root:     the root
 * @path:     without a slash in front
 * @ret_text: its text without the last newline; undefined on failure
 * @max:      room at @ret_text; a longer file is -EFBIG, one with a NUL in it -EBADMSG
 *
 * Return: 0 or a negative errno, not raised.
 */
int probe_text(const Root *root, const char *path, char *ret_text, size_t max) {
        _cleanup_close_ int fd = -1;
        size_t n = 0;
        int r;

        r = root_open(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, &fd);
        if (r == 0)
                r = read_whole(fd, ret_text, max, &n);
        if (r < 0)
                return r;
        if (memchr(ret_text, '\0', n))
                return -EBADMSG;
        ret_text[n] = '\0';
        if (n > 0 && ret_text[n - 1] == '\n')
                ret_text[n - 1] = '\0';
        return 0;
}

/* What a symbolic link says. Return: 0 or a negative errno. */
int probe_link(const Root *root, const char *path, char *ret_text, size_t max) {
        _cleanup_close_ int fd = -1;
        ssize_t n;
        int r;

        r = root_open(root, path, O_PATH | O_NOFOLLOW, &fd);
        if (r < 0)
                return r;
        n = readlinkat(fd, "", ret_text, max);
        if (n < 0)
                return -errno;
        if ((size_t)n >= max)
                return -ENAMETOOLONG;
        ret_text[n] = '\0';
        return 0;
}

/* The names in a directory, in no order. Return: whether it is there; unknown where unreadable. */
Tri probe_list(const Root *root, const char *path, ProbeVisit *visit, void *userdata) {
        _cleanup_close_ int fd = -1;
        struct dirent *entry;
        DIR *dir;
        int r;

        r = root_open(root, path, O_RDONLY | O_DIRECTORY, &fd);
        if (r < 0)
                return r == -ENOENT || r == -ENOTDIR ? TRI_NO : TRI_UNKNOWN;
        dir = fdopendir(fd);
        if (!dir)
                return TRI_UNKNOWN;
        (void)take_fd(&fd);
        for (uint32_t n = 0; n < ENTRIES_MAX && (entry = readdir(dir)); ++n)
                if (entry->d_name[0] != '.')
                        visit(userdata, entry->d_name);
        (void)closedir(dir);
        return TRI_YES;
}

/* Whole lines off the front. Return: bytes of a line that has no end yet. */
static size_t lines_take(char *room, size_t n, ProbeLine *visit, void *userdata) {
        Bytes in = bytes_of(room, n), line;

        while (bytes_take_until(&in, '\n', &line))
                visit(userdata, line);
        if (in.n == n && n == LINE_ROOM) {
                /* Longer than any that matters: its beginning is enough. */
                visit(userdata, in);
                return 0;
        }
        memmove(room, in.data, in.n);
        return in.n;
}

/* The lines of a file, from where it stands; it may be a log that goes on later. */
void probe_lines(int fd, ProbeLine *visit, void *userdata) {
        char room[LINE_ROOM];
        size_t n = 0;

        for (uint32_t reads = 0; reads < READS_MAX; ++reads) {
                ssize_t got = read(fd, room + n, sizeof(room) - n);

                /* EPIPE: the ring of /dev/kmsg went over what was to be read. */
                if (got < 0 && (errno == EINTR || errno == EPIPE))
                        continue;
                if (got <= 0)
                        break;
                n = lines_take(room, n + (size_t)got, visit, userdata);
        }
        if (n > 0)
                visit(userdata, bytes_of(room, n));
}

/*
 * The kernel's log and pKVM
 */

static void probe_kmsg_line(void *userdata, Bytes line) {
        kmsg_look(userdata, line);
}

/* A device below another root would be this machine's own log. */
static int probe_kmsg_open(const Root *root) {
        static const char *const paths[] = { "dev/kmsg", "var/log/kmsg" };

        for (size_t i = 0; i < (root->is_given ? ELEMENTSOF(paths) : 1); ++i) {
                _cleanup_close_ int fd = -1;
                struct stat st;

                if (root_open(root, paths[i], O_RDONLY | O_NONBLOCK | O_NOCTTY, &fd) == 0 &&
                    fstat(fd, &st) == 0 && S_ISREG(st.st_mode) == root->is_given)
                        return take_fd(&fd);
        }
        return -1;
}

static void probe_kmsg(const Root *root, ProbeMemory *memory) {
        if (memory->kmsg_fd < 0 && !memory->kmsg_was_tried)
                memory->kmsg_fd = probe_kmsg_open(root);
        memory->kmsg_was_tried = true;
        if (memory->kmsg_fd < 0)
                return;
        memory->kmsg.is_known = true;
        probe_lines(memory->kmsg_fd, probe_kmsg_line, &memory->kmsg);
}

static void probe_pkvm(const Root *root, PkvmFacts *ret_facts) {
        PkvmFacts f = { .kvm = probe_exists(root, "sys/class/misc/kvm") };
        char cmdline[CMDLINE_MAX];

        if (f.kvm != TRI_YES)
                f.kvm = probe_exists(root, "dev/kvm");
        if (probe_text(root, "proc/cmdline", cmdline, sizeof(cmdline)) == 0)
                f.asked = tri_of(mode_cmdline_has_pkvm(bytes_of_text(cmdline)));
        *ret_facts = f;
}

/**
 * probe_memory_init() - nothing was looked at yet
 * @memory: the memory
 */
void probe_memory_init(ProbeMemory *memory) {
        *memory = (ProbeMemory){ .kmsg_fd = -1 };
}

/**
 * probe_memory_deinit() - close what stayed open
 * @memory: the memory; it may be used again after probe_memory_init()
 */
void probe_memory_deinit(ProbeMemory *memory) {
        closep(&memory->kmsg_fd);
        memory->kmsg_fd = -1;
}

/**
 * probe_machine() - look at the machine
 * @root:      where it is
 * @options:   how
 * @ret_facts: set on success only
 *
 * Return: 0, or the negative errno with which not even the root itself could be looked at.
 */
int probe_machine(const Root *root, const ProbeOptions *options, MachineFacts *ret_facts) {
        _cleanup_(probe_memory_deinit) ProbeMemory once;
        ProbeMemory *memory = options->memory ? options->memory : &once;
        _cleanup_close_ int fd = -1;
        MachineFacts facts = {};
        int r;

        probe_memory_init(&once);
        r = root_open(root, ".", O_PATH | O_DIRECTORY, &fd);
        if (r < 0)
                return error_origin(r);
        if (!memory->kernel_is_known)
                probe_kernel(root, &memory->kernel);
        memory->kernel_is_known = true;
        probe_kmsg(root, memory);
        facts.kernel = memory->kernel;
        facts.kmsg = memory->kmsg;
        probe_pkvm(root, &facts.pkvm);
        /* Where sysfs is not mounted, nothing that is missing is known to be missing. */
        if (probe_exists(root, "sys/class") == TRI_YES) {
                probe_ffa(root, &facts.ffa);
                probe_tpm_announced(root, &facts.tpm);
                probe_tpm_chips(root, &facts);
        }
        if (options->with_ima)
                probe_ima(root, &facts.ima);
        *ret_facts = facts;
        return 0;
}
