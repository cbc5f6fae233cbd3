/* SPDX-License-Identifier: BSD-2-Clause */
#include "daemon/serve-read.h"

#include <string.h>

#include "base/error.h"

#define ERROR_PREFIX   "org.imareplay.replay."
#define ERROR_NAME_MAX 64U

static int error_send(VarlinkCall *c, const char *name, Json **parameters) {
        char full[ERROR_NAME_MAX];

        (void)snprintf(full, sizeof(full), ERROR_PREFIX "%s", name);
        return error_trace(varlink_error(c, full, parameters));
}

static int error_send_numbers(VarlinkCall *c, const char *name, const char *const keys[2],
                              const uint64_t values[2]) {
        _cleanup_(json_dropp) Json *map = NULL;
        int r;

        r = json_map(&map);
        for (size_t i = 0; r == 0 && i < 2 && keys[i]; ++i)
                r = json_put_u64(map, keys[i], values[i]);
        return r < 0 ? error_trace(r) : error_trace(error_send(c, name, &map));
}

/**
 * serve_error() - an error without parameters; the others have what their interface says
 * @c:    the call; gone afterwards
 * @name: in org.imareplay.replay
 *
 * Return: 0, or a negative errno.
 */
int serve_error(VarlinkCall *c, const char *name) {
        return error_trace(
                error_send_numbers(c, name, (const char *const[2]){}, (const uint64_t[2]){}));
}

int serve_error_position(VarlinkCall *c, const char *name, uint64_t position) {
        return error_trace(error_send_numbers(c, name, (const char *const[2]){ "position" },
                                              (const uint64_t[2]){ position }));
}

int serve_error_no_record(VarlinkCall *c, uint64_t position, uint64_t end) {
        return error_trace(error_send_numbers(c, "NoSuchRecord",
                                              (const char *const[2]){ "position", "end" },
                                              (const uint64_t[2]){ position, end }));
}

int serve_error_too_large(VarlinkCall *c, uint64_t size, uint64_t limit) {
        return error_trace(error_send_numbers(c, "TooLarge",
                                              (const char *const[2]){ "size", "limit" },
                                              (const uint64_t[2]){ size, limit }));
}

/* State and reason, and for people what the extender said. */
static int error_send_state(VarlinkCall *c, const char *name, const Status *status,
                            bool has_message) {
        PlanState state = status ? status->state : PLAN_INIT;
        _cleanup_(json_dropp) Json *map = NULL;
        int r;

        r = json_map(&map);
        if (r == 0)
                r = json_put_text(map, "state", bytes_of_text(plan_state_name(state)));
        if (r == 0 && status && status->reason != PLAN_REASON_NONE)
                r = json_put_text(
                        map, "reason",
                        bytes_of_text(plan_reason_name_of(status->reason, status->mode_reason)));
        if (r == 0 && status && has_message && status->text[0])
                r = json_put_text(map, "message", bytes_of_text(status->text));
        return r < 0 ? error_trace(r) : error_trace(error_send(c, name, &map));
}

/**
 * serve_error_not_ready() - it cannot be done yet
 * @c:      the call; gone afterwards
 * @status: the newest; NULL: there is no extender
 *
 * Return: 0, or a negative errno.
 */
int serve_error_not_ready(VarlinkCall *c, const Status *status) {
        return error_trace(error_send_state(c, "NotReady", status, false));
}

int serve_error_unattestable(VarlinkCall *c, const Status *status) {
        return error_trace(error_send_state(c, "Unattestable", status, true));
}
