/* SPDX-License-Identifier: BSD-2-Clause */
#include "reliability/model-bus.h"

#include <string.h>
#include <tss2/tss2_tcti.h>
#include <tss2/tss2_tpm2_types.h>

#include "fault/bench.h"

#define CODE_AT      6U /* of the command, and of the response */
#define HANDLE_AT    10U
#define FAULT_ONE_IN 10U
#define LOOK_ONE_IN  4U /* lives in which somebody else uses the TPM */

/**
 * bus_random() - what comes next, the same for the same seed
 * @b:     the bus
 * @below: above zero
 *
 * Return: a number below that.
 */
uint32_t bus_random(Bus *b, uint32_t below) {
        uint64_t z = b->seed += UINT64_C(0x9e3779b97f4a7c15);

        z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
        return (uint32_t)(z >> 32) % below;
}

static uint32_t u32_at(Bytes message, size_t at) {
        uint32_t v = 0;
        Bytes head;

        if (bytes_take(&message, at, &head))
                (void)bytes_take_u32(&message, ORDER_BIG, &v);
        return v;
}

static bool is_real_extend(Bytes command) {
        return u32_at(command, CODE_AT) == TPM2_CC_PCR_Extend &&
               u32_at(command, HANDLE_AT) != TPM2_RH_NULL;
}

/*
 * The books
 */

/* The next record of this PCR, or n_records. */
static size_t next_of(const Bus *b, uint32_t pcr) {
        size_t i = b->next[pcr];

        while (i < b->machine->n_records && b->machine->records[i].pcr != pcr)
                ++i;
        return i;
}

static bool is_of(const RawExtend *e, const MachineRecord *r) {
        return r->pcr == e->pcr &&
               digest_set_equal(FOUR_BANKS, &r->digests, &e->digests) == FOUR_BANKS;
}

/* The TPM has executed it. */
static void book_extend(Bus *b, Bytes command) {
        size_t next, i = 0;
        RawExtend e;

        raw_parse_extend(command, &e);
        assert_true(e.pcr < TPM_PCR_N);
        next = next_of(b, e.pcr);
        ++b->n_extends;
        b->is_dirty = true;
        bench_expect(&b->value[e.pcr], &e.digests);
        if (e.banks == FOUR_BANKS && next < b->machine->n_records &&
            is_of(&e, &b->machine->records[next])) {
                b->next[e.pcr] = next + 1;
                ++b->n_held[e.pcr];
                return;
        }
        while (i < b->machine->n_records && !is_of(&e, &b->machine->records[i]))
                ++i;
        if (e.banks != FOUR_BANKS || i == b->machine->n_records)
                ++b->n_wrong;
        else if (i < next)
                ++b->n_doubled;
        else
                b->n_lost += i - next;
}

/**
 * bus_compare() - does each PCR of the TPM hold what the books say, in every bank?
 * @b: the bus; n_wrong grows where it does not
 *
 * Whatever was exclusive is so no more.
 */
void bus_compare(Bus *b) {
        for (uint32_t pcr = 10; b->is_dirty && pcr <= MACHINE_SIDE; ++pcr) {
                Raw c = raw_pcr_read(pcr, FOUR_BANKS);
                DigestSet values;
                uint32_t counter;
                BankMask banks;
                Bytes response;

                assert_int_equal(machine_raw(b->machine, raw_bytes(&c), &response), 0);
                raw_parse_values(response, &counter, &banks, &values);
                if (banks != FOUR_BANKS ||
                    digest_set_equal(FOUR_BANKS, &values, &b->value[pcr]) != FOUR_BANKS)
                        ++b->n_wrong;
        }
        b->is_dirty = false;
}

/*
 * The wire
 */

static uint32_t bus_execute(Bus *b, Bytes command) {
        Bytes response;
        uint32_t rc;

        rc = machine_raw(b->machine, command, &response);
        memcpy(b->answer, response.data, response.n);
        b->n_answer = response.n;
        if (rc == TPM2_RC_SESSION_MEMORY || rc == TPM2_RC_SESSION_HANDLES ||
            rc == TPM2_RC_CONTEXT_GAP)
                b->has_no_session_left = true;
        if (rc == TPM2_RC_SUCCESS && is_real_extend(command))
                book_extend(b, command);
        return rc;
}

/**
 * bus_deliver_late() - what a dead process has sent arrives
 * @b: the bus
 */
void bus_deliver_late(Bus *b) {
        uint32_t rc;

        if (b->n_late == 0)
                return;
        rc = bus_execute(b, bytes_of(b->late, b->n_late));
        ++*(rc == TPM2_RC_SUCCESS ? &b->n_late_executed : &b->n_late_refused);
        b->n_late = 0;
}

static void bus_answer(Bus *b, uint32_t rc) {
        Builder r = builder_on(b->answer, sizeof(b->answer));

        builder_put_u16(&r, ORDER_BIG, TPM2_ST_NO_SESSIONS);
        builder_put_u32(&r, ORDER_BIG, CODE_AT + sizeof(rc));
        builder_put_u32(&r, ORDER_BIG, rc);
        b->n_answer = r.n;
}

static void bus_make_noise(Bus *b) {
        b->n_answer = bus_random(b, 64);
        for (size_t i = 0; i < b->n_answer; ++i)
                b->answer[i] = (uint8_t)bus_random(b, 256);
}

/*
 * What a session protects may be altered anywhere in its HMAC; anything else would be believed, as
 * nothing tells that it is wrong, and so is cut.
 */
static void bus_alter(Bus *b) {
        bool has_session = b->answer[0] == 0x80 && b->answer[1] == 0x02;

        if (has_session && bus_random(b, 2) == 0)
                b->answer[b->n_answer - 1 - bus_random(b, 20)] ^= (uint8_t)(1 + bus_random(b, 255));
        else
                b->n_answer -= 1 + bus_random(b, (uint32_t)b->n_answer);
}

static void bus_fail(Bus *b, Bytes command) {
        BusFault fault = (BusFault)bus_random(b, _BUS_FAULT_N);

        ++b->n_faults[fault];
        if (fault != BUS_DROPPED)
                (void)bus_execute(b, command);
        switch (fault) {
        case BUS_DROPPED:
        case BUS_LOST:
                b->receive_rc = TSS2_TCTI_RC_IO_ERROR;
                break;
        case BUS_LYING:
                bus_answer(b, TPM2_RC_RETRY);
                break;
        case BUS_GARBAGE:
                bus_make_noise(b);
                break;
        case BUS_ALTERED:
                bus_alter(b);
                break;
        case _BUS_FAULT_N:
                break;
        }
}

/* The process is gone: nobody ever hears of this command. */
static void bus_die(Bus *b, Bytes command) {
        ++b->n_deaths[b->death];
        b->is_dead = true;
        if (b->death == BUS_DEATH_AFTER)
                (void)bus_execute(b, command);
        if (b->death == BUS_DEATH_LATE && command.n <= sizeof(b->late)) {
                memcpy(b->late, command.data, command.n);
                b->n_late = command.n;
        }
}

/* I2, I5: an extend needs a read behind the last answer that was none. */
static void judge(Bus *b, Bytes command) {
        if (is_real_extend(command) && !b->is_proven)
                ++b->n_unproven;
}

static void learn(Bus *b, Bytes command, bool is_well) {
        if (u32_at(command, CODE_AT) == TPM2_CC_PCR_Read || is_real_extend(command))
                b->is_proven = is_well;
}

static void bus_come_between(Bus *b) {
        Raw look = raw_pcr_read(10, FOUR_BANKS);

        if (b->n_late > 0 && b->n_sent >= b->late_at)
                bus_deliver_late(b);
        if (b->n_sent == b->looks_at)
                (void)machine_raw(b->machine, raw_bytes(&look), NULL);
}

static uint32_t bus_transmit(void *data, GuardBelow *below, size_t n, const uint8_t *bytes) {
        Bus *b = data;
        Bytes command = bytes_of(bytes, n);
        bool is_well = true;

        (void)below;
        assert_false(b->is_dead);
        b->receive_rc = 0;
        bus_come_between(b);
        judge(b, command);
        ++b->n_commands;
        if (!b->is_peaceful && b->n_sent == b->dies_at) {
                bus_die(b, command);
        } else if (!b->is_peaceful && bus_random(b, FAULT_ONE_IN) == 0) {
                bus_fail(b, command);
                is_well = false;
        } else {
                is_well = bus_execute(b, command) == TPM2_RC_SUCCESS;
                b->n_refused += !is_well;
        }
        learn(b, command, is_well);
        ++b->n_sent;
        return 0;
}

static uint32_t bus_receive(void *data, GuardBelow *below, size_t *n, uint8_t *response,
                            int32_t timeout) {
        Bus *b = data;

        (void)below, (void)timeout;
        /* It waits for an answer when it is killed. */
        if (b->is_dead)
                return TSS2_TCTI_RC_TRY_AGAIN;
        if (b->receive_rc)
                return b->receive_rc;
        if (response) {
                assert_true(*n >= b->n_answer);
                memcpy(response, b->answer, b->n_answer);
        }
        *n = b->n_answer;
        return 0;
}

/**
 * bus_guard() - the bus as the guard takes it
 * @b: must stay where it is
 *
 * Return: the hook.
 */
GuardHook bus_guard(Bus *b) {
        return (GuardHook){ .data = b, .transmit = bus_transmit, .receive = bus_receive };
}

/**
 * bus_power_on() - a new boot: nothing is in any PCR
 * @b: the bus
 */
void bus_power_on(Bus *b) {
        memset(b->next, 0, sizeof(b->next));
        memset(b->n_held, 0, sizeof(b->n_held));
        memset(b->value, 0, sizeof(b->value));
        b->n_late = 0;
        b->is_dirty = true;
        b->has_no_session_left = false;
}

/**
 * bus_begin_life() - another process will be there, and for how long
 * @b: the bus
 */
void bus_begin_life(Bus *b) {
        b->n_sent = 0;
        b->is_dead = false;
        b->is_proven = false;
        b->dies_at = bus_random(b, 2) ? bus_random(b, 24) : bus_random(b, 60);
        b->death = (BusDeath)bus_random(b, _BUS_DEATH_N);
        b->late_at = bus_random(b, 24);
        b->looks_at = bus_random(b, LOOK_ONE_IN) ? UINT64_MAX : bus_random(b, 32);
}
