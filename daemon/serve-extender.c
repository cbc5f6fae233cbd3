/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The inner socket: what the extender says, and the two things that it may be asked for.
 *
 * What it said is believed as long as the connection lives and it answers; then nothing is known.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "daemon/serve-extender-internal.h"
#include "os/anchor-file.h"
#include "os/lookout.h"
#include "os/message.h"

#define SERVE_PAUSE_MIN_USEC                                                                       \
        (50 * SERVE_MSEC) /* between two tries to connect; doubled each time                       \
                           */
#define SERVE_PAUSE_MAX_USEC (5 * SERVE_SEC)
#define SERVE_AGAIN_USEC     (10 * SERVE_MSEC) /* when something moved beside its socket */
#define SERVE_SILENT_USEC    (10 * SERVE_SEC)  /* a count takes it no TPM, so it is stuck */
/* PCRs are read when they can be, and by a TPM: which it gives up itself before this. */
#define SERVE_SILENT_TPM_USEC (150 * SERVE_SEC)
#define SERVE_SPOOL_USEC      (200 * SERVE_MSEC) /* after an answer without one that is kept */
#define SERVE_MESSAGES_TURN   4U

/**
 * serve_status() - where the extender stands
 * @s: the server
 *
 * Return: borrowed from @s until the next turn of the loop; NULL: it is not known now.
 */
const Status *serve_status(const Serve *s) {
        return s->has_status ? &s->status : NULL;
}

/**
 * serve_known() - the same, with an answer in any case
 * @s: the server
 *
 * Without an extender: state init, verdict pending, no number, and a text that says so. What was
 * known before is not repeated: it may have changed since.
 *
 * Return: borrowed from @s until the next turn of the loop.
 */
const Status *serve_known(const Serve *s) {
        return &s->status;
}

uint64_t serve_age_usec(const Serve *s) {
        uint64_t now = now_usec();

        return s->has_status && now > s->status_usec ? now - s->status_usec : 0;
}

uint64_t serve_changes(const Serve *s) {
        return s->n_changes;
}

/**
 * serve_spool() - the copy of the list
 * @s: the server
 *
 * It stays what it was while the extender is away: what was announced was hashed.
 *
 * Return: borrowed from @s.
 */
const ServeSpool *serve_spool(const Serve *s) {
        return &s->spool;
}

uint64_t serve_answered(const Serve *s) {
        return s->answered;
}

uint64_t serve_now_usec(const Serve *s) {
        (void)s;
        return now_usec();
}

/*
 * What is known
 */

static void serve_changed(Serve *s) {
        ++s->n_changes;
        varlink_server_wake(s->server);
}

/**
 * serve_note_verified() - remember how far a bank was seen to fit
 * @s:   the server
 * @pcr: of TPM_PCR_N
 * @alg: the bank
 * @n:   so many records were in it; 0: nothing new is known
 *
 * Return: the most that it was ever seen to fit at; 0: never.
 */
uint64_t serve_note_verified(Serve *s, uint32_t pcr, DigestAlg alg, uint64_t n) {
        uint64_t *last = &s->last_verified[pcr][alg];

        *last = MAX_OF(*last, n);
        return *last;
}

/**
 * serve_note_status() - remember how far each bank fits by the newest status
 * @s: the server; it has a status
 */
void serve_note_status(Serve *s) {
        for (uint32_t i = 0; i < s->status.n_pcrs; ++i) {
                const StatusPcr *p = &s->status.pcr[i];

                FOREACH_BANK(alg, p->is_held ? p->banks : 0)
                        (void)serve_note_verified(s, p->pcr, alg, p->n_verified);
        }
}

static void serve_know_nothing(Serve *s, uint64_t now) {
        char boot_id[BOOT_ID_SIZE];

        memcpy(boot_id, s->status.boot_id, sizeof(boot_id));
        s->has_status = false;
        s->status_usec = now;
        s->status = (Status){
                .text = "ima-replayd does not run, or does not answer; → systemctl status "
                        "ima-replayd",
                .state_usec = now,
        };
        memcpy(s->status.boot_id, boot_id, sizeof(boot_id));
        serve_changed(s);
}

/* That a PCR was read again, and holds the same, is noted, and no news to anybody. */
static bool serve_is_news(Serve *s, const Status *now) {
        for (uint32_t i = 0; i < TPM_PCR_N; ++i)
                s->status.pcr[i].read_usec = now->pcr[i].read_usec;
        return !s->has_status || memcmp(&s->status, now, sizeof(*now)) != 0;
}

static void serve_take_status(Serve *s, const PeerMessage *m, uint64_t now) {
        bool is_news = serve_is_news(s, &m->status);

        s->pause_usec = 0;
        if (!s->has_status)
                message_info("ima-replayd is there: %s", plan_state_name(m->status.state));
        s->has_status = true;
        s->status_usec = now;
        if (m->token > s->answered) {
                s->answered = m->token;
                varlink_server_wake(s->server);
        }
        if (s->refresh.is_sent && m->token >= s->refresh.sent_token)
                s->refresh.is_sent = false;
        if (!is_news)
                return;
        s->status = m->status;
        serve_note_status(s);
        serve_changed(s);
        if (s->spool.list_fd >= 0 && s->spool_of == s->status.spool_generation) {
                s->spool.n_records = s->status.spool_n_records;
                s->spool.n_bytes = s->status.spool_n_bytes;
        } else if (s->status.spool_limit > 0) {
                s->wants_spool = true;
        }
}

/* The same file as before is not begun anew, whoever counts its generations. */
static void serve_take_spool(Serve *s, PeerSpool *spool, uint64_t now) {
        struct stat st = {};
        bool is_same = spool->list_fd >= 0 && fstat(spool->list_fd, &st) == 0 &&
                       s->spool.list_fd >= 0 && st.st_dev == s->spool_dev &&
                       st.st_ino == s->spool_ino;

        if (!is_same) {
                closep(&s->spool.list_fd);
                closep(&s->spool.index_fd);
                s->spool.list_fd = take_fd(&spool->list_fd);
                s->spool.index_fd = take_fd(&spool->index_fd);
                s->spool_dev = st.st_dev;
                s->spool_ino = st.st_ino;
                ++s->spool.generation;
        }
        closep(&spool->list_fd);
        closep(&spool->index_fd);
        s->spool.n_records = spool->n_records;
        s->spool.n_bytes = spool->n_bytes;
        s->spool_of = spool->generation;
        /* It has one, but had no descriptor to spare: nothing else would make us ask again. */
        if (s->spool.list_fd < 0 && s->status.spool_is_writable) {
                s->wants_spool = true;
                s->spool_usec = now + SERVE_SPOOL_USEC;
        }
        serve_changed(s);
}

/*
 * The connection
 */

static void serve_lose(Serve *s, uint64_t now) {
        loop_forget(s->loop, &s->link);
        closep(&s->link.fd);
        s->link.fd = -1;
        s->wants_spool = false;
        s->spool_of =
                UINT64_MAX; /* another extender counts from 0 again: its files are asked for */
        if (s->refresh.is_sent) { /* to be asked again, of whoever comes */
                s->refresh.is_sent = false;
                s->refresh.is_wanted = true;
                s->refresh.pcrs |= s->refresh.sent_pcrs;
        }
        s->pause_usec =
                MIN_OF(MAX_OF(2 * s->pause_usec, SERVE_PAUSE_MIN_USEC), SERVE_PAUSE_MAX_USEC);
        s->try_usec = now + s->pause_usec;
        if (!s->has_status)
                return;
        message_warning("ima-replayd is gone, or does not answer");
        serve_know_nothing(s, now);
}

static int serve_on_link(LoopWatch *w, uint32_t events) {
        Serve *s = w->userdata;
        uint64_t now = now_usec();
        int r = 0;

        (void)events;
        for (unsigned n = 0; n < SERVE_MESSAGES_TURN && r == 0; ++n) {
                PeerMessage m;

                r = peer_receive(w->fd, &m);
                if (r != 0)
                        break;
                if (m.kind == PEER_STATUS)
                        serve_take_status(s, &m, now);
                else
                        serve_take_spool(s, &m.spool, now);
        }
        if (r == PEER_E_MALFORMED)
                message_error("ima-replayd is of another version; → restart both");
        if (r != 0 && r != PEER_E_PENDING)
                serve_lose(s, now);
        return 0;
}

static void serve_connect(Serve *s, uint64_t now) {
        int fd = -1, r;

        s->tried_usec = now;
        r = peer_connect(s->root, &fd);
        if (r == 0) {
                s->link = (LoopWatch){ .fd = fd, .call = serve_on_link, .userdata = s };
                r = loop_watch(s->loop, &s->link, EPOLLIN);
        }
        if (r < 0 && r != s->error)
                message_warning("the inner socket: %s%s", strerror(-r),
                                r == -EACCES ? "; → have it owned by this user" : "");
        s->error = r < 0 ? r : 0;
        if (r != 0)
                serve_lose(s, now);
}

static int serve_on_run(LoopWatch *w, uint32_t events) {
        Serve *s = w->userdata;

        (void)events;
        if (lookout_drain(w->fd, PEER_NAME))
                s->try_usec = MIN_OF(s->try_usec, s->tried_usec + SERVE_AGAIN_USEC);
        return 0;
}

/* What is wanted and can be asked is asked; what finds no room is tried in the next turn. */
static int serve_ask(Serve *s, uint64_t now) {
        ServeRefresh *f = &s->refresh;
        int r = 0;

        if (f->is_wanted && !f->is_sent) {
                r = peer_refresh(s->link.fd, f->pcrs, f->token);
                if (r == 0) {
                        f->is_wanted = false;
                        f->is_sent = true;
                        f->sent_token = f->token;
                        f->sent_pcrs = f->pcrs;
                        f->sent_usec = now;
                        f->pcrs = 0;
                }
        }
        if (r == 0 && s->wants_spool && now >= s->spool_usec) {
                r = peer_get_spool(s->link.fd);
                s->wants_spool = r != 0;
        }
        return r;
}

/**
 * serve_refresh() - have list and PCRs looked at afresh
 * @s:         the server
 * @pcrs:      bit n: PCR n; 0: only the length of the list
 * @ret_token: it was done when serve_answered() is at least this; held calls are woken then
 *
 * However many ask, the extender has one request to work on, and one more that waits.
 *
 * Return: 0; also without an extender, which is asked when it comes.
 */
int serve_refresh(Serve *s, uint32_t pcrs, uint64_t *ret_token) {
        ServeRefresh *f = &s->refresh;

        f->is_wanted = true;
        f->pcrs |= pcrs;
        f->token = MAX_OF(now_usec(), f->token + 1);
        *ret_token = f->token;
        return 0;
}

/* Until when it may be silent: any word of it says that it is not stuck. */
static uint64_t serve_patience_ends(const Serve *s) {
        const ServeRefresh *f = &s->refresh;

        if (!f->is_sent)
                return LOOP_FOREVER;
        return MAX_OF(f->sent_usec, s->status_usec) +
               (f->sent_pcrs ? SERVE_SILENT_TPM_USEC : SERVE_SILENT_USEC);
}

/**
 * serve_extender_run() - connect, ask, and notice silence
 * @s:        the server
 * @now_usec: CLOCK_BOOTTIME
 *
 * Return: when to be called again if nothing happens.
 */
uint64_t serve_extender_run(Serve *s, uint64_t now_usec) {
        int r = 0;

        if (s->link.fd < 0 && now_usec >= s->try_usec)
                serve_connect(s, now_usec);
        if (s->link.fd >= 0) {
                r = now_usec >= serve_patience_ends(s) ? PEER_E_GONE : serve_ask(s, now_usec);
                if (r < 0 || r == PEER_E_GONE)
                        serve_lose(s, now_usec);
        }
        if (s->link.fd < 0)
                return s->try_usec;
        if (r == PEER_E_PENDING)
                return now_usec + SERVE_AGAIN_USEC;
        return MIN_OF(serve_patience_ends(s), s->wants_spool ? s->spool_usec : LOOP_FOREVER);
}

/**
 * serve_extender_open() - begin to look for the extender
 * @s: the server, with root, loop and server
 *
 * Return: 0; a negative errno when not even the boot is known.
 */
int serve_extender_open(Serve *s) {
        _cleanup_close_ int fd = -1;
        int r;

        r = boot_id_read(s->root, s->status.boot_id);
        if (r < 0)
                return error_trace(r);
        serve_know_nothing(s, now_usec());
        if (lookout_open(s->root, RUN_DIR, &fd) < 0)
                return 0; /* looked at by time alone */
        s->run = (LoopWatch){ .fd = fd, .call = serve_on_run, .userdata = s };
        if (loop_watch(s->loop, &s->run, EPOLLIN) == 0)
                (void)take_fd(&fd);
        else
                s->run.fd = -1;
        return 0;
}

void serve_extender_close(Serve *s) {
        if (s->loop) {
                loop_forget(s->loop, &s->link);
                loop_forget(s->loop, &s->run);
        }
        closep(&s->link.fd);
        closep(&s->run.fd);
        closep(&s->spool.list_fd);
        closep(&s->spool.index_fd);
}
