/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reset vector, exception table and SMC entry of the EL3 monitor.
 *
 * One CPU, MMU and caches off, general registers only. The monitor sits in secure flash 0
 * and keeps its stack and data in the secure RAM of QEMU's virt machine.
 */
        .section .text.start, "ax"
        .global _start
_start:
        mrs     x0, mpidr_el1
        tst     x0, #0xff
        b.ne    park
        ldr     x0, =__stack_top
        mov     sp, x0
        adr     x0, vectors
        msr     vbar_el3, x0
        msr     daifset, #0xf

        /* .data is stored behind the code in flash; .bss is RAM */
        ldr     x0, =__data_start
        ldr     x1, =__data_end
        ldr     x2, =__data_load
1:      cmp     x0, x1
        b.hs    2f
        ldr     x3, [x2], #8
        str     x3, [x0], #8
        b       1b
2:      ldr     x0, =__bss_start
        ldr     x1, =__bss_end
3:      cmp     x0, x1
        b.hs    4f
        str     xzr, [x0], #8
        b       3b
4:      bl      monitor_init

        /* Group 1 non-secure interrupts through the system register interface */
        mov     x0, #0xf
        msr     S3_6_C12_C12_5, x0              /* ICC_SRE_EL3 */
        isb

        ldr     x0, =SCR_VALUE
        msr     scr_el3, x0
        mov     x0, #0x1100                     /* CPTR_EL3: EZ, ESM; trap nothing */
        msr     cptr_el3, x0
        ldr     x0, =MDCR_VALUE
        msr     mdcr_el3, x0
        ldr     x0, =0x30c50830                 /* SCTLR_EL2: RES1 bits only */
        msr     sctlr_el2, x0
        msr     hcr_el2, xzr
        msr     cntvoff_el2, xzr
        isb
        mov     x0, #0xf
        msr     S3_4_C12_C9_5, x0               /* ICC_SRE_EL2 */
        mov     x0, #0x3c9                      /* EL2h, DAIF masked */
        msr     spsr_el3, x0
        ldr     x0, =boot_entry
        ldr     x1, [x0]
        msr     elr_el3, x1
        ldr     x0, =boot_dtb
        ldr     x0, [x0]
        mov     x1, xzr
        mov     x2, xzr
        mov     x3, xzr
        isb
        eret
park:   wfe
        b       park

/*
 * NS | RES1 | HCE | RW | features handed to EL2: APK API ATA EnSCXT FGTEn ECVEn HXEn
 * GCSEn EnTP2 TCR2EN SCTLR2En PIEN EnFPM FGTEn2. QEMU masks what its CPU lacks.
 */
        .equ    SCR_VALUE, (1 << 0) | (3 << 4) | (1 << 8) | (1 << 10) | (1 << 16) | (1 << 17) | \
                           (1 << 25) | (1 << 26) | (1 << 27) | (1 << 28) | (1 << 38) | (1 << 39) | \
                           (1 << 41) | (1 << 43) | (1 << 44) | (1 << 45) | (1 << 50) | (1 << 59)
/* NSPB, NSTB, NSTRB for the non-secure world; SDD */
        .equ    MDCR_VALUE, (3 << 12) | (1 << 16) | (3 << 24)

        .macro  vector name
        .balign 128
        b       \name
        .endm

        .balign 2048
vectors:
        .rept   4
        vector  bad_exception
        .endr
        .rept   4
        vector  bad_exception
        .endr
        vector  lower_sync
        vector  bad_exception
        vector  bad_exception
        vector  bad_exception
        .rept   4
        vector  bad_exception
        .endr

lower_sync:
        sub     sp, sp, #272
        stp     x0, x1, [sp, #0]
        stp     x2, x3, [sp, #16]
        stp     x4, x5, [sp, #32]
        stp     x6, x7, [sp, #48]
        stp     x8, x9, [sp, #64]
        stp     x10, x11, [sp, #80]
        stp     x12, x13, [sp, #96]
        stp     x14, x15, [sp, #112]
        stp     x16, x17, [sp, #128]
        stp     x18, x19, [sp, #144]
        stp     x20, x21, [sp, #160]
        stp     x22, x23, [sp, #176]
        stp     x24, x25, [sp, #192]
        stp     x26, x27, [sp, #208]
        stp     x28, x29, [sp, #224]
        str     x30, [sp, #240]
        mrs     x1, esr_el3
        lsr     x2, x1, #26
        cmp     x2, #0x17                       /* SMC from AArch64 */
        b.ne    bad_exception
        mov     x0, sp
        bl      monitor_smc
        ldp     x0, x1, [sp, #0]
        ldp     x2, x3, [sp, #16]
        ldp     x4, x5, [sp, #32]
        ldp     x6, x7, [sp, #48]
        ldp     x8, x9, [sp, #64]
        ldp     x10, x11, [sp, #80]
        ldp     x12, x13, [sp, #96]
        ldp     x14, x15, [sp, #112]
        ldp     x16, x17, [sp, #128]
        ldp     x18, x19, [sp, #144]
        ldp     x20, x21, [sp, #160]
        ldp     x22, x23, [sp, #176]
        ldp     x24, x25, [sp, #192]
        ldp     x26, x27, [sp, #208]
        ldp     x28, x29, [sp, #224]
        ldr     x30, [sp, #240]
        add     sp, sp, #272
        eret

bad_exception:
        ldr     x0, =__stack_top
        mov     sp, x0
        mrs     x0, esr_el3
        mrs     x1, elr_el3
        mrs     x2, far_el3
        bl      monitor_panic
        b       park
