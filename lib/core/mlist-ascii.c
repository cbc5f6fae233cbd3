/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/mlist-ascii.h"

#include <assert.h>
#include <string.h>

#include "base/encode.h"
#include "base/error.h"

/* The kernel prints "%2d"; lists that went through a mail have more in front. */
#define SPACES_MAX 8U
#define PCR_DIGITS 3U
/* A list settles its form within so many records. */
#define DETECT_RECORDS 64U
/* Bytes looked at to find the end of one record: a name of 4096 newlines takes an eighth of it. */
#define WORK_MAX (64U << 20)

typedef struct AsciiHead {
        uint32_t pcr;
        Bytes hex; /* the template digest */
        Bytes name;
} AsciiHead;

static int ascii_refuse(MlistError *ret_error, int outcome, MlistFault fault, Bytes whole,
                        Bytes rest) {
        *ret_error = (MlistError){ .fault = fault, .at = whole.n - rest.n };
        return outcome;
}

static bool ascii_is_hex(uint8_t c) {
        uint8_t byte;
        size_t n;
        const uint8_t pair[] = { c, c };

        return hex_decode(bytes_of(pair, sizeof(pair)), &byte, sizeof(byte), &n) == 0;
}

static bool ascii_is_digit(uint8_t c) {
        return c >= '0' && c <= '9';
}

static bool ascii_is_space(uint8_t c) {
        return c == ' ';
}

static Bytes ascii_take_while(Bytes *in, bool (*is)(uint8_t), size_t max) {
        Bytes taken = {};
        size_t n = 0;

        while (n < in->n && n < max && is(in->data[n]))
                ++n;
        (void)bytes_take(in, n, &taken);
        return taken;
}

/* Eat one space. Return: 0, MLIST_E_MORE or MLIST_E_CORRUPT. */
static int ascii_take_space(Bytes *in) {
        Bytes c;

        if (in->n == 0)
                return MLIST_E_MORE;
        if (in->data[0] != ' ')
                return MLIST_E_CORRUPT;
        (void)bytes_take(in, 1, &c);
        return 0;
}

/* A number of any size, and the space behind it. Return: 0, MLIST_E_MORE or MLIST_E_CORRUPT. */
static int ascii_take_pcr(Bytes *in, uint32_t *ret_pcr) {
        uint32_t pcr = 0;
        Bytes digits;
        int r;

        (void)ascii_take_while(in, ascii_is_space, SPACES_MAX);
        digits = ascii_take_while(in, ascii_is_digit, PCR_DIGITS);
        for (size_t i = 0; i < digits.n; ++i)
                pcr = pcr * 10 + (uint32_t)(digits.data[i] - '0');
        r = ascii_take_space(in);
        if (r != 0)
                return r;
        if (digits.n == 0)
                return MLIST_E_CORRUPT;
        *ret_pcr = pcr;
        return 0;
}

/*
 * PCR, digest and template name; @n_digest 0 takes a digest of any width. The separator behind the
 * name stays.
 */
static int ascii_take_head(Bytes *in, size_t n_digest, AsciiHead *ret_head, MlistError *ret_error) {
        Bytes whole = *in, rest = *in;
        AsciiHead head;
        size_t n = 0;
        int r;

        r = ascii_take_pcr(&rest, &head.pcr);
        if (r == MLIST_E_CORRUPT || (r == 0 && head.pcr >= MLIST_PCR_N))
                return ascii_refuse(ret_error, MLIST_E_CORRUPT, MLIST_FAULT_ASCII_PCR, whole,
                                    whole);
        if (r != 0)
                return r;
        head.hex = ascii_take_while(&rest, ascii_is_hex, 2 * DIGEST_SIZE_MAX);
        if (rest.n == 0 && (n_digest == 0 || head.hex.n <= 2 * n_digest))
                return MLIST_E_MORE;
        if ((n_digest > 0 && head.hex.n != 2 * n_digest) || head.hex.n == 0 ||
            ascii_take_space(&rest) != 0) {
                rest = bytes_of(head.hex.data, whole.n - (size_t)(head.hex.data - whole.data));
                return ascii_refuse(ret_error, MLIST_E_CORRUPT, MLIST_FAULT_ASCII_DIGEST, whole,
                                    rest);
        }
        while (n < rest.n && n <= MLIST_NAME_MAX && rest.data[n] != ' ' && rest.data[n] != '\n')
                ++n;
        if (n == 0 || n > MLIST_NAME_MAX) {
                if (rest.n == 0)
                        return MLIST_E_MORE;
                return ascii_refuse(ret_error, MLIST_E_CORRUPT, MLIST_FAULT_ASCII_NAME, whole,
                                    rest);
        }
        if (n == rest.n)
                return MLIST_E_MORE;
        (void)bytes_take(&rest, n, &head.name);
        *ret_head = head;
        *in = rest;
        return 0;
}

/**
 * mlist_ascii_is() - is this a list as text?
 * @input:        the list from its first byte on
 * @ret_is_ascii: the answer, set on success only
 *
 * Text begins with a number in decimal and a space; a binary list with a number below 64 in four
 * bytes, of which three are NUL.
 *
 * Return: 0, or MLIST_E_MORE.
 */
int mlist_ascii_is(Bytes input, bool *ret_is_ascii) {
        uint32_t pcr;
        int r = ascii_take_pcr(&input, &pcr);

        if (r == MLIST_E_MORE)
                return r;
        *ret_is_ascii = r == 0;
        return 0;
}

/* Which fields has a template? As many empty ones as it is content with. */
static bool ascii_template(Bytes name, TemplateFields *ret_template) {
        static const uint8_t empty[TEMPLATE_FIELD_MAX * sizeof(uint32_t)];

        for (size_t n = 1; n <= TEMPLATE_FIELD_MAX; ++n) {
                MlistRecord record = { .name = name,
                                       .data = bytes_of(empty, n * sizeof(uint32_t)) };
                int r = template_split(&record, ORDER_LITTLE, ret_template);

                if (r == 0)
                        return true;
                if (r == TEMPLATE_E_UNKNOWN)
                        return false;
        }
        assert(false);
        return false;
}

/* What is known of a record before its end is found. */
typedef struct AsciiRecord {
        MlistRecord record;
        bool is_known; /* the template */
        TemplateFields template;
        size_t work; /* bytes looked at for it */
} AsciiRecord;

/*
 * Take @text for the fields of the record: is its digest right then? A violation has none, it is
 * content with fields that can be built.
 */
static int ascii_try(const MlistAscii *how, Bytes text, AsciiRecord *a, bool *ret_fits) {
        Builder room = builder_on(how->room, how->room_max);
        MlistRecord record = a->record;
        bool built;

        *ret_fits = false;
        a->work += text.n;
        builder_put(&room, record.digest); /* is there already, stays */
        if (record.is_ima) {
                built = mlist_ascii_ima(text, how->form.order, &room, &record);
        } else {
                built = a->is_known &&
                        mlist_ascii_fields(text, &a->template, how->form.order, &room);
                record.data = bytes_of(room.data + record.digest.n, room.n - record.digest.n);
        }
        if (!built || record.data.n > MLIST_DATA_MAX)
                return 0;
        if (!record.is_violation) {
                int r = mlist_digest_fits(&record, how->form.alg, how->hasher, ret_fits);

                if (r < 0)
                        return error_trace(r);
        } else {
                *ret_fits = true;
        }
        if (*ret_fits)
                a->record = record;
        return 0;
}

/* Does a record begin here? Where that cannot be seen yet: MLIST_E_MORE. */
static int ascii_begins(const MlistAscii *how, Bytes rest) {
        MlistError error;
        AsciiHead head;
        int r = ascii_take_head(&rest, digest_size(how->form.alg), &head, &error);

        return r == MLIST_E_MORE && how->at_end ? 0 : r;
}

/*
 * Find the end of the record: the first newline up to which the digest fits, else the last before
 * something that begins like a record. @in stands behind the template name.
 */
static int ascii_find_end(const MlistAscii *how, Bytes *in, AsciiRecord *a) {
        const Bytes all = *in;
        Bytes rest = *in, line;
        bool fits;
        int r;

        while (bytes_take_until(&rest, '\n', &line)) {
                Bytes text = bytes_of(all.data, all.n - rest.n - 1);

                if (!a->record.is_violation && a->work < WORK_MAX) {
                        r = ascii_try(how, text, a, &fits);
                        if (r < 0)
                                return error_trace(r);
                        if (fits) {
                                *in = rest;
                                return 0;
                        }
                }
                r = ascii_begins(how, rest);
                if (r == MLIST_E_MORE)
                        return r;
                if (r == 0) {
                        fits = false;
                        /* Of a violation nothing is hashed: nothing can fail. */
                        if (a->record.is_violation)
                                (void)ascii_try(how, text, a, &fits);
                        *in = rest;
                        return fits ? 0 : MLIST_ASCII_E_LOSSY;
                }
        }
        return MLIST_E_MORE;
}

/**
 * mlist_ascii_parse() - take one record off the front of a list as text
 * @input:      unread text; advanced past the record with 0 and MLIST_ASCII_E_LOSSY only
 * @how:        form, hasher and room
 * @ret_record: set with 0 and MLIST_ASCII_E_LOSSY only; name and whole borrow from @input, digest
 *              and data from the room
 * @ret_error:  set with MLIST_E_CORRUPT and MLIST_E_LIMIT only
 *
 * A record that is not a violation has the digest that it claims, or is LOSSY: then it has no data,
 * and only the bank of the list's own algorithm can be extended, with record.digest.
 *
 * A list that ends without newline is cut: MLIST_E_MORE, whatever stands in its last line.
 *
 * Return: 0, MLIST_E_MORE, MLIST_E_CORRUPT, MLIST_E_LIMIT, MLIST_ASCII_E_LOSSY; -EIO when OpenSSL
 *         fails.
 */
int mlist_ascii_parse(Bytes *input, const MlistAscii *how, MlistRecord *ret_record,
                      MlistError *ret_error) {
        AsciiRecord a = {};
        AsciiHead head;
        Bytes in = *input;
        size_t n;
        int r;

        assert(how->room_max >= MLIST_ASCII_ROOM(MIN_OF(input->n, MLIST_ASCII_RECORD_MAX)));
        in.n = MIN_OF(in.n, MLIST_ASCII_RECORD_MAX);
        r = ascii_take_head(&in, digest_size(how->form.alg), &head, ret_error);
        if (r != 0)
                return r;
        (void)hex_decode(head.hex, how->room, how->room_max, &n);
        a.record.pcr = head.pcr;
        a.record.digest = bytes_of(how->room, n);
        a.record.name = head.name;
        a.record.is_violation = bytes_is_zero(a.record.digest);
        a.record.is_ima = bytes_equal_text(head.name, "ima");
        a.is_known = ascii_template(head.name, &a.template);
        r = ascii_find_end(how, &in, &a);
        if (r < 0)
                return error_trace(r);
        if (r == MLIST_E_MORE) {
                if (input->n < MLIST_ASCII_RECORD_MAX)
                        return r;
                return ascii_refuse(ret_error, MLIST_E_LIMIT, MLIST_FAULT_ASCII_LONG, in, in);
        }
        n = (size_t)(in.data - input->data);
        (void)bytes_take(input, n, &a.record.whole);
        *ret_record = a.record;
        return r;
}

/* Walk in one form. Return: 0 and the number of records with a right digest; MLIST_E_MORE when the
 * input ended before the form was proven or @DETECT_RECORDS were seen; -EIO. */
static int ascii_walk(Bytes in, const MlistAscii *how, size_t *ret_n_fits, bool *ret_is_proven) {
        MlistRecord record;
        MlistError error;

        *ret_n_fits = 0;
        *ret_is_proven = false;
        for (size_t i = 0; i < DETECT_RECORDS && !*ret_is_proven; ++i) {
                int r = mlist_ascii_parse(&in, how, &record, &error);

                if (r < 0)
                        return error_trace(r);
                if (r == MLIST_E_MORE)
                        return r;
                if (r != 0 && r != MLIST_ASCII_E_LOSSY)
                        return 0;
                if (r != 0 || record.is_violation)
                        continue;
                ++*ret_n_fits;
                *ret_is_proven = !record.is_ima; /* which has no length in what is hashed */
        }
        return 0;
}

/**
 * mlist_ascii_detect() - decide algorithm and byte order of a list as text
 * @input:     the list from its first byte on
 * @how:       room and at_end; form and hasher are not looked at
 * @hashers:   the algorithms to try are those that have a hasher
 * @ret_form:  the form, set on success only
 * @ret_error: set with MLIST_E_CORRUPT only
 *
 * The width of the digest in the first line leaves few algorithms. Lengths are not printed, but
 * hashed in the byte order of the kernel: both are tried. Where no record decides, it is the first
 * algorithm of that width, and little-endian.
 *
 * Return: 0, MLIST_E_MORE, MLIST_E_CORRUPT; -EIO when OpenSSL fails.
 */
int mlist_ascii_detect(Bytes input, const MlistAscii *how, const Hashers *hashers,
                       MlistForm *ret_form, MlistError *ret_error) {
        bool at_end = how->at_end || input.n >= MLIST_ASCII_RECORD_MAX;
        bool has_form = false, wants_more = false;
        size_t most = 0;
        AsciiHead head;
        Bytes in = input;
        MlistForm form = {};
        int r;

        r = ascii_take_head(&in, 0, &head, ret_error);
        if (r != 0)
                return r;
        for (DigestAlg alg = 0; alg < _DIGEST_ALG_N; ++alg)
                for (ByteOrder order = 0; order < _ORDER_N; ++order) {
                        MlistAscii try = *how;
                        bool is_proven;
                        size_t n;

                        if (!hashers->of[alg] || 2 * digest_size(alg) != head.hex.n)
                                continue;
                        try.form = (MlistForm){ .order = order, .alg = alg };
                        try.hasher = hashers->of[alg];
                        r = ascii_walk(input, &try, &n, &is_proven);
                        if (r < 0)
                                return error_trace(r);
                        if (is_proven) {
                                *ret_form = try.form;
                                return 0;
                        }
                        wants_more |= r == MLIST_E_MORE;
                        if (!has_form || n > most)
                                form = try.form;
                        has_form = true;
                        most = MAX_OF(most, n);
                }
        if (!has_form)
                return ascii_refuse(
                        ret_error, MLIST_E_CORRUPT, MLIST_FAULT_ASCII_DIGEST, input,
                        bytes_of(head.hex.data, input.n - (size_t)(head.hex.data - input.data)));
        if (wants_more && !at_end)
                return MLIST_E_MORE;
        *ret_form = form;
        return 0;
}
