/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The picture and its records as one page: no network, nothing but itself.
 */
#include <errno.h>
#include <inttypes.h>

#include "base/error.h"
#include "client/plot.h"

/* Nothing may be loaded, whatever a name in the list pretends to be. */
static const char head[] =
        "<!DOCTYPE html>\n"
        "<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
        "style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:\">\n"
        "<meta name=\"viewport\" content=\"width=device-width\">\n"
        "<link rel=\"icon\" href=\"data:,\">\n"
        "<title>IMA replay</title>\n"
        "<style>\n"
        ":root{color-scheme:light}\n"
        "body{margin:24px auto;padding:0 24px;max-width:1120px;color:#24292f;background:#fff;"
        "font:15px/1.5 system-ui,'DejaVu Sans',sans-serif}\n"
        "h1{font-size:22px;margin:0}\n"
        "p{margin:4px 0 16px}\n"
        "svg{width:100%;height:auto;border:1px solid #d8dee4;border-radius:6px}\n"
        "form{display:flex;flex-wrap:wrap;gap:8px 20px;align-items:center;margin:20px 0 8px}\n"
        "input[type=search]{font:inherit;padding:5px 10px;width:24em;max-width:100%;"
        "border:1px solid #8c959f;border-radius:6px}\n"
        "output{color:#5c636b}\n"
        "table{border-collapse:collapse;width:100%;font-size:13px}\n"
        "th{position:sticky;top:0;background:#f6f8fa;text-align:left;white-space:nowrap}\n"
        "th,td{padding:4px 10px;border-bottom:1px solid #d8dee4}\n"
        ".n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}\n"
        "th:last-child{width:100%}\n"
        "td:last-child{font-family:ui-monospace,'DejaVu Sans Mono',monospace;"
        "overflow-wrap:anywhere}\n"
        ".v td{background:#fff8e6}\n"
        ".small{color:#5c636b;font-size:13px}\n"
        "</style>\n</head>\n<body>\n";

static const char script[] =
        "<script>\n"
        "'use strict';\n"
        "const rows = [...document.querySelectorAll('tbody tr')];\n"
        "const text = rows.map(r => r.textContent.toLowerCase());\n"
        "const word = document.querySelector('input[type=search]');\n"
        "const only = document.querySelector('input[type=checkbox]');\n"
        "const sum = document.querySelector('output');\n"
        "function show() {\n"
        "  const w = word.value.toLowerCase();\n"
        "  let n = 0;\n"
        "  rows.forEach((r, i) => {\n"
        "    const is = text[i].includes(w) && (!only.checked || r.className === 'v');\n"
        "    r.hidden = !is;\n"
        "    n += is;\n"
        "  });\n"
        "  sum.value = n + ' of ' + rows.length + ' records';\n"
        "}\n"
        "word.addEventListener('input', show);\n"
        "only.addEventListener('input', show);\n"
        "document.querySelector('form').addEventListener('submit', e => e.preventDefault());\n"
        "show();\n"
        "</script>\n";

static void put_time(FILE *f, uint64_t usec) {
        if (usec == PLOT_NEVER)
                (void)fputs("<td class=\"n\"></td>", f);
        else
                (void)fprintf(f, "<td class=\"n\">%" PRIu64 ".%03u</td>", usec / 1000000,
                              (unsigned)(usec / 1000 % 1000));
}

static void put_row(FILE *f, const PlotRow *row) {
        const PlotTime *t = &row->time;
        bool has_lag = t->seen_usec != PLOT_NEVER && t->extended_usec != PLOT_NEVER &&
                       t->extended_usec >= t->seen_usec;

        (void)fprintf(f,
                      "<tr%s><td class=\"n\">%" PRIu64 "</td><td class=\"n\">%" PRIu64 "</td><td>",
                      row->is_violation ? " class=\"v\"" : "", row->position, row->pcr);
        plot_text(f, row->template);
        (void)fputs("</td>", f);
        put_time(f, t->seen_usec);
        put_time(f, t->extended_usec);
        if (has_lag)
                (void)fprintf(f, "<td class=\"n\">%.1f</td>",
                              (double)(t->extended_usec - t->seen_usec) / 1000);
        else
                (void)fputs("<td class=\"n\"></td>", f);
        (void)fprintf(f, "<td>%s</td><td>%s</td><td>", row->is_extended ? "✓" : "",
                      row->is_violation ? "!" : "");
        plot_text(f, row->name);
        (void)fputs("</td></tr>\n", f);
}

/**
 * plot_page() - the picture with a table of the records, as a page
 * @f:    where to
 * @data: what is in it
 *
 * Return: 0 or -ENOMEM.
 */
int plot_page(FILE *f, const PlotData *data) {
        int r;

        (void)fputs(head, f);
        (void)fputs("<h1>IMA replay</h1>\n<p>", f);
        plot_text(f, data->headline);
        (void)fputs("<br><span class=\"small\">Boot ", f);
        plot_text(f, data->boot_id);
        (void)fputs("</span></p>\n", f);
        r = plot_svg(f, data);
        if (r < 0)
                return error_trace(r);
        (void)fputs("<form><input type=\"search\" placeholder=\"Filter: name, template, position "
                    "…\" aria-label=\"Filter\">"
                    "<label><input type=\"checkbox\"> violations only</label>"
                    "<output></output></form>\n",
                    f);
        if (data->n_rows < data->n_records)
                (void)fprintf(f,
                              "<p class=\"small\">The first %zu of %" PRIu64
                              " records; 'ima-replayctl list' has them all.</p>\n",
                              data->n_rows, data->n_records);
        (void)fputs("<table><thead><tr><th class=\"n\">Position</th><th class=\"n\">PCR</th>"
                    "<th>Template</th><th class=\"n\">Seen, s</th><th class=\"n\">Extended, s</th>"
                    "<th class=\"n\">Lag, ms</th><th title=\"in the TPM\">TPM</th>"
                    "<th title=\"violation\">!</th><th>Name</th></tr></thead><tbody>\n",
                    f);
        for (size_t i = 0; i < data->n_rows; ++i)
                put_row(f, &data->rows[i]);
        (void)fputs("</tbody></table>\n", f);
        (void)fputs(script, f);
        (void)fputs("</body>\n</html>\n", f);
        return 0;
}
