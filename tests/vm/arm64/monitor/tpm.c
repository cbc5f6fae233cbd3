/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tpm.c -- the TPM service over FF-A (Arm DEN0138): a CRB in ordinary RAM, whose commands go over
 * the secure UART, on whose other end is swtpm.
 */
#include "monitor.h"

/* Registers of the locality 0 page (TCG PC Client Platform TPM Profile, CRB interface) */
#define LOC_STATE  0x00
#define LOC_CTRL   0x08
#define LOC_STS    0x0c
#define INTF_ID    0x30
#define CTRL_REQ   0x40
#define CTRL_STS   0x44
#define CTRL_START 0x4c
#define CMD_SIZE   0x58
#define CMD_PA_LO  0x5c
#define RSP_SIZE   0x64
#define RSP_PA     0x68

#define STS_ERROR    1U
#define STS_IDLE     2U
#define LOC_ASSIGNED 2U
#define LOC_VALID    0x80U

#define SVC_GET_VERSION     0x0f000001U
#define SVC_GET_FEATURE     0x0f000101U
#define SVC_START           0x0f000201U
#define SVC_MANAGE_LOCALITY 0x0f000601U

#define START_COMMAND  0U
#define START_LOCALITY 1U

#define SVC_OK         0x05000001U
#define SVC_OK_RESULTS 0x05000002U
#define SVC_NOFUNC     0x8e000001U
#define SVC_INVARG     0x8e000005U
#define SVC_INV_CRB    0x8e000006U

#define HEADER_SIZE 10U

void tpm_init(void) {
        for (uint64_t a = MON_CRB; a < MON_CRB + MON_CRB_SIZE; a += 4)
                w32(a, 0);
        w32(MON_CRB + LOC_STATE, LOC_VALID);
        w32(MON_CRB + CTRL_STS, STS_IDLE);
        w32(MON_CRB + INTF_ID, 0x00004011U); /* CRB, version 1, locality 0 only */
        w32(MON_CRB + CMD_SIZE, MON_CRB_BUFSZ);
        w32(MON_CRB + CMD_PA_LO, (uint32_t)MON_CRB_BUF);
        w32(MON_CRB + RSP_SIZE, MON_CRB_BUFSZ);
        w32(MON_CRB + RSP_PA, (uint32_t)MON_CRB_BUF);
}

/* The size that the header in the buffer tells; 0 when it cannot be. */
static uint32_t buffer_size(void) {
        uint32_t n = 0;

        for (uint64_t i = 2; i < 6; i++)
                n = n << 8 | r8(MON_CRB_BUF + i);
        return n < HEADER_SIZE || n > MON_CRB_BUFSZ ? 0 : n;
}

static void receive(uint32_t from, uint32_t to) {
        for (uint32_t i = from; i < to; i++)
                w8(MON_CRB_BUF + i, uart_get(UART_S));
}

/* Sends the command that stands in the buffer and puts the response in its place. */
static int exchange(void) {
        uint32_t n = buffer_size();

        if (n == 0)
                return -1;
        for (uint32_t i = 0; i < n; i++)
                uart_put(UART_S, r8(MON_CRB_BUF + i));
        receive(0, HEADER_SIZE);
        n = buffer_size();
        if (n == 0)
                return -1;
        receive(HEADER_SIZE, n);
        return 0;
}

static uint32_t start_command(void) {
        uint32_t request = r32(MON_CRB + CTRL_REQ), status = r32(MON_CRB + CTRL_STS);
        int r;

        if (request & 1U) { /* cmdReady */
                w32(MON_CRB + CTRL_STS, status & ~STS_IDLE);
                w32(MON_CRB + CTRL_REQ, 0);
        } else if (request & 2U) { /* goIdle */
                w32(MON_CRB + CTRL_STS, status | STS_IDLE);
                w32(MON_CRB + CTRL_REQ, 0);
        } else if (r32(MON_CRB + CTRL_START) & 1U) {
                r = exchange();
                if (r < 0)
                        w32(MON_CRB + CTRL_STS, status | STS_ERROR);
                w32(MON_CRB + CTRL_START, 0);
                return r < 0 ? SVC_INV_CRB : SVC_OK;
        }
        return SVC_OK;
}

static uint32_t start_locality(void) {
        uint32_t request = r32(MON_CRB + LOC_CTRL);

        if (request & 1U) { /* requestAccess */
                w32(MON_CRB + LOC_STATE, LOC_VALID | LOC_ASSIGNED);
                w32(MON_CRB + LOC_STS, 1U);
        } else if (request & 2U) { /* relinquish */
                w32(MON_CRB + LOC_STATE, LOC_VALID);
                w32(MON_CRB + LOC_STS, 0U);
        }
        w32(MON_CRB + LOC_CTRL, 0);
        return SVC_OK;
}

static uint32_t start(uint64_t what, uint64_t locality) {
        if (locality != 0)
                return SVC_INVARG;
        switch (what) {
        case START_COMMAND:
                return start_command();
        case START_LOCALITY:
                return start_locality();
        default:
                return SVC_INVARG;
        }
}

/* x[4]: the function, then its result; x[5], x[6]: arguments, x[5]: a value. */
void tpm_service(uint64_t *x) {
        uint64_t func = x[4], a = x[5], b = x[6];

        x[3] = x[5] = x[6] = x[7] = 0;
        switch ((uint32_t)func) {
        case SVC_GET_VERSION:
                x[4] = SVC_OK_RESULTS;
                x[5] = 1U << 16; /* 1.0 */
                break;
        case SVC_GET_FEATURE:
                x[4] = SVC_OK_RESULTS; /* x[5] = 0: no notification */
                break;
        case SVC_START:
                x[4] = start(a, b);
                break;
        case SVC_MANAGE_LOCALITY:
                x[4] = SVC_OK;
                break;
        default:
                x[4] = SVC_NOFUNC;
        }
}
