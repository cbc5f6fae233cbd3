/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/serve-record.h"

#include <string.h>

#include "base/encode.h"
#include "base/error.h"
#include "base/escape.h"
#include "core/render.h"

#define ALG_NAME_MAX   16U
#define RECORD_FRAME   256U /* keys, numbers and what stands between */
#define DIGEST_FRAME   16U
#define ESCAPED_BYTE   5U          /* characters of JSON that a byte becomes: "\\x1b" */
#define NAME_SHOWN_MAX (64U << 10) /* no path is as long; a record may bring anything */
#define DATA_SHOWN_MAX (1U << 20)

/* The template data as it is hashed, in one piece: *ret_room is to be freed by the caller. */
static int record_hashed(const MlistRecord *record, uint8_t **ret_room, Bytes *ret_data) {
        Bytes parts[MLIST_HASHED_PARTS];
        size_t n = mlist_hashed(record, parts), size = 0;
        uint8_t *room;
        Builder b;

        if (n == 1) {
                *ret_data = parts[0];
                return 0;
        }
        for (size_t i = 0; i < n; ++i)
                size += parts[i].n;
        room = malloc(MAX_OF(size, (size_t)1));
        if (!room)
                return error_origin(-ENOMEM);
        b = builder_on(room, size);
        for (size_t i = 0; i < n; ++i)
                builder_put(&b, parts[i]);
        *ret_room = room;
        *ret_data = builder_bytes(&b);
        return 0;
}

static int record_put_digests(Json *map, BankMask banks, const DigestSet *digests) {
        _cleanup_(json_dropp) Json *of = NULL;
        int r;

        r = json_map(&of);
        FOREACH_BANK(alg, banks)
                if (r == 0)
                        r = json_put_hex(of, digest_name(alg),
                                         digest_bytes(alg, &digests->of[alg]));
        return r < 0 ? error_trace(r) : error_trace(json_put(map, "digests", &of));
}

/* "sha256:12ab.."; a list may claim anything: what can be no digest is left out. */
static int record_put_file_digest(Json *map, const TemplateSubject *subject) {
        char name[ESCAPE_SIZE(ALG_NAME_MAX)], hex[HEX_SIZE(DIGEST_SIZE_MAX)];
        char text[sizeof(name) + sizeof(hex)];

        if (!subject->digest.data || subject->alg.n > ALG_NAME_MAX || subject->digest.n == 0 ||
            subject->digest.n > DIGEST_SIZE_MAX)
                return 0;
        hex_encode(subject->digest, hex, sizeof(hex));
        (void)snprintf(text, sizeof(text), "%.*s:%s", (int)subject->alg.n,
                       (const char *)subject->alg.data, hex);
        return error_trace(json_put_text(map, "fileDigest", bytes_of_text(text)));
}

static int record_put_time(Json *map, const char *key, uint64_t usec) {
        return usec > 0 && usec <= INT64_MAX ? error_trace(json_put_u64(map, key, usec)) : 0;
}

static int record_put_all(Json *map, const ServeRecord *in, const TemplateSubject *subject,
                          Bytes data) {
        const MlistRecord *record = &in->got->record;
        int r;

        r = json_put_u64(map, "position", in->position);
        if (r == 0)
                r = json_put_u64(map, "pcr", record->pcr);
        if (r == 0)
                r = json_put_text(map, "template", record->name);
        if (r == 0)
                r = record_put_digests(map, in->banks, in->digests);
        if (r == 0 && subject->name.data && subject->name.n <= NAME_SHOWN_MAX)
                r = json_put_text(map, "name", subject->name);
        if (r == 0)
                r = record_put_file_digest(map, subject);
        if (r == 0)
                r = json_put_bool(map, "violation", record->is_violation);
        if (r == 0 && data.n <= DATA_SHOWN_MAX)
                r = json_put_base64(map, "data", data);
        if (r == 0)
                r = record_put_time(map, "seenUSec", in->got->row.seen_usec);
        if (r == 0)
                r = record_put_time(map, "extendedUSec", in->got->row.extended_usec);
        return error_trace(r);
}

/**
 * serve_record_json() - a record as ReadList gives it
 * @in:       the record and what belongs to it
 * @ret_json: to be dropped by the caller; set on success only
 *
 * Return: 0 or -ENOMEM.
 */
int serve_record_json(const ServeRecord *in, Json **ret_json) {
        TemplateSubject subject = render_subject(&in->got->record, in->order);
        _cleanup_(json_dropp) Json *map = NULL;
        _cleanup_free_ uint8_t *room = NULL;
        Bytes data;
        int r;

        r = record_hashed(&in->got->record, &room, &data);
        if (r == 0)
                r = json_map(&map);
        if (r == 0)
                r = record_put_all(map, in, &subject, data);
        if (r < 0)
                return error_trace(r);
        *ret_json = TAKE(map);
        return 0;
}

/* What escape_bytes() and JSON make of it. */
static size_t text_size(Bytes text) {
        size_t n = 0;
        uint8_t c;

        while (bytes_take_u8(&text, &c))
                n += (c >= 'a' && c <= 'z') || (c >= '-' && c <= '9') || c == '_' ? 1
                                                                                  : ESCAPED_BYTE;
        return n;
}

/**
 * serve_record_size() - how long that is as text, at most
 * @in: the record and what belongs to it
 *
 * Return: bytes.
 */
size_t serve_record_size(const ServeRecord *in) {
        const MlistRecord *record = &in->got->record;
        TemplateSubject subject = render_subject(record, in->order);
        Bytes parts[MLIST_HASHED_PARTS];
        size_t n = RECORD_FRAME + text_size(record->name) + text_size(subject.alg) +
                   2 * DIGEST_SIZE_MAX;
        size_t n_parts = mlist_hashed(record, parts), n_data = 0;

        if (subject.name.n <= NAME_SHOWN_MAX)
                n += text_size(subject.name);
        for (size_t i = 0; i < n_parts; ++i)
                n_data += parts[i].n;
        if (n_data <= DATA_SHOWN_MAX)
                n += BASE64_SIZE(n_data);
        FOREACH_BANK(alg, in->banks)
                n += DIGEST_FRAME + HEX_SIZE(digest_size(alg));
        return n;
}
