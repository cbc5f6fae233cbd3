/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hook.h -- a scripted GuardHook: records every command, and does one thing to one of them, or to
 * all of a kind.
 *
 * The TPM below must answer at once, as libtpms does: a command is executed as it is sent, and its
 * answer kept until it is fetched.
 */
#pragma once

#include "lib/cmocka-all.h"

#include "base/bytes.h"
#include "tpm/guard.h"

#define HOOK_RESPONSE_MAX 4096U

typedef enum HookAct {
        HOOK_PASS,
        HOOK_FAIL,       /* transmit fails with .rc: not executed */
        HOOK_DROP,       /* not executed; receive fails with .rc */
        HOOK_ANSWER,     /* not executed; the TPM seems to answer .rc */
        HOOK_LIE,        /* executed; the TPM seems to answer .rc */
        HOOK_LOSE,       /* executed; receive fails with .rc */
        HOOK_ALTER,      /* executed; a byte of the answer is not what it was */
        HOOK_REWRITE,    /* executed; .rewrite makes another answer */
        HOOK_DELAY,      /* executed; receive says TRY_AGAIN .n times */
        HOOK_BEFORE,     /* .other is delivered first */
        HOOK_DIE_BEFORE, /* not executed; the transport is dead from here on */
        HOOK_DIE_AFTER,  /* executed, not answered; dead from here on */
        _HOOK_ACT_N,
} HookAct;

/* The first handle of a command. */
typedef enum HookOn {
        HOOK_ON_ANY,
        HOOK_ON_NULL, /* TPM_RH_NULL: the probe's PCR_Extend */
        HOOK_ON_REAL, /* any other, or none */
        _HOOK_ON_N,
} HookOn;

#define HOOK_FOR_EVER UINT32_MAX

typedef struct HookRule {
        HookAct act;
        size_t at;      /* which of the commands that were sent, from 0 */
        uint32_t times; /* from there on so many of .code and .on; 0: just that command */
        uint32_t code;  /* TPM_CC, 0: all */
        HookOn on;
        uint32_t rc;
        uint32_t n;
        int position; /* of the byte; below 0: from the end */
        uint8_t mask; /* what of it is turned over */
        Bytes other;  /* borrowed */
        void (*rewrite)(Bytes command, uint8_t *response, size_t *n);
} HookRule;

/* A command that the TPM was given, or would have been. */
typedef struct HookRecord {
        bool is_ours;   /* not sent by who is under test */
        bool is_spoilt; /* executed, but the answer did not arrive as it was */
        Bytes command;
        Bytes response; /* as the TPM gave it; empty: not executed */
        uint32_t code;  /* TPM_CC */
        uint32_t rc;    /* of the response */
} HookRecord;

typedef struct Hook {
        HookRule rule;
        GuardBelow *below; /* of the last context that was used */
        HookRecord *records;
        size_t n_records;
        size_t n_sent;   /* of them, by who is under test */
        uint32_t n_hits; /* how often the rule was followed */
        bool is_dead;
        uint32_t n_delays;   /* still to come */
        uint32_t receive_rc; /* instead of the answer */
        uint8_t answer[HOOK_RESPONSE_MAX];
        size_t n_answer;
} Hook;

GuardHook hook_guard(Hook *h);
void hook_deinit(Hook *h);
void hook_next(Hook *h, HookRule rule);
uint32_t hook_raw(Hook *h, Bytes command, Bytes *ret_response);
const HookRecord *hook_sent(const Hook *h, size_t i);
const HookRecord *hook_last(const Hook *h);
size_t hook_count(const Hook *h, uint32_t code);
bool hook_was_executed(const HookRecord *r);
