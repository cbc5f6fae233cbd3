/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/gate.h"

#include <assert.h>
#include <stdio.h>

#include "core/gate-ffa.h"
#include "core/gate-tpm.h"
#include "core/gate-view.h"

/**
 * gate_outcome_name() - the name of an outcome
 * @outcome: the outcome
 *
 * Return: a constant string.
 */
const char *gate_outcome_name(GateOutcome outcome) {
        static const char *const names[_GATE_OUTCOME_N] = {
                [GATE_OPEN] = "open",
                [GATE_WAIT] = "wait",
                [GATE_NEVER] = "never",
        };

        assert(outcome < _GATE_OUTCOME_N);
        return names[outcome];
}

/**
 * gate_reason_name() - the name of a reason, as in the varlink interface
 * @reason: the reason
 *
 * Return: a constant string; "none" for GATE_REASON_NONE.
 */
const char *gate_reason_name(GateReason reason) {
        static const char *const names[_GATE_REASON_N] = {
                [GATE_REASON_NONE] = "none",
                [GATE_REASON_WAIT] = "gate_wait",
                [GATE_REASON_NEVER] = "gate_never",
                [GATE_REASON_PKVM_FAILED] = "pkvm_failed",
                [GATE_REASON_TPM_UNAVAILABLE] = "tpm_unavailable",
        };

        assert(reason < _GATE_REASON_N);
        return names[reason];
}

/*
 * Final before PID 1. kmsg tells best; where it is whole and tells of no failure, /dev/kvm is proof
 * enough: finalize_pkvm() says nothing when it succeeds (kernel arch/arm64/kvm/pkvm.c).
 */
static GateFact gate_judge_pkvm(const MachineFacts *m) {
        const KmsgFacts *log = &m->kmsg;
        bool is_up = kmsg_said(log, KMSG_PKVM_UP);

        /* An unreadable command line asks for nothing, so the log must. */
        if (m->pkvm.asked == TRI_NO || (m->pkvm.asked == TRI_UNKNOWN && !is_up))
                return gate_fact(GATE_NOT_NEEDED, ADVICE_NONE, PART_NONE);
        if (kmsg_said(log, KMSG_PKVM_FAILED) || m->pkvm.kvm == TRI_NO ||
            (!is_up && (kmsg_said(log, KMSG_KVM_PLAIN) || kmsg_said(log, KMSG_KVM_OFF))))
                return gate_fact(GATE_DEAD, ADVICE_PKVM_FAILED, PART_NONE);
        if (is_up || (kmsg_said(log, KMSG_LINUX) && m->pkvm.kvm == TRI_YES))
                return gate_fact(GATE_READY, ADVICE_NONE, PART_NONE);
        return gate_fact(GATE_WAITING, ADVICE_PKVM_UNKNOWN, PART_NONE);
}

static GateFact gate_judge_supplicant(const GateView *v) {
        bool needs = v->m->tpm.ftpm_supplicant == TRI_YES;

        if (v->chip)
                return gate_fact(needs && gate_chip_is_ftpm(v->chip) ? GATE_READY : GATE_NOT_NEEDED,
                                 ADVICE_NONE, PART_NONE);
        /* Before 6.7 the kernel does not tell; a session that failed does. */
        if (v->source == GATE_FROM_FTPM && (needs || kmsg_said(&v->m->kmsg, KMSG_FTPM_FAILED)))
                return gate_fact(GATE_WAITING, ADVICE_TEE_SUPPLICANT, PART_FTPM);
        return gate_fact(GATE_NOT_NEEDED, ADVICE_NONE, PART_NONE);
}

/* Does it count for the outcome? Neither pKVM that nobody requires, nor an FF-A that only may lead
 * to a TPM. */
static bool gate_counts(const GateView *v, GateThing thing) {
        return (thing != GATE_PKVM || v->require_pkvm) &&
               (thing != GATE_FFA || v->source != GATE_FROM_MAYBE_FFA);
}

/* The first fact of a readiness. Return: its thing, or _GATE_THING_N. */
static GateThing gate_first(const GateView *v, const GateVerdict *verdict,
                            GateReadiness readiness) {
        for (GateThing thing = 0; thing < _GATE_THING_N; ++thing)
                if (gate_counts(v, thing) && verdict->facts[thing].readiness == readiness)
                        return thing;
        return _GATE_THING_N;
}

static void gate_conclude(const GateView *v, GateVerdict *verdict) {
        GateThing dead = gate_first(v, verdict, GATE_DEAD);
        GateThing waiting = gate_first(v, verdict, GATE_WAITING);
        GateThing cause = GATE_PKVM;

        if (dead < _GATE_THING_N) {
                verdict->outcome = GATE_NEVER;
                verdict->reason = dead == GATE_PKVM ? GATE_REASON_PKVM_FAILED : GATE_REASON_NEVER;
                cause = dead;
        } else if (waiting < _GATE_THING_N) {
                verdict->outcome = GATE_WAIT;
                verdict->reason = verdict->facts[waiting].advice == ADVICE_NODE_DENIED
                                          ? GATE_REASON_TPM_UNAVAILABLE
                                          : GATE_REASON_WAIT;
                cause = waiting;
                if (v->source == GATE_FROM_MAYBE_FFA && waiting == GATE_TPM)
                        cause = GATE_FFA;
        }
        verdict->advice = verdict->facts[cause].advice;
        verdict->part = verdict->facts[cause].part;
}

/**
 * gate_judge() - may extending begin?
 * @facts:       what the machine shows
 * @options:     what the administrator wants
 * @ret_verdict: always set
 *
 * GATE_OPEN says that the kernel shows a TPM ready for commands; only a command proves it.
 */
void gate_judge(const MachineFacts *facts, const GateOptions *options, GateVerdict *ret_verdict) {
        GateView v = { .m = facts, .tpm = options->tpm, .require_pkvm = options->require_pkvm };
        GateVerdict verdict = {};

        verdict.facts[GATE_PKVM] = gate_judge_pkvm(facts);
        if (options->has_tcti) {
                verdict.facts[GATE_TPM].readiness = GATE_READY;
        } else {
                v.chip = gate_choose(facts, options->tpm);
                v.source = v.chip ? GATE_FROM_NOWHERE : gate_source(facts);
                verdict.facts[GATE_FFA] = gate_judge_ffa(&v);
                verdict.facts[GATE_TEE_SUPPLICANT] = gate_judge_supplicant(&v);
                verdict.facts[GATE_TPM] = gate_judge_tpm(&v, &verdict.facts[GATE_FFA]);
        }
        if (v.chip) {
                verdict.has_chip = true;
                verdict.chip = *v.chip;
                (void)snprintf(verdict.device, sizeof(verdict.device), "/dev/tpmrm%u",
                               (unsigned)v.chip->number);
        }
        gate_conclude(&v, &verdict);
        *ret_verdict = verdict;
}
