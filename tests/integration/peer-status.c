/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * peer-status.c -- shows what the extender tells over the inner socket; for tests.
 *
 *   peer-status ROOT [--watch] [--refresh=MASK] [--spool]
 *
 * Each STATUS is a line of JSON. With --refresh= (as strtoul() reads it) those before the answer
 * are left out; with --spool the announced bytes are copied to ROOT/spool.list and
 * ROOT/spool.index. Ends after the first (with --watch: when the extender closes).
 * Exit status: 0; 1 closed before that, malformed, or I/O; 2 usage; 3 nobody to connect to.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <string.h>

#include "base/encode.h"
#include "base/error.h"
#include "os/peer.h"
#include "os/spool.h"

#define COPY_SIZE 65536U

static bool arg_watch, arg_refresh, arg_spool;
static uint32_t arg_pcrs;

static const char *verdict_name(PlanVerdict verdict) {
        static const char *const names[_PLAN_VERDICT_N] = {
                [PLAN_VERDICT_PENDING] = "pending", [PLAN_VERDICT_EXTENDED] = "extended",
                [PLAN_VERDICT_KERNEL] = "kernel",   [PLAN_VERDICT_FAILED] = "failed",
                [PLAN_VERDICT_NO_IMA] = "no_ima",
        };

        return names[verdict];
}

static const char *chain_name(ChainState state) {
        static const char *const names[_CHAIN_STATE_N] = {
                [CHAIN_UNREAD] = "unread",   [CHAIN_SEARCHING] = "searching", [CHAIN_HELD] = "held",
                [CHAIN_FOREIGN] = "foreign", [CHAIN_REFUSED] = "refused",
        };

        return names[state];
}

/* Bytes of ASCII are meant to be escaped by the extender; JSON must hold if they are not. */
static void put_text(const char *name, const char *text) {
        (void)printf("\"%s\":\"", name);
        for (; *text; ++text) {
                unsigned char c = (unsigned char)*text;

                if (c < ' ' || c > '~')
                        (void)printf("\\u%04x", c);
                else
                        (void)printf(c == '"' || c == '\\' ? "\\%c" : "%c", c);
        }
        (void)printf("\",");
}

static void put_number(const char *name, uint64_t n) {
        (void)printf("\"%s\":%" PRIu64 ",", name, n);
}

static void put_flag(const char *name, uint32_t is) {
        (void)printf("\"%s\":%s,", name, is ? "true" : "false");
}

static void put_lag(const LagFigures *lag) {
        (void)printf("\"lag\":{\"n_records\":%" PRIu64 ",\"age_usec\":%" PRIu64
                     ",\"n_samples\":%" PRIu64 ",\"p50_usec\":%" PRIu64 ",\"p99_usec\":%" PRIu64
                     ",\"max_usec\":%" PRIu64 "},",
                     lag->n_records, lag->age_usec, lag->n_samples, lag->p50_usec, lag->p99_usec,
                     lag->max_usec);
}

static void put_pcr(const StatusPcr *p) {
        const char *comma = "";

        (void)printf("\"%" PRIu32 "\":{", p->pcr);
        put_text("chain", chain_name(p->chain));
        put_flag("has_value", p->has_value);
        put_flag("is_held", p->is_held);
        put_flag("has_base", p->has_base);
        put_number("n_verified", p->n_verified);
        put_number("n_records", p->n_records);
        put_number("n_held", p->n_held);
        put_number("read_usec", p->read_usec);
        (void)printf("\"banks\":{");
        FOREACH_BANK(alg, p->banks) {
                char hex[HEX_SIZE(DIGEST_SIZE_MAX)];

                hex_encode(digest_bytes(alg, &p->value.of[alg]), hex, sizeof(hex));
                (void)printf("%s\"%s\":", comma, digest_name(alg));
                (void)printf(p->has_value ? "\"%s\"" : "null", hex);
                comma = ",";
        }
        (void)printf("}}");
}

static void put_gate(const Status *s) {
        const char *comma = "";

        (void)printf("\"gate\":{");
        for (GateThing thing = 0; thing < _GATE_THING_N; ++thing) {
                const StatusGate *g = &s->gate[thing];

                if (!g->is_judged)
                        continue;
                (void)printf("%s\"%s\":[\"%s\",%" PRIu64 "]", comma, gate_thing_name(thing),
                             gate_readiness_name(g->readiness), g->ready_usec);
                comma = ",";
        }
        (void)printf("},");
}

static void put_numbers(const Status *s) {
        put_number("reset_count", s->reset_count);
        put_number("restart_count", s->restart_count);
        put_number("state_usec", s->state_usec);
        put_number("n_measured", s->n_measured);
        put_number("n_extended", s->n_extended);
        put_number("n_violations", s->n_violations);
        put_number("n_refused", s->n_refused);
        put_number("n_foreign", s->n_foreign);
        put_number("n_trimmed", s->n_trimmed);
        put_number("n_backlog", s->n_backlog);
        put_number("backlog_start_usec", s->backlog_start_usec);
        put_number("backlog_done_usec", s->backlog_done_usec);
        put_number("last_extend_usec", s->last_extend_usec);
        put_number("spool_n_records", s->spool_n_records);
        put_number("spool_n_bytes", s->spool_n_bytes);
        put_number("spool_size", s->spool_size);
        put_number("spool_limit", s->spool_limit);
        put_number("spool_generation", s->spool_generation);
}

static void put_status(const Status *s, uint64_t token) {
        (void)printf("{");
        put_number("token", token);
        put_text("boot_id", s->boot_id);
        put_text("text", s->text);
        put_text("device", s->device);
        put_text("driver", s->driver);
        put_text("verdict", verdict_name(s->verdict));
        put_text("mode", mode_name(s->mode));
        put_text("mode_reason", mode_reason_name(s->mode_reason));
        put_text("state", plan_state_name(s->state));
        put_text("reason", plan_reason_name_of(s->reason, s->mode_reason));
        put_flag("has_tpm", s->has_tpm);
        put_flag("is_guarded", s->is_guarded);
        put_flag("is_software", s->is_software);
        put_number("main_pcr", s->main_pcr);
        put_flag("spool_is_writable", s->spool_is_writable);
        put_numbers(s);
        put_lag(&s->lag);
        put_gate(s);
        (void)printf("\"pcrs\":{");
        for (uint32_t i = 0; i < s->n_pcrs; ++i) {
                (void)printf("%s", i > 0 ? "," : "");
                put_pcr(&s->pcr[i]);
        }
        (void)printf("}}\n");
        (void)fflush(stdout);
}

static int copy(const Root *root, const char *name, int from_fd, uint64_t n) {
        _cleanup_close_ int fd = -1;
        uint8_t data[COPY_SIZE];
        uint64_t at = 0;

        fd = openat(root->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (fd < 0)
                return error_origin(-errno);
        while (at < n) {
                size_t part = n - at < sizeof(data) ? (size_t)(n - at) : sizeof(data);
                ssize_t got = pread(from_fd, data, part, (off_t)at);

                if (got < 0)
                        return error_origin(-errno);
                if (got == 0)
                        return error_origin(-ENODATA); /* less than was announced */
                if (write(fd, data, (size_t)got) != got)
                        return error_origin(-EIO);
                at += (uint64_t)got;
        }
        return 0;
}

static int put_spool(const Root *root, PeerSpool *spool) {
        _cleanup_close_ int list_fd = take_fd(&spool->list_fd),
                            index_fd = take_fd(&spool->index_fd);
        int r = 0;

        if (list_fd >= 0) {
                r = copy(root, "spool.list", list_fd, spool->n_bytes);
                if (r == 0)
                        r = copy(root, "spool.index", index_fd, spool->n_records * SPOOL_ROW_SIZE);
        }
        if (r < 0)
                return error_trace(r);
        (void)printf("{\"spool\":{\"is_there\":%s,\"n_records\":%" PRIu64 ",\"n_bytes\":%" PRIu64
                     "}}\n",
                     list_fd >= 0 ? "true" : "false", spool->n_records, spool->n_bytes);
        (void)fflush(stdout);
        return 0;
}

/* Return: 0 all was seen, or a positive outcome of peer.h, or a negative errno. */
static int show(const Root *root, int fd, uint64_t token) {
        bool wants_spool = arg_spool, wants_status = true;

        while (arg_watch || wants_spool || wants_status) {
                PeerMessage m;
                int r = peer_receive(fd, &m);

                if (r == PEER_E_GONE && arg_watch)
                        return 0;
                if (r != 0)
                        return r;
                if (m.kind == PEER_SPOOL) {
                        wants_spool = false;
                        r = put_spool(root, &m.spool);
                        if (r < 0)
                                return error_trace(r);
                } else if (m.token >= token && (arg_watch || wants_status)) {
                        wants_status = false;
                        put_status(&m.status, m.token);
                }
        }
        return 0;
}

static int run(const Root *root) {
        _cleanup_close_ int fd = -1;
        uint64_t token = arg_refresh ? now_usec() : 0;
        int r;

        r = peer_connect(root, &fd);
        if (r == PEER_E_GONE || r == PEER_E_PENDING)
                return 3;
        if (r == 0 && fcntl(fd, F_SETFL, 0) < 0) /* block */
                r = -errno;
        if (r == 0 && arg_refresh)
                r = peer_refresh(fd, arg_pcrs, token);
        if (r == 0 && arg_spool)
                r = peer_get_spool(fd);
        if (r == 0)
                r = show(root, fd, token);
        if (r == 0)
                return 0;
        (void)fprintf(stderr, "peer-status: %s\n",
                      r < 0              ? strerror(-r)
                      : r == PEER_E_GONE ? "closed"
                                         : "malformed");
        return 1;
}

int main(int argc, char **argv) {
        static const struct option options[] = {
                { "watch", no_argument, NULL, 'w' },
                { "refresh", required_argument, NULL, 'r' },
                { "spool", no_argument, NULL, 's' },
                {},
        };
        Root root;
        int c, r;

        while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
                if (c == 'w') {
                        arg_watch = true;
                } else if (c == 's') {
                        arg_spool = true;
                } else if (c == 'r') {
                        arg_refresh = true;
                        arg_pcrs = (uint32_t)strtoul(optarg, NULL, 0);
                } else {
                        return 2;
                }
        }
        if (optind + 1 != argc)
                return 2;
        if (root_init(&root, argv[optind]) < 0)
                return 3;
        r = run(&root);
        root_deinit(&root);
        return r;
}
