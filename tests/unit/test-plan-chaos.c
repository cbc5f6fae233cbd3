/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The plan in a world where anything may happen: daemons that die and come back with true, forged
 * and no anchors, suspend, resets, a list that is trimmed, tools that extend. The model judges each
 * step; at the end each record is where it belongs, or there is a reason that it is not.
 *
 * SEED= begins there; SCALE= makes it longer.
 */
#include "lib/cmocka-all.h"
#include "lib/pcr-world.h"

#include <string.h>

#define INSTANCES_MAX 3U

typedef struct World {
        Model m;
        Instance all[INSTANCES_MAX];
        bool is_forged[INSTANCES_MAX]; /* started with an anchor that nobody has written */
        size_t n;
        Shape shape;
        size_t n_list_max;
        uint32_t one_in;                                /* something happens in so many steps */
        bool may_reset, may_lose, may_part, may_extend; /* which disasters */
        bool repairs;
        bool was_reset, was_lost, was_parted, was_extended; /* ... that came */
        size_t next_lie;                                    /* commands */
        size_t n_events;
} World;

/*
 * What may happen
 */

static bool list_is_held(const World *w) {
        for (size_t k = 0; k < w->n; ++k)
                if (w->all[k].holds_list && !w->all[k].has_crashed && !w->all[k].is_done)
                        return true;
        return false;
}

/* Where the first record is that some bank lacks. */
static size_t first_lacking(const Model *m) {
        for (size_t i = 0; i < m->n_list; ++i)
                FOREACH_BANK(alg, TWO_BANKS)
                        if (m->list[i].record.pcr == 10 && m->list[i].n_extends[alg] == 0)
                                return i;
        return m->n_list;
}

static void trim(World *w) {
        Model *m = &w->m;
        size_t n = m->n_trimmed + model_random(m) % 5;

        if (list_is_held(w) || m->n_list < 2 ||
            (!w->may_lose && n >= MIN_OF(first_lacking(m), m->n_spooled)))
                return;
        model_trim(m, n);
        if (m->n_trimmed >= first_lacking(m) || model_list_is_lost(m))
                w->was_lost = true;
}

static void reset(World *w) {
        Model *m = &w->m;
        bool is_silent = model_random(m) % 3 == 0;

        if (!w->may_reset || w->was_reset)
                return;
        model_reset(m);
        if (is_silent)
                --m->reset_count;
        w->was_reset = true;
}

/* A tool that knows one bank only. */
static void part(World *w) {
        Model *m = &w->m;
        DigestAlg alg = model_random(m) % 2 ? DIGEST_SHA1 : DIGEST_SHA256;

        if (!w->may_part || !model_next(m, 10, alg) || m->is_foreign[10])
                return;
        model_pre_extend_banks(m, 10, BANK(alg), 1);
        w->was_parted = true;
}

static void extend_foreign(World *w) {
        if (!w->may_extend || w->was_extended)
                return;
        model_foreign_extend(&w->m, 10, model_random(&w->m) % 2 ? TWO_BANKS : BANK(DIGEST_SHA1));
        w->was_extended = true;
}

static void happen(World *w, Instance *i, bool is_after, uint32_t dice) {
        Model *m = &w->m;

        ++w->n_events;
        switch (dice) {
        case 0:
        case 1:
        case 2:
                model_foreign_command(m);
                break;
        case 3:
        case 4:
        case 5:
                model_deliver_stale(m);
                break;
        case 6:
        case 7:
        case 8:
                if (m->n_list < w->n_list_max)
                        append_shaped(m, w->shape);
                break;
        case 9:
        case 10:
        case 11:
                if (i->step.kind == PLAN_STEP_EXTEND && !is_after && dice > 9)
                        model_leave_stale(m, i);
                instance_crash(i, m);
                break;
        case 12:
                model_suspend(m, (2 + model_random(m) % 600) * PLAN_SEC);
                break;
        case 13:
        case 14:
                trim(w);
                break;
        case 15:
                m->is_away = !m->is_away;
                break;
        case 16:
                m->n_shown = m->n_shown < m->n_list ? SIZE_MAX : m->n_list;
                break;
        case 17:
                reset(w);
                break;
        case 18:
                part(w);
                break;
        case 19:
                extend_foreign(w);
                break;
        default:
                break;
        }
}

static ModelFault fault_of(World *w, Instance *i, bool is_after) {
        Model *m = &w->m;
        ModelFault f = { .outcome = (TpmOutcome)(TPM_ABSENT +
                                                 model_random(m) % (_TPM_OUTCOME_N - 1)) };
        bool is_refusal = f.outcome == TPM_EXCLUSIVE || f.outcome == TPM_SESSION_LOST;

        if (f.outcome == TPM_REFUSED || (f.outcome == TPM_FAILED && model_random(m) % 8))
                f.outcome = TPM_BUSY;
        f.is_executed = !is_refusal && model_random(m) % 2;
        if (!f.is_executed && !is_refusal && !is_after && i->step.kind == PLAN_STEP_EXTEND)
                model_leave_stale(m, i);
        return f;
}

/* One answer is wrong; the next ones of that kind are not, so that nothing is confirmed. */
static ModelFault lie_of(World *w, const Instance *i) {
        static const ModelLie lies[_PLAN_STEP_N] = {
                [PLAN_STEP_READ_PCR] = MODEL_LIE_PCR,
                [PLAN_STEP_READ_CLOCK] = MODEL_LIE_CLOCK,
                [PLAN_STEP_OPEN_TPM] = MODEL_LIE_BANKS,
        };
        ModelLie lie = lies[i->step.kind];

        /* What is told first has nothing to be compared with. */
        if (w->m.n_commands < w->next_lie || (lie == MODEL_LIE_CLOCK && !i->plan.clock_known))
                return (ModelFault){};
        w->next_lie = w->m.n_commands + 60;
        return (ModelFault){ .lie = lie };
}

static ModelFault world_hook(Model *m, Instance *i, bool is_after, void *userdata) {
        World *w = userdata;
        uint32_t dice;

        if (w->one_in == 0 || model_random(m) % w->one_in > 0)
                return (ModelFault){};
        dice = model_random(m) % 36;
        if (dice >= 32)
                return lie_of(w, i);
        if (dice >= 20 && instance_sends(i))
                return fault_of(w, i, is_after);
        happen(w, i, is_after, dice);
        return (ModelFault){};
}

/*
 * Those who live in it
 */

static void forge(Model *m, Anchor *a) {
        switch (model_random(m) % 5) {
        case 0:
                a->n_held = model_random(m) % 20;
                break;
        case 1:
                a->reset_count += model_random(m) % 3 - 1;
                break;
        case 2:
                a->banks = model_random(m) % 4;
                break;
        case 3:
                a->pcr = model_random(m) % TPM_PCR_N;
                break;
        default:
                a->restart_count = model_random(m) % 8;
                break;
        }
}

static void start(World *w, size_t k) {
        Model *m = &w->m;
        PlanOptions o = model_options(m);
        uint32_t dice = model_random(m) % 10;

        o.repairs_banks = w->repairs;
        o.measured_boot = (PlanMeasuredBoot)(m->seed % _PLAN_MEASURED_N);
        w->is_forged[k] = dice == 1;
        if (dice == 0)
                o.has_anchor = false;
        if (dice == 1) {
                o.has_anchor = true;
                o.anchor = m->anchor;
                forge(m, &o.anchor);
        }
        instance_start_with(&w->all[k], m, &o);
}

/* A verdict must have a reason. */
static void judge_state(const World *w, size_t k) {
        const Instance *i = &w->all[k];
        bool is_explained = true;

        switch (i->plan.state) {
        case PLAN_TPM_RESET:
                is_explained = w->was_reset || w->is_forged[k];
                break;
        case PLAN_SPLIT_BANKS:
                is_explained = w->was_parted && !w->repairs;
                break;
        case PLAN_DIVERGED:
                is_explained = w->was_extended || (w->was_reset && w->m.has_firmware);
                break;
        case PLAN_LIST_TRIMMED:
                is_explained = w->was_lost || (w->was_reset && w->m.n_trimmed > 0);
                break;
        case PLAN_KERNEL_OWNS:
        case PLAN_MIXED:
        case PLAN_LIST_BROKEN:
        case PLAN_BANK_UNSUPPORTED:
                is_explained = false;
                break;
        case PLAN_INIT:
        case PLAN_WAIT_LIST:
        case PLAN_DECIDE:
        case PLAN_WAIT_TPM:
        case PLAN_BACKOFF:
        case PLAN_SEARCH:
        case PLAN_CATCH_UP:
        case PLAN_FOLLOW:
        case PLAN_UNKNOWN:
        case PLAN_TPM_FAILED:
        case _PLAN_STATE_N:
                break;
        }
        if (!is_explained)
                fail_msg("%s: %s without a reason", plan_state_name(i->plan.state),
                         plan_reason_text(&i->plan));
}

/* In random order; who waits is woken when it is time, or when all wait. */
static void run(World *w, uint64_t n_steps) {
        Model *m = &w->m;

        for (uint64_t s = 0; s < n_steps && !m->violation; ++s) {
                size_t k = model_random(m) % w->n;
                Instance *i = &w->all[k];
                bool all_wait = true;

                for (size_t j = 0; j < w->n; ++j)
                        all_wait &= instance_is_waiting(&w->all[j]) || w->all[j].is_done;
                if (instance_is_waiting(i) && i->step.until_usec > m->now_usec && !all_wait)
                        continue;
                (void)instance_step(i, m);
                judge_state(w, k);
                if (i->has_crashed || (i->plan.is_resting && w->one_in && s % 64 == 0))
                        start(w, k);
        }
        if (m->violation)
                fail_msg("%s", m->violation);
}

static void arrange(World *w, uint64_t seed) {
        Model *m = &w->m;

        *w = (World){ .n = 1 + seed % 5 / 3, .n_list_max = 20 + seed % 100 };
        w->shape = (Shape)(seed % _SHAPE_N);
        setup_shape(m, w->shape, 0, seed);
        w->one_in = 2 + model_random(m) % 40;
        if (model_random(m) % 3 == 0) {
                model_measure(m, 10, 1 + model_random(m) % 3);
                model_measure(m, 2, 1);
        }
        m->pcr[4].of[DIGEST_SHA1].data[7] = 1;
        m->has_node = model_random(m) % 2;
        m->hides_count = model_random(m) % 4 == 0;
        m->is_held = model_random(m) % 2;
        w->repairs = model_random(m) % 2;
        w->may_reset = model_random(m) % 4 == 0;
        w->may_lose = model_random(m) % 4 == 0;
        w->may_part = model_random(m) % 4 == 0;
        w->may_extend = model_random(m) % 8 == 0;
        append_shaped(m, w->shape);
        m->hook = world_hook;
        m->userdata = w;
}

static bool is_disaster(const World *w) {
        return w->was_reset || w->was_lost || w->was_extended || (w->was_parted && !w->repairs);
}

/* Peace: with all that happened, does everybody come to an end, and a new one, too? */
static void conclude(World *w) {
        Model *m = &w->m;
        PlanOptions o = { .repairs_banks = w->repairs };
        Instance last;

        model_deliver_stale(m);
        w->one_in = 0;
        m->is_away = false;
        m->n_shown = SIZE_MAX;
        run(w, 6000 * w->n);
        for (size_t k = 0; k < w->n; ++k) {
                if (!instance_settle(&w->all[k], m, STEPS_MAX))
                        fail_msg("%s: %s, does not settle", plan_state_name(w->all[k].plan.state),
                                 plan_reason_text(&w->all[k].plan));
                judge_state(w, k);
        }
        assert_int_equal(model_n_doubled(m), 0);
        if (is_disaster(w))
                return;
        instance_start_with(&last, m, &o);
        assert_true(instance_settle(&last, m, STEPS_MAX));
        assert_state(&last, m, PLAN_FOLLOW, PLAN_REASON_NONE);
        assert_int_equal(first_lacking(m), m->n_list);
        if (m->n_trimmed == 0)
                assert_finished(&last, m);
}

static size_t live(uint64_t seed, uint64_t n_steps) {
        static World w;

        arrange(&w, seed);
        for (size_t k = 0; k < w.n; ++k)
                start(&w, k);
        run(&w, n_steps);
        conclude(&w);
        model_deinit(&w.m);
        return w.n_events;
}

static void test_anything(void **state) {
        const char *s = getenv("SEED");
        uint64_t first = s ? strtoull(s, NULL, 10) : 1;
        size_t n_events = 0;

        (void)state;
        for (uint64_t seed = first; seed < first + 400 * world_scale(); ++seed) {
                if (s)
                        print_message("SEED=%llu\n", (unsigned long long)seed);
                n_events += live(seed, 3000);
        }
        assert_true(n_events > 10000);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_anything),
        };

        return cmocka_run_group_tests(tests, world_open, world_close);
}
