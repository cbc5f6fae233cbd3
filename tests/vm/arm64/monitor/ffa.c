/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ffa.c -- FF-A 1.1 (Arm DEN0077): enough for Linux' driver and for the proxy of pKVM. One
 * partition, direct messages.
 */
#include "monitor.h"

#define FFA_ERROR              0x84000060U
#define FFA_SUCCESS            0x84000061U
#define FFA_VERSION            0x84000063U
#define FFA_FEATURES           0x84000064U
#define FFA_RX_RELEASE         0x84000065U
#define FFA_RXTX_MAP           0x84000066U
#define FFA_RXTX_MAP64         0xc4000066U
#define FFA_RXTX_UNMAP         0x84000067U
#define FFA_PARTITION_INFO_GET 0x84000068U
#define FFA_ID_GET             0x84000069U
#define FFA_DIRECT_REQ         0x8400006fU
#define FFA_DIRECT_RESP        0x84000070U
#define FFA_DIRECT_REQ64       0xc400006fU
#define FFA_DIRECT_RESP64      0xc4000070U
#define FFA_SPM_ID_GET         0x84000085U

#define FFA_V1_1          0x00010001U
#define FFA_NOT_SUPPORTED (-1)
#define FFA_INVALID       (-2)
#define FFA_BUSY          (-4)
#define FFA_DENIED        (-6)

#define HOST_ID        0U
#define SPM_ID         0x8000U
#define TPM_PARTITION  0x8001U
#define TPM_PROPERTIES ((1U << 0) | (1U << 8)) /* takes direct requests, AArch64 */
#define INFO_SIZE      24U                     /* of one partition, from 1.1 on */

/* 17b862a4-1806-4faf-86b3-089a58353861 (Arm DEN0138) */
static const uint8_t tpm_uuid[16] = {
        0x17, 0xb8, 0x62, 0xa4, 0x18, 0x06, 0x4f, 0xaf,
        0x86, 0xb3, 0x08, 0x9a, 0x58, 0x35, 0x38, 0x61,
};

static uint32_t options;
static uint64_t rx_buffer; /* where the caller reads; 0: none */

void ffa_init(void) {
        if (r32(MON_OPTIONS) == MON_OPT_MAGIC)
                options = r32(MON_OPTIONS + 4);
}

static void answer(uint64_t *x, uint32_t func, uint64_t value, uint64_t value2) {
        x[0] = func;
        x[1] = 0;
        x[2] = value;
        x[3] = value2;
        x[4] = x[5] = x[6] = x[7] = 0;
}

static void ok(uint64_t *x, uint64_t value, uint64_t value2) {
        answer(x, FFA_SUCCESS, value, value2);
}

static void error(uint64_t *x, int code) {
        answer(x, FFA_ERROR, (uint64_t)(int64_t)code, 0);
}

/* Four words: that of our partition, or null for all. */
static int is_uuid_wanted(const uint64_t *words) {
        uint32_t any = 0, diff = 0;

        for (unsigned i = 0; i < 4; i++) {
                uint32_t w = 0;

                for (unsigned j = 4; j-- > 0;)
                        w = w << 8 | tpm_uuid[4 * i + j];
                any |= (uint32_t)words[i];
                diff |= (uint32_t)words[i] ^ w;
        }
        return any == 0 || diff == 0;
}

static void partition_info(uint64_t *x) {
        int is_count_only = (x[5] & 1U) != 0;

        if (options & MON_OPT_NO_SP || !is_uuid_wanted(x + 1)) {
                error(x, FFA_INVALID);
                return;
        }
        if (!is_count_only) {
                if (!rx_buffer) {
                        error(x, FFA_BUSY);
                        return;
                }
                w32(rx_buffer, TPM_PARTITION | (1U << 16)); /* id, one execution context */
                w32(rx_buffer + 4, TPM_PROPERTIES);
                for (unsigned i = 0; i < sizeof(tpm_uuid); i++)
                        w8(rx_buffer + 8 + i, tpm_uuid[i]);
        }
        ok(x, 1, INFO_SIZE);
}

static void features(uint64_t *x) {
        switch ((uint32_t)x[1]) {
        case FFA_RXTX_MAP:
        case FFA_RXTX_MAP64:
        case FFA_VERSION:
        case FFA_FEATURES:
        case FFA_RX_RELEASE:
        case FFA_RXTX_UNMAP:
        case FFA_PARTITION_INFO_GET:
        case FFA_ID_GET:
        case FFA_SPM_ID_GET:
        case FFA_DIRECT_REQ:
        case FFA_DIRECT_REQ64:
                ok(x, 0, 0); /* RXTX_MAP: 0 = 4 KiB is the smallest buffer */
                break;
        default:
                error(x, FFA_NOT_SUPPORTED);
        }
}

static void rxtx_map(uint64_t *x) {
        if (rx_buffer) {
                error(x, FFA_DENIED);
        } else if (!x[2] || (x[2] & 0xfff) || !(x[3] & 0x3f)) {
                error(x, FFA_INVALID);
        } else {
                rx_buffer = x[2];
                ok(x, 0, 0);
        }
}

static void rxtx_unmap(uint64_t *x) {
        if (!rx_buffer) {
                error(x, FFA_INVALID);
                return;
        }
        rx_buffer = 0;
        ok(x, 0, 0);
}

static void direct_request(uint64_t *x) {
        uint64_t to = x[1] & 0xffff, from = x[1] >> 16 & 0xffff;
        int is_64 = (uint32_t)x[0] == FFA_DIRECT_REQ64;

        if (to != TPM_PARTITION || x[2] || options & MON_OPT_NO_SP) {
                error(x, FFA_INVALID);
                return;
        }
        tpm_service(x);
        x[0] = is_64 ? FFA_DIRECT_RESP64 : FFA_DIRECT_RESP;
        x[1] = to << 16 | from;
        x[2] = 0;
}

void ffa_call(uint64_t *x) {
        if (options & MON_OPT_NO_FFA) {
                x[0] = (uint64_t)(int64_t)FFA_NOT_SUPPORTED;
                return;
        }
        switch ((uint32_t)x[0]) {
        case FFA_VERSION:
                x[0] = FFA_V1_1;
                x[1] = x[2] = x[3] = 0;
                break;
        case FFA_FEATURES:
                features(x);
                break;
        case FFA_ID_GET:
                ok(x, HOST_ID, 0);
                break;
        case FFA_SPM_ID_GET:
                ok(x, SPM_ID, 0);
                break;
        case FFA_RXTX_MAP:
        case FFA_RXTX_MAP64:
                rxtx_map(x);
                break;
        case FFA_RXTX_UNMAP:
                rxtx_unmap(x);
                break;
        case FFA_RX_RELEASE:
                ok(x, 0, 0);
                break;
        case FFA_PARTITION_INFO_GET:
                partition_info(x);
                break;
        case FFA_DIRECT_REQ:
        case FFA_DIRECT_REQ64:
                direct_request(x);
                break;
        default:
                error(x, FFA_NOT_SUPPORTED);
        }
}
