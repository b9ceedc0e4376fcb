/* Beside a peer: means by network and direction, the ratios of all problems in order, and their table. */
#include "report/names.h"
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
    int run, network; /* among the groups of each kind; -1: no place */
} pair;

/* What the pairs of one group come to; the directions are summed up apart, too. */
typedef struct sums {
    double logs[WN_DIRECTION_COUNT], slowest, theirs, ours;
    int count[WN_DIRECTION_COUNT], as_fast;
} sums;

static int slowest_first(const void *a, const void *b) {
    double x = ((const pair *)a)->ratio, y = ((const pair *)b)->ratio;
    return (x > y) - (x < y);
}

static const char *network_of(const pair *p) {
    const char *network = wn_table_text(p->table, p->row, "network");
    return *network ? network : "problems";
}

static int batch_of(const pair *p) {
    wn_problem problem;
    return wn_failed(wn_problem_parse(wn_table_text(p->table, p->row, "problem"), &problem)) ? 0 : problem.mb;
}

/* "onednn 2.6.3, avx512, 2 threads" and "resnet18 16 avx512 2". */
static void place(pair *p, wn_names *runs, wn_names *networks) {
    char name[160];
    const char *isa = wn_table_text(p->table, p->row, "isa"),
               *threads = wn_table_text(p->table, p->row, "threads");
    snprintf(name, sizeof name, "%.40s, %s, %s threads", wn_table_text(p->table, p->row, "peer"), isa,
             threads);
    p->run = wn_names_place(runs, name);
    snprintf(name, sizeof name, "%.60s %d %s %s", network_of(p), batch_of(p), isa, threads);
    p->network = wn_names_place(networks, name);
}

/* All pairs, the one where we are slowest first; the caller frees them. */
static pair *collect(const wn_report *report, wn_names *runs, wn_names *networks, int *count) {
    int room = 0;
    *count = 0;
    for (int t = 0; t < report->count; t++)
        room += report->tables[t].kind == WN_TABLE_PEER ? report->tables[t].rows : 0;
    pair *pairs = calloc((size_t)room + 1, sizeof *pairs);
    for (int t = 0; pairs && t < report->count; t++) {
        const wn_table *table = &report->tables[t];
        for (int row = 0; table->kind == WN_TABLE_PEER && row < table->rows; row++) {
            double ratio = wn_table_number(table, row, "ratio");
            if (!(ratio > 0))
                continue;
            pairs[*count] = (pair){ratio,
                                   wn_table_number(table, row, "ratio_low"),
                                   wn_table_number(table, row, "ratio_high"),
                                   table,
                                   row,
                                   -1,
                                   -1};
            place(&pairs[(*count)++], runs, networks);
        }
    }
    if (pairs)
        qsort(pairs, (size_t)*count, sizeof *pairs, slowest_first);
    return pairs;
}

static void add(const pair *p, sums *s) {
    wn_direction direction;
    double layers = wn_table_number(p->table, p->row, "layers");
    if (wn_failed(wn_direction_parse(wn_table_text(p->table, p->row, "direction"), &direction)))
        return;
    layers = layers > 0 ? layers : 1;
    s->logs[direction] += log(p->ratio);
    s->slowest = s->slowest > 0 ? fmin(s->slowest, p->ratio) : p->ratio;
    s->as_fast += p->ratio >= 1;
    s->theirs += layers * wn_table_number(p->table, p->row, "peer_seconds");
    s->ours += layers * wn_table_number(p->table, p->row, "seconds");
    s->count[direction]++;
}

static int count_of(const sums *s) {
    int count = 0;
    for (int d = 0; d < WN_DIRECTION_COUNT; d++)
        count += s->count[d];
    return count;
}

/* Of one direction, or of all with WN_DIRECTION_COUNT; NAN without a pair. */
static double mean_of(const sums *s, int direction) {
    double logs = 0;
    int count = 0;
    for (int d = 0; d < WN_DIRECTION_COUNT; d++)
        if (direction == d || direction == WN_DIRECTION_COUNT) {
            logs += s->logs[d];
            count += s->count[d];
        }
    return count ? exp(logs / count) : (double)NAN;
}

/* One row of the table of means. */
static void write_sums(const pair *of, const sums *s, wn_page *page) {
    char text[WN_DIRECTION_COUNT + 1][16], batch[16], count[16], as_fast[16], slowest[16], theirs[24],
        ours[24], ratio[16];
    for (int d = 0; d <= WN_DIRECTION_COUNT; d++)
        wn_report_number(text[d], sizeof *text, "%.3f", mean_of(s, d));
    snprintf(batch, sizeof batch, "%d", batch_of(of));
    snprintf(count, sizeof count, "%d", count_of(s));
    snprintf(as_fast, sizeof as_fast, "%.0f %%", 100.0 * s->as_fast / count_of(s));
    snprintf(slowest, sizeof slowest, "%.2f", s->slowest);
    wn_report_number(theirs, sizeof theirs, "%.1f", 1e3 * s->theirs);
    wn_report_number(ours, sizeof ours, "%.1f", 1e3 * s->ours);
    wn_report_number(ratio, sizeof ratio, "%.2f", s->theirs / s->ours);
    wn_page_row(page,
                (const char *const[]){network_of(of), batch, wn_table_text(of->table, of->row, "isa"),
                                      wn_table_text(of->table, of->row, "threads"), count, text[WN_FWD_B],
                                      text[WN_BWD_D], text[WN_BWD_WB], text[WN_DIRECTION_COUNT], as_fast,
                                      slowest, theirs, ours, ratio, NULL});
}

static int first_of(const pair *pairs, int count, int network) {
    int first = 0;
    while (first + 1 < count && pairs[first].network != network)
        first++;
    return first;
}

/* Means by network, as a table and as bars, and over all that ran alike. */
static void write_means(const pair *pairs, int count, const wn_names *runs, const wn_names *networks,
                        wn_page *page) {
    static sums by_network[WN_NAMES], by_run[WN_NAMES];
    static double ratio[WN_NAMES][WN_NAMES];
    wn_names directions = {.count = 0};
    memset(by_network, 0, sizeof by_network);
    memset(by_run, 0, sizeof by_run);
    for (int i = 0; i < count; i++) {
        if (pairs[i].network >= 0)
            add(&pairs[i], &by_network[pairs[i].network]);
        if (pairs[i].run >= 0)
            add(&pairs[i], &by_run[pairs[i].run]);
    }
    for (int r = 0; r < runs->count; r++)
        wn_page_paragraph(page, "%s: geometric mean %.3f over %d problems, at least as fast on %.0f %%",
                          runs->name[r], mean_of(&by_run[r], WN_DIRECTION_COUNT), count_of(&by_run[r]),
                          100.0 * by_run[r].as_fast / count_of(&by_run[r]));
    wn_page_table_begin(page, (const char *const[]){"network", "batch", "isa", "threads", "problems", "FWD_B",
                                                    "BWD_D", "BWD_WB", "all", "at least as fast", "slowest",
                                                    "its sum ms", "our sum ms", "ratio of the sums", NULL});
    for (int n = 0; n < networks->count; n++)
        write_sums(&pairs[first_of(pairs, count, n)], &by_network[n], page);
    wn_page_table_end(page);
    for (int d = 0; d < WN_DIRECTION_COUNT; d++) {
        wn_names_place(&directions, wn_direction_name((wn_direction)d));
        for (int n = 0; n < networks->count; n++)
            ratio[n][d] = mean_of(&by_network[n], d);
    }
    wn_report_bars(
        page,
        &(wn_bars){
            .name = "peer-means",
            .caption =
                "Geometric means of the ratios by network, batch, ISA and threads; above 1 we are faster",
            .ylabel = "time of the peer / ours",
            .groups = networks,
            .bars = &directions,
            .value = ratio});
}

static void plot(const pair *pairs, int count, wn_page *page) {
    char *script = NULL, name[80], problem[200];
    size_t size = 0;
    FILE *out = open_memstream(&script, &size);
    if (!out)
        return;
    double low = pairs[0].ratio, high = pairs[count - 1].ratio; /* in order */
    fprintf(
        out,
        "set logscale y\nset grid y\nset ylabel 'time of the peer / ours'\nset xlabel 'problems'\nunset key\n"
        "set yrange [%.4g:%.4g]\nset ytics (0.25, 0.5, 0.7, 1, 1.4, 2, 3, 4, 6, 8, 16, 32)\n$d << E\n",
        0.8 * low, 1.25 * high);
    for (int i = 0; i < count; i++) {
        wn_report_quote(name, sizeof name, wn_table_text(pairs[i].table, pairs[i].row, "name"));
        wn_report_quote(problem, sizeof problem, wn_table_text(pairs[i].table, pairs[i].row, "problem"));
        fprintf(out, "%d %.4g %.4g %.4g \"%.3f %s %s %s\"\n", i, pairs[i].ratio, pairs[i].low, pairs[i].high,
                pairs[i].ratio, wn_table_text(pairs[i].table, pairs[i].row, "direction"), name, problem);
    }
    fputs("E\nplot 1 lc rgb '#858585', $d using 1:3:(0):($4-$3) with vectors nohead lt 6, "
          "$d using 1:2:5 with labels hypertext point pt 7 ps 0.5 lt 1",
          out);
    fclose(out);
    wn_page_plot(page, "peer", "Every problem beside the peer, with its interval; above 1 we are faster", 900,
                 420, script);
    free(script);
}

static void write_problems(const pair *pairs, int count, wn_page *page) {
    wn_page_fold_begin(page, "All problems, the one where we are slowest first");
    wn_page_table_begin(page, (const char *const[]){"pass", "isa", "problem", "name", "ratio", "from", "to",
                                                    "ours", "its", NULL});
    for (int i = 0; i < count; i++) {
        char ratio[32], low[32], high[32];
        snprintf(ratio, sizeof ratio, "%.3f", pairs[i].ratio);
        snprintf(low, sizeof low, "%.3f", pairs[i].low);
        snprintf(high, sizeof high, "%.3f", pairs[i].high);
        const wn_table *table = pairs[i].table;
        int row = pairs[i].row;
        wn_page_row(page, (const char *const[]){
                              wn_table_text(table, row, "direction"), wn_table_text(table, row, "isa"),
                              wn_table_text(table, row, "problem"), wn_table_text(table, row, "name"), ratio,
                              low, high, wn_table_text(table, row, "impl"),
                              wn_table_text(table, row, "peer_impl"), NULL});
    }
    wn_page_table_end(page);
    wn_page_fold_end(page);
}

void wn_report_peer(const wn_report *report, wn_page *page) {
    int count;
    wn_names runs = {.count = 0}, networks = {.count = 0};
    pair *pairs = collect(report, &runs, &networks, &count);
    if (pairs && count) {
        wn_page_heading(page, 2, "Convolutions beside %s",
                        wn_table_text(pairs[0].table, pairs[0].row, "peer"));
        write_means(pairs, count, &runs, &networks, page);
        plot(pairs, count, page);
        write_problems(pairs, count, page);
    }
    free(pairs);
}
