/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ima-replayctl -- verifies and explains what ima-replayd does.
 */
#include "client/ctl.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/exit.h"
#include "client/input.h"
#include "client/output.h"
#include "client/pager.h"
#include "core/mlist.h"
#include "os/message.h"
#include "version.h"

/*
 * One bit a verb: for which an option is meant. One that asks for nothing but what a verb does
 * anyway is taken: demo cuts nothing, replay has no pager.
 */
enum {
        LIST = 1,
        EXPLAIN = 2,
        DIFF = 4,
        REPLAY = 8,
        VERIFY = 16,
        DEMO = 32,
        DOCTOR = 64,
        PLAY = EXPLAIN | REPLAY | VERIFY, /* they calculate banks */
        READ = LIST | PLAY,               /* they read --list= */
        ANY = READ | DIFF | DEMO | DOCTOR,
};

typedef struct CtlVerbRow {
        const char *name;
        unsigned bit;
        CtlVerb *run;
        size_t n_arguments;
        const char *arguments;
        const char *help;
} CtlVerbRow;

static const CtlVerbRow verbs[] = {
        { "list", LIST, verb_list, 0, "", "the records of a list (--list=)" },
        { "explain", EXPLAIN, verb_explain, 1, "POSITION",
          "one record, and how its digests were made" },
        { "diff", DIFF, verb_diff, 2, "A B", "what is different between two lists" },
        { "replay", REPLAY, verb_replay, 0, "", "the PCR values that a list gives (--list=)" },
        { "verify", VERIFY, verb_verify, 0, "",
          "does a list explain PCR values? (--list=, --pcrs=)" },
        { "doctor", DOCTOR, verb_doctor, 0, "",
          "what this machine has and lacks for a TPM-backed IMA" },
        { "demo", DEMO, verb_demo, 0, "",
          "a late TPM, catch-up, verify and one break, in software" },
};

typedef enum CtlSection {
        CTL_INPUT,
        CTL_VERIFY,
        CTL_RECORDS,
        CTL_OUTPUT,
        _CTL_SECTION_N,
} CtlSection;

typedef struct CtlOption CtlOption;

struct CtlOption {
        const char *name;
        int has_argument; /* as in getopt_long(3) */
        char letter;      /* short form, or 0 */
        CtlSection section;
        unsigned verbs;       /* that take it */
        const char *argument; /* what --help calls it */
        int (*parse)(const CtlOption *option, const char *text, CtlOptions *o);
        size_t member;    /* of CtlOptions, where one generic parser serves several */
        const char *help; /* lines */
};

static int parse_flag(const CtlOption *option, const char *text, CtlOptions *o) {
        (void)text;
        *(bool *)((char *)o + option->member) = true;
        return 0;
}

static int parse_text(const CtlOption *option, const char *text, CtlOptions *o) {
        *(const char **)((char *)o + option->member) = text;
        return 0;
}

static int parse_banks(const CtlOption *option, const char *text, CtlOptions *o) {
        BankMask *banks = (BankMask *)((char *)o + option->member);
        Bytes in = bytes_of_text(text);

        do {
                DigestAlg alg;
                Bytes name;

                if (!bytes_take_until(&in, ',', &name))
                        (void)bytes_take(&in, in.n, &name);
                if (!digest_by_name(name, &alg)) {
                        message_error("--%s=%s: banks were expected: sha1, sha256, sha384, sha512, "
                                      "sm3_256, sha3_256, sha3_384, sha3_512",
                                      option->name, text);
                        return -EINVAL;
                }
                *banks |= BANK(alg);
        } while (in.n > 0);
        return 0;
}

static int parse_list_digest(const CtlOption *option, const char *text, CtlOptions *o) {
        if (!digest_by_name(bytes_of_text(text), &o->list_digest)) {
                message_error("--%s=%s: the name of one hash was expected, as sha256", option->name,
                              text);
                return -EINVAL;
        }
        o->has_list_digest = true;
        return 0;
}

static int parse_word(const CtlOption *option, const char *text, const char *const words[],
                      size_t n_words, size_t *ret_word) {
        for (size_t i = 0; i < n_words; ++i)
                if (strcmp(text, words[i]) == 0) {
                        *ret_word = i;
                        return 0;
                }
        message_error("--%s=%s: %s was expected", option->name, text, option->argument);
        return -EINVAL;
}

static int parse_json(const CtlOption *option, const char *text, CtlOptions *o) {
        static const char *const names[_JSON_FORM_N] = { "off", "short", "pretty" };
        size_t word;

        if (!text) {
                o->json = isatty(STDOUT_FILENO) == 1 ? JSON_PRETTY : JSON_SHORT;
                return 0;
        }
        if (parse_word(option, text, names, ELEMENTSOF(names), &word) < 0)
                return -EINVAL;
        o->json = (JsonForm)word;
        return 0;
}

static int parse_format(const CtlOption *option, const char *text, CtlOptions *o) {
        static const char *const names[_CTL_FORMAT_N] = { "table", "ascii", "binary" };
        size_t word;

        if (parse_word(option, text, names, ELEMENTSOF(names), &word) < 0)
                return -EINVAL;
        o->format = (CtlFormat)word;
        return 0;
}

static int parse_pcrs(const CtlOption *option, const char *path, CtlOptions *o) {
        if (o->n_pcrs == ELEMENTSOF(o->pcrs)) {
                message_error("--%s= %zu times at most", option->name, ELEMENTSOF(o->pcrs));
                return -EINVAL;
        }
        o->pcrs[o->n_pcrs++] = path;
        return 0;
}

static int parse_pcr(const CtlOption *option, const char *text, CtlOptions *o) {
        uint64_t pcr;

        if (input_parse_u64(text, MLIST_PCR_N - 1, &pcr) < 0) {
                message_error("--%s=%s: a PCR from 0 to %u was expected", option->name, text,
                              MLIST_PCR_N - 1);
                return -EINVAL;
        }
        o->pcr = (uint32_t)pcr;
        o->has_pcr = true;
        return 0;
}

/* FIRST:LAST, FIRST:, :LAST, or one position. */
static int parse_range(const CtlOption *option, const char *text, CtlOptions *o) {
        const char *colon = strchr(text, ':');
        _cleanup_free_ char *left = colon ? strndup(text, (size_t)(colon - text)) : strdup(text);
        const char *right = colon ? colon + 1 : text;
        uint64_t first = 0, last = UINT64_MAX;

        if (!left)
                return error_origin(-ENOMEM);
        if ((*left && input_parse_u64(left, UINT64_MAX, &first) < 0) ||
            (*right && input_parse_u64(right, UINT64_MAX, &last) < 0) || (!*left && !*right) ||
            first > last) {
                message_error("--%s=%s: FIRST:LAST was expected, positions from 0 on; one side "
                              "may be missing",
                              option->name, text);
                return -EINVAL;
        }
        o->has_range = true;
        o->first = first;
        o->last = last;
        return 0;
}

static int help(const CtlOption *option, const char *text, CtlOptions *o);
static int version(const CtlOption *option, const char *text, CtlOptions *o);

#define MEMBER(m) offsetof(CtlOptions, m)

/* The one table: getopt_long() and --help are both made of it. */
static const CtlOption options[] = {
        { "list", required_argument, 0, CTL_INPUT, READ | DEMO, "FILE", parse_text, MEMBER(list),
          "a measurement list, as in\n"
          "/sys/kernel/security/ima/binary_runtime_measurements,\n"
          "of any byte order or hash; or as text" },
        { "list-digest", required_argument, 0, CTL_INPUT, READ | DIFF, "ALG", parse_list_digest, 0,
          "hash of the list's own digests, where the content\n"
          "leaves it open: sha1, sha256, ..." },
        { "pcrs", required_argument, 0, CTL_INPUT, VERIFY, "FILE", parse_pcrs, 0,
          "PCR values: the output of tpm2_pcrread, or 'PCR-10: ..'\n"
          "lines as evmctl takes them; may be repeated" },
        { "firmware-log", required_argument, 0, CTL_INPUT, VERIFY, "FILE", parse_text,
          MEMBER(firmware_log),
          "the firmware's event list, where it extended the PCR\n"
          "before IMA did (binary_bios_measurements)" },
        { "tcti", required_argument, 0, CTL_INPUT, DEMO, "NAME:CONF", parse_text, MEMBER(tcti),
          "demo: the software TPM (default a libtpms one of its own)" },
        { "root", required_argument, 0, CTL_INPUT, DOCTOR, "DIR", parse_text, MEMBER(root),
          "doctor: a machine whose files are below DIR" },
        { "tpm", required_argument, 0, CTL_INPUT, DOCTOR, "auto|software|DRIVER|PARENT", parse_text,
          MEMBER(tpm), "doctor: the TPM to use, as TPM= in ima-replayd.conf" },
        { "bank", required_argument, 0, CTL_VERIFY, PLAY, "BANK,...", parse_banks, MEMBER(banks),
          "only these banks (replay, explain:\n"
          "sha1,sha256,sha384,sha512)" },
        { "padded", required_argument, 0, CTL_VERIFY, PLAY, "BANK,...", parse_banks, MEMBER(padded),
          "banks that the kernel filled with zero-padded SHA-1" },
        { "prefix", no_argument, 0, CTL_VERIFY, VERIFY, NULL, parse_flag, MEMBER(prefix),
          "verify: a PCR that holds a part of the list is enough" },
        { "check-records", no_argument, 0, CTL_VERIFY, VERIFY, NULL, parse_flag,
          MEMBER(check_records),
          "verify: check the digest of each record, whatever the\n"
          "bank" },
        { "range", required_argument, 0, CTL_RECORDS, LIST, "FIRST:LAST", parse_range, 0,
          "these positions, both ends included; one side may be\n"
          "missing" },
        { "pcr", required_argument, 0, CTL_RECORDS, LIST, "N", parse_pcr, 0,
          "records of this PCR" },
        { "template", required_argument, 0, CTL_RECORDS, LIST, "NAME", parse_text, MEMBER(template),
          "records of this template, as ima-ng" },
        { "name", required_argument, 0, CTL_RECORDS, LIST, "PREFIX", parse_text, MEMBER(name),
          "files and events whose name begins so" },
        { "violations", no_argument, 0, CTL_RECORDS, LIST, NULL, parse_flag, MEMBER(violations),
          "violations: files that changed while they were measured" },
        { "format", required_argument, 0, CTL_OUTPUT, LIST, "table|ascii|binary", parse_format, 0,
          "list: ascii is the kernel's own text form, binary the\n"
          "records byte for byte" },
        { "json", required_argument, 0, CTL_OUTPUT, ANY, "pretty|short|off", parse_json, 0,
          "JSON; list: one object a record (RFC 7464)" },
        { "full", no_argument, 0, CTL_OUTPUT, ANY, NULL, parse_flag, MEMBER(full),
          "cut neither digests nor names" },
        { "no-legend", no_argument, 0, CTL_OUTPUT, LIST | DIFF | REPLAY | VERIFY | DOCTOR, NULL,
          parse_flag, MEMBER(no_legend), "no headings and sums" },
        { "no-pager", no_argument, 0, CTL_OUTPUT, ANY, NULL, parse_flag, MEMBER(no_pager),
          "print to the terminal directly" },
        { "quiet", no_argument, 'q', CTL_OUTPUT, DIFF | VERIFY | DEMO | DOCTOR, NULL, parse_flag,
          MEMBER(quiet), "verify, diff, doctor: only the exit status" },
        { "help", no_argument, 'h', CTL_OUTPUT, ANY, NULL, help, 0, "show this text" },
        { "version", no_argument, 0, CTL_OUTPUT, ANY, NULL, version, 0, "show the version" },
};

/* -j is --json= without an argument. */
static const CtlOption option_j = {
        NULL,       no_argument, 'j',
        CTL_OUTPUT, ANY,         NULL,
        parse_json, 0,           "pretty JSON on a terminal, else short"
};

#define HELP_COLUMN 26

static void help_option(const CtlOption *option) {
        Bytes help_text = bytes_of_text(option->help), line;
        char left[80];
        int n;

        n = snprintf(left, sizeof(left), "  %c%c%s %s%s%s%s", option->letter ? '-' : ' ',
                     option->letter ? option->letter : ' ',
                     option->letter && option->name ? "," : " ", option->name ? "--" : "",
                     option->name ? option->name : "", option->argument ? "=" : "",
                     option->argument ? option->argument : "");
        if (n >= HELP_COLUMN)
                (void)printf("%s\n%*s", left, HELP_COLUMN, "");
        else
                (void)printf("%-*s", HELP_COLUMN, left);
        for (bool is_first = true; help_text.n > 0; is_first = false) {
                if (!bytes_take_until(&help_text, '\n', &line))
                        (void)bytes_take(&help_text, help_text.n, &line);
                (void)printf("%*s%.*s\n", is_first ? 0 : HELP_COLUMN, "", (int)line.n,
                             (const char *)line.data);
        }
}

static int help(const CtlOption *option, const char *text, CtlOptions *o) {
        static const char *const sections[_CTL_SECTION_N] = {
                [CTL_INPUT] = "Input",
                [CTL_VERIFY] = "Replay",
                [CTL_RECORDS] = "Which records (list)",
                [CTL_OUTPUT] = "Output",
        };

        (void)option;
        (void)text;
        (void)o;
        (void)printf("ima-replayctl [OPTIONS] VERB [ARGUMENTS]\n\n"
                     "Checks whether the PCRs of a TPM hold what IMA's measurement list says.\n"
                     "Needs no daemon and no TPM when the list and the values come from files.\n\n"
                     "Verbs:\n");
        for (size_t i = 0; i < ELEMENTSOF(verbs); ++i)
                (void)printf("  %-7s %-8s  %s\n", verbs[i].name, verbs[i].arguments, verbs[i].help);
        for (CtlSection section = 0; section < _CTL_SECTION_N; ++section) {
                (void)printf("\n%s:\n", sections[section]);
                for (size_t i = 0; i < ELEMENTSOF(options); ++i)
                        if (options[i].section == section) {
                                help_option(&options[i]);
                                if (options[i].parse == parse_json)
                                        help_option(&option_j);
                        }
        }
        (void)printf("\nExit status: 0 it fits; 1 it could not be done: unreadable, empty, cut or\n"
                     "malformed input, or nothing to compare; 2 usage; 3 the list is ahead of the\n"
                     "PCR, or doctor: something is still waited for; 4 it does not fit, lists\n"
                     "differ, or doctor: a dead end; 5 no IMA.\n"
                     "\nExamples:\n"
                     "  ima-replayctl list --list=/sys/kernel/security/ima/"
                     "binary_runtime_measurements\n"
                     "  tpm2_pcrread sha256:10 > pcrs\n"
                     "  ima-replayctl verify --pcrs=pcrs "
                     "--list=/sys/kernel/security/ima/binary_runtime_measurements\n");
        return 1;
}

static int version(const CtlOption *option, const char *text, CtlOptions *o) {
        (void)option;
        (void)text;
        (void)o;
        (void)printf("ima-replay " IMA_REPLAY_VERSION "\n");
        return 1;
}

/* getopt_long() gives for row i this number, or the letter. */
#define OPTION_BASE 256

static const CtlOption *option_by_number(int c) {
        if (c == option_j.letter)
                return &option_j;
        for (size_t i = 0; i < ELEMENTSOF(options); ++i)
                if (c == OPTION_BASE + (int)i || (options[i].letter && c == options[i].letter))
                        return &options[i];
        return NULL;
}

/* Which rows were given: the verb may come behind them. */
typedef struct OptionsSeen {
        bool is[ELEMENTSOF(options)];
} OptionsSeen;

/* 0: go on; positive: done; negative: usage. */
static int parse_options(int argc, char **argv, CtlOptions *o, OptionsSeen *seen) {
        struct option rows[ELEMENTSOF(options) + 1] = {};
        char letters[ELEMENTSOF(options) + 2] = { option_j.letter };
        size_t n_letters = 1;
        int c;

        for (size_t i = 0; i < ELEMENTSOF(options); ++i) {
                rows[i] = (struct option){ .name = options[i].name,
                                           .has_arg = options[i].has_argument,
                                           .val = OPTION_BASE + (int)i };
                if (options[i].letter)
                        letters[n_letters++] = options[i].letter;
        }
        while ((c = getopt_long(argc, argv, letters, rows, NULL)) >= 0) {
                const CtlOption *option = option_by_number(c);
                int r = option ? option->parse(option, optarg, o) : -EINVAL;

                if (r != 0)
                        return r;
                if (option != &option_j)
                        seen->is[option - options] = true;
        }
        return 0;
}

/* What a verb would not heed is refused: who wrote it meant something. */
static int check_options(const OptionsSeen *seen, const CtlVerbRow *verb) {
        for (size_t i = 0; i < ELEMENTSOF(options); ++i)
                if (seen->is[i] && !(options[i].verbs & verb->bit)) {
                        message_error("%s does not take --%s; → try --help", verb->name,
                                      options[i].name);
                        return -EINVAL;
                }
        return 0;
}

static int parse_arguments(int argc, char **argv, CtlOptions *o, CtlVerb **ret_verb) {
        OptionsSeen seen = {};
        int r;

        r = parse_options(argc, argv, o, &seen);
        if (r != 0)
                return r;
        if (optind == argc) {
                message_error("a verb is needed; → try --help");
                return -EINVAL;
        }
        for (size_t i = 0; i < ELEMENTSOF(verbs); ++i) {
                size_t n = (size_t)(argc - optind) - 1;

                if (strcmp(argv[optind], verbs[i].name) != 0)
                        continue;
                if (n != verbs[i].n_arguments) {
                        message_error("%s takes %s; → try --help", verbs[i].name,
                                      verbs[i].n_arguments > 0 ? verbs[i].arguments
                                                               : "no arguments");
                        return -EINVAL;
                }
                r = check_options(&seen, &verbs[i]);
                if (r < 0)
                        return r;
                for (size_t k = 0; k < n; ++k)
                        o->arguments[k] = argv[(size_t)optind + 1 + k];
                *ret_verb = verbs[i].run;
                return 0;
        }
        message_error("there is no verb '%s'; → try --help", argv[optind]);
        return -EINVAL;
}

int main(int argc, char **argv) {
        CtlOptions o = { .last = UINT64_MAX };
        CtlVerb *verb = NULL;
        int r;

        message_init(program_invocation_short_name);
        message_trace_errors();
        r = parse_arguments(argc, argv, &o, &verb);
        if (r < 0)
                return EXIT_USAGE;
        r = r > 0 ? EXIT_GOOD : verb(&o);
        if (r >= 0 && output_flush() < 0 && !pager_is_gone())
                r = -EIO;
        pager_close();
        if (r < 0) {
                message_error("%s", strerror(-r));
                return EXIT_ERROR;
        }
        return r;
}
