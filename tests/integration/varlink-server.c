/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * varlink-server.c -- org.varlink.certification on our server, for clients that nobody here wrote.
 *
 *   varlink-server SOCKET [SMALL-SOCKET]
 *
 * Prints "ready" once it listens. Beside the certification both sockets show our own interfaces,
 * whose methods are not implemented here, and org.example.load, for hostile clients.
 */
#include <errno.h>
#include <json-c/json.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "varlink/idl.h"
#include "varlink/server.h"

#define CERT "org.varlink.certification"
#define LOAD "org.example.load"

static const char cert_idl[] = {
        "interface " CERT "\n\n"
        "type Interface(\n\tfoo: ?[]?[string](foo, bar, baz),\n\tanon: (foo: bool, bar: "
        "bool)\n)\n\n"
        "type MyType(\n\tobject: object,\n\tenum: (one, two, three),\n"
        "\tstruct: (first: int, second: string),\n\tarray: []string,\n\tdictionary: "
        "[string]string,\n"
        "\tstringset: [string](),\n\tnullable: ?string,\n"
        "\tnullable_array_struct: ?[](first: int, second: string),\n\tinterface: Interface\n)\n\n"
        "method Start() -> (client_id: string)\n\n"
        "method Test01(client_id: string) -> (bool: bool)\n\n"
        "method Test02(client_id: string, bool: bool) -> (int: int)\n\n"
        "method Test03(client_id: string, int: int) -> (float: float)\n\n"
        "method Test04(client_id: string, float: float) -> (string: string)\n\n"
        "method Test05(client_id: string, string: string) -> "
        "(bool: bool, int: int, float: float, string: string)\n\n"
        "method Test06(client_id: string, bool: bool, int: int, float: float, string: string) -> "
        "(struct: (bool: bool, int: int, float: float, string: string))\n\n"
        "method Test07(client_id: string, struct: "
        "(bool: bool, int: int, float: float, string: string)) -> (map: [string]string)\n\n"
        "method Test08(client_id: string, map: [string]string) -> (set: [string]())\n\n"
        "method Test09(client_id: string, set: [string]()) -> (mytype: MyType)\n\n"
        "method Test10(client_id: string, mytype: MyType) -> (string: string)\n\n"
        "method Test11(client_id: string, last_more_replies: []string) -> ()\n\n"
        "method End(client_id: string) -> (all_ok: bool)\n\n"
        "error ClientIdError()\n\n"
        "error CertificationError(wants: object, got: object)\n"
};

/*
 * The certification: what each step wants beside client_id, and gives. Values are those of the
 * reference servers in Go, Rust and Python.
 */

#define VALUES "\"bool\":false,\"int\":2,\"float\":3.141592653589793,\"string\":\"a lot of string\""
#define MAP    "\"map\":{\"foo\":\"Foo\",\"bar\":\"Bar\"}"
#define SET    "{\"one\":{},\"two\":{},\"three\":{}}"
#define MY_TYPE                                                                                    \
        "\"mytype\":{\"object\":{\"method\":\"" CERT ".Test09\",\"parameters\":{" MAP "}},"        \
        "\"enum\":\"two\",\"struct\":{\"first\":1,\"second\":\"2\"},"                              \
        "\"array\":[\"one\",\"two\",\"three\"],\"dictionary\":{\"foo\":\"Foo\",\"bar\":\"Bar\"},"  \
        "\"stringset\":" SET ",\"interface\":{\"foo\":[null,{\"foo\":\"foo\",\"bar\":\"bar\"},"    \
        "null,{\"one\":\"foo\",\"two\":\"bar\"}],\"anon\":{\"foo\":true,\"bar\":false}}}"
#define REPLY(n) "\"Reply number " n "\""

static const struct {
        const char *wants, *gives;
} steps[] = {
        { "{}", "{\"bool\":true}" },
        { "{\"bool\":true}", "{\"int\":1}" },
        { "{\"int\":1}", "{\"float\":1.0}" },
        { "{\"float\":1.0}", "{\"string\":\"ping\"}" },
        { "{\"string\":\"ping\"}", "{" VALUES "}" },
        { "{" VALUES "}", "{\"struct\":{" VALUES "}}" },
        { "{\"struct\":{" VALUES "}}", "{" MAP "}" },
        { "{" MAP "}", "{\"set\":" SET "}" },
        { "{\"set\":" SET "}", "{" MY_TYPE "}" },
        { "{" MY_TYPE "}", NULL },
        { "{\"last_more_replies\":[" REPLY("1") "," REPLY("2") "," REPLY("3") "," REPLY("4") "," REPLY(
                  "5") "," REPLY("6") "," REPLY("7") "," REPLY("8") "," REPLY("9") "," REPLY("10") "]}",
          "{}" },
        { "{}", "{\"all_ok\":true}" },
};

#define STEP_MORE   9U
#define STEP_ONEWAY 10U
#define CLIENTS_MAX 64U

static unsigned next_step[CLIENTS_MAX]; /* of each client; its id is its number */
static unsigned n_clients;

static Json *parse(const char *text) {
        Json *j = NULL;

        if (json_parse(bytes_of_text(text), VARLINK_DEPTH_MAX, &j) != 0)
                abort();
        return j;
}

static int on_start(VarlinkCall *c, void *userdata) {
        _cleanup_(json_dropp) Json *j = NULL;
        char id[16];

        (void)userdata;
        (void)snprintf(id, sizeof(id), "%u", n_clients % CLIENTS_MAX);
        next_step[n_clients++ % CLIENTS_MAX] = 0;
        if (json_map(&j) != 0 || json_put_literal(j, "client_id", id) != 0)
                return -ENOMEM;
        return varlink_reply(c, &j);
}

/* A number is a number: 1 and 1.0 are one in JSON. And a member that is null is absent. */
static bool is_same(Json *want, Json *got);

static bool is_same_map(Json *want, Json *got) {
        size_t n = 0;

        json_object_object_foreach(got, key, value) {
                Json *other = NULL;

                if (!value)
                        continue;
                ++n;
                if (!json_object_object_get_ex(want, key, &other) || !is_same(other, value))
                        return false;
        }
        return n == (size_t)json_object_object_length(want);
}

static bool is_same(Json *want, Json *got) {
        if (json_object_is_type(want, json_type_object))
                return json_object_is_type(got, json_type_object) && is_same_map(want, got);
        if (json_object_is_type(want, json_type_double))
                return json_object_get_double(want) == json_object_get_double(got);
        if (!json_object_is_type(want, json_type_array))
                return json_object_equal(want, got);
        if (!json_object_is_type(got, json_type_array) || json_length(want) != json_length(got))
                return false;
        for (size_t i = 0; i < json_length(want); ++i)
                if (!is_same(json_object_array_get_idx(want, i), json_object_array_get_idx(got, i)))
                        return false;
        return true;
}

typedef struct Stream {
        unsigned at;
} Stream;

static int stream_resume(VarlinkCall *c, void *state, uint64_t now) {
        Stream *s = state;
        _cleanup_(json_dropp) Json *j = NULL;
        char text[32];

        (void)now;
        (void)snprintf(text, sizeof(text), "Reply number %u", ++s->at);
        if (json_map(&j) != 0 || json_put_literal(j, "string", text) != 0)
                return -ENOMEM;
        return s->at < 10 ? varlink_reply_continue(c, &j) : varlink_reply(c, &j);
}

static const VarlinkHold stream_hold = { stream_resume, free };

static int step_stream(VarlinkCall *c) {
        Stream *s = calloc(1, sizeof(*s));

        if (!s)
                return -ENOMEM;
        varlink_call_hold(c, &stream_hold, s, LOOP_FOREVER);
        return stream_resume(c, s, 0);
}

static int certify(VarlinkCall *c, unsigned step) {
        _cleanup_(json_dropp) Json *got = NULL, *want = parse(steps[step].wants), *gives = NULL;
        Json *id = NULL;
        unsigned client;

        if (json_object_deep_copy((Json *)varlink_call_parameters(c), &got, NULL) != 0)
                return -ENOMEM;
        if (!json_object_object_get_ex(got, "client_id", &id))
                return varlink_error_invalid(c, "client_id");
        client = (unsigned)json_object_get_int(id);
        if (client >= n_clients || client >= CLIENTS_MAX)
                return varlink_error(c, CERT ".ClientIdError", NULL);
        json_object_object_del(got, "client_id");
        if (next_step[client]++ != step || !is_same(want, got) ||
            varlink_call_wants_more(c) != (step == STEP_MORE)) {
                if (json_map(&gives) != 0 || json_put(gives, "wants", &want) != 0 ||
                    json_put(gives, "got", &got) != 0)
                        return -ENOMEM;
                (void)fprintf(stderr, "step %u: %s\n", step + 1, json_object_to_json_string(gives));
                return varlink_error(c, CERT ".CertificationError", &gives);
        }
        if (step == STEP_MORE)
                return step_stream(c);
        gives = parse(steps[step].gives);
        return varlink_reply(c, &gives);
}

#define STEP(n)                                                                                    \
        static int on_test##n(VarlinkCall *c, void *userdata) {                                    \
                (void)userdata;                                                                    \
                return certify(c, n - 1);                                                          \
        }                                                                                          \
        struct SwallowSemicolon

STEP(1);
STEP(2);
STEP(3);
STEP(4);
STEP(5);
STEP(6);
STEP(7);
STEP(8);
STEP(9);
STEP(10);
STEP(11);
STEP(12);

static const VarlinkMethod cert_methods[] = {
        { "Start", on_start },  { "Test01", on_test1 },  { "Test02", on_test2 },
        { "Test03", on_test3 }, { "Test04", on_test4 },  { "Test05", on_test5 },
        { "Test06", on_test6 }, { "Test07", on_test7 },  { "Test08", on_test8 },
        { "Test09", on_test9 }, { "Test10", on_test10 }, { "Test11", on_test11 },
        { "End", on_test12 },
};

/*
 * Load
 */

static const char load_idl[] = { "interface " LOAD "\n\n"
                                 "# Gives the time.\n"
                                 "method Ping() -> (now: int)\n\n"
                                 "# A text of n bytes, again and again if more is wanted.\n"
                                 "# [Supports 'more' flag]\n"
                                 "method Flood(n: int) -> (text: string)\n\n"
                                 "# The numbers below n.\n"
                                 "# [Requires 'more' flag]\n"
                                 "method Count(n: int) -> (i: int)\n\n"
                                 "# Never answers.\n"
                                 "method Wait() -> ()\n\n"
                                 "# An open file.\n"
                                 "method Open() -> (fileDescriptor: int)\n" };

static int on_ping(VarlinkCall *c, void *userdata) {
        _cleanup_(json_dropp) Json *j = NULL;
        const char *bad;

        (void)userdata;
        if (json_take(varlink_call_parameters(c), NULL, 0, true, NULL, &bad) != 0)
                return varlink_error_invalid(c, bad);
        if (json_map(&j) != 0 || json_put_u64(j, "now", now_usec()) != 0)
                return -ENOMEM;
        return varlink_reply(c, &j);
}

static int flood_resume(VarlinkCall *c, void *state, uint64_t now) {
        const uint64_t *n = state;
        _cleanup_(json_dropp) Json *j = NULL;
        _cleanup_free_ char *text = malloc(*n + 1);
        int r;

        (void)now;
        if (!text)
                return -ENOMEM;
        memset(text, 'x', *n);
        text[*n] = '\0';
        if (json_map(&j) != 0 || json_put_literal(j, "text", text) != 0)
                return -ENOMEM;
        r = varlink_call_wants_more(c) ? varlink_reply_continue(c, &j) : varlink_reply(c, &j);
        return r == VARLINK_E_NO_ROOM ? 0 : r;
}

static const VarlinkHold flood_hold = { flood_resume, free };

static int on_flood(VarlinkCall *c, void *userdata) {
        static const JsonField fields[] = { { "n", JSON_TYPE_U64, true, 0 } };
        JsonU64 given;
        const char *bad;
        uint64_t *n;

        (void)userdata;
        if (json_take(varlink_call_parameters(c), fields, 1, true, &given, &bad) != 0)
                return varlink_error_invalid(c, bad);
        if (given.value > VARLINK_REPLY_MAX - 64)
                return varlink_error_invalid(c, "n");
        n = malloc(sizeof(*n));
        if (!n)
                return -ENOMEM;
        *n = given.value;
        varlink_call_hold(c, &flood_hold, n, LOOP_FOREVER);
        return flood_resume(c, n, 0);
}

typedef struct Counted {
        uint64_t i, n;
} Counted;

static int count_resume(VarlinkCall *c, void *state, uint64_t now) {
        Counted *s = state;
        _cleanup_(json_dropp) Json *j = NULL;

        (void)now;
        if (json_map(&j) != 0 || json_put_u64(j, "i", s->i++) != 0)
                return -ENOMEM;
        return s->i < s->n ? varlink_reply_continue(c, &j) : varlink_reply(c, &j);
}

static const VarlinkHold count_hold = { count_resume, free };

static int on_count(VarlinkCall *c, void *userdata) {
        static const JsonField fields[] = { { "n", JSON_TYPE_U64, true, 0 } };
        JsonU64 given;
        const char *bad;
        Counted *s;

        (void)userdata;
        if (json_take(varlink_call_parameters(c), fields, 1, true, &given, &bad) != 0)
                return varlink_error_invalid(c, bad);
        if (!varlink_call_wants_more(c))
                return varlink_error_expected_more(c);
        s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;
        s->n = given.value;
        varlink_call_hold(c, &count_hold, s, LOOP_FOREVER);
        return count_resume(c, s, 0);
}

static int wait_resume(VarlinkCall *c, void *state, uint64_t now) {
        (void)c;
        (void)state;
        (void)now;
        return 0;
}

static int on_wait(VarlinkCall *c, void *userdata) {
        static const VarlinkHold hold = { wait_resume, NULL };

        (void)userdata;
        varlink_call_hold(c, &hold, NULL, LOOP_FOREVER);
        return 0;
}

static int on_open(VarlinkCall *c, void *userdata) {
        _cleanup_(json_dropp) Json *j = parse("{\"fileDescriptor\":0}");
        FILE *f = tmpfile();
        int fd = -1;

        (void)userdata;
        if (f && fputs("hello\n", f) >= 0 && fflush(f) == 0 && fseek(f, 0, SEEK_SET) == 0)
                fd = dup(fileno(f));
        if (f)
                (void)fclose(f);
        return fd < 0 ? -EIO : varlink_reply_fd(c, &j, &fd);
}

static const VarlinkMethod load_methods[] = {
        { "Ping", on_ping }, { "Flood", on_flood }, { "Count", on_count },
        { "Wait", on_wait }, { "Open", on_open },
};

/*
 * Sockets
 */

static const VarlinkMethod later_status[] = { { "GetStatus", NULL }, { "Wait", NULL } };
static const VarlinkMethod later_replay[] = { { "ReadList", NULL },
                                              { "OpenList", NULL },
                                              { "Verify", NULL } };
static const VarlinkMethod later_metrics[] = { { "List", NULL }, { "Describe", NULL } };

static const VarlinkInterface cert = { CERT, cert_idl, cert_methods, ELEMENTSOF(cert_methods) };
static const VarlinkInterface load = { LOAD, load_idl, load_methods, ELEMENTSOF(load_methods) };
static const VarlinkInterface status = { "org.imareplay.status", varlink_idl_status, later_status,
                                         2 };
static const VarlinkInterface replay = { "org.imareplay.replay", varlink_idl_replay, later_replay,
                                         3 };
static const VarlinkInterface metrics = { "io.systemd.Metrics", varlink_idl_metrics, later_metrics,
                                          2 };
static const VarlinkInterface *const interfaces[] = { &cert, &load, &status, &replay, &metrics };
static const VarlinkSocket sockets[] = { { interfaces, ELEMENTSOF(interfaces), false },
                                         { interfaces, ELEMENTSOF(interfaces), true } };
static const VarlinkInfo info = { "ima-replay", "test server", "1", "https://example.org/" };

static int listen_at(const char *path) {
        struct sockaddr_un where = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd < 0 || strlen(path) >= sizeof(where.sun_path))
                return -1;
        memcpy(where.sun_path, path, strlen(path) + 1);
        return bind(fd, (const struct sockaddr *)&where, sizeof(where)) < 0 || listen(fd, 1024) < 0
                       ? -1
                       : fd;
}

int main(int argc, char **argv) {
        _cleanup_(loop_freep) Loop *loop = NULL;
        _cleanup_(varlink_server_freep) VarlinkServer *server = NULL;
        uint64_t until;

        if (argc < 2 || argc > 3 || loop_new(&loop) < 0 ||
            varlink_server_new(loop, &info, NULL, &server) < 0)
                return EXIT_FAILURE;
        for (int i = 1; i < argc; ++i) {
                int fd = listen_at(argv[i]);

                if (fd < 0 || varlink_server_listen(server, &sockets[i - 1], &fd) < 0) {
                        (void)fprintf(stderr, "%s: cannot listen there\n", argv[i]);
                        return EXIT_FAILURE;
                }
        }
        (void)printf("ready\n");
        (void)fflush(stdout);
        do
                if (varlink_server_run(server, now_usec(), &until) < 0)
                        return EXIT_FAILURE;
        while (loop_turn(loop, until) == 0);
        return EXIT_FAILURE;
}
