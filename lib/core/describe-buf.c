/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * describe-buf.c -- buffers that are measured by themselves, and appended signatures.
 */
#include "core/describe-internal.h"

typedef enum Content {
        CONTENT_UNKNOWN,
        CONTENT_TEXT,
        CONTENT_KEY,
        CONTENT_HASH,
} Content;

/*
 * Who calls process_buffer_measurement() and ima_measure_critical_data() in the kernel: ima_main.c,
 * ima_policy.c, ima_kexec.c, ima_init.c, ima_appraise.c (ima_check_blacklist), selinux/ima.c,
 * drivers/md/dm-ima.c.
 */
static const struct {
        const char *event;
        Content content;
} events[] = {
        { "kernel_version", CONTENT_TEXT },     { "kexec-cmdline", CONTENT_TEXT },
        { "kexec_load", CONTENT_TEXT },         { "kexec_execute", CONTENT_TEXT },
        { "ima_policy_written", CONTENT_TEXT }, { "ima_policy_loaded", CONTENT_TEXT },
        { "selinux-state", CONTENT_TEXT },      { "dm_table_load", CONTENT_TEXT },
        { "dm_device_resume", CONTENT_TEXT },   { "dm_device_remove", CONTENT_TEXT },
        { "dm_device_rename", CONTENT_TEXT },   { "dm_table_clear", CONTENT_TEXT },
        { "dm_target_update", CONTENT_TEXT },   { "selinux-policy-hash", CONTENT_HASH },
        { "blacklisted-hash", CONTENT_HASH },
};

static Content content_of(Bytes event) {
        for (size_t i = 0; i < ELEMENTSOF(events); ++i)
                if (bytes_equal_text(event, events[i].event))
                        return events[i].content;
        /* A keyring; only the kernel makes those with a dot (security/keys/keyctl.c, add_key). */
        return event.n > 0 && event.data[0] == '.' ? CONTENT_KEY : CONTENT_UNKNOWN;
}

/*
 * One DER SEQUENCE from the first byte to the last (X.690 8.1.3, 10.1: definite, the shortest
 * form). What is in it stays closed.
 */
static bool is_der_sequence(Bytes in) {
        uint8_t tag, n;
        size_t length;

        if (!bytes_take_u8(&in, &tag) || !bytes_take_u8(&in, &n) || tag != 0x30)
                return false;
        if (n < 0x80)
                return n == in.n;
        n &= 0x7f;
        length = 0;
        if (n == 0 || n > 4)
                return false;
        for (uint8_t i = 0; i < n; ++i) {
                uint8_t digit;

                if (!bytes_take_u8(&in, &digit) || (i == 0 && digit == 0))
                        return false;
                length = length << 8 | digit;
        }
        return length >= 0x80 && length == in.n;
}

/* No text begins like this: the second byte begins no character. */
static bool is_long_der_sequence(Bytes in) {
        return in.n >= 2 && in.data[1] > 0x80 && is_der_sequence(in);
}

static void put_der(FactSink *to, const char *content, const char *key, Bytes in) {
        describe_put_word(to, "content", content);
        describe_put_number(to, "length", in.n);
        describe_put_bytes(to, key, FACT_HEX, in);
}

/**
 * describe_buf() - facts of a measured buffer
 * @to:    where they go
 * @event: the name in its record
 * @in:    the buffer, not empty
 *
 * A user may give a keyring any name that does not begin with a dot, also that of an event: so a
 * DER SEQUENCE in the place of a text is not called text.
 *
 * Return: NULL, or what was expected.
 */
const char *describe_buf(FactSink *to, Bytes event, Bytes *in) {
        switch (content_of(event)) {
        case CONTENT_TEXT:
                if (is_long_der_sequence(*in))
                        break;
                describe_put_word(to, "content", "text");
                describe_put_bytes(to, "text", FACT_TEXT, *in);
                return NULL;
        case CONTENT_HASH:
                if (is_long_der_sequence(*in)) /* longer than any digest */
                        break;
                if (!describe_hash_has_size(in->n))
                        return "a digest";
                describe_put_word(to, "content", "hash");
                describe_put_bytes(to, "hash", FACT_HEX, *in);
                return NULL;
        case CONTENT_KEY:
                if (!is_der_sequence(*in))
                        return "a key: a DER SEQUENCE as long as the buffer";
                put_der(to, "key", "key", *in);
                return NULL;
        case CONTENT_UNKNOWN:
                break;
        }
        if (is_der_sequence(*in)) {
                put_der(to, "der", "raw", *in);
        } else {
                describe_put_word(to, "content", "unknown");
                describe_put_bytes(to, "raw", FACT_HEX, *in);
        }
        return NULL;
}

/**
 * describe_modsig() - facts of an appended signature
 * @to: where they go
 * @in: the signature, not empty
 *
 * Source: kernel ima_modsig.c, ima_get_raw_modsig(): the PKCS#7 message, without what surrounds it
 * in the file.
 *
 * Return: NULL, or what was expected.
 */
const char *describe_modsig(FactSink *to, Bytes *in) {
        if (!is_der_sequence(*in))
                return "PKCS#7: a DER SEQUENCE as long as the field";
        put_der(to, "pkcs7", "modsig", *in);
        return NULL;
}
