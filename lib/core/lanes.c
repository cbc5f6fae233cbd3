/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/lanes.h"

#include <assert.h>

#include "base/error.h"
#include "core/template.h"

/**
 * replay_lanes_init() - begin with an empty chain
 * @l:       the lanes
 * @form:    of the list
 * @banks:   of the PCR
 * @padded:  of them: known to be padded
 * @base:    the PCR's value before record 0
 * @target:  its value now
 * @hashers: open for the banks and for sha1, borrowed
 */
void replay_lanes_init(ReplayLanes *l, const MlistForm *form, BankMask banks, BankMask padded,
                       const DigestSet *base, const DigestSet *target, const Hashers *hashers) {
        *l = (ReplayLanes){ .form = *form, .banks = banks, .padded = padded, .hashers = hashers };
        for (ReplayLane lane = 0; lane < _REPLAY_LANE_N; ++lane) {
                l->value[lane] = *base;
                search_init(&l->search[lane], replay_lane_banks(l, lane), target);
        }
        (void)search_look(&l->search[REPLAY_LANE_PLAIN], &(Chain){ .value = *base });
}

/**
 * replay_converted_digest() - the digest of a record as a machine of the other byte order made it
 * @form:       of the list
 * @record:     the record
 * @h:          hasher of the algorithm wanted
 * @ret_digest: the digest, set on success only
 *
 * The lengths of the fields are part of what is hashed (kernel ima_crypto.c,
 * ima_calc_field_array_hash_tfm()). Data that is not made of fields is taken as it is, and so is
 * template 'ima', which hashes no length.
 *
 * Return: 0, or -EIO when OpenSSL fails.
 */
int replay_converted_digest(const MlistForm *form, const MlistRecord *record, Hasher *h,
                            Digest *ret_digest) {
        ByteOrder other = form->order == ORDER_LITTLE ? ORDER_BIG : ORDER_LITTLE;
        uint8_t raw[TEMPLATE_FIELD_MAX][4];
        Bytes parts[2 * TEMPLATE_FIELD_MAX], in = record->data;
        size_t n = 0;

        while (!record->is_ima && in.n > 0 && n < TEMPLATE_FIELD_MAX) {
                Builder b = builder_on(raw[n], sizeof(raw[n]));
                uint32_t size;

                if (!bytes_take_u32(&in, form->order, &size) ||
                    !bytes_take(&in, size, &parts[2 * n + 1]))
                        break;
                builder_put_u32(&b, other, size);
                parts[2 * n] = builder_bytes(&b);
                ++n;
        }
        if (record->is_ima || in.n > 0)
                return error_trace(mlist_digest(record, h, ret_digest));
        return error_trace(hasher_run(h, parts, 2 * n, ret_digest));
}

/**
 * replay_lane_banks() - which banks a lane can speak of
 * @l:    the lanes
 * @lane: one of them
 *
 * Return: the banks.
 */
BankMask replay_lane_banks(const ReplayLanes *l, ReplayLane lane) {
        switch (lane) {
        case REPLAY_LANE_PLAIN:
        case REPLAY_LANE_VIOLATIONS:
                return l->banks;
        case REPLAY_LANE_PADDED:
        case REPLAY_LANE_CONVERTED:
                return l->banks & ~l->padded;
        case REPLAY_LANE_CLAIMED:
                return l->banks & ~l->padded & BANK(l->form.alg);
        case _REPLAY_LANE_N:
                break;
        }
        assert(false);
        return 0;
}

static int lane_digest(const ReplayLanes *l, ReplayLane lane, const MlistRecord *record,
                       DigestAlg alg, const DigestSet *plain, Digest *ret_digest) {
        *ret_digest = plain->of[alg];
        if (record->is_violation) {
                if (lane == REPLAY_LANE_VIOLATIONS)
                        digest_fill(alg, 0, ret_digest);
                return 0;
        }
        switch (lane) {
        case REPLAY_LANE_PLAIN:
        case REPLAY_LANE_VIOLATIONS:
                return 0;
        case REPLAY_LANE_PADDED:
                digest_fill(alg, 0, ret_digest);
                return error_trace(mlist_digest(record, l->hashers->of[DIGEST_SHA1], ret_digest));
        case REPLAY_LANE_CLAIMED:
                bytes_copy(record->digest, ret_digest->data, DIGEST_SIZE_MAX);
                return 0;
        case REPLAY_LANE_CONVERTED:
                return error_trace(
                        replay_converted_digest(&l->form, record, l->hashers->of[alg], ret_digest));
        case _REPLAY_LANE_N:
                break;
        }
        assert(false);
        return 0;
}

static int lane_extend(ReplayLanes *l, ReplayLane lane, const MlistRecord *record, DigestAlg alg,
                       const DigestSet *plain) {
        Digest *value = &l->value[lane].of[alg], d;
        Bytes parts[2];
        int r;

        r = lane_digest(l, lane, record, alg, plain, &d);
        if (r < 0)
                return error_trace(r);
        parts[0] = digest_bytes(alg, value);
        parts[1] = digest_bytes(alg, &d);
        return error_trace(hasher_run(l->hashers->of[alg], parts, ELEMENTSOF(parts), value));
}

/**
 * replay_lanes_record() - take the next record of the chain
 * @l:        the lanes
 * @record:   the record
 * @position: its number in the list
 * @plain:    what each bank is extended with for it, see replay_digests()
 *
 * Return: 0, or -EIO when OpenSSL fails.
 */
int replay_lanes_record(ReplayLanes *l, const MlistRecord *record, uint64_t position,
                        const DigestSet *plain) {
        ++l->n;
        for (ReplayLane lane = 0; lane < _REPLAY_LANE_N; ++lane) {
                BankMask banks = replay_lane_banks(l, lane), open = 0;
                Search *s = &l->search[lane];
                Chain chain;

                FOREACH_BANK(alg, banks) {
                        int r = lane_extend(l, lane, record, alg, plain);

                        if (r < 0)
                                return error_trace(r);
                        open |= s->k_bank[alg] == SEARCH_NONE ? BANK(alg) : 0;
                }
                chain = (Chain){ .n = l->n, .value = l->value[lane] };
                (void)search_look(s, &chain);
                FOREACH_BANK(alg, open)
                        if (s->k_bank[alg] != SEARCH_NONE)
                                l->end[lane][alg] = position + 1;
        }
        return 0;
}
