/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parts of the monitor know of each other. Calls of the firmware get and give registers:
 * x[0] to x[7] of the caller.
 */
#ifndef MONITOR_H
#define MONITOR_H

#include <stdint.h>

#include "places.h"

#define MON_CRB_BUFSZ 0x1000U

#define UART_NS 0x09000000UL
#define UART_S  0x09040000UL

static inline void w32(uint64_t a, uint32_t v) {
        *(volatile uint32_t *)a = v;
}

static inline uint32_t r32(uint64_t a) {
        return *(volatile uint32_t *)a;
}

static inline void w8(uint64_t a, uint8_t v) {
        *(volatile uint8_t *)a = v;
}

static inline uint8_t r8(uint64_t a) {
        return *(volatile uint8_t *)a;
}

/* board.c */
void board_init(void);
void board_power_off(void);
void board_reset(void);
void print(const char *s);
void uart_put(uint64_t base, uint8_t c);
uint8_t uart_get(uint64_t base);

/* ffa.c */
void ffa_init(void);
void ffa_call(uint64_t *x);

/* tpm.c */
void tpm_init(void);
void tpm_service(uint64_t *x);

/* main.c: called by start.S */
void monitor_init(void);
void monitor_smc(uint64_t *x);
void monitor_panic(uint64_t esr, uint64_t elr, uint64_t far);

#endif
