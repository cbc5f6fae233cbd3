/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * org.imareplay.replay.ReadList: records in replies, as fast as they are taken.
 *
 * A step makes at most one reply. The place in the call moves only when the server has taken the
 * reply; where it has no room, the same reply is made again.
 */
#include <string.h>

#include "base/error.h"
#include "daemon/serve-methods.h"
#include "daemon/serve-read.h"
#include "daemon/serve-record.h"
#include "varlink/idl.h"
#include "varlink/limits.h"

#define LIST_FRAME    512U                             /* of a reply, around its records */
#define LIST_TEXT_MAX (VARLINK_REPLY_MAX - LIST_FRAME) /* characters of records */
/* Bytes that fit into a reply, or into the largest, as Base64: whole groups of three. */
#define LIST_RAW_MAX   (LIST_TEXT_MAX / 4 * 3)
#define LIST_LARGE_MAX ((VARLINK_REPLY_LARGE_MAX - LIST_FRAME) / 4 * 3)

/* Continues the outcomes of serve-read.h. */
enum {
        LIST_E_INVALID = SERVE_READ_E_NONE + 1,
        LIST_E_NO_RECORD,
        LIST_E_LARGE,
};

typedef struct ListCall {
        Serve *serve;
        ServeRange range;
        ServePlace place;
        ServeFilter filter;
        bool raw, follow, wants_more;
        bool is_begun;       /* range.first is where it begins */
        uint64_t cut;        /* bytes that were sent of the record at the place */
        uint64_t had;        /* where the list ended for us, as long as it did not fail */
        uint64_t waits_usec; /* since when nothing can be read; 0: it can */
} ListCall;

/* What a step has for a reply. */
typedef struct ListReply {
        Json *records;
        uint8_t *raw;
        size_t n_raw, n_text;
        uint64_t n_records; /* that were put */
        bool is_full;
        Place next;
        uint64_t cut;
        ByteOrder order;
} ListReply;

static void list_reply_deinit(ListReply *reply) {
        json_drop(reply->records);
        free(reply->raw);
}

static void list_free(void *state) {
        ListCall *call = state;

        serve_filter_deinit(&call->filter);
        free(call);
}

static bool list_has_failed(const ListCall *call, const Status *status) {
        return !call->range.pending && status->verdict == PLAN_VERDICT_FAILED;
}

/* Nothing can come behind this end: all that was asked for is there. */
static bool list_is_done(const ListCall *call, uint64_t end) {
        return call->range.has_count && end - call->range.first >= call->range.count;
}

/*
 * A reply
 */

/* Raw: the record, or what is left of it, or as much of that as fits. */
static int list_put_raw(const ListCall *call, ListReply *reply, const MlistRecord *record,
                        uint64_t cut) {
        size_t room = LIST_RAW_MAX - reply->n_raw;
        size_t left, n;

        /* It is not the record any more of which that much was sent. */
        if (cut >= record->whole.n)
                return SERVE_READ_E_BAD;
        left = n = record->whole.n - (size_t)cut;
        if (left > room && reply->n_raw > 0) {
                reply->is_full = true;
                return 0;
        }
        if (left > room && call->wants_more)
                n = room;
        if (n > LIST_LARGE_MAX)
                return LIST_E_LARGE;
        if (!reply->raw) {
                reply->raw = malloc(MAX_OF(n, (size_t)LIST_RAW_MAX));
                if (!reply->raw)
                        return error_origin(-ENOMEM);
        }
        memcpy(reply->raw + reply->n_raw, record->whole.data + cut, n);
        reply->n_raw += n;
        reply->is_full = n < left;
        reply->cut = n < left ? cut + n : 0;
        return 0;
}

static int list_put_record(const ListCall *call, ListReply *reply, const ServeView *view,
                           const SpoolRecord *got) {
        const ServeRead *r = serve_read(call->serve);
        DigestSet digests;
        ServeRecord in = {
                .position = reply->next.position,
                .got = got,
                .order = reply->order,
                .banks = serve_read_banks(r, view->status, got->record.pcr),
                .digests = &digests,
        };
        _cleanup_(json_dropp) Json *j = NULL;
        bool wants = false;
        size_t n;
        int k;

        k = serve_filter_wants(&call->filter, &got->record, reply->order, &wants);
        if (k < 0 || !wants)
                return error_trace(k);
        n = serve_record_size(&in);
        if (reply->n_text > 0 && reply->n_text + n > LIST_TEXT_MAX) {
                reply->is_full = true;
                return 0;
        }
        k = serve_read_digests(r, &got->record, in.banks, &digests);
        if (k == 0)
                k = serve_record_json(&in, &j);
        if (k == 0)
                k = json_add(reply->records, &j);
        reply->n_text += n;
        ++reply->n_records;
        return error_trace(k);
}

/* Put records until the reply is full, the step over, or the end reached. */
static int list_collect(const ListCall *call, const ServeView *view, uint64_t end,
                        ListReply *reply) {
        ServeRead *r = serve_read(call->serve);
        SpoolRecord got;
        int k = 0;

        reply->next = call->place.at;
        reply->cut = call->cut;
        if (!call->raw)
                k = json_array(&reply->records);
        if (k == 0 && view->n_spooled > 0)
                k = spool_reader_order(r->reader, &reply->order);
        if (k > 0)
                return SERVE_READ_E_BAD;
        /* A raw reply is cheap, and made whole in one step. */
        if (call->raw)
                r->step_left = 4 * SERVE_STEP_BYTES;
        while (k == 0 && reply->next.position < end) {
                uint64_t cut = reply->cut;

                k = serve_read_get(r, reply->next.position, &got);
                if (k != 0)
                        break;
                k = call->raw ? list_put_raw(call, reply, &got.record, cut)
                              : list_put_record(call, reply, view, &got);
                if (k != 0 || reply->is_full)
                        break;
                k = place_pass(&r->places.chain, &got.record, &reply->next);
        }
        return error_trace(k);
}

static int list_running(const Place *at, Json **ret_json) {
        _cleanup_(json_dropp) Json *map = NULL;
        int r;

        r = json_map(&map);
        if (r == 0)
                r = json_put_u64(map, "pcr", SERVE_PCR);
        if (r == 0)
                r = json_put_text(map, "algorithm", bytes_of_text(digest_name(SERVE_ALG)));
        if (r == 0)
                r = json_put_hex(map, "value", digest_bytes(SERVE_ALG, &at->value));
        if (r < 0)
                return error_trace(r);
        *ret_json = TAKE(map);
        return 0;
}

static int list_reply_json(const ListCall *call, ListReply *reply, uint64_t end, Json **ret_json) {
        _cleanup_(json_dropp) Json *map = NULL, *running = NULL;
        const char *order = reply->order == ORDER_BIG ? "big" : "little";
        int r;

        r = json_map(&map);
        if (r == 0 && call->raw)
                r = json_put_base64(map, "data", bytes_of(reply->raw, reply->n_raw));
        if (r == 0 && call->raw)
                r = json_put_text(map, "byteOrder", bytes_of_text(order));
        if (r == 0 && !call->raw)
                r = json_put(map, "records", &reply->records);
        if (r == 0)
                r = json_put_u64(map, "next", reply->next.position);
        if (r == 0)
                r = json_put_u64(map, "end", end);
        if (r == 0)
                r = list_running(&reply->next, &running);
        if (r == 0)
                r = json_put(map, "running", &running);
        if (r < 0)
                return error_trace(r);
        *ret_json = TAKE(map);
        return 0;
}

/*
 * A step
 */

static int list_step(VarlinkCall *c, void *state, uint64_t now_usec);

static int list_sleep(VarlinkCall *c, ListCall *call, uint64_t until_usec) {
        static const VarlinkHold hold = { .resume = list_step, .free = list_free };

        varlink_call_hold(c, &hold, call, until_usec);
        return 0;
}

/* What was put stays with the client, so the place moves. */
static void list_move(ListCall *call, const ListReply *reply) {
        call->place.at = reply->next;
        call->place.has_been = true;
        call->cut = reply->cut;
}

/* After the last reply the call is gone. */
static int list_send(VarlinkCall *c, ListCall *call, ListReply *reply, uint64_t end,
                     uint64_t now_usec) {
        bool is_last = !call->wants_more || (reply->next.position == end && reply->cut == 0 &&
                                             (!call->follow || list_is_done(call, end)));
        _cleanup_(json_dropp) Json *map = NULL;
        int k;

        k = list_reply_json(call, reply, end, &map);
        if (k < 0)
                return error_trace(k);
        k = is_last ? varlink_reply(c, &map) : varlink_reply_continue(c, &map);
        if (k == VARLINK_E_TOO_LARGE)
                return error_trace(varlink_error_expected_more(c));
        if (k == VARLINK_E_NO_ROOM)
                return list_sleep(c, call, LOOP_FOREVER);
        if (k < 0 || is_last)
                return error_trace(k);
        list_move(call, reply);
        return list_sleep(c, call, now_usec);
}

/* There is no extender, or it has not come as far as this call was. */
static int list_wait(VarlinkCall *c, ListCall *call, uint64_t now_usec) {
        uint64_t max_usec = call->place.has_been ? SERVE_WAIT_LONG_USEC : SERVE_WAIT_USEC;

        if (call->waits_usec == 0)
                call->waits_usec = now_usec;
        if (now_usec - call->waits_usec < max_usec)
                return list_sleep(c, call, call->waits_usec + max_usec);
        if (call->place.has_been)
                return error_trace(serve_error_position(c, "NotSpooled", call->place.at.position));
        return error_trace(serve_error_not_ready(c, serve_status(call->serve)));
}

/* Where the call begins, or stands. 0: there, and *ret_end is where it ends for now. */
static int list_find(ListCall *call, ServeView *view, uint64_t *ret_end) {
        ServeRead *r = serve_read(call->serve);
        int k;

        k = serve_read_look(call->serve, call->range.pending, view);
        if (k != 0)
                return error_trace(k);
        /* What was extended before it failed is delivered. */
        if (list_has_failed(call, view->status))
                view->end = MAX_OF(view->end, MIN_OF(call->had, view->n_spooled));
        else
                call->had = MAX_OF(call->had, view->end);
        if (!call->is_begun && !call->range.has_after && call->range.first > view->end)
                return LIST_E_NO_RECORD;
        k = serve_place_find(r, &call->range, view, &call->place);
        if (k == SERVE_READ_E_WAIT && !view->is_growing)
                return SERVE_READ_E_BAD;
        if (k != 0)
                return error_trace(k);
        if (!call->is_begun) {
                call->range.first = call->place.at.position;
                if (call->range.first > view->end)
                        return LIST_E_NO_RECORD;
                call->is_begun = true;
        }
        *ret_end = serve_range_end(&call->range, call->range.first, view->end);
        return 0;
}

/* Nothing is there for this call now. */
static int list_at_end(VarlinkCall *c, ListCall *call, const ServeView *view, uint64_t end,
                       uint64_t now_usec) {
        _cleanup_(list_reply_deinit) ListReply reply = { .next = call->place.at };
        int k = 0;

        if (call->place.at.position > end)
                return list_wait(c, call, now_usec); /* it had been further: an extender starts */
        if (call->follow && !list_is_done(call, end)) {
                if (list_has_failed(call, view->status))
                        return error_trace(serve_error_unattestable(c, view->status));
                return list_sleep(c, call, LOOP_FOREVER);
        }
        if (!call->raw)
                k = json_array(&reply.records);
        else if (view->n_spooled > 0)
                (void)spool_reader_order(serve_read(call->serve)->reader, &reply.order);
        if (k == 0)
                k = list_send(c, call, &reply, end, now_usec);
        return error_trace(k);
}

static int list_go_on(VarlinkCall *c, ListCall *call, const ServeView *view, uint64_t end,
                      uint64_t now_usec) {
        _cleanup_(list_reply_deinit) ListReply reply = {};
        bool is_empty;
        int k;

        k = list_collect(call, view, end, &reply);
        if (k < 0)
                return error_trace(k);
        if (k == LIST_E_LARGE)
                return error_trace(varlink_error_expected_more(c));
        is_empty = reply.n_records == 0 && reply.n_raw == 0;
        if (k == SERVE_READ_E_BAD && is_empty)
                return error_trace(serve_error_position(c, "NotSpooled", reply.next.position));
        if (!is_empty || (k == 0 && !call->follow))
                return error_trace(list_send(c, call, &reply, end, now_usec));
        /* The filter left nothing of them. */
        list_move(call, &reply);
        return list_sleep(c, call, now_usec);
}

static int list_answer(VarlinkCall *c, ListCall *call, int outcome, const ServeView *view,
                       uint64_t now_usec) {
        switch (outcome) {
        case SERVE_READ_E_AGAIN:
                return list_sleep(c, call, now_usec);
        case SERVE_READ_E_WAIT:
                return list_wait(c, call, now_usec);
        case SERVE_READ_E_NONE:
                return error_trace(serve_error(c, "NoSuchValue"));
        case SERVE_READ_E_BAD:
                return error_trace(serve_error_position(
                        c, "NotSpooled",
                        call->range.has_after ? view->n_spooled : call->place.position));
        case LIST_E_NO_RECORD:
                return error_trace(serve_error_no_record(c, call->range.first, view->end));
        default:
                return error_trace(outcome);
        }
}

static int list_step(VarlinkCall *c, void *state, uint64_t now_usec) {
        ListCall *call = state;
        ServeView view = {};
        uint64_t end = 0;
        int k;

        k = list_find(call, &view, &end);
        if (k != 0)
                return error_trace(list_answer(c, call, k, &view, now_usec));
        if (call->place.at.position >= end)
                return error_trace(list_at_end(c, call, &view, end, now_usec));
        call->waits_usec = 0;
        return error_trace(list_go_on(c, call, &view, end, now_usec));
}

/*
 * The beginning
 */

typedef struct ListText {
        ServeRangeText range;
        JsonBool raw, follow;
        const Json *filter;
} ListText;

static int list_take(ListCall *call, const Json *parameters, const char **ret_bad) {
        static const JsonField fields[] = {
                { "first", JSON_TYPE_U64, false, offsetof(ListText, range.first) },
                { "after", JSON_TYPE_MAP, false, offsetof(ListText, range.after) },
                { "count", JSON_TYPE_U64, false, offsetof(ListText, range.count) },
                { "filter", JSON_TYPE_MAP, false, offsetof(ListText, filter) },
                { "pending", JSON_TYPE_BOOL, false, offsetof(ListText, range.pending) },
                { "raw", JSON_TYPE_BOOL, false, offsetof(ListText, raw) },
                { "follow", JSON_TYPE_BOOL, false, offsetof(ListText, follow) },
        };
        ListText text;
        int k;

        k = json_take(parameters, fields, ELEMENTSOF(fields), true, &text, ret_bad);
        if (k != 0)
                return k < 0 ? error_trace(k) : LIST_E_INVALID;
        if (!serve_range_take(serve_read(call->serve), &text.range, &call->range, ret_bad))
                return LIST_E_INVALID;
        call->raw = text.raw.value;
        call->follow = text.follow.value;
        if (!text.filter)
                return 0;
        *ret_bad = "filter";
        k = call->raw ? SERVE_FILTER_E_UNFIT : serve_filter_take(text.filter, &call->filter);
        return k == SERVE_FILTER_E_UNFIT ? LIST_E_INVALID : error_trace(k);
}

/**
 * serve_read_list() - ReadList
 * @c:        the call
 * @userdata: the server
 *
 * Return: 0, or a negative errno.
 */
int serve_read_list(VarlinkCall *c, void *userdata) {
        ListCall *call = calloc(1, sizeof(*call));
        const char *bad = NULL;
        int k;

        if (!call)
                return error_origin(-ENOMEM);
        call->serve = userdata;
        call->wants_more = varlink_call_wants_more(c);
        k = list_take(call, varlink_call_parameters(c), &bad);
        if (k == 0 && (!call->follow || call->wants_more))
                return list_sleep(c, call, serve_now_usec(userdata));
        list_free(call);
        if (k < 0)
                return error_trace(k);
        return error_trace(k == 0 ? varlink_error_expected_more(c) : varlink_error_invalid(c, bad));
}

static const VarlinkMethod methods[] = {
        { "ReadList", serve_read_list },
        { "OpenList", serve_open_list },
        { "Verify", serve_verify },
};

const VarlinkInterface serve_interface_replay = {
        .name = "org.imareplay.replay",
        .description = varlink_idl_replay,
        .methods = methods,
        .n_methods = ELEMENTSOF(methods),
};
