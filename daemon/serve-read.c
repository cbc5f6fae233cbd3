/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/serve-read.h"

#include <sys/stat.h>

#include "base/error.h"
#include "daemon/serve-extender-internal.h"

/**
 * serve_read_new() - what all calls share
 * @ret_read: to be freed with serve_read_free(); set on success only
 *
 * Return: 0, -ENOMEM, -ENOTSUP when OpenSSL has no SHA-1 or no SHA-256.
 */
int serve_read_new(ServeRead **ret_read) {
        _cleanup_(serve_read_freep) ServeRead *r = calloc(1, sizeof(*r));
        int k;

        if (!r)
                return error_origin(-ENOMEM);
        for (DigestAlg alg = 0; alg < _DIGEST_ALG_N; ++alg) {
                k = hasher_new(alg, &r->hashers.of[alg]);
                if (k < 0)
                        return error_trace(k);
                r->banks |= k == 0 ? BANK(alg) : 0;
        }
        if (!(r->banks & BANK(SERVE_ALG)))
                return error_origin(-ENOTSUP);
        k = spool_reader_new(&r->reader);
        if (k < 0)
                return error_trace(k);
        r->extent = (SpoolExtent){ .list_fd = -1, .index_fd = -1 };
        places_init(&r->places, &(PlaceChain){ .pcr = SERVE_PCR,
                                               .alg = SERVE_ALG,
                                               .hasher = r->hashers.of[SERVE_ALG] });
        *ret_read = TAKE(r);
        return 0;
}

/**
 * serve_read_free() - free it
 * @r: or NULL
 *
 * Return: NULL.
 */
ServeRead *serve_read_free(ServeRead *r) {
        if (!r)
                return NULL;
        hashers_close(&r->hashers);
        spool_reader_free(r->reader);
        serve_files_close(&r->files);
        free(r);
        return NULL;
}

/**
 * serve_read() - the server's own
 * @s: the server
 *
 * Return: borrowed from @s.
 */
ServeRead *serve_read(const Serve *s) {
        return s->read;
}

static const StatusPcr *status_pcr(const Status *status, uint32_t pcr) {
        for (uint32_t i = 0; i < status->n_pcrs; ++i)
                if (status->pcr[i].pcr == pcr)
                        return &status->pcr[i];
        return NULL;
}

/* Are these the files that were looked at before? If not, or if V(0) is another, forget all. */
static int read_follow_files(ServeRead *r, const ServeSpool *spool, const Status *status) {
        const StatusPcr *pcr = status_pcr(status, SERVE_PCR);
        PlaceChain chain = r->places.chain;
        struct stat st;
        bool is_same;

        if (fstat(spool->list_fd, &st) < 0)
                return error_origin(negative_errno());
        chain.base = pcr && pcr->has_base ? pcr->base.of[SERVE_ALG] : (Digest){};
        is_same = r->extent.list_fd >= 0 && r->generation == spool->generation &&
                  r->device == st.st_dev && r->inode == st.st_ino &&
                  spool->n_records >= r->extent.n_records &&
                  digest_equal(SERVE_ALG, &chain.base, &r->places.chain.base);
        r->extent = (SpoolExtent){
                .list_fd = spool->list_fd,
                .index_fd = spool->index_fd,
                .n_records = spool->n_records,
                .n_bytes = spool->n_bytes,
        };
        if (!is_same) {
                ++r->epoch;
                r->generation = spool->generation;
                r->device = st.st_dev;
                r->inode = st.st_ino;
                places_init(&r->places, &chain);
        }
        spool_reader_use(r->reader, &r->extent);
        return 0;
}

/**
 * serve_read_look() - see what there is, at the beginning of a step
 * @s:             the server
 * @wants_pending: also what is not extended yet
 * @ret_view:      borrows from the server; set on success only
 *
 * Return: 0; SERVE_READ_E_WAIT; a negative errno.
 */
int serve_read_look(Serve *s, bool wants_pending, ServeView *ret_view) {
        const ServeSpool *spool = serve_spool(s);
        const Status *status = serve_status(s);
        ServeView v = { .status = status };
        int k;

        serve_read(s)->step_left = SERVE_STEP_BYTES;
        if (!status)
                return SERVE_READ_E_WAIT;
        v.is_growing = status->spool_is_writable;
        if (spool && spool->list_fd >= 0 && spool->index_fd >= 0) {
                k = read_follow_files(serve_read(s), spool, status);
                if (k < 0)
                        return error_trace(k);
                v.n_spooled = spool->n_records;
        } else if (v.is_growing) {
                return SERVE_READ_E_WAIT;
        }
        v.n_wanted = status->n_extended;
        if (wants_pending || status->mode == MODE_KERNEL)
                v.n_wanted = MAX_OF(status->n_measured, v.n_spooled);
        v.end = v.is_growing ? MIN_OF(v.n_wanted, v.n_spooled) : v.n_wanted;
        *ret_view = v;
        return 0;
}

/**
 * serve_read_get() - read a record, as long as the step lasts
 * @r:          in a step, after serve_read_look()
 * @position:   its number
 * @ret_record: borrows until the next call; set on success only
 *
 * Return: 0; SERVE_READ_E_AGAIN; SERVE_READ_E_BAD; a negative errno.
 */
int serve_read_get(ServeRead *r, uint64_t position, SpoolRecord *ret_record) {
        size_t cost;
        int k;

        if (r->step_left == 0)
                return SERVE_READ_E_AGAIN;
        k = spool_reader_get(r->reader, position, ret_record);
        if (k < 0)
                return error_trace(k);
        if (k != 0)
                return SERVE_READ_E_BAD;
        cost = ret_record->record.whole.n + SERVE_RECORD_COST;
        r->step_left -= MIN_OF(r->step_left, cost);
        return 0;
}

/**
 * serve_read_banks() - banks that a record is told for
 * @r:      shared by all
 * @status: the newest
 * @pcr:    the record's
 *
 * Return: those of its PCR, of all PCRs where it has none of its own, or sha256 before the TPM is
 *         known; never none.
 */
BankMask serve_read_banks(const ServeRead *r, const Status *status, uint32_t pcr) {
        const StatusPcr *of = status_pcr(status, pcr);
        BankMask banks = of ? of->banks : 0;

        for (uint32_t i = 0; !banks && i < status->n_pcrs; ++i)
                banks = status->pcr[i].banks;
        banks &= r->banks;
        return banks ? banks : BANK(SERVE_ALG);
}

/**
 * serve_read_digests() - what banks are extended with for a record
 * @r:           shared by all
 * @record:      the record
 * @banks:       from serve_read_banks()
 * @ret_digests: set on success only
 *
 * Return: 0, or -EIO when OpenSSL fails.
 */
int serve_read_digests(const ServeRead *r, const MlistRecord *record, BankMask banks,
                       DigestSet *ret_digests) {
        FOREACH_BANK(alg, banks) {
                int k = mlist_extend_digest(record, alg, r->hashers.of[alg], &ret_digests->of[alg]);

                if (k < 0)
                        return error_trace(k);
        }
        return 0;
}
