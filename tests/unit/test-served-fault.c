/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test-served-fault.c -- the service and its client when memory fails.
 *
 * A child process serves a spool and a status over Varlink, with the methods of ima-replay-serve;
 * the verbs of ima-replayctl ask it. Once the client's allocations fail, once the server's: that
 * costs the one call, and the next is answered.
 */
#include "ctl-runs.h"
#include "spool-ground.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/encode.h"
#include "client/remote.h"
#include "daemon/serve-extender-internal.h"
#include "daemon/serve-methods.h"
#include "daemon/serve-read.h"

#define N_SERVED 5U /* without the large one, which takes long */

/* Shared by both. */
typedef struct Shared {
        uint64_t server_fails_in;
        uint64_t n_changes; /* of the status */
        bool hides_spool;   /* its files do not come; and time flies for those who wait for them */
        uint32_t n_stale;   /* so many more answers come without a look at the PCR */
        Status status;
} Shared;

static Shared *shared;
static pid_t server_pid;
static int stop_fd = -1;
static char socket_path[96], after[128];
static Status following; /* all is well; the others are made of it */

/*
 * The server
 */

static const VarlinkInterface *const served[] = { &serve_interface_replay, &serve_interface_status,
                                                  &serve_interface_metrics };
static const VarlinkSocket served_socket = { served, ELEMENTSOF(served), false };
static const VarlinkInfo served_info = { "ima-replay", "ima-replay-serve", "1", "man:none" };

static bool is_stopping;
static ServeSpool has_spool;

static int on_stop(LoopWatch *watch, uint32_t events) {
        (void)watch;
        (void)events;
        is_stopping = true;
        return 0;
}

/* As of an extender. */
static void take_status(Serve *s) {
        if (s->n_changes == shared->n_changes)
                return;
        s->n_changes = shared->n_changes;
        s->status = shared->status;
        s->status_usec = now_usec();
        s->spool = shared->hides_spool ? (ServeSpool){ .list_fd = -1, .index_fd = -1 } : has_spool;
        serve_note_status(s);
        varlink_server_wake(s->server);
}

/* The child; what fails here is an exit status. */
static int serve_until(int listen_fd, int end_fd) {
        LoopWatch stop = { .fd = end_fd, .call = on_stop };
        Serve *s = calloc(1, sizeof(*s));
        uint64_t ahead = 0;

        if (!s || loop_new(&s->loop) != 0 || serve_read_new(&s->read) != 0 ||
            varlink_server_new(s->loop, &served_info, s, &s->server) != 0 ||
            varlink_server_listen(s->server, &served_socket, &listen_fd) != 0 ||
            loop_watch(s->loop, &stop, EPOLLIN) != 0)
                return 1;
        s->link.fd = s->run.fd = -1;
        s->has_status = true;
        has_spool = (ServeSpool){ openat(root.fd, LIST_PATH, O_RDONLY | O_CLOEXEC),
                                  openat(root.fd, INDEX_PATH, O_RDONLY | O_CLOEXEC), 1, N_SERVED,
                                  offset_of(N_SERVED) };
        fails_in = &shared->server_fails_in;
        while (!is_stopping) {
                uint64_t until;

                take_status(s);
                if (varlink_server_run(s->server, now_usec() + ahead, &until) < 0)
                        return 2;
                if (s->answered < s->refresh.token) { /* as an extender would that has looked */
                        s->status.pcr[0].read_usec = shared->n_stale > 0 ? 0 : UINT64_MAX;
                        shared->n_stale -= shared->n_stale > 0;
                        s->answered = s->refresh.token;
                        varlink_server_wake(s->server);
                        continue;
                }
                if (shared->hides_spool && s->read->n_verifying > 0)
                        ahead += SERVE_SEC;
                if (loop_turn(s->loop, until - MIN_OF(until, ahead)) < 0)
                        return 3;
        }
        s->spool = has_spool;
        loop_forget(s->loop, &stop);
        s->server = varlink_server_free(s->server);
        serve_extender_close(s);
        s->read = serve_read_free(s->read);
        s->loop = loop_free(s->loop);
        free(s);
        return 0;
}

/*
 * What it serves
 */

static void make_status(void) {
        static const MlistForm form = { ORDER_LITTLE, DIGEST_SHA1 };
        _cleanup_free_ Replay *replay = calloc(1, sizeof(*replay));
        char hex[HEX_SIZE(32)];
        StatusPcr *p = &following.pcr[0];

        assert_non_null(replay);
        memset(following.boot_id, '0', BOOT_ID_SIZE - 1);
        replay_init(replay, BANK(DIGEST_SHA1) | BANK(DIGEST_SHA256), &all_hashers);
        for (size_t i = 0; i < N_SERVED; ++i) {
                Bytes in = records[i];
                MlistRecord record;

                if (i == 3) {
                        hex_encode(digest_bytes(DIGEST_SHA256,
                                                &replay->chain[10].value.of[DIGEST_SHA256]),
                                   hex, sizeof(hex));
                        (void)snprintf(after, sizeof(after), "sha256:%s", hex);
                }
                assert_int_equal(parse_record(&in, &form, &record, &(MlistError){}), 0);
                assert_int_equal(replay_record(replay, &record), 0);
        }
        *p = (StatusPcr){ .pcr = 10,
                          .chain = CHAIN_HELD,
                          .banks = BANK(DIGEST_SHA1) | BANK(DIGEST_SHA256),
                          .has_value = 1,
                          .is_held = 1,
                          .n_records = N_SERVED,
                          .n_held = N_SERVED,
                          .n_verified = N_SERVED,
                          .read_usec = UINT64_MAX };
        p->value = replay->chain[10].value;
        following.verdict = PLAN_VERDICT_EXTENDED;
        following.mode = MODE_BYPASS;
        following.mode_reason = MODE_REASON_BOOT_AGGREGATE_ZERO;
        following.state = PLAN_FOLLOW;
        following.n_measured = following.n_extended = N_SERVED;
        (void)snprintf(following.device, sizeof(following.device), "/dev/tpmrm0");
        (void)snprintf(following.driver, sizeof(following.driver), "tpm_crb");
        following.has_tpm = following.is_guarded = 1;
        following.gate[GATE_PKVM] = (StatusGate){ .is_judged = 1, .readiness = GATE_NOT_NEEDED };
        following.gate[GATE_TPM] = (StatusGate){ 1, GATE_READY, ADVICE_NONE, PART_NONE, 7 };
        following.lag = (LagFigures){ .n_samples = 2, .p50_usec = 3, .p99_usec = 4, .max_usec = 5 };
        following.backlog_start_usec = 20;
        following.backlog_done_usec = 30;
        following.n_backlog = 8;
        following.last_extend_usec = 40;
        following.spool_n_records = N_SERVED;
        following.spool_size = following.spool_n_bytes = offset_of(N_SERVED);
        following.spool_limit = PLENTY;
        following.spool_is_writable = 1;
        following.main_pcr = 10;
        following.n_pcrs = 1;
        assert_true(status_is_sound(&following));
}

static void say(const Status *s) {
        assert_true(status_is_sound(s));
        shared->status = *s;
        ++shared->n_changes;
}

static void say_following(void) {
        say(&following);
}

/* Somebody has extended behind the last record. */
static void say_diverged(void) {
        Status s = following;
        uint8_t raw[2 * 32];

        s.verdict = PLAN_VERDICT_FAILED;
        s.state = PLAN_DIVERGED;
        s.reason = PLAN_REASON_FOREIGN_EXTEND;
        s.pcr[0].is_held = 0;
        s.pcr[0].n_verified = 0;
        FOREACH_BANK(alg, s.pcr[0].banks) {
                size_t n = digest_size(alg);

                memcpy(raw, s.pcr[0].value.of[alg].data, n);
                memset(raw + n, 0xff, n);
                hash_of(alg, bytes_of(raw, 2 * n), s.pcr[0].value.of[alg].data);
        }
        s.spool_is_writable = 0;
        (void)snprintf(s.text, sizeof(s.text), "somebody else extends PCR 10");
        say(&s);
}

static void say_waiting(void) {
        Status s = following;

        s.verdict = PLAN_VERDICT_PENDING;
        s.state = PLAN_WAIT_TPM;
        s.reason = PLAN_REASON_GATE_WAIT;
        s.n_extended = 0;
        s.has_tpm = s.is_guarded = 0;
        s.n_pcrs = 0;
        s.gate[GATE_FFA] = (StatusGate){ 1, GATE_WAITING, ADVICE_FFA_FIRST, PART_NONE, 0 };
        s.lag = (LagFigures){ .n_records = N_SERVED, .age_usec = 7 };
        s.backlog_start_usec = s.backlog_done_usec = s.last_extend_usec = 0;
        say(&s);
}

static void say_kernel(void) {
        Status s = following;

        s.verdict = PLAN_VERDICT_KERNEL;
        s.mode = MODE_KERNEL;
        s.mode_reason = MODE_REASON_BOOT_AGGREGATE_SET;
        s.state = PLAN_KERNEL_OWNS;
        s.reason = PLAN_REASON_MODE;
        s.is_software = 1;
        s.is_guarded = 0;
        say(&s);
}

static int start_server(void) {
        struct sockaddr_un where = { .sun_family = AF_UNIX };
        int listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), end[2];

        (void)snprintf(socket_path, sizeof(socket_path), "%s/served", ground_dir);
        (void)snprintf(where.sun_path, sizeof(where.sun_path), "%s", socket_path);
        if (bind(listen_fd, (const struct sockaddr *)&where, sizeof(where)) < 0 ||
            listen(listen_fd, 64) < 0 || pipe2(end, O_CLOEXEC) < 0)
                return -1;
        shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                      0);
        server_pid = fork();
        if (server_pid == 0) {
                (void)close(end[1]);
                exit(serve_until(listen_fd, end[0]));
        }
        (void)close(listen_fd);
        (void)close(end[0]);
        stop_fd = end[1];
        return server_pid < 0 ? -1 : 0;
}

/*
 * The calls
 */

#define SOCKET "--socket", socket_path

static const Run of_following[] = {
        { "status", { "status", SOCKET }, EXIT_GOOD, 5, true },
        { "status, json", { "status", SOCKET, "-j" }, EXIT_GOOD, 5, true },
        { "list", { "list", SOCKET }, EXIT_GOOD, 5, false },
        { "list, json", { "list", SOCKET, "--json=short" }, EXIT_GOOD, 5, false },
        { "list, ascii", { "list", SOCKET, "--format=ascii" }, EXIT_GOOD, 2, false },
        { "list, cel", { "list", SOCKET, "--format=cel" }, EXIT_GOOD, 2, false },
        { "replay", { "replay", SOCKET, "-j" }, EXIT_GOOD, 5, false },
        { "a range", { "list", SOCKET, "--range=1:3" }, EXIT_GOOD, 5, false },
        { "after", { "list", SOCKET, "--after", after }, EXIT_GOOD, 5, false },
        { "after, ascii",
          { "list", SOCKET, "--after", after, "--format=ascii" },
          EXIT_GOOD,
          5,
          false },
        { "a filter",
          { "list", SOCKET, "--template=ima-ng", "--name=/bin", "--pcr=10" },
          EXIT_GOOD,
          5,
          false },
        { "extended", { "list", SOCKET, "--extended", "--violations" }, EXIT_GOOD, 5, false },
        { "verify", { "verify", SOCKET }, EXIT_GOOD, 5, false },
        { "verify, json", { "verify", SOCKET, "-j" }, EXIT_GOOD, 5, false },
        { "explain", { "explain", "1", SOCKET }, EXIT_GOOD, 5, false },
        { "wait", { "wait", SOCKET, "--timeout=5" }, EXIT_GOOD, 2, true },
        { "wait, json", { "wait", SOCKET, "--records=2", "-j" }, EXIT_GOOD, 2, true },
        { "metrics", { "metrics", SOCKET }, EXIT_GOOD, 2, true },
        { "openmetrics", { "metrics", SOCKET, "--openmetrics" }, EXIT_GOOD, 2, true },
        { "plot", { "plot", SOCKET, "--since=0", "--until=9" }, EXIT_GOOD, 5, false },
        { "page", { "plot", SOCKET, "--html", "--since=0", "--until=9" }, EXIT_GOOD, 5, false },
        { "call", { "call", SOCKET, "org.varlink.service.GetInfo" }, EXIT_GOOD, 5, false },
        { "figures",
          { "call", SOCKET, "--more", "io.systemd.Metrics.List", "{}" },
          EXIT_GOOD,
          5,
          true },
        { "families",
          { "call", SOCKET, "--more", "io.systemd.Metrics.Describe" },
          EXIT_GOOD,
          5,
          false },
        { "interfaces", { "introspect", SOCKET }, EXIT_GOOD, 5, false },
        { "an interface", { "introspect", SOCKET, "org.imareplay.status" }, EXIT_GOOD, 5, false },
};

static const Run of_diverged[] = {
        { "status", { "status", SOCKET, "--full" }, EXIT_MISMATCH, 5, true },
        { "verify", { "verify", SOCKET }, EXIT_MISMATCH, 5, false },
        { "verify, json", { "verify", SOCKET, "-j" }, EXIT_MISMATCH, 5, false },
        { "wait", { "wait", SOCKET }, EXIT_MISMATCH, 2, false },
        { "list", { "list", SOCKET, "--full" }, EXIT_GOOD, 5, false },
        { "metrics", { "metrics", SOCKET, "--openmetrics" }, EXIT_GOOD, 2, true },
};

static const Run of_waiting[] = {
        { "status", { "status", SOCKET }, EXIT_NOT_YET, 5, true },
        { "verify", { "verify", SOCKET }, EXIT_NOT_YET, 5, false },
        { "wait", { "wait", SOCKET, "--timeout=0", "--position=2" }, EXIT_NOT_YET, 2, false },
        { "wait for all", { "wait", SOCKET, "--timeout=0" }, EXIT_NOT_YET, 2, false },
        { "list", { "list", SOCKET, "--violations" }, EXIT_GOOD, 5, false },
        { "no record", { "list", SOCKET, "--range=99:" }, EXIT_ERROR, 2, false },
        { "explain no record", { "explain", "99", SOCKET }, EXIT_ERROR, 2, false },
        { "no method", { "call", SOCKET, "org.imareplay.status.Nothing" }, EXIT_ERROR, 2, false },
        { "no interface", { "introspect", SOCKET, "org.example" }, EXIT_ERROR, 2, false },
        { "a bad parameter",
          { "call", SOCKET, "org.imareplay.status.Wait", "{\"x\":1}" },
          EXIT_ERROR,
          2,
          false },
        { "only with more", { "call", SOCKET, "io.systemd.Metrics.List" }, EXIT_ERROR, 2, false },
        { "metrics", { "metrics", SOCKET }, EXIT_GOOD, 2, true },
};

static const Run of_kernel[] = {
        { "status", { "status", SOCKET, "--full" }, EXIT_GOOD, 5, true },
        { "verify", { "verify", SOCKET }, EXIT_GOOD, 5, false },
        { "wait", { "wait", SOCKET }, EXIT_GOOD, 2, true },
        { "plot", { "plot", SOCKET, "--since=0", "--until=9" }, EXIT_GOOD, 5, false },
};

static const Run of_no_spool[] = {
        { "verify", { "verify", SOCKET }, EXIT_NOT_YET, 5, false },
};

static void each(const Run rows[], size_t n) {
        for (size_t i = 0; i < n; ++i) {
                each_allocation_fails(&rows[i], fails_in);
                each_allocation_fails(&rows[i], &shared->server_fails_in);
        }
}

static void test_following(void **state) {
        (void)state;
        say_following();
        each(of_following, ELEMENTSOF(of_following));
}

static void test_diverged(void **state) {
        (void)state;
        say_diverged();
        each(of_diverged, ELEMENTSOF(of_diverged));
}

static void test_waiting(void **state) {
        (void)state;
        say_waiting();
        each(of_waiting, ELEMENTSOF(of_waiting));
}

static void test_kernel(void **state) {
        (void)state;
        say_kernel();
        each(of_kernel, ELEMENTSOF(of_kernel));
}

static void test_no_spool(void **state) {
        (void)state;
        shared->hides_spool = true;
        say_following();
        each(of_no_spool, ELEMENTSOF(of_no_spool));
        shared->hides_spool = false;
        say_following();
}

/* Asked in a catch-up, and told when that was over: it is asked again, for a look. */
static void test_answers_without_a_look(void **state) {
        static const char *const verify[] = { "verify", SOCKET, NULL };

        (void)state;
        say_following();
        shared->n_stale = 3;
        assert_int_equal(run(verify), EXIT_GOOD);
        assert_int_equal(shared->n_stale, 0);
        shared->n_stale = UINT32_MAX;
        assert_int_equal(run(verify), EXIT_NOT_YET);
        shared->n_stale = 0;
}

/* Nobody asked, so nothing comes. */
static void test_silence(void **state) {
        const CtlOptions o = { .socket = socket_path };
        VarlinkReply reply = { .fd = -1 };
        Remote remote = {};

        (void)state;
        assert_int_equal(remote_open(&o, REMOTE_REPLAY, &remote), 0);
        assert_int_equal(remote_receive(&remote, now_usec(), &reply), REMOTE_E_TIME);
        assert_int_equal(remote_next(&remote, 1000, &reply), REMOTE_E_FAILED);
        remote_close(&remote);
}

static int setup_all(void **state) {
        if (all_hashers_open(state) != 0 || setup(state) != 0)
                return -1;
        leave(N_SERVED);
        make_status();
        runs_open();
        return start_server();
}

static int teardown_all(void **state) {
        int how = -1;

        (void)close(stop_fd);
        if (waitpid(server_pid, &how, 0) != server_pid || how != 0) {
                print_error("the server ends with %#x\n", (unsigned)how);
                return -1;
        }
        (void)munmap(shared, sizeof(*shared));
        runs_close();
        return teardown(state) != 0 ? -1 : all_hashers_close(state);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_following), cmocka_unit_test(test_diverged),
                cmocka_unit_test(test_waiting),   cmocka_unit_test(test_kernel),
                cmocka_unit_test(test_no_spool),  cmocka_unit_test(test_answers_without_a_look),
                cmocka_unit_test(test_silence)
        };

        return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
