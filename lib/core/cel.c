/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/cel.h"

#include "base/escape.h"

/**
 * cel_init() - begin before record 0 of a list
 * @c: to be initialised
 */
void cel_init(Cel *c) {
        *c = (Cel){};
}

/**
 * cel_skip() - a record that is not put, but counted
 * @c:      the log
 * @record: the next record of the list
 */
void cel_skip(Cel *c, const MlistRecord *record) {
        ++c->n[record->pcr];
}

/* What escape_bytes() leaves has no control byte: only these two mean something in JSON. */
static void cel_put_string(const RenderSink *to, const char *text) {
        render_text(to, "\"");
        for (; *text; ++text) {
                if (*text == '"' || *text == '\\')
                        render_text(to, "\\");
                to->put(to->userdata, bytes_of(text, 1));
        }
        render_text(to, "\"");
}

static void cel_put_digests(const RenderSink *to, BankMask banks, const DigestSet *digests) {
        const char *comma = "";

        render_text(to, ",\"digests\":[");
        FOREACH_BANK(alg, banks) {
                render_text(to, comma);
                render_text(to, "{\"hashAlg\":\"");
                render_text(to, digest_name(alg));
                render_text(to, "\",\"digest\":\"");
                render_hex(to, digest_bytes(alg, &digests->of[alg]));
                render_text(to, "\"}");
                comma = ",";
        }
        render_text(to, "]");
}

/**
 * cel_put_json() - put the next record of the list
 * @c:       the log
 * @record:  the record
 * @banks:   the banks of its PCR
 * @digests: what each of them is extended with (replay_digests())
 * @to:      where it goes
 */
void cel_put_json(Cel *c, const MlistRecord *record, BankMask banks, const DigestSet *digests,
                  const RenderSink *to) {
        Bytes parts[MLIST_HASHED_PARTS];
        char name[ESCAPE_SIZE(MLIST_NAME_MAX)];
        size_t n = mlist_hashed(record, parts);

        render_text(to, c->n_put++ == 0 ? "[" : ",\n");
        render_text(to, "{\"recnum\":");
        render_number(to, c->n[record->pcr]++);
        render_text(to, ",\"pcr\":");
        render_number(to, record->pcr);
        cel_put_digests(to, banks, digests);
        render_text(to, ",\"content_type\":\"ima_template\",\"content\":{\"template_name\":");
        (void)escape_bytes(record->name, name, sizeof(name));
        cel_put_string(to, name);
        render_text(to, ",\"template_data\":\"");
        for (size_t i = 0; i < n; ++i)
                render_hex(to, parts[i]);
        render_text(to, "\"}}");
}

/**
 * cel_end_json() - put the end, also of an empty log
 * @c:  the log
 * @to: where it goes
 */
void cel_end_json(Cel *c, const RenderSink *to) {
        render_text(to, c->n_put == 0 ? "[]\n" : "]\n");
}
