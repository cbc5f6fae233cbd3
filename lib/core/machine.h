/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * machine.h -- what a machine shows of all that a TPM may depend on. Plain values, from os/probe.
 *
 * Nothing is guessed: what could not be looked at is unknown, and that is zero.
 */
#pragma once

#include "core/digest.h"
#include "core/kmsg.h"
#include "core/mode.h"

typedef enum Tri {
        TRI_UNKNOWN,
        TRI_NO,
        TRI_YES,
        _TRI_N,
} Tri;

static inline Tri tri_of(bool yes) {
        return yes ? TRI_YES : TRI_NO;
}

/* Drivers that a TPM may need, and options that matter; each has a row in advice.c. */
typedef enum KernelPart {
        PART_NONE,
        PART_FFA,      /* the FF-A core */
        PART_CRB,      /* tpm_crb */
        PART_CRB_FFA,  /* tpm_crb_ffa */
        PART_TIS,      /* tpm_tis */
        PART_TIS_SPI,  /* tpm_tis_spi */
        PART_TIS_I2C,  /* tpm_tis_i2c */
        PART_FTPM,     /* tpm_ftpm_tee */
        PART_IMA,      /* no module */
        PART_IMA_LATE, /* IMA_INIT_LATE_SYNC, no module */
        _KERNEL_PART_N,
} KernelPart;

/* How the kernel was built, for one part. */
typedef enum PartBuild {
        BUILD_UNKNOWN,
        BUILD_NO,
        BUILD_MODULE,
        BUILD_BUILTIN,
        _PART_BUILD_N,
} PartBuild;

typedef struct KernelFacts {
        PartBuild build[_KERNEL_PART_N];
} KernelFacts;

typedef struct PkvmFacts {
        Tri asked; /* kvm-arm.mode=protected on the command line */
        Tri kvm;   /* /dev/kvm, or its class device */
} PkvmFacts;

typedef struct FfaFacts {
        Tri bus;             /* the FF-A core is there: built in or loaded */
        Tri core;            /* its platform device: from 7.2 on */
        Tri core_bound;      /* to its driver: the firmware speaks FF-A */
        uint32_t partitions; /* devices, without the host itself */
        Tri tpm;             /* one of them is the TPM service */
        Tri tpm_bound;       /* to its driver */
        Tri anonymous;       /* one with a null UUID and no driver: FF-A 1.0 tells no UUIDs */
        Tri driver;          /* ffa-crb is registered */
} FfaFacts;

/* A TPM that firmware or a bus announces, whether or not it has a driver. */
typedef struct AnnouncedFacts {
        Tri acpi_table;      /* the TPM2 table */
        uint32_t acpi_start; /* its start method, 0 where unknown */
        Tri acpi;            /* the platform or ACPI device MSFT0101 */
        Tri acpi_bound;
        Tri crb_driver; /* tpm_crb is registered */
        Tri spi, spi_bound;
        Tri i2c, i2c_bound;
        Tri platform, platform_bound; /* by device tree, memory-mapped */
        Tri ftpm;                     /* OP-TEE's, by its UUID or by device tree */
        Tri ftpm_bound;
        Tri ftpm_supplicant; /* it needs tee-supplicant */
} AnnouncedFacts;

#define ACPI_START_MMIO    6U /* TCG ACPI Specification 1.4, table 8: TIS */
#define ACPI_START_CRB_FFA 15U

typedef enum NodeState {
        NODE_UNKNOWN,
        NODE_ABSENT,
        NODE_DENIED,
        NODE_THERE,
        _NODE_STATE_N,
} NodeState;

#define CHIP_TEXT_MAX 64U
#define CHIP_PATH_MAX 192U
#define CHIPS_MAX     8U

typedef struct ChipFacts {
        uint32_t number;
        bool is_software;           /* devices/virtual, no parent */
        char driver[CHIP_TEXT_MAX]; /* of the parent; empty where unknown */
        char parent[CHIP_PATH_MAX]; /* below /sys, as devices/platform/MSFT0101:00 */
        uint32_t version;           /* 1, 2; 0: unknown */
        NodeState node;             /* /dev/tpmrmN */
        Tri banks_known;
        BankMask banks; /* shown by the kernel */
} ChipFacts;

typedef struct ImaFacts {
        Tri securityfs; /* mounted */
        Tri is_there;   /* IMA's directory */
        Tri counted;
        uint64_t n_records;
        Tri record_known; /* record 0 could be read: mode.record and ima_hash are set */
        ModeFacts mode;
} ImaFacts;

/* Who else extends PCR 10; only `doctor` asks. */
#define OTHER_NAME_MAX 16U /* kernel TASK_COMM_LEN: a longer name is cut */

typedef struct OtherFacts {
        Tri program;                       /* one that is known to extend IMA's records runs */
        char program_name[OTHER_NAME_MAX]; /* its name, as the kernel cuts it */
        Tri systemd;                       /* its log has an event for PCR 10 */
} OtherFacts;

typedef struct MachineFacts {
        KernelFacts kernel;
        KmsgFacts kmsg;
        PkvmFacts pkvm;
        FfaFacts ffa;
        AnnouncedFacts tpm;
        Tri chips_known;  /* the class could be listed */
        uint32_t n_chips; /* ascending by number */
        ChipFacts chip[CHIPS_MAX];
        ImaFacts ima;
} MachineFacts;
