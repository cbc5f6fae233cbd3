/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What `ima-replayctl verify` says.
 */
#include <inttypes.h>

#include "base/error.h"
#include "client/output.h"
#include "client/verify.h"

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
                (void)snprintf(ret_text, max, "none of this list: the PCR is %s",
                               run->firmware.n_of[pcr] > 0 ? "as the firmware left it" : "zero");
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

/* The last record up to which list and PCR agree, or SEARCH_NONE. */
static uint64_t last_fitting(const MismatchFinding *f) {
        if (!mismatch_has_position(f->kind) || f->kind == MISMATCH_RESET)
                return SEARCH_NONE;
        if (f->kind == MISMATCH_REPEATED)
                return f->position;
        return f->position > 0 ? f->position - 1 : SEARCH_NONE;
}

static void print_banks(BankMask banks) {
        const char *between = " (";

        FOREACH_BANK(alg, banks) {
                (void)printf("%s%s", between, digest_name(alg));
                between = ", ";
        }
        (void)printf("%s\n", banks ? ")" : "");
}

/* How far the search went, when it did not find everything. */
static void print_reach(const MismatchAnswer *a) {
        if (!a->has_reach)
                return;
        (void)printf("  tried: one extend more, twice, missing, swapped or after a reset, at ");
        if (a->reach == 0)
                (void)printf("every record");
        else if (a->reach == SEARCH_NONE)
                (void)printf("no record");
        else
                (void)printf("record %" PRIu64 " and all behind it", a->reach);
        if (a->reach > 0)
                (void)printf("; not tried before that, but where the PCR ends there");
        (void)printf("\n");
}

static void print_findings(const VerifyRun *run) {
        const MismatchAnswer *a = run->mismatch ? mismatch_answer(run->mismatch) : NULL;

        if (!a) {
                (void)printf(
                        "  → try a file: a reason can only be sought where the list can be read "
                        "again\n");
                return;
        }
        for (size_t i = 0; i < a->n; ++i) {
                const MismatchFinding *f = &a->finding[i];
                uint64_t last = last_fitting(f);
                char text[MISMATCH_TEXT_MAX];

                mismatch_describe(a, f, run->verify.main_pcr, text, sizeof(text));
                if (last != SEARCH_NONE)
                        (void)printf("  last fitting record: %" PRIu64 "\n", last);
                (void)printf("  %s", text);
                print_banks(f->banks);
                if (f->kind == MISMATCH_UNKNOWN || f->kind == MISMATCH_WRONG_LIST)
                        print_reach(a);
                (void)printf("  → %s\n", mismatch_advice(f->kind));
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
                (void)printf("%s PCR %" PRIu32 " holds the first %" PRIu64 " of its %" PRIu64
                             " records; %" PRIu64 " are not in it yet\n",
                             output_mark(MARK_NOTE), v->main_pcr, k, n, n - k);
                break;
        case VERIFY_EMPTY:
                (void)printf("%s PCR %" PRIu32 " holds none of the %" PRIu64 " records\n",
                             output_mark(MARK_BAD), v->main_pcr, n);
                print_findings(run);
                break;
        case VERIFY_MISFIT:
                (void)printf("%s PCR %" PRIu32 " does not follow from the list\n",
                             output_mark(MARK_BAD), v->main_pcr);
                print_findings(run);
                break;
        case VERIFY_NOTHING:
        case _VERIFY_VERDICT_N:
                break;
        }
}

/**
 * verify_print_table() - the result for people
 * @run:     complete
 * @verdict: of the main PCR
 */
void verify_print_table(const VerifyRun *run, VerifyVerdict verdict) {
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

static int json_put_banks(Json *map, BankMask banks) {
        _cleanup_(json_dropp) Json *set = NULL;
        int r;

        r = json_map(&set);
        FOREACH_BANK(alg, banks)
                if (r == 0)
                        r = json_put_bool(set, digest_name(alg), true);
        if (r == 0)
                r = json_put(map, "banks", &set);
        return error_trace(r);
}

static int json_add_finding(const VerifyRun *run, const MismatchFinding *f, Json *array) {
        _cleanup_(json_dropp) Json *map = NULL;
        uint64_t last = last_fitting(f);
        char text[MISMATCH_TEXT_MAX];
        int r;

        mismatch_describe(mismatch_answer(run->mismatch), f, run->verify.main_pcr, text,
                          sizeof(text));
        r = json_map(&map);
        if (r == 0)
                r = json_put_text(map, "hypothesis", bytes_of_text(mismatch_name(f->kind)));
        if (r == 0 && mismatch_has_position(f->kind))
                r = json_put_u64(map, "position", f->position);
        if (r == 0 && last != SEARCH_NONE)
                r = json_put_u64(map, "lastFitting", last);
        if (r == 0 && f->kind == MISMATCH_FOREIGN)
                r = json_put_text(map, "word", bytes_of_text(search_word_name(f->word)));
        if (r == 0 && f->end > 0)
                r = json_put_u64(map, "end", f->end);
        if (r == 0)
                r = json_put_banks(map, f->banks);
        if (r == 0)
                r = json_put_text(map, "text", bytes_of_text(text));
        if (r == 0)
                r = json_put_text(map, "advice", bytes_of_text(mismatch_advice(f->kind)));
        if (r == 0)
                r = json_add(array, &map);
        return error_trace(r);
}

static int json_put_tried(const MismatchAnswer *a, Json *map) {
        _cleanup_(json_dropp) Json *tried = NULL;
        int r;

        r = json_map(&tried);
        for (MismatchKind kind = 0; r == 0 && kind < _MISMATCH_KIND_N; ++kind)
                if (a->tried & ((uint32_t)1 << kind))
                        r = json_put_bool(tried, mismatch_name(kind), true);
        if (r == 0 && a->has_reach && a->reach != SEARCH_NONE)
                r = json_put_u64(tried, "fromRecord", a->reach);
        if (r == 0 && a->has_reach && a->reach_words != SEARCH_NONE)
                r = json_put_u64(tried, "rareWordsFromRecord", a->reach_words);
        if (r == 0)
                r = json_put(map, "tried", &tried);
        return error_trace(r);
}

/* The reason: the first finding for itself, and all of them. */
static int json_put_reason(const VerifyRun *run, Json *map) {
        const MismatchAnswer *a = mismatch_answer(run->mismatch);
        _cleanup_(json_dropp) Json *array = NULL;
        int r;

        r = json_array(&array);
        for (size_t i = 0; r == 0 && i < a->n; ++i)
                r = json_add_finding(run, &a->finding[i], array);
        if (r == 0 && a->n_bad > 0)
                r = json_put_u64(map, "firstBadRecord", a->first_bad);
        if (r == 0 && a->n > 0)
                r = json_put_text(map, "hypothesis",
                                  bytes_of_text(mismatch_name(a->finding[0].kind)));
        if (r == 0 && a->n > 0 && mismatch_has_position(a->finding[0].kind))
                r = json_put_u64(map, "position", a->finding[0].position);
        if (r == 0)
                r = json_put_tried(a, map);
        if (r == 0)
                r = json_put(map, "findings", &array);
        return error_trace(r);
}

/**
 * verify_print_json() - the result for programs
 * @run:     complete
 * @verdict: of the main PCR
 *
 * Return: 0, -ENOMEM or -EIO.
 */
int verify_print_json(const VerifyRun *run, VerifyVerdict verdict) {
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
        if (r == 0 && run->mismatch)
                r = json_put_reason(run, map);
        if (r == 0)
                r = json_put(map, "pcrs", &pcrs);
        if (r == 0)
                r = json_print(stdout, map, run->o->json);
        return error_trace(r);
}
