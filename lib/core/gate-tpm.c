/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The chip: does it take commands, or why is there none?
 */
#include "core/gate-tpm.h"

#include <string.h>

/* A device is announced; its driver did not make a TPM of it. */
static GateFact gate_judge_driver(const MachineFacts *m, KernelPart part, Tri bound, Tri driver) {
        if (kmsg_said(&m->kmsg, KMSG_TPM_FAILURE))
                return gate_fact(GATE_DEAD, ADVICE_TPM_FAILURE, part);
        if (bound == TRI_YES)
                return gate_fact(GATE_WAITING, ADVICE_DRIVER_STARTS, part);
        if (driver == TRI_YES || m->kernel.build[part] == BUILD_BUILTIN)
                return gate_fact(GATE_WAITING, ADVICE_DRIVER_FAILED, part);
        if (m->kernel.build[part] == BUILD_NO)
                return gate_fact(GATE_DEAD, ADVICE_NOT_BUILT, part);
        return gate_fact(GATE_WAITING, ADVICE_NOT_LOADED, part);
}

/*
 * IS_REACHABLE(TCG_ARM_CRB_FFA) is false in a tpm_crb that is built in beside a module: it has
 * empty stubs for the calls (kernel tpm_crb_ffa.h). Where it has none it needs tpm_crb_ffa to be
 * there first, so a tpm_crb without ffa-crb is such a one, too; and so is one that asked the
 * CRB in vain.
 */
static bool crb_is_stub(const MachineFacts *m) {
        const PartBuild *build = m->kernel.build;

        return (build[PART_CRB] == BUILD_BUILTIN && build[PART_CRB_FFA] == BUILD_MODULE) ||
               (m->tpm.crb_driver == TRI_YES &&
                (m->ffa.bus == TRI_NO || m->ffa.driver == TRI_NO)) ||
               (m->tpm.acpi_bound == TRI_NO && kmsg_said(&m->kmsg, KMSG_CRB_TIMEOUT));
}

/* A TPM behind FF-A, by ACPI: real drivers. */
static GateFact gate_judge_crb_ffa(const MachineFacts *m, const GateFact *ffa) {
        if (m->kernel.build[PART_CRB_FFA] == BUILD_NO)
                return gate_fact(GATE_DEAD, ADVICE_NOT_BUILT, PART_CRB_FFA);
        if (crb_is_stub(m))
                return gate_fact(GATE_DEAD, ADVICE_CRB_STUB, PART_CRB_FFA);
        if (ffa->readiness != GATE_READY)
                return gate_fact(ffa->readiness, ADVICE_FFA_FIRST, PART_NONE);
        return gate_judge_driver(m, PART_CRB, m->tpm.acpi_bound, m->tpm.crb_driver);
}

static GateFact gate_judge_absent(const GateView *v, const GateFact *ffa) {
        const AnnouncedFacts *t = &v->m->tpm;

        switch (v->source) {
        case GATE_FROM_CRB_FFA:
                return gate_judge_crb_ffa(v->m, ffa);
        case GATE_FROM_FFA:
                if (ffa->readiness != GATE_READY)
                        return gate_fact(ffa->readiness, ADVICE_FFA_FIRST, PART_NONE);
                return gate_fact(GATE_WAITING, ADVICE_FFA_NO_CRB, PART_NONE);
        case GATE_FROM_FTPM:
                return gate_judge_driver(v->m, PART_FTPM, t->ftpm_bound, TRI_UNKNOWN);
        case GATE_FROM_ACPI:
                if (t->acpi_start == ACPI_START_MMIO)
                        return gate_judge_driver(v->m, PART_TIS, t->acpi_bound, TRI_UNKNOWN);
                return gate_judge_driver(v->m, PART_CRB, t->acpi_bound, t->crb_driver);
        case GATE_FROM_SPI:
                return gate_judge_driver(v->m, PART_TIS_SPI, t->spi_bound, TRI_UNKNOWN);
        case GATE_FROM_I2C:
                return gate_judge_driver(v->m, PART_TIS_I2C, t->i2c_bound, TRI_UNKNOWN);
        case GATE_FROM_PLATFORM:
                return gate_judge_driver(v->m, PART_TIS, t->platform_bound, TRI_UNKNOWN);
        case GATE_FROM_MAYBE_FFA:
        case GATE_FROM_NOWHERE:
        case _GATE_SOURCE_N:
                break;
        }
        return gate_fact(GATE_WAITING,
                         v->m->chips_known == TRI_UNKNOWN ? ADVICE_TPM_UNKNOWN : ADVICE_TPM_NONE,
                         PART_NONE);
}

/* Chips are there, and none is wanted. */
static GateFact gate_judge_unwanted(const GateView *v, const GateFact *ffa) {
        bool is_auto = !v->tpm || !*v->tpm || strcmp(v->tpm, "auto") == 0;

        if (!is_auto)
                return gate_fact(GATE_WAITING, ADVICE_TPM_OTHER, PART_NONE);
        /* A real one that is announced comes before the software. */
        if (v->source != GATE_FROM_NOWHERE && v->source != GATE_FROM_MAYBE_FFA)
                return gate_judge_absent(v, ffa);
        return gate_fact(GATE_WAITING, ADVICE_TPM_SOFTWARE, PART_NONE);
}

static GateFact gate_judge_node(NodeState node) {
        switch (node) {
        case NODE_THERE:
                return gate_fact(GATE_READY, ADVICE_NONE, PART_NONE);
        case NODE_DENIED:
                return gate_fact(GATE_WAITING, ADVICE_NODE_DENIED, PART_NONE);
        case NODE_UNKNOWN:
        case NODE_ABSENT:
        case _NODE_STATE_N:
                break;
        }
        return gate_fact(GATE_WAITING, ADVICE_NODE_ABSENT, PART_NONE);
}

/* Return: whether the chosen chip takes commands, or why there is none. */
GateFact gate_judge_tpm(const GateView *v, const GateFact *ffa) {
        if (!v->chip)
                return v->m->n_chips > 0 ? gate_judge_unwanted(v, ffa) : gate_judge_absent(v, ffa);
        if (v->chip->version == 1)
                return gate_fact(GATE_DEAD, ADVICE_TPM_12, PART_NONE);
        return gate_judge_node(v->chip->node);
}
