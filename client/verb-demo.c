/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ima-replayctl demo: the whole story on a software TPM, with the real programs. A machine boots,
 * the service waits for the TPM, catches up, follows and is stopped; then what the TPM holds is
 * compared with the list, by --oneshot, by verify, and once more here.
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

/* How long a program may show no progress: so long, and one second more for so many records. */
#define PATIENCE_USEC    (10 * PLAN_SEC)
#define PATIENCE_RECORDS 50000U
/* The records of step 3 come spread over this time, each this long after the other at most. */
#define FOLLOW_MSEC 500U
#define RECORD_MSEC 20U

typedef struct Demo {
        const CtlOptions *o;
        DemoWorld world;
        DemoService service;
        uint64_t patience_usec;
        char daemon[PATH_MAX];
        char self[PATH_MAX];
        char list[PATH_MAX];
        char pcrs[PATH_MAX];
        char log[PATH_MAX];
        char root[PATH_MAX];
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

static int demo_verify(Demo *d, const char *list, int expected) {
        char list_arg[PATH_MAX + 16], pcrs_arg[PATH_MAX + 16];
        const char *const argv[] = { d->self, "verify", list_arg, pcrs_arg, NULL };
        int r, status;

        (void)snprintf(list_arg, sizeof(list_arg), "--list=%s", list);
        (void)snprintf(pcrs_arg, sizeof(pcrs_arg), "--pcrs=%s", d->pcrs);
        r = demo_run(argv, d->log, d->patience_usec, &status);
        return r != EXIT_GOOD ? r : demo_expect(d, "ima-replayctl verify", status, expected);
}

static int demo_oneshot(Demo *d) {
        const char *const argv[] = { d->daemon,   "--oneshot", "--print-pcrs",
                                     d->root_arg, d->tcti_arg, NULL };
        int r, status;

        r = demo_run(argv, d->pcrs, d->patience_usec, &status);
        return r != EXIT_GOOD ? r : demo_expect(d, "ima-replayd --oneshot", status, EXIT_GOOD);
}

static int demo_stop(Demo *d) {
        int r, status;

        r = demo_service_stop(&d->service, &status);
        return r != EXIT_GOOD ? r : demo_expect(d, "ima-replayd", status, EXIT_GOOD);
}

/* Until so many records are in the TPM; 0: until the service waits for it. */
static int demo_await(Demo *d, uint64_t n_records) {
        const DemoService *s = &d->service;
        int r = demo_service_await(&d->service, n_records, d->patience_usec);

        if (r > EXIT_GOOD && !s->program.has_ended) {
                int k;

                demo_say(d, "  %s it does not get there\n", output_mark(MARK_BAD));
                k = demo_stop(d);
                return k != EXIT_GOOD ? k : r;
        }
        if (r != EXIT_GOOD)
                return r;
        if (n_records == 0)
                demo_say(d, "  %s it waits\n", output_mark(MARK_GOOD));
        else if (s->n_left_alone > 0)
                demo_say(d, "  %s %" PRIu64 " records are in the TPM, %" PRIu64 " are left alone\n",
                         output_mark(MARK_NOTE), s->n_done - s->n_left_alone, s->n_left_alone);
        else
                demo_say(d, "  %s %" PRIu64 " records are in the TPM\n", output_mark(MARK_GOOD),
                         s->n_done);
        return EXIT_GOOD;
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
        if (r == 0)
                r = demo_path(&d->world, "root", d->root);
        if (r < 0)
                return error_trace(r);
        d->patience_usec = PATIENCE_USEC + d->world.n_records / PATIENCE_RECORDS * PLAN_SEC;
        (void)snprintf(d->root_arg, sizeof(d->root_arg), "--root=%s", d->root);
        if (o->tcti)
                (void)snprintf(d->tcti_arg, sizeof(d->tcti_arg), "--tcti=%s", o->tcti);
        else
                (void)snprintf(d->tcti_arg, sizeof(d->tcti_arg), "--tcti=libtpms:%s/tpm/state",
                               d->world.dir);
        return error_trace(demo_write(d->list, d->world.list, d->world.n_list));
}

/* A list and no TPM: nothing may fail, nothing may be claimed. */
static int demo_boot(Demo *d) {
        const char *const argv[] = { d->daemon, d->root_arg, d->tcti_arg, NULL };
        int r;

        demo_say(d,
                 "1. IMA started without a TPM and keeps %" PRIu64
                 " records; ima-replayd is started; no TPM yet\n",
                 d->world.n_backlog_records);
        r = demo_show_backlog(&d->world);
        if (r == 0)
                r = demo_service_start(&d->service, argv, d->root);
        if (r < 0)
                return error_trace(r);
        if (!d->o->tcti)
                return demo_await(d, 0);
        demo_say(d, "  %s not shown: the TPM of --tcti= is there already\n",
                 output_mark(MARK_NOTE));
        return EXIT_GOOD;
}

static int demo_catch_up(Demo *d) {
        char dir[PATH_MAX];
        int r;

        demo_say(d, "2. The TPM comes; the backlog is caught up\n");
        r = demo_path(&d->world, "tpm", dir);
        if (r < 0)
                return error_trace(r);
        if (!d->o->tcti && mkdir(dir, 0700) < 0)
                return error_origin(negative_errno());
        return demo_await(d, d->world.n_backlog_records);
}

static int demo_follow(Demo *d) {
        uint64_t more = d->world.n_records - d->world.n_backlog_records;
        int r;

        if (more == 0) {
                demo_say(d, "3. The list is too short for more to come\n");
                return EXIT_GOOD;
        }
        demo_say(d, "3. %" PRIu64 " more records are measured, one by one; they follow\n", more);
        while (d->world.n_shown_records < d->world.n_records && !d->service.program.has_ended) {
                r = demo_measure(&d->world);
                if (r == 0)
                        r = demo_service_turn(&d->service,
                                              (int)MIN_OF(FOLLOW_MSEC / more, RECORD_MSEC));
                if (r < 0)
                        return error_trace(r);
        }
        return demo_await(d, d->world.n_records);
}

/* Another process reads the TPM, and finds nothing left to extend. */
static int demo_read_back(Demo *d) {
        int r;

        demo_say(d, "4. The service is stopped; the TPM is read and compared with the list\n");
        r = demo_stop(d);
        if (r == EXIT_GOOD)
                r = demo_oneshot(d);
        if (r == EXIT_GOOD)
                r = demo_verify(d, d->list, EXIT_GOOD);
        return r;
}

/* One bit of one record: a verifier that does not see it would be worth nothing. */
static int demo_break(Demo *d) {
        char path[PATH_MAX];
        size_t at = d->world.at_fragile;
        int r;

        demo_say(d, "5. One bit of the list is altered; verify must see it\n");
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
                r = demo_boot(d);
        if (r == EXIT_GOOD)
                r = demo_catch_up(d);
        if (r == EXIT_GOOD)
                r = demo_follow(d);
        if (r == EXIT_GOOD)
                r = demo_read_back(d);
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
        d->service = DEMO_NO_SERVICE;
        r = demo_show(d);
        demo_service_kill(&d->service);
        demo_remove(&d->world);
        return r;
}
