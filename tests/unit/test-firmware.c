/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-firmware.c -- firmware event logs, built here from their fields.
 *
 * What they must give is calculated with OpenSSL's one-shot call.
 */
#include "fixture.h"

#include <string.h>

#include "core/firmware.h"

enum {
        NO_ACTION = 3,
        ACTION = 5,
        S1 = BANK(DIGEST_SHA1),
        S256 = BANK(DIGEST_SHA256),
};

static void put_legacy(Builder *b, uint32_t pcr, uint32_t type, Bytes data) {
        uint8_t digest[DIGEST_SIZE_MAX] = {};

        if (type != NO_ACTION)
                hash_of(DIGEST_SHA1, data, digest);
        builder_put_u32(b, ORDER_LITTLE, pcr);
        builder_put_u32(b, ORDER_LITTLE, type);
        builder_put(b, bytes_of(digest, 20));
        put_field(b, ORDER_LITTLE, data);
}

/* The first event of a crypto-agile log: sha1 and sha256, n_algs as told. */
static void put_spec(Builder *b, uint32_t n_algs, uint16_t second, uint16_t size, Bytes vendor) {
        uint8_t raw[128];
        Builder spec = builder_on(raw, sizeof(raw));

        builder_put(&spec, bytes_of("Spec ID Event03", 16));
        builder_put_u32(&spec, ORDER_LITTLE, 0);
        builder_put(&spec, bytes_of("\0\2\152\2", 4));
        builder_put_u32(&spec, ORDER_LITTLE, n_algs);
        builder_put_u16(&spec, ORDER_LITTLE, 0x0004);
        builder_put_u16(&spec, ORDER_LITTLE, 20);
        builder_put_u16(&spec, ORDER_LITTLE, second);
        builder_put_u16(&spec, ORDER_LITTLE, size);
        builder_put_u8(&spec, (uint8_t)vendor.n);
        builder_put(&spec, vendor);
        put_legacy(b, 0, NO_ACTION, builder_bytes(&spec));
}

static void put_agile(Builder *b, uint32_t pcr, uint32_t type, Bytes data) {
        uint8_t digest[DIGEST_SIZE_MAX] = {};

        builder_put_u32(b, ORDER_LITTLE, pcr);
        builder_put_u32(b, ORDER_LITTLE, type);
        builder_put_u32(b, ORDER_LITTLE, 2);
        builder_put_u16(b, ORDER_LITTLE, 0x0004);
        hash_of(DIGEST_SHA1, data, digest);
        builder_put(b, bytes_of(digest, 20));
        builder_put_u16(b, ORDER_LITTLE, 0x000b);
        hash_of(DIGEST_SHA256, data, digest);
        builder_put(b, bytes_of(digest, 32));
        put_field(b, ORDER_LITTLE, data);
}

static int replay_log(Bytes log, FirmwareLog *ret_log, FirmwareError *ret_error) {
        FirmwareLog out, poison;
        FirmwareError error = { .fault = _FIRMWARE_FAULT_N };
        Bytes copy = heap_copy(log);
        int r;

        memset(&poison, POISON, sizeof(poison));
        out = poison;
        r = firmware_replay(copy, ALL_BANKS, &all_hashers, &out, &error);
        heap_free(copy);
        if (r == 0)
                assert_int_equal(error.fault, _FIRMWARE_FAULT_N);
        else
                assert_memory_equal(&out, &poison, sizeof(out));
        *ret_log = out;
        *ret_error = error;
        return r;
}

/* V(1) of H("a") over a start of `fill` bytes, the last one `last`; by OpenSSL's one-shot call. */
static void after_a(DigestAlg alg, uint8_t fill, uint8_t last, uint8_t *ret_value) {
        uint8_t raw[2 * DIGEST_SIZE_MAX];
        size_t n = digest_size(alg);

        memset(raw, fill, n);
        raw[n - 1] = last;
        hash_of(alg, BYTES_TEXT("a"), raw + n);
        hash_of(alg, bytes_of(raw, 2 * n), ret_value);
}

static void test_legacy(void **state) {
        Builder b = scratch();
        FirmwareError error;
        FirmwareLog log;
        uint8_t value[DIGEST_SIZE_MAX];

        (void)state;
        put_legacy(&b, 0, NO_ACTION, BYTES_TEXT("whatever"));
        put_legacy(&b, 10, ACTION, BYTES_TEXT("a"));
        put_legacy(&b, 17, ACTION, BYTES_TEXT("a"));
        assert_int_equal(replay_log(builder_bytes(&b), &log, &error), 0);
        assert_false(log.is_agile);
        assert_int_equal(log.banks, S1);
        assert_int_equal(log.n_events, 3);
        assert_int_equal(log.n_of[0], 0);
        assert_int_equal(log.n_of[10], 1);
        after_a(DIGEST_SHA1, 0, 0, value);
        assert_memory_equal(log.value[10].of[DIGEST_SHA1].data, value, 20);
        after_a(DIGEST_SHA1, 0xff, 0xff, value);
        assert_memory_equal(log.value[17].of[DIGEST_SHA1].data, value, 20);
        assert_true(bytes_is_zero(bytes_of(log.value[0].of[DIGEST_SHA1].data, 20)));
}

static void test_agile(void **state) {
        static const DigestAlg algs[] = { DIGEST_SHA1, DIGEST_SHA256 };
        static const uint8_t localities[] = { 0, 3, 4 };

        (void)state;
        for (size_t k = 0; k < ELEMENTSOF(localities); ++k) {
                const uint8_t locality = localities[k];
                uint8_t data[17] = "StartupLocality", value[DIGEST_SIZE_MAX];
                Builder b = scratch();
                FirmwareError error;
                FirmwareLog log;

                data[16] = locality;
                put_spec(&b, 2, 0x000b, 32, BYTES_TEXT("vendor"));
                put_agile(&b, 0, NO_ACTION, bytes_of(data, sizeof(data)));
                put_agile(&b, UINT32_MAX, NO_ACTION, BYTES_TEXT("anything"));
                put_agile(&b, 0, ACTION, BYTES_TEXT("a"));
                put_agile(&b, 10, ACTION, BYTES_TEXT("a"));
                assert_int_equal(replay_log(builder_bytes(&b), &log, &error), 0);
                assert_true(log.is_agile);
                assert_int_equal(log.banks, S1 | S256);
                assert_int_equal(log.n_events, 5);
                for (size_t i = 0; i < ELEMENTSOF(algs); ++i) {
                        after_a(algs[i], 0, locality, value);
                        assert_memory_equal(log.value[0].of[algs[i]].data, value,
                                            digest_size(algs[i]));
                        after_a(algs[i], 0, 0, value);
                        assert_memory_equal(log.value[10].of[algs[i]].data, value,
                                            digest_size(algs[i]));
                }
        }
}

/* Every cut is malformed, never a shorter log, but for the cuts between two events. */
static void test_cuts(void **state) {
        size_t ends[4], n_ends = 0;
        Builder b = scratch();
        FirmwareError error;
        FirmwareLog log;
        Bytes whole;

        (void)state;
        put_spec(&b, 2, 0x000b, 32, BYTES_TEXT(""));
        ends[n_ends++] = b.n;
        put_agile(&b, 10, ACTION, BYTES_TEXT("a"));
        ends[n_ends++] = b.n;
        put_agile(&b, 10, ACTION, BYTES_TEXT(""));
        ends[n_ends++] = b.n;
        whole = builder_bytes(&b);
        for (size_t n = 0; n <= whole.n; ++n) {
                bool is_end = false;
                int r;

                for (size_t i = 0; i < n_ends; ++i)
                        is_end |= n == ends[i];
                r = replay_log(bytes_of(whole.data, n), &log, &error);
                CHECK(r == (is_end ? 0 : FIRMWARE_E_MALFORMED), "cut at %zu: %d\n", n, r);
                if (r != 0)
                        CHECK(error.at <= n && *firmware_fault_text(error.fault), "at %zu\n", n);
        }
}

static void put_bad_agile(Builder *b, uint32_t n, uint16_t first, uint16_t second) {
        static const uint8_t zeros[32];

        builder_put_u32(b, ORDER_LITTLE, 10);
        builder_put_u32(b, ORDER_LITTLE, ACTION);
        builder_put_u32(b, ORDER_LITTLE, n);
        builder_put_u16(b, ORDER_LITTLE, first);
        builder_put(b, bytes_of(zeros, 20));
        builder_put_u16(b, ORDER_LITTLE, second);
        builder_put(b, bytes_of(zeros, 32));
        put_field(b, ORDER_LITTLE, BYTES_TEXT("a"));
}

/* The Spec ID event of put_spec() has 32 + 16 + 8 + 4 + 8 + 1 bytes; each offset is counted by
 * hand. */
static const struct {
        const char *row;
        struct {
                uint32_t n_algs;
                uint16_t second, size;
        } spec;
        struct {
                uint32_t n;
                uint16_t first, second;
        } event; /* none when n is 0 */
        FirmwareFault fault;
        uint64_t event_at;
        size_t at;
        uint32_t value;
} bad[] = {
        { "no algorithm", { 0, 0x0b, 32 }, {}, FIRMWARE_FAULT_ALG_COUNT, 0, 56, 0 },
        { "17 algorithms", { 17, 0x0b, 32 }, {}, FIRMWARE_FAULT_ALG_COUNT, 0, 56, 17 },
        { "2^32 - 1", { UINT32_MAX, 0x0b, 32 }, {}, FIRMWARE_FAULT_ALG_COUNT, 0, 56, UINT32_MAX },
        { "one announced, two there", { 1, 0x0b, 32 }, {}, FIRMWARE_FAULT_SPEC, 0, 65, 0 },
        { "an algorithm twice", { 2, 0x04, 20 }, {}, FIRMWARE_FAULT_ALG_TWICE, 0, 64, 4 },
        { "sha256 of 20 bytes", { 2, 0x0b, 20 }, {}, FIRMWARE_FAULT_ALG_SIZE, 0, 66, 20 },
        { "one digest", { 2, 0x0b, 32 }, { 1, 4, 11 }, FIRMWARE_FAULT_DIGEST_COUNT, 1, 77, 1 },
        { "three digests", { 2, 0x0b, 32 }, { 3, 4, 11 }, FIRMWARE_FAULT_DIGEST_COUNT, 1, 77, 3 },
        { "digest twice", { 2, 0x0b, 32 }, { 2, 4, 4 }, FIRMWARE_FAULT_ALG_TWICE, 1, 103, 4 },
        { "digest unknown", { 2, 0x0b, 32 }, { 2, 4, 12 }, FIRMWARE_FAULT_ALG_UNKNOWN, 1, 103, 12 },
};

static void test_bad(void **state) {
        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(bad); ++i) {
                Builder b = scratch();
                FirmwareError error;
                FirmwareLog log;

                ROW(bad[i].row);
                put_spec(&b, bad[i].spec.n_algs, bad[i].spec.second, bad[i].spec.size,
                         BYTES_TEXT(""));
                if (bad[i].event.n > 0)
                        put_bad_agile(&b, bad[i].event.n, bad[i].event.first, bad[i].event.second);
                assert_int_equal(replay_log(builder_bytes(&b), &log, &error), FIRMWARE_E_MALFORMED);
                assert_string_equal(firmware_fault_text(error.fault),
                                    firmware_fault_text(bad[i].fault));
                assert_int_equal(error.event, bad[i].event_at);
                assert_int_equal(error.at, bad[i].at);
                assert_int_equal(error.value, bad[i].value);
        }
}

static void test_pcr_and_locality(void **state) {
        uint8_t locality[17] = "StartupLocality";
        FirmwareError error;
        FirmwareLog log;
        Builder b = scratch();

        (void)state;
        put_legacy(&b, 24, ACTION, BYTES_TEXT("a"));
        assert_int_equal(replay_log(builder_bytes(&b), &log, &error), FIRMWARE_E_MALFORMED);
        assert_int_equal(error.fault, FIRMWARE_FAULT_PCR);
        b = scratch();
        put_legacy(&b, 0, NO_ACTION, bytes_of(locality, 16));
        assert_int_equal(replay_log(builder_bytes(&b), &log, &error), FIRMWARE_E_MALFORMED);
        assert_int_equal(error.fault, FIRMWARE_FAULT_CUT);
        assert_int_equal(error.at, 32 + 16);
        b = scratch();
        locality[16] = 1;
        put_legacy(&b, 0, NO_ACTION, bytes_of(locality, sizeof(locality)));
        assert_int_equal(replay_log(builder_bytes(&b), &log, &error), FIRMWARE_E_MALFORMED);
        assert_int_equal(error.fault, FIRMWARE_FAULT_LOCALITY);
        b = scratch();
        locality[16] = 3;
        put_legacy(&b, 0, ACTION, BYTES_TEXT("a"));
        put_legacy(&b, 0, NO_ACTION, bytes_of(locality, sizeof(locality)));
        assert_int_equal(replay_log(builder_bytes(&b), &log, &error), FIRMWARE_E_MALFORMED);
        assert_int_equal(error.fault, FIRMWARE_FAULT_LOCALITY);
}

/* The first event is whole, but what it announces with is not, or goes on. */
static void test_spec_cuts(void **state) {
        static const uint8_t starts[] = { 16, 24, 28, 32, 36, 37, 43 }; /* of its fields; the end */
        Builder b = scratch();
        const size_t n_head = 32;
        uint8_t spec[64] = {};
        FirmwareError error;
        FirmwareLog log;

        (void)state;
        put_spec(&b, 2, 0x000b, 32, BYTES_TEXT("vendor"));
        assert_int_equal(b.n, n_head + starts[ELEMENTSOF(starts) - 1]);
        bytes_copy(bytes_of(b.data + n_head, b.n - n_head), spec, sizeof(spec));
        for (size_t n = starts[0], field = 0; n < sizeof(spec); ++n) {
                if (field + 1 < ELEMENTSOF(starts) && n == starts[field + 1])
                        ++field;
                b = scratch();
                put_legacy(&b, 0, NO_ACTION, bytes_of(spec, n));
                if (n == 43) {
                        assert_int_equal(replay_log(builder_bytes(&b), &log, &error), 0);
                        assert_true(log.is_agile);
                        continue;
                }
                assert_int_equal(replay_log(builder_bytes(&b), &log, &error), FIRMWARE_E_MALFORMED);
                assert_int_equal(error.fault, FIRMWARE_FAULT_SPEC);
                CHECK(error.at == n_head + starts[field], "cut at %zu: at %ju\n", n,
                      (uintmax_t)error.at);
        }
        ROW("less than its name: an event like others");
        b = scratch();
        put_legacy(&b, 0, NO_ACTION, bytes_of(spec, 15));
        assert_int_equal(replay_log(builder_bytes(&b), &log, &error), 0);
        assert_false(log.is_agile);
}

static void test_limits(void **state) {
        uint8_t *data = calloc(1, (size_t)FIRMWARE_LOG_MAX + 1);
        uint8_t *many;
        FirmwareError error;
        FirmwareLog log;
        Builder b;

        (void)state;
        assert_non_null(data);
        assert_int_equal(replay_log(bytes_of(data, (size_t)FIRMWARE_LOG_MAX + 1), &log, &error),
                         FIRMWARE_E_LIMIT);
        assert_int_equal(error.fault, FIRMWARE_FAULT_LOG_LONG);
        free(data);
        many = malloc((FIRMWARE_EVENTS_MAX + 1U) * 32U);
        assert_non_null(many);
        b = builder_on(many, (FIRMWARE_EVENTS_MAX + 1U) * 32U);
        for (size_t i = 0; i < FIRMWARE_EVENTS_MAX; ++i)
                put_legacy(&b, 1, NO_ACTION, BYTES_TEXT(""));
        assert_int_equal(replay_log(builder_bytes(&b), &log, &error), 0);
        put_legacy(&b, 1, NO_ACTION, BYTES_TEXT(""));
        assert_int_equal(replay_log(builder_bytes(&b), &log, &error), FIRMWARE_E_LIMIT);
        assert_int_equal(error.fault, FIRMWARE_FAULT_EVENTS);
        free(many);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_legacy),    cmocka_unit_test(test_agile),
                cmocka_unit_test(test_cuts),      cmocka_unit_test(test_bad),
                cmocka_unit_test(test_limits),    cmocka_unit_test(test_pcr_and_locality),
                cmocka_unit_test(test_spec_cuts),
        };

        return cmocka_run_group_tests_name("firmware", tests, all_hashers_open,
                                           all_hashers_close) != 0;
}
