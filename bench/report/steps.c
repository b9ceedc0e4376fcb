/* Whole steps of networks: totals, what they are made of, and their dearest parts. */
#include "report/report.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DEAREST = 12 };

/* The kinds of work a step's time is divided by; the last takes what is left. */
static const char *const kinds[] = {"FWD_B", "BWD_D", "BWD_WB", "batch_norm", "pool", "UPDATE", "other"};
enum { KINDS = sizeof kinds / sizeof *kinds };

static bool is_total(const wn_table *table, int row) {
    return wn_table_text(table, row, "step")[0] == '\0';
}

/* Rows of one step stand together and end with its total; the row after that total. */
static int end_of_step(const wn_table *table, int begin) {
    int row = begin;
    while (row < table->rows && !is_total(table, row))
        row++;
    return row < table->rows ? row + 1 : row;
}

static int kind_of(const wn_table *table, int row) {
    for (int i = 0; i < KINDS - 1; i++)
        if (strstr(wn_table_text(table, row, "label"), kinds[i]) ||
            strstr(wn_table_text(table, row, "kernel"), kinds[i]))
            return i;
    return KINDS - 1;
}

/* PyTorch's milliseconds for the same step, and how many times ours that was when both were timed in turns.
 */
static void beside_pytorch(const wn_report *report, const wn_table *table, int row, char *text, size_t size) {
    static const char *const same[] = {"net", "size", "batch", "mode", "threads", NULL};
    const wn_table *found;
    int at = wn_tables_find(report->tables, report->count, WN_TABLE_PYTORCH, table, row, same, &found);
    text[0] = '\0';
    if (found)
        snprintf(text, size, "%.2f, %.2f times ours", 1e3 * wn_table_number(found, at, "torch_seconds"),
                 wn_table_number(found, at, "ratio"));
}

/* GFLOP/s, with an e where fewer operations were done than are counted. */
static void show_rate(const wn_table *table, int row, char *text, size_t size) {
    const bool effective = strcmp(wn_table_text(table, row, "effective"), "1") == 0;
    snprintf(text, size, "%.1f%s", wn_table_number(table, row, "gflops"), effective ? "e" : "");
}

static void write_total(const wn_report *report, const wn_table *table, int row, wn_page *page) {
    char torch[64], time[32], rate[32], gflops[32], share[32], gbytes[32];
    double seconds = wn_table_number(table, row, "median_seconds");
    snprintf(time, sizeof time, "%.2f", seconds * 1e3);
    snprintf(rate, sizeof rate, "%.1f", wn_table_number(table, row, "batch") / seconds);
    show_rate(table, row, gflops, sizeof gflops);
    snprintf(share, sizeof share, "%.0f %%", wn_table_number(table, row, "percent_of_peak"));
    snprintf(gbytes, sizeof gbytes, "%.1f", wn_table_number(table, row, "gbytes"));
    beside_pytorch(report, table, row, torch, sizeof torch);
    wn_page_row(page,
                (const char *const[]){wn_table_text(table, row, "net"), wn_table_text(table, row, "size"),
                                      wn_table_text(table, row, "batch"), wn_table_text(table, row, "mode"),
                                      time, rate, gflops, share, gbytes, torch, NULL});
}

static void write_totals(const wn_report *report, wn_page *page) {
    wn_page_table_begin(page,
                        (const char *const[]){"network", "input", "batch", "mode", "step ms", "images/s",
                                              "GFLOP/s", "of peak", "GB/s", "PyTorch ms", NULL});
    for (int t = 0; t < report->count; t++)
        for (int row = 0; report->tables[t].kind == WN_TABLE_STEPS && row < report->tables[t].rows; row++)
            if (is_total(&report->tables[t], row))
                write_total(report, &report->tables[t], row, page);
    wn_page_table_end(page);
}

/* One bar per step, divided by kinds of work, in per cent. */
static void write_shares(const wn_table *table, int begin, int end, FILE *out) {
    double share[KINDS] = {0}, total = 0;
    char net[40];
    for (int row = begin; row < end - 1; row++) {
        double seconds = wn_table_number(table, row, "median_seconds");
        if (seconds > 0) {
            share[kind_of(table, row)] += seconds;
            total += seconds;
        }
    }
    wn_report_quote(net, sizeof net, wn_table_text(table, begin, "net"));
    fprintf(out, "\"%s %s %s\"", net, wn_table_text(table, begin, "size"),
            wn_table_text(table, begin, "mode"));
    for (int i = 0; i < KINDS; i++)
        fprintf(out, " %.4g", total > 0 ? 100 * share[i] / total : 0);
    fputc('\n', out);
}

static void plot_shares(const wn_report *report, wn_page *page) {
    char *script = NULL;
    size_t size = 0;
    int bars = 0;
    FILE *out = open_memstream(&script, &size);
    if (!out)
        return;
    fputs("set style data histograms\nset style histogram rowstacked\nset style fill solid 0.9\nset boxwidth "
          "0.7\n"
          "set ylabel 'per cent of the step'\nset yrange [0:100]\nset key outside right top\n"
          "set xtics rotate by -40 font ',10'\n$d << E\n",
          out);
    for (int t = 0; t < report->count; t++) {
        const wn_table *table = &report->tables[t];
        for (int begin = 0, end; table->kind == WN_TABLE_STEPS && begin < table->rows; begin = end, bars++) {
            end = end_of_step(table, begin);
            write_shares(table, begin, end, out);
        }
    }
    fputs("E\nplot", out);
    for (int i = 0; i < KINDS; i++) {
        char name[20];
        wn_report_quote(name, sizeof name, kinds[i]);
        fprintf(out, "%s $d using %d%s title '%s'", i ? "," : "", i + 2, i ? "" : ":xtic(1)", name);
    }
    fclose(out);
    if (bars)
        wn_page_plot(page, "steps", "What the time of a step is made of", bars < 8 ? 700 : 1050, 420, script);
    free(script);
}

typedef struct dear {
    int row;
    double seconds;
} dear;

static int dearest_first(const void *a, const void *b) {
    double x = ((const dear *)a)->seconds, y = ((const dear *)b)->seconds;
    return (x < y) - (x > y);
}

static void write_dearest(const wn_table *table, int begin, int end, wn_page *page) {
    int count = 0;
    dear *order = calloc((size_t)(end - begin) + 1, sizeof *order);
    if (!order)
        return;
    for (int row = begin; row < end - 1; row++)
        order[count++] = (dear){row, wn_table_number(table, row, "median_seconds")};
    qsort(order, (size_t)count, sizeof *order, dearest_first);
    double total = wn_table_number(table, end - 1, "median_seconds");
    wn_page_heading(page, 3, "%s at %s, batch %s, %s: the dearest steps", wn_table_text(table, begin, "net"),
                    wn_table_text(table, begin, "size"), wn_table_text(table, begin, "batch"),
                    wn_table_text(table, begin, "mode"));
    wn_page_table_begin(
        page, (const char *const[]){"step", "ms", "share", "GFLOP/s", "of peak", "GB/s", "kernel", NULL});
    for (int i = 0; i < count && i < DEAREST; i++) {
        char time[32], share[32], gflops[32], peak[32], gbytes[32];
        int row = order[i].row;
        snprintf(time, sizeof time, "%.3f", order[i].seconds * 1e3);
        snprintf(share, sizeof share, "%.1f %%", 100 * order[i].seconds / total);
        show_rate(table, row, gflops, sizeof gflops);
        snprintf(peak, sizeof peak, "%.0f %%", wn_table_number(table, row, "percent_of_peak"));
        snprintf(gbytes, sizeof gbytes, "%.1f", wn_table_number(table, row, "gbytes"));
        wn_page_row(page, (const char *const[]){wn_table_text(table, row, "label"), time, share, gflops, peak,
                                                gbytes, wn_table_text(table, row, "kernel"), NULL});
    }
    wn_page_table_end(page);
    free(order);
}

void wn_report_steps(const wn_report *report, wn_page *page) {
    bool any = false;
    for (int t = 0; t < report->count; t++)
        any |= report->tables[t].kind == WN_TABLE_STEPS && report->tables[t].rows > 0;
    if (!any)
        return;
    wn_page_heading(page, 2, "Networks");
    write_totals(report, page);
    wn_page_paragraph(
        page, "e: effective, counted in operations of the direct method, of which Winograd does fewer; "
              "so its share of the peak may be above 100 %%.");
    plot_shares(report, page);
    for (int t = 0; t < report->count; t++) {
        const wn_table *table = &report->tables[t];
        for (int begin = 0, end; table->kind == WN_TABLE_STEPS && begin < table->rows; begin = end) {
            end = end_of_step(table, begin);
            write_dearest(table, begin, end, page);
        }
    }
}
