/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The list is opened: what the kernel wrote before PID 1, and how it was configured, decides the
 * mode.
 */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>

#include "os/source-internal.h"

#define KEXEC_FILE  "sys/kernel/kexec_loaded"
#define CMDLINE     "proc/cmdline"
#define OSRELEASE   "proc/sys/kernel/osrelease"
#define CMDLINE_MAX 4096U /* COMMAND_LINE_SIZE is 2048 on x86 and arm64 */
#define RELEASE_MAX 65U   /* struct new_utsname */
#define CONFIG_MAX  (1U << 20)

/* Which lists has the kernel? Return: 0, SOURCE_E_UNREADABLE, -ENOMEM. */
static int look_at_files(Source *s) {
        _cleanup_close_ int fd = -1;
        struct dirent *entry;
        DIR *dir;
        int r;

        r = root_open(&s->root, IMA_DIR, O_RDONLY | O_DIRECTORY, &fd);
        if (r < 0)
                return error_trace(source_trouble(s->options.error, r));
        dir = fdopendir(fd);
        if (!dir)
                return error_trace(source_trouble(s->options.error, negative_errno()));
        (void)take_fd(&fd);
        while ((entry = readdir(dir)))
                mode_look_at_file(entry->d_name, &s->facts);
        (void)closedir(dir);
        return 0;
}

/* The kernel's configuration, where it can be read. Borrows from @config. */
static Bytes look_at_config(const Source *s, char *config) {
        char release[RELEASE_MAX + 1], path[sizeof("boot/config-") + RELEASE_MAX];

        if (root_read(&s->root, OSRELEASE, release, sizeof(release)) < 0)
                return bytes_of(NULL, 0);
        release[strcspn(release, "/\n")] = '\0';
        (void)snprintf(path, sizeof(path), "boot/config-%s", release);
        if (root_read(&s->root, path, config, CONFIG_MAX) < 0)
                return bytes_of(NULL, 0);
        return bytes_of_text(config);
}

/* It says best whether lists come through kexec. */
static bool look_config_denies_kexec(const Source *s) {
        _cleanup_free_ char *config = malloc(CONFIG_MAX);

        return config && mode_config_denies_kexec(look_at_config(s, config));
}

static bool look_has_word(Bytes text, uint8_t end, const char *word) {
        Bytes part;

        while (bytes_take_until(&text, end, &part)) {
                if (bytes_equal_text(part, word))
                        return true;
        }
        return bytes_equal_text(text, word);
}

/*
 * May this kernel measure twice what is no violation? Where that cannot be read, it was not told
 * to. Kernel ima_queue.c, ima_add_template_entry(); with ima_flush_htable, what is trimmed is
 * forgotten.
 */
static bool look_kernel_repeats(const Source *s) {
        _cleanup_free_ char *config = malloc(CONFIG_MAX);
        char cmdline[CMDLINE_MAX];

        if (root_read(&s->root, CMDLINE, cmdline, sizeof(cmdline)) == 0) {
                cmdline[strcspn(cmdline, "\n")] = '\0';
                if (look_has_word(bytes_of_text(cmdline), ' ', "ima_flush_htable"))
                        return true;
        }
        return config &&
               look_has_word(look_at_config(s, config), '\n', "CONFIG_IMA_DISABLE_HTABLE=y");
}

/* Could this list have been handed over by another kernel? Doubt is yes; under pKVM never. */
static bool look_kexec_inherits(const Source *s) {
        _cleanup_close_ int fd = -1;
        char cmdline[CMDLINE_MAX];

        if (root_open(&s->root, KEXEC_FILE, O_PATH, &fd) == -ENOENT)
                return false;
        if (root_read(&s->root, CMDLINE, cmdline, sizeof(cmdline)) == 0 &&
            mode_cmdline_has_pkvm(bytes_of_text(cmdline)))
                return false;
        return !look_config_denies_kexec(s);
}

/* Only worth a walk where it decides: core/mode, the row of a zero boot_aggregate alone. */
static int look_for_later_boot_aggregate(Source *s) {
        MlistRecord record;
        int r;

        while ((r = source_next(s, &record)) == 0)
                s->facts.later_boot_aggregate |= source_is_boot_aggregate(&record, source_list(s));
        return r < 0 || r == SOURCE_E_UNREADABLE ? error_trace(r) : 0;
}

/*
 * What does record 0 say, and if that is not enough, what do others? Stands at record 0, and does
 * so afterwards. Return: 0, SOURCE_E_UNREADABLE, _REPLACED, _TRIMMED, _FOREIGN; a negative errno.
 */
static int look_at_records(Source *s) {
        MlistRecord record;
        uint8_t *copy;
        int r;

        r = source_next(s, &record);
        if (r != 0)
                return r < 0 || r == SOURCE_E_UNREADABLE ? error_trace(r) : SOURCE_E_REPLACED;
        copy = malloc(record.whole.n);
        if (!copy)
                return error_origin(-ENOMEM);
        bytes_copy(record.whole, copy, record.whole.n);
        s->first = bytes_of(copy, record.whole.n);
        s->main_pcr = record.pcr;
        mode_look_at_record(&record, listfile_form(source_list(s))->order, &s->facts);
        s->facts.kexec_inherits = look_kexec_inherits(s);
        if (s->facts.kexec_inherits && s->facts.record == MODE_RECORD_ZERO) {
                r = look_for_later_boot_aggregate(s);
                if (r != 0)
                        return error_trace(r);
        }
        return error_trace(source_rewind(s));
}

/**
 * source_open() - open the kernel's list and look at what the kernel wrote before PID 1
 * @root:       where securityfs is; its fd is borrowed
 * @options:    its spool and lock are borrowed
 * @ret_source: stands at record 0; to be freed with source_free(); set on success only
 *
 * Return: 0, SOURCE_E_ABSENT, _UNREADABLE, _EMPTY, _FOREIGN, _BROKEN, _TRIMMED, _REPLACED
 *         (between two looks at record 0); a negative errno.
 */
int source_open(const Root *root, const SourceOptions *options, Source **ret_source) {
        _cleanup_(source_freep) Source *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return error_origin(-ENOMEM);
        *s = (Source){ .root = *root, .options = *options, .view = VIEW_NONE };
        s->repeats = options->spool && look_kernel_repeats(s);
        r = source_stand(s, 0);
        if (r == 0)
                r = look_at_files(s);
        if (r == 0)
                r = look_at_records(s);
        if (r == 0)
                *ret_source = TAKE(s);
        return r;
}
