/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gate.h -- is the TPM of this machine ready, is it worth waiting, or will it never come? Pure.
 *
 * It asks only for what this machine has: FF-A where a TPM is, or may be, behind it;
 * tee-supplicant for a firmware TPM that needs it. pKVM is final before the first process, so it is
 * never waited for. NEVER is said of known dead ends only.
 */
#pragma once

#include "core/gate-fact.h"

typedef enum GateOutcome {
        GATE_OPEN,
        GATE_WAIT,
        GATE_NEVER,
        _GATE_OUTCOME_N,
} GateOutcome;

typedef enum GateReason {
        GATE_REASON_NONE,
        GATE_REASON_WAIT,
        GATE_REASON_NEVER,
        GATE_REASON_PKVM_FAILED,
        GATE_REASON_TPM_UNAVAILABLE, /* the node is there and cannot be opened */
        _GATE_REASON_N,
} GateReason;

typedef struct GateOptions {
        bool require_pkvm; /* RequirePKVM=yes */
        bool has_tcti;     /* --tcti=: that TPM is taken, and no node is looked at */
        const char *tpm;   /* TPM=: NULL or "auto", "software", a driver, a parent in sysfs */
} GateOptions;

#define GATE_DEVICE_MAX 32U

typedef struct GateVerdict {
        GateOutcome outcome;
        GateReason reason;
        GateFact facts[_GATE_THING_N];
        Advice advice;                /* the first cause; with GATE_OPEN at most a warning */
        KernelPart part;              /* that it is about */
        bool has_chip;                /* chip is set */
        ChipFacts chip;               /* the one that is used, whether or not it is ready */
        char device[GATE_DEVICE_MAX]; /* /dev/tpmrmN, empty where there is none */
} GateVerdict;

const char *gate_outcome_name(GateOutcome outcome);
const char *gate_reason_name(GateReason reason);
void gate_judge(const MachineFacts *facts, const GateOptions *options, GateVerdict *ret_verdict);
