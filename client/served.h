/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * served.h -- the forms of verbs that ask the service, where the others read files.
 */
#pragma once

#include "client/ctl.h"

int served_list(const CtlOptions *o);
int served_verify(const CtlOptions *o);
int explain_word(const CtlOptions *o);
