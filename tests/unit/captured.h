/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * captured.h -- the lists under tests/data/lists, and what their manifests say.
 */
#pragma once

#include "core/digest.h"
#include "core/mode.h"

typedef struct Captured {
        const char *name;
        Mode mode; /* who extended */
        size_t n_records;
        size_t n_violations;
        BankMask files; /* list files of algorithms; CAPTURED_UNTOLD where nobody wrote them down */
        BankMask banks; /* of the TPM; none where there was no TPM at all */
        bool staged;    /* ..._staged files, too */
} Captured;

#define CAPTURED_UNTOLD UINT32_MAX

extern const Captured captured[];
extern const size_t n_captured;

const Captured *captured_find(Bytes name);

/* One list: NAME.bin, or NAME.ALG.bin. */
typedef struct CapturedList {
        const char *file; /* name of the file, without directory */
        const Captured *manifest;
        DigestAlg alg;
        Bytes data; /* exact-size heap block */
} CapturedList;

typedef void CapturedFunc(const CapturedList *list, void *context);

const char *captured_dir(void);
size_t captured_each(CapturedFunc *func, void *context);
Bytes captured_load(const char *file);
