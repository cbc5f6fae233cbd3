/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ima-replayd -- extends IMA's measurement list into a TPM that came late.
 */
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/encode.h"
#include "base/error.h"
#include "base/exit.h"
#include "daemon/extender.h"
#include "os/message.h"
#include "version.h"

#define TCTI_DEFAULT "device:/dev/tpmrm0"
#define TIMEOUT_MAX  (UINT64_C(365) * 24 * 3600) /* seconds */

static struct {
        bool oneshot;
        bool print_pcrs;
        const char *root;
        const char *tcti;
        bool tcti_given;
        uint64_t timeout_usec;
} arg = { .tcti = TCTI_DEFAULT };

static void help(void) {
        (void)printf(
                "%s --oneshot [OPTIONS]\n\n"
                "Extends the measurement list that IMA kept while it had no TPM (TPM-bypass) into "
                "the\n"
                "TPM, in every PCR bank, each record exactly once. Never extends anything when "
                "the\n"
                "kernel does it itself, or when that cannot be told for certain.\n\n"
                "  --oneshot        catch up once and exit\n"
                "  --timeout=SEC    how long to wait for the list and the TPM (default 0: look "
                "once)\n"
                "  --print-pcrs     then read the list's PCRs and print them as tpm2_pcrread does\n"
                "  --tcti=NAME:CONF how to reach the TPM (default " TCTI_DEFAULT ");\n"
                "                   with --root only a software TPM: libtpms:, swtpm:, mssim:\n"
                "  --root=DIR       take the kernel's files below DIR (tests and images)\n"
                "  -h, --help       show this text\n"
                "      --version    show the version\n\n"
                "Exit status: 0 everything is in the TPM, or the kernel extends and the PCR fits;\n"
                "1 it could not be done; 2 usage; 3 not yet: no TPM, or the list ends inside a "
                "record;\n"
                "4 the PCR does not fit the list, and will not in this boot; 5 no IMA.\n",
                program_invocation_short_name);
}

static int parse_timeout(const char *text) {
        char *end;
        unsigned long long sec;

        errno = 0;
        sec = strtoull(text, &end, 10);
        if (errno != 0 || end == text || *end != '\0' || text[0] == '-' || sec > TIMEOUT_MAX) {
                message_error("--timeout=%s: a number of seconds was expected", text);
                return -EINVAL;
        }
        arg.timeout_usec = sec * PLAN_SEC;
        return 0;
}

/* 1: go on; 0: done; negative: usage. */
static int parse_arguments(int argc, char **argv) {
        enum { ARG_ONESHOT = 256, ARG_TIMEOUT, ARG_PRINT_PCRS, ARG_TCTI, ARG_ROOT, ARG_VERSION };
        static const struct option options[] = {
                { "oneshot", no_argument, NULL, ARG_ONESHOT },
                { "timeout", required_argument, NULL, ARG_TIMEOUT },
                { "print-pcrs", no_argument, NULL, ARG_PRINT_PCRS },
                { "tcti", required_argument, NULL, ARG_TCTI },
                { "root", required_argument, NULL, ARG_ROOT },
                { "version", no_argument, NULL, ARG_VERSION },
                { "help", no_argument, NULL, 'h' },
                {},
        };
        int c;

        while ((c = getopt_long(argc, argv, "h", options, NULL)) >= 0)
                switch (c) {
                case ARG_ONESHOT:
                        arg.oneshot = true;
                        break;
                case ARG_TIMEOUT:
                        if (parse_timeout(optarg) < 0)
                                return -EINVAL;
                        break;
                case ARG_PRINT_PCRS:
                        arg.print_pcrs = true;
                        break;
                case ARG_TCTI:
                        arg.tcti = optarg;
                        arg.tcti_given = true;
                        break;
                case ARG_ROOT:
                        arg.root = optarg;
                        break;
                case ARG_VERSION:
                        (void)printf("ima-replay " IMA_REPLAY_VERSION "\n");
                        return 0;
                case 'h':
                        help();
                        return 0;
                default:
                        return -EINVAL;
                }
        if (optind < argc) {
                message_error("unexpected argument '%s'; try --help", argv[optind]);
                return -EINVAL;
        }
        if (!arg.oneshot) {
                message_error("this version knows only --oneshot; try --help");
                return -EINVAL;
        }
        if (!guard_allows_tcti(arg.tcti, arg.root != NULL)) {
                message_error("--tcti=%s%s: %s", arg.tcti, arg.tcti_given ? "" : " (the default)",
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

static void say_chains(const Plan *p) {
        for (uint32_t pcr = 0; pcr < MLIST_PCR_N; ++pcr) {
                uint64_t n = p->replay.chain[pcr].n;

                if (n == 0 || pcr == p->main_pcr)
                        continue;
                if (pcr >= TPM_PCR_N || p->chain[pcr].state == CHAIN_REFUSED)
                        message_warning(
                                "PCR %" PRIu32 ": %" PRIu64
                                " records cannot be extended by this TPM (as a kernel could "
                                "not)",
                                pcr, n);
                else if (p->chain[pcr].state == CHAIN_FOREIGN)
                        message_warning("PCR %" PRIu32 ": %" PRIu64
                                        " records left alone: no prefix of them explains this PCR",
                                        pcr, n);
        }
}

static uint64_t count_held(const Plan *p) {
        uint64_t n = 0;

        for (uint32_t pcr = 0; pcr < TPM_PCR_N; ++pcr)
                if (p->chain[pcr].state == CHAIN_HELD)
                        n += p->chain[pcr].held;
        return n;
}

static void say_pending(const Extender *x) {
        const Plan *p = extender_plan(x);
        const char *trouble = extender_trouble(x);

        if (extender_is_stopping(x))
                message_warning("stopped: %" PRIu64
                                " records are in the TPM; start it again to go on",
                                count_held(p));
        else if (p->is_cut && p->state == PLAN_FOLLOW)
                message_warning("not yet: the list is %s; what precedes it is extended",
                                extender_cut(x));
        else if (p->is_cut)
                message_warning("not yet: %s: the list is %s", plan_state_name(p->state),
                                extender_cut(x));
        else if (p->state == PLAN_KERNEL_OWNS && p->observed == PLAN_OBSERVED_BEHIND)
                message_warning("not yet: the kernel extends by itself, and PCR %" PRIu32
                                " is behind its list",
                                p->main_pcr);
        else if (p->state == PLAN_KERNEL_OWNS)
                message_warning("not yet: the kernel extends by itself, but no TPM answers%s%s",
                                *trouble ? ": " : "", trouble);
        else
                message_warning("not yet: %s: %s%s%s; → try --timeout=SEC",
                                plan_state_name(p->state), plan_reason_text(p),
                                *trouble ? ": " : "", trouble);
}

static void say_failed(const Extender *x) {
        const Plan *p = extender_plan(x);
        const char *trouble = extender_trouble(x);

        if (p->misfit == PLAN_REASON_BANK_ALGORITHM || p->misfit == PLAN_REASON_BANK_NONE)
                message_error(
                        "the kernel extends by itself; whether PCR %" PRIu32
                        " fits the list cannot be told: it has no bank, or one that cannot be "
                        "calculated here",
                        p->main_pcr);
        else if (p->state == PLAN_KERNEL_OWNS)
                message_error(
                        "the kernel extends by itself, but PCR %" PRIu32
                        " does not fit the list; nothing was extended; → a kernel that pads "
                        "SHA-1 (Debian 12: sha384, sha512) needs ima-replayctl verify --padded=",
                        p->main_pcr);
        else if (p->reason == PLAN_REASON_BANK_ALGORITHM)
                message_error("%s: %s: TPM_ALG_ID 0x%04x", plan_state_name(p->state),
                              plan_reason_text(p), p->banks.unknown_id);
        else
                message_error("%s: %s%s%s", plan_state_name(p->state), plan_reason_text(p),
                              *trouble ? ": " : "", trouble);
}

static int say_verdict(const Extender *x) {
        const Plan *p = extender_plan(x);

        switch (plan_verdict(p)) {
        case PLAN_VERDICT_EXTENDED:
                say_chains(p);
                message_info("%" PRIu64 " records are in the TPM, %" PRIu64 " extended now",
                             count_held(p), p->n_extended);
                return EXIT_GOOD;
        case PLAN_VERDICT_KERNEL:
                message_info("the kernel extends by itself; PCR %" PRIu32
                             " fits the list of %" PRIu64 " records; nothing was extended",
                             p->main_pcr, p->n_listed);
                return EXIT_GOOD;
        case PLAN_VERDICT_PENDING:
                say_pending(x);
                return EXIT_NOT_YET;
        case PLAN_VERDICT_FAILED:
                say_failed(x);
                return EXIT_MISMATCH;
        case PLAN_VERDICT_NO_IMA:
                message_error("no IMA here: %s; → boot with ima_policy=tcb, mount securityfs",
                              plan_reason_text(p));
                return EXIT_NO_IMA;
        case _PLAN_VERDICT_N:
                break;
        }
        return EXIT_ERROR;
}

static int stop_fd = -1;

/* SA_RESETHAND: a second signal ends us at once, also while a transport blocks. */
static void on_signal(int signal) {
        const uint64_t one = 1;

        (void)signal;
        (void)!write(stop_fd, &one, sizeof(one));
}

static int open_signals(int *ret_fd) {
        struct sigaction action = { .sa_handler = on_signal,
                                    .sa_flags = SA_RESTART | SA_RESETHAND };

        stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (stop_fd < 0 || sigaction(SIGTERM, &action, NULL) < 0 ||
            sigaction(SIGINT, &action, NULL) < 0)
                return error_origin(-errno);
        *ret_fd = stop_fd;
        return 0;
}

static int run(Root *root) {
        _cleanup_(extender_freep) Extender *x = NULL;
        _cleanup_close_ int signal_fd = -1;
        DigestSet values[TPM_PCR_N];
        ExtenderConfig config;
        uint32_t pcrs = 0;
        int r, status;

        r = open_signals(&signal_fd);
        if (r < 0)
                return error_trace(r);
        config = (ExtenderConfig){ .root = root, .tcti = arg.tcti, .signal_fd = signal_fd };
        r = extender_new(&config, &x);
        if (r < 0)
                return error_trace(r);
        r = extender_once(x, arg.timeout_usec);
        if (r < 0)
                return error_trace(r);
        status = say_verdict(x);
        if (arg.print_pcrs) {
                r = extender_read_pcrs(x, values, &pcrs);
                if (r < 0)
                        return error_trace(r);
                print_pcrs(extender_plan(x), values, pcrs);
        }
        return status;
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
