/* SPDX-License-Identifier: BSD-2-Clause */
#include "os/source.h"

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/file.h>
#include <sys/vfs.h>

#include "base/error.h"

#define IMA_DIR     "sys/kernel/security/ima"
#define IMA_LIST    IMA_DIR "/binary_runtime_measurements"
#define IMA_COUNT   IMA_DIR "/runtime_measurements_count"
#define KEXEC_FILE  "sys/kernel/kexec_loaded"
#define CMDLINE     "proc/cmdline"
#define OSRELEASE   "proc/sys/kernel/osrelease"
#define CMDLINE_MAX 4096U /* COMMAND_LINE_SIZE is 2048 on x86 and arm64 */
#define RELEASE_MAX 65U   /* struct new_utsname */
#define CONFIG_MAX  (1U << 20)

struct Source {
        Root root; /* its fd is borrowed */
        int count_fd;
        int list_fd;
        ListFile *list;
        ModeFacts facts;
        uint32_t main_pcr;
        Digest first; /* SHA-1 of record 0, to know it again */
};

/**
 * source_free() - close the source, and give up the lock
 * @s: the source or NULL
 *
 * Return: NULL.
 */
Source *source_free(Source *s) {
        if (!s)
                return NULL;
        listfile_free(s->list);
        closep(&s->list_fd);
        closep(&s->count_fd);
        free(s);
        return NULL;
}

/* Somebody trims the list, or it is not there yet: that passes. Anything else does not. */
static int source_cannot_open(int error) {
        return error == -EBUSY || error == -ENOENT ? SOURCE_E_UNREADABLE : error_origin(error);
}

static int source_open_list(Source *s) {
        _cleanup_(listfile_freep) ListFile *list = NULL;
        _cleanup_close_ int fd = -1;
        struct statfs fs;
        int r;

        r = root_open(&s->root, IMA_LIST, O_RDONLY, &fd);
        if (r < 0)
                return source_cannot_open(r);
        if (fstatfs(fd, &fs) < 0)
                return error_origin(-errno);
        if (!s->root.is_given && fs.f_type != SECURITYFS_MAGIC)
                return SOURCE_E_FOREIGN;
        r = listfile_new(fd, DIGEST_SHA1, &list);
        if (r < 0)
                return error_trace(r);
        listfile_free(s->list);
        closep(&s->list_fd);
        s->list = TAKE(list);
        s->list_fd = take_fd(&fd);
        return 0;
}

static int source_look_at_files(Source *s) {
        _cleanup_close_ int fd = -1;
        struct dirent *entry;
        DIR *dir;
        int r;

        r = root_open(&s->root, IMA_DIR, O_RDONLY | O_DIRECTORY, &fd);
        if (r < 0)
                return source_cannot_open(r);
        dir = fdopendir(fd);
        if (!dir)
                return error_origin(-errno);
        (void)take_fd(&fd);
        while ((entry = readdir(dir)))
                mode_look_at_file(entry->d_name, &s->facts);
        (void)closedir(dir);
        return 0;
}

/* The kernel's configuration, where it can be read, says best whether lists come through kexec. */
static bool source_config_denies_kexec(const Source *s) {
        _cleanup_free_ char *config = malloc(CONFIG_MAX);
        char release[RELEASE_MAX + 1], path[sizeof("boot/config-") + RELEASE_MAX];

        if (!config || root_read(&s->root, OSRELEASE, release, sizeof(release)) < 0)
                return false;
        release[strcspn(release, "/\n")] = '\0';
        (void)snprintf(path, sizeof(path), "boot/config-%s", release);
        return root_read(&s->root, path, config, CONFIG_MAX) == 0 &&
               mode_config_denies_kexec(bytes_of_text(config));
}

/* Could this list have been handed over by another kernel? Doubt is yes; under pKVM never. */
static bool source_kexec_inherits(const Source *s) {
        _cleanup_close_ int fd = -1;
        char cmdline[CMDLINE_MAX];

        if (root_open(&s->root, KEXEC_FILE, O_PATH, &fd) == -ENOENT)
                return false;
        if (root_read(&s->root, CMDLINE, cmdline, sizeof(cmdline)) == 0 &&
            mode_cmdline_has_pkvm(bytes_of_text(cmdline)))
                return false;
        return !source_config_denies_kexec(s);
}

static int source_first_digest(Source *s, const MlistRecord *record, Digest *ret_digest) {
        return error_trace(hasher_run(listfile_hasher(s->list), &record->whole, 1, ret_digest));
}

/* Only worth a walk where it decides: core/mode, the row of a zero boot_aggregate alone. */
static int source_look_for_later_boot_aggregate(Source *s) {
        MlistRecord record;
        TemplateSubject subject;
        int r;

        while ((r = listfile_next(s->list, &record)) == 0) {
                if (!record.is_violation &&
                    template_subject(&record, listfile_form(s->list)->order, &subject) == 0 &&
                    mode_is_boot_aggregate(subject.name))
                        s->facts.later_boot_aggregate = true;
        }
        return r < 0 ? error_trace(r) : 0;
}

static int source_look_at_records(Source *s) {
        MlistRecord record;
        int r;

        r = listfile_next(s->list, &record);
        if (r < 0)
                return error_trace(r);
        if (r == LISTFILE_E_BROKEN)
                return SOURCE_E_BROKEN;
        if (r != 0)
                return SOURCE_E_EMPTY;
        s->main_pcr = record.pcr;
        mode_look_at_record(&record, listfile_form(s->list)->order, &s->facts);
        r = source_first_digest(s, &record, &s->first);
        if (r < 0)
                return error_trace(r);
        s->facts.kexec_inherits = source_kexec_inherits(s);
        if (s->facts.kexec_inherits && s->facts.record == MODE_RECORD_ZERO) {
                r = source_look_for_later_boot_aggregate(s);
                if (r < 0)
                        return error_trace(r);
        }
        return error_trace(source_rewind(s));
}

static int source_lock(Source *s) {
        _cleanup_close_ int dir = -1;
        int r;

        r = root_open(&s->root, IMA_DIR, O_PATH | O_DIRECTORY, &dir);
        if (r == -ENOENT || r == -ENOTDIR)
                return SOURCE_E_ABSENT;
        if (r == 0)
                r = root_open(&s->root, IMA_COUNT, O_RDONLY, &s->count_fd);
        if (r < 0)
                return source_cannot_open(r);
        if (flock(s->count_fd, LOCK_EX | LOCK_NB) < 0)
                return errno == EWOULDBLOCK ? SOURCE_E_LOCKED : error_origin(-errno);
        return 0;
}

/**
 * source_open() - lock the kernel's list and look at what the kernel wrote before PID 1
 * @root:       where securityfs is; its fd is borrowed
 * @ret_source: stands at record 0; to be freed with source_free(); set on success only
 *
 * Return: 0, SOURCE_E_ABSENT, _UNREADABLE, _EMPTY, _LOCKED, _FOREIGN, _BROKEN, _REPLACED (between
 *         two looks at record 0); a negative errno.
 */
int source_open(const Root *root, Source **ret_source) {
        _cleanup_(source_freep) Source *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return error_origin(-ENOMEM);
        *s = (Source){ .root = *root, .count_fd = -1, .list_fd = -1 };
        r = source_lock(s);
        if (r == 0)
                r = source_open_list(s);
        if (r == 0)
                r = source_look_at_files(s);
        if (r == 0)
                r = source_look_at_records(s);
        if (r == 0)
                *ret_source = TAKE(s);
        return r;
}

/**
 * source_next() - take the next record
 * @s:          the source
 * @ret_record: borrows from the source until the next call; set on success only
 *
 * Return: 0, SOURCE_E_END, SOURCE_E_CUT, SOURCE_E_BROKEN; a negative errno.
 */
int source_next(Source *s, MlistRecord *ret_record) {
        int r = listfile_next(s->list, ret_record);

        if (r < 0)
                return error_trace(r);
        switch (r) {
        case 0:
                return 0;
        case LISTFILE_E_END:
                return SOURCE_E_END;
        case LISTFILE_E_CUT:
                return SOURCE_E_CUT;
        default:
                return SOURCE_E_BROKEN;
        }
}

/**
 * source_rewind() - stand at record 0 again, with a fresh fd
 * @s: the source
 *
 * A fresh fd and not a seek: a list that was trimmed meanwhile has another record 0, and that must
 * show.
 *
 * Return: 0, SOURCE_E_REPLACED, _UNREADABLE, _FOREIGN; a negative errno.
 */
int source_rewind(Source *s) {
        MlistRecord record;
        Digest first;
        int r;

        r = source_open_list(s);
        if (r != 0)
                return r;
        r = listfile_next(s->list, &record);
        if (r < 0)
                return error_trace(r);
        if (r != 0)
                return SOURCE_E_REPLACED;
        r = source_first_digest(s, &record, &first);
        if (r < 0)
                return error_trace(r);
        if (!digest_equal(DIGEST_SHA1, &first, &s->first))
                return SOURCE_E_REPLACED;
        return error_trace(source_open_list(s));
}

/**
 * source_count() - how many records the kernel's list has now
 * @s:     the source
 * @ret_n: records, set on success only
 *
 * Kernel ima_fs.c, ima_show_measurements_count(); a pread of the open fd is always fresh.
 *
 * Return: 0 or a negative errno.
 */
int source_count(Source *s, uint64_t *ret_n) {
        char text[32];
        uint64_t n = 0;
        ssize_t k = pread(s->count_fd, text, sizeof(text), 0);

        if (k < 0)
                return error_origin(-errno);
        for (ssize_t i = 0; i < k && text[i] != '\n'; ++i) {
                if (text[i] < '0' || text[i] > '9' || n > (UINT64_MAX - 9) / 10)
                        return error_origin(-EBADMSG);
                n = n * 10 + (uint64_t)(text[i] - '0');
        }
        *ret_n = n;
        return 0;
}

/**
 * source_facts() - what decides the mode, as far as files can tell
 * @s: the source
 *
 * Return: borrowed from @s.
 */
const ModeFacts *source_facts(const Source *s) {
        return &s->facts;
}

/**
 * source_main_pcr() - the PCR of record 0
 * @s: the source
 *
 * Return: its number.
 */
uint32_t source_main_pcr(const Source *s) {
        return s->main_pcr;
}

/**
 * source_list() - the list behind the source, for its place and its hasher
 * @s: the source
 *
 * Return: borrowed from @s, until the next rewind.
 */
ListFile *source_list(Source *s) {
        return s->list;
}
