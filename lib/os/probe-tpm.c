/* SPDX-License-Identifier: BSD-2-Clause */
#include "os/probe-tpm.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "os/probe-read.h"

#define TPM_CLASS   "sys/class/tpm"
#define PLATFORM    "sys/bus/platform/devices"
#define TEE_DEVICES "sys/bus/tee/devices"
#define ACPI_TABLE  "sys/firmware/acpi/tables/TPM2"

/* OP-TEE's fTPM (kernel drivers/char/tpm/tpm_ftpm_tee.c). */
#define FTPM_DEVICE "optee-ta-bc50d971-d4c9-42c4-82cb-343fb7f37896"

/* TCG ACPI Specification: the header has 36 bytes; the start method is a u32 at 48. */
#define ACPI_TABLE_MAX    512U
#define ACPI_SIGNATURE    "TPM2"
#define ACPI_BEFORE_START 44U

typedef struct TpmLook {
        const Root *root;
        MachineFacts *facts;
        AnnouncedFacts *announced;
        const char *directory; /* of the bus */
        Tri *is_there, *is_bound;
} TpmLook;

/*
 * Chips
 */

static void look_at_bank(void *userdata, const char *name) {
        ChipFacts *chip = userdata;
        DigestAlg alg;

        if (strncmp(name, "pcr-", strlen("pcr-")) != 0)
                return;
        name += strlen("pcr-");
        /* The kernel says sm3 where the TPM says SM3_256. */
        if (digest_by_name(bytes_of_text(strcmp(name, "sm3") == 0 ? "sm3_256" : name), &alg))
                chip->banks |= BANK(alg);
}

static NodeState look_at_node(const Root *root, uint32_t number) {
        _cleanup_close_ int fd = -1;
        char path[PROBE_PATH_MAX];
        int r;

        (void)snprintf(path, sizeof(path), "dev/tpmrm%u", (unsigned)number);
        r = root_open(root, path, O_PATH, &fd);
        if (r < 0)
                return r == -ENOENT || r == -ENOTDIR ? NODE_ABSENT : NODE_UNKNOWN;
        if (faccessat(fd, "", R_OK | W_OK, AT_EMPTY_PATH | AT_EACCESS) == 0)
                return NODE_THERE;
        return errno == EACCES || errno == EPERM ? NODE_DENIED : NODE_UNKNOWN;
}

/* "../../devices/platform/MSFT0101:00/tpm/tpm0" -> "devices/platform/MSFT0101:00" */
static void look_at_parent(const Root *root, const char *dir, ChipFacts *chip) {
        char link[PROBE_PATH_MAX];
        const char *from = link;
        char *end;

        if (probe_link(root, dir, link, sizeof(link)) < 0)
                return;
        while (strncmp(from, "../", 3) == 0)
                from += 3;
        chip->is_software = strncmp(from, "devices/virtual/", strlen("devices/virtual/")) == 0;
        end = strstr(link, "/tpm/tpm");
        if (end)
                *end = '\0';
        if (strlen(from) < sizeof(chip->parent))
                (void)snprintf(chip->parent, sizeof(chip->parent), "%s", from);
}

static void look_at_driver(const Root *root, const char *dir, ChipFacts *chip) {
        char path[PROBE_PATH_MAX], link[PROBE_PATH_MAX];
        const char *name;

        (void)snprintf(path, sizeof(path), "%.100s/device/driver", dir);
        if (probe_link(root, path, link, sizeof(link)) < 0)
                return;
        name = strrchr(link, '/');
        name = name ? name + 1 : link;
        if (strlen(name) < sizeof(chip->driver))
                (void)snprintf(chip->driver, sizeof(chip->driver), "%s", name);
}

/* "tpm7"; the class has nothing else. */
static bool chip_number(const char *name, uint32_t *ret_number) {
        uint32_t number = 0;
        size_t n;

        if (strncmp(name, "tpm", 3) != 0)
                return false;
        name += 3;
        n = strlen(name);
        if (n == 0 || n > 5 || strspn(name, "0123456789") != n)
                return false;
        for (; *name; ++name)
                number = number * 10 + (uint32_t)(*name - '0');
        *ret_number = number;
        return true;
}

/* Room for it at its place, ascending; of too many the highest numbers are left out. */
static ChipFacts *chip_insert(MachineFacts *facts, uint32_t number) {
        uint32_t at = 0, n = facts->n_chips;

        while (at < n && facts->chip[at].number < number)
                ++at;
        if (at == CHIPS_MAX)
                return NULL;
        if (n == CHIPS_MAX)
                --n;
        memmove(&facts->chip[at + 1], &facts->chip[at], (n - at) * sizeof(facts->chip[0]));
        facts->n_chips = n + 1;
        facts->chip[at] = (ChipFacts){ .number = number };
        return &facts->chip[at];
}

static void look_at_chip(void *userdata, const char *name) {
        const TpmLook *look = userdata;
        char dir[PROBE_PATH_MAX], path[PROBE_PATH_MAX], text[PROBE_TEXT_MAX];
        ChipFacts *chip;
        uint32_t number;

        if (!chip_number(name, &number))
                return;
        chip = chip_insert(look->facts, number);
        if (!chip)
                return;
        (void)snprintf(dir, sizeof(dir), TPM_CLASS "/tpm%u", (unsigned)number);
        look_at_parent(look->root, dir, chip);
        look_at_driver(look->root, dir, chip);
        (void)snprintf(path, sizeof(path), "%.100s/tpm_version_major", dir);
        if (probe_text(look->root, path, text, sizeof(text)) == 0)
                chip->version = strcmp(text, "2") == 0 ? 2 : strcmp(text, "1") == 0 ? 1 : 0;
        chip->node = look_at_node(look->root, number);
        chip->banks_known = probe_list(look->root, dir, look_at_bank, chip);
        /* Before 5.12 the kernel shows no banks; none at all is more likely that than none. */
        if (chip->banks == 0)
                chip->banks_known = TRI_UNKNOWN;
}

/**
 * probe_tpm_chips() - look at the chips that the kernel has
 * @root:  where sysfs is mounted
 * @facts: chips_known, n_chips and chip are set
 */
void probe_tpm_chips(const Root *root, MachineFacts *facts) {
        TpmLook look = { .root = root, .facts = facts };

        facts->n_chips = 0;
        /* A kernel without the TPM core has no class, and no chip. */
        facts->chips_known = probe_list(root, TPM_CLASS, look_at_chip, &look) == TRI_UNKNOWN
                                     ? TRI_UNKNOWN
                                     : TRI_YES;
}

/*
 * Announced
 */

/* Does a modalias belong to a TPM? Of drivers/char/tpm in 7.3, with the names of device trees. */
static bool modalias_is_tpm(const char *modalias) {
        static const char *const parts[] = {
                "tcg,tpm",  "tpm_tis", "tpm-tis", "infineon,slb9", "slb96",       "st33htpm",
                "st33zp24", "npct6",   "npct7",   "at97sc3204t",   "google,cr50",
        };

        for (size_t i = 0; i < ELEMENTSOF(parts); ++i)
                if (strstr(modalias, parts[i]))
                        return true;
        return false;
}

static void note(Tri *is_there, Tri *is_bound, Tri bound) {
        *is_there = TRI_YES;
        if (*is_bound != TRI_YES)
                *is_bound = bound;
}

static void look_at_bus_device(void *userdata, const char *name) {
        const TpmLook *look = userdata;
        char path[PROBE_PATH_MAX], modalias[PROBE_TEXT_MAX];

        (void)snprintf(path, sizeof(path), "%.60s/%.200s/modalias", look->directory, name);
        if (probe_text(look->root, path, modalias, sizeof(modalias)) == 0 &&
            modalias_is_tpm(modalias))
                note(look->is_there, look->is_bound,
                     probe_is_below(look->root, look->directory, name, "driver"));
}

/* There are hundreds: only names that may be a TPM are looked at. "tpm" is also NXP's timer. */
static void look_at_platform_device(void *userdata, const char *name) {
        const TpmLook *look = userdata;
        AnnouncedFacts *t = look->announced;
        bool is_acpi = strncmp(name, "MSFT0101:", strlen("MSFT0101:")) == 0;
        char path[PROBE_PATH_MAX], modalias[PROBE_TEXT_MAX];
        Tri bound;

        if (!is_acpi && !strstr(name, "tpm"))
                return;
        bound = probe_is_below(look->root, look->directory, name, "driver");
        if (is_acpi) {
                note(&t->acpi, &t->acpi_bound, bound);
                return;
        }
        (void)snprintf(path, sizeof(path), "%.60s/%.200s/modalias", look->directory, name);
        if (probe_text(look->root, path, modalias, sizeof(modalias)) < 0)
                return;
        if (strstr(modalias, "microsoft,ftpm"))
                note(&t->ftpm, &t->ftpm_bound, bound);
        else if (modalias_is_tpm(modalias))
                note(&t->platform, &t->platform_bound, bound);
}

static void look_at_acpi_device(void *userdata, const char *name) {
        const TpmLook *look = userdata;

        if (strncmp(name, "MSFT0101:", strlen("MSFT0101:")) == 0)
                note(&look->announced->acpi, &look->announced->acpi_bound,
                     probe_is_below(look->root, look->directory, name, "driver"));
}

static void look_at_table(const Root *root, AnnouncedFacts *f) {
        _cleanup_close_ int fd = -1;
        uint8_t data[ACPI_TABLE_MAX];
        Bytes in, signature, eaten;
        uint32_t start;
        size_t n;

        f->acpi_table = probe_exists(root, ACPI_TABLE);
        if (root_open(root, ACPI_TABLE, O_RDONLY | O_NONBLOCK | O_NOCTTY, &fd) < 0 ||
            read_whole(fd, data, sizeof(data), &n) < 0)
                return;
        in = bytes_of(data, n);
        if (bytes_take(&in, strlen(ACPI_SIGNATURE), &signature) &&
            bytes_equal_text(signature, ACPI_SIGNATURE) &&
            bytes_take(&in, ACPI_BEFORE_START, &eaten) && bytes_take_u32(&in, ORDER_LITTLE, &start))
                f->acpi_start = start;
}

static void look_at_ftpm(const Root *root, AnnouncedFacts *f) {
        if (probe_exists(root, TEE_DEVICES "/" FTPM_DEVICE) != TRI_YES)
                return;
        note(&f->ftpm, &f->ftpm_bound, probe_is_below(root, TEE_DEVICES, FTPM_DEVICE, "driver"));
        /* From 6.7 on; where it is missing nothing follows. */
        if (probe_is_below(root, TEE_DEVICES, FTPM_DEVICE, "need_supplicant") == TRI_YES)
                f->ftpm_supplicant = TRI_YES;
}

/* What a whole bus does not show is not there. */
static Tri settle(Tri listed, Tri found) {
        return found == TRI_YES ? TRI_YES : listed == TRI_UNKNOWN ? TRI_UNKNOWN : TRI_NO;
}

/**
 * probe_tpm_announced() - look at what announces a TPM
 * @root:      where sysfs is mounted
 * @ret_facts: always set
 */
void probe_tpm_announced(const Root *root, AnnouncedFacts *ret_facts) {
        AnnouncedFacts f = {};
        TpmLook look = { .root = root, .announced = &f };
        Tri listed, platform, acpi;

        look.directory = "sys/bus/spi/devices";
        look.is_there = &f.spi;
        look.is_bound = &f.spi_bound;
        listed = probe_list(root, look.directory, look_at_bus_device, &look);
        f.spi = settle(listed, f.spi);
        look.directory = "sys/bus/i2c/devices";
        look.is_there = &f.i2c;
        look.is_bound = &f.i2c_bound;
        listed = probe_list(root, look.directory, look_at_bus_device, &look);
        f.i2c = settle(listed, f.i2c);
        look.directory = PLATFORM;
        platform = probe_list(root, look.directory, look_at_platform_device, &look);
        look.directory = "sys/bus/acpi/devices";
        acpi = probe_list(root, look.directory, look_at_acpi_device, &look);
        f.platform = settle(platform, f.platform);
        f.acpi = settle(platform == TRI_UNKNOWN ? platform : acpi, f.acpi);
        look_at_table(root, &f);
        look_at_ftpm(root, &f);
        f.ftpm = settle(platform, f.ftpm);
        f.crb_driver =
                tri_of(probe_exists(root, "sys/bus/platform/drivers/tpm_crb_acpi") == TRI_YES ||
                       probe_exists(root, "sys/bus/acpi/drivers/tpm_crb") == TRI_YES);
        *ret_facts = f;
}
