/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * imareplay.h -- read an IMA measurement list and check PCR values against it.
 *
 *     cc tool.c $(pkg-config --cflags --libs imareplay)
 *
 * What all calls share; the details stand at each definition (lib/api/):
 *
 *   Result    An int is negative for a failure: a negative errno. Otherwise it is 0; a call that
 *             iterates or answers a question gives 1 for "here is one" or "yes", and 0 for "end"
 *             or "no". A call that returns no int cannot fail.
 *   Outputs   Come last, are called ret_..., and are set on success only.
 *   Memory    imr_..._new...() gives an object to its caller, imr_..._free() takes it back; the
 *             latter takes NULL and returns NULL. Everything else that is handed out is borrowed;
 *             what was handed in is copied, file descriptors apart: they stay the caller's.
 *   Pointers  May be NULL only where it is said.
 *   Threads   No global state: threads may use different objects at the same time, and one object
 *             (with its records) when only one of them does so at a time.
 *   Trust     A list is input from outside. Bytes of it are handed out as they are: escape them
 *             before they reach a terminal or a log.
 *
 * Compiles alone as C99 and as C++, and needs no header of another library.
 */
#ifndef IMAREPLAY_H
#define IMAREPLAY_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* PCRs of a TPM: 0 to 23 (TCG PC Client Platform TPM Profile, 4.6). */
#define IMR_PCR_N 24U
/* PCRs that a record may name: 0 to 63 (kernel ima_policy.c); beyond 23 no TPM can follow. */
#define IMR_LIST_PCR_N 64U
/* Bytes of the largest value that a bank can have. */
#define IMR_DIGEST_MAX 64U

typedef struct ImrList ImrList;     /* a measurement list that is being read */
typedef struct ImrRecord ImrRecord; /* one of its records */
typedef struct ImrVerify ImrVerify; /* PCR values, and the replay of a list against them */

/* The version of the library that runs, as "0.1.0". */
const char *imr_version(void);

/*
 * Lists. A list may grow while it is read, as the kernel's own does: after 0 and after -ENODATA
 * imr_list_next() may be called again. -EBADMSG is final.
 */

int imr_list_new_from_fd(int fd, ImrList **ret_list);
ImrList *imr_list_free(ImrList *list);

/* 1: a record; 0: end, for now; -ENODATA: cut inside a record, for now; -EBADMSG: malformed. */
int imr_list_next(ImrList *list, const ImrRecord **ret_record);

/* What the last imr_list_next() did not like, as one line; "" if there was nothing. */
const char *imr_list_error(const ImrList *list);

/*
 * Records. A record and all that is taken from it belong to the list, and are gone with the next
 * imr_list_next() or imr_list_free().
 */

uint64_t imr_record_position(const ImrRecord *record); /* from 0 */
uint32_t imr_record_pcr(const ImrRecord *record);      /* below IMR_LIST_PCR_N */
int imr_record_is_violation(const ImrRecord *record);  /* 1 or 0 */
int imr_record_digest_fits(const ImrRecord *record);   /* 1, 0, or an error */

/* Slices of the list: never NULL, not NUL-terminated. */
void imr_record_digest(const ImrRecord *record, const uint8_t **ret_data, size_t *ret_n);
void imr_record_template(const ImrRecord *record, const uint8_t **ret_data, size_t *ret_n);
void imr_record_data(const ImrRecord *record, const uint8_t **ret_data, size_t *ret_n);
void imr_record_raw(const ImrRecord *record, const uint8_t **ret_data, size_t *ret_n);

/*
 * Verification: say which values the PCRs have, hand in the records of a list from the first to
 * the last, ask for the verdict. Only a list that was read until imr_list_next() returned 0 is
 * whole. Banks are named as tpm2-tools name them: sha1, sha256, sha384, sha512, sm3_256,
 * sha3_256, sha3_384, sha3_512.
 */

typedef enum ImrVerdict {
        IMR_VERDICT_NOTHING = 0, /* nothing was compared: no record, or no value for this PCR */
        IMR_VERDICT_WHOLE = 1,   /* good: every bank holds all records */
        IMR_VERDICT_PREFIX = 2,  /* every bank holds the first k records, 0 < k < all */
        IMR_VERDICT_EMPTY = 3,   /* every bank holds none of the records */
        IMR_VERDICT_MISFIT = 4   /* anything else */
} ImrVerdict;

int imr_verify_new(ImrVerify **ret_verify);
ImrVerify *imr_verify_free(ImrVerify *verify);

/* Before the first record. */
int imr_verify_expect(ImrVerify *verify, uint32_t pcr, const char *bank, const uint8_t *value,
                      size_t n);
int imr_verify_padded(ImrVerify *verify, const char *bank);

int imr_verify_record(ImrVerify *verify, const ImrRecord *record);

int imr_verify_main_pcr(const ImrVerify *verify, uint32_t *ret_pcr);
int imr_verify_result(const ImrVerify *verify, uint32_t pcr, ImrVerdict *ret_verdict,
                      uint64_t *ret_holds, uint64_t *ret_records);
int imr_verify_value(const ImrVerify *verify, uint32_t pcr, const char *bank, uint8_t *ret_value,
                     size_t max, size_t *ret_n);

#ifdef __cplusplus
}
#endif

#endif
