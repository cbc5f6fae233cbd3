/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lanes.h -- one chain, taken in each of the ways in which a whole list can be misread or have been
 * extended. Pure.
 */
#pragma once

#include "core/replay.h"

/* Ways to take the whole list; each has a running value in every bank. */
typedef enum ReplayLane {
        REPLAY_LANE_PLAIN,
        REPLAY_LANE_PADDED,
        REPLAY_LANE_CLAIMED,    /* digests as the list claims them: only in the list's own bank */
        REPLAY_LANE_VIOLATIONS, /* violations as zeros */
        REPLAY_LANE_CONVERTED,
        _REPLAY_LANE_N,
} ReplayLane;

/* Hashers are borrowed. */
typedef struct ReplayLanes {
        MlistForm form;
        BankMask banks;
        BankMask padded; /* of them: known to be padded */
        const Hashers *hashers;
        uint64_t n; /* records so far */
        DigestSet value[_REPLAY_LANE_N];
        Search search[_REPLAY_LANE_N];
        uint64_t end[_REPLAY_LANE_N][_DIGEST_ALG_N]; /* behind the record that made it fit */
} ReplayLanes;

void replay_lanes_init(ReplayLanes *l, const MlistForm *form, BankMask banks, BankMask padded,
                       const DigestSet *base, const DigestSet *target, const Hashers *hashers);
BankMask replay_lane_banks(const ReplayLanes *l, ReplayLane lane);
int replay_lanes_record(ReplayLanes *l, const MlistRecord *record, uint64_t position,
                        const DigestSet *plain);
int replay_converted_digest(const MlistForm *form, const MlistRecord *record, Hasher *h,
                            Digest *ret_digest);
