/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * board.c -- the devices of QEMU's virt machine that the monitor uses: UARTs, GICv3, GPIO.
 */
#include "monitor.h"

/* PL011 */
#define UART_DR   0x00
#define UART_FR   0x18
#define UART_IBRD 0x24
#define UART_LCRH 0x2c
#define UART_CR   0x30
#define FR_RXFE   (1U << 4)
#define FR_TXFF   (1U << 5)

/* GICv3 */
#define GICD         0x08000000UL
#define GICR         0x080a0000UL
#define GICD_CTLR    0x0000
#define GICD_TYPER   0x0004
#define GICD_IGROUPR 0x0080
#define GICR_WAKER   0x0014
#define GICR_SGI     0x10000UL
#define CTLR_ARE     (3U << 4) /* both security states */
#define CTLR_ENABLE  7U

/* PL061, secure: pin 0 is power off, pin 1 reset */
#define GPIO_S   0x090b0000UL
#define GPIO_DIR 0x400

static void uart_init(uint64_t base) {
        w32(base + UART_CR, 0);
        w32(base + UART_IBRD, 1);
        w32(base + UART_LCRH, 0x70); /* 8n1, FIFO on */
        w32(base + UART_CR, 0x301);
}

void uart_put(uint64_t base, uint8_t c) {
        while (r32(base + UART_FR) & FR_TXFF)
                ;
        w32(base + UART_DR, c);
}

uint8_t uart_get(uint64_t base) {
        while (r32(base + UART_FR) & FR_RXFE)
                ;
        return (uint8_t)r32(base + UART_DR);
}

void print(const char *s) {
        for (; *s; s++) {
                if (*s == '\n')
                        uart_put(UART_NS, '\r');
                uart_put(UART_NS, (uint8_t)*s);
        }
}

/* Every interrupt is the non-secure world's. */
static void gic_init(void) {
        uint32_t lines = (r32(GICD + GICD_TYPER) & 0x1f) + 1;

        w32(GICD + GICD_CTLR, CTLR_ARE);
        for (uint32_t i = 1; i < lines; i++)
                w32(GICD + GICD_IGROUPR + 4 * i, 0xffffffffU);
        w32(GICD + GICD_CTLR, CTLR_ARE | CTLR_ENABLE);
        w32(GICR + GICR_WAKER, r32(GICR + GICR_WAKER) & ~2U);
        while (r32(GICR + GICR_WAKER) & 4U)
                ;
        w32(GICR + GICR_SGI + GICD_IGROUPR, 0xffffffffU);
}

static void gpio_raise(unsigned pin) {
        w32(GPIO_S + GPIO_DIR, 1U << pin);
        w32(GPIO_S + (4UL << pin), 0);
        w32(GPIO_S + (4UL << pin), 1U << pin);
        for (;;)
                __asm__ volatile("wfi");
}

void board_power_off(void) {
        gpio_raise(0);
}

void board_reset(void) {
        gpio_raise(1);
}

void board_init(void) {
        uart_init(UART_NS);
        uart_init(UART_S);
        gic_init();
}
