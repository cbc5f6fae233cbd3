/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ima-replayctl -- verifies and explains what ima-replayd does.
 */
#include "client/ctl.h"

#include <errno.h>
#include <getopt.h>
#include <string.h>

#include "base/error.h"
#include "base/escape.h"
#include "base/exit.h"
#include "client/output.h"
#include "os/message.h"
#include "version.h"

static const struct {
        const char *name;
        CtlVerb *run;
        const char *help;
} verbs[] = {
        { "replay", verb_replay, "the PCR values that a list gives (--list=)" },
        { "verify", verb_verify, "does a list explain PCR values? (--list=, --pcrs=)" },
        { "demo", verb_demo, "a late TPM, catch-up, verify and one break, on a software TPM" },
};

static void help(void) {
        (void)printf("ima-replayctl [OPTIONS] VERB\n\n"
                     "Checks whether the PCRs of a TPM hold what IMA's measurement list says.\n"
                     "Needs no daemon and no TPM when the list and the values come from files.\n\n"
                     "Verbs:\n");
        for (size_t i = 0; i < ELEMENTSOF(verbs); ++i)
                (void)printf("  %-8s %s\n", verbs[i].name, verbs[i].help);
        (void)printf(
                "\nInput:\n"
                "  --list=FILE         a binary measurement list, as in\n"
                "                      /sys/kernel/security/ima/binary_runtime_measurements;\n"
                "                      either byte order\n"
                "  --pcrs=FILE         PCR values: the output of tpm2_pcrread, or 'PCR-10: ..' "
                "lines\n"
                "                      as evmctl takes them; may be repeated\n"
                "  --bank=BANK,...     only these banks (replay: sha1,sha256,sha384,sha512)\n"
                "  --padded=BANK,...   banks that the kernel filled with zero-padded SHA-1\n"
                "  --prefix            verify: a PCR that holds a part of the list is good enough\n"
                "  --check-records     verify: check the digest of each record, whatever the bank\n"
                "  --tcti=NAME:CONF    demo: the software TPM (default a libtpms one of its own)\n"
                "\nOutput:\n"
                "      --json=MODE     pretty, short or off; -j is pretty on a terminal, else "
                "short\n"
                "      --full          digests in full\n"
                "      --no-legend     no headings and sums\n"
                "      --no-pager      accepted; there is no pager yet\n"
                "  -q, --quiet         verify: only the exit status\n"
                "  -h, --help          show this text\n"
                "      --version       show the version\n"
                "\nExit status: 0 it fits; 1 it could not be done: unreadable, empty, cut or "
                "malformed\n"
                "input, or nothing to compare; 2 usage; 3 the list is ahead of the PCR; 4 it does "
                "not\n"
                "fit; 5 no IMA.\n"
                "\nExample:\n"
                "  tpm2_pcrread sha256:10 > pcrs\n"
                "  ima-replayctl verify "
                "--list=/sys/kernel/security/ima/binary_runtime_measurements "
                "--pcrs=pcrs\n");
}

static int parse_banks(const char *option, const char *text, BankMask *ret_banks) {
        Bytes in = bytes_of_text(text);
        BankMask banks = 0;

        do {
                DigestAlg alg;
                Bytes name;

                if (!bytes_take_until(&in, ',', &name))
                        (void)bytes_take(&in, in.n, &name);
                if (!digest_by_name(name, &alg)) {
                        message_error("--%s=%s: banks were expected: sha1, sha256, sha384, sha512, "
                                      "sm3_256, sha3_256, sha3_384, sha3_512",
                                      option, text);
                        return -EINVAL;
                }
                banks |= BANK(alg);
        } while (in.n > 0);
        *ret_banks |= banks;
        return 0;
}

static int parse_json(const char *text, JsonForm *ret_form) {
        static const char *const names[_JSON_FORM_N] = { "off", "short", "pretty" };

        for (JsonForm form = 0; form < _JSON_FORM_N; ++form)
                if (strcmp(text, names[form]) == 0) {
                        *ret_form = form;
                        return 0;
                }
        message_error("--json=%s: pretty, short or off was expected", text);
        return -EINVAL;
}

static int parse_pcrs(const char *path, CtlOptions *o) {
        if (o->n_pcrs == ELEMENTSOF(o->pcrs)) {
                message_error("--pcrs= %zu times at most", ELEMENTSOF(o->pcrs));
                return -EINVAL;
        }
        o->pcrs[o->n_pcrs++] = path;
        return 0;
}

enum {
        ARG_LIST = 256,
        ARG_PCRS,
        ARG_BANK,
        ARG_PADDED,
        ARG_PREFIX,
        ARG_CHECK_RECORDS,
        ARG_TCTI,
        ARG_JSON,
        ARG_FULL,
        ARG_NO_LEGEND,
        ARG_NO_PAGER,
        ARG_VERSION,
};

/* 1: go on; 0: done; negative: usage. */
static int parse_option(int c, CtlOptions *o) {
        switch (c) {
        case ARG_LIST:
                o->list = optarg;
                return 1;
        case ARG_PCRS:
                return parse_pcrs(optarg, o) < 0 ? -EINVAL : 1;
        case ARG_BANK:
                return parse_banks("bank", optarg, &o->banks) < 0 ? -EINVAL : 1;
        case ARG_PADDED:
                return parse_banks("padded", optarg, &o->padded) < 0 ? -EINVAL : 1;
        case ARG_PREFIX:
                o->prefix = true;
                return 1;
        case ARG_CHECK_RECORDS:
                o->check_records = true;
                return 1;
        case ARG_TCTI:
                o->tcti = optarg;
                return 1;
        case ARG_JSON:
                return parse_json(optarg, &o->json) < 0 ? -EINVAL : 1;
        case 'j':
                o->json = isatty(STDOUT_FILENO) == 1 ? JSON_PRETTY : JSON_SHORT;
                return 1;
        case ARG_FULL:
                o->full = true;
                return 1;
        case ARG_NO_LEGEND:
                o->no_legend = true;
                return 1;
        case ARG_NO_PAGER:
                return 1;
        case 'q':
                o->quiet = true;
                return 1;
        case ARG_VERSION:
                (void)printf("ima-replay " IMA_REPLAY_VERSION "\n");
                return 0;
        case 'h':
                help();
                return 0;
        default:
                return -EINVAL;
        }
}

static int parse_arguments(int argc, char **argv, CtlOptions *o, CtlVerb **ret_verb) {
        static const struct option options[] = {
                { "list", required_argument, NULL, ARG_LIST },
                { "pcrs", required_argument, NULL, ARG_PCRS },
                { "bank", required_argument, NULL, ARG_BANK },
                { "padded", required_argument, NULL, ARG_PADDED },
                { "prefix", no_argument, NULL, ARG_PREFIX },
                { "check-records", no_argument, NULL, ARG_CHECK_RECORDS },
                { "tcti", required_argument, NULL, ARG_TCTI },
                { "json", required_argument, NULL, ARG_JSON },
                { "full", no_argument, NULL, ARG_FULL },
                { "no-legend", no_argument, NULL, ARG_NO_LEGEND },
                { "no-pager", no_argument, NULL, ARG_NO_PAGER },
                { "quiet", no_argument, NULL, 'q' },
                { "version", no_argument, NULL, ARG_VERSION },
                { "help", no_argument, NULL, 'h' },
                {},
        };
        int c, r;

        while ((c = getopt_long(argc, argv, "hjq", options, NULL)) >= 0) {
                r = parse_option(c, o);
                if (r <= 0)
                        return r;
        }
        if (optind + 1 != argc) {
                message_error("%s; → try --help",
                              optind == argc ? "a verb is needed" : "one verb and no arguments");
                return -EINVAL;
        }
        for (size_t i = 0; i < ELEMENTSOF(verbs); ++i)
                if (strcmp(argv[optind], verbs[i].name) == 0) {
                        *ret_verb = verbs[i].run;
                        return 1;
                }
        message_error("there is no verb '%s'; → try --help", argv[optind]);
        return -EINVAL;
}

int main(int argc, char **argv) {
        CtlOptions o = {};
        CtlVerb *verb;
        int r;

        message_init(program_invocation_short_name);
        message_trace_errors();
        r = parse_arguments(argc, argv, &o, &verb);
        if (r < 0)
                return EXIT_USAGE;
        r = r == 0 ? EXIT_GOOD : verb(&o);
        if (r >= 0 && output_flush() < 0)
                r = -EIO;
        if (r < 0) {
                message_error("%s", strerror(-r));
                return EXIT_ERROR;
        }
        return r;
}
