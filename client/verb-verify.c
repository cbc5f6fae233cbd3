/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ima-replayctl verify: does a list explain the PCRs?
 */
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/exit.h"
#include "client/remote-list.h"
#include "client/served.h"
#include "client/verify.h"
#include "os/message.h"

static VerifyRun *verify_run_free(VerifyRun *run) {
        if (!run)
                return NULL;
        input_close_list(&run->input);
        hashers_close(&run->hashers);
        run->mismatch = mismatch_free(run->mismatch);
        free(run);
        return NULL;
}
DEFINE_CLEANUP(VerifyRun, verify_run_free);

/*
 * A list that cannot be read to its end may have been altered before that place, with the records
 * behind it delimited wrongly: say where.
 */
static int verify_explain_break(VerifyRun *run) {
        uint64_t position = 0;
        MlistRecord record;
        int r;

        input_close_list(&run->input);
        r = remote_open_list(run->o, &run->input);
        while (r == EXIT_GOOD && listfile_next(run->input.list, &record) == 0) {
                DigestAlg alg = listfile_form(run->input.list)->alg;
                bool fits;

                r = mlist_digest_fits(&record, alg, listfile_hasher(run->input.list), &fits);
                if (r < 0)
                        return error_trace(r);
                if (!fits) {
                        message_error("%s: record %" PRIu64 " does not have the digest that it "
                                      "claims: the list was altered or damaged there",
                                      run->input.path, position);
                        break;
                }
                ++position;
        }
        return EXIT_ERROR;
}

/* Read the list from its first record. Return: an exit status after messages, or a negative errno.
 */
static int verify_open_list(VerifyRun *run) {
        int r;

        input_close_list(&run->input);
        r = remote_open_list(run->o, &run->input);
        if (r != EXIT_GOOD)
                return r;
        return input_open_hashers(BANK(listfile_form(run->input.list)->alg), &run->hashers);
}

/* The pass that decides. Return: as verify_open_list(). */
static int verify_pass(VerifyRun *run) {
        Verify *v = &run->verify;
        MlistRecord record;
        int r;

        r = verify_open_list(run);
        if (r != EXIT_GOOD)
                return r;
        verify_init(v, &run->target, run->o->padded, listfile_form(run->input.list)->alg,
                    &run->hashers);
        v->checks_records |= run->o->check_records;
        for (uint32_t pcr = 0; pcr < TPM_PCR_N; ++pcr)
                if (run->firmware.n_of[pcr] > 0)
                        verify_set_base(v, pcr, run->firmware.banks, &run->firmware.value[pcr]);
        while ((r = input_next(&run->input, &record)) == 0) {
                r = verify_record(v, &record);
                if (r < 0)
                        return error_trace(r);
        }
        if (r == LISTFILE_E_CUT || r == LISTFILE_E_BROKEN)
                return verify_explain_break(run);
        if (r != LISTFILE_E_END)
                return EXIT_ERROR;
        if (v->replay.n_records == 0) {
                message_error("%s: empty: nothing to compare", run->input.path);
                return EXIT_ERROR;
        }
        return EXIT_GOOD;
}

/* Feed the list once; a live one may have grown, so as many records as before. */
static int verify_feed(VerifyRun *run) {
        MlistRecord record;
        int r;

        r = verify_open_list(run);
        for (uint64_t n = run->verify.replay.n_records; r == EXIT_GOOD && n > 0; --n) {
                r = input_next(&run->input, &record);
                if (r != 0)
                        return r < 0 ? error_trace(r) : EXIT_ERROR;
                r = mismatch_record(run->mismatch, &record);
        }
        return r < 0 ? error_trace(r) : r;
}

/* It does not fit: why? */
static int verify_find_reason(VerifyRun *run) {
        const Verify *v = &run->verify;
        MismatchQuestion q = {
                .pcr = v->main_pcr,
                .banks = v->search[v->main_pcr].banks,
                .padded = run->o->padded,
                .target = v->search[v->main_pcr].target,
                .form = *listfile_form(run->input.list),
        };
        const MismatchAnswer *answer;
        int r;

        if (run->firmware.n_of[q.pcr] > 0)
                q.base = run->firmware.value[q.pcr];
        r = mismatch_new(&q, &run->hashers, &run->mismatch);
        do {
                if (r == 0)
                        r = verify_feed(run);
                if (r != 0)
                        return r < 0 ? error_trace(r) : r;
                r = mismatch_next_pass(run->mismatch);
        } while (r == 0);
        if (r < 0)
                return error_trace(r);
        answer = mismatch_answer(run->mismatch);
        for (size_t i = 0; i < answer->n; ++i)
                if (answer->finding[i].kind == MISMATCH_PADDED)
                        run->padding |= answer->finding[i].banks;
        return EXIT_GOOD;
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
        r = input_open_hashers(banks | BANK(DIGEST_SHA1), &run->hashers);
        return r == EXIT_GOOD ? verify_read_firmware(run, banks) : r;
}

/* A bank that the firmware extended, but its log says nothing of, has no known V(0). There is a
 * verdict, so the PCR is one of a TPM. */
static int verify_check_base(const VerifyRun *run) {
        uint32_t pcr = run->verify.main_pcr;
        BankMask unknown = run->verify.search[pcr].banks & ~run->firmware.banks;

        if (run->firmware.n_of[pcr] == 0 || !unknown)
                return EXIT_GOOD;
        FOREACH_BANK(alg, unknown)
                message_error("%s: has no digests for %s, but PCR %" PRIu32
                              " was extended by the firmware; → try --bank= without it",
                              run->o->firmware_log, digest_name(alg), pcr);
        return EXIT_ERROR;
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

        if (!o->list && o->n_pcrs == 0)
                return served_verify(o);
        if (!run)
                return error_origin(-ENOMEM);
        run->o = o;
        r = verify_open(run);
        if (r == EXIT_GOOD)
                r = verify_pass(run);
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
        r = verify_check_base(run);
        if (r != EXIT_GOOD)
                return r;
        /* Looking for a reason takes the list once more, and never changes the verdict. */
        if (!o->quiet && (verdict == VERIFY_MISFIT || verdict == VERIFY_EMPTY) &&
            input_can_rewind(&run->input))
                r = verify_find_reason(run);
        if (r < 0)
                return error_trace(r);
        if (r != EXIT_GOOD)
                run->mismatch = mismatch_free(run->mismatch);
        if (o->json != JSON_OFF)
                r = verify_print_json(run, verdict);
        else if (!o->quiet)
                verify_print_table(run, verdict);
        return r < 0 ? error_trace(r) : verify_status(run, verdict);
}
