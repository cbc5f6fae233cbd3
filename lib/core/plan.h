/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * plan.h -- what to do next. Pure: an event goes in, one step comes out.
 *
 * The plan decides everything that matters: whether anything may be extended, which record is
 * next, and what an answer of the TPM means. It holds plain values, may be copied, and touches
 * nothing outside: whoever runs it carries out the step and hands back the event that came of it.
 * So every crash, race and fault is a row of a table in a test.
 *
 * How a record gets into its PCR exactly once:
 *   - the PCR is read in an audit session, then the list is walked until V(k) equals it in every
 *     bank; k is where extending goes on. No journal: the TPM itself holds the position;
 *   - each extend is made in that session and exclusive: the TPM refuses it when any command came
 *     between (a proof is good for one `epoch`, which ends with each session and each reset of it);
 *   - after anything but a verified success the next command on that PCR is a read. A record that
 *     was executed after all is found by the same search, one place further on.
 *
 * Each PCR of the list is a chain with a position of its own. The main chain (that of record 0)
 * decides the state; another chain that no prefix explains is foreign, one that the TPM does not
 * take is refused: both are left alone and reported.
 */
#pragma once

#include "core/age.h"
#include "core/anchor.h"
#include "core/firmware.h"
#include "core/mode.h"
#include "core/outcome.h"
#include "core/replay.h"

#define PLAN_MSEC UINT64_C(1000)
#define PLAN_SEC  (1000 * PLAN_MSEC)

#define PLAN_CONFIRM_USEC   (100 * PLAN_MSEC) /* between two readings that make a verdict */
#define PLAN_VERIFY_RECORDS 256U              /* extends of a chain without a look at its PCR */
#define PLAN_CONTENDED_MAX  8U                /* refusals in a row before we step back */
#define PLAN_CONTENDED_USEC (50 * PLAN_MSEC)  /* plus as much jitter */
#define PLAN_BUSY_MIN_USEC  (20 * PLAN_MSEC)
#define PLAN_BUSY_MAX_USEC  (2 * PLAN_SEC)
#define PLAN_RETRY_MIN_USEC (1 * PLAN_SEC) /* so that a stuck TPM sees few commands */
#define PLAN_RETRY_MAX_USEC (30 * PLAN_SEC)
#define PLAN_ABSENT_USEC    (200 * PLAN_MSEC)
#define PLAN_DEAD_USEC      (10 * PLAN_SEC)
#define PLAN_FAILED_USEC    (60 * PLAN_SEC)
#define PLAN_POLL_MIN_USEC  (10 * PLAN_MSEC) /* a tenth of how long nothing came, between these */
#define PLAN_POLL_MAX_USEC  (100 * PLAN_MSEC)
#define PLAN_LET_GO_USEC    (3 * PLAN_SEC) /* between two looks at a list that is let go */
#define PLAN_AWAY_USEC      (1 * PLAN_SEC) /* a list that cannot be opened is a state then */
#define PLAN_VERIFY_IDLE_USEC                                                                      \
        (250 * PLAN_MSEC)         /* while following: a look at the PCR when it is quiet */
#define PLAN_TAMPERED_MAX      3U /* wrong HMACs in PLAN_TAMPERED_USEC */
#define PLAN_TAMPERED_USEC     (600 * PLAN_SEC)
#define PLAN_SESSION_IDLE_USEC (1 * PLAN_SEC)
#define PLAN_NO_PROGRESS_USEC  (600 * PLAN_SEC)

/* Names and meanings: State of the varlink interface org.imareplay.status. */
typedef enum PlanState {
        PLAN_INIT,
        PLAN_WAIT_LIST,
        PLAN_DECIDE,
        PLAN_WAIT_TPM,
        PLAN_BACKOFF,
        PLAN_SEARCH,
        PLAN_CATCH_UP,
        PLAN_FOLLOW,
        PLAN_UNKNOWN,
        PLAN_TPM_FAILED,
        /* terminal from here on: no way leads back */
        PLAN_KERNEL_OWNS,
        PLAN_MIXED,
        PLAN_TPM_RESET,
        PLAN_SPLIT_BANKS,
        PLAN_DIVERGED,
        PLAN_LIST_BROKEN,
        PLAN_LIST_TRIMMED,
        PLAN_BANK_UNSUPPORTED,
        _PLAN_STATE_N,
} PlanState;

/* Names: Reason of the varlink interface. For KERNEL_OWNS and MIXED the mode has its own reason. */
typedef enum PlanReason {
        PLAN_REASON_NONE,
        PLAN_REASON_IMA_ABSENT,
        PLAN_REASON_LIST_UNREADABLE,
        PLAN_REASON_LIST_EMPTY,
        PLAN_REASON_MODE,
        PLAN_REASON_TPM_UNAVAILABLE,
        PLAN_REASON_GATE_WAIT,
        PLAN_REASON_GATE_NEVER,
        PLAN_REASON_PKVM_FAILED,
        PLAN_REASON_TPM_BUSY,
        PLAN_REASON_TPM_CONTENDED,
        PLAN_REASON_OUTCOME_UNKNOWN,
        PLAN_REASON_RESET_COUNT_CHANGED,
        PLAN_REASON_PCR_WENT_BACK,
        PLAN_REASON_TPM_TIME_LOW,
        PLAN_REASON_FIRMWARE_PCRS_ZERO,
        PLAN_REASON_BANKS_CHANGED,
        PLAN_REASON_BANKS_DIFFER,
        PLAN_REASON_FOREIGN_EXTEND,
        PLAN_REASON_FOREIGN_EXTEND_IN_BANK,
        PLAN_REASON_RECORD_DIGEST_WRONG,
        PLAN_REASON_RECORD_MALFORMED,
        PLAN_REASON_BANK_ALGORITHM,
        PLAN_REASON_BANK_NONE,
        PLAN_REASON_TPM_FAILURE_MODE,
        PLAN_REASON_TPM_REFUSED,
        PLAN_REASON_NO_PROGRESS,
        PLAN_REASON_TAMPER_SUSPECTED,
        PLAN_REASON_LIST_REPLACED,
        PLAN_REASON_RECORDS_GONE,
        _PLAN_REASON_N,
} PlanReason;

typedef enum ChainState {
        CHAIN_UNREAD,    /* its PCR was not read yet */
        CHAIN_SEARCHING, /* read; the prefix that explains it is being sought */
        CHAIN_HELD,      /* the PCR is V(held) */
        CHAIN_REPAIRING, /* its banks hold different prefixes; the lagging ones are extended */
        CHAIN_FOREIGN,   /* no prefix explains it: something else extends it */
        CHAIN_REFUSED,   /* the TPM has no such PCR, or does not let us extend it */
        _CHAIN_STATE_N,
} ChainState;

typedef struct PlanChain {
        ChainState state;
        Search search;
        uint64_t from;         /* the search began at V(from) */
        uint64_t n_listed;     /* its records, each counted once */
        uint64_t held;         /* records that the PCR was proven to hold, and never fewer */
        uint64_t held_at;      /* records of the whole list up to the last of these */
        DigestSet value;       /* V(held): what the records up to there give, whenever they pass */
        uint64_t n_unverified; /* extends since its PCR was last read */
        uint64_t epoch;        /* in which that was proven */
        bool is_doubted;       /* explained by nothing once: read again before it is foreign */
} PlanChain;

/* What the plan needs to know of a record; digests for every bank of the TPM. */
typedef struct PlanRecord {
        uint32_t pcr;
        bool digest_fits; /* it has the digest that it claims */
        bool may_extend;  /* false: of the spool, for a list that was trimmed: may only pass */
        bool is_violation;
        DigestSet digests;
} PlanRecord;

typedef enum PlanList {
        PLAN_LIST_READY,
        PLAN_LIST_ABSENT,     /* no IMA in this kernel */
        PLAN_LIST_UNREADABLE, /* there, but cannot be opened or read */
        PLAN_LIST_EMPTY,      /* no complete record yet */
        PLAN_LIST_BAD,        /* record 0 is malformed */
        PLAN_LIST_LOST,       /* another record 0, and the spool cannot tell what is missing */
        _PLAN_LIST_N,
} PlanList;

/* Why no TPM was opened. */
typedef enum PlanAbsence {
        PLAN_ABSENT_TPM,         /* it cannot be opened, or does not answer */
        PLAN_ABSENT_GATE_WAIT,   /* something that it depends on is not there yet */
        PLAN_ABSENT_GATE_NEVER,  /* a known dead end */
        PLAN_ABSENT_PKVM_FAILED, /* RequirePKVM=yes */
        _PLAN_ABSENT_N,
} PlanAbsence;

typedef enum PlanEventKind {
        PLAN_EVENT_START,
        PLAN_EVENT_LIST,        /* of OPEN_LIST: list, facts, main_pcr */
        PLAN_EVENT_REWOUND,     /* of REWIND: list (READY, UNREADABLE, LOST) */
        PLAN_EVENT_RECORD,      /* of NEXT_RECORD: record */
        PLAN_EVENT_LIST_END,    /* of NEXT_RECORD: is_cut */
        PLAN_EVENT_LIST_BROKEN, /* of NEXT_RECORD */
        PLAN_EVENT_LIST_AWAY,   /* of NEXT_RECORD: list (UNREADABLE, LOST); only after RELEASE_LIST
                                 */
        PLAN_EVENT_COUNT,       /* of COUNT: n_count, is_shrunk */
        PLAN_EVENT_RELEASED,    /* of RELEASE_LIST */
        PLAN_EVENT_ANCHORED,    /* of ANCHOR, whatever came of it */
        PLAN_EVENT_TPM_OPEN,    /* of OPEN_TPM: outcome, absence; banks, firmware */
        PLAN_EVENT_TPM_CLOSED,  /* of CLOSE_TPM */
        PLAN_EVENT_CLOCK,       /* of READ_CLOCK: outcome, clock, age */
        PLAN_EVENT_PROBED,      /* of PROBE: outcome */
        PLAN_EVENT_PCR,         /* of READ_PCR: outcome, values */
        PLAN_EVENT_EXTENDED,    /* of EXTEND: outcome */
        PLAN_EVENT_FLUSHED,     /* of FLUSH_SESSION */
        PLAN_EVENT_TIMER,       /* of WAIT and PAUSE */
        PLAN_EVENT_REFRESH,     /* instead of it, while following or observing: pcrs */
        PLAN_EVENT_STOP,        /* from outside, between two steps */
        _PLAN_EVENT_N,
} PlanEventKind;

typedef struct PlanEvent {
        PlanEventKind kind;
        uint64_t now_usec; /* CLOCK_BOOTTIME */
        uint32_t random;   /* for jitter */
        TpmOutcome outcome;
        PlanAbsence absence; /* of TPM_ABSENT */
        PlanList list;
        ModeFacts facts;
        uint32_t main_pcr;
        const PlanRecord *record;
        bool is_cut;      /* the list ends inside a record */
        uint64_t n_count; /* records that the list has now; unknown: UINT64_MAX */
        bool is_shrunk;   /* fewer than before; then n_count is 0 */
        uint32_t pcrs;    /* bit mask: to be looked at */
        const TpmBanks *banks;
        const FirmwareLog *firmware; /* NULL: none, or one that cannot be read */
        const DigestSet *values;
        TpmClock clock;
        AgeFacts age;
} PlanEvent;

typedef enum PlanStepKind {
        PLAN_STEP_OPEN_LIST,    /* take the lock, read record 0 and the names of the lists */
        PLAN_STEP_REWIND,       /* begin at record 0 again */
        PLAN_STEP_NEXT_RECORD,  /* at most one */
        PLAN_STEP_COUNT,        /* has the list grown? */
        PLAN_STEP_RELEASE_LIST, /* all is extended: somebody may trim it (HoldList=until-extended)
                                 */
        PLAN_STEP_ANCHOR,       /* anchor: write it */
        PLAN_STEP_OPEN_TPM,     /* a fresh context; ask for its banks */
        PLAN_STEP_CLOSE_TPM,
        PLAN_STEP_READ_CLOCK,
        PLAN_STEP_PROBE,    /* begin a session; guarded extends of TPM_RH_NULL: change no PCR */
        PLAN_STEP_READ_PCR, /* pcr, banks; is_fresh: begin a new proof (auditReset) */
        PLAN_STEP_EXTEND,   /* pcr, banks, digests: exclusive, never resent */
        PLAN_STEP_FLUSH_SESSION,
        PLAN_STEP_PAUSE, /* until: short, and part of what is being done */
        PLAN_STEP_WAIT,  /* until: for something outside */
        PLAN_STEP_REST,  /* nothing more to do in this boot */
        PLAN_STEP_STOP,  /* asked for */
        _PLAN_STEP_N,
} PlanStepKind;

typedef struct PlanStep {
        PlanStepKind kind;
        uint32_t pcr;
        BankMask banks;
        const DigestSet *digests; /* borrowed from the plan */
        bool is_fresh;
        uint64_t until_usec; /* CLOCK_BOOTTIME */
        Anchor anchor;       /* but for its boot_id */
} PlanStep;

/* How the PCR of a kernel that extends by itself stands to the list. */
typedef enum PlanObserved {
        PLAN_OBSERVED_NOTHING,
        PLAN_OBSERVED_FITS,
        PLAN_OBSERVED_BEHIND,
        PLAN_OBSERVED_MISFIT,
        _PLAN_OBSERVED_N,
} PlanObserved;

/* What a TIMER goes on with. */
typedef enum PlanAim {
        PLAN_AIM_LIST,
        PLAN_AIM_REWIND,
        PLAN_AIM_TPM,
        PLAN_AIM_READ,
        PLAN_AIM_FOLLOW,
        _PLAN_AIM_N,
} PlanAim;

/* A command that the TPM refused: once may be a lie, the same twice in a row is an answer. */
typedef struct PlanRefusal {
        bool is_set;
        PlanEventKind kind;
        uint32_t pcr;
} PlanRefusal;

/* A verdict that a second look must confirm. */
typedef struct PlanSuspicion {
        PlanState state; /* PLAN_INIT: none */
        PlanReason reason;
        uint64_t mark;     /* what was seen: a count, or a fold of the banks */
        DigestSet reading; /* of the main PCR */
} PlanSuspicion;

/* Whether PCRs 0 to 7, all zero, mean that the TPM was reset. */
typedef enum PlanMeasuredBoot {
        PLAN_MEASURED_AUTO, /* where the firmware's event log has events for them */
        PLAN_MEASURED_YES,
        PLAN_MEASURED_NO,
        _PLAN_MEASURED_N,
} PlanMeasuredBoot;

typedef struct PlanOptions {
        PlanMeasuredBoot measured_boot;
        bool has_anchor;
        Anchor anchor; /* of this boot */
        /* What an administrator asked for by name, never a configuration (rule I6). */
        bool repairs_banks;
        bool accepts_reset; /* that came before this process: no anchor, no clock, no PCRs 0 to 7 */
} PlanOptions;

/* Lagging banks of the main PCR, being brought to what the foremost holds. */
typedef struct PlanRepair {
        uint64_t k[_DIGEST_ALG_N]; /* records that each bank holds */
        uint64_t end;              /* ... and the foremost */
} PlanRepair;

typedef struct Plan {
        PlanOptions options;
        PlanState state;
        PlanReason reason;
        uint64_t state_usec; /* when it was entered */
        bool is_following;   /* FOLLOW was reached, and nothing worse than UNKNOWN came since */
        PlanAim aim;
        uint64_t now_usec;
        uint32_t random;

        ModeFacts facts;
        ModeVerdict mode;
        uint32_t main_pcr;
        bool is_cut; /* at the last end of the list */
        bool is_released;
        bool was_shrunk;     /* as it was counted last */
        bool is_at_end;      /* all of the list was dealt with, and no record came since */
        bool is_behind;      /* a side chain has records to extend before this place */
        uint32_t wants_look; /* bit mask of PCRs that somebody asked for */
        bool wants_rewind;   /* begin at record 0 again once the PCR is read */
        PlanObserved observed;
        PlanReason misfit; /* why it does not fit, where the kernel extends */

        bool banks_told; /* once; twice the same, in two contexts, is known */
        bool banks_known;
        TpmBanks banks;
        bool clock_known;
        TpmClock clock;
        bool wants_anchor;
        bool is_anchored; /* `anchor` was written, or tried to */
        Anchor anchor;
        bool is_measured; /* PCRs 0 to 7 need no look, or had one */
        bool is_measuring;
        bool was_unmeasured; /* they were all zero, once */
        uint32_t based;      /* PCRs whose V(0) is not zeros: the firmware extended them */
        DigestSet base[TPM_PCR_N];
        PlanRepair repair;
        uint64_t tampered_usec[PLAN_TAMPERED_MAX]; /* a ring */
        uint32_t n_tampered;
        uint64_t epoch;
        bool has_session;
        PlanAbsence absence; /* of the last try */
        bool was_there;      /* this context has told the banks */
        uint32_t reading;    /* PCR whose value is awaited */
        PlanRefusal refusal;
        PlanSuspicion suspicion;
        uint32_t n_suspicions;
        uint32_t n_contended; /* in a row, as all of these */
        uint32_t n_behind;
        uint32_t n_failures;
        uint32_t n_absent; /* tries that found no TPM, which is no failure of one */
        uint64_t stuck_since_usec;
        uint64_t active_usec; /* last record seen */
        uint64_t used_usec;   /* session used last */
        uint64_t looked_usec; /* the list was read to its end */
        uint64_t away_usec;   /* since when the list cannot be opened; 0: it can */
        uint64_t pause_usec;  /* after a close */
        bool pause_is_short;

        bool is_resting; /* for good, terminal or not */
        bool has_current;
        PlanRecord current; /* taken from the list, not passed yet */
        Replay replay;
        PlanChain chain[TPM_PCR_N];
        uint64_t n_listed;     /* records passed, at most once each */
        uint64_t n_violations; /* of them */
        uint64_t n_beyond;     /* of them, for PCRs that no TPM has */
        uint64_t n_extended;   /* by this process */
} Plan;

typedef enum PlanVerdict {
        PLAN_VERDICT_PENDING,
        PLAN_VERDICT_EXTENDED,
        PLAN_VERDICT_KERNEL,
        PLAN_VERDICT_FAILED,
        PLAN_VERDICT_NO_IMA,
        _PLAN_VERDICT_N,
} PlanVerdict;

void plan_init(Plan *p, const Hashers *hashers, const PlanOptions *options);
int plan_next(Plan *p, const PlanEvent *e, PlanStep *ret_step);
PlanVerdict plan_verdict(const Plan *p);
uint64_t plan_n_done(const Plan *p);
bool plan_is_terminal(PlanState state);
const char *plan_state_name(PlanState state);
const char *plan_reason_name(const Plan *p);
const char *plan_reason_name_of(PlanReason reason, ModeReason mode_reason);
PlanReason plan_why(const Plan *p);
const char *plan_reason_text(const Plan *p);
