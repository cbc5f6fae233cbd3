/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-probe.c -- what is seen of a machine: trees of real and made ones, and trees that lie.
 */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "captured.h"
#include "lib/tree.h"
#include "os/probe.h"

#define TEXT_MAX 1024U

static int root_setup(void **state) {
        *state = tree_root_new();
        return 0;
}

static int root_teardown(void **state) {
        *state = tree_root_free(*state);
        return 0;
}

static MachineFacts look(const char *dir, ProbeMemory *memory) {
        const ProbeOptions options = { .memory = memory, .with_ima = true };
        _cleanup_(root_deinit) Root root = { .fd = -1 };
        MachineFacts facts;

        memset(&facts, POISON, sizeof(facts));
        assert_int_equal(root_init(&root, dir), 0);
        assert_int_equal(probe_machine(&root, &options, &facts), 0);
        return facts;
}

static char tri(Tri t) {
        static const char letters[_TRI_N + 1] = "?ny";

        return letters[t];
}

/*
 * pkvm: asked, kvm. ffa: bus, core, core bound, partitions, tpm, tpm bound, anonymous, driver.
 * acpi: table, start method, device, bound; then tpm_crb's driver. Chips: number, driver, parent,
 * version, state of the node (? a d t), banks.
 */
static const char *sum(const MachineFacts *m, char text[static TEXT_MAX]) {
        static const char nodes[_NODE_STATE_N + 1] = "?adt";
        int n;

        n = snprintf(text, TEXT_MAX, "pkvm=%c%c ffa=%c%c%c%u%c%c%c%c acpi=%c%u%c%c%c",
                     tri(m->pkvm.asked), tri(m->pkvm.kvm), tri(m->ffa.bus), tri(m->ffa.core),
                     tri(m->ffa.core_bound), m->ffa.partitions, tri(m->ffa.tpm),
                     tri(m->ffa.tpm_bound), tri(m->ffa.anonymous), tri(m->ffa.driver),
                     tri(m->tpm.acpi_table), m->tpm.acpi_start, tri(m->tpm.acpi),
                     tri(m->tpm.acpi_bound), tri(m->tpm.crb_driver));
        if (m->tpm.spi == TRI_YES)
                n += snprintf(text + n, TEXT_MAX - n, " spi=%c", tri(m->tpm.spi_bound));
        if (m->tpm.i2c == TRI_YES)
                n += snprintf(text + n, TEXT_MAX - n, " i2c=%c", tri(m->tpm.i2c_bound));
        if (m->tpm.platform == TRI_YES)
                n += snprintf(text + n, TEXT_MAX - n, " platform=%c", tri(m->tpm.platform_bound));
        if (m->tpm.ftpm == TRI_YES)
                n += snprintf(text + n, TEXT_MAX - n, " ftpm=%c%c", tri(m->tpm.ftpm_bound),
                              tri(m->tpm.ftpm_supplicant));
        if (m->chips_known != TRI_YES)
                n += snprintf(text + n, TEXT_MAX - n, " chips=?");
        for (uint32_t i = 0; i < m->n_chips; ++i) {
                const ChipFacts *c = &m->chip[i];

                n += snprintf(text + n, TEXT_MAX - n, " %u:%s%s:%s:%u:%c:%x", c->number, c->driver,
                              c->is_software ? "(software)" : "", c->parent, c->version,
                              nodes[c->node], c->banks_known == TRI_YES ? c->banks : 0xfff);
        }
        (void)snprintf(text + n, TEXT_MAX - n, " ima=%c%c%d", tri(m->ima.securityfs),
                       tri(m->ima.is_there),
                       m->ima.counted == TRI_YES ? (int)m->ima.n_records : -1);
        return text;
}

#define ARM_FFA_1 "devices/platform/arm-ffa/arm-ffa-1"
#define SPI_0_1   "devices/platform/soc/fe204000.spi/spi_master/spi0/spi0.1"

static const struct {
        const char *machine;
        const char *sum;
} machines[] = {
        { "arm64-ffa-late-stock-7.3.boot", "pkvm=yy ffa=nnn0n?nn acpi=n0n?y ima=yy4" },
        { "arm64-ffa-late-stock-7.3.ffa", "pkvm=yy ffa=yyy1ynnn acpi=n0n?y ima=yy18" },
        { "arm64-ffa-late-stock-7.3.tpm",
          "pkvm=yy ffa=yyy1yyny acpi=n0n?y 0:ffa-crb:" ARM_FFA_1 ":2:t:f ima=yy19" },
        { "arm64-ffa-late-6.12.ffa", "pkvm=yy ffa=ynn1ynnn acpi=n0n?n ima=yy25" },
        { "arm64-ffa-late-6.12.tpm",
          "pkvm=yy ffa=ynn1yyny acpi=n0n?n 0:ffa-crb:devices/arm-ffa-1:2:t:f ima=yy26" },
        { "arm64-ffa-bug-6.12.tpm", "pkvm=yy ffa=ynn1ynny acpi=n0n?n ima=yy16" },
        { "arm64-ffa-no-ffa-7.3.ffa", "pkvm=yy ffa=yyn0n?nn acpi=n0n?y ima=yy18" },
        { "arm64-ffa-no-partition-7.3.ffa", "pkvm=yy ffa=yyn0n?nn acpi=n0n?y ima=yy18" },
        { "arm64-ffa-v10-7.3.ffa", "pkvm=yy ffa=yyy1n?yn acpi=n0n?y ima=yy18" },
        { "arm64-ffa-v10-7.3.tpm",
          "pkvm=yy ffa=yyy1yyny acpi=n0n?y 0:ffa-crb:" ARM_FFA_1 ":2:t:f ima=yy19" },
        { "arm64-ffa-deadend-7.3.boot", "pkvm=yy ffa=nnn0n?nn acpi=y15yny ima=yy4" },
        { "arm64-ffa-deadend-7.3.tpm", "pkvm=yy ffa=yyy1yyny acpi=y15yny ima=yy19" },
        { "arm64-ffa-mainline-bypass-7.3.boot",
          "pkvm=yy ffa=yyy1yyny acpi=y15yyy 0:tpm_crb_acpi:devices/platform/MSFT0101:00:2:t:f "
          "ima=yy4" },
        { "arm64-kvm-none-7.3.boot", "pkvm=nn ffa=nnn0n?nn acpi=n0n?y ima=yy4" },
        { "arm64-pkvm-stock-6.1.boot", "pkvm=yy ffa=nnn0n?nn acpi=n0n?n ima=yy4" },
        { "made-spi-not-loaded", "pkvm=nn ffa=nnn0n?nn acpi=n0n?n spi=n ima=yy812" },
        { "made-spi-loaded",
          "pkvm=nn ffa=nnn0n?nn acpi=n0n?n spi=y 0:tpm_tis_spi:" SPI_0_1 ":2:t:2 ima=yy812" },
        { "made-spi-no-node",
          "pkvm=nn ffa=nnn0n?nn acpi=n0n?n spi=y 0:tpm_tis_spi:" SPI_0_1 ":2:a:2 ima=yy812" },
        { "made-i2c-not-loaded", "pkvm=nn ffa=nnn0n?nn acpi=n0n?n i2c=n ima=yy812" },
        { "made-ftpm-no-supplicant", "pkvm=nn ffa=nnn0n?nn acpi=n0n?n ftpm=ny ima=yy812" },
        /* "tpm" is also a timer of NXP. */
        { "made-ftpm-dt", "pkvm=nn ffa=nnn0n?nn acpi=n0n?n ftpm=n? ima=yy812" },
        { "made-software",
          "pkvm=nn ffa=nnn0n?nn acpi=n0n?n 0:(software):devices/virtual:2:t:13 ima=yy812" },
        { "made-software-and-spi",
          "pkvm=nn ffa=nnn0n?nn acpi=n0n?n spi=y 0:(software):devices/virtual:2:t:2 "
          "1:tpm_tis_spi:" SPI_0_1 ":2:t:2 ima=yy812" },
        { "made-tpm-1.2",
          "pkvm=nn ffa=nnn0n?nn acpi=n0n?n 0:tpm_tis:devices/pnp0/00:05:1:a:fff ima=yy812" },
        { "made-acpi-tis", "pkvm=nn ffa=nnn0n?nn acpi=y6n?n ima=yy812" },
        { "made-acpi-cut", "pkvm=nn ffa=nnn0n?nn acpi=y0n?n ima=yy812" },
        { "made-no-sysfs", "pkvm=nn ffa=???0???? acpi=?0??? chips=? ima=yy812" },
        { "made-no-ima", "pkvm=nn ffa=nnn0n?nn acpi=n0n?n ima=yn-1" },
        { "made-no-securityfs", "pkvm=nn ffa=nnn0n?nn acpi=n0n?n ima=n?-1" },
        { "made-no-tpm-core", "pkvm=nn ffa=nnn0n?nn acpi=n0n?n ima=yy812" },
};

static void test_machines(void **state) {
        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(machines); ++i) {
                char *root = tree_root_new(), text[TEXT_MAX];
                MachineFacts facts;

                ROW(machines[i].machine);
                tree_build(captured_dir(), machines[i].machine, root);
                facts = look(root, NULL);
                assert_string_equal(sum(&facts, text), machines[i].sum);
                assert_true(facts.kmsg.is_known ==
                            (strcmp(machines[i].machine, "made-pkvm-no-log") != 0));
                (void)tree_root_free(root);
        }
}

/* Nothing there: nothing known, and no error. */
static void test_empty(void **state) {
        MachineFacts facts = look(*state, NULL), none = {};

        none.pkvm.kvm = none.ima.securityfs = TRI_NO;
        assert_memory_equal(&facts, &none, sizeof(facts));
}

static void test_no_root(void **state) {
        const ProbeOptions options = {};
        const Root root = { .fd = -1, .is_given = true };
        MachineFacts facts;

        (void)state;
        assert_true(probe_machine(&root, &options, &facts) < 0);
}

/* What is not as the kernel makes it is unknown: no wait, no overrun, no guess. */
static void test_lies(void **state) {
        const char *root = *state;
        char *large = malloc(100000), path[PATH_MAX], text[TEXT_MAX];
        MachineFacts facts;

        memset(large, 'x', 99999);
        large[99999] = '\0';
        tree_directory(root, "sys/class/tpm");
        tree_file(root, "proc/cmdline", large);
        tree_file(root, "proc/sys/kernel/osrelease", "../../etc\n");
        tree_file(root, "dev/kmsg", large);
        tree_file(root, "sys/bus/arm_ffa/devices/arm-ffa-1/uuid", large);
        tree_file(root, "sys/bus/arm_ffa/devices/arm-ffa-1/partition_id", "0x8001\n");
        tree_directory(root, "sys/bus/arm_ffa/devices/arm-ffa-2");
        tree_file(root, "sys/firmware/acpi/tables/TPM2", large);
        tree_link(root, "sys/class/tpm/tpm0", "tpm0");
        tree_file(root, "sys/class/tpm/tpm1/tpm_version_major", "3\n");
        tree_file(root, "sys/class/tpm/tpm1/pcr-sha999/0", "");
        tree_directory(root, "sys/class/tpm/tpm2x");
        tree_directory(root, "sys/class/tpm/tpm");
        tree_directory(root, "sys/class/tpm/tpm4294967296");
        tree_link(root, "sys/class/tpm/tpm3", "../../../../../../../etc");
        tree_file(root, "sys/kernel/security/integrity/ima/runtime_measurements_count", "12x\n");
        (void)snprintf(path, sizeof(path), "%s/sys/bus/spi/devices/spi0.0", root);
        tree_directory(root, "sys/bus/spi/devices/spi0.0");
        (void)strncat(path, "/modalias", sizeof(path) - strlen(path) - 1);
        assert_int_equal(mkfifo(path, 0600), 0);
        facts = look(root, NULL);
        assert_string_equal(sum(&facts, text),
                            "pkvm=?n ffa=ynn0n?nn acpi=y0n?n 0::tpm0:0:a:fff 1:::0:a:fff "
                            "3::etc:0:a:fff ima=yy-1");
        assert_int_equal(facts.kmsg.said, 0);
        free(large);
}

/* More chips than there is room for: the lowest stay, in order. */
static void test_many_chips(void **state) {
        MachineFacts facts;

        for (unsigned i = 12; i-- > 0;) {
                char path[64];

                (void)snprintf(path, sizeof(path), "sys/class/tpm/tpm%u", i * 7 % 13);
                tree_directory(*state, path);
        }
        facts = look(*state, NULL);
        assert_int_equal(facts.n_chips, CHIPS_MAX);
        for (uint32_t i = 1; i < CHIPS_MAX; ++i)
                assert_true(facts.chip[i - 1].number < facts.chip[i].number);
        assert_int_equal(facts.chip[0].number, 0);
}

/* A log is read on, not again; and what was read stays known. */
static void test_log_goes_on(void **state) {
        ProbeMemory memory;
        MachineFacts facts;
        char path[PATH_MAX];
        FILE *log;

        probe_memory_init(&memory);
        tree_file(*state, "var/log/kmsg", "5,0,0,-;Linux version 7.3\n");
        facts = look(*state, &memory);
        assert_int_equal(facts.kmsg.said, KMSG_BIT(KMSG_LINUX));
        (void)snprintf(path, sizeof(path), "%s/var/log/kmsg", (const char *)*state);
        log = fopen(path, "w");
        assert_non_null(log);
        /* As long as before, so that only what is behind is new. */
        (void)fprintf(log,
                      "xxxxxxxxxxxxxxxxxxxxxxxxx\n"
                      "3,9,9,-;ffa-crb arm-ffa-1: failed to get crb interface version. rc:-22\n");
        (void)fclose(log);
        facts = look(*state, &memory);
        assert_int_equal(facts.kmsg.said, KMSG_BIT(KMSG_LINUX) | KMSG_BIT(KMSG_CRB_FFA_VERSION));
        probe_memory_deinit(&memory);
        probe_memory_deinit(&memory);
}

/* A log of more than one room, with a line that is longer than it. */
static void test_long_log(void **state) {
        char path[PATH_MAX];
        MachineFacts facts;
        FILE *log;

        tree_file(*state, "dev/kmsg", "");
        (void)snprintf(path, sizeof(path), "%s/dev/kmsg", (const char *)*state);
        log = fopen(path, "w");
        assert_non_null(log);
        for (int i = 0; i < 5000; ++i)
                (void)fprintf(log, "6,%d,1,-;usb %d: something\n", i, i);
        for (int i = 0; i < 40000; ++i)
                (void)fputc('y', log);
        (void)fprintf(log, "\n6,5001,1,-;ima: Allocated hash algorithm: sha256\n"
                           "6,5002,1,-;ima: No TPM chip found, activating TPM-bypass!");
        (void)fclose(log);
        facts = look(*state, NULL);
        assert_int_equal(facts.kmsg.said, KMSG_BIT(KMSG_IMA) | KMSG_BIT(KMSG_IMA_BYPASS));
}

static void test_config(void **state) {
        const char *root = *state;
        MachineFacts facts;

        tree_file(root, "proc/sys/kernel/osrelease", "7.3.4-x\n");
        /* A file that is no whole configuration says nothing. */
        tree_file(root, "boot/config-7.3.4-x", "CONFIG_TCG_CRB=y\n");
        facts = look(root, NULL);
        assert_int_equal(facts.kernel.build[PART_CRB], BUILD_UNKNOWN);
        tree_file(root, "lib/modules/7.3.4-x/config",
                  "CONFIG_SYSFS=y\nCONFIG_TCG_CRB=y\nCONFIG_TCG_ARM_CRB_FFA=m\n"
                  "# CONFIG_IMA_INIT_LATE_SYNC is not set\nCONFIG_TCG_TIS_SPI_CR50=y\n"
                  "CONFIG_TCG_TIS=yes\nCONFIG_IMA=y");
        facts = look(root, NULL);
        assert_int_equal(facts.kernel.build[PART_CRB], BUILD_BUILTIN);
        assert_int_equal(facts.kernel.build[PART_CRB_FFA], BUILD_MODULE);
        assert_int_equal(facts.kernel.build[PART_IMA_LATE], BUILD_NO);
        assert_int_equal(facts.kernel.build[PART_TIS_SPI], BUILD_NO);
        assert_int_equal(facts.kernel.build[PART_TIS], BUILD_NO);
        assert_int_equal(facts.kernel.build[PART_IMA], BUILD_BUILTIN);
}

/* The lists of an initrd tell what is there, never what is not. */
static void test_module_lists(void **state) {
        MachineFacts facts;

        tree_build(captured_dir(), "made-stub-by-modules", *state);
        facts = look(*state, NULL);
        assert_int_equal(facts.kernel.build[PART_CRB], BUILD_BUILTIN);
        assert_int_equal(facts.kernel.build[PART_CRB_FFA], BUILD_MODULE);
        assert_int_equal(facts.kernel.build[PART_FFA], BUILD_MODULE);
        assert_int_equal(facts.kernel.build[PART_TIS_I2C], BUILD_UNKNOWN);
        assert_int_equal(facts.kernel.build[PART_TIS_SPI], BUILD_UNKNOWN);
}

/* Renames anywhere on the machine make openat2() give up paths with ".." in them, as sysfs has. */
static void test_interference(void **state) {
        char a[PATH_MAX], b[PATH_MAX], first[TEXT_MAX], text[TEXT_MAX];
        MachineFacts facts;
        pid_t pid;

        tree_build(captured_dir(), "arm64-ffa-mainline-bypass-7.3.boot", *state);
        tree_file(*state, "a", "");
        (void)snprintf(a, sizeof(a), "%s/a", (const char *)*state);
        (void)snprintf(b, sizeof(b), "%s/b", (const char *)*state);
        facts = look(*state, NULL);
        (void)sum(&facts, first);
        pid = fork();
        if (pid == 0) {
                (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
                for (;;) {
                        (void)rename(a, b);
                        (void)rename(b, a);
                }
        }
        for (int i = 0; i < 2000; ++i) {
                facts = look(*state, NULL);
                assert_string_equal(sum(&facts, text), first);
        }
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* As somebody who may not open the node. */
static void test_denied(void **state) {
        char path[PATH_MAX];
        int status;
        pid_t pid;

        if (geteuid() != 0)
                skip();
        tree_build(captured_dir(), "made-spi-loaded", *state);
        (void)snprintf(path, sizeof(path), "%s/dev/tpmrm0", (const char *)*state);
        assert_int_equal(chmod(path, 0600), 0);
        assert_int_equal(chmod(*state, 0755), 0);
        pid = fork();
        if (pid == 0) {
                bool is_denied =
                        setuid(65534) == 0 && look(*state, NULL).chip[0].node == NODE_DENIED;

                _exit(is_denied ? 0 : 1);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
}

#define WITH_ROOT(test) cmocka_unit_test_setup_teardown(test, root_setup, root_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_machines), cmocka_unit_test(test_no_root),
                WITH_ROOT(test_empty),           WITH_ROOT(test_lies),
                WITH_ROOT(test_many_chips),      WITH_ROOT(test_log_goes_on),
                WITH_ROOT(test_long_log),        WITH_ROOT(test_config),
                WITH_ROOT(test_module_lists),    WITH_ROOT(test_denied),
                WITH_ROOT(test_interference),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
