/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gate-view.h -- the machine as the judges of the gate see it: its chip, or what announces one.
 */
#pragma once

#include "core/machine.h"

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
        const char *tpm;       /* TPM=, as in GateOptions */
        bool require_pkvm;     /* RequirePKVM=yes */
        const ChipFacts *chip; /* or NULL */
        GateSource source;
} GateView;

bool gate_chip_is_ffa(const MachineFacts *m, const ChipFacts *chip);
bool gate_chip_is_ftpm(const ChipFacts *chip);
const ChipFacts *gate_choose(const MachineFacts *m, const char *tpm);
GateSource gate_source(const MachineFacts *m);
