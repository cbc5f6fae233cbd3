/* SPDX-License-Identifier: BSD-2-Clause */
#include "os/probe-others.h"

#include <ctype.h>
#include <fcntl.h>
#include <string.h>

#include "os/probe-read.h"

#define COMM_TEXT_MAX (OTHER_NAME_MAX + 2) /* with the newline and a NUL */

typedef struct Look {
        const Root *root;
        OtherFacts *facts;
} Look;

/* Each extends records of the same list: rust-keylime's emulator (both spellings), IBM's TSS. */
static bool is_extender(const char *comm) {
        static const char *const names[] = { "keylime_ima_emu", "keylime-ima-emu", "imaextend",
                                             "tssimaextend" };

        for (size_t i = 0; i < ELEMENTSOF(names); ++i)
                if (strcmp(comm, names[i]) == 0)
                        return true;
        return false;
}

static void look_at_process(void *userdata, const char *name) {
        Look *look = userdata;
        char path[PROBE_PATH_MAX], comm[COMM_TEXT_MAX];

        if (!isdigit((unsigned char)*name) || look->facts->program == TRI_YES ||
            (size_t)snprintf(path, sizeof(path), "proc/%s/comm", name) >= sizeof(path) ||
            probe_text(look->root, path, comm, sizeof(comm)) < 0 || !is_extender(comm))
                return;
        look->facts->program = TRI_YES;
        (void)snprintf(look->facts->program_name, sizeof(look->facts->program_name), "%.15s", comm);
}

/* One event of systemd's log (JSON text sequence, RFC 7464), as it writes it: {"pcr":10,... */
static void look_at_event(void *userdata, Bytes line) {
        static const char mark[] = "\"pcr\":10,";
        Tri *said = userdata;

        if (memmem(line.data, line.n, mark, sizeof(mark) - 1))
                *said = TRI_YES;
}

/**
 * probe_others() - who else extends PCR 10, as far as can be seen
 * @root:      where the machine is
 * @ret_facts: what was found; what could not be looked at is unknown
 *
 * Source: systemd src/shared/tpm2-util.c (tpm2_userspace_log), UAPI TPM PCR registry.
 */
void probe_others(const Root *root, OtherFacts *ret_facts) {
        OtherFacts facts = {};
        Look look = { .root = root, .facts = &facts };
        _cleanup_close_ int fd = -1;

        if (probe_list(root, "proc", look_at_process, &look) == TRI_YES &&
            facts.program == TRI_UNKNOWN)
                facts.program = TRI_NO;
        if (root_open(root, "run/log/systemd/tpm2-measure.log", O_RDONLY | O_NONBLOCK | O_NOCTTY,
                      &fd) == 0) {
                facts.systemd = TRI_NO;
                probe_lines(fd, look_at_event, &facts.systemd);
        }
        *ret_facts = facts;
}
