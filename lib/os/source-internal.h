/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * source-internal.h -- what the parts of the source share; only for source*.c.
 *
 * source-open.c opens it, and looks at what the kernel wrote before PID 1; source-read.c gives
 * records; source-stand.c finds the place where to go on; source-count.c asks how many there are.
 */
#pragma once

#include <errno.h>

#include "base/error.h"
#include "os/source.h"
#include "os/spool-seen.h"

#define IMA_DIR "sys/kernel/security/ima"

/* What is read: the kernel's list, and before it the records that only the spool still has. */
typedef struct View {
        int list_fd, head_fd;
        ListFile *list; /* the kernel's; NULL: resting */
        ListFile *head; /* the spool's, as long as its records are given */
        uint64_t n_trimmed;
        uint64_t offset; /* as many bytes of the spool are trimmed */
} View;

#define VIEW_NONE ((View){ .list_fd = -1, .head_fd = -1 })

struct Source {
        Root root; /* its fd is borrowed */
        SourceOptions options;
        View view;
        uint64_t n_given; /* the number of the next record */
        uint64_t n_known; /* as many were there at some time */
        bool is_resting;
        bool is_stale;  /* the list was not read to its end: the next record needs a fresh fd */
        bool repeats;   /* this kernel may measure anything twice */
        SpoolSeen seen; /* of the records 0 to n_seen - 1; only where the source may rest */
        uint64_t n_seen;
        SpoolMark last; /* the last one of these; n is 0: it shows nothing. The spool's offset of
                         * it is set at rest */
        ModeFacts facts;
        uint32_t main_pcr;
        Bytes first; /* record 0, on the heap, to know it again; none before it was seen */
};

/*
 * Whatever keeps us from opening or reading may pass: somebody trims the list, no descriptor is
 * left, a policy is not loaded yet. Not so memory.
 */
static inline int source_trouble(int *error, int r) {
        if (r == -ENOMEM)
                return error_origin(r);
        if (error)
                *error = -r;
        return SOURCE_E_UNREADABLE;
}

static inline bool source_is_boot_aggregate(const MlistRecord *record, const ListFile *list) {
        TemplateSubject subject;

        return !record->is_violation &&
               template_subject(record, listfile_form(list)->order, &subject) == 0 &&
               mode_is_boot_aggregate(subject.name);
}

void source_view_close(View *v);
int source_view_next(const Source *s, View *v, uint64_t i, MlistRecord *ret_record);
int source_stand(Source *s, uint64_t position);
