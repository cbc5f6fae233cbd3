/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ima-replayctl verify, of the service: the PCRs are read and the list is replayed, here and now.
 */
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/exit.h"
#include "client/output.h"
#include "client/remote.h"
#include "client/served.h"
#include "core/mismatch.h"

#define DIGITS_SHORT 16U

typedef struct ServedBank {
        JsonU64 pcr, verified, last_verified, position;
        Bytes algorithm, observed, calculated, hypothesis;
} ServedBank;

typedef struct ServedVerify {
        JsonBool matches;
        JsonU64 measured, extended;
        const Json *banks;
} ServedVerify;

#define BANK_ROW(n, t, must, member)                                                               \
        { n, t, must, offsetof(ServedBank, member) }
#define VERIFY_ROW(n, t, must, member)                                                             \
        { n, t, must, offsetof(ServedVerify, member) }

static const JsonField bank_fields[] = {
        BANK_ROW("pcr", JSON_TYPE_U64, true, pcr),
        BANK_ROW("algorithm", JSON_TYPE_TEXT, true, algorithm),
        BANK_ROW("observed", JSON_TYPE_TEXT, true, observed),
        BANK_ROW("calculated", JSON_TYPE_TEXT, true, calculated),
        BANK_ROW("verified", JSON_TYPE_U64, false, verified),
        BANK_ROW("lastVerified", JSON_TYPE_U64, false, last_verified),
        BANK_ROW("hypothesis", JSON_TYPE_TEXT, false, hypothesis),
        BANK_ROW("position", JSON_TYPE_U64, false, position),
};

static const JsonField verify_fields[] = {
        VERIFY_ROW("matches", JSON_TYPE_BOOL, true, matches),
        VERIFY_ROW("measured", JSON_TYPE_U64, true, measured),
        VERIFY_ROW("extended", JSON_TYPE_U64, false, extended),
        VERIFY_ROW("banks", JSON_TYPE_ARRAY, true, banks),
};

/* The names are those of Hypothesis in org.imareplay.replay. */
static const struct {
        const char *name, *text;
} hypotheses[] = {
        { "foreign_ones",
          "one extend of ones (0xff), as for a violation or to cap a PCR, is not in "
          "the list" },
        { "foreign_invalidation", "one extend of 0xfe bytes: a kernel gave this bank up" },
        { "foreign_zero", "one extend of zeros is not in the list" },
        { "foreign_string", "one extend of a well-known string, as of a test, is not in the list" },
        { "record_repeated", "a record was extended twice" },
        { "record_missing", "a record was not extended" },
        { "padded_sha1", "extended with zero-padded SHA-1 digests" },
        { "empty", "zero: nothing was ever extended, or the TPM was reset" },
};

static void print_value(const CtlOptions *o, Bytes value) {
        bool is_cut = !o->full && value.n > DIGITS_SHORT;

        if (is_cut)
                value.n = DIGITS_SHORT;
        remote_put(stdout, value);
        (void)printf("%s", is_cut ? "…" : "");
}

static void print_why(const CtlOptions *o, const ServedBank *bank) {
        const char *text = "nothing that was tried explains it";

        for (size_t i = 0; i < ELEMENTSOF(hypotheses); ++i)
                if (bytes_equal_text(bank->hypothesis, hypotheses[i].name))
                        text = hypotheses[i].text;
        (void)printf("     the list gives ");
        print_value(o, bank->calculated);
        (void)printf("\n     %s", text);
        if (bank->position.is_set)
                (void)printf(": record %" PRIu64, bank->position.value);
        if (bank->last_verified.is_set)
                (void)printf("; it fitted up to record %" PRIu64 " in this boot",
                             bank->last_verified.value > 0 ? bank->last_verified.value - 1 : 0);
        (void)printf("\n");
}

static int print_bank(const CtlOptions *o, const ServedVerify *v, const Json *row,
                      const char **ret_bad) {
        bool is_whole;
        ServedBank bank = {};
        int r;

        r = json_take(row, bank_fields, ELEMENTSOF(bank_fields), false, &bank, ret_bad);
        if (r != 0)
                return error_trace(r);
        is_whole = bank.verified.is_set && bank.verified.value >= v->measured.value;
        (void)printf("%3" PRIu64 "  ", bank.pcr.value);
        remote_put(stdout, bank.algorithm);
        (void)printf("%*s  ", (int)(bank.algorithm.n < 8 ? 8 - bank.algorithm.n : 0), "");
        print_value(o, bank.observed);
        (void)printf("  %s ", output_mark(is_whole               ? MARK_GOOD
                                          : bank.verified.is_set ? MARK_NOTE
                                                                 : MARK_BAD));
        if (is_whole)
                (void)printf("the whole list\n");
        else if (bank.verified.is_set)
                (void)printf("the first %" PRIu64 " records\n", bank.verified.value);
        else
                (void)printf("no prefix of this list gives this value\n");
        if (!bank.verified.is_set)
                print_why(o, &bank);
        return 0;
}

static int verify_exit(const ServedVerify *v) {
        if (v->matches.value)
                return EXIT_GOOD;
        if (v->extended.is_set && v->extended.value > 0 && v->extended.value < v->measured.value)
                return EXIT_NOT_YET;
        return EXIT_MISMATCH;
}

static void print_conclusion(const ServedVerify *v) {
        int status = verify_exit(v);

        if (status == EXIT_GOOD)
                (void)printf("%s the TPM holds all %" PRIu64 " records\n", output_mark(MARK_GOOD),
                             v->measured.value);
        else if (status == EXIT_NOT_YET)
                (void)printf("%s the TPM holds the first %" PRIu64 " of %" PRIu64
                             " records; %" PRIu64 " are not in it yet\n",
                             output_mark(MARK_NOTE), v->extended.value, v->measured.value,
                             v->measured.value - v->extended.value);
        else
                (void)printf(
                        "%s the TPM does not hold what the list says\n"
                        "  → ima-replayctl status says why; for more: tpm2_pcrread > pcrs, and "
                        "ima-replayctl verify --pcrs=pcrs\n",
                        output_mark(MARK_BAD));
}

/* Return: an exit status, after messages; a negative errno. */
static int verify_show(const CtlOptions *o, const Remote *remote, const VarlinkReply *reply) {
        ServedVerify v = {};
        const char *bad = "";
        int r;

        r = json_take(reply->parameters, verify_fields, ELEMENTSOF(verify_fields), false, &v, &bad);
        if (r == 0 && o->json != JSON_OFF)
                r = remote_print_json(reply->parameters, o->json, false);
        else if (r == 0 && !o->quiet) {
                if (!o->no_legend)
                        (void)printf("PCR  BANK      VALUE%s  RESULT\n",
                                     o->full ? "" : "            ");
                for (size_t i = 0; r == 0 && i < json_length(v.banks); ++i)
                        r = print_bank(o, &v, json_at(v.banks, i), &bad);
                if (r == 0 && !o->no_legend)
                        (void)printf("\n");
                if (r == 0)
                        print_conclusion(&v);
        }
        if (r > 0) {
                (void)remote_misfit(remote, bad);
                return EXIT_ERROR;
        }
        if (r == 0 && o->prefix && verify_exit(&v) == EXIT_NOT_YET)
                return EXIT_GOOD;
        return r < 0 ? error_trace(r) : verify_exit(&v);
}

/**
 * served_verify() - ima-replayctl verify, of the service
 * @o: the options
 *
 * Return: EXIT_GOOD when every bank holds the whole list; EXIT_NOT_YET when all hold the same part
 *         of it (with --prefix: EXIT_GOOD), or the TPM is not there yet; EXIT_MISMATCH; EXIT_ERROR;
 *         a negative errno.
 */
int served_verify(const CtlOptions *o) {
        VarlinkReply reply = { .fd = -1 };
        Remote remote = {};
        int r;

        r = remote_open(o, REMOTE_REPLAY, &remote);
        if (r == 0)
                r = remote_call(&remote, REMOTE_REPLAY ".Verify", NULL, REMOTE_VERIFY_USEC, &reply);
        if (r > 0)
                r = EXIT_ERROR;
        else if (r == 0)
                r = reply.error ? remote_error(&reply) : verify_show(o, &remote, &reply);
        varlink_reply_deinit(&reply);
        remote_close(&remote);
        return r < 0 ? error_trace(r) : r;
}
