/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * violation.h -- which of its two causes a violation record can have had. Pure.
 *
 * The kernel (ima_main.c, ima_rdwr_violation_check()) records a violation when
 *   - a file is opened for reading, by a rule that measures it, while somebody has it open for
 *     writing (audit: open_writers); if the file's last measurement does not hold any more its
 *     measurement follows, made by the same open();
 *   - a file is opened for writing while somebody has it open for reading who had it measured
 *     (audit: ToMToU, time of measure, time of use).
 *
 * The record does not say which: both carry the name and zeros, both go to the default PCR with the
 * default template. What a list can tell is little:
 *   - ToMToU needs a reader whose open() had the file measured. Where no record before shows that
 *     name measured, and a measurement of it follows, the cause was open_writers;
 *   - in each other case both causes leave the same records (of the captured lists k*-tpm-pcrs,
 *     where both causes were made by turns, nobody can tell), so ToMToU is never concluded. The
 *     audit records of that boot (type 1804, cause=) do tell.
 *
 * The first conclusion is called likely, no more, because it fails where reader and writer know the
 * file by different names (hard links, bind mounts, containers, a rename), and where the writer
 * came while the reader's measurement was still being calculated. It is not drawn where records may
 * be missing before (the list does not begin with a boot_aggregate: trimmed), where the name is not
 * an absolute path, or where a record before has no name that can be read.
 */
#pragma once

#include "core/template.h"

typedef enum ViolationCause {
        VIOLATION_UNKNOWN,             /* the list fits both */
        VIOLATION_LIKELY_OPEN_WRITERS, /* read while open for writing */
        _VIOLATION_CAUSE_N,
} ViolationCause;

/* A look at a list for the sake of one violation in it. */
typedef struct ViolationView {
        Bytes name;        /* of the file; borrows from the violation's record */
        uint64_t at;       /* position of the violation */
        uint64_t n_seen;   /* records looked at */
        bool is_from_boot; /* record 0 is a boot_aggregate */
        bool is_blurred;   /* a record before has no readable name */
        bool measured_before;
        bool measured_after;
} ViolationView;

enum {
        _VIOLATION_E_SUCCESS,
        VIOLATION_E_NONE, /* the record is no violation, or names nothing */
};

const char *violation_cause_word(ViolationCause cause);
int violation_begin(const MlistRecord *record, ByteOrder order, uint64_t at,
                    ViolationView *ret_view);
void violation_look(ViolationView *v, const MlistRecord *record, ByteOrder order);
ViolationCause violation_cause(const ViolationView *v);
