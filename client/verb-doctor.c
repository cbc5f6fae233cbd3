/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ima-replayctl doctor: what this machine has and lacks for an IMA that is backed by a TPM.
 */
#include <string.h>

#include "base/error.h"
#include "base/escape.h"
#include "base/exit.h"
#include "client/doctor.h"
#include "client/output.h"
#include "os/message.h"
#include "os/probe-others.h"
#include "os/probe-read.h"
#include "os/probe.h"

#define TITLE_COLUMNS 19
#define PCR_PATH_MAX  96U

/* All zeros? */
static bool is_zero(const char *hex) {
        size_t n = strspn(hex, "0");

        return n > 0 && hex[n] == '\0';
}

/* Reads PCR 10 of one bank: one TPM command, by the kernel. */
static DoctorPcr doctor_look_at_pcr(const Root *root, const Doctor *d) {
        char path[PCR_PATH_MAX], hex[2 * DIGEST_SIZE_MAX + 3];
        const char *bank;

        if (!d->gate.has_chip || d->gate.chip.banks == 0)
                return DOCTOR_PCR_UNKNOWN;
        bank = digest_name(bank_from(d->gate.chip.banks, 0));
        (void)snprintf(path, sizeof(path), "sys/class/tpm/tpm%u/pcr-%s/10",
                       (unsigned)d->gate.chip.number, strcmp(bank, "sm3_256") == 0 ? "sm3" : bank);
        if (probe_text(root, path, hex, sizeof(hex)) < 0)
                return DOCTOR_PCR_UNKNOWN;
        if (is_zero(hex))
                return DOCTOR_PCR_ZERO;
        return probe_exists(root, "run/ima-replay") == TRI_YES ? DOCTOR_PCR_OURS : DOCTOR_PCR_SET;
}

static const char *doctor_mark(DoctorState state) {
        static const Mark marks[_DOCTOR_STATE_N] = {
                [DOCTOR_GOOD] = MARK_GOOD,
                [DOCTOR_NOTE] = MARK_NOTE,
                [DOCTOR_WAITING] = MARK_NOTE,
                [DOCTOR_BAD] = MARK_BAD,
        };

        return state == DOCTOR_NOT_NEEDED ? " " : output_mark(marks[state]);
}

static void print_row(const DoctorRow *row) {
        char text[ESCAPE_SIZE(ADVICE_TEXT_MAX)];

        /* It may hold names from sysfs. */
        (void)escape_bytes(bytes_of_text(row->text), text, sizeof(text));
        (void)printf("%s %-*s%s\n", doctor_mark(row->state), TITLE_COLUMNS, row->title, text);
        if (row->advice == ADVICE_NONE)
                return;
        advice_write(advice_row(row->advice)->effect, row->part, text, sizeof(text));
        (void)printf("  %-*s%s\n", TITLE_COLUMNS, "", text);
        advice_write(advice_row(row->advice)->cure, row->part, text, sizeof(text));
        (void)printf("  %-*s→ %s\n", TITLE_COLUMNS, "", text);
}

static void print_sum(const Doctor *d) {
        char cause[ADVICE_TEXT_MAX];

        advice_write(advice_row(d->cause)->cause, d->cause_part, cause, sizeof(cause));
        if (d->status == EXIT_GOOD)
                (void)printf("\n%s attestation can work: %s\n", output_mark(MARK_GOOD),
                             d->mode == MODE_KERNEL
                                     ? "the kernel extends"
                                     : "ima-replayd can extend what the kernel did not");
        else
                (void)printf("\n%s %s: %s\n",
                             output_mark(d->status == EXIT_NOT_YET ? MARK_NOTE : MARK_BAD),
                             d->status == EXIT_NOT_YET  ? "attestation cannot work yet"
                             : d->status == EXIT_NO_IMA ? "no IMA"
                             : d->status == EXIT_ERROR  ? "it could not be told"
                                                        : "attestation cannot work in this boot",
                             cause);
}

static int doctor_text(Json *map, const char *key, const char *text) {
        return json_put_text(map, key, bytes_of_text(text));
}

static int json_advice(Json *map, Advice advice, KernelPart part) {
        const AdviceRow *row = advice_row(advice);
        char text[ADVICE_TEXT_MAX];
        int r;

        r = doctor_text(map, "cause", row->name);
        advice_write(row->effect, part, text, sizeof(text));
        if (r == 0)
                r = doctor_text(map, "effect", text);
        advice_write(row->cure, part, text, sizeof(text));
        if (r == 0)
                r = doctor_text(map, "cure", text);
        return error_trace(r);
}

static int json_rows(const Doctor *d, Json **ret_rows) {
        _cleanup_(json_dropp) Json *rows = NULL;
        int r = json_array(&rows);

        for (size_t i = 0; r == 0 && i < d->n_rows; ++i) {
                const DoctorRow *row = &d->row[i];
                _cleanup_(json_dropp) Json *map = NULL;

                r = json_map(&map);
                if (r == 0)
                        r = doctor_text(map, "name", row->name);
                if (r == 0)
                        r = doctor_text(map, "state", doctor_state_name(row->state));
                if (r == 0)
                        r = doctor_text(map, "text", row->text);
                if (r == 0 && row->advice != ADVICE_NONE)
                        r = json_advice(map, row->advice, row->part);
                if (r == 0)
                        r = json_add(rows, &map);
        }
        if (r == 0)
                *ret_rows = TAKE(rows);
        return error_trace(r);
}

static int doctor_print_json(const CtlOptions *o, const Doctor *d) {
        _cleanup_(json_dropp) Json *map = NULL, *rows = NULL;
        int r;

        r = json_map(&map);
        if (r == 0)
                r = json_put_u64(map, "status", (uint64_t)d->status);
        if (r == 0)
                r = doctor_text(map, "cause", advice_row(d->cause)->name);
        if (r == 0)
                r = doctor_text(map, "mode", mode_name(d->mode));
        if (r == 0)
                r = doctor_text(map, "gate", gate_outcome_name(d->gate.outcome));
        if (r == 0)
                r = doctor_text(map, "reason", gate_reason_name(d->gate.reason));
        if (r == 0 && *d->gate.device)
                r = doctor_text(map, "device", d->gate.device);
        if (r == 0)
                r = json_rows(d, &rows);
        if (r == 0)
                r = json_put(map, "checks", &rows);
        if (r == 0)
                r = json_print(stdout, map, o->json);
        return error_trace(r);
}

static int doctor_print(const CtlOptions *o, const Doctor *d) {
        if (o->quiet)
                return 0;
        if (o->json != JSON_OFF)
                return error_trace(doctor_print_json(o, d));
        for (size_t i = 0; i < d->n_rows; ++i)
                print_row(&d->row[i]);
        if (!o->no_legend)
                print_sum(d);
        return 0;
}

/**
 * verb_doctor() - ima-replayctl doctor
 * @o: the options
 *
 * Return: EXIT_GOOD when attestation can work: the kernel extends, or ima-replayd can;
 *         EXIT_NOT_YET when something is still waited for; EXIT_MISMATCH for a dead end;
 *         EXIT_NO_IMA; EXIT_ERROR when it could not be looked at; a negative errno.
 */
int verb_doctor(const CtlOptions *o) {
        const ProbeOptions how = { .with_ima = true };
        _cleanup_(root_deinit) Root root = { .fd = -1 };
        _cleanup_free_ Doctor *d = calloc(1, sizeof(*d));
        int r;

        if (!d)
                return error_origin(-ENOMEM);
        r = root_init(&root, o->root);
        if (r < 0) {
                message_error("--root=%s: %s", o->root ? o->root : "/", strerror(-r));
                return EXIT_ERROR;
        }
        r = probe_machine(&root, &how, &d->facts);
        if (r < 0)
                return error_trace(r);
        probe_others(&root, &d->others);
        d->options.tpm = o->tpm;
        doctor_judge(d);
        d->pcr = doctor_look_at_pcr(&root, d);
        doctor_examine(d);
        r = doctor_print(o, d);
        return r < 0 ? error_trace(r) : d->status;
}
