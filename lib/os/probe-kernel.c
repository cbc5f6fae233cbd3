/* SPDX-License-Identifier: BSD-2-Clause */
#include "os/probe-kernel.h"

#include <fcntl.h>
#include <string.h>

#include "core/advice.h"
#include "os/probe-read.h"

typedef struct ConfigLook {
        KernelFacts facts;
        bool is_whole; /* an option is there that each kernel with sysfs has */
} ConfigLook;

static bool take_text(Bytes *in, const char *text) {
        Bytes rest = *in, got;

        if (!bytes_take(&rest, strlen(text), &got) || !bytes_equal_text(got, text))
                return false;
        *in = rest;
        return true;
}

static void look_at_option(void *userdata, Bytes line) {
        ConfigLook *look = userdata;

        if (bytes_equal_text(line, "CONFIG_SYSFS=y"))
                look->is_whole = true;
        for (KernelPart part = PART_NONE + 1; part < _KERNEL_PART_N; ++part) {
                Bytes rest = line;

                if (take_text(&rest, advice_option(part)) && take_text(&rest, "=") && rest.n == 1)
                        look->facts.build[part] = rest.data[0] == 'y'   ? BUILD_BUILTIN
                                                  : rest.data[0] == 'm' ? BUILD_MODULE
                                                                        : BUILD_UNKNOWN;
        }
}

/* Return: whether the file is a kernel's whole configuration. */
static bool look_at_config(const Root *root, const char *path, KernelFacts *facts) {
        _cleanup_close_ int fd = -1;
        ConfigLook look = {};

        if (root_open(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, &fd) < 0)
                return false;
        probe_lines(fd, look_at_option, &look);
        if (!look.is_whole)
                return false;
        *facts = look.facts;
        for (KernelPart part = PART_NONE + 1; part < _KERNEL_PART_N; ++part)
                if (facts->build[part] == BUILD_UNKNOWN)
                        facts->build[part] = BUILD_NO;
        return true;
}

typedef struct ModuleLook {
        KernelFacts *facts;
        PartBuild build; /* of what the file lists */
} ModuleLook;

/* "kernel/drivers/char/tpm/tpm_crb.ko" in modules.builtin, with ".xz:" and more in modules.dep. */
static void look_at_module(void *userdata, Bytes line) {
        const ModuleLook *look = userdata;
        Bytes path, name, eaten;

        if (!bytes_take_until(&line, ':', &path))
                path = line;
        name = path;
        while (bytes_take_until(&path, '/', &eaten))
                name = path;
        for (KernelPart part = PART_NONE + 1; part < _KERNEL_PART_N; ++part) {
                Bytes rest = name;

                if (*advice_module(part) && take_text(&rest, advice_module(part)) &&
                    take_text(&rest, ".ko"))
                        look->facts->build[part] = look->build;
        }
}

static void look_at_modules(const Root *root, const char *path, PartBuild build,
                            KernelFacts *facts) {
        _cleanup_close_ int fd = -1;
        ModuleLook look = { .facts = facts, .build = build };

        if (root_open(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, &fd) == 0)
                probe_lines(fd, look_at_module, &look);
}

/**
 * probe_kernel() - look at how the kernel was built
 * @root:      where the machine is
 * @ret_facts: always set; what no file tells is unknown
 */
void probe_kernel(const Root *root, KernelFacts *ret_facts) {
        char release[PROBE_TEXT_MAX], path[PROBE_PATH_MAX];
        KernelFacts facts = {};

        *ret_facts = facts;
        if (probe_text(root, "proc/sys/kernel/osrelease", release, sizeof(release)) < 0 ||
            strchr(release, '/') || !*release)
                return;
        (void)snprintf(path, sizeof(path), "boot/config-%s", release);
        if (look_at_config(root, path, ret_facts))
                return;
        (void)snprintf(path, sizeof(path), "lib/modules/%s/config", release);
        if (look_at_config(root, path, ret_facts))
                return;
        (void)snprintf(path, sizeof(path), "lib/modules/%s/modules.dep", release);
        look_at_modules(root, path, BUILD_MODULE, &facts);
        (void)snprintf(path, sizeof(path), "lib/modules/%s/modules.builtin", release);
        look_at_modules(root, path, BUILD_BUILTIN, &facts);
        *ret_facts = facts;
}
