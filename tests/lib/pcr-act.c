/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/cmocka-all.h"
#include "lib/pcr-act.h"

static ModelFault act_hook(Model *m, Instance *i, bool is_after, void *userdata) {
        Act *a = userdata;

        if (a->times == 0 || i->step.kind != a->at || is_after != a->is_late)
                return (ModelFault){};
        --a->times;
        if (a->call)
                a->call(m, i);
        return a->fault;
}

/* From now on; @a stays with the caller. */
void act(Model *m, Act *a) {
        m->hook = act_hook;
        m->userdata = a;
}

/* Somebody asks how these PCRs stand, while it waits. */
void refresh(Instance *i, const Model *m, uint32_t pcrs) {
        const PlanEvent e = { .kind = PLAN_EVENT_REFRESH, .now_usec = m->now_usec, .pcrs = pcrs };

        assert_true(instance_is_waiting(i));
        assert_int_equal(plan_next(&i->plan, &e, &i->step), 0);
}

/* Up to the next step of that kind. */
void step_to(Instance *i, Model *m, PlanStepKind kind) {
        for (size_t n = 0; i->step.kind != kind; ++n) {
                assert_true(n < STEPS_MAX);
                assert_true(instance_step(i, m));
        }
}
