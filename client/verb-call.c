/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ima-replayctl call, introspect: a Varlink client for any method, where there is no varlinkctl.
 */
#include <string.h>

#include "base/error.h"
#include "base/escape.h"
#include "base/exit.h"
#include "client/input.h"
#include "client/output.h"
#include "client/remote.h"
#include "os/message.h"

#define CALL_DEPTH_MAX 64U

/* The socket of the list serves everything, but not to everybody. */
static int call_open(const CtlOptions *o, const char *interface, Remote *ret_remote) {
        bool is_replay = strncmp(interface, REMOTE_REPLAY, strlen(REMOTE_REPLAY)) == 0;
        int r;

        if (is_replay)
                return remote_open(o, REMOTE_REPLAY, ret_remote);
        r = remote_try(o, strcmp(interface, "") == 0 ? REMOTE_REPLAY : REMOTE_STATUS, ret_remote);
        if (r != REMOTE_E_DENIED)
                return r;
        remote_close(ret_remote);
        return remote_open(o, REMOTE_STATUS, ret_remote);
}

static int call_parameters(const CtlOptions *o, Json **ret_map) {
        const char *text = o->arguments[1] ? o->arguments[1] : "{}";
        _cleanup_(json_dropp) Json *map = NULL;
        int r;

        r = json_parse(bytes_of_text(text), CALL_DEPTH_MAX, &map);
        if (r > 0 || (r == 0 && !json_is_map(map))) {
                message_error("call: '%s' is no JSON object; → try '{}'", text);
                return EXIT_USAGE;
        }
        if (r == 0)
                *ret_map = TAKE(map);
        return error_trace(r);
}

static int call_show(const CtlOptions *o, const VarlinkReply *reply) {
        JsonForm form = o->json != JSON_OFF ? o->json : JSON_PRETTY;
        int r;

        if (!reply->error)
                return error_trace(remote_print_json(reply->parameters, form, o->more));
        message_error("%s", reply->error);
        r = remote_print_json(reply->parameters, form, o->more);
        return r < 0 ? error_trace(r) : EXIT_ERROR;
}

/* Return: an exit status, after messages; a negative errno. */
static int call_run(const CtlOptions *o, Remote *remote, Json **parameters) {
        bool continues;
        int r;

        r = remote_send(remote, o->arguments[0], parameters, o->more);
        if (r != 0)
                return r < 0 ? error_trace(r) : EXIT_ERROR;
        do {
                VarlinkReply reply = { .fd = -1 };

                r = remote_receive(remote, LOOP_FOREVER, &reply);
                if (r > 0)
                        r = EXIT_ERROR;
                if (r == 0)
                        r = call_show(o, &reply);
                continues = r == 0 && reply.continues;
                varlink_reply_deinit(&reply);
                if (output_flush() < 0)
                        continues = false;
        } while (continues);
        return r < 0 ? error_trace(r) : r;
}

/**
 * verb_call() - ima-replayctl call METHOD [JSON]
 * @o: the options
 *
 * Return: EXIT_GOOD; EXIT_ERROR also for an error of the method, whose parameters are printed;
 *         EXIT_USAGE; a negative errno.
 */
int verb_call(const CtlOptions *o) {
        const char *dot = strrchr(o->arguments[0], '.');
        _cleanup_(json_dropp) Json *parameters = NULL;
        Remote remote = {};
        int r;

        if (!dot || dot == o->arguments[0]) {
                message_error("call %s: INTERFACE.METHOD was expected; → try ima-replayctl "
                              "introspect",
                              o->arguments[0]);
                return EXIT_USAGE;
        }
        r = call_parameters(o, &parameters);
        if (r != 0)
                return r < 0 ? error_trace(r) : r;
        r = call_open(o, o->arguments[0], &remote);
        r = r == 0 ? call_run(o, &remote, &parameters) : r > 0 ? EXIT_ERROR : r;
        remote_close(&remote);
        return r < 0 ? error_trace(r) : r;
}

typedef struct Introspection {
        Bytes vendor, product, version, url, description;
        const Json *interfaces;
} Introspection;

static const JsonField info_fields[] = {
        { "vendor", JSON_TYPE_TEXT, true, offsetof(Introspection, vendor) },
        { "product", JSON_TYPE_TEXT, true, offsetof(Introspection, product) },
        { "version", JSON_TYPE_TEXT, true, offsetof(Introspection, version) },
        { "url", JSON_TYPE_TEXT, true, offsetof(Introspection, url) },
        { "interfaces", JSON_TYPE_ARRAY, true, offsetof(Introspection, interfaces) },
};

static const JsonField description_fields[] = {
        { "description", JSON_TYPE_TEXT, true, offsetof(Introspection, description) },
};

/* Line by line, as each is escaped for itself; an interface is indented with tabs. */
static int print_lines(Bytes text) {
        while (text.n > 0) {
                _cleanup_free_ char *escaped = NULL;
                Bytes line, rest;
                int r;

                if (!bytes_take_until(&text, '\n', &line))
                        (void)bytes_take(&text, text.n, &line);
                for (rest = line; rest.n > 0 && rest.data[0] == '\t'; line = rest) {
                        (void)bytes_take(&rest, 1, &line);
                        (void)putchar('\t');
                }
                r = escape_new(rest, &escaped);
                if (r < 0)
                        return error_trace(r);
                (void)puts(escaped);
        }
        return 0;
}

static int introspect_print(const CtlOptions *o, const Remote *remote, const VarlinkReply *reply) {
        bool is_info = !o->arguments[0];
        Introspection in = {};
        const char *bad = "";
        int r;

        r = json_take(reply->parameters, is_info ? info_fields : description_fields,
                      is_info ? ELEMENTSOF(info_fields) : ELEMENTSOF(description_fields), false,
                      &in, &bad);
        if (r != 0)
                return r < 0 ? error_trace(r) : remote_misfit(remote, bad);
        if (o->json != JSON_OFF)
                return error_trace(remote_print_json(reply->parameters, o->json, false));
        if (!is_info)
                return error_trace(print_lines(in.description));
        for (size_t i = 0; i < json_length(in.interfaces) && r == 0; ++i) {
                _cleanup_free_ char *name = NULL;
                Bytes text;

                r = json_as_text(json_at(in.interfaces, i), &text);
                if (r == 0)
                        r = remote_text(text, &name);
                if (r == 0)
                        (void)puts(name);
        }
        return error_trace(r);
}

/* Return: an exit status, after messages; a negative errno. */
static int introspect_ask(const CtlOptions *o, Remote *remote, VarlinkReply *reply) {
        _cleanup_(json_dropp) Json *parameters = NULL;
        int r;

        r = json_map(&parameters);
        if (r == 0 && o->arguments[0])
                r = json_put_text(parameters, "interface", bytes_of_text(o->arguments[0]));
        if (r == 0)
                r = remote_call(remote,
                                o->arguments[0] ? "org.varlink.service.GetInterfaceDescription"
                                                : "org.varlink.service.GetInfo",
                                &parameters, REMOTE_PATIENCE_USEC, reply);
        if (r != 0)
                return r < 0 ? error_trace(r) : EXIT_ERROR;
        if (reply->error)
                return remote_error(reply);
        r = introspect_print(o, remote, reply);
        return r < 0 ? error_trace(r) : r == 0 ? EXIT_GOOD : EXIT_ERROR;
}

/**
 * verb_introspect() - ima-replayctl introspect [INTERFACE]
 * @o: the options
 *
 * Return: EXIT_GOOD; EXIT_ERROR; a negative errno.
 */
int verb_introspect(const CtlOptions *o) {
        VarlinkReply reply = { .fd = -1 };
        Remote remote = {};
        int r;

        r = call_open(o, o->arguments[0] ? o->arguments[0] : "", &remote);
        r = r == 0 ? introspect_ask(o, &remote, &reply) : r > 0 ? EXIT_ERROR : r;
        varlink_reply_deinit(&reply);
        remote_close(&remote);
        return r < 0 ? error_trace(r) : r;
}
