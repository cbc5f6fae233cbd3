/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pcrfile.c -- PCR values as text, in the two forms that are around:
 *
 *   what tpm2_pcrread prints        what evmctl takes (one bank a file)
 *     sha256:                       PCR-10: 5B 14 4C ...
 *       10: 0x5B144C...
 *
 * evmctl's form does not name the bank: the length of the value does. Strict: what does not fit is
 * refused with its line, and no value is taken twice.
 */
#include "client/input.h"

#include <string.h>

#include "base/encode.h"

typedef struct PcrFile {
        PcrValues *values;
        bool has_bank;
        DigestAlg bank;
        const char *expected; /* what stands wrong, when a line was refused */
} PcrFile;

static bool is_blank(uint8_t c) {
        return c == ' ' || c == '\t' || c == '\r';
}

static Bytes trim(Bytes in) {
        Bytes eaten;

        while (in.n > 0 && is_blank(in.data[0]))
                (void)bytes_take(&in, 1, &eaten);
        while (in.n > 0 && is_blank(in.data[in.n - 1]))
                --in.n;
        return in;
}

static bool starts_with(Bytes *in, const char *prefix) {
        Bytes front, rest = *in;

        if (!bytes_take(&rest, strlen(prefix), &front) || !bytes_equal_text(front, prefix))
                return false;
        *in = rest;
        return true;
}

static bool pcrfile_refuse(PcrFile *f, const char *expected) {
        f->expected = expected;
        return false;
}

static bool parse_pcr_number(Bytes text, uint32_t *ret_pcr) {
        uint32_t pcr = 0;

        if (text.n == 0 || text.n > 2)
                return false;
        for (size_t i = 0; i < text.n; ++i) {
                if (text.data[i] < '0' || text.data[i] > '9')
                        return false;
                pcr = pcr * 10 + (uint32_t)(text.data[i] - '0');
        }
        *ret_pcr = pcr;
        return pcr < TPM_PCR_N;
}

/* Hex with or without spaces between the bytes. */
static bool parse_value(Bytes text, uint8_t value[static DIGEST_SIZE_MAX], size_t *ret_n) {
        char digits[HEX_SIZE(DIGEST_SIZE_MAX)];
        size_t n = 0;

        for (size_t i = 0; i < text.n; ++i) {
                if (text.data[i] == ' ')
                        continue;
                if (n == sizeof(digits) - 1)
                        return false;
                digits[n++] = (char)text.data[i];
        }
        return n > 0 && hex_decode(bytes_of(digits, n), value, DIGEST_SIZE_MAX, ret_n) == 0;
}

static bool bank_of_width(size_t n, DigestAlg *ret_alg) {
        for (DigestAlg alg = DIGEST_SHA1; alg <= DIGEST_SHA512; ++alg)
                if (digest_size(alg) == n) {
                        *ret_alg = alg;
                        return true;
                }
        return false;
}

static bool pcrfile_store(PcrFile *f, DigestAlg bank, uint32_t pcr, Bytes value) {
        if (f->values->of[pcr] & BANK(bank))
                return pcrfile_refuse(f, "each PCR once in a bank");
        f->values->of[pcr] |= BANK(bank);
        bytes_copy(value, f->values->value[pcr].of[bank].data, DIGEST_SIZE_MAX);
        return true;
}

/* "10: 0x..." below a bank, or "PCR-10: ..." */
static bool parse_pcr_line(PcrFile *f, bool is_evmctl, Bytes number, Bytes rest) {
        uint8_t raw[DIGEST_SIZE_MAX];
        DigestAlg bank = f->bank;
        uint32_t pcr;
        size_t n;

        if (!is_evmctl && !f->has_bank)
                return pcrfile_refuse(f, "the name of a bank before its PCRs");
        if (!parse_pcr_number(trim(number), &pcr))
                return pcrfile_refuse(f, "a PCR from 0 to 23");
        rest = trim(rest);
        if (!is_evmctl)
                (void)starts_with(&rest, "0x");
        if (!parse_value(rest, raw, &n))
                return pcrfile_refuse(f, "a PCR value in hex");
        if (is_evmctl && !bank_of_width(n, &bank))
                return pcrfile_refuse(f, "a value of 20, 32, 48 or 64 bytes");
        if (n != digest_size(bank))
                return pcrfile_refuse(f, "a value as long as the digests of its bank");
        return pcrfile_store(f, bank, pcr, bytes_of(raw, n));
}

static bool parse_bank_line(PcrFile *f, Bytes name, BankMask *seen) {
        if (!digest_by_name(name, &f->bank))
                return pcrfile_refuse(f, "a bank that is known: sha1, sha256, sha384, sha512, "
                                         "sm3_256, sha3_256, sha3_384, sha3_512");
        if (*seen & BANK(f->bank))
                return pcrfile_refuse(f, "each bank once");
        *seen |= BANK(f->bank);
        f->has_bank = true;
        return true;
}

static bool parse_line(PcrFile *f, Bytes line, BankMask *seen) {
        bool is_evmctl;
        Bytes head;

        line = trim(line);
        if (line.n == 0)
                return true;
        is_evmctl = starts_with(&line, "PCR-");
        if (!bytes_take_until(&line, ':', &head))
                return pcrfile_refuse(f, "'BANK:', 'NUMBER: 0xVALUE' or 'PCR-NUMBER: VALUE'");
        if (!is_evmctl && trim(line).n == 0)
                return parse_bank_line(f, trim(head), seen);
        return parse_pcr_line(f, is_evmctl, head, line);
}

/**
 * pcrfile_parse() - read PCR values
 * @text:      the file
 * @values:    what it says is added; undefined after an error
 * @ret_error: set with PCRFILE_E_MALFORMED only
 *
 * Return: 0 or PCRFILE_E_MALFORMED; never negative.
 */
int pcrfile_parse(Bytes text, PcrValues *values, PcrFileError *ret_error) {
        PcrFile f = { .values = values };
        BankMask seen = 0;

        for (size_t n = 1; text.n > 0; ++n) {
                Bytes line;

                if (!bytes_take_until(&text, '\n', &line))
                        (void)bytes_take(&text, text.n, &line);
                if (!parse_line(&f, line, &seen)) {
                        *ret_error = (PcrFileError){ .line = n, .expected = f.expected };
                        return PCRFILE_E_MALFORMED;
                }
        }
        return 0;
}
