/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * idl.h -- the interfaces that are served: the files of lib/varlink/idl, embedded by the build.
 */
#pragma once

extern const char varlink_idl_status[];  /* org.imareplay.status */
extern const char varlink_idl_replay[];  /* org.imareplay.replay */
extern const char varlink_idl_metrics[]; /* io.systemd.Metrics */
extern const char varlink_idl_service[]; /* org.varlink.service */
