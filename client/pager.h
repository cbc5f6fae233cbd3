/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pager.h -- the terminal: its width, its colours, and a pager in front of it.
 */
#pragma once

#include "client/ctl.h"

/* What stdout was before a pager came in between. */
typedef struct Terminal {
        bool is_there;
        bool has_colour;
        size_t width; /* columns; 0 where there is no terminal */
} Terminal;

Terminal terminal_look(void);
int pager_open(const CtlOptions *o);
bool pager_is_gone(void);
void pager_close(void);
