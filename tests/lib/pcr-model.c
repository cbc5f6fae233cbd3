/* SPDX-License-Identifier: BSD-2-Clause */
#include "lib/pcr-model.h"

#include <assert.h>
#include <string.h>

/* The first broken promise is the one that tells most. */
void model_blame(Model *m, const char *what) {
        if (!m->violation)
                m->violation = what;
}

/* splitmix64: good enough, and the same everywhere */
uint32_t model_random(Model *m) {
        uint64_t z = m->seed += UINT64_C(0x9e3779b97f4a7c15);

        z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
        return (uint32_t)(z >> 32);
}

static void random_digests(Model *m, DigestSet *ret_digests) {
        for (DigestAlg alg = 0; alg < _DIGEST_ALG_N; ++alg)
                for (size_t i = 0; i < DIGEST_SIZE_MAX; ++i)
                        ret_digests->of[alg].data[i] = (uint8_t)model_random(m);
}

/* A healthy machine in bypass with an empty list. */
void model_init(Model *m, const Hashers *hashers, BankMask banks, uint64_t seed) {
        *m = (Model){
                .hashers = hashers,
                .seed = seed,
                .n_shown = SIZE_MAX,
                .facts = { .record = MODE_RECORD_ZERO, .lists = MODE_LISTS_SHA1 },
                .main_pcr = 10,
                .reset_count = 5,
                .restart_count = 1,
                .banks.other_than_sha1 = (banks & ~BANK(DIGEST_SHA1)) != 0,
        };
        for (uint32_t pcr = 0; pcr < TPM_PCR_N; ++pcr)
                m->banks.of[pcr] = banks;
}

void model_deinit(Model *m) {
        free(m->list);
        m->list = NULL;
}

/*
 * The list
 */

void model_append(Model *m, uint32_t pcr) {
        ModelRecord *new;

        m->list = reallocarray(m->list, m->n_list + 1, sizeof(*m->list));
        assert(m->list);
        new = &m->list[m->n_list++];
        *new = (ModelRecord){ .record = { .pcr = pcr, .digest_fits = true } };
        new->record.is_violation = m->n_list % 7 == 5;
        random_digests(m, &new->record.digests);
}

/* Another list: the old head is gone, other records are there. */
void model_replace_list(Model *m) {
        ++m->generation;
        m->n_list = 0;
        model_append(m, m->main_pcr);
}

/* Root removes records from the head of the kernel's list; never the last one that is there. */
void model_trim(Model *m, size_t n) {
        m->n_trimmed = MIN_OF(MAX_OF(m->n_trimmed, n), m->n_list - 1);
}

/* Does nothing tell what the kernel's list began with? It must overlap our copy by a record. */
bool model_list_is_lost(const Model *m) {
        return m->n_trimmed > 0 && m->n_spooled <= m->n_trimmed;
}

/*
 * The TPM
 */

/* How many commands there were in the second that ends now. */
static void model_count_rate(Model *m) {
        m->window_usec[m->n_commands % MODEL_WINDOW] = m->now_usec;
        ++m->n_commands;
        m->n_window = MIN_OF(m->n_window + 1, MODEL_WINDOW);
        while (m->now_usec - m->window_usec[(m->n_commands - m->n_window) % MODEL_WINDOW] >=
               PLAN_SEC)
                --m->n_window;
        m->n_window_max = MAX_OF(m->n_window_max, m->n_window);
}

/* What came so far is not to be judged. */
void model_forget_rate(Model *m) {
        m->n_window = m->n_window_max = 0;
}

void model_command(Model *m, uint64_t session) {
        m->now_usec += MODEL_COMMAND_USEC;
        model_count_rate(m);
        /* Part 1, 17.2 (exclusive audit): any command outside the session ends it. */
        if (m->exclusive != session)
                m->exclusive = 0;
}

void model_foreign_command(Model *m) {
        m->exclusive = 0;
}

static void pcr_extend(Model *m, uint32_t pcr, BankMask banks, const DigestSet *digests) {
        FOREACH_BANK(alg, banks) {
                const Bytes parts[] = { digest_bytes(alg, &m->pcr[pcr].of[alg]),
                                        digest_bytes(alg, &digests->of[alg]) };

                if (hasher_run(m->hashers->of[alg], parts, 2, &m->pcr[pcr].of[alg]) < 0)
                        abort();
        }
}

bool model_is_record(const ModelRecord *r, BankMask banks, const DigestSet *digests) {
        return r && digest_set_equal(banks, &r->record.digests, digests) == banks;
}

/* The one that must come next in this bank, or NULL. */
ModelRecord *model_next(Model *m, uint32_t pcr, DigestAlg alg) {
        size_t *next = &m->next[pcr][alg];

        while (*next < m->n_list && m->list[*next].record.pcr != pcr)
                ++*next;
        return *next < m->n_list ? &m->list[*next] : NULL;
}

static void model_count_held(Model *m, uint32_t pcr) {
        uint64_t n = UINT64_MAX;

        FOREACH_BANK(alg, m->banks.of[pcr])
                n = MIN_OF(n, m->n_in[pcr][alg]);
        m->n_held[pcr] = n == UINT64_MAX ? 0 : n;
}

static void bank_extend(Model *m, uint32_t pcr, DigestAlg alg, const DigestSet *digests) {
        ModelRecord *next = model_next(m, pcr, alg);

        if (model_is_record(next, BANK(alg), digests)) {
                ++next->n_extends[alg];
                ++m->next[pcr][alg];
                ++m->n_in[pcr][alg];
                return;
        }
        model_blame(m, "extended what is not the next record of its chain");
        for (size_t i = 0; i < m->n_list; ++i)
                if (m->list[i].record.pcr == pcr &&
                    model_is_record(&m->list[i], BANK(alg), digests))
                        ++m->list[i].n_extends[alg];
}

void model_extend(Model *m, uint32_t pcr, BankMask banks, const DigestSet *digests) {
        pcr_extend(m, pcr, banks, digests);
        if (m->is_foreign[pcr])
                model_blame(m, "extended a PCR that something else had extended");
        FOREACH_BANK(alg, banks)
                bank_extend(m, pcr, alg, digests);
        model_count_held(m, pcr);
}

void model_foreign_extend(Model *m, uint32_t pcr, BankMask banks) {
        DigestSet digests;

        memset(&digests, 0x5a, sizeof(digests));
        pcr_extend(m, pcr, banks, &digests);
        m->is_foreign[pcr] = true;
        m->exclusive = 0;
}

/* What an instance before this test did. */
void model_pre_extend(Model *m, uint32_t pcr, uint64_t n) {
        model_pre_extend_banks(m, pcr, m->banks.of[pcr], n);
}

/* What a tool did that knows some banks only. */
void model_pre_extend_banks(Model *m, uint32_t pcr, BankMask banks, uint64_t n) {
        m->exclusive = 0;
        for (; n > 0; --n)
                FOREACH_BANK(alg, banks)
                        model_extend(m, pcr, BANK(alg), &model_next(m, pcr, alg)->record.digests);
}

/* The firmware extends a PCR, and writes so into its log. */
void model_measure(Model *m, uint32_t pcr, uint64_t n) {
        DigestSet digests;

        m->has_firmware = true;
        m->firmware.is_agile = true;
        m->firmware.banks = m->banks.of[pcr];
        for (; n > 0; --n) {
                random_digests(m, &digests);
                pcr_extend(m, pcr, m->banks.of[pcr], &digests);
                ++m->firmware.n_events;
                ++m->firmware.n_of[pcr];
        }
        m->firmware.value[pcr] = m->base[pcr] = m->pcr[pcr];
}

/* What was extended before does not count any more. */
static void model_forget_extends(Model *m) {
        memset(m->pcr, 0, sizeof(m->pcr));
        memset(m->base, 0, sizeof(m->base));
        memset(m->n_held, 0, sizeof(m->n_held));
        memset(m->n_in, 0, sizeof(m->n_in));
        memset(m->next, 0, sizeof(m->next));
        memset(m->is_foreign, 0, sizeof(m->is_foreign));
        for (size_t i = 0; i < m->n_list; ++i)
                memset(m->list[i].n_extends, 0, sizeof(m->list[i].n_extends));
}

static void model_end_sessions(Model *m) {
        m->dead_session = m->last_session;
        m->exclusive = 0;
}

/* _TPM_Init and Startup(CLEAR) in the middle of a boot. */
void model_reset(Model *m) {
        model_forget_extends(m);
        model_end_sessions(m);
        ++m->reset_count;
        m->restart_count = 0;
        m->tpm_since_usec = m->now_usec;
}

/* S3: Shutdown(STATE), later Startup(STATE); PCRs stay. */
void model_suspend(Model *m, uint64_t usec) {
        model_end_sessions(m);
        ++m->restart_count;
        m->now_usec += usec;
        m->suspended_usec += usec;
        m->tpm_since_usec = m->now_usec;
}

void model_deliver_stale(Model *m) {
        const ModelStale s = m->stale;

        m->stale.is_there = false;
        if (!s.is_there || m->refuses[s.pcr] || s.session <= m->dead_session)
                return;
        if (!m->is_unguarded &&
            (s.session == 0 || m->exclusive != s.session || m->nonce != s.nonce))
                return;
        ++m->nonce;
        model_extend(m, s.pcr, s.banks, &s.digests);
}

static bool model_is_ours(const Model *m, uint32_t pcr) {
        return pcr < TPM_PCR_N && !m->is_foreign[pcr] && !m->refuses[pcr] && m->banks.of[pcr] &&
               !m->banks.has_unknown[pcr];
}

/* Is each record exactly once in every bank of its PCR, where that is our affair? */
bool model_is_extended(const Model *m) {
        for (size_t i = 0; i < m->n_list; ++i) {
                uint32_t pcr = m->list[i].record.pcr;

                for (DigestAlg alg = 0; alg < _DIGEST_ALG_N; ++alg) {
                        bool is_wanted = model_is_ours(m, pcr) && (m->banks.of[pcr] & BANK(alg));

                        if (m->list[i].n_extends[alg] != is_wanted)
                                return false;
                }
        }
        return true;
}

size_t model_n_doubled(const Model *m) {
        size_t n = 0;

        for (size_t i = 0; i < m->n_list; ++i)
                for (DigestAlg alg = 0; alg < _DIGEST_ALG_N; ++alg)
                        n += m->list[i].n_extends[alg] > 1;
        return n;
}
