/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-mode-facts.c -- what is taken down before a mode is decided: of the first record, and of the
 * names of files.
 */
#include "fixture.h"

#include <string.h>

#include "core/mode.h"

static ModeFacts look_at(const MlistRecord *record, ByteOrder order) {
        ModeFacts facts, before;

        memset(&facts, 0, sizeof(facts));
        facts.record = _MODE_RECORD_N;
        facts.ima_hash_known = true;
        facts.lists = MODE_LISTS_MORE;
        facts.later_boot_aggregate = facts.kexec_inherits = true;
        facts.banks = 0x55;
        before = facts;
        mode_look_at_record(record, order, &facts);
        assert_int_equal(facts.lists, before.lists);
        assert_int_equal(facts.later_boot_aggregate, before.later_boot_aggregate);
        assert_int_equal(facts.kexec_inherits, before.kexec_inherits);
        assert_int_equal(facts.banks_known, before.banks_known);
        assert_int_equal(facts.bank_other_than_sha1, before.bank_other_than_sha1);
        assert_int_equal(facts.banks, before.banks);
        return facts;
}

/*
 * SHA-1 template digests of the record that a kernel without TPM writes first. Calculated apart
 * from this project (facts/reliability.md 2.5); 0adefe76 and 4e5d73eb stand in public postings.
 */
static const struct {
        const char *alg;
        DigestAlg id;
        const char *name, *template, *digest;
} constants[] = {
        { "sha1", DIGEST_SHA1, "boot_aggregate", "ima-ng",
          "1d8d532d463c9f8c205d0df7787669a85f93e260" },
        { "sha1", DIGEST_SHA1, "boot_aggregate", "ima-sig",
          "bcb0e518b79de0d7f2cd20b8a29a7092e65db7ef" },
        { "sha1", DIGEST_SHA1, "boot_aggregate_late", "ima-ng",
          "e566cc131992b2625472eff9ded9bbce360c559e" },
        { "sha1", DIGEST_SHA1, "boot_aggregate_late", "ima-sig",
          "7e60bb3b80e8dd14b6013414c0c61cef077c2fdf" },
        { "sha256", DIGEST_SHA256, "boot_aggregate", "ima-ng",
          "0adefe762c149c7cec19da62f0da1297fcfbffff" },
        { "sha256", DIGEST_SHA256, "boot_aggregate", "ima-sig",
          "4f38ef8f82bbc2a73f2169c57ff5c76e14ce353d" },
        { "sha256", DIGEST_SHA256, "boot_aggregate_late", "ima-ng",
          "4e5d73ebadfd8f850cb93ce4de755ba148a9a7d5" },
        { "sha256", DIGEST_SHA256, "boot_aggregate_late", "ima-sig",
          "c60f087c7f34b2aad2c89271c8d8aefea6faa888" },
        { "sha384", DIGEST_SHA384, "boot_aggregate", "ima-ng",
          "7af9664bc55da15391ef4840138878d73a53fe60" },
        { "sha384", DIGEST_SHA384, "boot_aggregate", "ima-sig",
          "6c0200f410a8f897c551afc891e740f20585da10" },
        { "sha384", DIGEST_SHA384, "boot_aggregate_late", "ima-ng",
          "16c115010f67f7edb6b958008454dc5ce70897e1" },
        { "sha384", DIGEST_SHA384, "boot_aggregate_late", "ima-sig",
          "19bfe0b566569883677b1cf3e0aa5da8c8d62f84" },
        { "sha512", DIGEST_SHA512, "boot_aggregate", "ima-ng",
          "45e7e585a82d311e1ee226b4256604c341dbc6b9" },
        { "sha512", DIGEST_SHA512, "boot_aggregate", "ima-sig",
          "047a621cc14aa625ed9473724fe2e98688cebf90" },
        { "sha512", DIGEST_SHA512, "boot_aggregate_late", "ima-ng",
          "910cdd60ceb39f082a4875e52319a8a81fbc51a9" },
        { "sha512", DIGEST_SHA512, "boot_aggregate_late", "ima-sig",
          "a762aa4bd52749cb21466013e6f3d9e749d12650" },
};

static void test_constants(void **state) {
        static const uint8_t zeros[DIGEST_SIZE_MAX];
        DigestAlg unsupported;
        Hashers h = {};

        (void)state;
        assert_int_equal(hashers_open(&h, BANK(DIGEST_SHA1), &unsupported), 0);
        for (size_t i = 0; i < ELEMENTSOF(constants); ++i) {
                uint8_t raw[256], whole[512], raw_expected[20];
                const MlistForm form = { ORDER_LITTLE, DIGEST_SHA1 };
                Builder data = builder_on(raw, sizeof(raw));
                Builder b = builder_on(whole, sizeof(whole));
                MlistForm found;
                MlistRecord record;
                MlistError error;
                ModeFacts facts;
                bool fits = false;
                Bytes in;

                ROW(constants[i].digest);
                put_d_ng(&data, ORDER_LITTLE, constants[i].alg,
                         bytes_of(zeros, digest_size(constants[i].id)));
                put_n_ng(&data, ORDER_LITTLE, constants[i].name);
                if (strcmp(constants[i].template, "ima-sig") == 0)
                        put_field(&data, ORDER_LITTLE, (Bytes){});
                put_head(&b, &form, 10,
                         hex_of(constants[i].digest, raw_expected, sizeof(raw_expected)),
                         constants[i].template);
                put_field(&b, ORDER_LITTLE, builder_bytes(&data));
                assert_false(data.full || b.full);
                in = builder_bytes(&b);
                assert_int_equal(mlist_detect(in, DIGEST_SHA1, &found, &error), 0);
                assert_int_equal(mlist_parse(&in, &found, h.of[DIGEST_SHA1], &record, &error), 0);
                assert_int_equal(mlist_digest_fits(&record, DIGEST_SHA1, h.of[DIGEST_SHA1], &fits),
                                 0);
                assert_true(fits);
                facts = look_at(&record, found.order);
                assert_int_equal(facts.record, MODE_RECORD_ZERO);
                assert_true(facts.ima_hash_known);
                assert_int_equal(facts.ima_hash, constants[i].id);
        }
        hashers_close(&h);
}

static void test_is_boot_aggregate(void **state) {
        static const struct {
                const char *name;
                size_t n;
                bool is;
        } rows[] = {
                { "boot_aggregate", 14, true },
                { "boot_aggregate_late", 19, true },
                { "", 0, false },
                { "boot_aggregat", 13, false },
                { "boot_aggregate_", 15, false },
                { "boot_aggregate_lat", 18, false },
                { "boot_aggregate_later", 20, false },
                { "boot_aggregate\0", 15, false },
                { "/boot_aggregate", 15, false },
                { "Boot_aggregate", 14, false },
                { " boot_aggregate", 15, false },
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                Bytes name;

                ROW(rows[i].name);
                name = heap_copy(bytes_of(rows[i].name, rows[i].n));
                assert_int_equal(mode_is_boot_aggregate(name), rows[i].is);
                heap_free(name);
        }
}

#define ZERO20 "0000000000000000000000000000000000000000"
#define ONE20  "0000000000000000000000000000000000000001"

static const struct {
        const char *row, *template, *alg, *digest, *name;
        bool violation;
        ModeRecord record;
        bool known;
        DigestAlg ima_hash;
} records[] = {
        { "zero", "ima-ng", "sha1", ZERO20, "boot_aggregate", false, MODE_RECORD_ZERO, true,
          DIGEST_SHA1 },
        { "set, by its last bit", "ima-ng", "sha1", ONE20, "boot_aggregate", false, MODE_RECORD_SET,
          true, DIGEST_SHA1 },
        { "set, late", "ima-sig", "sha256", ONE20, "boot_aggregate_late", false, MODE_RECORD_SET,
          true, DIGEST_SHA256 },
        { "ngv2", "ima-ngv2", "ima:sha512", ZERO20, "boot_aggregate", false, MODE_RECORD_ZERO, true,
          DIGEST_SHA512 },
        { "sigv2", "ima-sigv2", "ima:sha384", ONE20, "boot_aggregate", false, MODE_RECORD_SET, true,
          DIGEST_SHA384 },
        { "a custom template", "d-ng|n-ng", "sha256", ZERO20, "boot_aggregate", false,
          MODE_RECORD_ZERO, true, DIGEST_SHA256 },
        { "one zero byte is a digest, too", "ima-ng", "sha1", "00", "boot_aggregate", false,
          MODE_RECORD_ZERO, true, DIGEST_SHA1 },
        { "an ima_hash that no bank has", "ima-ng", "wp512", ZERO20, "boot_aggregate", false,
          MODE_RECORD_ZERO, false, 0 },
        { "md5", "ima-ng", "md5", ZERO20, "boot_aggregate", false, MODE_RECORD_ZERO, false, 0 },
        /*
         * tpm2_hash_map of the kernel has no SHA-3: it cannot make a boot_aggregate from
         * such a bank, so the label must not count as one (zero would prove too much).
         */
        { "sha3-256, as the kernel writes it", "ima-ng", "sha3-256", ZERO20, "boot_aggregate",
          false, MODE_RECORD_ZERO, false, 0 },
        { "sha3-512, as the kernel writes it", "ima-ng", "sha3-512", ZERO20, "boot_aggregate",
          false, MODE_RECORD_ZERO, false, 0 },
        /* traps */
        { "a violation called boot_aggregate", "ima-ng", "sha1", ZERO20, "boot_aggregate", true,
          MODE_RECORD_OTHER, false, 0 },
        { "a violation with a value", "ima-ng", "sha1", ONE20, "boot_aggregate", true,
          MODE_RECORD_OTHER, false, 0 },
        { "an unknown template", "xyz", "sha1", ZERO20, "boot_aggregate", false, MODE_RECORD_OTHER,
          false, 0 },
        { "another name, zero", "ima-ng", "sha1", ZERO20, "/usr/bin/true", false, MODE_RECORD_OTHER,
          false, 0 },
        { "another name, set", "ima-ng", "sha1", ONE20, "boot_aggregate2", false, MODE_RECORD_OTHER,
          false, 0 },
        { "a path that ends so", "ima-ng", "sha1", ZERO20, "/tmp/boot_aggregate", false,
          MODE_RECORD_OTHER, false, 0 },
        { "an empty digest is not zero", "ima-ng", "sha1", "", "boot_aggregate", false,
          MODE_RECORD_OTHER, false, 0 },
};

static void test_look_at_record(void **state) {
        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(records); ++i)
                for (ByteOrder order = 0; order < _ORDER_N; ++order) {
                        uint8_t raw[256], raw_digest[64];
                        Builder b = builder_on(raw, sizeof(raw));
                        MlistRecord record;
                        ModeFacts facts;
                        Bytes data;

                        ROW(records[i].row);
                        put_d_ng(&b, order, records[i].alg,
                                 hex_of(records[i].digest, raw_digest, sizeof(raw_digest)));
                        put_n_ng(&b, order, records[i].name);
                        if (strncmp(records[i].template, "ima-sig", 7) == 0)
                                put_field(&b, order, (Bytes){});
                        assert_false(b.full);
                        data = heap_copy(builder_bytes(&b));
                        record = record_of(records[i].template, data);
                        record.is_violation = records[i].violation;
                        facts = look_at(&record, order);
                        assert_int_equal(facts.record, records[i].record);
                        assert_int_equal(facts.ima_hash_known, records[i].known);
                        if (records[i].known)
                                assert_int_equal(facts.ima_hash, records[i].ima_hash);
                        heap_free(data);
                }
}

static void test_look_at_record_ima(void **state) {
        static const uint8_t zeros[20], ones[20] = { [19] = 1 };
        static const struct {
                const char *row;
                Bytes digest;
                const char *name;
                ModeRecord record;
                bool known;
        } rows[] = {
                { "zero", { zeros, 20 }, "boot_aggregate", MODE_RECORD_ZERO, true },
                { "set", { ones, 20 }, "boot_aggregate", MODE_RECORD_SET, true },
                { "zero, md5", { zeros, 16 }, "boot_aggregate", MODE_RECORD_ZERO, false },
                { "set, md5, late",
                  { ones + 4, 16 },
                  "boot_aggregate_late",
                  MODE_RECORD_SET,
                  false },
                { "another", { zeros, 20 }, "init", MODE_RECORD_OTHER, false },
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                MlistRecord record = { .is_ima = true,
                                       .name = BYTES_TEXT("ima"),
                                       .ima_digest = rows[i].digest,
                                       .ima_name = bytes_of_text(rows[i].name) };
                ModeFacts facts;

                ROW(rows[i].row);
                facts = look_at(&record, ORDER_LITTLE);
                assert_int_equal(facts.record, rows[i].record);
                assert_int_equal(facts.ima_hash_known, rows[i].known);
                if (rows[i].known)
                        assert_int_equal(facts.ima_hash, DIGEST_SHA1);
                record.is_violation = true;
                assert_int_equal(look_at(&record, ORDER_LITTLE).record, MODE_RECORD_OTHER);
        }
}

static void test_look_at_malformed_record(void **state) {
        MlistRecord record;

        (void)state;
        record = record_of("ima-ng", BYTES_TEXT("boot_aggregate"));
        assert_int_equal(look_at(&record, ORDER_LITTLE).record, MODE_RECORD_OTHER);
        assert_false(look_at(&record, ORDER_LITTLE).ima_hash_known);
}

/*
 * A TPM with an sm3_256 bank only, a kernel with ima_hash=sm3: the kernel can make a boot_aggregate
 * from that bank (tpm2_hash_map has SM3), and labels it "sm3" (hash_algo_name). So the label is
 * ima_hash's bank, and zero proves something.
 */
static void test_label_sm3_is_known(void **state) {
        static const uint8_t zeros[32];
        uint8_t raw[256];
        Builder b = builder_on(raw, sizeof(raw));
        MlistRecord record;
        ModeFacts facts;

        (void)state;
        put_d_ng(&b, ORDER_LITTLE, "sm3", bytes_of(zeros, sizeof(zeros)));
        put_n_ng(&b, ORDER_LITTLE, "boot_aggregate");
        record = record_of("ima-ng", builder_bytes(&b));
        facts = look_at(&record, ORDER_LITTLE);
        assert_int_equal(facts.record, MODE_RECORD_ZERO);
        assert_true(facts.ima_hash_known);
        assert_int_equal(facts.ima_hash, DIGEST_SM3_256);
}

/*
 * File names
 */

static void test_look_at_file(void **state) {
        static const struct {
                const char *name;
                ModeLists from_none, from_sha1;
        } rows[] = {
#define KEEPS MODE_LISTS_NONE, MODE_LISTS_SHA1
                { "binary_runtime_measurements", KEEPS },
                { "binary_runtime_measurements_sha1", MODE_LISTS_SHA1, MODE_LISTS_SHA1 },
                { "binary_runtime_measurements_sha256", MODE_LISTS_MORE, MODE_LISTS_MORE },
                { "binary_runtime_measurements_sha384", MODE_LISTS_MORE, MODE_LISTS_MORE },
                { "binary_runtime_measurements_sm3", MODE_LISTS_MORE, MODE_LISTS_MORE },
                { "binary_runtime_measurements_tpm_alg_27", MODE_LISTS_MORE, MODE_LISTS_MORE },
                { "binary_runtime_measurements_sha10", MODE_LISTS_MORE, MODE_LISTS_MORE },
                { "binary_runtime_measurements_staged", KEEPS },
                { "binary_runtime_measurements__staged", KEEPS },
                { "binary_runtime_measurements_sha1_staged", KEEPS },
                { "binary_runtime_measurements_sha256_staged", KEEPS },
                { "binary_runtime_measurements_tpm_alg_27_staged", KEEPS },
                { "ascii_runtime_measurements", KEEPS },
                { "ascii_runtime_measurements_sha256", KEEPS },
                { "runtime_measurements_count", KEEPS },
                { "violations", KEEPS },
                { "policy", KEEPS },
                { "kernel_has_binary_runtime_measurements_sha256", KEEPS },
                { "binary_runtime_measurement_sha256", KEEPS },
                { "Binary_runtime_measurements_sha256", KEEPS },
                { "", KEEPS },
                { ".", KEEPS },
#undef KEEPS
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i)
                for (ModeLists lists = 0; lists < _MODE_LISTS_N; ++lists) {
                        const ModeLists expected[] = { rows[i].from_none, rows[i].from_sha1,
                                                       MODE_LISTS_MORE };
                        ModeFacts facts = { .lists = lists, .record = MODE_RECORD_SET };
                        Bytes name;

                        ROW(rows[i].name);
                        name = heap_copy(bytes_of(rows[i].name, strlen(rows[i].name) + 1));
                        mode_look_at_file((const char *)name.data, &facts);
                        assert_int_equal(facts.lists, expected[lists]);
                        assert_int_equal(facts.record, MODE_RECORD_SET);
                        heap_free(name);
                }
}

static void test_cmdline(void **state) {
        static const struct {
                const char *text;
                bool has_pkvm;
        } rows[] = {
                { "quiet kvm-arm.mode=protected ro\n", true },
                { "kvm-arm.mode=protected", true },
                { "1 kvm-arm.mode=protected", true },
                { "kvm-arm.mode=nvhe kvm-arm.mode=protected", true },
                { "kvm-arm.mode=protected kvm-arm.mode=nvhe", false },
                { "xkvm-arm.mode=protected", false },
                { "kvm-arm.mode=protectedx", false },
                { "init=/bin/sh -- kvm-arm.mode=protected", false },
                { "a=\"kvm-arm.mode=protected\"", false },
                { "kvm-arm.mode", false },
                { "", false },
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i)
                if (mode_cmdline_has_pkvm(bytes_of_text(rows[i].text)) != rows[i].has_pkvm)
                        fail_msg("%s", rows[i].text);
        /* What lies behind the text is not looked at, be it a blank. */
        assert_true(mode_cmdline_has_pkvm(
                bytes_of("kvm-arm.mode=protected ", strlen("kvm-arm.mode=protected"))));
}

static void test_config(void **state) {
        static const struct {
                const char *text;
                bool denies;
        } rows[] = {
                { "CONFIG_IMA=y\n# CONFIG_IMA_KEXEC is not set\n", true },
                { "CONFIG_IMA=y\nCONFIG_KEXEC=y\n", true },
                { "CONFIG_IMA=y\nCONFIG_IMA_KEXEC=y\n", false },
                { "CONFIG_KEXEC=y\n", false },
                { "CONFIG_IMA=yes\n", false },
                { "", false },
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i)
                if (mode_config_denies_kexec(bytes_of_text(rows[i].text)) != rows[i].denies)
                        fail_msg("%s", rows[i].text);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_cmdline),
                cmocka_unit_test(test_config),
                cmocka_unit_test(test_constants),
                cmocka_unit_test(test_is_boot_aggregate),
                cmocka_unit_test(test_look_at_record),
                cmocka_unit_test(test_look_at_record_ima),
                cmocka_unit_test(test_look_at_malformed_record),
                cmocka_unit_test(test_label_sm3_is_known),
                cmocka_unit_test(test_look_at_file),
        };

        return cmocka_run_group_tests_name("mode-facts", tests, NULL, NULL) != 0;
}
