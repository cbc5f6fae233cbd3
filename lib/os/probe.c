/* SPDX-License-Identifier: BSD-2-Clause */
#include "os/probe.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/error.h"
#include "os/probe-ffa.h"
#include "os/probe-ima.h"
#include "os/probe-kernel.h"
#include "os/probe-read.h"
#include "os/probe-tpm.h"

#define CMDLINE_MAX (16U << 10) /* COMMAND_LINE_SIZE is 2 to 4 KiB */

/*
 * The kernel's log and pKVM
 */

static void probe_kmsg_line(void *userdata, Bytes line) {
        kmsg_look(userdata, line);
}

/* A device below another root would be this machine's own log. */
static int probe_kmsg_open(const Root *root) {
        static const char *const paths[] = { "dev/kmsg", "var/log/kmsg" };

        for (size_t i = 0; i < (root->is_given ? ELEMENTSOF(paths) : 1); ++i) {
                _cleanup_close_ int fd = -1;
                struct stat st;

                if (root_open(root, paths[i], O_RDONLY | O_NONBLOCK | O_NOCTTY, &fd) == 0 &&
                    fstat(fd, &st) == 0 && S_ISREG(st.st_mode) == root->is_given)
                        return take_fd(&fd);
        }
        return -1;
}

static void probe_kmsg(const Root *root, ProbeMemory *memory) {
        if (memory->kmsg_fd < 0 && !memory->kmsg_was_tried)
                memory->kmsg_fd = probe_kmsg_open(root);
        memory->kmsg_was_tried = true;
        if (memory->kmsg_fd < 0)
                return;
        memory->kmsg.is_known = true;
        probe_lines(memory->kmsg_fd, probe_kmsg_line, &memory->kmsg);
}

static void probe_pkvm(const Root *root, PkvmFacts *ret_facts) {
        PkvmFacts f = { .kvm = probe_exists(root, "sys/class/misc/kvm") };
        char cmdline[CMDLINE_MAX];

        if (f.kvm != TRI_YES)
                f.kvm = probe_exists(root, "dev/kvm");
        if (probe_text(root, "proc/cmdline", cmdline, sizeof(cmdline)) == 0)
                f.asked = tri_of(mode_cmdline_has_pkvm(bytes_of_text(cmdline)));
        *ret_facts = f;
}

/**
 * probe_memory_init() - nothing was looked at yet
 * @memory: the memory
 */
void probe_memory_init(ProbeMemory *memory) {
        *memory = (ProbeMemory){ .kmsg_fd = -1 };
}

/**
 * probe_memory_deinit() - close what stayed open
 * @memory: the memory; it may be used again after probe_memory_init()
 */
void probe_memory_deinit(ProbeMemory *memory) {
        closep(&memory->kmsg_fd);
        memory->kmsg_fd = -1;
}

/**
 * probe_machine() - look at the machine
 * @root:      where it is
 * @options:   how
 * @ret_facts: set on success only
 *
 * Return: 0, or the negative errno with which not even the root itself could be looked at.
 */
int probe_machine(const Root *root, const ProbeOptions *options, MachineFacts *ret_facts) {
        _cleanup_(probe_memory_deinit) ProbeMemory once;
        ProbeMemory *memory = options->memory ? options->memory : &once;
        _cleanup_close_ int fd = -1;
        MachineFacts facts = {};
        int r;

        probe_memory_init(&once);
        r = root_open(root, ".", O_PATH | O_DIRECTORY, &fd);
        if (r < 0)
                return error_origin(r);
        if (!memory->kernel_is_known)
                probe_kernel(root, &memory->kernel);
        memory->kernel_is_known = true;
        probe_kmsg(root, memory);
        facts.kernel = memory->kernel;
        facts.kmsg = memory->kmsg;
        probe_pkvm(root, &facts.pkvm);
        /* Where sysfs is not mounted, nothing that is missing is known to be missing. */
        if (probe_exists(root, "sys/class") == TRI_YES) {
                probe_ffa(root, &facts.ffa);
                probe_tpm_announced(root, &facts.tpm);
                probe_tpm_chips(root, &facts);
        }
        if (options->with_ima)
                probe_ima(root, &facts.ima);
        *ret_facts = facts;
        return 0;
}
