/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz-firmware.c -- any bytes as a firmware event log.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "core/firmware.h"

/* Not assert(): these stay in a build without. */
#define HOLDS(what)                                                                                \
        do {                                                                                       \
                if (!(what))                                                                       \
                        abort();                                                                   \
        } while (0)

#define BANKS (BANK(DIGEST_SHA1) | BANK(DIGEST_SHA256) | BANK(DIGEST_SHA384))

static const Hashers *hashers(void) {
        static Hashers h;
        DigestAlg alg;

        HOLDS(hashers_open(&h, BANKS, &alg) == 0);
        return &h;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        static FirmwareLog log, poison;
        FirmwareError error = { .fault = _FIRMWARE_FAULT_N };
        uint64_t n_extends = 0;
        int r;

        memset(&poison, 0xa5, sizeof(poison));
        log = poison;
        r = firmware_replay(bytes_of(data, n), BANKS, hashers(), &log, &error);
        HOLDS(r >= 0 && r <= FIRMWARE_E_LIMIT);
        if (r != 0) {
                HOLDS(memcmp(&log, &poison, sizeof(log)) == 0);
                HOLDS(*firmware_fault_text(error.fault) && error.at <= n);
                HOLDS(error.event <= FIRMWARE_EVENTS_MAX);
                return 0;
        }
        HOLDS(error.fault == _FIRMWARE_FAULT_N);
        HOLDS(log.n_events > 0 && log.n_events <= FIRMWARE_EVENTS_MAX);
        HOLDS((log.banks & ~BANKS) == 0 && (log.is_agile || log.banks == BANK(DIGEST_SHA1)));
        for (uint32_t pcr = 0; pcr < TPM_PCR_N; ++pcr)
                n_extends += log.n_of[pcr];
        HOLDS(n_extends <= log.n_events);
        /* One byte less is never a whole log. */
        HOLDS(firmware_replay(bytes_of(data, n - 1), BANKS, hashers(), &log, &error) > 0);
        return 0;
}
