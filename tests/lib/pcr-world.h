/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pcr-world.h -- worlds on which the tests of the plan agree, and how they must end.
 *
 * Include after cmocka-all.h.
 */
#pragma once

#include "lib/pcr-instance.h"

#define TWO_BANKS (BANK(DIGEST_SHA1) | BANK(DIGEST_SHA256))
#define STEPS_MAX 20000U

extern Hashers hashers;

typedef enum Shape {
        SHAPE_ONE,   /* PCR 10 alone */
        SHAPE_TWO,   /* 10 and 11 */
        SHAPE_MIXED, /* 12 is somebody else's, 17 refuses, 40 does not exist, 13 has no bank */
        _SHAPE_N,
} Shape;

void setup(Model *m, bool has_side);
void setup_shape(Model *m, Shape shape, size_t n, uint64_t seed);
void append_shaped(Model *m, Shape shape);
void start_following(Instance *i, Model *m, bool has_side);
void assert_state(const Instance *i, const Model *m, PlanState state, PlanReason reason);
void assert_ends(Instance *i, Model *m, PlanState state, PlanReason reason);
void assert_finished(Instance *i, Model *m);
uint64_t world_scale(void);
int world_open(void **state);
int world_close(void **state);
