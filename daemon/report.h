/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report.h -- where the extender stands, for clients and for the service manager.
 */
#pragma once

#include "core/status.h"
#include "daemon/extender.h"

#define REPORT_LINE_SIZE 256U

void report_status(const Extender *x, uint64_t now_usec, Status *ret_status);
void report_line(const Extender *x, uint64_t now_usec, char ret_line[static REPORT_LINE_SIZE]);
void report_message(const Extender *x, char ret_text[static STATUS_TEXT_SIZE]);
uint64_t report_n_held(const Plan *p);
uint64_t report_n_measured(const Extender *x);
uint64_t report_n_extended(const Extender *x);
void report_banks(BankMask banks, char *ret_text, size_t max);
