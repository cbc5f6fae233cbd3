/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ima-replayctl -- shows, verifies and explains what ima-replayd does.
 */
#include "client/ctl.h"

#include <errno.h>
#include <getopt.h>
#include <string.h>

#include "base/exit.h"
#include "client/options.h"
#include "client/output.h"
#include "client/pager.h"
#include "os/message.h"

const CtlVerbRow ctl_verbs[] = {
        { "status", STATUS, verb_status, 0, 0, "",
          "where the service stands (without a verb, too)" },
        { "list", LIST, verb_list, 0, 0, "", "the records of the list (or of --list=)" },
        { "verify", VERIFY, verb_verify, 0, 0, "",
          "does the TPM hold the list? (or --pcrs= and --list=)" },
        { "wait", WAIT, verb_wait, 0, 0, "", "until what is measured is in the TPM" },
        { "explain", EXPLAIN, verb_explain, 1, 1, "POSITION|WORD",
          "one record; or a state or reason, and what to do" },
        { "replay", REPLAY, verb_replay, 0, 0, "", "the PCR values that the list gives" },
        { "diff", DIFF, verb_diff, 2, 2, "A B", "what is different between two lists" },
        { "plot", PLOT, verb_plot, 0, 0, "", "the boot as a picture: recorded against extended" },
        { "metrics", METRICS, verb_metrics, 0, 0, "", "figures for monitoring" },
        { "doctor", DOCTOR, verb_doctor, 0, 0, "",
          "what this machine has and lacks for a TPM-backed IMA" },
        { "demo", DEMO, verb_demo, 0, 0, "",
          "a late TPM, catch-up, verify and one break, in software" },
        { "call", CALL, verb_call, 1, 2, "METHOD [JSON]", "call a Varlink method" },
        { "introspect", INTROSPECT, verb_introspect, 0, 1, "[INTERFACE]",
          "what the service offers" },
};
const size_t ctl_n_verbs = ELEMENTSOF(ctl_verbs);

static const CtlVerbRow *verb_by_name(const char *name) {
        for (size_t i = 0; i < ctl_n_verbs; ++i)
                if (strcmp(name, ctl_verbs[i].name) == 0)
                        return &ctl_verbs[i];
        message_error("there is no verb '%s'; → try --help", name);
        return NULL;
}

/* 0: go on; positive: done; negative: usage. */
static int parse_arguments(int argc, char **argv, CtlOptions *o, CtlVerb **ret_verb) {
        const CtlVerbRow *verb = &ctl_verbs[0];
        OptionsSeen seen = {};
        size_t n = 0;
        int r;

        r = options_parse(argc, argv, o, &seen);
        if (r != 0)
                return r;
        if (optind < argc) {
                verb = verb_by_name(argv[optind]);
                if (!verb)
                        return -EINVAL;
                n = (size_t)(argc - optind) - 1;
        }
        if (n < verb->n_min || n > verb->n_max) {
                message_error("%s takes %s; → try --help", verb->name,
                              verb->n_max > 0 ? verb->arguments : "no arguments");
                return -EINVAL;
        }
        r = options_check(&seen, verb);
        if (r < 0)
                return r;
        for (size_t k = 0; k < n; ++k)
                o->arguments[k] = argv[(size_t)optind + 1 + k];
        *ret_verb = verb->run;
        return 0;
}

int main(int argc, char **argv) {
        CtlOptions o = { .last = UINT64_MAX };
        CtlVerb *verb = NULL;
        int r;

        message_init(program_invocation_short_name);
        message_trace_errors();
        r = parse_arguments(argc, argv, &o, &verb);
        if (r < 0 && r != -ENOMEM)
                return EXIT_USAGE;
        if (r < 0) {
                message_error("%s", strerror(-r));
                return EXIT_ERROR;
        }
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
