/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * demo.h -- the small world of `ima-replayctl demo`: a directory with a kernel's files, a list that
 * grows, a software TPM, and the real programs run in it.
 *   demo.c          the directory, and the list
 *   demo-program.c  the programs: run to their end, or as a service
 */
#pragma once

#include <limits.h>

#include "client/ctl.h"
#include "core/mlist.h"
#include "core/status.h"
#include "os/root.h"

typedef struct DemoWorld {
        char dir[PATH_MAX]; /* temporary; everything is below it */
        char exe_dir[PATH_MAX];
        char *list; /* the whole list, as bytes */
        size_t n_list;
        MlistForm form;
        Hasher *sha1;
        size_t n_backlog; /* bytes of it that are there before the TPM is */
        uint64_t n_records;
        uint64_t n_backlog_records;
        size_t at_fragile; /* offset of a byte whose change the main PCR must show */
        size_t n_shown;    /* bytes that the world's kernel shows now */
        uint64_t n_shown_records;
} DemoWorld;

int demo_build(DemoWorld *w, const char *list_path);
void demo_remove(DemoWorld *w);
int demo_path(const DemoWorld *w, const char *name, char path[static PATH_MAX]);
int demo_show_backlog(DemoWorld *w);
int demo_measure(DemoWorld *w);
int demo_write(const char *path, const void *data, size_t n);
int demo_find_program(const DemoWorld *w, const char *name, char path[static PATH_MAX]);

/* A program that runs. Zeroed and with fds of -1 (DEMO_NO_PROGRAM) it is none. */
typedef struct DemoProgram {
        pid_t pid;
        int end_fd; /* a pidfd: readable when it has ended */
        int log_fd; /* what it says on stderr */
        bool is_inside_line;
        bool has_ended;
} DemoProgram;

#define DEMO_NO_PROGRAM ((DemoProgram){ .end_fd = -1, .log_fd = -1 })

/* ima-replayd as a service, and what it said last about itself; begins as DEMO_NO_SERVICE. */
typedef struct DemoService {
        DemoProgram program;
        Root root;
        int peer_fd;              /* its inner socket; -1: not connected */
        uint64_t asked, answered; /* tokens of REFRESH; asked is 0: nothing was */
        bool is_known;
        PlanState state;
        PlanVerdict verdict;
        uint64_t n_done; /* records that are in the TPM, or never will be: */
        uint64_t n_left_alone;
} DemoService;

#define DEMO_NO_SERVICE                                                                            \
        ((DemoService){ .program = DEMO_NO_PROGRAM, .root = { .fd = -1 }, .peer_fd = -1 })

int demo_run(const char *const argv[], const char *stdout_path, uint64_t patience_usec,
             int *ret_status);
int demo_service_start(DemoService *s, const char *const argv[], const char *root);
int demo_service_turn(DemoService *s, int msec);
int demo_service_await(DemoService *s, uint64_t n_records, uint64_t patience_usec);
int demo_service_stop(DemoService *s, int *ret_status);
void demo_service_kill(DemoService *s);
