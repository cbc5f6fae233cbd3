/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * anchor-file.h -- the anchor in /run/ima-replay/anchor: read at start, replaced by rename.
 */
#pragma once

#include "core/anchor.h"
#include "os/root.h"

enum {
        _ANCHOR_FILE_E_SUCCESS,
        ANCHOR_FILE_E_NONE, /* there is none, or it is of another boot */
        ANCHOR_FILE_E_BAD,  /* there is one that makes no sense: it is as good as none, say so */
};

int boot_id_read(const Root *root, char ret_boot_id[static BOOT_ID_SIZE]);
int anchor_file_read(const Root *root, const char *boot_id, Anchor *ret_anchor);
int anchor_file_write(const Root *root, const Anchor *anchor);
