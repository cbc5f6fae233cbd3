/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ima-replayctl replay: the values that PCRs have after a list.
 */
#include <inttypes.h>

#include "base/error.h"
#include "base/exit.h"
#include "client/input.h"
#include "client/output.h"
#include "client/remote-list.h"
#include "os/message.h"

#define REPLAY_BANKS                                                                               \
        (BANK(DIGEST_SHA1) | BANK(DIGEST_SHA256) | BANK(DIGEST_SHA384) | BANK(DIGEST_SHA512))

static int replay_print_json(const CtlOptions *o, const Replay *r, bool is_complete) {
        _cleanup_(json_dropp) Json *map = NULL, *pcrs = NULL;
        const DigestSet *values[MLIST_PCR_N];
        BankMask of[MLIST_PCR_N];
        int k;

        for (uint32_t pcr = 0; pcr < MLIST_PCR_N; ++pcr) {
                values[pcr] = &r->chain[pcr].value;
                of[pcr] = r->chain[pcr].n > 0 ? r->banks : 0;
        }
        k = json_map(&map);
        if (k == 0)
                k = output_json_pcrs(r->banks, MLIST_PCR_N, of, values, &pcrs);
        if (k == 0)
                k = json_put_u64(map, "records", r->n_records);
        if (k == 0)
                k = json_put_u64(map, "violations", r->n_violations);
        if (k == 0)
                k = json_put_bool(map, "complete", is_complete);
        if (k == 0)
                k = json_put(map, "pcrs", &pcrs);
        if (k == 0)
                k = json_print(stdout, map, o->json);
        return error_trace(k);
}

static void replay_print_table(const CtlOptions *o, const Replay *r) {
        char text[OUTPUT_DIGEST_MAX];

        if (!o->no_legend)
                (void)printf("PCR  RECORDS  BANK      VALUE\n");
        for (uint32_t pcr = 0; pcr < MLIST_PCR_N; ++pcr) {
                const Chain *c = &r->chain[pcr];

                if (c->n == 0)
                        continue;
                FOREACH_BANK(alg, r->banks)
                        (void)printf("%3" PRIu32 "  %7" PRIu64 "  %-8s  %s%s\n", pcr, c->n,
                                     digest_name(alg),
                                     output_digest(o, alg, &c->value.of[alg], text),
                                     r->padded & BANK(alg) ? "  (padded SHA-1)" : "");
        }
        if (!o->no_legend)
                (void)printf("\n%" PRIu64 " records, %" PRIu64 " violations%s\n", r->n_records,
                             r->n_violations,
                             o->full ? "" : "; digests cut, --full shows them whole");
}

/* Return: an exit status after messages; *ret_complete also when records are wrong. */
static int replay_list(ListInput *input, Replay *r, bool *ret_complete) {
        DigestAlg alg = listfile_form(input->list)->alg;
        MlistRecord record;
        uint64_t n_bad = 0;
        int k;

        *ret_complete = false;
        while ((k = input_next(input, &record)) == 0) {
                bool fits = true;

                k = mlist_digest_fits(&record, alg, listfile_hasher(input->list), &fits);
                if (k == 0)
                        k = replay_record(r, &record);
                if (k < 0)
                        return error_trace(k);
                if (!fits && n_bad++ == 0)
                        message_error("%s: record %" PRIu64
                                      " does not have the digest that it claims",
                                      input->path, r->n_records - 1);
        }
        if (k != LISTFILE_E_END)
                return EXIT_ERROR;
        if (r->n_records == 0) {
                message_error("%s: empty: no record to replay", input->path);
                return EXIT_ERROR;
        }
        *ret_complete = true;
        return n_bad > 0 ? EXIT_MISMATCH : EXIT_GOOD;
}

/**
 * verb_replay() - ima-replayctl replay
 * @o: the options
 *
 * Return: EXIT_GOOD; EXIT_ERROR for a list that is empty, cut or malformed; EXIT_MISMATCH when a
 *         record does not have the digest that it claims; EXIT_USAGE; a negative errno.
 */
int verb_replay(const CtlOptions *o) {
        BankMask banks = o->banks ? o->banks : REPLAY_BANKS;
        _cleanup_(input_close_list) ListInput input = {};
        _cleanup_(hashers_close) Hashers hashers = {};
        _cleanup_free_ Replay *r = malloc(sizeof(*r));
        bool is_complete;
        int status, k = 0;

        if (!r)
                return error_origin(-ENOMEM);
        status = remote_open_list(o, &input);
        if (status != EXIT_GOOD)
                return status;
        status = input_open_hashers(banks | (o->padded ? BANK(DIGEST_SHA1) : 0), &hashers);
        if (status != EXIT_GOOD)
                return status;
        replay_init(r, banks, &hashers);
        r->padded = o->padded;
        status = replay_list(&input, r, &is_complete);
        if (status < 0)
                return error_trace(status);
        if (o->json != JSON_OFF)
                k = replay_print_json(o, r, is_complete);
        else if (is_complete)
                replay_print_table(o, r);
        return k < 0 ? error_trace(k) : status;
}
