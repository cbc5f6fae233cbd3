/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ima-replayctl demo: the whole story on a software TPM, with the real programs.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/exit.h"
#include "client/demo.h"
#include "client/input.h"
#include "client/output.h"
#include "os/message.h"

typedef struct Demo {
        const CtlOptions *o;
        DemoWorld world;
        char daemon[PATH_MAX];
        char self[PATH_MAX];
        char list[PATH_MAX];
        char pcrs[PATH_MAX];
        char log[PATH_MAX];
        char root_arg[PATH_MAX + 16];
        char tcti_arg[PATH_MAX + 32];
} Demo;

static _printf_(2, 3) void demo_say(const Demo *d, const char *format, ...) {
        va_list args;

        if (d->o->json != JSON_OFF || d->o->quiet)
                return;
        va_start(args, format);
        (void)vprintf(format, args);
        va_end(args);
        (void)fflush(stdout);
}

/* Return: EXIT_GOOD when the status is the expected one, else what it is; a negative errno. */
static int demo_expect(const Demo *d, const char *what, int status, int expected) {
        bool good = status == expected;

        demo_say(d, "  %s %s: exit status %d\n", output_mark(good ? MARK_GOOD : MARK_BAD), what,
                 status);
        if (good)
                return EXIT_GOOD;
        message_error("%s ended with %d, not %d", what, status, expected);
        return status != EXIT_GOOD ? status : EXIT_MISMATCH;
}

static int demo_replayd(Demo *d, int expected) {
        const char *const argv[] = { d->daemon,   "--oneshot", "--print-pcrs",
                                     d->root_arg, d->tcti_arg, NULL };
        int r, status;

        r = demo_run(argv, d->pcrs, &status);
        return r < 0 ? error_trace(r) : demo_expect(d, "ima-replayd --oneshot", status, expected);
}

static int demo_verify(Demo *d, const char *list, int expected) {
        char list_arg[PATH_MAX + 16], pcrs_arg[PATH_MAX + 16];
        const char *const argv[] = { d->self, "verify", list_arg, pcrs_arg, NULL };
        int r, status;

        (void)snprintf(list_arg, sizeof(list_arg), "--list=%s", list);
        (void)snprintf(pcrs_arg, sizeof(pcrs_arg), "--pcrs=%s", d->pcrs);
        r = demo_run(argv, d->log, &status);
        return r < 0 ? error_trace(r) : demo_expect(d, "ima-replayctl verify", status, expected);
}

static int demo_prepare(Demo *d) {
        const CtlOptions *o = d->o;
        int r;

        r = demo_build(&d->world, o->list);
        if (r != EXIT_GOOD)
                return r;
        r = demo_find_program(&d->world, "ima-replayd", d->daemon);
        if (r == 0)
                r = demo_find_program(&d->world, "ima-replayctl", d->self);
        if (r == 0)
                r = demo_path(&d->world, "list", d->list);
        if (r == 0)
                r = demo_path(&d->world, "pcrs", d->pcrs);
        if (r == 0)
                r = demo_path(&d->world, "log", d->log);
        if (r < 0)
                return error_trace(r);
        (void)snprintf(d->root_arg, sizeof(d->root_arg), "--root=%s/root", d->world.dir);
        if (o->tcti)
                (void)snprintf(d->tcti_arg, sizeof(d->tcti_arg), "--tcti=%s", o->tcti);
        else
                (void)snprintf(d->tcti_arg, sizeof(d->tcti_arg), "--tcti=libtpms:%s/tpm/state",
                               d->world.dir);
        return error_trace(demo_write(d->list, d->world.list, d->world.n_list));
}

/* A list and no TPM: nothing may fail, nothing may be claimed. */
static int demo_without_tpm(Demo *d) {
        char dir[PATH_MAX];
        int r;

        demo_say(d, "1. IMA started without a TPM and keeps %" PRIu64 " records; no TPM yet\n",
                 d->world.n_backlog_records);
        r = demo_show_list(&d->world, d->world.n_backlog, d->world.n_backlog_records);
        if (r < 0)
                return error_trace(r);
        if (d->o->tcti) {
                demo_say(d, "  %s not shown: the TPM of --tcti= is there already\n",
                         output_mark(MARK_NOTE));
                return EXIT_GOOD;
        }
        r = demo_replayd(d, EXIT_NOT_YET);
        if (r == EXIT_GOOD)
                r = demo_path(&d->world, "tpm", dir);
        if (r == 0 && mkdir(dir, 0700) < 0)
                return error_origin(-errno);
        return r;
}

static int demo_with_tpm(Demo *d) {
        uint64_t more = d->world.n_records - d->world.n_backlog_records;
        char backlog[PATH_MAX];
        int r;

        demo_say(d, "2. The TPM comes; the backlog is caught up\n");
        r = demo_path(&d->world, "backlog", backlog);
        if (r == 0)
                r = demo_write(backlog, d->world.list, d->world.n_backlog);
        if (r == 0)
                r = demo_replayd(d, EXIT_GOOD);
        if (r == EXIT_GOOD)
                r = demo_verify(d, backlog, EXIT_GOOD);
        if (r != EXIT_GOOD)
                return r;
        demo_say(d, "3. %" PRIu64 " more records are measured; they follow\n", more);
        r = demo_show_list(&d->world, d->world.n_list, d->world.n_records);
        if (r == 0)
                r = demo_replayd(d, EXIT_GOOD);
        if (r == EXIT_GOOD)
                r = demo_verify(d, d->list, EXIT_GOOD);
        return r;
}

/* One bit of one record: a verifier that does not see it would be worth nothing. */
static int demo_break(Demo *d) {
        char path[PATH_MAX];
        size_t at = d->world.n_list - 1;
        int r;

        demo_say(d, "4. One bit of the list is altered; verify must see it\n");
        r = demo_path(&d->world, "altered", path);
        if (r < 0)
                return error_trace(r);
        d->world.list[at] ^= 1;
        r = demo_write(path, d->world.list, d->world.n_list);
        d->world.list[at] ^= 1;
        return r < 0 ? error_trace(r) : demo_verify(d, path, EXIT_MISMATCH);
}

static int demo_read_pcrs(const Demo *d, PcrValues *ret_values) {
        const CtlOptions o = { .pcrs = { d->pcrs }, .n_pcrs = 1 };

        return input_read_pcrs(&o, ret_values);
}

static int demo_print_json(const Demo *d, const PcrValues *values) {
        _cleanup_(json_dropp) Json *map = NULL, *pcrs = NULL;
        const DigestSet *each[TPM_PCR_N];
        int r;

        for (uint32_t pcr = 0; pcr < TPM_PCR_N; ++pcr)
                each[pcr] = &values->value[pcr];
        r = json_map(&map);
        if (r == 0)
                r = output_json_pcrs(verify_banks(values), TPM_PCR_N, values->of, each, &pcrs);
        if (r == 0)
                r = json_put_u64(map, "records", d->world.n_records);
        if (r == 0)
                r = json_put(map, "pcrs", &pcrs);
        if (r == 0)
                r = json_print(stdout, map, d->o->json);
        return error_trace(r);
}

/* The TPM beside the replay, bank by bank: done again here, and not taken from what verify said. */
static int demo_print_table(const Demo *d, const PcrValues *values) {
        const CtlOptions o = { .list = d->list };
        _cleanup_(input_close_list) ListInput input = {};
        _cleanup_(hashers_close) Hashers hashers = {};
        _cleanup_free_ Verify *v = malloc(sizeof(*v));
        char text[2][OUTPUT_DIGEST_MAX];
        BankMask equal = 0, banks;
        MlistRecord record;
        int r;

        if (!v)
                return error_origin(-ENOMEM);
        r = input_open_list(&o, &input);
        if (r == EXIT_GOOD)
                r = input_open_hashers(verify_banks(values), &hashers);
        if (r != EXIT_GOOD)
                return error_fold(r);
        verify_init(v, values, 0, DIGEST_SHA1, &hashers);
        while ((r = input_next(&input, &record)) == 0) {
                r = verify_record(v, &record);
                if (r < 0)
                        return error_trace(r);
        }
        if (r != LISTFILE_E_END)
                return r < 0 ? error_trace(r) : EXIT_ERROR;
        banks = values->of[v->main_pcr];
        equal = digest_set_equal(banks, &values->value[v->main_pcr],
                                 &v->replay.chain[v->main_pcr].value);
        demo_say(d, "\nBANK      PCR %-2" PRIu32 " IN THE TPM  REPLAY OF THE LIST\n", v->main_pcr);
        FOREACH_BANK(alg, banks)
                demo_say(d, "%-8s  %s  %s %s\n", digest_name(alg),
                         output_digest(d->o, alg, &values->value[v->main_pcr].of[alg], text[0]),
                         output_digest(d->o, alg, &v->replay.chain[v->main_pcr].value.of[alg],
                                       text[1]),
                         output_mark(equal & BANK(alg) ? MARK_GOOD : MARK_BAD));
        return equal == banks && banks ? EXIT_GOOD : EXIT_MISMATCH;
}

static int demo_show(Demo *d) {
        PcrValues values;
        int r;

        r = demo_prepare(d);
        if (r == EXIT_GOOD)
                r = demo_without_tpm(d);
        if (r == EXIT_GOOD)
                r = demo_with_tpm(d);
        if (r == EXIT_GOOD)
                r = demo_break(d);
        if (r == EXIT_GOOD)
                r = demo_read_pcrs(d, &values);
        if (r == EXIT_GOOD && d->o->json != JSON_OFF)
                r = demo_print_json(d, &values);
        if (r == EXIT_GOOD)
                r = demo_print_table(d, &values);
        return r;
}

/**
 * verb_demo() - ima-replayctl demo
 * @o: the options
 *
 * Return: EXIT_GOOD when everything came out as it must; EXIT_MISMATCH when a PCR does not fit the
 *         list, or an altered list is not seen; else the exit status of the program that failed; a
 *         negative errno.
 */
int verb_demo(const CtlOptions *o) {
        _cleanup_free_ Demo *d = calloc(1, sizeof(*d));
        int r;

        if (!d)
                return error_origin(-ENOMEM);
        d->o = o;
        r = demo_show(d);
        demo_remove(&d->world);
        return r;
}
