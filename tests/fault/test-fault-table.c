/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Every fault that can reach us through a transport, at every command that we send: once, ten times
 * and for ever; where that makes a difference, also executed. While it lasts the extender is in the
 * state that the table says, and leaves the TPM alone; when it ends, every record is extended, each
 * once, also those that came meanwhile.
 *
 * Facts: reliability.md, 3 (the faults and the reactions) and 2.4 (the states).
 */
#include "fault/watch.h"
#include "lib/goal.h"

#include <string.h>
#include <tss2/tss2_tcti.h>
#include <tss2/tss2_tpm2_types.h>

#define SEC MACHINE_SEC
#define TEN 10U
/* Within so long after the end of any fault all must be well again. */
#define RECOVERY_USEC (65 * SEC)
/* How long a TPM may take for a command: what the kernel grants, and when we give up. */
#define SLOW_USEC (119 * SEC)
#define HUNG_USEC (150 * SEC)
#define LOOK_USEC (10 * PLAN_MSEC) /* EXTENDER_LOOK_USEC */

typedef enum Reaction {
        NONE, /* this fault does not come at such a command */
        GOES_ON,
        SLOW,
        BUSY,
        LATER,
        FAILED,
        REFUSED,
        ABSENT,
        UNKNOWN,
        CONTENDED,
        TAMPERED,
        _REACTION_N,
} Reaction;

/* While it lasts; `late`: when it has lasted for more than ten minutes. */
static const struct {
        PlanState state;
        PlanReason reason;
        PlanState late_state;
        PlanReason late_reason;
        uint64_t gap_usec;       /* at least so long between any two tries */
        uint64_t stuck_gap_usec; /* ... and when it is stuck */
} reactions[_REACTION_N] = {
        [GOES_ON] = { PLAN_FOLLOW, PLAN_REASON_NONE, PLAN_FOLLOW, PLAN_REASON_NONE },
        [SLOW] = { PLAN_FOLLOW, PLAN_REASON_NONE, PLAN_FOLLOW, PLAN_REASON_NONE },
        [BUSY] = { PLAN_BACKOFF, PLAN_REASON_TPM_BUSY, PLAN_TPM_FAILED, PLAN_REASON_NO_PROGRESS,
                   PLAN_BUSY_MIN_USEC, PLAN_BUSY_MAX_USEC },
        [LATER] = { PLAN_BACKOFF, PLAN_REASON_TPM_BUSY, PLAN_TPM_FAILED, PLAN_REASON_NO_PROGRESS,
                    1 * SEC, 16 * SEC },
        [FAILED] = { PLAN_TPM_FAILED, PLAN_REASON_TPM_FAILURE_MODE, PLAN_TPM_FAILED,
                     PLAN_REASON_TPM_FAILURE_MODE, 60 * SEC, 60 * SEC },
        [REFUSED] = { PLAN_TPM_FAILED, PLAN_REASON_TPM_REFUSED, PLAN_TPM_FAILED,
                      PLAN_REASON_TPM_REFUSED, 0, 16 * SEC },
        [ABSENT] = { PLAN_WAIT_TPM, PLAN_REASON_TPM_UNAVAILABLE, PLAN_WAIT_TPM,
                     PLAN_REASON_TPM_UNAVAILABLE, PLAN_ABSENT_USEC, 1 * SEC },
        [UNKNOWN] = { PLAN_UNKNOWN, PLAN_REASON_OUTCOME_UNKNOWN, PLAN_TPM_FAILED,
                      PLAN_REASON_NO_PROGRESS, 0, 16 * SEC },
        [CONTENDED] = { PLAN_BACKOFF, PLAN_REASON_TPM_CONTENDED, PLAN_BACKOFF,
                        PLAN_REASON_TPM_CONTENDED, 0, PLAN_CONTENDED_USEC },
        [TAMPERED] = { PLAN_TPM_FAILED, PLAN_REASON_TAMPER_SUSPECTED, PLAN_TPM_FAILED,
                       PLAN_REASON_TAMPER_SUSPECTED, 0, 60 * SEC },
};

typedef enum Target {
        GET_CAPABILITY,
        READ_CLOCK,
        START_SESSION,
        PROBE,
        PCR_READ,
        PCR_EXTEND,
        FLUSH,
        _TARGET_N,
} Target;

static const struct {
        const char *name;
        uint32_t code;
        HookOn on;
        bool has_session;
        bool changes; /* so that it matters whether it was executed */
} targets[_TARGET_N] = {
        [GET_CAPABILITY] = { "GetCapability", TPM2_CC_GetCapability, HOOK_ON_ANY, false, false },
        [READ_CLOCK] = { "ReadClock", TPM2_CC_ReadClock, HOOK_ON_ANY, false, false },
        [START_SESSION] = { "StartAuthSession", TPM2_CC_StartAuthSession, HOOK_ON_ANY, false,
                            true },
        [PROBE] = { "PCR_Extend of TPM_RH_NULL", TPM2_CC_PCR_Extend, HOOK_ON_NULL, true, false },
        [PCR_READ] = { "PCR_Read", TPM2_CC_PCR_Read, HOOK_ON_ANY, true, false },
        [PCR_EXTEND] = { "PCR_Extend", TPM2_CC_PCR_Extend, HOOK_ON_REAL, true, true },
        [FLUSH] = { "FlushContext", TPM2_CC_FlushContext, HOOK_ON_ANY, false, true },
};

typedef struct Fault {
        const char *name;
        HookRule rule; /* with HOOK_ANSWER also as HOOK_LIE */
        Reaction reaction;
        Reaction plain; /* ... where the command has no session */
        bool is_long;   /* one of each kind: for more than ten minutes */
} Fault;

typedef struct Case {
        const Fault *fault;
        Target target;
        HookAct act;
        uint32_t times;
        bool is_followed; /* it begins when all was extended already */
} Case;

/*
 * The table
 */

static void cut(uint8_t *response, size_t *n, size_t to, bool says_so) {
        Builder size = builder_on(response + sizeof(uint16_t), sizeof(uint32_t));

        *n = MIN_OF(*n, to);
        if (says_so)
                builder_put_u32(&size, ORDER_BIG, (uint32_t)*n);
}

#define CUT(how, to, says_so)                                                                      \
        static void cut_##how(Bytes command, uint8_t *response, size_t *n) {                       \
                (void)command;                                                                     \
                cut(response, n, (to), (says_so));                                                 \
        }

CUT(to_0, 0, false)
CUT(to_1, 1, false)
CUT(to_6, 6, false)
CUT(to_9, 9, false)
CUT(to_half, *n / 2, false)
CUT(the_last, *n - 1, false)
CUT(well_to_half, 10 + (*n - 10) / 2, true)
CUT(well_the_tail, *n - 4, true)

static void garble(Bytes command, uint8_t *response, size_t *n) {
        (void)command;
        memset(response, POISON, *n);
}

static void lengthen(Bytes command, uint8_t *response, size_t *n) {
        (void)command;
        memset(response + *n, POISON, 100);
        *n += 100;
}

#define CODE(of, ...)                                                                              \
        { #of, { .act = HOOK_ANSWER, .rc = TPM2_RC_##of }, __VA_ARGS__ }
#define NUMBER(of, ...)                                                                            \
        { #of, { .act = HOOK_ANSWER, .rc = (of) }, __VA_ARGS__ }
#define REWRITE(of, ...)                                                                           \
        { "answer: " #of, { .act = HOOK_REWRITE, .rewrite = (of) }, __VA_ARGS__ }

static const Fault faults[] = {
        CODE(RETRY, BUSY, BUSY, .is_long = true),
        CODE(TESTING, BUSY, BUSY),
        CODE(YIELDED, BUSY, BUSY),
        CODE(CANCELED, BUSY, BUSY),
        CODE(CONTEXT_GAP, BUSY, BUSY),
        CODE(OBJECT_MEMORY, BUSY, BUSY),
        CODE(SESSION_MEMORY, BUSY, BUSY),
        CODE(MEMORY, BUSY, BUSY),
        CODE(SESSION_HANDLES, BUSY, BUSY),
        CODE(OBJECT_HANDLES, BUSY, BUSY),
        NUMBER(0x000c0903, BUSY, BUSY), /* a manager in userspace has no room for a session */
        CODE(NV_RATE, LATER, LATER, .is_long = true),
        CODE(NV_UNAVAILABLE, LATER, LATER),
        CODE(LOCKOUT, LATER, LATER),
        CODE(FAILURE, FAILED, FAILED, .is_long = true),
        CODE(REBOOT, FAILED, FAILED),
        CODE(UPGRADE, FAILED, FAILED),
        CODE(INITIALIZE, ABSENT, ABSENT, .is_long = true),
        CODE(EXCLUSIVE, CONTENDED, NONE, .is_long = true),
        CODE(LOCALITY, REFUSED, REFUSED, .is_long = true),
        CODE(PCR, REFUSED, REFUSED),
        CODE(COMMAND_CODE, REFUSED, REFUSED),
        CODE(ATTRIBUTES, REFUSED, REFUSED),
        CODE(BAD_AUTH, REFUSED, REFUSED),
        CODE(AUTH_FAIL, REFUSED, REFUSED),
        CODE(NONCE, REFUSED, REFUSED),
        CODE(HANDLE, REFUSED, REFUSED),
        NUMBER(0x1c3, REFUSED, REFUSED), /* TPM_RC_HASH of parameter 1, and so on */
        NUMBER(0x1d5, REFUSED, REFUSED),
        NUMBER(0x1c4, REFUSED, REFUSED),
        NUMBER(0x184, REFUSED, REFUSED),
        NUMBER(0x000b0143, REFUSED, REFUSED), /* the kernel's manager: no such command */
        CODE(REFERENCE_S0, UNKNOWN, UNKNOWN),
        NUMBER(0x919, UNKNOWN, UNKNOWN), /* the session is lost, or out of step */
        NUMBER(0x9a2, UNKNOWN, UNKNOWN),
        NUMBER(0xaa2, UNKNOWN, UNKNOWN),
        NUMBER(0x98e, UNKNOWN, UNKNOWN),
        NUMBER(0x17f, UNKNOWN, UNKNOWN),      /* nobody knows this code */
        NUMBER(0, TAMPERED, NONE),            /* success, and nothing behind it */
        NUMBER(0x000b0000, UNKNOWN, UNKNOWN), /* success of a layer that executes nothing */
        /* The device's TCTI says IO_ERROR for every errno: EFAULT (executed), ETIME, EIO ... */
        { "read fails, executed",
          { .act = HOOK_LOSE, .rc = TSS2_TCTI_RC_IO_ERROR },
          UNKNOWN,
          UNKNOWN,
          .is_long = true },
        { "read fails", { .act = HOOK_DROP, .rc = TSS2_TCTI_RC_IO_ERROR }, UNKNOWN, UNKNOWN },
        /* ... EPIPE */
        { "write fails", { .act = HOOK_FAIL, .rc = TSS2_TCTI_RC_IO_ERROR }, UNKNOWN, UNKNOWN },
        { "write would block",
          { .act = HOOK_FAIL, .rc = TSS2_TCTI_RC_TRY_AGAIN },
          UNKNOWN,
          UNKNOWN },
        { "end of file, executed",
          { .act = HOOK_LOSE, .rc = TSS2_TCTI_RC_NO_CONNECTION },
          ABSENT,
          ABSENT },
        { "end of file", { .act = HOOK_DROP, .rc = TSS2_TCTI_RC_NO_CONNECTION }, ABSENT, ABSENT },
        { "nobody there", { .act = HOOK_FAIL, .rc = TSS2_TCTI_RC_NO_CONNECTION }, ABSENT, ABSENT },
        { "general failure",
          { .act = HOOK_LOSE, .rc = TSS2_TCTI_RC_GENERAL_FAILURE },
          UNKNOWN,
          UNKNOWN },
        { "malformed",
          { .act = HOOK_LOSE, .rc = TSS2_TCTI_RC_MALFORMED_RESPONSE },
          UNKNOWN,
          UNKNOWN },
        REWRITE(cut_to_0, UNKNOWN, UNKNOWN),
        REWRITE(cut_to_1, UNKNOWN, UNKNOWN),
        REWRITE(cut_to_6, UNKNOWN, UNKNOWN),
        REWRITE(cut_to_9, UNKNOWN, UNKNOWN),
        REWRITE(cut_to_half, UNKNOWN, UNKNOWN),
        REWRITE(cut_the_last, UNKNOWN, UNKNOWN),
        REWRITE(cut_well_to_half, TAMPERED, UNKNOWN), /* an answer, but nobody has signed it */
        REWRITE(cut_well_the_tail, TAMPERED, UNKNOWN),
        REWRITE(garble, UNKNOWN, UNKNOWN),
        REWRITE(lengthen, UNKNOWN, UNKNOWN),
        { "wrong HMAC",
          { .act = HOOK_ALTER, .position = -1, .mask = 1 },
          TAMPERED,
          NONE,
          .is_long = true },
};

/* They take long, and are therefore not repeated for each code. */
static const Fault patience[] = {
        { "never answers",
          { .act = HOOK_DROP, .rc = TSS2_TCTI_RC_TRY_AGAIN },
          UNKNOWN,
          UNKNOWN,
          .is_long = true },
        { "never answers, executed",
          { .act = HOOK_DELAY, .n = UINT32_MAX },
          UNKNOWN,
          UNKNOWN,
          .is_long = true },
        { "answers after 119 s", { .act = HOOK_DELAY, .n = SLOW_USEC / LOOK_USEC }, SLOW, SLOW },
};

/*
 * One case
 */

static const char *name_of(const Case *c) {
        static char name[160];

        (void)snprintf(name, sizeof(name), "%s, %s%s, %u times%s", targets[c->target].name,
                       c->act == HOOK_LIE ? "executed, " : "", c->fault->name, c->times,
                       c->is_followed ? ", while following" : "");
        return name;
}

static Reaction reaction_of(const Case *c) {
        /* What a session that is given back says is nobody's business. */
        if (c->target == FLUSH)
                return GOES_ON;
        return targets[c->target].has_session ? c->fault->reaction : c->fault->plain;
}

static bool is_hanging(const Case *c) {
        return c->act == HOOK_DELAY ||
               (c->act == HOOK_DROP && c->fault->rule.rc == TSS2_TCTI_RC_TRY_AGAIN);
}

static bool is_executed(const Case *c) {
        return c->act == HOOK_LIE || c->act == HOOK_LOSE || c->act == HOOK_ALTER ||
               c->act == HOOK_REWRITE || c->act == HOOK_DELAY;
}

/* A PCR that the TPM does not let us extend is not asked for again: that ends it. */
static bool rests(const Case *c) {
        return c->target == PCR_EXTEND && reaction_of(c) == REFUSED && c->times > 1;
}

static void check_turns(const Watch *w, const Case *c) {
        uint64_t sec = (w->machine->now_usec - w->since_usec) / SEC;
        uint64_t rate = is_hanging(c) ? SEC / LOOK_USEC + 1 : SEC / PLAN_POLL_MAX_USEC + 1;

        CHECK(w->n_turns <= rate * sec + 5 * w->n_sent + 100, "%s: %llu turns in %llu s\n",
              name_of(c), (unsigned long long)w->n_turns, (unsigned long long)sec);
}

static void check_waits(const Watch *w, const Case *c, PlanState state, PlanReason reason) {
        Reaction r = reaction_of(c);
        bool may_see_nothing = r == SLOW || is_hanging(c);

        if (!(may_see_nothing && w->states == 0))
                CHECK(watch_saw_only(w, state, reason), "%s: not only in %s; %llx, %llx\n",
                      name_of(c), plan_state_name(state), (unsigned long long)w->states,
                      (unsigned long long)w->reasons);
        /* The probe does not look at what ReadClock says, so that one comes twice in a row. */
        if (!rests(c) && !(c->target == READ_CLOCK && c->act == HOOK_REWRITE))
                CHECK(w->gap_usec >= reactions[r].stuck_gap_usec, "%s: again after %llu us\n",
                      name_of(c), (unsigned long long)w->gap_usec);
        CHECK(!w->is_flooding, "%s: %llu commands, too many at once\n", name_of(c),
              (unsigned long long)w->n_sent);
        check_turns(w, c);
}

/* Executed all the same: each fault is one record further on. */
static void check_progress(Watch *w, const Case *c) {
        Machine *m = w->machine;
        uint64_t each_usec = is_hanging(c) ? HUNG_USEC : 60 * SEC;
        uint64_t until_usec = m->now_usec + (WATCH_RECORDS + 1) * each_usec + RECOVERY_USEC;

        machine_append(m);
        do
                watch_pass(w, 5 * SEC);
        while (!watch_is_done(m) && m->now_usec < until_usec);
        CHECK(watch_is_done(m), "%s: is in %s\n", name_of(c), plan_state_name(m->state));
        check_turns(w, c);
}

static void check_late(Watch *w, const Case *c) {
        Reaction r = reaction_of(c);

        watch_pass(w, 310 * SEC);
        watch_again(w);
        watch_pass(w, 200 * SEC);
        check_waits(w, c, reactions[r].late_state, reactions[r].late_reason);
}

static void check_for_ever(Machine *m, const Case *c) {
        Reaction r = reaction_of(c);
        bool is_long = c->fault->is_long && r != GOES_ON;
        Watch w;

        watch_begin(&w, m);
        if (is_executed(c) && c->target == PCR_EXTEND && r != REFUSED) {
                check_progress(&w, c);
                return;
        }
        watch_pass(&w, r == GOES_ON ? 5 * SEC : 30 * SEC);
        if (is_hanging(c))
                watch_pass(&w, HUNG_USEC);
        CHECK(rests(c) || w.gap_usec >= reactions[r].gap_usec, "%s: again after %llu us\n",
              name_of(c), (unsigned long long)w.gap_usec);
        machine_append(m);
        watch_pass(&w, r == GOES_ON && is_hanging(c) ? HUNG_USEC + SEC : SEC);
        watch_again(&w);
        watch_pass(&w, is_long ? 560 * SEC : r == GOES_ON ? 5 * SEC : 70 * SEC);
        check_waits(&w, c, reactions[r].state, reactions[r].reason);
        if (is_long)
                check_late(&w, c);
}

/* Until the fault has come often enough, or cannot come more often: the list grows all the time. */
static void check_some(Machine *m, const Case *c) {
        Reaction r = reaction_of(c);
        size_t n_appended = 0;
        Watch w;

        watch_begin(&w, m);
        while (m->hook.n_hits < c->times && n_appended < 2 * TEN &&
               !extender_plan(m->extender)->is_resting) {
                watch_pass(&w, 3 * SEC / 2);
                CHECK(w.n_turns < 1000000, "%s: never ends\n", name_of(c));
                if (watch_is_done(m)) {
                        machine_append(m);
                        ++n_appended;
                }
        }
        CHECK(m->hook.n_hits > 0, "%s: never happens\n", name_of(c));
        if (r != GOES_ON && r != SLOW && !rests(c))
                assert_int_equal(m->hook.n_hits, c->times);
}

/* A TPM that refuses is not asked again; an administrator who changed that starts us anew. */
static void check_rest(Machine *m, const Case *c) {
        size_t n_sent = m->hook.n_sent;
        Watch w;

        watch_begin(&w, m);
        watch_pass(&w, 100 * SEC);
        CHECK(watch_saw_only(&w, PLAN_TPM_FAILED, PLAN_REASON_TPM_REFUSED), "%s: no rest\n",
              name_of(c));
        assert_int_equal(m->hook.n_sent, n_sent);
        machine_stop(m);
        machine_start(m);
}

static void check_end(Machine *m, const Case *c) {
        Watch w;

        hook_next(&m->hook, (HookRule){});
        if (rests(c))
                check_rest(m, c);
        watch_begin(&w, m);
        if (is_hanging(c))
                watch_pass(&w, HUNG_USEC); /* the command in flight is waited for all the same */
        watch_well(m, name_of(c), RECOVERY_USEC);
}

static HookRule rule_of(const Case *c) {
        HookRule rule = c->fault->rule;

        rule.act = c->act;
        rule.code = targets[c->target].code;
        rule.on = targets[c->target].on;
        rule.times = c->times;
        return rule;
}

static size_t n_cases;

static void check_case(Machine *m, const Case *c) {
        if (reaction_of(c) == NONE)
                return;
        ++n_cases;
        watch_boot(m, c->is_followed);
        hook_next(&m->hook, rule_of(c));
        if (c->times == HOOK_FOR_EVER)
                check_for_ever(m, c);
        else
                check_some(m, c);
        check_end(m, c);
}

/*
 * All of them
 */

static void check_times(Machine *m, Case c) {
        static const uint32_t times[] = { 1, TEN, HOOK_FOR_EVER };

        for (size_t i = 0; i < ELEMENTSOF(times); ++i) {
                c.times = times[i];
                check_case(m, &c);
        }
        /* Banks are asked for once in a context: the fault would never come. */
        c.is_followed = c.target != GET_CAPABILITY;
        if (c.is_followed)
                check_case(m, &c);
}

static void check_target(Machine *m, Target target, const Fault *table, size_t n) {
        machine_build(m, MACHINE_ONE_CHAIN, WATCH_RECORDS);
        m->has_manager = true;
        for (size_t i = 0; i < n; ++i) {
                Case c = { .fault = &table[i], .target = target, .act = table[i].rule.act };

                check_times(m, c);
                if (c.act != HOOK_ANSWER || !targets[target].changes)
                        continue;
                c.act = HOOK_LIE;
                check_times(m, c);
        }
}

#define test_of(target)                                                                            \
        static void test_##target(void **state) {                                                  \
                check_target(*state, target, faults, ELEMENTSOF(faults));                          \
        }                                                                                          \
        static void test_patience_##target(void **state) {                                         \
                check_target(*state, target, patience, ELEMENTSOF(patience));                      \
        }

test_of(GET_CAPABILITY) test_of(READ_CLOCK) test_of(START_SESSION) test_of(PROBE) test_of(PCR_READ)
        test_of(PCR_EXTEND) test_of(FLUSH)
#define case_of(test)    cmocka_unit_test_setup_teardown(test, machine_open, machine_close)
#define cases_of(target) case_of(test_##target), case_of(test_patience_##target)

                int main(void) {
        double begun = goal_clock();
        int r;
        const struct CMUnitTest tests[] = {
                cases_of(GET_CAPABILITY), cases_of(READ_CLOCK), cases_of(START_SESSION),
                cases_of(PROBE),          cases_of(PCR_READ),   cases_of(PCR_EXTEND),
                cases_of(FLUSH),
        };

        r = cmocka_run_group_tests(tests, NULL, NULL);
        return goal_say("G6", n_cases, "faults at commands", "0 wrong states, 0 lost, 0 doubled",
                        begun, r);
}
