/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ima-replayctl verify: does a list explain the PCRs?
 */
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/exit.h"
#include "client/input.h"
#include "client/output.h"
#include "os/message.h"

typedef struct VerifyRun {
        const CtlOptions *o;
        ListInput input;
        Hashers hashers;
        PcrValues target;
        Verify verify;
        BankMask padding; /* banks that are wrong, but right when taken as padded */
} VerifyRun;

static VerifyRun *verify_run_free(VerifyRun *run) {
        if (!run)
                return NULL;
        input_close_list(&run->input);
        hashers_close(&run->hashers);
        free(run);
        return NULL;
}
DEFINE_CLEANUP(VerifyRun, verify_run_free);

/* One pass over the list. Return: an exit status after messages, or a negative errno. */
static int verify_pass(VerifyRun *run, const PcrValues *target, BankMask padded,
                       bool checks_records, Verify *v) {
        MlistRecord record;
        int r;

        input_close_list(&run->input);
        r = input_open_list(run->o, &run->input);
        if (r != EXIT_GOOD)
                return r;
        verify_init(v, target, padded, listfile_form(run->input.list)->alg, &run->hashers);
        v->checks_records |= checks_records;
        while ((r = input_next(&run->input, &record)) == 0) {
                r = verify_record(v, &record);
                if (r < 0)
                        return error_trace(r);
        }
        if (r != LISTFILE_E_END)
                return EXIT_ERROR;
        if (v->replay.n_records == 0) {
                message_error("%s: empty: nothing to compare", run->input.path);
                return EXIT_ERROR;
        }
        return EXIT_GOOD;
}

/*
 * Would padding explain the banks that fit nowhere? A guess that is named, never a verdict: a list
 * whose bank somebody else extended must not pass because of it.
 */
static int verify_try_padding(VerifyRun *run) {
        const Search *s = &run->verify.search[run->verify.main_pcr];
        _cleanup_free_ Verify *v = NULL;
        PcrValues target = {};
        BankMask wrong = 0;
        int r;

        FOREACH_BANK(alg, s->banks & ~run->o->padded)
                if (alg != DIGEST_SHA1 && s->k_bank[alg] == SEARCH_NONE)
                        wrong |= BANK(alg);
        if (!wrong)
                return EXIT_GOOD;
        v = malloc(sizeof(*v));
        if (!v)
                return error_origin(-ENOMEM);
        target.of[run->verify.main_pcr] = wrong;
        target.value[run->verify.main_pcr] = s->target;
        r = verify_pass(run, &target, wrong, false, v);
        if (r != EXIT_GOOD)
                return r;
        FOREACH_BANK(alg, wrong)
                if (v->search[v->main_pcr].k_bank[alg] != SEARCH_NONE &&
                    v->search[v->main_pcr].k_bank[alg] > 0)
                        run->padding |= BANK(alg);
        return EXIT_GOOD;
}

/* Something is wrong: is it a record? */
static int verify_try_records(VerifyRun *run) {
        _cleanup_free_ Verify *v = NULL;
        int r;

        if (run->verify.checks_records)
                return EXIT_GOOD;
        v = malloc(sizeof(*v));
        if (!v)
                return error_origin(-ENOMEM);
        r = verify_pass(run, &run->target, run->o->padded, true, v);
        if (r != EXIT_GOOD)
                return r;
        run->verify.n_bad = v->n_bad;
        run->verify.first_bad = v->first_bad;
        return EXIT_GOOD;
}

static const char *verdict_name(VerifyVerdict verdict) {
        static const char *const names[_VERIFY_VERDICT_N] = {
                [VERIFY_NOTHING] = "nothing", [VERIFY_WHOLE] = "whole",
                [VERIFY_PREFIX] = "prefix",   [VERIFY_EMPTY] = "empty",
                [VERIFY_MISFIT] = "misfit",
        };

        return names[verdict];
}

/* What one bank of a PCR says. */
static void describe_bank(const VerifyRun *run, uint32_t pcr, DigestAlg alg, char *ret_text,
                          size_t max) {
        const Search *s = &run->verify.search[pcr];
        uint64_t n = run->verify.replay.chain[pcr].n, k = s->k_bank[alg];
        const char *form = run->o->padded & BANK(alg) ? ", as padded SHA-1" : "";

        if (k == n && n > 0)
                (void)snprintf(ret_text, max, "the whole list%s", form);
        else if (k == 0)
                (void)snprintf(ret_text, max, "none of this list: the PCR is zero");
        else if (k != SEARCH_NONE)
                (void)snprintf(ret_text, max,
                               "the first %" PRIu64 " records; %" PRIu64 " are not in it%s", k,
                               n - k, form);
        else if (pcr == run->verify.main_pcr && (run->padding & BANK(alg)))
                (void)snprintf(ret_text, max,
                               "no prefix of this list; padded SHA-1 digests would explain it");
        else
                (void)snprintf(ret_text, max, "no prefix of this list gives this value");
}

static void print_pcr(const VerifyRun *run, uint32_t pcr) {
        const Verify *v = &run->verify;
        char value[OUTPUT_DIGEST_MAX], result[128];

        FOREACH_BANK(alg, v->search[pcr].banks) {
                bool fits = v->search[pcr].k_bank[alg] == v->replay.chain[pcr].n;

                describe_bank(run, pcr, alg, result, sizeof(result));
                (void)printf("%3" PRIu32 "  %-8s  %s  %s %s\n", pcr, digest_name(alg),
                             output_digest(run->o, alg, &v->target.value[pcr].of[alg], value),
                             output_mark(fits ? MARK_GOOD : MARK_BAD), result);
        }
}

static void print_conclusion(const VerifyRun *run, VerifyVerdict verdict) {
        const Verify *v = &run->verify;
        uint64_t n = v->replay.chain[v->main_pcr].n, k = v->search[v->main_pcr].k;

        switch (verdict) {
        case VERIFY_WHOLE:
                (void)printf("%s PCR %" PRIu32 " holds all %" PRIu64 " records\n",
                             output_mark(MARK_GOOD), v->main_pcr, n);
                break;
        case VERIFY_PREFIX:
                (void)printf("%s PCR %" PRIu32 " holds records 0 to %" PRIu64 "; %" PRIu64
                             " are not in it yet\n",
                             output_mark(MARK_NOTE), v->main_pcr, k - 1, n - k);
                break;
        case VERIFY_EMPTY:
                (void)printf("%s PCR %" PRIu32 " holds none of the %" PRIu64 " records\n",
                             output_mark(MARK_BAD), v->main_pcr, n);
                break;
        case VERIFY_MISFIT:
                (void)printf("%s PCR %" PRIu32 " does not follow from the list\n",
                             output_mark(MARK_BAD), v->main_pcr);
                if (v->n_bad > 0)
                        (void)printf("  → record %" PRIu64 " does not have the digest that it "
                                     "claims: the list was altered or damaged there\n",
                                     v->first_bad);
                if (run->padding)
                        (void)printf(
                                "  → a kernel that cannot hash a bank pads SHA-1 digests with "
                                "zeros; if yours does, name the padded banks with --padded=\n");
                break;
        case VERIFY_NOTHING:
        case _VERIFY_VERDICT_N:
                break;
        }
}

static void verify_print_table(const VerifyRun *run, VerifyVerdict verdict) {
        const Verify *v = &run->verify;

        if (!run->o->no_legend)
                (void)printf("PCR  BANK      VALUE%s  RESULT\n",
                             run->o->full ? "" : "            ");
        print_pcr(run, v->main_pcr);
        for (uint32_t pcr = 0; pcr < TPM_PCR_N; ++pcr)
                if (pcr != v->main_pcr && v->replay.chain[pcr].n > 0)
                        print_pcr(run, pcr);
        if (!run->o->no_legend)
                (void)printf("\n");
        print_conclusion(run, verdict);
}

static int json_of_pcr(const VerifyRun *run, uint32_t pcr, Json **ret_map) {
        const Verify *v = &run->verify;
        _cleanup_(json_dropp) Json *map = NULL, *banks = NULL;
        int r;

        r = json_map(&map);
        if (r == 0)
                r = json_map(&banks);
        FOREACH_BANK(alg, v->search[pcr].banks) {
                _cleanup_(json_dropp) Json *bank = NULL;
                char text[128];

                describe_bank(run, pcr, alg, text, sizeof(text));
                if (r == 0)
                        r = json_map(&bank);
                if (r == 0)
                        r = json_put_hex(bank, "value",
                                         digest_bytes(alg, &v->target.value[pcr].of[alg]));
                if (r == 0 && v->search[pcr].k_bank[alg] != SEARCH_NONE)
                        r = json_put_u64(bank, "holds", v->search[pcr].k_bank[alg]);
                if (r == 0)
                        r = json_put_bool(bank, "padded", (run->o->padded & BANK(alg)) != 0);
                if (r == 0)
                        r = json_put_text(bank, "result", bytes_of_text(text));
                if (r == 0)
                        r = json_put(banks, digest_name(alg), &bank);
        }
        if (r == 0)
                r = json_put_u64(map, "records", v->replay.chain[pcr].n);
        if (r == 0)
                r = json_put_text(map, "verdict",
                                  bytes_of_text(verdict_name(verify_verdict(v, pcr))));
        if (r == 0)
                r = json_put(map, "banks", &banks);
        if (r == 0)
                *ret_map = TAKE(map);
        return error_trace(r);
}

static int verify_print_json(const VerifyRun *run, VerifyVerdict verdict) {
        const Verify *v = &run->verify;
        _cleanup_(json_dropp) Json *map = NULL, *pcrs = NULL;
        int r;

        r = json_map(&map);
        if (r == 0)
                r = json_map(&pcrs);
        for (uint32_t pcr = 0; r == 0 && pcr < TPM_PCR_N; ++pcr) {
                _cleanup_(json_dropp) Json *one = NULL;
                char number[16];

                if (v->replay.chain[pcr].n == 0 || !v->search[pcr].banks)
                        continue;
                (void)snprintf(number, sizeof(number), "%" PRIu32, pcr);
                r = json_of_pcr(run, pcr, &one);
                if (r == 0)
                        r = json_put(pcrs, number, &one);
        }
        if (r == 0)
                r = json_put_text(map, "verdict", bytes_of_text(verdict_name(verdict)));
        if (r == 0)
                r = json_put_u64(map, "pcr", v->main_pcr);
        if (r == 0)
                r = json_put_u64(map, "records", v->replay.n_records);
        if (r == 0)
                r = json_put_u64(map, "violations", v->replay.n_violations);
        if (r == 0 && v->n_bad > 0)
                r = json_put_u64(map, "firstBadRecord", v->first_bad);
        if (r == 0)
                r = json_put(map, "pcrs", &pcrs);
        if (r == 0)
                r = json_print(stdout, map, run->o->json);
        return error_trace(r);
}

static int verify_status(const VerifyRun *run, VerifyVerdict verdict) {
        switch (verdict) {
        case VERIFY_WHOLE:
                return EXIT_GOOD;
        case VERIFY_PREFIX:
                return run->o->prefix ? EXIT_GOOD : EXIT_NOT_YET;
        case VERIFY_EMPTY:
        case VERIFY_MISFIT:
                return EXIT_MISMATCH;
        case VERIFY_NOTHING:
        case _VERIFY_VERDICT_N:
                break;
        }
        return EXIT_ERROR;
}

static int verify_open(VerifyRun *run) {
        BankMask banks;
        int r;

        r = input_read_pcrs(run->o, &run->target);
        if (r != EXIT_GOOD)
                return r;
        banks = verify_banks(&run->target);
        if (!banks) {
                message_error("the PCR files hold no value%s: nothing to compare",
                              run->o->banks ? " of these banks" : "");
                return EXIT_ERROR;
        }
        return input_open_hashers(banks | BANK(DIGEST_SHA1), &run->hashers);
}

/**
 * verb_verify() - ima-replayctl verify
 * @o: the options
 *
 * Return: EXIT_GOOD when the whole list is in every bank (with --prefix: a part of it);
 *         EXIT_NOT_YET when every bank holds the same part of it; EXIT_MISMATCH for anything else
 *         that was compared; EXIT_ERROR when nothing could be compared; EXIT_USAGE; a negative
 *         errno.
 */
int verb_verify(const CtlOptions *o) {
        _cleanup_(verify_run_freep) VerifyRun *run = calloc(1, sizeof(*run));
        VerifyVerdict verdict;
        int r;

        if (!run)
                return error_origin(-ENOMEM);
        run->o = o;
        r = verify_open(run);
        if (r == EXIT_GOOD)
                r = verify_pass(run, &run->target, o->padded, o->check_records, &run->verify);
        if (r != EXIT_GOOD)
                return r;
        verdict = verify_verdict(&run->verify, run->verify.main_pcr);
        if (verdict == VERIFY_NOTHING) {
                message_error("no value for PCR %" PRIu32
                              ", which this list belongs to: nothing to "
                              "compare",
                              run->verify.main_pcr);
                return EXIT_ERROR;
        }
        if (verdict == VERIFY_MISFIT)
                r = verify_try_records(run);
        if (r == EXIT_GOOD && verdict == VERIFY_MISFIT)
                r = verify_try_padding(run);
        if (r != EXIT_GOOD)
                return r;
        if (o->json != JSON_OFF)
                r = verify_print_json(run, verdict);
        else if (!o->quiet)
                verify_print_table(run, verdict);
        return r < 0 ? error_trace(r) : verify_status(run, verdict);
}
