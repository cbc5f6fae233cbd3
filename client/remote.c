/* SPDX-License-Identifier: BSD-2-Clause */
#include "client/remote.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/exit.h"
#include "core/plan-explain.h"
#include "os/message.h"
#include "os/root.h"

static int remote_message(int r, const char *path) {
        switch (r) {
        case -EACCES:
        case -EPERM:
                message_error("%s: not for this user; → try it as root: the list is as private as "
                              "the kernel keeps it",
                              path);
                return REMOTE_E_FAILED;
        case VARLINK_CLIENT_E_GONE:
        case -ENOENT:
        case -ENOTDIR:
        case -ECONNREFUSED:
                message_error(
                        "nobody answers at %s; → try 'systemctl start ima-replay-serve.socket "
                        "ima-replayd', or ima-replayctl doctor",
                        path);
                return REMOTE_E_FAILED;
        case VARLINK_CLIENT_E_TIME:
                message_error("%s: the service has too many clients to answer", path);
                return REMOTE_E_FAILED;
        default:
                message_error("%s: %s", path, r < 0 ? strerror(-r) : "speaks no Varlink");
                return REMOTE_E_FAILED;
        }
}

static int open_dir_of(const char *path, int *ret_fd) {
        const char *slash = strrchr(path, '/');
        _cleanup_free_ char *dir = NULL;
        int fd;

        dir = !slash          ? strdup(".")
              : slash == path ? strdup("/")
                              : strndup(path, (size_t)(slash - path));
        if (!dir)
                return error_origin(-ENOMEM);
        fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return negative_errno();
        *ret_fd = fd;
        return 0;
}

/*
 * The directory of the socket, as sun_path has no room for a deep root; no link leads out of
 * --root=. Return: 0 or a negative errno, not raised.
 */
static int remote_find(const CtlOptions *o, const char *path, int *ret_dir_fd) {
        _cleanup_(root_deinit) Root root = { .fd = -1 };
        int r;

        if (o->socket || !o->root)
                return open_dir_of(path, ret_dir_fd);
        r = root_init(&root, o->root);
        return r < 0 ? r : root_open(&root, RUN_DIR, O_PATH | O_DIRECTORY, ret_dir_fd);
}

/* Return: 0; an outcome of varlink_client_new(), or a negative errno, with the path set. */
static int remote_connect(const CtlOptions *o, const char *name, Remote *remote) {
        _cleanup_close_ int dir_fd = -1;
        const char *slash;
        int r;

        if (o->socket)
                r = asprintf(&remote->path, "%s", o->socket);
        else
                r = asprintf(&remote->path, "%s/" RUN_DIR "/%s", o->root ? o->root : "", name);
        if (r < 0) {
                remote->path = NULL;
                return error_origin(-ENOMEM);
        }
        r = remote_find(o, remote->path, &dir_fd);
        if (r < 0)
                return r;
        slash = strrchr(remote->path, '/');
        return varlink_client_new(dir_fd, slash ? slash + 1 : remote->path, &remote->client);
}

/**
 * remote_open() - connect to the service
 * @o:          the options (--socket=, --root=)
 * @name:       REMOTE_STATUS or REMOTE_REPLAY, unless --socket= names another
 * @ret_remote: to be closed in any case
 *
 * Return: 0; REMOTE_E_FAILED after a message; -ENOMEM.
 */
int remote_open(const CtlOptions *o, const char *name, Remote *ret_remote) {
        int r = remote_connect(o, name, ret_remote);

        if (r == 0 || r == -ENOMEM)
                return error_trace(r);
        return remote_message(r, ret_remote->path);
}

/**
 * remote_try() - the same where another socket would do
 * @o:          the options
 * @name:       as above
 * @ret_remote: to be closed in any case
 *
 * Return: 0; REMOTE_E_DENIED without a message, if the socket is for others; else as above.
 */
int remote_try(const CtlOptions *o, const char *name, Remote *ret_remote) {
        int r = remote_connect(o, name, ret_remote);

        if (r == -EACCES || r == -EPERM)
                return REMOTE_E_DENIED;
        if (r == 0 || r == -ENOMEM)
                return error_trace(r);
        return remote_message(r, ret_remote->path);
}

/**
 * remote_close() - hang up
 * @r: may be zeroed
 */
void remote_close(Remote *r) {
        r->client = varlink_client_free(r->client);
        free(r->path);
        r->path = NULL;
}

/* Outcomes of the client, after a message. */
static int remote_outcome(const Remote *r, int outcome) {
        if (outcome == VARLINK_CLIENT_E_TIME)
                return REMOTE_E_TIME;
        if (outcome == VARLINK_CLIENT_E_GONE)
                message_error("%s: the service went away", r->path);
        else
                message_error("%s: the service speaks nonsense", r->path);
        return REMOTE_E_FAILED;
}

/**
 * remote_send() - call a method
 * @r:          the service
 * @method:     with its interface
 * @parameters: taken over; NULL inside: none
 * @more:       several replies are welcome
 *
 * Return: 0; REMOTE_E_FAILED after a message; a negative errno.
 */
int remote_send(Remote *r, const char *method, Json **parameters, bool more) {
        int k = varlink_client_send(r->client, method, parameters, more);

        return k > 0 ? remote_outcome(r, k) : error_trace(k);
}

/**
 * remote_receive() - take the next reply
 * @r:          the service
 * @until_usec: CLOCK_BOOTTIME; LOOP_FOREVER: without end
 * @ret_reply:  its owner is the caller; also an error of the method; set on success only
 *
 * Return: 0, REMOTE_E_TIME; REMOTE_E_FAILED after a message; a negative errno.
 */
int remote_receive(Remote *r, uint64_t until_usec, VarlinkReply *ret_reply) {
        int k = varlink_client_receive(r->client, until_usec, ret_reply);

        return k > 0 ? remote_outcome(r, k) : error_trace(k);
}

/**
 * remote_next() - the same for an answer that has to come
 * @r:             the service
 * @patience_usec: how long it may take; LOOP_FOREVER: without end
 * @ret_reply:     as remote_receive()
 *
 * Return: 0; REMOTE_E_FAILED after a message, also for an answer that does not come; a negative
 *         errno.
 */
int remote_next(Remote *r, uint64_t patience_usec, VarlinkReply *ret_reply) {
        uint64_t now = now_usec();
        int k;

        k = remote_receive(r,
                           patience_usec > LOOP_FOREVER - now ? LOOP_FOREVER : now + patience_usec,
                           ret_reply);
        if (k != REMOTE_E_TIME)
                return error_trace(k);
        message_error("%s: the service does not answer", r->path);
        return REMOTE_E_FAILED;
}

/**
 * remote_call() - call a method and take its one reply
 * @r:             the service
 * @method:        with its interface
 * @parameters:    taken over; NULL, or NULL inside: none
 * @patience_usec: how long it may take
 * @ret_reply:     as remote_receive()
 *
 * Return: 0; REMOTE_E_FAILED after a message, also for an answer that does not come; a negative
 *         errno.
 */
int remote_call(Remote *r, const char *method, Json **parameters, uint64_t patience_usec,
                VarlinkReply *ret_reply) {
        Json *none = NULL;
        int k;

        k = remote_send(r, method, parameters ? parameters : &none, false);
        return k == 0 ? remote_next(r, patience_usec, ret_reply) : error_trace(k);
}

/* All that errors carry. */
typedef struct ErrorFields {
        Bytes state, reason, message, parameter, method, interface;
        JsonU64 position, end, size, limit, code, extended, measured;
} ErrorFields;

#define FIELD(n, t, member)                                                                        \
        { n, t, false, offsetof(ErrorFields, member) }

static const JsonField error_fields[] = {
        FIELD("state", JSON_TYPE_TEXT, state),      FIELD("reason", JSON_TYPE_TEXT, reason),
        FIELD("message", JSON_TYPE_TEXT, message),  FIELD("parameter", JSON_TYPE_TEXT, parameter),
        FIELD("method", JSON_TYPE_TEXT, method),    FIELD("interface", JSON_TYPE_TEXT, interface),
        FIELD("position", JSON_TYPE_U64, position), FIELD("end", JSON_TYPE_U64, end),
        FIELD("size", JSON_TYPE_U64, size),         FIELD("limit", JSON_TYPE_U64, limit),
        FIELD("code", JSON_TYPE_U64, code),         FIELD("extended", JSON_TYPE_U64, extended),
        FIELD("measured", JSON_TYPE_U64, measured),
};

static const struct {
        const char *name;
        int status;
        const char *text;
} errors[] = {
        { REMOTE_STATUS ".Timeout", EXIT_NOT_YET, "the time is over, and not all is in the TPM" },
        { REMOTE_STATUS ".Unattestable", EXIT_MISMATCH, "the TPM will not come to hold the list" },
        { REMOTE_REPLAY ".Unattestable", EXIT_MISMATCH,
          "the TPM does not hold what the list says" },
        { REMOTE_REPLAY ".NotReady", EXIT_NOT_YET, "the TPM cannot be used yet" },
        { REMOTE_REPLAY ".NoSuchRecord", EXIT_ERROR, "there is no such record" },
        { REMOTE_REPLAY ".NoSuchValue", EXIT_ERROR,
          "no part of this boot's list gives that value: it is of another boot, or another PCR" },
        { REMOTE_REPLAY ".NotSpooled", EXIT_ERROR,
          "a record was not kept (SpoolMax=); → try --list=/sys/kernel/security/ima/"
          "binary_runtime_measurements" },
        { REMOTE_REPLAY ".TooLarge", EXIT_ERROR, "it does not fit into one answer" },
        { REMOTE_REPLAY ".TPMError", EXIT_ERROR, "the TPM answered with an error" },
        { "org.varlink.service.MethodNotFound", EXIT_ERROR, "the service has no such method" },
        { "org.varlink.service.InterfaceNotFound", EXIT_ERROR,
          "there is no such interface at this socket" },
        { "org.varlink.service.InvalidParameter", EXIT_ERROR, "this parameter is not right" },
        { "org.varlink.service.ExpectedMore", EXIT_ERROR,
          "this needs more than one reply: --more" },
};

static void put_field(FILE *f, const char *name, Bytes text) {
        _cleanup_free_ uint8_t *raw = NULL;
        size_t n = 0;

        if (text.n > 0 && remote_raw(text, &raw, &n) == 0)
                (void)fprintf(f, "%s%.*s", name, (int)MIN_OF(n, (size_t)512), (const char *)raw);
}

static void put_number(FILE *f, const char *name, JsonU64 number) {
        if (number.is_set)
                (void)fprintf(f, "%s%" PRIu64, name, number.value);
}

/* Where things stand as they should there is nothing to explain. */
static void put_hint(FILE *f, const ErrorFields *e) {
        PlanExplanation word;

        if (plan_explain_word(e->reason.n > 0 ? e->reason : e->state, &word) &&
            strcmp(word.name, plan_state_name(PLAN_FOLLOW)) != 0)
                (void)fprintf(f, "; → try ima-replayctl explain %s", word.name);
}

/**
 * remote_error() - say what a method complained of
 * @reply: with an error
 *
 * Return: the exit status for it; -ENOMEM.
 */
int remote_error(const VarlinkReply *reply) {
        _cleanup_free_ char *text = NULL;
        const char *what = NULL, *bad;
        ErrorFields e = {};
        int status = EXIT_ERROR;
        size_t size;
        FILE *f;

        for (size_t i = 0; i < ELEMENTSOF(errors); ++i)
                if (strcmp(errors[i].name, reply->error) == 0) {
                        what = errors[i].text;
                        status = errors[i].status;
                }
        if (json_take(reply->parameters, error_fields, ELEMENTSOF(error_fields), false, &e, &bad) !=
            0)
                e = (ErrorFields){};
        f = open_memstream(&text, &size);
        if (!f)
                return error_origin(-ENOMEM);
        (void)fprintf(f, "%s", what ? what : reply->error);
        put_field(f, ": ", e.parameter);
        put_field(f, ": ", e.method);
        put_field(f, ": ", e.interface);
        put_field(f, ": state ", e.state);
        put_field(f, ", reason ", e.reason);
        put_field(f, ": ", e.message);
        put_number(f, ": record ", e.position);
        put_number(f, ", the end is ", e.end);
        put_number(f, ": bytes ", e.size);
        put_number(f, ", at most ", e.limit);
        put_number(f, ": code ", e.code);
        put_number(f, ", extended ", e.extended);
        put_number(f, " of ", e.measured);
        put_hint(f, &e);
        if (fclose(f) != 0)
                return error_origin(-ENOMEM);
        message_error("%s", text);
        if (status == EXIT_MISMATCH && bytes_equal_text(e.reason, "ima_absent"))
                return EXIT_NO_IMA;
        return status;
}

/**
 * remote_misfit() - an answer is not what the interface says
 * @r:    the service
 * @what: the member that does not fit
 *
 * Return: REMOTE_E_FAILED, after a message.
 */
int remote_misfit(const Remote *r, const char *what) {
        message_error("%s: '%s' in the answer is not as it should be: is the service of another "
                      "version?",
                      r->path, what);
        return REMOTE_E_FAILED;
}
