/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * org.imareplay.replay.OpenList: the list as a file, built step by step, sealed and sent.
 *
 * Two at most are being built. Whoever asks for what is there already gets that (serve-files.h).
 * What would be too large, or has no room, is still measured, so that the answer says how much it
 * would be.
 */
#include <string.h>

#include "base/error.h"
#include "core/cel.h"
#include "core/render.h"
#include "daemon/serve-methods.h"
#include "daemon/serve-read.h"

#define OPEN_AT_ONCE 2U

typedef enum OpenFormat {
        OPEN_BINARY,
        OPEN_ASCII,
        OPEN_CEL_JSON,
        _OPEN_FORMAT_N,
} OpenFormat;

static const char *const format_names[_OPEN_FORMAT_N] = { "binary", "ascii", "cel_json" };

typedef struct OpenCall {
        Serve *serve;
        ServeRange range;
        ServePlace place; /* with range.has_after */
        OpenFormat format;
        uint64_t waits_usec; /* since when nothing can be read; 0: it can */
        bool has_slot;
        bool is_begun; /* then: */
        uint64_t epoch;
        ServeFile *file; /* being built, or another's that is the same; NULL: only measured */
        uint64_t size, first, position, end;
        ByteOrder order;
        Cel cel;
        uint64_t counted; /* records before `first` that cel has counted */
} OpenCall;

/* Continues the outcomes of serve-read.h. */
enum {
        OPEN_E_NO_RECORD = SERVE_READ_E_NONE + 1,
        OPEN_E_TOO_LARGE,
};

static ServeFiles *open_files(const OpenCall *call) {
        return &serve_read(call->serve)->files;
}

/* What is whole is not ours alone any more. */
static void open_drop_file(OpenCall *call) {
        if (call->file && !call->file->is_whole)
                serve_file_drop(call->file);
        call->file = NULL;
}

static void open_free(void *state) {
        OpenCall *call = state;

        if (call->has_slot)
                --serve_read(call->serve)->n_opening;
        open_drop_file(call);
        free(call);
}

/*
 * What a step writes
 */

typedef struct OpenText {
        uint8_t *data;
        size_t n, max;
        bool failed; /* no memory */
} OpenText;

static void open_text_deinit(OpenText *text) {
        free(text->data);
}

static void open_put(void *userdata, Bytes piece) {
        OpenText *text = userdata;

        if (text->failed)
                return;
        if (piece.n > text->max - text->n) {
                size_t max = MAX_OF(2 * text->max, text->n + piece.n + SERVE_STEP_BYTES);
                uint8_t *larger = realloc(text->data, max);

                if (!larger) {
                        text->failed = true;
                        return;
                }
                text->data = larger;
                text->max = max;
        }
        if (piece.n > 0)
                memcpy(text->data + text->n, piece.data, piece.n);
        text->n += piece.n;
}

static int open_write(OpenCall *call, const OpenText *text) {
        int r = 0;

        if (text->failed)
                return error_origin(-ENOMEM);
        if (call->file && call->size + text->n <= SERVE_FILE_MAX && text->n > 0)
                r = write_at(call->file->fd, call->size, bytes_of(text->data, text->n));
        call->size += text->n;
        return error_origin(r);
}

static int open_put_record(OpenCall *call, const ServeView *view, const MlistRecord *record,
                           const RenderSink *to) {
        const ServeRead *r = serve_read(call->serve);
        BankMask banks;
        DigestSet digests;
        int k;

        switch (call->format) {
        case OPEN_BINARY:
                render_binary(to, record, call->order);
                return 0;
        case OPEN_ASCII:
                return error_trace(render_ascii(to, record, call->order, true));
        case OPEN_CEL_JSON:
                banks = serve_read_banks(r, view->status, record->pcr);
                k = serve_read_digests(r, record, banks, &digests);
                if (k == 0)
                        cel_put_json(&call->cel, record, banks, &digests, to);
                return error_trace(k);
        case _OPEN_FORMAT_N:
                break;
        }
        return error_origin(-EINVAL);
}

/* Return: 0: it is complete; SERVE_READ_E_AGAIN, SERVE_READ_E_BAD; a negative errno. */
static int open_build(OpenCall *call, const ServeView *view) {
        _cleanup_(open_text_deinit) OpenText text = {};
        const RenderSink to = { open_put, &text };
        ServeRead *r = serve_read(call->serve);
        SpoolRecord got;
        int k = 0, w;

        while (k == 0 && call->format == OPEN_CEL_JSON && call->counted < call->first) {
                k = serve_read_get(r, call->counted, &got);
                if (k == 0) {
                        cel_skip(&call->cel, &got.record);
                        ++call->counted;
                }
        }
        while (k == 0 && call->position < call->end) {
                k = serve_read_get(r, call->position, &got);
                if (k == 0)
                        k = open_put_record(call, view, &got.record, &to);
                if (k == 0)
                        ++call->position;
        }
        if (k < 0)
                return error_trace(k);
        if (k == 0 && call->format == OPEN_CEL_JSON)
                cel_end_json(&call->cel, &to);
        w = open_write(call, &text);
        return w < 0 ? error_trace(w) : k;
}

/*
 * Steps
 */

/* CEL has the digests of every bank that a PCR has. */
static ServeFileKey open_key(const OpenCall *call, const Status *status) {
        ServeFileKey key = { .epoch = call->epoch,
                             .first = call->first,
                             .end = call->end,
                             .format = call->format,
                             .order = call->order };

        for (uint32_t i = 0; call->format == OPEN_CEL_JSON && i < status->n_pcrs; ++i)
                key.banks[status->pcr[i].pcr] = status->pcr[i].banks;
        return key;
}

static int open_choose_file(OpenCall *call, const Status *status) {
        const ServeFileKey key = open_key(call, status);

        open_drop_file(call);
        call->file = serve_files_find(open_files(call), &key);
        if (!call->file)
                return error_trace(serve_files_new(open_files(call), &key, &call->file));
        call->position = call->end;
        call->size = call->file->size;
        return 0;
}

/* Where it begins and ends; also anew, where the files were replaced under it. */
static int open_begin(OpenCall *call, const ServeView *view) {
        ServeRead *r = serve_read(call->serve);
        int k = 0;

        if (call->range.has_after)
                k = serve_place_find(r, &call->range, view, &call->place);
        if (k != 0)
                return error_trace(k);
        call->first = call->range.has_after ? call->place.at.position : call->range.first;
        if (call->first > view->end)
                return OPEN_E_NO_RECORD;
        if (view->n_spooled > 0)
                k = spool_reader_order(r->reader, &call->order);
        if (k != 0)
                return k < 0 ? error_trace(k) : SERVE_READ_E_BAD;
        call->end = serve_range_end(&call->range, call->first, view->end);
        call->position = call->first;
        call->size = call->counted = 0;
        cel_init(&call->cel);
        call->epoch = r->epoch;
        call->is_begun = true;
        return error_trace(open_choose_file(call, view->status));
}

static int open_go_on(OpenCall *call, ServeView *view) {
        const ServeRead *r = serve_read(call->serve);
        int k;

        k = serve_read_look(call->serve, call->range.pending, view);
        if (k == 0 && (!call->is_begun || call->epoch != r->epoch)) {
                call->is_begun = false;
                k = open_begin(call, view);
        }
        if (k == 0 && !(call->file && call->file->is_whole))
                k = open_build(call, view);
        if (k != 0)
                return error_trace(k);
        return !call->file || call->size > SERVE_FILE_MAX ? OPEN_E_TOO_LARGE : 0;
}

/* Of two who built the same one gives up his. */
static int open_give(OpenCall *call, int *ret_fd) {
        ServeFile *same = serve_files_find(open_files(call), &call->file->key);
        int r = 0;

        if (same && same != call->file) {
                open_drop_file(call);
                call->file = same;
        }
        if (!same)
                r = serve_file_finish(call->file, call->size);
        if (r == 0)
                r = serve_file_give(call->file, ret_fd);
        return error_trace(r);
}

static int open_send(VarlinkCall *c, OpenCall *call) {
        _cleanup_(json_dropp) Json *map = NULL;
        _cleanup_close_ int fd = -1;
        int k;

        k = open_give(call, &fd);
        if (k < 0)
                return error_trace(k);
        call->file = NULL;
        k = json_map(&map);
        if (k == 0)
                k = json_put_u64(map, "listFileDescriptor", 0);
        if (k == 0)
                k = json_put_u64(map, "size", call->size);
        if (k == 0 && call->format == OPEN_BINARY)
                k = json_put_text(map, "byteOrder",
                                  bytes_of_text(call->order == ORDER_BIG ? "big" : "little"));
        if (k == 0)
                k = json_put_u64(map, "first", call->first);
        if (k == 0)
                k = json_put_u64(map, "next", call->position);
        if (k == 0)
                k = varlink_reply_fd(c, &map, &fd);
        return k > 0 ? error_fold(k) : error_trace(k); /* a small reply always has room */
}

static int open_step(VarlinkCall *c, void *state, uint64_t now_usec);

static int open_sleep(VarlinkCall *c, OpenCall *call, uint64_t until_usec) {
        static const VarlinkHold hold = { .resume = open_step, .free = open_free };

        varlink_call_hold(c, &hold, call, until_usec);
        return 0;
}

static int open_wait(VarlinkCall *c, OpenCall *call, uint64_t now_usec) {
        if (call->waits_usec == 0)
                call->waits_usec = now_usec;
        if (now_usec - call->waits_usec < SERVE_WAIT_USEC)
                return open_sleep(c, call, call->waits_usec + SERVE_WAIT_USEC);
        return error_trace(serve_error_not_ready(c, serve_status(call->serve)));
}

static int open_step(VarlinkCall *c, void *state, uint64_t now_usec) {
        OpenCall *call = state;
        ServeView view = {};
        int k;

        if (!call->has_slot && serve_read(call->serve)->n_opening == OPEN_AT_ONCE)
                return open_sleep(c, call, now_usec + SERVE_AGAIN_USEC);
        serve_read(call->serve)->n_opening += !call->has_slot;
        call->has_slot = true;
        k = open_go_on(call, &view);
        switch (k) {
        case 0:
                return error_trace(open_send(c, call));
        case SERVE_READ_E_AGAIN:
                call->waits_usec = 0;
                return open_sleep(c, call, now_usec);
        case SERVE_READ_E_WAIT:
                return open_wait(c, call, now_usec);
        case SERVE_READ_E_NONE:
                return error_trace(serve_error(c, "NoSuchValue"));
        case SERVE_READ_E_BAD:
                return error_trace(serve_error_position(
                        c, "NotSpooled", call->is_begun ? call->position : call->range.first));
        case OPEN_E_NO_RECORD:
                return error_trace(serve_error_no_record(c, call->first, view.end));
        case OPEN_E_TOO_LARGE:
                return error_trace(
                        serve_error_too_large(c, call->size, call->file ? SERVE_FILE_MAX : 0));
        default:
                return error_trace(k);
        }
}

/*
 * The beginning
 */

typedef struct OpenParameters {
        ServeRangeText range;
        Bytes format;
} OpenParameters;

static bool open_take(OpenCall *call, const Json *parameters, const char **ret_bad) {
        static const JsonField fields[] = {
                { "format", JSON_TYPE_TEXT, true, offsetof(OpenParameters, format) },
                { "first", JSON_TYPE_U64, false, offsetof(OpenParameters, range.first) },
                { "after", JSON_TYPE_MAP, false, offsetof(OpenParameters, range.after) },
                { "count", JSON_TYPE_U64, false, offsetof(OpenParameters, range.count) },
                { "pending", JSON_TYPE_BOOL, false, offsetof(OpenParameters, range.pending) },
        };
        OpenParameters text;

        if (json_take(parameters, fields, ELEMENTSOF(fields), true, &text, ret_bad) != 0 ||
            !serve_range_take(serve_read(call->serve), &text.range, &call->range, ret_bad))
                return false;
        *ret_bad = "format";
        while (call->format < _OPEN_FORMAT_N &&
               !bytes_equal_text(text.format, format_names[call->format]))
                ++call->format;
        return call->format < _OPEN_FORMAT_N;
}

/**
 * serve_open_list() - OpenList
 * @c:        the call
 * @userdata: the server
 *
 * Return: 0, or a negative errno.
 */
int serve_open_list(VarlinkCall *c, void *userdata) {
        OpenCall *call = calloc(1, sizeof(*call));
        const char *bad;

        if (!call)
                return error_origin(-ENOMEM);
        call->serve = userdata;
        if (open_take(call, varlink_call_parameters(c), &bad))
                return open_sleep(c, call, serve_now_usec(userdata));
        open_free(call);
        return error_trace(varlink_error_invalid(c, bad));
}
