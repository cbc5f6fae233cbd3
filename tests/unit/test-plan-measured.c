/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the firmware did to the PCRs: PCRs 0 to 7 that are all zero tell of a reset (rule I13), and
 * V(0) of a PCR is what the firmware extended into it.
 */
#include "lib/cmocka-all.h"
#include "lib/pcr-world.h"

#include <string.h>

/* One fault. */
typedef struct Trouble {
        uint64_t at;
        TpmOutcome outcome;
} Trouble;

static ModelFault one_fault_hook(Model *m, Instance *i, bool is_after, void *userdata) {
        const Trouble *t = userdata;

        (void)m;
        if (is_after || i->n_steps != t->at || !instance_sends(i))
                return (ModelFault){};
        return (ModelFault){ .outcome = t->outcome };
}

/*
 * PCRs 0 to 7
 */

typedef enum Log {
        LOG_NONE,
        LOG_OTHERS, /* events, but none of PCRs 0 to 7 */
        LOG_FULL,
        _LOG_N,
} Log;

static void arrange_measured(Model *m, Log log, uint32_t set) {
        setup(m, true);
        if (log != LOG_NONE)
                model_measure(m, 14, 2);
        if (log == LOG_FULL)
                for (uint32_t pcr = 0; pcr < 8; ++pcr)
                        model_measure(m, pcr, 1 + pcr);
        for (uint32_t pcr = 0; pcr < 8; ++pcr)
                memset(&m->pcr[pcr], 0, sizeof(m->pcr[pcr]));
        if (set < 8) /* in one bank is enough */
                m->pcr[set].of[set % 2 ? DIGEST_SHA1 : DIGEST_SHA256].data[set] = 1;
}

static void look_at_measured(PlanMeasuredBoot want, Log log, uint32_t set, bool has_anchor,
                             bool accepts_reset) {
        bool looks = !has_anchor && !accepts_reset &&
                     (want == PLAN_MEASURED_YES || (want == PLAN_MEASURED_AUTO && log == LOG_FULL));
        PlanOptions o = { .measured_boot = want };
        Model m;
        Instance i;

        arrange_measured(&m, log, set);
        if (has_anchor) {
                o.has_anchor = true;
                o.anchor = (Anchor){ .pcr = 10, .banks = TWO_BANKS, .reset_count = m.reset_count };
        }
        o.accepts_reset = accepts_reset;
        instance_start_with(&i, &m, &o);
        if (looks && set >= 8) {
                assert_ends(&i, &m, PLAN_TPM_RESET, PLAN_REASON_FIRMWARE_PCRS_ZERO);
                assert_int_equal(m.n_extends, 0);
                assert_int_equal(plan_verdict(&i.plan), PLAN_VERDICT_FAILED);
        } else {
                assert_finished(&i, &m);
        }
        model_deinit(&m);
}

static void test_measured_boot(void **state) {
        (void)state;
        for (PlanMeasuredBoot want = 0; want < _PLAN_MEASURED_N; ++want)
                for (Log log = 0; log < _LOG_N; ++log)
                        for (uint32_t set = 0; set <= 8; ++set)
                                for (int how = 0; how < 3; ++how)
                                        look_at_measured(want, log, set, how == 1, how == 2);
}

/* PCR 8 is the boot loader's: what is in it proves nothing of 0 to 7. */
static void test_pcr_8_is_not_of_the_firmware(void **state) {
        Model m;
        Instance i;

        (void)state;
        arrange_measured(&m, LOG_FULL, 8);
        m.pcr[8].of[DIGEST_SHA256].data[0] = 1;
        instance_start(&i, &m);
        assert_ends(&i, &m, PLAN_TPM_RESET, PLAN_REASON_FIRMWARE_PCRS_ZERO);
        assert_int_equal(m.n_extends, 0);
        model_deinit(&m);
}

/* Where no bank has these PCRs there is nothing to look at. */
static void test_measured_boot_without_banks(void **state) {
        Model m;
        Instance i;

        (void)state;
        for (uint32_t from = 0; from <= 8; ++from) {
                arrange_measured(&m, LOG_FULL, 7);
                for (uint32_t pcr = 0; pcr < from; ++pcr)
                        m.banks.of[pcr] = 0;
                instance_start(&i, &m);
                assert_finished(&i, &m);
                model_deinit(&m);
        }
}

/* A fault at each step, PCRs 0 to 7 zero or only the last not: the same end as without one. */
static void test_measured_boot_with_faults(void **state) {
        (void)state;
        for (TpmOutcome outcome = TPM_ABSENT; outcome < _TPM_OUTCOME_N; ++outcome)
                for (uint64_t at = 1; at < 90; ++at)
                        for (uint32_t set = 7; set <= 8; ++set) {
                                Trouble t = { .at = at, .outcome = outcome };
                                Model m;
                                Instance i;

                                arrange_measured(&m, LOG_FULL, set);
                                m.hook = one_fault_hook;
                                m.userdata = &t;
                                instance_start(&i, &m);
                                if (set < 8) {
                                        assert_finished(&i, &m);
                                } else {
                                        assert_ends(&i, &m, PLAN_TPM_RESET,
                                                    PLAN_REASON_FIRMWARE_PCRS_ZERO);
                                        assert_int_equal(m.n_extends, 0);
                                }
                                model_deinit(&m);
                        }
}

/* They come late: a first look at zeros ends nothing. */
static ModelFault late_value_hook(Model *m, Instance *i, bool is_after, void *userdata) {
        (void)userdata;
        if (is_after && i->step.kind == PLAN_STEP_READ_PCR && i->step.pcr == 7)
                m->pcr[3].of[DIGEST_SHA256].data[0] = 1;
        return (ModelFault){};
}

static void test_measured_boot_seen_at_the_second_look(void **state) {
        Model m;
        Instance i;

        (void)state;
        arrange_measured(&m, LOG_FULL, 8);
        m.hook = late_value_hook;
        instance_start(&i, &m);
        assert_finished(&i, &m);
        model_deinit(&m);
}

static void test_measured_boot_that_cannot_be_read(void **state) {
        Model m;
        Instance i;

        (void)state;
        arrange_measured(&m, LOG_FULL, 7);
        m.is_closed[3] = true;
        instance_start(&i, &m);
        while ((m.now_usec < 300 * PLAN_SEC || i.plan.state != PLAN_TPM_FAILED) &&
               m.now_usec < 3600 * PLAN_SEC)
                assert_true(instance_step(&i, &m));
        assert_state(&i, &m, PLAN_TPM_FAILED, PLAN_REASON_TPM_REFUSED);
        assert_int_equal(m.n_extends, 0);
        m.is_closed[3] = false;
        (void)instance_run(&i, &m, 100 * PLAN_SEC, STEPS_MAX);
        assert_finished(&i, &m);
        model_deinit(&m);
}

/*
 * What the firmware has extended into the PCR of the list
 */

static void arrange_based(Model *m, Shape shape) {
        setup_shape(m, shape, 0, 3);
        model_measure(m, 10, 3);
        model_measure(m, 11, 1);
        while (m->n_list < 9)
                append_shaped(m, shape);
}

static void test_firmware_has_extended_the_pcr(void **state) {
        (void)state;
        for (Shape shape = 0; shape < _SHAPE_N; ++shape)
                for (TpmOutcome outcome = TPM_DONE; outcome < _TPM_OUTCOME_N; ++outcome)
                        for (uint64_t at = 1; at < 90; ++at) {
                                Trouble t = { .at = at, .outcome = outcome };
                                PlanOptions o;
                                Model m;
                                Instance i;

                                if (outcome == TPM_REFUSED)
                                        continue; /* has tests of its own */
                                arrange_based(&m, shape);
                                if (at % 2)
                                        model_pre_extend(&m, 10, 2);
                                m.pcr[0].of[DIGEST_SHA1].data[0] = 1;
                                m.hook = one_fault_hook;
                                m.userdata = &t;
                                instance_start(&i, &m);
                                assert_finished(&i, &m);
                                o = model_options(&m);
                                instance_start_with(&i, &m, &o);
                                append_shaped(&m, shape);
                                assert_finished(&i, &m);
                                model_deinit(&m);
                        }
}

static void test_firmware_log_that_nobody_can_read(void **state) {
        Model m;
        Instance i;

        (void)state;
        arrange_based(&m, SHAPE_ONE);
        m.has_firmware = false;
        instance_start(&i, &m);
        assert_ends(&i, &m, PLAN_DIVERGED, PLAN_REASON_FOREIGN_EXTEND);
        assert_int_equal(m.n_extends, 0);
        model_deinit(&m);
}

/* After a reset the firmware's events are gone, too: nothing fits. */
static void test_reset_where_firmware_had_extended(void **state) {
        Model m;
        Instance i;

        (void)state;
        arrange_based(&m, SHAPE_ONE);
        model_reset(&m);
        instance_start(&i, &m);
        assert_ends(&i, &m, PLAN_DIVERGED, PLAN_REASON_FOREIGN_EXTEND);
        assert_int_equal(m.n_extends, 0);
        model_deinit(&m);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_measured_boot),
                cmocka_unit_test(test_pcr_8_is_not_of_the_firmware),
                cmocka_unit_test(test_measured_boot_without_banks),
                cmocka_unit_test(test_measured_boot_with_faults),
                cmocka_unit_test(test_measured_boot_seen_at_the_second_look),
                cmocka_unit_test(test_measured_boot_that_cannot_be_read),
                cmocka_unit_test(test_firmware_has_extended_the_pcr),
                cmocka_unit_test(test_firmware_log_that_nobody_can_read),
                cmocka_unit_test(test_reset_where_firmware_had_extended),
        };

        return cmocka_run_group_tests(tests, world_open, world_close);
}
