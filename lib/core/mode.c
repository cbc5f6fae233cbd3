/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/mode.h"

#include <assert.h>
#include <string.h>

#define LIST_FILE_PREFIX   "binary_runtime_measurements_"
#define LIST_STAGED_SUFFIX "_staged"

/**
 * mode_name() - name of a mode, as in the varlink interface
 * @mode: the mode
 *
 * Return: a constant string.
 */
const char *mode_name(Mode mode) {
        static const char *const names[_MODE_N] = {
                [MODE_UNDECIDED] = "undecided",
                [MODE_BYPASS] = "bypass",
                [MODE_KERNEL] = "kernel",
                [MODE_MIXED] = "mixed",
        };

        return names[mode];
}

static const struct {
        const char *name;
        const char *text;
} reason_table[_MODE_REASON_N] = {
        [MODE_REASON_NONE] = { "none", "not decided yet" },
        [MODE_REASON_BOOT_AGGREGATE_ZERO] = { "boot_aggregate_zero",
                                              "record 0 is a zero boot_aggregate: the kernel had "
                                              "no TPM when IMA started" },
        [MODE_REASON_BOOT_AGGREGATE_SET] = { "boot_aggregate_set",
                                             "record 0 is a boot_aggregate with a value: the "
                                             "kernel had its TPM" },
        [MODE_REASON_BANK_LISTS_PRESENT] = { "bank_lists_present",
                                             "record 0 is a zero boot_aggregate, but the kernel "
                                             "keeps a list for each TPM bank" },
        [MODE_REASON_LATER_BOOT_AGGREGATE] = { "later_boot_aggregate",
                                               "the list holds a second boot_aggregate and may "
                                               "have come through kexec" },
        [MODE_REASON_FIRST_RECORD_FOREIGN] = { "first_record_foreign",
                                               "record 0 is no boot_aggregate" },
        [MODE_REASON_NO_AGGREGATE_BANK] = { "no_aggregate_bank",
                                            "the TPM has no bank from which the kernel makes a "
                                            "boot_aggregate, so zero proves nothing" },
        [MODE_REASON_LIST_INHERITED] = { "list_inherited",
                                         "record 0 is a boot_aggregate with a value, but this "
                                         "kernel keeps no list for the TPM's banks" },
};

/**
 * mode_reason_name() - name of a reason, as in the varlink interface
 * @reason: the reason
 *
 * Return: a constant string.
 */
const char *mode_reason_name(ModeReason reason) {
        return reason_table[reason].name;
}

/**
 * mode_reason_text() - a reason as a sentence for people
 * @reason: the reason
 *
 * Return: a constant string.
 */
const char *mode_reason_text(ModeReason reason) {
        return reason_table[reason].text;
}

/**
 * mode_is_boot_aggregate() - is this the name of the record that a kernel writes first?
 * @name: name of a record
 *
 * boot_aggregate_late: kernels from 7.3 on with IMA_INIT_LATE_SYNC, TPM or not.
 *
 * Return: whether it is.
 */
bool mode_is_boot_aggregate(Bytes name) {
        return bytes_equal_text(name, "boot_aggregate") ||
               bytes_equal_text(name, "boot_aggregate_late");
}

/*
 * The bank that a digest's label names. The kernel says sm3 where the TPM says SM3_256, and cannot
 * read a SHA-3 bank at all (kernel tpm2-cmd.c, tpm2_hash_map): its labels for those stay unknown.
 */
static bool mode_bank_of_label(Bytes label, DigestAlg *ret_alg) {
        if (bytes_equal_text(label, "sm3"))
                label = bytes_of_text(digest_name(DIGEST_SM3_256));
        return digest_by_name(label, ret_alg);
}

/**
 * mode_look_at_record() - take the facts of record 0
 * @record: record 0
 * @order:  byte order of its list
 * @facts:  record and ima_hash are set
 */
void mode_look_at_record(const MlistRecord *record, ByteOrder order, ModeFacts *facts) {
        TemplateSubject s;

        facts->record = MODE_RECORD_OTHER;
        facts->ima_hash_known = false;
        /* A violation is never the kernel's first record, whatever it is called. */
        if (record->is_violation || template_subject(record, order, &s) != 0 ||
            !mode_is_boot_aggregate(s.name) || s.digest.n == 0)
                return;
        facts->record = bytes_is_zero(s.digest) ? MODE_RECORD_ZERO : MODE_RECORD_SET;
        facts->ima_hash_known = mode_bank_of_label(s.alg, &facts->ima_hash);
}

/**
 * mode_look_at_file() - take the facts of one file name in IMA's directory of securityfs
 * @file_name: for example "binary_runtime_measurements_sha256"
 * @facts:     lists grows
 */
void mode_look_at_file(const char *file_name, ModeFacts *facts) {
        size_t n = strlen(file_name), n_suffix = strlen(LIST_STAGED_SUFFIX);

        if (strncmp(file_name, LIST_FILE_PREFIX, strlen(LIST_FILE_PREFIX)) != 0)
                return;
        file_name += strlen(LIST_FILE_PREFIX);
        n -= strlen(LIST_FILE_PREFIX);
        /* "_staged" alone and "_ALG_staged" are the trimming files of 7.2+. */
        if (strcmp(file_name, &LIST_STAGED_SUFFIX[1]) == 0 ||
            (n >= n_suffix && strcmp(file_name + n - n_suffix, LIST_STAGED_SUFFIX) == 0))
                return;
        if (strcmp(file_name, "sha1") != 0)
                facts->lists = MODE_LISTS_MORE;
        else if (facts->lists == MODE_LISTS_NONE)
                facts->lists = MODE_LISTS_SHA1;
}

static bool take_word(Bytes *in, const char *ends, Bytes *ret_word) {
        Bytes rest = *in, eaten;
        size_t n = 0;

        while (rest.n > 0 && strchr(ends, rest.data[0]) && rest.data[0] != '\0')
                (void)bytes_take(&rest, 1, &eaten);
        while (n < rest.n && (rest.data[n] == '\0' || !strchr(ends, rest.data[n])))
                ++n;
        *in = rest;
        return n > 0 && bytes_take(in, n, ret_word);
}

/**
 * mode_cmdline_has_pkvm() - does the kernel command line ask for protected KVM?
 * @cmdline: /proc/cmdline
 *
 * Whole words only, the last one wins, and nothing counts behind "--" (kernel params.c,
 * parse_args()). Under pKVM the host has no kexec (kernel-parameters.txt, kvm-arm.mode).
 *
 * Return: whether it certainly does.
 */
bool mode_cmdline_has_pkvm(Bytes cmdline) {
        bool has = false;
        Bytes word, value, key;

        while (take_word(&cmdline, " \t\n", &word) && !bytes_equal_text(word, "--")) {
                value = word;
                if (bytes_take_until(&value, '=', &key) && bytes_equal_text(key, "kvm-arm.mode"))
                        has = bytes_equal_text(value, "protected");
        }
        return has;
}

/**
 * mode_config_denies_kexec() - does the kernel's configuration say that no list comes by kexec?
 * @config: the text of a .config
 *
 * Only a text that is a configuration of a kernel with IMA says no; an empty or cut one does not.
 *
 * Return: whether it certainly does.
 */
bool mode_config_denies_kexec(Bytes config) {
        bool has_ima = false, has_kexec = false;
        Bytes line;

        while (take_word(&config, "\n", &line)) {
                has_ima |= bytes_equal_text(line, "CONFIG_IMA=y");
                has_kexec |= bytes_equal_text(line, "CONFIG_IMA_KEXEC=y");
                if (bytes_equal_text(line, "# CONFIG_IMA_KEXEC is not set"))
                        return true;
        }
        return has_ima && !has_kexec;
}

/*
 * A kernel that does not tell its banks by files. boot_aggregate is made from the bank of ima_hash,
 * else sha256, else sha1; without any of them it stays zero although the kernel extends (kernel
 * ima_crypto.c, ima_calc_boot_aggregate()).
 */
static ModeVerdict mode_decide_zero_alone(const ModeFacts *f) {
        BankMask aggregate = BANK(DIGEST_SHA1) | BANK(DIGEST_SHA256);

        if (f->later_boot_aggregate && f->kexec_inherits)
                return (ModeVerdict){ MODE_MIXED, MODE_REASON_LATER_BOOT_AGGREGATE };
        if (!f->banks_known)
                return (ModeVerdict){ MODE_UNDECIDED, MODE_REASON_NONE };
        if (f->ima_hash_known)
                aggregate |= BANK(f->ima_hash);
        if (!(f->banks & aggregate))
                return (ModeVerdict){ MODE_MIXED, MODE_REASON_NO_AGGREGATE_BANK };
        return (ModeVerdict){ MODE_BYPASS, MODE_REASON_BOOT_AGGREGATE_ZERO };
}

static ModeVerdict mode_decide_zero(const ModeFacts *f) {
        switch (f->lists) {
        case MODE_LISTS_MORE:
                return (ModeVerdict){ MODE_MIXED, MODE_REASON_BANK_LISTS_PRESENT };
        case MODE_LISTS_SHA1:
                if (!f->banks_known)
                        return (ModeVerdict){ MODE_UNDECIDED, MODE_REASON_NONE };
                /* A kernel with this TPM would keep the list of the other bank too. */
                if (f->bank_other_than_sha1)
                        return (ModeVerdict){ MODE_BYPASS, MODE_REASON_BOOT_AGGREGATE_ZERO };
                return mode_decide_zero_alone(f);
        case MODE_LISTS_NONE:
                return mode_decide_zero_alone(f);
        case _MODE_LISTS_N:
                break;
        }
        assert(false);
        return (ModeVerdict){ MODE_MIXED, MODE_REASON_NONE };
}

static ModeVerdict mode_decide_set(const ModeFacts *f) {
        switch (f->lists) {
        case MODE_LISTS_MORE:
        case MODE_LISTS_NONE:
                return (ModeVerdict){ MODE_KERNEL, MODE_REASON_BOOT_AGGREGATE_SET };
        case MODE_LISTS_SHA1:
                if (!f->banks_known)
                        return (ModeVerdict){ MODE_UNDECIDED, MODE_REASON_NONE };
                if (f->bank_other_than_sha1)
                        return (ModeVerdict){ MODE_MIXED, MODE_REASON_LIST_INHERITED };
                return (ModeVerdict){ MODE_KERNEL, MODE_REASON_BOOT_AGGREGATE_SET };
        case _MODE_LISTS_N:
                break;
        }
        assert(false);
        return (ModeVerdict){ MODE_MIXED, MODE_REASON_NONE };
}

/**
 * mode_decide() - who extends in this boot
 * @facts: what is known
 *
 * Every doubt is MODE_MIXED, in which nobody extends. MODE_UNDECIDED only says that the TPM's
 * banks are needed; nothing may be sent to a PCR before.
 *
 * Return: the mode and why.
 */
ModeVerdict mode_decide(const ModeFacts *facts) {
        switch (facts->record) {
        case MODE_RECORD_OTHER:
                return (ModeVerdict){ MODE_MIXED, MODE_REASON_FIRST_RECORD_FOREIGN };
        case MODE_RECORD_ZERO:
                return mode_decide_zero(facts);
        case MODE_RECORD_SET:
                return mode_decide_set(facts);
        case _MODE_RECORD_N:
                break;
        }
        assert(false);
        return (ModeVerdict){ MODE_MIXED, MODE_REASON_NONE };
}
