/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * model-bus.h -- a transport that goes wrong at random, and the books of what the TPM was made to
 * do.
 *
 * The books do not believe the extender: an extend counts when the TPM behind the bus has executed
 * it, whatever became of the answer, and then it must be that of the next record of its PCR.
 */
#pragma once

#include "fault/machine.h"

#define BUS_COMMAND_MAX 1024U

/* What becomes of a command. */
typedef enum BusFault {
        BUS_DROPPED, /* not executed, not answered */
        BUS_LOST,    /* executed, not answered */
        BUS_LYING,   /* executed, and the TPM asks for it once more (TPM_RC_RETRY) */
        BUS_GARBAGE, /* executed, the answer is noise */
        BUS_ALTERED, /* executed, the answer is cut, or its HMAC is wrong */
        _BUS_FAULT_N,
} BusFault;

/* How the process ends that sends it. */
typedef enum BusDeath {
        BUS_DEATH_BEFORE, /* the command never arrives */
        BUS_DEATH_AFTER,  /* executed, the answer is for nobody */
        BUS_DEATH_LATE,   /* the command waits in a queue, and arrives in the next life */
        _BUS_DEATH_N,
} BusDeath;

typedef struct Bus {
        Machine *machine;
        uint64_t seed;
        bool is_peaceful; /* nothing goes wrong */

        uint64_t dies_at; /* which command of this life, from 0 */
        BusDeath death;
        uint64_t n_sent; /* in this life */
        bool is_dead;
        uint8_t late[BUS_COMMAND_MAX]; /* a command of a dead process */
        size_t n_late;
        uint64_t late_at;  /* before which command of this life */
        uint64_t looks_at; /* somebody else reads the PCR before this one */

        uint8_t answer[HOOK_RESPONSE_MAX];
        size_t n_answer;
        uint32_t receive_rc;
        bool has_no_session_left; /* the TPM said so: somebody must flush those of the dead */

        bool is_proven;         /* the next extend may come */
        size_t next[TPM_PCR_N]; /* index of the record that must come next */
        uint64_t n_held[TPM_PCR_N];
        DigestSet value[TPM_PCR_N]; /* the reference: by OpenSSL's one-shot call */
        bool is_dirty;              /* the TPM was not compared since an extend */

        uint64_t n_commands, n_extends, n_late_executed, n_late_refused, n_refused, n_unproven;
        uint64_t n_lost, n_doubled, n_wrong; /* what must be none */
        uint64_t n_faults[_BUS_FAULT_N], n_deaths[_BUS_DEATH_N];
} Bus;

uint32_t bus_random(Bus *b, uint32_t below);
void bus_power_on(Bus *b);
void bus_begin_life(Bus *b);
void bus_deliver_late(Bus *b);
void bus_compare(Bus *b);
GuardHook bus_guard(Bus *b);
