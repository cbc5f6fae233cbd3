/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mode.h -- who extends in this boot: the kernel, we, or nobody can tell. Pure.
 *
 * Decided from what the kernel alone wrote before PID 1 ran: record 0 and the names of the list
 * files. A PCR that equals a prefix of the list proves nothing here: a kernel with a TPM shows the
 * same picture during every extend (list first, PCR afterwards). Later records prove nothing
 * either: any user can make a file whose record is named boot_aggregate.
 *
 * Kernel: ima_init.c ima_add_boot_aggregate(), ima_fs.c create_securityfs_measurement_lists().
 */
#pragma once

#include "core/template.h"

/* What is known of record 0. */
typedef enum ModeRecord {
        MODE_RECORD_OTHER, /* no boot_aggregate, a violation, or an unknown template */
        MODE_RECORD_ZERO,  /* boot_aggregate or boot_aggregate_late, all zero */
        MODE_RECORD_SET,   /* boot_aggregate or boot_aggregate_late with a value */
        _MODE_RECORD_N,
} ModeRecord;

/* Which files ..._measurements_ALG the kernel keeps. */
typedef enum ModeLists {
        MODE_LISTS_NONE, /* before 6.10: nothing but the plain file */
        MODE_LISTS_SHA1, /* only sha1's */
        MODE_LISTS_MORE, /* one for another bank */
        _MODE_LISTS_N,
} ModeLists;

typedef struct ModeFacts {
        ModeRecord record;
        ModeLists lists;
        bool ima_hash_known;
        DigestAlg ima_hash;        /* that labels record 0, when known */
        bool later_boot_aggregate; /* another one in the list as we started */
        bool kexec_inherits;       /* this kernel can have got its list by kexec */
        bool banks_known;          /* the TPM has been asked */
        bool bank_other_than_sha1; /* it has one, be its algorithm known to us or not */
        BankMask banks;            /* those of its banks that we know */
} ModeFacts;

typedef enum Mode {
        MODE_UNDECIDED, /* the TPM's banks must be known first */
        MODE_BYPASS,    /* the kernel had no TPM: we extend */
        MODE_KERNEL,    /* the kernel extends */
        MODE_MIXED,     /* signs of both: nobody may extend */
        _MODE_N,
} Mode;

/* Why; the names are those of the varlink interface. */
typedef enum ModeReason {
        MODE_REASON_NONE,
        MODE_REASON_BOOT_AGGREGATE_ZERO,
        MODE_REASON_BOOT_AGGREGATE_SET,
        MODE_REASON_BANK_LISTS_PRESENT,
        MODE_REASON_LATER_BOOT_AGGREGATE,
        MODE_REASON_FIRST_RECORD_FOREIGN,
        MODE_REASON_NO_AGGREGATE_BANK,
        MODE_REASON_LIST_INHERITED,
        _MODE_REASON_N,
} ModeReason;

typedef struct ModeVerdict {
        Mode mode;
        ModeReason reason;
} ModeVerdict;

const char *mode_name(Mode mode);
const char *mode_reason_name(ModeReason reason);
const char *mode_reason_text(ModeReason reason);
bool mode_is_boot_aggregate(Bytes name);
void mode_look_at_record(const MlistRecord *record, ByteOrder order, ModeFacts *facts);
void mode_look_at_file(const char *file_name, ModeFacts *facts);
bool mode_cmdline_has_pkvm(Bytes cmdline);
bool mode_config_denies_kexec(Bytes config);
ModeVerdict mode_decide(const ModeFacts *facts);
