/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ima-replayctl wait: until what is measured now is in the TPM.
 *
 * The answer is one of the service's Wait; what is shown meanwhile on a terminal is asked over a
 * second connection, and its failure is nobody's loss.
 */
#include <inttypes.h>

#include "base/error.h"
#include "base/exit.h"
#include "client/output.h"
#include "client/remote.h"
#include "client/status-view.h"
#include "os/message.h"

#define LOOK_USEC (UINT64_C(200) * 1000)

/* Beyond its own time-out the service gets so long to say so. */
#define GRACE_USEC (UINT64_C(10) * 1000000)

typedef struct WaitAnswer {
        Bytes state;
        JsonU64 measured, extended;
} WaitAnswer;

static const JsonField answer_fields[] = {
        { "state", JSON_TYPE_TEXT, true, offsetof(WaitAnswer, state) },
        { "measured", JSON_TYPE_U64, true, offsetof(WaitAnswer, measured) },
        { "extended", JSON_TYPE_U64, true, offsetof(WaitAnswer, extended) },
};

static int wait_parameters(const CtlOptions *o, Json **ret_map) {
        _cleanup_(json_dropp) Json *map = NULL;
        int r;

        r = json_map(&map);
        if (r == 0 && (o->records.is_set || o->position.is_set))
                r = json_put_u64(map, "records",
                                 o->records.is_set ? o->records.value : o->position.value + 1);
        if (r == 0 && o->timeout.is_set)
                r = json_put_u64(map, "timeoutUSec", o->timeout.value);
        if (r == 0)
                *ret_map = TAKE(map);
        return error_trace(r);
}

/* Return: 0, or not: then there is nothing to show. */
static int wait_look(Remote *looker, uint64_t begun_usec) {
        _cleanup_free_ StatusView *v = malloc(sizeof(*v));
        _cleanup_free_ char *state = NULL;
        VarlinkReply reply = { .fd = -1 };
        const char *bad;
        int r;

        if (!v)
                return error_origin(-ENOMEM);
        r = remote_call(looker, REMOTE_STATUS ".GetStatus", NULL, REMOTE_PATIENCE_USEC, &reply);
        if (r == 0)
                r = reply.error ? REMOTE_E_FAILED : status_view_take(reply.parameters, v, &bad);
        if (r == 0)
                r = remote_text(v->state, &state);
        if (r == 0)
                progress("%s: %" PRIu64 " of %" PRIu64 " records are in the TPM (%" PRIu64 " s)",
                         state, v->extended.value, v->measured.value,
                         (now_usec() - begun_usec) / 1000000);
        varlink_reply_deinit(&reply);
        return r;
}

/* Return: as remote_receive(). */
static int wait_receive(const CtlOptions *o, Remote *remote, VarlinkReply *reply) {
        uint64_t begun = now_usec(), until = LOOP_FOREVER;
        bool is_looked_at = isatty(STDERR_FILENO) == 1 && !o->quiet && o->json == JSON_OFF;
        Remote looker = {};
        int r;

        if (o->timeout.is_set)
                until = begun + o->timeout.value + GRACE_USEC;
        is_looked_at = is_looked_at && remote_open(o, REMOTE_STATUS, &looker) == 0;
        do {
                uint64_t next = is_looked_at ? now_usec() + LOOK_USEC : until;

                r = remote_receive(remote, MIN_OF(next, until), reply);
                if (r == REMOTE_E_TIME && is_looked_at)
                        is_looked_at = wait_look(&looker, begun) == 0;
        } while (r == REMOTE_E_TIME && now_usec() < until);
        progress_end();
        remote_close(&looker);
        return r;
}

static int wait_print(const CtlOptions *o, const Remote *remote, const VarlinkReply *reply) {
        WaitAnswer answer = {};
        const char *bad = "";
        int r;

        r = json_take(reply->parameters, answer_fields, ELEMENTSOF(answer_fields), false, &answer,
                      &bad);
        if (r != 0)
                return r < 0 ? error_trace(r) : remote_misfit(remote, bad);
        if (o->json != JSON_OFF)
                return error_trace(remote_print_json(reply->parameters, o->json, false));
        if (!o->quiet)
                (void)printf("%s %" PRIu64 " of %" PRIu64 " records are in the TPM\n",
                             output_mark(MARK_GOOD), answer.extended.value, answer.measured.value);
        return 0;
}

/* Return: an exit status, after messages; a negative errno. */
static int wait_ask(const CtlOptions *o, Remote *remote, VarlinkReply *reply) {
        _cleanup_(json_dropp) Json *parameters = NULL;
        int r;

        r = wait_parameters(o, &parameters);
        if (r == 0)
                r = remote_send(remote, REMOTE_STATUS ".Wait", &parameters, false);
        if (r == 0)
                r = wait_receive(o, remote, reply);
        if (r == REMOTE_E_TIME)
                message_error("%s: the service does not answer", remote->path);
        if (r != 0)
                return r < 0 ? error_trace(r) : EXIT_ERROR;
        if (reply->error)
                return remote_error(reply);
        r = wait_print(o, remote, reply);
        return r < 0 ? error_trace(r) : r == 0 ? EXIT_GOOD : EXIT_ERROR;
}

/**
 * verb_wait() - ima-replayctl wait
 * @o: the options
 *
 * Return: EXIT_GOOD when it is in the TPM; EXIT_NOT_YET when the time is over; EXIT_MISMATCH or
 *         EXIT_NO_IMA when it will not come; EXIT_ERROR; EXIT_USAGE; a negative errno.
 */
int verb_wait(const CtlOptions *o) {
        VarlinkReply reply = { .fd = -1 };
        Remote remote = {};
        int r;

        if (o->records.is_set && o->position.is_set) {
                message_error("--position= and --records= say the same thing twice; → try one");
                return EXIT_USAGE;
        }
        r = remote_open(o, REMOTE_STATUS, &remote);
        r = r == 0 ? wait_ask(o, &remote, &reply) : r > 0 ? EXIT_ERROR : r;
        varlink_reply_deinit(&reply);
        remote_close(&remote);
        return r < 0 ? error_trace(r) : r;
}
