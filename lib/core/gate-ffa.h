/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gate-ffa.h -- the gate's judge of FF-A.
 */
#pragma once

#include "core/gate-fact.h"
#include "core/gate-view.h"

GateFact gate_judge_ffa(const GateView *v);
