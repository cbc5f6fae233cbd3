/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * doctor.h -- what a machine has and lacks for an IMA that is backed by a TPM, as rows in the order
 * of cause and effect.
 */
#pragma once

#include "core/gate.h"

typedef enum DoctorState {
        DOCTOR_GOOD,
        DOCTOR_NOTE, /* worth knowing; nothing fails of it */
        DOCTOR_WAITING,
        DOCTOR_BAD,
        DOCTOR_NOT_NEEDED,
        _DOCTOR_STATE_N,
} DoctorState;

typedef struct DoctorRow {
        const char *name; /* for scripts */
        const char *title;
        DoctorState state;
        char text[ADVICE_TEXT_MAX];
        Advice advice; /* what to do, or ADVICE_NONE */
        KernelPart part;
} DoctorRow;

#define DOCTOR_ROWS_MAX 14U

/* Who extended PCR 10, as far as its value tells. */
typedef enum DoctorPcr {
        DOCTOR_PCR_UNKNOWN,
        DOCTOR_PCR_ZERO,
        DOCTOR_PCR_OURS, /* it has a value, and ima-replayd has run */
        DOCTOR_PCR_SET,  /* it has a value */
        _DOCTOR_PCR_N,
} DoctorPcr;

typedef struct Doctor {
        MachineFacts facts;
        GateOptions options;
        DoctorPcr pcr;
        OtherFacts others;
        GateVerdict gate;
        Mode mode;    /* MODE_UNDECIDED: it cannot be told */
        Advice cause; /* the first, ADVICE_NONE where attestation can work */
        KernelPart cause_part;
        int status; /* of base/exit.h */
        DoctorRow row[DOCTOR_ROWS_MAX];
        size_t n_rows;
} Doctor;

const char *doctor_state_name(DoctorState state);
void doctor_judge(Doctor *d);
void doctor_examine(Doctor *d);
