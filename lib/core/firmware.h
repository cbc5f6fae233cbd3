/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * firmware.h -- the firmware's event log: the values that PCRs had when the kernel took over. Pure.
 *
 * Format: TCG PC Client Platform Firmware Profile 1.06, 10.2.1 (TCG_PCClientPCREvent, SHA-1 only),
 * 10.2.2 (TCG_PCR_EVENT2, any banks) and 10.4.5.1 (TCG_EfiSpecIDEvent, which announces the second
 * form). All integers are little-endian. Nothing here judges an event: what it brings is extended.
 */
#pragma once

#include "core/outcome.h"

/* Ours; firmware reserves 64 KiB to 1 MiB for its log. */
#define FIRMWARE_LOG_MAX (16U << 20)
/* Ours; a log of a PC has about 150 events. */
#define FIRMWARE_EVENTS_MAX 65536U
/* TPM 2.0 Library part 2, HASH_COUNT: implementations have below 16. */
#define FIRMWARE_ALG_MAX 16U

enum {
        _FIRMWARE_E_SUCCESS,
        FIRMWARE_E_MALFORMED, /* cut, or not an event log */
        FIRMWARE_E_LIMIT,     /* larger than we accept */
};

typedef enum FirmwareFault {
        FIRMWARE_FAULT_NONE,
        FIRMWARE_FAULT_EMPTY,
        FIRMWARE_FAULT_CUT,
        FIRMWARE_FAULT_LOG_LONG,
        FIRMWARE_FAULT_EVENTS,
        FIRMWARE_FAULT_PCR,
        FIRMWARE_FAULT_SPEC,
        FIRMWARE_FAULT_ALG_COUNT,
        FIRMWARE_FAULT_ALG_TWICE,
        FIRMWARE_FAULT_ALG_SIZE,
        FIRMWARE_FAULT_ALG_UNKNOWN,
        FIRMWARE_FAULT_DIGEST_COUNT,
        FIRMWARE_FAULT_LOCALITY,
        _FIRMWARE_FAULT_N,
} FirmwareFault;

/* Where and why a log was refused. */
typedef struct FirmwareError {
        FirmwareFault fault;
        uint64_t event; /* from 0 */
        size_t at;      /* offset in the log */
        uint32_t value; /* what stands there */
} FirmwareError;

/* What a whole log says. */
typedef struct FirmwareLog {
        bool is_agile;            /* digests of several algorithms; without: SHA-1 only */
        BankMask banks;           /* that the log has digests for, and that were asked for */
        uint64_t n_events;        /* informative ones too */
        uint64_t n_of[TPM_PCR_N]; /* extends of each PCR */
        DigestSet value[TPM_PCR_N];
} FirmwareLog;

const char *firmware_fault_text(FirmwareFault fault);
int firmware_replay(Bytes log, BankMask banks, const Hashers *hashers, FirmwareLog *ret_log,
                    FirmwareError *ret_error);
