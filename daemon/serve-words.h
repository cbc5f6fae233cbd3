/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * serve-words.h -- a status in the words of org.imareplay.status. Pure: a value in, JSON out.
 */
#pragma once

#include "core/status.h"
#include "varlink/json.h"

const char *serve_verdict_name(PlanVerdict verdict);
const char *serve_reason_name(const Status *s);
int serve_put_reason(Json *map, const Status *s);
int serve_words_of(const Status *s, uint64_t age_usec, Json **ret_map);
