/* Beside a peer: the ratios of all problems in order, their means, and the table. */
#include "report/report.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <winnow/problem.h>

/* A problem that both sides ran. */
typedef struct pair {
    double ratio, low, high;
    const wn_table *table;
    int row;
} pair;

static int slowest_first(const void *a, const void *b) {
    double x = ((const pair *)a)->ratio, y = ((const pair *)b)->ratio;
    return (x > y) - (x < y);
}

/* All pairs, the one where we are slowest first; the caller frees them. */
static pair *collect(const wn_report *report, int *count) {
    int room = 0;
    *count = 0;
    for (int t = 0; t < report->count; t++)
        room += report->tables[t].kind == WN_TABLE_PEER ? report->tables[t].rows : 0;
    pair *pairs = calloc((size_t)room + 1, sizeof *pairs);
    for (int t = 0; pairs && t < report->count; t++) {
        const wn_table *table = &report->tables[t];
        for (int row = 0; table->kind == WN_TABLE_PEER && row < table->rows; row++) {
            double ratio = wn_table_number(table, row, "ratio");
            if (ratio > 0)
                pairs[(*count)++] = (pair){ratio, wn_table_number(table, row, "ratio_low"),
                                           wn_table_number(table, row, "ratio_high"), table, row};
        }
    }
    if (pairs)
        qsort(pairs, (size_t)*count, sizeof *pairs, slowest_first);
    return pairs;
}

/* Geometric mean of the ratios in one direction, NULL for all. */
static void write_mean(const pair *pairs, int count, const char *direction, wn_page *page) {
    double logs = 0;
    int used = 0, as_fast = 0;
    for (int i = 0; i < count; i++)
        if (!direction || strcmp(wn_table_text(pairs[i].table, pairs[i].row, "direction"), direction) == 0) {
            logs += log(pairs[i].ratio);
            as_fast += pairs[i].ratio >= 1;
            used++;
        }
    if (used)
        wn_page_paragraph(page, "%s: geometric mean %.3f over %d problems, at least as fast on %.0f %%",
                          direction ? direction : "All", exp(logs / used), used, 100.0 * as_fast / used);
}

static void plot(const pair *pairs, int count, wn_page *page) {
    char *script = NULL, name[80], problem[200];
    size_t size = 0;
    FILE *out = open_memstream(&script, &size);
    if (!out)
        return;
    fputs("set logscale y\nset grid y\nset ylabel 'time of the peer / ours'\nset xlabel 'problems'\nunset "
          "key\n$d << E\n",
          out);
    for (int i = 0; i < count; i++) {
        wn_report_quote(name, sizeof name, wn_table_text(pairs[i].table, pairs[i].row, "name"));
        wn_report_quote(problem, sizeof problem, wn_table_text(pairs[i].table, pairs[i].row, "problem"));
        fprintf(out, "%d %.4g %.4g %.4g \"%.3f %s %s %s\"\n", i, pairs[i].ratio, pairs[i].low, pairs[i].high,
                pairs[i].ratio, wn_table_text(pairs[i].table, pairs[i].row, "direction"), name, problem);
    }
    fputs("E\nplot 1 lc rgb '#858585', $d using 1:2:3:4 with yerrorbars lt 6 pt 0, "
          "$d using 1:2:5 with labels hypertext point pt 7 ps 0.5 lt 1",
          out);
    fclose(out);
    wn_page_plot(page, "peer", "Every problem beside the peer, with its interval; above 1 we are faster", 900,
                 420, script);
    free(script);
}

void wn_report_peer(const wn_report *report, wn_page *page) {
    int count;
    pair *pairs = collect(report, &count);
    if (pairs && count) {
        wn_page_heading(page, 2, "Beside %s", wn_table_text(pairs[0].table, pairs[0].row, "peer"));
        write_mean(pairs, count, NULL, page);
        for (int direction = 0; direction < WN_DIRECTION_COUNT; direction++)
            write_mean(pairs, count, wn_direction_name((wn_direction)direction), page);
        plot(pairs, count, page);
        wn_page_table_begin(page, (const char *const[]){"pass", "problem", "name", "ratio", "from", "to",
                                                        "ours", "its", NULL});
        for (int i = 0; i < count; i++) {
            char ratio[32], low[32], high[32];
            snprintf(ratio, sizeof ratio, "%.3f", pairs[i].ratio);
            snprintf(low, sizeof low, "%.3f", pairs[i].low);
            snprintf(high, sizeof high, "%.3f", pairs[i].high);
            const wn_table *table = pairs[i].table;
            int row = pairs[i].row;
            wn_page_row(page, (const char *const[]){wn_table_text(table, row, "direction"),
                                                    wn_table_text(table, row, "problem"),
                                                    wn_table_text(table, row, "name"), ratio, low, high,
                                                    wn_table_text(table, row, "impl"),
                                                    wn_table_text(table, row, "peer_impl"), NULL});
        }
        wn_page_table_end(page);
    }
    free(pairs);
}
