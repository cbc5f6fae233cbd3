/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * machine.h -- a machine for the real extender: its root tree with a measurement list, and a real
 * TPM (libtpms in this process) behind a scripted hook.
 *
 * The TCTI loader is replaced (machine.c defines its two calls), so that the TPM outlives the
 * contexts of the extender, as a chip does: a session of a dead extender stays, or is taken away
 * when the next context is opened, as /dev/tpmrm0 does.
 */
#pragma once

#include "lib/cmocka-all.h"

#include "daemon/extender.h"
#include "fault/raw.h"
#include "lib/hook.h"
#include "unit/fixture.h"

#define MACHINE_SEC  PLAN_SEC
#define MACHINE_SIDE 11U /* the PCR of the second chain */

typedef enum MachineList {
        MACHINE_ONE_CHAIN,
        MACHINE_TWO_CHAINS,
        MACHINE_KERNEL,    /* the kernel had a TPM */
        MACHINE_INHERITED, /* a zero boot_aggregate, and a list for another bank */
        MACHINE_NAMELESS,  /* record 0 is no boot_aggregate */
        _MACHINE_LIST_N,
} MachineList;

typedef struct MachineRecord {
        uint32_t pcr;
        DigestSet digests; /* what each bank must be extended with, by OpenSSL's one-shot call */
        size_t n_executed; /* found by machine_count() */
} MachineRecord;

typedef struct Machine {
        char dir[64];
        Root root;
        PlanOptions options;
        bool asks_gate; /* before each opening, in the machine's tree */
        GateOptions gate;
        uint64_t now_usec; /* nobody waits here: time is what we say */
        bool has_manager;
        Hook hook;
        GuardHook guard;
        uint32_t n_no_open; /* so many times more the TPM cannot be opened, with .open_rc; also as
                               long as the transport is dead */
        uint32_t open_rc;   /* TSS2_RC */
        Extender *extender; /* that is running, or NULL */
        MachineList list;
        MachineRecord *records;
        size_t n_records;
        DigestSet expected[TPM_PCR_N];
        PlanState state; /* of the last run */
        uint64_t n_extended;
} Machine;

int machine_open(void **state);
int machine_close(void **state);
void machine_build(Machine *m, MachineList list, size_t n_records);
void machine_power_on(Machine *m);
void machine_append(Machine *m);
void machine_shorten(Machine *m, size_t n_records);
void machine_start(Machine *m);
void machine_turn(Machine *m, uint64_t until_usec);
void machine_stop(Machine *m);
PlanVerdict machine_run(Machine *m, uint64_t timeout_usec);
size_t machine_clean_run(Machine *m);
void machine_revive(Machine *m, HookRule rule);
uint32_t machine_raw(Machine *m, Bytes command, Bytes *ret_response);
void machine_count(Machine *m);
bool machine_is_right(Machine *m);
bool machine_is_exact(Machine *m);
size_t machine_scale(void);
