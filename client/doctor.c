/* SPDX-License-Identifier: BSD-2-Clause */
#include "client/doctor.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/exit.h"

/**
 * doctor_state_name() - the name of a state in JSON
 * @state: the state
 *
 * Return: a constant string.
 */
const char *doctor_state_name(DoctorState state) {
        static const char *const names[_DOCTOR_STATE_N] = {
                [DOCTOR_GOOD] = "good",
                [DOCTOR_NOTE] = "note",
                [DOCTOR_WAITING] = "waiting",
                [DOCTOR_BAD] = "bad",
                [DOCTOR_NOT_NEEDED] = "not-needed",
        };

        assert(state < _DOCTOR_STATE_N);
        return names[state];
}

/* A row whose text is the cause of its advice, unless doctor_say() gives it another. */
static DoctorRow *doctor_add(Doctor *d, const char *name, const char *title, DoctorState state,
                             Advice advice, KernelPart part) {
        DoctorRow *row = &d->row[d->n_rows++];

        assert(d->n_rows <= DOCTOR_ROWS_MAX);
        *row = (DoctorRow){
                .name = name, .title = title, .state = state, .advice = advice, .part = part
        };
        advice_write(advice_row(advice)->cause, part, row->text, sizeof(row->text));
        return row;
}

static _printf_(2, 3) void doctor_say(DoctorRow *row, const char *format, ...) {
        va_list args;

        va_start(args, format);
        (void)vsnprintf(row->text, sizeof(row->text), format, args);
        va_end(args);
}

/*
 * IMA
 */

/* As the extender decides; where there is no TPM yet, or no right to read the list, by what is
 * left. */
static Mode doctor_mode(const Doctor *d) {
        const ImaFacts *ima = &d->facts.ima;
        ModeFacts facts = ima->mode;
        Mode mode = MODE_UNDECIDED;

        if (d->gate.has_chip && d->gate.chip.banks_known == TRI_YES) {
                facts.banks_known = true;
                facts.banks = d->gate.chip.banks;
                facts.bank_other_than_sha1 = (facts.banks & ~BANK(DIGEST_SHA1)) != 0;
        }
        if (ima->record_known == TRI_YES)
                mode = mode_decide(&facts).mode;
        if (mode != MODE_UNDECIDED)
                return mode;
        if (kmsg_said(&d->facts.kmsg, KMSG_IMA_BYPASS))
                return MODE_BYPASS;
        if (ima->record_known == TRI_YES)
                return facts.record == MODE_RECORD_ZERO ? MODE_BYPASS : MODE_UNDECIDED;
        return facts.lists == MODE_LISTS_MORE ? MODE_KERNEL : MODE_UNDECIDED;
}

static void examine_ima(Doctor *d) {
        const ImaFacts *ima = &d->facts.ima;
        DoctorRow *row;

        if (ima->is_there != TRI_YES) {
                (void)doctor_add(d, "ima", "IMA", DOCTOR_BAD,
                                 ima->securityfs == TRI_YES ? ADVICE_IMA_ABSENT : ADVICE_SECURITYFS,
                                 PART_IMA);
                return;
        }
        row = doctor_add(d, "ima", "IMA", DOCTOR_GOOD, ADVICE_NONE, PART_NONE);
        if (ima->counted == TRI_YES)
                doctor_say(row, "on; %" PRIu64 " records", ima->n_records);
        else
                doctor_say(row, "on; the number of records is for root only");
        if (ima->counted != TRI_YES)
                return;
        if (ima->n_records > 1)
                doctor_say(doctor_add(d, "policy", "policy", DOCTOR_GOOD, ADVICE_NONE, PART_NONE),
                           "measures");
        else
                (void)doctor_add(d, "policy", "policy", DOCTOR_NOTE, ADVICE_IMA_POLICY, PART_NONE);
}

static void examine_mode(Doctor *d) {
        DoctorRow *row;

        switch (d->mode) {
        case MODE_BYPASS:
                (void)doctor_add(d, "mode", "who extends", DOCTOR_NOTE, ADVICE_IMA_BYPASS,
                                 PART_IMA_LATE);
                return;
        case MODE_KERNEL:
                row = doctor_add(d, "mode", "who extends", DOCTOR_GOOD, ADVICE_NONE, PART_NONE);
                doctor_say(row, "the kernel: it had its TPM when IMA started");
                return;
        case MODE_MIXED:
                (void)doctor_add(d, "mode", "who extends", DOCTOR_BAD, ADVICE_IMA_MIXED, PART_NONE);
                return;
        case MODE_UNDECIDED:
        case _MODE_N:
                break;
        }
        row = doctor_add(d, "mode", "who extends", DOCTOR_NOTE, ADVICE_NONE, PART_NONE);
        doctor_say(row, "not known: neither the list nor the kernel's log could be read");
}

static void examine_late(Doctor *d) {
        static const char *const texts[_PART_BUILD_N] = {
                [BUILD_UNKNOWN] = "not known: no kernel configuration in /boot or /lib/modules",
                [BUILD_NO] = "no: IMA does not wait for drivers that are built in",
                [BUILD_MODULE] = "no",
                [BUILD_BUILTIN] = "yes: IMA starts after the drivers that are built in",
        };
        PartBuild build = d->facts.kernel.build[PART_IMA_LATE];

        doctor_say(doctor_add(d, "late-sync", "IMA_INIT_LATE_SYNC",
                              build == BUILD_BUILTIN ? DOCTOR_GOOD : DOCTOR_NOTE, ADVICE_NONE,
                              PART_NONE),
                   "%s", texts[build]);
}

/*
 * What the TPM depends on, and the TPM
 */

static DoctorState state_of(const Doctor *d, GateThing thing) {
        switch (d->gate.facts[thing].readiness) {
        case GATE_NOT_NEEDED:
                return DOCTOR_NOT_NEEDED;
        case GATE_WAITING:
                return thing == GATE_PKVM && !d->options.require_pkvm ? DOCTOR_NOTE
                                                                      : DOCTOR_WAITING;
        case GATE_READY:
                return DOCTOR_GOOD;
        case GATE_DEAD:
                return thing == GATE_PKVM && !d->options.require_pkvm ? DOCTOR_NOTE : DOCTOR_BAD;
        case _GATE_READINESS_N:
                break;
        }
        assert(false);
        return DOCTOR_NOTE;
}

static DoctorRow *examine_thing(Doctor *d, GateThing thing, const char *title, const char *ready) {
        const GateFact *fact = &d->gate.facts[thing];
        DoctorRow *row = doctor_add(d, gate_thing_name(thing), title, state_of(d, thing),
                                    fact->advice, fact->part);

        if (fact->readiness == GATE_READY)
                doctor_say(row, "%s", ready);
        else if (fact->readiness == GATE_NOT_NEEDED)
                doctor_say(row, "not needed on this machine");
        return row;
}

static void examine_tpm(Doctor *d) {
        const ChipFacts *chip = &d->gate.chip;
        DoctorRow *row = examine_thing(d, GATE_TPM, "TPM", "ready");

        if (d->gate.facts[GATE_TPM].readiness == GATE_READY && d->gate.has_chip)
                doctor_say(row, "%s, %s%s%s", d->gate.device,
                           *chip->driver       ? chip->driver
                           : chip->is_software ? "software"
                                               : "driver unknown",
                           *chip->parent ? " on " : "", chip->parent);
}

static void examine_banks(Doctor *d) {
        const ChipFacts *chip = &d->gate.chip;
        DoctorRow *row;
        size_t n = 0;

        if (!d->gate.has_chip || chip->version == 1)
                return;
        if (chip->banks_known != TRI_YES) {
                (void)doctor_add(d, "banks", "banks", DOCTOR_NOTE, ADVICE_BANKS_NONE, PART_NONE);
                return;
        }
        row = doctor_add(d, "banks", "banks", DOCTOR_GOOD, ADVICE_NONE, PART_NONE);
        FOREACH_BANK(alg, chip->banks) {
                int got = snprintf(row->text + n, sizeof(row->text) - n, "%s%s", n > 0 ? ", " : "",
                                   digest_name(alg));
                n += (size_t)got;
        }
}

static void examine_pcr(Doctor *d) {
        static const char *const texts[_DOCTOR_PCR_N] = {
                [DOCTOR_PCR_UNKNOWN] = "",
                [DOCTOR_PCR_ZERO] = "zero: nobody has extended it",
                [DOCTOR_PCR_OURS] = "has a value; ima-replayd has run: see 'ima-replayctl verify'",
                [DOCTOR_PCR_SET] = "",
        };

        if (d->pcr == DOCTOR_PCR_UNKNOWN || d->mode != MODE_BYPASS)
                return;
        if (d->pcr == DOCTOR_PCR_SET)
                (void)doctor_add(d, "pcr10", "PCR 10", DOCTOR_NOTE, ADVICE_PCR_FOREIGN, PART_NONE);
        else
                doctor_say(doctor_add(d, "pcr10", "PCR 10", DOCTOR_GOOD, ADVICE_NONE, PART_NONE),
                           "%s", texts[d->pcr]);
}

static void examine_others(Doctor *d) {
        const OtherFacts *others = &d->others;

        if (others->program == TRI_YES)
                doctor_say(doctor_add(d, "other-program", "others", DOCTOR_NOTE,
                                      ADVICE_OTHER_PROGRAM, PART_NONE),
                           "%s runs, and extends IMA's records, too", others->program_name);
        if (others->systemd == TRI_YES)
                (void)doctor_add(d, "other-systemd", "others", DOCTOR_NOTE, ADVICE_OTHER_SYSTEMD,
                                 PART_NONE);
        if (others->program == TRI_NO && others->systemd != TRI_YES)
                doctor_say(doctor_add(d, "others", "others", DOCTOR_GOOD, ADVICE_NONE, PART_NONE),
                           "nobody else that extends PCR 10 can be seen");
}

/*
 * The sum of it
 */

static int status_of_gate(const Doctor *d) {
        switch (d->gate.outcome) {
        case GATE_OPEN:
                return EXIT_GOOD;
        case GATE_WAIT:
                /* Without sysfs it was not looked at all. */
                return d->gate.advice == ADVICE_TPM_UNKNOWN ? EXIT_ERROR : EXIT_NOT_YET;
        case GATE_NEVER:
                return EXIT_MISMATCH;
        case _GATE_OUTCOME_N:
                break;
        }
        assert(false);
        return EXIT_ERROR;
}

static void doctor_conclude(Doctor *d) {
        const ImaFacts *ima = &d->facts.ima;

        d->cause_part = PART_NONE;
        if (ima->is_there != TRI_YES) {
                d->cause = ima->securityfs == TRI_YES ? ADVICE_IMA_ABSENT : ADVICE_SECURITYFS;
                d->cause_part = PART_IMA;
                d->status = ima->securityfs == TRI_UNKNOWN || (ima->securityfs == TRI_YES &&
                                                               ima->is_there == TRI_UNKNOWN)
                                    ? EXIT_ERROR
                                    : EXIT_NO_IMA;
        } else if (d->mode == MODE_KERNEL) {
                d->cause = ADVICE_NONE;
                d->status = EXIT_GOOD;
        } else if (d->mode == MODE_MIXED) {
                d->cause = ADVICE_IMA_MIXED;
                d->status = EXIT_MISMATCH;
        } else {
                d->status = status_of_gate(d);
                if (d->status != EXIT_GOOD) {
                        d->cause = d->gate.advice;
                        d->cause_part = d->gate.part;
                }
        }
}

/**
 * doctor_judge() - decide: gate, mode, first cause and exit status
 * @d: facts, options; gate, mode, cause and status are set
 */
void doctor_judge(Doctor *d) {
        gate_judge(&d->facts, &d->options, &d->gate);
        d->mode = d->facts.ima.is_there == TRI_YES ? doctor_mode(d) : MODE_UNDECIDED;
        d->cause = ADVICE_NONE;
        doctor_conclude(d);
}

/**
 * doctor_examine() - the rows, in the order of cause and effect
 * @d: judged; row is set
 */
void doctor_examine(Doctor *d) {
        bool has_ima = d->facts.ima.is_there == TRI_YES;

        d->n_rows = 0;
        examine_ima(d);
        if (has_ima)
                examine_mode(d);
        if (has_ima && d->mode != MODE_KERNEL)
                examine_late(d);
        (void)examine_thing(d, GATE_PKVM, "pKVM", "protected mode is up");
        (void)examine_thing(d, GATE_FFA, "FF-A", "the TPM's partition has its driver");
        (void)examine_thing(d, GATE_TEE_SUPPLICANT, "tee-supplicant", "serves the TPM");
        examine_tpm(d);
        examine_banks(d);
        examine_pcr(d);
        if (has_ima)
                examine_others(d);
}
