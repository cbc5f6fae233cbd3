/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/anchor.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

/**
 * anchor_boot_id_is_sound() - is this a boot id in the one form that it has here?
 * @boot_id: BOOT_ID_SIZE bytes
 *
 * Return: whether it is 32 lower-case hex digits and a NUL.
 */
bool anchor_boot_id_is_sound(const char boot_id[static BOOT_ID_SIZE]) {
        for (size_t i = 0; i < BOOT_ID_SIZE - 1; ++i)
                if (!memchr("0123456789abcdef", boot_id[i], 16))
                        return false;
        return boot_id[BOOT_ID_SIZE - 1] == '\0';
}

static bool anchor_is_sound(const Anchor *a) {
        return anchor_boot_id_is_sound(a->boot_id) && a->pcr < TPM_PCR_N && a->banks != 0 &&
               (a->banks & ~ALL_BANKS) == 0;
}

/**
 * anchor_format() - write an anchor as text
 * @a:        the anchor, sound in every field
 * @ret_text: the text, with a NUL behind it
 *
 * Return: bytes of the text, without the NUL; fewer than ANCHOR_TEXT_MAX (at most 213).
 */
size_t anchor_format(const Anchor *a, char ret_text[static ANCHOR_TEXT_MAX]) {
        size_t n;

        assert(anchor_is_sound(a));
        n = (size_t)snprintf(ret_text, ANCHOR_TEXT_MAX,
                             "ima-replay anchor 1\n"
                             "boot-id %s\n"
                             "pcr %" PRIu32 "\n"
                             "held %" PRIu64 "\n"
                             "banks",
                             a->boot_id, a->pcr, a->n_held);
        FOREACH_BANK(alg, a->banks)
                n += (size_t)snprintf(ret_text + n, ANCHOR_TEXT_MAX - n, " %s", digest_name(alg));
        n += (size_t)snprintf(ret_text + n, ANCHOR_TEXT_MAX - n,
                              "\n"
                              "reset-count %" PRIu32 "\n"
                              "restart-count %" PRIu32 "\n"
                              "end\n",
                              a->reset_count, a->restart_count);
        assert(n < ANCHOR_TEXT_MAX);
        return n;
}

/* A line that begins with the key; the value is what follows. */
static bool anchor_take(Bytes *in, const char *key, Bytes *ret_value) {
        Bytes line, head;

        if (!bytes_take_until(in, '\n', &line) || !bytes_take(&line, strlen(key), &head) ||
            !bytes_equal_text(head, key))
                return false;
        *ret_value = line;
        return true;
}

static bool anchor_take_number(Bytes *in, const char *key, uint64_t max, uint64_t *ret_value) {
        uint64_t v = 0;
        Bytes digits;

        if (!anchor_take(in, key, &digits))
                return false;
        for (size_t i = 0; i < digits.n; ++i) {
                uint8_t c = digits.data[i];

                if (c < '0' || c > '9' || __builtin_mul_overflow(v, 10, &v) ||
                    __builtin_add_overflow(v, c - '0', &v))
                        return false;
        }
        *ret_value = v;
        return v <= max;
}

static bool anchor_take_u32(Bytes *in, const char *key, uint32_t max, uint32_t *ret_value) {
        uint64_t v;

        if (!anchor_take_number(in, key, max, &v))
                return false;
        *ret_value = (uint32_t)v;
        return true;
}

static bool anchor_take_boot_id(Bytes *in, char ret_boot_id[static BOOT_ID_SIZE]) {
        Bytes value;

        if (!anchor_take(in, "boot-id ", &value) || value.n != BOOT_ID_SIZE - 1)
                return false;
        memcpy(ret_boot_id, value.data, value.n);
        ret_boot_id[value.n] = '\0';
        return true;
}

static bool anchor_take_banks(Bytes *in, BankMask *ret_banks) {
        bool is_last = false;
        BankMask banks = 0;
        Bytes names, name;

        if (!anchor_take(in, "banks ", &names))
                return false;
        while (!is_last) {
                DigestAlg alg;

                is_last = !bytes_take_until(&names, ' ', &name);
                if (!digest_by_name(is_last ? names : name, &alg))
                        return false;
                banks |= BANK(alg);
        }
        *ret_banks = banks;
        return true;
}

/**
 * anchor_parse() - read an anchor from text
 * @text:       the whole file
 * @ret_anchor: the anchor, set on success only
 *
 * Accepted is what anchor_format() writes, to the byte: what was understood is written again and
 * compared, so there are no other spellings.
 *
 * Return: 0 or ANCHOR_E_MALFORMED; never negative.
 */
int anchor_parse(Bytes text, Anchor *ret_anchor) {
        char again[ANCHOR_TEXT_MAX];
        Bytes in = text, nothing;
        Anchor a = {};

        if (!anchor_take(&in, "ima-replay anchor 1", &nothing) ||
            !anchor_take_boot_id(&in, a.boot_id) ||
            !anchor_take_u32(&in, "pcr ", TPM_PCR_N - 1, &a.pcr) ||
            !anchor_take_number(&in, "held ", UINT64_MAX, &a.n_held) ||
            !anchor_take_banks(&in, &a.banks) ||
            !anchor_take_u32(&in, "reset-count ", UINT32_MAX, &a.reset_count) ||
            !anchor_take_u32(&in, "restart-count ", UINT32_MAX, &a.restart_count) ||
            !anchor_is_sound(&a))
                return ANCHOR_E_MALFORMED;
        if (!bytes_equal(text, bytes_of(again, anchor_format(&a, again))))
                return ANCHOR_E_MALFORMED;
        *ret_anchor = a;
        return 0;
}
