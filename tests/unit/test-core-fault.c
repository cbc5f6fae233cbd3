/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-core-fault.c -- lib/base and lib/core when memory or OpenSSL fails.
 */
#include "captured.h"
#include "fault.h"
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "base/escape.h"
#include "core/firmware.h"
#include "core/mismatch.h"
#include "core/mlist-ascii.h"
#include "core/verify.h"

static int run_text(void) {
        static char *const poison = (char *)"poison";
        char *text = poison;
        uint8_t *data = (uint8_t *)poison;
        size_t n = POISON;
        int r;

        r = escape_new(bytes_of("\x1b", 1), &text);
        assert_true((r == 0) == (text != poison));
        if (r != 0)
                return r;
        free(text);
        text = poison;
        r = base64_encode(bytes_of("abc", 3), &text);
        assert_true((r == 0) == (text != poison));
        if (r != 0)
                return r;
        free(text);
        r = base64_decode(bytes_of("YWI=", 4), &data, &n);
        assert_true((r == 0) == (data != (uint8_t *)poison));
        assert_int_equal(n, r == 0 ? 2 : POISON);
        if (r == 0)
                free(data);
        return r;
}

static void test_text(void **state) {
        (void)state;
        each_call_fails("text", run_text, 4);
}

static int run_hashers(void) {
        DigestAlg unsupported;
        Hashers h = {};
        int r = hashers_open(&h, BANK(DIGEST_SHA1) | BANK(DIGEST_SHA256), &unsupported);

        hashers_close(&h);
        return r;
}

static void test_hashers(void **state) {
        (void)state;
        each_call_fails("hashers", run_hashers, 6);
}

#define LIST_N 4U

static const MlistForm form = { .order = ORDER_LITTLE, .alg = DIGEST_SHA1 };
static Bytes list;       /* LIST_N records and one of template 'ima' */
static Bytes list_short; /* the LIST_N */
static Bytes list_md5;
static Bytes list_altered; /* the same; the first does not have the digest that it claims */
static Bytes survey;       /* the list that run_mismatch() reads */
static Bytes text;         /* the same, but as the kernel's text */
static Bytes events;       /* a firmware event list */
static PcrValues pcrs;
static MismatchQuestion question;

static int run_verify(void) {
        static Verify v;
        MlistForm found = { .alg = _DIGEST_ALG_N };
        MlistError error;
        Bytes in = list;
        int r;

        r = mlist_detect_any(in, true, &all_hashers, &found, &error);
        if (r != 0) {
                assert_int_equal(found.alg, _DIGEST_ALG_N);
                return r;
        }
        verify_init(&v, &pcrs, BANK(DIGEST_SHA256), found.alg, &all_hashers);
        v.checks_records = true;
        while (in.n > 0) {
                Bytes before = in;
                MlistRecord record;

                r = mlist_parse(&in, &found, all_hashers.of[found.alg], &record, &error);
                if (r != 0) {
                        assert_ptr_equal(in.data, before.data);
                        return r;
                }
                r = verify_record(&v, &record);
                if (r != 0)
                        return r;
        }
        assert_int_equal(v.replay.n_records, LIST_N + 1);
        return 0;
}

static void test_verify(void **state) {
        (void)state;
        pcrs.of[10] = BANK(DIGEST_SHA256);
        each_call_fails("verify", run_verify, 40);
}

/* One that begins with an 'ima' record of an MD5 digest, which only its hash tells. */
static int run_replay(void) {
        static Replay replay;
        MlistForm found;
        MlistError error;
        Bytes in = list_md5;
        int r = mlist_detect_any(in, true, &all_hashers, &found, &error);

        replay_init(&replay, BANK(DIGEST_SHA1), &all_hashers);
        while (r == 0 && in.n > 0) {
                MlistRecord record;

                r = mlist_parse(&in, &found, all_hashers.of[found.alg], &record, &error);
                if (r == 0)
                        r = replay_record(&replay, &record);
        }
        return r;
}

static void test_replay(void **state) {
        (void)state;
        each_call_fails("replay", run_replay, 10);
}

static int run_text_list(void) {
        static uint8_t room[4096];
        MlistAscii how = { .room = room, .room_max = sizeof(room), .at_end = true };
        MlistError error;
        Bytes in = text;
        size_t n = 0;
        int r;

        r = mlist_ascii_detect(in, &how, &all_hashers, &how.form, &error);
        if (r != 0)
                return r;
        how.hasher = all_hashers.of[how.form.alg];
        for (; in.n > 0; ++n) {
                MlistRecord record;

                r = mlist_ascii_parse(&in, &how, &record, &error);
                if (r != 0)
                        return r;
        }
        assert_int_equal(n, LIST_N + 1);
        return 0;
}

static void test_text_list(void **state) {
        (void)state;
        each_call_fails("text list", run_text_list, 20);
}

static int run_firmware(void) {
        static FirmwareLog log;
        FirmwareError error;
        int r = firmware_replay(events, BANK(DIGEST_SHA1) | BANK(DIGEST_SHA256), &all_hashers, &log,
                                &error);

        assert_true(r <= 0);
        return r;
}

static void test_firmware(void **state) {
        (void)state;
        each_call_fails("firmware", run_firmware, 8);
}

static int run_mismatch(void) {
        _cleanup_(mismatch_freep) Mismatch *m = NULL;
        int r = mismatch_new(&question, &all_hashers, &m);

        while (r == 0) {
                Bytes in = survey;

                while (r == 0 && in.n > 0) {
                        uint64_t kept = fails_in;
                        MlistRecord record;

                        fails_in = 0;
                        assert_int_equal(parse_record(&in, &form, &record, &(MlistError){}), 0);
                        fails_in = kept;
                        r = mismatch_record(m, &record);
                }
                if (r == 0)
                        r = mismatch_next_pass(m);
        }
        return r == MISMATCH_E_DONE ? 0 : r;
}

/* What a PCR holds after these extends: a record's number, 100 for ones; -1 is the end. */
static void pcr_of(DigestAlg alg, const int *script, Digest *ret_value) {
        uint8_t raw[2 * DIGEST_SIZE_MAX] = {};
        size_t n = digest_size(alg);

        for (; *script >= 0; ++script) {
                MlistRecord record = {};
                Bytes in = list;

                for (int i = 0; *script < 100 && i <= *script; ++i)
                        assert_int_equal(parse_record(&in, &form, &record, &(MlistError){}), 0);
                memset(raw + n, 0xff, n);
                if (*script == 103)
                        hash_of(alg, bytes_of("\0\0\0\0", 4), raw + n);
                else if (*script < 100)
                        hash_of(alg, record.data, raw + n);
                hash_of(alg, bytes_of(raw, 2 * n), raw);
        }
        memcpy(ret_value->data, raw, n);
}

static void test_mismatch(void **state) {
        static const struct {
                const char *row;
                int script[8];
                bool is_short; /* the list: without its last record */
        } rows[] = {
                { "foreign", { 0, 1, 100, 2, 3, -1 } },
                { "foreign, and the PCR ends", { 0, 1, 2, 3, 100, -1 } },
                { "foreign at the end", { 0, 1, 2, 3, 100, -1 }, true },
                { "missing", { 0, 2, 3, -1 } },
                { "swapped", { 0, 2, 1, 3, -1 } },
                { "repeated", { 0, 1, 1, 2, 3, -1 } },
                { "separator at the end", { 0, 1, 2, 3, 103, -1 }, true },
                { "unknown", { 3, 2, 1, 0, 0, 100, -1 } },
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                ROW(rows[i].row);
                question = (MismatchQuestion){ .pcr = 10,
                                               .form = form,
                                               .banks = BANK(DIGEST_SHA1) | BANK(DIGEST_SHA256) };
                FOREACH_BANK(alg, question.banks)
                        pcr_of(alg, rows[i].script, &question.target.of[alg]);
                survey = rows[i].is_short ? list_short : list;
                each_call_fails(rows[i].row, run_mismatch, 50);
                survey = list_altered;
                each_call_fails("altered", run_mismatch, 50);
        }
}

/* In the last pass the list is another: what was found is not said. */
static void test_mismatch_other_list(void **state) {
        static const int script[] = { 0, 2, 3, -1 };
        _cleanup_(mismatch_freep) Mismatch *m = NULL;
        size_t n_passes = 0;
        int r;

        (void)state;
        question = (MismatchQuestion){ .pcr = 10, .form = form, .banks = BANK(DIGEST_SHA256) };
        pcr_of(DIGEST_SHA256, script, &question.target.of[DIGEST_SHA256]);
        assert_int_equal(mismatch_new(&question, &all_hashers, &m), 0);
        do {
                Bytes in = n_passes < 2 ? list : list_md5;

                while (in.n > 0) {
                        MlistRecord record;

                        assert_int_equal(parse_record(&in, &form, &record, &(MlistError){}), 0);
                        assert_int_equal(mismatch_record(m, &record), 0);
                }
                r = mismatch_next_pass(m);
        } while (r == 0 && ++n_passes < 20);
        assert_int_equal(r, MISMATCH_E_DONE);
        assert_int_equal(n_passes, 2);
        for (size_t i = 0; i < mismatch_answer(m)->n; ++i)
                assert_int_not_equal(mismatch_answer(m)->finding[i].kind, MISMATCH_MISSING);
}

static void test_fault_texts(void **state) {
        (void)state;
        for (FirmwareFault a = 0; a < _FIRMWARE_FAULT_N; ++a)
                for (FirmwareFault b = 0; b < a; ++b)
                        assert_string_not_equal(firmware_fault_text(a), firmware_fault_text(b));
}

/* One record of the list as a line of text. */
static int put_line(char *to, size_t max, const MlistRecord *record, const char *name) {
        char digest[HEX_SIZE(DIGEST_SIZE_MAX)], d_ng[HEX_SIZE(DIGEST_SIZE_MAX)];
        TemplateFields fields;

        hex_encode(record->digest, digest, sizeof(digest));
        assert_int_equal(template_split(record, ORDER_LITTLE, &fields), 0);
        if (record->is_ima) {
                hex_encode(fields.at[0].data, d_ng, sizeof(d_ng));
                return snprintf(to, max, "10 %s ima %s %s\n", digest, d_ng, name);
        }
        hex_encode(bytes_of(fields.at[0].data.data + 8, fields.at[0].data.n - 8), d_ng,
                   sizeof(d_ng));
        return snprintf(to, max, "10 %s ima-ng sha256:%s %s\n", digest, d_ng, name);
}

static int setup(void **state) {
        static char lines[4096];
        char path[4096], name[16];
        Builder b = scratch();
        Bytes in, altered;
        size_t n_short;
        int n = 0;

        if (all_hashers_open(state) != 0)
                return -1;
        for (size_t i = 0; i < LIST_N; ++i) {
                (void)snprintf(name, sizeof(name), "/r%zu", i);
                put_sample(&b, &form, 10, name);
        }
        n_short = b.n;
        put_ima(&b, &form, 10, bytes_of("01234567890123456789", 20), bytes_of("/r4", 3));
        list = in = scratch_done(&b);
        list_short = bytes_of(list.data, n_short);
        b = scratch();
        put_ima(&b, &form, 10, bytes_of("0123456789012345", 16), bytes_of("/m", 2));
        put_sample(&b, &form, 10, "/r1");
        list_md5 = scratch_done(&b);
        altered = heap_copy(list);
        list_altered = altered;
        ((uint8_t *)(uintptr_t)altered.data)[4] ^= 1;
        for (size_t i = 0; i <= LIST_N; ++i) {
                MlistRecord record;

                if (parse_record(&in, &form, &record, &(MlistError){}) != 0)
                        return -1;
                (void)snprintf(name, sizeof(name), "/r%zu", i);
                n += put_line(lines + n, sizeof(lines) - (size_t)n, &record, name);
        }
        text = bytes_of(lines, (size_t)n);
        (void)snprintf(path, sizeof(path), "%s/fuzz-firmware/agile", captured_dir());
        events = heap_file(path);
        return 0;
}

static int teardown(void **state) {
        heap_free(list);
        heap_free(list_md5);
        heap_free(list_altered);
        heap_free(events);
        return all_hashers_close(state);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_text),        cmocka_unit_test(test_hashers),
                cmocka_unit_test(test_verify),      cmocka_unit_test(test_text_list),
                cmocka_unit_test(test_firmware),    cmocka_unit_test(test_mismatch),
                cmocka_unit_test(test_replay),      cmocka_unit_test(test_mismatch_other_list),
                cmocka_unit_test(test_fault_texts),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
