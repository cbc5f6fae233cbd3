/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gate-internal.h -- what the files of gate share.
 */
#pragma once

#include "core/gate.h"

/* Where a TPM that is not there is to come from. */
typedef enum GateSource {
        GATE_FROM_NOWHERE,
        GATE_FROM_CRB_FFA, /* announced by ACPI, start method 15 */
        GATE_FROM_FFA,     /* the service is on the FF-A bus, and nothing else announces it */
        GATE_FROM_MAYBE_FFA,
        GATE_FROM_FTPM,
        GATE_FROM_ACPI,
        GATE_FROM_SPI,
        GATE_FROM_I2C,
        GATE_FROM_PLATFORM,
        _GATE_SOURCE_N,
} GateSource;

typedef struct GateView {
        const MachineFacts *m;
        const GateOptions *o;
        const ChipFacts *chip; /* or NULL */
        GateSource source;
} GateView;

GateFact gate_fact(GateReadiness readiness, Advice advice, KernelPart part);
bool gate_chip_is_ffa(const MachineFacts *m, const ChipFacts *chip);
bool gate_chip_is_ftpm(const ChipFacts *chip);
const ChipFacts *gate_choose(const MachineFacts *m, const char *tpm);
GateSource gate_source(const MachineFacts *m);
GateFact gate_judge_ffa(const GateView *v);
GateFact gate_judge_tpm(const GateView *v, const GateFact *ffa);
