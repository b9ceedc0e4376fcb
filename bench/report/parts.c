/* Inside the steps: what the passes of every layer spend their time on. */
#include "part_clock.h"
#include "report/report.h"
#include <stdlib.h>
#include <string.h>
#include <winnow/problem.h>

/* Rows [begin, end) of one network in one mode, its totals included. */
static int end_of_network(const wn_table *table, int begin) {
    int row = begin;
    while (row < table->rows && strcmp(wn_table_text(table, row, "label"), "total") != 0)
        row++;
    while (row < table->rows && strcmp(wn_table_text(table, row, "label"), "total") == 0)
        row++;
    return row;
}

/* Milliseconds of the parts of one step, whose rows begin at `row`; returns where they end. */
static int read_parts(const wn_table *table, int row, int end, double parts[WN_PARTS]) {
    const char *step = wn_table_text(table, row, "step");
    for (int part = 0; part < WN_PARTS; part++)
        parts[part] = 0;
    for (; row < end && strcmp(wn_table_text(table, row, "step"), step) == 0; row++)
        for (int part = 0; part < WN_PARTS; part++)
            if (strcmp(wn_table_text(table, row, "part"), wn_part_names[part]) == 0)
                parts[part] = 1e3 * wn_table_number(table, row, "median_seconds");
    return row;
}

/* The data of a plot: a line per layer that has the pass; returns how many. */
static int write_layers(const wn_table *table, int begin, int end, const char *pass, FILE *out) {
    int layers = 0;
    double parts[WN_PARTS];
    char layer[80];
    for (int row = begin, next; row < end; row = next) {
        next = read_parts(table, row, end, parts);
        if (strcmp(wn_table_text(table, row, "pass"), pass) != 0)
            continue;
        wn_report_quote(layer, sizeof layer, wn_table_text(table, row, "layer"));
        fprintf(out, "\"%s\"", layer);
        for (int part = 0; part < WN_PARTS; part++)
            fprintf(out, " %.6g", parts[part]);
        fputc('\n', out);
        layers++;
    }
    return layers;
}

static void plot_pass(const wn_table *table, int begin, int end, const char *pass, wn_page *page) {
    char *script = NULL, name[100], caption[200];
    size_t size = 0;
    FILE *out = open_memstream(&script, &size);
    if (!out)
        return;
    fputs("set style data histograms\nset style histogram rowstacked\nset style fill solid 0.9\n"
          "set boxwidth 0.7\nset ylabel 'ms'\nset grid y\nset yrange [0:*]\nset key outside right top\n"
          "set xtics rotate by -40 font ',10'\n$d << E\n",
          out);
    int layers = write_layers(table, begin, end, pass, out);
    fputs("E\nplot", out);
    for (int part = 0; part < WN_PARTS; part++)
        fprintf(out, "%s $d using %d%s title '%s' lt %d", part ? "," : "", part + 2, part ? "" : ":xtic(1)",
                wn_part_names[part], part + 1);
    fclose(out);
    const char *net = wn_table_text(table, begin, "net"), *mode = wn_table_text(table, begin, "mode");
    snprintf(name, sizeof name, "parts-%s-%s-%s", net, mode, pass);
    snprintf(caption, sizeof caption, "%s, %s, %s: what the time of each layer goes into", net, mode, pass);
    if (layers)
        wn_page_plot(page, name, caption, layers < 12 ? 700 : 1050, 380, script);
    free(script);
}

/* The parts of the whole step. */
static void write_totals(const wn_table *table, int begin, int end, wn_page *page) {
    char ms[32], share[32];
    wn_page_table_begin(page, (const char *const[]){"part", "ms", "of the step", NULL});
    for (int row = begin; row < end; row++) {
        if (strcmp(wn_table_text(table, row, "label"), "total") != 0)
            continue;
        snprintf(ms, sizeof ms, "%.3f", 1e3 * wn_table_number(table, row, "median_seconds"));
        snprintf(share, sizeof share, "%.1f %%", wn_table_number(table, row, "percent_of_step"));
        wn_page_row(page, (const char *const[]){wn_table_text(table, row, "part"), ms, share, NULL});
    }
    wn_page_table_end(page);
}

void wn_report_parts(const wn_report *report, wn_page *page) {
    bool begun = false;
    for (int t = 0; t < report->count; t++) {
        const wn_table *table = &report->tables[t];
        for (int begin = 0, end; table->kind == WN_TABLE_PARTS && begin < table->rows; begin = end) {
            end = end_of_network(table, begin);
            if (!begun)
                wn_page_heading(page, 2, "Inside the steps");
            begun = true;
            wn_page_heading(page, 3, "%s at %s, batch %s, %s", wn_table_text(table, begin, "net"),
                            wn_table_text(table, begin, "size"), wn_table_text(table, begin, "batch"),
                            wn_table_text(table, begin, "mode"));
            write_totals(table, begin, end, page);
            for (int direction = 0; direction < WN_DIRECTION_COUNT; direction++)
                plot_pass(table, begin, end, wn_direction_name((wn_direction)direction), page);
        }
    }
}
