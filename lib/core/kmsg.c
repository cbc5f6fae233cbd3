/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/kmsg.h"

#include <string.h>

#include "base/util.h"

/*
 * The texts, of 6.1 to 7.3. `source` is the line's first word; NULL: there is none, or
 * it is KVM's. A star stands for anything. Kernel: arch/arm64/kvm/arm.c and pkvm.c,
 * drivers/firmware/arm_ffa/driver.c, drivers/char/tpm/tpm_crb.c, tpm_crb_ffa.c, tpm_ftpm_tee.c,
 * tpm2-cmd.c, security/integrity/ima/ima_init.c.
 */
static const struct {
        const char *source;
        const char *text;
        KmsgLine line;
} kmsg_rows[] = {
        { NULL, "Linux version ", KMSG_LINUX },
        { NULL, "Protected *mode initialized successfully", KMSG_PKVM_UP },
        { NULL, "Protected KVM not available", KMSG_PKVM_FAILED },
        { NULL, "KVM is not available. Ignoring kvm-arm.mode", KMSG_PKVM_FAILED },
        { NULL, "HYP mode not available", KMSG_PKVM_FAILED },
        { NULL, "Failed to init hyp memory protection", KMSG_PKVM_FAILED },
        { NULL, "error initializing Hyp mode", KMSG_PKVM_FAILED },
        { NULL, "Failed to reserve hyp memory", KMSG_PKVM_FAILED },
        { NULL, "Cannot initialize protected mode", KMSG_PKVM_FAILED },
        { NULL, "Failed to finalize Hyp protection", KMSG_PKVM_FAILED },
        { NULL, "VHE*mode initialized successfully", KMSG_KVM_PLAIN },
        { NULL, "Hyp *mode initialized successfully", KMSG_KVM_PLAIN },
        { NULL, "KVM disabled from command line", KMSG_KVM_OFF },
        { "ima", "", KMSG_IMA },
        { "ima", "No TPM chip found, activating TPM-bypass!", KMSG_IMA_BYPASS },
        { "ARM FF-A", "Firmware version ", KMSG_FFA_FIRMWARE },
        { "ARM FF-A", "FFA_VERSION returned not supported", KMSG_FFA_ABSENT },
        { "ARM FF-A", "*No partitions found", KMSG_FFA_NO_PARTITION },
        { "ARM FF-A", "Incompatible v", KMSG_FFA_FAILED },
        { "ARM FF-A", "failed to obtain VM id", KMSG_FFA_FAILED },
        { "ARM FF-A", "failed to register FFA RxTx", KMSG_FFA_FAILED },
        { "ARM FF-A", "failed to setup partitions", KMSG_FFA_FAILED },
        { "ffa-crb", "ABI version ", KMSG_CRB_FFA_UP },
        { "ffa-crb", "failed to get crb interface version", KMSG_CRB_FFA_VERSION },
        { "ffa-crb", "partition doesn't support direct message", KMSG_CRB_FFA_NO_MESSAGES },
        { "ffa-crb", "Incompatible ABI version", KMSG_CRB_FFA_INCOMPATIBLE },
        { "tpm_crb", "TPM_LOC_STATE_x.requestAccess timed out", KMSG_CRB_TIMEOUT },
        { "tpm_crb_acpi", "TPM_LOC_STATE_x.requestAccess timed out", KMSG_CRB_TIMEOUT },
        { "ftpm-tee", "*tee_client_open_session failed", KMSG_FTPM_FAILED },
        { "optee-ftpm", "*tee_client_open_session failed", KMSG_FTPM_FAILED },
        { "tpm", "TPM in field failure mode", KMSG_TPM_FAILURE },
        { "tpm", "TPM in field upgrade mode", KMSG_TPM_FAILURE },
};

/**
 * kmsg_said() - did the kernel say it?
 * @f:    the log
 * @line: what
 *
 * Return: whether; never where the log could not be read.
 */
bool kmsg_said(const KmsgFacts *f, KmsgLine line) {
        return f->is_known && (f->said & KMSG_BIT(line)) != 0;
}

static bool take_text(Bytes *in, const char *text, size_t n) {
        Bytes rest = *in, got;

        if (!bytes_take(&rest, n, &got) || !bytes_equal(got, bytes_of(text, n)))
                return false;
        *in = rest;
        return true;
}

/* Does it begin so? At most one star. */
static bool begins(Bytes in, const char *text) {
        const char *star = strchr(text, '*');
        Bytes eaten;

        if (!star)
                return take_text(&in, text, strlen(text));
        if (!take_text(&in, text, (size_t)(star - text)))
                return false;
        do {
                Bytes rest = in;

                if (take_text(&rest, star + 1, strlen(star + 1)))
                        return true;
        } while (bytes_take(&in, 1, &eaten));
        return false;
}

/* What stands behind the first ": ", where there is one. */
static bool skip_source(Bytes *in) {
        Bytes rest = *in, eaten;

        while (bytes_take_until(&rest, ':', &eaten))
                if (take_text(&rest, " ", 1)) {
                        *in = rest;
                        return true;
                }
        return false;
}

/* Is it the first word? Of two words, for FF-A. */
static bool is_from(Bytes in, const char *source) {
        return take_text(&in, source, strlen(source)) &&
               (take_text(&in, " ", 1) || take_text(&in, ":", 1));
}

/* "6,123,4567,-;TEXT" of /dev/kmsg, or "[    0.123456] TEXT" as dmesg prints it. */
static bool skip_head(Bytes *in) {
        Bytes rest = *in, head, number;
        unsigned priority = 0;

        if (take_text(&rest, "[", 1)) {
                if (!bytes_take_until(&rest, ']', &head) || !take_text(&rest, " ", 1))
                        return false;
                *in = rest;
                return true;
        }
        if (!bytes_take_until(&rest, ';', &head) || !bytes_take_until(&head, ',', &number) ||
            number.n == 0 || number.n > 3)
                return false;
        for (size_t i = 0; i < number.n; ++i) {
                if (number.data[i] < '0' || number.data[i] > '9')
                        return false;
                priority = priority * 10 + (unsigned)(number.data[i] - '0');
        }
        *in = rest;
        /* Another facility: a program wrote it (kernel printk.c, devkmsg_write()). */
        return priority < 8;
}

/**
 * kmsg_look() - take down what a line of the kernel's log says
 * @facts: the log; said grows
 * @line:  a record of /dev/kmsg or a line of dmesg, without the newline
 */
void kmsg_look(KmsgFacts *facts, Bytes line) {
        Bytes plain, behind;

        if (!skip_head(&line))
                return;
        behind = line;
        if (!skip_source(&behind))
                behind = bytes_of("", 0);
        plain = begins(line, "kvm [") ? behind : line;
        for (size_t i = 0; i < ELEMENTSOF(kmsg_rows); ++i) {
                const char *source = kmsg_rows[i].source;

                if (source ? is_from(line, source) && begins(behind, kmsg_rows[i].text)
                           : begins(plain, kmsg_rows[i].text))
                        facts->said |= KMSG_BIT(kmsg_rows[i].line);
        }
}
