/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/firmware.h"

#include <assert.h>

#include "base/error.h"

/* TCG PC Client Platform Firmware Profile 1.06, 10.4.1: informative, extended nowhere. */
#define EV_NO_ACTION 3U
/* PCRs that begin as ones: TCG PC Client Platform TPM Profile, 4.6.2 (DRTM). */
#define PCR_DRTM_FIRST 17U
#define PCR_DRTM_LAST  22U
#define SIGNATURE_SIZE 16U

typedef struct FirmwareAlg {
        uint16_t id;
        uint16_t size;
        DigestAlg alg; /* _DIGEST_ALG_N: delimited, but not calculated */
} FirmwareAlg;

/* The walk over a log. */
typedef struct FirmwareWalk {
        Bytes whole;
        Bytes in;
        BankMask wanted;
        const Hashers *hashers;
        size_t n_algs;
        FirmwareAlg alg[FIRMWARE_ALG_MAX];
        FirmwareLog log;
        FirmwareError *ret_error;
} FirmwareWalk;

typedef struct FirmwareEvent {
        uint32_t pcr;
        uint32_t type;
        size_t at; /* offset in the log */
        size_t data_at;
        BankMask banks; /* there is a digest for them */
        DigestSet digests;
        Bytes data;
} FirmwareEvent;

/**
 * firmware_fault_text() - what was expected where a log was refused
 * @fault: the fault
 *
 * Return: a constant string that fits behind "event N, offset M: ".
 */
const char *firmware_fault_text(FirmwareFault fault) {
        switch (fault) {
        case FIRMWARE_FAULT_NONE:
                return "no fault";
        case FIRMWARE_FAULT_EMPTY:
                return "an event log has at least one event";
        case FIRMWARE_FAULT_CUT:
                return "the log ends inside an event";
        case FIRMWARE_FAULT_LOG_LONG:
                return "an event log of at most 16 MiB was expected";
        case FIRMWARE_FAULT_EVENTS:
                return "at most 65536 events were expected";
        case FIRMWARE_FAULT_PCR:
                return "a PCR from 0 to 23 was expected";
        case FIRMWARE_FAULT_SPEC:
                return "a complete 'Spec ID Event03' was expected";
        case FIRMWARE_FAULT_ALG_COUNT:
                return "1 to 16 hash algorithms were expected";
        case FIRMWARE_FAULT_ALG_TWICE:
                return "a hash algorithm stands there twice";
        case FIRMWARE_FAULT_ALG_SIZE:
                return "the size of this hash algorithm's digest is another";
        case FIRMWARE_FAULT_ALG_UNKNOWN:
                return "a hash algorithm that the first event announces was expected";
        case FIRMWARE_FAULT_DIGEST_COUNT:
                return "one digest for each announced hash algorithm was expected";
        case FIRMWARE_FAULT_LOCALITY:
                return "a startup locality of 0, 3 or 4 was expected";
        case _FIRMWARE_FAULT_N:
                break;
        }
        assert(false);
        return NULL;
}

static size_t walk_at(const FirmwareWalk *w, Bytes in) {
        return w->whole.n - in.n;
}

static int walk_refuse(FirmwareWalk *w, FirmwareFault fault, size_t at, uint32_t value) {
        bool is_limit = fault == FIRMWARE_FAULT_LOG_LONG || fault == FIRMWARE_FAULT_EVENTS;

        *w->ret_error = (FirmwareError){
                .fault = fault, .event = w->log.n_events, .at = at, .value = value
        };
        return is_limit ? FIRMWARE_E_LIMIT : FIRMWARE_E_MALFORMED;
}

static const FirmwareAlg *walk_find_alg(const FirmwareWalk *w, uint16_t id) {
        for (size_t i = 0; i < w->n_algs; ++i)
                if (w->alg[i].id == id)
                        return &w->alg[i];
        return NULL;
}

/* TCG_PCClientPCREvent; the first event of a log always has this form. */
static int walk_take_legacy(FirmwareWalk *w, FirmwareEvent *ret_event) {
        FirmwareEvent e = { .at = walk_at(w, w->in), .banks = BANK(DIGEST_SHA1) };
        Bytes in = w->in, digest;
        uint32_t n;

        if (!bytes_take_u32(&in, ORDER_LITTLE, &e.pcr) ||
            !bytes_take_u32(&in, ORDER_LITTLE, &e.type) ||
            !bytes_take(&in, digest_size(DIGEST_SHA1), &digest) ||
            !bytes_take_u32(&in, ORDER_LITTLE, &n))
                return walk_refuse(w, FIRMWARE_FAULT_CUT, e.at, 0);
        e.data_at = walk_at(w, in);
        if (!bytes_take(&in, n, &e.data))
                return walk_refuse(w, FIRMWARE_FAULT_CUT, e.data_at - sizeof(n), n);
        bytes_copy(digest, e.digests.of[DIGEST_SHA1].data, DIGEST_SIZE_MAX);
        w->in = in;
        *ret_event = e;
        return 0;
}

/* TPML_DIGEST_VALUES of an event. */
static int walk_take_digests(FirmwareWalk *w, Bytes *in, FirmwareEvent *e) {
        uint32_t n, seen = 0;

        if (!bytes_take_u32(in, ORDER_LITTLE, &n))
                return walk_refuse(w, FIRMWARE_FAULT_CUT, walk_at(w, *in), 0);
        /* A bank that is left out of one event has no value that can be told. */
        if (n > w->n_algs || (n < w->n_algs && e->type != EV_NO_ACTION))
                return walk_refuse(w, FIRMWARE_FAULT_DIGEST_COUNT, walk_at(w, *in) - sizeof(n), n);
        for (uint32_t i = 0; i < n; ++i) {
                size_t at = walk_at(w, *in);
                const FirmwareAlg *alg;
                uint32_t bit;
                Bytes digest;
                uint16_t id;

                if (!bytes_take_u16(in, ORDER_LITTLE, &id))
                        return walk_refuse(w, FIRMWARE_FAULT_CUT, at, 0);
                alg = walk_find_alg(w, id);
                if (!alg)
                        return walk_refuse(w, FIRMWARE_FAULT_ALG_UNKNOWN, at, id);
                bit = 1U << (alg - w->alg);
                if (seen & bit)
                        return walk_refuse(w, FIRMWARE_FAULT_ALG_TWICE, at, id);
                seen |= bit;
                if (!bytes_take(in, alg->size, &digest))
                        return walk_refuse(w, FIRMWARE_FAULT_CUT, at, id);
                if (alg->alg == _DIGEST_ALG_N)
                        continue;
                e->banks |= BANK(alg->alg);
                bytes_copy(digest, e->digests.of[alg->alg].data, DIGEST_SIZE_MAX);
        }
        return 0;
}

/* TCG_PCR_EVENT2 */
static int walk_take_agile(FirmwareWalk *w, FirmwareEvent *ret_event) {
        FirmwareEvent e = { .at = walk_at(w, w->in) };
        Bytes in = w->in;
        uint32_t n;
        int r;

        if (!bytes_take_u32(&in, ORDER_LITTLE, &e.pcr) ||
            !bytes_take_u32(&in, ORDER_LITTLE, &e.type))
                return walk_refuse(w, FIRMWARE_FAULT_CUT, e.at, 0);
        r = walk_take_digests(w, &in, &e);
        if (r != 0)
                return r;
        if (!bytes_take_u32(&in, ORDER_LITTLE, &n))
                return walk_refuse(w, FIRMWARE_FAULT_CUT, walk_at(w, in), 0);
        e.data_at = walk_at(w, in);
        if (!bytes_take(&in, n, &e.data))
                return walk_refuse(w, FIRMWARE_FAULT_CUT, e.data_at - sizeof(n), n);
        w->in = in;
        *ret_event = e;
        return 0;
}

/* The algorithms that TCG_EfiSpecIDEvent announces. */
static int walk_take_algs(FirmwareWalk *w, Bytes *in, size_t end) {
        uint32_t n;

        if (!bytes_take_u32(in, ORDER_LITTLE, &n))
                return walk_refuse(w, FIRMWARE_FAULT_SPEC, end - in->n, 0);
        if (n == 0 || n > FIRMWARE_ALG_MAX)
                return walk_refuse(w, FIRMWARE_FAULT_ALG_COUNT, end - in->n - sizeof(n), n);
        for (uint32_t i = 0; i < n; ++i) {
                FirmwareAlg a = { .alg = _DIGEST_ALG_N };
                size_t at = end - in->n;

                if (!bytes_take_u16(in, ORDER_LITTLE, &a.id) ||
                    !bytes_take_u16(in, ORDER_LITTLE, &a.size))
                        return walk_refuse(w, FIRMWARE_FAULT_SPEC, at, 0);
                if (walk_find_alg(w, a.id))
                        return walk_refuse(w, FIRMWARE_FAULT_ALG_TWICE, at, a.id);
                if (!digest_by_tpm_id(a.id, &a.alg))
                        a.alg = _DIGEST_ALG_N;
                else if (digest_size(a.alg) != a.size)
                        return walk_refuse(w, FIRMWARE_FAULT_ALG_SIZE, at + sizeof(a.id), a.size);
                w->alg[w->n_algs++] = a;
        }
        return 0;
}

/* Whether the first event says that the others are crypto-agile, and with which algorithms. */
static int walk_take_spec(FirmwareWalk *w, const FirmwareEvent *e) {
        static const uint8_t signature[SIGNATURE_SIZE] = "Spec ID Event03";
        /* platformClass, specVersionMinor, specVersionMajor, specErrata, uintnSize */
        const size_t n_fixed = 4 + 1 + 1 + 1 + 1;
        size_t end = e->data_at + e->data.n;
        Bytes in = e->data, name, part;
        uint8_t n_vendor;
        int r;

        if (e->type != EV_NO_ACTION || !bytes_take(&in, SIGNATURE_SIZE, &name) ||
            !bytes_equal(name, bytes_of(signature, sizeof(signature))))
                return 0;
        if (!bytes_take(&in, n_fixed, &part))
                return walk_refuse(w, FIRMWARE_FAULT_SPEC, end - in.n, 0);
        r = walk_take_algs(w, &in, end);
        if (r != 0)
                return r;
        if (!bytes_take_u8(&in, &n_vendor) || !bytes_take(&in, n_vendor, &part) || in.n > 0)
                return walk_refuse(w, FIRMWARE_FAULT_SPEC, end - in.n, 0);
        w->log.is_agile = true;
        return 0;
}

/*
 * TPM2_Startup() in another locality shows in the last byte of PCR 0: TCG PC Client Platform
 * Firmware Profile 1.06, 10.4.5.3; 4 stands for an H-CRTM.
 */
static int walk_take_locality(FirmwareWalk *w, const FirmwareEvent *e) {
        static const uint8_t signature[SIGNATURE_SIZE] = "StartupLocality";
        Bytes in = e->data, name;
        uint8_t locality;

        if (e->pcr != 0 || !bytes_take(&in, SIGNATURE_SIZE, &name) ||
            !bytes_equal(name, bytes_of(signature, sizeof(signature))))
                return 0;
        if (!bytes_take_u8(&in, &locality))
                return walk_refuse(w, FIRMWARE_FAULT_CUT, e->data_at + SIGNATURE_SIZE, 0);
        /* Behind an extend it would undo it. */
        if ((locality != 0 && locality != 3 && locality != 4) || w->log.n_of[0] > 0)
                return walk_refuse(w, FIRMWARE_FAULT_LOCALITY, e->data_at + SIGNATURE_SIZE,
                                   locality);
        FOREACH_BANK(alg, w->log.banks) {
                digest_fill(alg, 0, &w->log.value[0].of[alg]);
                w->log.value[0].of[alg].data[digest_size(alg) - 1] = locality;
        }
        return 0;
}

static int walk_extend(FirmwareWalk *w, const FirmwareEvent *e) {
        DigestSet *value;

        if (e->pcr >= TPM_PCR_N)
                return walk_refuse(w, FIRMWARE_FAULT_PCR, e->at, e->pcr);
        value = &w->log.value[e->pcr];
        FOREACH_BANK(alg, w->log.banks) {
                const Bytes parts[] = { digest_bytes(alg, &value->of[alg]),
                                        digest_bytes(alg, &e->digests.of[alg]) };
                int r = hasher_run(w->hashers->of[alg], parts, ELEMENTSOF(parts), &value->of[alg]);

                if (r < 0)
                        return error_trace(r);
        }
        ++w->log.n_of[e->pcr];
        return 0;
}

/* The first event decides the form; then PCRs have their values of a reset. */
static int walk_begin(FirmwareWalk *w) {
        FirmwareEvent e;
        Bytes before = w->in;
        int r;

        r = walk_take_legacy(w, &e);
        if (r == 0)
                r = walk_take_spec(w, &e);
        if (r != 0)
                return r;
        w->log.banks = BANK(DIGEST_SHA1);
        if (w->log.is_agile) {
                w->log.banks = 0;
                for (size_t i = 0; i < w->n_algs; ++i)
                        if (w->alg[i].alg != _DIGEST_ALG_N)
                                w->log.banks |= BANK(w->alg[i].alg);
                ++w->log.n_events;
        } else {
                w->in = before;
        }
        w->log.banks &= w->wanted;
        for (uint32_t pcr = PCR_DRTM_FIRST; pcr <= PCR_DRTM_LAST; ++pcr)
                FOREACH_BANK(alg, w->log.banks)
                        digest_fill(alg, 0xff, &w->log.value[pcr].of[alg]);
        return 0;
}

/**
 * firmware_replay() - calculate what a firmware event log made of the PCRs
 * @log:       the whole log, as in /sys/kernel/security/tpm0/binary_bios_measurements
 * @banks:     the banks wanted
 * @hashers:   open for them, borrowed
 * @ret_log:   the values; set on success only. Banks that the log has no digests for are not in it
 * @ret_error: set with FIRMWARE_E_MALFORMED and FIRMWARE_E_LIMIT only
 *
 * TCG PC Client Platform Firmware Profile 1.06, 10.2; EV_NO_ACTION is extended nowhere (10.4.1). A
 * log that ends inside an event, or is followed by anything, is malformed.
 *
 * Return: 0, FIRMWARE_E_MALFORMED, FIRMWARE_E_LIMIT; -EIO when OpenSSL fails.
 */
int firmware_replay(Bytes log, BankMask banks, const Hashers *hashers, FirmwareLog *ret_log,
                    FirmwareError *ret_error) {
        FirmwareWalk w = {
                .whole = log,
                .in = log,
                .wanted = banks,
                .hashers = hashers,
                .ret_error = ret_error,
        };
        int r;

        if (log.n == 0)
                return walk_refuse(&w, FIRMWARE_FAULT_EMPTY, 0, 0);
        if (log.n > FIRMWARE_LOG_MAX)
                return walk_refuse(&w, FIRMWARE_FAULT_LOG_LONG, 0, 0);
        r = walk_begin(&w);
        while (r == 0 && w.in.n > 0) {
                FirmwareEvent e;

                if (w.log.n_events == FIRMWARE_EVENTS_MAX)
                        return walk_refuse(&w, FIRMWARE_FAULT_EVENTS, walk_at(&w, w.in), 0);
                r = w.log.is_agile ? walk_take_agile(&w, &e) : walk_take_legacy(&w, &e);
                if (r == 0)
                        r = e.type == EV_NO_ACTION ? walk_take_locality(&w, &e)
                                                   : walk_extend(&w, &e);
                w.log.n_events += r == 0;
        }
        if (r < 0)
                return error_trace(r);
        if (r == 0)
                *ret_log = w.log;
        return r;
}
