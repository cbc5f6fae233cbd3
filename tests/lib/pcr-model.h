/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pcr-model.h -- a TPM, a measurement list and the ones who run plans on them, all in memory.
 *
 * Carries out the steps of core/plan without a TPM library. What the plan promises is watched at
 * every step, by books of its own: the first broken promise is kept in `violation`. The hook is
 * called before and after each step and may do to TPM, list and instances whatever the world may.
 */
#pragma once

#include "core/plan.h"

#define MODEL_COMMAND_USEC 1000U

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
        unsigned n_extends;
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
        uint64_t seed;

        ModelRecord *list;
        size_t n_list;
        size_t n_shown;      /* fewer than n_list: the next record is cut */
        uint32_t generation; /* of record 0 */
        bool is_malformed;   /* behind the last record */
        PlanList list_state;
        ModeFacts facts;
        uint32_t main_pcr;

        TpmBanks banks;
        DigestSet pcr[TPM_PCR_N];
        uint64_t n_held[TPM_PCR_N]; /* records in it, in list order */
        size_t next[TPM_PCR_N];     /* index from where the next one is to be sought */
        bool is_foreign[TPM_PCR_N]; /* something else is in it too */
        bool refuses[TPM_PCR_N];    /* extends */
        bool is_closed[TPM_PCR_N];  /* refuses reads too */
        uint32_t reset_count;
        uint64_t last_session, dead_session; /* up to this one they died in a reset */
        uint64_t exclusive;                  /* the session that is, or 0 */
        uint64_t nonce;                      /* rolls with each command in a session */
        bool is_unguarded;                   /* a broken TPM: the exclusive rule does not hold */
        ModelStale stale;

        size_t n_commands, n_extends, n_probes, n_reads; /* that were sent, executed or not */
        uint64_t window_usec; /* begin of the second that is being counted */
        size_t n_window, n_window_max;
        const char *violation;
};

struct Instance {
        Plan plan;
        PlanStep step;
        uint64_t n_steps;
        bool has_crashed, is_done;
        size_t next; /* in the list */
        uint32_t generation;
        bool has_clock;
        uint32_t reset_count; /* when it first read the clock */
        uint64_t session;
        uint64_t proof;                /* ends with the session and with each reset of it */
        uint64_t proven_in[TPM_PCR_N]; /* the proof in which the PCR was read */
        bool must_read[TPM_PCR_N];     /* an extend was not answered well */
};

void model_init(Model *m, const Hashers *hashers, BankMask banks, uint64_t seed);
void model_deinit(Model *m);
uint32_t model_random(Model *m);
void model_append(Model *m, uint32_t pcr);
void model_replace_list(Model *m);
void model_foreign_command(Model *m);
void model_foreign_extend(Model *m, uint32_t pcr, BankMask banks);
void model_pre_extend(Model *m, uint32_t pcr, uint64_t n);
void model_reset(Model *m);
void model_leave_stale(Model *m, const Instance *i);
void model_deliver_stale(Model *m);
bool model_is_extended(const Model *m);

void instance_start(Instance *i, Model *m);
void instance_crash(Instance *i, Model *m);
bool instance_step(Instance *i, Model *m);
bool instance_settle(Instance *i, Model *m, size_t max);
bool instance_run(Instance *i, Model *m, uint64_t usec, size_t max);
bool instance_is_waiting(const Instance *i);
PlanEventKind instance_answer(const Instance *i);
bool instance_sends(const Instance *i);
