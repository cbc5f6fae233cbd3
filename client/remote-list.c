/* SPDX-License-Identifier: BSD-2-Clause */
#include "client/remote-list.h"

#include <string.h>
#include <sys/mman.h>

#include "base/encode.h"
#include "base/error.h"
#include "base/exit.h"
#include "client/output.h"
#include "os/root.h"

#define ROW(n, t, must, member)                                                                    \
        { n, t, must, offsetof(RemoteRecord, member) }
#define SERVED_NAME "the service's list"
#define METHOD_READ REMOTE_REPLAY ".ReadList"

static const JsonField record_fields[] = {
        ROW("position", JSON_TYPE_U64, true, position),
        ROW("pcr", JSON_TYPE_U64, true, pcr),
        ROW("template", JSON_TYPE_TEXT, true, template),
        ROW("digests", JSON_TYPE_MAP, true, digests),
        ROW("name", JSON_TYPE_TEXT, false, name),
        ROW("fileDigest", JSON_TYPE_TEXT, false, file_digest),
        ROW("violation", JSON_TYPE_BOOL, true, violation),
        ROW("seenUSec", JSON_TYPE_U64, false, seen_usec),
        ROW("extendedUSec", JSON_TYPE_U64, false, extended_usec),
};

typedef struct ReadReply {
        const Json *records;
        Bytes data;
        JsonU64 next, end;
} ReadReply;

static const JsonField reply_fields[] = {
        { "records", JSON_TYPE_ARRAY, false, offsetof(ReadReply, records) },
        { "data", JSON_TYPE_TEXT, false, offsetof(ReadReply, data) },
        { "next", JSON_TYPE_U64, true, offsetof(ReadReply, next) },
        { "end", JSON_TYPE_U64, true, offsetof(ReadReply, end) },
};

/* The filters of the command line; a name in the escaped form that the service compares with. */
static int list_filter(const CtlOptions *o, Json *parameters) {
        _cleanup_(json_dropp) Json *filter = NULL;
        int r;

        if (!o->has_pcr && !o->template && !o->name && !o->violations)
                return 0;
        r = json_map(&filter);
        if (r == 0 && o->has_pcr)
                r = json_put_u64(filter, "pcr", o->pcr);
        if (r == 0 && o->template)
                r = json_put_text(filter, "template", bytes_of_text(o->template));
        if (r == 0 && o->name)
                r = json_put_text(filter, "namePrefix", bytes_of_text(o->name));
        if (r == 0 && o->violations)
                r = json_put_bool(filter, "violation", true);
        if (r == 0)
                r = json_put(parameters, "filter", &filter);
        return error_trace(r);
}

static int list_after(const CtlOptions *o, Json *parameters) {
        _cleanup_(json_dropp) Json *after = NULL;
        int r;

        r = json_map(&after);
        if (r == 0 && o->has_pcr)
                r = json_put_u64(after, "pcr", o->pcr);
        if (r == 0)
                r = json_put_text(after, "algorithm", bytes_of_text(digest_name(o->after_alg)));
        if (r == 0)
                r = json_put_hex(after, "value", digest_bytes(o->after_alg, &o->after));
        if (r == 0)
                r = json_put(parameters, "after", &after);
        return error_trace(r);
}

static int list_parameters(const CtlOptions *o, Json **ret_parameters) {
        _cleanup_(json_dropp) Json *p = NULL;
        int r;

        r = json_map(&p);
        if (r == 0 && o->has_after)
                r = list_after(o, p);
        if (r == 0 && o->has_range && o->first > 0)
                r = json_put_u64(p, "first", o->first);
        if (r == 0 && o->has_range && o->last < UINT64_MAX)
                r = json_put_u64(p, "count", o->last - o->first + 1);
        if (r == 0)
                r = list_filter(o, p);
        if (r == 0 && !o->extended && !o->follow)
                r = json_put_bool(p, "pending", true);
        if (r == 0 && o->follow)
                r = json_put_bool(p, "follow", true);
        if (r == 0)
                *ret_parameters = TAKE(p);
        return error_trace(r);
}

/* Return: 0; positive: enough; REMOTE_E_FAILED is among the latter, so it has its own flag. */
static int list_take(RemoteList *l, Remote *remote, const VarlinkReply *reply,
                     RemoteRecordCall *call, void *userdata, bool *ret_failed) {
        ReadReply read = {};
        const char *bad = "";
        int r;

        *ret_failed = true;
        r = json_take(reply->parameters, reply_fields, ELEMENTSOF(reply_fields), false, &read,
                      &bad);
        for (size_t i = 0; r == 0 && i < json_length(read.records); ++i) {
                RemoteRecord record = {};

                r = json_take(json_at(read.records, i), record_fields, ELEMENTSOF(record_fields),
                              false, &record, &bad);
                if (r != 0)
                        break;
                r = call(&record, userdata);
                if (r != 0) {
                        *ret_failed = false;
                        return error_trace(r);
                }
        }
        if (r != 0)
                return r < 0 ? error_trace(r) : remote_misfit(remote, bad);
        *ret_failed = false;
        l->next = read.next;
        l->end = read.end;
        return 0;
}

/**
 * remote_read_list() - go through the records that the options want
 * @o:        the options
 * @remote:   REMOTE_REPLAY
 * @l:        zeroed; where the list ended
 * @call:     is given each record; it lives as long as that call
 * @userdata: for @call
 *
 * Return: EXIT_GOOD, also when @call had enough; else the status of what went wrong, after a
 *         message; a negative errno.
 */
int remote_read_list(const CtlOptions *o, Remote *remote, RemoteList *l, RemoteRecordCall *call,
                     void *userdata) {
        _cleanup_(json_dropp) Json *parameters = NULL;
        bool continues = true, failed = false;
        int r;

        r = list_parameters(o, &parameters);
        if (r == 0)
                r = remote_send(remote, METHOD_READ, &parameters, true);
        if (r != 0)
                return r < 0 ? error_trace(r) : EXIT_ERROR;
        while (continues && r == 0) {
                VarlinkReply reply = { .fd = -1 };

                r = remote_next(remote, o->follow ? LOOP_FOREVER : REMOTE_VERIFY_USEC, &reply);
                if (r != 0)
                        return r < 0 ? error_trace(r) : EXIT_ERROR;
                continues = reply.continues;
                if (reply.error)
                        r = remote_error(&reply);
                else
                        r = list_take(l, remote, &reply, call, userdata, &failed);
                failed = failed || reply.error;
                varlink_reply_deinit(&reply);
                if (r == 0 && output_flush() < 0)
                        return EXIT_GOOD; /* nobody looks any more, or main() will say it */
        }
        if (r <= 0)
                return error_trace(r);
        return failed ? r : EXIT_GOOD;
}

/*
 * As bytes
 */

static int write_all(int fd, Bytes data) {
        while (data.n > 0) {
                ssize_t n = write(fd, data.data, data.n);
                Bytes done;

                if (n < 0 && errno != EINTR)
                        return error_origin(negative_errno());
                if (n > 0)
                        (void)bytes_take(&data, (size_t)n, &done);
        }
        return 0;
}

static int fetch_write(const Remote *remote, int fd, const VarlinkReply *reply) {
        _cleanup_free_ uint8_t *data = NULL;
        ReadReply read = {};
        const char *bad = "";
        size_t n;
        int r;

        r = json_take(reply->parameters, reply_fields, ELEMENTSOF(reply_fields), false, &read,
                      &bad);
        if (r == 0 && read.data.n == 0)
                return 0;
        if (r == 0)
                r = base64_decode(read.data, &data, &n);
        if (r != 0)
                return r < 0 ? error_trace(r) : remote_misfit(remote, bad);
        return error_trace(write_all(fd, bytes_of(data, n)));
}

/* From record 0 on, so that positions are right; what is not wanted is passed over here. */
static int fetch_range(const CtlOptions *o, Json *parameters) {
        int r = 0;

        if (o->has_after)
                r = list_after(o, parameters);
        if (r == 0 && o->has_range && o->last < UINT64_MAX)
                r = json_put_u64(parameters, "count", o->last + 1);
        if (r == 0 && !o->extended)
                r = json_put_bool(parameters, "pending", true);
        return error_trace(r);
}

/* One of many. Return: as fetch_replies(). */
static int fetch_next(Remote *remote, int fd, bool *ret_continues) {
        VarlinkReply reply = { .fd = -1 };
        int r;

        r = remote_next(remote, REMOTE_VERIFY_USEC, &reply);
        if (r != 0)
                return r < 0 ? error_trace(r) : EXIT_ERROR;
        if (reply.error) {
                r = remote_error(&reply); /* is a status */
        } else {
                r = fetch_write(remote, fd, &reply);
                r = r > 0 ? EXIT_ERROR : r;
        }
        *ret_continues = reply.continues;
        varlink_reply_deinit(&reply);
        return error_trace(r);
}

/*
 * Reply by reply: any length, and through transports that carry no descriptors. Return: EXIT_GOOD;
 * another exit status after a message; a negative errno.
 */
static int fetch_replies(const CtlOptions *o, Remote *remote, int *ret_fd) {
        _cleanup_close_ int fd = memfd_create("ima-list", MFD_CLOEXEC);
        _cleanup_(json_dropp) Json *parameters = NULL;
        bool continues = true;
        int r;

        if (fd < 0)
                return error_origin(negative_errno());
        r = json_map(&parameters);
        if (r == 0)
                r = json_put_bool(parameters, "raw", true);
        if (r == 0)
                r = fetch_range(o, parameters);
        if (r == 0)
                r = remote_send(remote, METHOD_READ, &parameters, true);
        if (r > 0)
                r = EXIT_ERROR;
        while (r == 0 && continues)
                r = fetch_next(remote, fd, &continues);
        if (r != 0)
                return error_trace(r);
        *ret_fd = take_fd(&fd);
        return EXIT_GOOD;
}

/* One file, sealed, if it is not too large. Return: as fetch_replies(). */
static int fetch(const CtlOptions *o, Remote *remote, int *ret_fd) {
        _cleanup_(json_dropp) Json *parameters = NULL;
        VarlinkReply reply = { .fd = -1 };
        bool too_large = false;
        int r;

        r = json_map(&parameters);
        if (r == 0)
                r = json_put_text(parameters, "format", bytes_of_text("binary"));
        if (r == 0)
                r = fetch_range(o, parameters);
        if (r == 0)
                r = remote_call(remote, REMOTE_REPLAY ".OpenList", &parameters, REMOTE_VERIFY_USEC,
                                &reply);
        if (r > 0)
                r = EXIT_ERROR;
        if (r == 0 && reply.error)
                too_large = strcmp(reply.error, REMOTE_REPLAY ".TooLarge") == 0;
        if (r == 0 && reply.error && !too_large)
                r = remote_error(&reply);
        if (r == 0 && !reply.error)
                *ret_fd = take_fd(&reply.fd);
        if (r == 0 && !reply.error && *ret_fd < 0)
                too_large = true; /* it got lost on the way */
        varlink_reply_deinit(&reply);
        if (r == 0 && too_large)
                r = fetch_replies(o, remote, ret_fd);
        return error_trace(r);
}

/**
 * remote_open_list() - open the list of --list=, or else that of the service
 * @o:         the options
 * @ret_input: to be closed with input_close_list(); set with EXIT_GOOD only
 *
 * Return: EXIT_GOOD; another exit status after a message; a negative errno.
 */
int remote_open_list(const CtlOptions *o, ListInput *ret_input) {
        _cleanup_close_ int fd = -1, own = -1;
        Remote remote = {};
        int r;

        if (o->list)
                return input_open_list(o, ret_input);
        r = remote_open(o, REMOTE_REPLAY, &remote);
        r = r == 0 ? fetch(o, &remote, &fd) : r > 0 ? EXIT_ERROR : r;
        remote_close(&remote);
        if (r != 0)
                return r < 0 ? error_trace(r) : r;
        r = fd_reopen(fd, &own); /* an offset of our own, at the beginning */
        if (r < 0)
                return error_trace(r);
        return input_open_fd(o, SERVED_NAME, &own, ret_input);
}
