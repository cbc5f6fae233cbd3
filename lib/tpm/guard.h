/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * guard.h -- between the TSS and the transport: which commands may pass, and under which names a
 * transport may be opened.
 *
 * What is not on the list cannot be sent, whatever went wrong above. Tests hook in here as well:
 * a hook sees every command, may record it, drop it, delay it, or alter the answer. Programs pass
 * no hook.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Codes are TSS2_RC. */
typedef struct GuardBelow GuardBelow;

uint32_t guard_below_transmit(GuardBelow *below, size_t n, const uint8_t *command);
uint32_t guard_below_receive(GuardBelow *below, size_t *n, uint8_t *response, int32_t timeout);

typedef struct GuardHook {
        void *data;
        uint32_t (*transmit)(void *data, GuardBelow *below, size_t n, const uint8_t *command);
        uint32_t (*receive)(void *data, GuardBelow *below, size_t *n, uint8_t *response,
                            int32_t timeout);
} GuardHook;

bool guard_allows_command(const uint8_t *command, size_t n);
bool guard_allows_tcti(const char *name, bool has_root);
