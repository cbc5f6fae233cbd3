/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/advice.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static const struct {
        const char *module;
        const char *option;
} parts[_KERNEL_PART_N] = {
        [PART_NONE] = { "", "" },
        [PART_FFA] = { "ffa-module", "CONFIG_ARM_FFA_TRANSPORT" },
        [PART_CRB] = { "tpm_crb", "CONFIG_TCG_CRB" },
        [PART_CRB_FFA] = { "tpm_crb_ffa", "CONFIG_TCG_ARM_CRB_FFA" },
        [PART_TIS] = { "tpm_tis", "CONFIG_TCG_TIS" },
        [PART_TIS_SPI] = { "tpm_tis_spi", "CONFIG_TCG_TIS_SPI" },
        [PART_TIS_I2C] = { "tpm_tis_i2c", "CONFIG_TCG_TIS_I2C" },
        [PART_FTPM] = { "tpm_ftpm_tee", "CONFIG_TCG_FTPM_TEE" },
        [PART_IMA] = { "", "CONFIG_IMA" },
        [PART_IMA_LATE] = { "", "CONFIG_IMA_INIT_LATE_SYNC" },
};

#define LOG "look at 'dmesg | grep -iE \"ffa|tpm\"'"

/* {module} and {option} are those of the driver that it is about. */
static const AdviceRow rows[_ADVICE_N] = {
        [ADVICE_NONE] = { "none", "", "", "" },
        [ADVICE_SECURITYFS] = { "securityfs-not-mounted",
                                "securityfs is not mounted on /sys/kernel/security",
                                "no measurement list can be seen",
                                "mount -t securityfs securityfs /sys/kernel/security" },
        [ADVICE_IMA_ABSENT] = { "ima-absent", "this kernel has no IMA, or it is switched off",
                                "nothing is measured, so there is nothing to attest",
                                "use a kernel with {option}=y, and no ima=off on its command "
                                "line" },
        [ADVICE_IMA_POLICY] = { "ima-no-policy", "IMA has recorded nothing but boot_aggregate",
                                "there is no list to attest: IMA has no policy that measures",
                                "boot with ima_policy=tcb, or load /etc/ima/ima-policy" },
        [ADVICE_IMA_BYPASS] = { "ima-bypass", "IMA started before there was a TPM",
                                "the kernel extends nothing in this boot; ima-replayd does",
                                "a kernel from 7.3 on with the TPM driver built in and {option}=y "
                                "needs no ima-replayd" },
        [ADVICE_IMA_MIXED] = { "ima-mixed", "it cannot be proven who extends in this boot",
                               "ima-replayd extends nothing",
                               "boot again without kexec; look at 'ima-replayctl list'" },
        [ADVICE_PKVM_FAILED] = { "pkvm-failed",
                                 "kvm-arm.mode=protected was asked for, and protected KVM did not "
                                 "come up",
                                 "guests are not protected from the host; with RequirePKVM=yes "
                                 "nothing is extended",
                                 "look at 'dmesg | grep -i kvm'; the firmware must start the "
                                 "kernel at EL2" },
        [ADVICE_PKVM_UNKNOWN] = { "pkvm-unknown",
                                  "kvm-arm.mode=protected was asked for; the kernel's log does not "
                                  "tell whether protected KVM came up",
                                  "with RequirePKVM=yes nothing is extended",
                                  "make /dev/kmsg readable (CAP_SYSLOG, or "
                                  "kernel.dmesg_restrict=0), start earlier, or boot with "
                                  "log_buf_len=4M" },
        [ADVICE_FFA_NO_FIRMWARE] = { "ffa-no-firmware", "the firmware does not speak FF-A",
                                     "a TPM behind FF-A cannot be reached",
                                     "update the firmware (TF-A with an SPMC, FF-A 1.0 or later)" },
        [ADVICE_FFA_NO_PARTITION] = { "ffa-no-partition",
                                      "FF-A has no partition with the TPM service "
                                      "(17b862a4-1806-4faf-86b3-089a58353861)",
                                      "there is no TPM behind FF-A",
                                      "add the TPM partition to the firmware; 'cat "
                                      "/sys/bus/arm_ffa/devices/*/uuid' shows what is there" },
        [ADVICE_FFA_FAILED] = { "ffa-failed", "the FF-A core is loaded and did not start",
                                "a TPM behind FF-A cannot be reached",
                                "look at 'dmesg | grep \"ARM FF-A\"'" },
        [ADVICE_FFA_EMPTY] = { "ffa-empty", "the FF-A bus has no devices",
                               "a TPM behind FF-A cannot be reached yet",
                               "look at 'dmesg | grep \"ARM FF-A\"'" },
        [ADVICE_FFA_ANONYMOUS] = { "ffa-anonymous",
                                   "this firmware (FF-A 1.0) does not tell what its partitions are "
                                   "until a driver asks",
                                   "whether one is the TPM is not known yet", "modprobe {module}" },
        [ADVICE_FFA_PKVM_BUG] = { "ffa-pkvm-bug",
                                  "the FF-A driver spoke to the firmware before pKVM was up, and "
                                  "pKVM now refuses its calls (failed to get crb interface "
                                  "version. "
                                  "rc:-22)",
                                  "the TPM stays unreachable in this boot",
                                  "use a kernel from 7.2 on, or build {option} as a module so that "
                                  "it starts after pKVM" },
        [ADVICE_FFA_VERSION] = { "ffa-no-answer", "the TPM service did not answer its driver",
                                 "the TPM stays unreachable in this boot",
                                 "look at 'dmesg | grep ffa-crb'; update the firmware" },
        [ADVICE_FFA_NO_MESSAGES] = { "ffa-no-messages",
                                     "the TPM partition does not take direct messages",
                                     "the TPM stays unreachable in this boot",
                                     "update the firmware: under pKVM the service must offer "
                                     "FFA_MSG_SEND_DIRECT_REQ" },
        [ADVICE_FFA_INCOMPATIBLE] = { "ffa-incompatible",
                                      "the TPM service has a version that its driver does not know",
                                      "the TPM stays unreachable in this boot",
                                      "update the firmware, or use a newer kernel" },
        [ADVICE_FFA_UNBOUND] = { "ffa-unbound", "the TPM partition has no driver yet",
                                 "the TPM cannot be reached yet",
                                 "look at 'dmesg | grep ffa-crb'" },
        [ADVICE_FFA_NO_CRB] = { "ffa-no-crb",
                                "the TPM service is there, but the firmware announces no TPM that "
                                "uses it",
                                "no driver makes a TPM of it",
                                "the firmware needs an ACPI table TPM2 with start method 15" },
        [ADVICE_FFA_FIRST] = { "ffa-first", "the TPM is behind FF-A, which is not ready",
                               "there is no TPM yet", "see FF-A" },
        [ADVICE_CRB_STUB] = { "crb-stub",
                              "tpm_crb was built without FF-A (CONFIG_TCG_CRB=y with "
                              "CONFIG_TCG_ARM_CRB_FFA=m): it never calls the TPM service",
                              "this kernel can never reach the TPM, whatever is loaded",
                              "use a kernel with CONFIG_ARM_FFA_TRANSPORT=y and "
                              "CONFIG_TCG_ARM_CRB_FFA=y" },
        [ADVICE_TEE_SUPPLICANT] = { "tee-supplicant",
                                    "the firmware TPM of OP-TEE needs tee-supplicant for its "
                                    "storage",
                                    "there is no TPM until it runs",
                                    "systemctl start tee-supplicant, and then modprobe {module}" },
        [ADVICE_NOT_LOADED] = { "driver-not-loaded", "the driver {module} is not loaded",
                                "there is no TPM yet",
                                "modprobe {module}; for each boot write its name into "
                                "/etc/modules-load.d/tpm.conf" },
        [ADVICE_NOT_BUILT] = { "driver-not-built", "this kernel was built without {option}",
                               "this kernel can never reach the TPM",
                               "use a kernel with {option}" },
        [ADVICE_DRIVER_FAILED] = { "driver-failed",
                                   "the driver {module} is there and did not take the TPM",
                                   "there is no TPM yet", LOG },
        [ADVICE_DRIVER_STARTS] = { "driver-starts",
                                   "the driver {module} has the device, and there is no TPM yet",
                                   "there is no TPM yet", LOG },
        [ADVICE_TPM_UNKNOWN] = { "tpm-unknown", "/sys/class/tpm cannot be read",
                                 "it is not known whether there is a TPM",
                                 "mount sysfs on /sys; the TPM core is CONFIG_TCG_TPM" },
        [ADVICE_TPM_NONE] = { "tpm-none", "there is no TPM, and nothing announces one",
                              "nothing can be extended yet",
                              "load the driver of its bus (SPI, I2C) and the TPM's own; switch the "
                              "TPM on in the firmware" },
        [ADVICE_TPM_SOFTWARE] = { "tpm-software",
                                  "there is only a software TPM, which proves nothing to others",
                                  "it is not used", "TPM=software uses it all the same" },
        [ADVICE_TPM_OTHER] = { "tpm-other", "no TPM is the one that TPM= names",
                               "nothing can be extended yet",
                               "compare TPM= with 'readlink -f /sys/class/tpm/tpm*/device' and "
                               ".../device/driver" },
        [ADVICE_TPM_12] = { "tpm-1.2", "it is a TPM 1.2",
                            "it has only a SHA-1 bank and none of the commands that are needed",
                            "switch the firmware to TPM 2.0, or name another TPM by TPM=" },
        [ADVICE_TPM_FAILURE] = { "tpm-failure", "the TPM reports failure or field upgrade mode",
                                 "it takes no commands", "update the TPM's firmware; power off" },
        [ADVICE_NODE_ABSENT] = { "node-absent", "the TPM's device node /dev/tpmrmN is missing",
                                 "no program can use the TPM",
                                 "mount devtmpfs on /dev, or run udev" },
        [ADVICE_NODE_DENIED] = { "node-denied", "the TPM's device node cannot be opened",
                                 "ima-replayd cannot use the TPM yet",
                                 "install tpm-udev, which gives it to group tss" },
        [ADVICE_BANKS_NONE] = { "banks-none", "the kernel shows no PCR bank of the TPM",
                                "there may be nothing to extend",
                                "allocate one in the firmware setup, or with tpm2_pcrallocate" },
        [ADVICE_PCR_FOREIGN] = { "pcr-foreign",
                                 "PCR 10 holds a value, the kernel did not extend it, and "
                                 "ima-replayd has not run",
                                 "if it does not follow from the list this boot cannot attest",
                                 "look for other extenders (keylime_ima_emulator, tpm2_pcrextend); "
                                 "'ima-replayctl verify' tells" },
        [ADVICE_OTHER_PROGRAM] = { "other-program",
                                   "another program that extends IMA's records is running",
                                   "records are extended twice, and PCR 10 follows from no list",
                                   "stop and disable it: one program may extend PCR 10" },
        [ADVICE_OTHER_SYSTEMD] = { "other-systemd",
                                   "systemd has extended PCR 10 by itself in this boot",
                                   "PCR 10 does not follow from IMA's list alone",
                                   "find who in /run/log/systemd/tpm2-measure.log; let it use "
                                   "another PCR, and boot again" },
};

/**
 * advice_row() - a row of the table
 * @advice: which
 *
 * Return: the row; its texts may hold {module} and {option}, see advice_write().
 */
const AdviceRow *advice_row(Advice advice) {
        assert(advice < _ADVICE_N);
        return &rows[advice];
}

/**
 * advice_module() - how modprobe calls a driver
 * @part: the driver
 *
 * Return: a constant string, empty where there is no module.
 */
const char *advice_module(KernelPart part) {
        assert(part < _KERNEL_PART_N);
        return parts[part].module;
}

/**
 * advice_option() - the kernel's option for a driver
 * @part: the driver
 *
 * Return: a constant string with CONFIG_ in front, empty for PART_NONE.
 */
const char *advice_option(KernelPart part) {
        assert(part < _KERNEL_PART_N);
        return parts[part].option;
}

/**
 * advice_write() - a text of the table for one driver
 * @text:     a cause, effect or cure
 * @part:     the driver that it is about
 * @ret_text: the text; cut where it is too long
 * @max:      room for it, with the NUL
 */
void advice_write(const char *text, KernelPart part, char *ret_text, size_t max) {
        static const char module[] = "{module}", option[] = "{option}";
        size_t n = 0;

        while (*text && n + 1 < max) {
                const char *name = NULL;

                if (strncmp(text, module, strlen(module)) == 0)
                        name = parts[part].module;
                else if (strncmp(text, option, strlen(option)) == 0)
                        name = parts[part].option;
                if (!name) {
                        ret_text[n++] = *text++;
                        continue;
                }
                (void)snprintf(ret_text + n, max - n, "%s", name);
                n += strlen(ret_text + n);
                text += strlen(module); /* both are that long */
        }
        ret_text[n] = '\0';
}

/**
 * advice_hint() - cause and cure in one line
 * @advice:   which
 * @part:     the driver that it is about
 * @ret_text: the line; empty for ADVICE_NONE
 * @max:      room for it, with the NUL
 */
void advice_hint(Advice advice, KernelPart part, char *ret_text, size_t max) {
        char cause[ADVICE_TEXT_MAX], cure[ADVICE_TEXT_MAX];

        advice_write(advice_row(advice)->cause, part, cause, sizeof(cause));
        advice_write(advice_row(advice)->cure, part, cure, sizeof(cure));
        (void)snprintf(ret_text, max, "%s%s%s", cause, advice == ADVICE_NONE ? "" : "; ", cure);
}
