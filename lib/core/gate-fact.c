/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/gate-fact.h"

#include <assert.h>

/**
 * gate_thing_name() - the name of a thing, as in the varlink interface
 * @thing: the thing
 *
 * Return: a constant string.
 */
const char *gate_thing_name(GateThing thing) {
        static const char *const names[_GATE_THING_N] = {
                [GATE_PKVM] = "pkvm",
                [GATE_FFA] = "ffa",
                [GATE_TEE_SUPPLICANT] = "tee_supplicant",
                [GATE_TPM] = "tpm",
        };

        assert(thing < _GATE_THING_N);
        return names[thing];
}

/**
 * gate_readiness_name() - the name of a readiness, as in the varlink interface
 * @readiness: the readiness
 *
 * Return: a constant string.
 */
const char *gate_readiness_name(GateReadiness readiness) {
        static const char *const names[_GATE_READINESS_N] = {
                [GATE_NOT_NEEDED] = "not_needed",
                [GATE_WAITING] = "waiting",
                [GATE_READY] = "ready",
                [GATE_DEAD] = "never",
        };

        assert(readiness < _GATE_READINESS_N);
        return names[readiness];
}

/**
 * gate_fact() - a fact of its parts
 * @readiness: of the thing
 * @advice:    why it is not ready, or ADVICE_NONE
 * @part:      the driver that the advice is about, or PART_NONE
 *
 * Return: the fact.
 */
GateFact gate_fact(GateReadiness readiness, Advice advice, KernelPart part) {
        return (GateFact){ .readiness = readiness, .advice = advice, .part = part };
}
