/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * probe-internal.h -- how the probes look at files. Nothing here raises an error.
 */
#pragma once

#include "os/probe.h"

#define PROBE_PATH_MAX 320U
#define PROBE_TEXT_MAX 256U

typedef void ProbeVisit(void *userdata, const char *name);
typedef void ProbeLine(void *userdata, Bytes line);

Tri probe_is_below(const Root *root, const char *directory, const char *name, const char *member);
int probe_link(const Root *root, const char *path, char *ret_text, size_t max);
Tri probe_list(const Root *root, const char *path, ProbeVisit *visit, void *userdata);
void probe_lines(int fd, ProbeLine *visit, void *userdata);

void probe_kernel(const Root *root, KernelFacts *ret_facts);
void probe_ima(const Root *root, ImaFacts *ret_facts);
