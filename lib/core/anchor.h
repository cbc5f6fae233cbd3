/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * anchor.h -- what was verified last, in a small file that only detects. Pure.
 *
 * After a restart it tells a TPM that was reset in this boot from one that was never extended. It
 * never says where extending goes on: that is read from the TPM. Forged, it can only stop us.
 */
#pragma once

#include "base/bytes.h"
#include "core/outcome.h"

#define ANCHOR_TEXT_MAX 512U /* bytes of the file; a larger one is malformed */
#define BOOT_ID_SIZE    33U /* 32 lower-case hex digits and a NUL: /proc/sys/kernel/random/boot_id */

typedef struct Anchor {
        char boot_id[BOOT_ID_SIZE];
        uint32_t pcr;    /* the main PCR */
        uint64_t n_held; /* records of its chain that it was verified to hold */
        BankMask banks;  /* all of that PCR; of algorithms known here */
        uint32_t reset_count, restart_count;
} Anchor;

enum {
        _ANCHOR_E_SUCCESS,
        ANCHOR_E_MALFORMED,
};

bool anchor_boot_id_is_sound(const char boot_id[static BOOT_ID_SIZE]);
size_t anchor_format(const Anchor *a, char ret_text[static ANCHOR_TEXT_MAX]);
int anchor_parse(Bytes text, Anchor *ret_anchor);
