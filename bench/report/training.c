/* Training runs: where they ended, and the curves of loss and accuracies; runs that differ in their seed
 * alone share a plot. */
#include "curves.h"
#include "report/names.h"
#include "report/report.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool is_kind(const wn_table *table, int row, const char *kind) {
    return strcmp(wn_table_text(table, row, "kind"), kind) == 0;
}

/* "mnist-bn" of a file "mnist-bn-seed2". */
static void group_name(const wn_table *table, char *name, size_t size) {
    snprintf(name, size, "%s", wn_table_name(table));
    char *seed = strstr(name, "-seed");
    if (seed && seed > name && strspn(seed + strlen("-seed"), "0123456789") == strlen(seed + strlen("-seed")))
        *seed = '\0';
}

/* Rows [begin, end) of a table, a run of one seed: `winnow train --seeds` leaves several in a file. */
typedef struct span {
    const wn_table *table;
    int begin, end;
    bool whole; /* all rows of the table */
} span;

/* The run that begins with a row. */
static span run_at(const wn_table *table, int begin) {
    int end = begin + 1;
    while (end < table->rows &&
           strcmp(wn_table_text(table, end, "seed"), wn_table_text(table, begin, "seed")) == 0 &&
           wn_table_number(table, end, "step") >= wn_table_number(table, end - 1, "step"))
        end++;
    return (span){table, begin, end, begin == 0 && end == table->rows};
}

/* Adds the points of a column, from rows of one kind; false: no memory. */
static bool add_points(const span *run, const char *kind, const char *column, wn_curve *curve) {
    bool added = true;
    for (int row = run->begin; row < run->end && added; row++)
        if (is_kind(run->table, row, kind))
            added = wn_curve_add(curve, wn_table_number(run->table, row, "step"),
                                 wn_table_number(run->table, row, column));
    return added;
}

/* What there is of a run; of steps where they were kept, else of epochs. */
static bool fill_curves(const span *run, wn_run_curves *c) {
    bool filled = add_points(run, "step", "loss", &c->loss) && add_points(run, "step", "lr", &c->lr);
    if (filled && !c->loss.count)
        filled = add_points(run, "epoch", "loss", &c->loss) && add_points(run, "epoch", "lr", &c->lr);
    return filled && add_points(run, "epoch", "train_accuracy", &c->train) &&
           add_points(run, "epoch", "test_accuracy", &c->test);
}

/* Up to WN_CURVE_RUNS runs of a group; returns how many. */
static int collect(const wn_report *report, const char *group, wn_run_curves *runs) {
    char name[100];
    int count = 0;
    for (int t = 0; t < report->count; t++) {
        const wn_table *table = &report->tables[t];
        group_name(table, name, sizeof name);
        if (table->kind != WN_TABLE_TRAINING || strcmp(name, group) != 0)
            continue;
        for (span run = {.end = 0}; run.end < table->rows && count < WN_CURVE_RUNS;) {
            run = run_at(table, run.end);
            if (!fill_curves(&run, &runs[count++]))
                return count;
        }
    }
    return count;
}

static void plot_group(const wn_report *report, const char *group, wn_page *page) {
    char *script = NULL, caption[260];
    size_t size = 0;
    wn_run_curves runs[WN_CURVE_RUNS] = {{.loss = {.at = NULL}}};
    FILE *out = open_memstream(&script, &size);
    int count = out ? collect(report, group, runs) : 0;
    bool drawn = wn_curves_write(runs, count, out);
    if (out)
        fclose(out);
    snprintf(caption, sizeof caption,
             "%.120s: loss and learning rate over the steps, accuracy after every epoch%s", group,
             count > 1 ? ", one run after the other by file name and seed" : "");
    if (drawn)
        wn_page_plot(page, group, caption, 800, 440, script);
    free(script);
    for (int r = 0; r < WN_CURVE_RUNS; r++)
        wn_run_curves_free(&runs[r]);
}

/* Its last epoch; -1 where none ended. */
static int last_epoch(const span *run) {
    int last = -1;
    for (int row = run->begin; row < run->end; row++)
        if (is_kind(run->table, row, "epoch"))
            last = row;
    return last;
}

static double best_test(const span *run) {
    double best = (double)NAN;
    for (int row = run->begin; row < run->end; row++)
        best = fmax(best, wn_table_number(run->table, row, "test_accuracy"));
    return best;
}

static void write_run_row(const span *run, wn_page *page) {
    char name[200], loss[32], train[32], test[32], best[32], seconds[32];
    const wn_table *table = run->table;
    int last = last_epoch(run);
    if (last < 0)
        return;
    snprintf(name, sizeof name, "%.120s%s%.40s", wn_table_name(table), run->whole ? "" : ", seed ",
             run->whole ? "" : wn_table_text(table, last, "seed"));
    wn_report_number(loss, sizeof loss, "%.4f", wn_table_number(table, last, "loss"));
    wn_report_number(train, sizeof train, "%.2f %%", 100 * wn_table_number(table, last, "train_accuracy"));
    wn_report_number(test, sizeof test, "%.2f %%", 100 * wn_table_number(table, last, "test_accuracy"));
    wn_report_number(best, sizeof best, "%.2f %%", 100 * best_test(run));
    wn_report_number(seconds, sizeof seconds, "%.1f", wn_table_number(table, last, "seconds_total"));
    wn_page_row(page, (const char *const[]){name, wn_table_text(table, last, "epoch"), loss, train, test,
                                            best, seconds, NULL});
}

void wn_report_training(const wn_report *report, wn_page *page) {
    wn_names groups = {.count = 0};
    char name[100];
    if (!wn_report_has(report, WN_TABLE_TRAINING))
        return;
    wn_page_heading(page, 2, "Training");
    wn_page_table_begin(page, (const char *const[]){"run", "epochs", "loss", "training accuracy",
                                                    "test accuracy", "best test accuracy", "s in all", NULL});
    for (int t = 0; t < report->count; t++)
        if (report->tables[t].kind == WN_TABLE_TRAINING) {
            for (span run = {.end = 0}; run.end < report->tables[t].rows;) {
                run = run_at(&report->tables[t], run.end);
                write_run_row(&run, page);
            }
            group_name(&report->tables[t], name, sizeof name);
            wn_names_place(&groups, name);
        }
    wn_page_table_end(page);
    for (int g = 0; g < groups.count; g++)
        plot_group(report, groups.name[g], page);
}
