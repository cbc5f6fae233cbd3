/* SPDX-License-Identifier: BSD-2-Clause */
#include "os/probe-ffa.h"

#include <string.h>

#include "os/probe-read.h"

#define FFA_BUS     "sys/bus/arm_ffa"
#define FFA_DEVICES FFA_BUS "/devices"
#define FFA_CORE    "sys/devices/platform/arm-ffa"

/* Of the TPM service (Arm DEN0138, TPM Service Command Response Buffer Interface over FF-A). */
#define TPM_UUID  "17b862a4-1806-4faf-86b3-089a58353861"
#define NULL_UUID "00000000-0000-0000-0000-000000000000"
#define HOST_ID   "0x0000" /* the partition that is this system itself */

typedef struct FfaLook {
        const Root *root;
        FfaFacts *facts;
} FfaLook;

static void look_at_partition(void *userdata, const char *name) {
        const FfaLook *look = userdata;
        char path[PROBE_PATH_MAX], uuid[PROBE_TEXT_MAX] = "", id[PROBE_TEXT_MAX] = "";
        Tri is_bound;

        (void)snprintf(path, sizeof(path), FFA_DEVICES "/%.200s/partition_id", name);
        if (probe_text(look->root, path, id, sizeof(id)) < 0 || strcmp(id, HOST_ID) == 0)
                return;
        (void)snprintf(path, sizeof(path), FFA_DEVICES "/%.200s/uuid", name);
        if (probe_text(look->root, path, uuid, sizeof(uuid)) < 0)
                return;
        look->facts->partitions++;
        is_bound = probe_is_below(look->root, FFA_DEVICES, name, "driver");
        if (strcmp(uuid, TPM_UUID) == 0) {
                look->facts->tpm = TRI_YES;
                if (look->facts->tpm_bound != TRI_YES)
                        look->facts->tpm_bound = is_bound;
        } else if (strcmp(uuid, NULL_UUID) == 0 && is_bound != TRI_YES) {
                look->facts->anonymous = TRI_YES;
        }
}

/**
 * probe_ffa() - look at FF-A
 * @root:      where sysfs is mounted
 * @ret_facts: always set
 */
void probe_ffa(const Root *root, FfaFacts *ret_facts) {
        FfaFacts f = {
                .bus = probe_exists(root, FFA_BUS),
                .core = probe_exists(root, FFA_CORE),
                .core_bound = probe_exists(root, FFA_CORE "/driver"),
                .driver = probe_exists(root, FFA_BUS "/drivers/ffa-crb"),
        };
        FfaLook look = { .root = root, .facts = &f };

        if (probe_list(root, FFA_DEVICES, look_at_partition, &look) != TRI_UNKNOWN) {
                f.tpm = tri_of(f.tpm == TRI_YES);
                f.anonymous = tri_of(f.anonymous == TRI_YES);
        }
        *ret_facts = f;
}
