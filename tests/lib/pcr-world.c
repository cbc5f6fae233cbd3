/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/cmocka-all.h"
#include "lib/pcr-world.h"
#include "lib/scale.h"

#include <openssl/evp.h>
#include <string.h>

Hashers hashers;

int world_open(void **state) {
        DigestAlg unsupported;

        (void)state;
        return hashers_open(&hashers, TWO_BANKS, &unsupported);
}

int world_close(void **state) {
        (void)state;
        hashers_close(&hashers);
        return 0;
}

/* A whole number of times as much chance. */
uint64_t world_scale(void) {
        double scale = scale_of(1);

        return scale > 1 ? (uint64_t)scale : 1;
}

/* Ten records, PCR 10 and sometimes 11, nothing extended. */
void setup(Model *m, bool has_side) {
        model_init(m, &hashers, TWO_BANKS, 1);
        for (uint32_t n = 0; n < 10; ++n)
                model_append(m, has_side && n % 3 == 1 ? 11 : 10);
}

void append_shaped(Model *m, Shape shape) {
        static const uint32_t mixed[] = { 10, 11, 12, 10, 17, 40, 13, 11, 10 };

        if (shape == SHAPE_ONE || m->n_list == 0)
                model_append(m, 10);
        else if (shape == SHAPE_TWO)
                model_append(m, model_random(m) % 2 ? 10 : 11);
        else
                model_append(m, mixed[model_random(m) % ELEMENTSOF(mixed)]);
}

void setup_shape(Model *m, Shape shape, size_t n, uint64_t seed) {
        model_init(m, &hashers, TWO_BANKS, seed);
        if (shape == SHAPE_MIXED) {
                model_foreign_extend(m, 12, TWO_BANKS);
                m->refuses[17] = true;
                m->banks.of[13] = 0;
        }
        while (m->n_list < n)
                append_shaped(m, shape);
}

void assert_state(const Instance *i, const Model *m, PlanState state, PlanReason reason) {
        if (m->violation)
                fail_msg("%s", m->violation);
        assert_string_equal(plan_state_name(i->plan.state), plan_state_name(state));
        if (i->plan.reason != reason)
                fail_msg("%s: %s", plan_state_name(state), plan_reason_text(&i->plan));
}

/* Runs until it waits for what may come, however it came there. */
void assert_ends(Instance *i, Model *m, PlanState state, PlanReason reason) {
        (void)instance_settle(i, m, STEPS_MAX);
        assert_state(i, m, state, reason);
}

void start_following(Instance *i, Model *m, bool has_side) {
        setup(m, has_side);
        instance_start(i, m);
        assert_true(instance_settle(i, m, STEPS_MAX));
        assert_state(i, m, PLAN_FOLLOW, PLAN_REASON_NONE);
        assert_int_equal(plan_verdict(&i->plan), PLAN_VERDICT_EXTENDED);
}

/* What the PCR must be, by OpenSSL alone. */
static void independent(const Model *m, uint32_t pcr, const char *name, DigestAlg alg,
                        uint8_t *value) {
        const EVP_MD *md = EVP_get_digestbyname(name);
        uint8_t both[2 * DIGEST_SIZE_MAX];
        size_t n = (size_t)EVP_MD_get_size(md);

        memcpy(value, m->base[pcr].of[alg].data, n);
        for (size_t i = 0; i < m->n_list; ++i) {
                const PlanRecord *r = &m->list[i].record;

                if (r->pcr != pcr)
                        continue;
                memcpy(both, value, n);
                memcpy(both + n, r->digests.of[alg].data, n);
                assert_int_equal(EVP_Digest(both, 2 * n, value, NULL, md, NULL), 1);
        }
}

static void assert_pcr(const Model *m, uint32_t pcr) {
        uint8_t value[DIGEST_SIZE_MAX];

        independent(m, pcr, "SHA1", DIGEST_SHA1, value);
        assert_memory_equal(value, m->pcr[pcr].of[DIGEST_SHA1].data, 20);
        independent(m, pcr, "SHA256", DIGEST_SHA256, value);
        assert_memory_equal(value, m->pcr[pcr].of[DIGEST_SHA256].data, 32);
}

void assert_finished(Instance *i, Model *m) {
        if (!instance_settle(i, m, STEPS_MAX) || m->violation)
                fail_msg("%s, state %s", m->violation ? m->violation : "does not settle",
                         plan_state_name(i->plan.state));
        if (m->n_list == 0)
                return;
        assert_string_equal(plan_state_name(i->plan.state), "follow");
        assert_int_equal(plan_verdict(&i->plan), PLAN_VERDICT_EXTENDED);
        assert_true(model_is_extended(m));
        assert_pcr(m, 10);
        if (!m->is_foreign[11])
                assert_pcr(m, 11);
}
