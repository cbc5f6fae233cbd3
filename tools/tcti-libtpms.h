/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tcti-libtpms.h -- a TPM inside the process, for the demo and the tests.
 *
 * A TCTI module over libtpms, with the name and the configuration of the one that tpm2-tss has
 * since 4.0. It is TPM, firmware and kernel at once: it sends TPM2_Startup(CLEAR) to a new TPM,
 * and takes away the sessions and objects that the process before left behind, as /dev/tpmrm0
 * does.
 *
 * Configuration: [FILE][,record=FILE][,delay=MICROSECONDS][,slow=FILE]
 *
 *   FILE     Where the TPM lives. A missing file is a new TPM, a missing directory an error. The
 *            file is replaced after each command and before its response is given out; so a
 *            process may be killed at any time, and a command has happened whole or not at all.
 *            Without a file the TPM lives as long as the context.
 *   record=  Append a line "COMMAND RESPONSE" in hex for each command that was sent through the
 *            context (not for the module's own). The line comes before the new state: a killed
 *            process may leave a line too many or an unfinished one, never one too few. An
 *            unfinished last line is cut off at the next open.
 *   delay=   Each response is due only this long after its command, at most a minute. The command
 *            is executed when it is sent: whoever is killed while waiting leaves it executed.
 *   slow=    The delay is only that of commands that are sent while this file is there.
 *
 * Paths cannot contain commas. Next to FILE come FILE.tmp and FILE.lock; the lock and the record
 * belong to one process (and to what it forks) at a time.
 *
 * libtpms has one TPM per process. What Tss2_Tcti_Libtpms_Init() returns passes unchanged through
 * Tss2_TctiLdr_Initialize():
 *
 *   TSS2_TCTI_RC_BAD_VALUE        the configuration is wrong
 *   TSS2_TCTI_RC_TRY_AGAIN        another context or process has the TPM (or the record)
 *   TSS2_TCTI_RC_GENERAL_FAILURE  the state is damaged; it is left alone
 *   TSS2_TCTI_RC_IO_ERROR         anything else, such as a missing directory
 *   TSS2_TCTI_RC_MEMORY           out of memory
 *
 * A transmit that cannot save (or record) fails with TSS2_TCTI_RC_IO_ERROR and has no response;
 * whether its command has happened is settled by the next one that can save.
 *
 * The poll handle is readable while a response is due and not received: at once, or after the
 * delay. Before that receive returns TSS2_TCTI_RC_TRY_AGAIN, after at most the timeout that it was
 * given. Nothing else waits.
 */
#pragma once

#include <tss2/tss2_tcti.h>

TSS2_RC Tss2_Tcti_Libtpms_Init(TSS2_TCTI_CONTEXT *tcti, size_t *size, const char *conf);
const TSS2_TCTI_INFO *Tss2_Tcti_Info(void);
