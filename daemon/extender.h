/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * extender.h -- carries out what the plan asks for: the only place where the list meets the TPM.
 *
 * It decides nothing. Each step of the plan is one effect here (open, read, submit, wait), and what
 * came of it goes back as an event.
 */
#pragma once

#include "core/plan.h"
#include "os/source.h"
#include "tpm/tpm.h"

typedef struct ExtenderConfig {
        const Root *root;      /* borrowed */
        const char *tcti;      /* borrowed; allowed by guard_allows_tcti() */
        const GuardHook *hook; /* tests only, else NULL */
        int signal_fd;         /* readable: stop after the command in flight; or -1 */
} ExtenderConfig;

typedef struct Extender Extender;

int extender_new(const ExtenderConfig *config, Extender **ret_extender);
Extender *extender_free(Extender *x);
DEFINE_CLEANUP(Extender, extender_free);
int extender_once(Extender *x, uint64_t timeout_usec);
int extender_read_pcrs(Extender *x, DigestSet values[static TPM_PCR_N], uint32_t *ret_pcrs);
const Plan *extender_plan(const Extender *x);
const char *extender_trouble(const Extender *x);
const char *extender_cut(const Extender *x);
bool extender_is_stopping(const Extender *x);
