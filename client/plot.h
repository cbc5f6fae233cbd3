/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * plot.h -- the boot as a picture: how many records were recorded, and how many extended, at each
 * moment. Values in, SVG or a page out; no I/O but the stream that is written to.
 */
#pragma once

#include <stdio.h>

#include "base/bytes.h"
#include "base/util.h"

#define PLOT_MARKS_MAX 24U
#define PLOT_LABEL_MAX 128U
#define PLOT_ROWS_MAX  5000U /* of the page's table */
#define PLOT_NEVER     UINT64_MAX

/* Times are CLOCK_BOOTTIME in microseconds; PLOT_NEVER: not yet, or not known. */
typedef struct PlotTime {
        uint64_t seen_usec, extended_usec;
} PlotTime;

typedef struct PlotMark {
        uint64_t usec;
        char label[PLOT_LABEL_MAX]; /* ours: nothing in it has to be escaped */
} PlotMark;

/* A row of the table; text is escaped, and owned. */
typedef struct PlotRow {
        uint64_t position, pcr;
        PlotTime time;
        bool is_extended, is_violation;
        char *template, *name;
} PlotRow;

typedef struct PlotData {
        const PlotTime *times; /* by position */
        size_t n_times;
        uint64_t since_usec, until_usec;
        uint64_t n_before; /* records that were there at the first look, */
        uint64_t look_usec;
        bool has_extended; /* somebody extends whom the service knows */
        size_t n_marks;
        PlotMark mark[PLOT_MARKS_MAX]; /* by time */
        const char *boot_id;           /* escaped, as all of these: */
        const char *headline;          /* where the service stands */
        const PlotRow *rows;
        size_t n_rows;
        uint64_t n_records; /* of which `rows` may be the first */
} PlotData;

int plot_svg(FILE *f, const PlotData *data);
int plot_page(FILE *f, const PlotData *data);
void plot_text(FILE *f, const char *text);
