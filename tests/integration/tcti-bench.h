/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tcti-bench.h -- what the tests of the software TPM share: a place for it, commands, children that
 * are killed. Commands are built by hand, so that nothing stands between a test and the TCTI.
 */
#pragma once

#include "lib/cmocka-all.h"

#include <sys/types.h>
#include <tss2/tss2_tcti.h>
#include <tss2/tss2_tpm2_types.h>

#include "base/bytes.h"
#include "base/util.h"
#include "tcti-libtpms.h"

#define TPM_BANK_N 4U

typedef struct Bank {
        TPM2_ALG_ID alg;
        const char *name;
        size_t n;
} Bank;

extern const Bank banks[TPM_BANK_N];

/* A directory of its own for each test, and the state of its TPM in there. */
extern char tpm_dir[64];
extern char tpm_path[96];

int tpm_setup(void **state);
int tpm_teardown(void **state);
size_t slurp(const char *name, uint8_t *data, size_t max);
void spew(const char *name, const uint8_t *data, size_t n);

/* The TPM: on with a configuration (NULL: without a state), off; its commands. */
TSS2_RC try_on(const char *conf, TSS2_TCTI_CONTEXT **ret);
TSS2_TCTI_CONTEXT *turn_on(const char *conf);
void turn_off(TSS2_TCTI_CONTEXT *tcti);
Builder command(uint8_t *buffer, size_t max, uint16_t tag, uint32_t code);
Bytes finish(Builder *b);
uint32_t run(TSS2_TCTI_CONTEXT *tcti, Builder *b, Bytes *ret_body);
uint32_t run_ok(TSS2_TCTI_CONTEXT *tcti, Builder *b);
Builder extend_command(uint8_t *buffer, size_t max);
void extend(TSS2_TCTI_CONTEXT *tcti);
size_t pcr_count(TSS2_TCTI_CONTEXT *tcti, const Bank *bank, size_t at_least);
void assert_extended(TSS2_TCTI_CONTEXT *tcti, size_t n);

/* Children: what they do while they live, and that they end as they should. */
pid_t fork_child(void);
void wait_killed(pid_t pid);
void wait_ok(pid_t pid);
_Noreturn void extend_forever(const char *conf, int fd);
size_t storm_once(const char *conf, long us);
