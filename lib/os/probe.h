/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * probe.h -- look at what a TPM of this machine may depend on: the facts behind core/gate.
 *
 * A few dozen small reads, all bounded, none of which waits, all below the root. What is missing
 * or unreadable leaves its fact unknown and is no error: there is always a verdict.
 */
#pragma once

#include "core/machine.h"
#include "os/root.h"

/* What stays from one look to the next. */
typedef struct ProbeMemory {
        int kmsg_fd; /* stays open: the next look reads on; -1 */
        bool kmsg_was_tried;
        KmsgFacts kmsg;
        bool kernel_is_known;
        KernelFacts kernel;
} ProbeMemory;

typedef struct ProbeOptions {
        ProbeMemory *memory; /* or NULL: all is read again */
        bool with_ima;       /* look at the measurement list, too */
} ProbeOptions;

void probe_memory_init(ProbeMemory *memory);
void probe_memory_deinit(ProbeMemory *memory);
int probe_machine(const Root *root, const ProbeOptions *options, MachineFacts *ret_facts);
