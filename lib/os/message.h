/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * message.h -- what a program says to people: one line a fact, on stderr.
 *
 * Where stderr is the journal's stream each line begins with its priority as "<N>", else with the
 * name of the program. Each line is escaped (rule I14).
 */
#pragma once

#include <syslog.h>

#include "base/util.h"

#define MESSAGE_MAX 1024U /* a longer text is cut */

void message_init(const char *program);
const char *message_program(void);
bool message_has_journal(void);
void message(int priority, const char *format, ...) _printf_(2, 3);
void message_trace_errors(void);

#define message_error(...)   message(LOG_ERR, __VA_ARGS__)
#define message_warning(...) message(LOG_WARNING, __VA_ARGS__)
#define message_info(...)    message(LOG_INFO, __VA_ARGS__)

/* One line that is written over and over; nothing where stderr is no terminal. */
void progress(const char *format, ...) _printf_(1, 2);
void progress_end(void);
