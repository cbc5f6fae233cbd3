/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gate-fact.h -- what the gate says of one thing that a TPM may depend on.
 */
#pragma once

#include "core/advice.h"

/* In the order of cause and effect; the names are those of the varlink interface. */
typedef enum GateThing {
        GATE_PKVM,
        GATE_FFA,
        GATE_TEE_SUPPLICANT,
        GATE_TPM,
        _GATE_THING_N,
} GateThing;

typedef enum GateReadiness {
        GATE_NOT_NEEDED,
        GATE_WAITING,
        GATE_READY,
        GATE_DEAD, /* "never" */
        _GATE_READINESS_N,
} GateReadiness;

typedef struct GateFact {
        GateReadiness readiness;
        Advice advice;   /* why it is not ready */
        KernelPart part; /* the driver that the advice is about */
} GateFact;

const char *gate_thing_name(GateThing thing);
const char *gate_readiness_name(GateReadiness readiness);
GateFact gate_fact(GateReadiness readiness, Advice advice, KernelPart part);
