/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goal G3. The real extender (plan, search, spool, anchor, audit session) and a real TPM in one
 * process, without a socket between: it is killed at some command, with all that it knew, and
 * another one starts; one command in ten goes wrong, in one of five ways. Each extend that the TPM
 * has executed is judged when it is, and at each restart all PCRs are compared with the reference.
 *
 * SCALE (1): 10,000 restarts.  SEED (1): of the first boot; each boot has its own, one above that
 * of the boot before it, and BOOTS=1 stops after one.
 */
#include "lib/scale.h"
#include "reliability/model-bus.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>
#include <tss2/tss2_tpm2_types.h>

#define RESTARTS    10000.0 /* with SCALE=1 */
#define NIGHTLY     100.0
#define RECORDS_MAX 48U
#define TURNS_MAX   20000U /* of one life */
#define SESSIONS    16U    /* that are asked for at once */

typedef struct World {
        Machine *machine;
        Bus bus;
        GuardHook guard;
        uint64_t seed;
        uint64_t now_usec;
        uint64_t n_restarts, n_boots;
        size_t n_records_max; /* in this boot */
} World;

static uint64_t number_of(const char *name, uint64_t otherwise) {
        const char *text = getenv(name);

        return text ? strtoull(text, NULL, 10) : otherwise;
}

static double now_seconds(void) {
        struct timespec t;

        (void)clock_gettime(CLOCK_MONOTONIC, &t);
        return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/*
 * One life
 */

/* What an administrator does where no resource manager does it: tpm2_flushcontext -l. */
static void flush_sessions(World *w) {
        Raw c = raw_handles(TPM2_LOADED_SESSION_FIRST);
        uint32_t capability, count = 0, handles[SESSIONS];
        uint8_t more;
        Bytes in;

        assert_int_equal(machine_raw(w->machine, raw_bytes(&c), &in), 0);
        in = raw_body(in);
        assert_true(bytes_take_u8(&in, &more) && bytes_take_u32(&in, ORDER_BIG, &capability) &&
                    bytes_take_u32(&in, ORDER_BIG, &count) && count <= SESSIONS);
        for (uint32_t i = 0; i < count; ++i)
                assert_true(bytes_take_u32(&in, ORDER_BIG, &handles[i]));
        for (uint32_t i = 0; i < count; ++i) {
                c = raw_flush(handles[i]);
                (void)machine_raw(w->machine, raw_bytes(&c), NULL);
        }
        w->bus.has_no_session_left = false;
}

static Extender *begin_life(World *w) {
        Machine *m = w->machine;
        ExtenderConfig config = {
                .root = &m->root,
                .tcti = "libtpms:machine",
                .hook = &w->guard,
                .holds_list = true,
                .spool_max = bus_random(&w->bus, 2) ? SPOOL_MAX_DEFAULT : 0,
        };
        Extender *x;

        bus_begin_life(&w->bus);
        assert_int_equal(extender_new(&config, &x), 0);
        return x;
}

static bool is_done(const World *w, const Extender *x) {
        return extender_plan(x)->state == PLAN_FOLLOW &&
               extender_figures(x)->n_done == w->machine->n_records;
}

/* Return: whether it has dealt with all there is, and all that comes. */
static bool live(World *w, Extender *x) {
        Bus *b = &w->bus;

        for (size_t n = 0; !b->is_dead; ++n) {
                ExtenderWait wait;

                CHECK(n < TURNS_MAX, "seed %" PRIu64 ": stuck in %s\n", w->seed,
                      plan_state_name(extender_plan(x)->state));
                assert_int_equal(extender_run(x, w->now_usec, &wait), 0);
                w->now_usec = MAX_OF(w->now_usec + 1, wait.until_usec);
                CHECK(!plan_is_terminal(extender_plan(x)->state), "seed %" PRIu64 ": %s, %s\n",
                      w->seed, plan_state_name(extender_plan(x)->state),
                      plan_reason_text(extender_plan(x)));
                if (b->has_no_session_left)
                        flush_sessions(w);
                if (!is_done(w, x))
                        continue;
                if (w->machine->n_records >= w->n_records_max)
                        return true;
                machine_append(w->machine);
        }
        return false;
}

static void check_books(const World *w, const char *when) {
        const Bus *b = &w->bus;

        CHECK(b->n_lost == 0 && b->n_doubled == 0 && b->n_wrong == 0 && b->n_unproven == 0,
              "seed %" PRIu64 ", restart %" PRIu64 ", %s: %" PRIu64 " lost, %" PRIu64
              " doubled, %" PRIu64 " wrong, %" PRIu64 " without a proof\n",
              w->seed, w->n_restarts, when, b->n_lost, b->n_doubled, b->n_wrong, b->n_unproven);
}

/* All state goes but for what is in the TPM and in files; now and then /run goes, too (I7). */
static void restart(World *w) {
        Bus *b = &w->bus;

        ++w->n_restarts;
        w->now_usec += 1 + bus_random(b, (uint32_t)(2 * PLAN_SEC));
        if (bus_random(b, 8) == 0)
                (void)root_unlink(&w->machine->root, RUN_DIR "/anchor");
        if (bus_random(b, 16) == 0) {
                (void)root_unlink(&w->machine->root, RUN_DIR "/list");
                (void)root_unlink(&w->machine->root, RUN_DIR "/index");
        }
        /* A look would end what is exclusive, and so spoil the chances of a late command. */
        if (b->n_late == 0)
                bus_compare(b);
        check_books(w, "at a restart");
}

/*
 * One boot
 */

/* With nothing going wrong any more, all must end well. */
static void conclude(World *w) {
        Bus *b = &w->bus;
        uint64_t n_records = 0;
        Extender *x;

        bus_deliver_late(b);
        flush_sessions(w);
        b->is_peaceful = true;
        x = begin_life(w);
        assert_true(live(w, x));
        extender_free(x);
        bus_compare(b);
        check_books(w, "at the end");
        for (uint32_t pcr = 0; pcr < TPM_PCR_N; ++pcr)
                n_records += b->n_held[pcr];
        CHECK(n_records == w->machine->n_records, "seed %" PRIu64 ": %" PRIu64 " of %zu records\n",
              w->seed, n_records, w->machine->n_records);
}

static void boot(World *w, uint64_t n_restarts_max) {
        Machine *m = w->machine;
        bool is_done = false;

        w->bus.seed = w->seed;
        w->bus.is_peaceful = false;
        w->now_usec = PLAN_SEC + bus_random(&w->bus, 100 * (uint32_t)PLAN_SEC);
        w->n_records_max = 1 + bus_random(&w->bus, RECORDS_MAX);
        machine_build(m, bus_random(&w->bus, 2) ? MACHINE_TWO_CHAINS : MACHINE_ONE_CHAIN,
                      1 + bus_random(&w->bus, (uint32_t)w->n_records_max));
        m->has_manager = bus_random(&w->bus, 2);
        machine_power_on(m);
        bus_power_on(&w->bus);
        while (!is_done && w->n_restarts < n_restarts_max) {
                Extender *x = begin_life(w);

                is_done = live(w, x);
                /* A dead bus passes nothing on: no farewell reaches the TPM. */
                w->bus.is_peaceful = true;
                extender_free(x);
                w->bus.is_peaceful = false;
                restart(w);
        }
        conclude(w);
        ++w->n_boots;
        ++w->seed;
}

static void tell(const World *w, uint64_t wanted, double seconds) {
        const Bus *b = &w->bus;

        print_message("%" PRIu64 " boots, %" PRIu64 " commands, %" PRIu64
                      " extends; faults: %" PRIu64 " dropped, %" PRIu64 " lost, %" PRIu64
                      " lying, %" PRIu64 " garbage, %" PRIu64 " altered; deaths: %" PRIu64
                      " before, %" PRIu64 " after, %" PRIu64 " with a command in flight (%" PRIu64
                      " executed, %" PRIu64 " refused)\n",
                      w->n_boots, b->n_commands, b->n_extends, b->n_faults[BUS_DROPPED],
                      b->n_faults[BUS_LOST], b->n_faults[BUS_LYING], b->n_faults[BUS_GARBAGE],
                      b->n_faults[BUS_ALTERED], b->n_deaths[BUS_DEATH_BEFORE],
                      b->n_deaths[BUS_DEATH_AFTER], b->n_deaths[BUS_DEATH_LATE], b->n_late_executed,
                      b->n_late_refused);
        print_message("goal G3: %" PRIu64 " restarts, %" PRIu64 " lost, %" PRIu64
                      " doubled; wanted %" PRIu64 ", 0, 0; %.1f s\n",
                      w->n_restarts, b->n_lost, b->n_doubled, wanted, seconds);
}

static void test_restarts(void **state) {
        uint64_t wanted = (uint64_t)(RESTARTS * scale_of(NIGHTLY) + 0.5);
        uint64_t n_boots = number_of("BOOTS", UINT64_MAX);
        double begun = now_seconds();
        World w = { .machine = *state, .seed = number_of("SEED", 1) };

        w.bus.machine = w.machine;
        w.guard = bus_guard(&w.bus);
        while (w.n_restarts < wanted && w.n_boots < n_boots)
                boot(&w, wanted);
        tell(&w, wanted, now_seconds() - begun);
        for (BusFault f = 0; f < _BUS_FAULT_N; ++f)
                assert_true(w.bus.n_faults[f] > 0);
        for (BusDeath d = 0; d < _BUS_DEATH_N; ++d)
                assert_true(w.bus.n_deaths[d] > 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_restarts, machine_open, machine_close),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
