/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ima-replayctl explain: one record field by field, and how each bank's digest was made of it.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/encode.h"
#include "client/input.h"
#include "base/error.h"
#include "base/escape.h"
#include "base/exit.h"
#include "client/explain-cause.h"
#include "client/output.h"
#include "client/pager.h"
#include "client/record.h"
#include "client/remote-list.h"
#include "client/served.h"
#include "core/describe.h"
#include "os/message.h"

#define EXPLAIN_BANKS                                                                              \
        (BANK(DIGEST_SHA1) | BANK(DIGEST_SHA256) | BANK(DIGEST_SHA384) | BANK(DIGEST_SHA512))
/* Bytes of a fact that are shown without --full. */
#define FACT_SHORT  32U
#define HASHED_MAX  3U
#define OFFSET_NONE SIZE_MAX
#define NUMBERS_MAX 64U

/* One piece of what is hashed. */
typedef struct Hashed {
        const char *what;
        size_t offset; /* in the record, or OFFSET_NONE: it does not stand there */
        size_t length;
} Hashed;

typedef struct Explanation {
        const CtlOptions *o;
        uint64_t position;
        uint64_t offset; /* of the record in its file */
        MlistRecord record;
        MlistForm form;
        bool fits;
        ExplainCause cause; /* of a violation */
        uint64_t k;         /* records of this PCR before */
        BankMask banks, padded;
        DigestSet before, digests, after;
        Description d;
        size_t n_hashed;
        Hashed hashed[HASHED_MAX];
} Explanation;

/* The data of an ascii list was built from its text: then it stands nowhere in the record. */
static size_t offset_in(const MlistRecord *record, Bytes part) {
        uintptr_t at = (uintptr_t)part.data, begin = (uintptr_t)record->whole.data;

        return at >= begin && at - begin <= record->whole.n ? at - begin : OFFSET_NONE;
}

/* The pieces of mlist_digest(), in their order. */
static void explain_hashed(Explanation *e) {
        const MlistRecord *r = &e->record;

        e->n_hashed = 0;
        if (r->is_violation)
                return;
        if (!r->is_ima) {
                e->hashed[e->n_hashed++] =
                        (Hashed){ "template data", offset_in(r, r->data), r->data.n };
                return;
        }
        e->hashed[e->n_hashed++] =
                (Hashed){ "file digest", offset_in(r, r->ima_digest), r->ima_digest.n };
        e->hashed[e->n_hashed++] = (Hashed){ "name", offset_in(r, r->ima_name), r->ima_name.n };
        e->hashed[e->n_hashed++] = (Hashed){ "zeros, which pad the name to 256 bytes", OFFSET_NONE,
                                             MLIST_IMA_NAME_MAX + 1 - r->ima_name.n };
}

/* What a name says that only IMA itself writes, or NULL. */
static const char *explain_name(const Explanation *e, const TemplateSubject *subject) {
        bool is_late = bytes_equal_text(subject->name, "boot_aggregate_late");

        if (!is_late && !bytes_equal_text(subject->name, "boot_aggregate"))
                return NULL;
        if (e->position > 0)
                return "a boot aggregate behind record 0: a list carried over by kexec, or a file "
                       "that somebody named so; it proves nothing";
        if (bytes_is_zero(subject->digest))
                return is_late ? "all zero: the kernel had no TPM when IMA started, although it "
                                 "started late (CONFIG_IMA_INIT_LATE_SYNC), or no bank of it that "
                                 "it could use"
                               : "all zero: the kernel had no TPM when IMA started (TPM-bypass), "
                                 "or no bank of it that it could use";
        if (bytes_equal_text(subject->alg, "sha1"))
                return is_late ? "digest of PCRs 0 to 7 of the TPM's sha1 bank, when IMA started "
                                 "late (CONFIG_IMA_INIT_LATE_SYNC): the kernel had a TPM"
                               : "digest of PCRs 0 to 7 of the TPM's sha1 bank: the kernel had a "
                                 "TPM when IMA started";
        return is_late ? "digest of PCRs 0 to 9 of the TPM, when IMA started late "
                         "(CONFIG_IMA_INIT_LATE_SYNC): the kernel had a TPM"
                       : "digest of PCRs 0 to 9 of the TPM: the kernel had a TPM when IMA started";
}

/*
 * Facts
 */

static int fact_numbers(const Explanation *e, const Fact *fact, char **ret_text) {
        _cleanup_free_ char *text = NULL;
        size_t size = 0;
        uint32_t number;
        FILE *f = open_memstream(&text, &size);

        if (!f)
                return error_origin(-ENOMEM);
        for (size_t i = 0; fact_number_at(&e->d, fact, i, &number); ++i)
                (void)fprintf(f, "%s%" PRIu32, i > 0 ? " " : "", number);
        if (fclose(f) != 0)
                return error_origin(-ENOMEM);
        *ret_text = TAKE(text);
        return 0;
}

/* Text for people; whole with is_full. */
static int fact_text(const Explanation *e, const Fact *fact, bool is_full, char **ret_text) {
        char *text = NULL;
        Bytes bytes = fact->bytes;

        switch (fact->kind) {
        case FACT_TEXT:
                return error_trace(escape_new(bytes, ret_text));
        case FACT_NUMBERS:
                return error_trace(fact_numbers(e, fact, ret_text));
        case FACT_HEX:
                if (!is_full && bytes.n > FACT_SHORT && strcmp(fact->key, "digest") != 0)
                        bytes.n = FACT_SHORT;
                text = malloc(HEX_SIZE(bytes.n) + sizeof("…"));
                if (!text)
                        return error_origin(-ENOMEM);
                hex_encode(bytes, text, HEX_SIZE(bytes.n));
                if (bytes.n < fact->bytes.n)
                        memcpy(text + 2 * bytes.n, "…", sizeof("…"));
                *ret_text = text;
                return 0;
        case FACT_NUMBER:
                if (asprintf(&text, strcmp(fact->key, "mode") == 0 ? "0%" PRIo64 : "%" PRIu64,
                             fact->number) < 0)
                        return error_origin(-ENOMEM);
                *ret_text = text;
                return 0;
        case FACT_WORD:
                return error_trace(escape_new(bytes_of_text(fact->word), ret_text));
        case _FACT_KIND_N:
                break;
        }
        return error_origin(-EINVAL);
}

static const char *fact_field(const Fact *fact) {
        return fact->field < _FIELD_ID_N ? template_field_name(fact->field) : "";
}

static int json_put_fact(const Explanation *e, const Fact *fact, Json *map) {
        _cleanup_free_ char *text = NULL;
        int r;

        switch (fact->kind) {
        case FACT_TEXT:
                return error_trace(json_put_text(map, fact->key, fact->bytes));
        case FACT_HEX:
                return error_trace(json_put_hex(map, fact->key, fact->bytes));
        case FACT_NUMBER:
                return error_trace(json_put_u64(map, fact->key, fact->number));
        case FACT_WORD:
                return error_trace(json_put_text(map, fact->key, bytes_of_text(fact->word)));
        case FACT_NUMBERS:
        case _FACT_KIND_N:
                break;
        }
        r = fact_text(e, fact, true, &text);
        if (r < 0)
                return error_trace(r);
        return error_trace(json_put_text(map, fact->key, bytes_of_text(text)));
}

/* One object a field, in their order. */
static int json_fields(const Explanation *e, Json **ret_fields) {
        _cleanup_(json_dropp) Json *fields = NULL, *field = NULL;
        int r = json_array(&fields);

        for (size_t i = 0; i < e->d.n && r == 0; ++i) {
                const Fact *fact = &e->d.at[i], *next = i + 1 < e->d.n ? fact + 1 : NULL;

                if (!field) {
                        r = json_map(&field);
                        if (r == 0 && fact->field < _FIELD_ID_N)
                                r = json_put_text(field, "field", bytes_of_text(fact_field(fact)));
                }
                if (r == 0)
                        r = json_put_fact(e, fact, field);
                if (r == 0 && (!next || next->nth != fact->nth || next->field != fact->field))
                        r = json_add(fields, &field);
        }
        if (r == 0)
                *ret_fields = TAKE(fields);
        return error_trace(r);
}

static int json_hashed(const Explanation *e, Json **ret_hashed) {
        _cleanup_(json_dropp) Json *hashed = NULL;
        int r = json_array(&hashed);

        for (size_t i = 0; i < e->n_hashed && r == 0; ++i) {
                _cleanup_(json_dropp) Json *piece = NULL;
                const Hashed *h = &e->hashed[i];

                r = json_map(&piece);
                if (r == 0)
                        r = json_put_text(piece, "what", bytes_of_text(h->what));
                if (r == 0 && h->offset != OFFSET_NONE)
                        r = json_put_u64(piece, "offset", h->offset);
                if (r == 0)
                        r = json_put_u64(piece, "length", h->length);
                if (r == 0)
                        r = json_add(hashed, &piece);
        }
        if (r == 0)
                *ret_hashed = TAKE(hashed);
        return error_trace(r);
}

static int json_banks(const Explanation *e, Json **ret_banks) {
        _cleanup_(json_dropp) Json *banks = NULL;
        int r = json_map(&banks);

        FOREACH_BANK(alg, e->banks) {
                _cleanup_(json_dropp) Json *bank = NULL;

                if (r == 0)
                        r = json_map(&bank);
                if (r == 0)
                        r = json_put_hex(bank, "before", digest_bytes(alg, &e->before.of[alg]));
                if (r == 0)
                        r = json_put_hex(bank, "digest", digest_bytes(alg, &e->digests.of[alg]));
                if (r == 0)
                        r = json_put_hex(bank, "after", digest_bytes(alg, &e->after.of[alg]));
                if (r == 0)
                        r = json_put_bool(bank, "padded", (e->padded & BANK(alg)) != 0);
                if (r == 0)
                        r = json_put(banks, digest_name(alg), &bank);
        }
        if (r == 0)
                *ret_banks = TAKE(banks);
        return error_trace(r);
}

static int json_head(const Explanation *e, Json *map) {
        TemplateSubject subject = record_subject(&e->record, e->form.order);
        const char *note = explain_name(e, &subject);
        int r;

        r = json_put_u64(map, "position", e->position);
        if (r == 0)
                r = json_put_u64(map, "offset", e->offset);
        if (r == 0)
                r = json_put_u64(map, "length", e->record.whole.n);
        if (r == 0)
                r = json_put_u64(map, "pcr", e->record.pcr);
        if (r == 0)
                r = json_put_u64(map, "positionInPcr", e->k);
        if (r == 0)
                r = json_put_text(map, "template", e->record.name);
        if (r == 0)
                r = json_put_bool(map, "known", !e->d.is_unknown);
        if (r == 0)
                r = json_put_bool(map, "malformed", e->d.is_malformed);
        if (r == 0)
                r = json_put_hex(map, "digest", e->record.digest);
        if (r == 0)
                r = json_put_bool(map, "violation", e->record.is_violation);
        if (r == 0)
                r = json_put_bool(map, "fits", e->fits);
        if (r == 0 && note)
                r = json_put_text(map, "note", bytes_of_text(note));
        if (r == 0 && e->record.is_violation)
                r = json_put_text(map, "cause",
                                  bytes_of_text(violation_cause_word(e->cause.cause)));
        return error_trace(r);
}

static int explain_print_json(const Explanation *e) {
        _cleanup_(json_dropp) Json *map = NULL, *fields = NULL, *hashed = NULL, *banks = NULL;
        int r;

        r = json_map(&map);
        if (r == 0)
                r = json_head(e, map);
        if (r == 0)
                r = json_fields(e, &fields);
        if (r == 0)
                r = json_put(map, "fields", &fields);
        if (r == 0)
                r = json_hashed(e, &hashed);
        if (r == 0)
                r = json_put(map, "hashed", &hashed);
        if (r == 0)
                r = json_banks(e, &banks);
        if (r == 0)
                r = json_put(map, "banks", &banks);
        if (r == 0)
                r = json_print(stdout, map, e->o->json);
        return error_trace(r);
}

/*
 * For people
 */

static int print_fields(const Explanation *e) {
        if (e->d.is_unknown)
                (void)printf("\nFields: the template is not known; its data is hashed as it is\n");
        else
                (void)printf("\nFields\n");
        for (size_t i = 0; i < e->d.n; ++i) {
                const Fact *fact = &e->d.at[i];
                bool is_first =
                        i == 0 || fact->nth != fact[-1].nth || fact->field != fact[-1].field;
                _cleanup_free_ char *text = NULL;
                int r = fact_text(e, fact, e->o->full, &text);

                if (r < 0)
                        return error_trace(r);
                (void)printf("  %-12s %-12s %s\n", is_first ? fact_field(fact) : "", fact->key,
                             text);
        }
        if (e->d.is_malformed)
                (void)printf("  %s malformed at byte %zu of the template data: expected %s\n",
                             output_mark(MARK_BAD), e->d.bad_at, e->d.expected);
        return 0;
}

static void print_hashed(const Explanation *e) {
        size_t sum = 0;

        (void)printf("\nHashed\n");
        if (e->record.is_violation) {
                (void)printf("  nothing: a violation is extended as bytes of ones (0xff), and "
                             "recorded as zeros\n");
                return;
        }
        for (size_t i = 0; i < e->n_hashed; ++i) {
                const Hashed *h = &e->hashed[i];

                sum += h->length;
                if (h->offset == OFFSET_NONE)
                        (void)printf("  %8zu bytes                 %s\n", h->length, h->what);
                else
                        (void)printf("  %8zu bytes from %8zu   %s\n", h->length, h->offset,
                                     h->what);
        }
        (void)printf("  %8zu bytes in all; %s\n", sum,
                     e->hashed[0].offset == OFFSET_NONE
                             ? "the list is text: they were built again from its fields"
                             : "offsets count from the record's first byte");
}

static void print_bank(const Explanation *e, DigestAlg alg) {
        char hex[HEX_SIZE(DIGEST_SIZE_MAX)];

        (void)printf("\n%s%s\n", digest_name(alg),
                     e->padded & BANK(alg) ? ", padded: the SHA-1 digest and zeros" : "");
        hex_encode(digest_bytes(alg, &e->before.of[alg]), hex, sizeof(hex));
        (void)printf("  V(%" PRIu64 ") before  %s\n", e->k, hex);
        hex_encode(digest_bytes(alg, &e->digests.of[alg]), hex, sizeof(hex));
        (void)printf("  digest       %s   %s\n", hex,
                     e->record.is_violation  ? "violation: ones"
                     : e->padded & BANK(alg) ? "= sha1(hashed bytes), zeros"
                                             : "= H(hashed bytes)");
        hex_encode(digest_bytes(alg, &e->after.of[alg]), hex, sizeof(hex));
        (void)printf("  V(%" PRIu64 ") after   %s   = H(V(%" PRIu64 "), digest)\n", e->k + 1, hex,
                     e->k);
}

static int explain_print(const Explanation *e) {
        TemplateSubject subject = record_subject(&e->record, e->form.order);
        _cleanup_free_ char *template = NULL;
        const char *note = explain_name(e, &subject);
        char hex[HEX_SIZE(DIGEST_SIZE_MAX)];
        int r;

        r = escape_new(e->record.name, &template);
        if (r < 0)
                return error_trace(r);
        hex_encode(e->record.digest, hex, sizeof(hex));
        (void)printf("Record %" PRIu64 ": %zu bytes from offset %" PRIu64 ", %s-endian\n",
                     e->position, e->record.whole.n, e->offset,
                     e->form.order == ORDER_BIG ? "big" : "little");
        (void)printf("  %-12s %" PRIu32 ", where it is record %" PRIu64 "\n", "PCR", e->record.pcr,
                     e->k);
        (void)printf("  %-12s %s\n", "template", template);
        (void)printf("  %-12s %s %s %s\n", "digest", digest_name(e->form.alg), hex,
                     e->record.is_violation ? "! a violation: none was made"
                     : e->fits              ? "✓ fits the record"
                                            : "✗ is not the digest of the record");
        if (note)
                (void)printf("  %-12s %s\n", "meaning", note);
        if (e->record.is_violation)
                (void)printf("  %-12s %s\n", "cause:", explain_cause_text(&e->cause));
        r = print_fields(e);
        if (r < 0)
                return error_trace(r);
        print_hashed(e);
        FOREACH_BANK(alg, e->banks)
                print_bank(e, alg);
        return 0;
}

/* Everything about the record that the list gave last. Return: 0 or a negative errno. */
static int explain_record(Explanation *e, ListInput *input, Replay *replay) {
        const Chain *chain = &replay->chain[e->record.pcr];
        int r;

        e->form = *listfile_form(input->list);
        e->offset = listfile_place(input->list).offset - e->record.whole.n;
        e->banks = replay->banks;
        e->padded = replay->padded;
        e->k = chain->n;
        e->before = chain->value;
        r = mlist_digest_fits(&e->record, e->form.alg, listfile_hasher(input->list), &e->fits);
        if (r == 0)
                r = replay_digests(replay, &e->record, &e->digests);
        if (r == 0)
                r = replay_extend(replay, e->record.pcr, &e->digests);
        if (r == 0 && e->record.is_violation)
                r = explain_cause(e->o, input, &e->record, e->position, &e->cause);
        if (r < 0)
                return error_trace(r);
        e->after = chain->value;
        describe_record(&e->record, e->form.order, &e->d);
        explain_hashed(e);
        return error_trace(e->o->json != JSON_OFF ? explain_print_json(e) : explain_print(e));
}

static int explain_walk(Explanation *e, ListInput *input, Replay *replay) {
        int r;

        while ((r = input_next(input, &e->record)) == 0) {
                if (replay->n_records == e->position)
                        return error_trace(explain_record(e, input, replay));
                r = replay_record(replay, &e->record);
                if (r < 0)
                        return error_trace(r);
        }
        if (r < 0)
                return error_trace(r);
        if (r == LISTFILE_E_END)
                message_error("%s: there is no record %" PRIu64 ": the list has %" PRIu64,
                              input->path, e->position, replay->n_records);
        return EXIT_ERROR;
}

/**
 * verb_explain() - ima-replayctl explain POSITION, or a word that status shows
 * @o: the options
 *
 * What is behind the record is not judged; it is read for the cause of a violation only.
 *
 * Return: EXIT_GOOD, also when the record does not have the digest that it claims (that is said);
 *         EXIT_ERROR when there is no such record, or the list is cut or malformed before it;
 *         EXIT_USAGE; a negative errno.
 */
int verb_explain(const CtlOptions *o) {
        BankMask banks = o->banks ? o->banks : EXPLAIN_BANKS;
        _cleanup_(input_close_list) ListInput input = {};
        _cleanup_(hashers_close) Hashers hashers = {};
        _cleanup_free_ Explanation *e = calloc(1, sizeof(*e));
        _cleanup_free_ Replay *replay = malloc(sizeof(*replay));
        int r;

        if (!e || !replay)
                return error_origin(-ENOMEM);
        e->o = o;
        if (input_parse_u64(o->arguments[0], UINT64_MAX, &e->position) < 0)
                return explain_word(o);
        r = remote_open_list(o, &input);
        if (r == EXIT_GOOD)
                r = input_open_hashers(banks | (o->padded ? BANK(DIGEST_SHA1) : 0), &hashers);
        if (r != EXIT_GOOD)
                return r;
        r = o->json == JSON_OFF ? pager_open(o) : 0;
        if (r < 0)
                return error_trace(r);
        replay_init(replay, banks, &hashers);
        replay->padded = o->padded;
        return explain_walk(e, &input, replay);
}
