/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * list-cel.h -- a list as TCG's Canonical Event Log, record by record.
 */
#pragma once

#include "core/cel.h"
#include "core/replay.h"

typedef struct ListCel {
        Cel cel;
        Hashers hashers;
        Replay replay; /* for the digests of its banks */
} ListCel;

int list_cel_new(BankMask banks, BankMask padded, ListCel **ret_log);
ListCel *list_cel_free(ListCel *log);
DEFINE_CLEANUP(ListCel, list_cel_free);
void list_cel_skip(ListCel *log, const MlistRecord *record);
int list_cel_print(ListCel *log, const MlistRecord *record);
void list_cel_end(ListCel *log);
