/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From which state the plan goes to which: all of these ways are gone, and no other one.
 *
 * States are as they are seen between two steps: DECIDE is passed within one.
 */
#include "lib/cmocka-all.h"
#include "lib/pcr-world.h"

#define TO(state) (UINT32_C(1) << PLAN_##state)

/* A fault of the TPM may come at any time, and something else than before comes after it. */
#define FAULTS (TO(WAIT_TPM) | TO(BACKOFF) | TO(UNKNOWN) | TO(TPM_FAILED))
/* What opening the TPM may lead to, before and after its first answers. */
#define OPENED (TO(SEARCH) | TO(CATCH_UP) | TO(TPM_RESET))
#define FIRST  (TO(KERNEL_OWNS) | TO(MIXED) | TO(BANK_UNSUPPORTED))

static const uint32_t ways[_PLAN_STATE_N] = {
        [PLAN_INIT] = TO(WAIT_LIST) | TO(WAIT_TPM) | TO(KERNEL_OWNS) | TO(MIXED) | TO(LIST_BROKEN) |
                      TO(LIST_TRIMMED),
        [PLAN_WAIT_LIST] =
                TO(WAIT_TPM) | TO(KERNEL_OWNS) | TO(MIXED) | TO(LIST_BROKEN) | TO(LIST_TRIMMED),
        [PLAN_WAIT_TPM] = (FAULTS & ~TO(WAIT_TPM)) | OPENED | FIRST | TO(LIST_TRIMMED),
        [PLAN_BACKOFF] = (FAULTS & ~TO(BACKOFF)) | OPENED | FIRST | TO(LIST_TRIMMED),
        [PLAN_UNKNOWN] = (FAULTS & ~TO(UNKNOWN)) | OPENED | FIRST | TO(LIST_TRIMMED),
        [PLAN_TPM_FAILED] = (FAULTS & ~TO(TPM_FAILED)) | OPENED | FIRST | TO(LIST_TRIMMED),
        [PLAN_SEARCH] = FAULTS | TO(CATCH_UP) | TO(TPM_RESET) | TO(SPLIT_BANKS) | TO(DIVERGED) |
                        TO(LIST_BROKEN) | TO(LIST_TRIMMED),
        [PLAN_CATCH_UP] = FAULTS | TO(FOLLOW) | TO(SEARCH) | TO(TPM_RESET) | TO(LIST_BROKEN) |
                          TO(LIST_TRIMMED),
        [PLAN_FOLLOW] = FAULTS | TO(SEARCH) | TO(CATCH_UP) | TO(TPM_RESET) | TO(LIST_BROKEN) |
                        TO(LIST_TRIMMED),
};

/* What was gone in all runs. */
static uint32_t went[_PLAN_STATE_N];

static void check_and_keep(const Model *m, const char *name) {
        if (m->violation)
                fail_msg("%s: %s", name, m->violation);
        for (PlanState from = 0; from < _PLAN_STATE_N; ++from) {
                for (PlanState to = 0; to < _PLAN_STATE_N; ++to)
                        if (m->went[from] & ~ways[from] & UINT32_C(1) << to)
                                fail_msg("%s: from %s to %s", name, plan_state_name(from),
                                         plan_state_name(to));
                went[from] |= m->went[from];
        }
}

/*
 * Machines
 */

static void arrange_nothing(Model *m) {
        (void)m;
}

static void arrange_held(Model *m) {
        model_pre_extend(m, 10, 3);
}

static void arrange_kernel(Model *m) {
        m->facts.record = MODE_RECORD_SET;
        m->facts.lists = MODE_LISTS_MORE;
        model_pre_extend(m, 10, 2);
}

/* Who extends is known once the banks are. */
static void arrange_kernel_sha1(Model *m) {
        m->facts.record = MODE_RECORD_SET;
        m->banks.other_than_sha1 = false;
        for (uint32_t pcr = 0; pcr < TPM_PCR_N; ++pcr)
                m->banks.of[pcr] = BANK(DIGEST_SHA1);
}

static void arrange_inherited(Model *m) {
        m->facts.record = MODE_RECORD_SET;
}

static void arrange_mixed(Model *m) {
        m->facts.record = MODE_RECORD_OTHER;
}

static void arrange_bad(Model *m) {
        m->list_state = PLAN_LIST_BAD;
}

static void arrange_lost(Model *m) {
        model_trim(m, 3);
}

static void arrange_gone(Model *m) {
        m->n_spooled = m->n_list;
        model_pre_extend(m, 10, 2);
        model_trim(m, 6);
}

static void arrange_gone_at_once(Model *m) {
        m->n_spooled = m->n_list;
        model_trim(m, 6);
}

static void arrange_no_bank(Model *m) {
        m->banks.of[10] = 0;
}

static void arrange_foreign(Model *m) {
        model_foreign_extend(m, 10, TWO_BANKS);
}

static void arrange_split(Model *m) {
        model_pre_extend_banks(m, 10, BANK(DIGEST_SHA1), 2);
}

static void arrange_wrong(Model *m) {
        m->list[2].record.digest_fits = false;
}

static void arrange_wrong_held(Model *m) {
        model_pre_extend(m, 10, 6);
        m->list[2].record.digest_fits = false;
}

static void arrange_malformed(Model *m) {
        m->is_malformed = true;
}

static void arrange_anchor(Model *m) {
        m->has_anchor = true;
        m->anchor = (Anchor){ .pcr = 10, .reset_count = m->reset_count - 1, .banks = TWO_BANKS };
}

static void arrange_below_anchor(Model *m) {
        m->has_anchor = true;
        m->anchor = (Anchor){
                .pcr = 10, .n_held = 5, .reset_count = m->reset_count, .banks = TWO_BANKS
        };
        model_pre_extend(m, 10, 2);
}

static const struct {
        const char *name;
        void (*arrange)(Model *m);
} machines[] = {
        { "nothing", arrange_nothing },
        { "held", arrange_held },
        { "kernel", arrange_kernel },
        { "kernel, sha1", arrange_kernel_sha1 },
        { "inherited", arrange_inherited },
        { "mixed", arrange_mixed },
        { "bad", arrange_bad },
        { "lost", arrange_lost },
        { "gone", arrange_gone },
        { "gone at once", arrange_gone_at_once },
        { "no bank", arrange_no_bank },
        { "foreign", arrange_foreign },
        { "split", arrange_split },
        { "wrong", arrange_wrong },
        { "wrong, held", arrange_wrong_held },
        { "malformed", arrange_malformed },
        { "anchor", arrange_anchor },
        { "below the anchor", arrange_below_anchor },
};

/*
 * What happens to them
 */

typedef enum Then {
        THEN_NOTHING,
        THEN_RESET,
        THEN_APPEND,
        THEN_APPEND_TWO,
        THEN_FOREIGN,
        THEN_MALFORMED,
        THEN_REPLACED,
        _THEN_N,
} Then;

typedef struct Story {
        uint64_t at;
        TpmOutcome outcome; /* so many times from then on, or another one each time */
        size_t n;
        bool turns;
        Then then;
        uint64_t later; /* steps */
        bool waits_for_list;
} Story;

static void happen(Model *m, Then then) {
        switch (then) {
        case THEN_NOTHING:
                break;
        case THEN_RESET:
                model_reset(m);
                model_append(m, 10);
                break;
        case THEN_APPEND:
                model_append(m, 10);
                if (!m->is_foreign[10]) /* by another instance */
                        model_pre_extend(m, 10, 1);
                break;
        case THEN_APPEND_TWO:
                happen(m, THEN_APPEND);
                happen(m, THEN_APPEND);
                break;
        case THEN_FOREIGN:
                model_foreign_extend(m, 10, TWO_BANKS);
                break;
        case THEN_MALFORMED:
                model_append(m, 10);
                m->is_malformed = true;
                break;
        case THEN_REPLACED:
                model_replace_list(m);
                model_foreign_extend(m, 10, TWO_BANKS);
                break;
        case _THEN_N:
                break;
        }
}

static ModelFault story_hook(Model *m, Instance *i, bool is_after, void *userdata) {
        Story *s = userdata;

        if (is_after)
                return (ModelFault){};
        if (s->waits_for_list && i->n_steps == 4)
                m->is_away = false;
        if (i->n_steps == s->at + s->later)
                happen(m, s->then);
        if (i->n_steps < s->at || !instance_sends(i) || s->n == 0)
                return (ModelFault){};
        --s->n;
        if (s->turns)
                s->outcome = (TpmOutcome)(1 + (s->outcome + s->at) % (_TPM_OUTCOME_N - 1));
        return (ModelFault){ .outcome = s->outcome };
}

static void run(size_t machine, Story s) {
        PlanOptions o;
        Model m;
        Instance i;

        setup(&m, true);
        machines[machine].arrange(&m);
        m.is_away = s.waits_for_list;
        m.hook = story_hook;
        m.userdata = &s;
        o = model_options(&m);
        instance_start_with(&i, &m, &o);
        (void)instance_run(&i, &m, 200 * PLAN_SEC, 600);
        check_and_keep(&m, machines[machine].name);
        model_deinit(&m);
}

static void test_all_ways_and_no_other(void **state) {
        static const size_t times[] = { 1, 2, 3, 9 };
        size_t n_wrong = 0;

        (void)state;
        for (size_t machine = 0; machine < ELEMENTSOF(machines); ++machine)
                for (uint64_t at = 1; at < 120; ++at)
                        for (TpmOutcome outcome = TPM_DONE; outcome < _TPM_OUTCOME_N; ++outcome)
                                for (size_t t = 0; t < ELEMENTSOF(times); ++t)
                                        run(machine,
                                            (Story){ .at = at,
                                                     .outcome = outcome,
                                                     .n = outcome == TPM_DONE ? 0 : times[t],
                                                     .turns = t % 2,
                                                     .then = (at + t) % _THEN_N,
                                                     .later = at % 5,
                                                     .waits_for_list = at % 2 });
        for (PlanState from = 0; from < _PLAN_STATE_N; ++from)
                for (PlanState to = 0; to < _PLAN_STATE_N; ++to)
                        if (ways[from] & ~went[from] & UINT32_C(1) << to) {
                                print_error("never from %s to %s\n", plan_state_name(from),
                                            plan_state_name(to));
                                ++n_wrong;
                        }
        assert_int_equal(n_wrong, 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_all_ways_and_no_other),
        };

        return cmocka_run_group_tests(tests, world_open, world_close);
}
