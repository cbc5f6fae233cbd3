/* SPDX-License-Identifier: BSD-2-Clause */
#include "fault/machine.h"
#include "lib/scale.h"

#include <fcntl.h>
#include <ftw.h>
#include <string.h>
#include <sys/stat.h>
#include <tss2/tss2_tctildr.h>

#include "tools/tcti-libtpms.h"

#define IMA_DIR  "sys/kernel/security/ima"
#define LIST_MAX (1U << 20)

static const MlistForm form = { .order = ORDER_LITTLE, .alg = DIGEST_SHA1 };

/* libtpms has one TPM per process. */
static struct {
        TSS2_TCTI_CONTEXT *tcti;
        Machine *machine;
        bool has_manager;
} chip;

/*
 * The TPM
 */

static uint32_t chip_run(Bytes command, uint8_t *response, size_t *n) {
        uint32_t rc = UINT32_MAX;
        Bytes head, in;

        *n = HOOK_RESPONSE_MAX;
        assert_int_equal(Tss2_Tcti_Transmit(chip.tcti, command.n, command.data), 0);
        assert_int_equal(Tss2_Tcti_Receive(chip.tcti, n, response, TSS2_TCTI_TIMEOUT_BLOCK), 0);
        in = bytes_of(response, *n);
        assert_true(bytes_take(&in, 6, &head) && bytes_take_u32(&in, ORDER_BIG, &rc));
        return rc;
}

/* What the kernel does when /dev/tpmrm0 is closed: nobody's sessions go. */
static void chip_flush_sessions(void) {
        uint8_t response[HOOK_RESPONSE_MAX], ignored[HOOK_RESPONSE_MAX];
        Raw c = raw_handles(TPM2_LOADED_SESSION_FIRST);
        uint32_t capability, count = 0, handle;
        uint8_t more;
        size_t n;
        Bytes in;

        assert_int_equal(chip_run(raw_bytes(&c), response, &n), 0);
        in = raw_body(bytes_of(response, n));
        assert_true(bytes_take_u8(&in, &more) && bytes_take_u32(&in, ORDER_BIG, &capability) &&
                    bytes_take_u32(&in, ORDER_BIG, &count));
        for (uint32_t i = 0; i < count; ++i) {
                assert_true(bytes_take_u32(&in, ORDER_BIG, &handle));
                c = raw_flush(handle);
                assert_int_equal(chip_run(raw_bytes(&c), ignored, &n), 0);
        }
}

/* In place of the TCTI loader's. */
TSS2_RC Tss2_TctiLdr_Initialize(const char *name, TSS2_TCTI_CONTEXT **ret_context) {
        Machine *m = chip.machine;

        assert_string_equal(name, "libtpms:machine");
        if (m->hook.is_dead)
                return TSS2_TCTI_RC_IO_ERROR;
        if (m->n_no_open > 0) {
                m->n_no_open -= m->n_no_open < HOOK_FOR_EVER;
                return m->open_rc;
        }
        if (chip.has_manager)
                chip_flush_sessions();
        *ret_context = chip.tcti;
        return TSS2_RC_SUCCESS;
}

void Tss2_TctiLdr_Finalize(TSS2_TCTI_CONTEXT **context) {
        *context = NULL;
}

static void chip_power_off(void) {
        if (chip.tcti)
                Tss2_Tcti_Finalize(chip.tcti);
        free(chip.tcti);
        chip.tcti = NULL;
}

/* What an extender has left there. */
static void machine_clear_run(Machine *m) {
        static const char *const names[] = { "anchor", "list", "index" };

        for (size_t i = 0; m->dir[0] && i < ELEMENTSOF(names); ++i) {
                char path[64];

                (void)snprintf(path, sizeof(path), RUN_DIR "/%s", names[i]);
                (void)root_unlink(&m->root, path);
        }
}

/**
 * machine_power_on() - a new boot: a new TPM, all of its PCRs zero, an empty /run; the hook
 *                      forgets everything
 * @m: the machine
 */
void machine_power_on(Machine *m) {
        size_t size;

        machine_stop(m);
        chip_power_off();
        chip.machine = m;
        machine_clear_run(m);
        assert_int_equal(Tss2_Tcti_Libtpms_Init(NULL, &size, NULL), 0);
        chip.tcti = malloc(size);
        chip.has_manager = m->has_manager;
        assert_int_equal(Tss2_Tcti_Libtpms_Init(chip.tcti, &size, NULL), 0);
        hook_deinit(&m->hook);
}

/**
 * machine_raw() - send a command as somebody else, between two runs
 * @m:            the machine
 * @command:      the command
 * @ret_response: borrowed until the next call; or NULL
 *
 * Return: the response code.
 */
uint32_t machine_raw(Machine *m, Bytes command, Bytes *ret_response) {
        static uint8_t response[HOOK_RESPONSE_MAX];
        uint32_t rc;
        size_t n;

        (void)m;
        rc = chip_run(command, response, &n);
        if (ret_response)
                *ret_response = bytes_of(response, n);
        return rc;
}

/*
 * The list
 */

static void write_file(const Machine *m, const char *name, const char *mode, Bytes content) {
        char path[256];
        _cleanup_fclose_ FILE *f = NULL;

        (void)snprintf(path, sizeof(path), "%s/" IMA_DIR "/%s", m->dir, name);
        f = fopen(path, mode);
        assert_non_null(f);
        assert_int_equal(fwrite(content.data, 1, content.n, f), content.n);
}

static void make_dirs(const Machine *m) {
        char path[256];

        (void)snprintf(path, sizeof(path), "%s/" IMA_DIR "/", m->dir);
        for (char *slash = path + strlen(m->dir) + 1; (slash = strchr(slash, '/')); ++slash) {
                *slash = '\0';
                assert_int_equal(mkdir(path, 0755), 0);
                *slash = '/';
        }
}

static void put_list_record(Machine *m, Builder *list, size_t i) {
        MachineList kind = m->list;
        bool is_first = i == 0 && kind != MACHINE_NAMELESS, is_violation = i == 7;
        uint8_t raw[256], digest[32] = {};
        MachineRecord *r = &m->records[i];
        Builder data = builder_on(raw, sizeof(raw));
        char name[64];

        r->pcr = kind == MACHINE_TWO_CHAINS && i % 4 == 2 ? MACHINE_SIDE : 10;
        (void)snprintf(name, sizeof(name), is_first ? "boot_aggregate" : "/usr/bin/%zu", i);
        if (!is_first || kind == MACHINE_KERNEL)
                hash_of(DIGEST_SHA256, bytes_of_text(name), digest);
        put_d_ng(&data, form.order, "sha256", bytes_of(digest, sizeof(digest)));
        put_n_ng(&data, form.order, name);
        assert_false(data.full);
        (is_violation ? put_violation : put_record)(list, &form, r->pcr, "ima-ng",
                                                    builder_bytes(&data));
        FOREACH_BANK(alg, FOUR_BANKS) {
                if (is_violation)
                        digest_fill(alg, 0xff, &r->digests.of[alg]);
                else
                        hash_of(alg, builder_bytes(&data), r->digests.of[alg].data);
        }
}

/* Records from @from on; @mode is of fopen(). */
static void put_list(Machine *m, size_t from, const char *mode) {
        _cleanup_free_ uint8_t *buffer = malloc(LIST_MAX);
        Builder list = builder_on(buffer, LIST_MAX);
        char count[32];

        assert_non_null(buffer);
        for (size_t i = from; i < m->n_records; ++i)
                put_list_record(m, &list, i);
        assert_false(list.full);
        write_file(m, "binary_runtime_measurements", mode, builder_bytes(&list));
        write_file(m, "binary_runtime_measurements_sha1", mode, builder_bytes(&list));
        if (m->list == MACHINE_KERNEL || m->list == MACHINE_INHERITED)
                write_file(m, "binary_runtime_measurements_sha256", mode, (Bytes){});
        (void)snprintf(count, sizeof(count), "%zu\n", m->n_records);
        write_file(m, "runtime_measurements_count", "we", bytes_of_text(count));
}

/* By core/replay, from digests that are not its own; the unit tests judge it by other means. */
static void expect(Machine *m) {
        Hashers hashers = {};
        Replay replay;
        DigestAlg missing;

        assert_int_equal(hashers_open(&hashers, FOUR_BANKS, &missing), 0);
        replay_init(&replay, FOUR_BANKS, &hashers);
        for (size_t i = 0; i < m->n_records; ++i)
                assert_int_equal(replay_extend(&replay, m->records[i].pcr, &m->records[i].digests),
                                 0);
        for (uint32_t pcr = 0; pcr < TPM_PCR_N; ++pcr)
                m->expected[pcr] = replay.chain[pcr].value;
        hashers_close(&hashers);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        (void)st, (void)type, (void)ftw;
        return remove(path);
}

static void machine_remove(Machine *m) {
        machine_stop(m);
        chip_power_off();
        hook_deinit(&m->hook);
        if (m->dir[0]) {
                root_deinit(&m->root);
                (void)nftw(m->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
        }
        free(m->records);
        *m = (Machine){};
}

/* For cmocka: so that nothing is left over where a test fails. */
int machine_open(void **state) {
        *state = calloc(1, sizeof(Machine));
        return *state ? 0 : -1;
}

int machine_close(void **state) {
        machine_remove(*state);
        free(*state);
        return 0;
}

/**
 * machine_build() - make the machine; it is off
 * @m:         from machine_open(); what was built before is taken away
 * @list:      what its kernel measured
 * @n_records: how much
 */
void machine_build(Machine *m, MachineList list, size_t n_records) {
        machine_remove(m);
        (void)snprintf(m->dir, sizeof(m->dir), "/tmp/ima-replay-fault.XXXXXX");
        assert_non_null(mkdtemp(m->dir));
        make_dirs(m);
        m->n_records = n_records;
        m->records = calloc(n_records, sizeof(*m->records));
        assert_non_null(m->records);
        m->list = list;
        put_list(m, 0, "we");
        expect(m);
        assert_int_equal(root_init(&m->root, m->dir), 0);
}

/**
 * machine_shorten() - the list as machine_build() made it, for the next boot
 * @m:         the machine, with nothing running
 * @n_records: how much was measured then
 */
void machine_shorten(Machine *m, size_t n_records) {
        assert_null(m->extender);
        if (m->n_records == n_records)
                return;
        m->n_records = n_records;
        put_list(m, 0, "we");
        expect(m);
}

/**
 * machine_append() - the kernel measures one thing more
 * @m: the machine
 */
void machine_append(Machine *m) {
        m->records = realloc(m->records, (m->n_records + 1) * sizeof(*m->records));
        assert_non_null(m->records);
        m->records[m->n_records++] = (MachineRecord){};
        put_list(m, m->n_records - 1, "ae");
        expect(m);
}

/*
 * Running, and what came of it
 */

static void machine_begin(Machine *m, bool is_oneshot, uint64_t timeout_usec) {
        const ExtenderConfig config = {
                .root = &m->root,
                .tcti = "libtpms:machine",
                .hook = &m->guard,
                .options = m->options,
                .asks_gate = m->asks_gate,
                .gate = m->gate,
                .holds_list = true,
                .spool_max = SPOOL_MAX_DEFAULT,
                .is_oneshot = is_oneshot,
                .timeout_usec = timeout_usec,
        };

        assert_null(m->extender);
        m->guard = hook_guard(&m->hook);
        assert_int_equal(extender_new(&config, &m->extender), 0);
}

/**
 * machine_start() - an extender as a service; what it does, it does in machine_turn()
 * @m: the machine, powered on
 */
void machine_start(Machine *m) {
        machine_begin(m, false, 0);
}

/**
 * machine_turn() - let the extender do what it can, and let the time pass that it wants to wait
 * @m:          the machine, started
 * @until_usec: ... but not more than up to there
 */
void machine_turn(Machine *m, uint64_t until_usec) {
        ExtenderWait wait;

        assert_int_equal(extender_run(m->extender, m->now_usec, &wait), 0);
        m->state = extender_plan(m->extender)->state;
        m->n_extended = extender_plan(m->extender)->n_extended;
        until_usec = MIN_OF(wait.until_usec, until_usec);
        assert_true(until_usec < UINT64_MAX);
        m->now_usec = MAX_OF(m->now_usec + 1, until_usec);
}

/**
 * machine_stop() - end the extender, if there is one; no fault hinders that
 * @m: the machine
 */
void machine_stop(Machine *m) {
        hook_next(&m->hook, (HookRule){});
        m->hook.n_delays = 0;
        m->hook.receive_rc = 0;
        m->extender = extender_free(m->extender);
}

/**
 * machine_run() - one extender with --oneshot, from its birth to its end
 * @m:            the machine, powered on
 * @timeout_usec: as in ExtenderConfig
 *
 * Return: its verdict; @m->state is where it ended.
 */
PlanVerdict machine_run(Machine *m, uint64_t timeout_usec) {
        PlanVerdict verdict;

        machine_begin(m, true, timeout_usec);
        while (!extender_is_done(m->extender))
                machine_turn(m, UINT64_MAX);
        verdict = plan_verdict(extender_plan(m->extender));
        m->extender = extender_free(m->extender);
        return verdict;
}

/**
 * machine_clean_run() - how it is without any fault
 * @m: the machine
 *
 * Return: how many commands are sent.
 */
size_t machine_clean_run(Machine *m) {
        machine_power_on(m);
        assert_int_equal(machine_run(m, MACHINE_SEC), PLAN_VERDICT_EXTENDED);
        assert_true(machine_is_right(m) && machine_is_exact(m));
        assert_int_equal(m->n_extended, m->n_records);
        return m->hook.n_sent;
}

/**
 * machine_revive() - the transport works again, for the next extender
 * @m:    the machine
 * @rule: what is done to it; @rule.at counts from its first command
 */
void machine_revive(Machine *m, HookRule rule) {
        m->hook.is_dead = false;
        hook_next(&m->hook, rule);
}

/**
 * machine_count() - which records the TPM has executed, and how often
 * @m: the machine; n_executed of its records is set
 *
 * Every extend of a real PCR must be that of a record, with all banks.
 */
void machine_count(Machine *m) {
        for (size_t i = 0; i < m->n_records; ++i)
                m->records[i].n_executed = 0;
        for (size_t k = 0; k < m->hook.n_records; ++k) {
                const HookRecord *sent = &m->hook.records[k];
                RawExtend e;
                size_t i = 0;

                if (sent->code != TPM2_CC_PCR_Extend || !hook_was_executed(sent))
                        continue;
                raw_parse_extend(sent->command, &e);
                if (e.pcr == TPM2_RH_NULL)
                        continue;
                assert_int_equal(e.banks, FOUR_BANKS);
                while (i < m->n_records && (m->records[i].pcr != e.pcr ||
                                            digest_set_equal(FOUR_BANKS, &m->records[i].digests,
                                                             &e.digests) != FOUR_BANKS))
                        ++i;
                assert_true(i < m->n_records);
                ++m->records[i].n_executed;
        }
}

/* Does each PCR hold what the list says, in every bank? */
bool machine_is_right(Machine *m) {
        bool is_right = true;

        for (uint32_t pcr = 10; pcr <= MACHINE_SIDE; ++pcr) {
                Raw c = raw_pcr_read(pcr, FOUR_BANKS);
                DigestSet values;
                uint32_t counter;
                BankMask banks;
                Bytes response;

                assert_int_equal(machine_raw(m, raw_bytes(&c), &response), 0);
                raw_parse_values(response, &counter, &banks, &values);
                assert_int_equal(banks, FOUR_BANKS);
                is_right &= digest_set_equal(FOUR_BANKS, &values, &m->expected[pcr]) == FOUR_BANKS;
        }
        return is_right;
}

static bool is_sent_twice(const Hook *h, size_t i) {
        for (size_t k = i + 1; k < h->n_records; ++k)
                if (!h->records[k].is_ours &&
                    bytes_equal(h->records[i].command, h->records[k].command))
                        return true;
        return false;
}

/* An extend of a real PCR. */
static bool is_extend(const HookRecord *r) {
        RawExtend e;

        if (r->code != TPM2_CC_PCR_Extend || r->is_ours)
                return false;
        raw_parse_extend(r->command, &e);
        return e.pcr != TPM2_RH_NULL;
}

/* Was no extend resent, and none sent but behind a read or another extend that is known to be done?
 */
static bool is_careful(const Hook *h) {
        bool is_proven = false;

        for (size_t i = 0; i < h->n_records; ++i) {
                const HookRecord *r = &h->records[i];

                if (r->is_ours)
                        continue;
                if (r->code == TPM2_CC_PCR_Read)
                        is_proven = hook_was_executed(r) && !r->is_spoilt;
                if (!is_extend(r))
                        continue;
                if (!is_proven || is_sent_twice(h, i))
                        return false;
                is_proven = hook_was_executed(r) && !r->is_spoilt;
        }
        return true;
}

/* Was every record executed once, and nothing sent without proof? */
bool machine_is_exact(Machine *m) {
        machine_count(m);
        for (size_t i = 0; i < m->n_records; ++i)
                if (m->records[i].n_executed != 1)
                        return false;
        return is_careful(&m->hook);
}

/* A whole number of times the usual size. */
size_t machine_scale(void) {
        double scale = scale_of(1);

        return scale > 1 ? (size_t)scale : 1;
}
