/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ima-replayctl explain WORD: what a state, a reason or a verdict means, and what to do.
 */
#include "base/error.h"
#include "base/exit.h"
#include "client/block.h"
#include "client/served.h"
#include "core/plan-explain.h"
#include "os/message.h"

static const char *kind_name(PlanWord kind) {
        static const char *const names[_PLAN_WORD_N] = {
                [PLAN_WORD_STATE] = "state",
                [PLAN_WORD_REASON] = "reason",
                [PLAN_WORD_VERDICT] = "verdict",
        };

        return names[kind];
}

static int word_json(const CtlOptions *o, const PlanExplanation *e) {
        _cleanup_(json_dropp) Json *map = NULL;
        int r;

        r = json_map(&map);
        if (r == 0)
                r = json_put_text(map, "word", bytes_of_text(e->name));
        if (r == 0)
                r = json_put_text(map, "kind", bytes_of_text(kind_name(e->kind)));
        if (r == 0)
                r = json_put_text(map, "brief", bytes_of_text(e->brief));
        if (r == 0)
                r = json_put_text(map, "cause", bytes_of_text(e->cause));
        if (r == 0)
                r = json_put_text(map, "advice", bytes_of_text(e->advice));
        if (r == 0)
                r = json_print(stdout, map, o->json);
        return error_trace(r);
}

static void word_print(const PlanExplanation *e, const Terminal *t) {
        (void)printf("%s%s%s (%s): %s\n", t->has_colour ? "\033[1m" : "", e->name,
                     t->has_colour ? "\033[0m" : "", kind_name(e->kind), e->brief);
        block_line(stdout, t, "Meaning", e->cause);
        block_line(stdout, t, "What to do", e->advice);
}

/* A line a word. */
static void word_list(void) {
        PlanExplanation e;

        for (size_t i = 0; i < plan_explain_n(); ++i)
                if (plan_explain_at(i, &e))
                        (void)printf("%-22s %-8s %s\n", e.name, kind_name(e.kind), e.brief);
}

/**
 * explain_word() - ima-replayctl explain STATE|REASON|VERDICT
 * @o: the options; "all" lists the words
 *
 * Return: EXIT_GOOD; EXIT_USAGE for a word that there is not; a negative errno.
 */
int explain_word(const CtlOptions *o) {
        Bytes word = bytes_of_text(o->arguments[0]);
        Terminal t = terminal_look();
        PlanExplanation e;

        if (bytes_equal_text(word, "all")) {
                word_list();
                return EXIT_GOOD;
        }
        if (!plan_explain_word(word, &e)) {
                message_error(
                        "explain %s: a position from 0 on, or a state, reason or verdict of "
                        "'ima-replayctl status' was expected; → try ima-replayctl explain all",
                        o->arguments[0]);
                return EXIT_USAGE;
        }
        if (o->json != JSON_OFF)
                return error_trace(word_json(o, &e));
        word_print(&e, &t);
        return EXIT_GOOD;
}
