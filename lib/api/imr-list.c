/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * imr-list.c -- the public face of os/listfile and core/mlist: a list, record by record.
 *
 * Nothing is parsed or hashed here. What this file adds are fixed meanings of return codes: cut,
 * malformed and end are never mistaken for each other, nor for a failure to read.
 */
#include <assert.h>
#include <string.h>

#include "api/imr-internal.h"
#include "base/error.h"
#include "os/listfile.h"
#include "version.h"

#define IMR_ERROR_MAX 256U

static_assert(IMR_LIST_PCR_N == MLIST_PCR_N, "what the header promises is what core reads");
static_assert(IMR_DIGEST_MAX == DIGEST_SIZE_MAX, "what the header promises is what core gives");

struct ImrList {
        ListFile *file;
        ImrRecord record; /* the last one handed out */
        char error[IMR_ERROR_MAX];
};

DEFINE_CLEANUP(ImrList, imr_list_free);

/**
 * imr_version() - the version of the library that runs
 *
 * Return: a constant string, as "0.1.0".
 */
_public_ const char *imr_version(void) {
        return IMA_REPLAY_VERSION;
}

/**
 * imr_list_new_from_fd() - read a binary measurement list
 * @fd:       a file, pipe or securityfs file that stands at record 0; borrowed: it is never closed,
 *            must stay open until the list is freed, and is only ever read forward, never seeked
 * @ret_list: the list, owned by the caller, to be freed with imr_list_free(); set on success only
 *
 * The list is binary_runtime_measurements or a copy of it: template digests of 20 bytes, SHA-1
 * (kernel ima_fs.c, ima_measurements_show()). Both byte orders are read; record 0 tells which one
 * it is. Nothing is read yet. Memory: a buffer of 64 KiB that grows to the size of the largest
 * record, at most some 2 MiB, whatever the length of the list.
 *
 * Return:
 * * 0           - done
 * * -EBADF      - @fd is negative
 * * -EOPNOTSUPP - OpenSSL, as configured here, cannot calculate SHA-1
 * * -ENOMEM     - no memory
 */
_public_ int imr_list_new_from_fd(int fd, ImrList **ret_list) {
        _cleanup_(imr_list_freep) ImrList *l = NULL;
        int r;

        if (fd < 0)
                return error_origin(-EBADF);
        l = calloc(1, sizeof(*l));
        if (!l)
                return error_origin(-ENOMEM);
        r = listfile_new(fd, IMR_LIST_ALG, &l->file);
        if (r < 0)
                return error_trace(r);
        *ret_list = TAKE(l);
        return 0;
}

/**
 * imr_list_free() - free a list
 * @list: the list or NULL; its file descriptor stays open, its records are gone
 *
 * Return: NULL.
 */
_public_ ImrList *imr_list_free(ImrList *list) {
        if (!list)
                return NULL;
        listfile_free(list->file);
        free(list);
        return NULL;
}

/*
 * Some file systems and disks use our two codes for their own damage (EBADMSG: a wrong checksum,
 * ENODATA: a medium error). Of them the caller must not think that more data will help.
 */
static int list_read_error(int error) {
        return error == -EBADMSG || error == -ENODATA ? -EIO : error;
}

/**
 * imr_list_next() - take the next record
 * @list:       the list
 * @ret_record: the record, borrowed from @list until the next imr_list_next() or imr_list_free();
 *              set with 1 only
 *
 * No record is ever skipped, and what cannot be understood is never taken for the end. Earlier
 * records of this list are gone after each call, whatever it returns. Where there is no record,
 * imr_list_error() says why.
 *
 * Return:
 * * 1        - here is a record
 * * 0        - the list ends here, between two records; more may come: the call can be repeated
 * * -ENODATA - the list is cut: it ends inside a record; it goes on when the rest has come and the
 *              call is repeated
 * * -EBADMSG - the list is malformed, or beyond a limit (template name 255 bytes, template data
 *              2 MiB): nothing more can be read, and each further call says so again
 * * -ENOMEM  - no memory; the call can be repeated
 * * -EIO     - reading failed, or OpenSSL did
 * * another  - negative errno of read(2), as -EAGAIN of a non-blocking descriptor; the call can be
 *              repeated
 */
_public_ int imr_list_next(ImrList *list, const ImrRecord **ret_record) {
        ImrRecord record = { .hasher = listfile_hasher(list->file) };
        int r;

        list->error[0] = '\0';
        r = listfile_next(list->file, &record.record);
        if (r < 0) {
                r = list_read_error(r);
                (void)snprintf(list->error, sizeof(list->error), "cannot be read: %s",
                               strerror(-r));
                return error_trace(r);
        }
        if (r == LISTFILE_E_END)
                return 0;
        if (r != 0) {
                listfile_explain(list->file, r, list->error, sizeof(list->error));
                return error_origin(r == LISTFILE_E_CUT ? -ENODATA : -EBADMSG);
        }
        record.position = listfile_place(list->file).n_records - 1;
        list->record = record;
        *ret_record = &list->record;
        return 1;
}

/**
 * imr_list_error() - what the last imr_list_next() did not like
 * @list: the list
 *
 * For people: a cut or malformed list is told with the record (from 0) and the offset (bytes from
 * where reading began). There is no byte of the list in it, so it may be printed as it is.
 *
 * Return: one line without newline, "" if there was no error; borrowed from @list until the next
 *         imr_list_next() or imr_list_free().
 */
_public_ const char *imr_list_error(const ImrList *list) {
        return list->error;
}

/**
 * imr_record_position() - where a record stands in its list
 * @record: the record
 *
 * Return: records before it; 0 is the first that was read.
 */
_public_ uint64_t imr_record_position(const ImrRecord *record) {
        return record->position;
}

/**
 * imr_record_pcr() - the PCR that a record belongs to
 * @record: the record
 *
 * A policy can name PCRs that no TPM has (kernel ima_policy.c, "pcr="): their records are ordinary
 * ones here.
 *
 * Return: the number, below IMR_LIST_PCR_N.
 */
_public_ uint32_t imr_record_pcr(const ImrRecord *record) {
        return record->record.pcr;
}

/**
 * imr_record_is_violation() - does a record stand for a violation?
 * @record: the record
 *
 * IMA writes a digest of zeros and extends each bank with 0xff bytes when a file was open for
 * writing while it was measured (kernel ima_queue.c, ima_add_template_entry()).
 *
 * Return:
 * * 1 - it does
 * * 0 - it does not
 */
_public_ int imr_record_is_violation(const ImrRecord *record) {
        return record->record.is_violation;
}

/**
 * imr_record_digest_fits() - does a record have the digest that it claims?
 * @record: the record
 *
 * Calculates SHA-1 over the template data (kernel ima_crypto.c, ima_calc_field_array_hash_tfm()).
 * A record in which this is wrong was altered or damaged. A violation claims no digest, and fits.
 *
 * Return:
 * * 1    - it has
 * * 0    - it has not
 * * -EIO - OpenSSL failed
 */
_public_ int imr_record_digest_fits(const ImrRecord *record) {
        bool fits;
        int r;

        r = mlist_digest_fits(&record->record, IMR_LIST_ALG, record->hasher, &fits);
        return r < 0 ? error_trace(r) : fits;
}

static void record_slice(Bytes slice, const uint8_t **ret_data, size_t *ret_n) {
        *ret_data = slice.data;
        *ret_n = slice.n;
}

/**
 * imr_record_digest() - the template digest that a record claims
 * @record:   the record
 * @ret_data: the digest, borrowed from the list until its next imr_list_next()
 * @ret_n:    its size in bytes: 20, SHA-1
 *
 * Zeros for a violation. Not checked: imr_record_digest_fits() does that.
 */
_public_ void imr_record_digest(const ImrRecord *record, const uint8_t **ret_data, size_t *ret_n) {
        record_slice(record->record.digest, ret_data, ret_n);
}

/**
 * imr_record_template() - the name of a record's template, as "ima-ng"
 * @record:   the record
 * @ret_data: the name, borrowed from the list until its next imr_list_next()
 * @ret_n:    its size in bytes, 1 to 255
 *
 * As it stands in the list: no NUL behind it, and any byte in it. Compare the size, too.
 */
_public_ void imr_record_template(const ImrRecord *record, const uint8_t **ret_data,
                                  size_t *ret_n) {
        record_slice(record->record.name, ret_data, ret_n);
}

/**
 * imr_record_data() - the template data of a record
 * @record:   the record
 * @ret_data: the data, borrowed from the list until its next imr_list_next()
 * @ret_n:    its size in bytes, at most 2 MiB; may be 0
 *
 * As it stands in the list, without the total length in front: for each field a length (4 bytes, in
 * the list's byte order) and its bytes. Template "ima" is another matter: a file digest of 20 bytes
 * (16 with ima_hash=md5), a length, a name (kernel ima_fs.c, ima_measurements_show()).
 */
_public_ void imr_record_data(const ImrRecord *record, const uint8_t **ret_data, size_t *ret_n) {
        record_slice(record->record.data, ret_data, ret_n);
}

/**
 * imr_record_raw() - the bytes of a record, from its first to its last
 * @record:   the record
 * @ret_data: the bytes, borrowed from the list until its next imr_list_next()
 * @ret_n:    how many
 *
 * One after the other they are the list.
 */
_public_ void imr_record_raw(const ImrRecord *record, const uint8_t **ret_data, size_t *ret_n) {
        record_slice(record->record.whole, ret_data, ret_n);
}
