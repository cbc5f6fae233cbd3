/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FF-A between the kernel and the TPM: core, partition, driver.
 */
#include "core/gate-ffa.h"

static GateFact waits(Advice advice, KernelPart part) {
        return gate_fact(GATE_WAITING, advice, part);
}

static GateFact never(Advice advice, KernelPart part) {
        return gate_fact(GATE_DEAD, advice, part);
}

static GateFact gate_missing(const MachineFacts *m, KernelPart part) {
        return m->kernel.build[part] == BUILD_NO ? never(ADVICE_NOT_BUILT, part)
                                                 : waits(ADVICE_NOT_LOADED, part);
}

/* The core is there and has no firmware to talk to, as far as anything tells. */
static GateFact gate_judge_ffa_core(const MachineFacts *m) {
        if (kmsg_said(&m->kmsg, KMSG_FFA_ABSENT))
                return never(ADVICE_FFA_NO_FIRMWARE, PART_NONE);
        if (kmsg_said(&m->kmsg, KMSG_FFA_NO_PARTITION))
                return never(ADVICE_FFA_NO_PARTITION, PART_NONE);
        /* Without FF-A the probe of 7.2 and later fails in silence (-ENODEV). */
        if (m->ffa.core == TRI_YES && kmsg_said(&m->kmsg, KMSG_LINUX) &&
            !kmsg_said(&m->kmsg, KMSG_FFA_FIRMWARE) && !kmsg_said(&m->kmsg, KMSG_FFA_FAILED))
                return never(ADVICE_FFA_NO_FIRMWARE, PART_NONE);
        if (m->ffa.core == TRI_YES || kmsg_said(&m->kmsg, KMSG_FFA_FAILED))
                return waits(ADVICE_FFA_FAILED, PART_NONE);
        return waits(ADVICE_FFA_EMPTY, PART_NONE);
}

/* The TPM's partition has no driver bound to it. */
static GateFact gate_judge_ffa_driver(const MachineFacts *m) {
        if (m->ffa.driver != TRI_YES)
                return gate_missing(m, PART_CRB_FFA);
        if (kmsg_said(&m->kmsg, KMSG_CRB_FFA_VERSION))
                return never(m->pkvm.asked == TRI_YES || kmsg_said(&m->kmsg, KMSG_PKVM_UP)
                                     ? ADVICE_FFA_PKVM_BUG
                                     : ADVICE_FFA_VERSION,
                             PART_CRB_FFA);
        if (kmsg_said(&m->kmsg, KMSG_CRB_FFA_NO_MESSAGES))
                return never(ADVICE_FFA_NO_MESSAGES, PART_NONE);
        if (kmsg_said(&m->kmsg, KMSG_CRB_FFA_INCOMPATIBLE))
                return never(ADVICE_FFA_INCOMPATIBLE, PART_NONE);
        return waits(ADVICE_FFA_UNBOUND, PART_CRB_FFA);
}

static GateFact gate_judge_ffa_devices(const FfaFacts *f, const MachineFacts *m) {
        if (f->tpm == TRI_YES)
                return f->tpm_bound == TRI_YES ? gate_fact(GATE_READY, ADVICE_NONE, PART_NONE)
                                               : gate_judge_ffa_driver(m);
        /* Once the driver is there each partition has been asked: a null UUID is another's. */
        if (f->anonymous == TRI_YES && f->driver != TRI_YES) {
                GateFact fact = gate_missing(m, PART_CRB_FFA);

                if (fact.readiness == GATE_WAITING)
                        fact.advice = ADVICE_FFA_ANONYMOUS;
                return fact;
        }
        if (f->core_bound == TRI_YES || f->partitions > 0)
                return never(ADVICE_FFA_NO_PARTITION, PART_NONE);
        return gate_judge_ffa_core(m);
}

/*
 * Return: what FF-A lacks for the TPM; not needed where the TPM is not, and cannot be, behind it.
 */
GateFact gate_judge_ffa(const GateView *v) {
        const FfaFacts *f = &v->m->ffa;

        if (v->chip ? !gate_chip_is_ffa(v->m, v->chip)
                    : v->source != GATE_FROM_CRB_FFA && v->source != GATE_FROM_FFA &&
                              v->source != GATE_FROM_MAYBE_FFA)
                return gate_fact(GATE_NOT_NEEDED, ADVICE_NONE, PART_NONE);
        if (f->bus != TRI_YES)
                return gate_missing(v->m, PART_FFA);
        if (f->core == TRI_YES && f->core_bound == TRI_NO)
                return gate_judge_ffa_core(v->m);
        return gate_judge_ffa_devices(f, v->m);
}
