/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ima-replayd -- extends IMA's measurement list into a TPM that came late.
 */
#include <getopt.h>
#include <inttypes.h>
#include <string.h>

#include "base/encode.h"
#include "base/error.h"
#include "base/exit.h"
#include "daemon/run.h"
#include "daemon/say.h"
#include "daemon/settings.h"
#include "os/message.h"
#include "os/service.h"
#include "version.h"

#define TIMEOUT_MAX (UINT64_C(365) * 24 * 3600) /* seconds */

/* What the program was told. */
static struct {
        bool print_pcrs;
        bool show_config;
        bool tcti_given;
        const char *root;
        const char *settings[_SETTING_N]; /* values that are good; NULL: not given */
        ExtenderConfig extender;
} arg;

static void help(void) {
        (void)printf(
                "%s [OPTIONS]\n\n"
                "Extends the measurement list that IMA kept while it had no TPM (TPM-bypass) into "
                "the\n"
                "TPM, in every PCR bank, each record exactly once, and follows the list. Never "
                "extends\n"
                "anything when the kernel does it itself, or when that cannot be told for "
                "certain.\n\n"
                "  --oneshot             catch up once and exit\n"
                "  --timeout=SEC         with --oneshot: how long to wait for the list and the "
                "TPM\n"
                "                        (default 0: look once)\n"
                "  --print-pcrs          with --oneshot: then read the list's PCRs and print them "
                "as\n"
                "                        tpm2_pcrread does\n"
                "  --repair-banks        with --oneshot: where banks hold different prefixes of "
                "the "
                "list,\n"
                "                        extend those that lag behind\n"
                "  --replay-after-reset  with --oneshot: extend although the TPM was reset in this "
                "boot\n"
                "  --tcti=NAME:CONF      how to reach the TPM (default: the node that TPM= "
                "chooses);\n"
                "                        with --root only a software TPM: libtpms:, swtpm:, "
                "mssim:\n"
                "  --root=DIR            take the kernel's files and the configuration below DIR\n"
                "                        (tests and images)\n"
                "  --show-config         print the settings and where each comes from, and exit\n"
                "  -h, --help            show this text\n"
                "      --version         show the version\n\n"
                "Settings, as in ima-replayd.conf(5); options are stronger:\n",
                program_invocation_short_name);
        settings_help(stdout);
        (void)printf(
                "\nExit status: 0 stopped, or with --oneshot: everything is in the TPM, or the "
                "kernel\n"
                "extends and the PCR fits; 1 it could not be done; 2 usage; 3 not yet: no TPM, or "
                "the list\n"
                "ends inside a record; 4 the PCR does not fit the list, and will not in this boot; "
                "5 no IMA.\n");
}

static int refuse(const char *option, const char *value, const char *wanted) {
        message_error("--%s=%s: %s was expected", option, value, wanted);
        return -EINVAL;
}

static int parse_timeout(const char *text) {
        char *end;
        unsigned long long sec;

        errno = 0;
        sec = strtoull(text, &end, 10);
        if (errno != 0 || end == text || *end != '\0' || text[0] == '-' || sec > TIMEOUT_MAX)
                return refuse("timeout", text, "a number of seconds");
        arg.extender.timeout_usec = sec * PLAN_SEC;
        return 0;
}

/* Good or not is known at once; what counts in the end, when the files were read. */
static int parse_setting(SettingId id, const char *value) {
        const char *expected;
        Settings trial;

        settings_init(&trial);
        expected = setting_set(&trial, id, value, "");
        if (expected)
                return refuse(setting_option(id), value, expected);
        arg.settings[id] = value;
        return 0;
}

enum {
        ARG_ONESHOT = 256,
        ARG_TIMEOUT,
        ARG_PRINT_PCRS,
        ARG_REPAIR_BANKS,
        ARG_REPLAY_AFTER_RESET,
        ARG_TCTI,
        ARG_ROOT,
        ARG_SHOW_CONFIG,
        ARG_VERSION,
        ARG_SETTING, /* and a number for each */
};

static const struct option fixed_options[] = {
        { "oneshot", no_argument, NULL, ARG_ONESHOT },
        { "timeout", required_argument, NULL, ARG_TIMEOUT },
        { "print-pcrs", no_argument, NULL, ARG_PRINT_PCRS },
        { "repair-banks", no_argument, NULL, ARG_REPAIR_BANKS },
        { "replay-after-reset", no_argument, NULL, ARG_REPLAY_AFTER_RESET },
        { "tcti", required_argument, NULL, ARG_TCTI },
        { "root", required_argument, NULL, ARG_ROOT },
        { "show-config", no_argument, NULL, ARG_SHOW_CONFIG },
        { "version", no_argument, NULL, ARG_VERSION },
        { "help", no_argument, NULL, 'h' },
};

/* The fixed ones, one for each setting, and an empty one at the end. */
static struct option options[ELEMENTSOF(fixed_options) + _SETTING_N + 1];

static void options_init(void) {
        struct option *to = options + ELEMENTSOF(fixed_options);

        (void)memcpy(options, fixed_options, sizeof(fixed_options));
        for (SettingId id = 0; id < _SETTING_N; ++id)
                *to++ = (struct option){ setting_option(id), required_argument, NULL,
                                         ARG_SETTING + (int)id };
}

/* 1: go on; 0: done; negative: usage. */
static int parse_option(int c) {
        if (c >= ARG_SETTING && c < ARG_SETTING + _SETTING_N)
                return parse_setting((SettingId)(c - ARG_SETTING), optarg) < 0 ? -EINVAL : 1;
        switch (c) {
        case ARG_ONESHOT:
                arg.extender.is_oneshot = true;
                return 1;
        case ARG_TIMEOUT:
                return parse_timeout(optarg) < 0 ? -EINVAL : 1;
        case ARG_PRINT_PCRS:
                arg.print_pcrs = true;
                return 1;
        case ARG_REPAIR_BANKS:
                arg.extender.options.repairs_banks = true;
                return 1;
        case ARG_REPLAY_AFTER_RESET:
                arg.extender.options.accepts_reset = true;
                return 1;
        case ARG_TCTI:
                arg.extender.tcti = optarg;
                arg.tcti_given = true;
                return 1;
        case ARG_ROOT:
                arg.root = optarg;
                return 1;
        case ARG_SHOW_CONFIG:
                arg.show_config = true;
                return 1;
        case ARG_VERSION:
                (void)printf("ima-replay " IMA_REPLAY_VERSION " %s\n", service_features());
                return 0;
        case 'h':
                help();
                return 0;
        default:
                return -EINVAL;
        }
}

/* As parse_option(). */
static int parse_arguments(int argc, char **argv) {
        const char *tcti;
        int c, r = 1;

        options_init();
        while (r > 0 && (c = getopt_long(argc, argv, "h", options, NULL)) >= 0)
                r = parse_option(c);
        if (r <= 0)
                return r;
        if (optind < argc) {
                message_error("unexpected argument '%s'; try --help", argv[optind]);
                return -EINVAL;
        }
        if (!arg.extender.is_oneshot &&
            (arg.print_pcrs || arg.extender.timeout_usec > 0 ||
             arg.extender.options.repairs_banks || arg.extender.options.accepts_reset)) {
                message_error("--timeout, --print-pcrs, --repair-banks and --replay-after-reset go "
                              "with --oneshot only");
                return -EINVAL;
        }
        if (!arg.tcti_given && (arg.show_config || !arg.root))
                return 1; /* no TPM is opened, or the gate chooses it */
        tcti = arg.tcti_given ? arg.extender.tcti : "device:";
        if (!guard_allows_tcti(tcti, arg.root != NULL)) {
                message_error("--tcti=%s%s: %s", tcti, arg.tcti_given ? "" : " (the default)",
                              arg.root ? "with --root only libtpms:, swtpm: and mssim: are taken"
                                       : "only device: and tabrmd: are taken (software TPMs need "
                                         "--root)");
                return -EINVAL;
        }
        return 1;
}

static void print_pcrs(const Plan *p, const DigestSet *values, uint32_t pcrs) {
        char text[HEX_SIZE(DIGEST_SIZE_MAX)];

        FOREACH_BANK(alg, p->replay.banks) {
                (void)printf("  %s:\n", digest_name(alg));
                for (uint32_t pcr = 0; pcr < TPM_PCR_N; ++pcr) {
                        if (!(pcrs >> pcr & 1) || !(p->banks.of[pcr] & BANK(alg)))
                                continue;
                        hex_encode(digest_bytes(alg, &values[pcr].of[alg]), text, sizeof(text));
                        (void)printf("    %-2" PRIu32 ": 0x%s\n", pcr, text);
                }
        }
}

static int run_once_or_serve(const Root *root, const Settings *settings) {
        _cleanup_(extender_freep) Extender *x = NULL;
        DigestSet values[TPM_PCR_N];
        uint32_t pcrs = 0;
        int r, status;

        if (settings->guard != SETTINGS_GUARD_ALWAYS) {
                message_error("Guard=start (%s) is not in this version; → leave it out",
                              settings->from[SETTING_GUARD].place);
                return EXIT_ERROR;
        }
        arg.extender.root = root;
        arg.extender.holds_list = settings->holds_list;
        arg.extender.spool_max = settings->spool_max;
        arg.extender.options.measured_boot = settings->measured_boot;
        arg.extender.asks_gate = !arg.tcti_given;
        arg.extender.gate = (GateOptions){
                .require_pkvm = settings->requires_pkvm,
                .tpm = settings->tpm == SETTINGS_TPM_NAMED      ? settings->tpm_name
                       : settings->tpm == SETTINGS_TPM_SOFTWARE ? "software"
                                                                : NULL,
        };
        r = run_extender(&arg.extender, &x);
        if (r < 0)
                return error_trace(r);
        if (!arg.extender.is_oneshot)
                return EXIT_GOOD;
        status = say_verdict(x);
        if (arg.print_pcrs) {
                r = extender_read_pcrs(x, values, &pcrs);
                if (r < 0)
                        return error_trace(r);
                print_pcrs(extender_plan(x), values, pcrs);
        }
        return status;
}

static int run(const Root *root) {
        Settings settings;
        int r;

        r = settings_load(root, arg.settings, &settings);
        if (r == SETTINGS_E_OFF) {
                message_info("ima_replay=no on the kernel command line: nothing is done");
                /* Switched off is no failure of the service. */
                if (!arg.extender.is_oneshot && !arg.show_config)
                        service_notify_ready();
                return EXIT_GOOD;
        }
        if (r != 0)
                return r < 0 ? error_trace(r) : EXIT_ERROR;
        if (arg.show_config) {
                settings_print(&settings, stdout);
                return EXIT_GOOD;
        }
        return error_trace(run_once_or_serve(root, &settings));
}

int main(int argc, char **argv) {
        Root root = { .fd = -1 };
        int r;

        message_init(program_invocation_short_name);
        message_trace_errors();
        r = parse_arguments(argc, argv);
        if (r <= 0)
                return r < 0 ? EXIT_USAGE : EXIT_GOOD;
        /* The TSS prints each failed open on its own; what matters is said once, by us. */
        (void)setenv("TSS2_LOG", "all+none", 0);
        r = root_init(&root, arg.root);
        if (r < 0) {
                message_error("--root=%s: %s", arg.root, strerror(-r));
                return EXIT_ERROR;
        }
        r = run(&root);
        root_deinit(&root);
        if (r < 0) {
                message_error("could not finish: %s%s", strerror(-r),
                              r == -EACCES || r == -EPERM ? "; → run it as root" : "");
                return EXIT_ERROR;
        }
        if (fflush(stdout) != 0) {
                message_error("could not write: %s", strerror(errno));
                return EXIT_ERROR;
        }
        return r;
}
