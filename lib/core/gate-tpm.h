/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gate-tpm.h -- the gate's judge of the TPM itself.
 */
#pragma once

#include "core/gate-fact.h"
#include "core/gate-view.h"

GateFact gate_judge_tpm(const GateView *v, const GateFact *ffa);
