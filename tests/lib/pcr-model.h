/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pcr-model.h -- a TPM, a measurement list and /run, all in memory; for tests of core/plan.
 *
 * Keeps books of its own on which record is in which bank. The first promise that is broken on it
 * is kept in `violation`. Plans are run on it by pcr-instance.h.
 */
#pragma once

#include "core/plan.h"

#define MODEL_COMMAND_USEC 1000U
#define MODEL_WINDOW       64U /* commands that a second is counted over; no test wants more */

typedef struct Model Model;
typedef struct Instance Instance;

typedef enum ModelLie {
        MODEL_LIE_NONE,
        MODEL_LIE_PCR,   /* READ_PCR: a bit is wrong in every bank */
        MODEL_LIE_CLOCK, /* READ_CLOCK: another resetCount */
        MODEL_LIE_BANKS, /* OPEN_TPM: the first bank of the main PCR is not told */
} ModelLie;

/* What the hook wants to become of a step; zeroed: nothing special. */
typedef struct ModelFault {
        TpmOutcome outcome; /* other than TPM_DONE: the answer */
        bool is_executed;   /* although the answer is not TPM_DONE */
        ModelLie lie;
} ModelFault;

/* Only what is returned before the step counts. */
typedef ModelFault (*ModelHook)(Model *m, Instance *i, bool is_after, void *userdata);

typedef struct ModelRecord {
        PlanRecord record;
        unsigned n_extends[_DIGEST_ALG_N];
} ModelRecord;

/* An extend that was sent and neither executed nor refused yet. */
typedef struct ModelStale {
        bool is_there;
        uint32_t pcr;
        BankMask banks;
        DigestSet digests;
        uint64_t session, nonce;
} ModelStale;

struct Model {
        const Hashers *hashers;
        ModelHook hook;
        void *userdata;
        uint64_t now_usec;
        uint64_t suspended_usec; /* of it */
        uint64_t seed;

        ModelRecord *list;
        size_t n_list;
        size_t n_shown;      /* fewer than n_list: the next record is cut */
        size_t n_trimmed;    /* so many are no longer in the kernel's list */
        size_t n_spooled;    /* ... and so many are in our copy of it */
        uint32_t generation; /* of record 0 */
        bool is_malformed;   /* behind the last record */
        bool is_away;        /* somebody trims: who has released the list cannot open it */
        bool is_held;        /* HoldList=yes: releasing changes nothing */
        bool hides_count;
        PlanList list_state;
        ModeFacts facts;
        uint32_t main_pcr;

        bool has_anchor; /* /run/ima-replay/anchor */
        Anchor anchor;
        size_t n_anchored;

        TpmBanks banks;
        DigestSet pcr[TPM_PCR_N];
        DigestSet base[TPM_PCR_N];               /* V(0) */
        uint64_t n_held[TPM_PCR_N];              /* records in all banks of it, in list order */
        uint64_t n_in[TPM_PCR_N][_DIGEST_ALG_N]; /* ... in this bank */
        size_t next[TPM_PCR_N][_DIGEST_ALG_N];   /* index from where the next is to be sought */
        bool is_foreign[TPM_PCR_N];              /* something else is in it too */
        bool refuses[TPM_PCR_N];                 /* extends */
        bool is_closed[TPM_PCR_N];               /* refuses reads too */
        bool has_firmware;
        FirmwareLog firmware;
        uint32_t reset_count, restart_count;
        uint64_t tpm_since_usec; /* it counts its time from there */
        bool has_node;
        uint64_t node_usec;                  /* when the device node was made */
        uint64_t last_session, dead_session; /* up to this one they died in a reset */
        uint64_t exclusive;                  /* the session that is, or 0 */
        uint64_t nonce;                      /* rolls with each command in a session */
        bool is_unguarded;                   /* a broken TPM: the exclusive rule does not hold */
        ModelStale stale;

        size_t n_commands, n_extends, n_probes, n_reads; /* that were sent, executed or not */
        uint64_t window_usec[MODEL_WINDOW];              /* a ring of when they were */
        size_t n_window, n_window_max;                   /* commands in any one second */
        uint32_t went[_PLAN_STATE_N]; /* bit masks: from this state to which others */
        const char *violation;
};

void model_init(Model *m, const Hashers *hashers, BankMask banks, uint64_t seed);
void model_deinit(Model *m);
void model_blame(Model *m, const char *what);
uint32_t model_random(Model *m);

void model_append(Model *m, uint32_t pcr);
void model_replace_list(Model *m);
void model_trim(Model *m, size_t n);
bool model_list_is_lost(const Model *m);

void model_command(Model *m, uint64_t session);
void model_forget_rate(Model *m);
ModelRecord *model_next(Model *m, uint32_t pcr, DigestAlg alg);
bool model_is_record(const ModelRecord *r, BankMask banks, const DigestSet *digests);
void model_extend(Model *m, uint32_t pcr, BankMask banks, const DigestSet *digests);
void model_foreign_command(Model *m);
void model_foreign_extend(Model *m, uint32_t pcr, BankMask banks);
void model_pre_extend(Model *m, uint32_t pcr, uint64_t n);
void model_pre_extend_banks(Model *m, uint32_t pcr, BankMask banks, uint64_t n);
void model_measure(Model *m, uint32_t pcr, uint64_t n);
void model_reset(Model *m);
void model_suspend(Model *m, uint64_t usec);
void model_deliver_stale(Model *m);
bool model_is_extended(const Model *m);
size_t model_n_doubled(const Model *m);
