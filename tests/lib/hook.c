/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/hook.h"

#include <string.h>
#include <tss2/tss2_tcti.h>
#include <tss2/tss2_tpm2_types.h>

#include "unit/fixture.h"

#define CODE_AT (sizeof(uint16_t) + sizeof(uint32_t)) /* also of the response code */

static uint32_t code_of(Bytes message) {
        uint32_t code = 0;
        Bytes head;

        if (bytes_take(&message, CODE_AT, &head))
                (void)bytes_take_u32(&message, ORDER_BIG, &code);
        return code;
}

static HookRecord *hook_record(Hook *h, Bytes command, bool is_ours) {
        HookRecord *r;

        h->records = realloc(h->records, (h->n_records + 1) * sizeof(*r));
        assert_non_null(h->records);
        r = &h->records[h->n_records++];
        *r = (HookRecord){
                .is_ours = is_ours,
                .command = heap_copy(command),
                .code = code_of(command),
        };
        return r;
}

static void hook_execute(Hook *h, HookRecord *r, uint8_t *response, size_t *n) {
        assert_int_equal(guard_below_transmit(h->below, r->command.n, r->command.data), 0);
        *n = HOOK_RESPONSE_MAX;
        assert_int_equal(guard_below_receive(h->below, n, response, TSS2_TCTI_TIMEOUT_BLOCK), 0);
        r->response = heap_copy(bytes_of(response, *n));
        r->rc = code_of(r->response);
}

static void hook_answer(Hook *h, uint32_t rc) {
        Builder b = builder_on(h->answer, sizeof(h->answer));

        builder_put_u16(&b, ORDER_BIG, TPM2_ST_NO_SESSIONS);
        builder_put_u32(&b, ORDER_BIG, CODE_AT + sizeof(rc));
        builder_put_u32(&b, ORDER_BIG, rc);
        h->n_answer = b.n;
}

/* Return: whether there was such a byte. */
static bool hook_alter(Hook *h) {
        int at = h->rule.position;

        if (at < 0)
                at += (int)h->n_answer;
        if (at < 0 || at >= (int)h->n_answer)
                return false;
        h->answer[at] ^= h->rule.mask;
        return true;
}

/* What becomes of the answer of a command that was executed. */
static void hook_after(Hook *h, HookRecord *r) {
        r->is_spoilt = true;
        switch (h->rule.act) {
        case HOOK_LIE:
                hook_answer(h, h->rule.rc);
                return;
        case HOOK_LOSE:
                h->receive_rc = h->rule.rc;
                return;
        case HOOK_ALTER:
                r->is_spoilt = hook_alter(h);
                return;
        case HOOK_REWRITE:
                /* The rewriter may send commands, and so move the records. */
                h->rule.rewrite(r->command, h->answer, &h->n_answer);
                return;
        case HOOK_DELAY:
                h->n_delays = h->rule.n;
                break;
        case HOOK_DIE_AFTER:
                h->is_dead = true;
                return;
        case HOOK_PASS:
        case HOOK_FAIL:
        case HOOK_DROP:
        case HOOK_ANSWER:
        case HOOK_BEFORE:
        case HOOK_DIE_BEFORE:
        case _HOOK_ACT_N:
                break;
        }
        r->is_spoilt = false;
}

static bool hook_is_on(const HookRule *rule, Bytes command) {
        uint32_t handle = 0;
        Bytes head;
        bool is_null = bytes_take(&command, CODE_AT + sizeof(handle), &head) &&
                       bytes_take_u32(&command, ORDER_BIG, &handle) && handle == TPM2_RH_NULL;

        return rule->on == HOOK_ON_ANY || is_null == (rule->on == HOOK_ON_NULL);
}

/* Is the rule about this command, the i-th that is sent? */
static bool hook_is_meant(const Hook *h, const HookRecord *r, size_t i) {
        const HookRule *rule = &h->rule;

        if (rule->act == HOOK_PASS || i < rule->at)
                return false;
        if (rule->times == 0)
                return i == rule->at;
        return h->n_hits < rule->times && (rule->code == 0 || rule->code == r->code) &&
               hook_is_on(rule, r->command);
}

/* A command that the rule is about. */
static uint32_t hook_apply(Hook *h, size_t i) {
        switch (h->rule.act) {
        case HOOK_FAIL:
                return h->rule.rc;
        case HOOK_DROP:
                h->receive_rc = h->rule.rc;
                return 0;
        case HOOK_ANSWER:
                hook_answer(h, h->rule.rc);
                return 0;
        case HOOK_DIE_BEFORE:
                h->is_dead = true;
                return TSS2_TCTI_RC_NO_CONNECTION;
        case HOOK_BEFORE:
                (void)hook_raw(h, h->rule.other, NULL);
                break;
        case HOOK_PASS:
        case HOOK_LIE:
        case HOOK_LOSE:
        case HOOK_ALTER:
        case HOOK_REWRITE:
        case HOOK_DELAY:
        case HOOK_DIE_AFTER:
        case _HOOK_ACT_N:
                break;
        }
        hook_execute(h, &h->records[i], h->answer, &h->n_answer);
        hook_after(h, &h->records[i]);
        return 0;
}

static uint32_t hook_transmit(void *data, GuardBelow *below, size_t n, const uint8_t *command) {
        Hook *h = data;
        size_t i = h->n_records;

        h->below = below;
        (void)hook_record(h, bytes_of(command, n), false);
        h->receive_rc = 0;
        h->n_delays = 0;
        if (h->is_dead)
                return TSS2_TCTI_RC_NO_CONNECTION;
        if (hook_is_meant(h, &h->records[i], h->n_sent++)) {
                ++h->n_hits;
                return hook_apply(h, i);
        }
        hook_execute(h, &h->records[i], h->answer, &h->n_answer);
        return 0;
}

static uint32_t hook_receive(void *data, GuardBelow *below, size_t *n, uint8_t *response,
                             int32_t timeout) {
        Hook *h = data;

        (void)below, (void)timeout;
        if (h->is_dead)
                return TSS2_TCTI_RC_NO_CONNECTION;
        if (h->receive_rc)
                return h->receive_rc;
        if (h->n_delays > 0) {
                --h->n_delays;
                return TSS2_TCTI_RC_TRY_AGAIN;
        }
        if (response) {
                assert_true(*n >= h->n_answer);
                memcpy(response, h->answer, h->n_answer);
        }
        *n = h->n_answer;
        return 0;
}

/**
 * hook_guard() - the hook as the guard takes it
 * @h: zeroed, or in use; must stay where it is
 *
 * Return: the hook.
 */
GuardHook hook_guard(Hook *h) {
        return (GuardHook){ .data = h, .transmit = hook_transmit, .receive = hook_receive };
}

/**
 * hook_deinit() - forget everything; the hook is as new
 * @h: the hook
 */
void hook_deinit(Hook *h) {
        for (size_t i = 0; i < h->n_records; ++i) {
                heap_free(h->records[i].command);
                heap_free(h->records[i].response);
        }
        free(h->records);
        *h = (Hook){};
}

/**
 * hook_next() - do something to the next command that is sent, or from there on
 * @h:    the hook
 * @rule: what; its place is counted from there
 */
void hook_next(Hook *h, HookRule rule) {
        rule.at += h->n_sent;
        h->rule = rule;
        h->n_hits = 0;
}

/**
 * hook_raw() - let somebody else send a command, past the guard
 * @h:            the hook; something was sent through it before
 * @command:      the command
 * @ret_response: the response, borrowed from the record until the next command; or NULL
 *
 * Return: the response code.
 */
uint32_t hook_raw(Hook *h, Bytes command, Bytes *ret_response) {
        uint8_t response[HOOK_RESPONSE_MAX];
        HookRecord *r = hook_record(h, command, true);
        size_t n;

        hook_execute(h, r, response, &n);
        if (ret_response)
                *ret_response = r->response;
        return r->rc;
}

/**
 * hook_sent() - a command that was sent by who is under test
 * @h: the hook
 * @i: which, from 0
 *
 * Return: its record, borrowed until the next command; the test fails where there is none.
 */
const HookRecord *hook_sent(const Hook *h, size_t i) {
        for (size_t k = 0; k < h->n_records; ++k)
                if (!h->records[k].is_ours && i-- == 0)
                        return &h->records[k];
        fail();
        return NULL;
}

const HookRecord *hook_last(const Hook *h) {
        assert_true(h->n_sent > 0);
        return hook_sent(h, h->n_sent - 1);
}

/**
 * hook_count() - how often a command was sent by who is under test
 * @h:    the hook
 * @code: TPM_CC
 *
 * Return: how often, executed or not.
 */
size_t hook_count(const Hook *h, uint32_t code) {
        size_t n = 0;

        for (size_t i = 0; i < h->n_records; ++i)
                n += !h->records[i].is_ours && h->records[i].code == code;
        return n;
}

bool hook_was_executed(const HookRecord *r) {
        return r->response.n > 0 && r->rc == TPM2_RC_SUCCESS;
}
