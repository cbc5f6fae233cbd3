/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Before a TPM is opened: does this machine have one, is it ready, and which is it?
 */
#include <string.h>

#include "base/error.h"
#include "daemon/extender-internal.h"

static PlanAbsence absence_of(GateReason reason) {
        switch (reason) {
        case GATE_REASON_WAIT:
                return PLAN_ABSENT_GATE_WAIT;
        case GATE_REASON_NEVER:
                return PLAN_ABSENT_GATE_NEVER;
        case GATE_REASON_PKVM_FAILED:
                return PLAN_ABSENT_PKVM_FAILED;
        case GATE_REASON_NONE:
        case GATE_REASON_TPM_UNAVAILABLE:
        case _GATE_REASON_N:
                break;
        }
        return PLAN_ABSENT_TPM;
}

static void extender_note_ready(Extender *x) {
        for (GateThing thing = 0; thing < _GATE_THING_N; ++thing) {
                uint64_t *usec = &x->figures.ready_usec[thing];

                if (x->gate.facts[thing].readiness != GATE_READY)
                        *usec = 0;
                else if (*usec == 0)
                        *usec = x->now_usec;
        }
}

/* Look at the machine. Where the gate is closed x->event says why; where it is open x->tcti is set.
 */
int extender_ask_gate(Extender *x, bool *ret_open) {
        const ProbeOptions options = { .memory = &x->probe };
        int r;

        *ret_open = true;
        if (x->config.tcti)
                (void)snprintf(x->tcti, sizeof(x->tcti), "%s", x->config.tcti);
        if (!x->config.asks_gate)
                return 0;
        r = probe_machine(x->config.root, &options, &x->machine);
        if (r < 0)
                return error_trace(r);
        gate_judge(&x->machine, &x->config.gate, &x->gate);
        x->has_gate = true;
        extender_note_ready(x);
        if (x->gate.outcome == GATE_OPEN) {
                if (!x->config.tcti)
                        (void)snprintf(x->tcti, sizeof(x->tcti), "device:%s", x->gate.device);
                return 0;
        }
        *ret_open = false;
        x->event.absence = absence_of(x->gate.reason);
        advice_hint(x->gate.advice, x->gate.part, x->trouble, sizeof(x->trouble));
        return 0;
}

/**
 * extender_gate() - what the machine has and lacks
 * @x: the extender
 *
 * Return: borrowed from @x; NULL when it was not looked at.
 */
const GateVerdict *extender_gate(const Extender *x) {
        return x->has_gate ? &x->gate : NULL;
}

/**
 * extender_device() - the TPM in use, or tried last
 * @x: the extender
 *
 * Return: its node where it has one, else its TCTI; borrowed from @x.
 */
const char *extender_device(const Extender *x) {
        static const char device[] = "device:";

        return strncmp(x->tcti, device, strlen(device)) == 0 ? x->tcti + strlen(device) : x->tcti;
}

/**
 * extender_poke() - a device came or went: a wait for the TPM ends now
 * @x: the extender
 */
void extender_poke(Extender *x) {
        x->is_poked = true;
}
