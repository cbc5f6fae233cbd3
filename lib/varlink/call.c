/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A message becomes a call, and what is answered to it.
 */
#include "varlink/call-internal.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "base/error.h"
#include "varlink/idl.h"
#include "varlink/limits.h"

#define SERVICE "org.varlink.service"

/**
 * call_of() - no call yet
 * @link:   where it will come from; borrowed
 * @served: what is served there; borrowed
 *
 * Return: it, closed.
 */
VarlinkCall call_of(VarlinkLink *link, const VarlinkServed *served) {
        return (VarlinkCall){ .link = link, .served = served };
}

/**
 * call_deinit() - end a call, answered or not
 * @c: the call; closed already, too
 */
void call_deinit(VarlinkCall *c) {
        if (c->is_held && c->hold.free)
                c->hold.free(c->state);
        json_drop(c->message);
        *c = call_of(c->link, c->served);
}

/*
 * Replies
 */

static int call_reply(const char *error, bool continues, Json **parameters, Json **ret_reply) {
        _cleanup_(json_dropp) Json *reply = NULL;
        int r;

        r = json_map(&reply);
        if (r == 0 && error)
                r = json_put_literal(reply, "error", error);
        if (r == 0 && !*parameters) /* may be left out; older clients want it */
                r = json_map(parameters);
        if (r == 0)
                r = json_put(reply, "parameters", parameters);
        if (r == 0 && continues)
                r = json_put_bool(reply, "continues", true);
        if (r == 0)
                *ret_reply = TAKE(reply);
        return error_trace(r);
}

/* The one way out. A call that is oneway has no replies, whatever its handler thinks. */
static int call_answer(VarlinkCall *c, const char *error, bool continues, Json **parameters,
                       int *fd) {
        size_t max = c->served->socket->is_small ? VARLINK_REPLY_MAX : VARLINK_REPLY_LARGE_MAX;
        _cleanup_(json_dropp) Json *given = parameters ? TAKE(*parameters) : NULL, *reply = NULL;
        _cleanup_close_ int given_fd = fd ? take_fd(fd) : -1;
        Bytes text = {};
        int r;

        assert(c->is_open && !c->is_answered && !c->link->out.data);
        assert(!continues || c->wants_more);
        if (!c->is_oneway && !c->link->is_broken) {
                r = call_reply(error, continues, &given, &reply);
                if (r == 0)
                        r = json_text(reply, &text);
                if (r < 0)
                        return error_trace(r);
                if (++text.n > max) /* its NUL, too */
                        return VARLINK_E_TOO_LARGE;
                r = link_put(c->link, text, &given_fd);
                c->n_wanted = r == LINK_E_NO_ROOM ? text.n : 0;
                if (r != 0)
                        return r < 0 ? error_trace(r) : VARLINK_E_NO_ROOM;
        }
        c->is_answered = !continues;
        c->is_due = true; /* with the next reply, unless this one has to wait */
        return 0;
}

/**
 * varlink_reply() - answer a call; varlink_reply_fd() with a file
 * @c:          the call; gone when the handler returns
 * @parameters: an object, or NULL inside; taken over and NULL afterwards, whatever the result
 *
 * Return: 0; VARLINK_E_NO_ROOM, VARLINK_E_TOO_LARGE: nothing was sent; -ENOMEM.
 */
int varlink_reply(VarlinkCall *c, Json **parameters) {
        return error_trace(call_answer(c, NULL, false, parameters, NULL));
}

int varlink_reply_fd(VarlinkCall *c, Json **parameters, int *fd) {
        return error_trace(call_answer(c, NULL, false, parameters, fd));
}

/**
 * varlink_reply_continue() - answer a call, with more to come
 * @c:          the call; it wants more
 * @parameters: as of varlink_reply()
 *
 * At most one a turn: then hold the call, and make the next one when it is resumed.
 *
 * Return: 0; VARLINK_E_NO_ROOM, VARLINK_E_TOO_LARGE: nothing was sent; -ENOMEM.
 */
int varlink_reply_continue(VarlinkCall *c, Json **parameters) {
        return error_trace(call_answer(c, NULL, true, parameters, NULL));
}

/**
 * varlink_error() - answer a call with an error
 * @c:          the call; gone when the handler returns
 * @name:       its full name, a constant
 * @parameters: as of varlink_reply()
 *
 * Return: 0; VARLINK_E_NO_ROOM (not up to 2 KiB), VARLINK_E_TOO_LARGE: nothing was sent; -ENOMEM.
 */
int varlink_error(VarlinkCall *c, const char *name, Json **parameters) {
        return error_trace(call_answer(c, name, false, parameters, NULL));
}

/* An error that says one thing, which may have come from outside. What is long is cut. */
static int call_error_about(VarlinkCall *c, const char *name, const char *key, Bytes what) {
        _cleanup_(json_dropp) Json *parameters = NULL;
        int r;

        what.n = MIN_OF(what.n, (size_t)VARLINK_REPLY_SMALL / 16);
        r = json_map(&parameters);
        if (r == 0)
                r = json_put_text(parameters, key, what);
        return r < 0 ? error_trace(r) : error_trace(varlink_error(c, name, &parameters));
}

/**
 * varlink_error_invalid() - answer with org.varlink.service.InvalidParameter
 * @c:         the call; gone when the handler returns
 * @parameter: its name; any bytes
 *
 * Return: 0 or -ENOMEM.
 */
int varlink_error_invalid(VarlinkCall *c, const char *parameter) {
        return error_trace(call_error_about(c, SERVICE ".InvalidParameter", "parameter",
                                            bytes_of_text(parameter)));
}

/**
 * varlink_error_expected_more() - answer with org.varlink.service.ExpectedMore
 * @c: the call; gone when the handler returns
 *
 * Return: 0 or -ENOMEM.
 */
int varlink_error_expected_more(VarlinkCall *c) {
        return error_trace(varlink_error(c, SERVICE ".ExpectedMore", NULL));
}

/*
 * What a handler may ask
 */

/**
 * varlink_call_parameters() - what was given to the method
 * @c: the call; in its handler, not in `resume`: what a held call needs it keeps
 *
 * Return: an object, borrowed until the handler returns.
 */
const Json *varlink_call_parameters(const VarlinkCall *c) {
        assert(c->parameters);
        return c->parameters;
}

/**
 * varlink_call_wants_more() - may there be more than one reply?
 * @c: the call
 *
 * Return: whether it has the flag.
 */
bool varlink_call_wants_more(const VarlinkCall *c) {
        return c->wants_more;
}

/**
 * varlink_call_uid() - who calls
 * @c: the call
 *
 * Return: the uid that the connection was made by (SO_PEERCRED).
 */
uid_t varlink_call_uid(const VarlinkCall *c) {
        return c->link->uid;
}

/**
 * varlink_call_hold() - answer later, or go on later
 * @c:          the call
 * @hold:       what to call; copied
 * @state:      of @hold; `free` gets it when the call ends, whatever ends it
 * @until_usec: when to resume at the latest; once. LOOP_FOREVER: no such time
 */
void varlink_call_hold(VarlinkCall *c, const VarlinkHold *hold, void *state, uint64_t until_usec) {
        assert(c->is_open && (!c->is_held || c->state == state));
        c->is_held = true;
        c->hold = *hold;
        c->state = state;
        c->until_usec = until_usec;
}

/*
 * org.varlink.service
 */

static const VarlinkInterface *call_interface(const VarlinkCall *c, Bytes name);

static int service_info(VarlinkCall *c, void *userdata) {
        const VarlinkSocket *socket = c->served->socket;
        const VarlinkInfo *info = c->served->info;
        _cleanup_(json_dropp) Json *map = NULL, *names = NULL;
        const char *bad;
        int r;

        (void)userdata;
        if (json_take(c->parameters, NULL, 0, true, NULL, &bad) != 0)
                return varlink_error_invalid(c, bad);
        r = json_map(&map);
        if (r == 0)
                r = json_array(&names);
        if (r == 0)
                r = json_put_literal(map, "vendor", info->vendor);
        if (r == 0)
                r = json_put_literal(map, "product", info->product);
        if (r == 0)
                r = json_put_literal(map, "version", info->version);
        if (r == 0)
                r = json_put_literal(map, "url", info->url);
        if (r == 0)
                r = json_add_text(names, BYTES_TEXT(SERVICE));
        for (size_t i = 0; r == 0 && i < socket->n_interfaces; ++i)
                r = json_add_text(names, bytes_of_text(socket->interfaces[i]->name));
        if (r == 0)
                r = json_put(map, "interfaces", &names);
        return r < 0 ? error_trace(r) : varlink_reply(c, &map);
}

static int service_describe(VarlinkCall *c, void *state, uint64_t now_usec) {
        static const VarlinkHold hold = { service_describe, NULL };
        const VarlinkInterface *interface = state;
        _cleanup_(json_dropp) Json *map = NULL;
        int r;

        (void)now_usec;
        r = json_map(&map);
        if (r == 0)
                r = json_put_literal(map, "description", interface->description);
        if (r == 0)
                r = varlink_reply(c, &map);
        if (r != VARLINK_E_NO_ROOM)
                return error_trace(r);
        varlink_call_hold(c, &hold, state, LOOP_FOREVER);
        return 0;
}

static int service_description(VarlinkCall *c, void *userdata) {
        static const JsonField fields[] = { { "interface", JSON_TYPE_TEXT, true, 0 } };
        const VarlinkInterface *interface;
        const char *bad;
        Bytes name;

        (void)userdata;
        if (json_take(c->parameters, fields, ELEMENTSOF(fields), true, &name, &bad) != 0)
                return varlink_error_invalid(c, bad);
        interface = call_interface(c, name);
        if (!interface)
                return call_error_about(c, SERVICE ".InterfaceNotFound", "interface", name);
        return service_describe(c, (void *)interface, 0);
}

static const VarlinkMethod service_methods[] = {
        { "GetInfo", service_info },
        { "GetInterfaceDescription", service_description },
};

static const VarlinkInterface service = {
        SERVICE,
        varlink_idl_service,
        service_methods,
        ELEMENTSOF(service_methods),
};

/*
 * From a message to a handler
 */

static const VarlinkInterface *call_interface(const VarlinkCall *c, Bytes name) {
        const VarlinkSocket *socket = c->served->socket;

        if (bytes_equal_text(name, SERVICE))
                return &service;
        for (size_t i = 0; i < socket->n_interfaces; ++i)
                if (bytes_equal_text(name, socket->interfaces[i]->name))
                        return socket->interfaces[i];
        return NULL;
}

static int call_dispatch(VarlinkCall *c, Bytes method, bool is_upgrade) {
        const uint8_t *dot = method.n > 0 ? memrchr(method.data, '.', method.n) : NULL;
        size_t n_interface = dot ? (size_t)(dot - method.data) : method.n;
        const VarlinkInterface *interface;
        Bytes name = method, head;

        (void)bytes_take(&name, n_interface, &head);
        interface = call_interface(c, head);
        if (!interface)
                return call_error_about(c, SERVICE ".InterfaceNotFound", "interface", head);
        (void)bytes_take(&name, 1, &head); /* the dot */
        for (size_t i = 0; i < interface->n_methods; ++i) {
                if (!bytes_equal_text(name, interface->methods[i].name))
                        continue;
                /* A reply to one that wants to go on otherwise would be a promise. */
                if (is_upgrade || !interface->methods[i].call)
                        return call_error_about(c, SERVICE ".MethodNotImplemented", "method",
                                                method);
                return interface->methods[i].call(c, c->served->userdata);
        }
        return call_error_about(c, SERVICE ".MethodNotFound", "method", method);
}

typedef struct CallHeader {
        Bytes method;
        const Json *parameters;
        JsonBool oneway, more, upgrade;
} CallHeader;

static const JsonField call_fields[] = {
        { "method", JSON_TYPE_TEXT, true, offsetof(CallHeader, method) },
        { "parameters", JSON_TYPE_MAP, false, offsetof(CallHeader, parameters) },
        { "oneway", JSON_TYPE_BOOL, false, offsetof(CallHeader, oneway) },
        { "more", JSON_TYPE_BOOL, false, offsetof(CallHeader, more) },
        { "upgrade", JSON_TYPE_BOOL, false, offsetof(CallHeader, upgrade) },
};

static bool call_knows(const char *member) {
        for (size_t i = 0; i < ELEMENTSOF(call_fields); ++i)
                if (strcmp(call_fields[i].name, member) == 0)
                        return true;
        return strchr(member, '.') != NULL; /* of some vendor */
}

/* What does not fit has no well-defined answer. */
static bool call_take_header(const Json *message, CallHeader *ret_header) {
        JsonMember m;
        const char *bad;

        if (!json_is_map(message) ||
            json_take(message, call_fields, ELEMENTSOF(call_fields), false, ret_header, &bad) != 0)
                return false;
        for (bool any = json_first(message, &m); any; any = json_next(&m))
                if (!call_knows(m.name))
                        return false;
        return ret_header->oneway.value + ret_header->more.value + ret_header->upgrade.value <= 1;
}

/* After a handler. One that neither answers nor holds has forgotten its call: that ends it. */
static int call_settle(VarlinkCall *c, int r) {
        c->parameters = NULL;
        c->message = json_drop(c->message);
        if (r != 0)
                return r < 0 ? error_trace(r) : error_fold(r);
        if (!c->is_answered && !c->is_held)
                return error_origin(-EPROTO);
        if (c->is_answered)
                call_deinit(c);
        return 0;
}

/**
 * call_begin() - take a message as a call, and have it answered or held
 * @c:       closed
 * @message: any bytes; borrowed
 *
 * Return: 0, or a negative errno: the connection ends.
 */
int call_begin(VarlinkCall *c, Bytes message) {
        _cleanup_(json_dropp) Json *none = NULL;
        CallHeader h;
        int r;

        assert(!c->is_open);
        r = json_parse(message, VARLINK_DEPTH_MAX, &c->message);
        if (r == 0 && !call_take_header(c->message, &h))
                r = JSON_E_UNFIT;
        if (r == 0 && !h.parameters)
                r = json_map(&none);
        if (r != 0) {
                c->message = json_drop(c->message);
                return r < 0 ? error_trace(r) : -EBADMSG;
        }
        c->is_open = true;
        c->until_usec = LOOP_FOREVER;
        c->parameters = h.parameters ? h.parameters : none;
        c->wants_more = h.more.value;
        c->is_oneway = h.oneway.value;
        return call_settle(c, call_dispatch(c, h.method, h.upgrade.value));
}

/**
 * call_resume() - go on with a call that is held and due
 * @c:        the call; no reply is under way
 * @now_usec: now
 *
 * Return: 0, or a negative errno: the connection ends.
 */
int call_resume(VarlinkCall *c, uint64_t now_usec) {
        assert(c->is_open && c->is_held);
        c->is_due = false;
        c->n_wanted = 0;
        if (c->until_usec <= now_usec)
                c->until_usec = LOOP_FOREVER; /* once */
        return call_settle(c, c->hold.resume(c, c->state, now_usec));
}
