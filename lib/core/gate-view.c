/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which chip, and where one is to come from while there is none.
 */
#include "core/gate-view.h"

#include <string.h>

#define ACPI_NAME "MSFT0101"

static const char *last_part(const char *path) {
        for (const char *slash; (slash = strchr(path, '/'));)
                path = slash + 1;
        return path;
}

/* With the real driver only ACPI ties a chip to FF-A (facts of kernel 7.3: nothing in sysfs does).
 */
bool gate_chip_is_ffa(const MachineFacts *m, const ChipFacts *chip) {
        return strcmp(chip->driver, "ffa-crb") == 0 ||
               (strncmp(last_part(chip->parent), ACPI_NAME, strlen(ACPI_NAME)) == 0 &&
                m->tpm.acpi_start == ACPI_START_CRB_FFA);
}

/* The two drivers of tpm_ftpm_tee.c: on the platform bus and on the tee bus. */
bool gate_chip_is_ftpm(const ChipFacts *chip) {
        return strcmp(chip->driver, "ftpm-tee") == 0 || strcmp(chip->driver, "optee-ftpm") == 0;
}

static bool chip_fits(const ChipFacts *chip, const char *tpm) {
        if (!tpm || !*tpm || strcmp(tpm, "auto") == 0)
                return !chip->is_software;
        if (strcmp(tpm, "software") == 0)
                return chip->is_software;
        if (strncmp(tpm, "/sys/", strlen("/sys/")) == 0)
                tpm += strlen("/sys/");
        if (!*tpm)
                return false;
        return strcmp(tpm, chip->driver) == 0 || strcmp(tpm, chip->parent) == 0 ||
               (!strchr(tpm, '/') && strcmp(tpm, last_part(chip->parent)) == 0);
}

/*
 * As the kernel does: the lowest number (kernel tpm-chip.c, tpm_default_chip()), but a software
 * chip only where it was asked for. Return: the chip, or NULL.
 */
const ChipFacts *gate_choose(const MachineFacts *m, const char *tpm) {
        const ChipFacts *chosen = NULL;

        for (uint32_t i = 0; i < m->n_chips; ++i)
                if (chip_fits(&m->chip[i], tpm) && (!chosen || m->chip[i].number < chosen->number))
                        chosen = &m->chip[i];
        return chosen;
}

/* Return: what announces a TPM that is not there. */
GateSource gate_source(const MachineFacts *m) {
        const AnnouncedFacts *t = &m->tpm;

        if (t->acpi_start == ACPI_START_CRB_FFA)
                return GATE_FROM_CRB_FFA;
        if (m->ffa.tpm == TRI_YES)
                return GATE_FROM_FFA;
        if (t->ftpm == TRI_YES)
                return GATE_FROM_FTPM;
        if (t->acpi_table == TRI_YES || t->acpi == TRI_YES)
                return GATE_FROM_ACPI;
        if (t->spi == TRI_YES)
                return GATE_FROM_SPI;
        if (t->i2c == TRI_YES)
                return GATE_FROM_I2C;
        if (t->platform == TRI_YES)
                return GATE_FROM_PLATFORM;
        /* Nothing says where a TPM could be. Who loaded FF-A, or asked for pKVM, has a reason. */
        if (m->ffa.bus == TRI_YES || m->ffa.core == TRI_YES ||
            (m->pkvm.asked == TRI_YES && m->kernel.build[PART_FFA] != BUILD_NO))
                return GATE_FROM_MAYBE_FFA;
        return GATE_FROM_NOWHERE;
}
