/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mismatch.h -- why does a list not explain the value of a PCR? Pure.
 *
 * Hypotheses are tested, one pass over the list after another: the caller feeds the same records
 * again for as long as mismatch_next_pass() asks for it. What was not tested is said, too: nobody
 * can run a PCR backwards (see window.h for the bounds).
 */
#pragma once

#include "core/replay.h"
#include "core/window.h"

/* Each bank can be explained in its own way. */
#define MISMATCH_FINDINGS_MAX (_DIGEST_ALG_N + 2U)
/* Longest sentence. */
#define MISMATCH_TEXT_MAX 320U

typedef enum MismatchKind {
        MISMATCH_FOREIGN,    /* extended by something else before `position` */
        MISMATCH_REPEATED,   /* `position` extended twice */
        MISMATCH_MISSING,    /* `position` never extended */
        MISMATCH_SWAPPED,    /* `position` and the one behind extended in the other order */
        MISMATCH_RESET,      /* the PCR begins with `position` */
        MISMATCH_MISPLACED,  /* `position` is in this PCR, the list says another */
        MISMATCH_NEVER,      /* the PCR is as after a reset */
        MISMATCH_PADDED,     /* SHA-1 digests with zeros behind */
        MISMATCH_VIOLATIONS, /* violations extended as zeros instead of ones */
        MISMATCH_CONVERTED,  /* the list was written in the other byte order */
        MISMATCH_ALTERED,    /* `position` has not the digest that it claims */
        MISMATCH_SPLIT,      /* each bank holds another number of records */
        MISMATCH_WRONG_LIST, /* all changes at all places were tried: another list */
        MISMATCH_UNKNOWN,    /* nothing that was tried explains it */
        _MISMATCH_KIND_N,
} MismatchKind;

typedef struct MismatchFinding {
        MismatchKind kind;
        BankMask banks;    /* that it explains; may be none with ALTERED and CONVERTED */
        uint64_t position; /* a record, counted in the list */
        uint64_t end;      /* the PCR holds nothing from this record on */
        size_t word;       /* with FOREIGN: search_word_name() */
} MismatchFinding;

/* What does not fit. */
typedef struct MismatchQuestion {
        uint32_t pcr;
        BankMask banks;
        BankMask padded; /* of them: known to be padded */
        DigestSet base;  /* V(0) */
        DigestSet target;
        MlistForm form; /* of the list */
} MismatchQuestion;

/* The answer, complete after the last pass. */
typedef struct MismatchAnswer {
        size_t n;
        MismatchFinding finding[MISMATCH_FINDINGS_MAX]; /* the first is the one to name */
        uint32_t tried;                                 /* bit mask of MismatchKind */
        bool has_reach;
        uint64_t reach;       /* changes were tried at this record and all behind it ... */
        uint64_t reach_words; /* ... and the rarer foreign words from here on, or SEARCH_NONE */
        uint64_t n_records;
        uint64_t n_bad; /* records without the digest that they claim */
        uint64_t first_bad;
} MismatchAnswer;

enum {
        _MISMATCH_E_SUCCESS,
        MISMATCH_E_DONE, /* no further pass */
};

typedef struct Mismatch Mismatch;

int mismatch_new(const MismatchQuestion *question, const Hashers *hashers, Mismatch **ret_mismatch);
Mismatch *mismatch_free(Mismatch *m);
DEFINE_CLEANUP(Mismatch, mismatch_free);
int mismatch_record(Mismatch *m, const MlistRecord *record);
int mismatch_next_pass(Mismatch *m);
const MismatchAnswer *mismatch_answer(const Mismatch *m);

const char *mismatch_name(MismatchKind kind);
const char *mismatch_advice(MismatchKind kind);
bool mismatch_has_position(MismatchKind kind);
void mismatch_describe(const MismatchAnswer *answer, const MismatchFinding *finding, uint32_t pcr,
                       char *ret_text, size_t max);
