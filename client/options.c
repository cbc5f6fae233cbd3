/* SPDX-License-Identifier: BSD-2-Clause */
#include "client/options.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <string.h>

#include "base/encode.h"
#include "base/error.h"
#include "client/input.h"
#include "core/mlist.h"
#include "os/message.h"
#include "version.h"

typedef enum CtlSection {
        CTL_INPUT,
        CTL_SERVICE,
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
        static const char *const names[_CTL_FORMAT_N] = { "table", "ascii", "binary", "cel" };
        size_t word;

        if (parse_word(option, text, names, ELEMENTSOF(names), &word) < 0)
                return -EINVAL;
        o->format = (CtlFormat)word;
        return 0;
}

/* A number that may be 0, so it has to say that it is there. */
static int parse_number(const CtlOption *option, const char *text, CtlOptions *o) {
        CtlNumber *number = (CtlNumber *)((char *)o + option->member);

        if (input_parse_u64(text, INT64_MAX - 1, &number->value) < 0) {
                message_error("--%s=%s: a number from 0 on was expected", option->name, text);
                return -EINVAL;
        }
        number->is_set = true;
        return 0;
}

/* Seconds, as 30, 30s or 5.25; kept in microseconds. */
static int parse_seconds(const CtlOption *option, const char *text, CtlOptions *o) {
        CtlNumber *number = (CtlNumber *)((char *)o + option->member);
        Bytes in = bytes_of_text(text), whole, part = {};
        char left[24], right[8] = "000000";
        uint64_t seconds, usec;

        if (in.n > 0 && in.data[in.n - 1] == 's')
                --in.n;
        if (!bytes_take_until(&in, '.', &whole))
                (void)bytes_take(&in, in.n, &whole);
        else
                (void)bytes_take(&in, in.n, &part);
        if (whole.n > 0 && whole.n < sizeof(left) && part.n <= 6) {
                bytes_copy(whole, (uint8_t *)left, sizeof(left));
                left[whole.n] = '\0';
                bytes_copy(part, (uint8_t *)right, sizeof(right));
                if (input_parse_u64(left, CTL_SECONDS_MAX, &seconds) == 0 &&
                    input_parse_u64(right, 999999, &usec) == 0) {
                        *number = (CtlNumber){ true, seconds * 1000000 + usec };
                        return 0;
                }
        }
        message_error("--%s=%s: seconds were expected, as 30 or 2.5", option->name, text);
        return -EINVAL;
}

/* ALG:VALUE, what a PCR held at a place of the list. */
static int parse_after(const CtlOption *option, const char *text, CtlOptions *o) {
        Bytes in = bytes_of_text(text), name;
        size_t n;

        if (!bytes_take_until(&in, ':', &name) || !digest_by_name(name, &o->after_alg) ||
            hex_decode(in, o->after.data, sizeof(o->after.data), &n) != 0 ||
            n != digest_size(o->after_alg)) {
                message_error("--%s=%s: ALG:VALUE was expected, as sha256: and 64 hex digits",
                              option->name, text);
                return -EINVAL;
        }
        o->has_after = true;
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
        { "root", required_argument, 0, CTL_INPUT, DOCTOR | READ | ASK, "DIR", parse_text,
          MEMBER(root), "the files of the machine, its sockets too, are below DIR" },
        { "tpm", required_argument, 0, CTL_INPUT, DOCTOR, "auto|software|DRIVER|PARENT", parse_text,
          MEMBER(tpm), "doctor: the TPM to use, as TPM= in ima-replayd.conf" },
        { "socket", required_argument, 0, CTL_SERVICE, READ | ASK, "PATH", parse_text,
          MEMBER(socket),
          "the service's socket (default: those of\n"
          "/run/ima-replay)" },
        { "watch", no_argument, 0, CTL_SERVICE, STATUS, NULL, parse_flag, MEMBER(watch),
          "status: go on, and show each change" },
        { "position", required_argument, 0, CTL_SERVICE, WAIT, "N", parse_number, MEMBER(position),
          "wait: until this record is in the TPM (default: until all\n"
          "are that are measured now)" },
        { "records", required_argument, 0, CTL_SERVICE, WAIT, "N", parse_number, MEMBER(records),
          "wait: until so many records are" },
        { "timeout", required_argument, 0, CTL_SERVICE, WAIT, "SEC", parse_seconds, MEMBER(timeout),
          "wait: at most so long (default: without end)" },
        { "openmetrics", no_argument, 0, CTL_SERVICE, METRICS, NULL, parse_flag,
          MEMBER(openmetrics), "metrics: as Prometheus' textfile collector takes them" },
        { "html", no_argument, 0, CTL_SERVICE, PLOT, NULL, parse_flag, MEMBER(html),
          "plot: one page with the records, too" },
        { "since", required_argument, 0, CTL_SERVICE, PLOT, "SEC", parse_seconds, MEMBER(since),
          "plot: from this second after boot on" },
        { "until", required_argument, 0, CTL_SERVICE, PLOT, "SEC", parse_seconds, MEMBER(until),
          "plot: up to this second (default: somewhat after the\n"
          "backlog was done)" },
        { "more", no_argument, 0, CTL_SERVICE, CALL, NULL, parse_flag, MEMBER(more),
          "call: take more than one reply" },
        { "bank", required_argument, 0, CTL_VERIFY, PLAY | LIST, "BANK,...", parse_banks,
          MEMBER(banks),
          "only these banks (default of replay and explain: sha1,\n"
          "sha256,sha384,sha512; of list --format=cel: sha256)" },
        { "padded", required_argument, 0, CTL_VERIFY, PLAY | LIST, "BANK,...", parse_banks,
          MEMBER(padded), "banks that the kernel filled with zero-padded SHA-1" },
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
        { "after", required_argument, 0, CTL_RECORDS, LIST, "ALG:VALUE", parse_after, 0,
          "what came after the PCR (10, or that of --pcr=) had\n"
          "this value; of the service" },
        { "extended", no_argument, 0, CTL_RECORDS, LIST, NULL, parse_flag, MEMBER(extended),
          "only what is in the TPM; of the service" },
        { "follow", no_argument, 'f', CTL_RECORDS, LIST, NULL, parse_flag, MEMBER(follow),
          "go on, with what is extended from now on (or from\n"
          "--range= or --after= on); of the service" },
        { "format", required_argument, 0, CTL_OUTPUT, LIST, "table|ascii|binary|cel", parse_format,
          0,
          "list: ascii is the kernel's own text form, binary the\n"
          "records byte for byte, cel TCG's event log as JSON" },
        { "json", required_argument, 0, CTL_OUTPUT, ANY, "pretty|short|off", parse_json, 0,
          "JSON; list: one object a record (RFC 7464)" },
        { "full", no_argument, 0, CTL_OUTPUT, ANY, NULL, parse_flag, MEMBER(full),
          "cut neither digests nor names" },
        { "no-legend", no_argument, 0, CTL_OUTPUT, LIST | DIFF | REPLAY | VERIFY | DOCTOR | METRICS,
          NULL, parse_flag, MEMBER(no_legend), "no headings and sums" },
        { "no-pager", no_argument, 0, CTL_OUTPUT, ANY, NULL, parse_flag, MEMBER(no_pager),
          "print to the terminal directly" },
        { "quiet", no_argument, 'q', CTL_OUTPUT, DIFF | VERIFY | DEMO | DOCTOR | STATUS | WAIT,
          NULL, parse_flag, MEMBER(quiet),
          "verify, diff, doctor, status, wait: only the exit status" },
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

static void help_end(void) {
        (void)printf(
                "\nExit status: 0 it fits; 1 it could not be done: nobody answers, unreadable, "
                "empty, cut\nor malformed input, or nothing to compare; 2 usage; 3 not yet: the "
                "list is ahead of the\nPCR; 4 it does not fit, or will not come to fit in this "
                "boot; 5 no IMA.\n"
                "\nExamples:\n"
                "  ima-replayctl\n"
                "  ima-replayctl wait --timeout=30\n"
                "  ima-replayctl list --violations\n"
                "  tpm2_pcrread sha256:10 > pcrs\n"
                "  ima-replayctl verify --pcrs=pcrs "
                "--list=/sys/kernel/security/ima/binary_runtime_measurements\n");
}

static int help(const CtlOption *option, const char *text, CtlOptions *o) {
        static const char *const sections[_CTL_SECTION_N] = {
                [CTL_INPUT] = "Input",   [CTL_SERVICE] = "The service",
                [CTL_VERIFY] = "Replay", [CTL_RECORDS] = "Which records (list)",
                [CTL_OUTPUT] = "Output",
        };

        (void)option;
        (void)text;
        (void)o;
        (void)printf("ima-replayctl [OPTIONS] [VERB] [ARGUMENTS]\n\n"
                     "Shows how the service brings IMA's measurement list into the TPM, and checks "
                     "whether\nPCRs hold what the list says. Needs no service and no TPM when list "
                     "and values come\nfrom files.\n\nVerbs:\n");
        for (size_t i = 0; i < ctl_n_verbs; ++i)
                (void)printf("  %-10s %-16s  %s\n", ctl_verbs[i].name, ctl_verbs[i].arguments,
                             ctl_verbs[i].help);
        for (CtlSection section = 0; section < _CTL_SECTION_N; ++section) {
                (void)printf("\n%s:\n", sections[section]);
                for (size_t i = 0; i < ELEMENTSOF(options); ++i)
                        if (options[i].section == section) {
                                help_option(&options[i]);
                                if (options[i].parse == parse_json)
                                        help_option(&option_j);
                        }
        }
        help_end();
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

static_assert(ELEMENTSOF(options) <= CTL_OPTIONS_MAX, "OptionsSeen has a place for each");

/**
 * options_parse() - take the options of a command line
 * @argc: as of main()
 * @argv: as of main(); what is no option is behind optind afterwards
 * @o:    filled
 * @seen: zeroed; which options were given
 *
 * Return: 0: go on; positive: done (--help, --version); negative: usage, after a message.
 */
int options_parse(int argc, char **argv, CtlOptions *o, OptionsSeen *seen) {
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

/**
 * options_check() - what a verb would not heed is refused: who wrote it meant something
 * @seen: the options that were given
 * @verb: the verb
 *
 * Return: 0, or negative after a message.
 */
int options_check(const OptionsSeen *seen, const CtlVerbRow *verb) {
        for (size_t i = 0; i < ELEMENTSOF(options); ++i)
                if (seen->is[i] && !(options[i].verbs & verb->bit)) {
                        message_error("%s does not take --%s; → try --help", verb->name,
                                      options[i].name);
                        return -EINVAL;
                }
        return 0;
}
