/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The status for people: a headline, and blocks of what is behind it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "base/error.h"
#include "client/block.h"
#include "client/remote.h"
#include "client/status-view.h"

#define SHORT_DIGITS 16U

typedef struct Painter {
        FILE *f;
        const StatusView *v;
        const Terminal *t;
        bool is_full;
        uint64_t now_usec;
} Painter;

typedef enum Tone {
        TONE_GOOD,
        TONE_NOTE,
        TONE_BAD,
        _TONE_N,
} Tone;

/* A sign in its colour, where the terminal takes one. */
static const char *paint(const Painter *p, Tone tone, const char *sign, char text[static 32]) {
        static const char *const colours[_TONE_N] = { "\033[32m", "\033[33m", "\033[31m" };

        if (p->t->has_colour)
                (void)snprintf(text, 32, "%s%s\033[0m", colours[tone], sign);
        else
                (void)snprintf(text, 32, "%s", sign);
        return text;
}

/* One line under construction; text of the service goes in through remote_put() only. */
typedef struct Line {
        char *text;
        size_t size;
        FILE *f;
} Line;

static int line_begin(Line *l) {
        *l = (Line){};
        l->f = open_memstream(&l->text, &l->size);
        return l->f ? 0 : error_origin(-ENOMEM);
}

/* Without a label: behind a sign of two columns. */
static int line_end(Line *l, const Painter *p, const char *label) {
        int r = fclose(l->f) != 0 ? error_origin(-ENOMEM) : 0;

        if (r == 0 && l->size > 0 && label)
                block_line(p->f, p->t, label, l->text);
        else if (r == 0 && l->size > 0)
                block_text(p->f, p->t, 2, l->text);
        free(l->text);
        return error_trace(r);
}

static bool explain_of(Bytes word, PlanWord kind, PlanExplanation *ret) {
        PlanExplanation e;

        for (size_t i = 0; i < plan_explain_n(); ++i)
                if (plan_explain_at(i, &e) && e.kind == kind && bytes_equal_text(word, e.name)) {
                        *ret = e;
                        return true;
                }
        return false;
}

static bool view_is_good(const StatusView *v) {
        return v->verdict == PLAN_VERDICT_EXTENDED || v->verdict == PLAN_VERDICT_KERNEL;
}

/* What the state's own words do not say. */
static const char *headline_of(const StatusView *v, const char *brief) {
        if (bytes_equal_text(v->state, plan_state_name(PLAN_KERNEL_OWNS))) {
                if (v->verdict == PLAN_VERDICT_FAILED)
                        return "the kernel extends, and the PCR does not follow from its list";
                if (v->verdict == PLAN_VERDICT_PENDING)
                        return "the kernel extends by itself, the PCR is not compared yet";
        }
        if (bytes_equal_text(v->state, plan_state_name(PLAN_FOLLOW)) && v->lag.records.value > 0)
                return "following, the newest records are on their way";
        return brief;
}

static int print_headline(const Painter *p) {
        static const Tone tones[_PLAN_VERDICT_N] = {
                [PLAN_VERDICT_PENDING] = TONE_NOTE, [PLAN_VERDICT_EXTENDED] = TONE_GOOD,
                [PLAN_VERDICT_KERNEL] = TONE_GOOD,  [PLAN_VERDICT_FAILED] = TONE_BAD,
                [PLAN_VERDICT_NO_IMA] = TONE_BAD,
        };
        const StatusView *v = p->v;
        PlanExplanation e;
        char sign[32], since[32];
        Line l;
        int r = line_begin(&l);

        if (r < 0)
                return error_trace(r);
        (void)fputs("IMA replay: ", l.f);
        if (explain_of(v->state, PLAN_WORD_STATE, &e))
                (void)fputs(headline_of(v, e.brief), l.f);
        else
                remote_put(l.f, v->state);
        if (!view_is_good(v)) {
                block_seconds(v->state_usec.value, since, sizeof(since));
                (void)fprintf(l.f, " since" BLOCK_JOINT "%s", since);
        }
        (void)fprintf(p->f, "%s ", paint(p, tones[v->verdict], "●", sign));
        return line_end(&l, p, NULL);
}

static int print_reason(const Painter *p) {
        const StatusView *v = p->v;
        PlanExplanation e;
        Line l;
        int r;

        if (v->message.n == 0 && (view_is_good(v) || v->reason.n == 0))
                return 0;
        r = line_begin(&l);
        if (r < 0)
                return error_trace(r);
        if (v->message.n > 0)
                remote_put(l.f, v->message);
        else if (explain_of(v->reason, PLAN_WORD_REASON, &e))
                (void)fprintf(l.f, "%s", e.brief);
        else
                remote_put(l.f, v->reason);
        return line_end(&l, p, "Reason");
}

static int print_kernel(const Painter *p) {
        static const struct {
                const char *name, *text;
        } modes[] = {
                { "bypass", "TPM-bypass (no TPM when IMA started)" },
                { "kernel", "extends by itself (it had its TPM when IMA started)" },
                { "mixed", "signs of both: with and without a TPM when IMA started" },
                { "undecided", "not known yet who extends" },
        };
        const StatusView *v = p->v;
        const char *mode = NULL;
        Line l;
        int r = line_begin(&l);

        if (r < 0)
                return error_trace(r);
        for (size_t i = 0; i < ELEMENTSOF(modes); ++i)
                if (bytes_equal_text(v->mode, modes[i].name))
                        mode = modes[i].text;
        if (mode)
                (void)fputs(mode, l.f);
        else
                remote_put(l.f, v->mode);
        (void)fprintf(l.f, ", %" PRIu64 BLOCK_JOINT "records, %" PRIu64 BLOCK_JOINT "violations",
                      v->measured.value, v->violations.value);
        if (v->trimmed.value > 0)
                (void)fprintf(l.f, ", %" PRIu64 BLOCK_JOINT "trimmed", v->trimmed.value);
        return line_end(&l, p, "Kernel");
}

static int print_extended(const Painter *p) {
        const StatusView *v = p->v;
        char ago[48];
        Line l;
        int r = line_begin(&l);

        if (r < 0)
                return error_trace(r);
        (void)fprintf(l.f, "%" PRIu64 BLOCK_JOINT "of" BLOCK_JOINT "%" PRIu64, v->extended.value,
                      v->measured.value);
        if (v->last_extend_usec.is_set) {
                uint64_t last = v->last_extend_usec.value;

                block_duration(p->now_usec > last ? p->now_usec - last : 0, ago, sizeof(ago));
                (void)fprintf(l.f, ", last" BLOCK_JOINT "%s" BLOCK_JOINT "ago", ago);
        }
        if (v->foreign.value > 0)
                (void)fprintf(l.f,
                              ", %" PRIu64 BLOCK_JOINT "left alone (others extend their PCR, too)",
                              v->foreign.value);
        if (v->refused.value > 0)
                (void)fprintf(l.f, ", %" PRIu64 BLOCK_JOINT "that the TPM has no PCR for",
                              v->refused.value);
        return line_end(&l, p, "Extended");
}

static const char *gate_title(Bytes name) {
        static const struct {
                const char *name, *title;
        } titles[] = {
                { "pkvm", "pKVM" },
                { "ffa", "FF-A" },
                { "tee_supplicant", "tee-supplicant" },
                { "tpm", "TPM" },
        };

        for (size_t i = 0; i < ELEMENTSOF(titles); ++i)
                if (bytes_equal_text(name, titles[i].name))
                        return titles[i].title;
        return NULL;
}

static void put_gate(const Painter *p, const StatusViewGate *gate, FILE *f) {
        const char *title = gate_title(gate->name);
        char sign[32];

        (void)fprintf(f, "%s" BLOCK_JOINT,
                      gate->readiness == VIEW_READY     ? paint(p, TONE_GOOD, "✓", sign)
                      : gate->readiness == VIEW_WAITING ? paint(p, TONE_NOTE, "…", sign)
                                                        : paint(p, TONE_BAD, "✗", sign));
        if (title)
                (void)fputs(title, f);
        else
                remote_put(f, gate->name);
        if (gate->hint.n > 0) {
                (void)fputs(" (", f);
                remote_put(f, gate->hint);
                (void)fputc(')', f);
        }
}

static bool gate_is_missing(const StatusViewGate *gate) {
        return gate->readiness == VIEW_WAITING || gate->readiness == VIEW_NEVER;
}

static int print_ready(const Painter *p, const char *label, size_t *ret_n) {
        const StatusView *v = p->v;
        size_t n = 0;
        Line l;
        int r = line_begin(&l);

        if (r < 0)
                return error_trace(r);
        for (size_t i = 0; i < v->n_gate; ++i)
                if (v->gate[i].readiness == VIEW_READY) {
                        (void)fputs(n++ > 0 ? "   " : "", l.f);
                        put_gate(p, &v->gate[i], l.f);
                }
        *ret_n = n;
        return line_end(&l, p, label);
}

/* What is ready in one line, and one for each that is not: it says what to look at. */
static int print_gate(const Painter *p) {
        const StatusView *v = p->v;
        bool is_open = true;
        size_t n = 0;
        int r;

        for (size_t i = 0; i < v->n_gate; ++i)
                is_open = is_open && !gate_is_missing(&v->gate[i]);
        r = print_ready(p, is_open ? "Needs" : "Waits", &n);
        for (size_t i = 0; i < v->n_gate && r == 0; ++i) {
                Line l;

                if (!gate_is_missing(&v->gate[i]))
                        continue;
                r = line_begin(&l);
                if (r < 0)
                        return error_trace(r);
                put_gate(p, &v->gate[i], l.f);
                r = line_end(&l, p, n++ > 0 ? "" : "Waits");
        }
        return error_trace(r);
}

static int print_tpm(const Painter *p) {
        const StatusViewTpm *tpm = &p->v->tpm;
        char sign[32];
        Line l;
        int r;

        if (!tpm->is_there)
                return 0;
        r = line_begin(&l);
        if (r < 0)
                return error_trace(r);
        remote_put(l.f, tpm->device);
        if (tpm->driver.n > 0 || tpm->software.value) {
                (void)fputs(" (", l.f);
                remote_put(l.f, tpm->driver);
                (void)fprintf(l.f, "%s%s)", tpm->driver.n > 0 && tpm->software.value ? ", " : "",
                              tpm->software.value ? "a software TPM: proves nothing to others"
                                                  : "");
        }
        if (tpm->compare_and_swap.value)
                (void)fprintf(l.f, ", %s" BLOCK_JOINT "each extend is a compare-and-swap",
                              paint(p, TONE_GOOD, "✓", sign));
        else
                (void)fprintf(l.f, ", %s" BLOCK_JOINT "extends are not guarded against others",
                              paint(p, TONE_NOTE, "!", sign));
        (void)fprintf(l.f, ", resets" BLOCK_JOINT "%" PRIu64 ", restarts" BLOCK_JOINT "%" PRIu64,
                      tpm->reset_count.value, tpm->restart_count.value);
        return line_end(&l, p, "TPM");
}

static void put_bank(const Painter *p, const StatusViewBank *bank, FILE *f) {
        Bytes value = bank->value;
        char sign[32];

        remote_put(f, bank->algorithm);
        if (value.n == 0) {
                (void)fputs(BLOCK_JOINT "not read yet", f);
                return;
        }
        (void)fprintf(f, BLOCK_JOINT "%s" BLOCK_JOINT,
                      bank->verified.is_set ? paint(p, TONE_GOOD, "✓", sign)
                                            : paint(p, TONE_BAD, "✗", sign));
        if (!p->is_full)
                value.n = MIN_OF(value.n, (size_t)SHORT_DIGITS);
        remote_put(f, value);
        if (value.n < bank->value.n)
                (void)fputs("…", f);
        if (bank->verified.is_set && bank->verified.value < p->v->extended.value)
                (void)fprintf(f, BLOCK_JOINT "(of %" PRIu64 ")", bank->verified.value);
}

static int print_banks(const Painter *p) {
        const StatusView *v = p->v;
        int r = 0;

        for (size_t i = 0; i < v->n_banks && r == 0;) {
                uint64_t pcr = v->bank[i].pcr.value;
                char label[32];
                Line l;

                (void)snprintf(label, sizeof(label), "PCR %" PRIu64, pcr);
                r = line_begin(&l);
                if (r < 0)
                        break;
                for (bool is_first = true; i < v->n_banks && v->bank[i].pcr.value == pcr; ++i) {
                        if (!is_first)
                                (void)fputs("   ", l.f);
                        is_first = false;
                        put_bank(p, &v->bank[i], l.f);
                }
                label[BLOCK_LABEL] = '\0';
                r = line_end(&l, p, label);
        }
        return error_trace(r);
}

static int print_lag(const Painter *p) {
        const StatusViewLag *lag = &p->v->lag;
        char text[4][48];
        Line l;
        int r;

        if (!lag->p50_usec.is_set && lag->records.value == 0)
                return 0;
        r = line_begin(&l);
        if (r < 0)
                return error_trace(r);
        block_duration(lag->age_usec.value, text[0], sizeof(text[0]));
        block_duration(lag->p50_usec.value, text[1], sizeof(text[1]));
        block_duration(lag->p99_usec.value, text[2], sizeof(text[2]));
        block_duration(lag->max_usec.value, text[3], sizeof(text[3]));
        if (lag->records.value > 0)
                (void)fprintf(l.f,
                              "%" PRIu64 BLOCK_JOINT "records wait, the oldest for" BLOCK_JOINT
                              "%s%s",
                              lag->records.value, text[0], lag->p50_usec.is_set ? "; " : "");
        if (lag->p50_usec.is_set)
                (void)fprintf(l.f,
                              "half within" BLOCK_JOINT "%s, 99" BLOCK_JOINT "%% within" BLOCK_JOINT
                              "%s, all within" BLOCK_JOINT "%s",
                              text[1], text[2], text[3]);
        return line_end(&l, p, "Lag");
}

static int print_boot(const Painter *p) {
        const StatusView *v = p->v;
        const StatusViewBacklog *b = &v->backlog;
        const char *between = "";
        char when[32], took[48];
        Line l;
        int r = line_begin(&l);

        if (r < 0)
                return error_trace(r);
        for (size_t i = 0; i < v->n_gate; ++i)
                if (v->gate[i].readiness == VIEW_READY && v->gate[i].ready_usec.is_set &&
                    bytes_equal_text(v->gate[i].name, "tpm")) {
                        block_seconds(v->gate[i].ready_usec.value, when, sizeof(when));
                        (void)fprintf(l.f, "TPM ready" BLOCK_JOINT "%s", when);
                        between = ", ";
                }
        if (b->is_there && b->done_usec.is_set) {
                uint64_t usec = b->done_usec.value > b->start_usec.value
                                        ? b->done_usec.value - b->start_usec.value
                                        : 0;

                block_seconds(b->done_usec.value, when, sizeof(when));
                block_duration(usec, took, sizeof(took));
                (void)fprintf(l.f,
                              "%sbacklog of" BLOCK_JOINT "%" PRIu64 " done" BLOCK_JOINT
                              "%s (%s, %.0f" BLOCK_JOINT "records/s)",
                              between, b->records.value, when, took,
                              usec > 0 ? (double)b->records.value * 1e6 / (double)usec : 0.0);
        } else if (b->is_there) {
                block_seconds(b->start_usec.value, when, sizeof(when));
                (void)fprintf(l.f, "%sbacklog of" BLOCK_JOINT "%" PRIu64 " begun" BLOCK_JOINT "%s",
                              between, b->records.value, when);
        }
        return line_end(&l, p, "Boot");
}

/* Of the copy only what an administrator may have to do something about. */
static int print_spool(const Painter *p) {
        const StatusViewSpool *spool = &p->v->spool;
        char sign[32], text[256];

        if (spool->writable.value && spool->limit.value > 0)
                return 0;
        if (spool->limit.value == 0)
                (void)snprintf(text, sizeof(text),
                               "none is kept (SpoolMax=0): the list cannot be served");
        else
                (void)snprintf(text, sizeof(text),
                               "%s" BLOCK_JOINT "full or failing after %" PRIu64 BLOCK_JOINT
                               "records: later ones are extended, but not served; raise SpoolMax=",
                               paint(p, TONE_NOTE, "!", sign), spool->records.value);
        block_line(p->f, p->t, "Copy", text);
        return 0;
}

static int print_advice(const Painter *p) {
        const StatusView *v = p->v;
        PlanExplanation e;
        char text[128];

        if (view_is_good(v))
                return 0;
        if (!(v->reason.n > 0 && explain_of(v->reason, PLAN_WORD_REASON, &e)) &&
            !explain_of(v->state, PLAN_WORD_STATE, &e))
                return 0;
        (void)snprintf(text, sizeof(text), "→" BLOCK_JOINT "ima-replayctl explain %s", e.name);
        block_line(p->f, p->t, "", text);
        return 0;
}

/**
 * status_view_print() - the status for people
 * @f:        where to
 * @v:        the status
 * @t:        the terminal
 * @is_full:  do not cut digests
 * @now_usec: CLOCK_BOOTTIME
 *
 * Return: 0 or -ENOMEM.
 */
int status_view_print(FILE *f, const StatusView *v, const Terminal *t, bool is_full,
                      uint64_t now_usec) {
        static int (*const parts[])(const Painter *) = {
                print_headline, print_reason, print_kernel, print_extended, print_gate,   print_tpm,
                print_banks,    print_lag,    print_boot,   print_spool,    print_advice,
        };
        const Painter p = { f, v, t, is_full, now_usec };
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(parts) && r == 0; ++i)
                r = parts[i](&p);
        return error_trace(r);
}

/**
 * status_view_line() - the status in one line, for --watch where there is no terminal
 * @f: where to
 * @v: the status
 */
void status_view_line(FILE *f, const StatusView *v) {
        char when[32];

        block_seconds(v->state_usec.value, when, sizeof(when));
        remote_put(f, v->verdict_name);
        (void)fputs("  ", f);
        remote_put(f, v->state);
        (void)fprintf(f, " since %s", when);
        if (v->reason.n > 0) {
                (void)fputs(", ", f);
                remote_put(f, v->reason);
        }
        (void)fprintf(f, "  %" PRIu64 " of %" PRIu64 " extended\n", v->extended.value,
                      v->measured.value);
}
