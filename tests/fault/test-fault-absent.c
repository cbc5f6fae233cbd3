/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A TPM that cannot be opened, and one whose transport goes away at each command: the extender
 * waits for it, sends nothing, is hardly ever called, and goes on when the TPM is there (again).
 *
 * Facts: reliability.md, 3 (ENOENT, ENODEV, EBUSY on open; EPIPE, EIO: device unbound).
 */
#include "fault/watch.h"
#include "lib/goal.h"

#include <tss2/tss2_tcti.h>
#include <tss2/tss2_tpm2_types.h>

typedef struct Target {
        const char *name;
        uint32_t code;
        HookOn on;
} Target;

static const Target targets[] = {
        { "GetCapability", TPM2_CC_GetCapability, HOOK_ON_ANY },
        { "ReadClock", TPM2_CC_ReadClock, HOOK_ON_ANY },
        { "StartAuthSession", TPM2_CC_StartAuthSession, HOOK_ON_ANY },
        { "PCR_Extend of TPM_RH_NULL", TPM2_CC_PCR_Extend, HOOK_ON_NULL },
        { "PCR_Read", TPM2_CC_PCR_Read, HOOK_ON_ANY },
        { "PCR_Extend", TPM2_CC_PCR_Extend, HOOK_ON_REAL },
        { "FlushContext", TPM2_CC_FlushContext, HOOK_ON_ANY },
};

static size_t n_absences;

/* For an hour, with a record in the midst: nothing is sent, and nobody is kept busy. */
static void check_absent(Machine *m, const char *name) {
        size_t n_sent = m->hook.n_sent;
        Watch w;

        ++n_absences;
        watch_begin(&w, m);
        watch_pass(&w, 5 * MACHINE_SEC);
        watch_again(&w);
        watch_pass(&w, 1800 * MACHINE_SEC);
        machine_append(m);
        watch_pass(&w, 1800 * MACHINE_SEC);
        CHECK(watch_saw_only(&w, PLAN_WAIT_TPM, PLAN_REASON_TPM_UNAVAILABLE), "%s: is in %s\n",
              name, plan_state_name(m->state));
        CHECK(m->hook.n_sent == n_sent, "%s: sends\n", name);
        CHECK(w.n_turns <= 4 * 3600, "%s: %llu turns\n", name, (unsigned long long)w.n_turns);
}

/* ENOENT, ENODEV, EBUSY, EACCES: the device's TCTI makes IO_ERROR of them all. */
static void test_no_open(void **state) {
        static const uint32_t rcs[] = {
                TSS2_TCTI_RC_IO_ERROR,  TSS2_TCTI_RC_NO_CONNECTION,   TSS2_TCTI_RC_TRY_AGAIN,
                TSS2_TCTI_RC_BAD_VALUE, TSS2_TCTI_RC_GENERAL_FAILURE, TSS2_TCTI_RC_NOT_SUPPORTED,
        };
        static const uint32_t times[] = { 1, 10, HOOK_FOR_EVER };
        Machine *m = *state;

        machine_build(m, MACHINE_ONE_CHAIN, WATCH_RECORDS);
        m->has_manager = true;
        for (size_t i = 0; i < ELEMENTSOF(rcs) * ELEMENTSOF(times); ++i) {
                m->open_rc = rcs[i / ELEMENTSOF(times)];
                m->n_no_open = times[i % ELEMENTSOF(times)];
                watch_boot(m, false);
                if (m->n_no_open == HOOK_FOR_EVER) {
                        check_absent(m, "no open");
                        m->n_no_open = 0;
                }
                watch_well(m, "no open", 15 * MACHINE_SEC);
                assert_int_equal(m->n_no_open, 0);
        }
}

/* The driver is unbound, with or without the command, and comes back after an hour. */
static void check_unbound(Machine *m, const Target *target, HookAct act, bool is_followed) {
        Watch w;

        watch_boot(m, is_followed);
        hook_next(&m->hook,
                  (HookRule){ .act = act, .code = target->code, .on = target->on, .times = 1 });
        watch_begin(&w, m);
        watch_pass(&w, 3 * MACHINE_SEC);
        CHECK(m->hook.is_dead, "unbound at %s: never\n", target->name);
        machine_append(m);
        check_absent(m, target->name);
        m->hook.is_dead = false;
        watch_well(m, target->name, 3 * MACHINE_SEC);
}

static void test_unbound(void **state) {
        Machine *m = *state;

        machine_build(m, MACHINE_ONE_CHAIN, WATCH_RECORDS);
        m->has_manager = true;
        for (size_t i = 0; i < ELEMENTSOF(targets); ++i)
                for (int is_followed = 0; is_followed <= (targets[i].code != TPM2_CC_GetCapability);
                     ++is_followed) {
                        check_unbound(m, &targets[i], HOOK_DIE_BEFORE, is_followed);
                        check_unbound(m, &targets[i], HOOK_DIE_AFTER, is_followed);
                }
}

#define case_of(test) cmocka_unit_test_setup_teardown(test, machine_open, machine_close)

int main(void) {
        double begun = goal_clock();
        int r;
        const struct CMUnitTest tests[] = {
                case_of(test_no_open),
                case_of(test_unbound),
        };

        r = cmocka_run_group_tests(tests, NULL, NULL);
        return goal_say("G6", n_absences, "absences of an hour", "0 commands, 0 lost, 0 doubled",
                        begun, r);
}
