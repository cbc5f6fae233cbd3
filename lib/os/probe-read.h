/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * probe-read.h -- the small looks that every probe is made of. Nothing here waits or raises an
 * error.
 */
#pragma once

#include "core/machine.h"
#include "os/root.h"

#define PROBE_PATH_MAX 320U
#define PROBE_TEXT_MAX 256U

typedef void ProbeVisit(void *userdata, const char *name);
typedef void ProbeLine(void *userdata, Bytes line);

Tri probe_exists(const Root *root, const char *path);
Tri probe_is_below(const Root *root, const char *directory, const char *name, const char *member);
int probe_text(const Root *root, const char *path, char *ret_text, size_t max);
int probe_link(const Root *root, const char *path, char *ret_text, size_t max);
Tri probe_list(const Root *root, const char *path, ProbeVisit *visit, void *userdata);
void probe_lines(int fd, ProbeLine *visit, void *userdata);
