/* SPDX-License-Identifier: BSD-2-Clause */
#include "fault/watch.h"

/* Longer waits are for something else than the answer of a TPM. */
#define LOOK_USEC (15 * PLAN_MSEC)

/**
 * watch_begin() - look on from now
 * @w: what is seen
 * @m: the machine, started; borrowed
 */
void watch_begin(Watch *w, Machine *m) {
        *w = (Watch){ .machine = m };
        watch_again(w);
}

/**
 * watch_again() - forget what was seen, but for when the last hit was
 * @w: what is seen
 */
void watch_again(Watch *w) {
        *w = (Watch){
                .machine = w->machine,
                .since_usec = w->machine->now_usec,
                .hit_usec = w->hit_usec,
                .gap_usec = UINT64_MAX,
        };
}

static void watch_hit(Watch *w, uint64_t now_usec) {
        if (w->hit_usec > 0)
                w->gap_usec = MIN_OF(w->gap_usec, now_usec - w->hit_usec);
        w->hit_usec = now_usec;
}

static void watch_sent(Watch *w, uint64_t now_usec) {
        uint64_t *oldest = &w->sent_usec[w->n_sent % WATCH_WINDOW_MAX];

        if (w->n_sent >= WATCH_WINDOW_MAX && now_usec - *oldest < WATCH_WINDOW_USEC)
                w->is_flooding = true;
        *oldest = now_usec;
        ++w->n_sent;
}

static void watch_turn(Watch *w, uint64_t until_usec) {
        Machine *m = w->machine;
        uint64_t now_usec = m->now_usec;
        uint32_t n_hits = m->hook.n_hits;
        size_t n_sent = m->hook.n_sent;

        machine_turn(m, until_usec);
        ++w->n_turns;
        for (; n_hits < m->hook.n_hits; ++n_hits)
                watch_hit(w, now_usec);
        for (; n_sent < m->hook.n_sent; ++n_sent)
                watch_sent(w, now_usec);
        if (m->now_usec - now_usec > LOOK_USEC) {
                w->states |= UINT64_C(1) << m->state;
                w->reasons |= UINT64_C(1) << extender_plan(m->extender)->reason;
        }
}

/**
 * watch_pass() - look on for a while
 * @w:    what is seen
 * @usec: how long
 */
void watch_pass(Watch *w, uint64_t usec) {
        uint64_t until_usec = w->machine->now_usec + usec;

        while (w->machine->now_usec < until_usec)
                watch_turn(w, until_usec);
}

/**
 * watch_saw_only() - was that where it always waited?
 * @w:      what was seen
 * @state:  the state
 * @reason: and why
 *
 * Return: whether it was.
 */
bool watch_saw_only(const Watch *w, PlanState state, PlanReason reason) {
        return w->states == UINT64_C(1) << state && w->reasons == UINT64_C(1) << reason;
}

/**
 * watch_is_done() - is every record dealt with, and the next one waited for?
 * @m: the machine, started
 *
 * Return: whether that is so.
 */
bool watch_is_done(const Machine *m) {
        return m->state == PLAN_FOLLOW && extender_figures(m->extender)->n_done == m->n_records;
}

/**
 * watch_boot() - a new boot, with WATCH_RECORDS records, and an extender as a service
 * @m:          the machine, built
 * @is_quiet:   let it extend all, and wait until it has tidied up; then there is one record more
 */
void watch_boot(Machine *m, bool is_quiet) {
        Watch w;

        m->now_usec = MACHINE_SEC;
        machine_shorten(m, WATCH_RECORDS);
        machine_power_on(m);
        machine_start(m);
        if (!is_quiet)
                return;
        watch_begin(&w, m);
        watch_pass(&w, WATCH_QUIET_USEC);
        assert_true(watch_is_done(m));
        machine_append(m);
}

/**
 * watch_well() - all must be well now: what is there is extended, what comes is followed, each
 *                record once; the extender is stopped
 * @m:    the machine, started
 * @name: of what was before
 * @usec: how long that may take
 */
void watch_well(Machine *m, const char *name, uint64_t usec) {
        uint64_t until_usec = m->now_usec + usec;
        Watch w;

        watch_begin(&w, m);
        do
                watch_pass(&w, MACHINE_SEC);
        while (!watch_is_done(m) && m->now_usec < until_usec);
        CHECK(watch_is_done(m), "%s: ends in %s\n", name, plan_state_name(m->state));
        machine_append(m);
        watch_pass(&w, MACHINE_SEC);
        CHECK(watch_is_done(m), "%s: does not follow\n", name);
        watch_pass(&w, WATCH_QUIET_USEC);
        CHECK(watch_is_done(m), "%s: does not stay so\n", name);
        machine_stop(m);
        CHECK(machine_is_right(m), "%s: a PCR is wrong\n", name);
        CHECK(machine_is_exact(m), "%s: a record not once, or unproven\n", name);
}
