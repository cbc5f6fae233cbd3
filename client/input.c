/* SPDX-License-Identifier: BSD-2-Clause */
#include "client/input.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/error.h"
#include "base/exit.h"
#include "os/message.h"
#include "os/root.h"

static int input_read_file(const char *path, char **ret_text, size_t *ret_n) {
        _cleanup_free_ char *text = malloc(PCRFILE_MAX);
        _cleanup_close_ int fd = -1;
        int r;

        if (!text)
                return error_origin(-ENOMEM);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return negative_errno();
        r = read_whole(fd, text, PCRFILE_MAX, ret_n);
        if (r < 0)
                return r;
        *ret_text = TAKE(text);
        return 0;
}

/**
 * input_parse_u64() - read a decimal number: digits, and nothing else
 * @text:      the text
 * @max:       the largest value that is taken
 * @ret_value: the value, set on success only
 *
 * Return: 0; -EINVAL when it is no such number.
 */
int input_parse_u64(const char *text, uint64_t max, uint64_t *ret_value) {
        uint64_t value = 0;

        if (!*text)
                return -EINVAL;
        for (; *text; ++text) {
                if (*text < '0' || *text > '9' || __builtin_mul_overflow(value, 10U, &value) ||
                    __builtin_add_overflow(value, (uint64_t)(*text - '0'), &value))
                        return -EINVAL;
        }
        if (value > max)
                return -EINVAL;
        *ret_value = value;
        return 0;
}

/**
 * input_read_pcrs() - read all files of --pcrs=
 * @o:          the options
 * @ret_values: the values, set with EXIT_GOOD only
 *
 * Return: EXIT_GOOD, or EXIT_ERROR or EXIT_USAGE after a message.
 */
int input_read_pcrs(const CtlOptions *o, PcrValues *ret_values) {
        PcrValues values = {};
        PcrFileError error;

        if (o->n_pcrs == 0) {
                message_error("PCR values are needed: → try --pcrs=FILE with the output of "
                              "tpm2_pcrread");
                return EXIT_USAGE;
        }
        for (size_t i = 0; i < o->n_pcrs; ++i) {
                _cleanup_free_ char *text = NULL;
                size_t n = 0;
                int r;

                r = input_read_file(o->pcrs[i], &text, &n);
                if (r < 0) {
                        message_error("%s: %s", o->pcrs[i], strerror(-r));
                        return EXIT_ERROR;
                }
                if (pcrfile_parse(bytes_of(text, n), &values, &error) != 0) {
                        message_error("%s: line %zu: expected %s", o->pcrs[i], error.line,
                                      error.expected);
                        return EXIT_ERROR;
                }
        }
        if (o->banks)
                for (uint32_t pcr = 0; pcr < TPM_PCR_N; ++pcr)
                        values.of[pcr] &= o->banks;
        *ret_values = values;
        return EXIT_GOOD;
}

/**
 * input_open_hashers() - get ready to calculate banks
 * @banks:   the banks
 * @hashers: zeroed; to be closed in any case
 *
 * Return: EXIT_GOOD; EXIT_ERROR after a message; -ENOMEM.
 */
int input_open_hashers(BankMask banks, Hashers *hashers) {
        DigestAlg missing;
        int r = hashers_open(hashers, banks, &missing);

        if (r == HASHER_E_UNSUPPORTED) {
                message_error("OpenSSL here cannot calculate %s; → try --bank= without it",
                              digest_name(missing));
                return EXIT_ERROR;
        }
        return error_trace(r);
}

/**
 * input_open_list() - open the file of --list=
 * @o:         the options
 * @ret_input: to be closed with input_close_list(); set with EXIT_GOOD only
 *
 * Return: EXIT_GOOD, or EXIT_ERROR or EXIT_USAGE after a message.
 */
int input_open_list(const CtlOptions *o, ListInput *ret_input) {
        _cleanup_close_ int fd = -1;

        if (!o->list) {
                message_error("a measurement list is needed: → try --list=FILE with a copy of "
                              "/sys/kernel/security/ima/binary_runtime_measurements");
                return EXIT_USAGE;
        }
        fd = open(o->list, O_RDONLY | O_CLOEXEC);
        if (fd < 0) {
                message_error("%s: %s", o->list, strerror(errno));
                return EXIT_ERROR;
        }
        return error_trace(input_open_fd(o, o->list, &fd, ret_input));
}

/**
 * input_open_fd() - open a list that is open already
 * @o:         the options (--list-digest=)
 * @path:      what to call it in messages; borrowed
 * @fd:        at its beginning; taken over on success only
 * @ret_input: to be closed with input_close_list(); set with EXIT_GOOD only
 *
 * Return: EXIT_GOOD, or EXIT_ERROR after a message.
 */
int input_open_fd(const CtlOptions *o, const char *path, int *fd, ListInput *ret_input) {
        ListFile *list;
        int r;

        r = listfile_new_any(*fd, o->has_list_digest ? &o->list_digest : NULL, &list);
        if (r == 0) {
                /* What is wrong with the list, input_next() will say. */
                r = listfile_detect(list);
                if (r < 0)
                        list = listfile_free(list);
        }
        if (r < 0) {
                message_error("%s: %s", path, strerror(-r));
                return EXIT_ERROR;
        }
        *ret_input = (ListInput){ .path = path, .fd = take_fd(fd), .list = list };
        return EXIT_GOOD;
}

/**
 * input_can_rewind() - can the list be read from its start again?
 * @input: the list
 *
 * Return: whether it can; a pipe cannot.
 */
bool input_can_rewind(const ListInput *input) {
        return lseek(input->fd, 0, SEEK_CUR) >= 0;
}

/**
 * input_close_list() - close a list
 * @input: the list; may be zeroed
 */
void input_close_list(ListInput *input) {
        if (input->list)
                closep(&input->fd);
        input->list = listfile_free(input->list);
}

/**
 * input_next() - take the next record
 * @input:      the list
 * @ret_record: borrows from the list until the next call; set on success only
 *
 * A file is a whole list: what is cut or malformed is said here, once.
 *
 * Return: 0, LISTFILE_E_END, LISTFILE_E_CUT, LISTFILE_E_BROKEN or LISTFILE_E_LOSSY; a negative
 *         errno; all but the first two after a message.
 */
int input_next(ListInput *input, MlistRecord *ret_record) {
        char text[256];
        int r = listfile_next(input->list, ret_record);

        if (r < 0) {
                message_error("%s: %s", input->path, strerror(-r));
        } else if (r > 0 && r != LISTFILE_E_END) {
                listfile_explain(input->list, r, text, sizeof(text));
                message_error("%s: %s", input->path, text);
        }
        return r;
}
