/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * org.imareplay.status.
 */
#include <errno.h>

#include "base/error.h"
#include "daemon/serve-extender.h"
#include "daemon/serve-methods.h"
#include "daemon/serve-words.h"
#include "varlink/idl.h"

#define STATUS_ERROR(name)   "org.imareplay.status." name
#define STATUS_BETWEEN_USEC  (100 * UINT64_C(1000)) /* replies of a stream: at most ten a second */
#define STATUS_DOUBTFUL_USEC (10 * UINT64_C(1000000))
#define WAIT_LOOK_USEC       (1 * UINT64_C(1000000)) /* until what is asked afresh is known */

static const VarlinkMethod methods[] = {
        { "GetStatus", serve_get_status },
        { "Wait", serve_wait },
};

const VarlinkInterface serve_interface_status = {
        .name = "org.imareplay.status",
        .description = varlink_idl_status,
        .methods = methods,
        .n_methods = ELEMENTSOF(methods),
};

/*
 * GetStatus
 */

typedef struct StatusStream {
        Serve *serve;
        bool is_stream;
        uint64_t seen; /* serve_changes() of the last reply; 0: there was none */
        uint64_t next_usec;
} StatusStream;

/* Return: 0, VARLINK_E_NO_ROOM, or a negative errno. */
static int status_reply(VarlinkCall *c, const Serve *s, bool is_stream) {
        _cleanup_(json_dropp) Json *words = NULL;
        int r;

        r = serve_words_of(serve_known(s), serve_age_usec(s), &words);
        if (r < 0)
                return error_trace(r);
        r = is_stream ? varlink_reply_continue(c, &words) : varlink_reply(c, &words);
        return r == VARLINK_E_TOO_LARGE ? error_fold(r) : error_trace(r);
}

static int status_resume(VarlinkCall *c, void *state, uint64_t now_usec);

static const VarlinkHold status_hold = { status_resume, free };

/* Whoever reads slowly is called here late, and gets what is so by then. */
static int status_resume(VarlinkCall *c, void *state, uint64_t now_usec) {
        StatusStream *t = state;
        bool is_stream = t->is_stream;
        int r;

        if (t->seen == serve_changes(t->serve))
                return 0;
        if (now_usec < t->next_usec) {
                varlink_call_hold(c, &status_hold, t, t->next_usec);
                return 0;
        }
        t->seen = serve_changes(t->serve);
        t->next_usec = now_usec + STATUS_BETWEEN_USEC;
        varlink_call_hold(c, &status_hold, t, LOOP_FOREVER);
        r = status_reply(c, t->serve, is_stream);
        if (r == VARLINK_E_NO_ROOM) {
                t->seen = 0;
                return 0;
        }
        return error_trace(r);
}

/**
 * serve_get_status() - GetStatus
 * @c:        the call
 * @userdata: the Serve
 *
 * Return: 0 or a negative errno.
 */
int serve_get_status(VarlinkCall *c, void *userdata) {
        bool is_stream = varlink_call_wants_more(c);
        Serve *s = userdata;
        StatusStream *t;
        const char *bad;
        uint64_t token;
        int r;

        r = json_take(varlink_call_parameters(c), NULL, 0, true, NULL, &bad);
        if (r != 0)
                return r < 0 ? error_trace(r) : varlink_error_invalid(c, bad);
        /* Nothing was said for long: is it idle, or stuck? */
        if (serve_age_usec(s) > STATUS_DOUBTFUL_USEC)
                (void)serve_refresh(s, 0, &token);
        r = status_reply(c, s, is_stream);
        if (r < 0 || (r == 0 && !is_stream))
                return error_trace(r);
        t = calloc(1, sizeof(*t));
        if (!t)
                return error_origin(-ENOMEM);
        *t = (StatusStream){
                .serve = s,
                .is_stream = is_stream,
                .seen = r == 0 ? serve_changes(s) : 0,
                .next_usec = r == 0 ? serve_now_usec(s) + STATUS_BETWEEN_USEC : 0,
        };
        varlink_call_hold(c, &status_hold, t, LOOP_FOREVER);
        return 0;
}

/*
 * Wait
 */

typedef struct Wait {
        Serve *serve;
        bool has_target;
        uint64_t target; /* records */
        uint64_t token;  /* of the REFRESH that says the target */
        uint64_t until_usec, look_until_usec;
} Wait;

static int wait_put_state(Json *map, const Status *s) {
        return error_trace(json_put_text(map, "state", bytes_of_text(plan_state_name(s->state))));
}

static int wait_put_counts(Json *map, const Status *s) {
        int r = json_put_u64(map, "measured", s->n_measured);

        return r < 0 ? error_trace(r) : error_trace(json_put_u64(map, "extended", s->n_extended));
}

static int wait_done(VarlinkCall *c, const Status *s) {
        _cleanup_(json_dropp) Json *map = NULL;
        int r;

        r = json_map(&map);
        if (r == 0)
                r = wait_put_state(map, s);
        if (r == 0)
                r = wait_put_counts(map, s);
        return r < 0 ? error_trace(r) : varlink_reply(c, &map);
}

static int wait_timeout(VarlinkCall *c, const Status *s) {
        _cleanup_(json_dropp) Json *map = NULL;
        int r;

        r = json_map(&map);
        if (r == 0)
                r = wait_put_state(map, s);
        if (r == 0)
                r = serve_put_reason(map, s);
        if (r == 0)
                r = wait_put_counts(map, s);
        return r < 0 ? error_trace(r) : varlink_error(c, STATUS_ERROR("Timeout"), &map);
}

static int wait_in_vain(VarlinkCall *c, const Status *s) {
        _cleanup_(json_dropp) Json *map = NULL;
        int r;

        r = json_map(&map);
        if (r == 0)
                r = wait_put_state(map, s);
        if (r == 0)
                r = serve_put_reason(map, s);
        if (r == 0 && s->text[0] != '\0')
                r = json_put_text(map, "message", bytes_of_text(s->text));
        return r < 0 ? error_trace(r) : varlink_error(c, STATUS_ERROR("Unattestable"), &map);
}

/*
 * What was measured before the call is what to wait for: the length of the list, counted after it.
 * A list that could not be read yet has no length; its first record is there before any process.
 */
static void wait_aim(Wait *w, const Status *s) {
        if (w->has_target || serve_answered(w->serve) < w->token || s->n_measured == 0)
                return;
        w->has_target = true;
        w->target = s->n_measured;
}

typedef enum WaitEnd {
        WAIT_ON,
        WAIT_DONE,
        WAIT_TIMEOUT,
        WAIT_IN_VAIN,
        _WAIT_END_N,
} WaitEnd;

static WaitEnd wait_judge(Wait *w, uint64_t now_usec) {
        const Status *s = serve_status(w->serve);

        if (!s)
                return now_usec >= w->until_usec ? WAIT_TIMEOUT : WAIT_ON;
        if (s->verdict == PLAN_VERDICT_FAILED || s->verdict == PLAN_VERDICT_NO_IMA)
                return WAIT_IN_VAIN;
        wait_aim(w, s);
        if (s->mode == MODE_KERNEL || (w->has_target && s->n_extended >= w->target))
                return WAIT_DONE;
        /* Even who waits for nothing has the list looked at. */
        if (now_usec >= w->until_usec && (w->has_target || now_usec >= w->look_until_usec))
                return WAIT_TIMEOUT;
        return WAIT_ON;
}

static int wait_resume(VarlinkCall *c, void *state, uint64_t now_usec);

static const VarlinkHold wait_hold = { wait_resume, free };

static int wait_resume(VarlinkCall *c, void *state, uint64_t now_usec) {
        Wait *w = state;
        const Status *s = serve_known(w->serve);
        int r = 0;

        switch (wait_judge(w, now_usec)) {
        case WAIT_ON:
                varlink_call_hold(c, &wait_hold, w,
                                  now_usec < w->until_usec ? w->until_usec : w->look_until_usec);
                return 0;
        case WAIT_DONE:
                r = wait_done(c, s);
                break;
        case WAIT_TIMEOUT:
                r = wait_timeout(c, s);
                break;
        case WAIT_IN_VAIN:
                r = wait_in_vain(c, s);
                break;
        case _WAIT_END_N:
                break;
        }
        /* Without room: again, when there is some. */
        return r == VARLINK_E_NO_ROOM ? 0 : error_trace(r);
}

static uint64_t later(uint64_t usec, JsonU64 by) {
        return !by.is_set || by.value > LOOP_FOREVER - usec ? LOOP_FOREVER : usec + by.value;
}

/**
 * serve_wait() - Wait
 * @c:        the call
 * @userdata: the Serve
 *
 * Return: 0 or a negative errno.
 */
int serve_wait(VarlinkCall *c, void *userdata) {
        struct {
                JsonU64 records, timeout;
        } p = {};
        static const JsonField fields[] = {
                { "records", JSON_TYPE_U64, false, offsetof(__typeof__(p), records) },
                { "timeoutUSec", JSON_TYPE_U64, false, offsetof(__typeof__(p), timeout) },
        };
        Serve *s = userdata;
        uint64_t now = serve_now_usec(s);
        const char *bad;
        Wait *w;
        int r;

        r = json_take(varlink_call_parameters(c), fields, ELEMENTSOF(fields), true, &p, &bad);
        if (r != 0)
                return r < 0 ? error_trace(r) : varlink_error_invalid(c, bad);
        w = calloc(1, sizeof(*w));
        if (!w)
                return error_origin(-ENOMEM);
        *w = (Wait){
                .serve = s,
                .has_target = p.records.is_set,
                .target = p.records.value,
                .until_usec = later(now, p.timeout),
                .look_until_usec = now + WAIT_LOOK_USEC,
        };
        varlink_call_hold(c, &wait_hold, w, LOOP_FOREVER);
        r = w->has_target ? 0 : serve_refresh(s, 0, &w->token);
        return r < 0 ? error_trace(r) : error_trace(wait_resume(c, w, now));
}
