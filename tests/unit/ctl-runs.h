/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl-runs.h -- command lines of ima-replayctl, run in this process while memory fails.
 *
 * Each runs again and again; in run n the n-th allocation fails, once. It must then exit with 1 and
 * say why, or have said all that it says otherwise, with the same exit status: never half an answer
 * that counts as one.
 */
#pragma once

#include "fixture.h"

#include <ctype.h>
#include <getopt.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/exit.h"
#include "faults.h"

int ctl_main(int argc, char **argv); /* client/ctl.c's */

#define ARGS_MAX   12
#define RUNS_MAX   20000U
#define OUTPUT_MAX (1U << 20)

typedef struct Run {
        const char *row;
        const char *args[ARGS_MAX + 1];
        int status;
        uint64_t at_least;
        bool has_ages; /* its numbers are others each time */
} Run;

/* What a run wrote, and to where. */
typedef struct Said {
        int fd;
        size_t n;
        char *text;
} Said;

static Said said[2];      /* stdout and stderr */
static char *whole, *out; /* of stdout, when nothing fails, and now */
static size_t n_whole;

/* Return: the exit status. */
static inline int run(const char *const args[]) {
        char *argv[ARGS_MAX + 2] = { (char *)"ima-replayctl" };
        int argc = 1, own[2], r;

        for (; args[argc - 1]; ++argc)
                argv[argc] = (char *)args[argc - 1];
        for (int i = 0; i < 2; ++i) {
                assert_int_equal(ftruncate(said[i].fd, 0), 0);
                assert_int_equal(lseek(said[i].fd, 0, SEEK_SET), 0);
                (void)fflush(i == 0 ? stdout : stderr);
                own[i] = dup(i + 1);
                assert_int_equal(dup2(said[i].fd, i + 1), i + 1);
        }
        optind = 0;
        r = ctl_main(argc, argv);
        for (int i = 0; i < 2; ++i) {
                (void)fflush(i == 0 ? stdout : stderr);
                assert_int_equal(dup2(own[i], i + 1), i + 1);
                (void)close(own[i]);
                said[i].n = (size_t)pread(said[i].fd, said[i].text, OUTPUT_MAX, 0);
        }
        return r;
}

/* Without what tells the time, where that is in it: numbers, and the units behind them. */
static inline size_t text_of(const Run *row, const Said *s, char *to) {
        size_t n = 0;

        for (size_t i = 0; i < s->n; ++i) {
                char c = s->text[i];

                if (!row->has_ages || c == '\n' ||
                    (isalpha((unsigned char)c) && !strchr("dhimns", c)))
                        to[n++] = c;
        }
        return n;
}

static inline void check_run(const Run *row, int r, uint64_t n) {
        size_t n_out = text_of(row, &said[0], out);
        bool is_whole = n_out == n_whole && memcmp(out, whole, n_whole) == 0;

        if (r == EXIT_ERROR) {
                CHECK(said[1].n > 0, "%s, allocation %ju: it fails and does not say why\n",
                      row->row, (uintmax_t)n);
                return;
        }
        CHECK(r == row->status, "%s, allocation %ju: exit status %d\n", row->row, (uintmax_t)n, r);
        /* A verdict stands, also where no reason could be sought; then that is said. */
        CHECK(is_whole || (r == EXIT_MISMATCH && said[1].n > 0),
              "%s, allocation %ju: exit status %d, but not all is said:\n%.*s", row->row,
              (uintmax_t)n, r, (int)said[0].n, said[0].text);
}

/* @counter: of this process, or of one that it asks. */
static inline void each_allocation_fails(const Run *row, uint64_t *counter) {
        uint64_t n = 0;
        int r;

        ROW(row->row);
        *counter = 0;
        r = run(row->args);
        CHECK(r == row->status, "exit status %d: %.*s\n", r, (int)said[1].n, said[1].text);
        n_whole = text_of(row, &said[0], whole);
        do {
                *counter = ++n;
                r = run(row->args);
                if (*counter == 0)
                        check_run(row, r, n);
        } while (*counter == 0 && n < RUNS_MAX);
        *counter = 0;
        assert_int_equal(r, row->status);
        CHECK(n > row->at_least, "%s makes only %ju allocations\n", row->row, (uintmax_t)n - 1);
}

static inline void runs_open(void) {
        for (int i = 0; i < 2; ++i) {
                said[i].fd = memfd_create("said", MFD_CLOEXEC);
                said[i].text = malloc(OUTPUT_MAX);
                assert_non_null(said[i].text);
        }
        whole = malloc(OUTPUT_MAX);
        out = malloc(OUTPUT_MAX);
        assert_true(whole && out);
}

static inline void runs_close(void) {
        for (int i = 0; i < 2; ++i) {
                (void)close(said[i].fd);
                free(said[i].text);
        }
        free(whole);
        free(out);
}
