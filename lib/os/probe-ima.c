/* SPDX-License-Identifier: BSD-2-Clause */
#include "os/probe-ima.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/statfs.h>

#include "os/listfile.h"
#include "os/probe-read.h"

#define SECURITYFS "sys/kernel/security"
#define IMA_DIR    SECURITYFS "/integrity/ima"

static Tri probe_securityfs(const Root *root) {
        _cleanup_close_ int fd = -1;
        struct statfs fs;
        int r;

        if (root->is_given)
                return probe_exists(root, SECURITYFS);
        r = root_open(root, SECURITYFS, O_RDONLY | O_DIRECTORY, &fd);
        if (r < 0)
                return r == -ENOENT ? TRI_NO : TRI_UNKNOWN;
        return fstatfs(fd, &fs) < 0 ? TRI_UNKNOWN : tri_of(fs.f_type == SECURITYFS_MAGIC);
}

static void look_at_file(void *userdata, const char *name) {
        mode_look_at_file(name, userdata);
}

static void look_at_count(const Root *root, ImaFacts *f) {
        char text[PROBE_TEXT_MAX];
        uint64_t n = 0;

        if (probe_text(root, IMA_DIR "/runtime_measurements_count", text, sizeof(text)) < 0 ||
            !*text || strlen(text) > 18 || strspn(text, "0123456789") != strlen(text))
                return;
        for (const char *digit = text; *digit; ++digit)
                n = n * 10 + (uint64_t)(*digit - '0');
        f->counted = TRI_YES;
        f->n_records = n;
}

static void look_at_record(const Root *root, ImaFacts *f) {
        _cleanup_(listfile_freep) ListFile *list = NULL;
        _cleanup_close_ int fd = -1;
        MlistRecord record;

        if (root_open(root, IMA_DIR "/binary_runtime_measurements",
                      O_RDONLY | O_NONBLOCK | O_NOCTTY, &fd) < 0 ||
            listfile_new(fd, DIGEST_SHA1, &list) != 0 || listfile_next(list, &record) != 0)
                return;
        mode_look_at_record(&record, listfile_form(list)->order, &f->mode);
        f->record_known = TRI_YES;
}

/**
 * probe_ima() - look at the list; opens it once for a moment, as any reader does
 * @root:      where the machine is
 * @ret_facts: always set
 */
void probe_ima(const Root *root, ImaFacts *ret_facts) {
        ImaFacts f = { .securityfs = probe_securityfs(root) };

        if (f.securityfs == TRI_YES)
                f.is_there = probe_list(root, IMA_DIR, look_at_file, &f.mode);
        if (f.is_there == TRI_YES) {
                look_at_count(root, &f);
                look_at_record(root, &f);
        }
        *ret_facts = f;
}
