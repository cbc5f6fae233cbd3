/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rc.h -- response codes of the TPM and of the layers below us, made into outcomes.
 *
 * A code is always taken apart into layer and rest, never compared whole.
 */
#pragma once

#include <stddef.h>

#include "core/outcome.h"

/* The longest form names a transport error in words. */
#define RC_TEXT_SIZE 80U

TpmOutcome rc_outcome(uint32_t rc);
bool rc_is_try_again(uint32_t rc);
void rc_text(uint32_t rc, char *ret_text, size_t max);
