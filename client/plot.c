/* SPDX-License-Identifier: BSD-2-Clause */
#include "client/plot.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/error.h"

/* The picture, in pixels. */
#define WIDTH       960
#define LEFT        72
#define RIGHT       28
#define PLOT_WIDTH  (WIDTH - LEFT - RIGHT)
#define PLOT_HEIGHT 300
#define TITLE       78 /* title and legend, above the labels of marks */
#define LABEL_ROW   18
#define LABEL_ROWS  8
#define FOOT        94
/* Of text in 12 pixels; an estimate that is a little too high. */
#define CHARACTER 7
/* Marks that are closer share a line and a label. */
#define CLOSE 8

#define COLUMNS (2 * PLOT_WIDTH)
#define TICKS_X 10U
#define TICKS_Y 6U

#define BROWN "#8f5a14"
#define GREEN "#12804a"
#define SHADE "#f0c36d"
#define GREY  "#5c636b"

typedef struct Canvas {
        FILE *f;
        const PlotData *d;
        uint64_t recorded[COLUMNS + 1], extended[COLUMNS + 1]; /* counts, at the end of a column */
        uint64_t top;                                          /* of the y axis */
        unsigned n_label_rows;
        unsigned label_row[PLOT_MARKS_MAX];
        PlotMark mark[PLOT_MARKS_MAX]; /* those that are shown, of `d` */
        size_t n_marks;
        uint64_t n_later, gap_max;
} Canvas;

/**
 * plot_text() - text as content of XML or HTML
 * @f:    where to
 * @text: escaped against terminals already
 */
void plot_text(FILE *f, const char *text) {
        for (; *text; ++text)
                switch (*text) {
                case '&':
                        (void)fputs("&amp;", f);
                        break;
                case '<':
                        (void)fputs("&lt;", f);
                        break;
                case '>':
                        (void)fputs("&gt;", f);
                        break;
                case '"':
                        (void)fputs("&quot;", f);
                        break;
                case '\'':
                        (void)fputs("&#39;", f);
                        break;
                default:
                        (void)fputc(*text, f);
                }
}

static double column_x(size_t column) {
        return LEFT + (double)column / 2;
}

static double time_x(const Canvas *c, uint64_t usec) {
        const PlotData *d = c->d;

        return LEFT + (double)(usec - d->since_usec) * PLOT_WIDTH /
                              (double)(d->until_usec - d->since_usec);
}

static double plot_top(const Canvas *c) {
        return TITLE + LABEL_ROW * (double)c->n_label_rows;
}

static double count_y(const Canvas *c, uint64_t n) {
        return plot_top(c) + PLOT_HEIGHT - (double)n * PLOT_HEIGHT / (double)c->top;
}

/* The first column at whose end this is over; SIZE_MAX: after the picture. */
static size_t column_of(const PlotData *d, uint64_t usec) {
        uint64_t span = d->until_usec - d->since_usec;

        if (usec == PLOT_NEVER || usec > d->until_usec)
                return SIZE_MAX;
        if (usec <= d->since_usec)
                return 0;
        return (size_t)((double)(usec - d->since_usec) * COLUMNS / (double)span);
}

/* Counts a column, then sums: records need be in no order. */
static void count_columns(Canvas *c) {
        const PlotData *d = c->d;

        for (size_t i = 0; i < d->n_times; ++i) {
                size_t seen = column_of(d, d->times[i].seen_usec);
                size_t extended = column_of(d, d->times[i].extended_usec);

                if (seen <= COLUMNS)
                        ++c->recorded[seen];
                else
                        ++c->n_later;
                if (extended <= COLUMNS)
                        ++c->extended[extended];
        }
        for (size_t i = 1; i <= COLUMNS; ++i) {
                c->recorded[i] += c->recorded[i - 1];
                c->extended[i] += c->extended[i - 1];
        }
        for (size_t i = 0; i <= COLUMNS; ++i)
                if (c->recorded[i] > c->extended[i])
                        c->gap_max = MAX_OF(c->gap_max, c->recorded[i] - c->extended[i]);
}

/* 1, 2 or 5 times a power of ten, so that @n steps reach @span. */
static uint64_t nice_step(uint64_t span, unsigned n) {
        uint64_t step = 1;

        while (step * n < span) {
                if (step * 2 * n >= span)
                        return step * 2;
                if (step * 5 * n >= span)
                        return step * 5;
                step *= 10;
        }
        return step;
}

static void choose_marks(Canvas *c) {
        for (size_t i = 0; i < c->d->n_marks; ++i) {
                const PlotMark *mark = &c->d->mark[i];
                PlotMark *last = c->n_marks > 0 ? &c->mark[c->n_marks - 1] : NULL;

                if (mark->usec < c->d->since_usec || mark->usec > c->d->until_usec)
                        continue;
                if (last && time_x(c, mark->usec) - time_x(c, last->usec) < CLOSE) {
                        size_t n = strlen(last->label);

                        (void)snprintf(last->label + n, sizeof(last->label) - n, ", %s",
                                       mark->label);
                } else {
                        c->mark[c->n_marks++] = *mark;
                }
        }
}

/* Where a label stands: behind its line, or before it at the right edge. */
static void label_box(const Canvas *c, const PlotMark *mark, double *ret_left, double *ret_right) {
        double x = time_x(c, mark->usec), width = CHARACTER * (double)strlen(mark->label);

        *ret_left = x + 4;
        if (*ret_left + width > WIDTH - 4)
                *ret_left = MAX_OF(x - 4 - width, 2.0);
        *ret_right = *ret_left + width;
}

/* Labels in rows, none over another, nor over the line that leads from a label down. */
static void place_labels(Canvas *c) {
        double end[LABEL_ROWS];

        for (unsigned row = 0; row < LABEL_ROWS; ++row)
                end[row] = WIDTH;
        for (size_t i = c->n_marks; i-- > 0;) {
                double left, right;
                unsigned row = 0;

                label_box(c, &c->mark[i], &left, &right);
                while (row + 1 < LABEL_ROWS && right + 4 > end[row])
                        ++row;
                for (unsigned below = 0; below <= row; ++below)
                        end[below] = MIN_OF(left - 8, end[below]);
                c->label_row[i] = row;
                c->n_label_rows = MAX_OF(c->n_label_rows, row + 1);
        }
}

static void print_marks(const Canvas *c) {
        for (size_t i = 0; i < c->n_marks; ++i) {
                const PlotMark *mark = &c->mark[i];
                double x, y, left, right;

                x = time_x(c, mark->usec);
                y = plot_top(c) - 6 - LABEL_ROW * (double)c->label_row[i];
                label_box(c, mark, &left, &right);
                (void)fprintf(c->f,
                              "<path class=\"mark\" d=\"M%.1f %.1fV%.1f\"/>"
                              "<text x=\"%.1f\" y=\"%.1f\">",
                              x, y - 10, plot_top(c) + PLOT_HEIGHT, left, y);
                plot_text(c->f, mark->label);
                (void)fputs("</text>\n", c->f);
        }
}

static void print_axes(const Canvas *c) {
        const PlotData *d = c->d;
        uint64_t step_y = nice_step(c->top, TICKS_Y);
        uint64_t step_x = nice_step(d->until_usec - d->since_usec, TICKS_X);
        double bottom = plot_top(c) + PLOT_HEIGHT;

        for (uint64_t n = 0; n <= c->top; n += step_y)
                (void)fprintf(c->f,
                              "<path class=\"grid\" d=\"M%d %.1fH%d\"/>"
                              "<text class=\"end\" x=\"%d\" y=\"%.1f\">%" PRIu64 "</text>\n",
                              LEFT, count_y(c, n), LEFT + PLOT_WIDTH, LEFT - 8, count_y(c, n) + 4,
                              n);
        for (uint64_t t = (d->since_usec + step_x - 1) / step_x * step_x; t <= d->until_usec;
             t += step_x)
                (void)fprintf(c->f,
                              "<path class=\"tick\" d=\"M%.1f %.1fv5\"/>"
                              "<text class=\"mid\" x=\"%.1f\" y=\"%.1f\">%.*f</text>\n",
                              time_x(c, t), bottom, time_x(c, t), bottom + 19,
                              step_x % 1000000 == 0  ? 0
                              : step_x % 100000 == 0 ? 1
                                                     : 3,
                              (double)t / 1e6);
        (void)fprintf(c->f,
                      "<path class=\"tick\" d=\"M%d %.1fH%d\"/>"
                      "<text class=\"mid\" x=\"%d\" y=\"%.1f\">seconds since boot</text>\n"
                      "<text class=\"mid\" transform=\"translate(16 %.1f) rotate(-90)\">"
                      "records</text>\n",
                      LEFT, bottom, LEFT + PLOT_WIDTH, LEFT + PLOT_WIDTH / 2, bottom + 38,
                      plot_top(c) + PLOT_HEIGHT / 2.0);
}

/* A path is empty where nothing happens. */
static void print_steps(const Canvas *c, const uint64_t counts[static COLUMNS + 1]) {
        (void)fprintf(c->f, "M%.1f %.1f", column_x(0), count_y(c, counts[0]));
        for (size_t i = 1; i <= COLUMNS; ++i)
                if (counts[i] != counts[i - 1])
                        (void)fprintf(c->f, "H%.1fV%.1f", column_x(i), count_y(c, counts[i]));
        (void)fprintf(c->f, "H%.1f", column_x(COLUMNS));
}

static void print_steps_back(const Canvas *c, const uint64_t counts[static COLUMNS + 1]) {
        (void)fprintf(c->f, "V%.1f", count_y(c, counts[COLUMNS]));
        for (size_t i = COLUMNS; i > 0; --i)
                if (counts[i] != counts[i - 1])
                        (void)fprintf(c->f, "H%.1fV%.1f", column_x(i), count_y(c, counts[i - 1]));
        (void)fprintf(c->f, "H%.1fZ", column_x(0));
}

static void print_curves(const Canvas *c) {
        if (c->d->has_extended) {
                (void)fputs("<path class=\"gap\" d=\"", c->f);
                print_steps(c, c->recorded);
                print_steps_back(c, c->extended);
                (void)fputs("\"/>\n", c->f);
        }
        (void)fputs("<path class=\"recorded\" d=\"", c->f);
        print_steps(c, c->recorded);
        (void)fputs("\"/>\n", c->f);
        if (c->d->has_extended) {
                (void)fputs("<path class=\"extended\" d=\"", c->f);
                print_steps(c, c->extended);
                (void)fputs("\"/>\n", c->f);
        }
}

static void print_legend(const Canvas *c) {
        double x = LEFT, y = 58;

        (void)fprintf(c->f,
                      "<path class=\"recorded\" d=\"M%.0f %.0fh26\"/>"
                      "<text x=\"%.0f\" y=\"%.0f\">recorded: %" PRIu64 "</text>\n",
                      x, y - 4, x + 34, y, c->recorded[COLUMNS]);
        if (!c->d->has_extended)
                return;
        x += 210;
        (void)fprintf(c->f,
                      "<path class=\"extended\" d=\"M%.0f %.0fh26\"/>"
                      "<text x=\"%.0f\" y=\"%.0f\">in the TPM: %" PRIu64 "</text>\n",
                      x, y - 4, x + 34, y, c->extended[COLUMNS]);
        x += 220;
        (void)fprintf(c->f,
                      "<rect class=\"gap\" x=\"%.0f\" y=\"%.0f\" width=\"26\" height=\"12\"/>"
                      "<text x=\"%.0f\" y=\"%.0f\">not in the TPM yet: at most %" PRIu64
                      "</text>\n",
                      x, y - 10, x + 34, y, c->gap_max);
}

/* What the picture cannot show, said in it. */
static void print_notes(const Canvas *c) {
        const PlotData *d = c->d;
        double y = plot_top(c) + PLOT_HEIGHT + 62;

        (void)fprintf(c->f,
                      "<text class=\"note\" x=\"%d\" y=\"%.1f\">The kernel keeps no times: the "
                      "%" PRIu64 " records that were there when ima-replayd first looked (%.2f s) "
                      "are one step.</text>\n",
                      LEFT, y, d->n_before, (double)d->look_usec / 1e6);
        if (c->n_later > 0 || !d->has_extended) {
                (void)fprintf(c->f, "<text class=\"note\" x=\"%d\" y=\"%.1f\">", LEFT, y + 17);
                if (c->n_later > 0)
                        (void)fprintf(c->f, "%" PRIu64 " records came later (--until=). ",
                                      c->n_later);
                (void)fprintf(c->f, "%s</text>\n",
                              d->has_extended ? "" : "The kernel extends by itself.");
        }
}

static void print_all(const Canvas *c) {
        double height = plot_top(c) + PLOT_HEIGHT + FOOT;

        (void)fprintf(c->f,
                      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %.0f\" "
                      "width=\"%d\" height=\"%.0f\" role=\"img\">\n",
                      WIDTH, height, WIDTH, height);
        (void)fputs("<title>IMA measurements: recorded and extended</title>\n"
                    "<style>\n"
                    "svg{background:#fff;font:12px system-ui,'DejaVu Sans',sans-serif}\n"
                    "text{fill:#24292f}.head{font-size:17px;font-weight:600}\n"
                    ".note{fill:" GREY "}.end{text-anchor:end}.mid{text-anchor:middle}\n"
                    "path{fill:none}.grid{stroke:#e4e7eb}.tick{stroke:" GREY "}\n"
                    ".mark{stroke:" GREY ";stroke-dasharray:4 3}\n"
                    ".recorded{stroke:" BROWN ";stroke-width:2}\n"
                    ".extended{stroke:" GREEN ";stroke-width:2}\n"
                    "path.gap,rect.gap{fill:" SHADE ";fill-opacity:.45}\n"
                    "</style>\n",
                    c->f);
        (void)fprintf(c->f,
                      "<text class=\"head\" x=\"%d\" y=\"28\">IMA measurements of this boot: "
                      "recorded, and extended into the TPM</text>\n",
                      LEFT);
        print_legend(c);
        print_axes(c);
        print_curves(c);
        print_marks(c);
        print_notes(c);
        (void)fputs("</svg>\n", c->f);
}

/**
 * plot_svg() - draw the picture
 * @f:    where to
 * @data: what is in it; since_usec is before until_usec
 *
 * Return: 0 or -ENOMEM.
 */
int plot_svg(FILE *f, const PlotData *data) {
        _cleanup_free_ Canvas *c = calloc(1, sizeof(*c));
        uint64_t step;

        if (!c)
                return error_origin(-ENOMEM);
        c->f = f;
        c->d = data;
        count_columns(c);
        step = nice_step(MAX_OF(c->recorded[COLUMNS], UINT64_C(1)), TICKS_Y);
        c->top = (c->recorded[COLUMNS] / step + 1) * step;
        choose_marks(c);
        place_labels(c);
        print_all(c);
        return 0;
}
