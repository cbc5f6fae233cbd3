/* SPDX-License-Identifier: BSD-2-Clause */
#include "core/mlist.h"

#include <assert.h>
#include <string.h>

#include "base/error.h"

#define IMA_DIGEST_SHA1 20U
#define IMA_DIGEST_MD5  16U

/**
 * mlist_fault_text() - what was expected where a record was refused
 * @fault: the fault
 *
 * Return: a constant string that fits behind "record N: ".
 */
const char *mlist_fault_text(MlistFault fault) {
        switch (fault) {
        case MLIST_FAULT_NONE:
                return "no fault";
        case MLIST_FAULT_ORDER:
                return "neither byte order gives a PCR below 64 and a template name of 1 to 255 "
                       "bytes";
        case MLIST_FAULT_PCR:
                return "a PCR from 0 to 63 was expected";
        case MLIST_FAULT_NAME_EMPTY:
                return "the template has no name";
        case MLIST_FAULT_NAME_LONG:
                return "a template name of at most 255 bytes was expected";
        case MLIST_FAULT_DATA_LONG:
                return "template data of at most 2 MiB was expected";
        case MLIST_FAULT_IMA_NAME_LONG:
                return "a file name of at most 255 bytes was expected in template 'ima'";
        case MLIST_FAULT_FORM:
                return "this is no list: neither byte order with digests of 20, 32, 48 or 64 bytes "
                       "gives a PCR below 64 and a template name of 1 to 255 bytes";
        case MLIST_FAULT_FORM_TWO:
                return "the list can be read in two ways, and no digest tells which is right: the "
                       "algorithm of its digests must be given";
        case MLIST_FAULT_ASCII_PCR:
                return "a line that begins with a PCR from 0 to 63 was expected";
        case MLIST_FAULT_ASCII_DIGEST:
                return "a template digest in hex was expected behind the PCR, as wide as that of "
                       "record 0 and of a known algorithm";
        case MLIST_FAULT_ASCII_NAME:
                return "a template name of 1 to 255 bytes was expected behind the digest";
        case MLIST_FAULT_ASCII_LONG:
                return "a line for at most 2 MiB of template data was expected";
        case _MLIST_FAULT_N:
                break;
        }
        assert(false);
        return NULL;
}

/**
 * mlist_fault_has_value() - does a number say more about a fault?
 * @fault: the fault
 *
 * Return: whether `value` of MlistError is what was found.
 */
bool mlist_fault_has_value(MlistFault fault) {
        switch (fault) {
        case MLIST_FAULT_PCR:
        case MLIST_FAULT_NAME_EMPTY:
        case MLIST_FAULT_NAME_LONG:
        case MLIST_FAULT_DATA_LONG:
        case MLIST_FAULT_IMA_NAME_LONG:
                return true;
        case MLIST_FAULT_NONE:
        case MLIST_FAULT_ORDER:
        case MLIST_FAULT_FORM:
        case MLIST_FAULT_FORM_TWO:
        case MLIST_FAULT_ASCII_PCR:
        case MLIST_FAULT_ASCII_DIGEST:
        case MLIST_FAULT_ASCII_NAME:
        case MLIST_FAULT_ASCII_LONG:
                return false;
        case _MLIST_FAULT_N:
                break;
        }
        assert(false);
        return false;
}

static int mlist_refuse(MlistError *ret_error, int outcome, MlistFault fault, size_t at,
                        uint32_t value) {
        *ret_error = (MlistError){ .fault = fault, .at = at, .value = value };
        return outcome;
}

/**
 * mlist_detect() - decide the byte order of a list, once, from its record 0
 * @input:     the list from its first byte on
 * @alg:       algorithm of the template digests in the list
 * @ret_form:  the form, set on success only
 * @ret_error: set with MLIST_E_CORRUPT only
 *
 * Kernels write host byte order; a big-endian one with ima_canonical_fmt writes little-endian.
 * PCR and template name length decide together: one small number has only one byte order.
 *
 * Return: 0, MLIST_E_MORE or MLIST_E_CORRUPT; never negative.
 */
int mlist_detect(Bytes input, DigestAlg alg, MlistForm *ret_form, MlistError *ret_error) {
        for (ByteOrder order = 0; order < _ORDER_N; ++order) {
                Bytes in = input, digest;
                uint32_t pcr, n;

                if (!bytes_take_u32(&in, order, &pcr) ||
                    !bytes_take(&in, digest_size(alg), &digest) || !bytes_take_u32(&in, order, &n))
                        return MLIST_E_MORE;
                if (pcr < MLIST_PCR_N && n > 0 && n <= MLIST_NAME_MAX) {
                        *ret_form = (MlistForm){ .order = order, .alg = alg };
                        return 0;
                }
        }
        return mlist_refuse(ret_error, MLIST_E_CORRUPT, MLIST_FAULT_ORDER, 0, 0);
}

/* One way to delimit template 'ima': a digest of n_digest bytes, a length, a name. */
static int mlist_try_ima(Bytes in, const MlistForm *form, size_t n_digest, MlistRecord *ret_record,
                         Bytes *ret_rest, uint32_t *ret_n) {
        MlistRecord record = *ret_record;
        Bytes rest = in;
        uint32_t n;

        if (!bytes_take(&rest, n_digest, &record.ima_digest) ||
            !bytes_take_u32(&rest, form->order, &n))
                return MLIST_E_MORE;
        *ret_n = n;
        if (n > MLIST_IMA_NAME_MAX)
                return MLIST_E_LIMIT;
        if (!bytes_take(&rest, n, &record.ima_name))
                return MLIST_E_MORE;
        (void)bytes_take(&in, n_digest + sizeof(n) + n, &record.data);
        *ret_record = record;
        *ret_rest = rest;
        return 0;
}

/*
 * Template 'ima' says nowhere how long its digest is: 20 bytes, or 16 with ima_hash=md5. Where one
 * length alone gives a record, that is it; where both do, the digest of the record decides, and 20
 * stands if that is wrong too (the caller finds the wrong digest). Where the other length could
 * still become the right one, there is more to come.
 */
static int mlist_parse_ima(Bytes in, const MlistForm *form, Hasher *first, MlistRecord *ret_record,
                           Bytes *ret_rest, MlistError *ret_error) {
        MlistRecord sha1 = *ret_record, md5 = *ret_record;
        bool fits = false;
        uint32_t sha1_n = 0, md5_n;
        Bytes sha1_rest, md5_rest;
        int r, s, k;

        s = mlist_try_ima(in, form, IMA_DIGEST_SHA1, &sha1, &sha1_rest, &sha1_n);
        if (s == 0) {
                r = mlist_digest_fits(&sha1, form->alg, first, &fits);
                if (r < 0)
                        return error_trace(r);
        }
        k = MLIST_E_LIMIT;
        if (!fits && !ret_record->is_violation) {
                k = mlist_try_ima(in, form, IMA_DIGEST_MD5, &md5, &md5_rest, &md5_n);
                if (k == 0) {
                        r = mlist_digest_fits(&md5, form->alg, first, &fits);
                        if (r < 0)
                                return error_trace(r);
                        if (fits || s == MLIST_E_LIMIT) {
                                *ret_record = md5;
                                *ret_rest = md5_rest;
                                return 0;
                        }
                }
        }
        if ((s == MLIST_E_MORE || k == MLIST_E_MORE) && !fits)
                return MLIST_E_MORE;
        if (s == MLIST_E_LIMIT)
                return mlist_refuse(ret_error, MLIST_E_CORRUPT, MLIST_FAULT_IMA_NAME_LONG,
                                    (size_t)(in.data - ret_record->whole.data) + IMA_DIGEST_SHA1,
                                    sha1_n);
        *ret_record = sha1;
        *ret_rest = sha1_rest;
        return 0;
}

/**
 * mlist_parse() - take one record off the front of a measurement list
 * @input:      unread bytes; advanced past the record on success only
 * @form:       what mlist_detect() found
 * @first:      hasher of @form->alg, needed to delimit template 'ima'
 * @ret_record: the record, set on success only; borrows from @input
 * @ret_error:  set with MLIST_E_CORRUPT and MLIST_E_LIMIT only
 *
 * Return: 0, MLIST_E_MORE, MLIST_E_CORRUPT, MLIST_E_LIMIT; -EIO when OpenSSL fails.
 */
int mlist_parse(Bytes *input, const MlistForm *form, Hasher *first, MlistRecord *ret_record,
                MlistError *ret_error) {
        MlistRecord record = { .whole = *input };
        Bytes in = *input; /* all or nothing: work on a copy */
        uint32_t n;

        if (!bytes_take_u32(&in, form->order, &record.pcr))
                return MLIST_E_MORE;
        if (record.pcr >= MLIST_PCR_N)
                return mlist_refuse(ret_error, MLIST_E_CORRUPT, MLIST_FAULT_PCR, 0, record.pcr);
        if (!bytes_take(&in, digest_size(form->alg), &record.digest) ||
            !bytes_take_u32(&in, form->order, &n))
                return MLIST_E_MORE;
        if (n == 0)
                return mlist_refuse(ret_error, MLIST_E_CORRUPT, MLIST_FAULT_NAME_EMPTY,
                                    sizeof(record.pcr) + record.digest.n, n);
        if (n > MLIST_NAME_MAX)
                return mlist_refuse(ret_error, MLIST_E_LIMIT, MLIST_FAULT_NAME_LONG,
                                    sizeof(record.pcr) + record.digest.n, n);
        if (!bytes_take(&in, n, &record.name))
                return MLIST_E_MORE;
        record.is_violation = bytes_is_zero(record.digest);
        record.is_ima = bytes_equal_text(record.name, "ima");
        if (record.is_ima) {
                int r = mlist_parse_ima(in, form, first, &record, &in, ret_error);

                if (r < 0)
                        return error_trace(r);
                if (r > 0)
                        return r;
        } else {
                if (!bytes_take_u32(&in, form->order, &n))
                        return MLIST_E_MORE;
                if (n > MLIST_DATA_MAX)
                        return mlist_refuse(ret_error, MLIST_E_LIMIT, MLIST_FAULT_DATA_LONG,
                                            input->n - in.n - sizeof(n), n);
                if (!bytes_take(&in, n, &record.data))
                        return MLIST_E_MORE;
        }
        record.whole.n = input->n - in.n;
        *ret_record = record;
        *input = in;
        return 0;
}

/**
 * mlist_hashed() - the bytes of a record that are hashed
 * @record:    the record
 * @ret_parts: one behind the other they are those bytes
 *
 * Template data is hashed as it stands in the list, byte order included; template 'ima' hashes the
 * digest and the name padded with zeros to 256 bytes (kernel ima_crypto.c,
 * ima_calc_field_array_hash_tfm()).
 *
 * Return: how many parts there are.
 */
size_t mlist_hashed(const MlistRecord *record, Bytes ret_parts[static MLIST_HASHED_PARTS]) {
        static const uint8_t zeros[MLIST_IMA_NAME_MAX + 1];

        if (!record->is_ima) {
                ret_parts[0] = record->data;
                return 1;
        }
        assert(record->ima_name.n <= MLIST_IMA_NAME_MAX);
        ret_parts[0] = record->ima_digest;
        ret_parts[1] = record->ima_name;
        ret_parts[2] = bytes_of(zeros, sizeof(zeros) - record->ima_name.n);
        return MLIST_HASHED_PARTS;
}

/**
 * mlist_digest() - calculate the template digest of a record
 * @record:     the record
 * @h:          hasher of the algorithm wanted
 * @ret_digest: the digest, set on success only
 *
 * Return: 0, or -EIO when OpenSSL fails.
 */
int mlist_digest(const MlistRecord *record, Hasher *h, Digest *ret_digest) {
        Bytes parts[MLIST_HASHED_PARTS];
        size_t n = mlist_hashed(record, parts);

        return error_trace(hasher_run(h, parts, n, ret_digest));
}

/**
 * mlist_digest_fits() - does a record have the digest that it claims?
 * @record:   the record
 * @alg:      algorithm of the list
 * @h:        its hasher
 * @ret_fits: the answer, true for a violation (it claims none); set on success only
 *
 * Return: 0, or -EIO when OpenSSL fails.
 */
int mlist_digest_fits(const MlistRecord *record, DigestAlg alg, Hasher *h, bool *ret_fits) {
        Digest d;
        int r;

        if (record->is_violation) {
                *ret_fits = true;
                return 0;
        }
        r = mlist_digest(record, h, &d);
        if (r < 0)
                return error_trace(r);
        *ret_fits = bytes_equal(digest_bytes(alg, &d), record->digest);
        return 0;
}

/**
 * mlist_extend_digest() - what a bank is extended with for a record
 * @record:     the record
 * @alg:        the bank
 * @h:          its hasher
 * @ret_digest: the digest, set on success only
 *
 * A violation is extended as ones (kernel ima_queue.c, ima_add_template_entry()).
 *
 * Return: 0, or -EIO when OpenSSL fails.
 */
int mlist_extend_digest(const MlistRecord *record, DigestAlg alg, Hasher *h, Digest *ret_digest) {
        if (record->is_violation) {
                digest_fill(alg, 0xff, ret_digest);
                return 0;
        }
        return error_trace(mlist_digest(record, h, ret_digest));
}
