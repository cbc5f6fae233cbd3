/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * varlink-world.h -- a server with a small service on two sockets, and clients, in one process.
 *
 * Time is an argument of the server, so deadlines pass without waiting. Nothing else waits either:
 * a local socket has what was sent at once. Each test must end with the descriptors with which it
 * began.
 */
#pragma once

#include "fixture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "varlink/server-internal.h"

#define NAME "org.example.test"
#define SEC  UINT64_C(1000000)
#define ECHO "{\"method\":\"" NAME ".Echo\",\"parameters\":{\"n\":77}}"

typedef struct World {
        Loop *loop;
        VarlinkServer *server;
        struct sockaddr_un where[2]; /* of the large socket, of the small one */
        socklen_t n_where[2];
        uint64_t skip_usec; /* the server's clock is ahead by so much */
        uint64_t until_usec;
        unsigned n_calls, n_resumed, n_freed, n_held, n_no_room, n_too_large;
        int r_hold; /* what a resumed call gives back */
        size_t n_fds;
} World;

static World w; /* of the test that is running */

static inline size_t count_fds(void) {
        DIR *dir = opendir("/proc/self/fd");
        size_t n = 0;

        assert_non_null(dir);
        while (readdir(dir))
                ++n;
        assert_int_equal(closedir(dir), 0);
        return n;
}

static inline Json *some(const char *key, uint64_t value) {
        Json *j = NULL;

        assert_int_equal(json_map(&j), 0);
        assert_int_equal(json_put_u64(j, key, value), 0);
        return j;
}

static inline Json *of_size(size_t n) {
        char *text = malloc(n + 1);
        Json *j = NULL;

        assert_non_null(text);
        memset(text, 'x', n);
        text[n] = '\0';
        assert_int_equal(json_map(&j), 0);
        assert_int_equal(json_put_literal(j, "text", text), 0);
        free(text);
        return j;
}

/*
 * The service
 */

typedef struct Given {
        JsonU64 n;
        Bytes text;
        JsonBool flag;
} Given;

static const JsonField given_fields[] = {
        { "n", JSON_TYPE_U64, false, offsetof(Given, n) },
        { "text", JSON_TYPE_TEXT, false, offsetof(Given, text) },
        { "flag", JSON_TYPE_BOOL, false, offsetof(Given, flag) },
};

/* Return: whether they fit; else the call is answered. */
static inline bool take_given(VarlinkCall *c, Given *ret_given) {
        const char *bad;

        ++w.n_calls;
        if (json_take(varlink_call_parameters(c), given_fields, ELEMENTSOF(given_fields), true,
                      ret_given, &bad) == 0)
                return true;
        assert_int_equal(varlink_error_invalid(c, bad), 0);
        return false;
}

/* Gives n back. */
static inline int on_echo(VarlinkCall *c, void *userdata) {
        Json *reply;
        Given g;

        assert_ptr_equal(userdata, &w);
        if (!take_given(c, &g))
                return 0;
        reply = some("n", g.n.value);
        if (g.text.data)
                assert_int_equal(json_put_text(reply, "text", g.text), 0);
        return varlink_reply(c, &reply);
}

typedef struct Held {
        uint64_t n, at, size; /* replies that are wanted, and made; bytes of each */
} Held;

static inline void on_free(void *state) {
        ++w.n_freed;
        --w.n_held;
        free(state);
}

static inline int on_resume(VarlinkCall *c, void *state, uint64_t now);
static const VarlinkHold held_calls = { on_resume, on_free };

static inline int make_reply(VarlinkCall *c, Held *h) {
        Json *j = h->size > 0 ? of_size(h->size) : some("n", h->at);
        int r = h->at + 1 < h->n ? varlink_reply_continue(c, &j) : varlink_reply(c, &j);

        assert_null(j);
        if (r == VARLINK_E_NO_ROOM) {
                ++w.n_no_room;
                return 0;
        }
        if (r == VARLINK_E_TOO_LARGE) {
                ++w.n_too_large;
                return varlink_error(c, NAME ".TooLarge", &j);
        }
        assert_int_equal(r, 0);
        ++h->at;
        return 0;
}

static inline int on_resume(VarlinkCall *c, void *state, uint64_t now) {
        (void)now;
        ++w.n_resumed;
        assert_null(c->link->out.data);
        return w.r_hold != 0 ? w.r_hold : make_reply(c, state);
}

/* Streams the numbers below n, or texts of that many bytes. */
static inline int on_stream(VarlinkCall *c, void *userdata) {
        Given g;
        Held *h;

        (void)userdata;
        if (!take_given(c, &g))
                return 0;
        if (!varlink_call_wants_more(c))
                return varlink_error_expected_more(c);
        h = calloc(1, sizeof(*h));
        assert_non_null(h);
        *h = (Held){ .n = g.n.value, .size = g.text.n > 0 ? 200000 : 0 };
        ++w.n_held;
        varlink_call_hold(c, &held_calls, h, LOOP_FOREVER);
        return make_reply(c, h);
}

/* Answers when it is woken, or in n seconds. */
static inline int on_wait(VarlinkCall *c, void *userdata) {
        Held *h = calloc(1, sizeof(*h));
        Given g;

        (void)userdata;
        assert_non_null(h);
        if (!take_given(c, &g)) {
                free(h);
                return 0;
        }
        ++w.n_held;
        h->n = 1;
        varlink_call_hold(c, &held_calls, h,
                          g.n.is_set ? now_usec() + w.skip_usec + g.n.value * SEC : LOOP_FOREVER);
        return 0;
}

/* One reply of n bytes, when there is room. */
static inline int on_large(VarlinkCall *c, void *userdata) {
        Held *h = calloc(1, sizeof(*h));
        Given g;

        (void)userdata;
        assert_non_null(h);
        assert_true(take_given(c, &g));
        *h = (Held){ .n = 1, .size = g.n.value };
        ++w.n_held;
        varlink_call_hold(c, &held_calls, h, LOOP_FOREVER);
        return make_reply(c, h);
}

static inline int on_file(VarlinkCall *c, void *userdata) {
        int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        Json *j = some("fd", 0);
        int r;

        (void)userdata;
        ++w.n_calls;
        r = varlink_reply_fd(c, &j, &fd);
        assert_int_equal(fd, -1);
        return r;
}

static inline int on_fail(VarlinkCall *c, void *userdata) {
        (void)userdata;
        (void)c;
        ++w.n_calls;
        return -EIO;
}

static inline int on_forget(VarlinkCall *c, void *userdata) {
        (void)userdata;
        (void)c;
        ++w.n_calls;
        return 0;
}

static const VarlinkMethod methods[] = {
        { "Echo", on_echo },     { "Stream", on_stream }, { "Wait", on_wait },
        { "Large", on_large },   { "File", on_file },     { "Fail", on_fail },
        { "Forget", on_forget }, { "Later", NULL },
};
static const VarlinkInterface interface = { NAME,
                                            "interface " NAME
                                            "\n\nmethod Echo(n: ?int) -> (n: int)\n",
                                            methods, ELEMENTSOF(methods) };
/* Too long to be always sent. */
static char long_text[2000000];
static const VarlinkInterface long_interface = { "org.example.long", long_text, NULL, 0 };
static const VarlinkInterface *const interfaces[] = { &interface, &long_interface };
static const VarlinkSocket sockets[2] = { { interfaces, 2, false }, { interfaces, 2, true } };
static const VarlinkInfo info = { "Vendor", "Product", "1", "https://example.org/" };

/*
 * The world
 */

static inline int listen_anywhere(struct sockaddr_un *ret_where, socklen_t *ret_n) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        *ret_where = (struct sockaddr_un){ .sun_family = AF_UNIX };
        *ret_n = sizeof(*ret_where);
        assert_true(fd >= 0);
        /* The kernel chooses a name in the abstract namespace. */
        assert_int_equal(bind(fd, (const struct sockaddr *)ret_where, sizeof(sa_family_t)), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *)ret_where, ret_n), 0);
        assert_int_equal(listen(fd, 4096), 0);
        return fd;
}

static inline int setup(void **state) {
        (void)state;
        w = (World){ .n_fds = count_fds() };
        memset(long_text, 'x', sizeof(long_text) - 1);
        assert_int_equal(loop_new(&w.loop), 0);
        assert_int_equal(varlink_server_new(w.loop, &info, &w, &w.server), 0);
        for (size_t i = 0; i < 2; ++i) {
                int fd = listen_anywhere(&w.where[i], &w.n_where[i]);

                assert_int_equal(varlink_server_listen(w.server, &sockets[i], &fd), 0);
                assert_int_equal(fd, -1);
        }
        return 0;
}

static inline int teardown(void **state) {
        (void)state;
        w.server = varlink_server_free(w.server);
        w.loop = loop_free(w.loop);
        assert_int_equal(w.n_held, 0);
        assert_int_equal(count_fds(), w.n_fds);
        return 0;
}

/* Whatever can happen now happens. */
static inline void turn(unsigned n) {
        while (n-- > 0) {
                assert_int_equal(loop_turn(w.loop, 0), 0);
                assert_int_equal(
                        varlink_server_run(w.server, now_usec() + w.skip_usec, &w.until_usec), 0);
        }
}

static inline int client_of(size_t socket_i) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        assert_true(fd >= 0);
        assert_int_equal(
                connect(fd, (const struct sockaddr *)&w.where[socket_i], w.n_where[socket_i]), 0);
        turn(1);
        return fd;
}

static inline int client(void) {
        return client_of(0);
}

static inline void put_bytes(int fd, const void *data, size_t n) {
        assert_int_equal(send(fd, data, n, MSG_NOSIGNAL), n);
}

/* With its NUL. */
static inline void put(int fd, const char *message) {
        put_bytes(fd, message, strlen(message) + 1);
}

/* Messages that came, each with its NUL; empty: none. NULL: the server has closed. */
static inline const char *get(int fd) {
        static char text[1 << 20];
        ssize_t n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);

        if (n == 0 || (n < 0 && errno == ECONNRESET))
                return NULL;
        if (n < 0)
                assert_int_equal(errno, EAGAIN);
        text[n < 0 ? 0 : n] = '\0';
        /* For comparing: a bar where a message ended. */
        for (ssize_t i = 0; i < n; ++i)
                if (text[i] == '\0')
                        text[i] = '|';
        return text;
}

/* Exactly this must have come. */
static inline void check_got(int fd, const char *want) {
        const char *text = get(fd);

        if (!want) {
                CHECK(!text, "%s came, and not the end\n", text);
                return;
        }
        CHECK(text, "the end came, and not %s\n", want);
        assert_string_equal(text, want);
}

static inline void check_open(int fd) {
        put(fd, "{\"method\":\"" NAME ".Echo\",\"parameters\":{\"n\":77}}");
        turn(3);
        check_got(fd, "{\"parameters\":{\"n\":77}}|");
}

static inline void check_close(int fd) {
        assert_int_equal(close(fd), 0);
        turn(2);
}

static inline void pass(uint64_t usec) {
        w.skip_usec += usec;
        turn(2);
}

/* Read all that comes; its length. */
static inline size_t drain(int fd) {
        size_t n = 0;

        for (const char *text; (text = get(fd)) && *text; turn(1))
                n += strlen(text);
        return n;
}
