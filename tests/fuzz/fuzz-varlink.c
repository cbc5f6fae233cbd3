/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz-varlink.c -- any bytes, in any pieces, to a server; and as replies, to the client.
 *
 * The input is a byte, the call that fails (fail.h), a byte HOW, and what is sent. HOW: 0 all at
 * once; below 128, pieces of HOW bytes; from 128 on the rest is a reply to the client.
 */
#include "fail.h"
#include "fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "varlink/client.h"
#include "varlink/idl.h"
#include "varlink/server-internal.h"

/* Not assert(): these stay in a build without. */
#define HOLDS(what)                                                                                \
        do {                                                                                       \
                if (!(what))                                                                       \
                        abort();                                                                   \
        } while (0)

#define HOW_CLIENT 128U

static struct {
        Loop *loop;
        VarlinkServer *server;
        struct sockaddr_un where;
        socklen_t n_where;
        int n_held;
} world;

typedef struct Given {
        JsonU64 n;
        JsonBool flag;
        Bytes text;
        const Json *map, *array;
} Given;

static const JsonField fields[] = {
        { "n", JSON_TYPE_U64, false, offsetof(Given, n) },
        { "flag", JSON_TYPE_BOOL, false, offsetof(Given, flag) },
        { "text", JSON_TYPE_TEXT, false, offsetof(Given, text) },
        { "map", JSON_TYPE_MAP, false, offsetof(Given, map) },
        { "array", JSON_TYPE_ARRAY, false, offsetof(Given, array) },
};

static void on_free(void *state) {
        --world.n_held;
        free(state);
}

static int on_resume(VarlinkCall *c, void *state, uint64_t now) {
        uint64_t *left = state;
        Json *none = NULL;

        (void)now;
        if (*left > 0 && varlink_call_wants_more(c)) {
                --*left;
                return varlink_reply_continue(c, &none);
        }
        return varlink_reply(c, &none);
}

static const VarlinkHold hold = { on_resume, on_free };

/* Gives everything back, escaped; with a number it is held, and answers so often. */
static int on_echo(VarlinkCall *c, void *userdata) {
        _cleanup_(json_dropp) Json *reply = NULL;
        const char *bad;
        uint64_t *left;
        JsonMember m;
        Given g;
        int r;

        (void)userdata;
        if (json_take(varlink_call_parameters(c), fields, ELEMENTSOF(fields), true, &g, &bad) != 0)
                return varlink_error_invalid(c, bad);
        if (g.n.is_set) {
                left = malloc(sizeof(*left));
                if (!left)
                        return -ENOMEM;
                *left = g.n.value % 8;
                ++world.n_held;
                varlink_call_hold(c, &hold, left, LOOP_FOREVER);
                return 0;
        }
        r = json_map(&reply);
        if (r == 0)
                r = json_put_text(reply, "text", g.text);
        for (bool any = json_first(g.map, &m); any && r == 0; any = json_next(&m))
                r = json_put_text(reply, "name", bytes_of_text(m.name));
        HOLDS(r == 0 || r == -ENOMEM);
        if (r != 0)
                return r;
        for (size_t i = 0; i < json_length(g.array); ++i)
                (void)json_is_map(json_at(g.array, i));
        return varlink_reply(c, &reply);
}

static const VarlinkMethod methods[] = { { "Echo", on_echo }, { "Later", NULL } };
static const VarlinkInterface interface = { "a.b", varlink_idl_status, methods,
                                            ELEMENTSOF(methods) };
static const VarlinkInterface *const interfaces[] = { &interface };
static const VarlinkSocket sock = { interfaces, 1, false };
static const VarlinkInfo info = { "v", "p", "1", "u" };

static void clean(void) {
        varlink_server_free(world.server);
        loop_free(world.loop);
}

static void begin(void) {
        int fd;

        if (world.server)
                return;
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        world.where.sun_family = AF_UNIX;
        world.n_where = sizeof(world.where);
        /* The kernel chooses a name in the abstract namespace. */
        HOLDS(bind(fd, (const struct sockaddr *)&world.where, sizeof(sa_family_t)) == 0);
        HOLDS(getsockname(fd, (struct sockaddr *)&world.where, &world.n_where) == 0);
        HOLDS(listen(fd, 8) == 0);
        HOLDS(loop_new(&world.loop) == 0);
        HOLDS(varlink_server_new(world.loop, &info, NULL, &world.server) == 0);
        HOLDS(varlink_server_listen(world.server, &sock, &fd) == 0);
        HOLDS(atexit(clean) == 0);
}

static void turn(unsigned n) {
        uint64_t until;

        while (n-- > 0) {
                HOLDS(loop_turn(world.loop, 0) == 0);
                HOLDS(varlink_server_run(world.server, now_usec(), &until) == 0);
        }
}

/* What comes back is one line of printable text and a NUL, as often as there were calls (I14). */
static bool drain(int fd) {
        static char text[1 << 16];
        ssize_t n;

        while ((n = recv(fd, text, sizeof(text), MSG_DONTWAIT)) > 0)
                for (ssize_t i = 0; i < n; ++i)
                        HOLDS(text[i] == 0 || ((unsigned char)text[i] >= 0x20 && text[i] != 0x7f));
        return n != 0;
}

static void to_server(uint8_t how, Bytes in) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        size_t piece = how == 0 ? in.n : how;
        Bytes part;

        HOLDS(connect(fd, (const struct sockaddr *)&world.where, world.n_where) == 0);
        turn(1);
        while (in.n > 0) {
                HOLDS(bytes_take(&in, MIN_OF(piece, in.n), &part));
                if (send(fd, part.data, part.n, MSG_NOSIGNAL) < 0)
                        break;
                turn(2);
                if (!drain(fd))
                        break;
        }
        for (unsigned i = 0; i < 12; ++i) {
                turn(1);
                (void)drain(fd);
        }
        HOLDS(close(fd) == 0);
        turn(3);
        HOLDS(world.n_held == 0 && world.server->n_connections == 0);
        HOLDS(world.server->share.n_queued == 0 && world.server->share.n_requests == 0);
}

/* Through a socket of its own; the client connects by path only, so one is made of /proc. */
static void to_client(Bytes in) {
        static char path[] = "/tmp/fuzz-varlink-XXXXXX";
        struct sockaddr_un where = { .sun_family = AF_UNIX };
        VarlinkReply reply = { .fd = -1 };
        VarlinkClient *c = NULL;
        int listener, fd, r;

        listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        HOLDS(mkdtemp(path));
        (void)snprintf(where.sun_path, sizeof(where.sun_path), "%s/socket", path);
        HOLDS(bind(listener, (const struct sockaddr *)&where, sizeof(where)) == 0);
        HOLDS(listen(listener, 1) == 0);
        r = varlink_client_new(AT_FDCWD, where.sun_path, &c);
        HOLDS(unlink(where.sun_path) == 0 && rmdir(path) == 0);
        memcpy(path + sizeof(path) - 7, "XXXXXX", 6);
        HOLDS(r == 0 || r == -ENOMEM);
        if (r != 0) {
                HOLDS(close(listener) == 0);
                return;
        }
        fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        HOLDS(fd >= 0);
        (void)send(fd, in.data, in.n, MSG_NOSIGNAL);
        while (varlink_client_receive(c, 0, &reply) == 0) {
                HOLDS(json_is_map(reply.parameters) && reply.fd == -1);
                varlink_reply_deinit(&reply);
        }
        varlink_client_free(c);
        HOLDS(close(fd) == 0 && close(listener) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
        Bytes in = bytes_of(data, n);
        uint8_t fail, how;
        int next_fd;

        begin();
        next_fd = dup(world.server->listener[0].watch.fd);
        HOLDS(next_fd >= 0 && close(next_fd) == 0);
        if (!bytes_take_u8(&in, &fail) || !bytes_take_u8(&in, &how))
                return 0;
        fail_in(fail);
        if (how >= HOW_CLIENT)
                to_client(in);
        else
                to_server(how, in);
        fail_in(0);
        /* Nothing has stayed open: the lowest free number is what it was. */
        HOLDS(dup(world.server->listener[0].watch.fd) == next_fd && close(next_fd) == 0);
        return 0;
}
