/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-ctl-fault.c -- the verbs of ima-replayctl that read files, when memory fails.
 *
 * Each command line runs as the program runs it, again and again; in run n the n-th allocation
 * fails, once. It must then exit with 1 and say why, or have said all that it says otherwise, with
 * the same exit status: never half an answer that counts as one.
 */
#include "ctl-runs.h"
#include "ground.h"

#include "base/encode.h"
#include "captured.h"

#define N_RECORDS 6U

static char list[64], longer[64], other[64], held[64], foreign[64], cut[64], machine[64];
static char events[4096];

static void test_files(void **state) {
        const Run rows[] = {
                { "list", { "list", "--list", list }, EXIT_GOOD, 10 },
                { "list, json", { "list", "--list", list, "--json=short" }, EXIT_GOOD, 100 },
                { "list, ascii", { "list", "--list", list, "--format=ascii" }, EXIT_GOOD, 4 },
                { "list, cel", { "list", "--list", list, "--format=cel" }, EXIT_GOOD, 2 },
                { "verify", { "verify", "--list", list, "--pcrs", held }, EXIT_GOOD, 5 },
                { "verify, json",
                  { "verify", "--list", list, "--pcrs", held, "-j" },
                  EXIT_GOOD,
                  30 },
                { "mismatch", { "verify", "--list", list, "--pcrs", foreign }, EXIT_MISMATCH, 5 },
                { "mismatch, json",
                  { "verify", "--list", list, "--pcrs", foreign, "-j" },
                  EXIT_MISMATCH,
                  30 },
                { "replay", { "replay", "--list", list }, EXIT_GOOD, 3 },
                { "replay, json", { "replay", "--list", list, "-j" }, EXIT_GOOD, 10 },
                { "explain", { "explain", "0", "--list", list }, EXIT_GOOD, 10 },
                { "explain, json", { "explain", "0", "--list", list, "-j" }, EXIT_GOOD, 50 },
                { "violation", { "explain", "4", "--list", list }, EXIT_GOOD, 10 },
                { "violation, json", { "explain", "4", "--list", list, "-j" }, EXIT_GOOD, 50 },
                { "prefix", { "verify", "--list", longer, "--pcrs", held }, EXIT_NOT_YET, 5 },
                { "ima", { "explain", "5", "--list", longer, "--full" }, EXIT_GOOD, 20 },
                { "ima, json", { "explain", "5", "--list", longer, "-j" }, EXIT_GOOD, 50 },
                { "diff", { "diff", list, other }, EXIT_MISMATCH, 20 },
                { "diff, json", { "diff", list, other, "-j" }, EXIT_MISMATCH, 50 },
                { "diff, full", { "diff", list, other, "--full" }, EXIT_MISMATCH, 20 },
                { "the same", { "diff", list, list }, EXIT_GOOD, 20 },
                { "a range", { "list", "--list", list, "--range=1:2", "--full" }, EXIT_GOOD, 10 },
                { "binary", { "list", "--list", list, "--format=binary" }, EXIT_GOOD, 3 },
                { "banks",
                  { "replay", "--list", list, "--bank=sha1,sha384", "--padded=sha384" },
                  EXIT_GOOD,
                  3 },
                { "every record",
                  { "verify", "--list", list, "--pcrs", held, "--check-records" },
                  EXIT_GOOD,
                  5 },
                { "padded",
                  { "verify", "--list", list, "--pcrs", held, "--padded=sha256", "-j" },
                  EXIT_MISMATCH,
                  30 },
                { "firmware",
                  { "verify", "--list", list, "--pcrs", held, "--firmware-log", events },
                  EXIT_MISMATCH,
                  5 },
                { "cut", { "list", "--list", cut }, EXIT_ERROR, 5 },
                { "cut, verify", { "verify", "--list", cut, "--pcrs", held }, EXIT_ERROR, 5 },
                { "no list", { "replay", "--list", machine }, EXIT_ERROR, 1 },
                { "a word", { "explain", "diverged" }, EXIT_GOOD, 0 },
                { "a word, json", { "explain", "diverged", "-j" }, EXIT_GOOD, 5 },
                { "doctor", { "doctor", "--root", machine }, EXIT_NO_IMA, 1 },
                { "doctor, json", { "doctor", "--root", machine, "-j" }, EXIT_NO_IMA, 50 },
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i)
                each_allocation_fails(&rows[i], fails_in);
}

/* What PCR 10 holds after these records, as tpm2_pcrread prints it. */
static void put_pcrs(const char *name, const Bytes records[], size_t n) {
        uint8_t raw[2 * 32] = {};
        char hex[HEX_SIZE(32)], text[256];
        static const MlistForm form = { .order = ORDER_LITTLE, .alg = DIGEST_SHA1 };

        for (size_t i = 0; i < n; ++i) {
                Bytes in = records[i];
                MlistRecord record;

                assert_int_equal(parse_record(&in, &form, &record, &(MlistError){}), 0);
                memset(raw + 32, 0xff, 32);
                if (!record.is_violation && !record.is_ima)
                        hash_of(DIGEST_SHA256, record.data, raw + 32);
                hash_of(DIGEST_SHA256, bytes_of(raw, sizeof(raw)), raw);
        }
        hex_encode(bytes_of(raw, 32), hex, sizeof(hex));
        (void)snprintf(text, sizeof(text), "sha256:\n  10: 0x%s\n", hex);
        put_file(name, text, strlen(text));
}

static void put_list(const char *name, const Bytes records[], size_t n) {
        uint8_t all[8192];
        size_t n_all = 0;

        for (size_t i = 0; i < n; ++i) {
                memcpy(all + n_all, records[i].data, records[i].n);
                n_all += records[i].n;
        }
        put_file(name, all, n_all);
}

static void make_files(void) {
        static const MlistForm form = { .order = ORDER_LITTLE, .alg = DIGEST_SHA1 };
        Bytes r[N_RECORDS], changed[4];
        char name[16];

        for (size_t i = 0; i < N_RECORDS; ++i) {
                Builder b = scratch();

                (void)snprintf(name, sizeof(name), "/bin/%zu", i);
                if (i == 4)
                        put_violation(&b, &form, 10, "ima-ng", BYTES_TEXT("violation"));
                else if (i == 5)
                        put_ima(&b, &form, 10, bytes_of("01234567890123456789", 20),
                                BYTES_TEXT("/sbin/init"));
                else
                        put_sample(&b, &form, 10, name);
                r[i] = scratch_done(&b);
        }
        put_list("longer", r, N_RECORDS);
        /* One is gone, one is new, one moved. */
        changed[0] = r[0];
        changed[1] = r[3];
        changed[2] = r[2];
        changed[3] = r[5];
        put_list("other", changed, ELEMENTSOF(changed));
        put_list("list", r, 5);
        put_list("cut", r, 5);
        cut_file("cut", r[0].n + r[1].n / 2);
        put_pcrs("held", r, 5);
        changed[0] = r[0];
        changed[1] = r[2];
        changed[2] = r[3];
        put_pcrs("foreign", changed, 3);
        for (size_t i = 0; i < N_RECORDS; ++i)
                heap_free(r[i]);
}

static int setup(void **state) {
        if (all_hashers_open(state) != 0 || ground_open() != 0)
                return -1;
        runs_open();
        make_files();
        (void)snprintf(list, sizeof(list), "%s/list", ground_dir);
        (void)snprintf(longer, sizeof(longer), "%s/longer", ground_dir);
        (void)snprintf(other, sizeof(other), "%s/other", ground_dir);
        (void)snprintf(cut, sizeof(cut), "%s/cut", ground_dir);
        (void)snprintf(events, sizeof(events), "%s/fuzz-firmware/agile", captured_dir());
        (void)snprintf(held, sizeof(held), "%s/held", ground_dir);
        (void)snprintf(foreign, sizeof(foreign), "%s/foreign", ground_dir);
        (void)snprintf(machine, sizeof(machine), "%s", ground_dir);
        return 0;
}

static int teardown(void **state) {
        runs_close();
        return ground_close() != 0 ? -1 : all_hashers_close(state);
}

int main(void) {
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_files) };

        return cmocka_run_group_tests(tests, setup, teardown);
}
