/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kmsg.h -- what the kernel said in its log about pKVM, FF-A, TPM and IMA. Pure.
 *
 * The log is a ring: what is not in it proves nothing, unless it is whole. Texts are matched from
 * the beginning of a line: file and program names, which anybody may choose, stand behind it.
 */
#pragma once

#include "base/bytes.h"

/* Lines that mean something. */
typedef enum KmsgLine {
        KMSG_LINUX, /* the first one of a boot: with it, the log is whole */
        KMSG_PKVM_UP,
        KMSG_PKVM_FAILED,
        KMSG_KVM_PLAIN,    /* KVM without protection */
        KMSG_KVM_OFF,      /* by the command line */
        KMSG_IMA,          /* IMA said anything */
        KMSG_IMA_BYPASS,   /* no TPM when IMA started */
        KMSG_FFA_FIRMWARE, /* the firmware speaks FF-A */
        KMSG_FFA_ABSENT,   /* it does not */
        KMSG_FFA_NO_PARTITION,
        KMSG_FFA_FAILED, /* another failure of the FF-A core */
        KMSG_CRB_FFA_UP, /* the TPM service answered */
        KMSG_CRB_FFA_VERSION,
        KMSG_CRB_FFA_NO_MESSAGES,
        KMSG_CRB_FFA_INCOMPATIBLE,
        KMSG_CRB_TIMEOUT, /* the CRB did not react */
        KMSG_FTPM_FAILED,
        KMSG_TPM_FAILURE, /* failure or field upgrade mode */
        _KMSG_LINE_N,
} KmsgLine;

typedef struct KmsgFacts {
        bool is_known; /* it could be read */
        uint32_t said; /* bits of KmsgLine */
} KmsgFacts;

#define KMSG_BIT(line) ((uint32_t)1 << (line))

bool kmsg_said(const KmsgFacts *f, KmsgLine line);
void kmsg_look(KmsgFacts *facts, Bytes line);
