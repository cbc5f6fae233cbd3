/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-mlist-ascii.c -- a list as text: template data is what the binary list has, or LOSSY.
 *
 * What stands in a line is what the kernel printed for such data (the captured lists), or follows
 * from ima_show_template_data_ascii(); digests are OpenSSL's.
 */
#include "fixture.h"

#include <string.h>

#include "core/mlist-ascii.h"

#define HEX8  "0123456789abcdef"
#define HEX20 HEX8 HEX8 "01234567"
#define RAW8  "\x01\x23\x45\x67\x89\xab\xcd\xef"
#define RAW20 RAW8 RAW8 "\x01\x23\x45\x67"

typedef struct Field {
        const char *data;
        size_t n;
        uint32_t number; /* of n bytes, in the list's byte order */
} Field;

#define F(s)                                                                                       \
        { s, sizeof(s) - 1, 0 }
#define NONE                                                                                       \
        { "", 0, 0 }
#define U32(v)                                                                                     \
        { NULL, 4, v }
#define U16(v)                                                                                     \
        { NULL, 2, v }

typedef struct Row {
        const char *name;
        const char *template;
        const char *text; /* behind the template's name */
        size_t n;
        Field fields[TEMPLATE_FIELD_MAX];
} Row;

/* clang-format off */
static const Row rows[] = {
        { "ima-ng", "ima-ng", " sha1:" HEX20 " /bin/sh", 2, { F("sha1:\0" RAW20), F("/bin/sh\0") } },
        { "newlines in a name", "ima-ng", " sha1:" HEX20 " /a\n\nb\n10\n", 2,
          { F("sha1:\0" RAW20), F("/a\n\nb\n10\n\0") } },
        { "a name like a record", "ima-ng", " sha1:" HEX20 " /a\n10_" HEX20 "_ima-ng_sha1:00_b", 2,
          { F("sha1:\0" RAW20), F("/a\n10_" HEX20 "_ima-ng_sha1:00_b\0") } },
        { "any bytes in a name", "ima-ng", " sha1:" HEX20 " /\t\x1b[2J\xff\xc2\x9b", 2,
          { F("sha1:\0" RAW20), F("/\t\x1b[2J\xff\xc2\x9b\0") } },
        { "an old kernel's name with spaces", "ima-ng", " sha1:" HEX20 " /a  (deleted) ", 2,
          { F("sha1:\0" RAW20), F("/a  (deleted) \0") } },
        { "no name", "ima-ng", " sha1:" HEX20 " ", 2, { F("sha1:\0" RAW20), F("\0") } },
        { "no name of an algorithm", "ima-ng", " " HEX20 " /a", 2, { F(":\0" RAW20), F("/a\0") } },
        { "ima-sig, none", "ima-sig", " sha256:" HEX20 " /a ", 3,
          { F("sha256:\0" RAW20), F("/a\0"), NONE } },
        { "ima-sig, the last space lost", "ima-sig", " sha256:" HEX20 " /a", 3,
          { F("sha256:\0" RAW20), F("/a\0"), NONE } },
        { "ima-sig, newline", "ima-sig", " sha256:" HEX20 " /a\nb 0302" HEX8, 3,
          { F("sha256:\0" RAW20), F("/a\nb\0"), F("\x03\x02" RAW8) } },
        { "ima-ngv2", "ima-ngv2", " ima:sha256:" HEX20 " /a", 2,
          { F("ima:sha256:\0" RAW20), F("/a\0") } },
        { "ima-sigv2", "ima-sigv2", " verity:sha256:" HEX20 " /a 06", 3,
          { F("verity:sha256:\0" RAW20), F("/a\0"), F("\x06") } },
        { "ima-buf", "ima-buf", " sha256:" HEX20 " kernel_version 372e33", 3,
          { F("sha256:\0" RAW20), F("kernel_version\0"), F("7.3") } },
        { "ima-buf, empty", "ima-buf", " sha256:" HEX20 " x ", 3,
          { F("sha256:\0" RAW20), F("x\0"), NONE } },
        { "ima-modsig, none", "ima-modsig", " sha256:" HEX20 " /a   ", 5,
          { F("sha256:\0" RAW20), F("/a\0"), NONE, NONE, NONE } },
        { "ima-modsig", "ima-modsig", " sha256:" HEX20 " /a.ko  sha512:" HEX8 " 3082", 5,
          { F("sha256:\0" RAW20), F("/a.ko\0"), NONE, F("sha512:\0" RAW8), F("\x30\x82") } },
        { "evm-sig, no file", "evm-sig", " sha256:" HEX20 " boot_aggregate       ", 9,
          { F("sha256:\0" RAW20), F("boot_aggregate\0"), NONE, NONE, NONE, NONE, NONE, NONE, NONE } },
        { "evm-sig, no xattr", "evm-sig", " sha256:" HEX20 " /a     1004 0 33188", 9,
          { F("sha256:\0" RAW20), F("/a\0"), NONE, NONE, NONE, NONE, U32(1004), U32(0), U16(33188) } },
        { "evm-sig", "evm-sig",
          " sha256:" HEX20 " /a 0502 security.ima|security.x 0900000001000000 " HEX8
          "aabb 4294967295 1 65535", 9,
          { F("sha256:\0" RAW20), F("/a\0"), F("\x05\x02"), F("security.ima|security.x\0"),
            F("\x09\0\0\0\x01\0\0\0"), F(RAW8 "\xaa\xbb"), U32(UINT32_MAX), U32(1), U16(UINT16_MAX) } },
        { "custom", "d-ngv2|n-ng|imode|iuid|igid", " ima:sha256:" HEX20 " /a 33188 1 2", 5,
          { F("ima:sha256:\0" RAW20), F("/a\0"), U16(33188), U32(1), U32(2) } },
        { "d and n", "d|n", " " HEX20 " /a", 2, { F(RAW20), F("/a\0") } },
        { "n alone", "n", " /a", 1, { F("/a\0") } },
        { "n first", "n-ng|d-ng", " /a b\nc sha1:" HEX20, 2, { F("/a b\nc\0"), F("sha1:\0" RAW20) } },
};
/* clang-format on */

static uint8_t room[1U << 16];

static int parse(Bytes *in, const MlistForm *form, bool at_end, MlistRecord *ret_record,
                 MlistError *ret_error) {
        MlistAscii how = { *form, all_hashers.of[form->alg], room, sizeof(room), at_end };
        MlistRecord record = { .pcr = UINT32_MAX };
        MlistError error = { .fault = _MLIST_FAULT_N };
        Bytes before = *in;
        int r = mlist_ascii_parse(in, &how, &record, &error);

        CHECK(r >= 0 && r <= MLIST_ASCII_E_LOSSY, "%d\n", r);
        if (r == 0 || r == MLIST_ASCII_E_LOSSY) {
                assert_ptr_equal(record.whole.data, before.data);
                assert_int_equal(record.whole.n + in->n, before.n);
                *ret_record = record;
        } else {
                assert_int_equal(in->n, before.n);
                assert_int_equal(record.pcr, UINT32_MAX);
        }
        assert_int_equal(r == MLIST_E_CORRUPT || r == MLIST_E_LIMIT, error.fault != _MLIST_FAULT_N);
        *ret_error = error;
        return r;
}

static Bytes row_data(const Row *row, ByteOrder order, uint8_t *raw, size_t max) {
        Builder b = builder_on(raw, max);

        for (size_t i = 0; i < row->n; ++i) {
                const Field *f = &row->fields[i];

                builder_put_u32(&b, order, (uint32_t)f->n);
                if (f->data)
                        builder_put(&b, bytes_of(f->data, f->n));
                else if (f->n == 4)
                        builder_put_u32(&b, order, f->number);
                else
                        builder_put_u16(&b, order, (uint16_t)f->number);
        }
        assert_false(b.full);
        return builder_bytes(&b);
}

/* "10 <hex> name", what @text says, a newline. */
static void put_line(Builder *b, const char *pcr, Bytes digest, const char *name,
                     const char *text) {
        char hex[2 * DIGEST_SIZE_MAX + 1];

        for (size_t i = 0; i < digest.n; ++i)
                (void)snprintf(hex + 2 * i, 3, "%02x", digest.data[i]);
        builder_put(b, bytes_of_text(pcr));
        builder_put(b, bytes_of_text(" "));
        builder_put(b, bytes_of_text(hex));
        builder_put(b, bytes_of_text(" "));
        builder_put(b, bytes_of_text(name));
        builder_put(b, bytes_of_text(text));
        builder_put(b, bytes_of_text("\n"));
}

static void check_row(const Row *row, const MlistForm *form) {
        uint8_t raw[1024], digest[DIGEST_SIZE_MAX], text[2048];
        Bytes data = row_data(row, form->order, raw, sizeof(raw)), line, in;
        Bytes hash = bytes_of(digest, digest_size(form->alg));
        Builder b = builder_on(text, sizeof(text));
        MlistRecord record;
        MlistError error;

        hash_of(form->alg, data, digest);
        put_line(&b, " 9", hash, row->template, row->text);
        line = in = heap_copy(builder_bytes(&b));
        /* What proves itself needs nothing behind it. */
        assert_int_equal(parse(&in, form, false, &record, &error), 0);
        assert_int_equal(in.n, 0);
        assert_int_equal(record.pcr, 9);
        assert_true(bytes_equal_text(record.name, row->template));
        assert_true(bytes_equal(record.digest, hash));
        assert_true(bytes_equal(record.data, data));
        assert_false(record.is_violation || record.is_ima);
        for (size_t n = 0; n < line.n; ++n) {
                Bytes cut = heap_copy(bytes_of(line.data, n));
                int r;

                in = cut;
                r = parse(&in, form, false, &record, &error);
                CHECK(r == MLIST_E_MORE, "cut at %zu: %d\n", n, r);
                in = cut;
                r = parse(&in, form, true, &record, &error);
                /* Behind a newline in a name it may look whole, but then its digest is wrong. */
                CHECK(r == MLIST_E_MORE || (r == MLIST_ASCII_E_LOSSY && record.data.n == 0 &&
                                            n > 0 && memchr(row->text, '\n', strlen(row->text))),
                      "cut at %zu, at the end: %d\n", n, r);
                heap_free(cut);
        }
        heap_free(line);
}

static void test_rows(void **state) {
        static const DigestAlg algs[] = { DIGEST_SHA1, DIGEST_SHA256, DIGEST_SHA512 };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(rows); ++i) {
                ROW(rows[i].name);
                for (size_t a = 0; a < ELEMENTSOF(algs); ++a)
                        for (ByteOrder order = 0; order < _ORDER_N; ++order)
                                check_row(&rows[i], &(MlistForm){ order, algs[a] });
        }
}

static void test_ima(void **state) {
        static const char *const names[] = { "/a", "", "/a b\nc (deleted)", "\n10\n" };
        static const char hex[] = HEX20;
        static const MlistForm form = { ORDER_LITTLE, DIGEST_SHA1 };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(names); ++i)
                for (size_t n = 16; n <= 20; n += 4) {
                        uint8_t padded[20 + 256] = {}, digest[20], text[512];
                        Builder b = builder_on(text, sizeof(text));
                        char tail[256];
                        MlistRecord record;
                        MlistError error;
                        Bytes line, in;

                        ROW(names[i]);
                        (void)hex_of(HEX20, padded, 20);
                        memset(padded + n, 0, sizeof(padded) - n);
                        memcpy(padded + n, names[i], strlen(names[i]));
                        hash_of(DIGEST_SHA1, bytes_of(padded, n + 256), digest);
                        (void)snprintf(tail, sizeof(tail), " %.*s %s", (int)(2 * n), hex, names[i]);
                        put_line(&b, "10", bytes_of(digest, 20), "ima", tail);
                        line = in = heap_copy(builder_bytes(&b));
                        assert_int_equal(parse(&in, &form, false, &record, &error), 0);
                        assert_true(record.is_ima && record.data.n == n + 4 + strlen(names[i]));
                        assert_true(bytes_equal(record.ima_digest, bytes_of(padded, n)));
                        assert_true(bytes_equal_text(record.ima_name, names[i]));
                        assert_true(record_fits(&record, DIGEST_SHA1));
                        heap_free(line);
                }
}

#define D1   "1111111111111111111111111111111111111111"
#define D0   "0000000000000000000000000000000000000000"
#define NEXT "10 " D1 " ima-ng sha1:00 /next\n"

static void test_lines(void **state) {
        static const struct {
                const char *name, *text;
                int r;
                size_t n; /* where the fault is */
                MlistFault fault;
        } lines[] = {
                { "another digest", "10 " D1 " ima-ng sha1:" HEX20 " /a\n" NEXT, 4, 0, 0 },
                { "no hex", "10 " D1 " ima-ng sha1:xy /a\n" NEXT, 4, 0, 0 },
                { "odd hex", "10 " D1 " ima-ng sha1:012 /a\n" NEXT, 4, 0, 0 },
                { "a field too many", "10 " D1 " ima-sig sha1:00 /a 00 00\n" NEXT, 4, 0, 0 },
                { "no field", "10 " D1 " ima-ng\n" NEXT, 4, 0, 0 },
                { "unknown template", "10 " D1 " xyz a b c\n" NEXT, 4, 0, 0 },
                { "a mode of 32 bits", "10 " D1 " imode 70000\n" NEXT, 4, 0, 0 },
                { "a sign", "10 " D1 " iuid -1\n" NEXT, 4, 0, 0 },
                { "ima, 19 bytes", "10 " D1 " ima 00000000000000000000000000000000000000 a\n" NEXT,
                  4, 0, 0 },
                { "a name goes on", "10 " D1 " ima-ng sha1:00 /a\nb\n10_c\n" NEXT, 4, 0, 0 },
                { "violation", "10 " D0 " ima-ng sha1:" D0 " /a\n" NEXT, 0, 0, 0 },
                { "violation, a name goes on", "10 " D0 " ima-ng sha1:" D0 " /a\nb\n" NEXT, 0, 0,
                  0 },
                { "violation, no hex", "10 " D0 " ima-ng sha1:xy /a\n" NEXT, 4, 0, 0 },
                { "nothing", "", MLIST_E_MORE, 0, 0 },
                { "spaces", "  ", MLIST_E_MORE, 0, 0 },
                { "empty line", "\n", MLIST_E_CORRUPT, 0, MLIST_FAULT_ASCII_PCR },
                { "PCR 64", "64 " D1 " ima-ng sha1:00 /a\n", MLIST_E_CORRUPT, 0,
                  MLIST_FAULT_ASCII_PCR },
                { "PCR of four digits", "0010 " D1, MLIST_E_CORRUPT, 0, MLIST_FAULT_ASCII_PCR },
                { "no PCR", "ab", MLIST_E_CORRUPT, 0, MLIST_FAULT_ASCII_PCR },
                { "no digest", "10 ima-ng", MLIST_E_CORRUPT, 3, MLIST_FAULT_ASCII_DIGEST },
                { "a short digest", "10 1111 ima-ng sha1:00 /a\n", MLIST_E_CORRUPT, 3,
                  MLIST_FAULT_ASCII_DIGEST },
                { "a long digest", "10 " D1 "1 ima-ng", MLIST_E_CORRUPT, 3,
                  MLIST_FAULT_ASCII_DIGEST },
                { "no template", "10 " D1 "  sha1:00 /a\n", MLIST_E_CORRUPT, 44,
                  MLIST_FAULT_ASCII_NAME },
                { "the end instead", "10 " D1 " \n", MLIST_E_CORRUPT, 44, MLIST_FAULT_ASCII_NAME },
        };
        static const MlistForm form = { ORDER_LITTLE, DIGEST_SHA1 };
        MlistRecord record;
        MlistError error;

        (void)state;
        assert_int_equal(MLIST_ASCII_E_LOSSY, 4);
        for (size_t i = 0; i < ELEMENTSOF(lines); ++i) {
                Bytes block = heap_copy(bytes_of_text(lines[i].text)), in = block;
                int r = parse(&in, &form, true, &record, &error);

                ROW(lines[i].name);
                assert_int_equal(r, lines[i].r);
                if (r == 0 || r == MLIST_ASCII_E_LOSSY) {
                        /* What stands in front of NEXT. */
                        assert_int_equal(in.n, strlen(NEXT));
                        assert_int_equal(record.is_violation, lines[i].text[3] == '0');
                        assert_true((record.data.n > 0) == (r == 0));
                        assert_int_equal(record.digest.n, 20);
                }
                if (r == MLIST_E_CORRUPT) {
                        assert_int_equal(error.fault, lines[i].fault);
                        assert_int_equal(error.at, lines[i].n);
                        assert_non_null(mlist_fault_text(error.fault));
                        assert_false(mlist_fault_has_value(error.fault));
                }
                heap_free(block);
        }
}

static void test_name_too_long(void **state) {
        static const MlistForm form = { ORDER_LITTLE, DIGEST_SHA1 };
        char text[512];
        MlistRecord record;
        MlistError error;
        Bytes in;

        (void)state;
        for (int n = 254; n < 258; ++n) {
                (void)snprintf(text, sizeof(text), "10 " D1 " %0*d x\n", n, 0);
                in = bytes_of_text(text);
                assert_int_equal(parse(&in, &form, true, &record, &error),
                                 n <= 255 ? MLIST_ASCII_E_LOSSY : MLIST_E_CORRUPT);
        }
        assert_int_equal(error.fault, MLIST_FAULT_ASCII_NAME);
}

/* A record that never ends is refused, and not waited for. */
static void test_endless(void **state) {
        static const MlistForm form = { ORDER_LITTLE, DIGEST_SHA1 };
        size_t n = MLIST_ASCII_RECORD_MAX, n_room = MLIST_ASCII_ROOM(n);
        _cleanup_free_ uint8_t *text = malloc(n), *large = malloc(n_room);
        MlistAscii how = { form, all_hashers.of[DIGEST_SHA1], large, n_room, false };
        MlistRecord record;
        MlistError error;
        Bytes in;

        (void)state;
        assert_true(text && large);
        memset(text, 'a', n);
        memcpy(text, "10 " D1 " ima-ng ", 51);
        in = bytes_of(text, n - 1);
        assert_int_equal(mlist_ascii_parse(&in, &how, &record, &error), MLIST_E_MORE);
        in = bytes_of(text, n);
        assert_int_equal(mlist_ascii_parse(&in, &how, &record, &error), MLIST_E_LIMIT);
        assert_int_equal(error.fault, MLIST_FAULT_ASCII_LONG);
        /* Nor is it tried for ever where it may end. */
        memset(text + 51, '\n', n - 51);
        in = bytes_of(text, n);
        assert_int_equal(mlist_ascii_parse(&in, &how, &record, &error), MLIST_E_LIMIT);
}

static void test_is(void **state) {
        static const struct {
                Bytes list;
                int r;
                bool is;
        } lists[] = {
                { BYTES_TEXT(""), MLIST_E_MORE, false },
                { BYTES_TEXT("1"), MLIST_E_MORE, false },
                { BYTES_TEXT("10"), MLIST_E_MORE, false },
                { BYTES_TEXT(" "), MLIST_E_MORE, false },
                { BYTES_TEXT("10 "), 0, true },
                { BYTES_TEXT(" 9 a"), 0, true },
                { BYTES_TEXT("99 a"), 0, true },
                { BYTES_TEXT("\n"), 0, false },
                { BYTES_TEXT("         10 "), 0, false },
                { BYTES_TEXT("\x0a\0\0\0"), 0, false },
                { BYTES_TEXT("\0\0\0\x0a"), 0, false },
                { BYTES_TEXT("1\0\0\0"), 0, false }, /* PCR 49 */
                { BYTES_TEXT(" \0\0\0"), 0, false }, /* PCR 32 */
        };

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(lists); ++i) {
                Bytes block = heap_copy(lists[i].list);
                bool is = !lists[i].is;
                int r = mlist_ascii_is(block, &is);

                CHECK(r == lists[i].r && (r != 0 || is == lists[i].is), "%zu: %d\n", i, r);
                CHECK(r == 0 || is == !lists[i].is, "%zu: set\n", i);
                heap_free(block);
        }
}

static void test_detect(void **state) {
        MlistForm form, got;
        MlistError error;

        (void)state;
        for (form.order = 0; form.order < _ORDER_N; ++form.order)
                for (form.alg = 0; form.alg < _DIGEST_ALG_N; ++form.alg) {
                        uint8_t raw[1024], digest[DIGEST_SIZE_MAX] = {}, text[2048];
                        Bytes data = row_data(&rows[0], form.order, raw, sizeof(raw)), block;
                        Bytes hash = bytes_of(digest, digest_size(form.alg));
                        MlistAscii how = { .room = room, .room_max = sizeof(room) };
                        Builder b = builder_on(text, sizeof(text));
                        size_t n;

                        /* A violation and a wrong digest do not decide, the third record does. */
                        put_line(&b, "10", hash, "ima-ng", rows[0].text);
                        digest[0] = 1;
                        put_line(&b, "10", hash, "ima-ng", rows[0].text);
                        n = b.n;
                        hash_of(form.alg, data, digest);
                        put_line(&b, "10", hash, "ima-ng", rows[0].text);
                        block = heap_copy(builder_bytes(&b));
                        assert_int_equal(
                                mlist_ascii_detect(block, &how, &all_hashers, &got, &error), 0);
                        assert_int_equal(got.order, form.order);
                        assert_int_equal(got.alg, form.alg);
                        block.n = n;
                        assert_int_equal(
                                mlist_ascii_detect(block, &how, &all_hashers, &got, &error),
                                MLIST_E_MORE);
                        how.at_end = true;
                        assert_int_equal(
                                mlist_ascii_detect(block, &how, &all_hashers, &got, &error), 0);
                        assert_int_equal(got.order, ORDER_LITTLE);
                        assert_int_equal(digest_size(got.alg), digest_size(form.alg));
                        heap_free(block);
                }
}

static int detect(Bytes text, bool at_end, DigestAlg *ret_alg) {
        MlistAscii how = { .room = room, .room_max = sizeof(room), .at_end = at_end };
        MlistForm form = { .alg = _DIGEST_ALG_N };
        int r = mlist_ascii_detect(text, &how, &all_hashers, &form, &(MlistError){});

        *ret_alg = form.alg;
        return r;
}

/* Behind a record that proves little comes what is none; the width leaves several algorithms. */
static void test_detect_broken(void **state) {
        static const DigestAlg algs[] = { DIGEST_SHA256, DIGEST_SM3_256, DIGEST_SHA3_256 };
        uint8_t hashed[20 + 256] = {}, digest[DIGEST_SIZE_MAX], text[1024];
        DigestAlg alg;

        (void)state;
        (void)hex_of(HEX20, hashed, 20);
        memcpy(hashed + 20, "/a", 2);
        for (size_t i = 0; i < ELEMENTSOF(algs); ++i) {
                Builder b = builder_on(text, sizeof(text));

                hash_of(algs[i], bytes_of(hashed, sizeof(hashed)), digest);
                put_line(&b, "10", bytes_of(digest, 32), "ima", " " HEX20 " /a");
                builder_put(&b, BYTES_TEXT("10 no record\n"));
                CHECK(detect(builder_bytes(&b), true, &alg) == 0 && alg == algs[i], "%zu\n", i);
        }
}

/* No digest is right: behind 64 records that is settled, before only where nothing comes. */
static void test_detect_lossy(void **state) {
        uint8_t text[100 * sizeof(NEXT)];
        Builder b = builder_on(text, sizeof(text));
        DigestAlg alg;

        (void)state;
        for (size_t n = 1; n <= 100; ++n) {
                int want = n > 64 ? 0 : MLIST_E_MORE;

                builder_put(&b, bytes_of_text(NEXT));
                CHECK(detect(builder_bytes(&b), false, &alg) == want, "%zu records\n", n);
                assert_int_equal(alg, want == 0 ? DIGEST_SHA1 : _DIGEST_ALG_N);
                assert_int_equal(detect(builder_bytes(&b), true, &alg), 0);
                assert_int_equal(alg, DIGEST_SHA1);
        }
}

static void test_detect_refused(void **state) {
        static const struct {
                const char *text;
                int r;
                MlistFault fault;
        } lists[] = {
                { "10", MLIST_E_MORE, 0 },
                { "10 0123 ima-ng sha1:00 /a\n", MLIST_E_CORRUPT, MLIST_FAULT_ASCII_DIGEST },
                { "99 " D1 " ima-ng sha1:00 /a\n", MLIST_E_CORRUPT, MLIST_FAULT_ASCII_PCR },
                { "         10 " D1 " ima-ng sha1:00 /a\n", MLIST_E_CORRUPT,
                  MLIST_FAULT_ASCII_PCR },
                { "10 " D1, MLIST_E_MORE, 0 },
                { "10  ima-ng sha1:00 /a\n", MLIST_E_CORRUPT, MLIST_FAULT_ASCII_DIGEST },
        };
        MlistAscii how = { .room = room, .room_max = sizeof(room), .at_end = true };
        MlistForm form;
        MlistError error;

        (void)state;
        for (size_t i = 0; i < ELEMENTSOF(lists); ++i) {
                ROW(lists[i].text);
                assert_int_equal(mlist_ascii_detect(bytes_of_text(lists[i].text), &how,
                                                    &all_hashers, &form, &error),
                                 lists[i].r);
                if (lists[i].r == MLIST_E_CORRUPT)
                        assert_int_equal(error.fault, lists[i].fault);
        }
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_rows),          cmocka_unit_test(test_ima),
                cmocka_unit_test(test_lines),         cmocka_unit_test(test_name_too_long),
                cmocka_unit_test(test_endless),       cmocka_unit_test(test_is),
                cmocka_unit_test(test_detect),        cmocka_unit_test(test_detect_refused),
                cmocka_unit_test(test_detect_broken), cmocka_unit_test(test_detect_lossy),
        };

        return cmocka_run_group_tests_name("mlist-ascii", tests, all_hashers_open,
                                           all_hashers_close) != 0;
}
